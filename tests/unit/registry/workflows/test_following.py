"""Reading on from where we stopped: a node that is behind is waited for, another history is not."""

from dataclasses import dataclass

import pytest

from registry.anchor.history import Block, Checkpoint, Paused
from registry.kernel.identifiers import RootHash
from registry.workflows.follow import HistoryBroken, NodeBehind, follow
from tests.unit.registry.workflows.chain_scene import ToldChain
from tests.unit.registry.workflows.sending_stage import Sending


@dataclass
class Node(ToldChain):
    """One node of a chain: it may be behind, and it may forget the last records between two questions."""

    may_lag: bool = True
    forgets: int = 0

    def block(self, number: int) -> Block | None:
        return super().block(number) if number <= self.number else None

    def records(self, first: int, last: int):
        shown = [one for one in self.kept if first <= one.position.block_number <= last]
        return iter(shown[: len(shown) - self.forgets])

    def checkpoint(self, at: Block) -> Checkpoint:
        recorded = [one for one in self.kept if one.position.block_number <= at.number]
        return Checkpoint(size=len(recorded), root=RootHash(bytes(32)))


@pytest.fixture
def node() -> Node:
    made = Node()
    for _ in range(3):
        made.tell(Paused(until=4_000_000_000), by="a")
    return made


def read(stage: Sending, node: Node):
    return follow(stage.store, node, stage.clock)  # type: ignore[arg-type]  # the reading half


def known(stage: Sending) -> tuple[int, int]:
    with stage.store.read() as unit:
        head = unit.projection.head()
        return head.block.number if head else -1, unit.projection.size()


def test_a_node_that_is_behind_is_waited_for_and_a_file_that_is_shorter_is_not(stage, node):
    read(stage, node)
    assert known(stage) == (3, 3)
    node.number = 2
    with pytest.raises(NodeBehind) as caught:
        read(stage, node)
    assert (caught.value.expected, caught.value.found) == (3, 2)
    node.may_lag = False
    with pytest.raises(HistoryBroken):
        read(stage, node)
    assert known(stage) == (3, 3)
    node.number = 3
    read(stage, node)


def test_another_block_at_a_height_that_was_read_is_another_history(stage, node):
    read(stage, node)
    node.other_blocks = True
    with pytest.raises(HistoryBroken):
        read(stage, node)


def test_records_that_a_jumping_head_leaves_out_are_not_skipped(stage, node):
    """Without the contract's own count the head would be kept, and the records below it never be read."""
    node.forgets = 1
    with pytest.raises(NodeBehind):
        read(stage, node)
    assert known(stage) == (-1, 0)
    node.forgets = 0
    read(stage, node)
    assert known(stage) == (3, 3)
