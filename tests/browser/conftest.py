"""A real Chromium against the application on a loopback port. Without Chromium these tests skip; under CI they fail."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from api.app import create_app
from registry.verification.model import NoticeKind, Outcome
from tests.http.sample_reports import (
    CONTACTS,
    GENEROUS,
    KEYS,
    NOTICES,
    NOW,
    REPORTS,
    SampleDocuments,
    SampleHealth,
    SampleVerifier,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
TEST_CHAIN_KEY, NOTICES_KEY = "T" * 26, "U" * 26


def _missing() -> str | None:
    if not CHROMIUM.exists():
        return f"{CHROMIUM} is missing: apt-get install chromium fonts-noto-cjk"
    try:
        import playwright.sync_api  # noqa: F401 - only whether it is there
    except ImportError:
        return "playwright is missing: install the extra `browser`"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


@dataclass(slots=True)
class Site:
    """The running application."""

    base_url: str
    verifier: SampleVerifier


@dataclass(slots=True)
class Visit:
    """One page of a browser, with everything that it asked for and complained about."""

    page: "Page"
    site: Site
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> "Page":
        self.page.goto(self.site.base_url + path)
        return self.page

    def require_quiet(self) -> None:
        """Nothing left the host, nothing was blocked, nothing was logged."""
        assert [url for url in self.requests if not url.startswith(self.site.base_url)] == []
        assert self.complaints == []


@dataclass(slots=True)
class Visits:
    """Opens pages of the site as different readers see them."""

    browser: "Browser"
    site: Site
    contexts: list["BrowserContext"] = field(default_factory=list)

    def start(self, *, width: int = 390, height: int = 844, dark: bool = False, **options: Any) -> Visit:
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale="zh-CN",
            **options,
        )
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        visit = Visit(page=context.new_page(), site=self.site)
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        return visit


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    verifier = SampleVerifier()
    verifier.by_keys[TEST_CHAIN_KEY] = replace(
        REPORTS[Outcome.VALID], notices=(NOTICES[NoticeKind.TEST_CHAIN], NOTICES[NoticeKind.SINGLE_NODE])
    )
    verifier.by_keys[NOTICES_KEY] = replace(REPORTS[Outcome.VALID], notices=tuple(NOTICES.values()))
    listener = socket.create_server(("127.0.0.1", 0))
    base_url = f"http://localhost:{listener.getsockname()[1]}"
    app = create_app(
        verifier,
        health=SampleHealth(),
        documents=SampleDocuments(),
        public_base_url=base_url,
        contacts=CONTACTS,
        limits=GENEROUS,
        clock=lambda: NOW,
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until, "the application did not start"
        time.sleep(0.02)
    yield Site(base_url=base_url, verifier=verifier)
    server.should_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    # One browser a module: its event loop must be gone before other tests start their own.
    missing = _missing()
    if missing is not None:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--lang=zh-CN"])
        yield launched
        launched.close()


@pytest.fixture
def visits(browser: "Browser", site: Site) -> Iterator[Visits]:
    opened = Visits(browser=browser, site=site)
    yield opened
    for context in opened.contexts:
        context.close()


@pytest.fixture(scope="session")
def addresses() -> dict[str, str]:
    """Every kind of page, by name, with `{language}` still open."""
    return {
        "home": "/{language}/",
        "how": "/{language}/how",
        "status": "/{language}/status",
        "problem": "/{language}/problems/lookup/too-many",
        "test-chain": f"/{{language}}/C/{TEST_CHAIN_KEY}",
        "notices": f"/{{language}}/C/{NOTICES_KEY}",
        "not-found": f"/{{language}}/C/{'Z' * 26}",
        **{outcome.value: f"/{{language}}/C/{key}" for outcome, key in KEYS.items()},
    }
