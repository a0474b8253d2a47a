"""Compare sessions and corrections with the journal: what was taken out or put in whole carries a seal all the same.

1. a session that the journal closed is closed, and its seats and attendance are those that it was closed with;
2. a correction was entered, and confirmed, where the journal says so, and only there;
3. who is on a sheet of a session was seated in it, and has no score for a paper that they did not sit.
"""

from collections.abc import Iterator
from contextlib import suppress

from registry.audit import Difference
from registry.kernel.errors import RegistryError
from registry.ports.storage import JournalEntry, UnitOfWork
from registry.workflows.examination.examine import session_digest

_ENTERED, _CONFIRMED, _CLOSED = "exam.correct", "exam.confirm-correction", "exam.close"


def examination_differences(unit: UnitOfWork) -> Iterator[Difference]:
    """Yield every difference; rows and entries that cannot be read are named elsewhere."""
    told: dict[str, list[JournalEntry]] = {_ENTERED: [], _CONFIRMED: [], _CLOSED: []}
    with suppress(RegistryError):
        for entry in unit.journal.entries():
            if entry.action in told:
                told[entry.action].append(entry)
        yield from _sessions(unit, told[_CLOSED])
        yield from _corrections(unit, told[_ENTERED], told[_CONFIRMED])
        yield from _sheets(unit)


def _sessions(unit: UnitOfWork, told: list[JournalEntry]) -> Iterator[Difference]:
    # 1
    closed_with = {entry.subject: str(entry.detail.get("rows")) for entry in told}
    closed = {one.id for one in unit.exam_sessions.sessions() if one.closed_at is not None}
    for session in sorted(closed | closed_with.keys()):
        if session not in closed_with:
            yield _session(session, "an entry of the journal that it was closed", "none")
        elif session not in closed:
            yield _session(session, "closed, as the journal tells", "not")
        elif session_digest(unit, session) != closed_with[session]:
            yield _session(session, "the seats and attendance it was closed with", "others")


def _corrections(unit: UnitOfWork, entered: list[JournalEntry], confirmed: list[JournalEntry]) -> Iterator[Difference]:
    # 2
    kept = {one.id: one for one in unit.corrections.corrections()}
    for what, told, found in (
        ("entered", {str(one.detail.get("correction")) for one in entered}, set(kept)),
        (
            "confirmed",
            {str(one.detail.get("correction")) for one in confirmed},
            {name for name, one in kept.items() if one.confirmed_by is not None},
        ),
    ):
        for name in sorted(told - found):
            yield _correction(name, f"{what}, as the journal tells", "not")
        for name in sorted(found - told):
            yield _correction(name, f"an entry of the journal that it was {what}", "none")


def _sheets(unit: UnitOfWork) -> Iterator[Difference]:
    # 3
    for session in unit.exam_sessions.sessions():
        sits = {(seat.admission, paper) for seat in unit.exam_sessions.seats(session.id) for paper in seat.papers}
        came = {(one.admission, one.paper) for one in unit.exam_sessions.attendance(session.id) if one.admitted}
        for sheet in unit.corrections.sheets_of(session.id):
            marks = unit.marks.marks(sheet)
            if any((one.admission, one.paper) not in sits for one in marks):
                yield _sheet(sheet, "candidates who were seated", "another")
            if any(one.hundredths is not None and (one.admission, one.paper) not in came for one in marks):
                yield _sheet(sheet, "scores of who was admitted", "another's")


def _session(subject: str, expected: str, found: str) -> Difference:
    return Difference(code="fsck/session", subject=subject, expected=expected, found=found)


def _correction(subject: str, expected: str, found: str) -> Difference:
    return Difference(code="fsck/correction", subject=subject, expected=expected, found=found)


def _sheet(subject: str, expected: str, found: str) -> Difference:
    return Difference(code="fsck/session-sheet", subject=subject, expected=expected, found=found)
