"""What people judge of a candidate: entered by one reviewer, confirmed by another; and refusals that two override."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import Desk, onward, same_person, shown_moment
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action
from registry.enrolment import HELD_CERTIFICATE, HOURS_CERTIFICATE, held_subjects
from registry.kernel.calendar import CHINA_TIME
from registry.ports.enrolments import JudgedByPerson
from registry.ports.storage import Application, UnitOfWork
from registry.programme import OVERRIDE, Judged, Programme
from registry.workflows.enrolment.judge import confirm_judgement, judge_application, override_refusal
from registry.workflows.enrolment.own_records import OwnRecords

router = APIRouter(include_in_schema=False)
Judge = Annotated[Visit, Depends(allowed(Action.JUDGE))]
Overrider = Annotated[Visit, Depends(allowed(Action.OVERRIDE))]
Confirmer = Annotated[Visit, Depends(allowed(Action.CONFIRM_JUDGEMENT))]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectView:
    """Something that a person may judge of a candidate."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementView:
    """What somebody judged."""

    id: str
    subject: str
    answer: str
    """`holds`, `fails` or `admit`."""
    reason: str
    entered_by: str
    entered_at: str
    confirmed_by: str
    """Empty while it waits for a second person."""
    own: bool
    """Entered by who reads this."""
    newest: bool
    """Nothing newer was judged on the same thing."""


def judgements_of(
    request: Request, visit: Visit, unit: UnitOfWork, programme: Programme, one: Application
) -> list[JudgementView]:
    """Say what was judged of a candidate, in the order of entry."""
    names = _names(request, programme)
    found = unit.judgements.judgements(one.admission)
    newest = {judged.subject: judged.id for judged in found}
    return [
        JudgementView(
            id=judged.id,
            subject=names.get(judged.subject, judged.subject),
            answer=_answer(judged),
            reason=judged.reason or "",
            entered_by=judged.entered_by,
            entered_at=shown_moment(judged.entered_at),
            confirmed_by=judged.confirmed_by or "",
            own=same_person(judged.entered_by, visit),
            newest=newest[judged.subject] == judged.id,
        )
        for judged in found
    ]


def subjects_to_judge(
    request: Request, desk: ConsoleDesk, unit: UnitOfWork, programme: Programme, one: Application
) -> list[SubjectView]:
    """Say what a person has to judge of a candidate who is not decided, and documents of others that may be seen."""
    if one.eligible is not None:
        return []
    today = desk.clock.now().astimezone(CHINA_TIME).date()
    decision = OwnRecords(unit, desk.issuer, [one]).decide(one, programme, on=today)
    subjects, level = list(decision.to_judge), programme.level(one.level)
    if one.candidate.held is not None and level is not None:
        subjects += held_subjects(level, one.candidate.held)
    names = _names(request, programme)
    return [SubjectView(code=code, name=names.get(code, code)) for code in dict.fromkeys(subjects)]


def _names(request: Request, programme: Programme) -> dict[str, str]:
    words = words_of(request)
    names = {code: words.text(f"judging.{code}") for code in (HELD_CERTIFICATE, HOURS_CERTIFICATE, OVERRIDE)}
    for level in programme.levels:
        of_level = f"：{level.name.zh}" if words.language == "zh" else f": {level.name.en}"
        names[f"{HELD_CERTIFICATE}-{level.code}"] = names[HELD_CERTIFICATE] + of_level
        for rule in (*level.requirements, *level.rules):
            for condition in rule.conditions:
                if isinstance(condition, Judged):
                    names[condition.subject] = condition.name.zh if words.language == "zh" else condition.name.en
    return names


def _answer(judged: JudgedByPerson) -> str:
    if judged.subject == OVERRIDE:
        return "admit"
    return "holds" if judged.favourable else "fails"


async def judge(admission: str, request: Request, visit: Judge, desk: Desk) -> Response:
    """Enter what was judged of a candidate."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(
        judge_application,
        desk.store,
        desk.clock,
        desk.catalogue,
        admission,
        subject=fields.get("subject", ""),
        favourable=fields.get("holds") == "yes",
        reason=fields.get("reason", ""),
        person=visit.account.name,
    )
    return onward(request, f"/console/candidates/{admission}?judged=1#judgements")


async def override(admission: str, request: Request, visit: Overrider, desk: Desk) -> Response:
    """Ask that a refused candidate is admitted all the same."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(
        override_refusal,
        desk.store,
        desk.clock,
        admission,
        reason=fields.get("reason", ""),
        person=visit.account.name,
    )
    return onward(request, f"/console/candidates/{admission}?judged=1#judgements")


async def confirm(id: str, request: Request, visit: Confirmer, desk: Desk) -> Response:
    """Confirm what somebody else judged."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    judged = await run_in_threadpool(confirm_judgement, desk.store, desk.clock, id, person=visit.account.name)
    return onward(request, f"/console/candidates/{judged.admission}?confirmed=1#judgements")


add_page(router, "/console/candidates/{admission}/judge", judge, ["POST"])
add_page(router, "/console/candidates/{admission}/override", override, ["POST"])
add_page(router, "/console/judgements/{id}/confirm", confirm, ["POST"])
