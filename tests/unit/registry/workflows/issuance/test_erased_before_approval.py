"""A batch in which somebody was erased before it was approved: all are told so, and the one way on is to cancel."""

from datetime import timedelta

import pytest

from api.commands.failures import advice_on
from api.situations import WORDS, command_for
from registry.anchor.differences import Name
from registry.anchor.situations import Situation
from registry.workflows.certificates.contents import BatchInconsistent, ReservationVoid
from registry.workflows.desk.reconcile import reconcile
from registry.workflows.issuance.approve import APPROVAL_LASTS, approve, cancel
from registry.workflows.issuance.issue import _reserve
from registry.workflows.issuance.stand import standing
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import BODY, PROGRAMME, Approver
from tests.unit.registry.workflows.chain_scene import Scene
from tests.unit.registry.workflows.desk.test_reconciling import ON_THE_WAY


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.store.close()


def erase_one(scene) -> None:
    with scene.store.write() as unit:
        unit.enrolments.erase(unit.batches.reservations(scene.name)[0].person, scene.clock.now())


def stands(scene, name: str | None = None):
    with scene.store.read() as unit:
        return standing(unit, unit.batches.batch(name or scene.name), scene.clock.now(), desk_runs=False)


def approve_now(scene):
    parts = scene.store, scene.clock, scene.catalogue, scene.key_of
    return approve(*parts, Approver(), scene.name, person="dave")


def waiting(scene) -> list[tuple[Name, str]]:
    return [(one.name, one.subject) for one in reconcile(scene.place).found]


def test_after_sealing_all_say_that_somebody_was_erased_and_name_the_one_way_on(scene):
    assert stands(scene).situation is Situation.SEALED
    erase_one(scene)
    told = stands(scene)
    assert told.situation is Situation.ERASED
    assert command_for(told.next) == f"vermilion batch cancel {scene.name} --as {scene.batch.proposed_by}"
    assert "erased" in WORDS[told.situation].happened_en
    assert "No certificate of it went out" in WORDS[told.situation].safe_en
    with pytest.raises(ReservationVoid, match="was erased") as caught:
        approve_now(scene)
    advice = advice_on(caught.value)
    assert advice is not None
    assert f"`vermilion batch cancel {scene.name} " in advice.remedy_en
    assert f"`vermilion batch cancel {scene.name} " in advice.remedy_zh
    assert "Stop issuing" not in advice.remedy_en
    assert waiting(scene) == [(Name.SOMEBODY_ERASED, scene.name)]
    cancel(scene.store, scene.clock, scene.name, person="alice")
    assert waiting(scene) == []
    assert stands(scene).situation is Situation.CANCELLED


def test_control_where_marks_are_gone_and_nobody_was_erased_it_is_inconsistent(scene, tmp_path):
    with scene.store.read() as unit:
        one = unit.batches.reservations(scene.name)[0]
    with attacked(tmp_path / "registry.db") as connection:
        assert connection.execute("DELETE FROM score WHERE admission = ?", (one.admission,)).rowcount
    assert stands(scene).situation is Situation.SEALED
    with pytest.raises(BatchInconsistent):
        approve_now(scene)


def test_after_reserving_nobody_is_sent_to_a_propose_that_fails(scene):
    reserved = _reserve(
        scene.store, scene.clock, scene.catalogue, BODY, scene.key,
        programme=PROGRAMME, level="2", person="alice", key=None,
    )  # fmt: skip
    assert stands(scene, reserved.id).situation is Situation.RESERVED
    assert waiting(scene) == [(Name.LEFT_RESERVED, reserved.id)]
    with scene.store.write() as unit:
        piece = unit.pieces.of_batch(reserved.id)[0]
        assert not piece.drawn
        claim = unit.pieces.material(reserved.id, piece).claims[0]
        unit.enrolments.erase(unit.enrolments.application(claim.admission).person, scene.clock.now())
    assert stands(scene, reserved.id).situation is Situation.ERASED
    assert waiting(scene) == [(Name.SOMEBODY_ERASED, reserved.id)]
    assert stands(scene).situation is Situation.SEALED  # another batch has nothing to do with it


def test_what_was_approved_goes_on_and_only_a_lapsed_approval_ends_it(scene):
    scene.bring_to(*ON_THE_WAY["approved"])
    erase_one(scene)
    assert stands(scene).situation is Situation.APPROVED
    scene.clock.time += APPROVAL_LASTS + timedelta(seconds=1)
    assert stands(scene).situation is Situation.ERASED


@pytest.mark.parametrize(
    ("failure", "expected"),
    [("contract/paused", Situation.ERASED), ("contract/batch-known", Situation.RECORDED_ALREADY)],
)
def test_a_failed_one_is_over_unless_the_chain_knows_it(scene, failure, expected):
    scene.bring_to(*ON_THE_WAY["failed"], failure=failure)
    erase_one(scene)
    assert stands(scene).situation is expected
