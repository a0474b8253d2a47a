"""The pages for lists in a real browser: handing in, live progress, result; both languages, with and without script."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from api.pages.catalogue import Language, catalogue
from registry.verification.model import Report
from tests.browser.conftest import Site, running
from tests.http.bulk_site import BulkSite, bulk_site, sample_list

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Visit, Visits

_READERS: tuple[tuple[Language, int, Literal["light", "dark"]], ...] = (
    ("zh", 390, "light"),
    ("en", 390, "dark"),
    ("zh", 1280, "dark"),
    ("en", 1280, "light"),
    ("zh", 1280, "light"),
)


class HeldJudge:
    """Answers as the one behind it, row by row as it is let."""

    def __init__(self, behind: BulkSite) -> None:
        self.behind = behind.verifier
        self.open = threading.Event()
        self.open.set()

    def by_key(self, key: str) -> Report:
        return self.behind.by_key(key)

    def by_number_and_name(self, number: str, name: str) -> Report:
        assert self.open.wait(300)
        return self.behind.by_number_and_name(number, name)


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BulkSite]:
    made = bulk_site(tmp_path_factory.mktemp("bulk"))
    judge = HeldJudge(made)
    made.desk.judge = judge
    yield made
    judge.open.set()
    made.store.close()


@pytest.fixture(scope="module")
def site(lists: BulkSite) -> Iterator[Site]:
    with running(lambda base_url: lists.app) as base_url:
        yield Site(base_url=base_url, verifier=lists.verifier)


@pytest.fixture(scope="module")
def list_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lists") / "2026秋季招聘.csv"
    path.write_bytes(sample_list(lines=12))
    return path


def signed_in(visits: "Visits", lists: BulkSite, name: str = "zhou.lan", **options: object) -> "Visit":
    lists.client(name)
    return visits.signed_in(lists.tokens[name], cookie=lists.people.cookie, **options)


def hand_in(page: "Page", language: Language, file: Path) -> None:
    words = catalogue(language)
    page.locator("#list").set_input_files(file)
    page.locator("#purpose").fill("2026年秋季招聘")
    page.get_by_role("button", name=words.text("bulk.start"), exact=True).click()


def require_fine(visit: "Visit", path: str, name: str) -> None:
    shots = os.environ.get("SCREENSHOTS")
    page = visit.page
    for language, width, scheme in _READERS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        visit.open(f"/{language}{path}")
        if shots:
            page.screenshot(path=Path(shots) / f"bulk-{name}-{language}-{width}-{scheme}.png", full_page=width > 1_000)
        assert page.evaluate("document.documentElement.scrollWidth") == width, (name, language, width)
        assert visit.violations() == [], (name, language, width, scheme)
        page.set_viewport_size({"width": 320, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 320, (name, language)
    visit.require_quiet()


def test_pages_are_quiet_accessible_and_fit(visits: "Visits", lists: BulkSite, list_file: Path) -> None:
    visit = signed_in(visits, lists)
    judge = lists.desk.judge
    assert isinstance(judge, HeldJudge)
    require_fine(visit, "/bulk", "empty")
    judge.open.clear()
    visit.open("/zh/bulk")
    hand_in(visit.page, "zh", list_file)
    visit.page.wait_for_url("**/bulk/V-*")
    path = "/bulk/" + visit.page.url.rpartition("/")[2]
    require_fine(visit, path, "running")
    judge.open.set()
    visit.page.wait_for_selector("nav.counts")
    require_fine(visit, path, "result")
    require_fine(visit, "/bulk", "start")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_progress_is_live_and_leads_to_the_result(
    language: Language, visits: "Visits", lists: BulkSite, list_file: Path
) -> None:
    visit = signed_in(visits, lists)
    judge = lists.desk.judge
    assert isinstance(judge, HeldJudge)
    judge.open.clear()
    visit.open(f"/{language}/bulk")
    hand_in(visit.page, language, list_file)
    visit.page.wait_for_url("**/bulk/V-*")
    with visit.page.expect_response("**/progress"):
        pass
    judge.open.set()
    visit.page.wait_for_selector("nav.counts")
    assert visit.page.locator("h1").inner_text() == catalogue(language).text("bulk.state.finished", n="27")
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name=catalogue(language).text("bulk.download_csv")).click()
    assert download.value.suggested_filename.startswith("V-")
    visit.require_quiet()


def test_without_script_all_of_it_works(visits: "Visits", lists: BulkSite, list_file: Path) -> None:
    visit = signed_in(visits, lists, "no.script", java_script_enabled=False)
    visit.open("/zh/bulk")
    hand_in(visit.page, "zh", list_file)
    visit.page.wait_for_url("**/bulk/V-*")
    visit.page.wait_for_selector("nav.counts")  # the page asks anew by itself
    visit.page.get_by_role("link", name=catalogue("zh").text("outcomes.revoked.word")).click()
    assert visit.page.locator("table.grid tbody tr").count() >= 1
    visit.page.get_by_role("button", name=catalogue("zh").text("bulk.delete")).click()
    visit.page.get_by_text(catalogue("zh").text("bulk.short.forgotten")).first.wait_for()  # on the page it leads to


def test_problems_are_listed_with_line_and_column(visits: "Visits", lists: BulkSite, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("编号,姓名\n,李知行\nA-1,\n=1,王芳\nA-2,王芳\n", "utf-8")
    visit = signed_in(visits, lists)
    words = catalogue("zh")
    visit.open("/zh/bulk")
    visit.page.locator("#list").set_input_files(bad)
    visit.page.get_by_role("button", name=words.text("bulk.look"), exact=True).click()
    assert visit.page.locator("h1").inner_text() == words.text("bulk.looked_wrong", n="3")
    assert visit.page.locator("table.grid tbody tr").count() == 3
    shots = os.environ.get("SCREENSHOTS")
    if shots:
        visit.page.set_viewport_size({"width": 1280, "height": 844})
        visit.page.screenshot(path=Path(shots) / "bulk-problems.png", full_page=True)
