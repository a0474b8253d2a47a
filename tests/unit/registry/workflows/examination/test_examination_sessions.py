"""Sessions from the first registration to the last score: deadlines, seats, lateness, retakes, corrections."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from registry.access import FourEyes
from registry.assessment import (
    EntryKind,
    FailureKind,
    Fee,
    FunctionsDiffer,
    MarksIncomplete,
    MarkUnknown,
    ReasonMissing,
    SheetNotOpen,
    StandingState,
)
from registry.enrolment import AdmissionState, AdmissionStep, AdmissionTrail
from registry.ports.storage import NotHere
from registry.ports.training import Organisation, OrganisationKind
from registry.programme import Bilingual, StaffRole
from registry.store.sealing import SealBroken
from registry.workflows.examination.assess import return_sheet
from registry.workflows.examination.correct import (
    CertificateReserved,
    CorrectionConfirmed,
    CorrectionSuperseded,
    confirm_correction,
    correct_score,
)
from registry.workflows.examination.duty import OnDutyElsewhere, put_on_duty, staffing_of, take_off_duty
from registry.workflows.examination.exam_records import publications, records_of, result_on_sheet, session_days
from registry.workflows.examination.examine import (
    NotSeated,
    RegistrationClosed,
    RegistrationsRefused,
    SessionClosed,
    SessionMalformed,
    SessionNotOver,
    SignedInBefore,
    close_session,
    make_session,
    register,
    sign_in,
)
from registry.workflows.examination.mark_session import (
    AttendanceDiffers,
    Choice,
    SessionOpen,
    blank_session_sheet,
    parts_of,
    record_session_scores,
)
from tests.unit.registry.workflows.examination_stage import Stage, stage

MARCH, APRIL, MAY = date(2026, 3, 20), date(2026, 4, 20), date(2026, 5, 20)
BOTH = ["theory", "practice"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Stage]:
    made = stage(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def trained(world: Stage) -> tuple[Stage, list[str]]:
    """Candidates of the programme that knows every rule of sessions, registered by a unit."""
    return world, world.enrol("AI-TRAINER", "3", 3, unit="云帆数据")


def papers(world: Stage) -> tuple[str, str]:
    theory, practice = (paper.key for paper in world.programme("AI-TRAINER").papers_of("3"))
    return theory, practice


def standing_of(world: Stage, admission: str):
    with world.store.read() as unit:
        application = unit.enrolments.application(admission)
        programme = world.programme(application.programme)
        days = session_days(unit.exam_sessions.sessions(programme.code))
        return records_of(unit, {application.roster: programme}, [application], days)[admission]


# — registration —


def test_registration_is_open_to_the_day_of_the_deadline_and_no_longer(trained):
    world, (first, second, _) = trained
    session = world.session("AI-TRAINER", MARCH)
    assert session.registration_closes == MARCH - timedelta(days=22)
    world.clock.set_to(session.registration_closes, 23, 59)
    world.seat(session, [first])
    world.clock.set_to(session.registration_closes + timedelta(days=1), 0)
    with pytest.raises(RegistrationClosed) as closed:
        world.seat(session, [second])
    assert closed.value.closed_on == session.registration_closes


def test_seats_fill_room_after_room_and_never_beyond(trained):
    world, admissions = trained
    session = world.session("AI-TRAINER", MARCH, rooms={"B": 1, "A": 1})
    world.seat(session, admissions[:2])
    with world.store.read() as unit:
        seats = unit.exam_sessions.seats(session.id)
    assert [(one.room, one.kind, one.fee, one.by_unit) for one in seats] == [
        ("A", EntryKind.FIRST, Fee.FULL, True),
        ("B", EntryKind.FIRST, Fee.FULL, True),
    ]
    with world.store.read() as unit:
        assert (
            list(unit.marks.awaited("AI-TRAINER")) == admissions[2:]
        )  # the scores of the others come with the session
    with pytest.raises(RegistrationsRefused) as refused:
        world.seat(session, admissions[2:])
    assert [reason.zh for _, reason in refused.value.refusals] == ["座位已满"]


def test_one_candidate_who_cannot_be_seated_leaves_everybody_out(world):
    (good,) = world.enrol("AI-TRAINER", "3", 1)
    (refused_one,) = world.enrol("AI-TRAINER", "3", 1, eligible=False)
    (other,) = world.enrol("BLOCKCHAIN", "1", 1)
    (higher,) = world.enrol("AI-TRAINER", "2", 1)
    session = world.session("AI-TRAINER", MARCH, papers=papers(world))
    with pytest.raises(RegistrationsRefused) as refused:
        world.seat(session, [good, good, refused_one, other, higher, "99"])
    assert [(admission, reason.zh) for admission, reason in refused.value.refusals] == [
        (good, "已报名本场，或重复列出"),
        (refused_one, "未判定为符合条件"),
        (other, "报考的是另一个项目"),
        (higher, "本场不考该等级的全部科目"),
        ("99", "没有这个准考证号"),
    ]
    with world.store.read() as unit:
        assert unit.exam_sessions.seats(session.id) == []
    world.seat(session, [good])
    with pytest.raises(RegistrationsRefused):
        world.seat(session, [good])


@pytest.mark.parametrize("change", ["papers", "level", "past", "rooms", "capacity", "place", "room"])
def test_a_session_that_cannot_be_is_refused(world, change):
    of = world.programme("AI-TRAINER")
    theory, practice = papers(world)
    begins = {theory: world.clock.now() + timedelta(days=60), practice: world.clock.now() + timedelta(days=61)}
    rooms, place = {"A": 30}, "广州"
    match change:
        case "papers":
            begins["dancing"] = begins[theory]
        case "level":
            del begins[practice]
        case "past":
            begins[theory] = world.clock.now()
        case "rooms":
            rooms = {}
        case "capacity":
            rooms = {"A": 0}
        case "place":
            place = " "
        case _:
            rooms = {"A\n": 3}
    with pytest.raises(SessionMalformed):
        make_session(world.store, world.clock, of, place=place, begins=begins, rooms=rooms, person="clerk-1")


# — the day —


@pytest.mark.parametrize(("late", "admitted"), [((29, 59), True), ((30, 0), True), ((30, 1), False)])
def test_lateness_at_the_door(trained, late, admitted):
    world, (first, *_) = trained
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first])
    theory = papers(world)[0]
    world.clock.time = session.begins_at(theory) + timedelta(minutes=late[0], seconds=late[1])
    signed = sign_in(world.store, world.clock, world.catalogue, session.id, first, person="clerk-1")
    assert (signed.attendance.paper, signed.attendance.admitted) == (theory, admitted)
    assert signed.attendance.late_seconds == late[0] * 60 + late[1]
    with pytest.raises(SignedInBefore):
        sign_in(world.store, world.clock, world.catalogue, session.id, first, paper=theory, person="clerk-1")


def test_only_who_is_seated_signs_in_and_never_for_later(trained):
    world, (first, second, _) = trained
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first])
    for admission, paper in ((second, None), (first, "dancing")):
        with pytest.raises(NotSeated):
            sign_in(world.store, world.clock, world.catalogue, session.id, admission, paper=paper, person="clerk-1")
    ahead = world.clock.now() + timedelta(seconds=1)
    with pytest.raises(SessionMalformed):
        sign_in(world.store, world.clock, world.catalogue, session.id, first, arrived_at=ahead, person="clerk-1")


def test_closing_writes_down_who_was_absent_and_ends_it(trained):
    world, (first, second, third) = trained
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first, second])
    theory, practice = papers(world)
    last = max(one.begins_at for one in session.papers)
    for seconds in (-1, 0, 30 * 60):
        world.clock.time = last + timedelta(seconds=seconds)
        with pytest.raises(SessionNotOver) as open_still:
            close_session(world.store, world.clock, world.catalogue, session.id, person="clerk-1")
    assert open_still.value.open_until == last + timedelta(minutes=30, seconds=1)
    world.hold(session, {first: [theory, practice], second: [practice]})
    with world.store.read() as unit:
        rows = unit.exam_sessions.attendance(session.id)
        entry = [one for one in unit.journal.entries() if one.action == "exam.close"][-1]
    assert {(one.admission, one.paper, one.admitted, one.arrived_at is None) for one in rows} == {
        (first, theory, True, False),
        (first, practice, True, False),
        (second, theory, False, True),
        (second, practice, True, False),
    }
    assert (entry.detail["seats"], entry.detail["absent"]) == (2, 1)
    for step in (
        lambda: world.seat(session, [third]),
        lambda: sign_in(world.store, world.clock, world.catalogue, session.id, first, person="clerk-1"),
        lambda: close_session(world.store, world.clock, world.catalogue, session.id, person="clerk-1"),
    ):
        with pytest.raises(SessionClosed):
            step()


def test_the_database_itself_takes_nothing_into_a_closed_session(trained, tmp_path):
    world, (first, *_) = trained
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first])
    world.hold(session, {})
    with closing(sqlite3.connect(tmp_path / "registry.db")) as connection:
        for statement in (
            "INSERT INTO seat SELECT session, admission || '1', room, papers, kind, fee, by_unit, registered_by, "
            "registered_at, seal FROM seat",
            "INSERT INTO attendance SELECT session, admission, 'x', arrived_at, late_seconds, admitted, written_by, "
            "written_at, seal FROM attendance LIMIT 1",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="a session that was closed takes no"):
                connection.execute(statement)
        with pytest.raises(sqlite3.IntegrityError, match="a session that was closed stays closed"):
            connection.execute("UPDATE exam_session SET closed_by = 'x'")


# — duty —


def test_duty_is_held_against_the_ratios(world):
    admissions = world.enrol("BLOCKCHAIN", "1", 16)
    session = world.session("BLOCKCHAIN", MARCH, rooms={"A": 10, "B": 10})
    world.seat(session, admissions)

    def duty(paper, room, role, *people):
        put_on_duty(
            world.store, world.clock, session.id, paper=paper, room=room, role=role, people=people, person="clerk-1"
        )

    def findings():
        with world.store.read() as unit:
            return [
                (one.paper, one.room, one.needed, one.present, one.held)
                for one in staffing_of(unit, world.catalogue, session)
            ]

    assert findings() == [
        ("theory", "A", 2, 0, False),
        ("theory", "B", 2, 0, False),
        ("practice", None, 3, 0, False),
    ]
    duty("theory", "A", StaffRole.INVIGILATOR, "erin", "frank", "erin")
    duty("theory", "B", StaffRole.INVIGILATOR, "grace", "heidi")
    duty("practice", "A", StaffRole.ASSESSOR, "erin", "frank", "ivan")
    assert [held for *_, held in findings()] == [True, True, True]
    with pytest.raises(OnDutyElsewhere):
        duty("theory", "B", StaffRole.INVIGILATOR, "erin")
    with pytest.raises(SessionMalformed):
        duty("theory", "C", StaffRole.INVIGILATOR, "judy")
    with world.store.read() as unit:
        ivan = next(one for one in unit.exam_sessions.staff(session.id) if one.person == "ivan")
    take_off_duty(world.store, world.clock, session.id, ivan, person="clerk-1")
    assert findings()[-1] == ("practice", None, 3, 2, False)
    with pytest.raises(NotHere):
        take_off_duty(world.store, world.clock, session.id, ivan, person="clerk-1")
    duty("practice", "A", StaffRole.ASSESSOR, "ivan")
    assert findings()[-1] == ("practice", None, 3, 3, True)


# — scores and retakes —


def test_a_retake_passed_takes_both_sessions_to_a_result(trained):
    world, (first, second, third) = trained
    theory, practice = papers(world)
    sessions = [world.session("AI-TRAINER", day) for day in (MARCH, APRIL, MAY)]
    world.seat(sessions[0], [first, second, third])
    heading = f"准考证号,{theory},{practice}\n"
    world.clock.set_to(MARCH - timedelta(days=1))
    world.hold(sessions[0], {first: [theory, practice], second: [theory, practice]})

    awaited = standing_of(world, first)
    assert (awaited.awaited, awaited.standing.state) == (sessions[0].id, StandingState.NOT_SAT)
    world.mark(sessions[0], f"{heading}{first},60,59.99\n{second},59.99,0\n{third},缺考,缺考\n")
    assert standing_of(world, first).standing.state is StandingState.RETAKE
    assert standing_of(world, second).standing.state is StandingState.FAILED
    assert standing_of(world, third).standing.fee is Fee.ASSESSMENT_AGAIN

    world.clock.set_to(APRIL - timedelta(days=22))
    world.seat(sessions[1], [first, third])
    with world.store.read() as unit:
        seats = {one.admission: one for one in unit.exam_sessions.seats(sessions[1].id)}
    assert (seats[first].kind, seats[first].papers, seats[first].fee) == (
        EntryKind.RETAKE,
        (practice,),
        Fee.ASSESSMENT,
    )
    assert (seats[third].kind, seats[third].fee) == (EntryKind.FIRST, Fee.ASSESSMENT_AGAIN)
    world.clock.set_to(APRIL - timedelta(days=1))
    world.hold(sessions[1], {first: [practice], third: [theory, practice]})
    world.mark(sessions[1], f"{heading}{first},,60\n{third},80,79.5\n")
    record = standing_of(world, first)
    assert (record.awaited, record.standing.state, record.standing.dates) == (
        None,
        StandingState.PASSED,
        (MARCH, APRIL),
    )
    with world.store.read() as unit:
        application, retaken = unit.enrolments.application(first), unit.marks.sheets()[-1].id
        marks = [one for one in unit.marks.marks(retaken) if one.admission == first]
        result = result_on_sheet(unit, world.programme("AI-TRAINER"), application, retaken, marks)
    assert [(one.paper, one.score_hundredths) for one in result.papers] == [(theory, 6000), (practice, 6000)]
    assert len(marks) == 1
    with world.store.read() as unit:
        marked = {one.application.admission: one for one in unit.marks.confirmed("AI-TRAINER", "3")}
    assert {(mark.paper, mark.hundredths) for mark in marked[first].marks} == {(theory, 6000), (practice, 6000)}
    world.clock.set_to(MAY - timedelta(days=22))
    with pytest.raises(RegistrationsRefused) as refused:
        world.seat(sessions[2], [first])
    assert refused.value.refusals[0][1].zh == "已经合格，不再报考"


def test_a_retake_failed_means_everything_anew(trained):
    world, (first, *_) = trained
    theory, practice = papers(world)
    sessions = [world.session("AI-TRAINER", day) for day in (MARCH, APRIL, MAY)]
    heading = f"准考证号,{theory},{practice}\n"
    for session, row, present in (
        (sessions[0], "60,59.99", [theory, practice]),
        (sessions[1], ",59.99", [practice]),
    ):
        world.clock.set_to(session.held_on - timedelta(days=22))
        world.seat(session, [first])
        world.hold(session, {first: present})
        world.mark(session, f"{heading}{first},{row}\n")
    assert standing_of(world, first).standing.state is StandingState.FAILED
    world.clock.set_to(MAY - timedelta(days=22))
    world.seat(sessions[2], [first])
    with world.store.read() as unit:
        seat = unit.exam_sessions.seats_of([first])[-1]
    assert (seat.kind, seat.papers, seat.fee) == (EntryKind.ANEW, (theory, practice), Fee.FULL)


@pytest.fixture
def retaken(trained) -> tuple[Stage, str, str]:
    """A candidate who passed theory in March and practice in May: the stage, the candidate, the sheet of March."""
    world, (first, *_) = trained
    theory, practice = papers(world)
    heading, sheets = f"准考证号,{theory},{practice}\n", []
    sessions = [world.session("AI-TRAINER", day) for day in (MARCH, MAY)]
    for session, row, present in zip(sessions, ("60,59", ",90"), ([theory, practice], [practice]), strict=True):
        world.clock.set_to(session.held_on - timedelta(days=22))
        world.seat(session, [first])
        world.hold(session, {first: present})
        sheets.append(world.mark(session, f"{heading}{first},{row}\n"))
    return world, first, sheets[0]


def test_a_session_set_later_makes_nothing_else_of_a_retake(retaken):
    world, first, _ = retaken
    passed = standing_of(world, first).standing
    assert (passed.state, passed.dates) == (StandingState.PASSED, (MARCH, MAY))
    world.clock.set_to(MARCH + timedelta(days=5))  # once a seat in May was taken
    world.session("AI-TRAINER", APRIL)
    assert standing_of(world, first).standing == passed
    with world.store.read() as unit:
        waiting = {one.session.held_on: one.waiting for one in publications(unit, world.catalogue, MAY)}
    assert waiting == {MARCH: 0, APRIL: 0, MAY: 1}


@pytest.mark.parametrize(("practice_too", "state"), [(False, StandingState.FAILED), (True, StandingState.PASSED)])
def test_a_score_corrected_after_the_retake_counts_as_it_is_now(retaken, practice_too, state):
    world, first, sheet = retaken
    theory, practice = papers(world)
    given = {practice: 6000} if practice_too else {theory: 5000}
    for paper, score in given.items():
        correction = correct(world, sheet, first, paper, score)
        confirm_correction(world.store, world.clock, correction.id, person="clerk-2")
    record = standing_of(world, first)
    assert (record.awaited, record.standing.state) == (None, state)
    with world.store.read() as unit:
        assert next(one.waiting for one in publications(unit, world.catalogue, MAY)) == practice_too


def test_who_was_turned_away_fails_for_that_reason(trained):
    world, (first, *_) = trained
    theory, practice = papers(world)
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first])
    world.clock.time = session.begins_at(theory) + timedelta(minutes=31)
    sign_in(world.store, world.clock, world.catalogue, session.id, first, paper=theory, person="clerk-1")
    world.hold(session, {first: [practice]})
    sheet = world.mark(session, f"准考证号,{theory},{practice}\n{first},缺考,60\n")
    with world.store.read() as unit:
        of = unit.enrolments.application(first)
        result = result_on_sheet(unit, world.programme("AI-TRAINER"), of, sheet, unit.marks.marks(sheet))
    assert [one.failure and one.failure.kind for one in result.papers] == [FailureKind.LATE, None]
    record = standing_of(world, first)
    assert record.standing.reasons[0].zh.endswith("迟到，未予入场")
    assert record.standing.to_sit == (theory,)


def test_nobody_is_registered_again_while_scores_are_awaited(trained):
    world, (first, *_) = trained
    sessions = [world.session("AI-TRAINER", day) for day in (MARCH, APRIL)]
    world.seat(sessions[0], [first])
    with pytest.raises(RegistrationsRefused) as refused:
        world.seat(sessions[1], [first])
    assert refused.value.refusals[0][1].zh == f"{sessions[0].id}的成绩尚未核对"


def test_scores_wait_for_the_end_and_agree_with_who_came(trained):
    world, (first, second, _) = trained
    theory, practice = papers(world)
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first, second])
    sheet = f"准考证号,{theory},{practice}\n{first},60,60\n{second},60,60\n".encode()

    def enter(data):
        return record_session_scores(world.store, world.clock, world.catalogue, session.id, data, person="clerk-1")

    with pytest.raises(SessionOpen):
        enter(sheet)
    world.hold(session, {first: [theory, practice], second: [theory]})
    with pytest.raises(AttendanceDiffers) as differs:
        enter(sheet)
    assert differs.value.admissions == (second,)
    bad = enter(f"准考证号,{theory},{practice}\n{first},60,60\n".encode())
    assert (bad.sheet, [one.code for one in bad.problems]) == (None, ["exam/missing-candidates"])
    right = f"准考证号,{theory},{practice}\n{first},60,60\n{second},60,缺考\n".encode()
    kept = enter(right)
    assert kept.sheet is not None
    assert enter(right).repeated
    return_sheet(world.store, world.clock, kept.sheet.id, reason="mixed up", person="clerk-2")
    again = enter(right)
    assert again.sheet is not None
    assert again.sheet.id != kept.sheet.id


def test_scores_by_function_are_computed_and_kept(world):
    processing = world.enrol("BIG-DATA", "1", 1, direction="processing")
    management = world.enrol("BIG-DATA", "1", 1, direction="management")
    session = world.session("BIG-DATA", MARCH)
    world.seat(session, [*processing, *management])
    world.hold(session, {one: BOTH for one in (*processing, *management)})
    with world.store.read() as unit:
        assert {(one.direction, one.candidates) for one in parts_of(unit, session.id)} == {
            ("processing", 1),
            ("management", 1),
        }
    choice = Choice(level="1", direction="processing")
    blank, rows = blank_session_sheet(world.store, world.catalogue, session.id, choice)
    assert rows == 1
    heading, row = blank.decode("utf-8-sig").split()
    filled = f"{heading}\n{row.rstrip(',')},60,70,80.5,90,50,40.25,60,70,80.5,90\n"
    sheet = world.mark(session, filled, by_function=choice)
    with world.store.read() as unit:
        marks = {one.paper: one.hundredths for one in unit.marks.marks(sheet)}
        functions = unit.corrections.function_marks(sheet)
        assert [(one.direction, one.candidates) for one in parts_of(unit, session.id)] == [("management", 1)]
    assert marks == {"theory": 6616, "practice": 7605}
    assert [(one.function, one.hundredths) for one in functions][-1] == ("processing-application", 9000)
    with pytest.raises(SessionMalformed):
        blank_session_sheet(world.store, world.catalogue, session.id, Choice(level="1"))


# — corrections —


@pytest.fixture
def marked(trained) -> tuple[Stage, str, str, str]:
    """A candidate with 60 and 59.99 on a confirmed sheet: the stage, the sheet, the candidate, the practice paper."""
    world, (first, *_) = trained
    theory, practice = papers(world)
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first])
    world.hold(session, {first: [theory, practice]})
    sheet = world.mark(session, f"准考证号,{theory},{practice}\n{first},60,59.99\n")
    return world, sheet, first, practice


def correct(world, sheet, admission, paper, score, **more):
    given = {"reason": "合分有误", "person": "clerk-1"} | more
    return correct_score(
        world.store, world.clock, world.catalogue, sheet, admission, paper=paper, score_hundredths=score, **given
    )


def score_of(world, sheet, paper):
    with world.store.read() as unit:
        return next(one.hundredths for one in unit.marks.marks(sheet) if one.paper == paper)


def test_a_correction_counts_once_a_second_person_confirmed_it(marked):
    world, sheet, first, practice = marked
    correction = correct(world, sheet, first, practice, 6100)
    assert score_of(world, sheet, practice) == 5999
    with pytest.raises(FourEyes):
        confirm_correction(world.store, world.clock, correction.id, person="CLERK-1")
    confirmed = confirm_correction(world.store, world.clock, correction.id, person="clerk-2")
    assert (confirmed.confirmed_by, confirmed.reason) == ("clerk-2", "合分有误")
    assert score_of(world, sheet, practice) == 6100
    assert standing_of(world, first).standing.state is StandingState.PASSED
    with world.store.read() as unit:
        entries = [one for one in unit.journal.entries() if one.detail.get("correction") == correction.id]
        marked_so = next(unit.marks.confirmed("AI-TRAINER", "3"))
    assert [one.action for one in entries] == ["exam.correct", "exam.confirm-correction"]
    assert {one.hundredths for one in marked_so.marks} == {6000, 6100}
    assert "6100" not in str([one.detail for one in entries])
    with pytest.raises(CorrectionConfirmed):
        confirm_correction(world.store, world.clock, correction.id, person="clerk-3")


def test_only_the_newest_correction_of_a_score_can_be_confirmed(marked):
    world, sheet, first, practice = marked
    older, newer = correct(world, sheet, first, practice, 6100), correct(world, sheet, first, practice, 6200)
    with pytest.raises(CorrectionSuperseded) as superseded:
        confirm_correction(world.store, world.clock, older.id, person="clerk-2")
    assert superseded.value.newer == newer.id
    confirm_correction(world.store, world.clock, newer.id, person="clerk-2")
    absent = correct(world, sheet, first, practice, None)
    confirm_correction(world.store, world.clock, absent.id, person="clerk-2")
    assert score_of(world, sheet, practice) is None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"admission": "99"}, MarkUnknown),
        ({"paper": "dancing"}, MarkUnknown),
        ({"function": "ethics"}, MarkUnknown),
        ({"score": 10_001}, MarksIncomplete),
        ({"reason": " "}, ReasonMissing),
    ],
)
def test_a_correction_that_cannot_be_is_refused(marked, change, error):
    world, sheet, first, practice = marked
    wanted = {"admission": first, "paper": practice, "score": 6100} | change
    with pytest.raises(error):
        correct(world, sheet, wanted.pop("admission"), wanted.pop("paper"), wanted.pop("score"), **wanted)
    with world.store.read() as unit:
        assert unit.corrections.corrections() == []


@pytest.mark.parametrize("turned_away", [False, True])
def test_who_was_not_let_in_gets_no_score_by_a_correction(trained, turned_away):
    world, (first, *_) = trained
    theory, practice = papers(world)
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first])
    if turned_away:
        world.clock.time = session.begins_at(practice) + timedelta(minutes=31)
        sign_in(world.store, world.clock, world.catalogue, session.id, first, paper=practice, person="clerk-1")
    world.hold(session, {first: [theory]})
    sheet = world.mark(session, f"准考证号,{theory},{practice}\n{first},60,缺考\n")
    with pytest.raises(AttendanceDiffers) as refused:
        correct(world, sheet, first, practice, 9000)
    assert refused.value.admissions == (first,)
    confirm_correction(world.store, world.clock, correct(world, sheet, first, theory, 6100).id, person="clerk-2")
    assert (score_of(world, sheet, theory), score_of(world, sheet, practice)) == (6100, None)


def test_only_a_confirmed_sheet_is_corrected(trained):
    world, (first, *_) = trained
    theory, practice = papers(world)
    session = world.session("AI-TRAINER", MARCH)
    world.seat(session, [first])
    world.hold(session, {first: [theory, practice]})
    data = f"准考证号,{theory},{practice}\n{first},60,59\n".encode()
    sheet = record_session_scores(world.store, world.clock, world.catalogue, session.id, data, person="clerk-1").sheet
    with pytest.raises(SheetNotOpen):
        correct(world, sheet.id, first, practice, 6000)
    return_sheet(world.store, world.clock, sheet.id, reason="mixed up", person="clerk-2")
    with pytest.raises(SheetNotOpen):
        correct(world, sheet.id, first, practice, 6000)


def test_a_function_set_right_gives_the_papers_score_anew(world):
    (one,) = world.enrol("BLOCKCHAIN", "1", 1)
    session = world.session("BLOCKCHAIN", MARCH)
    world.seat(session, [one])
    world.hold(session, {one: BOTH})
    choice = Choice(level="1")
    blank, _ = blank_session_sheet(world.store, world.catalogue, session.id, choice)
    heading, row = blank.decode("utf-8-sig").split()
    sheet = world.mark(session, f"{heading}\n{row.rstrip(',')},60,70,80.5,90,50,60,70,80.5\n", by_function=choice)
    assert score_of(world, sheet, "practice") == 7120
    with pytest.raises(MarkUnknown):
        correct(world, sheet, one, "practice", 7000)
    with pytest.raises(FunctionsDiffer):
        correct(world, sheet, one, "practice", None, function="testing")
    for function, score, expected in (("testing", 8000, 7420), ("operation", 8150, 7460)):
        correction = correct(world, sheet, one, "practice", score, function=function)
        confirm_correction(world.store, world.clock, correction.id, person="clerk-2")
        assert score_of(world, sheet, "practice") == expected  # 60×30 + 80×30 + 80.5×40, then 81.5×40


def test_no_score_is_corrected_once_a_certificate_rests_on_it(marked, monkeypatch):
    world, sheet, first, practice = marked
    waiting = correct(world, sheet, first, practice, 6100)
    monkeypatch.setattr("registry.store.issuing.SqlBatches.reserved", lambda self, admissions: set(admissions))
    with pytest.raises(CertificateReserved):
        correct(world, sheet, first, practice, 6200)
    with pytest.raises(CertificateReserved):
        confirm_correction(world.store, world.clock, waiting.id, person="clerk-2")


# — publication —


def test_an_overdue_publication_is_visible(marked):
    world, sheet, first, practice = marked
    with world.store.read() as unit:
        (one,) = publications(unit, world.catalogue, MARCH)
    assert (one.seated, one.waiting, one.days_overdue) == (1, 0, 0)  # failed: no certificate is owed
    correction = correct(world, sheet, first, practice, 6000)
    confirm_correction(world.store, world.clock, correction.id, person="clerk-2")
    assert one.publication is not None
    for today, late in ((one.publication.expected, 0), (one.publication.expected + timedelta(days=9), 9)):
        with world.store.read() as unit:
            (found,) = publications(unit, world.catalogue, today)
        assert (found.waiting, found.days_overdue) == (1, late)


def test_register_names_what_is_not_there(world):
    with pytest.raises(NotHere):
        register(world.store, world.clock, world.catalogue, "E-2026-01-0009", [], person="clerk-1")


def test_an_edited_correction_is_not_read(marked, tmp_path):
    world, sheet, first, practice = marked
    correct(world, sheet, first, practice, 6100)
    with closing(sqlite3.connect(tmp_path / "registry.db", isolation_level=None)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="these columns of correction never change"):
            connection.execute("UPDATE correction SET hundredths = 10000")
        connection.execute("DROP TRIGGER correction_not_changed")
        connection.execute("UPDATE correction SET hundredths = 10000")
    with world.store.read() as unit:
        assert ("schema", "trigger correction_not_changed") in set(unit.unsealed_rows())
        assert "correction" in {table for table, _ in unit.unsealed_rows()}
        with pytest.raises(SealBroken):
            unit.corrections.corrections(sheet_id=sheet)


def test_who_is_on_the_way_through_a_unit_is_seated_once_admitted(trained):
    world, (first, *_) = trained
    session = world.session("AI-TRAINER", MARCH)
    trail = AdmissionTrail()

    def step(state, by):
        nonlocal trail
        with world.store.write() as unit:
            if not unit.admissions.organisations():
                organisation = Organisation(
                    code="YUNFAN",
                    kind=OrganisationKind.APPLYING_UNIT,
                    name=Bilingual(zh="云帆数据", en="Yunfan Data"),
                    contact="info@example.org",
                    since=date(2026, 1, 1),
                    until=None,
                    made_by="clerk-1",
                    made_at=world.clock.now(),
                )
                unit.admissions.add_organisation(organisation)
            taken = AdmissionStep(state=state, unit="YUNFAN", by=by, at=world.clock.now())
            trail = trail.take(taken, eligible=True)
            unit.admissions.add_steps([(first, trail)])

    for state, by in (
        (AdmissionState.PRE_REGISTERED, "unit-1"),
        (AdmissionState.REVIEWED, "clerk-1"),
        (AdmissionState.FEE_PAID, "clerk-1"),
        (AdmissionState.DOCUMENTS, "clerk-1"),
    ):
        step(state, by)
        with pytest.raises(RegistrationsRefused) as refused:
            world.seat(session, [first])
        assert refused.value.refusals[0][1].zh.startswith("单位报名尚未准予考试")
    step(AdmissionState.ADMITTED, "clerk-1")
    world.seat(session, [first])
