"""What several files of the web doors' tests start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.store import open_database
from tests.http.lighter_work import lighter_work
from tests.unit.registry.store.filled import KEYS, SettableClock


@pytest.fixture(scope="module", autouse=True)
def _lighter_work() -> Iterator[None]:
    with lighter_work():
        yield


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one sealed batch, proposed by maker-1, to be copied by each test that goes on from there."""
    from tests.http.test_http_console_approving import Approving

    path = tmp_path_factory.mktemp("sealed") / "registry.db"
    store = open_database(path, KEYS, create=True)
    Approving(store, SettableClock())
    store.close()
    return path
