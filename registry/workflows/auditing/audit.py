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
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

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
from registry.ports import KeyOf, Ledger, LedgerUnavailable
from registry.ports.storage import Store, StoredCertificate, UnitOfWork
from registry.programme import Catalogue
from registry.workflows.auditing.audit_enrolments import enrolment_differences
from registry.workflows.auditing.audit_examinations import examination_differences
from registry.workflows.auditing.audit_replacements import replacement_differences
from registry.workflows.certificates.contents import Contents, Holder, holders_of, manifest_over
from registry.workflows.certificates.deliver import bundle_name, bundle_of
from registry.workflows.lineage.succession import awaiting_succession

_WITHOUT_TREE = (AnchorState.RESERVED, AnchorState.CANCELLED)
_AT_ONCE: Final = 1_000
"""Certificates held in memory together."""


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
        with self.store.read() as unit:
            found = list(self._rows(unit))  # 1
            if halted is not None:
                found.append(
                    Difference(code="fsck/chain", subject="chain", expected="as it was read before", found=str(halted))
                )
            records = list(self._read(unit, found))
            chain = self._on_chain(unit, found)
            if chain is not None:  # 2
                found.extend(record_differences(records, chain.records))
                found.extend(history_differences(records, chain.checkpoint))
                records = chain.records
            returned = self._returned_sheets(unit, found)  # 8
            batches, certificates = self._batches(unit, records, found, progress, returned)  # 3, 4, 6, 8
            known = {batch.batch for batch in batches}
            found.extend(foreign_anchors(records, self.issuer, known))  # 5
            transactions = set(self._requests(unit, records, found))  # 7
            found.extend(foreign_changes(records, self.issuer, transactions))  # 5
            found.extend(examination_differences(unit))  # 9
            found.extend(enrolment_differences(unit, self.catalogue))  # 10
            found.extend(replacement_differences(unit, records, self.issuer))  # 11
            entries = self._journal(unit)
        return Consistency(
            differences=tuple(found),
            batches=len(batches),
            certificates=certificates,
            records=len(records),
            journal=entries,
            compared_at=chain.at if chain is not None else None,
        )

    def _rows(self, unit: UnitOfWork) -> Iterator[Difference]:
        for table, row in unit.unsealed_rows():
            yield Difference(
                code="fsck/row-edited", subject=f"{table} {row}", expected="the seal of its content", found="another"
            )
        for seq in unit.journal.broken_entries():
            yield Difference(
                code="fsck/journal-broken",
                subject=f"journal {seq}",
                expected="bound to the entry before it",
                found="not bound",
            )

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

    def _on_chain(self, unit: UnitOfWork, found: list[Difference]) -> "_Chain | None":
        """Read the chain afresh, up to where the projection has read it."""
        try:
            head = unit.projection.head()
            if self.ledger is None or head is None:
                return None
            records = list(self.ledger.records(0, head.block.number))
            return _Chain(records=records, checkpoint=self.ledger.checkpoint(head.block), at=head.block)
        except LedgerUnavailable:
            return None
        except IntegrityFault as error:
            found.append(Difference(code="fsck/chain", subject="chain", expected="readable", found=error.code))
            return None

    def _batches(
        self,
        unit: UnitOfWork,
        records: list[Record],
        found: list[Difference],
        progress: Progress,
        returned: frozenset[str],
    ) -> tuple[list[Batch], int]:
        batches: list[Batch] = []
        done = 0

        def heard(piece: int) -> None:
            nonlocal done
            done += piece
            progress(done, done)

        for name in unit.batches.names():
            try:
                batch = unit.batches.batch(name)
                batches.append(batch)
                if batch.state in _WITHOUT_TREE:
                    if batch_facts(records, batch.issuer, batch.batch) is not None:
                        found.append(
                            Difference(
                                code="fsck/state", subject=name, expected="not on the chain", found="recorded there"
                            )
                        )
                    continue
                found.extend(self._batch(unit, batch, records, returned, heard))
            except RegistryError as error:
                found.append(
                    Difference(
                        code="fsck/batch-unreadable", subject=name, expected="a readable batch", found=error.code
                    )
                )
        return batches, done

    def _requests(self, unit: UnitOfWork, records: list[Record], found: list[Difference]) -> Iterator[TransactionHash]:
        """Compare every request; yields the transactions that are ours."""
        of_transaction: dict[TransactionHash, list[Record]] = {}
        for record in records:
            of_transaction.setdefault(record.position.transaction, []).append(record)
        for name in unit.status_requests.names():
            try:
                request = unit.status_requests.request(name)
                found.extend(self._targets(unit, request))
                ours: list[Record] = []
                for rival in () if request.transaction is None else unit.outbox.rivals(request.transaction):
                    ours += of_transaction.get(rival.transaction.hash, [])
                    yield rival.transaction.hash
                found.extend(request_differences(request, ours))
            except RegistryError as error:
                found.append(
                    Difference(
                        code="fsck/request-unreadable", subject=name, expected="a readable request", found=error.code
                    )
                )

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
        self,
        unit: UnitOfWork,
        batch: Batch,
        records: list[Record],
        returned: frozenset[str],
        heard: Callable[[int], None],
    ) -> Iterator[Difference]:
        """Compare a batch piece by piece: of a certificate nothing but three hashes is held longer than its piece."""
        leaves = _Leaves(batch)
        contents, replacements = (
            Contents(self.catalogue.by_digest(batch.programme_digest)),
            unit.replacements.into(batch.id),
        )
        key, awaiting = self.key_of(batch.credential_key), awaiting_succession(unit, batch)
        tree, certificates = MerkleTree(unit.batches.leaves(batch.id)), unit.batches.certificates(batch_id=batch.id)
        while piece := list(islice(certificates, _AT_ONCE)):
            reservations = [one.reservation for one in piece]
            everybody = {
                holder.reservation.leaf: holder
                for holder in holders_of(unit, contents, batch, reservations, replacements)
            }
            for certificate in piece:
                reservation = certificate.reservation
                holder = everybody.get(reservation.leaf)
                leaves.add(reservation.leaf, certificate.digest, holder)
                if reservation.sheet in returned:
                    yield _sheet_difference(reservation.number, "a sheet that counts", reservation.sheet)
                if certificate.jwt is None or certificate.digest is None or holder is None:
                    continue  # counted by batch_differences
                yield from certificate_differences(
                    batch,
                    reservation,
                    IssuedCredential(jwt=certificate.jwt, disclosures=certificate.disclosures or {}),
                    certificate.digest,
                    key=key,
                    entry=holder.entry,
                    claims=holder.claims,
                )
                if batch.delivered_at is not None and reservation.leaf not in awaiting:
                    yield from self._delivered(unit, certificate, tree)
            heard(len(piece))
        yield from batch_differences(
            batch,
            batch_facts(records, batch.issuer, batch.batch),
            digests=leaves.digests,
            root=leaves.root,
            stored_root=tree.root,
            manifest=leaves.manifest(),
        )

    def _delivered(self, unit: UnitOfWork, certificate: StoredCertificate, tree: MerkleTree) -> Iterator[Difference]:
        name = bundle_name(certificate.reservation)
        data = self.delivered.get(name) if self.delivered is not None else None
        if self.delivered is not None and data != bundle_of(unit, certificate, self.key_of, tree=tree):
            found = "no file" if data is None else "other bytes"
            yield Difference(code="fsck/delivered", subject=name, expected="the bundle as it was issued", found=found)


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
