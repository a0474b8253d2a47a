"""Score sheets: entered by one person, compared and confirmed by another, or sent back with a reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.candidates import versions_of
from api.issuer.covering import COVER, covered_name
from api.issuer.desk import MAX_ROSTER, ConsoleDesk, Found
from api.issuer.framing import READ, Desk, Reader, Sent, onward, page, same_person, sent_file, shown_moment
from api.issuer.paging import Paged, page_number
from api.issuer.readings import csv_answer, problems_csv, reading_page
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form, signed_in
from registry.access import Action, Subject, may, require
from registry.assessment import LISTED, format_score
from registry.assessment.reading import score_rows
from registry.assessment.sheet import MAX_REASON
from registry.kernel.calendar import CHINA_TIME
from registry.ports.storage import Mark, Sheet, UnitOfWork
from registry.programme import Catalogue
from registry.workflows.access.act import state_of
from registry.workflows.examination.assess import (
    ExaminedLater,
    ExaminedLongAgo,
    ExaminedTooYoung,
    blank_sheet,
    check_scores,
    confirm_sheet,
    record_scores,
    return_sheet,
)
from registry.workflows.examination.exam_records import result_on_sheet

PER_PAGE: Final = 100
"""Candidates of a sheet on one page."""
SHEETS_PER_PAGE: Final = 50
router = APIRouter(include_in_schema=False)
Enterer = Annotated[Visit, Depends(allowed(Action.ENTER_SCORES))]
Confirmer = Annotated[Visit, Depends(allowed(Action.CONFIRM_SCORES))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetView:
    """One score sheet as the pages show it."""

    id: str
    state: str
    """`waits`, `confirmed`, `returned` or, by who entered it, `withdrawn`."""
    examined_on: str
    rows: int
    entered_by: str
    entered_at: str
    ended_by: str
    """Who confirmed or returned it; empty while it waits."""
    ended_at: str
    reason: str
    """Why it was returned."""
    forgotten: bool
    """The reason was deleted with somebody on the sheet."""
    own: bool
    """Entered by who reads this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkView:
    """One mark as it was entered."""

    paper: str
    score: str
    """Empty where the candidate was absent."""
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """One candidate's marks and what they come to."""

    admission: str
    name: str
    level: str
    marks: tuple[MarkView, ...]
    passed: bool
    grade: str
    erased: bool = False
    """Only the marks are left of the candidate."""


def scores(request: Request, visit: Reader, desk: Desk) -> Response:
    """List score sheets, and offer to enter one."""
    return _scores(request, visit, desk)


async def scores_answer(request: Request, visit: Enterer, desk: Desk) -> Response:
    """Enter a score sheet; one bad row refuses it, and leads to what was found."""
    sent = await sent_file(request, visit)
    day = None if sent is None else _day(sent.fields.get("examined_on", ""))
    if sent is None or not sent.data or day is None:
        error = "console.too_large" if sent is None else "console.nothing_sent" if not sent.data else "console.no_day"
        return await run_in_threadpool(_scores, request, visit, desk, error=error, status=422)
    return await run_in_threadpool(_entered, request, visit, desk, sent, day)


def _entered(request: Request, visit: Visit, desk: ConsoleDesk, sent: Sent, day: date) -> Response:
    code = sent.fields.get("programme", "")
    programme = desk.chosen(code)
    reading = check_scores(desk.store, programme, sent.data)
    with desk.store.read() as unit:
        known = unit.marks.sheet_of_file(reading.digest)
    if reading.problems and known is None:
        bad = {one.line for one in reading.problems if one.line > 1}
        found = Found(
            rows=reading.rows,
            good=max(0, reading.rows - len(bad)) if reading.rows else 0,
            encoding=reading.encoding,
            workbook=sent.workbook,
            problems=reading.problems,
            notices=reading.notices,
        )
        token = desk.tried.keep(visit.account.name, code, sent.name, sent.data, found)
        return onward(request, f"/console/scores/tried/{token}")
    try:
        recorded = record_scores(
            desk.store, desk.clock, programme, sent.data, examined_on=day, person=visit.account.name
        )
    except ExaminedLater:
        return _scores(request, visit, desk, error="console.examined_later", status=422)
    except ExaminedLongAgo as error:
        values: dict[str, str | int] = {"day": day.isoformat(), "years": error.years}
        return _scores(request, visit, desk, error="console.examined_long_ago", values=values, status=422)
    except ExaminedTooYoung as error:
        values = {"day": day.isoformat(), "n": error.candidates, "first": error.first}
        return _scores(request, visit, desk, error="console.examined_too_young", values=values, status=422)
    return onward(request, f"/console/scores/{recorded.sheet.id}?{'entered' if known is None else 'known'}=1")


def tried(token: str, request: Request, visit: Enterer, desk: Desk) -> Response:
    """Show why a score sheet was refused."""
    kept = desk.tried.look(token, visit.account.name)
    programme = desk.chosen(kept.programme)
    return reading_page(
        request, visit, "scores", token, kept, programme, lambda lines: score_rows(kept.data, programme, lines)
    )


def tried_problems(token: str, request: Request, visit: Enterer, desk: Desk) -> Response:
    """Give all that is wrong with a refused score sheet as CSV."""
    kept = desk.tried.look(token, visit.account.name)
    return problems_csv(request, kept.found.problems, "score-problems.csv")


def template(request: Request, visit: Enterer, desk: Desk) -> Response:  # noqa: ARG001 - it holds names
    """Give a score sheet to fill in, to those who enter scores."""
    programme = desk.chosen(request.query_params.get("programme", ""))
    data, _ = blank_sheet(desk.store, programme)
    return csv_answer(data.decode("utf-8-sig"), f"scores-{programme.code}.csv")


def sheet_page(id: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show a sheet as it was entered, to compare with the paper, and offer to confirm it or to send it back."""
    return _sheet_page(request, visit, desk, id)


async def confirm(id: str, request: Request, visit: Confirmer, desk: Desk) -> Response:
    """Confirm a score sheet that somebody else entered and that was compared with the paper."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    if "compared" not in fields:
        return await run_in_threadpool(_sheet_page, request, visit, desk, id, error="sheet.tick", status=422)
    await run_in_threadpool(confirm_sheet, desk.store, desk.clock, id, person=visit.account.name)
    return onward(request, f"/console/scores/{id}?confirmed=1")


async def send_back(id: str, request: Request, desk: Desk) -> Response:
    """Send back a sheet that somebody else entered, or take back one's own."""
    visit = await run_in_threadpool(signed_in, request)
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_sent_back, request, visit, desk, id, fields.get("reason", ""))


def _sent_back(request: Request, visit: Visit, desk: ConsoleDesk, id: str, reason: str) -> Response:
    require(visit.account.roles, Action.SEE_REGISTRY)
    with desk.store.read() as unit:
        own = same_person(unit.marks.sheet(id).entered_by, visit)
    require(visit.account.roles, Action.TAKE_BACK_SCORES if own else Action.RETURN_SCORES)
    if not 0 < len(reason.strip()) <= MAX_REASON or not reason.strip().isprintable():
        return _sheet_page(request, visit, desk, id, error="sheet.reason_missing", status=422)
    return_sheet(desk.store, desk.clock, id, reason=reason, person=visit.account.name)
    return onward(request, f"/console/scores/{id}?returned=1")


def _sheet_page(
    request: Request, visit: Visit, desk: ConsoleDesk, id: str, *, error: str = "", status: int = 200
) -> Response:
    with desk.store.read() as unit:
        sheet, stands = _view(unit.marks.sheet(id), visit), state_of(unit, Subject.SHEET, id)
        marks = unit.marks.marks(id)
        by_candidate: dict[str, list[Mark]] = {}
        for mark in marks:
            by_candidate.setdefault(mark.admission, []).append(mark)
        paged = Paged(number=page_number(request), total=len(by_candidate), size=PER_PAGE)
        known = list(by_candidate.items())[paged.first : paged.last]
        results = _results(unit, desk.catalogue, id, known, chinese=words_of(request).language == "zh")
    return page(
        request,
        visit,
        "console_sheet.html",
        "scores",
        status=status,
        sheet=sheet,
        results=results,
        several=any(len(one.marks) > 1 for one in results),
        absent=sum(one.hundredths is None and one.paper != LISTED for one in marks),
        paged=paged,
        most=MAX_REASON,
        may_return=may(visit.account.roles, Action.TAKE_BACK_SCORES if sheet.own else Action.RETURN_SCORES, stands),
        error=words_of(request).text(error, most=MAX_REASON) if error else "",
        told=next((one for one in ("entered", "known", "confirmed", "returned") if one in request.query_params), ""),
    )


def _results(
    unit: UnitOfWork,
    catalogue: Catalogue,
    sheet_id: str,
    known: list[tuple[str, list[Mark]]],
    *,
    chinese: bool,
) -> list[ResultView]:
    """Say what candidates' marks come to; of those who were erased only the marks are left."""
    there = {one.admission: one for one in unit.enrolments.of_admissions([admission for admission, _ in known])}
    versions = versions_of(unit, catalogue, there.values())
    views = []
    for admission, marks in known:
        application = there.get(admission)
        if application is None:
            told = tuple(MarkView(paper=one.paper, score=_score(one.hundredths), passed=False) for one in marks)
            views.append(
                ResultView(admission=admission, name=COVER, level="–", marks=told, passed=False, grade="", erased=True)
            )
            continue
        programme = versions[application.roster]
        result = result_on_sheet(unit, programme, application, sheet_id, marks)
        level = programme.level(application.level)
        grade = "" if result.grade is None else result.grade.name.zh if chinese else result.grade.name.en
        views.append(
            ResultView(
                admission=admission,
                name=covered_name(application.candidate.name),
                level=application.level if level is None else level.name.zh if chinese else level.name.en,
                marks=tuple(
                    MarkView(
                        paper=one.name.zh if chinese else one.name.en,
                        score=_score(one.score_hundredths),
                        passed=one.passed,
                    )
                    for one in result.papers
                )
                or (MarkView(paper="–", score="–", passed=result.passed),),  # listed: the programme has no papers
                passed=result.passed,
                grade=grade,
            )
        )
    return views


def _score(hundredths: int | None) -> str:
    return "" if hundredths is None else format_score(hundredths)


def _scores(
    request: Request,
    visit: Visit,
    desk: ConsoleDesk,
    *,
    error: str = "",
    values: Mapping[str, str | int] = MappingProxyType({}),
    status: int = 200,
) -> Response:
    with desk.store.read() as unit:
        paged = Paged(number=page_number(request), total=unit.marks.count_sheets(), size=SHEETS_PER_PAGE)
        sheets = [_view(one, visit) for one in unit.marks.newest_sheets(first=paged.first, most=SHEETS_PER_PAGE)]
        awaited = {code: unit.marks.count_awaited(code) for code in desk.programmes}
    most = MAX_ROSTER // 1024 // 1024
    return page(
        request,
        visit,
        "console_scores.html",
        "scores",
        status=status,
        sheets=sheets,
        paged=paged,
        awaited=sum(awaited.values()),
        programmes=desk.programmes,
        blanks=[code for code, n in awaited.items() if n],
        today=desk.clock.now().astimezone(CHINA_TIME).date().isoformat(),
        error=words_of(request).text(error, **{"most": most, **values}) if error else "",
        most=most,
    )


def _view(sheet: Sheet, visit: Visit) -> SheetView:
    back = sheet.returned
    state = "waits"
    if sheet.confirmed_by is not None:
        state = "confirmed"
    elif back is not None:
        state = "withdrawn" if back.by.casefold() == sheet.entered_by.casefold() else "returned"
    return SheetView(
        id=sheet.id,
        state=state,
        examined_on=sheet.examined_on.isoformat(),
        rows=sheet.rows,
        entered_by=sheet.entered_by,
        entered_at=shown_moment(sheet.entered_at),
        ended_by=sheet.confirmed_by or (back.by if back is not None else ""),
        ended_at=shown_moment(back.at if back is not None else sheet.confirmed_at),
        reason=(back.reason or "") if back is not None else "",
        forgotten=back is not None and back.reason is None,
        own=same_person(sheet.entered_by, visit),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


add_page(router, "/console/scores", scores, READ)
add_page(router, "/console/scores", scores_answer, ["POST"])
add_page(router, "/console/scores/template", template, READ)
add_page(router, "/console/scores/tried/{token}", tried, READ)
add_page(router, "/console/scores/tried/{token}/problems.csv", tried_problems, READ)
add_page(router, "/console/scores/{id}", sheet_page, READ)
add_page(router, "/console/scores/{id}/confirm", confirm, ["POST"])
add_page(router, "/console/scores/{id}/return", send_back, ["POST"])
