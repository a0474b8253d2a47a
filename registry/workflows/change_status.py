"""Change a status: one person asks, another approves what cannot be undone lightly; the chain decides."""

from registry.anchor.facts import certificate_life
from registry.anchor.progress import RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.assessment import require_second_person
from registry.kernel.errors import Conflict
from registry.kernel.identifiers import CertificateNumber
from registry.ports import ApprovalSigner, Clock, Ledger
from registry.ports.storage import NotHere, Store, StoredCertificate, UnitOfWork
from registry.status import Reason, Status, needs_approval, require_ground, require_move
from registry.workflows.anchor import approvable
from registry.workflows.approve import APPROVAL_LASTS


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


class RequestNotWaiting(Conflict):
    """A request does not wait for what is asked of it."""

    code = "status/request-not-waiting"

    def __init__(self, request: str, state: str, what: str) -> None:
        self.request, self.state, self.what = request, state, what
        super().__init__(f"request {request} is {state}: it does not wait for {what}")


def present_status(unit: UnitOfWork, certificate: StoredCertificate) -> Status:
    """Give a certificate's own status by the records read so far."""
    batch, leaf = certificate.batch, certificate.reservation.leaf
    records = unit.projection.concerning(batch.issuer, batch.batch, leaf)
    last = next(reversed(tuple(certificate_life(records, batch.issuer, batch.batch, leaf))), None)
    return last.status if last is not None else Status.VALID


def require_change(
    unit: UnitOfWork, number: str, wanted: Status, reason: Reason
) -> tuple[StoredCertificate, StatusRequest | None]:
    """Check that a change may be asked for; give the certificate, and the same request where one is under way.

    Raises GroundUnfit, NotHere, NotFinalYet, MoveForbidden, RequestOpen.
    """
    require_ground(wanted, reason)
    certificate = unit.batches.by_number(number)
    if certificate is None:
        raise NotHere("certificate", number)
    if certificate.batch.state is not AnchorState.FINAL:
        raise NotFinalYet(number, certificate.batch.state)
    reservation = certificate.reservation
    under_way = unit.status_requests.open_for(reservation.number, reservation.revision)
    if under_way is None:
        require_move(present_status(unit, certificate), wanted)
    elif (under_way.wanted, under_way.reason) != (wanted, reason):
        raise RequestOpen(number, under_way.id, under_way.wanted.word)
    return certificate, under_way


def request_change(
    store: Store, clock: Clock, number: str, wanted: Status, reason: Reason, *, person: str
) -> StatusRequest:
    """Ask for a change; asking for the same again gives the same request.

    Raises GroundUnfit, NotHere, NotFinalYet, MoveForbidden, RequestOpen.
    """
    now = clock.now()
    with store.write() as unit:
        certificate, under_way = require_change(unit, number, wanted, reason)
        if under_way is not None:
            return under_way
        batch, reservation = certificate.batch, certificate.reservation
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
    """Approve a request as the second person; one whose approval lapsed is approved anew.

    Raises FourEyes, RequestNotWaiting, LedgerUnavailable.
    """
    now = clock.now()
    deadline = int((now + APPROVAL_LASTS).timestamp())
    with store.read() as unit:
        request = unit.status_requests.request(name)
    lapsed = request.approval is not None and request.approval.has_lapsed(now)
    waits = request.state is RequestState.REQUESTED or (request.state is RequestState.APPROVED and lapsed)
    if request.wanted not in needs_approval or not waits:
        raise RequestNotWaiting(name, request.state, "an approval")
    require_second_person(request.requested_by, person, "approving a change of status")
    nonce = ledger.status_nonce(request.issuer, request.batch) if request.wanted is Status.VALID else None
    approval = signer.approve(approvable(request, deadline=deadline, status_nonce=nonce))
    with store.write() as unit:
        unit.status_requests.approve(name, person=person, at=now, approval=approval, status_nonce=nonce)
        unit.journal.write(
            at=now, person=person, action="status.approve", subject=name, number=request.number, approver=signer.address
        )
        return unit.status_requests.request(name)


def cancel_change(store: Store, clock: Clock, name: str, *, person: str) -> StatusRequest:
    """Give a request up before it is signed for the chain. Raises RequestNotWaiting."""
    with store.write() as unit:
        request = unit.status_requests.request(name)
        if request.state not in (RequestState.REQUESTED, RequestState.APPROVED):
            raise RequestNotWaiting(name, request.state, "being cancelled")
        unit.status_requests.move(name, request.state, RequestState.CANCELLED)
        unit.journal.write(at=clock.now(), person=person, action="status.cancel", subject=name, number=request.number)
        return unit.status_requests.request(name)
