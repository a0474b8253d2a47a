"""What every part of a programme is written with: codes, texts in two languages, whose figure something is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

ProgrammeCode = NewType("ProgrammeCode", str)
"""PROGRAMME of a scope code: `AIGC-APP-ENG`."""
LevelCode = NewType("LevelCode", str)
"""LEVEL of a scope code: `1`, `EXPERT`, or `-` where a programme has no levels."""
PaperKey = NewType("PaperKey", str)
"""Names a paper within its programme: `comprehensive`; goes into the certificate as `resultDescription`."""
DirectionCode = NewType("DirectionCode", str)
"""Names a direction (职业方向) within its programme: `processing`."""
SectorCode = NewType("SectorCode", str)
"""Names a sector (细分行业) within its programme: `design`."""
FunctionCode = NewType("FunctionCode", str)
"""Names a function (职业功能) of the occupation, by which papers are weighted: `foundations`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilingual:
    """One text in Chinese and English; the Chinese one decides."""

    zh: str
    en: str


class StatedBy(StrEnum):
    """Whose figure it is: the programme's source, or the issuing body's own where the source is silent."""

    SOURCE = "source"
    ISSUING_BODY = "issuing-body"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNote:
    """Where the source says nothing or contradicts itself, and what is done instead; or what no rule is made of."""

    subject: str
    """Slug of what it is about: `training-hours`."""
    text: Bilingual
    """What is not said, or the two things that are."""
    used: Bilingual | None
    """What is used instead, and whose figure it is; None = nothing is, the rule is left out."""
