"""Asked by place alone, the judge answers questions 2 to 5 as it does for the document itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from registry.anchor.history import BallotKind, BatchFlag
from registry.kernel.identifiers import BlockHash
from registry.status import Status
from registry.verification import judge_claimed
from registry.verification.claimed import Claimed, claimed_by
from registry.verification.model import Answer, Outcome
from tests.unit.registry.verification.scene import (
    NOW,
    VALID_FROM,
    VALID_UNTIL,
    Chain,
    chain_in_order,
    fixed,
)

STORIES: dict[str, Callable[[Chain], object]] = {
    "in order": lambda chain: None,
    "revoked": lambda chain: chain.change(int(Status.REVOKED)),
    "suspended": lambda chain: chain.change(int(Status.SUSPENDED)),
    "superseded": lambda chain: chain.supersede(),
    "reinstated": lambda chain: (chain.change(2), chain.change(0)),
    "batch suspended": lambda chain: chain.flag(BatchFlag.SUSPENDED_BY_ISSUER),
    "batch revoked": lambda chain: chain.batch_decision(BallotKind.REVOKE_BATCH),
    "never recorded": lambda chain: chain.records.pop(),
    "nobody accredited": lambda chain: chain.records.clear(),
    "issuer withdrawn": lambda chain: chain.decide(BallotKind.WITHDRAW, NOW - timedelta(days=1)),
}
CIRCUMSTANCES = {
    "now": {},
    "before its validity": {"now": VALID_FROM - timedelta(days=1)},
    "after its validity": {"now": VALID_UNTIL},
    "node away": {"knowledge": None, "cause": "node-unreachable"},
    "test chain": {"test_chain": 20268},
    "an hour later": {"now": NOW + timedelta(hours=1)},
    "as of yesterday": {"as_of": NOW - timedelta(days=1)},
    "as of long ago": {"as_of": NOW - timedelta(days=9000)},
}


def place(chain: Chain, receipt_of: Chain | None = None) -> Claimed:
    submission = (receipt_of or chain).submission()
    return claimed_by(submission.credential, submission.receipt, has_key=True)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("when", CIRCUMSTANCES)
def test_place_gets_the_verdict_of_the_document(story: str, when: str) -> None:
    chain, told = chain_in_order(), CIRCUMSTANCES[when]
    submission = chain.submission()
    STORIES[story](chain)
    whole = chain.judge(submission, **told)
    claimed = claimed_by(submission.credential, submission.receipt, has_key=True)
    asked = judge_claimed(claimed, chain.circumstances(**told), checked=True)
    assert (asked.outcome, asked.code, asked.notices) == (whole.outcome, whole.code, whole.notices)
    assert asked.findings[1:] == whole.findings[1:]
    assert (asked.successor, asked.last_known) == (whole.successor, whole.last_known)
    assert asked.content is None


@pytest.mark.parametrize("story", STORIES)
def test_unseen_document_is_never_valid(story: str) -> None:
    chain = chain_in_order()
    claimed = place(chain)
    STORIES[story](chain)
    report = judge_claimed(claimed, chain.circumstances(), checked=False)
    assert report.outcome is not Outcome.VALID
    assert report.findings[0].answer is Answer.COULD_NOT_CHECK
    assert report.findings[0].reason == "document-not-shown"


def test_receipt_of_another_chain_of_blocks_is_altered_whoever_checked() -> None:
    """Who checked the document could not see that its receipt is not as the chain has it."""
    chain = chain_in_order()
    claimed = place(chain)
    assert claimed.recorded is not None
    moved = replace(claimed, recorded=replace(claimed.recorded, block_hash=BlockHash(fixed("elsewhere"))))
    report = judge_claimed(moved, chain.circumstances(), checked=True)
    assert (report.outcome, report.code) == (Outcome.ALTERED, "altered/receipt-disagrees")
    assert report.findings[0].evidence["member"] == "blockHash"
    assert judge_claimed(claimed, chain.circumstances(), checked=True).outcome is Outcome.VALID


def test_place_without_receipt_or_key_leaves_questions_open() -> None:
    chain = chain_in_order()
    report = judge_claimed(replace(place(chain), recorded=None, has_key=False), chain.circumstances(), checked=True)
    assert [one.reason for one in report.findings[:3]] == ["checked-by-reader", "no-key", "no-receipt"]
