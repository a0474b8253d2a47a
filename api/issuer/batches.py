"""What waits, every batch, and how far one batch is; what the desk is asked for to take it on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import READ, Desk, Reader, onward, page, shown_moment, told_of
from api.issuer.live import LISTENING, Glance, stream
from api.issuer.makers import made_by, makers_of_batches
from api.issuer.paging import Paged, page_number
from api.issuer.replaced import replacements_into
from api.issuer.structures import scope_name
from api.issuer.tasks import TaskView, Watcher, task_view, tasks_of_batch
from api.issuer.todo import entries
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from api.situations import WORDS, command_for
from registry.access import Action, may
from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.anchor.situations import Act, Situation
from registry.anchor.states import AnchorState
from registry.kernel.errors import Missing
from registry.ports.storage import UnitOfWork
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.workflows.certificates.draw import lacking_in
from registry.workflows.desk.hand_over import PAPERS_KEPT, ask
from registry.workflows.issuance.approve import cancel
from registry.workflows.issuance.stand import standing

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
_WITH_BUTTON: Final = frozenset({Act.APPROVE, Act.ISSUE, Act.LIST})
"""Next commands that a page does by itself."""
_STILL: Final = frozenset({AnchorState.CANCELLED, AnchorState.FAILED})
_PER_PAGE: Final = 50
MOST_SUPERSESSIONS: Final = 20
"""Supersessions that the page of a batch names: a renewal may have one for each batch of the old certificates."""
MOST_WAITING: Final = 20
"""What waits, of each kind of reader, on the first page; all of it has a page of its own."""

router = APIRouter(include_in_schema=False)
Sender = Annotated[Visit, Depends(allowed(Action.ISSUE_BATCH))]
Canceller = Annotated[Visit, Depends(allowed(Action.CANCEL_BATCH))]
Printer = Annotated[Visit, Depends(allowed(Action.PRINT))]


class PapersNotKept(Missing):
    """A batch's drawn certificates are not there: not drawn yet, or deleted after their time."""

    code = "console/papers-not-kept"

    def __init__(self, batch: str) -> None:
        self.batch = batch
        super().__init__(f"the drawn certificates of {batch} are not there: not drawn yet, or deleted by now")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """One batch as the pages show it."""

    id: str
    scope: str
    named: str
    """Programme and level in the page's language."""
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
    """Code; empty = none."""
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandView:
    """What happened to a batch, what is safe, what to do, in the words of the page."""

    situation: Situation
    happened: str
    safe: str
    do: str
    act: str
    """Which next command; of some the page has a button."""
    command: str
    shown: bool
    """The command stands there in full: no button does the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One of the seven states on a batch's way."""

    state: AnchorState
    done: bool
    here: bool
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PapersView:
    """A batch's drawn certificates, ready to be taken."""

    megabytes: str
    until: str
    drawn: int
    lacking: int
    """Certificates of the batch that are not in it."""
    named: tuple[str, ...]
    """Numbers of them, the first ones."""


def overview(request: Request, visit: Reader, desk: Desk) -> Response:
    """Show what waits, and every batch."""
    with desk.store.read() as unit:
        names = unit.batches.names()
        paged = Paged(number=page_number(request), total=len(names), size=_PER_PAGE)
        batches = [_batch(request, desk, unit.batches.batch(one)) for one in names[::-1][paged.first : paged.last]]
        waits = entries(request, visit, desk, unit)
        empty = not unit.enrolments.count_rosters()
    own, others = ([one for one in waits if one.yours is yours] for yours in (True, False))
    return page(
        request,
        visit,
        "console.html",
        "overview",
        batches=batches,
        paged=paged,
        own=own[:MOST_WAITING],
        others=others[:MOST_WAITING],
        waiting=len(waits) if max(len(own), len(others)) > MOST_WAITING else 0,
        empty=empty,
    )


def waiting_page(request: Request, visit: Reader, desk: Desk) -> Response:
    """Show all that waits, page by page: first what its reader can do, then what waits for others."""
    with desk.store.read() as unit:
        waits = entries(request, visit, desk, unit)
    paged = Paged(number=page_number(request), total=len(waits), size=_PER_PAGE)
    shown = waits[paged.first : paged.last]
    return page(
        request,
        visit,
        "console_waiting.html",
        "overview",
        own=[one for one in shown if one.yours],
        others=[one for one in shown if not one.yours],
        paged=paged,
    )


def batch_page(id: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show how far a batch is, what an interruption loses, and what comes next."""
    with desk.store.read() as unit:
        batch = unit.batches.batch(id)
        found = tasks_of_batch(unit, batch)
        papers = _papers(desk, batch, found)
        made = made_by(makers_of_batches(unit, [batch])[batch.id], visit)
        stands = _stands(request, visit, unit, desk, batch, made=made)
        replacements, paged = replacements_into(request, visit, unit, batch)
        supersessions = unit.status_requests.onto(batch.batch) if replacements else []
    tasks = [task_view(request, desk, one) for one in found]
    seen = _glance(batch, tasks)
    return page(
        request,
        visit,
        "console_batch.html",
        "overview",
        headers=LISTENING,
        batch=_batch(request, desk, batch),
        steps=_steps(batch),
        way=WAY,
        own=made,
        approves=desk.approvals is not None and may(visit.account.roles, Action.APPROVE, batch.state),
        task=next((one for one in tasks if one.under_way), None),
        tasks=tasks,
        stands=stands,
        replacements=replacements,
        paged=paged,
        supersessions=sorted(supersessions, key=_is_settled)[:MOST_SUPERSESSIONS],
        more_supersessions=max(0, len(supersessions) - MOST_SUPERSESSIONS),
        undelivered=batch.state is AnchorState.FINAL and batch.delivered_at is None,
        papers=papers,
        kept_hours=int(PAPERS_KEPT.total_seconds() // 3600),
        listen="" if seen.over else f"/console/batches/{id}/events",
        mark=seen.mark,
    )


def _is_settled(supersession: StatusRequest) -> bool:
    """Tell whether nobody has to approve it any more."""
    return supersession.state is not RequestState.REQUESTED


def batch_events(id: str, request: Request, visit: Watcher, desk: Desk) -> Response:
    """Tell a page how far a batch is."""
    with desk.store.read() as unit:
        unit.batches.batch(id)

    def look() -> Glance:
        with desk.store.read() as unit:
            batch = unit.batches.batch(id)
            found = tasks_of_batch(unit, batch)
        return _glance(batch, [task_view(request, desk, one) for one in found])

    return stream(request, visit.account.name, desk.streams, look)


async def send_answer(id: str, request: Request, visit: Sender, desk: Desk) -> Response:
    """Ask the desk to take a batch to the chain and deliver it."""
    return await _asked(id, request, visit, desk, TaskKind.SEND_BATCH)


async def cancel_answer(id: str, request: Request, visit: Canceller, desk: Desk) -> Response:
    """Give a batch up: its numbers are never used again, its candidates wait for another one."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    ledger = None if desk.approvals is None else desk.approvals.ledger
    await run_in_threadpool(cancel, desk.store, desk.clock, id, person=visit.account.name, ledger=ledger)
    return onward(request, f"/console/batches/{id}")


async def draw_answer(id: str, request: Request, visit: Printer, desk: Desk) -> Response:
    """Ask the desk to draw a batch's certificates into one ZIP."""
    return await _asked(id, request, visit, desk, TaskKind.DRAW)


async def _asked(id: str, request: Request, visit: Visit, desk: ConsoleDesk, kind: TaskKind) -> Response:
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(ask, desk.store, desk.clock, kind, id, person=visit.account.name)
    return onward(request, f"/console/batches/{id}")


def papers_file(id: str, visit: Printer, desk: Desk) -> Response:  # noqa: ARG001 - only who prints
    """Give the ZIP of a batch's certificates. Raises PapersNotKept."""
    with desk.store.read() as unit:
        batch = unit.batches.batch(id)
        drawn = _drawn(desk, batch, unit.tasks.of_subject(batch.id))
    if drawn is None:
        raise PapersNotKept(batch.id)
    return FileResponse(
        drawn[0], media_type="application/zip", filename=f"{batch.id}.zip", headers={"Cache-Control": "no-store"}
    )


def _drawn(desk: ConsoleDesk, batch: Batch, tasks: Iterable[Task]) -> tuple[Path, Task, datetime] | None:
    """Find a batch's ZIP, what drew it, until when it is given; None past that, where no desk ran to delete it."""
    path = None if desk.papers is None else desk.papers / f"{batch.id}.zip"
    by = next((one for one in tasks if one.kind is TaskKind.DRAW and one.state is TaskState.FINISHED), None)
    if path is None or by is None or by.finished_at is None:
        return None
    until = by.finished_at + PAPERS_KEPT
    return (path, by, until) if desk.clock.now() < until and path.is_file() else None


def _papers(desk: ConsoleDesk, batch: Batch, tasks: Sequence[Task]) -> PapersView | None:
    found = _drawn(desk, batch, tasks)
    if found is None:
        return None
    path, drawn, until = found
    lacking = drawn.total - drawn.done
    return PapersView(
        megabytes=f"{path.stat().st_size / 1024 / 1024:,.1f}",
        until=shown_moment(until),
        drawn=drawn.done,
        lacking=lacking,
        named=lacking_in(path) if lacking else (),
    )


def _stands(
    request: Request, visit: Visit, unit: UnitOfWork, desk: ConsoleDesk, batch: Batch, *, made: bool
) -> StandView:
    found = standing(unit, batch, desk.clock.now(), desk_runs=desk.desk_runs())
    words, act = WORDS[found.situation], found.next.act
    chinese = words_of(request).language == "zh"
    somebody = words_of(request).text("approving.somebody")
    if may(visit.account.roles, Action.APPROVE, batch.state) and not made:
        somebody = visit.account.name
    return StandView(
        situation=found.situation,
        happened=words.happened_zh if chinese else words.happened_en,
        safe=words.safe_zh if chinese else words.safe_en,
        do=words.do_zh if chinese else words.do_en,
        act=act.name,
        command=command_for(found.next).replace("SOMEBODY-ELSE", somebody),
        shown=act not in _WITH_BUTTON,
    )


def _glance(batch: Batch, tasks: Sequence[TaskView]) -> Glance:
    busy = next((one.glance() for one in tasks if one.under_way), Glance(mark="", over=False))
    ended = " ".join(f"{one.id}={one.state}" for one in tasks)
    mark = f"{batch.state} {batch.delivered_at is not None} {ended} {busy.mark}"
    return replace(busy, mark=mark, over=not _moves(batch, tasks))


def _moves(batch: Batch, tasks: Sequence[TaskView]) -> bool:
    """Tell whether something on the page changes without its reader."""
    if any(one.under_way for one in tasks):
        return True
    return batch.state not in _STILL and not (batch.state is AnchorState.FINAL and batch.delivered_at is not None)


def _steps(batch: Batch) -> list[StepView]:
    # What was sent and reverted has been as far as sent; an orphan goes back there.
    reached = {AnchorState.ORPHANED: AnchorState.SENT, AnchorState.FAILED: AnchorState.SENT}.get(
        batch.state, batch.state
    )
    place = WAY.index(reached) if reached in WAY else -1
    times: dict[AnchorState, datetime | None] = {
        AnchorState.RESERVED: batch.proposed_at,
        AnchorState.APPROVED: batch.approved_at,
        AnchorState.FINAL: None if batch.placement is None else batch.placement.block_time,
    }
    return [
        StepView(
            state=one,
            done=index < place or batch.state is AnchorState.FINAL,
            here=index == place,
            at=shown_moment(times.get(one)) if index <= place else "",
        )
        for index, one in enumerate(WAY)
    ]


def _batch(request: Request, desk: ConsoleDesk, batch: Batch) -> BatchView:
    placement = batch.placement
    cause, remedy = told_of(request, batch.failure)
    return BatchView(
        id=batch.id,
        scope=batch.scope,
        named=scope_name(request, desk.catalogue, batch),
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
        cause=cause,
        remedy=remedy,
    )


def _grouped(digest: bytes | None) -> str:
    """Write 32 bytes in groups of eight hexadecimal digits, as people compare them."""
    text = "" if digest is None else digest.hex()
    return " ".join(text[at : at + 8] for at in range(0, len(text), 8))


add_page(router, "/console", overview, READ)
add_page(router, "/console/waiting", waiting_page, READ)
add_page(router, "/console/batches/{id}", batch_page, READ)
add_page(router, "/console/batches/{id}/events", batch_events, ["GET"])
add_page(router, "/console/batches/{id}/send", send_answer, ["POST"])
add_page(router, "/console/batches/{id}/cancel", cancel_answer, ["POST"])
add_page(router, "/console/batches/{id}/draw", draw_answer, ["POST"])
add_page(router, "/console/batches/{id}/certificates.zip", papers_file, ["GET"])
