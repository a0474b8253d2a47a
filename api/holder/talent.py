"""The holder's side of the talent database: agree for one certificate, answer employers, withdraw."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.employer.talent_desk import TalentDesk, talent_desk_of
from api.holder.views import card_of
from api.pages.rendering import add_page, place_of, render, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action, NotSignedIn
from registry.kernel.calendar import CHINA_TIME
from registry.ports.storage import NotHere
from registry.ports.talents import ContactRequest, RequestAnswer
from registry.verification import Outcome
from registry.workflows.holders.hold import Held, held_by, number_held
from registry.workflows.holders.talent import (
    LONGEST_LINE,
    MOST_DAYS,
    USUAL_DAYS,
    WordsRefused,
    agree,
    answer,
    database_of,
    entry_of_number,
    last_day_of,
    leave,
    listing_of,
    waiting_for,
)
from registry.workflows.holders.talent_regions import REGIONS

_NAMES: Final = ("region", "contact", "wish", "until")
_LONGEST_SHOWN: Final = 200
"""Characters of what was typed and refused."""

router = APIRouter(include_in_schema=False)

Holder = Annotated[Visit, Depends(allowed(Action.OWN_CERTIFICATES))]


def _open_desk(request: Request) -> TalentDesk:
    found = talent_desk_of(request)
    if found is None:
        raise NotHere("talent database", "")
    return found


Desk = Annotated[TalentDesk, Depends(_open_desk)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TalentLine:
    """What the certificate's own page says of the talent database."""

    number: str
    listed: bool
    waiting: int
    """Employers who wait for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerView:
    """One employer's request."""

    id: str
    organisation: str
    purpose: str
    asked_at: str
    answer: RequestAnswer


def talent_line(request: Request, visit: Visit, held: Held) -> TalentLine | None:
    """Say how a certificate stands in the talent database; None = its programme has none, or nobody could agree."""
    desk = talent_desk_of(request)
    if desk is None or database_of(desk.catalogue, held.certificate) is None:
        return None
    number = held.certificate.reservation.number
    kept = entry_of_number(desk.store, desk.clock, person=_person(visit), number=number)
    if kept is None and held.report.outcome is not Outcome.VALID:
        return None
    return TalentLine(number=number, listed=kept is not None, waiting=0 if kept is None else waiting_for(kept[2]))


def talent_form(number: str, request: Request, visit: Holder, desk: Desk) -> Response:
    """Ask whether, where and until when employers may find a certificate; show who asks. Raises NotHere."""
    return _page(request, visit, desk, number)


async def talent_answer(number: str, request: Request, visit: Holder, desk: Desk) -> Response:
    """Let a certificate be found. Raises NotHere, NotFindable."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_agreed, request, visit, desk, number, fields)


def _agreed(request: Request, visit: Visit, desk: TalentDesk, number: str, fields: Mapping[str, str]) -> Response:
    _own(desk, visit, number)
    try:
        region, contact, wish, until = (fields.get(name, "") for name in _NAMES)
        listing = listing_of(region, contact, wish, until, desk.clock.now())
        if not fields.get("agree"):
            raise WordsRefused("agree")
    except WordsRefused as refused:
        return _page(request, visit, desk, number, fields=fields, fault=refused.field)
    agree(desk.store, desk.clock, desk.catalogue, desk.judge, person=_person(visit), number=number, listing=listing)
    return _onward(request, number)


async def leave_answer(number: str, request: Request, visit: Holder, desk: Desk) -> Response:
    """Withdraw, at once. Raises NotHere."""
    require_own_form(request, visit, await fields_of(request))
    await run_in_threadpool(leave, desk.store, desk.clock, person=_person(visit), number=number)
    return _onward(request, number)


async def employer_answer(id: str, request: Request, visit: Holder, desk: Desk) -> Response:
    """Say yes or no to an employer. Raises NotHere."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(
        answer, desk.store, desk.clock, person=_person(visit), id=id, agreed=fields.get("answer") == "yes"
    )
    return _onward(request, fields.get("number", ""))


def _page(
    request: Request,
    visit: Visit,
    desk: TalentDesk,
    number: str,
    *,
    fields: Mapping[str, str] | None = None,
    fault: str = "",
) -> Response:
    words, now = words_of(request), desk.clock.now()
    held = _own(desk, visit, number)
    programme = database_of(desk.catalogue, held.certificate)
    if programme is None or programme.certificate is None or programme.certificate.talent_database is None:
        raise NotHere("talent database", number)
    kept = entry_of_number(desk.store, desk.clock, person=_person(visit), number=number)
    today = now.astimezone(CHINA_TIME).date()
    english = words.language == "en"
    database = programme.certificate.talent_database
    return render(
        request,
        "holder_talent.html",
        status=422 if fault else 200,
        keep="no-store",
        visit=visit,
        card=card_of(held, words, now),
        database=database.en if english else database.zh,
        findable=held.report.outcome is Outcome.VALID,
        listed=kept is not None,
        region="" if kept is None else _region(kept[0].region, english=english),
        contact="" if kept is None else kept[1].contact,
        wish="" if kept is None else kept[1].wish,
        until="" if kept is None else last_day_of(kept[0]).isoformat(),
        requests=[] if kept is None else [_employer(one) for one in kept[2]],
        regions=[(code, _region(code, english=english)) for code in REGIONS],
        typed=_typed(fields, (today + timedelta(days=USUAL_DAYS)).isoformat()),
        first=today.isoformat(),
        last=(today + timedelta(days=MOST_DAYS)).isoformat(),
        longest=LONGEST_LINE,
        fault=fault,
        error=words.text(f"holder.talent.refused_{fault}", longest=LONGEST_LINE) if fault else "",
    )


def _typed(fields: Mapping[str, str] | None, usual: str) -> dict[str, str]:
    return {name: (fields or {"until": usual}).get(name, "")[:_LONGEST_SHOWN] for name in _NAMES}


def _employer(one: ContactRequest) -> EmployerView:
    return EmployerView(
        id=one.id,
        organisation=one.organisation,
        purpose=one.purpose,
        asked_at=one.asked_at.astimezone(CHINA_TIME).strftime("%Y-%m-%d"),
        answer=one.answer,
    )


def _region(code: str, *, english: bool) -> str:
    return REGIONS[code].en if english else REGIONS[code].zh


def _own(desk: TalentDesk, visit: Visit, number: str) -> Held:
    found = number_held(held_by(desk.store, desk.judge, _person(visit)), number)
    if found is None:
        raise NotHere("certificate", number)
    return found[0]


def _person(visit: Visit) -> str:
    if visit.account.person is None:
        raise NotSignedIn
    return visit.account.person


def _onward(request: Request, number: str) -> Response:
    # A number comes out of a form: only what a number can hold goes into an address.
    known = "".join(one for one in number if one.isascii() and (one.isalnum() or one == "-"))
    return RedirectResponse(f"{place_of(request)[1]}/holder/{known}/talent", status_code=303)


_READ: Final = ["GET", "HEAD"]
add_page(router, "/holder/{number}/talent", talent_form, _READ)
add_page(router, "/holder/{number}/talent", talent_answer, ["POST"])
add_page(router, "/holder/{number}/talent/withdraw", leave_answer, ["POST"])
add_page(router, "/holder/talent/{id}/answer", employer_answer, ["POST"])
