"""What the model speaks of: decisions, approvals, issuers, keys, batches; with none of the contract's encodings."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NewType, TypeAlias

from eth_abi import encode
from eth_utils import keccak

from contracts import BatchFlag, FaultCode, IssuerState, KeyKind, Kind, Status

Word = NewType("Word", bytes)
"""32 bytes: a right-padded code, a left-padded address, or a digest."""
Address = NewType("Address", bytes)
"""20 bytes."""
Answer: TypeAlias = Any
View: TypeAlias = tuple[Any, ...]
"""Name of a view and its arguments."""

DAY = 86_400
VOTING_PERIOD = ENACTMENT_PERIOD = PAUSE_INTERVAL = LONGEST_APPROVAL = 30 * DAY
LONGEST_DELAY = 90 * DAY
PAUSE = 72 * 3600
LAST_TIME = 2**40 - 1
LARGEST_SIZE = 2**24 - 1
LARGEST_REASON = 2**16 - 1
ADMISSIONS = 128
NOBODY = Address(bytes(20))
NOTHING = Word(bytes(32))
NO_FLAGS = BatchFlag(0)

AT_ONCE = {
    Kind.ACCREDIT,
    Kind.SUSPEND,
    Kind.REINSTATE,
    Kind.GRANT_SCOPE,
    Kind.REVOKE_SCOPE,
    Kind.ADD_APPROVER,
    Kind.SUSPEND_BATCH,
    Kind.REAFFIRM_BATCH,
    Kind.UNPAUSE,
    Kind.RECORD,
}
"""The kinds that wait for nothing; all others wait for the delay."""

PARTS = {
    Kind.ADMIT: {"subject", "arg"},
    Kind.REMOVE: {"subject", "arg"},
    Kind.THRESHOLD: {"arg"},
    Kind.ACCREDIT: {"subject", "ref"},
    Kind.SUSPEND: {"subject"},
    Kind.REINSTATE: {"subject"},
    Kind.WITHDRAW: {"subject", "arg"},
    Kind.SET_CONTROLLER: {"subject", "ref"},
    Kind.GRANT_SCOPE: {"subject", "ref", "arg"},
    Kind.REVOKE_SCOPE: {"subject", "ref"},
    Kind.ADD_APPROVER: {"subject", "ref", "arg"},
    Kind.KEY_COMPROMISED: {"subject", "ref", "arg"},
    Kind.SUSPEND_BATCH: {"subject", "ref", "arg"},
    Kind.LIFT_BATCH_SUSPENSION: {"subject", "ref", "arg"},
    Kind.REVOKE_BATCH: {"subject", "ref", "arg"},
    Kind.REAFFIRM_BATCH: {"subject", "ref", "arg"},
    Kind.REVOKE_WORD: {"subject", "ref", "arg"},
    Kind.UNPAUSE: set(),
    Kind.MIGRATE: {"subject", "arg"},
    Kind.RECORD: {"arg", "ref"},
}
"""The parts of a ballot that each kind uses; the others are zero."""


class Refused(Exception):
    """The operation is refused; `faults` are all the reasons."""

    def __init__(self, faults: Iterable[FaultCode]) -> None:
        self.faults = frozenset(faults)
        super().__init__(", ".join(sorted(code.slug for code in self.faults)))


@dataclass(frozen=True, slots=True)
class Decision:
    """The content of a ballot."""

    kind: int
    subject: Word = NOTHING
    arg: int = 0
    ref: Word = NOTHING
    salt: Word = NOTHING

    @property
    def words(self) -> tuple[int, Word, int, Word, Word]:
        return (self.kind, self.subject, self.arg, self.ref, self.salt)

    @property
    def id(self) -> Word:
        return Word(keccak(encode(["uint256", "bytes32", "uint256", "bytes32", "bytes32"], self.words)))

    @property
    def well_formed(self) -> bool:
        if self.kind not in PARTS:
            return False
        filled = {part for part in ("subject", "arg", "ref") if getattr(self, part) not in (0, NOTHING)}
        return filled <= PARTS[Kind(self.kind)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What an approver signs: a typed message, for one contract on one chain."""

    chain_id: int
    contract: Address
    primary_type: str
    message: dict[str, Any]
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approval as it is sent. The model knows who signed what, the contract only sees the signature."""

    signer: Address
    statement: Statement
    deadline: int
    """The deadline sent, which may be another than the one signed."""
    well_formed: bool
    """Whether the signature has its only valid form."""
    signature: tuple[int, int, int]
    """v, r, s."""

    @property
    def words(self) -> tuple[int, int, int, int]:
        return (self.deadline, *self.signature)


@dataclass(slots=True, kw_only=True)
class Ballot:
    votes: set[int]
    """Seats of the members who voted."""
    deadline: int
    since: int = 0
    """When the threshold was last reached; 0 = it is not."""
    enacted: bool = False


@dataclass(slots=True, kw_only=True)
class Issuer:
    controller: Address
    suspended: bool = False
    withdrawn: bool = False
    keys: int = 0

    @property
    def state(self) -> IssuerState:
        if self.withdrawn:
            return IssuerState.WITHDRAWN_AND_SUSPENDED if self.suspended else IssuerState.WITHDRAWN
        return IssuerState.SUSPENDED if self.suspended else IssuerState.ACTIVE


@dataclass(slots=True, kw_only=True)
class Key:
    kind: KeyKind
    number: int
    start: int
    until: int
    compromised_since: int = 0

    def good(self, now: int) -> bool:
        if self.compromised_since and now >= self.compromised_since:
            return False
        return self.start <= now < self.until

    @property
    def packed(self) -> int:
        """The words of the key's record: kind(8) number(16) from(40) until(40) compromisedSince(40), lowest first."""
        fields = ((self.kind, 8), (self.number, 16), (self.start, 40), (self.until, 40), (self.compromised_since, 40))
        total = place = 0
        for value, bits in fields:
            total |= value << place
            place += bits
        return total


@dataclass(slots=True, kw_only=True)
class Batch:
    root: Word
    size: int
    anchored_at: int
    scope: Word
    seq: int
    sender: int
    approver: int
    credential: int
    nonce: int = 0
    flags: BatchFlag = NO_FLAGS
    statuses: dict[int, Status] = field(default_factory=dict)
    """Index → status, where it is not valid."""

    def status(self, index: int) -> Status:
        return self.statuses.get(index, Status.VALID)

    @property
    def stands(self) -> bool:
        return not self.flags & ~BatchFlag.REAFFIRMED


def is_address(word: bytes) -> bool:
    return word != NOTHING and word[:12] == bytes(12)


def is_code(word: bytes) -> bool:
    return re.fullmatch(rb"[!-~]+\0*", word) is not None


def padded(value: bytes | int) -> bytes:
    """A value as one word of a record: numbers and addresses on the left of nothing."""
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def array_digest(elements: Iterable[bytes | int]) -> Word:
    return Word(keccak(b"".join(map(padded, elements))))


def text(code: bytes) -> str:
    """A code as it is signed."""
    return code.rstrip(b"\0").decode("ascii", "replace")


def members_of(change: int) -> list[int]:
    """The indices that one change of a word names."""
    word, mask = divmod(change, 2**128)
    return [word * 128 + bit for bit in range(128) if mask >> bit & 1]
