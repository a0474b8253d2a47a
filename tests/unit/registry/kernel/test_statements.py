"""Signed statements: one spelling, one type, nothing unsigned is looked into."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.kernel.encoding import b64url, canonical_json, unb64url
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import Digest
from registry.kernel.signing import ORDER, PrivateKey
from registry.kernel.statements import (
    MAX_STATEMENT_DOCUMENT,
    NotAStatement,
    Statement,
    StatementOversized,
    StatementRefused,
    StatementType,
    parse_statement,
    require_members,
    sign_statement,
    statement_type,
)
from tests.statement_keys import STATEMENT_KEY, KeyInHand, key_in_hand

ISS = "https://zs.example.cn/issuers/LNSEC"
AT = datetime(2026, 12, 3, 2, 24, 19, tzinfo=UTC)
RECEIPT = StatementType.RECEIPT


def signed(kind: StatementType = RECEIPT, signer: KeyInHand = STATEMENT_KEY, **claims: Any) -> Statement:
    return sign_statement(
        kind, {"purpose": "入职", **claims}, iss=ISS, issued_at=AT, digest=Digest(b"\7" * 32), signer=signer
    )


def resigned(header: str, payload: bytes, key: PrivateKey = STATEMENT_KEY.key) -> bytes:
    """Sign whatever is given, as somebody with the key could."""
    body = f"{b64url(header.encode())}.{b64url(payload)}"
    text = f"{body}.{b64url(key.sign(body.encode()))}"
    return canonical_json({"key": dict(key.public_key().jwk()), "statement": text})


def header_of(statement: Statement) -> str:
    return unb64url(statement.text.split(".")[0]).decode()


def payload_of(statement: Statement) -> bytes:
    return unb64url(statement.text.split(".")[1])


def test_statement_is_read_as_it_was_signed() -> None:
    one = signed()
    assert parse_statement(one.to_bytes(), RECEIPT) == one
    assert one.issuer == "LNSEC"
    assert one.issued_at == AT
    assert one.digest == b"\7" * 32
    assert one.claims["version"] == 1


def test_header_is_exactly_algorithm_type_and_key() -> None:
    thumbprint = b64url(STATEMENT_KEY.thumbprint())
    assert header_of(signed()) == f'{{"alg":"ES256","typ":"verification-receipt+jwt","kid":"{thumbprint}"}}'


def test_each_statement_has_an_identifier_of_its_own() -> None:
    assert signed().jti != signed().jti


def test_what_was_signed_again_unchanged_is_read() -> None:
    one = signed()
    assert parse_statement(resigned(header_of(one), payload_of(one)), RECEIPT).claims == one.claims


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"ES256"', '"none"'),
        ('"ES256"', '"HS256"'),
        ('"verification-receipt+jwt"', '"holder-copy+jwt"'),
        ('"verification-receipt+jwt"', '"dc+sd-jwt"'),
        ('{"alg"', '{"crit":[],"alg"'),
        ('{"alg":"ES256",', '{"alg":"ES256","alg":"ES256",'),
        (",", ", "),
        ('"kid":"', '"kid":"A'),
    ],
)
def test_another_header_is_refused_whoever_signed_it(old: str, new: str) -> None:
    one = signed()
    with pytest.raises(StatementRefused) as refused:
        parse_statement(resigned(header_of(one).replace(old, new, 1), payload_of(one)), RECEIPT)
    assert refused.value.part == "header"


def test_a_statement_of_one_type_is_none_of_another() -> None:
    with pytest.raises(StatementRefused) as refused:
        parse_statement(signed(StatementType.COPY).to_bytes(), RECEIPT)
    assert refused.value.part == "header"
    assert statement_type(signed(StatementType.COPY).to_bytes()) is StatementType.COPY


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1', b'"version":1,"version":1'),
        (b'"version":1', b'"version": 1'),
        (b'"version":1', b'"version":2'),
        (b'"version":1', b'"version":true'),
        (b'"version":1', b'"version":1.0'),
        (b'"iat":', b'"iat":-'),
        (b'"iat":', b'"iaT":'),
        ("入职".encode(), b"\xff"),
        ("入职".encode(), "e\u0301".encode()),
        (b'"urn:uuid:', b'"URN:UUID:'),
        (b"/issuers/LNSEC", b"/issuers/lnsec"),
        (b"https://zs", b"javascript://zs"),
        (b'"digest":"', b'"digest":"AAAA'),
    ],
)
def test_another_form_of_the_claims_is_refused_whoever_signed_it(old: bytes, new: bytes) -> None:
    one = signed()
    assert old in payload_of(one)
    with pytest.raises(StatementRefused) as refused:
        parse_statement(resigned(header_of(one), payload_of(one).replace(old, new, 1)), RECEIPT)
    assert refused.value.part == "claims"


def test_the_higher_s_is_refused() -> None:
    one = signed()
    head, body, signature = one.text.split(".")
    r, s = unb64url(signature)[:32], int.from_bytes(unb64url(signature)[32:], "big")
    other = b64url(r + (ORDER - s).to_bytes(32, "big"))
    with pytest.raises(StatementRefused) as refused:
        parse_statement(canonical_json({"key": dict(one.key.jwk()), "statement": f"{head}.{body}.{other}"}), RECEIPT)
    assert refused.value.part == "signature"


def test_another_spelling_of_the_signature_is_refused() -> None:
    one = signed()
    # The last character of 64 bytes carries four bits that mean nothing.
    last = one.text[-1]
    twin = chr(ord(last) + 1) if last not in "Zz9_-" else "B"
    with pytest.raises(StatementRefused) as refused:
        parse_statement(one.to_bytes().replace(one.text.encode(), (one.text[:-1] + twin).encode()), RECEIPT)
    assert refused.value.part == "form"


def test_another_key_beside_it_is_refused() -> None:
    other = dict(key_in_hand("another").public_key.jwk())
    with pytest.raises(StatementRefused) as refused:
        parse_statement(canonical_json({"key": other, "statement": signed().text}), RECEIPT)
    assert refused.value.part == "header"


def test_a_copied_header_does_not_make_a_strangers_signature_good() -> None:
    one = signed()
    body = ".".join(one.text.split(".")[:2])
    forged = f"{body}.{b64url(key_in_hand('another').key.sign(body.encode()))}"
    with pytest.raises(StatementRefused) as refused:
        parse_statement(canonical_json({"key": dict(one.key.jwk()), "statement": forged}), RECEIPT)
    assert refused.value.part == "signature"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one | {"more": 1},
        lambda one: one | {"statement": 7},
        lambda one: one | {"key": {**one["key"], "alg": "ES256"}},
        lambda one: one | {"statement": one["statement"] + ".AA"},
        lambda one: one | {"statement": one["statement"] + "="},
    ],
)
def test_another_form_of_the_document_is_refused(change: Any) -> None:
    with pytest.raises(StatementRefused):
        parse_statement(canonical_json(change(json.loads(signed().to_bytes()))), RECEIPT)


def test_another_spelling_of_the_document_is_refused() -> None:
    data = signed().to_bytes()
    for other in (data + b"\n", b" " + data[:0] + data[:1] + b" " + data[1:], json.dumps(json.loads(data)).encode()):
        with pytest.raises((StatementRefused, NotAStatement)):
            parse_statement(other, RECEIPT)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"statement":"a"}', b"\xff", b"%PDF-1.7", b"null"])
def test_other_files_are_no_statements(data: bytes) -> None:
    with pytest.raises(NotAStatement):
        parse_statement(data, RECEIPT)
    assert statement_type(data) is None


def test_what_is_too_large_is_not_read_and_not_signed() -> None:
    with pytest.raises(StatementOversized):
        parse_statement(b"{" + b" " * MAX_STATEMENT_DOCUMENT, RECEIPT)
    with pytest.raises(StatementOversized):
        signed(long="x" * 13_000)


def test_nothing_is_signed_that_would_not_be_read() -> None:
    for claims in ({"purpose": "e\u0301"}, {"deep": {"a": {"b": {"c": {"d": {"e": {}}}}}}}, {"purpose": "\ud800"}):
        with pytest.raises(StatementRefused):
            signed(**claims)


def test_members_are_exactly_those_of_the_kind() -> None:
    one = signed()
    require_members(one.claims, frozenset({"purpose"}))
    for members in (frozenset({"purpose", "more"}), frozenset[str]()):
        with pytest.raises(StatementRefused):
            require_members(one.claims, members)


@settings(max_examples=300)
@given(at=st.integers(0, 900), bit=st.integers(0, 7))
def test_no_changed_bit_is_accepted(at: int, bit: int) -> None:
    data = bytearray(ONE.to_bytes())
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(RegistryError):
        parse_statement(bytes(data), RECEIPT)


@given(st.binary(max_size=200))
def test_reading_any_bytes_raises_nothing_but_ours(data: bytes) -> None:
    for whole in (data, b'{"key":{},"statement":"' + data + b'"}'):
        statement_type(whole)
        with pytest.raises(RegistryError):
            parse_statement(whole, RECEIPT)


ONE = signed()
