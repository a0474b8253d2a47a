"""The page behind a link that a holder gave out: verdict, chosen fields, and a receipt of what it shows."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.holder.desk import desk_of
from api.pages.portraits import photograph_response
from api.pages.receipts import Form, receipt_response
from api.pages.rendering import add_page, render, words_of
from api.pages.verdict import verdict_page
from api.sign_in.session import fields_of, people_of, visit_of
from api.verifier.router import DoorsOfApp
from registry.ports.access import Share
from registry.verification import Report
from registry.verification.receipts import asked_link
from registry.workflows.certificates.deliver import NoDocument
from registry.workflows.holders.share import ShareOver, as_shared, note_opened, open_share, shared_photograph

router = APIRouter(include_in_schema=False)


def shared_page(token: str, request: Request, doors: DoorsOfApp) -> Response:
    """Show what a link leads to: the verdict now, and the fields that the holder chose."""
    try:
        report, _ = _opened(token, request, doors)
    except ShareOver:
        return _over(request, doors)
    page = verdict_page(
        report,
        words_of(request),
        entrance="share",
        contacts=doors.contacts,
        portrait=f"/share/{token}/portrait.jpg",
    )
    return render(request, "verdict.html", keep="no-store", page=page)


def shared_portrait(token: str, request: Request) -> Response:
    """Give the photograph behind a link; opening it is no opening of the link. Raises NoDocument."""
    people = people_of(request)
    try:
        return photograph_response(shared_photograph(people.store, people.clock, token))
    except ShareOver as error:
        raise NoDocument from error


async def shared_receipt(token: str, request: Request, doors: DoorsOfApp) -> Response:
    """Judge again, and give what the page shows as a signed receipt. Raises PurposeRefused, NoReceiptKey."""
    fields = await fields_of(request)
    form: Form = "pdf" if fields.get("form") == "pdf" else "json"
    return await run_in_threadpool(_receipt, token, request, doors, form, fields.get("purpose", ""))


def _receipt(token: str, request: Request, doors: DoorsOfApp, form: Form, purpose: str) -> Response:
    try:
        report, share = _opened(token, request, doors)
    except ShareOver:
        return _over(request, doors)
    return receipt_response(doors, report, asked_link(share.token_hash), form, purpose)


def _opened(token: str, request: Request, doors: DoorsOfApp) -> tuple[Report, Share]:
    people, desk = people_of(request), desk_of(request)
    opened = open_share(people.store, people.clock, desk.key_of, token)
    visit = visit_of(request)
    is_holder = visit is not None and visit.account.person == opened.share.person
    if not is_holder and desk.openings.is_new(request, opened.share.id, people.clock.now()):
        note_opened(people.store, people.clock, opened.share)
    return as_shared(doors.verifier.by_document(opened.document), opened.share), opened.share


def _over(request: Request, doors: DoorsOfApp) -> Response:
    return render(
        request,
        "share_over.html",
        status=404,
        keep="no-store",
        steps=words_of(request).lines("holder.over.steps"),
        contacts=tuple(doors.contacts.values()),
    )


_READ: Final = ["GET", "HEAD"]
# Addresses from paper are in capitals.
for _place in ("/share/{token}", "/SHARE/{token}"):
    add_page(router, _place, shared_page, _READ)
    add_page(router, f"{_place}/receipt", shared_receipt, ["POST"])
    router.add_api_route(f"{_place}/portrait.jpg", shared_portrait, methods=["GET"], response_class=Response)
