"""Applications that turn on a person's judgement: open until it is made, then decided; and versions once used."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from registry.access import FourEyes, PersonUnnamed
from registry.assessment import ReasonMissing
from registry.enrolment import AdmissionState, Evidence, Judgement
from registry.kernel.identifiers import IssuerCode
from registry.programme import Catalogue, ProgrammeUnknown, ProgrammeVersionTwice, load_catalogue, read_programme
from registry.store import Database
from registry.store.candidates import candidate_document, candidate_of
from registry.store.sealing import seal
from registry.store.tables import application, judgement
from registry.workflows.auditing.audit_enrolments import enrolment_differences
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.enrolment.judge import (
    ApplicationDecided,
    AppliedAgain,
    JudgementConfirmed,
    JudgementSuperseded,
    NothingToJudge,
    NotRefused,
    confirm_judgement,
    judge_application,
    open_applications,
    override_refusal,
)
from tests.unit.registry.store.filled import KEYS
from tests.unit.registry.store.new_database import new_database
from tests.unit.registry.unit_people import step_all, unit_called

CATALOGUE = load_catalogue()
ISSUER = IssuerCode("DEMO-EEC")
# Made-up people; the numbers carry their check characters.
ONE, OTHER = "安小雨,110105199003070025", "鲍知行,110105199003070033"


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    database = new_database(tmp_path / "registry.db")
    yield database
    database.close()


def take(store: Database, code: str, headings: str, *rows: str, catalogue: Catalogue = CATALOGUE):
    text = f"姓名,证件号码,{headings}\n" + "".join(f"{row}\n" for row in rows)
    by_unit = unit_called(store, Clock(), "某公司") if "申报单位" in headings else None
    programme = catalogue.programme(code)
    taken = import_roster(store, Clock(), programme, text.encode(), person="clerk-1", by_unit=by_unit).roster
    if by_unit is not None:
        step_all(store, Clock(), AdmissionState.REVIEWED, "reviewer-1")
    return taken


def decided(store: Database, catalogue: Catalogue = CATALOGUE):
    done = decide_applications(store, Clock(), catalogue, ISSUER, person="clerk-1")
    return done.eligible, done.refused, done.to_judge


def judge(store: Database, admission: str, subject: str, *, favourable: bool = True, reason: str = "看过原件") -> str:
    """Enter a judgement as reviewer-1."""
    return judge_application(
        store, Clock(), CATALOGUE, admission,
        subject=subject, favourable=favourable, reason=reason, person="reviewer-1",
    ).id  # fmt: skip


def test_what_is_to_judge_stays_undecided_until_two_people_judged_it(store):
    take(store, "AIGC-POST", "级别", f"{ONE},通用级", f"{OTHER},专家级")
    assert decided(store) == (0, 0, 2)
    (first, subjects), (second, _) = open_applications(store, Clock(), CATALOGUE, ISSUER)
    assert subjects == ("admission",)
    entered = [
        judge(store, first, "admission", reason="材料齐全"),
        judge(store, second, "admission", favourable=False, reason="没有作品"),
    ]
    assert decided(store) == (0, 0, 2), "one person is not enough"
    for one in entered:
        with pytest.raises(FourEyes):
            confirm_judgement(store, Clock(), one, person="Reviewer-1 ")
        confirm_judgement(store, Clock(), one, person="reviewer-2")
    assert open_applications(store, Clock(), CATALOGUE, ISSUER) == []
    assert decided(store) == (1, 1, 0)
    with store.read() as unit:
        assert unit.enrolments.application(first).rule == "GENERAL"
        (finding,) = unit.enrolments.findings(second)
        assert finding["zh"] == "发证机构准入：经认定不符"
        (judgement,) = unit.enrolments.application(first).candidate.evidence.judgements
    assert judgement == Judgement(
        subject="admission",
        favourable=True,
        reason="材料齐全",
        person="reviewer-1",
        confirmed_by="reviewer-2",
        on=date(2026, 11, 1),
    )


def test_the_newest_judgement_on_a_thing_is_confirmed_once_and_before_the_decision(store):
    take(store, "AIGC-POST", "级别", f"{ONE},通用级")
    ((admission, _),) = open_applications(store, Clock(), CATALOGUE, ISSUER)
    earlier, newer = judge(store, admission, "admission"), judge(store, admission, "admission", favourable=False)
    with pytest.raises(JudgementSuperseded):
        confirm_judgement(store, Clock(), earlier, person="reviewer-2")
    confirm_judgement(store, Clock(), newer, person="reviewer-2")
    with pytest.raises(JudgementConfirmed):
        confirm_judgement(store, Clock(), newer, person="reviewer-2")
    late = judge(store, admission, "admission")
    assert decided(store) == (0, 1, 0)
    with pytest.raises(ApplicationDecided):
        confirm_judgement(store, Clock(), late, person="reviewer-2")
    with pytest.raises(ApplicationDecided):
        judge(store, admission, "admission")


def test_a_certificate_of_another_body_by_its_number_is_judged_before_anything_is_decided(store):
    take(
        store, "AIGC-APP-ENG", "级别,文化程度,已持证书", f"{ONE},中级,初中,GDSZ-2024-0012345", f"{OTHER},中级,初中,初级"
    )
    assert decided(store) == (0, 0, 2)
    (first, subjects), (second, _) = open_applications(store, Clock(), CATALOGUE, ISSUER)
    assert subjects == ("held-certificate",)
    for admission, favourable in ((first, True), (second, False)):
        entered = judge(store, admission, "held-certificate", favourable=favourable)
        confirm_judgement(store, Clock(), entered, person="reviewer-2")
    assert decided(store) == (1, 1, 0)
    with store.read() as unit:
        assert unit.enrolments.application(first).rule == "2a"


def test_two_people_override_a_refusal_and_what_the_rules_found_stays(store):
    roster = take(store, "AIGC-APP-ENG", "级别,文化程度,从业年限", f"{ONE},中级,初中,9", f"{OTHER},中级,高中,9").id
    assert decided(store) == (1, 1, 0)
    with store.read() as unit:
        refused, admitted = sorted(unit.enrolments.applications(roster=roster), key=lambda one: one.eligible)
        findings = unit.enrolments.findings(refused.admission)
    with pytest.raises(NotRefused):
        override_refusal(store, Clock(), admitted.admission, reason="没有理由", person="reviewer-1")
    with pytest.raises(ReasonMissing):
        override_refusal(store, Clock(), refused.admission, reason=" ", person="reviewer-1")
    asked = override_refusal(store, Clock(), refused.admission, reason="同等学力，已看原件", person="reviewer-1")
    with store.read() as unit:
        assert unit.enrolments.application(refused.admission).eligible is False, "one person is not enough"
    with pytest.raises(FourEyes):
        confirm_judgement(store, Clock(), asked.id, person="REVIEWER-1")
    confirm_judgement(store, Clock(), asked.id, person="reviewer-2")
    with store.read() as unit:
        now = unit.enrolments.application(refused.admission)
        assert (now.eligible, now.rule, now.overridden) == (True, None, True)
        assert unit.enrolments.findings(refused.admission) == findings
        assert not unit.enrolments.application(admitted.admission).overridden
        (kept,) = unit.judgements.judgements(refused.admission)
        journal = [(one.action, one.person, dict(one.detail)) for one in unit.journal.entries()][-2:]
        assert list(enrolment_differences(unit, CATALOGUE)) == []
    assert (kept.reason, kept.entered_by, kept.confirmed_by) == ("同等学力，已看原件", "reviewer-1", "reviewer-2")
    assert [one[:2] for one in journal] == [
        ("enrol.override", "reviewer-1"),
        ("enrol.confirm-judgement", "reviewer-2"),
    ]
    assert "同等学力" not in str(journal)


def test_a_refusal_is_not_overridden_while_the_person_has_applied_again(store):
    take(store, "AIGC-APP-ENG", "级别,文化程度,从业年限", f"{ONE},中级,初中,9")
    decided(store)
    with store.read() as unit:
        (refused,) = unit.enrolments.applications()
    asked = override_refusal(store, Clock(), refused.admission, reason="同等学力", person="reviewer-1")
    take(store, "AIGC-APP-ENG", "级别,文化程度,从业年限", f"{ONE},中级,高中,9")
    with pytest.raises(AppliedAgain):
        confirm_judgement(store, Clock(), asked.id, person="reviewer-2")


@pytest.mark.parametrize(
    ("edit", "subject"),
    [
        ("UPDATE application SET eligible = 1 WHERE admission = '26110001000001'", "26110001000001"),
        ("UPDATE application SET eligible = 0 WHERE admission = '26110001000002'", "26110001000002"),
        ("UPDATE judgement SET confirmed_by = NULL, confirmed_at = NULL WHERE id = 'J-2026-11-0001'", "J-2026-11-0001"),
        ("DELETE FROM judgement WHERE id = 'J-2026-11-0001'", "J-2026-11-0001"),
    ],
)
def test_fsck_finds_a_sealed_row_that_no_two_people_stand_behind(store, tmp_path, edit, subject):
    take(store, "AIGC-APP-ENG", "级别,文化程度,从业年限", f"{ONE},中级,初中,9", f"{OTHER},中级,初中,9")
    decided(store)
    asked = override_refusal(store, Clock(), "26110001000002", reason="同等学力", person="reviewer-1")
    confirm_judgement(store, Clock(), asked.id, person="reviewer-2")
    with store.read() as unit:
        assert list(enrolment_differences(unit, CATALOGUE)) == []
    with closing(sqlite3.connect(tmp_path / "registry.db")) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        assert database.execute(edit).rowcount == 1
        database.row_factory = sqlite3.Row
        for table in (judgement, application):  # whoever edits has the seals' key as well
            for row in database.execute(f"SELECT rowid, * FROM {table.name}").fetchall():
                columns = {name: row[name] for name in row.keys() if name not in {"rowid", "seal"}}  # noqa: SIM118
                database.execute(
                    f"UPDATE {table.name} SET seal = ? WHERE rowid = ?",
                    (seal(KEYS.seal, table, columns), row["rowid"]),
                )
    with store.read() as unit:
        found = [(one.code, one.subject) for one in enrolment_differences(unit, CATALOGUE)]
    assert ("fsck/judgement", subject) in found


def test_a_used_programme_file_may_change_or_go_and_nothing_becomes_unreadable(store, tmp_path):
    folder = tmp_path / "programmes" / "DRONE-PILOT"
    folder.mkdir(parents=True)
    file = folder / "2026.1.toml"
    file.write_text(EIGHTH, encoding="utf-8")
    take(store, "DRONE-PILOT", "", f"{ONE},", catalogue=load_catalogue(folder.parent))
    with store.read() as unit:
        kept = {(one.code, one.version): one.document for one in unit.programme_files.files()}
        (one,) = unit.enrolments.applications()
        digest = unit.enrolments.roster(one.roster).programme_digest
    assert kept == {("DRONE-PILOT", "2026.1"): EIGHTH.encode()}
    for change in (EIGHTH.replace("years = 18", "years = 16"), "no TOML at all ="):
        file.write_text(change, encoding="utf-8")
        catalogue = load_catalogue(folder.parent, kept)
        assert catalogue.by_digest(digest).document == EIGHTH.encode()
        with store.read() as unit:
            (found,) = enrolment_differences(unit, catalogue)
        assert (found.code, found.subject) == ("fsck/programme-file", "DRONE-PILOT/2026.1.toml")
        file.unlink()
        without = load_catalogue(folder.parent, kept)
        assert without.by_digest(digest).document == EIGHTH.encode()
        with store.read() as unit:
            assert list(enrolment_differences(unit, without)) == []
    assert [admission for admission, _ in open_applications(store, Clock(), without, ISSUER)] == [one.admission]
    with pytest.raises(ProgrammeUnknown):
        load_catalogue(folder.parent).by_digest(digest)


def test_only_what_the_rules_name_is_judged_with_a_reason_and_a_name(store):
    take(store, "AIGC-POST", "级别", f"{ONE},通用级")
    ((admission, _),) = open_applications(store, Clock(), CATALOGUE, ISSUER)
    for error, changes in (
        (NothingToJudge, {"subject": "related-major"}),
        (ReasonMissing, {"reason": "  "}),
        (PersonUnnamed, {"person": ""}),
    ):
        given = {"subject": "admission", "favourable": True, "reason": "材料齐全", "person": "reviewer-1", **changes}
        with pytest.raises(error):
            judge_application(store, Clock(), CATALOGUE, admission, **given)
    assert decided(store) == (0, 0, 1)


def test_one_level_at_a_time_lets_the_earlier_application_stand(store):
    headings = "等级,文化程度,申报单位,从业证明,申请认定"
    stated = "大专,某公司,社保记录、就业记录,相应职称及规定年限"
    take(store, "AI-TRAINER", headings, f"{ONE},二级,{stated}")
    take(store, "AI-TRAINER", headings, f"{ONE},一级,{stated}", f"{OTHER},一级,{stated}")
    waiting = open_applications(store, Clock(), CATALOGUE, ISSUER)
    assert [subjects for _, subjects in waiting] == [("corresponding-title",)] * 2, "the later of one person is a no"
    assert decided(store) == (0, 1, 2)


def test_a_version_that_was_used_never_changes(store):
    take(
        store,
        "EDGE-AI",
        "级别,文化程度,单位,电话,邮箱,完成学时",
        f"{ONE},中级,高中,某公司,13800000000,an@example.cn,40",
    )
    used = CATALOGUE.programme("EDGE-AI")
    other = read_programme(used.document + b"\n# another comment\n", file="EDGE-AI/2026.1.toml")
    with pytest.raises(ProgrammeVersionTwice):
        take(
            store,
            "EDGE-AI",
            "级别,文化程度,单位,电话,邮箱,完成学时",
            f"{OTHER},中级,高中,某公司,13800000000,bao@example.cn,40",
            catalogue=Catalogue([other]),
        )
    later = read_programme(used.document.replace(b'"2026.1"', b'"2026.2"', 1), file="EDGE-AI/2026.2.toml")
    both = Catalogue([used, later])
    take(
        store,
        "EDGE-AI",
        "级别,文化程度,单位,电话,邮箱,完成学时",
        f"{OTHER},中级,高中,某公司,13800000000,bao@example.cn,40",
        catalogue=both,
    )
    assert decided(store, both) == (2, 0, 0)


EIGHTH = """
format = 1
code = "DRONE-PILOT"
version = "2026.1"
effective_from = 2026-06-01
certificate_type = "vocational-competence"
number_scheme = "default"
name = { zh = "无人机应用", en = "Use of Unmanned Aircraft" }
authority = { zh = "某行业协会", en = "An industry association" }
source = { zh = "培训与考核办法", en = "Rules of training and examination" }
validity = { months = 36, stated_by = "source" }
marking = { full = "150", pass = "90", stated_by = "source", source = { zh = "成绩", en = "Results" } }

[retake]
attempts = 2
papers_at_most = 1
fee = "full"
stated_by = "source"
source = { zh = "补考", en = "Retake" }

[[level]]
code = "-"
name = { zh = "合格", en = "Qualified" }
training_hours = 24

[[level.rule]]
id = "-a"
text = { zh = "年满18周岁，视力合格", en = "Aged 18 or over, with good eyesight" }
source = { zh = "报名", en = "Registration" }
conditions = [
    { kind = "age-at-least", years = 18 },
    { kind = "judged", subject = "eyesight", name = { zh = "视力合格", en = "good eyesight" } },
]

[[paper]]
key = "flight"
name = { zh = "飞行", en = "Flight" }
minutes = 45
delivery = ["on-machines"]
source = { zh = "考核", en = "Examination" }

[session]
publication_working_days = 10
source = { zh = "考核", en = "Examination" }

[[silence]]
subject = "standard"
text = { zh = "办法未写明标准", en = "The rules name no standard" }

[[silence]]
subject = "staffing"
text = { zh = "办法未规定人员配比", en = "The rules state no number of staff" }
"""


def test_an_eighth_programme_is_a_file_and_nothing_else(store, tmp_path):
    folder = tmp_path / "programmes" / "DRONE-PILOT"
    folder.mkdir(parents=True)
    (folder / "2026.1.toml").write_text(EIGHTH, encoding="utf-8")
    catalogue = load_catalogue(tmp_path / "programmes")
    assert catalogue.by_scope("DRONE-PILOT/-")[0].validity.months == 36
    take(store, "DRONE-PILOT", "出生日期", f"{ONE},1990-03-07", f"{OTHER},1990-03-07", catalogue=catalogue)
    waiting = open_applications(store, Clock(), catalogue, ISSUER)
    assert [subjects for _, subjects in waiting] == [("eyesight",), ("eyesight",)]
    for admission, _ in waiting:
        judged = judge_application(
            store,
            Clock(),
            catalogue,
            admission,
            subject="eyesight",
            favourable=True,
            reason="已检查",
            person="doctor-1",
        )
        confirm_judgement(store, Clock(), judged.id, person="doctor-2")
    assert decided(store, catalogue) == (2, 0, 0)


def test_evidence_is_kept_as_it_was_and_rows_of_earlier_releases_are_read(store):
    take(store, "SMART-MFG", "级别,职业方向,职称,所学专业,学位", f"{ONE},初级,智能生产管控,技术员,机械工程,学士学位")
    with store.read() as unit:
        (application,) = unit.enrolments.applications()
    candidate = application.candidate
    assert candidate.direction == "production-control"
    assert candidate.evidence.major == "机械工程"
    document = candidate_document(candidate)
    assert candidate_of(document) == candidate
    earlier = {name: value for name, value in document.items() if name not in {"direction", "evidence"}}
    assert candidate_of(earlier) == replace(candidate, direction=None, evidence=Evidence())
    assert candidate_document(candidate_of(earlier)) == earlier
