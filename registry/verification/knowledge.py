"""What a verifier knows of the chain when it judges."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from registry.anchor.history import Block, Record
from registry.anchor.trust import Engine, TrustRoot
from registry.verification.model import Freshness

CLOCKS_DIFFER: Final = timedelta(seconds=30)
"""What was read so little later than now was read now: clocks are set back by as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The final records that concern one issuer, one batch and one certificate, and how fresh they are."""

    trust_root: TrustRoot
    head: Block
    """The last final block that was read."""
    first_block_time: datetime
    """Time of the chain's first block: nothing is known from before."""
    read_at: datetime
    """When that block was read, UTC."""
    nodes: int
    records: tuple[Record, ...]
    """In ascending sequence, complete up to `head`."""

    def until(self, moment: datetime) -> "Knowledge":
        """What was known after the last final block with time ≤ `moment`."""
        return replace(self, records=tuple(one for one in self.records if one.position.block_time <= moment))

    @property
    def counted_from(self) -> datetime:
        """The moment from which its age counts.

        An embedded chain seals only what comes, so the last reading tells; a consortium seals all the time, so that a
        node which answers with an old head has been left behind.
        """
        return self.read_at if self.trust_root.engine is Engine.EMBEDDED else min(self.read_at, self.head.time)

    @property
    def complete_until(self) -> datetime:
        """The moment up to which nothing is missing: later blocks may hold what was not read.

        An embedded chain seals only what comes: between its last block and the reading there was nothing to record.
        """
        return max(self.read_at, self.head.time) if self.trust_root.engine is Engine.EMBEDDED else self.head.time

    def age(self, now: datetime) -> timedelta:
        """Say how old this is; where a clock that was ahead dated it, as old as it can be."""
        ahead = self.counted_from - now
        if ahead > CLOCKS_DIFFER:
            return max(ahead, now - self.first_block_time)
        return max(timedelta(0), -ahead)

    def freshness(self, now: datetime) -> Freshness:
        """Say as of which block this is known, and how old it is."""
        return Freshness(
            block=self.head.number,
            time=self.head.time,
            read_at=self.read_at,
            age_seconds=int(self.age(now).total_seconds()),
            nodes=self.nodes,
            block_hash=self.head.hash,
        )
