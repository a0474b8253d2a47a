"""One unit of work on one connection: the only ways to write a row, which seal it, and to read one, which check it."""

import hmac
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    ColumnClause,
    Connection,
    Integer,
    LargeBinary,
    Select,
    Table,
    and_,
    cast,
    func,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import RowMapping

from registry.kernel.errors import Conflict
from registry.store.sealing import SealBroken, seal, seal_of_written
from registry.store.vault import DataKeys

Row = dict[str, Any]
"""A row's values by the names of its columns."""
AT_ONCE: Final = 1_000
"""Rows read, written or asked for in one statement; SQLite takes 32,766 bound parameters."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LETTERS: Final = {"integer": b"i", "text": b"s", "blob": b"b"}
_REMEMBERED: Final = 512
"""Most things that a connection remembers; then the one that was not asked for the longest time is forgotten."""
_NUMBER: Final[ColumnClause[int]] = literal_column("rowid", Integer)
"""SQLite's own number of a row, by which the rows of any table lie in order."""
_WRITTEN_OUT: Final = sqlite_dialect(paramstyle="named")
_Item = TypeVar("_Item")


class StateMoved(Conflict):
    """A row is no longer as it was read: somebody else took the step first."""

    code = "store/state-moved"

    def __init__(self, table: str, row: str) -> None:
        self.table, self.row = table, row
        super().__init__(f"{table} {row} was changed by another step meanwhile")


class Question:
    """A query for whole rows of some tables that is written out once: building it anew costs more than its answer."""

    def __init__(self, query: Select[Any], first: Table, *others: Table) -> None:
        """Take a query over all columns of the tables, in their order; what varies is a `bindparam`."""
        compiled = query.compile(dialect=_WRITTEN_OUT)
        self.text, self.constants = str(compiled), dict(compiled.params)
        self.tables: list[tuple[Table, int, tuple[str, ...]]] = []
        begin = 0
        for table in (first, *others):
            names = tuple(column.name for column in table.columns)
            self.tables.append((table, begin, names))
            begin += len(names)
        if len(query.selected_columns) != begin:
            raise ValueError("a question asks for whole rows")


class Memory:
    """What one reading connection has read and checked, for as long as nobody else has written into the database."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def at(self, version: int) -> "Memory":
        """Forget all that was read at another version of the database."""
        if version != self._version:
            self._version = version
            self._kept.clear()
        return self

    def recall(self, name: Hashable, read: Callable[[], _Item]) -> _Item:
        """Give what is remembered under a name, or else read and remember it; what raises is not remembered."""
        if name in self._kept:
            self._kept.move_to_end(name)
            known: _Item = self._kept[name]
            return known
        found = read()
        self._kept[name] = found
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return found


class Session:
    """A connection inside one transaction, with the keys of the store."""

    def __init__(self, connection: Connection, keys: DataKeys, memory: Memory | None = None) -> None:
        """`memory` belongs to the connection; None = nothing is remembered, as where something is written."""
        self.connection, self.keys = connection, keys
        self._memory, self._is_at_version = memory, False

    # — writing —

    def add(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows, sealed, piece by piece; all have the same columns."""
        for piece in pieces(rows):
            names = tuple(piece[0])
            written = [(*map(row.__getitem__, names), seal(self.keys.seal, table, row)) for row in piece]
            self.connection.exec_driver_sql(_insertion(table, (*names, "seal")), written)

    def keep(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        """Insert whole rows that carry their seals, with the values in the order of the table's columns."""
        self.driver.executemany(_insertion(table, tuple(column.name for column in table.columns)), rows)

    def change(self, table: Table, where: Mapping[str, Any], expected: Mapping[str, Any], **changes: Any) -> None:
        """Change the one row that `where` names, if it still is as `expected`. Raises StateMoved, SealBroken."""
        condition = and_(*(table.c[name] == value for name, value in where.items()))
        row = self.row(table, select(table).where(condition))
        if row is None:
            raise StateMoved(table.name, " ".join(_shown(value) for value in where.values()))
        self.change_read(table, row, expected, **changes)

    def change_read(self, table: Table, row: Row, expected: Mapping[str, Any], **changes: Any) -> None:
        """Change a row that was read in this transaction, if it is as `expected`. Raises StateMoved."""
        keys = [column.name for column in table.primary_key]
        named = " ".join(_shown(row[key]) for key in keys)
        if any(row[name] != value for name, value in expected.items()):
            raise StateMoved(table.name, named)
        result = self.connection.execute(
            update(table)
            .where(*(table.c[key] == row[key] for key in keys), table.c.seal == row["seal"])
            .values(**changes, seal=seal(self.keys.seal, table, {**row, **changes}))
        )
        if result.rowcount != 1:
            raise StateMoved(table.name, named)

    # — reading —

    @property
    def driver(self) -> sqlite3.Connection:
        """The driver's own connection, inside the same transaction: for questions that are written out already."""
        driver: Any = self.connection.connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        return driver

    def remembered(self, name: Hashable, read: Callable[[], _Item]) -> _Item:
        """Give an immutable value that `read` makes of rows, from memory where nothing has been written since.

        The version is asked for inside the transaction and is that of the view it has; SQLite tells of every commit of
        another connection, this process's or not.
        """
        if self._memory is None:
            return read()
        if not self._is_at_version:
            self._memory.at(self.driver.execute("PRAGMA data_version").fetchone()[0])
            self._is_at_version = True
        return self._memory.recall(name, read)

    def answers(self, question: Question, **values: str | int | bytes) -> list[tuple[Row, ...]]:
        """Read whole rows side by side as `joined` does. Raises SealBroken."""
        found = self.driver.execute(question.text, {**question.constants, **values}).fetchall()
        return [
            tuple(
                self._checked(table, dict(zip(names, row[begin : begin + len(names)], strict=True)))
                for table, begin, names in question.tables
            )
            for row in found
        ]

    def rows(self, table: Table, query: Select[Any]) -> list[Row]:
        """Read whole rows of one table. Raises SealBroken."""
        return [row for (row,) in self.joined(query, table)]

    def row(self, table: Table, query: Select[Any]) -> Row | None:
        """Read the one row of one table that a query finds. Raises SealBroken."""
        return next(iter(self.rows(table, query.limit(1))), None)

    def joined(self, query: Select[Any], first: Table, *others: Table) -> list[tuple[Row, ...]]:
        """Read whole rows of several tables side by side; an outer join's missing row is empty. Raises SealBroken."""
        tables = (first, *others)
        return [tuple(self._part(table, row) for table in tables) for row in self.connection.execute(query).mappings()]

    def pages(
        self, query: Select[Any], after: Column[Any], first: Table, *others: Table, at_once: int = AT_ONCE
    ) -> Iterator[list[tuple[Row, ...]]]:
        """Read as `joined` does, in the order of a column of the first table without repeats, page by page."""
        ordered, last = query.order_by(after).limit(at_once), None
        while page := self.joined(ordered if last is None else ordered.where(after > last), first, *others):
            yield page
            last = page[-1][0][after.name]

    def _part(self, table: Table, row: RowMapping) -> Row:
        return self._checked(table, {column.name: row[column] for column in table.columns})

    def _checked(self, table: Table, part: Row) -> Row:
        if part["seal"] is None:
            return {}
        if not hmac.compare_digest(seal(self.keys.seal, table, part), part["seal"]):
            raise SealBroken(table.name, " ".join(_shown(part[column.name]) for column in table.primary_key))
        return part

    def unsealed_rows(self, tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
        """Yield table and primary key of every row whose seal does not match, whatever its columns hold."""
        for table in tables:
            found, last = self.unsealed_page(table, None)
            yield from found
            while last is not None:
                found, last = self.unsealed_page(table, last)
                yield from found

    def unsealed_page(self, table: Table, after: int | None) -> tuple[list[tuple[str, str]], int | None]:
        """Name as `unsealed_rows` does what does not match among the rows after one, given by SQLite's number for it.

        Gives the number of the last row that was looked at as well; None = it was the last of the table.
        """
        query = _as_stored(table) if after is None else _as_stored(table).where(literal(after) < _NUMBER)
        page = self.connection.execute(query.order_by(_NUMBER).limit(AT_ONCE)).fetchall()
        found: list[tuple[str, str]] = []
        for row in page:
            stored: dict[str, bytes] = {}
            for column, (kind, body) in zip(table.columns, zip(row[:-1:2], row[1:-1:2], strict=True), strict=True):
                if body is not None:
                    stored[column.name] = _LETTERS.get(kind, b"?") + body
            kept = stored.pop("seal", b"")
            if not hmac.compare_digest(b"b" + seal_of_written(self.keys.seal, table, stored), kept):
                found.append((table.name, " ".join(_name(stored.get(key.name, b"?")) for key in table.primary_key)))
        return found, int(page[-1][-1]) if len(page) == AT_ONCE else None


@cache
def _insertion(table: Table, names: tuple[str, ...]) -> str:
    listed, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
    return f'INSERT INTO "{table.name}" ({listed}) VALUES ({marks})'  # noqa: S608 - names of our own tables


@cache
def _as_stored(table: Table) -> Select[Any]:
    """Ask for each column's type and bytes as they lie in the file: a damaged value cannot be read otherwise.

    Last comes the row's number.
    """
    asked = [(func.typeof(column), cast(column, LargeBinary)) for column in table.columns]
    return select(*(one for pair in asked for one in pair), _NUMBER)


def _name(written: bytes) -> str:
    return written[1:].hex() if written[:1] == b"b" else written[1:].decode("utf-8", "replace")


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def pieces(items: Iterable[_Item], size: int = AT_ONCE) -> Iterator[list[_Item]]:
    """Cut items into lists of at most `size`."""
    remaining = iter(items)
    while piece := list(islice(remaining, size)):
        yield piece


def micros(moment: datetime) -> int:
    """Write a time as Unix microseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def time_of(micros_since_epoch: int) -> datetime:
    """Read a time from Unix microseconds."""
    return _EPOCH + timedelta(microseconds=micros_since_epoch)


def maybe_time(micros_since_epoch: int | None) -> datetime | None:
    """Read a time that may be missing."""
    return None if micros_since_epoch is None else time_of(micros_since_epoch)
