"""What waits, every batch, and how far one batch is."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.issuer.framing import READ, Desk, Reader, page, shown_moment
from api.pages.rendering import add_page
from registry.access import Action, may
from registry.anchor.progress import Batch, RequestState
from registry.anchor.states import AnchorState

WAY: Final = (
    AnchorState.RESERVED,
    AnchorState.SEALED,
    AnchorState.APPROVED,
    AnchorState.SIGNED,
    AnchorState.SENT,
    AnchorState.INCLUDED,
    AnchorState.FINAL,
)
"""The seven states of a batch that goes well, in their order."""
REFRESH_SECONDS: Final = 3

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """One batch as the pages show it."""

    id: str
    scope: str
    size: int
    state: AnchorState
    proposed_by: str
    proposed_at: str
    approved_by: str
    approved_at: str
    root: str
    transaction: str
    block: str
    recorded_at: str
    delivered_at: str
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One of the seven states on a batch's way."""

    state: AnchorState
    done: bool
    here: bool


def overview(request: Request, visit: Reader, desk: Desk) -> Response:
    """Show what waits, and every batch."""
    with desk.store.read() as unit:
        batches = [_batch(one) for one in unit.batches.batches()]
        sheets = [one for one in unit.marks.sheets() if one.confirmed_by is None]
        rosters = unit.enrolments.rosters()
        undecided = sum(1 for one in unit.enrolments.applications() if one.eligible is None) if rosters else 0
        requests = [one.id for one in unit.status_requests.requests(RequestState.REQUESTED)]
    return page(
        request,
        visit,
        "console.html",
        "overview",
        batches=list(reversed(batches)),
        sheets=sheets,
        undecided=undecided,
        requests=requests,
        sealed=[one for one in batches if one.state is AnchorState.SEALED],
        empty=not rosters,
    )


def batch_page(id: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show how far a batch is, what an interruption loses, and what comes next."""
    with desk.store.read() as unit:
        batch = unit.batches.batch(id)
    moving = batch.state not in {AnchorState.FINAL, AnchorState.CANCELLED, AnchorState.FAILED}
    return page(
        request,
        visit,
        "console_batch.html",
        "overview",
        batch=_batch(batch),
        steps=_steps(batch.state),
        way=WAY,
        own=batch.proposed_by.casefold() == visit.account.name.casefold(),
        approves=desk.approvals is not None and may(visit.account.roles, Action.APPROVE),
        refresh=REFRESH_SECONDS if moving else 0,
    )


def _steps(state: AnchorState) -> list[StepView]:
    # What was sent and reverted has been as far as sent; an orphan goes back there.
    reached = {AnchorState.ORPHANED: AnchorState.SENT, AnchorState.FAILED: AnchorState.SENT}.get(state, state)
    place = WAY.index(reached) if reached in WAY else -1
    return [
        StepView(state=one, done=index < place or state is AnchorState.FINAL, here=index == place)
        for index, one in enumerate(WAY)
    ]


def _batch(batch: Batch) -> BatchView:
    placement = batch.placement
    return BatchView(
        id=batch.id,
        scope=batch.scope,
        size=batch.size,
        state=batch.state,
        proposed_by=batch.proposed_by,
        proposed_at=shown_moment(batch.proposed_at),
        approved_by=batch.approved_by or "",
        approved_at=shown_moment(batch.approved_at),
        root=_grouped(batch.root),
        transaction="" if batch.transaction is None else "0x" + batch.transaction.hex(),
        block="" if placement is None else f"{placement.block_number:,}",
        recorded_at="" if placement is None else shown_moment(placement.block_time),
        delivered_at=shown_moment(batch.delivered_at),
        failure=batch.failure or "",
    )


def _grouped(digest: bytes | None) -> str:
    """Write 32 bytes in groups of eight hexadecimal digits, as people compare them."""
    text = "" if digest is None else digest.hex()
    return " ".join(text[at : at + 8] for at in range(0, len(text), 8))


add_page(router, "/console", overview, READ)
add_page(router, "/console/batches/{id}", batch_page, READ)
