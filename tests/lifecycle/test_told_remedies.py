"""What goes wrong is told with a remedy that is true, and each command in it is accepted as it is told."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.failures import print_error
from api.commands.setup import demo_installation, running_node
from api.founding import make_installation
from api.terminal import repeat_home
from api.wiring import Home
from registry.access import NotAllowed, NotInState
from registry.anchor.differences import Name
from registry.anchor.states import AnchorState
from registry.kernel.errors import RegistryError
from registry.ports import LedgerForeign
from registry.ports.alarms import WritingHalted
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.store import Shelf
from registry.workflows.chain.halt import raise_alarm
from registry.workflows.chain.status_operations import NotApproved
from registry.workflows.desk.work_off import BundlesUnwritable
from registry.workflows.issuance import issue
from tests.lifecycle.batch_house import PROGRAMME, House, make_examined
from tests.lifecycle.house_accounts import open_house
from tests.unit.api.test_next_commands import printed_in


class Told(House):
    """The commands of an installation, all that they print, and what is printed of an error that ends them."""

    def say(self, *words: str, refused: str | None = None, exit_code: int = 0) -> str:
        """Run a command that succeeds, or that is refused with a code; give data, notes and the error's text."""
        result = CliRunner().invoke(app, [*words, "--home", str(self.path)])
        error = result.exception
        code = error.code if isinstance(error, RegistryError) else None
        assert code == refused, (words, result.output, error)
        if not isinstance(error, RegistryError):
            assert result.exit_code == exit_code, (words, result.output)
            return result.output
        with redirect_stderr(StringIO()) as printed:
            print_error(error)
        return result.output + printed.getvalue()

    def commands(self, text: str) -> list[str]:
        """Every command that a text tells, without the folder; each can be run as it stands."""
        found = [one for line in text.splitlines() for one in printed_in(line)]
        return [one.replace(f" --home {self.path}", "") for one in found]


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_examined(tmp_path_factory.mktemp("examined") / "home")
    home = Home(made)
    open_house(home)
    home.store.close()
    return made


@pytest.fixture
def house(examined: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.setenv("VERMILION_LANG", "en")
    yield Told(Path(shutil.copytree(examined, tmp_path / "home")))
    repeat_home(None, None)


def fill_disk(patched: pytest.MonkeyPatch) -> None:
    def refuse(self: Shelf, name: str, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    patched.setattr(Shelf, "put", refuse)


# — what is asked of a batch that does not wait for it —


def reserve(house: Told, level: str) -> str:
    home = house.home
    reserved = issue._reserve(
        home.store, home.clock, home.catalogue, home.body, home.credential_signer(),
        programme=PROGRAMME, level=level, person="maker-1", key=None,
    )  # fmt: skip
    return reserved.id


def test_sending_what_is_only_reserved_is_told_to_go_on_signing(house: Told) -> None:
    name = reserve(house, "1")
    text = house.say("batch", "issue", name, refused=NotApproved.code)
    assert "not all credentials are signed" in text
    assert "second person" not in text
    (command,) = house.commands(text)
    assert command == f"vermilion batch status {name}"
    assert "batch propose" in house.stands(name)[1]
    house.goes_on(name, "reserved", "sealed")


def test_what_a_batch_does_not_wait_for_is_told_with_what_shows_its_next_step(house: Told) -> None:
    reserved = reserve(house, "1")
    text = house.say("batch", "approve", reserved, "--as", "approver-1", refused=NotInState.code)
    assert house.commands(text) == [f"vermilion batch status {reserved}"]
    assert "correction" not in text
    given_up = house.proposed("2")
    house.say("batch", "cancel", given_up, "--as", "maker-1")
    again = house.say("batch", "cancel", given_up, "--as", "maker-1", refused=NotInState.code)
    assert house.commands(again) == [f"vermilion batch status {given_up}"]
    for command in house.commands(text + again):
        house.take(command)


def test_a_batch_given_up_whose_people_are_in_another_proposes_none_of_them(house: Told) -> None:
    given_up = house.proposed("2")
    house.say("batch", "cancel", given_up, "--as", "maker-1")
    situation, command = house.stands(given_up)
    assert (situation, "batch propose" in command) == ("cancelled", True)
    house.take(command)
    situation, command = house.stands(given_up)
    assert (situation, command) == ("proposed-anew", "vermilion batch list")
    house.take(command)
    assert "in another batch by now" in house.say("batch", "status", given_up)


def test_an_alarm_is_told_before_anything_is_shown_to_be_signed(house: Told) -> None:
    name = house.proposed("1")
    home = house.home
    with home.store.write() as unit:
        raise_alarm(unit, home.clock.now(), code=Name.NONCE_AHEAD, subject=home.sender().address, detail="here 1")
    text = house.say("batch", "approve", name, "--as", "approver-1", refused=WritingHalted.code)
    assert "To be approved" not in text
    assert "vermilion halt show" in house.commands(text)
    text = house.say("batch", "issue", name, refused=WritingHalted.code)
    assert "vermilion batch approve" not in text
    (alarm,) = [one for one in house.commands(house.say("halt", "show", exit_code=3)) if "--reason" in one]
    house.take(alarm.replace("…", "'it was ours'").replace("NAME", "operator-1"))
    house.goes_on(name, "sealed", "approved", "delivered")


def test_a_wrong_node_is_told_to_have_stopped_everybody(house: Told, tmp_path: Path) -> None:
    name = house.approved("1")
    house.home.catch_up()
    other = Home(tmp_path / "other")
    make_installation(other, demo_installation(), lambda what, text: None)
    with running_node(other, 0) as url:
        text = house.say("batch", "issue", name, "--node", url, refused=LedgerForeign.code)
    with house.home.store.read() as unit:
        (alarm,) = unit.alarms.open()
    assert f"alarm {alarm.id}: nothing of this installation goes to the chain" in text
    assert "vermilion halt show" in house.commands(text)
    shown = house.say("halt", "show", exit_code=3)
    (command,) = [one for one in house.commands(shown) if "--reason" in one]
    house.take(command.replace("…", "'the address was wrong'").replace("NAME", "operator-1"))
    assert "alarm" not in house.say("batch", "issue", name)


def test_roles_are_given_without_taking_those_that_somebody_has(house: Told) -> None:
    text = house.say("batch", "propose", "--level", "1", "--as", "clerk-1", refused=NotAllowed.code)
    assert "taken away" in text
    (command,) = [one for one in house.commands(text) if "account role" in one]
    house.run(*command.replace("NAME", "clerk-1").replace("OLD", "exam-clerk").replace("NEW", "maker").split()[1:],
              "--as", "operator-1")  # fmt: skip
    with house.home.store.read() as unit:
        assert set(unit.accounts.account("clerk-1").roles) == {"exam-clerk", "maker"}


# — recorded, and not delivered —


def test_a_full_disk_while_bundles_are_written_is_told_with_the_command_that_goes_on(
    house: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = house.approved("1")
    with monkeypatch.context() as patched:
        fill_disk(patched)
        text = house.say("batch", "issue", name, refused=BundlesUnwritable.code)
    assert f"batch {name} is recorded for good" in text
    assert "No space left on device" in text
    assert "the path that is named" not in text
    assert f"next: vermilion batch issue --home {house.path} {name}" in text
    assert house.stands(name)[0] == "undelivered"
    doctor = house.say("doctor")
    assert f"recorded, and bundles are not all written: {name}" in doctor
    assert f"vermilion batch issue {name}" in house.commands(doctor)
    assert "no batch or request was cut off" not in doctor
    assert re.search(rf"{name} .* final  not delivered ", house.say("batch", "list"))
    assert f"next: vermilion batch issue --home {house.path} {name}" in house.say("audit", "fsck")

    house.take(f"vermilion batch issue {name}")
    assert "not delivered" not in house.say("batch", "list")
    assert "no batch or request was cut off" in house.say("doctor")
    assert "batch issue" not in house.say("audit", "fsck")


def test_of_a_correction_that_is_recorded_it_is_said_that_the_old_certificate_stands(house: Told) -> None:
    first = house.approved("1")
    house.say("batch", "issue", first)
    number = re.findall(r"DEMO-EEC-\d{4}-[0-9A-Z]{11}", house.say("cert", "list", "--batch", first))[0]
    why = ("--reason", "the roster had another character", "--as", "maker-1")
    corrected = house.say("cert", "correct", number, "--name", "欧阳子夏", *why)
    name = next(one for one in re.findall(r"B-\d{4}-\d\d-\d{4}", corrected) if one != first)
    house.goes_on(name, "sealed", "approved")
    house.cut_off_at(name, AnchorState.FINAL)
    told = house.say("batch", "status", name)
    assert "is not replaced yet, and stands as before" in told
    assert "bundles are not all written" not in told + house.say("doctor")
    assert re.search(rf"{name} .* final  not delivered ", house.say("batch", "list"))
    house.goes_on(name, "successor-recorded", "delivered")


def test_a_desk_that_finds_a_task_in_the_hands_of_another_says_so(house: Told) -> None:
    home, now = house.home, house.home.clock.now()
    with home.store.write() as unit:
        task = unit.next_name("T", now)
        unit.tasks.add(
            Task(
                id=task,
                kind=TaskKind.SEND_BATCH,
                subject="B-1",
                asked_by="maker-1",
                asked_at=now,
                state=TaskState.QUEUED,
            )
        )
        unit.tasks.claim("killed", now, now + timedelta(minutes=5))
    assert f"{task} is in the hands of another desk" in house.say("desk", "--once")
