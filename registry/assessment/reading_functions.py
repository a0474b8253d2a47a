"""From a sheet of scores by function (职业功能) to marks, with every bad row named.

One sheet is for one level and direction: 准考证号, then a column for each function of each paper that is weighted,
headed `paper·function` (a function that stands in one paper alone may be headed by its own name), and one column for
each paper that is not. A workbook is read as its first sheet.

1. cut the file into rows (`registry.enrolment.table`);
2. read each cell; every fault of a row is reported;
3. a paper is sat or not: either each of its functions has a score, or each is written down as 缺考;
4. compute the papers' scores (`registry.assessment.weighting`);
5. every expected candidate has a row.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from registry.assessment.model import Mark, ScoresRefused
from registry.assessment.reading import (
    ADMISSION,
    FOR_PEOPLE,
    NAME_HEADING,
    SCORE_PROBLEMS,
    BadScore,
    in_order,
    normal_admission,
    score_of_cell,
)
from registry.assessment.weighting import FunctionScore, mark_of_functions
from registry.enrolment import Column, ProblemKind, Row, RowProblem, Table, kinds, read_table
from registry.enrolment.table import MAX_ROWS, is_formula_like
from registry.enrolment.workbook import is_workbook, workbook_as_csv
from registry.enrolment.workbook_parts import WorkbookRefused
from registry.kernel.identifiers import Digest
from registry.programme import Bilingual, FunctionCode, Paper, PaperKey, Programme

_OWN_TEXTS = (
    (
        "missing-function",
        "{count}项职能没有成绩",
        "{count} functions have no score",
        "补上成绩，整科缺考的每项都写“缺考”",
        "add the scores; write “absent” in each function of a paper that was not sat",
    ),
    (
        "partly-absent",
        "同一科目有的职能有成绩，有的写缺考",
        "one paper has scores in some functions and is absent in others",
        "对照原始成绩改正：一科要么都有成绩，要么都写“缺考”",
        "correct it from the marking: a paper has a score in each function, or is absent in each",
    ),
)
FUNCTION_PROBLEMS: Mapping[str, ProblemKind] = {**SCORE_PROBLEMS, **kinds("exam", *_OWN_TEXTS)}
"""Every kind of problem and notice of a sheet by function, by slug; docs/examination.md holds those beyond a score
sheet's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRow:
    """One candidate's scores by function, and the marks computed from them."""

    admission: str
    scores: tuple[FunctionScore, ...]
    """In the order of the programme; of the papers that are weighted."""
    marks: tuple[Mark, ...]
    """Of each paper of the sheet, in the order of the programme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSheetReading:
    """Everything a sheet by function says and everything wrong with it."""

    digest: Digest
    """SHA-256 of the file's bytes."""
    encoding: str
    delimiter: str
    rows: int
    entries: tuple[FunctionRow, ...]
    """The candidates without a fault, in the order of the file."""
    missing: tuple[str, ...]
    """Admission numbers that were expected and have no row, in order."""
    problems: tuple[RowProblem, ...]
    """By line, then column."""
    notices: tuple[RowProblem, ...]

    def accepted(self) -> tuple[FunctionRow, ...]:
        """Give the rows of a sheet without any fault: scores are taken whole or not at all. Raises ScoresRefused."""
        if self.problems:
            raise ScoresRefused(len(self.problems))
        return self.entries


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreColumn:
    """One column of a sheet: a function of a paper, or a paper that is not weighted."""

    paper: Paper
    function: FunctionCode | None
    names: tuple[Bilingual, ...]
    """Of the function, the first one deciding; of the paper where it is not weighted."""

    @property
    def key(self) -> str:
        """Names the column: `theory.ethics`, `defence`."""
        return self.paper.key if self.function is None else f"{self.paper.key}.{self.function}"

    @property
    def heading(self) -> str:
        """What the column is headed with in a sheet to fill in."""
        own = self.names[0].zh
        return own if self.function is None else f"{self.paper.name.zh}·{own}"


def columns_of(
    programme: Programme, level: str, direction: str | None, papers: Collection[str] | None = None
) -> tuple[ScoreColumn, ...]:
    """List what is scored at a level and in a direction; `papers`: only these, for who sits some of them again."""
    functions = {one.code: one for one in programme.functions}
    columns: list[ScoreColumn] = []
    for paper in programme.papers_of(level):
        if papers is not None and paper.key not in papers:
            continue
        weights = programme.weights_of(paper.key, level, direction)
        if weights is None:
            columns.append(ScoreColumn(paper=paper, function=None, names=(paper.name,)))
            continue
        columns.extend(
            ScoreColumn(paper=paper, function=code, names=(functions[code].name, *functions[code].also))
            for code, _ in weights.percent
        )
    return tuple(columns)


def blank_function_sheet(
    programme: Programme,
    level: str,
    direction: str | None,
    candidates: Iterable[tuple[str, str]],
    papers: Collection[str] | None = None,
) -> bytes:
    """Write a sheet to fill in for (admission number, name) of each candidate.

    CSV in UTF-8 with a byte order mark, so that a spreadsheet shows Chinese; `read_function_scores` takes it back.
    """
    columns = columns_of(programme, level, direction, papers)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([ADMISSION.headings[0], NAME_HEADING, *(column.heading for column in columns)])
    for admission, name in candidates:
        writer.writerow([admission, "'" + name if name and is_formula_like(name) else name, *([""] * len(columns))])
    return text.getvalue().encode("utf-8-sig")


def read_function_scores(
    data: bytes,
    *,
    programme: Programme,
    level: str,
    direction: str | None,
    admissions: Collection[str],
    papers: Collection[str] | None = None,
) -> FunctionSheetReading:
    """Read a sheet by function, CSV or XLSX; never raises, whatever the bytes.

    `admissions`: the candidates expected in this sheet.
    """
    columns = columns_of(programme, level, direction, papers)
    table = read_table(_as_csv(data), (ADMISSION, *_known(columns)), FUNCTION_PROBLEMS, FOR_PEOPLE)  # 1
    sheet = _Sheet(table, programme, level, direction, columns, admissions)
    for row in table.rows:
        sheet.read(row)  # 2, 3, 4
    file_refused = any(problem.line <= 1 for problem in table.problems)
    missing = () if file_refused else tuple(sorted(sheet.admissions - sheet.lines.keys()))
    if len(missing) > table.row_count - sheet.identified:  # 5; otherwise the bad rows may well be theirs
        sheet.problems.append(FUNCTION_PROBLEMS["missing-candidates"].at(count=len(missing)))
    return FunctionSheetReading(
        digest=Digest(hashlib.sha256(data).digest()),
        encoding=table.encoding,
        delimiter=table.delimiter,
        rows=table.row_count,
        entries=tuple(sheet.entries),
        missing=missing,
        problems=in_order(sheet.problems),
        notices=in_order(table.notices),
    )


def _as_csv(data: bytes) -> bytes:
    if not is_workbook(data):
        return data
    try:
        return workbook_as_csv(data, max_rows=MAX_ROWS)
    except WorkbookRefused:
        return data  # the table refuses it by its first bytes


def _known(columns: tuple[ScoreColumn, ...]) -> list[Column]:
    """Head each column by paper and function; by the function alone where no other paper of the sheet has it."""
    shared = Counter(column.function for column in columns)
    known = []
    for column in columns:
        words = [column.key]
        for name in column.names:
            if column.function is None:
                words += [name.zh, name.en]
                continue
            words += [f"{column.paper.name.zh}·{name.zh}", f"{column.paper.name.en} · {name.en}"]
            if shared[column.function] == 1:
                words += [name.zh, name.en]
        known.append(Column(key=column.key, headings=(column.heading, *words), required=True))
    return known


class _Sheet:
    """Collects the scores of each candidate and what is wrong with them."""

    def __init__(
        self,
        table: Table,
        programme: Programme,
        level: str,
        direction: str | None,
        columns: tuple[ScoreColumn, ...],
        admissions: Collection[str],
    ) -> None:
        self._table, self._programme, self._level, self._direction = table, programme, level, direction
        self._papers: dict[PaperKey, list[ScoreColumn]] = {}
        for column in columns:
            self._papers.setdefault(column.paper.key, []).append(column)
        self.admissions = {normal_admission(number) for number in admissions}
        self.identified = 0
        """Rows whose candidate is known."""
        self.lines: dict[str, int] = {}
        """First line of each candidate who has one."""
        self.entries: list[FunctionRow] = []
        self.problems: list[RowProblem] = list(table.problems)

    def _fault(self, row: Row, key: str, slug: str, **numbers: int) -> None:
        place = self._table.places[key]
        self.problems.append(FUNCTION_PROBLEMS[slug].at(row.line, place.heading, place.position, **numbers))

    def read(self, row: Row) -> None:
        admission = row.cells["admission"]
        if admission is None:
            return
        admission = normal_admission(admission)
        if admission not in self.admissions:
            self._fault(row, "admission", "unknown-admission" if admission else "field-required")
            return
        self.identified += 1
        first = self.lines.setdefault(admission, row.line)
        if first != row.line:
            self._fault(row, "admission", "duplicate-row", other=first)
            return
        scores: list[FunctionScore] = []
        marks: list[Mark] = []
        for paper, columns in self._papers.items():
            found = self._paper(row, columns)
            if found is None:
                continue
            if columns[0].function is None:
                marks.append(Mark(paper=paper, score_hundredths=found[0]))
                continue
            of_functions = [
                FunctionScore(paper=paper, function=column.function, score_hundredths=score)
                for column, score in zip(columns, found, strict=True)
                if column.function is not None
            ]
            scores.extend(of_functions)
            marks.append(mark_of_functions(self._programme, self._level, self._direction, paper, of_functions))  # 4
        if len(marks) == len(self._papers):
            self.entries.append(FunctionRow(admission=admission, scores=tuple(scores), marks=tuple(marks)))

    def _paper(self, row: Row, columns: list[ScoreColumn]) -> list[int | None] | None:
        """Read the cells of one paper; None where one of them is not as it must be."""
        found: list[int | None] = []
        empty: list[ScoreColumn] = []
        for column in columns:
            text = row.cells[column.key]
            if text == "":
                empty.append(column)
                continue
            if text is None:
                continue
            try:
                found.append(score_of_cell(text, column.paper.marking.full_hundredths))
            except BadScore as bad:
                self._fault(row, column.key, bad.slug, **bad.numbers)
        if empty:
            slug = "missing-paper" if empty[0].function is None else "missing-function"
            self._fault(row, empty[0].key, slug, count=len(empty))
        if len(found) < len(columns):
            return None
        if len({score is None for score in found}) > 1:  # 3
            self._fault(row, columns[0].key, "partly-absent")
            return None
        return found
