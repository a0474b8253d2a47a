"""Plays every fault of the catalogue and every pair of faults, and asks the invariants after each.

Usage: python -m tests.faults.harness.matrix [--only NUMBER …] [--hands N] [--write]

Prints a table; the last line is `singles N/N pairs N/N`. Exit 1 where a fault was not survived, or a naive variant was
not found out. `--write` puts the list of what is tried into docs/reliability.md.
"""

import argparse
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tests.faults.harness.chain_cases
import tests.faults.harness.kill_cases
import tests.faults.harness.machine_cases
import tests.faults.harness.node_cases  # noqa: F401 - each puts its cases into the list
from tests.faults.demo_stage import ROOT, Stage
from tests.faults.harness.catalogue import SINGLES, UNTRIED, CannotBeTried, Fault
from tests.faults.harness.controls import CONTROLS, Control
from tests.faults.harness.invariants import broken
from tests.faults.harness.pairs import drawn_pairs
from tests.faults.harness.scene import Theatre

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
_HANDS = 2


def all_singles() -> list[Fault]:
    """Give the single faults in the order of their numbers."""
    return sorted(SINGLES, key=lambda one: (int(one.number.rstrip("abcdef")), one.number))


def tried(theatre: Theatre, fault: Fault) -> str | None:
    """Play one fault and ask for everything once more; None = survived, else what went wrong."""
    scene = theatre.scene()
    try:
        fault.case(scene)
        for key in list(scene.world.requests):
            scene.comes_to_its_end(key)
        return "; ".join(broken(scene.world, complete=True)) or None
    except CannotBeTried:
        raise
    except Exception as error:  # the outermost handler of a case: whatever ends one, the others are tried
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    finally:
        theatre.strike(scene)


def found_out(theatre: Theatre, control: Control) -> str | None:
    """Play a naive variant; None = the invariants found it out, else what they said instead."""
    scene = theatre.scene()
    try:
        control.case(scene)
        wrong = broken(scene.world, complete=True)
        return None if any(control.noticed in one for one in wrong) else f"not found out: {wrong}"
    except Exception as error:  # as above
        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    finally:
        theatre.strike(scene)


class Theatres:
    """One theatre a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._all, self._guard = folder, list[Theatre](), threading.Lock()
        self._mine = threading.local()

    def mine(self) -> Theatre:
        """Give this thread's own."""
        if not hasattr(self._mine, "theatre"):
            with self._guard:  # one at a time: they take a lot of memory to begin
                folder = self._folder / f"theatre-{len(self._all)}"
                folder.mkdir()
                self._mine.theatre = Theatre(folder, Stage(folder / "stage"))
                self._all.append(self._mine.theatre)
        return self._mine.theatre  # type: ignore[no-any-return]

    def close(self) -> None:
        """End all of them."""
        for one in self._all:
            one.stage.close()


def play(faults: Sequence[Fault], controls: Sequence[Control], *, hands: int) -> dict[str, bool | None]:
    """Try everything; number → whether it came out as it should, None = it cannot be tried here. Prints a line each."""
    results: dict[str, bool | None] = {}
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, ThreadPoolExecutor(hands) as pool:
        theatres = Theatres(Path(folder))

        def one(what: Fault | Control) -> None:
            theatre, began = theatres.mine(), time.monotonic()
            good = "survived" if isinstance(what, Fault) else "found out"
            try:
                wrong = tried(theatre, what) if isinstance(what, Fault) else found_out(theatre, what)
                results[what.number] = wrong is None
            except CannotBeTried as reason:
                wrong, results[what.number] = f"not tried: {reason}", None
            print(f"{what.number:>4}  {time.monotonic() - began:5.1f} s  {what.name}: {wrong or good}", flush=True)

        list(pool.map(one, [*faults, *controls]))
        theatres.close()
    return results


def table() -> str:
    """Write what is tried as Markdown."""
    lines = ["| § 3 | fault | how it is injected | what must come of it |", "|---|---|---|---|"]
    lines += [f"| {one.number} | {one.name} | {one.how} | {one.expected} |" for one in all_singles()]
    lines += ["", "Not tried, and not counted:", "", "| § 3 | fault | why |", "|---|---|---|"]
    lines += [f"| {one.number} | {one.name} | {one.reason} |" for one in UNTRIED]
    lines += ["", "Two faults in a row:", "", "| | faults |", "|---|---|"]
    lines += [f"| {one.number} | {one.name} |" for one in drawn_pairs()]
    lines += ["", "Controls, which the same invariants must find out:", "", "| | naive variant |", "|---|---|"]
    lines += [f"| {one.number} | {one.name} |" for one in CONTROLS]
    return "\n".join(lines)


def page_with(text: str) -> str:
    """Put the table into the page, between its marks."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Play what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.harness.matrix")
    parser.add_argument("--only", nargs="*", metavar="NUMBER")
    parser.add_argument("--hands", type=int, default=_HANDS)
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md's table and play nothing")
    asked = parser.parse_args()
    if asked.write:
        PAGE.write_text(page_with(table()), "utf-8")
        return
    singles, pairs = all_singles(), list(drawn_pairs())
    chosen = [one for one in (*singles, *pairs) if not asked.only or one.number in asked.only]
    controls = [one for one in CONTROLS if not asked.only or one.number in asked.only]
    results = play(chosen, controls, hands=asked.hands)
    for one in UNTRIED:
        print(f"{one.number:>4}  not tried  {one.name}: {one.reason}")
    caught = [one for one in controls if results[one.number]]
    print(f"controls found out {len(caught)}/{len(controls)}")
    counts = {
        what: [results[one.number] for one in of if one.number in results]
        for what, of in {"singles": singles, "pairs": pairs}.items()
    }
    print(" ".join(f"{what} {sum(map(bool, good))}/{len(good)}" for what, good in counts.items()))
    sys.exit(False in results.values())


if __name__ == "__main__":
    main()
