"""Sharing without a browser: terms, fields, who may withdraw, what a shared verdict still says."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from registry.access import token_hash
from registry.kernel.addresses import share_address
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import unb64url
from registry.ports.storage import NotHere
from registry.store import open_database
from registry.verification import Answer, Finding, NoticeKind, Outcome, Question, Report
from registry.workflows.certificates.deliver import ContentErased
from registry.workflows.holders.share import (
    BY_LINK,
    LONGEST_TERM,
    MOST_DAYS,
    MOST_LIVE,
    Field,
    ShareOver,
    TermsRefused,
    TooManyShares,
    as_shared,
    fields_in,
    is_live,
    last_day,
    open_share,
    own,
    presentation_with,
    share,
    shares_of,
    terms_of,
    withdraw,
)
from tests.unit.registry.store.filled import KEYS, NOW, SettableClock, fill

TERMS = terms_of("深圳市云帆数据有限公司", "入职核验", "2026-12-21", NOW)


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    path = tmp_path_factory.mktemp("sharing") / "registry.db"
    return path, fill(path)


@pytest.fixture
def store(contents):
    found = open_database(contents[0], KEYS)
    yield found
    found.close()


@pytest.fixture
def certificate(store, contents):
    with store.read() as unit:
        return unit.batches.by_number(contents[1].number)


@pytest.fixture
def clock():
    return SettableClock()


def made(store, clock, certificate, **changed):
    asked = {"person": certificate.person, "number": certificate.reservation.number, "terms": TERMS, "fields": BY_LINK}
    return share(store, clock, **{**asked, **changed})


# — terms —


def test_terms_are_read_as_one_line_each_and_end_with_their_last_day_in_china():
    terms = terms_of("  云帆 \n 数据  ", "Cafe\u0301", "2026-11-21", NOW)
    assert (terms.audience, terms.purpose, terms.until) == ("云帆 数据", "Café", date(2026, 11, 21))
    assert terms.end == datetime(2026, 11, 21, 16, tzinfo=UTC)


def test_the_first_day_is_today_in_china_not_in_greenwich():
    late = datetime(2026, 11, 21, 17, tzinfo=UTC)  # the 22nd in China
    with pytest.raises(TermsRefused):
        terms_of("a", "b", "2026-11-21", late)
    assert terms_of("a", "b", "2026-11-22", late).until == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("audience", "purpose", "until", "field"),
    [
        ("", "b", "2026-12-01", "audience"),
        ("a" * (LONGEST_TERM + 1), "b", "2026-12-01", "audience"),
        ("a\u202eb", "b", "2026-12-01", "audience"),
        ("a\u200bb", "b", "2026-12-01", "audience"),
        ("a\x07", "b", "2026-12-01", "audience"),
        ("a", " \t ", "2026-12-01", "purpose"),
        ("a", "b\ue000", "2026-12-01", "purpose"),
        ("a", "b", "", "until"),
        ("a", "b", "2026-11-20", "until"),
        ("a", "b", "2026-13-01", "until"),
        ("a", "b", (NOW.date() + timedelta(days=MOST_DAYS + 1)).isoformat(), "until"),
    ],
)
def test_terms_that_cannot_be_are_refused_by_field(audience, purpose, until, field):
    with pytest.raises(TermsRefused) as refused:
        terms_of(audience, purpose, until, NOW)
    assert (refused.value.code, refused.value.field) == ("share/terms", field)


def test_the_longest_terms_are_taken():
    last = NOW.astimezone(CHINA_TIME).date() + timedelta(days=MOST_DAYS)
    terms = terms_of("长" * LONGEST_TERM, "长" * LONGEST_TERM, last.isoformat(), NOW)
    assert terms.until == last


# — fields —


def test_a_presentation_has_the_chosen_fields_and_no_others(certificate):
    has = fields_in(certificate)
    assert {Field.NAME, Field.MASKED_NUMBER, Field.WHOLE_NUMBER, Field.RESULTS} <= has
    for chosen in ([], [Field.NAME], [Field.RESULTS], [Field.MASKED_NUMBER], [Field.WHOLE_NUMBER], list(Field)):
        jwt, *shown, end = presentation_with(certificate, chosen).split("~")
        assert (jwt, end) == (certificate.jwt, "")
        names = {member for member, text in certificate.disclosures.items() if text in shown}
        assert len(names) == len(shown)
        expected = {one.value for one in chosen if one in has}
        if {Field.MASKED_NUMBER, Field.WHOLE_NUMBER} & set(chosen):
            expected.add("identityType")
        assert {one.partition(".")[0] for one in names} == expected
        for text in set(certificate.disclosures.values()) - set(shown):
            assert text.encode() not in b"".join(unb64url(one) for one in shown)


def test_nothing_can_be_shown_of_what_was_erased(certificate):
    with pytest.raises(ContentErased):
        presentation_with(replace(certificate, disclosures=None), [Field.NAME])


# — links —


def test_of_a_link_only_the_hash_is_kept_and_never_the_whole_number(store, clock, certificate):
    token = made(store, clock, certificate, fields=frozenset(Field))
    with store.read() as unit:
        kept = unit.shares.by_token(token_hash(token))
    assert len(token) == 26
    assert Field.WHOLE_NUMBER not in kept.fields
    assert {Field.NAME, Field.RESULTS} <= set(kept.fields)
    assert (kept.audience, kept.purpose, last_day(kept)) == (TERMS.audience, TERMS.purpose, TERMS.until)
    assert share_address("https://v.example.cn", token) == f"HTTPS://V.EXAMPLE.CN/SHARE/{token}"


def test_a_link_lives_to_the_end_of_its_last_day(store, clock, certificate):
    token = made(store, clock, certificate)
    with store.read() as unit:
        kept = unit.shares.by_token(token_hash(token))
    assert is_live(kept, TERMS.end - timedelta(microseconds=1))
    assert not is_live(kept, TERMS.end)
    assert not is_live(replace(kept, withdrawn_at=NOW), NOW)


def test_only_the_holder_shares_and_withdraws(store, clock, certificate):
    with store.read() as unit:
        other = next(one for one in unit.batches.certificates() if one.person != certificate.person)
        with pytest.raises(NotHere):
            own(unit, other.person, certificate.reservation.number)
    with pytest.raises(NotHere):
        made(store, clock, certificate, person=other.person)
    made(store, clock, certificate)
    standing = shares_of(store, clock, certificate.person)[0][0]
    with pytest.raises(NotHere):
        withdraw(store, clock, person=other.person, id=standing.id)
    withdraw(store, clock, person=certificate.person, id=standing.id)
    assert standing.id in {one.id for one in shares_of(store, clock, certificate.person)[1]}


@pytest.mark.parametrize("token", ["", "x", "A" * 26, "A" * 27, "a" * 26, "../../etc", "A" * 25 + "1"])
def test_what_is_no_link_is_over(store, clock, token):
    with pytest.raises(ShareOver) as refused:
        open_share(store, clock, lambda _: None, token)
    assert refused.value.code == "share/over"


def test_as_many_links_can_be_open_and_no_more(store, clock, certificate):
    for one in shares_of(store, clock, certificate.person)[0]:
        withdraw(store, clock, person=certificate.person, id=one.id)
    for _ in range(MOST_LIVE):
        made(store, clock, certificate)
    with pytest.raises(TooManyShares):
        made(store, clock, certificate)
    withdraw(store, clock, person=certificate.person, id=shares_of(store, clock, certificate.person)[0][0].id)
    made(store, clock, certificate)
    clock.time = TERMS.end
    later = terms_of("a", "b", "2026-12-30", clock.time)
    assert made(store, clock, certificate, terms=later)


def test_a_shared_verdict_says_its_terms_and_leads_nowhere_else(store, clock, certificate):
    clock.time = NOW + timedelta(days=31)
    made(store, clock, certificate, terms=terms_of("对象", "用途", "2026-12-31", clock.time))
    (kept,) = shares_of(store, clock, certificate.person)[0][:1]
    evidence = {"status": "superseded", "successor_key": "K" * 26, "successor_batch": "b", "successor_index": 3}
    finding = Finding(
        question=Question.STANDING, answer=Answer.FAILED, reason="superseded", evidence=evidence, freshness=None
    )
    report = Report(
        outcome=Outcome.SUPERSEDED,
        code="superseded/37",
        findings=(finding,),
        notices=(),
        content={"name": "余霁"},
        successor="DEMO-EEC-2026-0000000000A#2",
        last_known=None,
        judged_at=NOW,
        as_of=None,
    )
    shown = as_shared(report, kept)
    assert [(one.kind, one.values) for one in shown.notices] == [
        (NoticeKind.HOLDER_COPY, {"audience": "对象", "purpose": "用途", "until": "2026-12-31"})
    ]
    assert (shown.outcome, shown.successor, shown.findings[0].evidence) == (
        Outcome.SUPERSEDED,
        None,
        {"status": "superseded"},
    )
