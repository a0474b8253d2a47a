"""Follow: read the chain's final records into our projection, from where we stopped.

1. The node's chain is the one we know: same trust root, same hash at the height we stopped at. A node over the network
   may be behind, and catches up; a chain file of our own cannot.
2. Read the records after that height; their sequence goes on without a gap, and there are as many as the contract
   itself counts at the new head: a node whose head jumps back between two questions leaves the last ones out.
3. Keep them together with the new head, in one transaction: what is kept is complete up to the head.
"""

from registry.anchor.history import Block
from registry.kernel.errors import IntegrityFault
from registry.ports import Clock, Ledger, LedgerForeign, LedgerUnavailable
from registry.ports.storage import ProjectionHead, Store

BLOCKS_AT_ONCE = 5_000


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
    with store.read() as unit:
        known, size = unit.projection.head(), unit.projection.size()
    head, read_at = ledger.head(), clock.now()
    if known is not None:
        # 1
        if known.trust_root != ledger.trust_root:
            raise LedgerForeign("trust root", known.trust_root.digest().hex(), ledger.trust_root.digest().hex())
        _require_known(ledger, known.block, head)
    first_block = ledger.block(0) if known is None else None
    first_time = known.first_block_time if known else (first_block or head).time
    first = known.block.number + 1 if known else 0
    while True:
        # 2
        last = min(first + BLOCKS_AT_ONCE - 1, head.number)
        records = list(ledger.records(first, last)) if first <= last else []
        for expected, record in enumerate(records, start=size):
            if record.position.seq != expected:
                raise HistoryBroken("record sequence", str(expected), str(record.position.seq))
        until = head if last >= head.number else ledger.block(last)
        if until is None:
            raise NodeBehind("block", last, ledger.head().number)
        if first <= last and until is head:  # of older blocks most nodes keep no state
            counted = ledger.checkpoint(head).size
            if counted != size + len(records):
                raise NodeBehind("records", counted, size + len(records))
        reached = ProjectionHead(
            trust_root=ledger.trust_root,
            first_block_time=first_time,
            block=until,
            read_at=read_at,
            nodes=ledger.nodes,
        )
        # 3
        with store.write() as unit:
            present = unit.projection.head()
            overtaken = unit.projection.size() != size or (present.block if present else None) != (
                known.block if known else None
            )
            if not overtaken:
                unit.projection.extend(reached, records)
        if overtaken:
            # Another follower went ahead: go on from where it stopped, but only once our own turn to write is over.
            return follow(store, ledger, clock)
        if last >= head.number:
            return reached
        first, size, known = last + 1, size + len(records), reached


def _require_known(ledger: Ledger, known: Block, head: Block) -> None:
    """Check that the block that was read last is still there. Raises HistoryBroken, NodeBehind."""
    there = ledger.block(known.number)
    if there is not None and there.hash == known.hash:
        return
    if there is None and ledger.may_lag:
        raise NodeBehind("block", known.number, head.number)
    raise HistoryBroken(
        f"block {known.number}", known.hash.hex(), "no such block" if there is None else there.hash.hex()
    )
