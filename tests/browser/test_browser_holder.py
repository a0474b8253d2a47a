"""The holder's pages in a real browser, from the claim link to a link withdrawn: quiet, accessible, both languages."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from api.pages.catalogue import Language, catalogue
from api.serving import application
from registry.workflows.access.sign_in import invite_holder
from registry.workflows.holders.hold import held_by
from tests.browser.conftest import Site, Visit, running
from tests.http.sample_reports import SampleVerifier
from tests.http.test_http_holder import ROOM, several
from tests.lifecycle.conftest import World, world

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Visits

__all__ = ["world"]

PASSWORD = "correct horse battery"
AUDIENCE, PURPOSE = "深圳市云帆数据有限公司", "入职核验"
_READERS: tuple[tuple[Language, int, Literal["light", "dark"]], ...] = (
    ("zh", 390, "light"),
    ("en", 390, "dark"),
    ("zh", 1280, "dark"),
    ("en", 1280, "light"),
)


@pytest.fixture(scope="module")
def site(world: World) -> Iterator[Site]:
    """The whole application over a real installation, in place of the samples."""
    world.home.catch_up()
    app = application(world.home, cause=lambda: None, max_age_seconds=3_600)
    with running(lambda base_url: app) as base_url:
        yield Site(base_url=base_url, verifier=SampleVerifier())


@pytest.fixture
def holder(world: World, visits: "Visits") -> Visit:
    """A holder's browser, signed in by the claim link."""
    return claimed(world, visits.start(), 0)


def claimed(world: World, visit: Visit, place: int) -> Visit:
    """Open a claim link, and choose a password."""
    certificate = world.certificates("3")[place]
    number = certificate.reservation.number
    with world.home.store.read() as unit:
        candidate = unit.enrolments.application(certificate.reservation.admission).candidate
    token = invite_holder(world.home.store, world.home.clock, number=number, by="maker-1")
    page = visit.open(f"/zh/invitation/{token}")
    page.locator("#number").fill(candidate.identity_number)
    page.locator("#password").fill(PASSWORD)
    page.locator("#again").fill(PASSWORD)
    page.get_by_role("button", name=catalogue("zh").text("sign_in.choose_go")).click()
    page.wait_for_url("**/zh/holder")
    return visit


def fill(page: "Page", form: str, audience: str = AUDIENCE, purpose: str = PURPOSE) -> None:
    page.locator(f"#{form}-purpose").fill(purpose)
    page.locator(f"#{form}-audience").fill(audience)


def require_quiet(visit: Visit) -> None:
    # A holder's name to sign in with is the identity number, which no page writes: the browser misses it.
    visit.complaints[:] = [one for one in visit.complaints if "should have (optionally hidden) username" not in one]
    visit.require_quiet()


def share(page: "Page", site: Site, audience: str, purpose: str) -> str:
    """Make a link by hand; give its path."""
    page.goto(f"{site.base_url}/zh/holder")
    page.get_by_role("link", name=catalogue("zh").text("holder.make_share")).click()
    fill(page, "share", audience, purpose)
    page.get_by_role("button", name=catalogue("zh").text("holder.share.go")).click()
    return str(page.locator("#made-link").input_value()).removeprefix("http://localhost:8000")


def test_holders_pages_are_quiet_accessible_and_fit(world: World, holder: Visit, site: Site) -> None:
    """Both languages, phone and desk, light and dark; axe-core finds nothing with all folds open; 320 px are enough."""
    page, number = holder.page, world.certificates("3")[0].reservation.number
    opened = share(page, site, "湾区智造研究院", "职称评审")
    over = share(page, site, "陈女士（房东）", "租房")
    page.goto(f"{site.base_url}/zh/holder")
    page.get_by_role("button", name="撤回给陈女士（房东）的链接").click()
    share(page, site, "陈女士（房东）", "租房")
    holder.open(f"/en/holder/{number}/share")
    stranger = page.context.browser.new_context() if page.context.browser else None
    assert stranger is not None
    stranger.new_page().goto(f"{site.base_url}/zh{opened}")
    stranger.close()
    shots = os.environ.get("SCREENSHOTS")
    names = {
        "holder": "/holder",
        "holder-share": f"/holder/{number}/share",
        "holder-full": f"/holder/{number}/full",
        "holder-account": "/holder/account",
        "shared": opened,
        "share-over": over,
    }
    for language, width, scheme in _READERS:
        for name, path in names.items():
            page.set_viewport_size({"width": width, "height": 844})
            page.emulate_media(color_scheme=scheme)
            holder.open(f"/{language}{path}")
            if name == "holder" and language == "zh":
                fill(page, "copy")
            if shots:
                page.screenshot(path=Path(shots) / f"{name}-{language}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") == width, name
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
            assert holder.violations() == [], (name, language, width, scheme)
            small = page.evaluate(
                "[...document.querySelectorAll('.button, summary, .field input, .top-nav a, .tick, .own-links a')]"
                ".map((one) => [one.className, one.getBoundingClientRect()])"
                ".filter(([, box]) => box.width > 2 && box.height < 44).map(([name]) => name)"
            )
            assert small == [], (name, language, width)
            page.set_viewport_size({"width": 320, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") == 320, (name, language)
    holder.complaints[:] = [one for one in holder.complaints if "status of 404" not in one]  # the link that is over
    require_quiet(holder)


def test_several_certificates_fit_and_are_accessible(holder: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ROOM, "held_by", lambda *asked: several(held_by(*asked)))
    page, shots = holder.page, os.environ.get("SCREENSHOTS")
    for language, width, scheme in _READERS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        holder.open(f"/{language}/holder")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        if shots:
            page.screenshot(path=Path(shots) / f"holder-several-{language}-{width}-{scheme}.png", full_page=True)
        assert holder.violations() == [], (language, width, scheme)
        page.set_viewport_size({"width": 320, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 320, language
    require_quiet(holder)


def test_the_foot_of_a_copy_reads_as_it_will_while_it_is_typed(holder: Visit) -> None:
    page = holder.page
    foot = page.locator("#preview")
    assert "仅供〈出示给谁〉" in foot.inner_text()
    fill(page, "copy")
    page.locator("#copy-until").fill("2026-12-31")
    said = foot.inner_text()
    assert "仅供深圳市云帆数据有限公司\n入职核验使用，2026-12-31止" in said
    assert "For 深圳市云帆数据有限公司, 入职核验, until 2026-12-31 only." in said
    fill(page, "copy", audience="<b>x</b>")
    assert "仅供<b>x</b>" in foot.inner_text()
    require_quiet(holder)


def test_a_copy_is_downloaded_and_listed_with_its_link(holder: Visit) -> None:
    page = holder.page
    fill(page, "copy", audience="下载测试公司")
    page.get_by_role("button", name="生成副本").click()
    page.get_by_role("heading", name="副本已生成").wait_for()
    assert "给下载测试公司" in page.locator("main").inner_text()
    if shots := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(shots) / "holder-copied-zh-390-light.png", full_page=True)
    assert holder.violations() == []
    with page.expect_download() as waiting:
        page.get_by_role("link", name="下载副本（PDF）").click()
    assert waiting.value.suggested_filename.endswith("-copy.pdf")
    assert Path(waiting.value.path()).read_bytes().startswith(b"%PDF-")
    holder.open("/zh/holder")
    assert page.get_by_text("下载测试公司").count() == 1
    require_quiet(holder)


def test_a_link_is_copied_opened_and_withdrawn(holder: Visit, site: Site, visits: "Visits") -> None:
    page = holder.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    path = share(page, site, "测试对象", "测试用途")
    page.get_by_role("button", name="复制").click()
    page.get_by_text("已复制。").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").endswith(path)
    reader = visits.start()
    shown = reader.open(f"/zh{path}")
    assert "持证人加注的副本：仅供测试对象测试用途" in shown.locator("main").inner_text()
    reader.require_quiet()
    page.goto(f"{site.base_url}/zh/holder")
    page.get_by_role("button", name="撤回给测试对象的链接").click()
    page.wait_for_url("**/zh/holder#shares")
    assert reader.open(f"/zh{path}").locator("h1").inner_text() == "这个链接已经结束"
    require_quiet(holder)


def test_everything_works_without_scripts(world: World, visits: "Visits", site: Site) -> None:
    visit = claimed(world, visits.start(java_script_enabled=False), 1)
    page, number = visit.page, world.certificates("3")[1].reservation.number
    assert share(page, site, AUDIENCE, PURPOSE).startswith("/share/")
    page.goto(f"{site.base_url}/zh/holder")
    fill(page, "copy")
    page.get_by_role("button", name="生成副本").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="下载副本（PDF）").click()
    assert waiting.value.suggested_filename == f"{number}-copy.pdf"
    require_quiet(visit)
