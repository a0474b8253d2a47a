"""A claimed task: what a desk works with, who works, and the lease under which a task is theirs."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from registry.delivery.certificate_pdf import Press
from registry.kernel.errors import Conflict, RegistryError, Unavailable
from registry.ports import Clock, KeyOf, Ledger, StatementSigner, TransactionSigner
from registry.ports.storage import Store, UnitOfWork
from registry.ports.tasks import Task
from registry.programme import Catalogue
from registry.workflows.certificates.contents import IssuingBody
from registry.workflows.certificates.deliver import Shelf
from registry.workflows.desk.hand_over import STEPS, Step

LEASE: Final = timedelta(seconds=30)
"""How long a task stays with a worker that is not heard of."""
PATIENCE: Final = timedelta(seconds=20)
"""How long a worker waits for the chain before other tasks come in between."""
_BEAT_SECONDS: Final = 5.0
_TOLD_EVERY_SECONDS: Final = 0.5


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


class PutDown(Exception):
    """A task is not done and nothing is wrong with it: somebody goes on with it later."""


class TakenOver(Exception):
    """The lease ended before the worker was heard of again, and another one has the task now."""


class Held:
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

    def __enter__(self) -> "Held":
        self._beat.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._over.set()
        self._beat.join()
        if isinstance(error, Exception) and not isinstance(error, RegistryError):
            # A fault of ours that nobody foresaw ends the desk; whoever starts it again must not run into it for ever.
            with suppress(RegistryError, TakenOver):
                self.end(lambda unit, id, name, at: unit.tasks.fail(id, name, RegistryError.code, at))

    def tell(self, step: Step, done: int = 0, total: int = 0) -> None:
        """Say how far the work is. Raises PutDown where the worker is to stop, TakenOver."""
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
        """Raise PutDown where the worker is to stop, TakenOver where another has the task."""
        if self._lost:
            raise TakenOver
        if self._worker.stopping.is_set():
            raise PutDown

    def say(self, lasts: timedelta | None = None) -> None:
        """Write down how far the work is, and lengthen the lease, to a whole one where nothing else is said.

        Raises TakenOver, Unavailable.
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
                raise TakenOver from error
            self._told_at = time.monotonic()
        self._worker.told(self.task)

    def wait_for_node(self) -> None:
        """Note that no node answers."""
        self._step = Step.NODE

    def end(self, write: Callable[[UnitOfWork, str, str, datetime], None]) -> Task:
        """Write down what came of the task. Raises TakenOver, Unavailable."""
        with self._one_at_a_time:
            self._over.set()
            try:
                with self._place.store.write() as unit:
                    write(unit, self.task.id, self._worker.name, self._place.clock.now())
                    self.task = unit.tasks.task(self.task.id)
            except Conflict as error:
                raise TakenOver from error
        self._worker.told(self.task)
        return self.task

    def _beating(self) -> None:
        while not self._over.wait(_BEAT_SECONDS):
            try:
                self.say()
            except TakenOver:
                return
            except Unavailable:
                continue  # another writer has the database; the lease outlasts several beats


def claim(place: Workplace, worker: Worker) -> Task | None:
    """Claim the oldest task that waits; None = nothing does. Raises Unavailable where the store does not answer."""
    now = place.clock.now()
    with place.store.read() as unit:
        if not unit.tasks.waiting(now):
            return None  # to look hinders no writer; to claim would
    with place.store.write() as unit:
        return unit.tasks.claim(worker.name, now, now + LEASE)
