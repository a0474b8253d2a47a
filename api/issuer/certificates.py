"""Single certificates for people of the house: where one stands and what happened to it, a change of its status asked
for in plain words, a claim link for its holder.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import NAME_SHOWN, READ, Desk, Reader, onward, page, shown_moment
from api.issuer.paging import Paged
from api.issuer.requests import RequestView, newest_requests, request_view
from api.issuer.structures import scope_name
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from api.verifier.masking import masked_name
from api.verifier.router import doors
from registry.access import Action, may
from registry.anchor.facts import BY_MEMBERS, StatusStep, certificate_life
from registry.anchor.states import AnchorState
from registry.credential import parse
from registry.kernel.identifiers import BatchId
from registry.ports.storage import NotHere, StoredCertificate, UnitOfWork
from registry.ports.tasks import TaskKind
from registry.status import Reason, Status, allowed_moves, grounds, needs_approval
from registry.workflows.access.sign_in import INVITED_FOR, invite_holder
from registry.workflows.certificates.deliver import presentation_of
from registry.workflows.desk.hand_over import ask
from registry.workflows.lineage.present import present_status
from registry.workflows.replacement.revisions import PENDING, line_of, status_word_of
from registry.workflows.status.ask_changes import plan_changes, request_changes

AT_ONCE: Final = 50
"""Certificates of a batch on one page."""
RECENT: Final = 10
"""Changes of status on the page of all certificates; the others have a page of their own."""
MOVES: Final = (Status.SUSPENDED, Status.VALID, Status.REVOKED)
"""What can be asked for on a page; a successor comes with its batch."""
_USUAL: Final = MappingProxyType({Status.SUSPENDED: Reason.INVESTIGATION, Status.VALID: Reason.INVESTIGATION_CLOSED})
"""The ground that is offered first; to revoke one has to be chosen."""
_DIGITS: Final = 9

router = APIRouter(include_in_schema=False)
Maker = Annotated[Visit, Depends(allowed(Action.REQUEST_STATUS))]
Inviter = Annotated[Visit, Depends(allowed(Action.INVITE_HOLDER))]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One certificate in a list."""

    number: str
    revision: int
    leaf: int
    standing: str
    """Slug of its status, or `pending`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeView:
    """One thing that happened to a certificate, by the chain's records."""

    status: str
    at: str
    reason: str
    by_members: bool
    record: int
    block: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateView:
    """One certificate as the people of the house see it."""

    number: str
    revision: int
    key: str
    batch: str
    scope: str
    named: str
    """Programme and level in the page's language."""
    leaf: int
    standing: str
    name: str
    """Its holder's, covered for who need not know it; empty = erased, or not signed yet."""
    erased: bool
    recorded_at: str
    block: str
    record: int | None
    life: tuple[LifeView, ...]
    revisions: tuple[RowView, ...]
    requests: tuple[RequestView, ...]
    moves: tuple[Status, ...]
    """What can be asked for now."""


def certificates(request: Request, visit: Reader, desk: Desk, batch: str = "", after: str = "") -> Response:
    """Offer to find a certificate by its number, and list those of a batch."""
    first = int(after) if after.isascii() and after.isdigit() and len(after) <= _DIGITS else 0
    return _certificates(request, visit, desk, batch=batch, first=first)


async def find_answer(request: Request, visit: Reader, desk: Desk) -> Response:
    """Lead to the certificate with a number. What is typed stands in no address: it may be another kind of number."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_found, request, visit, desk, fields.get("number", "").strip()[:NAME_SHOWN])


def _found(request: Request, visit: Visit, desk: ConsoleDesk, wanted: str) -> Response:
    with desk.store.read() as unit:
        found = unit.batches.by_number(wanted) if wanted else None
    if found is not None:
        return onward(request, f"/console/certificates/{found.reservation.number}")
    return _certificates(request, visit, desk, number=wanted, status=HTTPStatus.NOT_FOUND)


def _certificates(
    request: Request,
    visit: Visit,
    desk: ConsoleDesk,
    *,
    number: str = "",
    batch: str = "",
    first: int = 0,
    status: int = HTTPStatus.OK,
) -> Response:
    with desk.store.read() as unit:
        of = unit.batches.batch(batch) if batch else None
        rows = [] if of is None else [_row(unit, one) for one in _listed(unit, of.batch, first)]
        names = unit.status_requests.names()
        recent = Paged(number=1, total=len(names), size=RECENT)
        requests = newest_requests(request, unit, desk, names, recent)
        batches = [] if of is not None else list(islice(_recorded(unit), AT_ONCE))
    return page(
        request,
        visit,
        "console_certificates.html",
        "certificates",
        status=status,
        number=number,
        batch=of,
        rows=rows,
        first=first,
        earlier=max(0, first - AT_ONCE) if first else None,
        later=first + AT_ONCE if of is not None and first + AT_ONCE < of.size else None,
        batches=batches,
        requests=requests,
        more_requests=recent.pages > 1,
    )


def certificate_page(number: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show one certificate: how it stands, its revisions, what happened to it, what is asked for."""
    with desk.store.read() as unit:
        view = _view(request, visit, desk, unit, number)
    return page(
        request,
        visit,
        "console_certificate.html",
        "certificates",
        certificate=view,
        reasons={one: _grounds(one) for one in view.moves},
        needs=needs_approval,
    )


async def change_answer(number: str, request: Request, visit: Maker, desk: Desk) -> Response:
    """Say in plain words what a change means; once that is confirmed, ask for it."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    return await run_in_threadpool(_change, request, visit, desk, number, fields)


def _change(request: Request, visit: Visit, desk: ConsoleDesk, number: str, fields: dict[str, str]) -> Response:
    """Raises NotHere, GroundUnfit, NotFinalYet, AlreadyThere, MoveForbidden, SuspendedWithBatch, RequestOpen."""
    wanted = next((one for one in MOVES if one.word == fields.get("wanted")), None)
    if wanted is None:
        raise NotHere("status", fields.get("wanted", "")[:NAME_SHOWN])
    reason, person = Reason.parse(fields.get("reason", "")), visit.account.name
    if fields.get("understood") != "yes":
        with desk.store.read() as unit:
            plan_changes(unit, desk.clock.now(), [number], wanted, reason, person=person)
            view = _view(request, visit, desk, unit, number)
        return page(
            request,
            visit,
            "console_change.html",
            "certificates",
            certificate=view,
            wanted=wanted.word,
            reason=reason,
            needs_second=wanted in needs_approval,
        )
    asked = request_changes(desk.store, desk.clock, [number], wanted, reason, person=person).requests[0]
    if wanted not in needs_approval:  # one person suffices: what protects people should not wait
        ask(desk.store, desk.clock, TaskKind.SEND_REQUEST, asked.id, person=person)
    return onward(request, f"/console/requests/{asked.id}")


async def claim_answer(number: str, request: Request, visit: Inviter, desk: Desk) -> Response:
    """Make a link with which the holder chooses a password, and show it this once; an earlier one ends."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    token = await run_in_threadpool(invite_holder, desk.store, desk.clock, number=number, by=visit.account.name)
    return page(
        request,
        visit,
        "console_claim.html",
        "certificates",
        number=number,
        address=f"{doors(request).public_base_url}/invitation/{token}",
        days=INVITED_FOR.days,
    )


def _view(request: Request, visit: Visit, desk: ConsoleDesk, unit: UnitOfWork, number: str) -> CertificateView:
    one = unit.batches.by_number(number)
    if one is None:
        raise NotHere("certificate", number[:NAME_SHOWN])
    reservation, batch, placement = one.reservation, one.batch, one.batch.placement
    records = unit.projection.concerning(batch.issuer, batch.batch, reservation.leaf)
    life = certificate_life(records, batch.issuer, batch.batch, reservation.leaf)
    line = [] if one.batch.state is not AnchorState.FINAL else line_of(unit, one)
    revisions = [two for of in line if (two := unit.batches.by_number(of.number, of.revision)) is not None]
    concerned = unit.status_requests.concerning(reservation.number, batch.batch)
    return CertificateView(
        number=reservation.number,
        revision=reservation.revision,
        key=reservation.key,
        batch=batch.id,
        scope=batch.scope,
        named=scope_name(request, desk.catalogue, batch),
        leaf=reservation.leaf,
        standing=status_word_of(unit, one),
        name=_holder_name(visit, one),
        erased=one.jwt is not None and one.disclosures is None,
        recorded_at="" if placement is None else shown_moment(placement.block_time),
        block="" if placement is None else f"{placement.block_number:,}",
        record=None if placement is None else placement.seq,
        life=tuple(_step(request, two) for two in life),
        revisions=tuple(_row(unit, two) for two in revisions),
        requests=tuple(request_view(request, unit, desk, two) for two in reversed(concerned)),
        moves=_moves(unit, one),
    )


def _holder_name(visit: Visit, one: StoredCertificate) -> str:
    """Give the holder's name to who decides about the certificate or hands it over; others see it covered."""
    if one.jwt is None or one.disclosures is None:
        return ""
    name = parse(presentation_of(one)).disclosed.name or ""
    known_to = (Action.REQUEST_STATUS, Action.APPROVE, Action.INVITE_HOLDER)
    return name if any(may(visit.account.roles, action) for action in known_to) else masked_name(name)


def _moves(unit: UnitOfWork, one: StoredCertificate) -> tuple[Status, ...]:
    if status_word_of(unit, one) == PENDING:
        return ()
    present = present_status(unit, one)
    return tuple(status for status in MOVES if status in allowed_moves[present])


def _grounds(wanted: Status) -> Sequence[Reason]:
    """Give what may be said for a move, the usual ground first and “unspecified” last."""
    usual = _USUAL.get(wanted)
    return sorted(grounds[wanted], key=lambda one: (one is not usual, one is Reason.UNSPECIFIED, one))


def _listed(unit: UnitOfWork, batch: BatchId, first: int) -> list[StoredCertificate]:
    found = [unit.batches.by_leaf(batch, leaf) for leaf in range(first, first + AT_ONCE)]
    return [one for one in found if one is not None]


def _recorded(unit: UnitOfWork) -> Iterator[str]:
    """Name the batches that are on the chain, the newest first."""
    for name in reversed(unit.batches.names()):
        if unit.batches.batch(name).state is AnchorState.FINAL:
            yield name


def _row(unit: UnitOfWork, one: StoredCertificate) -> RowView:
    return RowView(
        number=one.reservation.number,
        revision=one.reservation.revision,
        leaf=one.reservation.leaf,
        standing=status_word_of(unit, one),
    )


def _step(request: Request, step: StatusStep) -> LifeView:
    words = words_of(request)
    reason = f"reasons.{step.reason}"
    return LifeView(
        status=step.status.word,
        at=shown_moment(step.since),
        reason=words.text(reason) if words.has(reason) else str(step.reason),
        by_members=step.by == BY_MEMBERS,
        record=step.seq,
        block=f"{step.block:,}",
    )


add_page(router, "/console/certificates", certificates, READ)
add_page(router, "/console/certificates", find_answer, ["POST"])
add_page(router, "/console/certificates/{number}", certificate_page, READ)
add_page(router, "/console/certificates/{number}/change", change_answer, ["POST"])
add_page(router, "/console/certificates/{number}/claim", claim_answer, ["POST"])
