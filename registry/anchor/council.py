"""The consortium as the records show it: its members and what they decide. Contract version 1.

A pure fold over records in ascending sequence, from the first; the contract's own rules about time are kept here once
more, so that everybody can say what a ballot waits for without asking a node:
1. a ballot takes votes for 30 days from its first one;
2. it is carried when members' votes reach the threshold in that time; a decision that is not dangerous then happens at
   once, a dangerous one after the contract's delay, when a member enacts it within 30 days;
3. a withdrawal below the threshold stops the delay, reaching it again begins it anew;
4. a change of members or threshold begins an epoch: votes of former members fall away, and delays begin again with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sha3 import keccak_256  # type: ignore[import-untyped]  # has no annotations

from registry.anchor.ballots import Motion
from registry.anchor.facts import moment
from registry.anchor.history import (
    Ballot,
    BallotKind,
    BallotOutcome,
    Enacted,
    ForeignAnchored,
    Genesis,
    Paused,
    Position,
    Record,
    Voted,
    VoteWithdrawn,
)
from registry.kernel.errors import IntegrityFault
from registry.kernel.identifiers import Address, Digest

VOTING: Final = timedelta(days=30)
"""How long a ballot takes votes."""
ENACTMENT: Final = timedelta(days=30)
"""How long a decision can be enacted once its delay is over."""
PAUSE_INTERVAL: Final = timedelta(days=30)
"""How long a member must let pass between two pauses."""
_LONGEST_DELAY_SECONDS: Final = 90 * 86_400
DELAYED_KINDS: Final = frozenset(
    {
        BallotKind.ADMIT,
        BallotKind.REMOVE,
        BallotKind.THRESHOLD,
        BallotKind.WITHDRAW,
        BallotKind.SET_CONTROLLER,
        BallotKind.KEY_COMPROMISED,
        BallotKind.LIFT_BATCH_SUSPENSION,
        BallotKind.REVOKE_BATCH,
        BallotKind.REVOKE_WORD,
        BallotKind.MIGRATE,
    }
)
"""Kinds that wait for the contract's delay."""


class HistoryIncomplete(IntegrityFault):
    """Records were folded that do not begin with the contract's first, or that speak of what never was."""

    code = "history/incomplete"

    def __init__(self, seq: int, what: str) -> None:
        self.seq, self.what = seq, what
        super().__init__(f"record {seq} speaks of {what}, which no record before it tells of")


def ballot_id(ballot: Ballot) -> Digest:
    """Give the contract's name of a ballot: keccak256 over its five words."""
    words = (int(ballot.kind).to_bytes(32, "big"), ballot.subject, ballot.arg.to_bytes(32, "big"))
    return Digest(bytes(keccak_256(b"".join((*words, ballot.ref, ballot.salt))).digest()))


class BallotState(StrEnum):
    """Where a ballot stands."""

    OPEN = "open"
    """Votes are lacking, and may still come."""
    WAITING = "waiting"
    """Carried; its delay runs."""
    READY = "ready"
    """Carried, its delay is over: a member may enact it."""
    ENACTED = "enacted"
    LAPSED = "lapsed"
    """Not carried in time, or carried and not enacted in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One admission of a member; whoever leaves and comes back has two."""

    address: Address
    admission: int
    """Number of the admission, from 0: the bit of the masks of votes."""
    since: datetime
    until: datetime | None = None
    """When it ended; None = it lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotFacts:
    """A ballot that was voted on, as of the last record."""

    ballot: Ballot
    id: Digest
    opened: Position
    """Where its first vote stands."""
    deadline: datetime
    """Last moment that takes a vote."""
    votes: tuple[Address, ...]
    """Members whose votes count, in the order of their admission."""
    since: datetime | None
    """When the threshold was last reached; None = it is not."""
    enacted: Position | None
    enactable_from: datetime | None
    enactable_until: datetime | None
    """Window of enactment of a carried decision; None = not carried."""

    def state(self, at: datetime) -> BallotState:
        """Tell where it stands at a moment (UTC), if nobody does anything until then."""
        if self.enacted is not None:
            return BallotState.ENACTED
        if self.enactable_from is None or self.enactable_until is None:
            return BallotState.OPEN if at <= self.deadline else BallotState.LAPSED
        if at < self.enactable_from:
            return BallotState.WAITING
        return BallotState.READY if at <= self.enactable_until else BallotState.LAPSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """Where new batches go since the members voted to migrate."""

    contract: Address
    chain_id: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDigest:
    """What members put on record by vote: 1 trust root, 2 official hosts, 3 charter."""

    kind: int
    digest: Digest
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Council:
    """Members, rules and ballots as of the last record."""

    genesis: Genesis
    threshold: int
    """Votes that decide."""
    epoch: int
    """Number of the present epoch, from 1."""
    epoch_since: datetime
    memberships: tuple[Membership, ...]
    """All admissions ever, in order."""
    ballots: tuple[BallotFacts, ...]
    """All ballots ever voted on, oldest first."""
    pauses: tuple[tuple[Address, datetime], ...]
    """Who stopped anchoring, and when; oldest first."""
    paused_until: datetime | None
    """End of the last pause, or when members ended it; None = never paused."""
    successor: Successor | None
    digests: tuple[RecordedDigest, ...]
    foreign_anchors: tuple[tuple[ForeignAnchored, Position], ...]

    @property
    def members(self) -> tuple[Membership, ...]:
        """Who is a member now."""
        return tuple(one for one in self.memberships if one.until is None)

    @property
    def delay(self) -> timedelta:
        """How long dangerous decisions wait."""
        return _span(self.genesis.delay)

    def open_or_next(self, motion: Motion, at: datetime) -> tuple[Ballot, BallotFacts | None]:
        """Give the ballot that is open for a motion, else a new one: decided again, the same has another salt."""
        number = 0
        while True:
            ballot = motion.ballot(number.to_bytes(32, "big"))
            known = self.find(ballot)
            if known is None or known.state(at) not in (BallotState.ENACTED, BallotState.LAPSED):
                return ballot, known
            number += 1

    def is_member(self, address: Address) -> bool:
        """Tell whether an account is a member now."""
        return any(one.address == address for one in self.members)

    def find(self, ballot: Ballot) -> BallotFacts | None:
        """Find a ballot by its content; None = nobody has voted on it."""
        return next((one for one in self.ballots if one.ballot == ballot), None)

    def may_pause_from(self, member: Address) -> datetime | None:
        """Tell when a member may pause again; None = at once."""
        last = max((at for who, at in self.pauses if who == member), default=None)
        return None if last is None else _after(last, PAUSE_INTERVAL)


@dataclass(slots=True, kw_only=True)
class _Poll:
    ballot: Ballot
    opened: Position
    mask: int = 0
    since: datetime | None = None
    enacted: Position | None = None

    @property
    def deadline(self) -> datetime:
        return _after(self.opened.block_time, VOTING)


@dataclass(slots=True, kw_only=True)
class _Fold:
    genesis: Genesis
    threshold: int
    epoch_since: datetime
    epoch: int = 1
    memberships: list[Membership] = field(default_factory=list)
    polls: dict[Digest, _Poll] = field(default_factory=dict)
    pauses: list[tuple[Address, datetime]] = field(default_factory=list)
    paused_until: datetime | None = None
    successor: Successor | None = None
    digests: list[RecordedDigest] = field(default_factory=list)
    foreign: list[tuple[ForeignAnchored, Position]] = field(default_factory=list)

    def take(self, record: Record) -> None:
        position, content = record.position, record.content
        match content:
            case Voted(ballot=ballot, votes=votes, outcome=outcome):
                # 1, 2: only a vote carries, and the contract takes none after the deadline
                poll = self.polls.setdefault(ballot_id(ballot), _Poll(ballot=ballot, opened=position))
                poll.mask = votes
                if poll.since is None and votes.bit_count() >= self.threshold:
                    poll.since = position.block_time
                if outcome is BallotOutcome.ENACTED:
                    self._enact(poll, position)
            case VoteWithdrawn(ballot_hash=ballot_hash, votes=votes):
                poll = self._poll(ballot_hash, position)
                # 3
                poll.mask = votes
                if votes.bit_count() < self.threshold:
                    poll.since = None
            case Enacted(ballot=ballot):
                self._enact(self._poll(ballot_id(ballot), position), position)
            case Paused(until=until):
                self.pauses.append((position.by, position.block_time))
                self.paused_until = moment(until)
            case ForeignAnchored():
                self.foreign.append((content, position))
            case _:
                pass  # keys, batches and certificates are no business of the members' seats and ballots

    def _poll(self, id_: Digest, position: Position) -> _Poll:
        try:
            return self.polls[id_]
        except KeyError as error:
            raise HistoryIncomplete(position.seq, f"ballot {id_.hex()}") from error

    def _enact(self, poll: _Poll, position: Position) -> None:
        ballot, at = poll.ballot, position.block_time
        poll.enacted = position
        match ballot.kind:
            case BallotKind.ADMIT:
                self.memberships.append(
                    Membership(address=_address(ballot.subject), admission=len(self.memberships), since=at)
                )
                self._begin_epoch(ballot.arg, at)
            case BallotKind.REMOVE:
                self.memberships = [
                    Membership(address=one.address, admission=one.admission, since=one.since, until=at)
                    if one.until is None and one.address == _address(ballot.subject)
                    else one
                    for one in self.memberships
                ]
                self._begin_epoch(ballot.arg, at)
            case BallotKind.THRESHOLD:
                self._begin_epoch(ballot.arg, at)
            case BallotKind.UNPAUSE:
                self.paused_until = at
            case BallotKind.MIGRATE:
                self.successor = Successor(contract=_address(ballot.subject), chain_id=ballot.arg, since=at)
            case BallotKind.RECORD:
                self.digests.append(RecordedDigest(kind=ballot.arg, digest=Digest(ballot.ref), position=position))
            case _:
                pass  # what is decided about an issuer or a batch is in `registry.anchor.facts`

    def _begin_epoch(self, threshold: int, at: datetime) -> None:
        # 4
        self.threshold, self.epoch, self.epoch_since = threshold, self.epoch + 1, at
        present = sum(1 << one.admission for one in self.memberships if one.until is None)
        for poll in self.polls.values():
            if poll.enacted is None:
                poll.mask &= present
                poll.since = at if poll.mask.bit_count() >= threshold and at <= poll.deadline else None

    def facts(self, id_: Digest, poll: _Poll) -> BallotFacts:
        delay = _span(self.genesis.delay) if poll.ballot.kind in DELAYED_KINDS else timedelta()
        begins = None if poll.since is None else _after(poll.since, delay)
        return BallotFacts(
            ballot=poll.ballot,
            id=id_,
            opened=poll.opened,
            deadline=poll.deadline,
            votes=tuple(one.address for one in self.memberships if poll.mask >> one.admission & 1),
            since=poll.since,
            enacted=poll.enacted,
            enactable_from=begins,
            enactable_until=None if begins is None else _after(begins, ENACTMENT),
        )


def council_of(records: Iterable[Record]) -> Council:
    """Fold all records of a contract, from its first. Raises HistoryIncomplete."""
    fold: _Fold | None = None
    for record in records:
        if fold is not None:
            fold.take(record)
            continue
        if not isinstance(record.content, Genesis):
            raise HistoryIncomplete(record.position.seq, "a contract's life")
        at = record.position.block_time
        fold = _Fold(genesis=record.content, threshold=record.content.threshold, epoch_since=at)
        fold.memberships = [
            Membership(address=member, admission=number, since=at)
            for number, member in enumerate(record.content.members)
        ]
    if fold is None:
        raise HistoryIncomplete(0, "a contract's life")
    return Council(
        genesis=fold.genesis,
        threshold=fold.threshold,
        epoch=fold.epoch,
        epoch_since=fold.epoch_since,
        memberships=tuple(fold.memberships),
        ballots=tuple(fold.facts(id_, poll) for id_, poll in fold.polls.items()),
        pauses=tuple(fold.pauses),
        paused_until=fold.paused_until,
        successor=fold.successor,
        digests=tuple(fold.digests),
        foreign_anchors=tuple(fold.foreign),
    )


def _span(seconds: int) -> timedelta:
    """Take the contract's delay, which is at most 90 days; whatever a node says, it is a span that can be added."""
    return timedelta(seconds=min(seconds, _LONGEST_DELAY_SECONDS))


def _after(at: datetime, span: timedelta) -> datetime:
    """Add a span; beyond what a calendar knows, give its end."""
    try:
        return at + span
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _address(word: bytes) -> Address:
    return Address("0x" + word[12:].hex())
