"""A report as the JSON object that every door gives, and the two verdicts that a door reaches by itself."""

from dataclasses import replace
from datetime import datetime

from registry.kernel.calendar import CHINA_TIME
from registry.verification.model import Answer, Finding, Freshness, Outcome, Question, Report

_CONTENT_HIDDEN = frozenset({Outcome.UNREADABLE, Outcome.ALTERED, Outcome.NOT_FOUND, Outcome.WITHDRAWN})


def report_document(report: Report) -> dict[str, object]:
    """Write `report` as one JSON object: `outcome code notices questions content successor last_known judged_at as_of`.

    `questions` has exactly five entries; a look-up that found nothing could not check any. Times are RFC 3339 with
    +08:00. The full identity number never appears, whoever asks: a report is kept and passed on.
    """
    found = {one.question: one for one in report.findings}
    return {
        "outcome": report.outcome.value,
        "code": report.code,
        "notices": [{"kind": one.kind.value, **one.values} for one in report.notices],
        "questions": [_question(question, found.get(question), report.outcome) for question in Question],
        "content": public_content(report),
        "successor": report.successor,
        "last_known": report.last_known,
        "judged_at": _moment(report.judged_at),
        "as_of": None if report.as_of is None else _moment(report.as_of),
    }


def public_content(report: Report) -> dict[str, object] | None:
    """Give the claims that may be shown: none where they cannot be relied on, and never the full identity number."""
    if report.content is None or report.outcome in _CONTENT_HIDDEN:
        return None
    return {name: value for name, value in report.content.items() if name != "nationalIdentityNumber"}


def not_found(judged_at: datetime) -> Report:
    """Say that nothing was found: for a key that cannot be one."""
    return _without_findings(Outcome.NOT_FOUND, "not-found", judged_at)


def too_large(judged_at: datetime) -> Report:
    """Say that a file is too large to be one of ours; it was not read."""
    return _without_findings(Outcome.UNREADABLE, "unreadable/too-large", judged_at)


def altered(check: str, member: str | None, judged_at: datetime) -> Report:
    """Say that a reader's own browser found a file changed; the file was not sent."""
    first = Finding(
        question=Question.UNALTERED,
        answer=Answer.FAILED,
        reason=check,
        evidence={"check": f"browser/{check}", "member": member},
        freshness=None,
    )
    open_questions = tuple(
        Finding(
            question=question,
            answer=Answer.COULD_NOT_CHECK,
            reason="first-question-failed",
            evidence={},
            freshness=None,
        )
        for question in Question
        if question is not Question.UNALTERED
    )
    report = _without_findings(Outcome.ALTERED, f"{Outcome.ALTERED}/{check}", judged_at)
    return replace(report, findings=(first, *open_questions))


def _without_findings(outcome: Outcome, code: str, judged_at: datetime) -> Report:
    return Report(
        outcome=outcome,
        code=code,
        findings=(),
        notices=(),
        content=None,
        successor=None,
        last_known=None,
        judged_at=judged_at,
        as_of=None,
    )


def _question(question: Question, finding: Finding | None, outcome: Outcome) -> dict[str, object]:
    if finding is None:
        finding = Finding(
            question=question, answer=Answer.COULD_NOT_CHECK, reason=outcome.value, evidence={}, freshness=None
        )
    return {
        "number": question.value,
        "question": question.slug,
        "answer": finding.answer.value,
        "reason": finding.reason,
        "evidence": dict(finding.evidence),
        "freshness": None if finding.freshness is None else _freshness(finding.freshness),
    }


def _freshness(freshness: Freshness) -> dict[str, object]:
    return {
        "block": freshness.block,
        "time": _moment(freshness.time),
        "read_at": _moment(freshness.read_at),
        "age_seconds": freshness.age_seconds,
        "nodes": freshness.nodes,
    }


def _moment(moment: datetime) -> str:
    return moment.astimezone(CHINA_TIME).isoformat(timespec="seconds")
