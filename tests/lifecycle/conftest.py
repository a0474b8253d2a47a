"""One real installation for the stories: embedded chain, database, keys, pages; made once, by the commands."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.client import Client
from api.commands.setup import demo_installation
from api.demo_data import sample_roster, sample_scores
from api.demo_portraits import sample_photographs
from api.errors import exit_code as exit_code_of
from api.founding import make_installation
from api.serving import application
from api.status_views import badge_address
from api.verifier.report import report_document
from api.wiring import Home
from registry.kernel.encoding import unb64url
from registry.kernel.errors import RegistryError
from registry.ports.storage import StoredCertificate
from registry.workflows.lineage.present import present_status
from tests.http.lighter_work import lighter_work
from tests.http.web_client import WebClient
from tests.lifecycle.house_accounts import open_house

LEVELS = ("1", "2", "3")


@dataclass
class World:
    """An installation, and every entrance to its verdicts."""

    home: Home
    node: str

    def run(self, *words: str, exit_code: int = 0) -> str:
        """Run a command on this installation; return what it prints."""
        # In the tests' own process, but with a Home of its own each time, as a new process would have.
        result = CliRunner().invoke(app, [*words, "--home", str(self.home.path)])
        error = result.exception
        found = exit_code_of(error) if isinstance(error, RegistryError) else result.exit_code
        assert found == exit_code, (words, result.output, error)
        return result.stdout

    def pages(self) -> WebClient:
        """Give a client of the web doors."""
        return WebClient(application(self.home, cause=lambda: None))

    def bundle(self, certificate: StoredCertificate) -> Path:
        """Where a certificate's delivered bundle lies."""
        return self.home.path / "delivered" / f"{certificate.reservation.number}.bundle.json"

    def verdicts(self, certificate: StoredCertificate, name: str) -> dict[str, str]:
        """Ask every entrance for its verdict."""
        number, key, path = certificate.reservation.number, certificate.reservation.key, self.bundle(certificate)
        self.home.catch_up()
        pages = self.pages()
        alone = Client(trust_root=self.home.path / "trust-root.json", nodes=[self.node])
        found: dict[str, Callable[[], object]] = {
            "command, file": lambda: self._verify(str(path)),
            "command, number": lambda: self._verify(number),
            "command, number and name": lambda: self._verify(number, "--name", name),
            "command, link": lambda: self._verify(f"http://localhost:8000/C/{key}"),
            "another's machine, node and trust root": lambda: report_document(alone.verify(path)),
            "http, key": lambda: pages.get(f"/v1/certificates/{key}/verdict").json(),
            "http, document": lambda: pages.post("/v1/verifications", content=path.read_bytes()).json(),
            "http, number and name": lambda: pages.post("/v1/lookups", json={"number": number, "name": name}).json(),
        }
        with alone:
            verdicts = {entrance: str(ask()["outcome"]) for entrance, ask in found.items()}  # type: ignore[index]
        verdicts |= {
            "page, key": _of_page(pages.get(f"/C/{key}").text),
            "page, file": _of_page(pages.post("/verify", files={"document": ("a.json", path.read_bytes())}).text),
            "page, number and name": _of_page(pages.post("/verify", data={"number": number, "name": name}).text),
            "page, file that stays in the browser": _of_page(
                pages.post("/checked", json={"answer": "passed", "claim": _claim_of(path.read_bytes())}).text
            ),
        }
        place = certificate.reservation
        badge = badge_address("", self.home.issuer, place.status_list, place.status_index)
        verdicts["badge"] = pages.get(f"{badge}.json").json()["status"]
        return verdicts

    def _verify(self, *words: str) -> object:
        result = CliRunner().invoke(app, ["verify", *words, "--json", "--home", str(self.home.path)])
        return json.loads(result.stdout)

    def name_of(self, certificate: StoredCertificate) -> str:
        """The holder's name, as the registry's own staff can read it."""
        with self.home.store.read() as unit:
            return unit.enrolments.application(certificate.reservation.admission).candidate.name

    def status(self, certificate: StoredCertificate) -> str:
        """A certificate's own status by the records read so far."""
        with self.home.store.read() as unit:
            return present_status(unit, certificate).word

    def certificates(self, level: str) -> list[StoredCertificate]:
        """The certificates of one level."""
        with self.home.store.read() as unit:
            batch = next(one for one in unit.batches.batches() if one.scope == f"AIGC-APP-ENG/{level}")
            return list(unit.batches.certificates(batch_id=batch.id))


def _claim_of(bundle: bytes) -> dict[str, object]:
    """What a browser that keeps a file asks by: its place, as `check.js` takes it from the file."""
    document = json.loads(bundle)
    header, payload = (json.loads(unb64url(part)) for part in document["credential"].split(".")[:2])
    said = ("merkleRoot", "treeSize", "transaction", "blockNumber", "blockHash", "blockTime")
    return {
        "iss": payload["iss"],
        "kid": header["kid"],
        **payload["anchor"],
        "scope": f"{payload['achievement']['humanCode']}/{payload['level']['targetCode']}",
        "revision": payload["revision"],
        **{name: payload[name] for name in ("nbf", "exp") if name in payload},
        "anchor": {name: document["anchor"][name] for name in said},
    }


def _of_page(text: str) -> str:
    """Read the outcome that a page was set for."""
    return text.partition("verdict outcome-")[2].partition('"')[0]


@pytest.fixture(scope="module", autouse=True)
def _lighter_work() -> Iterator[None]:
    with lighter_work():
        yield


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """From nothing to three final batches, by the commands."""
    path = tmp_path_factory.mktemp("registry") / "home"
    make_installation(Home(path), demo_installation(), lambda what, text: None)
    home = Home(path)
    open_house(home)
    from api.commands.setup import running_node

    with running_node(home, 0) as node:
        made = World(home=home, node=node)
        roster = path / "roster.csv"
        roster.write_bytes(sample_roster())
        made.run("enrol", "import", str(roster), "--as", "clerk-1")
        made.run("enrol", "decide", "--as", "clerk-1")
        with home.store.read() as unit:
            eligible = list(unit.enrolments.applications(eligible=True))
        admissions = [one.admission for one in eligible]
        photographs = path / "photographs.zip"
        with ZipFile(photographs, "w") as archive:  # everybody but those of the lowest level
            for name, data in sample_photographs(one.admission for one in eligible if one.level != LEVELS[0]):
                archive.writestr(name, data)
        made.run("enrol", "photos", str(photographs), "--roster", eligible[0].roster, "--as", "clerk-1")
        scores = path / "scores.csv"
        scores.write_bytes(sample_scores(admissions))
        day = date(2026, 11, 8).isoformat()
        sheet = json.loads(made.run("exam", "record", str(scores), "--examined-on", day, "--as", "clerk-1", "--json"))[
            "sheet"
        ]
        made.run("exam", "confirm", sheet, "--as", "clerk-2")
        for level in LEVELS:
            batch = json.loads(made.run("batch", "propose", "--level", level, "--as", "maker-1", "--json"))["id"]
            made.run("batch", "approve", batch, "--as", "approver-1")
            issued = json.loads(made.run("batch", "issue", batch, "--json"))
            assert issued["state"] == "final"
            assert issued["delivered"] is True
        yield made
