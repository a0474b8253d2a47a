"""What pages ask of the desk: propose a batch, send it, draw it; how far that is, and what became of it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import READ, Desk, Reader, onward, page, shown_moment, told_of
from api.issuer.live import LISTENING, Glance, stream
from api.pages.catalogue import Catalogue
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, fields_of, require_own_form
from registry.access import Action
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.ports.storage import NotHere, UnitOfWork
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.workflows.desk.hand_over import STEPS, ask, names_replacement
from registry.workflows.issuance.issue import waiting_for_batch

UNDER_WAY: Final = frozenset({TaskState.QUEUED, TaskState.RUNNING})
MOST_COUNTED: Final = 10_000
"""People of one level that a page counts: to read each takes time."""
_PATIENCE: Final = timedelta(seconds=10)
"""How long a task may wait before it is said that no desk runs."""
_FEWEST_FOR_RATE: Final = 0.5
"""Seconds of work before a rate is told."""

router = APIRouter(include_in_schema=False)
Proposer = Annotated[Visit, Depends(allowed(Action.PROPOSE_BATCH))]
Watcher = Annotated[Visit, Depends(allowed(Action.SEE_REGISTRY, quiet=True))]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One task as the pages show it."""

    id: str
    kind: TaskKind
    subject: str
    state: TaskState
    step: str
    """Slug of what is done now; empty = nothing yet."""
    steps: tuple[str, ...]
    done: int
    total: int
    counted: str
    rate: str
    left: str
    asked_by: str
    asked_at: str
    ended_at: str
    failure: str
    """Code; empty = none."""
    cause: str
    remedy: str
    unattended: bool
    """It waits, and no desk runs."""

    @property
    def under_way(self) -> bool:
        """Tell whether something becomes of it yet."""
        return self.state in UNDER_WAY

    def glance(self) -> Glance:
        """Give what a live page shows of it."""
        return Glance(
            mark=f"{self.id} {self.state} {self.step} {self.unattended}",
            over=not self.under_way,
            done=self.done,
            total=self.total,
            counted=self.counted,
            rate=self.rate,
            left=self.left,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelView:
    """One level of a programme that is issued, and who waits for a certificate of it."""

    programme: str
    level: str
    name: str
    waiting: int
    """One more than `MOST_COUNTED` where there are more."""
    task: str
    """The open task that proposes a batch of it; empty = none."""
    batches: tuple[str, ...]
    """Batches of it that are not recorded yet."""


def propose_page(request: Request, visit: Reader, desk: Desk) -> Response:
    """Show for each level who has passed and waits, and offer to have a batch proposed."""
    with desk.store.read() as unit:
        levels = [one for code in desk.programmes for one in _levels(request, unit, desk, code)]
        unconfirmed = unit.marks.count_sheets(waiting=True)
    return page(
        request,
        visit,
        "console_propose.html",
        "overview",
        levels=levels,
        counted=lambda n: f"{n:,}" if n <= MOST_COUNTED else f"{MOST_COUNTED:,}+",
        unconfirmed=unconfirmed,
        desk_runs=desk.desk_runs(),
    )


async def propose_answer(request: Request, visit: Proposer, desk: Desk) -> Response:
    """Ask the desk for a batch."""
    fields = await fields_of(request)
    require_own_form(request, visit, fields)
    task = await run_in_threadpool(
        ask, desk.store, desk.clock, TaskKind.PROPOSE, fields.get("scope", ""), person=visit.account.name
    )
    return onward(request, f"/console/tasks/{task.id}")


def task_page(id: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show how far a task is; where it is about something that has a page, lead there."""
    with desk.store.read() as unit:
        task = unit.tasks.task(id)
        target = _page_of(unit, task)
    if target:
        return onward(request, target)
    view = task_view(request, desk, task)
    return page(
        request,
        visit,
        "console_task.html",
        "overview",
        headers=LISTENING,
        task=view,
        listen=f"/console/tasks/{id}/events" if view.under_way else "",
        mark=view.glance().mark,
    )


def task_events(id: str, request: Request, visit: Watcher, desk: Desk) -> Response:
    """Tell a page how far a task is."""
    with desk.store.read() as unit:
        unit.tasks.task(id)

    def look() -> Glance:
        with desk.store.read() as unit:
            task = unit.tasks.task(id)
            target = _page_of(unit, task)
        view = task_view(request, desk, task).glance()
        return view if not target else Glance(mark=target, over=True)

    return stream(request, visit.account.name, desk.streams, look)


def _page_of(unit: UnitOfWork, task: Task) -> str:
    """Give the page that shows what a task is about; empty = its own."""
    if task.kind is TaskKind.SEND_REQUEST:
        return f"/console/requests/{task.subject}"
    if task.kind is not TaskKind.PROPOSE:
        return f"/console/batches/{task.subject}"
    batch = batch_of(unit, task)
    return "" if batch is None else f"/console/batches/{batch.id}"


def batch_of(unit: UnitOfWork, task: Task) -> Batch | None:
    """Give the batch that a task to propose has led to so far."""
    if names_replacement(task.subject):
        placed = unit.replacements.replacement(task.subject).batch
        return None if placed is None else unit.batches.batch(placed)
    if task.result is not None:  # under another key, where it went on with what was left reserved
        return unit.batches.batch(task.result)
    return unit.batches.of_key(_key(task.id))


def tasks_of_batch(unit: UnitOfWork, batch: Batch) -> list[Task]:
    """Give every task for a batch, and the one that proposes it, the newest first."""
    found = list(unit.tasks.of_subject(batch.id))
    kind, _, maker = batch.idempotency_key.partition("/")
    if f"{kind}/" == _key("") and all(one.id != maker for one in found):
        with suppress(NotHere):  # a key of somebody's own that only looks like ours
            found.append(unit.tasks.task(maker))  # it has no result yet
    return found


def _key(task: str) -> str:
    return f"task/{task}"


def task_view(request: Request, desk: ConsoleDesk, task: Task) -> TaskView:
    """Write a task in the words of the page."""
    words, now = words_of(request), desk.clock.now()
    cause, remedy = told_of(request, task.failure)
    rate, left = _pace(words, task)
    return TaskView(
        id=task.id,
        kind=task.kind,
        subject=task.subject,
        state=task.state,
        step=task.step or "",
        steps=tuple(STEPS[task.kind]),
        done=task.done,
        total=task.total,
        counted=f"{task.done:,} / {task.total:,}" if task.total else "",
        rate=rate,
        left=left,
        asked_by=task.asked_by,
        asked_at=shown_moment(task.asked_at),
        ended_at=shown_moment(task.finished_at),
        failure=task.failure or "",
        cause=cause,
        remedy=remedy,
        unattended=_is_idle(task, now) and not desk.desk_runs(),
    )


def _is_idle(task: Task, now: datetime) -> bool:
    """Tell whether nobody works on a task that should be worked on."""
    if task.state is TaskState.QUEUED:
        return now >= task.asked_at + _PATIENCE
    return task.state is TaskState.RUNNING and task.leased_until is not None and now >= task.leased_until


def _pace(words: Catalogue, task: Task) -> tuple[str, str]:
    """Say how many a second, and how long it takes yet; empty where that cannot be told."""
    if task.state is not TaskState.RUNNING or task.began_at is None or task.heard_at is None or not task.total:
        return "", ""
    seconds = (task.heard_at - task.began_at).total_seconds()
    if seconds < _FEWEST_FOR_RATE or not task.done:
        return "", ""
    rate = task.done / seconds
    left = words.age(round((task.total - task.done) / rate)) if task.done < task.total else ""
    return words.text("tasks.rate", n=f"{rate:,.0f}" if rate >= 1 else f"{rate:.1f}"), left


def _levels(request: Request, unit: UnitOfWork, desk: ConsoleDesk, code: str) -> list[LevelView]:
    words, programme = words_of(request), desk.catalogue.programme(code)
    open_ones = unit.batches.batches(*_NOT_RECORDED)
    found = []
    for level in programme.levels:
        scope = f"{code}/{level.code}"
        task = unit.tasks.open_for(TaskKind.PROPOSE, scope)
        names: Sequence[str] = [
            words.pick({"zh": one.zh, "en": one.en or one.zh}) or ""
            for one in (programme.name, *([] if level.code == "-" else [level.name]))
        ]
        found.append(
            LevelView(
                programme=code,
                level=level.code,
                name=words.text("tasks.name_joint").join(names),
                waiting=waiting_for_batch(unit, desk.catalogue, desk.issuer, code, level.code, most=MOST_COUNTED),
                task="" if task is None else task.id,
                batches=tuple(one.id for one in open_ones if one.scope == scope),
            )
        )
    return found


_NOT_RECORDED: Final = tuple(one for one in AnchorState if one not in {AnchorState.FINAL, AnchorState.CANCELLED})

add_page(router, "/console/propose", propose_page, READ)
add_page(router, "/console/propose", propose_answer, ["POST"])
add_page(router, "/console/tasks/{id}", task_page, READ)
add_page(router, "/console/tasks/{id}/events", task_events, ["GET"])
