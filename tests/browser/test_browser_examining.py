"""Rosters, candidates and score sheets in a real browser: accessible, fit for a phone, all of it without a script."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.demo_data import sample_scores
from registry.access import Role
from registry.store import open_database
from tests.browser.conftest import READERS, Site, running
from tests.http.console_site import House
from tests.http.sample_reports import SampleVerifier
from tests.http.troubled_files import TROUBLE, troubled_roster, troubled_scores
from tests.unit.registry.store.filled import KEYS, PROGRAMME, SettableClock

if TYPE_CHECKING:
    from tests.browser.conftest import Visits

SHOTS = os.environ.get("SCREENSHOTS")


class Day:
    """An examination as far as a sheet that was returned and another that waits."""

    def __init__(self, path: Path) -> None:
        self.store = open_database(path, KEYS, create=True)
        self.house = House(self.store, SettableClock())
        self.clerk, self.reviewer = (
            self.house.person(name, role) for name, role in (("周岚", Role.CLERK), ("李复", Role.REVIEWER))
        )
        self.auditor = self.house.person("陈审", Role.AUDITOR)
        self.tried = self.clerk.post("/console/rosters", troubled_roster(30)).headers["Location"]
        again = self.clerk.post("/console/rosters", troubled_roster(60, seed=4)).headers["Location"]
        self.clerk.post("/console/rosters/take", kept=again.rpartition("/")[2], take="good")
        self.clerk.post("/console/rosters/decide")
        with self.store.read() as unit:
            self.scores = sample_scores(unit.marks.awaited(PROGRAMME))
            self.refused = next(unit.enrolments.applications(eligible=False)).admission
            self.eligible = next(unit.enrolments.applications(eligible=True, level="3")).admission
        self.bad_sheet = self._enter(troubled_scores(self.scores))
        self.returned = self._enter(self.scores)
        self.reviewer.post(f"{self.returned}/return", reason="第12行与签字的原始成绩不符")
        self.waiting = self._enter(self.scores)

    def _enter(self, data: bytes) -> str:
        answer = self.clerk.post("/console/scores", data, examined_on="2026-11-08")
        return str(answer.headers["Location"]).partition("?")[0]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    made = Day(tmp_path_factory.mktemp("examining") / "registry.db")
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def site(day: Day) -> Iterator[Site]:
    with running(lambda base_url: day.house.app) as base_url:
        yield Site(base_url=base_url, verifier=SampleVerifier())


@pytest.mark.parametrize(("language", "width", "scheme"), READERS)
def test_pages_are_quiet_accessible_and_fit(day: Day, visits: "Visits", language: str, width: int, scheme: str) -> None:
    pages = {
        "reading": (day.clerk, day.tried),
        "rosters": (day.clerk, "/console/rosters"),
        "roster": (day.clerk, "/console/rosters/R-2026-11-0001"),
        "candidates": (day.auditor, "/console/candidates"),
        "eligible": (day.auditor, f"/console/candidates/{day.eligible}"),
        "refused": (day.auditor, f"/console/candidates/{day.refused}"),
        "scores": (day.clerk, "/console/scores"),
        "sheet-refused": (day.clerk, day.bad_sheet),
        "sheet-waits": (day.reviewer, day.waiting),
        "sheet-own": (day.clerk, day.waiting),
        "sheet-returned": (day.auditor, day.returned),
    }
    for person in (day.clerk, day.reviewer, day.auditor):
        visit = visits.signed_in(person.token, width=width, dark=scheme == "dark")
        for name, (reader, path) in pages.items():
            if reader is not person:
                continue
            page = visit.open(f"/{language}{path}")
            if SHOTS:
                page.screenshot(path=Path(SHOTS) / f"console-{name}-{width}-{language}.png", full_page=True)
            assert visit.violations() == [], (name, language, width)
            assert page.evaluate("document.documentElement.scrollWidth") == width, (name, language, width)
        visit.require_quiet()


def test_problems_are_filtered_opened_and_downloaded_without_a_script(day: Day, visits: "Visits") -> None:
    visit = visits.signed_in(day.clerk.token, java_script_enabled=False, accept_downloads=True)
    page = visit.open(f"/zh{day.tried}")
    assert page.locator(".in-row").count() == len(TROUBLE) + 2
    assert page.locator(".in-row details[open]").count() == 1
    page.get_by_role("link", name="末位校验码不对").click()
    assert page.locator(".in-row").count() == 1
    assert page.locator(".cell.wrong").inner_text().startswith("C")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="下载错误清单").click()
    listed = Path(downloading.value.path()).read_bytes().decode("utf-8-sig")
    assert listed.count("\r\n") == len(TROUBLE) + 3
    page.get_by_role("link", name="English").click()
    assert "rows need changes" in page.get_by_role("heading", level=1).inner_text()


def test_a_sheet_is_compared_returned_entered_again_and_confirmed_by_hand(day: Day, visits: "Visits") -> None:
    reviewer = visits.signed_in(day.reviewer.token, java_script_enabled=False).open(f"/zh{day.waiting}")
    reviewer.get_by_role("button", name="核对无误").click()
    assert reviewer.url.endswith(day.waiting)  # the box is not ticked: the browser keeps the form
    reviewer.get_by_text("与原始成绩不符？退回").click()
    reviewer.get_by_label("理由").fill("考试日期写错")
    reviewer.get_by_role("button", name="退回这份成绩单").click()
    assert "已退回" in reviewer.get_by_role("heading", level=1).inner_text()

    clerk = visits.signed_in(day.clerk.token, java_script_enabled=False).open("/zh/console/scores")
    clerk.locator("#examined_on").fill("2026-11-07")
    clerk.locator("#file").set_input_files({"name": "成绩.csv", "mimeType": "text/csv", "buffer": day.scores})
    clerk.get_by_role("button", name="录入成绩单").click()
    assert "须由另一人" in clerk.locator(".done").inner_text()
    assert clerk.get_by_role("checkbox").count() == 0

    reviewer.goto(clerk.url)
    reviewer.get_by_role("checkbox").check()
    reviewer.get_by_role("button", name="核对无误").click()
    assert "已核对" in reviewer.get_by_role("heading", level=1).inner_text()
