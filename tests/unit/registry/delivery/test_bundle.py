import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.anchor.receipt import (
    MAX_RECEIPT,
    AnchorReceipt,
    NotAReceipt,
    ReceiptNotCanonical,
    ReceiptOverCap,
    parse_receipt,
)
from registry.credential import Altered, Presentation, Unreadable, full_presentation, parse
from registry.delivery import (
    MAX_BUNDLE,
    Bundle,
    bundle_bytes,
    delivered_bundle,
    parse_bundle,
    parse_document,
    require_receipt_agrees,
    require_unaltered,
)
from registry.delivery.bundle import BundleTrailingBytes, NotADocument, Oversized, ReceiptDisagrees
from registry.kernel.encoding import canonical_json
from registry.kernel.identifiers import CertificateNumber
from tests.vectors.material import BUNDLE, FULL, KEY, MINIMAL, PRESENTATION, RECEIPT, fixed


def test_bundle_is_read_as_it_was_written() -> None:
    bundle = parse_bundle(BUNDLE)
    assert bundle.anchor == RECEIPT
    assert bundle.key == KEY.public_key()
    assert bundle.credential.digest == PRESENTATION.digest
    require_unaltered(bundle)


def test_bundle_is_canonical_json_of_three_members() -> None:
    members = json.loads(BUNDLE)
    assert sorted(members) == ["anchor", "credential", "key"]
    assert canonical_json(members) == BUNDLE
    assert BUNDLE.startswith(b'{"anchor":{"batch":"')


def test_delivered_bundle_holds_the_public_presentation() -> None:
    bundle = parse_bundle(delivered_bundle(PRESENTATION, RECEIPT, KEY.public_key()))
    assert bundle.credential.disclosed.identity_number is None
    assert bundle.credential.disclosed.identity_number_masked is not None
    assert bundle.credential.disclosed.name_latin is None


def test_document_is_a_bundle_or_a_bare_presentation() -> None:
    assert isinstance(parse_document(BUNDLE), Bundle)
    assert isinstance(parse_document(full_presentation(FULL).encode()), Presentation)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"{}", NotADocument),
        (b"{", NotADocument),
        (b'{"credential":"x"}', NotADocument),
        (b'{"a":1,"a":2}', NotADocument),
        (BUNDLE[:-1], NotADocument),
        (b"\xef\xbb\xbf" + BUNDLE, Unreadable),
        (b" " * (MAX_BUNDLE + 1), Oversized),
        (BUNDLE + BUNDLE, BundleTrailingBytes),
    ],
)
def test_what_is_no_bundle(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_document(data)


def test_oversized_bundle_is_not_looked_into() -> None:
    with pytest.raises(Oversized) as caught:
        parse_bundle(BUNDLE + b" " * MAX_BUNDLE)
    assert caught.value.actual == len(BUNDLE) + MAX_BUNDLE


def test_a_bundle_with_one_member_renamed_is_altered_not_foreign() -> None:
    for name in (b"anchor", b"credential", b"key"):
        with pytest.raises(Altered) as caught:
            parse_document(BUNDLE.replace(b'"' + name + b'":', b'"x' + name[1:] + b'":', 1))
        assert caught.value.code in ("bundle/members", "bundle/not-canonical")


def test_receipt_of_another_certificate_disagrees() -> None:
    other = parse(full_presentation(MINIMAL))
    with pytest.raises(ReceiptDisagrees) as caught:
        require_receipt_agrees(other, RECEIPT)
    assert caught.value.member == "licenseNumber"
    with pytest.raises(ReceiptDisagrees) as caught:
        require_receipt_agrees(PRESENTATION, replace(RECEIPT, license_number=CertificateNumber("MIITEC-2025-X")))
    assert caught.value.member == "licenseNumber"


def test_receipt_comes_back_and_is_canonical() -> None:
    data = RECEIPT.to_bytes()
    assert parse_receipt(data) == RECEIPT
    assert canonical_json(json.loads(data)) == data
    assert b'"blockTime":"2025-06-20T10:31:07+08:00"' in data
    assert len(json.loads(data)) == 18


def test_largest_batch_keeps_the_receipt_within_its_cap() -> None:
    path = tuple(fixed(f"{height}") for height in range(24))
    proof = replace(RECEIPT.proof, index=2**24 - 2, size=2**24 - 1, path=path)
    receipt = replace(RECEIPT, proof=proof, license_number=CertificateNumber("证" * 64))
    assert len(receipt.to_bytes()) < MAX_RECEIPT
    assert parse_receipt(receipt.to_bytes()) == receipt


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotAReceipt),
        (b"[]", NotAReceipt),
        (b'{"type":"Other"}', NotAReceipt),
        (b"\xff", NotAReceipt),
        (RECEIPT.to_bytes() + b"\n", ReceiptNotCanonical),
        (RECEIPT.to_bytes() + b"{}", ReceiptNotCanonical),
        (RECEIPT.to_bytes().replace(b'"revision":2', b'"revision":2.0'), ReceiptNotCanonical),
        (RECEIPT.to_bytes() + b" " * MAX_RECEIPT, ReceiptOverCap),
    ],
)
def test_what_is_no_receipt(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_receipt(data)


@settings(max_examples=200)
@given(st.integers(0, len(BUNDLE)), st.integers(0, len(BUNDLE)), st.binary(max_size=30))
def test_only_our_errors_leave_the_reader_of_documents(start: int, end: int, insert: bytes) -> None:
    data = BUNDLE[: min(start, end)] + insert + BUNDLE[max(start, end) :]
    try:
        read = parse_document(data)
        assert isinstance(read, Bundle)
        require_unaltered(read)
    except (Unreadable, Altered):
        return
    assert bundle_bytes(read_text(data), read.anchor, read.key) == data


def read_text(data: bytes) -> str:
    text: str = json.loads(data)["credential"]
    return text


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_only_our_errors_meet_noise(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_document(data)


def test_receipt_members_are_typed() -> None:
    receipt: AnchorReceipt = parse_bundle(BUNDLE).anchor
    assert receipt.block_time.utcoffset() is not None
    assert len(receipt.transaction) == len(receipt.block_hash) == len(receipt.merkle_root) == 32
