"""Rosters: read on trial, imported whole or in their good rows; who may sit."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import KEPT_FOR, MAX_ROSTER, ConsoleDesk
from api.issuer.framing import NAME_SHOWN, READ, Desk, Reader, onward, page, problem_views, sent_file, shown_moment
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action
from registry.enrolment import RowsRefused
from registry.workflows.enrol import check_roster, decide_applications, import_roster

router = APIRouter(include_in_schema=False)
Importer = Annotated[Visit, Depends(allowed(Action.IMPORT_ROSTER))]
Decider = Annotated[Visit, Depends(allowed(Action.DECIDE))]


def rosters(request: Request, visit: Reader, desk: Desk) -> Response:
    """List rosters and offer to read one on trial."""
    return _rosters(request, visit, desk)


async def rosters_answer(request: Request, visit: Importer, desk: Desk) -> Response:
    """Read a roster on trial; nothing is stored."""
    fields, name, data = await sent_file(request, visit)
    if not data:
        return await run_in_threadpool(_rosters, request, visit, desk, error="console.nothing_sent", status=422)
    return await run_in_threadpool(_tried, request, visit, desk, fields.get("programme", ""), name, data)


async def take_roster(request: Request, visit: Importer, desk: Desk) -> Response:
    """Import a roster that was read on trial: whole, or its good rows."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_taken, request, visit, desk, fields)


def _tried(request: Request, visit: Visit, desk: ConsoleDesk, programme: str, name: str, data: bytes) -> Response:
    reading = check_roster(desk.store, desk.clock, desk.chosen(programme), data)
    takeable = bool(reading.candidates) and not reading.file_refused
    return page(
        request,
        visit,
        "console_reading.html",
        "rosters",
        status=422 if reading.problems else 200,
        file_name=name,
        rows=reading.rows,
        good=len(reading.candidates),
        bad=reading.refused_rows,
        encoding=reading.encoding,
        problems=problem_views(request, reading.problems),
        problem_count=len(reading.problems),
        kinds=Counter(one.code for one in reading.problems).most_common(),
        notices=problem_views(request, reading.notices),
        kept=desk.tried.keep(visit.account.name, programme, name, data) if takeable else "",
        minutes=int(KEPT_FOR.total_seconds() // 60),
    )


def _taken(request: Request, visit: Visit, desk: ConsoleDesk, fields: dict[str, str]) -> Response:
    tried = desk.tried.take(fields.get("kept", ""), visit.account.name)
    programme = desk.chosen(tried.programme)
    try:
        imported = import_roster(
            desk.store,
            desk.clock,
            programme,
            tried.data,
            person=visit.account.name,
            good_rows_only=fields.get("take") == "good",
        )
    except RowsRefused:  # rows that were good a moment ago, such as a person who is on another roster by now
        return _tried(request, visit, desk, tried.programme, tried.name, tried.data)
    return onward(request, f"/console/rosters?taken={imported.roster.id}")


async def decide(request: Request, visit: Decider, desk: Desk) -> Response:
    """Decide who may sit, by the programme's rules."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    decided = await run_in_threadpool(
        decide_applications, desk.store, desk.clock, desk.catalogue, desk.issuer, person=visit.account.name
    )
    return onward(request, f"/console/rosters?eligible={decided.eligible}&refused={decided.refused}")


def _rosters(request: Request, visit: Visit, desk: ConsoleDesk, *, error: str = "", status: int = 200) -> Response:
    with desk.store.read() as unit:
        kept = list(reversed(unit.enrolments.rosters()))
        decisions = Counter(one.eligible for one in unit.enrolments.applications())
    return page(
        request,
        visit,
        "console_rosters.html",
        "rosters",
        status=status,
        rosters=[(one.id, one.programme, one.rows, one.imported_by, shown_moment(one.imported_at)) for one in kept],
        undecided=decisions[None],
        eligible=decisions[True],
        refused=decisions[False],
        programmes=desk.programmes,
        taken=request.query_params.get("taken", "")[:NAME_SHOWN],
        error=words_of(request).text(error) if error else "",
        most=MAX_ROSTER // 1024 // 1024,
    )


add_page(router, "/console/rosters", rosters, READ)
add_page(router, "/console/rosters", rosters_answer, ["POST"])
add_page(router, "/console/rosters/take", take_roster, ["POST"])
add_page(router, "/console/rosters/decide", decide, ["POST"])
