"""Two writers, readers beside a writer, power cuts, full disks: nothing acknowledged is lost, nothing is half done."""

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from registry.anchor.states import AnchorState
from registry.ports.storage import Roster
from registry.status import Reason, Status
from registry.store import open_database
from registry.store.database import StoreBusy, StoreDamaged, StoreUnavailable, StoreUnsafe
from registry.store.sessions import StateMoved
from registry.store.turns import Turns
from registry.workflows.status.ask_changes import request_changes
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import KEYS, NOW, SettableClock, digest_of, transaction

ROOT = Path(__file__).parents[4]


def roster_of(serial: int, rows: int = 0) -> Roster:
    return Roster(
        id=f"R-2026-11-{serial:04d}",
        programme="P",
        programme_version="2026.1",
        programme_digest=digest_of("p"),
        file_digest=digest_of(f"roster {serial}"),
        rows=rows,
        imported_by="alice",
        imported_at=NOW,
    )


def add(unit, serial: int) -> None:
    unit.enrolments.add_roster(roster_of(serial), [])
    unit.journal.write(at=NOW, person="alice", action="enrol.import", subject=f"R-2026-11-{serial:04d}")


def names(store) -> list[str]:
    with store.read() as unit:
        return [one.id for one in unit.enrolments.rosters()]


# — one transaction —


class Unlucky(RuntimeError):
    pass


def test_a_unit_that_raises_leaves_nothing(empty):
    seen = []

    def work() -> None:
        with empty.write() as unit:
            add(unit, 1)
            seen.extend(one.id for one in unit.enrolments.rosters())
            raise Unlucky

    with pytest.raises(Unlucky):
        work()
    assert seen == ["R-2026-11-0001"]
    assert names(empty) == []
    with empty.read() as unit:
        assert unit.journal.size() == 0
    with empty.write() as unit:
        add(unit, 2)
    assert names(empty) == ["R-2026-11-0002"]


def test_an_error_of_the_caller_stays_what_it_was(empty):
    with pytest.raises(FileNotFoundError), empty.write():
        Path("/nowhere/at/all").read_bytes()


def test_a_reading_unit_cannot_write(empty):
    with pytest.raises(StoreUnavailable, match="readonly"), empty.read() as unit:
        add(unit, 1)
    assert names(empty) == []


def test_a_reading_unit_sees_one_state_while_others_write(empty):
    with empty.write() as unit:
        add(unit, 1)
    with empty.read() as before:
        assert before.journal.size() == 1
        with empty.write() as unit:
            add(unit, 2)
            assert before.journal.size() == 1
        assert before.journal.size() == 1
        assert [one.id for one in before.enrolments.rosters()] == ["R-2026-11-0001"]
    assert len(names(empty)) == 2


# — two writers —


def test_a_second_writer_waits_for_its_turn_and_then_sees_what_the_first_did(empty):
    begun, events = threading.Event(), []

    def second() -> None:
        begun.wait()
        with empty.write() as unit:
            events.append(("second sees", [one.id for one in unit.enrolments.rosters()]))

    thread = threading.Thread(target=second)
    thread.start()
    with empty.write() as unit:
        begun.set()
        time.sleep(0.1)
        add(unit, 1)
        events.append(("first is done", []))
    thread.join()
    assert events == [("first is done", []), ("second sees", ["R-2026-11-0001"])]


@pytest.mark.parametrize("held_by", ["another unit", "another process's turn", "another program"])
def test_a_writer_that_waits_too_long_gives_up_and_has_written_nothing(opened, tmp_path, held_by):
    path = tmp_path / "registry.db"
    first, second = opened(path, create=True), opened(path, busy_seconds=0.1)
    started = time.monotonic()
    match held_by:
        case "another unit":
            holder = first.write()
        case "another process's turn":
            holder = Turns(path.with_name("registry.db-turn")).turn(1)
        case _:
            foreign = sqlite3.connect(path, isolation_level=None)
            foreign.execute("BEGIN IMMEDIATE")
            holder = closing(foreign)
    with holder:
        with pytest.raises(StoreBusy) as caught, second.write() as unit:
            add(unit, 1)
        assert names(second) == []  # readers are not held up
    assert caught.value.code == "store/busy"
    assert time.monotonic() - started < 5
    with second.write() as unit:
        add(unit, 1)
    assert names(first) == ["R-2026-11-0001"]


def test_of_two_who_take_the_same_step_one_wins(opened, database_file, contents):
    one, other = opened(database_file), opened(database_file)
    (seen,) = request_changes(
        one, SettableClock(), [contents.number], Status.SUSPENDED, Reason.INVESTIGATION, person="alice"
    ).requests
    barrier, winners, losers = threading.Barrier(8), [], []

    def take(store, number: int) -> None:
        barrier.wait()
        try:
            with store.write() as unit:
                unit.status_requests.move(seen.id, seen.state, seen.state.CANCELLED, failure=f"by {number}")
            winners.append(number)
        except StateMoved as error:
            losers.append((error.code, error.table, error.row))

    threads = [threading.Thread(target=take, args=((one, other)[number % 2], number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = winners
    assert losers == [("store/state-moved", "status_request", seen.id)] * 7
    with one.read() as unit:
        assert unit.status_requests.request(seen.id).failure == f"by {winner}"


def test_the_loser_of_a_step_keeps_no_transaction_either(store, contents):
    with pytest.raises(StateMoved), store.write() as unit:
        unit.batches.sign(contents.batch, transaction("again", nonce=7), NOW)
    with store.read() as unit:
        assert unit.outbox.next_nonce(transaction("again").sender) == 2
        assert unit.batches.batch(contents.batch).state is AnchorState.FINAL


def test_many_threads_write_and_every_journal_entry_follows_the_last(empty):
    def work(first: int) -> None:
        for serial in range(first, first + 10):
            with empty.write() as unit:
                add(unit, serial)

    threads = [threading.Thread(target=work, args=(10 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names(empty)) == [f"R-2026-11-{serial:04d}" for serial in range(60)]
    with empty.read() as unit:
        assert unit.journal.size() == 60
        assert list(unit.journal.broken_entries()) == []


# — readers beside a writer —


def test_readers_are_neither_held_up_nor_shown_anything_half_done(empty):
    """A unit writes a roster and its journal entry: whoever sees one of them sees the other."""
    stop, troubles, seen = threading.Event(), [], []

    def look() -> None:
        last = 0
        while not stop.is_set():
            started = time.monotonic()
            with empty.read() as unit:
                entries = unit.journal.size()
                rosters = len(unit.enrolments.rosters())
            if not entries == rosters >= last:
                troubles.append((entries, rosters, last))
            last = rosters
            seen.append(time.monotonic() - started)

    readers = [threading.Thread(target=look) for _ in range(10)]  # more than connections are kept
    for reader in readers:
        reader.start()
    for serial in range(30):
        with empty.write() as unit:
            add(unit, serial)
    stop.set()
    for reader in readers:
        reader.join()
    assert troubles == []
    assert len(seen) > 30


def test_a_reader_is_answered_while_a_writer_holds_its_turn(empty):
    with empty.write() as unit:
        add(unit, 1)
        started = time.monotonic()
        assert names(empty) == []
        assert time.monotonic() - started < 1


# — killed in the middle —

_CHILD = """
import sys, time
from pathlib import Path
from registry.store import open_database
from tests.unit.registry.store.filled import KEYS
from tests.unit.registry.store.test_store_faults import add

store = open_database(Path(sys.argv[1]), KEYS)
mode, serial = sys.argv[2], int(sys.argv[3])
def say(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()
while True:
    with store.write() as unit:
        add(unit, serial)
        if mode == "linger":
            say("inside")
            time.sleep(60)
        if mode == "too-early":
            say(str(serial))
            time.sleep(60)
    say(str(serial))
    serial += 1
"""


def started(path: Path, mode: str, serial: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(path), mode, str(serial)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(child: "subprocess.Popen[str]", *, after_lines: int, then_seconds: float) -> list[str]:
    """Let a child say some lines and work a little longer, kill it, and give all that it said."""
    lines = []
    for _ in range(after_lines):
        assert child.stdout is not None
        assert select.select([child.stdout], [], [], 30)[0], "the child says nothing"
        lines.append(child.stdout.readline())
    time.sleep(then_seconds)
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate(timeout=30)
    assert child.returncode == -signal.SIGKILL
    return [line for line in "".join([*lines, rest]).split("\n")[:-1] if line]


def missing(store, acknowledged: list[str]) -> list[str]:
    """Tell which acknowledged rosters are not there; assert that nothing is there by half."""
    kept = names(store)
    with store.read() as unit:
        assert [entry.subject for entry in unit.journal.entries()] == kept
        assert list(unit.journal.broken_entries()) == []
        assert list(unit.unsealed_rows()) == []
    return [serial for serial in acknowledged if f"R-2026-11-{int(serial):04d}" not in kept]


def test_a_process_killed_while_it_writes_loses_nothing_that_it_acknowledged(opened, tmp_path):
    path, chance = tmp_path / "registry.db", random.Random(20268)
    store = opened(path, create=True)
    acknowledged: list[str] = []
    for _ in range(3):
        serial = len(names(store))
        acknowledged += killed(started(path, "work", serial), after_lines=5, then_seconds=chance.uniform(0, 0.05))
        assert missing(store, acknowledged) == []
    assert len(acknowledged) >= 15
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_process_killed_inside_a_transaction_leaves_nothing_of_it_and_its_turn_is_free(opened, tmp_path):
    path = tmp_path / "registry.db"
    store = opened(path, create=True, busy_seconds=2)
    child = started(path, "linger", 1)
    assert child.stdout is not None
    assert child.stdout.readline() == "inside\n"
    with pytest.raises(StoreBusy), store.write():
        pass
    assert killed(child, after_lines=0, then_seconds=0) == []
    assert missing(store, []) == []
    assert names(store) == []
    with store.write() as unit:
        add(unit, 1)


def test_a_process_that_acknowledges_too_early_is_caught(opened, tmp_path):
    path = tmp_path / "registry.db"
    store = opened(path, create=True)
    acknowledged = killed(started(path, "too-early", 7), after_lines=1, then_seconds=0)
    assert missing(store, acknowledged) == ["7"]


# — what the machine cannot give —


def test_a_full_disk_is_told_and_leaves_nothing_half(opened, tmp_path):
    path = tmp_path / "registry.db"
    store = opened(path, create=True)
    with store.write() as unit:
        add(unit, 1)
        pages = unit.journal._session.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        unit.journal._session.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

    def write_on() -> None:
        for serial in range(2, 5000):
            with store.write() as unit:
                add(unit, serial)

    with pytest.raises(StoreUnavailable, match="full") as caught:
        write_on()
    assert caught.value.code == "store/unavailable"
    kept = names(store)
    assert missing(store, [str(serial) for serial in range(1, len(kept) + 1)]) == []
    with store.write() as unit:
        unit.journal._session.connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        add(unit, 6000)
    assert names(store) == [*kept, "R-2026-11-6000"]


def test_a_folder_that_cannot_be_written_is_told(opened, tmp_path, monkeypatch):
    store = opened(tmp_path / "registry.db", create=True)

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("registry.store.turns.os.open", refuse)
    with pytest.raises(StoreUnavailable, match="Permission denied"), store.write():
        pass
    assert names(store) == []


def test_a_damaged_file_is_told(opened, database_file):
    size = database_file.stat().st_size
    with database_file.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(StoreDamaged) as caught:
        names(opened(database_file))
    assert caught.value.code == "store/damaged"


def test_text_that_is_not_utf_8_is_told_as_damage(store, database_file):
    with attacked(database_file) as connection:
        connection.execute("UPDATE roster SET programme = CAST(x'ff' AS TEXT)")
    with pytest.raises(StoreDamaged):
        names(store)


def test_a_database_that_does_not_keep_what_it_acknowledges_is_not_opened(tmp_path, monkeypatch):
    open_database(tmp_path / "registry.db", KEYS, create=True).close()
    monkeypatch.setattr("registry.store.database._PRAGMAS", ("synchronous = NORMAL",))
    with pytest.raises(StoreUnsafe) as caught:
        open_database(tmp_path / "registry.db", KEYS)
    assert (caught.value.code, caught.value.setting, caught.value.found) == ("store/unsafe", "synchronous", "1")


def test_a_copy_taken_after_settling_is_whole(store, database_file, opened, contents):
    with store.write() as unit:
        add(unit, 900)
    store.settle()
    assert not database_file.with_name(database_file.name + "-wal").read_bytes()
    copy = database_file.with_name("copy.db")
    copy.write_bytes(database_file.read_bytes())
    assert "R-2026-11-0900" in names(opened(copy))


def test_settling_waits_for_readers_no_longer_than_it_may(opened, database_file):
    store = opened(database_file, busy_seconds=0.1)
    with store.write() as unit:
        add(unit, 900)
    with store.read() as unit:
        unit.journal.size()
        with store.write() as other:
            add(other, 901)
        with pytest.raises(StoreBusy):
            store.settle()
    store.settle()


def write_and_fail(unit) -> None:
    unit.journal.write(at=NOW, person="alice", action="test", subject="undone")
    raise Unlucky


def test_a_writer_at_once_waits_for_nobody_and_the_next_one_waits_again(tmp_path):
    path = tmp_path / "registry.db"
    store, other = open_database(path, KEYS, create=True, busy_seconds=20), open_database(path, KEYS)
    with other.write(), store.write_at_once() as unit:
        assert unit is None
    foreign = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    foreign.execute("BEGIN IMMEDIATE")
    with store.write_at_once() as unit:
        assert unit is None
    release = threading.Timer(0.2, lambda: foreign.execute("ROLLBACK"))
    release.start()
    with store.write() as unit:
        unit.journal.write(at=NOW, person="alice", action="test", subject="waited")
    release.join()
    foreign.close()
    with store.write_at_once() as unit:
        assert unit is not None
        unit.journal.write(at=NOW, person="alice", action="test", subject="at once")
    with pytest.raises(Unlucky), store.write_at_once() as unit:
        write_and_fail(unit)
    with store.read() as unit:
        assert [one.subject for one in unit.journal.entries()] == ["waited", "at once"]
    other.close()
    store.close()


def test_a_writer_waits_for_its_turn_and_for_the_file_together_no_longer_than_it_says(tmp_path, monkeypatch):
    """The time that a turn took is not there a second time for whoever writes without one."""
    store = open_database(tmp_path / "registry.db", KEYS, create=True, busy_seconds=20)
    times = iter([100.0, 112.0])
    monkeypatch.setattr("registry.store.database.time.monotonic", lambda: next(times, 112.0))
    with store.write() as unit:
        assert unit._session.connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 8_000
    monkeypatch.undo()
    store.close()
