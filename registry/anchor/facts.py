"""What the records of the history log add up to: an issuer's standing and keys, a batch, one certificate's life.

Pure folds over records in ascending sequence. Asking about the past = folding only the records up to then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from registry.anchor.history import (
    Anchored,
    Ballot,
    BallotKind,
    BallotOutcome,
    BatchChanged,
    BatchFlag,
    Enacted,
    KeyChanged,
    KeyKind,
    KeySlot,
    Position,
    Record,
    StatusChanged,
    Superseded,
    Voted,
)
from registry.kernel.identifiers import Address, BatchId, IssuerCode, ScopeCode
from registry.status import Status, concerns

_FORTY_BITS = (1 << 40) - 1
_BY_MEMBERS = "members"


class IssuerState(StrEnum):
    """Whether an issuer may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerStanding:
    """A state of an issuer and since when it holds (UTC)."""

    state: IssuerState
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeWindow:
    """When an issuer may record certificates of a scope; Unix seconds, `until` exclusive."""

    scope: ScopeCode
    valid_from: int
    until: int


@dataclass(slots=True, kw_only=True)
class IssuerFacts:
    """An issuer as the records show it."""

    code: IssuerCode
    standings: list[IssuerStanding] = field(default_factory=list)
    """In order of time; empty = never accredited."""
    scopes: dict[ScopeCode, ScopeWindow] = field(default_factory=dict)
    keys: dict[bytes, KeySlot] = field(default_factory=dict)
    """By key identifier of 32 bytes: a left-padded address or a JWK thumbprint."""
    controller: Address | None = None

    @property
    def state(self) -> IssuerState | None:
        """The state now; None = never accredited."""
        return self.standings[-1].state if self.standings else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFacts:
    """A batch as the records show it."""

    anchored: Anchored
    position: Position
    flags: BatchFlag
    flagged: tuple[tuple[BatchFlag, datetime, int], ...]
    """Each change of the flags: what they became, when, and the reason's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusStep:
    """One change in a certificate's life."""

    status: Status
    since: datetime
    reason: int
    seq: int
    by: str
    """Code of the issuer that did it, or `members`."""
    block: int
    successor: tuple[BatchId, int] | None = None
    """Batch and index of the certificate that replaced it."""


def _enacted(record: Record) -> Ballot | None:
    content = record.content
    if isinstance(content, Voted | Enacted) and content.outcome is BallotOutcome.ENACTED:
        return content.ballot
    return None


def _ascii(word: bytes) -> str:
    return word.rstrip(b"\0").decode("ascii", "replace")


def address_key(address: Address) -> bytes:
    """Pad an address to the 32 bytes by which the contract knows it as a key."""
    return bytes(12) + bytes.fromhex(address[2:])


def issuer_facts(records: Iterable[Record], issuer: IssuerCode) -> IssuerFacts:
    """Fold everything that concerns one issuer."""
    facts = IssuerFacts(code=issuer)
    for record in records:
        if isinstance(record.content, KeyChanged) and record.content.issuer == issuer:
            facts.keys[record.content.key] = record.content.slot
            continue
        ballot = _enacted(record)
        if ballot is not None and _ascii(ballot.subject) == issuer:
            _apply(facts, ballot, record.position.block_time)
    return facts


def _apply(facts: IssuerFacts, ballot: Ballot, at: datetime) -> None:  # noqa: PLR0912 - one case a ballot kind
    match ballot.kind:
        case BallotKind.ACCREDIT:
            facts.controller = Address("0x" + ballot.ref[12:].hex())
            facts.standings.append(IssuerStanding(state=IssuerState.ACTIVE, since=at))
        case BallotKind.SET_CONTROLLER:
            facts.controller = Address("0x" + ballot.ref[12:].hex())
        case BallotKind.SUSPEND:
            facts.standings.append(IssuerStanding(state=IssuerState.SUSPENDED, since=at))
        case BallotKind.REINSTATE:
            facts.standings.append(IssuerStanding(state=IssuerState.ACTIVE, since=at))
        case BallotKind.WITHDRAW:
            facts.standings.append(IssuerStanding(state=IssuerState.WITHDRAWN, since=at))
        case BallotKind.GRANT_SCOPE:
            scope = ScopeCode(_ascii(ballot.ref))
            start, until = _window(ballot.arg, at)
            facts.scopes[scope] = ScopeWindow(scope=scope, valid_from=start, until=until)
        case BallotKind.REVOKE_SCOPE:
            scope = ScopeCode(_ascii(ballot.ref))
            if scope in facts.scopes:
                now = int(at.timestamp()) + 1
                facts.scopes[scope] = replace(facts.scopes[scope], until=min(facts.scopes[scope].until, now))
        case BallotKind.ADD_APPROVER:
            start, until = _window(ballot.arg, at)
            facts.keys[ballot.ref] = KeySlot(
                kind=KeyKind.APPROVER, number=len(facts.keys) + 1, valid_from=start, until=until, compromised_since=0
            )
        case BallotKind.KEY_COMPROMISED:
            if ballot.ref in facts.keys:
                facts.keys[ballot.ref] = replace(facts.keys[ballot.ref], compromised_since=ballot.arg)
        case _:
            pass  # ballots about members, batches and the log itself change nothing of an issuer


def _window(arg: int, at: datetime) -> tuple[int, int]:
    return max(arg & _FORTY_BITS, int(at.timestamp())), arg >> 40 & _FORTY_BITS


def batch_facts(records: Iterable[Record], issuer: IssuerCode, batch: BatchId) -> BatchFacts | None:
    """Fold what concerns one batch as a whole; None = never recorded."""
    facts: BatchFacts | None = None
    for record in records:
        content, at = record.content, record.position.block_time
        if isinstance(content, Anchored) and (content.issuer, content.batch) == (issuer, batch):
            facts = BatchFacts(anchored=content, position=record.position, flags=BatchFlag(0), flagged=())
        if facts is None:
            continue
        change = _flag_change(record, facts.flags, issuer, batch)
        if change is not None:
            flags, reason = change
            facts = replace(facts, flags=flags, flagged=(*facts.flagged, (flags, at, reason)))
    return facts


def _flag_change(record: Record, flags: BatchFlag, issuer: IssuerCode, batch: BatchId) -> tuple[BatchFlag, int] | None:
    content = record.content
    if isinstance(content, BatchChanged) and (content.issuer, content.batch) == (issuer, batch):
        return content.flags, content.reason
    ballot = _enacted(record)
    if ballot is None or _ascii(ballot.subject) != issuer or ballot.ref != batch:
        return None
    match ballot.kind:
        case BallotKind.SUSPEND_BATCH:
            return flags | BatchFlag.SUSPENDED_BY_MEMBERS, ballot.arg
        case BallotKind.LIFT_BATCH_SUSPENSION:
            return flags & ~BatchFlag.SUSPENDED_BY_MEMBERS, ballot.arg
        case BallotKind.REVOKE_BATCH:
            return flags | BatchFlag.REVOKED, ballot.arg
        case BallotKind.REAFFIRM_BATCH:
            return flags | BatchFlag.REAFFIRMED, ballot.arg
        case _:
            return None


def certificate_life(records: Iterable[Record], issuer: IssuerCode, batch: BatchId, index: int) -> Iterator[StatusStep]:
    """Yield every change of one certificate's own status, in order."""
    for record in records:
        content, position = record.content, record.position
        at = position.block_time
        if isinstance(content, StatusChanged) and (content.issuer, content.batch) == (issuer, batch):
            if any(concerns(change, index) for change in content.changes):
                yield StatusStep(
                    status=Status(content.code),
                    since=at,
                    reason=content.reason,
                    seq=position.seq,
                    by=issuer,
                    block=position.block_number,
                )
        elif isinstance(content, Superseded) and (content.issuer, content.batch) == (issuer, batch):
            if index in content.indices:
                yield StatusStep(
                    status=Status.SUPERSEDED,
                    since=at,
                    reason=content.reason,
                    seq=position.seq,
                    by=issuer,
                    block=position.block_number,
                    successor=(content.new_batch, content.new_indices[content.indices.index(index)]),
                )
        else:
            ballot = _enacted(record)
            if (
                ballot is not None
                and ballot.kind is BallotKind.REVOKE_WORD
                and _ascii(ballot.subject) == issuer
                and ballot.ref == batch
                and concerns(ballot.arg & (1 << 192) - 1, index)
            ):
                yield StatusStep(
                    status=Status.REVOKED,
                    since=at,
                    reason=ballot.arg >> 192,
                    seq=position.seq,
                    by=_BY_MEMBERS,
                    block=position.block_number,
                )


def is_good_at(slot: KeySlot, moment: datetime) -> bool:
    """Tell whether a key stood at `moment`: from ≤ t < until and t < compromisedSince."""
    at = int(moment.timestamp())
    return slot.valid_from <= at < slot.until and not is_compromised_at(slot, moment)


def is_compromised_at(slot: KeySlot, moment: datetime) -> bool:
    """Tell whether a key counted as stolen at `moment`."""
    return bool(slot.compromised_since) and int(moment.timestamp()) >= slot.compromised_since


def moment(seconds: int) -> datetime:
    """Turn Unix seconds into a UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
