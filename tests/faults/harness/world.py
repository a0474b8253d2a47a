"""A small installation on which faults are tried: made once and copied, with candidates who wait for certificates.

It knows what was asked of the registry, so that what came of it can be held against that.
"""

import csv
import io
import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from api.commands.setup import demo_installation
from api.demo_data import sample_roster
from api.demonstration import PROGRAMME
from api.founding import make_installation
from api.wiring import Home
from registry.kernel.calendar import CHINA_TIME
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from tests.faults.demo_stage import Played, Playing, Stage
from tests.faults.harness.fulfilling import APPROVER, MAKER

LEVELS = {"1": "高级", "2": "中级", "3": "初级"}
_DRAWN = 60
"""Of so many made-up people the first few of a level are taken."""


@dataclass
class World:
    """One data folder, the stage on which commands are played on it, and what was asked for."""

    path: Path
    stage: Stage | None
    requests: dict[str, str] = field(default_factory=dict)
    """Idempotency key → level, of everything that was asked for and not refused."""
    changed: int = 0
    """How many certificates are suspended or revoked, by one change each."""
    dated_ahead: int = 0
    """How many certificates were dated by a clock that was ahead, and are not valid yet."""
    naive: str | None = None
    """The variant that commands are played in, where it is a control."""
    foreign_transactions: int = 0
    """How many transactions the sender's account made that are not the registry's."""

    @contextmanager
    def home(self) -> Iterator[Home]:
        """Open the installation in this process."""
        home = Home(self.path)
        try:
            yield home
        finally:
            if "store" in home.__dict__:
                home.store.close()

    # — asking for things —

    def play(self, *words: str, **how: object) -> Played:
        """Run a command to its end."""
        return self.start(*words, **how).wait()

    def start(self, *words: str, **how: object) -> Playing:
        """Start a command."""
        assert self.stage is not None
        return self.stage.start(*words, home=self.path, **{"naive": self.naive, **how})  # type: ignore[arg-type]

    def asks(self, key: str, level: str = "3", *, wait: int = 20, **how: object) -> Played:
        """Ask for a batch, from its proposal to its delivery."""
        return self.asking(key, level, wait=wait, **how).wait()

    def asking(self, key: str, level: str = "3", *, wait: int = 20, **how: object) -> Playing:
        """Begin to ask for a batch."""
        self.requests[key] = level
        return self.start("fulfil", level, key, "--wait", str(wait), **how)

    def proposes(self, key: str, level: str = "3", **how: object) -> Played:
        """Ask for a batch and leave it to be approved."""
        return self.proposing(key, level, **how).wait()

    def proposing(self, key: str, level: str = "3", **how: object) -> Playing:
        """Begin to ask for a batch that somebody else approves."""
        self.requests[key] = level
        return self.start("batch", "propose", "--level", level, "--key", key, "--as", MAKER, "--json", **how)

    def approves(self, batch: str, **how: object) -> Played:
        """Approve a batch as the second person."""
        return self.play("batch", "approve", batch, "--as", APPROVER, **how)

    def issues(self, batch: str, *, wait: int = 20, **how: object) -> Played:
        """Take a batch to the chain and deliver it."""
        return self.play("batch", "issue", batch, "--wait", str(wait), "--json", **how)

    def approved(self, key: str, level: str = "3") -> str:
        """Ask for a batch and have it approved; gives its name."""
        proposed = self.proposes(key, level)
        assert proposed.exit_code == 0, proposed
        name = str(json.loads(proposed.stdout)["id"])
        assert self.approves(name).exit_code == 0
        return name

    def batch_of(self, key: str) -> str:
        """Name the batch that was made for a key."""
        with self.home() as home, home.store.read() as unit:
            found = unit.batches.of_key(key)
        assert found is not None
        return found.id

    def state_of(self, batch: str) -> str:
        """Tell where a batch stands."""
        with self.home() as home, home.store.read() as unit:
            return unit.batches.batch(batch).state.value

    # — around it —

    def use_node(self, url: str | None) -> None:
        """Name the node in the configuration, as an operator would; None = the folder's own."""
        path = self.path / "vermilion.toml"
        lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("node_url")]
        if url is not None:
            lines.insert(lines.index("[chain]") + 1, f'node_url = "{url}"')
        path.write_text("\n".join(lines) + "\n", "utf-8")

    def set_floor(self, megabytes: int) -> None:
        """Say below how much free room nothing new is accepted."""
        path = self.path / "vermilion.toml"
        text, changed = re.subn(r"floor_megabytes = \d+", f"floor_megabytes = {megabytes}", path.read_text("utf-8"))
        assert changed == 1
        path.write_text(text, "utf-8")

    def lift_alarms(self) -> list[str]:
        """Lift what halts writing, as a person who has looked; gives the codes of the alarms."""
        with self.home() as home, home.store.read() as unit:
            open_ones = unit.alarms.open()
        if open_ones:
            names = [one.id for one in open_ones]
            lifted = self.play("halt", "lift", *names, "--reason", "looked at in the test", "--as", "operator-1")
            assert lifted.exit_code == 0, lifted
        return [one.code for one in open_ones]

    def copied(self, to: Path) -> "World":
        """Copy the folder, on which nothing runs."""
        shutil.copytree(self.path, to)
        return replace(self, path=to, requests=dict(self.requests))

    def contents(self) -> dict[str, list[tuple[object, ...]]]:
        """Give every row of every table, to be compared."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}/registry.db?mode=ro", uri=True)) as connection:
            names = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {
                name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
                for name in names
                if name not in READING and not name.startswith(("sqlite_", "seen_"))
            }


READING = frozenset({"chain_record", "chain_word", "chain_successor", "chain_head"})
"""Tables that hold what was read of the chain: to read is no half of anything."""


def found(path: Path, stage: Stage, *, each: int = 3) -> World:
    """Make an installation with `each` candidates of every level who have passed."""
    make_installation(Home(path), demo_installation(), lambda what, text: None)
    made = World(path, stage)
    enrol(made, seed=1, wanted=dict.fromkeys(LEVELS, each))
    return made


def enrol(world: World, *, seed: int, wanted: dict[str, int]) -> None:
    """Enrol candidates (level → how many) and confirm that they have passed."""
    with world.home() as home:
        programme = home.catalogue.programme(PROGRAMME)
        roster = roster_of(seed, wanted)
        imported = import_roster(home.store, home.clock, programme, roster, person="clerk-1")
        decide_applications(home.store, home.clock, home.catalogue, home.issuer, person="clerk-1")
        with home.store.read() as unit:
            admitted = unit.enrolments.applications(roster=imported.roster.id, eligible=True)
            marks = "准考证号,成绩\r\n" + "".join(f"{one.admission},80\r\n" for one in admitted)
        today = home.clock.now().astimezone(CHINA_TIME).date()
        sheet = record_scores(
            home.store, home.clock, programme, marks.encode(), examined_on=today, person="clerk-1"
        ).sheet
        confirm_sheet(home.store, home.clock, sheet.id, person="clerk-2")


def roster_of(seed: int, wanted: dict[str, int]) -> bytes:
    """Write a roster with so many of each level, all of them eligible."""
    # Fewer than 20 rows at a time are all eligible.
    headings, *_ = drawn = [
        row
        for part in range(_DRAWN // 15)
        for row in csv.reader(io.StringIO(sample_roster(seed=seed * 1000 + part, count=11).decode()))
    ]
    place = headings.index("级别")
    chosen = [headings]
    for level, count in wanted.items():
        chosen += [row for row in drawn if row[place] == LEVELS[level]][:count]
    assert len(chosen) == 1 + sum(wanted.values())
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(chosen)
    return text.getvalue().encode()
