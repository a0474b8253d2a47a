"""Pages for people.

`/…` speaks the browser's language (Chinese unless English is wanted more); `/zh/…` and `/en/…` are fixed. The
addresses in QR codes have no language in them, so the paper never chooses one for its reader.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api import verifier
from api.bodies import DOCUMENT_BYTES
from api.errors import advice
from api.headers import CONTENT_SECURITY_POLICY
from api.pages.assets import assets, zipped
from api.pages.catalogue import Catalogue
from api.pages.fields import Row
from api.pages.numbers import MOST_ROWS, judged_rows, rows_in
from api.pages.recheck import recheck_page
from api.pages.rendering import PREFIXES, add_page, place_of, render, words_of
from api.pages.sent import Sent, read_sent
from api.pages.verdict import PANELS, Entrance, Stamp, verdict_page
from api.problems import NothingSent, Problem
from api.verifier import Doors, SiteKnowledge
from api.verifier.router import (
    DoorsOfApp,
    doors,
    judge_document,
    judge_key,
    judge_lookup,
    judge_of,
    source_of,
    status_code,
)
from api.verifier.standings import StandingRequest, claimed_from
from registry.delivery.bundle import PDF_MARK
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Unavailable
from registry.ports.alarms import WritingHalted
from registry.verification.model import Outcome, Report
from registry.verification.rechecking import Recheck
from registry.workflows.verification.recheck import receipt_in

_SLUG = re.compile(r"[a-z0-9-]{1,40}(/[a-z0-9-]{1,40})?")
_WORDING = {
    "http/unknown-path": "not-found",
    "published/nothing": "not-found",
    "http/method": "method",
    "http/malformed": "malformed",
    "verify/nothing-sent": "malformed",
    "receipt/no-key": "no-receipt",
    "receipt/purpose": "purpose",
    "http/too-large": "too-large",
    "lookup/too-many": "too-many",
    "lookup/too-many-keys": "too-many-keys",
    "verify/day-not-over": "day-not-over",
    "unavailable": "unavailable",
    "internal": "internal",
}
_WORDING_BY_STATUS = {404: "not-found", 413: "too-large", 422: "malformed", 500: "internal", 503: "unavailable"}

_HOME_HEADERS = {
    # The page asks for the chain's answer itself, and its scanner is a WebAssembly program.
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace(
        "script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'"
    )
    + "; connect-src 'self'",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}

router = APIRouter(include_in_schema=False)


def _home(request: Request, *, error: str = "", typed: Mapping[str, str] | None = None, status: int = 200) -> Response:
    return render(
        request,
        "home.html",
        status=status,
        headers=_HOME_HEADERS,
        error=error,
        typed={"number": "", "name": "", **(typed or {})},
        document_bytes=DOCUMENT_BYTES,
    )


def _verdict(
    request: Request,
    report: Report,
    *,
    entrance: Entrance,
    key: str | None = None,
    typed: Mapping[str, str] | None = None,
    document: bytes | None = None,
) -> Response:
    day = {} if report.as_of is None else {"day": report.as_of.astimezone(CHINA_TIME).date().isoformat()}
    page = verdict_page(
        report,
        words_of(request),
        entrance=entrance,
        contacts=doors(request).contacts,
        key=key,
        typed={"number": "", "name": "", **(typed or {})},
        document=document,
    )
    return render(
        request,
        "verdict.html",
        status=200 if entrance == "browser" else status_code(report),
        keep="no-store",
        resend=None if typed is None else {**typed, **day},
        page=page,
    )


def home(request: Request) -> Response:
    """Offer the ways to verify."""
    return _home(request)


def certificate(key: str, request: Request, doors: DoorsOfApp, as_of: date | None = None) -> Response:
    """Show the verdict on the certificate whose QR code was scanned, for now or as of the end of a past day."""
    report = judge_key(doors, source_of(request), key, as_of)
    return _verdict(request, report, entrance="key", key=None if report.outcome is Outcome.NOT_FOUND else key.upper())


async def verify(request: Request, doors: DoorsOfApp) -> Response:
    """Show the verdict on a file, or on a number and a name; of a kept receipt show what became of it."""
    sent = await read_sent(request)
    if sent.has_file:
        found = await run_in_threadpool(_judged, doors, sent)
        if isinstance(found, Report):
            return _verdict(request, found, entrance="document", document=sent.document)
        return render(request, "recheck.html", keep="no-store", page=recheck_page(found, words_of(request)))
    typed = {"number": sent.number, "name": sent.name}
    if not sent.is_lookup:
        return _home(request, error=words_of(request).text("home.nothing_sent"), typed=typed, status=422)
    report = await run_in_threadpool(judge_lookup, doors, source_of(request), sent.number, sent.name, sent.day)
    return _verdict(request, report, entrance="lookup", typed=typed)


def _judged(doors: Doors, sent: Sent) -> Report | Recheck:
    """Judge the file, or re-check the receipt that it turns out to be."""
    data, rechecker = sent.document, doors.rechecker
    is_pdf = data is not None and data.startswith(PDF_MARK)
    # A PDF is looked through once more only where it is no certificate.
    report = judge_document(doors, data, sent.day) if is_pdf or data is None or rechecker is None else None
    if data is not None and rechecker is not None and (report is None or report.outcome is Outcome.UNREADABLE):
        kept = receipt_in(data)
        if kept is not None:
            return rechecker.by_document(kept)
    return judge_document(doors, data, sent.day) if report is None else report


class CheckedFile(BaseModel):
    """What a reader's browser found in a file that it keeps: its place on the chain, nothing of its content."""

    model_config = ConfigDict(extra="forbid")

    answer: Literal["passed", "altered"]
    check: Annotated[str, Field(pattern=r"^[a-z-]{1,40}$")] = "content"
    member: Annotated[str, Field(pattern=r"^[A-Za-z]{1,40}$")] | None = None
    claim: StandingRequest | None = None
    as_of: date | None = None


def checked(body: CheckedFile, request: Request, doors: DoorsOfApp) -> Response:
    """Show the verdict on a file that was checked in the browser; its content is set in there. Raises NothingSent."""
    if body.answer == "altered":
        return _verdict(request, verifier.altered(body.check, body.member, doors.clock()), entrance="browser")
    if body.claim is None:
        raise NothingSent
    report = judge_of(doors, body.as_of).by_claim(claimed_from(body.claim), checked=True)
    return _verdict(request, report, entrance="browser")


def list_form(request: Request) -> Response:
    """Offer to look up several numbers with their names."""
    return _list(request)


async def list_judged(request: Request, doors: DoorsOfApp) -> Response:
    """Show a verdict for each number with its name, one a line."""
    text = (await read_sent(request, with_file=False)).rows
    asked = rows_in(text)
    words = words_of(request)
    if not asked:
        return _list(request, error=words.text("list.nothing"), text=text, status=422)
    if len(asked) > MOST_ROWS:
        return _list(request, error=words.text("list.too_many", most=MOST_ROWS, n=len(asked)), text=text, status=422)
    results = await run_in_threadpool(judged_rows, doors, source_of(request), asked, words)
    return _list(request, text=text, results=results)


def _list(request: Request, *, status: int = 200, error: str = "", text: str = "", results: object = ()) -> Response:
    return render(
        request,
        "list.html",
        status=status,
        keep="no-store",
        resend={"rows": text} if text else None,
        error=error,
        text=text,
        results=results,
        most=MOST_ROWS,
    )


def to_home(request: Request) -> Response:
    """Lead a reader who reloads a result back to the forms."""
    return RedirectResponse(f"{place_of(request)[1]}/", status_code=303)


def how(request: Request) -> Response:
    """Explain the five questions and the outcomes."""
    words = words_of(request)
    return render(
        request,
        "how.html",
        outcomes=[(outcome.value, panel) for outcome, panel in PANELS.items()],
        stamp=Stamp(word=words.text("stamp.valid"), date="2026-11-20", test=False),
    )


def status(request: Request, doors: DoorsOfApp) -> Response:
    """Say in words what the site knows of the chain."""
    words = words_of(request)
    known = doors.health.knowledge()
    if known is None:
        sentence = words.text("status.none")
        return render(
            request, "status.html", keep="no-store", fresh=False, sentence=sentence, known=(), halted=_is_halted(doors)
        )
    age = max(0, int((doors.clock() - known.read_at).total_seconds()))
    fresh = age <= known.limit_seconds
    return render(
        request,
        "status.html",
        keep="no-store",
        fresh=fresh,
        sentence=words.text(
            "status.fresh" if fresh else "status.stale", age=words.age(age), limit=words.age(known.limit_seconds)
        ),
        known=_knowledge_rows(known, words),
        halted=_is_halted(doors),
    )


def _is_halted(doors: Doors) -> bool:
    try:
        doors.health.require_writable()
    except Unavailable as error:
        return isinstance(error, WritingHalted)
    return False


def problem_explained(code: str, request: Request) -> Response:
    """Explain the kind of problem whose document links here."""
    if not _SLUG.fullmatch(code):
        return problem_page(request, Problem(status=404, code="http/unknown-path", title=""))
    return problem_page(request, Problem(status=200, code=code, title=""))


def problem_page(request: Request, problem: Problem, *, template: str = "problem.html", **values: Any) -> Response:
    """Show a problem to a person: in the pages' own words, else in those that every door has for its code.

    A room may set it in a `template` of its own, with `values` of its own.
    """
    words = words_of(request)
    known = advice().get(problem.code)
    wording = _WORDING.get(problem.code)
    if wording is None and known is not None:
        chinese = words.language == "zh"
        title = (known.cause_zh if chinese else known.cause_en).rstrip("。.")
        text = (known.remedy_zh if chinese else known.remedy_en).replace("`", "")
    else:
        wording = wording or _WORDING_BY_STATUS.get(problem.status, "default")
        retry = problem.headers.get("Retry-After", "")
        wait = words.age(int(retry)) if retry.isdigit() else None
        key = f"problems.{wording}.text"
        title = words.text(f"problems.{wording}.title")
        text = words.phrase(key, wait=wait) if words.has(f"{key}_bare") else words.text(key)
    return render(
        request,
        template,
        status=problem.status,
        keep="no-store",
        headers=problem.headers,
        title=title,
        text=text,
        code=problem.code,
        instance=problem.instance or "",
        **values,
    )


def static(name: str, request: Request) -> Response:
    """Give a style sheet, a script or the icon; its name changes with its content."""
    asset = assets().get(name)
    if asset is None:
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(zipped(name), media_type=asset.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.data, media_type=asset.media_type, headers=headers)


def _knowledge_rows(known: SiteKnowledge, words: Catalogue) -> tuple[Row, ...]:
    def row(name: str, value: str, *, mono: bool = False) -> Row:
        return Row(label=words.text(f"status.{name}"), value=value, mono=mono)

    return (
        row("kind", words.text("status.kind_test" if known.test_chain else "status.kind_real")),
        *(() if known.certificates is None else (row("certificates", f"{known.certificates:,}"),)),
        row("block", f"{known.block:,}"),
        row("block_time", known.block_time.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")),
        row("read_at", known.read_at.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")),
        row("nodes", str(known.nodes)),
        row("chain", known.chain, mono=True),
    )


_READ = ["GET", "HEAD"]
add_page(router, "/", home, _READ)
for _prefix in PREFIXES:
    router.add_api_route(_prefix, home, methods=_READ, response_class=HTMLResponse)
# Addresses from paper are retyped in any letter case.
add_page(router, "/C/{key}", certificate, _READ)
add_page(router, "/c/{key}", certificate, _READ)
add_page(router, "/verify", verify, ["POST"])
add_page(router, "/verify", to_home, _READ)
add_page(router, "/checked", checked, ["POST"])
add_page(router, "/list", list_form, _READ)
add_page(router, "/list", list_judged, ["POST"])
add_page(router, "/how", how, _READ)
add_page(router, "/status", status, _READ)
add_page(router, "/problems/{code:path}", problem_explained, _READ)
router.add_api_route("/static/{name}", static, methods=_READ, response_class=Response)
