"""A verdict as a page: everything that the template sets, already in words."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from api.pages.catalogue import Catalogue, day, moment
from api.pages.fields import Paper, Row, blank_paper, paper_of, paper_words, validity_of
from api.pages.questions import (
    QuestionView,
    deciding_question,
    member_label,
    questions_of,
    read_at,
    reason_text,
)
from api.verifier import IssuerContact, public_content
from registry.kernel.calendar import CHINA_TIME
from registry.status import Reason
from registry.verification.model import Finding, Freshness, Notice, NoticeKind, Outcome, Question, Report
from registry.verification.past_day import BEFORE_THE_CHAIN, BEYOND_WHAT_WAS_READ, NOT_RECORDED_YET

Entrance = Literal["key", "document", "lookup", "number", "browser", "share"]
"""How it was asked: QR code, file that was sent, number and name, number alone (which only the registry's own commands
take), file that stayed in the browser, holder's link."""
Panel = Literal["valid", "plain", "indigo", "ochre", "slate", "dead"]

PANELS: Mapping[Outcome, Panel] = {
    Outcome.VALID: "valid",
    Outcome.SUPERSEDED: "indigo",
    Outcome.SUSPENDED: "ochre",
    Outcome.EXPIRED: "ochre",
    Outcome.NOT_YET_VALID: "ochre",
    Outcome.REVOKED: "dead",
    Outcome.ALTERED: "dead",
    Outcome.NOT_RECOGNISED: "dead",
    Outcome.NOT_REGISTERED: "dead",
    Outcome.CANNOT_CONFIRM: "slate",
    Outcome.PENDING: "slate",
    Outcome.NOT_FOUND: "plain",
    Outcome.WITHDRAWN: "plain",
    Outcome.UNREADABLE: "plain",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _PastDay:
    """What a past day came to for which an outcome's own words would say something else."""

    words: str
    panel: Panel
    icon: Outcome
    may_change: bool


_PAST_DAYS: Mapping[str, _PastDay] = {
    f"{Outcome.NOT_REGISTERED}/{NOT_RECORDED_YET}": _PastDay(
        words="past.not-recorded-yet", panel="ochre", icon=Outcome.NOT_YET_VALID, may_change=False
    ),
    f"{Outcome.CANNOT_CONFIRM}/{BEFORE_THE_CHAIN}": _PastDay(
        words="past.before-the-chain", panel="slate", icon=Outcome.CANNOT_CONFIRM, may_change=False
    ),
    f"{Outcome.CANNOT_CONFIRM}/{BEYOND_WHAT_WAS_READ}": _PastDay(
        words="past.beyond-what-was-read", panel="slate", icon=Outcome.CANNOT_CONFIRM, may_change=True
    ),
}
"""By the verdict's code."""
_OPEN = frozenset({Outcome.CANNOT_CONFIRM, Outcome.PENDING})
_UNPROVEN = frozenset({Outcome.NOT_RECOGNISED, Outcome.NOT_REGISTERED})
_WARNINGS = frozenset(
    {
        NoticeKind.TEST_CHAIN,
        NoticeKind.ISSUER_SUSPENDED_SINCE,
        NoticeKind.ISSUER_WITHDRAWN_SINCE,
        NoticeKind.SINGLE_NODE,
        NoticeKind.STATUS_NOT_CHECKED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The dater stamp of `valid`."""

    word: str
    date: str
    test: bool
    """On a test chain it is grey and says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """One notice in words."""

    kind: str
    warning: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictPage:
    """All parts of a verdict's page, in the reader's language."""

    outcome: str
    panel: Panel
    icon: str
    """The outcome whose shape stands beside the headline."""
    may_change: bool
    """Asking again may give another answer: the page offers to."""
    headline: str
    sentence: str
    strong: str
    """What the outcome does not mean; empty where there is nothing to say."""
    facts: tuple[Row, ...]
    freshness: tuple[str, ...]
    judged: str
    """When this was checked: for the printed page, where "today" means nothing."""
    stamp: Stamp | None
    advice: str
    steps_title: str
    steps: tuple[str, ...]
    notices: tuple[NoticeView, ...]
    paper: Paper | None
    paper_title: str
    paper_mode: Literal["open", "compare", "folded"]
    questions: tuple[QuestionView, ...]
    technical: tuple[Row, ...]
    code: str
    successor_key: str | None
    successor_revision: str
    contact: IssuerContact | None
    entrance: Entrance
    key: str | None
    portrait: str | None
    """Address of the photograph that the certificate names, where the page shows it."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """Number and name as typed, to be corrected or asked again."""
    document_text: str = ""
    """The file that was sent, base64, to be judged again for a report that is kept; empty where none was."""
    as_of: str = ""
    """The past day that was asked about."""
    latest_day: str = ""
    """The last day that has ended: the latest that can be asked about."""
    blank: tuple[Row, ...] = ()
    """Rows of the paper for the reader's browser to fill in, where the content stayed there."""
    blank_words: str = ""
    found_here: bool = False
    """The reader's browser found the change; its place was not asked about."""


def verdict_page(
    report: Report,
    words: Catalogue,
    *,
    entrance: Entrance,
    contacts: Mapping[str, IssuerContact],
    key: str | None = None,
    typed: Mapping[str, str] | None = None,
    document: bytes | None = None,
    portrait: str | None = None,
) -> VerdictPage:
    """Put `report` into words. `key` is the certificate key that was asked for, in upper case.

    `portrait` is where this entrance has the photograph; under a key it is known.
    """
    outcome = report.outcome
    content = public_content(report)
    paper = None if content is None else paper_of(content, words, replaced=outcome is Outcome.SUPERSEDED)
    findings = {one.question: one for one in report.findings}
    test = any(one.kind is NoticeKind.TEST_CHAIN for one in report.notices)
    values = _values(report, findings, words)
    past = _past_day(report)
    wording = past.words if past else f"outcomes.{outcome}"
    mode = _paper_mode(outcome)
    in_browser = entrance == "browser" and outcome is not Outcome.ALTERED
    successor_key = _evidence(findings, Question.STANDING).get("successor_key")
    return VerdictPage(
        outcome=outcome.value,
        panel=past.panel if past else "plain" if outcome is Outcome.VALID and test else PANELS[outcome],
        icon=(past.icon if past else outcome).value,
        may_change=past.may_change if past else outcome in _OPEN,
        headline=_headline(report, words, test=test),
        sentence=_sentence(report, words, values, entrance),
        strong=words.text(f"{wording}.strong") if words.has(f"{wording}.strong") else "",
        facts=_facts(report, findings, paper, words),
        freshness=_freshness_lines(report, words),
        judged=words.text("freshness.judged", time=_clock(report.judged_at)),
        stamp=_stamp(report, words, test=test),
        advice=words.text("verdict.look_twice") if outcome is Outcome.VALID else "",
        steps_title=words.text(f"{wording}.steps_title") if outcome is not Outcome.VALID else "",
        steps=tuple(words.lines(f"{wording}.steps")) if outcome is not Outcome.VALID else (),
        notices=notices_of(report, words),
        paper=paper,
        paper_title=words.text(f"verdict.paper_{'unproven' if outcome in _UNPROVEN else mode}"),
        paper_mode=mode,
        questions=questions_of(report, paper, words),
        technical=_technical(report, words),
        code=report.code,
        successor_key=successor_key if isinstance(successor_key, str) else None,
        successor_revision=str(values["successor"] or ""),
        contact=_contact(findings, content, contacts),
        entrance=entrance,
        key=key,
        portrait=_portrait(report, content, portrait or (f"/C/{key}/portrait.jpg" if entrance == "key" else None)),
        typed=typed or {},
        document_text="" if document is None else base64.b64encode(document).decode(),
        as_of="" if report.as_of is None else _date(report.as_of),
        latest_day=_date(report.judged_at - timedelta(days=1)),
        found_here=str(_evidence(findings, Question.UNALTERED).get("check", "")).startswith("browser/"),
        blank=blank_paper(words) if in_browser else (),
        blank_words=paper_words(words, replaced=outcome is Outcome.SUPERSEDED) if in_browser else "",
    )


def short_sentence(report: Report, words: Catalogue) -> str:
    """Say in one sentence what a look-up by number and name came to."""
    findings = {one.question: one for one in report.findings}
    return _sentence(report, words, _values(report, findings, words), "lookup")


def _past_day(report: Report) -> _PastDay | None:
    return None if report.as_of is None else _PAST_DAYS.get(report.code)


def _portrait(report: Report, content: Mapping[str, object] | None, address: str | None) -> str | None:
    """Give the photograph's address where the certificate names one and stands as it says, on the chain."""
    if content is None or "portrait" not in content or report.outcome in _UNPROVEN | {Outcome.PENDING}:
        return None
    return address


def _paper_mode(outcome: Outcome) -> Literal["open", "compare", "folded"]:
    if outcome is Outcome.VALID:
        return "open"
    return "compare" if outcome is Outcome.SUPERSEDED else "folded"


def _headline(report: Report, words: Catalogue, *, test: bool) -> str:
    past = _past_day(report)
    base = past.words if past else f"outcomes.{report.outcome}"
    if report.as_of is not None:
        return words.text("verdict.as_of", date=_date(report.as_of), word=words.text(f"{base}.word"))
    if report.outcome is Outcome.VALID and test:
        return words.text(f"{base}.headline_test")
    return words.text(f"{base}.headline")


def _values(report: Report, findings: Mapping[Question, Finding], words: Catalogue) -> dict[str, str | int | None]:
    standing = _evidence(findings, Question.STANDING)
    validity = validity_of(report.content, _evidence(findings, Question.IN_FORCE))
    content = report.content or {}
    revision = content.get("revision")
    missing = deciding_question(report)
    # `<number>#<revision>`; other forms name a place on the chain, which says nothing to a person.
    number, _, successor = (report.successor or "").rpartition("#")
    return {
        "since": day(standing.get("since")),
        "reason": reason_text(standing, words),
        "begin": validity.begin,
        "until": validity.until,
        "revision": revision if isinstance(revision, int) else None,
        "successor": successor if content.get("licenseNumber") == number else None,
        "what": None if missing is None else words.text(f"verdict.unread.{missing.value}"),
        "recorded": day(_evidence(findings, Question.ON_CHAIN).get("recorded_at")),
    }


_PLACEHOLDERS: Mapping[Outcome, tuple[str, ...]] = {
    Outcome.REVOKED: ("since",),
    Outcome.SUSPENDED: ("since", "reason"),
    Outcome.SUPERSEDED: ("since", "revision", "successor"),
    Outcome.EXPIRED: ("until",),
    Outcome.NOT_YET_VALID: ("begin",),
    Outcome.CANNOT_CONFIRM: ("what",),
}


def _sentence(report: Report, words: Catalogue, values: Mapping[str, str | int | None], entrance: Entrance) -> str:
    key = f"outcomes.{report.outcome}.sentence"
    past = _past_day(report)
    if past is not None:
        return words.phrase(f"{past.words}.sentence", recorded=values["recorded"])
    if report.outcome is Outcome.NOT_FOUND and entrance in ("key", "number"):
        return words.text(f"{key}_{entrance}")
    if report.code == "unreadable/too-large":
        return words.text(f"{key}_too_large")
    if report.code == f"superseded/{int(Reason.RENEWAL)}":
        return words.text(f"{key}_renewed")
    return words.phrase(key, **{name: values[name] for name in _PLACEHOLDERS.get(report.outcome, ())})


def _facts(
    report: Report, findings: Mapping[Question, Finding], paper: Paper | None, words: Catalogue
) -> tuple[Row, ...]:
    standing = _evidence(findings, Question.STANDING)
    outcome = report.outcome
    rows: list[Row] = []
    if _past_day(report) is not None:
        return ()
    if outcome in {Outcome.REVOKED, Outcome.SUPERSEDED}:
        label = f"verdict.facts.{outcome}"
        rows = [
            Row(label=words.text("verdict.facts.reason"), value=reason_text(standing, words) or ""),
            Row(label=words.text(f"{label}_when"), value=moment(standing.get("since")) or ""),
            _by(words.text(f"{label}_by"), standing, paper, words),
        ]
    elif outcome is Outcome.CANNOT_CONFIRM:
        missing = deciding_question(report)
        if missing is not None:
            rows = [
                Row(label=words.text("verdict.facts.missing"), value=words.text(f"verdict.missing.{missing.value}")),
                Row(label=words.text("verdict.facts.why"), value=_because(findings[missing], words)),
            ]
        rows.append(_last_known(report, words))
    elif outcome is Outcome.ALTERED:
        member = member_label(_evidence(findings, Question.UNALTERED), words)
        if member is not None:
            rows = [
                Row(
                    label=words.text("verdict.facts.where"),
                    value=words.text("verdict.facts.where_member", member=member),
                )
            ]
    return tuple(row for row in rows if row.value)


def _because(finding: Finding, words: Catalogue) -> str:
    freshness = finding.freshness
    key = f"verdict.because.{finding.reason}"
    return words.phrase(
        key if words.has(key) else "verdict.because.knowledge-too-old",
        age=None if freshness is None else words.age(freshness.age_seconds),
    )


def _by(label: str, standing: Mapping[str, str | int | None], paper: Paper | None, words: Catalogue) -> Row:
    if standing.get("by") == "members":
        return Row(label=label, value=words.text("verdict.facts.members"))
    return Row(label=label, value=paper.issuer if paper else "", hint=words.text("verdict.facts.two_people"))


def _last_known(report: Report, words: Catalogue) -> Row:
    known = report.last_known
    freshness = _latest(report)
    status = f"statuses.{known}"
    if known is None or "." in known or not words.has(status):
        return Row(label=words.text("verdict.facts.last_known"), value=words.text("verdict.facts.never_known"))
    return Row(
        label=words.text("verdict.facts.last_known"),
        value=words.phrase(
            "verdict.facts.known",
            status=words.text(status),
            time=None if freshness is None else _clock(freshness.time),
        ),
        hint=words.phrase("verdict.facts.known_block", block=None if freshness is None else f"{freshness.block:,}"),
    )


def _latest(report: Report) -> Freshness | None:
    """Give the freshness of question 4, which is what readers ask about, else any other."""
    for finding in sorted(report.findings, key=lambda one: one.question is not Question.STANDING):
        if finding.freshness is not None:
            return finding.freshness
    return None


def _freshness_lines(report: Report, words: Catalogue) -> tuple[str, ...]:
    freshness = _latest(report)
    if freshness is None or report.outcome in {Outcome.CANNOT_CONFIRM, Outcome.PENDING, Outcome.ALTERED}:
        return ()
    today = _date(freshness.read_at) == _date(report.judged_at)
    return (
        words.text(
            "freshness.today" if today else "freshness.earlier",
            date=_date(freshness.read_at),
            time=read_at(freshness),
            age=words.age(freshness.age_seconds),
        ),
        words.text(
            "freshness.node" if freshness.nodes == 1 else "freshness.nodes",
            block=f"{freshness.block:,}",
            nodes=freshness.nodes,
        ),
    )


def _stamp(report: Report, words: Catalogue, *, test: bool) -> Stamp | None:
    if report.outcome is not Outcome.VALID:
        return None
    return Stamp(
        word=words.text("stamp.test" if test else "stamp.valid"),
        date=_date(report.as_of or report.judged_at),
        test=test,
    )


def notices_of(report: Report, words: Catalogue) -> tuple[NoticeView, ...]:
    """Put a verdict's notices into words, what must not be overlooked first."""
    views = [_notice(one, report, words) for one in report.notices]
    # The test chain stands above all, then warnings, each group in the report's order.
    return tuple(sorted(views, key=lambda one: (one.kind != NoticeKind.TEST_CHAIN.value, not one.warning)))


def _notice(notice: Notice, report: Report, words: Catalogue) -> NoticeView:
    values = notice.values
    warning = notice.kind in _WARNINGS
    key = f"notices.{notice.kind}"
    fill: Callable[..., str] = words.phrase
    match notice.kind:
        case NoticeKind.ISSUER_SUSPENDED_SINCE | NoticeKind.ISSUER_WITHDRAWN_SINCE | NoticeKind.KEY_RETIRED_SINCE:
            text = fill(key, since=day(values.get("since")))
        case NoticeKind.CORRECTED:
            text = fill(key, revision=values.get("revision"))
        case NoticeKind.KNOWLEDGE_AGE:
            seconds = values.get("seconds")
            text = fill(
                key,
                time=moment(values.get("read_at")),
                age=words.age(seconds) if isinstance(seconds, int) else None,
            )
        case NoticeKind.HOLDER_COPY:
            until = day(values.get("until"))
            warning = until is not None and until < _date(report.judged_at)
            if warning:
                text = words.text(f"{key}-lapsed", until=str(until))
            else:
                text = fill(key, audience=values.get("audience"), purpose=values.get("purpose"), until=until)
        case _:
            text = words.text(key)
    return NoticeView(kind=notice.kind.value, warning=warning, text=text)


_TECHNICAL: tuple[tuple[Question, str], ...] = (
    (Question.UNALTERED, "digest"),
    (Question.ISSUERS_KEY, "key"),
    (Question.ISSUERS_KEY, "registered_from"),
    (Question.ON_CHAIN, "batch"),
    (Question.ON_CHAIN, "leaf"),
    (Question.ON_CHAIN, "root"),
    (Question.ON_CHAIN, "scope"),
    (Question.ON_CHAIN, "contract"),
    (Question.ON_CHAIN, "transaction"),
    (Question.ON_CHAIN, "block"),
)


def _technical(report: Report, words: Catalogue) -> tuple[Row, ...]:
    findings = {one.question: one for one in report.findings}
    rows = [Row(label=words.text("technical.code"), value=report.code, mono=True)]
    for question, name in _TECHNICAL:
        evidence = _evidence(findings, question)
        value = evidence.get(name)
        if name == "leaf":
            index, size = evidence.get("index"), evidence.get("size")
            if isinstance(index, int) and isinstance(size, int):
                value = words.text("technical.leaf_of", index=f"{index:,}", size=f"{size:,}")
        elif name == "block" and isinstance(value, int):
            value = f"{value:,}"
        elif name == "registered_from":
            value = moment(value)
        if isinstance(value, str) and value:
            rows.append(Row(label=words.text(f"technical.{name}"), value=value, mono=True))
    reasons = " ".join(f"{one.question.value}:{one.reason}" for one in report.findings)
    if reasons:
        rows.append(Row(label=words.text("technical.reasons"), value=reasons, mono=True))
    return tuple(rows)


def _contact(
    findings: Mapping[Question, Finding], content: Mapping[str, object] | None, contacts: Mapping[str, IssuerContact]
) -> IssuerContact | None:
    code = _evidence(findings, Question.ISSUERS_KEY).get("issuer")
    if not isinstance(code, str) and content is not None:
        code = str(content.get("iss", "")).rpartition("/")[2]
    return contacts.get(str(code))


def _evidence(findings: Mapping[Question, Finding], question: Question) -> Mapping[str, str | int | None]:
    return findings[question].evidence if question in findings else {}


def _date(moment_utc: datetime) -> str:
    return moment_utc.astimezone(CHINA_TIME).strftime("%Y-%m-%d")


def _clock(moment_utc: datetime) -> str:
    return moment_utc.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")
