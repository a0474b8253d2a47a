"""Dropping, choosing, typing and asking again, with the scripts and without them."""

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from api.bodies import DOCUMENT_BYTES
from api.pages.catalogue import LANGUAGES, Language, catalogue
from api.pages.receipt_paper import receipt_pdf
from registry.verification.model import Outcome
from registry.verification.receipts import parse_verification_receipt
from registry.verification.rechecking import RecheckOutcome
from registry.workflows.verification.recheck import receipt_in
from tests.browser.conftest import READERS
from tests.http.kept_receipts import KEPT, PURPOSE, SceneRechecker, kept
from tests.http.sample_reports import NAME, NUMBER, REPORTS

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Visits

_DROP = """
([selector, name, content]) => {
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.querySelector(selector).dispatchEvent(
      new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer }));
  }
}
"""


def drop(page: "Page", content: bytes, selector: str = "#drop") -> None:
    page.evaluate(_DROP, [selector, "a.bundle.json", base64.b64encode(content).decode()])


def headline(page: "Page") -> str:
    return page.get_by_role("heading", level=1).inner_text()


def test_file_dropped_beside_the_zone_does_not_replace_the_page(visits: "Visits") -> None:
    page = visits.start(width=1280).open("/zh/")
    drop(page, b"outcome=revoked", selector="footer")
    assert headline(page) == "核验一份证书"


def test_file_above_the_cap_is_not_uploaded(visits: "Visits") -> None:
    visit = visits.start(width=1280)
    page = visit.open("/zh/")
    drop(page, b"x" * (DOCUMENT_BYTES + 1))
    assert "没有上传" in page.locator("#drop-message").inner_text()
    assert not any(url.endswith("/verify") for url in visit.requests)
    visit.require_quiet()


def test_file_that_the_browser_cannot_read_is_sent_on_request(visits: "Visits") -> None:
    visit = visits.start()
    page = visit.open("/en/")
    page.set_input_files(
        "#document", {"name": "a.bundle.json", "mimeType": "application/json", "buffer": b"outcome=valid"}
    )
    with page.expect_navigation():
        page.get_by_role("button", name="Send us the file").click()
    assert headline(page) == "This certificate is valid"
    visit.require_quiet()


@pytest.mark.parametrize("java_script", [True, False])
def test_several_numbers_are_judged_one_by_one(visits: "Visits", java_script: bool) -> None:
    visit = visits.start(java_script_enabled=java_script)
    page = visit.open("/zh/")
    page.get_by_role("link", name="一次核验几份").click()
    page.get_by_label("编号和姓名").fill(f"{NUMBER} {NAME}\n{NUMBER}，王芳\nonly-a-number")
    page.get_by_role("button", name="逐份核验").click()
    rows = page.locator(".judged-row")
    assert [rows.nth(one).locator("h3").inner_text() for one in range(3)] == ["有效", "没有查到", "这一行不完整"]
    page.get_by_role("button", name="English").click()
    assert rows.nth(1).locator("h3").inner_text() == "Nothing found"
    rows.nth(0).get_by_role("button").click()
    assert headline(page) == "This certificate is valid"
    visit.complaints[:] = [one for one in visit.complaints if "404" not in one]
    visit.require_quiet()


def test_past_day_can_be_asked_about(visits: "Visits") -> None:
    page = visits.start(java_script_enabled=False).open(f"/zh/C/{'A' * 26}")
    page.get_by_text("某一天的状态").click()
    page.get_by_label("日期").fill("2026-11-26")
    page.get_by_role("button", name="查那一天").click()
    assert headline(page) == "2026-11-26当天：有效"
    assert "那一天在有效期内吗？" in page.locator(".questions").inner_text()
    page.get_by_role("link", name="看今天的").click()
    assert headline(page) == "证书有效"


@pytest.mark.parametrize("java_script", [True, False])
def test_past_day_of_a_file_and_of_a_look_up_can_be_asked_about(visits: "Visits", java_script: bool) -> None:
    """What was sent is asked about again, as the address of a QR code is."""
    visit = visits.start(java_script_enabled=java_script)
    page = visit.open("/zh/")
    page.get_by_label("证书编号").fill(NUMBER)
    page.get_by_label("持证人姓名").fill(NAME)
    page.get_by_role("button", name="核验", exact=True).click()
    ask_for_a_day(page)
    visit.open("/zh/")
    page.set_input_files("#document", {"name": "a.json", "mimeType": "", "buffer": b"outcome=valid"})
    page.get_by_role("button", name="核验这个文件" if not java_script else "把文件发给本站核验").click()
    ask_for_a_day(page)
    visit.require_quiet()


def ask_for_a_day(page: "Page") -> None:
    page.get_by_text("某一天的状态").click()
    page.get_by_label("日期").fill("2026-11-26")
    page.get_by_role("button", name="查那一天").click()
    assert headline(page) == "2026-11-26当天：有效"
    page.get_by_role("button", name="看今天的").click()
    assert headline(page) == "证书有效"


@pytest.mark.parametrize("java_script", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_report_with_a_purpose_is_saved_and_the_purpose_is_in_no_address(
    visits: "Visits", language: Language, java_script: bool
) -> None:
    visit, words = visits.start(java_script_enabled=java_script), catalogue(language)
    for path, form in (("", "pdf"), ("?as_of=2026-11-26", "json")):
        page = visit.open(f"/{language}/C/{'A' * 26}{path}")
        page.get_by_label(words.text("report.purpose")).fill("入职核验")
        with page.expect_download() as saved:
            page.get_by_role("button", name=words.text(f"report.{form}")).click()
        data = saved.value.path().read_bytes()
        inside = receipt_in(data)
        assert inside is not None
        read = parse_verification_receipt(inside)
        assert (read.purpose, read.as_of is not None) == ("入职核验", bool(path))
    assert not any("purpose" in unquote(url) or "入职" in unquote(url) for url in visit.requests)
    visit.require_quiet()


@pytest.mark.parametrize("java_script", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_receipt_is_recognised_and_checked_again(visits: "Visits", language: Language, java_script: bool) -> None:
    words = catalogue(language)
    for name, file in (("r.json", kept().to_bytes()), ("r.pdf", receipt_pdf(kept()))):
        visit = visits.start(java_script_enabled=java_script)
        page = visit.open(f"/{language}/")
        page.set_input_files("#document", {"name": name, "mimeType": "", "buffer": file})
        if java_script:
            page.locator("#drop[data-state=offer]").wait_for()
            assert page.locator("#drop-message").inner_text() == words.text("local.receipt")
            page.get_by_role("button", name=words.text("home.send_file_after_all")).click()
        else:
            page.get_by_role("button", name=words.text("home.send_file")).click()
        assert headline(page) == words.text("recheck.outcomes.stands")
        seen = page.locator("main").inner_text()
        for shown in (words.text("recheck.now"), PURPOSE, "LNSEC-2026-0000000003"):
            assert shown in seen
        visit.require_quiet()


@pytest.mark.parametrize("outcome", RecheckOutcome)
def test_rechecks_are_accessible_and_fit(
    outcome: RecheckOutcome, visits: "Visits", monkeypatch: pytest.MonkeyPatch
) -> None:
    data, rechecker = KEPT[outcome]()
    monkeypatch.setattr(SceneRechecker, "by_document", lambda _, given: _BY_DOCUMENT(rechecker, given))
    visit = visits.start()
    for language, width, scheme in READERS:
        page = visit.page
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        visit.open(f"/{language}/")
        page.set_input_files("#document", {"name": "r.json", "mimeType": "", "buffer": data})
        page.locator("#drop[data-state=offer]").wait_for()
        page.get_by_role("button", name=catalogue(language).text("home.send_file_after_all")).click()
        assert headline(page) == catalogue(language).text(f"recheck.outcomes.{outcome}")
        if shots := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(shots) / f"recheck-{outcome}-{language}-{width}.png", full_page=True)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        assert visit.violations() == [], (language, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.set_viewport_size({"width": 320, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 320
    visit.require_quiet()


_BY_DOCUMENT = SceneRechecker.by_document


def test_page_is_printed_by_a_button_that_is_there_with_scripts_alone(visits: "Visits") -> None:
    page = visits.start().open(f"/zh/C/{'A' * 26}")
    page.evaluate("window.print = () => { document.title = 'printed' }")
    page.get_by_role("button", name="打印本页").click()
    assert page.title() == "printed"
    bare = visits.start(java_script_enabled=False).open(f"/zh/C/{'A' * 26}")
    assert not bare.get_by_role("button", name="打印本页").is_visible()


def test_forms_work_without_scripts(visits: "Visits") -> None:
    visit = visits.start(java_script_enabled=False)
    page = visit.open("/zh/")
    page.set_input_files(
        "#document", {"name": "a.bundle.json", "mimeType": "application/json", "buffer": b"outcome=suspended"}
    )
    page.get_by_role("button", name="核验这个文件").click()
    assert headline(page) == "证书暂停使用"
    page.go_back()
    page.get_by_label("证书编号").fill(NUMBER)
    page.get_by_label("持证人姓名").fill(NAME)
    page.get_by_role("button", name="核验", exact=True).click()
    assert headline(page) == "证书有效"
    assert "李*行" in page.locator(".paper").inner_text()
    visit.require_quiet()


def test_keyboard_alone_reaches_the_verdict(visits: "Visits") -> None:
    page = visits.start(width=1280).open("/en/")
    page.get_by_label("Certificate number").focus()
    page.keyboard.type(NUMBER)
    page.keyboard.press("Tab")
    page.keyboard.type(NAME)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert headline(page) == "This certificate is valid"


def test_focus_is_seen(visits: "Visits") -> None:
    page = visits.start(width=1280).open("/zh/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(4):
        page.keyboard.press("Tab")
        width = page.evaluate(
            "(() => { const here = document.activeElement;"
            " const seen = here.id === 'document' ? document.querySelector('.file-button') : here;"
            " return getComputedStyle(seen).outlineWidth })()"
        )
        assert width == "3px"


def test_nothing_found_keeps_what_was_typed_to_be_corrected(visits: "Visits") -> None:
    page = visits.start().open("/zh/")
    page.get_by_label("证书编号").fill(NUMBER)
    page.get_by_label("持证人姓名").fill("李知形")
    page.get_by_role("button", name="核验", exact=True).click()
    assert headline(page) == "没有查到"
    page.get_by_label("持证人姓名").fill(NAME)
    page.get_by_role("button", name="再查一次").click()
    assert headline(page) == "证书有效"


def test_language_can_be_changed_on_every_kind_of_result(visits: "Visits") -> None:
    page = visits.start().open(f"/C/{'A' * 26}")
    page.get_by_role("link", name="English").click()
    assert headline(page) == "This certificate is valid"
    page.get_by_role("link", name="中文").click()
    assert headline(page) == "证书有效"
    page.goto(page.url.partition("/zh/")[0] + "/zh/")
    page.get_by_label("证书编号").fill(NUMBER)
    page.get_by_label("持证人姓名").fill(NAME)
    page.get_by_role("button", name="核验", exact=True).click()
    page.get_by_role("button", name="English").click()
    assert headline(page) == "This certificate is valid"


def test_open_verdict_asks_again_by_itself_until_told_not_to(visits: "Visits", addresses: dict[str, str]) -> None:
    visit = visits.start()
    visit.page.clock.install()
    page = visit.open(addresses["cannot-confirm"].format(language="en"))
    line = page.locator("#again")
    assert "30 seconds" in line.inner_text()
    verifier = visits.site.verifier
    key = next(key for key, report in verifier.by_keys.items() if report.outcome is Outcome.CANNOT_CONFIRM)
    verifier.by_keys[key] = REPORTS[Outcome.VALID]
    try:
        with page.expect_navigation():
            page.clock.run_for(31_000)
        assert headline(page) == "This certificate is valid"
    finally:
        verifier.by_keys[key] = REPORTS[Outcome.CANNOT_CONFIRM]
    page = visit.open(addresses["cannot-confirm"].format(language="en"))
    page.get_by_role("button", name="Do not check by itself").click()
    assert not line.is_visible()
    visit.require_quiet()


def test_policy_stops_what_is_injected(visits: "Visits") -> None:
    visit = visits.start()
    page = visit.open("/zh/")
    ran = page.evaluate(
        "(() => { const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        " document.body.append(script); return window.ran === 1 })()"
    )
    assert ran is False
    assert any("Content Security Policy" in one for one in visit.complaints)
