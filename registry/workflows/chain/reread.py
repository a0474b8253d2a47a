"""Reread: read the chain's records anew, from its first block, in the place of those that are kept.

The way out for a registry whose own reading is broken, such as by a node that was behind, so that nothing follows it.

1. Read everything once more, as `follow` does, into a database of its own: readers keep what they have meanwhile, and
   an interruption leaves nothing behind.
2. Compare: what is kept may lack records at its end. That the chain does not show something that is kept is another
   matter: its history was rewritten, or a node lied, now or then. A person has to know of it and say so. So is a row
   here that does not carry its seal: nothing is compared with it, and what the chain shows is written in its place.
3. Take over what differs, and the new head, in one transaction, with an entry in the journal; if another follower kept
   something meanwhile, go on from 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry.anchor.history import Block, Record
from registry.kernel.errors import Conflict
from registry.ports import Clock, Ledger, LedgerForeign
from registry.ports.storage import ProjectionHead, Store, UnitOfWork
from registry.workflows.chain.follow import NodeBehind, follow


class RecordsDiffer(Conflict):
    """The chain as it is read now does not show what is kept of it: `kept` and `shown` name the first difference."""

    code = "ledger/records-differ"

    def __init__(self, dropped: int, kept: str, shown: str) -> None:
        self.dropped, self.kept, self.shown = dropped, kept, shown
        super().__init__(f"the chain does not show what is kept here ({dropped} records): here {kept}, there {shown}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    """What came of reading anew."""

    before: Block | None
    """Up to where the chain had been read; None = never."""
    block: Block
    """Up to where it has been read now."""
    same: int
    """Records that were kept before and are the same."""
    added: int
    """Records that were missing."""
    dropped: int
    """Records that were kept and that the chain does not show, and those that could not be read here."""
    unreadable: int
    """Of all that were kept: those that could not be read here, since their rows do not carry their seals."""
    after: int
    """How many records, from the first on, were the same; those behind them are written anew."""
    difference: tuple[str, str] | None
    """What was kept and is not shown first, and what is shown in its place; None = nothing."""


def reread(store: Store, blank: Store, ledger: Ledger, clock: Clock, *, person: str, drop: bool = False) -> Reread:
    """Read all records anew into `blank`, an empty database, and keep them in the place of those in `store`.

    `drop`: also where the chain does not show what is kept. Raises RecordsDiffer, LedgerUnavailable, NodeBehind,
    LedgerForeign, HistoryBroken.
    """
    while True:
        # 1
        head = follow(blank, ledger, clock)
        # 2
        with store.read() as unit:
            known, size = unit.projection.head(), unit.projection.size()
        found = _compared(store, blank, ledger, known, head)
        if found.difference is not None and not drop:
            raise RecordsDiffer(found.dropped, *found.difference)
        # 3
        with store.write() as unit, blank.read() as anew:
            present = unit.projection.head()
            if unit.projection.size() != size or (present and present.block) != (known and known.block):
                continue
            unit.projection.replace(head, anew.projection.records(first=found.after), after=found.after)
            unit.journal.write(
                at=clock.now(),
                person=person,
                action="chain.reread",
                subject=str(head.trust_root.contract),
                block=head.block.number,
                same=found.same,
                added=found.added,
                dropped=found.dropped,
                unreadable=found.unreadable,
            )
        return found


def _compared(store: Store, blank: Store, ledger: Ledger, known: ProjectionHead | None, head: ProjectionHead) -> Reread:
    """Hold what was read anew against what is kept. Raises NodeBehind, LedgerForeign."""
    if known is not None and known.trust_root != head.trust_root:
        raise LedgerForeign("trust root", known.trust_root.digest().hex(), head.trust_root.digest().hex())
    if known is not None and head.block.number < known.block.number and ledger.may_lag:
        raise NodeBehind("block", known.block.number, head.block.number)
    same, after, difference, unread = 0, 0, None, None
    with store.read(remember=False) as unit, blank.read(remember=False) as anew:
        kept, shown = unit.projection.size(), anew.projection.size()
        unreadable, there = unit.projection.unreadable(), anew.projection.records()
        for place, one in enumerate(_kept(unit, unreadable)):
            other = next(there, None)
            if one is None:
                unread = unread or (f"record {place} (unreadable)", _named(other))
            elif one == other:
                if same == place:
                    after += 1
                same += 1
            else:
                difference = _named(one), _named(other)
                break
    if known is not None and difference is None:
        shows = head.block if head.block.number == known.block.number else ledger.block(known.block.number)
        if shows != known.block:
            difference = _block(known.block), _block(shows)
    return Reread(
        before=known.block if known is not None else None,
        block=head.block,
        same=same,
        added=shown - same,
        dropped=kept - same,
        unreadable=len(unreadable),
        after=after,
        difference=difference or unread,
    )


def _kept(unit: UnitOfWork, unreadable: Sequence[int]) -> Iterator[Record | None]:
    """Give all that is kept in ascending sequence, None in the place of each that cannot be read."""
    first = 0
    for seq in unreadable:
        yield from unit.projection.records(first=first, last=seq - 1)
        yield None
        first = seq + 1
    yield from unit.projection.records(first=first)


def _named(record: Record | None) -> str:
    """Name a record by its sequence, content, block and transaction."""
    if record is None:
        return "none"
    at, what = record.position, type(record.content).__name__
    return f"record {at.seq} ({what}, block {at.block_number}, transaction 0x{at.transaction.hex()})"


def _block(block: Block | None) -> str:
    return "no such block" if block is None else f"block {block.number} (0x{block.hash.hex()})"
