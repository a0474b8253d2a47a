"""Routes of the status door: whoever asks may be anybody, from any page; what is told names no one."""

import hashlib
import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.problems import NothingPublished
from api.status_views.badge import BADGE_POLICY, Badge, badge_json, badge_of, badge_svg
from api.verifier.ports import Doors
from api.verifier.router import DoorsOfApp
from api.verifier.schemas import ProblemDocument
from registry.status.token_list import MEDIA_TYPE, TIME_TO_LIVE

_PROBLEM: dict[str, Any] = {"model": ProblemDocument, "description": "Nothing is told."}
_OPEN: dict[str, str] = {
    "Cache-Control": f"public, max-age={TIME_TO_LIVE}",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_WHOLE = re.compile(r"0|[1-9][0-9]{0,6}", re.ASCII)
Code = Annotated[str, Path(description="Code of the issuing body.")]
Number = Annotated[str, Path(description="Number of the list, from 0.")]
Index = Annotated[str, Path(description="Place in the list, from 0.")]

router = APIRouter()


@router.get(
    "/status/{code}/{number}",
    tags=["published"],
    operation_id="statusList",
    response_class=Response,
    responses={
        200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "A Token Status List, signed."},
        304: {"description": "It is as it was."},
        404: _PROBLEM,
        503: _PROBLEM,
    },
)
def status_list(code: Code, number: Number, request: Request, doors: DoorsOfApp) -> Response:
    """Give a list of how certificates stand (draft-ietf-oauth-status-list): `uri` and `idx` stand in each certificate.

    ES256 by the statement key that `kid` names, of `/issuers/{code}/statement-keys.json`. 0 valid, 1 invalid (revoked
    or replaced), 2 suspended. Entries that are not used are 0.
    """
    token = doors.statuses.token(code, int(number)) if doors.statuses and _WHOLE.fullmatch(number) else None
    if token is None:
        raise NothingPublished(request.url.path)
    return _tagged(request, token.text.encode(), MEDIA_TYPE, {})


@router.get(
    "/badge/{code}/{number}/{index}.json",
    tags=["published"],
    operation_id="badge",
    responses={200: {"description": "`status`, `as_of`, `test_chain` and a label."}, 404: _PROBLEM, 503: _PROBLEM},
)
def badge_document(code: Code, number: Number, index: Index, request: Request, doors: DoorsOfApp) -> Response:
    """Say how the certificate at a place of a status list stands, and nothing else. Unknown places: `cannot-say`."""
    badge = _badge(request, doors, code, number, index)
    return _tagged(request, badge_json(badge), "application/json", {})


@router.get(
    "/badge/{code}/{number}/{index}.svg",
    tags=["published"],
    operation_id="badgeImage",
    response_class=Response,
    responses={
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}, "description": "The badge as a picture."},
        404: _PROBLEM,
        422: _PROBLEM,
        503: _PROBLEM,
    },
)
def badge_image(
    code: Code,
    number: Number,
    index: Index,
    request: Request,
    doors: DoorsOfApp,
    lang: Annotated[Literal["zh", "en"], Query(description="Language of the picture.")] = "zh",
) -> Response:
    """Draw how the certificate at a place of a status list stands, for `<img>` in other people's pages."""
    badge = _badge(request, doors, code, number, index)
    return _tagged(request, badge_svg(badge, lang), "image/svg+xml", {"Content-Security-Policy": BADGE_POLICY})


def _badge(request: Request, doors: Doors, code: str, number: str, index: str) -> Badge:
    if not (_WHOLE.fullmatch(number) and _WHOLE.fullmatch(index)):
        raise NothingPublished(request.url.path)
    report = None if doors.statuses is None else doors.statuses.standing(code, int(number), int(index))
    return badge_of(report, doors.clock())


def _tagged(request: Request, body: bytes, media_type: str, more: dict[str, str]) -> Response:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, **_OPEN, **more}
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)
