"""Addresses where a verdict is had as a signed receipt, as a file: JSON for machines, a page for people and files.

A receipt is signed on what is judged at that moment, never on what a page showed before: the document, or number and
name, is sent again and judged again, within the same limits. The purpose comes by POST: an address stands in logs,
histories and proxies, and a purpose is about somebody.
"""

from collections.abc import Callable
from datetime import date
from typing import Final, Literal

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.pages.receipt_paper import receipt_pdf
from api.pages.rendering import PREFIXES
from api.pages.sent import Sent, read_sent
from api.problems import NothingSent
from api.verifier import Doors
from api.verifier.router import (
    DoorsOfApp,
    judge_document,
    judge_key,
    judge_lookup,
    require_no_purpose,
    signed_receipt,
    source_of,
    status_code,
)
from registry.verification.model import Report
from registry.verification.receipts import Asked, asked_document, asked_key, asked_number

Form = Literal["json", "pdf"]
_FORMS: Final[tuple[Form, ...]] = ("json", "pdf")

router = APIRouter(include_in_schema=False)


def _by_key(form: Form) -> Callable[..., Response]:
    def by_key(key: str, request: Request, doors: DoorsOfApp, as_of: date | None = None) -> Response:
        """Give the verdict on the certificate that a QR code names as a signed receipt, without a purpose."""
        require_no_purpose(request)
        return receipt_response(doors, judge_key(doors, source_of(request), key, as_of), asked_key(key), form, None)

    return by_key


async def of_key_for_purpose(key: str, request: Request, doors: DoorsOfApp) -> Response:
    """Give the same receipt with a purpose, which the body holds."""
    require_no_purpose(request)
    sent = await read_sent(request, with_file=False)
    if sent.too_large:
        raise NothingSent
    form: Form = "json" if request.url.path.endswith(".json") else "pdf"
    report = await run_in_threadpool(judge_key, doors, source_of(request), key, sent.as_of)
    return await run_in_threadpool(receipt_response, doors, report, asked_key(key), form, sent.purpose)


async def of_what_was_sent(request: Request, doors: DoorsOfApp) -> Response:
    """Judge a document, or number and name, again, and give the verdict as a signed receipt."""
    require_no_purpose(request)
    sent = await read_sent(request)
    return await run_in_threadpool(_of_sent, doors, source_of(request), sent)


def _of_sent(doors: Doors, source: str, sent: Sent) -> Response:
    form: Form = "pdf" if sent.form == "pdf" else "json"
    if sent.has_file:
        report = judge_document(doors, sent.document, sent.as_of)
        return receipt_response(doors, report, asked_document(sent.document), form, sent.purpose)
    if not sent.is_lookup:
        raise NothingSent
    report = judge_lookup(doors, source, sent.number, sent.name, sent.as_of)
    return receipt_response(doors, report, asked_number(sent.number, with_name=True), form, sent.purpose)


def receipt_response(doors: Doors, report: Report, asked: Asked, form: Form, purpose: str | None) -> Response:
    """Sign a verdict and give it as a file. Raises PurposeRefused, NoReceiptKey, PressBusy, GlyphMissing."""
    signed = signed_receipt(doors, report, asked, purpose)
    name = f"verification-receipt-{signed.issued_at:%Y%m%d}-{signed.jti[9:17]}.{form}"
    if form == "json":
        data = signed.to_bytes()
    else:
        with doors.drawing.taken():
            data = receipt_pdf(signed)
    return Response(
        data,
        status_code=status_code(report),
        media_type="application/json" if form == "json" else "application/pdf",
        headers={"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'},
    )


for _prefix in ("", *PREFIXES):
    # Addresses from paper are retyped in any letter case.
    for _letter in ("C", "c"):
        for _form in _FORMS:
            _path = f"{_prefix}/{_letter}/{{key}}/receipt.{_form}"
            router.add_api_route(_path, _by_key(_form), methods=["GET"], response_class=Response)
            router.add_api_route(_path, of_key_for_purpose, methods=["POST"], response_class=Response)
    router.add_api_route(f"{_prefix}/verify/receipt", of_what_was_sent, methods=["POST"], response_class=Response)
