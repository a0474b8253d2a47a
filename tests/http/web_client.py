"""A client that calls the application in process and never follows redirects."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp


@dataclass(slots=True)
class WebClient:
    """Sends one request at a time, as if from `source`."""

    app: ASGIApp
    source: str = "203.0.113.7"
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._send(method, path, **options))

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(self.source, 40_000))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://host.invalid", headers=self.headers
        ) as client:
            return await client.request(method, path, **options)
