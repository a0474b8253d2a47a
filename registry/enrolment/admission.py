"""Admission (报名审核) of who is registered by a unit: one step at a time, each written down and never taken back.

| state | what may follow | what a crash loses |
|---|---|---|
| `pre-registered` | first review passed or returned (by another person); withdrawn | nothing: one transaction |
| `first-review-returned` | pre-registered again (by another person than who returned it); withdrawn | nothing |
| `first-review-passed` | fee paid, once the application was decided eligible; withdrawn, refused | nothing |
| `fee-paid` | documents handed in; withdrawn, refused | nothing |
| `documents-handed-in` | admitted or refused (by another person than who registered); withdrawn | nothing |
| `admitted`, `withdrawn`, `refused` | nothing more | nothing |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from registry.access import require_named, require_second_person
from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal
from registry.programme import Bilingual

LONGEST_REASON: Final = 500


class AdmissionState(StrEnum):
    """Where somebody who is registered by a unit stands; the step that led there has the same word."""

    PRE_REGISTERED = "pre-registered"  # 预报名
    REVIEWED = "first-review-passed"  # 初审通过
    RETURNED = "first-review-returned"  # 初审退回
    FEE_PAID = "fee-paid"  # 已缴费
    DOCUMENTS = "documents-handed-in"  # 已交材料
    ADMITTED = "admitted"  # 准予考试
    WITHDRAWN = "withdrawn"  # 撤回
    REFUSED = "refused"  # 不予受理


STATE_NAMES: Final[Mapping[AdmissionState, Bilingual]] = MappingProxyType(
    {
        AdmissionState.PRE_REGISTERED: Bilingual(zh="预报名", en="pre-registered"),
        AdmissionState.REVIEWED: Bilingual(zh="初审通过", en="first review passed"),
        AdmissionState.RETURNED: Bilingual(zh="初审退回", en="first review returned"),
        AdmissionState.FEE_PAID: Bilingual(zh="已缴费", en="fee paid"),
        AdmissionState.DOCUMENTS: Bilingual(zh="已交材料", en="documents handed in"),
        AdmissionState.ADMITTED: Bilingual(zh="准予考试", en="admitted"),
        AdmissionState.WITHDRAWN: Bilingual(zh="已撤回", en="withdrawn"),
        AdmissionState.REFUSED: Bilingual(zh="不予受理", en="refused"),
    }
)
"""The words for pages and commands."""

TRANSITIONS: Final[Mapping[AdmissionState | None, frozenset[AdmissionState]]] = MappingProxyType(
    {
        None: frozenset({AdmissionState.PRE_REGISTERED}),
        AdmissionState.PRE_REGISTERED: frozenset(
            {AdmissionState.REVIEWED, AdmissionState.RETURNED, AdmissionState.WITHDRAWN}
        ),
        AdmissionState.RETURNED: frozenset({AdmissionState.PRE_REGISTERED, AdmissionState.WITHDRAWN}),
        AdmissionState.REVIEWED: frozenset({AdmissionState.FEE_PAID, AdmissionState.WITHDRAWN, AdmissionState.REFUSED}),
        AdmissionState.FEE_PAID: frozenset(
            {AdmissionState.DOCUMENTS, AdmissionState.WITHDRAWN, AdmissionState.REFUSED}
        ),
        AdmissionState.DOCUMENTS: frozenset(
            {AdmissionState.ADMITTED, AdmissionState.WITHDRAWN, AdmissionState.REFUSED}
        ),
        AdmissionState.ADMITTED: frozenset(),
        AdmissionState.WITHDRAWN: frozenset(),
        AdmissionState.REFUSED: frozenset(),
    }
)
"""What may follow what; None = nothing has happened yet."""
WITH_REASON: Final = frozenset({AdmissionState.RETURNED, AdmissionState.WITHDRAWN, AdmissionState.REFUSED})
"""Steps that say why."""
BY_ANOTHER: Final = frozenset(
    {AdmissionState.REVIEWED, AdmissionState.RETURNED, AdmissionState.ADMITTED, AdmissionState.REFUSED}
)
"""Steps that nobody takes who registered the same candidate; and who took one registers that candidate no more."""
AFTER_DECISION: Final = frozenset({AdmissionState.FEE_PAID, AdmissionState.DOCUMENTS, AdmissionState.ADMITTED})
"""Steps for those alone whose application was decided eligible."""
ENDED: Final = frozenset({AdmissionState.WITHDRAWN, AdmissionState.REFUSED})
"""States in which the application is over without an examination."""


class AdmissionOrder(Conflict):
    """A step does not follow the one that was taken last."""

    code = "enrol/admission-order"

    def __init__(self, state: AdmissionState | None, wanted: AdmissionState) -> None:
        self.state, self.wanted, self.following = state, wanted, tuple(sorted(TRANSITIONS[state]))
        following = ", ".join(self.following) or "nothing"
        super().__init__(f"after {state or 'the beginning'} may come {following}, not {wanted}")


class AdmissionUndecided(RuleRefusal):
    """A step is for those alone who were decided eligible."""

    code = "enrol/admission-undecided"

    def __init__(self, wanted: AdmissionState) -> None:
        self.wanted = wanted
        super().__init__(f"{wanted} comes after the decision that the candidate is eligible")


class AdmissionReasonMissing(MalformedInput):
    """A step that says why has no reason, or a reason that is not one line of text."""

    code = "enrol/admission-reason"

    def __init__(self) -> None:
        super().__init__(f"expected a reason of 1 to {LONGEST_REASON} printable characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionStep:
    """One step that was taken."""

    state: AdmissionState
    unit: str
    """Code of the applying unit."""
    by: str
    """The account."""
    at: datetime
    reason: str | None = field(default=None, repr=False)
    """Of steps that say why; None also where the candidate was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionTrail:
    """All steps of one application, the first one first."""

    steps: tuple[AdmissionStep, ...] = ()

    @property
    def state(self) -> AdmissionState | None:
        """Where it stands; None = nothing has happened yet."""
        return self.steps[-1].state if self.steps else None

    def take(self, step: AdmissionStep, *, eligible: bool | None) -> "AdmissionTrail":
        """Add a step. `eligible`: what was decided of the application; None = nothing yet.

        Raises AdmissionOrder, AdmissionUndecided, AdmissionReasonMissing, FourEyes, PersonUnnamed.
        """
        if step.state not in TRANSITIONS[self.state]:
            raise AdmissionOrder(self.state, step.state)
        require_named(step.by, "a step of an admission")
        for earlier in self.steps:
            if step.state in BY_ANOTHER and earlier.state is AdmissionState.PRE_REGISTERED:
                require_second_person(earlier.by, step.by, "reviewing who one registered")
            if step.state is AdmissionState.PRE_REGISTERED and earlier.state in BY_ANOTHER:
                require_second_person(earlier.by, step.by, "registering anew who one returned")
        if step.state in AFTER_DECISION and eligible is not True:
            raise AdmissionUndecided(step.state)
        reason = (step.reason or "").strip()
        if step.state in WITH_REASON and not reason:
            raise AdmissionReasonMissing
        if len(reason) > LONGEST_REASON or not reason.isprintable():
            raise AdmissionReasonMissing
        return replace(self, steps=(*self.steps, replace(step, reason=reason or None)))
