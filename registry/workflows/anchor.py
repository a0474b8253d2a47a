"""Anchor: take what is approved to the chain; every step survives being cut off before or after it.

1. Sign: the nonce from our own ledger of nonces; the bytes are kept before anything is sent.
2. Send the kept bytes, and any kept before them that the chain has not taken; sending again is harmless.
3. Look at what became of them: unknown → send again; reverted → failed, held for a person.
4. Success is our event in a final block, nothing else: for a batch, with our root.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from registry.anchor.facts import BatchFacts, batch_facts
from registry.anchor.operations import (
    AnchorApproval,
    AnchorBatch,
    Operation,
    SignedTransaction,
)
from registry.anchor.progress import Batch, Placement, RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.kernel.errors import Conflict, IntegrityFault, RuleRefusal
from registry.kernel.identifiers import TransactionHash
from registry.ports import Clock, Fate, FateKind, Ledger, LedgerUnavailable, TransactionRefused, TransactionSigner
from registry.ports.storage import Store
from registry.status import Status
from registry.workflows.follow import follow
from registry.workflows.issue import evidence_of
from registry.workflows.status_operations import NotApproved, operation_of, status_nonces

_POLL_SECONDS: Final = 0.2
PATIENCE: Final = timedelta(seconds=60)
"""How long a command waits for the chain before it leaves the rest to the next run."""


class ApprovalLapsed(RuleRefusal):
    """The approval's deadline passed before the transaction was made."""

    code = "anchor/approval-lapsed"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"the approval of {subject} has lapsed: it must be approved again")


class ApprovalOvertaken(RuleRefusal):
    """Another suspension in the batch came after the approval: the contract would no longer take it."""

    code = "anchor/approval-overtaken"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"after {subject} was approved, its batch had another suspension: it must be approved again")


class NonceTaken(Conflict):
    """Another transaction of our sender, that we did not make, stands where ours was to stand."""

    code = "anchor/nonce-taken"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"the transaction of {subject} can never be taken: its nonce was used by another one")


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

    Returns it as it stands when patience ends. Raises NotApproved, ApprovalLapsed, RootTaken, LedgerUnavailable.
    """
    until = time.monotonic() + patience.total_seconds()
    while True:
        with desk.store.read() as unit:
            batch = unit.batches.batch(name)
        if batch.state in (AnchorState.RESERVED, AnchorState.SEALED):
            raise NotApproved(name, batch.state)
        if batch.state in (AnchorState.FINAL, AnchorState.FAILED, AnchorState.CANCELLED):
            return batch
        if not _patiently(desk, partial(_batch_step, desk, batch), partial(_still, desk, batch), until):
            return batch


def change_status(desk: Desk, name: str, *, patience: timedelta = PATIENCE) -> StatusRequest:
    """Take a status request to the chain and wait until it is final or has failed.

    Returns it as it stands when patience ends. Raises NotApproved, ApprovalLapsed, ApprovalOvertaken,
    LedgerUnavailable.
    """
    until = time.monotonic() + patience.total_seconds()
    while True:
        with desk.store.read() as unit:
            request = unit.status_requests.request(name)
        if request.state is RequestState.REQUESTED and request.wanted is not Status.SUSPENDED:
            raise NotApproved(name, request.state)
        if request.state in (RequestState.FINAL, RequestState.FAILED, RequestState.CANCELLED):
            return request
        if not _patiently(desk, partial(_request_step, desk, request), partial(_still, desk, request), until):
            return request


def _still(desk: Desk, seen: Batch | StatusRequest) -> bool:
    """Tell whether something is in the state that it was seen in."""
    with desk.store.read() as unit:
        if isinstance(seen, Batch):
            return unit.batches.batch(seen.id).state is seen.state
        return unit.status_requests.request(seen.id).state is seen.state


def _patiently(desk: Desk, step: Callable[[], bool], still: Callable[[], bool], until: float) -> bool:
    """Take a step; where nothing moved or nobody answered, wait a little. False = patience has ended."""
    try:
        moved = step()
    except Conflict:
        if still():
            raise
        moved = True  # another command works on the same and took this step first: look where it stands now
    except LedgerUnavailable:
        if time.monotonic() >= until:
            raise
        moved = False
    if not moved:
        if time.monotonic() >= until:
            return False
        desk.pause(_POLL_SECONDS)
    return True


def _batch_step(desk: Desk, batch: Batch) -> bool:
    match batch.state:
        case AnchorState.APPROVED:
            _sign_batch(desk, batch)
        case AnchorState.SIGNED | AnchorState.ORPHANED:
            _send_kept(desk)
            with desk.store.write() as unit:
                unit.batches.move(batch.id, batch.state, AnchorState.SENT)
        case AnchorState.SENT:
            return _watch_sent(desk, batch)
        case _:
            return _watch_included(desk, batch)
    with desk.store.read() as unit:
        desk.told(batch.id, unit.batches.batch(batch.id).state)
    return True


def _sign_batch(desk: Desk, batch: Batch) -> None:
    # 1
    approval, root, manifest = batch.approval, batch.root, batch.manifest
    if approval is None or root is None or manifest is None:
        raise NotApproved(batch.id, batch.state)
    _require_in_time(desk, batch.id, approval.deadline)
    operation = AnchorBatch(
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
    taken = desk.ledger.next_nonce(desk.sender.address)
    with desk.store.write() as unit:
        transaction = _signed(desk, operation, taken, unit.outbox.next_nonce(desk.sender.address))
        unit.batches.sign(batch.id, transaction, desk.clock.now())


def _signed(desk: Desk, operation: Operation, taken: int, kept: int) -> SignedTransaction:
    return desk.sender.sign(operation, nonce=max(taken, kept))


def _require_in_time(desk: Desk, subject: str, deadline: int) -> None:
    if int(desk.clock.now().timestamp()) >= deadline:
        raise ApprovalLapsed(subject)


def _send_kept(desk: Desk) -> None:
    # 2: in the order of nonces, or a gap would hold up all that follows
    first = desk.ledger.next_nonce(desk.sender.address)
    with desk.store.read() as unit:
        kept = unit.outbox.since(desk.sender.address, first)
    for transaction in kept:
        try:
            desk.ledger.broadcast(transaction)
        except TransactionRefused:
            if not _is_displaced(desk, transaction.hash):
                raise
            # Whoever watches it sees that it is displaced; those after it must not wait for it.


def _fate(desk: Desk, transaction: TransactionHash | None) -> Fate:
    return Fate(kind=FateKind.UNKNOWN) if transaction is None else desk.ledger.fate(transaction)


def _is_displaced(desk: Desk, transaction: TransactionHash | None) -> bool:
    """Tell whether a transaction can never be taken any more: its nonce is spent, and not by itself."""
    if transaction is None:
        return False
    with desk.store.read() as unit:
        kept = unit.outbox.transaction(transaction)
    spent = desk.ledger.next_nonce(kept.sender) > kept.nonce
    return spent and _fate(desk, transaction).kind is FateKind.UNKNOWN  # asked last: it may have been taken just now


def _recorded(desk: Desk, batch: Batch) -> BatchFacts | None:
    """Give what the chain holds under our batch id, if it holds anything. Raises RootTaken where that is not ours."""
    follow(desk.store, desk.ledger, desk.clock)
    with desk.store.read() as unit:
        facts = batch_facts(unit.projection.of_batch(batch.issuer, batch.batch), batch.issuer, batch.batch)
    if facts is not None and facts.anchored.root != batch.root:
        raise RootTaken(batch.id)
    return facts


def _watch_sent(desk: Desk, batch: Batch) -> bool:
    # 3
    fate = _fate(desk, batch.transaction)
    failure: str | None = None
    if fate.kind is FateKind.WAITING:
        return False
    if fate.kind is FateKind.UNKNOWN:
        _send_kept(desk)
        if not _is_displaced(desk, batch.transaction):
            return False
        failure = NonceTaken.code
    elif fate.kind is FateKind.REVERTED:
        failure = fate.fault or "reverted"
    if failure is not None and _recorded(desk, batch) is not None:
        failure = None  # an earlier transaction of ours, from before a database was restored, did it already
    wanted = AnchorState.INCLUDED if failure is None else AnchorState.FAILED
    with desk.store.write() as unit:
        unit.batches.move(batch.id, AnchorState.SENT, wanted, failure=failure)
    desk.told(batch.id, wanted)
    return True


def _watch_included(desk: Desk, batch: Batch) -> bool:
    # 4
    facts = _recorded(desk, batch)
    if facts is not None:
        with desk.store.write() as unit:
            unit.batches.place(
                batch.id,
                Placement(
                    seq=facts.position.seq,
                    block_number=facts.position.block_number,
                    block_hash=facts.position.block_hash,
                    block_time=facts.position.block_time,
                    transaction=facts.position.transaction,
                ),
            )
        desk.told(batch.id, AnchorState.FINAL)
        return True
    fate = _fate(desk, batch.transaction)
    if fate.kind is FateKind.REVERTED:
        wanted, failure = AnchorState.FAILED, fate.fault or "reverted"
    elif fate.kind in (FateKind.UNKNOWN, FateKind.WAITING):
        wanted, failure = AnchorState.ORPHANED, None
    else:
        return False
    with desk.store.write() as unit:
        unit.batches.move(batch.id, AnchorState.INCLUDED, wanted, failure=failure)
    desk.told(batch.id, wanted)
    return True


def _request_step(desk: Desk, request: StatusRequest) -> bool:
    match request.state:
        case RequestState.REQUESTED | RequestState.APPROVED:
            _sign_request(desk, request)
        case RequestState.SIGNED:
            _send_kept(desk)
            with desk.store.write() as unit:
                unit.status_requests.move(request.id, RequestState.SIGNED, RequestState.SENT)
        case _:
            return _watch_request(desk, request)
    with desk.store.read() as unit:
        desk.told(request.id, unit.status_requests.request(request.id).state)
    return True


def _sign_request(desk: Desk, request: StatusRequest) -> None:
    if request.approval is not None:
        _require_in_time(desk, request.id, request.approval.deadline)
        if request.status_nonces != status_nonces(desk.ledger, request):
            raise ApprovalOvertaken(request.id)
    taken = desk.ledger.next_nonce(desk.sender.address)
    with desk.store.write() as unit:
        transaction = _signed(desk, operation_of(request), taken, unit.outbox.next_nonce(desk.sender.address))
        unit.status_requests.sign(request.id, transaction, desk.clock.now())


def _watch_request(desk: Desk, request: StatusRequest) -> bool:
    # 3, 4
    fate = _fate(desk, request.transaction)
    failure = (fate.fault or "reverted") if fate.kind is FateKind.REVERTED else None
    if fate.kind is FateKind.UNKNOWN:
        _send_kept(desk)
        failure = NonceTaken.code if _is_displaced(desk, request.transaction) else None
    if failure is not None:
        with desk.store.write() as unit:
            unit.status_requests.move(request.id, RequestState.SENT, RequestState.FAILED, failure=failure)
        desk.told(request.id, RequestState.FAILED)
        return True
    if fate.kind is not FateKind.FINAL:
        return False
    follow(desk.store, desk.ledger, desk.clock)
    with desk.store.write() as unit:
        ours = [
            record.position.seq
            for record in unit.projection.of_batch(request.issuer, request.batch)
            if record.position.transaction == request.transaction
        ]
        if not ours:
            return False
        unit.status_requests.move(request.id, RequestState.SENT, RequestState.FINAL, seq=ours[0])
    desk.told(request.id, RequestState.FINAL)
    return True


def unfinished(store: Store) -> tuple[list[str], list[str]]:
    """Name batches and status requests that were on their way to the chain when work stopped."""
    with store.read() as unit:
        batches = unit.batches.batches(AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED, AnchorState.ORPHANED)
        requests = unit.status_requests.requests(RequestState.SIGNED, RequestState.SENT)
    return [batch.id for batch in batches], [request.id for request in requests]
