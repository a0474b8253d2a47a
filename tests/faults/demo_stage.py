"""A stage on which commands of ours are played, and struck at the instant that a test names.

As a script it is a warm process (importing the chain's libraries takes seconds) that runs each command in a forked
child. Inside the child every instant at which something is about to be kept, or has just been kept, has a name:
`commit batches.sign#2` is the instant before the second signed transaction of a batch is kept, `committed …` the one
after. At the named instant the child kills or interrupts itself. Nothing else about the command is changed, but that
credentials are signed 20 at a time, so that a small batch is signed in several pieces too, and that a dead desk's lease
ends after a second.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INTERRUPTED = 130
LEASE_SECONDS = 1.0
SILENCE_SECONDS = 2.0
"""How long a node that does not answer is waited for, and a database that another process writes to."""
_KEEPING = frozenset(
    [
        "add_roster",
        "decide",
        "add_sheet",
        "confirm",
        "reserve",
        "add_certificates",
        "add_credentials",
        "seal",
        "approve",
        "sign",
        "move",
        "place",
        "deliver",
        "add",
        "extend",
        "claim",
        "finish",
    ]
)


# --- the test's side


@dataclass(frozen=True, slots=True)
class Played:
    """What a command left behind: exit code (negative: the signal it died of), and what it printed."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def killed(self) -> bool:
        return self.exit_code == -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Playing:
    """A command under way."""

    stage: "Stage"
    pid: int
    folder: Path

    @property
    def prints(self) -> tuple[Path, Path]:
        """Where stdout and stderr go."""
        return self.folder / "stdout", self.folder / "stderr"

    def wait(self) -> Played:
        """Wait for its end."""
        return self.stage.wait(self)

    def reaches(self, *, within: float = 20) -> bool:
        """Wait until it has stopped itself at the instant it was to be struck at; False = it ended before."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            state = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
            if state in "TZ":
                return state == "T"
            time.sleep(0.01)
        raise AssertionError("neither struck nor ended")

    def go_on(self) -> None:
        """Let it go on from where it stopped itself."""
        os.kill(self.pid, signal.SIGCONT)  # not waited for yet, so that the number is still its own

    def kill(self) -> None:
        """Kill it, whatever it is at."""
        os.kill(self.pid, signal.SIGKILL)


class Stage:
    """Starts commands; one at a time or side by side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "VERMILION_LANG": "en"},
        )
        assert self._asked({"ask": "ready"}) == {"ready": True}

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    def start(
        self,
        *words: str,
        home: Path,
        strike: str | None = None,
        how: signal.Signals = signal.SIGKILL,
        instants: Path | None = None,
        naive: str | None = None,
        stdin: Path | None = None,
        clock: float = 0,
    ) -> Playing:
        """Start a command on a data folder.

        `strike` names the instant at which it is struck (`commit *`: the first of its kind), `instants` a file that
        takes down all instants, `naive` a variant of the issuing step for controls, `clock` by how many seconds its
        clock is wrong.
        """
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir(parents=True)
        answer = self._asked(
            {
                "ask": "start",
                "words": [*words, "--home", str(home)],
                "folder": str(folder),
                "strike": strike,
                "how": int(how),
                "instants": str(instants) if instants else None,
                "naive": naive,
                "stdin": str(stdin or os.devnull),
                "clock": clock,
            }
        )
        return Playing(self, answer["pid"], folder)

    def play(self, *words: str, home: Path, **how: Any) -> Played:
        """Run a command to its end."""
        return self.start(*words, home=home, **how).wait()

    def demo(self, home: Path, **how: Any) -> Played:
        """Run the demonstration."""
        return self.play("demo", "--no-serve", home=home, **how)

    def wait(self, playing: Playing) -> Played:
        status = self._asked({"ask": "wait", "pid": playing.pid})["status"]
        printed = [path.read_text("utf-8") if path.exists() else "" for path in playing.prints]
        return Played(os.waitstatus_to_exitcode(status), *printed)

    def _asked(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]


def copied(home: Path, to: Path) -> Path:
    """Copy a data folder on which nothing runs."""
    shutil.copytree(home, to)
    return to


# --- the warm process


def _serve() -> None:
    import api.cli
    import api.demonstration
    import api.founding
    import api.serving
    import registry.workflows.desk.work_off  # noqa: F401
    from api.commands import doors
    from tests.faults.harness.fulfilling import fulfil

    api.cli.app.command()(fulfil)
    doors.DOORS = {**doors.DOORS, "fulfil": doors.Door(way=doors.Way.LOOKS)}  # type: ignore[misc]
    for line in sys.stdin:
        request = json.loads(line)
        match request["ask"]:
            case "ready":
                answer: dict[str, Any] = {"ready": True}
            case "start":
                pid = os.fork()
                if pid == 0:
                    _child(request, api.cli.main)
                answer = {"pid": pid}
            case _:
                answer = {"status": os.waitpid(request["pid"], 0)[1]}
        os.write(1, json.dumps(answer).encode() + b"\n")


def _child(request: dict[str, Any], main: Callable[[], None]) -> None:
    from tests.faults.harness import naive

    code = 70
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            handle = os.open(Path(request["folder"]) / name, os.O_WRONLY | os.O_CREAT)
            os.dup2(handle, number)
        os.dup2(os.open(request["stdin"], os.O_RDONLY), 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        instants = Instants(request["strike"], signal.Signals(request["how"]), request["instants"])
        _watch(instants)
        _set_clock(request["clock"])
        if request["naive"]:
            naive.VARIANTS[request["naive"]](instants.reach)
        sys.argv = ["vermilion", *request["words"]]
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Instants:
    """Counts the instants that are reached, and strikes at the named one."""

    def __init__(self, strike: str | None, how: signal.Signals, taken_down: str | None) -> None:
        self._strike, self._how = strike, how
        self._file = open(taken_down, "a", encoding="utf-8") if taken_down else None  # noqa: SIM115 - lives as long as the process
        self._seen: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        self._seen[name] += 1
        numbered = f"{name}#{self._seen[name]}"
        if self._file is not None:
            self._file.write(numbered + "\n")
            self._file.flush()
        kind = f"{name.partition(' ')[0]} *"
        if self._strike in (name, numbered, kind):
            self._strike = None
            os.kill(os.getpid(), self._how)


class Noting:
    """One part of a unit of work; notes what it is asked to keep."""

    def __init__(self, part: Any, name: str, notes: list[str]) -> None:
        self._part, self._name, self._notes = part, name, notes

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._part, method)
        return partial(self._noted, method, found) if method in _KEEPING else found

    def _noted(self, method: str, found: Callable[..., Any], *positional: Any, **named: Any) -> Any:
        wanted = f" {positional[2].value}" if method == "move" else ""
        self._notes.append(f"{self._name}.{method}{wanted}")
        return found(*positional, **named)


def _set_clock(wrong_by: float) -> None:
    from api.clock import SystemClock

    if wrong_by:
        right = SystemClock.now
        SystemClock.now = lambda clock: right(clock) + timedelta(seconds=wrong_by)  # type: ignore[method-assign]


def _watch(instants: Instants) -> None:
    import node.embedded.storage as chain_file
    from api import wiring
    from node.client.ledger import Web3Ledger
    from registry.store import migrating
    from registry.store.database import Database
    from registry.workflows.desk import claimed
    from registry.workflows.issuance import issue

    Web3Ledger.over_http.__func__.__kwdefaults__["read_seconds"] = SILENCE_SECONDS
    wiring.open_database.__kwdefaults__["busy_seconds"] = SILENCE_SECONDS
    issue._AT_ONCE = issue._PHOTOGRAPHS_AT_ONCE = 20
    claimed.LEASE, claimed._BEAT_SECONDS = timedelta(seconds=LEASE_SECONDS), LEASE_SECONDS / 4  # type: ignore[misc]
    whole = Database.write

    @contextlib.contextmanager
    def write(database: Database) -> Iterator[Any]:
        notes: list[str] = []
        with whole(database) as unit:
            for name in ("enrolments", "marks", "batches", "status_requests", "projection", "tasks"):
                setattr(unit, name, Noting(getattr(unit, name), name, notes))
            yield unit
            if notes:
                instants.reach(f"commit {notes[0]}")
        if notes:
            instants.reach(f"committed {notes[0]}")

    Database.write = write  # type: ignore[method-assign]
    _around(instants, Web3Ledger, "broadcast", lambda *_: "send")
    _around(instants, chain_file.ChainFile, "write_genesis", lambda *_: "genesis")
    _around(instants, chain_file.ChainFile, "write_block", lambda *_: "block")
    _around(instants, migrating.command, "upgrade", lambda *_: "tables")
    _around(instants, os, "replace", lambda _, to: f"file {_kind(to)}")
    _around(instants, os, "link", lambda _, to: f"file {_kind(to)}")


def _kind(path: Any) -> str:
    name = Path(os.fspath(path)).name
    return "bundle" if name.endswith(".bundle.json") else "pdf" if name.endswith(".pdf") else name


def _around(instants: Instants, owner: Any, name: str, named: Callable[..., str]) -> None:
    """Name the instants before and after a call."""
    found = getattr(owner, name)

    def called(*positional: Any, **options: Any) -> Any:
        instant = named(*positional[:2]) if owner is os else named()
        instants.reach(f"before {instant}")
        result = found(*positional, **options)
        instants.reach(f"after {instant}")
        return result

    setattr(owner, name, called)


if __name__ == "__main__":
    _serve()
