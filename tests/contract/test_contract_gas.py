"""Gas: goals kept, and no figure changes unseen.

`python -m tests.contract.test_contract_gas` writes the snapshot anew.
"""

import json
import sys
from itertools import pairwise

import pytest

from contracts import TARGETS, Target, artefact
from tests.contract.gas_figures import GOALS, SNAPSHOT, measure
from tests.contract.world import World, digest


def test_figures_are_the_committed_ones(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    figures = measure(target)
    with capsys.disabled():
        sys.stdout.write(f"\n{target}: {json.dumps(figures)}\n")
    assert figures == json.loads(SNAPSHOT.read_text(encoding="utf-8"))[target]


def test_goals_are_kept() -> None:
    figures = measure("cancun")
    assert {name: figures[name] for name, goal in GOALS.items() if figures[name] > goal} == {}


def test_runtime_with_its_immutable_keeps_to_18_kib(target: Target) -> None:
    """The limit of every engine is 24,576."""
    assert len(artefact(target).deployed_code(delay=0)) <= 18 * 1024


def test_the_log_has_no_gas_spikes(target: Target) -> None:
    """From one record to the next the cost differs by node hashes alone: no fresh slot at a power of two."""
    world = World.at("accredited", target)
    costs: dict[int, set[int]] = {}
    for number in range(60):
        size, _ = world.call("checkpoint")
        ones = (~size & (size + 1)).bit_length() - 1
        gas = world.send(world.SENDER, "recordDigest", world.ISSUER, 1, digest(str(number))).gas
        costs.setdefault(ones, set()).add(gas)
    means = [sum(costs[ones]) / len(costs[ones]) for ones in sorted(costs)]
    steps = [after - before for before, after in pairwise(means)]
    assert all(2_000 < step < 3_500 for step in steps), steps


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps({target: measure(target) for target in TARGETS}, indent=1) + "\n", encoding="utf-8")
