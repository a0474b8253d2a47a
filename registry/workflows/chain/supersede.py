"""Supersede: the old certificates of a batch of successors fall once that batch is final, by requests of its own.

They are asked for with the batch (`registry.workflows.replacement.replace`), approved with it where the approver's key
signs there and then, given up with it, and sent after it. Until its supersession is final no certificate of the batch
is delivered; what holds one of several up holds no other.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from registry.access import require_second_person
from registry.anchor.operations import Approval
from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import BatchId
from registry.ports import ApprovalSigner
from registry.ports.storage import UnitOfWork
from registry.workflows.chain.anchor import PATIENCE, Desk
from registry.workflows.chain.status_operations import (
    BatchChangeOpen,
    approvable,
    require_consistent,
    require_predecessors,
)
from registry.workflows.chain.status_sending import change_status

_OPEN = (RequestState.REQUESTED, RequestState.APPROVED)
_ON_ITS_WAY = (RequestState.APPROVED, RequestState.SIGNED, RequestState.SENT)


def makers_of(unit: UnitOfWork, batch: Batch) -> set[str]:
    """Name who made any of a batch and of its supersessions, and so may approve neither.

    That is who proposed it, who asked for a replacement in it, and who asked for its supersessions, maybe anew.
    """
    askers = {one.asked_by for one in unit.replacements.into(batch.id).values()}
    return {batch.proposed_by} | askers | {one.requested_by for one in unit.status_requests.onto(batch.batch)}


def makers_of_change(unit: UnitOfWork, request: StatusRequest) -> set[str]:
    """Name who made any of a change of status; of a supersession, of the batch of successors too."""
    new = None if request.new_batch is None else unit.batches.of_chain(request.new_batch)
    return {request.requested_by} | (makers_of(unit, new) if new is not None else set())


def approve_supersessions(
    unit: UnitOfWork, signer: ApprovalSigner, batch: Batch, *, person: str, now: datetime, deadline: int
) -> list[tuple[StatusRequest, Approval]]:
    """Sign, as the second person of a batch, that its certificates take the place of those they were issued for.

    Keeps nothing; what is approved already is not signed again. Raises FourEyes, RequestInconsistent,
    PredecessorHeld, BatchChangeOpen, as the signer.
    """
    signed: list[tuple[StatusRequest, Approval]] = []
    for request in unit.status_requests.onto(batch.batch):
        lapsed = request.approval is not None and request.approval.has_lapsed(now)
        if request.state is RequestState.REQUESTED or (request.state is RequestState.APPROVED and lapsed):
            require_second_person(request.requested_by, person, "approving a replacement")  # asked anew since, maybe
            require_consistent(unit, request)
            require_predecessors(unit, request)
            signed.append((request, signer.approve(approvable(request, deadline=deadline, nonces=()))))
    return signed


def keep_supersessions(
    unit: UnitOfWork, signed: list[tuple[StatusRequest, Approval]], *, person: str, now: datetime
) -> None:
    """Keep the approvals beside the batch's."""
    for request, approval in signed:
        unit.status_requests.approve(request.id, person=person, at=now, approval=approval, status_nonces=())
        unit.journal.write(
            at=now,
            person=person,
            action="status.approve",
            subject=request.id,
            approver=approval.approver,
            certificates=len(request.certificates),
        )


def give_up_with_batch(unit: UnitOfWork, batch: Batch, *, person: str, now: datetime) -> None:
    """Give up the replacements of a batch that was cancelled, and the supersessions that were asked for with it."""
    for request in unit.status_requests.onto(batch.batch):
        if request.state in _OPEN:
            unit.status_requests.move(request.id, request.state, RequestState.CANCELLED)
            unit.journal.write(at=now, person=person, action="status.cancel", subject=request.id, batch=batch.id)
    for one in unit.replacements.into(batch.id).values():
        if one.cancelled_at is None:
            unit.replacements.cancel(one.id, person, now)
            unit.journal.write(at=now, person=person, action="replace.cancel", subject=one.id, batch=batch.id)


def supersessions_to_send(unit: UnitOfWork, batch: Batch) -> list[StatusRequest]:
    """List the supersessions of a batch that are approved and not final yet."""
    return [one for one in unit.status_requests.onto(batch.batch) if one.state in _ON_ITS_WAY]


def supersessions_to_approve(unit: UnitOfWork, batch: Batch) -> list[StatusRequest]:
    """List the supersessions of a batch that wait for their approver."""
    return [one for one in unit.status_requests.onto(batch.batch) if one.state is RequestState.REQUESTED]


def send_supersessions(desk: Desk, name: str, *, patience: timedelta = PATIENCE) -> list[StatusRequest]:
    """Take the supersessions of a final batch to the chain, one after the other; gives them as they stand then.

    Raises LedgerUnavailable; ApprovalLapsed, PredecessorHeld, BatchChangeOpen after all that can be sent is.
    """
    with desk.store.read() as unit:
        waiting = supersessions_to_send(unit, unit.batches.batch(name))
    return take_each(waiting, lambda one: change_status(desk, one.id, patience=patience))


def take_each(waiting: Iterable[StatusRequest], go_on: Callable[[StatusRequest], StatusRequest]) -> list[StatusRequest]:
    """Take supersessions as far as each comes; one that is refused keeps no other back, and is raised at the end."""
    taken: list[StatusRequest] = []
    refused: RuleRefusal | BatchChangeOpen | None = None
    changing: set[BatchId] = set()
    for one in waiting:
        if one.batch in changing:
            continue  # it would wait for the same
        try:
            taken.append(go_on(one))
        except BatchChangeOpen as error:
            refused = refused or error
            changing.add(one.batch)
        except RuleRefusal as error:
            refused = refused or error
    if refused is not None:
        raise refused
    return taken
