"""What pages ask of the desk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, func, or_, select

from registry.ports.storage import NotHere
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.store.sessions import Row, Session, maybe_time, micros, time_of
from registry.store.tables import task

_OPEN = (TaskState.QUEUED.value, TaskState.RUNNING.value)
_CLOCKS_MAY_DIFFER: Final = timedelta(minutes=1)
"""Who was heard of later than that from now had a clock that was ahead, and a lease by it; alive, it beats by now."""


class SqlTasks:
    """Implements registry.ports.tasks.Tasks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: Task) -> None:
        """Keep a new task. Raises RowRefused where one is open for the same kind and subject."""
        self._session.add(
            task,
            [
                {
                    "id": new.id,
                    "kind": new.kind.value,
                    "subject": new.subject,
                    "asked_by": new.asked_by,
                    "asked_at": micros(new.asked_at),
                    "state": TaskState.QUEUED.value,
                    "step": None,
                    "done": 0,
                    "total": 0,
                    "worker": None,
                    "leased_until": None,
                    "began_at": None,
                    "heard_at": None,
                    "finished_at": None,
                    "result": None,
                    "failure": None,
                }
            ],
        )

    def task(self, id: str) -> Task:
        """Give a task. Raises NotHere."""
        return _task(self._known(id))

    def open_for(self, kind: TaskKind, subject: str) -> Task | None:
        """Give the task that is queued or running for a subject."""
        where = and_(task.c.kind == kind.value, task.c.subject == subject, task.c.state.in_(_OPEN))
        row = self._session.row(task, select(task).where(where))
        return None if row is None else _task(row)

    def open_count(self, kind: TaskKind | None = None) -> int:
        """Count what is queued or running, of one kind or of all."""
        query = select(func.count()).select_from(task).where(task.c.state.in_(_OPEN))
        if kind is not None:
            query = query.where(task.c.kind == kind.value)
        return int(self._session.connection.execute(query).scalar_one())

    def of_subject(self, subject: str) -> Sequence[Task]:
        """All tasks for a subject or with it as their result, the newest first."""
        return self._tasks(select(task).where(or_(task.c.subject == subject, task.c.result == subject)))

    def recent(self, most: int) -> Sequence[Task]:
        """The tasks asked for last, the newest first."""
        return self._tasks(select(task).limit(most))

    def waiting(self, at: datetime) -> Sequence[Task]:
        """The tasks that a worker could claim at a moment, the oldest first."""
        return [_task(row) for row in self._session.rows(task, _waiting(at))]

    def claim(self, worker: str, at: datetime, until: datetime) -> Task | None:
        """Take the oldest task that waits, or whose worker was not heard of until its lease ended; None = none.

        A lease by a clock that was ahead, as it turned out, has ended.
        """
        row = self._session.row(task, _waiting(at))
        if row is None:
            return None
        self._session.change_read(
            task,
            row,
            {},
            state=TaskState.RUNNING.value,
            worker=worker,
            leased_until=micros(until),
            began_at=micros(at),
            heard_at=micros(at),
            step=None,
            done=0,
            total=0,
        )
        return self.task(row["id"])

    def tell(self, id: str, worker: str, *, step: str, done: int, total: int, at: datetime, until: datetime) -> None:
        """Note how far a worker is, and lengthen its lease. Raises StateMoved where another has taken it over."""
        self._go_on(id, worker, step=step, done=done, total=total, heard_at=micros(at), leased_until=micros(until))

    def finish(self, id: str, worker: str, result: str, at: datetime) -> None:
        """Note what came of a task. Raises StateMoved where another worker has taken it over."""
        self._go_on(
            id, worker, state=TaskState.FINISHED.value, leased_until=None, finished_at=micros(at), result=result
        )

    def fail(self, id: str, worker: str, failure: str, at: datetime) -> None:
        """Note why a task cannot be done. Raises StateMoved where another worker has taken it over."""
        self._go_on(
            id, worker, state=TaskState.FAILED.value, leased_until=None, finished_at=micros(at), failure=failure
        )

    def _go_on(self, id: str, worker: str, **changes: Any) -> None:
        expected = {"state": TaskState.RUNNING.value, "worker": worker}
        self._session.change_read(task, self._known(id), expected, **changes)

    def _known(self, id: str) -> Row:
        row = self._session.row(task, select(task).where(task.c.id == id))
        if row is None:
            raise NotHere("task", id)
        return row

    def _tasks(self, query: Any) -> list[Task]:
        rows = self._session.rows(task, query.order_by(task.c.asked_at.desc(), task.c.id.desc()))
        return [_task(row) for row in rows]


def _waiting(at: datetime) -> Select[Any]:
    lapsed = or_(task.c.leased_until <= micros(at), task.c.heard_at > micros(at + _CLOCKS_MAY_DIFFER))
    running = and_(task.c.state == TaskState.RUNNING.value, lapsed)
    return select(task).where(or_(task.c.state == TaskState.QUEUED.value, running)).order_by(task.c.asked_at, task.c.id)


def _task(row: Row) -> Task:
    return Task(
        id=row["id"],
        kind=TaskKind(row["kind"]),
        subject=row["subject"],
        asked_by=row["asked_by"],
        asked_at=time_of(row["asked_at"]),
        state=TaskState(row["state"]),
        step=row["step"],
        done=row["done"],
        total=row["total"],
        worker=row["worker"],
        leased_until=maybe_time(row["leased_until"]),
        began_at=maybe_time(row["began_at"]),
        heard_at=maybe_time(row["heard_at"]),
        finished_at=maybe_time(row["finished_at"]),
        result=row["result"],
        failure=row["failure"],
    )
