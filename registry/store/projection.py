"""The chain's final records as they were read: added to, never changed; dropped only where all are read anew.

A verdict rests on them, so they are sealed like everything else; that none was taken out shows when they are compared
with the chain.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, func, or_, select

from registry.anchor.history import (
    Ballot,
    BallotKind,
    Block,
    Content,
    Enacted,
    Position,
    Record,
    StatusChanged,
    Superseded,
    Voted,
    type_of_op,
)
from registry.anchor.trust import TrustRoot
from registry.kernel.identifiers import Address, BatchId, BlockHash, IssuerCode, LeafHash, TransactionHash
from registry.ports.storage import ProjectionHead
from registry.status import IN_WORD
from registry.store.records import op_of, read_content, write_content
from registry.store.sessions import Question, Row, Session, StateMoved, micros, pieces, time_of
from registry.store.tables import chain_head, chain_record, chain_successor, chain_word

_OF_ISSUER = frozenset(
    {
        BallotKind.ACCREDIT,
        BallotKind.SUSPEND,
        BallotKind.REINSTATE,
        BallotKind.WITHDRAW,
        BallotKind.SET_CONTROLLER,
        BallotKind.GRANT_SCOPE,
        BallotKind.REVOKE_SCOPE,
        BallotKind.ADD_APPROVER,
        BallotKind.KEY_COMPROMISED,
    }
)
_OF_BATCH = frozenset(
    {
        BallotKind.SUSPEND_BATCH,
        BallotKind.LIFT_BATCH_SUSPENSION,
        BallotKind.REVOKE_BATCH,
        BallotKind.REAFFIRM_BATCH,
        BallotKind.REVOKE_WORD,
    }
)
_TOUCHING: Final = Question(
    select(chain_record).where(
        chain_record.c.seq.in_(
            select(chain_word.c.seq).where(
                chain_word.c.issuer == bindparam("issuer"),
                chain_word.c.batch == bindparam("batch"),
                chain_word.c.word == bindparam("word"),
            )
        )
    ),
    chain_record,
)
_NAMING: Final = Question(
    select(chain_record).where(
        chain_record.c.seq.in_(
            select(chain_successor.c.seq).where(
                chain_successor.c.issuer == bindparam("issuer"),
                chain_successor.c.batch == bindparam("batch"),
                chain_successor.c.leaf == bindparam("leaf"),
            )
        )
    ),
    chain_record,
)


class SqlProjection:
    """Implements registry.ports.storage.Projection."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def head(self) -> ProjectionHead | None:
        """Up to where the chain has been read."""
        return self._session.remembered("head", self._head)

    def _head(self) -> ProjectionHead | None:
        row = self._session.row(chain_head, select(chain_head))
        if row is None:
            return None
        return ProjectionHead(
            trust_root=TrustRoot.parse(row["trust_root"]),
            first_block_time=_from_seconds(row["first_block_time"]),
            block=Block(number=row["number"], hash=BlockHash(row["hash"]), time=_from_seconds(row["time"])),
            read_at=time_of(row["read_at"]),
            nodes=row["nodes"],
        )

    def extend(self, head: ProjectionHead, records: Iterable[Record]) -> None:
        """Keep more records and the new head. Raises StateMoved where more than that has been read already."""
        _require_onward(self.head(), head)
        self._add(head, records)

    def replace(self, head: ProjectionHead, records: Iterable[Record], *, after: int) -> None:
        """Drop all but the first `after` records, and keep these and the new head, wherever that is."""
        if after < self.size():
            with _deletions(self._session):
                for table in (chain_successor, chain_word, chain_record):  # what points at a record goes first
                    of_others = or_(table.c.seq >= after, table.c.seq < 0)  # an edited row may say anything
                    self._session.connection.execute(delete(table).where(of_others))
        self._add(head, records)

    def _add(self, head: ProjectionHead, records: Iterable[Record]) -> None:
        for piece in pieces(records):
            rows: list[Row] = []
            words: list[Row] = []
            successors: list[Row] = []
            for record in piece:
                issuer, batch, touched = _concerns(record.content)
                rows.append(_row(record, issuer, batch))
                words.extend(
                    {"seq": record.position.seq, "word": word, "issuer": issuer, "batch": batch}
                    for word in sorted(touched)
                )
                successors.extend(_successors(record, head.trust_root.contract.address))
            self._session.add(chain_record, rows)
            self._session.add(chain_word, words)
            self._session.add(chain_successor, successors)
        values = {
            "trust_root": head.trust_root.document(),
            "first_block_time": int(head.first_block_time.timestamp()),
            "number": head.block.number,
            "hash": head.block.hash,
            "time": int(head.block.time.timestamp()),
            "read_at": micros(head.read_at),
            "nodes": head.nodes,
        }
        if self.head() is None:
            self._session.add(chain_head, [{"id": 1, **values}])
        else:
            self._session.change(chain_head, {"id": 1}, {}, **values)

    def size(self) -> int:
        """How many records are kept."""
        return int(self._session.connection.execute(select(func.count()).select_from(chain_record)).scalar_one())

    def unreadable(self) -> list[int]:
        """Which records do not carry the seal of their content, by their sequences, ascending."""
        return sorted(int(seq) for _, seq in self._session.unsealed_rows([chain_record]))

    def records(self, *, first: int = 0, last: int | None = None) -> Iterator[Record]:
        """All records in ascending sequence."""
        query = select(chain_record).where(chain_record.c.seq >= first)
        if last is not None:
            query = query.where(chain_record.c.seq <= last)
        yield from self._read(query)

    def records_of(self, kind: type) -> Iterator[Record]:
        """All records with a content of this type, in ascending sequence."""
        ops = [op for op, content_type in type_of_op.items() if content_type is kind]
        yield from self._read(select(chain_record).where(chain_record.c.op.in_(ops)))

    def concerning(self, issuer: IssuerCode, batch: BatchId, leaf: int) -> tuple[Record, ...]:
        """The records that concern an issuer as such, one batch as a whole, and one of its certificates."""
        whole = self._session.remembered(("whole", issuer, batch), lambda: self._whole(issuer, batch))
        touching = self._session.answers(_TOUCHING, issuer=issuer, batch=batch, word=leaf // IN_WORD)
        naming = self._session.answers(_NAMING, issuer=issuer, batch=batch, leaf=leaf)
        if not touching and not naming:
            return whole
        found = {row["seq"]: row for (row,) in (*touching, *naming)}
        return tuple(sorted((*whole, *map(_record, found.values())), key=lambda one: one.position.seq))

    def successors(self, issuer: IssuerCode, batch: BatchId) -> set[int]:
        """Which leaves of a batch the chain has recorded as the successors of its issuer's certificates."""
        query = select(chain_successor).where(chain_successor.c.issuer == issuer, chain_successor.c.batch == batch)
        return {row["leaf"] for row in self._session.rows(chain_successor, query)}

    def _whole(self, issuer: IssuerCode, batch: BatchId) -> tuple[Record, ...]:
        """The records that concern an issuer as such, and a batch as a whole."""
        of_batch = and_(chain_record.c.issuer == issuer, chain_record.c.batch == batch)
        has_words = chain_record.c.seq.in_(
            select(chain_word.c.seq).where(chain_word.c.issuer == issuer, chain_word.c.batch == batch)
        )
        return tuple(self._read(select(chain_record).where(or_(_as_such(issuer), and_(of_batch, ~has_words)))))

    def of_issuer(self, issuer: IssuerCode) -> tuple[Record, ...]:
        """The records that concern an issuer as such: its standing, scopes and keys, and no batch."""
        return tuple(self._read(select(chain_record).where(_as_such(issuer))))

    def of_batch(self, issuer: IssuerCode, batch: BatchId) -> tuple[Record, ...]:
        """The records that concern one batch or any of its certificates."""
        return tuple(
            self._read(select(chain_record).where(chain_record.c.issuer == issuer, chain_record.c.batch == batch))
        )

    def _read(self, query: Select[Any]) -> Iterator[Record]:
        for page in self._session.pages(query, chain_record.c.seq, chain_record):
            for (row,) in page:
                yield _record(row)


def _require_onward(present: ProjectionHead | None, head: ProjectionHead) -> None:
    """Check that a head is not below the one that is kept: a node that was behind is no reason to forget."""
    if present is not None and head.block.number < present.block.number:
        raise StateMoved(chain_head.name, str(present.block.number))


@contextmanager
def _deletions(session: Session) -> Iterator[None]:
    """Put the rules that refuse deletions aside, in this transaction alone; it leaves them as they were."""
    rules: list[str] = []
    for table in (chain_successor, chain_word, chain_record):
        name = f"{table.name}_not_deleted"
        rules += session.driver.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        session.driver.execute(f"DROP TRIGGER {name}")
    yield
    for rule in rules:
        session.driver.execute(rule)


def _as_such(issuer: IssuerCode) -> ColumnElement[bool]:
    return and_(chain_record.c.issuer == issuer, chain_record.c.batch.is_(None))


def _concerns(content: Content) -> tuple[str | None, bytes | None, set[int]]:
    """Tell whom a content concerns: issuer, batch, and the words of its certificates."""
    if isinstance(content, StatusChanged):
        return content.issuer, content.batch, {change >> IN_WORD for change in content.changes}
    if isinstance(content, Superseded):
        return content.issuer, content.batch, {index // IN_WORD for index in content.indices}
    if isinstance(content, Voted | Enacted):
        return _of_ballot(content.ballot)
    return getattr(content, "issuer", None), getattr(content, "batch", None), set()


def _successors(record: Record, contract: Address) -> Iterator[Row]:
    """Name the certificates here that the issuer itself let take the place of its own: nobody else's word counts."""
    content = record.content
    if not isinstance(content, Superseded):
        return
    if (content.issuer, contract) == (content.target_issuer, content.target_contract):
        for leaf in sorted(set(content.new_indices)):
            yield {
                "seq": record.position.seq,
                "leaf": leaf,
                "issuer": content.target_issuer,
                "batch": content.new_batch,
            }


def _of_ballot(ballot: Ballot) -> tuple[str | None, bytes | None, set[int]]:
    issuer = ballot.subject.rstrip(b"\0").decode("ascii", "replace")
    if ballot.kind in _OF_ISSUER:
        return issuer, None, set()
    if ballot.kind in _OF_BATCH:
        touched = {ballot.arg >> 128 & (1 << 64) - 1} if ballot.kind is BallotKind.REVOKE_WORD else set()
        return issuer, ballot.ref, touched
    return None, None, set()


def _row(record: Record, issuer: str | None, batch: bytes | None) -> Row:
    position = record.position
    return {
        "seq": position.seq,
        "by": position.by,
        "block_number": position.block_number,
        "block_hash": position.block_hash,
        "block_time": int(position.block_time.timestamp()),
        "transaction": position.transaction,
        "leaf": position.leaf,
        "op": op_of(record.content),
        "issuer": issuer,
        "batch": batch,
        "content": write_content(record.content),
    }


def _record(row: Row) -> Record:
    return Record(
        position=Position(
            seq=row["seq"],
            by=Address(row["by"]),
            block_number=row["block_number"],
            block_hash=BlockHash(row["block_hash"]),
            block_time=_from_seconds(row["block_time"]),
            transaction=TransactionHash(row["transaction"]),
            leaf=LeafHash(row["leaf"]),
        ),
        content=read_content(row["op"], row["content"]),
    )


def _from_seconds(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
