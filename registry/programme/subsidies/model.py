"""A subsidy's rules as values: where and when they hold, what is paid for a level, and who says so."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from registry.kernel.identifiers import Digest
from registry.programme.examination import RoundingMode
from registry.programme.terms import Bilingual, LevelCode, ProgrammeCode, StatedBy


class ConditionKind(StrEnum):
    """How it is known that a condition of the list is met."""

    REGISTERED_THERE = "registered-there"  # 本地户籍
    INSURED_THERE = "insured-there"  # 在本地参加社会保险
    JUDGED = "judged"  # 其他情形, by a person with a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days on which a rule holds, both included."""

    first: date
    last: date | None
    """None = until another rule takes its place."""
    stated_by: StatedBy
    source: Bilingual

    def holds_on(self, day: date) -> bool:
        """Tell whether the rule holds on a day."""
        return self.first <= day and (self.last is None or day <= self.last)

    def overlaps(self, other: "Period") -> bool:
        """Tell whether two rules hold on the same day."""
        return (self.last is None or other.first <= self.last) and (other.last is None or self.first <= other.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What is paid for one level."""

    level: LevelCode
    fen: int | None
    """Whole fen (分), before what a place adds; None = by local rule, the source states no figure."""
    stated_by: StatedBy
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A city of the region."""

    name: Bilingual
    """The Chinese name without 市."""
    more_percent: int
    """So many percent are paid besides; 0 = what the region pays."""
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyCondition:
    """One condition of the list; any one suffices."""

    kind: ConditionKind
    text: Bilingual
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidBefore:
    """What an earlier subsidy for the same occupation rules out."""

    occupation: str
    """Code of the national list of occupations."""
    text: Bilingual
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Fraction:
    """What is done with a part of the smallest unit that is paid."""

    mode: RoundingMode
    unit_fen: int
    """1 = to the fen, 100 = to the yuan."""
    stated_by: StatedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A result that the source states itself; a rule that gives another one is not taken."""

    place: str
    level: LevelCode
    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What the source says besides, and nothing is computed from."""

    text: Bilingual
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyRule:
    """One file: what one region pays for one programme in one period."""

    id: str
    """`guangdong.2026.1`."""
    programme: ProgrammeCode
    digest: Digest
    """SHA-256 of the file's bytes."""
    region: Bilingual
    """The Chinese name without 省, 市 or 自治区."""
    source: Bilingual
    period: Period
    amounts: tuple[Amount, ...]
    """Lowest level first."""
    places: tuple[Place, ...]
    conditions: tuple[SubsidyCondition, ...]
    open_list: bool
    """Whether the list of conditions is an open one: a person judges what is not on it, with a reason."""
    paid_before: PaidBefore
    fraction: Fraction
    examples: tuple[Example, ...]
    remarks: tuple[Remark, ...]

    def amount(self, level: str) -> Amount | None:
        """Find what is stated of a level."""
        return next((one for one in self.amounts if one.level == level), None)

    def place(self, name: str) -> Place | None:
        """Find a city by either of its names; 市 behind it and letter case do not matter."""
        wanted = plain_name(name)
        return next((one for one in self.places if wanted in {plain_name(one.name.zh), plain_name(one.name.en)}), None)

    def covers(self, name: str) -> bool:
        """Tell whether a name is that of the region, or of a city in it."""
        return plain_name(name) in {plain_name(self.region.zh), plain_name(self.region.en)} or bool(self.place(name))


def plain_name(name: str) -> str:
    """Give a region's name as names are compared: without what kind of region it is, in small letters."""
    plain = "".join(name.split()).casefold()
    for ending in ("自治区", "省", "市"):
        if len(plain) > len(ending) + 1:
            plain = plain.removesuffix(ending)
    return plain
