"""Reading request bodies within limits, before anything parses them."""

from starlette.requests import Request

DOCUMENT_BYTES = 64 * 1024
"""Largest document that is judged; ours stay far below it."""
SMALL_BYTES = 16 * 1024
"""Largest body of every other request."""
DRAINED_BYTES = 32 * 1024 * 1024
"""Largest body that is read to its end and dropped, so that the sender of a photo gets a page and not a reset connection."""


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
