"""The talent database in a real browser, both sides, by clicks alone: agree, search, ask, say yes, read, leave."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.pages.catalogue import Language, catalogue
from registry.access import Role
from tests.browser.conftest import READERS, Site, running
from tests.http.talent_site import CONTACT, WISH, TalentSite, filled_file, talent_site

if TYPE_CHECKING:
    from tests.browser.conftest import Visit, Visits


@pytest.fixture(scope="module")
def talents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TalentSite]:
    made = talent_site(filled_file(tmp_path_factory.mktemp("talent")))
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def site(talents: TalentSite) -> Iterator[Site]:
    with running(lambda base_url: talents.app) as base_url:
        yield Site(base_url=base_url, verifier=talents.judge)


def require_fine(visit: "Visit", name: str) -> None:
    """Look at the page that is open, as it is: several of these answer forms and have no address."""
    page, shots = visit.page, os.environ.get("SCREENSHOTS")
    for width, scheme in ((1280, "dark"), (1280, "light"), (320, "light"), (390, "dark"), (390, "light")):
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
        if shots:
            page.screenshot(path=Path(shots) / f"talent-{name}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") == width, (name, width)
        assert visit.violations() == [], (name, width, scheme)


@pytest.mark.parametrize("language", sorted({reader[0] for reader in READERS}))
def test_from_consent_to_contact_and_out_again(language: Language, visits: "Visits", talents: TalentSite) -> None:
    words = catalogue(language)
    holder = talents.holder(0 if language == "zh" else 1)
    recruiter = talents.person(f"yunfan-{language}", Role.RECRUITER)
    his = visits.signed_in(holder.token)
    hers = visits.signed_in(recruiter.token)

    his.open(f"/{language}/holder")
    his.page.get_by_role("link", name=words.text("holder.talent.open"), exact=True).click()
    require_fine(his, f"form-{language}")
    his.page.locator("#region").select_option("44")
    his.page.locator("#contact").fill(CONTACT)
    his.page.locator("#wish").fill(WISH)
    his.page.get_by_role("checkbox").check()
    his.page.get_by_role("button", name=words.text("holder.talent.go")).click()
    his.page.get_by_role("heading", name=words.text("holder.talent.listed")).wait_for()

    hers.open(f"/{language}/talent")
    require_fine(hers, f"search-{language}")
    hers.page.locator("#region").select_option("44")
    hers.page.get_by_role("button", name=words.text("talent.search"), exact=True).click()
    hers.page.locator("#found").wait_for()
    assert "?" not in hers.page.url
    require_fine(hers, f"found-{language}")
    hers.page.locator(".talent-list button").first.click()
    hers.page.locator("#purpose").fill("招聘边缘计算工程师")
    require_fine(hers, f"ask-{language}")
    hers.page.get_by_role("button", name=words.text("talent.send")).click()
    hers.page.get_by_text(words.text("talent.answer.asked")).wait_for()

    his.page.reload()
    require_fine(his, f"asked-{language}")
    his.page.locator("#requests button[value=yes]").click()
    his.page.get_by_text(words.text("holder.talent.answer_agreed")).wait_for()
    hers.page.reload()
    hers.page.locator("#requests .talent-list button").first.click()
    hers.page.get_by_text(CONTACT).wait_for()
    require_fine(hers, f"contact-{language}")

    his.page.get_by_role("button", name=words.text("holder.talent.withdraw"), exact=True).click()
    his.page.locator("#region").wait_for()
    hers.open(f"/{language}/talent")
    hers.page.get_by_text(words.text("talent.answer.over")).wait_for()
    assert hers.page.locator("#requests .talent-list button").count() == 0
    his.require_quiet()
    hers.require_quiet()
