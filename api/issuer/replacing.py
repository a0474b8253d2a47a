"""Corrections and renewals for people of the house: what is wrong is written down here, the desk proposes the batch."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import NAME_SHOWN, READ, Desk, Reader, Sent, onward, page, sent_file, told_of
from api.issuer.replaced import present_particulars, replacement_view, sees_whole
from api.pages.portraits import photograph_response
from api.pages.rendering import add_page, words_of
from api.problems import problem_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action, require
from registry.assessment.sheet import MAX_REASON
from registry.credential import Presentation, parse
from registry.enrolment import IdentityType, PhotographRefused
from registry.enrolment.photograph import MAX_FILE
from registry.kernel.errors import Conflict, MalformedInput, RegistryError, RuleRefusal
from registry.ports.replacements import Replacement, ReplacementKind
from registry.ports.storage import NotHere, StoredCertificate, UnitOfWork
from registry.ports.tasks import TaskKind
from registry.workflows.certificates.deliver import photograph_of, presentation_of
from registry.workflows.desk.hand_over import ask
from registry.workflows.replacement.ask_replacement import (
    ForLife,
    Particulars,
    TooEarly,
    ask_correction,
    ask_renewals,
    require_renewable,
    withdraw_replacement,
)

_TYPED: Final = ("name", "name_latin", "identity_type", "identity_number", "reason")

router = APIRouter(include_in_schema=False)
Maker = Annotated[Visit, Depends(allowed(Action.REQUEST_STATUS))]
Withdrawer = Annotated[Visit, Depends(allowed(Action.CANCEL_CHANGE))]


class Side(StrEnum):
    """Which of the two photographs."""

    BEFORE = "before"
    AFTER = "after"


def replace_page(number: str, request: Request, visit: Maker, desk: Desk) -> Response:
    """Offer to write down what is wrong on a certificate, or to ask for its renewal."""
    return _shown(request, visit, desk, number)


def _shown(
    request: Request,
    visit: Visit,
    desk: ConsoleDesk,
    number: str,
    *,
    typed: Mapping[str, str] | None = None,
    error: RegistryError | None = None,
    lost: bool = False,
) -> Response:
    with desk.store.read() as unit:
        one = _certificate(unit, number)
        there = unit.replacements.of_certificate(one.reservation.number, one.reservation.revision)
        view = None if there is None else replacement_view(request, visit, unit, there)
    says = None if one.jwt is None or one.disclosures is None else parse(presentation_of(one, full=True))
    return page(
        request,
        visit,
        "console_replace.html",
        "certificates",
        status=HTTPStatus.OK if error is None else problem_of(error).status,
        number=one.reservation.number,
        replacement=view,
        present={} if says is None else present_particulars(request, visit, says),
        no_renewal=words_of(request).text("replacing.erased") if says is None else _no_renewal(request, desk, says),
        types=[kind.value for kind in IdentityType],
        typed={name: (typed or {}).get(name, "") for name in _TYPED},
        most=MAX_FILE // 1000,
        longest=MAX_REASON,
        error="" if error is None else _reason(request, error, lost=lost),
        code="" if error is None else error.code,
    )


def _no_renewal(request: Request, desk: ConsoleDesk, says: Presentation) -> str:
    """Say why a certificate cannot be renewed now; empty where it can."""
    words = words_of(request)
    try:
        require_renewable(says.entry.license_number, says.terms, desk.clock.now())
    except ForLife:
        return words.text("replacing.for_life")
    except TooEarly as early:
        return words.text("replacing.too_early", last=early.last_day.isoformat(), opens=early.opens.isoformat())
    return ""


def _reason(request: Request, error: RegistryError, *, lost: bool) -> str:
    """Say why something was refused, and what to do; `lost`: what was typed has to be typed again."""
    words = words_of(request)
    told = list(told_of(request, error.code))
    if isinstance(error, PhotographRefused):
        texts = (error.problem.reason, error.problem.remedy)
        reason, remedy = (one.zh if words.language == "zh" else one.en for one in texts)
        told = [words.text("replacing.photograph_refused", reason=reason, remedy=remedy)]
    if lost:
        told.append(words.text("replacing.typed_lost"))
    return ("" if words.language == "zh" else " ").join(told)


def _certificate(unit: UnitOfWork, number: str) -> StoredCertificate:
    one = unit.batches.by_number(number)
    if one is None:
        raise NotHere("certificate", number[:NAME_SHOWN])
    return one


async def replace_answer(number: str, request: Request, visit: Maker, desk: Desk) -> Response:
    """Keep what was asked for, and hand it to the desk, which proposes the batch; what is wrong is said on the form."""
    sent = await sent_file(request, visit)
    if sent is None:
        too_large = PhotographRefused("too-large", limit=MAX_FILE // 1000)
        return await run_in_threadpool(_shown, request, visit, desk, number, error=too_large, lost=True)
    return await run_in_threadpool(_answered, request, visit, desk, number, sent)


def _answered(request: Request, visit: Visit, desk: ConsoleDesk, number: str, sent: Sent) -> Response:
    try:
        asked = _asked(visit, desk, number, sent)
    except (MalformedInput, RuleRefusal, Conflict) as error:
        return _shown(request, visit, desk, number, typed=sent.fields, error=error)
    return onward(request, f"/console/certificates/{asked.number}/replace")


def _asked(visit: Visit, desk: ConsoleDesk, number: str, sent: Sent) -> Replacement:
    parts, person, fields = (desk.store, desk.clock, desk.catalogue), visit.account.name, sent.fields
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
                photograph=sent.data or None,
            ),
            reason=reason,
            person=person,
        )
    if asked.batch is None:
        ask(desk.store, desk.clock, TaskKind.PROPOSE, asked.id, person=person)
    return asked


def photograph(id: str, side: Side, visit: Reader, desk: Desk) -> Response:
    """Give a photograph as it is on the certificate that is replaced, or as it is to be. Raises NotHere, NotAllowed."""
    if not sees_whole(visit):
        require(visit.account.roles, Action.REQUEST_STATUS)
    with desk.store.read() as unit:
        of = unit.replacements.replacement(id)
        image = unit.replacements.image(id) if side is Side.AFTER else _present_photograph(unit, of)
    if image is None:
        raise NotHere("photograph", id)
    return photograph_response(image)


def _present_photograph(unit: UnitOfWork, of: Replacement) -> bytes | None:
    old = unit.batches.by_number(of.number, of.revision)
    if old is None or old.jwt is None or old.disclosures is None:
        return None
    return photograph_of(unit, old, parse(presentation_of(old, full=True)))


async def withdraw_answer(id: str, request: Request, visit: Withdrawer, desk: Desk) -> Response:
    """Give a replacement up that has no batch yet."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    given_up = await run_in_threadpool(withdraw_replacement, desk.store, desk.clock, id, person=visit.account.name)
    return onward(request, f"/console/certificates/{given_up.number}")


add_page(router, "/console/certificates/{number}/replace", replace_page, READ)
add_page(router, "/console/certificates/{number}/replace", replace_answer, ["POST"])
add_page(router, "/console/replacements/{id}/withdraw", withdraw_answer, ["POST"])
add_page(router, "/console/replacements/{id}/photographs/{side}", photograph, ["GET"])
