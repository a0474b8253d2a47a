"""The demonstration under kill -9 and Ctrl-C: struck at one instant after another, and run again each time.

The end must be the same as if nothing had happened (`demo_truth`). The controls are two naive ways to issue, struck
where they are weakest: the same questions must find what they lose and what they do twice.
"""

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.faults.demo_stage import INTERRUPTED, ROOT, Stage
from tests.faults.demo_truth import digests, violations

# In the order in which a run comes by them; each is the first of its kind that the struck run reaches.
FOUNDING = (
    "before file vermilion.toml",
    "before file approver.json",
    "before file public-keys.json",
    "before tables",
    "after tables",
    "before genesis",
    "after genesis",
    "before block",
    "after block#2",
    "before file trust-root.json",
)
ISSUING = (
    "commit enrolments.add_roster",
    "committed enrolments.decide",
    "commit marks.confirm",
    "commit batches.reserve",
    "committed batches.add_credentials#2",
    "commit batches.seal",
    "committed batches.seal",
    "commit batches.approve",
    "commit batches.sign",
    "before send",
    "after send",
    "committed batches.move sent",
    "before block",
    "after block",
    "commit batches.place",
    "before file bundle#20",
    "commit batches.deliver",
    "committed batches.sign#2",
    "committed status_requests.add",
    "before send",
    "commit status_requests.move final",
    "committed status_requests.approve",
)


def passage(stage: Stage, home: Path, strikes: tuple[str, ...], how: signal.Signals) -> None:
    """Run the demonstration again and again, struck each time at the next of the instants, then to its end."""
    for strike in strikes:
        played = stage.demo(home, strike=strike, how=how)
        if how is signal.SIGKILL:
            assert played.killed, (strike, played)
        else:
            assert played.exit_code == INTERRUPTED, (strike, played)
            assert "Nothing is lost. Go on with: vermilion demo" in played.stderr, (strike, played)
            assert "Traceback" not in played.stderr, (strike, played)
    last = stage.demo(home)
    assert last.exit_code == 0, last


@pytest.mark.slow
def test_killed_at_one_instant_after_another_it_still_issues_everything_once(stage: Stage, tmp_path: Path) -> None:
    home = tmp_path / "home"
    passage(stage, home, FOUNDING + ISSUING, signal.SIGKILL)
    assert violations(home) == []


@pytest.mark.slow
def test_interrupted_it_says_that_nothing_is_lost_and_goes_on(stage: Stage, examined: Path) -> None:
    passage(
        stage,
        examined,
        (
            "committed batches.add_credentials#2",
            "before send",
            "after send",
            "before file bundle#5",
            "committed status_requests.sign",
        ),
        signal.SIGINT,
    )
    assert violations(examined) == []


def test_run_again_it_issues_nothing_again(stage: Stage, finished: Path) -> None:
    before = digests(finished)
    again = stage.demo(finished)
    assert again.exit_code == 0
    assert digests(finished) == before
    assert violations(finished) == []


def test_run_again_after_a_clerk_tried_things_it_mends_what_it_can_and_issues_nothing(
    stage: Stage, finished: Path
) -> None:
    before = digests(finished)
    roster = ROOT / "tests" / "fixtures" / "rosters" / "good-utf-8.csv"
    assert stage.play("enrol", "import", str(roster), "--as", "clerk-1", home=finished).exit_code == 0
    assert stage.play("enrol", "decide", "--as", "clerk-1", home=finished).exit_code == 0
    suspended = json.loads(stage.play("cert", "list", "--status", "suspended", "--json", home=finished).stdout)[0]
    revoked = ("cert", "revoke", suspended["number"], "--reason", "misconduct", "--as", "one", "--approve-as", "two")
    assert stage.play(*revoked, home=finished).exit_code == 0
    shutil.rmtree(finished / "delivered")
    again = stage.demo(finished)
    assert again.exit_code == 0, again
    assert digests(finished) == before


@pytest.mark.parametrize(
    ("naive", "noticed"), [("send then keep", "lost: failed"), ("another id each try", "one root was anchored twice")]
)
def test_control_a_naive_issuing_step_is_found_out(stage: Stage, examined: Path, naive: str, noticed: str) -> None:
    assert stage.demo(examined, naive=naive, strike="naive sent").killed
    stage.play("batch", "issue", "B-" + _month(), "--wait", "3", home=examined, naive=naive)
    assert any(noticed in one for one in violations(examined)), violations(examined)


def _month() -> str:
    from datetime import datetime, timedelta, timezone

    return f"{datetime.now(timezone(timedelta(hours=8))):%Y-%m}-0001"


@pytest.mark.deep
def test_killed_at_every_instant_there_is(stage: Stage, tmp_path: Path) -> None:
    listed = tmp_path / "instants"
    assert stage.demo(tmp_path / "undisturbed", instants=listed).exit_code == 0
    names = tuple(dict.fromkeys(line.rpartition("#")[0] for line in listed.read_text("utf-8").splitlines()))
    home = tmp_path / "home"
    passage(stage, home, names, signal.SIGKILL)
    assert violations(home) == []


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment(stage: Stage, tmp_path: Path, seed: int) -> None:
    chance, home = random.Random(seed), tmp_path / "home"
    for _ in range(12):
        playing = stage.start("demo", "--no-serve", home=home)
        time.sleep(chance.uniform(0.05, 3))
        signal_sent = _killed(playing.pid)
        played = playing.wait()
        assert played.killed or (signal_sent and played.exit_code == 0), played
    assert stage.demo(home).exit_code == 0
    assert violations(home) == []


def _killed(pid: int) -> bool:
    import os

    os.kill(pid, signal.SIGKILL)  # not waited for yet, so that the number is still its own
    return True
