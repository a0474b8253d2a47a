"""Who has sat several sessions gets what the record of the sessions says, and nobody whom it does not call passed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.assessment import StandingState
from registry.programme import Catalogue
from registry.workflows.certificates.contents import holders, manifest_of
from registry.workflows.examination.correct import confirm_correction, correct_score
from registry.workflows.examination.exam_records import records_of, session_days
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import NothingToIssue, propose, waiting_for_batch
from tests.unit.registry.store.filled import BODY, Approver, CredentialKey
from tests.unit.registry.workflows.examination_stage import Stage, stage

CODE, LEVEL, THEORY, PRACTICE = "AI-TRAINER", "3", "theory", "practice"
MARCH, MAY = date(2026, 3, 20), date(2026, 5, 20)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Stage]:
    made = stage(tmp_path)
    yield made
    made.store.close()


def sat(world: Stage, admission: str, *sittings: tuple[date, str, list[str]]) -> list[str]:
    """Seat a candidate in one session after another, each with its row of marks; give the sheets."""
    sheets = []
    for day, row, papers in sittings:
        world.clock.set_to(day - timedelta(days=30))
        session = world.session(CODE, day, papers=[THEORY, PRACTICE])
        world.clock.set_to(day - timedelta(days=22))
        world.seat(session, [admission])
        world.hold(session, {admission: papers})
        sheets.append(world.mark(session, f"准考证号,{THEORY},{PRACTICE}\n{admission},{row}\n"))
    return sheets


def set_right(world: Stage, sheet: str, admission: str, paper: str, score: int | None) -> None:
    entered = correct_score(
        world.store, world.clock, world.catalogue, sheet, admission,
        paper=paper, score_hundredths=score, reason="合分有误", person="clerk-1",
    )  # fmt: skip
    confirm_correction(world.store, world.clock, entered.id, person="clerk-2")


def state_of(world: Stage, admission: str) -> StandingState:
    with world.store.read() as unit:
        one, programme = unit.enrolments.application(admission), world.programme(CODE)
        days = session_days(unit.exam_sessions.sessions(CODE))
        return records_of(unit, {one.roster: programme}, [one], days)[admission].standing.state


def waiting(world: Stage) -> int:
    with world.store.read() as unit:
        return waiting_for_batch(unit, world.catalogue, BODY.code, CODE, LEVEL, most=10)


def proposed(world: Stage, key: CredentialKey) -> Batch:
    return propose(world.store, world.clock, world.catalogue, BODY, key, programme=CODE, level=LEVEL, person="maker-1")


def test_who_passed_by_a_sitting_before_the_failed_retake_is_issued_what_that_sitting_says(world):
    one, other = world.enrol(CODE, LEVEL, 2, unit="云帆数据")
    sheets = sat(world, one, (MARCH, "80,40", [THEORY, PRACTICE]), (MAY, ",50", [PRACTICE]))
    assert (state_of(world, one), waiting(world)) == (StandingState.FAILED, 0)
    set_right(world, sheets[0], one, PRACTICE, 7000)
    assert (state_of(world, one), waiting(world)) == (StandingState.PASSED, 1)
    key = CredentialKey()
    batch = proposed(world, key)
    with world.store.read() as unit:
        (reservation,) = unit.batches.reservations(batch.id)
        (holder,) = holders(unit, world.catalogue, batch)
        assert manifest_of(batch, [holder]).document() == batch.manifest
    assert (reservation.admission, reservation.sheet, holder.entry.activity_end_date) == (one, sheets[0], MARCH)
    assert holder.score_row.papers == ((THEORY, 8000), (PRACTICE, 7000))
    found = approve(
        world.store, world.clock, world.catalogue, lambda _: key.public_key, Approver(), batch.id, person="approver-1"
    )
    assert found.state is AnchorState.APPROVED
    assert waiting(world) == 0
    assert other != one


def test_a_retake_passed_is_issued_by_the_marks_of_both_sessions(world):
    (one,) = world.enrol(CODE, LEVEL, 1, unit="云帆数据")
    sheets = sat(world, one, (MARCH, "80,40", [THEORY, PRACTICE]), (MAY, ",60", [PRACTICE]))
    batch = proposed(world, CredentialKey())
    with world.store.read() as unit:
        (holder,) = holders(unit, world.catalogue, batch)
    assert (holder.reservation.sheet, holder.entry.activity_end_date) == (sheets[1], MAY)
    assert holder.score_row.papers == ((THEORY, 8000), (PRACTICE, 6000))


def test_nobody_is_issued_by_a_retake_that_a_correction_has_left_without_ground(world):
    of = world.programme(CODE)
    assert of.retake is not None
    whole = replace(of, retake=replace(of.retake, keeps_passed=False))  # every paper is sat again
    world.catalogue = Catalogue([whole])
    (one,) = world.enrol(CODE, LEVEL, 1, unit="云帆数据")
    sheets = sat(world, one, (MARCH, "80,40", [THEORY, PRACTICE]), (MAY, "90,90", [THEORY, PRACTICE]))
    assert (state_of(world, one), waiting(world)) == (StandingState.PASSED, 1)
    set_right(world, sheets[0], one, THEORY, 5000)
    assert (state_of(world, one), waiting(world)) == (StandingState.FAILED, 0)
    with pytest.raises(NothingToIssue):
        proposed(world, CredentialKey())
