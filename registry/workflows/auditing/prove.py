"""Prove: rebuild the history log from events alone, and compare it with what the contract itself says.

1. Every record of the final blocks, from the first; their sequence has no gap.
2. Their leaves lead to a root.
3. At the last of these blocks the contract's own checkpoint has that size and that root.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from registry.anchor.history import Block, Checkpoint, Record
from registry.anchor.proofs import HistoryCheckpoint, HistoryRewritten, LogName, block_text, head_text
from registry.anchor.trust import TrustRoot
from registry.kernel.errors import IntegrityFault
from registry.kernel.merkle import MerkleTree
from registry.ports import Ledger
from registry.ports.storage import NotHere, Store
from registry.workflows.chain.follow import HistoryBroken


class EventsDisagree(IntegrityFault):
    """The events that a node shows do not lead to the root that the contract gives."""

    code = "history/root-differs"

    def __init__(self, block: int, contract: Checkpoint, events: Checkpoint) -> None:
        self.block, self.contract, self.events = block, contract, events
        super().__init__(
            f"at block {block} the contract has {head_text(contract)}, the events lead to {head_text(events)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltLog:
    """The history log as its events give it, up to the end of one block."""

    trust_root: TrustRoot
    """Whose contract's log it is."""
    records: tuple[Record, ...]
    tree: MerkleTree
    """One leaf a record."""
    block: Block

    @property
    def name(self) -> LogName:
        """Which log it is."""
        return LogName.of(self.trust_root)

    @property
    def head(self) -> Checkpoint:
        """Size and root."""
        return Checkpoint(size=self.tree.size, root=self.tree.root)

    @property
    def checkpoint(self) -> HistoryCheckpoint:
        """What an auditor keeps of it."""
        return HistoryCheckpoint(log=self.name, trust_root=self.trust_root.digest(), head=self.head, block=self.block)

    def until(self, block: Block) -> "RebuiltLog":
        """Give the log as it was at the end of an earlier block. Raises NotHere where it had not begun."""
        records = [one for one in self.records if one.position.block_number <= block.number]
        if not records:
            raise NotHere("record up to block", str(block.number))
        return rebuilt(self.trust_root, records, block)


def rebuilt(trust_root: TrustRoot, records: Iterable[Record], block: Block) -> RebuiltLog:
    """Build the log over records that must be all of them, in their order. Raises HistoryBroken."""
    # 1
    known = tuple(records)
    for expected, record in enumerate(known):
        if record.position.seq != expected:
            raise HistoryBroken("record sequence", str(expected), str(record.position.seq))
    # 2
    tree = MerkleTree(record.position.leaf for record in known)
    return RebuiltLog(trust_root=trust_root, records=known, tree=tree, block=block)


def log_of_ledger(ledger: Ledger) -> RebuiltLog:
    """Rebuild the log from a node's events. Raises LedgerUnavailable, LedgerForeign, HistoryBroken, EventsDisagree."""
    block = ledger.head()
    log = rebuilt(ledger.trust_root, ledger.records(0, block.number), block)
    require_agreed(log, ledger)
    return log


def log_of_store(store: Store) -> RebuiltLog | None:
    """Rebuild the log from the events that were read here; None = none were. Raises HistoryBroken."""
    with store.read() as unit:
        head = unit.projection.head()
        return None if head is None else rebuilt(head.trust_root, unit.projection.records(), head.block)


def require_agreed(log: RebuiltLog, ledger: Ledger) -> None:
    """Compare the log with the contract's own checkpoint at its block. Raises EventsDisagree, LedgerUnavailable."""
    # 3
    contract = ledger.checkpoint(log.block)
    if contract != log.head:
        raise EventsDisagree(log.block.number, contract, log.head)


def require_block(checkpoint: HistoryCheckpoint, log: RebuiltLog, ledger: Ledger) -> None:
    """Check that a kept checkpoint's block is the chain's and had that head. Raises HistoryRewritten."""
    block, what = checkpoint.block, f"checkpoint at block {checkpoint.block.number}"
    there = ledger.block(block.number)
    if there != block:
        raise HistoryRewritten(what, block_text(block), "no such final block" if there is None else block_text(there))
    head = log.until(block).head
    if head != checkpoint.head:
        raise HistoryRewritten(what, head_text(checkpoint.head), head_text(head))
