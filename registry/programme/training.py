"""Training (培训) as values: how it is given, its units, who may teach, what a level's transcript lists."""

from dataclasses import dataclass
from enum import StrEnum

from registry.programme.terms import Bilingual, LevelCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How training is given at some levels."""

    levels: tuple[LevelCode, ...]
    text: Bilingual
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingUnit:
    """One unit (培训单元) of the training."""

    name: Bilingual
    levels: tuple[LevelCode, ...]
    hours: int
    """Standard hours; the units of a level sum to its training hours."""


class TitleGrade(StrEnum):
    """Grades of professional titles (职称层级)."""

    INTERMEDIATE = "intermediate"  # 中级
    SENIOR = "senior"  # 高级


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherRule:
    """Who may teach at some levels (师资): either of the two suffices."""

    levels: tuple[LevelCode, ...]
    """The levels taught."""
    holds_level: LevelCode
    """Holds this or a higher level of the occupation."""
    title: TitleGrade
    """Or a related professional title of this grade or a higher one."""
    text: Bilingual
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFunction:
    """One function with its work items (工作内容), as a transcript lists them."""

    name: Bilingual
    items: tuple[Bilingual, ...]
