"""Every entrance says the same, with the same code, after every event of random lifecycles.

A small real installation is made once. What each event does to a certificate is kept in a model of a few lines beside
it; every entrance is asked after every event, and must say what the model says and what all others say.
"""

import csv
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import api.founding
from api.cli import app
from api.client import Client
from api.clock import SystemClock
from api.commands.setup import demo_installation, running_node
from api.demo_data import sample_roster, sample_scores
from api.employer import BulkDesk
from api.founding import make_installation
from api.serving import application
from api.wiring import Home
from registry.access import AccountKind, Role
from registry.ports.storage import StoredCertificate
from registry.verification.list_result import read_result
from registry.verification.model import Report
from registry.verification.receipts import parse_verification_receipt
from registry.workflows.access.sign_in import accept, add_account, sign_in
from registry.workflows.holders.share import Field, share, terms_of
from tests.http.web_client import WebClient
from tests.lifecycle.conftest import World
from tests.unit.registry.delivery.sample_papers import page_picture

DELAY = 1
AHEAD = timedelta(days=366 * 4)
Saying = tuple[str, str]
"""Outcome and code."""
PASSWORD = "correct horse battery"
PEOPLE = "maker-1", "approver-1"
EVENTS = (
    "suspend",
    "reinstate",
    "revoke",
    "suspend batch",
    "reinstate batch",
    "issuer suspended",
    "issuer reinstated",
    "years pass",
)


@dataclass
class Truth:
    """What a certificate is by what was done to it: the model, which asks nobody."""

    own: str = "valid"
    batch: bool = False
    issuer: bool = False
    late: bool = False

    def allows(self, event: str) -> bool:
        """Tell whether an event can happen now."""
        if self.late:
            return False  # what happens on the chain after that happens at the chain's own time
        match event:
            case "suspend":
                return self.own == "valid" and not self.batch and not self.issuer
            case "reinstate":
                return self.own == "suspended" and not self.batch and not self.issuer
            case "revoke":
                return self.own != "revoked" and not self.issuer
            case "suspend batch" | "reinstate batch":
                return self.batch == (event == "reinstate batch") and not self.issuer
            case "issuer suspended" | "issuer reinstated":
                return self.issuer == (event == "issuer reinstated")
            case _:
                return True

    @property
    def outcome(self) -> str:
        """What every entrance must say."""
        if self.own == "revoked":
            return "revoked"
        if self.own == "suspended" or self.batch:
            return "suspended"
        return "expired" if self.late else "valid"


class Remembering:
    """A judge that answers a key as it did the first time: the naive entrance of the control."""

    def __init__(self, behind: Any) -> None:
        self.behind, self.kept = behind, dict[str, Report]()

    def by_key(self, key: str) -> Report:
        return self.kept.setdefault(key, self.behind.by_key(key))

    def by_number_and_name(self, number: str, name: str) -> Report:
        return self.behind.by_number_and_name(number, name)


@dataclass
class Subject:
    """One certificate, with everything that its holder and its readers have of it."""

    certificate: StoredCertificate
    name: str
    bundle: Path
    paper: Path
    scanned: str
    """The path of the address that its QR code holds."""
    employer: str
    """Name of an account that verifies lists."""
    share: str = ""
    """The path of a link that its holder made."""
    cookie: str = ""
    """Of the employer, signed in."""
    truth: Truth = field(default_factory=Truth)


@dataclass
class Stage:
    """The installation, and the certificates that no example has used yet."""

    world: World
    unused: list[StoredCertificate]
    folder: Path
    ahead: timedelta = timedelta(0)

    def subject(self) -> Subject:
        """Take a certificate, print it, scan it, let its holder share it, sign an employer in."""
        certificate, home = self.unused.pop(), self.world.home
        number, place = certificate.reservation.number, len(self.unused)
        paper = self.folder / f"{number}.pdf"
        paper.write_bytes(self.world.pages().get(f"/C/{certificate.reservation.key}/certificate.pdf").content)
        invitation = add_account(
            home.store,
            home.clock,
            name=f"employer-{place}",
            display="周岚",
            kind=AccountKind.EMPLOYER,
            roles=frozenset({Role.EMPLOYER}),
            by="operator-1",
        )
        accept(home.store, home.clock, invitation, PASSWORD)
        subject = Subject(
            certificate=certificate,
            name=self.world.name_of(certificate),
            bundle=self.world.bundle(certificate),
            paper=paper,
            scanned=path_in(scanned(paper)),
            employer=f"employer-{place}",
        )
        self.let_in(subject)
        return subject

    def let_in(self, subject: Subject) -> None:
        """Let the holder share the certificate for a month, and the employer sign in."""
        home, certificate = self.world.home, subject.certificate
        until = f"{home.clock.now() + timedelta(days=30):%Y-%m-%d}"
        token = share(
            home.store,
            home.clock,
            person=certificate.person,
            number=certificate.reservation.number,
            terms=terms_of("湾区智造研究院", "入职核验", until, home.clock.now()),
            fields=[Field.NAME],
        )
        subject.share = f"/share/{token}"
        subject.cookie = f"vermilion={sign_in(home.store, home.clock, name=subject.employer, password=PASSWORD)}"

    def do(self, subject: Subject, event: str) -> None:
        """Let something happen, in the registry and in the model."""
        number, batch, truth = subject.certificate.reservation.number, subject.certificate.batch.id, subject.truth
        maker, approver = PEOPLE
        both = ("--as", maker, "--approve-as", approver)
        match event:
            case "suspend":
                self.world.run("cert", "suspend", number, "--reason", "investigation", "--as", maker)
                truth.own = "suspended"
            case "reinstate":
                self.world.run("cert", "reinstate", number, *both)
                truth.own = "valid"
            case "revoke":
                self.world.run("cert", "revoke", number, "--reason", "misconduct", *both)
                truth.own = "revoked"
            case "suspend batch":
                self.world.run("batch", "suspend", batch, "--as", maker)
                truth.batch = True
            case "reinstate batch":
                self.world.run("batch", "reinstate", batch, *both)
                truth.batch = False
            case "issuer suspended":
                self.decide("suspend")
                truth.issuer = True
            case "issuer reinstated":
                self.decide("reinstate")
                truth.issuer = False
            case _:
                self.ahead, truth.late = AHEAD, True
                self.let_in(subject)  # links and sign-ins have ended long before

    def decide(self, kind: str) -> None:
        """Two members decide about the issuing body; what is dangerous is waited for and enacted."""
        words = ("consortium", "propose", kind, "--issuer", self.world.home.issuer, "--key", "member-1")
        ballot = json.loads(self.world.run(*words, "--yes", "--json"))["ballot"]
        told = json.loads(self.world.run("consortium", "vote", ballot, "--key", "member-2", "--yes", "--json"))
        if kind == "reinstate" and told.get("outcome") != "enacted":
            time.sleep(DELAY + 1)
            self.world.run("consortium", "enact", ballot, "--key", "member-3", "--yes", "--json")

    def restore(self, subject: Subject) -> None:
        """Leave the batch and the issuing body as they were."""
        self.ahead, subject.truth.late = timedelta(0), False
        if subject.truth.issuer:
            self.do(subject, "issuer reinstated")
        if subject.truth.batch:
            self.do(subject, "reinstate batch")

    def sayings(self, subject: Subject, naive: Remembering | None = None) -> dict[str, Saying]:
        """Ask every entrance."""
        home, number, key = self.world.home, subject.certificate.reservation.number, subject.certificate.reservation.key
        home.catch_up()
        # The node of a real site reads on; this one only where it is asked to, at a time of the tests' choosing.
        site = application(home, cause=lambda: None)
        pages = WebClient(site)
        employer = WebClient(site, headers={"Cookie": subject.cookie})
        link, both = f"http://localhost:8000/C/{key}", {"number": number, "name": subject.name}
        text = io.StringIO()
        csv.writer(text).writerows([["number", "name", "link"], [number, subject.name, ""], ["", "", link]])
        rows = text.getvalue().encode()
        (self.folder / "list.csv").write_bytes(rows)
        alone = Client(trust_root=home.path / "trust-root.json", nodes=[self.world.node])
        found: dict[str, Callable[[], Saying]] = {
            "address": lambda: of(pages.get(f"/v1/certificates/{key}/verdict").json()),
            "page": lambda: of_page(pages.get(f"/C/{key}").text),
            "QR code of the paper": lambda: of_page(pages.get(subject.scanned).text),
            "file": lambda: of(pages.post("/v1/verifications", content=subject.bundle.read_bytes()).json()),
            "file of the paper": lambda: of(pages.post("/v1/verifications", content=subject.paper.read_bytes()).json()),
            "page, file": lambda: of_page(
                pages.post("/verify", files={"document": ("a.pdf", subject.paper.read_bytes())}).text
            ),
            "number and name": lambda: of(pages.post("/v1/lookups", json=both).json()),
            "page, number and name": lambda: of_page(pages.post("/verify", data=both).text),
            "share link": lambda: of_page(pages.get(subject.share).text),
            "receipt": lambda: of_receipt(pages.get(f"/C/{key}/receipt.json").content),
            "command, file": lambda: of(self.told("verify", str(subject.bundle))),
            "command, number and name": lambda: of(self.told("verify", number, "--name", subject.name)),
            "command, link": lambda: of(self.told("verify", link)),
            "another's machine": lambda: of_report(alone.verify(subject.bundle)),
        }
        with alone:
            said = {entrance: ask() for entrance, ask in found.items()}
        listed = [of(one) for one in self.told("verify", "--list", str(self.folder / "list.csv"))["results"]]
        said |= {"command, list by name": listed[0], "command, list by link": listed[1]}
        said |= dict(zip(("bulk by name", "bulk by link"), bulk(site, employer, rows, naive), strict=True))
        return said

    def told(self, *words: str) -> Any:
        """Run a command of the command line; whatever it exits with, it prints one JSON value."""
        result = CliRunner().invoke(app, [*words, "--json", "--home", str(self.world.home.path)])
        return json.loads(result.stdout)


def bulk(site: Any, employer: WebClient, rows: bytes, naive: Remembering | None) -> list[Saying]:
    """Hand a list in on the pages and read the downloaded result."""
    found = re.search(r'name="csrf" value="([^"]+)"', employer.get("/bulk").text)
    assert found is not None
    sent = employer.post("/bulk", data={"csrf": found[1], "do": "start"}, files={"list": ("list.csv", rows)})
    desk = site._app.state.bulk
    assert isinstance(desk, BulkDesk)
    if naive is not None:
        naive.behind = desk.judge
        desk.judge = naive
    assert desk.work()
    result = employer.get(sent.headers["Location"] + "/result.csv").content
    return [(one.outcome, one.code) for one in read_result(result)]


def of(document: Any) -> Saying:
    return str(document["outcome"]), str(document["code"])


def of_report(report: Report) -> Saying:
    return str(report.outcome), report.code


def of_page(text: str) -> Saying:
    """Read the outcome that a page was set for, and the code among its technical details."""
    outcome = text.partition("verdict outcome-")[2].partition('"')[0]
    codes = re.findall(rf'class="mono">\s*({outcome}(?:/[a-z0-9-]+)?)\s*<', text)
    return outcome, codes[0] if codes else "no code on the page"


def of_receipt(data: bytes) -> Saying:
    receipt = parse_verification_receipt(data)
    return str(receipt.outcome), receipt.code


def scanned(paper: Path) -> str:
    """Rasterise a paper at 72 dpi and decode its QR code."""
    (code,) = zxingcpp.read_barcodes(page_picture(paper.read_bytes(), 72))
    return str(code.text)


def path_in(address: str) -> str:
    """Take the path of an address as a browser sends it."""
    assert address.lower().startswith("http://localhost:8000/c/")
    return address[len("http://localhost:8000") :]


def put_in_force_for_three_years(path: Path) -> None:
    """Write a later version of the programme, whose certificates are not for life."""
    text = files("registry.programme").joinpath("data/AIGC-APP-ENG/2026.1.toml").read_text("utf-8")
    folder = path / "programmes" / "AIGC-APP-ENG"
    folder.mkdir(parents=True)
    later = text.replace('version = "2026.1"', 'version = "2026.2"').replace("for_life = true", "months = 36")
    (folder / "2026.2.toml").write_text(later, "utf-8")


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Make an installation with some thirty certificates of one level."""
    path = folder / "home"
    make_installation(Home(path), demo_installation(), lambda what, text: None)
    put_in_force_for_three_years(path)
    home = Home(path)
    with running_node(home, 0) as node:
        world = World(home=home, node=node)
        (path / "roster.csv").write_bytes(sample_roster(count=60))
        world.run("enrol", "import", str(path / "roster.csv"), "--as", "clerk-1")
        world.run("enrol", "decide", "--as", "clerk-1")
        with home.store.read() as unit:
            admissions = [one.admission for one in unit.enrolments.applications(eligible=True)]
        (path / "scores.csv").write_bytes(sample_scores(admissions))
        words = ("exam", "record", str(path / "scores.csv"), "--examined-on", "2026-11-08", "--as", "clerk-1")
        world.run("exam", "confirm", json.loads(world.run(*words, "--json"))["sheet"], "--as", "clerk-2")
        batch = json.loads(world.run("batch", "propose", "--level", "1", "--as", "maker-1", "--json"))["id"]
        world.run("batch", "approve", batch, "--as", "approver-1")
        assert json.loads(world.run("batch", "issue", batch, "--json"))["state"] == "final"
        home.catch_up()
        yield Stage(world=world, unused=world.certificates("1"), folder=folder)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.founding, "DELAY_SECONDS", DELAY)
        with staged(tmp_path_factory.mktemp("entrances")) as made:
            patch.setattr(SystemClock, "now", lambda self: datetime.now(UTC) + made.ahead)
            yield made


@pytest.mark.slow
@settings(max_examples=3, phases=[Phase.generate])  # shrinking would use the certificates up
@given(draws=st.lists(st.sampled_from(EVENTS), min_size=8, max_size=14))
def test_every_entrance_says_the_same_after_every_event(stage: Stage, draws: list[str]) -> None:
    subject = stage.subject()
    try:
        require_one_voice(stage.sayings(subject), subject.truth)
        for event in draws:
            if subject.truth.allows(event):
                stage.do(subject, event)
                require_one_voice(stage.sayings(subject), subject.truth, event)
    finally:
        stage.restore(subject)


def test_every_event_once_in_one_life(stage: Stage) -> None:
    """One lifecycle that holds every event, so that none is left to chance."""
    subject = stage.subject()
    try:
        for event in (*EVENTS[:2], *EVENTS[3:7], "years pass"):
            assert subject.truth.allows(event), event
            stage.do(subject, event)
            require_one_voice(stage.sayings(subject), subject.truth, event)
    finally:
        stage.restore(subject)
    stage.do(subject, "revoke")
    require_one_voice(stage.sayings(subject), subject.truth, "revoke")


def require_one_voice(said: dict[str, Saying], truth: Truth, event: str = "issue") -> None:
    """Require that all entrances say what the model says, with one code."""
    assert {outcome for outcome, _ in said.values()} == {truth.outcome}, (event, said)
    assert len(set(said.values())) == 1, (event, said)
    assert len(said) == 18


def test_an_entrance_that_remembers_is_found_out(stage: Stage) -> None:
    subject, naive = stage.subject(), Remembering(None)
    require_one_voice(stage.sayings(subject, naive), subject.truth)
    stage.do(subject, "suspend")
    said = stage.sayings(subject, naive)
    assert said["bulk by link"] == ("valid", "valid")
    with pytest.raises(AssertionError):
        require_one_voice(said, subject.truth)
    require_one_voice({**said, "bulk by link": said["bulk by name"]}, subject.truth)
