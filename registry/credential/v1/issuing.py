"""Signing credentials of format 1 (SD-JWT VC, RFC 9901, ES256).

For each credential, after what is the same in the whole batch has been written once:
1. lint what it says;
2. write one disclosure for each member and result, a decoy where the holder has none;
3. write the payload: constant part, the certificate's own members, `result`, sorted `_sd`;
4. sign header and payload;
5. keep to the caps.
"""

import binascii
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Final, Protocol

from registry.credential.errors import ClaimRefused
from registry.credential.v1.model import (
    MAX_DISCLOSURE,
    MAX_DISCLOSURES,
    MAX_JWT,
    MAX_PRESENTATION,
    SALT_SIZE,
    SD_MEMBERS,
    Achievement,
    BatchTerms,
    Bilingual,
    CertificateEntry,
    Coded,
    HolderClaims,
    IssuedCredential,
    Portrait,
    Presentation,
    Result,
    masked,
)
from registry.credential.v1.rules import lint_entry, lint_holder, lint_terms
from registry.kernel.encoding import JsonObject, b64url
from registry.kernel.identifiers import Digest, KeyThumbprint, LeafHash
from registry.kernel.merkle import leaf_hash

SUITE: Final = b"\1"
"""Suite byte of a leaf entry: SHA-256 over the issuer-signed JWT of an SD-JWT."""
RandomBytes = Callable[[int], bytes]
"""Draws that many random bytes."""
PUBLIC_MEMBERS: Final = frozenset({"name", "identityType", "nationalIdentityNumberMasked", "grade", "portrait"})
"""Disclosed in the public presentation, with the results."""
_URL_ALPHABET: Final = bytes.maketrans(b"+/", b"-_")
_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_quoted: Final = encode_basestring


class CredentialSigner(Protocol):
    """Who signs with a batch's credential key."""

    def sign(self, message: bytes) -> bytes:
        """Sign by ES256 with the lower s. Returns r ‖ s, 64 bytes."""
        ...

    def thumbprint(self) -> KeyThumbprint:
        """Return the RFC 7638 thumbprint of the key."""
        ...


class BatchIssuer:
    """Issues the credentials of one batch, all with the same terms and the same key."""

    def __init__(
        self, terms: BatchTerms, signer: CredentialSigner, random_bytes: RandomBytes = secrets.token_bytes
    ) -> None:
        """Lint the terms and write what is constant. `random_bytes` gives the salts. Raises ClaimRefused."""
        lint_terms(terms)
        self._terms, self._sign, self._random_bytes = terms, signer.sign, random_bytes
        header = f'{{"alg":"ES256","typ":"dc+sd-jwt","kid":"{b64url(signer.thumbprint())}"}}'
        self._header = _b64(header.encode("ascii")) + b"."
        self._head = _constant_members(terms).encode()
        self._status_base = f"{terms.base_url}/status/{terms.issuer}/"

    def issue(self, entry: CertificateEntry, holder: HolderClaims) -> IssuedCredential:
        """Sign one credential. Raises ClaimRefused."""
        terms = self._terms
        # 1
        lint_entry(terms, entry)
        lint_holder(terms, holder)
        # 2
        contents = _contents(holder)
        disclosures: dict[str, str] = {}
        hashes: list[bytes] = []
        for salt, (member, content) in zip(_salts(self._random_bytes, len(contents)), contents, strict=True):
            if content is None:
                # The hash of a random text that nobody keeps, not to be told from a withheld one (RFC 9901 §4.2.5).
                hashes.append(sha256(salt.encode("ascii")).digest())
                continue
            text = _b64(f'["{salt}",{content}]'.encode())
            disclosures[member] = text.decode("ascii")
            hashes.append(sha256(text).digest())
        digests = _texts(hashes)
        # 3
        own = len(SD_MEMBERS)
        sorted_digests = ",".join([f'"{digest}"' for digest in sorted(digests[:own])])
        listed = ",".join([f'{{"...":"{digest}"}}' for digest in digests[own:]])
        members = (
            f"{entry.index}}}{_own_members(entry, self._status_base)}"
            f',"result":[{listed}],"_sd":[{sorted_digests}],"_sd_alg":"sha-256"}}'
        )
        # 4
        message = self._header + _b64(self._head + members.encode())
        jwt = message + b"." + _b64(self._sign(message))
        issued = IssuedCredential(jwt=jwt.decode("ascii"), disclosures=disclosures)
        # 5
        _keep_to_caps(issued)
        return issued


def issue_batch(
    terms: BatchTerms,
    certificates: Iterable[tuple[CertificateEntry, HolderClaims]],
    signer: CredentialSigner,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> Iterator[IssuedCredential]:
    """Sign the credentials of a batch one after another, in the order given. Raises ClaimRefused."""
    issuer = BatchIssuer(terms, signer, random_bytes)
    for entry, holder in certificates:
        yield issuer.issue(entry, holder)


def credential_digest(jwt: str) -> Digest:
    """Compute d: SHA-256 over the ASCII of the issuer-signed JWT, before the first tilde."""
    return Digest(sha256(jwt.encode("ascii")).digest())


def credential_leaf(digest: Digest) -> LeafHash:
    """Compute the leaf of a credential: RFC 9162 leaf over suite byte ‖ d."""
    return leaf_hash(SUITE + digest)


def full_presentation(credential: IssuedCredential | Presentation) -> str:
    """Write the credential with all its disclosures: for the holder alone."""
    return "~".join((credential.jwt, *credential.disclosures.values(), ""))


def public_presentation(credential: IssuedCredential | Presentation, *, portrait: bool = True) -> str:
    """Write the credential with what the paper shows: neither the identity number nor the Latin name."""
    shown = [
        text
        for member, text in credential.disclosures.items()
        if (member in PUBLIC_MEMBERS and (portrait or member != "portrait")) or member.startswith("result.")
    ]
    return "~".join((credential.jwt, *shown, ""))


def chosen_presentation(credential: IssuedCredential | Presentation, members: Collection[str]) -> str:
    """Write the credential with the members that its holder chose to show; `result` stands for all results."""
    shown = [text for member, text in credential.disclosures.items() if member.partition(".")[0] in members]
    return "~".join((credential.jwt, *shown, ""))


def _constant_members(terms: BatchTerms) -> str:
    """Write the members that are the same for the whole batch, up to the value of `anchor.index`."""
    members: JsonObject = {
        "iss": terms.issuer_url,
        "issuerName": _bilingual(terms.issuer_name),
        "iat": int(terms.issued_at.timestamp()),
        "nbf": int(terms.valid_from.timestamp()),
        "exp": int(terms.valid_until.timestamp()) if terms.valid_until else None,
        "vct": terms.credential_type,
        "certificateType": _coded(terms.certificate_type),
        "achievement": _achievement(terms.base_url, terms.achievement),
        "level": _coded(terms.level) if terms.level else None,
        "occupation": _coded(terms.occupation) if terms.occupation else None,
        "awardedDate": terms.awarded_date.isoformat(),
        "place": terms.place,
    }
    anchor: JsonObject = {
        "contract": str(terms.contract),
        "genesis": b64url(terms.genesis),
        "batch": b64url(terms.batch),
    }
    return f'{_write(_present(members))[:-1]},"anchor":{_write(anchor)[:-1]},"index":'


def _own_members(entry: CertificateEntry, status_base: str) -> str:
    status = f'{{"idx":{entry.status.index},"uri":{_quoted(f"{status_base}{entry.status.list_number}")}}}'
    text = (
        f',"jti":"urn:uuid:{entry.id}","status":{{"status_list":{status}}}'
        f',"licenseNumber":{_quoted(entry.license_number)},"revision":{entry.revision}'
        f',"activityEndDate":"{entry.activity_end_date.isoformat()}"'
    )
    if entry.registration_number is not None:
        text += f',"registrationNumber":{_quoted(entry.registration_number)}'
    if entry.replaces is not None:
        text += f',"replaces":"urn:uuid:{entry.replaces}"'
    if entry.direction is not None:
        text += f',"direction":{_write(_coded(entry.direction))}'
    if entry.sector is not None:
        text += f',"sector":{_write(_coded(entry.sector))}'
    if entry.training_hours is not None:
        text += f',"trainingHours":{entry.training_hours}'
    if entry.award is not None:
        award = entry.award
        text += (
            f',"award":{{"contest":{_quoted(award.contest)},"edition":{_quoted(award.edition)}'
            f',"event":{_quoted(award.event)},"rank":{_quoted(award.rank)}}}'
        )
    return text


def _contents(holder: HolderClaims) -> list[tuple[str, str | None]]:
    """Write what follows the salt in each disclosure: SD_MEMBERS in their order, then the results; None is a decoy."""
    latin, grade, portrait = holder.name_latin, holder.grade, holder.portrait
    number, mask = _quoted(holder.identity_number), _quoted(masked(holder.identity_number))
    contents = [
        ("name", f'"name",{_quoted(holder.name)}'),
        ("nameLatin", None if latin is None else f'"nameLatin",{_quoted(latin)}'),
        ("identityType", f'"identityType","{holder.identity_type.value}"'),
        ("nationalIdentityNumber", f'"nationalIdentityNumber",{number}'),
        ("nationalIdentityNumberMasked", f'"nationalIdentityNumberMasked",{mask}'),
        ("grade", None if grade is None else f'"grade",{_write(_coded(grade))}'),
        ("portrait", None if portrait is None else f'"portrait",{_portrait(portrait)}'),
    ]
    for position, result in enumerate(holder.results):
        contents.append((f"result.{position}", None if result is None else _result(result)))
    return contents


def _portrait(portrait: Portrait) -> str:
    return f'{{"mediaType":{_quoted(portrait.media_type)},"digest":"{b64url(portrait.digest)}"}}'


def _result(result: Result) -> str:
    name = result.name
    english = "" if name.en is None else f',"en":{_quoted(name.en)}'
    return (
        f'{{"resultDescription":{_quoted(result.paper)},"name":{{"zh":{_quoted(name.zh)}{english}}}'
        f',"value":"{result.value}"}}'
    )


def _bilingual(value: Bilingual) -> JsonObject:
    return {"zh": value.zh} if value.en is None else {"zh": value.zh, "en": value.en}


def _coded(value: Coded) -> JsonObject:
    named: JsonObject = {"targetCode": value.code, "targetName": _bilingual(value.name)}
    return named if value.framework is None else {"targetFramework": value.framework, **named}


def _achievement(base_url: str, value: Achievement) -> JsonObject:
    members: JsonObject = {
        "id": f"{base_url}/programmes/{value.programme}/{value.version}",
        "humanCode": value.programme,
        "name": _bilingual(value.name),
        "version": value.version,
        "digest": b64url(value.digest),
    }
    standard = value.standard
    if standard is not None:
        members["standard"] = _present(
            {"name": _bilingual(standard.name), "number": standard.number, "version": standard.version}
        )
    return members


def _present(members: JsonObject) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None}


def _salts(random_bytes: RandomBytes, count: int) -> list[str]:
    drawn = random_bytes(SALT_SIZE * count)
    return _texts([drawn[at : at + SALT_SIZE] for at in range(0, SALT_SIZE * count, SALT_SIZE)])


def _texts(items: list[bytes]) -> list[str]:
    """Encode items of one size, 3n + 1 or 3n + 2 bytes, as base64url in one go: each filled up with zeros to 3n + 3."""
    size = len(items[0])
    fill = bytes(3 - size % 3)
    text = _b64(fill.join(items) + fill).decode("ascii")
    return [text[at : at + (size * 4 + 2) // 3] for at in range(0, len(text), (size // 3 + 1) * 4)]


def _b64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_URL_ALPHABET, b"=")


def _keep_to_caps(issued: IssuedCredential) -> None:
    sizes = [len(text) for text in issued.disclosures.values()]
    total = len(issued.jwt) + sum(sizes) + len(sizes) + 1
    for part, limit, actual in (
        ("JWT", MAX_JWT, len(issued.jwt)),
        ("disclosures", MAX_DISCLOSURES, len(sizes)),
        ("disclosure", MAX_DISCLOSURE, max(sizes, default=0)),
        ("presentation", MAX_PRESENTATION, total),
    ):
        if actual > limit:
            raise ClaimRefused(part, f"expected at most {limit}, got {actual}")
