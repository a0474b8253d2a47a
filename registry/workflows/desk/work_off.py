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
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.delivery.certificate_pdf import Press
from registry.kernel.errors import Conflict, RegistryError, RuleRefusal, Unavailable
from registry.kernel.identifiers import scope_code
from registry.ports import Clock, KeyOf, Ledger, LedgerUnavailable, StatementSigner, TransactionSigner
from registry.ports.storage import Store, UnitOfWork
from registry.ports.tasks import Task, TaskKind
from registry.programme import Catalogue
from registry.workflows.certificates.contents import IssuingBody
from registry.workflows.certificates.deliver import PredecessorStands, Shelf, deliver, deliver_successors
from registry.workflows.certificates.draw import draw_batch
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.halt import ABOUT_NOW
from registry.workflows.chain.status_operations import BatchChangeOpen, NotApproved
from registry.workflows.chain.status_sending import change_status
from registry.workflows.chain.supersede import supersessions_to_approve, supersessions_to_send, take_each
from registry.workflows.desk.hand_over import (
    PAPERS_KEPT,
    PAPERS_SUFFIX,
    STEPS,
    Step,
    names_replacement,
    proposal_key,
)
from registry.workflows.issuance.approve import NotWaiting
from registry.workflows.issuance.crew import WorkerLost
from registry.workflows.issuance.issue import left_reserved, propose
from registry.workflows.replacement.replace import propose_replacements
from registry.workflows.status.change_status import RequestNotWaiting

LEASE: Final = timedelta(seconds=30)
"""How long a task stays with a worker that is not heard of."""
PATIENCE: Final = timedelta(seconds=20)
"""How long a worker waits for the chain before other tasks come in between."""
_BEAT_SECONDS: Final = 5.0
_TOLD_EVERY_SECONDS: Final = 0.5
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What a desk works with. Of keys it has two, the credential key and the sender's; never an approver's."""

    store: Store
    clock: Clock
    catalogue: Catalogue
    body: IssuingBody
    key_of: KeyOf
    shelf: Shelf
    papers: Path
    """The folder of drawn ZIPs."""
    press: Callable[[], Press]
    credential: StatementSigner
    sender: TransactionSigner
    ledger: Callable[[], AbstractContextManager[Ledger]]
    """Reaches the chain, for as long as something is sent."""


def _unheard(task: Task) -> None:
    """Hear of a task and do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process that works tasks off."""

    name: str
    """Of this process alone: a task is held by a name."""
    patience: timedelta = PATIENCE
    stopping: threading.Event
    """Set from outside: what is under way is put down after the present step."""
    told: Callable[[Task], None] = _unheard
    """Hears of a task whenever something new is known of it."""


class _PutDown(Exception):
    """A task is not done and nothing is wrong with it: somebody goes on with it later."""


class _Refused(Exception):
    """What was sent had no effect, for a reason that is kept where it was sent from."""

    def __init__(self, code: str) -> None:
        self.code = code


class _TakenOver(Exception):
    """The lease ended before the worker was heard of again, and another one has the task now."""


class _Held:
    """A claimed task: what is told of it lengthens the lease, and so does a beat while nothing is told."""

    def __init__(self, place: Workplace, worker: Worker, task: Task) -> None:
        self.task = task
        self._place, self._worker = place, worker
        self._step, self._done, self._total = STEPS[task.kind][0], 0, 0
        self._told_at = 0.0
        self._lost = False
        self._over = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._beat = threading.Thread(target=self._beating, name=f"lease of {task.id}", daemon=True)

    def __enter__(self) -> "_Held":
        self._beat.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._over.set()
        self._beat.join()
        if isinstance(error, Exception) and not isinstance(error, RegistryError):
            # A fault of ours that nobody foresaw ends the desk; whoever starts it again must not run into it for ever.
            with suppress(RegistryError, _TakenOver):
                self.end(lambda unit, id, name, at: unit.tasks.fail(id, name, RegistryError.code, at))

    def tell(self, step: Step, done: int = 0, total: int = 0) -> None:
        """Say how far the work is. Raises _PutDown where the worker is to stop, _TakenOver."""
        self.require_ours()
        entered = step is not self._step
        self._step, self._done, self._total = step, done, total
        if entered or done == total or time.monotonic() >= self._told_at + _TOLD_EVERY_SECONDS:
            self.say()

    def progress(self, step: Step) -> Callable[[int, int], None]:
        """Give what hears of a workflow's progress in a step."""
        return lambda done, total: self.tell(step, done, total)

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end. Raises as `tell` does."""
        self._worker.stopping.wait(seconds)
        self.require_ours()

    def require_ours(self) -> None:
        """Raise _PutDown where the worker is to stop, _TakenOver where another has the task."""
        if self._lost:
            raise _TakenOver
        if self._worker.stopping.is_set():
            raise _PutDown

    def say(self, lasts: timedelta | None = None) -> None:
        """Write down how far the work is, and lengthen the lease, to a whole one where nothing else is said.

        Raises _TakenOver, Unavailable.
        """
        with self._one_at_a_time:
            now = self._place.clock.now()
            try:
                with self._place.store.write() as unit:
                    unit.tasks.tell(
                        self.task.id,
                        self._worker.name,
                        step=self._step,
                        done=self._done,
                        total=self._total,
                        at=now,
                        until=now + (LEASE if lasts is None else lasts),
                    )
                    self.task = unit.tasks.task(self.task.id)
            except Conflict as error:
                self._lost = True
                raise _TakenOver from error
            self._told_at = time.monotonic()
        self._worker.told(self.task)

    def wait_for_node(self) -> None:
        """Note that no node answers."""
        self._step = Step.NODE

    def end(self, write: Callable[[UnitOfWork, str, str, datetime], None]) -> Task:
        """Write down what came of the task. Raises _TakenOver, Unavailable."""
        with self._one_at_a_time:
            self._over.set()
            try:
                with self._place.store.write() as unit:
                    write(unit, self.task.id, self._worker.name, self._place.clock.now())
                    self.task = unit.tasks.task(self.task.id)
            except Conflict as error:
                raise _TakenOver from error
        self._worker.told(self.task)
        return self.task

    def _beating(self) -> None:
        while not self._over.wait(_BEAT_SECONDS):
            try:
                self.say()
            except _TakenOver:
                return
            except Unavailable:
                continue  # another writer has the database; the lease outlasts several beats


def work_one(place: Workplace, worker: Worker) -> Task | None:
    """Claim a task and work on it; give it as it stands then, None = nothing waits.

    Running still = it was put down, or another worker has it. Raises Unavailable where the store does not answer.
    """
    now = place.clock.now()
    with place.store.read() as unit:
        if not unit.tasks.waiting(now):
            return None  # to look hinders no writer; to claim would
    # 1
    with place.store.write() as unit:
        task = unit.tasks.claim(worker.name, now, now + LEASE)
    if task is None:
        return None
    worker.told(task)
    with _Held(place, worker, task) as held:
        try:
            return _worked(place, worker, held)
        except _TakenOver:
            with place.store.read() as unit:
                return unit.tasks.task(task.id)


def _worked(place: Workplace, worker: Worker, held: _Held) -> Task:
    try:
        # 2
        result = _done(place, worker, held)
    # 3
    except _PutDown:
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


def _done(place: Workplace, worker: Worker, held: _Held) -> str:
    """Do a task; what was kept before worker processes were lost is not done again. Raises WorkerLost at the last."""
    work = _WORK[held.task.kind]
    for _ in range(_TRIES - 1):
        try:
            return work(place, worker, held)
        except WorkerLost:
            held.pause(_AGAIN_AFTER.total_seconds())
    return work(place, worker, held)


def _failed(held: _Held, code: str) -> Task:
    return held.end(lambda unit, id, name, at: unit.tasks.fail(id, name, code, at))


def _pause_after(age: timedelta) -> timedelta:
    """Say when to try again what was asked for so long ago: ever less often, and once a minute at least."""
    return min(max(age / 8, _AGAIN_AFTER), timedelta(minutes=1))


def _propose(place: Workplace, worker: Worker, held: _Held) -> str:  # noqa: ARG001 - as the others
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


def _send_batch(place: Workplace, worker: Worker, held: _Held) -> str:
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


def _send_supersessions(place: Workplace, worker: Worker, held: _Held, desk: Desk, batch: Batch) -> None:
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


def _send_request(place: Workplace, worker: Worker, held: _Held) -> str:
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


def _sending(place: Workplace, held: _Held, ledger: Ledger, steps: Mapping[str, Step]) -> Desk:
    def told(_subject: str, state: str) -> None:
        if state in steps:
            held.tell(steps[state])

    return Desk(store=place.store, ledger=ledger, sender=place.sender, clock=place.clock, pause=held.pause, told=told)


def _patiently(worker: Worker, held: _Held, go_on: Callable[[], _Sent]) -> _Sent:
    """Go on until the chain has decided; where patience ends first, put the task down."""
    until = time.monotonic() + worker.patience.total_seconds()
    while True:
        reached = go_on()
        if reached.state.value in _DECIDED:
            return reached
        if time.monotonic() >= until:
            raise _PutDown
        held.pause(_POLL_SECONDS)


def _draw(place: Workplace, worker: Worker, held: _Held) -> str:  # noqa: ARG001 - as the others
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
    held.tell(Step.DRAW, drawn.drawn, drawn.drawn + drawn.erased + len(drawn.refused))
    return name


_WORK: Final[Mapping[TaskKind, Callable[[Workplace, Worker, _Held], str]]] = MappingProxyType(
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
