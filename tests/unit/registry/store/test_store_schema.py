import re
import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hatchling.builders.wheel import WheelBuilder
from sqlalchemy import create_engine, inspect

from registry.store import open_database
from registry.store.database import StoreDamaged, StoreMissing
from registry.store.migrating import SchemaOutdated, versions
from registry.store.tables import metadata
from tests.unit.registry.store.filled import KEYS

ROOT = Path(__file__).parents[4]


def engine_of(path):
    return create_engine(f"sqlite:///{path}")


def described(engine) -> dict[str, dict[str, object]]:
    """Everything SQLAlchemy can tell of each table, in an order of its own."""
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        strict = {name: flag for _, name, _, _, _, flag in cursor.execute("PRAGMA table_list").fetchall()}
    inspector = inspect(engine)
    tables = [name for name in inspector.get_table_names() if name != "alembic_version"]
    return {
        name: {
            "columns": [{**one, "type": str(one["type"])} for one in inspector.get_columns(name)],
            "primary key": inspector.get_pk_constraint(name),
            "unique": sorted(map(str, inspector.get_unique_constraints(name))),
            "foreign keys": sorted(map(str, inspector.get_foreign_keys(name))),
            "indexes": sorted(
                str({**one, "dialect_options": {k: str(v) for k, v in one.get("dialect_options", {}).items()}})
                for one in inspector.get_indexes(name)
            ),
            "checks": sorted(
                (str(one["name"]), plain(one["sqltext"])) for one in inspector.get_check_constraints(name)
            ),
            "strict": strict[name],
        }
        for name in tables
    }


def plain(sql: str) -> str:
    return re.sub(r"(?<=\() | (?=\))", "", " ".join(sql.split()))


def test_the_migrations_make_the_tables_that_the_code_knows(tmp_path):
    open_database(tmp_path / "migrated.db", KEYS, create=True).close()
    made, migrated = engine_of(tmp_path / "made.db"), engine_of(tmp_path / "migrated.db")
    metadata.create_all(made)
    expected, found = described(made), described(migrated)
    assert sorted(found) == sorted(metadata.tables)
    for table in expected:
        assert found[table] == expected[table], table
        assert found[table]["strict"] == 1
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    made.dispose()
    migrated.dispose()


def test_the_comparison_sees_a_check_constraint_and_an_index_that_differ(tmp_path):
    open_database(tmp_path / "migrated.db", KEYS, create=True).close()
    migrated = engine_of(tmp_path / "migrated.db")
    before = described(migrated)
    with closing(sqlite3.connect(tmp_path / "migrated.db")) as connection:
        connection.executescript(
            """
            DROP INDEX ix_application_roster_admission;
            PRAGMA writable_schema = ON;
            UPDATE sqlite_master SET sql = replace(sql, 'id = 1', 'id = 2') WHERE name = 'chain_head';
            """
        )
    after = described(migrated)
    assert {table for table in before if before[table] != after[table]} == {"application", "chain_head"}
    migrated.dispose()


def test_a_database_is_made_once_and_opened_as_it_is(tmp_path):
    path = tmp_path / "registry.db"
    open_database(path, KEYS, create=True).close()
    first = path.read_bytes()
    open_database(path, KEYS, create=True).close()
    open_database(path, KEYS).close()
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(versions()[0],)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_versions_are_dated_and_numbered_and_their_files_named_after_them():
    assert all(re.fullmatch(r"2\d{7}_\d{4}", version) for version in versions())
    names = {file.name for file in files("registry.store").joinpath("migrations", "versions").iterdir()}
    for version in versions():
        assert [name for name in names if name.startswith(version + "_")], version


def test_an_interrupted_migration_leaves_an_empty_database(tmp_path, monkeypatch):
    path = tmp_path / "registry.db"
    monkeypatch.setattr("alembic.op.execute", _failing_after(30))
    with pytest.raises(ZeroDivisionError):
        open_database(path, KEYS, create=True)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []
    open_database(path, KEYS, create=True).close()


def _failing_after(count: int):
    from alembic import op

    execute, left = op.execute, iter(range(count))

    def fail_later(*arguments, **options):
        if next(left, None) is None:
            raise ZeroDivisionError
        return execute(*arguments, **options)

    return fail_later


def set_version(path, *found: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM alembic_version")
        connection.executemany("INSERT INTO alembic_version VALUES (?)", [(one,) for one in found])


@pytest.mark.parametrize("create", [False, True])
def test_a_database_of_a_newer_version_is_left_alone(tmp_path, create):
    path = tmp_path / "registry.db"
    open_database(path, KEYS, create=True).close()
    set_version(path, "20991231_0009")
    before = path.read_bytes()
    with pytest.raises(SchemaOutdated) as caught:
        open_database(path, KEYS, create=create)
    assert (caught.value.code, caught.value.found, caught.value.expected) == (
        "store/schema",
        "20991231_0009",
        versions()[0],
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("create", [False, True])
def test_a_database_of_other_software_is_left_alone(tmp_path, create):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE addresses (name TEXT)")
    with pytest.raises(SchemaOutdated) as caught:
        open_database(path, KEYS, create=create)
    assert caught.value.found == "foreign"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("addresses",)]


def test_an_empty_file_is_no_database_of_ours_until_it_is_made_one(tmp_path):
    path = tmp_path / "registry.db"
    path.touch()
    with pytest.raises(SchemaOutdated) as caught:
        open_database(path, KEYS)
    assert caught.value.found is None
    open_database(path, KEYS, create=True).close()
    open_database(path, KEYS).close()


def test_a_missing_file_is_named_and_not_made(tmp_path):
    path = tmp_path / "registry.db"
    with pytest.raises(StoreMissing) as caught:
        open_database(path, KEYS)
    assert (caught.value.code, caught.value.path) == ("store/missing", path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [False, True])
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path, create):
    path = tmp_path / "registry.db"
    path.write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreDamaged) as caught:
        open_database(path, KEYS, create=create)
    assert caught.value.code == "store/damaged"
    assert path.read_bytes() == b"not a database " * 1000


def test_the_migrations_ship_in_the_wheel():
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    folder = ROOT / "registry" / "store" / "migrations"
    wanted = {str(file.relative_to(ROOT)) for file in folder.rglob("*") if file.suffix in (".py", ".mako")}
    assert len(wanted) >= 4
    assert wanted <= shipped
