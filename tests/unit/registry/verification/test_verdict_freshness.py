"""How old knowledge may be, what stays true however old it is, and what was so on an earlier day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from registry.anchor.history import BallotKind, Block, KeyKind
from registry.anchor.trust import Engine
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.identifiers import TransactionHash
from registry.verification import DEFAULT_MAX_AGE, DayNotOver, Knowledge, Outcome, end_of_past_day
from registry.verification.model import NoticeKind, Question
from tests.unit.registry.verification.scene import (
    ACCREDITED,
    ANCHORED,
    FIRST_BLOCK,
    KEY,
    LATER,
    NOW,
    ROOT,
    TERMS,
    VALID_FROM,
    Chain,
    answers,
    chain_in_order,
    finding,
    issue,
    notice,
    slot,
)

LONG_AGO = timedelta(days=2)


def stale(chain: Chain, age: timedelta = LONG_AGO) -> dict[str, Any]:
    return {"knowledge": chain.knowledge(read_at=NOW - age)}


# Limits


@pytest.mark.parametrize("limit", [DEFAULT_MAX_AGE, timedelta(hours=24), timedelta(0)], ids=str)
@pytest.mark.parametrize(
    ("over", "fresh"),
    [(timedelta(0), True), (timedelta(microseconds=1), False), (timedelta(seconds=1), False)],
    ids=["exactly", "a microsecond over", "a second over"],
)
def test_limit_itself_is_fresh_and_what_lies_over_it_is_not(
    chain: Chain, limit: timedelta, over: timedelta, fresh: bool
) -> None:
    report = chain.judge(max_age=limit, **stale(chain, limit + over))
    assert report.code == ("valid" if fresh else "cannot-confirm/knowledge-too-old")


def test_reading_that_a_clock_puts_into_the_future_is_fresh(chain: Chain) -> None:
    report = chain.judge(**stale(chain, -timedelta(seconds=5)))
    assert report.outcome is Outcome.VALID
    freshness = finding(report, Question.STANDING).freshness
    assert freshness is not None
    assert freshness.age_seconds == 0


@pytest.mark.parametrize("ahead", [timedelta(seconds=31), timedelta(minutes=10), timedelta(days=1)], ids=str)
def test_what_a_clock_that_was_ahead_has_dated_is_not_fresh(chain: Chain, ahead: timedelta) -> None:
    """Set right, the clock would count it as new until it has come to that time again."""
    report = chain.judge(**stale(chain, -ahead))
    assert report.code == "cannot-confirm/knowledge-too-old"
    freshness = finding(report, Question.STANDING).freshness
    assert freshness is not None
    assert freshness.age_seconds >= (NOW - FIRST_BLOCK).total_seconds()


def test_age_counts_from_the_reading_where_one_sealer_seals_only_what_comes(chain: Chain) -> None:
    old_head = Block(number=9, hash=TERMS.genesis, time=NOW - timedelta(days=5))
    assert chain.judge(knowledge=chain.knowledge(head=old_head)).outcome is Outcome.VALID


@pytest.mark.parametrize("engine", [Engine.QBFT, Engine.CLIQUE])
def test_age_counts_from_the_heads_time_where_a_consortium_seals_all_the_time(chain: Chain, engine: Engine) -> None:
    root = replace(ROOT, engine=engine)

    def knowledge(head_age: int) -> dict[str, Any]:
        head = Block(number=9, hash=TERMS.genesis, time=NOW - timedelta(seconds=head_age))
        return {"knowledge": chain.knowledge(trust_root=root, head=head)}

    assert chain.judge(**knowledge(60)).outcome is Outcome.VALID
    report = chain.judge(**knowledge(61))
    assert report.code == "cannot-confirm/knowledge-too-old"
    freshness = finding(report, Question.STANDING).freshness
    assert freshness is not None
    assert freshness.age_seconds == 61
    given = notice(report, NoticeKind.KNOWLEDGE_AGE)
    assert given is not None
    assert given.values == {"seconds": 61, "read_at": "2026-12-03T10:23:18+08:00"}
    unread = chain.knowledge(trust_root=root, read_at=NOW - timedelta(seconds=61))
    assert chain.judge(knowledge=unread).outcome is Outcome.CANNOT_CONFIRM


# Old knowledge


def test_old_knowledge_leaves_the_standing_open_and_shows_what_was_known(chain: Chain) -> None:
    report = chain.judge(**stale(chain))
    assert (report.code, answers(report)) == ("cannot-confirm/knowledge-too-old", "ppp?p")
    assert report.last_known == "valid"
    assert finding(report, Question.STANDING).evidence == {"last_known": "valid", "since": None}
    freshness = finding(report, Question.STANDING).freshness
    assert freshness is not None
    assert freshness.age_seconds == 2 * 86_400
    assert report.content is not None


def test_old_suspension_may_have_been_lifted(chain: Chain) -> None:
    chain.change(2)
    report = chain.judge(**stale(chain))
    assert (report.outcome, report.last_known) == (Outcome.CANNOT_CONFIRM, "suspended")
    assert finding(report, Question.STANDING).evidence["since"] == "2026-11-22T16:02:11+08:00"


@pytest.mark.parametrize("by", ["certificate", "batch", "word"])
def test_old_revocation_is_a_revocation(chain: Chain, by: str) -> None:
    if by == "certificate":
        chain.change(1)
    elif by == "batch":
        chain.batch_decision(BallotKind.REVOKE_BATCH, reason=33)
    else:
        chain.decide(BallotKind.REVOKE_WORD, LATER, arg=33 << 192 | 0b1000, ref=TERMS.batch)
    report = chain.judge(**stale(chain))
    assert (report.code, report.last_known) == ("revoked/33", None)


def test_old_supersession_is_a_supersession(chain: Chain) -> None:
    chain.supersede()
    report = chain.judge(**stale(chain))
    assert report.outcome is Outcome.SUPERSEDED
    assert report.successor is not None


def test_old_knowledge_without_the_record_leaves_two_to_four_open(chain: Chain) -> None:
    empty = Chain()
    report = empty.judge(chain.submission(), **stale(empty))
    assert (report.code, answers(report)) == ("cannot-confirm/knowledge-too-old", "p???p")
    assert report.last_known is None
    empty.accredit()
    empty.add_keys()
    report = empty.judge(chain.submission(), **stale(empty))
    assert (report.code, answers(report)) == ("cannot-confirm/knowledge-too-old", "p???p")
    # Read afresh, the same records say no.
    assert empty.judge(chain.submission()).outcome is Outcome.NOT_REGISTERED


def test_what_old_records_already_refuse_stays_refused(chain: Chain) -> None:
    stolen = int(ANCHORED.timestamp())
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, since=stolen), LATER)
    assert chain.judge(**stale(chain)).outcome is Outcome.NOT_RECOGNISED


def test_without_knowledge_only_the_document_is_judged(chain: Chain) -> None:
    report = chain.judge(knowledge=None)
    assert (report.code, answers(report), report.last_known) == ("cannot-confirm/never-read", "p???p", None)
    assert all(one.freshness is None for one in report.findings)
    assert chain.judge(knowledge=None, cause="node-unreachable").code == "cannot-confirm/node-unreachable"
    assert chain.judge(cause="node-unreachable", **stale(chain)).code == "cannot-confirm/node-unreachable"
    assert chain.judge(cause="node-unreachable").outcome is Outcome.VALID
    assert chain.judge(knowledge=None, now=datetime(2100, 1, 1, tzinfo=UTC)).outcome is Outcome.EXPIRED


# As of an earlier moment


def test_as_of_a_moment_only_what_was_recorded_by_then_counts(chain: Chain) -> None:
    chain.change(2)
    chain.change(0, at=LATER + timedelta(days=1))
    chain.change(1, at=LATER + timedelta(days=2))
    second = timedelta(seconds=1)
    for moment, outcome in (
        (ANCHORED - second, Outcome.NOT_REGISTERED),
        (ANCHORED, Outcome.VALID),
        (LATER - second, Outcome.VALID),
        (LATER, Outcome.SUSPENDED),
        (LATER + timedelta(days=1) - second, Outcome.SUSPENDED),
        (LATER + timedelta(days=1), Outcome.VALID),
        (LATER + timedelta(days=2) - second, Outcome.VALID),
        (LATER + timedelta(days=2), Outcome.REVOKED),
    ):
        report = chain.judge(as_of=moment)
        assert (moment, report.outcome) == (moment, outcome)
        assert (report.as_of, report.judged_at) == (moment, NOW)


def test_past_does_not_change_so_old_knowledge_of_it_will_do(chain: Chain) -> None:
    report = chain.judge(as_of=LATER, **stale(chain, timedelta(days=100)))
    assert report.outcome is Outcome.VALID
    assert notice(report, NoticeKind.KNOWLEDGE_AGE) is None
    freshness = finding(report, Question.STANDING).freshness
    assert freshness is not None
    assert freshness.age_seconds == 100 * 86_400


def by_consortium(chain: Chain) -> Knowledge:
    """Knowledge of a chain that seals all the time, so that its last block tells how far it was read."""
    return chain.knowledge(trust_root=replace(ROOT, engine=Engine.QBFT))


def test_as_of_the_first_and_the_last_block_is_within_the_chains_time() -> None:
    early = issue(replace(TERMS, valid_from=FIRST_BLOCK - timedelta(days=1)))
    chain = chain_in_order(early)
    submission, knowledge = chain.submission(early), by_consortium(chain)
    second = timedelta(seconds=1)
    assert chain.judge(submission, knowledge=knowledge, as_of=FIRST_BLOCK).code == "not-registered/not-recorded-yet"
    assert chain.judge(submission, knowledge=knowledge, as_of=knowledge.head.time).outcome is Outcome.VALID
    for moment, why in (
        (FIRST_BLOCK - second, "outside-the-chains-time"),
        (knowledge.head.time + second, "beyond-what-was-read"),
    ):
        report = chain.judge(submission, knowledge=knowledge, as_of=moment)
        assert (report.code, answers(report)) == (f"cannot-confirm/{why}", "p????")
        assert report.last_known is None
        # Also such a report says what was read and when.
        assert finding(report, Question.STANDING).freshness is not None


def test_embedded_chain_without_new_blocks_is_known_up_to_its_last_reading(chain: Chain) -> None:
    """It seals only what comes: between its last block and the reading nothing was recorded."""
    quiet = chain.knowledge(head=Block(number=10**6, hash=TERMS.genesis, time=LATER), read_at=NOW)
    assert chain.judge(knowledge=quiet, as_of=NOW - timedelta(days=1)).outcome is Outcome.VALID
    assert chain.judge(knowledge=quiet, as_of=NOW).outcome is Outcome.VALID
    beyond = chain.judge(knowledge=quiet, as_of=NOW + timedelta(seconds=1))
    assert beyond.code == "cannot-confirm/beyond-what-was-read"
    # The control: on a chain that seals all the time the same head has been left behind.
    behind = replace(quiet, trust_root=replace(ROOT, engine=Engine.QBFT))
    report = chain.judge(knowledge=behind, as_of=NOW - timedelta(days=1))
    assert report.code == "cannot-confirm/beyond-what-was-read"


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        (datetime(1999, 1, 1, tzinfo=UTC), "outside-the-chains-time"),
        (datetime(2100, 1, 1, tzinfo=UTC), "beyond-what-was-read"),
    ],
    ids=str,
)
def test_outside_the_chains_time_nothing_is_confirmed_not_even_by_the_calendar(
    chain: Chain, moment: datetime, why: str
) -> None:
    assert chain.judge(as_of=moment).code == f"cannot-confirm/{why}"
    waiting = replace(chain.submission(), receipt=None, awaits_chain=True)
    assert chain.judge(waiting, as_of=moment).outcome is Outcome.CANNOT_CONFIRM


def test_on_a_day_before_its_record_it_was_not_recorded_yet_and_the_day_of_the_record_is_said(chain: Chain) -> None:
    for moment in (ACCREDITED - timedelta(hours=1), ANCHORED - timedelta(seconds=1)):
        report = chain.judge(as_of=moment)
        # Neither the keys' records of that day nor their absence say whose signature it is.
        assert (report.code, answers(report)[:4]) == ("not-registered/not-recorded-yet", "p?f?")
        assert finding(report, Question.ON_CHAIN).evidence["recorded_at"] == "2026-11-20T16:02:11+08:00"
    assert chain.judge(as_of=ANCHORED).outcome is Outcome.VALID
    # Before the chain began nothing is confirmed, and the day of the record is said all the same.
    before = chain.judge(as_of=FIRST_BLOCK - timedelta(days=9))
    assert before.code == "cannot-confirm/outside-the-chains-time"
    assert finding(before, Question.ON_CHAIN).evidence["recorded_at"] == "2026-11-20T16:02:11+08:00"


def test_what_was_never_recorded_is_not_called_recorded_later(chain: Chain) -> None:
    submission = chain.submission()
    chain.records.pop()
    report = chain.judge(submission, as_of=LATER)
    assert report.code == "not-registered/no-such-batch"
    assert "recorded_at" not in finding(report, Question.ON_CHAIN).evidence


def test_receipt_that_is_not_as_recorded_later_is_altered_on_every_earlier_day(chain: Chain) -> None:
    forged = replace(chain.receipt(), transaction=TransactionHash(bytes(32)))
    submission = replace(chain.submission(), receipt=forged)
    for moment in (FIRST_BLOCK - timedelta(days=9), ANCHORED - timedelta(seconds=1), LATER):
        report = chain.judge(submission, as_of=moment)
        assert (report.outcome, finding(report, Question.UNALTERED).evidence["member"]) == (
            Outcome.ALTERED,
            "transaction",
        )


def test_what_waits_for_the_chain_was_not_recorded_on_a_day_before_its_record(chain: Chain) -> None:
    waiting = replace(chain.submission(), receipt=None, awaits_chain=True)
    assert chain.judge(waiting, as_of=ANCHORED - timedelta(seconds=1)).code == "not-registered/not-recorded-yet"
    assert chain.judge(waiting, as_of=LATER).outcome is Outcome.PENDING


@pytest.mark.parametrize("day", [date(2026, 12, 3), date(2026, 12, 4), date(9999, 12, 31)], ids=str)
def test_day_that_is_not_over_is_refused_with_the_latest_that_can_be_asked_for(day: date) -> None:
    with pytest.raises(DayNotOver) as refused:
        end_of_past_day(day, NOW)
    assert (refused.value.day, refused.value.latest) == (day, date(2026, 12, 2))


def test_day_is_over_when_it_is_over_in_china() -> None:
    midnight = datetime(2026, 12, 3, 0, 0, 0, tzinfo=CHINA_TIME)
    day = date(2026, 12, 2)
    assert end_of_past_day(day, midnight.astimezone(UTC)) == datetime(2026, 12, 2, 23, 59, 59, tzinfo=CHINA_TIME)
    with pytest.raises(DayNotOver):
        end_of_past_day(day, midnight.astimezone(UTC) - timedelta(seconds=1))
    assert end_of_past_day(date(1, 1, 1), NOW).year == 1


def test_altered_document_is_altered_at_any_time(chain: Chain) -> None:
    receipt = replace(chain.receipt(), revision=9)
    report = chain.judge(replace(chain.submission(), receipt=receipt), as_of=datetime(1999, 1, 1, tzinfo=UTC))
    assert report.outcome is Outcome.ALTERED


def test_validity_is_asked_of_the_moment_and_not_of_today(chain: Chain) -> None:
    after_the_end = datetime(2030, 1, 1, tzinfo=UTC)
    head = Block(number=10**7, hash=TERMS.genesis, time=after_the_end)
    knowledge = chain.knowledge(head=head, read_at=after_the_end)
    assert chain.judge(now=after_the_end, knowledge=knowledge).outcome is Outcome.EXPIRED
    assert chain.judge(now=after_the_end, knowledge=knowledge, as_of=LATER).outcome is Outcome.VALID


def test_day_means_its_end_in_china(chain: Chain) -> None:
    """What happened at any hour of the day is seen on that day, and the last valid day is wholly valid."""
    evening = datetime(2026, 11, 25, 23, 59, 59, tzinfo=CHINA_TIME)
    chain.change(1, at=evening.astimezone(UTC))
    assert chain.judge(as_of=evening).outcome is Outcome.REVOKED
    assert chain.judge(as_of=evening - timedelta(days=1)).outcome is Outcome.VALID
    lasting = datetime(2029, 11, 19, 23, 59, 59, tzinfo=CHINA_TIME)
    fresh = chain_in_order()
    head = Block(number=10**7, hash=TERMS.genesis, time=lasting + timedelta(days=9))
    knowledge = fresh.knowledge(head=head)
    assert fresh.judge(as_of=lasting, knowledge=knowledge).outcome is Outcome.VALID
    assert fresh.judge(as_of=lasting + timedelta(seconds=1), knowledge=knowledge).outcome is Outcome.EXPIRED


def test_compromise_found_later_is_not_known_on_an_earlier_day(chain: Chain) -> None:
    chain.decide(BallotKind.KEY_COMPROMISED, LATER, arg=int(ACCREDITED.timestamp()), ref=KEY.thumbprint())
    assert chain.judge(as_of=LATER - timedelta(seconds=1)).outcome is Outcome.VALID
    assert chain.judge(as_of=LATER).outcome is Outcome.NOT_RECOGNISED


def test_notices_are_those_of_the_day(chain: Chain) -> None:
    chain.decide(BallotKind.SUSPEND, LATER)
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, until=int(LATER.timestamp()) + 60), LATER)
    before = chain.judge(as_of=LATER - timedelta(seconds=1))
    assert before.notices == ()
    on_the_day = chain.judge(as_of=LATER + timedelta(seconds=59))
    assert [one.kind for one in on_the_day.notices] == [NoticeKind.ISSUER_SUSPENDED_SINCE]
    minute_later = chain.judge(as_of=LATER + timedelta(seconds=60))
    assert notice(minute_later, NoticeKind.KEY_RETIRED_SINCE) is not None


def test_not_yet_valid_as_of_a_day_between_recording_and_validity() -> None:
    issued = issue(replace(TERMS, valid_from=VALID_FROM + timedelta(days=5)))
    chain = chain_in_order(issued)
    assert chain.judge(chain.submission(issued), as_of=LATER).outcome is Outcome.NOT_YET_VALID
    assert chain.judge(chain.submission(issued)).outcome is Outcome.VALID
