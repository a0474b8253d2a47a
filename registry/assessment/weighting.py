"""From the scores by function (职业功能) to a paper's score, in whole numbers from beginning to end.

1. each function of the paper has a score out of the paper's full mark; none is missing, or all are (absent);
2. each score in hundredths times its percent, summed: an exact sum in hundredths of a hundredth;
3. the programme's rounding, once, at the end. The score so made is the paper's score: it is printed, and it is held
   against the pass mark and the grades as it stands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from registry.assessment.model import Mark
from registry.kernel.errors import RuleRefusal
from registry.programme import (
    FunctionCode,
    PaperKey,
    Programme,
    Rounding,
    RoundingMode,
    WeightColumn,
)

_PERCENT = 100
_DECIMALS = 2
"""Decimals of a hundredth."""


class FunctionsDiffer(RuleRefusal):
    """The scores are not one for each function of the paper, within the scale."""

    code = "exam/functions-differ"

    def __init__(self, paper: str, expected: tuple[str, ...]) -> None:
        self.paper, self.expected = paper, expected
        super().__init__(f"paper {paper} needs one score within the scale for each of: {', '.join(expected)}")


class NotWeighted(RuleRefusal):
    """A paper is not scored by function at this level and direction."""

    code = "exam/not-weighted"

    def __init__(self, paper: str, level: str, direction: str | None) -> None:
        self.paper, self.level, self.direction = paper, level, direction
        super().__init__(f"paper {paper} has no weights at level {level}, direction {direction or 'none'}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionScore:
    """One candidate's score in one function of a paper."""

    paper: PaperKey
    function: FunctionCode
    score_hundredths: int | None = field(repr=False)
    """Out of the paper's full mark, whatever the function weighs; None = absent."""


def weights_of(programme: Programme, paper: str, level: str, direction: str | None) -> tuple[WeightColumn, Rounding]:
    """Find how a paper's score is made of functions, and how it is rounded. Raises NotWeighted."""
    column = programme.weights_of(paper, level, direction)
    if column is None or programme.rounding is None:
        raise NotWeighted(paper, level, direction)
    return column, programme.rounding


def weighted_score(percent: Mapping[FunctionCode, int], scores: Mapping[FunctionCode, int], rounding: Rounding) -> int:
    """Compute a score in hundredths from scores in hundredths; `percent` and `scores` name the same functions."""
    exact = sum(scores[function] * share for function, share in percent.items())  # 2
    return rounded(exact, rounding)


def rounded(exact: int, rounding: Rounding) -> int:
    """Round an exact score in hundredths of a hundredth to the decimals kept; gives hundredths."""
    kept: int = 10 ** (_DECIMALS - rounding.decimals)
    whole, rest = divmod(exact, _PERCENT * kept)  # 3
    if rounding.mode is RoundingMode.HALF_UP and 2 * rest >= _PERCENT * kept:
        whole += 1
    return whole * kept


def mark_of_functions(
    programme: Programme, level: str, direction: str | None, paper: PaperKey, scores: Iterable[FunctionScore]
) -> Mark:
    """Make the mark of one paper from all its functions. Raises NotWeighted, FunctionsDiffer."""
    column, rounding = weights_of(programme, paper, level, direction)
    percent = dict(column.percent)
    given = list(scores)
    by_function = {one.function: one.score_hundredths for one in given}
    full = next(one.marking.full_hundredths for one in programme.papers_of(level) if one.key == paper)
    sat = {function: score for function, score in by_function.items() if score is not None}
    whole = len(given) == len(by_function) and by_function.keys() == percent.keys() and len(sat) in {0, len(percent)}
    if (
        not whole or any(one.paper != paper for one in given) or not all(0 <= score <= full for score in sat.values())
    ):  # 1
        raise FunctionsDiffer(paper, tuple(percent))
    return Mark(paper=paper, score_hundredths=weighted_score(percent, sat, rounding) if sat else None)
