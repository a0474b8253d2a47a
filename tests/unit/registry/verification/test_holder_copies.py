"""Copies that a holder makes for somebody: read strictly, judged as the certificate in them, with a notice beside."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.pages.catalogue import catalogue
from api.pages.verdict import verdict_page
from registry.anchor.history import KeyKind
from registry.credential import Unreadable
from registry.delivery.bundle import parse_document
from registry.delivery.copies import (
    MAX_COPY,
    CopyAltered,
    CopyTermsRefused,
    HolderCopy,
    copy_bytes,
    copy_statement,
    is_copy,
    read_copy,
)
from registry.kernel.encoding import b64url, canonical_json, unb64url
from registry.verification import Notice, NoticeKind, Outcome
from registry.verification.receipts import asked_document, parse_verification_receipt, verification_receipt
from tests.statement_keys import STATEMENT_KEY, KeyInHand, key_in_hand
from tests.unit.registry.verification.receipt_scene import NOTARY, with_statement_key
from tests.unit.registry.verification.scene import (
    ACCREDITED,
    INDEX,
    NOW,
    Chain,
    answers,
    chain_in_order,
    full_bundle,
    notice,
    slot,
)

UNTIL = date(2026, 12, 31)
MADE = NOW - timedelta(days=2)


def copy_of(
    bundle: bytes, *, signer: KeyInHand = STATEMENT_KEY, until: date = UNTIL, at: datetime = MADE, **terms: str
) -> bytes:
    words = {"purpose": "入职核验", "audience": "深圳市云帆数据有限公司", **terms}
    return copy_bytes(bundle, copy_statement(signer, bundle, until=until, at=at, **words))


@pytest.fixture
def known(chain: Chain) -> Chain:
    return with_statement_key(chain)


COPY = copy_of(chain_in_order().bundle())


def test_copy_is_read_as_it_was_made(known: Chain) -> None:
    read = read_copy(copy_of(known.bundle()))
    assert (read.copy.purpose, read.copy.audience, read.copy.until) == ("入职核验", "深圳市云帆数据有限公司", UNTIL)
    assert read.copy.statement.issued_at == MADE.replace(microsecond=0)
    assert isinstance(parse_document(COPY), HolderCopy)
    assert json.loads(COPY)["bundle"] == json.loads(known.bundle())


def test_bundle_inside_is_the_same_bytes(known: Chain) -> None:
    assert known.bundle() in copy_of(known.bundle())


def test_copy_is_judged_as_its_certificate_with_a_notice(known: Chain) -> None:
    report = known.judge_document(copy_of(known.bundle()))
    assert report.outcome is Outcome.VALID
    assert notice(report, NoticeKind.HOLDER_COPY) == Notice(
        kind=NoticeKind.HOLDER_COPY,
        values={"audience": "深圳市云帆数据有限公司", "purpose": "入职核验", "until": "2026-12-31"},
    )
    assert notice(known.judge_document(known.bundle()), NoticeKind.HOLDER_COPY) is None


def test_copy_with_the_whole_identity_number_is_judged_too(known: Chain) -> None:
    assert known.judge_document(copy_of(full_bundle(known))).outcome is Outcome.VALID


@pytest.mark.parametrize("language", ["zh", "en"])
def test_lapsed_copy_says_so_and_the_certificate_stands(known: Chain, language: Any) -> None:
    report = known.judge_document(copy_of(known.bundle(), until=(NOW - timedelta(days=1)).date()))
    assert report.outcome is Outcome.VALID
    (view,) = (
        one
        for one in verdict_page(report, catalogue(language), entrance="document", contacts={}).notices
        if one.kind == "holder-copy"
    )
    assert view.warning
    assert "2026-12-02" in view.text


def test_copy_of_a_revoked_certificate_is_revoked(known: Chain) -> None:
    known.change(1, INDEX)
    report = known.judge_document(copy_of(known.bundle()))
    assert report.outcome is Outcome.REVOKED
    assert notice(report, NoticeKind.HOLDER_COPY)


def test_copy_of_a_stranger_is_not_recognised_and_his_words_are_not_shown(known: Chain) -> None:
    report = known.judge_document(copy_of(known.bundle(), signer=key_in_hand("a stranger's")))
    assert (report.code, answers(report)) == ("not-recognised/copy-key-not-the-issuers", "pfppp")
    assert notice(report, NoticeKind.HOLDER_COPY) is None


def test_credential_key_makes_no_copies(chain: Chain) -> None:
    chain.key(STATEMENT_KEY.thumbprint(), slot(KeyKind.CREDENTIAL, number=4), ACCREDITED)
    assert chain.judge_document(copy_of(chain.bundle())).code == "not-recognised/copy-key-not-the-issuers"


@pytest.mark.parametrize(("seconds", "code"), [(0, "not-recognised/copy-key-compromised"), (1, "valid")])
def test_key_stolen_before_the_copy_was_made(chain: Chain, seconds: int, code: str) -> None:
    since = int(MADE.timestamp()) + seconds
    chain.key(STATEMENT_KEY.thumbprint(), slot(KeyKind.STATEMENT, number=4, since=since), ACCREDITED)
    assert chain.judge_document(copy_of(chain.bundle())).code == code


def test_key_retired_before_the_copy_was_made(chain: Chain) -> None:
    chain.key(STATEMENT_KEY.thumbprint(), slot(KeyKind.STATEMENT, number=4, until=int(MADE.timestamp())), ACCREDITED)
    assert chain.judge_document(copy_of(chain.bundle())).code == "not-recognised/copy-key-outside-window"


def test_unknown_key_stays_open_while_nothing_fresh_is_known(chain: Chain) -> None:
    report = chain.judge_document(copy_of(chain.bundle()), now=NOW + timedelta(hours=5))
    assert report.outcome is Outcome.CANNOT_CONFIRM


def test_one_field_more_alters_the_copy(known: Chain) -> None:
    parts = json.loads(copy_of(known.bundle()))
    parts["bundle"] = json.loads(full_bundle(known))
    with pytest.raises(CopyAltered) as error:
        parse_document(canonical_json(parts))
    assert error.value.part == "presentation"


def test_one_field_fewer_alters_the_copy(known: Chain) -> None:
    parts = json.loads(copy_of(known.bundle()))
    jwt, *disclosures, end = parts["bundle"]["credential"].split("~")
    parts["bundle"]["credential"] = "~".join((jwt, *disclosures[1:], end))
    report = known.judge_document(canonical_json(parts))
    assert report.code == "altered/altered"


def test_statement_of_another_copy_does_not_fit(known: Chain) -> None:
    parts = json.loads(copy_of(known.bundle()))
    parts["copy"] = json.loads(copy_of(known.bundle(index=1)))["copy"]
    with pytest.raises(CopyAltered):
        parse_document(canonical_json(parts))


def test_a_verification_receipt_is_no_copys_statement(known: Chain) -> None:
    receipt = verification_receipt(NOTARY, known.judge(), asked_document(b""))
    data = canonical_json({"bundle": json.loads(known.bundle()), "copy": receipt.to_json()})
    with pytest.raises(CopyAltered) as error:
        parse_document(data)
    assert error.value.part == "statement"


def test_altered_bundle_in_a_copy_is_altered(known: Chain) -> None:
    data = copy_of(known.bundle()).replace(b'"treeSize":5', b'"treeSize":4')
    assert known.judge_document(data).outcome is Outcome.ALTERED


@pytest.mark.parametrize(
    "members", [{"purpose": "别的用途"}, {"audience": "别人"}, {"exp": 4_000_000_000}, {"presentation": "AA"}]
)
def test_changed_terms_are_altered(members: dict[str, Any]) -> None:
    parts = json.loads(COPY)
    head, payload, signature = parts["copy"]["statement"].split(".")
    claims = json.loads(unb64url(payload)) | members
    parts["copy"]["statement"] = f"{head}.{b64url(canonical_json(claims))}.{signature}"
    with pytest.raises(CopyAltered):
        parse_document(canonical_json(parts))


@pytest.mark.parametrize("change", [lambda one: one | {"more": 1}, lambda one: one | {"copy": None}])
def test_another_form_is_altered(change: Any) -> None:
    with pytest.raises(CopyAltered):
        parse_document(canonical_json(change(json.loads(COPY))))
    with pytest.raises(CopyAltered):
        parse_document(COPY + b"\n")


def test_what_is_too_large_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read_copy(COPY + b" " * MAX_COPY)


@pytest.mark.parametrize("terms", [{"purpose": ""}, {"audience": " "}, {"purpose": "x" * 101}, {"audience": "a\nb"}])
def test_terms_that_cannot_be_printed_are_refused(known: Chain, terms: dict[str, str]) -> None:
    with pytest.raises(CopyTermsRefused):
        copy_of(known.bundle(), **terms)


def test_copy_ends_in_the_future(known: Chain) -> None:
    with pytest.raises(CopyTermsRefused):
        copy_of(known.bundle(), until=(MADE - timedelta(days=1)).date())
    assert copy_of(known.bundle(), until=MADE.date())


def test_bundles_are_no_copies(known: Chain) -> None:
    assert not is_copy(known.bundle())
    assert is_copy(COPY)


def test_receipt_of_a_copy_with_a_strangers_key_is_read(known: Chain) -> None:
    report = known.judge_document(copy_of(known.bundle(), signer=key_in_hand("a stranger's")))
    read = parse_verification_receipt(verification_receipt(NOTARY, report, asked_document(COPY)).to_bytes())
    assert read.code == "not-recognised/copy-key-not-the-issuers"


@settings(max_examples=200)
@given(at=st.integers(0, len(COPY) - 1), bit=st.integers(0, 7))
def test_no_changed_bit_is_accepted(at: int, bit: int) -> None:
    data = bytearray(COPY)
    data[at] ^= 1 << bit
    chain = with_statement_key(chain_in_order())
    assert chain.judge_document(bytes(data)).outcome in (Outcome.ALTERED, Outcome.UNREADABLE)


def test_good_copy_beside_the_changed_ones_is_valid() -> None:
    assert with_statement_key(chain_in_order()).judge_document(COPY).outcome is Outcome.VALID
