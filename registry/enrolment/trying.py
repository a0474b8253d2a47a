"""One condition tried on one candidate: whether it holds, why, and whether a person must judge it first.

What is not stated does not hold; nothing is presumed in a candidate's favour. Months worked since something was
obtained are never more than the months that have passed since, where the day is known.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

from registry.enrolment.dates import age, whole_months
from registry.enrolment.model import Candidate, HeldCertificate
from registry.programme import (
    DEGREE_NAMES,
    EDUCATION_NAMES,
    TITLE_NAMES,
    WORK_PROOF_NAMES,
    AgeAtLeast,
    Bilingual,
    CompletedTraining,
    Condition,
    EducationAtLeast,
    EligibilityRule,
    HasHoursCertificate,
    HoldsLevel,
    HoldsTitle,
    InOccupation,
    Judged,
    Level,
    LevelCode,
    OneLevelAtATime,
    Programme,
    QualificationAmong,
    RegisteredByUnit,
    WonAward,
    WorkAtLeast,
    WorkProof,
)

RELATED_MAJOR = "related-major"
"""Subject of a judgement: the major that the candidate names is a related one."""
HELD_CERTIFICATE = "held-certificate"
"""Subject of a judgement: the certificate that the candidate states was seen, is good and of the level; not ours.

With a level's code after it where that must be said (`held_subjects`).
"""
HOURS_CERTIFICATE = "hours-certificate"
"""Subject of a judgement: the certificate of hours that the candidate states was seen and is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the conditions are tried on."""

    candidate: Candidate
    programme: Programme
    level: Level
    on: date
    held: Set[LevelCode]
    obtained: Mapping[LevelCode, date]
    hours: Set[LevelCode]
    applied: Set[LevelCode]

    def judged(self, subject: str) -> bool | None:
        """Give what a person found on `subject`, the last time; None = nobody has judged it."""
        found = [one.favourable for one in self.candidate.evidence.judgements if one.subject == subject]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one condition."""

    held: bool
    reason: Bilingual
    judge: str | None = None
    """What a person has yet to judge; the condition then does not hold, and might."""


def try_condition(condition: Condition, case: Case) -> Trial:
    """Try one condition."""
    return _TRIALS[type(condition)](condition, case)


def _try_age(condition: AgeAtLeast, case: Case) -> Trial:
    completed, years = age(case.candidate.birth_date, case.on), condition.years
    return Trial(
        held=completed >= years,
        reason=Bilingual(
            zh=f"需年满{years}周岁，{case.on.isoformat()}时为{completed}周岁",
            en=f"needs to be {years} or over, is {completed} on {case.on.isoformat()}",
        ),
    )


def _try_education(condition: EducationAtLeast, case: Case) -> Trial:
    need, stated = EDUCATION_NAMES[condition.education], case.candidate.education
    student = case.candidate.evidence.final_year_of if condition.final_year else None
    if student is not None and student.rank >= condition.education.rank:
        of = EDUCATION_NAMES[student]
        return Trial(
            held=True,
            reason=Bilingual(
                zh=f"需{need.zh}及以上学历，所填为{of.zh}应届毕业生",
                en=f"needs {need.en} or above, states the final year of {of.en}",
            ),
        )
    if stated is None:
        return _lacks(f"需{need.zh}及以上学历", f"needs {need.en} or above")
    has = EDUCATION_NAMES[stated]
    return Trial(
        held=stated.rank >= condition.education.rank,
        reason=Bilingual(zh=f"需{need.zh}及以上学历，所填为{has.zh}", en=f"needs {need.en} or above, states {has.en}"),
    )


def _try_qualification(condition: QualificationAmong, case: Case) -> Trial:
    education, degrees = case.candidate.education, case.candidate.evidence.degrees
    need = [EDUCATION_NAMES[one] for one in condition.educations] + [DEGREE_NAMES[one] for one in condition.degrees]
    need_zh, need_en = _either(need)
    has = [EDUCATION_NAMES[education]] if education is not None else []
    has += [DEGREE_NAMES[one] for one in degrees]
    if not has:
        return _lacks(f"需{need_zh}", f"needs {need_en}")
    return Trial(
        held=education in condition.educations or not set(degrees).isdisjoint(condition.degrees),
        reason=Bilingual(
            zh=f"需{need_zh}，所填为{'、'.join(one.zh for one in has)}",
            en=f"needs {need_en}, states {', '.join(one.en for one in has)}",
        ),
    )


def _try_work(condition: WorkAtLeast, case: Case) -> Trial:
    evidence = case.candidate.evidence
    where = Bilingual(zh="从事本职业工作", en="work in the occupation")
    if not condition.in_occupation:
        where = Bilingual(zh="工作", en="work")
    worked = evidence.occupation_months if condition.in_occupation else case.candidate.work_months
    need_zh, need_en = duration(condition.months)
    need = Bilingual(zh=f"需{where.zh}满{need_zh}", en=f"needs {need_en} of {where.en}")
    return _worked(need, condition.months, worked, condition.proofs, case)


def _worked(need: Bilingual, months: int, worked: int | None, proofs: tuple[WorkProof, ...], case: Case) -> Trial:
    if worked is None:
        return _lacks(need.zh, need.en)
    has_zh, has_en = duration(worked)
    missing = [WORK_PROOF_NAMES[one] for one in proofs if one not in case.candidate.evidence.work_proofs]
    return Trial(
        held=worked >= months and not missing,
        reason=Bilingual(
            zh=f"{need.zh}，所填为{has_zh}" + (f"，缺{'、'.join(one.zh for one in missing)}" if missing else ""),
            en=f"{need.en}, states {has_en}"
            + (f", without {' and '.join(one.en for one in missing)}" if missing else ""),
        ),
    )


def _try_held(condition: HoldsLevel, case: Case) -> Trial:
    lower = case.programme.level(condition.level)
    assert lower is not None  # the file was refused otherwise
    claim = case.candidate.held
    need = Bilingual(zh=f"需持有{lower.name.zh}证书", en=f"needs the {lower.name.en} certificate")
    verified = Trial(held=True, reason=Bilingual(zh=f"{need.zh}，已核实", en=f"{need.en}, verified"))
    if lower.code not in case.held:
        if claim is None:
            return _lacks(need.zh, need.en)
        if claim.level not in {None, lower.code}:
            return Trial(
                held=False,
                reason=Bilingual(zh=f"{need.zh}，所填证书不是该级别", en=f"{need.en}, states one of another level"),
            )
        verified = _judged(_held_subject(claim, lower.code, case.level), need, case)
        if not verified.held and verified.judge is None:
            return verified
    if not condition.worked_months:
        return verified
    worked = case.candidate.evidence.months_since_held
    if claim is not None and claim.level not in {None, lower.code}:
        worked = None  # the months stated are those since another certificate
    worked = _at_most(worked, case.obtained.get(lower.code), case.on)
    need_zh, need_en = duration(condition.worked_months)
    need = Bilingual(
        zh=f"需取得{lower.name.zh}证书后从事本职业工作满{need_zh}",
        en=f"needs {need_en} of work in the occupation since the {lower.name.en} certificate",
    )
    since = _worked(need, condition.worked_months, worked, condition.proofs, case)
    return verified if since.held and not verified.held else since  # nobody need judge it where the months fall short


def held_subjects(level: Level, claim: HeldCertificate) -> tuple[str, ...]:
    """Under which subjects a stated certificate of another body is judged, for who applies for a level.

    A number does not say of which level it is: where rules ask for several lower ones the judgement names it.
    """
    lower = {one.level for rule in (*level.requirements, *level.rules) for one in _held_levels(rule)}
    if claim.level is not None or len(lower) < 2:
        return (HELD_CERTIFICATE,)
    return tuple(f"{HELD_CERTIFICATE}-{code}" for code in sorted(lower))


def _held_levels(rule: EligibilityRule) -> tuple[HoldsLevel, ...]:
    return tuple(one for one in rule.conditions if isinstance(one, HoldsLevel))


def _held_subject(claim: HeldCertificate, lower: LevelCode, level: Level) -> str:
    subjects = held_subjects(level, claim)
    return subjects[0] if len(subjects) == 1 else f"{HELD_CERTIFICATE}-{lower}"


def _try_title(condition: HoldsTitle, case: Case) -> Trial:
    name = TITLE_NAMES[condition.title]
    stated = case.candidate.evidence.titles
    found = next((one for one in stated if one.title is condition.title), None)
    need = Bilingual(zh=f"需取得{name.zh}职称", en=f"needs the title {name.en}")
    if not stated:
        return _lacks(need.zh, need.en)
    if found is None:
        has = [TITLE_NAMES[one.title] for one in stated]
        return Trial(
            held=False,
            reason=Bilingual(
                zh=f"{need.zh}，所填为{'、'.join(one.zh for one in has)}",
                en=f"{need.en}, states {', '.join(one.en for one in has)}",
            ),
        )
    if not condition.worked_months:
        return Trial(held=True, reason=Bilingual(zh=f"{need.zh}，已填", en=f"{need.en}, states it"))
    need_zh, need_en = duration(condition.worked_months)
    since = Bilingual(
        zh=f"需取得{name.zh}职称后从事本专业工作满{need_zh}",
        en=f"needs {need_en} of work in the profession since the title {name.en}",
    )
    return _worked(since, condition.worked_months, _at_most(found.worked_months, found.obtained, case.on), (), case)


def _try_occupation(_: InOccupation, case: Case) -> Trial:
    evidence = case.candidate.evidence
    if evidence.engagement is None and not evidence.occupation_months:
        return _lacks("需从事或准备从事本职业", "needs to work in the occupation or to be about to")
    return Trial(held=True, reason=Bilingual(zh="从事或准备从事本职业", en="works in the occupation or is about to"))


def _try_hours_certificate(_: HasHoursCertificate, case: Case) -> Trial:
    level = case.level.name
    need = Bilingual(zh=f"需{level.zh}学时证明", en=f"needs the certificate of hours of {level.en}")
    if case.level.code in case.hours:
        return Trial(held=True, reason=Bilingual(zh=f"{need.zh}，已核实", en=f"{need.en}, verified"))
    if case.candidate.evidence.hours_certificate is None:
        return _lacks(need.zh, need.en)
    return _judged(HOURS_CERTIFICATE, need, case)


def _try_training(_: CompletedTraining, case: Case) -> Trial:
    hours, attended = case.level.training_hours, case.candidate.evidence.attended_hours
    assert hours is not None  # the file was refused otherwise
    if attended is None:
        return _lacks(f"需完成培训{hours}学时", f"needs {hours} hours of training")
    return Trial(
        held=attended >= hours,
        reason=Bilingual(
            zh=f"需完成培训{hours}学时，所填为{attended}学时", en=f"needs {hours} hours of training, states {attended}"
        ),
    )


def _try_unit(_: RegisteredByUnit, case: Case) -> Trial:
    if case.candidate.evidence.unit is None:
        return _lacks("需由单位统一申报", "needs to be registered by a unit")
    return Trial(held=True, reason=Bilingual(zh="由单位统一申报", en="registered by a unit"))


def _try_one_level(_: OneLevelAtATime, case: Case) -> Trial:
    others = [level.name for level in case.programme.levels if level.code in case.applied - {case.level.code}]
    if not others:
        return Trial(held=True, reason=Bilingual(zh="没有同时申报其他等级", en="applies for no other level"))
    return Trial(
        held=False,
        reason=Bilingual(
            zh=f"每次只能申报一个等级，已申报{'、'.join(one.zh for one in others)}",
            en=f"one level at a time, has applied for {', '.join(one.en for one in others)}",
        ),
    )


def _try_award(_: WonAward, case: Case) -> Trial:
    if case.candidate.evidence.award is None:
        return _lacks("需填写获奖赛事、届次、赛项和名次", "needs contest, edition, event and rank")
    return Trial(held=True, reason=Bilingual(zh="获奖情况已填", en="the award is stated"))


def _try_judged(condition: Judged, case: Case) -> Trial:
    subject, evidence = condition.subject, case.candidate.evidence
    claimed = subject in evidence.claims or (subject == RELATED_MAJOR and evidence.major is not None)
    if condition.on_claim and not claimed and case.judged(subject) is None:
        return _lacks(f"需{condition.name.zh}", f"needs this: {condition.name.en}")
    return _judged(condition.subject, condition.name, case)


def _judged(subject: str, what: Bilingual, case: Case) -> Trial:
    match case.judged(subject):
        case None:
            return Trial(
                held=False,
                reason=Bilingual(zh=f"{what.zh}：待人工认定", en=f"{what.en}: a person has yet to judge it"),
                judge=subject,
            )
        case True:
            return Trial(held=True, reason=Bilingual(zh=f"{what.zh}：经认定属实", en=f"{what.en}: judged to hold"))
        case False:
            return Trial(held=False, reason=Bilingual(zh=f"{what.zh}：经认定不符", en=f"{what.en}: judged not to hold"))


# Each function takes the condition under which it stands; the type of the table cannot say so.
_TRIALS: Mapping[type[Condition], Callable[[Any, Case], Trial]] = {
    AgeAtLeast: _try_age,
    EducationAtLeast: _try_education,
    QualificationAmong: _try_qualification,
    WorkAtLeast: _try_work,
    HoldsLevel: _try_held,
    HoldsTitle: _try_title,
    InOccupation: _try_occupation,
    HasHoursCertificate: _try_hours_certificate,
    CompletedTraining: _try_training,
    RegisteredByUnit: _try_unit,
    OneLevelAtATime: _try_one_level,
    WonAward: _try_award,
    Judged: _try_judged,
}


def _lacks(need_zh: str, need_en: str) -> Trial:
    return Trial(held=False, reason=Bilingual(zh=f"{need_zh}，名册未填", en=f"{need_en}, none is stated"))


def _at_most(worked: int | None, since: date | None, on: date) -> int | None:
    if worked is None or since is None:
        return worked
    return min(worked, max(0, whole_months(since, on)))


def _either(names: list[Bilingual]) -> tuple[str, str]:
    last = names[-1]
    if len(names) == 1:
        return last.zh, last.en
    zh, en = "、".join(one.zh for one in names[:-1]), ", ".join(one.en for one in names[:-1])
    return f"{zh}或{last.zh}", f"{en} or {last.en}"


def duration(months: int) -> tuple[str, str]:
    """Write whole months as years and months, in Chinese and in English."""
    years, rest = divmod(months, 12)
    zh = (f"{years}年" if years or not rest else "") + (f"{rest}个月" if rest else "")
    en = [f"{years} year{'' if years == 1 else 's'}"] if years or not rest else []
    if rest:
        en.append(f"{rest} month{'' if rest == 1 else 's'}")
    return zh, " ".join(en)
