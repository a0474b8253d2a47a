"""While members pause anchoring a batch waits unsigned, with the approval it has, and goes on afterwards."""

import json
from pathlib import Path

import pytest

from api.wiring import Home
from tests.faults.demo_stage import Stage
from tests.faults.test_issue_displaced import approved_batch

pytestmark = pytest.mark.slow


def held_and_issued(stage: Stage, examined: Path, naive: str | None = None) -> None:
    """Issue in a pause, and again after its end."""
    home = Home(examined)
    name = approved_batch(home)

    def run(*words: str) -> str:
        played = stage.play(*words, home=examined)
        assert played.exit_code == 0, played
        return played.stdout

    run("consortium", "pause", "--key", "member-1", "--yes")
    held = stage.play("batch", "issue", name, "--wait", "1", home=examined, naive=naive)
    assert json.loads(run("batch", "status", name, "--json"))["state"] == "approved"
    assert held.exit_code == 3
    assert "[anchor/paused]" in held.stderr
    with home.store.read() as unit:
        assert unit.outbox.next_nonce(home.sender().address) == 0
        before = unit.batches.batch(name).approval
    run("consortium", "propose", "unpause", "--key", "member-1", "--yes")
    (ballot,) = [
        one["ballot"]
        for one in json.loads(run("consortium", "ballots", "--json"))
        if "UNPAUSE" in json.dumps(one).upper()
    ]
    run("consortium", "vote", ballot, "--key", "member-2", "--yes")
    assert json.loads(run("batch", "issue", name, "--json"))["state"] == "final"
    with home.store.read() as unit:
        assert unit.batches.batch(name).approval == before
    home.store.close()


def test_a_batch_waits_for_the_end_of_a_pause(stage: Stage, examined: Path) -> None:
    held_and_issued(stage, examined)


def test_control_who_signs_in_a_pause_has_an_approval_spent(stage: Stage, examined: Path) -> None:
    with pytest.raises(AssertionError, match="'failed' == 'approved'"):
        held_and_issued(stage, examined, naive="signs in a pause")
