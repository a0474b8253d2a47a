"""An installation whose candidates wait for certificates, its commands, and ways to be cut off."""

import json
import shlex
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.setup import demo_installation
from api.demo_data import sample_roster, sample_scores
from api.errors import exit_code as exit_code_of
from api.founding import make_installation
from api.wiring import Home
from registry.anchor.states import AnchorState
from registry.kernel.errors import RegistryError
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores

PROGRAMME = "AIGC-APP-ENG"
NOBODY = {"VERMILION_PERSON": "nobody is named"}
"""Surroundings in which a command that has to name who acts, and does not, is refused."""


class CutOff(Exception):
    """The process ends here."""


class House:
    """An installation, its commands, and ways to be cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def home(self) -> Home:
        return Home(self.path)

    def run(self, *words: str, exit_code: int = 0, env: Mapping[str, str] | None = None) -> str:
        result = CliRunner().invoke(app, [*words, "--home", str(self.path)], env=env)
        error = result.exception
        found = exit_code_of(error) if isinstance(error, RegistryError) else result.exit_code
        assert found == exit_code, (words, result.output, error)
        return result.stdout

    def stands(self, name: str) -> tuple[str, str]:
        """Situation and next command, without the folder that was named and is named in it again."""
        told = json.loads(self.run("batch", "status", name, "--json"))
        where = f" --home {self.path}"
        assert where in told["next"]
        return told["situation"], told["next"].replace(where, "")

    def take(self, command: str, exit_code: int = 0) -> None:
        """Run a command as it was told, by whom it names: of a batch who proposed it, or a second person."""
        words = shlex.split(command.replace("SOMEBODY-ELSE", "approver-1"))
        assert words[0] == "vermilion"
        if words[1:3] == ["batch", "propose"]:  # anybody may go on with it: who it should be is told
            assert "--as maker-1" in command, command
        self.run(*words[1:], exit_code=exit_code, env=NOBODY)

    def goes_on(self, name: str, *situations: str) -> None:
        """Follow the advice from the first situation to the last."""
        for expected in situations:
            situation, command = self.stands(name)
            assert situation == expected, (situation, command)
            if expected != situations[-1]:
                self.take(command)

    def proposed(self, level: str) -> str:
        told = self.run("batch", "propose", "--level", level, "--as", "maker-1", "--json")
        return str(json.loads(told)["id"])

    def approved(self, level: str) -> str:
        name = self.proposed(level)
        self.run("batch", "approve", name, "--as", "approver-1")
        return name

    def cut_off_at(self, name: str, state: AnchorState) -> None:
        home = self.home

        def told(subject: str, reached: str) -> None:
            if reached == state:
                raise CutOff

        with home.chain(writing=True) as ledger:
            desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock, told=told)
            with pytest.raises(CutOff):
                anchor_batch(desk, name)


def make_examined(path: Path) -> Path:
    """Make an installation in which everybody is examined and waits for a certificate."""
    make_installation(Home(path), demo_installation(), lambda what, text: None)
    home = Home(path)
    programme = home.catalogue.programme(PROGRAMME)
    import_roster(home.store, home.clock, programme, sample_roster(count=40), person="clerk-1")
    decide_applications(home.store, home.clock, home.catalogue, home.issuer, person="clerk-1")
    with home.store.read() as unit:
        scores = sample_scores(unit.marks.awaited(PROGRAMME))
    sheet = record_scores(
        home.store, home.clock, programme, scores, examined_on=date(2026, 11, 8), person="clerk-1"
    ).sheet
    confirm_sheet(home.store, home.clock, sheet.id, person="clerk-2")
    home.store.close()
    return path
