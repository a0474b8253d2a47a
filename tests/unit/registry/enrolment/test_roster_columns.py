"""A roster has the columns that its programme asks for, by rules, choices and form; what they hold is evidence."""

from datetime import date

import pytest

from registry.enrolment import (
    COLUMNS,
    MORE_COLUMNS,
    AwardWon,
    Engagement,
    Evidence,
    HeldTitle,
    columns_of,
    decide,
    normal_heading,
    read_roster,
)
from registry.programme import Degree, Education, Title, WorkProof, load_catalogue

CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 1)
KEYS = {column.key for column in COLUMNS}
PERSON = "安小雨,110105199003070025"  # made up, with its check character


def read(code: str, headings: str, *rows: str):
    text = f"姓名,证件号码,{headings}\n" + "".join(f"{PERSON},{row}\n" for row in rows)
    return read_roster(text.encode(), programme=CATALOGUE.programme(code), today=TODAY)


def accepted(code: str, headings: str, row: str):
    reading = read(code, headings, row)
    (candidate,) = reading.accepted()
    assert reading.notices == () or {notice.code for notice in reading.notices} == {"enrol/identity-region"}
    return candidate


def problems(code: str, headings: str, row: str) -> list[tuple[str, str]]:
    return [(one.code.removeprefix("enrol/"), one.column) for one in read(code, headings, row).problems]


@pytest.mark.parametrize(
    ("code", "more", "required"),
    [
        ("AIGC-APP-ENG", set(), {"level"}),
        ("AIGC-POST", {"sector"}, {"level"}),
        (
            "EDGE-AI",
            {"registration_number", "position", "address", "history", "attended_hours"},
            {"level", "employer", "phone", "email"},
        ),
        (
            "SMART-MFG",
            {
                *("direction", "degrees", "major", "final_year", "occupation_work", "since_held", "title"),
                *("title_date", "since_title", "hours_certificate", "claims"),
            },
            {"level"},
        ),
        (
            "BLOCKCHAIN",
            {
                *("degrees", "major", "final_year", "occupation_work", "since_held", "title", "title_date"),
                *("since_title", "hours_certificate", "claims"),
            },
            {"level"},
        ),
        (
            "AI-TRAINER",
            {"major", "occupation_work", "since_held", "work_proofs", "engagement", "unit", "claims"},
            {"level"},
        ),
        (
            "EDGE-AI-CONTEST",
            {"contest", "edition", "event", "rank", "organisers"},
            {"contest", "edition", "event", "rank"},
        ),
        ("BIG-DATA-HOURS", {"attended_hours"}, {"level"}),
    ],
)
def test_columns_follow_from_the_programme(code, more, required):
    columns = columns_of(CATALOGUE.programme(code))
    assert {column.key for column in columns} - KEYS == more
    assert {column.key for column in columns if column.required} == {"name", "identity_number"} | required


def test_no_two_columns_have_a_heading_in_common():
    columns = [{normal_heading(heading) for heading in column.headings} for column in (*COLUMNS, *MORE_COLUMNS)]
    headings = [heading for column in columns for heading in column]
    assert len(headings) == len(set(headings))
    assert len({column.key for column in (*COLUMNS, *MORE_COLUMNS)}) == len((*COLUMNS, *MORE_COLUMNS))


def test_everything_a_national_standard_asks_for():
    candidate = accepted(
        "SMART-MFG",
        "级别,职业方向,学位,所学专业,应届毕业学历,本职业从业年限,取得证书后从业年限,职称,取得职称日期,取得职称后从业年限,学时证明编号,申请认定",
        "中级,智能生产管控,学士学位、硕士学位,机械工程,本科,5年,3.5,助理工程师,2023-07-01,2年6个月,hx-2026-0001,技工院校毕业生",
    )
    assert candidate.direction == "production-control"
    assert candidate.evidence == Evidence(
        degrees=(Degree.BACHELOR, Degree.MASTER),
        major="机械工程",
        final_year_of=Education.BACHELOR,
        occupation_months=60,
        months_since_held=42,
        titles=(HeldTitle(title=Title.ASSISTANT_ENGINEER, obtained=date(2023, 7, 1), worked_months=30),),
        hours_certificate="HX-2026-0001",
        claims=("technical-school-graduate",),
    )
    assert "机械工程" not in repr(candidate)


def test_everything_the_trainers_ask_for():
    candidate = accepted(
        "AI-TRAINER",
        "等级,文化程度,本职业从业年限,从业证明,从业状态,申报单位",
        "四级,高中,5,社保记录、就业记录,从事,某科技公司",
    )
    assert candidate.level == "4"
    assert candidate.evidence == Evidence(
        occupation_months=60,
        work_proofs=(WorkProof.SOCIAL_INSURANCE, WorkProof.EMPLOYMENT_RECORD),
        engagement=Engagement.WORKING,
        unit="某科技公司",
    )
    assert decide(candidate, CATALOGUE.programme("AI-TRAINER"), "4", on=TODAY).rule == "4a"


@pytest.mark.parametrize("word", ["四级/中级工", "四级", "中级工", "4", "AI-TRAINER/4", "Level 4, intermediate worker"])
def test_a_level_of_two_names_is_found_by_each(word):
    assert accepted("AI-TRAINER", "等级", f'"{word}"').level == "4"


def test_the_registration_form_of_edge_computing():
    candidate = accepted(
        "EDGE-AI",
        "级别,单位名称,手机,邮箱,编号,职称/职务,联系地址,个人简历及参加培训情况",
        "初级,某科技公司,13800000000,an@example.cn,GXB-2026-000318,工程师,某市某路1号,2020年起从事视觉算法",
    )
    assert candidate.registration_number == "GXB-2026-000318"
    assert (candidate.evidence.position, candidate.evidence.address) == ("工程师", "某市某路1号")
    assert candidate.evidence.history == "2020年起从事视觉算法"
    assert problems("EDGE-AI", "级别,单位,手机,邮箱", "初级,,,an@example.cn") == [
        ("field-required", "单位"),
        ("field-required", "手机"),
    ]
    assert ("missing-column", "单位") in problems("EDGE-AI", "级别,手机,邮箱", "初级,13800000000,an@example.cn")


def test_an_award_has_no_level_to_fill_in():
    candidate = accepted(
        "EDGE-AI-CONTEST", "赛事,届次,赛项,名次,主办单位", "边缘计算竞赛,第二届,应用开发,一等奖,某学会"
    )
    assert candidate.level == "-"
    assert candidate.evidence.award == AwardWon(
        contest="边缘计算竞赛", edition="第二届", event="应用开发", rank="一等奖", organisers="某学会"
    )
    assert problems("EDGE-AI-CONTEST", "赛事,届次,赛项,名次", "边缘计算竞赛,,应用开发,一等奖") == [
        ("field-required", "届次")
    ]


@pytest.mark.parametrize(
    ("code", "headings", "row", "expected"),
    [
        ("SMART-MFG", "级别,职业方向", "初级,智能制造系统架构构建", ("direction-unknown", "职业方向")),
        ("SMART-MFG", "级别,职业方向", "初级,", ("field-required", "职业方向")),
        ("SMART-MFG", "级别", "初级", ("field-required", "职业方向")),
        ("BIG-DATA", "级别,职业方向", "高级,大数据处理", ("direction-unknown", "职业方向")),
        ("AIGC-POST", "级别,行业", "通用级,医疗", ("sector-unknown", "行业")),
        ("BLOCKCHAIN", "级别,学位", "初级,学士学位、名誉博士", ("degree-unknown", "学位")),
        ("BLOCKCHAIN", "级别,职称", "初级,总工", ("title-unknown", "职称")),
        ("BLOCKCHAIN", "级别,取得职称日期", "初级,2023-02-30", ("date-format", "取得职称日期")),
        ("BLOCKCHAIN", "级别,取得职称日期", "初级,2023-02", ("date-format", "取得职称日期")),
        ("BLOCKCHAIN", "级别,取得职称日期", "初级,2026-11-02", ("date-format", "取得职称日期")),
        ("BLOCKCHAIN", "级别,取得职称后从业年限", "初级,很久", ("work-format", "取得职称后从业年限")),
        ("BLOCKCHAIN", "级别,本职业从业年限", "初级,38", ("work-exceeds-life", "本职业从业年限")),
        ("BLOCKCHAIN", "级别,申请认定", "初级,技术大拿", ("claim-unknown", "申请认定")),
        ("BLOCKCHAIN", "级别,学时证明编号", "初级,第 1 号!", ("number-format", "学时证明编号")),
        ("AI-TRAINER", "等级,从业证明", "五级,邻居", ("work-proof-unknown", "从业证明")),
        ("AI-TRAINER", "等级,从业状态", "五级,也许", ("engagement-unknown", "从业状态")),
        ("SMART-MFG-HOURS", "级别,完成学时", "初级,九十", ("hours-format", "完成学时")),
    ],
)
def test_a_bad_cell_is_named(code, headings, row, expected):
    assert problems(code, headings, row) == [expected]


def test_a_column_of_another_programme_is_not_read():
    reading = read("AIGC-APP-ENG", "级别,职称", "初级,工程师")
    assert [notice.code for notice in reading.notices if "column" in notice.code] == ["enrol/unknown-column"]
    assert reading.accepted()[0].evidence == Evidence()
