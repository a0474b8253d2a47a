"""A score sheet (成绩单) between its two people: entered by one, confirmed by another; corrections are new entries.

| state | what may happen | what a crash loses |
|---|---|---|
| `entered` | confirmed by a second person | nothing |
| `confirmed` | corrected (reason, second person), sealed | nothing |
| `sealed` | nothing more: results are made from it | nothing |
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from registry.assessment.model import Mark, ScoreRow
from registry.kernel.errors import Conflict, Missing, RuleRefusal
from registry.programme import PaperKey

MAX_REASON = 200
"""Longest reason for a correction, in characters."""


class FourEyes(RuleRefusal):
    """The same person would stand on both sides of a check that needs two."""

    code = "exam/four-eyes"

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(f"{step} needs a second person: the one who entered cannot also confirm")


class PersonUnnamed(RuleRefusal):
    """A step that a person answers for names no person."""

    code = "exam/person-unnamed"

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(f"{step} needs the name of the account that does it")


class ReasonMissing(RuleRefusal):
    """A correction gives no reason."""

    code = "exam/reason-missing"

    def __init__(self) -> None:
        super().__init__(f"a correction needs a reason of 1 to {MAX_REASON} characters")


class SheetStateConflict(Conflict):
    """A score sheet cannot go from its state to the one asked for."""

    code = "exam/sheet-state"

    def __init__(self, state: "SheetState", wanted: "SheetState") -> None:
        self.state, self.wanted = state, wanted
        allowed = ", ".join(sorted(SHEET_TRANSITIONS[state])) or "no other state"
        super().__init__(f"a score sheet that is {state} goes on to {allowed}, not to {wanted}")


class SheetNotOpen(Conflict):
    """A score sheet is not in a state in which it can be corrected."""

    code = "exam/sheet-not-open"

    def __init__(self, state: "SheetState") -> None:
        self.state = state
        super().__init__(f"a score sheet that is {state} takes no correction: it must be confirmed and not sealed")


class CorrectionPending(Conflict):
    """A score sheet cannot be sealed while a correction waits."""

    code = "exam/correction-pending"

    def __init__(self, pending: int) -> None:
        self.pending = pending
        super().__init__(f"{pending} corrections wait for a second person")


class MarkUnknown(Missing):
    """A correction names a candidate, a paper or an entry that the sheet does not have."""

    code = "exam/mark-unknown"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the score sheet has no such {what}")


class SheetState(StrEnum):
    """Where a score sheet stands."""

    ENTERED = "entered"
    CONFIRMED = "confirmed"
    SEALED = "sealed"


SHEET_TRANSITIONS: Mapping[SheetState, frozenset[SheetState]] = {
    SheetState.ENTERED: frozenset({SheetState.CONFIRMED}),
    SheetState.CONFIRMED: frozenset({SheetState.SEALED}),
    SheetState.SEALED: frozenset(),
}
"""Every allowed move; all others are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A mark set right: a new entry beside the old one, which stays."""

    admission: str
    paper: PaperKey
    mark: Mark
    reason: str
    entered_by: str
    confirmed_by: str | None
    """None until a second person has confirmed it: until then the old mark counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSheet:
    """Marks of a session with the people who answer for them. Every step gives a new value; nothing is overwritten."""

    session: str
    rows: tuple[ScoreRow, ...]
    """As first entered."""
    entered_by: str
    """Account of the person who entered."""
    confirmed_by: str | None
    state: SheetState
    corrections: tuple[Correction, ...]
    """In the order in which they were entered."""

    @classmethod
    def enter(cls, *, session: str, rows: tuple[ScoreRow, ...], by: str) -> "ScoreSheet":
        """Enter the marks of a session. Raises PersonUnnamed."""
        return cls(
            session=session,
            rows=rows,
            entered_by=_named(by, "entry of scores"),
            confirmed_by=None,
            state=SheetState.ENTERED,
            corrections=(),
        )

    def confirm(self, *, by: str) -> "ScoreSheet":
        """Confirm the sheet as a second person. Raises FourEyes, SheetStateConflict, PersonUnnamed."""
        require_second_person(self.entered_by, by, "confirmation of scores")
        return replace(self._moved(SheetState.CONFIRMED), confirmed_by=by.strip())

    def correct(self, *, admission: str, mark: Mark, reason: str, by: str) -> "ScoreSheet":
        """Enter a correction; it counts once confirmed.

        Raises SheetNotOpen, MarkUnknown, ReasonMissing, PersonUnnamed.
        """
        if self.state is not SheetState.CONFIRMED:
            raise SheetNotOpen(self.state)
        if not any(row.admission == admission and _mark(row, mark.paper) for row in self.rows):
            raise MarkUnknown("candidate or paper")
        if not reason.strip() or len(reason) > MAX_REASON:
            raise ReasonMissing
        correction = Correction(
            admission=admission,
            paper=mark.paper,
            mark=mark,
            reason=reason.strip(),
            entered_by=_named(by, "correction of a score"),
            confirmed_by=None,
        )
        return replace(self, corrections=(*self.corrections, correction))

    def confirm_correction(self, index: int, *, by: str) -> "ScoreSheet":
        """Confirm the correction at `index` (from 0) as a second person. Raises FourEyes, SheetNotOpen, MarkUnknown."""
        if self.state is not SheetState.CONFIRMED:
            raise SheetNotOpen(self.state)
        if not 0 <= index < len(self.corrections) or self.corrections[index].confirmed_by is not None:
            raise MarkUnknown("correction that waits for confirmation")
        correction = self.corrections[index]
        require_second_person(correction.entered_by, by, "confirmation of a correction")
        confirmed = replace(correction, confirmed_by=by.strip())
        return replace(self, corrections=(*self.corrections[:index], confirmed, *self.corrections[index + 1 :]))

    def seal(self) -> "ScoreSheet":
        """Close the sheet. Raises SheetStateConflict, and CorrectionPending while one waits for its second person."""
        sealed = self._moved(SheetState.SEALED)
        pending = sum(correction.confirmed_by is None for correction in self.corrections)
        if pending:
            raise CorrectionPending(pending)
        return sealed

    def marks_of(self, admission: str) -> tuple[Mark, ...]:
        """Give the marks that count: as entered, each replaced by its last confirmed correction. Raises MarkUnknown."""
        row = next((row for row in self.rows if row.admission == admission), None)
        if row is None:
            raise MarkUnknown("candidate")
        marks = {mark.paper: mark for mark in row.marks}
        for correction in self.corrections:
            if correction.admission == admission and correction.confirmed_by is not None:
                marks[correction.paper] = correction.mark
        return tuple(marks.values())

    def _moved(self, wanted: SheetState) -> "ScoreSheet":
        if wanted not in SHEET_TRANSITIONS[self.state]:
            raise SheetStateConflict(self.state, wanted)
        return replace(self, state=wanted)


def require_second_person(first: str, second: str, step: str) -> None:
    """Refuse the same person on both sides, whatever the letter case or width. Raises FourEyes, PersonUnnamed."""
    _named(second, step)
    if _person(first) == _person(second):
        raise FourEyes(step)


def _person(account: str) -> str:
    return unicodedata.normalize("NFKC", account).casefold().strip()


def _named(account: str, step: str) -> str:
    if not account.strip() or not account.isprintable():
        raise PersonUnnamed(step)
    return account.strip()


def _mark(row: ScoreRow, paper: PaperKey) -> Mark | None:
    return next((mark for mark in row.marks if mark.paper == paper), None)
