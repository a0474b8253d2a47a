"""What somebody with the database file and without its keys can do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def attacked(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database past the registry: no triggers, no checks, no foreign keys."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")  # who attacks need not outlive a power cut
    connection.execute("BEGIN")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    try:
        yield connection
    finally:
        connection.close()


def primary_key(connection: sqlite3.Connection, table: str) -> list[str]:
    """Name the columns of a table's primary key."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return [name for _, name, _, _, _, place in sorted(columns, key=lambda column: column[5]) if place]


def row_name(values: tuple[object, ...]) -> str:
    """Name a row as `unsealed_rows` does."""
    return " ".join(value.hex() if isinstance(value, bytes) else str(value) for value in values)


def edits(kind: str, value: object) -> list[object]:
    """Other values that a cell of that declared type can be given."""
    match kind, value:
        case "INTEGER", None:
            return [0, 1]
        case "TEXT", None:
            return ["", "eve"]
        case "BLOB", None:
            return [b"", b"\0"]
        case "INTEGER", int(number):
            return [number + 1_000, -number - 1]
        case "TEXT", str(text):
            return [text + " ", "王" + text[1:]]
        case "BLOB", bytes(body):
            return [body + b"\0", bytes([body[0] ^ 1]) + body[1:]]
    raise AssertionError((kind, value))
