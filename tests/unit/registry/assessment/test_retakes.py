"""Retakes: what is kept, what is sat again, when, for which fee, and how it ends."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.assessment import (
    EntryKind,
    Fee,
    Mark,
    MarksIncomplete,
    SessionDay,
    Sitting,
    StandingState,
    entry_into,
    next_session,
    standing,
)
from registry.programme import (
    Bilingual,
    PaperKey,
    ProgrammeUnknown,
    Retake,
    RetakeFee,
    SessionRules,
    StatedBy,
)

SOURCE = Bilingual(zh="来源", en="source")
THEORY, PRACTICE = PaperKey("theory"), PaperKey("practice")
FIRST, SECOND, THIRD = (
    SessionDay(session=f"E-2026-{month}-0001", on=date(2026, month, 20), place="广州") for month in (10, 11, 12)
)
ELSEWHERE = SessionDay(session="E-2026-11-0002", on=date(2026, 11, 10), place="深圳")
SESSIONS = (THIRD, ELSEWHERE, FIRST, SECOND)
ONCE = Retake(
    attempts=1,
    papers_at_most=1,
    next_session_only=True,
    keeps_passed=True,
    fee=RetakeFee.ASSESSMENT_ONLY,
    stated_by=StatedBy.SOURCE,
    source=SOURCE,
)


@pytest.fixture(scope="session")
def trainer(catalogue):
    """Two papers, one retake in the next session, absentees pay the assessment fee again."""
    of = catalogue.programme("BLOCKCHAIN")
    session = SessionRules(
        registration_closes_days=22,
        late_minutes=30,
        late_admits_limit=True,
        publication_working_days=75,
        absent_pays_again=True,
        identity_check=None,
        frequency=None,
        places=None,
        source=SOURCE,
    )
    return replace(of, retake=ONCE, session=session)


def sat(session, theory=..., practice=...):
    """Make a sitting: hundredths, None for absent, "late", or left out."""
    marks = [
        Mark(paper=paper, score_hundredths=None if score == "late" else score, late=score == "late")
        for paper, score in ((THEORY, theory), (PRACTICE, practice))
        if score is not ...
    ]
    return Sitting(session=session, marks=tuple(marks))


def stands(programme, *sittings, sessions=SESSIONS):
    return standing(programme, "1", sittings, sessions)


def test_who_has_sat_nothing_sits_everything(trainer):
    now = stands(trainer)
    assert (now.state, now.to_sit, now.fee, now.result) == (StandingState.NOT_SAT, (THEORY, PRACTICE), Fee.FULL, None)
    entry = entry_into(trainer, "1", now, FIRST, SESSIONS)
    assert (entry.kind, entry.papers, entry.fee) == (EntryKind.FIRST, (THEORY, PRACTICE), Fee.FULL)


def test_everything_passed_at_once(trainer):
    now = stands(trainer, sat(FIRST, 6000, 6000))
    assert (now.state, now.to_sit, now.fee, now.dates) == (StandingState.PASSED, (), None, (FIRST.on,))
    assert entry_into(trainer, "1", now, SECOND, SESSIONS).kind is None


def test_one_failed_paper_may_be_sat_again_in_the_next_session(trainer):
    now = stands(trainer, sat(FIRST, 6000, 5999))
    assert now.state is StandingState.RETAKE
    assert (now.kept, now.to_sit, now.attempts_left, now.fee) == ((THEORY,), (PRACTICE,), 1, Fee.ASSESSMENT)
    assert [one.zh for one in now.reasons] == [
        "专业能力59.99分，合格线60分，差0.01分",
        "未合格科目可在下一场（2026-11-20）补考",
        "只缴评价费",
    ]
    entry = entry_into(trainer, "1", now, SECOND, SESSIONS)
    assert (entry.kind, entry.papers, entry.fee) == (EntryKind.RETAKE, (PRACTICE,), Fee.ASSESSMENT)
    assert entry.reason == Bilingual(zh="补考专业能力", en=f"sits {trainer.papers[1].name.en} again")


@pytest.mark.parametrize("session", [THIRD, ELSEWHERE])
def test_any_other_session_means_everything_anew(trainer, session):
    now = stands(trainer, sat(FIRST, 6000, 5999))
    entry = entry_into(trainer, "1", now, session, SESSIONS)
    assert (entry.kind, entry.papers, entry.fee) == (EntryKind.ANEW, (THEORY, PRACTICE), Fee.FULL)
    assert entry.reason.zh == "补考只能在下一场；这一场须重新报考全部科目"


def test_a_session_that_is_not_after_the_last_one_is_refused(trainer):
    now = stands(trainer, sat(SECOND, 6000, 5999))
    assert entry_into(trainer, "1", now, FIRST, SESSIONS).kind is None
    assert entry_into(trainer, "1", now, SECOND, SESSIONS).kind is None


def test_while_the_next_session_is_not_set_there_is_no_retake_yet(trainer):
    now = stands(trainer, sat(THIRD, 6000, 5999))
    assert "下一场日期未定" in now.reasons[1].zh
    later = SessionDay(session="E-2027-01-0001", on=date(2027, 1, 20), place="广州")
    assert entry_into(trainer, "1", now, later, (*SESSIONS, later)).kind is EntryKind.RETAKE


def test_a_retake_passed_gives_one_result_from_both_sessions(trainer):
    now = stands(trainer, sat(FIRST, 7950, 5999), sat(SECOND, practice=6000))
    assert now.state is StandingState.PASSED
    assert now.result is not None
    assert now.result.passed
    assert [(one.result.paper, one.result.score_hundredths, one.session.on) for one in now.papers] == [
        (THEORY, 7950, date(2026, 10, 20)),
        (PRACTICE, 6000, date(2026, 11, 20)),
    ]
    assert now.dates == (date(2026, 10, 20), date(2026, 11, 20))


def test_a_retake_failed_ends_it(trainer):
    now = stands(trainer, sat(FIRST, 6000, 5999), sat(SECOND, practice=5999))
    assert (now.state, now.kept, now.to_sit, now.fee) == (StandingState.FAILED, (), (THEORY, PRACTICE), Fee.FULL)
    assert now.reasons[-1].zh == "补考机会已用完，须重新报考、全额缴费"
    entry = entry_into(trainer, "1", now, THIRD, SESSIONS)
    assert (entry.kind, entry.papers, entry.fee) == (EntryKind.ANEW, (THEORY, PRACTICE), Fee.FULL)


def test_whoever_begins_anew_has_the_retake_again(trainer):
    now = stands(trainer, sat(FIRST, 6000, 5999), sat(SECOND, practice=5999), sat(THIRD, 5999, 6000))
    assert (now.state, now.kept, now.to_sit) == (StandingState.RETAKE, (PRACTICE,), (THEORY,))


@pytest.mark.parametrize("missed", [None, "late"])
def test_who_misses_the_retake_has_lost_it(trainer, missed):
    now = stands(trainer, sat(FIRST, 6000, 5999), sat(SECOND, practice=missed))
    assert (now.state, now.fee) == (StandingState.FAILED, Fee.FULL)
    assert now.reasons[-1].zh == "补考只有这一场，须重新报考、全额缴费"


def test_who_lets_the_retake_pass_begins_anew_later(trainer):
    now = stands(trainer, sat(FIRST, 6000, 5999), sat(THIRD, 5999, 6000))
    assert (now.state, now.kept) == (StandingState.RETAKE, (PRACTICE,))
    with pytest.raises(MarksIncomplete):
        stands(trainer, sat(FIRST, 6000, 5999), sat(THIRD, practice=6000))


def test_two_failed_papers_are_no_retake(trainer):
    now = stands(trainer, sat(FIRST, 5999, 5999))
    assert (now.state, now.fee) == (StandingState.FAILED, Fee.FULL)
    assert now.reasons[-1].zh == "未合格2科，最多1科可以补考，须重新报考"


@pytest.mark.parametrize(("missed", "word"), [(None, "全部缺考"), ("late", "迟到，未予入场")])
def test_an_absentee_has_not_begun_and_pays_the_assessment_again(trainer, missed, word):
    now = stands(trainer, sat(FIRST, missed, missed))
    assert (now.state, now.fee, now.attempts_left) == (StandingState.NOT_SAT, Fee.ASSESSMENT_AGAIN, 1)
    assert [one.zh for one in now.reasons] == [word, "评价费再缴一次"]
    entry = entry_into(trainer, "1", now, THIRD, SESSIONS)
    assert (entry.kind, entry.fee) == (EntryKind.FIRST, Fee.ASSESSMENT_AGAIN)
    assert stands(trainer, sat(FIRST, missed, missed), sat(THIRD, 6000, 6000)).state is StandingState.PASSED


def test_absent_from_one_paper_is_one_paper_to_sit_again(trainer):
    now = stands(trainer, sat(FIRST, 6000, None))
    assert (now.state, now.to_sit) == (StandingState.RETAKE, (PRACTICE,))
    assert now.reasons[0].zh == "专业能力缺考"


def test_where_the_source_does_not_say_what_an_absentee_pays(trainer):
    silent = replace(trainer, session=None)
    now = stands(silent, sat(FIRST, None, None))
    assert now.fee is None
    assert "来源未规定" in now.reasons[-1].zh


def test_a_programme_without_a_retake_keeps_nothing(catalogue):
    now = stands(catalogue.programme("BLOCKCHAIN"), sat(FIRST, 6000, 5999))
    assert (now.state, now.kept) == (StandingState.FAILED, ())
    assert now.reasons[-1].zh == "来源未规定补考，须重新报考"


def test_a_programme_that_keeps_nothing_has_everything_sat_again(trainer):
    strict = replace(trainer, retake=replace(ONCE, keeps_passed=False, fee=RetakeFee.FULL))
    now = stands(strict, sat(FIRST, 6000, 5999))
    assert (now.state, now.kept, now.to_sit, now.fee) == (StandingState.RETAKE, (), (THEORY, PRACTICE), Fee.FULL)
    assert stands(strict, sat(FIRST, 6000, 5999), sat(SECOND, 5999, 6000)).state is StandingState.FAILED


def test_a_retake_in_any_session(trainer):
    free = replace(trainer, retake=replace(ONCE, next_session_only=False, attempts=2))
    now = stands(free, sat(FIRST, 6000, 5999), sat(ELSEWHERE, practice=None))
    assert (now.state, now.attempts_left, now.fee) == (StandingState.RETAKE, 2, Fee.ASSESSMENT_AGAIN)
    now = stands(free, sat(FIRST, 6000, 5999), sat(ELSEWHERE, practice=0), sat(THIRD, practice=6000))
    assert now.state is StandingState.PASSED
    assert entry_into(free, "1", stands(free, sat(FIRST, 6000, 0)), THIRD, SESSIONS).kind is EntryKind.RETAKE


def test_a_sitting_has_a_mark_for_each_paper_it_consists_of(trainer):
    for sittings in (
        [sat(FIRST, 6000)],
        [sat(FIRST, 6000, 5999), sat(SECOND, 6000, 6000)],
        [Sitting(session=FIRST, marks=sat(FIRST, 1, 1).marks * 2)],
    ):
        with pytest.raises(MarksIncomplete):
            stands(trainer, *sittings)
    with pytest.raises(ProgrammeUnknown):
        standing(trainer, "9", [], SESSIONS)


def test_the_next_session_is_the_first_later_one_of_the_place():
    assert next_session(FIRST, SESSIONS) == SECOND
    assert next_session(ELSEWHERE, SESSIONS) is None
    assert next_session(THIRD, SESSIONS) is None


SCORE = st.one_of(st.none(), st.just("late"), st.sampled_from([0, 5999, 6000, 10_000]), st.integers(0, 10_000))
MONTHLY = tuple(
    SessionDay(session=f"E-{index:02d}", on=date(2026, 1, 20) + timedelta(days=30 * index), place="广州")
    for index in range(8)
)


@given(drawn=st.lists(st.tuples(st.booleans(), SCORE, SCORE), max_size=8))
def test_no_story_breaks_the_rules(trainer, drawn):
    """Whoever registers as `entry_into` says, whatever the marks: nothing is lost, and nothing is won for nothing."""
    sittings, passed_in = [], {}
    for session, (comes, theory, practice) in zip(MONTHLY, drawn, strict=False):
        now = stands(trainer, *sittings, sessions=MONTHLY)
        entry = entry_into(trainer, "1", now, session, MONTHLY)
        if not comes or entry.kind is None:
            continue
        if entry.kind is not EntryKind.RETAKE:
            passed_in = {}
        scores = {THEORY: theory, PRACTICE: practice}
        sittings.append(
            sat(session, **{str(paper): scores[paper] if paper in entry.papers else ... for paper in scores})
        )
        passed_in |= {p: session for p in entry.papers if isinstance(scores[p], int) and scores[p] >= 6000}
        assert entry.kind is not EntryKind.RETAKE or entry.fee is Fee.ASSESSMENT
        after = stands(trainer, *sittings, sessions=MONTHLY)
        assert (after.state is StandingState.PASSED) == (passed_in.keys() == {THEORY, PRACTICE})
        if after.state is StandingState.PASSED:
            assert {one.result.paper: one.session for one in after.papers} == passed_in
            assert 1 <= len(after.dates) <= 2
        assert set(after.kept) <= passed_in.keys()
        assert after.reasons
        assert stands(trainer, *reversed(sittings), sessions=tuple(reversed(MONTHLY))) == after
