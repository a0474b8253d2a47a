"""The approver's pages: what is to be signed in plain words, the document for the approver's own key, the signature.

The approver's key is never in this process: it signs where its person keeps it, and comes back as a signature.
1. Derive everything again and show it, with the hashes in groups of eight digits and a few certificates at random.
2. Give the typed data that a wallet or `vermilion signer` is to sign, under the deadline that the page shows.
3. Take the signature back: it must be over just that, by an account that may approve, sent by another person.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.errors import advice
from api.issuer.desk import ApprovalDesk, ConsoleDesk
from api.issuer.framing import Desk, shown_moment
from api.pages.rendering import add_page, place_of, render, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from node.signer import WalletSignature, document_bytes, signature_of
from registry.access import Action, may
from registry.anchor.facts import IssuerState, issuer_facts
from registry.anchor.operations import AnchorApproval
from registry.anchor.progress import Batch
from registry.assessment import require_second_person
from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.kernel.identifiers import batch_id
from registry.ports.storage import UnitOfWork
from registry.workflows.approve import APPROVAL_LASTS, approve, require_approver, to_be_approved
from registry.workflows.issue import Holder, holders

SAMPLES: Final = 3
_DIGITS: Final = 12

router = APIRouter(include_in_schema=False)
Approver = Annotated[Visit, Depends(allowed(Action.APPROVE))]


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
class FieldView:
    """One of the eight fields that a signer shows."""

    name: str
    """As the contract calls it."""
    value: str
    groups: tuple[str, ...]
    """A digest's 64 digits, eight at a time; none = the value is no digest."""
    means: str
    checked: str
    """What was computed again here; empty where there is nothing to compute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """One certificate of the batch."""

    number: str
    name: str
    results: str


def approve_page(id: str, request: Request, visit: Approver, desk: Desk) -> Response:
    """Show what the approver would sign."""
    return _shown(request, visit, desk, id)


def document(id: str, request: Request, visit: Approver, desk: Desk) -> Response:  # noqa: ARG001 - only approvers
    """Give the typed data (EIP-712, JSON) that the approver's key is to sign, under the page's deadline."""
    asked = _under(_asked(desk, id), request.query_params.get("deadline", ""), desk.clock.now())
    return Response(
        document_bytes(asked, _approvals(desk).contract),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{id}.json"', "Cache-Control": "no-store"},
    )


async def approve_answer(id: str, request: Request, visit: Approver, desk: Desk) -> Response:
    """Take the approver's signature."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_approved, request, visit, desk, id, fields)


def _approved(request: Request, visit: Visit, desk: ConsoleDesk, id: str, fields: dict[str, str]) -> Response:
    now, asked = desk.clock.now(), _asked(desk, id)
    try:
        # 3
        if fields.get("compared") != "yes":
            raise NotCompared
        signed = _under(asked, fields.get("deadline", ""), now)
        given = WalletSignature(signed, signature_of(fields.get("signature", "")), _approvals(desk).contract)
        with desk.store.read() as unit:
            require_second_person(unit.batches.batch(id).proposed_by, visit.account.name, "approving a batch")
            require_approver(unit, signed.issuer, given.address, now)
        approve(
            desk.store,
            desk.clock,
            desk.catalogue,
            _approvals(desk).key_of,
            given,
            id,
            person=visit.account.name,
            deadline=signed.deadline,
        )
    except (MalformedInput, RuleRefusal) as error:
        texts = advice()[error.code]
        chinese = words_of(request).language == "zh"
        told = texts.cause_zh + texts.remedy_zh if chinese else f"{texts.cause_en} {texts.remedy_en}"
        return _shown(request, visit, desk, id, error=told, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return RedirectResponse(f"{place_of(request)[1]}/console/batches/{id}", status_code=HTTPStatus.SEE_OTHER)


def _approvals(desk: ConsoleDesk) -> ApprovalDesk:
    assert desk.approvals is not None  # or these pages are not offered
    return desk.approvals


def _asked(desk: ConsoleDesk, id: str) -> AnchorApproval:
    return to_be_approved(desk.store, desk.clock, desk.catalogue, _approvals(desk).key_of, id)


def _under(asked: AnchorApproval, deadline: str, now: datetime) -> AnchorApproval:
    """Give the approval under a deadline that a page has shown. Raises DeadlineForeign."""
    named = int(deadline) if deadline.isascii() and deadline.isdigit() and len(deadline) <= _DIGITS else 0
    if not int(now.timestamp()) < named <= int((now + APPROVAL_LASTS).timestamp()):
        raise DeadlineForeign
    return replace(asked, deadline=named)


def _shown(
    request: Request, visit: Visit, desk: ConsoleDesk, id: str, *, error: str = "", status: int = 200
) -> Response:
    # 1
    asked = _asked(desk, id)
    with desk.store.read() as unit:
        batch = unit.batches.batch(id)
        fields = _fields(request, unit, desk, batch, asked)
        everybody = list(holders(unit, desk.catalogue, batch))
    scope = _scope_name(request, desk, batch)
    drawn = secrets.SystemRandom().sample(everybody, min(SAMPLES, len(everybody)))
    return render(
        request,
        "console_approve.html",
        status=status,
        keep="no-store",
        visit=visit,
        tab="overview",
        can=lambda action: may(visit.account.roles, Action(action)),
        batch=batch,
        size=f"{batch.size:,}",
        scope=scope,
        issuer=words_of(request).pick({"zh": _approvals(desk).issuer_name.zh, "en": _approvals(desk).issuer_name.en}),
        fields=fields,
        samples=[_sample(request, one) for one in drawn],
        proposed_at=shown_moment(batch.proposed_at),
        deadline=asked.deadline,
        chain=_approvals(desk).contract.chain_id,
        own=batch.proposed_by.casefold() == visit.account.name.casefold(),
        error=error,
    )


def _fields(
    request: Request, unit: UnitOfWork, desk: ConsoleDesk, batch: Batch, asked: AnchorApproval
) -> list[FieldView]:
    words = words_of(request)
    facts = issuer_facts(unit.projection.of_issuer(batch.issuer), batch.issuer)
    now = int(desk.clock.now().timestamp())
    window = facts.scopes.get(batch.scope)
    stands = facts.state is IssuerState.ACTIVE
    granted = window is not None and window.valid_from <= now < window.until
    same = words.text("approving.same")
    ours = batch_id(batch.issuer, batch.idempotency_key) == batch.batch

    def field(name: str, value: str | bytes, means: str, checked: str = "") -> FieldView:
        groups: Sequence[str] = ()
        if isinstance(value, bytes):
            value = value.hex()
            groups = [value[at : at + 8] for at in range(0, len(value), 8)]
        return FieldView(name=name, value=value, groups=tuple(groups), means=means, checked=checked)

    return [
        field(
            "issuer",
            asked.issuer,
            words.pick({"zh": _approvals(desk).issuer_name.zh, "en": _approvals(desk).issuer_name.en}) or "",
            words.text("approving.accredited") if stands else "",
        ),
        field(
            "scope",
            asked.scope,
            _scope_name(request, desk, batch),
            words.text("approving.granted") if granted else "",
        ),
        field("size", f"{asked.size:,}", words.text("approving.means_size"), same),
        field("batchId", asked.batch, batch.id, same if ours else ""),
        field("root", asked.root, words.text("approving.means_root"), same),
        field("evidence", asked.evidence, words.text("approving.means_evidence"), same),
        field("credentialKey", asked.credential_key, words.text("approving.means_key"), same),
        field(
            "deadline",
            shown_moment(datetime.fromtimestamp(asked.deadline, UTC)),
            words.text("approving.means_deadline"),
        ),
    ]


def _scope_name(request: Request, desk: ConsoleDesk, batch: Batch) -> str:
    words, programme = words_of(request), desk.catalogue.by_digest(batch.programme_digest)
    code = batch.scope.partition("/")[2]
    level = next((one for one in programme.levels if one.code == code), None)
    names = [programme.name, *([] if level is None or code == "-" else [level.name])]
    if words.language == "zh":
        return "".join(one.zh for one in names)
    return ", ".join(one.en or one.zh for one in names)


def _sample(request: Request, holder: Holder) -> SampleView:
    words = words_of(request)
    results = [
        f"{words.pick({'zh': one.name.zh, 'en': one.name.en})} {one.value}"
        for one in holder.claims.results
        if one is not None
    ]
    return SampleView(
        number=holder.reservation.number,
        name=holder.claims.name,
        results=words.text("approving.joint").join(results),
    )


add_page(router, "/console/batches/{id}/approve", approve_page, ["GET", "HEAD"])
add_page(router, "/console/batches/{id}/approve", approve_answer, ["POST"])
add_page(router, "/console/batches/{id}/approve/document", document, ["GET", "HEAD"])
