"""What a status request asks of the contract: the structure that its approver signs, and the operation that is sent."""

from registry.anchor.operations import (
    BatchReinstatementApproval,
    Operation,
    ReinstateBatches,
    ReinstateCertificates,
    ReinstatementApproval,
    RevocationApproval,
    RevokeCertificates,
    SuspendBatch,
    SuspendCertificates,
)
from registry.anchor.progress import StatusRequest
from registry.kernel.errors import RuleRefusal
from registry.ports import Ledger
from registry.status import Status, changes_of


class NotApproved(RuleRefusal):
    """A second person has not approved yet."""

    code = "anchor/not-approved"

    def __init__(self, subject: str, state: str) -> None:
        self.subject, self.state = subject, state
        super().__init__(f"{subject} is {state}: a second person must approve it first")


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


def approvable(
    request: StatusRequest, *, deadline: int, nonces: tuple[int, ...]
) -> RevocationApproval | ReinstatementApproval | BatchReinstatementApproval:
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
    if request.wanted is not Status.VALID:
        raise NotApproved(request.id, request.state)  # a suspension needs no approval, a supersession has its own
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
