"""Reading on from where we stopped: a node that is behind is waited for, another history is not."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from registry.anchor.history import Block, Checkpoint, Paused, Record
from registry.kernel.identifiers import RootHash
from registry.store.sessions import StateMoved
from registry.workflows.chain import follow as following
from registry.workflows.chain.follow import HistoryBroken, NodeBehind, follow
from registry.workflows.chain.halt import halting
from tests.unit.registry.store.filled import head as head_of
from tests.unit.registry.workflows.chain_scene import ToldChain
from tests.unit.registry.workflows.sending_stage import Sending


@dataclass
class Node(ToldChain):
    """An address with several nodes behind it: each question may be answered by one that stands lower than the others.

    `stale` says of a kind of question at which heights the nodes stand that answer it, one after another; then the
    newest answer.
    """

    may_lag: bool = True
    stale: dict[str, list[int | None]] = field(default_factory=dict)
    asked: list[tuple[int, int]] = field(default_factory=list)
    """The blocks whose records were asked for."""

    def stands(self, question: str) -> int:
        left = self.stale.get(question)
        found = left.pop(0) if left else None
        return self.number if found is None else found

    def head(self) -> Block:
        return super().block(self.stands("head"))

    def block(self, number: int) -> Block | None:
        return super().block(number) if number <= self.stands("block") else None

    def records(self, first: int, last: int) -> Iterator[Record]:
        self.asked.append((first, last))
        return super().records(first, min(last, self.stands("records")))

    def checkpoint(self, at: Block) -> Checkpoint:
        recorded = [one for one in self.kept if one.position.block_number <= min(at.number, self.stands("count"))]
        return Checkpoint(size=len(recorded), root=RootHash(bytes(32)))


@pytest.fixture
def node() -> Node:
    made = Node()
    for _ in range(3):
        made.tell(Paused(until=4_000_000_000), by="a")
    return made


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks 0 and 1, then 2 and 3, and so on; the n-th record lies in block n, from 1 on."""
    monkeypatch.setattr(following, "BLOCKS_AT_ONCE", 2)


def read(stage: Sending, node: Node):
    with halting(stage.store, stage.clock):
        return follow(stage.store, node, stage.clock)  # type: ignore[arg-type]  # the reading half


def known(stage: Sending) -> tuple[int, int]:
    with stage.store.read() as unit:
        head = unit.projection.head()
        return head.block.number if head else -1, unit.projection.size()


def is_halted(stage: Sending) -> bool:
    with stage.store.read() as unit:
        return bool(unit.alarms.open())


def test_a_node_that_is_behind_is_waited_for_and_a_file_that_is_shorter_is_not(stage, node):
    read(stage, node)
    assert known(stage) == (3, 3)
    node.number = 2
    with pytest.raises(NodeBehind) as caught:
        read(stage, node)
    assert (caught.value.expected, caught.value.found) == (3, 2)
    assert not is_halted(stage)
    node.may_lag = False
    with pytest.raises(HistoryBroken):
        read(stage, node)
    assert known(stage) == (3, 3)
    node.number = 3
    read(stage, node)


def test_a_head_below_what_was_read_is_waited_for_though_the_next_answer_knows_that_block(stage, node):
    """The newest block is asked of a node that is behind, the one that was read last of another that is not."""
    read(stage, node)
    node.stale["head"] = [1]
    with pytest.raises(NodeBehind) as caught:
        read(stage, node)
    assert (caught.value.expected, caught.value.found) == (3, 1)
    assert (known(stage), is_halted(stage)) == ((3, 3), False)
    node.tell(Paused(until=4_000_000_000), by="b")
    read(stage, node)
    assert known(stage) == (4, 4)


def test_the_store_keeps_no_head_below_the_one_it_has(stage, node):
    head = read(stage, node)
    lower = replace(head, block=head_of(2).block)
    with pytest.raises(StateMoved), stage.store.write() as unit:
        unit.projection.extend(lower, [])
    with stage.store.write() as unit:  # the same block, read once more
        unit.projection.extend(replace(head, read_at=head.read_at + timedelta(seconds=1)), [])
    assert known(stage) == (3, 3)


def test_another_block_at_a_height_that_was_read_is_another_history(stage, node):
    read(stage, node)
    node.other_blocks = True
    with pytest.raises(HistoryBroken):
        read(stage, node)
    node.number = 9
    with pytest.raises(HistoryBroken):
        read(stage, node)
    assert is_halted(stage)


def test_records_that_a_jumping_head_leaves_out_are_not_skipped(stage, node):
    """Without the contract's own count the head would be kept, and the records below it never be read."""
    node.stale["records"] = [2]
    with pytest.raises(NodeBehind):
        read(stage, node)
    assert known(stage) == (-1, 0)
    read(stage, node)
    assert known(stage) == (3, 3)


@pytest.mark.parametrize("short", [0, 1, 2])
def test_a_piece_that_came_short_is_not_kept_and_halts_nothing(stage, node, small_pieces, short):
    """What is missing at the end of a piece shows where the next one begins, or by the count after the last."""
    for _ in range(3):
        node.tell(Paused(until=4_000_000_000), by="b")
    node.stale["records"] = [None] * short + [2 * short]
    with pytest.raises(NodeBehind):
        read(stage, node)
    assert not is_halted(stage)
    number, size = known(stage)
    assert size == max(number, 0), "what is kept is not whole up to the head"
    read(stage, node)
    assert known(stage) == (6, 6)


def test_a_short_piece_is_noticed_behind_pieces_without_records(stage, node, small_pieces):
    node.number = 30
    node.stale["records"] = [None, 2]
    with pytest.raises(NodeBehind):
        read(stage, node)
    assert known(stage)[1] <= 1
    read(stage, node)
    assert known(stage) == (30, 3)


def test_of_a_long_way_what_is_whole_is_kept_and_not_read_again(stage, node, small_pieces):
    """Cut off on its way, a reading goes on behind the last piece that is known to be whole."""
    for _ in range(5):
        node.tell(Paused(until=4_000_000_000), by="b")
    node.stale["count"] = [0]
    with pytest.raises(NodeBehind):
        read(stage, node)
    assert known(stage) == (7, 7)  # blocks 8 and 9 wait for the count
    node.asked.clear()
    read(stage, node)
    assert (known(stage), node.asked) == ((8, 8), [(8, 8)])


def test_what_is_read_on_the_way_counts_as_read_at_the_time_of_its_block(stage, node, small_pieces):
    """Later blocks are there and not read yet: nothing may be shown valid as of now by what came before them."""
    node.stale["count"] = [0]
    with pytest.raises(NodeBehind):
        read(stage, node)
    with stage.store.read() as unit:
        head = unit.projection.head()
    assert head.block.number == 1
    assert head.read_at == head.block.time < stage.clock.now()


def test_records_missing_after_what_is_kept_are_a_broken_history(stage, node, small_pieces):
    """The first answer is of one node: where it shows later records, it has the earlier ones too."""
    read(stage, node)
    node.tell(Paused(until=4_000_000_000), by="b")
    node.tell(Paused(until=4_000_000_000), by="c")
    del node.kept[3]
    with pytest.raises(HistoryBroken):
        read(stage, node)
    assert known(stage) == (3, 3)


def test_overtaken_again_and_again_it_goes_on(stage, node, monkeypatch):
    """However often another follower was faster: each time from where that one stopped, without going any deeper."""
    other, store, depths = replace(node), stage.store, []

    class Racing:
        def read(self, **how):
            return store.read(**how)

        def write(self):
            depths.append(len(inspect.stack(0)))
            if len(depths) < 20:
                node.number = other.number = other.number + 1
                follow(store, other, stage.clock)
            return store.write()

    follow(Racing(), node, stage.clock)
    assert len(depths) == 20
    assert len(set(depths)) == 1
    assert known(stage) == (22, 3)
