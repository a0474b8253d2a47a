"""One unit of work on one connection: the only two ways to write a row, both of which seal it."""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, and_, insert, select, update
from sqlalchemy.engine import RowMapping

from registry.kernel.errors import Conflict, IntegrityFault
from registry.store.sealing import seal
from registry.store.vault import DataKeys


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

    def add(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, sealed."""
        if rows:
            self.connection.execute(insert(table), [{**row, "seal": seal(self.keys.seal, table, row)} for row in rows])

    def change(self, table: Table, where: Mapping[str, Any], expected: Mapping[str, Any], **changes: Any) -> None:
        """Change the one row that `where` names, if it still is as `expected`. Raises StateMoved, SealBroken."""
        named = ", ".join(str(value) for value in where.values())
        condition = and_(*(table.c[name] == value for name, value in where.items()))
        row = self.connection.execute(select(table).where(condition)).mappings().one_or_none()
        if row is None or any(row[name] != value for name, value in expected.items()):
            raise StateMoved(table.name, named)
        self.require_sealed(table, row, named)
        merged = {**{name: value for name, value in row.items() if name != "seal"}, **changes}
        result = self.connection.execute(
            update(table)
            .where(condition, table.c.seal == row["seal"])
            .values(**changes, seal=seal(self.keys.seal, table, merged))
        )
        if result.rowcount != 1:
            raise StateMoved(table.name, named)

    def is_sealed(self, table: Table, row: RowMapping) -> bool:
        """Tell whether a row carries the seal of its content."""
        return hmac.compare_digest(seal(self.keys.seal, table, row), bytes(row["seal"]))

    def require_sealed(self, table: Table, row: RowMapping, name: str) -> None:
        """Raise SealBroken unless the row carries the seal of its content."""
        if not self.is_sealed(table, row):
            raise SealBroken(table.name, name)

    def unsealed_rows(self, tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
        """Yield table and primary key of every row whose seal does not match."""
        for table in tables:
            for row in self.connection.execute(select(table)).mappings().yield_per(500):
                if not self.is_sealed(table, row):
                    yield table.name, " ".join(str(row[column.name]) for column in table.primary_key)


def micros(moment: datetime) -> int:
    """Write a time as Unix microseconds."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def time_of(micros_since_epoch: int) -> datetime:
    """Read a time from Unix microseconds."""
    return datetime.fromtimestamp(micros_since_epoch // 1_000_000, UTC).replace(
        microsecond=micros_since_epoch % 1_000_000
    )
