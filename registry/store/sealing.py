"""Row seals: an HMAC over a table's name and all other columns of a row, so that an edit past the software shows.

Sealed bytes: `vermilion/row-seal/1`, the table's name, then for each column that is not null, in the order of the
names: its name and its value; every part behind its length (4 bytes). A value is one letter for its type (`i` decimal
digits, `s` UTF-8, `b` bytes) and its body, so no two rows have the same bytes, and a nullable column that a later
version adds leaves old seals as they are. The key lies apart from the database. A seal finds edits; rows that were
taken out whole are found by what stands elsewhere.
"""

import hmac
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Table

_TAG = b"vermilion/row-seal/1"


def _part(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


_Layout = tuple[bytes, tuple[tuple[str, bytes], ...]]
"""What every seal of a table begins with, and each column a seal covers with its name as it is written."""


def _layout(table: str, columns: Iterable[str]) -> _Layout:
    names = sorted(name for name in columns if name != "seal")
    return _part(_TAG) + _part(table.encode()), tuple((name, _part(name.encode())) for name in names)


@cache
def _layout_of(table: Table) -> _Layout:
    return _layout(table.name, (column.name for column in table.columns))


def written(value: int | str | bytes) -> bytes:
    """Write a value with its type, as it is sealed."""
    if isinstance(value, str):
        return b"s" + value.encode()
    if isinstance(value, int):
        return b"i%d" % value
    return b"b" + bytes(value)


def seal(key: bytes, table: Table, row: Mapping[str, Any]) -> bytes:
    """Compute a row's seal, 32 bytes; a column that `row` leaves out counts as null."""
    beginning, columns = _layout_of(table)
    parts = [beginning]
    for name, name_part in columns:
        value = row.get(name)
        if value is not None:
            body = written(value)
            parts += (name_part, len(body).to_bytes(4, "big"), body)
    return hmac.digest(key, b"".join(parts), "sha256")


def seal_of_written(key: bytes, table: Table, row: Mapping[str, bytes]) -> bytes:
    """Compute the seal over values that are `written` already."""
    return _seal(key, _layout_of(table), row)


def seal_of_columns(key: bytes, table: str, row: Mapping[str, Any]) -> bytes:
    """Compute a row's seal by the columns that it has itself, for tables as they were or will be: migrations."""
    values = {name: written(value) for name, value in row.items() if value is not None and name != "seal"}
    return _seal(key, _layout(table, row), values)


def _seal(key: bytes, layout: _Layout, row: Mapping[str, bytes]) -> bytes:
    beginning, columns = layout
    parts = [beginning]
    for name, name_part in columns:
        value = row.get(name)
        if value is not None:
            parts += (name_part, _part(value))
    return hmac.digest(key, b"".join(parts), "sha256")
