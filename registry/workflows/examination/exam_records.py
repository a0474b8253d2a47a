"""What sessions have come to: where a candidate stands after all of them, which certificates a session still owes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from registry.assessment import (
    EntryKind,
    Mark,
    Publication,
    Result,
    SessionDay,
    Sitting,
    Standing,
    StandingState,
    assess,
    expected_publication,
    standing,
)
from registry.ports.examinations import ExamSession, Seat
from registry.ports.storage import Application, UnitOfWork
from registry.ports.storage import Mark as StoredMark
from registry.programme import Catalogue, PaperKey, Programme


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamRecord:
    """Where a candidate stands after all sessions."""

    standing: Standing
    awaited: str | None
    """A session whose scores of this candidate are not confirmed yet; the standing is without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """How far a session's certificates are."""

    session: ExamSession
    publication: Publication | None
    """None = the source does not say."""
    seated: int
    waiting: int
    """Candidates whose scores are not confirmed, or who have passed and have no certificate on the chain."""
    days_overdue: int


def session_days(sessions: Iterable[ExamSession]) -> tuple[SessionDay, ...]:
    """Give as much of sessions as their order needs."""
    return tuple(session_day(one) for one in sessions)


def session_day(session: ExamSession) -> SessionDay:
    """Give as much of a session as the order of sessions needs."""
    return SessionDay(session=session.id, on=session.held_on, place=session.place)


def records_of(
    unit: UnitOfWork,
    programmes: Mapping[str, Programme],
    applications: Sequence[Application],
    days: Sequence[SessionDay],
    *,
    before: str | None = None,
) -> dict[str, ExamRecord]:
    """Fold candidates' sessions, each up to the first whose scores are not all confirmed; by admission number.

    `programmes`: the version of each roster. `before`: only what was before that session.
    """
    known = _Known(unit, [one.admission for one in applications], {one.session: one for one in days}, before)
    records = {}
    for one in applications:
        sittings, awaited = known.sittings(one.admission)
        now = standing(programmes[one.roster], one.level, sittings, days)
        records[one.admission] = ExamRecord(standing=now, awaited=awaited)
    return records


def not_passed(unit: UnitOfWork, programme: Programme, admissions: Sequence[str]) -> set[str]:
    """Name who was seated in sessions and has not passed by them, whatever the marks of single sheets come to."""
    seated = {seat.admission for seat in unit.exam_sessions.seats_of(admissions)}
    if not seated:
        return set()
    applications = unit.enrolments.of_admissions(sorted(seated))
    days = session_days(unit.exam_sessions.sessions(programme.code))
    records = records_of(unit, {one.roster: programme for one in applications}, applications, days)
    return {one for one, record in records.items() if record.standing.state is not StandingState.PASSED}


class _Known:
    """What is kept of some candidates' sessions, read at once."""

    def __init__(
        self, unit: UnitOfWork, admissions: Sequence[str], days: Mapping[str, SessionDay], before: str | None
    ) -> None:
        self._days, self._before = days, before
        self._seats: dict[str, list[Seat]] = {}
        for seat in unit.exam_sessions.seats_of(admissions):
            self._seats.setdefault(seat.admission, []).append(seat)
        seated = list(self._seats)
        self._scores = unit.corrections.marks_by_session(seated)
        self._came = {(one.admission, one.session, one.paper): one for one in unit.exam_sessions.attendance_of(seated)}

    def sittings(self, admission: str) -> tuple[list[Sitting], str | None]:
        """Give a candidate's sittings, and the session that they end before since its scores are awaited."""
        found: list[Sitting] = []
        for seat in sorted(self._seats.get(admission, ()), key=lambda one: self._days[one.session].on):
            if seat.session == self._before:
                break
            marks = self._marks(seat)
            if marks is None:
                return found, seat.session
            found.append(Sitting(session=self._days[seat.session], marks=marks, kind=seat.kind))
        return found, None

    def _marks(self, seat: Seat) -> tuple[Mark, ...] | None:
        """Put confirmed scores and absences together; None = something is still awaited."""
        scores = self._scores.get((seat.admission, seat.session), {})
        marks: list[Mark] = []
        for paper in seat.papers:
            here = self._came.get((seat.admission, seat.session, paper))
            if here is not None and not here.admitted:
                marks.append(Mark(paper=PaperKey(paper), score_hundredths=None, late=here.turned_away))
            elif paper in scores:
                marks.append(Mark(paper=PaperKey(paper), score_hundredths=scores[paper]))
            else:
                return None
        return tuple(marks)


def result_on_sheet(
    unit: UnitOfWork, programme: Programme, application: Application, sheet_id: str, marks: Iterable[StoredMark]
) -> Result:
    """Make a candidate's result by their marks on one sheet, with the papers that a retake on it kept.

    Raises MarksIncomplete.
    """
    given = {one.paper: one.hundredths for one in marks}
    session_id = unit.corrections.session_of(sheet_id)
    if session_id is None:
        return assess(
            programme,
            application.level,
            [Mark(paper=PaperKey(paper), score_hundredths=score) for paper, score in given.items()],
        )
    days = session_days(unit.exam_sessions.sessions(application.programme))
    earlier = records_of(unit, {application.roster: programme}, [application], days, before=session_id)[
        application.admission
    ].standing
    away = {one.paper for one in unit.exam_sessions.attendance(session_id, application.admission) if one.turned_away}
    seats = unit.exam_sessions.seats_of([application.admission])
    again = any(one.session == session_id and one.kind is EntryKind.RETAKE for one in seats)
    kept = [
        Mark(paper=one.result.paper, score_hundredths=one.result.score_hundredths)
        for one in earlier.papers
        if again and one.result.paper in earlier.kept
    ]
    passed = {mark.paper for mark in kept}
    new = [
        Mark(paper=PaperKey(paper), score_hundredths=score, late=score is None and paper in away)
        for paper, score in given.items()
        if paper not in passed  # by a correction since: it need not have been sat again
    ]
    return assess(programme, application.level, [*kept, *new])


def publications(unit: UnitOfWork, catalogue: Catalogue, today: date, *, only: str | None = None) -> list[Published]:
    """Say of every session, or one, how many candidates still wait, when certificates were expected, how late it is."""
    found: list[Published] = []
    programmes = {one.id: catalogue.by_digest(one.programme_digest) for one in unit.enrolments.rosters()}
    sessions = unit.exam_sessions.sessions()
    for session in sessions:
        if only not in {None, session.id}:
            continue
        days = session_days(one for one in sessions if one.programme == session.programme)
        expected = expected_publication(catalogue.by_digest(session.programme_digest).session, session.held_on)
        seated = [one.admission for one in unit.exam_sessions.seats(session.id)]
        waiting = _waiting(unit, programmes, seated, session.id, days)
        late = expected.days_overdue(today) if expected is not None and waiting else 0
        found.append(
            Published(session=session, publication=expected, seated=len(seated), waiting=waiting, days_overdue=late)
        )
    return found


def _waiting(
    unit: UnitOfWork,
    programmes: Mapping[str, Programme],
    seated: Sequence[str],
    session_id: str,
    days: Sequence[SessionDay],
) -> int:
    """Count who waits for scores of a session, or has passed in it and has no certificate; not who was erased."""
    records = records_of(unit, programmes, unit.enrolments.of_admissions(seated), days)
    passed = {
        admission
        for admission, one in records.items()
        if one.standing.state is StandingState.PASSED
        and one.standing.last is not None
        and one.standing.last.session == session_id
    }
    awaited = sum(one.awaited == session_id for one in records.values())
    return awaited + len(passed - unit.batches.certified(passed))
