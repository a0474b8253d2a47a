"""From the first sheet of an XLSX workbook to the CSV that `table` reads: one reading, one set of checks for both.

1. find the workbook's part, its first sheet, its shared texts and its formats (`workbook_parts` bounds all of it);
2. keep the shared texts, and which formats show a number as a date;
3. write the sheet row by row, each cell as people see it, as long as a spreadsheet's cell can be.

Nothing is ever calculated: a formula comes as its own text, `=…`, which the table refuses. A number comes with the 15
figures that a spreadsheet keeps of it: one of more figures as 4.40301199703155E+17, for its end is lost already.
"""

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Final

from registry.enrolment.table import MAX_COLUMNS, MAX_ROWS
from registry.enrolment.workbook_parts import Enough, PartReader, Parts, WorkbookRefused, relations_of

MAGIC: Final = b"PK\x03\x04"
_MOST_WRITTEN: Final = 64 * 1024 * 1024
_MOST_TAGS: Final = 6_000_000
"""Of rows and their texts: more than the bytes that may be unpacked hold of any real list."""
_FIXED_TAGS: Final = 300_000
"""What the parts before the rows and their texts may have; spreadsheets end at 65,000 formats of cells."""
_TAGS_A_ROW: Final = 300
_LINE_ENDS: Final = str.maketrans({"\n": "\u2028", "\r": "\u2028"})
"""A cell that holds a line break stays one line, and is refused for the character."""
_ESCAPED: Final = re.compile(r"_x((?![dD][89a-fA-F])[0-9A-Fa-f]{4})_")
"""How a workbook writes what XML cannot hold (ECMA-376 part 1, 22.9.2.19 ST_Xstring)."""
_LONGEST_CELL: Final = 32_767
"""Characters that a spreadsheet's cell can hold; what a file has beyond them is not kept."""
_LONGEST_TEXT: Final = 7 * _LONGEST_CELL
"""As read: seven characters may be one that was escaped."""
_NOT_SHOWN: Final = re.compile(r'"[^"]*"|\\.|_.|\[[^\]]*\]')
"""What stands in a number format as it is, and not for a part of the number."""
_ELAPSED: Final = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_OF_A_DATE: Final = re.compile(r"[ymdhs]", re.IGNORECASE)
_LONGEST_FORMAT: Final = 255
_DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Formats that a workbook need not spell out (18.8.30), with those of Chinese spreadsheets."""
_FROM_1900, _FROM_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a cell's day has no zone
_NO_29_FEBRUARY: Final = 60
"""Days from the first epoch to the one that spreadsheets count and the calendar does not have."""


class WorkbookTooLong(WorkbookRefused):
    """The first sheet is longer as CSV than the caller takes; never leaves this stage."""


def is_workbook(data: bytes) -> bool:
    """Tell whether bytes begin as XLSX files do."""
    return data.startswith(MAGIC)


def workbook_as_csv(data: bytes, *, max_rows: int, max_bytes: int = _MOST_WRITTEN) -> bytes:
    """Write the cells of the first sheet as CSV in UTF-8 with byte order mark, one line a row, blank rows too.

    At most `max_rows` + 2 rows and 101 columns are looked at. Raises WorkbookRefused.
    """
    try:
        return _written(Parts(data, _FIXED_TAGS), max_rows + 2, max_bytes)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError) as error:
        raise WorkbookRefused from error
    except (ArithmeticError, LookupError, ValueError) as error:  # a number, a place or a reference that is none
        raise WorkbookRefused from error


def as_text(data: bytes) -> bytes:
    """Give a workbook's first sheet as CSV; what is none, or cannot be opened, as it came: the reader says why."""
    try:
        return workbook_as_csv(data, max_rows=MAX_ROWS) if is_workbook(data) else data
    except WorkbookRefused:
        return data


def _written(parts: Parts, most_rows: int, max_bytes: int) -> bytes:
    place = relations_of(parts, "").first("officeDocument") or "xl/workbook.xml"  # 1
    book, relations = _Book(), relations_of(parts, place)
    parts.read(place, book)
    sheets = [relations.by_id.get(id, ("", "")) for id in book.sheets]
    sheet = next((target for kind, target in sheets if kind == "worksheet" and target in parts), None)
    if sheet is None:
        raise WorkbookRefused
    texts, formats = _Texts(), _Formats()  # 2
    _read_where_there(parts, relations.first("styles"), formats)
    parts.tags_left += min(_MOST_TAGS, _TAGS_A_ROW * most_rows)  # what comes now grows with the rows
    _read_where_there(parts, relations.first("sharedStrings"), texts)
    rows = _Rows(texts.texts, formats, book.epoch, most_rows, max_bytes)  # 3
    parts.read(sheet, rows)
    return rows.out.getvalue()


def _read_where_there(parts: Parts, part: str | None, reader: PartReader) -> None:
    if part is not None and part in parts:
        parts.read(part, reader)


class _Book:
    """The workbook's own part: its sheets in order, and from when it counts days."""

    def __init__(self) -> None:
        self.sheets: list[str] = []
        self.epoch = _FROM_1900

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
            self.epoch = _FROM_1904
        elif name == "sheet":
            self.sheets += [id for key, id in attributes.items() if key.rpartition(":")[2] == "id"]

    def end(self, name: str) -> None:
        if name == "sheets":
            raise Enough

    def text(self, text: str) -> None:
        pass


class _Formats:
    """The formats of cells: which of them show a number as a date."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._of_cells: list[str] = []
        self._inside = False
        self._dates: dict[str, bool] = {}

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "numFmt":
            self._codes[attributes["numFmtId"]] = attributes["formatCode"][:_LONGEST_FORMAT]
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            self._of_cells.append(attributes.get("numFmtId", "0"))

    def end(self, name: str) -> None:
        if name == "cellXfs":
            raise Enough

    def text(self, text: str) -> None:
        pass

    def is_date(self, style: str) -> bool:
        """Tell whether cells of a style show their number as a date or a time of day."""
        known = self._dates.get(style)
        if known is None:
            id = self._of_cells[int(style)] if int(style) < len(self._of_cells) else "0"
            code = self._codes.get(id)
            known = int(id) in _DATE_FORMATS if code is None else _shows_date(code)
            self._dates[style] = known
        return known


def _shows_date(code: str) -> bool:
    first = code.partition(";")[0]
    return _ELAPSED.search(first) is None and _OF_A_DATE.search(_NOT_SHOWN.sub("", first)) is not None


class _Text:
    """Collects one text, as far as it can be taken."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._room = _LONGEST_TEXT

    def clear(self) -> None:
        if self._pieces:
            self._pieces.clear()
            self._room = _LONGEST_TEXT

    def add(self, text: str) -> None:
        if self._room > 0:
            self._pieces.append(text[: self._room])
            self._room -= len(text)

    def whole(self) -> str:
        """Give it with its escapes undone."""
        text = "".join(self._pieces)
        if "_x" in text:
            text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        return text[:_LONGEST_CELL]


class _Texts:
    """The shared texts, in order; how they are pronounced is left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._text = _Text()
        self._taking = self._pronounced = False

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002 - what a PartReader takes
        if name == "si":
            self._text.clear()
        elif name == "rPh":
            self._pronounced = True
        elif name == "t":
            self._taking = not self._pronounced

    def end(self, name: str) -> None:
        if name == "si":
            self.texts.append(self._text.whole())
        elif name == "rPh":
            self._pronounced = False
        elif name == "t":
            self._taking = False

    def text(self, text: str) -> None:
        if self._taking:
            self._text.add(text)


class _Rows:
    """The rows of a sheet, written as CSV while they come."""

    def __init__(self, texts: list[str], formats: _Formats, epoch: datetime, most_rows: int, max_bytes: int) -> None:
        self.out = io.BytesIO(b"\xef\xbb\xbf")
        self.out.seek(0, io.SEEK_END)
        self._texts, self._formats, self._epoch = texts, formats, epoch
        self._most_rows, self._max_bytes = most_rows, max_bytes
        self._row = self._width = 0
        self._cells: list[str] = []
        self._seen = self._column = 0
        self._cell: Mapping[str, str] = {}
        self._value, self._formula = _Text(), _Text()
        self._calculated = self._pronounced = False
        self._into: _Text | None = None

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name in {"v", "t"}:
            self._into = None if self._pronounced else self._value
        elif name == "f":
            self._calculated, self._into = True, self._formula
        elif name == "row":
            self._begin_row(attributes)
        elif name == "rPh":
            self._pronounced = True

    def end(self, name: str) -> None:
        if name == "c":
            self._end_cell()
        elif name in {"v", "t", "f"}:
            self._into = None
        elif name == "row":
            self._end_row()
        elif name == "rPh":
            self._pronounced = False
        elif name == "sheetData":
            raise Enough

    def text(self, text: str) -> None:
        if self._into is not None:
            self._into.add(text)

    def _begin_row(self, attributes: Mapping[str, str]) -> None:
        number = int(float(attributes.get("r", self._row + 1)))
        if number <= self._row:
            raise WorkbookRefused  # a file could hold millions of one row
        if number > self._most_rows:
            raise Enough
        self.out.write(b"\n" * (number - self._row - 1))
        self._row, self._cells = number, []
        self._seen = self._column = 0

    def _begin_cell(self, attributes: Mapping[str, str]) -> None:
        self._seen += 1
        if self._seen > MAX_COLUMNS + 1:
            raise WorkbookRefused
        place = attributes.get("r")
        self._column = self._column + 1 if place is None else _column(place.rstrip("0123456789"))
        self._cell, self._calculated = attributes, False
        self._value.clear()
        self._formula.clear()

    def _end_cell(self) -> None:
        shown = f"={self._formula.whole()}" if self._calculated else self._shown(self._value.whole())
        if shown and self._column <= MAX_COLUMNS + 1:
            self._cells += [""] * (self._column - len(self._cells))
            self._cells[self._column - 1] = shown.translate(_LINE_ENDS)

    def _end_row(self) -> None:
        if self._row == 1:
            self._width = len(self._cells)
        if self._cells:  # empty cells at a row's end are not kept in the file
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow(self._cells + [""] * (self._width - len(self._cells)))
            self.out.write(line.getvalue().encode("utf-8", "replace"))
        else:
            self.out.write(b"\n")
        if self.out.tell() > self._max_bytes:
            raise WorkbookTooLong

    def _shown(self, text: str) -> str:
        match self._cell.get("t", "n"):
            case _ if not text:
                return ""
            case "s":
                return self._texts[int(text)]
            case "b":
                return "TRUE" if text in {"1", "true"} else "FALSE"
            case "d":
                return _moment(text)
            case "n":
                return self._number(text)
            case _:
                return text

    def _number(self, text: str) -> str:
        try:
            number = float(text)
        except ValueError:
            return text
        if self._formats.is_date(self._cell.get("s", "0")):
            return _date(number, self._epoch)
        return f"{number:.15G}"


@lru_cache(maxsize=4 * MAX_COLUMNS)
def _column(letters: str) -> int:
    """Read the letters of a cell's place: A is 1, AA is 27."""
    if not re.fullmatch(r"[A-Z]{1,3}", letters):
        raise WorkbookRefused
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def _date(number: float, epoch: datetime) -> str:
    """Show a number as its day or moment; one that is before the first day, or after the last, as a number."""
    days = number + (epoch == _FROM_1900 and 0 < number < _NO_29_FEBRUARY)
    try:
        moment = epoch + timedelta(seconds=round(days * 86400))
    except (OverflowError, ValueError):
        moment = epoch
    if number < 1 or moment <= epoch:
        return f"{number:.15G}"
    return _of(moment)


def _moment(text: str) -> str:
    try:
        return _of(datetime.fromisoformat(text))
    except ValueError:
        return text


def _of(moment: datetime) -> str:
    return moment.date().isoformat() if moment.time() == time() else moment.isoformat()
