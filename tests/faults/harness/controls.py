"""The harness against itself: naive variants of issuing under the same faults must break an invariant."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.faults.harness.machine_cases import STOP
from tests.faults.harness.node_cases import head_jumps, head_stands_still, node_lies, one_node_cut_off
from tests.faults.harness.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One naive variant, and the words for what it breaks: such as no batch shows that is merely unfinished."""

    number: str
    name: str
    case: Callable[[Scene], None]
    noticed: str
    """Found in what the invariants say of it, and in nothing that they say of the product under the same fault."""


def _tried_twice(scene: Scene, naive: str) -> None:
    assert scene.world.asks("K-1", naive=naive, strike="naive sent").killed
    scene.world.asks("K-1", naive=naive, wait=3)


def _keeps_after_sending(scene: Scene) -> None:
    _tried_twice(scene, "send then keep")


def _draws_again(scene: Scene) -> None:
    _tried_twice(scene, "another id each try")


def _without_lease(scene: Scene) -> None:
    naive = "nonce of the node"
    with scene.node():  # which answers both: whoever has the chain's own file is alone anyway
        first = scene.world.asking("K-1", "1", wait=1, naive=naive, strike="naive signed", how=STOP)
        assert first.reaches()
        second = scene.world.asks("K-2", "2", naive=naive)
        assert second.exit_code == 0, second
        first.go_on()
        first.wait()
        scene.world.asks("K-1", "1", naive=naive, wait=1)


def _believing(case: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def played(scene: Scene) -> None:
        scene.world.naive = "believes every node"
        with suppress(AssertionError):  # what is particular to the case may break too; the invariants have to
            case(scene)

    return played


CONTROLS = (
    Control(
        number="C1",
        name="signs again instead of sending the same bytes, and keeps them after sending (SIGKILL in between)",
        case=_keeps_after_sending,
        noticed="took effect that are not in the outbox",
    ),
    Control(
        number="C2",
        name="draws the batch id anew at each try (SIGKILL after sending)",
        case=_draws_again,
        noticed="the chain holds the batch",
    ),
    Control(
        number="C3",
        name="holds no lease, takes the nonce from the node and keeps it whoever has it (two at once)",
        case=_without_lease,
        noticed="a nonce was given out to several",
    ),
    *(
        Control(
            number=f"C{number}",
            name=f"follows whatever head a node shows ({of})",
            case=_believing(case),
            noticed="went back from block",
        )
        for number, of, case in (
            (4, "17", head_stands_still),
            (5, "17a", head_jumps),
            (6, "17b", node_lies),
            (7, "18", one_node_cut_off),
        )
    ),
)
