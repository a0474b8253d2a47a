"""Commands that are told run as they are told; and what is told of replacements, from asking to the record."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.requests import GoesWithBatch
from api.demo_data import NEXT_SEED, sample_roster, sample_scores
from api.errors import exit_code as exit_code_of
from api.terminal import repeat_home
from registry.anchor.situations import Situation
from registry.kernel.errors import RegistryError
from registry.ports.storage import NotHere
from registry.workflows.chain.halt import raise_alarm
from tests.lifecycle.batch_house import PROGRAMME, House, make_examined
from tests.lifecycle.house_accounts import open_house
from tests.unit.api.test_next_commands import fault_of, printed_in

WHY = "the roster had another character"
TOLD = re.compile(r"(?:next: |→ |to give it up: |to make their batches: |look first: )(vermilion .*)")


class Desk(House):
    """The commands of an installation with accounts, whose whole output is seen; each command told is looked at."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.told: list[str] = []

    def say(self, *words: str, exit_code: int = 0) -> str:
        """Run a command; give data and notes."""
        result = CliRunner().invoke(app, [*words, "--home", str(self.path)])
        error = result.exception
        found = exit_code_of(error) if isinstance(error, RegistryError) else result.exit_code
        assert found == exit_code, (words, result.output, error)
        for command in TOLD.findall(result.output):
            (cut,) = printed_in(command)
            assert fault_of(cut) is None
            assert f"--home {self.path}" in cut, cut
            self.told.append(cut)
        return result.output

    def json(self, *words: str) -> object:
        return json.loads(self.run(*words, "--json"))

    def follow(self, telling: str, **people: str) -> str:
        """Run the one command that a text tells next."""
        (command,) = re.findall(r"next: (vermilion .*)", telling)
        for placeholder, person in people.items():
            command = command.replace(placeholder.replace("_", "-"), person)
        return self.say(*shlex.split(command)[1:])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory):
    chosen = pytest.MonkeyPatch()
    chosen.setenv("VERMILION_LANG", "en")
    desk = Desk(make_examined(tmp_path_factory.mktemp("following") / "home"))
    home = desk.home
    open_house(home)
    home.store.close()
    yield desk
    chosen.undo()
    repeat_home(None, None)


@pytest.fixture(scope="module")
def numbers(desk: Desk) -> list[str]:
    """The certificates of a delivered batch, brought about by running what is told, from the confirmed sheet on."""
    assert "no corrections or renewals yet" in desk.say("cert", "replacements")
    assert "no correction or renewal waits" in desk.say("cert", "replacements", "--waiting")
    assert desk.json("cert", "replacements") == []
    empty = desk.say("batch", "list")
    assert "no batches yet" in empty
    sealed = desk.follow(empty.replace("LEVEL", "高级"), NAME="maker-1")
    name = re.findall(r"B-2026-\d\d-\d{4}|B-\d{4}-\d\d-\d{4}", sealed)[0]
    assert f"no transaction was signed for {name} yet" in desk.say("sender", "status", name)
    approved = desk.follow(sealed, SOMEBODY_ELSE="approver-1")
    listed = desk.follow(desk.follow(approved))
    return re.findall(r"DEMO-EEC-\d{4}-[0-9A-Z]{11}", listed)


def test_a_replacement_that_was_asked_for_is_listed_shown_and_taken_on(desk: Desk, numbers: list[str]) -> None:
    first, second = numbers[:2]
    asking = ("--reason", WHY, "--as", "maker-1", "--later")
    later = desk.say("cert", "correct", first, "--name", "欧阳子夏", *asking)
    (one,) = re.findall(r"kept, in no batch yet: (X-\S+)", later)
    assert f"vermilion cert propose --home {desk.path} {one} --as maker-1" in later
    assert f"vermilion cert withdraw --home {desk.path} {one} --as maker-1" in later
    other = re.findall(r"(X-\d\S+)", desk.say("cert", "correct", second, "--name", "欧阳子张", *asking))[0]

    table = desk.say("cert", "replacements", "--waiting")
    for text in (one, other, f"{first}#1", "waits for a batch", f"cert propose --home {desk.path} {one} {other}"):
        assert text in table
    assert "欧阳" not in table + desk.run("cert", "replacements", "--json")
    assert [(row["id"], row["stage"]) for row in desk.json("cert", "replacements")] == [
        (one, "asked"),
        (other, "asked"),
    ]
    shown = desk.say("cert", "replacement", one)
    for text in (first, WHY, "欧阳子夏", "maker-1"):
        assert text in shown
    assert desk.json("cert", "replacement", one)["changes"][0]["after"] == "欧阳子夏"
    assert f"{one}  correction  waits for a batch" in desk.say("cert", "show", first)
    assert desk.json("cert", "show", first)["replacement"] == one
    doctor = desk.say("doctor")
    assert f"2 corrections and renewals in no batch yet: {one}, {other}" in doctor
    assert "nothing waits for a person" not in doctor

    proposed = desk.say("cert", "propose", one, other, "--as", "maker-1")
    (batch,) = set(re.findall(r"\n?batch +(B-\S+)", proposed))
    assert desk.say("cert", "propose", one, "--as", "maker-1").count(batch) >= 2  # the same batch again
    assert {row["stage"] for row in desk.json("cert", "replacements", "--batch", batch)} == {"under-way"}
    (request,) = {row["request"] for row in desk.json("batch", "status", batch)["supersedes"]}

    # It is given up with its batch, and that is named.
    refused = CliRunner().invoke(app, ["cert", "cancel", request, "--as", "maker-1", "--home", str(desk.path)])
    assert isinstance(refused.exception, GoesWithBatch)
    assert f"batch cancel {batch}" in str(refused.exception)

    # Who approves sees what changes, of the batch and of the request alike.
    for words in (("cert", "request", request), ("cert", "approve", request, "--as", "approver-1")):
        told = desk.say(*words)
        assert "欧阳子夏" in told
        assert "欧阳子张" in told
    approved = desk.say("batch", "approve", batch, "--as", "approver-1")
    assert "欧阳子夏" in approved

    rehearsed = desk.json("batch", "issue", batch, "--dry-run")
    assert (rehearsed["function"], [one["function"] for one in rehearsed["then"]]) == ("anchorBatch", ["supersede"])
    assert rehearsed["then"][0]["request"] == request
    in_words = desk.say("batch", "issue", batch, "--dry-run")
    assert in_words.index("anchorBatch") < in_words.index("supersede")
    assert "none of this was sent" in in_words

    issued = desk.say("batch", "issue", batch)
    for number in (first, second):
        assert re.search(rf"{number}#1 +{number}#2 +correction +{request} +final", issued)
    assert {row["stage"] for row in desk.json("cert", "replacements")} == {"done"}
    assert "being replaced" not in desk.say("cert", "show", first)
    assert json.loads(desk.run("batch", "issue", batch, "--dry-run", "--json")).keys().isdisjoint({"then"})

    # The timeline of the number holds its whole life: either registration, and the supersession between them.
    lived = desk.json("audit", "timeline", "--certificate", first)
    assert [(one["kind"], one["revisions"]) for one in lived] == [
        ("Anchored", [1]),
        ("Anchored", [2]),
        ("Superseded", [1]),
    ]
    assert [one["seq"] for one in lived] == sorted({one["seq"] for one in lived})
    told = desk.say("audit", "timeline", "--certificate", first)
    assert re.findall(r"revision (\d): DEMO-EEC (\w+)", told) == [
        ("1", "recorded"),
        ("2", "recorded"),
        ("1", "replaced"),
    ]
    assert [one["revisions"] for one in desk.json("audit", "timeline", "--certificate", numbers[2])] == [[1]]
    assert "revision" not in desk.say("audit", "timeline")


def test_a_batch_of_other_certificates_supersedes_nothing(desk: Desk, numbers: list[str]) -> None:
    (first, *_) = desk.json("batch", "list")
    assert "supersedes" not in desk.json("batch", "status", first["id"])
    assert "supersession" not in desk.say("batch", "status", first["id"])


def test_a_reserved_successor_is_told_how_to_go_on(desk: Desk, numbers: list[str], monkeypatch) -> None:
    def stopped(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("registry.workflows.replacement.replace.seal", stopped)
    CliRunner().invoke(
        app,
        [
            "cert",
            "correct",
            numbers[2],
            "--name",
            "欧阳子路",
            "--reason",
            WHY,
            "--as",
            "maker-1",
            "--home",
            str(desk.path),
        ],
    )
    monkeypatch.undo()
    name = next(one["id"] for one in desk.json("batch", "list") if one["state"] == "reserved")
    assert desk.stands(name)[0] == Situation.SUCCESSOR_RESERVED
    assert "Sealed" in desk.follow(desk.say("batch", "status", name))


def test_an_unknown_subject_of_the_sender_is_not_here(desk: Desk, numbers: list[str]) -> None:
    result = CliRunner().invoke(app, ["sender", "status", "B-1999-01-0001", "--home", str(desk.path)])
    assert isinstance(result.exception, NotHere)
    assert result.exception.kind == "batch or request"


def test_an_alarm_is_lifted_as_it_is_told_and_once(desk: Desk, numbers: list[str]) -> None:
    home = desk.home
    with home.store.write() as unit:
        alarm = raise_alarm(unit, home.clock.now(), code="anchor/root-taken", subject=numbers[0], detail="another")
    home.store.close()
    assert alarm is not None
    shown = desk.say("halt", "show", exit_code=3)
    (command,) = re.findall(r"→ (vermilion halt lift .*)", shown)
    filled = {"NAME": "operator-1", "…": "looked into"}
    words = [filled.get(word, word) for word in shlex.split(command)]
    lifted = desk.say(*words[1:])
    assert "nothing was lifted" not in lifted
    again = desk.say(*words[1:])
    assert f"lifted before, and left as it was: {alarm.id}" in again
    assert "no alarm was open: nothing was lifted" in again


def test_from_a_roster_to_a_batch_by_what_is_told(desk: Desk, numbers: list[str], tmp_path: Path) -> None:
    roster, scores = tmp_path / "roster.csv", tmp_path / "scores.csv"
    roster.write_bytes(sample_roster(count=6, seed=NEXT_SEED))
    decided = desk.follow(desk.say("enrol", "import", str(roster), "--as", "clerk-1"))
    assert "6 eligible" in decided
    home = desk.home
    with home.store.read() as unit:
        scores.write_bytes(sample_scores(unit.marks.awaited(PROGRAMME)))
    home.store.close()
    entered = desk.say("exam", "record", str(scores), "--as", "clerk-1")
    (confirm,) = re.findall(r"confirm it: (vermilion .*)", entered)
    assert "waits for a second person" in desk.say("exam", "list")
    confirmed = desk.say(*shlex.split(confirm.replace("SOMEBODY-ELSE", "clerk-2"))[1:])
    told = re.findall(r"next: (vermilion batch propose .*)", confirmed)
    assert told
    assert all(f"--programme {PROGRAMME} --level " in one for one in told)
    assert "Sealed" in desk.say(*shlex.split(told[0].replace("NAME", "maker-1"))[1:])
    assert [one["confirmed_by"] for one in desk.json("exam", "list")] == ["clerk-2", "clerk-2"]


def test_enough_was_told(desk: Desk, numbers: list[str]) -> None:
    assert len(set(desk.told)) > 10
