"""Several nodes as one ledger, over ledgers that say what they are told to."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.client.agreement import ALLOWED_LAG, Agreed, AgreedLedger, TooFewNodes
from node.client.history import HistoryUnreadable
from registry.anchor.history import Block, Checkpoint, DigestRecorded, Position, Record
from registry.anchor.trust import Engine, TrustRoot
from registry.kernel.identifiers import (
    Address,
    BlockHash,
    ContractAddress,
    Digest,
    IssuerCode,
    LeafHash,
    TransactionHash,
)
from registry.kernel.merkle import root_hash
from registry.ports import LedgerForeign, LedgerUnavailable, NodesDisagree

BEGAN = datetime(2026, 11, 22, tzinfo=UTC)
ROOT = TrustRoot(
    genesis=BlockHash(b"g" * 32),
    contract=ContractAddress(chain_id=20268, address=Address("0x" + "11" * 20)),
    code_hash=Digest(b"c" * 32),
    engine=Engine.EMBEDDED,
    signers=(),
)
BUSY = next(engine for engine in Engine if engine is not Engine.EMBEDDED)


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def block(number: int, fork: str = "") -> Block:
    return Block(
        number=number,
        hash=BlockHash(hash_of(f"block {number}{fork}")),
        time=BEGAN + timedelta(seconds=5 * number),
    )


def record(seq: int, text: str = "") -> Record:
    """One record, in the block of its own number."""
    at = block(seq)
    return Record(
        position=Position(
            seq=seq,
            by=Address("0x" + "22" * 20),
            block_number=seq,
            block_hash=at.hash,
            block_time=at.time,
            transaction=TransactionHash(hash_of(f"transaction {seq}")),
            leaf=LeafHash(hash_of(f"leaf {seq}{text}")),
        ),
        content=DigestRecorded(issuer=IssuerCode("EEC"), kind=1, digest=Digest(hash_of(text))),
    )


@dataclass
class Told:
    """A node that shows `height` blocks with a record in each (implements registry.ports.LedgerReader)."""

    height: int = 5
    trust_root: TrustRoot = ROOT
    nodes: int = 1
    fork: Callable[[int], str] = lambda number: ""
    changed: dict[int, Record | None] = field(default_factory=dict)
    counted: int | None = None
    failing: Exception | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)

    def _answer(self) -> None:
        if self.failing is not None:
            raise self.failing

    def head(self) -> Block:
        self._answer()
        return block(self.height, self.fork(self.height))

    def block(self, number: int) -> Block | None:
        self._answer()
        return block(number, self.fork(number)) if number <= self.height else None

    def records(self, first: int, last: int) -> Iterator[Record]:
        self._answer()
        self.asked.append((first, last))
        for number in range(first, min(last, self.height) + 1):
            shown = self.changed.get(number, record(number))
            if shown is not None:
                yield shown

    def checkpoint(self, at: Block) -> Checkpoint:
        self._answer()
        size = at.number + 1 if self.counted is None else self.counted
        return Checkpoint(size=size, root=root_hash([record(seq).position.leaf for seq in range(size)]))


def agreed(*nodes: Told, **options: Any) -> AgreedLedger:
    named = {f"node-{number}": node for number, node in enumerate(nodes)}
    return AgreedLedger(named, patience_seconds=0.0, **options)


def read(ledger: AgreedLedger) -> tuple[Record, ...]:
    head = ledger.head()
    return tuple(ledger.records(0, head.number))


def test_what_all_show_is_what_is_given() -> None:
    ledger = agreed(Told(), Told(), Told())
    assert read(ledger) == tuple(record(seq) for seq in range(6))
    assert (ledger.nodes, ledger.trust_root) == (3, ROOT)
    assert ledger.block(0) == block(0)
    assert ledger.block(6) is None
    assert ledger.checkpoint(block(5)).size == 6


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (Told(changed={5: None}), "record 5"),
        (Told(changed={3: record(3, "else")}), "record 3"),
        (Told(changed={0: None}), "record 0"),
        (Told(fork=lambda number: "'" if number else ""), "block 5"),
        (Told(counted=5), "the checkpoint at block 5"),
        (Told(height=4), "the newest block"),
        (Told(height=6), "the newest block"),
    ],
    ids=["hides the last", "changes one", "hides the first", "forks", "counts fewer", "behind", "ahead"],
)
@pytest.mark.parametrize("order", [1, -1])
def test_any_difference_is_named_and_never_outvoted(other: Told, what: str, order: int) -> None:
    nodes = (Told(), Told(), other)[::order]
    with pytest.raises(NodesDisagree) as found:
        read(agreed(*nodes))
    assert found.value.what == what
    assert len(found.value.shown) >= 2
    assert f"node-{nodes.index(other)}" in found.value.shown


def test_nodes_that_all_hide_the_same_are_caught_by_the_contracts_count() -> None:
    with pytest.raises(NodesDisagree) as found:
        read(agreed(Told(changed={5: None}), Told(changed={5: None})))
    assert found.value.what == "the history log"
    with pytest.raises(NodesDisagree):
        read(agreed(Told(changed={2: None}), Told(changed={2: None})))


@pytest.mark.parametrize(
    "failing", [LedgerForeign("genesis", "aa", "bb"), HistoryUnreadable(3, "strange")], ids=["foreign", "unreadable"]
)
def test_node_of_another_chain_is_named_among_several_and_refused_alone(failing: Exception) -> None:
    with pytest.raises(NodesDisagree) as found:
        read(agreed(Told(), Told(failing=failing)))
    assert list(found.value.shown) == ["node-1"]
    with pytest.raises(type(failing)):
        read(agreed(Told(failing=failing)))


def test_silent_nodes_count_against_the_quorum() -> None:
    silent = LedgerUnavailable("node-1", "no answer in time")
    with pytest.raises(TooFewNodes) as few:
        read(agreed(Told(), Told(failing=silent)))
    assert (few.value.answering, few.value.wanted, few.value.silent) == (1, 2, {"node-1": "no answer in time"})
    ledger = agreed(Told(), Told(failing=silent), Told(), quorum=2)
    assert len(read(ledger)) == 6
    assert (ledger.nodes, ledger.silent) == (2, {"node-1": "no answer in time"})
    with pytest.raises(LedgerUnavailable):
        read(agreed(Told(failing=silent), quorum=1))
    # A quorum says how many have to answer, not how many may lie.
    with pytest.raises(NodesDisagree):
        read(agreed(Told(), Told(), Told(changed={5: None}), quorum=1))


def test_where_blocks_come_all_the_time_the_lower_head_counts() -> None:
    busy = replace(ROOT, engine=BUSY)
    ledger = agreed(Told(height=5, trust_root=busy), Told(height=7, trust_root=busy))
    assert ledger.head() == block(5)
    behind = int(ALLOWED_LAG.total_seconds()) // 5 + 1
    with pytest.raises(NodesDisagree) as found:
        agreed(Told(height=5, trust_root=busy), Told(height=5 + behind, trust_root=busy)).head()
    assert found.value.shown["node-0"] == "still at block 5"


def test_node_that_is_only_slow_is_waited_for() -> None:
    slow, asked = Told(height=4), []

    def head() -> Block:
        asked.append(1)
        slow.height = 5 if len(asked) > 2 else 4
        return block(slow.height)

    slow.head = head  # type: ignore[method-assign]
    ledger = AgreedLedger({"a": Told(), "b": slow}, patience_seconds=5.0)
    assert ledger.head() == block(5)


def test_what_was_agreed_is_kept_and_only_the_rest_is_read() -> None:
    kept, one, other = Agreed(), Told(), Told()
    assert len(read(agreed(one, other, agreed=kept))) == 6
    one.height = other.height = 8
    assert len(read(agreed(one, other, agreed=kept))) == 9
    assert other.asked == [(0, 5), (6, 8)]
    read(agreed(one, other, agreed=kept))
    assert other.asked == [(0, 5), (6, 8)]


def test_node_that_was_silent_confirms_all_of_it_when_it_is_back() -> None:
    kept, back = Agreed(), Told(failing=LedgerUnavailable("node-1", "dead"))
    read(agreed(Told(), back, agreed=kept, quorum=1))
    back.failing, back.counted = None, 4
    with pytest.raises(NodesDisagree):
        read(agreed(Told(), back, agreed=kept, quorum=1))
    back.counted = None
    assert len(read(agreed(Told(), back, agreed=kept, quorum=1))) == 6
    assert kept.by == {"node-0", "node-1"}


def test_chain_that_is_another_than_before_is_read_from_its_beginning() -> None:
    kept = Agreed()
    read(agreed(Told(), Told(), agreed=kept))
    moved = [Told(fork=lambda number: "'" if number else "") for _ in range(2)]
    assert len(read(agreed(*moved, agreed=kept))) == 6
    assert moved[0].asked == [(0, 5)]
