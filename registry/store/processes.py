"""Names for processes of this machine, by which others can tell that one has ended, however it ended.

A name has the boot and the process namespace that it is good in, the process's number, and when it began, since numbers
are given again: `BOOT/NAMESPACE/PID/BEGAN`. Where the kernel shows no /proc it is `-/HOST/PID/-`, and nobody can tell.
"""

import os
import socket
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_BEGAN: Final = 19
"""Place of `starttime` (clock ticks since boot) behind the name in /proc/PID/stat, see proc(5); the state is first."""
_ENDED_STATES: Final = frozenset({"Z", "X", "x"})


def this_process() -> str:
    """Name the process that asks."""
    pid = os.getpid()
    found = _stat(pid)
    if found is None:
        return f"-/{socket.gethostname()}/{pid}/-"
    return f"{_place()}/{pid}/{found[1]}"


def has_ended(process: str) -> bool:
    """Tell whether a process has surely ended; False where that cannot be known from here."""
    place, pid, began = process.rsplit("/", 2)
    if began == "-" or place != _place():
        return False
    found = _stat(int(pid))
    return found is None or found[0] in _ENDED_STATES or found[1] != began


def _place() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return "-"


def _stat(pid: int) -> tuple[str, str] | None:
    """Read a process's state and when it began; None = there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[_BEGAN]
