"""The log of the database: what others write while a batch is approved or delivered is put away, and it stays short."""

import os
from dataclasses import replace
from itertools import count

import pytest

from registry.anchor.states import AnchorState
from registry.store import Shelf, database
from registry.store.piecework import SqlPieces
from registry.workflows.certificates import draw
from registry.workflows.certificates.deliver import bundle_name, deliver
from registry.workflows.issuance import approve
from tests.unit.registry.workflows.chain_scene import Scene
from tests.unit.registry.workflows.desk.test_working_off_trouble import TO_FINAL

PAGES = 16
SHORT = 4 * PAGES * 4_096
"""What the log may reach: a checkpoint comes after the commit that makes it longer than it is to be."""


class Written(Scene):
    """A scene in which others write."""

    def others_write(self) -> int:
        """Write several times what the log is to hold; give what its file holds then, in bytes."""
        for _ in range(12):
            with self.store.write() as unit:
                row = (self.name, 7, next(self.places), os.urandom(PAGES * 4_096), b"a seal that nobody looks at")
                unit._session.driver.execute("INSERT INTO tree_chunk VALUES (?, ?, ?, ?, ?)", row)
        return self.log()

    def log(self) -> int:
        return (self.folder / "registry.db-wal").stat().st_size


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_PAGES_BETWEEN_CHECKPOINTS", PAGES)
    monkeypatch.setattr(database, "_LOG_KEPT_BYTES", PAGES * 4_096)
    made = Written(tmp_path)
    made.folder, made.places = tmp_path, count()
    yield made
    made.store.close()


def test_a_log_that_a_long_reading_had_grow_is_cut_off_afterwards(scene):
    with scene.store.read() as unit:
        unit.batches.batch(scene.name)
        assert scene.others_write() > SHORT  # or these tests could not fail
    assert scene.others_write() <= SHORT


def test_what_others_write_while_a_batch_is_delivered_is_put_away(scene):
    scene.bring_to(*TO_FINAL)
    scene.anchored()
    scene.bring_to(AnchorState.FINAL)
    seen = []

    class Slow(Shelf):
        def put(self, name: str, data: bytes) -> None:
            if not seen:
                seen.append(scene.others_write())
            super().put(name, data)

    assert deliver(scene.store, scene.clock, Slow(scene.folder / "slow"), scene.key_of, scene.name) > 1
    assert max(seen) <= SHORT


def test_what_others_write_while_a_batch_is_drawn_is_put_away(scene, monkeypatch):
    monkeypatch.setattr(draw, "_AT_ONCE", 3)  # which its size is no multiple of
    scene.bring_to(*TO_FINAL)
    scene.anchored()
    scene.bring_to(AnchorState.FINAL)
    printables = draw._printables(scene.store, scene.key_of, scene.name)
    drawn = [next(printables)]
    assert scene.others_write() <= SHORT
    drawn += printables
    with scene.store.read() as unit:
        numbers = [one.reservation.number for one in unit.batches.certificates(batch_id=scene.name)]
    assert [number for number, printable in drawn if printable is not None] == numbers


def test_what_others_write_while_a_batch_is_approved_is_put_away(scene, monkeypatch):
    check, seen = approve.check_piece, []

    def slow(*parts):
        seen.append(scene.others_write())
        return check(*parts)

    monkeypatch.setattr(approve, "check_piece", slow)
    scene.approve()
    assert max(seen) <= SHORT


def test_a_batch_of_several_pieces_is_approved_and_delivered_whole(scene, monkeypatch):
    whole, other = SqlPieces.of_batch, scene.propose("2")

    def in_twos(pieces, batch_id):
        return [
            replace(one, first_id=first, size=min(2, one.last_id + 1 - first))
            for one in whole(pieces, batch_id)
            for first in range(one.first_id, one.last_id + 1, 2)
        ]

    monkeypatch.setattr(SqlPieces, "of_batch", in_twos)
    scene.bring_to(*TO_FINAL)
    scene.anchored()
    scene.bring_to(AnchorState.FINAL)
    told = []
    written = deliver(
        scene.store, scene.clock, scene.shelf, scene.key_of, scene.name, progress=lambda *how: told.append(how)
    )
    size = scene.batch.size
    assert size % 2
    assert told == [(done, size) for done in range(1, size + 1)]
    with scene.store.read() as unit:
        names = {bundle_name(one.reservation) for one in unit.batches.certificates(batch_id=scene.name)}
        others = {bundle_name(one.reservation) for one in unit.batches.certificates(batch_id=other.id)}
    assert (written, {one.name for one in scene.shelf.path("").iterdir()}) == (size, names)
    assert not names & others
