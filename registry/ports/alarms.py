"""Alarms: something was found that a person must look at before anything more goes to the chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from registry.kernel.errors import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One reason why writing is halted, or was. None of it is personal data."""

    id: str
    """`L-YYYY-MM-NNNN`."""
    code: str
    """Slug of an error, such as `ledger/foreign`."""
    subject: str
    """What it is about: `chain`, a batch, a record of the chain, an account there."""
    detail: str
    raised_at: datetime
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    reason: str | None = None
    """What the person who lifted it had found."""


class WritingHalted(Unavailable):
    """Nothing goes to the chain until a person has looked at an alarm and lifted it; what was accepted waits."""

    code = "halt/writing-halted"
    retry_after_seconds = 600

    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm
        super().__init__(f"writing is halted by alarm {alarm.id}: {alarm.code}, {alarm.subject}")


class Alarms(Protocol):
    """Alarms, raised by what is found and lifted by people."""

    def add(self, alarm: Alarm) -> None:
        """Keep a new one. Raises RowRefused where one of its code and subject is open."""
        ...

    def alarm(self, alarm_id: str) -> Alarm:
        """Find one. Raises NotHere."""
        ...

    def alarms(self) -> Sequence[Alarm]:
        """List all, oldest first."""
        ...

    def open(self) -> Sequence[Alarm]:
        """List those that nobody has lifted, oldest first."""
        ...

    def lift(self, alarm_id: str, *, person: str, at: datetime, reason: str) -> None:
        """Write down that a person has lifted one, once. Raises NotHere, StateMoved."""
        ...

    def require_none(self) -> None:
        """Check that no alarm is open. Raises WritingHalted."""
        ...
