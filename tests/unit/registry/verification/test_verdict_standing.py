"""Question 4: what happened to the certificate and to its batch since."""

from datetime import timedelta

import pytest

from registry.anchor.history import BallotKind, BatchFlag
from registry.verification import Outcome
from registry.verification.model import Answer, Question
from tests.unit.registry.verification.scene import (
    INDEX,
    LATER,
    TERMS,
    Chain,
    answers,
    finding,
)

DAY = timedelta(days=1)
NOTHING = BatchFlag(0)
BY_ISSUER, BY_MEMBERS = BatchFlag.SUSPENDED_BY_ISSUER, BatchFlag.SUSPENDED_BY_MEMBERS


def standing(chain: Chain) -> dict[str, str | int | None]:
    return finding(chain.judge(), Question.STANDING).evidence


def test_certificate_that_nothing_happened_to(chain: Chain) -> None:
    assert standing(chain) == {
        "status": "valid",
        "code": 0,
        "since": None,
        "reason": None,
        "by": None,
        "changes": 0,
    }


@pytest.mark.parametrize(
    ("code", "outcome", "reason"), [(1, Outcome.REVOKED, 33), (2, Outcome.SUSPENDED, 35)], ids=["revoked", "suspended"]
)
def test_change_says_since_when_why_and_by_whom(chain: Chain, code: int, outcome: Outcome, reason: int) -> None:
    chain.change(code, reason=reason)
    report = chain.judge()
    assert (report.outcome, report.code, answers(report)) == (outcome, f"{outcome}/{reason}", "pppfp")
    evidence = finding(report, Question.STANDING).evidence
    assert evidence["since"] == "2026-11-22T16:02:11+08:00"
    assert (evidence["reason"], evidence["by"], evidence["changes"]) == (reason, "LNSEC", 1)
    assert report.content is not None


def test_neighbours_stay_as_they_are(chain: Chain) -> None:
    chain.change(1, 0, 1, 4)
    assert chain.judge().outcome is Outcome.VALID
    assert chain.judge(chain.submission(index=4)).outcome is Outcome.REVOKED


def test_same_bit_of_another_word_batch_or_issuer_is_another_certificate(chain: Chain) -> None:
    chain.change(1, INDEX + 128)
    chain.change(1, batch=bytes(32))
    chain.change(1, issuer="RIVAL")
    assert chain.judge().outcome is Outcome.VALID


def test_suspended_then_reinstated_passes_and_says_so(chain: Chain) -> None:
    chain.change(2)
    chain.change(0, at=LATER + DAY, reason=36)
    report = chain.judge()
    assert (report.outcome, answers(report)) == (Outcome.VALID, "ppppp")
    evidence = finding(report, Question.STANDING).evidence
    assert (evidence["changes"], evidence["suspended_since"]) == (2, "2026-11-22T16:02:11+08:00")
    assert (evidence["since"], evidence["reason"]) == ("2026-11-23T16:02:11+08:00", 36)


def test_suspended_reinstated_and_suspended_again_is_suspended_since_then(chain: Chain) -> None:
    chain.change(2)
    chain.change(0, at=LATER + DAY)
    chain.change(2, at=LATER + 2 * DAY, reason=35)
    report = chain.judge()
    assert report.code == "suspended/35"
    assert finding(report, Question.STANDING).evidence["since"] == "2026-11-24T16:02:11+08:00"


def test_word_revoked_by_vote_concerns_exactly_its_certificates(chain: Chain) -> None:
    chain.decide(BallotKind.REVOKE_WORD, LATER, arg=32 << 192 | 0 << 128 | 1 << INDEX, ref=TERMS.batch)
    report = chain.judge()
    assert report.code == "revoked/32"
    assert finding(report, Question.STANDING).evidence["by"] == "members"
    assert chain.judge(chain.submission(index=INDEX - 1)).outcome is Outcome.VALID


def test_word_with_a_number_above_the_first_is_read_by_its_own_bits(chain: Chain) -> None:
    chain.decide(BallotKind.REVOKE_WORD, LATER, arg=32 << 192 | 1 << 128 | 1 << INDEX, ref=TERMS.batch)
    assert chain.judge().outcome is Outcome.VALID


# The whole batch


def test_batch_suspended_by_its_issuer_and_lifted(chain: Chain) -> None:
    chain.flag(BY_ISSUER)
    report = chain.judge()
    assert report.code == "suspended/35"
    assert finding(report, Question.STANDING).evidence["by"] == "LNSEC"
    chain.flag(NOTHING, LATER + DAY, reason=36)
    report = chain.judge()
    assert report.outcome is Outcome.VALID
    evidence = finding(report, Question.STANDING).evidence
    assert (evidence["changes"], evidence["suspended_since"]) == (2, "2026-11-22T16:02:11+08:00")


def test_batch_suspended_by_members_and_lifted(chain: Chain) -> None:
    chain.batch_decision(BallotKind.SUSPEND_BATCH)
    assert standing(chain)["by"] == "members"
    chain.batch_decision(BallotKind.LIFT_BATCH_SUSPENSION, LATER + DAY, reason=36)
    assert chain.judge().outcome is Outcome.VALID


def test_vote_that_lifts_leaves_the_issuers_own_suspension(chain: Chain) -> None:
    chain.flag(BY_ISSUER, reason=1)
    chain.batch_decision(BallotKind.SUSPEND_BATCH, LATER + DAY, reason=35)
    assert (standing(chain)["by"], standing(chain)["reason"]) == ("members", 35)
    assert standing(chain)["since"] == "2026-11-23T16:02:11+08:00"
    chain.batch_decision(BallotKind.LIFT_BATCH_SUSPENSION, LATER + 2 * DAY, reason=36)
    report = chain.judge()
    assert report.code == "suspended/1"
    evidence = finding(report, Question.STANDING).evidence
    assert (evidence["by"], evidence["since"]) == ("LNSEC", "2026-11-22T16:02:11+08:00")


def test_issuer_lifts_only_its_own_suspension(chain: Chain) -> None:
    chain.batch_decision(BallotKind.SUSPEND_BATCH, reason=35)
    chain.flag(BY_MEMBERS | BY_ISSUER, LATER + DAY, reason=1)
    chain.flag(BY_MEMBERS, LATER + 2 * DAY, reason=36)
    report = chain.judge()
    assert report.code == "suspended/35"
    assert finding(report, Question.STANDING).evidence["since"] == "2026-11-22T16:02:11+08:00"


def test_reaffirming_a_suspended_batch_changes_neither_date_nor_ground_of_the_suspension(chain: Chain) -> None:
    chain.batch_decision(BallotKind.SUSPEND_BATCH, reason=35)
    chain.batch_decision(BallotKind.REAFFIRM_BATCH, LATER + DAY, reason=36)
    report = chain.judge()
    assert report.code == "suspended/35"
    assert finding(report, Question.STANDING).evidence["since"] == "2026-11-22T16:02:11+08:00"


def test_batch_revoked_by_vote_is_final(chain: Chain) -> None:
    chain.batch_decision(BallotKind.REVOKE_BATCH, reason=32)
    chain.flag(BatchFlag.REVOKED | BY_ISSUER, LATER + DAY)
    chain.flag(BatchFlag.REVOKED, LATER + 2 * DAY)
    report = chain.judge()
    assert report.code == "revoked/32"
    evidence = finding(report, Question.STANDING).evidence
    assert (evidence["by"], evidence["since"]) == ("members", "2026-11-22T16:02:11+08:00")


def test_reinstated_certificate_in_a_suspended_batch_is_suspended(chain: Chain) -> None:
    chain.change(2)
    chain.flag(BY_ISSUER, LATER + DAY, reason=1)
    chain.change(0, at=LATER + 2 * DAY)
    assert chain.judge().code == "suspended/1"


def test_certificate_suspended_alone_stays_so_when_its_batch_is_lifted(chain: Chain) -> None:
    chain.change(2, reason=34)
    chain.flag(BY_ISSUER, LATER + DAY)
    chain.flag(NOTHING, LATER + 2 * DAY)
    assert chain.judge().code == "suspended/34"
    assert chain.judge(chain.submission(index=0)).outcome is Outcome.VALID


def test_revoked_certificate_in_a_suspended_batch_is_revoked(chain: Chain) -> None:
    chain.flag(BY_ISSUER)
    chain.change(1, at=LATER + DAY)
    assert chain.judge().code == "revoked/33"


def test_superseded_certificate_in_a_suspended_batch_still_leads_on(chain: Chain) -> None:
    """Final before what may be lifted: the successor is what its holder has now."""
    chain.supersede()
    chain.flag(BY_ISSUER, LATER + DAY)
    report = chain.judge()
    assert report.code == "superseded/37"
    assert report.successor is not None


def test_batch_decisions_about_other_batches_and_issuers_are_none_of_ours(chain: Chain) -> None:
    chain.decide(BallotKind.REVOKE_BATCH, LATER, arg=32, ref=bytes(32))
    chain.decide(BallotKind.REVOKE_BATCH, LATER, issuer="RIVAL", arg=32, ref=TERMS.batch)
    chain.decide(BallotKind.REVOKE_WORD, LATER, issuer="RIVAL", arg=1 << INDEX, ref=TERMS.batch)
    assert chain.judge().outcome is Outcome.VALID


def test_votes_that_are_only_counted_or_wait_change_nothing(chain: Chain) -> None:
    chain.batch_decision(BallotKind.REVOKE_BATCH)
    chain.batch_decision(BallotKind.SUSPEND_BATCH)
    chain.records = [one for one in chain.records if getattr(one.content, "outcome", 0) < 2]
    chain.accredit()
    chain.add_keys()
    assert chain.judge().outcome is Outcome.VALID


def test_each_status_answers_question_four_alone(chain: Chain) -> None:
    chain.change(1)
    report = chain.judge()
    assert [one.answer for one in report.findings].count(Answer.FAILED) == 1
