"""Every page of the console at the width of a phone: nothing runs over it, and no cell of a table is cut off."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.access import Role
from registry.anchor.states import AnchorState
from registry.store import open_database
from registry.workflows.chain.halt import raise_alarm
from registry.workflows.issuance.issue import propose
from registry.workflows.replacement.replace import propose_replacements
from tests.browser.conftest import Site, Visit, running
from tests.http.sample_reports import SampleVerifier
from tests.http.test_http_console_desk import AtWork
from tests.unit.registry.enrolment.photograph_samples import INCH, jpeg
from tests.unit.registry.store.filled import BODY, KEYS, NOW, PROGRAMME, SettableClock, transaction

if TYPE_CHECKING:
    from tests.browser.conftest import Visits

SHOTS = os.environ.get("SCREENSHOTS")
PHONE, DESK, OK, FORBIDDEN = 390, 1280, 200, 403


class Walked:
    """A console in which a certificate is being corrected, another batch has failed, and a request waits."""

    def __init__(self, folder: Path) -> None:
        self.store = open_database(folder / "registry.db", KEYS, create=True)
        house = self.house = AtWork(self.store, SettableClock(), folder)
        house.record()
        self.maker = house.person("maker-2", Role.MAKER, display="沈望舒")
        self.approver = house.person("wu.qiming", Role.APPROVER, display="吴启明")
        self.clerk = house.person("zhou.lan", Role.CLERK, Role.REVIEWER, display="周岚")
        auditor = house.person("auditor-1", Role.AUDITOR, display="陈审")
        operator = house.person("operator-2", Role.OPERATOR, display="温故山")
        self.everybody = (self.approver, self.maker, self.clerk, auditor, operator)
        with self.store.read() as unit:
            numbers = [unit.batches.by_leaf(house.batch.batch, leaf).reservation.number for leaf in (0, 1, 2)]
        self.corrected, self.asked, self.plain = numbers
        self.maker.post(
            self.replace_page(self.corrected), kind="correction", name="欧阳子夏", reason="名册中有一个字不对"
        )
        (task,) = house.tasks()
        parts = (self.store, house.clock, house.desk.catalogue, BODY, house.key)
        (self.correction,) = propose_replacements(*parts, [task.subject], person="maker-2")
        self.maker.post(self.replace_page(self.asked), kind="correction", name="欧阳子夏", reason="同上")
        self.failed = propose(*parts, programme=PROGRAMME, level="2", person="maker-2")
        self._fail()
        with self.store.read() as unit:
            (self.supersession,) = unit.status_requests.onto(self.correction.batch)
            self.sheet = unit.marks.sheets()[0].id
            self.candidate = next(unit.enrolments.applications(eligible=True)).admission
            self.task = house.tasks()[0].id

    @staticmethod
    def replace_page(number: str) -> str:
        return f"/console/certificates/{number}/replace"

    def _fail(self) -> None:
        house, name, sent = self.house, self.failed.id, transaction("failed", nonce=1)
        house.batch, kept = self.failed, house.batch
        house.approve()
        house.batch = kept
        with self.store.write() as unit:
            unit.batches.sign(name, sent, NOW)
            unit.batches.move(name, AnchorState.SIGNED, AnchorState.SENT)
            unit.batches.move(name, AnchorState.SENT, AnchorState.FAILED, failure="contract/reverted")

    def pages(self) -> dict[str, str]:
        batch, request = f"/console/batches/{self.correction.id}", f"/console/requests/{self.supersession.id}"
        return {
            "overview": "/console",
            "waiting": "/console/waiting",
            "propose": "/console/propose",
            "task": f"/console/tasks/{self.task}",
            "batch-final": self.house.at,
            "batch-correction": batch,
            "batch-correction-approve": f"{batch}/approve",
            "batch-failed": f"/console/batches/{self.failed.id}",
            "requests": "/console/requests",
            "request-supersession": request,
            "request-supersession-approve": f"{request}/approve",
            "certificates": "/console/certificates",
            "certificates-of-batch": f"/console/certificates?batch={self.house.batch.id}",
            "certificate": f"/console/certificates/{self.plain}",
            "certificate-corrected": f"/console/certificates/{self.corrected}",
            "replace-form": self.replace_page(self.plain),
            "replace-asked": self.replace_page(self.asked),
            "replace-proposed": self.replace_page(self.corrected),
            "rosters": "/console/rosters",
            "roster": "/console/rosters/R-2026-11-0001",
            "candidates": "/console/candidates",
            "candidate": f"/console/candidates/{self.candidate}",
            "scores": "/console/scores",
            "sheet": f"/console/scores/{self.sheet}",
        }


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    made = Walked(tmp_path_factory.mktemp("walk"))
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def site(walked: Walked) -> Iterator[Site]:
    with running(lambda base_url: walked.house.app) as base_url:
        yield Site(base_url=base_url, verifier=SampleVerifier())


CUT = """() => [...document.querySelectorAll("body :is(th, td, dd, dt, li, pre, p, h1, h2, h3, label, a, button)")]
  .filter((one) => {
    const box = one.getBoundingClientRect();
    if (!box.width || one.closest(".unseen, .tabs, details:not([open])")) return false;
    const cell = one.matches("th, td, dd") && one.scrollWidth > one.clientWidth + 1;
    const frame = one.closest(".sideways, main, body").getBoundingClientRect();
    return cell || (box.right > frame.right + 0.5 && !one.closest("pre"));
  }).map((one) => `${one.tagName} ${one.textContent.trim().slice(0, 60)}`)"""
"""What reaches beyond the page, and cells whose own text reaches beyond them; a box that scrolls is no excuse."""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_page_is_cut_off_on_a_phone(walked: Walked, visits: "Visits", language: str) -> None:
    cut, seen = {}, set()
    for person in walked.everybody if language == "en" else walked.everybody[:3]:  # who only reads sees less, not more
        visit = visits.signed_in(person.token)
        for name, path in walked.pages().items():
            answer = visit.page.goto(f"{visits.site.base_url}/{language}{path}")
            assert answer is not None
            if answer.status == FORBIDDEN:
                continue
            assert answer.status == OK, (name, answer.status)
            for width in (DESK, PHONE) if SHOTS and name not in seen else ():
                visit.page.set_viewport_size({"width": width, "height": 844})
                looked_at(visit, name, language, width)
            seen.add(name)
            if found := visit.page.evaluate(CUT):
                cut[name] = found
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE, name
    assert seen == set(walked.pages())
    assert cut == {}


def looked_at(visit: Visit, name: str, language: str, width: int) -> None:
    """Take a picture where pictures are wanted."""
    if SHOTS:
        visit.page.screenshot(path=Path(SHOTS) / f"walk-{name}-{width}-{language}.png", full_page=True)


def test_the_check_finds_a_table_that_is_cut_off(walked: Walked, visits: "Visits") -> None:
    visit = visits.signed_in(walked.maker.token)
    visit.open("/en/console")
    visit.page.evaluate("document.querySelectorAll('.cards').forEach((one) => one.classList.remove('cards'))")
    assert "TH Recorded" in visit.page.evaluate(CUT)


def test_a_photograph_is_corrected_by_hand_and_seen_before_and_after(walked: Walked, visits: "Visits") -> None:
    visit = visits.signed_in(walked.maker.token)
    page = visit.open(f"/zh{walked.replace_page(walked.plain)}")
    assert visit.violations() == []
    page.locator("#photograph").set_input_files({"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    page.locator("#reason").fill("照片是另一个人的")
    page.get_by_role("button", name="申请更正").click()
    assert "不是完整的JPG照片" in page.get_by_role("alert").inner_text()
    assert page.locator("#reason").input_value() == "照片是另一个人的"
    page.locator("#photograph").set_input_files({"name": "x.jpg", "mimeType": "image/jpeg", "buffer": jpeg()})
    page.get_by_role("button", name="申请更正").click()
    picture = page.get_by_role("img", name="更正后的照片")
    picture.wait_for()
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") == INCH[0]
    assert visit.violations() == []
    assert page.evaluate(CUT) == []
    looked_at(visit, "replace-photograph", "zh", PHONE)
    visit.complaints[:] = [one for one in visit.complaints if "422" not in one]
    visit.require_quiet()


def test_while_writing_is_halted_every_page_says_so_and_still_fits(walked: Walked, visits: "Visits") -> None:
    now = walked.house.clock.now()
    with walked.store.write() as unit:
        raise_alarm(unit, now, code="anchor/root-taken", subject=walked.failed.id, detail="another root")
    visit = visits.signed_in(walked.maker.token)
    for language in ("zh", "en"):
        for width in (DESK, PHONE):
            visit.page.set_viewport_size({"width": width, "height": 844})
            page = visit.open(f"/{language}/console/batches/{walked.correction.id}")
            assert page.locator(".halted").is_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            looked_at(visit, "halted", language, width)
        assert visit.violations() == []
