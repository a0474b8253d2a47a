"""The verifier's door for other systems: verdicts as JSON, and the issuers' published files."""

import hashlib
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from api.bodies import DOCUMENT_BYTES, FORM_OVERHEAD_BYTES, read_capped, read_form
from api.problems import NothingKnown, NothingPublished, NothingSent, PurposeInAddress
from api.verifier.limits import source_behind
from api.verifier.masking import masked
from api.verifier.ports import Doors, Verifier
from api.verifier.report import not_found, report_document, too_large
from api.verifier.schemas import LookupRequest, ProblemDocument, ReceiptWanted, ReportDocument, VerdictRequest
from api.verifier.standings import StandingRequest, claimed_from
from registry.kernel.identifiers import IdentifierMalformed, certificate_key
from registry.kernel.statements import Statement
from registry.verification import end_of_past_day
from registry.verification.model import Outcome, Report
from registry.verification.receipts import (
    MAX_PURPOSE,
    Asked,
    NoReceiptKey,
    asked_document,
    asked_key,
    asked_number,
    verification_receipt,
)
from registry.workflows.certificates.deliver import NoDocument


def doors(request: Request) -> Doors:
    """Give the application's doors to a route."""
    found = request.app.state.doors
    assert isinstance(found, Doors)
    return found


async def _doors_of_app(request: Request) -> Doors:
    # A dependency that is no coroutine is handed to another thread and waited for, each time.
    return doors(request)


DoorsOfApp = Annotated[Doors, Depends(_doors_of_app)]

_PROBLEM: dict[str, Any] = {"model": ProblemDocument, "description": "Nothing was judged."}
_VERDICTS: dict[int | str, dict[str, Any]] = {
    200: {"model": ReportDocument, "description": "A verdict; read `outcome`."},
    400: {"model": ProblemDocument, "description": "A purpose stands in the address: send it in the body."},
    422: _PROBLEM,
    503: _PROBLEM,
}
_LOOKUPS: dict[int | str, dict[str, Any]] = {
    **_VERDICTS,
    404: {"model": ReportDocument, "description": "The verdict `not-found`."},
}
_DOCUMENT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"A bundle as delivered, or an SD-JWT, as it is; at most {DOCUMENT_BYTES:,} bytes.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/dc+sd-jwt": {"schema": {"type": "string"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["document"],
                    "properties": {
                        "document": {"type": "string", "format": "binary"},
                        "as_of": {"type": "string", "format": "date"},
                        "receipt": {"type": "boolean"},
                        "purpose": {"type": "string", "maxLength": MAX_PURPOSE},
                    },
                }
            },
        },
    }
}

router = APIRouter()


@router.get("/v1/certificates/{key}/verdict", responses=_LOOKUPS, tags=["verification"], operation_id="verdictByKey")
async def verdict_by_key(key: str, request: Request, as_of: date | None = None, receipt: bool = False) -> Response:
    """Judge the certificate that a QR code names. Revoked is an answer (200), unknown is `not-found` (404).

    `as_of`: how it stood at the end of that day (+08:00), which is over; absent = now. `receipt`: sign the verdict, to
    be kept and checked again later.
    """
    require_no_purpose(request)
    # Here and now: handing the question to another thread and back takes half as long as answering it.
    report = judge_key(doors(request), source_of(request), key, as_of)
    return _answer(report) if not receipt else _with_receipt(doors(request), report, asked_key(key), None)


@router.post(
    "/v1/certificates/{key}/verdict", responses=_LOOKUPS, tags=["verification"], operation_id="verdictByKeyForPurpose"
)
def verdict_for_purpose(key: str, body: VerdictRequest, request: Request, doors: DoorsOfApp) -> Response:
    """Judge as by GET. What is asked stands in the body, where a purpose is in no log and no history."""
    require_no_purpose(request)
    report = judge_key(doors, source_of(request), key, body.as_of)
    return _answered(doors, report, asked_key(key), body)


@router.get(
    "/v1/certificates/{key}/bundle",
    responses={
        200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The bundle."},
        404: _PROBLEM,
        503: _PROBLEM,
    },
    response_class=Response,
    tags=["verification"],
    operation_id="bundleByKey",
)
def bundle_by_key(key: str, request: Request, doors: DoorsOfApp) -> Response:
    """Give the document itself, as its paper shows it, for those who decide by themselves whether it is good.

    404, one answer for all: no such key, not final yet, withdrawn. A replaced certificate is still given as it was.
    """
    source = source_of(request)
    doors.gate.admit_key(source)
    try:
        wanted = certificate_key(key)
        if doors.public_bundle is None:
            raise NoDocument
        data = doors.public_bundle(wanted)
    except (IdentifierMalformed, NoDocument) as error:
        doors.gate.missed_key(source)
        raise NoDocument from error
    return Response(data, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post(
    "/v1/verifications",
    responses=_VERDICTS,
    tags=["verification"],
    operation_id="verifyDocument",
    openapi_extra=_DOCUMENT_BODY,
)
async def verify_document(
    request: Request, doors: DoorsOfApp, as_of: date | None = None, receipt: bool = False
) -> Response:
    """Judge a bundle or an SD-JWT sent as the request's body. What is not one of ours is `unreadable` (200).

    `as_of`: how it stood at the end of that day (+08:00), which is over; absent = now. `receipt`: sign the verdict, to
    be kept and checked again later. With a purpose the document is sent as a form (`multipart/form-data`): `document`,
    `purpose` (at most 200 characters, which then stand in the receipt as the asker's own words), `receipt`, `as_of`.
    """
    require_no_purpose(request)
    sent = await _document_sent(request, VerdictRequest(as_of=as_of, receipt=receipt))
    report = await run_in_threadpool(judge_document, doors, sent.document, sent.asked.as_of)
    return _answered(doors, report, asked_document(sent.document), sent.asked)


@router.post(
    "/v1/lookups",
    responses={**_LOOKUPS, 429: _PROBLEM},
    tags=["verification"],
    operation_id="lookUp",
)
def look_up(body: LookupRequest, request: Request, doors: DoorsOfApp) -> Response:
    """Judge the current revision under a number, if its holder has this name. One answer for every kind of miss.

    The name may be typed in any letter case and width, with or without spaces beside Chinese characters.
    """
    require_no_purpose(request)
    report = judge_lookup(doors, source_of(request), body.number, body.name, body.as_of)
    return _answered(doors, report, asked_number(body.number, with_name=True), body)


@router.post(
    "/v1/standings",
    responses=_VERDICTS,
    tags=["verification"],
    operation_id="standing",
)
def standing(body: StandingRequest, doors: DoorsOfApp) -> Response:
    """Answer questions 2 to 5 for a certificate that its reader has checked himself and shows nobody.

    Question 1 stays open, so the outcome is never `valid`: who asks puts his own answer beside these.
    """
    return _answer(doors.verifier.by_claim(claimed_from(body), checked=False))


@router.get("/livez", tags=["operation"], operation_id="alive")
def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz", tags=["operation"], operation_id="ready", responses={503: _PROBLEM})
def ready(doors: DoorsOfApp) -> Response:
    """Say whether the site knows the chain; old knowledge still answers, with `cannot-confirm`."""
    known = doors.health.knowledge()
    if known is None:
        raise NothingKnown
    age = int((doors.clock() - known.read_at).total_seconds())
    state = "ready" if age <= known.limit_seconds else "behind"
    return JSONResponse({"status": state, "block": known.block, "age_seconds": max(0, age)})


@router.get("/readyz/writing", tags=["operation"], operation_id="readyForWriting", responses={503: _PROBLEM})
def ready_for_writing(doors: DoorsOfApp) -> Response:
    """Say whether anything new would be accepted: not while writing is halted or the disk is nearly full.

    Apart from `/readyz`, since verifying goes on: a site must not be taken away from its readers for that.
    """
    doors.health.require_writable()
    return JSONResponse({"status": "ready"})


def published(request: Request, doors: DoorsOfApp) -> Response:
    """Give one of the issuers' public files, byte for byte."""
    found = doors.documents.get(request.url.path)
    if found is None:
        raise NothingPublished(request.url.path)
    media_type, data = found
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    # Wallets in browsers of other origins read these.
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=300",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


for _path, _name in (
    ("/.well-known/jwt-vc-issuer/issuers/{code}", "issuerMetadata"),
    ("/issuers/{code}/jwks.json", "issuerKeys"),
    ("/issuers/{code}/statement-keys.json", "statementKeys"),
    ("/vct/occupational-skill-certificate/1", "typeMetadata"),
    ("/programmes/{programme}/{version}", "programme"),
):
    router.add_api_route(
        _path,
        published,
        methods=["GET"],
        tags=["published"],
        operation_id=_name,
        response_class=Response,
        responses={404: _PROBLEM},
    )


def judge_key(doors: Doors, source: str, key: str, as_of: date | None = None) -> Report:
    """Judge by key, for now or for the end of a day (+08:00); what cannot be a key is as unknown as any other.

    Raises TooManyKeys for a source that has asked for too many that nothing stands under, DayNotOver.
    """
    doors.gate.admit_key(source)
    judge = judge_of(doors, as_of)
    try:
        report = judge.by_key(certificate_key(key))
    except IdentifierMalformed:
        report = not_found(doors.clock())
        if as_of is not None:
            report = replace(report, as_of=end_of_past_day(as_of, doors.clock()))
    if report.outcome is Outcome.NOT_FOUND:
        doors.gate.missed_key(source)
    return report


def judge_document(doors: Doors, data: bytes | None, as_of: date | None = None) -> Report:
    """Judge a document, for now or for the end of a day; None = it was larger than anything of ours and not kept.

    Raises DayNotOver.
    """
    judge = judge_of(doors, as_of)
    return too_large(doors.clock()) if data is None else judge.by_document(data)


def judge_lookup(doors: Doors, source: str, number: str, name: str, as_of: date | None = None) -> Report:
    """Judge by number and name within the limits, and cover what such a reader need not see.

    Raises TooManyLookups, DayNotOver.
    """
    judge = judge_of(doors, as_of)
    doors.gate.admit(source, number)
    return masked(judge.by_number_and_name(number, name))


def judge_of(doors: Doors, as_of: date | None) -> Verifier:
    """Give the judge for now, or for the end of a day that is over (+08:00). Raises DayNotOver."""
    return doors.verifier if as_of is None else doors.verifier.at(end_of_past_day(as_of, doors.clock()))


def require_no_purpose(request: Request) -> None:
    """Refuse a purpose in the address, which says about somebody what for he was looked up. Raises PurposeInAddress."""
    if request.scope["query_string"] and "purpose" in request.query_params:
        raise PurposeInAddress


def signed_receipt(doors: Doors, report: Report, asked: Asked, purpose: str | None) -> Statement:
    """Sign a verdict that was just given. Raises NoReceiptKey, PurposeRefused."""
    if doors.notary is None:
        raise NoReceiptKey
    return verification_receipt(doors.notary, report, asked, purpose=purpose)


def source_of(request: Request) -> str:
    """Name the address that a request came from, for the limits."""
    peer = request.client.host if request.client else "unknown"
    proxies = request.app.state.doors.proxies
    return source_behind(peer, request.headers.getlist("X-Forwarded-For"), proxies) if proxies else peer


def status_code(report: Report) -> int:
    """Give the HTTP status of a verdict: 404 for `not-found`, 200 for all others."""
    return 404 if report.outcome is Outcome.NOT_FOUND else 200


class _Sent(NamedTuple):
    document: bytes | None
    """None = it was larger than anything of ours and not kept."""
    asked: VerdictRequest


async def _document_sent(request: Request, in_address: VerdictRequest) -> _Sent:
    """Read the document and what is asked of it: the body itself, or a form with it. Raises NothingSent."""
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/"):
        return _Sent(await read_capped(request, DOCUMENT_BYTES), in_address)
    form = await read_form(request, most=DOCUMENT_BYTES + FORM_OVERHEAD_BYTES, files=1, fields=4)
    if form is None:
        return _Sent(None, in_address)
    try:
        document = form.get("document")
        if not isinstance(document, UploadFile):
            raise NothingSent
        said = {name: form[name] for name in VerdictRequest.model_fields if name in form}
        asked = VerdictRequest.model_validate(in_address.model_dump(exclude_defaults=True) | said)
        data = await document.read()
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    finally:
        await form.close()
    return _Sent(data if len(data) <= DOCUMENT_BYTES else None, asked)


def _answered(doors: Doors, report: Report, asked: Asked, wanted: ReceiptWanted) -> Response:
    if not wanted.receipt and wanted.purpose is None:
        return _answer(report)
    return _with_receipt(doors, report, asked, wanted.purpose)


def _with_receipt(doors: Doors, report: Report, asked: Asked, purpose: str | None) -> Response:
    return _answer(report, receipt=signed_receipt(doors, report, asked, purpose).to_json())


def _answer(report: Report, **more: object) -> Response:
    return JSONResponse(
        {**report_document(report), **more}, status_code=status_code(report), headers={"Cache-Control": "no-store"}
    )
