"""From marks to a result, in whole hundredths.

1. take the papers of the level in the programme's order, each with exactly one mark;
2. a paper passes at the pass mark or above, unrounded; absent is no pass;
3. the candidate passes when every paper does;
4. the grade is the highest band whose lower bound the unrounded score reaches.
"""

from collections.abc import Iterable

from registry.assessment.model import Mark, PaperResult, Result
from registry.kernel.errors import RuleRefusal
from registry.programme import Bilingual, GradeBand, Marking, Programme, ProgrammeUnknown, format_score


class MarksIncomplete(RuleRefusal):
    """The marks are not one for each paper of the level, within the scale."""

    code = "exam/marks-incomplete"

    def __init__(self, level: str, expected: tuple[str, ...]) -> None:
        self.level, self.expected = level, expected
        super().__init__(f"level {level} needs one mark within the scale for each of: {', '.join(expected)}")


def assess(programme: Programme, level: str, marks: Iterable[Mark]) -> Result:
    """Make the result of one candidate. Raises MarksIncomplete, and ProgrammeUnknown where there is no such level."""
    target = programme.level(level)
    if target is None:
        raise ProgrammeUnknown(f"{programme.code}/{level}")
    papers = programme.papers_of(level)
    given = list(marks)
    by_paper = {mark.paper: mark.score_hundredths for mark in given}
    in_scale = all(0 <= (mark.score_hundredths or 0) <= programme.marking.full_hundredths for mark in given)
    if len(given) != len(papers) or by_paper.keys() != {paper.key for paper in papers} or not in_scale:  # 1
        raise MarksIncomplete(level, tuple(paper.key for paper in papers))
    results = tuple(
        PaperResult(
            paper=paper.key,
            name=paper.name,
            score_hundredths=by_paper[paper.key],
            passed=_passes(by_paper[paper.key], programme.marking),  # 2
        )
        for paper in papers
    )
    failures = tuple(_reason(result, programme.marking) for result in results if not result.passed)
    return Result(
        level=target.code,
        programme_digest=programme.digest,
        papers=results,
        passed=not failures,  # 3
        failures=failures,
        grade=_grade(results, programme.grades),  # 4
    )


def _passes(score_hundredths: int | None, marking: Marking) -> bool:
    return score_hundredths is not None and score_hundredths >= marking.pass_hundredths


def _reason(result: PaperResult, marking: Marking) -> Bilingual:
    if result.score_hundredths is None:
        return Bilingual(zh=f"{result.name.zh}缺考", en=f"absent from {result.name.en}")
    score, need = format_score(result.score_hundredths), format_score(marking.pass_hundredths)
    return Bilingual(
        zh=f"{result.name.zh}{score}分，合格线{need}分", en=f"{score} in {result.name.en}, the pass mark is {need}"
    )


def _grade(results: tuple[PaperResult, ...], grades: tuple[GradeBand, ...]) -> GradeBand | None:
    if len(results) != 1 or results[0].score_hundredths is None:  # grades are defined on one score
        return None
    score = results[0].score_hundredths
    return next((band for band in grades if score >= band.from_hundredths), None)
