"""`vermilion exam session`: sessions, who is registered for them, who came, who is on duty, what is overdue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from api.commands.enrol import ProgrammeOption, chosen
from api.commands.exam_session_words import (
    attendance_word,
    expected_words,
    finding_document,
    paper_name,
    print_findings,
    publication_document,
    seat_document,
    session_document,
)
from api.commands.failures import error_document, print_error
from api.commands.options import HomeOption, JsonOption, PersonOption, person
from api.errors import exit_code
from api.terminal import ERR, OUT, counted, moment, next_command, note, print_fields, print_json, print_table, said
from api.wiring import Home
from registry.assessment import FEE_NAMES, EntryKind, registration
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import MalformedInput
from registry.ports.examinations import StaffMember
from registry.programme import Bilingual, StaffRole
from registry.workflows.examination.duty import put_on_duty, staffing_of, take_off_duty
from registry.workflows.examination.exam_records import publications
from registry.workflows.examination.examine import RegistrationsRefused, close_session, make_session
from registry.workflows.examination.examine import register as register_candidates
from registry.workflows.examination.examine import sign_in as sign_in_candidate

app = typer.Typer(no_args_is_help=True, help="Sessions: registration, sign-in, staff, publication.")

SessionArgument = Annotated[str, typer.Argument(help="Session, such as E-2026-12-0001.")]
_TIMES = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
_ENTRIES = {
    EntryKind.FIRST: Bilingual(zh="首考", en="first"),
    EntryKind.RETAKE: Bilingual(zh="补考", en="retake"),
    EntryKind.ANEW: Bilingual(zh="重新报考", en="anew"),
}


class OptionMalformed(MalformedInput):
    """A repeated option is not of the form name=value."""

    code = "input/option-form"

    def __init__(self, option: str, expected: str) -> None:
        self.option, self.expected = option, expected
        super().__init__(f"{option} expects {expected}")


@app.command(
    epilog="Example: vermilion exam session add --place 广州 --begins theory=2026-12-20T09:00 "
    "--begins practice=2026-12-20T14:00 --room A101=30 --room A102=30 --as clerk-1"
)
def add(
    place: Annotated[str, typer.Option("--place", help="City; a retake is in the next session of the same place.")],
    begins: Annotated[
        list[str], typer.Option("--begins", help="Paper and its beginning in Beijing time, for each paper.")
    ],
    room: Annotated[list[str], typer.Option("--room", help="Room and its seats, such as A101=30; as often as needed.")],
    programme: ProgrammeOption = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a session. Its deadline follows from the programme's rule."""
    found = Home.find(home)
    of = chosen(found, programme)
    made = make_session(
        found.store,
        found.clock,
        of,
        place=place,
        begins={paper: _moment(paper, at) for paper, at in _pairs("--begins", begins, "PAPER=TIME")},
        rooms={name: _seats(seats) for name, seats in _pairs("--room", room, "ROOM=SEATS")},
        person=person(by),
    )
    if as_json:
        print_json(session_document(made))
        return
    OUT.print(
        said(
            f"场次{made.id}：{made.held_on}，{made.place}，{made.capacity}个座位",
            f"session {made.id}: {made.held_on}, {made.place}, {counted(made.capacity, 'seat')}",
        )
    )
    open_until = registration(of.session, made.held_on, found.clock.now().astimezone(CHINA_TIME).date())
    note(said(open_until.reason.zh, open_until.reason.en))
    next_command(f"vermilion exam session register {made.id} ADMISSION… --as NAME")


def _pairs(option: str, given: Sequence[str], expected: str) -> list[tuple[str, str]]:
    pairs = [(name.strip(), value.strip()) for name, _, value in (one.partition("=") for one in given)]
    if not all(name and value for name, value in pairs) or len({name for name, _ in pairs}) < len(pairs):
        raise OptionMalformed(option, f"{expected}, each name once")
    return pairs


def _seats(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise OptionMalformed("--room", "a number of seats after =")
    return int(text)


def _moment(what: str, text: str) -> datetime:
    """Read a time in Beijing time."""
    for form in _TIMES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=CHINA_TIME)
        except ValueError:
            continue
    raise OptionMalformed(what, "a time such as 2026-12-20T09:00")


@app.command("list", epilog="Example: vermilion exam session list")
def list_sessions(programme: ProgrammeOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List sessions with their seats and deadlines."""
    found = Home.find(home)
    with found.store.read() as unit:
        sessions = unit.exam_sessions.sessions(programme)
        taken = {one.id: len(unit.exam_sessions.seats(one.id)) for one in sessions}
    if as_json:
        print_json([{**session_document(one), "seated": taken[one.id]} for one in sessions])
        return
    if not sessions:
        OUT.print(said("还没有场次", "no sessions yet"))
        note(said("建场次：vermilion exam session add --help", "to make one: vermilion exam session add --help"))
        return
    print_table(
        [
            said("场次", "session"),
            said("项目", "programme"),
            said("日期", "day"),
            said("地点", "place"),
            said("座位", "seats"),
            said("报名截止", "deadline"),
            said("状态", "state"),
        ],
        [
            [
                one.id,
                one.programme,
                one.held_on.isoformat(),
                one.place,
                f"{taken[one.id]}/{one.capacity}",
                one.registration_closes.isoformat() if one.registration_closes else "–",
                said("已结束", "closed") if one.closed_at else said("未结束", "open"),
            ]
            for one in sessions
        ],
    )


@app.command(epilog="Example: vermilion exam session show E-2026-12-0001")
def show(session: SessionArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a session: papers, rooms, who is registered and came, staff, expected publication. Names are not shown."""
    found = Home.find(home)
    with found.store.read() as unit:
        one = unit.exam_sessions.session(session)
        seats, attendance = unit.exam_sessions.seats(session), unit.exam_sessions.attendance(session)
        findings = staffing_of(unit, found.catalogue, one)
        today = found.clock.now().astimezone(CHINA_TIME).date()
        (published,) = publications(unit, found.catalogue, today, only=session)
    came = {(row.admission, row.paper): row for row in attendance}
    if as_json:
        document = session_document(one) | {
            "seats": [
                seat_document(seat)
                | {
                    "attendance": {
                        paper: None
                        if (seat.admission, paper) not in came
                        else {
                            "admitted": came[seat.admission, paper].admitted,
                            "late_seconds": came[seat.admission, paper].late_seconds,
                            "absent": came[seat.admission, paper].arrived_at is None,
                        }
                        for paper in seat.papers
                    }
                }
                for seat in seats
            ],
            "staffing": [finding_document(finding) for finding in findings],
            "publication": publication_document(published),
        }
        print_json(document)
        return
    of = found.catalogue.by_digest(one.programme_digest)
    print_fields(
        {
            said("场次", "session"): one.id,
            said("项目", "programme"): f"{one.programme} {one.programme_version}",
            said("地点", "place"): one.place,
            **{paper_name(of, timed.paper): moment(timed.begins_at) for timed in one.papers},
            said("座位", "seats"): f"{len(seats)}/{one.capacity}",
            said("报名截止", "deadline"): one.registration_closes or said("来源未规定", "the source names none"),
            said("预计公布", "expected publication"): expected_words(published),
            said("身份核验", "identity check"): said("来源未规定", "the source does not say")
            if of.session is None or of.session.identity_check is None
            else said(of.session.identity_check.zh, of.session.identity_check.en),
        }
    )
    print_table(
        [
            said("准考证号", "admission"),
            said("考场", "room"),
            said("类别", "kind"),
            said("科目", "papers"),
            said("应缴", "due"),
        ],
        [
            [
                seat.admission,
                seat.room,
                said(_ENTRIES[seat.kind].zh, _ENTRIES[seat.kind].en),
                " ".join(
                    f"{paper_name(of, paper)}{attendance_word(came.get((seat.admission, paper)))}"
                    for paper in seat.papers
                ),
                said("来源未规定", "not stated")
                if seat.fee is None
                else said(FEE_NAMES[seat.fee].zh, FEE_NAMES[seat.fee].en),
            ]
            for seat in seats
        ],
    )
    print_findings(findings)


@app.command(epilog="Example: vermilion exam session register E-2026-12-0001 26110001000001 --as clerk-1")
def register(
    session: SessionArgument,
    admission: Annotated[list[str] | None, typer.Argument(help="Admission numbers.")] = None,
    roster: Annotated[str | None, typer.Option("--roster", help="Everybody eligible of this roster.")] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register candidates, all or none; a retake is recognised, and the fee that is due said."""
    found = Home.find(home)
    wanted = list(admission or ())
    if roster is not None:
        with found.store.read() as unit:
            unit.enrolments.roster(roster)
            wanted += [one.admission for one in unit.enrolments.applications(roster=roster, eligible=True)]
    if not wanted:
        raise OptionMalformed("register", "admission numbers or --roster")
    try:
        seats = register_candidates(
            found.store, found.clock, found.catalogue, session, dict.fromkeys(wanted), person=person(by)
        )
    except RegistrationsRefused as refused:
        _print_refusals(refused, as_json=as_json)
        raise typer.Exit(exit_code(refused)) from refused
    if as_json:
        print_json([seat_document(one) for one in seats])
        return
    OUT.print(said(f"{session}：报名{len(seats)}人", f"{session}: {counted(len(seats), 'candidate')} registered"))
    for kind in EntryKind:
        of_kind = [one for one in seats if one.kind is kind]
        if of_kind and kind is not EntryKind.FIRST:
            note(said(f"其中{_ENTRIES[kind].zh}{len(of_kind)}人", f"of these {_ENTRIES[kind].en}: {len(of_kind)}"))


def _print_refusals(refused: RegistrationsRefused, *, as_json: bool) -> None:
    if as_json:
        refusals = [
            {"admission": admission, "reason": {"zh": reason.zh, "en": reason.en}}
            for admission, reason in refused.refusals
        ]
        print_json({"refusals": refusals, "error": error_document(refused)})
    else:
        print_table(
            [said("准考证号", "admission"), said("原因", "reason")],
            [[admission, said(reason.zh, reason.en)] for admission, reason in refused.refusals],
            console=ERR,
        )
    print_error(refused)


@app.command("sign-in", epilog="Example: vermilion exam session sign-in E-2026-12-0001 26110001000001 --as clerk-1")
def sign_in(
    session: SessionArgument,
    admission: Annotated[str, typer.Argument(help="Admission number.")],
    paper: Annotated[
        str | None, typer.Option("--paper", help="Paper; else the one that begins nearest to the arrival.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="Arrival in Beijing time; else now.")] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write down that a candidate came. Exit 1 where they came too late to be admitted."""
    found = Home.find(home)
    signed = sign_in_candidate(
        found.store,
        found.clock,
        found.catalogue,
        session,
        admission,
        person=person(by),
        paper=paper,
        arrived_at=None if at is None else _moment("--at", at),
    )
    row, decision = signed.attendance, signed.decision
    if as_json:
        print_json(
            {
                "session": session,
                "admission": admission,
                "paper": row.paper,
                "admitted": row.admitted,
                "late_seconds": row.late_seconds,
                "reason": {"zh": decision.reason.zh, "en": decision.reason.en},
            }
        )
    else:
        OUT.print(f"{admission} {row.paper}: {said(decision.reason.zh, decision.reason.en)}")
    if not row.admitted:
        raise typer.Exit(1)


@app.command(epilog="Example: vermilion exam session close E-2026-12-0001 --as clerk-1")
def close(
    session: SessionArgument, by: PersonOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Close a session once the doors of its last paper are shut: who was not signed in was absent. Then enter marks."""
    found = Home.find(home)
    closed = close_session(found.store, found.clock, found.catalogue, session, person=person(by))
    with found.store.read() as unit:
        absent = sum(one.arrived_at is None for one in unit.exam_sessions.attendance(session))
    if as_json:
        print_json({**session_document(closed), "absences": absent})
        return
    OUT.print(
        said(f"场次{session}已结束，缺考{absent}科次", f"session {session} is closed; {counted(absent, 'absence')}")
    )
    next_command(f"vermilion exam session record {session} FILE --as NAME")


@app.command(
    epilog="Example: vermilion exam session staff E-2026-12-0001 --paper theory --room A101 --role invigilator "
    "--member erin --member frank --as clerk-1"
)
def staff(
    session: SessionArgument,
    paper: Annotated[str | None, typer.Option("--paper", help="Paper.")] = None,
    room: Annotated[str | None, typer.Option("--room", help="Room.")] = None,
    role: Annotated[StaffRole | None, typer.Option("--role", help="What they do.")] = None,
    member: Annotated[list[str] | None, typer.Option("--member", help="Account; as often as needed.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Take them off duty.")] = False,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put people on duty, and hold those who are against the programme's ratios. Exit 1 where they are not enough."""
    found = Home.find(home)
    if member:
        if paper is None or room is None or role is None:
            raise OptionMalformed("--member", "--paper, --room and --role beside it")
        if off:
            for one in member:
                gone = StaffMember(paper=paper, room=room, role=role, person=one)
                take_off_duty(found.store, found.clock, session, gone, person=person(by))
        else:
            put_on_duty(
                found.store,
                found.clock,
                session,
                paper=paper,
                room=room,
                role=role,
                people=member,
                person=person(by),
            )
    with found.store.read() as unit:
        one_session = unit.exam_sessions.session(session)
        findings = staffing_of(unit, found.catalogue, one_session)
        on_duty = unit.exam_sessions.staff(session)
    if as_json:
        members = [
            {"paper": one.paper, "room": one.room, "role": one.role.value, "person": one.person} for one in on_duty
        ]
        print_json({"members": members, "staffing": [finding_document(one) for one in findings]})
    else:
        print_findings(findings)
        if not findings:
            note(said("来源未规定人员配比", "the source states no ratios"))
    if not all(one.held for one in findings):
        raise typer.Exit(1)


@app.command(epilog="Example: vermilion exam session overdue")
def overdue(
    every: Annotated[bool, typer.Option("--all", help="Also sessions that are not overdue.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List sessions whose certificates should have been published by now and are not."""
    found = Home.find(home)
    today = found.clock.now().astimezone(CHINA_TIME).date()
    with found.store.read() as unit:
        listed = [one for one in publications(unit, found.catalogue, today) if every or one.days_overdue]
    if as_json:
        print_json([{"session": one.session.id, **publication_document(one)} for one in listed])
        return
    if not listed:
        note(said("没有逾期未公布的场次", "no session is overdue"))
        return
    print_table(
        [
            said("场次", "session"),
            said("日期", "day"),
            said("预计公布", "expected"),
            said("等待", "waiting"),
            said("逾期", "overdue"),
        ],
        [
            [
                one.session.id,
                one.session.held_on.isoformat(),
                expected_words(one),
                f"{one.waiting}/{one.seated}",
                said(f"{one.days_overdue}天", counted(one.days_overdue, "day")) if one.days_overdue else "–",
            ]
            for one in listed
        ],
    )
