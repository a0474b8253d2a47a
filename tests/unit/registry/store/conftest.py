import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.store import Database, open_database
from tests.unit.registry.store.filled import KEYS, Contents, fill


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> tuple[Path, Contents]:
    """A database with rows in every table, made once; tests work on copies."""
    path = tmp_path_factory.mktemp("filled") / "registry.db"
    return path, fill(path)


@pytest.fixture
def contents(filled) -> Contents:
    return filled[1]


@pytest.fixture
def database_file(filled, tmp_path) -> Path:
    """A copy of the filled database."""
    return Path(shutil.copy(filled[0], tmp_path / "registry.db"))


@pytest.fixture
def opened() -> Iterator[Callable[..., Database]]:
    """Opens databases and closes them after the test."""
    databases: list[Database] = []

    def open_one(path: Path, **options) -> Database:
        databases.append(open_database(path, KEYS, **options))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


@pytest.fixture
def store(opened, database_file) -> Database:
    """The filled database."""
    return opened(database_file)


@pytest.fixture
def empty(opened, tmp_path) -> Database:
    """A new database."""
    return opened(tmp_path / "new.db", create=True)
