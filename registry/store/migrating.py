"""Schema versions: numbered, forward only, inside the package."""

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from registry.kernel.errors import Conflict


class SchemaOutdated(Conflict):
    """The database's tables are of another version than this software's."""

    code = "store/schema"

    def __init__(self, found: str | None, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(f"the database has schema {found or 'none'}, this version needs {expected}")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "registry.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def current_head() -> str:
    """Name the schema version of this software."""
    head: Final = ScriptDirectory.from_config(_config()).get_current_head()
    return str(head)


def schema_of(engine: Engine) -> str | None:
    """Name the schema version of a database; None = no tables."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine) -> None:
    """Bring a database to the present version, in one transaction."""
    if schema_of(engine) == current_head():
        return
    config = _config()
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_current(engine: Engine) -> None:
    """Raise SchemaOutdated unless a database is of the present version."""
    found, expected = schema_of(engine), current_head()
    if found != expected:
        raise SchemaOutdated(found, expected)
