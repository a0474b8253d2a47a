"""Problem documents (RFC 9457): what went wrong with a request. Never a statement about a certificate.

Each kind has a stable code, which is the end of its `type`; the page at that address explains it. Routes for people
get the same problem as a page.
"""

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.verifier.limits import TooManyLookups
from registry.access import NotSignedIn
from registry.kernel.errors import (
    Conflict,
    IntegrityFault,
    MalformedInput,
    Missing,
    RegistryError,
    RuleRefusal,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger("vermilion.http")
_MACHINE_PATHS = (
    "/v1/",
    "/.well-known/",
    "/issuers/",
    "/vct/",
    "/programmes/",
    "/status/",
    "/badge/",
    "/livez",
    "/readyz",
    "/static/",
)
_FIXED_LANGUAGES = ("/zh/", "/en/")
"""How addresses begin that fix the language of a page (`api.pages.rendering`)."""
_HTTP_CODES: dict[int, tuple[str, str]] = {
    400: ("http/malformed", "The request cannot be read"),
    404: ("http/unknown-path", "There is nothing at this address"),
    405: ("http/method", "This address does not take that method"),
    413: ("http/too-large", "The request is too large"),
    422: ("http/malformed", "The request cannot be read"),
    429: ("lookup/too-many", "Too many look-ups"),
    503: ("unavailable", "Not available now"),
}
_TITLES: dict[int, str] = {
    401: "Sign in first",
    403: "Refused",
    409: "It does not fit the present state",
    500: "Something went wrong here",
    **{status: title for status, (_, title) in _HTTP_CODES.items()},
}


class NothingPublished(Missing):
    """No issuer publishes anything at this address."""

    code = "published/nothing"

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__("nothing is published at this address")


class NothingKnown(Unavailable):
    """Nothing has been read of the chain yet."""

    code = "knowledge/none"

    def __init__(self) -> None:
        super().__init__("nothing has been read of the chain yet")


class PurposeInAddress(MalformedInput):
    """The purpose of a receipt stands in an address, which logs, histories and proxies keep."""

    code = "receipt/purpose-in-address"

    def __init__(self) -> None:
        super().__init__("expected the purpose of a receipt in the body of a POST, never in the address")


class NothingSent(MalformedInput):
    """A form came without a file, or without both number and name."""

    code = "verify/nothing-sent"

    def __init__(self) -> None:
        super().__init__("expected a file, or a certificate number (64 characters at most) and a name (200 at most)")


class DayMalformed(MalformedInput):
    """The day in an address is none."""

    code = "verify/day-malformed"

    def __init__(self) -> None:
        super().__init__("expected a day such as 2026-11-20 as `as_of`")


_STATUSES: tuple[tuple[type[RegistryError], HTTPStatus], ...] = (
    (TooManyLookups, HTTPStatus.TOO_MANY_REQUESTS),
    (NotSignedIn, HTTPStatus.UNAUTHORIZED),
    (PurposeInAddress, HTTPStatus.BAD_REQUEST),
    (MalformedInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RuleRefusal, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (Missing, HTTPStatus.NOT_FOUND),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (IntegrityFault, HTTPStatus.INTERNAL_SERVER_ERROR),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem, before it becomes a document or a page."""

    status: int
    code: str
    """Stable slug; the end of the document's `type`."""
    title: str
    detail: str | None = None
    instance: str | None = None
    """`urn:uuid:` of a fault of ours, to be found in the log."""
    headers: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, object] = field(default_factory=dict)


Respond = Callable[[Request, Problem], Response]


def problem_response(problem: Problem, public_base_url: str) -> Response:
    """Write the problem as `application/problem+json`."""
    document: dict[str, object] = {
        "type": f"{public_base_url}/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        **problem.extensions,
    }
    if problem.detail is not None:
        document["detail"] = problem.detail
    if problem.instance is not None:
        document["instance"] = problem.instance
    return JSONResponse(
        document,
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def problem_of(error: RegistryError) -> Problem:
    """Give one of our errors as a problem; the status follows its place in the error tree."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {}
    if isinstance(error, TooManyLookups | Unavailable):
        headers["Retry-After"] = str(error.retry_after_seconds)
    return Problem(status=int(status), code=error.code, title=_TITLES[int(status)], detail=str(error), headers=headers)


def _is_for_machines(request: Request) -> bool:
    return request.url.path.startswith(_MACHINE_PATHS)


def install(app: FastAPI, *, page: Respond, document: Respond) -> None:
    """Answer every error of `app`: people's routes with `page`, all others with `document`."""

    def respond(request: Request, problem: Problem) -> Response:
        return (document if _is_for_machines(request) else page)(request, problem)

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, RegistryError)
        if isinstance(error, NotSignedIn) and request.method == "GET" and not _is_for_machines(request):
            path = request.url.path
            fixed = path[: path.index("/", 1)] if path.startswith(_FIXED_LANGUAGES) else ""
            return RedirectResponse(f"{fixed}/sign-in?next={quote(path)}", status_code=303)
        problem = problem_of(error)
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("%s: %s", error.code, error)
        return respond(request, problem)

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code, title = _HTTP_CODES.get(error.status_code, ("http/refused", HTTPStatus(error.status_code).phrase))
        headers = {
            name: value for name, value in (error.headers or {}).items() if name.lower() in {"allow", "retry-after"}
        }
        return respond(request, Problem(status=error.status_code, code=code, title=title, headers=headers))

    async def of_shape(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if any(tuple(one["loc"]) == ("query", "as_of") for one in error.errors()):
            return respond(request, problem_of(DayMalformed()))
        # Places and kinds only: the values may be somebody's name.
        faults = [
            {"at": ".".join(str(part) for part in one["loc"]), "fault": str(one["type"])} for one in error.errors()
        ]
        code, title = _HTTP_CODES[422]
        return respond(request, Problem(status=422, code=code, title=title, extensions={"errors": faults}))

    async def gone(request: Request, error: Exception) -> Response:  # noqa: ARG001 - nobody is there to read it
        return Response(status_code=400)

    async def unforeseen(request: Request, error: Exception) -> Response:
        instance = uuid.uuid4().urn
        # The path of a certificate's page holds its key, so only the identifier of the fault is logged.
        _log.error("unforeseen fault %s: %s", instance, type(error).__name__)
        return respond(request, Problem(status=500, code="internal", title=_TITLES[500], instance=instance))

    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        RegistryError: ours,
        HTTPException: of_http,
        RequestValidationError: of_shape,
        ClientDisconnect: gone,
        Exception: unforeseen,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
