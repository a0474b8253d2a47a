"""Reading what lets a candidate in: rules, requirements and their conditions."""

import re
from collections.abc import Callable, Mapping

from registry.programme.conditions import (
    CONDITION_KINDS,
    OVERRIDE,
    AgeAtLeast,
    CompletedTraining,
    Condition,
    Degree,
    Education,
    EducationAtLeast,
    EligibilityRule,
    HasHoursCertificate,
    HoldsLevel,
    HoldsTitle,
    InOccupation,
    Judged,
    OneLevelAtATime,
    QualificationAmong,
    RegisteredByUnit,
    Title,
    WonAward,
    WorkAtLeast,
    WorkProof,
)
from registry.programme.keys import SLUG, Table
from registry.programme.terms import LevelCode, StatedBy

LEVEL = re.compile(r"[A-Z0-9]{1,16}|-")
"""Codes of levels."""
RULE_ID = re.compile(r"(?:[A-Z0-9]{1,16}|-)[a-z]?")
"""Ids of rules: the level's code and a letter."""

_MOST_MONTHS = 600


def read_rule(table: Table, form: re.Pattern[str] = RULE_ID) -> EligibilityRule:
    """Read one rule, or with another form of id one requirement."""
    # a rule that is open to everyone says so with an empty list, never by leaving the key out
    if not table.has("conditions"):
        table.fault("conditions", "missing: expected a list of tables (empty = open to everyone)")
    conditions = table.each("conditions", _condition)
    return EligibilityRule(
        id=table.text("id", form),
        text=table.bilingual("text"),
        conditions=tuple(condition for condition in conditions if condition is not None),
        source=table.bilingual("source"),
        stated_by=table.optional_choice("stated_by", StatedBy, StatedBy.SOURCE),
    )


def _condition(table: Table) -> Condition | None:
    read = _KINDS.get(table.text("kind"))
    if read is None:
        table.fault("kind", f"expected one of {', '.join(_KINDS)}")
        table.leave()
        return None
    return read(table)


def _holds_level(table: Table) -> Condition:
    return HoldsLevel(
        level=LevelCode(table.text("level", LEVEL)),
        worked_months=table.optional_integer("worked_months", 1, _MOST_MONTHS) or 0,
        proofs=table.choices("proofs", WorkProof),
    )


def _education_at_least(table: Table) -> Condition:
    return EducationAtLeast(education=table.choice("education", Education), final_year=table.flag("final_year"))


def _qualification_among(table: Table) -> Condition:
    found = QualificationAmong(
        educations=table.choices("educations", Education), degrees=table.choices("degrees", Degree)
    )
    if not found.educations and not found.degrees:
        table.fault("educations", "expected at least one education or degree")
    return found


def _work_at_least(table: Table) -> Condition:
    return WorkAtLeast(
        months=table.integer("months", 1, _MOST_MONTHS),
        in_occupation=table.flag("in_occupation"),
        proofs=table.choices("proofs", WorkProof),
    )


def _holds_title(table: Table) -> Condition:
    return HoldsTitle(
        title=table.choice("title", Title),
        worked_months=table.optional_integer("worked_months", 1, _MOST_MONTHS) or 0,
    )


def _judged(table: Table) -> Condition:
    subject = table.text("subject", SLUG)
    if subject == OVERRIDE:
        table.fault("subject", f"expected another word: {OVERRIDE} is what admits against every rule")
    return Judged(subject=subject, name=table.bilingual("name"), on_claim=table.flag("on_claim"))


_READERS: Mapping[type[Condition], Callable[[Table], Condition]] = {
    HoldsLevel: _holds_level,
    AgeAtLeast: lambda table: AgeAtLeast(years=table.integer("years", 1, 120)),
    EducationAtLeast: _education_at_least,
    QualificationAmong: _qualification_among,
    WorkAtLeast: _work_at_least,
    HoldsTitle: _holds_title,
    InOccupation: lambda _: InOccupation(),
    HasHoursCertificate: lambda _: HasHoursCertificate(),
    CompletedTraining: lambda _: CompletedTraining(),
    RegisteredByUnit: lambda _: RegisteredByUnit(),
    OneLevelAtATime: lambda _: OneLevelAtATime(),
    WonAward: lambda _: WonAward(),
    Judged: _judged,
}
_KINDS = {word: _READERS[kind] for kind, word in CONDITION_KINDS.items()}
