"""A full database from before certificates lost the indexes that nothing is found by: everything is still there."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine

from registry.ports.storage import NotHere
from registry.store import Database, open_database
from registry.store.database import RowRefused
from registry.store.migrating import _config
from registry.store.tables import metadata
from tests.unit.registry.store.filled import KEYS, fill

BEFORE = "20261122_0014"
MADE_ANEW = ("certificate", "credential", "replacement")


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        return {name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in metadata.tables}


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("full") / "registry.db"
    fill(path)
    return path


@pytest.fixture
def old(full: Path, tmp_path: Path) -> Path:
    """The rows of a full database in tables of before, with the rules of before."""
    path = tmp_path / "registry.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        config = _config()
        config.attributes |= {"connection": connection, "seal_key": KEYS.seal}
        command.upgrade(config, BEFORE)
    engine.dispose()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        rules = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            database.execute(f"DROP TRIGGER {name}")
        for table, rows in contents(full).items():
            if rows:
                database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        for _, rule in rules:
            database.execute(rule)
    path.chmod(0o600)
    return path


@pytest.fixture
def store(old: Path) -> Database:
    with closing(open_database(old, KEYS, create=True)) as store:
        yield store


def test_the_case_has_rows_in_every_table_that_is_made_anew(old: Path) -> None:
    assert all(contents(old)[table] for table in MADE_ANEW)


def test_every_row_is_there_and_is_sealed(store: Database, old: Path, full: Path) -> None:
    with store.read() as unit:
        assert list(unit.unsealed_rows()) == []
    assert contents(old) == contents(full)
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_only_what_something_is_found_by_is_indexed(store: Database, old: Path) -> None:
    with closing(sqlite3.connect(old)) as database:
        found = {
            table: {
                tuple(row[2] for row in database.execute(f"PRAGMA index_info({index[1]})"))
                for index in database.execute(f"PRAGMA index_list({table})")
            }
            for table in ("certificate", "credential")
        }
    assert found == {
        "certificate": {
            ("found_by", "revision"),
            ("batch", "leaf"),
            ("status_list", "status_index"),
            ("key",),
            ("admission",),
        },
        "credential": set(),
    }


def test_certificates_are_found_by_number_key_holder_and_by_what_replaces_them(store: Database) -> None:
    with store.read() as unit:
        for one in unit.batches.certificates():
            number, revision = one.reservation.number, one.reservation.revision
            assert unit.batches.by_number(number.lower().replace("-", " "), revision) == one
            assert unit.batches.by_key(one.reservation.key) == one
            assert one in unit.batches.of_person(one.person)
        every = unit.replacements.every()
        assert every
        for one in every:
            assert unit.batches.by_number(one.number, one.revision).reservation.jti == one.jti


def test_what_never_changes_is_kept_by_the_rules_of_before(store: Database, old: Path) -> None:
    with closing(sqlite3.connect(old)) as database:
        for table in MADE_ANEW:
            with pytest.raises(sqlite3.IntegrityError, match="is ever deleted"):
                database.execute(f"DELETE FROM {table}")
        with pytest.raises(sqlite3.IntegrityError, match="these columns of certificate never change"):
            database.execute("UPDATE certificate SET number = 'x'")


def test_a_number_is_found_by_what_follows_from_it(store: Database, old: Path) -> None:
    another = "id + 1000, number, found_by || 'X', 1, key || 'x', jti, batch, leaf + 1000, person, admission, sheet"
    with closing(sqlite3.connect(old)) as database, pytest.raises(sqlite3.IntegrityError, match="found_by_number"):
        database.execute(f"INSERT INTO certificate SELECT {another}, 99, status_index, salts, seal FROM certificate")


def test_only_a_certificate_is_replaced(store: Database, old: Path) -> None:
    with store.read() as unit:
        before = unit.replacements.every()[0]
    with pytest.raises(NotHere), store.write() as unit:
        unit.replacements.add(replace(before, id="X-2026-11-0099", revision=99))
    with closing(sqlite3.connect(old)) as database, pytest.raises(sqlite3.IntegrityError, match="is a certificate"):
        database.execute(
            "INSERT INTO replacement SELECT 'X-2026-11-0099', kind, number, 99, statement, image, identity_index,"
            " asked_by, asked_at, NULL, NULL, NULL, NULL, seal FROM replacement"
        )


def test_foreign_keys_are_enforced_again_after_an_upgrade(store: Database) -> None:
    with pytest.raises(RowRefused, match="FOREIGN KEY"), store.write() as unit:
        unit._session.driver.execute("INSERT INTO reserved_piece VALUES ('B-0', 1, 99, 1, x'00', x'00')")
