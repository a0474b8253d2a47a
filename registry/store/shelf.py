"""A folder of delivered files: each whole or not at all, whatever happens while it is written."""

import os
import tempfile
from pathlib import Path


class Shelf:
    """Files in one folder (implements the workflows' Shelf and DeliveredFiles)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, data: bytes) -> None:
        """Keep a file under a name; the same bytes again change nothing. Raises OSError, and then nothing changed."""
        if self.get(name) == data:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())  # or a power cut may leave the name with nothing behind it
            os.replace(temporary, self._folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def get(self, name: str) -> bytes | None:
        """Read a file; None = there is none."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self._folder / name
