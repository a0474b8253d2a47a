import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.demo_data import sample_roster
from registry.enrolment import (
    COLUMNS,
    IdentityType,
    Sex,
    normal_heading,
    normal_identity_number,
    read_roster,
    table,
    work_months,
)
from registry.programme import Education, load_catalogue

HEADING = "姓名,证件类型,证件号码,级别,出生日期,文化程度,从业年限,已持证书,性别,单位,电话,邮箱,拼音姓名\n"
FULL = (
    "买买提•示例,居民身份证,11000019880701001８,AIGC-APP-ENG/2,1988年7月1日,大学本科,1年6个月,demo-eec-2025-abc,"
    "男,示例科技有限公司,138 0000-0000,a@example.org,Example MAIMAITI\n"
)


def codes(reading):
    return [problem.code for problem in reading.problems]


def test_every_column_reaches_the_candidate(programme, today):
    (candidate,) = read_roster((HEADING + FULL).encode(), programme=programme, today=today).accepted()
    assert candidate.line == 2
    assert candidate.name == "买买提·示例"
    assert candidate.name_latin == "Example MAIMAITI"
    assert (candidate.identity_type, candidate.identity_number) == (
        IdentityType.RESIDENT_IDENTITY_CARD,
        "110000198807010018",
    )
    assert candidate.level == "2"
    assert candidate.birth_date == date(1988, 7, 1)
    assert candidate.sex is Sex.MALE
    assert candidate.education is Education.BACHELOR
    assert candidate.work_months == 18
    assert candidate.held is not None
    assert (candidate.held.level, candidate.held.number) == (None, "DEMO-EEC-2025-ABC")
    assert (candidate.employer, candidate.phone, candidate.email) == (
        "示例科技有限公司",
        "13800000000",
        "a@example.org",
    )


def test_birth_date_and_sex_come_from_the_number_when_the_cells_are_empty(programme, today):
    data = "姓名,身份证号码,级别\n安小雨,440300199003150020,1\n".encode()
    (candidate,) = read_roster(data, programme=programme, today=today).accepted()
    assert (candidate.birth_date, candidate.sex) == (date(1990, 3, 15), Sex.FEMALE)
    assert (candidate.education, candidate.work_months, candidate.held) == (None, None, None)


@pytest.mark.parametrize("cell", ["初级", "1", " Junior ", "AIGC-APP-ENG/1", "１"])
def test_level_is_named_by_name_code_or_scope(cell, programme, today):
    data = f"姓名,身份证号码,级别\n安小雨,440300199003150020,{cell}\n".encode()
    (candidate,) = read_roster(data, programme=programme, today=today).accepted()
    assert candidate.level == "1"


@pytest.mark.parametrize(
    "cell", ["1990-03-15", "1990/3/15", "1990.03.15", "1990年3月15日", "19900315", "1990-03", "1990年3月"]
)
def test_ways_to_write_a_birth_date(cell, programme, today):
    data = f"姓名,身份证号码,级别,出生年月\n安小雨,440300199003150020,1,{cell}\n".encode()
    assert codes(read_roster(data, programme=programme, today=today)) == []


def test_held_certificate_can_name_a_level(programme, today):
    data = "姓名,身份证号码,级别,已持证书\n安小雨,440300199003150020,中级,初级证书\n".encode()
    (candidate,) = read_roster(data, programme=programme, today=today).accepted()
    assert candidate.held is not None
    assert candidate.held.level == "1"


@pytest.mark.parametrize(
    ("cell", "months"),
    [
        ("0", 0),
        ("1", 12),
        ("1.5", 18),
        ("0.99", 11),
        ("1.99", 23),
        ("2年", 24),
        ("18个月", 18),
        ("1年6个月", 18),
        ("1 year 6 months", 18),
        ("１．５", 18),
        ("三年", None),
        ("-1", None),
        ("1.234", None),
        ("", None),
    ],
)
def test_years_of_work_become_whole_months_rounded_down(cell, months):
    assert work_months(cell) == months


def test_a_row_reports_all_its_faults(programme, today):
    data = "姓名,身份证号码,级别,文化程度\n安 雨,440300199003150021,特级,技校\n".encode()
    assert codes(read_roster(data, programme=programme, today=today)) == [
        "enrol/name-space",
        "enrol/identity-check",
        "enrol/level-unknown",
        "enrol/education-unknown",
    ]


def test_a_problem_names_line_column_and_remedy_in_both_languages(programme, today):
    data = "身份证号码,姓名,级别\n440300199003150021,安小雨,1\n".encode()
    (problem,) = read_roster(data, programme=programme, today=today).problems
    assert (problem.line, problem.column, problem.position) == (2, "身份证号码", 1)
    assert problem.reason.zh == "末位校验码不对"
    assert problem.reason.en == "the check character does not match"
    assert problem.remedy.zh.startswith("对照证件重新录入")


def test_duplicate_names_the_first_line_also_when_that_row_is_bad(programme, today):
    data = "姓名,身份证号码,级别\n安小雨,440300199003150020,特级\n安小雨,440300199003150020,1\n".encode()
    reading = read_roster(data, programme=programme, today=today)
    assert [(problem.line, problem.code) for problem in reading.problems] == [
        (2, "enrol/level-unknown"),
        (3, "enrol/duplicate-person"),
    ]
    assert reading.problems[1].reason.zh == "与第2行是同一个人"


def test_a_column_that_would_be_needed_is_named_though_the_file_lacks_it(programme, today):
    data = "姓名,证件类型,证件号码,级别\nAda Muster,护照,X0000001,1\n".encode()
    (problem,) = read_roster(data, programme=programme, today=today).problems
    assert (problem.code, problem.column, problem.position) == ("enrol/field-required", "出生日期", 0)


def test_a_person_is_the_same_in_every_roster(programme, today):
    first, second = (
        read_roster(f"姓名,证件号码,级别\n安小雨,{number},1\n".encode(), programme=programme, today=today).accepted()
        for number in ("11010519491231002x", "１１０１０５１９４９１２３１００２Ｘ")
    )
    assert first[0].person_key == second[0].person_key == "resident-identity-card\x0011010519491231002X"


def test_same_number_of_another_document_type_is_another_person(programme, today):
    data = (
        "姓名,证件类型,证件号码,级别,出生日期\n"
        "Ada Muster,护照,12345678,1,1990-01-01\n"
        "林样例,台胞证,12345678,1,1990-01-01\n"
    ).encode()
    assert codes(read_roster(data, programme=programme, today=today)) == []


@pytest.mark.parametrize("sign", [*"=+-@", *"＝＋－＠", "\N{MINUS SIGN}", "﹦"])
def test_formula_like_cells_are_refused_in_every_form(sign, programme, today):
    data = f"姓名,身份证号码,级别,单位\n安小雨,440300199003150020,1, {sign}cmd\n".encode()
    assert codes(read_roster(data, programme=programme, today=today)) == ["enrol/formula-cell"]


@pytest.mark.parametrize("nothing", ["-", "—", "/", "无", "N/A", "　"])
def test_a_mere_dash_means_nothing_and_is_no_formula(nothing, programme, today):
    data = f"姓名,身份证号码,级别,单位\n安小雨,440300199003150020,1,{nothing}\n".encode()
    (candidate,) = read_roster(data, programme=programme, today=today).accepted()
    assert candidate.employer is None


@pytest.mark.parametrize(
    "character", ["\0", "\x1b", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u2028", "\x85"]
)
def test_invisible_characters_are_refused_with_their_place(character, programme, today):
    data = f"姓名,身份证号码,级别,单位\n安小雨,440300199003150020,1,示例{character}公司\n".encode()
    (problem,) = read_roster(data, programme=programme, today=today).problems
    assert problem.code == "enrol/control-character"
    assert problem.reason.zh == "含有看不见的控制字符（第3个字符）"


def test_a_full_width_space_inside_is_no_control_character(programme, today):
    data = "姓名,身份证号码,级别,单位\n安小雨,440300199003150020,1,示例　公司\n".encode()
    assert codes(read_roster(data, programme=programme, today=today)) == []


def test_line_numbers_are_those_of_the_file_across_empty_lines(programme, today):
    data = "姓名,身份证号码,级别\r\n\r\n,,\r\n安小雨,440300199003150021,1\r\n".encode()
    reading = read_roster(data, programme=programme, today=today)
    assert [(problem.line, problem.code) for problem in reading.problems] == [(4, "enrol/identity-check")]
    assert reading.rows == 1


def test_lone_carriage_returns_end_lines_in_old_files(programme, today):
    data = "姓名,身份证号码,级别\r安小雨,440300199003150020,1\r".encode()
    assert len(read_roster(data, programme=programme, today=today).accepted()) == 1


def test_one_unclosed_quote_costs_one_row(programme, today):
    good = "".join(f"Ada Muster,护照,X{index:07d},1,1990-01-01\n" for index in range(50))
    data = ("姓名,证件类型,证件号码,级别,出生日期\n" + '"Ada Muster,护照,Y0000001,1,1990-01-01\n' + good).encode()
    reading = read_roster(data, programme=programme, today=today)
    assert codes(reading) == ["enrol/quote"]
    assert len(reading.candidates) == 50


def test_empty_cells_after_the_last_column_are_passed_over(programme, today):
    data = "姓名,身份证号码,级别,,\n安小雨,440300199003150020,1,,,,\n".encode()
    assert len(read_roster(data, programme=programme, today=today).accepted()) == 1


def test_too_many_rows_and_too_many_bytes_are_refused(programme, today, monkeypatch):
    monkeypatch.setattr(table, "MAX_ROWS", 3)
    data = "姓名,身份证号码,级别\n".encode() + b"x,y,z\n" * 4
    assert codes(read_roster(data, programme=programme, today=today))[0] == "enrol/too-many-rows"
    monkeypatch.setattr(table, "MAX_BYTES", 10)
    assert codes(read_roster(data, programme=programme, today=today)) == ["enrol/file-too-large"]


def test_one_row_too_many_without_a_last_line_end_is_refused(programme, today, monkeypatch):
    monkeypatch.setattr(table, "MAX_ROWS", 3)
    data = "姓名,身份证号码,级别\n".encode() + b"\n".join([b"x,y,z"] * 4)
    assert codes(read_roster(data, programme=programme, today=today))[0] == "enrol/too-many-rows"


def test_exactly_the_most_rows_are_taken(programme, today, monkeypatch):
    monkeypatch.setattr(table, "MAX_ROWS", 3)
    rows = "".join(f"Ada Muster,护照,X{index:07d},1,1990-01-01\n" for index in range(3))
    data = ("姓名,证件类型,证件号码,级别,出生日期\n" + rows).encode()
    assert len(read_roster(data, programme=programme, today=today).accepted()) == 3


def test_columns_have_no_heading_in_common():
    headings = [
        normal_heading(word) for column in COLUMNS for word in {normal_heading(w): w for w in column.headings}.values()
    ]
    assert len(headings) == len(set(headings))


def test_ten_thousand_rows_are_read_quickly(programme, today):
    data = sample_roster(count=10_000)
    start = time.process_time()
    reading = read_roster(data, programme=programme, today=today)
    assert len(reading.accepted()) == 10_000
    assert time.process_time() - start < 5  # takes 0.4 s; the limit finds a quadratic step, not a slow machine


def test_digest_is_that_of_the_bytes(programme, today):
    data = (HEADING + FULL).encode()
    first, second = (read_roster(given, programme=programme, today=today).digest for given in (data, data + b"\n"))
    assert len(first) == 32
    assert first != second


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_reading(programme, today, data):
    reading = read_roster(data, programme=programme, today=today)
    assert reading.problems or reading.candidates


CELLS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["安小雨", "440300199003150020", "1", "护照", "1990-02-30", "=1", '"', "\0", "缺考", "1.5", "本科", ""]
    ),
)


@settings(max_examples=300)
@given(
    rows=st.lists(st.lists(CELLS, min_size=0, max_size=14), max_size=5),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from([",", ";", "\t"]),
)
def test_any_cells_under_the_heading_give_a_reading(programme, today, *, rows, codec, end, mark):
    heading = HEADING.strip().replace(",", mark)
    text = end.join([heading, *(mark.join(row) for row in rows)])
    data = text.encode(codec, errors="ignore")
    reading = read_roster(data, programme=programme, today=today)
    lines = {problem.line for problem in reading.problems}
    assert not lines & {candidate.line for candidate in reading.candidates}
    assert reading.refused_rows >= len({line for line in lines if line > 1})


@settings(max_examples=100)
@given(name=st.text(min_size=5, max_size=40), number=st.text(min_size=5, max_size=40))
def test_no_report_repeats_what_a_cell_holds(programme, today, name, number):
    data = f"姓名,身份证号码,级别\n{name},{number},1\n".encode(errors="ignore")
    reading = read_roster(data, programme=programme, today=today)
    known = repr(read_roster("姓名,身份证号码,级别\n,,\n-,-,-\n".encode(), programme=programme, today=today))
    for report in reading.problems:
        for cell in (name.strip(), number.strip()):
            if len(cell) >= 5 and not cell.isascii() and cell not in known:
                assert cell not in repr(report)


def test_identity_number_has_one_form():
    assert normal_identity_number(" 11010519491231002ｘ ") == "11010519491231002X"


@pytest.mark.parametrize(
    ("begin", "slug"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not-text"),
        (b"%PDF-1.7\n%\xe2\xe3", "not-text"),
        (b"PK\x03\x04bro", "workbook"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(begin, slug):
    found = read_roster(begin + b"ken", programme=load_catalogue().programme("BLOCKCHAIN"), today=date(2026, 11, 22))
    assert [one.code for one in found.problems] == [f"enrol/{slug}"]
    assert found.problems[0].reason.zh in {"这是图片、PDF或别的文件，不是文本", "这是工作簿或压缩文件，不是CSV文件"}


def test_an_unknown_level_is_answered_with_the_levels_there_are():
    programme = load_catalogue().programme("BLOCKCHAIN")
    text = "姓名,证件号码,级别\n安宁,11010519491231002X,特级\n"
    found = read_roster(text.encode(), programme=programme, today=date(2026, 11, 22))
    (remedy,) = [one.remedy for one in found.problems if one.code == "enrol/level-unknown"]
    for level in programme.levels:
        assert f"{level.name.zh}（{level.code}）" in remedy.zh
        assert f"({level.code})" in remedy.en
