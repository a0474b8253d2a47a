"""Reading request bodies within limits, before anything parses them."""

from collections.abc import AsyncGenerator
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import NothingSent
from registry.delivery import MAX_DOCUMENT

DOCUMENT_BYTES = MAX_DOCUMENT
"""Largest document that is judged: a certificate's PDF stays below a third of it, all others far below."""
FORM_OVERHEAD_BYTES = 8 * 1024
"""Most bytes that a form adds to the file in it."""
SMALL_BYTES = 16 * 1024
"""Largest body of every other request."""
DRAINED_BYTES = 32 * 1024 * 1024
"""Largest body that is read to its end and dropped: the sender of a photo gets a page, not a reset connection."""

_DOCUMENT_PATHS = (
    "/verify",
    "/verify/receipt",
    "/v1/verifications",
    "/bulk",
    "/console/rosters",
    "/console/scores",
    "/photographs",
    "/replace",
)


class BodyLimit:
    """ASGI middleware that ends the reading of a body above its limit with 413, whatever its headers promise."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`, which has to answer the HTTPException."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = DRAINED_BYTES if scope["path"].endswith(_DOCUMENT_PATHS) else SMALL_BYTES
        read = 0

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"Connection": "close"})
            return message

        await self._app(scope, receive_counted, send)


async def read_capped(request: Request, most: int) -> bytes | None:
    """Read the body if it has at most `most` bytes; else read it to its end, keep nothing, and give None."""
    kept = bytearray()
    too_large = False
    async for chunk in request.stream():
        too_large = too_large or len(kept) + len(chunk) > most
        if too_large:
            kept.clear()
        else:
            kept += chunk
    return None if too_large else bytes(kept)


async def read_form(request: Request, *, most: int, files: int = 0, fields: int = 8) -> FormData | None:
    """Read a form of either kind; None = it has more than `most` bytes. Raises NothingSent for what is no form.

    The caller closes it.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        raise NothingSent
    body = await read_capped(request, most)
    if body is None:
        return None
    parser = (
        MultiPartParser(request.headers, _once(body), max_files=files, max_fields=fields, max_part_size=most)
        if kind == "multipart/form-data"
        else FormParser(request.headers, _once(body), max_fields=fields, max_part_size=most)
    )
    if isinstance(parser, MultiPartParser):
        parser.spool_max_size = most  # the body is in memory already; personal data never goes to a temporary file
    try:
        return await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        # The parser reports a missing boundary, bad headers and undecodable text in these ways.
        raise NothingSent from error


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""
