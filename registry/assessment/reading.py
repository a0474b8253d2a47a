"""From a score sheet (成绩单) as CSV to marks, with every bad row named.

Two shapes are read: wide, one row a candidate with a column for each paper (headed by its key or name; in a programme
of one paper also 成绩), and long, one row a mark with the columns 准考证号, 科目, 成绩.

1. cut the file into rows (`registry.enrolment.table`);
2. read each cell; every fault of a row is reported;
3. put the marks of a candidate together: nothing twice, nothing missing;
4. every expected candidate has a row: an absentee is written down as 缺考, never left out.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Set

from registry.assessment.model import Mark, ScoreRow, ScoreSheetReading
from registry.enrolment import (
    Column,
    ProblemKind,
    Row,
    RowProblem,
    Table,
    kinds,
    normal_heading,
    read_table,
    table_kinds,
)
from registry.enrolment.table import NOTHING, Shape
from registry.kernel.identifiers import Digest
from registry.programme import LevelCode, Paper, PaperKey, Programme, ScoreMalformed, parse_score

ABSENT = frozenset({"缺考", "absent", "缺席"})
"""What stands in a cell for a candidate who did not sit the paper, in lower case."""

_ROW_TEXTS = (
    (
        "unknown-admission",
        "本场考试没有这个准考证号",
        "the session has no such admission number",
        "核对准考证号，或核对是否选错场次",
        "compare the admission number, or the session",
    ),
    (
        "duplicate-row",
        "与第{other}行是同一名考生、同一科目",
        "same candidate and paper as line {other}",
        "删去其中一行",
        "remove one of them",
    ),
    (
        "score-format",
        "不是成绩",
        "not a score",
        "写0至100、最多两位小数的数，缺考写“缺考”",
        "write a number with at most two decimals, or “absent”",
    ),
    (
        "score-range",
        "成绩超过满分{limit}分",
        "the score is above the full mark of {limit}",
        "对照原始成绩改正",
        "correct it from the marking",
    ),
    (
        "unknown-paper",
        "该级别没有这个科目",
        "the level has no such paper",
        "写本项目的科目名称或代码",
        "write the name or the key of one of its papers",
    ),
    (
        "paper-not-sat",
        "这名考生不考这个科目",
        "the candidate does not sit this paper",
        "核对成绩是否写错列；不考的科目留空",
        "see whether the score is in the wrong column; leave a paper that is not sat empty",
    ),
    (
        "missing-paper",
        "这名考生还有{count}个科目没有成绩",
        "papers of this candidate without a score: {count}",
        "补上成绩，缺考写“缺考”",
        "add the scores; write “absent” for a paper that was not sat",
    ),
    (
        "missing-candidates",
        "有{count}名考生没有成绩行",
        "{count} candidates of the session have no row",
        "补上这些考生，缺考的写“缺考”",
        "add them; write “absent” for those who did not come",
    ),
)

SCORE_PROBLEMS: Mapping[str, ProblemKind] = {**table_kinds("exam"), **kinds("exam", *_ROW_TEXTS)}
"""Every kind of problem and notice of a score sheet, by slug; docs/programmes.md holds the same table."""
SCORE_NOTICES = frozenset({"unknown-column"})
"""The slugs that only ask a person to look."""

ADMISSION = Column(key="admission", headings=("准考证号", "准考证号码", "admission number", "admission"), required=True)
"""The column that names the candidate, in sheets of every shape."""
NAME_HEADING = "姓名"
LEVEL_HEADING = "级别"
"""Columns of a sheet to fill in for whoever fills it in; nothing reads them."""
FOR_PEOPLE = Shape(passed_over=(NAME_HEADING, LEVEL_HEADING))
_SCORE_HEADINGS = ("成绩", "分数", "得分", "score")
_PAPER = Column(key="paper", headings=("科目", "科目名称", "paper"), required=True)
_SCORE = Column(key="score", headings=_SCORE_HEADINGS, required=True)
_ADMISSION_NUMBER = re.compile(r"[0-9]{14}")
_SCORE_LIKE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?分?")
_DECIMAL = re.compile(r"[0-9]{1,3}\.[0-9]{1,6}")


def score_rows(data: bytes, programme: Programme, lines: Collection[int]) -> Table:
    """Cut some lines of a score sheet that was read before, to show them beside what is wrong with them."""
    return _table(data, programme, only=lines)


def says_a_score(key: str, text: str) -> bool:
    """Tell whether a cell holds an admission number, a score or that there is none; all else may be personal."""
    if key == "admission":
        return _ADMISSION_NUMBER.fullmatch(text) is not None
    return _SCORE_LIKE.fullmatch(text) is not None or text.casefold() in ABSENT


def _table(data: bytes, programme: Programme, *, only: Collection[int] | None = None) -> Table:
    table = read_table(data, (ADMISSION, _PAPER, _SCORE), SCORE_PROBLEMS, FOR_PEOPLE, only=only)
    if "paper" in table.places:
        return table
    return read_table(data, _wide_columns(programme), SCORE_PROBLEMS, FOR_PEOPLE, only=only)


def read_scores(
    data: bytes,
    *,
    programme: Programme,
    admissions: Mapping[str, LevelCode],
    papers: Mapping[str, Collection[str]] | None = None,
) -> ScoreSheetReading:
    """Read a CSV score sheet; never raises, whatever the bytes.

    `admissions`: the candidates expected in this sheet and their levels, by admission number. `papers`: which papers
    each of them sits, where it is not every paper of the level, as in a retake.
    """
    table = _table(data, programme)  # 1
    sheet = _Sheet(table, programme, admissions, papers or {})
    for row in table.rows:
        sheet.read(row)  # 2, 3
    file_refused = any(problem.line <= 1 for problem in table.problems)
    missing = () if file_refused else tuple(sorted(sheet.admissions.keys() - sheet.lines.keys()))
    unidentified = table.row_count - sheet.identified
    if len(missing) > unidentified:  # 4; otherwise the bad rows, reported already, may well be theirs
        sheet.problems.append(SCORE_PROBLEMS["missing-candidates"].at(count=len(missing)))
    entries = sheet.entries()
    return ScoreSheetReading(
        digest=Digest(hashlib.sha256(data).digest()),
        encoding=table.encoding,
        delimiter=table.delimiter,
        rows=table.row_count,
        entries=entries,
        missing=missing,
        problems=in_order(sheet.problems),
        notices=in_order(table.notices),
    )


def in_order(problems: Iterable[RowProblem]) -> tuple[RowProblem, ...]:
    """Order problems by line, then column."""
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.position)))


def _wide_columns(programme: Programme) -> tuple[Column, ...]:
    words: dict[PaperKey, list[str]] = {}
    sat_by: dict[PaperKey, set[LevelCode]] = {}
    for paper in programme.papers:
        words.setdefault(paper.key, []).extend((paper.name.zh, paper.name.en, paper.key))
        sat_by.setdefault(paper.key, set()).update(paper.levels)
    if len(words) == 1:
        next(iter(words.values())).extend(_SCORE_HEADINGS)
    return (
        ADMISSION,
        *(
            Column(key=key, headings=tuple(headings), required=len(sat_by[key]) == len(programme.levels))
            for key, headings in words.items()
        ),
    )


class _Sheet:
    """Collects the marks of each candidate and what is wrong with them."""

    def __init__(
        self,
        table: Table,
        programme: Programme,
        admissions: Mapping[str, LevelCode],
        papers: Mapping[str, Collection[str]],
    ) -> None:
        self._table, self._programme = table, programme
        self.admissions = {normal_admission(number): level for number, level in admissions.items()}
        self._only = {normal_admission(number): some for number, some in papers.items()}
        self._long = "paper" in table.places
        self._bad: set[str] = set()
        self._marks: dict[str, dict[PaperKey, Mark]] = {}
        self._mark_lines: dict[tuple[str, PaperKey], int] = {}
        self.identified = 0
        """Rows whose candidate is known."""
        self.lines: dict[str, int] = {}
        """First line of each candidate who has one."""
        self.problems: list[RowProblem] = list(table.problems)

    def _fault(self, row: Row, key: str, slug: str, **numbers: int) -> None:
        place = self._table.places[key]
        self.problems.append(SCORE_PROBLEMS[slug].at(row.line, place.heading, place.position, **numbers))

    def read(self, row: Row) -> None:
        admission = row.cells["admission"]
        if admission is None:
            return
        admission = normal_admission(admission)
        if admission not in self.admissions:
            self._fault(row, "admission", "unknown-admission" if admission else "field-required")
            return
        self.identified += 1
        self.lines.setdefault(admission, row.line)
        for key, paper, text in self._cells(row, admission):
            mark = self._mark(row, key, paper, self._full(admission, paper), text)
            first = self._mark_lines.setdefault((admission, paper), row.line)
            if first != row.line:
                self._fault(row, "admission", "duplicate-row", other=first)
                mark = None
            if mark is None:
                self._bad.add(admission)
            else:
                self._marks.setdefault(admission, {})[paper] = mark

    def _cells(self, row: Row, admission: str) -> list[tuple[str, PaperKey, str | None]]:
        """Give (column, paper, text) of each mark in the row; an empty cell is no mark."""
        papers = self._papers(admission)
        if not self._long:
            self._report_marks_not_sat(row, admission, {paper.key for paper in papers})
            cells = [(paper.key, paper.key, row.cells.get(paper.key, "")) for paper in papers]
            return [(column, paper, text) for column, paper, text in cells if text != ""]
        named = row.cells["paper"]
        words = {
            normal_heading(word): paper.key
            for paper in self._programme.papers_of(self.admissions[admission])
            for word in (paper.key, paper.name.zh, paper.name.en)
        }
        found = words.get(normal_heading(named)) if named is not None else None
        if found is None or found not in {paper.key for paper in papers}:
            if named is not None:
                slug = "paper-not-sat" if found is not None else "unknown-paper"
                self._fault(row, "paper", slug if named else "field-required")
            self._bad.add(admission)
            return []
        if row.cells["score"] == "":
            self._fault(row, "score", "field-required")
            self._bad.add(admission)
            return []
        return [("score", found, row.cells["score"])]

    def _report_marks_not_sat(self, row: Row, admission: str, sat: Set[PaperKey]) -> None:
        """Report what stands under papers that the candidate does not sit, but for words that say just that."""
        for key in self._table.places.keys() - sat - {"admission"}:
            text = row.cells[key]
            if text and plain_cell(text) not in NOTHING | ABSENT:
                self._fault(row, key, "paper-not-sat")
                self._bad.add(admission)

    def _papers(self, admission: str) -> tuple[Paper, ...]:
        """List what a candidate sits."""
        papers = self._programme.papers_of(self.admissions[admission])
        only = self._only.get(admission)
        return papers if only is None else tuple(paper for paper in papers if paper.key in only)

    def _full(self, admission: str, paper: PaperKey) -> int:
        return next(one.marking.full_hundredths for one in self._papers(admission) if one.key == paper)

    def _mark(self, row: Row, key: str, paper: PaperKey, full: int, text: str | None) -> Mark | None:
        if text is None:
            return None
        try:
            return Mark(paper=paper, score_hundredths=score_of_cell(text, full))
        except BadScore as bad:
            self._fault(row, key, bad.slug, **bad.numbers)
            return None

    def entries(self) -> tuple[ScoreRow, ...]:
        """Put the marks together; a candidate with any fault is left out."""
        entries = []
        for admission, line in self.lines.items():
            if admission in self._bad:
                continue
            marks = self._marks.get(admission, {})
            papers = self._papers(admission)
            lacking = sum(paper.key not in marks for paper in papers)
            if lacking:
                place = self._table.places["admission"]
                report = SCORE_PROBLEMS["missing-paper"].at(line, place.heading, place.position, count=lacking)
                self.problems.append(report)
                continue
            entries.append(ScoreRow(admission=admission, marks=tuple(marks[paper.key] for paper in papers)))
        return tuple(entries)


class BadScore(Exception):
    """A cell is neither a score within the scale nor an absence; never leaves this stage."""

    def __init__(self, slug: str, **numbers: int) -> None:
        self.slug, self.numbers = slug, numbers
        super().__init__(slug)


def plain_cell(text: str) -> str:
    """Bring a cell to the form in which its words are compared: NFKC, lower case, without spaces."""
    return unicodedata.normalize("NFKC", text).casefold().replace(" ", "")


def score_of_cell(text: str, full: int) -> int | None:
    """Read a cell into hundredths, at most `full`; None = absent. Raises BadScore."""
    plain = plain_cell(text).removesuffix("分")
    if plain in ABSENT:
        return None
    if _DECIMAL.fullmatch(plain):  # spreadsheets write 60.0 and 79.50: the same score in more figures
        plain = plain.rstrip("0").rstrip(".")
    try:
        score = parse_score(plain)
    except ScoreMalformed as error:
        raise BadScore("score-format") from error
    if score > full:
        raise BadScore("score-range", limit=full // 100)
    return score


def normal_admission(text: str) -> str:
    """Bring an admission number to the form it is compared in: NFKC, upper case, without spaces."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()
