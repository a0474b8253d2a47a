"""Hand over: pages ask for what takes keys or long; a desk, a process of its own that has the keys, works it off.

1. Give back what is open for the same subject: one task is open at a time for a kind and a subject.
2. Refuse what cannot be done as things stand; and, before it is accepted, what could not be done soon: the queue is
   bounded, and nothing is handed over while writing is halted or the disk is nearly full.
3. Keep the task, and in the journal who asked. What is kept is done, however often the desk dies.

How it is worked off stands in `registry.workflows.desk.work_off`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.kernel.errors import Unavailable
from registry.kernel.identifiers import scope_code
from registry.ports import Clock
from registry.ports.storage import Store, UnitOfWork
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.status import needs_approval
from registry.workflows.certificates.deliver import NotDeliverable
from registry.workflows.chain.anchor import ApprovalLapsed
from registry.workflows.chain.status_operations import NotApproved, require_supersedable
from registry.workflows.issuance.approve import NotWaiting
from registry.workflows.issuance.issue import NothingToIssue, left_reserved
from registry.workflows.status.approve_change import RequestNotWaiting

PAPERS_KEPT: Final = timedelta(hours=24)
"""How long a drawn ZIP is kept."""
PAPERS_SUFFIX: Final = ".zip"
_REPLACEMENT: Final = "X-"


MOST_OPEN: Final[Mapping[TaskKind, int]] = MappingProxyType(
    {TaskKind.PROPOSE: 50, TaskKind.SEND_BATCH: 200, TaskKind.SEND_REQUEST: 500, TaskKind.DRAW: 50}
)
"""How many tasks of a kind may be open; above that nothing more is accepted. A desk sends some hundred an hour."""
MOST_OPEN_IN_ALL: Final = 600


class QueueFull(Unavailable):
    """As many tasks are open as may be; nothing was kept."""

    code = "desk/queue-full"
    retry_after_seconds = 60

    def __init__(self, open_now: int) -> None:
        self.open_now = open_now
        super().__init__(f"{open_now} tasks are open already: nothing more is accepted for now")


class Step(StrEnum):
    """What a worker does now."""

    RESERVE = "reserve"
    """Looks for who gets a certificate, `done` of `total` applications; draws places."""
    SIGN = "sign"
    """Signs credentials; `done` of `total`."""
    SEAL = "seal"
    SEND = "send"
    """Signs the transaction, keeps it, hands it to a node."""
    INCLUDED = "included"
    """It is sent: waits for a block."""
    FINAL = "final"
    """Waits for the block to be final."""
    DELIVER = "deliver"
    """Writes bundles; `done` of `total`."""
    DRAW = "draw"
    """Draws certificates; `done` of `total`, and once it has finished so many of the batch are in the ZIP."""
    NODE = "node"
    """No node answers: it is tried again."""


STEPS: Final[Mapping[TaskKind, tuple[Step, ...]]] = MappingProxyType(
    {
        TaskKind.PROPOSE: (Step.RESERVE, Step.SIGN, Step.SEAL),
        TaskKind.SEND_BATCH: (Step.SEND, Step.INCLUDED, Step.FINAL, Step.DELIVER),
        TaskKind.SEND_REQUEST: (Step.SEND, Step.FINAL),
        TaskKind.DRAW: (Step.DRAW,),
    }
)
"""The steps of each kind in their order; `node` may come at any."""


def ask(store: Store, clock: Clock, kind: TaskKind, subject: str, *, person: str) -> Task:
    """Give the open task for a subject, or keep a new one.

    `subject`: `PROGRAMME/LEVEL` or a replacement, a batch, a status request. Who may ask is the caller's to check.
    Raises NotHere; to propose NothingToIssue, IdentifierMalformed; to send NotApproved, ApprovalLapsed, NotWaiting,
    RequestNotWaiting; to draw NotDeliverable. Raises QueueFull, DiskLow and, but for drawing, WritingHalted; then
    nothing was kept.
    """
    now = clock.now()
    with store.write() as unit:
        # 1
        there = unit.tasks.open_for(kind, subject)
        if there is not None:
            return there
        # 2
        _REQUIRED[kind](unit, subject, now)
        if kind is not TaskKind.DRAW:
            unit.alarms.require_none()
        _require_place(unit, kind)
        unit.require_room()
        # 3
        name = unit.next_name("T", now)
        unit.tasks.add(Task(id=name, kind=kind, subject=subject, asked_by=person, asked_at=now, state=TaskState.QUEUED))
        unit.journal.write(at=now, person=person, action="task.ask", subject=name, kind=kind.value, what=subject)
        return unit.tasks.task(name)


def names_replacement(subject: str) -> bool:
    """Tell whether what is to be proposed is a replacement, as a batch of its own; else it is `PROGRAMME/LEVEL`."""
    return subject.startswith(_REPLACEMENT) and "/" not in subject


def proposal_key(task: str) -> str:
    """Give the key under which a task, given by its id, proposes its batch."""
    return f"task/{task}"


def _require_place(unit: UnitOfWork, kind: TaskKind) -> None:
    of_kind, in_all = unit.tasks.open_count(kind), unit.tasks.open_count()
    if of_kind >= MOST_OPEN[kind] or in_all >= MOST_OPEN_IN_ALL:
        raise QueueFull(in_all)


def _require_candidates(unit: UnitOfWork, subject: str, now: datetime) -> None:  # noqa: ARG001 - as the others
    if names_replacement(subject):
        if unit.replacements.replacement(subject).cancelled_at is not None:
            raise NotWaiting(subject, "cancelled", "being proposed")
        return
    scope = scope_code(subject)
    if left_reserved(unit, scope) is not None:
        return
    programme, _, level = scope.partition("/")
    # Whether somebody of them has passed is the desk's to work out: that takes a reading of all of them.
    if next(iter(unit.marks.confirmed(programme, level)), None) is None:
        raise NothingToIssue(scope)


def _require_sendable(unit: UnitOfWork, subject: str, now: datetime) -> None:
    batch = unit.batches.batch(subject)
    match batch.state:
        case AnchorState.RESERVED | AnchorState.SEALED:
            raise NotApproved(subject, batch.state)
        case AnchorState.APPROVED if batch.approval is not None and batch.approval.has_lapsed(now):
            raise ApprovalLapsed(subject)
        case AnchorState.FAILED | AnchorState.CANCELLED:
            raise NotWaiting(subject, batch.state, "being sent")
        case AnchorState.FINAL if batch.delivered_at is not None:
            raise NotWaiting(subject, batch.state, "being sent")


def _require_sendable_request(unit: UnitOfWork, subject: str, now: datetime) -> None:
    request = unit.status_requests.request(subject)
    require_supersedable(unit, request)
    match request.state:
        case RequestState.REQUESTED if request.wanted in needs_approval:
            raise NotApproved(subject, request.state)
        case RequestState.APPROVED if request.approval is not None and request.approval.has_lapsed(now):
            raise ApprovalLapsed(subject)
        case RequestState.FINAL | RequestState.FAILED | RequestState.CANCELLED:
            raise RequestNotWaiting(subject, request.state, "being sent")


def _require_final(unit: UnitOfWork, subject: str, now: datetime) -> None:  # noqa: ARG001 - as the others
    batch = unit.batches.batch(subject)
    if batch.state is not AnchorState.FINAL:
        raise NotDeliverable(subject, batch.state)


_REQUIRED: Final[Mapping[TaskKind, Callable[[UnitOfWork, str, datetime], None]]] = MappingProxyType(
    {
        TaskKind.PROPOSE: _require_candidates,
        TaskKind.SEND_BATCH: _require_sendable,
        TaskKind.SEND_REQUEST: _require_sendable_request,
        TaskKind.DRAW: _require_final,
    }
)
