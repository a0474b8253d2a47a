"""What every measurement shares: the machine's own signing rate, memory, options, output."""

import argparse
import csv
import io
import json
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date
from pathlib import Path
from types import MappingProxyType

from api.commands.setup import demo_installation
from api.demo_data import sample_roster
from api.founding import make_installation
from api.wiring import Home
from registry.anchor.progress import Batch
from registry.kernel.signing import PrivateKey
from registry.ports.storage import Store, UnitOfWork
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance.issue import propose
from registry.workflows.issuance.pieces import Spent

_SIGNATURES = 4_000


def bare_signing_rate() -> float:
    """Measure ES256 signatures per second of this machine, one core, through the library alone."""
    key = PrivateKey.generate()
    message = b"x" * 1_500
    begin = time.perf_counter()
    for _ in range(_SIGNATURES):
        key.sign(message)
    return _SIGNATURES / (time.perf_counter() - begin)


def bare_signing_seconds() -> float:
    """Measure the processor time of one ES256 signature: as `bare_signing_rate`, whatever else runs beside it."""
    key, message = PrivateKey.generate(), b"x" * 1_500
    begin = time.process_time()
    for _ in range(_SIGNATURES):
        key.sign(message)
    return (time.process_time() - begin) / _SIGNATURES


def peak_megabytes() -> float:
    """Most memory that this process has held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


class Watch:
    """What this process and those that came of it have used since the watch began, looked at twice a second."""

    def __init__(self) -> None:
        self.peak = 0.0
        """Most memory held together, in megabytes; what they share is counted once (proportional set size)."""
        self._own, self._others = 0.0, dict[int, float]()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._watching, daemon=True)

    def __enter__(self) -> "Watch":
        self._own = time.process_time()
        self._watch.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._over.set()
        self._watch.join()
        self._own = time.process_time() - self._own

    @property
    def processor(self) -> tuple[float, float]:
        """Processor seconds, once the watch is over: of this process, and of the others as far as it was seen."""
        return self._own, sum(self._others.values())

    def _watching(self) -> None:
        while not self._over.wait(0.5):  # looking takes milliseconds itself
            family = list(_family(os.getpid()))
            self.peak = max(self.peak, round(sum(map(_held, family)) / 1024, 1))
            for process in family[1:]:
                self._others[process] = max(self._others.get(process, 0.0), _used(process))


def _family(process: int) -> Iterator[int]:
    """Name a process and all that came of it."""
    yield process
    with suppress(OSError):
        for one in Path(f"/proc/{process}/task").iterdir():
            for child in (one / "children").read_text().split():
                yield from _family(int(child))


def _held(process: int) -> int:
    """Say how many kilobytes a process holds; one that has just ended holds none."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _used(process: int) -> float:
    """Say how many processor seconds a process has used."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


class TimedStore:
    """A store that adds up how long turns at writing were held."""

    def __init__(self, store: Store) -> None:
        self._store, self.writing = store, 0.0

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """Begin a writing transaction."""
        begin = time.perf_counter()
        try:
            with self._store.write() as unit:
                yield unit
        finally:
            self.writing += time.perf_counter() - begin

    def write_at_once(self) -> AbstractContextManager[UnitOfWork | None]:
        """Begin a writing transaction where nobody else is at one."""
        return self._store.write_at_once()

    def read(self, *, remember: bool = True) -> AbstractContextManager[UnitOfWork]:
        """Begin a reading transaction."""
        return self._store.read(remember=remember)


class Stopwatch:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - begin, 3)


def new_home(folder: Path) -> Home:
    """Make an installation of the demonstration's kind."""
    make_installation(Home(folder), demo_installation(), lambda what, text: None)
    return Home(folder)


def roster_of(count: int) -> bytes:
    """Make a roster in which everybody applies for the level that is open to everyone."""
    rows = list(csv.reader(io.StringIO(sample_roster(count=count).decode())))
    level = rows[0].index("级别")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(rows[0])
    for row in rows[1:]:
        writer.writerow([*row[:level], "初级", *row[level + 1 :]])
    return text.getvalue().encode()


def scores_of(admissions: Sequence[str]) -> bytes:
    """Make a sheet in which everybody passes."""
    return ("准考证号,成绩\r\n" + "".join(f"{one},80\r\n" for one in admissions)).encode()


def examined(home: Home, size: int, watch: Stopwatch) -> None:
    """Take a roster of `size` people who all pass, up to their confirmed marks."""
    programme = home.catalogue.programme("AIGC-APP-ENG")
    with watch.step("import roster"):
        import_roster(home.store, home.clock, programme, roster_of(size), person="clerk-1")
    with watch.step("decide"):
        decide_applications(home.store, home.clock, home.catalogue, home.issuer, person="clerk-1")
    with home.store.read() as unit:
        admissions = [one.admission for one in unit.enrolments.applications(eligible=True)]
    with watch.step("scores"):
        sheet = record_scores(
            home.store, home.clock, programme, scores_of(admissions), examined_on=date(2026, 11, 8), person="clerk-1"
        ).sheet
        confirm_sheet(home.store, home.clock, sheet.id, person="clerk-2")


def proposed(home: Home, store: Store | None = None, spent: Spent | None = None) -> Batch:
    """Reserve, sign and seal everybody."""
    return propose(
        home.store if store is None else store,
        home.clock,
        home.catalogue,
        home.body,
        home.credential_signer(),
        programme="AIGC-APP-ENG",
        level="1",
        person="maker-1",
        spent=spent,
    )


def options(
    description: str, sizes: str | None = None, more: Mapping[str, str] = MappingProxyType({})
) -> argparse.Namespace:
    """Read the command line that all measurements share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    if sizes is not None:
        parser.add_argument("--sizes", default=sizes, help="numbers of certificates, with commas")
    for name, help_ in more.items():
        parser.add_argument(name, action="store_true", help=help_)
    return parser.parse_args()


def report(name: str, rows: list[dict[str, object]], *, as_json: bool, **more: object) -> None:
    """Print what was measured."""
    document = {"benchmark": name, "python": platform.python_version(), "results": rows, **more}
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
        return
    for row in rows:
        print(" · ".join(f"{key} {value}" for key, value in row.items()))
    sys.stdout.flush()
