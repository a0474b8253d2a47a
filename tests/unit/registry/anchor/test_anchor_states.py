"""The states of an anchor: each move allowed or refused, and what the whole graph promises."""

from itertools import product

import pytest

from registry.anchor.states import AnchorState, TransitionForbidden, allowed_transitions, require_transition
from registry.kernel.errors import Conflict

ALLOWED = {
    ("reserved", "sealed"),
    ("reserved", "cancelled"),
    ("sealed", "approved"),
    ("sealed", "cancelled"),
    ("approved", "signed"),
    ("approved", "included"),
    ("approved", "cancelled"),
    ("signed", "sent"),
    ("sent", "included"),
    ("sent", "failed"),
    ("included", "final"),
    ("included", "orphaned"),
    ("included", "failed"),
    ("orphaned", "sent"),
    ("failed", "approved"),
    ("failed", "included"),
    ("failed", "cancelled"),
}


def test_these_ten_words_are_the_only_ones() -> None:
    assert [state.value for state in AnchorState] == [
        "reserved",
        "sealed",
        "approved",
        "signed",
        "sent",
        "included",
        "final",
        "orphaned",
        "failed",
        "cancelled",
    ]
    assert set(allowed_transitions) == set(AnchorState)


@pytest.mark.parametrize(("current", "wanted"), list(product(AnchorState, AnchorState)), ids=str)
def test_each_move_is_allowed_or_refused(current: AnchorState, wanted: AnchorState) -> None:
    if (current.value, wanted.value) in ALLOWED:
        require_transition(current, wanted)
        return
    with pytest.raises(TransitionForbidden) as caught:
        require_transition(current, wanted)
    assert (caught.value.current, caught.value.wanted) == (current, wanted)
    assert isinstance(caught.value, Conflict)


def reachable(start: AnchorState, *, without: frozenset[AnchorState] = frozenset()) -> set[AnchorState]:
    found, waiting = {start}, [start]
    while waiting:
        for state in allowed_transitions[waiting.pop()] - without:
            if state not in found:
                found.add(state)
                waiting.append(state)
    return found


def test_every_state_is_reached_and_every_anchor_can_end() -> None:
    assert reachable(AnchorState.RESERVED) == set(AnchorState)
    ends = {state for state in AnchorState if not allowed_transitions[state]}
    assert ends == {AnchorState.FINAL, AnchorState.CANCELLED}
    for state in AnchorState:
        assert reachable(state) & ends


def test_nothing_becomes_final_without_having_been_sealed_approved_and_included() -> None:
    for needed in (AnchorState.SEALED, AnchorState.APPROVED, AnchorState.INCLUDED):
        assert AnchorState.FINAL not in reachable(AnchorState.RESERVED, without=frozenset({needed}))


def test_only_what_the_chain_holds_already_is_included_without_having_been_signed_and_sent() -> None:
    before = {state for state in AnchorState if AnchorState.INCLUDED in allowed_transitions[state]}
    assert before == {AnchorState.SENT, AnchorState.APPROVED, AnchorState.FAILED}


def test_what_was_sent_is_never_cancelled_while_it_may_still_be_recorded() -> None:
    for state in (AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED, AnchorState.ORPHANED):
        assert AnchorState.CANCELLED not in reachable(state, without=frozenset({AnchorState.FAILED}))


def test_no_state_goes_back_but_by_a_reorganisation_or_a_person() -> None:
    without = frozenset({AnchorState.ORPHANED, AnchorState.FAILED})
    for state in set(AnchorState) - without:
        for following in allowed_transitions[state] - without:
            assert state not in reachable(following, without=without)
