"""Pages for verifying many certificates: hand a list in, see how far it is, read and keep the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.bodies import read_form
from api.employer.desk import BulkDesk
from api.headers import CONTENT_SECURITY_POLICY
from api.pages.receipt_paper import receipt_pdf
from api.pages.rendering import add_page, place_of, render, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action
from registry.enrolment import RowProblem
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Missing
from registry.kernel.statements import StatementType, parse_statement
from registry.ports.access import Job, JobState
from registry.verification.asked_list import MAX_BYTES, MAX_ROWS, AskedList, read_list
from registry.verification.list_result import NOT_VERIFIED, ResultRow, read_result, result_workbook
from registry.verification.model import Outcome
from registry.verification.receipts import MAX_PURPOSE, PurposeRefused
from registry.workflows.verification.verify_many import (
    JOBS_A_DAY,
    KEPT_FOR,
    NothingToVerify,
    TooManyLists,
    forget,
    job_of,
    jobs_of,
    list_of,
    particulars_of,
    result_of,
)

ROWS_SHOWN: Final = 200
PROBLEMS_SHOWN: Final = 100
_FORM_OVERHEAD: Final = 8 * 1024
_LONGEST_FILE_NAME: Final = 80

_ASKING: Final = {"Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; connect-src 'self'"}
"""The page asks how far the list is."""

router = APIRouter(include_in_schema=False)


class NoResult(Missing):
    """A bulk verification has no result: not yet, or not any more."""

    code = "bulk/no-result"

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"bulk verification {id} has no result: it is not finished, or was deleted")


def desk_of(request: Request) -> BulkDesk:
    """Give the application's desk."""
    found = request.app.state.bulk
    assert isinstance(found, BulkDesk)
    return found


Visitor = Annotated[Visit, Depends(allowed(Action.VERIFY_MANY))]
Watcher = Annotated[Visit, Depends(allowed(Action.VERIFY_MANY, quiet=True))]
Desk = Annotated[BulkDesk, Depends(desk_of)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """One problem of a list in words."""

    line: int
    column: str
    reason: str
    remedy: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One job as the pages show it."""

    id: str
    state: JobState
    rows: int
    done: int
    file_name: str
    made_at: str
    expires_at: str
    failure: str
    purpose: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountView:
    """How many lines had one outcome."""

    outcome: str
    word: str
    n: int
    chosen: bool


def bulk(request: Request, visit: Visitor, desk: Desk) -> Response:
    """Offer to hand a list in, and show the account's lists."""
    return _start(request, visit, desk)


async def bulk_answer(request: Request, visit: Visitor, desk: Desk) -> Response:
    """Take a list: only look it through, or keep it and begin."""
    words = words_of(request)
    form = await read_form(request, most=MAX_BYTES + _FORM_OVERHEAD, files=1, fields=4)
    if form is None:
        return await run_in_threadpool(
            _start, request, visit, desk, error=words.text("bulk.too_large", most=MAX_BYTES // 1024 // 1024), status=413
        )
    try:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        require_own_form(request, visit, fields)
        upload = form.get("list")
        data = await upload.read() if isinstance(upload, UploadFile) and upload.filename else b""
        name = (upload.filename or "") if isinstance(upload, UploadFile) else ""
    finally:
        await form.close()
    if not data:
        return await run_in_threadpool(
            _start, request, visit, desk, error=words.text("bulk.nothing_sent"), typed=fields, status=422
        )
    return await run_in_threadpool(_taken, request, visit, desk, data, name, fields)


def _taken(request: Request, visit: Visit, desk: BulkDesk, data: bytes, name: str, fields: dict[str, str]) -> Response:
    words = words_of(request)
    if fields.get("do") == "look":
        return _looked_through(request, visit, read_list(data, desk.public_base_url), name, status=200)
    try:
        job = desk.hand_in(
            data,
            account=visit.account.name,
            file_name=shown_name(name),
            purpose=fields.get("purpose", ""),
            language=place_of(request)[0],
        )
    except NothingToVerify as refused:
        return _looked_through(request, visit, refused.asked, name, status=422)
    except PurposeRefused:
        return _start(
            request,
            visit,
            desk,
            error=words.text("bulk.purpose_refused", most=MAX_PURPOSE),
            typed=fields,
            status=422,
        )
    except TooManyLists as refused:
        return _start(
            request,
            visit,
            desk,
            error=words.text("bulk.too_many", most=JOBS_A_DAY, wait=words.age(refused.retry_after_seconds)),
            typed=fields,
            status=429,
            headers={"Retry-After": str(refused.retry_after_seconds)},
        )
    return RedirectResponse(f"{place_of(request)[1]}/bulk/{job.id}", status_code=HTTPStatus.SEE_OTHER)


def job_page(id: str, request: Request, visit: Visitor, desk: Desk, outcome: str = "") -> Response:
    """Show how far a list is, or its result."""
    job = job_of(desk.store, visit.account.name, id)
    view = _job(desk, job)
    asked = None if view.state == "forgotten" else list_of(desk.store, id, desk.public_base_url)
    kept = result_of(desk.store, id) if view.state == "finished" else None
    rows = () if kept is None else tuple(read_result(kept[0]))
    wanted = outcome if outcome in {*Outcome, NOT_VERIFIED} else ""
    shown = [one for one in rows if not wanted or one.outcome == wanted]
    words = words_of(request)
    return render(
        request,
        "bulk_job.html",
        keep="no-store",
        headers=_ASKING,
        visit=visit,
        job=view,
        counts=_counts(request, rows, wanted),
        rows=shown[:ROWS_SHOWN],
        shown=min(len(shown), ROWS_SHOWN),
        matching=len(shown),
        wanted=wanted,
        test=any("test-chain" in one.notices.split() and one.block for one in rows),
        word=lambda slug: _word(request, slug),
        problems=_problems(request, () if asked is None else asked.problems),
        problem_count=0 if asked is None else len(asked.problems),
        problems_shown=PROBLEMS_SHOWN,
        signed=kept is not None and bool(kept[1]),
        days=KEPT_FOR.days,
        title=words.text(f"bulk.state.{view.state}", n=f"{view.rows:,}"),
    )


def job_progress(id: str, visit: Watcher, desk: Desk) -> Response:
    """Say in numbers how far a list is."""
    view = _job(desk, job_of(desk.store, visit.account.name, id))
    return JSONResponse(
        {"state": view.state, "done": view.done, "rows": view.rows}, headers={"Cache-Control": "no-store"}
    )


def result_file(id: str, form: Literal["csv", "xlsx"], visit: Visitor, desk: Desk) -> Response:
    """Give the result file: the CSV that the receipt is over, or the same as a workbook."""
    result, _ = _kept(desk, visit, id)
    if form == "csv":
        return _download(result, "text/csv; charset=utf-8", f"{id}.csv")
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _download(result_workbook(result), media_type, f"{id}.xlsx")


def receipt_file(id: str, form: Literal["json", "pdf"], visit: Visitor, desk: Desk) -> Response:
    """Give the signed receipt for the whole list: as it is, or as a page with it inside. Raises GlyphMissing."""
    _, receipt = _kept(desk, visit, id)
    if not receipt:
        raise NoResult(id)
    if form == "json":
        return _download(receipt, "application/json", f"{id}.receipt.json")
    drawn = receipt_pdf(parse_statement(receipt, StatementType.RECEIPT))
    return _download(drawn, "application/pdf", f"{id}.receipt.pdf")


async def delete_answer(id: str, request: Request, visit: Visitor, desk: Desk) -> Response:
    """Delete a list and its result now."""
    require_own_form(request, visit, await fields_of(request))
    await run_in_threadpool(forget, desk.store, desk.clock, account=visit.account.name, id=id)
    return RedirectResponse(f"{place_of(request)[1]}/bulk", status_code=HTTPStatus.SEE_OTHER)


def shown_name(name: str) -> str:
    """Take a file's name as it was sent, for showing: its last part, printable, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(one for one in last if one.isprintable())[:_LONGEST_FILE_NAME]


def _start(
    request: Request,
    visit: Visit,
    desk: BulkDesk,
    *,
    error: str = "",
    typed: dict[str, str] | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    jobs = [_job(desk, one) for one in jobs_of(desk.store, visit.account.name)]
    return render(
        request,
        "bulk.html",
        status=status,
        keep="no-store",
        headers=headers,
        visit=visit,
        jobs=jobs,
        error=error,
        purpose=(typed or {}).get("purpose", ""),
        most_rows=f"{MAX_ROWS:,}",
        most_megabytes=MAX_BYTES // 1024 // 1024,
        most_purpose=MAX_PURPOSE,
        days=KEPT_FOR.days,
        jobs_a_day=JOBS_A_DAY,
    )


def _looked_through(request: Request, visit: Visit, asked: AskedList, name: str, *, status: int) -> Response:
    return render(
        request,
        "bulk_problems.html",
        status=status,
        keep="no-store",
        visit=visit,
        file_name=shown_name(name),
        good=f"{len(asked.rows):,}",
        lines=f"{asked.row_count:,}",
        any_good=bool(asked.rows),
        wrong=len({one.line for one in asked.problems}),
        problems=_problems(request, asked.problems),
        problem_count=len(asked.problems),
        problems_shown=PROBLEMS_SHOWN,
    )


def _job(desk: BulkDesk, job: Job) -> JobView:
    state = job.state
    if job.state is not JobState.FORGOTTEN and desk.clock.now() >= job.expires_at:
        state = JobState.FORGOTTEN  # its time is over; the worker deletes it when it next looks
    said = None if state is JobState.FORGOTTEN else particulars_of(desk.store, job.id)
    return JobView(
        id=job.id,
        state=state,
        rows=job.rows,
        done=job.done,
        file_name="" if said is None else said.file_name,
        made_at=job.made_at.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M"),
        expires_at=job.expires_at.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M"),
        failure=job.failure or "",
        purpose="" if said is None or said.purpose is None else said.purpose,
        percent=100 * job.done // max(1, job.rows),
    )


def _counts(request: Request, rows: Sequence[ResultRow], wanted: str) -> list[CountView]:
    slugs = [*(one.value for one in reversed(Outcome)), NOT_VERIFIED]
    counted = {slug: sum(one.outcome == slug for one in rows) for slug in slugs}
    return [
        CountView(outcome=slug, word=_word(request, slug), n=counted[slug], chosen=slug == wanted)
        for slug in slugs
        if counted[slug]
    ]


def _word(request: Request, slug: str) -> str:
    words = words_of(request)
    return words.text("bulk.not_verified") if slug == NOT_VERIFIED else words.text(f"outcomes.{slug}.word")


def _problems(request: Request, problems: Sequence[RowProblem]) -> list[ProblemView]:
    english = place_of(request)[0] == "en"
    return [
        ProblemView(
            line=one.line,
            column=one.column,
            reason=one.reason.en if english else one.reason.zh,
            remedy=one.remedy.en if english else one.remedy.zh,
            code=one.code,
        )
        for one in problems[:PROBLEMS_SHOWN]
    ]


def _kept(desk: BulkDesk, visit: Visit, id: str) -> tuple[bytes, bytes]:
    job = job_of(desk.store, visit.account.name, id)
    kept = result_of(desk.store, id) if _job(desk, job).state == "finished" else None
    if kept is None:
        raise NoResult(id)
    return kept


def _download(data: bytes, media_type: str, name: str) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers=headers)


_READ = ["GET", "HEAD"]
add_page(router, "/bulk", bulk, _READ)
add_page(router, "/bulk", bulk_answer, ["POST"])
add_page(router, "/bulk/{id}", job_page, _READ)
add_page(router, "/bulk/{id}/delete", delete_answer, ["POST"])
add_page(router, "/bulk/{id}/progress", job_progress, ["GET"])
add_page(router, "/bulk/{id}/result.{form}", result_file, ["GET"])
add_page(router, "/bulk/{id}/receipt.{form}", receipt_file, ["GET"])
