"""Who is at the other end: the cookie of a sign-in, the proof that a form is our own.

The cookie holds a token of 256 random bits, HttpOnly, SameSite=Lax, `__Host-` where the site is https. Every form that
changes something carries `csrf`, an HMAC of that token; browsers that say where a request comes from
(Sec-Fetch-Site) must say: from here.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from api.bodies import SMALL_BYTES, read_form
from api.problems import NothingSent
from api.verifier.limits import LookupGate
from registry.access import Account, Action, NotSignedIn, require
from registry.kernel.encoding import b64url
from registry.kernel.errors import RuleRefusal
from registry.ports import Clock
from registry.ports.storage import Store
from registry.workflows.access.sign_in import LASTS
from registry.workflows.access.sign_in import signed_in as sign_in_of

_CSRF_TAG: Final = b"vermilion/csrf/1"
_MOST_FIELDS: Final = 40
UNATTENDED: Final = "unattended"
"""Name of the query's member with which a page asks again by itself (`?unattended=1`). Whoever writes it by hand only
shortens a sign-in of his own."""


class FormForeign(RuleRefusal):
    """A form did not come from a page of ours that this person opened, or is older than the sign-in."""

    code = "sign-in/form-foreign"

    def __init__(self) -> None:
        super().__init__("expected a form of this site, opened by the person who is signed in")


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What the doors need to know people by."""

    store: Store
    clock: Clock
    gate: LookupGate
    """Limits on tries to sign in: per source, and per account."""
    secure: bool
    """The site is reached by https."""

    @property
    def cookie(self) -> str:
        """Name of the cookie."""
        return "__Host-vermilion" if self.secure else "vermilion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Somebody signed in, on one request."""

    account: Account
    token: str

    @property
    def csrf(self) -> str:
        """What our own forms carry: 43 characters base64url."""
        return b64url(hmac.digest(self.token.encode(), _CSRF_TAG, "sha256"))


def people_of(request: Request) -> People:
    """Give the application's people."""
    found = request.app.state.people
    assert isinstance(found, People)
    return found


def is_unattended(request: Request) -> bool:
    """Tell whether a page says that it asks by itself."""
    return request.method in {"GET", "HEAD"} and UNATTENDED in request.query_params


def visit_of(request: Request, *, quiet: bool = False) -> Visit | None:
    """Give who is signed in; None = nobody.

    A sign-in that nobody uses ends after an hour. What a page asks for by itself is no use: routes that only pages ask
    look quietly, and so does every reading request that says `unattended` in its query.
    """
    people = people_of(request)
    token = request.cookies.get(people.cookie)
    if not token:
        return None
    visitor = sign_in_of(people.store, people.clock, token, quiet=quiet or is_unattended(request))
    return None if visitor is None else Visit(account=visitor.account, token=token)


def signed_in(request: Request, *, quiet: bool = False) -> Visit:
    """Give who is signed in. Raises NotSignedIn, which leads people to the page to sign in."""
    visit = visit_of(request, quiet=quiet)
    if visit is None:
        raise NotSignedIn
    return visit


def allowed(action: Action, *, quiet: bool = False) -> Callable[[Request], Visit]:
    """Make a route's dependency that gives who is signed in, if their roles allow `action`.

    `quiet` is for routes that pages ask by themselves, to tell how far something is: asking does not keep a sign-in
    from ending. It raises NotSignedIn, NotAllowed.
    """

    def visit(request: Request) -> Visit:
        found = signed_in(request, quiet=quiet)
        require(found.account.roles, action)
        return found

    return visit


def require_own_form(request: Request, visit: Visit | None, fields: Mapping[str, str]) -> None:
    """Raise FormForeign unless a form is our own; without a visit only the browser's word is asked."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise FormForeign
    if visit is not None and not hmac.compare_digest(fields.get("csrf", "").encode(), visit.csrf.encode()):
        raise FormForeign


def keep(response: Response, people: People, token: str) -> None:
    """Give the browser the cookie of a sign-in."""
    response.set_cookie(
        people.cookie,
        token,
        max_age=int(LASTS.total_seconds()),
        path="/",
        secure=people.secure,
        httponly=True,
        samesite="lax",
    )


def forget(response: Response, people: People) -> None:
    """Take the cookie back."""
    response.delete_cookie(people.cookie, path="/", secure=people.secure, httponly=True, samesite="lax")


async def fields_of(request: Request) -> dict[str, str]:
    """Read a small form of text fields; of a repeated one the last counts. Raises NothingSent."""
    form = await read_form(request, most=SMALL_BYTES, fields=_MOST_FIELDS)
    if form is None:
        raise NothingSent
    try:
        return {name: value for name, value in form.multi_items() if not isinstance(value, UploadFile)}
    finally:
        await form.close()
