"""The day that a verdict is asked for: one that has ended; and what is known of it."""

from datetime import date, datetime, timedelta
from typing import Final

from registry.anchor.facts import BatchFacts, batch_facts
from registry.kernel.calendar import CHINA_TIME, end_of_day
from registry.kernel.errors import MalformedInput
from registry.verification.circumstances import Circumstances
from registry.verification.claimed import Claimed
from registry.verification.knowledge import Knowledge

NOT_RECORDED_YET: Final = "not-recorded-yet"
"""Reason: on the past day that is asked about the batch was not on the chain; it was recorded later."""
BEFORE_THE_CHAIN: Final = "outside-the-chains-time"
"""Reason: the past day that is asked about ended before the chain began, which will never change."""
BEYOND_WHAT_WAS_READ: Final = "beyond-what-was-read"
"""Reason: the chain has not been read to the end of the past day that is asked about."""


class DayNotOver(MalformedInput):
    """A verdict is asked for a day that is not over: nobody knows yet how it will end."""

    code = "verify/day-not-over"

    def __init__(self, day: date, latest: date) -> None:
        self.day, self.latest = day, latest
        super().__init__(f"expected a day that is over (+08:00), {latest} at the latest, got {day}")


def end_of_past_day(day: date, now: datetime) -> datetime:
    """Give the last second of a day that is over. Raises DayNotOver."""
    today = now.astimezone(CHINA_TIME).date()
    if day >= today:
        raise DayNotOver(day, today - timedelta(days=1))
    return end_of_day(day)


def is_outside_time(circumstances: Circumstances) -> bool:
    """Tell whether a past moment is asked about of which the chain, as far as it was read, says nothing."""
    as_of, knowledge = circumstances.as_of, circumstances.knowledge
    if as_of is None or knowledge is None:
        return False
    return not knowledge.first_block_time <= as_of <= knowledge.complete_until


def recorded_later(claimed: Claimed, circumstances: Circumstances) -> BatchFacts | None:
    """Find the batch that is named, where it was recorded after the past moment that is asked about."""
    as_of, knowledge = circumstances.as_of, circumstances.knowledge
    if as_of is None or knowledge is None or claimed.contract != knowledge.trust_root.contract:
        return None
    if claimed.genesis != knowledge.trust_root.genesis:
        return None
    batch = batch_facts(knowledge.records, claimed.issuer, claimed.batch)
    return batch if batch is not None and batch.position.block_time > as_of else None


def known_by_then(circumstances: Circumstances) -> Knowledge | None:
    """Give what counts: as of a past date only what was recorded by then."""
    as_of, knowledge = circumstances.as_of, circumstances.knowledge
    return knowledge if as_of is None or knowledge is None else knowledge.until(as_of)
