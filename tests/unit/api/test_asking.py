"""Whoever is asked on a terminal sees the question for as long as they think, also in the middle of long work."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORK = """
import time
from api.terminal import asked, progress, typed_secret
{setting}
with progress("check") as update:
    update(1, 6002)
    time.sleep(0.3)  # long enough for the bar to be drawn
    {asks}
    update(6001, 6002)
    time.sleep(0.3)
print("ended")
"""
UNBLINKING = "import api.terminal; api.terminal._clear_bar = lambda: None"
THINKS_FOR = 0.6
"""Seconds without an answer, in which a bar is drawn about six times."""


def screen_while(asks: str, question: bytes, *, setting: str = "") -> tuple[bytes, bytes]:
    """Give what a terminal was sent between a question and its answer, and what after that."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(asks=asks, setting=setting)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100", "VERMILION_LANG": "en"},
        start_new_session=True,  # else a passphrase is asked for on the terminal that the tests run on
    )
    os.close(theirs)
    try:
        before = read_until(ours, lambda seen: question in seen, 20)
        assert b"check" in before, "no bar was drawn"
        while_asked = read_until(ours, lambda _: False, THINKS_FOR)
        os.write(ours, b"y\n")
        after = read_until(ours, lambda seen: b"ended" in seen, 20)
        assert process.wait(10) == 0
    finally:
        process.kill()
        os.close(ours)
    return before.partition(question)[2] + while_asked, after


def read_until(descriptor: int, found: Callable[[bytes], bool], seconds: float) -> bytes:
    seen, until = b"", time.monotonic() + seconds
    while not found(seen) and (left := until - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            try:
                seen += os.read(descriptor, 65536)
            except OSError:  # how a terminal whose other side is closed ends
                break
    return seen


ASKS = [
    ('assert asked("Sign this approval?")', b"Sign this approval? [y/N]"),
    ('assert typed_secret("passphrase (approver): ") == "y"', b"passphrase (approver):"),
]


@pytest.mark.parametrize(("asks", "question"), ASKS, ids=["question", "passphrase"])
def test_the_bar_of_long_work_is_over_before_anything_is_asked(asks: str, question: bytes) -> None:
    while_asked, after = screen_while(asks, question)
    assert while_asked.strip() == b""
    assert b"6001/6002" in after  # and goes on once there is an answer


def test_control_a_bar_that_goes_on_wipes_the_question_away() -> None:
    while_asked, _ = screen_while(*ASKS[0], setting=UNBLINKING)
    assert b"\x1b[2K" in while_asked


def test_every_question_is_asked_where_the_bar_is_known() -> None:
    asking = ("getpass.getpass(", "sys.stdin.readline(", "input(")
    rooms = (path for room in ("api", "node", "registry") for path in (ROOT / room).rglob("*.py"))
    found = {
        path.relative_to(ROOT).as_posix() for path in rooms if any(one in path.read_text("utf-8") for one in asking)
    }
    assert found == {"api/terminal.py"}
