"""Every change of state of a batch or a status request, and every step back of what was read, as it is made.

The database itself takes it down, in the transaction that makes it.
What takes it down is put into the database for as long as a fault is tried, and taken out before anything is audited:
a table or trigger that is not the registry's would itself be a difference.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_WATCHED = {"batch": "id", "status_request": "id"}
HEAD = "chain head"
"""The subject of a move where what was read of the chain went back to an earlier block."""


@dataclass(frozen=True, slots=True)
class Move:
    """One change of state."""

    subject: str
    before: str
    after: str


def watch(path: Path) -> None:
    """Begin to take down changes of state in a data folder."""
    with _database(path) as connection:
        connection.execute(
            "CREATE TABLE seen_move (n INTEGER PRIMARY KEY, subject TEXT, before TEXT, after TEXT)",
        )
        for table, key in _WATCHED.items():
            connection.execute(
                f"CREATE TRIGGER seen_{table} AFTER UPDATE OF state ON {table} WHEN OLD.state <> NEW.state "
                f"BEGIN INSERT INTO seen_move (subject, before, after) VALUES (NEW.{key}, OLD.state, NEW.state); END"
            )
        connection.execute(
            "CREATE TRIGGER seen_chain_head AFTER UPDATE OF number ON chain_head WHEN NEW.number < OLD.number "
            f"BEGIN INSERT INTO seen_move (subject, before, after) VALUES ('{HEAD}', "
            "OLD.number, NEW.number); END"
        )


def seen(path: Path) -> list[Move]:
    """Give the changes so far, in their order."""
    with _database(path) as connection:
        rows = connection.execute("SELECT subject, before, after FROM seen_move ORDER BY n").fetchall()
    return [Move(*row) for row in rows]


@contextmanager
def unwatched(path: Path) -> Iterator[list[Move] | None]:
    """Give the changes so far and put what takes them down aside, until the block ends; None = nobody watches."""
    with _database(path) as connection:
        watched = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'seen_move'").fetchone()
    if watched is None:
        yield None
        return
    moves = seen(path)
    with _database(path) as connection:
        for table in (*_WATCHED, "chain_head"):
            connection.execute(f"DROP TRIGGER seen_{table}")
        connection.execute("DROP TABLE seen_move")
    yield moves
    watch(path)
    with _database(path) as connection:
        rows = [(one.subject, one.before, one.after) for one in moves]
        connection.executemany("INSERT INTO seen_move (subject, before, after) VALUES (?, ?, ?)", rows)


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path / "registry.db", timeout=20, isolation_level=None)) as connection:
        yield connection
