"""Leases of sending accounts: one active sender for each."""

from datetime import datetime

from sqlalchemy import select

from registry.kernel.identifiers import Address
from registry.ports.sending import LeaseLost, SenderBusy, SenderLease
from registry.store.processes import has_ended, this_process
from registry.store.sessions import Row, Session, maybe_time, micros, time_of
from registry.store.tables import sender_lease


class SqlSenders:
    """Implements registry.ports.sending.Senders."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lease(self, account: Address) -> SenderLease | None:
        """Find the present one, or the last; None = nobody has ever held it."""
        row = self._row(account)
        return None if row is None else _lease(row)

    def latest(self) -> SenderLease | None:
        """Find the one that was taken last, of whatever account; None = no account has ever sent."""
        row = self._session.row(sender_lease, select(sender_lease).order_by(sender_lease.c.taken_at.desc()))
        return None if row is None else _lease(row)

    def claim(self, account: Address, at: datetime, until: datetime) -> SenderLease:
        """Take it for this process where it is free, has lapsed, or its holder has ended. Raises SenderBusy."""
        row, worker = self._row(account), this_process()
        if row is None:
            new: Row = {
                "account": account,
                "worker": worker,
                "term": 1,
                "taken_at": micros(at),
                "leased_until": micros(until),
            }
            self._session.add(sender_lease, [new])
            return _lease(new)
        held = _lease(row)
        if held.leased_until is not None and held.leased_until > at and not has_ended(held.worker):
            raise SenderBusy(account, held.leased_until)
        changes = {
            "worker": worker,
            "term": held.term + 1,
            "taken_at": micros(at),
            "leased_until": micros(until),
        }
        self._session.change_read(sender_lease, row, {}, **changes)
        return _lease({**row, **changes})

    def extend(self, lease: SenderLease, until: datetime) -> SenderLease:
        """Hold it longer. Raises LeaseLost where it was given back, or another has taken it."""
        row = self._row(lease.account)
        if row is None or (row["worker"], row["term"]) != (lease.worker, lease.term) or row["leased_until"] is None:
            raise LeaseLost(lease.account, lease.term, 0 if row is None else row["term"])
        self._session.change_read(sender_lease, row, {}, leased_until=micros(until))
        return _lease({**row, "leased_until": micros(until)})

    def release(self, lease: SenderLease) -> None:
        """Give it back; nothing happens where it is lost already."""
        row = self._row(lease.account)
        if row is not None and row["term"] == lease.term and row["leased_until"] is not None:
            self._session.change_read(sender_lease, row, {}, leased_until=None)

    def _row(self, account: Address) -> Row | None:
        return self._session.row(sender_lease, select(sender_lease).where(sender_lease.c.account == account))


def _lease(row: Row) -> SenderLease:
    return SenderLease(
        account=Address(row["account"]),
        worker=row["worker"],
        term=row["term"],
        taken_at=time_of(row["taken_at"]),
        leased_until=maybe_time(row["leased_until"]),
    )
