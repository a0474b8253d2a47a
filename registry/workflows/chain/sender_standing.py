"""Say how a sending account stands: who holds it, what waits, and what waits for longer or for less than it should.

Nothing is bumped by itself. What offers less than a block takes now waits, for as long as that may last; after OVERDUE
it is named as overdue, and a person may replace it within the signer's cap (`registry.workflows.chain.fee_bump`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from registry.anchor.operations import SignedTransaction
from registry.kernel.identifiers import Address
from registry.ports import Clock, FateKind, Ledger, Offer
from registry.ports.sending import KeptTransaction, SenderLease
from registry.ports.storage import NotHere, Store, UnitOfWork
from registry.workflows.chain.anchor import unfinished

OVERDUE: Final = timedelta(minutes=10)
"""After that what waits for a block is named."""


class Lot(StrEnum):
    """What became of one kept transaction, beside those with its nonce."""

    UNSENT = "unsent"
    """No node knows it, and its nonce is free: it goes out again with the next sending."""
    WAITING = "waiting"
    INCLUDED = "included"
    FINAL = "final"
    REVERTED = "reverted"
    REPLACED = "replaced"
    """A block holds another one of ours with its nonce."""
    DISPLACED = "displaced"
    """A block holds a stranger with its nonce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One kept transaction, and what became of it."""

    kept: KeptTransaction
    offer: Offer
    lot: Lot
    overdue: bool
    """It has waited for longer than OVERDUE."""
    offers_too_little: bool
    """It waits, and offers less than the newest block takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderStanding:
    """How a sending account stands."""

    account: Address
    lease: SenderLease
    next_nonce: int
    """By what is kept here."""
    settled: int
    """How many of its transactions blocks hold; more than `next_nonce`: somebody else signs with its key."""
    final: int
    """How many of them final blocks hold."""
    base_fee: int
    """Wei for a unit of gas, as of the newest block."""
    transactions: tuple[Standing, ...]


def standing(
    store: Store,
    ledger: Ledger,
    clock: Clock,
    offer_of: Callable[[SignedTransaction], Offer],
    *,
    subject: str | None = None,
) -> SenderStanding | None:
    """Say how the account that sent last stands, with all that waits; None = none has ever sent. Needs no key.

    `subject`: with all that was ever signed for one batch or request, maybe nothing. Raises NotHere where there is no
    such one, LedgerUnavailable.
    """
    with store.read() as unit:
        if subject is not None:
            _require_known(unit, subject)
        lease = unit.senders.latest()
    if lease is None:
        return None
    account = lease.account
    base_fee = ledger.base_fee()
    final, settled = ledger.final_nonce(account), ledger.settled_nonce(account)
    with store.read() as unit:
        following = unit.outbox.next_nonce(account)
        kept = unit.outbox.kept_since(account, final) if subject is None else unit.outbox.serving(subject)
        rivals = [rival.transaction for one in kept for rival in unit.outbox.rivals(one.transaction.hash)]
    blocks_hold = {sender: ledger.settled_nonce(sender) for sender in {one.sender for one in rivals}}
    fates = {hash: ledger.fate(hash).kind for hash in {one.hash for one in rivals}}  # asked last, as elsewhere
    taken = {(one.sender, one.nonce) for one in rivals if fates[one.hash] in _IN_A_BLOCK}
    now = clock.now()
    found = []
    for one in kept:
        signed = one.transaction
        spent, ours = signed.nonce < blocks_hold[signed.sender], (signed.sender, signed.nonce) in taken
        lot = _lot(fates[signed.hash], spent=spent, ours=ours)
        offer, waits = offer_of(signed), lot in (Lot.UNSENT, Lot.WAITING)
        found.append(
            Standing(
                kept=one,
                offer=offer,
                lot=lot,
                overdue=waits and now - one.kept_at > OVERDUE,
                offers_too_little=waits and offer.ceiling < base_fee,
            )
        )
    return SenderStanding(
        account=account,
        lease=lease,
        next_nonce=following,
        settled=settled,
        final=final,
        base_fee=base_fee,
        transactions=tuple(found),
    )


_IN_A_BLOCK: Final = frozenset({FateKind.INCLUDED, FateKind.FINAL, FateKind.REVERTED})


def _require_known(unit: UnitOfWork, subject: str) -> None:
    if subject not in unit.status_requests.names() and subject not in unit.batches.names():
        raise NotHere("batch or request", subject)


def _lot(fate: FateKind, *, spent: bool, ours: bool) -> Lot:
    match fate:
        case FateKind.FINAL | FateKind.INCLUDED | FateKind.REVERTED | FateKind.WAITING:
            return Lot(fate.value)
        case FateKind.UNKNOWN:
            return Lot.REPLACED if ours else Lot.DISPLACED if spent else Lot.UNSENT


def overdue(store: Store, clock: Clock) -> list[str]:
    """Name batches and requests whose transaction was signed longer ago than OVERDUE and is in no final block."""
    batches, requests = unfinished(store)
    with store.read() as unit:
        signed = [(name, unit.outbox.serving(name)) for name in (*batches, *requests)]
    return [name for name, kept in signed if kept and clock.now() - kept[-1].kept_at > OVERDUE]
