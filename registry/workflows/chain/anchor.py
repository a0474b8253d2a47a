"""Anchor: take what is approved to the chain; every step survives being cut off before or after it.

1. Look: what the chain has recorded already needs no transaction.
2. Sign, keep the bytes, send them (`registry.workflows.chain.sequence`). Where another process sends, wait for it.
3. Look at what became of them: unknown → send again; reverted → failed, held for a person. Which block it was seen in
   is kept: once another one stands there, a reorganisation has dropped it. That goes into the journal, and the same
   bytes are sent again. A node that does not know of it any more may only be behind: that shows nothing.
4. Success is our event in a final block, nothing else: for a batch, with our root. A final batch is never sent again,
   whatever the chain shows later: a history that changed below what was final halts (`registry.workflows.chain.halt`).
   One that was proposed later than the block that recorded it was dated by a clock that is ahead: an alarm.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from registry.anchor.differences import Name, both_sides, dated_ahead
from registry.anchor.facts import BatchFacts, batch_facts
from registry.anchor.history import Position
from registry.anchor.operations import AnchorApproval, AnchorBatch
from registry.anchor.progress import Batch, Placement, RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.kernel.errors import Conflict, IntegrityFault, RuleRefusal, Unavailable
from registry.ports import Clock, Fate, FateKind, Ledger, LedgerUnavailable, TransactionSigner
from registry.ports.sending import LeaseLost, SenderBusy
from registry.ports.storage import Store, UnitOfWork
from registry.workflows.certificates.contents import evidence_of
from registry.workflows.chain.follow import follow
from registry.workflows.chain.halt import SYSTEM, halting, raise_alarm
from registry.workflows.chain.sequence import NonceTaken, Sequencer
from registry.workflows.chain.status_operations import BatchChangeOpen, NotApproved

_POLL_SECONDS: Final = 0.2
PATIENCE: Final = timedelta(seconds=60)
"""How long a command waits for the chain before it leaves the rest to the next run."""
_PAUSED: Final = "contract/paused"
_DECIDED: Final = frozenset({"final", "failed", "cancelled"})
"""States of batches and of requests alike that the chain or a person has decided."""
_Sent = TypeVar("_Sent", Batch, StatusRequest)


class ApprovalLapsed(RuleRefusal):
    """The approval's deadline passed before the transaction was made."""

    code = "anchor/approval-lapsed"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"the approval of {subject} has lapsed: it must be approved again")


class AnchoringPaused(Unavailable):
    """Members have stopped anchoring for a while: the batch waits, unsigned, and goes on afterwards."""

    code = "anchor/paused"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"anchoring is paused by the members: {subject} waits")


class RootTaken(IntegrityFault):
    """The chain holds another root under our batch id."""

    code = "anchor/root-taken"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"the chain holds another root under the id of {subject}")


def _unheard(subject: str, state: str) -> None:
    """Hear of a state and do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the sending side works with."""

    store: Store
    ledger: Ledger
    sender: TransactionSigner
    clock: Clock
    pause: Callable[[float], None] = time.sleep
    told: Callable[[str, str], None] = _unheard
    """Told of each state that a subject reaches."""


def anchor_batch(desk: Desk, name: str, *, patience: timedelta = PATIENCE) -> Batch:
    """Take an approved batch to the chain and wait until it is final or has failed.

    Returns it as it stands when patience ends, also where another process was sending all the time.
    Raises NotApproved, ApprovalLapsed, AnchoringPaused, RootTaken, HistoryBroken, WritingHalted, LedgerUnavailable; of
    these NoBlocks where it was sent and waits for a block that the node cannot make.
    """

    def read(unit: UnitOfWork) -> Batch:
        batch = unit.batches.batch(name)
        if batch.state in (AnchorState.RESERVED, AnchorState.SEALED):
            raise NotApproved(name, batch.state)
        return batch

    return carry(desk, read, _batch_step, patience)


def carry(
    desk: Desk,
    read: Callable[[UnitOfWork], _Sent],
    step: Callable[[Desk, Sequencer, _Sent], bool],
    patience: timedelta,
) -> _Sent:
    """Take one step after another until the chain has decided, or patience ends; a step tells whether it moved."""
    until = time.monotonic() + patience.total_seconds()
    with Sequencer(desk.store, desk.ledger, desk.sender, desk.clock) as sequencer:
        while True:
            with desk.store.read() as unit:
                found = read(unit)
            if found.state.value in _DECIDED:
                return found
            try:
                with halting(desk.store, desk.clock):
                    moved = step(desk, sequencer, found)
            except (SenderBusy, LeaseLost):
                moved = False
            except Conflict:
                with desk.store.read() as unit:
                    if read(unit).state is found.state:
                        raise
                moved = True  # another process works on the same and took this step first
            except (LedgerUnavailable, AnchoringPaused, BatchChangeOpen):
                if time.monotonic() >= until:
                    raise
                moved = False
            if not moved:
                if time.monotonic() >= until:
                    return found
                desk.pause(_POLL_SECONDS)


def require_in_time(desk: Desk, subject: str, deadline: int) -> None:
    """Check that an approval still holds. Raises ApprovalLapsed."""
    if int(desk.clock.now().timestamp()) >= deadline:
        raise ApprovalLapsed(subject)


def require_blocks(fate: Fate) -> None:
    """Raise NoBlocks where something waits at a node that says that it can make no block now."""
    if fate.held_up is not None:
        raise fate.held_up


def _batch_step(desk: Desk, sequencer: Sequencer, batch: Batch) -> bool:
    match batch.state:
        case AnchorState.APPROVED:
            # 1
            if _recorded(desk, batch) is None:
                _sign_batch(desk, sequencer, batch)
            else:
                with desk.store.write() as unit:
                    unit.batches.move(batch.id, AnchorState.APPROVED, AnchorState.INCLUDED)
        case AnchorState.SIGNED | AnchorState.ORPHANED:
            sequencer.send(batch.transaction, lambda unit: unit.batches.move(batch.id, batch.state, AnchorState.SENT))
        case AnchorState.SENT:
            return _watch_sent(desk, sequencer, batch)
        case _:
            return _watch_included(desk, sequencer, batch)
    with desk.store.read() as unit:
        desk.told(batch.id, unit.batches.batch(batch.id).state)
    return True


def anchoring(batch: Batch) -> AnchorBatch:
    """Give the contract's operation for an approved batch. Raises NotApproved."""
    approval, root, manifest = batch.approval, batch.root, batch.manifest
    if approval is None or root is None or manifest is None:
        raise NotApproved(batch.id, batch.state)
    return AnchorBatch(
        asked=AnchorApproval(
            issuer=batch.issuer,
            batch=batch.batch,
            root=root,
            size=batch.size,
            scope=batch.scope,
            evidence=evidence_of(manifest),
            credential_key=batch.credential_key,
            deadline=approval.deadline,
        ),
        approval=approval,
    )


def _sign_batch(desk: Desk, sequencer: Sequencer, batch: Batch) -> None:
    # 2
    operation = anchoring(batch)
    require_in_time(desk, batch.id, operation.approval.deadline)
    if desk.ledger.refusal(operation, sequencer.account) == _PAUSED:
        raise AnchoringPaused(batch.id)  # signed now it would fail, and need another approval
    sequencer.sign(operation, lambda unit, transaction, at: unit.batches.sign(batch.id, transaction, at))


def _recorded(desk: Desk, batch: Batch) -> BatchFacts | None:
    """Give what the chain holds under our batch id, if it holds anything. Raises RootTaken where that is not ours."""
    follow(desk.store, desk.ledger, desk.clock)
    with desk.store.read() as unit:
        facts = batch_facts(unit.projection.of_batch(batch.issuer, batch.batch), batch.issuer, batch.batch)
    if facts is not None and facts.anchored.root != batch.root:
        raise RootTaken(batch.id)
    return facts


def _watch_sent(desk: Desk, sequencer: Sequencer, batch: Batch) -> bool:
    # 3
    fate = sequencer.fate(batch.transaction)
    failure = (fate.fault or "reverted") if fate.kind is FateKind.REVERTED else None
    if fate.kind is FateKind.WAITING:
        require_blocks(fate)
        return False
    if fate.kind is FateKind.UNKNOWN:
        if not sequencer.is_displaced(batch.transaction):
            sequencer.send(batch.transaction)
            return False
        failure = NonceTaken.code
    if failure is not None and _recorded(desk, batch) is not None:
        failure = None  # an earlier transaction of ours, from before a database was restored, did it already
    wanted = AnchorState.INCLUDED if failure is None else AnchorState.FAILED
    with desk.store.write() as unit:
        unit.batches.move(
            batch.id, AnchorState.SENT, wanted, failure=failure, seen_in=fate.block if failure is None else None
        )
        if failure == NonceTaken.code and batch.transaction is not None:
            sequencer.alarm_displaced(unit, batch.id, batch.transaction)
    desk.told(batch.id, wanted)
    return True


def _watch_included(desk: Desk, sequencer: Sequencer, batch: Batch) -> bool:
    # 4
    facts = _recorded(desk, batch)
    if facts is not None:
        with desk.store.write() as unit:
            place_batch(unit, batch, facts.position, desk.clock.now())
        desk.told(batch.id, AnchorState.FINAL)
        return True
    fate = sequencer.fate(batch.transaction)
    failure = (fate.fault or "reverted") if fate.kind is FateKind.REVERTED else None
    if failure is None and not _is_taken_back(desk, batch, fate):
        if fate.kind is FateKind.UNKNOWN:
            sequencer.send(batch.transaction)  # harmless where it is in its block, and a chain may grow by it alone
        return False
    wanted = AnchorState.ORPHANED if failure is None else AnchorState.FAILED
    with desk.store.write() as unit:
        unit.batches.move(batch.id, AnchorState.INCLUDED, wanted, failure=failure)
        if failure is None:
            transaction = "" if batch.transaction is None else batch.transaction.hex()
            unit.journal.write(
                at=desk.clock.now(), person=SYSTEM, action="batch.orphan", subject=batch.id, transaction=transaction
            )
    desk.told(batch.id, wanted)
    return True


def _is_taken_back(desk: Desk, batch: Batch, fate: Fate) -> bool:
    """Tell whether another block stands where a batch was seen, and it is in none; note where it is, if elsewhere."""
    if fate.block is not None:
        if fate.block != batch.seen_in:
            with desk.store.write() as unit:
                unit.batches.see(batch.id, fate.block)
        return False
    if batch.seen_in is None:
        return False
    there = desk.ledger.shown(batch.seen_in.number)
    if there is None or there.hash == batch.seen_in.hash:
        return False
    with desk.store.read() as unit:
        known = unit.projection.head()
    return known is None or desk.ledger.head().number >= known.block.number  # else it is one that is behind


def place_batch(unit: UnitOfWork, batch: Batch, position: Position, at: datetime) -> None:
    """Make an included batch final at its place; an alarm where the clock that dated it was ahead of the block."""
    unit.batches.place(batch.id, Placement.at(position))
    clocks = dated_ahead(batch.proposed_at, position.block_time)
    if clocks is not None:
        raise_alarm(unit, at, code=Name.DATED_AHEAD, subject=batch.id, detail=both_sides(*clocks))


def unfinished(store: Store) -> tuple[list[str], list[str]]:
    """Name batches and status requests that were on their way to the chain when work stopped."""
    with store.read() as unit:
        batches = unit.batches.batches(AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED, AnchorState.ORPHANED)
        requests = unit.status_requests.requests(RequestState.SIGNED, RequestState.SENT)
    return [batch.id for batch in batches], [request.id for request in requests]
