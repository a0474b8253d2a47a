"""What a reading connection remembers, and that it forgets it as soon as anything is written, by whomever."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from registry.kernel.merkle import require_included
from registry.store import issuing
from registry.store.sealing import SealBroken
from registry.store.sessions import Memory
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import fill


@contextmanager
def statements(unit) -> Iterator[list[str]]:
    """The SQL that reaches SQLite through a unit of work."""
    told: list[str] = []
    unit._session.driver.set_trace_callback(told.append)
    try:
        yield told
    finally:
        unit._session.driver.set_trace_callback(None)


def asked_for(store, contents) -> list[str]:
    """Ask what a verdict asks; give the tables that were read for it."""
    with store.read() as unit, statements(unit) as told:
        unit.projection.head()
        unit.projection.concerning("GSAI", contents.chain_id, 3)
        unit.batches.proof(contents.batch, 3)
    return sorted({name for name in ("chain_head", "FROM chain_record", "FROM batch") for sql in told if name in sql})


WHOLE = ["FROM batch", "FROM chain_record", "chain_head"]
TOUCHING = ["FROM chain_record"]
"""Which records touch one certificate is asked each time."""


def test_what_was_read_once_is_not_read_again_until_something_is_written(store, contents):
    assert asked_for(store, contents) == WHOLE
    assert asked_for(store, contents) == TOUCHING
    with store.write() as unit:
        head = unit.projection.head()
        unit.projection.extend(replace(head, read_at=head.read_at + timedelta(seconds=1)), [])
    assert asked_for(store, contents) == WHOLE
    with store.read() as unit:
        assert unit.projection.head().read_at == head.read_at + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("edit", "table"),
    [
        ("UPDATE chain_head SET read_at = read_at + 1", "chain_head"),
        ("UPDATE chain_record SET by = '0x' || substr(by, 3, 39) || 'f' || '' WHERE issuer = 'GSAI'", "chain_record"),
        ("UPDATE batch SET size = size + 1", "batch"),
    ],
)
def test_edit_past_the_registry_is_found_although_the_row_is_remembered(store, database_file, contents, edit, table):
    asked_for(store, contents)
    assert asked_for(store, contents) == TOUCHING  # it is remembered now
    with attacked(database_file) as connection:
        connection.execute(edit)
    with pytest.raises(SealBroken) as caught:
        asked_for(store, contents)
    assert caught.value.table == table


def test_commit_that_changes_nothing_we_remember_costs_one_reading(store, database_file, contents):
    asked_for(store, contents)
    with sqlite3.connect(database_file) as connection:
        connection.execute("CREATE TABLE foreign_to_us (one INTEGER)")
    assert asked_for(store, contents) == WHOLE
    assert asked_for(store, contents) == TOUCHING


def test_view_of_a_reading_unit_stays_one_view(store, contents):
    with store.read() as reading:
        head = reading.projection.head()
        with store.write() as unit:
            unit.projection.extend(replace(head, read_at=head.read_at + timedelta(seconds=5)), [])
        assert reading.projection.head() == head
        assert reading.batches.batch(contents.batch)
    with store.read() as reading:
        assert reading.projection.head() != head


def test_writing_units_remember_nothing(store):
    with store.write() as unit:
        head = unit.projection.head()
        later = replace(head, read_at=head.read_at + timedelta(seconds=1))
        unit.projection.extend(later, [])
        assert unit.projection.head() == later


def test_memory_is_bounded_and_keeps_what_is_asked_for():
    memory = Memory().at(1)
    for name in range(2_000):
        memory.recall(name, lambda name=name: name)
        memory.recall(0, lambda: pytest.fail("0 was forgotten"))
    assert len(memory._kept) <= 512
    assert memory.recall(1, lambda: "read again") == "read again"


def test_what_raises_is_not_remembered():
    memory = Memory().at(1)
    with pytest.raises(ZeroDivisionError):
        memory.recall("one", lambda: 1 // 0)
    assert memory.recall("one", lambda: 2) == 2
    assert memory.at(2).recall("one", lambda: 3) == 3


def test_tree_that_lies_in_pieces_of_another_width_is_read_as_well(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(issuing, "CHUNK", 2)
    contents = fill(tmp_path / "registry.db")
    monkeypatch.undo()
    store = opened(tmp_path / "registry.db")
    with store.read() as unit:
        proofs = [unit.batches.proof(contents.batch, leaf) for leaf in range(contents.size)]
        of = unit.batches.batch(contents.batch)
        for leaf, proof in zip(unit.batches.leaves(contents.batch), proofs, strict=True):
            require_included(leaf, proof, of.root)
    assert contents.size > 2
