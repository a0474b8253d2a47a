"""Every outcome and every notice as the judge itself reaches it, on the page in both languages."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from api.pages.catalogue import LANGUAGES, Language, catalogue
from registry.anchor.history import BallotKind, Block, KeyKind
from registry.anchor.trust import Engine
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.signing import PublicKey
from registry.verification import Report, Submission, not_found, withdrawn
from registry.verification.model import NoticeKind, Outcome
from tests.http.sample_reports import NOTICES, SampleVerifier
from tests.http.sample_site import make_client
from tests.unit.registry.verification.scene import (
    ACCREDITED,
    ANCHORED,
    FIRST_BLOCK,
    GENESIS,
    ISSUED,
    KEY,
    LATER,
    NOW,
    OTHER_KEY,
    ROOT,
    VALID_FROM,
    VALID_UNTIL,
    Chain,
    chain_in_order,
    issue,
    slot,
)

CERTIFICATE = "K" * 26


def _after(story: Callable[[Chain], object]) -> Report:
    chain = chain_in_order()
    submission = chain.submission()
    story(chain)
    return chain.judge(submission)


def _with_key(key: PublicKey) -> Report:
    chain = chain_in_order()
    return chain.judge(replace(chain.submission(), key=key))


def _pending() -> Report:
    chain = chain_in_order()
    chain.records.pop()
    waiting = Submission(credential=ISSUED.presentation(), receipt=None, key=KEY.public_key(), awaits_chain=True)
    return chain.judge(waiting)


def _stolen() -> Report:
    return _after(
        lambda chain: chain.decide(
            BallotKind.KEY_COMPROMISED, LATER, arg=int(ACCREDITED.timestamp()), ref=KEY.thumbprint()
        )
    )


OUTCOMES: dict[Outcome, Callable[[], Report]] = {
    Outcome.UNREADABLE: lambda: chain_in_order().judge_document(b"a photo"),
    Outcome.ALTERED: lambda: _with_key(OTHER_KEY.public_key()),
    Outcome.NOT_RECOGNISED: _stolen,
    Outcome.NOT_REGISTERED: lambda: _after(lambda chain: chain.records.pop()),
    Outcome.NOT_FOUND: lambda: not_found(chain_in_order().circumstances()),
    Outcome.WITHDRAWN: lambda: withdrawn(chain_in_order().circumstances()),
    Outcome.REVOKED: lambda: _after(lambda chain: chain.change(1)),
    Outcome.SUSPENDED: lambda: _after(lambda chain: chain.change(2)),
    Outcome.SUPERSEDED: lambda: _after(lambda chain: chain.supersede()),
    Outcome.EXPIRED: lambda: chain_in_order().judge(as_of=None, now=VALID_UNTIL, max_age=timedelta(days=9999)),
    Outcome.NOT_YET_VALID: lambda: chain_in_order().judge(now=VALID_FROM - timedelta(days=1)),
    Outcome.PENDING: _pending,
    Outcome.CANNOT_CONFIRM: lambda: chain_in_order().judge(knowledge=None, cause="node-unreachable"),
    Outcome.VALID: lambda: chain_in_order().judge(),
}


def _corrected() -> Report:
    issued = issue(revision=2)
    chain = chain_in_order(issued)
    return chain.judge(chain.submission(issued))


def _known(**changes: object) -> Report:
    chain = chain_in_order()
    return chain.judge(knowledge=chain.knowledge(**changes))


def _expired_and_unread() -> Report:
    chain = chain_in_order()
    return chain.judge(now=VALID_UNTIL)


NOTICED: dict[NoticeKind, Callable[[], Report]] = {
    NoticeKind.TEST_CHAIN: lambda: chain_in_order().judge(test_chain=20268),
    NoticeKind.ISSUER_SUSPENDED_SINCE: lambda: _after(lambda chain: chain.decide(BallotKind.SUSPEND, LATER)),
    NoticeKind.ISSUER_WITHDRAWN_SINCE: lambda: _after(lambda chain: chain.decide(BallotKind.WITHDRAW, LATER)),
    NoticeKind.KEY_RETIRED_SINCE: lambda: _after(
        lambda chain: chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, until=int(LATER.timestamp())), LATER)
    ),
    NoticeKind.CORRECTED: _corrected,
    NoticeKind.BATCH_REAFFIRMED: lambda: _after(lambda chain: chain.batch_decision(BallotKind.REAFFIRM_BATCH)),
    NoticeKind.KNOWLEDGE_AGE: lambda: _known(read_at=NOW - timedelta(seconds=30)),
    NoticeKind.SINGLE_NODE: lambda: _known(trust_root=replace(ROOT, engine=Engine.QBFT)),
    NoticeKind.STATUS_NOT_CHECKED: _expired_and_unread,
    # The holder's own stamp comes with the copy, beside whatever verdict.
    NoticeKind.HOLDER_COPY: lambda: replace(chain_in_order().judge(), notices=(NOTICES[NoticeKind.HOLDER_COPY],)),
}


def page_of(report: Report, language: Language, query: str = "") -> str:
    client = make_client(SampleVerifier(by_keys={CERTIFICATE: report}))
    return client.get(f"/{language}/C/{CERTIFICATE}{query}").text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_of_the_judge_is_told(outcome: Outcome, language: Language) -> None:
    report = OUTCOMES[outcome]()
    assert report.outcome is outcome
    words = catalogue(language)
    page = page_of(report, language)
    headline = words.text(f"outcomes.{outcome}.headline").replace("'", "&#39;")
    assert f'<h1 id="headline">{headline}</h1>' in page
    assert f"outcome-{outcome}" in page
    if outcome is not Outcome.VALID:
        assert all(step.replace("'", "&#39;") in page for step in words.lines(f"outcomes.{outcome}.steps"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_notice_of_the_judge_is_told(kind: NoticeKind, language: Language) -> None:
    report = NOTICED[kind]()
    assert kind in [one.kind for one in report.notices]
    page = page_of(report, language)
    assert f'data-notice="{kind}"' in page
    # The words up to the first value, as the catalogue has them.
    begin = catalogue(language).text(f"notices.{kind}", **dict.fromkeys(_VALUES, "\0")).partition("\0")[0]
    assert begin in page


PAST_DAYS: dict[str, tuple[datetime, bool]] = {
    "not-recorded-yet": (ANCHORED - timedelta(days=1), False),
    "before-the-chain": (FIRST_BLOCK - timedelta(days=30), False),
    "beyond-what-was-read": (LATER + timedelta(days=1), True),
}
"""A past day for each answer with words of its own, and whether asking again may give another."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", PAST_DAYS)
def test_past_day_before_the_record_or_beyond_it_is_told_in_words_of_its_own(kind: str, language: Language) -> None:
    day, may_change = PAST_DAYS[kind]
    chain = chain_in_order()
    head = Block(number=10**6, hash=GENESIS, time=LATER)
    behind = chain.knowledge(head=head, trust_root=replace(ROOT, engine=Engine.QBFT))
    report = chain.judge(as_of=day, **({"knowledge": behind} if may_change else {}))
    words = catalogue(language)
    page = page_of(report, language)
    seen = html.unescape(re.sub(r"<[^>]+>", "", page))
    word = words.text(f"past.{kind}.word")
    assert words.text("verdict.as_of", date=f"{day.astimezone(CHINA_TIME):%Y-%m-%d}", word=word) in seen
    assert words.phrase(f"past.{kind}.sentence", recorded=None if may_change else "2026-11-20") in seen
    assert all(step in seen for step in words.lines(f"past.{kind}.steps"))
    # What will never change is not offered to be asked again, by the button or by itself.
    assert (words.text("verdict.again") in seen) is may_change
    assert ("/static/again." in page) is may_change


_VALUES = ("since", "revision", "time", "age", "audience", "purpose", "until")
