"""Every command written wrongly: exit 2, one error in the reader's language, and as JSON where that was asked for."""

import json
import sys
from collections.abc import Iterator

import pytest
import typer

from api.cli import app, main
from api.errors import advice
from registry.access import APPOINTED, Role


def leaves(group: object, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, command in group.commands.items():  # type: ignore[attr-defined]  # a group of typer's
        if hasattr(command, "commands"):
            yield from leaves(command, (*before, name))
        else:
            yield (*before, name), command


COMMANDS = dict(leaves(typer.main.get_command(app)))
DEMANDING = [words for words, one in COMMANDS.items() if any(each.required for each in one.params)]
NUMBERED = [
    (words, option.opts[0])
    for words, one in COMMANDS.items()
    for option in one.params
    if option.opts[0].startswith("-") and option.type_descriptor.annotation in {int, int | None}
]


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """Type a command; give exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VERMILION_LANG", "en")

    def run(*words: str) -> tuple[int | str | None, str, str]:
        monkeypatch.setattr(sys, "argv", ["vermilion", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, *capsys.readouterr()

    return run


def require_told(found: tuple[int | str | None, str, str], name: str) -> None:
    code, out, err = found
    assert (code, out) == (2, ""), found
    first, remedy = err.splitlines()
    assert first.startswith(f"error: {name}: "), found
    assert remedy.endswith("[input/usage]"), found


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_option_that_is_none(typed, words):
    require_told(typed(*words, "--no-such-option"), f"vermilion {' '.join(words)}")


@pytest.mark.parametrize("words", DEMANDING, ids=" ".join)
def test_something_left_out(typed, words):
    require_told(typed(*words), f"vermilion {' '.join(words)}")


@pytest.mark.parametrize(("words", "option"), NUMBERED, ids=str)
def test_a_number_that_is_none(typed, words, option):
    require_told(typed(*words, option, "many"), f"vermilion {' '.join(words)}")


def test_the_table_is_not_empty():
    assert len(COMMANDS) >= 60
    assert len(DEMANDING) >= 25
    assert len(NUMBERED) >= 10


@pytest.mark.parametrize("words", [["nonsense"], ["cert", "nonsense"], ["cert", "list", "surplus"]])
def test_a_command_that_is_none(typed, words):
    require_told(typed(*words), " ".join(["vermilion", *words[:-1]]))


@pytest.mark.parametrize("words", [[], ["cert"]])
def test_nothing_named_prints_the_help(typed, words):
    code, out, err = typed(*words)
    assert (code, err) == (2, "")
    assert "Usage: vermilion" in out


def test_it_is_said_in_chinese_and_as_json_too(typed, monkeypatch):
    monkeypatch.setenv("VERMILION_LANG", "zh")
    code, out, err = typed("cert", "list", "--limit", "many", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "input/usage"
    assert err.startswith(f"错误：{advice()['input/usage'].cause_zh}")
    assert "--limit" in err


def test_no_role_is_offered_that_no_account_can_be_given():
    for words in (("account", "add"), ("account", "role")):
        (option,) = (one for one in COMMANDS[words].params if "--role" in one.opts)
        offered = option.help.partition(": ")[2].rstrip(".").split(", ")
        assert set(offered) == set(Role) - {Role.HOLDER} == set(APPOINTED)
        assert option.multiple
