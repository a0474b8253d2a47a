"""What the files of the seven programmes and the award say, compared with figures written out here by hand."""

import re
from importlib.resources import files

import pytest

from registry.programme import (
    CONDITION_KINDS,
    CertificateType,
    HasHoursCertificate,
    HoldsLevel,
    Judged,
    StaffRole,
    StatedBy,
    TitleGrade,
    WorkAtLeast,
    WorkProof,
    load_catalogue,
    read_programme,
)
from registry.programme.reading_conditions import _KINDS

CATALOGUE = load_catalogue()
CODES = CATALOGUE.codes()
NATIONAL = ("SMART-MFG", "BIG-DATA", "BLOCKCHAIN")


def subjects(notes):
    return {note.subject for note in notes}


def test_the_catalogue_has_the_seven_the_award_and_the_certificates_of_hours():
    assert set(CODES) == {
        *("AIGC-APP-ENG", "AIGC-POST", "EDGE-AI", "SMART-MFG", "BIG-DATA", "BLOCKCHAIN", "AI-TRAINER"),
        "EDGE-AI-CONTEST",
        *(f"{code}-HOURS" for code in NATIONAL),
    }
    assert [level.scope for level in CATALOGUE.programme("AIGC-POST").levels] == [
        "AIGC-POST/GENERAL",
        "AIGC-POST/PROFESSIONAL",
        "AIGC-POST/MENTOR",
        "AIGC-POST/EXPERT",
    ]
    assert [level.code for level in CATALOGUE.programme("AI-TRAINER").levels] == ["5", "4", "3", "2", "1"]
    assert [level.scope for level in CATALOGUE.programme("EDGE-AI-CONTEST").levels] == ["EDGE-AI-CONTEST/-"]


def test_the_first_programme_is_the_file_that_certificates_name():
    digest = CATALOGUE.programme("AIGC-APP-ENG", "2026.1").digest.hex()
    assert digest == "70186d887dee8aaf41d7fdce9e6adfea8ad3c4ffdeab40ca888b26b47cebcefe"


@pytest.mark.parametrize("code", CODES)
def test_every_text_is_chinese_and_english(code):
    document = CATALOGUE.programme(code).document.decode()
    pairs = re.findall(r'zh = "([^"]+)", en = "([^"]+)"', document)
    assert len(pairs) > 8
    for zh, en in pairs:
        assert re.search(r"[\u4e00-\u9fff]", zh) or zh == en, zh
        assert re.search(r"[A-Za-z]", en), en


@pytest.mark.parametrize("code", CODES)
def test_what_is_the_issuing_bodys_is_said_to_be(code):
    programme = CATALOGUE.programme(code)
    used = {note.subject: note.used.zh for note in programme.silences if note.used is not None}
    for subject, ours in (
        ("validity", programme.validity.stated_by is StatedBy.ISSUING_BODY),
        ("marking", any(paper.marking.stated_by is StatedBy.ISSUING_BODY for paper in programme.papers)),
        ("papers", any(paper.stated_by is StatedBy.ISSUING_BODY for paper in programme.papers)),
    ):
        assert ("机构确定" in used.get(subject, "")) == ours, subject


@pytest.mark.parametrize(
    ("code", "hours"),
    [
        ("AIGC-APP-ENG", [None] * 3),
        ("AIGC-POST", [None] * 4),
        ("EDGE-AI", [None, 40, 40]),
        ("SMART-MFG", [90, 90, 80]),
        ("BIG-DATA", [128, 128, 160]),
        ("BLOCKCHAIN", [80, 64, 64]),
        ("AI-TRAINER", [None] * 5),
        ("EDGE-AI-CONTEST", [None]),
    ],
)
def test_training_hours(code, hours):
    programme = CATALOGUE.programme(code)
    assert [level.training_hours for level in programme.levels] == hours
    assert ("training-hours" in subjects(programme.silences)) == (None in hours and code != "EDGE-AI-CONTEST")


@pytest.mark.parametrize("code", NATIONAL)
def test_a_certificate_of_hours_says_the_hours_of_its_programme(code):
    programme, hours = CATALOGUE.programme(code), CATALOGUE.programme(f"{code}-HOURS")
    assert hours.hours_of == code
    assert hours.certificate_type is CertificateType.TRAINING_HOURS
    assert hours.papers == ()
    said = [(level.code, level.training_hours) for level in programme.levels]
    assert [(level.code, level.training_hours) for level in hours.levels] == said
    for level in programme.levels:
        assert [rule.conditions for rule in level.requirements] == [(HasHoursCertificate(),)]


@pytest.mark.parametrize(
    ("code", "minutes", "least"),
    [
        ("AIGC-APP-ENG", [{"comprehensive": 120}] * 3, False),
        ("AIGC-POST", [{"assessment": None}] * 4, False),
        ("EDGE-AI", [{"theory": None, "practice": None}] * 3, False),
        ("SMART-MFG", [{"theory": 120, "practice": minutes} for minutes in (60, 90, 120)], True),
        ("BIG-DATA", [{"theory": 90, "practice": 150}] * 3, True),
        ("BLOCKCHAIN", [{"theory": 90, "practice": 60}] * 3, True),
        (
            "AI-TRAINER",
            [{"theory": 90, "practice": 120}] * 3 + [{"theory": None, "practice": None, "review": None}] * 2,
            False,
        ),
    ],
)
def test_papers_and_minutes(code, minutes, least):
    programme = CATALOGUE.programme(code)
    found = [{paper.key: paper.minutes for paper in programme.papers_of(level.code)} for level in programme.levels]
    assert found == minutes
    assert {paper.minutes_least for paper in programme.papers} == {least}


@pytest.mark.parametrize("code", [code for code in CODES if CATALOGUE.programme(code).papers])
def test_every_paper_is_out_of_a_hundred_and_passes_at_sixty_and_it_is_said_whose_that_is(code):
    programme = CATALOGUE.programme(code)
    ours = {
        (level.code, paper.key)
        for level in programme.levels
        for paper in programme.papers_of(level.code)
        if paper.marking.stated_by is StatedBy.ISSUING_BODY
    }
    assert {(paper.marking.full_hundredths, paper.marking.pass_hundredths) for paper in programme.papers} == {
        (10_000, 6000)
    }
    expected = {
        "AIGC-POST": {(level.code, "assessment") for level in programme.levels},
        "EDGE-AI": {(level, paper) for level in "123" for paper in ("theory", "practice")},
        "AI-TRAINER": {(level, paper) for level in "21" for paper in ("theory", "practice", "review")},
    }
    assert ours == expected.get(code, set())


def columns(code, paper):
    return {
        (column.level, column.direction): dict(column.percent)
        for column in CATALOGUE.programme(code).weights
        if column.paper == paper
    }


def table(names, rows, keys):
    """The table written as in the source: a row a function, a column a level (and direction); 0 = not there."""
    return {
        key: {name: row[at] for name, row in zip(names, rows, strict=True) if row[at]} for at, key in enumerate(keys)
    }


LEVELS = [("1", None), ("2", None), ("3", None)]
BIG = [(level, direction) for level in "12" for direction in ("processing", "analysis", "management")] + [("3", None)]


@pytest.mark.parametrize(
    ("code", "paper", "names", "rows", "keys"),
    [
        (
            "SMART-MFG",
            "theory",
            ("ethics", "foundations", "common-technology", "chosen-direction", "consulting"),
            [(5, 5, 5), (25, 20, 10), (35, 35, 30), (30, 35, 45), (5, 5, 10)],
            LEVELS,
        ),
        (
            "SMART-MFG",
            "practice",
            ("common-technology", "chosen-direction", "consulting"),
            [(45, 40, 30), (50, 55, 55), (5, 5, 15)],
            LEVELS,
        ),
        (
            "BIG-DATA",
            "theory",
            (
                *("ethics", "foundations", "application-development", "system-construction", "platform-operation"),
                *("technical-service", "processing-application", "analysis-mining", "data-management"),
            ),
            [
                (5, 5, 5, 5, 5, 5, 5),
                (20, 20, 25, 15, 15, 25, 10),
                (0, 0, 0, 15, 15, 0, 15),
                (20, 20, 0, 15, 15, 0, 10),
                (20, 20, 25, 20, 20, 20, 10),
                (10, 10, 20, 10, 10, 20, 15),
                (25, 0, 0, 20, 0, 0, 10),
                (0, 25, 0, 0, 20, 0, 15),
                (0, 0, 25, 0, 0, 30, 10),
            ],
            BIG,
        ),
        (
            "BIG-DATA",
            "practice",
            (
                *("application-development", "system-construction", "platform-operation", "technical-service"),
                *("processing-application", "analysis-mining", "data-management"),
            ),
            [
                (0, 0, 0, 15, 15, 0, 15),
                (30, 30, 0, 15, 15, 0, 10),
                (20, 20, 20, 25, 25, 20, 20),
                (10, 10, 20, 15, 15, 20, 20),
                (40, 0, 0, 30, 0, 0, 10),
                (0, 40, 0, 0, 30, 0, 15),
                (0, 0, 60, 0, 0, 60, 10),
            ],
            BIG,
        ),
        (
            "BLOCKCHAIN",
            "theory",
            (
                *("ethics", "foundations", "application-development", "testing", "operation", "application-design"),
                *("key-technology", "consulting", "teaching"),
            ),
            [
                (5, 5, 5),
                (20, 10, 5),
                (20, 30, 0),
                (20, 15, 10),
                (35, 15, 0),
                (0, 20, 35),
                (0, 0, 30),
                (0, 0, 10),
                (0, 5, 5),
            ],
            LEVELS,
        ),
        (
            "BLOCKCHAIN",
            "practice",
            (
                *("application-development", "testing", "operation", "application-design", "key-technology"),
                *("consulting", "teaching"),
            ),
            [(30, 40, 0), (30, 15, 10), (40, 20, 0), (0, 20, 45), (0, 0, 30), (0, 0, 10), (0, 5, 5)],
            LEVELS,
        ),
    ],
)
def test_weights_are_those_of_the_source_and_every_column_sums_to_a_hundred(code, paper, names, rows, keys):
    found = columns(code, paper)
    assert found == table(names, rows, keys)
    assert {sum(column.values()) for column in found.values()} == {100}


def test_a_column_is_found_by_paper_level_and_direction():
    big, smart = CATALOGUE.programme("BIG-DATA"), CATALOGUE.programme("SMART-MFG")
    assert dict(big.weights_of("practice", "2", "management").percent)["data-management"] == 60
    assert dict(big.weights_of("practice", "3", None).percent)["data-management"] == 10
    assert big.weights_of("practice", "2", None) is None
    assert dict(smart.weights_of("theory", "3", "system-architecture").percent)["chosen-direction"] == 45
    assert CATALOGUE.programme("AIGC-APP-ENG").weights_of("comprehensive", "1", None) is None


def test_one_function_may_have_two_names():
    function = next(one for one in CATALOGUE.programme("BIG-DATA").functions if one.code == "analysis-mining")
    assert (function.name.zh, [other.zh for other in function.also]) == ("大数据分析与挖掘", ["大数据分析与管理"])
    assert "function-name" in subjects(CATALOGUE.programme("BIG-DATA").conflicts)


def test_directions_are_by_level():
    smart, big = CATALOGUE.programme("SMART-MFG"), CATALOGUE.programme("BIG-DATA")
    assert [len(smart.directions_of(level)) for level in "123"] == [4, 4, 5]
    assert {one.name.zh for one in smart.directions_of("3")} - {one.name.zh for one in smart.directions_of("2")} == {
        "智能制造系统架构构建"
    }
    assert [[one.name.zh for one in big.directions_of(level)] for level in "123"] == [
        ["大数据处理", "大数据分析", "大数据管理"],
        ["大数据处理", "大数据分析", "大数据管理"],
        [],
    ]
    assert CATALOGUE.programme("BLOCKCHAIN").directions == ()


@pytest.mark.parametrize(
    ("code", "occupation", "each", "exactly"),
    [
        ("SMART-MFG", "2-02-07-13", 5, True),
        ("BIG-DATA", "2-02-10-11", 5, False),
        ("BLOCKCHAIN", "2-02-10-15", 10, False),
    ],
)
def test_national_standards_staff_and_teachers(code, occupation, each, exactly):
    programme = CATALOGUE.programme(code)
    assert programme.occupation.code == occupation
    assert (programme.standard.number, programme.standard.version) == ("人社厅发〔2021〕10号", "2021")
    assert programme.standard.in_force_from.isoformat() == "2021-02-03"
    by_role = {staff.role: staff for staff in programme.staffing}
    invigilators, assessors = by_role[StaffRole.INVIGILATOR], by_role[StaffRole.ASSESSOR]
    assert (invigilators.papers, invigilators.candidates_each, invigilators.least, invigilators.each_room) == (
        *(("theory",), 15, 2, True),
    )
    assert (assessors.papers, assessors.candidates_each, assessors.exactly) == (("practice",), each, exactly)
    assert (assessors.least, assessors.odd) == (3, True)
    assert [(rule.levels, rule.holds_level, rule.title) for rule in programme.teachers] == [
        (("1", "2"), "2", TitleGrade.INTERMEDIATE),
        (("3",), "3", TitleGrade.SENIOR),
    ]


def test_the_trainers_sessions_and_retake():
    programme = CATALOGUE.programme("AI-TRAINER")
    session, retake = programme.session, programme.retake
    assert (session.registration_closes_days, session.late_minutes, session.publication_working_days) == (22, 30, 75)
    assert (session.late_admits_limit, session.absent_pays_again) == (True, True)
    assert (retake.attempts, retake.papers_at_most, retake.next_session_only, retake.keeps_passed) == (1, 1, True, True)
    assert (programme.validity.months, programme.validity.stated_by) == (None, StatedBy.SOURCE)
    assert {"lateness", "retake"} <= subjects(programme.conflicts)
    assert {"title-years", "marking", "minutes"} <= subjects(programme.silences)


def test_the_trainers_years_of_work_are_in_the_occupation_and_proven_twice():
    programme = CATALOGUE.programme("AI-TRAINER")
    months = {}
    for level in programme.levels:
        for rule in level.rules:
            for one in rule.conditions:
                if isinstance(one, WorkAtLeast):
                    assert one.in_occupation
                    months[rule.id] = (one.months, one.proofs)
                elif isinstance(one, HoldsLevel):
                    months[rule.id] = (one.worked_months, one.proofs)
    proofs = (WorkProof.SOCIAL_INSURANCE, WorkProof.EMPLOYMENT_RECORD)
    assert months == {
        "4a": (60, proofs),
        "4b": (36, proofs),
        "3a": (120, proofs),
        "3b": (48, proofs),
        "2a": (60, proofs),
        "1a": (60, proofs),
    }


def test_the_units_of_edge_computing_and_its_form():
    programme = CATALOGUE.programme("EDGE-AI")
    assert [unit.hours for unit in programme.units_of("2")] == [4, 4, 6, 8, 4, 6, 8]
    assert programme.units_of("1") == ()
    assert programme.form.required == ("employer", "phone", "email")
    assert programme.certificate.registration_number.zh == "编号"
    assert programme.certificate.talent_database.zh == "工业和信息化技术技能人才数据库"
    assert [item.zh for item in programme.level("3").work[0].items] == [
        *("业务分析", "数据处理规范与算法测试", "智能系统设计"),
    ]


def test_the_post_assessment_leaves_to_the_body_what_its_source_does_not_say():
    programme = CATALOGUE.programme("AIGC-POST")
    assert [one.name.zh for one in programme.sectors] == ["设计", "动漫"]
    for level in programme.levels:
        (rule,) = level.rules
        assert rule.stated_by is StatedBy.ISSUING_BODY
        assert [type(one) for one in rule.conditions] == [Judged]
    assert {"eligibility", "papers", "marking", "minutes", "training-hours", "validity", "lookup"} <= subjects(
        programme.silences
    )


def test_an_award_has_neither_levels_nor_papers():
    programme = CATALOGUE.programme("EDGE-AI-CONTEST")
    assert (programme.papers, programme.marking, programme.level("-").training_hours) == ((), None, None)
    assert programme.certificate_type is CertificateType.COMPETITION_AWARD


@pytest.mark.parametrize("code", CODES)
def test_every_rule_names_its_source_and_its_conditions_are_known(code):
    for level in CATALOGUE.programme(code).levels:
        for rule in (*level.rules, *level.requirements):
            assert rule.source.zh
            assert all(type(one) in CONDITION_KINDS for one in rule.conditions)


def test_every_kind_of_condition_can_be_read():
    assert set(_KINDS) == set(CONDITION_KINDS.values())
    assert len(set(CONDITION_KINDS.values())) == len(CONDITION_KINDS)


@pytest.mark.parametrize("code", CODES)
def test_reading_a_file_twice_gives_the_same_value(code):
    file = files("registry.programme").joinpath(f"data/{code}/2026.1.toml")
    assert read_programme(file.read_bytes(), file=code) == CATALOGUE.programme(code)
