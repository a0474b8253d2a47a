"""One SQLite file: WAL, synchronous=FULL, checked at opening; one writer at a time, many readers.

A writing unit of work waits for its turn before it reads (BEGIN IMMEDIATE), so that what it read still holds when it
writes. A reading unit sees one state from its first question on, cannot write, and hinders nobody.

Connections are pooled, each used by one thread at a time: opening one costs a schema parse, an empty page cache and
no prepared statement, several times what a question costs; server threads read side by side. The pools have no upper
limit of their own, so nobody waits for a connection: the server's thread limit is the limit. Writers have a pool of
their own, with one connection that stays. A process that forks must open the database after the fork.
"""

import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Conflict, IntegrityFault, Missing, RegistryError, Unavailable
from registry.ports.storage import Looked
from registry.store.accounts import SqlAccounts
from registry.store.alarms import SqlAlarms
from registry.store.correcting import SqlCorrections
from registry.store.exam_sessions import SqlExamSessions
from registry.store.examining import SqlMarks
from registry.store.issuing import SqlBatches
from registry.store.journal import SqlJournal
from registry.store.judging import SqlJudgements, SqlProgrammeFiles
from registry.store.migrating import changed_objects, require_current, upgrade
from registry.store.outbox import SqlOutbox
from registry.store.people import SqlEnrolments
from registry.store.piecework import SqlPieces
from registry.store.portraits import SqlPortraits
from registry.store.projection import SqlProjection
from registry.store.replacing import SqlReplacements
from registry.store.room import FLOOR_BYTES, require_room
from registry.store.senders import SqlSenders
from registry.store.sessions import Memory, Session
from registry.store.sharing import SqlJobs, SqlShares
from registry.store.standing import SqlStatusRequests
from registry.store.tables import (
    alarm,
    attendance_list,
    batch,
    correction,
    course,
    exam_session,
    job,
    judgement,
    metadata,
    replacement,
    roster,
    sheet,
    status_request,
    task,
)
from registry.store.talents import SqlTalents
from registry.store.tasking import SqlTasks
from registry.store.training import SqlAdmissions, SqlCourses
from registry.store.turns import Turns
from registry.store.vault import DataKeys

BUSY_SECONDS: Final = 15.0
"""How long a writer waits for its turn."""
_READERS_KEPT: Final = 8
_MEMORY: Final = "memory"
_WRITERS_CACHE_KIBIBYTES: Final = 65_536
"""Pages that the writing connection may keep: numbers and keys lie at random, so a large batch touches every page of
their indexes again and again."""
_PAGES_BETWEEN_CHECKPOINTS: Final = 8_192
"""So many pages of the log go into the file together (32 MiB): a page that is often written goes there once."""
_LOG_KEPT_BYTES: Final = _PAGES_BETWEEN_CHECKPOINTS * 4_096
"""What is kept of the log's file once all of it is in the file and it begins anew; a long reading had it grow."""
_CACHE_KIBIBYTES: Final = 8_192
"""Pages that a reading connection keeps: the upper parts of trees and indexes, which every look-up goes through."""
_NAMED: Final = {
    "R": roster,
    "E": exam_session,
    "S": sheet,
    "K": correction,
    "J": judgement,
    "H": course,
    "A": attendance_list,
    "B": batch,
    "C": status_request,
    "V": job,
    "T": task,
    "X": replacement,
    "L": alarm,
}
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",  # or REPLACE would delete rows past the triggers that refuse it
    "secure_delete = ON",  # what is erased is overwritten
    "trusted_schema = OFF",
)


class StoreMissing(Missing):
    """There is no database file where one is expected."""

    code = "store/missing"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"there is no database at {path}")


class StoreBusy(Unavailable):
    """Another process is writing for longer than we wait; nothing was written."""

    code = "store/busy"

    def __init__(self) -> None:
        super().__init__("the database was held by another writer for longer than we wait")


class StoreUnavailable(Unavailable):
    """The database cannot be read or written now, such as on a full disk; what was begun is undone."""

    code = "store/unavailable"

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"the database cannot be used: {cause}")


class StoreDamaged(IntegrityFault):
    """The file is not a database any more, or never was."""

    code = "store/damaged"

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"the database is damaged: {cause}")


class RowRefused(Conflict):
    """A row contradicts those that are there, or what may never change was to be changed; what was begun is undone."""

    code = "store/row-refused"

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"the database refuses a row: {cause}")


class StoreUnsafe(IntegrityFault):
    """The database does not keep what it acknowledges: we do not start on it."""

    code = "store/unsafe"

    def __init__(self, setting: str, found: str) -> None:
        self.setting, self.found = setting, found
        super().__init__(f"the database runs with {setting} {found}")


class Unit:
    """Implements registry.ports.storage.UnitOfWork."""

    def __init__(
        self, connection: Connection, keys: DataKeys, memory: Memory | None = None, *, room: Callable[[], None]
    ) -> None:
        self._session = Session(connection, keys, memory)
        self.require_room = room
        self.enrolments = SqlEnrolments(self._session)
        self.marks = SqlMarks(self._session)
        self.batches = SqlBatches(self._session)
        self.pieces = SqlPieces(self._session)
        self.outbox = SqlOutbox(self._session)
        self.senders = SqlSenders(self._session)
        self.status_requests = SqlStatusRequests(self._session)
        self.accounts = SqlAccounts(self._session)
        self.shares = SqlShares(self._session)
        self.jobs = SqlJobs(self._session)
        self.tasks = SqlTasks(self._session)
        self.alarms = SqlAlarms(self._session)
        self.portraits = SqlPortraits(self._session)
        self.replacements = SqlReplacements(self._session)
        self.exam_sessions = SqlExamSessions(self._session)
        self.corrections = SqlCorrections(self._session)
        self.talents = SqlTalents(self._session)
        self.admissions = SqlAdmissions(self._session)
        self.courses = SqlCourses(self._session)
        self.judgements = SqlJudgements(self._session)
        self.programme_files = SqlProgrammeFiles(self._session)
        self.projection = SqlProjection(self._session)
        self.journal = SqlJournal(self._session)

    def next_name(self, kind: str, at: datetime, *, taken: Callable[[str], bool] | None = None) -> str:
        """Give the next name of a kind: `R`, `E`, `S`, `K`, `B`, `C`, `V` or `T`, year, month (+08:00), serial.

        Names that are `taken` elsewhere are passed over.
        """
        prefix = f"{kind}-{at.astimezone(CHINA_TIME):%Y-%m}-"
        column = _NAMED[kind].c.id
        # Longer names come later: 10000 after 9999. The colon follows the digits in ASCII.
        query = select(column).where(column > prefix, column < prefix + ":")
        last = self._session.connection.execute(
            query.order_by(func.length(column).desc(), column.desc()).limit(1)
        ).scalar_one_or_none()
        serial = int(last.removeprefix(prefix)) + 1 if last else 1
        while taken is not None and taken(f"{prefix}{serial:04d}"):
            serial += 1
        return f"{prefix}{serial:04d}"

    def unsealed_rows(self) -> Iterator[tuple[str, str]]:
        """Yield table and key of every row that was changed outside the registry, and `schema` where tables were."""
        for name in changed_objects(self._session.connection):
            yield "schema", name
        yield from self._session.unsealed_rows(metadata.sorted_tables)

    def unsealed_page(self, after: Looked | None = None) -> tuple[list[tuple[str, str]], Looked | None]:
        """Name as `unsealed_rows` does what is wrong on the next page of a table; None = all was looked at."""
        found: list[tuple[str, str]] = []
        if after is None:
            found += [("schema", name) for name in changed_objects(self._session.connection)]
        tables = metadata.sorted_tables
        number, row = after or (0, None)
        page, last = self._session.unsealed_page(tables[number], row)
        left = last is not None or number + 1 < len(tables)
        return found + page, ((number, last) if last is not None else (number + 1, None)) if left else None


class Database:
    """Implements registry.ports.storage.Store over one SQLite file."""

    def __init__(
        self, path: Path, keys: DataKeys, *, busy_seconds: float = BUSY_SECONDS, floor_bytes: int = FLOOR_BYTES
    ) -> None:
        self._keys, self._busy_seconds = keys, busy_seconds
        self._folder, self._floor_bytes = path.parent, floor_bytes
        self._writers = _engine(path, busy_seconds, writes=True)
        self._readers = _engine(path, busy_seconds, writes=False)
        self._turns = Turns(path.with_name(path.name + "-turn"))
        # Whoever lets go of a database without closing it lets go of its connections too.
        weakref.finalize(self, _dispose, self._readers, self._writers)

    @contextmanager
    def write(self) -> Iterator[Unit]:
        """Begin a writing transaction; it is kept when the block ends, undone when it raises.

        Raises StoreBusy where no turn came, StoreUnavailable, StoreDamaged, RowRefused.
        """
        with self._writing(self._busy_seconds) as unit:
            yield unit

    @contextmanager
    def write_at_once(self) -> Iterator[Unit | None]:
        """Begin as `write` does, but wait for nobody: None where somebody else is writing."""
        with ExitStack() as held:
            unit: Unit | None = None
            with suppress(StoreBusy):
                unit = held.enter_context(self._writing(0))
            yield unit

    @contextmanager
    def _writing(self, patience: float) -> Iterator[Unit]:
        """Wait for a turn, and for whoever writes without one, together for at most so many seconds."""
        until = time.monotonic() + patience
        with self._turn(patience), _translated(), self._writers.connect() as connection:
            _wait_at_most(connection, until - time.monotonic())
            with connection.begin():
                yield Unit(connection, self._keys, room=self._require_room)

    @contextmanager
    def read(self, *, remember: bool = True) -> Iterator[Unit]:
        """Begin a reading transaction: one consistent view; `remember` as the port says.

        Raises StoreUnavailable, StoreDamaged.
        """
        with _translated(), self._readers.connect() as connection, connection.begin():
            memory = connection.info.setdefault(_MEMORY, Memory()) if remember else None
            yield Unit(connection, self._keys, memory, room=self._require_room)

    def _require_room(self) -> None:
        """Check that the disk has room for something new. Raises DiskLow, StoreUnavailable."""
        try:
            require_room(self._folder, self._floor_bytes)
        except OSError as error:
            raise StoreUnavailable(error.strerror or type(error).__name__) from error

    def settle(self) -> None:
        """Bring the log into the file and empty it, so that nothing erased is left in it. Raises StoreBusy."""
        alone = self._writers.execution_options(alone=True)  # a checkpoint is nothing that a transaction can do
        with self._turn(self._busy_seconds), _translated(), alone.connect() as connection:
            _wait_at_most(connection, self._busy_seconds)
            held_up, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if held_up:
            raise StoreBusy

    def close(self) -> None:
        """Give up the file."""
        _dispose(self._readers, self._writers)

    def prepare(self, *, create: bool) -> None:
        """Check how the file is kept and what is in it; `create` makes or upgrades the tables first."""
        with _translated(), self._readers.connect() as connection:
            for setting, wanted in (("journal_mode", "wal"), ("synchronous", "2")):
                found = str(connection.execute(text(f"PRAGMA {setting}")).scalar_one())
                if found != wanted:
                    raise StoreUnsafe(setting, found)
        if create:
            with self._turn(self._busy_seconds), _translated():
                upgrade(self._writers, self._keys.seal)
        else:
            with _translated():
                require_current(self._readers)

    @contextmanager
    def _turn(self, patience: float) -> Iterator[None]:
        with ExitStack() as held:
            try:
                ours = held.enter_context(self._turns.turn(patience))
            except OSError as error:
                raise StoreUnavailable(error.strerror or type(error).__name__) from error
            if not ours:
                raise StoreBusy
            yield


def open_database(
    path: Path,
    keys: DataKeys,
    *,
    create: bool = False,
    busy_seconds: float = BUSY_SECONDS,
    floor_bytes: int = FLOOR_BYTES,
) -> Database:
    """Open the registry's database; `create` makes the file, and makes or upgrades its tables.

    `floor_bytes`: what has to be free on its disk for anything new to be accepted.
    Raises StoreMissing, StoreUnavailable, StoreDamaged, StoreUnsafe, and SchemaOutdated where the tables are of
    another version.
    """
    if create:
        path.touch(mode=0o600)
    elif not path.is_file():
        raise StoreMissing(path)
    database = Database(path, keys, busy_seconds=busy_seconds, floor_bytes=floor_bytes)
    try:
        database.prepare(create=create)
    except RegistryError:
        database.close()
        raise
    return database


def _dispose(*engines: Engine) -> None:
    for engine in engines:
        engine.dispose()


def _wait_at_most(connection: Connection, seconds: float) -> None:
    """Let SQLite wait no longer than that for whoever holds the file; asked past SQLAlchemy, so that nothing begins."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute(f"PRAGMA busy_timeout = {max(0, int(seconds * 1000))}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise _meaning(error.orig) from error
    except sqlite3.DatabaseError as error:
        raise _meaning(error) from error


def _meaning(error: BaseException | None) -> RegistryError:
    cause, code = str(error), getattr(error, "sqlite_errorcode", None)
    if code is None and isinstance(error, sqlite3.OperationalError):
        return StoreDamaged(cause)  # not the engine's word but the driver's: text that is not UTF-8
    match code and code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreBusy()
        case sqlite3.SQLITE_CONSTRAINT:
            return RowRefused(cause)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreDamaged(cause)
        case _:
            return StoreUnavailable(cause)


def _engine(path: Path, busy_seconds: float, *, writes: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=busy_seconds,
            isolation_level=None,
            check_same_thread=False,  # the pool hands a connection to one thread after another
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            if writes:
                connection.execute(f"PRAGMA cache_size = -{_WRITERS_CACHE_KIBIBYTES}")
                connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_BETWEEN_CHECKPOINTS}")
                connection.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT_BYTES}")
            else:
                connection.execute("PRAGMA query_only = ON")
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=1 if writes else _READERS_KEPT,
        max_overflow=-1,
        pool_use_lifo=True,
        hide_parameters=True,  # errors are logged; what was to be written is nobody's business there
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("alone"):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
