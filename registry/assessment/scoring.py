"""From marks to a result, in whole hundredths.

1. take the papers of the level in the programme's order, each with exactly one mark; where there are none, who is
   listed has passed, and who was taken off the list has not;
2. a paper passes at its pass mark or above, the score as it stands, never rounded here; what was not sat is no pass;
3. the candidate passes when every paper does;
4. the grade is the highest band whose lower bound the score reaches.
"""

from collections.abc import Iterable

from registry.assessment.model import LISTED, TAKEN_OFF, FailureKind, Mark, PaperFailure, PaperResult, Result
from registry.kernel.errors import RuleRefusal
from registry.programme import Bilingual, GradeBand, Paper, Programme, ProgrammeUnknown, format_score


class MarksIncomplete(RuleRefusal):
    """The marks are not one for each paper of the level, within the scale."""

    code = "exam/marks-incomplete"

    def __init__(self, level: str, expected: tuple[str, ...]) -> None:
        self.level, self.expected = level, expected
        super().__init__(f"level {level} needs one mark within the scale for each of: {', '.join(expected)}")


def assess(programme: Programme, level: str, marks: Iterable[Mark], *, so_far: bool = False) -> Result:
    """Make the result of one candidate.

    `so_far`: a paper may still have no mark; it is then no pass, and the result says that the score is missing.
    Raises MarksIncomplete, and ProgrammeUnknown where there is no such level.
    """
    target = programme.level(level)
    if target is None:
        raise ProgrammeUnknown(f"{programme.code}/{level}")
    papers = programme.papers_of(level)
    every = tuple(marks)
    given = [mark for mark in every if mark.paper != LISTED]
    by_paper = {mark.paper: mark for mark in given}
    expected = {paper.key for paper in papers}
    complete = len(given) == len(by_paper) and (by_paper.keys() <= expected if so_far else by_paper.keys() == expected)
    if not complete or not all(_in_scale(by_paper.get(paper.key), paper) for paper in papers):  # 1
        raise MarksIncomplete(level, tuple(paper.key for paper in papers))
    results = tuple(paper_result(paper, by_paper.get(paper.key)) for paper in papers)  # 2, 3
    return Result(
        level=target.code,
        programme_digest=programme.digest,
        papers=results,
        grade=_grade(results, programme.grades),  # 4
        taken_off=any(mark.paper == LISTED and mark.score_hundredths == TAKEN_OFF for mark in every),  # 1
    )


def paper_result(paper: Paper, mark: Mark | None) -> PaperResult:
    """Judge one paper by its own pass mark; None = there is no mark yet."""
    score = None if mark is None else mark.score_hundredths
    return PaperResult(paper=paper.key, name=paper.name, score_hundredths=score, failure=_failure(paper, mark))


def _in_scale(mark: Mark | None, paper: Paper) -> bool:
    if mark is None or mark.score_hundredths is None:
        return True
    return not mark.late and 0 <= mark.score_hundredths <= paper.marking.full_hundredths


def _failure(paper: Paper, mark: Mark | None) -> PaperFailure | None:
    name, need = paper.name, paper.marking.pass_hundredths
    if mark is None:
        kind, text = FailureKind.MISSING, Bilingual(zh=f"{name.zh}尚无成绩", en=f"no score yet in {name.en}")
    elif mark.late:
        kind = FailureKind.LATE
        text = Bilingual(zh=f"{name.zh}迟到，未予入场", en=f"too late for {name.en}, not admitted")
    elif mark.score_hundredths is None:
        kind, text = FailureKind.ABSENT, Bilingual(zh=f"{name.zh}缺考", en=f"absent from {name.en}")
    elif mark.score_hundredths >= need:
        return None
    else:
        short = need - mark.score_hundredths
        score, wanted, lacking = (format_score(one) for one in (mark.score_hundredths, need, short))
        below = Bilingual(
            zh=f"{name.zh}{score}分，合格线{wanted}分，差{lacking}分",
            en=f"{score} in {name.en}, the pass mark is {wanted}: {lacking} short",
        )
        return PaperFailure(paper=paper.key, kind=FailureKind.BELOW, short_hundredths=short, text=below)
    return PaperFailure(paper=paper.key, kind=kind, short_hundredths=None, text=text)


def _grade(results: tuple[PaperResult, ...], grades: tuple[GradeBand, ...]) -> GradeBand | None:
    if len(results) != 1 or results[0].score_hundredths is None:  # grades are defined on one score
        return None
    score = results[0].score_hundredths
    return next((band for band in grades if score >= band.from_hundredths), None)
