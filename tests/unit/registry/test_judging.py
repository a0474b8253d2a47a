"""Applications that turn on a person's judgement: open until it is made, then decided; and versions once used."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from registry.access import PersonUnnamed
from registry.assessment import ReasonMissing
from registry.enrolment import Evidence, Judgement
from registry.kernel.identifiers import IssuerCode
from registry.programme import Catalogue, ProgrammeVersionTwice, load_catalogue, read_programme
from registry.store import Database, open_database
from registry.store.candidates import candidate_document, candidate_of
from registry.workflows.enrol import decide_applications, import_roster
from registry.workflows.judge import NothingToJudge, judge_application, open_applications
from tests.unit.registry.store.filled import KEYS

CATALOGUE = load_catalogue()
ISSUER = IssuerCode("DEMO-EEC")
# Made-up people; the numbers carry their check characters.
ONE, OTHER = "安小雨,110105199003070025", "鲍知行,110105199003070033"


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    database = open_database(tmp_path / "registry.db", KEYS, create=True)
    yield database
    database.close()


def take(store: Database, code: str, headings: str, *rows: str, catalogue: Catalogue = CATALOGUE):
    text = f"姓名,证件号码,{headings}\n" + "".join(f"{row}\n" for row in rows)
    return import_roster(store, Clock(), catalogue.programme(code), text.encode(), person="clerk-1").roster


def decided(store: Database, catalogue: Catalogue = CATALOGUE):
    done = decide_applications(store, Clock(), catalogue, ISSUER, person="clerk-1")
    return done.eligible, done.refused, done.to_judge


def test_what_is_to_judge_stays_undecided_until_it_is_judged(store):
    take(store, "AIGC-POST", "级别", f"{ONE},通用级", f"{OTHER},专家级")
    assert decided(store) == (0, 0, 2)
    (first, subjects), (second, _) = open_applications(store, Clock(), CATALOGUE, ISSUER)
    assert subjects == ("admission",)
    judge = {"subject": "admission", "person": "reviewer-1"}
    judge_application(store, Clock(), CATALOGUE, first, favourable=True, reason="材料齐全", **judge)
    judge_application(store, Clock(), CATALOGUE, second, favourable=False, reason="没有作品", **judge)
    assert open_applications(store, Clock(), CATALOGUE, ISSUER) == []
    assert decided(store) == (1, 1, 0)
    with store.read() as unit:
        assert unit.enrolments.application(first).rule == "GENERAL"
        (finding,) = unit.enrolments.findings(second)
        assert finding["zh"] == "发证机构准入：经认定不符"
        (judgement,) = unit.enrolments.application(first).candidate.evidence.judgements
    assert judgement == Judgement(
        subject="admission", favourable=True, reason="材料齐全", person="reviewer-1", on=date(2026, 11, 1)
    )


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
    take(store, "EDGE-AI", "级别,文化程度,单位,电话,邮箱", f"{ONE},中级,高中,某公司,13800000000,an@example.cn")
    used = CATALOGUE.programme("EDGE-AI")
    other = read_programme(used.document + b"\n# another comment\n", file="EDGE-AI/2026.1.toml")
    with pytest.raises(ProgrammeVersionTwice):
        take(
            store,
            "EDGE-AI",
            "级别,文化程度,单位,电话,邮箱",
            f"{OTHER},中级,高中,某公司,13800000000,bao@example.cn",
            catalogue=Catalogue([other]),
        )
    later = read_programme(used.document.replace(b'"2026.1"', b'"2026.2"', 1), file="EDGE-AI/2026.2.toml")
    both = Catalogue([used, later])
    take(
        store,
        "EDGE-AI",
        "级别,文化程度,单位,电话,邮箱",
        f"{OTHER},中级,高中,某公司,13800000000,bao@example.cn",
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
        judge_application(
            store,
            Clock(),
            catalogue,
            admission,
            subject="eyesight",
            favourable=True,
            reason="已检查",
            person="doctor-1",
        )
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
