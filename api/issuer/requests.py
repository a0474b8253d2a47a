"""Changes of status on their way: what is asked for, by whom, who approved it, how far the desk has taken it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import READ, Desk, Reader, onward, page, shown_moment, told_of
from api.issuer.live import LISTENING, Glance, stream
from api.issuer.makers import made_by, makers_of_changes
from api.issuer.paging import Paged, page_number
from api.issuer.replaced import replacements_of
from api.issuer.tasks import TaskView, Watcher, task_view
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action, may
from registry.anchor.progress import RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.ports.storage import UnitOfWork
from registry.ports.tasks import TaskKind
from registry.status import needs_approval
from registry.workflows.desk.hand_over import ask
from registry.workflows.status.approve_change import cancel_change
from registry.workflows.status.ask_changes import batch_names

MOST_NUMBERS: Final = 50
"""Numbers of certificates that a page writes out."""
PER_PAGE: Final = 50
_ENDED: Final = frozenset({RequestState.FINAL, RequestState.FAILED, RequestState.CANCELLED})

router = APIRouter(include_in_schema=False)
Sender = Annotated[Visit, Depends(allowed(Action.SEND_CHANGE))]
Canceller = Annotated[Visit, Depends(allowed(Action.CANCEL_CHANGE))]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """One change of status as the pages show it."""

    id: str
    covers: str
    wanted: str
    """Slug of a status."""
    reason: str
    state: RequestState
    requested_by: str
    requested_at: str
    approved_by: str
    approved_at: str
    lapsed: bool
    """Its approval was not used in time."""
    waits_for_approval: bool
    sent_with: str
    """The batch whose sending sends it too, while that is not recorded: not before; empty = it goes on its own."""
    sendable: bool
    batches: tuple[str, ...]
    numbers: tuple[str, ...]
    more: int
    """Certificates beyond those that are named."""
    transaction: str
    record: int | None
    answered: bool
    """It is recorded, and this site has read that: verification answers accordingly."""
    failure: str
    cause: str
    remedy: str


def requests_page(request: Request, visit: Reader, desk: Desk) -> Response:
    """List all changes of status, the newest first, page by page."""
    with desk.store.read() as unit:
        names = unit.status_requests.names()
        paged = Paged(number=page_number(request), total=len(names), size=PER_PAGE)
        found = newest_requests(request, unit, desk, names, paged)
    return page(request, visit, "console_requests.html", "certificates", requests=found, paged=paged)


def newest_requests(
    request: Request, unit: UnitOfWork, desk: ConsoleDesk, names: Sequence[str], paged: Paged
) -> list[RequestView]:
    """Show one page of all changes of status, whose names come oldest first, the newest first."""
    shown = names[::-1][paged.first : paged.last]
    return [request_view(request, unit, desk, unit.status_requests.request(one)) for one in shown]


def request_page(id: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show one change of status: what it does, how far it is, what comes next."""
    with desk.store.read() as unit:
        one = unit.status_requests.request(id)
        view = request_view(request, unit, desk, one)
        made = made_by(makers_of_changes(unit, [one])[one.id], visit)
        replacements, paged = replacements_of(request, visit, unit, one)
        tasks = [task_view(request, desk, task) for task in unit.tasks.of_subject(id)]
    task = next((two for two in tasks if two.under_way), None)
    seen = _glance(one, tasks, answered=view.answered)
    return page(
        request,
        visit,
        "console_request.html",
        "certificates",
        headers=LISTENING,
        request_=view,
        own=made,
        approves=desk.approvals is not None and may(visit.account.roles, Action.APPROVE_CHANGE, one.state),
        task=task,
        tasks=tasks,
        replacements=replacements,
        paged=paged,
        listen="" if seen.over else f"/console/requests/{id}/events",
        mark=seen.mark,
    )


def request_events(id: str, request: Request, visit: Watcher, desk: Desk) -> Response:
    """Tell a page how far a change of status is."""
    with desk.store.read() as unit:
        unit.status_requests.request(id)

    def look() -> Glance:
        with desk.store.read() as unit:
            one = unit.status_requests.request(id)
            tasks = [task_view(request, desk, task) for task in unit.tasks.of_subject(id)]
            answered = _is_answered(unit, one)
        return _glance(one, tasks, answered=answered)

    return stream(request, visit.account.name, desk.streams, look)


async def send_answer(id: str, request: Request, visit: Sender, desk: Desk) -> Response:
    """Ask the desk to take a change of status to the chain."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(ask, desk.store, desk.clock, TaskKind.SEND_REQUEST, id, person=visit.account.name)
    return onward(request, f"/console/requests/{id}")


async def cancel_answer(id: str, request: Request, visit: Canceller, desk: Desk) -> Response:
    """Give a change of status up before it is signed for the chain."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    await run_in_threadpool(cancel_change, desk.store, desk.clock, id, person=visit.account.name)
    return onward(request, f"/console/requests/{id}")


def request_view(request: Request, unit: UnitOfWork, desk: ConsoleDesk, one: StatusRequest) -> RequestView:
    """Write a change of status in the words of the page."""
    words, now = words_of(request), desk.clock.now()
    waits, lapsed, together = is_to_be_approved(one, now), _has_lapsed(one, now), sent_with(unit, one)
    cause, remedy = told_of(request, one.failure)
    numbers = tuple(str(target.number) for target in one.certificates[:MOST_NUMBERS])
    return RequestView(
        id=one.id,
        covers=_covers(request, one, batches := batch_names(unit, one)),
        wanted=one.wanted.word,
        reason=words.text(f"reasons.{one.reason.value}"),
        state=one.state,
        requested_by=one.requested_by,
        requested_at=shown_moment(one.requested_at),
        approved_by=one.approved_by or "",
        approved_at=shown_moment(one.approved_at),
        lapsed=lapsed,
        waits_for_approval=waits,
        sent_with=together,
        sendable=one.state not in _ENDED and not waits and not together,
        batches=tuple(batches),
        numbers=numbers,
        more=len(one.certificates) - len(numbers),
        transaction="" if one.transaction is None else "0x" + one.transaction.hex(),
        record=one.seq,
        answered=_is_answered(unit, one),
        failure=one.failure or "",
        cause=cause,
        remedy=remedy,
    )


def is_to_be_approved(one: StatusRequest, now: datetime) -> bool:
    """Tell whether a change of status waits for an approver: for the first time, or since its approval has lapsed."""
    return one.wanted in needs_approval and (one.state is RequestState.REQUESTED or _has_lapsed(one, now))


def sent_with(unit: UnitOfWork, one: StatusRequest) -> str:
    """Name the batch of successors that a supersession goes to the chain with; empty once that batch is final."""
    new = None if one.new_batch is None else unit.batches.of_chain(one.new_batch)
    return "" if new is None or new.state is AnchorState.FINAL or one.state in _ENDED else new.id


def _has_lapsed(one: StatusRequest, now: datetime) -> bool:
    return one.state is RequestState.APPROVED and one.approval is not None and one.approval.has_lapsed(now)


def _covers(request: Request, one: StatusRequest, batches: Iterable[str]) -> str:
    words = words_of(request)
    if len(one.certificates) == 1:
        return str(one.certificates[0].number)
    named = words.text("todo.joint").join(batches)
    if one.certificates:
        return words.text("requests.certificates_of", n=f"{len(one.certificates):,}", batch=named)
    return words.text("requests.whole_batches", batches=named)


def _is_answered(unit: UnitOfWork, one: StatusRequest) -> bool:
    return one.state is RequestState.FINAL and one.seq is not None and unit.projection.size() > one.seq


def _glance(one: StatusRequest, tasks: Iterable[TaskView], *, answered: bool) -> Glance:
    told = " ".join(task.glance().mark for task in tasks)
    over = answered or one.state in _ENDED - {RequestState.FINAL}
    return Glance(mark=f"{one.state} {answered} {told}", over=over)


add_page(router, "/console/requests", requests_page, READ)
add_page(router, "/console/requests/{id}", request_page, READ)
add_page(router, "/console/requests/{id}/events", request_events, ["GET"])
add_page(router, "/console/requests/{id}/send", send_answer, ["POST"])
add_page(router, "/console/requests/{id}/cancel", cancel_answer, ["POST"])
