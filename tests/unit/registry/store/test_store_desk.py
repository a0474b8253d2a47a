"""Tasks of the desk are taken by one worker at a time; photographs go with their person."""

from datetime import timedelta
from pathlib import Path

import pytest

from registry.ports.storage import NotHere, Portrait
from registry.ports.tasks import TaskKind, TaskState
from registry.store import Database, open_database
from registry.store.database import RowRefused
from registry.store.people import PersonErased
from registry.store.sessions import StateMoved
from tests.unit.registry.store.filled import KEYS, NOW, PHOTOGRAPH, fill, task
from tests.unit.registry.store.new_database import new_database

LEASE = timedelta(seconds=30)
LATER = NOW + LEASE


@pytest.fixture
def empty(tmp_path: Path) -> Database:
    store = new_database(tmp_path / "registry.db")
    with store.write() as unit:
        unit.tasks.add(task("T-2026-11-0001"))
        unit.tasks.add(task("T-2026-11-0002", kind=TaskKind.SEND_BATCH))
    return store


def test_a_second_task_for_the_same_subject_is_refused_while_the_first_is_open(empty: Database) -> None:
    with pytest.raises(RowRefused), empty.write() as unit:
        unit.tasks.add(task("T-2026-11-0003"))
    with empty.write() as unit:
        first = unit.tasks.claim("one", NOW, LATER)
        assert first is not None
        unit.tasks.finish(first.id, "one", "certificates.zip", NOW)
        unit.tasks.add(task("T-2026-11-0003"))
        assert [one.id for one in unit.tasks.of_subject("B-2026-11-0001")] == [
            "T-2026-11-0003",
            "T-2026-11-0002",
            "T-2026-11-0001",
        ]
        assert [one.id for one in unit.tasks.of_subject("certificates.zip")] == ["T-2026-11-0001"]


def test_what_one_worker_has_no_other_gets(empty: Database) -> None:
    with empty.write() as unit:
        taken = [unit.tasks.claim(worker, NOW, LATER) for worker in ("one", "two", "three")]
    assert [one and (one.id, one.worker) for one in taken] == [
        ("T-2026-11-0001", "one"),
        ("T-2026-11-0002", "two"),
        None,
    ]


def test_what_waits_is_what_could_be_claimed(empty: Database) -> None:
    with empty.write() as unit:
        assert [one.id for one in unit.tasks.waiting(NOW)] == ["T-2026-11-0001", "T-2026-11-0002"]
        unit.tasks.claim("one", NOW, LATER)
        assert [one.id for one in unit.tasks.waiting(NOW)] == ["T-2026-11-0002"]
        assert [one.id for one in unit.tasks.waiting(LATER)] == ["T-2026-11-0001", "T-2026-11-0002"]
        unit.tasks.fail("T-2026-11-0001", "one", "batch/nothing-to-issue", NOW)
        assert [one.id for one in unit.tasks.waiting(LATER)] == ["T-2026-11-0002"]


def test_a_lease_is_taken_over_when_it_ends_and_not_before(empty: Database) -> None:
    with empty.write() as unit:
        unit.tasks.claim("one", NOW, LATER)
        unit.tasks.claim("two", NOW, LATER)
        unit.tasks.tell("T-2026-11-0002", "two", step="sign", done=3, total=9, at=NOW, until=LATER + LEASE)
        assert unit.tasks.claim("three", LATER - timedelta(microseconds=1), LATER) is None
        taken = unit.tasks.claim("three", LATER, LATER + LEASE)
    assert taken is not None
    assert (taken.id, taken.worker, taken.step, taken.done) == ("T-2026-11-0001", "three", None, 0)


def test_a_lease_by_a_clock_that_was_ahead_ends_with_that_clock(empty: Database) -> None:
    ahead, minute = NOW + timedelta(days=1), timedelta(minutes=1)
    with empty.write() as unit:
        for worker in ("one", "two"):
            unit.tasks.claim(worker, ahead, ahead + LEASE)
        assert unit.tasks.waiting(ahead) == []
        assert unit.tasks.waiting(ahead - minute) == []  # set by a little: whoever has it is at it
        assert [one.id for one in unit.tasks.waiting(NOW)] == ["T-2026-11-0001", "T-2026-11-0002"]
        unit.tasks.tell("T-2026-11-0002", "two", step="sign", done=1, total=2, at=NOW, until=LATER)  # it goes on
        assert [one.id for one in unit.tasks.waiting(NOW)] == ["T-2026-11-0001"]
        taken = unit.tasks.claim("three", NOW, LATER)
        assert taken is not None
        assert (taken.id, taken.worker, taken.heard_at) == ("T-2026-11-0001", "three", NOW)


def test_a_worker_that_lost_its_task_can_say_nothing_about_it(empty: Database) -> None:
    with empty.write() as unit:
        unit.tasks.claim("one", NOW, LATER)
    with empty.write() as unit:
        unit.tasks.claim("two", LATER, LATER + LEASE)
    with pytest.raises(StateMoved), empty.write() as unit:
        unit.tasks.tell("T-2026-11-0001", "one", step="sign", done=1, total=2, at=LATER, until=LATER + LEASE)
    with pytest.raises(StateMoved), empty.write() as unit:
        unit.tasks.finish("T-2026-11-0001", "one", "certificates.zip", LATER)
    with pytest.raises(StateMoved), empty.write() as unit:
        unit.tasks.fail("T-2026-11-0001", "one", "store/busy", LATER)
    with empty.read() as unit:
        assert unit.tasks.task("T-2026-11-0001").worker == "two"


def test_a_task_that_ended_stays_as_it_ended(empty: Database) -> None:
    with empty.write() as unit:
        unit.tasks.claim("one", NOW, LATER)
        unit.tasks.fail("T-2026-11-0001", "one", "batch/nothing-to-issue", NOW)
        ended = unit.tasks.task("T-2026-11-0001")
    assert (ended.state, ended.failure, ended.leased_until) == (TaskState.FAILED, "batch/nothing-to-issue", None)
    with pytest.raises(StateMoved), empty.write() as unit:
        unit.tasks.finish("T-2026-11-0001", "one", "certificates.zip", NOW)
    with empty.read() as unit:
        assert unit.tasks.open_for(TaskKind.DRAW, "B-2026-11-0001") is None


def test_a_photograph_is_kept_replaced_and_erased_with_its_person(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    number = fill(path).number
    store = open_database(path, KEYS)
    with store.write() as unit:
        found = unit.batches.by_number(number)
        assert found is not None
        admission = found.reservation.admission
        assert unit.portraits.of([admission, "0"])[admission].image == PHOTOGRAPH.encode()
        unit.portraits.put(Portrait(admission=admission, media_type="image/jpeg", image=b"newer"), person="bob", at=NOW)
        assert unit.portraits.of([admission])[admission].image == b"newer"
        unit.enrolments.erase(found.person, NOW)
        assert unit.portraits.of([admission]) == {}
    with pytest.raises(PersonErased), store.write() as unit:
        unit.portraits.put(Portrait(admission=admission, media_type="image/jpeg", image=b"x"), person="bob", at=NOW)
    with pytest.raises(NotHere), store.write() as unit:
        unit.portraits.put(Portrait(admission="1", media_type="image/jpeg", image=b"x"), person="bob", at=NOW)
    store.close()
