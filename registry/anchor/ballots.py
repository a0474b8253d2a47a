"""What members can propose, as people name it, and the five words of a ballot that the contract takes for it.

Both directions, so that what is shown before signing is read back from the very words that are signed. A part that a
kind does not use is zero. Source: contract version 1, kinds of ballots.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Final

from registry.anchor.facts import address_key, code_key
from registry.anchor.history import Ballot, BallotKind
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Address, BatchId, Digest, IssuerCode, ScopeCode

_NO_WORD: Final = bytes(32)
_WORD_SIZE: Final = 128
"""Certificates of one status word."""
_TIME_BITS: Final = 40
_REASON_SHIFT: Final = 192
_LAST_TIME: Final = (1 << _TIME_BITS) - 1
_MOST_REASON: Final = 0xFFFF
_MOST_CHAIN_ID: Final = 2**64 - 1
_MOST_WORD: Final = 2**24 // _WORD_SIZE - 1


class Recorded(IntEnum):
    """What members can put on record; the numbers are the contract's."""

    TRUST_ROOT = 1
    OFFICIAL_HOSTS = 2
    CHARTER = 3


PARTS: Final[Mapping[BallotKind, tuple[str, ...]]] = {
    BallotKind.ADMIT: ("member", "threshold"),
    BallotKind.REMOVE: ("member", "threshold"),
    BallotKind.THRESHOLD: ("threshold",),
    BallotKind.ACCREDIT: ("issuer", "controller"),
    BallotKind.SUSPEND: ("issuer",),
    BallotKind.REINSTATE: ("issuer",),
    BallotKind.WITHDRAW: ("issuer", "reason"),
    BallotKind.SET_CONTROLLER: ("issuer", "controller"),
    BallotKind.GRANT_SCOPE: ("issuer", "scope", "valid_from", "until"),
    BallotKind.REVOKE_SCOPE: ("issuer", "scope"),
    BallotKind.ADD_APPROVER: ("issuer", "key", "valid_from", "until"),
    BallotKind.KEY_COMPROMISED: ("issuer", "key", "since"),
    BallotKind.SUSPEND_BATCH: ("issuer", "batch", "reason"),
    BallotKind.LIFT_BATCH_SUSPENSION: ("issuer", "batch", "reason"),
    BallotKind.REVOKE_BATCH: ("issuer", "batch", "reason"),
    BallotKind.REAFFIRM_BATCH: ("issuer", "batch", "reason"),
    BallotKind.REVOKE_WORD: ("issuer", "batch", "leaves", "reason"),
    BallotKind.UNPAUSE: (),
    BallotKind.MIGRATE: ("contract", "chain_id"),
    BallotKind.RECORD: ("recorded", "digest"),
}
"""The parts of each kind, in the order in which people name them."""


class MotionMalformed(MalformedInput):
    """A proposal lacks a part that its kind needs, has one too many, or one outside its range."""

    code = "consortium/motion-malformed"

    def __init__(self, kind: BallotKind, part: str, expected: str) -> None:
        self.kind, self.part, self.expected = kind, part, expected
        super().__init__(f"{kind_slug(kind)}: {part.replace('_', '-')}: expected {expected}")


class KindUnknown(MalformedInput):
    """No kind of ballot has that name."""

    code = "consortium/kind-unknown"

    def __init__(self) -> None:
        self.known = tuple(kind_slug(kind) for kind in BallotKind)
        super().__init__(f"expected one of {', '.join(self.known)}")


class BallotUnreadable(MalformedInput):
    """A ballot on the chain holds words that mean nothing: it can never take effect."""

    code = "consortium/ballot-unreadable"

    def __init__(self, kind: BallotKind, part: str) -> None:
        self.kind, self.part = kind, part
        super().__init__(f"the ballot's words for {kind_slug(kind)} name no {part.replace('_', ' ')}")


def kind_slug(kind: BallotKind) -> str:
    """Name a kind as the command line does: `grant-scope`."""
    return kind.name.lower().replace("_", "-")


def parse_kind(text: str) -> BallotKind:
    """Read a kind's name. Raises KindUnknown."""
    for kind in BallotKind:
        if text.lower() == kind_slug(kind):
            return kind
    raise KindUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What a ballot asks for; each kind has the parts that PARTS names, and no other."""

    kind: BallotKind
    member: Address | None = None
    threshold: int | None = None
    """1 to 128, for the time after."""
    issuer: IssuerCode | None = None
    controller: Address | None = None
    scope: ScopeCode | None = None
    key: bytes | None = None
    """32 bytes: an address (left-padded) or a JWK thumbprint."""
    valid_from: int | None = None
    """Unix seconds; the contract takes its own time where that is later."""
    until: int | None = None
    """Unix seconds, exclusive."""
    since: int | None = None
    """Unix seconds; may lie back."""
    batch: BatchId | None = None
    leaves: tuple[int, ...] | None = None
    """Ascending, all of one word: index // 128 is the same for all."""
    reason: int | None = None
    contract: Address | None = None
    chain_id: int | None = None
    recorded: Recorded | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        """Check the parts. Raises MotionMalformed."""
        for part in (one.name for one in fields(self) if one.name != "kind"):
            given, needed = getattr(self, part) is not None, part in PARTS[self.kind]
            if given != needed:
                raise MotionMalformed(self.kind, part, "a value" if needed else "none: this kind does not use it")
        for part, least, most in (
            ("threshold", 1, 128),
            ("valid_from", 0, _LAST_TIME),
            ("until", 1, _LAST_TIME),
            ("since", 1, _LAST_TIME),
            ("reason", 0, _MOST_REASON),
            ("chain_id", 1, _MOST_CHAIN_ID),
        ):
            value = getattr(self, part)
            if value is not None and not least <= value <= most:
                raise MotionMalformed(self.kind, part, f"{least} to {most}")
        if self.until is not None and self.valid_from is not None and self.until <= self.valid_from:
            raise MotionMalformed(self.kind, "until", "a time after the beginning")
        if self.leaves is not None:
            self._require_one_word(self.leaves)
        if self.kind is BallotKind.ADD_APPROVER and _account(self.key or _NO_WORD) is None:
            raise MotionMalformed(self.kind, "key", "an account's address")
        for part in ("key", "digest"):
            if getattr(self, part) == _NO_WORD:
                raise MotionMalformed(self.kind, part, "32 bytes that are not all zero")

    def _require_one_word(self, leaves: tuple[int, ...]) -> None:
        words = {leaf // _WORD_SIZE for leaf in leaves}
        if len(words) != 1 or list(leaves) != sorted(set(leaves)) or not 0 <= min(words) <= _MOST_WORD:
            raise MotionMalformed(
                self.kind, "leaves", f"one or more positions of one word of {_WORD_SIZE}, such as 128-255, each once"
            )

    def ballot(self, salt: bytes = _NO_WORD) -> Ballot:
        """Write it as the contract takes it; `salt` (32 bytes) tells it from the same decision taken before."""
        subject, ref = _NO_WORD, _NO_WORD
        for account in (self.member, self.contract):
            subject = subject if account is None else address_key(account)
        if self.issuer is not None:
            subject = code_key(self.issuer)
        if self.controller is not None:
            ref = address_key(self.controller)
        if self.scope is not None:
            ref = code_key(self.scope)
        for word in (self.key, self.batch, self.digest):
            ref = ref if word is None else word
        return Ballot(kind=self.kind, subject=subject, arg=self._arg(), ref=ref, salt=salt)

    def _arg(self) -> int:
        if self.until is not None:
            return (self.valid_from or 0) | self.until << _TIME_BITS
        if self.leaves is not None:
            mask = sum(1 << leaf % _WORD_SIZE for leaf in self.leaves)
            return (self.reason or 0) << _REASON_SHIFT | self.leaves[0] // _WORD_SIZE << _WORD_SIZE | mask
        return next(
            (
                int(one)
                for one in (self.threshold, self.reason, self.since, self.chain_id, self.recorded)
                if one is not None
            ),
            0,
        )


def motion_of(ballot: Ballot) -> Motion:
    """Read what a ballot asks for. Raises BallotUnreadable where its words can mean nothing."""
    parts: dict[str, Any] = {}
    for part in PARTS[ballot.kind]:
        value = _READERS[part](ballot)
        if value is None:
            raise BallotUnreadable(ballot.kind, part)
        parts[part] = value
    try:
        motion = Motion(kind=ballot.kind, **parts)
    except MotionMalformed as error:
        raise BallotUnreadable(ballot.kind, error.part) from error
    if motion.ballot(ballot.salt) != ballot:
        raise BallotUnreadable(ballot.kind, "such thing alone")
    return motion


def _account(word: bytes) -> Address | None:
    return None if any(word[:12]) or not any(word) else Address("0x" + word[12:].hex())


def _text(word: bytes) -> str | None:
    stripped = word.rstrip(b"\0")
    return stripped.decode("ascii") if stripped.isascii() and stripped.decode("ascii").isprintable() else None


def _reason(ballot: Ballot) -> int:
    return ballot.arg >> _REASON_SHIFT if ballot.kind is BallotKind.REVOKE_WORD else ballot.arg


def _leaves(ballot: Ballot) -> tuple[int, ...]:
    first = (ballot.arg >> _WORD_SIZE & (1 << _REASON_SHIFT - _WORD_SIZE) - 1) * _WORD_SIZE
    return tuple(first + bit for bit in range(_WORD_SIZE) if ballot.arg >> bit & 1)


def _recorded(ballot: Ballot) -> Recorded | None:
    return Recorded(ballot.arg) if ballot.arg in {one.value for one in Recorded} else None


_READERS: Final[Mapping[str, Any]] = {
    "member": lambda ballot: _account(ballot.subject),
    "contract": lambda ballot: _account(ballot.subject),
    "issuer": lambda ballot: _text(ballot.subject) or None,
    "controller": lambda ballot: _account(ballot.ref),
    "scope": lambda ballot: _text(ballot.ref) or None,
    "key": lambda ballot: ballot.ref,
    "batch": lambda ballot: BatchId(ballot.ref),
    "digest": lambda ballot: Digest(ballot.ref),
    "threshold": lambda ballot: ballot.arg,
    "valid_from": lambda ballot: ballot.arg & _LAST_TIME,
    "until": lambda ballot: ballot.arg >> _TIME_BITS,
    "since": lambda ballot: ballot.arg,
    "reason": _reason,
    "leaves": _leaves,
    "chain_id": lambda ballot: ballot.arg,
    "recorded": _recorded,
}
