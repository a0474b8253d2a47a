"""A page of something under way in a real browser: numbers move in place; without events it asks again by itself."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from api.issuer.live import MOST_STREAMS
from registry.access import Role
from registry.ports.tasks import TaskKind
from registry.store import open_database
from registry.workflows.desk.hand_over import ask
from tests.browser.conftest import Site, running
from tests.browser.test_browser_console import require_accessible, signed_in
from tests.http.sample_reports import SampleVerifier
from tests.http.test_http_console_desk import AtWork
from tests.unit.registry.store.filled import KEYS, SettableClock

if TYPE_CHECKING:
    from tests.browser.conftest import Visits


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtWork]:
    folder = tmp_path_factory.mktemp("live")
    store = open_database(folder / "registry.db", KEYS, create=True)
    made = AtWork(store, SettableClock(), folder)
    made.record()
    yield made
    store.close()


@pytest.fixture
def site(house: AtWork) -> Iterator[Site]:
    with running(lambda base_url: house.app) as base_url:
        yield Site(base_url=base_url, verifier=SampleVerifier())
        house.desk.streams.stop()


def drawing(house: AtWork) -> str:
    """Let the desk draw the batch, and be half-way."""
    ask(house.store, house.clock, TaskKind.DRAW, house.batch.id, person="maker-1")
    task = house.claim()
    house.clock.time += timedelta(seconds=4)
    house.tell(task.id, "draw", 8, 20)
    return str(task.id)


def test_numbers_move_in_place_and_the_page_is_set_anew_when_more_changes(house: AtWork, visits: "Visits") -> None:
    task = drawing(house)
    visit = signed_in(house, visits, "everybody", Role.MAKER, Role.APPROVER)
    page = visit.open(f"/zh{house.at}")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        require_accessible(visit, "batch-under-way", "zh", width)
    with page.expect_request(lambda request: request.url.endswith("/events"), timeout=5_000):
        page.reload()
    page.evaluate("window.opened = 'once'")
    house.clock.time += timedelta(seconds=1)
    house.tell(task, "draw", 15, 20)
    page.get_by_text("15 / 20").wait_for()
    assert page.locator("progress").evaluate("(bar) => bar.value") == 15
    assert page.locator("[data-live=rate]").inner_text() == "每秒3张"
    house.end(task, failure="desk/papers-unwritable")
    page.get_by_text("没有做成").first.wait_for()
    assert page.evaluate("window.opened") == "once"  # never reloaded
    assert page.locator("#live").count() == 0
    require_accessible(visit, "batch-task-failed", "zh", 1280)
    visit.require_quiet()


def test_without_a_stream_the_page_asks_again_by_itself(house: AtWork, visits: "Visits") -> None:
    task = drawing(house)
    visit = signed_in(house, visits, "maker-2", Role.MAKER)
    for _ in range(MOST_STREAMS):
        house.desk.streams.enter("maker-2")
    page = visit.open(f"/en{house.at}")
    house.tell(task, "draw", 19, 20)
    page.get_by_text("19 / 20").wait_for()
    house.end(task, result=f"{house.batch.id}.zip")
    page.get_by_text("Draw 20 certificates").or_(page.get_by_role("button", name="Draw")).wait_for()
    asked = [path for method, path in visit.methods if method == "GET" and house.at in path]
    assert any("unattended=1" in path for path in asked)
    visit.complaints[:] = [one for one in visit.complaints if "429" not in one]
    visit.require_quiet()
