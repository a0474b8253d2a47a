"""Reading credentials of format 1 as they were received: RFC 9901 §7.1 and the stricter rules of the format.

1. Cut the text at its tildes; no key-binding JWT; caps.
2. Cut the JWT; take it for ours when its payload names our vct, otherwise it is somebody else's.
3. Header: exactly three members, ES256, `dc+sd-jwt`, a thumbprint as kid.
4. Payload: strict JSON.
5. Signature: 64 bytes, lower s. Whether it verifies is asked by `verify_signature`.
6. Digests: `_sd` sorted, `result` of digests alone, none twice.
7. Disclosures: each one strict, digested where it belongs, once, under a name that may be disclosed.
8. Members: exactly those of the format, of the types and forms of the format.
9. Number and mask agree.

The bytes received are hashed and verified, never written again.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from registry.credential import errors
from registry.credential.v1.issuing import credential_digest, credential_leaf
from registry.credential.v1.members import MemberReader
from registry.credential.v1.model import (
    MAX_DEPTH,
    MAX_DISCLOSURE,
    MAX_DISCLOSURES,
    MAX_JWT,
    MAX_PRESENTATION,
    SALT_SIZE,
    SD_MEMBERS,
    VCT_PATH,
    Achievement,
    Award,
    BatchTerms,
    CertificateEntry,
    DisclosedClaims,
    IdentityType,
    Portrait,
    Presentation,
    Result,
    Standard,
    StatusEntry,
    masked,
)
from registry.credential.v1.rules import lint_disclosed, lint_entry, lint_terms
from registry.kernel import encoding, signing
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import JsonValue, b64url, parse_json, unb64url
from registry.kernel.identifiers import (
    BatchId,
    BlockHash,
    CertificateNumber,
    ContractAddress,
    Digest,
    IdentifierMalformed,
    IssuerCode,
    KeyThumbprint,
)
from registry.kernel.signing import PublicKey, signature_numbers

_JWT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_VCT_MARK: Final = VCT_PATH.encode()
_ISSUER_URL: Final = re.compile(r"(.+)/issuers/([^/]+)")
_UUID_URN: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LIST_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_DIGEST_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_LATEST: Final = int(datetime(9999, 12, 30, tzinfo=UTC).timestamp())
_RESERVED_NAMES: Final = frozenset({"_sd", "..."})
_REGISTERED: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "vct", "status", "_sd_alg"})

_JSON_ERRORS: Final[dict[type[encoding.JsonRefused], type[errors.PartRefused]]] = {
    encoding.NotUtf8: errors.NotUtf8,
    encoding.NotJson: errors.NotJson,
    encoding.TrailingText: errors.TrailingText,
    encoding.DuplicateMember: errors.DuplicateMember,
    encoding.NumberRefused: errors.NumberRefused,
    encoding.LoneSurrogate: errors.LoneSurrogate,
    encoding.TooDeep: errors.TooDeep,
    encoding.WhiteSpace: errors.WhiteSpace,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Disclosure:
    position: int
    text: str
    content: list[JsonValue]
    """`[salt, name, value]` or `[salt, value]`."""


def parse(text: str | bytes) -> Presentation:
    """Read a presentation as received; its signature is not verified here. Raises an Unreadable or an Altered."""
    # 1
    received = text if isinstance(text, str) else text.decode("utf-8", "replace")
    jwt, *disclosure_texts = received.split("~")
    if not _JWT.fullmatch(jwt):
        raise errors.NotACredential("expected header.payload.signature before the first tilde")
    header_text, payload_text, signature_text = jwt.split(".")
    # 2
    if _VCT_MARK not in _loosely(payload_text):
        raise errors.ForeignCredential
    _require_cap("presentation", MAX_PRESENTATION, len(received))
    _require_cap("JWT", MAX_JWT, len(jwt))
    if not disclosure_texts:
        raise errors.WrongEnd
    end = disclosure_texts.pop()
    if end:
        raise errors.KeyBindingRefused if end.count(".") == 2 else errors.WrongEnd
    _require_cap("disclosures", MAX_DISCLOSURES, len(disclosure_texts))
    # 3
    signer = _signer(_decoded("header", header_text))
    # 4
    payload = _json("payload", _decoded("payload", payload_text))
    # 5
    signature = _decoded("signature", signature_text)
    _require_signature_form(signature)
    # 6
    members = MemberReader("", payload)
    digests = _sd_digests(members)
    elements = _result_digests(members)
    if len({*digests, *elements}) != len(digests) + len(elements):
        raise errors.DigestRepeated
    # 7
    found = _match(disclosure_texts, digests, elements, frozenset(members.names))
    # 8
    terms, entry = _visible(members, len(elements))
    disclosed = _disclosed(found, len(elements))
    # 9
    if (
        disclosed.identity_number is not None
        and disclosed.identity_number_masked is not None
        and masked(disclosed.identity_number) != disclosed.identity_number_masked
    ):
        raise errors.MaskDisagrees
    digest = credential_digest(jwt)
    return Presentation(
        jwt=jwt,
        disclosures={member: disclosure.text for member, disclosure in found.items()},
        signer=signer,
        signature=signature,
        digest=digest,
        leaf=credential_leaf(digest),
        terms=terms,
        entry=entry,
        disclosed=disclosed,
        payload=members.whole,
        told={member: disclosure.content[-1] for member, disclosure in found.items()},
    )


def verify_signature(presentation: Presentation, key: PublicKey) -> None:
    """Check that the key that the header names signed these bytes. Raises WrongKey, SignatureWrong."""
    if key.thumbprint() != presentation.signer:
        raise errors.WrongKey
    message = presentation.jwt.rpartition(".")[0]
    try:
        key.verify(message.encode("ascii"), presentation.signature)
    except signing.SignatureMismatch as error:
        raise errors.SignatureWrong from error


def _require_cap(part: str, limit: int, actual: int) -> None:
    if actual > limit:
        raise errors.OverCap(part, limit, actual)


def _loosely(text: str) -> bytes:
    """Decode a payload only to see whose it is, also one whose last characters are refused later."""
    return unb64url(text[: len(text) - len(text) % 4])


def _decoded(part: str, text: str) -> bytes:
    try:
        return unb64url(text)
    except encoding.Base64Refused as error:
        raise errors.NotBase64url(part) from error


def _json(part: str, data: bytes) -> JsonValue:
    try:
        return parse_json(data, max_depth=MAX_DEPTH, compact=True)
    except encoding.JsonRefused as error:
        raise _JSON_ERRORS[type(error)](part) from error


def _signer(data: bytes) -> KeyThumbprint:
    header = _json("header", data)
    if not isinstance(header, dict):
        raise errors.HeaderMembers
    if header.get("alg") != "ES256":
        raise errors.AlgorithmRefused
    if header.get("typ") != "dc+sd-jwt":
        raise errors.WrongType
    kid = header.get("kid")
    if not isinstance(kid, str) or not _DIGEST_TEXT.fullmatch(kid):
        raise errors.HeaderMembers
    if data != f'{{"alg":"ES256","typ":"dc+sd-jwt","kid":"{kid}"}}'.encode("ascii"):
        raise errors.HeaderMembers
    return KeyThumbprint(unb64url(kid))


def _require_signature_form(signature: bytes) -> None:
    try:
        signature_numbers(signature)
    except signing.SignatureMalformed as error:
        raise errors.SignatureMalformed from error
    except signing.HighSignature as error:
        raise errors.HighSignature from error


def _sd_digests(members: MemberReader) -> list[str]:
    if members.text("_sd_alg") != "sha-256":
        raise errors.DigestsMalformed("_sd_alg", "expected sha-256")
    digests = _digest_list("_sd", members.array("_sd"))
    if len(digests) != len(SD_MEMBERS):
        raise errors.DigestsMalformed("_sd", f"expected {len(SD_MEMBERS)} digests, got {len(digests)}")
    if digests != sorted(digests):
        raise errors.DigestsMalformed("_sd", "expected the digests sorted")
    return digests


def _result_digests(members: MemberReader) -> list[str]:
    elements = members.array("result")
    if not all(isinstance(element, dict) and set(element) == {"..."} for element in elements):
        raise errors.DigestsMalformed("result", "expected digests alone")
    return _digest_list("result", [element["..."] for element in elements if isinstance(element, dict)])


def _digest_list(member: str, values: list[JsonValue]) -> list[str]:
    digests = [value for value in values if isinstance(value, str) and _DIGEST_TEXT.fullmatch(value)]
    if len(digests) != len(values):
        raise errors.DigestsMalformed(member, "expected canonical base64url of 32 bytes")
    return digests


def _match(
    texts: list[str], digests: list[str], elements: list[str], visible: frozenset[str]
) -> dict[str, _Disclosure]:
    """Find each disclosure's member: a name of SD_MEMBERS, or `result.<position>`."""
    places = {digest: position for position, digest in enumerate(elements)}
    named = set(digests)
    seen: set[str] = set()
    found: dict[str, _Disclosure] = {}
    for position, text in enumerate(texts):
        _require_cap("disclosure", MAX_DISCLOSURE, len(text))
        disclosure = _read_disclosure(position, text)
        digest = b64url(sha256(text.encode("ascii")).digest())
        if digest in seen:
            raise errors.DisclosureRepeated(position)
        seen.add(digest)
        if digest not in named and digest not in places:
            raise errors.DisclosureUndigested(position)
        if (len(disclosure.content) == 3) != (digest in named):
            raise errors.DisclosureMisplaced(position)
        member = f"result.{places[digest]}" if digest in places else _name(disclosure, visible)
        if member in found:
            raise errors.DisclosureRepeated(position)
        found[member] = disclosure
    return found


def _read_disclosure(position: int, text: str) -> _Disclosure:
    part = f"disclosure {position}"
    content = _json(part, _decoded(part, text))
    if not isinstance(content, list) or len(content) not in (2, 3):
        raise errors.DisclosureMalformed(position)
    salt = content[0]
    if not isinstance(salt, str) or len(_decoded(part, salt)) != SALT_SIZE:
        raise errors.DisclosureMalformed(position)
    return _Disclosure(position=position, text=text, content=content)


def _name(disclosure: _Disclosure, visible: frozenset[str]) -> str:
    name = disclosure.content[1]
    if not isinstance(name, str):
        raise errors.DisclosureMalformed(disclosure.position)
    if name in _RESERVED_NAMES:
        raise errors.DisclosureReserved(disclosure.position)
    if name in visible or name in _REGISTERED:
        raise errors.DisclosureOverrides(disclosure.position)
    if name not in SD_MEMBERS:
        raise errors.DisclosureUnknown(disclosure.position)
    return name


def _visible(members: MemberReader, result_count: int) -> tuple[BatchTerms, CertificateEntry]:
    issuer_url = members.text("iss")
    match = _ISSUER_URL.fullmatch(issuer_url)
    if not match:
        raise errors.MemberRefused("iss", "expected <base>/issuers/<CODE>")
    base_url, issuer = match[1], IssuerCode(match[2])
    anchor, status = members.nested("anchor"), members.nested("status")
    terms = BatchTerms(
        base_url=base_url,
        issuer=issuer,
        issuer_name=members.bilingual("issuerName"),
        issued_at=_time(members, "iat"),
        valid_from=_time(members, "nbf"),
        last_valid_day=_last_valid_day(members),
        contract=_contract(anchor),
        genesis=BlockHash(_hash(anchor, "genesis")),
        batch=BatchId(_hash(anchor, "batch")),
        certificate_type=members.coded("certificateType"),
        achievement=_achievement(members.nested("achievement"), base_url),
        level=members.optional_coded("level"),
        occupation=members.optional_coded("occupation"),
        awarded_date=_date(members, "awardedDate"),
        place=members.optional_text("place"),
        result_count=result_count,
    )
    if members.text("vct") != terms.credential_type:
        raise errors.WrongCredentialType
    entry = CertificateEntry(
        id=_uuid("jti", members.text("jti")),
        index=anchor.integer("index"),
        status=_status(status, f"{base_url}/status/{issuer}/"),
        license_number=CertificateNumber(members.text("licenseNumber")),
        revision=members.integer("revision"),
        registration_number=members.optional_text("registrationNumber"),
        replaces=_uuid("replaces", members.text("replaces")) if "replaces" in members else None,
        direction=members.optional_coded("direction"),
        sector=members.optional_coded("sector"),
        training_hours=members.integer("trainingHours") if "trainingHours" in members else None,
        activity_end_date=_date(members, "activityEndDate"),
        award=_award(members.nested("award")) if "award" in members else None,
    )
    anchor.close()
    members.close()
    try:
        lint_terms(terms)
        lint_entry(terms, entry)
    except errors.ClaimRefused as error:
        raise errors.MemberRefused(error.member, error.reason) from error
    return terms, entry


def _disclosed(found: dict[str, _Disclosure], result_count: int) -> DisclosedClaims:
    # Named as the disclosures are: each value is read as if it stood in the payload.
    members = MemberReader("", {member: disclosure.content[-1] for member, disclosure in found.items()})
    identity_type = members.optional_text("identityType")
    if identity_type is not None and identity_type not in set(IdentityType):
        raise errors.MemberRefused("identityType", "expected a code of the list of identity documents")
    claims = DisclosedClaims(
        name=members.optional_text("name"),
        name_latin=members.optional_text("nameLatin"),
        identity_type=None if identity_type is None else IdentityType(identity_type),
        identity_number=members.optional_text("nationalIdentityNumber"),
        identity_number_masked=members.optional_text("nationalIdentityNumberMasked"),
        results=tuple(
            _result(members.nested(f"result.{position}")) if f"result.{position}" in members else None
            for position in range(result_count)
        ),
        grade=members.optional_coded("grade"),
        portrait=_portrait(members.nested("portrait")) if "portrait" in members else None,
    )
    try:
        lint_disclosed(claims)
    except errors.ClaimRefused as error:
        raise errors.MemberRefused(error.member, error.reason) from error
    return claims


def _achievement(members: MemberReader, base_url: str) -> Achievement:
    standard = None
    if "standard" in members:
        nested = members.nested("standard")
        standard = Standard(
            name=nested.bilingual("name"),
            number=nested.optional_text("number"),
            version=nested.optional_text("version"),
        )
        nested.close()
    achievement = Achievement(
        programme=members.text("humanCode"),
        name=members.bilingual("name"),
        version=members.text("version"),
        digest=Digest(_hash(members, "digest")),
        standard=standard,
    )
    if members.text("id") != f"{base_url}/programmes/{achievement.programme}/{achievement.version}":
        raise errors.MemberRefused("achievement.id", "expected <base>/programmes/<PROGRAMME>/<version>")
    members.close()
    return achievement


def _status(members: MemberReader, base: str) -> StatusEntry:
    entry = members.nested("status_list")
    uri = entry.text("uri")
    if not uri.startswith(base) or not _LIST_NUMBER.fullmatch(uri[len(base) :]):
        raise errors.MemberRefused("status.status_list.uri", "expected <base>/status/<CODE>/<n>")
    status = StatusEntry(list_number=int(uri[len(base) :]), index=entry.integer("idx"))
    entry.close()
    members.close()
    return status


def _award(members: MemberReader) -> Award:
    award = Award(
        contest=members.text("contest"),
        edition=members.text("edition"),
        event=members.text("event"),
        rank=members.text("rank"),
    )
    members.close()
    return award


def _result(members: MemberReader) -> Result:
    result = Result(
        paper=members.text("resultDescription"), name=members.bilingual("name"), value=members.text("value")
    )
    members.close()
    return result


def _portrait(members: MemberReader) -> Portrait:
    portrait = Portrait(media_type=members.text("mediaType"), digest=Digest(_hash(members, "digest")))
    members.close()
    return portrait


def _contract(members: MemberReader) -> ContractAddress:
    try:
        return ContractAddress.parse(members.text("contract"))
    except IdentifierMalformed as error:
        raise errors.MemberRefused("anchor.contract", "expected eip155:<chain id>:<lower-case address>") from error


def _hash(members: MemberReader, name: str) -> bytes:
    text = members.text(name)
    if not _DIGEST_TEXT.fullmatch(text):
        raise errors.MemberRefused(members.path(name), "expected canonical base64url of 32 bytes")
    return unb64url(text)


def _time(members: MemberReader, name: str) -> datetime:
    seconds = members.integer(name)
    if not 0 <= seconds <= _LATEST:
        raise errors.MemberRefused(name, "expected seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC)


def _last_valid_day(members: MemberReader) -> date | None:
    if "exp" not in members:
        return None
    end = _time(members, "exp").astimezone(CHINA_TIME)
    if (end.hour, end.minute, end.second) != (0, 0, 0):
        raise errors.MemberRefused("exp", "expected midnight at +08:00")
    return end.date() - timedelta(days=1)


def _date(members: MemberReader, name: str) -> date:
    text = members.text(name)
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise errors.MemberRefused(name, "expected a date of the calendar") from error
    raise errors.MemberRefused(name, "expected a date as YYYY-MM-DD")


def _uuid(member: str, text: str) -> UUID:
    if not _UUID_URN.fullmatch(text):
        raise errors.MemberRefused(member, "expected urn:uuid: and a lower-case UUID")
    return UUID(text)
