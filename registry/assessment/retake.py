"""Where one candidate stands in one level after some sittings (补考): a fold over them, in the order of their days.

1. a first sitting has a mark for every paper; whoever sat none of them has not begun;
2. every paper passed is a pass;
3. papers failed: where the programme has a retake, and no more of them failed than it allows, they may be sat again,
   the passed ones being kept where the programme keeps them; otherwise it is over;
4. a retake has a mark for each paper that was to be sat again, and is sat in the next session alone where the
   programme says so: the first one after the failed one, at the same place; a sitting in any other begins anew;
5. a retake passed gives a result of papers from several sessions, each with its day; a retake failed, or not sat in
   the one session it could be, ends it: everything is sat and paid again.
6. what somebody was registered for stays what it is: a session that is set later does not make another of it, and a
   score corrected afterwards counts as it is now, in a paper that need not have been sat again as in one that should
   have been.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from registry.assessment.model import FailureKind, Mark, PaperResult, Result
from registry.assessment.scoring import MarksIncomplete, assess
from registry.programme import Bilingual, Level, PaperKey, Programme, ProgrammeUnknown, Retake, RetakeFee


class StandingState(StrEnum):
    """Where somebody stands."""

    NOT_SAT = "not-sat"  # 未考
    RETAKE = "retake"  # 可补考
    PASSED = "passed"  # 合格
    FAILED = "failed"  # 不合格, 须重新报考


class Fee(StrEnum):
    """What is due before the next sitting."""

    FULL = "full"  # 全额
    ASSESSMENT = "assessment"  # 只缴评价费: of a retake, where the programme says so
    ASSESSMENT_AGAIN = "assessment-again"  # 缺考者评价费再缴一次


class EntryKind(StrEnum):
    """What a registration for a session would be."""

    FIRST = "first"
    RETAKE = "retake"
    ANEW = "anew"  # 重新报考


FEE_NAMES: dict[Fee, Bilingual] = {
    Fee.FULL: Bilingual(zh="全额缴费", en="the full fee"),
    Fee.ASSESSMENT: Bilingual(zh="只缴评价费", en="the assessment fee only"),
    Fee.ASSESSMENT_AGAIN: Bilingual(zh="评价费再缴一次", en="the assessment fee once more"),
}
"""The words for reasons and lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDay:
    """One session of the programme, as much of it as the order of sessions needs."""

    session: str
    on: date
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """One candidate's marks in one session, absences and late arrivals among them."""

    session: SessionDay
    marks: tuple[Mark, ...]
    kind: "EntryKind | None" = None
    """What it was registered as; None = what the days make of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedPaper:
    """A paper's result and the session it was made in."""

    result: PaperResult
    session: SessionDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one candidate stands in one level."""

    state: StandingState
    papers: tuple[DatedPaper, ...]
    """The papers that count, in the programme's order; empty before anything was sat."""
    kept: tuple[PaperKey, ...]
    """Passed papers that need not be sat again."""
    to_sit: tuple[PaperKey, ...]
    """What the next sitting consists of; empty after a pass."""
    attempts_left: int
    """How often failed papers may still be sat again."""
    last: SessionDay | None
    """The last session that counts."""
    fee: Fee | None
    """What is due before the next sitting; None = nothing is, or the source is silent."""
    result: Result | None
    """Of the whole level; None = nothing was sat."""
    reasons: tuple[Bilingual, ...]

    @property
    def dates(self) -> tuple[date, ...]:
        """The days on which the papers that count were sat, without repeats, in order."""
        return tuple(sorted({one.session.on for one in self.papers}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a registration for a session would be, or why there can be none."""

    kind: EntryKind | None
    """None = refused."""
    papers: tuple[PaperKey, ...]
    fee: Fee | None
    reason: Bilingual


def standing(programme: Programme, level: str, sittings: Iterable[Sitting], sessions: Sequence[SessionDay]) -> Standing:
    """Fold sittings into where somebody stands. A sitting after a pass changes nothing.

    `sessions`: every session of the programme that examines the level, in any order.
    Raises MarksIncomplete where a sitting has not the marks that it must have (of a registered retake: a mark twice, of
    no paper, or out of its scale), and ProgrammeUnknown.
    """
    found = programme.level(level)
    if found is None:
        raise ProgrammeUnknown(f"{programme.code}/{level}")
    fold = _Fold(programme, found, sessions)
    now = fold.begin()
    for sitting in sorted(sittings, key=lambda one: (one.session.on, one.session.session)):
        now = fold.after(now, sitting)
    return now


def next_session(after: SessionDay, sessions: Iterable[SessionDay]) -> SessionDay | None:
    """Find the first session after another at the same place; None = there is none yet."""
    later = [one for one in sessions if one.place == after.place and one.on > after.on]
    return min(later, key=lambda one: (one.on, one.session), default=None)


def entry_into(
    programme: Programme, level: str, now: Standing, session: SessionDay, sessions: Sequence[SessionDay]
) -> Entry:
    """Say what registering somebody who stands as `now` for a session would be: first, retake, anew, or nothing."""
    everything = tuple(paper.key for paper in programme.papers_of(level))
    if now.state is StandingState.PASSED:
        return _refused("已经合格，不再报考", "passed already")
    if now.last is not None and session.on <= now.last.on:
        return _refused("场次不在上次考试之后", "the session is not after the last one that was sat")
    if now.state is StandingState.RETAKE and _may_retake_in(programme.retake, now, session, sessions):
        return Entry(
            kind=EntryKind.RETAKE,
            papers=now.to_sit,
            fee=now.fee,
            reason=Bilingual(
                zh=f"补考{_names(programme, level, now.to_sit).zh}",
                en=f"sits {_names(programme, level, now.to_sit).en} again",
            ),
        )
    if now.state is StandingState.NOT_SAT:
        reason = Bilingual(zh="首次考试", en="first sitting")
        if now.last is not None:
            reason = Bilingual(zh="上次缺考，重新安排", en="absent the last time, sits anew")
        return Entry(kind=EntryKind.FIRST, papers=everything, fee=now.fee, reason=reason)
    anew = Bilingual(zh="上次未合格，须重新报考全部科目", en="not passed the last time: all papers anew")
    if now.state is StandingState.RETAKE:
        anew = Bilingual(
            zh="补考只能在下一场；这一场须重新报考全部科目",
            en="a retake is for the next session alone; in this one all papers anew",
        )
    return Entry(kind=EntryKind.ANEW, papers=everything, fee=Fee.FULL, reason=anew)


def _refused(zh: str, en: str) -> Entry:
    return Entry(kind=None, papers=(), fee=None, reason=Bilingual(zh=zh, en=en))


def _may_retake_in(rule: Retake | None, now: Standing, session: SessionDay, sessions: Iterable[SessionDay]) -> bool:
    if rule is None or now.last is None:
        return False
    if not rule.next_session_only:
        return True
    following = next_session(now.last, sessions)
    return following is not None and following.session == session.session


def _names(programme: Programme, level: str, papers: Iterable[PaperKey]) -> Bilingual:
    wanted = set(papers)
    names = [paper.name for paper in programme.papers_of(level) if paper.key in wanted]
    return Bilingual(zh="、".join(one.zh for one in names), en=", ".join(one.en for one in names))


class _Fold:
    """The rules of one level, and one step of the fold."""

    def __init__(self, programme: Programme, level: Level, sessions: Sequence[SessionDay]) -> None:
        self._programme, self._level, self._sessions = programme, level.code, sessions
        self._rule = programme.retake
        self._papers = programme.papers_of(level.code)
        self._absent_pays = programme.session is not None and programme.session.absent_pays_again

    def begin(self) -> Standing:
        """Stand as somebody who has sat nothing."""
        return Standing(
            state=StandingState.NOT_SAT,
            papers=(),
            kept=(),
            to_sit=tuple(paper.key for paper in self._papers),
            attempts_left=0 if self._rule is None else self._rule.attempts,
            last=None,
            fee=Fee.FULL,
            result=None,
            reasons=(Bilingual(zh="尚未考试", en="has not sat yet"),),
        )

    def after(self, now: Standing, sitting: Sitting) -> Standing:
        """Take one step."""
        if now.state is StandingState.PASSED:
            return now
        registered = sitting.kind is EntryKind.RETAKE  # 6
        if registered and now.state is not StandingState.RETAKE:
            return self._without_ground(now, sitting.session)
        again = registered or (
            sitting.kind is None
            and now.state is StandingState.RETAKE
            and _may_retake_in(self._rule, now, sitting.session, self._sessions)
        )  # 4
        before = now if again else self.begin()
        marks = {mark.paper: mark for mark in sitting.marks}
        if len(marks) != len(sitting.marks) or not (registered or marks.keys() == set(before.to_sit)):
            raise MarksIncomplete(self._level, before.to_sit)
        if all(mark.absent for mark in sitting.marks):
            return self._missed(before, sitting)  # 1, 5
        result = assess(self._programme, self._level, marks.values(), so_far=True)
        new = {
            one.paper: DatedPaper(result=one, session=sitting.session) for one in result.papers if one.paper in marks
        }
        old = {one.result.paper: one for one in before.papers}
        kept = {paper: old[paper] for paper in before.kept}
        papers = tuple((old | new | kept)[paper.key] for paper in self._papers)
        return self._judged(before, papers, sitting.session, again=again)

    def _without_ground(self, now: Standing, session: SessionDay) -> Standing:
        """A retake was sat, and a correction has since left nothing that could be sat again by it."""
        void = Bilingual(
            zh="成绩更正后已无补考资格，所补考的成绩不计",
            en="by the scores as corrected there was no retake: it does not count",
        )
        return replace(now, last=session, reasons=(*now.reasons, void))

    def _missed(self, before: Standing, sitting: Sitting) -> Standing:
        """Nothing was sat: the first time it may be done later, of a retake the right is lost with its session."""
        late = all(mark.late for mark in sitting.marks)
        absence = (
            Bilingual(zh="迟到，未予入场", en="too late, not admitted")
            if late
            else Bilingual(zh="全部缺考", en="absent from all of it")
        )
        if before.state is StandingState.RETAKE and self._rule is not None and self._rule.next_session_only:
            lost = Bilingual(
                zh="补考只有这一场，须重新报考、全额缴费",
                en="the retake was for this session alone: all papers anew, in full",
            )
            return self._ended(before.papers, sitting.session, (absence, lost))
        if not self._absent_pays:
            silent = Bilingual(zh="来源未规定缺考如何缴费", en="the source does not say what who was absent pays")
            return replace(before, last=sitting.session, fee=None, reasons=(absence, silent))
        fee = Fee.ASSESSMENT_AGAIN
        return replace(before, last=sitting.session, fee=fee, reasons=(absence, FEE_NAMES[fee]))

    def _judged(
        self, before: Standing, papers: tuple[DatedPaper, ...], session: SessionDay, *, again: bool
    ) -> Standing:
        failed = tuple(one.result.paper for one in papers if not one.result.passed)
        why = tuple(one.result.failure.text for one in papers if one.result.failure is not None)
        if not failed:  # 2, 5
            return Standing(
                state=StandingState.PASSED,
                papers=papers,
                kept=(),
                to_sit=(),
                attempts_left=0,
                last=session,
                fee=None,
                result=self._result(papers),
                reasons=(Bilingual(zh="各科均合格", en="every paper is passed"),),
            )
        rule, left = self._rule, before.attempts_left - again
        if rule is None:  # 3
            silent = Bilingual(zh="来源未规定补考，须重新报考", en="the source knows no retake: all papers anew")
            return self._ended(papers, session, (*why, silent))
        if left < 1:
            over = Bilingual(
                zh="补考机会已用完，须重新报考、全额缴费", en="no retake is left: all papers anew, in full"
            )
            return self._ended(papers, session, (*why, over))
        if len(failed) > rule.papers_at_most:
            many = Bilingual(
                zh=f"未合格{len(failed)}科，最多{rule.papers_at_most}科可以补考，须重新报考",
                en=f"{len(failed)} papers failed, at most {rule.papers_at_most} may be sat again: all papers anew",
            )
            return self._ended(papers, session, (*why, many))
        kept = tuple(one.result.paper for one in papers if one.result.passed) if rule.keeps_passed else ()
        fee = Fee.ASSESSMENT if rule.fee is RetakeFee.ASSESSMENT_ONLY else Fee.FULL
        return Standing(
            state=StandingState.RETAKE,
            papers=papers,
            kept=kept,
            to_sit=tuple(paper.key for paper in self._papers if paper.key not in kept),
            attempts_left=left,
            last=session,
            fee=fee,
            result=self._result(papers),
            reasons=(*why, self._may(rule, session), FEE_NAMES[fee]),
        )

    def _may(self, rule: Retake, session: SessionDay) -> Bilingual:
        """Say when failed papers may be sat again."""
        if not rule.next_session_only:
            return Bilingual(zh="未合格科目可以补考", en="the failed papers may be sat again")
        following = next_session(session, self._sessions)
        if following is None:
            return Bilingual(
                zh="未合格科目可在下一场补考，下一场日期未定",
                en="the failed papers may be sat again in the next session, whose day is not set yet",
            )
        return Bilingual(
            zh=f"未合格科目可在下一场（{following.on}）补考",
            en=f"the failed papers may be sat again in the next session, on {following.on}",
        )

    def _ended(self, papers: tuple[DatedPaper, ...], session: SessionDay, reasons: tuple[Bilingual, ...]) -> Standing:
        return Standing(
            state=StandingState.FAILED,
            papers=papers,
            kept=(),
            to_sit=self.begin().to_sit,
            attempts_left=0,
            last=session,
            fee=Fee.FULL,
            result=self._result(papers),
            reasons=reasons,
        )

    def _result(self, papers: tuple[DatedPaper, ...]) -> Result:
        marks = [
            Mark(
                paper=one.result.paper,
                score_hundredths=one.result.score_hundredths,
                late=one.result.failure is not None and one.result.failure.kind is FailureKind.LATE,
            )
            for one in papers
        ]
        return assess(self._programme, self._level, marks)
