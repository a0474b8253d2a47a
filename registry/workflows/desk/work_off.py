"""Work off: what a desk does with the tasks that pages have handed over.

1. Claim the oldest task that waits, in one step and under a lease; what is told lengthens it, and a beat in between.
2. Work: every workflow here may be cut off anywhere and be run by two at once, so that a lease which ended too early
   costs work done twice and nothing else. A batch is proposed under the key of its task: a takeover finds the same one.
   What a task that failed, or a command that was cut off, has left reserved is gone on with first.
3. Note the result, or the code of what is wrong. What does not answer now is no failure: the task is put down, to be
   claimed again a little later, and others come in between. Lost worker processes are few times made up for: what
   kills them, such as too little memory, would kill the next ones, and a person has to see it.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.kernel.errors import RegistryError, RuleRefusal, Unavailable
from registry.kernel.identifiers import scope_code
from registry.ports import Ledger, LedgerUnavailable
from registry.ports.tasks import Task, TaskKind
from registry.workflows.certificates.deliver import PredecessorStands, deliver, deliver_successors
from registry.workflows.certificates.draw import draw_batch
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.halt import ABOUT_NOW
from registry.workflows.chain.status_operations import BatchChangeOpen, NotApproved
from registry.workflows.chain.status_sending import change_status
from registry.workflows.chain.supersede import supersessions_to_approve, supersessions_to_send, take_each
from registry.workflows.desk.claimed import Held, PutDown, TakenOver, Worker, Workplace, claim
from registry.workflows.desk.hand_over import (
    PAPERS_KEPT,
    PAPERS_SUFFIX,
    Step,
    names_replacement,
    proposal_key,
)
from registry.workflows.issuance.approve import NotWaiting
from registry.workflows.issuance.crew import WorkerLost
from registry.workflows.issuance.issue import left_reserved, propose
from registry.workflows.replacement.replace import propose_replacements
from registry.workflows.status.approve_change import RequestNotWaiting

_AGAIN_AFTER: Final = timedelta(seconds=5)
"""How long what was put down waits before it is taken up again."""
_TRIES: Final = 3
"""How often one claim of a task is tried where worker processes are lost."""
_AT_ONCE: Final = timedelta(0)
_POLL_SECONDS: Final = 0.2
_PASSING: Final = ABOUT_NOW | {"ledger/history-unreadable"}
"""Errors that say what a node shows now, and nothing of the task: the alarm of some halts all writing until it is
lifted; events that do not fit together are those of several nodes, one of them behind, until the next try."""
_DECIDED: Final = frozenset({"final", "failed", "cancelled"})
"""States of batches and of requests alike that the chain or a person has decided."""
_Sent = TypeVar("_Sent", Batch, StatusRequest)


class PapersUnwritable(Unavailable):
    """The drawn certificates cannot be written."""

    code = "desk/papers-unwritable"

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"drawn certificates cannot be written: {cause}")


class BundlesUnwritable(Unavailable):
    """The bundles of a recorded batch cannot be written now; those that are written stay."""

    code = "desk/bundles-unwritable"

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"bundles cannot be written: {cause}")


@contextmanager
def writing_bundles() -> Iterator[None]:
    """Name what hinders the writing of bundles. Raises BundlesUnwritable."""
    try:
        yield
    except OSError as error:
        raise BundlesUnwritable(error.strerror or type(error).__name__) from error


class _Refused(Exception):
    """What was sent had no effect, for a reason that is kept where it was sent from."""

    def __init__(self, code: str) -> None:
        self.code = code


def work_one(place: Workplace, worker: Worker) -> Task | None:
    """Claim a task and work on it; give it as it stands then, None = nothing waits.

    Running still = it was put down, or another worker has it. Raises Unavailable where the store does not answer.
    """
    # 1
    task = claim(place, worker)
    if task is None:
        return None
    worker.told(task)
    with Held(place, worker, task) as held:
        try:
            return _worked(place, worker, held)
        except TakenOver:
            with place.store.read() as unit:
                return unit.tasks.task(task.id)


def _worked(place: Workplace, worker: Worker, held: Held) -> Task:
    try:
        # 2
        result = _done(place, worker, held)
    # 3
    except PutDown:
        held.say(_AT_ONCE if worker.stopping.is_set() else _AGAIN_AFTER)
        return held.task
    except (_Refused, PapersUnwritable, WorkerLost) as error:  # a person has to make room, then asks again
        return _failed(held, error.code)
    except Unavailable as error:
        if isinstance(error, LedgerUnavailable):
            held.wait_for_node()
        held.say(_pause_after(place.clock.now() - held.task.asked_at))
        return held.task
    except RegistryError as error:
        if error.code in _PASSING:
            held.say(_pause_after(place.clock.now() - held.task.asked_at))
            return held.task
        return _failed(held, error.code)
    return held.end(lambda unit, id, name, at: unit.tasks.finish(id, name, result, at))


def _done(place: Workplace, worker: Worker, held: Held) -> str:
    """Do a task; what was kept before worker processes were lost is not done again. Raises WorkerLost at the last."""
    work = _WORK[held.task.kind]
    for _ in range(_TRIES - 1):
        try:
            return work(place, worker, held)
        except WorkerLost:
            held.pause(_AGAIN_AFTER.total_seconds())
    return work(place, worker, held)


def _failed(held: Held, code: str) -> Task:
    return held.end(lambda unit, id, name, at: unit.tasks.fail(id, name, code, at))


def _pause_after(age: timedelta) -> timedelta:
    """Say when to try again what was asked for so long ago: ever less often, and once a minute at least."""
    return min(max(age / 8, _AGAIN_AFTER), timedelta(minutes=1))


def _propose(place: Workplace, worker: Worker, held: Held) -> str:  # noqa: ARG001 - as the others
    programme, _, level = held.task.subject.partition("/")

    def signed(done: int, total: int) -> None:
        held.tell(Step.SIGN, done, total)
        if done == total:
            held.tell(Step.SEAL)

    held.tell(Step.RESERVE)
    if names_replacement(held.task.subject):
        (replaced,) = propose_replacements(
            place.store,
            place.clock,
            place.catalogue,
            place.body,
            place.credential,
            [held.task.subject],
            person=held.task.asked_by,
            progress=signed,
        )
        return replaced.id
    batch = propose(
        place.store,
        place.clock,
        place.catalogue,
        place.body,
        place.credential,
        programme=programme,
        level=level,
        person=held.task.asked_by,
        idempotency_key=_key_of(place, held.task),
        finding=held.progress(Step.RESERVE),
        progress=signed,
    )
    return batch.id


def _key_of(place: Workplace, task: Task) -> str:
    """Give the key under which a task proposes: its own, or that of what was left reserved before it."""
    own = proposal_key(task.id)
    with place.store.read() as unit:
        left = None if unit.batches.of_key(own) is not None else left_reserved(unit, scope_code(task.subject))
    return own if left is None or left.issuer != place.body.code else left.idempotency_key


_FROM_BATCH: Final[Mapping[str, Step]] = MappingProxyType(
    {
        AnchorState.APPROVED: Step.SEND,
        AnchorState.SIGNED: Step.SEND,
        AnchorState.ORPHANED: Step.SEND,
        AnchorState.SENT: Step.INCLUDED,
        AnchorState.INCLUDED: Step.FINAL,
    }
)
_FROM_REQUEST: Final[Mapping[str, Step]] = MappingProxyType(
    {
        RequestState.REQUESTED: Step.SEND,
        RequestState.APPROVED: Step.SEND,
        RequestState.SIGNED: Step.SEND,
        RequestState.SENT: Step.FINAL,
    }
)
"""What is done next from each state."""


def _send_batch(place: Workplace, worker: Worker, held: Held) -> str:
    name = held.task.subject
    with place.store.read() as unit:
        state = unit.batches.batch(name).state
    held.tell(_FROM_BATCH.get(state, Step.DELIVER))
    with place.ledger() as ledger:
        desk = _sending(place, held, ledger, _FROM_BATCH)
        batch = _patiently(worker, held, lambda: anchor_batch(desk, name, patience=_AT_ONCE))
        if batch.state is AnchorState.FINAL:
            try:
                _send_supersessions(place, worker, held, desk, batch)
            except (RuleRefusal, BatchChangeOpen, _Refused):
                with writing_bundles(), suppress(PredecessorStands):  # who waits for nothing has the bundle
                    deliver(place.store, place.clock, place.shelf, place.key_of, name)
                raise
    if batch.state is not AnchorState.FINAL:
        raise _Refused(batch.failure or NotWaiting.code)
    with writing_bundles():
        deliver(place.store, place.clock, place.shelf, place.key_of, name, progress=held.progress(Step.DELIVER))
    return name


def _send_supersessions(place: Workplace, worker: Worker, held: Held, desk: Desk, batch: Batch) -> None:
    """Let what the certificates of a batch replace fall; who has to approve that first is waited for elsewhere."""
    with place.store.read() as unit:
        waiting, unapproved = supersessions_to_send(unit, batch), supersessions_to_approve(unit, batch)

    def go_on(one: StatusRequest) -> StatusRequest:
        return _patiently(worker, held, partial(change_status, desk, one.id, patience=_AT_ONCE))

    for request in take_each(waiting, go_on):
        if request.state is not RequestState.FINAL:
            raise _Refused(request.failure or RequestNotWaiting.code)
    for one in unapproved:
        raise NotApproved(one.id, one.state)


def _send_request(place: Workplace, worker: Worker, held: Held) -> str:
    name = held.task.subject
    with place.store.read() as unit:
        state = unit.status_requests.request(name).state
    held.tell(_FROM_REQUEST.get(state, Step.FINAL))
    with place.ledger() as ledger:
        desk = _sending(place, held, ledger, _FROM_REQUEST)
        request = _patiently(worker, held, lambda: change_status(desk, name, patience=_AT_ONCE))
    if request.state is not RequestState.FINAL:
        raise _Refused(request.failure or RequestNotWaiting.code)
    with writing_bundles():
        deliver_successors(place.store, place.clock, place.shelf, place.key_of, request)
    return name


def _sending(place: Workplace, held: Held, ledger: Ledger, steps: Mapping[str, Step]) -> Desk:
    def told(_subject: str, state: str) -> None:
        if state in steps:
            held.tell(steps[state])

    return Desk(store=place.store, ledger=ledger, sender=place.sender, clock=place.clock, pause=held.pause, told=told)


def _patiently(worker: Worker, held: Held, go_on: Callable[[], _Sent]) -> _Sent:
    """Go on until the chain has decided; where patience ends first, put the task down."""
    until = time.monotonic() + worker.patience.total_seconds()
    while True:
        reached = go_on()
        if reached.state.value in _DECIDED:
            return reached
        if time.monotonic() >= until:
            raise PutDown
        held.pause(_POLL_SECONDS)


def _draw(place: Workplace, worker: Worker, held: Held) -> str:  # noqa: ARG001 - as the others
    name = f"{held.task.subject}{PAPERS_SUFFIX}"
    held.tell(Step.DRAW)
    try:
        place.papers.mkdir(mode=0o700, exist_ok=True)
        drawn = draw_batch(
            place.store,
            place.key_of,
            place.press(),
            held.task.subject,
            place.papers / name,
            progress=held.progress(Step.DRAW),
        )
    except OSError as error:
        held.require_ours()  # or it is another worker that put the folder away under us
        raise PapersUnwritable(error.strerror or type(error).__name__) from error
    held.tell(Step.DRAW, drawn.drawn, drawn.drawn + drawn.erased + len(drawn.not_standing) + len(drawn.refused))
    return name


_WORK: Final[Mapping[TaskKind, Callable[[Workplace, Worker, Held], str]]] = MappingProxyType(
    {
        TaskKind.PROPOSE: _propose,
        TaskKind.SEND_BATCH: _send_batch,
        TaskKind.SEND_REQUEST: _send_request,
        TaskKind.DRAW: _draw,
    }
)


def discard_papers(papers: Path, now: datetime) -> list[str]:
    """Delete what was drawn longer ago than it is kept; name the ZIPs.

    Raises PapersUnwritable for what cannot be deleted, after everything that can be is. Another desk may do the same.
    """
    discarded: list[str] = []
    refused: OSError | None = None
    try:
        there = list(papers.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PapersUnwritable(error.strerror or type(error).__name__) from error
    for path in there:
        try:
            if path.lstat().st_mtime > (now - PAPERS_KEPT).timestamp():
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)  # what was cut off, and that nobody asked for again
            else:
                path.unlink()
                discarded.append(path.name)
        except FileNotFoundError:
            continue
        except OSError as error:
            refused = error
    if refused is not None:
        raise PapersUnwritable(refused.strerror or type(refused).__name__) from refused
    return discarded
