"""What sessions have come to: where a candidate stands after all of them, which certificates a session still owes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from registry.anchor.states import AnchorState
from registry.assessment import (
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
from registry.kernel.identifiers import Digest
from registry.ports.examinations import ExamSession, Seat
from registry.ports.storage import Application, NotHere, UnitOfWork
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


def record_of(
    unit: UnitOfWork,
    programme: Programme,
    application: Application,
    days: Sequence[SessionDay],
    *,
    before: str | None = None,
) -> ExamRecord:
    """Fold a candidate's sessions, up to the first whose scores are not all confirmed; `before`: up to that session."""
    by_id = {one.session: one for one in days}
    seats = sorted(unit.exam_sessions.seats_of(application.admission), key=lambda seat: by_id[seat.session].on)
    scores = unit.corrections.marks_by_session(application.admission) if seats else {}
    sittings: list[Sitting] = []
    awaited = None
    for seat in seats:
        if seat.session == before:
            break
        marks = _marks(unit, seat, scores.get(seat.session, {}))
        if marks is None:
            awaited = seat.session
            break
        sittings.append(Sitting(session=by_id[seat.session], marks=marks))
    return ExamRecord(standing=standing(programme, application.level, sittings, days), awaited=awaited)


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
    earlier = record_of(unit, programme, application, days, before=session_id).standing
    away = {one.paper for one in unit.exam_sessions.attendance(session_id, application.admission) if one.turned_away}
    kept = [
        Mark(paper=one.result.paper, score_hundredths=one.result.score_hundredths)
        for one in earlier.papers
        if one.result.paper in earlier.kept and one.result.paper not in given
    ]
    new = [
        Mark(paper=PaperKey(paper), score_hundredths=score, late=score is None and paper in away)
        for paper, score in given.items()
    ]
    return assess(programme, application.level, [*kept, *new])


def _marks(unit: UnitOfWork, seat: Seat, scores: Mapping[str, int | None]) -> tuple[Mark, ...] | None:
    """Put confirmed scores and absences together; None = something is still awaited."""
    came = {one.paper: one for one in unit.exam_sessions.attendance(seat.session, seat.admission)}
    marks: list[Mark] = []
    for paper in seat.papers:
        here = came.get(paper)
        if here is not None and not here.admitted:
            marks.append(Mark(paper=PaperKey(paper), score_hundredths=None, late=here.turned_away))
        elif paper in scores:
            marks.append(Mark(paper=PaperKey(paper), score_hundredths=scores[paper]))
        else:
            return None
    return tuple(marks)


def publications(unit: UnitOfWork, catalogue: Catalogue, today: date, *, only: str | None = None) -> list[Published]:
    """Say of every session, or one, how many candidates still wait, when certificates were expected, how late it is."""
    found: list[Published] = []
    digests = {one.id: one.programme_digest for one in unit.enrolments.rosters()}
    sessions = unit.exam_sessions.sessions()
    for session in sessions:
        if only not in {None, session.id}:
            continue
        days = session_days(one for one in sessions if one.programme == session.programme)
        expected = expected_publication(catalogue.by_digest(session.programme_digest).session, session.held_on)
        seats = unit.exam_sessions.seats(session.id)
        waiting = sum(_waits(unit, catalogue, digests, seat, days) for seat in seats)
        late = expected.days_overdue(today) if expected is not None and waiting else 0
        found.append(
            Published(session=session, publication=expected, seated=len(seats), waiting=waiting, days_overdue=late)
        )
    return found


def _waits(
    unit: UnitOfWork, catalogue: Catalogue, digests: Mapping[str, Digest], seat: Seat, days: Sequence[SessionDay]
) -> bool:
    """Tell whether a candidate waits for scores of the session, or has passed in it and has no certificate."""
    try:
        application = unit.enrolments.application(seat.admission)
    except NotHere:  # erased
        return False
    record = record_of(unit, catalogue.by_digest(digests[application.roster]), application, days)
    if record.awaited == seat.session:
        return True
    last = record.standing.last
    if record.standing.state is not StandingState.PASSED or last is None or last.session != seat.session:
        return False
    return not any(
        one.reservation.admission == seat.admission and one.batch.state is AnchorState.FINAL
        for one in unit.batches.of_person(application.person)
    )
