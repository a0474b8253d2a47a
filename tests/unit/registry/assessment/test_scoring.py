from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.assessment import FailureKind, Mark, MarksIncomplete, assess
from registry.programme import Bilingual, PaperKey, ProgrammeUnknown

KEY = PaperKey("comprehensive")


def marks(score_hundredths):
    return (Mark(paper=KEY, score_hundredths=score_hundredths),)


@pytest.mark.parametrize(
    ("score_hundredths", "passed", "grade"),
    [
        (0, False, "fail"),
        (5999, False, "fail"),
        (6000, True, "pass"),
        (7900, True, "pass"),
        (7950, True, "pass"),
        (7999, True, "pass"),
        (8000, True, "excellent"),
        (10_000, True, "excellent"),
    ],
)
def test_pass_and_grade_are_decided_on_the_unrounded_score(programme, score_hundredths, passed, grade):
    for level in programme.levels:
        result = assess(programme, level.code, marks(score_hundredths))
        assert result.passed is passed
        assert result.grade is not None
        assert result.grade.code == grade
        assert result.papers[0].passed is passed


def test_a_fail_says_why(programme):
    result = assess(programme, "1", marks(5999))
    assert result.failures == (
        Bilingual(
            zh="综合考试59.99分，合格线60分，差0.01分",
            en="59.99 in Comprehensive examination, the pass mark is 60: 0.01 short",
        ),
    )
    assert result.papers[0].failure is not None
    assert (result.papers[0].failure.kind, result.papers[0].failure.short_hundredths) == (FailureKind.BELOW, 1)


def test_an_absentee_fails_without_a_grade(programme):
    result = assess(programme, "1", marks(None))
    assert (result.passed, result.grade) == (False, None)
    assert result.failures[0].zh == "综合考试缺考"


def test_who_came_too_late_fails_for_that_reason(programme):
    result = assess(programme, "1", (Mark(paper=KEY, score_hundredths=None, late=True),))
    assert (result.passed, result.grade) == (False, None)
    assert result.papers[0].failure is not None
    assert result.papers[0].failure.kind is FailureKind.LATE
    assert result.failures[0].zh == "综合考试迟到，未予入场"


def test_nobody_is_late_and_has_a_score(programme):
    with pytest.raises(MarksIncomplete):
        assess(programme, "1", (Mark(paper=KEY, score_hundredths=6000, late=True),))


def test_a_result_names_the_version_it_was_made_under(programme):
    assert assess(programme, "2", marks(6000)).programme_digest == programme.digest


@pytest.mark.parametrize(
    "given_marks",
    [(), marks(6000) * 2, (Mark(paper=PaperKey("theory"), score_hundredths=6000),), marks(10_001), marks(-1)],
)
def test_marks_must_be_one_for_each_paper_within_the_scale(programme, given_marks):
    with pytest.raises(MarksIncomplete) as incomplete:
        assess(programme, "1", given_marks)
    assert (incomplete.value.level, incomplete.value.expected) == ("1", ("comprehensive",))


def test_unknown_level_is_refused(programme):
    with pytest.raises(ProgrammeUnknown):
        assess(programme, "4", marks(6000))


@pytest.fixture(scope="session")
def two_papers(programme):
    (paper,) = programme.papers
    practice = replace(paper, key=PaperKey("practice"), name=Bilingual(zh="实操", en="Practice"))
    return replace(programme, papers=(paper, practice), grades=())


def test_a_result_so_far_says_which_score_is_missing(two_papers):
    result = assess(two_papers, "1", marks(6000), so_far=True)
    assert [one.passed for one in result.papers] == [True, False]
    assert result.papers[1].failure is not None
    assert result.papers[1].failure.kind is FailureKind.MISSING
    assert (result.passed, result.failures[0].zh) == (False, "实操尚无成绩")
    with pytest.raises(MarksIncomplete):
        assess(two_papers, "1", marks(6000))
    with pytest.raises(MarksIncomplete):
        assess(two_papers, "1", (Mark(paper=PaperKey("defence"), score_hundredths=6000),), so_far=True)


@pytest.mark.parametrize("code", ["SMART-MFG", "BIG-DATA", "BLOCKCHAIN"])
@pytest.mark.parametrize(
    ("theory", "practice", "short"),
    [(6000, 6000, ()), (5999, 6000, (1,)), (6000, 5999, (1,)), (5000, 5999, (1000, 1)), (10_000, 0, (6000,))],
)
def test_the_engineers_pass_both_papers_at_sixty(catalogue, code, theory, practice, short):
    of = catalogue.programme(code)
    for level in of.levels:
        result = assess(
            of,
            level.code,
            (
                Mark(paper=PaperKey("theory"), score_hundredths=theory),
                Mark(paper=PaperKey("practice"), score_hundredths=practice),
            ),
        )
        assert result.passed is (not short)
        assert tuple(one.failure.short_hundredths for one in result.papers if one.failure is not None) == short
        assert result.grade is None


@pytest.mark.parametrize("level", ["2", "1"])
@pytest.mark.parametrize("failed", [None, 0, 1, 2])
def test_the_two_highest_trainers_pass_three_papers(catalogue, level, failed):
    of = catalogue.programme("AI-TRAINER")
    papers = [paper.key for paper in of.papers_of(level)]
    assert len(papers) == 3
    given_marks = [
        Mark(paper=key, score_hundredths=5999 if place == failed else 6000) for place, key in enumerate(papers)
    ]
    result = assess(of, level, given_marks)
    assert result.passed is (failed is None)
    assert len(result.failures) == (failed is not None)
    with pytest.raises(MarksIncomplete):
        assess(of, level, given_marks[:2])


@given(theory=st.none() | st.integers(0, 10_000), practice=st.none() | st.integers(0, 10_000))
def test_every_paper_must_pass_and_order_of_marks_means_nothing(two_papers, theory, practice):
    given_marks = (
        Mark(paper=KEY, score_hundredths=theory),
        Mark(paper=PaperKey("practice"), score_hundredths=practice),
    )
    result = assess(two_papers, "3", given_marks)
    assert result == assess(two_papers, "3", reversed(given_marks))
    assert result.passed == ((theory or 0) >= 6000 and (practice or 0) >= 6000)
    assert len(result.failures) == sum((score or 0) < 6000 for score in (theory, practice))
    assert result.grade is None
