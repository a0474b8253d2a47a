"""Pages of people with certificates of their own: the certificates, copies, links, the way in."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Annotated, Final, NoReturn
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.holder import shared, talent
from api.holder.copies import KEPT_FOR
from api.holder.desk import desk_of
from api.holder.views import DUE_DAYS, Entry, card_of, choices_of, entry_of, share_views
from api.pages.rendering import add_page, place_of, render, words_of
from api.sign_in.session import Visit, allowed, fields_of, forget, keep, people_of, require_own_form
from api.verifier.router import doors, source_of
from registry.access import SHORTEST_PASSWORD, Action, NotSignedIn, PasswordRefused
from registry.delivery.bundle import BUNDLE_SUFFIX
from registry.delivery.stamped_pdf import STAMPED_SUFFIX
from registry.delivery.typesetting import GlyphMissing
from registry.ports.storage import NotHere
from registry.workflows.access.sign_in import SignInRefused, change_password, sign_out_everywhere
from registry.workflows.holders.hold import Held, full_bundle, held_by, number_held, stamped_copy
from registry.workflows.holders.share import (
    LONGEST_TERM,
    MOST_LIVE,
    SHOWABLE,
    Field,
    ShareOver,
    Terms,
    TermsRefused,
    TooManyShares,
    share,
    shares_of,
    terms_of,
    withdraw,
)

_TICKED: Final = "show-"

router = APIRouter(include_in_schema=False)

Holder = Annotated[Visit, Depends(allowed(Action.OWN_CERTIFICATES))]


def holdings(request: Request, visit: Holder) -> Response:
    """Show a holder's certificates, the newest in full, and the links that he gave out."""
    return _certificates(request, visit)


def holding(number: str, request: Request, visit: Holder) -> Response:
    """Show the certificates, one of the holder's choice in full. Raises NotHere."""
    return _certificates(request, visit, number=number)


def share_form(number: str, request: Request, visit: Holder) -> Response:
    """Ask for whom, for what, until when and with which fields a link is to be. Raises NotHere."""
    return _share_form(request, visit, _own(request, visit, number))


async def share_answer(number: str, request: Request, visit: Holder) -> Response:
    """Make a link and show it, once. Raises NotHere."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_shared, request, visit, number, fields)


def _shared(request: Request, visit: Visit, number: str, fields: Mapping[str, str]) -> Response:
    people, words = people_of(request), words_of(request)
    held = _own(request, visit, number)
    if held[0].report.outcome not in SHOWABLE:
        return _share_form(request, visit, held, status=403)
    try:
        terms = _terms(request, fields)
        token = share(
            people.store,
            people.clock,
            person=_person(visit),
            number=number,
            terms=terms,
            fields=_ticked(fields),
            form=fields.get("key", ""),
        )
    except TermsRefused as error:
        return _share_form(request, visit, held, fields=fields, fault=error)
    except TooManyShares:
        full = words.text("holder.share.too_many", most=MOST_LIVE)
        return _share_form(request, visit, held, fields=fields, error=full, status=403)
    except ShareOver:
        ended = words.text("holder.share.ended_meanwhile")
        return _share_form(request, visit, held, fields=_of_new_form(fields), error=ended, status=409)
    url = f"{doors(request).public_base_url}/share/{token}"
    return render(request, "holder_made.html", keep="no-store", visit=visit, url=url, terms=terms)


async def copy_answer(number: str, request: Request, visit: Holder) -> Response:
    """Make a stamped copy, and lead to the page that says so. Raises NotHere."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_copied, request, visit, number, fields)


def _copied(request: Request, visit: Visit, number: str, fields: Mapping[str, str]) -> Response:
    people, words, copies = people_of(request), words_of(request), desk_of(request).copies
    held = _own(request, visit, number)
    if copies is None or held[0].report.outcome not in SHOWABLE:
        return _certificates(request, visit, number=number, status=403)
    again = partial(_certificates, request, visit, number=number, fields=fields)
    person, ticked = _person(visit), _ticked(fields)
    try:
        terms = _terms(request, fields)
        data = stamped_copy(
            people.store,
            people.clock,
            copies,
            person=person,
            number=number,
            terms=terms,
            fields=ticked,
            form=fields.get("key", ""),
        )
    except TermsRefused as error:
        return again(faults=(error.field,), error=_said(request, error), status=422)
    except GlyphMissing as error:
        said = words.text("holder.copy.glyph", characters=words.text("punctuation.list").join(error.characters))
        return again(error=said, status=422)
    except TooManyShares:
        return again(error=words.text("holder.share.too_many", most=MOST_LIVE), status=403)
    except ShareOver:
        return again(fields=_of_new_form(fields), error=words.text("holder.copy.ended_meanwhile"), status=409)
    at = people.clock.now()
    made = desk_of(request).made.keep(data, person=person, number=number, terms=terms, fields=ticked, at=at)
    return _onward(request, f"/holder/{number}/copies/{made.id}")


def copy_made(number: str, id: str, request: Request, visit: Holder) -> Response:
    """Say what copy was made, and offer it to be saved while it is at hand. Raises NotHere."""
    held, words, now = _own(request, visit, number), words_of(request), people_of(request).clock.now()
    made = desk_of(request).made.find(_person(visit), id, now)
    shown = () if made is None else choices_of(held[0], words, [one.value for one in made.fields], by_link=False)
    return render(
        request,
        "holder_copied.html",
        status=200 if made else 404,
        keep="no-store",
        visit=visit,
        card=card_of(held[0], words, now),
        made=made,
        shown=[one.label.replace("{}", one.code) for one in shown if one.ticked],
        minutes=int(KEPT_FOR.total_seconds()) // 60,
    )


def copy_file(number: str, id: str, request: Request, visit: Holder) -> Response:
    """Give a copy that was made a moment ago, as PDF; afterwards lead to the page that says that it is gone."""
    made = desk_of(request).made.find(_person(visit), id, people_of(request).clock.now())
    if made is None:
        return _onward(request, f"/holder/{quote(number)}/copies/{quote(id)}")
    return _file(made.data, "application/pdf", made.number + STAMPED_SUFFIX)


async def withdraw_answer(id: str, request: Request, visit: Holder) -> Response:
    """Withdraw a link. Raises NotHere."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    people = people_of(request)
    await run_in_threadpool(withdraw, people.store, people.clock, person=_person(visit), id=id)
    return _onward(request, "/holder#shares")


def full_form(number: str, request: Request, visit: Holder) -> Response:
    """Say what the full copy is before it is given. Raises NotHere."""
    card = card_of(_own(request, visit, number)[0], words_of(request), people_of(request).clock.now())
    return render(request, "holder_full.html", keep="no-store", visit=visit, card=card)


async def full_answer(number: str, request: Request, visit: Holder) -> Response:
    """Give the bundle with everything in it. Raises NotHere, NotDeliverable."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    people, desk = people_of(request), desk_of(request)
    data = await run_in_threadpool(
        full_bundle, people.store, people.clock, desk.key_of, person=_person(visit), number=number
    )
    return _file(data, "application/json", f"{number}-full{BUNDLE_SUFFIX}")


def account_form(request: Request, visit: Holder) -> Response:
    """Offer to change the password, and to sign out everywhere."""
    return _account(request, visit)


async def account_answer(request: Request, visit: Holder) -> Response:
    """Change the password; this browser stays signed in."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    people, words, name = people_of(request), words_of(request), visit.account.name
    if fields.get("password", "") != fields.get("again", ""):
        return _account(request, visit, error=words.text("sign_in.differ"))
    people.gate.admit(source_of(request), name)
    current, new = fields.get("current", ""), fields.get("password", "")
    try:
        token = await run_in_threadpool(
            change_password, people.store, people.clock, name=name, current=current, new=new
        )
    except SignInRefused:
        return _account(request, visit, error=words.text("holder.password.wrong"))
    except PasswordRefused:
        return _account(request, visit, error=words.text("sign_in.weak", shortest=SHORTEST_PASSWORD))
    response = _account(request, Visit(account=visit.account, token=token), done=True)
    keep(response, people, token)
    return response


async def everywhere_answer(request: Request, visit: Holder) -> Response:
    """End all sign-ins of the holder, this one too."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    people = people_of(request)
    await run_in_threadpool(sign_out_everywhere, people.store, people.clock, name=visit.account.name)
    response = _onward(request, "/sign-in")
    forget(response, people)
    return response


def _certificates(
    request: Request,
    visit: Visit,
    *,
    number: str | None = None,
    fields: Mapping[str, str] | None = None,
    faults: Collection[str] = (),
    error: str = "",
    status: int = 200,
) -> Response:
    people, words = people_of(request), words_of(request)
    now = people.clock.now()
    every = held_by(people.store, doors(request).verifier, _person(visit))
    shown = every[0] if every and number is None else number_held(every, number or "")
    if shown is None and number is not None:
        raise NotHere("certificate", number)
    live, ended = shares_of(people.store, people.clock, _person(visit))
    return render(
        request,
        "holder.html",
        status=status,
        keep="no-store",
        visit=visit,
        card=card_of(shown[0], words, now) if shown else None,
        earlier=[card_of(one, words, now) for one in shown[1:]] if shown else [],
        others=[card_of(one[0], words, now) for one in every if one is not shown],
        choices=choices_of(shown[0], words, _names(fields), by_link=False) if shown else (),
        copies=desk_of(request).copies is not None,
        live=share_views(live, words, now),
        ended=share_views(ended, words, now),
        due_days=DUE_DAYS,
        talent=talent.talent_line(request, visit, shown[0]) if shown else None,
        entry=_entry(request, fields),
        faults=faults,
        error=error,
    )


def _share_form(
    request: Request,
    visit: Visit,
    held: tuple[Held, ...],
    *,
    fields: Mapping[str, str] | None = None,
    fault: TermsRefused | None = None,
    error: str = "",
    status: int = 200,
) -> Response:
    words = words_of(request)
    return render(
        request,
        "holder_share.html",
        status=422 if fault else status,
        keep="no-store",
        visit=visit,
        card=card_of(held[0], words, people_of(request).clock.now()),
        choices=choices_of(held[0], words, _names(fields), by_link=True),
        entry=_entry(request, fields),
        faults=() if fault is None else (fault.field,),
        error=error if fault is None else _said(request, fault),
    )


def _account(request: Request, visit: Visit, *, error: str = "", done: bool = False) -> Response:
    return render(
        request,
        "holder_account.html",
        status=422 if error else 200,
        keep="no-store",
        visit=visit,
        shortest=SHORTEST_PASSWORD,
        error=error,
        done=done,
    )


def _entry(request: Request, fields: Mapping[str, str] | None) -> Entry:
    return entry_of(fields, words_of(request), people_of(request).clock.now())


def _of_new_form(fields: Mapping[str, str]) -> dict[str, str]:
    """Give what was typed without its form's key, whose link has ended: the form that shows it draws another."""
    return {name: value for name, value in fields.items() if name != "key"}


def _terms(request: Request, fields: Mapping[str, str]) -> Terms:
    now = people_of(request).clock.now()
    return terms_of(fields.get("audience", ""), fields.get("purpose", ""), fields.get("until", ""), now)


def _said(request: Request, fault: TermsRefused) -> str:
    return words_of(request).text(f"holder.terms.refused_{fault.field}", longest=LONGEST_TERM)


def _ticked(fields: Mapping[str, str]) -> frozenset[Field]:
    return frozenset(one for one in Field if fields.get(_TICKED + one))


def _names(fields: Mapping[str, str] | None) -> frozenset[str] | None:
    return None if fields is None else frozenset(one.value for one in _ticked(fields))


def _own(request: Request, visit: Visit, number: str) -> tuple[Held, ...]:
    people = people_of(request)
    found = number_held(held_by(people.store, doors(request).verifier, _person(visit)), number)
    return _not_here(number) if found is None else found


def _not_here(number: str) -> NoReturn:
    raise NotHere("certificate", number)


def _person(visit: Visit) -> str:
    if visit.account.person is None:
        raise NotSignedIn
    return visit.account.person


def _file(data: bytes, media_type: str, name: str) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=media_type, headers=headers)


def _onward(request: Request, target: str) -> Response:
    return RedirectResponse(place_of(request)[1] + target, status_code=303)


_READ: Final = ["GET", "HEAD"]
add_page(router, "/holder", holdings, _READ)
add_page(router, "/holder/account", account_form, _READ)
add_page(router, "/holder/account", account_answer, ["POST"])
add_page(router, "/holder/sign-out-everywhere", everywhere_answer, ["POST"])
add_page(router, "/holder/shares/{id}/withdraw", withdraw_answer, ["POST"])
add_page(router, "/holder/{number}", holding, _READ)
add_page(router, "/holder/{number}/copy", copy_answer, ["POST"])
add_page(router, "/holder/{number}/copies/{id}", copy_made, _READ)
add_page(router, "/holder/{number}/copies/{id}/file", copy_file, ["GET"])
add_page(router, "/holder/{number}/share", share_form, _READ)
add_page(router, "/holder/{number}/share", share_answer, ["POST"])
add_page(router, "/holder/{number}/full", full_form, _READ)
add_page(router, "/holder/{number}/full", full_answer, ["POST"])
router.include_router(shared.router)
router.include_router(talent.router)
