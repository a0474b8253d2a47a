"""Courses, lists of completed hours, and the way of who is registered by a unit, on a database."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from registry.access import FourEyes
from registry.credential import parse, public_presentation
from registry.credential.v1 import IssuedCredential
from registry.enrolment import AdmissionState, RowsRefused
from registry.enrolment.admission import AdmissionOrder, AdmissionReasonMissing, AdmissionUndecided
from registry.enrolment.courses import TeacherRefused
from registry.ports.storage import NotHere
from registry.ports.training import OrganisationKind
from registry.programme import Bilingual, Title, load_catalogue
from registry.store.database import RowRefused
from registry.workflows.enrolment import admit, train
from registry.workflows.enrolment.enrol import UnitDiffers, UnitMissing, decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance import approve, issue
from tests.unit.registry.store.filled import BODY, ISSUER, NOW, Approver, CredentialKey, SettableClock
from tests.unit.registry.store.new_database import new_database

CATALOGUE = load_catalogue()
ONE, OTHER = "安小雨,110105199003070025", "卫子安,110101199003074135"
NAMED = Bilingual(zh="某单位", en="Some Unit")


class School:
    """A registry with one training body, one applying unit and one course."""

    def __init__(self, path) -> None:
        self.path = path
        self.store, self.clock, self.key = new_database(path), SettableClock(), CredentialKey()
        self.organisation("BODY-1", OrganisationKind.TRAINING_BODY)
        self.organisation("UNIT-1", OrganisationKind.APPLYING_UNIT)

    def organisation(self, code: str, kind: OrganisationKind, until: date | None = None):
        return admit.add_organisation(
            self.store, self.clock, code=code, kind=kind, name=NAMED, contact="0755-00000000",
            since=date(2026, 1, 1), until=until, person="alice",
        )  # fmt: skip

    def course(self, programme: str = "SMART-MFG", level: str = "1", body: str = "BODY-1"):
        return train.make_course(
            self.store, self.clock, CATALOGUE.programme(programme), body=body, level=level, units=(), person="alice"
        )

    def teach(self, course: str, teacher: str = "erin", *, level: str | None = "2", title=None, by: str = "alice"):
        return train.add_teacher(
            self.store, self.clock, CATALOGUE, course, teacher=teacher, holds_level=level, title=title, person=by
        )

    def enrol(self, programme: str, text: str, by_unit: str | None = None) -> list[str]:
        roster = import_roster(
            self.store, self.clock, CATALOGUE.programme(programme), text.encode(), person="alice", by_unit=by_unit
        ).roster
        with self.store.read() as unit:
            return [one.admission for one in unit.enrolments.applications(roster=roster.id)]

    def decide(self):
        return decide_applications(self.store, self.clock, CATALOGUE, ISSUER, person="alice")

    def attend(self, course: str, rows: list[str], *, confirmed: bool = True) -> str:
        data = ("准考证号,日期,学时\n" + "\n".join(rows) + "\n").encode()
        made = train.enter_attendance(self.store, self.clock, course, data, person="bob").list
        if confirmed:
            train.settle_attendance(self.store, self.clock, made.id, confirmed=True, person="carol")
        return made.id

    def certify(self, course: str):
        return train.certify_hours(self.store, self.clock, CATALOGUE, ISSUER, course, person="alice")

    def step(self, admission: str, state: AdmissionState, by: str = "bob", reason: str | None = None):
        return admit.take_step(self.store, self.clock, [admission], state, reason=reason, person=by)

    def eligible(self, admission: str) -> bool | None:
        with self.store.read() as unit:
            return unit.enrolments.application(admission).eligible

    def awaited(self, programme: str) -> dict[str, str]:
        with self.store.read() as unit:
            return unit.marks.awaited(programme)

    def issue(self, programme: str, level: str):
        batch = issue.propose(
            self.store, self.clock, CATALOGUE, BODY, self.key, programme=programme, level=level, person="alice"
        )
        approve.approve(
            self.store, self.clock, CATALOGUE, lambda thumbprint: self.key.public_key, Approver(), batch.id,
            person="dave",
        )  # fmt: skip
        with self.store.read() as unit:
            (stored,) = unit.batches.certificates(batch_id=batch.id)
        return parse(public_presentation(IssuedCredential(jwt=stored.jwt, disclosures=stored.disclosures)))


@pytest.fixture
def school(tmp_path):
    one = School(tmp_path / "registry.db")
    yield one
    one.store.close()


def days(admission: str, hours: int, first: date = date(2026, 6, 1)) -> list[str]:
    full, rest = divmod(hours, 8)
    sizes = [8] * full + ([rest] if rest else [])
    return [f"{admission},{first + timedelta(days=day)},{size}" for day, size in enumerate(sizes)]


def hours_class(school: School) -> tuple[str, str, str]:
    course = school.course().id
    school.teach(course)
    one, other = school.enrol("SMART-MFG-HOURS", f"姓名,证件号码,级别\n{ONE},初级\n{OTHER},初级\n")
    train.add_participants(school.store, school.clock, course, [one, other], person="alice")
    return course, one, other


# — courses and hours —


def test_complete_hours_become_a_certificate_and_one_hour_short_waits(school):
    course, one, other = hours_class(school)
    school.attend(course, days(one, 90) + days(other, 89))
    made = school.certify(course)
    assert (made.complete, made.short, made.needed) == ((one,), ((other, 89),), 90)
    assert made.sheet.examined_on == date(2026, 6, 12)  # the last day of who is on it
    with pytest.raises(FourEyes):
        confirm_sheet(school.store, school.clock, made.sheet.id, person="alice")
    with pytest.raises(issue.NothingToIssue):
        school.issue("SMART-MFG-HOURS", "1")
    confirm_sheet(school.store, school.clock, made.sheet.id, person="carol")
    presented = school.issue("SMART-MFG-HOURS", "1")
    assert presented.entry.training_hours == 90
    assert presented.disclosed.results == ()
    with pytest.raises(train.NothingToCertify):
        school.certify(course)
    school.attend(course, [f"{other},2026-09-01,1"])
    assert school.certify(course).complete == (other,)


def test_the_roster_does_not_say_how_many_hours_count(school):
    course = school.course().id
    (one,) = school.enrol("SMART-MFG-HOURS", f"姓名,证件号码,级别,完成学时\n{ONE},初级,90\n")
    train.add_participants(school.store, school.clock, course, [one], person="alice")
    assert school.decide().eligible == 0
    assert school.eligible(one) is None


def test_hours_count_only_once_a_second_person_confirmed_them(school):
    course, one, _ = hours_class(school)
    waiting = school.attend(course, days(one, 90), confirmed=False)
    with pytest.raises(train.NothingToCertify):
        school.certify(course)
    with pytest.raises(FourEyes):
        train.settle_attendance(school.store, school.clock, waiting, confirmed=True, person="BOB")
    train.settle_attendance(school.store, school.clock, waiting, confirmed=False, person="bob")
    with pytest.raises(train.ListSettled):
        train.settle_attendance(school.store, school.clock, waiting, confirmed=True, person="carol")
    with pytest.raises(train.NothingToCertify):
        school.certify(course)
    school.attend(course, days(one, 90))  # the same file, entered again
    assert school.certify(course).complete == (one,)


def test_the_same_attendance_twice_is_one_list(school):
    course, one, _ = hours_class(school)
    first = school.attend(course, days(one, 8))
    data = ("准考证号,日期,学时\n" + "\n".join(days(one, 8)) + "\n").encode()
    again = train.enter_attendance(school.store, school.clock, course, data, person="bob")
    assert (again.list.id, again.reading) == (first, None)


def test_a_course_without_a_teacher_certifies_nobody(school):
    course = school.course().id
    with pytest.raises(train.CourseUntaught):
        school.certify(course)


def test_teachers_are_checked_by_another_person(school):
    course = school.course(level="3").id
    with pytest.raises(TeacherRefused):
        school.teach(course, level="2")
    with pytest.raises(FourEyes):
        school.teach(course, level="3", by="Erin")
    school.teach(course, level=None, title=Title.SENIOR_ENGINEER)
    with pytest.raises(train.TeacherThere):
        school.teach(course, level="3")


def test_only_a_training_body_that_is_open_holds_a_course(school):
    school.organisation("BODY-2", OrganisationKind.TRAINING_BODY, until=date(2026, 10, 1))
    for body in ("UNIT-1", "BODY-2"):
        with pytest.raises(admit.OrganisationNotOpen):
            school.course(body=body)
    with pytest.raises(NotHere):
        school.course(body="BODY-3")
    today = NOW.date()
    admit.end_organisation(school.store, school.clock, "BODY-1", until=today, person="alice")
    school.course()
    admit.end_organisation(school.store, school.clock, "BODY-1", until=today - timedelta(days=1), person="alice")
    with pytest.raises(admit.OrganisationNotOpen):
        school.course()


def test_who_is_not_of_the_course_or_in_another_does_not_join(school):
    course, one, _ = hours_class(school)
    (senior,) = school.enrol("SMART-MFG-HOURS", f"姓名,证件号码,级别\n{ONE},高级\n")
    for wrong in (one, senior, "26110001009999"):
        with pytest.raises(train.ParticipantsRefused):
            train.add_participants(school.store, school.clock, course, [wrong], person="alice")


def test_a_programme_that_certifies_after_training_counts_the_course(school):
    course = school.course("EDGE-AI", "2").id
    row = f"姓名,证件号码,级别,文化程度,单位,电话,邮箱,完成学时\n{ONE},中级,高中,某公司,13800000000,an@example.cn,40\n"
    (one,) = school.enrol("EDGE-AI", row)
    train.add_participants(school.store, school.clock, course, [one], person="alice")
    school.decide()
    assert school.eligible(one) is None
    rows = "\n".join(
        f"{one},{place},2026-06-{place:02},{hours}" for place, hours in enumerate((4, 4, 6, 8, 4, 6, 8), 1)
    )
    data = f"准考证号,单元,日期,学时\n{rows}\n".encode()
    made = train.enter_attendance(school.store, school.clock, course, data, person="bob").list
    train.settle_attendance(school.store, school.clock, made.id, confirmed=True, person="carol")
    school.decide()
    assert school.eligible(one) is True


def test_an_award_is_issued_from_a_list_of_two_people(school):
    headings = "姓名,证件号码,赛事,届次,赛项,名次"
    (one,) = school.enrol("EDGE-AI-CONTEST", f"{headings}\n{ONE},某大赛,第二届,边缘计算,一等奖\n")
    school.decide()
    contest = CATALOGUE.programme("EDGE-AI-CONTEST")
    listed = record_scores(
        school.store, school.clock, contest, f"准考证号\n{one}\n".encode(), examined_on=date(2026, 11, 1), person="bob"
    ).sheet
    with pytest.raises(FourEyes):
        confirm_sheet(school.store, school.clock, listed.id, person="bob")
    confirm_sheet(school.store, school.clock, listed.id, person="carol")
    assert school.issue("EDGE-AI-CONTEST", "-").entry.award.rank == "一等奖"


# — admissions —

UNIT_ROSTER = f"姓名,证件号码,等级,文化程度,从业状态\n{ONE},五级,大专,从事\n"


def registered(school: School) -> str:
    (admission,) = school.enrol("AI-TRAINER", UNIT_ROSTER, by_unit="UNIT-1")
    return admission


def test_a_unit_takes_its_people_to_the_examination_step_by_step(school):
    admission = registered(school)
    school.decide()
    assert school.eligible(admission) is None  # not reviewed yet
    with pytest.raises(FourEyes):
        school.step(admission, AdmissionState.REVIEWED, by="ALICE")
    school.step(admission, AdmissionState.REVIEWED)
    with pytest.raises(AdmissionUndecided):
        school.step(admission, AdmissionState.FEE_PAID)
    assert school.decide().eligible == 1
    for state in (AdmissionState.FEE_PAID, AdmissionState.DOCUMENTS):
        assert school.awaited("AI-TRAINER") == {}
        school.step(admission, state)
    with pytest.raises(AdmissionOrder):
        school.step(admission, AdmissionState.FEE_PAID)
    assert school.awaited("AI-TRAINER") == {}
    school.step(admission, AdmissionState.ADMITTED)
    assert school.awaited("AI-TRAINER") == {admission: "5"}
    with school.store.read() as unit:
        (trail,) = unit.admissions.trails().values()
        assert unit.enrolments.application(admission).candidate.evidence.unit == "某单位"
    assert [(one.state.value, one.by) for one in trail.steps] == [
        ("pre-registered", "alice"),
        ("first-review-passed", "bob"),
        ("fee-paid", "bob"),
        ("documents-handed-in", "bob"),
        ("admitted", "bob"),
    ]


def test_no_individual_is_eligible_where_a_unit_must_register(school):
    (admission,) = school.enrol("AI-TRAINER", UNIT_ROSTER)
    assert school.decide().refused == 1
    assert school.eligible(admission) is False
    with pytest.raises(admit.NotRegisteredByUnit):
        school.step(admission, AdmissionState.REVIEWED)


def test_a_unit_that_only_stands_in_a_cell_registers_nobody(school):
    named = UNIT_ROSTER.replace("文化程度", "申报单位,文化程度").replace("五级,", "五级,某单位,")
    with pytest.raises(UnitMissing) as refused:
        school.enrol("AI-TRAINER", named)
    assert refused.value.lines == (2,)
    with school.store.read() as unit:
        assert unit.enrolments.rosters() == []
    assert len(school.enrol("AI-TRAINER", named, by_unit="UNIT-1")) == 1


def test_who_returned_somebody_does_not_register_them_anew(school):
    admission = registered(school)
    school.step(admission, AdmissionState.RETURNED, by="carol", reason="缺学历证明")
    with pytest.raises(FourEyes):
        school.step(admission, AdmissionState.PRE_REGISTERED, by="Carol")
    school.step(admission, AdmissionState.PRE_REGISTERED, by="dave")
    with pytest.raises(FourEyes):
        school.step(admission, AdmissionState.REVIEWED, by="dave")
    school.step(admission, AdmissionState.REVIEWED, by="carol")


def test_who_withdrew_may_be_registered_again_and_nobody_before(school):
    admission = registered(school)
    with pytest.raises(RowsRefused):
        school.enrol("AI-TRAINER", UNIT_ROSTER + "\n", by_unit="UNIT-1")
    with pytest.raises(AdmissionReasonMissing):
        school.step(admission, AdmissionState.WITHDRAWN)
    school.step(admission, AdmissionState.WITHDRAWN, reason="调离")
    assert school.enrol("AI-TRAINER", UNIT_ROSTER + "\n", by_unit="UNIT-1") != [admission]
    assert school.decide().eligible == 0


def test_a_roster_that_names_another_unit_is_refused_whole(school):
    text = f"姓名,证件号码,等级,文化程度,申报单位\n{ONE},五级,大专,别的公司\n"
    with pytest.raises(UnitDiffers) as refused:
        school.enrol("AI-TRAINER", text, by_unit="UNIT-1")
    assert refused.value.lines == (2,)
    with pytest.raises(admit.OrganisationNotOpen):
        school.enrol("AI-TRAINER", UNIT_ROSTER, by_unit="BODY-1")
    with school.store.read() as unit:
        assert unit.enrolments.rosters() == []


def test_one_step_that_fails_takes_none(school):
    first, second = school.enrol("AI-TRAINER", f"{UNIT_ROSTER}{OTHER},五级,大专,从事\n", by_unit="UNIT-1")
    school.step(second, AdmissionState.REVIEWED)
    with pytest.raises(AdmissionOrder):
        admit.take_step(school.store, school.clock, [first, second], AdmissionState.REVIEWED, reason=None, person="bob")
    with school.store.read() as unit:
        assert len(unit.admissions.trails([first])[first].steps) == 1


# — the database —


def test_reasons_are_not_readable_in_the_file_and_go_with_the_person(school):
    admission = registered(school)
    school.step(admission, AdmissionState.RETURNED, reason="缺身份证复印件")
    with school.store.read() as unit:
        assert unit.admissions.trails([admission])[admission].steps[-1].reason == "缺身份证复印件"
        person = unit.enrolments.application(admission).person
    school.store.settle()
    assert "缺身份证复印件".encode() not in school.path.read_bytes()
    with school.store.write() as unit:
        unit.enrolments.erase(person, datetime(2026, 11, 23, tzinfo=UTC))
    with school.store.read() as unit:
        assert unit.admissions.trails([admission])[admission].steps[-1].reason is None


def test_two_who_take_the_same_step_at_once_are_one(school):
    admission = registered(school)
    with school.store.read() as unit:
        stale = unit.admissions.trails([admission])[admission]
    school.step(admission, AdmissionState.REVIEWED)
    step = stale.take(
        admit.AdmissionStep(state=AdmissionState.REVIEWED, unit="UNIT-1", by="carol", at=NOW), eligible=None
    )
    with pytest.raises(RowRefused), school.store.write() as unit:
        unit.admissions.add_steps([(admission, step)])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE admission_step SET state = 'admitted'",
        "DELETE FROM admission_step",
        "INSERT INTO admission_step SELECT admission, 5, 'admitted', unit, taken_by, taken_at, reason, seal"
        " FROM admission_step LIMIT 1",
        "UPDATE attended SET hours = 90",
        "DELETE FROM attended",
        "UPDATE attendance_list SET confirmed = 0",
        "UPDATE participant SET course = 'H'",
        "UPDATE course_teacher SET holds_level = '3'",
        "UPDATE organisation SET name_zh = 'x'",
    ],
)
def test_the_database_itself_refuses_to_change_or_skip_what_was_written(school, statement):
    registered(school)
    course, one, _ = hours_class(school)
    school.attend(course, days(one, 8))
    school.store.settle()
    with closing(sqlite3.connect(school.path)) as raw, pytest.raises(sqlite3.IntegrityError):
        raw.execute(statement)
