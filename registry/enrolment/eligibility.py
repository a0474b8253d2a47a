"""May this candidate sit this level? Each rule tried, whether it held, and why.

1. try every condition of every rule of the level, none is left out because another one decided already;
2. a rule holds when all its conditions do; the candidate is eligible when any rule holds;
3. the rule that is named is the first by its id, and findings stand in the order of ids, so that nothing depends on the
   order in which a programme file lists its rules.
What is not stated in the roster does not hold; nothing is presumed in a candidate's favour.
"""

from calendar import monthrange
from collections.abc import Set
from dataclasses import dataclass
from datetime import date

from registry.enrolment.model import Candidate
from registry.kernel.identifiers import Digest
from registry.programme import (
    EDUCATION_NAMES,
    AgeAtLeast,
    Bilingual,
    Condition,
    EducationAtLeast,
    EligibilityRule,
    HoldsLevel,
    Level,
    LevelCode,
    Programme,
    ProgrammeUnknown,
    WorkAtLeast,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of one condition of one rule."""

    rule: str
    condition: str
    """Kind of the condition as in the programme file: `age-at-least`; `open` where a rule has no condition."""
    held: bool
    reason: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer for one candidate and one level on one day."""

    eligible: bool
    level: LevelCode
    on: date
    programme_digest: Digest
    """The version whose rules were tried."""
    rule: str | None
    """The rule that let the candidate in; the first by id where several do."""
    rules_held: tuple[str, ...]
    findings: tuple[Finding, ...]
    """One for each condition of each rule of the level, in the order of rule ids."""


def decide(
    candidate: Candidate,
    programme: Programme,
    level: str,
    *,
    on: date,
    held: Set[LevelCode] = frozenset(),
) -> Decision:
    """Decide on `on` whether `candidate` may sit `level`. Raises ProgrammeUnknown where there is no such level.

    `held`: the levels of this programme that the candidate was *verified* to hold; what a roster claims does not count.
    """
    target = programme.level(level)
    if target is None:
        raise ProgrammeUnknown(f"{programme.code}/{level}")
    rules = sorted(target.rules, key=lambda rule: rule.id)
    case = _Case(candidate=candidate, programme=programme, on=on, held=held)
    findings = [finding for rule in rules for finding in _try_rule(rule, case)]  # 1
    failed = {finding.rule for finding in findings if not finding.held}
    rules_held = tuple(rule.id for rule in rules if rule.id not in failed)  # 2
    return Decision(
        eligible=bool(rules_held),
        level=target.code,
        on=on,
        programme_digest=programme.digest,
        rule=rules_held[0] if rules_held else None,  # 3
        rules_held=rules_held,
        findings=tuple(findings),
    )


def anniversary(birth_date: date, years: int) -> date:
    """Give the day on which `years` of life are completed.

    Born on 29 February: in a year without that day it is 28 February, the month's last (Civil Code, article 202).
    """
    year = birth_date.year + years
    return date(year, birth_date.month, min(birth_date.day, monthrange(year, birth_date.month)[1]))


def age(birth_date: date, on: date) -> int:
    """Count the completed years of life (周岁) at the beginning of the day `on`; the birthday itself counts."""
    years = on.year - birth_date.year
    return years if anniversary(birth_date, years) <= on else years - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What the conditions are tried on."""

    candidate: Candidate
    programme: Programme
    on: date
    held: Set[LevelCode]


def _try_rule(rule: EligibilityRule, case: _Case) -> list[Finding]:
    if not rule.conditions:
        reason = Bilingual(zh="面向所有人，不设条件", en="open to everyone")
        return [Finding(rule=rule.id, condition="open", held=True, reason=reason)]
    return [_try_condition(rule.id, condition, case) for condition in rule.conditions]


def _try_condition(rule: str, condition: Condition, case: _Case) -> Finding:
    candidate = case.candidate
    match condition:
        case AgeAtLeast(years=years):
            kind, (good, reason) = "age-at-least", _try_age(years, candidate.birth_date, case.on)
        case EducationAtLeast():
            kind, (good, reason) = "education-at-least", _try_education(condition, candidate)
        case WorkAtLeast(months=months):
            kind, (good, reason) = "work-at-least", _try_work(months, candidate.work_months)
        case HoldsLevel(level=code):
            lower = case.programme.level(code)
            assert lower is not None  # the file was refused otherwise
            kind, (good, reason) = "holds-level", _try_held(lower, candidate, case.held)
    return Finding(rule=rule, condition=kind, held=good, reason=reason)


def _try_age(years: int, birth_date: date, on: date) -> tuple[bool, Bilingual]:
    completed = age(birth_date, on)
    return completed >= years, Bilingual(
        zh=f"需年满{years}周岁，{on.isoformat()}时为{completed}周岁",
        en=f"needs to be {years} or over, is {completed} on {on.isoformat()}",
    )


def _try_education(condition: EducationAtLeast, candidate: Candidate) -> tuple[bool, Bilingual]:
    need = EDUCATION_NAMES[condition.education]
    if candidate.education is None:
        return False, Bilingual(zh=f"需{need.zh}及以上学历，名册未填", en=f"needs {need.en} or above, none is stated")
    has = EDUCATION_NAMES[candidate.education]
    return candidate.education.rank >= condition.education.rank, Bilingual(
        zh=f"需{need.zh}及以上学历，所填为{has.zh}", en=f"needs {need.en} or above, states {has.en}"
    )


def _try_work(months: int, worked: int | None) -> tuple[bool, Bilingual]:
    need_zh, need_en = _duration(months)
    if worked is None:
        return False, Bilingual(zh=f"需工作满{need_zh}，名册未填", en=f"needs {need_en} of work, none is stated")
    has_zh, has_en = _duration(worked)
    return worked >= months, Bilingual(
        zh=f"需工作满{need_zh}，所填为{has_zh}", en=f"needs {need_en} of work, states {has_en}"
    )


def _try_held(lower: Level, candidate: Candidate, held: Set[LevelCode]) -> tuple[bool, Bilingual]:
    if lower.code in held:
        return True, Bilingual(
            zh=f"需持有{lower.name.zh}证书，已核实", en=f"needs the {lower.name.en} certificate, verified"
        )
    if candidate.held is not None:
        return False, Bilingual(
            zh=f"需持有{lower.name.zh}证书，所填证书未能核实为该级别",
            en=f"needs the {lower.name.en} certificate, the one stated was not verified to be it",
        )
    return False, Bilingual(
        zh=f"需持有{lower.name.zh}证书，名册未填", en=f"needs the {lower.name.en} certificate, none is stated"
    )


def _duration(months: int) -> tuple[str, str]:
    years, rest = divmod(months, 12)
    zh = (f"{years}年" if years or not rest else "") + (f"{rest}个月" if rest else "")
    en = [f"{years} year{'' if years == 1 else 's'}"] if years or not rest else []
    if rest:
        en.append(f"{rest} month{'' if rest == 1 else 's'}")
    return zh, " ".join(en)
