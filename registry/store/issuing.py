"""Batches, certificates, trees and the outbox of signed transactions."""

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, func, literal_column, or_, select

from registry.anchor.history import Block
from registry.anchor.operations import Approval, SignedTransaction
from registry.anchor.progress import Batch, Placement
from registry.anchor.states import AnchorState, require_transition, unsent
from registry.batch import SALT_LENGTH, Reservation
from registry.kernel.identifiers import (
    Address,
    BatchId,
    BlockHash,
    CertificateKey,
    CertificateNumber,
    Digest,
    IssuerCode,
    KeyThumbprint,
    LeafHash,
    RootHash,
    ScopeCode,
    TransactionHash,
    normal_number,
)
from registry.kernel.merkle import HASH_SIZE, InclusionProof, ProofMismatch, proof_positions, require_included
from registry.ports.issuing import Claim, Piece, Written
from registry.ports.storage import NotHere, SignedCredential, StoredCertificate
from registry.store.alarms import require_writing
from registry.store.outbox import keep_transaction
from registry.store.people import PersonErased, opened_key, person_keys
from registry.store.piecework import next_id, undrawn_admissions, undrawn_claims, workbench
from registry.store.sealing import SealBroken, sealer
from registry.store.sessions import (
    AT_ONCE,
    Question,
    Row,
    Session,
    StateMoved,
    maybe_time,
    micros,
    pieces,
    time_of,
)
from registry.store.tables import (
    batch,
    certificate,
    chain_successor,
    credential,
    is_of,
    person,
    reserved_piece,
    tree_chunk,
)
from registry.store.vault import decrypt, decrypt_json
from registry.store.workbench import disclosures_field, salts_field

CHUNK: Final = 32
"""Hashes in one stored piece of a tree level: one page holds a few pieces, so a path is read in few pages."""
# One question for a whole path: which level, which chunk, which byte of it (from 1), as a JSON list of lists. CROSS: in
# this order, or SQLite reads the whole tree of the batch.
_TREE_NODES: Final = (
    "SELECT asked.key, substr(tree_chunk.hashes, asked.value ->> 2, 32)"
    " FROM json_each(:asked) AS asked CROSS JOIN tree_chunk ON tree_chunk.batch = :batch"
    " AND tree_chunk.level = asked.value ->> 0 AND tree_chunk.chunk = asked.value ->> 1"
)
_ERASED: Final = (
    "SELECT 1 FROM certificate WHERE batch = :batch AND salts IS NULL UNION ALL SELECT 1 FROM reserved_piece"
    " CROSS JOIN json_each(reserved_piece.places) AS place"
    " CROSS JOIN application ON application.admission = place.value ->> 0"
    " WHERE reserved_piece.batch = :batch AND application.evidence IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM certificate WHERE certificate.id = reserved_piece.first_id) LIMIT 1"
)
_TREE_WIDTH: Final = "SELECT length(hashes) FROM tree_chunk WHERE batch = :batch AND level = 0 AND chunk = 0"


class SqlBatches:
    """Implements registry.ports.storage.Batches."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # — the batch and its states —

    def reserve(
        self, new: Batch, reservations: Iterable[Reservation] = (), *, claims: Iterable[Sequence[Claim]] = ()
    ) -> None:
        """Keep a batch in state `reserved`: with all its numbers, or with claims that they are drawn for later.

        Raises PersonErased.
        """
        require_writing(self._session)
        self._session.add(batch, [_batch_row(new)])
        bench = workbench(self._session)
        first_id = next_id(self._session)
        for piece in pieces(reservations):
            keys = person_keys(self._session, (one.person for one in piece))
            numbered = enumerate(piece, start=first_id)
            given = [(row_id, one, _key(keys, one.person)) for row_id, one in numbered]
            self._session.keep(certificate, bench.certificates(new.id, given).rows)
            first_id += len(piece)
        for number, claimed in enumerate(claims):
            row = {"batch": new.id, "piece": number, "first_id": first_id, "size": len(claimed)}
            places = json.dumps(claimed, ensure_ascii=False, separators=(",", ":")).encode()
            self._session.add(reserved_piece, [{**row, "places": places}])
            first_id += len(claimed)

    def add_certificates(self, batch_id: str, written: Written) -> bool:
        """Keep the certificates of a claimed piece; False = another run has kept the piece. Raises StateMoved."""
        self._require_reserved(batch_id)
        there = select(certificate.c.id).where(certificate.c.id == written.first_id)
        if self._session.connection.execute(there).first() is not None:
            return False
        self._session.keep(certificate, written.rows)
        return True

    def _require_reserved(self, batch_id: str) -> None:
        found = self._session.connection.execute(select(batch.c.state).where(batch.c.id == batch_id)).scalar()
        if found != AnchorState.RESERVED.value:
            raise StateMoved(batch.name, batch_id)

    def used_status_indices(self, status_list: int) -> set[int]:
        """Which entries of a status list are taken, or claimed."""
        query = select(certificate.c.status_index).where(certificate.c.status_list == status_list)
        claimed = {one.status_index for one in undrawn_claims(self._session) if one.status_list == status_list}
        return claimed.union(self._session.connection.execute(query).scalars())

    def status_lists(self) -> int:
        """How many status lists are begun; they are numbered from 0."""
        last = self._session.connection.execute(select(func.max(certificate.c.status_list))).scalar_one()
        return 0 if last is None else int(last) + 1

    def status_places(self, chain_id: BatchId, leaves: Iterable[int] | None = None) -> dict[int, tuple[int, int]]:
        """Where certificates of a batch stand in the status lists: leaf → list and index; no leaves named = all."""
        query = select(certificate).join_from(certificate, batch).where(batch.c.batch == chain_id)
        asked = [query] if leaves is None else [query.where(certificate.c.leaf.in_(some)) for some in pieces(leaves)]
        return {
            row["leaf"]: (row["status_list"], row["status_index"])
            for one in asked
            for page in self._session.pages(one, certificate.c.leaf, certificate)
            for (row,) in page
        }

    def of_key(self, idempotency_key: str) -> Batch | None:
        """Find the batch that a request led to."""
        return self._one(select(batch).where(batch.c.idempotency_key == idempotency_key))

    def batch(self, batch_id: str) -> Batch:
        """Find one by our own name for it. Raises NotHere."""
        found = self._one(select(batch).where(batch.c.id == batch_id))
        if found is None:
            raise NotHere("batch", batch_id)
        return found

    def of_chain(self, chain_id: BatchId) -> Batch | None:
        """Find one by its id on chain."""
        return self._one(select(batch).where(batch.c.batch == chain_id))

    def batches(self, *states: AnchorState) -> list[Batch]:
        """List batches, oldest first; no state named = all."""
        query = select(batch).order_by(batch.c.proposed_at, batch.c.id)
        if states:
            query = query.where(batch.c.state.in_([state.value for state in states]))
        return [_batch(row) for row in self._session.rows(batch, query)]

    def names(self) -> list[str]:
        """Our names of all batches, oldest first, whether they can be read or not."""
        query = select(batch.c.id).order_by(batch.c.proposed_at, batch.c.id)
        return list(self._session.connection.execute(query).scalars())

    def _one(self, query: Select[Any]) -> Batch | None:
        row = self._session.row(batch, query)
        return _batch(row) if row is not None else None

    def seal(self, batch_id: str, *, root: RootHash, manifest: bytes, levels: Sequence[bytes]) -> None:
        """Keep the tree and the manifest: reserved → sealed."""
        self._step(batch_id, AnchorState.RESERVED, AnchorState.SEALED, root=root, manifest=manifest)
        width = CHUNK * HASH_SIZE
        seals = sealer(self._session.keys.seal, tree_chunk)
        chunks = (
            (batch_id, level, number, hashes[start : start + width], None)
            for level, hashes in enumerate(levels)
            for number, start in enumerate(range(0, len(hashes), width))
        )
        self._session.keep(tree_chunk, ((*one[:-1], seals.seal(one)) for one in chunks))

    def approve(self, batch_id: str, *, person: str, at: datetime, approval: Approval) -> None:
        """Sealed → approved; also failed → approved, and approved anew once the kept approval has lapsed."""
        require_writing(self._session)
        of = self.batch(batch_id)
        if of.state not in (AnchorState.SEALED, AnchorState.FAILED) and not (
            of.state is AnchorState.APPROVED and of.approval is not None and of.approval.has_lapsed(at)
        ):
            raise StateMoved("batch", batch_id)
        self._session.change(
            batch,
            {"id": batch_id},
            {"state": of.state.value},
            state=AnchorState.APPROVED.value,
            approved_by=person,
            approved_at=micros(at),
            approver=approval.approver,
            approval_deadline=approval.deadline,
            approval_signature=approval.signature,
            transaction=None,
            failure=None,
        )

    def sign(self, batch_id: str, transaction: SignedTransaction, at: datetime) -> None:
        """Approved → signed; the transaction's bytes are kept."""
        self._step(batch_id, AnchorState.APPROVED, AnchorState.SIGNED, transaction=transaction.hash)
        keep_transaction(self._session, batch_id, transaction, at)

    def move(
        self,
        batch_id: str,
        current: AnchorState,
        wanted: AnchorState,
        *,
        failure: str | None = None,
        seen_in: Block | None = None,
    ) -> None:
        """Take one step of the state table; a failure once named stays, unless the batch turns out to be recorded.

        Raises StateMoved where another was first.
        """
        named = {} if failure is None and wanted is not AnchorState.INCLUDED else {"failure": failure}
        block = _block_columns(seen_in) if AnchorState.INCLUDED in (current, wanted) else {}
        self._step(batch_id, current, wanted, **named, **block)

    def see(self, batch_id: str, block: Block) -> None:
        """Note that an included batch is in another block now. Raises StateMoved where it is included no more."""
        expected = {"state": AnchorState.INCLUDED.value}
        self._session.change(batch, {"id": batch_id}, expected, **_block_columns(block))

    def place(self, batch_id: str, placement: Placement) -> None:
        """Included → final."""
        self._step(
            batch_id,
            AnchorState.INCLUDED,
            AnchorState.FINAL,
            seq=placement.seq,
            block_number=placement.block_number,
            block_hash=placement.block_hash,
            block_time=micros(placement.block_time),
            transaction=placement.transaction,
        )

    def deliver(self, batch_id: str, at: datetime) -> None:
        """Write down that every bundle has been written. Raises StateMoved where that was written down before."""
        self._session.change(
            batch,
            {"id": batch_id},
            {"state": AnchorState.FINAL.value, "delivered_at": None},
            delivered_at=micros(at),
        )

    def _step(self, batch_id: str, current: AnchorState, wanted: AnchorState, **changes: Any) -> None:
        require_transition(current, wanted)
        self._session.change(batch, {"id": batch_id}, {"state": current.value}, state=wanted.value, **changes)

    # — credentials and the tree —

    def reservations(self, batch_id: str) -> list[Reservation]:
        """List a batch's reservations in leaf order; those of erased people have empty salts."""
        query = select(certificate).where(certificate.c.batch == batch_id)
        reservations: list[Reservation] = []
        for page in self._session.pages(query, certificate.c.leaf, certificate):
            keys = person_keys(self._session, (row["person"] for (row,) in page))
            reservations += [_reservation(row, keys.get(row["person"])) for (row,) in page]
        return reservations

    def reservations_of(self, batch_id: str, piece: Piece) -> list[Reservation]:
        """List the reservations of a piece of a batch, in the order of issue; those of erased people lack salts."""
        query = select(certificate).where(*_in_piece(batch_id, piece)).order_by(certificate.c.id)
        rows = self._session.rows(certificate, query)
        keys = person_keys(self._session, (row["person"] for row in rows))
        return [_reservation(row, keys.get(row["person"])) for row in rows]

    def add_credentials(self, batch_id: str, signed: Iterable[SignedCredential] | Written) -> set[int]:
        """Keep signed credentials, or the rows of a piece of them; those that are kept already stay as they are.

        Returns the ids of those that were kept before. Raises NotHere where a leaf was not reserved, PersonErased.
        """
        if isinstance(signed, Written):
            ids = [row[0] for row in signed.rows]
            self._require_reserved(batch_id)
            kept = select(credential.c.certificate).where(
                credential.c.certificate.between(min(ids, default=0), max(ids, default=0))
            )
            before = set(self._session.connection.execute(kept).scalars())
            self._session.keep(credential, [row for row in signed.rows if row[0] not in before])
            return before
        bench = workbench(self._session)
        for piece in pieces(signed):
            query = select(certificate).where(
                certificate.c.batch == batch_id, certificate.c.leaf.in_([one.leaf for one in piece])
            )
            of_leaf = {row["leaf"]: row for row in self._session.rows(certificate, query)}
            keys = person_keys(self._session, (row["person"] for row in of_leaf.values()))
            given = []
            for one in piece:
                if one.leaf not in of_leaf:
                    raise NotHere("leaf", f"{batch_id} {one.leaf}")
                row_id, person = of_leaf[one.leaf]["id"], of_leaf[one.leaf]["person"]
                given.append((row_id, person, one, _key(keys, person)))
            self._session.keep(credential, bench.credentials(given).rows)
        return set()

    def signed_leaves(self, batch_id: str) -> set[int]:
        """Which leaves are signed and kept already."""
        query = select(certificate.c.leaf).join(credential).where(certificate.c.batch == batch_id)
        return set(self._session.connection.execute(query).scalars())

    def digests(self, batch_id: str) -> list[Digest]:
        """The digests in leaf order."""
        query = select(certificate, credential).join_from(certificate, credential)
        query = query.where(certificate.c.batch == batch_id)
        pages = self._session.pages(query, certificate.c.leaf, certificate, credential)
        return [Digest(signed["digest"]) for page in pages for _, signed in page]

    def proof(self, batch_id: str, leaf: int) -> InclusionProof:
        """Read one leaf's path from the kept tree. Raises NotHere, SealBroken where it does not lead to the root."""
        of = self._remembered(batch_id)
        positions = [(0, leaf), *proof_positions(leaf, of.size)]
        width = self._session.remembered(("tree", batch_id), lambda: self._width(batch_id))
        hashes = self._hashes(batch_id, positions, width)
        proof = InclusionProof(index=leaf, size=of.size, path=tuple(hashes[1:]))
        if of.root is None:
            raise NotHere("tree", batch_id)
        try:
            require_included(LeafHash(hashes[0]), proof, of.root)
        except ProofMismatch as error:
            raise SealBroken(tree_chunk.name, f"{batch_id}, on the path of leaf {leaf}") from error
        return proof

    def _width(self, batch_id: str) -> int:
        """How many hashes the pieces of a tree have; older trees lie in larger ones. Raises NotHere."""
        found = self._session.driver.execute(_TREE_WIDTH, {"batch": batch_id}).fetchone()
        if found is None:
            raise NotHere("tree node", f"{batch_id} level 0 position 0")
        return max(1, int(found[0]) // HASH_SIZE)

    def _hashes(self, batch_id: str, positions: Sequence[tuple[int, int]], width: int) -> list[bytes]:
        """Read single hashes of the tree, each by level and position; the seals of whole chunks are left to fsck."""
        asked = [(level, position // width, position % width * HASH_SIZE + 1) for level, position in positions]
        found = self._session.driver.execute(_TREE_NODES, {"batch": batch_id, "asked": json.dumps(asked)}).fetchall()
        hashes = {place: bytes(one) for place, one in found}
        for place, (level, position) in enumerate(positions):
            if len(hashes.get(place, b"")) != HASH_SIZE:
                raise NotHere("tree node", f"{batch_id} level {level} position {position}")
        return [hashes[place] for place in range(len(positions))]

    def leaves(self, batch_id: str) -> list[LeafHash]:
        """The tree's lowest level. Raises SealBroken where a piece of it is missing."""
        query = select(tree_chunk).where(tree_chunk.c.batch == batch_id, tree_chunk.c.level == 0)
        leaves: list[LeafHash] = []
        for page in self._session.pages(query, tree_chunk.c.chunk, tree_chunk):
            for (row,) in page:
                packed = row["hashes"]
                leaves += [LeafHash(packed[at : at + HASH_SIZE]) for at in range(0, len(packed), HASH_SIZE)]
        if leaves and len(leaves) != self.batch(batch_id).size:
            raise SealBroken(tree_chunk.name, f"{batch_id}, level 0")
        return leaves

    # — certificates —

    def reserved(self, admissions: Iterable[str]) -> set[str]:
        """Which applications have a certificate in a batch that is not cancelled: what it is made of may not change."""
        asked = set(admissions)
        claimed = asked & undrawn_admissions(self._session)
        return claimed | self._in_batches(asked, batch.c.state != AnchorState.CANCELLED.value)

    def has_erased(self, batch_id: str) -> bool:
        """Tell whether somebody was erased who has a certificate in a batch, or a place for one. Checks no seal."""
        return self._session.driver.execute(_ERASED, {"batch": batch_id}).fetchone() is not None

    def held_elsewhere(self, batch_id: str) -> int:
        """Of how many certificates of a batch the application has another one, in a batch that is not cancelled."""
        other = certificate.alias()
        standing = exists().where(
            other.c.admission == certificate.c.admission,
            other.c.batch != batch_id,
            other.c.batch == batch.c.id,
            batch.c.state != AnchorState.CANCELLED.value,
        )
        query = select(func.count()).select_from(certificate).where(certificate.c.batch == batch_id, standing)
        return int(self._session.connection.execute(query).scalar_one())

    def certified(self, admissions: Iterable[str]) -> set[str]:
        """Which applications have a certificate in a final batch."""
        return self._in_batches(admissions, batch.c.state == AnchorState.FINAL.value)

    def _in_batches(self, admissions: Iterable[str], these: ColumnElement[bool]) -> set[str]:
        found: set[str] = set()
        for piece in pieces(admissions):
            query = select(certificate.c.admission).join_from(certificate, batch)
            query = query.where(certificate.c.admission.in_(piece), these)
            found.update(self._session.connection.execute(query).scalars())
        return found

    def held_by(self, person: str, programme: str) -> list[tuple[str, BatchId, int]]:
        """What a person holds of a programme by final batches: level, batch on chain, leaf."""
        query = (
            select(certificate, batch)
            .join_from(certificate, batch)
            .where(is_of(person), batch.c.state == AnchorState.FINAL.value)
            .order_by(certificate.c.id)
        )
        held = []
        for one, of in self._session.joined(query, certificate, batch):
            code, _, level = of["scope"].partition("/")
            if code == programme:
                held.append((level, BatchId(of["batch"]), one["leaf"]))
        return held

    def certificates(
        self, *, batch_id: str | None = None, after: int = 0, limit: int | None = None
    ) -> Iterator[StoredCertificate]:
        """List certificates in the order of issue, from the one after the `after`-th, at most `limit`."""
        query = _certificates().where(certificate.c.id > after)
        if batch_id is not None:
            # By id, from the batch's first to its last: by the batch, each page would be found by sorting all of it.
            ends = select(func.min(certificate.c.id), func.max(certificate.c.id)).where(certificate.c.batch == batch_id)
            first, last = self._session.connection.execute(ends).one()
            if first is None:
                return
            query = query.where(certificate.c.id.between(first, last), literal_column("+certificate.batch") == batch_id)
        batches: dict[str, Batch] = {}
        at_once = AT_ONCE if limit is None else min(AT_ONCE, limit)
        given = 0
        for page in self._session.pages(query, certificate.c.id, certificate, credential, at_once=at_once):
            yield from self._stored(page if limit is None else page[: limit - given], batches)
            given += len(page)
            if limit is not None and given >= limit:
                return

    def of_piece(self, batch_id: str, piece: Piece) -> Iterator[StoredCertificate]:
        """List the certificates of a piece of a batch, in the order of issue."""
        query = _certificates().where(*_in_piece(batch_id, piece)).order_by(certificate.c.id)
        return self._stored(self._session.joined(query, certificate, credential), {})

    def by_number(self, number: str, revision: int | None = None) -> StoredCertificate | None:
        """Find by number: a named revision, or the latest that is on the chain, or else the latest.

        A correction on its way does not hide the certificate that stands until it is there.
        """
        if revision is not None:
            return self._found(_BY_NUMBER_AND_REVISION, number=normal_number(number), revision=revision)
        return self._found(_BY_NUMBER, number=normal_number(number))

    def of_person(self, person: str) -> Sequence[StoredCertificate]:
        """All certificates of a person, the newest first, every revision."""
        query = _certificates().where(is_of(person)).order_by(certificate.c.id.desc())
        return list(self._stored(self._session.joined(query, certificate, credential), {}))

    def shown_by_number(self, number: str) -> StoredCertificate | None:
        """Find by number what a stranger may be shown: as `by_number`, without what is unsent or erased."""
        return self._found(_SHOWN_BY_NUMBER, number=normal_number(number))

    def shown_before(self, number: str, revision: int | None) -> StoredCertificate | None:
        """Find what a stranger may be shown of what stood under a number: the newest before a revision; None = of all.

        A revision that never took the place of the one before it never stood.
        """
        before = _BEYOND_REVISIONS if revision is None else revision
        return self._found(_SHOWN_BEFORE, number=normal_number(number), revision=before)

    def by_key(self, key: CertificateKey) -> StoredCertificate | None:
        """Find by certificate key."""
        return self._found(_BY_KEY, key=key)

    def drawn(self) -> StoredCertificate | None:
        """Draw some certificate that a look-up could find; None = there is none."""
        # Up to the last that can be found, so that one question always suffices: a second would take time.
        return self._found(
            _FROM_ID_ON, id=secrets.randbelow(self._session.remembered("last certificate", self._last) + 1)
        )

    def _last(self) -> int:
        findable = (
            select(certificate.c.id)
            .join(batch, batch.c.id == certificate.c.batch)
            .join(person, person.c.id == certificate.c.person)
            .where(_IS_FINAL, person.c.wrapped_key.is_not(None))
        )
        last = self._session.connection.execute(findable.order_by(certificate.c.id.desc()).limit(1))
        return int(last.scalar_one_or_none() or 0)

    def by_leaf(self, chain_id: BatchId, leaf: int) -> StoredCertificate | None:
        """Find by place on chain."""
        return self._found(_BY_LEAF, batch=chain_id, leaf=leaf)

    def by_status_place(self, status_list: int, index: int) -> StoredCertificate | None:
        """Find by place in a status list."""
        return self._found(_BY_STATUS_PLACE, list=status_list, index=index)

    def _found(self, question: Question, **values: str | int | bytes) -> StoredCertificate | None:
        for row, of, signed in self._session.answers(question, **values):
            key = opened_key(self._session.keys, of) if of else None
            return _certificate(row, signed, key, self._remembered(row["batch"]))
        return None

    def _remembered(self, batch_id: str) -> Batch:
        return self._session.remembered(("batch", batch_id), lambda: self.batch(batch_id))

    def _stored(self, page: Sequence[tuple[Row, ...]], batches: dict[str, Batch]) -> Iterator[StoredCertificate]:
        keys = person_keys(self._session, (row["person"] for row, _ in page))
        for row, signed in page:
            if row["batch"] not in batches:
                batches[row["batch"]] = self.batch(row["batch"])
            yield _certificate(row, signed, keys.get(row["person"]), batches[row["batch"]])


def _in_piece(batch_id: str, piece: Piece) -> tuple[ColumnElement[bool], ...]:
    """Ask for the certificates of a piece, which are found by their ids; by the batch, all of it would be read."""
    ids = certificate.c.id.between(piece.first_id, piece.last_id)
    return ids, literal_column("+certificate.batch") == batch_id


def _certificates() -> Select[Any]:
    return select(certificate, credential).join_from(certificate, credential, isouter=True)


def _one_certificate(*conditions: ColumnElement[bool], order: tuple[ColumnElement[Any], ...] = ()) -> Question:
    """Ask for one certificate with its person and its signed bytes; its batch is there to ask about."""
    joined = (
        select(certificate, person, credential)
        .join_from(certificate, batch, batch.c.id == certificate.c.batch, isouter=True)
        .join(person, person.c.id == certificate.c.person, isouter=True)
        .join(credential, credential.c.certificate == certificate.c.id, isouter=True)
    )
    query = joined.where(*conditions).order_by(*order).limit(1)
    return Question(query, certificate, person, credential)


_OF_NUMBER: Final = certificate.c.found_by == bindparam("number")
_IS_FINAL: Final = batch.c.state == AnchorState.FINAL.value
# A later revision counts from the record on that it took the place of the one before: that one stands until then.
_TOOK_PLACE: Final = or_(
    certificate.c.revision == 1,
    exists().where(
        chain_successor.c.issuer == batch.c.issuer,
        chain_successor.c.batch == batch.c.batch,
        chain_successor.c.leaf == certificate.c.leaf,
    ),
)
_LATEST: Final = (case((and_(_IS_FINAL, _TOOK_PLACE), 1), else_=0).desc(), certificate.c.revision.desc())
_BY_NUMBER: Final = _one_certificate(_OF_NUMBER, order=_LATEST)
_IS_SHOWN: Final = (
    person.c.wrapped_key.is_not(None),
    *(batch.c.state != state.value for state in sorted(unsent)),
)
_SHOWN_BY_NUMBER: Final = _one_certificate(_OF_NUMBER, *_IS_SHOWN, order=_LATEST)
_BEYOND_REVISIONS: Final = 2**31
"""No revision is as high."""
_SHOWN_BEFORE: Final = _one_certificate(
    _OF_NUMBER,
    *_IS_SHOWN,
    _TOOK_PLACE,
    certificate.c.revision < bindparam("revision"),
    order=(certificate.c.revision.desc(),),
)
_BY_NUMBER_AND_REVISION: Final = _one_certificate(_OF_NUMBER, certificate.c.revision == bindparam("revision"))
_BY_KEY: Final = _one_certificate(certificate.c.key == bindparam("key"))
_BY_LEAF: Final = _one_certificate(batch.c.batch == bindparam("batch"), certificate.c.leaf == bindparam("leaf"))
_BY_STATUS_PLACE: Final = _one_certificate(
    certificate.c.status_list == bindparam("list"), certificate.c.status_index == bindparam("index")
)
_FROM_ID_ON: Final = _one_certificate(
    certificate.c.id >= bindparam("id"), _IS_FINAL, person.c.wrapped_key.is_not(None), order=(certificate.c.id,)
)


def _certificate(row: Row, signed: Row, key: bytes | None, of: Batch) -> StoredCertificate:
    disclosures = None
    if signed and key is not None:
        disclosures = decrypt_json(key, row["person"], disclosures_field(row["id"]), signed["disclosures"])
    return StoredCertificate(
        reservation=_reservation(row, key),
        batch=of,
        person=row["person"],
        jwt=signed["jwt"] if signed else None,
        digest=Digest(signed["digest"]) if signed else None,
        disclosures=disclosures,
    )


def _key(keys: dict[str, bytes], person: str) -> bytes:
    if person not in keys:
        raise PersonErased(person)
    return keys[person]


def _reservation(row: Row, key: bytes | None) -> Reservation:
    kept = row["salts"]
    salts = b"" if key is None or kept is None else decrypt(key, row["person"], salts_field(row["id"]), kept)
    return Reservation(
        number=CertificateNumber(row["number"]),
        revision=row["revision"],
        key=CertificateKey(row["key"]),
        jti=row["jti"],
        leaf=row["leaf"],
        person=row["person"],
        admission=row["admission"],
        sheet=row["sheet"],
        status_list=row["status_list"],
        status_index=row["status_index"],
        roster_salt=salts[:SALT_LENGTH],
        score_salt=salts[SALT_LENGTH:],
    )


def _batch_row(new: Batch) -> dict[str, Any]:
    return {
        "id": new.id,
        "batch": new.batch,
        "idempotency_key": new.idempotency_key,
        "request_digest": new.request_digest,
        "issuer": new.issuer,
        "scope": new.scope,
        "size": new.size,
        "programme_version": new.programme_version,
        "programme_digest": new.programme_digest,
        "credential_key": new.credential_key,
        "intent": new.intent,
        "state": AnchorState.RESERVED.value,
        "proposed_by": new.proposed_by,
        "proposed_at": micros(new.proposed_at),
    }


def _block_columns(block: Block | None) -> dict[str, Any]:
    if block is None:
        return {"block_number": None, "block_hash": None, "block_time": None}
    return {"block_number": block.number, "block_hash": block.hash, "block_time": micros(block.time)}


def _batch(row: Row) -> Batch:
    placement, seen_in = None, None
    if row["seq"] is None and row["block_number"] is not None:
        seen_in = Block(number=row["block_number"], hash=BlockHash(row["block_hash"]), time=time_of(row["block_time"]))
    if row["seq"] is not None:
        placement = Placement(
            seq=row["seq"],
            block_number=row["block_number"],
            block_hash=BlockHash(row["block_hash"]),
            block_time=time_of(row["block_time"]),
            transaction=TransactionHash(row["transaction"]),
        )
    return Batch(
        id=row["id"],
        batch=BatchId(row["batch"]),
        idempotency_key=row["idempotency_key"],
        request_digest=Digest(row["request_digest"]),
        issuer=IssuerCode(row["issuer"]),
        scope=ScopeCode(row["scope"]),
        size=row["size"],
        programme_version=row["programme_version"],
        programme_digest=Digest(row["programme_digest"]),
        credential_key=KeyThumbprint(row["credential_key"]),
        intent=row["intent"],
        state=AnchorState(row["state"]),
        proposed_by=row["proposed_by"],
        proposed_at=time_of(row["proposed_at"]),
        root=RootHash(row["root"]) if row["root"] is not None else None,
        manifest=row["manifest"] if row["manifest"] is not None else None,
        approved_by=row["approved_by"],
        approved_at=maybe_time(row["approved_at"]),
        approval=approval_of(row),
        transaction=TransactionHash(row["transaction"]) if row["transaction"] is not None else None,
        seen_in=seen_in,
        placement=placement,
        delivered_at=maybe_time(row["delivered_at"]),
        failure=row["failure"],
    )


def approval_of(row: Row) -> Approval | None:
    """Read the approval that a batch or a request has, if it has one."""
    if row["approver"] is None:
        return None
    return Approval(
        approver=Address(row["approver"]), deadline=row["approval_deadline"], signature=row["approval_signature"]
    )
