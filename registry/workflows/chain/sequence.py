"""Sequence: one sender at a time for an account, nonces without a gap, the same bytes as often as it takes.

1. Lease: whoever signs or sends holds the account's lease. It is taken and checked in the very write transaction that
   gives out a nonce, so that a holder who was paused beyond its end can sign nothing afterwards (fencing). It is given
   back once all that is kept has been sent; from a holder that died another takes it at once, from one that hangs
   after LEASE.
2. Nonce: one more than the highest that is kept; what a node says is waiting is not believed. Where blocks hold more
   of the account's transactions than are kept, somebody else signs with its key, or the database is older than the
   chain: an alarm, and no more signing until a person has lifted it. Then the chain's count is where it goes on.
3. Bytes: kept in the same write transaction as the nonce, before anything is sent.
4. Sending: whatever no block holds yet, in the order of nonces; of several with one nonce the last that a node takes.
   What a node refuses holds up those behind it, not those before it. Sending again is harmless. Alarms are looked at
   before each transaction goes out: one that is raised meanwhile halts the rest.
5. Of several with one nonce a block can hold one; what became of it is what became of all.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import groupby
from types import TracebackType
from typing import Final, Self

from registry.anchor.differences import Name
from registry.anchor.operations import Operation, SignedTransaction
from registry.kernel.errors import Conflict, Unavailable
from registry.kernel.identifiers import Address, TransactionHash
from registry.ports import Clock, Fate, FateKind, Ledger, Offer, TransactionRefused, TransactionSigner
from registry.ports.sending import KeptTransaction, LeaseLost, SenderLease
from registry.ports.storage import Store, UnitOfWork
from registry.workflows.chain.halt import raise_alarm

LEASE: Final = timedelta(seconds=30)
"""How long an account stays with a process that is alive and not heard of; longer than one sending takes."""
_FRESH: Final = timedelta(seconds=5)
"""For so long a lease is not lengthened: what is left outlasts the node's time limits for one transaction."""
_KNOWN_BEST: Final = (FateKind.FINAL, FateKind.REVERTED, FateKind.INCLUDED, FateKind.WAITING, FateKind.UNKNOWN)


class NonceTaken(Conflict):
    """Another transaction of our sender, that we did not make, stands where ours was to stand."""

    code = "anchor/nonce-taken"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"the transaction of {subject} can never be taken: its nonce was used by another one")


Keep = Callable[[UnitOfWork, SignedTransaction, datetime], None]
"""Keeps a signed transaction for what it serves."""


def _nothing(unit: UnitOfWork) -> None:
    """Write nothing."""


class Sequencer:
    """Signs and sends for one account. As a context it gives the lease back at its end, however that comes."""

    def __init__(self, store: Store, ledger: Ledger, sender: TransactionSigner, clock: Clock) -> None:
        self._store, self._ledger, self._sender, self._clock = store, ledger, sender, clock
        self._lease: SenderLease | None = None

    @property
    def account(self) -> Address:
        """The sending account."""
        return self._sender.address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Unavailable):  # then the lease ends by itself, or with this process
            self.release()

    def sign(self, operation: Operation, keep: Keep) -> None:
        """Sign an operation under the next nonce and have it kept, in one write transaction, under the lease.

        Raises SenderBusy, LeaseLost, WritingHalted and what `keep` raises; then nothing is signed.
        """
        blocks_hold = self._ledger.settled_nonce(self.account)
        with self._leased() as unit:  # 1
            now = self._clock.now()
            # 2
            kept = unit.outbox.next_nonce(self.account)
            strangers = blocks_hold > kept and self._alarm_ahead(unit, now, kept, blocks_hold)
            if not strangers:
                # 3
                keep(unit, self._sender.sign(operation, nonce=max(kept, blocks_hold)), now)
        if strangers:
            with self._store.read() as unit:
                unit.alarms.require_none()

    def replace(
        self, last: KeptTransaction, operation: Operation, offer: Offer, note: Callable[[UnitOfWork, datetime], None]
    ) -> None:
        """Sign an operation again under the nonce of the last transaction of it, and keep that beside it, with a note.

        Raises SenderBusy, LeaseLost, WritingHalted, RowRefused and what `note` raises; then nothing is signed.
        """
        with self._leased() as unit:
            now = self._clock.now()
            note(unit, now)
            transaction = self._sender.sign(operation, nonce=last.transaction.nonce, offer=offer)
            unit.outbox.replace(last.transaction.hash, transaction, now)

    def send(self, of: TransactionHash | None, note: Callable[[UnitOfWork], None] = _nothing) -> None:
        """Send all that is kept and in no block; then write a note and give the lease back, in one transaction.

        `of` is sent whatever account signed it: another one of ours may have been in use before. What is refused behind
        it does not concern it: whoever that belongs to hears of it.
        Raises SenderBusy, LeaseLost, WritingHalted, TransactionRefused, LedgerUnavailable and what `note` raises.
        """
        # 4
        first = self._ledger.settled_nonce(self.account)
        with self._store.read() as unit:
            unit.alarms.require_none()
            asked = () if of is None else unit.outbox.rivals(of)
            earlier = [one for one in asked if one.transaction.sender != self.account]
            kept = [*earlier, *unit.outbox.kept_since(self.account, first)]
        wanted = asked[0].transaction if asked else None
        for (sender, nonce), rivals in groupby(kept, key=lambda one: (one.transaction.sender, one.transaction.nonce)):
            self._hold()
            try:
                self._send_one([one.transaction for one in rivals])
            except TransactionRefused:
                if wanted is None or (sender == wanted.sender and nonce <= wanted.nonce):
                    raise
                break  # those behind it wait with it
        try:
            with self._store.write() as unit:
                note(unit)
                self._give_back(unit)
        except Conflict:
            self.release()  # somebody else took the step; nothing is left here to be sent
            raise
        self._lease = None

    def release(self) -> None:
        """Give the lease back, if it is still held."""
        if self._lease is not None:
            with self._store.write() as unit:
                self._give_back(unit)
            self._lease = None

    # What became of it

    def rivals(self, transaction: TransactionHash) -> Sequence[KeptTransaction]:
        """List a kept transaction with all that have its nonce, in the order of replacing."""
        with self._store.read() as unit:
            return unit.outbox.rivals(transaction)

    def fate(self, transaction: TransactionHash | None) -> Fate:
        """Tell what became of a kept transaction, or of one that replaced it or was replaced by it."""
        if transaction is None:
            return Fate(kind=FateKind.UNKNOWN)
        # 5
        return self._best([one.transaction for one in self.rivals(transaction)])

    def is_displaced(self, transaction: TransactionHash | None) -> bool:
        """Tell whether a transaction can never be taken any more: a final block holds a stranger with its nonce."""
        if transaction is None:
            return False
        with self._store.read() as unit:
            ours = unit.outbox.transaction(transaction)
        spent = self._ledger.final_nonce(ours.sender) > ours.nonce
        # Read and asked last: it may have been replaced, and either of the two taken, just now.
        return spent and self.fate(transaction).kind is FateKind.UNKNOWN

    def alarm_displaced(self, unit: UnitOfWork, subject: str, transaction: TransactionHash) -> None:
        """Raise the alarm for a displaced transaction, in the write transaction that notes it."""
        nonce = unit.outbox.transaction(transaction).nonce
        detail = f"here nonce {nonce}; there another transaction"
        raise_alarm(unit, self._clock.now(), code=Name.NONCE_TAKEN, subject=subject, detail=detail)

    def _best(self, rivals: Sequence[SignedTransaction]) -> Fate:
        fates = [self._ledger.fate(one.hash) for one in rivals]
        return min(fates, key=lambda fate: _KNOWN_BEST.index(fate.kind))

    # Parts

    @contextmanager
    def _leased(self) -> Iterator[UnitOfWork]:
        """Open a write transaction in which the lease is taken, or held for longer. Raises SenderBusy, LeaseLost."""
        try:
            with self._store.write() as unit:
                until = self._clock.now() + LEASE
                if self._lease is None:
                    lease = unit.senders.claim(self.account, until - LEASE, until)
                else:
                    lease = unit.senders.extend(self._lease, until)
                yield unit
        except LeaseLost:
            self._lease = None
            raise
        self._lease = lease

    def _hold(self) -> None:
        """Make sure that the lease lasts while one transaction is sent."""
        until = None if self._lease is None else self._lease.leased_until
        if until is None or self._clock.now() >= until - LEASE + _FRESH:
            with self._leased():
                pass

    def _give_back(self, unit: UnitOfWork) -> None:
        if self._lease is not None:
            unit.senders.release(self._lease)

    def _alarm_ahead(self, unit: UnitOfWork, now: datetime, kept: int, blocks_hold: int) -> bool:
        """Raise the alarm, unless a person has lifted it for these very numbers; True = it was raised now."""
        detail = f"here {kept} transactions; there {blocks_hold} transactions"
        return raise_alarm(unit, now, code=Name.NONCE_AHEAD, subject=self.account, detail=detail) is not None

    def _send_one(self, rivals: Sequence[SignedTransaction]) -> None:
        """Send the last of several with one nonce that a node takes."""
        refusal: TransactionRefused | None = None
        for transaction in reversed(rivals):
            with self._store.read() as unit:
                unit.alarms.require_none()
            try:
                self._ledger.broadcast(transaction)
            except TransactionRefused as error:
                refusal = refusal or error
            else:
                return
        # Whoever watches sees what came of it; where the nonce is spent, those after it must not wait.
        spent = self._ledger.settled_nonce(rivals[0].sender) > rivals[0].nonce
        if refusal is not None and not spent and self._best(rivals).kind is FateKind.UNKNOWN:
            raise refusal
