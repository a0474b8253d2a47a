"""The outbox: signed transactions, kept before they are sent and never overwritten."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from registry.anchor.operations import SignedTransaction
from registry.kernel.identifiers import Address, TransactionHash
from registry.ports.sending import KeptTransaction
from registry.ports.storage import NotHere
from registry.store.alarms import require_writing
from registry.store.sessions import Row, Session, micros, pieces, time_of
from registry.store.tables import outbox


def keep_transaction(
    session: Session,
    subject: str,
    transaction: SignedTransaction,
    at: datetime,
    *,
    replaces: TransactionHash | None = None,
) -> None:
    """Keep a signed transaction's bytes for the batch or request it serves. Raises WritingHalted."""
    require_writing(session)
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
                "replaces": replaces,
            }
        ],
    )


class SqlOutbox:
    """Implements registry.ports.sending.Outbox."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def transaction(self, transaction: TransactionHash) -> SignedTransaction:
        """Find one. Raises NotHere."""
        return self._kept(transaction).transaction

    def known(self, transactions: Iterable[TransactionHash]) -> set[TransactionHash]:
        """Which of these were signed here."""
        found: set[TransactionHash] = set()
        for piece in pieces(transactions):
            query = select(outbox.c.hash).where(outbox.c.hash.in_(piece))
            found.update(TransactionHash(one) for one in self._session.connection.execute(query).scalars())
        return found

    def since(self, sender: str, nonce: int) -> list[SignedTransaction]:
        """List an account's transactions from a nonce on, in the order of nonces, replacements after the replaced."""
        return [kept.transaction for kept in self.kept_since(sender, nonce)]

    def kept_since(self, sender: str, nonce: int) -> Sequence[KeptTransaction]:
        """List the same with what they serve, and when they were kept."""
        return self._many(select(outbox).where(outbox.c.sender == sender, outbox.c.nonce >= nonce))

    def serving(self, subject: str) -> Sequence[KeptTransaction]:
        """List what was signed for a batch or a status request, in the order of nonces."""
        return self._many(select(outbox).where(outbox.c.subject == subject))

    def rivals(self, transaction: TransactionHash) -> Sequence[KeptTransaction]:
        """List a transaction and all with its nonce, in the order of replacing. Raises NotHere."""
        of = self.transaction(transaction)
        return self._many(select(outbox).where(outbox.c.sender == of.sender, outbox.c.nonce == of.nonce))

    def next_nonce(self, sender: str) -> int:
        """One more than the highest nonce kept for an account; 0 where there is none."""
        highest = self._session.connection.execute(
            select(func.max(outbox.c.nonce)).where(outbox.c.sender == sender)
        ).scalar_one()
        return 0 if highest is None else int(highest) + 1

    def replace(self, replaced: TransactionHash, transaction: SignedTransaction, at: datetime) -> None:
        """Keep another transaction with the same sender and nonce, beside the last of those there are.

        Raises NotHere, WritingHalted; RowRefused where that one was replaced already, or the nonces differ.
        """
        keep_transaction(self._session, self._kept(replaced).subject, transaction, at, replaces=replaced)

    def _kept(self, transaction: TransactionHash) -> KeptTransaction:
        found = self._many(select(outbox).where(outbox.c.hash == transaction))
        if not found:
            raise NotHere("transaction", transaction.hex())
        return found[0]

    def _many(self, query: Select[Any]) -> list[KeptTransaction]:
        rows = self._session.rows(outbox, query.order_by(outbox.c.nonce))
        return [_transaction(row) for row in _in_order(rows)]


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Put those of one nonce behind those that they replace, whatever the clock said when they were kept."""
    after = {row["replaces"]: row for row in rows if row["replaces"] is not None}
    known = {row["hash"] for row in rows}
    ordered: list[Row] = []
    for row in rows:
        if row["replaces"] in known:
            continue
        following: Row | None = row
        while following is not None:
            ordered.append(following)
            following = after.get(following["hash"])
    return ordered


def _transaction(row: Row) -> KeptTransaction:
    return KeptTransaction(
        transaction=SignedTransaction(
            raw=row["raw"],
            hash=TransactionHash(row["hash"]),
            sender=Address(row["sender"]),
            nonce=row["nonce"],
        ),
        subject=row["subject"],
        kept_at=time_of(row["created_at"]),
        replaces=None if row["replaces"] is None else TransactionHash(row["replaces"]),
    )
