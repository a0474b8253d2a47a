"""One unit of work on one connection: the only ways to write a row, which seal it, and to read one, which check it."""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Connection, LargeBinary, Select, Table, and_, cast, func, insert, select, update
from sqlalchemy.engine import RowMapping

from registry.kernel.errors import Conflict, IntegrityFault
from registry.store.sealing import seal, seal_of_written
from registry.store.vault import DataKeys

Row = dict[str, Any]
"""A row's values by the names of its columns."""
AT_ONCE: Final = 1_000
"""Rows read, written or asked for in one statement; SQLite takes 32,766 bound parameters."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LETTERS: Final = {"integer": b"i", "text": b"s", "blob": b"b"}
_Item = TypeVar("_Item")


class StateMoved(Conflict):
    """A row is no longer as it was read: somebody else took the step first."""

    code = "store/state-moved"

    def __init__(self, table: str, row: str) -> None:
        self.table, self.row = table, row
        super().__init__(f"{table} {row} was changed by another step meanwhile")


class SealBroken(IntegrityFault):
    """A row does not carry the seal of its content."""

    code = "store/seal-broken"

    def __init__(self, table: str, row: str) -> None:
        self.table, self.row = table, row
        super().__init__(f"{table} {row} was changed outside the registry: its seal does not match")


class Session:
    """A connection inside one transaction, with the keys of the store."""

    def __init__(self, connection: Connection, keys: DataKeys) -> None:
        self.connection, self.keys = connection, keys

    # — writing —

    def add(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows, sealed, piece by piece; all have the same columns."""
        for piece in pieces(rows):
            self.connection.execute(insert(table), [{**row, "seal": seal(self.keys.seal, table, row)} for row in piece])

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
        part = {column.name: row[column] for column in table.columns}
        if part["seal"] is None:
            return {}
        if not hmac.compare_digest(seal(self.keys.seal, table, part), part["seal"]):
            raise SealBroken(table.name, " ".join(_shown(part[column.name]) for column in table.primary_key))
        return part

    def unsealed_rows(self, tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
        """Yield table and primary key of every row whose seal does not match, whatever its columns hold."""
        for table in tables:
            for row in self.connection.execute(_as_stored(table).execution_options(yield_per=AT_ONCE)):
                stored: dict[str, bytes] = {}
                for column, (kind, body) in zip(table.columns, zip(row[::2], row[1::2], strict=True), strict=True):
                    if body is not None:
                        stored[column.name] = _LETTERS.get(kind, b"?") + body
                kept = stored.pop("seal", b"")
                if not hmac.compare_digest(b"b" + seal_of_written(self.keys.seal, table, stored), kept):
                    yield table.name, " ".join(_name(stored.get(key.name, b"?")) for key in table.primary_key)


@cache
def _as_stored(table: Table) -> Select[Any]:
    """Ask for each column's type and bytes as they lie in the file: a damaged value cannot be read otherwise."""
    asked = [(func.typeof(column), cast(column, LargeBinary)) for column in table.columns]
    return select(*(one for pair in asked for one in pair))


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
