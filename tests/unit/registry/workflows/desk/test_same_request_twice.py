"""The same request twice is one: by its key, by its file; the same key for something else names the first."""

import threading
from datetime import date, timedelta

import pytest

from api.problems import problem_of
from registry.anchor.states import AnchorState
from registry.kernel.identifiers import batch_id
from registry.ports.storage import KeyReused
from registry.ports.tasks import TaskKind
from registry.workflows.chain.follow import follow
from registry.workflows.desk.hand_over import ask
from registry.workflows.examination.assess import FileEnteredElsewhere, record_scores
from registry.workflows.issuance import issue
from registry.workflows.issuance.issue import ClockBehind, NothingToIssue
from tests.unit.registry.store.filled import BODY, ISSUER, PROGRAMME
from tests.unit.registry.workflows.chain_scene import Scene


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.store.close()


def names(scene) -> list[str]:
    with scene.store.read() as unit:
        return unit.batches.names()


def test_the_same_key_gives_the_same_batch_in_whatever_state_it_is(scene):
    first = scene.propose("2", key="2026-autumn")
    assert scene.propose("2", key="2026-autumn") == first
    scene.name = first.id
    scene.bring_to(AnchorState.APPROVED, AnchorState.SIGNED)
    again = scene.propose("2", key="2026-autumn")
    assert (again.id, again.state) == (first.id, AnchorState.SIGNED)
    assert names(scene) == ["B-2026-11-0001", first.id]


def test_the_same_key_for_another_scope_is_a_conflict_that_names_the_first(scene):
    first = scene.propose("2", key="2026-autumn")
    with pytest.raises(KeyReused) as caught:
        scene.propose("3", key="2026-autumn")
    problem = problem_of(caught.value)
    assert (problem.status, problem.code) == (409, "store/idempotency-key-reused")
    assert first.id in str(problem.detail)


def test_the_batch_id_on_chain_follows_from_the_key_and_from_nothing_else(scene):
    keyed, unnamed = scene.propose("2", key="2026-autumn"), scene.propose("3")
    assert keyed.batch == batch_id(ISSUER, "2026-autumn")
    assert unnamed.batch == batch_id(ISSUER, unnamed.id)
    assert len({keyed.batch, unnamed.batch, batch_id(ISSUER, "2026-Autumn"), batch_id("OTHER", "2026-autumn")}) == 4


def test_without_a_key_a_command_that_was_cut_off_goes_on_with_its_batch(scene):
    cut_off = issue._reserve(
        scene.store, scene.clock, scene.catalogue, BODY, scene.key,
        programme=PROGRAMME, level="2", person="alice", key=None,
    )  # fmt: skip
    assert scene.propose("2").id == cut_off.id
    with pytest.raises(NothingToIssue):  # sealed: nobody is left who waits
        scene.propose("2")


def test_a_clock_behind_the_chain_dates_nothing(scene):
    before = names(scene)
    block_time = follow(scene.store, scene.chain, scene.clock).block.time
    right, scene.clock.time = scene.clock.now(), block_time - timedelta(hours=1, seconds=1)
    with pytest.raises(ClockBehind):
        scene.propose("2")
    assert names(scene) == before
    scene.clock.time = right
    assert scene.propose("2").id not in before


@pytest.mark.parametrize("key", ["2026-autumn", None])
def test_two_at_once_are_one(scene, key):
    together, found = threading.Barrier(2), []

    def run():
        together.wait()
        try:
            found.append(scene.propose("2", key=key).id)
        except NothingToIssue:
            found.append("nothing")

    threads = [threading.Thread(target=run) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(names(scene)) == 2
    assert set(found) <= {names(scene)[-1], "nothing"}
    assert names(scene)[-1] in found
    if key is not None:
        assert "nothing" not in found


def test_a_task_is_one_for_a_subject_and_its_batch_has_its_key(scene):
    tasks = [ask(scene.store, scene.clock, TaskKind.PROPOSE, f"{PROGRAMME}/2", person="alice") for _ in range(3)]
    assert len({one.id for one in tasks}) == 1
    key = f"task/{tasks[0].id}"
    assert scene.propose("2", key=key).batch == batch_id(ISSUER, key)


def test_a_score_sheet_twice_is_one_and_for_another_day_a_conflict(scene):
    programme, day = scene.catalogue.programme(PROGRAMME), date(2026, 11, 15)
    with scene.store.read() as unit:
        (sheet,) = unit.marks.sheets()
    again = record_scores(scene.store, scene.clock, programme, scene.scores, examined_on=day, person="bob")
    assert again.sheet.id == sheet.id
    with pytest.raises(FileEnteredElsewhere) as caught:
        record_scores(scene.store, scene.clock, programme, scene.scores, examined_on=date(2026, 11, 14), person="bob")
    assert caught.value.earlier == sheet.id
