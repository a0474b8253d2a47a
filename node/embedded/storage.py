"""The chain file: one SQLite database that takes a whole block, or nothing of it.

Two kinds of content stand side by side. `node` is the engine's key-value store: trie nodes, code, headers, the
canonical head. `block`, `transaction_`, `log` are what questions need quickly; receipts are put together from them. One
block's entries of all four are written in one transaction (WAL, synchronous=FULL): after a crash the file ends with the
last complete block.

Only the writer's one connection can write or checkpoint; all others are opened with mode=ro, which keeps us clear of
SQLite's WAL-reset bug (3.7.0 to 3.51.2: two connections that write or checkpoint at one instant).
"""

import contextlib
import fcntl
import functools
import os
import queue
import sqlite3
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from node.embedded.errors import (
    ChainFileBroken,
    ChainFileClosed,
    ChainFileExists,
    ChainFileMissing,
    ChainFileUnavailable,
    ChainLocked,
)
from node.embedded.model import BuiltBlock
from registry.kernel.identifiers import BlockHash, TransactionHash

APPLICATION_ID = 0x5645524D
"""`VERM` in the file's header: tells `file` and us whose database this is."""
FORMAT_VERSION = 1
_CACHED_NODES = 32_768
_WRITER_WAITS_SECONDS = 2.0
"""For another program at the file; whoever seals tries again by itself, and says meanwhile why no block comes."""
_CLOSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
_NOT_NOW = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM)
"""What SQLite says of disk, memory and other processes, and not of what stands in the file."""
DIGEST_SIZE = 32
"""Bytes of a key that is the digest of what stands under it."""
_TOPICS = 4

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE node (key BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE block (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, seal BLOB NOT NULL, size INTEGER NOT NULL
) STRICT;
CREATE TABLE transaction_ (
    hash BLOB PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL, sender BLOB NOT NULL, raw BLOB NOT NULL,
    succeeded INTEGER NOT NULL, gas_used INTEGER NOT NULL, cumulative_gas_used INTEGER NOT NULL, created BLOB
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX transaction_by_place ON transaction_ (block, position);
CREATE TABLE log (
    block INTEGER NOT NULL, position INTEGER NOT NULL, transaction_position INTEGER NOT NULL, address BLOB NOT NULL,
    topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB, data BLOB NOT NULL,
    PRIMARY KEY (block, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_by_address ON log (address, topic0, block);
CREATE INDEX log_by_topic ON log (topic0, block);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """What the file knows of a block beside its header."""

    number: int
    hash: BlockHash
    seal: bytes
    """r ‖ s ‖ yParity, 65 bytes."""
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow:
    """A transaction that stands in a block, with the outcome of running it."""

    hash: TransactionHash
    block: int
    block_hash: BlockHash
    position: int
    sender: bytes
    raw: bytes
    succeeded: bool
    gas_used: int
    cumulative_gas_used: int
    created: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """A log with its place; `position` counts through the whole block."""

    block: int
    block_hash: BlockHash
    position: int
    transaction_position: int
    transaction_hash: TransactionHash
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which logs are wanted. No `addresses`: of any; a topic position holds its alternatives, an empty one all."""

    first: int
    last: int
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()


class ChainFile:
    """An open chain file. Safe for many reading threads beside one writing thread.

    Whatever touches the file raises ChainFileUnavailable where that cannot be done now, and ChainFileBroken.
    """

    def __init__(self, path: Path, *, writing: bool) -> None:
        self.path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._closed = False
        self._lock_descriptor: int | None = None
        self._writer: sqlite3.Connection | None = None
        self._node = functools.lru_cache(maxsize=_CACHED_NODES)(self._stored_node)
        if writing:
            self._lock_descriptor = _lock(path)
            try:
                self._writer = self._open_writer()
            except BaseException:
                self.close()
                raise

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a chain file that waits for its first block. Raises ChainFileExists, ChainLocked.

        A file that never got its first block is as good as none: tables and genesis block come in one transaction.
        """
        created = cls(path, writing=True)
        try:
            with created._reading() as connection:
                if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise ChainFileExists(str(path))
        except BaseException:
            created.close()
            raise
        return created

    @classmethod
    def open(cls, path: Path, *, writing: bool) -> Self:
        """Open an existing chain file. Raises ChainFileMissing, ChainFileClosed, and ChainLocked when `writing`."""
        if not path.is_file():
            raise ChainFileMissing(str(path))
        opened = cls(path, writing=writing)
        try:
            opened._require_ours()
        except BaseException:
            opened.close()
            raise
        return opened

    def close(self) -> None:
        """Close all connections and give the lock back; may be called twice."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    # --- writing: one thread at a time

    def write_genesis(self, block: BuiltBlock, seal: bytes, meta: dict[str, bytes]) -> None:
        """Write tables, facts of the file and block 0, all of it or nothing."""
        with self._transaction() as writer:
            for statement in _SCHEMA.split(";"):
                writer.execute(statement)
            writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            writer.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            writer.executemany("INSERT INTO meta VALUES (?, ?)", list(meta.items()))
            self._insert(writer, block, seal)

    def write_block(self, block: BuiltBlock, seal: bytes) -> None:
        """Write a block with its seal (65 bytes), or nothing of it when that raises (disk full, …)."""
        with self._transaction() as writer:
            self._insert(writer, block, seal)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        assert self._writer is not None
        writer = self._writer
        with _translated(self.path):
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                # SQLite rolls back by itself on some faults (disk full), and a second ROLLBACK would be an error.
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise

    def _insert(self, writer: sqlite3.Connection, block: BuiltBlock, seal: bytes) -> None:
        number = block.header.number
        # A digest names its content, so what is there stays; only the engine's few named keys are ever replaced.
        writer.executemany("INSERT OR REPLACE INTO node VALUES (?, ?)", list(block.entries.items()))
        writer.execute("INSERT INTO block VALUES (?, ?, ?, ?)", (number, block.header.hash, seal, block.size))
        log_position = 0
        for position, execution in enumerate(block.executions):
            transaction = execution.transaction
            writer.execute(
                "INSERT INTO transaction_ VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    transaction.hash,
                    number,
                    position,
                    transaction.sender,
                    transaction.raw,
                    int(execution.succeeded),
                    execution.gas_used,
                    execution.cumulative_gas_used,
                    execution.created,
                ),
            )
            for log in execution.logs:
                topics = log.topics + (None,) * (_TOPICS - len(log.topics))
                writer.execute(
                    "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (number, log_position, position, log.address, *topics, log.data),
                )
                log_position += 1

    # --- reading: any thread

    def node(self, key: bytes) -> bytes:
        """Read one entry of the engine's store. Raises KeyError when it is not there."""
        # What stands under a digest never changes and may be cached; the engine's named keys (the head) move.
        return self._node(key) if len(key) == DIGEST_SIZE else self._stored_node(key)

    def meta(self, name: str) -> bytes:
        """Read one fact of the file itself. Raises ChainFileBroken when it is missing."""
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise ChainFileBroken(str(self.path), f"{name} is missing")
        return bytes(row[0])

    def head(self) -> BlockRow:
        """Read the last block. Raises ChainFileBroken when there is none."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT number, hash, seal, size FROM block ORDER BY number DESC LIMIT 1"
            ).fetchone()
        if row is None:
            raise ChainFileBroken(str(self.path), "there is no block in it")
        return _block_row(row)

    def block_by_number(self, number: int) -> BlockRow | None:
        """Find a block by its number."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT number, hash, seal, size FROM block WHERE number = ?", (number,)
            ).fetchone()
        return None if row is None else _block_row(row)

    def block_by_hash(self, block_hash: bytes) -> BlockRow | None:
        """Find a block by its hash (32 bytes)."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT number, hash, seal, size FROM block WHERE hash = ?", (block_hash,)
            ).fetchone()
        return None if row is None else _block_row(row)

    def transaction(self, transaction_hash: bytes) -> TransactionRow | None:
        """Find a transaction that stands in a block."""
        with self._reading() as connection:
            row = connection.execute(f"{_TRANSACTIONS} WHERE t.hash = ?", (transaction_hash,)).fetchone()
        return None if row is None else _transaction_row(row)

    def transactions(self, block: int) -> tuple[TransactionRow, ...]:
        """Read the transactions of a block, in their order."""
        with self._reading() as connection:
            rows = connection.execute(f"{_TRANSACTIONS} WHERE t.block = ? ORDER BY t.position", (block,)).fetchall()
        return tuple(map(_transaction_row, rows))

    def logs_of_block(self, block: int) -> tuple[LogRow, ...]:
        """Read all logs of a block, in their order."""
        with self._reading() as connection:
            rows = connection.execute(f"{_LOGS} WHERE l.block = ? ORDER BY l.position", (block,)).fetchall()
        return tuple(map(_log_row, rows))

    def logs_of_transaction(self, block: int, position: int) -> tuple[LogRow, ...]:
        """Read the logs of the transaction at `position` of a block, in their order."""
        statement = f"{_LOGS} WHERE l.block = ? AND l.transaction_position = ? ORDER BY l.position"
        with self._reading() as connection:
            rows = connection.execute(statement, (block, position)).fetchall()
        return tuple(map(_log_row, rows))

    def logs(self, wanted: LogFilter, *, limit: int) -> tuple[LogRow, ...]:
        """Find logs, in the order of the chain; at most `limit` of them (-1: all)."""
        conditions = ["l.block BETWEEN ? AND ?"]
        values: list[object] = [wanted.first, wanted.last]
        if wanted.addresses:
            conditions.append(f"l.address IN ({_marks(wanted.addresses)})")
            values += wanted.addresses
        for index, alternatives in enumerate(wanted.topics):
            if alternatives:
                conditions.append(f"l.topic{index} IN ({_marks(alternatives)})")
                values += alternatives
            else:
                conditions.append(f"l.topic{index} IS NOT NULL")
        # Only question marks and our own column names are put together here; every value is bound.
        statement = f"{_LOGS} WHERE {' AND '.join(conditions)} ORDER BY l.block, l.position LIMIT ?"
        with self._reading() as connection:
            rows = connection.execute(statement, (*values, limit)).fetchall()
        return tuple(map(_log_row, rows))

    # --- connections

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _translated(self.path):
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._open_reader()
            try:
                yield connection
            finally:
                if self._closed:
                    connection.close()
                else:
                    self._idle.put(connection)

    def _open_reader(self) -> sqlite3.Connection:
        if self._closed:
            raise ChainFileMissing(str(self.path))
        address = f"file:{urllib.parse.quote(str(self.path.absolute()))}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=10, isolation_level=None, check_same_thread=False)

    def _open_writer(self) -> sqlite3.Connection:
        with _translated(self.path):
            writer = sqlite3.connect(
                self.path, timeout=_WRITER_WAITS_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                writer.execute("PRAGMA journal_mode = WAL")
                writer.execute("PRAGMA synchronous = FULL")
                _require_durable(writer, self.path)
            except BaseException:
                writer.close()
                raise
            return writer

    def _require_ours(self) -> None:
        with self._reading() as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID:
            raise ChainFileBroken(str(self.path), "it is not a chain file of this program")
        if version != FORMAT_VERSION:
            raise ChainFileBroken(str(self.path), f"expected format {FORMAT_VERSION}, found {version}")

    def _stored_node(self, key: bytes) -> bytes:
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM node WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])


_TRANSACTIONS = (
    "SELECT t.hash, t.block, b.hash, t.position, t.sender, t.raw, t.succeeded, t.gas_used, t.cumulative_gas_used,"
    " t.created FROM transaction_ t JOIN block b ON b.number = t.block"
)
_LOGS = (
    "SELECT l.block, b.hash, l.position, l.transaction_position, t.hash, l.address,"
    " l.topic0, l.topic1, l.topic2, l.topic3, l.data FROM log l JOIN block b ON b.number = l.block"
    " JOIN transaction_ t ON t.block = l.block AND t.position = l.transaction_position"
)


def _lock(path: Path) -> int:
    """Take the writer's lock: a file of its own, since SQLite takes and leaves locks on the database itself."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ChainLocked(str(path)) from error
    return descriptor


def _require_durable(writer: sqlite3.Connection, path: Path) -> None:
    journal = writer.execute("PRAGMA journal_mode").fetchone()[0]
    if journal != "wal":
        raise ChainFileBroken(str(path), f"expected journal mode wal, the file system gives {journal}")
    synchronous = writer.execute("PRAGMA synchronous").fetchone()[0]
    if synchronous != 2:  # 2 is FULL
        raise ChainFileBroken(str(path), f"expected synchronous 2 (FULL), found {synchronous}")


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _block_row(row: tuple[int, bytes, bytes, int]) -> BlockRow:
    return BlockRow(number=row[0], hash=BlockHash(row[1]), seal=row[2], size=row[3])


def _transaction_row(
    row: tuple[bytes, int, bytes, int, bytes, bytes, int, int, int, bytes | None],
) -> TransactionRow:
    return TransactionRow(
        hash=TransactionHash(row[0]),
        block=row[1],
        block_hash=BlockHash(row[2]),
        position=row[3],
        sender=row[4],
        raw=row[5],
        succeeded=bool(row[6]),
        gas_used=row[7],
        cumulative_gas_used=row[8],
        created=row[9],
    )


def _log_row(
    row: tuple[int, bytes, int, int, bytes, bytes, bytes | None, bytes | None, bytes | None, bytes | None, bytes],
) -> LogRow:
    return LogRow(
        block=row[0],
        block_hash=BlockHash(row[1]),
        position=row[2],
        transaction_position=row[3],
        transaction_hash=TransactionHash(row[4]),
        address=row[5],
        topics=tuple(topic for topic in row[6:10] if topic is not None),
        data=row[10],
    )


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # the driver's word on how we use it: the file is not to blame
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: sqlite3.DatabaseError) -> ChainFileBroken | ChainFileClosed | ChainFileUnavailable:
    """Tell what lies with permissions, disk or other processes from a broken file: a backup mends only the latter."""
    code: int | None = getattr(error, "sqlite_errorcode", None)  # the driver has none for text that is not UTF-8
    primary = None if code is None else code & 0xFF
    if primary in _CLOSED:
        return ChainFileClosed(str(path))
    if primary in _NOT_NOW:
        return ChainFileUnavailable(str(path), str(error))
    return ChainFileBroken(str(path), str(error))
