"""Row seals: an HMAC over a table's name and all other columns of a row, so that an edit past the software shows.

Each value is written with its type and length, in the order of the column names: no two rows have the same bytes. The key lies apart
from the database. A seal finds edits; rows that were deleted are found by the counts in the journal and by what chain and manifests say.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table


def sealed_columns(table: Table) -> tuple[str, ...]:
    """Name the columns a seal covers, sorted."""
    return tuple(sorted(column.name for column in table.columns if column.name != "seal"))


def seal(key: bytes, table: Table, row: Mapping[Any, Any]) -> bytes:
    """Compute a row's seal; a column that `row` leaves out counts as null."""
    parts = [table.name.encode()]
    for name in sealed_columns(table):
        value = row.get(name)
        match value:
            case None:
                body = b"n"
            case bool() | int():
                body = b"i%d" % int(value)
            case str():
                body = b"s" + value.encode()
            case _:
                body = b"b" + bytes(value)
        parts.append(len(body).to_bytes(4, "big") + body)
    return hmac.digest(key, b"\0".join(parts), "sha256")
