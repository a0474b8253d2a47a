"""Deadlines to the day, lateness to the second, publication by working days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.assessment import (
    KNOWN_FROM,
    KNOWN_UNTIL,
    admittance,
    expected_publication,
    is_known,
    is_working_day,
    registration,
    registration_closes,
    working_days_after,
)
from registry.programme import Bilingual, SessionRules

SOURCE = Bilingual(zh="来源", en="source")


def rules(*, closes=22, late=30, limit_admitted=True, publication=75):
    return SessionRules(
        registration_closes_days=closes,
        late_minutes=late,
        late_admits_limit=limit_admitted,
        publication_working_days=publication,
        absent_pays_again=True,
        identity_check=None,
        frequency=None,
        places=None,
        source=SOURCE,
    )


@pytest.mark.parametrize(
    ("on", "closes"),
    [
        (date(2026, 11, 30), date(2026, 11, 8)),
        (date(2028, 3, 22), date(2028, 2, 29)),
        (date(2027, 3, 22), date(2027, 2, 28)),
        (date(2028, 3, 23), date(2028, 3, 1)),
        (date(2028, 2, 29), date(2028, 2, 7)),
        (date(2027, 1, 22), date(2026, 12, 31)),
        (date(2027, 1, 23), date(2027, 1, 1)),
    ],
)
def test_registration_closes_twenty_two_days_before(on, closes):
    assert registration_closes(rules(), on) == closes
    assert registration(rules(), on, closes - timedelta(days=1)).is_open
    assert registration(rules(), on, closes).is_open
    assert not registration(rules(), on, closes + timedelta(days=1)).is_open
    assert registration(rules(), on, closes).reason.zh == f"报名至{closes}（含当日）"


@pytest.mark.parametrize("silent", [None, rules(closes=None)])
def test_without_a_deadline_registration_is_open_until_the_day(silent):
    on = date(2026, 11, 30)
    assert registration_closes(silent, on) is None
    assert registration(silent, on, on).is_open
    assert not registration(silent, on, on + timedelta(days=1)).is_open
    assert "来源未规定" in registration(silent, on, on).reason.zh


@given(on=st.dates(date(2020, 1, 1), date(2040, 1, 1)), before=st.integers(0, 400))
def test_registration_is_open_exactly_up_to_the_deadline(on, before):
    assert registration(rules(), on, on - timedelta(days=before)).is_open == (before >= 22)


BEGINS = datetime(2026, 11, 30, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arrived", "inclusive", "exclusive"),
    [
        (timedelta(minutes=-10), True, True),
        (timedelta(0), True, True),
        (timedelta(seconds=1), True, True),
        (timedelta(minutes=29, seconds=59), True, True),
        (timedelta(minutes=29, seconds=59, milliseconds=999), True, True),
        (timedelta(minutes=30), True, False),
        (timedelta(minutes=30, milliseconds=999), True, False),
        (timedelta(minutes=30, seconds=1), False, False),
        (timedelta(hours=5), False, False),
    ],
)
def test_lateness_is_counted_to_the_second(arrived, inclusive, exclusive):
    assert admittance(rules(), BEGINS, BEGINS + arrived).admitted is inclusive
    assert admittance(rules(limit_admitted=False), BEGINS, BEGINS + arrived).admitted is exclusive


def test_lateness_says_how_late_and_by_which_rule():
    came = BEGINS + timedelta(minutes=30, seconds=1)
    assert admittance(rules(), BEGINS, came).late_seconds == 1801
    assert admittance(rules(), BEGINS, came).reason == Bilingual(
        zh="迟到30:01，不予入场（迟到不超过30分钟可入场）",
        en="30:01 late, not admitted (admitted up to 30 minutes late)",
    )
    assert "不满30分钟" in admittance(rules(limit_admitted=False), BEGINS, came).reason.zh


@pytest.mark.parametrize("silent", [None, rules(late=None)])
def test_where_the_source_sets_no_limit_everybody_is_admitted(silent):
    found = admittance(silent, BEGINS, BEGINS + timedelta(hours=2))
    assert (found.admitted, found.late_seconds) == (True, 7200)
    assert "来源未规定" in found.reason.zh


def test_holidays_and_worked_weekends_of_the_announced_years():
    assert not is_working_day(date(2026, 2, 17))  # the first day of the lunar year, a Tuesday
    assert not is_working_day(date(2026, 10, 7))
    assert is_working_day(date(2026, 2, 14))  # a Saturday, worked instead
    assert is_working_day(date(2026, 10, 10))
    assert not is_working_day(date(2026, 11, 22))  # a plain Sunday
    assert is_working_day(date(2026, 11, 23))


def test_a_year_not_announced_has_weekends_only():
    first = KNOWN_UNTIL + timedelta(days=1)
    assert (KNOWN_UNTIL.month, KNOWN_UNTIL.day) == (12, 31)
    assert is_known(KNOWN_UNTIL)
    assert not is_known(first)
    assert not is_known(KNOWN_FROM - timedelta(days=1))
    assert is_working_day(first) == (first.weekday() < 5)


# After Friday 2026-05-29: June has 21 working days (the 19th is free), July 23, August 21; ten more are needed,
# and September 2026 begins on a Tuesday with nothing free until the 14th but its weekends.
def test_seventy_five_working_days_are_counted_by_the_calendar():
    found = expected_publication(rules(), date(2026, 5, 29))
    assert found is not None
    assert (found.expected, found.certain) == (date(2026, 9, 14), True)
    assert not found.is_overdue(date(2026, 9, 14))
    assert found.is_overdue(date(2026, 9, 15))
    assert found.days_overdue(date(2026, 9, 20)) == 6
    assert found.days_overdue(date(2026, 9, 1)) == 0


def test_the_spring_festival_postpones_publication():
    # From Friday 2026-02-13: Saturday the 14th is worked, then all is free until the 23rd.
    assert working_days_after(date(2026, 2, 13), 1).day == date(2026, 2, 14)
    assert working_days_after(date(2026, 2, 13), 2).day == date(2026, 2, 24)


def test_publication_beyond_the_known_calendar_says_so():
    found = expected_publication(rules(), KNOWN_UNTIL - timedelta(days=10))
    assert found is not None
    assert not found.certain
    assert f"放假安排只公布到{KNOWN_UNTIL}，其后只扣除周末" in found.reason.zh
    assert f"calendar known until {KNOWN_UNTIL}, after that weekends only" in found.reason.en
    certain = expected_publication(rules(publication=5), date(2026, 11, 2))
    assert certain is not None
    assert certain.certain
    assert "weekends only" not in certain.reason.en


@pytest.mark.parametrize("silent", [None, rules(publication=None)])
def test_where_the_source_states_no_publication_none_is_expected(silent):
    assert expected_publication(silent, date(2026, 11, 2)) is None


@given(day=st.dates(date(2020, 1, 1), date(2030, 1, 1)), count=st.integers(1, 120))
def test_counting_working_days_agrees_with_a_plain_count(day, count):
    found = working_days_after(day, count)
    between = [day + timedelta(days=step) for step in range(1, (found.day - day).days + 1)]
    assert sum(is_working_day(one) for one in between) == count
    assert is_working_day(found.day)
    assert found.known == all(is_known(one) for one in between)
