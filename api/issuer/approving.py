"""The approver's pages, for a batch and for a change of status: what is to be signed in plain words, the document for
the approver's own key, the signature.

The approver's key is never opened in this process: it signs where its person keeps it, and comes back as a signature.
1. Derive everything again and show it, with the hashes in groups of eight digits; of a batch a few certificates at
   random, of a change every certificate that it concerns.
2. Give the typed data that a wallet or `vermilion signer` is to sign, under the deadline that the page shows.
3. Take the signature back: it must be over just that, by an account that may approve, sent by another person.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import ApprovalDesk, ConsoleDesk
from api.issuer.framing import Desk, onward, page, same_person, shown_moment, told_of
from api.issuer.replaced import replacements_into, replacements_of
from api.issuer.requests import request_view
from api.issuer.structures import field_views, issuer_name, scope_name
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from node.signer import WalletSignature, document_bytes, signature_of
from registry.access import Action, require_second_person
from registry.anchor.operations import (
    AnchorApproval,
    BatchReinstatementApproval,
    ReinstatementApproval,
    RevocationApproval,
    SupersessionApproval,
)
from registry.anchor.progress import Batch, StatusRequest
from registry.credential import parse
from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.ports import ApprovalSigner
from registry.ports.storage import StoredCertificate, UnitOfWork
from registry.workflows.certificates.deliver import presentation_of
from registry.workflows.chain.supersede import makers_of, makers_of_change
from registry.workflows.issuance.approve import APPROVAL_LASTS, NotWaiting, approve, require_approver, to_be_approved
from registry.workflows.status.approve_change import RequestNotWaiting, approve_change, change_to_be_approved

SAMPLES: Final = 3
_DRAWN: Final = 30
"""Places of which the samples are taken: some may be of people who were erased."""
_DIGITS: Final = 12
_Asked = AnchorApproval | RevocationApproval | ReinstatementApproval | BatchReinstatementApproval | SupersessionApproval

router = APIRouter(include_in_schema=False)


class DeadlineForeign(MalformedInput):
    """The deadline of a document to be signed is none that a page of ours has shown."""

    code = "console/deadline-foreign"

    def __init__(self) -> None:
        super().__init__("expected the deadline that the page to approve has shown")


class NotCompared(MalformedInput):
    """The box that says that everything was compared is not ticked."""

    code = "console/not-compared"

    def __init__(self) -> None:
        super().__init__("expected the approver to have compared what is to be signed")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """One certificate of the batch."""

    number: str
    name: str
    results: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """A kind of thing that is approved: where its pages are, how it is derived, shown and approved."""

    room: str
    """Where its pages are: `/console/<room>/<id>`."""
    tab: str
    """Under which of the console's they are."""
    command: str
    """The same by command, without the name of the thing."""
    action: Action
    """What approving it is in the policy table."""
    derive: Callable[[ConsoleDesk, str], _Asked]
    makers: Callable[[UnitOfWork, str], set[str]]
    """Names who may not approve it: whoever made any of it."""
    approved: Callable[[UnitOfWork, str], Batch | StatusRequest]
    """Gives the thing, for who approved it."""
    approve: Callable[[ConsoleDesk, ApprovalSigner, str, str, int], object]
    """Keeps an approval: desk, who signed, id, person, deadline."""
    shown: Callable[[Request, Visit, UnitOfWork, ConsoleDesk, str], Mapping[str, Any]]
    """Words and values of its own for the page."""

    def path(self, id: str) -> str:
        """Give the address of the thing's own page."""
        return f"/console/{self.room}/{id}"

    def add_pages(self, to: APIRouter) -> None:
        """Offer the page to approve, the document to sign, and take the answer."""
        approver = Depends(allowed(self.action))

        def approve_page(id: str, request: Request, visit: Annotated[Visit, approver], desk: Desk) -> Response:
            return _unless_past(request, visit, desk, self, id, partial(_shown, request, visit, desk, self, id))

        def document(id: str, request: Request, visit: Annotated[Visit, approver], desk: Desk) -> Response:  # noqa: ARG001 - approvers
            return _document(request, desk, self, id)

        async def approve_answer(id: str, request: Request, visit: Annotated[Visit, approver], desk: Desk) -> Response:
            fields = await fields_of(request)
            require_own_form(request, visit, fields)
            answer = partial(_approved, request, visit, desk, self, id, fields)
            return await run_in_threadpool(_unless_past, request, visit, desk, self, id, answer)

        address = f"/console/{self.room}/{{id}}/approve"
        add_page(to, address, approve_page, ["GET", "HEAD"])
        add_page(to, address, approve_answer, ["POST"])
        add_page(to, f"{address}/document", document, ["GET", "HEAD"])


def _unless_past(
    request: Request, visit: Visit, desk: ConsoleDesk, matter: Matter, id: str, answer: Callable[[], Response]
) -> Response:
    """Give the answer; of what waits for no approval, such as one approved by command meanwhile, say so."""
    try:
        return answer()
    except (NotWaiting, RequestNotWaiting):
        with desk.store.read() as unit:
            one = matter.approved(unit, id)
        return page(
            request,
            visit,
            "console_approved.html",
            matter.tab,
            status=HTTPStatus.CONFLICT,
            id=id,
            target=matter.path(id),
            approved_by=one.approved_by,
            approved_at=shown_moment(one.approved_at),
        )


def _shown(
    request: Request, visit: Visit, desk: ConsoleDesk, matter: Matter, id: str, *, error: str = "", status: int = 200
) -> Response:
    # 1
    asked = matter.derive(desk, id)
    with desk.store.read() as unit:
        fields = field_views(request, unit, desk, asked)
        makers = matter.makers(unit, id)
        own_words = matter.shown(request, visit, unit, desk, id)
    return page(
        request,
        visit,
        "console_approve.html",
        matter.tab,
        status=status,
        id=id,
        target=matter.path(id),
        command=f"{matter.command} {id}",
        issuer=issuer_name(request, _approvals(desk)),
        fields=fields,
        deadline=asked.deadline,
        chain=_approvals(desk).contract.chain_id,
        own=any(same_person(one, visit) for one in makers),
        key_place=_approvals(desk).key_place,
        error=error,
        **own_words,
    )


def _document(request: Request, desk: ConsoleDesk, matter: Matter, id: str) -> Response:
    # 2
    asked = _under(matter.derive(desk, id), request.query_params.get("deadline", ""), desk.clock.now())
    return Response(
        document_bytes(asked, _approvals(desk).contract),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{id}.json"', "Cache-Control": "no-store"},
    )


def _approved(
    request: Request, visit: Visit, desk: ConsoleDesk, matter: Matter, id: str, fields: dict[str, str]
) -> Response:
    now, asked = desk.clock.now(), matter.derive(desk, id)
    try:
        # 3
        if fields.get("compared") != "yes":
            raise NotCompared
        signed = _under(asked, fields.get("deadline", ""), now)
        given = WalletSignature(signed, signature_of(fields.get("signature", "")), _approvals(desk).contract)
        with desk.store.read() as unit:
            for maker in matter.makers(unit, id):
                require_second_person(maker, visit.account.name, "an approval")
            require_approver(unit, signed.issuer, given.address, now)
        matter.approve(desk, given, id, visit.account.name, signed.deadline)
    except (MalformedInput, RuleRefusal) as error:
        cause, remedy = told_of(request, error.code)
        joint = "" if words_of(request).language == "zh" else " "
        return _shown(
            request, visit, desk, matter, id, error=cause + joint + remedy, status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    return onward(request, matter.path(id))


def _approvals(desk: ConsoleDesk) -> ApprovalDesk:
    assert desk.approvals is not None  # or these pages are not offered
    return desk.approvals


def _under(asked: _Asked, deadline: str, now: datetime) -> _Asked:
    """Give the approval under a deadline that a page has shown. Raises DeadlineForeign."""
    named = int(deadline) if deadline.isascii() and deadline.isdigit() and len(deadline) <= _DIGITS else 0
    if not int(now.timestamp()) < named <= int((now + APPROVAL_LASTS).timestamp()):
        raise DeadlineForeign
    return replace(asked, deadline=named)


# — a batch —


def _derive_batch(desk: ConsoleDesk, id: str) -> AnchorApproval:
    return to_be_approved(desk.store, desk.clock, desk.catalogue, _approvals(desk).key_of, id)


def _approve_batch(desk: ConsoleDesk, given: ApprovalSigner, id: str, person: str, deadline: int) -> object:
    key_of = _approvals(desk).key_of
    return approve(desk.store, desk.clock, desk.catalogue, key_of, given, id, person=person, deadline=deadline)


def _show_batch(request: Request, visit: Visit, unit: UnitOfWork, desk: ConsoleDesk, id: str) -> Mapping[str, Any]:
    batch = unit.batches.batch(id)
    words = words_of(request)
    replacements, paged = replacements_into(request, visit, unit, batch)
    return {
        "statement": words.text(
            "approving.statement", size=f"{batch.size:,}", scope=scope_name(request, desk.catalogue, batch)
        ),
        "samples": _samples(request, unit, batch),
        "size": f"{batch.size:,}",
        "change": None,
        "replacements": replacements,
        "paged": paged,
        "origin": [
            (words.text("console.proposed"), batch.proposed_by, shown_moment(batch.proposed_at)),
        ],
        "version": batch.programme_version,
    }


def _samples(request: Request, unit: UnitOfWork, batch: Batch) -> list[SampleView]:
    """Draw a few certificates, as they are signed; those of erased people show nothing, so that others are drawn."""
    drawn = secrets.SystemRandom().sample(range(batch.size), min(_DRAWN, batch.size))
    found = (unit.batches.by_leaf(batch.batch, leaf) for leaf in drawn)
    return list(islice((_sample(request, one) for one in found if one is not None and one.disclosures), SAMPLES))


def _sample(request: Request, one: StoredCertificate) -> SampleView:
    words, said = words_of(request), parse(presentation_of(one, full=True)).disclosed
    results = [
        f"{words.pick({'zh': result.name.zh, 'en': result.name.en})} {result.value}"
        for result in said.results
        if result is not None
    ]
    return SampleView(
        number=one.reservation.number,
        name=said.name or "",
        results=words.text("approving.joint").join(results),
    )


BATCH: Final = Matter(
    room="batches",
    tab="overview",
    command="vermilion batch approve",
    action=Action.APPROVE,
    derive=_derive_batch,
    makers=lambda unit, id: makers_of(unit, unit.batches.batch(id)),
    approved=lambda unit, id: unit.batches.batch(id),
    approve=_approve_batch,
    shown=_show_batch,
)


# — a change of status —


def _derive_change(desk: ConsoleDesk, id: str) -> _Asked:
    with _approvals(desk).ledger() as ledger:
        return change_to_be_approved(desk.store, desk.clock, ledger, id)


def _approve_change(desk: ConsoleDesk, given: ApprovalSigner, id: str, person: str, deadline: int) -> object:
    with _approvals(desk).ledger() as ledger:
        return approve_change(desk.store, desk.clock, ledger, given, id, person=person, deadline=deadline)


def _show_change(request: Request, visit: Visit, unit: UnitOfWork, desk: ConsoleDesk, id: str) -> Mapping[str, Any]:
    words, one = words_of(request), unit.status_requests.request(id)
    view = request_view(request, unit, desk, one)
    replacements, paged = replacements_of(request, visit, unit, one)
    return {
        "statement": words.text(f"approving.change.{one.wanted.word}", what=view.covers, reason=view.reason),
        "samples": [],
        "size": "",
        "change": view,
        "replacements": replacements,
        "paged": paged,
        "origin": [(words.text("requests.asked"), view.requested_by, view.requested_at)],
        "version": "",
    }


CHANGE: Final = Matter(
    room="requests",
    tab="certificates",
    command="vermilion cert approve",
    action=Action.APPROVE_CHANGE,
    derive=_derive_change,
    makers=lambda unit, id: makers_of_change(unit, unit.status_requests.request(id)),
    approved=lambda unit, id: unit.status_requests.request(id),
    approve=_approve_change,
    shown=_show_change,
)

for _matter in (BATCH, CHANGE):
    _matter.add_pages(router)
