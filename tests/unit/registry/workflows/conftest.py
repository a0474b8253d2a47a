"""An empty database, made once; each test that sends works on a copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.store import open_database
from tests.unit.registry.store.filled import KEYS
from tests.unit.registry.workflows.sending_stage import Sending


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "registry.db"
    open_database(path, KEYS, create=True).close()
    return path


@pytest.fixture
def stage(empty_database: Path, tmp_path: Path) -> Iterator[Sending]:
    """A chain in memory, and a database to send from."""
    store = open_database(Path(shutil.copy(empty_database, tmp_path / "registry.db")), KEYS)
    yield Sending(store=store)
    store.close()
