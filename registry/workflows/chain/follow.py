"""Follow: read the chain's final records into our projection, from where we stopped.

1. The node's chain is the one we know: same trust root, same hash at the height we stopped at. A node over the network
   may be behind, and catches up; a chain file of our own cannot. The head never goes back.
2. Read the records after that height, piece by piece; their sequence goes on without a gap.
3. Keep a piece once it is known to be whole: the first record after it has the sequence that follows, and after the
   last piece there are as many as the contract itself counts at the new head. A node whose head jumps back between two
   questions leaves the last ones out. The contract's count at an older block is not asked for: most nodes keep no state
   of it.
4. Keep records together with the head they reach, in one transaction: what is kept is complete up to the head.
"""

from collections.abc import Sequence
from dataclasses import replace

from registry.anchor.history import Block, Record
from registry.kernel.errors import IntegrityFault
from registry.ports import Clock, Ledger, LedgerForeign, LedgerUnavailable
from registry.ports.storage import ProjectionHead, Store

BLOCKS_AT_ONCE = 2_000
"""No more than a ledger asks a node for in one question: one answer is of one node, and has no gap."""


class HistoryBroken(IntegrityFault):
    """The chain's history is not what we read before: blocks changed below what was final, or records are missing."""

    code = "ledger/history-broken"

    def __init__(self, what: str, expected: str, found: str) -> None:
        self.what, self.expected, self.found = what, expected, found
        super().__init__(f"the chain's {what} is not as read before: expected {expected}, found {found}")


class NodeBehind(LedgerUnavailable):
    """A node shows less of the chain than was read before, or than it showed a moment ago; it may catch up."""

    code = "ledger/node-behind"

    def __init__(self, what: str, expected: int, found: int) -> None:
        self.what, self.expected, self.found = what, expected, found
        super().__init__("the node", f"it is behind: {what} {found}, and {expected} was shown before")


def follow(store: Store, ledger: Ledger, clock: Clock) -> ProjectionHead:
    """Read up to the chain's last final block. Raises LedgerUnavailable, NodeBehind, LedgerForeign, HistoryBroken."""
    while True:
        reached = _read_on(store, ledger, clock)
        if reached is not None:
            return reached
        # Another follower went ahead: go on from where it stopped.


def _read_on(store: Store, ledger: Ledger, clock: Clock) -> ProjectionHead | None:
    """Read on from where we stopped; None = another follower kept something meanwhile."""
    with store.read() as unit:
        known, size = unit.projection.head(), unit.projection.size()
    head, read_at = ledger.head(), clock.now()
    if known is not None:
        # 1
        if known.trust_root != ledger.trust_root:
            raise LedgerForeign("trust root", known.trust_root.digest().hex(), ledger.trust_root.digest().hex())
        _require_known(ledger, known.block, head)
    reached = ProjectionHead(
        trust_root=ledger.trust_root,
        first_block_time=known.first_block_time if known else (ledger.block(0) or head).time,
        block=head,
        read_at=read_at,
        nodes=ledger.nodes,
    )
    start = first = known.block.number + 1 if known else 0
    waiting: list[Record] = []
    while first <= head.number:
        # 2
        last = min(first + BLOCKS_AT_ONCE - 1, head.number)
        records = list(ledger.records(first, last))
        _require_next(records, size + len(waiting), may_lag=ledger.may_lag and first > start)
        # 3
        if records and waiting:
            until = ledger.block(first - 1)
            if until is None:
                raise NodeBehind("block", first - 1, ledger.head().number)
            # What comes after it is not read yet: nothing is known of any time after its own.
            piece = replace(reached, block=until, read_at=min(read_at, until.time))
            if not _keep(store, (known, size), piece, waiting):
                return None
            known, size, waiting = piece, size + len(waiting), []
        waiting += records
        first = last + 1
    if start <= head.number:
        _require_all(ledger, head, size + len(waiting))
    return reached if _keep(store, (known, size), reached, waiting) else None


def _keep(
    store: Store, before: tuple[ProjectionHead | None, int], reached: ProjectionHead, records: Sequence[Record]
) -> bool:
    """Keep what was read, if what was there before still is all there is."""
    # 4
    known, size = before
    with store.write() as unit:
        present = unit.projection.head()
        is_so = unit.projection.size() == size and (present and present.block) == (known and known.block)
        if is_so:
            unit.projection.extend(reached, records)
    return is_so


def _require_known(ledger: Ledger, known: Block, head: Block) -> None:
    """Check that the block that was read last is still there, and none before it. Raises HistoryBroken, NodeBehind."""
    there = head if head.number == known.number else ledger.block(known.number)
    if there is None and ledger.may_lag:
        raise NodeBehind("block", known.number, head.number)
    if there is None or there.hash != known.hash:
        raise HistoryBroken(
            f"block {known.number}", known.hash.hex(), "no such block" if there is None else there.hash.hex()
        )
    # The newest block and that one may have been asked of two nodes, of which the first is behind.
    if head.number < known.number:
        raise NodeBehind("block", known.number, head.number)


def _require_next(records: Sequence[Record], size: int, *, may_lag: bool) -> None:
    """Check that records follow those before them. Raises HistoryBroken, NodeBehind.

    `may_lag`: those before were read just now, of a node that may have been behind.
    """
    for expected, record in enumerate(records, start=size):
        found = record.position.seq
        if found > size == expected and may_lag:
            raise NodeBehind("records", found, size)
        if found != expected:
            raise HistoryBroken("record sequence", str(expected), str(found))


def _require_all(ledger: Ledger, head: Block, size: int) -> None:
    """Check that there are as many records as the contract counts. Raises NodeBehind."""
    counted = ledger.checkpoint(head).size
    if counted != size:
        raise NodeBehind("records", counted, size)
