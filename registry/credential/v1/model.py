"""What a certificate of format 1 says, as values: the same for a whole batch, for one certificate, for its holder.

What is issued as (BatchTerms, CertificateEntry, HolderClaims) is read back as (BatchTerms, CertificateEntry,
DisclosedClaims).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import JsonValue
from registry.kernel.identifiers import (
    BatchId,
    BlockHash,
    CertificateNumber,
    ContractAddress,
    Digest,
    IssuerCode,
    KeyThumbprint,
    LeafHash,
    ScopeCode,
)

VCT_PATH: Final = "/vct/occupational-skill-certificate/1"
STATUS_LIST_SIZE: Final = 2**17
"""Entries of one token status list."""

MAX_PRESENTATION: Final = 16 * 1024
MAX_JWT: Final = 8 * 1024
MAX_DISCLOSURES: Final = 24
MAX_DISCLOSURE: Final = 2 * 1024
MAX_DEPTH: Final = 6
MAX_TEXT: Final = 200
SALT_SIZE: Final = 16

SD_MEMBERS: Final = (
    "name",
    "nameLatin",
    "identityType",
    "nationalIdentityNumber",
    "nationalIdentityNumberMasked",
    "grade",
    "portrait",
)
"""Members that stand as digests in `_sd` of every credential; one that a holder lacks is a decoy there."""
MAX_RESULTS: Final = MAX_DISCLOSURES - len(SD_MEMBERS)


class CertificateType(StrEnum):
    """Title and template of a certificate."""

    VOCATIONAL_TECHNOLOGY = "vocational-technology"
    """职业技术证书."""
    VOCATIONAL_COMPETENCE = "vocational-competence"
    """职业能力证书."""
    VOCATIONAL_SKILL_LEVEL = "vocational-skill-level"
    """职业技能等级证书."""
    PROFESSIONAL_TECHNICAL_LEVEL = "professional-technical-level"
    """专业技术等级证书."""
    COMPETITION_AWARD = "competition-award"
    """竞赛奖励证书."""
    TRAINING_HOURS = "training-hours"
    """学时证明."""


class IdentityType(StrEnum):
    """Kind of the document that names the holder."""

    RESIDENT_IDENTITY_CARD = "resident-identity-card"
    """居民身份证."""
    PASSPORT = "passport"
    """护照."""
    HK_MACAU_PERMIT = "hk-macau-permit"
    """港澳居民来往内地通行证."""
    TAIWAN_PERMIT = "taiwan-permit"
    """台湾居民来往大陆通行证."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilingual:
    """A name in Chinese and, where there is one, in English."""

    zh: str
    en: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A code of some list with its name: level, occupation, direction, sector, certificate type, grade."""

    code: str
    name: Bilingual
    framework: str | None = None
    """The list the code is from; never with a certificate type or a grade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The standard that a programme follows."""

    name: Bilingual
    number: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Achievement:
    """The programme, in the version that was examined; its id is `<base>/programmes/<programme>/<version>`."""

    programme: str
    """PROGRAMME of the scope."""
    name: Bilingual
    version: str
    digest: Digest
    """SHA-256 of the programme file's bytes."""
    standard: Standard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Award:
    """What was won in a competition, and where."""

    contest: str
    edition: str
    event: str
    rank: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEntry:
    """Place in a token status list, published at `<base>/status/<CODE>/<list_number>`."""

    list_number: int
    """From 0; each list is one issuer's."""
    index: int
    """From 0, below 2^17."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The score of one paper."""

    paper: str
    """The paper's key in the programme."""
    name: Bilingual
    value: str
    """0 to 999 with at most two decimals, without trailing zeros: `79.5`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """The holder's photograph, by its digest."""

    media_type: str
    digest: Digest
    """SHA-256 of the picture file's bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTerms:
    """What all credentials of one batch say alike."""

    base_url: str
    """Origin of the registry; https, or http on localhost."""
    issuer: IssuerCode
    issuer_name: Bilingual
    issued_at: datetime
    """Time of signing (`iat`), whole seconds, aware."""
    valid_from: datetime
    """`nbf`, whole seconds, aware."""
    last_valid_day: date | None = None
    """Last day of validity, China time; None for life. `exp` is the midnight after it."""
    contract: ContractAddress
    genesis: BlockHash
    batch: BatchId
    certificate_type: Coded
    """Its code is one of CertificateType."""
    achievement: Achievement
    level: Coded | None = None
    """Its code is LEVEL of the scope."""
    occupation: Coded | None = None
    awarded_date: date
    """Date of issue as printed."""
    place: str | None = None
    result_count: int = 0
    """Length of the `result` array of every credential of the batch."""

    @property
    def issuer_url(self) -> str:
        """`iss`."""
        return f"{self.base_url}/issuers/{self.issuer}"

    @property
    def credential_type(self) -> str:
        """`vct`."""
        return self.base_url + VCT_PATH

    @property
    def scope(self) -> ScopeCode:
        """Scope that the issuer must hold on chain: PROGRAMME/LEVEL, level `-` where there is none."""
        return ScopeCode(f"{self.achievement.programme}/{self.level.code if self.level else '-'}")

    @property
    def valid_until(self) -> datetime | None:
        """End of validity, exclusive (`exp`); None for life."""
        if self.last_valid_day is None:
            return None
        day = self.last_valid_day + timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=CHINA_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEntry:
    """What one certificate says beyond its batch, visible to everyone who has it."""

    id: UUID
    """`jti` is `urn:uuid:` and this; one per issued credential."""
    index: int
    """Leaf of the batch, from 0."""
    status: StatusEntry
    license_number: CertificateNumber
    """Certificate number; a correction keeps it."""
    revision: int = 1
    """From 1; (license_number, revision) is unique."""
    registration_number: str | None = None
    """Second number that some forms print (编号)."""
    replaces: UUID | None = None
    """`jti` of the earlier credential (correction, renewal)."""
    direction: Coded | None = None
    sector: Coded | None = None
    training_hours: int | None = None
    """Whole standard hours."""
    activity_end_date: date
    """Date of the examination."""
    award: Award | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderClaims:
    """What can be disclosed one by one; the masked number is derived."""

    name: str
    name_latin: str | None = None
    identity_type: IdentityType
    identity_number: str
    results: tuple[Result | None, ...] = ()
    """In programme order; None where this holder has none: a decoy."""
    grade: Coded | None = None
    portrait: Portrait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosedClaims:
    """What a presentation discloses: None is not shown, which does not say that there is nothing."""

    name: str | None = None
    name_latin: str | None = None
    identity_type: IdentityType | None = None
    identity_number: str | None = None
    identity_number_masked: str | None = None
    results: tuple[Result | None, ...] = ()
    """One place for each element of the visible array."""
    grade: Coded | None = None
    portrait: Portrait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCredential:
    """A signed credential and its disclosures, stored apart, so that a person's disclosures can be erased."""

    jwt: str
    """Issuer-signed JWT, ASCII, without tilde."""
    disclosures: Mapping[str, str]
    """Member (`name`, …, `result.0`, …) → disclosure as base64url text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """A received credential whose form, digests and disclosures are good; the signature is checked apart."""

    jwt: str
    disclosures: Mapping[str, str]
    """As in IssuedCredential, those that were received."""
    signer: KeyThumbprint
    """Thumbprint of the credential key that the header names."""
    signature: bytes
    """64 bytes r ‖ s."""
    digest: Digest
    """d = SHA-256 of the JWT's ASCII."""
    leaf: LeafHash
    """Leaf of the batch's tree: SHA-256(0x00 ‖ 0x01 ‖ d)."""
    terms: BatchTerms
    entry: CertificateEntry
    disclosed: DisclosedClaims
    payload: Mapping[str, JsonValue]
    """The visible members as they were read."""
    told: Mapping[str, JsonValue]
    """Member → value of each disclosure, named as in `disclosures`."""


def masked(number: str) -> str:
    """Mask an identity number of n ≥ 2 characters: the first and the last min(4, ⌊n/2⌋ − 1) stay, the rest are `*`."""
    kept = min(4, len(number) // 2 - 1)
    return number[0] + "*" * (len(number) - 1 - kept) + number[len(number) - kept :]
