"""Verdicts per second over HTTP, 16 connections, and the ratio to a bare web application in the same run.

Bare: the same web framework and server, one process as well, one row read from the same database and one ES256
verification a request; `bare_kept` is the same with connections that stay open, as ours do. While ours is measured the
database is written once a second, as a follower of the chain does.
"""

import asyncio
import multiprocessing
import random
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from api.serving import application
from api.wiring import Home
from benchmarks.bench import options, peak_megabytes, report
from benchmarks.loading import loaded
from registry.kernel.signing import PrivateKey

_CONNECTIONS = 16
_SECONDS = 8.0


def _ours(folder: str) -> ASGIApp:
    home = Home(Path(folder))
    threading.Thread(target=_keep_fresh, args=(home,), daemon=True).start()
    return application(home, cause=lambda: None)


def _keep_fresh(home: Home) -> None:
    """Write down once a second that the chain was read again, which is what a follower does while nothing happens."""
    while True:
        with home.store.write() as unit:
            head = unit.projection.head()
            if head is not None:
                unit.projection.extend(replace(head, read_at=home.clock.now()), [])
        time.sleep(1.0)


def _bare(folder: str) -> ASGIApp:
    return _stub(partial(_connected, folder), keeps=False)


def _bare_kept(folder: str) -> ASGIApp:
    return _stub(partial(_connected, folder), keeps=True)


def _connected(folder: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{folder}/registry.db?mode=ro", uri=True)


def _stub(connect: Callable[[], sqlite3.Connection], *, keeps: bool) -> ASGIApp:
    key, app = PrivateKey.generate(), FastAPI(openapi_url=None)
    public, message = key.public_key(), b"x" * 1_500
    signature = key.sign(message)
    kept = threading.local()

    @app.get("/v1/certificates/{certificate_key}/verdict")
    def verdict(certificate_key: str) -> dict[str, str]:
        database = getattr(kept, "database", None) or connect()
        row = database.execute("SELECT number FROM certificate WHERE key = ?", (certificate_key,)).fetchone()
        if keeps:
            kept.database = database
        else:
            database.close()
        public.verify(message, signature)
        return {"number": row[0]}

    return app


def _serve(make: Callable[[str], ASGIApp], folder: str, port: int) -> None:
    uvicorn.run(make(folder), host="127.0.0.1", port=port, log_level="error", access_log=False)


def measured(make: Callable[[str], ASGIApp], folder: Path, keys: list[str], expected: bytes) -> tuple[float, float]:
    """Serve in a process of its own and ask from this one; give requests per second and the 99th percentile in ms."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(make, str(folder), port), daemon=True)
    server.start()
    try:
        _await_port(port)
        asyncio.run(_hammer(port, keys, expected, 1.0))  # warm
        times = asyncio.run(_hammer(port, keys, expected, _SECONDS))
    finally:
        server.terminate()
        server.join()
    times.sort()
    return len(times) / _SECONDS, times[int(len(times) * 0.99)] * 1_000


def _await_port(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


async def _hammer(port: int, keys: list[str], expected: bytes, seconds: float) -> list[float]:
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            begin = time.perf_counter()
            path = f"/v1/certificates/{random.choice(keys)}/verdict"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or expected not in body:
                raise SystemExit(f"unexpected answer: {head[:80]!r} {body[:200]!r}")
            times.append(time.perf_counter() - begin)
        writer.close()

    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
    return times


def measure(size: int) -> dict[str, object]:
    """Measure with `size` certificates in the registry."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "home"
        begin = time.perf_counter()
        keys = loaded(folder, size).keys
        loading = time.perf_counter() - begin
        return {"size": size, **compared(folder, keys), "loading_seconds": round(loading), "peak_mb": peak_megabytes()}


def compared(folder: Path, keys: list[str]) -> dict[str, float]:
    """Measure an installation that has certificates under these keys, and the bare application over its database."""
    with (folder / "registry.db").open("rb") as file:  # a disk is not what is measured
        while file.read(1 << 24):
            pass
    ours, p99 = measured(_ours, folder, keys, b'"outcome":"valid"')
    bare, bare_p99 = measured(_bare, folder, keys, b'"number"')
    kept, _ = measured(_bare_kept, folder, keys, b'"number"')
    return {
        "per_second": round(ours, 1),
        "p99_ms": round(p99, 1),
        "bare_per_second": round(bare, 1),
        "bare_p99_ms": round(bare_p99, 1),
        "bare_kept_per_second": round(kept, 1),
        "ratio_to_stub": round(ours / bare, 3),
        "ratio_to_kept_stub": round(ours / kept, 3),
    }


def main() -> None:
    """Measure every size."""
    chosen = options(__doc__ or "", sizes="10000")
    rows = [measure(int(size)) for size in chosen.sizes.split(",")]
    report("verify", rows, as_json=chosen.json, connections=_CONNECTIONS)


if __name__ == "__main__":
    main()
