"""The history log rebuilt from events, beside a contract and a node that hides, changes or forgets."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.anchor.history import Block, Checkpoint, DigestRecorded, Position, Record
from registry.anchor.proofs import HistoryRewritten
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
from registry.ports.storage import NotHere
from registry.workflows.auditing.prove import EventsDisagree, log_of_ledger, rebuilt, require_agreed, require_block
from registry.workflows.chain.follow import HistoryBroken

TRUST_ROOT = TrustRoot(
    genesis=BlockHash(b"g" * 32),
    contract=ContractAddress(chain_id=20268, address=Address("0x" + "c0" * 20)),
    code_hash=Digest(b"c" * 32),
    engine=Engine.EMBEDDED,
    signers=(),
)
BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
SIZE = 9


def block(number: int) -> Block:
    digest = hashlib.sha256(f"block {number}".encode()).digest()
    return Block(number=number, hash=BlockHash(digest), time=BEGAN + timedelta(seconds=number))


def record(seq: int, *, leaf: str = "") -> Record:
    """Two records a block, from block 1."""
    at = block(1 + seq // 2)
    return Record(
        position=Position(
            seq=seq,
            by=Address("0x" + "11" * 20),
            block_number=at.number,
            block_hash=at.hash,
            block_time=at.time,
            transaction=TransactionHash(b"t" * 32),
            leaf=LeafHash(hashlib.sha256(f"leaf {seq}{leaf}".encode()).digest()),
        ),
        content=DigestRecorded(issuer=IssuerCode("SKILLS-01"), kind=1, digest=Digest(b"d" * 32)),
    )


RECORDS = tuple(record(seq) for seq in range(SIZE))
HEAD = block(7)


@dataclass
class FakeLedger:
    """A contract that kept `RECORDS`, and a node that shows what it likes."""

    shown: tuple[Record, ...] = RECORDS
    trust_root: TrustRoot = TRUST_ROOT
    forgotten: set[int] = field(default_factory=set)

    def head(self) -> Block:
        return HEAD

    def block(self, number: int) -> Block | None:
        return None if number > HEAD.number or number in self.forgotten else block(number)

    def records(self, first: int, last: int) -> Iterator[Record]:
        return (one for one in self.shown if first <= one.position.block_number <= last)

    def checkpoint(self, at: Block) -> Checkpoint:
        leaves = [one.position.leaf for one in RECORDS if one.position.block_number <= at.number]
        return Checkpoint(size=len(leaves), root=root_hash(leaves))


def read(ledger: FakeLedger) -> Any:
    return log_of_ledger(ledger)  # type: ignore[arg-type]  # what writes is left out


def test_the_log_of_honest_events_is_the_contracts() -> None:
    ledger = FakeLedger()
    log = read(ledger)
    assert log.head == ledger.checkpoint(HEAD)
    assert log.block == HEAD
    taken = log.checkpoint
    assert (taken.log.contract, taken.log.genesis) == (TRUST_ROOT.contract, TRUST_ROOT.genesis)
    assert (taken.trust_root, taken.head, taken.block) == (TRUST_ROOT.digest(), log.head, HEAD)


def test_the_log_at_every_earlier_block_is_the_contracts() -> None:
    ledger = FakeLedger()
    log = read(ledger)
    for number in range(1, HEAD.number + 1):
        earlier = log.until(block(number))
        assert earlier.head == ledger.checkpoint(block(number))
        require_agreed(earlier, ledger)  # type: ignore[arg-type]  # what writes is left out
    with pytest.raises(NotHere):
        log.until(block(0))


@pytest.mark.parametrize(
    "shown",
    [RECORDS[:-1], RECORDS[:1], (), (*RECORDS[:4], record(4, leaf="x"), *RECORDS[5:]), (*RECORDS, record(SIZE))],
    ids=["the last is hidden", "all but the first", "all are hidden", "one is changed", "one is made up"],
)
def test_events_that_do_not_lead_to_the_contracts_root_are_refused(shown: tuple[Record, ...]) -> None:
    with pytest.raises(EventsDisagree) as caught:
        read(FakeLedger(shown=shown))
    assert caught.value.contract == FakeLedger().checkpoint(HEAD)
    assert caught.value.events != caught.value.contract


@pytest.mark.parametrize("missing", [0, 4])
def test_a_gap_in_the_events_is_refused(missing: int) -> None:
    with pytest.raises(HistoryBroken) as caught:
        read(FakeLedger(shown=tuple(one for one in RECORDS if one.position.seq != missing)))
    assert (caught.value.expected, caught.value.found) == (str(missing), str(missing + 1))


def test_a_kept_checkpoint_is_found_again_at_its_block() -> None:
    ledger = FakeLedger()
    log = read(ledger)
    for number in range(1, HEAD.number + 1):
        require_block(log.until(block(number)).checkpoint, log, ledger)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("change", ["hash", "time", "no such block", "size", "root"])
def test_a_kept_checkpoint_that_is_not_its_blocks_is_refused(change: str) -> None:
    ledger = FakeLedger(forgotten={3} if change == "no such block" else set())
    log = read(ledger)
    kept = log.until(block(3)).checkpoint
    if change == "hash":
        kept = replace(kept, block=replace(kept.block, hash=BlockHash(b"x" * 32)))
    elif change == "time":
        kept = replace(kept, block=replace(kept.block, time=BEGAN))
    elif change == "size":
        kept = replace(kept, head=log.until(block(2)).head)
    elif change == "root":
        kept = replace(kept, head=rebuilt(TRUST_ROOT, (*RECORDS[:5], record(5, leaf="x")), block(3)).head)
    with pytest.raises(HistoryRewritten, match="block 3"):
        require_block(kept, log, ledger)  # type: ignore[arg-type]  # as above
