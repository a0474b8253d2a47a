"""The only room that knows SQL: tables, migrations, repositories behind `registry.ports`.

The database itself is imported when it is asked for: worker processes open and write rows, and need no SQL for that.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from registry.store.shelf import Shelf
from registry.store.vault import DataKeys

if TYPE_CHECKING:
    from registry.store.database import Database, open_database

__all__ = ["DataKeys", "Database", "Shelf", "open_database"]


def __getattr__(name: str) -> object:
    if name not in {"Database", "open_database"}:
        raise AttributeError(name)
    found: object = getattr(import_module("registry.store.database"), name)
    return found
