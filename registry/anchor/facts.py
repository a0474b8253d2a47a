"""What the records of the history log add up to: an issuer's standing and keys, a batch, one certificate's life.

Pure folds over records in ascending sequence. Asking about the past = folding only the records up to then.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import takewhile

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
from registry.status import Status, concerns, indices_of

_FORTY_BITS = (1 << 40) - 1
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
"""A day before the last that datetime knows, so that it can be told in any time zone."""
BY_MEMBERS = "members"
"""Stands for the author of what a vote did."""
_ABOUT_BATCHES = frozenset(
    {
        BallotKind.SUSPEND_BATCH,
        BallotKind.LIFT_BATCH_SUSPENSION,
        BallotKind.REVOKE_BATCH,
        BallotKind.REVOKE_WORD,
    }
)
"""What members can decide that changes how certificates stand."""


class IssuerState(StrEnum):
    """Whether an issuer may act. Suspension and withdrawal are independent: a withdrawn issuer can be suspended too."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    WITHDRAWN_AND_SUSPENDED = "withdrawn-and-suspended"

    @property
    def is_suspended(self) -> bool:
        """Tell whether members have suspended it."""
        return self in (IssuerState.SUSPENDED, IssuerState.WITHDRAWN_AND_SUSPENDED)

    @property
    def is_withdrawn(self) -> bool:
        """Tell whether its accreditation has ended."""
        return self in (IssuerState.WITHDRAWN, IssuerState.WITHDRAWN_AND_SUSPENDED)

    @classmethod
    def of(cls, *, suspended: bool, withdrawn: bool) -> "IssuerState":
        """Give the state of an issuer that is one, both or neither."""
        if withdrawn:
            return cls.WITHDRAWN_AND_SUSPENDED if suspended else cls.WITHDRAWN
        return cls.SUSPENDED if suspended else cls.ACTIVE


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

    @property
    def suspended_since(self) -> datetime | None:
        """Since when it is suspended without a break; None = it is not."""
        return self._since(lambda state: state.is_suspended)

    @property
    def withdrawn_since(self) -> datetime | None:
        """Since when its accreditation has ended; None = it has not."""
        return self._since(lambda state: state.is_withdrawn)

    def _since(self, holds: Callable[[IssuerState], bool]) -> datetime | None:
        run = list(takewhile(lambda standing: holds(standing.state), reversed(self.standings)))
        return run[-1].since if run else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFacts:
    """A batch as the records show it."""

    anchored: Anchored
    position: Position
    flags: BatchFlag
    flagged: tuple[tuple[BatchFlag, datetime, int], ...]
    """Each change of the flags: what they became, when, and the reason's number."""

    def raised(self, flag: BatchFlag) -> tuple[datetime, int] | None:
        """Give time and reason of the change that last set `flag`, whether or not it is set now; None = never set."""
        last, before = None, BatchFlag(0)
        for flags, since, reason in self.flagged:
            if flag & flags & ~before:
                last = since, reason
            before = flags
        return last


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
    successor_issuer: IssuerCode | None = None
    """Whose batch that is."""
    successor_contract: Address | None = None
    """In which contract; on this chain or, where it is not this contract, on any."""


def _enacted(record: Record) -> Ballot | None:
    content = record.content
    if isinstance(content, Voted | Enacted) and content.outcome is BallotOutcome.ENACTED:
        return content.ballot
    return None


def _ascii(word: bytes) -> str:
    return word.rstrip(b"\0").decode("ascii", "replace")


def code_key(code: str) -> bytes:
    """Pad an ASCII code to the 32 bytes by which the contract knows it: zeros to the right."""
    return code.encode("ascii").ljust(32, b"\0")


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


def _apply(facts: IssuerFacts, ballot: Ballot, at: datetime) -> None:
    match ballot.kind:
        case BallotKind.ACCREDIT:
            facts.controller = Address("0x" + ballot.ref[12:].hex())
            _stand(facts, at, suspended=False, withdrawn=False)
        case BallotKind.SET_CONTROLLER:
            facts.controller = Address("0x" + ballot.ref[12:].hex())
        case BallotKind.SUSPEND:
            _stand(facts, at, suspended=True)
        case BallotKind.REINSTATE:
            _stand(facts, at, suspended=False)
        case BallotKind.WITHDRAW:
            _stand(facts, at, withdrawn=True)
        case BallotKind.GRANT_SCOPE:
            scope = ScopeCode(_ascii(ballot.ref))
            start, until = _window(ballot.arg, at)
            facts.scopes[scope] = ScopeWindow(scope=scope, valid_from=start, until=until)
        case BallotKind.REVOKE_SCOPE:
            scope = ScopeCode(_ascii(ballot.ref))
            if scope in facts.scopes:
                facts.scopes[scope] = replace(facts.scopes[scope], until=int(at.timestamp()))
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


def _stand(facts: IssuerFacts, at: datetime, *, suspended: bool | None = None, withdrawn: bool | None = None) -> None:
    """Change one of the two, keep the other."""
    state = facts.state or IssuerState.ACTIVE
    changed = IssuerState.of(
        suspended=state.is_suspended if suspended is None else suspended,
        withdrawn=state.is_withdrawn if withdrawn is None else withdrawn,
    )
    facts.standings.append(IssuerStanding(state=changed, since=at))


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


def batch_flags(records: Iterable[Record], issuer: IssuerCode, batch: BatchId) -> BatchFlag:
    """Give what holds for a batch as a whole after these records; nothing does of one that was never recorded."""
    facts = batch_facts(records, issuer, batch)
    return facts.flags if facts is not None else BatchFlag(0)


def joint_status(own: Status, flags: BatchFlag) -> Status:
    """Join a certificate's own status with what holds for its batch: revoked, else superseded, else suspended."""
    if own is Status.REVOKED or flags & BatchFlag.REVOKED:
        return Status.REVOKED
    if own is not Status.VALID:
        return own
    suspended = flags & (BatchFlag.SUSPENDED_BY_ISSUER | BatchFlag.SUSPENDED_BY_MEMBERS)
    return Status.SUSPENDED if suspended else Status.VALID


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
                    successor_issuer=content.target_issuer,
                    successor_contract=content.target_contract,
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
                    by=BY_MEMBERS,
                    block=position.block_number,
                )


def own_status(records: Iterable[Record], issuer: IssuerCode, batch: BatchId, index: int) -> Status:
    """Give one certificate's own status after these records, whatever holds for its batch."""
    status = Status.VALID
    for step in certificate_life(records, issuer, batch, index):
        status = step.status
    return status


def succession(
    records: Iterable[Record], issuer: IssuerCode, contract: Address, batch: BatchId, index: int
) -> Record | None:
    """Find the record by which a certificate took the place of another of the same issuer; None = there is none.

    It is one record, so that no reader ever sees both standing, or neither.
    """
    for record in records:
        content = record.content
        if (
            isinstance(content, Superseded)
            and content.issuer == content.target_issuer == issuer
            and (content.target_contract, content.new_batch) == (contract, batch)
            and index in content.new_indices
        ):
            return record
    return None


def changed_statuses(records: Iterable[Record], issuer: IssuerCode, batch: BatchId) -> dict[int, Status]:
    """Give the own status of every certificate of a batch whose status was ever changed, by leaf index."""
    changed: dict[int, Status] = {}
    for record in records:
        content = record.content
        if isinstance(content, StatusChanged) and (content.issuer, content.batch) == (issuer, batch):
            for change in content.changes:
                changed |= dict.fromkeys(indices_of(change), Status(content.code))
        elif isinstance(content, Superseded) and (content.issuer, content.batch) == (issuer, batch):
            changed |= dict.fromkeys(content.indices, Status.SUPERSEDED)
        elif (
            (ballot := _enacted(record)) is not None
            and ballot.kind is BallotKind.REVOKE_WORD
            and (_ascii(ballot.subject), ballot.ref) == (issuer, batch)
        ):
            changed |= dict.fromkeys(indices_of(ballot.arg & (1 << 192) - 1), Status.REVOKED)
    return changed


def touched_batch(record: Record, issuer: IssuerCode) -> BatchId | None:
    """Name the batch of `issuer` in which a record may have changed a certificate's standing; None = in none."""
    content = record.content
    if isinstance(content, StatusChanged | Superseded | BatchChanged):
        return content.batch if content.issuer == issuer else None
    ballot = _enacted(record)
    if ballot is None or ballot.kind not in _ABOUT_BATCHES or _ascii(ballot.subject) != issuer:
        return None
    return BatchId(ballot.ref)


def is_good_at(slot: KeySlot, moment: datetime) -> bool:
    """Tell whether a key stood at `moment`: from ≤ t < until and t < compromisedSince."""
    at = int(moment.timestamp())
    return slot.valid_from <= at < slot.until and not is_compromised_at(slot, moment)


def is_compromised_at(slot: KeySlot, moment: datetime) -> bool:
    """Tell whether a key counted as stolen at `moment`."""
    return bool(slot.compromised_since) and int(moment.timestamp()) >= slot.compromised_since


def moment(seconds: int) -> datetime:
    """Turn Unix seconds into a UTC time; what lies beyond 9999-12-31 (40 bits reach the year 36812) becomes that."""
    return datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC)
