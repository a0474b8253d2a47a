"""Sessions of an examination and what is kept of them: seats, attendance, staff; scores by function, corrections."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from registry.assessment import EntryKind, Fee
from registry.kernel.identifiers import Digest
from registry.programme import StaffRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One room of a session."""

    name: str
    capacity: int
    """Most candidates in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPaper:
    """When a paper begins in a session."""

    paper: str
    begins_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamSession:
    """One session (考试场次) of a programme version."""

    id: str
    """`E-YYYY-MM-NNNN`."""
    programme: str
    programme_version: str
    programme_digest: Digest
    held_on: date
    """The first day, at +08:00."""
    place: str
    """The city: the next session for a retake is one at the same place."""
    registration_closes: date | None
    """The last day of registration, by the rule of the version; None = the source names no deadline."""
    papers: tuple[TimedPaper, ...]
    """In the programme's order."""
    rooms: tuple[Room, ...]
    made_by: str
    made_at: datetime
    closed_by: str | None = None
    closed_at: datetime | None = None
    """Once it is closed nobody is seated or signed in any more."""

    @property
    def capacity(self) -> int:
        """Most candidates in all rooms."""
        return sum(room.capacity for room in self.rooms)

    def begins_at(self, paper: str) -> datetime | None:
        """When a paper begins; None = the session does not have it."""
        return next((one.begins_at for one in self.papers if one.paper == paper), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """That a candidate is registered for a session."""

    session: str
    admission: str
    room: str
    papers: tuple[str, ...]
    kind: EntryKind
    fee: Fee | None
    """What is due; None = the source does not say."""
    by_unit: bool
    """Whether a unit registered the candidate (单位统一申报)."""
    registered_by: str
    registered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """Whether a candidate came to a paper, and when."""

    session: str
    admission: str
    paper: str
    arrived_at: datetime | None
    """None = did not come."""
    late_seconds: int
    admitted: bool
    written_by: str
    written_at: datetime

    @property
    def turned_away(self) -> bool:
        """Whether the candidate came and was too late."""
        return self.arrived_at is not None and not self.admitted


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    """One person on duty in one room for one paper."""

    paper: str
    room: str
    role: StaffRole
    person: str
    """Account name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionMark:
    """One candidate's score in one function, which the paper's score was computed from."""

    admission: str
    paper: str
    function: str
    hundredths: int | None = field(repr=False)
    """None = absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCorrection:
    """A score set right beside the one that was entered, which stays."""

    id: str
    """`K-YYYY-MM-NNNN`."""
    sheet: str
    admission: str
    paper: str
    hundredths: int | None = field(repr=False)
    """The paper's score once it counts; None = absent; of a list as in `registry.ports.storage.Mark`."""
    function: str | None
    """The function whose score was wrong; None = the paper is not computed from functions."""
    function_hundredths: int | None = field(repr=False)
    reason: str | None = field(repr=False)
    """None = forgotten, since the candidate was erased."""
    entered_by: str
    entered_at: datetime
    confirmed_by: str | None = None
    """None = it does not count yet."""
    confirmed_at: datetime | None = None


class ExamSessions(Protocol):
    """Sessions with their seats, attendance and staff; rows are only added."""

    def add(self, session: ExamSession) -> None:
        """Keep a session with its papers and rooms."""
        ...

    def session(self, session_id: str) -> ExamSession:
        """Find one. Raises NotHere."""
        ...

    def sessions(self, programme: str | None = None) -> list[ExamSession]:
        """List sessions, of one programme or all, by day and id."""
        ...

    def close(self, session_id: str, person: str, at: datetime) -> None:
        """Close a session, once. Raises StateMoved."""
        ...

    def add_seats(self, seats: Sequence[Seat]) -> None:
        """Keep registrations."""
        ...

    def seats(self, session_id: str) -> list[Seat]:
        """List who is registered, by admission number."""
        ...

    def seats_of(self, admissions: Sequence[str]) -> list[Seat]:
        """List candidates' registrations, each candidate's in the order in which they were made."""
        ...

    def add_attendance(self, rows: Sequence[Attendance]) -> None:
        """Keep who came; once for each candidate and paper."""
        ...

    def attendance(self, session_id: str, admission: str | None = None) -> list[Attendance]:
        """List who came to a session, by admission number and paper."""
        ...

    def attendance_of(self, admissions: Sequence[str]) -> list[Attendance]:
        """List when candidates came, to whatever session."""
        ...

    def add_staff(self, session_id: str, members: Sequence[StaffMember], person: str, at: datetime) -> None:
        """Put people on duty; who was withdrawn from the same duty has it again."""
        ...

    def withdraw_staff(self, session_id: str, member: StaffMember, at: datetime) -> None:
        """Take somebody off duty. Raises NotHere."""
        ...

    def staff(self, session_id: str) -> list[StaffMember]:
        """List who is on duty, by paper, room, role and person."""
        ...


class Corrections(Protocol):
    """What belongs to sheets of marks: their session, the scores by function, corrections."""

    def name_session(self, sheet_id: str, session_id: str) -> None:
        """Write down which session a sheet is of, once."""
        ...

    def session_of(self, sheet_id: str) -> str | None:
        """Name the session of a sheet; None = it is of none."""
        ...

    def sheets_of(self, session_id: str) -> list[str]:
        """Name the sheets of a session, in the order of entry, returned ones too."""
        ...

    def marks_by_session(self, admissions: Sequence[str]) -> dict[tuple[str, str], dict[str, int | None]]:
        """Give candidates' confirmed scores, corrections among them, by (admission number, session).

        Paper → hundredths, None = absent.
        """
        ...

    def marked_in(self, session_id: str) -> set[str]:
        """Which candidates stand on a sheet of a session that counts, confirmed or waiting."""
        ...

    def add_function_marks(self, sheet_id: str, marks: Sequence[FunctionMark]) -> None:
        """Keep the scores by function of a sheet."""
        ...

    def function_marks(self, sheet_id: str, admission: str | None = None) -> list[FunctionMark]:
        """List a sheet's scores by function as they were entered."""
        ...

    def add(self, correction: ScoreCorrection) -> None:
        """Keep a correction that waits for its second person. Raises NotHere, PersonErased, RowRefused."""
        ...

    def correction(self, correction_id: str) -> ScoreCorrection:
        """Find one. Raises NotHere."""
        ...

    def corrections(self, *, sheet_id: str | None = None, admission: str | None = None) -> list[ScoreCorrection]:
        """List corrections in the order in which they were entered."""
        ...

    def confirm(self, correction_id: str, person: str, at: datetime) -> None:
        """Let a correction count, once. Raises NotHere, StateMoved, RowRefused."""
        ...
