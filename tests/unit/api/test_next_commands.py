"""Commands that are printed for the reader to run next: each parses as it stands, and names who runs it."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.exceptions import TyperException

import api
import node as node_room
import registry
from api.cli import app
from api.commands.doors import DOORS, Way
from api.commands.failures import LISTS
from api.errors import advice
from api.situations import COMMANDS, command_for
from registry.anchor.situations import Act, Step
from tests.unit.api.named_commands import named_commands

ROOT = Path(api.__file__).parent
_COMMAND = re.compile(r"vermilion [a-z][^`\n]*")
_END = re.compile(r"[，。；：（）、]|[.;,](?= |$)| \(|(?<! )\)|   \[|(?<=\S): ")
_SEE_HELP = "--help"
_OF_A_DOOR = re.compile(rf"vermilion [a-z]|(?<!\S)--[a-z]|^({'|'.join(one for one in DOORS if ' ' in one)})(?= |$)")


@cache
def tree() -> Any:
    return typer.main.get_command(app)


def printed_in(text: str) -> list[str]:
    """Cut out every command that a text names, to where the sentence goes on."""
    return [_END.split(found)[0].strip() for found in _COMMAND.findall(text)]


def fault_of(command: str) -> str | None:
    """Say what keeps a command from being run as it is written; None = nothing."""
    at, above = tree(), None
    words = shlex.split(command)[1:]
    path: list[str] = []
    while words and words[0] in getattr(at, "commands", {}):
        path.append(words.pop(0))
        at = at.commands[path[-1]]
    if words == [_SEE_HELP]:
        return None
    if hasattr(at, "commands"):
        return f"{command}: no command"
    try:
        given = at.make_context(" ".join(path), words, parent=above).params
    except TyperException as wrong:
        return f"{command}: {wrong.format_message()}"
    door = DOORS[" ".join(path)]
    if door.way is Way.PERSON and given.get("by") is None and door.changes(given):
        return f"{command}: does not name who runs it"
    if any("--key" in one.opts and not one.required for one in at.params) and path[0] == "consortium":
        return None if given.get("key") else f"{command}: does not name the key that signs"
    return None


# — in the sources —


def texts_of(path: Path) -> Iterator[str]:
    """Yield every text of a module but docstrings, help and examples; what an f-string fills in is `X-1`."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    ours = {id(one) for one in ast.walk(module) if isinstance(one, ast.Expr)}
    skipped: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and id(node) in ours and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.keyword) and node.arg in {"help", "epilog"}:
            skipped |= {id(one) for one in ast.walk(node)}
    for node in ast.walk(module):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(one) for one in node.values}
            yield "".join(filled(one) for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def filled(part: ast.expr) -> str:
    """Give a part of an f-string, and for what is filled in a name; of `naming` the option that it gives."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    call = part.value if isinstance(part, ast.FormattedValue) else None
    is_option = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "naming"
    return " --programme P-1" if is_option else "X-1"


ASIDE = {
    "vermilion batch approve X-1",  # an approval by a wallet: `write_for_wallet` puts the rest behind them
    "vermilion cert approve X-1",
    "vermilion training X-1",  # the beginning of examples
}
"""What is completed elsewhere before it is printed."""
NAMED = sorted(
    {
        (str(path.relative_to(ROOT.parent)), command)
        for path in [*(ROOT / "commands").rglob("*.py"), *ROOT.glob("*.py")]
        for text in texts_of(path)
        for command in printed_in(text)
        if command not in ASIDE
    }
)


def test_the_sources_name_commands():
    assert len(NAMED) > 40
    assert any("exam confirm X-1" in command for _, command in NAMED)


@pytest.mark.parametrize(("path", "command"), NAMED, ids=lambda one: str(one).replace(" ", "_"))
def test_every_command_in_a_text_can_be_run_as_it_stands(path, command):
    assert fault_of(command) is None


@pytest.mark.parametrize("act", Act)
def test_every_next_command_can_be_run_as_it_stands(act):
    step = Step(
        act=act,
        batch="B-1",
        programme="AIGC-APP-ENG",
        level="3",
        number="N-1",
        replacement="X-1",
        request="S-1",
        person="maker-1",
    )
    assert fault_of(command_for(step)) is None


def test_every_act_has_its_command():
    assert set(COMMANDS) == set(Act)


def commands_of_rooms_below():
    """Every text of the rooms under the doors that reads like a command, or names an option of one."""
    for room in (registry, node_room):
        for path in Path(room.__file__).parent.rglob("*.py"):
            yield from ((path.name, text) for text in texts_of(path) if _OF_A_DOOR.search(text))


def test_the_rooms_below_give_values_and_name_no_commands():
    assert sorted(commands_of_rooms_below()) == []


@pytest.mark.parametrize("text", ["run vermilion reconcile", "batch propose X-1", "cert withdraw X-1 --as X-1"])
def test_control_a_command_in_a_text_is_found(text):
    assert _OF_A_DOOR.search(text)


@pytest.mark.parametrize("command", sorted({one for lists in LISTS.values() for one in lists}))
def test_every_list_that_an_error_points_to_is_one(command):
    assert fault_of(command) is None
    path = re.sub(r" (--\S+|[A-Z]+)", "", command).removeprefix("vermilion ")
    assert DOORS[path].way is Way.LOOKS


KINDS_OF_COMMANDS = {
    "vermilion init": "run before, and now once more with the options that it had",
    "vermilion consortium propose": "of a vote that the contract refused: with the motion that was put",
}
"""What a remedy calls by its words alone, since its reader has just written the rest."""
IN_REMEDIES = sorted(
    {
        (code, f"vermilion {named}")
        for code, texts in advice().items()
        for text in (texts.remedy_zh, texts.remedy_en)
        for named in named_commands(text)
        if f"vermilion {named}" not in KINDS_OF_COMMANDS
    }
)


@pytest.mark.parametrize(("code", "command"), IN_REMEDIES, ids=lambda one: str(one).replace(" ", "_"))
def test_every_command_of_a_remedy_can_be_run_as_it_is_told(code, command):
    assert fault_of(command) is None, code


def test_the_remedies_name_commands():
    assert len(IN_REMEDIES) > 200


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("vermilion enrol decide", "who runs it"),
        ("vermilion exam return SHEET --as NAME", "--reason"),
        ("vermilion training course show", "id"),
        ("vermilion batch propose", "--level"),
        ("vermilion batch propose --level 3", "who runs it"),
        ("vermilion halt lift L-1 --reason …", "who runs it"),
        ("vermilion cert correct again without", "--reason"),
        ("vermilion consortium enact ab12", "key that signs"),
        ("vermilion batch", "no command"),
        ("vermilion exam confirm S-1 --as X --no-such", "--no-such"),
    ],
)
def test_control_a_command_that_lacks_something_is_found(command, fault):
    assert fault in (fault_of(command) or "")
