"""Score sheets: entered by one person, confirmed by another."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import MAX_ROSTER, ConsoleDesk
from api.issuer.framing import READ, Desk, Reader, onward, page, problem_views, sent_file
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action
from registry.enrolment import RowProblem
from registry.kernel.calendar import CHINA_TIME
from registry.ports.storage import Sheet
from registry.workflows.assess import check_scores, confirm_sheet, record_scores

router = APIRouter(include_in_schema=False)
Enterer = Annotated[Visit, Depends(allowed(Action.ENTER_SCORES))]
Confirmer = Annotated[Visit, Depends(allowed(Action.CONFIRM_SCORES))]


def scores(request: Request, visit: Reader, desk: Desk) -> Response:
    """List score sheets, and offer to enter one."""
    return _scores(request, visit, desk)


async def scores_answer(request: Request, visit: Enterer, desk: Desk) -> Response:
    """Enter a score sheet; one bad row refuses it."""
    fields, name, data = await sent_file(request, visit)
    day = _day(fields.get("examined_on", ""))
    if not data or day is None:
        return await run_in_threadpool(_scores, request, visit, desk, error="console.nothing_sent", status=422)
    return await run_in_threadpool(_entered, request, visit, desk, fields.get("programme", ""), name, data, day)


def _entered(
    request: Request, visit: Visit, desk: ConsoleDesk, code: str, name: str, data: bytes, day: date
) -> Response:
    programme = desk.chosen(code)
    reading = check_scores(desk.store, programme, data)
    with desk.store.read() as unit:
        known = unit.marks.sheet_of_file(reading.digest)
    if reading.problems and known is None:
        return _scores(
            request, visit, desk, error="console.sheet_refused", problems=reading.problems, name=name, status=422
        )
    recorded = record_scores(desk.store, desk.clock, programme, data, examined_on=day, person=visit.account.name)
    return onward(request, f"/console/scores?entered={recorded.sheet.id}")


async def confirm(sheet: str, request: Request, visit: Confirmer, desk: Desk) -> Response:
    """Confirm a score sheet that somebody else entered."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(confirm_sheet, desk.store, desk.clock, sheet, person=visit.account.name)
    return onward(request, f"/console/scores?confirmed={sheet}")


def _scores(
    request: Request,
    visit: Visit,
    desk: ConsoleDesk,
    *,
    error: str = "",
    problems: Sequence[RowProblem] = (),
    name: str = "",
    status: int = 200,
) -> Response:
    with desk.store.read() as unit:
        sheets = list(reversed(unit.marks.sheets()))
        awaited = sum(len(unit.marks.awaited(code)) for code in desk.programmes)
    return page(
        request,
        visit,
        "console_scores.html",
        "scores",
        status=status,
        sheets=sheets,
        awaited=awaited,
        programmes=desk.programmes,
        today=desk.clock.now().astimezone(CHINA_TIME).date().isoformat(),
        own=lambda sheet: _same_person(sheet, visit),
        error=words_of(request).text(error, name=name) if error else "",
        problems=problem_views(request, problems),
        problem_count=len(problems),
        most=MAX_ROSTER // 1024 // 1024,
    )


def _same_person(sheet: Sheet, visit: Visit) -> bool:
    return sheet.entered_by.casefold() == visit.account.name.casefold()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


add_page(router, "/console/scores", scores, READ)
add_page(router, "/console/scores", scores_answer, ["POST"])
add_page(router, "/console/scores/{sheet}/confirm", confirm, ["POST"])
