"""`db upgrade` says what it is at, brings an older database to the present tables, and leaves a current one alone."""

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine
from typer.testing import CliRunner

from api.cli import app
from api.commands.setup import demo_installation
from api.founding import make_installation
from api.wiring import Home
from registry.store.migrating import SchemaOutdated, _config, versions

BEFORE = "20261122_0014"


def run(*words: str):
    return CliRunner(env={"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}).invoke(app, words)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A data folder whose database is of the version before."""
    make_installation(Home(tmp_path), demo_installation(), lambda what, text: None)
    path = tmp_path / "registry.db"
    path.unlink()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        config = _config()
        config.attributes |= {"connection": connection, "seal_key": b""}
        command.upgrade(config, BEFORE)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    engine.dispose()
    path.chmod(0o600)
    with pytest.raises(SchemaOutdated):
        _ = Home.find(tmp_path).store
    return tmp_path


def test_an_older_database_is_brought_to_the_present_tables(older: Path) -> None:
    first = run("db", "upgrade", "--home", str(older))
    assert first.exit_code == 0, first.output
    assert f"the tables go from {BEFORE} to {versions()[0]}" in first.stderr
    assert first.stdout == "the database's schema is current\n"
    again = run("db", "upgrade", "--home", str(older))
    assert (again.exit_code, again.stdout, again.stderr) == (0, first.stdout, "")
