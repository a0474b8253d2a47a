"""A score sheet (成绩单) between its two people: entered by one, confirmed by another; corrections are new rows.

| state | what may happen |
|---|---|
| `entered` | confirmed by a second person; returned by one, or taken back by the first (reason) |
| `confirmed` | a score corrected (reason, second person), until a certificate is reserved on it |
| `returned` | nothing more: it counts for nothing, and its candidates wait for another sheet |
"""

from enum import StrEnum
from typing import Final

from registry.kernel.errors import Conflict, MalformedInput, Missing

MAX_REASON: Final = 200
"""Longest reason for a correction or a return, in characters."""


class SheetState(StrEnum):
    """Where a score sheet stands."""

    ENTERED = "entered"
    CONFIRMED = "confirmed"
    RETURNED = "returned"


class ReasonMissing(MalformedInput):
    """A correction or a return gives no reason."""

    code = "exam/reason-missing"

    def __init__(self) -> None:
        super().__init__(f"a correction or a return needs a reason of 1 to {MAX_REASON} printable characters")


class SheetNotOpen(Conflict):
    """A score sheet is not in a state in which it can be corrected."""

    code = "exam/sheet-not-open"

    def __init__(self, state: SheetState) -> None:
        self.state = state
        super().__init__(f"a score sheet that is {state} takes no correction: only a confirmed one does")


class MarkUnknown(Missing):
    """A correction names a candidate, a paper or an entry that the sheet does not have."""

    code = "exam/mark-unknown"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the score sheet has no such {what}")


def require_reason(text: str) -> str:
    """Give a reason as it is kept, without blanks at its ends. Raises ReasonMissing."""
    reason = text.strip()
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise ReasonMissing
    return reason
