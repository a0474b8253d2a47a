"""Requests to change a certificate's status, and where each stands."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from registry.anchor.operations import Approval, SignedTransaction
from registry.anchor.progress import RequestState, StatusRequest, require_request_move
from registry.kernel.identifiers import (
    BatchId,
    CertificateNumber,
    IssuerCode,
    TransactionHash,
)
from registry.ports.storage import NotHere
from registry.status import Reason, Status, needs_approval
from registry.store.issuing import approval_of, keep_transaction
from registry.store.sessions import Row, Session, StateMoved, maybe_time, micros, time_of
from registry.store.tables import status_request

_FINISHED = (RequestState.FINAL, RequestState.FAILED, RequestState.CANCELLED)


class SqlStatusRequests:
    """Implements registry.ports.storage.StatusRequests."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, request: StatusRequest) -> None:
        """Keep a request."""
        self._session.add(
            status_request,
            [
                {
                    "id": request.id,
                    "number": request.number,
                    "revision": request.revision,
                    "issuer": request.issuer,
                    "batch": request.batch,
                    "leaf": request.leaf,
                    "wanted": int(request.wanted),
                    "reason": int(request.reason),
                    "state": request.state.value,
                    "requested_by": request.requested_by,
                    "requested_at": micros(request.requested_at),
                }
            ],
        )

    def request(self, request_id: str) -> StatusRequest:
        """Find one. Raises NotHere."""
        found = self._many(select(status_request).where(status_request.c.id == request_id))
        if not found:
            raise NotHere("status request", request_id)
        return found[0]

    def requests(self, *states: RequestState) -> list[StatusRequest]:
        """List requests, oldest first; no state named = all."""
        query = select(status_request)
        if states:
            query = query.where(status_request.c.state.in_([state.value for state in states]))
        return self._many(query)

    def open_for(self, number: CertificateNumber, revision: int) -> StatusRequest | None:
        """Find a request on one certificate that is not finished."""
        query = select(status_request).where(
            status_request.c.number == number,
            status_request.c.revision == revision,
            status_request.c.state.not_in([state.value for state in _FINISHED]),
        )
        return next(iter(self._many(query)), None)

    def _many(self, query: Select[Any]) -> list[StatusRequest]:
        ordered = query.order_by(status_request.c.requested_at, status_request.c.id)
        return [_request(row) for row in self._session.rows(status_request, ordered)]

    def approve(
        self, request_id: str, *, person: str, at: datetime, approval: Approval, status_nonce: int | None
    ) -> None:
        """Requested → approved; also approved anew once the kept approval has lapsed."""
        request = self.request(request_id)
        if request.state is not RequestState.REQUESTED and not (
            request.state is RequestState.APPROVED and request.approval is not None and request.approval.has_lapsed(at)
        ):
            raise StateMoved("status_request", request_id)
        self._session.change(
            status_request,
            {"id": request_id},
            {"state": request.state.value},
            state=RequestState.APPROVED.value,
            approved_by=person,
            approved_at=micros(at),
            approver=approval.approver,
            approval_deadline=approval.deadline,
            approval_signature=approval.signature,
            status_nonce=status_nonce,
        )

    def sign(self, request_id: str, transaction: SignedTransaction, at: datetime) -> None:
        """Approved (or requested, for a suspension) → signed; the transaction's bytes are kept."""
        request = self.request(request_id)
        before = RequestState.APPROVED if request.wanted in needs_approval else RequestState.REQUESTED
        self._session.change(
            status_request,
            {"id": request_id},
            {"state": before.value},
            state=RequestState.SIGNED.value,
            transaction=transaction.hash,
        )
        keep_transaction(self._session, request_id, transaction, at)

    def move(
        self,
        request_id: str,
        current: RequestState,
        wanted: RequestState,
        *,
        seq: int | None = None,
        failure: str | None = None,
    ) -> None:
        """Take one step; a place or failure once named stays. Raises StateMoved where another took it first."""
        require_request_move(current, wanted)
        named = {name: value for name, value in (("seq", seq), ("failure", failure)) if value is not None}
        self._session.change(status_request, {"id": request_id}, {"state": current.value}, state=wanted.value, **named)


def _request(row: Row) -> StatusRequest:
    return StatusRequest(
        id=row["id"],
        number=CertificateNumber(row["number"]),
        revision=row["revision"],
        issuer=IssuerCode(row["issuer"]),
        batch=BatchId(row["batch"]),
        leaf=row["leaf"],
        wanted=Status(row["wanted"]),
        reason=Reason(row["reason"]),
        state=RequestState(row["state"]),
        requested_by=row["requested_by"],
        requested_at=time_of(row["requested_at"]),
        approved_by=row["approved_by"],
        approved_at=maybe_time(row["approved_at"]),
        status_nonce=row["status_nonce"],
        approval=approval_of(row),
        transaction=TransactionHash(row["transaction"]) if row["transaction"] is not None else None,
        seq=row["seq"],
        failure=row["failure"],
    )
