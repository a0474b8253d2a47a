"""What commands remember of the command line is forgotten between tests: they share one process."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from api.cli import main
from api.terminal import repeat_home


@pytest.fixture(autouse=True)
def _no_home_named() -> Iterator[None]:
    repeat_home(None, None)
    yield
    repeat_home(None, None)


class Done(NamedTuple):
    """How a run of the command line ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def vermilion(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Done]:
    """Run the whole command line, as a process in `tmp_path` whose output goes into a pipe, but in this process.

    That a process does the same, a test beside each use of this says: to begin one takes longer than most commands.
    """

    def run(*words: str, **surroundings: str) -> Done:
        capsys.readouterr()
        with monkeypatch.context() as here, Path(os.devnull).open(encoding="utf-8") as nothing:
            for name in [one for one in os.environ if one.startswith(("VERMILION", "LC_", "LANG"))]:
                here.delenv(name)
            for name, value in surroundings.items():
                here.setenv(name, value)
            here.chdir(tmp_path)
            here.setattr(sys, "argv", ["vermilion", *words])
            here.setattr(sys, "stdin", nothing)
            with pytest.raises(SystemExit) as end:
                main()
        repeat_home(None, None)
        return Done(end.value.code or 0, *capsys.readouterr())  # type: ignore[arg-type]  # a number or none

    return run
