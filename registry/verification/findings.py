"""Small makers of answers and notices."""

from collections.abc import Mapping
from datetime import datetime

from registry.kernel.calendar import CHINA_TIME
from registry.verification.circumstances import Circumstances
from registry.verification.model import Answer, Finding, Freshness, Notice, NoticeKind, Question


def notices_about_chain(circumstances: Circumstances) -> tuple[Notice, ...]:
    """Give the notice of a test chain, where the site is on one."""
    if circumstances.test_chain is None:
        return ()
    return (noticed(NoticeKind.TEST_CHAIN, chain=circumstances.test_chain),)


def answered(
    question: Question,
    answer: Answer,
    reason: str,
    evidence: Mapping[str, str | int | None],
    freshness: Freshness | None = None,
) -> Finding:
    """Make the answer to a question."""
    return Finding(question=question, answer=answer, reason=reason, evidence=dict(evidence), freshness=freshness)


def noticed(kind: NoticeKind, **values: str | int) -> Notice:
    """Make a notice with the values of its wording."""
    return Notice(kind=kind, values=values)


def not_reached() -> tuple[Finding, ...]:
    """Leave questions 2 to 5 open: question 1 failed."""
    return tuple(
        answered(question, Answer.COULD_NOT_CHECK, "first-question-failed", {})
        for question in Question
        if question is not Question.UNALTERED
    )


def day_of(time: datetime) -> str:
    """Write the day of a moment, +08:00."""
    return time.astimezone(CHINA_TIME).date().isoformat()
