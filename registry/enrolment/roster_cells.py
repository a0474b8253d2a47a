"""The cells of one row: what the words in them stand for, and what is wrong with them."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from registry.enrolment.identity import IdentityType, Sex
from registry.enrolment.model import Engagement
from registry.enrolment.problems import RowProblem
from registry.enrolment.roster_problems import ROSTER_PROBLEMS
from registry.enrolment.table import NOTHING, Column, Row, Table
from registry.programme import Degree, Education, Title, WorkProof

_T = TypeVar("_T")

IDENTITY_TYPES = {
    word: kind
    for kind, words in {
        IdentityType.RESIDENT_IDENTITY_CARD: ("居民身份证", "身份证", "二代身份证", "resident-identity-card"),
        IdentityType.PASSPORT: ("护照", "passport"),
        IdentityType.HK_MACAU_PERMIT: ("港澳居民来往内地通行证", "回乡证", "hk-macau-permit"),
        IdentityType.TAIWAN_PERMIT: ("台湾居民来往大陆通行证", "台胞证", "taiwan-permit"),
        IdentityType.OTHER: ("其他", "其它", "港澳台居民居住证", "外国人永久居留身份证", "other"),
    }.items()
    for word in words
}
# 技校 is left out: what graduates of 技工院校 count as is nowhere stated; who hands in the roster says it.
EDUCATIONS = {
    word: education
    for education, words in {
        Education.PRIMARY: ("小学",),
        Education.JUNIOR_SECONDARY: ("初中",),
        Education.SENIOR_SECONDARY: ("高中", "普通高中", "中专", "职高", "职业高中", "中等专科"),
        Education.ASSOCIATE: ("大专", "专科", "高职", "大学专科"),
        Education.BACHELOR: ("本科", "大学本科", "大学", "学士"),
        Education.MASTER: ("硕士", "硕士研究生"),
        Education.DOCTOR: ("博士", "博士研究生"),
    }.items()
    for word in (*words, education.value)
}
SEXES = {"男": Sex.MALE, "m": Sex.MALE, "male": Sex.MALE, "女": Sex.FEMALE, "f": Sex.FEMALE, "female": Sex.FEMALE}
DEGREES = {
    word: degree
    for degree, words in {
        Degree.BACHELOR: ("学士学位", "学士"),
        Degree.SECOND_BACHELOR: ("第二学士学位", "第二学士"),
        Degree.MASTER: ("硕士学位", "硕士"),
        Degree.DOCTOR: ("博士学位", "博士"),
    }.items()
    for word in (*words, degree.value)
}
TITLES = {
    word: title
    for title, words in {
        Title.TECHNICIAN: ("技术员",),
        Title.ASSISTANT_ENGINEER: ("助理工程师",),
        Title.ENGINEER: ("工程师",),
        Title.SENIOR_ENGINEER: ("高级工程师",),
    }.items()
    for word in (*words, title.value)
}
WORK_PROOFS = {
    word: proof
    for proof, words in {
        WorkProof.EMPLOYMENT_RECORD: ("就业记录", "工作证明"),
        WorkProof.SOCIAL_INSURANCE: ("社保记录", "社保", "社会保险记录"),
    }.items()
    for word in (*words, proof.value)
}
ENGAGEMENTS = {
    word: engagement
    for engagement, words in {
        Engagement.WORKING: ("从事", "从事本职业", "在职"),
        Engagement.INTENDED: ("准备从事", "准备从事本职业", "拟从事"),
    }.items()
    for word in (*words, engagement.value)
}

DATE = re.compile(r"([0-9]{4})(?:[-/.年]([0-9]{1,2})(?:[-/.月]([0-9]{1,2})日?|月?)|([0-9]{2})([0-9]{2}))")
"""A day, or a month without one: year, month, day, or (without separators) month and day in groups 4 and 5."""
_DECIMAL_YEARS = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,2}))?(?:年|years?)?")
_YEARS_AND_MONTHS = re.compile(r"(?:([0-9]{1,2})(?:年|years?))?零?([0-9]{1,3})(?:个?月|months?)")
_BETWEEN = re.compile(r"[、，,;；]")


class RowCells:
    """Reads the cells of one row and collects its problems."""

    def __init__(self, row: Row, table: Table, columns: Sequence[Column]) -> None:
        self._row, self._table, self._columns = row, table, columns
        self.problems: list[RowProblem] = []
        self.notices: list[RowProblem] = []

    def has_column(self, key: str) -> bool:
        """Tell whether the file has the column."""
        return key in self._table.places

    def fault(self, key: str, slug: str, **numbers: int) -> None:
        """Keep a problem of one cell."""
        self.problems.append(self.report(key, slug, **numbers))

    def report(self, key: str, slug: str, **numbers: int) -> RowProblem:
        """Make a report of one cell."""
        place = self._table.places.get(key)
        if place is None:  # the column is not in the file; its first heading says which one would be needed
            heading = next(column.headings[0] for column in self._columns if column.key == key)
            return ROSTER_PROBLEMS[slug].at(self._row.line, heading, **numbers)
        return ROSTER_PROBLEMS[slug].at(self._row.line, place.heading, place.position, **numbers)

    def text(self, key: str) -> str | None:
        """Give what the cell says; None where it is empty, absent or has been reported already."""
        text = self._row.cells.get(key)
        return None if text is None or text.casefold() in NOTHING else text

    def unreadable(self, key: str) -> bool:
        """Tell whether the cell is there and has been reported already."""
        return key in self._row.cells and self._row.cells[key] is None

    def required(self, key: str) -> str | None:
        """Give what the cell says; report where it says nothing."""
        text = self.text(key)
        if text is None and not self.unreadable(key):
            self.fault(key, "field-required")
        return text

    def chosen(self, key: str, words: Mapping[str, _T], slug: str, *, required: bool = False) -> _T | None:
        """Give what the word in the cell stands for."""
        text = self.required(key) if required else self.text(key)
        if text is None:
            return None
        found = words.get(word(text))
        if found is None:
            self.fault(key, slug)
        return found

    def checked(self, key: str, normal: Callable[[str], str], form: re.Pattern[str], slug: str) -> str | None:
        """Give the cell in a normal form that fits `form`."""
        text = self.text(key)
        if text is None:
            return None
        text = normal(text)
        if not form.fullmatch(text):
            self.fault(key, slug)
            return None
        return text

    def several(self, key: str, words: Mapping[str, _T], slug: str) -> tuple[_T, ...]:
        """Give what each of the words in the cell stands for, without repeats; 、 or a comma stands between them."""
        text = self.text(key)
        if text is None:
            return ()
        found = [words.get(word(part)) for part in _BETWEEN.split(text) if part.strip()]
        if None in found:
            self.fault(key, slug)
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def months(self, key: str) -> int | None:
        """Give the years in the cell as whole months."""
        text = self.text(key)
        if text is None:
            return None
        months = work_months(text)
        if months is None:
            self.fault(key, "work-format")
        return months


def word(text: str) -> str:
    """Bring a word to the form it is compared in: NFKC, lower case, without spaces."""
    return unicodedata.normalize("NFKC", text).casefold().replace(" ", "")


def work_months(text: str) -> int | None:
    """Read years of work into whole months, rounded down: `1.5`, `1年6个月`, `18个月`; None for anything else."""
    plain = word(text)
    match = _YEARS_AND_MONTHS.fullmatch(plain)
    if match is not None:
        return int(match[1] or 0) * 12 + int(match[2])
    match = _DECIMAL_YEARS.fullmatch(plain)
    if match is None:
        return None
    return (int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))) * 12 // 100
