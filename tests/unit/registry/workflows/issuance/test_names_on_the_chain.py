"""A database that is older than the chain gives no batch a name or a key that the chain has a batch under already."""

import pytest

from api.problems import problem_of
from registry.anchor.states import AnchorState
from registry.kernel.identifiers import batch_id
from registry.ports.alarms import WritingHalted
from registry.ports.storage import KeyReused
from registry.ports.tasks import TaskKind, TaskState
from registry.workflows.chain.follow import follow
from registry.workflows.chain.halt import lift
from registry.workflows.desk.hand_over import ask, proposal_key
from registry.workflows.desk.reconcile import look, reconcile
from registry.workflows.issuance.issue import KeyRecorded, NothingToIssue
from tests.unit.registry.store.filled import ISSUER, PROGRAMME
from tests.unit.registry.workflows.chain_scene import Scene
from tests.unit.registry.workflows.desk.test_working_off_trouble import Room


@pytest.fixture
def scene(tmp_path):
    made = Room(tmp_path)
    yield made
    made.store.close()


def lost(scene: Scene, *keys: str, issuer: str = ISSUER) -> None:
    """Let the chain have batches under these keys that a restored database has lost, and a person have looked at it."""
    for key in keys:
        scene.anchored(batch=batch_id(issuer, key), by=f"lost {key}")
    reconcile(scene.place)
    with scene.store.read() as unit:
        names = [one.id for one in unit.alarms.open()]
    lift(scene.store, scene.clock, scene.chain, names, person="operator-1", reason="restored from before")


def rows(scene: Scene) -> tuple[list[str], int]:
    with scene.store.read() as unit:
        return unit.batches.names(), unit.journal.size()


def test_names_that_the_chain_has_a_batch_under_are_passed_over_and_never_given_again(scene):
    lost(scene, "B-2026-11-0002", "B-2026-11-0003", "B-2026-11-0005")
    first = scene.propose("2")
    assert (first.id, first.batch) == ("B-2026-11-0004", batch_id(ISSUER, "B-2026-11-0004"))
    assert scene.propose("3", key="2026-autumn").id == "B-2026-11-0006"  # nor is the number, under another key
    assert first.state is AnchorState.SEALED
    scene.name = first.id
    scene.bring_to(AnchorState.APPROVED, AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED)
    scene.anchored()
    scene.bring_to(AnchorState.FINAL)
    assert {one.subject for one in look(scene.place).found if not one.lifted} == {first.id}  # to be delivered


def test_a_name_of_another_issuer_is_free(scene):
    scene.anchored(batch=batch_id("OTHER", "B-2026-11-0002"), by="another issuer's")
    lost(scene)
    assert scene.propose("2").id == "B-2026-11-0002"


def test_a_name_that_somebody_gave_as_a_key_is_passed_over(scene):
    keyed = scene.propose("2", key="B-2026-11-0003")
    assert keyed.id == "B-2026-11-0002"
    assert scene.propose("3").id == "B-2026-11-0004"


def test_a_key_that_the_chain_has_a_batch_under_is_refused_before_anything_is_kept(scene):
    lost(scene, "2026-autumn")
    before = rows(scene)
    with pytest.raises(KeyRecorded) as caught:
        scene.propose("2", key="2026-autumn")
    problem = problem_of(caught.value)
    assert (problem.status, problem.code) == (409, "batch/key-recorded")
    assert caught.value.seq == scene.chain.kept[-1].position.seq
    assert rows(scene) == before
    assert scene.propose("2", key="2026-winter").batch == batch_id(ISSUER, "2026-winter")


def test_the_key_of_a_batch_of_ours_gives_it_whether_it_is_recorded_or_not(scene):
    ours = scene.propose("2", key="2026-autumn")
    scene.name = ours.id
    scene.bring_to(AnchorState.APPROVED, AnchorState.SIGNED, AnchorState.SENT)
    scene.anchored()
    follow(scene.store, scene.chain, scene.clock)
    assert scene.propose("2", key="2026-autumn").id == ours.id
    with pytest.raises(KeyReused):
        scene.propose("3", key="2026-autumn")
    with pytest.raises(NothingToIssue):
        scene.propose("2")


def test_before_a_person_has_looked_nothing_is_said_of_keys(scene):
    scene.anchored(batch=batch_id(ISSUER, "2026-autumn"), by="lost")
    reconcile(scene.place)
    with pytest.raises(WritingHalted):
        scene.propose("2", key="2026-autumn")


def test_a_task_that_led_to_a_batch_before_is_refused_and_the_next_one_is_done(scene):
    """Whether those who wait have their certificates by that batch is for whoever asks again to know."""
    lost(scene, proposal_key("T-2026-11-0001"))
    first = ask(scene.store, scene.clock, TaskKind.PROPOSE, f"{PROGRAMME}/2", person="alice")
    failed = scene.work()
    assert (failed.id, failed.state, failed.failure) == (first.id, TaskState.FAILED, KeyRecorded.code)
    assert rows(scene)[0] == [scene.name]
    ask(scene.store, scene.clock, TaskKind.PROPOSE, f"{PROGRAMME}/2", person="alice")
    done = scene.work()
    assert (done.state, rows(scene)[0]) == (TaskState.FINISHED, [scene.name, done.result])
