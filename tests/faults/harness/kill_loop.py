"""SIGKILL after SIGKILL, at named and at random instants, with requests and desks; everything is counted at the end.

Usage: python -m tests.faults.harness.kill_loop [--rounds N] [--seed N] [--hands N]

The last line is `kills N lost N doubled N`. Exit 1 where anything was lost, doubled, or else wrong.
"""

import argparse
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from api.demonstration import PROGRAMME
from registry.anchor.states import AnchorState
from registry.ports.tasks import TaskKind
from registry.workflows.desk.hand_over import ask
from registry.workflows.issuance.approve import approve
from tests.faults.demo_stage import LEASE_SECONDS, Playing
from tests.faults.harness.fulfilling import APPROVER, MAKER
from tests.faults.harness.invariants import broken
from tests.faults.harness.matrix import Theatres
from tests.faults.harness.pairs import DONE, SENT, UNSENT
from tests.faults.harness.proxy import SEND
from tests.faults.harness.scene import Scene
from tests.faults.harness.world import LEVELS, World

NAMED = (
    "commit batches.reserve",
    *UNSENT,
    "committed batches.seal",
    "commit batches.approve",
    "commit batches.move sent",
    "before block",
    "after block",
    "committed batches.move included",
    *SENT,
    "after file bundle#1",
    "before file bundle#3",
    *DONE,
)
NAMED_OF_DESKS = (
    "commit tasks.claim",
    "committed tasks.claim",
    "commit tasks.finish",
    "committed tasks.finish",
    *NAMED,
)
_LONGEST = 0.9
"""Seconds after which a kill at a random instant comes at the latest; a request takes about half of that."""
_A_REQUEST = 4
"""At most so many kills a request."""
_DESKS = 3
_TWICE = re.compile(r"anchored [2-9]|twice|[2-9] batches")


@dataclass
class Tally:
    """What came of it, over all hands."""

    wanted: int
    kills: int = 0
    named: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    certificates: int = 0
    wrong: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def over(self) -> bool:
        """Whether there were kills enough."""
        return self.kills >= self.wanted

    def killed(self, at: str) -> None:
        """Count a kill."""
        with self.guard:
            self.kills += 1
            self.named[at] += 1

    @property
    def doubled(self) -> list[str]:
        """What was done twice."""
        return [one for one in self.wrong if _TWICE.search(one)]

    @property
    def lost(self) -> list[str]:
        """What is not there, and everything else that is wrong."""
        return [one for one in self.wrong if not _TWICE.search(one)]


def struck(tally: Tally, chance: random.Random, begin: "Begin") -> bool:
    """Begin something and kill it at a named or at a random instant; False = it came to its end first."""
    if chance.random() < 0.6:
        instant = chance.choice(begin.instants)
        return reaped(tally, begin(strike=instant), instant)
    playing = begin()
    time.sleep(chance.uniform(0.02, _LONGEST))
    playing.kill()
    return reaped(tally, playing, "a random instant")


def reaped(tally: Tally, playing: Playing, at: str) -> bool:
    """Wait for what was to be killed, and count it if it was."""
    played = playing.wait()
    if played.killed:
        tally.killed(at)
    elif "Traceback" in played.stderr:
        tally.wrong.append(f"a traceback: {played.stderr[-300:]}")
    return played.killed


@dataclass(frozen=True, slots=True)
class Begin:
    """Something that can be begun again and again."""

    world: World
    key: str | None = None
    level: str = ""

    @property
    def instants(self) -> tuple[str, ...]:
        """Where it can be killed by name."""
        return NAMED_OF_DESKS if self.key is None else NAMED

    def __call__(self, **how: object) -> Playing:
        if self.key is None:
            return self.world.start("desk", "--once", "--wait", "5", **how)
        return self.world.asking(self.key, self.level, **how)


def requests_under_kills(tally: Tally, chance: random.Random, scene: Scene) -> None:
    """Three requests one after another, each killed several times; every third time through a node that loses some."""
    if chance.random() < 1 / 3:
        with scene.node() as proxy:
            rules = proxy.drops_requests(SEND, times=1), proxy.drops_replies(SEND, times=1)
            proxy.fail(chance.choice(rules))
            _requests(tally, chance, scene)
        return
    _requests(tally, chance, scene)


def _requests(tally: Tally, chance: random.Random, scene: Scene) -> None:
    for level in LEVELS:
        begin = Begin(scene.world, f"K-{level}", level)
        for _ in range(chance.randint(1, _A_REQUEST)):
            if not struck(tally, chance, begin):
                break
        scene.comes_to_its_end(f"K-{level}")


def desks_under_kills(tally: Tally, chance: random.Random, scene: Scene) -> None:
    """Three desks at once on three requests, killed and begun again; first they propose, then they send."""
    world = scene.world
    for level in LEVELS:
        world.requests[f"task/{_asked(world, TaskKind.PROPOSE, f'{PROGRAMME}/{level}')}"] = level
    _race(tally, chance, world)
    with world.home() as home:
        with home.store.read() as unit:
            waiting = unit.batches.batches(AnchorState.SEALED)
        parts = home.store, home.clock, home.catalogue, home.key_of, home.approver()
        for one in waiting:
            approve(*parts, one.id, person=APPROVER)
    for one in waiting:
        _asked(world, TaskKind.SEND_BATCH, one.id)
    _race(tally, chance, world)


def _asked(world: World, kind: TaskKind, subject: str) -> str:
    with world.home() as home:
        return ask(home.store, home.clock, kind, subject, person=MAKER).id


def _race(tally: Tally, chance: random.Random, world: World) -> None:
    """Let three desks race, each of them to be killed, twice over; then one works off what is left."""
    begin = Begin(world)
    for _ in range(2):
        named = [chance.choice(begin.instants) if chance.random() < 0.5 else None for _ in range(_DESKS)]
        racing = [(one, begin(strike=one)) for one in named]
        for instant, desk in racing:
            if instant is None:
                time.sleep(chance.uniform(0.02, _LONGEST / 2))
                desk.kill()
        for instant, desk in racing:
            reaped(tally, desk, instant or "a random instant")
    until = time.monotonic() + 60
    while world.play("desk", "--once", "--wait", "10").exit_code != 0 or _open_tasks(world):
        if time.monotonic() >= until:
            return  # whatever is left now is lost, and will be named so
        time.sleep(LEASE_SECONDS / 2)


def _open_tasks(world: World) -> bool:
    with world.home() as home, home.store.read() as unit:
        return unit.tasks.open_count() > 0


def work(tally: Tally, theatres: Theatres, seed: int) -> None:
    """Play scene after scene until there were kills enough, and look into each at its end."""
    chance, theatre = random.Random(seed), theatres.mine()
    while not tally.over:
        scene = theatre.scene()
        play = desks_under_kills if chance.random() < 1 / 3 else requests_under_kills
        try:
            play(tally, chance, scene)
            wrong = broken(scene.world, complete=True)
        except AssertionError as error:
            wrong = [f"does not come to its end: {error}"]
        with tally.guard:
            tally.wrong += wrong
            tally.requests += len(scene.world.requests)
        if wrong:
            print(f"{play.__name__}: {wrong}", flush=True)
        print(f"… kills {tally.kills} requests {tally.requests}", flush=True)
        theatre.strike(scene)


def main() -> None:
    """Kill as often as is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.harness.kill_loop")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20268)
    parser.add_argument("--hands", type=int, default=2)
    asked = parser.parse_args()
    tally, began = Tally(wanted=asked.rounds), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, ThreadPoolExecutor(asked.hands) as pool:
        theatres = Theatres(Path(folder))
        for done in [pool.submit(work, tally, theatres, asked.seed + hand) for hand in range(asked.hands)]:
            done.result()
        theatres.close()
    random_ones = tally.named.pop("a random instant", 0)
    print(f"{tally.kills - random_ones} kills at {len(tally.named)} named instants, {random_ones} at random ones")
    print(f"{tally.requests} requests in {time.monotonic() - began:.0f} s, seed {asked.seed}")
    print(f"kills {tally.kills} lost {len(tally.lost)} doubled {len(tally.doubled)}")
    sys.exit(bool(tally.wrong))


if __name__ == "__main__":
    main()
