"""Whether the time of a look-up by number and name tells anything: its medians for a hit and for each kind of miss.

The kinds are asked in turns, shuffled, so that whatever else the machine does falls on all of them alike. A ratio is a
kind's median over the hit's; `noise` is the same ratio between two halves of the hits. The registry has many small
batches, and of two kinds one number is asked for again and again: whatever is remembered of it would show.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.bench import options, report
from benchmarks.loading import Loaded, loaded
from registry.kernel.identifiers import IssuerCode, new_certificate_number

_ROUNDS = 3_000
_ERASED = 50
_BATCH = 40


def measure(size: int) -> dict[str, object]:
    """Measure in a registry of `size` certificates."""
    with tempfile.TemporaryDirectory() as folder:
        made = loaded(Path(folder) / "home", size, in_batches_of=_BATCH)
        _erase(made)
        times = _times(made)
    hit = median(times["hit"])
    first, second = times["hit"][::2], times["hit"][1::2]
    return {
        "size": size,
        "microseconds": {kind: round(median(one) * 1e6, 1) for kind, one in times.items()},
        "ratio_to_hit": {kind: round(median(one) / hit, 4) for kind, one in times.items()},
        "noise": round(median(first) / median(second), 4),
    }


def _erase(made: Loaded) -> None:
    with made.home.store.write() as unit:
        for number in made.numbers[-_ERASED:]:
            found = unit.batches.by_number(number)
            assert found is not None
            unit.enrolments.erase(found.person, made.home.clock.now())


def _times(made: Loaded) -> dict[str, list[float]]:
    judge, chosen = made.home.verifier(), random.Random(1)
    made.home.catch_up()
    kept = range(len(made.numbers) - _ERASED)

    def of(place: int, name: str | None = None) -> tuple[str, str]:
        return made.numbers[place], made.names[place] if name is None else name

    def unknown() -> str:
        return new_certificate_number(IssuerCode("DEMO-EEC"), 2026)

    never = unknown()
    kinds: dict[str, Callable[[], tuple[str, str]]] = {
        "hit": lambda: of(chosen.choice(kept)),
        "wrong name": lambda: of(chosen.choice(kept), "王小明"),
        "wrong name, asked again": lambda: of(kept[-1], "王小明"),
        "unknown number": lambda: (unknown(), "王小明"),
        "unknown number, asked again": lambda: (never, "王小明"),
        "erased": lambda: of(-chosen.randrange(1, _ERASED + 1)),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for round_number in range(_ROUNDS):
        for kind in chosen.sample(list(kinds), len(kinds)):
            number, name = kinds[kind]()
            begin = time.perf_counter()
            found = judge.by_number_and_name(number, name)
            spent = time.perf_counter() - begin
            assert (found.outcome == "not-found") == (kind != "hit"), (kind, found.code)
            if round_number >= _ROUNDS // 10:
                times[kind].append(spent)
    return times


def main() -> None:
    """Measure every size."""
    chosen = options(__doc__ or "", sizes="10000")
    rows = [measure(int(size)) for size in chosen.sizes.split(",")]
    report("lookup_timing", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
