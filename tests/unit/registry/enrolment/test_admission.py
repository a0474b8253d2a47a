"""The way of who is registered by a unit: order, reasons, two people, and no way round a step."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access import FourEyes, PersonUnnamed
from registry.enrolment import TRANSITIONS, AdmissionState, AdmissionStep, AdmissionTrail
from registry.enrolment.admission import (
    AFTER_DECISION,
    BY_ANOTHER,
    ENDED,
    STATE_NAMES,
    WITH_REASON,
    AdmissionOrder,
    AdmissionReasonMissing,
    AdmissionUndecided,
)
from registry.kernel.errors import RegistryError

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)
WHOLE_WAY = (
    AdmissionState.PRE_REGISTERED,
    AdmissionState.REVIEWED,
    AdmissionState.FEE_PAID,
    AdmissionState.DOCUMENTS,
    AdmissionState.ADMITTED,
)


def step(state: AdmissionState, by: str = "bob", reason: str | None = None) -> AdmissionStep:
    return AdmissionStep(state=state, unit="UNIT-1", by=by, at=AT, reason=reason)


def after(*states: AdmissionState) -> AdmissionTrail:
    trail = AdmissionTrail()
    for state in states:
        by = "alice" if state is AdmissionState.PRE_REGISTERED else "bob"
        trail = trail.take(step(state, by, "缺身份证复印件"), eligible=True)
    return trail


def test_the_whole_way_is_taken_one_step_at_a_time():
    trail = after(*WHOLE_WAY)
    assert trail.state is AdmissionState.ADMITTED
    assert [one.state for one in trail.steps] == list(WHOLE_WAY)
    assert TRANSITIONS[AdmissionState.ADMITTED] == frozenset()


@pytest.mark.parametrize("skipped", range(1, len(WHOLE_WAY)))
def test_no_step_is_left_out(skipped):
    trail = after(*WHOLE_WAY[: skipped - 1])
    with pytest.raises(AdmissionOrder):
        trail.take(step(WHOLE_WAY[skipped]), eligible=True)


def test_what_was_returned_is_registered_and_reviewed_again():
    trail = after(*WHOLE_WAY[:1], AdmissionState.RETURNED, *WHOLE_WAY)
    assert trail.state is AdmissionState.ADMITTED
    assert len(trail.steps) == 7


@pytest.mark.parametrize("state", sorted(AFTER_DECISION))
@pytest.mark.parametrize("eligible", [None, False])
def test_nobody_goes_on_before_the_decision(state, eligible):
    trail = after(*WHOLE_WAY[: WHOLE_WAY.index(state)])
    with pytest.raises(AdmissionUndecided):
        trail.take(step(state), eligible=eligible)


@pytest.mark.parametrize("reason", [None, "", "  ", "a\nb", "x" * 501])
def test_a_return_says_why_in_one_line(reason):
    with pytest.raises(AdmissionReasonMissing):
        after(AdmissionState.PRE_REGISTERED).take(step(AdmissionState.RETURNED, reason=reason), eligible=None)


@pytest.mark.parametrize("by", ["alice", "ALICE", "ａｌｉｃｅ", " alice "])
@pytest.mark.parametrize("state", sorted(BY_ANOTHER))
def test_nobody_reviews_whom_they_registered(by, state):
    before = next(one for one, following in TRANSITIONS.items() if state in following and one is not None)
    trail = after(*WHOLE_WAY[: WHOLE_WAY.index(before) + 1])
    with pytest.raises(FourEyes):
        trail.take(step(state, by, "why"), eligible=True)


def test_who_registered_earlier_does_not_review_what_another_registered_again():
    trail = after(AdmissionState.PRE_REGISTERED, AdmissionState.RETURNED)
    trail = trail.take(step(AdmissionState.PRE_REGISTERED, "carol"), eligible=None)
    for by in ("alice", "carol"):
        with pytest.raises(FourEyes):
            trail.take(step(AdmissionState.REVIEWED, by), eligible=None)
    assert trail.take(step(AdmissionState.REVIEWED, "bob"), eligible=None).state is AdmissionState.REVIEWED


def test_a_step_names_who_took_it():
    with pytest.raises(PersonUnnamed):
        AdmissionTrail().take(step(AdmissionState.PRE_REGISTERED, " "), eligible=None)


def test_every_state_has_a_name_and_a_row_in_the_table():
    assert STATE_NAMES.keys() == set(AdmissionState) == TRANSITIONS.keys() - {None}
    assert ENDED <= WITH_REASON


STEPS = st.lists(
    st.tuples(
        st.sampled_from(list(AdmissionState)), st.sampled_from(["alice", "Alice", "bob", "carol"]), st.booleans()
    ),
    max_size=14,
)


@given(STEPS)
def test_whatever_is_tried_no_step_is_passed_and_nobody_stands_on_both_sides(tried):
    trail = AdmissionTrail()
    for state, by, eligible in tried:
        try:
            trail = trail.take(step(state, by, "why"), eligible=eligible)
        except RegistryError:
            continue
        assert trail.state is state
    taken = [one.state for one in trail.steps]
    for before, following in zip([None, *taken], taken, strict=False):
        assert following in TRANSITIONS[before]
    if AdmissionState.ADMITTED in taken:
        assert set(WHOLE_WAY) <= set(taken)
        last = [taken.index(one) if one is not AdmissionState.PRE_REGISTERED else 0 for one in WHOLE_WAY]
        assert last == sorted(last)
    registered = {one.by.lower() for one in trail.steps if one.state is AdmissionState.PRE_REGISTERED}
    passed = {one.by.lower() for one in trail.steps if one.state in (AdmissionState.REVIEWED, AdmissionState.ADMITTED)}
    first_review = next((i for i, one in enumerate(trail.steps) if one.state is AdmissionState.REVIEWED), None)
    if first_review is not None:  # nobody is registered again after a review that was passed
        assert not registered & passed
