"""Whoever reads a page waits for no writer: while the database is held, only the note of their last use is left out."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import pytest

from registry.access import Role, token_hash
from registry.store import Database, open_database
from registry.store.turns import Turns
from registry.workflows.access.sign_in import IDLE
from tests.http.console_site import House, Person
from tests.unit.registry.store.filled import KEYS, SettableClock


@pytest.fixture
def house(sealed: Path, tmp_path: Path) -> Iterator[House]:
    copyfile(sealed, tmp_path / "registry.db")
    store = open_database(tmp_path / "registry.db", KEYS, busy_seconds=30)
    yield House(store, SettableClock())
    store.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each writer was ready to wait for its turn, in seconds."""
    found: list[float] = []
    turn = Turns.turn

    def noted(self: Turns, patience: float):
        found.append(patience)
        return turn(self, patience)

    monkeypatch.setattr(Turns, "turn", noted)
    return found


@contextmanager
def held_by_another_program(path: Path) -> Iterator[None]:
    """Write without a turn, as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def held_by_a_command(path: Path) -> Iterator[None]:
    """Write as a command of ours does in a process of its own."""
    store = open_database(path, KEYS)
    with store.write():
        yield
    store.close()


def used_at(store: Database, person: Person):
    with store.read() as unit:
        return unit.accounts.sign_in(token_hash(person.token)).used_at


@pytest.mark.parametrize("held", [held_by_another_program, held_by_a_command])
def test_a_reading_page_waits_for_nobody_and_later_notes_its_use(house, tmp_path, waits, held):
    reader = house.person("maker-1", Role.MAKER)
    began = used_at(house.store, reader)
    waits.clear()
    with held(tmp_path / "registry.db"):
        holder = list(waits)
        house.clock.time += timedelta(minutes=2)
        for path in ("/console", "/console/certificates"):
            assert reader.get(path).status_code == 200
        assert used_at(house.store, reader) == began
        # Nothing was waited for: neither a turn of ours nor SQLite's own lock.
        assert waits[len(holder) :] == [0, 0]
    assert _patience_of_sqlite(house.store) == 0 or held is held_by_a_command
    assert reader.get("/console").status_code == 200
    assert used_at(house.store, reader) == house.clock.now()


def _patience_of_sqlite(store: Database) -> int:
    with store._writers.execution_options(alone=True).connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one())


def test_while_nothing_can_be_noted_an_idle_sign_in_still_ends(house, tmp_path):
    reader = house.person("maker-1", Role.MAKER)
    with held_by_another_program(tmp_path / "registry.db"):
        house.clock.time += IDLE - timedelta(minutes=1)
        assert reader.get("/console").status_code == 200
        house.clock.time += timedelta(minutes=1)
        assert reader.get("/console").status_code == 303
