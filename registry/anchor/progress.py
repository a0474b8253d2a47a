"""What is on its way to the chain: batches and status requests, each with where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from registry.anchor.history import Block, Position
from registry.anchor.operations import Approval
from registry.anchor.states import AnchorState
from registry.kernel.errors import Conflict
from registry.kernel.identifiers import (
    Address,
    BatchId,
    BlockHash,
    CertificateNumber,
    Digest,
    IssuerCode,
    KeyThumbprint,
    RootHash,
    ScopeCode,
    TransactionHash,
)
from registry.status import Reason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where on the chain a batch was recorded."""

    seq: int
    block_number: int
    block_hash: BlockHash
    block_time: datetime
    transaction: TransactionHash
    """The one that recorded it, whichever of ours that was."""

    @classmethod
    def at(cls, position: Position) -> Self:
        """Give the place of the record that anchored a batch."""
        return cls(
            seq=position.seq,
            block_number=position.block_number,
            block_hash=position.block_hash,
            block_time=position.block_time,
            transaction=position.transaction,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch and its way to the chain."""

    id: str
    """Our own name for it, `B-YYYY-MM-NNNN`."""
    batch: BatchId
    idempotency_key: str
    request_digest: Digest
    """SHA-256 of what was asked under the key: the same key with another body is a conflict."""
    issuer: IssuerCode
    scope: ScopeCode
    size: int
    programme_version: str
    programme_digest: Digest
    credential_key: KeyThumbprint
    intent: bytes
    """JSON of what all credentials of the batch share; stored before anything is signed."""
    state: AnchorState
    proposed_by: str
    proposed_at: datetime
    root: RootHash | None = None
    manifest: bytes | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    approval: Approval | None = None
    transaction: TransactionHash | None = None
    seen_in: Block | None = None
    """Where it was seen last, in a block that may still go away; None = nowhere, or it is final."""
    placement: Placement | None = None
    delivered_at: datetime | None = None
    failure: str | None = None


class RequestState(StrEnum):
    """Where a status change stands; the words of the anchor's states where they mean the same."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SIGNED = "signed"
    SENT = "sent"
    FINAL = "final"
    FAILED = "failed"
    CANCELLED = "cancelled"


allowed_request_moves: Final[Mapping[RequestState, frozenset[RequestState]]] = {
    RequestState.REQUESTED: frozenset({RequestState.APPROVED, RequestState.SIGNED, RequestState.CANCELLED}),
    RequestState.APPROVED: frozenset({RequestState.APPROVED, RequestState.SIGNED, RequestState.CANCELLED}),
    RequestState.SIGNED: frozenset({RequestState.SENT}),
    RequestState.SENT: frozenset({RequestState.FINAL, RequestState.FAILED}),
    RequestState.FINAL: frozenset(),
    RequestState.FAILED: frozenset({RequestState.FINAL}),
    RequestState.CANCELLED: frozenset(),
}
"""From each state, where it may go. Only a suspension is signed without approval; a lapsed approval is given anew.
Failed becomes final where the chain turns out to hold the record of its transaction after all."""


class RequestMoveForbidden(Conflict):
    """A request cannot go from where it is to where it is asked to go."""

    code = "status/request-move-forbidden"

    def __init__(self, current: RequestState, wanted: RequestState) -> None:
        self.current, self.wanted = current, wanted
        super().__init__(f"a request that is {current} cannot become {wanted}")


def require_request_move(current: RequestState, wanted: RequestState) -> None:
    """Check that `current` → `wanted` is allowed. Raises RequestMoveForbidden."""
    if wanted not in allowed_request_moves[current]:
        raise RequestMoveForbidden(current, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A certificate whose status is to change."""

    number: CertificateNumber
    revision: int
    leaf: int
    successor: int | None = None
    """Leaf of what takes its place, in the request's `new_batch`; None = nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """One asked-for change of status, by one transaction: of certificates of one batch, or of batches as a whole."""

    id: str
    """`C-YYYY-MM-NNNN`."""
    issuer: IssuerCode
    batches: tuple[BatchId, ...]
    """The one that all certificates are of, or those that change as a whole."""
    certificates: tuple[Target, ...] = ()
    """By leaf, ascending; none = the batches as a whole."""
    wanted: Status
    reason: Reason
    state: RequestState
    requested_by: str
    requested_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    status_nonces: tuple[int, ...] = ()
    """Of a reinstatement, once it is approved: how often each of `batches` had been suspended by then."""
    approval: Approval | None = None
    transaction: TransactionHash | None = None
    seq: int | None = None
    """The first record of it."""
    failure: str | None = None
    new_batch: BatchId | None = None
    """Of a supersession: the batch of the successors, of the same issuer."""
    new_contract: Address | None = None
    """Of a supersession: the contract that holds that batch."""

    @property
    def batch(self) -> BatchId:
        """The batch of its certificates, or the first of its batches."""
        return self.batches[0]

    @property
    def leaves(self) -> tuple[int, ...]:
        """Where its certificates stand in their batch, ascending."""
        return tuple(target.leaf for target in self.certificates)

    @property
    def new_leaves(self) -> tuple[int, ...]:
        """Where the successors stand in `new_batch`, in the order of `leaves`; none but of a supersession."""
        return tuple(target.successor for target in self.certificates if target.successor is not None)
