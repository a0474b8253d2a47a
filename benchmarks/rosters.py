"""Rosters taken and decided, rows per second and memory above start: from the file's bytes to kept, sealed rows.

Each size runs in a process of its own: its peak is the system's figure for the process (resident set), less that of
the moment before the file is read, when everything is imported and the database is open.
"""

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from api.clock import SystemClock
from api.demo_data import sample_roster
from benchmarks.bench import options, report
from registry.kernel.identifiers import IssuerCode
from registry.programme import load_catalogue
from registry.store import DataKeys, open_database
from registry.workflows.enrolment.enrol import decide_applications, import_roster

_PROGRAMME, _PERSON = "AIGC-APP-ENG", "clerk-1"


def measure(file: Path, size: int) -> dict[str, object]:
    """Take and decide one roster of `size` rows."""
    catalogue, clock = load_catalogue(), SystemClock()
    programme = catalogue.programme(_PROGRAMME)
    with tempfile.TemporaryDirectory() as folder:
        store = open_database(Path(folder) / "registry.db", DataKeys.generate(), create=True)
        before = _peak_kilobytes()
        begin = time.perf_counter()
        heard: list[tuple[int, int]] = []
        imported = import_roster(
            store,
            clock,
            programme,
            file.read_bytes(),
            person=_PERSON,
            progress=lambda done, total: heard.append((done, total)),
        )
        seconds = time.perf_counter() - begin
        peak = _peak_kilobytes() - before
        begin = time.perf_counter()
        decided = decide_applications(store, clock, catalogue, IssuerCode("DEMO-EEC"), person=_PERSON)
        deciding = time.perf_counter() - begin
        with_decisions = _peak_kilobytes() - before
        begin = time.perf_counter()
        again = import_roster(store, clock, programme, file.read_bytes(), person=_PERSON)
        repeating = time.perf_counter() - begin
        store.close()
    assert heard[-1] == (imported.roster.rows, size)
    assert again.repeated
    return {
        "size": size,
        "seconds": round(seconds, 2),
        "per_second": round(size / seconds),
        "peak_mb": round(peak / 1024, 1),
        "decide_seconds": round(deciding, 2),
        "decide_peak_mb": round(with_decisions / 1024, 1),
        "again_seconds": round(repeating, 2),
        "eligible": decided.eligible,
        "file_kb": file.stat().st_size // 1024,
        "progress_heard": len(heard),
    }


def _peak_kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Measure every size."""
    chosen = options(__doc__ or "", sizes="10000")
    rows = []
    for size in map(int, chosen.sizes.split(",")):
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            file.write(sample_roster(count=size))
            file.flush()
            with multiprocessing.get_context("spawn").Pool(1) as process:
                rows.append(process.apply(measure, (Path(file.name), size)))
    report("rosters", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
