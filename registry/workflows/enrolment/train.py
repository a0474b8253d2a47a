"""Train: courses, who teaches and who attends, and from completed courses to certificates of hours.

1. a training body makes a course for a level of a programme; its units have the hours of the level;
2. teachers are checked against the level they may teach, on the word of a person who saw the document;
3. participants are applications: for the certificate of hours, or for a programme that certifies only after training;
4. attendance lists are entered by one person and confirmed by another; only then do hours count;
5. who has the hours of the level is decided eligible and put on a confirmed list (a sheet of marks without papers),
   which a second person confirms as any sheet; the batch for issue is proposed and approved in the usual way.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from registry.access import require_named, require_second_person
from registry.assessment import LISTED
from registry.enrolment import (
    AttendanceReading,
    CourseUnit,
    course_units,
    read_attendance,
    require_teacher,
)
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import canonical_json
from registry.kernel.errors import Conflict, RuleRefusal
from registry.kernel.identifiers import Digest, IssuerCode
from registry.ports import Clock
from registry.ports.storage import Application, Mark, Sheet, Store, UnitOfWork
from registry.ports.training import AttendanceList, Course, OrganisationKind, Teacher
from registry.programme import Catalogue, Programme, ProgrammeUnknown, Title
from registry.workflows.enrolment.admit import require_open
from registry.workflows.enrolment.enrol import keep_programme
from registry.workflows.enrolment.hours import attended_hours, hours_needed
from registry.workflows.enrolment.own_records import OwnRecords


class ParticipantsRefused(RuleRefusal):
    """Some applications cannot be put into the course, and none was."""

    code = "training/participants"

    def __init__(self, admissions: Sequence[str]) -> None:
        self.admissions = tuple(admissions)
        super().__init__(
            f"undecided applications for the level of the course, in no course yet, were expected: not "
            f"{', '.join(self.admissions[:5])}"
        )


class TeacherThere(Conflict):
    """The teacher is in the course already."""

    code = "training/teacher-there"

    def __init__(self, course: str, teacher: str) -> None:
        self.course, self.teacher = course, teacher
        super().__init__(f"{teacher} teaches in course {course} already")


class CourseUntaught(RuleRefusal):
    """Nobody is written down who taught the course."""

    code = "training/untaught"

    def __init__(self, course: str) -> None:
        self.course = course
        super().__init__(f"course {course} has no teacher")


class ListSettled(Conflict):
    """The attendance list was confirmed or returned before."""

    code = "training/list-settled"

    def __init__(self, named: str) -> None:
        self.named = named
        super().__init__(f"attendance list {named} was confirmed or returned before")


class NothingToCertify(RuleRefusal):
    """Nobody in the course waits for a certificate of hours with the hours of the level."""

    code = "training/nothing-to-certify"

    def __init__(self, course: str, short: Sequence[tuple[str, int]], needed: int) -> None:
        self.course, self.short, self.needed = course, tuple(short), needed
        lacking = ", ".join(f"{admission} {hours}" for admission, hours in self.short[:5])
        super().__init__(
            f"nobody in course {course} has the {needed} hours and waits for a certificate"
            + (f": {lacking}" if lacking else "")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """An attendance list that was taken, now or before."""

    list: AttendanceList
    reading: AttendanceReading | None
    """None where the same file was taken before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """Who of a course is on a confirmed list now."""

    sheet: Sheet
    complete: tuple[str, ...]
    """Admission numbers on it."""
    short: tuple[tuple[str, int], ...]
    """Admission numbers with hours to go, and the hours attended."""
    needed: int


def make_course(
    store: Store,
    clock: Clock,
    programme: Programme,
    *,
    body: str,
    level: str,
    units: Sequence[CourseUnit],
    person: str,
) -> Course:
    """Make a training body's course; without units it has those of the programme, or a single one.

    Raises NotHere, OrganisationNotOpen, ProgrammeUnknown, UnitsRefused, PersonUnnamed.
    """
    # 1
    if programme.level(level) is None:
        raise ProgrammeUnknown(f"{programme.code}/{level}")
    now = clock.now()
    with store.write() as unit:
        require_open(unit, body, OrganisationKind.TRAINING_BODY, now.astimezone(CHINA_TIME).date())
        course = Course(
            id=unit.next_name("H", now),
            body=body,
            programme=programme.code,
            programme_version=programme.version,
            programme_digest=programme.digest,
            level=level,
            units=course_units(programme, level, units),
            made_by=require_named(person, "a course"),
            made_at=now,
        )
        keep_programme(unit, programme, now)
        unit.courses.add(course)
        unit.journal.write(
            at=now,
            person=person,
            action="training.course",
            subject=course.id,
            scope=f"{programme.code}/{level}",
            body=body,
        )
    return course


def add_teacher(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    course_id: str,
    *,
    teacher: str,
    holds_level: str | None,
    title: Title | None,
    person: str,
) -> Teacher:
    """Let somebody teach in a course, by a level or a title that another person has seen.

    Raises NotHere, TeacherRefused, TeacherThere, FourEyes, PersonUnnamed.
    """
    # 2
    require_named(teacher, "teaching")
    require_second_person(teacher, person, "checking a teacher's level or title")
    now = clock.now()
    with store.write() as unit:
        course = unit.courses.course(course_id)
        require_teacher(
            catalogue.by_digest(course.programme_digest), course.level, holds_level=holds_level, title=title
        )
        if any(one.person == teacher for one in unit.courses.teachers(course_id)):
            raise TeacherThere(course_id, teacher)
        added = Teacher(person=teacher, holds_level=holds_level, title=title, added_by=person, added_at=now)
        unit.courses.add_teacher(course_id, added)
        unit.journal.write(at=now, person=person, action="training.teacher", subject=course_id, teacher=teacher)
    return added


def add_participants(
    store: Store, clock: Clock, course_id: str, admissions: Sequence[str], *, person: str
) -> tuple[str, ...]:
    """Put applications into a course, all or none. Raises NotHere, ParticipantsRefused, PersonUnnamed."""
    # 3
    require_named(person, "a course")
    wanted = list(dict.fromkeys(admissions))
    now = clock.now()
    with store.write() as unit:
        course = unit.courses.course(course_id)
        known = {one.admission: one for one in unit.enrolments.of_admissions(wanted)}
        elsewhere = unit.courses.course_of(wanted)
        wrong = [one for one in wanted if one in elsewhere or one not in known or not _may_join(course, known[one])]
        if wrong or not wanted:
            raise ParticipantsRefused(wrong)
        unit.courses.add_participants(course_id, wanted, person, now)
        unit.journal.write(at=now, person=person, action="training.join", subject=course_id, people=len(wanted))
    return tuple(wanted)


def _may_join(course: Course, application: Application) -> bool:
    programmes = {course.programme, f"{course.programme}-HOURS"}
    return application.programme in programmes and application.level == course.level and application.eligible is None


def enter_attendance(store: Store, clock: Clock, course_id: str, data: bytes, *, person: str) -> Entered:
    """Enter an attendance list as a whole. The same file again is the same list, unless that was returned.

    Raises NotHere, AttendanceRefused, PersonUnnamed.
    """
    # 4
    require_named(person, "attendance")
    now = clock.now()
    digest = Digest(hashlib.sha256(data).digest())
    with store.write() as unit:
        for earlier in unit.courses.lists(course_id):
            if earlier.file_digest == digest and earlier.confirmed is not False:
                return Entered(list=earlier, reading=None)
        reading = _read(unit, clock, course_id, data)
        new = AttendanceList(
            id=unit.next_name("A", now),
            course=course_id,
            file_digest=reading.digest,
            rows=len(reading.accepted()),
            entered_by=person,
            entered_at=now,
        )
        unit.courses.add_list(new, reading.entries)
        unit.journal.write(
            at=now, person=person, action="training.attend", subject=new.id, rows=new.rows, file=digest.hex()
        )
    return Entered(list=new, reading=reading)


def check_attendance(store: Store, clock: Clock, course_id: str, data: bytes) -> AttendanceReading:
    """Find everything wrong with an attendance list; stores nothing. Raises NotHere."""
    with store.read() as unit:
        return _read(unit, clock, course_id, data)


def _read(unit: UnitOfWork, clock: Clock, course_id: str, data: bytes) -> AttendanceReading:
    return read_attendance(
        data,
        units=unit.courses.course(course_id).units,
        admissions=frozenset(unit.courses.participants(course_id)),
        taken=unit.courses.attended(course_id, waiting=True),
        today=clock.now().astimezone(CHINA_TIME).date(),
    )


def settle_attendance(store: Store, clock: Clock, list_id: str, *, confirmed: bool, person: str) -> AttendanceList:
    """Confirm an attendance list as the second person, or return it: then it counts for nothing.

    Who entered it may take it back. Raises NotHere, FourEyes, PersonUnnamed, ListSettled.
    """
    require_named(person, "attendance")
    now = clock.now()
    with store.write() as unit:
        found = unit.courses.attendance_list(list_id)
        if confirmed:
            require_second_person(found.entered_by, person, "confirming attendance")
        if found.confirmed is not None:
            raise ListSettled(list_id)
        unit.courses.settle_list(list_id, person, now, confirmed=confirmed)
        action = "training.confirm" if confirmed else "training.return"
        unit.journal.write(at=now, person=person, action=action, subject=list_id, rows=found.rows)
        return unit.courses.attendance_list(list_id)


def certify_hours(
    store: Store, clock: Clock, catalogue: Catalogue, issuer: IssuerCode, course_id: str, *, person: str
) -> Certified:
    """Put everybody on a confirmed list who has the hours of the level; a second person confirms it as a sheet.

    Raises NotHere, CourseUntaught, NothingToCertify, PersonUnnamed.
    """
    # 5
    require_named(person, "a list of completed hours")
    now = clock.now()
    today = now.astimezone(CHINA_TIME).date()
    with store.write() as unit:
        course = unit.courses.course(course_id)
        programme = catalogue.by_digest(course.programme_digest)
        if not unit.courses.teachers(course_id):
            raise CourseUntaught(course_id)
        needed = hours_needed(programme, course.level)
        hours = attended_hours(unit, unit.courses.participants(course_id))
        short = tuple((one, got) for one, got in sorted(hours.items()) if got < needed)
        hours_code = f"{course.programme}-HOURS"
        ours = [one for one in unit.enrolments.of_admissions(sorted(hours)) if one.programme == hours_code]
        complete = [one for one in ours if hours[one.admission] >= needed]
        known = OwnRecords(unit, issuer, complete)
        for one in complete:
            if one.eligible is None:
                version = catalogue.by_digest(unit.enrolments.roster(one.roster).programme_digest)
                unit.enrolments.decide(one.admission, known.decide(one, version, on=today), person, now)
        awaited = unit.marks.awaited(hours_code)
        listed = tuple(one.admission for one in complete if one.admission in awaited)
        if not listed:
            raise NothingToCertify(course_id, short, needed)
        last_day = max(one.on for one in unit.courses.attended(course_id) if one.admission in listed)
        sheet = Sheet(
            id=unit.next_name("S", now),
            file_digest=_digest_of(course_id, listed),
            examined_on=last_day,
            rows=len(listed),
            entered_by=person,
            entered_at=now,
            confirmed_by=None,
            confirmed_at=None,
        )
        unit.marks.add_sheet(sheet, [Mark(admission=one, paper=LISTED, hundredths=None) for one in listed])
        unit.journal.write(
            at=now, person=person, action="training.certify", subject=sheet.id, rows=len(listed), course=course_id
        )
    return Certified(sheet=sheet, complete=listed, short=short, needed=needed)


def _digest_of(course_id: str, listed: Sequence[str]) -> Digest:
    """Name a list that no file was handed in for: SHA-256 over JCS of course and admission numbers."""
    return Digest(hashlib.sha256(canonical_json({"course": course_id, "completed": list(listed)})).digest())
