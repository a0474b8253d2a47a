"""The harness against itself: naive variants of issuing under the same faults must break an invariant."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.harness.machine_cases import STOP
from tests.faults.harness.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One naive variant, and the word by which what it does wrong is named."""

    number: str
    name: str
    case: Callable[[Scene], None]
    noticed: str


def _tried_twice(scene: Scene, naive: str) -> None:
    assert scene.world.asks("K-1", naive=naive, strike="naive sent").killed
    scene.world.asks("K-1", naive=naive, wait=3)


def _keeps_after_sending(scene: Scene) -> None:
    _tried_twice(scene, "send then keep")


def _draws_again(scene: Scene) -> None:
    _tried_twice(scene, "another id each try")


def _without_lease(scene: Scene) -> None:
    naive = "nonce of the node"
    first = scene.world.asking("K-1", "1", wait=3, naive=naive, strike="naive signed", how=STOP)
    assert first.reaches()
    with_nothing_waiting = scene.world.asks("K-2", "2", naive=naive, wait=3)
    assert "Traceback" not in with_nothing_waiting.stderr
    first.go_on()
    first.wait()
    scene.world.asks("K-1", "1", naive=naive, wait=3)


CONTROLS = (
    Control(
        number="C1",
        name="signs again instead of sending the same bytes, and keeps them after sending (SIGKILL in between)",
        case=_keeps_after_sending,
        noticed="lost",
    ),
    Control(
        number="C2",
        name="draws the batch id anew at each try (SIGKILL after sending)",
        case=_draws_again,
        noticed="the chain holds the batch",
    ),
    Control(
        number="C3",
        name="holds no lease and takes the nonce from the node (two at once)",
        case=_without_lease,
        noticed="lost",
    ),
)
