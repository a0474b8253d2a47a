"""Addresses where a verdict is had as a signed receipt, as a file: JSON for machines, a page for people and files.

A receipt is signed on what is judged at that moment, never on what a page showed before: the document, or number and
name, is sent again and judged again, within the same limits.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import date
from typing import Literal

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from api.bodies import DOCUMENT_BYTES, read_form
from api.pages.receipt_paper import receipt_pdf
from api.pages.rendering import PREFIXES
from api.problems import NothingSent
from api.verifier import Doors
from api.verifier.router import (
    DoorsOfApp,
    judge_document,
    judge_key,
    judge_lookup,
    signed_receipt,
    source_of,
    status_code,
)
from registry.verification.model import Report
from registry.verification.receipts import Asked, asked_document, asked_key, asked_number

Form = Literal["json", "pdf"]
_MOST = 2 * DOCUMENT_BYTES
"""Bytes of a form: a file in base64, percent-encoded, and a few short fields."""
_NUMBER_CHARACTERS, _NAME_CHARACTERS = 64, 200

router = APIRouter(include_in_schema=False)


def json_by_key(
    key: str, request: Request, doors: DoorsOfApp, purpose: str | None = None, as_of: date | None = None
) -> Response:
    """Give the verdict on the certificate that a QR code names as a signed receipt."""
    return _by_key(doors, source_of(request), key, "json", purpose, as_of)


def pdf_by_key(
    key: str, request: Request, doors: DoorsOfApp, purpose: str | None = None, as_of: date | None = None
) -> Response:
    """Give the same receipt as a page with the signed statement inside the file."""
    return _by_key(doors, source_of(request), key, "pdf", purpose, as_of)


async def of_what_was_sent(request: Request, doors: DoorsOfApp) -> Response:
    """Judge a document, or number and name, again, and give the verdict as a signed receipt."""
    sent = await _sent(request)
    return await run_in_threadpool(_of_sent, doors, source_of(request), sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    form: Form
    purpose: str
    document: bytes | None
    too_large: bool
    number: str
    name: str
    as_of: date | None


def _of_sent(doors: Doors, source: str, sent: _Sent) -> Response:
    if sent.document is not None or sent.too_large:
        report = judge_document(doors, sent.document, sent.as_of)
        return _receipt(doors, report, asked_document(sent.document), sent.form, sent.purpose)
    if not 0 < len(sent.number) <= _NUMBER_CHARACTERS or not 0 < len(sent.name) <= _NAME_CHARACTERS:
        raise NothingSent
    report = judge_lookup(doors, source, sent.number, sent.name)
    return _receipt(doors, report, asked_number(sent.number, with_name=True), sent.form, sent.purpose)


async def _sent(request: Request) -> _Sent:
    form = await read_form(request, most=_MOST, fields=8)
    if form is None:
        return _Sent(form="json", purpose="", document=None, too_large=True, number="", name="", as_of=None)
    try:
        text, as_of = _field(form, "document_text"), _field(form, "as_of")
        document = base64.b64decode(text, validate=True) if text else None
        too_large = document is not None and len(document) > DOCUMENT_BYTES
        return _Sent(
            form="pdf" if _field(form, "form") == "pdf" else "json",
            purpose=_field(form, "purpose"),
            document=None if too_large else document,
            too_large=too_large,
            number=_field(form, "number"),
            name=_field(form, "name"),
            as_of=date.fromisoformat(as_of) if as_of else None,
        )
    except (binascii.Error, ValueError) as error:
        raise NothingSent from error
    finally:
        await form.close()


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _by_key(doors: Doors, source: str, key: str, form: Form, purpose: str | None, as_of: date | None) -> Response:
    return _receipt(doors, judge_key(doors, source, key, as_of), asked_key(key), form, purpose)


def _receipt(doors: Doors, report: Report, asked: Asked, form: Form, purpose: str | None) -> Response:
    signed = signed_receipt(doors, report, asked, purpose)
    name = f"verification-receipt-{signed.issued_at:%Y%m%d}-{signed.jti[9:17]}.{form}"
    return Response(
        signed.to_bytes() if form == "json" else receipt_pdf(signed),
        status_code=status_code(report),
        media_type="application/json" if form == "json" else "application/pdf",
        headers={"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'},
    )


for _prefix in ("", *PREFIXES):
    # Addresses from paper are retyped in any letter case.
    for _letter in ("C", "c"):
        router.add_api_route(f"{_prefix}/{_letter}/{{key}}/receipt.json", json_by_key, response_class=Response)
        router.add_api_route(f"{_prefix}/{_letter}/{{key}}/receipt.pdf", pdf_by_key, response_class=Response)
    router.add_api_route(f"{_prefix}/verify/receipt", of_what_was_sent, methods=["POST"], response_class=Response)
