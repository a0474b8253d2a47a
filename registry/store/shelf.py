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
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # names and marks are nobody else's to read
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), 0o600)
            os.replace(temporary, self._folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def settle(self) -> None:
        """Bring everything put to the disk: only then may it be written down as delivered."""
        os.sync()  # one for all files: a sync for each of a million would take longer than issuing them

    def get(self, name: str) -> bytes | None:
        """Read a file; None = there is none."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return (self._folder / name).is_file()

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self._folder / name
