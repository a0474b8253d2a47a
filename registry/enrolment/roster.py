"""From a roster (名册) to candidates, with every bad row named.

1. cut the file into rows (`registry.enrolment.table`), under the columns that the programme asks for;
2. read each cell by its own rules: every fault of a row is reported, not only the first;
3. compare cells of a row with each other (birth date and sex against the identity number);
4. compare rows: the same person twice;
5. a row with no fault is a candidate.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

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
from registry.enrolment.problems import RowProblem
from registry.enrolment.roster_cells import (
    DATE,
    DEGREES,
    EDUCATIONS,
    ENGAGEMENTS,
    IDENTITY_TYPES,
    SEXES,
    TITLES,
    WORK_PROOFS,
    RowCells,
    word,
    work_months,
)
from registry.enrolment.roster_columns import COLUMNS, MORE_COLUMNS, columns_of
from registry.enrolment.roster_evidence import Asked, read_evidence, registration_number
from registry.enrolment.roster_problems import ROSTER_PROBLEMS
from registry.enrolment.table import Column, Row, Table, read_table
from registry.kernel.identifiers import Digest
from registry.programme import Bilingual, LevelCode, Programme

_REQUIRED_ALREADY = frozenset({"name", "identity_number", "level", "contest", "edition", "event", "rank"})
"""Columns whose reading reports an empty cell by itself."""
_CERTIFICATE_NUMBER = re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9-]{5,39}")
_PHONE = re.compile(r"[0-9]{5,20}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def read_roster(data: bytes, *, programme: Programme, today: date) -> RosterReading:
    """Read a CSV roster for `programme`; never raises, whatever the bytes. `today` bounds birth dates.

    UTF-8 (with or without byte order mark) or GB18030; commas, semicolons or tabs; headings in Chinese or English.
    """
    columns = columns_of(programme)
    table = read_table(data, columns, ROSTER_PROBLEMS)  # 1
    notices = list(table.notices)
    problems = list(table.problems)
    candidates = []
    first_lines: dict[PersonKey, int] = {}
    levels, asked = _level_words(programme), Asked(programme)
    bad_lines = {problem.line for problem in problems}
    for row in table.rows:
        reader = _RowReader(row, table, columns, levels, asked, today)
        candidate = reader.candidate()  # 2, 3
        if reader.person_key is not None:  # 4
            first = first_lines.setdefault(reader.person_key, row.line)
            if first != row.line:
                reader.fault("identity_number", "duplicate-person", other=first)
        problems += reader.problems
        notices += reader.notices
        if candidate is not None and not reader.problems and row.line not in bad_lines:  # 5
            candidates.append(candidate)
    problems = [_with_levels(one, programme) for one in problems]
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


def _with_levels(problem: RowProblem, programme: Programme) -> RowProblem:
    """Let the remedy of an unknown level list those that there are."""
    if problem.code != ROSTER_PROBLEMS["level-unknown"].code:
        return problem
    zh = "、".join(f"{one.name.zh}（{one.code}）" for one in programme.levels)
    en = ", ".join(f"{one.name.en or one.name.zh} ({one.code})" for one in programme.levels)
    return replace(problem, remedy=Bilingual(zh=f"{problem.remedy.zh}：{zh}", en=f"{problem.remedy.en}: {en}"))


def roster_rows(data: bytes, lines: Collection[int]) -> Table:
    """Cut some lines of a roster that was read before, to show them beside what is wrong with them."""
    return read_table(data, (*COLUMNS, *MORE_COLUMNS), ROSTER_PROBLEMS, only=lines)


def says_a_known_word(key: str, text: str, programme: Programme) -> bool:
    """Tell whether a cell holds a word that its column knows, or a number of years; all else may be personal."""
    known: Mapping[str, Mapping[str, object]] = {
        "identity_type": IDENTITY_TYPES,
        "level": _level_words(programme),
        "education": EDUCATIONS,
        "sex": SEXES,
        "final_year": EDUCATIONS,
        "degrees": DEGREES,
        "title": TITLES,
        "work_proofs": WORK_PROOFS,
        "engagement": ENGAGEMENTS,
    }
    if key in {"work", "occupation_work", "since_held", "since_title"}:
        return work_months(text) is not None
    return word(text) in known.get(key, {})


def _in_order(problems: Iterable[RowProblem]) -> tuple[RowProblem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.position)))


def _level_words(programme: Programme) -> dict[str, LevelCode]:
    words: dict[str, LevelCode] = {}
    for level in programme.levels:
        for name in level.spellings:
            words.setdefault(word(name), level.code)
    return words


class _RowReader(RowCells):
    """Reads one row; collects its problems, and gives a candidate when there are none."""

    def __init__(
        self,
        row: Row,
        table: Table,
        columns: Sequence[Column],
        levels: Mapping[str, LevelCode],
        asked: Asked,
        today: date,
    ) -> None:
        super().__init__(row, table, columns)
        self._levels, self._asked, self._today = levels, asked, today
        self.person_key: PersonKey | None = None

    def candidate(self) -> Candidate | None:
        name, name_latin = self._name(), self._name_latin()
        kind, number, resident = self._identity()
        level = self._level()
        birth_date = self._birth_date(kind, resident)
        sex = self._sex(resident)
        education = self.chosen("education", EDUCATIONS, "education-unknown")
        work_months = self._work(birth_date)
        held = self._held()
        for column in self._columns:
            if column.required and column.key not in _REQUIRED_ALREADY:
                self.required(column.key)
        direction = self._asked.direction(self, level)
        sector = self.chosen("sector", self._asked.sectors, "sector-unknown")
        number_of_form = registration_number(self)
        evidence = read_evidence(self, self._asked, self._today)
        self._compare_work(birth_date, evidence.occupation_months)
        phone = self.checked("phone", _plain_phone, _PHONE, "phone-format")
        email = self.checked("email", str, _EMAIL, "email-format")
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
            employer=self.text("employer"),
            phone=phone,
            email=email,
            direction=direction,
            sector=sector,
            registration_number=number_of_form,
            evidence=evidence,
        )

    def _level(self) -> LevelCode | None:
        only = next(iter(self._levels.values())) if len(set(self._levels.values())) == 1 else None
        found = self.chosen("level", self._levels, "level-unknown", required=only is None)
        return found if found is not None or self.text("level") is not None else only

    def _name(self) -> str | None:
        text = self.required("name")
        if text is None:
            return None
        name = normal_name(text)
        slug = name_fault(name)
        if slug is not None:
            self.fault("name", slug)
        return name

    def _name_latin(self) -> str | None:
        text = self.text("name_latin")
        if text is None:
            return None
        name = normal_name(text)
        slug = latin_name_fault(name)
        if slug is not None:
            self.fault("name_latin", slug)
        return name

    def _identity(self) -> tuple[IdentityType | None, str | None, ResidentNumber | None]:
        kind: IdentityType | None = IdentityType.RESIDENT_IDENTITY_CARD
        if self.has_column("identity_type"):  # a file without the column holds resident identity cards
            kind = self.chosen("identity_type", IDENTITY_TYPES, "identity-type", required=True)
        text = self.required("identity_number")
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
            self.notices.append(self.report("identity_number", "identity-region"))
        return kind, number, resident

    def _birth_date(self, kind: IdentityType | None, resident: ResidentNumber | None) -> date | None:
        """Read the birth date; the one in a resident's number decides, and a cell beside it must agree."""
        key = "birth_date"
        text = self.text(key)
        if text is None:
            if resident is None and kind not in {None, IdentityType.RESIDENT_IDENTITY_CARD}:
                self.required(key)
            return resident.birth_date if resident else None
        match = DATE.fullmatch(unicodedata.normalize("NFKC", text).replace(" ", ""))
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
        sex = self.chosen("sex", SEXES, "sex-unknown")
        if resident is None:
            return sex
        if sex is not None and sex is not resident.sex:
            self.fault("sex", "sex-differs")
        return resident.sex

    def _work(self, birth_date: date | None) -> int | None:
        months = self.months("work")
        if birth_date is not None and months is not None and months > self._life(birth_date):
            self.fault("work", "work-exceeds-life")
        return months

    def _compare_work(self, birth_date: date | None, months: int | None) -> None:
        if birth_date is not None and months is not None and months > self._life(birth_date):
            self.fault("occupation_work", "work-exceeds-life")

    def _life(self, birth_date: date) -> int:
        return (self._today.year - birth_date.year + 1) * 12

    def _held(self) -> HeldCertificate | None:
        text = self.text("held")
        if text is None:
            return None
        level = self._levels.get(word(text.removesuffix("证书")))
        if level is not None:
            return HeldCertificate(level=level, number=None)
        number = normal_identity_number(text)
        if not _CERTIFICATE_NUMBER.fullmatch(number):
            self.fault("held", "held-format")
            return None
        return HeldCertificate(level=None, number=number)


def _plain_phone(text: str) -> str:
    return re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", text))
