"""The desk under kill -9: struck at one instant after another, and the next one goes on each time.

The end must be the same as if nothing had happened (`demo_truth`): every batch once, nothing lost. The controls are a
desk that never lets go of what it claimed, one that proposes under another key each try, and one that sends before it
keeps: the same questions must find what they lose and what they do twice.
"""

import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from api.demonstration import PROGRAMME
from api.wiring import Home
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.workflows.desk.hand_over import ask
from registry.workflows.issuance.approve import approve
from tests.faults.demo_stage import LEASE_SECONDS, Played, Stage
from tests.faults.demo_truth import violations

# In the order in which a run comes by them; each is the first of its kind that the struck run reaches.
PROPOSING = ("committed tasks.claim", "commit batches.add_credentials#2", "committed batches.seal")
SENDING = ("committed batches.sign", "after send", "commit batches.place", "before file bundle#20")
EVERY_INSTANT = (
    "commit tasks.claim",
    "commit batches.reserve",
    "committed batches.reserve",
    "committed batches.add_credentials#2",
    "commit batches.seal",
    "commit tasks.finish",
    "committed tasks.finish",
)
EVERY_INSTANT_OF_SENDING = (
    "committed tasks.claim",
    "commit batches.sign",
    "before send",
    "before block",
    "after block",
    "committed batches.move sent",
    "committed batches.place",
    "commit batches.deliver",
    "committed batches.deliver",
    "commit tasks.finish",
)


class Console:
    """What pages do without a key, and the approver with theirs; none of it is struck."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[str] = []

    def ask(self, kind: TaskKind, subject: str) -> None:
        home = Home(self.path)
        self.asked.append(ask(home.store, home.clock, kind, subject, person="maker-1").id)
        home.store.close()

    def approve(self) -> list[Batch]:
        """Approve what was proposed and waits."""
        home = Home(self.path)
        with home.store.read() as unit:
            waiting = unit.batches.batches(AnchorState.SEALED)
        parts = home.store, home.clock, home.catalogue, home.key_of, home.approver()
        approved = [approve(*parts, one.id, person="approver-1") for one in waiting]
        home.store.close()
        return approved

    def tasks(self) -> list[Task]:
        """What became of everything that was asked for."""
        home = Home(self.path)
        with home.store.read() as unit:
            found = [unit.tasks.task(one) for one in self.asked]
        home.store.close()
        return found


def desk(stage: Stage, home: Path, **how: object) -> Played:
    """Run a desk until nothing waits; where it is killed, until its lease has ended too."""
    played = stage.play("desk", "--once", "--wait", "10", home=home, **how)
    if played.killed:
        time.sleep(LEASE_SECONDS * 1.1)
    return played


def issued(stage: Stage, console: Console, proposing: Sequence[str], sending: Sequence[str]) -> None:
    """Ask for batches of all levels and for their sending, with desks struck at these instants in between."""
    for level in ("1", "2", "3"):
        console.ask(TaskKind.PROPOSE, f"{PROGRAMME}/{level}")
    worked_off(stage, console.path, proposing)
    for batch in console.approve():
        console.ask(TaskKind.SEND_BATCH, batch.id)
    worked_off(stage, console.path, sending)


def worked_off(stage: Stage, home: Path, strikes: Sequence[str]) -> None:
    for strike in strikes:
        played = desk(stage, home, strike=strike)
        assert played.killed, (strike, played)
    last = desk(stage, home)
    assert last.exit_code == 0, last


@pytest.mark.slow
def test_desks_killed_one_after_another_still_make_each_batch_once(stage: Stage, examined: Path) -> None:
    console = Console(examined)
    issued(stage, console, PROPOSING, SENDING)
    _require_all_once(console)


def _require_all_once(console: Console) -> None:
    assert violations(console.path, suspended=0, revoked=0) == []
    ended = console.tasks()
    assert {one.state for one in ended} == {TaskState.FINISHED}
    assert len({one.result for one in ended}) == 3


def test_control_without_a_lease_what_a_dead_desk_had_is_lost(stage: Stage, examined: Path) -> None:
    console = Console(examined)
    console.ask(TaskKind.PROPOSE, f"{PROGRAMME}/3")
    assert desk(stage, examined, strike="committed batches.reserve", naive="no lease").killed
    desk(stage, examined, naive="no lease")
    assert any("lost: reserved" in one for one in violations(examined, suspended=0, revoked=0))
    assert [one.state for one in console.tasks()] == [TaskState.RUNNING]


def test_control_under_another_key_each_try_what_a_dead_desk_had_is_lost(stage: Stage, examined: Path) -> None:
    console = Console(examined)
    console.ask(TaskKind.PROPOSE, f"{PROGRAMME}/3")
    assert desk(stage, examined, strike="committed batches.reserve", naive="another key each try").killed
    desk(stage, examined, naive="another key each try")
    assert any("lost: reserved" in one for one in violations(examined, suspended=0, revoked=0))
    assert [one.state for one in console.tasks()] == [TaskState.FAILED]


def test_control_a_desk_that_sends_before_it_keeps_doubles_the_batch(stage: Stage, examined: Path) -> None:
    console = Console(examined)
    console.ask(TaskKind.PROPOSE, f"{PROGRAMME}/3")
    worked_off(stage, examined, ())
    (batch,) = console.approve()
    console.ask(TaskKind.SEND_BATCH, batch.id)
    assert desk(stage, examined, strike="naive sent", naive="another id each try").killed
    stage.play("desk", "--once", "--wait", "1", home=examined, naive="another id each try")
    assert "I2: one root was anchored twice" in violations(examined, suspended=0, revoked=0)


@pytest.mark.deep
def test_desks_killed_at_every_instant_there_is(stage: Stage, examined: Path) -> None:
    console = Console(examined)
    issued(stage, console, EVERY_INSTANT, EVERY_INSTANT_OF_SENDING)
    _require_all_once(console)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(3))
def test_two_desks_killed_at_any_moment(stage: Stage, examined: Path, seed: int) -> None:
    chance, console = random.Random(seed), Console(examined)
    for level in ("1", "2", "3"):
        console.ask(TaskKind.PROPOSE, f"{PROGRAMME}/{level}")
    _struck(stage, examined, chance)
    for batch in console.approve():
        console.ask(TaskKind.SEND_BATCH, batch.id)
    _struck(stage, examined, chance)
    _require_all_once(console)


def _struck(stage: Stage, home: Path, chance: random.Random) -> None:
    """Run desks two at a time and kill them at any moment; then one to the end."""
    for _ in range(5):
        desks = [stage.start("desk", home=home) for _ in range(2)]
        for one in desks:
            time.sleep(chance.uniform(0.05, 1.5))
            os.kill(one.pid, signal.SIGKILL)  # not waited for yet, so that the number is still its own
        for one in desks:
            assert one.wait().killed
    time.sleep(LEASE_SECONDS * 1.1)
    assert desk(stage, home).exit_code == 0
