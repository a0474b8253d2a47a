"""A certificate issued in the place of another: it stands from the record on by which the other falls."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from registry.anchor.history import Superseded
from registry.kernel.identifiers import BatchId
from registry.verification import Outcome, Question, judge_claimed
from registry.verification.judging import PREDECESSOR_STANDS
from tests.unit.registry.verification.scene import (
    ANCHORED,
    APPROVER,
    CONTRACT,
    INDEX,
    ISSUED,
    ISSUER,
    LATER,
    NOW,
    OTHER_ISSUER,
    TERMS,
    Chain,
    account,
    answers,
    chain_in_order,
    finding,
    fixed,
    issue,
)

SUCCESSORS = issue(
    replace(TERMS, batch=BatchId(fixed("successors"))), size=2, replaces=UUID(bytes=fixed("jti 3", 16), version=4)
)
NEW_AT = LATER - timedelta(hours=3)


def recorded() -> Chain:
    """Both are on the chain; nothing says yet that one took the other's place."""
    chain = chain_in_order()
    chain.anchor(SUCCESSORS, at=NEW_AT)
    return chain


def takes_place(chain: Chain, **changes: object) -> None:
    content = Superseded(
        issuer=ISSUER,
        batch=ISSUED.terms.batch,
        approver=APPROVER,
        indices=(INDEX,),
        target_contract=CONTRACT.address,
        target_issuer=ISSUER,
        new_batch=SUCCESSORS.terms.batch,
        new_indices=(1,),
        reason=37,
    )
    chain.write(replace(content, **changes), LATER)  # type: ignore[arg-type]


def test_until_the_chain_says_so_the_old_one_stands_and_the_new_one_is_pending() -> None:
    chain = recorded()
    assert chain.judge().outcome is Outcome.VALID
    report = chain.judge(chain.submission(SUCCESSORS, 1))
    assert (report.outcome, report.code) == (Outcome.PENDING, f"pending/{PREDECESSOR_STANDS}")
    assert answers(report) == "ppp?p"
    assert finding(report, Question.STANDING).reason == PREDECESSOR_STANDS


def test_one_record_makes_the_old_one_fall_and_the_new_one_stand() -> None:
    chain = recorded()
    takes_place(chain)
    assert chain.judge().outcome is Outcome.SUPERSEDED
    assert chain.judge(chain.submission(SUCCESSORS, 1)).outcome is Outcome.VALID
    # Beside it in the same batch stands one that no record names.
    assert chain.judge(chain.submission(SUCCESSORS, 0)).outcome is Outcome.PENDING


def test_after_every_record_exactly_one_of_the_two_is_valid() -> None:
    chain = recorded()
    takes_place(chain)
    known = chain.knowledge()
    anchored = next(place for place, one in enumerate(known.records) if one.position.block_time == ANCHORED)
    for end in range(anchored + 1, len(known.records) + 1):
        so_far = replace(known, records=known.records[:end])
        reports = [
            chain.judge(submission, knowledge=so_far)
            for submission in (chain.submission(), chain.submission(SUCCESSORS, 1))
        ]
        assert sum(one.outcome is Outcome.VALID for one in reports) == 1, end


def test_as_of_a_day_before_it_the_old_one_stood() -> None:
    chain = recorded()
    takes_place(chain)
    day = LATER - timedelta(hours=1)
    assert chain.judge(as_of=day).outcome is Outcome.VALID
    assert chain.judge(chain.submission(SUCCESSORS, 1), as_of=day).outcome is Outcome.PENDING
    assert chain.judge(chain.submission(SUCCESSORS, 1), as_of=NEW_AT - timedelta(hours=1)).outcome is (
        Outcome.NOT_REGISTERED
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": OTHER_ISSUER, "batch": BatchId(fixed("another's"))},
        {"target_issuer": OTHER_ISSUER},
        {"target_contract": account("another contract")},
        {"new_batch": BatchId(fixed("another batch"))},
        {"new_indices": (0,)},
    ],
    ids=["of another issuer", "to another issuer", "in another contract", "of another batch", "another leaf"],
)
def test_no_other_record_lets_it_stand(changes: dict[str, object]) -> None:
    chain = recorded()
    takes_place(chain, **changes)
    assert chain.judge(chain.submission(SUCCESSORS, 1)).outcome is Outcome.PENDING


def test_with_old_knowledge_nobody_says_that_it_does_not_stand_yet() -> None:
    chain = recorded()
    old = replace(chain.knowledge(), read_at=NOW - timedelta(days=30))
    assert chain.judge(chain.submission(SUCCESSORS, 1), knowledge=old).outcome is Outcome.CANNOT_CONFIRM


def test_what_is_asked_by_its_place_alone_follows_the_same_rule() -> None:
    chain = recorded()
    claimed = chain.judge(chain.submission(SUCCESSORS, 1)).claimed
    assert claimed is not None
    assert claimed.replaces
    assert judge_claimed(claimed, chain.circumstances(), checked=True).outcome is Outcome.PENDING
    takes_place(chain)
    assert judge_claimed(claimed, chain.circumstances(), checked=True).outcome is Outcome.VALID
