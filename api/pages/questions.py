"""The five questions in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from api.pages.catalogue import Catalogue, day, moment
from api.pages.fields import Paper, Validity, validity_of
from registry.kernel.calendar import CHINA_TIME
from registry.verification.model import Answer, Finding, Freshness, Outcome, Question, Report

Tone = Literal["passed", "grey", "failed", "unknown"]

DECIDING: Mapping[Outcome, Question] = {
    Outcome.ALTERED: Question.UNALTERED,
    Outcome.NOT_RECOGNISED: Question.ISSUERS_KEY,
    Outcome.NOT_REGISTERED: Question.ON_CHAIN,
    Outcome.PENDING: Question.ON_CHAIN,
    Outcome.REVOKED: Question.STANDING,
    Outcome.SUSPENDED: Question.STANDING,
    Outcome.SUPERSEDED: Question.STANDING,
    Outcome.EXPIRED: Question.IN_FORCE,
    Outcome.NOT_YET_VALID: Question.IN_FORCE,
}
"""The question that each outcome hangs on; `cannot-confirm` hangs on the first that could not be checked."""

_NOTHING_TO_ASK = frozenset({Outcome.UNREADABLE, Outcome.NOT_FOUND, Outcome.WITHDRAWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """One question with its answer, ready to be set."""

    number: int
    question: str
    tone: Tone
    word: str
    text: str
    hint: str
    deciding: bool


def questions_of(report: Report, paper: Paper | None, words: Catalogue) -> tuple[QuestionView, ...]:
    """Put the report's findings into words; none where there was nothing to ask about."""
    if report.outcome in _NOTHING_TO_ASK:
        return ()
    deciding = deciding_question(report)
    first_failed = bool(report.findings) and report.findings[0].answer is Answer.FAILED
    return tuple(
        _view(finding, report, paper, words, deciding=finding.question is deciding, first_failed=first_failed)
        for finding in report.findings
    )


def deciding_question(report: Report) -> Question | None:
    """Name the question that the outcome hangs on; None for `valid` and for look-ups without findings."""
    if report.outcome is Outcome.CANNOT_CONFIRM:
        return next((one.question for one in report.findings if one.answer is Answer.COULD_NOT_CHECK), None)
    return DECIDING.get(report.outcome)


def read_at(freshness: Freshness) -> str:
    """Give the clock time at which the chain was read."""
    return freshness.read_at.astimezone(CHINA_TIME).strftime("%H:%M:%S")


def _view(
    finding: Finding, report: Report, paper: Paper | None, words: Catalogue, *, deciding: bool, first_failed: bool
) -> QuestionView:
    number = finding.question.value
    base = f"questions.{number}"
    question = words.text(f"{base}.question")
    if finding.question is Question.IN_FORCE and report.as_of is not None:
        question = words.text(f"{base}.question_as_of")
    tone: Tone
    if finding.answer is Answer.PASSED:
        tone = "passed" if report.outcome is Outcome.VALID else "grey"
        word, text = words.text(f"{base}.passed_word"), _passed(finding, report, paper, words)
    elif finding.answer is Answer.FAILED:
        tone = "failed"
        word, text = _failed(finding, report, paper, words)
    else:
        tone = "unknown"
        word = words.text("questions.unknown_word")
        text = _unknown(finding, words, first_failed=first_failed)
    hint = _hint(finding, report, words)
    return QuestionView(number=number, question=question, tone=tone, word=word, text=text, hint=hint, deciding=deciding)


def _passed(finding: Finding, report: Report, paper: Paper | None, words: Catalogue) -> str:
    key = f"questions.{finding.question.value}.passed"
    evidence = finding.evidence
    match finding.question:
        case Question.UNALTERED:
            return words.text(key)
        case Question.ISSUERS_KEY:
            return words.phrase(key, issuer=paper.issuer if paper else None)
        case Question.ON_CHAIN:
            scope = words.text("questions.scope", achievement=paper.achievement, level=paper.level) if paper else ""
            return words.phrase(key, time=moment(evidence.get("block_time")), scope=scope.strip(" ,") or None)
        case Question.STANDING:
            if evidence.get("changes"):
                return words.phrase(f"{key}_reinstated", since=day(evidence.get("suspended_since")))
            return words.text(key)
        case Question.IN_FORCE:
            return _validity_text(validity_of(report.content, evidence), words)


def _validity_text(validity: Validity, words: Catalogue) -> str:
    if validity.until is None:
        return words.text("questions.5.for_life" if validity.known else "questions.5.passed_bare")
    return words.phrase("questions.5.passed", begin=validity.begin, until=validity.until)


def _failed(finding: Finding, report: Report, paper: Paper | None, words: Catalogue) -> tuple[str, str]:
    base = f"questions.{finding.question.value}"
    evidence = finding.evidence
    word = words.text(f"{base}.failed_word")
    special = f"{base}.reasons.{finding.reason}"
    if finding.question is Question.STANDING:
        status = status_of(finding, report.outcome)
        reason = reason_text(evidence, words)
        return words.text(f"{base}.failed_words.{status}"), words.phrase(
            f"{base}.failed", since=moment(evidence.get("since")), reason=reason
        )
    if finding.question is Question.IN_FORCE:
        validity = validity_of(report.content, evidence)
        if report.outcome is Outcome.NOT_YET_VALID or finding.reason == Outcome.NOT_YET_VALID.value:
            return word, words.phrase(f"{base}.not_yet", begin=validity.begin)
        return word, words.phrase(f"{base}.ended", until=validity.until)
    if words.has(special):
        return word, words.text(special)
    if finding.question is Question.UNALTERED:
        return word, words.phrase(f"{base}.failed", member=member_label(evidence, words))
    return word, words.phrase(f"{base}.failed", issuer=paper.issuer if paper else None)


def _unknown(finding: Finding, words: Catalogue, *, first_failed: bool) -> str:
    if first_failed:
        return words.text("questions.after_first" if finding.question is Question.ISSUERS_KEY else "questions.likewise")
    special = f"questions.{finding.question.value}.reasons.{finding.reason}"
    return words.text(special if words.has(special) else f"questions.{finding.question.value}.unknown")


def _hint(finding: Finding, report: Report, words: Catalogue) -> str:
    evidence, freshness = finding.evidence, finding.freshness
    if finding.question is Question.ON_CHAIN and finding.answer is Answer.PASSED:
        block, size = evidence.get("block"), evidence.get("size")
        if isinstance(block, int) and isinstance(size, int):
            return words.text("questions.3.hint", block=f"{block:,}", size=f"{size:,}")
        return ""
    if finding.question is Question.STANDING and freshness is not None:
        if finding.answer is Answer.COULD_NOT_CHECK:
            return words.text("questions.4.last_read", time=read_at(freshness), block=f"{freshness.block:,}")
        if report.as_of is None:
            return words.text("questions.4.hint", time=read_at(freshness), age=words.age(freshness.age_seconds))
    return ""


def member_label(evidence: Mapping[str, object], words: Catalogue) -> str | None:
    """Name the field that does not match the signature, as the paper names it; None where that is not known."""
    member = str(evidence.get("member", "")).partition(".")[0]
    return words.text(f"fields.{member}") if member and words.has(f"fields.{member}") else None


def status_of(finding: Finding | None, outcome: Outcome) -> str:
    """Name the status that question 4 failed on: `revoked`, `suspended` or `superseded`."""
    status = None if finding is None else finding.evidence.get("status")
    for word in (status, outcome.value):
        if word in {"revoked", "suspended", "superseded"}:
            return str(word)
    return "revoked"


def reason_text(evidence: Mapping[str, object], words: Catalogue) -> str | None:
    """Give the ground of a change of status in words; None where it is not known."""
    reason = evidence.get("reason")
    key = f"reasons.{reason}"
    return words.text(key) if isinstance(reason, int) and words.has(key) else None
