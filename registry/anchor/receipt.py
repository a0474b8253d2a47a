"""The anchor receipt: where on which chain a credential's digest is recorded, and the path that proves it.

Unsigned: everything in it is compared with the credential or the ledger, so it needs no author. Canonical JSON (RFC
8785), at most 4 KiB, no other members.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from registry.credential import Altered, Unreadable
from registry.credential.v1 import MAX_TEXT
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import (
    MAX_INTEGER,
    Base64Refused,
    JsonObject,
    JsonRefused,
    JsonValue,
    NotJson,
    NotUtf8,
    b64url,
    canonical_json,
    parse_json,
    unb64url,
)
from registry.kernel.identifiers import (
    MAX_BATCH_SIZE,
    BatchId,
    BlockHash,
    CertificateNumber,
    ContractAddress,
    Digest,
    IdentifierMalformed,
    IssuerCode,
    RootHash,
    TransactionHash,
    issuer_code,
)
from registry.kernel.merkle import InclusionProof

RECEIPT_TYPE: Final = "AnchorReceipt"
RECEIPT_VERSION: Final = 1
SUITE: Final = 1
"""SHA-256 over the issuer-signed JWT of an SD-JWT; the suite byte of the leaf entry."""
MAX_RECEIPT: Final = 4 * 1024
_MAX_DEPTH: Final = 2
_HASH_HEX: Final = re.compile(r"0x[0-9a-f]{64}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00")


class NotAReceipt(Unreadable):
    """The bytes are no JSON object of type AnchorReceipt."""

    code = "receipt/not-a-receipt"

    def __init__(self) -> None:
        super().__init__("not an anchor receipt")


class ReceiptOverCap(Altered):
    """The receipt is larger than 4 KiB."""

    code = "receipt/over-cap"

    def __init__(self, actual: int) -> None:
        self.actual = actual
        super().__init__(f"receipt: expected at most {MAX_RECEIPT} bytes, got {actual}")


class ReceiptNotCanonical(Altered):
    """The receipt is another spelling than its RFC 8785 form, or breaks the rules of strict JSON."""

    code = "receipt/not-canonical"

    def __init__(self) -> None:
        super().__init__("receipt: expected canonical JSON (RFC 8785)")


class ReceiptMembers(Altered):
    """A member of the receipt is missing, or there is one too many."""

    code = "receipt/members"

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(f"receipt: expected exactly its eighteen members, not so: {member[:40]!a}")


class ReceiptMemberRefused(Altered):
    """A member of the receipt has not the form that it must have."""

    code = "receipt/member"

    def __init__(self, member: str, reason: str) -> None:
        self.member, self.reason = member, reason
        super().__init__(f"receipt {member}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorReceipt:
    """Where a credential is anchored."""

    license_number: CertificateNumber
    revision: int
    digest: Digest
    """d of the credential."""
    issuer: IssuerCode
    contract: ContractAddress
    genesis: BlockHash
    """Hash of the chain's block 0."""
    batch: BatchId
    proof: InclusionProof
    """`index`, `treeSize` and `inclusionProof`."""
    merkle_root: RootHash
    transaction: TransactionHash
    block_number: int
    block_hash: BlockHash
    block_time: datetime
    """Aware, whole seconds."""

    def to_json(self) -> JsonObject:
        """Return the receipt's members."""
        return {
            "type": RECEIPT_TYPE,
            "version": RECEIPT_VERSION,
            "suite": SUITE,
            "licenseNumber": self.license_number,
            "revision": self.revision,
            "digest": b64url(self.digest),
            "issuer": self.issuer,
            "contract": str(self.contract),
            "genesis": b64url(self.genesis),
            "batch": b64url(self.batch),
            "index": self.proof.index,
            "treeSize": self.proof.size,
            "inclusionProof": [b64url(item) for item in self.proof.path],
            "merkleRoot": b64url(self.merkle_root),
            "transaction": "0x" + self.transaction.hex(),
            "blockNumber": self.block_number,
            "blockHash": "0x" + self.block_hash.hex(),
            "blockTime": self.block_time.astimezone(CHINA_TIME).isoformat(timespec="seconds"),
        }

    def to_bytes(self) -> bytes:
        """Write the receipt as canonical JSON."""
        return canonical_json(self.to_json())


def parse_receipt(data: bytes) -> AnchorReceipt:
    """Read a receipt on its own. Raises NotAReceipt, or an Altered that names the member."""
    try:
        value = parse_json(data, max_depth=_MAX_DEPTH)
    except (NotUtf8, NotJson) as error:
        raise NotAReceipt from error
    except JsonRefused as error:
        raise (ReceiptNotCanonical if RECEIPT_TYPE.encode() in data else NotAReceipt)() from error
    if not isinstance(value, dict) or value.get("type") != RECEIPT_TYPE:
        raise NotAReceipt
    if len(data) > MAX_RECEIPT:
        raise ReceiptOverCap(len(data))
    if canonical_json(value) != data:
        raise ReceiptNotCanonical
    return receipt_from_json(value)


def receipt_from_json(value: JsonValue) -> AnchorReceipt:
    """Take the members of a receipt. Raises an Altered that names the member."""
    if not isinstance(value, dict):
        raise ReceiptMemberRefused("anchor", "expected an object")
    for name in sorted(_MEMBERS ^ value.keys()):
        raise ReceiptMembers(name)
    size = len(canonical_json(value))
    if size > MAX_RECEIPT:
        raise ReceiptOverCap(size)
    for name, expected in (("type", RECEIPT_TYPE), ("version", RECEIPT_VERSION), ("suite", SUITE)):
        if value[name] != expected or isinstance(value[name], bool):
            raise ReceiptMemberRefused(name, f"expected {expected}")
    proof = InclusionProof(
        index=_whole(value, "index", 0, MAX_BATCH_SIZE - 1),
        size=_whole(value, "treeSize", 1, MAX_BATCH_SIZE),
        path=_path(value),
    )
    if proof.index >= proof.size:
        raise ReceiptMemberRefused("index", "expected an index below treeSize")
    return AnchorReceipt(
        license_number=CertificateNumber(_text(value, "licenseNumber")),
        revision=_whole(value, "revision", 1, MAX_INTEGER),
        digest=Digest(_hash(value, "digest")),
        issuer=_issuer(value),
        contract=_contract(value),
        genesis=BlockHash(_hash(value, "genesis")),
        batch=BatchId(_hash(value, "batch")),
        proof=proof,
        merkle_root=RootHash(_hash(value, "merkleRoot")),
        transaction=TransactionHash(_hexadecimal(value, "transaction")),
        block_number=_whole(value, "blockNumber", 0, MAX_INTEGER),
        block_hash=BlockHash(_hexadecimal(value, "blockHash")),
        block_time=_time(value),
    )


_MEMBERS: Final = frozenset(
    {
        "type",
        "version",
        "suite",
        "licenseNumber",
        "revision",
        "digest",
        "issuer",
        "contract",
        "genesis",
        "batch",
        "index",
        "treeSize",
        "inclusionProof",
        "merkleRoot",
        "transaction",
        "blockNumber",
        "blockHash",
        "blockTime",
    }
)


def _text(value: JsonObject, name: str) -> str:
    text = value[name]
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
        raise ReceiptMemberRefused(name, f"expected a string of 1 to {MAX_TEXT} characters")
    return text


def _whole(value: JsonObject, name: str, least: int, most: int) -> int:
    number = value[name]
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise ReceiptMemberRefused(name, f"expected an integer from {least} to {most}")
    return number


def _decoded(name: str, text: JsonValue) -> bytes:
    try:
        data = unb64url(text) if isinstance(text, str) else b""
    except Base64Refused as error:
        raise ReceiptMemberRefused(name, "expected canonical base64url of 32 bytes") from error
    if len(data) != 32:
        raise ReceiptMemberRefused(name, "expected canonical base64url of 32 bytes")
    return data


def _hash(value: JsonObject, name: str) -> bytes:
    return _decoded(name, value[name])


def _path(value: JsonObject) -> tuple[bytes, ...]:
    path = value["inclusionProof"]
    if not isinstance(path, list):
        raise ReceiptMemberRefused("inclusionProof", "expected an array")
    return tuple(_decoded("inclusionProof", item) for item in path)


def _hexadecimal(value: JsonObject, name: str) -> bytes:
    text = value[name]
    if not isinstance(text, str) or not _HASH_HEX.fullmatch(text):
        raise ReceiptMemberRefused(name, "expected 0x and 64 lower-case hexadecimal digits")
    return bytes.fromhex(text[2:])


def _issuer(value: JsonObject) -> IssuerCode:
    try:
        return issuer_code(_text(value, "issuer"))
    except IdentifierMalformed as error:
        raise ReceiptMemberRefused("issuer", f"expected {error.expected}") from error


def _contract(value: JsonObject) -> ContractAddress:
    try:
        return ContractAddress.parse(_text(value, "contract"))
    except IdentifierMalformed as error:
        raise ReceiptMemberRefused("contract", f"expected {error.expected}") from error


def _time(value: JsonObject) -> datetime:
    text = _text(value, "blockTime")
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError as error:
        raise ReceiptMemberRefused("blockTime", "expected a time of the calendar") from error
    raise ReceiptMemberRefused("blockTime", "expected RFC 3339 of whole seconds at +08:00")
