"""One SQLite file: WAL, synchronous=FULL, checked at opening; one writer at a time, many readers.

A writing unit of work begins with BEGIN IMMEDIATE: it waits for its turn before it reads, so that what it read still holds when it writes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from registry.kernel.errors import IntegrityFault, Unavailable
from registry.store.examining import SqlMarks
from registry.store.issuing import SqlBatches, SqlOutbox
from registry.store.journal import SqlJournal
from registry.store.migrating import require_current, upgrade
from registry.store.people import SqlEnrolments
from registry.store.projection import SqlProjection
from registry.store.sessions import Session
from registry.store.standing import SqlStatusRequests
from registry.store.tables import batch, metadata, roster, sheet, status_request
from registry.store.vault import DataKeys

_BUSY_SECONDS: Final = 15
_CHINA: Final = timezone(timedelta(hours=8))
_NAMED: Final = {"R": roster, "S": sheet, "B": batch, "C": status_request}


class StoreBusy(Unavailable):
    """Another process is writing for longer than we wait; nothing was written."""

    code = "store/busy"

    def __init__(self) -> None:
        super().__init__(f"the database was locked by another writer for {_BUSY_SECONDS} seconds")


class StoreUnavailable(Unavailable):
    """The database cannot be read or written now; what was begun is undone."""

    code = "store/unavailable"

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"the database cannot be used: {cause}")


class StoreUnsafe(IntegrityFault):
    """The database does not keep what it acknowledges: we do not start on it."""

    code = "store/unsafe"

    def __init__(self, setting: str, found: str) -> None:
        self.setting, self.found = setting, found
        super().__init__(f"the database runs with {setting} {found}")


class Unit:
    """Implements registry.ports.storage.UnitOfWork."""

    def __init__(self, connection: Connection, keys: DataKeys) -> None:
        self._session = Session(connection, keys)
        self.enrolments = SqlEnrolments(self._session)
        self.marks = SqlMarks(self._session)
        self.batches = SqlBatches(self._session)
        self.outbox = SqlOutbox(self._session)
        self.status_requests = SqlStatusRequests(self._session)
        self.projection = SqlProjection(self._session)
        self.journal = SqlJournal(self._session)

    def next_name(self, kind: str, at: datetime) -> str:
        """Give the next name of a kind: `R`, `S`, `B` or `C`, year, month (+08:00), serial."""
        prefix = f"{kind}-{at.astimezone(_CHINA):%Y-%m}-"
        column = _NAMED[kind].c.id
        last = self._session.connection.execute(select(func.max(column)).where(column.like(prefix + "%"))).scalar_one()
        return f"{prefix}{int(last.removeprefix(prefix)) + 1 if last else 1:04d}"

    def unsealed_rows(self) -> Iterator[tuple[str, str]]:
        """Yield table and key of every row that was changed outside the registry."""
        sealed = [table for table in metadata.sorted_tables if "seal" in table.c]
        return self._session.unsealed_rows(sealed)


class Database:
    """Implements registry.ports.storage.Store over one SQLite file."""

    def __init__(self, engine: Engine, keys: DataKeys) -> None:
        self._engine, self._keys = engine, keys

    @contextmanager
    def write(self) -> Iterator[Unit]:
        """Begin a writing transaction; it is kept when the block ends, undone when it raises."""
        with _translated(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield Unit(connection, self._keys)

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """Begin a reading transaction: one consistent view."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield Unit(connection, self._keys)

    def close(self) -> None:
        """Give up the file."""
        self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if "locked" in str(error.orig):
            raise StoreBusy from error
        raise StoreUnavailable(str(error.orig)) from error
    except DatabaseError as error:
        raise StoreUnavailable(str(error.orig)) from error


def open_database(path: Path, keys: DataKeys, *, create: bool = False) -> Database:
    """Open the registry's database; `create` makes or upgrades its tables first.

    Raises StoreUnavailable, StoreUnsafe, and SchemaOutdated where the tables are of another version.
    """
    engine = _engine(path, create=create)
    with _translated(), engine.connect() as connection:
        for setting, wanted in (("journal_mode", "wal"), ("synchronous", "2")):
            found = str(connection.execute(text(f"PRAGMA {setting}")).scalar_one())
            if found != wanted:
                raise StoreUnsafe(setting, found)
    with _translated():
        if create:
            upgrade(engine)
        else:
            require_current(engine)
    return Database(engine, keys)


def _engine(path: Path, *, create: bool) -> Engine:
    mode = "rwc" if create else "rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool if create else None)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes: Any = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
