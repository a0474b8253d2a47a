"""The desk that lists are handed in at: keeps them, works them off one by one in a thread of its own.

The queue is what waits in the store, so that it outlives the process: what was not finished begins again.
"""

import logging
import threading
from dataclasses import dataclass, field
from typing import Final

from api.employer.wording import wording_in
from registry.kernel.errors import RegistryError
from registry.ports import Clock
from registry.ports.access import Job
from registry.ports.storage import Store
from registry.verification.receipts import Notary
from registry.workflows.verification.verify_many import Judge, forget_expired, hand_in, work_off

_log = logging.getLogger("vermilion.bulk")
_LOOKS_EVERY_SECONDS: Final = 30.0


@dataclass(kw_only=True)
class BulkDesk:
    """What the pages for lists need. Safe to share between threads."""

    store: Store
    clock: Clock
    judge: Judge
    notary: Notary | None
    public_base_url: str
    _handed_in: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def hand_in(self, data: bytes, *, account: str, file_name: str, purpose: str, language: str) -> Job:
        """Keep a list and wake the worker. Raises as `registry.workflows.verification.verify_many.hand_in`."""
        job = hand_in(
            self.store,
            self.clock,
            data,
            account=account,
            file_name=file_name,
            purpose=purpose,
            language=language,
            public_base_url=self.public_base_url,
        )
        self._handed_in.set()
        return job

    def start(self) -> None:
        """Begin to work, with what an earlier process left."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="bulk", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it; a list that is being worked on begins again when the desk does."""
        self._stopping.set()
        self._handed_in.set()
        if self._thread is not None:
            self._thread.join()

    def work(self) -> bool:
        """Forget what is over and work off what waits now, in this thread. False = some of it waits still."""
        forget_expired(self.store, self.clock)
        with self.store.read() as unit:
            waiting = [one.id for one in unit.jobs.waiting()]
        for id in waiting:
            if self._stopping.is_set():
                return False
            try:
                work_off(
                    self.store,
                    self.clock,
                    self.judge,
                    self.notary,
                    wording_in,
                    public_base_url=self.public_base_url,
                    id=id,
                    stop=self._stopping.is_set,
                )
            except RegistryError:
                raise
            except Exception as error:
                _log.error("unforeseen fault in list %s: %s", id, type(error).__name__)
                with self.store.write() as unit:
                    unit.jobs.fail(id, RegistryError.code, self.clock.now())
        with self.store.read() as unit:
            return not unit.jobs.waiting()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._handed_in.clear()
            try:
                self.work()
            except RegistryError:
                # A locked database, a damaged row: the page says what it can, and the next look may find it mended.
                self._stopping.wait(1.0)
            self._handed_in.wait(_LOOKS_EVERY_SECONDS)
