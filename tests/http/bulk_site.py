"""A site with a desk for lists on a real store, prepared verdicts behind it, and employers who are signed in."""

import re
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from api.app import create_app
from api.employer import BulkDesk
from api.sign_in import People
from api.verifier import LookupGate, LookupLimits
from registry.access import AccountKind, Role
from registry.store import Database
from registry.verification.receipts import Notary
from registry.workflows.access.sign_in import accept, add_account
from tests.http.sample_reports import BASE_URL, KEYS, NAME, NUMBER, SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient
from tests.unit.registry.store.filled import TRUST_ROOT, CredentialKey, SettableClock
from tests.unit.registry.store.new_database import new_database

PASSWORD = "correct horse battery"
NOTARY = Notary(iss=f"{BASE_URL}/issuers/LNSEC", trust_root=TRUST_ROOT, signer=CredentialKey())


def link(key: str) -> str:
    """The link of a QR code."""
    return f"{BASE_URL.upper()}/C/{key}"


def sample_list(lines: int = 0) -> bytes:
    """One row of every outcome that a key leads to, one by number and name, a stranger's link, then `lines` misses."""
    rows = ["编号,姓名,链接", f"{NUMBER},{NAME},", *(f",,{link(key)}" for key in KEYS.values())]
    rows += [",,https://elsewhere.example/C/" + "A" * 26, f"{NUMBER},王芳,"]
    rows += [f"LNSEC-2026-{number:011d},王芳," for number in range(lines)]
    return "\n".join(rows).encode()


@dataclass
class BulkSite:
    """The application, and what is behind it."""

    store: Database
    app: ASGIApp
    desk: BulkDesk
    verifier: SampleVerifier
    clock: SettableClock
    people: People
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, name: str = "zhou.lan", language: str = "en") -> WebClient:
        """A browser that an employer is signed in with; the account is made where there is none."""
        if name not in self.tokens:
            invitation = add_account(
                self.store,
                self.clock,
                name=name,
                display="周岚",
                kind=AccountKind.EMPLOYER,
                roles=frozenset({Role.EMPLOYER}),
                by="operator-1",
            )
            self.tokens[name] = accept(self.store, self.clock, invitation, PASSWORD)
        return WebClient(
            self.app, headers={"Cookie": f"{self.people.cookie}={self.tokens[name]}", "Accept-Language": language}
        )

    def send(self, client: WebClient, data: bytes, name: str = "list.csv", **fields: str) -> httpx.Response:
        """Fill in the form and send it."""
        sent = {"csrf": csrf_of(client), "do": "start", "purpose": "Recruitment", **fields}
        return client.post("/bulk", data=sent, files={"list": (name, data)})

    def job(self, client: WebClient, data: bytes, **fields: str) -> str:
        """Hand a list in; give the job's id."""
        answer = self.send(client, data, **fields)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"]).rpartition("/")[2]


def csrf_of(client: WebClient) -> str:
    """What our own forms carry."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/bulk").text)
    assert found is not None
    return found[1]


def bulk_site(folder: Path, *, base_url: str = BASE_URL, notary: Notary | None = NOTARY) -> BulkSite:
    """Make the site over a new store in `folder`."""
    clock, verifier = SettableClock(), SampleVerifier()
    store = new_database(folder / "registry.db")
    gate = LookupGate(LookupLimits(per_source=1_000, per_number=1_000), time.monotonic)
    people = People(store=store, clock=clock, gate=gate, secure=False)
    desk = BulkDesk(store=store, clock=clock, judge=verifier, notary=notary, public_base_url=BASE_URL)
    app = create_app(
        verifier,
        health=SampleHealth(),
        documents=SampleDocuments(),
        public_base_url=base_url,
        people=people,
        bulk=desk,
        notary=notary,
        clock=clock.now,
    )
    return BulkSite(store=store, app=app, desk=desk, verifier=verifier, clock=clock, people=people)


DAY = timedelta(days=1)
