"""Working days of China: weekends, the statutory holidays, and the weekends that are worked instead (调休).

The State Council announces a year's arrangement in the November before; the table of them is the library's. For a year
that it does not know yet only weekends are free, and whoever counts into it is told. A year's announcement may still
make the last days of the year before working days.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import chinese_calendar  # type: ignore[import-untyped]  # the library has no annotations

KNOWN_FROM: Final = date(min(chinese_calendar.holidays).year, 1, 1)
"""First day whose arrangement is known."""
KNOWN_UNTIL: Final = date(max(chinese_calendar.holidays).year, 12, 31)
"""Last day whose arrangement is known."""
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingDay:
    """A day that was found by counting working days."""

    day: date
    known: bool
    """Whether every day on the way is in the announced calendar; else weekends alone were left out after it."""


def is_known(day: date) -> bool:
    """Tell whether the arrangement of holidays for a day has been announced."""
    return KNOWN_FROM <= day <= KNOWN_UNTIL


def is_working_day(day: date) -> bool:
    """Tell whether people work on a day; of a year that is not known, whether it is none of a weekend."""
    return bool(chinese_calendar.is_workday(day)) if is_known(day) else day.weekday() < _SATURDAY


def working_days_after(day: date, count: int) -> WorkingDay:
    """Find the `count`-th working day after a day, which is not counted itself; `count` is at least 1."""
    known, found = True, day
    while count:
        found += timedelta(days=1)
        known = known and is_known(found)
        count -= is_working_day(found)
    return WorkingDay(day=found, known=known)
