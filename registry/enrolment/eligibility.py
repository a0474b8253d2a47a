"""May this candidate sit this level? Each rule tried, whether it held, and why.

1. try every condition of every requirement and rule of the level, none is left out because another one decided already;
2. a requirement or rule holds when all its conditions do; the candidate is eligible when every requirement holds and
   any rule does;
3. where that fails only for what a person has yet to judge, the decision is open, and names what to judge;
4. the rule that is named is the first by its id, and findings stand in the order of ids, requirements first, so that
   nothing depends on the order in which a programme file lists them.
What is not stated in the roster does not hold; nothing is presumed in a candidate's favour.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from registry.enrolment.model import Candidate
from registry.enrolment.trying import Case, try_condition
from registry.kernel.identifiers import Digest
from registry.programme import (
    CONDITION_KINDS,
    Bilingual,
    CompletedTraining,
    EligibilityRule,
    Level,
    LevelCode,
    Programme,
    ProgrammeUnknown,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of one condition of one rule."""

    rule: str
    condition: str
    """Kind of the condition as in the programme file: `age-at-least`; `open` where a rule has no condition."""
    held: bool
    reason: Bilingual
    judge: str | None = None
    """What a person has yet to judge before this can hold; None where nothing is open."""


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
    """Rules whose conditions all hold, whatever the requirements."""
    findings: tuple[Finding, ...]
    """One for each condition of each requirement and rule of the level, in the order of ids, requirements first."""
    to_judge: tuple[str, ...] = ()
    """What a person must judge before the answer can be a no, in order; empty where the decision is not open."""

    @property
    def open(self) -> bool:
        """Whether the candidate would be eligible if a person judged so."""
        return bool(self.to_judge)


def decide(
    candidate: Candidate,
    programme: Programme,
    level: str,
    *,
    on: date,
    held: Set[LevelCode] = frozenset(),
    obtained: Mapping[LevelCode, date] = MappingProxyType({}),
    hours: Set[LevelCode] = frozenset(),
    applied: Set[LevelCode] = frozenset(),
) -> Decision:
    """Decide on `on` whether `candidate` may sit `level`. Raises ProgrammeUnknown where there is no such level.

    `held`: the levels of this programme that the candidate was *verified* to hold; what a roster claims does not count.
    `obtained`: when, where that is known. `hours`: the levels whose certificate of hours was verified.
    `applied`: the levels for which another application of the same person is open.
    """
    target = programme.level(level)
    if target is None:
        raise ProgrammeUnknown(f"{programme.code}/{level}")
    case = Case(
        candidate=candidate,
        programme=programme,
        level=target,
        on=on,
        held=held,
        obtained=obtained,
        hours=hours,
        applied=applied,
    )
    required_of_all = (*target.requirements, *_after_training(programme, target))
    requirements, rules = ([_try_rule(one, case) for one in _by_id(of)] for of in (required_of_all, target.rules))
    required = [finding for findings in requirements for finding in findings]  # 1
    rules_held = tuple(findings[0].rule for findings in rules if all(one.held for one in findings))  # 2
    eligible = bool(rules_held) and all(one.held for one in required)
    ways = [] if eligible else [way for way in rules if all(one.held or one.judge for one in (*required, *way))]
    to_judge = sorted({one.judge for way in ways for one in (*required, *way) if one.judge is not None})  # 3
    return Decision(
        eligible=eligible,
        level=target.code,
        on=on,
        programme_digest=programme.digest,
        rule=rules_held[0] if eligible else None,  # 4
        rules_held=rules_held,
        findings=(*required, *(finding for findings in rules for finding in findings)),
        to_judge=tuple(to_judge),
    )


def _after_training(programme: Programme, level: Level) -> tuple[EligibilityRule, ...]:
    """Require the training of the level, where the certificate states that its holder has completed it."""
    rules = programme.certificate
    if rules is None or not rules.after_training or level.training_hours is None:
        return ()
    text = Bilingual(zh="完成该级别的培训", en="has completed the training of the level")
    return (EligibilityRule(id="after-training", text=text, conditions=(CompletedTraining(),), source=rules.source),)


def _by_id(rules: tuple[EligibilityRule, ...]) -> list[EligibilityRule]:
    return sorted(rules, key=lambda rule: rule.id)


def _try_rule(rule: EligibilityRule, case: Case) -> list[Finding]:
    if not rule.conditions:
        reason = Bilingual(zh="面向所有人，不设条件", en="open to everyone")
        return [Finding(rule=rule.id, condition="open", held=True, reason=reason)]
    trials = [(condition, try_condition(condition, case)) for condition in rule.conditions]
    return [
        Finding(
            rule=rule.id,
            condition=CONDITION_KINDS[type(condition)],
            held=trial.held,
            reason=trial.reason,
            judge=trial.judge,
        )
        for condition, trial in trials
    ]
