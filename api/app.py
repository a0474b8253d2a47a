"""The web application, made from what is passed in: no module-level application, no settings, no environment."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from api import employer, holder, issuer, pages, problems, sign_in
from api.bodies import BodyLimit
from api.employer import BulkDesk, TalentDesk
from api.employer import talent as talent_pages
from api.headers import SecurityHeaders
from api.holder import Desk
from api.issuer import ConsoleDesk, approving
from api.openapi import openapi_document
from api.pages import certificate_pdf, portraits, receipts
from api.pages import issuing_body as issuing_pages
from api.sign_in import People
from api.status_views import StatusViews
from api.status_views.router import router as status_router
from api.verifier import (
    Doors,
    IssuerContact,
    LookupGate,
    LookupLimits,
    Network,
    PublicIssuer,
    PublishedDocuments,
    Rechecker,
    SiteHealth,
    Verifier,
)
from api.verifier.router import router as verifier_router
from registry.kernel.identifiers import CertificateKey
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
    issuing_body: Callable[[str], PublicIssuer | None] | None = None,
    limits: LookupLimits | None = None,
    people: People | None = None,
    desk: Desk | None = None,
    bulk: BulkDesk | None = None,
    console: ConsoleDesk | None = None,
    talent: TalentDesk | None = None,
    notary: Notary | None = None,
    rechecker: Rechecker | None = None,
    clock: Callable[[], datetime] = _now,
    statuses: StatusViews | None = None,
    public_bundle: Callable[[str], bytes] | None = None,
    press: Callable[[CertificateKey], tuple[str, bytes]] | None = None,
    photograph: Callable[[CertificateKey], bytes] | None = None,
    proxies: Sequence[Network] = (),
) -> ASGIApp:
    """Join the public doors into one ASGI application.

    `public_base_url` is scheme and host as printed (`https://v.example.cn`); it is never taken from a request.
    `contacts` are by issuer code. Without `people` nobody can sign in, without a `notary` no
    receipts are given. `clock` gives aware datetimes.
    """

    @asynccontextmanager
    async def working(app: FastAPI) -> AsyncGenerator[None, None]:  # noqa: ARG001 - the server's form
        if bulk is not None:
            bulk.start()
        yield
        if bulk is not None:
            await run_in_threadpool(bulk.stop)

    app = FastAPI(
        title="Vermilion",
        lifespan=working,
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
        issuing_body=issuing_body,
        statuses=statuses,
        public_bundle=public_bundle,
        press=press,
        photograph=photograph,
        proxies=proxies,
        notary=notary,
        rechecker=rechecker,
    )
    app.state.people = people
    app.state.desk = desk
    app.state.bulk = bulk
    app.state.console = console
    app.state.talent = talent
    description = JSONResponse(openapi_document())

    def openapi(request: Request) -> Response:  # noqa: ARG001 - the route's form
        return description

    def document(request: Request, problem: problems.Problem) -> Response:  # noqa: ARG001 - a page needs the request
        return problems.problem_response(problem, base_url)

    app.add_route("/v1/openapi.json", openapi)
    app.include_router(verifier_router)
    app.include_router(status_router)
    app.include_router(pages.router)
    app.include_router(certificate_pdf.router)
    app.include_router(portraits.router)
    app.include_router(receipts.router)
    app.include_router(issuing_pages.router)
    if people is not None:
        app.include_router(sign_in.router)
        if desk is not None:
            app.include_router(holder.router)
        if bulk is not None:
            app.include_router(employer.router)
        if talent is not None:
            app.include_router(talent_pages.router)
        if console is not None:
            app.include_router(issuer.router)
            if console.approvals is not None:
                app.include_router(approving.router)

    def page(request: Request, problem: problems.Problem) -> Response:
        if console is not None and issuer.is_in_console(request):
            return issuer.problem_page(request, problem)
        return pages.problem_page(request, problem)

    problems.install(app, page=page, document=document)
    app.add_middleware(BodyLimit)
    return SecurityHeaders(app, https=base_url.startswith("https://"))
