"""Examine: make a session, seat candidates, sign them in, close it.

1. a session is of one programme version: its papers with their beginnings, its rooms, its deadline by that version;
2. a candidate is seated whole or not at all: eligible, in time, for papers that the session has, in the one session in
   which a retake may be sat; rooms fill one after another;
3. whoever comes is signed in once a paper, and admitted by the version's rule of lateness;
4. closing writes down everybody who did not come; from then on nothing is added, and marks may be entered.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from registry.access import require_named
from registry.assessment import Admittance, admittance, doors_close, entry_into, registration, registration_closes
from registry.enrolment import STATE_NAMES, AdmissionState, AdmissionTrail
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import JsonValue, canonical_json
from registry.kernel.errors import Conflict, MalformedInput, Missing, RuleRefusal
from registry.ports import Clock
from registry.ports.examinations import Attendance, ExamSession, Room, Seat, TimedPaper
from registry.ports.storage import Application, Store, UnitOfWork
from registry.programme import Bilingual, Catalogue, Programme
from registry.workflows.enrolment.enrol import keep_programme
from registry.workflows.examination.exam_records import ExamRecord, records_of, session_day, session_days

MOST_SEATS: Final = 100_000
"""Largest room."""
_LONGEST_NAME: Final = 40


class SessionMalformed(MalformedInput):
    """What is said of a session cannot be."""

    code = "exam/session-malformed"

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(f"not a session: {detail}")


class SessionClosed(Conflict):
    """The session is closed: nobody is seated or signed in any more."""

    code = "exam/session-closed"

    def __init__(self, session: str) -> None:
        self.session = session
        super().__init__(f"session {session} is closed")


class SessionNotOver(Conflict):
    """A paper of the session has not begun yet, or who comes late to it is still admitted."""

    code = "exam/session-not-over"

    def __init__(self, session: str, open_until: datetime) -> None:
        self.session, self.open_until = session, open_until.astimezone(CHINA_TIME)
        super().__init__(f"session {session} admits candidates until {self.open_until:%Y-%m-%d %H:%M}")


class RegistrationClosed(RuleRefusal):
    """The last day of registration has passed."""

    code = "exam/registration-closed"

    def __init__(self, session: str, closed_on: date) -> None:
        self.session, self.closed_on = session, closed_on
        super().__init__(f"registration for session {session} ended with {closed_on}")


class RegistrationsRefused(RuleRefusal):
    """Some candidates cannot be seated, so nobody was."""

    code = "exam/registrations-refused"

    def __init__(self, refusals: "Sequence[tuple[str, Bilingual]]", total: int) -> None:
        self.refusals, self.refused, self.total = tuple(refusals), len(refusals), total
        super().__init__(f"{self.refused} of {total} candidates cannot be seated; nothing was stored")


class NotSeated(Missing):
    """A candidate is not registered for the session, or not for that paper."""

    code = "exam/not-seated"

    def __init__(self, session: str, admission: str) -> None:
        self.session, self.admission = session, admission
        super().__init__(f"candidate {admission} has no such paper to sit in session {session}")


class SignedInBefore(Conflict):
    """A candidate's arrival was written down before."""

    code = "exam/signed-in-before"

    def __init__(self, session: str, admission: str, paper: str) -> None:
        self.session, self.admission, self.paper = session, admission, paper
        super().__init__(f"candidate {admission} was signed in to {paper} of session {session} before")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What was written down of an arrival, and why it was decided so."""

    attendance: Attendance
    decision: Admittance


def make_session(
    store: Store,
    clock: Clock,
    programme: Programme,
    *,
    place: str,
    begins: Mapping[str, datetime],
    rooms: Mapping[str, int],
    person: str,
) -> ExamSession:
    """Make a session: `begins` by paper, `rooms` by name with their capacity. Raises SessionMalformed."""
    now = clock.now()
    by = require_named(person, "a session")
    _require_whole(programme, place, begins, rooms, now)
    held_on = min(begins.values()).astimezone(CHINA_TIME).date()
    with store.write() as unit:
        keep_programme(unit, programme, now)
        session = ExamSession(
            id=unit.next_name("E", now),
            programme=programme.code,
            programme_version=programme.version,
            programme_digest=programme.digest,
            held_on=held_on,
            place=place.strip(),
            registration_closes=registration_closes(programme.session, held_on),
            papers=tuple(
                TimedPaper(paper=paper, begins_at=at) for paper, at in sorted(begins.items(), key=lambda one: one[1])
            ),
            rooms=tuple(Room(name=name.strip(), capacity=capacity) for name, capacity in sorted(rooms.items())),
            made_by=by,
            made_at=now,
        )
        unit.exam_sessions.add(session)
        unit.journal.write(
            at=now, person=by, action="exam.session", subject=session.id, seats=session.capacity, rooms=len(rooms)
        )
        return unit.exam_sessions.session(session.id)


def _require_whole(
    programme: Programme, place: str, begins: Mapping[str, datetime], rooms: Mapping[str, int], now: datetime
) -> None:
    known = {paper.key for paper in programme.papers}
    if not begins or not begins.keys() <= known:
        raise SessionMalformed(f"expected a beginning for papers among {', '.join(sorted(known)) or 'none'}")
    if not any({paper.key for paper in programme.papers_of(one.code)} <= begins.keys() for one in programme.levels):
        raise SessionMalformed("no level has all its papers in it")
    if min(begins.values()) <= now:
        raise SessionMalformed("it would have begun already")
    if not rooms or not all(1 <= capacity <= MOST_SEATS for capacity in rooms.values()):
        raise SessionMalformed(f"expected rooms of 1 to {MOST_SEATS} seats")
    for name in (place, *rooms):
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise SessionMalformed(f"expected names of 1 to {_LONGEST_NAME} printable characters")


def register(
    store: Store, clock: Clock, catalogue: Catalogue, session_id: str, admissions: Iterable[str], *, person: str
) -> list[Seat]:
    """Seat candidates by their admission numbers, all or none.

    Raises NotHere, SessionClosed, RegistrationClosed, RegistrationsRefused.
    """
    now = clock.now()
    by = require_named(person, "a registration")
    wanted = list(admissions)
    with store.write() as unit:
        session = unit.exam_sessions.session(session_id)
        if session.closed_at is not None:
            raise SessionClosed(session_id)
        rules = catalogue.by_digest(session.programme_digest).session
        allowed = registration(rules, session.held_on, now.astimezone(CHINA_TIME).date())
        if not allowed.is_open:
            raise RegistrationClosed(session_id, allowed.closes or session.held_on)
        desk = _Registration(unit, catalogue, session)
        seats = desk.seats(wanted, by, now)
        if desk.refusals:
            raise RegistrationsRefused(desk.refusals, len(wanted))
        unit.exam_sessions.add_seats(seats)
        unit.journal.write(at=now, person=by, action="exam.register", subject=session_id, candidates=len(seats))
    return seats


class _Registration:
    """Seats candidates one after another, and collects why some cannot be."""

    def __init__(self, unit: UnitOfWork, catalogue: Catalogue, session: ExamSession) -> None:
        self._unit, self._session = unit, session
        rosters = unit.enrolments.rosters()
        self._programmes = {one.id: catalogue.by_digest(one.programme_digest) for one in rosters}
        self._days = session_days(unit.exam_sessions.sessions(session.programme))
        taken = unit.exam_sessions.seats(session.id)
        self._seated = {one.admission for one in taken}
        used = Counter(one.room for one in taken)
        self._free = [(room.name, room.capacity - used[room.name]) for room in session.rooms]
        self._known: dict[str, Application] = {}
        self._records: dict[str, ExamRecord] = {}
        self._trails: dict[str, AdmissionTrail] = {}
        self.refusals: list[tuple[str, Bilingual]] = []

    def seats(self, admissions: Sequence[str], by: str, now: datetime) -> list[Seat]:
        applications = self._unit.enrolments.of_admissions(list(dict.fromkeys(admissions)))
        ours = [one for one in applications if one.programme == self._session.programme]
        self._known = {one.admission: one for one in applications}
        self._records = records_of(self._unit, self._programmes, ours, self._days)
        self._trails = self._unit.admissions.trails(list(self._known))
        found: list[Seat] = []
        for admission in admissions:
            seat = self._seat(admission, by, now)
            if isinstance(seat, Bilingual):
                self.refusals.append((admission, seat))
            else:
                found.append(seat)
        return found

    def _seat(self, admission: str, by: str, now: datetime) -> Seat | Bilingual:
        if admission in self._seated:
            return Bilingual(zh="已报名本场，或重复列出", en="registered for this session before, or named twice")
        one = self._known.get(admission)
        if one is None:
            return Bilingual(zh="没有这个准考证号", en="no such admission number")
        if one.programme != self._session.programme:
            return Bilingual(zh="报考的是另一个项目", en="applied for another programme")
        if not one.eligible:
            return Bilingual(zh="未判定为符合条件", en="not decided to be eligible")
        state = self._trails[admission].state if admission in self._trails else None
        if state is not None and state is not AdmissionState.ADMITTED:
            name = STATE_NAMES[state]
            return Bilingual(zh=f"单位报名尚未准予考试：{name.zh}", en=f"not admitted through the unit: {name.en}")
        programme, record = self._programmes[one.roster], self._records[admission]
        if record.awaited is not None:
            return Bilingual(
                zh=f"{record.awaited}的成绩尚未核对", en=f"the scores of {record.awaited} are not confirmed yet"
            )
        entry = entry_into(programme, one.level, record.standing, session_day(self._session), self._days)
        if entry.kind is None:
            return entry.reason
        if not set(entry.papers) <= {paper.paper for paper in self._session.papers}:
            return Bilingual(zh="本场不考该等级的全部科目", en="the session does not have all papers of the level")
        room = next((name for name, free in self._free if free > 0), None)
        if room is None:
            return Bilingual(zh="座位已满", en="no seat is left")
        self._free = [(name, free - (name == room)) for name, free in self._free]
        self._seated.add(admission)
        return Seat(
            session=self._session.id,
            admission=admission,
            room=room,
            papers=entry.papers,
            kind=entry.kind,
            fee=entry.fee,
            by_unit=one.candidate.evidence.unit is not None,
            registered_by=by,
            registered_at=now,
        )


def sign_in(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    session_id: str,
    admission: str,
    *,
    person: str,
    paper: str | None = None,
    arrived_at: datetime | None = None,
) -> SignedIn:
    """Write down that a candidate came, now or earlier, and whether they are admitted.

    `paper`: left out, the one of theirs that is not signed yet and begins nearest. Raises NotHere, SessionClosed,
    NotSeated, SignedInBefore, and SessionMalformed for an arrival that lies ahead.
    """
    now = clock.now()
    by, came = require_named(person, "signing in"), arrived_at or now
    if came > now:
        raise SessionMalformed("the arrival lies ahead")
    with store.write() as unit:
        session = unit.exam_sessions.session(session_id)
        if session.closed_at is not None:
            raise SessionClosed(session_id)
        chosen, begins_at = _paper_to_sign(unit, session, admission, paper, came)
        decision = admittance(catalogue.by_digest(session.programme_digest).session, begins_at, came)
        row = Attendance(
            session=session_id,
            admission=admission,
            paper=chosen,
            arrived_at=came,
            late_seconds=decision.late_seconds,
            admitted=decision.admitted,
            written_by=by,
            written_at=now,
        )
        unit.exam_sessions.add_attendance([row])
    return SignedIn(attendance=row, decision=decision)


def _paper_to_sign(
    unit: UnitOfWork, session: ExamSession, admission: str, paper: str | None, came: datetime
) -> tuple[str, datetime]:
    seat = next((one for one in unit.exam_sessions.seats_of([admission]) if one.session == session.id), None)
    sits = {one.paper: one.begins_at for one in session.papers if seat is not None and one.paper in seat.papers}
    if not sits or (paper is not None and paper not in sits):
        raise NotSeated(session.id, admission)
    signed = {one.paper for one in unit.exam_sessions.attendance(session.id, admission)}
    left = {one: at for one, at in sits.items() if one not in signed and paper in {None, one}}
    if not left:
        raise SignedInBefore(session.id, admission, paper or ", ".join(sits))
    return min(left.items(), key=lambda one: (abs(one[1] - came), one[1]))


def close_session(store: Store, clock: Clock, catalogue: Catalogue, session_id: str, *, person: str) -> ExamSession:
    """Close a session once nobody is admitted to its last paper any more: who was not signed in was absent.

    The journal keeps a digest over its seats and its attendance. Raises NotHere, SessionClosed, SessionNotOver.
    """
    now = clock.now()
    by = require_named(person, "closing a session")
    with store.write() as unit:
        session = unit.exam_sessions.session(session_id)
        if session.closed_at is not None:
            raise SessionClosed(session_id)
        rules = catalogue.by_digest(session.programme_digest).session
        open_until = doors_close(rules, max(one.begins_at for one in session.papers))
        if now < open_until:
            raise SessionNotOver(session_id, open_until)
        seats = unit.exam_sessions.seats(session_id)
        signed = {(one.admission, one.paper) for one in unit.exam_sessions.attendance(session_id)}
        absent = [
            Attendance(
                session=session_id,
                admission=seat.admission,
                paper=paper,
                arrived_at=None,
                late_seconds=0,
                admitted=False,
                written_by=by,
                written_at=now,
            )
            for seat in seats
            for paper in seat.papers
            if (seat.admission, paper) not in signed
        ]
        unit.exam_sessions.add_attendance(absent)
        unit.exam_sessions.close(session_id, by, now)
        unit.journal.write(
            at=now,
            person=by,
            action="exam.close",
            subject=session_id,
            seats=len(seats),
            absent=len(absent),
            rows=session_digest(unit, session_id),
        )
        return unit.exam_sessions.session(session_id)


def session_digest(unit: UnitOfWork, session_id: str) -> str:
    """Compute SHA-256, hexadecimal, over JCS of who was seated and who came, as plain values."""
    seats: list[JsonValue] = [
        [one.admission, one.room, " ".join(one.papers), one.kind.value] for one in unit.exam_sessions.seats(session_id)
    ]
    came: list[JsonValue] = [
        [one.admission, one.paper, one.late_seconds, one.admitted, one.arrived_at is None]
        for one in unit.exam_sessions.attendance(session_id)
    ]
    return hashlib.sha256(canonical_json({"seats": seats, "attendance": came})).hexdigest()
