"""The rules of a session (考试场次): deadline, lateness, publication. What the source does not say is let be.

1. registration closes a number of days before the session: on the last of them it is still open;
2. who comes late is admitted up to a number of minutes, counted in whole seconds; whether the limit itself is still in
   time is the programme's to say;
3. certificates can be looked up a number of working days after the session: that day is expected, a later one overdue.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from registry.assessment.working_days import KNOWN_UNTIL, working_days_after
from registry.programme import Bilingual, SessionRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Whether candidates can still be registered for a session."""

    is_open: bool
    closes: date | None
    """The last day; None = the source names no deadline, and registration is open until the session."""
    reason: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Admittance:
    """Whether somebody who came may sit."""

    admitted: bool
    late_seconds: int
    """Whole seconds after the beginning; 0 = in time."""
    reason: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """When certificates of a session are expected to be published."""

    expected: date
    working_days: int
    certain: bool
    """Whether the calendar was known for every day on the way."""
    reason: Bilingual

    def is_overdue(self, today: date) -> bool:
        """Tell whether the expected day has passed."""
        return today > self.expected

    def days_overdue(self, today: date) -> int:
        """Count the calendar days since the expected one; 0 = not overdue."""
        return max(0, (today - self.expected).days)


def registration_closes(rules: SessionRules | None, on: date) -> date | None:
    """Give the last day of registration for a session on a day; None = the source names no deadline."""
    if rules is None or rules.registration_closes_days is None:
        return None
    return on - timedelta(days=rules.registration_closes_days)


def registration(rules: SessionRules | None, on: date, today: date) -> Registration:
    """Tell whether registration for a session on a day is open."""
    closes = registration_closes(rules, on)  # 1
    last = on if closes is None else closes
    is_open = today <= last
    if closes is None:
        said = Bilingual(
            zh="来源未规定报名截止日，报名至考试日", en="the source names no deadline: open until the session"
        )
    elif is_open:
        said = Bilingual(zh=f"报名至{closes}（含当日）", en=f"open until {closes}, that day included")
    else:
        said = Bilingual(zh=f"报名已于{closes}截止", en=f"registration closed on {closes}")
    return Registration(is_open=is_open, closes=closes, reason=said)


def admittance(rules: SessionRules | None, begins: datetime, arrived: datetime) -> Admittance:
    """Tell whether somebody who arrived at a time is admitted to what begins at another."""
    late = max(0, int((arrived - begins) / timedelta(seconds=1)))  # 2
    by = f"{late // 60}:{late % 60:02d}"
    if not late:
        return Admittance(admitted=True, late_seconds=0, reason=Bilingual(zh="准时到场", en="in time"))
    if rules is None or rules.late_minutes is None:
        said = Bilingual(
            zh=f"迟到{by}；来源未规定迟到限制，准予入场", en=f"{by} late; the source sets no limit: admitted"
        )
        return Admittance(admitted=True, late_seconds=late, reason=said)
    limit = rules.late_minutes * 60
    admitted = late <= limit if rules.late_admits_limit else late < limit
    allowed = Bilingual(
        zh=f"迟到{'不超过' if rules.late_admits_limit else '不满'}{rules.late_minutes}分钟可入场",
        en=f"admitted {'up to' if rules.late_admits_limit else 'under'} {rules.late_minutes} minutes late",
    )
    said = Bilingual(
        zh=f"迟到{by}，{'准予' if admitted else '不予'}入场（{allowed.zh}）",
        en=f"{by} late, {'admitted' if admitted else 'not admitted'} ({allowed.en})",
    )
    return Admittance(admitted=admitted, late_seconds=late, reason=said)


def doors_close(rules: SessionRules | None, begins: datetime) -> datetime:
    """Give the instant from which nobody is admitted any more; where the source sets no limit, the beginning."""
    late = 0 if rules is None or rules.late_minutes is None else rules.late_minutes * 60
    inclusive = bool(late and rules is not None and rules.late_admits_limit)
    return begins + timedelta(seconds=late + inclusive)


def expected_publication(rules: SessionRules | None, on: date) -> Publication | None:
    """Compute when certificates of a session on a day are expected; None = the source does not say."""
    if rules is None or rules.publication_working_days is None:
        return None
    count = rules.publication_working_days
    found = working_days_after(on, count)  # 3
    if found.known:
        said = Bilingual(
            zh=f"考试后第{count}个工作日，按国务院公布的放假安排计算",
            en=f"working day {count} after the session, by the announced holidays",
        )
    else:
        said = Bilingual(
            zh=f"考试后第{count}个工作日；放假安排只公布到{KNOWN_UNTIL}，其后只扣除周末",
            en=f"working day {count} after the session; calendar known until {KNOWN_UNTIL}, after that weekends only",
        )
    return Publication(expected=found.day, working_days=count, certain=found.known, reason=said)
