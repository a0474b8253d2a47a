"""A file that may not be written is told from a broken one: only the latter is mended by a backup."""

import sqlite3
from pathlib import Path

import pytest

from node.embedded.errors import ChainFileBroken, ChainFileClosed
from node.embedded.storage import _unusable


def error_of(path: Path, statement: str, *, read_only: bool) -> sqlite3.DatabaseError:
    connection = sqlite3.connect(f"{path.as_uri()}{'?mode=ro' if read_only else ''}", uri=True)
    try:
        with pytest.raises(sqlite3.DatabaseError) as caught:
            connection.execute(statement).fetchall()
    finally:
        connection.close()
    return caught.value


def test_closed_and_broken_files_are_told_apart(tmp_path: Path) -> None:
    good, broken = tmp_path / "good.db", tmp_path / "broken.db"
    made = sqlite3.connect(good)
    made.execute("CREATE TABLE one (two)")
    made.close()
    broken.write_bytes(b"no database at all " * 100)
    assert isinstance(_unusable(good, error_of(good, "DROP TABLE one", read_only=True)), ChainFileClosed)
    assert isinstance(_unusable(broken, error_of(broken, "SELECT * FROM one", read_only=False)), ChainFileBroken)
