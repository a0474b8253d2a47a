"""What we ask the contract to do, and what an approver signs, as values without any chain library.

The approvals are the EIP-712 structures of the contract, version 1; issuer and scope are signed as strings, so that
a wallet shows letters. Times are Unix seconds.
"""

from dataclasses import dataclass
from datetime import datetime

from registry.anchor.history import Ballot, KeyKind
from registry.kernel.identifiers import (
    Address,
    BatchId,
    Digest,
    IssuerCode,
    KeyThumbprint,
    RootHash,
    ScopeCode,
    TransactionHash,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorApproval:
    """An approver agrees that this batch be recorded."""

    issuer: IssuerCode
    batch: BatchId
    root: RootHash
    size: int
    scope: ScopeCode
    evidence: Digest
    credential_key: KeyThumbprint
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationApproval:
    """An approver agrees that these certificates be revoked."""

    issuer: IssuerCode
    batch: BatchId
    changes: tuple[int, ...]
    count: int
    reason: int
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinstatementApproval:
    """An approver agrees that these suspended certificates stand again."""

    issuer: IssuerCode
    batch: BatchId
    changes: tuple[int, ...]
    count: int
    reason: int
    status_nonce: int
    deadline: int


Approvable = AnchorApproval | RevocationApproval | ReinstatementApproval


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approver's signature over one of the structures above."""

    approver: Address
    deadline: int
    signature: bytes
    """65 bytes: r ‖ s ‖ v, v 27 or 28, low-S."""

    def has_lapsed(self, at: datetime) -> bool:
        """Tell whether the contract would no longer take it."""
        return self.deadline <= int(at.timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorBatch:
    """Record a batch."""

    asked: AnchorApproval
    approval: Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendCertificates:
    """Suspend certificates of one batch; a sender alone may."""

    issuer: IssuerCode
    batch: BatchId
    changes: tuple[int, ...]
    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeCertificates:
    """Revoke certificates of one batch for good."""

    asked: RevocationApproval
    approval: Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinstateCertificates:
    """Lift the suspension of certificates of one batch."""

    asked: ReinstatementApproval
    approval: Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class CastVote:
    """Vote for a ballot, as a member."""

    ballot: Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class AddKey:
    """Register a sender, credential or statement key, as the issuer's controller."""

    issuer: IssuerCode
    kind: KeyKind
    key: bytes
    """32 bytes: an address (left-padded) or a JWK thumbprint."""
    valid_from: int
    until: int


Operation = AnchorBatch | SuspendCertificates | RevokeCertificates | ReinstateCertificates | CastVote | AddKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """A transaction ready to be sent; stored before it is, and sent again as it is."""

    raw: bytes
    hash: TransactionHash
    sender: Address
    nonce: int
