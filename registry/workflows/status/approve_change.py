"""Approve a change of status as the second person, or give it up before it is signed for the chain.

Whom the request names is compared with what its numbers mean on the chain before anything is signed.
"""

from collections.abc import Iterator
from datetime import datetime

from registry.access import require_second_person
from registry.anchor.facts import own_status
from registry.anchor.progress import RequestState, StatusRequest, Target
from registry.anchor.states import AnchorState
from registry.kernel.errors import Conflict
from registry.ports import ApprovalSigner, Clock, Ledger
from registry.ports.storage import Store, UnitOfWork
from registry.status import (
    Status,
    needs_approval,
)
from registry.workflows.chain.status_operations import (
    StatusApproval,
    approvable,
    require_consistent,
    require_predecessors,
    status_nonces,
)
from registry.workflows.chain.supersede import makers_of_change
from registry.workflows.issuance.approve import deadline_from
from registry.workflows.status.ask_changes import covered, of_chain


class RequestNotWaiting(Conflict):
    """A request does not wait for what is asked of it."""

    code = "status/request-not-waiting"

    def __init__(self, request: str, state: str, what: str) -> None:
        self.request, self.state, self.what = request, state, what
        super().__init__(f"request {request} is {state}: it does not wait for {what}")


def change_to_be_approved(store: Store, clock: Clock, ledger: Ledger, name: str) -> StatusApproval:
    """Derive what an approver of this request would sign, for a signature that is made elsewhere. Keeps nothing.

    Raises RequestNotWaiting, RequestInconsistent, PredecessorHeld, BatchChangeOpen, LedgerUnavailable.
    """
    now = clock.now()
    with store.read() as unit:
        request = unit.status_requests.request(name)
    return _derived(store, request, status_nonces(ledger, request), now, deadline_from(now, name, None))


def approve_change(
    store: Store,
    clock: Clock,
    ledger: Ledger,
    signer: ApprovalSigner,
    name: str,
    *,
    person: str,
    deadline: int | None = None,
) -> StatusRequest:
    """Approve a request as the second person, having compared again whom it names with what its numbers mean on chain.

    One whose approval lapsed, or is overtaken by another suspension, is approved anew. `deadline`: the one that was
    signed already, where the signature was made elsewhere. Raises FourEyes, RequestNotWaiting, RequestInconsistent,
    PredecessorHeld, BatchChangeOpen, ApprovalLapsed, LedgerUnavailable.
    """
    now = clock.now()
    with store.read() as unit:
        request = unit.status_requests.request(name)
    nonces = status_nonces(ledger, request)
    asked = _derived(store, request, nonces, now, deadline_from(now, name, deadline))
    with store.read() as unit:
        for maker in makers_of_change(unit, request):
            require_second_person(maker, person, "approving a change of status")
    approval = signer.approve(asked)
    with store.write() as unit:
        unit.status_requests.approve(name, person=person, at=now, approval=approval, status_nonces=nonces)
        unit.journal.write(
            at=now,
            person=person,
            action="status.approve",
            subject=name,
            approver=signer.address,
            **covered(unit, request),
        )
        return unit.status_requests.request(name)


def _derived(
    store: Store, request: StatusRequest, nonces: tuple[int, ...], now: datetime, deadline: int
) -> StatusApproval:
    if not _awaits_approval(request, nonces, now):
        raise RequestNotWaiting(request.id, request.state, "an approval")
    with store.read() as unit:
        require_consistent(unit, request)
        require_predecessors(unit, request)
    return approvable(request, deadline=deadline, nonces=nonces)


def _awaits_approval(request: StatusRequest, nonces: tuple[int, ...], now: datetime) -> bool:
    if request.wanted not in needs_approval:
        return False
    if request.state is RequestState.APPROVED and request.approval is not None:
        return request.approval.has_lapsed(now) or request.status_nonces != nonces
    return request.state is RequestState.REQUESTED


def cancel_change(store: Store, clock: Clock, name: str, *, person: str) -> StatusRequest:
    """Give a request up before it is signed for the chain. Raises RequestNotWaiting."""
    with store.write() as unit:
        request = unit.status_requests.request(name)
        if request.state not in (RequestState.REQUESTED, RequestState.APPROVED):
            raise RequestNotWaiting(name, request.state, "being cancelled")
        _give_up_replacements(unit, request, person, clock.now())
        unit.status_requests.move(name, request.state, RequestState.CANCELLED)
        unit.journal.write(
            at=clock.now(), person=person, action="status.cancel", subject=name, **covered(unit, request)
        )
        return unit.status_requests.request(name)


def _give_up_replacements(unit: UnitOfWork, request: StatusRequest, person: str, now: datetime) -> None:
    """With a supersession its replacements are given up; while their batch can be cancelled, that is the way."""
    new = unit.batches.of_chain(request.new_batch) if request.new_batch is not None else None
    if new is None:
        return
    if new.state is not AnchorState.FINAL:
        raise RequestNotWaiting(request.id, request.state, f"being cancelled without its batch {new.id}")
    for one in unit.replacements.into(new.id).values():
        if one.leaf in request.new_leaves and one.cancelled_at is None:
            unit.replacements.cancel(one.id, person, now)
            unit.journal.write(at=now, person=person, action="replace.cancel", subject=one.id, batch=new.id)


def certificates_of(unit: UnitOfWork, request: StatusRequest) -> Iterator[tuple[Target, Status]]:
    """Yield what a request covers, with each certificate's own status by the records read so far."""
    batch = of_chain(unit, request.batch)
    records = unit.projection.of_batch(batch.issuer, batch.batch)
    for target in request.certificates:
        yield target, own_status(records, batch.issuer, batch.batch, target.leaf)
