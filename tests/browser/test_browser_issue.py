"""From a roster to a claim link, by hand: a real installation, its server and its desk, five people in Chromium."""

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from api.commands.setup import demo_installation
from api.demo_data import sample_roster, sample_scores
from api.founding import make_installation
from api.wiring import Home
from node.signer import ApproverSigner, read_document
from registry.access import AccountKind, Role
from registry.anchor.states import AnchorState
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.workflows.access.sign_in import accept, add_account
from tests.browser.conftest import Site, Visit
from tests.browser.test_browser_console import require_accessible
from tests.http.sample_reports import SampleVerifier

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Visits

PASSWORD = "correct horse battery"
PROGRAM = "from api.cli import main; main()"
PEOPLE = {
    "zhou.lan": Role.CLERK,
    "he.ran": Role.REVIEWER,
    "lin.mo": Role.MAKER,
    "wu.qiming": Role.APPROVER,
    "auditor-1": Role.AUDITOR,
}


@dataclass
class Works:
    """An installation with its processes."""

    home: Home
    base_url: str

    def identity_number(self, number: str) -> str:
        """Tell what the holder of a certificate knows."""
        with self.home.store.read() as unit:
            found = unit.batches.by_number(number)
            assert found is not None
            return unit.enrolments.application(found.reservation.admission).candidate.identity_number

    def approver_signs(self, document: bytes) -> str:
        """Sign with the approver's key file, as its person does where it lies."""
        contract = self.home.trust_root.contract
        asked = read_document(json.loads(document), contract)
        return "0x" + ApproverSigner(self.home.account("approver"), contract).approve(asked).signature.hex()


def process(home: Home, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, *words, "--home", str(home.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "VERMILION_LANG": "en"},
    )


def ended(one: "subprocess.Popen[bytes]") -> float:
    """End a process as its operator does, and say how long that took."""
    began = time.monotonic()
    one.terminate()
    try:
        one.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        one.kill()
        one.communicate()
    return time.monotonic() - began


@contextmanager
def works_at(path: Path) -> Iterator[tuple[Works, Callable[[], float]]]:
    """Found an installation and serve it; give it with what stops the server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    make_installation(Home(path), demo_installation(port), lambda what, text: None)
    home = Home(path)
    for name, role in PEOPLE.items():
        token = add_account(
            home.store,
            home.clock,
            name=name,
            display=name,
            kind=AccountKind.STAFF,
            roles=frozenset({role}),
            by="operator-1",
        )
        accept(home.store, home.clock, token, PASSWORD)
    server = process(home, "serve", "--port", str(port))
    base_url = f"http://localhost:{port}"
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{base_url}/livez", timeout=2).close()  # noqa: S310 - a loopback address of ours
            break
        except OSError:
            assert server.poll() is None, server.communicate()[1].decode()
            assert time.monotonic() < until, "the server did not answer"
            time.sleep(0.2)
    try:
        yield Works(home=home, base_url=base_url), lambda: ended(server)
    finally:
        ended(server)


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    with works_at(tmp_path_factory.mktemp("works") / "home") as (made, _):
        yield made


@pytest.fixture(scope="module")
def site(works: Works) -> Site:
    return Site(base_url=works.base_url, verifier=SampleVerifier())


@contextmanager
def desk_of(works: Works) -> Iterator[None]:
    """Let a desk run on the installation."""
    one = process(works.home, "desk")
    try:
        yield
    finally:
        ended(one)


def enters(visits: "Visits", name: str, language: str = "zh", *, width: int = 1280, **options: Any) -> Visit:
    """Open a browser and sign in as somebody, by the page for it."""
    visit = visits.start(width=width, **options)
    page = visit.open(f"/{language}/sign-in")
    page.locator("#name").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.locator("form.lookup button").click()
    page.wait_for_url("**/console")
    page.context.set_default_timeout(60_000)
    return visit


def sends_file(page: "Page", data: bytes) -> None:
    page.locator("#file").set_input_files({"name": "2026-11.csv", "mimeType": "text/csv", "buffer": data})
    page.locator("form.lookup button").first.click()


def test_from_a_roster_to_a_claim_link(works: Works, visits: "Visits") -> None:
    look = Looker()
    # The clerk imports a roster, decides, enters scores; a second person confirms them.
    clerk = enters(visits, "zhou.lan")
    page = clerk.open("/zh/console/rosters")
    sends_file(page, sample_roster(seed=3, count=60))
    page.get_by_role("button", name="导入60行").click()
    page.wait_for_selector("#eligibility, .figures")
    clerk.open("/zh/console/rosters")
    page.get_by_role("button", name="审核这").click()
    page.wait_for_load_state()
    with works.home.store.read() as unit:
        awaited = unit.marks.awaited("AIGC-APP-ENG")
    clerk.open("/zh/console/scores")
    sends_file(page, sample_scores(awaited))
    page.wait_for_load_state()
    second = enters(visits, "he.ran")
    second.page.get_by_role("link", name="等另一人核对").click()
    second.page.wait_for_url("**/console/scores/*")
    second.page.get_by_role("checkbox").check()
    second.page.get_by_role("button", name="核对无误").click()
    second.page.wait_for_load_state()
    with works.home.store.read() as unit:
        assert [one.confirmed_by for one in unit.marks.sheets()] == ["he.ran"]

    # The maker proposes on the page; nothing happens until a desk runs, and the page says so.
    maker = enters(visits, "lin.mo")
    page = maker.page
    page.get_by_role("link", name="提交一批").click()
    look(maker, "propose", "zh")
    assert "没有签发台在运行" in page.content()
    page.get_by_role("button", name="提交一批").first.click()
    page.wait_for_url("**/console/tasks/*")
    look(maker, "task", "zh")
    page.get_by_text("没有签发台在运行，这件事还没有开始").wait_for()  # by the stream: nobody reloads
    with desk_of(works):
        page.wait_for_url("**/console/batches/*")
        page.get_by_role("heading", name="张证书等待批准").wait_for()
        batch = page.url.rpartition("/")[2]
        look(maker, "batch-sealed", "zh")

        # The approver signs with a key that no page opens; the maker's page goes on by itself.
        approver = enters(visits, "wu.qiming", "en")
        approver.page.get_by_role("link", name="waits for approval").click()
        look(approver, "approve", "en")
        assert "the approver's key file and its passphrase lie on this server" in approver.page.content()
        with approver.page.expect_download() as downloading:
            approver.page.get_by_role("link", name="Download the document to sign").click()
        document = Path(downloading.value.path()).read_bytes()
        approver.page.locator("#signature").fill(works.approver_signs(document))
        approver.page.get_by_role("checkbox").check()
        approver.page.get_by_role("button", name="Hand in the signature").click()
        approver.page.wait_for_url(f"**/console/batches/{batch}")
        page.get_by_role("button", name="发送上链").wait_for()
        look(maker, "batch-approved", "zh")

        # The maker sends it; approver and maker watch it become final.
        page.get_by_role("button", name="发送上链").click()
        page.get_by_role("heading", name="张证书已登记").wait_for()
        approver.page.get_by_role("heading", name="certificates are recorded").wait_for()
        page.get_by_role("button", name="张证书").wait_for()
        look(maker, "batch-final", "zh")

        # The desk draws them into one ZIP.
        page.get_by_role("button", name="张证书").click()
        take = page.get_by_role("link", name="下载ZIP")
        take.wait_for()
        look(maker, "batch-drawn", "zh")
        with page.expect_download() as downloading:
            take.click()
        with works.home.store.read() as unit:
            kept = unit.batches.batch(batch)
            numbers = {f"{one.number}.pdf" for one in unit.batches.reservations(batch)}
        archive = zipfile.ZipFile(io.BytesIO(Path(downloading.value.path()).read_bytes()))
        assert (kept.state, set(archive.namelist())) == (AnchorState.FINAL, numbers)
        assert downloading.value.suggested_filename == f"{batch}.zip"

        # A claim link, handed over apart from the certificate.
        number = sorted(numbers)[0].removesuffix(".pdf")
        page.get_by_role("link", name="查看这一批的证书").click()
        look(maker, "certificates", "zh")
        page.locator("#number").fill(number)
        page.get_by_role("button", name="查找").click()
        page.wait_for_url(f"**/console/certificates/{number}")
        look(maker, "certificate", "zh")
        page.get_by_role("button", name="生成领取链接").click()
        address = page.locator(".claim-link").inner_text().strip()
        look(maker, "claim", "zh")
        page.emulate_media(media="print")
        assert not page.locator("header.top").is_visible()
        assert page.locator(".claim-link").is_visible()
        page.emulate_media(media="screen")
        assert address not in page.url
        holder = visits.start()
        holder.page.goto(address)
        holder.page.locator("#number").fill(works.identity_number(number))
        holder.page.locator("#password").fill(PASSWORD)
        holder.page.locator("#again").fill(PASSWORD)
        holder.page.locator("form.lookup button").click()
        holder.page.wait_for_url("**/holder")
        assert number in holder.page.content()

        suspends_and_revokes(works, maker, approver, number, look)
    for visit in (clerk, second, maker, approver):
        visit.complaints[:] = [one for one in visit.complaints if "422" not in one]
        visit.require_quiet()


def suspends_and_revokes(works: Works, maker: Visit, approver: Visit, number: str, look: "Looker") -> None:
    """One person suspends; to revoke takes two; the public page says so each time."""
    page = maker.open(f"/zh/console/certificates/{number}")
    page.get_by_role("button", name="先看暂停的后果").click()
    look(maker, "change-suspend", "zh")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="暂停，现在发送").click()
    page.get_by_role("heading", name="已暂停").wait_for()
    look(maker, "request-final", "zh")

    page = maker.open(f"/en/console/certificates/{number}")
    look(maker, "certificate-suspended", "en")
    page.locator("#reason-revoked").select_option("misconduct")
    page.get_by_role("button", name="See what revoking means").click()
    look(maker, "change-revoke", "en")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Ask to revoke it").click()
    page.wait_for_url("**/console/requests/*")
    request = page.url.rpartition("/")[2]
    look(maker, "request", "en")
    assert page.get_by_role("link", name="Compare and approve").count() == 0

    other = approver.open(f"/en/console/requests/{request}")
    other.get_by_role("link", name="Compare and approve").click()
    look(approver, "approve-change", "en")
    with other.expect_download() as downloading:
        other.get_by_role("link", name="Download the document to sign").click()
    other.locator("#signature").fill(works.approver_signs(Path(downloading.value.path()).read_bytes()))
    other.get_by_role("checkbox").check()
    other.get_by_role("button", name="Hand in the signature").click()
    page.get_by_role("button", name="Send it to the chain").click()
    page.get_by_role("heading", name="Revoked", exact=True).wait_for()
    page.get_by_role("link", name=number).first.click()
    page.get_by_role("heading", name="Revoked", exact=True).wait_for()
    page.get_by_role("link", name="See the page that employers see").click()
    page.locator(".outcome-revoked").first.wait_for()


class Looker:
    """Looks at a page on a phone and on a desk, each once: axe finds nothing, nothing runs over."""

    def __call__(self, visit: Visit, name: str, language: str) -> None:
        for width in (390, 1280):
            visit.page.set_viewport_size({"width": width, "height": 844})
            require_accessible(visit, name, language, width)


def test_without_scripts_the_page_reloads_itself(works: Works, visits: "Visits") -> None:
    waiting = a_task(works.home)
    visit = enters(visits, "auditor-1", "en", java_script_enabled=False)
    page = visit.open(f"/en/console/tasks/{waiting}")
    assert page.get_by_role("heading", level=1).inner_text() == "Asked for, not begun yet"
    page.wait_for_url(f"**/en/console/tasks/{waiting}?unattended=1")
    visit.require_quiet()


def a_task(home: Home) -> str:
    """Keep a task that nobody works on."""
    at = home.clock.now()
    with home.store.write() as unit:
        name = unit.next_name("T", at)
        unit.tasks.add(
            Task(
                id=name,
                kind=TaskKind.PROPOSE,
                subject="AIGC-APP-ENG/3",
                asked_by="lin.mo",
                asked_at=at,
                state=TaskState.QUEUED,
            )
        )
    return name


def test_the_server_ends_at_once_though_a_page_listens(
    tmp_path_factory: pytest.TempPathFactory, visits: "Visits"
) -> None:
    with works_at(tmp_path_factory.mktemp("ending") / "home") as (made, stop):
        name = a_task(made.home)
        visits.site = Site(base_url=made.base_url, verifier=SampleVerifier())
        visit = enters(visits, "lin.mo", "en")
        with visit.page.expect_request(lambda request: request.url.endswith("/events")):
            visit.open(f"/en/console/tasks/{name}")
        visit.page.wait_for_timeout(1_000)
        assert stop() < 5
