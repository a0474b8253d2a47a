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


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersessionApproval:
    """An approver agrees that certificates be replaced by others, one for one."""

    issuer: IssuerCode
    batch: BatchId
    indices: tuple[int, ...]
    target_contract: Address
    target_issuer: IssuerCode
    new_batch: BatchId
    new_indices: tuple[int, ...]
    """In the order of `indices`."""
    reason: int
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReinstatementApproval:
    """An approver agrees that batches, which their issuer suspended, stand again."""

    issuer: IssuerCode
    batches: tuple[BatchId, ...]
    reason: int
    status_nonces: tuple[int, ...]
    """In the order of `batches`."""
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproverKeyApproval:
    """A standing approver agrees to the controller's registering another one."""

    issuer: IssuerCode
    key: Address
    valid_from: int
    until: int
    deadline: int


Approvable = (
    AnchorApproval
    | RevocationApproval
    | ReinstatementApproval
    | SupersessionApproval
    | BatchReinstatementApproval
    | ApproverKeyApproval
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approver's signature over one of the structures above."""

    approver: Address
    deadline: int
    signature: bytes
    """65 bytes: r ‖ s ‖ v, v 27 or 28, low-S."""

    def has_lapsed(self, at: datetime) -> bool:
        """Tell whether it is not to be sent any more; the contract still takes it in the second of its deadline."""
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
class SupersedeCertificates:
    """Name the successors of certificates of one batch, for good."""

    asked: SupersessionApproval
    approval: Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendBatch:
    """Suspend a whole batch; a sender alone may."""

    issuer: IssuerCode
    batch: BatchId
    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinstateBatches:
    """Lift the issuer's own suspension of batches."""

    asked: BatchReinstatementApproval
    approval: Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDigest:
    """Put a digest on record, as the issuer's sender."""

    issuer: IssuerCode
    kind: int
    """1 audit head, 2 key ceremony."""
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class CastVote:
    """Vote for a ballot, as a member."""

    ballot: Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawVote:
    """Take one's vote back while the ballot is not enacted, as a member."""

    ballot: Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class EnactBallot:
    """Carry out a decision whose delay is over, as a member."""

    ballot: Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAnchoring:
    """Stop anchoring for 72 hours, as a member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordForeignAnchor:
    """Put on record, as a member, that a checkpoint of this log was written on another chain."""

    chain_id: int
    size: int
    root: RootHash
    reference: Digest
    """The transaction there, 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddKey:
    """Register a key, as the issuer's controller."""

    issuer: IssuerCode
    kind: KeyKind
    key: bytes
    """32 bytes: an address (left-padded) or a JWK thumbprint."""
    valid_from: int
    until: int
    approval: Approval | None = None
    """Over an ApproverKeyApproval of the same words; needed for an approver's key, and for no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireKey:
    """End a key's window with this block, as the issuer's controller."""

    issuer: IssuerCode
    key: bytes
    """32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCompromise:
    """Declare a key stolen from this block on, as the issuer's controller."""

    issuer: IssuerCode
    key: bytes
    """32 bytes."""


MemberOperation = CastVote | WithdrawVote | EnactBallot | PauseAnchoring | RecordForeignAnchor
"""What a member of the consortium does."""
ControllerOperation = AddKey | RetireKey | ReportCompromise
"""What an issuer's controller does."""
SenderOperation = (
    AnchorBatch
    | SuspendCertificates
    | RevokeCertificates
    | ReinstateCertificates
    | SupersedeCertificates
    | SuspendBatch
    | ReinstateBatches
    | RecordDigest
)
"""What an issuer's sender does."""
Operation = SenderOperation | MemberOperation | ControllerOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """A transaction ready to be sent; stored before it is, and sent again as it is."""

    raw: bytes
    hash: TransactionHash
    sender: Address
    nonce: int
