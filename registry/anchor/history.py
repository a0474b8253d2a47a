"""What the contract wrote down: one value per record of the history log (contract version 1).

The log is an RFC 9162 tree over records of 32-byte words `op, sender, timestamp`, then the operation's own words.
Each record has one event with its sequence number; the client side of the chain turns events into these values and
keeps the record's leaf beside them, so that an audit re-derives the log's root without a chain library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, IntFlag
from typing import Final

from registry.kernel.identifiers import (
    Address,
    BatchId,
    BlockHash,
    Digest,
    IssuerCode,
    KeyThumbprint,
    LeafHash,
    RootHash,
    ScopeCode,
    TransactionHash,
)


class BallotKind(IntEnum):
    """What members can decide; the numbers are the contract's."""

    ADMIT = 1
    REMOVE = 2
    THRESHOLD = 3
    ACCREDIT = 4
    SUSPEND = 5
    REINSTATE = 6
    WITHDRAW = 7
    SET_CONTROLLER = 8
    GRANT_SCOPE = 9
    REVOKE_SCOPE = 10
    ADD_APPROVER = 11
    KEY_COMPROMISED = 12
    SUSPEND_BATCH = 13
    LIFT_BATCH_SUSPENSION = 14
    REVOKE_BATCH = 15
    REAFFIRM_BATCH = 16
    REVOKE_WORD = 17
    UNPAUSE = 18
    MIGRATE = 19
    RECORD = 20


class BallotOutcome(IntEnum):
    """What became of a vote."""

    COUNTED = 0
    DELAYED = 1
    ENACTED = 2


class KeyKind(IntEnum):
    """What a registered key may do."""

    SENDER = 1
    APPROVER = 2
    CREDENTIAL = 3
    STATEMENT = 4


class BatchFlag(IntFlag):
    """What holds for a whole batch."""

    SUSPENDED_BY_ISSUER = 1
    SUSPENDED_BY_MEMBERS = 2
    REVOKED = 4
    REAFFIRMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where on the chain a record was written."""

    seq: int
    """Index of the record in the history log, from 0."""
    by: Address
    """The account that sent the transaction."""
    block_number: int
    block_hash: BlockHash
    block_time: datetime
    """Time of the block, UTC, whole seconds."""
    transaction: TransactionHash
    leaf: LeafHash
    """RFC 9162 leaf hash of the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """The contract began."""

    chain_id: int
    contract: Address
    threshold: int
    delay: int
    """Seconds that delayed ballots wait."""
    members: tuple[Address, ...]
    predecessor_contract: Address
    predecessor_size: int
    predecessor_root: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """What a ballot asks for; its fields are its name."""

    kind: BallotKind
    subject: bytes
    """32 bytes: an issuer code (right-padded ASCII) or a member's address (left-padded)."""
    arg: int
    ref: bytes
    """32 bytes: a scope, key, batch id, controller or digest."""
    salt: bytes
    """32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """A member voted for a ballot."""

    ballot: Ballot
    votes: int
    """Mask of the members, by admission, whose votes the ballot has now."""
    outcome: BallotOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteWithdrawn:
    """A member took a vote back."""

    ballot_hash: Digest
    votes: int
    """Mask of the members, by admission, whose votes the ballot still has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enacted:
    """A delayed ballot took effect."""

    ballot: Ballot
    outcome: BallotOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """A member stopped anchoring for a while."""

    until: int
    """Unix time, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlot:
    """What the contract keeps of a key; times are Unix seconds, `compromised_since` 0 = never."""

    kind: KeyKind
    number: int
    valid_from: int
    until: int
    compromised_since: int

    @classmethod
    def unpack(cls, slot: int) -> "KeySlot":
        """Read the packed word: kind(8) number(16) from(40) until(40) compromisedSince(40), lowest first."""
        forty = (1 << 40) - 1
        return cls(
            kind=KeyKind(slot & 0xFF),
            number=slot >> 8 & 0xFFFF,
            valid_from=slot >> 24 & forty,
            until=slot >> 64 & forty,
            compromised_since=slot >> 104 & forty,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChanged:
    """An issuer's key was added, retired or reported stolen by the controller."""

    issuer: IssuerCode
    key: bytes
    """32 bytes: an address (left-padded) or a JWK thumbprint."""
    slot: KeySlot


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """A batch was recorded."""

    issuer: IssuerCode
    batch: BatchId
    scope: ScopeCode
    approver: Address
    root: RootHash
    size: int
    evidence: Digest
    credential_key: KeyThumbprint


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    """Certificates of one batch were suspended, reinstated or revoked."""

    issuer: IssuerCode
    batch: BatchId
    approver: Address
    """0x00…00 for a suspension, which needs none."""
    code: int
    """The status they have now: 0 valid, 1 revoked, 2 suspended."""
    changes: tuple[int, ...]
    """Each `word << 128 | mask`: bit i of the mask is the certificate at index 128 · word + i."""
    count: int
    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Certificates were replaced by others."""

    issuer: IssuerCode
    batch: BatchId
    approver: Address
    indices: tuple[int, ...]
    target_contract: Address
    target_issuer: IssuerCode
    new_batch: BatchId
    new_indices: tuple[int, ...]
    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchChanged:
    """The flags of a whole batch changed."""

    issuer: IssuerCode
    batch: BatchId
    approver: Address
    flags: BatchFlag
    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRecorded:
    """An issuer wrote down a digest of its own: 1 audit head, 2 key ceremony."""

    issuer: IssuerCode
    kind: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignAnchored:
    """A checkpoint of this log was written on another chain."""

    chain_id: int
    size: int
    root: RootHash
    reference: Digest


type_of_op: Final[Mapping[int, type]] = {
    0: Genesis,
    1: Voted,
    2: VoteWithdrawn,
    3: Enacted,
    4: Paused,
    5: KeyChanged,
    6: Anchored,
    7: StatusChanged,
    8: Superseded,
    9: BatchChanged,
    10: DigestRecorded,
    11: ForeignAnchored,
}
"""The op word of each record kind."""

Content = (
    Genesis
    | Voted
    | VoteWithdrawn
    | Enacted
    | Paused
    | KeyChanged
    | Anchored
    | StatusChanged
    | Superseded
    | BatchChanged
    | DigestRecorded
    | ForeignAnchored
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of the history log, and where it stands."""

    position: Position
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block that will not be reorganised away."""

    number: int
    hash: BlockHash
    time: datetime
    """UTC, whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The history log at one moment (RFC 9162 tree head)."""

    size: int
    root: RootHash
