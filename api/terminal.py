"""What the command line prints: data on stdout, progress and notes on stderr, in the reader's language.

Nothing moves when stderr is not a terminal; colour goes with NO_COLOR and with pipes.
"""

import getpass
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from api.pages.catalogue import Language
from api.settings import DEFAULT_HOMES, Surroundings
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.progress import unheard


class _Printer(Console):
    """A console whose reader may leave early: what follows is dropped, and the command keeps its own exit code."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _drop_output()


def _drop_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


_COMMAND: Final = re.compile(r"\bvermilion((?: [a-z][a-z-]*)+)", re.ASCII)
_NAMED_HOME: ContextVar[tuple[Path, Any] | None] = ContextVar("named_home", default=None)
_BAR: ContextVar[Progress | None] = ContextVar("bar", default=None)
OUT: Final = _Printer(highlight=False, soft_wrap=True)
ERR: Final = _Printer(stderr=True, highlight=False, soft_wrap=True)


def language() -> Language:
    """Choose Chinese or English: VERMILION_LANG, else the locale's language; English where neither says Chinese."""
    chosen = Surroundings().lang or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return "zh" if (chosen or "").lower().startswith("zh") else "en"


def said(zh: str, en: str) -> str:
    """Give the text in the reader's language."""
    return zh if language() == "zh" else en


def print_json(document: object, *, indent: int | None = 2) -> None:
    """Print one JSON value; without `indent` on one line."""
    try:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=indent) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough
        _drop_output()


def _visible(text: str) -> str:
    return "".join(one if one == "\n" or one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def shown(text: str) -> str:
    """Make a text safe to print: control, format and separator characters by their code point, markup as letters."""
    return escape(_visible(text))


def padded(text: str, width: int) -> str:
    """Make a text safe to print and as wide as `width` columns of a terminal, where a Chinese character takes two."""
    seen = _visible(text)
    return escape(seen + " " * (width - cell_len(seen)))


def moment(at: datetime) -> str:
    """Write a moment as every text of the command line does: `2026-11-20 10:31:07 +08:00`."""
    return f"{at.astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S} +08:00"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Write a number with its English noun: `1 batch`, `1,200 certificates`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def is_attended() -> bool:
    """Tell whether somebody can be asked: standard input is there and a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def asked(question: str) -> bool:
    """Ask yes or no on the terminal, in either language; whatever is no yes is a no, Ctrl-C and Ctrl-D too."""
    _clear_bar()
    ERR.print(f"{shown(question)} [{said('是y/否N', 'y/N')}] ", markup=False, end="")
    try:
        return sys.stdin.readline().strip().lower() in {"y", "yes", "是"}
    except KeyboardInterrupt:
        ERR.print()
        return False


def typed_secret(prompt: str) -> str:
    """Have a passphrase typed on the terminal, unseen."""
    _clear_bar()
    return getpass.getpass(prompt)


def _clear_bar() -> None:
    """Take the bar of long work off the screen, where it would wipe a question away; the next step brings it back."""
    bar = _BAR.get()
    if bar is not None:
        bar.stop()


def repeat_home(home: Path | None, root: Any) -> None:
    """Let notes name commands with the data folder that was named for this one. `root`: the group of all commands."""
    _NAMED_HOME.set(None if home is None or home in DEFAULT_HOMES else (home, root))


def with_home(text: str) -> str:
    """Put `--home` behind the words of every command that a text names and that takes it, where it was named."""
    named = _NAMED_HOME.get()
    if named is None:
        return text
    home, root = named

    def repeated(found: re.Match[str]) -> str:
        words, at, depth = found[1].split(), root, 0
        while depth < len(words) and words[depth] in getattr(at, "commands", {}):
            at, depth = at.commands[words[depth]], depth + 1
        if not any("--home" in one.opts for one in at.params) or text.startswith(" --home", found.end()):
            return found[0]
        return " ".join(("vermilion", *words[:depth], "--home", shlex.quote(str(home)), *words[depth:]))

    return _COMMAND.sub(repeated, text)


def note(text: str) -> None:
    """Print a note beside the data; the commands it names go to the data folder that was named for this one."""
    ERR.print(shown(with_home(text)))


def next_command(command: str) -> None:
    """Print beside the data the command that comes next; who is to run it may stand in it as NAME or SOMEBODY-ELSE."""
    note(said(f"下一步：{command}", f"next: {command}"))


def done(what: str, text: str) -> None:
    """Print a line of what was done."""
    ERR.print(f"  [green]✓[/green] {padded(what, 22)} {shown(text)}")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, console: Console = OUT) -> None:
    """Print rows under headings, as wide as they are."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(shown(heading), no_wrap=console.is_terminal is False, overflow="fold")
    for row in rows:
        table.add_row(*(shown(cell) for cell in row))
    if console.is_terminal:
        console.print(table)
        return
    # A pipe has no width: nothing may be cut.
    lines = [[_visible(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        console.print(escape("  ".join(cells).rstrip()), crop=False, no_wrap=True)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, one a line."""
    width = max((cell_len(name) for name in fields), default=0)
    for name, value in fields.items():
        OUT.print(f"[dim]{padded(name, width)}[/dim]  {shown(str(value))}")


def watched(text: str) -> None:
    """Print a line of what goes on, to a person who watches; to nobody else."""
    if ERR.is_terminal:
        ERR.print(f"  [dim]{shown(text)}[/dim]")


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Show it once something is done."""
        speed = task.finished_speed or task.speed
        return Text("" if not speed else said(f"每秒{speed:,.0f}", f"{speed:,.0f}/s"))


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far long work is, with the rate and the time left; on no terminal, say nothing."""
    with steps(label) as (update,):
        yield update


@contextmanager
def steps(*labels: str) -> Iterator[list[Callable[[int, int], None]]]:
    """As `progress` for steps that follow on each other: what hears of each, in their order."""
    if not ERR.is_terminal:
        yield [unheard for _ in labels]
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=ERR,
        transient=True,
    ) as bar:
        tasks: list[Any] = [
            bar.add_task(label, total=None, visible=label == labels[0], start=False) for label in labels
        ]

        def update(at: int, done: int, total: int) -> None:
            bar.start()  # somebody may have been asked meanwhile
            for place, task in enumerate(tasks):
                bar.update(task, visible=place == at)
            if not bar.tasks[at].started:
                bar.start_task(tasks[at])
            bar.update(tasks[at], completed=done, total=total)

        outer = _BAR.set(bar)
        try:
            yield [partial(update, at) for at in range(len(labels))]
        finally:
            _BAR.reset(outer)
