"""The contract against a model and a witness, by a machine that does whatever anybody could try.

Run alone to see what it met: `python -m pytest tests/contract/test_contract_machine.py -m deep -s`. A deep run draws
another seed each time and prints it; `CONTRACT_MACHINE_SEED` repeats one.
"""

import json
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from contracts import FaultCode, Kind, Target, artefact
from contracts.build import SOURCES, compile_target
from tests.contract.machine import ContractMachine, Disagreement, Tally, machine
from tests.contract.players import OPERATIONS
from tests.contract.witness import Broken

FIXED_SEED = 20268
OUT_OF_REACH = {FaultCode.KEYS_EXHAUSTED}
"""65,535 keys are more than a history can add."""


def run(subject: type[ContractMachine], *, histories: int, steps: int, seeded: int = FIXED_SEED) -> None:
    run_state_machine_as_test(
        seed(seeded)(subject),
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            backend="unmutated",
            database=None,
            deadline=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def fresh_seed() -> int:
    return int(os.environ.get("CONTRACT_MACHINE_SEED", "0")) or secrets.randbelow(2**32)


def test_contract_model_and_witness_agree_in_short_histories(target: Target) -> None:
    tally = Tally()
    run(machine(tally, target=target), histories=5, steps=40)
    assert tally.transitions >= 200
    assert tally.succeeded.total() >= 60


@pytest.mark.deep
@pytest.mark.parametrize(("target", "histories", "least"), [("cancun", 80, 10_000), ("london", 30, 2_500)])
def test_contract_model_and_witness_agree_in_long_histories(target: Target, histories: int, least: int) -> None:
    tally, seeded = Tally(), fresh_seed()
    print(f"\nCONTRACT_MACHINE_SEED={seeded}")  # noqa: T201 the seed is what repeats a failure
    try:
        run(machine(tally, target=target), histories=histories, steps=100, seeded=seeded)
    finally:
        print(tally)  # noqa: T201 what was met is the result
    assert tally.transitions >= least
    if target != "cancun":
        return
    assert {name for name in OPERATIONS if not tally.succeeded[name]} == set()
    assert {name for name in OPERATIONS if not tally.refused[name]} == set()
    assert {kind for kind in Kind if not tally.decided[kind]} == set()
    never = {code for code in FaultCode if not tally.met[code]} - OUT_OF_REACH
    assert len(never) <= 5, never
    assert tally.succeeded.total() >= 0.4 * tally.transitions


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A fault in the contract's source, and by what it shows: a broken promise, or the model alone."""

    file: str
    right: str
    wrong: str
    promise: str | None = None


PLANTED = {
    "votes of removed members count": Planted(
        file="governance.vy",
        right="votes: uint256 = (slot >> 120) & (council >> 88)",
        wrong="votes: uint256 = slot >> 120",
        promise="few never change what all decide",
    ),
    "final statuses can change": Planted(
        file="status.vy",
        right="    if planes & mask != 0:\n        fault._fail(fault.STATUS_FINAL)",
        wrong="    if planes == max_value(uint256):\n        fault._fail(fault.STATUS_FINAL)",
        promise="final statuses never change",
    ),
    "one vote less is enough": Planted(
        file="governance.vy",
        right="return words._count(votes) >= self.council & 255",
        wrong="return words._count(votes) + 1 >= self.council & 255",
        promise="few never change what all decide",
    ),
    "the mask goes to another word": Planted(
        file="status.vy",
        right="    self.statuses[key][word] = planes",
        wrong="    self.statuses[key][word ^ 1] = planes",
        promise="statuses of others never move",
    ),
    "anybody's signature is an approval": Planted(
        file="accreditation.vy",
        right="    if slot & 255 != kind:\n        fault._fail(wrong)\n",
        wrong="    if kind == APPROVER:\n        return 1\n    if slot & 255 != kind:\n        fault._fail(wrong)\n",
        promise="an approver's signature stands behind it",
    ),
    "a suspension leaves older approvals good": Planted(
        file="status.vy",
        right="return packed + (1 << STATUS_NONCE)",
        wrong="return packed",
        promise="a suspension makes older approvals stale",
    ),
    "the delay is half": Planted(
        file="governance.vy",
        right="    return DELAY\n",
        wrong="    return DELAY // 2\n",
        promise="dangerous decisions wait",
    ),
    "a batch id belongs to whoever comes first": Planted(
        file="status.vy",
        right="return keccak256(abi_encode(issuer, batch_id))",
        wrong="return keccak256(abi_encode(batch_id, batch_id))",
        promise="only what is in play changes",
    ),
    "compromised keys go on for a day": Planted(
        file="accreditation.vy",
        right=" or slot >> 104 != 0:",
        wrong=" or (slot >> 104 != 0 and block.timestamp >= (slot >> 104) + 86400):",
        promise="a good sender of the issuer sent it",
    ),
    "voting is open one second longer": Planted(
        file="governance.vy",
        right="    if block.timestamp > (slot >> 40) & TIME:",
        wrong="    if block.timestamp > ((slot >> 40) & TIME) + 1:",
    ),
    "a withdrawn vote leaves the clock running": Planted(
        file="governance.vy",
        right="    since: uint256 = 0\n    if self._reached(votes):\n        since =",
        wrong="    since: uint256 = 0\n    if votes < max_value(uint256):\n        since =",
    ),
}
AT_THE_DESK = {"final statuses can change"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in AT_THE_DESK else pytest.mark.deep) for name in PLANTED]
)
def test_planted_fault_is_found(name: str, tmp_path: Path) -> None:
    planted = PLANTED[name]
    folder = copytree(SOURCES, tmp_path / "src")
    source = (folder / planted.file).read_text(encoding="utf-8")
    assert source.count(planted.right) == 1
    (folder / planted.file).write_text(source.replace(planted.right, planted.wrong), encoding="utf-8")
    document = json.loads(compile_target("cancun", sources=folder))
    code = bytes.fromhex(document["bytecode"].removeprefix("0x"))
    assert code != artefact("cancun").bytecode
    patched = replace(artefact("cancun"), bytecode=code)
    tally = Tally()
    subject = machine(tally, patched=patched, heed_model=planted.promise is None)
    with pytest.raises(Broken if planted.promise else Disagreement) as found:
        run(subject, histories=250, steps=80)
    if isinstance(found.value, Broken):
        assert found.value.promise == planted.promise
    print(f"\n{name}: after {tally.transitions} transitions: {found.value}")  # noqa: T201 how soon it is found
