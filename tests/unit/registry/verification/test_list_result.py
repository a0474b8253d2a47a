"""The result of a list: inert as a table, read back as it was written, in the order of the list."""

import csv
import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment.problems import RowProblem
from registry.programme import Bilingual
from registry.verification.list_result import (
    HEADINGS,
    NOT_VERIFIED,
    ResultMalformed,
    ResultRow,
    counts_of,
    inert,
    read_result,
    refused_row,
    result_csv,
    result_workbook,
)
from registry.verification.model import Outcome

FORMULA_STARTS = tuple("=+-@\t\r")


def row(**cells: str) -> ResultRow:
    return ResultRow(**{name: cells.get(name, "") for name in HEADINGS})


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


def test_file_that_was_not_written_here_is_a_fault() -> None:
    with pytest.raises(ResultMalformed):
        list(read_result(b"a,b\r\n1,2\r\n"))
