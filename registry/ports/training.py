"""Training bodies and applying units; the steps of an admission; courses, who is in them, what was attended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from registry.enrolment import AdmissionTrail, Attended, CourseUnit
from registry.kernel.identifiers import Digest
from registry.programme import Bilingual, Title


class OrganisationKind(StrEnum):
    """What an organisation does here."""

    TRAINING_BODY = "training-body"  # 培训机构
    APPLYING_UNIT = "applying-unit"  # 申报单位


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A training body, or a unit that registers its people."""

    code: str
    kind: OrganisationKind
    name: Bilingual
    contact: str
    """The organisation's own address or number; nobody's personal one."""
    since: date
    until: date | None
    """The last day; None = open."""
    made_by: str
    made_at: datetime

    def is_open(self, on: date) -> bool:
        """Whether it may act on a day."""
        return self.since <= on and (self.until is None or on <= self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Who teaches in a course, and by what."""

    person: str
    """Account name."""
    holds_level: str | None
    """Level of the occupation."""
    title: Title | None
    """Of a related profession."""
    added_by: str
    """Who saw the document."""
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A training body's course for a level of a programme version."""

    id: str
    """`H-YYYY-MM-NNNN`."""
    body: str
    """Code of the training body."""
    programme: str
    programme_version: str
    programme_digest: Digest
    level: str
    units: tuple[CourseUnit, ...]
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceList:
    """One file of attendance: entered by one person, confirmed by another."""

    id: str
    """`A-YYYY-MM-NNNN`."""
    course: str
    file_digest: Digest
    rows: int
    entered_by: str
    entered_at: datetime
    settled_by: str | None = None
    settled_at: datetime | None = None
    confirmed: bool | None = None
    """False = returned, it counts for nothing; None = it waits for its second person."""


class Admissions(Protocol):
    """Applying units, training bodies, and the steps of those who are registered by a unit. Steps are only added."""

    def add_organisation(self, organisation: Organisation) -> None:
        """Keep an organisation. Raises RowRefused where the code is taken."""
        ...

    def organisation(self, code: str) -> Organisation:
        """Find one. Raises NotHere."""
        ...

    def organisations(self, kind: OrganisationKind | None = None) -> list[Organisation]:
        """List organisations by code."""
        ...

    def end_organisation(self, code: str, until: date) -> None:
        """Write down an organisation's last day. Raises NotHere."""
        ...

    def trails(self, admissions: Iterable[str] | None = None) -> dict[str, AdmissionTrail]:
        """Give the steps of applications, by admission number, those without any left out; None = of all."""
        ...

    def add_steps(self, steps: Sequence[tuple[str, AdmissionTrail]]) -> None:
        """Keep the last step of each trail. Raises NotHere, PersonErased, RowRefused where another was first."""
        ...


class Courses(Protocol):
    """Courses with teachers, participants and attendance. Rows are only added."""

    def add(self, course: Course) -> None:
        """Keep a course with its units."""
        ...

    def course(self, course_id: str) -> Course:
        """Find one. Raises NotHere."""
        ...

    def courses(self) -> list[Course]:
        """List courses, oldest first."""
        ...

    def add_teacher(self, course_id: str, teacher: Teacher) -> None:
        """Keep who teaches. Raises RowRefused where that person is in the course already."""
        ...

    def teachers(self, course_id: str) -> list[Teacher]:
        """List who teaches, by account."""
        ...

    def add_participants(self, course_id: str, admissions: Sequence[str], person: str, at: datetime) -> None:
        """Put applications into a course. Raises RowRefused where one is in a course already."""
        ...

    def participants(self, course_id: str) -> list[str]:
        """List the admission numbers in a course."""
        ...

    def course_of(self, admissions: Iterable[str]) -> dict[str, str]:
        """Name the course of each of these applications that is in one."""
        ...

    def add_list(self, new: AttendanceList, entries: Sequence[Attended]) -> None:
        """Keep an attendance list."""
        ...

    def attendance_list(self, list_id: str) -> AttendanceList:
        """Find one. Raises NotHere."""
        ...

    def lists(self, course_id: str) -> list[AttendanceList]:
        """List a course's attendance lists in the order of entry, returned ones too."""
        ...

    def settle_list(self, list_id: str, person: str, at: datetime, *, confirmed: bool) -> None:
        """Confirm or return a list, once. Raises NotHere, StateMoved."""
        ...

    def attended(self, course_id: str, *, waiting: bool = False) -> list[Attended]:
        """List what confirmed lists hold, by admission number and day; with `waiting` those that still wait too."""
        ...
