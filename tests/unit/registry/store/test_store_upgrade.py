"""A database that an older version made is brought to the present tables: nothing is lost, nothing is whitewashed."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine

from registry.anchor.progress import RequestState, StatusRequest, Target
from registry.status import Reason, Status
from registry.store import open_database
from registry.store.database import RowRefused
from registry.store.migrating import _config, schema_of
from registry.store.sealing import SealBroken, seal_of_columns
from registry.store.sessions import micros, time_of
from tests.unit.registry.store.filled import ISSUER, KEYS, NOW
from tests.unit.registry.store.test_store_repositories import request_for

FIRST = "20261121_0001"
BATCH = b"b" * 32
SIGNATURE = bytes(64) + b"\x1b"


def old_row(name: str, number: str, leaf: int, **more: Any) -> dict[str, Any]:
    row = {
        "id": name,
        "number": number,
        "revision": 1,
        "issuer": ISSUER,
        "batch": BATCH,
        "leaf": leaf,
        "wanted": 1,
        "reason": 33,
        "state": "requested",
        "requested_by": "alice",
        "requested_at": micros(NOW),
        "approved_by": None,
        "approved_at": None,
        "approver": None,
        "status_nonce": None,
        "approval_deadline": None,
        "approval_signature": None,
        "transaction": None,
        "seq": None,
        "failure": None,
    } | more
    return {**row, "seal": seal_of_columns(KEYS.seal, "status_request", row)}


ROWS = [
    old_row("C-2026-11-0001", "N-1", 3),
    old_row(
        "C-2026-11-0002",
        "N-2",
        130,
        wanted=0,
        reason=36,
        state="final",
        approved_by="dave",
        approved_at=micros(NOW) + 5,
        approver="0x" + "22" * 20,
        status_nonce=7,
        approval_deadline=1_900_000_000,
        approval_signature=SIGNATURE,
        transaction=b"t" * 32,
        seq=12,
    ),
    old_row("C-2026-11-0003", "N-2", 130, state="failed", failure="contract/paused"),
]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database with the first tables, as the version that made them left it."""
    path = tmp_path / "registry.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
        assert schema_of(connection) == FIRST
    engine.dispose()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        for row in ROWS:
            places = ", ".join("?" * len(row))
            columns = ", ".join(f'"{name}"' for name in row)
            database.execute(f"INSERT INTO status_request ({columns}) VALUES ({places})", tuple(row.values()))
    path.chmod(0o600)
    return path


def test_requests_are_all_there_after_an_upgrade(old: Path) -> None:
    database = open_database(old, KEYS, create=True)
    with database.read() as unit:
        first, second, third = unit.status_requests.requests()
        assert list(unit.unsealed_rows()) == []
    assert first == StatusRequest(
        id="C-2026-11-0001",
        issuer=ISSUER,
        batches=(BATCH,),
        certificates=(Target(number="N-1", revision=1, leaf=3),),
        wanted=Status.REVOKED,
        reason=Reason.MISCONDUCT,
        state=RequestState.REQUESTED,
        requested_by="alice",
        requested_at=NOW,
    )
    assert (second.wanted, second.reason, second.state) == (
        Status.VALID,
        Reason.INVESTIGATION_CLOSED,
        RequestState.FINAL,
    )
    assert second.certificates == (Target(number="N-2", revision=1, leaf=130),)
    assert (second.approved_by, second.approved_at) == ("dave", time_of(micros(NOW) + 5))
    assert second.approval is not None
    assert (second.approval.deadline, second.approval.signature) == (1_900_000_000, SIGNATURE)
    assert (second.status_nonces, second.transaction, second.seq) == ((7,), b"t" * 32, 12)
    assert (third.state, third.failure) == (RequestState.FAILED, "contract/paused")
    database.close()


def test_what_is_open_stays_the_only_one_and_names_go_on(old: Path) -> None:
    database = open_database(old, KEYS, create=True)
    with pytest.raises(RowRefused, match="one change at a time"), database.write() as unit:
        unit.status_requests.add(request_for("N-1", name="C-2026-11-0004"))
    with database.write() as unit:
        unit.status_requests.add(request_for("N-2", name=unit.next_name("C", NOW)))
        assert unit.status_requests.names()[-1] == "C-2026-11-0004"
    database.close()


@pytest.mark.parametrize("column", ["wanted", "leaf", "reason"])
def test_a_row_that_was_edited_before_is_found_afterwards(old: Path, column: str) -> None:
    with closing(sqlite3.connect(old)) as database, database:
        database.execute("DROP TRIGGER status_request_not_changed")
        database.execute(f"UPDATE status_request SET {column} = {column} + 1 WHERE id = 'C-2026-11-0001'")
    database = open_database(old, KEYS, create=True)
    with database.read() as unit:
        assert {(table, row.split()[0]) for table, row in unit.unsealed_rows()} == {
            (table, "C-2026-11-0001") for table in ("status_request", "status_batch", "status_certificate")
        }
        with pytest.raises(SealBroken):
            unit.status_requests.request("C-2026-11-0001")
        assert unit.status_requests.request("C-2026-11-0002").seq == 12
    database.close()


def test_an_upgrade_that_is_cut_off_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _rows(old)
    with monkeypatch.context() as patched:
        patched.setattr("registry.store.migrating.command.upgrade", _cut_off(command.upgrade))
        with pytest.raises(ZeroDivisionError):
            open_database(old, KEYS, create=True)
    assert _rows(old) == before
    open_database(old, KEYS, create=True).close()


def _cut_off(upgrade: Any) -> Any:
    def cut(*arguments: Any, **options: Any) -> None:
        upgrade(*arguments, **options)
        raise ZeroDivisionError

    return cut


def _rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT * FROM status_request ORDER BY id").fetchall()
