"""A file that was read on trial, as a page: its problems by kind and page by page, each in its row; and all as CSV.

A page holds covered cells alone (`covering`), the CSV none at all: it goes back to whoever made the file.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.responses import Response

from api.issuer.covering import covered_cell
from api.issuer.desk import KEPT_FOR, Tried
from api.issuer.framing import page
from api.issuer.paging import Paged, page_number
from api.pages.rendering import words_of
from api.sign_in.session import Visit
from registry.assessment import SCORE_PROBLEMS
from registry.enrolment import ROSTER_PROBLEMS, RowProblem, Table
from registry.enrolment.table import is_formula_like
from registry.programme import Bilingual, Programme

PER_PAGE: Final = 50
_NUMBER: Final = re.compile(r"\{\w+\}")
_KINDS: Final = {kind.code: kind for kind in (*ROSTER_PROBLEMS.values(), *SCORE_PROBLEMS.values())}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One cell of a row beside its problem."""

    letter: str
    """The column as spreadsheets name it."""
    heading: str
    shown: str
    """Covered; empty where the cell is."""
    readable: bool
    wrong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView:
    """One problem of a file in words, and the row it stands in."""

    line: int
    letter: str
    column: str
    cell: CellView | None
    """The cell that is meant; None = no single one, or the row could not be cut into cells."""
    reason: str
    remedy: str
    code: str
    row: tuple[CellView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindView:
    """One kind of problem and how often it occurs."""

    slug: str
    label: str
    count: int


def reading_page(
    request: Request,
    visit: Visit,
    tab: str,
    token: str,
    tried: Tried,
    programme: Programme,
    cut: Callable[[Collection[int]], Table],
) -> Response:
    """Show what was found in a file; `cut` gives some of its rows."""
    found = tried.found
    chosen = request.query_params.get("kind", "")
    counts = Counter(_slug(one.code) for one in found.problems)
    chosen = chosen if chosen in counts else ""
    problems = [one for one in found.problems if not chosen or _slug(one.code) == chosen]
    paged = Paged(number=page_number(request), total=len(problems), size=PER_PAGE)
    shown = problems[paged.first : paged.last]
    notices = found.notices[:PER_PAGE]
    table = cut({one.line for one in (*shown, *notices)})
    rows = {row.line: row.cells for row in table.rows}
    chinese = words_of(request).language == "zh"

    def view(one: RowProblem) -> FaultView:
        cells = tuple(
            _cell(key, place.heading, place.position, rows[one.line].get(key), one, programme)
            for key, place in sorted(table.places.items(), key=lambda item: item[1].position)
            if one.line in rows
        )
        return FaultView(
            line=one.line,
            letter=_letter(one.position),
            column=one.column,
            cell=next((cell for cell in cells if cell.wrong), None),
            reason=_in(one.reason, chinese=chinese),
            remedy=_in(one.remedy, chinese=chinese),
            code=one.code,
            row=cells,
        )

    return page(
        request,
        visit,
        "console_reading.html",
        tab,
        token=token,
        path=f"/console/{tab}/tried/{token}",
        file_name=tried.name,
        found=found,
        programme=_in(programme.name, chinese=chinese),
        bad=found.rows - found.good,
        kinds=[
            KindView(slug=slug, label=_label(slug, tab, chinese=chinese), count=n) for slug, n in counts.most_common()
        ],
        kind=chosen,
        paged=paged,
        faults=[view(one) for one in shown],
        notices=[view(one) for one in notices],
        minutes=int(KEPT_FOR.total_seconds() // 60),
    )


def problems_csv(request: Request, problems: Sequence[RowProblem], name: str) -> Response:
    """Give every problem of a file as CSV: line, column, code, reason, remedy; nothing that a cell says."""
    words = words_of(request)
    chinese = words.language == "zh"
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([words.text(f"console.{one}") for one in ("line", "column", "code", "problem", "remedy")])
    for one in problems:
        place = f"{_letter(one.position)} {one.column}".strip()
        told = (place, one.code, _in(one.reason, chinese=chinese), _in(one.remedy, chinese=chinese))
        writer.writerow([one.line or "", *(inert(cell) for cell in told)])
    return csv_answer(text.getvalue(), name)


def csv_answer(text: str, name: str) -> Response:
    """Give CSV as a file to keep, in UTF-8 with a byte order mark: spreadsheets show Chinese then."""
    return Response(
        text.encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'},
    )


def inert(text: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    return "'" + text if text and is_formula_like(text) else text


def _cell(key: str, heading: str, position: int, text: str | None, of: RowProblem, programme: Programme) -> CellView:
    return CellView(
        letter=_letter(position),
        heading=heading,
        shown=covered_cell(key, text, programme) if text else "",
        readable=text is not None,
        wrong=position == of.position,
    )


def _label(slug: str, tab: str, *, chinese: bool) -> str:
    kind = _KINDS[f"{'enrol' if tab == 'rosters' else 'exam'}/{slug}"]
    return _NUMBER.sub("n", _in(kind.reason, chinese=chinese))


def _slug(code: str) -> str:
    return code.partition("/")[2]


def _in(text: Bilingual, *, chinese: bool) -> str:
    return text.zh if chinese else text.en or text.zh


def _letter(position: int) -> str:
    """Name a column from 1 on as spreadsheets do: A … Z, AA …; nothing for 0."""
    letters = ""
    while position > 0:
        position, rest = divmod(position - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
