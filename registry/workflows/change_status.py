"""Change a status: one person asks, another approves what cannot be undone lightly; the chain decides."""

from datetime import timedelta

from registry.anchor.facts import certificate_life
from registry.anchor.progress import RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.assessment import require_second_person
from registry.kernel.errors import Conflict
from registry.kernel.identifiers import CertificateNumber
from registry.ports import ApprovalSigner, Clock, Ledger
from registry.ports.storage import NotHere, Store, StoredCertificate, UnitOfWork
from registry.status import Reason, Status, require_move
from registry.workflows.anchor import approvable
from registry.workflows.issue import APPROVAL_LASTS


class NotFinalYet(Conflict):
    """The certificate is not on the chain yet: it has no status to change."""

    code = "status/not-final"

    def __init__(self, number: str, state: str) -> None:
        self.number, self.state = number, state
        super().__init__(f"certificate {number} is not recorded yet (its batch is {state})")


class RequestOpen(Conflict):
    """Another change of the same certificate is under way."""

    code = "status/request-open"

    def __init__(self, number: str, request: str, wanted: str) -> None:
        self.number, self.request, self.wanted = number, request, wanted
        super().__init__(f"another change of {number} is under way: {request} ({wanted})")


def present_status(unit: UnitOfWork, certificate: StoredCertificate) -> Status:
    """Give a certificate's own status by the records read so far."""
    batch, leaf = certificate.batch, certificate.reservation.leaf
    records = unit.projection.concerning(batch.issuer, batch.batch, leaf)
    last = next(reversed(tuple(certificate_life(records, batch.issuer, batch.batch, leaf))), None)
    return last.status if last is not None else Status.VALID


def request_change(
    store: Store, clock: Clock, number: str, wanted: Status, reason: Reason, *, person: str
) -> StatusRequest:
    """Ask for a change; asking for the same again gives the same request.

    Raises NotHere, NotFinalYet, MoveForbidden, RequestOpen.
    """
    now = clock.now()
    with store.write() as unit:
        certificate = unit.batches.by_number(number)
        if certificate is None:
            raise NotHere("certificate", number)
        batch, reservation = certificate.batch, certificate.reservation
        if batch.state is not AnchorState.FINAL:
            raise NotFinalYet(number, batch.state)
        under_way = unit.status_requests.open_for(reservation.number, reservation.revision)
        if under_way is not None:
            if (under_way.wanted, under_way.reason) == (wanted, reason):
                return under_way
            raise RequestOpen(number, under_way.id, under_way.wanted.word)
        require_move(present_status(unit, certificate), wanted)
        request = StatusRequest(
            id=unit.next_name("C", now),
            number=CertificateNumber(reservation.number),
            revision=reservation.revision,
            issuer=batch.issuer,
            batch=batch.batch,
            leaf=reservation.leaf,
            wanted=wanted,
            reason=reason,
            state=RequestState.REQUESTED,
            requested_by=person,
            requested_at=now,
        )
        unit.status_requests.add(request)
        unit.journal.write(
            at=now,
            person=person,
            action="status.request",
            subject=request.id,
            number=reservation.number,
            wanted=wanted.word,
            reason=reason.slug,
        )
    return request


def approve_change(
    store: Store, clock: Clock, ledger: Ledger, signer: ApprovalSigner, name: str, *, person: str
) -> StatusRequest:
    """Approve a request as the second person. Raises FourEyes, StateMoved, LedgerUnavailable."""
    now = clock.now()
    deadline = int((now + timedelta(seconds=APPROVAL_LASTS.total_seconds())).timestamp())
    with store.read() as unit:
        request = unit.status_requests.request(name)
    require_second_person(request.requested_by, person, "approving a change of status")
    nonce = ledger.status_nonce(request.issuer, request.batch) if request.wanted is Status.VALID else None
    approval = signer.approve(approvable(request, deadline=deadline, status_nonce=nonce))
    with store.write() as unit:
        unit.status_requests.approve(name, person=person, at=now, approval=approval, status_nonce=nonce)
        unit.journal.write(
            at=now, person=person, action="status.approve", subject=name, number=request.number, approver=signer.address
        )
        return unit.status_requests.request(name)
