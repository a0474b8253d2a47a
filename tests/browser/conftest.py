"""A real Chromium against the application on a loopback port. Without Chromium these tests skip; under CI they fail."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
import uvicorn
from starlette.types import ASGIApp

from api.app import create_app
from api.pages.catalogue import Language
from api.verifier import Rechecker, Verifier
from registry.verification.model import Answer, NoticeKind, Outcome, Question
from tests.http.kept_receipts import SceneRechecker
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
    could_not_check,
    finding,
    report,
)
from tests.unit.registry.verification.receipt_scene import NOTARY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
VENDOR = Path(__file__).parent / "vendor"
READERS: tuple[tuple[Language, int, Literal["light", "dark"]], ...] = (
    ("zh", 390, "light"),
    ("en", 390, "dark"),
    ("zh", 1280, "dark"),
    ("en", 1280, "light"),
)
"""Both languages on a phone and on a desk, light and dark."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TEST_CHAIN_KEY, NOTICES_KEY, UNRECORDED_KEY = "T" * 26, "U" * 26, "V" * 26


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
    verifier: Verifier


@dataclass(slots=True)
class Visit:
    """One page of a browser, with everything that it asked for and complained about."""

    page: "Page"
    site: Site
    requests: list[str] = field(default_factory=list)
    methods: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""
    bodies: list[str] = field(default_factory=list)
    """What was sent by POST, as far as it is text."""
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> "Page":
        self.page.goto(self.site.base_url + path)
        return self.page

    def note(self, request: "Request") -> None:
        self.requests.append(request.url)
        self.methods.append((request.method, request.url.removeprefix(self.site.base_url)))
        if request.method == "POST":
            self.bodies.append((request.post_data_buffer or b"").decode("utf-8", "replace"))

    def violations(self) -> list[str]:
        """What axe-core finds on the page as it stands."""
        self.page.evaluate((VENDOR / "axe-core" / "axe.min.js").read_text("utf-8"))
        found: list[str] = self.page.evaluate(
            "(rules) => axe.run(document, { runOnly: rules }).then((done) => done.violations.map("
            "(one) => one.id + ': ' + one.nodes.map((node) => node.html.slice(0, 120)).join(' | ')))",
            RULES,
        )
        return found

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
        visit.page.on("request", lambda request: visit.note(request))  # noqa: PLW0108 - playwright marks the object
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        return visit

    def signed_in(self, token: str, *, cookie: str = "vermilion", **options: Any) -> Visit:
        """Start where somebody is signed in already; `token` is the sign-in's."""
        visit = self.start(**options)
        visit.page.context.add_cookies([{"name": cookie, "value": token, "url": self.site.base_url}])
        return visit


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    """Answers with made-up reports; a module may put its own in this place."""
    return made_up()


def made_up() -> SampleVerifier:
    verifier = SampleVerifier()
    verifier.by_keys[TEST_CHAIN_KEY] = replace(
        REPORTS[Outcome.VALID], notices=(NOTICES[NoticeKind.TEST_CHAIN], NOTICES[NoticeKind.SINGLE_NODE])
    )
    verifier.by_keys[NOTICES_KEY] = replace(REPORTS[Outcome.VALID], notices=tuple(NOTICES.values()))
    unrecorded = finding(
        Question.ON_CHAIN, Answer.FAILED, "not-recorded-yet", {"recorded_at": "2026-11-20T16:02:11+08:00"}
    )
    verifier.by_keys[UNRECORDED_KEY] = report(
        Outcome.NOT_REGISTERED,
        unrecorded,
        *could_not_check(Question.ISSUERS_KEY, reason="not-recorded-yet"),
        *could_not_check(Question.STANDING, reason="not-recorded"),
        code="not-registered/not-recorded-yet",
    )
    return verifier


@pytest.fixture(scope="module")
def site(verifier: Verifier) -> Iterator[Site]:
    yield from served(verifier)


def served(verifier: Verifier, rechecker: Rechecker | None = None) -> Iterator[Site]:
    """Serve the application over a verifier on a free port, and end it afterwards.

    Receipts are re-checked on the scene's chain unless another is given.
    """

    def application(base_url: str) -> ASGIApp:
        return create_app(
            verifier,
            health=SampleHealth(),
            documents=SampleDocuments(),
            public_base_url=base_url,
            contacts=CONTACTS,
            limits=GENEROUS,
            notary=NOTARY,
            rechecker=rechecker or SceneRechecker(),
            clock=lambda: NOW,
        )

    with running(application) as base_url:
        yield Site(base_url=base_url, verifier=verifier)


@contextmanager
def running(make: Callable[[str], ASGIApp]) -> Iterator[str]:
    """Serve the application that `make` makes for an address on a free port; give that address."""
    listener = socket.create_server(("127.0.0.1", 0))
    base_url = f"http://localhost:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(make(base_url), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until, "the application did not start"
        time.sleep(0.02)
    try:
        yield base_url
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    # One browser a module: its event loop must be gone before other tests start their own.
    yield from launched()


def launched(*arguments: str) -> Iterator["Browser"]:
    """Give a running Chromium and end it afterwards."""
    missing = _missing()
    if missing is not None:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--lang=zh-CN", *arguments]
        )
        yield started
        started.close()


@pytest.fixture
def visits(browser: "Browser", site: Site) -> Iterator[Visits]:
    opened = Visits(browser=browser, site=site)
    yield opened
    for context in opened.contexts:
        context.close()


@pytest.fixture(scope="session")
def addresses() -> dict[str, str]:
    return every_address()


def every_address() -> dict[str, str]:
    """Every kind of page, by name, with `{language}` still open."""
    return {
        "home": "/{language}/",
        "list": "/{language}/list",
        "how": "/{language}/how",
        "status": "/{language}/status",
        "problem": "/{language}/problems/lookup/too-many",
        "test-chain": f"/{{language}}/C/{TEST_CHAIN_KEY}",
        "notices": f"/{{language}}/C/{NOTICES_KEY}",
        "past-day": f"/{{language}}/C/{KEYS[Outcome.VALID]}?as_of=2026-11-26",
        "not-recorded-yet": f"/{{language}}/C/{UNRECORDED_KEY}?as_of=2026-11-18",
        "not-found": f"/{{language}}/C/{'Z' * 26}",
        **{outcome.value: f"/{{language}}/C/{key}" for outcome, key in KEYS.items()},
    }
