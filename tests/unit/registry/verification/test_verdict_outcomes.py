"""Every outcome, every notice, and which outcome goes before which."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from registry.anchor.history import Anchored, BallotKind, KeyKind
from registry.anchor.trust import Engine
from registry.kernel.encoding import b64url
from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import ScopeCode
from registry.verification import (
    Circumstances,
    NotValid,
    Outcome,
    Report,
    Submission,
    judge,
    not_found,
    withdrawn,
)
from registry.verification.model import Answer, NoticeKind, Question
from tests.unit.registry.verification.scene import (
    ACCREDITED,
    ANCHORED,
    HOLDER,
    INDEX,
    ISSUED,
    KEY,
    LATER,
    NOW,
    OTHER_BATCH,
    OTHER_KEY,
    ROOT,
    TERMS,
    VALID_UNTIL,
    Chain,
    answers,
    chain_in_order,
    finding,
    full_bundle,
    issue,
    notice,
    public_text,
    slot,
)

AFTER_THE_END = VALID_UNTIL + timedelta(days=30)


def at(moment: datetime, chain: Chain) -> dict[str, Any]:
    """Judge at another moment, with knowledge that is as fresh as ever."""
    return {"now": moment, "knowledge": chain.knowledge(read_at=moment)}


def test_certificate_in_order_is_valid_and_says_on_what_that_rests(chain: Chain) -> None:
    report = chain.judge_document(chain.bundle())
    assert (report.outcome, report.code, answers(report)) == (Outcome.VALID, "valid", "ppppp")
    assert [one.question for one in report.findings] == list(Question)
    assert (report.notices, report.successor, report.last_known, report.as_of) == ((), None, None, None)
    assert report.judged_at == NOW
    record = finding(report, Question.ON_CHAIN).evidence
    assert record["root"] == b64url(ISSUED.tree.root)
    assert (record["index"], record["size"], record["scope"]) == (INDEX, 5, "AIGC-APP/3")
    assert record["block_time"] == "2026-11-20T16:02:11+08:00"
    assert finding(report, Question.ISSUERS_KEY).evidence["registered_from"] == "2026-11-02T08:00:00+08:00"
    assert finding(report, Question.IN_FORCE).evidence == {"valid_from": "2026-11-20", "valid_until": "2029-11-19"}
    for question in (Question.ISSUERS_KEY, Question.ON_CHAIN, Question.STANDING):
        freshness = finding(report, question).freshness
        assert freshness is not None
        assert (freshness.block, freshness.age_seconds, freshness.nodes) == (10**6, 0, 1)


def test_content_is_what_was_disclosed_under_the_credentials_own_names(chain: Chain) -> None:
    public = chain.judge_document(chain.bundle()).content
    full = chain.judge_document(full_bundle(chain)).content
    assert public is not None
    assert full is not None
    assert public["name"] == "李知行"
    assert public["nationalIdentityNumberMasked"] == "1*************002X"
    assert "nationalIdentityNumber" not in public
    assert full["nationalIdentityNumber"] == "11010519491231002X"
    assert [one["value"] for one in full["result"]] == ["86.5", "91"]  # type: ignore[attr-defined]  # JSON
    assert not {"_sd", "_sd_alg"} & full.keys()


def test_results_stand_in_programme_order_however_they_were_handed_in(chain: Chain) -> None:
    jwt, *disclosures, end = public_text().split("~")
    turned = "~".join((jwt, *reversed(disclosures), end))
    report = chain.judge_document(chain.bundle().replace(public_text().encode(), turned.encode()))
    assert report.outcome is Outcome.VALID
    assert report.content is not None
    assert [one["value"] for one in report.content["result"]] == ["86.5", "91"]  # type: ignore[attr-defined]  # JSON


def test_undisclosed_results_and_members_are_left_out(chain: Chain) -> None:
    jwt = ISSUED.presentation().jwt
    report = chain.judge_document(chain.bundle().replace(public_text().encode(), f"{jwt}~".encode()))
    assert report.outcome is Outcome.VALID
    assert report.content is not None
    assert report.content["result"] == []
    assert not {"name", "nationalIdentityNumberMasked"} & report.content.keys()


def test_report_is_no_truth_value(chain: Chain) -> None:
    with pytest.raises(TypeError, match="outcome"):
        bool(chain.judge())
    with pytest.raises(TypeError):
        assert not chain.judge_document(b"")


def test_only_a_valid_certificate_passes_where_one_is_required(chain: Chain) -> None:
    chain.judge().require_valid()
    chain.change(1)
    report = chain.judge()
    with pytest.raises(NotValid) as caught:
        report.require_valid()
    assert caught.value.report is report
    assert isinstance(caught.value, RuleRefusal)


# Outcomes


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unreadable/not-a-credential"),
        (b"%PDF-1.7 \xff\xfe", "unreadable/pdf-broken"),
        (b"{}", "unreadable/not-ours"),
        (b"[" * 30_000, "unreadable/oversized"),
        (b"{" * 20_000, "unreadable/not-ours"),
        (b"eyJhbGciOiJFUzI1NiJ9.eyJ2Y3QiOiJvdGhlciJ9.c2ln~", "unreadable/foreign"),
    ],
)
def test_unreadable(chain: Chain, data: bytes, code: str) -> None:
    report = chain.judge_document(data)
    assert (report.outcome, report.code, answers(report)) == (Outcome.UNREADABLE, code, "?????")
    assert report.content is None


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        (b'"revision":1', b'"revision":2', "altered/receipt-disagrees", "revision"),
        (b'"treeSize":5', b'"treeSize":9', "altered/receipt-proof", None),
        (b'"blockNumber":', b'"blockNumber":1', "altered/receipt-disagrees", "blockNumber"),
        (b'"crv":"P-256"', b'"crv":"P-384"', "altered/key", None),
        (b'~"', b'~WyI"', "altered/end", None),
    ],
)
def test_altered(chain: Chain, old: bytes, new: bytes, code: str, where: str | None) -> None:
    report = chain.judge_document(chain.bundle().replace(old, new))
    assert (report.outcome, report.code, answers(report)) == (Outcome.ALTERED, code, "f????")
    assert finding(report, Question.UNALTERED).evidence.get("member") == where
    assert {one.reason for one in report.findings[1:]} == {"first-question-failed"}
    assert (report.content, report.notices) == (None, ())


def test_look_ups_that_find_nothing_and_what_was_erased_have_no_findings(chain: Chain) -> None:
    for made, outcome in ((not_found, Outcome.NOT_FOUND), (withdrawn, Outcome.WITHDRAWN)):
        report = made(chain.circumstances())
        assert (report.outcome, report.code) == (outcome, outcome.value)
        assert (report.findings, report.content, report.judged_at) == ((), None, NOW)


def test_certificate_that_we_keep_and_that_is_on_its_way_is_pending() -> None:
    chain = Chain()
    chain.accredit()
    chain.add_keys()
    waiting = Submission(credential=ISSUED.presentation(), receipt=None, key=KEY.public_key(), awaits_chain=True)
    for knowledge in (chain.knowledge(), chain.knowledge(read_at=NOW - timedelta(hours=1)), None):
        report = chain.judge(waiting, knowledge=knowledge)
        assert (report.outcome, report.code, answers(report)) == (Outcome.PENDING, "pending/not-final", "p???p")
    report = chain.judge(replace(waiting, awaits_chain=False))
    assert report.outcome is Outcome.NOT_REGISTERED


def test_certificate_whose_record_was_read_before_it_was_delivered_is_pending_not_doubtful(chain: Chain) -> None:
    waiting = replace(chain.submission(), receipt=None, awaits_chain=True)
    report = chain.judge(waiting)
    assert (report.code, answers(report)) == ("pending/not-final", "pp?pp")
    assert chain.judge(replace(waiting, awaits_chain=False)).code == "cannot-confirm/no-receipt"


def test_pending_does_not_hide_a_wrong_key() -> None:
    chain = Chain()
    chain.accredit()
    waiting = Submission(credential=ISSUED.presentation(), receipt=None, key=KEY.public_key(), awaits_chain=True)
    assert chain.judge(waiting).code == "not-recognised/key-not-the-issuers"


# Precedence


def _altered(chain: Chain, submission: Submission) -> Submission:
    return replace(submission, key=OTHER_KEY.public_key())


def _not_recognised(chain: Chain, submission: Submission) -> Submission:
    stolen = int((ANCHORED - timedelta(hours=1)).timestamp())
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, since=stolen), LATER)
    return submission


def _not_registered(chain: Chain, submission: Submission) -> Submission:
    position = next(place for place, one in enumerate(chain.records) if one.position.block_time == ANCHORED)
    record = chain.records[position]
    assert isinstance(record.content, Anchored)
    content = replace(record.content, scope=ScopeCode("AIGC-APP/4"))
    chain.records[position] = replace(record, content=content)
    return submission


def _revoked(chain: Chain, submission: Submission) -> Submission:
    chain.batch_decision(BallotKind.REVOKE_BATCH)
    return submission


def _superseded(chain: Chain, submission: Submission) -> Submission:
    chain.supersede()
    return submission


def _suspended(chain: Chain, submission: Submission) -> Submission:
    chain.batch_decision(BallotKind.SUSPEND_BATCH)
    return submission


def _unchanged(chain: Chain, submission: Submission) -> Submission:
    return submission


def _pending(chain: Chain, submission: Submission) -> Submission:
    return replace(submission, receipt=None, awaits_chain=True)


Spoil = Callable[[Chain, Submission], Submission]
IN_ORDER_OF_PRECEDENCE: dict[Outcome, Spoil] = {
    Outcome.ALTERED: _altered,
    Outcome.NOT_RECOGNISED: _not_recognised,
    Outcome.NOT_REGISTERED: _not_registered,
    Outcome.REVOKED: _revoked,
    Outcome.SUPERSEDED: _superseded,
    Outcome.SUSPENDED: _suspended,
    Outcome.EXPIRED: _unchanged,
    Outcome.NOT_YET_VALID: _unchanged,
    Outcome.PENDING: _pending,
    Outcome.CANNOT_CONFIRM: _unchanged,
    Outcome.VALID: _unchanged,
}
"""How a certificate comes to each outcome, so that two can be had at once."""


def spoilt(*outcomes: Outcome) -> Report:
    chain = chain_in_order()
    submission = chain.submission()
    for outcome in outcomes:
        submission = IN_ORDER_OF_PRECEDENCE[outcome](chain, submission)
    now = NOW
    if Outcome.EXPIRED in outcomes:
        now = AFTER_THE_END
    if Outcome.NOT_YET_VALID in outcomes:
        # The chain's clock and the reader's may differ: the record is there, and the reader's day is before it.
        now = TERMS.valid_from - timedelta(days=1)
    age = timedelta(days=2) if Outcome.CANNOT_CONFIRM in outcomes else timedelta(0)
    return judge(submission, Circumstances(knowledge=chain.knowledge(read_at=now - age), now=now))


@pytest.mark.parametrize("outcome", list(IN_ORDER_OF_PRECEDENCE))
def test_outcome_alone(outcome: Outcome) -> None:
    assert spoilt(outcome).outcome is outcome


_NO_SUCH_DAY = (Outcome.EXPIRED, Outcome.NOT_YET_VALID)


@pytest.mark.parametrize(
    ("first", "second"), [pair for pair in combinations(IN_ORDER_OF_PRECEDENCE, 2) if pair != _NO_SUCH_DAY]
)
def test_of_two_outcomes_the_one_that_goes_before_is_told(first: Outcome, second: Outcome) -> None:
    expected = first
    if {first, second} == {Outcome.SUSPENDED, Outcome.CANNOT_CONFIRM}:
        # A suspension may have been lifted since: old knowledge of it is no knowledge.
        expected = Outcome.CANNOT_CONFIRM
    assert spoilt(first, second).outcome is expected
    assert spoilt(second, first).outcome is expected


def test_certificate_for_life_does_not_expire() -> None:
    issued = issue(replace(TERMS, last_valid_day=None))
    chain = chain_in_order(issued)
    in_a_century = datetime(2126, 1, 1, tzinfo=UTC)
    report = chain.judge(chain.submission(issued), **at(in_a_century, chain))
    assert report.outcome is Outcome.VALID
    assert finding(report, Question.IN_FORCE).evidence["valid_until"] is None


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        (TERMS.valid_from - timedelta(microseconds=1), Outcome.NOT_YET_VALID),
        (TERMS.valid_from, Outcome.VALID),
        (VALID_UNTIL - timedelta(microseconds=1), Outcome.VALID),
        (VALID_UNTIL, Outcome.EXPIRED),
    ],
)
def test_validity_begins_and_ends_at_midnight_in_china(chain: Chain, moment: datetime, outcome: Outcome) -> None:
    report = chain.judge(**at(moment, chain))
    assert report.outcome is outcome
    assert finding(report, Question.IN_FORCE).answer is (Answer.PASSED if outcome is Outcome.VALID else Answer.FAILED)


# Notices


def kinds(report: Report) -> list[NoticeKind]:
    return [one.kind for one in report.notices]


def test_test_chain_stands_beside_every_verdict_on_a_certificate(chain: Chain) -> None:
    circumstances = chain.circumstances(test_chain=20268, knowledge=None)
    for report in (
        chain.judge(test_chain=20268),
        chain.judge(_altered(chain, chain.submission()), test_chain=20268),
        chain.judge(test_chain=20268, as_of=ACCREDITED - timedelta(days=90)),
        chain.judge_document(chain.bundle() + b" ", test_chain=20268, knowledge=None),
        withdrawn(circumstances),
    ):
        given = notice(report, NoticeKind.TEST_CHAIN)
        assert given is not None
        assert given.values == {"chain": 20268}


def test_what_names_no_certificate_is_recorded_on_no_chain(chain: Chain) -> None:
    circumstances = chain.circumstances(test_chain=20268, knowledge=None)
    unreadable = chain.judge_document(b"{}", test_chain=20268, knowledge=None)
    assert unreadable.outcome is Outcome.UNREADABLE
    for report in (unreadable, not_found(circumstances)):
        assert report.notices == ()


def test_issuer_suspended_and_withdrawn_each_say_since_when(chain: Chain) -> None:
    chain.decide(BallotKind.SUSPEND, LATER)
    assert kinds(chain.judge()) == [NoticeKind.ISSUER_SUSPENDED_SINCE]
    chain.decide(BallotKind.WITHDRAW, LATER + timedelta(days=1))
    both = chain.judge()
    assert kinds(both) == [NoticeKind.ISSUER_SUSPENDED_SINCE, NoticeKind.ISSUER_WITHDRAWN_SINCE]
    assert [one.values["since"] for one in both.notices] == ["2026-11-22T16:02:11+08:00", "2026-11-23T16:02:11+08:00"]
    chain.decide(BallotKind.REINSTATE, LATER + timedelta(days=2))
    report = chain.judge()
    assert kinds(report) == [NoticeKind.ISSUER_WITHDRAWN_SINCE]
    assert report.outcome is Outcome.VALID


def test_issuer_reinstated_says_nothing(chain: Chain) -> None:
    chain.decide(BallotKind.SUSPEND, LATER)
    chain.decide(BallotKind.REINSTATE, LATER + timedelta(days=1))
    assert chain.judge().notices == ()


def test_key_retired_since_the_moment_it_is_good_no_more(chain: Chain) -> None:
    retired = int(NOW.timestamp())
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, until=retired), LATER)
    report = chain.judge()
    assert (report.outcome, kinds(report)) == (Outcome.VALID, [NoticeKind.KEY_RETIRED_SINCE])
    assert report.notices[0].values == {"since": "2026-12-03T10:24:19+08:00"}
    assert chain.judge(**at(NOW - timedelta(seconds=1), chain)).notices == ()


def test_correction_says_which_revision_it_is() -> None:
    issued = issue(revision=2)
    chain = chain_in_order(issued)
    report = chain.judge(chain.submission(issued))
    assert (report.outcome, kinds(report)) == (Outcome.VALID, [NoticeKind.CORRECTED])
    assert report.notices[0].values == {"revision": 2}


def test_reaffirmed_batch_says_so(chain: Chain) -> None:
    chain.batch_decision(BallotKind.REAFFIRM_BATCH)
    report = chain.judge()
    assert (report.outcome, kinds(report)) == (Outcome.VALID, [NoticeKind.BATCH_REAFFIRMED])


def test_age_is_said_when_it_is_more_than_a_moment(chain: Chain) -> None:
    assert kinds(chain.judge(knowledge=chain.knowledge(read_at=NOW - timedelta(seconds=15)))) == []
    report = chain.judge(knowledge=chain.knowledge(read_at=NOW - timedelta(seconds=16)))
    assert (report.outcome, kinds(report)) == (Outcome.VALID, [NoticeKind.KNOWLEDGE_AGE])
    assert report.notices[0].values == {"seconds": 16, "read_at": "2026-12-03T10:24:03+08:00"}


def test_one_node_alone_is_said_of_a_consortiums_chain(chain: Chain) -> None:
    for engine in (Engine.QBFT, Engine.CLIQUE):
        root = replace(ROOT, engine=engine)
        assert kinds(chain.judge(knowledge=chain.knowledge(trust_root=root))) == [NoticeKind.SINGLE_NODE]
        assert kinds(chain.judge(knowledge=chain.knowledge(trust_root=root, nodes=2))) == []
    assert kinds(chain.judge()) == []


def test_status_not_checked_is_said_exactly_where_a_reader_would_ask(chain: Chain) -> None:
    old = timedelta(hours=1)

    def unchecked(report: Report) -> bool:
        return NoticeKind.STATUS_NOT_CHECKED in kinds(report)

    assert unchecked(chain.judge(knowledge=chain.knowledge(read_at=NOW - old)))
    assert not unchecked(chain.judge(knowledge=None))  # whether it was ever recorded is not known either
    expired = chain.judge(now=AFTER_THE_END, knowledge=chain.knowledge(read_at=AFTER_THE_END - old))
    assert (expired.outcome, unchecked(expired)) == (Outcome.EXPIRED, True)
    # Here the status was checked; what could not be is something else.
    keyless = chain.judge(replace(chain.submission(), key=None))
    assert (keyless.outcome, unchecked(keyless)) == (Outcome.CANNOT_CONFIRM, False)
    assert not unchecked(chain.judge(_pending(chain, chain.submission())))
    assert not unchecked(chain.judge())


def test_notices_never_change_the_outcome(chain: Chain) -> None:
    issued = issue(revision=3)
    chain = chain_in_order(issued)
    chain.decide(BallotKind.SUSPEND, LATER)
    chain.decide(BallotKind.WITHDRAW, LATER)
    chain.key(KEY.thumbprint(), slot(KeyKind.CREDENTIAL, until=int(LATER.timestamp())), LATER)
    chain.batch_decision(BallotKind.REAFFIRM_BATCH)
    knowledge = chain.knowledge(trust_root=replace(ROOT, engine=Engine.QBFT), read_at=NOW - timedelta(seconds=30))
    report = chain.judge(chain.submission(issued), knowledge=knowledge, test_chain=20268)
    assert report.outcome is Outcome.VALID
    assert set(kinds(report)) == set(NoticeKind) - {NoticeKind.STATUS_NOT_CHECKED, NoticeKind.HOLDER_COPY}


# Successor


def test_superseded_leads_to_the_successor(chain: Chain) -> None:
    chain.supersede(new_index=2)
    report = chain.judge()
    assert (report.outcome, report.code) == (Outcome.SUPERSEDED, "superseded/37")
    batch = b64url(OTHER_BATCH.terms.batch)
    assert report.successor == f"{batch}#2"
    evidence = finding(report, Question.STANDING).evidence
    assert {name: evidence[name] for name in evidence if name.startswith("successor")} == {
        "successor_batch": batch,
        "successor_index": 2,
        "successor_issuer": "LNSEC",
        "successor_contract": TERMS.contract.address,
    }
    other = chain.judge(chain.submission(index=0))
    assert other.successor == f"{batch}#4"
    assert chain.judge(chain.submission(index=1)).outcome is Outcome.VALID


def test_revoked_batch_has_no_successor(chain: Chain) -> None:
    chain.supersede()
    chain.batch_decision(BallotKind.REVOKE_BATCH, reason=32)
    report = chain.judge()
    assert (report.code, report.successor) == ("revoked/32", None)


def test_decoys_and_english_names_make_no_difference() -> None:
    issued = issue(holder=replace(HOLDER, results=(None, None), name_latin="Li Zhixing"), size=1)
    chain = chain_in_order(issued)
    report = chain.judge_document(chain.bundle(issued, 0))
    assert report.outcome is Outcome.VALID
    assert report.content is not None
    assert report.content["result"] == []
