"""ES256 signatures (ECDSA on P-256 with SHA-256, RFC 7518 §3.4) and their keys as JWK (RFC 7517, 7638).

For each signature (r, s) the pair (r, n − s) verifies as well: other bytes, same meaning. We write the lower s and
refuse the higher one, so that a signature has one spelling.
"""

from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from registry.kernel.encoding import Base64Refused, b64url, unb64url
from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.kernel.identifiers import KeyThumbprint

SIGNATURE_SIZE: Final = 64
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order n of P-256 (SEC 2, secp256r1)."""
_HALF_ORDER: Final = ORDER // 2
_COORDINATE_SIZE: Final = 32
_ES256: Final = ec.ECDSA(hashes.SHA256())
_ES256_DETERMINISTIC: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class KeyMalformed(MalformedInput):
    """A key is not a P-256 key in the form that we read."""

    code = "signing/key-malformed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a P-256 key: {reason}")


class SignatureMalformed(MalformedInput):
    """A signature is not 64 bytes r ‖ s with both in 1 … n − 1."""

    code = "signing/signature-malformed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not an ES256 signature: {reason}")


class HighSignature(RuleRefusal):
    """The s of a signature lies in the upper half: the same signature in its other spelling."""

    code = "signing/high-s"

    def __init__(self) -> None:
        super().__init__("expected the lower s of an ES256 signature, got the higher")


class SignatureMismatch(RuleRefusal):
    """A signature was not made over this message by this key."""

    code = "signing/signature-mismatch"

    def __init__(self, thumbprint: KeyThumbprint) -> None:
        self.thumbprint = thumbprint
        super().__init__(f"signature does not fit message and key {thumbprint.hex()}")


class PublicKey:
    """A P-256 public key."""

    __slots__ = ("_key", "_thumbprint", "_x", "_y")

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        if not isinstance(key.curve, ec.SECP256R1):
            raise KeyMalformed(f"curve {key.curve.name}")
        numbers = key.public_numbers()
        self._key = key
        self._x = b64url(numbers.x.to_bytes(_COORDINATE_SIZE, "big"))
        self._y = b64url(numbers.y.to_bytes(_COORDINATE_SIZE, "big"))
        # RFC 7638: the required members in lexical order without white space.
        text = f'{{"crv":"P-256","kty":"EC","x":"{self._x}","y":"{self._y}"}}'
        self._thumbprint = KeyThumbprint(sha256(text.encode("ascii")).digest())

    @classmethod
    def from_jwk(cls, jwk: object) -> "PublicKey":
        """Take a JWK of exactly `{crv, kty, x, y}`, coordinates 32 bytes as base64url. Raises KeyMalformed."""
        if not isinstance(jwk, dict) or set(jwk) != {"crv", "kty", "x", "y"}:
            raise KeyMalformed("expected a JWK with the members crv, kty, x, y alone")
        if jwk["crv"] != "P-256" or jwk["kty"] != "EC":
            raise KeyMalformed("expected kty EC and crv P-256")
        coordinates = []
        for name in ("x", "y"):
            text = jwk[name]
            try:
                data = unb64url(text) if isinstance(text, str) else b""
            except Base64Refused as error:
                raise KeyMalformed(f"{name} is not canonical base64url") from error
            if len(data) != _COORDINATE_SIZE:
                raise KeyMalformed(f"{name} is not {_COORDINATE_SIZE} bytes")
            coordinates.append(int.from_bytes(data, "big"))
        try:
            key = ec.EllipticCurvePublicNumbers(coordinates[0], coordinates[1], ec.SECP256R1()).public_key()
        except ValueError as error:
            raise KeyMalformed("the point is not on the curve") from error
        return cls(key)

    def jwk(self) -> dict[str, str]:
        """Return the JWK `{crv, kty, x, y}`."""
        return {"crv": "P-256", "kty": "EC", "x": self._x, "y": self._y}

    def thumbprint(self) -> KeyThumbprint:
        """Return the SHA-256 JWK thumbprint (RFC 7638), 32 bytes."""
        return self._thumbprint

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a 64-byte signature r ‖ s. Raises SignatureMalformed, HighSignature, SignatureMismatch."""
        r, s = signature_numbers(signature)
        try:
            self._key.verify(encode_dss_signature(r, s), message, _ES256)
        except InvalidSignature as error:
            raise SignatureMismatch(self._thumbprint) from error

    def __reduce__(self) -> tuple[object, ...]:
        return PublicKey.from_jwk, (self.jwk(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._thumbprint == other._thumbprint

    def __hash__(self) -> int:
        return hash(self._thumbprint)

    def __repr__(self) -> str:
        return f"PublicKey({b64url(self._thumbprint)})"


class PrivateKey:
    """A P-256 private key. Its text form shows the public half only."""

    __slots__ = ("_algorithm", "_key", "_public_key")

    def __init__(self, key: ec.EllipticCurvePrivateKey, *, deterministic: bool = False) -> None:
        self._public_key = PublicKey(key.public_key())
        self._key = key
        self._algorithm = _ES256_DETERMINISTIC if deterministic else _ES256

    @classmethod
    def generate(cls) -> "PrivateKey":
        """Draw a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_number(cls, number: int, *, deterministic: bool = False) -> "PrivateKey":
        """Take the secret number (1 … n − 1); `deterministic` signs by RFC 6979, for vectors. Raises KeyMalformed."""
        if not 0 < number < ORDER:
            raise KeyMalformed("the secret number is out of range")
        return cls(ec.derive_private_key(number, ec.SECP256R1()), deterministic=deterministic)

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes) -> "PrivateKey":
        """Open an encrypted PKCS #8 PEM. Raises KeyMalformed for another form, key type or passphrase."""
        try:
            key = serialization.load_pem_private_key(pem, passphrase)
        except (ValueError, TypeError) as error:
            raise KeyMalformed("the PEM cannot be opened with this passphrase") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyMalformed("the PEM holds a key of another type")
        return cls(key)

    def to_pem(self, passphrase: bytes) -> bytes:
        """Write the key as PKCS #8 PEM encrypted with `passphrase`. Raises KeyMalformed when that is empty."""
        if not passphrase:
            raise KeyMalformed("a passphrase is required")
        encryption = serialization.BestAvailableEncryption(passphrase)
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

    def public_key(self) -> PublicKey:
        """Return the public half."""
        return self._public_key

    def thumbprint(self) -> KeyThumbprint:
        """Return the thumbprint of the public half, 32 bytes."""
        return self._public_key.thumbprint()

    def sign(self, message: bytes) -> bytes:
        """Sign `message` by ES256. Returns r ‖ s, 64 bytes, with the lower s."""
        r, s = decode_dss_signature(self._key.sign(message, self._algorithm))
        if s > _HALF_ORDER:
            s = ORDER - s
        return r.to_bytes(_COORDINATE_SIZE, "big") + s.to_bytes(_COORDINATE_SIZE, "big")

    def __repr__(self) -> str:
        return f"PrivateKey(of {b64url(self._public_key.thumbprint())})"


class LentKey:
    """A private key on its way to another process of ours, through a socket between the two and nowhere else.

    Called, it gives the key; it is the only form in which a key lets itself be pickled.
    """

    __slots__ = ("_key",)

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def __call__(self) -> PrivateKey:
        """Take the key into use."""
        return self._key

    def __reduce__(self) -> tuple[object, ...]:
        return _taken, (self._key._key.private_numbers().private_value,)


def _taken(number: int) -> LentKey:
    return LentKey(PrivateKey.from_number(number))


class StatementSigner(Protocol):
    """Holds a P-256 key that signs credentials or statements (ES256)."""

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        ...

    def thumbprint(self) -> KeyThumbprint:
        """The RFC 7638 thumbprint of the public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign; 64 bytes r ‖ s, low-S."""
        ...


def signature_numbers(signature: bytes) -> tuple[int, int]:
    """Split a signature of 64 bytes into (r, s). Raises SignatureMalformed, HighSignature."""
    if len(signature) != SIGNATURE_SIZE:
        raise SignatureMalformed(f"expected {SIGNATURE_SIZE} bytes, got {len(signature)}")
    r = int.from_bytes(signature[:_COORDINATE_SIZE], "big")
    s = int.from_bytes(signature[_COORDINATE_SIZE:], "big")
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise SignatureMalformed("r or s is out of range")
    if s > _HALF_ORDER:
        raise HighSignature
    return r, s


def verify_es256(key: PublicKey, message: bytes, signature: bytes) -> None:
    """Check a 64-byte ES256 signature r ‖ s. Raises SignatureMalformed, HighSignature, SignatureMismatch."""
    key.verify(message, signature)
