"""New databases for tests that do more with one than make it: made by the migrations once, and copied from then on."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from registry.store import Database, DataKeys, open_database
from tests.unit.registry.store.filled import KEYS


@cache
def _new_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        open_database(path, KEYS, create=True).close()
        return path.read_bytes()


def new_database(path: Path, keys: DataKeys = KEYS) -> Database:
    """Give what `open_database(path, keys, create=True)` gives: in a new database nothing depends on the keys."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(_new_file())
    return open_database(path, keys)
