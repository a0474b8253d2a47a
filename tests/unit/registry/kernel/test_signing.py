import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st
from openvc.keys import jwk_thumbprint

from registry.kernel.encoding import b64url, unb64url
from registry.kernel.signing import (
    ORDER,
    HighSignature,
    KeyMalformed,
    PrivateKey,
    PublicKey,
    SignatureMalformed,
    SignatureMismatch,
    verify_es256,
)

KEY = PrivateKey.from_number(0x1234567890ABCDEF, deterministic=True)
# RFC 7515, appendix A.3.
RFC_7515_KEY = {
    "crv": "P-256",
    "kty": "EC",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC_7515_JWS = (
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)


def mirrored(signature: bytes) -> bytes:
    return signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def test_published_signature_of_rfc_7515_is_good_in_its_lower_spelling_alone() -> None:
    key = PublicKey.from_jwk(RFC_7515_KEY)
    message, _, text = RFC_7515_JWS.rpartition(".")
    with pytest.raises(HighSignature):
        verify_es256(key, message.encode(), unb64url(text))
    verify_es256(key, message.encode(), mirrored(unb64url(text)))


def test_deterministic_signature_is_that_of_rfc_6979() -> None:
    # Appendix A.2.5, SHA-256, message "sample"; the s there is the higher one.
    key = PrivateKey.from_number(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, deterministic=True)
    r = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    s = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
    assert key.sign(b"sample") == r.to_bytes(32, "big") + (ORDER - s).to_bytes(32, "big")


def test_signatures_are_low_and_verify() -> None:
    key = PrivateKey.generate()
    for count in range(40):
        signature = key.sign(b"%d" % count)
        assert int.from_bytes(signature[32:], "big") <= ORDER // 2
        verify_es256(key.public_key(), b"%d" % count, signature)
        with pytest.raises(HighSignature):
            verify_es256(key.public_key(), b"%d" % count, mirrored(signature))


@settings(max_examples=60)
@given(st.binary(max_size=20), st.integers(0, 511))
def test_a_changed_bit_of_a_signature_fails(message: bytes, bit: int) -> None:
    signature = bytearray(KEY.sign(message))
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises((SignatureMismatch, SignatureMalformed, HighSignature)):
        verify_es256(KEY.public_key(), message, bytes(signature))


def test_another_message_or_key_fails_and_names_the_key() -> None:
    signature = KEY.sign(b"message")
    with pytest.raises(SignatureMismatch) as caught:
        verify_es256(KEY.public_key(), b"massage", signature)
    assert caught.value.thumbprint == KEY.thumbprint()
    with pytest.raises(SignatureMismatch):
        verify_es256(PrivateKey.generate().public_key(), b"message", signature)


@pytest.mark.parametrize(
    "signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64, bytes(31) + b"\1" + bytes(32)]
)
def test_malformed_signatures_are_refused(signature: bytes) -> None:
    with pytest.raises(SignatureMalformed):
        verify_es256(KEY.public_key(), b"message", signature)


def test_thumbprint_is_that_of_another_library() -> None:
    for jwk in (RFC_7515_KEY, KEY.public_key().jwk()):
        assert b64url(PublicKey.from_jwk(jwk).thumbprint()) == jwk_thumbprint(jwk)


def test_jwk_comes_back() -> None:
    key = KEY.public_key()
    again = PublicKey.from_jwk(key.jwk())
    assert again == key
    assert hash(again) == hash(key)
    assert again != PrivateKey.generate().public_key()


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        [],
        {},
        {**RFC_7515_KEY, "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"},
        {**RFC_7515_KEY, "kid": "1"},
        {**RFC_7515_KEY, "kty": "OKP"},
        {**RFC_7515_KEY, "crv": "P-384"},
        {**RFC_7515_KEY, "x": RFC_7515_KEY["x"] + "="},
        {**RFC_7515_KEY, "x": RFC_7515_KEY["x"][:-1] + "V"},
        {**RFC_7515_KEY, "x": RFC_7515_KEY["x"][:-4]},
        {**RFC_7515_KEY, "y": RFC_7515_KEY["x"]},
        {**RFC_7515_KEY, "x": b64url(b"\xff" * 32)},
        {**RFC_7515_KEY, "x": 1},
        {name: value for name, value in RFC_7515_KEY.items() if name != "y"},
    ],
)
def test_other_jwks_are_refused(jwk: object) -> None:
    with pytest.raises(KeyMalformed):
        PublicKey.from_jwk(jwk)


def test_pem_is_encrypted_and_opens_with_its_passphrase_alone() -> None:
    pem = KEY.to_pem(b"correct horse")
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    again = PrivateKey.from_pem(pem, b"correct horse")
    assert again.thumbprint() == KEY.thumbprint()
    verify_es256(KEY.public_key(), b"message", again.sign(b"message"))
    for data, passphrase in ((pem, b"wrong"), (pem[:100], b"correct horse"), (b"", b"x"), (pem, b"")):
        with pytest.raises(KeyMalformed):
            PrivateKey.from_pem(data, passphrase)
    with pytest.raises(KeyMalformed):
        KEY.to_pem(b"")


def test_keys_of_other_kinds_are_refused() -> None:
    with pytest.raises(KeyMalformed):
        PublicKey(ec.generate_private_key(ec.SECP384R1()).public_key())
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    with pytest.raises(KeyMalformed):
        PrivateKey.from_pem(pem, b"x")


def test_secret_numbers_outside_the_group_are_refused() -> None:
    for number in (0, ORDER, -1):
        with pytest.raises(KeyMalformed):
            PrivateKey.from_number(number)


def test_text_forms_show_no_secret() -> None:
    assert repr(KEY) == f"PrivateKey(of {b64url(KEY.thumbprint())})"
    assert repr(KEY.public_key()) == f"PublicKey({b64url(KEY.thumbprint())})"
