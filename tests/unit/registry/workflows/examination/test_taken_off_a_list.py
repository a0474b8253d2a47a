"""Who stands on a confirmed list wrongly is taken off it by two people, and put back on it by two."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from registry.assessment import LISTED, MarkUnknown, assess
from registry.assessment.model import TAKEN_OFF, Mark
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.examination.correct import (
    CertificateReserved,
    NoScoreOnLists,
    confirm_correction,
    correct_score,
)
from registry.workflows.examination.exam_records import result_on_sheet
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import propose, waiting_for_batch
from tests.unit.registry.store.filled import BODY, Approver, CredentialKey
from tests.unit.registry.workflows.examination_stage import Stage, stage

CODE = "BLOCKCHAIN-HOURS"


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[tuple[Stage, str, list[str]]]:
    """Two people on a confirmed list of completed hours: the stage, the sheet, both."""
    world = stage(tmp_path)
    both = world.enrol(CODE, "1", 2)
    data = "\n".join(["准考证号", *both]).encode()
    sheet = record_scores(
        world.store, world.clock, world.programme(CODE), data, examined_on=date(2026, 1, 4), person="clerk-1"
    ).sheet
    confirm_sheet(world.store, world.clock, sheet.id, person="clerk-2")
    yield world, sheet.id, both
    world.store.close()


def correct(world: Stage, sheet: str, admission: str, *, confirmed: bool = True, **how) -> None:
    given = {"paper": LISTED, "score_hundredths": None, "reason": "没有参加培训", "person": "clerk-1"} | how
    entered = correct_score(world.store, world.clock, world.catalogue, sheet, admission, **given)
    if confirmed:
        confirm_correction(world.store, world.clock, entered.id, person="clerk-2")


def waiting(world: Stage) -> int:
    with world.store.read() as unit:
        return waiting_for_batch(unit, world.catalogue, BODY.code, CODE, "1", most=10)


def result(world: Stage, sheet: str, admission: str):
    with world.store.read() as unit:
        marks = [one for one in unit.marks.marks(sheet) if one.admission == admission]
        application = unit.enrolments.application(admission)
        return result_on_sheet(unit, world.programme(CODE), application, sheet, marks)


def test_who_is_taken_off_a_list_has_no_pass_and_is_in_no_batch(listed):
    world, sheet, (stays, goes) = listed
    correct(world, sheet, goes, confirmed=False)
    assert waiting(world) == 2, "one person is not enough"
    correct(world, sheet, goes)
    assert waiting(world) == 1
    assert (result(world, sheet, stays).passed, result(world, sheet, goes).passed) == (True, False)
    assert [one.en for one in result(world, sheet, goes).failures] == ["was taken off the confirmed list"]
    key = CredentialKey()
    batch = propose(world.store, world.clock, world.catalogue, BODY, key, programme=CODE, level="1", person="maker-1")
    with world.store.read() as unit:
        (reservation,) = unit.batches.reservations(batch.id)
    assert reservation.admission == stays
    approve(
        world.store, world.clock, world.catalogue, lambda _: key.public_key, Approver(), batch.id, person="approver-1"
    )
    with pytest.raises(CertificateReserved):
        correct(world, sheet, stays)


def test_who_was_taken_off_wrongly_is_put_back(listed):
    world, sheet, (_, goes) = listed
    correct(world, sheet, goes)
    correct(world, sheet, goes, listed_again=True)
    assert (waiting(world), result(world, sheet, goes).passed) == (2, True)


def test_a_list_has_no_scores_and_nobody_else_on_it(listed):
    world, sheet, (one, _) = listed
    for how in ({"score_hundredths": 0}, {"score_hundredths": 9_000}, {"function": "ethics"}):
        with pytest.raises(NoScoreOnLists) as refused:
            correct(world, sheet, one, **how)
        assert refused.value.sheet == sheet
    with pytest.raises(MarkUnknown):
        correct(world, sheet, "99")
    with world.store.read() as unit:
        assert unit.corrections.corrections() == []


def test_only_the_mark_of_a_list_tells_whether_somebody_is_off_it(listed):
    world, _, _ = listed
    hours = world.programme(CODE)
    assert assess(hours, "1", [Mark(paper=LISTED, score_hundredths=None)]).passed
    assert not assess(hours, "1", [Mark(paper=LISTED, score_hundredths=TAKEN_OFF)]).passed
