"""Seconds to rebuild a long history log, to prove in it and to check the proofs; from records kept in a data folder.

The records are digests of an issuer, laid into the projection as if they had been read; no chain is asked for them.
"""

import hashlib
import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.bench import Stopwatch, new_home, options, peak_megabytes, report
from node.client.preimages import read_words, words_of
from registry.anchor.history import Block, DigestRecorded, Position, Record
from registry.anchor.proofs import prove_consistency, prove_inclusion, require_consistency, require_inclusion
from registry.kernel.identifiers import ADDRESS_NONE, BlockHash, Digest, IssuerCode, LeafHash, TransactionHash
from registry.ports.storage import ProjectionHead
from registry.workflows.auditing.prove import log_of_store

_PROOFS = 1_000


def records_of(head: ProjectionHead, first: int, size: int) -> Iterator[Record]:
    """Make records that go on where a projection ends, one a block."""
    for seq in range(first, size):
        digest = hashlib.sha256(seq.to_bytes(8, "big")).digest()
        record = Record(
            position=Position(
                seq=seq,
                by=ADDRESS_NONE,
                block_number=head.block.number + 1 + seq - first,
                block_hash=BlockHash(digest),
                block_time=head.block.time + timedelta(seconds=1 + seq - first),
                transaction=TransactionHash(digest),
                leaf=LeafHash(bytes(32)),
            ),
            content=DigestRecorded(issuer=IssuerCode("DEMO-EEC"), kind=1, digest=Digest(digest)),
        )
        yield replace(record, position=replace(record.position, leaf=words_of(record).leaf))


def measure(size: int) -> dict[str, object]:
    """Prove in a log of `size` records."""
    watch = Stopwatch()
    chosen = random.Random(size)
    with tempfile.TemporaryDirectory() as folder:
        home = new_home(Path(folder) / "home")
        home.catch_up()
        with home.store.write() as unit:
            head = unit.projection.head()
            if head is None:
                raise SystemExit("the founding was not read")
            made = list(records_of(head, unit.projection.size(), size))
            last = made[-1].position
            block = Block(number=last.block_number, hash=last.block_hash, time=last.block_time)
            unit.projection.extend(replace(head, block=block), made)
        with watch.step("read the records, rebuild the root"):
            log = log_of_store(home.store)
        if log is None or log.tree.size != size:
            raise SystemExit("the log has another size")
        seqs = [chosen.randrange(size) for _ in range(_PROOFS)]
        sizes = [chosen.randrange(1, size) for _ in range(_PROOFS)]
        with watch.step("prove 1,000 records"):
            included = [prove_inclusion(log.name, log.tree, {seq: words_of(log.records[seq])}) for seq in seqs]
        with watch.step("check 1,000 records"):
            for proof in included:
                require_inclusion(proof)
                read_words(proof.records[0].record)
        with watch.step("prove 1,000 continuations"):
            continued = [prove_consistency(log.name, log.tree, first) for first in sizes]
        with watch.step("check 1,000 continuations"):
            for one in continued:
                require_consistency(one)
    return {
        "size": size,
        "largest_inclusion_bytes": max(len(proof.document()) for proof in included),
        "largest_consistency_bytes": max(len(one.document()) for one in continued),
        "peak_mb": peak_megabytes(),
        "seconds_by_step": watch.seconds,
    }


def main() -> None:
    """Measure every size."""
    chosen = options(__doc__ or "", sizes="100000")
    rows = [measure(int(size)) for size in chosen.sizes.split(",")]
    report("history", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
