"""Requests to change statuses, what each covers, and where each stands."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, and_, or_, select

from registry.anchor.operations import Approval, SignedTransaction
from registry.anchor.progress import RequestState, StatusRequest, Target, require_request_move
from registry.kernel.errors import IntegrityFault
from registry.kernel.identifiers import (
    Address,
    BatchId,
    CertificateNumber,
    IssuerCode,
    TransactionHash,
)
from registry.ports.storage import NotHere
from registry.status import Reason, Status, needs_approval
from registry.store.alarms import require_writing
from registry.store.issuing import approval_of
from registry.store.outbox import keep_transaction
from registry.store.sessions import Row, Session, StateMoved, maybe_time, micros, pieces, time_of
from registry.store.tables import status_batch, status_certificate, status_request, status_successor

_FINISHED = (RequestState.FINAL, RequestState.FAILED, RequestState.CANCELLED)


class RowsMissing(IntegrityFault):
    """Rows that belong to another were taken out of the database."""

    code = "store/rows-missing"

    def __init__(self, table: str, of: str, expected: int, found: int) -> None:
        self.table, self.of, self.expected, self.found = table, of, expected, found
        super().__init__(f"{table} has {found} rows of {of}, which was kept with {expected}")


class SqlStatusRequests:
    """Implements registry.ports.storage.StatusRequests."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, request: StatusRequest) -> None:
        """Keep a request. Raises WritingHalted."""
        require_writing(self._session)
        self._session.add(
            status_request,
            [
                {
                    "id": request.id,
                    "issuer": request.issuer,
                    "batches": len(request.batches),
                    "certificates": len(request.certificates),
                    "wanted": int(request.wanted),
                    "reason": int(request.reason),
                    "state": request.state.value,
                    "requested_by": request.requested_by,
                    "requested_at": micros(request.requested_at),
                }
            ],
        )
        self._session.add(
            status_batch,
            ({"request": request.id, "place": place, "batch": batch} for place, batch in enumerate(request.batches)),
        )
        self._session.add(
            status_certificate,
            (
                {"request": request.id, "leaf": target.leaf, "number": target.number, "revision": target.revision}
                for target in request.certificates
            ),
        )
        if request.new_batch is not None:
            self._session.add(
                status_successor,
                (
                    {
                        "request": request.id,
                        "leaf": target.leaf,
                        "contract": request.new_contract,
                        "batch": request.new_batch,
                        "new_leaf": target.successor,
                    }
                    for target in request.certificates
                ),
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

    def names(self) -> list[str]:
        """Names of all requests, oldest first, whether they can be read or not."""
        query = select(status_request.c.id).order_by(status_request.c.requested_at, status_request.c.id)
        return list(self._session.connection.execute(query).scalars())

    def onto(self, batch: BatchId) -> list[StatusRequest]:
        """List the supersessions whose successors stand in a batch, oldest first."""
        concerned = select(status_successor.c.request).where(status_successor.c.batch == batch)
        return self._many(select(status_request).where(status_request.c.id.in_(concerned)))

    def concerning(self, number: str, batch: BatchId) -> list[StatusRequest]:
        """List requests that name a certificate, or the whole of its batch, oldest first."""
        named = select(status_certificate.c.request).where(status_certificate.c.number == number)
        whole = select(status_batch.c.request).where(status_batch.c.batch == batch)
        by_batch = and_(status_request.c.certificates == 0, status_request.c.id.in_(whole))
        return self._many(select(status_request).where(or_(status_request.c.id.in_(named), by_batch)))

    def open_on(self, batch: BatchId) -> list[StatusRequest]:
        """List requests on a batch or on certificates of it that are not finished, oldest first."""
        concerned = select(status_batch.c.request).where(status_batch.c.batch == batch)
        return self._many(
            select(status_request).where(
                status_request.c.id.in_(concerned),
                status_request.c.state.not_in([state.value for state in _FINISHED]),
            )
        )

    def _many(self, query: Select[Any]) -> list[StatusRequest]:
        ordered = query.order_by(status_request.c.requested_at, status_request.c.id)
        rows = self._session.rows(status_request, ordered)
        batches = self._covered(status_batch, rows, "batches")
        certificates = self._covered(status_certificate, rows, "certificates")
        superseding = [row for row in rows if row["wanted"] == Status.SUPERSEDED]
        replaced = self._covered(status_successor, superseding, "certificates")
        return [_request(row, batches[row["id"]], certificates[row["id"]], replaced.get(row["id"], [])) for row in rows]

    def _covered(self, table: Table, requests: Iterable[Row], counted: str) -> dict[str, list[Row]]:
        """Read what requests cover, in the order of the primary key. Raises RowsMissing."""
        expected = {row["id"]: row[counted] for row in requests}
        found: dict[str, list[Row]] = {name: [] for name in expected}
        for names in pieces(expected):
            query = select(table).where(table.c.request.in_(names)).order_by(*table.primary_key)
            for row in self._session.rows(table, query):
                found[row["request"]].append(row)
        for name, count in expected.items():
            if len(found[name]) != count:
                raise RowsMissing(table.name, name, count, len(found[name]))
        return found

    def approve(
        self, request_id: str, *, person: str, at: datetime, approval: Approval, status_nonces: tuple[int, ...]
    ) -> None:
        """Requested → approved; also approved anew, once the kept approval has lapsed or is for other nonces."""
        require_writing(self._session)
        request = self.request(request_id)
        if request.state is not RequestState.REQUESTED and not (
            request.state is RequestState.APPROVED
            and request.approval is not None
            and (request.approval.has_lapsed(at) or request.status_nonces != status_nonces)
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
            status_nonces=json.dumps(status_nonces) if status_nonces else None,
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
        transaction: TransactionHash | None = None,
        failure: str | None = None,
    ) -> None:
        """Take one step; what once was named stays. Raises StateMoved where another took it first."""
        require_request_move(current, wanted)
        changes = {"seq": seq, "transaction": transaction, "failure": failure}
        named = {name: value for name, value in changes.items() if value is not None}
        self._session.change(status_request, {"id": request_id}, {"state": current.value}, state=wanted.value, **named)


def _targets(rows: Iterable[Row], successors: Sequence[Row]) -> Iterator[Target]:
    new_leaf = {row["leaf"]: row["new_leaf"] for row in successors}
    for row in rows:
        yield Target(
            number=CertificateNumber(row["number"]),
            revision=row["revision"],
            leaf=row["leaf"],
            successor=new_leaf.get(row["leaf"]),
        )


def _request(row: Row, batches: Iterable[Row], certificates: Iterable[Row], successors: Sequence[Row]) -> StatusRequest:
    return StatusRequest(
        id=row["id"],
        issuer=IssuerCode(row["issuer"]),
        batches=tuple(BatchId(one["batch"]) for one in batches),
        certificates=tuple(_targets(certificates, successors)),
        wanted=Status(row["wanted"]),
        reason=Reason(row["reason"]),
        state=RequestState(row["state"]),
        requested_by=row["requested_by"],
        requested_at=time_of(row["requested_at"]),
        approved_by=row["approved_by"],
        approved_at=maybe_time(row["approved_at"]),
        status_nonces=tuple(json.loads(row["status_nonces"] or "[]")),
        approval=approval_of(row),
        transaction=TransactionHash(row["transaction"]) if row["transaction"] is not None else None,
        seq=row["seq"],
        failure=row["failure"],
        new_batch=BatchId(successors[0]["batch"]) if successors else None,
        new_contract=Address(successors[0]["contract"]) if successors else None,
    )
