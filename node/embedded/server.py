"""JSON-RPC over HTTP on the loopback interface: `Rpc.answer` behind a POST.

There is no sign-in: the port is for processes of this machine. So that a web page in a browser of this machine cannot
use it, the Host header must name this machine (DNS rebinding), a request with an Origin is refused, and only
application/json is read, which a page cannot send elsewhere without asking first.
"""

import contextlib
import http.server
import ipaddress
import logging
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from node.embedded.errors import NotLoopback
from node.embedded.rpc import Rpc

if TYPE_CHECKING:
    from node.embedded.chain import EmbeddedChain

MAX_BODY_BYTES = 5 * 1024 * 1024
"""Of one request, batches included."""
MAX_CONNECTIONS = 128
"""Open at one time; the next one is turned away."""
IDLE_SECONDS = 60
"""How long a connection may stand open without a request."""

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_log = logging.getLogger(__name__)


class RpcServer:
    """A running server; `close` it, or use it as a context."""

    def __init__(self, rpc: Rpc, host: str, port: int) -> None:
        self._server = _Server((host, port), rpc)
        self.host = host
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="embedded-rpc", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where to reach it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def close(self) -> None:
        """Answer no more and give the port back; may be called twice."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def serve(chain: "EmbeddedChain", host: str = "127.0.0.1", port: int = 8545) -> RpcServer:
    """Serve a chain's JSON-RPC on a loopback address, in threads of its own; port 0 takes any free one.

    Raises NotLoopback, OSError when the port is taken.
    """
    if host != "localhost" and not _is_loopback(host):
        raise NotLoopback(host)
    return RpcServer(chain.rpc, host, port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], rpc: Rpc) -> None:
        self.rpc = rpc
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        assert isinstance(request, socket.socket)
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with self._guard:
            held = request in self._open
            self._open.discard(request)
        super().shutdown_request(request)
        if held:
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  # the base class's name
        """Keep a connection that broke off out of stderr."""
        _log.debug("connection from %s broke off", client_address, exc_info=True)

    def server_close(self) -> None:
        super().server_close()
        with self._guard:
            still_open = list(self._open)
        for connection in still_open:
            # Ends the read that its thread waits in; the thread then closes it.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "vermilion-embedded"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # header and body leave in one piece
    server: _Server
    _JSON: ClassVar[str] = "application/json"

    def do_POST(self) -> None:
        """Answer a request."""
        refusal = self._refusal()
        if refusal is not None:
            # The body has not been read: the connection cannot be used again.
            self.close_connection = True
            self._reply(refusal[0], refusal[1].encode(), "text/plain")
            return
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        if len(body) == size:
            self._reply(200, self.server.rpc.answer(body), self._JSON)

    def _refusal(self) -> tuple[int, str] | None:
        host = self.headers.get("Host", "").lower()
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name not in _LOOPBACK_NAMES:
            return 403, "invalid host specified"
        if self.headers.get("Origin") is not None:
            return 403, "requests from web pages are refused"
        content_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type != self._JSON:
            return 415, "invalid content type, only application/json is supported"
        size = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") is not None or not size.isascii() or not size.isdigit():
            return 411, "content length required"
        if len(size) > 9 or int(size) > MAX_BODY_BYTES:
            return 413, "request too large"
        return None

    def _reply(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # the base class names it so
        """Keep requests out of stderr."""
        _log.debug(format, *args)
