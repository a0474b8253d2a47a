"""What is computed for a piece of a batch: nothing here reads or writes the database, so any process can do it.

Each function at the end is a job of a crew (`registry.workflows.issuance.crew`); what it yields is kept by who has the
database.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from time import process_time
from typing import Final
from uuid import uuid4

from registry.anchor.progress import Batch
from registry.audit import certificate_differences
from registry.batch import SALT_LENGTH, BatchManifest, Reservation
from registry.credential import (
    BatchTerms,
    BatchWriter,
    CredentialSigner,
    IssuedCredential,
    credential_digest,
    credential_leaf,
    signed,
)
from registry.credential.v1 import Portrait
from registry.enrolment.photograph import MEDIA_TYPE
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import unb64url
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import Digest, new_certificate_key, new_certificate_number
from registry.kernel.merkle import HASH_SIZE, MerkleTree, leaf_hash
from registry.kernel.signing import PublicKey
from registry.ports.issuing import Claim, Material, Opened, Workbench, Written
from registry.ports.replacements import Replacement
from registry.ports.storage import SignedCredential, UnitOfWork
from registry.programme import Programme
from registry.workflows.certificates.contents import (
    BatchInconsistent,
    Contents,
    Holder,
    Judged,
    ReservationVoid,
    manifest_over,
    terms_of,
)
from registry.workflows.issuance.crew import Crew, Work

READ_AGAIN: Final = 64
"""One credential of so many is also read by the reader of the format, at random, and the first of every piece."""
Spent = dict[str, float]
"""Seconds of processor time by what was computed."""


@dataclass(slots=True, kw_only=True)
class Tools:
    """What jobs on one batch are done with."""

    bench: Workbench
    batch: Batch
    """As far as it is known: who is looked for has none yet, and a draft stands for it."""
    programme: Programme
    terms: BatchTerms
    year: int
    """Of the certificates' numbers."""
    replacements: Mapping[int, Replacement]
    """By leaf: what replaces another certificate."""
    signer: Callable[[], CredentialSigner] | None = None
    """Makes what signs where the job is done; None = messages are given back to be signed."""
    public_key: PublicKey | None = None
    """To check signatures by."""
    _writer: BatchWriter | None = field(default=None, init=False)
    _contents: Contents | None = field(default=None, init=False)
    _made_signer: CredentialSigner | None = field(default=None, init=False)

    @classmethod
    def of(
        cls,
        unit: UnitOfWork,
        batch: Batch,
        programme: Programme,
        *,
        signer: Callable[[], CredentialSigner] | None = None,
        public_key: PublicKey | None = None,
    ) -> "Tools":
        """Gather them for a batch. The numbers are of the year of its proposal, as China's calendar has it."""
        return cls(
            bench=unit.pieces.workbench(),
            batch=batch,
            programme=programme,
            terms=terms_of(batch, programme),
            year=batch.proposed_at.astimezone(CHINA_TIME).year,
            replacements=unit.replacements.into(batch.id),
            signer=signer,
            public_key=public_key,
        )

    def contents(self) -> Contents:
        """What says what certificates state."""
        if self._contents is None:
            self._contents = Contents(self.programme)
        return self._contents

    def writer(self) -> BatchWriter:
        """What writes this batch's credentials."""
        if self._writer is None:
            self._writer = BatchWriter(self.terms, self.batch.credential_key)
        return self._writer

    def sign(self) -> Callable[[bytes], bytes] | None:
        """What signs here; None = nothing does."""
        if self._made_signer is None and self.signer is not None:
            self._made_signer = self.signer()
        return None if self._made_signer is None else self._made_signer.sign

    def holder(self, one: Opened, reservation: Reservation, judgement: Judged) -> Holder:
        """Say what a certificate is to state."""
        return self.contents().holder(
            reservation,
            one.marked,
            judgement,
            None if one.image is None else Portrait(media_type=MEDIA_TYPE, digest=Digest(sha256(one.image).digest())),
            self.replacements.get(reservation.leaf),
        )


@dataclass(frozen=True, slots=True)
class Draw:
    """Asks for certificates to be kept; the answer is whether they were, False = another run has kept the piece."""

    certificates: Written


@dataclass(frozen=True, slots=True)
class Sign:
    """Asks for messages to be signed; the answer is the signatures, in their order."""

    messages: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Keep:
    """Asks for credentials to be kept; the answer is whether all of them were, False = some were there before."""

    credentials: Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Who of a page has passed and is fit for a certificate."""

    looked_at: int
    """Applications that the page has."""
    people: Sequence[tuple[str, str, str]]
    """Admission number, person, and the sheet that the result is taken from."""
    several: Sequence[str] = ()
    """Who of them stands on several sheets: whether those are a pass is for the record of the sessions to say."""
    spent: Spent = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """What a piece contributes to its batch: three hashes for each leaf."""

    first_id: int
    size: int
    """Certificates that the piece has."""
    indices: Sequence[int]
    """The leaves; as many as could be opened."""
    credentials: bytes
    """Leaf hashes, 32 bytes each, in the order of `indices`."""
    roster: bytes
    scores: bytes
    complete: bool = True
    """False = another run has worked at the piece; it must be read again."""
    spent: Spent = field(default_factory=dict)


def add_spent(spent: Spent, more: Spent) -> None:
    """Add up what was spent."""
    for what, seconds in more.items():
        spent[what] = spent.get(what, 0.0) + seconds


@contextmanager
def _counted(spent: Spent, what: str) -> Iterator[None]:
    begin = process_time()
    try:
        yield
    finally:
        spent[what] = spent.get(what, 0.0) + process_time() - begin


def find_passed(tools: Tools, material: Material) -> Work[Passed]:
    """Find who of a page has passed, and lint what they would get. Raises ClaimRefused."""
    yield from ()
    spent, people, several = dict[str, float](), [], []
    with _counted(spent, "open"):
        opened = list(tools.bench.enrolled(material))
    with _counted(spent, "lint"):
        stand_in: Reservation | None = None
        for one in opened:
            one.marked, judgement = tools.contents().decisive(one)
            if not judgement.passed:
                continue
            of, sheet = one.marked.application, one.marked.sheet.id
            # What is drawn later is of a form that is always fit.
            stand_in = stand_in or _reservation(tools, one, Claim(of.admission, sheet, 0, 0, 0))
            holder = tools.holder(one, stand_in, judgement)
            tools.writer().lint(holder.entry, holder.claims)
            people.append((of.admission, of.person, sheet))
            if one.earlier:
                several.append(of.admission)
    return Passed(looked_at=len(material.rows["application"]), people=people, several=several, spent=spent)


def issue_piece(tools: Tools, material: Material) -> Work[Leaves]:
    """Draw numbers for a claimed piece and have them kept; then sign what is not signed and have it kept.

    Raises ReservationVoid, ClaimRefused.
    """
    spent: Spent = {}
    with _counted(spent, "open"):
        opened = list(tools.bench.reserved(material))
    if material.claims:
        if len(opened) != len(material.claims):
            raise ReservationVoid(tools.batch.id, "was erased")
        with _counted(spent, "draw"):
            rows = []
            for row_id, (one, claim) in enumerate(zip(opened, material.claims, strict=True), start=material.first_id):
                one.row_id, one.reservation = row_id, _reservation(tools, one, claim)
                rows.append((row_id, one.reservation, one.key))
        with _counted(spent, "encrypt and seal"):
            drawn = tools.bench.certificates(tools.batch.id, rows)
        if not (yield Draw(drawn)):
            return _to_be_read_again(material, spent)
    with _counted(spent, "lint"):
        everybody = _holders(tools, opened)
    waiting = [(one, holder) for one, holder in everybody if one.signed is None]
    if waiting:
        writer, sign = tools.writer(), tools.sign()
        with _counted(spent, "write"):
            unsigned = [writer.write(holder.entry, holder.claims) for _, holder in waiting]
        if sign is None:
            signatures = yield Sign([one.message for one in unsigned])
        else:
            with _counted(spent, "sign"):
                signatures = [sign(one.message) for one in unsigned]
        with _counted(spent, "hash"):
            for (one, _), written, signature in zip(waiting, unsigned, signatures, strict=True):
                issued = signed(written, signature)
                one.signed = SignedCredential(
                    leaf=_reserved(one).leaf,
                    jwt=issued.jwt,
                    digest=credential_digest(issued.jwt),
                    disclosures=issued.disclosures,
                )
        with _counted(spent, "encrypt and seal"):
            credentials = tools.bench.credentials(
                [(one.row_id, _reserved(one).person, one.signed, one.key) for one, _ in waiting if one.signed]
            )
        if not (yield Keep(credentials)):
            return _to_be_read_again(material, spent)
    with _counted(spent, "hash"):
        return _leaves(material, everybody, spent)


def check_piece(tools: Tools, material: Material) -> Work[Leaves]:
    """Hold each credential of a piece against enrolment, confirmed marks and the key.

    Raises BatchInconsistent, ReservationVoid, ClaimRefused.

    Each is compared byte for byte with what is written for its holder; of some, drawn at random, the format's own
    reader says besides that it reads them so.
    """
    yield from ()
    batch, key, spent = tools.batch, tools.public_key, dict[str, float]()
    if key is None or key.thumbprint() != batch.credential_key:
        raise BatchInconsistent(batch.id, "credential key")
    with _counted(spent, "open"):
        opened = list(tools.bench.reserved(material))
    with _counted(spent, "compare"):
        everybody = _holders(tools, opened)
        for place, (one, holder) in enumerate(everybody):
            _require_as_written(tools, one, holder, read=place == 0 or secrets.randbelow(READ_AGAIN) == 0)
    with _counted(spent, "verify"):
        for one, _ in everybody:
            _require_signature(tools, one, key)
    with _counted(spent, "hash"):
        return _leaves(material, everybody, spent)


def _require_as_written(tools: Tools, one: Opened, holder: Holder, *, read: bool) -> None:
    kept, reservation = one.signed, _reserved(one)
    if kept is None:
        raise BatchInconsistent(tools.batch.id, "number of credentials")
    credential = IssuedCredential(jwt=kept.jwt, disclosures=kept.disclosures)
    as_written = credential_digest(kept.jwt) == kept.digest and _is_as_written(tools, credential, holder)
    if as_written and not read:
        return
    key = tools.public_key
    assert key is not None
    differences = certificate_differences(
        tools.batch, reservation, credential, kept.digest, key=key, entry=holder.entry, claims=holder.claims
    )
    for difference in differences:
        raise BatchInconsistent(tools.batch.id, f"credential {reservation.number} ({difference.code})")
    if not as_written:
        raise BatchInconsistent(tools.batch.id, f"credential {reservation.number} (other bytes)")


def _is_as_written(tools: Tools, credential: IssuedCredential, holder: Holder) -> bool:
    return tools.writer().is_as_written(credential, holder.entry, holder.claims)


def _holders(tools: Tools, opened: Sequence[Opened]) -> list[tuple[Opened, Holder]]:
    """Say what each certificate is to state. Raises ReservationVoid."""
    found = []
    for one in opened:
        reservation, judgement = _reserved(one), tools.contents().judged(one.marked)
        # What replaces a certificate says what was said, and no more is asked of it here.
        if not judgement.passed and reservation.leaf not in tools.replacements:
            raise ReservationVoid(tools.batch.id, "has no pass any more")
        found.append((one, tools.holder(one, reservation, judgement)))
    return found


def _require_signature(tools: Tools, one: Opened, key: PublicKey) -> None:
    kept = one.signed
    assert kept is not None
    message, _, signature = kept.jwt.rpartition(".")
    try:
        key.verify(message.encode("ascii"), unb64url(signature))
    except RegistryError as error:
        number = _reserved(one).number
        raise BatchInconsistent(tools.batch.id, f"credential {number} (fsck/signature)") from error


def _reservation(tools: Tools, one: Opened, claim: Claim) -> Reservation:
    """Draw all that is drawn for a certificate: number, keys, salts."""
    salts = secrets.token_bytes(2 * SALT_LENGTH)
    return Reservation(
        number=new_certificate_number(tools.batch.issuer, tools.year),
        revision=1,
        key=new_certificate_key(),
        jti=f"urn:uuid:{uuid4()}",
        leaf=claim.leaf,
        person=one.marked.application.person,
        admission=claim.admission,
        sheet=claim.sheet,
        status_list=claim.status_list,
        status_index=claim.status_index,
        roster_salt=salts[:SALT_LENGTH],
        score_salt=salts[SALT_LENGTH:],
    )


def _reserved(one: Opened) -> Reservation:
    if one.reservation is None:
        raise TypeError("a certificate without its number")
    return one.reservation


def _to_be_read_again(material: Material, spent: Spent) -> Leaves:
    size = len(material.rows["application"])
    return Leaves(
        first_id=material.first_id,
        size=size,
        indices=(),
        credentials=b"",
        roster=b"",
        scores=b"",
        complete=False,
        spent=spent,
    )


def _leaves(material: Material, everybody: Sequence[tuple[Opened, Holder]], spent: Spent) -> Leaves:
    """Hash what a piece contributes to the tree and to the manifest's two roots."""
    return Leaves(
        first_id=material.first_id,
        size=len(material.rows["application"]),
        indices=[holder.reservation.leaf for _, holder in everybody],
        credentials=b"".join(credential_leaf(one.signed.digest) for one, _ in everybody if one.signed),
        roster=b"".join(leaf_hash(one.roster_row.commitment(one.reservation.roster_salt)) for _, one in everybody),
        scores=b"".join(leaf_hash(one.score_row.commitment(one.reservation.score_salt)) for _, one in everybody),
        spent=spent,
    )


def crew_for(unit: UnitOfWork) -> Crew:
    """Gather who works at pieces: worker processes, or this process alone where there are few certificates."""
    return Crew([__name__, type(unit.pieces.workbench()).__module__])


class Gathered:
    """The hashes of a batch as its pieces come in, each at its leaf."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._hashes = [bytearray(batch.size * HASH_SIZE) for _ in range(3)]
        self._found = bytearray(batch.size)
        self.spent: Spent = {}

    def add(self, leaves: Leaves) -> None:
        """Take what a piece contributes. Raises BatchInconsistent where a leaf is another's, or is none."""
        add_spent(self.spent, leaves.spent)
        parts = (leaves.credentials, leaves.roster, leaves.scores)
        for place, index in enumerate(leaves.indices):
            if not 0 <= index < self._batch.size or self._found[index]:
                raise BatchInconsistent(self._batch.id, "leaves")
            self._found[index] = 1
            at = slice(place * HASH_SIZE, (place + 1) * HASH_SIZE)
            to = slice(index * HASH_SIZE, (index + 1) * HASH_SIZE)
            for hashes, part in zip(self._hashes, parts, strict=True):
                hashes[to] = part[at]

    def is_whole(self) -> bool:
        """Whether every leaf has its credential."""
        return self._found.count(1) == self._batch.size

    @property
    def credentials(self) -> bytes:
        """The tree's leaves, 32 bytes each."""
        return bytes(self._hashes[0])

    def manifest(self) -> BatchManifest:
        """Compute the batch's manifest."""
        roster, scores = (MerkleTree.from_packed(bytes(one)).root for one in self._hashes[1:])
        return manifest_over(self._batch, roster, scores)
