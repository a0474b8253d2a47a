"""People whom a unit registers, taken through the steps that others take for them."""

from registry.enrolment import AdmissionState
from registry.kernel.calendar import CHINA_TIME
from registry.ports import Clock
from registry.ports.storage import Store
from registry.ports.training import OrganisationKind
from registry.programme import Bilingual
from registry.workflows.enrolment.admit import add_organisation, take_step


def unit_called(store: Store, clock: Clock, name: str) -> str:
    """Give the code of the unit of this name, made where there is none."""
    with store.read() as unit:
        there = [one.code for one in unit.admissions.organisations() if one.name.zh == name]
    if there:
        return there[0]
    return add_organisation(
        store,
        clock,
        code="UNIT-1",
        kind=OrganisationKind.APPLYING_UNIT,
        name=Bilingual(zh=name, en="Some Unit"),
        contact="0755-00000000",
        since=clock.now().astimezone(CHINA_TIME).date(),
        until=None,
        person="clerk-1",
    ).code


def step_all(store: Store, clock: Clock, state: AdmissionState, by: str, *, eligible: bool | None = None) -> None:
    """Take a step with everybody whom a unit registered, or with those decided so."""
    with store.read() as unit:
        every = [one.admission for one in unit.enrolments.applications(eligible=eligible)]
        waiting = [one for one, trail in unit.admissions.trails(every).items() if trail.state is not state]
    take_step(store, clock, waiting, state, reason=None, person=by)


def admit_all(store: Store, clock: Clock) -> None:
    """Take everybody who is eligible from the fee to the examination."""
    step_all(store, clock, AdmissionState.FEE_PAID, "clerk-1", eligible=True)
    step_all(store, clock, AdmissionState.DOCUMENTS, "clerk-1", eligible=True)
    step_all(store, clock, AdmissionState.ADMITTED, "reviewer-1", eligible=True)
