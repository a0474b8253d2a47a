"""Alarms: why nothing goes to the chain. Every row that leads there asks here first, in its own transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from registry.ports.alarms import Alarm, WritingHalted
from registry.ports.storage import NotHere
from registry.store.sessions import Row, Session, maybe_time, micros, time_of
from registry.store.tables import alarm


class SqlAlarms:
    """Implements registry.ports.alarms.Alarms."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: Alarm) -> None:
        """Keep a new one. Raises RowRefused where one of its code and subject is open."""
        self._session.add(
            alarm,
            [
                {
                    "id": new.id,
                    "code": new.code,
                    "subject": new.subject,
                    "detail": new.detail,
                    "raised_at": micros(new.raised_at),
                    "lifted_at": None,
                    "lifted_by": None,
                    "reason": None,
                }
            ],
        )

    def alarm(self, alarm_id: str) -> Alarm:
        """Find one. Raises NotHere."""
        found = self._many(select(alarm).where(alarm.c.id == alarm_id))
        if not found:
            raise NotHere("alarm", alarm_id)
        return found[0]

    def alarms(self) -> Sequence[Alarm]:
        """List all, oldest first."""
        return self._many(select(alarm))

    def open(self) -> Sequence[Alarm]:
        """List those that nobody has lifted, oldest first."""
        return self._many(select(alarm).where(alarm.c.lifted_at.is_(None)))

    def lift(self, alarm_id: str, *, person: str, at: datetime, reason: str) -> None:
        """Write down that a person has lifted one, once. Raises NotHere, StateMoved."""
        self.alarm(alarm_id)
        self._session.change(
            alarm, {"id": alarm_id}, {"lifted_at": None}, lifted_at=micros(at), lifted_by=person, reason=reason
        )

    def require_none(self) -> None:
        """Check that no alarm is open. Raises WritingHalted."""
        require_writing(self._session)

    def _many(self, query: Any) -> list[Alarm]:
        ordered = query.order_by(alarm.c.raised_at, alarm.c.id)
        return [_alarm(row) for row in self._session.rows(alarm, ordered)]


def require_writing(session: Session) -> None:
    """Check that no alarm is open, in the transaction that writes. Raises WritingHalted."""
    first = select(alarm).where(alarm.c.lifted_at.is_(None)).order_by(alarm.c.raised_at, alarm.c.id)
    row = session.row(alarm, first)
    if row is not None:
        raise WritingHalted(_alarm(row))


def _alarm(row: Row) -> Alarm:
    return Alarm(
        id=row["id"],
        code=row["code"],
        subject=row["subject"],
        detail=row["detail"],
        raised_at=time_of(row["raised_at"]),
        lifted_at=maybe_time(row["lifted_at"]),
        lifted_by=row["lifted_by"],
        reason=row["reason"],
    )
