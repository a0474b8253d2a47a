"""The outbox: signed transactions, kept before they are sent and never overwritten."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from registry.anchor.operations import SignedTransaction
from registry.kernel.identifiers import Address, TransactionHash
from registry.ports.storage import NotHere
from registry.store.sessions import Session, micros
from registry.store.tables import outbox


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
        return [
            SignedTransaction(
                raw=row["raw"],
                hash=TransactionHash(row["hash"]),
                sender=Address(row["sender"]),
                nonce=row["nonce"],
            )
            for row in self._session.rows(outbox, query)
        ]

    def next_nonce(self, sender: str) -> int:
        """One more than the highest nonce kept for an account; 0 where there is none."""
        highest = self._session.connection.execute(
            select(func.max(outbox.c.nonce)).where(outbox.c.sender == sender)
        ).scalar_one()
        return 0 if highest is None else int(highest) + 1
