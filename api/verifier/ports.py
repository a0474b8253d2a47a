"""What the public doors need from the rest of the product, as protocols and values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from api.drawing import DrawingRoom
from api.status_views.ports import StatusViews
from api.verifier.limits import LookupGate, Network
from registry.kernel.identifiers import CertificateKey
from registry.verification import Claimed
from registry.verification.model import Report
from registry.verification.receipts import Notary
from registry.verification.rechecking import Recheck


class Verifier(Protocol):
    """The one judge behind every entrance. Raises Unavailable when it cannot judge at all (the store is gone, say)."""

    def by_document(self, data: bytes) -> Report:
        """Judge the bytes of a bundle or an SD-JWT; anything else is `unreadable`."""
        ...

    def by_key(self, key: str) -> Report:
        """Judge the certificate that a QR code names (26 base32 characters, any case); unknown is `not-found`."""
        ...

    def by_number_and_name(self, number: str, name: str) -> Report:
        """Judge the current revision under `number` if its holder is `name`; anything else is `not-found`."""
        ...

    def by_claim(self, claimed: Claimed, *, checked: bool) -> Report:
        """Judge a document that its reader keeps, by what it says of its place.

        `checked`: the reader has answered question 1 himself; otherwise it stays open, and nothing is ever valid.
        """
        ...

    def at(self, moment: datetime) -> "Verifier":
        """Give the same judge for a past moment."""
        ...


class Rechecker(Protocol):
    """Holds kept receipts against what has been read of the chain."""

    def by_document(self, data: bytes) -> Recheck:
        """Re-check a receipt; what is none, or changed, is said so."""
        ...


class PublishedDocuments(Protocol):
    """The issuers' public files: metadata, key sets, type metadata, programmes."""

    def get(self, path: str) -> tuple[str, bytes] | None:
        """Give media type and bytes of what is published at `path` (from `/`, without host); None = nothing is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteKnowledge:
    """How much of the chain this site has read, for the status page and for probes."""

    chain: str
    """CAIP-10 name of the contract that is followed."""
    test_chain: bool
    block: int
    """The last final block that was read."""
    block_time: datetime
    """Time of that block, UTC."""
    read_at: datetime
    """When it was read, UTC."""
    nodes: int
    """How many nodes agreed on it."""
    certificates: int | None
    """How many certificates are recorded up to it; None = not counted."""
    limit_seconds: int
    """Age above which verdicts become `cannot-confirm`."""


class SiteHealth(Protocol):
    """Says what the site knows."""

    def knowledge(self) -> SiteKnowledge | None:
        """Give what has been read of the chain; None = nothing yet. Raises Unavailable while the store is away."""
        ...

    def require_writable(self) -> None:
        """Check that something new would be accepted and go to the chain. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerContact:
    """Whom a reader may ask about a certificate of one issuing body."""

    hours_zh: str
    hours_en: str
    telephone: str | None
    email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicScope:
    """What an issuing body may issue; Unix seconds, `until` exclusive."""

    scope: str
    name_zh: str
    """Empty where no programme here has the scope."""
    name_en: str
    valid_from: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicIssuer:
    """An issuing body as the page at its address shows it."""

    code: str
    name_zh: str
    name_en: str
    """Empty where it has none."""
    state: str | None
    """`active`, `suspended`, `withdrawn`, `withdrawn-and-suspended`; None = the chain was not read."""
    scopes: tuple[PublicScope, ...]
    """Those in force now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Everything that the routes use; made once by `api.app.create_app`."""

    verifier: Verifier
    health: SiteHealth
    documents: PublishedDocuments
    gate: LookupGate
    clock: Callable[[], datetime]
    """Gives the present moment, timezone-aware."""
    public_base_url: str
    """Scheme and host, without a slash at the end."""
    contacts: Mapping[str, IssuerContact] = field(default_factory=dict)
    """By issuer code."""
    issuing_body: Callable[[str], PublicIssuer | None] | None = None
    """Gives the issuing body of a code; None = this site has none of the code, or says nothing of any."""
    statuses: StatusViews | None = None
    """Status lists and badges; None = this site has none."""
    public_bundle: Callable[[str], bytes] | None = None
    """Gives the delivered document under a normal certificate key, or raises NoDocument; None = this site has none."""
    press: Callable[[CertificateKey], tuple[str, bytes]] | None = None
    """Draws the certificate under a key: name of the file, and the PDF. Raises NoDocument, GlyphMissing."""
    drawing: DrawingRoom = field(default_factory=DrawingRoom)
    """Bounds what is drawn at once, of whatever paper."""
    photograph: Callable[[CertificateKey], bytes] | None = None
    """Gives the photograph on the certificate under a key, as JPEG, or raises NoDocument; None = this site has none."""
    proxies: Sequence[Network] = ()
    """Who is believed about whom he serves, in X-Forwarded-For."""
    rechecker: Rechecker | None = None
    """Re-checks receipts; None = this site takes certificates alone."""
    notary: Notary | None = None
    """Signs receipts; None where this site was started without its statement key."""
