"""Certificates per second from confirmed results to final on the embedded chain, and the ratio to bare ES256 signing.

Counted: reserving, linting, signing, encrypting, storing, tree, approval by the second key, transaction, finality.
Shown beside it, not counted: taking roster and scores, writing one bundle file a certificate.
"""

import tempfile
from pathlib import Path

from benchmarks.bench import (
    Stopwatch,
    bare_signing_rate,
    examined,
    new_home,
    options,
    peak_megabytes,
    proposed,
    report,
)
from registry.anchor.states import AnchorState
from registry.workflows.anchor import Desk, anchor_batch
from registry.workflows.approve import approve
from registry.workflows.deliver import deliver

_COUNTED = ("reserve, sign, store, seal", "approve", "anchor until final")


def measure(size: int) -> dict[str, object]:
    """Issue `size` certificates in one batch on a fresh installation."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        home = new_home(Path(folder) / "home")
        examined(home, size, watch)
        approver, sender = home.approver(), home.sender()
        rate = bare_signing_rate()
        with home.chain(writing=True) as ledger:
            ledger.head()
            with watch.step(_COUNTED[0]):
                batch = proposed(home)
            with watch.step(_COUNTED[1]):
                approve(home.store, home.clock, home.catalogue, home.key_of, approver, batch.id, person="approver-1")
            with watch.step(_COUNTED[2]):
                final = anchor_batch(Desk(store=home.store, ledger=ledger, sender=sender, clock=home.clock), batch.id)
        if final.state is not AnchorState.FINAL or final.size != size:
            raise SystemExit(f"the batch is {final.state} with {final.size} certificates")
        with watch.step("write bundles"):
            deliver(home.store, home.clock, home.shelf, home.key_of, batch.id)
    seconds = sum(watch.seconds[name] for name in _COUNTED)
    return {
        "size": size,
        "per_second": round(size / seconds, 1),
        "signing_per_second": round(rate, 1),
        "ratio_to_signing": round(size / seconds / rate, 4),
        "peak_mb": peak_megabytes(),
        "seconds_by_step": watch.seconds,
    }


def main() -> None:
    """Measure every size."""
    chosen = options(__doc__ or "", sizes="1000,10000")
    rows = [measure(int(size)) for size in chosen.sizes.split(",")]
    report("issue", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
