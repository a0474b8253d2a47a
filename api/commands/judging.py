"""What people judge of applications: entered by one, confirmed by another; and refusals that two people override."""

from typing import Annotated

import typer

from api.commands.options import HomeOption, JsonOption, PersonOption, person
from api.terminal import OUT, next_command, print_json, print_table, said
from api.wiring import Home
from registry.ports.enrolments import JudgedByPerson
from registry.ports.storage import NotHere
from registry.programme import OVERRIDE
from registry.workflows.enrolment.judge import confirm_judgement, judge_application, open_applications, override_refusal

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept encrypted with the application.")]
AdmissionArgument = Annotated[str, typer.Argument(help="Admission number.")]


def to_judge(
    roster: Annotated[str | None, typer.Option("--roster", help="Only this roster.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what a person must judge, and what was judged and waits for its second person; names are not shown."""
    found = Home.find(home)
    with found.store.read() as unit:
        if roster is not None and roster not in {one.id for one in unit.enrolments.rosters()}:
            raise NotHere("roster", roster)
        waiting = unit.judgements.judgements(waiting=True)
        if roster is not None:
            here = {one.admission for one in unit.enrolments.applications(roster=roster)}
            waiting = [one for one in waiting if one.admission in here]
    rows = open_applications(found.store, found.clock, found.catalogue, found.issuer, roster=roster)
    if as_json:
        print_json(
            {
                "open": [{"admission": admission, "subjects": list(subjects)} for admission, subjects in rows],
                "waiting": [_document(one) for one in waiting],
            }
        )
        return
    if not rows and not waiting:
        OUT.print(said("没有待认定的报名", "nothing waits to be judged"))
        return
    if rows:
        print_table(
            [said("准考证号", "admission"), said("待认定", "to judge")],
            [[admission, ", ".join(subjects)] for admission, subjects in rows],
        )
    if waiting:
        print_table(
            [
                said("待复核", "waits for a second person"),
                said("准考证号", "admission"),
                said("事项", "subject"),
                said("结论", "judged"),
                said("认定人", "by"),
            ],
            [[one.id, one.admission, one.subject, _answer(one), one.entered_by] for one in waiting],
        )


def judge(
    admission: AdmissionArgument,
    subject: Annotated[str, typer.Argument(help="What is judged, such as related-major.")],
    reason: ReasonOption,
    holds: Annotated[bool, typer.Option("--holds/--fails", help="Whether it holds.")] = True,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter what a person judged where no machine can know; it counts once another person confirms it."""
    found = Home.find(home)
    judged = judge_application(
        found.store,
        found.clock,
        found.catalogue,
        admission,
        subject=subject,
        favourable=holds,
        reason=reason,
        person=person(by),
    )
    _print_entered(judged, as_json=as_json)


def override(
    admission: AdmissionArgument,
    reason: ReasonOption,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask that a refused candidate is admitted all the same; it counts once another person confirms it."""
    found = Home.find(home)
    judged = override_refusal(found.store, found.clock, admission, reason=reason, person=person(by))
    _print_entered(judged, as_json=as_json)


def confirm(
    judgement: Annotated[str, typer.Argument(help="Name of the judgement or override: J-2026-11-0001.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm, as the second person, what another has judged or asked to override."""
    found = Home.find(home)
    judged = confirm_judgement(found.store, found.clock, judgement, person=person(by))
    if as_json:
        print_json(_document(judged))
        return
    if judged.subject == OVERRIDE:
        OUT.print(said(f"{judged.admission}：已特批准入", f"{judged.admission}: admitted against the rules"))
        return
    OUT.print(said(f"{judged.admission}：认定已生效", f"{judged.admission}: the judgement counts"))
    next_command("vermilion enrol decide --as NAME")


def _print_entered(judged: JudgedByPerson, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(judged))
        return
    OUT.print(
        said(
            f"{judged.id}：{judged.admission}的认定已记录，另一人复核后生效",
            f"{judged.id}: kept for {judged.admission}; it counts once another person confirms it",
        )
    )
    next_command(f"vermilion enrol confirm-judgement {judged.id} --as SOMEBODY-ELSE")


def _answer(one: JudgedByPerson) -> str:
    if one.subject == OVERRIDE:
        return said("准入", "admit")
    return said("属实", "holds") if one.favourable else said("不符", "fails")


def _document(one: JudgedByPerson) -> dict[str, str | bool | None]:
    return {
        "judgement": one.id,
        "admission": one.admission,
        "subject": one.subject,
        "holds": one.favourable,
        "enteredBy": one.entered_by,
        "confirmedBy": one.confirmed_by,
    }
