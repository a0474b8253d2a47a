"""Several nodes as one ledger to read: what all that answer agree on, or nothing.

1. All nodes are asked at the same time. One that does not answer is silent; too few answers are none.
2. Their last final blocks: the lowest counts, and what is only in higher ones waits. A node that stays behind by more
   than a block's time allows is named: it may be hiding what came since.
3. At that height, and at the first, all show the same block.
4. All show the same records up to there, without a gap from the first.
5. These lead to the checkpoint that the contract itself gives at each node.
A difference is named with both sides and never outvoted: a reader cannot know whether the few lie or the many.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

from node.client.history import HistoryUnreadable
from registry.anchor.history import Block, Checkpoint, Record
from registry.anchor.trust import Engine, TrustRoot
from registry.kernel.merkle import Frontier
from registry.ports import LedgerForeign, LedgerReader, LedgerUnavailable, NodesDisagree

T = TypeVar("T")

PATIENCE_SECONDS: Final = 3.0
"""How long a node that is behind is given to catch up."""
ALLOWED_LAG: Final = timedelta(seconds=30)
"""How far apart the newest blocks of two nodes may be on a chain that seals all the time."""
_POLL_SECONDS: Final = 0.1
_SHOWN_CHARACTERS: Final = 120


class TooFewNodes(LedgerUnavailable):
    """Fewer nodes answer than the reader wants to hear."""

    code = "ledger/too-few-nodes"

    def __init__(self, answering: int, wanted: int, silent: Mapping[str, str]) -> None:
        self.answering, self.wanted, self.silent = answering, wanted, dict(silent)
        super().__init__(", ".join(silent), f"{answering} of at least {wanted} nodes answer")


@dataclass(slots=True)
class Agreed:
    """What nodes have agreed on before: kept between readings, so that only what is new is read."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    block: Block | None = None
    records: tuple[Record, ...] = ()
    frontier: Frontier = field(default_factory=Frontier)
    by: frozenset[str] = frozenset()
    """Which nodes have shown or confirmed all of it."""


class AgreedLedger:
    """One reading of several nodes (implements registry.ports.LedgerReader). Make one for each verdict."""

    def __init__(
        self,
        nodes: Mapping[str, LedgerReader],
        *,
        quorum: int | None = None,
        agreed: Agreed | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Take ledgers of one trust root by host and port; `quorum`: how many have to answer, all unless given."""
        self._nodes = dict(nodes)
        self._quorum = len(self._nodes) if quorum is None else quorum
        self._agreed = Agreed() if agreed is None else agreed
        self._patience = patience_seconds
        self._silent: dict[str, str] = {}

    @property
    def trust_root(self) -> TrustRoot:
        """What every node was checked against."""
        return next(iter(self._nodes.values())).trust_root

    @property
    def nodes(self) -> int:
        """How many nodes have answered everything that was asked until now."""
        return len(self._nodes) - len(self._silent)

    @property
    def silent(self) -> Mapping[str, str]:
        """Which nodes did not answer, and why."""
        return dict(self._silent)

    def head(self) -> Block:
        """The last final block that all have. Raises TooFewNodes, NodesDisagree."""
        heads = self._caught_up(self._ask(lambda ledger: ledger.head()))  # 1, 2
        lowest = min(heads.values(), key=lambda block: block.number)
        self._same_block(lowest.number)  # 3
        return lowest

    def block(self, number: int) -> Block | None:
        """One final block, the same at all nodes; None beyond the head."""
        return self._same_block(number)

    def records(self, first: int, last: int) -> Iterator[Record]:
        """The records of final blocks `first` to `last`, the same at all nodes, in ascending sequence."""
        with self._agreed.lock:
            self._read_until(last)
            known = self._agreed.records
        yield from (one for one in known if first <= one.position.block_number <= last)

    def checkpoint(self, block: Block) -> Checkpoint:
        """The history log as the contract has it at every node, at the end of `block`."""
        given = self._ask(lambda ledger: ledger.checkpoint(block))
        return self._same(f"the checkpoint at block {block.number}", given, lambda one: f"{one.size} records")

    # Steps

    def _caught_up(self, heads: dict[str, Block]) -> dict[str, Block]:
        highest = max(heads.values(), key=lambda block: block.number)
        until = time.monotonic() + self._patience
        while behind := {where: block for where, block in heads.items() if self._is_behind(block, highest)}:
            if time.monotonic() >= until:
                ahead = next(where for where, block in heads.items() if block == highest)
                shown = {where: f"still at block {block.number}" for where, block in behind.items()}
                raise NodesDisagree("the newest block", {**shown, ahead: f"at block {highest.number}"})
            time.sleep(_POLL_SECONDS)
            again = self._ask(lambda ledger: ledger.head(), tuple(behind))
            heads = {where: again.get(where, block) for where, block in heads.items() if where not in self._silent}
        return heads

    def _is_behind(self, block: Block, highest: Block) -> bool:
        if self.trust_root.engine is Engine.EMBEDDED:
            # Blocks come only with something in them: whoever lacks one lacks a record.
            return block.number < highest.number
        return highest.time - block.time > ALLOWED_LAG

    def _same_block(self, number: int) -> Block | None:
        given = self._ask(lambda ledger: ledger.block(number))
        return self._same(
            f"block {number}", given, lambda block: "has none" if block is None else f"{block.hash.hex()[:16]}…"
        )

    def _read_until(self, last: int) -> None:
        agreed = self._agreed
        start = agreed.block
        if start is not None and self._same_block(start.number) != start:
            # All of them have another chain than before: begin again, under the trust root.
            start = None
        if start is None:
            agreed.block, agreed.records, agreed.frontier = None, (), Frontier()
        if start is not None and start.number >= last:
            if not self._answering <= agreed.by:
                # Whoever was silent then has to confirm the whole log now.
                self._confirm(start, agreed.frontier)
                agreed.by |= self._answering
            return
        first = 0 if start is None else start.number + 1
        # 4
        given = self._ask(lambda ledger: tuple(ledger.records(first, last)))
        found = self._same_records(given, len(agreed.records))
        frontier = agreed.frontier
        for record in found:
            frontier = frontier.append(record.position.leaf)
        # 5
        until = self._same_block(last)
        if until is None:
            raise NodesDisagree(f"block {last}", dict.fromkeys(given, "it was there and is gone"))
        self._confirm(until, frontier)
        agreed.block, agreed.records, agreed.frontier = until, agreed.records + found, frontier
        agreed.by = self._answering

    def _confirm(self, block: Block, frontier: Frontier) -> None:
        contracts = self.checkpoint(block)
        if contracts != Checkpoint(size=frontier.size, root=frontier.root):
            told = f"events give {frontier.size} records, the contract {contracts.size}"
            raise NodesDisagree("the history log", dict.fromkeys(sorted(self._answering), told))

    def _same_records(self, given: Mapping[str, tuple[Record, ...]], first: int) -> tuple[Record, ...]:
        one_where, one = next(iter(given.items()))
        for where, other in given.items():
            for place in range(max(len(one), len(other))):
                pair = [records[place] if place < len(records) else None for records in (one, other)]
                if pair[0] != pair[1]:
                    shown = {one_where: _of_record(pair[0]), where: _of_record(pair[1])}
                    raise NodesDisagree(f"record {first + place}", shown)
        for expected, record in enumerate(one, start=first):
            if record.position.seq != expected:
                raise NodesDisagree(f"record {expected}", dict.fromkeys(given, f"shows record {record.position.seq}"))
        return one

    # Asking

    @property
    def _answering(self) -> frozenset[str]:
        return frozenset(self._nodes) - self._silent.keys()

    def _same(self, what: str, given: Mapping[str, T], told: Callable[[T], str]) -> T:
        one_where, one = next(iter(given.items()))
        for where, other in given.items():
            if other != one:
                raise NodesDisagree(what, {one_where: told(one), where: told(other)})
        return one

    def _ask(self, question: Callable[[LedgerReader], T], of: Sequence[str] | None = None) -> dict[str, T]:
        """Ask all that were not silent before, or some of them. Raises TooFewNodes, NodesDisagree."""
        # 1
        asked = [where for where in (self._nodes if of is None else of) if where not in self._silent]
        answers: dict[str, T] = {}
        strange: dict[str, str] = {}
        if len(self._nodes) == 1:
            # With nobody to compare with, another chain's node is a wrong address and no disagreement.
            answers = {asked[0]: self._only(question)} if asked else {}
        elif len(asked) == 1:
            _take(asked[0], lambda: question(self._nodes[asked[0]]), answers, strange, self._silent)
        elif asked:
            with ThreadPoolExecutor(max_workers=len(asked), thread_name_prefix="node") as pool:
                waiting = {where: pool.submit(question, self._nodes[where]) for where in asked}
                for where, answer in waiting.items():
                    _take(where, answer.result, answers, strange, self._silent)
        if strange:
            raise NodesDisagree("which chain it is", strange)
        if self.nodes < max(1, self._quorum):
            raise TooFewNodes(self.nodes, max(1, self._quorum), self._silent)
        return answers

    def _only(self, question: Callable[[LedgerReader], T]) -> T:
        where, ledger = next(iter(self._nodes.items()))
        try:
            return question(ledger)
        except LedgerUnavailable as error:
            self._silent[where] = error.cause
            raise


def _take(
    where: str,
    answer: Callable[[], T],
    answers: dict[str, T],
    strange: dict[str, str],
    silent: dict[str, str],
) -> None:
    try:
        answers[where] = answer()
    except LedgerUnavailable as error:
        silent[where] = error.cause
    except (LedgerForeign, HistoryUnreadable) as error:
        strange[where] = str(error)[:_SHOWN_CHARACTERS]


def _of_record(record: Record | None) -> str:
    if record is None:
        return "has none"
    return f"{type(record.content).__name__} in block {record.position.block_number}"
