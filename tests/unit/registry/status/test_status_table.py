"""The one table of codes: contract, projection and interfaces use the same numbers and the same moves."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from registry.kernel.errors import Conflict, MalformedInput
from registry.kernel.identifiers import MAX_BATCH_SIZE
from registry.status import (
    IN_WORD,
    MOST_WORDS,
    AlreadyThere,
    MoveForbidden,
    Reason,
    ReasonUnknown,
    Status,
    allowed_moves,
    calls_of,
    changes_of,
    concerns,
    needs_approval,
    require_move,
)
from tests.contract.world import RefusedError, change
from tests.unit.registry.anchor.recorded_world import RecordedWorld

ALLOWED = {
    (Status.VALID, Status.SUSPENDED),
    (Status.SUSPENDED, Status.VALID),
    (Status.VALID, Status.REVOKED),
    (Status.SUSPENDED, Status.REVOKED),
    (Status.VALID, Status.SUPERSEDED),
    (Status.SUSPENDED, Status.SUPERSEDED),
}


def test_numbers_and_words_are_the_published_ones() -> None:
    assert {status.value: status.word for status in Status} == {
        0: "valid",
        1: "revoked",
        2: "suspended",
        3: "superseded",
    }
    assert {status.value: status.is_final for status in Status} == {0: False, 1: True, 2: False, 3: True}


def test_contract_counts_alike() -> None:
    assert {one.name: one.value for one in Status} == {one.name: one.value for one in contracts.Status}
    assert {one.name: one.value for one in Reason} == {one.name: one.value for one in contracts.Reason}


@pytest.mark.parametrize(("current", "wanted"), list(product(Status, Status)))
def test_each_move_is_allowed_or_refused(current: Status, wanted: Status) -> None:
    if (current, wanted) in ALLOWED:
        require_move(current, wanted)
        return
    with pytest.raises(AlreadyThere if current is wanted else MoveForbidden) as caught:
        require_move(current, wanted)
    assert caught.value.wanted is wanted
    assert getattr(caught.value, "current", wanted) is current
    assert isinstance(caught.value, Conflict)


def test_final_is_exactly_what_cannot_move() -> None:
    for status in Status:
        assert status.is_final == (not allowed_moves[status])


def test_one_person_alone_can_only_suspend() -> None:
    assert needs_approval == set(Status) - {Status.SUSPENDED}


@pytest.mark.parametrize(("current", "wanted"), list(product(Status, Status)))
def test_contract_allows_the_same_moves(current: Status, wanted: Status) -> None:
    world = RecordedWorld()
    world.accredit()
    world.anchor()
    world.anchor("newer batch")

    def move(status: Status, successor: int) -> None:
        match status:
            case Status.VALID:
                world.reinstate(change(5))
            case Status.REVOKED:
                world.revoke(change(5))
            case Status.SUSPENDED:
                world.suspend(change(5))
            case Status.SUPERSEDED:
                world.supersede([5], [successor])

    if current is not Status.VALID:
        move(current, 1)
    assert world.status(5) == current
    if (current, wanted) in ALLOWED:
        move(wanted, 2)
        assert world.status(5) == wanted
    else:
        with pytest.raises(RefusedError):
            move(wanted, 2)
        assert world.status(5) == current


# Reasons


@pytest.mark.parametrize("reason", Reason)
def test_reason_is_read_by_slug_in_any_case_and_by_number(reason: Reason) -> None:
    assert Reason.parse(reason.slug) is reason
    assert Reason.parse(reason.slug.upper()) is reason
    assert Reason.parse(str(reason.value)) is reason
    assert "_" not in reason.slug


@pytest.mark.parametrize("text", ["", "2", "01", "fraud", "key compromise", "32 ", "-1", "٣٢"])
def test_reason_outside_the_table_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ReasonUnknown) as caught:
        Reason.parse(text)
    assert isinstance(caught.value, MalformedInput)
    assert len(caught.value.known) == len(Reason)
    assert "fraud" not in str(caught.value)


# Changes


INDICES = st.integers(0, MAX_BATCH_SIZE - 1)


@given(st.sets(INDICES, max_size=300))
def test_changes_cover_exactly_the_indices(indices: set[int]) -> None:
    changes = changes_of(sorted(indices))
    found = {(packed >> 128) * 128 + bit for packed in changes for bit in range(128) if packed >> bit & 1}
    assert found == indices
    words = [packed >> 128 for packed in changes]
    assert words == sorted(set(words))
    assert all(packed & (1 << 128) - 1 for packed in changes)


@given(st.lists(INDICES, max_size=20))
def test_changes_do_not_depend_on_order_or_repetition(indices: list[int]) -> None:
    assert changes_of(indices) == changes_of(sorted(set(indices))) == changes_of(indices + indices[::-1])


@given(st.sets(st.integers(0, 1000), min_size=1, max_size=50), st.integers(0, 1000))
def test_concerns_is_the_inverse(indices: set[int], index: int) -> None:
    assert any(concerns(packed, index) for packed in changes_of(sorted(indices))) == (index in indices)


@given(st.sets(st.integers(0, 300 * IN_WORD), max_size=400))
def test_calls_hold_each_index_once_and_no_more_words_than_the_contract_takes(indices: set[int]) -> None:
    calls = list(calls_of(indices))
    assert [index for call in calls for index in call] == sorted(indices)
    assert all(1 <= len(changes_of(call)) <= MOST_WORDS for call in calls)
    assert len(calls) == -(-len(changes_of(indices)) // MOST_WORDS)


def test_edges_of_calls() -> None:
    scattered = [word * IN_WORD for word in range(MOST_WORDS + 1)]
    assert [len(call) for call in calls_of(scattered)] == [MOST_WORDS, 1]
    assert [len(call) for call in calls_of(range(MOST_WORDS * IN_WORD))] == [MOST_WORDS * IN_WORD]
    assert list(calls_of([])) == []


def test_edges_of_words() -> None:
    assert changes_of([0, 127, 128]) == (1 | 1 << 127, 1 << 128 | 1)
    assert concerns(1 << 128 | 1, 128)
    assert not concerns(1 << 128 | 1, 0)
    assert not concerns(1, 128)
    # Bits of the word's number are no bits of the mask.
    assert not concerns(3 << 128, 0)
