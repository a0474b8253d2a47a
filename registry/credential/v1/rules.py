"""Which values may stand in a certificate of format 1: asked before signing, and of everything that is read.

Each function raises ClaimRefused, naming the JSON member.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from registry.credential.errors import ClaimRefused
from registry.credential.v1.model import (
    MAX_RESULTS,
    MAX_TEXT,
    STATUS_LIST_SIZE,
    Achievement,
    Award,
    BatchTerms,
    Bilingual,
    CertificateEntry,
    CertificateType,
    Coded,
    DisclosedClaims,
    HolderClaims,
    Portrait,
    Result,
    masked,
)
from registry.kernel.encoding import MAX_INTEGER
from registry.kernel.identifiers import MAX_BATCH_SIZE, IdentifierMalformed, issuer_code, scope_code

_ORIGIN: Final = re.compile(
    r"(?:https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?!:443$)|http://localhost(?!:80$))(?::[1-9][0-9]{0,4})?"
)
# Controls, line and paragraph separators and bidirectional controls make a shown text differ from the signed one.
_UNSEEN: Final = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LICENSE_NUMBER: Final = re.compile(r"[^\W_][\w.()（）〔〕-]{0,63}")
_PROGRAMME: Final = re.compile(r"[A-Z0-9][A-Z0-9-]*")
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}")
_IDENTITY_NUMBER: Final = re.compile(r"[^\s*]{2,64}")
_MASK: Final = re.compile(r"[^\s*](\*+)([^\s*]{0,4})")
_VALUE: Final = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.[0-9]?[1-9])?")
_MEDIA_TYPE: Final = re.compile(r"image/[a-z0-9][a-z0-9.+-]{0,60}")
_LAST_SECOND: Final = datetime(9999, 12, 29, tzinfo=UTC)
_FIRST_SECOND: Final = datetime(1970, 1, 1, tzinfo=UTC)


def lint_terms(terms: BatchTerms) -> None:
    """Check what a batch says. Raises ClaimRefused."""
    if not _ORIGIN.fullmatch(terms.base_url):
        raise ClaimRefused("iss", "expected an https origin without path, or http on localhost")
    if len(terms.credential_type) > MAX_TEXT or len(terms.issuer_url) > MAX_TEXT:
        raise ClaimRefused("iss", f"expected URLs of at most {MAX_TEXT} characters")
    _identifier("iss", issuer_code, terms.issuer)
    _bilingual("issuerName", terms.issuer_name)
    _time("iat", terms.issued_at)
    _time("nbf", terms.valid_from)
    if terms.last_valid_day is not None and terms.last_valid_day > _LAST_SECOND.date():
        raise ClaimRefused("exp", "expected a time from 1970 to 9999")
    if terms.valid_until is not None and terms.valid_from >= terms.valid_until:
        raise ClaimRefused("exp", "expected an end after the beginning of validity")
    for member, digest in (("anchor.genesis", terms.genesis), ("anchor.batch", terms.batch)):
        _digest(member, digest)
    if not 0 < terms.contract.chain_id <= MAX_INTEGER:
        raise ClaimRefused("anchor.contract", "expected a chain id below 2^53")
    _coded("certificateType", terms.certificate_type, framework=False)
    if terms.certificate_type.code not in set(CertificateType):
        raise ClaimRefused("certificateType.targetCode", "expected a code of the list of certificate types")
    _achievement(terms.achievement)
    for member, coded in (("level", terms.level), ("occupation", terms.occupation)):
        if coded is not None:
            _coded(member, coded)
    if len(terms.base_url) + len("/programmes//") + len(terms.scope) + len(terms.achievement.version) > MAX_TEXT:
        raise ClaimRefused("achievement.id", f"expected at most {MAX_TEXT} characters")
    _identifier("level.targetCode", scope_code, terms.scope)
    if terms.place is not None:
        _text("place", terms.place)
    _whole("result", terms.result_count, 0, MAX_RESULTS)


def lint_entry(terms: BatchTerms, entry: CertificateEntry) -> None:
    """Check what one certificate of a batch says visibly. Raises ClaimRefused."""
    _whole("anchor.index", entry.index, 0, MAX_BATCH_SIZE - 1)
    _whole("status.status_list.idx", entry.status.index, 0, STATUS_LIST_SIZE - 1)
    _whole("status.status_list.uri", entry.status.list_number, 0, MAX_INTEGER)
    _text("licenseNumber", entry.license_number, _LICENSE_NUMBER)
    _whole("revision", entry.revision, 1, MAX_INTEGER)
    if entry.registration_number is not None:
        _text("registrationNumber", entry.registration_number)
    if entry.replaces is not None and entry.replaces == entry.id:
        raise ClaimRefused("replaces", "expected another credential than this one")
    if entry.direction is not None:
        _coded("direction", entry.direction)
    if entry.sector is not None:
        _coded("sector", entry.sector)
    if entry.training_hours is not None:
        _whole("trainingHours", entry.training_hours, 1, MAX_INTEGER)
    if entry.award is not None:
        if terms.certificate_type.code != CertificateType.COMPETITION_AWARD:
            raise ClaimRefused("award", "expected none but in a competition award")
        _award(entry.award)


def lint_marks(terms: BatchTerms, results: Sequence[Result | None], grade: Coded | None) -> None:
    """Check results and grade, which many holders have alike. Raises ClaimRefused."""
    if len(results) != terms.result_count:
        raise ClaimRefused("result", f"expected {terms.result_count} elements as in the whole batch")
    _marks(results, grade)


def lint_person(claims: HolderClaims | DisclosedClaims) -> None:
    """Check name, identity and photograph. Raises ClaimRefused."""
    if claims.name is not None:
        _text("name", claims.name)
    if claims.name_latin is not None:
        _text("nameLatin", claims.name_latin)
    if claims.identity_number is not None:
        _text("nationalIdentityNumber", claims.identity_number, _IDENTITY_NUMBER)
    if claims.portrait is not None:
        _portrait(claims.portrait)


def lint_disclosed(claims: DisclosedClaims) -> None:
    """Check what a presentation discloses, each member for itself. Raises ClaimRefused."""
    if claims.identity_number_masked is not None:
        _mask("nationalIdentityNumberMasked", claims.identity_number_masked)
    _marks(claims.results, claims.grade)
    lint_person(claims)


def _marks(results: Sequence[Result | None], grade: Coded | None) -> None:
    for position, result in enumerate(results):
        if result is not None:
            _result(f"result.{position}", result)
    if grade is not None:
        _coded("grade", grade, framework=False)


def _text(member: str, value: str, pattern: re.Pattern[str] | None = None) -> None:
    if not 0 < len(value) <= MAX_TEXT:
        raise ClaimRefused(member, f"expected 1 to {MAX_TEXT} characters, got {len(value)}")
    # Printable is narrower than what is allowed, and quick to ask.
    if not value.isprintable() and _UNSEEN.search(value):
        raise ClaimRefused(member, "expected no control characters and no lone surrogates")
    if not value.isascii() and not unicodedata.is_normalized("NFC", value):
        raise ClaimRefused(member, "expected Unicode normal form C")
    if pattern is not None and not pattern.fullmatch(value):
        raise ClaimRefused(member, "has not the form that this member demands")


def _whole(member: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ClaimRefused(member, f"expected a whole number from {least} to {most}")


def _digest(member: str, value: bytes) -> None:
    if len(value) != 32:
        raise ClaimRefused(member, f"expected 32 bytes, got {len(value)}")


def _time(member: str, value: datetime) -> None:
    if value.tzinfo is None or value.microsecond:
        raise ClaimRefused(member, "expected an aware time of whole seconds")
    if not _FIRST_SECOND <= value <= _LAST_SECOND:
        raise ClaimRefused(member, "expected a time from 1970 to 9999")


def _identifier(member: str, check: Callable[[str], object], text: str) -> None:
    try:
        check(text)
    except IdentifierMalformed as error:
        raise ClaimRefused(member, f"expected {error.expected}") from error


def _bilingual(member: str, value: Bilingual) -> None:
    _text(f"{member}.zh", value.zh)
    if value.en is not None:
        _text(f"{member}.en", value.en)


def _coded(member: str, value: Coded, *, framework: bool = True) -> None:
    _text(f"{member}.targetCode", value.code)
    _bilingual(f"{member}.targetName", value.name)
    if value.framework is not None:
        if not framework:
            raise ClaimRefused(f"{member}.targetFramework", "expected none here")
        _text(f"{member}.targetFramework", value.framework)


def _achievement(value: Achievement) -> None:
    _text("achievement.humanCode", value.programme, _PROGRAMME)
    _bilingual("achievement.name", value.name)
    _text("achievement.version", value.version, _VERSION)
    _digest("achievement.digest", value.digest)
    if value.standard is not None:
        _bilingual("achievement.standard.name", value.standard.name)
        for name, text in (("number", value.standard.number), ("version", value.standard.version)):
            if text is not None:
                _text(f"achievement.standard.{name}", text)


def _award(value: Award) -> None:
    for name in ("contest", "edition", "event", "rank"):
        _text(f"award.{name}", getattr(value, name))


def _result(member: str, value: Result) -> None:
    _text(f"{member}.resultDescription", value.paper)
    _bilingual(f"{member}.name", value.name)
    _text(f"{member}.value", value.value, _VALUE)


def _portrait(value: Portrait) -> None:
    _text("portrait.mediaType", value.media_type, _MEDIA_TYPE)
    _digest("portrait.digest", value.digest)


def _mask(member: str, value: str) -> None:
    _text(member, value)
    match = _MASK.fullmatch(value)
    # A mask is the mask of itself: its length alone says how much of it may stay visible.
    if not match or masked(value) != value:
        raise ClaimRefused(member, "expected the first and the last few characters, the rest as *")
