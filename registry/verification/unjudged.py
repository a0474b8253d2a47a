"""Reports without a judgement: bytes that could not be read, or were changed, and look-ups that led to nothing."""

from dataclasses import replace

from registry.credential import Altered, Unreadable
from registry.verification.circumstances import Circumstances
from registry.verification.findings import not_reached, notices_about_chain
from registry.verification.model import Answer, Finding, Outcome, Question, Report


def refused(error: Unreadable | Altered, circumstances: Circumstances) -> Report:
    """Report on bytes that could not be read as a document of ours, or that were changed."""
    outcome = Outcome.UNREADABLE if isinstance(error, Unreadable) else Outcome.ALTERED
    reason = error.code.partition("/")[2] or error.code
    evidence: dict[str, str | int | None] = {"check": error.code}
    for name in ("member", "part"):
        if isinstance(value := getattr(error, name, None), str):
            evidence[name] = value
    first = Answer.FAILED if outcome is Outcome.ALTERED else Answer.COULD_NOT_CHECK
    return Report(
        outcome=outcome,
        code=f"{outcome}/{reason}",
        findings=(
            Finding(question=Question.UNALTERED, answer=first, reason=reason, evidence=evidence, freshness=None),
            *not_reached(),
        ),
        # What cannot be read names no chain.
        notices=() if outcome is Outcome.UNREADABLE else notices_about_chain(circumstances),
        content=None,
        successor=None,
        last_known=None,
        judged_at=circumstances.now,
        as_of=circumstances.as_of,
    )


def not_found(circumstances: Circumstances) -> Report:
    """Report that a look-up found nothing: one answer for every cause, and nothing that a notice could be about."""
    return replace(_of_look_up(Outcome.NOT_FOUND, circumstances), notices=())


def withdrawn(circumstances: Circumstances) -> Report:
    """Report that what a certificate key led to was erased at the holder's request; for look-ups by key alone."""
    return _of_look_up(Outcome.WITHDRAWN, circumstances)


def _of_look_up(outcome: Outcome, circumstances: Circumstances) -> Report:
    return Report(
        outcome=outcome,
        code=str(outcome),
        findings=(),
        notices=notices_about_chain(circumstances),
        content=None,
        successor=None,
        last_known=None,
        judged_at=circumstances.now,
        as_of=circumstances.as_of,
    )
