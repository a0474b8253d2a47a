"""Spreads computing over the cores: worker processes of ours that never open the database.

1. One process is started afresh, not forked from ours: a desk has threads, and a fork would inherit their locks. It
   imports what the work needs, once, and forks the workers from itself while it has one thread and no secret.
2. Each worker is told its tools over a socket of its own, and then works at one job after another.
3. A job is a generator: what it yields is handled by the process that has the database, and the answer is sent back
   into it; what it returns ends it. In one process the same generators run one after another.
4. Whatever is ready at the same time is handled at once, so that many answers cost one transaction.
5. While a job is worked at, nothing looks for cyclic garbage: it would look through all rows of the piece again and
   again, for a fifth of the whole time, and find none. Between jobs it may.

A worker that dies, or fails, ends the whole run with an error; what was handled before is kept, and the run may be
repeated. Workers end with the process that started them: their socket closes. Of a fault that nobody foresaw a worker
tells the kind alone, and writes nothing: the words of such an error may hold what it was about, a name or a number.
"""

import gc
import importlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Final, TypeVar, cast

from registry.kernel.errors import IntegrityFault, RegistryError, Unavailable

_Result = TypeVar("_Result")
Work = Generator[Any, Any, _Result]
"""A job under way."""
Job = tuple[Callable[..., Work[_Result]], tuple[Any, ...]]
"""What makes a job of the crew's tools and these arguments; at the top of a module, so that a worker finds it."""
Handler = Callable[[Sequence[Any]], Sequence[Any]]
"""Handles what several jobs have yielded, and answers in the same order."""
SPREAD_FROM = 4_000
"""From so many pieces of work on, worker processes gain more than they take to start."""
_STARTS: Final = "import json, sys; told = json.loads(sys.argv[1]); sys.path[:] = told['path']"
_SERVES: Final = "; from registry.workflows.issuance.crew import serve; serve(told['lines'], told['imports'])"


class WorkerLost(Unavailable):
    """A worker process ended, or could not be started; nothing that was kept is lost, and it may be run again."""

    code = "batch/worker-lost"

    def __init__(self, process: int | None) -> None:
        self.process = process
        super().__init__(f"worker process {process} ended before its work was done")


class WorkerFailed(IntegrityFault):
    """A worker process met a fault that nobody foresaw, and would meet it again; what was kept is kept."""

    code = "batch/worker-failed"

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__(f"a worker process failed with {fault}")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class _Worker:
    line: "Connection[Any, Any]"
    number: int
    """Of the process."""
    job: int = 0
    """The one it works at."""


class Crew:
    """Works at jobs in worker processes or, where there is little to do, in this one; started when first needed."""

    def __init__(self, imports: Iterable[str]) -> None:
        """`imports` names the modules that jobs and tools come from."""
        self._imports = tuple(imports)
        self._origin: subprocess.Popen[bytes] | None = None
        self._workers: list[_Worker] = []

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def processes(self) -> list[int]:
        """Numbers of the worker processes; 0 = one that has only been started."""
        return [worker.number for worker in self._workers]

    def close(self) -> None:
        """End the workers, whatever they are at."""
        for worker in self._workers:
            worker.line.close()
        self._workers = []
        if self._origin is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._origin.pid, signal.SIGKILL)
            self._origin.wait()
            self._origin = None

    def run(
        self,
        tools: object,
        jobs: Iterable[Job[_Result]],
        handle: Handler,
        done: Callable[[_Result], None],
        *,
        size: int,
    ) -> None:
        """Work at all jobs; `done` is told what each returned, in no certain order.

        `tools` is what each job is given first; it must be fit to be sent to a worker. Jobs are taken from the iterable
        one by one, as workers come free. `size`: how much work there is, at most.
        Raises WorkerLost, WorkerFailed, and what jobs raise.
        """
        workers = cores()
        if size < SPREAD_FROM or workers == 1:
            for make, arguments in jobs:
                done(_run_here(make, tools, arguments, handle))
            return
        waiting, sent = iter(jobs), pickle.dumps(("tools", tools))  # as they are before they are used here
        if not self._workers:
            self._start(workers)
        if not all(self.processes):
            # While they start, which takes as long as some thousand certificates, we work alone.
            while not wait([worker.line for worker in self._workers], timeout=0):
                alone = next(waiting, None)
                if alone is None:
                    return
                done(_run_here(alone[0], tools, alone[1], handle))
            for worker in self._workers:
                _, worker.number = self._received(worker)
        for worker in self._workers:
            self._send(worker, sent)
        self._spread(tools, waiting, handle, done)

    def _start(self, workers: int) -> None:
        pairs = [socket.socketpair() for _ in range(workers)]
        theirs = [one.fileno() for _, one in pairs]
        told = json.dumps({"path": sys.path, "lines": theirs, "imports": self._imports})
        try:
            self._origin = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                # -P: what lies in the working directory is nobody's code. The path that we search comes with `told`.
                [sys.executable, "-P", "-c", _STARTS + _SERVES, told],
                pass_fds=theirs,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # whoever interrupts us leaves it to us what becomes of them
            )
        except OSError as error:
            raise WorkerLost(None) from error
        finally:
            for _, one in pairs:
                one.close()
        self._workers = [_Worker(Connection(ours.detach()), 0) for ours, _ in pairs]

    def _spread(
        self, tools: object, jobs: Iterator[Job[_Result]], handle: Handler, done: Callable[[_Result], None]
    ) -> None:
        waiting, under_way = enumerate(jobs), dict[int, Job[_Result]]()
        by_line = {worker.line: worker for worker in self._workers}
        for worker in self._workers:
            self._give(worker, waiting, under_way)
        while under_way:
            ready = [by_line[cast("Connection[Any, Any]", one)] for one in wait(list(by_line))]
            asking: list[tuple[_Worker, Any]] = []
            for worker in ready:
                kind, value = self._received(worker)
                if kind == "asks":
                    asking.append((worker, value))
                    continue
                make, arguments = under_way.pop(worker.job)
                # An error cannot be sent as it is; nothing of the job was kept that would change how it ends here.
                done(value if kind == "done" else _run_here(make, tools, arguments, handle))
                self._give(worker, waiting, under_way)
            if asking:
                for (worker, _), answer in zip(asking, handle([value for _, value in asking]), strict=True):
                    self._send(worker, pickle.dumps(answer))

    def _give(
        self, worker: _Worker, waiting: Iterator[tuple[int, Job[_Result]]], under_way: dict[int, Job[_Result]]
    ) -> None:
        found = next(waiting, None)
        if found is not None:
            worker.job, under_way[found[0]] = found
            self._send(worker, pickle.dumps(("job", found[1])))

    def _send(self, worker: _Worker, data: bytes) -> None:
        try:
            worker.line.send_bytes(data)
        except OSError as error:
            raise WorkerLost(worker.number) from error

    def _received(self, worker: _Worker) -> tuple[str, Any]:
        try:
            kind, value = pickle.loads(worker.line.recv_bytes())  # noqa: S301 - from our own process
        except (EOFError, OSError) as error:
            raise WorkerLost(worker.number) from error
        if kind == "broken":
            raise WorkerFailed(value)
        return kind, value


@contextmanager
def _without_collecting() -> Iterator[None]:
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _run_here(make: Callable[..., Work[_Result]], tools: Any, arguments: tuple[Any, ...], handle: Handler) -> _Result:
    with _without_collecting():
        work, answer = make(tools, *arguments), None
        while True:
            try:
                asked = work.send(answer)
            except StopIteration as end:
                return cast("_Result", end.value)
            (answer,) = handle([asked])


def serve(lines: Sequence[int], imports: Sequence[str]) -> None:
    """Be the process that the workers are forked from: one for each of these sockets; wait for their end."""
    for name in imports:
        importlib.import_module(name)
    gc.freeze()  # what all of them share is not to be copied for being looked at
    for line in lines:
        if os.fork() == 0:
            for other in lines:
                if other != line:
                    os.close(other)
            try:
                _work(Connection(line))
            finally:
                os._exit(0)  # without a word, also of what could not be read: its traceback may hold a name
    for line in lines:
        os.close(line)
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _work(line: "Connection[tuple[str, Any], tuple[str, Any]]") -> None:
    """Be a worker: take tools and work at jobs until the socket closes."""
    tools: Any = None
    with suppress(EOFError, OSError):
        line.send(("is", os.getpid()))
        while True:
            kind, value = line.recv()
            if kind == "tools":
                tools = value
            else:
                make, arguments = value
                with _without_collecting():
                    told = _worked(line, make, tools, arguments)
                line.send(told)


def _worked(
    line: "Connection[Any, Any]", make: Callable[..., Work[Any]], tools: Any, arguments: tuple[Any, ...]
) -> tuple[str, Any]:
    answer = None
    try:
        work = make(tools, *arguments)
        while True:
            line.send(("asks", work.send(answer)))
            answer = line.recv()
    except StopIteration as end:
        return "done", end.value
    except RegistryError as error:
        return "failed", error.code
    except Exception as error:  # the edge of a process: whatever goes further is printed there, and lost to ours
        return "broken", type(error).__name__
