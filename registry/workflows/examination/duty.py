"""Duty: who watches and who assesses in which room, and whether they are enough."""

from collections import Counter
from collections.abc import Sequence

from registry.access import require_named
from registry.assessment import RoomStaff, StaffFinding, staff_findings
from registry.kernel.errors import Conflict
from registry.ports import Clock
from registry.ports.examinations import ExamSession, StaffMember
from registry.ports.storage import Store, UnitOfWork
from registry.programme import Catalogue, PaperKey, StaffRole
from registry.workflows.examination.examine import SessionClosed, SessionMalformed


class OnDutyElsewhere(Conflict):
    """Somebody is on duty in another room or role while the same paper is sat."""

    code = "exam/on-duty-elsewhere"

    def __init__(self, session: str, person: str) -> None:
        self.session, self.person = session, person
        super().__init__(f"{person} is on duty elsewhere during the same paper of session {session}")


def put_on_duty(
    store: Store,
    clock: Clock,
    session_id: str,
    *,
    paper: str,
    room: str,
    role: StaffRole,
    people: Sequence[str],
    person: str,
) -> None:
    """Put people on duty in a room for a paper. Raises NotHere, SessionClosed, SessionMalformed, OnDutyElsewhere."""
    now = clock.now()
    by = require_named(person, "putting people on duty")
    with store.write() as unit:
        session = unit.exam_sessions.session(session_id)
        if session.closed_at is not None:
            raise SessionClosed(session_id)
        if session.begins_at(paper) is None or room not in {one.name for one in session.rooms}:
            raise SessionMalformed("expected one of its papers and one of its rooms")
        wanted = [
            StaffMember(paper=paper, room=room, role=role, person=require_named(one, "duty"))
            for one in dict.fromkeys(people)
        ]
        duties = {one.person: one for one in unit.exam_sessions.staff(session_id) if one.paper == paper}
        for member in wanted:
            if duties.get(member.person, member) != member:
                raise OnDutyElsewhere(session_id, member.person)
        unit.exam_sessions.add_staff(session_id, wanted, by, now)
        unit.journal.write(at=now, person=by, action="exam.staff", subject=session_id, people=len(wanted))


def take_off_duty(store: Store, clock: Clock, session_id: str, member: StaffMember, *, person: str) -> None:
    """Take somebody off duty. Raises NotHere, SessionClosed."""
    now = clock.now()
    by = require_named(person, "taking people off duty")
    with store.write() as unit:
        if unit.exam_sessions.session(session_id).closed_at is not None:
            raise SessionClosed(session_id)
        unit.exam_sessions.withdraw_staff(session_id, member, now)
        unit.journal.write(at=now, person=by, action="exam.staff", subject=session_id, people=-1)


def staffing_of(unit: UnitOfWork, catalogue: Catalogue, session: ExamSession) -> tuple[StaffFinding, ...]:
    """Hold the people on duty against the programme's ratios, paper by paper."""
    programme = catalogue.by_digest(session.programme_digest)
    seats, staff = unit.exam_sessions.seats(session.id), unit.exam_sessions.staff(session.id)
    findings: list[StaffFinding] = []
    for timed in session.papers:
        sitting = Counter(seat.room for seat in seats if timed.paper in seat.papers)
        on_duty = Counter((one.room, one.role) for one in staff if one.paper == timed.paper)
        rooms = [
            RoomStaff(
                room=room.name,
                candidates=sitting[room.name],
                invigilators=on_duty[room.name, StaffRole.INVIGILATOR],
                assessors=on_duty[room.name, StaffRole.ASSESSOR],
            )
            for room in session.rooms
        ]
        findings += staff_findings(programme, PaperKey(timed.paper), rooms)
    return tuple(findings)
