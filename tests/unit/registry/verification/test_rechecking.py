"""A kept receipt held against the chain, years later: what stands, what is found out, what is the signer's word."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from registry.anchor.history import Block, KeyKind
from registry.kernel.identifiers import BatchId, BlockHash, Digest, IssuerCode
from registry.kernel.statements import Statement
from registry.verification import Answer, Outcome, Question, Report, not_found
from registry.verification.receipts import (
    Asked,
    Notary,
    asked_document,
    asked_key,
    asked_number,
    bulk_receipt,
    freshness_of,
    parse_verification_receipt,
    verification_receipt,
)
from registry.verification.rechecking import Check, CheckKind, Recheck, RecheckOutcome, Word, recheck
from tests.statement_keys import STATEMENT_KEY, key_in_hand
from tests.unit.registry.verification.receipt_scene import NOTARY, with_statement_key
from tests.unit.registry.verification.scene import (
    ACCREDITED,
    INDEX,
    NOW,
    ROOT,
    Chain,
    fixed,
    full_bundle,
    slot,
)

BLOCK = 10**6
LATER = NOW + timedelta(days=700)
ASKED = asked_key("A" * 26)


@dataclass
class Years:
    """A chain on which time passes after a receipt was signed."""

    chain: Chain
    blocks: dict[int, Block] = field(default_factory=dict)

    def receipt(
        self, report: Report | None = None, asked: Asked = ASKED, *, by: Notary = NOTARY, **more: Any
    ) -> Statement:
        head = self.chain.knowledge().head
        self.blocks[head.number] = head
        return verification_receipt(by, self.chain.judge() if report is None else report, asked, **more)

    def pass_on(self) -> "Years":
        """Whatever is written from here on stands in later blocks."""
        self.chain.numbers = iter(range(BLOCK + 1, BLOCK * 2))
        return self

    def recheck(
        self, signed: Statement, *, now: datetime = LATER, file: bytes | None = None, **changes: Any
    ) -> Recheck:
        known = self.chain.knowledge(
            head=Block(number=2 * BLOCK, hash=BlockHash(fixed("head later")), time=now - timedelta(seconds=3)),
            read_at=now,
        )
        return recheck(
            parse_verification_receipt(signed.to_bytes()),
            **{
                "knowledge": known,
                "block_of": self.blocks.get,
                "now": now,
                "max_age": timedelta(seconds=60),
                "file": file,
                **changes,
            },
        )


@pytest.fixture
def years(chain: Chain) -> Years:
    return Years(with_statement_key(chain))


def check(found: Recheck, kind: CheckKind) -> Check:
    return next(one for one in found.checks if one.kind is kind)


def test_receipt_stands_years_later(years: Years) -> None:
    found = years.recheck(years.receipt(purpose="入职"))
    assert found.code == "stands"
    assert [(one.kind, one.answer, one.reason) for one in found.checks] == [
        (kind, Answer.PASSED, "ok") for kind in CheckKind if kind is not CheckKind.FILE
    ]
    assert found.words == (Word.DOCUMENT, Word.MOMENT, Word.PURPOSE)
    assert found.today is None


@pytest.mark.parametrize("code", [1, 2])
def test_receipt_stands_after_the_certificate_was_revoked_or_suspended(years: Years, code: int) -> None:
    signed = years.receipt()
    years.pass_on().chain.change(code, INDEX, at=NOW + timedelta(days=3))
    found = years.recheck(signed)
    assert found.outcome is RecheckOutcome.STANDS
    assert found.today is not None
    assert found.today.outcome is (Outcome.REVOKED if code == 1 else Outcome.SUSPENDED)


@pytest.mark.parametrize("code", [1, 2])
def test_receipt_of_a_revoked_certificate_stands(years: Years, code: int) -> None:
    years.chain.change(code, INDEX)
    assert years.recheck(years.receipt()).outcome is RecheckOutcome.STANDS


def test_receipt_of_a_past_day_stands(years: Years) -> None:
    years.chain.change(1, INDEX)
    report = years.chain.judge(as_of=NOW - timedelta(days=12))
    assert report.outcome is Outcome.VALID
    assert years.recheck(years.receipt(report)).outcome is RecheckOutcome.STANDS


def test_receipt_stands_after_its_key_was_retired(years: Years) -> None:
    signed = years.receipt()
    until = int((NOW + timedelta(days=9)).timestamp())
    retired = slot(KeyKind.STATEMENT, number=4, until=until)
    years.pass_on().chain.key(STATEMENT_KEY.thumbprint(), retired, NOW + timedelta(days=9))
    found = years.recheck(signed)
    assert found.outcome is RecheckOutcome.STANDS
    assert check(found, CheckKind.KEY).evidence["retired"]


def test_receipt_of_a_key_retired_before_is_not_recognised(years: Years) -> None:
    until = int((NOW - timedelta(seconds=1)).timestamp())
    years.chain.key(STATEMENT_KEY.thumbprint(), slot(KeyKind.STATEMENT, number=4, until=until), NOW)
    assert years.recheck(years.receipt()).code == "not-recognised/key-outside-window"


def test_receipt_of_a_key_registered_later_is_not_recognised(chain: Chain) -> None:
    years = Years(chain)
    signed = years.receipt()
    begun = slot(KeyKind.STATEMENT, number=4, start=NOW + timedelta(seconds=1))
    years.pass_on().chain.key(STATEMENT_KEY.thumbprint(), begun, NOW + timedelta(seconds=1))
    assert years.recheck(signed).code == "not-recognised/key-outside-window"


@pytest.mark.parametrize(("seconds", "outcome"), [(0, "not-recognised/key-compromised"), (1, "stands")])
def test_receipt_of_a_stolen_key_stands_only_from_before_the_theft(years: Years, seconds: int, outcome: str) -> None:
    signed = years.receipt()
    since = int(NOW.timestamp()) + seconds
    years.pass_on().chain.key(STATEMENT_KEY.thumbprint(), slot(KeyKind.STATEMENT, number=4, since=since), LATER)
    assert years.recheck(signed).code == outcome


@pytest.mark.parametrize("kind", [KeyKind.CREDENTIAL, KeyKind.SENDER, KeyKind.APPROVER])
def test_keys_of_another_kind_sign_no_receipts(chain: Chain, kind: KeyKind) -> None:
    chain.key(STATEMENT_KEY.thumbprint(), slot(kind, number=4), ACCREDITED)
    years = Years(chain)
    assert years.recheck(years.receipt()).code == "not-recognised/key-of-another-kind"


def test_a_strangers_receipt_is_not_recognised(years: Years) -> None:
    stranger = replace(NOTARY, signer=key_in_hand("a stranger's"))
    assert years.recheck(years.receipt(by=stranger)).code == "not-recognised/key-not-the-issuers"


def test_a_key_of_one_body_signs_for_no_other(years: Years) -> None:
    other = replace(NOTARY, iss="https://zs.example.cn/issuers/RIVAL")
    assert years.recheck(years.receipt(by=other)).code == "not-recognised/key-not-the-issuers"


def reported(report: Report, outcome: Outcome, *, answers: dict[Question, Answer] | None = None) -> Report:
    """A report that says something else, as a thief of the key might write it."""
    wanted = answers or {}
    findings = tuple(
        replace(one, answer=wanted.get(one.question, one.answer), reason="ok" if one.question in wanted else one.reason)
        for one in report.findings
    )
    return replace(report, outcome=outcome, code=str(outcome), findings=findings)


def test_a_false_verdict_under_a_good_key_is_found_out(years: Years) -> None:
    years.chain.change(1, INDEX)
    lie = reported(years.chain.judge(), Outcome.VALID, answers={Question.STANDING: Answer.PASSED})
    found = years.recheck(years.receipt(lie))
    assert found.code == "contradicted/question-standing"
    assert check(found, CheckKind.VERDICT).evidence["judged_again"] == "revoked"


def test_a_false_revocation_under_a_good_key_is_found_out(years: Years) -> None:
    lie = reported(years.chain.judge(), Outcome.REVOKED, answers={Question.STANDING: Answer.FAILED})
    assert years.recheck(years.receipt(lie)).code == "contradicted/question-standing"


@pytest.mark.parametrize("member", ["since", "reason", "by", "status"])
def test_another_ground_of_a_revocation_is_found_out(years: Years, member: str) -> None:
    years.chain.change(1, INDEX)
    report = years.chain.judge()
    fourth = report.findings[3]
    changed = replace(fourth, evidence=fourth.evidence | {member: "something else" if member != "reason" else 32})
    lie = replace(report, findings=(*report.findings[:3], changed, report.findings[4]))
    assert years.recheck(years.receipt(report)).outcome is RecheckOutcome.STANDS
    assert years.recheck(years.receipt(lie)).code == "contradicted/question-standing"


def test_an_outcome_that_its_own_answers_do_not_give_is_found_out(years: Years) -> None:
    years.chain.change(1, INDEX)
    lie = replace(years.chain.judge(), outcome=Outcome.VALID, code="valid")
    assert years.recheck(years.receipt(lie)).code == "contradicted/outcome-of-its-answers"
    empty = replace(not_found(years.chain.circumstances()), outcome=Outcome.VALID, code="valid")
    assert years.recheck(years.receipt(empty)).code == "contradicted/outcome-of-its-answers"


def test_a_verdict_without_a_place_is_found_out(years: Years) -> None:
    lie = replace(years.chain.judge(), claimed=None)
    assert years.recheck(years.receipt(lie)).code == "contradicted/no-place"
    unread = tuple(replace(one, freshness=None) for one in years.chain.judge().findings)
    assert years.recheck(years.receipt(replace(years.chain.judge(), findings=unread))).code == "contradicted/no-place"


def changed_place(report: Report, **members: Any) -> Report:
    assert report.claimed is not None
    return replace(report, claimed=replace(report.claimed, **members))


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"batch": BatchId(fixed("elsewhere"))}, "contradicted/question-on-chain"),
        ({"index": 99}, "contradicted/question-on-chain"),
        ({"issuer": IssuerCode("RIVAL")}, "contradicted/question-issuers-key"),
        ({"valid_until": NOW - timedelta(days=1)}, "contradicted/question-in-force"),
        ({"signer": fixed("another key")}, "contradicted/question-issuers-key"),
    ],
)
def test_a_place_that_is_not_the_certificates_is_found_out(years: Years, members: Any, code: str) -> None:
    assert years.recheck(years.receipt(changed_place(years.chain.judge(), **members))).code == code


def test_a_verdict_from_before_the_block_is_found_out(years: Years) -> None:
    """Dated back into a block in which the certificate was revoked already."""
    before = years.chain.judge()
    years.chain.change(1, INDEX)
    assert years.recheck(years.receipt(before)).code == "contradicted/question-standing"


def with_freshness(report: Report, **members: Any) -> Report:
    findings = tuple(
        replace(one, freshness=replace(one.freshness, **members)) if one.freshness else one for one in report.findings
    )
    return replace(report, findings=findings)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"block_hash": BlockHash(fixed("no block"))}, "contradicted/block-not-on-chain"),
        ({"time": NOW - timedelta(minutes=9)}, "contradicted/block-not-on-chain"),
        ({"time": NOW + timedelta(hours=1)}, "contradicted/block-after-receipt"),
        ({"block": 3 * BLOCK}, "cannot-confirm/beyond-what-was-read"),
        ({"block": BLOCK - 1}, "cannot-confirm/block-not-read"),
        ({"block_hash": None}, "stands"),
    ],
)
def test_the_block_must_be_on_the_chain_with_its_time(years: Years, members: Any, code: str) -> None:
    assert years.recheck(years.receipt(with_freshness(years.chain.judge(), **members))).code == code


def test_a_block_that_a_record_stands_in_needs_no_node(years: Years) -> None:
    record = years.chain.records[-1].position
    report = with_freshness(
        years.chain.judge(), block=record.block_number, block_hash=record.block_hash, time=record.block_time
    )
    found = years.recheck(years.receipt(report), block_of=None)
    assert check(found, CheckKind.BLOCK).answer is Answer.PASSED


def test_without_a_node_the_block_stays_open(years: Years) -> None:
    found = years.recheck(years.receipt(), block_of=None, cause="node-unreachable")
    assert found.code == "cannot-confirm/node-unreachable"
    assert check(found, CheckKind.VERDICT).answer is Answer.PASSED


def test_nothing_known_leaves_all_but_the_signature_open(years: Years) -> None:
    found = years.recheck(years.receipt(), knowledge=None)
    assert found.code == "cannot-confirm/never-read"
    assert [one.answer for one in found.checks] == [Answer.PASSED, *[Answer.COULD_NOT_CHECK] * 4]


def test_old_knowledge_leaves_the_key_open_as_it_may_have_been_stolen(years: Years) -> None:
    signed = years.receipt()
    old = years.chain.knowledge(head=Block(number=2 * BLOCK, hash=BlockHash(fixed("h")), time=NOW), read_at=NOW)
    assert years.recheck(signed, knowledge=old).code == "cannot-confirm/knowledge-too-old"


def test_a_receipt_dated_ahead_stays_open(years: Years) -> None:
    assert years.recheck(years.receipt(), now=NOW - timedelta(days=1)).code == "cannot-confirm/dated-ahead"


def test_another_chain_stays_open(years: Years) -> None:
    elsewhere = replace(NOTARY, trust_root=replace(ROOT, genesis=BlockHash(fixed("another genesis"))))
    found = years.recheck(years.receipt(by=elsewhere))
    assert found.code == "cannot-confirm/other-chain"


def test_another_trust_root_of_the_same_chain_is_said(years: Years) -> None:
    renewed = replace(NOTARY, trust_root=replace(ROOT, code_hash=Digest(fixed("other code"))))
    found = years.recheck(years.receipt(by=renewed))
    assert found.outcome is RecheckOutcome.STANDS
    assert check(found, CheckKind.CHAIN).reason == "ok-other-root"


def test_what_could_not_be_checked_then_is_contradicted_by_nothing(years: Years) -> None:
    late = years.chain.judge(now=NOW + timedelta(hours=5))
    assert late.outcome is Outcome.CANNOT_CONFIRM
    signed = years.receipt(late)
    years.pass_on().chain.change(1, INDEX, at=NOW + timedelta(days=3))
    assert years.recheck(signed).outcome is RecheckOutcome.STANDS


def test_look_up_that_found_nothing_rests_on_the_signers_word(years: Years) -> None:
    signed = years.receipt(not_found(years.chain.circumstances()), asked_number("LNSEC-1", with_name=True))
    found = years.recheck(signed)
    assert found.outcome is RecheckOutcome.STANDS
    assert found.words == (Word.LOOK_UP, Word.MOMENT)


FILES: dict[str, Callable[[Chain], bytes]] = {"bundle": lambda chain: chain.bundle(), "full": full_bundle}


@pytest.mark.parametrize("form", FILES)
def test_with_the_file_question_one_is_checked_again(years: Years, form: str) -> None:
    found = years.recheck(years.receipt(), file=FILES[form](years.chain))
    assert found.outcome is RecheckOutcome.STANDS
    assert check(found, CheckKind.FILE).answer is Answer.PASSED
    assert found.words == (Word.MOMENT,)


def test_another_certificate_is_not_the_file(years: Years) -> None:
    found = years.recheck(years.receipt(), file=years.chain.bundle(index=1))
    assert found.code == "contradicted/another-file"


def test_an_altered_file_is_not_the_file_of_a_good_verdict(years: Years) -> None:
    data = years.chain.bundle().replace(b'"treeSize":5', b'"treeSize":6')
    assert years.recheck(years.receipt(), file=data).code == "contradicted/question-unaltered"


def test_receipt_of_an_altered_file_is_about_these_bytes(years: Years) -> None:
    data = years.chain.bundle().replace(b'"treeSize":5', b'"treeSize":4')
    signed = years.receipt(years.chain.judge_document(data), asked_document(data))
    assert years.recheck(signed, file=data).outcome is RecheckOutcome.STANDS
    assert years.recheck(signed, file=years.chain.bundle()).code == "contradicted/another-file"


def test_good_file_called_altered_is_found_out(years: Years) -> None:
    data = years.chain.bundle()
    other = data.replace(b'"treeSize":5', b'"treeSize":4')
    signed = years.receipt(years.chain.judge_document(other), asked_document(data))
    assert years.recheck(signed, file=data).code == "contradicted/question-unaltered"


def test_digest_of_one_certificate_at_the_place_of_another_is_found_out_by_the_file(years: Years) -> None:
    report = changed_place(years.chain.judge(), index=1)
    assert years.recheck(years.receipt(report)).outcome is RecheckOutcome.STANDS
    assert years.recheck(years.receipt(report), file=years.chain.bundle()).code == "contradicted/another-place"


def test_list_stands_with_its_result_file(years: Years) -> None:
    years.receipt()
    freshness = freshness_of(years.chain.judge())
    signed = bulk_receipt(NOTARY, b"rows", {Outcome.VALID: 3}, judged_at=NOW, freshness=freshness)
    assert years.recheck(signed).outcome is RecheckOutcome.STANDS
    assert years.recheck(signed).words == (Word.ROWS, Word.MOMENT)
    assert years.recheck(signed, file=b"rows").outcome is RecheckOutcome.STANDS
    assert years.recheck(signed, file=b"rowz").code == "contradicted/another-file"
