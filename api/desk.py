"""The desk: the process that has the credential key and the sender's and works off what pages ask for.

Several may run on one data folder: a task is claimed by one of them, and what two of them sent would be taken once. All
hold a shared lock on `desk.lock`, which the kernel gives up when a process dies, however it dies: that is how pages
know whether one runs.
"""

import fcntl
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from api.wiring import Home
from registry.kernel.errors import RegistryError, Unavailable
from registry.ports.tasks import Task, TaskState
from registry.workflows.desk.claimed import Worker, Workplace
from registry.workflows.desk.work_off import PapersUnwritable, discard_papers, work_one

_LOCK_FILE: Final = "desk.lock"
_LOOKS_EVERY_SECONDS: Final = 1.0
_AGAIN_AFTER_SECONDS: Final = 5.0
_COMPARES_EVERY_SECONDS: Final = 60.0
_CLEARS_EVERY_ROUNDS: Final = 60
_RESTART_SECONDS: Final = 1.0
_STEADY_SECONDS: Final = 60.0
_PATIENCE_SECONDS: Final = 10.0
_RUN: Final = "from api.cli import main; main()"


def desk_is_running(home: Home) -> bool:
    """Tell whether a desk runs on this data folder."""
    try:
        handle = os.open(home.path / _LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


@contextmanager
def seen_as_running(home: Home) -> Iterator[None]:
    """Let others see that a desk runs, while it does."""
    handle = os.open(home.path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)  # waits for no longer than somebody looks
        yield
    finally:
        os.close(handle)


def workplace(home: Home) -> Workplace:
    """Open the two keys and join the rest. Raises what opening a key file raises, and NoTerminal."""
    return Workplace(
        store=home.store,
        clock=home.clock,
        catalogue=home.catalogue,
        body=home.body,
        key_of=home.key_of,
        shelf=home.shelf,
        papers=home.papers,
        press=home.press,
        credential=home.credential_signer(),
        sender=home.sender(),
        ledger=partial(home.chain, writing=True),
    )


def new_worker(stopping: threading.Event, told: Callable[[Task], None], *, patience: timedelta) -> Worker:
    """Name a worker after its process, and so that no other process was ever called."""
    name = f"desk-{os.getpid()}-{secrets.token_hex(4)}"
    return Worker(name=name, stopping=stopping, told=told, patience=patience)


def work_on(
    place: Workplace, worker: Worker, untold: Callable[[RegistryError], None], first: Callable[[], None]
) -> None:
    """Work tasks off until told to stop; `untold` hears of what does not answer and is tried again.

    `first` compares database and chain; tasks do not wait for it where no node answers. What it could not do is tried
    again ever less often, and once a minute at least: each time is written into the journal.
    """
    rounds, compared, again_at, pause = 0, False, 0.0, _LOOKS_EVERY_SECONDS
    while not worker.stopping.is_set():
        if not compared and time.monotonic() >= again_at:
            compared = _tried(first, untold)
            again_at, pause = time.monotonic() + pause, min(pause * 2, _COMPARES_EVERY_SECONDS)
        if rounds % _CLEARS_EVERY_ROUNDS == 0:
            _clear(place, untold)
        rounds += 1
        try:
            if work_one(place, worker) is None:
                worker.stopping.wait(_LOOKS_EVERY_SECONDS)
        except Unavailable as error:
            untold(error)
            worker.stopping.wait(_AGAIN_AFTER_SECONDS)


def _clear(place: Workplace, untold: Callable[[RegistryError], None]) -> None:
    """Delete old ZIPs; one that cannot be deleted holds nothing else up: a revocation may wait behind it."""
    try:
        discard_papers(place.papers, place.clock.now())
    except PapersUnwritable as error:
        untold(error)


def _tried(first: Callable[[], None], untold: Callable[[RegistryError], None]) -> bool:
    """Compare database and chain; False = it has to be tried again. What contradicts the chain has raised its alarm.

    Nothing that is wrong there ends the desk: it would at each start, and a revocation may wait for it.
    """
    try:
        first()
    except Unavailable as error:
        untold(error)
        return False
    except RegistryError as error:
        untold(error)
    return True


def work_off(
    place: Workplace, worker: Worker, untold: Callable[[RegistryError], None], first: Callable[[], None]
) -> list[Task]:
    """Work off what waits now, each task once; give them as they stand then. Raises Unavailable."""
    _tried(first, untold)
    _clear(place, untold)
    worked: dict[str, Task] = {}
    while not worker.stopping.is_set():
        found = work_one(place, worker)
        if found is None or (found.id in worked and found.state is TaskState.RUNNING):
            break
        worked[found.id] = found
    return list(worked.values())


class DeskBeside:
    """A desk as a process of its own beside a server: stopped with it, and started again when it dies.

    A pipe to its standard input ends with us, however we end, and the desk with it.
    """

    def __init__(self, home: Home, died: Callable[[int], None]) -> None:
        """Take what hears of an exit code that was not ours to cause."""
        self._home, self._died = home, died
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="desk", daemon=True)

    def __enter__(self) -> "DeskBeside":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                self._process.terminate()
        self._thread.join(_PATIENCE_SECONDS)
        if self._process is not None:
            self._process.kill()  # what it had goes on with the next desk
        self._thread.join()

    def _watch(self) -> None:
        pause = _RESTART_SECONDS
        while (process := self._start()) is not None:
            began = time.monotonic()
            code = process.wait()
            if process.stdin is not None:
                process.stdin.close()
            if self._stopping.is_set():
                return
            self._died(code)
            pause = _RESTART_SECONDS if time.monotonic() - began > _STEADY_SECONDS else min(pause * 2, _STEADY_SECONDS)
            self._stopping.wait(pause)

    def _start(self) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own words, a path and no shell
                [sys.executable, "-P", "-c", _RUN, "desk", "--until-stdin-ends", "--home", str(self._home.path)],
                stdin=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us: we stop it in our turn
            )
            return self._process
