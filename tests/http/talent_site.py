"""A site with a talent database over a filled store: holders who are signed in, recruiters, and a judge to be told."""

import time
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from api.app import create_app
from api.employer import BulkDesk, TalentDesk
from api.holder import Desk
from api.sign_in import People, Visit
from api.verifier import LookupGate, LookupLimits
from registry.access import AccountKind, Role, SignIn, new_token, token_hash
from registry.batch import Reservation
from registry.programme import Bilingual, Catalogue, CertificateRules, load_catalogue
from registry.store import Database, open_database
from registry.verification.model import Outcome, Report
from registry.workflows.access.sign_in import LASTS, add_account, invite_holder
from tests.http.sample_reports import BASE_URL, CONTENT, REPORTS, SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient
from tests.unit.registry.store.filled import KEYS, NOW, PROGRAMME, CredentialKey, SettableClock, fill

DATABASE = Bilingual(zh="人才数据库", en="talent database")
CONTACT, WISH, UNTIL = "holder@example.org", "边缘计算运维岗位", "2027-02-01"
LISTING = {"region": "44", "contact": CONTACT, "wish": WISH, "until": UNTIL, "agree": "1"}


@cache
def catalogue_with_database() -> Catalogue:
    """The catalogue, but the programme that the store has certificates of names a talent database."""
    plain = load_catalogue()
    programme = plain.programme(PROGRAMME)
    rules = programme.certificate or CertificateRules(
        fields=(),
        own_additions=(),
        registration_number=None,
        statement=None,
        after_training=False,
        lookup=None,
        talent_database=None,
        source=DATABASE,
    )
    named = replace(programme, certificate=replace(rules, talent_database=DATABASE))
    return Catalogue([named, plain.programme("BIG-DATA")])


@dataclass
class ToldJudge(SampleVerifier):
    """Says of each key what it was told; of the others that all is well, with the holder's own name."""

    names: dict[str, str] = field(default_factory=dict)
    told: dict[str, Outcome] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def by_key(self, key: str) -> Report:
        self.asked.append(key)
        report = REPORTS[self.told.get(key, Outcome.VALID)]
        return replace(report, content={**CONTENT, "name": self.names.get(key, "某某某")})


@dataclass
class Somebody:
    """Somebody who is signed in."""

    site: "TalentSite"
    name: str
    token: str
    language: str = "en"
    reservation: Reservation | None = None

    @property
    def csrf(self) -> str:
        with self.site.store.read() as unit:
            return Visit(account=unit.accounts.account(self.name), token=self.token).csrf

    @property
    def browser(self) -> WebClient:
        headers = {"Cookie": f"vermilion={self.token}", "Accept-Language": self.language}
        return WebClient(self.site.app, headers=headers)

    @property
    def number(self) -> str:
        assert self.reservation is not None
        return self.reservation.number

    @property
    def key(self) -> str:
        assert self.reservation is not None
        return self.reservation.key

    def get(self, path: str) -> httpx.Response:
        return self.browser.get(path)

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self.browser.post(path, data={"csrf": self.csrf, **fields})

    def list_self(self, **changes: str) -> httpx.Response:
        """Agree to be found."""
        return self.post(f"/holder/{self.number}/talent", **{**LISTING, **changes})


@dataclass
class TalentSite:
    """The application, and what is behind it."""

    store: Database
    app: ASGIApp
    desk: TalentDesk
    judge: ToldJudge
    clock: SettableClock
    catalogue: Catalogue

    def holder(self, place: int) -> Somebody:
        """A holder of the filled batch, who has claimed the certificate."""
        with self.store.read() as unit:
            found = list(unit.batches.certificates())[place]
            name = unit.enrolments.application(found.reservation.admission).candidate.name
        self.judge.names[found.reservation.key] = name
        invite_holder(self.store, self.clock, number=found.reservation.number, by="alice")
        return Somebody(self, found.person, self.signed_in(found.person), reservation=found.reservation)

    def person(self, name: str, *roles: Role, display: str = "云帆数据有限公司") -> Somebody:
        """Somebody else with an account."""
        kind = AccountKind.EMPLOYER if {Role.EMPLOYER, Role.RECRUITER} & set(roles) else AccountKind.STAFF
        add_account(
            self.store, self.clock, name=name, display=display, kind=kind, roles=frozenset(roles), by="operator-1"
        )
        return Somebody(self, name, self.signed_in(name))

    def signed_in(self, name: str) -> str:
        """Sign somebody in without a password: to hash one takes longer than most of these tests."""
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
        return token

    def journal(self) -> list[tuple[str, str, str]]:
        """What the journal says of the talent database: person, action, subject."""
        with self.store.read() as unit:
            entries = [one for one in unit.journal.entries() if one.action.startswith("talent.")]
        return [(one.person, one.action, one.subject) for one in entries]


def talent_site(path: Path) -> TalentSite:
    """Make the site over a copy of a filled database; the one entry that it comes with is withdrawn."""
    clock, judge, catalogue = SettableClock(), ToldJudge(), catalogue_with_database()
    store = open_database(path, KEYS)
    with store.write() as unit:
        unit.talents.withdraw("fedcba9876543210", NOW)
    desk = TalentDesk(store=store, clock=clock, judge=judge, catalogue=catalogue)
    app = create_app(
        judge,
        health=SampleHealth(),
        documents=SampleDocuments(),
        public_base_url=BASE_URL.replace("https", "http"),
        people=People(
            store=store,
            clock=clock,
            gate=LookupGate(LookupLimits(per_source=10_000, per_number=10_000), time.monotonic),
            secure=False,
        ),
        desk=Desk(key_of=lambda thumbprint: CredentialKey().public_key, copies=None),
        bulk=BulkDesk(store=store, clock=clock, judge=judge, notary=None, public_base_url=BASE_URL),
        talent=desk,
        clock=clock.now,
    )
    return TalentSite(store=store, app=app, desk=desk, judge=judge, clock=clock, catalogue=catalogue)


def filled_file(folder: Path) -> Path:
    """Make the database that sites are made over copies of."""
    path = folder / "registry.db"
    fill(path)
    return path
