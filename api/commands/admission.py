"""`vermilion enrol step` and `enrol steps`: the way of those whom a unit registers."""

from typing import Annotated, Any

import typer

from api.commands.options import HomeOption, JsonOption, PersonOption, person
from api.terminal import OUT, moment, note, print_json, print_table, said
from api.wiring import Home
from registry.enrolment import STATE_NAMES, TRANSITIONS, AdmissionState, AdmissionTrail
from registry.workflows.enrolment.admit import NotRegisteredByUnit, take_step


def step(
    state: Annotated[str, typer.Argument(help=f"The step that was taken: {', '.join(AdmissionState)}.")],
    admissions: Annotated[list[str] | None, typer.Argument(help="Admission numbers.")] = None,
    roster: Annotated[str | None, typer.Option("--roster", help="Everybody of this roster.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; of a return, a withdrawal, a refusal.")] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a step with everybody named, all or none. The first review is another person's than who registered."""
    if state not in list(AdmissionState):
        raise typer.BadParameter(said(f"应为{'、'.join(AdmissionState)}", f"expected {', '.join(AdmissionState)}"))
    chosen, found = AdmissionState(state), Home.find(home)
    wanted = admissions_of(found, admissions, roster)
    taken = take_step(found.store, found.clock, wanted, chosen, reason=reason, person=person(by))
    if as_json:
        print_json(
            [{"admission": one.admission, "state": chosen.value, "steps": len(one.trail.steps)} for one in taken]
        )
        return
    name = STATE_NAMES[chosen]
    OUT.print(said(f"{len(taken)}人：{name.zh}", f"{len(taken)}: {name.en}"))
    following = ", ".join(sorted(TRANSITIONS[chosen]))
    if following:
        note(said(f"之后可以：{following}", f"may follow: {following}"))


def steps(
    admission: Annotated[str, typer.Argument(help="Admission number.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every step of an application that a unit registered: what, who, when, why."""
    with Home.find(home).store.read() as unit:
        unit.enrolments.application(admission)
        trail = unit.admissions.trails([admission]).get(admission)
    if trail is None:
        raise NotRegisteredByUnit(admission)
    if as_json:
        print_json(_documents(trail))
        return
    print_table(
        [said("步骤", "step"), said("经办", "by"), said("时间", "at"), said("原因", "reason")],
        [
            [said(STATE_NAMES[one.state].zh, STATE_NAMES[one.state].en), one.by, moment(one.at), one.reason or "–"]
            for one in trail.steps
        ],
    )


def admissions_of(home: Home, typed: list[str] | None, roster: str | None) -> list[str]:
    """List admission numbers that were typed, and those of a roster that was named. Raises NotHere."""
    wanted = list(typed or [])
    if roster is not None:
        with home.store.read() as unit:
            unit.enrolments.roster(roster)
            wanted += [one.admission for one in unit.enrolments.applications(roster=roster)]
    return wanted


def _documents(trail: AdmissionTrail) -> list[dict[str, Any]]:
    return [
        {
            "state": one.state.value,
            "unit": one.unit,
            "by": one.by,
            "at": one.at.isoformat(),
            "reason": one.reason,
        }
        for one in trail.steps
    ]
