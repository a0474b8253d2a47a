"""What the sending side keeps: who may sign and send for an account, and every transaction that was signed.

There is one active sender for an account at a time. Its lease is given out in a write transaction, under a term that
grows each time: whoever held an earlier term can neither sign nor keep anything under it (fencing).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from registry.anchor.operations import SignedTransaction
from registry.kernel.errors import Conflict, Unavailable
from registry.kernel.identifiers import Address, TransactionHash


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderLease:
    """Who signs and sends for an account."""

    account: Address
    worker: str
    """The process that holds it, or held it last."""
    term: int
    """One more each time it is taken."""
    taken_at: datetime
    leased_until: datetime | None
    """None = given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTransaction:
    """A signed transaction as it is kept."""

    transaction: SignedTransaction
    subject: str
    """The batch or status request that it serves."""
    kept_at: datetime
    replaces: TransactionHash | None
    """The one with the same nonce that was kept before it; whichever a block takes wins."""


class SenderBusy(Unavailable):
    """Another process signs and sends for the account just now."""

    code = "anchor/sender-busy"

    def __init__(self, account: Address, until: datetime) -> None:
        self.account, self.until = account, until
        super().__init__(f"another process sends for {account}, until {until:%H:%M:%S} UTC at the latest")


class LeaseLost(Conflict):
    """The lease of the account ended before its holder went on, and another one has it now."""

    code = "anchor/lease-lost"

    def __init__(self, account: Address, term: int, current: int) -> None:
        self.account, self.term, self.current = account, term, current
        super().__init__(f"the lease of {account} is at term {current}, no longer at {term}: nothing was signed")


class Senders(Protocol):
    """Leases of sending accounts."""

    def lease(self, account: Address) -> SenderLease | None:
        """Find the present one, or the last; None = nobody has ever held it."""
        ...

    def latest(self) -> SenderLease | None:
        """Find the one that was taken last, of whatever account; None = no account has ever sent."""
        ...

    def claim(self, account: Address, at: datetime, until: datetime) -> SenderLease:
        """Take it for this process where it is free, has lapsed, or its holder has ended. Raises SenderBusy."""
        ...

    def extend(self, lease: SenderLease, until: datetime) -> SenderLease:
        """Hold it longer. Raises LeaseLost where it was given back, or another has taken it."""
        ...

    def release(self, lease: SenderLease) -> None:
        """Give it back; nothing happens where it is lost already."""
        ...


class Outbox(Protocol):
    """Signed transactions; never overwritten. A nonce is given out once, but for replacements."""

    def transaction(self, transaction: TransactionHash) -> SignedTransaction:
        """Find one. Raises NotHere."""
        ...

    def known(self, transactions: Iterable[TransactionHash]) -> set[TransactionHash]:
        """Which of these were signed here."""
        ...

    def since(self, sender: str, nonce: int) -> list[SignedTransaction]:
        """List an account's transactions from a nonce on, in the order of nonces, replacements after the replaced."""
        ...

    def kept_since(self, sender: str, nonce: int) -> Sequence[KeptTransaction]:
        """List the same with what they serve, and when they were kept."""
        ...

    def serving(self, subject: str) -> Sequence[KeptTransaction]:
        """List what was signed for a batch or a status request, in the order of nonces."""
        ...

    def rivals(self, transaction: TransactionHash) -> Sequence[KeptTransaction]:
        """List a transaction and all with its nonce, in the order of replacing. Raises NotHere."""
        ...

    def next_nonce(self, sender: str) -> int:
        """One more than the highest nonce kept for an account; 0 where there is none."""
        ...

    def replace(self, replaced: TransactionHash, transaction: SignedTransaction, at: datetime) -> None:
        """Keep another transaction with the same sender and nonce, beside the last of those there are.

        Raises NotHere; RowRefused where that one was replaced already, or the nonces differ.
        """
        ...
