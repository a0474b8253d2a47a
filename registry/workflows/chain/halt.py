"""Halt: what contradicts the chain stops everything that leads there, until a person has looked and says so.

1. Raise: once while it is open; what stands in the chain's history for ever is not raised again after it was lifted.
2. While an alarm is open no row that leads to the chain is kept: the store refuses it in the very transaction
   (`registry.ports.alarms.Alarms.require_none`). What is kept stays as it is and goes on afterwards. Reading, verifying
   and watching what became of what was sent go on.
3. Lift: one person with a name and a reason; what is about the chain as it is now is looked at once more first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

from registry.kernel.errors import IntegrityFault, MalformedInput, Unavailable
from registry.ports import Clock, Ledger, LedgerForeign
from registry.ports.alarms import Alarm
from registry.ports.storage import Store, UnitOfWork
from registry.workflows.chain.follow import HistoryBroken, follow

ABOUT_NOW: Final = frozenset({LedgerForeign.code, HistoryBroken.code})
"""Alarms about the chain as it is now: raised again as often as it is seen, lifted only once it is over."""
ROOT_TAKEN: Final = "anchor/root-taken"
"""The chain holds another root under a batch id of ours (`registry.workflows.chain.anchor.RootTaken`)."""
HALTING: Final = ABOUT_NOW | {ROOT_TAKEN}
"""Errors that raise an alarm wherever something is written to the chain, or the registry's own node is followed."""
CHAIN: Final = "chain"
LONGEST_REASON: Final = 400
SYSTEM: Final = "system"
"""Who acts in the journal where no person does."""


class ReasonMissing(MalformedInput):
    """An alarm is to be lifted without a reason, or with one that is too long or more than a line."""

    code = "halt/reason-missing"

    def __init__(self) -> None:
        super().__init__(f"a reason has 4 to {LONGEST_REASON} characters on one line")


def raise_alarm(unit: UnitOfWork, at: datetime, *, code: str, subject: str, detail: str) -> Alarm | None:
    """Keep an alarm, unless it is open or was looked at before; give it where it is new.

    `detail` names no person. To be called inside the transaction that keeps what it is about.
    """
    # 1
    for known in unit.alarms.alarms():
        if (known.code, known.subject) != (code, subject):
            continue
        if known.lifted_at is None or (code not in ABOUT_NOW and known.detail == detail):
            return None
    alarm = Alarm(id=unit.next_name("L", at), code=code, subject=subject, detail=detail, raised_at=at)
    unit.alarms.add(alarm)
    unit.journal.write(at=at, person=SYSTEM, action="alarm.raise", subject=alarm.id, code=code, what=subject)
    return alarm


@contextmanager
def halting(store: Store, clock: Clock) -> Iterator[None]:
    """Raise an alarm for what contradicts the chain inside, and let the error through."""
    try:
        yield
    except IntegrityFault as error:
        if error.code in HALTING:
            with suppress(Unavailable):  # a full disk must not hide what is wrong; the next try raises it
                _sound(store, clock, error, str(getattr(error, "subject", CHAIN)))
        raise


def _sound(store: Store, clock: Clock, error: IntegrityFault, subject: str) -> None:
    with store.read() as unit:  # seen once a second by a follower: only what is new takes a turn to write
        if any((one.code, one.subject) == (error.code, subject) for one in unit.alarms.open()):
            return
    with store.write() as unit:
        raise_alarm(unit, clock.now(), code=error.code, subject=subject, detail=str(error))


def lift(
    store: Store, clock: Clock, ledger: Ledger, names: Sequence[str], *, person: str, reason: str
) -> Sequence[Alarm]:
    """Lift alarms by name, once what they are about was looked at; those that were lifted before stay as they are.

    Raises NotHere, ReasonMissing; LedgerForeign, HistoryBroken and LedgerUnavailable where an alarm about the chain as
    it is now would not hold it up for long.
    """
    told = reason.strip()
    if not 4 <= len(told) <= LONGEST_REASON or not told.isprintable():
        raise ReasonMissing
    with store.read() as unit:
        asked = [unit.alarms.alarm(name) for name in names]
    # 3
    if any(one.lifted_at is None and one.code in ABOUT_NOW for one in asked):
        follow(store, ledger, clock)
    now = clock.now()
    with store.write() as unit:
        for name in dict.fromkeys(names):
            alarm = unit.alarms.alarm(name)
            if alarm.lifted_at is not None:
                continue
            unit.alarms.lift(name, person=person, at=now, reason=told)
            unit.journal.write(
                at=now, person=person, action="alarm.lift", subject=name, code=alarm.code, what=alarm.subject
            )
        return [unit.alarms.alarm(name) for name in dict.fromkeys(names)]
