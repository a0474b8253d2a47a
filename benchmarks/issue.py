"""Certificates per second from confirmed results to final on the embedded chain, and the ratio to bare ES256 signing.

Counted: finding who passed, linting, reserving, signing, encrypting, storing, tree, approval by the second key (every
credential read again, compared, its signature checked), transaction, finality. Shown beside it, not counted: laying
people, writing one bundle file a certificate. Each size runs in a process of its own; memory is the most that it and
its worker processes held together, seen twice a second.

`seconds_by_step`: `steps` are seconds on the clock; `work` is processor time in whatever process, by what was computed;
`storing` is time on the clock inside turns at writing. What worker processes do overlaps with both.
`ratio_to_signing` is by the clock, as is the bare rate. On a machine that others use it says little:
`ratio_by_processor_time` holds the processor time of all processes, spread over the cores, against that of as many
signatures; `ratio_of_issuing_loop` that of finding the words, linting, writing and signing, on one core.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.bench import (
    Stopwatch,
    TimedStore,
    Watch,
    bare_signing_rate,
    bare_signing_seconds,
    new_home,
    options,
    proposed,
    report,
)
from benchmarks.examinees import waiting_people
from registry.anchor.states import AnchorState
from registry.workflows.certificates.deliver import deliver
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.crew import cores

_COUNTED = ("find, reserve, sign, store, seal", "approve", "anchor until final")


def measure(size: int, *, bundles: bool) -> dict[str, object]:
    """Issue `size` certificates in one batch on a fresh installation."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        home = new_home(Path(folder) / "home")
        waiting_people(home, size, watch)
        approver, sender = home.approver(), home.sender()
        before, signature = bare_signing_rate(), bare_signing_seconds()
        store, spent, checked = TimedStore(home.store), dict[str, float](), dict[str, float]()
        with Watch() as used, home.chain(writing=True) as ledger:
            ledger.head()
            with watch.step(_COUNTED[0]):
                batch = proposed(home, store, spent)
            with watch.step(_COUNTED[1]):
                approve(
                    store,
                    home.clock,
                    home.catalogue,
                    home.key_of,
                    approver,
                    batch.id,
                    person="approver-1",
                    spent=checked,
                )
            with watch.step(_COUNTED[2]):
                final = anchor_batch(Desk(store=store, ledger=ledger, sender=sender, clock=home.clock), batch.id)
        if final.state is not AnchorState.FINAL or final.size != size:
            raise SystemExit(f"the batch is {final.state} with {final.size} certificates")
        signature = (signature + bare_signing_seconds()) / 2
        rate = (before + bare_signing_rate()) / 2
        if bundles:
            with watch.step("write bundles"):
                deliver(home.store, home.clock, home.shelf, home.key_of, batch.id)
        database = sum(one.stat().st_size for one in home.path.glob("registry.db*"))
    seconds = sum(watch.seconds[name] for name in _COUNTED)
    issuing = sum(spent.get(name, 0.0) for name in ("lint", "write", "sign"))
    return {
        "size": size,
        "cores": cores(),
        "per_second": round(size / seconds, 1),
        "signing_per_second": round(rate, 1),
        "ratio_to_signing": round(size / seconds / rate, 4),
        "ratio_by_processor_time": round(size * signature / (sum(used.processor) / cores()), 4),
        "ratio_of_issuing_loop": round(size * signature / issuing, 4) if issuing else None,
        "peak_mb": used.peak,
        "database_mb": round(database / 1e6, 1),
        "seconds_by_step": {
            "steps": watch.seconds,
            "work": {name: round(one, 3) for name, one in sorted(spent.items())},
            "work of approving": {name: round(one, 3) for name, one in sorted(checked.items())},
            "storing": round(store.writing, 3),
            "processor time of this process": round(used.processor[0], 3),
            "processor time of workers": round(used.processor[1], 3),
        },
    }


def main() -> None:
    """Measure every size, each in a process of its own."""
    chosen = options(__doc__ or "", sizes="1000,10000", more={"--bundles": "also write bundles, not counted"})
    sizes = [int(size) for size in chosen.sizes.split(",")]
    if len(sizes) == 1:
        report("issue", [measure(sizes[0], bundles=chosen.bundles)], as_json=chosen.json)
        return
    rows = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.issue", "--json", "--sizes", str(size)]
        command += ["--bundles"] if chosen.bundles else []
        made = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        rows += json.loads(made.stdout)["results"]
    report("issue", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
