"""Signed statements: what a registry says about a document without changing it, as compact ES256 JWS (RFC 7515).

Two types: a verification receipt says what was found when a certificate was looked at, a holder's copy says for whom
and until when it was made. Header exactly `{"alg":"ES256","typ":…,"kid":…}`, claims in canonical JSON (RFC 8785) and
NFC, base64url in its one spelling, the lower s. Kept as canonical JSON `{"key","statement"}`, key = the public JWK.

Reading, in this order, so that nothing unsigned is looked into:
1. size, canonical JSON, exactly the two members; the key is a P-256 JWK
2. three parts in canonical base64url; the header is, byte for byte, the one of this type and this key
3. the signature is the key's, with the lower s
4. the claims are canonical JSON with texts in NFC, and the five that every statement has are of their form
Whether the key was the issuer's, and when, only the chain says.
"""

import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from registry.kernel.encoding import (
    Base64Refused,
    JsonObject,
    JsonRefused,
    JsonValue,
    NotCanonical,
    b64url,
    canonical_json,
    parse_canonical_json,
    parse_json,
    unb64url,
)
from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.kernel.identifiers import Digest, IdentifierMalformed, IssuerCode, issuer_code
from registry.kernel.signing import (
    HighSignature,
    KeyMalformed,
    PublicKey,
    SignatureMalformed,
    SignatureMismatch,
    StatementSigner,
)

MAX_STATEMENT: Final = 16 * 1024
"""Characters of a compact statement."""
MAX_STATEMENT_DOCUMENT: Final = MAX_STATEMENT + 1024
VERSION: Final = 1
MAX_DEPTH: Final = 6
_LATEST: Final = 253_402_214_400
"""1 January 10000 less a day: the last second that every time zone can tell."""
_MEMBERS: Final = frozenset({"key", "statement"})
_COMMON: Final = frozenset({"iss", "jti", "iat", "version", "digest"})
_ISS: Final = re.compile(r"https?://[a-z0-9.:-]+/issuers/([^/]+)")
_JTI: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class StatementType(StrEnum):
    """The `typ` of a statement; none is one of a credential."""

    RECEIPT = "verification-receipt+jwt"
    COPY = "holder-copy+jwt"


class NotAStatement(MalformedInput):
    """The bytes are no JSON object with a statement and a key."""

    code = "statement/not-ours"

    def __init__(self) -> None:
        super().__init__("expected a JSON object with the members key and statement")


class StatementOversized(RuleRefusal):
    """A statement is larger than any of ours."""

    code = "statement/oversized"

    def __init__(self, actual: int, limit: int) -> None:
        self.actual, self.limit = actual, limit
        super().__init__(f"statement: expected at most {limit} bytes, got {actual}")


class StatementRefused(RuleRefusal):
    """A part of a statement is not as we write it: `document`, `key`, `form`, `header`, `signature`, `claims`."""

    code = "statement/refused"

    def __init__(self, part: str, reason: str) -> None:
        self.part, self.reason = part, reason
        super().__init__(f"statement {part}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement with the key that signed it; made by signing or by reading, so its signature is good."""

    type: StatementType
    iss: str
    """`<base>/issuers/<CODE>`: whose key signed."""
    jti: str
    """`urn:uuid:…`, one per statement."""
    issued_at: datetime
    """UTC, whole seconds; the signer's word."""
    digest: Digest | None
    """What it is about: of a certificate the digest that the chain knows, of a file SHA-256 of its bytes."""
    claims: JsonObject
    """All claims, the common ones among them."""
    key: PublicKey
    text: str
    """The compact JWS."""

    @property
    def issuer(self) -> IssuerCode:
        """The code in `iss`."""
        return IssuerCode(self.iss.rpartition("/")[2])

    def to_json(self) -> JsonObject:
        """Return `{"key","statement"}`."""
        return {"key": dict(self.key.jwk()), "statement": self.text}

    def to_bytes(self) -> bytes:
        """Write the document that is kept, in canonical JSON."""
        return canonical_json(self.to_json())


def sign_statement(
    kind: StatementType,
    claims: Mapping[str, JsonValue],
    *,
    iss: str,
    issued_at: datetime,
    digest: Digest | None,
    signer: StatementSigner,
    jti: str | None = None,
) -> Statement:
    """Sign `claims` with the five common ones; `jti` is drawn where none is given.

    Raises StatementRefused, StatementOversized for what reading would refuse: nothing is signed then.
    """
    whole: JsonObject = {
        **claims,
        "iss": iss,
        "jti": uuid.uuid4().urn if jti is None else jti,
        "iat": int(issued_at.timestamp()),
        "version": VERSION,
        "digest": None if digest is None else b64url(digest),
    }
    try:
        payload = canonical_json(whole)
    except NotCanonical as error:
        raise StatementRefused("claims", error.reason) from error
    key = signer.public_key
    _require_claims(payload)
    signed = f"{b64url(_header(kind, key))}.{b64url(payload)}".encode("ascii")
    text = f"{signed.decode()}.{b64url(signer.sign(signed))}"
    _require_size(len(text), MAX_STATEMENT)
    return _statement(kind, key, whole, text)


def parse_statement(data: bytes, kind: StatementType) -> Statement:
    """Read a kept statement of one type and check its signature.

    Raises NotAStatement, StatementOversized, StatementRefused.
    """
    _require_size(len(data), MAX_STATEMENT_DOCUMENT)  # 1
    try:
        value = parse_canonical_json(data, max_depth=2)
    except (JsonRefused, NotCanonical) as error:
        if not looks_like_statement(data):
            raise NotAStatement from error
        raise StatementRefused("document", "expected canonical JSON (RFC 8785)") from error
    return statement_from_json(value, kind)


def statement_from_json(value: JsonValue, kind: StatementType) -> Statement:
    """Take `{"key","statement"}`, check the signature. Raises NotAStatement, StatementOversized, StatementRefused."""
    if not isinstance(value, dict) or not value.keys() >= _MEMBERS:
        raise NotAStatement
    if len(value) != len(_MEMBERS):
        raise StatementRefused("document", "expected exactly the members key and statement")
    text = value["statement"]
    if not isinstance(text, str):
        raise StatementRefused("document", "expected a text as statement")
    _require_size(len(text), MAX_STATEMENT)
    try:
        key = PublicKey.from_jwk(value["key"])
    except KeyMalformed as error:
        raise StatementRefused("key", error.reason) from error
    parts = text.split(".")  # 2
    if len(parts) != 3:
        raise StatementRefused("form", "expected three parts")
    try:
        header, payload, signature = (unb64url(part) for part in parts)
    except Base64Refused as error:
        raise StatementRefused("form", "expected canonical base64url") from error
    if header != _header(kind, key):
        raise StatementRefused("header", f"expected exactly alg ES256, typ {kind} and the kid of the key beside it")
    try:  # 3
        key.verify(f"{parts[0]}.{parts[1]}".encode("ascii"), signature)
    except (SignatureMalformed, HighSignature, SignatureMismatch) as error:
        raise StatementRefused("signature", str(error)) from error
    return _statement(kind, key, _require_claims(payload), text)  # 4


def looks_like_statement(data: bytes) -> bool:
    """Tell, without reading it, whether bytes claim to be a kept statement."""
    return data[:1] == b"{" and b'"statement"' in data and b'"key"' in data


def statement_type(data: bytes) -> StatementType | None:
    """Tell which type a kept statement claims in its header; None = none of ours. Nothing is checked."""
    try:
        value = parse_json(data, max_depth=MAX_DEPTH) if len(data) <= MAX_STATEMENT_DOCUMENT else None
        text = value.get("statement") if isinstance(value, dict) else None
        header = parse_json(unb64url(text.partition(".")[0]), max_depth=1) if isinstance(text, str) else None
        return StatementType(str(header.get("typ"))) if isinstance(header, dict) else None
    except (JsonRefused, Base64Refused, ValueError):
        return None


def require_members(claims: JsonObject, members: frozenset[str]) -> None:
    """Check that a statement has exactly `members` beside the common ones. Raises StatementRefused."""
    for name in sorted((members | _COMMON) ^ claims.keys()):
        raise StatementRefused("claims", f"a member missing or too many: {name[:40]!a}")


def _header(kind: StatementType, key: PublicKey) -> bytes:
    return f'{{"alg":"ES256","typ":"{kind}","kid":"{b64url(key.thumbprint())}"}}'.encode("ascii")


def _require_size(actual: int, limit: int) -> None:
    if actual > limit:
        raise StatementOversized(actual, limit)


def _require_claims(payload: bytes) -> JsonObject:
    try:
        claims = parse_canonical_json(payload, max_depth=MAX_DEPTH)
    except (JsonRefused, NotCanonical) as error:
        raise StatementRefused("claims", "expected canonical JSON (RFC 8785)") from error
    if not isinstance(claims, dict):
        raise StatementRefused("claims", "expected an object")
    if not unicodedata.is_normalized("NFC", payload.decode()):
        raise StatementRefused("claims", "expected texts in composed form (NFC)")
    for name in sorted(_COMMON - claims.keys()):
        raise StatementRefused("claims", f"missing: {name}")
    iat, digest = claims["iat"], claims["digest"]
    match = _ISS.fullmatch(_text(claims, "iss"))
    try:
        issuer_code(match[1] if match else "")
    except IdentifierMalformed as error:
        raise StatementRefused("claims", "iss: expected <base>/issuers/<CODE>") from error
    if not _JTI.fullmatch(_text(claims, "jti")):
        raise StatementRefused("claims", "jti: expected urn:uuid: in lower case")
    if not isinstance(iat, int) or isinstance(iat, bool) or not 0 <= iat < _LATEST:
        raise StatementRefused("claims", "iat: expected whole seconds before the year 10000")
    if claims["version"] != VERSION or isinstance(claims["version"], bool):
        raise StatementRefused("claims", f"version: expected {VERSION}")
    if digest is not None and len(_bytes(digest)) != 32:
        raise StatementRefused("claims", "digest: expected 32 bytes as base64url, or null")
    return claims


def _text(claims: JsonObject, name: str) -> str:
    value = claims[name]
    return value if isinstance(value, str) else ""


def _bytes(value: JsonValue) -> bytes:
    try:
        return unb64url(value) if isinstance(value, str) else b""
    except Base64Refused:
        return b""


def _statement(kind: StatementType, key: PublicKey, claims: JsonObject, text: str) -> Statement:
    digest, iat = claims["digest"], claims["iat"]
    assert isinstance(iat, int)
    return Statement(
        type=kind,
        iss=_text(claims, "iss"),
        jti=_text(claims, "jti"),
        issued_at=datetime.fromtimestamp(iat, UTC),
        digest=None if digest is None else Digest(_bytes(digest)),
        claims=claims,
        key=key,
        text=text,
    )
