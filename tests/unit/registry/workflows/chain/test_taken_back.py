"""A batch that was in a block: it goes back once another block is shown in that place, and by nothing less."""

from dataclasses import replace
from datetime import timedelta

import pytest

from registry.anchor.history import Block
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.ports import Fate, FateKind
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.follow import NodeBehind, follow
from tests.unit.registry.store.filled import block, digest_of, transaction
from tests.unit.registry.workflows.chain_scene import Scene
from tests.unit.registry.workflows.desk.test_working_off_trouble import Silent

SEEN = block(7)
OURS = transaction("anchor")
TO_SENT = (AnchorState.APPROVED, AnchorState.SIGNED, AnchorState.SENT)


@pytest.fixture
def scene(tmp_path):
    """A batch that was seen in block 7, which is not final."""
    made = Scene(tmp_path)
    made.bring_to(*TO_SENT)
    stands_in(made, SEEN)
    assert go_on(made).state is AnchorState.INCLUDED
    yield made
    made.store.close()


def stands_in(scene: Scene, where: Block) -> None:
    scene.chain.newest[where.number] = where
    scene.chain.fates[OURS.hash] = Fate(kind=FateKind.INCLUDED, block=where)


def go_on(scene: Scene, told: list[str] | None = None) -> Batch:
    states: list[str] = [] if told is None else told
    desk = Desk(
        store=scene.store,
        ledger=scene.chain,
        sender=Silent(),
        clock=scene.clock,
        told=lambda _, state: states.append(str(state)),
    )
    return anchor_batch(desk, scene.name, patience=timedelta(0))


def orphaned(scene: Scene) -> int:
    return sum(action == "batch.orphan" for action, _ in scene.journal())


def another(there: Block) -> Block:
    return replace(there, hash=digest_of("the block of another branch"))


def test_the_block_that_a_batch_was_seen_in_is_kept(scene):
    assert scene.batch.seen_in == SEEN
    stands_in(scene, block(8))  # taken up again on another branch before anybody looked
    assert go_on(scene).state is AnchorState.INCLUDED
    assert scene.batch.seen_in == block(8)
    assert orphaned(scene) == 0
    record = scene.anchored()
    final = go_on(scene)
    assert (final.state, final.seen_in) == (AnchorState.FINAL, None)
    assert final.placement.block_number == record.position.block_number


@pytest.mark.parametrize("kind", [FateKind.UNKNOWN, FateKind.WAITING])
@pytest.mark.parametrize("shown", [None, SEEN], ids=["no block there", "the same block"])
def test_a_node_that_does_not_know_a_transaction_shows_no_reorganisation(scene, kind, shown):
    scene.chain.fates[OURS.hash] = Fate(kind=kind)
    scene.chain.newest = {} if shown is None else {7: shown}
    told: list[str] = []
    for _ in range(2):
        waiting = go_on(scene, told)
        assert (waiting.state, waiting.seen_in) == (AnchorState.INCLUDED, SEEN)
    assert told == []
    assert orphaned(scene) == 0
    # Harmless where it is in its block after all; where it is not, a chain may grow by nothing else.
    assert {one.hash for one in scene.chain.sent} == ({OURS.hash} if kind is FateKind.UNKNOWN else set())


@pytest.mark.parametrize("kind", [FateKind.UNKNOWN, FateKind.WAITING])
def test_another_block_in_its_place_sends_the_same_bytes_again_and_is_written_down(scene, kind):
    scene.chain.fates[OURS.hash] = Fate(kind=kind)
    scene.chain.newest[7] = another(SEEN)
    told: list[str] = []
    sent = go_on(scene, told)
    assert (sent.state, sent.seen_in) == (AnchorState.SENT, None)
    assert told[:2] == ["orphaned", "sent"]
    assert orphaned(scene) == 1
    assert {one.raw for one in scene.chain.sent} == {OURS.raw}
    stands_in(scene, block(8))
    assert go_on(scene).state is AnchorState.INCLUDED
    assert orphaned(scene) == 1


def test_another_block_shown_by_one_that_is_behind_is_not_believed(scene):
    scene.chain.number = 5
    follow(scene.store, scene.chain, scene.clock)
    scene.chain.fates[OURS.hash] = Fate(kind=FateKind.UNKNOWN)
    scene.chain.newest[7] = another(SEEN)
    scene.chain.number, scene.chain.may_lag = 4, True
    with pytest.raises(NodeBehind):
        go_on(scene)
    heads = [5, 4]  # in time for being followed, and behind when it is asked for the block
    scene.chain.head = lambda: scene.chain.block(heads.pop(0) if len(heads) > 1 else heads[0])
    assert go_on(scene).state is AnchorState.INCLUDED
    assert orphaned(scene) == 0


def test_what_was_included_before_blocks_were_kept_waits_until_it_is_seen_again(scene):
    with scene.store.write() as unit:
        unit.batches.move(scene.name, AnchorState.INCLUDED, AnchorState.ORPHANED)
        unit.batches.move(scene.name, AnchorState.ORPHANED, AnchorState.SENT)
        unit.batches.move(scene.name, AnchorState.SENT, AnchorState.INCLUDED)
    scene.chain.fates[OURS.hash] = Fate(kind=FateKind.UNKNOWN)
    scene.chain.newest[7] = another(SEEN)
    assert go_on(scene).state is AnchorState.INCLUDED
    assert scene.chain.sent
    stands_in(scene, block(8))
    assert go_on(scene).state is AnchorState.INCLUDED
    assert scene.batch.seen_in == block(8)
    assert orphaned(scene) == 0
