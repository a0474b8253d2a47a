"""Reading request bodies within limits, before anything parses them."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DOCUMENT_BYTES = 1024 * 1024
"""Largest document that is judged: a certificate's PDF stays below a third of it, all others far below."""
SMALL_BYTES = 16 * 1024
"""Largest body of every other request."""
DRAINED_BYTES = 32 * 1024 * 1024
"""Largest body that is read to its end and dropped: the sender of a photo gets a page, not a reset connection."""

_DOCUMENT_PATHS = ("/verify", "/verify/receipt", "/v1/verifications")


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
