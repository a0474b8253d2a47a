"""Courses (培训班) as rules: how attended hours count, and who may teach.

Hours are whole standard hours (标准学时). In a unit nobody is credited with more than the unit has, so that hours of
one unit never stand for another's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.programme import Bilingual, LevelCode, Programme, Title, TitleGrade

MOST_UNITS: Final = 99
_GRADES: Final[Mapping[Title, frozenset[TitleGrade]]] = MappingProxyType(
    {
        Title.TECHNICIAN: frozenset(),
        Title.ASSISTANT_ENGINEER: frozenset(),
        Title.ENGINEER: frozenset({TitleGrade.INTERMEDIATE}),
        Title.SENIOR_ENGINEER: frozenset({TitleGrade.INTERMEDIATE, TitleGrade.SENIOR}),
    }
)
"""Which grades of the teachers' rules a title reaches: 工程师 is a 中级 title, 高级工程师 a 高级 one."""


class UnitsRefused(MalformedInput):
    """A course's units are not those of the level."""

    code = "training/units"

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(f"expected {expected}")


class TeacherRefused(RuleRefusal):
    """Somebody has neither the level nor the title that teaching a level asks for."""

    code = "training/teacher"

    def __init__(self, level: str, holds_level: str, title: TitleGrade) -> None:
        self.level, self.holds_level, self.title = level, holds_level, title
        super().__init__(
            f"a teacher of level {level} holds level {holds_level} or a higher one of the occupation, "
            f"or a related {title} title or a higher one"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseUnit:
    """One unit of a course."""

    name: Bilingual
    hours: int
    """Standard hours, at least 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """That somebody attended a unit on a day."""

    admission: str
    unit: int
    """The unit's place in the course, from 1."""
    on: date
    hours: int
    """Standard hours, at least 1."""


def course_units(programme: Programme, level: str, own: Sequence[CourseUnit]) -> tuple[CourseUnit, ...]:
    """Give the units of a course: the programme's where it names any, else the training body's own.

    Together they have exactly the hours of the level. Raises UnitsRefused.
    """
    target = programme.level(level)
    if target is None or target.training_hours is None:
        raise UnitsRefused("a level for which the programme states training hours")
    named = tuple(CourseUnit(name=one.name, hours=one.hours) for one in programme.units_of(level))
    if named:
        if own:
            raise UnitsRefused("no units: the programme names those of the level")
        return named
    whole = Bilingual(zh=f"{target.name.zh}培训", en=f"Training, {target.name.en}")
    chosen = tuple(own) or (CourseUnit(name=whole, hours=target.training_hours),)
    if len(chosen) > MOST_UNITS or any(one.hours < 1 for one in chosen):
        raise UnitsRefused(f"at most {MOST_UNITS} units of at least one standard hour")
    if sum(one.hours for one in chosen) != target.training_hours:
        raise UnitsRefused(f"units of {target.training_hours} standard hours in all")
    return chosen


def hours_attended(units: Sequence[CourseUnit], attended: Iterable[Attended]) -> int:
    """Count one person's standard hours: in each unit what was attended, at most the unit's hours."""
    by_unit = [0] * len(units)
    for one in attended:
        by_unit[one.unit - 1] += one.hours
    return sum(min(hours, unit.hours) for hours, unit in zip(by_unit, units, strict=True))


def require_teacher(programme: Programme, level: str, *, holds_level: str | None, title: Title | None) -> None:
    """Refuse who may not teach a level of a programme; where the source is silent, anybody may. Raises TeacherRefused.

    `holds_level`: of this programme's occupation. `title`: of a related profession.
    """
    for rule in programme.teachers:
        if level not in rule.levels:
            continue
        order: list[LevelCode] = [one.code for one in programme.levels]
        by_level = holds_level in order and order.index(LevelCode(holds_level)) >= order.index(rule.holds_level)
        by_title = title is not None and rule.title in _GRADES[title]
        if not (by_level or by_title):
            raise TeacherRefused(level, rule.holds_level, rule.title)
