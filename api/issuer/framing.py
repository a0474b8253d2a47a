"""What every page of the console shares: who may see it, its frame, a file that is sent, problems in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from api.bodies import read_form
from api.errors import advice
from api.issuer.desk import MAX_ROSTER, ConsoleDesk
from api.pages.rendering import place_of, render, words_of
from api.sign_in.session import Visit, allowed, require_own_form
from registry.access import Action, may
from registry.access import same_person as same_account
from registry.enrolment.workbook import as_text
from registry.kernel.calendar import CHINA_TIME
from registry.ports.storage import UnitOfWork

READ: Final = ["GET", "HEAD"]
_OVERHEAD: Final = 8 * 1024
NAME_SHOWN: Final = 80
"""Longest name of a file, or word from an address, that a page repeats."""


def desk_of(request: Request) -> ConsoleDesk:
    """Give the application's console."""
    found = request.app.state.console
    assert isinstance(found, ConsoleDesk)
    return found


Desk = Annotated[ConsoleDesk, Depends(desk_of)]
Reader = Annotated[Visit, Depends(allowed(Action.SEE_REGISTRY))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form with a file."""

    fields: Mapping[str, str]
    name: str
    """The file's, at most 80 characters of its end; whoever sent it chose it."""
    data: bytes
    """Of a workbook its first sheet as CSV; empty where no file was sent."""
    workbook: bool = False


def page(request: Request, visit: Visit, template: str, tab: str, *, status: int = 200, **values: Any) -> Response:
    """Show a page of the console under one of its tabs."""
    return render(
        request,
        template,
        status=status,
        keep="no-store",
        visit=visit,
        tab=tab,
        can=lambda action, state=None: may(visit.account.roles, Action(action), state),
        halted=_halted(request),
        who=_caller(request),
        **values,
    )


def called(unit: UnitOfWork, name: str) -> str:
    """Give how the person of an account is called on pages; the name itself where there is no such account."""
    account = unit.accounts.find(name)
    return name if account is None or not account.display else account.display


def _caller(request: Request) -> Callable[[str], str]:
    """Make what calls people by their names, each looked up once for a page."""

    @cache
    def who(name: str) -> str:
        with desk_of(request).store.read() as unit:
            return called(unit, name)

    return who


def _halted(request: Request) -> list[tuple[str, str]]:
    """Name every open alarm with what it means: while there is one, nothing goes to the chain."""
    with desk_of(request).store.read() as unit:
        alarms = unit.alarms.open()
    return [(one.id, told_of(request, one.code)[0]) for one in alarms]


async def sent_file(request: Request, visit: Visit) -> Sent | None:
    """Read a form with one file; None = it is larger than any file taken here. Raises NothingSent, FormForeign."""
    form = await read_form(request, most=MAX_ROSTER + _OVERHEAD, files=1)
    if form is None:
        return None
    try:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        require_own_form(request, visit, fields)
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            return Sent(fields=fields, name="", data=b"")
        data = await upload.read()
        text = await run_in_threadpool(as_text, data)
        return Sent(fields=fields, name=upload.filename[-NAME_SHOWN:], data=text, workbook=text is not data)
    finally:
        await form.close()


def same_person(name: str | None, visit: Visit) -> bool:
    """Tell whether a person that something names is the one who is signed in."""
    return name is not None and same_account(name, visit.account.name)


def told_of(request: Request, code: str | None) -> tuple[str, str]:
    """Say what the code of an error means, and what to do; nothing for none."""
    texts = None if code is None else advice().get(code)
    if texts is None:
        return "", ""
    if words_of(request).language == "zh":
        return texts.cause_zh, texts.remedy_zh
    return texts.cause_en, texts.remedy_en


def shown_moment(moment: datetime | None) -> str:
    """Write a moment in the time of the registry, to the second; nothing for none."""
    return "" if moment is None else moment.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")


def onward(request: Request, target: str) -> Response:
    """Lead to another page of the console after something was done."""
    return RedirectResponse(place_of(request)[1] + target, status_code=HTTPStatus.SEE_OTHER)
