"""The calendar of the trade: every date that is printed or decided by is a day at +08:00."""

from datetime import date, datetime, time, timedelta, timezone
from typing import Final

CHINA_TIME: Final = timezone(timedelta(hours=8))


def end_of_day(day: date) -> datetime:
    """Give the last second of a day: what a verdict "as of" that day is judged for."""
    return datetime.combine(day, time(23, 59, 59), CHINA_TIME)


def written_time(moment: datetime) -> str:
    """Write a moment as every document of ours does: RFC 3339 with +08:00, whole seconds."""
    return moment.astimezone(CHINA_TIME).isoformat(timespec="seconds")
