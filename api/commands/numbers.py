"""Reads which certificates a command means: numbers that were typed, and those of a file."""

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.commands.options import read_file
from registry.enrolment.table import normal_heading
from registry.kernel.errors import MalformedInput

_MOST_BYTES: Final = 64 * 1024 * 1024
_LONGEST_NAMED: Final = 60
_HEADINGS: Final = frozenset(
    normal_heading(word) for word in ("number", "certificate number", "certificate", "证书编号", "编号")
)


class NumbersMalformed(MalformedInput):
    """No certificates are named, or a line of a list names none."""

    code = "input/numbers"

    def __init__(self, cause: str, *, line: int | None = None) -> None:
        self.line, self.cause = line, cause
        super().__init__(cause if line is None else f"line {line}: {cause}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedNumber:
    """A certificate number as somebody wrote it."""

    text: str
    line: int | None = None
    """Of the file; None = it was typed."""


def named_numbers(typed: Sequence[str] | None, file: Path | None) -> list[NamedNumber]:
    """Gather the numbers that were typed and those of a file (`-` = standard input).

    A file has one number a line, or is a CSV with a heading `number` or 证书编号; without a heading its first column
    counts. UTF-8 or GB18030; empty lines are skipped. Raises NumbersMalformed, FileUnreadable.
    """
    named = [NamedNumber(text=text.strip()) for text in typed or ()]
    if any(not one.text for one in named):
        raise NumbersMalformed("a certificate number is empty")
    if file is not None:
        data = sys.stdin.buffer.read(_MOST_BYTES + 1) if str(file) == "-" else read_file(file, most=_MOST_BYTES)
        named += _of_file(data)
    if not named:
        raise NumbersMalformed("no certificate is named")
    return named


def _of_file(data: bytes) -> Iterator[NamedNumber]:
    if len(data) > _MOST_BYTES:
        raise NumbersMalformed("the list is too large")
    column: int | None = None
    for line, text in enumerate(_text(data).splitlines(), start=1):
        cells = [cell.strip() for cell in next(csv.reader([text]), [])]
        if not any(cells):
            continue
        if column is None:
            headings = [at for at, cell in enumerate(cells) if normal_heading(cell) in _HEADINGS]
            column = headings[0] if headings else 0
            if headings:
                continue
        number = cells[column] if column < len(cells) else ""
        if not number or len(number) > _LONGEST_NAMED or not number.isprintable():
            raise NumbersMalformed("there is no certificate number on it", line=line)
        yield NamedNumber(text=number, line=line)


def _text(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise NumbersMalformed("the list is no text in UTF-8 or GB18030")
