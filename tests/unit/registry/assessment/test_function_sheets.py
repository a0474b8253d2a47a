"""Sheets of scores by function: the columns of a level and direction, and every bad row named."""

import io
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.assessment import (
    FUNCTION_PROBLEMS,
    SCORE_PROBLEMS,
    Mark,
    ScoresRefused,
    blank_function_sheet,
    columns_of,
    read_function_scores,
)
from registry.programme import PaperKey

ADMISSIONS = ("26110001000001", "26110001000002")
FIRST, SECOND = ADMISSIONS
HEADING = (
    "准考证号,姓名,理论知识·职业道德,理论知识·基础知识,理论知识·开发应用系统,理论知识·测试系统,理论知识·运行维护系统,"
    "专业能力·开发应用系统,专业能力·测试系统,专业能力·运行维护系统"
)
PRACTICE = "准考证号,开发应用系统,测试系统,运行维护系统\n"


@pytest.fixture(scope="session")
def blockchain(catalogue):
    return catalogue.programme("BLOCKCHAIN")


def read(programme, text, *, level="1", direction=None, admissions=ADMISSIONS, papers=None):
    data = text if isinstance(text, bytes) else text.encode()
    return read_function_scores(
        data, programme=programme, level=level, direction=direction, admissions=admissions, papers=papers
    )


def found(reading):
    return [(problem.line, problem.code.removeprefix("exam/")) for problem in reading.problems]


def test_a_blank_sheet_has_the_columns_of_the_level(blockchain):
    data = blank_function_sheet(blockchain, "1", None, [(FIRST, "安宁"), (SECOND, "=1+1")])
    lines = data.decode("utf-8-sig").splitlines()
    assert lines[0] == HEADING
    assert lines[1] == f"{FIRST},安宁" + "," * 8
    assert lines[2].split(",")[1] == "'=1+1"


def test_the_columns_follow_the_direction(catalogue):
    of = catalogue.programme("BIG-DATA")
    by_direction = {
        one.code: [column.function for column in columns_of(of, "1", one.code, papers=["practice"])]
        for one in of.directions_of("1")
    }
    assert by_direction == {
        "processing": ["system-construction", "platform-operation", "technical-service", "processing-application"],
        "analysis": ["system-construction", "platform-operation", "technical-service", "analysis-mining"],
        "management": ["platform-operation", "technical-service", "data-management"],
    }
    assert len(columns_of(of, "3", None)) == 16


def test_a_blank_sheet_that_was_filled_in_is_read(blockchain):
    heading, *rows = (
        blank_function_sheet(blockchain, "1", None, [(FIRST, "安宁"), (SECOND, "白露")]).decode("utf-8-sig").split()
    )
    scores = ("60,70,80.5,90,50,60,70,80.5", "1,2,3,4,5,缺考,缺考,缺考")
    filled = [row.removesuffix("," * 8) + "," + cells for row, cells in zip(rows, scores, strict=True)]
    reading = read(blockchain, "\n".join([heading, *filled]))
    theory, practice = PaperKey("theory"), PaperKey("practice")
    assert [(row.admission, row.marks) for row in reading.accepted()] == [
        (FIRST, (Mark(paper=theory, score_hundredths=6860), Mark(paper=practice, score_hundredths=7120))),
        # 1×5 + 2×20 + 3×20 + 4×20 + 5×35 = 360
        (SECOND, (Mark(paper=theory, score_hundredths=360), Mark(paper=practice, score_hundredths=None))),
    ]
    assert [one.score_hundredths for one in reading.entries[0].scores][:3] == [6000, 7000, 8050]
    assert reading.notices == ()  # the names are our own column


def test_a_function_in_one_paper_of_the_sheet_alone_may_be_headed_by_its_own_name(blockchain):
    reading = read(blockchain, f"{PRACTICE}{FIRST},60,70,80.5\n{SECOND},1,1,1\n", papers=["practice"])
    assert [row.marks[0].score_hundredths for row in reading.accepted()] == [7120, 100]


def test_the_other_name_of_a_function_heads_its_column_too(catalogue):
    of = catalogue.programme("BIG-DATA")
    text = f"准考证号,大数据系统搭建,大数据平台管理与运维,大数据技术服务,大数据分析与管理\n{FIRST},60,70,80.5,90\n"
    reading = read(of, text, direction="analysis", admissions=(FIRST,), papers=["practice"])
    assert reading.accepted()[0].marks[0].score_hundredths == 7605


def test_a_paper_without_weights_has_one_column(programme):
    reading = read(programme, f"准考证号,综合考试\n{FIRST},79.5\n{SECOND},缺考\n")
    assert [row.marks[0].score_hundredths for row in reading.accepted()] == [7950, None]
    assert reading.entries[0].scores == ()


def test_workbooks_are_read_as_their_first_sheet(blockchain):
    book = openpyxl.Workbook()
    for row in (["准考证号", "开发应用系统", "测试系统", "运行维护系统"], [FIRST, 60, 70, 80.5], [SECOND, 60, 60, 60]):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    reading = read(blockchain, file.getvalue(), papers=["practice"])
    assert [row.marks[0].score_hundredths for row in reading.accepted()] == [7120, 6000]


def test_a_damaged_workbook_is_refused_as_one(blockchain):
    assert found(read(blockchain, b"PK\x03\x04 and no more")) == [(0, "workbook")]


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        (f"{FIRST},60,,80", [(2, "missing-function")]),
        (f"{FIRST},,,", [(2, "missing-function")]),
        (f"{FIRST},60,缺考,80", [(2, "partly-absent")]),
        (f"{FIRST},60,一百,80", [(2, "score-format")]),
        (f"{FIRST},60,100.01,x", [(2, "score-range"), (2, "score-format")]),
        (f"{FIRST},60,70", [(2, "ragged-row")]),
        (f"26110001000009,60,70,80\n{FIRST},60,70,80", [(2, "unknown-admission")]),
        (f",60,70,80\n{FIRST},60,70,80", [(2, "field-required")]),
        (f"{FIRST},60,70,80\n{FIRST},60,70,80", [(3, "duplicate-row")]),
        (f"{FIRST},=1,70,80", [(2, "formula-cell")]),
    ],
)
def test_bad_rows_are_reported(blockchain, row, problems):
    reading = read(blockchain, f"{PRACTICE}{row}\n", admissions=(FIRST,), papers=["practice"])
    assert found(reading) == problems
    with pytest.raises(ScoresRefused):
        reading.accepted()


def test_a_fault_names_its_column_and_counts(blockchain):
    reading = read(blockchain, f"{PRACTICE}{FIRST},60,,\n", admissions=(FIRST,), papers=["practice"])
    (problem,) = reading.problems
    assert (problem.column, problem.position, problem.reason.zh) == ("测试系统", 3, "2项职能没有成绩")


def test_candidates_without_a_row_are_counted(blockchain):
    reading = read(blockchain, f"{PRACTICE}{FIRST},60,70,80\n", papers=["practice"])
    assert found(reading) == [(0, "missing-candidates")]
    assert reading.missing == (SECOND,)


def test_a_sheet_without_one_of_its_columns_is_refused(blockchain):
    reading = read(blockchain, f"准考证号,开发应用系统,测试系统\n{FIRST},60,70\n", papers=["practice"])
    assert found(reading) == [(1, "missing-column")]
    assert reading.problems[0].column == "专业能力·运行维护系统"


CELLS = st.sampled_from([FIRST, SECOND, "60", "79.5", "缺考", "", "x", '"', "100.01"])


@settings(max_examples=200)
@given(rows=st.lists(st.lists(CELLS, max_size=5), max_size=5))
def test_any_cells_give_whole_marks_or_a_problem(blockchain, rows):
    data = PRACTICE + "\n".join(",".join(row) for row in rows)
    reading = read(blockchain, data, papers=["practice"])
    assert reading.problems or {row.admission for row in reading.entries} == set(ADMISSIONS)
    for row in reading.entries:
        assert [mark.paper for mark in row.marks] == ["practice"]


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_reading(blockchain, data):
    assert read(blockchain, data).problems


def test_the_kinds_beyond_a_score_sheets_are_documented():
    docs = (Path(__file__).parents[4] / "docs" / "examination.md").read_text(encoding="utf-8")
    for slug in FUNCTION_PROBLEMS.keys() - SCORE_PROBLEMS.keys():
        kind = FUNCTION_PROBLEMS[slug]
        row = f"| `{kind.code}` | {kind.reason.zh}<br>{kind.reason.en} | {kind.remedy.zh}<br>{kind.remedy.en} |"
        assert row in docs
