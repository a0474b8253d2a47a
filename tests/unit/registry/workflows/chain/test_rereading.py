"""Reading the chain anew in the place of what is kept: for a registry whose own reading is broken."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from registry.anchor.history import Paused, StatusChanged, Superseded
from registry.kernel.identifiers import ADDRESS_NONE, BatchId, IssuerCode
from registry.ports import LedgerForeign
from registry.store import Database, open_database
from registry.workflows.chain.follow import HistoryBroken, NodeBehind, follow
from registry.workflows.chain.halt import halting, lift
from registry.workflows.chain.reread import RecordsDiffer, reread
from tests.unit.registry.store.filled import KEYS, TRUST_ROOT
from tests.unit.registry.workflows.chain.test_following import Node, known, node, read
from tests.unit.registry.workflows.sending_stage import Sending

__all__ = ["node"]
ISSUER, BATCH = IssuerCode("GSAI"), BatchId(b"\x07" * 32)


SUPERSEDED = Superseded(
    issuer=ISSUER,
    batch=BATCH,
    approver=ADDRESS_NONE,
    indices=(1,),
    target_contract=TRUST_ROOT.contract.address,
    target_issuer=ISSUER,
    new_batch=BatchId(b"\x08" * 32),
    new_indices=(2,),
    reason=5,
)


def suspended(code: int) -> StatusChanged:
    return StatusChanged(issuer=ISSUER, batch=BATCH, approver=ADDRESS_NONE, code=code, changes=(1,), count=1, reason=35)


@pytest.fixture
def blank(empty_database: Path, tmp_path: Path) -> Iterator[Database]:
    folder = tmp_path / "blank"
    folder.mkdir()
    with closing(open_database(Path(shutil.copy(empty_database, folder / "registry.db")), KEYS)) as store:
        yield store


def anew(stage: Sending, blank: Database, node: Node, *, drop: bool = False):
    return reread(stage.store, blank, node, stage.clock, person="operator-1", drop=drop)


def journal(stage: Sending) -> list[tuple[str, str, dict[str, object]]]:
    with stage.store.read() as unit:
        return [(one.action, one.person, dict(one.detail)) for one in unit.journal.entries()]


def untouched(stage: Sending) -> list[tuple[str, str]]:
    """Name every row with a broken seal, and every rule that is not as it was made."""
    with stage.store.read() as unit:
        return list(unit.unsealed_rows())


def halted(stage: Sending, node: Node) -> str:
    """Follow on into the alarm; gives its name."""
    with pytest.raises(HistoryBroken):
        read(stage, node)
    with stage.store.read() as unit:
        (alarm,) = unit.alarms.open()
    return alarm.id


def test_records_that_were_missed_are_added_and_the_alarm_can_be_lifted(stage, node, blank):
    """The head lies behind records that were never kept: nothing that is read on fits."""
    whole = list(node.kept)
    del node.kept[2]
    follow(stage.store, node, stage.clock)
    node.kept = whole
    node.tell(Paused(until=4_000_000_000), by="b")
    name = halted(stage, node)
    with pytest.raises(HistoryBroken):
        lift(stage.store, stage.clock, node, [name], person="operator-1", reason="all nodes are right")

    came = anew(stage, blank, node)

    assert (came.same, came.added, came.dropped, came.difference) == (2, 2, 0, None)
    assert known(stage) == (4, 4)
    told = {"block": 4, "same": 2, "added": 2, "dropped": 0}
    (entry,) = [one for one in journal(stage) if one[0] == "chain.reread"]
    assert entry[1] == "operator-1"
    assert told.items() <= entry[2].items()
    assert untouched(stage) == []
    lift(stage.store, stage.clock, node, [name], person="operator-1", reason="read anew")
    with stage.store.read() as unit:
        unit.alarms.require_none()


def test_a_head_below_its_records_goes_where_it_belongs(stage, node, blank):
    """As a registry that followed a node that was behind was left: all records, and a head from before them."""
    head = follow(stage.store, node, stage.clock)
    lower = replace(head, block=node.block(1))
    with stage.store.write() as unit:
        unit.projection.replace(lower, [], after=3)
    halted(stage, node)
    came = anew(stage, blank, node)
    assert (came.before.number, came.block.number) == (1, 3)
    assert (came.same, came.added, came.dropped) == (3, 0, 0)
    assert known(stage) == (3, 3)
    read(stage, node)


def test_what_the_chain_does_not_show_is_dropped_only_when_a_person_says_so(stage, node, blank):
    node.tell(suspended(2), by="lie")
    follow(stage.store, node, stage.clock)
    lie = node.kept[3]
    node.kept[3] = replace(lie, content=suspended(3))
    node.tell(suspended(2), by="b")
    with pytest.raises(RecordsDiffer) as caught:
        anew(stage, blank, node)
    assert caught.value.dropped == 1
    assert "record 3 (StatusChanged, block 4" in caught.value.kept
    assert known(stage) == (4, 4)
    assert not [one for one in journal(stage) if one[0] == "chain.reread"]

    came = anew(stage, blank, node, drop=True)

    assert (came.same, came.added, came.dropped) == (3, 2, 1)
    assert known(stage) == (5, 5)
    with stage.store.read() as unit:
        assert list(unit.projection.records()) == node.kept
        assert unit.projection.concerning(ISSUER, BATCH, 1) == tuple(node.kept[3:])
    assert untouched(stage) == []


def test_nothing_hangs_on_what_is_dropped_and_the_rules_against_it_are_back(stage, node, blank, tmp_path):
    node.tell(SUPERSEDED, by="lie")
    node.tell(suspended(2), by="lie too")
    follow(stage.store, node, stage.clock)
    tables = ("chain_successor", "chain_word", "chain_record")
    with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
        assert all(database.execute(f"SELECT count(*) FROM {table}").fetchone() > (0,) for table in tables)
    del node.kept[3:]
    anew(stage, blank, node, drop=True)
    with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
        counts = [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
        assert counts == [0, 0, 3]
        for table in tables:
            rule = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (f"{table}_not_deleted",))
            assert "BEFORE DELETE" in rule.fetchone()[0]
        with pytest.raises(sqlite3.IntegrityError, match="is ever deleted"):
            database.execute("DELETE FROM chain_record")
    assert untouched(stage) == []


def test_another_block_where_it_had_been_read_is_a_difference_too(stage, node, blank):
    head = follow(stage.store, node, stage.clock)
    other = replace(head, block=replace(head.block, hash=node.block(1).hash))
    with stage.store.write() as unit:
        unit.projection.replace(other, [], after=3)
    with pytest.raises(RecordsDiffer, match="block 3 "):
        anew(stage, blank, node)
    assert anew(stage, blank, node, drop=True).dropped == 0
    read(stage, node)


def test_a_node_that_is_behind_now_is_no_ground_to_drop_anything(stage, node, blank):
    follow(stage.store, node, stage.clock)
    node.number = 2
    with pytest.raises(NodeBehind):
        anew(stage, blank, node, drop=True)
    assert known(stage) == (3, 3)


def test_another_chain_is_not_read_in_its_place(stage, node, blank):
    follow(stage.store, node, stage.clock)
    node.trust_root = replace(TRUST_ROOT, engine=TRUST_ROOT.engine, genesis=node.block(1).hash)
    with pytest.raises(LedgerForeign):
        anew(stage, blank, node, drop=True)
    assert known(stage) == (3, 3)


def test_what_another_follower_keeps_meanwhile_is_not_lost(stage, node, blank):
    """The chain is read on to where that one came, and compared once more."""
    follow(stage.store, node, stage.clock)
    store, late = stage.store, [True]

    class Racing:
        def read(self, **how):
            return store.read(**how)

        def write(self):
            if late.pop() if late else False:
                node.tell(Paused(until=4_000_000_000), by="b")
                with halting(store, stage.clock):
                    follow(store, node, stage.clock)
            return store.write()

    came = reread(Racing(), blank, node, stage.clock, person="operator-1")
    assert (came.block.number, came.same, came.added, came.dropped) == (4, 4, 0, 0)
    assert known(stage) == (4, 4)


def spoilt(path: Path, change: str) -> None:
    """Edit the records past the registry, with the rules against it as they were afterwards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        rules = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            database.execute(f"DROP TRIGGER {name}")
        assert database.execute(f"UPDATE chain_record SET {change}").rowcount > 0
        for _, rule in rules:
            database.execute(rule)


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ("content = '{}' WHERE seq = 1", [1]),
        ("content = 'no JSON', op = 99 WHERE seq IN (0, 2)", [0, 2]),
        ("by = CAST(x'ff' AS TEXT) WHERE seq = 1", [1]),
        ("seal = x'00'", [0, 1, 2, 3]),
        ("seq = -1 WHERE seq = 2", [-1]),
        ("seq = 99 WHERE seq = 3", [99]),
    ],
)
def test_rows_that_cannot_be_read_are_written_anew_once_a_person_says_so(stage, node, blank, tmp_path, change, places):
    node.tell(SUPERSEDED, by="a")
    follow(stage.store, node, stage.clock)
    spoilt(tmp_path / "registry.db", change)
    broken = [("chain_record", str(one)) for one in places]
    assert untouched(stage) == broken
    with pytest.raises(RecordsDiffer):
        anew(stage, blank, node)
    assert untouched(stage) == broken
    assert not [one for one in journal(stage) if one[0] == "chain.reread"]

    came = anew(stage, blank, node, drop=True)

    assert (came.unreadable, came.same + came.added) == (len(places), 4)
    assert untouched(stage) == []
    assert known(stage) == (4, 4)
    with stage.store.read() as unit:
        assert list(unit.projection.records()) == node.kept
        assert unit.projection.successors(ISSUER, SUPERSEDED.new_batch) == {2}
    (entry,) = [one for one in journal(stage) if one[0] == "chain.reread"]
    assert (entry[2]["unreadable"], entry[2]["dropped"]) == (came.unreadable, came.dropped)
    read(stage, node)


def test_what_can_be_read_behind_one_that_cannot_is_compared_all_the_same(stage, node, blank, tmp_path):
    node.tell(suspended(2), by="lie")
    follow(stage.store, node, stage.clock)
    spoilt(tmp_path / "registry.db", "content = '{}' WHERE seq = 1")
    with pytest.raises(RecordsDiffer) as caught:
        anew(stage, blank, node)
    assert (caught.value.dropped, caught.value.kept) == (1, "record 1 (unreadable)")
    assert caught.value.shown.startswith("record 1 (Paused, block 2, ")


def test_a_difference_behind_one_that_cannot_be_read_is_the_one_that_is_told(stage, node, blank, tmp_path):
    node.tell(suspended(2), by="lie")
    follow(stage.store, node, stage.clock)
    spoilt(tmp_path / "registry.db", "content = '{}' WHERE seq = 1")
    node.kept[3] = replace(node.kept[3], content=suspended(3))

    came = anew(stage, blank, node, drop=True)

    assert "record 3 (StatusChanged, block 4" in came.difference[0]
    assert (came.same, came.after, came.added, came.dropped, came.unreadable) == (2, 1, 2, 2, 1)
    with stage.store.read() as unit:
        assert list(unit.projection.records()) == node.kept
    assert untouched(stage) == []
