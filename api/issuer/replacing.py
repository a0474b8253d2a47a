"""Corrections and renewals for people of the house: what is wrong is written down here, the desk proposes the batch."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import NAME_SHOWN, READ, Desk, onward, page, shown_moment
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action
from registry.enrolment import IdentityType
from registry.ports.replacements import Replacement, ReplacementKind
from registry.ports.storage import NotHere, UnitOfWork
from registry.ports.tasks import TaskKind
from registry.workflows.hand_over import ask
from registry.workflows.replace import Particulars, ask_correction, ask_renewals, withdraw_replacement
from registry.workflows.revisions import changes_of_replacement

_SCORE: Final = "result."

router = APIRouter(include_in_schema=False)
Maker = Annotated[Visit, Depends(allowed(Action.REQUEST_STATUS))]
Withdrawer = Annotated[Visit, Depends(allowed(Action.CANCEL_CHANGE))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One thing that is said otherwise."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementView:
    """A replacement as the pages show it."""

    id: str
    kind: ReplacementKind
    number: str
    revision: int
    reason: str
    asked_by: str
    asked_at: str
    batch: str
    """Empty = it waits for the desk."""
    changes: tuple[ChangeView, ...]


def replacement_view(request: Request, unit: UnitOfWork, of: Replacement) -> ReplacementView:
    """Write a replacement in the words of the page, with what it says before and after."""
    words = words_of(request)

    def name_of(member: str) -> str:
        if member.startswith(_SCORE):
            return words.text("replacing.score", paper=member.removeprefix(_SCORE))
        return words.text(f"replacing.members.{member}")

    return ReplacementView(
        id=of.id,
        kind=of.kind,
        number=of.number,
        revision=of.revision,
        reason=of.reason or "",
        asked_by=of.asked_by,
        asked_at=shown_moment(of.asked_at),
        batch=of.batch or "",
        changes=tuple(
            ChangeView(what=name_of(one.member), before=one.before or "–", after=one.after or "–")
            for one in changes_of_replacement(unit, of)
        ),
    )


def replace_page(number: str, request: Request, visit: Maker, desk: Desk) -> Response:
    """Offer to write down what is wrong on a certificate, or to ask for its renewal."""
    with desk.store.read() as unit:
        one = unit.batches.by_number(number)
        if one is None:
            raise NotHere("certificate", number[:NAME_SHOWN])
        there = unit.replacements.of_certificate(one.reservation.number, one.reservation.revision)
        view = None if there is None else replacement_view(request, unit, there)
    return page(
        request,
        visit,
        "console_replace.html",
        "certificates",
        number=one.reservation.number,
        replacement=view,
        types=[kind.value for kind in IdentityType],
    )


async def replace_answer(number: str, request: Request, visit: Maker, desk: Desk) -> Response:
    """Keep what was asked for, and hand it to the desk, which proposes the batch."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(_asked, visit, desk, number, fields)
    return onward(request, f"/console/certificates/{number[:NAME_SHOWN]}/replace")


def _asked(visit: Visit, desk: ConsoleDesk, number: str, fields: dict[str, str]) -> None:
    parts, person = (desk.store, desk.clock, desk.catalogue), visit.account.name
    reason = fields.get("reason", "")
    if fields.get("kind") == ReplacementKind.RENEWAL:
        (asked,) = ask_renewals(*parts, [number], reason=reason, person=person)
    else:
        kind = fields.get("identity_type", "")
        asked = ask_correction(
            *parts,
            number,
            Particulars(
                name=fields.get("name", "").strip() or None,
                name_latin=fields.get("name_latin", "").strip() or None,
                identity_type=IdentityType(kind) if kind in set(IdentityType) else None,
                identity_number=fields.get("identity_number", "").strip() or None,
            ),
            reason=reason,
            person=person,
        )
    if asked.batch is None:
        ask(desk.store, desk.clock, TaskKind.PROPOSE, asked.id, person=person)


async def withdraw_answer(id: str, request: Request, visit: Withdrawer, desk: Desk) -> Response:
    """Give a replacement up that has no batch yet."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    given_up = await run_in_threadpool(withdraw_replacement, desk.store, desk.clock, id, person=visit.account.name)
    return onward(request, f"/console/certificates/{given_up.number}")


add_page(router, "/console/certificates/{number}/replace", replace_page, READ)
add_page(router, "/console/certificates/{number}/replace", replace_answer, ["POST"])
add_page(router, "/console/replacements/{id}/withdraw", withdraw_answer, ["POST"])
