"""Notes that name commands: with the data folder that was named on the command line, and with no other."""

import sys
from pathlib import Path

import pytest
import typer

from api.cli import app, main
from api.terminal import note, repeat_home

ROOT = typer.main.get_command(app)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("下一步：vermilion enrol decide", "下一步：vermilion enrol decide --home '/data folder'"),
        ("next: vermilion exam record FILE", "next: vermilion exam record --home '/data folder' FILE"),
        (
            "next: vermilion cert approve C-1 --as X (after vermilion cert request C-1)",
            "next: vermilion cert approve --home '/data folder' C-1 --as X "
            "(after vermilion cert request --home '/data folder' C-1)",
        ),
        ("Go on with: vermilion demo --home here", "Go on with: vermilion demo --home here"),
        ("vermilion made up", "vermilion made up"),
        ("vermilion programme diff old.toml new.toml", "vermilion programme diff old.toml new.toml"),
    ],
)
def test_a_named_folder_is_repeated_where_a_command_takes_it(text, told, capsys):
    repeat_home(Path("/data folder"), ROOT)
    note(text)
    assert capsys.readouterr().err.strip() == told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--home", "elsewhere"), "vermilion enrol decide --home elsewhere"),
        (("--home", "demo-data"), "vermilion enrol decide"),
        ((), "vermilion enrol decide"),
    ],
)
def test_the_option_itself_is_what_is_repeated(words, told, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["vermilion", "enrol", "decide", *words])
    with pytest.raises(SystemExit):
        main()
    capsys.readouterr()
    note("vermilion enrol decide")
    assert capsys.readouterr().err.strip() == told
