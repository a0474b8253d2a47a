"""Pages for employers who may search the talent database: search, ask for a contact, see one that was given.

Searches are POST requests: what is looked for stands in no address. Nothing shown leads to a certificate: no number,
no key, and the name but for its first and last character is covered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.employer.talent_desk import TalentDesk, talent_desk_of
from api.pages.catalogue import Catalogue as Words
from api.pages.rendering import add_page, place_of, render, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from api.verifier.limits import TooManyLookups
from api.verifier.masking import masked
from api.verifier.router import source_of
from registry.access import Action
from registry.kernel.calendar import CHINA_TIME
from registry.ports.storage import NotHere
from registry.ports.talents import ContactRequest, RequestAnswer
from registry.programme import Bilingual, ProgrammeUnknown
from registry.verification import NoticeKind
from registry.workflows.holders.talent import (
    LONGEST_LINE,
    REQUESTS_A_DAY,
    Asked,
    AskedBefore,
    Found,
    TooManyRequests,
    Wanted,
    WordsRefused,
    ask_contact,
    findable,
    last_day_of,
    open_contact,
    programmes_with_database,
    requests_of,
    search,
)
from registry.workflows.holders.talent_regions import REGIONS

_LONGEST_SHOWN: Final = 200
"""Characters of what was typed and refused."""

router = APIRouter(include_in_schema=False)

Recruiter = Annotated[Visit, Depends(allowed(Action.SEARCH_TALENT))]


def _desk(request: Request) -> TalentDesk:
    found = talent_desk_of(request)
    assert found is not None  # the routes are there only with a desk
    return found


Desk = Annotated[TalentDesk, Depends(_desk)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of a form."""

    value: str
    word: str
    chosen: bool
    group: str = ""
    """What it stands under; empty = nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TalentView:
    """One entry as employers see it."""

    entry: str
    name: str
    programme: str
    level: str
    direction: str
    region: str
    year: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """One request of the account's."""

    id: str
    subject: str
    purpose: str
    asked_at: str
    answer: str
    """`asked`, `agreed`, `refused`; `over` where the entry cannot be found any more."""


def talent(request: Request, visit: Recruiter, desk: Desk) -> Response:
    """Offer to search, and show what the account asked for."""
    return _page(request, visit, desk)


async def talent_answer(request: Request, visit: Recruiter, desk: Desk) -> Response:
    """Search, and show one page of what is found."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_searched, request, visit, desk, fields)


def _searched(request: Request, visit: Visit, desk: TalentDesk, fields: Mapping[str, str]) -> Response:
    words = words_of(request)
    if any(
        not any(one.value == fields.get(name, "") for one in options)
        for name, options in _options(desk, words, fields).items()
    ):
        return _page(request, visit, desk, fields=fields, error=words.text("talent.unknown_choice"), status=422)
    try:
        desk.admit(source_of(request), visit.account.name)
    except TooManyLookups as refused:
        return _too_often(request, visit, desk, fields, refused)
    programme, _, level = fields.get("scope", "").partition("/")
    wanted = Wanted(
        programme=programme,
        level=level,
        direction=fields.get("direction", ""),
        region=fields.get("region", ""),
        after=fields.get("after", ""),
    )
    finding = search(desk.store, desk.clock, desk.catalogue, desk.judge, account=visit.account.name, wanted=wanted)
    return _page(
        request,
        visit,
        desk,
        fields=fields,
        found=[_view(one, words) for one in finding.found],
        next_page=finding.next,
        on_test=any(notice.kind is NoticeKind.TEST_CHAIN for one in finding.found for notice in one.report.notices),
    )


async def ask_form(request: Request, visit: Recruiter, desk: Desk) -> Response:
    """Ask what the contact is wanted for. Raises NotHere."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_asking, request, visit, desk, fields)


def _asking(
    request: Request, visit: Visit, desk: TalentDesk, fields: Mapping[str, str], *, error: str = "", status: int = 200
) -> Response:
    words = words_of(request)
    found = findable(desk.store, desk.clock, desk.judge, id=fields.get("entry", ""))
    return render(
        request,
        "talent_ask.html",
        status=status,
        keep="no-store",
        visit=visit,
        one=_view(found, words),
        purpose=fields.get("purpose", "")[:_LONGEST_SHOWN],
        longest=LONGEST_LINE,
        error=error,
    )


async def ask_answer(request: Request, visit: Recruiter, desk: Desk) -> Response:
    """Send a request to the holder. Raises NotHere."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_sent, request, visit, desk, fields)


def _sent(request: Request, visit: Visit, desk: TalentDesk, fields: Mapping[str, str]) -> Response:
    words = words_of(request)
    try:
        desk.admit(source_of(request), visit.account.name)
        ask_contact(
            desk.store,
            desk.clock,
            desk.judge,
            account=visit.account.name,
            entry=fields.get("entry", ""),
            organisation=visit.account.display,
            purpose=fields.get("purpose", ""),
        )
    except WordsRefused:
        error = words.text("talent.purpose_refused", longest=LONGEST_LINE)
        return _asking(request, visit, desk, fields, error=error, status=422)
    except AskedBefore:
        return _asking(request, visit, desk, fields, error=words.text("talent.asked_before"), status=409)
    except TooManyRequests:
        error = words.text("talent.too_many", most=REQUESTS_A_DAY)
        return _asking(request, visit, desk, fields, error=error, status=429)
    except TooManyLookups as refused:
        return _too_often(request, visit, desk, fields, refused)
    return RedirectResponse(f"{place_of(request)[1]}/talent#requests", status_code=HTTPStatus.SEE_OTHER)


async def contact_answer(id: str, request: Request, visit: Recruiter, desk: Desk) -> Response:
    """Show a contact that its holder agreed to give; each time is journalled. Raises NotHere."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_contact, id, request, visit, desk)


def _contact(id: str, request: Request, visit: Visit, desk: TalentDesk) -> Response:
    words = words_of(request)
    asked = next((one for one in requests_of(desk.store, desk.clock, visit.account.name) if one.request.id == id), None)
    if asked is None:
        raise NotHere("request", id)
    try:
        desk.admit(source_of(request), visit.account.name)
    except TooManyLookups as refused:
        return _too_often(request, visit, desk, {}, refused)
    contact = open_contact(desk.store, desk.clock, desk.judge, account=visit.account.name, id=id)
    return render(
        request,
        "talent_contact.html",
        keep="no-store",
        visit=visit,
        contact=contact,
        purpose=asked.request.purpose,
        region=_named(REGIONS[asked.entry.region], words),
        until=last_day_of(asked.entry).isoformat(),
    )


def _too_often(
    request: Request, visit: Visit, desk: TalentDesk, fields: Mapping[str, str], refused: TooManyLookups
) -> Response:
    words = words_of(request)
    return _page(
        request,
        visit,
        desk,
        fields=fields,
        error=words.text("talent.too_often", wait=words.age(refused.retry_after_seconds)),
        status=429,
        headers={"Retry-After": str(refused.retry_after_seconds)},
    )


def _page(
    request: Request,
    visit: Visit,
    desk: TalentDesk,
    *,
    fields: Mapping[str, str] | None = None,
    found: list[TalentView] | None = None,
    next_page: str | None = None,
    on_test: bool = False,
    error: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    words = words_of(request)
    return render(
        request,
        "talent.html",
        status=status,
        keep="no-store",
        headers=headers,
        visit=visit,
        options=_options(desk, words, fields or {}),
        found=found,
        next_page=next_page,
        on_test=on_test,
        requests=[_request_view(one, desk, words) for one in requests_of(desk.store, desk.clock, visit.account.name)],
        error=error,
    )


def _options(desk: TalentDesk, words: Words, fields: Mapping[str, str]) -> dict[str, list[Option]]:
    """Give the choices of each field, any first; a value that is not among them was not sent by our form."""
    any_ = words.text("talent.any")

    def option(field: str, value: str, word: str, group: str = "") -> Option:
        return Option(value=value, word=word, group=group, chosen=value == fields.get(field, ""))

    scopes, directions = [option("scope", "", any_)], [option("direction", "", any_)]
    for programme in programmes_with_database(desk.catalogue):
        name = _named(programme.name, words)
        scopes.append(option("scope", programme.code, words.text("talent.every_level", programme=name), name))
        scopes += [option("scope", one.scope, f"{name} {_named(one.name, words)}", name) for one in programme.levels]
        directions += [option("direction", one.code, _named(one.name, words)) for one in programme.directions]
    regions = [option("region", code, _named(name, words)) for code, name in REGIONS.items()]
    return {"scope": scopes, "direction": directions, "region": [option("region", "", any_), *regions]}


def _view(found: Found, words: Words) -> TalentView:
    content = masked(found.report).content or {}
    return TalentView(
        entry=found.entry.id,
        name=str(content.get("name") or ""),
        programme=_member(content, "achievement", "name", words),
        level=_member(content, "level", "targetName", words),
        direction=_member(content, "direction", "targetName", words),
        region=_named(REGIONS[found.entry.region], words),
        year=str(content.get("awardedDate") or "")[:4],
    )


def _member(content: Mapping[str, object], member: str, name: str, words: Words) -> str:
    found = content.get(member)
    return (words.pick(found.get(name)) or "") if isinstance(found, dict) else ""


def _request_view(asked: Asked, desk: TalentDesk, words: Words) -> RequestView:
    one: ContactRequest = asked.request
    try:
        programme, level = desk.catalogue.by_scope(asked.entry.scope)
        subject = f"{_named(programme.name, words)} {_named(level.name, words)}"
    except ProgrammeUnknown:  # the latest version has no such level any more
        subject = asked.entry.scope
    return RequestView(
        id=one.id,
        subject=words.text("punctuation.list").join((subject, _named(REGIONS[asked.entry.region], words))),
        purpose=one.purpose,
        asked_at=one.asked_at.astimezone(CHINA_TIME).strftime("%Y-%m-%d"),
        answer=one.answer.value if asked.is_open or one.answer is RequestAnswer.REFUSED else "over",
    )


def _named(name: Bilingual, words: Words) -> str:
    return name.zh if words.language == "zh" else name.en


_READ: Final = ["GET", "HEAD"]
add_page(router, "/talent", talent, _READ)
add_page(router, "/talent", talent_answer, ["POST"])
add_page(router, "/talent/ask", ask_form, ["POST"])
add_page(router, "/talent/requests", ask_answer, ["POST"])
add_page(router, "/talent/requests/{id}", contact_answer, ["POST"])
