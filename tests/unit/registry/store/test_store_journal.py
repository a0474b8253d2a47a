import json
import sqlite3
from datetime import timedelta

import pytest

from registry.kernel.encoding import b64url
from registry.store.journal import entry_hash
from registry.store.sealing import SealBroken
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import NOW


def write(store, count: int) -> None:
    with store.write() as unit:
        for number in range(count):
            unit.journal.write(
                at=NOW + timedelta(seconds=number), person="alice", action="test", subject=f"第{number}", rows=number
            )


def broken(store) -> list[int]:
    with store.read() as unit:
        return list(unit.journal.broken_entries())


def test_entries_come_back_as_they_were_written_each_bound_to_the_one_before(empty):
    assert broken(empty) == []
    write(empty, 3)
    with empty.read() as unit:
        entries = list(unit.journal.entries())
        assert unit.journal.size() == 3
    assert [(one.seq, one.subject, one.detail) for one in entries] == [
        (0, "第0", {"rows": 0}),
        (1, "第1", {"rows": 1}),
        (2, "第2", {"rows": 2}),
    ]
    assert entries[0].previous == bytes(32)
    assert [one.previous for one in entries[1:]] == [one.hash for one in entries[:-1]]
    assert entries[1].at == NOW + timedelta(seconds=1)
    assert broken(empty) == []


def test_the_hash_of_an_entry_can_be_computed_without_us():
    import hashlib

    body = json.dumps(
        {
            "action": "batch.approve",
            "at": "1795249815123456",
            "detail": '{"root":"00"}',
            "person": "dave",
            "previous": b64url(bytes(range(32))),
            "seq": 6,
            "subject": "B-2026-11-0001",
        },
        separators=(",", ":"),
        sort_keys=True,
    ).encode()
    assert (
        entry_hash(
            bytes(range(32)),
            seq=6,
            at=1795249815123456,
            person="dave",
            action="batch.approve",
            subject="B-2026-11-0001",
            detail='{"root":"00"}',
        )
        == hashlib.sha256(b"vermilion/journal/1\0" + bytes(range(32)) + body).digest()
    )


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        ("UPDATE journal SET person = 'mallory' WHERE seq = 2", [2]),
        ("UPDATE journal SET at = at + 1 WHERE seq = 0", [0]),
        ("UPDATE journal SET detail = '{}' WHERE seq = 4", [4]),
        ("UPDATE journal SET detail = 'not json' WHERE seq = 1", [1]),
        ("UPDATE journal SET subject = CAST(x'ff' AS TEXT) WHERE seq = 1", [1]),
        ("UPDATE journal SET hash = randomblob(32) WHERE seq = 2", [2, 3]),
        ("UPDATE journal SET previous = zeroblob(32) WHERE seq = 2", [2]),
        ("DELETE FROM journal WHERE seq = 0", [1]),
        ("DELETE FROM journal WHERE seq = 2", [3]),
        ("DELETE FROM journal WHERE seq = 4", [4]),
        ("DELETE FROM journal WHERE seq >= 3", [3]),
        ("DELETE FROM journal", [0]),
        (
            "INSERT INTO journal"
            " SELECT 5, at, person, action, subject, detail, hash, hash, seal FROM journal WHERE seq = 4",
            [5, 6],
        ),
        ("UPDATE journal SET seq = 100 - seq; UPDATE journal SET seq = seq - 96", [0, 1, 2, 3, 4, 5]),
        ("UPDATE journal_head SET seq = 3", [5]),
        ("DELETE FROM journal_head", [5]),
    ],
)
def test_edits_removals_and_insertions_are_found(empty, tmp_path, attack, found):
    write(empty, 5)
    with attacked(tmp_path / "new.db") as connection:
        connection.executescript(attack)
    assert broken(empty) == found


def rewritten(connection: sqlite3.Connection, first: int) -> None:
    """Write all hashes anew from an entry on, as everybody can who has the file."""
    columns = "seq, at, person, action, subject, detail"
    rows = connection.execute(f"SELECT {columns} FROM journal WHERE seq >= ? ORDER BY seq", (first,)).fetchall()
    (previous,) = connection.execute("SELECT hash FROM journal WHERE seq = ?", (first - 1,)).fetchone()
    for row in rows:
        values = dict(zip(columns.split(", "), row, strict=True))
        bound = entry_hash(previous, **values)
        connection.execute("UPDATE journal SET previous = ?, hash = ? WHERE seq = ?", (previous, bound, row[0]))
        previous = bound
    connection.execute("UPDATE journal_head SET seq = (SELECT max(seq) FROM journal), hash = ?", (previous,))


def test_a_journal_written_anew_is_a_chain_again_and_its_seals_tell(empty, tmp_path):
    write(empty, 5)
    with attacked(tmp_path / "new.db") as connection:
        connection.execute("UPDATE journal SET person = 'mallory' WHERE seq = 3")
        rewritten(connection, 3)
    assert broken(empty) == []
    with empty.read() as unit:
        rows = {(table, row) for table, row in unit.unsealed_rows() if table != "schema"}
        assert rows == {("journal", "3"), ("journal", "4"), ("journal_head", "1")}
        with pytest.raises(SealBroken):
            list(unit.journal.entries())


@pytest.mark.parametrize(
    "attack", ["DELETE FROM journal WHERE seq = 4", "DELETE FROM journal_head", "DELETE FROM journal"]
)
def test_nothing_is_added_to_a_journal_that_was_cut_short(empty, tmp_path, attack):
    write(empty, 5)
    with attacked(tmp_path / "new.db") as connection:
        connection.execute(attack)
    with pytest.raises(SealBroken):
        write(empty, 1)
