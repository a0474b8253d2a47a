"""Faults 1 to 12: SIGKILL at every step of one request, from its reservation to its drawn certificates."""

from functools import partial
from pathlib import Path
from zipfile import ZipFile

from tests.faults.harness.catalogue import single
from tests.faults.harness.scene import Scene

KILL_POINTS = {
    1: ("before the request is kept", "commit batches.reserve"),
    2: ("after the request is kept", "committed batches.reserve"),
    3: ("transaction signed, not kept", "commit batches.sign"),
    4: ("transaction kept, not sent", "committed batches.sign"),
    5: ("transaction sent", "after send"),
    6: ("receipt there, not noted", "commit batches.move included"),
    7: ("receipt noted", "committed batches.move included"),
    8: ("final, not noted", "commit batches.place"),
    9: ("final and noted", "committed batches.place"),
}
_RESUMES = "goes on where it stopped; the same bytes are sent; asked again, the first answer"


def killed_at(scene: Scene, instant: str) -> None:
    """Kill a request at an instant, look, and ask again."""
    struck = scene.world.asks("K-1", strike=instant)
    assert struck.killed, struck
    scene.still_right()
    kept = scene.world.contents()["outbox"]
    scene.comes_to_its_end()
    if kept:
        assert scene.world.contents()["outbox"] == kept, "what was kept of transactions is not what was sent"


for _number, (_what, _instant) in KILL_POINTS.items():
    single(_number, f"SIGKILL: {_what}", how=f"the process kills itself at `{_instant}`", expected=_RESUMES)(
        partial(killed_at, instant=_instant)
    )


def killed_drawing(scene: Scene, bundle: str, paper: str) -> None:
    """Kill the delivery of bundles, and then the drawing of papers, at the same step."""
    world = scene.world
    assert world.asks("K-1", strike=bundle).killed
    scene.still_right()
    scene.comes_to_its_end()
    batch, target = world.batch_of("K-1"), scene.folder / "papers.zip"
    drawing = ("batch", "pdf", batch, "--out", str(target))
    struck = world.play(*drawing, strike=paper)
    assert struck.killed, struck
    assert world.play(*drawing).exit_code == 0
    undisturbed = scene.folder / "undisturbed.zip"
    assert world.play("batch", "pdf", batch, "--out", str(undisturbed)).exit_code == 0
    assert _members(target) == _members(undisturbed), "a paper drawn after a kill has other bytes"


def _members(path: Path) -> dict[str, bytes]:
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


_DRAWN = "nothing half written under its name; written once; papers byte for byte the same"
for _number, _what, _bundle, _paper in (
    (10, "file written under a hidden name", "before file bundle#2", "before file pdf#2"),
    (11, "file renamed", "after file bundle#2", "after file pdf#2"),
    (12, "all written, not noted", "commit batches.deliver", "before file papers.zip"),
):
    single(
        _number,
        f"SIGKILL: bundles and papers, {_what}",
        how=f"the process kills itself at `{_bundle}`, and drawing at `{_paper}`",
        expected=_DRAWN,
    )(partial(killed_drawing, bundle=_bundle, paper=_paper))
