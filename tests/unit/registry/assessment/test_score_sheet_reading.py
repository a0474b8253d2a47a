from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.assessment import SCORE_PROBLEMS, Mark, ScoresRefused, normal_admission, read_scores
from registry.programme import Bilingual, LevelCode, PaperKey

ADMISSIONS = {"2026-001": LevelCode("1"), "2026-002": LevelCode("2"), "2026-003": LevelCode("3")}


def found(reading):
    return [(problem.line, problem.code.removeprefix("exam/")) for problem in reading.problems]


def read(programme, text, admissions=ADMISSIONS):
    return read_scores(text.encode(), programme=programme, admissions=admissions)


@pytest.mark.parametrize("heading", ["成绩", "综合考试", "comprehensive", "Score", "Comprehensive examination"])
def test_wide_sheets_name_the_paper_or_the_score(programme, heading):
    reading = read(programme, f"准考证号,{heading}\n2026-001,79.5\n2026-002,缺考\n2026-003,100\n")
    assert [(row.admission, row.marks[0].score_hundredths) for row in reading.accepted()] == [
        ("2026-001", 7950),
        ("2026-002", None),
        ("2026-003", 10_000),
    ]
    assert [row.marks[0].absent for row in reading.entries] == [False, True, False]


def test_long_sheets_name_the_paper_in_each_row(programme):
    text = "准考证号,科目,成绩\n2026-001,综合考试,60\n2026-002,comprehensive,59.99\n2026-003,综合考试,缺考\n"
    assert len(read(programme, text).accepted()) == 3


@pytest.mark.parametrize(
    ("cell", "score_hundredths"),
    [
        ("79.50", 7950),
        ("60.0", 6000),
        ("６０", 6000),
        ("60分", 6000),
        (" 60 ", 6000),
        ("0", 0),
        ("0.0", 0),
        ("Absent", None),
    ],
)
def test_scores_as_spreadsheets_write_them(programme, cell, score_hundredths):
    reading = read(programme, f"准考证号,成绩\n2026-001,{cell}\n", {"2026-001": LevelCode("1")})
    assert reading.accepted()[0].marks == (Mark(paper=PaperKey("comprehensive"), score_hundredths=score_hundredths),)


@pytest.mark.parametrize(
    ("cell", "slug"),
    [
        ("59.999", "score-format"),
        ("060", "score-format"),
        ("优秀", "score-format"),
        ("1e2", "score-format"),
        ("100.01", "score-range"),
        ("101", "score-range"),
        ("-1", "formula-cell"),
        ("", "missing-paper"),
        ("\u200b60", "control-character"),
    ],
)
def test_bad_scores_are_reported_at_their_row(programme, cell, slug):
    reading = read(programme, f"准考证号,成绩\n2026-001,{cell}\n", {"2026-001": LevelCode("1")})
    assert found(reading) == [(2, slug)]
    assert reading.entries == ()
    with pytest.raises(ScoresRefused) as refused:
        reading.accepted()
    assert (refused.value.code, refused.value.problems) == ("exam/scores-refused", 1)


def test_unknown_and_repeated_candidates_are_reported(programme):
    text = "准考证号,成绩\n2026-001,60\n2026-009,60\n2026-001,61\n,60\n2026-002,1\n2026-003,1\n"
    reading = read(programme, text)
    assert found(reading) == [(3, "unknown-admission"), (4, "duplicate-row"), (5, "field-required")]
    assert [row.admission for row in reading.entries] == ["2026-002", "2026-003"]
    assert reading.problems[1].reason.zh == "与第2行是同一名考生、同一科目"


def test_candidates_without_a_row_are_counted_and_named_only_to_the_caller(programme):
    reading = read(programme, "准考证号,成绩\n2026-001,60\n")
    assert found(reading) == [(0, "missing-candidates")]
    assert reading.missing == ("2026-002", "2026-003")
    assert reading.problems[0].reason.zh == "有2名考生没有成绩行"


def test_a_row_that_cannot_be_read_is_not_also_called_missing(programme):
    reading = read(programme, "准考证号,成绩\n2026-001,60\n2026-002,60\n2026-003,60,60\n")
    assert found(reading) == [(4, "ragged-row")]


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"", "empty-file"),
        (b"PK\x03\x04", "workbook"),
        ("姓名,成绩\n安,60\n".encode(), "missing-column"),
        ("准考证号,成绩\n".encode(), "no-rows"),
        ("准考证号,科目\n2026-001,综合考试\n".encode(), "missing-column"),
        ("准考证号,成绩,综合考试\n2026-001,60,60\n".encode(), "duplicate-column"),
    ],
)
def test_files_that_are_no_score_sheet_are_refused_once(programme, data, slug):
    reading = read_scores(data, programme=programme, admissions=ADMISSIONS)
    assert [problem.code for problem in reading.problems] == [f"exam/{slug}"]
    assert reading.entries == ()


def test_gbk_sheets_are_read(programme):
    data = "准考证号,成绩\n2026-001,缺考\n".encode("gbk")
    reading = read_scores(data, programme=programme, admissions={"2026-001": LevelCode("1")})
    assert (reading.encoding, len(reading.accepted())) == ("GBK", 1)


@pytest.fixture(scope="session")
def two_papers(programme):
    """A programme with a second paper that only level 3 sits."""
    (paper,) = programme.papers
    practice = replace(
        paper, key=PaperKey("practice"), name=Bilingual(zh="实操", en="Practice"), levels=(LevelCode("3"),)
    )
    return replace(programme, papers=(paper, practice), grades=())


def test_wide_sheets_of_several_papers(two_papers):
    text = "准考证号,综合考试,实操\n2026-001,60,\n2026-002,61,\n2026-003,62,63\n"
    reading = read(two_papers, text)
    assert [tuple(mark.score_hundredths for mark in row.marks) for row in reading.accepted()] == [
        (6000,),
        (6100,),
        (6200, 6300),
    ]


def test_long_sheets_of_several_papers(two_papers):
    text = "准考证号,科目,成绩\n2026-003,practice,63\n2026-003,综合考试,62\n2026-001,综合考试,60\n2026-002,实操,1\n"
    reading = read(two_papers, text)
    assert found(reading) == [(5, "unknown-paper")]
    assert {row.admission: len(row.marks) for row in reading.entries} == {"2026-003": 2, "2026-001": 1}


def sat_again(two_papers, text, *papers):
    return read_scores(
        text.encode(),
        programme=two_papers,
        admissions={"2026-003": LevelCode("3")},
        papers={"2026-003": papers},
    )


def test_a_score_in_a_column_that_is_not_sat_is_named_and_not_taken(two_papers):
    reading = read(two_papers, "准考证号,综合考试,实操\n2026-001,60,77\n2026-002,61,\n2026-003,62,63\n")
    assert [(one.line, one.column, one.position, one.code) for one in reading.problems] == [
        (2, "实操", 3, "exam/paper-not-sat")
    ]
    assert [row.admission for row in reading.entries] == ["2026-002", "2026-003"]
    assert found(read(two_papers, "准考证号,综合考试,实操\n2026-001,60,foo\n2026-002,6,\n2026-003,6,6\n")) == [
        (2, "paper-not-sat")
    ]


def test_a_paper_that_was_kept_takes_no_score_and_may_be_called_absent(two_papers):
    practice = PaperKey("practice")
    assert found(sat_again(two_papers, "准考证号,综合考试,实操\n2026-003,95,90\n", practice)) == [(2, "paper-not-sat")]
    assert found(sat_again(two_papers, "准考证号,科目,成绩\n2026-003,综合考试,95\n2026-003,实操,9\n", practice)) == [
        (2, "paper-not-sat")
    ]
    for kept in ("", "缺考", " Absent", "-", "／", "无"):
        reading = sat_again(two_papers, f"准考证号,综合考试,实操\n2026-003,{kept},90\n", practice)
        assert [[mark.score_hundredths for mark in row.marks] for row in reading.accepted()] == [[9000]]


def test_a_missing_paper_is_counted(two_papers):
    reading = read(two_papers, "准考证号,综合考试,实操\n2026-003,62,\n", {"2026-003": LevelCode("3")})
    assert found(reading) == [(2, "missing-paper")]
    assert reading.problems[0].reason.zh == "这名考生还有1个科目没有成绩"


def test_long_sheets_report_empty_cells(two_papers):
    reading = read(two_papers, "准考证号,科目,成绩\n2026-003,,62\n2026-003,实操,\n", {"2026-003": LevelCode("3")})
    assert found(reading) == [(2, "field-required"), (3, "field-required")]


def test_admission_numbers_have_one_form(programme):
    assert normal_admission(" ａ2026 001 ") == "A2026001"
    reading = read(programme, "准考证号,成绩\nａ-001,60\n", {"a-001": LevelCode("1")})
    assert len(reading.accepted()) == 1


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_reading(programme, data):
    reading = read_scores(data, programme=programme, admissions=ADMISSIONS)
    assert reading.problems or len(reading.entries) == len(ADMISSIONS)


CELLS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["2026-001", "2026-002", "2026-003", "60", "79.5", "缺考", "综合考试", '"', ""]),
)


@settings(max_examples=300)
@given(
    rows=st.lists(st.lists(CELLS, max_size=4), max_size=6),
    heading=st.sampled_from(["准考证号,成绩", "准考证号,科目,成绩", "准考证号,综合考试,备注"]),
)
def test_any_cells_give_whole_marks_or_a_problem(programme, rows, heading):
    data = "\n".join([heading, *(",".join(row) for row in rows)]).encode(errors="ignore")
    reading = read_scores(data, programme=programme, admissions=ADMISSIONS)
    assert reading.problems or len(reading.entries) == len(ADMISSIONS)
    for row in reading.entries:
        assert [mark.paper for mark in row.marks] == ["comprehensive"]
    assert len({row.admission for row in reading.entries}) == len(reading.entries)


def test_codes_are_of_this_stage():
    assert all(kind.code == f"exam/{slug}" for slug, kind in SCORE_PROBLEMS.items())


def test_the_columns_for_people_of_a_blank_sheet_come_back_without_a_notice(programme):
    reading = read(programme, "准考证号,姓名,级别,成绩\n2026-001,安宁,一级,80\n", {"2026-001": LevelCode("1")})
    assert (len(reading.accepted()), reading.notices) == (1, ())
    misspelt = read(programme, "准考证号,姓名,备注,成绩\n2026-001,安宁,,80\n", {"2026-001": LevelCode("1")})
    assert [(one.code, one.position) for one in misspelt.notices] == [("exam/unknown-column", 3)]
