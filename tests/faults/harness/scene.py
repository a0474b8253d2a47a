"""One fault's scene: a copy of the small installation, its node behind a proxy, and what is asked of both."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.demo_stage import Played, Stage
from tests.faults.harness.invariants import broken
from tests.faults.harness.proxy import FaultProxy
from tests.faults.harness.watching import watch
from tests.faults.harness.world import World, found


@dataclass
class Scene:
    """Where one fault is tried."""

    folder: Path
    """Of this scene alone."""
    world: World

    def still_right(self) -> None:
        """Assert that nothing is wrong yet, right after a fault and before anything is tried again."""
        wrong = broken(self.world, complete=False)
        assert not wrong, f"right after the fault: {wrong}"

    def comes_to_its_end(self, key: str = "K-1") -> None:
        """Assert that asking again finishes what was asked for, and once more changes nothing."""
        level = self.world.requests[key]
        last = self.world.asks(key, level)
        assert last.exit_code == 0, last
        first = self.world.batch_of(key)
        again = self.world.asks(key, level)
        assert (again.exit_code, self.world.batch_of(key)) == (0, first), again

    @contextmanager
    def node(self) -> Iterator[FaultProxy]:
        """Run the folder's node, and the commands through a proxy before it, until the block ends."""
        with running_node(self.world) as url:
            proxy = FaultProxy(url)
            self.world.use_node(proxy.url)
            try:
                yield proxy
                self._nothing_sent_unkept(proxy)
            finally:
                proxy.close()
                self.world.use_node(None)

    def _nothing_sent_unkept(self, proxy: FaultProxy) -> None:
        """Assert that every byte that a node was sent lies in the outbox."""
        kept = {value for row in self.world.contents()["outbox"] for value in row if isinstance(value, bytes)}
        unkept = {one for one in proxy.sent if bytes.fromhex(one.removeprefix("0x")) not in kept}
        assert not unkept, f"{len(unkept)} transactions were sent that are not kept"


@contextmanager
def running_node(world: World) -> Iterator[str]:
    """Run a folder's own node on a port of its own; gives its address."""
    playing = world.start("node", "run", "--port", "0")
    said = world.path / "node.json"
    until = time.monotonic() + 20
    while not said.exists() or not said.read_text("utf-8").endswith("\n"):
        assert time.monotonic() < until, "the node does not say where it answers"
        time.sleep(0.02)
    try:
        yield str(json.loads(said.read_text("utf-8"))["url"])
    finally:
        os.kill(playing.pid, signal.SIGTERM)  # not waited for yet, so that the number is still its own
        playing.wait()


def refused_for_now(played: Played, *codes: str) -> None:
    """Assert that a command said that it cannot be done now, for one of these reasons."""
    assert played.exit_code == 3, played
    assert any(f"[{code}]" in played.stderr or f'"{code}"' in played.stdout for code in codes), played


@dataclass
class Theatre:
    """Makes scenes: the installation is founded once and copied for each."""

    folder: Path
    stage: Stage
    _base: World | None = None
    _count: int = 0

    def scene(self, *, place: Path | None = None) -> Scene:
        """Set a fresh scene, on another file system where `place` names one."""
        if self._base is None:
            self._base = found(self.folder / "base", self.stage)
            watch(self._base.path)
        self._count += 1
        folder = self.folder / f"scene-{self._count}"
        folder.mkdir()
        return Scene(folder, self._base.copied((place or folder) / "home"))

    def strike(self, scene: Scene) -> None:
        """Clear a scene away."""
        shutil.rmtree(scene.folder, ignore_errors=True)
