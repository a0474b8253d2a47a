"""Shedding: what could not be done soon is refused before it is accepted; what is accepted is kept."""

import os
from datetime import date

import pytest

from api.demo_data import sample_roster
from api.problems import problem_of
from registry.ports.storage import DiskLow
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.store import open_database
from registry.workflows.desk import hand_over
from registry.workflows.desk.hand_over import MOST_OPEN, MOST_OPEN_IN_ALL, QueueFull, ask
from registry.workflows.enrolment.enrol import import_roster
from registry.workflows.examination.assess import record_scores
from tests.unit.registry.store.filled import KEYS, PROGRAMME
from tests.unit.registry.workflows.chain_scene import Scene

SCOPE = f"{PROGRAMME}/2"


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.store.close()


def queue(scene, kind: TaskKind, count: int, subject: str = "other") -> None:
    with scene.store.write() as unit:
        for number in range(count):
            unit.tasks.add(
                Task(
                    id=unit.next_name("T", scene.clock.now()),
                    kind=kind,
                    subject=f"{subject} {number}",
                    asked_by="alice",
                    asked_at=scene.clock.now(),
                    state=TaskState.QUEUED,
                )
            )


def tasks(scene) -> int:
    with scene.store.read() as unit:
        return unit.tasks.open_count()


def test_a_kind_of_task_has_a_bound_and_the_refusal_says_when_to_come_again(scene, monkeypatch):
    monkeypatch.setattr(hand_over, "MOST_OPEN", dict(MOST_OPEN) | {TaskKind.PROPOSE: 3})
    queue(scene, TaskKind.PROPOSE, 3)
    with pytest.raises(QueueFull) as caught:
        ask(scene.store, scene.clock, TaskKind.PROPOSE, SCOPE, person="alice")
    problem = problem_of(caught.value)
    assert (problem.status, problem.code, problem.headers["Retry-After"]) == (503, "desk/queue-full", "60")
    assert tasks(scene) == 3


def test_all_kinds_together_have_a_bound(scene, monkeypatch):
    monkeypatch.setattr(hand_over, "MOST_OPEN_IN_ALL", 4)
    queue(scene, TaskKind.SEND_REQUEST, 4)
    with pytest.raises(QueueFull):
        ask(scene.store, scene.clock, TaskKind.PROPOSE, SCOPE, person="alice")


def test_what_is_open_already_is_given_back_however_full_the_queue_is(scene, monkeypatch):
    first = ask(scene.store, scene.clock, TaskKind.PROPOSE, SCOPE, person="alice")
    monkeypatch.setattr(hand_over, "MOST_OPEN_IN_ALL", 1)
    assert ask(scene.store, scene.clock, TaskKind.PROPOSE, SCOPE, person="bob").id == first.id


def test_the_bounds_leave_room_for_changes_of_status():
    assert sum(MOST_OPEN[kind] for kind in TaskKind if kind is not TaskKind.SEND_REQUEST) < MOST_OPEN_IN_ALL
    assert MOST_OPEN[TaskKind.SEND_REQUEST] < MOST_OPEN_IN_ALL


def test_below_the_floor_nothing_new_is_taken_at_any_door(scene, tmp_path):
    scene.store.close()
    scene.store = open_database(tmp_path / "registry.db", KEYS, floor_bytes=1 << 60)
    programme, clock = scene.catalogue.programme(PROGRAMME), scene.clock
    doors = {
        "roster": lambda: import_roster(scene.store, clock, programme, sample_roster(count=5), person="erin"),
        "scores": lambda: record_scores(
            scene.store, clock, programme, b"x", examined_on=date(2026, 11, 15), person="bob"
        ),
        "batch": lambda: scene.propose("2"),
        "task": lambda: ask(scene.store, clock, TaskKind.PROPOSE, SCOPE, person="alice"),
    }
    for enter in doors.values():
        with pytest.raises(DiskLow) as caught:
            enter()
        assert problem_of(caught.value).headers["Retry-After"] == "300"
    scene.approve()  # what was accepted goes on


def test_the_floor_is_of_the_disk_that_the_database_lies_on(scene, tmp_path):
    free = os.statvfs(tmp_path)
    floor = (free.f_bavail * free.f_frsize) // 2
    scene.store.close()
    scene.store = open_database(tmp_path / "registry.db", KEYS, floor_bytes=floor)
    assert scene.propose("2").size > 0
