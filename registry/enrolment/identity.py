"""Identity documents: types, the one form of a number, and what GB 11643 says about resident identity card numbers.

A resident number has 18 characters: six digits of the region, eight of the birth date, three of sequence (the last odd
for men, even for women) and the check character of ISO 7064 MOD 11-2.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from stdnum.cn import ric
from stdnum.exceptions import ValidationError

OLDEST_YEARS = 120
"""No candidate is older."""


class IdentityType(StrEnum):
    """Kinds of identity document (证件类型)."""

    RESIDENT_IDENTITY_CARD = "resident-identity-card"  # 居民身份证
    PASSPORT = "passport"  # 护照
    HK_MACAU_PERMIT = "hk-macau-permit"  # 港澳居民来往内地通行证
    TAIWAN_PERMIT = "taiwan-permit"  # 台湾居民来往大陆通行证
    OTHER = "other"  # 其他, residence permits among them


class Sex(StrEnum):
    """Sex as the identity document states it (性别)."""

    FEMALE = "female"
    MALE = "male"


# Mainland permits of Hong Kong and Macau residents: H or M, eight digits, and a card's two digits of renewal.
_FORMS = {
    IdentityType.PASSPORT: re.compile(r"[A-Z0-9]{5,17}"),
    IdentityType.HK_MACAU_PERMIT: re.compile(r"[HM][0-9]{8}(?:[0-9]{2})?"),
    IdentityType.TAIWAN_PERMIT: re.compile(r"[0-9]{8}(?:[0-9]{2})?"),
    IdentityType.OTHER: re.compile(r"[A-Z0-9][A-Z0-9()/-]{2,31}"),
}
_RESIDENT = re.compile(r"[0-9]{17}[0-9X]")
_PUNCTUATION = re.compile(r"[()/-]")
_RESIDENCE_PERMITS = "81"
"""Residence permits begin with 81 to 83, foreigners' identity cards with 9; regions of resident numbers are below."""
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]{1,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentNumber:
    """What a resident identity card number says about its holder."""

    birth_date: date
    sex: Sex
    region_known: bool
    """Whether the region is in the list at hand; the list has gaps, so a person looks and nothing is refused."""


def normal_identity_number(text: str) -> str:
    """Bring a number to the form it is stored, compared and indexed in: NFKC, upper case, without spaces."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()


def identity_fault(kind: IdentityType, number: str, today: date) -> str | None:
    """Check a number in normal form against its type; gives the slug of the first thing wrong."""
    if _SCIENTIFIC.fullmatch(number):
        return "identity-scientific"
    if kind is IdentityType.OTHER:
        bare = _PUNCTUATION.sub("", number)
        if bare < _RESIDENCE_PERMITS and _resident_fault(bare, today) is None:
            return "identity-resident"  # under two types one person would be two
    if kind is not IdentityType.RESIDENT_IDENTITY_CARD:
        return None if _FORMS[kind].fullmatch(number) else "identity-format"
    return _resident_fault(number, today)


def _resident_fault(number: str, today: date) -> str | None:
    if len(number) != 18:
        return "identity-length"
    if not _RESIDENT.fullmatch(number):
        return "identity-characters"
    birth_date = _birth_date(number)
    if birth_date is None or not plausible_birth(birth_date, today):
        return "identity-birth-date"
    if ric.calc_check_digit(number) != number[-1]:
        return "identity-check"
    return None


def read_resident_number(number: str) -> ResidentNumber:
    """Read a resident number in which `identity_fault` found nothing."""
    birth_date = _birth_date(number)
    assert birth_date is not None
    return ResidentNumber(
        birth_date=birth_date,
        sex=Sex.MALE if int(number[16]) % 2 else Sex.FEMALE,
        region_known=_region_known(number[:6], birth_date.year),
    )


def plausible_birth(birth_date: date, today: date) -> bool:
    """Tell whether a candidate can have been born on this day."""
    return birth_date <= today and today.year - birth_date.year <= OLDEST_YEARS


def _birth_date(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _region_known(region: str, year: int) -> bool:
    try:
        ric.get_birth_place(f"{region}{year:04d}0101")
    except ValidationError:
        return False
    return True
