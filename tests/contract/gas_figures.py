"""Gas of each operation that has a goal, from exact receipts.

Appending to the history log costs as many node hashes as the record's number ends in one bits: none for half of all
records, one on average, seldom many. Every figure is taken at a record whose number ends in binary 01: the average.
`python -m tests.contract.gas_figures [cancun|london]` prints them as one JSON object.
"""

import json
import sys
from pathlib import Path

from contracts import TARGETS, Target
from tests.contract.world import World, change, digest

SNAPSHOT = Path(__file__).parent / "gas.json"

GOALS: dict[str, float] = {
    "anchor_batch": 110_000,
    "suspend": 80_000,
    "suspend_used_word": 62_000,
    "revoke": 90_000,
    "revoke_used_word": 70_000,
    "revoke_1000_contiguous_each": 260,
    "revoke_100_scattered_each": 25_000,
    "per_certificate_at_1m": 0.11,
    "runtime_bytes": 18_000,
}
"""The most that each may be, for the cancun artefact."""


def measure(target: Target) -> dict[str, float]:
    """Every figure, in gas or as named; the same at every run."""
    world = World.at("accredited", target)

    def average() -> None:
        while world.call("checkpoint")[0] % 4 != 1:
            world.send(world.SENDER, "recordDigest", world.ISSUER, 1, digest("filler"))

    average()
    anchor = world.anchor().gas
    average()
    million = world.anchor("million", size=1_000_000).gas
    average()
    suspend = world.suspend(change(3)).gas
    average()
    suspend_used = world.suspend(change(4)).gas
    average()
    revoke = world.revoke(change(131)).gas
    average()
    revoke_used = world.revoke(change(132)).gas
    full = 2**128 - 1
    thousand = [word << 128 | full for word in range(7)] + [7 << 128 | full >> 24]
    world.anchor("contiguous")
    average()
    contiguous = world.revoke(*thousand, name="contiguous").gas
    world.anchor("scattered", size=100 * 128)
    average()
    scattered = world.revoke(*(change(word * 128 + word) for word in range(100)), name="scattered").gas
    return {
        "anchor_batch": anchor,
        "suspend": suspend,
        "suspend_used_word": suspend_used,
        "revoke": revoke,
        "revoke_used_word": revoke_used,
        "revoke_1000_contiguous_each": contiguous / 1_000,
        "revoke_100_scattered_each": scattered / 100,
        "per_certificate_at_1m": round(million / 1_000_000, 4),
        "runtime_bytes": len(world.artefact.runtime),
        "deploy": world.genesis.gas,
    }


if __name__ == "__main__":
    (chosen,) = (target for target in TARGETS if target == (sys.argv[1:] or ["cancun"])[0])
    sys.stdout.write(json.dumps(measure(chosen)) + "\n")
