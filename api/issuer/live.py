"""Live pages: what changes is told while it changes, as server-sent events.

1. A stream looks twice a second, in a thread of the pool, and sends only what differs from what it sent last.
2. Where nothing differs for a while it sends a comment, so that nobody between takes the connection for dead.
3. It ends when nothing can change any more, when its person is signed out, when the server stops, or after a while: the
   browser then comes again.

An account has few streams at a time; a page that gets none asks again by itself.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.headers import CONTENT_SECURITY_POLICY
from api.sign_in.session import visit_of

LISTENING: Final = {"Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; connect-src 'self'"}
"""A page that listens may ask this site, and nobody else."""
MOST_STREAMS: Final = 6
"""Of one account."""
LASTS_SECONDS: Final = 300.0
_LOOKS_EVERY_SECONDS: Final = 0.5
_HEARTBEAT_SECONDS: Final = 15.0
_RETRY: Final = b"retry: 2000\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a page shows of something that is under way."""

    mark: str
    """Another one: more than the numbers changed, and the page is to be set anew."""
    over: bool
    """Nothing changes any more by itself."""
    done: int = 0
    total: int = 0
    counted: str = ""
    """`n / N` in words of the page."""
    rate: str = ""
    left: str = ""
    """How long it will take, roughly."""


@dataclass(slots=True)
class Streams:
    """Counts the streams of each account, and ends them all when the server stops."""

    stopping: bool = False
    _open: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, account: str) -> bool:
        """Count a stream in; False = this account has as many as it may, or the server stops."""
        with self._lock:
            if self.stopping or self._open[account] >= MOST_STREAMS:
                return False
            self._open[account] += 1
            return True

    def leave(self, account: str) -> None:
        """Count a stream out."""
        with self._lock:
            self._open[account] -= 1
            if not self._open[account]:
                del self._open[account]

    def stop(self) -> None:
        """Let all streams end at their next look, and begin no other."""
        self.stopping = True


class _Counted(StreamingResponse):
    """A stream that is counted out however it ends."""

    def __init__(self, content: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        super().__init__(
            content, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


def stream(request: Request, account: str, streams: Streams, look: Callable[[], Glance]) -> Response:
    """Tell what `look` sees, for as long as it changes; `look` may block, and runs in a thread."""
    if not streams.enter(account):
        return Response(status_code=HTTPStatus.TOO_MANY_REQUESTS, headers={"Cache-Control": "no-store"})
    return _Counted(_told(request, streams, look), lambda: streams.leave(account))


async def _told(request: Request, streams: Streams, look: Callable[[], Glance]) -> AsyncIterator[bytes]:
    now = asyncio.get_running_loop().time
    begun = said_at = now()
    sent: Glance | None = None
    yield _RETRY
    while not streams.stopping and now() < begun + LASTS_SECONDS:
        # 1
        seen = await run_in_threadpool(_seen, request, look)
        if seen is None:
            return
        if seen != sent:
            yield f"data: {json.dumps(asdict(seen), ensure_ascii=False)}\n\n".encode()
            sent, said_at = seen, now()
        elif now() >= said_at + _HEARTBEAT_SECONDS:
            # 2
            yield b":\n\n"
            said_at = now()
        # 3
        if seen.over:
            return
        await asyncio.sleep(_LOOKS_EVERY_SECONDS)


def _seen(request: Request, look: Callable[[], Glance]) -> Glance | None:
    """Look for somebody who is still signed in; None = not any more."""
    return look() if visit_of(request, quiet=True) is not None else None
