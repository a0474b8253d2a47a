"""What every measurement shares: the machine's own signing rate, memory, options, output."""

import argparse
import csv
import io
import json
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from api.commands.setup import demo_installation
from api.demo_data import sample_roster
from api.founding import make_installation
from api.wiring import Home
from registry.anchor.progress import Batch
from registry.kernel.signing import PrivateKey
from registry.workflows.assess import confirm_sheet, record_scores
from registry.workflows.enrol import decide_applications, import_roster
from registry.workflows.issue import propose

_SIGNATURES = 4_000


def bare_signing_rate() -> float:
    """Measure ES256 signatures per second of this machine, one core, through the library alone."""
    key = PrivateKey.generate()
    message = b"x" * 1_500
    begin = time.perf_counter()
    for _ in range(_SIGNATURES):
        key.sign(message)
    return _SIGNATURES / (time.perf_counter() - begin)


def peak_megabytes() -> float:
    """Most memory that this process has held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


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


def proposed(home: Home) -> Batch:
    """Reserve, sign and seal everybody."""
    return propose(
        home.store,
        home.clock,
        home.catalogue,
        home.body,
        home.credential_signer(),
        programme="AIGC-APP-ENG",
        level="1",
        person="maker-1",
    )


def options(description: str, sizes: str | None = None) -> argparse.Namespace:
    """Read the command line that all measurements share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    if sizes is not None:
        parser.add_argument("--sizes", default=sizes, help="numbers of certificates, with commas")
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
