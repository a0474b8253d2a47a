"""Training bodies, applying units, the steps of admissions; courses and attendance. Rows are only added."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Exists, Select, exists, func, or_, select

from registry.enrolment import ENDED, AdmissionState, AdmissionStep, AdmissionTrail, Attended, CourseUnit
from registry.kernel.identifiers import Digest
from registry.ports.storage import NotHere
from registry.ports.training import AttendanceList, Course, Organisation, OrganisationKind, Teacher
from registry.programme import Bilingual, Title
from registry.store.sessions import Row, Session, maybe_time, micros, pieces, time_of
from registry.store.tables import (
    admission_step,
    application,
    attendance_list,
    attended,
    course,
    course_teacher,
    course_unit,
    organisation,
    participant,
    person,
)
from registry.store.vault import decrypt, encrypt, unwrap_person_key


class SqlAdmissions:
    """Implements registry.ports.training.Admissions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_organisation(self, new: Organisation) -> None:
        """Keep an organisation. Raises RowRefused where the code is taken."""
        self._session.add(
            organisation,
            [
                {
                    "code": new.code,
                    "kind": new.kind.value,
                    "name_zh": new.name.zh,
                    "name_en": new.name.en,
                    "contact": new.contact,
                    "since": new.since.isoformat(),
                    "until": None if new.until is None else new.until.isoformat(),
                    "made_by": new.made_by,
                    "made_at": micros(new.made_at),
                }
            ],
        )

    def organisation(self, code: str) -> Organisation:
        """Find one. Raises NotHere."""
        row = self._session.row(organisation, select(organisation).where(organisation.c.code == code))
        if row is None:
            raise NotHere("organisation", code)
        return _organisation(row)

    def organisations(self, kind: OrganisationKind | None = None) -> list[Organisation]:
        """List organisations by code."""
        query = select(organisation).order_by(organisation.c.code)
        if kind is not None:
            query = query.where(organisation.c.kind == kind.value)
        return [_organisation(row) for row in self._session.rows(organisation, query)]

    def end_organisation(self, code: str, until: date) -> None:
        """Write down an organisation's last day. Raises NotHere."""
        self.organisation(code)
        self._session.change(organisation, {"code": code}, {}, until=until.isoformat())

    def trails(self, admissions: Iterable[str] | None = None) -> dict[str, AdmissionTrail]:
        """Give the steps of applications, by admission number, those without any left out; None = of all."""
        query = (
            select(admission_step, application, person)
            .select_from(admission_step)
            .join(application, application.c.admission == admission_step.c.admission)
            .join(person, person.c.id == application.c.person)
        )
        found: dict[str, list[AdmissionStep]] = {}
        for asked in _narrowings(query, admissions):
            ordered = asked.order_by(admission_step.c.admission, admission_step.c.place)
            for row, _, whose in self._session.joined(ordered, admission_step, application, person):
                found.setdefault(row["admission"], []).append(self._step(row, whose))
        return {admission: AdmissionTrail(steps=tuple(steps)) for admission, steps in found.items()}

    def _step(self, row: Row, whose: Row) -> AdmissionStep:
        reason = None
        if row["reason"] is not None and whose["wrapped_key"] is not None:
            key = unwrap_person_key(self._session.keys, whose["id"], whose["wrapped_key"])
            reason = decrypt(key, whose["id"], _reason(row["admission"], row["place"]), row["reason"]).decode()
        return AdmissionStep(
            state=AdmissionState(row["state"]),
            unit=row["unit"],
            by=row["taken_by"],
            at=time_of(row["taken_at"]),
            reason=reason,
        )

    def add_steps(self, steps: Sequence[tuple[str, AdmissionTrail]]) -> None:
        """Keep the last step of each trail. Raises NotHere, RowRefused where another was first."""
        for piece in pieces(steps):
            keys = self._keys_of([admission for admission, trail in piece if trail.steps[-1].reason is not None])
            self._session.add(
                admission_step,
                [self._row(admission, trail, keys.get(admission)) for admission, trail in piece],
            )

    def _row(self, admission: str, trail: AdmissionTrail, of: tuple[str, bytes] | None) -> Row:
        step, place = trail.steps[-1], len(trail.steps)
        reason = None
        if step.reason is not None:
            if of is None:
                raise NotHere("application", admission)
            reason = encrypt(of[1], of[0], _reason(admission, place), step.reason.encode())
        return {
            "admission": admission,
            "place": place,
            "state": step.state.value,
            "unit": step.unit,
            "taken_by": step.by,
            "taken_at": micros(step.at),
            "reason": reason,
        }

    def _keys_of(self, admissions: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """Open the key of each candidate who was not erased: admission number → person, key."""
        query = select(application, person).join_from(application, person)
        rows = self._session.joined(query.where(application.c.admission.in_(admissions)), application, person)
        return {
            row["admission"]: (
                whose["id"],
                unwrap_person_key(self._session.keys, whose["id"], whose["wrapped_key"]),
            )
            for row, whose in rows
            if whose["wrapped_key"] is not None
        }


def waits_for_admission() -> Exists:
    """Say in SQL that an application is on its way through a unit's admission and not admitted."""
    step, admitted = admission_step.alias(), admission_step.alias()
    done = exists().where(
        admitted.c.admission == application.c.admission, admitted.c.state == AdmissionState.ADMITTED.value
    )
    return exists().where(step.c.admission == application.c.admission, ~done)


def ended_in_admission() -> Exists:
    """Say in SQL that an application was withdrawn, or refused after its eligibility was decided."""
    return exists().where(
        admission_step.c.admission == application.c.admission,
        admission_step.c.state.in_([one.value for one in ENDED]),
    )


class SqlCourses:
    """Implements registry.ports.training.Courses."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: Course) -> None:
        """Keep a course with its units."""
        self._session.add(
            course,
            [
                {
                    "id": new.id,
                    "body": new.body,
                    "programme": new.programme,
                    "programme_version": new.programme_version,
                    "programme_digest": new.programme_digest,
                    "level": new.level,
                    "made_by": new.made_by,
                    "made_at": micros(new.made_at),
                }
            ],
        )
        self._session.add(
            course_unit,
            [
                {
                    "course": new.id,
                    "place": place,
                    "name_zh": one.name.zh,
                    "name_en": one.name.en,
                    "hours": one.hours,
                }
                for place, one in enumerate(new.units, start=1)
            ],
        )

    def course(self, course_id: str) -> Course:
        """Find one. Raises NotHere."""
        row = self._session.row(course, select(course).where(course.c.id == course_id))
        if row is None:
            raise NotHere("course", course_id)
        return self._course(row)

    def courses(self) -> list[Course]:
        """List courses, oldest first."""
        rows = self._session.rows(course, select(course).order_by(course.c.made_at, course.c.id))
        return [self._course(row) for row in rows]

    def _course(self, row: Row) -> Course:
        query = select(course_unit).where(course_unit.c.course == row["id"]).order_by(course_unit.c.place)
        return Course(
            id=row["id"],
            body=row["body"],
            programme=row["programme"],
            programme_version=row["programme_version"],
            programme_digest=Digest(row["programme_digest"]),
            level=row["level"],
            units=tuple(
                CourseUnit(name=Bilingual(zh=unit["name_zh"], en=unit["name_en"]), hours=unit["hours"])
                for unit in self._session.rows(course_unit, query)
            ),
            made_by=row["made_by"],
            made_at=time_of(row["made_at"]),
        )

    def add_teacher(self, course_id: str, teacher: Teacher) -> None:
        """Keep who teaches. Raises RowRefused where that person is in the course already."""
        self._session.add(
            course_teacher,
            [
                {
                    "course": course_id,
                    "person": teacher.person,
                    "holds_level": teacher.holds_level,
                    "title": None if teacher.title is None else teacher.title.value,
                    "added_by": teacher.added_by,
                    "added_at": micros(teacher.added_at),
                }
            ],
        )

    def teachers(self, course_id: str) -> list[Teacher]:
        """List who teaches, by account."""
        query = select(course_teacher).where(course_teacher.c.course == course_id).order_by(course_teacher.c.person)
        return [
            Teacher(
                person=row["person"],
                holds_level=row["holds_level"],
                title=None if row["title"] is None else Title(row["title"]),
                added_by=row["added_by"],
                added_at=time_of(row["added_at"]),
            )
            for row in self._session.rows(course_teacher, query)
        ]

    def add_participants(self, course_id: str, admissions: Sequence[str], person: str, at: datetime) -> None:
        """Put applications into a course. Raises RowRefused where one is in a course already."""
        self._session.add(
            participant,
            [{"admission": one, "course": course_id, "added_by": person, "added_at": micros(at)} for one in admissions],
        )

    def participants(self, course_id: str) -> list[str]:
        """List the admission numbers in a course."""
        query = select(participant).where(participant.c.course == course_id).order_by(participant.c.admission)
        return [row["admission"] for row in self._session.rows(participant, query)]

    def course_of(self, admissions: Iterable[str]) -> dict[str, str]:
        """Name the course of each of these applications that is in one."""
        return {
            row["admission"]: row["course"]
            for piece in pieces(admissions)
            for row in self._session.rows(participant, select(participant).where(participant.c.admission.in_(piece)))
        }

    def add_list(self, new: AttendanceList, entries: Sequence[Attended]) -> None:
        """Keep an attendance list."""
        self._session.add(
            attendance_list,
            [
                {
                    "id": new.id,
                    "course": new.course,
                    "file_digest": new.file_digest,
                    "rows": new.rows,
                    "entered_by": new.entered_by,
                    "entered_at": micros(new.entered_at),
                }
            ],
        )
        self._session.add(
            attended,
            [
                {
                    "list": new.id,
                    "admission": one.admission,
                    "unit": one.unit,
                    "held_on": one.on.isoformat(),
                    "hours": one.hours,
                }
                for one in entries
            ],
        )

    def attendance_list(self, list_id: str) -> AttendanceList:
        """Find one. Raises NotHere."""
        row = self._session.row(attendance_list, select(attendance_list).where(attendance_list.c.id == list_id))
        if row is None:
            raise NotHere("attendance list", list_id)
        return _list(row)

    def lists(self, course_id: str) -> list[AttendanceList]:
        """List a course's attendance lists in the order of entry, returned ones too."""
        query = select(attendance_list).where(attendance_list.c.course == course_id)
        ordered = query.order_by(attendance_list.c.entered_at, func.length(attendance_list.c.id), attendance_list.c.id)
        return [_list(row) for row in self._session.rows(attendance_list, ordered)]

    def settle_list(self, list_id: str, person: str, at: datetime, *, confirmed: bool) -> None:
        """Confirm or return a list, once. Raises NotHere, StateMoved."""
        self.attendance_list(list_id)
        self._session.change(
            attendance_list,
            {"id": list_id},
            {"settled_at": None},
            settled_by=person,
            settled_at=micros(at),
            confirmed=int(confirmed),
        )

    def attended(self, course_id: str, *, waiting: bool = False) -> list[Attended]:
        """List what confirmed lists hold, by admission number and day; with `waiting` those that still wait too."""
        counts = attendance_list.c.confirmed == 1
        if waiting:
            counts = or_(counts, attendance_list.c.confirmed.is_(None))
        query = (
            select(attended, attendance_list)
            .join_from(attended, attendance_list)
            .where(attendance_list.c.course == course_id, counts)
            .order_by(attended.c.admission, attended.c.held_on, attended.c.unit)
        )
        return [
            Attended(
                admission=row["admission"],
                unit=row["unit"],
                on=date.fromisoformat(row["held_on"]),
                hours=row["hours"],
            )
            for row, _ in self._session.joined(query, attended, attendance_list)
        ]


def _narrowings(query: Select[Any], admissions: Iterable[str] | None) -> list[Select[Any]]:
    if admissions is None:
        return [query]
    return [query.where(admission_step.c.admission.in_(piece)) for piece in pieces(admissions)]


def _organisation(row: Row) -> Organisation:
    return Organisation(
        code=row["code"],
        kind=OrganisationKind(row["kind"]),
        name=Bilingual(zh=row["name_zh"], en=row["name_en"]),
        contact=row["contact"],
        since=date.fromisoformat(row["since"]),
        until=None if row["until"] is None else date.fromisoformat(row["until"]),
        made_by=row["made_by"],
        made_at=time_of(row["made_at"]),
    )


def _list(row: Row) -> AttendanceList:
    return AttendanceList(
        id=row["id"],
        course=row["course"],
        file_digest=Digest(row["file_digest"]),
        rows=row["rows"],
        entered_by=row["entered_by"],
        entered_at=time_of(row["entered_at"]),
        settled_by=row["settled_by"],
        settled_at=maybe_time(row["settled_at"]),
        confirmed=None if row["confirmed"] is None else bool(row["confirmed"]),
    )


def _reason(admission: str, place: int) -> str:
    return f"admission_step.reason/{admission}/{place}"
