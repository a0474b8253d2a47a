"""Finds the commands that a text names, and says of each whether `vermilion` has it with those options."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer.main

from api.cli import app

_NAMED = re.compile(r"(?:^|[`$ (])(?:\.venv/bin/)?vermilion ([^`\n]*)", re.MULTILINE)
_WORD = re.compile(r"[a-z][a-z-]*")
_OPTION = re.compile(r"--[a-z][a-z-]*")
_BARE_OPTION = re.compile(r"`(--[a-z][a-z-]*)[^`]*`")


@cache
def _commands() -> Any:
    return typer.main.get_command(app)


def named_commands(text: str) -> list[str]:
    """List what follows `vermilion` in code spans and code blocks, up to the end of the span, line or comment."""
    return [found.split("#")[0].split(" · ")[0].strip() for found in _NAMED.findall(text)]


def fault_of(command: str) -> str | None:
    """Say what is wrong with a command line as it is written in a text; None = nothing."""
    at = _commands()
    for word in command.split():
        below = getattr(at, "commands", None)
        if below is None:
            break
        if word not in below:
            return f"vermilion {command}: there is no {word!r}" if _WORD.fullmatch(word) else None
        at = below[word]
    known = {option for parameter in at.params for option in parameter.opts} | {"--help"}
    unknown = [option for option in _OPTION.findall(command) if option not in known]
    return f"vermilion {command}: there is no {', '.join(unknown)}" if unknown else None


def unknown_options(text: str) -> Iterator[str]:
    """Yield every option that stands in a code span by itself and that no command has."""
    known = set(_options(_commands()))
    yield from (option for option in _BARE_OPTION.findall(text) if option not in known)


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts
    for one in getattr(command, "commands", {}).values():
        yield from _options(one)
