"""From an attendance list (出勤表) as CSV to hours, with every bad row named.

Columns: 准考证号, 单元 (its place from 1, or its name; needed where the course has more than one), 日期, 学时.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date

from registry.enrolment.courses import Attended, CourseUnit
from registry.enrolment.problems import ProblemKind, RowProblem, kinds, table_kinds
from registry.enrolment.table import Column, Row, Table, normal_heading, read_table
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Digest

_MOST_A_DAY = 24
_TEXTS = (
    (
        "unknown-participant",
        "这个培训班没有这个准考证号",
        "nobody with this admission number is in the course",
        "核对准考证号，或核对是否选错培训班",
        "compare the admission number, or the course",
    ),
    (
        "unknown-unit",
        "培训班没有这个单元",
        "the course has no such unit",
        "写单元的序号或名称",
        "write the unit's number or its name",
    ),
    (
        "attended-on",
        "不是日期，或晚于今天",
        "not a day, or a day later than today",
        "写成2026-03-15这样的年月日",
        "write it as 2026-03-15",
    ),
    (
        "attended-hours",
        "学时应为1至{limit}的整数",
        "expected whole standard hours from 1 to {limit}",
        "写整数学时，不足一学时的不写",
        "write whole standard hours and leave out what is less than one",
    ),
    (
        "attended-twice",
        "同一人同一单元同一天已登记过",
        "the same person, unit and day is written down already",
        "删去这一行，或合成一行",
        "remove the row, or put both into one",
    ),
    (
        "attended-day",
        "同一人这一天合计{found}学时，超过{limit}学时",
        "{found} hours of this person on this day in all, more than {limit}",
        "对照签到改正日期或学时；以前的名单也计算在内",
        "correct the day or the hours from the signatures; earlier lists count as well",
    ),
)
ATTENDANCE_PROBLEMS: Mapping[str, ProblemKind] = {**table_kinds("training"), **kinds("training", *_TEXTS)}
"""Every kind of problem of an attendance list, by slug."""

_ADMISSION = Column(key="admission", headings=("准考证号", "admission number", "admission"), required=True)
_UNIT = Column(key="unit", headings=("单元", "培训单元", "unit"))
_ON = Column(key="on", headings=("日期", "上课日期", "date", "day"), required=True)
_HOURS = Column(key="hours", headings=("学时", "hours"), required=True)
_WHOLE = re.compile(r"[0-9]{1,4}")


class AttendanceRefused(MalformedInput):
    """An attendance list has rows that cannot be taken, and is refused whole."""

    code = "training/attendance-refused"

    def __init__(self, problems: int) -> None:
        self.problems = problems
        super().__init__(f"{problems} problems in the attendance list; nothing was taken")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceReading:
    """What a reading of an attendance list found."""

    digest: Digest
    """SHA-256 of the file's bytes."""
    rows: int
    entries: tuple[Attended, ...]
    problems: tuple[RowProblem, ...]
    notices: tuple[RowProblem, ...]

    def accepted(self) -> tuple[Attended, ...]:
        """Give the entries. Raises AttendanceRefused where anything is wrong."""
        if self.problems:
            raise AttendanceRefused(len(self.problems))
        return self.entries


def read_attendance(
    data: bytes,
    *,
    units: Sequence[CourseUnit],
    admissions: Set[str],
    taken: Collection[Attended],
    today: date,
) -> AttendanceReading:
    """Read a list; never raises, whatever the bytes.

    `admissions`: who is in the course. `taken`: what earlier lists hold already.
    """
    unit = Column(key="unit", headings=_UNIT.headings, required=len(units) > 1)
    table = read_table(data, (_ADMISSION, unit, _ON, _HOURS), ATTENDANCE_PROBLEMS)
    reader = _Reader(table, units, admissions, taken, today)
    for row in table.rows:
        reader.read(row)
    return AttendanceReading(
        digest=Digest(hashlib.sha256(data).digest()),
        rows=table.row_count,
        entries=tuple(reader.entries),
        problems=tuple(sorted((*table.problems, *reader.problems), key=lambda one: (one.line, one.position))),
        notices=tuple(table.notices),
    )


class _Reader:
    def __init__(
        self,
        table: Table,
        units: Sequence[CourseUnit],
        admissions: Set[str],
        taken: Collection[Attended],
        today: date,
    ) -> None:
        self._table, self._admissions, self._today = table, admissions, today
        self._seen = {(one.admission, one.unit, one.on) for one in taken}
        self._of_day: Counter[tuple[str, date]] = Counter()
        for one in taken:
            self._of_day[one.admission, one.on] += one.hours
        self._units = {
            normal_heading(word): place
            for place, unit in enumerate(units, start=1)
            for word in (str(place), unit.name.zh, unit.name.en)
        }
        self._single = len(units) == 1
        self.entries: list[Attended] = []
        self.problems: list[RowProblem] = []

    def _fault(self, row: Row, key: str, slug: str, **numbers: int) -> None:
        place = self._table.places[key]
        self.problems.append(ATTENDANCE_PROBLEMS[slug].at(row.line, place.heading, place.position, **numbers))

    def read(self, row: Row) -> None:
        """Read one row; all that is wrong with it is reported."""
        admission, unit = self._admission(row), self._unit(row)
        on, hours = self._on(row), self._hours(row)
        if admission is None or unit is None or on is None or hours is None:
            return
        if (admission, unit, on) in self._seen:
            self._fault(row, "admission", "attended-twice")
            return
        self._seen.add((admission, unit, on))
        in_all = self._of_day[admission, on] + hours
        if in_all > _MOST_A_DAY:  # of all units together
            self._fault(row, "hours", "attended-day", found=in_all, limit=_MOST_A_DAY)
            return
        self._of_day[admission, on] = in_all
        self.entries.append(Attended(admission=admission, unit=unit, on=on, hours=hours))

    def _cell(self, row: Row, key: str) -> str | None:
        text = row.cells[key]
        return None if text is None else re.sub(r"\s", "", unicodedata.normalize("NFKC", text))

    def _admission(self, row: Row) -> str | None:
        text = self._cell(row, "admission")
        if text is not None and text not in self._admissions:
            self._fault(row, "admission", "unknown-participant" if text else "field-required")
            return None
        return text

    def _unit(self, row: Row) -> int | None:
        text = row.cells.get("unit", "")
        if text is None:
            return None
        if text == "" and self._single:
            return 1
        found = self._units.get(normal_heading(text))
        if found is None and "unit" in self._table.places:
            self._fault(row, "unit", "unknown-unit" if text else "field-required")
        return found

    def _on(self, row: Row) -> date | None:
        text = self._cell(row, "on")
        if text is None:
            return None
        try:
            found = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else None
        except ValueError:
            found = None
        if found is None or found > self._today:
            self._fault(row, "on", "attended-on")
            return None
        return found

    def _hours(self, row: Row) -> int | None:
        text = self._cell(row, "hours")
        if text is None:
            return None
        found = int(text) if _WHOLE.fullmatch(text) else 0
        if not 1 <= found <= _MOST_A_DAY:
            self._fault(row, "hours", "attended-hours", limit=_MOST_A_DAY)
            return None
        return found
