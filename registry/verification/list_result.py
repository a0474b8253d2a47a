"""The result of verifying a list: one line for each line that came, as a CSV file that a receipt is signed over.

First stand our columns, in their order; then those of the list that were not asked for, with its own headings.
No cell can be taken for a formula: one that begins with = + - @, tab or carriage return gets an apostrophe before it.
The file is UTF-8 with byte order mark, because spreadsheets read Chinese only then; lines end in CR LF (RFC 4180).
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from registry.enrolment import RowProblem
from registry.enrolment.table import begins_formula
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import IntegrityFault
from registry.status import Reason
from registry.verification.model import Outcome, Question, Report
from registry.verification.receipts import freshness_of

NOT_VERIFIED: Final = "not-verified"
"""Stands for the outcome where a line could not be verified; its code says what is wrong with it."""
_CHANGED: Final = frozenset({Outcome.REVOKED, Outcome.SUSPENDED, Outcome.SUPERSEDED})
_MARK: Final = "\ufeff"
_APOSTROPHE: Final = "'"


class ResultMalformed(IntegrityFault):
    """A kept result file is not one that is written here."""

    code = "bulk/result-malformed"

    def __init__(self) -> None:
        super().__init__("a kept result of a bulk verification cannot be read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a certificate says it is for, in the words of the file's language; empty where its content is not known."""

    programme: str = ""
    level: str = ""
    valid_from: str = ""
    """First valid day, +08:00."""
    valid_until: str = ""
    """Last valid day, or that it is for life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One line of the result; empty where there is nothing to say. All texts, as they stand in the file."""

    line: str
    """Line of the file that came."""
    number: str
    """As it was asked, or the certificate's where it was asked by link; empty where nothing was found."""
    outcome: str
    """An outcome's slug, or `not-verified`."""
    code: str
    words: str
    """The verdict, or what is wrong with the line, in the language of the file."""
    notices: str
    """Slugs of what stands beside the verdict, between spaces; `test-chain` above all."""
    name: str
    """The holder's on the certificate, for links alone: who asks by name knows it."""
    since: str
    """Date, +08:00, since when it is revoked, suspended or superseded."""
    reason: str
    """Reason's slug."""
    revision: str
    successor: str
    """`<number>#<revision>`."""
    block: str
    """The last block that the answer rests on."""
    block_time: str
    """RFC 3339, +08:00."""
    programme: str = ""
    level: str = ""
    valid_from: str = ""
    valid_until: str = ""
    further: tuple[str, ...] = ()
    """The list's own cells that were not asked for, as they came."""


HEADINGS: Final[Mapping[str, tuple[str, str]]] = {
    "line": ("行", "line"),
    "number": ("编号", "number"),
    "outcome": ("结论", "outcome"),
    "code": ("代码", "code"),
    "words": ("说明", "in words"),
    "notices": ("附注", "notices"),
    "name": ("姓名（按链接查到的）", "name (by link)"),
    "since": ("自何日起", "since"),
    "reason": ("原因", "reason"),
    "revision": ("版次", "revision"),
    "successor": ("接替者", "successor"),
    "block": ("截至区块", "as of block"),
    "block_time": ("区块时间", "block time"),
    "programme": ("专业", "programme"),
    "level": ("级别", "level"),
    "valid_from": ("有效期起", "valid from"),
    "valid_until": ("有效期至", "valid until"),
}
"""Headings in Chinese and English; a file's are both, so that everybody can read it and every program finds them."""
_COLUMNS: Final = tuple(HEADINGS)
_HEADED: Final = [f"{zh} {en}" for zh, en in HEADINGS.values()]
_EARLIER: Final = _COLUMNS.index("programme")
"""Columns of a result that was written before certificates were described in it."""


def judged_row(
    line: int,
    number: str,
    report: Report,
    words: str,
    stated: Stated,
    *,
    by_link: bool,
    further: tuple[str, ...] = (),
) -> ResultRow:
    """Put a verdict into a line. `number` is what was asked, empty for a link."""
    standing = next((one.evidence for one in report.findings if one.question is Question.STANDING), {})
    content = report.content or {}
    found, revision, name = (content.get(member) for member in ("licenseNumber", "revision", "name"))
    freshness = freshness_of(report)
    changed = report.outcome in _CHANGED
    return ResultRow(
        line=str(line),
        number=found if by_link and isinstance(found, str) else number,
        outcome=report.outcome.value,
        code=report.code,
        words=words,
        notices=" ".join(one.kind.value for one in report.notices),
        name=name if by_link and isinstance(name, str) else "",
        since=_day(standing.get("since")) if changed else "",
        reason=_reason(standing.get("reason")) if changed else "",
        revision=str(revision) if isinstance(revision, int) else "",
        successor=report.successor or "",
        block="" if freshness is None else str(freshness.block),
        block_time="" if freshness is None else _moment(freshness.time),
        programme=stated.programme,
        level=stated.level,
        valid_from=stated.valid_from,
        valid_until=stated.valid_until,
        further=further,
    )


def refused_row(problem: RowProblem, words: str, further: tuple[str, ...] = ()) -> ResultRow:
    """Put what is wrong with a line in its place."""
    given = {"line": str(problem.line), "outcome": NOT_VERIFIED, "code": problem.code, "words": words}
    return ResultRow(**{name: given.get(name, "") for name in _COLUMNS}, further=further)


def result_csv(rows: Sequence[ResultRow], further: Sequence[str] = ()) -> bytes:
    """Write the result file. `further`: headings of the list's columns; rows that have no cells of them have empty."""
    text = io.StringIO()
    text.write(_MARK)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_HEADED, *map(inert, further)])
    none = ("",) * len(further)
    for row in rows:
        writer.writerow(inert(cell) for cell in (*(getattr(row, name) for name in _COLUMNS), *(row.further or none)))
    return text.getvalue().encode("utf-8", "replace")


def read_result(data: bytes) -> Iterator[ResultRow]:
    """Read a result file that was written here, by this version or an earlier one. Raises ResultMalformed."""
    lines = csv.reader(io.StringIO(data.decode("utf-8").removeprefix(_MARK), newline=""))
    headings = next(lines, [])
    ours = len(_COLUMNS) if headings[: len(_COLUMNS)] == _HEADED else _EARLIER
    if headings[:ours] != _HEADED[:ours] or (ours == _EARLIER and len(headings) != _EARLIER):
        raise ResultMalformed
    for cells in lines:
        if len(cells) != len(headings):
            raise ResultMalformed
        plain = [*map(_plain, cells)]
        named = dict(zip(_COLUMNS, plain[:ours] + [""] * (len(_COLUMNS) - ours), strict=True))
        yield ResultRow(**named, further=tuple(plain[ours:]))


def result_workbook(data: bytes) -> bytes:
    """Write a result file as an XLSX workbook of texts, for reading: the receipt is over the CSV."""
    # Takes long to import, and few people want a workbook.
    from openpyxl import Workbook  # type: ignore[import-untyped]  # noqa: PLC0415
    from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet("result")
    for cells in csv.reader(io.StringIO(data.decode("utf-8").removeprefix(_MARK), newline="")):
        row = []
        for text in cells:
            cell = WriteOnlyCell(sheet, value=text)
            cell.data_type = "s"
            row.append(cell)
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def counts_of(rows: Sequence[ResultRow]) -> dict[Outcome, int]:
    """Count the verified lines by outcome."""
    counted = Counter(one.outcome for one in rows)
    return {outcome: counted[outcome.value] for outcome in Outcome if counted[outcome.value]}


def inert(text: str) -> str:
    """Make a text harmless as a cell: control characters become spaces, a formula's beginning is quoted."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    return _APOSTROPHE + plain if begins_formula(text) or begins_formula(plain.lstrip()) else plain


def _plain(cell: str) -> str:
    quoted = cell.startswith(_APOSTROPHE) and begins_formula(cell[1:].lstrip())
    return cell[1:] if quoted else cell


def _day(since: object) -> str:
    return datetime.fromisoformat(since).astimezone(CHINA_TIME).date().isoformat() if isinstance(since, str) else ""


def _moment(moment: datetime) -> str:
    return moment.astimezone(CHINA_TIME).isoformat(timespec="seconds")


def _reason(code: object) -> str:
    try:
        return Reason(code).slug if isinstance(code, int) else ""
    except ValueError:
        return str(code)
