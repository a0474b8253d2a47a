"""The only room that knows SQL: tables, migrations, repositories behind `registry.ports`."""

from registry.store.database import Database, open_database
from registry.store.shelf import Shelf
from registry.store.vault import DataKeys

__all__ = ["DataKeys", "Database", "Shelf", "open_database"]
