"""A copy that the holder made for somebody (加注): a bundle, and the issuing body's signed word for whom, for what and
until when it was made.

Canonical JSON of `{"bundle": …, "copy": {"key","statement"}}`; the bundle inside is the bytes that stand alone. The
statement binds the presentation, with exactly the fields that the holder chose: one field more or fewer, and the copy
is altered. It does not bind the bundle to the copy: whoever has the copy can take the bundle out and show it alone.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Final

from registry.credential import Altered
from registry.delivery.bundle import MAX_BUNDLE, Bundle, NotADocument, Oversized, parse_bundle
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import (
    JsonObject,
    JsonRefused,
    JsonValue,
    NotJson,
    NotUtf8,
    b64url,
    canonical_json,
    parse_json,
)
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Digest
from registry.kernel.signing import StatementSigner
from registry.kernel.statements import (
    MAX_STATEMENT_DOCUMENT,
    NotAStatement,
    Statement,
    StatementOversized,
    StatementRefused,
    StatementType,
    require_members,
    sign_statement,
    statement_from_json,
)

COPY_SUFFIX: Final = ".copy.json"
MAX_COPY: Final = MAX_BUNDLE + MAX_STATEMENT_DOCUMENT
"""Bytes."""
MAX_TERM: Final = 100
"""Characters of a purpose or an audience."""
_CLAIMS: Final = frozenset({"audience", "exp", "presentation", "purpose"})
_MEMBERS: Final = frozenset({"bundle", "copy"})
_MAX_DEPTH: Final = 7
_LATEST: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


class CopyTermsRefused(MalformedInput):
    """Purpose or audience of a copy is empty, too long, or no printable text of one line; or its end is past."""

    code = "copy/terms"

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(f"{member}: expected 1 to {MAX_TERM} printable characters on one line, or a day to come")


class CopyAltered(Altered):
    """A copy is not as it was made: its statement, its form, or the bundle in it."""

    code = "copy/altered"

    def __init__(self, part: str, reason: str) -> None:
        self.part, self.reason = part, reason
        super().__init__(f"copy {part}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStatement:
    """For whom, for what and until when a copy was made, as its statement says."""

    statement: Statement
    purpose: str
    audience: str
    until: date
    """The last day, China time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderCopy:
    """A copy as it was read: signed by the key in it, and about this very presentation."""

    bundle: Bundle
    copy: CopyStatement


def copy_statement(
    signer: StatementSigner,
    bundle: bytes,
    *,
    purpose: str,
    audience: str,
    until: date,
    at: datetime,
) -> Statement:
    """Sign for whom, for what and until when (last day, China time) the holder shows this bundle.

    `signer` is the statement key of the body that issued. Raises CopyTermsRefused; for a bundle as parse_bundle.
    """
    credential = parse_bundle(bundle).credential
    end = datetime.combine(until + timedelta(days=1), time(), CHINA_TIME)
    if end <= at:
        raise CopyTermsRefused("until")
    return sign_statement(
        StatementType.COPY,
        {
            "purpose": _term("purpose", purpose),
            "audience": _term("audience", audience),
            "exp": int(end.timestamp()),
            "presentation": b64url(_presentation(bundle)),
        },
        iss=credential.terms.issuer_url,
        issued_at=at,
        digest=Digest(credential.digest),
        signer=signer,
    )


def copy_bytes(bundle: bytes, statement: Statement) -> bytes:
    """Write the copy that is handed out: the bundle's own bytes and the statement in canonical JSON."""
    return canonical_json({"bundle": parse_json(bundle), "copy": statement.to_json()})


def is_copy(data: bytes) -> bool:
    """Tell, without reading it, whether bytes claim to be a copy."""
    return data[:1] == b"{" and (b'"bundle":{' in data or b'"copy":{' in data)


def read_copy(data: bytes) -> HolderCopy:
    """Read a copy, strictly, and check its statement. Raises an Unreadable, or an Altered that says which part."""
    if len(data) > MAX_COPY:
        raise Oversized(len(data))
    try:
        value: JsonValue = parse_json(data, max_depth=_MAX_DEPTH)
    except (NotUtf8, NotJson) as error:
        raise NotADocument("no JSON") from error
    except JsonRefused as error:
        raise CopyAltered("form", "expected canonical JSON (RFC 8785)") from error
    if not isinstance(value, dict) or value.keys() != _MEMBERS:
        raise CopyAltered("form", "expected exactly bundle and copy")
    if canonical_json(value) != data:
        raise CopyAltered("form", "expected canonical JSON (RFC 8785)")
    bundle = canonical_json(value["bundle"])
    try:
        statement = statement_from_json(value["copy"], StatementType.COPY)
        terms = _terms(statement)
    except (NotAStatement, StatementOversized, StatementRefused) as error:
        raise CopyAltered("statement", str(error)) from error
    read = parse_bundle(bundle)
    credential, claims = read.credential, statement.claims
    for member, said, found in (
        ("iss", statement.iss, credential.terms.issuer_url),
        ("digest", statement.digest, credential.digest),
        ("presentation", claims["presentation"], b64url(_presentation(bundle))),
    ):
        if said != found:
            raise CopyAltered(member, "expected what the bundle in it says")
    return HolderCopy(bundle=read, copy=terms)


def _terms(statement: Statement) -> CopyStatement:
    claims = statement.claims
    require_members(claims, _CLAIMS)
    end = claims["exp"]
    if not isinstance(end, int) or isinstance(end, bool) or not 0 < end <= _LATEST:
        raise StatementRefused("claims", "exp: expected whole seconds before the year 10000")
    try:
        purpose, audience = (_term(name, _text(claims, name)) for name in ("purpose", "audience"))
    except CopyTermsRefused as error:
        raise StatementRefused("claims", str(error)) from error
    last = datetime.fromtimestamp(end - 1, CHINA_TIME).date()
    return CopyStatement(statement=statement, purpose=purpose, audience=audience, until=last)


def _text(claims: JsonObject, name: str) -> str:
    text = claims[name]
    return text if isinstance(text, str) else ""


def _term(name: str, text: str) -> str:
    term = unicodedata.normalize("NFC", text).strip()
    if not 0 < len(term) <= MAX_TERM or not term.isprintable():
        raise CopyTermsRefused(name)
    return term


def _presentation(bundle: bytes) -> bytes:
    """SHA-256 of the presentation as it stands in the bundle."""
    members = parse_json(bundle)
    text = members["credential"] if isinstance(members, dict) else ""
    return sha256(str(text).encode()).digest()
