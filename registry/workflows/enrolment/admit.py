"""Admit: training bodies and applying units, and the way of those whom a unit registers.

1. a unit hands in a roster of its people: each application begins as `pre-registered` in the same transaction;
2. each further step is one transaction: order, reason and second person are checked on what is kept
   (`registry.enrolment.admission`);
3. until `admitted` nobody is seated and no score is taken.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from registry.access import require_named
from registry.enrolment import AdmissionState, AdmissionStep, AdmissionTrail
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal
from registry.ports import Clock
from registry.ports.storage import Store, UnitOfWork
from registry.ports.training import Organisation, OrganisationKind
from registry.programme import Bilingual

_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{1,31}", re.ASCII)
_LONGEST: Final = 120


class OrganisationMalformed(MalformedInput):
    """What is said of an organisation does not have its form."""

    code = "training/organisation"

    def __init__(self) -> None:
        super().__init__(
            "expected a code of 2 to 32 capital letters, digits and hyphens, two names and a contact of at most "
            f"{_LONGEST} printable characters, and a last day that is not before the first"
        )


class OrganisationThere(Conflict):
    """The code belongs to an organisation already."""

    code = "training/organisation-there"

    def __init__(self, named: str) -> None:
        self.named = named
        super().__init__(f"there is an organisation {named} already")


class OrganisationNotOpen(RuleRefusal):
    """The organisation is of another kind, or does not act on this day."""

    code = "training/organisation-not-open"

    def __init__(self, named: str, kind: OrganisationKind, on: date) -> None:
        self.named, self.kind, self.on = named, kind, on
        super().__init__(f"{named} is no {kind} on {on}")


class NotRegisteredByUnit(Conflict):
    """The application was not handed in by a unit: it has no steps."""

    code = "enrol/no-unit"

    def __init__(self, admission: str) -> None:
        self.admission = admission
        super().__init__(f"application {admission} was not registered by a unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A step that was taken."""

    admission: str
    trail: AdmissionTrail


def add_organisation(
    store: Store,
    clock: Clock,
    *,
    code: str,
    kind: OrganisationKind,
    name: Bilingual,
    contact: str,
    since: date | None,
    until: date | None,
    person: str,
) -> Organisation:
    """Keep a training body or an applying unit; without `since` it begins today.

    Raises OrganisationMalformed, OrganisationThere, PersonUnnamed.
    """
    now = clock.now()
    made = Organisation(
        code=code.strip().upper(),
        kind=kind,
        name=Bilingual(zh=name.zh.strip(), en=name.en.strip()),
        contact=contact.strip(),
        since=since or now.astimezone(CHINA_TIME).date(),
        until=until,
        made_by=require_named(person, "an organisation"),
        made_at=now,
    )
    texts = (made.name.zh, made.name.en, made.contact)
    if (
        not _CODE.fullmatch(made.code)
        or not all(one and len(one) <= _LONGEST and one.isprintable() for one in texts)
        or (until is not None and until < made.since)
    ):
        raise OrganisationMalformed
    with store.write() as unit:
        if any(one.code == made.code for one in unit.admissions.organisations()):
            raise OrganisationThere(made.code)
        unit.admissions.add_organisation(made)
        unit.journal.write(at=now, person=person, action="training.organisation", subject=made.code, kind=kind.value)
    return made


def end_organisation(store: Store, clock: Clock, code: str, *, until: date, person: str) -> Organisation:
    """Write down an organisation's last day. Raises NotHere, OrganisationMalformed, PersonUnnamed."""
    require_named(person, "an organisation")
    with store.write() as unit:
        if until < unit.admissions.organisation(code).since:
            raise OrganisationMalformed
        unit.admissions.end_organisation(code, until)
        unit.journal.write(
            at=clock.now(), person=person, action="training.organisation-end", subject=code, until=until.isoformat()
        )
        return unit.admissions.organisation(code)


def require_open(unit: UnitOfWork, code: str, kind: OrganisationKind, on: date) -> Organisation:
    """Give an organisation that may act on a day. Raises NotHere, OrganisationNotOpen."""
    found = unit.admissions.organisation(code)
    if found.kind is not kind or not found.is_open(on):
        raise OrganisationNotOpen(code, kind, on)
    return found


def pre_register(unit: UnitOfWork, clock: Clock, code: str, admissions: Sequence[str], *, person: str) -> None:
    """Begin the way of new applications that a unit handed in. Raises NotHere, OrganisationNotOpen, PersonUnnamed."""
    now = clock.now()
    require_open(unit, code, OrganisationKind.APPLYING_UNIT, now.astimezone(CHINA_TIME).date())
    first = AdmissionStep(state=AdmissionState.PRE_REGISTERED, unit=code, by=person, at=now)
    trail = AdmissionTrail().take(first, eligible=None)
    unit.admissions.add_steps([(one, trail) for one in admissions])


def take_step(
    store: Store, clock: Clock, admissions: Sequence[str], state: AdmissionState, *, reason: str | None, person: str
) -> list[Taken]:
    """Take one step with each of these applications, all or none.

    Raises NotHere, NotRegisteredByUnit, AdmissionOrder, AdmissionUndecided, AdmissionReasonMissing, FourEyes.
    """
    now = clock.now()
    taken: list[Taken] = []
    wanted = list(dict.fromkeys(admissions))
    with store.write() as unit:
        trails = unit.admissions.trails(wanted)
        for admission in wanted:
            application = unit.enrolments.application(admission)
            trail = trails.get(admission)
            if trail is None:
                raise NotRegisteredByUnit(admission)
            step = AdmissionStep(state=state, unit=trail.steps[0].unit, by=person, at=now, reason=reason)
            taken.append(Taken(admission=admission, trail=trail.take(step, eligible=application.eligible)))
        unit.admissions.add_steps([(one.admission, one.trail) for one in taken])
        for one in taken:
            unit.journal.write(
                at=now,
                person=person,
                action="enrol.step",
                subject=one.admission,
                state=state.value,
                place=len(one.trail.steps),
            )
    return taken
