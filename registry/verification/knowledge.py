"""What a verifier knows of the chain when it judges."""

from dataclasses import dataclass, replace
from datetime import datetime

from registry.anchor.history import Block, Record
from registry.anchor.trust import TrustRoot
from registry.verification.model import Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The final records that concern one issuer, one batch and one certificate, and how fresh they are."""

    trust_root: TrustRoot
    test_chain: bool
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

    def freshness(self, now: datetime) -> Freshness:
        """Say as of which block this is known, and how long ago that was read."""
        return Freshness(
            block=self.head.number,
            time=self.head.time,
            read_at=self.read_at,
            age_seconds=max(0, int((now - self.read_at).total_seconds())),
            nodes=self.nodes,
        )
