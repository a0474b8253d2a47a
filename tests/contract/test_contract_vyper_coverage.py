"""The measurement of coverage tells what was executed from what was not: it can fail.

`make coverage-contract` measures all tests; these run a few operations and look at what is reported.
"""

from dataclasses import replace
from pathlib import Path
from shutil import copytree
from unittest import mock

import pytest

from contracts import FaultCode, Target, artefact
from contracts.build import SOURCES
from tests.contract import vyper_coverage
from tests.contract import world as worlds
from tests.contract.vyper_coverage import Coverage, MapError, measured
from tests.contract.world import World, change, refused

PLANTED = """\
    if mask == 0 or code == 88:
        fault._fail(fault.NOTHING_TO_CHANGE)
    if code == 77:
        mask = 0
    if code == SUSPENDED and word == 0:
        mask |= 0
"""
"""In place of the first check of a change: an operand that never decides, a statement that is never executed, and a
condition of which both operands are always true."""


def lines(text: str, module: str = "status.vy", sources: Path = SOURCES) -> list[int]:
    """Numbers of the lines with this text."""
    source = (sources / module).read_text(encoding="utf-8")
    return [number for number, line in enumerate(source.splitlines(), 1) if text in line]


@pytest.mark.slow
def test_committed_code_is_what_is_measured(target: Target) -> None:
    coverage = Coverage(target)
    assert coverage.program(artefact(target).deployed_code(delay=7)) is coverage.runtime
    assert coverage.program(artefact(target).bytecode + b"arguments") is coverage.creation
    assert coverage.program(artefact(target).runtime[:-1]) is None


@pytest.mark.slow
def test_what_no_test_does_is_missed(target: Target) -> None:
    coverage = Coverage(target)
    (line,) = lines("log Paused(", "governance.vy")
    with measured(coverage):
        world = World(target)
    assert line in coverage.figures()["governance.vy"].missed_statements
    world.send(world.MEMBERS[0], "pause")
    assert line in coverage.figures()["governance.vy"].missed_statements, "not while it is measured"
    with measured(coverage):
        world.send(world.MEMBERS[1], "pause")
    assert line not in coverage.figures()["governance.vy"].missed_statements
    first = lines("if last != 0 and block.timestamp", "governance.vy")
    # No second pause yet: neither operand was ever true, so the last was never asked.
    assert [*coverage.figures()["governance.vy"].missed_branches].count(*first) == 4
    with measured(coverage), refused(FaultCode.PAUSED_LATELY):
        world.send(world.MEMBERS[1], "pause")
    assert [*coverage.figures()["governance.vy"].missed_branches].count(*first) == 1
    world.wait(31 * 86_400)
    with measured(coverage):
        world.send(world.MEMBERS[1], "pause")
    assert [*coverage.figures()["governance.vy"].missed_branches].count(*first) == 0


@pytest.mark.slow
def test_planted_statement_branches_and_module_are_missed(tmp_path: Path) -> None:
    sources = Path(copytree(SOURCES, tmp_path / "src"))
    old = "    if mask == 0:\n        fault._fail(fault.NOTHING_TO_CHANGE)\n"
    text = (sources / "status.vy").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (sources / "status.vy").write_text(text.replace(old, PLANTED), encoding="utf-8")
    coverage = Coverage("cancun", sources)
    planted = replace(artefact(), bytecode=coverage.creation.code, runtime=coverage.runtime.code)
    with measured(coverage), mock.patch.object(worlds, "artefact", return_value=planted):
        world = World()
        world.accredit()
        world.anchor()
        world.suspend(change(1))
        with refused(FaultCode.NOTHING_TO_CHANGE):
            world.suspend(0)
    figures = coverage.figures()["status.vy"]
    assert set(lines("mask = 0", sources=sources)) <= set(figures.missed_statements)
    assert not {*lines("mask |= 0", sources=sources), *lines("planes |= high", sources=sources)} & {
        *figures.missed_statements
    }
    missed = [*figures.missed_branches]
    assert missed.count(*lines("code == 88", sources=sources)) == 1
    assert missed.count(*lines("code == 77", sources=sources)) == 1
    # The condition never false, and neither of its operands.
    assert missed.count(*lines("word == 0:", sources=sources)) == 3
    (sources / "unused.vy").write_text("# pragma version 0.4.3\n", encoding="utf-8")
    with pytest.raises(MapError, match="CertificateRegistry"):
        Coverage("cancun", sources)


def test_less_than_everything_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    coverage = Coverage("cancun")
    monkeypatch.setattr(vyper_coverage, "Coverage", lambda target: coverage)
    monkeypatch.setattr(pytest, "main", lambda arguments: 5)
    assert vyper_coverage.main([]) == 5
    monkeypatch.setattr(pytest, "main", lambda arguments: 0)
    assert vyper_coverage.main([]) == 1
    out = capsys.readouterr().out
    assert "cancun words.vy: 0 of" in out
    assert f"  line {lines('planes |= high')[0]}: never executed\n" in out
    assert out.endswith("less than 100 %\n")
