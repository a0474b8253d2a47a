"""Where an anchor stands, and what a crash loses there.

| state     | what a crash loses                                                        |
|-----------|---------------------------------------------------------------------------|
| reserved  | nothing: continues or is released                                         |
| sealed    | nothing: leaves, root and manifest are stored and immutable               |
| approved  | nothing                                                                   |
| signed    | nothing: the transaction's bytes are stored; the same bytes are sent      |
| sent      | nothing: sent again as they are                                           |
| included  | nothing: watched                                                          |
| final     | nothing: delivered                                                        |
| orphaned  | nothing: a reorganisation dropped it; back to sent with the same bytes    |
| failed    | nothing: reverted; the reason is kept; held for a person                  |
| cancelled | nothing: released, refused or lapsed; its numbers are never used again    |
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from registry.kernel.errors import Conflict


class AnchorState(StrEnum):
    """The ten states of a batch on its way to the chain."""

    RESERVED = "reserved"
    SEALED = "sealed"
    APPROVED = "approved"
    SIGNED = "signed"
    SENT = "sent"
    INCLUDED = "included"
    FINAL = "final"
    ORPHANED = "orphaned"
    FAILED = "failed"
    CANCELLED = "cancelled"


unsent: Final = frozenset({AnchorState.RESERVED, AnchorState.SEALED, AnchorState.APPROVED, AnchorState.CANCELLED})
"""In these nothing of a batch has gone to the chain: nobody outside is told that its certificates exist."""
allowed_transitions: Final[Mapping[AnchorState, frozenset[AnchorState]]] = {
    AnchorState.RESERVED: frozenset({AnchorState.SEALED, AnchorState.CANCELLED}),
    AnchorState.SEALED: frozenset({AnchorState.APPROVED, AnchorState.CANCELLED}),
    AnchorState.APPROVED: frozenset({AnchorState.SIGNED, AnchorState.INCLUDED, AnchorState.CANCELLED}),
    AnchorState.SIGNED: frozenset({AnchorState.SENT}),
    AnchorState.SENT: frozenset({AnchorState.INCLUDED, AnchorState.FAILED}),
    AnchorState.INCLUDED: frozenset({AnchorState.FINAL, AnchorState.ORPHANED, AnchorState.FAILED}),
    AnchorState.ORPHANED: frozenset({AnchorState.SENT}),
    AnchorState.FINAL: frozenset(),
    AnchorState.FAILED: frozenset({AnchorState.APPROVED, AnchorState.INCLUDED, AnchorState.CANCELLED}),
    AnchorState.CANCELLED: frozenset(),
}
"""From each state, where it may go. Included says nothing of success: where blocks wait to be final, a transaction that
was reverted fails from there. A failed anchor may be approved again, by a person, once the cause is gone. Approved or
failed becomes included where the chain holds our root already: by a transaction that a restored database has lost."""


class TransitionForbidden(Conflict):
    """An anchor cannot go from where it is to where it is asked to go."""

    code = "anchor/transition-forbidden"

    def __init__(self, current: AnchorState, wanted: AnchorState) -> None:
        self.current, self.wanted = current, wanted
        super().__init__(f"an anchor that is {current} cannot become {wanted}")


def require_transition(current: AnchorState, wanted: AnchorState) -> None:
    """Check that `current` → `wanted` is allowed. Raises TransitionForbidden."""
    if wanted not in allowed_transitions[current]:
        raise TransitionForbidden(current, wanted)
