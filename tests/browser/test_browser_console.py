"""The console in a real browser: quiet, accessible, fits a phone; an approver signs elsewhere and hands that in."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.demo_data import sample_roster
from registry.access import Role
from registry.anchor.states import AnchorState
from registry.store import open_database
from tests.browser.conftest import Site, Visit, running
from tests.http.sample_reports import SampleVerifier
from tests.http.test_http_console import spoilt
from tests.http.test_http_console_approving import Approving, signature_over
from tests.unit.registry.store.filled import KEYS, SettableClock

if TYPE_CHECKING:
    from tests.browser.conftest import Visits

SHOTS = os.environ.get("SCREENSHOTS")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Approving]:
    store = open_database(tmp_path_factory.mktemp("console") / "registry.db", KEYS, create=True)
    yield Approving(store, SettableClock())
    store.close()


@pytest.fixture(scope="module")
def site(house: Approving) -> Iterator[Site]:
    with running(lambda base_url: house.app) as base_url:
        yield Site(base_url=base_url, verifier=SampleVerifier())


def signed_in(house: Approving, visits: "Visits", name: str, *roles: Role, width: int = 1280) -> Visit:
    """Open a browser in which somebody new is signed in."""
    return visits.signed_in(house.person(name, *roles).token, width=width)


def require_accessible(visit: Visit, name: str, language: str, width: int) -> None:
    page = visit.page
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"console-{name}-{language}-{width}.png", full_page=True)
    assert visit.violations() == [], (name, language, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width, (name, language)


def test_pages_are_quiet_accessible_and_fit(house: Approving, visits: "Visits") -> None:
    visit = signed_in(house, visits, "everybody", Role.CLERK, Role.REVIEWER, Role.MAKER, Role.APPROVER)
    paths = {
        "overview": "/console",
        "rosters": "/console/rosters",
        "scores": "/console/scores",
        "batch": f"/console/batches/{house.batch.id}",
        "approve": house.page,
    }
    for language in ("zh", "en"):
        for width in (390, 1280):
            visit.page.set_viewport_size({"width": width, "height": 844})
            for name, path in paths.items():
                visit.open(f"/{language}{path}")
                require_accessible(visit, name, language, width)
            visit.open(f"/{language}/console/rosters")
            visit.page.locator("#file").set_input_files(
                {"name": "2026-11.csv", "mimeType": "text/csv", "buffer": spoilt(12)}
            )
            visit.page.locator("form.lookup button").click()
            visit.page.wait_for_selector(".found")
            require_accessible(visit, "reading", language, width)
    visit.complaints[:] = [one for one in visit.complaints if "422" not in one]
    visit.require_quiet()


def test_a_roster_is_tried_and_taken_by_hand(house: Approving, visits: "Visits") -> None:
    page = signed_in(house, visits, "zhou.lan", Role.CLERK).open("/zh/console/rosters")
    page.locator("#file").set_input_files(
        {"name": "名册.csv", "mimeType": "text/csv", "buffer": sample_roster(seed=7, count=5)}
    )
    page.locator("form.lookup button").click()
    assert page.get_by_role("heading", level=1).inner_text() == "5行都可以导入，还没有导入"
    page.get_by_role("button", name="导入5行").click()
    assert "已导入" in page.locator(".done").inner_text()


def test_an_approver_signs_elsewhere_and_hands_the_signature_in(house: Approving, visits: "Visits") -> None:
    page = signed_in(house, visits, "wu.qiming", Role.APPROVER).open(f"/zh/console/batches/{house.batch.id}")
    page.get_by_role("link", name="核对并批准").click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="下载待签的文件").click()
    document = Path(downloading.value.path()).read_bytes()
    assert json.loads(document)["message"]["size"] in {house.batch.size, str(house.batch.size)}
    page.locator("#signature").fill(signature_over(document))
    page.get_by_role("button", name="交出签名").click()
    assert page.url.endswith("/approve")  # the box is not ticked: the browser keeps the form
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="交出签名").click()
    page.wait_for_url(f"**/console/batches/{house.batch.id}")
    assert house.state() is AnchorState.APPROVED
