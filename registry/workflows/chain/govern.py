"""Govern: one operation of a member or controller, from the key to a final block.

Nothing of it is kept here: what was done stands in the contract's own records, and doing it twice is refused there.
1. Ask the contract what it would say now; a refusal costs nothing and is told before anything is signed.
2. Sign, with the number of the account's transactions that blocks hold. What a node says is waiting beyond them is only
   waited for: no ledger of nonces is kept, since the key may be used on any machine. Where a node forgot one, two have
   the same number, of which a block takes one: what the other was to do did not happen, and the records say so.
3. Send; where the node knows nothing of it, send the same bytes again.
4. Success is our record in a final block, nothing else.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from registry.anchor.history import Record
from registry.anchor.operations import ControllerOperation, MemberOperation, SignedTransaction
from registry.kernel.errors import Conflict, RuleRefusal, Unavailable
from registry.kernel.identifiers import Address, TransactionHash
from registry.ports import FateKind, Ledger, LedgerUnavailable, TransactionSigner

_POLL_SECONDS: Final = 0.2
PATIENCE: Final = timedelta(seconds=60)
"""How long a command waits for the chain."""


class ContractRefused(RuleRefusal):
    """The contract refuses an operation; `fault` is the slug of its published reason."""

    code = "consortium/refused"

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__(f"the contract refuses: {fault}")


class NotFinalInTime(Unavailable):
    """A transaction was sent and is not final yet; it may still be."""

    code = "consortium/not-final"

    def __init__(self, transaction: TransactionHash, seconds: float) -> None:
        self.transaction, self.seconds = transaction, seconds
        super().__init__(f"transaction 0x{transaction.hex()} is sent and not final after {seconds:g} s")


class TransactionWaiting(Conflict):
    """Another transaction of the account is on its way; a second one now could wait behind it for ever."""

    code = "consortium/transaction-waiting"

    def __init__(self, account: Address, count: int) -> None:
        self.account, self.count = account, count
        super().__init__(f"{count} transactions of {account} are on their way: what they do is not known yet")


def perform(
    ledger: Ledger,
    signer: TransactionSigner,
    operation: MemberOperation | ControllerOperation,
    *,
    patience: timedelta = PATIENCE,
    pause: Callable[[float], None] = time.sleep,
) -> Record:
    """Do it and give its record. Raises ContractRefused, TransactionWaiting, NotFinalInTime, and as Ledger."""
    # 1
    fault = ledger.refusal(operation, signer.address)
    if fault is not None:
        raise ContractRefused(fault)
    # 2
    settled = ledger.settled_nonce(signer.address)
    waiting = ledger.next_nonce(signer.address) - settled
    if waiting > 0:
        raise TransactionWaiting(signer.address, waiting)
    transaction = signer.sign(operation, nonce=settled)
    until = time.monotonic() + patience.total_seconds()
    while True:
        try:
            record = _recorded(ledger, transaction)
        except LedgerUnavailable:
            record = None  # it may have been taken although no answer came: that is asked until patience ends
        if record is not None:
            return record
        if time.monotonic() >= until:
            raise NotFinalInTime(transaction.hash, patience.total_seconds())
        pause(_POLL_SECONDS)


def _recorded(ledger: Ledger, transaction: SignedTransaction) -> Record | None:
    fate = ledger.fate(transaction.hash)
    if fate.kind is FateKind.UNKNOWN:
        # 3
        ledger.broadcast(transaction)
    if fate.kind is FateKind.REVERTED:
        raise ContractRefused(fate.fault or "contract/reverted")
    if fate.kind is not FateKind.FINAL or fate.block is None:
        return None
    # 4
    number = fate.block.number
    return next((one for one in ledger.records(number, number) if one.position.transaction == transaction.hash), None)
