"""Values of assessment: marks, results, and the score sheet with its two people."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from registry.enrolment import RowProblem
from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import Digest
from registry.programme import Bilingual, GradeBand, LevelCode, PaperKey

LISTED: Final = PaperKey("-")
"""Stands for the papers of a programme that has none: who is on its sheet is listed, with no score (确认名单)."""
TAKEN_OFF: Final = 0
"""In place of the score of LISTED: a correction has taken the candidate off the list."""


class FailureKind(StrEnum):
    """Why a paper is not passed."""

    BELOW = "below"  # 未达合格线
    ABSENT = "absent"  # 缺考
    LATE = "late"  # 迟到, 不予入场
    MISSING = "missing"  # 尚无成绩


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One candidate's score in one paper (科目成绩), as it came from the marking."""

    paper: PaperKey
    score_hundredths: int | None = field(repr=False)
    """As it stands on the sheet, or computed from functions; None = absent (缺考)."""
    late: bool = False
    """With no score alone: who came was too late to be admitted."""

    @property
    def absent(self) -> bool:
        """Whether the candidate did not sit the paper, for whatever reason."""
        return self.score_hundredths is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """All marks of one candidate in one sheet, in the programme's order of papers."""

    admission: str
    """Admission number (准考证号)."""
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFailure:
    """Why one paper is not passed."""

    paper: PaperKey
    kind: FailureKind
    short_hundredths: int | None = field(repr=False)
    """How much the score lacks to the pass mark; None = there is no score."""
    text: Bilingual = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperResult:
    """What a mark means under the paper's pass mark."""

    paper: PaperKey
    name: Bilingual
    score_hundredths: int | None = field(repr=False)
    failure: PaperFailure | None

    @property
    def passed(self) -> bool:
        """Whether the paper is passed."""
        return self.failure is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One candidate's result (成绩): every paper must pass."""

    level: LevelCode
    programme_digest: Digest
    """The version under whose pass mark and grades it was made."""
    papers: tuple[PaperResult, ...]
    grade: GradeBand | None
    """Where the programme has grades and the paper was sat."""
    taken_off: bool = False
    """Of a programme without papers: the candidate is no longer on the list."""

    @property
    def passed(self) -> bool:
        """Whether every paper is passed; where there are none, whether the candidate is on the list."""
        return not self.taken_off and all(one.passed for one in self.papers)

    @property
    def failures(self) -> tuple[Bilingual, ...]:
        """Why it is not a pass, one reason a paper; empty for a pass."""
        if self.taken_off:
            return (Bilingual(zh="已从确认名单中移出", en="was taken off the confirmed list"),)
        return tuple(one.failure.text for one in self.papers if one.failure is not None)


class ScoresRefused(RuleRefusal):
    """A score sheet has faults and is not taken; the problems are in its reading."""

    code = "exam/scores-refused"

    def __init__(self, problems: int) -> None:
        self.problems = problems
        super().__init__(f"the score sheet has {problems} problems; nothing was stored")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSheetReading:
    """Everything a score sheet says and everything wrong with it."""

    digest: Digest
    """SHA-256 of the file's bytes."""
    encoding: str
    delimiter: str
    rows: int
    entries: tuple[ScoreRow, ...]
    """The candidates whose marks are complete, in the order of the file."""
    missing: tuple[str, ...]
    """Admission numbers that were expected and have no row, in order."""
    problems: tuple[RowProblem, ...]
    """By line, then column."""
    notices: tuple[RowProblem, ...]

    def accepted(self) -> tuple[ScoreRow, ...]:
        """Give the marks of a sheet without any fault: scores are taken whole or not at all. Raises ScoresRefused."""
        if self.problems:
            raise ScoresRefused(len(self.problems))
        return self.entries
