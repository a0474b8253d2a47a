"""The address of an issuing body, `iss` of credentials and receipts: a page for browsers, JSON for all others."""

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.pages.catalogue import day
from api.pages.rendering import PREFIXES, render, words_of
from api.problems import NothingPublished
from api.verifier import Doors, PublicIssuer
from api.verifier.router import DoorsOfApp

_NO_END: Final = 253_402_300_800
"""The year 10000 in Unix seconds."""
router = APIRouter(include_in_schema=False)


def issuing_body(code: str, request: Request, doors: DoorsOfApp) -> Response:
    """Say who issues under a code, and what it is accredited for now. Raises NothingPublished."""
    found = None if doors.issuing_body is None else doors.issuing_body(code)
    if found is None:
        raise NothingPublished(request.url.path)
    if request.url.path.startswith("/issuers/") and "text/html" not in request.headers.get("Accept", ""):
        return JSONResponse(
            _document(found, doors),
            headers={
                "Cache-Control": "public, max-age=60",
                "Vary": "Accept, Accept-Language",
                "Access-Control-Allow-Origin": "*",
                "Cross-Origin-Resource-Policy": "cross-origin",
            },
        )
    words = words_of(request)
    return render(
        request,
        "issuing_body.html",
        headers={"Vary": "Accept, Accept-Language"},
        issuer=found,
        name=words.pick({"zh": found.name_zh, "en": found.name_en}),
        contact=doors.contacts.get(found.code),
        keys=f"/issuers/{found.code}/jwks.json",
        scopes=[
            (one.scope, words.pick({"zh": one.name_zh, "en": one.name_en}) or "", day(_time(one.until)))
            for one in found.scopes
        ],
    )


def _document(found: PublicIssuer, doors: Doors) -> dict[str, object]:
    address = f"{doors.public_base_url}/issuers/{found.code}"
    contact = doors.contacts.get(found.code)
    return {
        "issuer": address,
        "name": {"zh": found.name_zh, **({"en": found.name_en} if found.name_en else {})},
        "jwks_uri": f"{address}/jwks.json",
        "state": found.state,
        "scopes": [
            {"scope": one.scope, "validFrom": _time(one.valid_from), "until": _time(one.until)} for one in found.scopes
        ],
        "contact": {
            name: value
            for name, value in (
                ("telephone", contact and contact.telephone),
                ("email", contact and contact.email),
            )
            if value
        },
    }


def _time(seconds: int) -> str | None:
    """Write a moment; None where it is beyond every calendar, as the end of a scope without one."""
    if seconds >= _NO_END:
        return None
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


for _prefix in ("", *PREFIXES):
    router.add_api_route(f"{_prefix}/issuers/{{code}}", issuing_body, methods=["GET", "HEAD"], response_class=Response)
