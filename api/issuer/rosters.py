"""Rosters: read on trial, imported whole or in their good rows; who may sit; one roster with its candidates."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import MAX_ROSTER, ConsoleDesk, Found
from api.issuer.framing import NAME_SHOWN, READ, Desk, Reader, Sent, onward, page, sent_file, shown_moment
from api.issuer.paging import Paged, page_number
from api.issuer.readings import csv_answer, problems_csv, reading_page
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action
from registry.enrolment import RowsRefused, blank_roster, roster_rows
from registry.ports.storage import Roster, UnitOfWork
from registry.workflows.enrolment.enrol import check_roster, decide_applications, import_roster

MAX_PHOTOGRAPHS: Final = 24 * 1024 * 1024
"""Bytes of photographs at a time: some 500 of the usual 50 KB."""
PER_PAGE: Final = 50
router = APIRouter(include_in_schema=False)
Importer = Annotated[Visit, Depends(allowed(Action.IMPORT_ROSTER))]
Decider = Annotated[Visit, Depends(allowed(Action.DECIDE))]


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterView:
    """One roster as the pages show it."""

    id: str
    programme: str
    version: str
    rows: int
    imported_by: str
    imported_at: str
    file: str
    """SHA-256 of the file as hexadecimal digits."""
    eligible: int
    refused: int
    undecided: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFile:
    """A photograph that was not taken, or that somebody should look at."""

    name: str
    """Covered, where it is no admission number."""
    reason: str
    remedy: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotographsView:
    """What became of photographs that were just handed in."""

    error: str = ""
    done: str = ""
    refused: tuple[RefusedFile, ...] = ()
    noticed: tuple[RefusedFile, ...] = ()


def rosters(request: Request, visit: Reader, desk: Desk) -> Response:
    """List rosters and offer to read one on trial."""
    return _rosters(request, visit, desk)


async def rosters_answer(request: Request, visit: Importer, desk: Desk) -> Response:
    """Read a roster on trial, and lead to what was found; nothing is stored."""
    sent = await sent_file(request, visit)
    if sent is None or not sent.data:
        error = "console.too_large" if sent is None else "console.nothing_sent"
        return await run_in_threadpool(_rosters, request, visit, desk, error=error, status=422)
    return await run_in_threadpool(_tried, request, visit, desk, sent)


def tried(token: str, request: Request, visit: Importer, desk: Desk) -> Response:
    """Show what was found in a roster that was read on trial."""
    kept = desk.tried.look(token, visit.account.name)
    programme = desk.chosen(kept.programme)
    return reading_page(request, visit, "rosters", token, kept, programme, lambda lines: roster_rows(kept.data, lines))


def tried_problems(token: str, request: Request, visit: Importer, desk: Desk) -> Response:
    """Give all that is wrong with a roster as CSV."""
    kept = desk.tried.look(token, visit.account.name)
    return problems_csv(request, kept.found.problems, "roster-problems.csv")


def template(request: Request, visit: Importer, desk: Desk) -> Response:  # noqa: ARG001 - importers
    """Give the heading line of an empty roster of a programme."""
    programme = desk.chosen(request.query_params.get("programme", ""))
    return csv_answer(blank_roster(programme), f"roster-{programme.code}.csv")


async def take_roster(request: Request, visit: Importer, desk: Desk) -> Response:
    """Import a roster that was read on trial: whole, or its good rows."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_taken, request, visit, desk, fields)


def _tried(request: Request, visit: Visit, desk: ConsoleDesk, sent: Sent) -> Response:
    programme = sent.fields.get("programme", "")
    reading = check_roster(desk.store, desk.clock, desk.chosen(programme), sent.data)
    found = Found(
        rows=reading.rows,
        good=len(reading.candidates),
        encoding=reading.encoding,
        workbook=sent.workbook,
        problems=reading.problems,
        notices=reading.notices,
        takeable=bool(reading.candidates) and not reading.file_refused,
    )
    token = desk.tried.keep(visit.account.name, programme, sent.name, sent.data, found)
    return onward(request, f"/console/rosters/tried/{token}")


def _taken(request: Request, visit: Visit, desk: ConsoleDesk, fields: dict[str, str]) -> Response:
    token, account = fields.get("kept", ""), visit.account.name
    before = desk.tried.led(token, account)
    if before is not None:  # the form was sent twice
        return onward(request, before)
    kept = desk.tried.look(token, account)
    programme = desk.chosen(kept.programme)
    try:
        imported = import_roster(
            desk.store,
            desk.clock,
            programme,
            kept.data,
            person=visit.account.name,
            good_rows_only=fields.get("take") == "good",
        )
    except RowsRefused:  # rows that were good a moment ago, such as a person who is on another roster by now
        desk.tried.drop(token)
        again = Sent(fields={"programme": kept.programme}, name=kept.name, data=kept.data, workbook=kept.found.workbook)
        return _tried(request, visit, desk, again)
    place = f"/console/rosters/{imported.roster.id}?taken=1"
    desk.tried.done(token, account, place)  # only now: a full disk must not cost who sent it the file
    return onward(request, place)


async def decide(request: Request, visit: Decider, desk: Desk) -> Response:
    """Decide who may sit, by the programme's rules."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    decided = await run_in_threadpool(
        decide_applications, desk.store, desk.clock, desk.catalogue, desk.issuer, person=visit.account.name
    )
    return onward(request, f"/console/rosters?eligible={decided.eligible}&refused={decided.refused}")


def roster_page(id: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show one roster: who imported it, what became of its candidates."""
    taken, same = (request.query_params.get(one, "")[:NAME_SHOWN] for one in ("photographs", "unchanged"))
    done = ""
    if taken.isascii() and taken.isdigit() and same.isascii() and same.isdigit():
        done = words_of(request).text("rosters.photos_taken", n=taken, same=same)
    return shown_roster(request, visit, desk, id, photographs=PhotographsView(done=done))


def shown_roster(
    request: Request, visit: Visit, desk: ConsoleDesk, id: str, *, photographs: PhotographsView, status: int = 200
) -> Response:
    """Show one roster with what became of photographs that were handed in."""
    with desk.store.read() as unit:
        roster = _view(unit, unit.enrolments.roster(id))
        kept = unit.portraits.count(id)
    return page(
        request,
        visit,
        "console_roster.html",
        "rosters",
        status=status,
        roster=roster,
        taken="taken" in request.query_params,
        photographs=photographs,
        photographs_kept=kept,
        most=MAX_PHOTOGRAPHS // 1024 // 1024,
    )


def _rosters(request: Request, visit: Visit, desk: ConsoleDesk, *, error: str = "", status: int = 200) -> Response:
    with desk.store.read() as unit:
        paged = Paged(number=page_number(request), total=unit.enrolments.count_rosters(), size=PER_PAGE)
        kept = [_view(unit, one) for one in unit.enrolments.newest_rosters(first=paged.first, most=PER_PAGE)]
        decisions = unit.enrolments.tally()
    most = MAX_ROSTER // 1024 // 1024
    return page(
        request,
        visit,
        "console_rosters.html",
        "rosters",
        status=status,
        rosters=kept,
        paged=paged,
        undecided=decisions[None],
        eligible=decisions[True],
        refused=decisions[False],
        programmes=desk.programmes,
        decided=_decided(request),
        error=words_of(request).text(error, most=most) if error else "",
        most=most,
    )


def _decided(request: Request) -> tuple[str, str] | None:
    """Read from the address how many were just found eligible and refused."""
    said = [request.query_params.get(one, "")[:NAME_SHOWN] for one in ("eligible", "refused")]
    return (said[0], said[1]) if all(one.isascii() and one.isdigit() for one in said) else None


def _view(unit: UnitOfWork, roster: Roster) -> RosterView:
    tally = unit.enrolments.tally(roster=roster.id)
    return RosterView(
        id=roster.id,
        programme=roster.programme,
        version=roster.programme_version,
        rows=roster.rows,
        imported_by=roster.imported_by,
        imported_at=shown_moment(roster.imported_at),
        file=roster.file_digest.hex(),
        eligible=tally[True],
        refused=tally[False],
        undecided=tally[None],
    )


add_page(router, "/console/rosters", rosters, READ)
add_page(router, "/console/rosters", rosters_answer, ["POST"])
add_page(router, "/console/rosters/template", template, READ)
add_page(router, "/console/rosters/tried/{token}", tried, READ)
add_page(router, "/console/rosters/tried/{token}/problems.csv", tried_problems, READ)
add_page(router, "/console/rosters/take", take_roster, ["POST"])
add_page(router, "/console/rosters/decide", decide, ["POST"])
add_page(router, "/console/rosters/{id}", roster_page, READ)
