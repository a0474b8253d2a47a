"""Signing credentials of format 1 (SD-JWT VC, RFC 9901, ES256).

For each credential, after what is the same in the whole batch has been written once (1 to 3 by `BatchWriter`):
1. lint what it says;
2. write one disclosure for each member and result, a decoy where the holder has none;
3. write the payload: constant part, the certificate's own members, `result`, sorted `_sd`;
4. sign header and payload;
5. keep to the caps.
"""

import binascii
import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from registry.credential.v1.rules import lint_entry, lint_marks, lint_person, lint_terms
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
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_END: Final = len(',"result":[],"_sd":[],"_sd_alg":"sha-256"}') + 8
"""Bytes at the end of a payload beside its digests, at most."""
_REMEMBERED: Final = 10_000
"""Most combinations of marks that are remembered as they are written."""
_SALT: Final = re.compile(rb"[A-Za-z0-9_-]{22}")
_DIGESTS: Final = re.compile(
    r',"result":\[(?P<result>(?:\{"\.\.\.":"[A-Za-z0-9_-]{43}"\},?)*)\]'
    r',"_sd":\[(?P<sd>(?:"[A-Za-z0-9_-]{43}",?)*)\],"_sd_alg":"sha-256"\}\Z'
)
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


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A credential that is written and lacks its signature."""

    message: bytes
    """Header and payload as they are signed, ASCII."""
    disclosures: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marks:
    """Results and grade, and how they are written behind the salts of their disclosures."""

    results: Sequence[Result | None]
    """Held, so that no other results are taken for them: they are found by identity."""
    grade: Coded | None
    written_grade: str | None
    written_results: list[tuple[str, str | None]]


class BatchWriter:
    """Writes the credentials of one batch, all with the same terms and the same key, and tells whether others do so."""

    def __init__(self, terms: BatchTerms, key: KeyThumbprint, random_bytes: RandomBytes = secrets.token_bytes) -> None:
        """Lint the terms and write what is constant. `random_bytes` gives the salts. Raises ClaimRefused."""
        lint_terms(terms)
        self._terms, self._random_bytes = terms, random_bytes
        header = f'{{"alg":"ES256","typ":"dc+sd-jwt","kid":"{b64url(key)}"}}'
        self._header = _b64(header.encode("ascii")) + b"."
        self._head = _constant_members(terms).encode()
        self._status_base = f"{terms.base_url}/status/{terms.issuer}/"
        self._marks: dict[int, _Marks] = {}

    def lint(self, entry: CertificateEntry, holder: HolderClaims) -> None:
        """Do step 1. Raises ClaimRefused."""
        lint_entry(self._terms, entry)
        lint_person(holder)
        self._marks_of(holder)

    def write(self, entry: CertificateEntry, holder: HolderClaims) -> Unsigned:
        """Do steps 1 to 3: all of a credential but the signature. Raises ClaimRefused."""
        # 1
        self.lint(entry, holder)
        # 2
        contents = self._contents(holder)
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
        message = self._message(entry, sorted(digests[:own]), digests[own:])
        return Unsigned(message, disclosures)

    def _message(self, entry: CertificateEntry, members: list[str], elements: list[str]) -> bytes:
        """Write header and payload with the digests of the members, sorted, and of the results."""
        listed = ",".join([f'{{"...":"{digest}"}}' for digest in elements])
        quoted = '","'.join(members)
        own = (
            f"{entry.index}}}{_own_members(entry, self._status_base)}"
            f',"result":[{listed}],"_sd":["{quoted}"],"_sd_alg":"sha-256"}}'
        )
        return self._header + _b64(self._head + own.encode())

    def is_as_written(self, credential: IssuedCredential, entry: CertificateEntry, holder: HolderClaims) -> bool:
        """Tell whether a credential is, byte for byte, what `write` makes of this with some salts; not who signed it.

        What its decoys were made of is not known: their digests are taken as they stand in it. Raises ClaimRefused for
        results that the batch does not have so.
        """
        message, _, _ = credential.jwt.rpartition(".")
        contents, own = self._contents(holder), len(SD_MEMBERS)
        given = _digests_in(message, own=own, elements=len(contents) - own) if message.isascii() else None
        if given is None:
            return False
        members, elements = given
        disclosed: list[tuple[int, bytes]] = []
        for place, (member, content) in enumerate(contents):
            text = credential.disclosures.get(member)
            if content is None:
                if text is not None:
                    return False
                continue
            written = None if text is None else _disclosure_like(text, content)
            if written is None:
                return False
            disclosed.append((place, sha256(written).digest()))
        digests = _texts([digest for _, digest in disclosed])
        of_members = {digest for digest, (place, _) in zip(digests, disclosed, strict=True) if place < own}
        of_results = [(place - own, digest) for digest, (place, _) in zip(digests, disclosed, strict=True)]
        return (
            len(credential.disclosures) == len(disclosed)
            and of_members.issubset(members)
            and len(set(members)) == own
            and members == sorted(members)
            and all(elements[place] == digest for place, digest in of_results if place >= 0)
            and self._message(entry, members, elements) == message.encode("ascii")
        )

    def _contents(self, holder: HolderClaims) -> list[tuple[str, str | None]]:
        """Write what follows the salt in each disclosure: SD_MEMBERS in their order, then the results; None is a decoy.

        Raises ClaimRefused for results that the batch does not have so.
        """
        latin, portrait, marks = holder.name_latin, holder.portrait, self._marks_of(holder)
        number, mask = _quoted(holder.identity_number), _quoted(masked(holder.identity_number))
        return [
            ("name", f'"name",{_quoted(holder.name)}'),
            ("nameLatin", None if latin is None else f'"nameLatin",{_quoted(latin)}'),
            ("identityType", f'"identityType","{holder.identity_type.value}"'),
            ("nationalIdentityNumber", f'"nationalIdentityNumber",{number}'),
            ("nationalIdentityNumberMasked", f'"nationalIdentityNumberMasked",{mask}'),
            ("grade", marks.written_grade),
            ("portrait", None if portrait is None else f'"portrait",{_portrait(portrait)}'),
            *marks.written_results,
        ]

    def _marks_of(self, holder: HolderClaims) -> "_Marks":
        """Lint and write results and grade; once for all holders that are given the same ones. Raises ClaimRefused."""
        results, grade = holder.results, holder.grade
        found = self._marks.get(id(results))
        if found is None or found.results is not results or found.grade is not grade:
            lint_marks(self._terms, results, grade)
            if len(self._marks) >= _REMEMBERED:
                self._marks.clear()
            found = self._marks[id(results)] = _Marks(
                results=results,
                grade=grade,
                written_grade=None if grade is None else f'"grade",{_write(_coded(grade))}',
                written_results=[
                    (f"result.{position}", None if result is None else _result(result))
                    for position, result in enumerate(results)
                ],
            )
        return found


class BatchIssuer:
    """Issues the credentials of one batch, all with the same terms and the same key."""

    def __init__(
        self, terms: BatchTerms, signer: CredentialSigner, random_bytes: RandomBytes = secrets.token_bytes
    ) -> None:
        """Lint the terms and write what is constant. `random_bytes` gives the salts. Raises ClaimRefused."""
        self._writer, self._sign = BatchWriter(terms, signer.thumbprint(), random_bytes), signer.sign

    def issue(self, entry: CertificateEntry, holder: HolderClaims) -> IssuedCredential:
        """Sign one credential. Raises ClaimRefused."""
        unsigned = self._writer.write(entry, holder)
        # 4
        return signed(unsigned, self._sign(unsigned.message))


def signed(unsigned: Unsigned, signature: bytes) -> IssuedCredential:
    """Put a credential together with its signature, r ‖ s. Raises ClaimRefused where it is too large."""
    jwt = unsigned.message + b"." + _b64(signature)
    issued = IssuedCredential(jwt=jwt.decode("ascii"), disclosures=unsigned.disclosures)
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


def _digests_in(message: str, *, own: int, elements: int) -> tuple[list[str], list[str]] | None:
    """Find the digests at the end of a payload, of the members and of the results; None = they are not there."""
    payload = message.partition(".")[2]
    # Only the end is read: from a place where four characters are three bytes.
    begin = max(0, (len(payload) * 3 // 4 - _END - own * 46 - elements * 54) // 3 * 4)
    try:
        end = binascii.a2b_base64(payload[begin:].encode("ascii").translate(_FROM_URL) + b"==")
        found = _DIGESTS.search(end.decode("utf-8", "replace"))
    except ValueError:
        return None
    if found is None:
        return None
    listed, quoted = found["result"], found["sd"]
    # Each digest has 43 characters, and each stands between as many others.
    of_results = [listed[at : at + 43] for at in range(8, len(listed), 54)]
    of_members = [quoted[at : at + 43] for at in range(1, len(quoted), 46)]
    return (of_members, of_results) if (len(of_members), len(of_results)) == (own, elements) else None


def _disclosure_like(text: str, content: str) -> bytes | None:
    """Write a disclosure of this content with the salt of another; None = it is not the same text."""
    try:
        given = text.encode("ascii")
        salt = binascii.a2b_base64(given[:32].translate(_FROM_URL))[2:]
    except ValueError:
        return None
    written = _b64(b'["' + salt + b'",' + content.encode() + b"]")
    return written if written == given and _SALT.fullmatch(salt) else None


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
