"""What the workflows keep: a unit of work is a transaction; nothing is kept unless its block ends without error."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from registry.anchor.history import Block, Record
from registry.anchor.operations import Approval, SignedTransaction
from registry.anchor.progress import Batch, Placement, RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.anchor.trust import TrustRoot
from registry.batch import Reservation
from registry.enrolment import Candidate, Decision
from registry.kernel.errors import Conflict, Missing, Unavailable
from registry.kernel.identifiers import (
    BatchId,
    CertificateKey,
    Digest,
    IssuerCode,
    LeafHash,
    RootHash,
    TransactionHash,
)
from registry.kernel.merkle import InclusionProof
from registry.kernel.progress import Progress, unheard
from registry.ports.access import Accounts, Jobs, Shares
from registry.ports.alarms import Alarms
from registry.ports.enrolments import Judgements, ProgrammeFiles
from registry.ports.examinations import Corrections, ExamSessions
from registry.ports.replacements import Replacements
from registry.ports.sending import Outbox, Senders
from registry.ports.talents import Talents
from registry.ports.tasks import Tasks
from registry.ports.training import Admissions, Courses

if TYPE_CHECKING:
    from registry.ports.issuing import Claim, Piece, Pieces, Written

NOBODY: Final[Mapping[int, str]] = MappingProxyType({})
"""No candidate is known by another identity than the roster's."""


class NotHere(Missing):
    """Nothing of that kind has that name."""

    code = "store/not-here"

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"no such {kind}: {name}")


class DiskLow(Unavailable):
    """Less is free on the disk than what was accepted may need: nothing new is taken, what was accepted goes on."""

    code = "store/disk-low"
    retry_after_seconds = 300

    def __init__(self, free: int, floor: int) -> None:
        self.free, self.floor = free, floor
        super().__init__(f"{free >> 20} MiB are free on the disk: below {floor >> 20} MiB nothing new is accepted")


class KeyReused(Conflict):
    """An idempotency key was used before for something else."""

    code = "store/idempotency-key-reused"

    def __init__(self, key: str, earlier: str) -> None:
        self.key, self.earlier = key, earlier
        super().__init__(f"the idempotency key was used before for another request, {earlier}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """One imported file of candidates."""

    id: str
    programme: str
    programme_version: str
    programme_digest: Digest
    file_digest: Digest
    rows: int
    imported_by: str
    imported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One person's application for one level, and what was decided about it."""

    admission: str
    """Admission number (准考证号), digits only."""
    roster: str
    line: int
    person: str
    candidate: Candidate
    level: str
    programme: str
    eligible: bool | None
    """None = not decided yet."""
    rule: str | None
    """The rule that held; None also where somebody is admitted though none did."""
    decided_by: str | None

    @property
    def overridden(self) -> bool:
        """Whether two people have admitted the candidate though no rule held."""
        return self.eligible is True and self.rule is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One file of marks."""

    id: str
    file_digest: Digest
    examined_on: date
    rows: int
    entered_by: str
    entered_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    returned: "SheetReturn | None" = None
    """Set: it was sent back, or taken back by who entered it, and counts for nothing."""

    @property
    def waits(self) -> bool:
        """Whether it waits for its second person."""
        return self.confirmed_by is None and self.returned is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetReturn:
    """That a sheet of marks was sent back before anybody confirmed it."""

    by: str
    at: datetime
    reason: str | None = field(repr=False)
    """Free text; None = forgotten, since somebody on the sheet was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One mark of one application in one paper."""

    admission: str
    paper: str
    hundredths: int | None
    """None = absent; of LISTED in place of a paper: None = on the list, TAKEN_OFF = no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """An application with its confirmed marks, ready to be judged."""

    application: Application
    sheet: Sheet
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCredential:
    """A credential just signed, to be kept."""

    leaf: int
    jwt: str
    digest: Digest
    disclosures: Mapping[str, str]
    """Member → disclosure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCertificate:
    """A certificate as it is kept: its numbers, its signed bytes once there are any, its batch."""

    reservation: Reservation
    batch: Batch
    person: str
    """The registry's person whose certificate it is; no secret and no personal data."""
    jwt: str | None
    digest: Digest | None
    disclosures: Mapping[str, str] | None
    """Member → disclosure; None = not signed yet, or erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One line of the hash-chained journal of what people did here."""

    seq: int
    at: datetime
    person: str
    action: str
    subject: str
    detail: dict[str, str | int]
    previous: Digest
    hash: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionHead:
    """Up to where the chain's records have been read."""

    trust_root: TrustRoot
    first_block_time: datetime
    block: Block
    read_at: datetime
    nodes: int


class Enrolments(Protocol):
    """Rosters, people, applications."""

    def add_roster(
        self,
        roster: Roster,
        candidates: Sequence[tuple[int, Candidate]],
        progress: Progress = unheard,
        *,
        known: Mapping[int, str] = NOBODY,
    ) -> list[str]:
        """Keep a roster and its candidates (with their line); return the admission numbers, in order.

        `known`: who somebody is, by line, where another identity is kept of them.
        """
        ...

    def roster_of_file(self, file_digest: Digest) -> Roster | None:
        """Find the roster that a file was taken as."""
        ...

    def rosters(self) -> list[Roster]:
        """List all rosters, oldest first."""
        ...

    def newest_rosters(self, *, first: int = 0, most: int) -> list[Roster]:
        """List rosters, newest first: at most `most` of them from the `first` (from 0) on."""
        ...

    def count_rosters(self) -> int:
        """Count all rosters, whether they can be read or not."""
        ...

    def programme_digests(self) -> set[Digest]:
        """Which programme versions there are rosters of, by the digests of their files."""
        ...

    def roster(self, roster_id: str) -> Roster:
        """Find one. Raises NotHere."""
        ...

    def applications(
        self,
        *,
        roster: str | None = None,
        level: str | None = None,
        eligible: bool | None = None,
        undecided: bool = False,
        first: int = 0,
        most: int | None = None,
    ) -> Iterator[Application]:
        """List applications in the order of their admission numbers: `most` of them from the `first` (from 0) on."""
        ...

    def of_admissions(self, admissions: Sequence[str]) -> list[Application]:
        """Find applications, without those that there are not or whose person was erased."""
        ...

    def tally(self, *, roster: str | None = None, level: str | None = None) -> dict[bool | None, int]:
        """Count applications that are eligible, refused, and (None) not decided yet; without those of the erased."""
        ...

    def still_open(
        self, programme: str, candidates: Sequence[Candidate], *, known: Mapping[int, str] = NOBODY
    ) -> set[int]:
        """Which candidates (by line) have an application for their level undecided, or eligible and without marks.

        `known`: who somebody is, by line, where another identity is kept of them.
        """
        ...

    def application(self, admission: str) -> Application:
        """Find one. Raises NotHere."""
        ...

    def findings(self, admission: str) -> list[dict[str, str | bool]]:
        """What a decision found, condition by condition: `rule condition held zh en`. Raises NotHere."""
        ...

    def decide(self, admission: str, decision: Decision, person_deciding: str, at: datetime) -> None:
        """Write down a decision, once."""
        ...

    def admit_all_the_same(self, admission: str) -> None:
        """Let a refused application count as eligible; what was found stays. Raises NotHere, StateMoved."""
        ...

    def erase(self, person_id: str, at: datetime) -> None:
        """Delete what is known of a person, the salts of their commitments and their key. Raises NotHere."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """A candidate's photograph as it was handed in with an application."""

    admission: str
    media_type: str
    """`image/jpeg`."""
    image: bytes
    """The file's bytes; a certificate names their SHA-256."""


class Portraits(Protocol):
    """Candidates' photographs, encrypted under the person's key."""

    def put(self, portrait: Portrait, *, person: str, at: datetime) -> None:
        """Keep a photograph, in place of an earlier one of the application; `person` hands it in.

        Raises NotHere, PersonErased.
        """
        ...

    def of(self, admissions: Sequence[str]) -> dict[str, Portrait]:
        """Give the photographs of applications, without those that have none or whose person was erased."""
        ...

    def count(self, roster: str) -> int:
        """How many applications of a roster have a photograph."""
        ...


class Marks(Protocol):
    """Sheets and scores; scores are only ever added."""

    def add_sheet(self, sheet: Sheet, marks: Sequence[Mark]) -> None:
        """Keep a sheet."""
        ...

    def sheet_of_file(self, file_digest: Digest) -> Sheet | None:
        """Find the sheet that a file was taken as and that was not returned."""
        ...

    def sheet(self, sheet_id: str) -> Sheet:
        """Find one. Raises NotHere."""
        ...

    def sheets(self) -> list[Sheet]:
        """List all sheets, oldest first."""
        ...

    def newest_sheets(self, *, first: int = 0, most: int) -> list[Sheet]:
        """List sheets, newest first: at most `most` of them from the `first` (from 0) on."""
        ...

    def waiting_sheets(self) -> list[Sheet]:
        """List the sheets that wait for their second person, oldest first."""
        ...

    def count_sheets(self, *, waiting: bool = False) -> int:
        """Count all sheets, whether they can be read or not; `waiting`: those that wait for their second person."""
        ...

    def confirm(self, sheet_id: str, person: str, at: datetime) -> None:
        """Write down the second person's confirmation."""
        ...

    def send_back(self, sheet_id: str, returned: SheetReturn) -> None:
        """Write down that a sheet was returned, once; its marks count no more. Raises StateMoved."""
        ...

    def marks(self, sheet_id: str) -> list[Mark]:
        """List a sheet's marks."""
        ...

    def scopes(self, sheet_id: str) -> list[tuple[str, str]]:
        """List programme and level of everybody on a sheet, also of those who were erased, each once, in order."""
        ...

    def awaited(self, programme: str) -> dict[str, str]:
        """Which eligible applications of a programme stand on no sheet that counts: admission number → level."""
        ...

    def count_awaited(self, programme: str) -> int:
        """How many eligible applications of a programme stand on no sheet that counts."""
        ...

    def count_unbatched(self, programme: str) -> dict[str, int]:
        """How many eligible applications of each level stand on a confirmed sheet and in no batch that counts.

        Whether they passed is not looked at.
        """
        ...

    def confirmed(self, programme: str, level: str) -> Iterator[Marked]:
        """List eligible applications that have confirmed marks and no certificate in a batch that still counts."""
        ...

    def marked(self, batch_id: str, sheet_of: Mapping[str, str] | None = None) -> dict[str, Marked]:
        """The applications of a batch with the marks that each was reserved on, by admission number.

        `sheet_of`: only these, each with the sheet that it was reserved on.
        """
        ...

    def rested_on(self, sheet_of: Mapping[str, str]) -> dict[str, Marked]:
        """Applications with their marks up to a sheet as they are now: admission number → sheet, → with its marks."""
        ...


class Batches(Protocol):
    """Batches, certificates, trees."""

    def reserve(
        self, batch: Batch, reservations: Iterable[Reservation] = (), *, claims: "Iterable[Sequence[Claim]]" = ()
    ) -> None:
        """Keep a batch in state `reserved`: with all its numbers, or with claims that they are drawn for later."""
        ...

    def add_certificates(self, batch_id: str, written: "Written") -> bool:
        """Keep the certificates of a claimed piece; False = another run has kept the piece. Raises StateMoved."""
        ...

    def used_status_indices(self, status_list: int) -> set[int]:
        """Which entries of a status list are taken."""
        ...

    def status_lists(self) -> int:
        """How many status lists are begun; they are numbered from 0."""
        ...

    def status_places(self, batch: BatchId, leaves: Iterable[int] | None = None) -> dict[int, tuple[int, int]]:
        """Where certificates of a batch stand in the status lists: leaf → list and index; no leaves named = all."""
        ...

    def by_status_place(self, status_list: int, index: int) -> StoredCertificate | None:
        """Find by place in a status list."""
        ...

    def of_key(self, idempotency_key: str) -> Batch | None:
        """Find the batch that a request led to."""
        ...

    def batch(self, batch_id: str) -> Batch:
        """Find one by our own name for it. Raises NotHere."""
        ...

    def of_chain(self, batch: BatchId) -> Batch | None:
        """Find one by its id on chain."""
        ...

    def batches(self, *states: AnchorState) -> list[Batch]:
        """List batches, oldest first; no state named = all."""
        ...

    def names(self) -> list[str]:
        """Our names of all batches, oldest first, whether they can be read or not."""
        ...

    def reservations(self, batch_id: str) -> list[Reservation]:
        """List a batch's reservations in leaf order; those of erased people have empty salts."""
        ...

    def add_credentials(self, batch_id: str, signed: "Iterable[SignedCredential] | Written") -> set[int]:
        """Keep signed credentials, or the rows of a piece of them; those that are kept already stay as they are.

        Returns the ids of those that were kept before.
        """
        ...

    def signed_leaves(self, batch_id: str) -> set[int]:
        """Which leaves are signed and kept already."""
        ...

    def digests(self, batch_id: str) -> list[Digest]:
        """The digests in leaf order."""
        ...

    def seal(self, batch_id: str, *, root: RootHash, manifest: bytes, levels: Sequence[bytes]) -> None:
        """Keep the tree and the manifest: reserved → sealed."""
        ...

    def approve(self, batch_id: str, *, person: str, at: datetime, approval: Approval) -> None:
        """Sealed → approved; also failed → approved, and approved anew once the kept approval has lapsed."""
        ...

    def sign(self, batch_id: str, transaction: SignedTransaction, at: datetime) -> None:
        """Approved → signed; the transaction's bytes are kept."""
        ...

    def move(
        self,
        batch_id: str,
        current: AnchorState,
        wanted: AnchorState,
        *,
        failure: str | None = None,
        seen_in: Block | None = None,
    ) -> None:
        """Take one step of the state table; `seen_in`: the block that it is included in.

        Raises StateMoved where another took it first.
        """
        ...

    def see(self, batch_id: str, block: Block) -> None:
        """Note that an included batch is in another block now. Raises StateMoved where it is included no more."""
        ...

    def place(self, batch_id: str, placement: Placement) -> None:
        """Included → final."""
        ...

    def deliver(self, batch_id: str, at: datetime) -> None:
        """Write down that every bundle has been written."""
        ...

    def proof(self, batch_id: str, leaf: int) -> InclusionProof:
        """Read one leaf's path from the kept tree."""
        ...

    def leaves(self, batch_id: str) -> list[LeafHash]:
        """The tree's lowest level."""
        ...

    def reserved(self, admissions: Iterable[str]) -> set[str]:
        """Which applications have a certificate in a batch that is not cancelled: what it is made of may not change."""
        ...

    def has_erased(self, batch_id: str) -> bool:
        """Tell whether somebody was erased who has a certificate in a batch, or a place for one. Checks no seal."""
        ...

    def held_elsewhere(self, batch_id: str) -> int:
        """Of how many certificates of a batch the application has another one, in a batch that is not cancelled."""
        ...

    def certified(self, admissions: Iterable[str]) -> set[str]:
        """Which applications have a certificate in a final batch."""
        ...

    def held_by(self, person: str, programme: str) -> list[tuple[str, BatchId, int]]:
        """What a person holds of a programme by final batches: level, batch on chain, leaf."""
        ...

    def certificates(
        self, *, batch_id: str | None = None, after: int = 0, limit: int | None = None
    ) -> Iterator[StoredCertificate]:
        """List certificates in the order of issue."""
        ...

    def reservations_of(self, batch_id: str, piece: "Piece") -> list[Reservation]:
        """List the reservations of a piece of a batch, in the order of issue; those of erased people lack salts."""
        ...

    def of_piece(self, batch_id: str, piece: "Piece") -> Iterator[StoredCertificate]:
        """List the certificates of a piece of a batch (`Pieces.of_batch`), in the order of issue."""
        ...

    def by_number(self, number: str, revision: int | None = None) -> StoredCertificate | None:
        """Find by number: a named revision, or the latest that is on the chain, or else the latest."""
        ...

    def of_person(self, person: str) -> Sequence[StoredCertificate]:
        """All certificates of a person, the newest first, every revision."""
        ...

    def by_key(self, key: CertificateKey) -> StoredCertificate | None:
        """Find by certificate key."""
        ...

    def shown_by_number(self, number: str) -> StoredCertificate | None:
        """Find by number what a stranger may be shown: as `by_number`, without what is unsent or erased."""
        ...

    def shown_before(self, number: str, revision: int | None) -> StoredCertificate | None:
        """Find what a stranger may be shown of what stood under a number: the newest before a revision; None = of all.

        A revision that never took the place of the one before it never stood.
        """
        ...

    def drawn(self) -> StoredCertificate | None:
        """Draw some certificate that a look-up could find; None = there is none."""
        ...

    def by_leaf(self, batch: BatchId, leaf: int) -> StoredCertificate | None:
        """Find by place on chain."""
        ...


class StatusRequests(Protocol):
    """Asked-for status changes."""

    def add(self, request: StatusRequest) -> None:
        """Keep a request."""
        ...

    def request(self, request_id: str) -> StatusRequest:
        """Find one. Raises NotHere."""
        ...

    def requests(self, *states: RequestState) -> list[StatusRequest]:
        """List requests, oldest first; no state named = all."""
        ...

    def names(self) -> list[str]:
        """Names of all requests, oldest first, whether they can be read or not."""
        ...

    def onto(self, batch: BatchId) -> list[StatusRequest]:
        """List the supersessions whose successors stand in a batch, oldest first."""
        ...

    def concerning(self, number: str, batch: BatchId) -> list[StatusRequest]:
        """List requests that name a certificate, or the whole of its batch, oldest first."""
        ...

    def open_on(self, batch: BatchId) -> list[StatusRequest]:
        """List requests on a batch or on certificates of it that are not finished, oldest first."""
        ...

    def approve(
        self, request_id: str, *, person: str, at: datetime, approval: Approval, status_nonces: tuple[int, ...]
    ) -> None:
        """Requested → approved; also approved anew, once the kept approval has lapsed or is for other nonces."""
        ...

    def sign(self, request_id: str, transaction: SignedTransaction, at: datetime) -> None:
        """Approved (or requested, for a suspension) → signed; the transaction's bytes are kept."""
        ...

    def move(
        self,
        request_id: str,
        current: RequestState,
        wanted: RequestState,
        *,
        seq: int | None = None,
        transaction: TransactionHash | None = None,
        failure: str | None = None,
    ) -> None:
        """Take one step; `seq` and `transaction` say what recorded it. Raises StateMoved."""
        ...


class Projection(Protocol):
    """The chain's final records, kept here so that a verdict asks nobody."""

    def head(self) -> ProjectionHead | None:
        """Up to where the chain has been read; None = never."""
        ...

    def extend(self, head: ProjectionHead, records: Iterable[Record]) -> None:
        """Keep more records and the new head. Raises StateMoved where more than that has been read already."""
        ...

    def replace(self, head: ProjectionHead, records: Iterable[Record], *, after: int) -> None:
        """Drop all but the first `after` records, and keep these and the new head, wherever that is."""
        ...

    def size(self) -> int:
        """How many records are kept."""
        ...

    def unreadable(self) -> list[int]:
        """Which records do not carry the seal of their content, by their sequences, ascending; `records` stops there.

        For whoever writes them anew.
        """
        ...

    def records(self, *, first: int = 0, last: int | None = None) -> Iterator[Record]:
        """All records in ascending sequence."""
        ...

    def records_of(self, kind: type) -> Iterator[Record]:
        """All records with a content of this type, in ascending sequence."""
        ...

    def concerning(self, issuer: IssuerCode, batch: BatchId, leaf: int) -> tuple[Record, ...]:
        """The records that concern an issuer as such, one batch as a whole, and one of its certificates.

        Those too that name the certificate as another's successor.
        """
        ...

    def successors(self, issuer: IssuerCode, batch: BatchId) -> set[int]:
        """Which leaves of a batch the chain has recorded as the successors of certificates, in whatever contract."""
        ...

    def of_issuer(self, issuer: IssuerCode) -> tuple[Record, ...]:
        """The records that concern an issuer as such: its standing, scopes and keys, and no batch."""
        ...

    def of_batch(self, issuer: IssuerCode, batch: BatchId) -> tuple[Record, ...]:
        """The records that concern one batch or any of its certificates."""
        ...


class Journal(Protocol):
    """What people did here, hash-chained: SHA-256 over `vermilion/journal/1` ‖ 0x00 ‖ previous ‖ JCS(entry)."""

    def write(self, *, at: datetime, person: str, action: str, subject: str, **detail: str | int) -> None:
        """Add an entry."""
        ...

    def write_each(self, subjects: Iterable[str], *, at: datetime, person: str, action: str) -> None:
        """Add an entry for each subject, in their order: as `write` for each of them, and much faster."""
        ...

    def size(self) -> int:
        """How many entries there are, whether they can be read or not."""
        ...

    def entries(self) -> Iterator[JournalEntry]:
        """All entries in order; an integrity fault at one that is not as it was written."""
        ...

    def broken_entries(self) -> Iterator[int]:
        """Yield the number of every entry that is not bound to the one before it, or after which one is missing."""
        ...


Looked = tuple[int, int | None]
"""Up to where seals were looked at: the table's place among all, and its last row so far; None = none yet."""


class UnitOfWork(Protocol):
    """One transaction's view of everything kept."""

    @property
    def enrolments(self) -> Enrolments: ...  # noqa: D102 - each named by its type
    @property
    def marks(self) -> Marks: ...  # noqa: D102
    @property
    def batches(self) -> Batches: ...  # noqa: D102
    @property
    def pieces(self) -> "Pieces": ...  # noqa: D102
    @property
    def outbox(self) -> Outbox: ...  # noqa: D102
    @property
    def senders(self) -> Senders: ...  # noqa: D102
    @property
    def status_requests(self) -> StatusRequests: ...  # noqa: D102
    @property
    def accounts(self) -> Accounts: ...  # noqa: D102
    @property
    def shares(self) -> Shares: ...  # noqa: D102
    @property
    def jobs(self) -> Jobs: ...  # noqa: D102
    @property
    def tasks(self) -> Tasks: ...  # noqa: D102
    @property
    def alarms(self) -> Alarms: ...  # noqa: D102
    @property
    def portraits(self) -> Portraits: ...  # noqa: D102
    @property
    def replacements(self) -> Replacements: ...  # noqa: D102
    @property
    def exam_sessions(self) -> ExamSessions: ...  # noqa: D102
    @property
    def corrections(self) -> Corrections: ...  # noqa: D102
    @property
    def talents(self) -> Talents: ...  # noqa: D102
    @property
    def admissions(self) -> Admissions: ...  # noqa: D102
    @property
    def courses(self) -> Courses: ...  # noqa: D102
    @property
    def judgements(self) -> Judgements: ...  # noqa: D102
    @property
    def programme_files(self) -> ProgrammeFiles: ...  # noqa: D102
    @property
    def projection(self) -> Projection: ...  # noqa: D102
    @property
    def journal(self) -> Journal: ...  # noqa: D102

    def next_name(self, kind: str, at: datetime, *, taken: Callable[[str], bool] | None = None) -> str:
        """Give the next name of a kind: `R`, `E`, `S`, `K`, `B`, `C`, `V` or `T`, year, month (+08:00), serial.

        Names that are `taken` elsewhere are passed over.
        """
        ...

    def require_room(self) -> None:
        """Check that the disk has room for something new, before it is accepted. Raises DiskLow."""
        ...

    def unsealed_rows(self) -> Iterator[tuple[str, str]]:
        """Yield table and key of every row that was changed outside the registry."""
        ...

    def unsealed_page(self, after: Looked | None = None) -> tuple[list[tuple[str, str]], Looked | None]:
        """Name as `unsealed_rows` does what is wrong on the next page of a table, and up to where that was.

        None = all was looked at. A row's seal covers the row alone: pages may be read in transactions of their own.
        """
        ...


class Store(Protocol):
    """Opens units of work."""

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Begin a writing transaction; it is kept when the block ends, undone when it raises."""
        ...

    def write_at_once(self) -> AbstractContextManager[UnitOfWork | None]:
        """Begin as `write` does, but wait for nobody: None where somebody else is writing."""
        ...

    def read(self, *, remember: bool = True) -> AbstractContextManager[UnitOfWork]:
        """Begin a reading transaction: one consistent view.

        Without `remember` nothing is taken from memory: the time it takes says nothing of what was asked before.
        """
        ...
