"""Audit: recompute everything from what is kept and what the chain says, and name every difference.

1. Every row carries the seal of its content; the journal is unbroken.
2. The kept records are the node's, and lead to the contract's own checkpoint.
3. Each batch: its credentials lead to its root, its rows to its manifest, both to what the chain holds.
4. Each certificate: row, signed bytes and enrolment agree.
5. The chain holds no batch and no change of status under our code that we do not know.
6. Delivered bundles are the bytes we would deliver.
7. Each change of status that was asked for: the certificates that it names, and what the chain recorded of it.
8. Each score sheet that was returned: the journal says so, and no certificate rests on it.
9. Sessions that were closed and corrections of scores: the journal says so
   (`registry.workflows.auditing.audit_examinations`).
10. What people judged, and programme files once used (`registry.workflows.auditing.audit_enrolments`).
11. Certificates that replaced others (`registry.workflows.auditing.audit_replacements`).

A reading transaction keeps all that others write in the log of the database, and an audit may take an hour beside them.
So it reads in short ones: rows of a table and certificates of a batch page by page, the chain between them.

- What is held against the chain (records, batches, requests, returned sheets) is read in one, as it stood at one
  instant: a batch that is recorded afterwards is no difference, and left to the next audit.
- Of a sealed batch nothing changes but by erasure, which takes a person's rows at once, and by being given up, after
  which photographs and marks may change: what is left of one that is given up meanwhile is not looked at.
- A seal covers its row alone. 9, 10 and 11 hold rows against the journal, each in one transaction of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from registry.anchor.facts import batch_facts
from registry.anchor.history import Block, Checkpoint, Record
from registry.anchor.progress import Batch, StatusRequest
from registry.anchor.states import AnchorState
from registry.audit import (
    Difference,
    batch_differences,
    certificate_differences,
    foreign_anchors,
    foreign_changes,
    history_differences,
    record_differences,
    request_differences,
)
from registry.credential import credential_leaf
from registry.credential.v1 import IssuedCredential
from registry.kernel.errors import IntegrityFault, RegistryError
from registry.kernel.identifiers import Digest, IssuerCode, LeafHash, RootHash, TransactionHash
from registry.kernel.merkle import HASH_SIZE, MerkleTree, leaf_hash
from registry.kernel.progress import Progress, unheard
from registry.kernel.signing import PublicKey
from registry.ports import KeyOf, Ledger, LedgerUnavailable
from registry.ports.replacements import Replacement
from registry.ports.storage import Looked, Store, StoredCertificate, UnitOfWork
from registry.programme import Catalogue
from registry.workflows.auditing.audit_enrolments import enrolment_differences
from registry.workflows.auditing.audit_examinations import examination_differences
from registry.workflows.auditing.audit_replacements import replacement_differences
from registry.workflows.certificates.contents import Contents, Holder, holders_of, manifest_over
from registry.workflows.certificates.deliver import bundle_name, bundle_of
from registry.workflows.lineage.succession import awaiting_succession

_WITHOUT_TREE = (AnchorState.RESERVED, AnchorState.CANCELLED)
_AT_ONCE: Final = 1_000
"""Certificates held in memory together, and read in one transaction."""
_UNREADABLE: Final = {"batch": "fsck/batch-unreadable", "request": "fsck/request-unreadable"}
_Item = TypeVar("_Item")


class DeliveredFiles(Protocol):
    """Delivered files, as they lie there now."""

    def get(self, name: str) -> bytes | None:
        """Read a file; None = there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """What was compared and what differs."""

    differences: tuple[Difference, ...]
    batches: int
    certificates: int
    records: int
    journal: int
    compared_at: Block | None
    """Block that the chain was compared at; None = no node answered, and 2 and 5 rest on what was read before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """What a node says now, up to where it was read before."""

    records: list[Record]
    checkpoint: Checkpoint
    at: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is held against the chain, as it stood here at one instant."""

    records: list[Record]
    head: Block | None
    """Up to where the chain had been read; None = never."""
    returned: frozenset[str]
    """Sheets."""
    batches: list[Batch]
    requests: list[StatusRequest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Compares the registry with itself and with the chain."""

    store: Store
    catalogue: Catalogue
    issuer: IssuerCode
    key_of: KeyOf
    ledger: Ledger | None
    """None = no node at hand."""
    delivered: DeliveredFiles | None = None

    def fsck(self, progress: Progress = unheard, *, halted: IntegrityFault | None = None) -> Consistency:
        """Compare everything; what cannot be read at all is a difference too.

        `halted`: why the chain could not be followed, where it is not the chain that was read before.
        """
        found = list(self._rows())  # 1
        if halted is not None:
            found.append(
                Difference(code="fsck/chain", subject="chain", expected="as it was read before", found=str(halted))
            )
        with self.store.read() as unit:
            kept = self._kept(unit, found)  # 8
        records, chain = kept.records, self._on_chain(kept.head, found)
        if chain is not None:  # 2
            found.extend(record_differences(records, chain.records))
            found.extend(history_differences(records, chain.checkpoint))
            records = chain.records
        certificates = self._batches(kept, records, found, progress)  # 3, 4, 6, 8
        found.extend(foreign_anchors(records, self.issuer, {batch.batch for batch in kept.batches}))  # 5
        transactions = set(self._requests(kept.requests, records, found))  # 7
        found.extend(foreign_changes(records, self.issuer, transactions))  # 5
        with self.store.read() as unit:
            found.extend(examination_differences(unit))  # 9
        with self.store.read() as unit:
            found.extend(enrolment_differences(unit, self.catalogue))  # 10
        with self.store.read() as unit:
            found.extend(replacement_differences(unit, records, self.issuer))  # 11
        with self.store.read() as unit:
            entries = self._journal(unit)
        return Consistency(
            differences=tuple(found),
            batches=len(kept.batches),
            certificates=certificates,
            records=len(records),
            journal=entries,
            compared_at=chain.at if chain is not None else None,
        )

    def _rows(self) -> Iterator[Difference]:
        looked: Looked | None = None
        while True:
            with self.store.read() as unit:
                page, looked = unit.unsealed_page(looked)
            for table, row in page:
                yield Difference(
                    code="fsck/row-edited",
                    subject=f"{table} {row}",
                    expected="the seal of its content",
                    found="another",
                )
            if looked is None:
                break
        with self.store.read() as unit:
            broken = list(unit.journal.broken_entries())
        for seq in broken:
            yield Difference(
                code="fsck/journal-broken",
                subject=f"journal {seq}",
                expected="bound to the entry before it",
                found="not bound",
            )

    def _kept(self, unit: UnitOfWork, found: list[Difference]) -> _Kept:
        """Read what is held against the chain."""
        batches, requests = unit.batches, unit.status_requests
        return _Kept(
            records=list(self._read(unit, found)),
            head=self._head(unit, found),
            returned=self._returned_sheets(unit, found),
            batches=list(_readable(batches.names(), batches.batch, "batch", found)),
            requests=list(_readable(requests.names(), requests.request, "request", found)),
        )

    def _head(self, unit: UnitOfWork, found: list[Difference]) -> Block | None:
        try:
            head = unit.projection.head()
        except IntegrityFault as error:
            found.append(_unreadable_chain(error))
            return None
        return None if head is None else head.block

    def _journal(self, unit: UnitOfWork) -> int:
        """Count the entries that can be read; those that cannot were named before."""
        count = 0
        with suppress(RegistryError):
            for _ in unit.journal.entries():
                count += 1
        return count

    def _returned_sheets(self, unit: UnitOfWork, found: list[Difference]) -> frozenset[str]:
        """Name the sheets that were returned; rows and entries that cannot be read were named before."""
        told: set[str] = set()
        kept: set[str] = set()
        with suppress(RegistryError):
            kept = {one.id for one in unit.marks.sheets() if one.returned is not None}
            told = {entry.subject for entry in unit.journal.entries() if entry.action == "exam.return"}
            found.extend(_sheet_difference(one, "returned, as the journal tells", "not") for one in sorted(told - kept))
            found.extend(_sheet_difference(one, "an entry of the journal", "none") for one in sorted(kept - told))
        return frozenset(told | kept)

    def _read(self, unit: UnitOfWork, found: list[Difference]) -> Iterator[Record]:
        try:
            yield from unit.projection.records()
        except RegistryError as error:
            found.append(
                Difference(code="fsck/record", subject="history", expected="readable records", found=error.code)
            )

    def _on_chain(self, head: Block | None, found: list[Difference]) -> "_Chain | None":
        """Read the chain afresh, up to where it had been read before."""
        if self.ledger is None or head is None:
            return None
        try:
            records = list(self.ledger.records(0, head.number))
            return _Chain(records=records, checkpoint=self.ledger.checkpoint(head), at=head)
        except LedgerUnavailable:
            return None
        except IntegrityFault as error:
            found.append(_unreadable_chain(error))
            return None

    def _batches(self, kept: _Kept, records: list[Record], found: list[Difference], progress: Progress) -> int:
        """Compare every batch; gives how many certificates were."""
        done = 0

        def heard(piece: int) -> None:
            nonlocal done
            done += piece
            progress(done, done)

        for batch in kept.batches:
            if batch.state in _WITHOUT_TREE:
                if batch_facts(records, batch.issuer, batch.batch) is not None:
                    found.append(
                        Difference(
                            code="fsck/state", subject=batch.id, expected="not on the chain", found="recorded there"
                        )
                    )
                continue
            try:
                found.extend(self._batch(batch, records, kept.returned, heard))
            except RegistryError as error:
                found.append(_unreadable(batch.id, "batch", error))
        return done

    def _requests(
        self, requests: Iterable[StatusRequest], records: list[Record], found: list[Difference]
    ) -> Iterator[TransactionHash]:
        """Compare every request; yields the transactions that are ours."""
        of_transaction: dict[TransactionHash, list[Record]] = {}
        for record in records:
            of_transaction.setdefault(record.position.transaction, []).append(record)
        for request in requests:
            ours: list[Record] = []
            try:
                with self.store.read() as unit:
                    found.extend(self._targets(unit, request))
                    rivals = [] if request.transaction is None else unit.outbox.rivals(request.transaction)
                for rival in rivals:
                    ours += of_transaction.get(rival.transaction.hash, [])
                    yield rival.transaction.hash
                found.extend(request_differences(request, ours))
            except RegistryError as error:
                found.append(_unreadable(request.id, "request", error))

    def _targets(self, unit: UnitOfWork, request: StatusRequest) -> Iterator[Difference]:
        for target in request.certificates:
            there = unit.batches.by_leaf(request.batch, target.leaf)
            reservation = there.reservation if there is not None else None
            if reservation is None or (reservation.number, reservation.revision) != (target.number, target.revision):
                yield Difference(
                    code="fsck/request-target",
                    subject=request.id,
                    expected=f"{target.number} at leaf {target.leaf}",
                    found="none" if reservation is None else reservation.number,
                )

    def _batch(
        self, batch: Batch, records: list[Record], returned: frozenset[str], heard: Callable[[int], None]
    ) -> Iterator[Difference]:
        """Compare a batch piece by piece: of a certificate nothing but three hashes is held longer than its piece."""
        leaves, contents = _Leaves(batch), Contents(self.catalogue.by_digest(batch.programme_digest))
        with self.store.read() as unit:
            replacements, awaiting = unit.replacements.into(batch.id), awaiting_succession(unit, batch)
            tree, pieces = MerkleTree(unit.batches.leaves(batch.id)), unit.pieces.drawn(batch.id, _AT_ONCE)
        of = _Audited(batch, contents, self.key_of(batch.credential_key), replacements, awaiting, tree, returned)
        for piece in pieces:
            with self.store.read() as unit:
                if unit.batches.batch(batch.id).state is AnchorState.CANCELLED:
                    return  # given up meanwhile
                certificates = list(unit.batches.of_piece(batch.id, piece))
                yield from self._piece(unit, of, certificates, leaves)
            heard(len(certificates))
        yield from batch_differences(
            batch,
            batch_facts(records, batch.issuer, batch.batch),
            digests=leaves.digests,
            root=leaves.root,
            stored_root=tree.root,
            manifest=leaves.manifest(),
        )

    def _piece(
        self, unit: UnitOfWork, of: "_Audited", certificates: Sequence[StoredCertificate], leaves: "_Leaves"
    ) -> Iterator[Difference]:
        batch, reservations = of.batch, [one.reservation for one in certificates]
        everybody = {
            holder.reservation.leaf: holder
            for holder in holders_of(unit, of.contents, batch, reservations, of.replacements)
        }
        for certificate in certificates:
            reservation = certificate.reservation
            holder = everybody.get(reservation.leaf)
            leaves.add(reservation.leaf, certificate.digest, holder)
            if reservation.sheet in of.returned:
                yield _sheet_difference(reservation.number, "a sheet that counts", reservation.sheet)
            if certificate.jwt is None or certificate.digest is None or holder is None:
                continue  # counted by batch_differences
            yield from certificate_differences(
                batch,
                reservation,
                IssuedCredential(jwt=certificate.jwt, disclosures=certificate.disclosures or {}),
                certificate.digest,
                key=of.key,
                entry=holder.entry,
                claims=holder.claims,
            )
            if batch.delivered_at is not None and reservation.leaf not in of.awaiting:
                yield from self._delivered(unit, certificate, of.tree)

    def _delivered(self, unit: UnitOfWork, certificate: StoredCertificate, tree: MerkleTree) -> Iterator[Difference]:
        name = bundle_name(certificate.reservation)
        data = self.delivered.get(name) if self.delivered is not None else None
        if self.delivered is not None and data != bundle_of(unit, certificate, self.key_of, tree=tree):
            found = "no file" if data is None else "other bytes"
            yield Difference(code="fsck/delivered", subject=name, expected="the bundle as it was issued", found=found)


@dataclass(frozen=True, slots=True)
class _Audited:
    """A batch whose certificates are compared, and what all of them are compared with."""

    batch: Batch
    contents: Contents
    key: PublicKey
    replacements: Mapping[int, Replacement]
    awaiting: set[int]
    """Leaves that were never to be delivered."""
    tree: MerkleTree
    returned: frozenset[str]
    """Sheets."""


def _readable(
    names: Iterable[str], read: Callable[[str], _Item], what: str, found: list[Difference]
) -> Iterator[_Item]:
    """Give what can be read; what cannot is a difference."""
    for name in names:
        try:
            yield read(name)
        except RegistryError as error:
            found.append(_unreadable(name, what, error))


def _unreadable(name: str, what: str, error: RegistryError) -> Difference:
    return Difference(code=_UNREADABLE[what], subject=name, expected=f"a readable {what}", found=error.code)


def _unreadable_chain(error: IntegrityFault) -> Difference:
    return Difference(code="fsck/chain", subject="chain", expected="readable", found=error.code)


def _sheet_difference(subject: str, expected: str, found: str) -> Difference:
    return Difference(code="fsck/sheet", subject=subject, expected=expected, found=found)


class _Leaves:
    """What the certificates of a batch lead to, each at its leaf: 96 bytes for one."""

    def __init__(self, batch: Batch) -> None:
        self._batch, self.digests, self._holders = batch, 0, 0
        self._credentials, self._roster, self._scores = (bytearray(batch.size * HASH_SIZE) for _ in range(3))

    def add(self, leaf: int, digest: Digest | None, holder: Holder | None) -> None:
        """Take one in; without a digest it was not signed, without a holder it is of somebody who was erased."""
        at = slice(leaf * HASH_SIZE, (leaf + 1) * HASH_SIZE)
        if digest is not None:
            self.digests += 1
            self._put(self._credentials, at, credential_leaf(digest))
        if holder is not None:
            self._holders += 1
            salts = holder.reservation
            self._put(self._roster, at, leaf_hash(holder.roster_row.commitment(salts.roster_salt)))
            self._put(self._scores, at, leaf_hash(holder.score_row.commitment(salts.score_salt)))

    def _put(self, hashes: bytearray, at: slice, one: LeafHash) -> None:
        if at.stop <= len(hashes):  # beyond the size there is no leaf: something is missing within
            hashes[at] = one

    @property
    def root(self) -> RootHash:
        """Head of the tree over the credentials; what is missing counts as zeros."""
        return MerkleTree.from_packed(bytes(self._credentials)).root

    def manifest(self) -> bytes:
        """Compute the manifest again; where people were erased their rows and salts are gone, and it cannot be."""
        if self._holders < self._batch.size and self._batch.manifest is not None:
            return self._batch.manifest
        roster, scores = (MerkleTree.from_packed(bytes(one)).root for one in (self._roster, self._scores))
        return manifest_over(self._batch, roster, scores).document()
