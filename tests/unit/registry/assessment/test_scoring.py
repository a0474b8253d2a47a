from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.assessment import Mark, MarksIncomplete, assess
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
        Bilingual(zh="综合考试59.99分，合格线60分", en="59.99 in Comprehensive examination, the pass mark is 60"),
    )


def test_an_absentee_fails_without_a_grade(programme):
    result = assess(programme, "1", marks(None))
    assert (result.passed, result.grade) == (False, None)
    assert result.failures[0].zh == "综合考试缺考"


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
