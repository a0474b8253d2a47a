"""The table of a status request's states, walked whole."""

from itertools import product

import pytest

from registry.anchor.progress import (
    RequestMoveForbidden,
    RequestState,
    allowed_request_moves,
    require_request_move,
)

WALKED = {
    ("requested", "approved"),
    ("requested", "signed"),
    ("requested", "cancelled"),
    ("approved", "approved"),
    ("approved", "signed"),
    ("approved", "cancelled"),
    ("signed", "sent"),
    ("sent", "final"),
    ("sent", "failed"),
    ("failed", "final"),
}


@pytest.mark.parametrize(("current", "wanted"), list(product(RequestState, repeat=2)))
def test_every_pair_is_allowed_or_refused_by_the_table(current: RequestState, wanted: RequestState) -> None:
    if (current.value, wanted.value) in WALKED:
        require_request_move(current, wanted)
        return
    with pytest.raises(RequestMoveForbidden) as refused:
        require_request_move(current, wanted)
    assert (refused.value.current, refused.value.wanted) == (current, wanted)


def test_what_may_be_on_the_chain_is_never_cancelled() -> None:
    for state in (RequestState.SIGNED, RequestState.SENT):
        assert RequestState.CANCELLED not in allowed_request_moves[state]
