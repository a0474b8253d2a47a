"""Receipts: what they keep, what they leave out, and that no other form of one is read."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.kernel.encoding import JsonObject, b64url, canonical_json, parse_json, unb64url
from registry.kernel.errors import RegistryError
from registry.kernel.statements import Statement, StatementRefused
from registry.verification import Outcome, Report, not_found
from registry.verification.receipts import (
    MAX_PURPOSE,
    AskedBy,
    PurposeRefused,
    asked_document,
    asked_key,
    asked_number,
    bulk_receipt,
    freshness_of,
    oldest,
    parse_verification_receipt,
    purpose_of,
    report_of,
    verification_receipt,
)
from tests.statement_keys import STATEMENT_KEY
from tests.unit.registry.verification.receipt_scene import NOTARY, receipt_on
from tests.unit.registry.verification.scene import (
    HOLDER,
    INDEX,
    ISSUED,
    NOW,
    ROOT,
    TERMS,
    Chain,
    chain_in_order,
    issue,
)

KEY = "K7Q2M4XPZ6TRWA3BCD5EFGHJNS"
GOOD = receipt_on(chain_in_order())


def claims_of(statement: Statement) -> JsonObject:
    return json.loads(json.dumps(statement.claims))


def resigned(claims: JsonObject) -> bytes:
    """Sign whatever is given, as somebody with the key could."""
    head = GOOD.text.partition(".")[0]
    body = f"{head}.{b64url(canonical_json(claims))}"
    text = f"{body}.{b64url(STATEMENT_KEY.sign(body.encode()))}"
    return canonical_json({"key": dict(STATEMENT_KEY.public_key.jwk()), "statement": text})


def test_receipt_keeps_the_verdict_its_sources_and_the_place(chain: Chain) -> None:
    report = chain.judge()
    read = parse_verification_receipt(
        verification_receipt(NOTARY, report, asked_key(KEY), purpose="入职核验").to_bytes()
    )
    assert (read.outcome, read.code) == (report.outcome, report.code)
    assert [(one.question, one.answer, one.reason) for one in read.answers] == [
        (one.question, one.answer, one.reason) for one in report.findings
    ]
    assert read.place == report.claimed
    assert read.freshness == freshness_of(report)
    assert read.freshness is not None
    assert read.freshness.block_hash == chain.knowledge().head.hash
    assert (read.number, read.revision) == ("LNSEC-2026-0000000003", 1)
    assert read.statement.digest == ISSUED.presentation().digest
    assert read.statement.issued_at == NOW
    assert (read.chain.contract, read.chain.genesis, read.chain.trust_root) == (
        ROOT.contract,
        ROOT.genesis,
        ROOT.digest(),
    )
    assert read.purpose == "入职核验"


def test_receipt_says_nothing_about_the_holder(chain: Chain) -> None:
    signed = verification_receipt(NOTARY, chain.judge(), asked_key(KEY))
    text = unb64url(signed.text.split(".")[1]).decode()
    assert signed.claims["certificate"]
    for secret in (HOLDER.name, HOLDER.identity_number or "", "1****", "86.5", "李", KEY, "disclosed"):
        assert secret not in text


def test_key_to_the_successor_is_left_out(chain: Chain) -> None:
    chain.supersede()
    report = chain.judge()
    finding = replace(report.findings[3], evidence=report.findings[3].evidence | {"successor_key": KEY})
    report = replace(report, findings=(*report.findings[:3], finding, report.findings[4]))
    assert KEY not in json.dumps(verification_receipt(NOTARY, report, asked_key(KEY)).claims)


def test_certificate_key_is_kept_as_a_digest_in_any_letter_case() -> None:
    assert asked_key(KEY) == asked_key(KEY.lower())
    assert asked_key(KEY).digest != asked_key("A" * 26).digest


def test_report_comes_back_for_wording(chain: Chain) -> None:
    chain.change(1, INDEX)
    report = chain.judge()
    back = report_of(parse_verification_receipt(verification_receipt(NOTARY, report, asked_key(KEY)).to_bytes()))
    assert (back.outcome, back.code, back.notices, back.judged_at) == (
        report.outcome,
        report.code,
        report.notices,
        report.judged_at,
    )
    assert back.content == {"licenseNumber": "LNSEC-2026-0000000003", "revision": 1}


def test_altered_file_is_named_by_its_bytes_alone(chain: Chain) -> None:
    data = chain.bundle().replace(b'"treeSize":5', b'"treeSize":4')
    read = parse_verification_receipt(
        verification_receipt(NOTARY, chain.judge_document(data), asked_document(data)).to_bytes()
    )
    assert read.outcome is Outcome.ALTERED
    assert read.place is None
    assert read.statement.digest is None
    assert read.asked == asked_document(data)


def test_look_up_that_found_nothing_keeps_the_number_and_no_name(chain: Chain) -> None:
    report = not_found(chain.circumstances())
    read = parse_verification_receipt(
        verification_receipt(NOTARY, report, asked_number(" LNSEC-1\n", with_name=True)).to_bytes()
    )
    assert read.outcome is Outcome.NOT_FOUND
    assert (read.asked.by, read.asked.number) == (AskedBy.NUMBER_AND_NAME, " LNSEC-1")
    assert (read.answers, read.number, read.place) == ((), None, None)


def test_file_too_large_to_keep_has_no_digest(chain: Chain) -> None:
    report = replace(not_found(chain.circumstances()), outcome=Outcome.UNREADABLE, code="unreadable/too-large")
    read = parse_verification_receipt(verification_receipt(NOTARY, report, asked_document(None)).to_bytes())
    assert read.asked.digest is None


def test_bulk_receipt_signs_the_result_and_the_counts(chain: Chain) -> None:
    freshness = freshness_of(chain.judge())
    signed = bulk_receipt(
        NOTARY, b"rows", {Outcome.VALID: 7, Outcome.REVOKED: 2}, judged_at=NOW, freshness=freshness, purpose="招聘"
    )
    read = parse_verification_receipt(signed.to_bytes())
    assert read.is_of_list
    assert (read.rows, read.counts) == (9, {Outcome.VALID: 7, Outcome.REVOKED: 2})
    assert read.freshness == freshness
    assert read.outcome is None


def test_oldest_is_the_lowest_block(chain: Chain) -> None:
    known = freshness_of(chain.judge())
    assert known is not None
    older = replace(known, block=known.block - 1)
    assert oldest(known, None, older) == older
    assert oldest(None) is None


@pytest.mark.parametrize(
    ("typed", "kept"),
    [(None, None), ("  ", None), (" 入职 ", "入职"), ("e\u0301", "é"), ("x" * MAX_PURPOSE, "x" * 200)],
)
def test_purpose_is_trimmed_and_composed(typed: str | None, kept: str | None) -> None:
    assert purpose_of(typed) == kept


@pytest.mark.parametrize("typed", ["x" * (MAX_PURPOSE + 1), "two\nlines", "\u202eabc", "\x00", "a\u2028b"])
def test_purpose_that_cannot_be_printed_is_refused(typed: str) -> None:
    with pytest.raises(PurposeRefused):
        purpose_of(typed)


def at(claims: JsonObject, *path: str | int) -> Any:
    here: Any = claims
    for step in path:
        here = here[step]
    return here


CHANGES: list[tuple[tuple[str | int, ...], Any]] = [
    (("outcome",), "fine"),
    (("outcome",), None),
    (("code",), "x" * 200),
    (("code",), "valid\n"),
    (("purpose",), "x" * 201),
    (("purpose",), 7),
    (("as_of",), "2026-11-20"),
    (("as_of",), "2026-11-20T00:00:00Z"),
    (("questions",), []),
    (("questions", 0, "question"), "standing"),
    (("questions", 0, "answer"), "yes"),
    (("questions", 0, "more"), 1),
    (("questions", 3, "evidence", "successor_key"), KEY),
    (("questions", 1, "evidence"), None),
    (("notices",), [{"kind": "unknown"}]),
    (("notices",), [7]),
    (("notices",), [{"kind": "test-chain", "chain": {"a": 1}}]),
    (("asked", "by"), "guess"),
    (("asked", "digest"), "AAAA"),
    (("asked", "by"), "list"),
    (("certificate",), {"number": "A"}),
    (("certificate", "revision"), 0),
    (("certificate", "revision"), True),
    (("chain", "contract"), "eip155:1:0xAB"),
    (("chain", "genesis"), "AAAA"),
    (("chain", "more"), 1),
    (("freshness", "block"), -1),
    (("freshness", "hash"), "AA"),
    (("freshness", "time"), "2026-13-01T00:00:00+08:00"),
    (("freshness", "time"), "2026-12-01T00:00:00.5+08:00"),
    (("freshness", "nodes"), "4"),
    (("place", "index"), 2**24),
    (("place", "issuer"), "lnsec"),
    (("place", "scope"), "AIGC"),
    (("place", "has_key"), 1),
    (("place", "recorded", "size"), 0),
    (("place", "recorded"), {}),
    (("place", "valid_until"), 7),
    (("more",), 1),
]


@pytest.mark.parametrize(("path", "value"), CHANGES, ids=str)
def test_no_other_form_is_read_whoever_signed_it(path: tuple[str | int, ...], value: Any) -> None:
    claims = claims_of(GOOD)
    if path == ("questions",) and value == []:
        claims["questions"] = [1]
    else:
        at(claims, *path[:-1])[path[-1]] = value
    with pytest.raises(StatementRefused) as error:
        parse_verification_receipt(resigned(claims))
    assert error.value.part == "claims"


@pytest.mark.parametrize("member", sorted(claims_of(GOOD)))
def test_no_member_may_be_missing(member: str) -> None:
    claims = claims_of(GOOD)
    del claims[member]
    with pytest.raises(StatementRefused):
        parse_verification_receipt(resigned(claims))


def test_signing_again_what_was_not_changed_is_read() -> None:
    assert parse_verification_receipt(resigned(claims_of(GOOD))).statement.claims == GOOD.claims


def test_counts_of_a_list_add_up() -> None:
    signed = bulk_receipt(NOTARY, b"rows", {Outcome.VALID: 7}, judged_at=NOW, freshness=None)
    for member, value in (("rows", 8), ("counts", {"valid": 0}), ("counts", {"fine": 7}), ("counts", {"valid": "7"})):
        with pytest.raises(StatementRefused):
            parse_verification_receipt(resigned({**claims_of(signed), member: value}))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(member=st.sampled_from(sorted(claims_of(GOOD))), value=_JSON)
def test_reading_any_claims_raises_nothing_but_ours(member: str, value: Any) -> None:
    claims = claims_of(GOOD)
    claims[member] = value
    try:
        data = resigned(claims)
    except RegistryError:  # no canonical form
        return
    try:
        read = parse_verification_receipt(data)
    except RegistryError:
        return
    assert parse_json(canonical_json(read.statement.claims)) == claims


def test_receipt_of_every_outcome_is_read_again(chain: Chain) -> None:
    chain.change(2, INDEX)
    reports: list[Report] = [
        chain.judge(),
        chain.judge(knowledge=None),
        chain.judge(as_of=NOW - timedelta(days=5)),
        chain.judge_document(b"nothing of ours"),
        chain.judge_document(chain.bundle() + b" "),
    ]
    for report in reports:
        read = parse_verification_receipt(verification_receipt(NOTARY, report, asked_key(KEY)).to_bytes())
        assert report_of(read).code == report.code
        assert read.as_of == report.as_of
    assert len({one.outcome for one in reports}) > 3


def test_certificate_for_life_is_worded_so() -> None:
    issued = issue(replace(TERMS, last_valid_day=None))
    chain = chain_in_order(issued)
    signed = verification_receipt(NOTARY, chain.judge(chain.submission(issued)), asked_key(KEY))
    back = report_of(parse_verification_receipt(signed.to_bytes()))
    assert back.findings[4].evidence == {"valid_from": "2026-11-20", "valid_until": None}
