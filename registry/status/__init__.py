"""The standing of a certificate: the one table of codes, the moves between them, the published reasons.

One table everywhere (contract, database, API). The low bit set means final: one mask test refuses every forbidden move.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from itertools import groupby
from typing import Final

from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal


class Status(IntEnum):
    """Standing of one certificate, two bits; the numbers are the contract's."""

    VALID = 0
    REVOKED = 1
    SUSPENDED = 2
    SUPERSEDED = 3

    @property
    def word(self) -> str:
        """The status in lower case, as interfaces show it."""
        return self.name.lower()

    @property
    def is_final(self) -> bool:
        """Tell whether nothing can change it any more."""
        return bool(self & 1)


allowed_moves: Final[Mapping[Status, frozenset[Status]]] = {
    Status.VALID: frozenset({Status.SUSPENDED, Status.REVOKED, Status.SUPERSEDED}),
    Status.SUSPENDED: frozenset({Status.VALID, Status.REVOKED, Status.SUPERSEDED}),
    Status.REVOKED: frozenset(),
    Status.SUPERSEDED: frozenset(),
}
"""From each status, where it may go."""


class Reason(IntEnum):
    """Published grounds of a status change; 0 and 1 follow RFC 5280, 32 and above are ours."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    ISSUED_IN_ERROR = 32
    MISCONDUCT = 33
    HOLDERS_REQUEST = 34
    INVESTIGATION = 35
    INVESTIGATION_CLOSED = 36
    CORRECTION = 37
    RENEWAL = 38

    @property
    def slug(self) -> str:
        """The reason as one lower-case word with hyphens, as the command line takes it."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def parse(cls, text: str) -> "Reason":
        """Read a slug or a number. Raises ReasonUnknown."""
        for reason in cls:
            if text.lower() == reason.slug or text == str(reason.value):
                return reason
        raise ReasonUnknown(text)


grounds: Final[Mapping[Status, frozenset[Reason]]] = {
    Status.VALID: frozenset({Reason.UNSPECIFIED, Reason.INVESTIGATION_CLOSED, Reason.ISSUED_IN_ERROR}),
    Status.REVOKED: frozenset(
        {
            Reason.UNSPECIFIED,
            Reason.KEY_COMPROMISE,
            Reason.ISSUED_IN_ERROR,
            Reason.MISCONDUCT,
            Reason.HOLDERS_REQUEST,
        }
    ),
    Status.SUSPENDED: frozenset(
        {Reason.UNSPECIFIED, Reason.KEY_COMPROMISE, Reason.HOLDERS_REQUEST, Reason.INVESTIGATION}
    ),
    Status.SUPERSEDED: frozenset({Reason.CORRECTION, Reason.RENEWAL}),
}
"""What may be said for a move to each status; a suspension that was itself a mistake ends as issued in error."""
IN_WORD: Final = 128
"""Certificates of a batch whose statuses the contract keeps in one word."""
MOST_WORDS: Final = 128
"""Most words that one call of the contract changes."""
MOST_BATCHES: Final = 128
"""Most batches that one call of the contract reinstates."""
needs_approval: Final = frozenset({Status.VALID, Status.REVOKED, Status.SUPERSEDED})
"""Moves to these need a second person and the approver's signature; a suspension does not."""


class ReasonUnknown(MalformedInput):
    """The ground named is not in the published table."""

    code = "status/reason-unknown"

    def __init__(self, given: str) -> None:
        self.known = tuple(reason.slug for reason in Reason)
        super().__init__(f"no such reason ({len(given)} characters given); known: {', '.join(self.known)}")


class GroundUnfit(RuleRefusal):
    """The ground named does not go with the move."""

    code = "status/ground-unfit"

    def __init__(self, wanted: Status, reason: Reason) -> None:
        self.wanted, self.reason = wanted, reason
        self.fit = tuple(one.slug for one in sorted(grounds[wanted]))
        super().__init__(f"{reason.slug} is no ground for {wanted.word}; grounds are: {', '.join(self.fit)}")


class MoveForbidden(Conflict):
    """A certificate cannot go from where it is to where it is asked to go."""

    code = "status/move-forbidden"

    def __init__(self, current: Status, wanted: Status) -> None:
        self.current, self.wanted = current, wanted
        super().__init__(f"a certificate that is {current.word} cannot become {wanted.word}")


class AlreadyThere(Conflict):
    """A certificate has the status already that it is asked to get."""

    code = "status/already"

    def __init__(self, wanted: Status) -> None:
        self.wanted = wanted
        super().__init__(f"the certificate is {wanted.word} already")


def require_move(current: Status, wanted: Status) -> None:
    """Check that `current` → `wanted` is allowed. Raises AlreadyThere, MoveForbidden."""
    if current is wanted:
        raise AlreadyThere(wanted)
    if wanted not in allowed_moves[current]:
        raise MoveForbidden(current, wanted)


def require_ground(wanted: Status, reason: Reason) -> None:
    """Check that `reason` may be given for a move to `wanted`. Raises GroundUnfit."""
    if reason not in grounds[wanted]:
        raise GroundUnfit(wanted, reason)


def changes_of(indices: Iterable[int]) -> tuple[int, ...]:
    """Pack leaf indices into the contract's changes: `word << 128 | mask`, 128 certificates a word, ascending words."""
    masks: dict[int, int] = {}
    for index in indices:
        word, bit = divmod(index, IN_WORD)
        masks[word] = masks.get(word, 0) | 1 << bit
    return tuple(word << IN_WORD | masks[word] for word in sorted(masks))


def calls_of(indices: Iterable[int]) -> Iterator[list[int]]:
    """Cut leaf indices into what one call of the contract takes each: at most 128 words, in ascending order."""
    words = [list(word) for _, word in groupby(sorted(indices), key=lambda index: index // IN_WORD)]
    for first in range(0, len(words), MOST_WORDS):
        yield [index for word in words[first : first + MOST_WORDS] for index in word]


def indices_of(change: int) -> Iterator[int]:
    """Give the leaf indices that one packed change covers, ascending."""
    first, mask = (change >> IN_WORD) * IN_WORD, change & (1 << IN_WORD) - 1
    while mask:
        lowest = mask & -mask
        yield first + lowest.bit_length() - 1
        mask ^= lowest


def concerns(change: int, index: int) -> bool:
    """Tell whether one packed change covers the certificate at `index`."""
    word, bit = divmod(index, IN_WORD)
    return change >> IN_WORD == word and bool(change >> bit & 1)
