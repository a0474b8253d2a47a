"""The console: what waits, rosters with a dry run, eligibility, scores by two people, batches and how far they are.

No key of the issuing body is opened here. What takes one — signing a batch, approving it, sending it — is done by
command where the key lies; the pages name that command and show how far the work is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from api.bodies import read_form
from api.issuer.desk import KEPT_FOR, MAX_ROSTER, ConsoleDesk
from api.pages.rendering import add_page, place_of, render, words_of
from api.problems import NothingSent
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action, may
from registry.anchor.progress import Batch, RequestState
from registry.anchor.states import AnchorState
from registry.enrolment import RowProblem, RowsRefused
from registry.enrolment.table import MAX_ROWS
from registry.enrolment.workbook import WorkbookRefused, is_workbook, workbook_as_csv
from registry.kernel.calendar import CHINA_TIME
from registry.ports.storage import Sheet
from registry.workflows.assess import check_scores, confirm_sheet, record_scores
from registry.workflows.enrol import check_roster, decide_applications, import_roster

PROBLEMS_SHOWN: Final = 200
WAY: Final = (
    AnchorState.RESERVED,
    AnchorState.SEALED,
    AnchorState.APPROVED,
    AnchorState.SIGNED,
    AnchorState.SENT,
    AnchorState.INCLUDED,
    AnchorState.FINAL,
)
"""The seven states of a batch that goes well, in their order."""
REFRESH_SECONDS: Final = 3
_OVERHEAD: Final = 8 * 1024
_NAME: Final = 80

router = APIRouter(include_in_schema=False)


def desk_of(request: Request) -> ConsoleDesk:
    """Give the application's console."""
    found = request.app.state.console
    assert isinstance(found, ConsoleDesk)
    return found


Desk = Annotated[ConsoleDesk, Depends(desk_of)]
Reader = Annotated[Visit, Depends(allowed(Action.SEE_REGISTRY))]
Importer = Annotated[Visit, Depends(allowed(Action.IMPORT_ROSTER))]
Decider = Annotated[Visit, Depends(allowed(Action.DECIDE))]
Enterer = Annotated[Visit, Depends(allowed(Action.ENTER_SCORES))]
Confirmer = Annotated[Visit, Depends(allowed(Action.CONFIRM_SCORES))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """One problem of a file in words; it never holds what a cell says."""

    line: int
    column: str
    reason: str
    remedy: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """One batch as the pages show it."""

    id: str
    scope: str
    size: int
    state: AnchorState
    proposed_by: str
    proposed_at: str
    approved_by: str
    approved_at: str
    root: str
    transaction: str
    block: str
    recorded_at: str
    delivered_at: str
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One of the seven states on a batch's way."""

    state: AnchorState
    done: bool
    here: bool


def overview(request: Request, visit: Reader, desk: Desk) -> Response:
    """Show what waits, and every batch."""
    with desk.store.read() as unit:
        batches = [_batch(one) for one in unit.batches.batches()]
        sheets = [one for one in unit.marks.sheets() if one.confirmed_by is None]
        rosters = unit.enrolments.rosters()
        undecided = sum(1 for one in unit.enrolments.applications() if one.eligible is None) if rosters else 0
        requests = [one.id for one in unit.status_requests.requests(RequestState.REQUESTED)]
    return _page(
        request,
        visit,
        "console.html",
        "overview",
        batches=list(reversed(batches)),
        sheets=sheets,
        undecided=undecided,
        requests=requests,
        sealed=[one for one in batches if one.state is AnchorState.SEALED],
        empty=not rosters,
    )


def rosters(request: Request, visit: Reader, desk: Desk) -> Response:
    """List rosters and offer to read one on trial."""
    return _rosters(request, visit, desk)


async def rosters_answer(request: Request, visit: Importer, desk: Desk) -> Response:
    """Read a roster on trial; nothing is stored."""
    fields, name, data = await _sent(request, visit)
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
    return _page(
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
        problems=_problems(request, reading.problems),
        problem_count=len(reading.problems),
        kinds=Counter(one.code for one in reading.problems).most_common(),
        notices=_problems(request, reading.notices),
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
    return _onward(request, f"/console/rosters?taken={imported.roster.id}")


async def decide(request: Request, visit: Decider, desk: Desk) -> Response:
    """Decide who may sit, by the programme's rules."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    decided = await run_in_threadpool(
        decide_applications, desk.store, desk.clock, desk.catalogue, desk.issuer, person=visit.account.name
    )
    return _onward(request, f"/console/rosters?eligible={decided.eligible}&refused={decided.refused}")


def scores(request: Request, visit: Reader, desk: Desk) -> Response:
    """List score sheets, and offer to enter one."""
    return _scores(request, visit, desk)


async def scores_answer(request: Request, visit: Enterer, desk: Desk) -> Response:
    """Enter a score sheet; one bad row refuses it."""
    fields, name, data = await _sent(request, visit)
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
    return _onward(request, f"/console/scores?entered={recorded.sheet.id}")


async def confirm(sheet: str, request: Request, visit: Confirmer, desk: Desk) -> Response:
    """Confirm a score sheet that somebody else entered."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(confirm_sheet, desk.store, desk.clock, sheet, person=visit.account.name)
    return _onward(request, f"/console/scores?confirmed={sheet}")


def batch_page(id: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show how far a batch is, what an interruption loses, and what comes next."""
    with desk.store.read() as unit:
        batch = unit.batches.batch(id)
    moving = batch.state not in {AnchorState.FINAL, AnchorState.CANCELLED, AnchorState.FAILED}
    return _page(
        request,
        visit,
        "console_batch.html",
        "overview",
        batch=_batch(batch),
        steps=_steps(batch.state),
        way=WAY,
        own=batch.proposed_by.casefold() == visit.account.name.casefold(),
        approves=desk.approvals is not None and may(visit.account.roles, Action.APPROVE),
        refresh=REFRESH_SECONDS if moving else 0,
    )


def _rosters(request: Request, visit: Visit, desk: ConsoleDesk, *, error: str = "", status: int = 200) -> Response:
    with desk.store.read() as unit:
        kept = list(reversed(unit.enrolments.rosters()))
        decisions = Counter(one.eligible for one in unit.enrolments.applications())
    return _page(
        request,
        visit,
        "console_rosters.html",
        "rosters",
        status=status,
        rosters=[(one.id, one.programme, one.rows, one.imported_by, _moment(one.imported_at)) for one in kept],
        undecided=decisions[None],
        eligible=decisions[True],
        refused=decisions[False],
        programmes=desk.programmes,
        taken=request.query_params.get("taken", "")[:_NAME],
        error=words_of(request).text(error) if error else "",
        most=MAX_ROSTER // 1024 // 1024,
    )


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
    return _page(
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
        problems=_problems(request, problems),
        problem_count=len(problems),
        most=MAX_ROSTER // 1024 // 1024,
    )


def _same_person(sheet: Sheet, visit: Visit) -> bool:
    return sheet.entered_by.casefold() == visit.account.name.casefold()


async def _sent(request: Request, visit: Visit) -> tuple[dict[str, str], str, bytes]:
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
        return fields, upload.filename[-_NAME:], await run_in_threadpool(_as_text, await upload.read())
    finally:
        await form.close()


def _as_text(data: bytes) -> bytes:
    """Give a workbook's first sheet as CSV; what is none, or cannot be opened, as it came: the reader says why."""
    try:
        return workbook_as_csv(data, max_rows=MAX_ROWS) if is_workbook(data) else data
    except WorkbookRefused:
        return data


def _page(request: Request, visit: Visit, template: str, tab: str, *, status: int = 200, **values: Any) -> Response:
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


def _problems(request: Request, problems: Sequence[RowProblem]) -> list[ProblemView]:
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


def _steps(state: AnchorState) -> list[StepView]:
    # What was sent and reverted has been as far as sent; an orphan goes back there.
    reached = {AnchorState.ORPHANED: AnchorState.SENT, AnchorState.FAILED: AnchorState.SENT}.get(state, state)
    place = WAY.index(reached) if reached in WAY else -1
    return [
        StepView(state=one, done=index < place or state is AnchorState.FINAL, here=index == place)
        for index, one in enumerate(WAY)
    ]


def _batch(batch: Batch) -> BatchView:
    placement = batch.placement
    return BatchView(
        id=batch.id,
        scope=batch.scope,
        size=batch.size,
        state=batch.state,
        proposed_by=batch.proposed_by,
        proposed_at=_moment(batch.proposed_at),
        approved_by=batch.approved_by or "",
        approved_at=_moment(batch.approved_at),
        root=_grouped(batch.root),
        transaction="" if batch.transaction is None else "0x" + batch.transaction.hex(),
        block="" if placement is None else f"{placement.block_number:,}",
        recorded_at="" if placement is None else _moment(placement.block_time),
        delivered_at=_moment(batch.delivered_at),
        failure=batch.failure or "",
    )


def _grouped(digest: bytes | None) -> str:
    """Write 32 bytes in groups of eight hexadecimal digits, as people compare them."""
    text = "" if digest is None else digest.hex()
    return " ".join(text[at : at + 8] for at in range(0, len(text), 8))


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _onward(request: Request, target: str) -> Response:
    return RedirectResponse(place_of(request)[1] + target, status_code=HTTPStatus.SEE_OTHER)


_READ: Final = ["GET", "HEAD"]
add_page(router, "/console", overview, _READ)
add_page(router, "/console/rosters", rosters, _READ)
add_page(router, "/console/rosters", rosters_answer, ["POST"])
add_page(router, "/console/rosters/take", take_roster, ["POST"])
add_page(router, "/console/rosters/decide", decide, ["POST"])
add_page(router, "/console/scores", scores, _READ)
add_page(router, "/console/scores", scores_answer, ["POST"])
add_page(router, "/console/scores/{sheet}/confirm", confirm, ["POST"])
add_page(router, "/console/batches/{id}", batch_page, _READ)
