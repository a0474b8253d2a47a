"""The web application, made from what is passed in: no module-level application, no settings, no environment."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from api import pages, problems, sign_in
from api.bodies import BodyLimit
from api.headers import SecurityHeaders
from api.openapi import openapi_document
from api.sign_in import People
from api.status_views import StatusViews
from api.status_views.router import router as status_router
from api.verifier import (
    Doors,
    IssuerContact,
    LookupGate,
    LookupLimits,
    PublishedDocuments,
    SiteHealth,
    Verifier,
)
from api.verifier.router import router as verifier_router
from registry.verification.receipts import Notary


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(
    verifier: Verifier,
    *,
    health: SiteHealth,
    documents: PublishedDocuments,
    public_base_url: str,
    contacts: Mapping[str, IssuerContact] | None = None,
    limits: LookupLimits | None = None,
    people: People | None = None,
    notary: Notary | None = None,
    clock: Callable[[], datetime] = _now,
    statuses: StatusViews | None = None,
    public_bundle: Callable[[str], bytes] | None = None,
) -> ASGIApp:
    """Join the public doors into one ASGI application.

    `public_base_url` is scheme and host as printed (`https://v.example.cn`); it is never taken from a request.
    `contacts` are by issuer code. Without `people` nobody can
    sign in, without a `notary` no receipts are given. `clock` gives aware datetimes.
    """
    app = FastAPI(
        title="Vermilion",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # The redirect would be built from the request's Host.
        redirect_slashes=False,
    )
    base_url = public_base_url.rstrip("/")
    app.state.doors = Doors(
        verifier=verifier,
        health=health,
        documents=documents,
        gate=LookupGate(limits or LookupLimits(), time.monotonic),
        clock=clock,
        public_base_url=base_url,
        contacts=contacts or {},
        statuses=statuses,
        public_bundle=public_bundle,
        notary=notary,
    )
    app.state.people = people
    description = JSONResponse(openapi_document())

    def openapi(request: Request) -> Response:  # noqa: ARG001 - the route's form
        return description

    def document(request: Request, problem: problems.Problem) -> Response:  # noqa: ARG001 - a page needs the request
        return problems.problem_response(problem, base_url)

    app.add_route("/v1/openapi.json", openapi)
    app.include_router(verifier_router)
    app.include_router(status_router)
    app.include_router(pages.router)
    if people is not None:
        app.include_router(sign_in.router)
    problems.install(app, page=pages.problem_page, document=document)
    app.add_middleware(BodyLimit)
    return SecurityHeaders(app, https=base_url.startswith("https://"))
