"""The result of a list: inert as a table, read back as it was written, in the order of the list."""

import csv
import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment.problems import RowProblem
from registry.enrolment.table import MAX_FURTHER
from registry.programme import Bilingual
from registry.verification.list_result import (
    HEADINGS,
    NOT_VERIFIED,
    ResultMalformed,
    ResultRow,
    Stated,
    counts_of,
    inert,
    judged_row,
    read_result,
    refused_row,
    result_csv,
    result_workbook,
)
from registry.verification.model import Outcome
from tests.http.sample_reports import NAME, NUMBER, SampleVerifier

FORMULA_STARTS = tuple("=+-@\t\r")


EARLIER = (
    "line",
    "number",
    "outcome",
    "code",
    "words",
    "notices",
    "name",
    "since",
    "reason",
    "revision",
    "successor",
    "block",
    "block_time",
)
"""Columns of results that were written before there were more."""


def row(*, further: tuple[str, ...] = (), **cells: str) -> ResultRow:
    return ResultRow(**{name: cells.get(name, "") for name in HEADINGS}, further=further)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "  =1", "\u00a0=1", "-", "−1"],
)
def test_beginning_of_a_formula_is_quoted(text: str) -> None:
    cell = inert(text)
    assert cell.startswith("'")
    assert cell.isprintable()


@given(st.text())
def test_no_cell_begins_a_formula_and_none_has_a_line_break(text: str) -> None:
    cell = inert(text)
    assert not cell.startswith(FORMULA_STARTS)
    assert not cell.lstrip().startswith(FORMULA_STARTS)
    assert len(cell.splitlines()) <= 1


@given(
    st.lists(st.builds(lambda line, words: row(line=str(line), number=words, words=words), st.integers(1), st.text()))
)
def test_file_is_read_back_as_it_was_written(rows: list[ResultRow]) -> None:
    data = result_csv(rows)
    read = list(read_result(data))
    assert [one.line for one in read] == [one.line for one in rows]
    assert result_csv(read) == data


def test_file_opens_in_spreadsheets() -> None:
    data = result_csv([row(line="2", words="有效，可以。")])
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == data.count(b"\n") == 2
    assert next(csv.reader(io.StringIO(data.decode("utf-8-sig"))))[:3] == ["行 line", "编号 number", "结论 outcome"]


def test_workbook_keeps_every_text_a_text() -> None:
    data = result_csv([row(line="2", number="=1+1", words="+x")])
    book = openpyxl.load_workbook(io.BytesIO(result_workbook(data)))
    second = next(iter(book.worksheets[0].iter_rows(min_row=2, values_only=True)))
    assert second[1] == "'=1+1"
    assert all(one.data_type != "f" for cells in book.worksheets[0].rows for one in cells)


def test_lines_that_were_not_verified_are_in_no_count() -> None:
    problem = RowProblem(
        line=3, column="", position=0, code="bulk/quote", reason=Bilingual(zh="", en=""), remedy=Bilingual(zh="", en="")
    )
    refused = refused_row(problem, "words")
    assert (refused.line, refused.outcome, refused.code, refused.words) == ("3", NOT_VERIFIED, "bulk/quote", "words")
    rows = [row(line="2", outcome="valid"), refused, row(line="4", outcome="revoked")]
    assert counts_of(rows) == {Outcome.REVOKED: 1, Outcome.VALID: 1}


STATED = Stated(programme="AIGC应用工程师", level="高级", valid_from="2026-11-20", valid_until="2029-11-19")


def test_row_says_what_the_certificate_is_for_and_how_long_it_is_valid() -> None:
    found = judged_row(2, NUMBER, SampleVerifier().by_number_and_name(NUMBER, NAME), "", STATED, by_link=False)
    (read,) = read_result(result_csv([found]))
    assert (read.programme, read.level) == ("AIGC应用工程师", "高级")
    assert (read.valid_from, read.valid_until) == ("2026-11-20", "2029-11-19")


def test_columns_of_the_list_come_along_after_ours_and_are_inert() -> None:
    rows = [row(line="2", further=("E-001", "=1+1")), row(line="3", further=("", "高级"))]
    data = result_csv(rows, further=("工号", "=HYPERLINK(1)"))
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [cells[len(HEADINGS) :] for cells in lines] == [
        ["工号", "'=HYPERLINK(1)"],
        ["E-001", "'=1+1"],
        ["", "高级"],
    ]
    assert [one.further for one in read_result(data)] == [("E-001", "=1+1"), ("", "高级")]


def test_longest_cell_that_comes_along_is_read_back() -> None:
    (read,) = read_result(result_csv([row(line="2", further=("x" * MAX_FURTHER,))], further=("备注",)))
    assert read.further == ("x" * MAX_FURTHER,)


def test_columns_stand_in_their_old_places_and_new_ones_after_them() -> None:
    assert tuple(HEADINGS)[: len(EARLIER)] == EARLIER
    assert tuple(HEADINGS)[len(EARLIER) :] == ("programme", "level", "valid_from", "valid_until")


def test_result_that_an_earlier_version_wrote_is_read() -> None:
    headings = ",".join(" ".join(HEADINGS[name]) for name in EARLIER)
    cells = ",".join("2" if name == "line" else "valid" if name == "outcome" else "" for name in EARLIER)
    (read,) = read_result(f"\ufeff{headings}\r\n{cells}\r\n".encode())
    assert (read.line, read.outcome, read.level, read.further) == ("2", "valid", "", ())


@pytest.mark.parametrize("wrong", ["{0}\r\n2\r\n", "{0},x\r\n{1}\r\n", "{1}\r\n"])
def test_result_whose_lines_do_not_fit_its_heading_is_a_fault(wrong: str) -> None:
    headings = ",".join(" ".join(words) for words in HEADINGS.values())
    with pytest.raises(ResultMalformed):
        list(read_result(wrong.format(headings, "," * (len(HEADINGS) - 1)).encode()))


def test_file_that_was_not_written_here_is_a_fault() -> None:
    with pytest.raises(ResultMalformed):
        list(read_result(b"a,b\r\n1,2\r\n"))
