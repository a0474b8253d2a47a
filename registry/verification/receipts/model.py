"""A receipt as a value, what it is about, and who signs it."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from registry.anchor.trust import TrustRoot
from registry.kernel.errors import MalformedInput, Unavailable
from registry.kernel.identifiers import (
    BlockHash,
    CertificateKey,
    ContractAddress,
    Digest,
)
from registry.kernel.signing import StatementSigner
from registry.kernel.statements import Statement
from registry.verification.claimed import Claimed
from registry.verification.model import Answer, Freshness, Outcome, Question

RECEIPT_NAME: Final = "verification-receipt.json"
"""Name under which a receipt's page has the signed statement attached."""
MAX_PURPOSE: Final = 200
"""Characters of the purpose, which the asker writes and nobody checks."""
MAX_NUMBER: Final = 64
KEPT_EVIDENCE: Final[Mapping[Question, frozenset[str]]] = {
    Question.UNALTERED: frozenset({"check", "member", "part"}),
    Question.ISSUERS_KEY: frozenset({"registered_from", "anchored_at", "compromised_since"}),
    Question.ON_CHAIN: frozenset({"block", "block_time", "recorded_at", "scope_recorded"}),
    Question.STANDING: frozenset(
        {
            "status",
            "since",
            "reason",
            "by",
            "last_known",
            "suspended_since",
            "successor_batch",
            "successor_index",
            "successor_issuer",
            "successor_contract",
        }
    ),
    Question.IN_FORCE: frozenset({"valid_from", "valid_until"}),
}
"""What a receipt keeps of a report's evidence: what wording needs and no key to anything."""


class PurposeRefused(MalformedInput):
    """The purpose of a receipt is too long, or no printable text of one line."""

    code = "receipt/purpose"

    def __init__(self) -> None:
        super().__init__(f"expected a purpose of 1 to {MAX_PURPOSE} printable characters on one line")


class NoReceiptKey(Unavailable):
    """There is no statement key at hand to sign receipts with."""

    code = "receipt/no-key"

    def __init__(self) -> None:
        super().__init__("expected the statement key to be open, and it is not: no receipt can be signed here")


class AskedBy(StrEnum):
    """How the certificate was named."""

    DOCUMENT = "document"
    KEY = "key"
    LINK = "link"
    NUMBER = "number"
    NUMBER_AND_NAME = "number-and-name"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was looked at, without anything about its holder."""

    by: AskedBy
    digest: Digest | None = None
    """SHA-256 of the file's bytes, or of the 26 characters of a certificate key or of a holder's link; of a number
    there is none."""
    number: str | None = None
    """As it was asked, where it was asked by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notary:
    """Who signs receipts, and for which chain he speaks."""

    iss: str
    """`<base>/issuers/<CODE>`, whose statement key it is."""
    trust_root: TrustRoot
    signer: StatementSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainNamed:
    """The chain that a receipt speaks of."""

    contract: ContractAddress
    genesis: BlockHash
    trust_root: Digest
    """Digest of the trust root's canonical bytes, as members record it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptAnswer:
    """The answer to one question, as a receipt keeps it."""

    question: Question
    answer: Answer
    reason: str
    evidence: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReceipt:
    """A receipt as it was read: well formed and signed by the key in it; whether that key was good is another question.

    Of a list there are `rows` and `counts`, of one certificate all else.
    """

    statement: Statement
    asked: Asked
    chain: ChainNamed
    freshness: Freshness | None
    """Of a list, of the row whose knowledge was oldest."""
    purpose: str | None
    as_of: datetime | None
    outcome: Outcome | None
    code: str
    answers: tuple[ReceiptAnswer, ...]
    """Five, or none where nothing was found."""
    notices: tuple[Mapping[str, str | int], ...]
    number: str | None
    revision: int | None
    place: Claimed | None
    successor: str | None
    last_known: str | None
    rows: int | None
    counts: Mapping[Outcome, int]

    @property
    def is_of_list(self) -> bool:
        """Tell whether it is about many rows at once."""
        return self.asked.by is AskedBy.LIST


def asked_document(data: bytes | None) -> Asked:
    """Name a file by its bytes; None = it was too large to be kept."""
    return Asked(by=AskedBy.DOCUMENT, digest=None if data is None else Digest(sha256(data).digest()))


def asked_key(key: str) -> Asked:
    """Name a certificate key by its digest: whoever has the paper can compare, nobody can turn it back."""
    return Asked(by=AskedBy.KEY, digest=Digest(sha256(CertificateKey(key.upper()).encode()).digest()))


def asked_link(digest: bytes) -> Asked:
    """Name a holder's link by the digest of its token, as the registry keeps it: the receipt opens nothing."""
    return Asked(by=AskedBy.LINK, digest=Digest(digest))


def asked_number(number: str, *, with_name: bool) -> Asked:
    """Name a certificate by the number that was typed; of a name only that one was given."""
    shown = "".join(one for one in unicodedata.normalize("NFC", number) if one.isprintable())[:MAX_NUMBER]
    return Asked(by=AskedBy.NUMBER_AND_NAME if with_name else AskedBy.NUMBER, number=shown)


def purpose_of(text: str | None) -> str | None:
    """Take a purpose as it was typed; blank = none. Raises PurposeRefused."""
    purpose = unicodedata.normalize("NFC", text or "").strip()
    if len(purpose) > MAX_PURPOSE or not purpose.isprintable():
        raise PurposeRefused
    return purpose or None
