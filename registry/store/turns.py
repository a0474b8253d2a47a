"""Writers take turns, over all processes of this machine: an OS lock on a file beside the database.

SQLite has a lock of its own; ours is held a little longer, until the checkpoint that may follow a commit is over.
Versions before 3.51.3 can damage a database in which one connection begins to write while another still checkpoints
(sqlite.org/wal.html, "WAL-reset bug"). The kernel gives the lock up when its holder dies, however it dies.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

_POLL_SECONDS: Final = 0.005


class Turns:
    """Gives turns to writers of one database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ours = Lock()

    @contextmanager
    def turn(self, patience: float) -> Iterator[bool]:
        """Wait up to `patience` seconds for a turn, and keep it; False = it did not come. Raises OSError."""
        until = time.monotonic() + patience
        if not self._ours.acquire(timeout=patience):
            yield False
            return
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                yield _locked(handle, until)
            finally:
                os.close(handle)  # gives the lock up
        finally:
            self._ours.release()


def _locked(handle: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True
