"""From a roster (名册) to candidates, with every bad row named.

1. cut the file into rows (`registry.enrolment.table`);
2. read each cell by its own rules: every fault of a row is reported, not only the first;
3. compare cells of a row with each other (birth date and sex against the identity number);
4. compare rows: the same person twice;
5. a row with no fault is a candidate.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TypeVar

from registry.enrolment.identity import (
    IdentityType,
    ResidentNumber,
    Sex,
    identity_fault,
    normal_identity_number,
    plausible_birth,
    read_resident_number,
)
from registry.enrolment.model import Candidate, HeldCertificate, PersonKey, RosterReading
from registry.enrolment.names import latin_name_fault, name_fault, normal_name
from registry.enrolment.problems import ProblemKind, RowProblem, kinds, table_kinds
from registry.enrolment.table import NOTHING, Column, Row, Table, read_table
from registry.kernel.identifiers import Digest
from registry.programme import Education, LevelCode, Programme

_T = TypeVar("_T")

COLUMNS = (
    Column(key="name", headings=("姓名", "name", "full name"), required=True),
    Column(key="identity_type", headings=("证件类型", "identity type", "document type")),
    Column(
        key="identity_number",
        headings=("证件号码", "身份证号码", "身份证号", "证件号", "identity number", "id number"),
        required=True,
    ),
    Column(key="level", headings=("级别", "等级", "申报级别", "报考级别", "level"), required=True),
    Column(key="birth_date", headings=("出生日期", "出生年月", "birth date", "date of birth")),
    Column(key="education", headings=("文化程度", "学历", "education")),
    Column(
        key="work",
        headings=("从业年限", "工作年限", "从业年限（年）", "工作年限（年）", "years of work", "work years"),
    ),
    Column(key="held", headings=("已持证书", "已持证书编号", "held certificate")),
    Column(key="sex", headings=("性别", "sex", "gender")),
    Column(key="employer", headings=("单位", "单位名称", "工作单位", "employer")),
    Column(key="phone", headings=("电话", "手机", "手机号", "手机号码", "联系电话", "phone")),
    Column(key="email", headings=("邮箱", "电子邮箱", "电子邮件", "email", "e-mail")),
    Column(key="name_latin", headings=("拼音姓名", "姓名拼音", "name in latin letters", "nameLatin")),
)
"""What is read; every other column is named in a notice and passed over."""

_ROW_TEXTS = (
    (
        "name-characters",
        "含有姓名中不能用的字符",
        "holds a character that a name cannot have",
        "按证件重新录入，间隔号用“·”",
        "type it again from the document; the middle dot is “·”",
    ),
    (
        "name-space",
        "汉字之间有空格",
        "there is a space between Chinese characters",
        "删去空格",
        "remove the space",
    ),
    (
        "name-latin",
        "含有拉丁字母、空格、连字符之外的字符",
        "holds something other than Latin letters, spaces and hyphens",
        "按护照写拼音姓名，没有的留空",
        "write it as in the passport, or leave it empty",
    ),
    (
        "identity-type",
        "不是已知的证件类型",
        "not a known type of document",
        "写居民身份证、护照、港澳居民来往内地通行证、台湾居民来往大陆通行证或其他",
        "write resident-identity-card, passport, hk-macau-permit, taiwan-permit or other",
    ),
    (
        "identity-scientific",
        "号码被电子表格改成了科学计数，末几位已丢失",
        "the spreadsheet turned the number into scientific notation and lost its last digits",
        "把这一列设为文本格式，按证件重新录入",
        "format the column as text and type the number again from the document",
    ),
    (
        "identity-length",
        "居民身份证号码应为18位",
        "a resident identity number has 18 characters",
        "对照证件重新录入，一代证号码换成18位",
        "compare with the document; a number of 15 digits has been replaced by one of 18",
    ),
    (
        "identity-characters",
        "前17位应为数字，末位为数字或X",
        "the first 17 characters are digits, the last one a digit or X",
        "对照证件重新录入",
        "compare with the document and type it again",
    ),
    (
        "identity-birth-date",
        "号码中的出生日期不存在，或不可能",
        "the birth date within the number does not exist or is not possible",
        "对照证件重新录入",
        "compare with the document and type it again",
    ),
    (
        "identity-check",
        "末位校验码不对",
        "the check character does not match",
        "对照证件重新录入，多为两位数字颠倒",
        "compare with the document; often two digits are exchanged",
    ),
    (
        "identity-format",
        "不符合这种证件的号码格式",
        "not the form of a number of this kind of document",
        "对照证件重新录入，或改正证件类型",
        "compare with the document, or correct its type",
    ),
    (
        "identity-region",
        "前6位不在行政区划代码表中，不影响导入",
        "the first six digits are not in the list of regions; the row is taken all the same",
        "对照证件核对一次",
        "compare with the document once",
    ),
    (
        "birth-date-format",
        "日期写法不对",
        "not a date",
        "写成1997-03-15这样的年月日",
        "write it as 1997-03-15",
    ),
    (
        "birth-date-impossible",
        "这个日期不存在，或不可能是出生日期",
        "this date does not exist or cannot be a birth date",
        "对照证件改正",
        "correct it from the document",
    ),
    (
        "birth-date-incomplete",
        "证件号码中没有出生日期，需要写到日",
        "the document's number holds no birth date, so the day is needed",
        "写成1997-03-15这样的年月日",
        "write it as 1997-03-15",
    ),
    (
        "birth-date-differs",
        "与证件号码中的出生日期不同",
        "differs from the birth date in the identity number",
        "改正其中一处",
        "correct one of the two",
    ),
    (
        "sex-unknown",
        "应为男或女",
        "expected male or female",
        "写男或女，或留空",
        "write male or female, or leave it empty",
    ),
    (
        "sex-differs",
        "与证件号码中的性别不同",
        "differs from the sex in the identity number",
        "改正其中一处",
        "correct one of the two",
    ),
    (
        "level-unknown",
        "本项目没有这个级别",
        "the programme has no such level",
        "写本项目的级别名称或代码",
        "write the name or the code of one of its levels",
    ),
    (
        "education-unknown",
        "不是已知的文化程度",
        "not a known education",
        "写小学、初中、高中、中专、大专、本科、硕士或博士",
        "write primary, junior-secondary, senior-secondary, associate, bachelor, master or doctor",
    ),
    (
        "work-format",
        "不是年数",
        "not a number of years",
        "写1.5、1年6个月或18个月这样的年数",
        "write it as 1.5 or 18 months",
    ),
    (
        "work-exceeds-life",
        "工作年限超过年龄",
        "more years of work than of life",
        "改正年限或出生日期",
        "correct the years or the birth date",
    ),
    (
        "held-format",
        "既不是级别，也不是证书编号",
        "neither a level nor a certificate number",
        "写证书编号，没有的留空",
        "write the certificate number, or leave it empty",
    ),
    (
        "phone-format",
        "不是电话号码",
        "not a telephone number",
        "写数字，境外号码以00开头",
        "write digits; a number abroad begins with 00",
    ),
    (
        "email-format",
        "不是电子邮箱地址",
        "not an e-mail address",
        "改正，或留空",
        "correct it, or leave it empty",
    ),
    (
        "already-enrolled",
        "已报名同一等级，尚未结束",
        "already enrolled for this level, and that is not finished",
        "删去这一行，或等上次报名有了结果",
        "remove the row, or wait for the result of the earlier application",
    ),
    (
        "duplicate-person",
        "与第{other}行是同一个人",
        "same person as line {other}",
        "删去其中一行",
        "remove one of them",
    ),
)

ROSTER_PROBLEMS: Mapping[str, ProblemKind] = {**table_kinds("enrol"), **kinds("enrol", *_ROW_TEXTS)}
"""Every kind of problem and notice of a roster, by slug; docs/programmes.md holds the same table."""
ROSTER_NOTICES = frozenset({"unknown-column", "identity-region"})
"""The slugs that only ask a person to look."""

_IDENTITY_TYPES = {
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
_EDUCATIONS = {
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
_SEXES = {"男": Sex.MALE, "m": Sex.MALE, "male": Sex.MALE, "女": Sex.FEMALE, "f": Sex.FEMALE, "female": Sex.FEMALE}

_DATE = re.compile(r"([0-9]{4})(?:[-/.年]([0-9]{1,2})(?:[-/.月]([0-9]{1,2})日?|月?)|([0-9]{2})([0-9]{2}))")
_DECIMAL_YEARS = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,2}))?(?:年|years?)?")
_YEARS_AND_MONTHS = re.compile(r"(?:([0-9]{1,2})(?:年|years?))?零?([0-9]{1,3})(?:个?月|months?)")
_CERTIFICATE_NUMBER = re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9-]{5,39}")
_PHONE = re.compile(r"[0-9]{5,20}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def read_roster(data: bytes, *, programme: Programme, today: date) -> RosterReading:
    """Read a CSV roster for `programme`; never raises, whatever the bytes. `today` bounds birth dates.

    UTF-8 (with or without byte order mark) or GB18030; commas, semicolons or tabs; headings in Chinese or English.
    """
    table = read_table(data, COLUMNS, ROSTER_PROBLEMS)  # 1
    notices = list(table.notices)
    problems = list(table.problems)
    candidates = []
    first_lines: dict[PersonKey, int] = {}
    levels = _level_words(programme)
    bad_lines = {problem.line for problem in problems}
    for row in table.rows:
        reader = _RowReader(row, table, levels, today)
        candidate = reader.candidate()  # 2, 3
        if reader.person_key is not None:  # 4
            first = first_lines.setdefault(reader.person_key, row.line)
            if first != row.line:
                reader.fault("identity_number", "duplicate-person", other=first)
        problems += reader.problems
        notices += reader.notices
        if candidate is not None and not reader.problems and row.line not in bad_lines:  # 5
            candidates.append(candidate)
    return RosterReading(
        digest=Digest(hashlib.sha256(data).digest()),
        encoding=table.encoding,
        delimiter=table.delimiter,
        rows=table.row_count,
        columns=tuple(place.heading for place in sorted(table.places.values(), key=lambda place: place.position)),
        candidates=tuple(candidates),
        problems=_in_order(problems),
        notices=_in_order(notices),
    )


def _in_order(problems: Iterable[RowProblem]) -> tuple[RowProblem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.position)))


def _level_words(programme: Programme) -> dict[str, LevelCode]:
    words: dict[str, LevelCode] = {}
    for level in programme.levels:
        for word in (level.name.zh, level.name.en, level.scope, level.code):
            words[_word(word)] = level.code
    return words


def _word(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace(" ", "")


class _RowReader:
    """Reads one row; collects its problems, and gives a candidate when there are none."""

    def __init__(self, row: Row, table: Table, levels: Mapping[str, LevelCode], today: date) -> None:
        self._row, self._table, self._levels, self._today = row, table, levels, today
        self.problems: list[RowProblem] = []
        self.notices: list[RowProblem] = []
        self.person_key: PersonKey | None = None

    def fault(self, key: str, slug: str, **numbers: int) -> None:
        self.problems.append(self._report(key, slug, **numbers))

    def _report(self, key: str, slug: str, **numbers: int) -> RowProblem:
        place = self._table.places.get(key)
        if place is None:  # the column is not in the file; its first heading says which one would be needed
            heading = next(column.headings[0] for column in COLUMNS if column.key == key)
            return ROSTER_PROBLEMS[slug].at(self._row.line, heading, **numbers)
        return ROSTER_PROBLEMS[slug].at(self._row.line, place.heading, place.position, **numbers)

    def _text(self, key: str) -> str | None:
        """Give what the cell says; None where it is empty, absent or has been reported already."""
        text = self._row.cells.get(key)
        return None if text is None or text.casefold() in NOTHING else text

    def _unreadable(self, key: str) -> bool:
        """Tell whether the cell is there and has been reported already."""
        return key in self._row.cells and self._row.cells[key] is None

    def _required(self, key: str) -> str | None:
        text = self._text(key)
        if text is None and not self._unreadable(key):
            self.fault(key, "field-required")
        return text

    def _chosen(self, key: str, words: Mapping[str, _T], slug: str, *, required: bool = False) -> _T | None:
        text = self._required(key) if required else self._text(key)
        if text is None:
            return None
        found = words.get(_word(text))
        if found is None:
            self.fault(key, slug)
        return found

    def _checked(self, key: str, normal: Callable[[str], str], form: re.Pattern[str], slug: str) -> str | None:
        text = self._text(key)
        if text is None:
            return None
        text = normal(text)
        if not form.fullmatch(text):
            self.fault(key, slug)
            return None
        return text

    def candidate(self) -> Candidate | None:
        name, name_latin = self._name(), self._name_latin()
        kind, number, resident = self._identity()
        level = self._chosen("level", self._levels, "level-unknown", required=True)
        birth_date = self._birth_date(kind, resident)
        sex = self._sex(resident)
        education = self._chosen("education", _EDUCATIONS, "education-unknown")
        work_months = self._work(birth_date)
        held = self._held()
        phone = self._checked("phone", _plain_phone, _PHONE, "phone-format")
        email = self._checked("email", str, _EMAIL, "email-format")
        if self.problems or name is None or kind is None or number is None or level is None or birth_date is None:
            return None
        return Candidate(
            line=self._row.line,
            level=level,
            name=name,
            name_latin=name_latin,
            identity_type=kind,
            identity_number=number,
            birth_date=birth_date,
            sex=sex,
            education=education,
            work_months=work_months,
            held=held,
            employer=self._text("employer"),
            phone=phone,
            email=email,
        )

    def _name(self) -> str | None:
        text = self._required("name")
        if text is None:
            return None
        name = normal_name(text)
        slug = name_fault(name)
        if slug is not None:
            self.fault("name", slug)
        return name

    def _name_latin(self) -> str | None:
        text = self._text("name_latin")
        if text is None:
            return None
        name = normal_name(text)
        slug = latin_name_fault(name)
        if slug is not None:
            self.fault("name_latin", slug)
        return name

    def _identity(self) -> tuple[IdentityType | None, str | None, ResidentNumber | None]:
        kind: IdentityType | None = IdentityType.RESIDENT_IDENTITY_CARD
        if "identity_type" in self._table.places:  # a file without the column holds resident identity cards
            kind = self._chosen("identity_type", _IDENTITY_TYPES, "identity-type", required=True)
        text = self._required("identity_number")
        if kind is None or text is None:
            return kind, None, None
        number = normal_identity_number(text)
        slug = identity_fault(kind, number, self._today)
        if slug is not None:
            self.fault("identity_number", slug)
            return kind, None, None
        self.person_key = PersonKey(f"{kind}\0{number}")
        if kind is not IdentityType.RESIDENT_IDENTITY_CARD:
            return kind, number, None
        resident = read_resident_number(number)
        if not resident.region_known:
            self.notices.append(self._report("identity_number", "identity-region"))
        return kind, number, resident

    def _birth_date(self, kind: IdentityType | None, resident: ResidentNumber | None) -> date | None:
        """Read the birth date; the one in a resident's number decides, and a cell beside it must agree."""
        key = "birth_date"
        text = self._text(key)
        if text is None:
            if resident is None and kind not in {None, IdentityType.RESIDENT_IDENTITY_CARD}:
                self._required(key)
            return resident.birth_date if resident else None
        match = _DATE.fullmatch(unicodedata.normalize("NFKC", text).replace(" ", ""))
        if match is None:
            self.fault(key, "birth-date-format")
            return None
        year, month, day = int(match[1]), int(match[2] or match[4]), match[3] or match[5]
        try:
            stated = date(year, month, int(day or 1))
        except ValueError:
            stated = None
        if stated is None or not plausible_birth(stated, self._today):
            self.fault(key, "birth-date-impossible")
            return None
        if resident is not None:
            born = resident.birth_date
            if (born.year, born.month) != (year, month) or (day and born != stated):
                self.fault(key, "birth-date-differs")
            return born
        if day is None and kind is not IdentityType.RESIDENT_IDENTITY_CARD:
            self.fault(key, "birth-date-incomplete")
            return None
        return stated

    def _sex(self, resident: ResidentNumber | None) -> Sex | None:
        sex = self._chosen("sex", _SEXES, "sex-unknown")
        if resident is None:
            return sex
        if sex is not None and sex is not resident.sex:
            self.fault("sex", "sex-differs")
        return resident.sex

    def _work(self, birth_date: date | None) -> int | None:
        text = self._text("work")
        if text is None:
            return None
        months = work_months(text)
        if months is None:
            self.fault("work", "work-format")
        elif birth_date is not None and months > (self._today.year - birth_date.year + 1) * 12:
            self.fault("work", "work-exceeds-life")
        return months

    def _held(self) -> HeldCertificate | None:
        text = self._text("held")
        if text is None:
            return None
        level = self._levels.get(_word(text.removesuffix("证书")))
        if level is not None:
            return HeldCertificate(level=level, number=None)
        number = normal_identity_number(text)
        if not _CERTIFICATE_NUMBER.fullmatch(number):
            self.fault("held", "held-format")
            return None
        return HeldCertificate(level=None, number=number)


def work_months(text: str) -> int | None:
    """Read years of work into whole months, rounded down: `1.5`, `1年6个月`, `18个月`; None for anything else."""
    plain = _word(text)
    match = _YEARS_AND_MONTHS.fullmatch(plain)
    if match is not None:
        return int(match[1] or 0) * 12 + int(match[2])
    match = _DECIMAL_YEARS.fullmatch(plain)
    if match is None:
        return None
    return (int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))) * 12 // 100


def _plain_phone(text: str) -> str:
    return re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", text))
