"""Sessions of an examination with their seats, attendance and staff."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select

from registry.assessment import EntryKind, Fee
from registry.kernel.identifiers import Digest
from registry.ports.examinations import Attendance, ExamSession, Room, Seat, StaffMember, TimedPaper
from registry.ports.storage import NotHere
from registry.programme import StaffRole
from registry.store.sessions import Row, Session, maybe_time, micros, pieces, time_of
from registry.store.tables import attendance, exam_paper, exam_room, exam_session, seat, session_staff


class SqlExamSessions:
    """Implements registry.ports.examinations.ExamSessions."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, session: ExamSession) -> None:
        """Keep a session with its papers and rooms."""
        closes = session.registration_closes
        self._session.add(
            exam_session,
            [
                {
                    "id": session.id,
                    "programme": session.programme,
                    "programme_version": session.programme_version,
                    "programme_digest": session.programme_digest,
                    "held_on": session.held_on.isoformat(),
                    "place": session.place,
                    "registration_closes": None if closes is None else closes.isoformat(),
                    "made_by": session.made_by,
                    "made_at": micros(session.made_at),
                }
            ],
        )
        self._session.add(
            exam_paper,
            [{"session": session.id, "paper": one.paper, "begins_at": micros(one.begins_at)} for one in session.papers],
        )
        self._session.add(
            exam_room,
            [{"session": session.id, "room": one.name, "capacity": one.capacity} for one in session.rooms],
        )

    def session(self, session_id: str) -> ExamSession:
        """Find one. Raises NotHere."""
        found = self._sessions(select(exam_session).where(exam_session.c.id == session_id))
        if not found:
            raise NotHere("session", session_id)
        return found[0]

    def sessions(self, programme: str | None = None) -> list[ExamSession]:
        """List sessions, of one programme or all, by day and id."""
        query = select(exam_session)
        return self._sessions(query if programme is None else query.where(exam_session.c.programme == programme))

    def _sessions(self, query: Select[Any]) -> list[ExamSession]:
        rows = self._session.rows(exam_session, query.order_by(exam_session.c.held_on, exam_session.c.id))
        return [_session(row, self._papers(row["id"]), self._rooms(row["id"])) for row in rows]

    def _papers(self, session_id: str) -> tuple[TimedPaper, ...]:
        query = select(exam_paper).where(exam_paper.c.session == session_id)
        rows = self._session.rows(exam_paper, query.order_by(exam_paper.c.begins_at, exam_paper.c.paper))
        return tuple(TimedPaper(paper=row["paper"], begins_at=time_of(row["begins_at"])) for row in rows)

    def _rooms(self, session_id: str) -> tuple[Room, ...]:
        query = select(exam_room).where(exam_room.c.session == session_id).order_by(exam_room.c.room)
        rows = self._session.rows(exam_room, query)
        return tuple(Room(name=row["room"], capacity=row["capacity"]) for row in rows)

    def close(self, session_id: str, person: str, at: datetime) -> None:
        """Close a session, once. Raises StateMoved."""
        self._session.change(
            exam_session, {"id": session_id}, {"closed_at": None}, closed_by=person, closed_at=micros(at)
        )

    def add_seats(self, seats: Sequence[Seat]) -> None:
        """Keep registrations."""
        self._session.add(
            seat,
            [
                {
                    "session": one.session,
                    "admission": one.admission,
                    "room": one.room,
                    "papers": " ".join(one.papers),
                    "kind": one.kind.value,
                    "fee": None if one.fee is None else one.fee.value,
                    "by_unit": int(one.by_unit),
                    "registered_by": one.registered_by,
                    "registered_at": micros(one.registered_at),
                }
                for one in seats
            ],
        )

    def seats(self, session_id: str) -> list[Seat]:
        """List who is registered, by admission number."""
        query = select(seat).where(seat.c.session == session_id).order_by(seat.c.admission)
        return [_seat(row) for row in self._session.rows(seat, query)]

    def seats_of(self, admissions: Sequence[str]) -> list[Seat]:
        """List candidates' registrations, each candidate's in the order in which they were made."""
        found: list[Seat] = []
        for piece in pieces(admissions):
            query = select(seat).where(seat.c.admission.in_(piece)).order_by(seat.c.registered_at, seat.c.session)
            found += [_seat(row) for row in self._session.rows(seat, query)]
        return found

    def add_attendance(self, rows: Sequence[Attendance]) -> None:
        """Keep who came; once for each candidate and paper."""
        self._session.add(
            attendance,
            [
                {
                    "session": one.session,
                    "admission": one.admission,
                    "paper": one.paper,
                    "arrived_at": None if one.arrived_at is None else micros(one.arrived_at),
                    "late_seconds": one.late_seconds,
                    "admitted": int(one.admitted),
                    "written_by": one.written_by,
                    "written_at": micros(one.written_at),
                }
                for one in rows
            ],
        )

    def attendance(self, session_id: str, admission: str | None = None) -> list[Attendance]:
        """List who came to a session, by admission number and paper."""
        query = select(attendance).where(attendance.c.session == session_id)
        if admission is not None:
            query = query.where(attendance.c.admission == admission)
        rows = self._session.rows(attendance, query.order_by(attendance.c.admission, attendance.c.paper))
        return [_attendance(row) for row in rows]

    def attendance_of(self, admissions: Sequence[str]) -> list[Attendance]:
        """List when candidates came, to whatever session."""
        found: list[Attendance] = []
        for piece in pieces(admissions):
            rows = self._session.rows(attendance, select(attendance).where(attendance.c.admission.in_(piece)))
            found += [_attendance(row) for row in rows]
        return found

    def add_staff(self, session_id: str, members: Sequence[StaffMember], person: str, at: datetime) -> None:
        """Put people on duty; who was withdrawn from the same duty has it again."""
        new = []
        for one in members:
            key = _duty(session_id, one)
            earlier = self._staff_row(key)
            if earlier is None:
                new.append({**key, "added_by": person, "added_at": micros(at)})
            elif earlier["withdrawn_at"] is not None:
                self._session.change_read(session_staff, earlier, {}, withdrawn_at=None)
        self._session.add(session_staff, new)

    def withdraw_staff(self, session_id: str, member: StaffMember, at: datetime) -> None:
        """Take somebody off duty. Raises NotHere."""
        row = self._staff_row(_duty(session_id, member))
        if row is None or row["withdrawn_at"] is not None:
            raise NotHere("duty", f"{session_id} {member.paper} {member.room} {member.person}")
        self._session.change_read(session_staff, row, {}, withdrawn_at=micros(at))

    def staff(self, session_id: str) -> list[StaffMember]:
        """List who is on duty, by paper, room, role and person."""
        table = session_staff.c
        query = select(session_staff).where(table.session == session_id, table.withdrawn_at.is_(None))
        rows = self._session.rows(session_staff, query.order_by(table.paper, table.room, table.role, table.person))
        return [
            StaffMember(paper=row["paper"], room=row["room"], role=StaffRole(row["role"]), person=row["person"])
            for row in rows
        ]

    def _staff_row(self, key: Row) -> Row | None:
        query = select(session_staff).where(*(session_staff.c[name] == value for name, value in key.items()))
        return self._session.row(session_staff, query)


def _duty(session_id: str, member: StaffMember) -> Row:
    return {
        "session": session_id,
        "paper": member.paper,
        "room": member.room,
        "role": member.role.value,
        "person": member.person,
    }


def _session(row: Row, papers: tuple[TimedPaper, ...], rooms: tuple[Room, ...]) -> ExamSession:
    closes = row["registration_closes"]
    return ExamSession(
        id=row["id"],
        programme=row["programme"],
        programme_version=row["programme_version"],
        programme_digest=Digest(row["programme_digest"]),
        held_on=date.fromisoformat(row["held_on"]),
        place=row["place"],
        registration_closes=None if closes is None else date.fromisoformat(closes),
        papers=papers,
        rooms=rooms,
        made_by=row["made_by"],
        made_at=time_of(row["made_at"]),
        closed_by=row["closed_by"],
        closed_at=maybe_time(row["closed_at"]),
    )


def _seat(row: Row) -> Seat:
    return Seat(
        session=row["session"],
        admission=row["admission"],
        room=row["room"],
        papers=tuple(row["papers"].split()),
        kind=EntryKind(row["kind"]),
        fee=None if row["fee"] is None else Fee(row["fee"]),
        by_unit=bool(row["by_unit"]),
        registered_by=row["registered_by"],
        registered_at=time_of(row["registered_at"]),
    )


def _attendance(row: Row) -> Attendance:
    return Attendance(
        session=row["session"],
        admission=row["admission"],
        paper=row["paper"],
        arrived_at=maybe_time(row["arrived_at"]),
        late_seconds=row["late_seconds"],
        admitted=bool(row["admitted"]),
        written_by=row["written_by"],
        written_at=time_of(row["written_at"]),
    )
