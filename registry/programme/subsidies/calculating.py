"""What somebody is paid for a certificate: yes, no, or a person has to judge; with the rule and every reason.

1. the rule of the programme that covers the region on the day;
2. the level's figure, or that the rule leaves it to a local one;
3. what was paid before for the same occupation;
4. the conditions, of which any one suffices; where the list is open, a person judges what is not on it;
5. the amount: the figure and what the place adds, rounded once.

Every reason is given, whichever comes first; one no outweighs all, and a judgement that is missing every yes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from registry.kernel.errors import Missing
from registry.programme.examination import RoundingMode
from registry.programme.subsidies.model import ConditionKind, Fraction, SubsidyRule
from registry.programme.terms import Bilingual

_HUNDRED: Final = 100


class SubsidyRuleUnknown(Missing):
    """No rule is known for a programme, a level, a region or a day: nothing can be said, neither yes nor no."""

    code = "subsidy/unknown"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"no subsidy rule is known for {what}")


class Verdict(StrEnum):
    """What can be said."""

    YES = "yes"
    NO = "no"
    JUDGEMENT = "needs-judgement"
    """A person has to decide; what about, the reasons say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherCondition:
    """What a person judged of a condition that is not on the list."""

    met: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyQuestion:
    """Somebody with a certificate of a level, in a region, on a day."""

    programme: str
    level: str
    region: str
    on: date
    met: frozenset[ConditionKind] = frozenset()
    """Conditions of the list that are met; JUDGED stands in `other` instead."""
    paid: frozenset[str] = frozenset()
    """Levels of the same occupation that a subsidy was paid for before."""
    other: OtherCondition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyReason:
    """One finding: what it says for the verdict, why, and where that stands."""

    verdict: Verdict
    text: Bilingual
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyAnswer:
    """What somebody is paid, by which rule, and why."""

    verdict: Verdict
    fen: int | None
    """What is paid, or would be once a person agrees; None with a no, and where no figure is stated."""
    rule: SubsidyRule
    reasons: tuple[SubsidyReason, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """Every rule that is known."""

    all: tuple[SubsidyRule, ...]

    def of(self, programme: str, region: str, on: date) -> SubsidyRule:
        """Find the rule that holds. Raises SubsidyRuleUnknown, which names what is not known."""
        named = [one for one in self.all if one.programme == programme]
        if not named:
            raise SubsidyRuleUnknown(f"programme {programme[:40]}")
        there = [one for one in named if one.covers(region)]
        if not there:
            raise SubsidyRuleUnknown(f"{programme} in {region[:40]}")
        found = next((one for one in there if one.period.holds_on(on)), None)
        if found is None:
            raise SubsidyRuleUnknown(f"{programme} in {region[:40]} on {on}")
        return found


def calculate(rules: Rules, question: SubsidyQuestion) -> SubsidyAnswer:
    """Say what is paid, by which rule, and why. Raises SubsidyRuleUnknown."""
    rule = rules.of(question.programme, question.region, question.on)  # 1
    levels = [one.level for one in rule.amounts]
    for level in (question.level, *sorted(question.paid)):
        if level not in levels:
            raise SubsidyRuleUnknown(f"level {level[:16]} of {rule.programme} in {rule.id}")
    reasons = (*_figure(rule, question), *_paid(rule, question), *_conditions(rule, question))  # 2 to 4
    verdict = _weighed(one.verdict for one in reasons)
    fen = None if verdict is Verdict.NO else amount_in(rule, question.level, question.region)  # 5
    return SubsidyAnswer(verdict=verdict, fen=fen, rule=rule, reasons=reasons)


def amount_in(rule: SubsidyRule, level: str, region: str) -> int | None:
    """Give the fen that a rule pays for a level in a region; None = it states no figure."""
    stated = rule.amount(level)
    if stated is None or stated.fen is None:
        return None
    place = rule.place(region)
    return _rounded(stated.fen * (_HUNDRED + (0 if place is None else place.more_percent)), rule.fraction)


def _rounded(hundredths_of_fen: int, fraction: Fraction) -> int:
    unit = _HUNDRED * fraction.unit_fen
    units, left = divmod(hundredths_of_fen, unit)
    up = fraction.mode is RoundingMode.HALF_UP and 2 * left >= unit
    return (units + up) * fraction.unit_fen


def _weighed(verdicts: Iterable[Verdict]) -> Verdict:
    found = set(verdicts)
    return next(one for one in (Verdict.NO, Verdict.JUDGEMENT, Verdict.YES) if one in found)


def _figure(rule: SubsidyRule, question: SubsidyQuestion) -> list[SubsidyReason]:
    stated = rule.amount(question.level)
    assert stated is not None  # asked before
    if stated.fen is None:
        text = Bilingual(
            zh="来源没有写这一级的数额，由当地规定；请经办人按当地文件认定",
            en="The source states no figure for this level, it is set by local rule; a person applies the local one",
        )
        return [SubsidyReason(verdict=Verdict.JUDGEMENT, text=text, source=stated.source)]
    yuan = in_yuan(stated.fen)
    found = [
        SubsidyReason(
            verdict=Verdict.YES,
            text=Bilingual(zh=f"本级标准为{yuan}元", en=f"The figure of this level is {yuan} yuan"),
            source=stated.source,
        )
    ]
    place = rule.place(question.region)
    if place is not None and place.more_percent:
        text = Bilingual(
            zh=f"{place.name.zh}上浮{place.more_percent}%", en=f"{place.name.en} pays {place.more_percent} % more"
        )
        found.append(SubsidyReason(verdict=Verdict.YES, text=text, source=place.source))
    return found


def _paid(rule: SubsidyRule, question: SubsidyQuestion) -> list[SubsidyReason]:
    levels: list[str] = [one.level for one in rule.amounts]
    asked = levels.index(question.level)
    found = []
    if any(levels.index(level) > asked for level in question.paid if level in levels):
        found.append(SubsidyReason(verdict=Verdict.NO, text=rule.paid_before.text, source=rule.paid_before.source))
    if question.level in question.paid:
        text = Bilingual(
            zh="同一级别已领取过补贴；来源没有写能否再领，请经办人认定",
            en="A subsidy for the same level was paid before; the source does not say whether it is paid twice",
        )
        found.append(SubsidyReason(verdict=Verdict.JUDGEMENT, text=text, source=rule.paid_before.source))
    return found


def _conditions(rule: SubsidyRule, question: SubsidyQuestion) -> list[SubsidyReason]:
    met = [one for one in rule.conditions if one.kind in question.met and one.kind is not ConditionKind.JUDGED]
    if met:
        return [SubsidyReason(verdict=Verdict.YES, text=one.text, source=one.source) for one in met]
    judged = next((one for one in rule.conditions if one.kind is ConditionKind.JUDGED), None)
    if judged is None:
        text = Bilingual(zh="所列条件一项也不符合", en="None of the conditions is met")
        return [SubsidyReason(verdict=Verdict.NO, text=text, source=rule.conditions[0].source)]
    if question.other is None:
        text = Bilingual(
            zh="没有给出符合的所列条件；条件列举不全，其他情形由经办人写明理由认定",
            en="No condition of the list is given as met; the list is open: a person judges another, with a reason",
        )
        return [SubsidyReason(verdict=Verdict.JUDGEMENT, text=text, source=judged.source)]
    reason = question.other.reason
    if question.other.met:
        text = Bilingual(
            zh=f"经办人认定符合其他条件：{reason}", en=f"A person judged another condition as met: {reason}"
        )
        return [SubsidyReason(verdict=Verdict.YES, text=text, source=judged.source)]
    text = Bilingual(
        zh=f"所列条件均不符合，经办人认定也不符合其他条件：{reason}",
        en=f"No condition of the list is met, and a person judged that no other is: {reason}",
    )
    return [SubsidyReason(verdict=Verdict.NO, text=text, source=judged.source)]


def in_yuan(fen: int) -> str:
    """Write fen as yuan without a needless part: 240000 → `2400`, 240050 → `2400.50`."""
    yuan, left = divmod(fen, _HUNDRED)
    return f"{yuan}.{left:02d}" if left else str(yuan)
