"""From the first sheet of an XLSX workbook to the CSV that `table` reads: one reading, one set of checks for both.

Nothing is ever calculated: a formula comes as its own text, `=…`, which the table refuses. A workbook is a ZIP file, so
its directory is asked first: how many parts, how large unpacked. `zipfile` unpacks no more than what stands there.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from registry.enrolment.table import MAX_COLUMNS, MAX_ROWS

MAGIC: Final = b"PK\x03\x04"
_MAX_PARTS: Final = 200
_MAX_UNPACKED: Final = 64 * 1024 * 1024
_TAG: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(row|c)[\s/>]")
_LINE_ENDS: Final = str.maketrans({"\n": "\u2028", "\r": "\u2028"})
"""A cell that holds a line break stays one line, and is refused for the character."""


class WorkbookRefused(Exception):
    """The bytes are no workbook that is read here, or unpack to more than any list; never leaves this stage."""


def is_workbook(data: bytes) -> bool:
    """Tell whether bytes begin as XLSX files do."""
    return data.startswith(MAGIC)


def workbook_as_csv(data: bytes, *, max_rows: int) -> bytes:
    """Write the cells of the first sheet as CSV in UTF-8 with byte order mark, one line a row, blank rows too.

    At most `max_rows` + 2 rows and 101 columns are looked at. Raises WorkbookRefused.
    """
    _require_modest(data)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    width = 0
    for number, cells in enumerate(_rows(data, max_rows + 2)):
        while cells and not cells[-1]:
            cells.pop()
        width = width if number else len(cells)  # empty cells at a row's end are not kept in the file
        writer.writerow(cells + [""] * (width - len(cells)))
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def _require_modest(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            entries = parts.infolist()
            modest = len(entries) <= _MAX_PARTS and sum(one.file_size for one in entries) <= _MAX_UNPACKED
            if not modest or any(one.flag_bits & 1 for one in entries):
                raise WorkbookRefused
            for one in entries:
                _require_modest_part(parts.read(one))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise WorkbookRefused from error


def _require_modest_part(content: bytes) -> None:
    """Look at one unpacked part before a parser does: a row is built whole, however many cells it has."""
    begin = content[:200].lower()
    # No workbook declares entities, and none is written in anything but UTF-8, in which tags can be counted.
    if b"<!DOCTYPE" in content or (b"<?xml" in begin and b"encoding=" in begin and b"utf-8" not in begin):
        raise WorkbookRefused
    if content[:2] in (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<"):
        raise WorkbookRefused
    if b"sheetData" not in content:
        return
    cells = 0
    for tag in _TAG.finditer(content):
        cells = 0 if tag[1] == b"row" else cells + 1
        if cells > MAX_COLUMNS + 1:
            raise WorkbookRefused


def _rows(data: bytes, most: int) -> Iterator[list[str]]:
    # Takes long to import, and few lists are workbooks.
    from openpyxl import load_workbook  # type: ignore[import-untyped]  # noqa: PLC0415

    # The library speaks of a damaged workbook in whatever its parser met, from KeyError to a bare Exception subclass.
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        for row in sheet.iter_rows(max_row=most, max_col=MAX_COLUMNS + 1, values_only=True):
            yield [_text(value) for value in row]
        book.close()
    except (ArithmeticError, AttributeError, LookupError, OSError, SyntaxError, TypeError, ValueError) as error:
        raise WorkbookRefused from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, AssertionError) as error:
        raise WorkbookRefused from error


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float() if value.is_integer():
            return str(int(value))
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value).translate(_LINE_ENDS)


def as_text(data: bytes) -> bytes:
    """Give a workbook's first sheet as CSV; what is none, or cannot be opened, as it came: the reader says why."""
    try:
        return workbook_as_csv(data, max_rows=MAX_ROWS) if is_workbook(data) else data
    except WorkbookRefused:
        return data
