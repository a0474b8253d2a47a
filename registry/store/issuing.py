"""Batches, certificates, trees and the outbox of signed transactions."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.engine import RowMapping

from registry.anchor.operations import Approval, SignedTransaction
from registry.anchor.progress import Batch, Placement
from registry.anchor.states import AnchorState, require_transition
from registry.batch import Reservation
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
from registry.kernel.merkle import InclusionProof, proof_positions
from registry.ports.storage import NotHere, SignedCredential, StoredCertificate
from registry.store.people import decrypt_json, encrypt_json, person_keys
from registry.store.sessions import Session, micros, time_of
from registry.store.tables import batch, certificate, credential, outbox, tree_chunk

CHUNK = 1024
"""Hashes in one stored piece of a tree level."""
_ROWS_AT_ONCE = 2_000


class SqlBatches:
    """Implements registry.ports.storage.Batches."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # — the batch and its states —

    def reserve(self, new: Batch, reservations: Sequence[Reservation]) -> None:
        """Keep a batch in state `reserved` with all its numbers."""
        self._session.add(batch, [_batch_row(new)])
        self._session.add(
            certificate,
            [
                {
                    "id": first_id,
                    "number": one.number,
                    "found_by": normal_number(one.number),
                    "revision": one.revision,
                    "key": one.key,
                    "jti": one.jti,
                    "batch": new.id,
                    "leaf": one.leaf,
                    "person": one.person,
                    "admission": one.admission,
                    "sheet": one.sheet,
                    "status_list": one.status_list,
                    "status_index": one.status_index,
                    "roster_salt": one.roster_salt,
                    "score_salt": one.score_salt,
                }
                for first_id, one in enumerate(reservations, start=self._last_certificate() + 1)
            ],
        )

    def _last_certificate(self) -> int:
        return int(self._session.connection.execute(select(func.coalesce(func.max(certificate.c.id), 0))).scalar_one())

    def used_status_indices(self, status_list: int) -> set[int]:
        """Which entries of a status list are taken."""
        query = select(certificate.c.status_index).where(certificate.c.status_list == status_list)
        return set(self._session.connection.execute(query).scalars())

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
        return [self._batch(row) for row in self._session.connection.execute(query).mappings()]

    def names(self) -> list[str]:
        """Our names of all batches, oldest first, whether they can be read or not."""
        return list(self._session.connection.execute(select(batch.c.id).order_by(batch.c.id)).scalars())

    def _one(self, query: Select[Any]) -> Batch | None:
        row = self._session.connection.execute(query).mappings().one_or_none()
        return self._batch(row) if row is not None else None

    def _batch(self, row: RowMapping) -> Batch:
        self._session.require_sealed(batch, row, row["id"])
        return _batch(row)

    def seal(self, batch_id: str, *, root: RootHash, manifest: bytes, levels: Sequence[bytes]) -> None:
        """Keep the tree and the manifest: reserved → sealed."""
        width = CHUNK * 32
        self._session.add(
            tree_chunk,
            [
                {"batch": batch_id, "level": level, "chunk": number, "hashes": hashes[start : start + width]}
                for level, hashes in enumerate(levels)
                for number, start in enumerate(range(0, len(hashes), width))
            ],
        )
        self._step(batch_id, AnchorState.RESERVED, AnchorState.SEALED, root=root, manifest=manifest)

    def approve(self, batch_id: str, *, person: str, at: datetime, approval: Approval) -> None:
        """Sealed → approved."""
        self._step(
            batch_id,
            AnchorState.SEALED,
            AnchorState.APPROVED,
            approved_by=person,
            approved_at=micros(at),
            approver=approval.approver,
            approval_deadline=approval.deadline,
            approval_signature=approval.signature,
        )

    def sign(self, batch_id: str, transaction: SignedTransaction, at: datetime) -> None:
        """Approved → signed; the transaction's bytes are kept."""
        keep_transaction(self._session, batch_id, transaction, at)
        self._step(batch_id, AnchorState.APPROVED, AnchorState.SIGNED, transaction=transaction.hash)

    def move(self, batch_id: str, current: AnchorState, wanted: AnchorState, *, failure: str | None = None) -> None:
        """Take one step of the state table. Raises StateMoved where another took it first."""
        self._step(batch_id, current, wanted, failure=failure)

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
        )

    def deliver(self, batch_id: str, at: datetime) -> None:
        """Write down that every bundle has been written."""
        self._session.change(batch, {"id": batch_id}, {"state": AnchorState.FINAL.value}, delivered_at=micros(at))

    def _step(self, batch_id: str, current: AnchorState, wanted: AnchorState, **changes: Any) -> None:
        require_transition(current, wanted)
        self._session.change(batch, {"id": batch_id}, {"state": current.value}, state=wanted.value, **changes)

    # — credentials and the tree —

    def reservations(self, batch_id: str) -> list[Reservation]:
        """List a batch's reservations in leaf order."""
        query = select(certificate).where(certificate.c.batch == batch_id).order_by(certificate.c.leaf)
        return [_reservation(row) for row in self._session.connection.execute(query).mappings()]

    def add_credentials(self, batch_id: str, signed: Iterable[SignedCredential]) -> None:
        """Keep signed credentials."""
        query = select(certificate.c.leaf, certificate.c.id, certificate.c.person).where(
            certificate.c.batch == batch_id
        )
        of_leaf = {leaf: (row_id, person) for leaf, row_id, person in self._session.connection.execute(query)}
        keys = person_keys(self._session, {person for _, person in of_leaf.values()})
        remaining = iter(signed)
        while piece := list(islice(remaining, _ROWS_AT_ONCE)):
            self._session.add(
                credential,
                [
                    {
                        "certificate": of_leaf[one.leaf][0],
                        "jwt": one.jwt,
                        "digest": one.digest,
                        "disclosures": encrypt_json(
                            keys[of_leaf[one.leaf][1]], of_leaf[one.leaf][1], "disclosures", dict(one.disclosures)
                        ),
                    }
                    for one in piece
                ],
            )

    def signed_leaves(self, batch_id: str) -> set[int]:
        """Which leaves are signed and kept already."""
        query = select(certificate.c.leaf).join(credential).where(certificate.c.batch == batch_id)
        return set(self._session.connection.execute(query).scalars())

    def digests(self, batch_id: str) -> list[Digest]:
        """The digests in leaf order."""
        query = (
            select(credential.c.digest)
            .join(certificate)
            .where(certificate.c.batch == batch_id)
            .order_by(certificate.c.leaf)
        )
        return [Digest(bytes(digest)) for digest in self._session.connection.execute(query).scalars()]

    def proof(self, batch_id: str, leaf: int) -> InclusionProof:
        """Read one leaf's path from the kept tree."""
        size = self.batch(batch_id).size
        path = tuple(self._hash(batch_id, level, position) for level, position in proof_positions(leaf, size))
        return InclusionProof(index=leaf, size=size, path=path)

    def _hash(self, batch_id: str, level: int, position: int) -> bytes:
        number, offset = divmod(position, CHUNK)
        query = select(func.substr(tree_chunk.c.hashes, offset * 32 + 1, 32)).where(
            tree_chunk.c.batch == batch_id, tree_chunk.c.level == level, tree_chunk.c.chunk == number
        )
        found = self._session.connection.execute(query).scalar_one_or_none()
        if found is None:
            raise NotHere("tree node", f"{batch_id} level {level} position {position}")
        return bytes(found)

    def leaves(self, batch_id: str) -> list[LeafHash]:
        """The tree's lowest level."""
        query = (
            select(tree_chunk.c.hashes)
            .where(tree_chunk.c.batch == batch_id, tree_chunk.c.level == 0)
            .order_by(tree_chunk.c.chunk)
        )
        packed = b"".join(bytes(hashes) for hashes in self._session.connection.execute(query).scalars())
        return [LeafHash(packed[start : start + 32]) for start in range(0, len(packed), 32)]

    # — certificates —

    def held_by(self, person: str, programme: str) -> list[tuple[str, BatchId, int]]:
        """What a person holds of a programme by final batches: level, batch on chain, leaf."""
        query = (
            select(batch.c.scope, batch.c.batch, certificate.c.leaf)
            .join(certificate, certificate.c.batch == batch.c.id)
            .where(
                certificate.c.person == person,
                batch.c.state == AnchorState.FINAL.value,
                batch.c.scope.like(f"{programme}/%"),
            )
        )
        return [
            (scope.partition("/")[2], BatchId(bytes(chain_id)), leaf)
            for scope, chain_id, leaf in self._session.connection.execute(query)
        ]

    def certificates(
        self, *, batch_id: str | None = None, after: int = 0, limit: int | None = None
    ) -> Iterator[StoredCertificate]:
        """List certificates in the order of issue."""
        query = _certificates().where(certificate.c.id > after).order_by(certificate.c.id)
        if batch_id is not None:
            query = query.where(certificate.c.batch == batch_id)
        if limit is not None:
            query = query.limit(limit)
        batches: dict[str, Batch] = {}
        for row in self._session.connection.execute(query).mappings():
            if row["batch"] not in batches:
                batches[row["batch"]] = self.batch(row["batch"])
            yield self._certificate(row, batches[row["batch"]])

    def by_number(self, number: str, revision: int | None = None) -> StoredCertificate | None:
        """Find by number (the latest revision unless one is named)."""
        query = _certificates().where(certificate.c.found_by == normal_number(number))
        if revision is not None:
            query = query.where(certificate.c.revision == revision)
        return self._found(query.order_by(certificate.c.revision.desc()).limit(1))

    def by_key(self, key: CertificateKey) -> StoredCertificate | None:
        """Find by certificate key."""
        return self._found(_certificates().where(certificate.c.key == key))

    def by_leaf(self, chain_id: BatchId, leaf: int) -> StoredCertificate | None:
        """Find by place on chain."""
        of_batch = select(batch.c.id).where(batch.c.batch == chain_id).scalar_subquery()
        return self._found(_certificates().where(certificate.c.batch == of_batch, certificate.c.leaf == leaf))

    def _found(self, query: Select[Any]) -> StoredCertificate | None:
        row = self._session.connection.execute(query).mappings().one_or_none()
        return self._certificate(row, self.batch(row["batch"])) if row is not None else None

    def _certificate(self, row: RowMapping, of: Batch) -> StoredCertificate:
        disclosures = None
        if row["disclosures"] is not None:
            key = person_keys(self._session, {row["person"]})[row["person"]]
            disclosures = decrypt_json(key, row["person"], "disclosures", bytes(row["disclosures"]))
        return StoredCertificate(
            reservation=_reservation(row),
            batch=of,
            jwt=row["jwt"],
            digest=Digest(bytes(row["digest"])) if row["digest"] is not None else None,
            disclosures=disclosures,
        )


def _certificates() -> Select[Any]:
    return select(certificate, credential.c.jwt, credential.c.digest, credential.c.disclosures).join_from(
        certificate, credential, isouter=True
    )


def _reservation(row: RowMapping) -> Reservation:
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
        roster_salt=bytes(row["roster_salt"]),
        score_salt=bytes(row["score_salt"]),
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
        "state": new.state.value,
        "proposed_by": new.proposed_by,
        "proposed_at": micros(new.proposed_at),
    }


def _batch(row: RowMapping) -> Batch:
    approval = placement = None
    if row["approver"] is not None:
        approval = Approval(
            approver=Address(row["approver"]),
            deadline=row["approval_deadline"],
            signature=bytes(row["approval_signature"]),
        )
    if row["seq"] is not None:
        placement = Placement(
            seq=row["seq"],
            block_number=row["block_number"],
            block_hash=BlockHash(bytes(row["block_hash"])),
            block_time=time_of(row["block_time"]),
        )
    return Batch(
        id=row["id"],
        batch=BatchId(bytes(row["batch"])),
        idempotency_key=row["idempotency_key"],
        request_digest=Digest(bytes(row["request_digest"])),
        issuer=IssuerCode(row["issuer"]),
        scope=ScopeCode(row["scope"]),
        size=row["size"],
        programme_version=row["programme_version"],
        programme_digest=Digest(bytes(row["programme_digest"])),
        credential_key=KeyThumbprint(bytes(row["credential_key"])),
        intent=bytes(row["intent"]),
        state=AnchorState(row["state"]),
        proposed_by=row["proposed_by"],
        proposed_at=time_of(row["proposed_at"]),
        root=RootHash(bytes(row["root"])) if row["root"] is not None else None,
        manifest=bytes(row["manifest"]) if row["manifest"] is not None else None,
        approved_by=row["approved_by"],
        approved_at=time_of(row["approved_at"]) if row["approved_at"] is not None else None,
        approval=approval,
        transaction=TransactionHash(bytes(row["transaction"])) if row["transaction"] is not None else None,
        placement=placement,
        delivered_at=time_of(row["delivered_at"]) if row["delivered_at"] is not None else None,
        failure=row["failure"],
    )


def keep_transaction(session: Session, subject: str, transaction: SignedTransaction, at: datetime) -> None:
    """Keep a signed transaction's bytes for the batch or request it serves."""
    session.add(
        outbox,
        [
            {
                "hash": transaction.hash,
                "subject": subject,
                "sender": transaction.sender,
                "nonce": transaction.nonce,
                "raw": transaction.raw,
                "created_at": micros(at),
            }
        ],
    )


class SqlOutbox:
    """Implements registry.ports.storage.Outbox."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def transaction(self, transaction: TransactionHash) -> SignedTransaction:
        """Find one. Raises NotHere."""
        found = self._many(select(outbox).where(outbox.c.hash == transaction))
        if not found:
            raise NotHere("transaction", transaction.hex())
        return found[0]

    def since(self, sender: str, nonce: int) -> list[SignedTransaction]:
        """List an account's transactions from a nonce on, in the order of nonces."""
        return self._many(
            select(outbox).where(outbox.c.sender == sender, outbox.c.nonce >= nonce).order_by(outbox.c.nonce)
        )

    def _many(self, query: Select[Any]) -> list[SignedTransaction]:
        rows = self._session.connection.execute(query).mappings().all()
        for row in rows:
            self._session.require_sealed(outbox, row, bytes(row["hash"]).hex())
        return [
            SignedTransaction(
                raw=bytes(row["raw"]),
                hash=TransactionHash(bytes(row["hash"])),
                sender=Address(row["sender"]),
                nonce=row["nonce"],
            )
            for row in rows
        ]

    def next_nonce(self, sender: str) -> int:
        """One more than the highest nonce kept for an account; 0 where there is none."""
        highest = self._session.connection.execute(
            select(func.max(outbox.c.nonce)).where(outbox.c.sender == sender)
        ).scalar_one()
        return 0 if highest is None else int(highest) + 1
