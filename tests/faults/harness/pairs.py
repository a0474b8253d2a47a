"""Two faults in a row: whatever recovery reads or writes after the first, the second strikes it there.

First there is a SIGKILL at a step of the request, drawn by a seed; then, when it is asked again, one of the faults 13
to 17, 24 and 25 while it looks at what is there, or while it writes; or a second SIGKILL. Each is drawn several times.
"""

import random
from collections.abc import Callable, Iterator
from functools import partial

from tests.faults.demo_stage import Played
from tests.faults.harness.catalogue import Fault
from tests.faults.harness.machine_cases import STOP, Disk, empty_log, locked, small_disk
from tests.faults.harness.proxy import READS, SEND, FaultProxy, Rule
from tests.faults.harness.scene import Scene

SEED = 20268
DRAWS = 3
"""How often each pair of fault and phase is tried, after another first fault each time."""
SECOND_KILLS = 12

UNSENT = (
    "committed batches.reserve",
    "commit batches.seal",
    "committed batches.approve",
    "commit batches.sign",
    "committed batches.sign",
    "before send",
)
"""After a kill at these the transaction has yet to be sent."""
SENT = ("after send", "committed batches.move sent", "commit batches.move included", "commit batches.place")
DONE = ("committed batches.place", "before file bundle#2", "commit batches.deliver")
"""After a kill at these nothing is left to be asked of the chain but what was read of it."""

_RIGHT = (0, 3)
"""Exit codes that are right under a fault: done all the same, or not now."""


def _asked_again(scene: Scene, **how: object) -> Played:
    played = scene.world.asks("K-1", wait=2, **how)
    assert played.exit_code in _RIGHT, played
    assert "Traceback" not in played.stderr, played
    return played


def _killed_first(scene: Scene, instant: str) -> None:
    struck = scene.world.asks("K-1", strike=instant)
    assert struck.killed, struck


Told = Callable[[FaultProxy], Rule]
NODE_FAULTS: dict[str, tuple[str, Told, Told]] = {
    "13": (
        "request lost",
        lambda proxy: proxy.drops_requests(*READS, times=2, skip=1),
        lambda proxy: proxy.drops_requests(SEND, times=2),
    ),
    "14": (
        "reply lost",
        lambda proxy: proxy.drops_replies(*READS, times=2, skip=1),
        lambda proxy: proxy.drops_replies(SEND, times=2),
    ),
    "16": ("node hangs", lambda proxy: proxy.hangs(*READS), lambda proxy: proxy.hangs(SEND)),
    "17": (
        "stale head",
        lambda proxy: proxy.stands_still(max(0, proxy.head() - 1)),
        lambda proxy: proxy.stands_still(proxy.head()),
    ),
}


def node_pair(scene: Scene, *, first: str, told: Told) -> None:
    """A kill, then a fault of the node while the request is asked again."""
    with scene.node() as proxy:
        _killed_first(scene, first)
        scene.still_right()
        with proxy.failing(told(proxy)):
            _asked_again(scene)
        scene.still_right()
        # A node that shows less than was read of the chain looks like a chain that was set back: a person looks.
        assert set(scene.world.lift_alarms()) <= {"ledger/history-broken"}
        scene.comes_to_its_end()


def node_down(scene: Scene, *, first: str, writes: bool) -> None:
    """A kill, then a node that is down when asked again, or goes down right before something is sent."""
    with scene.node() as proxy:
        _killed_first(scene, first)
        if writes:
            playing = scene.world.asking("K-1", wait=2, strike="before send", how=STOP)
            assert playing.reaches(), "nothing was sent"
            proxy.down()
            playing.go_on()
            ended = playing.wait()
        else:
            proxy.down()
            ended = scene.world.asks("K-1", wait=1)
        assert ended.exit_code == 3, ended
        scene.still_right()
        proxy.up()
        scene.comes_to_its_end()


def disk_full(scene: Scene, *, first: str, writes: bool) -> None:
    """A kill, then no room on the disk when asked again, or from the first row on that is to be kept."""
    with small_disk(scene) as disk:
        _killed_first(scene, first)
        empty_log(scene.world)
        _under(scene, writes, disk)
        disk.free()
        scene.still_right()
        scene.comes_to_its_end()


def _under(scene: Scene, writes: bool, disk: Disk) -> None:
    if not writes:
        disk.fill()
        _asked_again(scene)
        return
    playing = scene.world.asking("K-1", wait=2, strike="commit *", how=STOP)
    assert playing.reaches(), "nothing was kept"
    disk.fill()
    playing.go_on()
    ended = playing.wait()
    assert ended.exit_code in _RIGHT, ended


def database_locked(scene: Scene, *, first: str, writes: bool) -> None:
    """A kill, then a database that another holds when asked again, or after the first row was kept."""
    _killed_first(scene, first)
    if writes:
        playing = scene.world.asking("K-1", wait=2, strike="committed *", how=STOP)
        assert playing.reaches(), "nothing was kept"
        with locked(scene.world, by_turn=True):
            playing.go_on()
            ended = playing.wait()
        assert ended.exit_code in _RIGHT, ended
    else:
        with locked(scene.world, by_turn=False):
            assert _asked_again(scene).exit_code == 3
    scene.still_right()
    scene.comes_to_its_end()


def killed_twice(scene: Scene, *, first: str, second: str) -> None:
    """A kill, and another while the request is asked again."""
    _killed_first(scene, first)
    again = scene.world.asks("K-1", strike=second)
    assert again.killed or again.exit_code == 0, again
    scene.still_right()
    scene.comes_to_its_end()


def drawn_pairs() -> Iterator[Fault]:
    """Draw the pairs; the same seed gives the same."""
    chance = random.Random(SEED)
    number = 0

    def pair(first: str, second: str, phase: str, case: Callable[[Scene], None]) -> Fault:
        nonlocal number
        number += 1
        return Fault(
            number=f"P{number}",
            name=f"SIGKILL at `{first}`, then {second} while recovery {phase}",
            how=f"seed {SEED}",
            expected="as each of the two alone",
            case=case,
        )

    for _ in range(DRAWS):
        for fault, (what, reads, writes) in NODE_FAULTS.items():
            second = f"{what} ({fault})"
            first = chance.choice(UNSENT + SENT)
            yield pair(first, second, "reads", partial(node_pair, first=first, told=reads))
            first = chance.choice(UNSENT)
            yield pair(first, second, "writes", partial(node_pair, first=first, told=writes))
        for writes_too in (False, True):
            phase = "writes" if writes_too else "reads"
            first = chance.choice(UNSENT if writes_too else UNSENT + SENT)
            yield pair(first, "node down (15)", phase, partial(node_down, first=first, writes=writes_too))
            first = chance.choice(UNSENT + SENT)
            yield pair(first, "disk full (24)", phase, partial(disk_full, first=first, writes=writes_too))
            first = chance.choice(UNSENT + SENT)
            yield pair(first, "database locked (25)", phase, partial(database_locked, first=first, writes=writes_too))
    everywhere = UNSENT + SENT + DONE
    for _ in range(SECOND_KILLS):
        early, late = sorted(chance.sample(range(len(everywhere)), 2))
        first, last = everywhere[early], everywhere[late]
        case = partial(killed_twice, first=first, second=last)
        yield pair(first, f"SIGKILL at `{last}`", "goes on", case)
