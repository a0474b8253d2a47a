"""A receipt that was checked again, as a page: whether it stands, what was found then, what holds now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.pages.catalogue import Catalogue
from api.pages.fields import Row
from api.pages.questions import QuestionView, Tone
from api.pages.verdict import PANELS, NoticeView, Panel, notices_of, verdict_page
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url
from registry.verification.model import Answer, NoticeKind, Outcome, Report
from registry.verification.receipts import VerificationReceipt, report_of
from registry.verification.rechecking import Check, Recheck, RecheckOutcome

RECHECK_PANELS: Final[Mapping[RecheckOutcome, Panel]] = {
    RecheckOutcome.STANDS: "plain",
    RecheckOutcome.CANNOT_CONFIRM: "slate",
    RecheckOutcome.CONTRADICTED: "dead",
    RecheckOutcome.NOT_RECOGNISED: "dead",
    RecheckOutcome.ALTERED: "dead",
    RecheckOutcome.UNREADABLE: "plain",
}
_TONES: Final[Mapping[Answer, Tone]] = {
    Answer.PASSED: "grey",
    Answer.FAILED: "failed",
    Answer.COULD_NOT_CHECK: "unknown",
}


_LASTING: Final = frozenset({NoticeKind.TEST_CHAIN.value, NoticeKind.HOLDER_COPY.value})
"""Notices of that time that still say something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One check with its answer."""

    tone: Tone
    check: str
    answer: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NowView:
    """How the certificate stands now."""

    text: str
    outcome: str
    """Whose shape stands beside it; empty where nothing was asked."""
    panel: Panel


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckPage:
    """All parts of the page, in the reader's language."""

    outcome: str
    panel: Panel
    headline: str
    sentence: str
    is_of_list: bool
    then: tuple[Row, ...]
    """What the receipt says; empty where it cannot be read."""
    then_questions: tuple[QuestionView, ...]
    now: NowView | None
    """None where the receipt does not stand: nothing follows from it then."""
    notices: tuple[NoticeView, ...]
    checks: tuple[CheckView, ...]
    words: tuple[str, ...]
    """What rests on the signer's word alone."""
    steps: tuple[str, ...]
    code: str


def recheck_page(found: Recheck, words: Catalogue) -> RecheckPage:
    """Put what was found of a receipt into words."""
    receipt = found.receipt
    then = None if receipt is None or receipt.is_of_list else report_of(receipt)
    return RecheckPage(
        outcome=found.outcome.value,
        panel=RECHECK_PANELS[found.outcome],
        headline=words.text(f"recheck.outcomes.{found.outcome}"),
        sentence=words.text(f"recheck.sentences.{found.outcome}"),
        is_of_list=receipt is not None and receipt.is_of_list,
        then=() if receipt is None else _then(receipt, then, words),
        then_questions=() if then is None else verdict_page(then, words, entrance="document", contacts={}).questions,
        now=_now(found, words),
        notices=() if then is None else _notices(then, words),
        checks=tuple(_check(one, words) for one in found.checks),
        words=tuple(words.text(f"recheck.words.{one}") for one in found.words),
        steps=tuple(words.lines(f"recheck.steps.{found.outcome}")),
        code=found.code,
    )


def _then(receipt: VerificationReceipt, report: Report | None, words: Catalogue) -> tuple[Row, ...]:
    def row(name: str, value: str, *, mono: bool = False, hint: str = "") -> Row:
        return Row(label=words.text(f"receipt.labels.{name}"), value=value, mono=mono, hint=hint, mono_hint=True)

    signed, freshness, asked = receipt.statement, receipt.freshness, receipt.asked
    rows = [
        row("certificate", receipt.number or "", mono=True),
        row("revision", str(receipt.revision or "")),
        row("signed", f"{signed.issued_at.astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S} +08:00", hint=signed.iss),
        row(
            "asked",
            words.text(f"receipt.asked.{asked.by}", number=asked.number or "", rows=f"{receipt.rows or 0:,}"),
        ),
        row("purpose", receipt.purpose or words.text("receipt.labels.no_purpose")),
        row("block", "" if freshness is None else f"{freshness.block:,}", mono=True),
        row("digest", "" if signed.digest is None else b64url(signed.digest), mono=True),
    ]
    if report is None:
        counts = [f"{words.text(f'outcomes.{outcome}.word')} {count:,}" for outcome, count in receipt.counts.items()]
        first = row("outcomes", words.text("punctuation.list").join(counts))
    else:
        page = verdict_page(report, words, entrance="document", contacts={})
        first = Row(label=words.text("recheck.then"), value=page.headline)
    return tuple(one for one in (first, *rows) if one.value)


def _now(found: Recheck, words: Catalogue) -> NowView | None:
    receipt, today = found.receipt, found.today
    if found.outcome is not RecheckOutcome.STANDS or receipt is None:
        return None
    if receipt.is_of_list:
        return NowView(text=words.text("recheck.now_list"), outcome="", panel="plain")
    if today is None and (receipt.place is None or receipt.outcome is None):
        return NowView(text=words.text("recheck.now_open"), outcome="", panel="plain")
    outcome = today.outcome if today is not None else receipt.outcome
    assert outcome is not None
    word = words.text(f"outcomes.{outcome}.headline")
    test = any(one["kind"] == NoticeKind.TEST_CHAIN for one in receipt.notices)
    if test and outcome is Outcome.VALID:
        word = words.text(f"outcomes.{outcome}.headline_test")
    return NowView(
        text=words.text("recheck.now_same" if today is None else "recheck.now_other", word=word),
        outcome=outcome.value,
        panel="plain" if test and outcome is Outcome.VALID else PANELS[outcome],
    )


def _notices(report: Report, words: Catalogue) -> tuple[NoticeView, ...]:
    return tuple(one for one in notices_of(report, words) if one.kind in _LASTING)


def _check(check: Check, words: Catalogue) -> CheckView:
    key = f"recheck.reasons.{check.reason}"
    return CheckView(
        tone=_TONES[check.answer],
        check=words.text(f"recheck.checks.{check.kind}"),
        answer=words.text(f"recheck.answers.{check.answer}"),
        reason=words.text(key) if words.has(key) else "",
    )
