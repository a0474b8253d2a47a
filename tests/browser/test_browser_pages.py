"""Every page in a real browser: quiet, self-contained, accessible, without sideways scroll, in both languages."""

import hashlib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.pages.catalogue import LANGUAGES, Language, catalogue
from registry.verification.model import Outcome
from tests.browser.conftest import READERS, VENDOR

if TYPE_CHECKING:
    from tests.browser.conftest import Visits

NAMES = (
    "home",
    "list",
    "how",
    "status",
    "problem",
    "test-chain",
    "notices",
    "past-day",
    "not-recorded-yet",
    *(outcome.value for outcome in Outcome),
)
_NOT_FOUND_NOISE = "the server responded with a status of 404"


@pytest.mark.parametrize("name", NAMES)
def test_page_is_quiet_accessible_and_fits(name: str, visits: "Visits", addresses: dict[str, str]) -> None:
    """Both languages, phone and desk, light and dark; axe-core finds nothing with all folds open; 320 px are enough."""
    shots = os.environ.get("SCREENSHOTS")
    visit = visits.start()
    page = visit.page
    for language, width, scheme in READERS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        visit.open(addresses[name].format(language=language))
        if shots:
            page.screenshot(path=Path(shots) / f"{name}-{language}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.lang") == ("zh-CN" if language == "zh" else "en")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        assert visit.violations() == [], (language, width, scheme)
        page.set_viewport_size({"width": 320, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 320, language
    visit.complaints[:] = [one for one in visit.complaints if _NOT_FOUND_NOISE not in one]
    visit.require_quiet()


@pytest.mark.parametrize("language", LANGUAGES)
def test_controls_are_large_enough_for_a_finger(
    language: Language, visits: "Visits", addresses: dict[str, str]
) -> None:
    visit = visits.start()
    for name in ("home", "revoked", "cannot-confirm", "not-found"):
        page = visit.open(addresses[name].format(language=language))
        small = page.evaluate(
            "[...document.querySelectorAll('.button, summary, .field input, .top-nav a')]"
            ".map((one) => [one.className, one.getBoundingClientRect()])"
            ".filter(([, box]) => box.width > 2 && box.height < 44).map(([name]) => name)"
        )
        assert small == [], name


def test_ways_to_verify_lie_above_the_fold_of_a_phone(visits: "Visits", addresses: dict[str, str]) -> None:
    for language in LANGUAGES:
        page = visits.start().open(addresses["home"].format(language=language))
        button = page.get_by_role("button", name=catalogue(language).text("home.send"), exact=True)
        box = button.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 844


def test_outcomes_are_told_by_icon_word_and_colour(visits: "Visits", addresses: dict[str, str]) -> None:
    shapes = set()
    visit = visits.start()
    for outcome in Outcome:
        page = visit.open(addresses[outcome.value].format(language="en"))
        assert page.get_by_role("status").get_by_role("heading").inner_text() == catalogue("en").text(
            f"outcomes.{outcome}.headline"
        )
        shapes.add(page.locator(".panel svg").first.inner_html())
    assert len(shapes) == len(Outcome)


def test_seal_is_vermilion_only_where_the_certificate_is_valid(visits: "Visits", addresses: dict[str, str]) -> None:
    def colour(name: str) -> str:
        page = visits.start().open(addresses[name].format(language="zh"))
        return str(page.locator(".stamp").evaluate("(one) => getComputedStyle(one).color"))

    assert colour("valid") == "rgb(185, 43, 27)"
    assert colour("test-chain") == "rgb(106, 98, 86)"


def test_printed_report_is_one_page(visits: "Visits", addresses: dict[str, str]) -> None:
    visit = visits.start(width=1280)
    for name in ("valid", "revoked", "test-chain"):
        for language in LANGUAGES:
            page = visit.open(addresses[name].format(language=language))
            assert page.pdf(format="A4").count(b"/Type /Page\n") == 1, (name, language)


def test_home_page_is_light(visits: "Visits", addresses: dict[str, str]) -> None:
    """All that the page loads by itself, as it travels, is 20 kB at most; the scanner comes when it is wanted."""
    visit = visits.start()
    sizes: dict[str, int] = {}
    visit.page.on("requestfinished", lambda one: sizes.update({one.url: sum(one.sizes().values())}))
    for language in LANGUAGES:
        visit.open(addresses["home"].format(language=language))
        visit.page.wait_for_load_state("networkidle")
    assert len(sizes) == len(set(visit.requests))
    english = sum(size for url, size in sizes.items() if not url.endswith("/zh/"))
    assert english <= 20_000, sizes


def test_vendored_files_are_as_they_came() -> None:
    described = tomllib.loads((VENDOR / "VENDOR.toml").read_text("utf-8"))
    files = {one["path"]: one["sha256"] for package in described["package"] for one in package["files"]}
    present = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()} - {"VENDOR.toml"}
    assert present == files.keys()
    for path, digest in files.items():
        assert hashlib.sha256((VENDOR / path).read_bytes()).hexdigest() == digest
