"""A console over a store of its own, and the people who work with it."""

import time
from typing import Any

from api.app import create_app
from api.issuer import ApprovalDesk, ConsoleDesk, TriedFiles
from api.sign_in import People, Visit
from api.verifier import LookupGate, LookupLimits
from registry.access import AccountKind, Role, SignIn, new_token, token_hash
from registry.programme import load_catalogue
from registry.workflows.access.sign_in import LASTS, add_account
from tests.http.sample_reports import SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient
from tests.unit.registry.store.filled import ISSUER, PROGRAMME, SettableClock

CATALOGUE = load_catalogue()
KINDS = dict.fromkeys((Role.EMPLOYER, Role.RECRUITER), AccountKind.EMPLOYER)


class House:
    """A console and the people who work with it."""

    def __init__(self, store, clock: SettableClock, approvals: ApprovalDesk | None = None, **parts: Any) -> None:
        self.store, self.clock = store, clock
        self.people = People(
            store=store,
            clock=clock,
            gate=LookupGate(LookupLimits(per_source=10_000, per_number=10_000), time.monotonic),
            secure=False,
        )
        self.desk = desk = ConsoleDesk(
            store=store,
            clock=clock,
            catalogue=CATALOGUE,
            issuer=ISSUER,
            programmes=(PROGRAMME,),
            tried=TriedFiles(clock=clock),
            approvals=approvals,
            **parts,
        )
        self.app = create_app(
            SampleVerifier(),
            health=SampleHealth(),
            documents=SampleDocuments(),
            public_base_url="http://localhost:8000",
            people=self.people,
            console=desk,
        )

    def person(self, name: str, *roles: Role, display: str = "") -> "Person":
        add_account(
            self.store,
            self.clock,
            name=name,
            display=display or name,
            kind=KINDS.get(roles[0], AccountKind.STAFF),
            roles=frozenset(roles),
            by="operator-1",
        )
        # Signed in without a password: to hash one takes longer than most of these tests.
        token, now = new_token(), self.clock.now()
        with self.store.write() as unit:
            unit.accounts.begin(
                SignIn(
                    token_hash=token_hash(token),
                    account=name,
                    began_at=now,
                    used_at=now,
                    expires_at=now + LASTS,
                    ended_at=None,
                )
            )
        return Person(self, name, token)


class Person:
    """Somebody who is signed in."""

    def __init__(self, house: House, name: str, token: str) -> None:
        self.token = token
        with house.store.read() as unit:
            self.csrf = Visit(account=unit.accounts.account(name), token=token).csrf
        headers = {"Cookie": f"vermilion={token}", "Accept-Language": "en"}
        self.browser = WebClient(house.app, headers=headers)

    def get(self, path: str):
        return self.browser.get(path)

    def post(self, path: str, file: bytes | None = None, **fields: str):
        files = {} if file is None else {"files": {"file": ("名册 <b>.csv", file)}}
        return self.browser.post(path, data={"csrf": self.csrf, **fields}, **files)
