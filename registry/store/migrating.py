"""Schema versions: numbered, forward only, inside the package."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text

from registry.kernel.errors import Conflict


class SchemaOutdated(Conflict):
    """The database's tables are of another version than this software's, or of other software."""

    code = "store/schema"

    def __init__(self, found: str | None, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(f"the database has schema {found or 'none'}, this version needs {expected}")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "registry.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


@cache
def versions() -> tuple[str, ...]:
    """Name all schema versions that this software knows, the present one first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def schema_of(connection: Connection) -> str | None:
    """Name the schema version of a database, `foreign` where it has tables that are not ours; None = it is empty."""
    found = MigrationContext.configure(connection).get_current_heads()
    if found:
        return " ".join(found)
    return "foreign" if connection.execute(text("SELECT 1 FROM sqlite_master LIMIT 1")).first() else None


def upgrade(engine: Engine, seal_key: bytes) -> None:
    """Bring an empty database, or one of an older version of ours, to the present one, in one transaction.

    `seal_key` seals rows that get other columns. Foreign keys are not enforced meanwhile, as SQLite asks for where
    tables are made anew that others point at. Raises SchemaOutdated for every other database.
    """
    with engine.connect() as connection, _without_foreign_keys(connection), connection.begin():
        found = schema_of(connection)
        if found == versions()[0]:
            return
        if found is not None and found not in versions():
            raise SchemaOutdated(found, versions()[0])
        config = _config()
        config.attributes |= {"connection": connection, "seal_key": seal_key}
        command.upgrade(config, "head")


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    driver: Any = connection.connection.dbapi_connection  # in a transaction it would change nothing
    enforced = driver.execute("PRAGMA foreign_keys").fetchone()[0]
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA foreign_keys = {enforced}")


def require_current(engine: Engine) -> None:
    """Raise SchemaOutdated unless a database is of the present version."""
    with engine.connect() as connection, connection.begin():
        found = schema_of(connection)
    if found != versions()[0]:
        raise SchemaOutdated(found, versions()[0])


def changed_objects(connection: Connection) -> list[str]:
    """Name every table, index and trigger of a database that is missing, added or not as the migrations make it."""
    found, expected = _objects(connection), _expected_objects()
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


@cache
def _expected_objects() -> dict[str, str]:
    engine = create_engine("sqlite://")
    upgrade(engine, b"")  # there is no row in it
    with engine.connect() as connection:
        objects = _objects(connection)
    engine.dispose()
    return objects


def _objects(connection: Connection) -> dict[str, str]:
    """Read how each table, index and trigger was made, by kind and name; those without text belong to a table."""
    query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'"
    return {f"{kind} {name}": " ".join(str(sql).split()) for kind, name, sql in connection.execute(text(query))}
