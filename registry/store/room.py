"""Whether the disk has room: asked before something new is accepted, so that what was accepted can be finished."""

import os
from pathlib import Path
from typing import Final

from registry.ports.storage import DiskLow

FLOOR_BYTES: Final = 512 << 20
"""Free bytes below which nothing new is accepted, where the installation names no other floor."""


def require_room(folder: Path, floor_bytes: int) -> None:
    """Check how much is free on the disk of a folder. Raises DiskLow, OSError."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < floor_bytes:
        raise DiskLow(free, floor_bytes)
