"""What every page of the console shares: who may see it, its frame, a file that is sent, problems in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from api.bodies import read_form
from api.issuer.desk import MAX_ROSTER, ConsoleDesk
from api.pages.rendering import place_of, render, words_of
from api.problems import NothingSent
from api.sign_in.session import Visit, allowed, require_own_form
from registry.access import Action, may
from registry.enrolment import RowProblem
from registry.enrolment.table import MAX_ROWS
from registry.enrolment.workbook import WorkbookRefused, is_workbook, workbook_as_csv
from registry.kernel.calendar import CHINA_TIME

PROBLEMS_SHOWN: Final = 200
READ: Final = ["GET", "HEAD"]
_OVERHEAD: Final = 8 * 1024
NAME_SHOWN: Final = 80
"""Longest name of a file, or word from an address, that a page repeats."""


def desk_of(request: Request) -> ConsoleDesk:
    """Give the application's console."""
    found = request.app.state.console
    assert isinstance(found, ConsoleDesk)
    return found


Desk = Annotated[ConsoleDesk, Depends(desk_of)]
Reader = Annotated[Visit, Depends(allowed(Action.SEE_REGISTRY))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """One problem of a file in words; it never holds what a cell says."""

    line: int
    column: str
    reason: str
    remedy: str
    code: str


def page(request: Request, visit: Visit, template: str, tab: str, *, status: int = 200, **values: Any) -> Response:
    """Show a page of the console under one of its tabs."""
    return render(
        request,
        template,
        status=status,
        keep="no-store",
        visit=visit,
        tab=tab,
        can=lambda action: may(visit.account.roles, Action(action)),
        **values,
    )


def problem_views(request: Request, problems: Sequence[RowProblem]) -> list[ProblemView]:
    """Write the first problems of a file in the words of the page."""
    chinese = words_of(request).language == "zh"
    return [
        ProblemView(
            line=one.line,
            column=one.column,
            reason=one.reason.zh if chinese else one.reason.en or one.reason.zh,
            remedy=one.remedy.zh if chinese else one.remedy.en or one.remedy.zh,
            code=one.code,
        )
        for one in problems[:PROBLEMS_SHOWN]
    ]


async def sent_file(request: Request, visit: Visit) -> tuple[dict[str, str], str, bytes]:
    """Read a form with one file: its fields, the file's name and bytes. Raises NothingSent, FormForeign."""
    form = await read_form(request, most=MAX_ROSTER + _OVERHEAD, files=1)
    if form is None:
        raise NothingSent
    try:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        require_own_form(request, visit, fields)
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            return fields, "", b""
        return fields, upload.filename[-NAME_SHOWN:], await run_in_threadpool(_as_text, await upload.read())
    finally:
        await form.close()


def _as_text(data: bytes) -> bytes:
    """Give a workbook's first sheet as CSV; what is none, or cannot be opened, as it came: the reader says why."""
    try:
        return workbook_as_csv(data, max_rows=MAX_ROWS) if is_workbook(data) else data
    except WorkbookRefused:
        return data


def shown_moment(moment: datetime | None) -> str:
    """Write a moment in the time of the registry, to the second; nothing for none."""
    return "" if moment is None else moment.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")


def onward(request: Request, target: str) -> Response:
    """Lead to another page of the console after something was done."""
    return RedirectResponse(place_of(request)[1] + target, status_code=HTTPStatus.SEE_OTHER)
