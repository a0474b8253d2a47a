"""What large batches are worked on with: pieces of rows as they lie in the database, opened and written outside it.

A piece is a run of certificates whose ids follow on each other. A workbench does what a piece needs but reading it from
the database and writing it there, so that it can be sent to other processes of ours; it holds the store's keys.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from registry.batch import Reservation
from registry.credential.v1 import CredentialSigner
from registry.ports.storage import Marked, SignedCredential


class Claim(NamedTuple):
    """Whom a batch is to hold and where: what is kept of somebody before numbers are drawn."""

    admission: str
    sheet: str
    """The confirmed sheet that the result is taken from."""
    leaf: int
    status_list: int
    status_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some of a batch's certificates: those with the ids from `first_id` on."""

    first_id: int
    size: int
    drawn: bool
    """Whether their numbers are drawn and kept."""
    signed: int
    """How many of them are signed and kept."""

    @property
    def last_id(self) -> int:
        """Id of the last one."""
        return self.first_id + self.size - 1


@dataclass(slots=True, kw_only=True)
class Material:
    """Rows of a piece as they lie in the database, by the names of their tables; nothing of them is checked yet."""

    rows: Mapping[str, Sequence[tuple[Any, ...]]] = field(repr=False)
    first_id: int = 0
    claims: Sequence[Claim] = ()
    """Of a piece that is not drawn yet, in the order of their ids."""


@dataclass(slots=True, kw_only=True)
class Opened:
    """One candidate of a piece, with everything that is kept of them opened and its seals checked."""

    marked: Marked
    key: bytes = field(repr=False)
    """The person's key."""
    image: bytes | None = field(repr=False)
    """The photograph that was handed in."""
    row_id: int
    """Id of the certificate; 0 = there is none yet."""
    reservation: Reservation | None
    """None = no number is drawn yet."""
    signed: SignedCredential | None
    """None = nothing is signed yet."""
    earlier: Sequence[Marked] = ()
    """Of who stands on several sheets: the marks up to each but the last, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Rows of one table, encrypted and sealed, as they are to be kept."""

    table: str
    first_id: int
    rows: Sequence[tuple[Any, ...]] = field(repr=False)
    """In the order of their ids."""


class Workbench(Protocol):
    """Opens and writes rows of pieces; holds keys, and no connection: it may be sent to another process of ours."""

    def enrolled(self, material: Material) -> Iterator[Opened]:
        """Open applications with all their confirmed marks, and those up to each sheet; not the unmarked or erased."""
        ...

    def reserved(self, material: Material) -> Iterator[Opened]:
        """Open what a batch holds, in the order of ids, with the marks that each was reserved on; as `enrolled`."""
        ...

    def certificates(self, batch: str, reserved: Sequence[tuple[int, Reservation, bytes]]) -> Written:
        """Write rows of certificates: of each its id, what was reserved, and the person's key."""
        ...

    def credentials(self, signed: Sequence[tuple[int, str, SignedCredential, bytes]]) -> Written:
        """Write rows of credentials: of each its id, the person, what was signed, and the person's key."""
        ...


class Pieces(Protocol):
    """Reads what is to be worked on, piece by piece."""

    def workbench(self) -> Workbench:
        """Make what opens and writes rows, with the sheets as they are confirmed now."""
        ...

    def waiting(self, programme: str, level: str, rosters: Sequence[str], *, at_once: int) -> Iterator[Material]:
        """Read the applications of these rosters that are eligible and in no batch that counts, page by page.

        Photographs are not read. Who is claimed by a batch that was cut off while it was reserved is left out too.
        """
        ...

    def photographed(self, programme: str, level: str) -> bool:
        """Tell whether anybody of a level has handed in a photograph."""
        ...

    def doubled(self, programme: str, level: str) -> set[str]:
        """Name the people who have several applications of a level."""
        ...

    def certified(self, scope: str, people: Sequence[str]) -> set[str]:
        """Tell which of these people have a certificate of a scope in a batch that is not cancelled, or are claimed."""
        ...

    def on_their_way(self, scope: str, people: Sequence[str]) -> set[str]:
        """Tell which of these people have one in a batch that is neither final nor cancelled, or are claimed."""
        ...

    def next_id(self) -> int:
        """Give the id of the next certificate; those that are claimed are taken."""
        ...

    def of_batch(self, batch: str) -> list[Piece]:
        """List the pieces of a batch, in the order of ids."""
        ...

    def drawn(self, batch: str, at_once: int) -> list[Piece]:
        """Cut the certificates of a batch into pieces of at most so many, whatever was claimed for it."""
        ...

    def material(self, batch: str, piece: Piece) -> Material:
        """Read all that a piece is worked on with. Raises NotHere."""
        ...


@runtime_checkable
class LendingSigner(Protocol):
    """A signer whose key may be lent to worker processes of ours; others sign in the process that holds them."""

    def lend(self) -> Callable[[], CredentialSigner]:
        """Give what can be sent to a worker, and makes the signer there."""
        ...
