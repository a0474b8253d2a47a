"""Events of the contract as records of the history log.

An event holds its record's own words in order (the indexed ones first, as in the record), then `by` and `seq`. So the
record is rebuilt without knowing each kind: op, sender and block time, then one word for each member, where an array
stands as keccak256 over its elements. Only turning the members into values knows the kinds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from contracts import RECORDS
from node.client.abi import events
from registry.anchor.facts import moment
from registry.anchor.history import (
    Anchored,
    Ballot,
    BallotKind,
    BallotOutcome,
    BatchChanged,
    BatchFlag,
    Block,
    Content,
    DigestRecorded,
    Enacted,
    ForeignAnchored,
    Genesis,
    KeyChanged,
    KeySlot,
    Paused,
    Position,
    Record,
    StatusChanged,
    Superseded,
    Voted,
    VoteWithdrawn,
)
from registry.kernel.errors import IntegrityFault
from registry.kernel.identifiers import Address, BlockHash, IssuerCode, ScopeCode, TransactionHash
from registry.kernel.merkle import leaf_hash
from registry.status import Status


class HistoryUnreadable(IntegrityFault):
    """A node shows an event of our contract that cannot be one, or leaves one out."""

    code = "ledger/history-unreadable"

    def __init__(self, block: int, reason: str) -> None:
        self.block, self.reason = block, reason
        super().__init__(f"the contract's events cannot be read at block {block}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One log entry as a node tells it."""

    topics: tuple[bytes, ...]
    data: bytes
    transaction: TransactionHash
    block_hash: BlockHash


def block_time(seconds: int) -> datetime:
    """Turn a block's time, Unix seconds, into UTC; not one that no block has, beyond 9999-12-31. Raises ValueError."""
    time = moment(max(seconds, 0))
    if int(time.timestamp()) != seconds:
        raise ValueError("a time that no block has")
    return time


def record_of(log: Log, block: Block) -> Record:
    """Turn an event into the record it stands for. Raises HistoryUnreadable."""
    event = events().get(log.topics[0]) if log.topics else None
    if event is None:
        raise HistoryUnreadable(block.number, "an event of no known kind")
    op, words = RECORDS[event.name]
    try:
        members = [
            *(decode([kind], topic)[0] for kind, topic in zip(event.indexed, log.topics[1:], strict=True)),
            *decode(event.data, log.data),
        ]
        *own, by, seq = members
        content = content_of(event.name, own)
        record = record_bytes(op, by, int(block.time.timestamp()), zip((kind for _, kind in words), own, strict=True))
    except (DecodingError, ValueError) as error:
        raise HistoryUnreadable(block.number, f"{event.name}: {error}") from error
    return Record(
        position=Position(
            seq=seq,
            by=Address(by),
            block_number=block.number,
            block_hash=block.hash,
            block_time=block.time,
            transaction=log.transaction,
            leaf=leaf_hash(record),
        ),
        content=content,
    )


def record_bytes(op: int, sender: str, timestamp: int, members: Iterable[tuple[str, Any]]) -> bytes:
    """Write a record of the log: 32-byte words `op, sender, timestamp`, then one for each member (type, value)."""
    head = _word("uint256", op) + _word("address", sender) + _word("uint256", timestamp)
    return head + b"".join(_word(kind, value) for kind, value in members)


def _word(kind: str, value: Any) -> bytes:
    if kind.endswith("[]"):
        return keccak(b"".join(_word(kind[:-2], element) for element in value))
    if kind == "address":
        return bytes.fromhex(value[2:]).rjust(32, b"\0")
    if kind == "bytes32":
        return bytes(value)
    return int(value).to_bytes(32, "big")


def content_of(event: str, own: Sequence[Any]) -> Content:
    """Make a value of an event's own members, in the order of the record's words. Raises ValueError."""
    return _builders[event](own)


def _issuer(word: bytes) -> IssuerCode:
    # The target of a supersession elsewhere is whatever its sender wrote: one character a byte, so that the record
    # can be written again.
    return IssuerCode(word.rstrip(b"\0").decode("latin-1"))


def _ballot(own: Sequence[Any]) -> Ballot:
    kind, subject, arg, ref, salt = own[:5]
    return Ballot(kind=BallotKind(kind), subject=subject, arg=arg, ref=ref, salt=salt)


def _genesis(own: Sequence[Any]) -> Content:
    return Genesis(
        chain_id=own[0],
        contract=Address(own[1]),
        threshold=own[2],
        delay=own[3],
        members=tuple(Address(member) for member in own[4]),
        predecessor_contract=Address(own[5]),
        predecessor_size=own[6],
        predecessor_root=own[7],
    )


def _voted(own: Sequence[Any]) -> Content:
    return Voted(ballot=_ballot(own), votes=own[5], outcome=BallotOutcome(own[6]))


def _enacted(own: Sequence[Any]) -> Content:
    return Enacted(ballot=_ballot(own), outcome=BallotOutcome(own[5]))


def _key_changed(own: Sequence[Any]) -> Content:
    return KeyChanged(issuer=_issuer(own[0]), key=own[1], slot=KeySlot.unpack(own[2]))


def _anchored(own: Sequence[Any]) -> Content:
    return Anchored(
        issuer=_issuer(own[0]),
        batch=own[1],
        scope=ScopeCode(own[2].rstrip(b"\0").decode("ascii")),
        approver=Address(own[3]),
        root=own[4],
        size=own[5],
        evidence=own[6],
        credential_key=own[7],
    )


def _status_changed(own: Sequence[Any]) -> Content:
    return StatusChanged(
        issuer=_issuer(own[0]),
        batch=own[1],
        approver=Address(own[2]),
        code=int(Status(own[3])),
        changes=tuple(own[4]),
        count=own[5],
        reason=own[6],
    )


def _superseded(own: Sequence[Any]) -> Content:
    return Superseded(
        issuer=_issuer(own[0]),
        batch=own[1],
        approver=Address(own[2]),
        indices=tuple(own[3]),
        target_contract=Address(own[4]),
        target_issuer=_issuer(own[5]),
        new_batch=own[6],
        new_indices=tuple(own[7]),
        reason=own[8],
    )


def _batch_changed(own: Sequence[Any]) -> Content:
    return BatchChanged(
        issuer=_issuer(own[0]), batch=own[1], approver=Address(own[2]), flags=BatchFlag(own[3]), reason=own[4]
    )


_builders: Final[Mapping[str, Callable[[Sequence[Any]], Content]]] = {
    "Genesis": _genesis,
    "Voted": _voted,
    "VoteWithdrawn": lambda own: VoteWithdrawn(ballot_hash=own[0], votes=own[1]),
    "Enacted": _enacted,
    "Paused": lambda own: Paused(until=own[0]),
    "KeyChanged": _key_changed,
    "Anchored": _anchored,
    "StatusChanged": _status_changed,
    "Superseded": _superseded,
    "BatchChanged": _batch_changed,
    "DigestRecorded": lambda own: DigestRecorded(issuer=_issuer(own[0]), kind=own[1], digest=own[2]),
    "ForeignAnchored": lambda own: ForeignAnchored(chain_id=own[0], size=own[1], root=own[2], reference=own[3]),
}
"""Of each event, what makes a value of the record's own members."""
