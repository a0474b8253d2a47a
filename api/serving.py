"""The web server of one machine: pages and API in this process, a follower thread that keeps the projection current.

Of the registry's keys two are opened here: the sealer's, for the embedded chain beside it, and the statement key, which
signs what the site itself says (receipts, copies, status lists). Neither credential, sender nor approver key is: who
takes this process over can issue nothing and change nothing of what is issued.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from api.app import create_app
from api.desk import desk_is_running
from api.employer import BulkDesk, TalentDesk
from api.holder import Desk
from api.issuer import ApprovalDesk, ConsoleDesk, KeyPlace, Streams, TriedFiles
from api.published import Published
from api.sign_in import People
from api.statuses import Statuses
from api.terminal import note, said
from api.verifier import IssuerContact, LookupGate, LookupLimits, PublicIssuer, PublicScope, SiteKnowledge
from api.wiring import Home, NoTerminal
from node.signer import SecretFileMissing
from registry.anchor.facts import IssuerState, ScopeWindow, issuer_facts
from registry.anchor.history import Anchored
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import CertificateKey
from registry.ports import LedgerUnavailable
from registry.programme import Bilingual
from registry.verification.receipts import Notary
from registry.workflows.certificates.deliver import photograph_by_key, public_bundle
from registry.workflows.certificates.draw import draw_by_key
from registry.workflows.chain.follow import follow
from registry.workflows.chain.halt import halting
from registry.workflows.holders.hold import CopyDesk
from registry.workflows.verification.verify import NODE_UNREACHABLE

_FOLLOW_SECONDS: Final = 1.0


class Follower:
    """Reads the chain's new records once a second, in a thread of its own."""

    def __init__(self, home: Home, node: str) -> None:
        self._home, self._node = home, node
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self.cause: str | None = None
        """Why nothing new is read; None = all is well."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with self._home.chain(node=self._node) as ledger:
            while not self._stopping.is_set():
                try:
                    with halting(self._home.store, self._home.clock):
                        follow(self._home.store, ledger, self._home.clock)
                    self.cause = None
                except LedgerUnavailable:
                    # The node of our own embedded chain is gone: its file is still there to be read.
                    embedded = self._home.installation.chain.node_url is None
                    self.cause = self._home.catch_up() if embedded else NODE_UNREACHABLE
                except RegistryError as error:
                    # Another chain behind the address, a locked database: nothing new is read until it is mended,
                    # and every verdict says so once its knowledge is too old.
                    self.cause = error.code.replace("/", "-")
                self._stopping.wait(_FOLLOW_SECONDS)


class Health:
    """What the site knows (implements api.verifier.SiteHealth)."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def knowledge(self) -> SiteKnowledge | None:
        """Give what has been read of the chain; None = nothing yet."""
        with self._home.store.read() as unit:
            head = unit.projection.head()
            if head is None:
                return None
            anchored = unit.projection.records_of(Anchored)
            certificates = sum(one.content.size for one in anchored if isinstance(one.content, Anchored))
        return SiteKnowledge(
            chain=str(head.trust_root.contract),
            test_chain=self._home.installation.is_test,
            block=head.block.number,
            block_time=head.block.time,
            read_at=head.read_at,
            nodes=head.nodes,
            certificates=certificates,
            limit_seconds=self._home.installation.chain.max_age_seconds,
        )

    def require_writable(self) -> None:
        """Check that something new would be accepted and go to the chain. Raises WritingHalted, DiskLow."""
        with self._home.store.read() as unit:
            unit.alarms.require_none()
            unit.require_room()


def contacts(home: Home) -> Mapping[str, IssuerContact]:
    """Give whom readers may ask, by issuer code."""
    contact = home.installation.issuer.contact
    return {
        home.issuer: IssuerContact(
            hours_zh=contact.hours_zh, hours_en=contact.hours_en, telephone=contact.telephone, email=contact.email
        )
    }


def public_issuer(home: Home, code: str) -> PublicIssuer | None:
    """Give the issuing body with what it may issue now, as far as the chain has been read; None = another code."""
    if code != home.issuer:
        return None
    with home.store.read() as unit:
        facts = issuer_facts(unit.projection.of_issuer(home.issuer), home.issuer)
    now = int(home.clock.now().timestamp())
    in_force = [one for _, one in sorted(facts.scopes.items()) if one.valid_from <= now < one.until]
    name = home.body.name
    return PublicIssuer(
        code=code,
        name_zh=name.zh,
        name_en=name.en or "",
        state=facts.state,
        scopes=tuple(_public_scope(home, one) for one in in_force) if facts.state is IssuerState.ACTIVE else (),
    )


def _public_scope(home: Home, window: ScopeWindow) -> PublicScope:
    programme_code, _, level_code = window.scope.partition("/")
    names: list[Bilingual] = []
    if programme_code in home.catalogue.codes():
        programme = home.catalogue.programme(programme_code)
        names = [programme.name, *(one.name for one in programme.levels if one.code == level_code != "-")]
    return PublicScope(
        scope=window.scope,
        name_zh="".join(one.zh for one in names),
        name_en=", ".join(one.en or one.zh for one in names),
        valid_from=window.valid_from,
        until=window.until,
    )


def notary_of(home: Home) -> Notary | None:
    """Open the statement key; None where nobody is there to type its passphrase, or the key lies elsewhere.

    A site without it serves everything but what it would have to sign.
    """
    try:
        return home.notary()
    except (NoTerminal, SecretFileMissing) as error:
        note(said(f"没有声明签署密钥，核查回执不可用：{error}", f"no statement key, so no receipts: {error}"))
        return None


def people(home: Home) -> People:
    """Give what the doors know people by."""
    return People(
        store=home.store,
        clock=home.clock,
        gate=LookupGate(LookupLimits(per_source=30, per_number=10), time.monotonic),
        secure=home.installation.public_base_url.startswith("https://"),
    )


def desk(home: Home, notary: Notary | None) -> Desk:
    """Give what the holders' pages use; without the statement key they make no copies."""
    copies = None if notary is None else CopyDesk(key_of=home.key_of, press=home.press(), signer=notary.signer)
    return Desk(key_of=home.key_of, copies=copies)


def approvals(home: Home, node: str | None) -> ApprovalDesk:
    """Give what the pages to approve compare with, and where they say that the approver's key is."""
    here = home.installation.approver is None and (home.keys / "approver.json").is_file()
    return ApprovalDesk(
        key_of=home.key_of,
        contract=home.trust_root.contract,
        issuer_name=home.body.name,
        ledger=partial(home.chain, node=node),
        key_place=KeyPlace.ELSEWHERE
        if not here
        else KeyPlace.OPEN
        if home.installation.machine_passphrases
        else KeyPlace.FILE,
    )


def application(
    home: Home,
    *,
    cause: Callable[[], str | None],
    max_age_seconds: int | None = None,
    node: str | None = None,
    streams: Streams | None = None,
) -> ASGIApp:
    """Make the web application over a data folder; `cause` says why nothing new is read of the chain.

    `node`: the one to ask, where it is not the installation's own; `streams`: of live pages, for who ends them.
    """
    judge = home.verifier(max_age=timedelta(seconds=max_age_seconds) if max_age_seconds else None, cause=cause)
    notary = notary_of(home)
    return create_app(
        judge,
        health=Health(home),
        documents=Published(home),
        public_base_url=home.installation.public_base_url,
        contacts=contacts(home),
        issuing_body=partial(public_issuer, home),
        people=people(home),
        desk=desk(home, notary),
        bulk=BulkDesk(
            store=home.store,
            clock=home.clock,
            judge=judge,
            notary=notary,
            public_base_url=home.installation.public_base_url,
        ),
        console=ConsoleDesk(
            store=home.store,
            clock=home.clock,
            catalogue=home.catalogue,
            issuer=home.issuer,
            programmes=home.installation.programmes,
            tried=TriedFiles(clock=home.clock),
            approvals=approvals(home, node),
            desk_runs=partial(desk_is_running, home),
            papers=home.papers,
            streams=streams or Streams(),
        ),
        talent=TalentDesk(store=home.store, clock=home.clock, judge=judge, catalogue=home.catalogue),
        notary=notary,
        rechecker=home.rechecker(node=node, max_age=None, cause=cause),
        statuses=Statuses(home, judge, notary.signer if notary else None),
        public_bundle=lambda key: public_bundle(home.store, home.key_of, CertificateKey(key)),
        photograph=partial(photograph_by_key, home.store),
        press=partial(draw_by_key, home.store, home.key_of, home.press()),
        proxies=[ipaddress.ip_network(one) for one in home.installation.web.trusted_proxies],
    )


class _Server(uvicorn.Server):
    """Ends the streams of live pages first: it would wait for them, as for every answer that is under way."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.stop()
        await super().shutdown(sockets)


def serve_pages(home: Home, node: str, host: str, port: int) -> bool:
    """Serve until stopped. False = the port is another program's."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        return False
    follower, streams = Follower(home, node), Streams()
    app = application(home, cause=lambda: follower.cause, node=node, streams=streams)
    follower.start()
    # Whom a proxy serves is asked of the proxies that the installation names, and of no other.
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, proxy_headers=False)
    try:
        _Server(config, streams).run([listening])
    finally:
        follower.stop()
        listening.close()
    return True
