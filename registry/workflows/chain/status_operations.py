"""What a status request asks of the contract: the structure that its approver signs, and the operation that is sent."""

from registry.anchor.facts import batch_flags, joint_status, own_status
from registry.anchor.history import Position
from registry.anchor.operations import (
    BatchReinstatementApproval,
    Operation,
    ReinstateBatches,
    ReinstateCertificates,
    ReinstatementApproval,
    RevocationApproval,
    RevokeCertificates,
    SupersedeCertificates,
    SupersessionApproval,
    SuspendBatch,
    SuspendCertificates,
)
from registry.anchor.progress import RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.kernel.errors import IntegrityFault, RuleRefusal, Unavailable
from registry.ports import Ledger
from registry.ports.storage import UnitOfWork
from registry.status import Status, changes_of


class NotApproved(RuleRefusal):
    """A second person has not approved yet."""

    code = "anchor/not-approved"

    def __init__(self, subject: str, state: str) -> None:
        self.subject, self.state = subject, state
        super().__init__(f"{subject} is {state}: a second person must approve it first")


class RequestInconsistent(IntegrityFault):
    """A request names another certificate than stands at the place whose status it would change."""

    code = "status/request-inconsistent"

    def __init__(self, request: str, number: str) -> None:
        self.request, self.number = request, number
        super().__init__(f"request {request} names certificate {number}, but another one stands at its place")


class SuccessorNotRecorded(RuleRefusal):
    """What is to take the place of certificates is not recorded yet: they stand until it is."""

    code = "replace/successor-not-recorded"

    def __init__(self, request: str, batch: str, state: str) -> None:
        self.request, self.batch, self.state = request, batch, state
        super().__init__(f"request {request}: batch {batch} of the successors is {state}, not final")


class PredecessorHeld(RuleRefusal):
    """A certificate that is to be superseded is not valid now: what holds it would be undone by its successor."""

    code = "replace/predecessor-held"

    def __init__(self, request: str, number: str, standing: Status) -> None:
        self.request, self.number, self.standing = request, number, standing
        super().__init__(f"request {request}: certificate {number}, or its batch, is {standing.word}, not valid")


class BatchChangeOpen(Unavailable):
    """The batch of what is to be superseded is being suspended or reinstated: what comes of that is waited for."""

    code = "replace/batch-change-open"
    retry_after_seconds = 60

    def __init__(self, request: str, number: str, open_request: str) -> None:
        self.request, self.number, self.open_request = request, number, open_request
        super().__init__(f"request {request}: the whole batch of certificate {number} is changed by {open_request} now")


StatusApproval = RevocationApproval | ReinstatementApproval | BatchReinstatementApproval | SupersessionApproval
"""What an approver of a status request signs."""
_UNSIGNED = (RequestState.REQUESTED, RequestState.APPROVED)


def require_consistent(unit: UnitOfWork, request: StatusRequest) -> None:
    """Check that the places a request names are those of its certificates, and of their successors.

    Raises RequestInconsistent.
    """
    new = unit.batches.of_chain(request.new_batch) if request.new_batch is not None else None
    for target in request.certificates:
        there = unit.batches.by_leaf(request.batch, target.leaf)
        reservation = there.reservation if there is not None else None
        if reservation is None or (reservation.number, reservation.revision) != (target.number, target.revision):
            raise RequestInconsistent(request.id, target.number)
        if request.wanted is not Status.SUPERSEDED:
            continue
        made_by = None
        if new is not None and target.successor is not None:
            made_by = unit.replacements.that_made(new.id, target.successor)
        if made_by is None or (made_by.number, made_by.revision) != (target.number, target.revision):
            raise RequestInconsistent(request.id, target.number)


def require_supersedable(unit: UnitOfWork, request: StatusRequest) -> None:
    """Let a supersession be signed for the chain once its successors are final there, and not before.

    Raises SuccessorNotRecorded, PredecessorHeld, BatchChangeOpen.
    """
    if request.new_batch is None:
        return
    new = unit.batches.of_chain(request.new_batch)
    if new is None or new.state is not AnchorState.FINAL:
        raise SuccessorNotRecorded(request.id, "?" if new is None else new.id, "missing" if new is None else new.state)
    require_predecessors(unit, request)


def require_predecessors(unit: UnitOfWork, request: StatusRequest) -> None:
    """Check, before it is signed, that what a supersession lets fall is valid by the records read so far.

    Whether a certificate or its batch is suspended, or its batch is to be: a successor would carry it out of that with
    nobody lifting it. Raises PredecessorHeld; BatchChangeOpen while a change of the whole batch has come to no end.
    """
    if request.wanted is not Status.SUPERSEDED or request.state not in _UNSIGNED:
        return
    records = unit.projection.of_batch(request.issuer, request.batch)
    flags = batch_flags(records, request.issuer, request.batch)
    for target in request.certificates:
        standing = joint_status(own_status(records, request.issuer, request.batch, target.leaf), flags)
        if standing is not Status.VALID:
            raise PredecessorHeld(request.id, target.number, standing)
    for other in unit.status_requests.open_on(request.batch):
        if not other.certificates:
            raise BatchChangeOpen(request.id, request.certificates[0].number, other.id)


def recorded_at(unit: UnitOfWork, request: StatusRequest) -> Position | None:
    """Find the first record of a request's transaction, or of whichever with its nonce a block holds in its place."""
    if request.transaction is None:
        return None
    ours = {one.transaction.hash for one in unit.outbox.rivals(request.transaction)}
    recorded = (
        record.position
        for record in unit.projection.of_batch(request.issuer, request.batch)
        if record.position.transaction in ours
    )
    return min(recorded, key=lambda position: position.seq, default=None)


def status_nonces(ledger: Ledger, request: StatusRequest) -> tuple[int, ...]:
    """Ask the chain what the approval of a request has to sign for each of its batches; only reinstatements do."""
    if request.wanted is not Status.VALID:
        return ()
    return tuple(ledger.status_nonce(request.issuer, batch) for batch in request.batches)


def operation_of(request: StatusRequest) -> Operation:
    """Give the contract's operation for a request. Raises NotApproved where a second person is still needed."""
    if request.wanted is Status.SUSPENDED:
        reason = int(request.reason)
        if not request.certificates:
            return SuspendBatch(issuer=request.issuer, batch=request.batch, reason=reason)
        changes = changes_of(request.leaves)
        return SuspendCertificates(issuer=request.issuer, batch=request.batch, changes=changes, reason=reason)
    if request.approval is None:
        raise NotApproved(request.id, request.state)
    asked = approvable(request, deadline=request.approval.deadline, nonces=request.status_nonces)
    match asked:
        case RevocationApproval():
            return RevokeCertificates(asked=asked, approval=request.approval)
        case ReinstatementApproval():
            return ReinstateCertificates(asked=asked, approval=request.approval)
        case BatchReinstatementApproval():
            return ReinstateBatches(asked=asked, approval=request.approval)
        case SupersessionApproval():
            return SupersedeCertificates(asked=asked, approval=request.approval)


def approvable(request: StatusRequest, *, deadline: int, nonces: tuple[int, ...]) -> StatusApproval:
    """Give the EIP-712 structure of a request; `nonces` are the `status_nonces` of a reinstatement."""
    issuer, reason = request.issuer, int(request.reason)
    if request.wanted is Status.VALID and not request.certificates:
        return BatchReinstatementApproval(
            issuer=issuer, batches=request.batches, reason=reason, status_nonces=nonces, deadline=deadline
        )
    changes, count = changes_of(request.leaves), len(request.certificates)
    if request.wanted is Status.REVOKED:
        return RevocationApproval(
            issuer=issuer, batch=request.batch, changes=changes, count=count, reason=reason, deadline=deadline
        )
    if request.wanted is Status.SUPERSEDED and request.new_batch is not None and request.new_contract is not None:
        return SupersessionApproval(
            issuer=issuer,
            batch=request.batch,
            indices=request.leaves,
            target_contract=request.new_contract,
            target_issuer=issuer,
            new_batch=request.new_batch,
            new_indices=request.new_leaves,
            reason=reason,
            deadline=deadline,
        )
    if request.wanted is not Status.VALID:
        raise NotApproved(request.id, request.state)  # a suspension needs no approval
    (nonce,) = nonces
    return ReinstatementApproval(
        issuer=issuer,
        batch=request.batch,
        changes=changes,
        count=count,
        reason=reason,
        status_nonce=nonce,
        deadline=deadline,
    )
