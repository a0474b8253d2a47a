"""A database from before certificates were replaced: supersessions read already are found by their successors."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine

from registry.anchor.history import Superseded
from registry.kernel.identifiers import Address, BatchId, IssuerCode
from registry.store import open_database
from registry.store.migrating import _config
from registry.store.records import op_of, write_content
from registry.store.sealing import seal_of_columns
from tests.unit.registry.store.filled import APPROVER, ISSUER, KEYS, SENDER, TRUST_ROOT

BEFORE = "20261122_0010"
OLD, NEW = BatchId(b"o" * 32), BatchId(b"n" * 32)
CONTENT = Superseded(
    issuer=ISSUER,
    batch=OLD,
    approver=APPROVER,
    indices=(4, 300, 301),
    target_contract=Address("0x" + "c0" * 20),
    target_issuer=ISSUER,
    new_batch=NEW,
    new_indices=(0, 7, 7),
    reason=37,
)


def record(seq: int, *, whole: bool, content: Superseded = CONTENT) -> dict[str, object]:
    row = {
        "seq": seq,
        "by": SENDER,
        "block_number": 9,
        "block_hash": b"h" * 32,
        "block_time": 1_800_000_000,
        "transaction": b"t" * 32,
        "leaf": b"l" * 32,
        "op": op_of(content),
        "issuer": content.issuer,
        "batch": OLD if whole else NEW,
        "content": write_content(content),
    }
    return {**row, "seal": seal_of_columns(KEYS.seal, "chain_record", row) if whole else b"s" * 32}


def upgraded(path: Path, row: dict[str, object]):
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        config = _config()
        config.attributes |= {"connection": connection, "seal_key": KEYS.seal}
        command.upgrade(config, BEFORE)
    engine.dispose()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        columns, places = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        database.execute(f"INSERT INTO chain_record ({columns}) VALUES ({places})", tuple(row.values()))
        seen = {"id": 1, "trust_root": TRUST_ROOT.document(), "first_block_time": 1, "number": 9, "hash": b"h" * 32}
        seen |= {"time": 1_800_000_000, "read_at": 1_800_000_000_000_000, "nodes": 1}
        seen["seal"] = seal_of_columns(KEYS.seal, "chain_head", seen)
        columns, places = ", ".join(f'"{name}"' for name in seen), ", ".join("?" * len(seen))
        database.execute(f"INSERT INTO chain_head ({columns}) VALUES ({places})", tuple(seen.values()))
    return open_database(path, KEYS, create=True)


def test_what_was_read_before_is_found_by_its_successors(tmp_path) -> None:
    with closing(upgraded(tmp_path / "registry.db", record(0, whole=True))) as store, store.read() as unit:
        assert unit.projection.successors(ISSUER, NEW) == {0, 7}
        (found,) = unit.projection.concerning(ISSUER, NEW, 7)
        assert found.content == CONTENT
        assert list(unit.unsealed_rows()) == []


@pytest.mark.parametrize(
    "stranger",
    [
        replace(CONTENT, issuer=IssuerCode("ELSEWHERE")),
        replace(CONTENT, target_contract=Address("0x" + "c1" * 20)),
    ],
)
def test_what_a_stranger_or_another_contract_was_told_makes_no_successor(tmp_path, stranger) -> None:
    row = record(0, whole=True, content=stranger)
    with closing(upgraded(tmp_path / "registry.db", row)) as store, store.read() as unit:
        assert unit.projection.successors(ISSUER, NEW) == set()
        assert list(unit.unsealed_rows()) == []


def test_a_record_that_was_edited_is_not_whitewashed(tmp_path) -> None:
    with closing(upgraded(tmp_path / "registry.db", record(0, whole=False))) as store, store.read() as unit:
        assert unit.projection.successors(ISSUER, NEW) == set()
        assert list(unit.unsealed_rows()) == [("chain_record", "0")]
