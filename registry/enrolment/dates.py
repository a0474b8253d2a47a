"""Completed years and months between two days, as the Civil Code counts them (articles 200 to 202).

A year or month is completed on the day with the same number; where the last month has no such day, on its last one.
So whoever was born on 29 February completes a year on 28 February of a year without that day.
"""

from calendar import monthrange
from datetime import date


def anniversary(birth_date: date, years: int) -> date:
    """Give the day on which `years` of life are completed.

    Born on 29 February: in a year without that day it is 28 February, the month's last (Civil Code, article 202).
    """
    return months_later(birth_date, 12 * years)


def months_later(day: date, months: int) -> date:
    """Give the day on which `months` from `day` are completed."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def age(birth_date: date, on: date) -> int:
    """Count the completed years of life (周岁) at the beginning of the day `on`; the birthday itself counts."""
    years = on.year - birth_date.year
    return years if anniversary(birth_date, years) <= on else years - 1


def whole_months(since: date, on: date) -> int:
    """Count the completed months from `since` to the day `on`; negative before it."""
    months = (on.year - since.year) * 12 + on.month - since.month
    return months if months_later(since, months) <= on else months - 1
