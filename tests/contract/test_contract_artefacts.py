"""The committed artefacts are what the sources give, and the Python side says the same as the Vyper side."""

import json
import re
from enum import IntEnum
from pathlib import Path

import pytest

import contracts
from contracts import FaultCode, Target
from contracts.build import SOURCES, WrongCompilerError, artefact_path, compile_target, main
from tests.contract.world import DELAY, World

CONSTANT = re.compile(r"^([A-Z_]+): constant\(uint256\) = (\d+)$", re.MULTILINE)


def constants(module: str) -> dict[str, int]:
    text = (SOURCES / f"{module}.vy").read_text(encoding="utf-8")
    return {name: int(value) for name, value in CONSTANT.findall(text)}


@pytest.mark.slow
def test_recompiling_gives_the_committed_bytes(target: Target) -> None:
    assert compile_target(target) == artefact_path(target).read_text(encoding="utf-8")


def test_artefact_says_what_is_deployed(founded: World, target: Target) -> None:
    artefact = contracts.artefact(target)
    assert founded.evm.code(founded.address) == artefact.deployed_code(delay=DELAY)
    assert (artefact.target, artefact.compiler) == (target, "vyper 0.4.3")
    assert artefact is contracts.artefact(target)


def test_both_artefacts_are_of_one_source() -> None:
    cancun, london = contracts.artefact("cancun"), contracts.artefact("london")
    assert (cancun.integrity, cancun.abi, cancun.layout) == (london.integrity, london.abi, london.layout)
    assert cancun.runtime != london.runtime


def test_london_artefact_runs_without_newer_opcodes() -> None:
    """PUSH0 (0x5f) and MCOPY (0x5e) stand nowhere but inside pushed data."""

    def opcodes(code: bytes) -> set[int]:
        seen, at = set(), 0
        while at < len(code):
            seen.add(code[at])
            at += 1 + max(0, code[at] - 0x5F) if code[at] <= 0x7F else 1
        return seen

    # The selector table behind the code is data; what lies before it is enough to tell the two apart.
    assert {0x5E, 0x5F} <= opcodes(contracts.artefact("cancun").runtime[:16_000])
    assert not {0x5E, 0x5F} & opcodes(contracts.artefact("london").runtime[:16_000])


def test_storage_layout_is_the_permanent_one(target: Target) -> None:
    slots = {
        f"{module}.{name}": (entry["slot"], entry["n_slots"])
        for module, entries in contracts.artefact(target).layout["storage_layout"].items()
        for name, entry in entries.items()
    }
    assert slots == {
        "history.head": (0, 1),
        "history.frontier": (1, 40),
        "governance.council": (41, 1),
        "governance.seats": (42, 1),
        "governance.ballots": (43, 1),
        "governance.successor": (44, 1),
        "accreditation.issuers": (45, 1),
        "accreditation.scope_count": (46, 1),
        "accreditation.scope_codes": (47, 1),
        "accreditation.scope_ids": (48, 1),
        "accreditation.scopes": (49, 1),
        "accreditation.keys": (50, 1),
        "status.batches": (51, 1),
        "status.statuses": (52, 1),
    }


def test_faults_are_the_contracts_own() -> None:
    assert {code.name: int(code) for code in FaultCode} == constants("fault")


@pytest.mark.parametrize(
    ("enum", "module", "prefix"),
    [
        (contracts.Op, "history", "OP_"),
        (contracts.Kind, "governance", ""),
        (contracts.KeyKind, "accreditation", ""),
    ],
)
def test_enums_are_the_contracts_own(enum: type[IntEnum], module: str, prefix: str) -> None:
    found = constants(module)
    assert {member.name: int(member) for member in enum} == {
        member.name: found[prefix + member.name] for member in enum
    }


def test_states_and_flags_are_the_contracts_own() -> None:
    accreditation, status = constants("accreditation"), constants("status")
    for state in list(contracts.IssuerState)[1:]:
        assert state == accreditation[state.name]
    for flag in contracts.BatchFlag:
        assert flag == status[f"FLAG_{flag.name}"]
    assert (status["VALID"], status["REVOKED"], status["SUSPENDED"]) == (0, 1, 2)


def test_delayed_kinds_are_the_contracts_own() -> None:
    text = (SOURCES / "governance.vy").read_text(encoding="utf-8")
    (block,) = re.findall(r"^DELAYED: constant\(uint256\) = \((.*?)^\)", text, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"1 << ([A-Z_]+)", block)) == {kind.name for kind in contracts.DELAYED_KINDS}


def test_check_finds_a_stale_artefact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {target: artefact_path(target).read_text(encoding="utf-8") for target in contracts.TARGETS}
    monkeypatch.setattr("contracts.build.ARTEFACTS", tmp_path)
    monkeypatch.setattr("contracts.build.compile_target", lambda target: texts[target])
    assert main(["--check"]) == 1
    assert not list(tmp_path.iterdir())
    assert main([]) == 0
    assert main(["--check"]) == 0
    changed = json.loads(texts["london"]) | {"integrity": "0"}
    (tmp_path / "london.json").write_text(json.dumps(changed), encoding="utf-8")
    assert main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("london: differs")


def test_another_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vyper.__version__", "0.4.2")
    with pytest.raises(WrongCompilerError) as caught:
        compile_target("cancun")
    assert caught.value.found == "0.4.2"


def test_every_function_and_event_is_documented() -> None:
    external = re.compile(r'^@external\n(?:@\w+\n)?def (\w+)\([^)]*\)[^:]*:\n    """\n    @notice', re.MULTILINE)
    event = re.compile(r"^# [^\n]+\nevent (\w+):", re.MULTILINE)
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.vy")))
    abi = contracts.artefact().abi
    assert set(external.findall(sources)) == {entry["name"] for entry in abi if entry["type"] == "function"}
    assert set(event.findall(sources)) == {entry["name"] for entry in abi if entry["type"] == "event"}
