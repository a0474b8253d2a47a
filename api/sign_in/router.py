"""Pages to sign in, to sign out, and to choose a password with an invitation's link."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.pages.rendering import add_page, place_of, render, words_of
from api.sign_in.session import fields_of, forget, keep, people_of, require_own_form, visit_of
from api.verifier.router import source_of
from registry.access import SHORTEST_PASSWORD, Account, AccountKind, Action, PasswordRefused, may
from registry.workflows.access.sign_in import (
    HolderDiffers,
    SignInRefused,
    accept,
    canonical_name,
    invited,
    sign_in,
    sign_out,
)
from registry.workflows.access.sign_in import signed_in as visitor_of

router = APIRouter(include_in_schema=False)

_LANDINGS: Final = {AccountKind.STAFF: "/console", AccountKind.EMPLOYER: "/bulk", AccountKind.HOLDER: "/holder"}
_LONGEST_TARGET: Final = 200


def landing_of(account: Account) -> str:
    """Give the page where somebody's work begins."""
    if account.kind is AccountKind.EMPLOYER and not may(account.roles, Action.VERIFY_MANY):
        return "/talent"
    return _LANDINGS[account.kind]


def sign_in_page(request: Request) -> Response:
    """Ask for name and password; who is signed in already goes on."""
    visit = visit_of(request)
    if visit is not None:
        return _onward(request, _own_path(request.query_params.get("next", "")) or landing_of(visit.account))
    return _asked(request, target=request.query_params.get("next", ""))


async def sign_in_answer(request: Request) -> Response:
    """Sign in; what does not fit is told without saying why."""
    fields = await fields_of(request)
    require_own_form(request, None, fields)
    name, password = fields.get("name", ""), fields.get("password", "")
    people = people_of(request)
    people.gate.admit(source_of(request), canonical_name(name))
    try:
        token = await run_in_threadpool(sign_in, people.store, people.clock, name=name, password=password)
    except SignInRefused:
        return _asked(request, target=fields.get("next", ""), name=name, refused=True)
    visitor = await run_in_threadpool(_account_of, request, token)
    response = _onward(request, _own_path(fields.get("next", "")) or landing_of(visitor))
    keep(response, people, token)
    return response


def _account_of(request: Request, token: str) -> Account:
    people = people_of(request)
    visitor = visitor_of(people.store, people.clock, token)
    assert visitor is not None  # made a moment ago
    return visitor.account


async def sign_out_answer(request: Request) -> Response:
    """Sign out."""
    people, visit = people_of(request), visit_of(request)
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    if visit is not None:
        await run_in_threadpool(sign_out, people.store, people.clock, visit.token)
    response = _onward(request, "/")
    forget(response, people)
    return response


def invitation_page(token: str, request: Request) -> Response:
    """Ask the owner of an invitation to choose a password. A link that is no good any more raises InvitationRefused."""
    people = people_of(request)
    return _chosen(request, invited(people.store, people.clock, token))


async def invitation_answer(token: str, request: Request) -> Response:
    """Set the password, and sign in."""
    people = people_of(request)
    fields = await fields_of(request)
    require_own_form(request, None, fields)
    account = await run_in_threadpool(invited, people.store, people.clock, token)
    number = fields.get("number", "")
    if fields.get("password", "") != fields.get("again", ""):
        return _chosen(request, account, "sign_in.differ", number=number)
    if account.kind is AccountKind.HOLDER:
        people.gate.admit(source_of(request), f"invitation of {account.name}")
    try:
        given = await run_in_threadpool(
            accept, people.store, people.clock, token, fields.get("password", ""), identity_number=number
        )
    except HolderDiffers:
        return _chosen(request, account, "sign_in.holder_differs", status=403)
    except PasswordRefused:
        return _chosen(request, account, "sign_in.weak", number=number)
    response = _onward(request, landing_of(account))
    keep(response, people, given)
    return response


def _asked(request: Request, *, target: str, name: str = "", refused: bool = False) -> Response:
    return render(
        request,
        "sign_in.html",
        status=403 if refused else 200,
        keep="no-store",
        target=_own_path(target),
        name=name,
        error=words_of(request).text("sign_in.refused") if refused else "",
    )


def _chosen(
    request: Request, account: Account, error: str | None = None, *, number: str = "", status: int = 422
) -> Response:
    """Show the form; `error` names what is wrong with it, `number` is what was typed already."""
    return render(
        request,
        "invitation.html",
        status=200 if error is None else status,
        keep="no-store",
        account=account,
        holder=account.kind is AccountKind.HOLDER,
        number=number,
        shortest=SHORTEST_PASSWORD,
        error="" if error is None else words_of(request).text(error, shortest=SHORTEST_PASSWORD),
    )


def _own_path(target: str) -> str:
    """Take a path of this site to go on to, and nothing else: two slashes of either kind begin another site."""
    fine = target.startswith("/") and target[1:2] not in {"/", "\\"} and len(target) <= _LONGEST_TARGET
    return target if fine and target.isascii() and target.isprintable() else ""


def _onward(request: Request, target: str) -> Response:
    fixed = target.startswith(("/zh/", "/en/"))
    return RedirectResponse(target if fixed else place_of(request)[1] + target, status_code=303)


add_page(router, "/sign-in", sign_in_page, ["GET", "HEAD"])
add_page(router, "/sign-in", sign_in_answer, ["POST"])
add_page(router, "/sign-out", sign_out_answer, ["POST"])
add_page(router, "/invitation/{token}", invitation_page, ["GET", "HEAD"])
add_page(router, "/invitation/{token}", invitation_answer, ["POST"])
