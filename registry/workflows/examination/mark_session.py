"""Mark a session: sheets of marks of who was seated, by paper or by function, held against who came.

1. the session is closed, so that it is known who came;
2. a sheet is of the candidates of the session who stand on no other sheet of it that counts: all of them by paper, or
   those of one level, direction and set of papers by function;
3. nobody who was absent or turned away has a score; everybody who was admitted has one or is written down as absent;
4. the sheet waits for its second person as every sheet does (`registry.workflows.examination.assess`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from registry.access import require_named
from registry.assessment import (
    FunctionRow,
    ScoreRow,
    blank_function_sheet,
    normal_admission,
    read_function_scores,
    read_scores,
)
from registry.enrolment import RowProblem
from registry.kernel.errors import Conflict, RuleRefusal
from registry.kernel.identifiers import Digest
from registry.ports import Clock
from registry.ports.examinations import ExamSession, FunctionMark, Seat
from registry.ports.storage import Application, Sheet, Store, UnitOfWork
from registry.programme import Catalogue, LevelCode, Programme
from registry.workflows.examination.assess import FileEnteredElsewhere, marks_of
from registry.workflows.examination.examine import SessionMalformed


class SessionOpen(Conflict):
    """The session is not closed: it is not known yet who came."""

    code = "exam/session-open"

    def __init__(self, session: str) -> None:
        self.session = session
        super().__init__(f"session {session} is not closed yet")


class AttendanceDiffers(RuleRefusal):
    """A sheet has scores of candidates who were absent from the paper or not admitted to it."""

    code = "exam/attendance-differs"

    def __init__(self, admissions: Sequence[str]) -> None:
        self.admissions = tuple(admissions)
        super().__init__(f"{len(self.admissions)} scores are of candidates who were absent or not admitted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Candidates of a session whose scores by function stand in one sheet."""

    level: LevelCode
    direction: str | None
    papers: tuple[str, ...]
    candidates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which part of a session a sheet by function is of."""

    level: str
    direction: str | None = None
    papers: tuple[str, ...] | None = None
    """None = every paper of the level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What came of a sheet of a session."""

    sheet: Sheet | None
    """None where it has faults and was not kept."""
    repeated: bool
    """The same file was taken before; nothing new was stored."""
    problems: tuple[RowProblem, ...]
    notices: tuple[RowProblem, ...]


def parts_of(unit: UnitOfWork, session_id: str) -> list[Part]:
    """List the parts of a session that still need a sheet by function."""
    counted: dict[tuple[LevelCode, str | None, tuple[str, ...]], int] = {}
    for seat, application in _awaited(unit, session_id):
        key = (LevelCode(application.level), application.candidate.direction, seat.papers)
        counted[key] = counted.get(key, 0) + 1
    return [
        Part(level=level, direction=direction, papers=papers, candidates=count)
        for (level, direction, papers), count in sorted(counted.items(), key=lambda one: (one[0][0], str(one[0][1])))
    ]


def blank_session_sheet(store: Store, catalogue: Catalogue, session_id: str, choice: Choice) -> tuple[bytes, int]:
    """Write a sheet by function to fill in, with names; gives it and how many candidates it holds. Raises NotHere."""
    with store.read() as unit:
        session = unit.exam_sessions.session(session_id)
        programme = catalogue.by_digest(session.programme_digest)
        rows = [(one.admission, one.candidate.name) for _, one in _chosen(unit, programme, session, choice)]
    return blank_function_sheet(programme, choice.level, choice.direction, rows, choice.papers), len(rows)


def record_session_scores(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    session_id: str,
    data: bytes,
    *,
    person: str,
    by_function: Choice | None = None,
) -> Marked:
    """Enter a sheet of a session as a whole; `by_function`: the part that it is of. With faults nothing is stored.

    Raises NotHere, SessionOpen, SessionMalformed, AttendanceDiffers, FileEnteredElsewhere.
    """
    now = clock.now()
    by = require_named(person, "entry of scores")
    digest = Digest(hashlib.sha256(data).digest())
    with store.write() as unit:
        earlier = unit.marks.sheet_of_file(digest)
        if earlier is not None:
            if unit.corrections.session_of(earlier.id) != session_id:
                raise FileEnteredElsewhere(earlier.id, session_id)
            return Marked(sheet=earlier, repeated=True, problems=(), notices=())
        unit.require_room()
        session = unit.exam_sessions.session(session_id)
        if session.closed_at is None:
            raise SessionOpen(session_id)  # 1
        programme = catalogue.by_digest(session.programme_digest)
        entries, problems, notices = _read(unit, programme, session, data, by_function)  # 2
        if problems:
            return Marked(sheet=None, repeated=False, problems=problems, notices=notices)
        _require_attended(unit, session_id, entries)  # 3
        sheet = Sheet(
            id=unit.next_name("S", now),
            file_digest=digest,
            examined_on=session.held_on,
            rows=len(entries),
            entered_by=by,
            entered_at=now,
            confirmed_by=None,
            confirmed_at=None,
        )
        unit.marks.add_sheet(sheet, marks_of(entries))
        unit.corrections.name_session(sheet.id, session_id)
        unit.corrections.add_function_marks(
            sheet.id,
            [
                FunctionMark(
                    admission=entry.admission, paper=one.paper, function=one.function, hundredths=one.score_hundredths
                )
                for entry in entries
                if isinstance(entry, FunctionRow)
                for one in entry.scores
            ],
        )
        unit.journal.write(
            at=now,
            person=by,
            action="exam.record",
            subject=sheet.id,
            rows=sheet.rows,
            file=digest.hex(),
            session=session_id,
        )
    return Marked(sheet=sheet, repeated=False, problems=(), notices=notices)


def _read(
    unit: UnitOfWork, programme: Programme, session: ExamSession, data: bytes, choice: Choice | None
) -> tuple[tuple[ScoreRow | FunctionRow, ...], tuple[RowProblem, ...], tuple[RowProblem, ...]]:
    if choice is not None:
        chosen = [one.admission for _, one in _chosen(unit, programme, session, choice)]
        by_function = read_function_scores(
            data,
            programme=programme,
            level=choice.level,
            direction=choice.direction,
            admissions=chosen,
            papers=choice.papers,
        )
        return by_function.entries, by_function.problems, by_function.notices
    awaited = _awaited(unit, session.id)
    by_paper = read_scores(
        data,
        programme=programme,
        admissions={one.admission: LevelCode(one.level) for _, one in awaited},
        papers={seat.admission: seat.papers for seat, _ in awaited},
    )
    return by_paper.entries, by_paper.problems, by_paper.notices


def _awaited(unit: UnitOfWork, session_id: str) -> list[tuple[Seat, Application]]:
    """List who was seated and stands on no sheet of the session yet; who was erased is left out."""
    marked = unit.corrections.marked_in(session_id)
    seats = {one.admission: one for one in unit.exam_sessions.seats(session_id) if one.admission not in marked}
    return [(seats[one.admission], one) for one in unit.enrolments.of_admissions(list(seats))]


def _chosen(
    unit: UnitOfWork, programme: Programme, session: ExamSession, choice: Choice
) -> list[tuple[Seat, Application]]:
    level = programme.level(choice.level)
    directions = [one.code for one in programme.directions_of(choice.level)]
    if level is None or (choice.direction not in directions if directions else choice.direction is not None):
        raise SessionMalformed("expected one of its levels, and one of that level's directions where it has any")
    papers = choice.papers or tuple(paper.key for paper in programme.papers_of(choice.level))
    return [
        (seat, one)
        for seat, one in _awaited(unit, session.id)
        if one.level == choice.level
        and set(seat.papers) == set(papers)
        and (not directions or one.candidate.direction == choice.direction)
    ]


def _require_attended(unit: UnitOfWork, session_id: str, entries: Sequence[ScoreRow | FunctionRow]) -> None:
    came = {
        (normal_admission(one.admission), one.paper): one.admitted for one in unit.exam_sessions.attendance(session_id)
    }
    wrong = [
        entry.admission
        for entry in entries
        for mark in entry.marks
        if not mark.absent and not came.get((entry.admission, mark.paper), False)
    ]
    if wrong:
        raise AttendanceDiffers(list(dict.fromkeys(wrong)))
