"""What the command line prints: data on stdout, progress and notes on stderr, in the reader's language.

Nothing moves when stderr is not a terminal; colour goes with NO_COLOR and with pipes.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from api.pages.catalogue import Language
from api.settings import Surroundings
from registry.kernel.progress import unheard

OUT: Final = Console(highlight=False, soft_wrap=True)
ERR: Final = Console(stderr=True, highlight=False, soft_wrap=True)


def language() -> Language:
    """Choose Chinese or English: VERMILION_LANG, else the locale's language; English where neither says Chinese."""
    chosen = Surroundings().lang or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return "zh" if (chosen or "").lower().startswith("zh") else "en"


def said(zh: str, en: str) -> str:
    """Give the text in the reader's language."""
    return zh if language() == "zh" else en


def print_json(document: object) -> None:
    """Print one JSON value."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def shown(text: str) -> str:
    """Make a text safe to print: control, format and separator characters by their code point, markup as letters."""
    return escape("".join(one if one == "\n" or one.isprintable() else f"\\u{ord(one):04x}" for one in text))


def note(text: str) -> None:
    """Print a note beside the data."""
    ERR.print(shown(text))


def done(what: str, text: str) -> None:
    """Print a line of what was done."""
    ERR.print(f"  [green]✓[/green] {shown(what):<18} {shown(text)}")


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
    widths = [max((len(row[at]) for row in (headings, *rows)), default=0) for at in range(len(headings))]
    for row in (headings, *rows):
        console.print(
            shown("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()),
            crop=False,
            no_wrap=True,
        )


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, one a line."""
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        OUT.print(f"[dim]{shown(name.ljust(width))}[/dim]  {shown(str(value))}")


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far long work is, with the time left; on no terminal, say nothing."""
    if not ERR.is_terminal:
        yield unheard
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=ERR,
        transient=True,
    ) as bar:
        task: Any = bar.add_task(label, total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield update
