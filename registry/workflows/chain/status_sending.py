"""Send a status request: as a batch is anchored (`registry.workflows.chain.anchor`), but for what is final.

1. Sign once it is approved and the approval still fits; the bytes are kept before they are sent.
2. Send them; unknown → send again.
3. Success is a record of our transaction, or of one with its nonce that replaced it, in a final block. What was
   reverted, or displaced by a stranger, and has no such record, has failed and is held for a person: what a node says
   of a transaction is not believed against the records.
"""

from datetime import datetime, timedelta

from registry.anchor.operations import SignedTransaction
from registry.anchor.progress import RequestState, StatusRequest
from registry.kernel.errors import RuleRefusal
from registry.ports import FateKind
from registry.ports.storage import UnitOfWork
from registry.status import Status
from registry.workflows.chain.anchor import PATIENCE, Desk, carry, require_blocks, require_in_time
from registry.workflows.chain.follow import follow
from registry.workflows.chain.sequence import NonceTaken, Sequencer
from registry.workflows.chain.status_operations import (
    NotApproved,
    operation_of,
    recorded_at,
    require_predecessors,
    require_supersedable,
    status_nonces,
)
from registry.workflows.lineage.identities import end_sign_ins


class ApprovalOvertaken(RuleRefusal):
    """Another suspension in the batch came after the approval: the contract would no longer take it."""

    code = "anchor/approval-overtaken"

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"after {subject} was approved, its batch had another suspension: it must be approved again")


def change_status(desk: Desk, name: str, *, patience: timedelta = PATIENCE) -> StatusRequest:
    """Take a status request to the chain and wait until it is final or has failed.

    Returns it as it stands when patience ends, also where another process was sending all the time.
    Raises NotApproved, ApprovalLapsed, ApprovalOvertaken, SuccessorNotRecorded, PredecessorHeld, BatchChangeOpen,
    HistoryBroken, WritingHalted, LedgerUnavailable.
    """

    def read(unit: UnitOfWork) -> StatusRequest:
        request = unit.status_requests.request(name)
        if request.state is RequestState.REQUESTED and request.wanted is not Status.SUSPENDED:
            raise NotApproved(name, request.state)
        return request

    return carry(desk, read, _request_step, patience)


def _request_step(desk: Desk, sequencer: Sequencer, request: StatusRequest) -> bool:
    match request.state:
        case RequestState.REQUESTED | RequestState.APPROVED:
            _sign_request(desk, sequencer, request)
        case RequestState.SIGNED:
            sequencer.send(
                request.transaction,
                lambda unit: unit.status_requests.move(request.id, RequestState.SIGNED, RequestState.SENT),
            )
        case _:
            return _watch_request(desk, sequencer, request)
    with desk.store.read() as unit:
        desk.told(request.id, unit.status_requests.request(request.id).state)
    return True


def _sign_request(desk: Desk, sequencer: Sequencer, request: StatusRequest) -> None:
    # 1
    follow(desk.store, desk.ledger, desk.clock)  # on a chain whose history changed nothing is signed
    if request.approval is not None:
        require_in_time(desk, request.id, request.approval.deadline)
        if request.status_nonces != status_nonces(desk.ledger, request):
            raise ApprovalOvertaken(request.id)
        with desk.store.read() as unit:
            require_supersedable(unit, request)

    def keep(unit: UnitOfWork, transaction: SignedTransaction, at: datetime) -> None:
        require_predecessors(unit, request)  # somebody may have asked for a change of the whole batch just now
        unit.status_requests.sign(request.id, transaction, at)

    sequencer.sign(operation_of(request), keep)


def _watch_request(desk: Desk, sequencer: Sequencer, request: StatusRequest) -> bool:
    # 2
    fate = sequencer.fate(request.transaction)
    failure = (fate.fault or "reverted") if fate.kind is FateKind.REVERTED else None
    if fate.kind is FateKind.UNKNOWN:
        if not sequencer.is_displaced(request.transaction):
            sequencer.send(request.transaction)
            return False
        failure = NonceTaken.code
    if failure is None and fate.kind is not FateKind.FINAL:
        require_blocks(fate)
        return False
    # 3
    follow(desk.store, desk.ledger, desk.clock)
    with desk.store.write() as unit:
        first = recorded_at(unit, request)
        if first is not None:
            wanted = RequestState.FINAL
            unit.status_requests.move(
                request.id, RequestState.SENT, wanted, seq=first.seq, transaction=first.transaction
            )
            end_sign_ins(unit, request, desk.clock.now())
        elif failure is not None:
            wanted = RequestState.FAILED
            unit.status_requests.move(request.id, RequestState.SENT, wanted, failure=failure)
            if failure == NonceTaken.code and request.transaction is not None:
                sequencer.alarm_displaced(unit, request.id, request.transaction)
        else:
            return False
    desk.told(request.id, wanted)
    return True
