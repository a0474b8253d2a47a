"""What pages ask of the desk: the process that has the keys which the web process must not have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class TaskKind(StrEnum):
    """What is to be done."""

    PROPOSE = "propose"
    """Reserve, sign and seal a batch of a scope; subject `PROGRAMME/LEVEL`, result a batch."""
    SEND_BATCH = "send-batch"
    """Take an approved batch to the chain and deliver it; subject and result a batch."""
    SEND_REQUEST = "send-request"
    """Take an approved change of status to the chain; subject and result a status request."""
    DRAW = "draw"
    """Draw a recorded batch's certificates into one ZIP; subject a batch, result the file's name."""


class TaskState(StrEnum):
    """Where a task stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that somebody asked the desk for. None of it is personal data."""

    id: str
    """`T-YYYY-MM-NNNN`."""
    kind: TaskKind
    subject: str
    asked_by: str
    asked_at: datetime
    state: TaskState
    step: str | None = None
    """What is being done now, such as `sign`; None = nothing yet."""
    done: int = 0
    total: int = 0
    """0 = not known."""
    worker: str | None = None
    leased_until: datetime | None = None
    """Until then only `worker` may go on with it."""
    began_at: datetime | None = None
    """When the present worker began."""
    heard_at: datetime | None = None
    """When the worker last said how far it is."""
    finished_at: datetime | None = None
    result: str | None = None
    failure: str | None = None
    """Code of an error."""


class Tasks(Protocol):
    """Tasks of the desk. One is open at a time for a kind and a subject."""

    def add(self, task: Task) -> None:
        """Keep a new task. Raises RowRefused where one is open for the same kind and subject."""
        ...

    def task(self, id: str) -> Task:
        """Give a task. Raises NotHere."""
        ...

    def open_for(self, kind: TaskKind, subject: str) -> Task | None:
        """Give the task that is queued or running for a subject."""
        ...

    def open_count(self, kind: TaskKind | None = None) -> int:
        """Count what is queued or running, of one kind or of all."""
        ...

    def of_subject(self, subject: str) -> Sequence[Task]:
        """All tasks for a subject or with it as their result, the newest first."""
        ...

    def recent(self, most: int) -> Sequence[Task]:
        """The tasks asked for last, the newest first."""
        ...

    def waiting(self, at: datetime) -> Sequence[Task]:
        """The tasks that a worker could claim at a moment, the oldest first."""
        ...

    def claim(self, worker: str, at: datetime, until: datetime) -> Task | None:
        """Take the oldest task that waits, or whose worker was not heard of until its lease ended; None = none.

        A lease by a clock that was ahead, as it turned out, has ended.
        """
        ...

    def tell(self, id: str, worker: str, *, step: str, done: int, total: int, at: datetime, until: datetime) -> None:
        """Note how far a worker is, and lengthen its lease. Raises StateMoved where another has taken it over."""
        ...

    def finish(self, id: str, worker: str, result: str, at: datetime) -> None:
        """Note what came of a task. Raises StateMoved where another worker has taken it over."""
        ...

    def fail(self, id: str, worker: str, failure: str, at: datetime) -> None:
        """Note why a task cannot be done. Raises StateMoved where another worker has taken it over."""
        ...
