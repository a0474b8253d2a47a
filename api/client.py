"""A client for programs that must know whether a certificate is good, and take nobody's word for it.

    from api.client import Client

    with Client(trust_root=Path("trust-root.json"), nodes=["http://node-a:8545", "http://node-b:8545"]) as client:
        report = client.verify(Path("certificate.bundle.json"))
        report.require_valid()

It reads the chain itself, from every node that is configured, under a trust root that its owner has pinned, and judges
by the same rules as every other entrance. A registry's own site is at most asked for a document, never for a verdict.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from api.clock import SystemClock
from api.links import LinkElsewhere, require_node_address
from registry.anchor.trust import TrustRoot, TrustRootMalformed
from registry.delivery.bundle import MAX_DOCUMENT
from registry.kernel.addresses import certificate_link
from registry.kernel.errors import MalformedInput, Unavailable
from registry.ports import LedgerReader
from registry.verification import (
    DEFAULT_MAX_AGE,
    Circumstances,
    Notice,
    NoticeKind,
    Report,
    end_of_past_day,
    not_found,
)
from registry.workflows.verification.verify import VerifyFromLedger

if TYPE_CHECKING:  # web3 takes a second to import: only the first verdict pays
    from node.client.agreement import Agreed
    from node.client.ledger import Web3Ledger

_CONNECT_SECONDS: Final = 3.0
_DOWNLOAD_SECONDS: Final = 15.0
_PIECE: Final = 16_384


class NodesUnconfigured(MalformedInput):
    """A client has no node to ask, the same one twice, or wants to hear more than it has."""

    code = "client/nodes"

    def __init__(self, nodes: int, quorum: int | None) -> None:
        self.nodes, self.quorum = nodes, quorum
        super().__init__(f"expected different nodes, and a quorum from 1 to their number; got {nodes} and {quorum}")


class DocumentUnavailable(Unavailable):
    """A site does not give the document that a link names; nothing is known about the certificate."""

    code = "client/document-unavailable"

    def __init__(self, site: str, cause: str) -> None:
        self.site, self.cause = site, cause
        super().__init__(f"no document from {site}: {cause}")


class Client:
    """Judges certificates by what several nodes agree on; usable from several threads. Close it, or use it in `with`.

    `nodes` are JSON-RPC addresses, best of different operators; `quorum` of them have to answer (all, unless given),
    and all that answer have to agree. `max_age`: how old their knowledge may be. `sites` are the registries whose links
    may be followed, such as `https://certificates.example.cn`.
    Raises TrustRootMalformed, IdentifierMalformed, NodesUnconfigured.
    """

    def __init__(
        self,
        *,
        trust_root: TrustRoot | Path | bytes,
        nodes: Iterable[str],
        max_age: timedelta = DEFAULT_MAX_AGE,
        quorum: int | None = None,
        sites: Iterable[str] = (),
    ) -> None:
        self._root = _trust_root(trust_root)
        self._urls = tuple(nodes)
        for url in self._urls:
            require_node_address(url)
        most = len(self._urls)
        if len({_where(url) for url in self._urls}) != most or not 1 <= (most if quorum is None else quorum) <= most:
            raise NodesUnconfigured(most, quorum)
        self._quorum, self._max_age = quorum, max_age
        self._sites = frozenset(site.rstrip("/").lower() for site in sites)
        self._clock = SystemClock()
        self._ledgers: dict[str, Web3Ledger] | None = None
        self._agreed: Agreed | None = None

    def verify(self, document: bytes | Path, *, as_of: date | None = None) -> Report:
        """Judge a bundle or an SD-JWT, given as bytes or as a file; `as_of`: for the end of that past day (+08:00).

        Never raises on a bad document, on nodes that are dead or disagree: that is in the report. Raises OSError for a
        file, DayNotOver for a day that is not past, and LedgerForeign where the one node that is configured shows
        another chain.
        """
        from node.client.agreement import AgreedLedger  # noqa: PLC0415 - takes a second

        moment = self._end_of(as_of)
        data = document if isinstance(document, bytes) else _read(document)
        asked: list[AgreedLedger] = []

        def connect() -> LedgerReader:
            ledgers, agreed = self._connected()
            asked.append(AgreedLedger(ledgers, quorum=self._quorum, agreed=agreed))
            return asked[-1]

        report = VerifyFromLedger(ledger=connect, clock=self._clock, max_age=self._max_age, as_of=moment).by_document(
            data
        )
        return _alone(report) if len(self._urls) > 1 and any(one.nodes == 1 for one in asked) else report

    def require_valid(self, document: bytes | Path, *, as_of: date | None = None) -> Report:
        """Judge as `verify` does and give the report of a valid certificate. Raises NotValid for all other outcomes."""
        report = self.verify(document, as_of=as_of)
        report.require_valid()
        return report

    def verify_link(self, link: str, *, as_of: date | None = None) -> Report:
        """Fetch the document that a QR code's link names from its site, and judge it as `verify` does.

        Whose certificate it is stands in `content`: compare it with the person before you, the site may have sent
        another's. Raises LinkElsewhere where the site is none of `sites`, DocumentUnavailable where it gives nothing.
        """
        moment = self._end_of(as_of)
        found = certificate_link(link)
        if found is None or found.site not in self._sites:
            raise LinkElsewhere(" or ".join(sorted(self._sites)) or "https://…")
        data = _downloaded(found.site, f"{found.site}/v1/certificates/{found.key}/bundle")
        if data is None:
            now = self._clock.now()
            return not_found(Circumstances(knowledge=None, now=now, max_age=self._max_age, as_of=moment))
        return self.verify(data, as_of=as_of)

    def close(self) -> None:
        """Let go of open connections."""
        for ledger in (self._ledgers or {}).values():
            ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _end_of(self, day: date | None) -> datetime | None:
        return None if day is None else end_of_past_day(day, self._clock.now())

    def _connected(self) -> "tuple[dict[str, Web3Ledger], Agreed]":
        from node.client.agreement import Agreed  # noqa: PLC0415 - takes a second
        from node.client.ledger import Web3Ledger  # noqa: PLC0415 - takes a second

        if self._ledgers is None or self._agreed is None:
            self._agreed = Agreed()
            self._ledgers = {_where(url): Web3Ledger.over_http(url, self._root) for url in self._urls}
        return self._ledgers, self._agreed


def _where(url: str) -> str:
    """Name a node by host, port and path, without what may be a password."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}{parts.path.rstrip('/')}"


def _trust_root(given: TrustRoot | Path | bytes) -> TrustRoot:
    if isinstance(given, TrustRoot):
        return given
    try:
        return TrustRoot.parse(given if isinstance(given, bytes) else given.read_bytes())
    except OSError as error:
        raise TrustRootMalformed(f"cannot read {Path(str(given)).name}") from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        # One byte more than any of ours is enough to see that it is too large.
        return file.read(MAX_DOCUMENT + 1)


def _alone(report: Report) -> Report:
    """Say that of several nodes only one answered, whatever the engine."""
    if any(notice.kind is NoticeKind.SINGLE_NODE for notice in report.notices):
        return report
    return replace(report, notices=(*report.notices, Notice(kind=NoticeKind.SINGLE_NODE, values={})))


def _downloaded(site: str, address: str) -> bytes | None:
    """Fetch a document; None = the site has none. Follows no redirect and reads no more than any document of ours has.

    Raises DocumentUnavailable.
    """
    import requests  # noqa: PLC0415 - only links need it

    until = time.monotonic() + _DOWNLOAD_SECONDS
    data = b""
    try:
        with requests.Session() as session:
            session.trust_env = False  # a netrc of the user's has no business at a site that a link names
            with session.get(
                address,
                timeout=(_CONNECT_SECONDS, _DOWNLOAD_SECONDS),
                stream=True,
                allow_redirects=False,
                headers={"Accept": "application/json"},
            ) as answer:
                if answer.status_code == requests.codes.not_found:
                    return None
                if answer.status_code != requests.codes.ok:
                    raise DocumentUnavailable(site, f"HTTP status {answer.status_code}")
                for piece in answer.iter_content(_PIECE):
                    data += piece
                    if len(data) > MAX_DOCUMENT or time.monotonic() > until:
                        raise DocumentUnavailable(site, "the answer is larger or slower than any document of ours")
    except requests.RequestException as error:
        raise DocumentUnavailable(site, type(error).__name__) from error
    return data
