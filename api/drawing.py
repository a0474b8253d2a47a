"""How much is drawn at once: pages of paper cost tens of milliseconds of a processor each.

So many at once, a few more wait, the rest are asked to come back.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from registry.kernel.errors import Unavailable


class PressBusy(Unavailable):
    """More papers are asked for than can be drawn now."""

    code = "delivery/press-busy"

    def __init__(self) -> None:
        super().__init__("more papers are asked for than can be drawn now")


class DrawingRoom:
    """Room to draw for a site: `running` at once, `waiting` more in line for `patience_seconds` at most."""

    def __init__(self, *, running: int | None = None, waiting: int = 24, patience_seconds: float = 5.0) -> None:
        running = running or os.cpu_count() or 1
        self._patience = patience_seconds
        self._inside = threading.BoundedSemaphore(running + waiting)
        self._running = threading.BoundedSemaphore(running)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold room to draw one paper. Raises PressBusy."""
        with _taken(self._inside, 0), _taken(self._running, self._patience):
            yield


@contextmanager
def _taken(place: threading.BoundedSemaphore, patience_seconds: float) -> Iterator[None]:
    if not place.acquire(timeout=patience_seconds):
        raise PressBusy
    try:
        yield
    finally:
        place.release()
