"""From the bytes of a CSV file to rows of cells under known headings: rosters, score sheets, lists to verify.

1. refuse what is no text: empty, too large, workbooks, binary;
2. find the encoding: UTF-8 (with or without byte order mark), else GB18030; where two readings are possible, refuse;
3. cut into lines (a cell never holds a line break, so one missing quote costs one row and not the rest of the file);
4. find the separator by the heading that it gives, and the columns by their headings;
5. cut each line into cells and check every cell that will be read.
A file that cannot be read any further is reported at line 0, a bad row at its own line; nothing is raised.
"""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.enrolment.problems import ProblemKind, RowProblem

MAX_BYTES = 256 * 1024 * 1024
"""Largest file."""
MAX_ROWS = 1_000_000
"""Most lines under the heading."""
MAX_COLUMNS = 100
"""Most columns."""
MAX_CELL = 200
"""Longest cell in characters: the longest text of a certificate."""
MAX_FURTHER = 32_767
"""Longest cell that is brought along unread, in characters: what a spreadsheet's cell can hold."""

NOTHING = frozenset({"", "-", "—", "——", "/", "无", "none", "n/a"})
"""What people write in a cell for "there is none", in lower case."""

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_NO_TEXTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"%PDF-")
"""How pictures and PDFs begin: their first line may hold no zero byte."""
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FORMULA = frozenset("=+-@\N{MINUS SIGN}\t\r")
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that show nothing (Default_Ignorable_Code_Point, but of categories that text is made of)."""
_HEADING_NOISE = re.compile(r"[\s_*:：-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that a reader knows."""

    key: str
    headings: tuple[str, ...]
    """The words that people use for it; the first one names it in reports."""
    required: bool = False
    """Whether a file without it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a known column stands in a file."""

    position: int
    """From 1."""
    heading: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The cells of one line that were asked for."""

    line: int
    cells: Mapping[str, str | None]
    """Stripped text by column key; None = the cell is unreadable and has been reported."""
    further: tuple[str, ...] = ()
    """Stripped text of the columns that are brought along, unchecked: nothing may be made of it but to give it back.
    What is longer than MAX_FURTHER ends in an ellipsis there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file cut into rows, with everything that was wrong with it as a table."""

    encoding: str
    """`UTF-8`, `UTF-8 with BOM`, `GBK`, `GB18030`; empty where none was found."""
    delimiter: str
    """`comma`, `semicolon`, `tab`; empty where none was found."""
    row_count: int
    """Lines under the heading that hold anything, good and bad."""
    places: Mapping[str, Place]
    rows: Sequence[Row]
    """The lines that could be cut into cells, in order."""
    problems: Sequence[RowProblem]
    notices: Sequence[RowProblem]
    further: tuple[str, ...] = ()
    """Headings of the columns that are brought along, stripped, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a kind of table may be like; None = as large as any table."""

    max_bytes: int | None = None
    max_rows: int | None = None
    assumed: tuple[str, ...] = ()
    """Keys of the columns of a file whose first line has no known heading, in order; rows may then be shorter.
    Empty = a file needs headings."""
    passed_over: tuple[str, ...] = ()
    """Headings that a sheet of ours has for whoever fills it in: not read, and no notice."""
    brings_along: bool = False
    """Whether columns that nobody knows come along as they are; else each is a notice."""


class _Refused(Exception):
    """The file cannot be read any further."""

    def __init__(self, problem: RowProblem) -> None:
        self.problem = problem
        super().__init__()


def read_table(
    data: bytes,
    columns: Sequence[Column],
    kinds: Mapping[str, ProblemKind],
    shape: Shape = Shape(),
    *,
    only: Collection[int] | None = None,
) -> Table:
    """Cut `data` into rows under `columns`. `kinds` is `table_kinds` of the caller's stage. Never raises.

    `only`: the lines to cut, to show some rows of a file that was read before; all others are passed over.
    """
    reader = _Reader(columns, kinds, shape)
    rows: list[Row] = []
    try:
        reader.refuse_what_is_no_text(data)  # 1
        reader.find_encoding(data)  # 2
        lines = reader.decoded_lines(data)  # 3
        reader.find_columns(lines)  # 4
        if only is not None:
            lines = [line if at in only else "" for at, line in enumerate(lines, start=1)]
        rows.extend(reader.rows(lines))  # 5
        if reader.row_count == 0:
            raise _Refused(kinds["no-rows"].at())
    except _Refused as refused:
        reader.problems.append(refused.problem)
    return Table(
        encoding=reader.encoding,
        delimiter=_DELIMITERS.get(reader.delimiter, ""),
        row_count=reader.row_count,
        places=reader.places,
        rows=rows,
        problems=reader.problems,
        notices=reader.notices,
        further=tuple(place.heading for place in reader.further),
    )


def normal_heading(text: str) -> str:
    """Bring a heading to the form it is compared in: NFKC, lower case, without spaces, hyphens and stars."""
    return _HEADING_NOISE.sub("", unicodedata.normalize("NFKC", text).casefold())


class _Reader:
    """The state of one reading."""

    def __init__(self, columns: Sequence[Column], kinds: Mapping[str, ProblemKind], shape: Shape) -> None:
        self.columns, self.kinds, self.assumed = columns, kinds, shape.assumed
        self.brings_along, self.further = shape.brings_along, list[Place]()
        self.passed_over = {normal_heading(word) for word in shape.passed_over}
        self.max_bytes = MAX_BYTES if shape.max_bytes is None else shape.max_bytes
        self.max_rows = MAX_ROWS if shape.max_rows is None else shape.max_rows
        self.headed = True
        self.encoding, self.delimiter, self.codec = "", "", ""
        self.places: dict[str, Place] = {}
        self.width = 0
        self.row_count = 0
        self.problems: list[RowProblem] = []
        self.notices: list[RowProblem] = []
        self._by_heading = {normal_heading(word): column for column in columns for word in column.headings}

    def refuse_what_is_no_text(self, data: bytes) -> None:
        if not data.removeprefix(_UTF8_MARK).strip(b" \t\r\n,;"):
            raise _Refused(self.kinds["empty-file"].at())
        if len(data) > self.max_bytes:
            raise _Refused(self.kinds["file-too-large"].at(limit=self.max_bytes // 1024 // 1024))
        if data.startswith(_WORKBOOKS):
            raise _Refused(self.kinds["workbook"].at())
        if data.startswith(_UTF16_MARKS):
            raise _Refused(self.kinds["encoding"].at())
        if data.startswith(_NO_TEXTS):
            raise _Refused(self.kinds["not-text"].at())
        if b"\0" in data[: data.find(b"\n") + 1 or None]:  # a zero byte in the heading: no text of ours begins so
            raise _Refused(self.kinds["not-text"].at())
        if max(data.count(b"\n"), data.count(b"\r")) > MAX_ROWS + 1:
            raise _Refused(self.kinds["too-many-rows"].at(limit=self.max_rows))

    def find_encoding(self, data: bytes) -> None:
        if data.startswith(_UTF8_MARK):
            self.encoding, self.codec = "UTF-8 with BOM", "utf-8"
            return
        gb18030 = _decoded(data, "gb18030")
        utf8 = _decoded(data, "utf-8")
        if utf8 is not None:
            # "帽" in GBK and "ñ" in UTF-8 are the same bytes: with nothing else to go by, either would be a guess
            if not data.isascii() and not _HAN.search(utf8) and gb18030 is not None and _HAN.search(gb18030):
                raise _Refused(self.kinds["encoding-ambiguous"].at())
            self.encoding, self.codec = "UTF-8", "utf-8"
            return
        heading = data[: data.find(b"\n") + 1 or None]
        if _decoded(heading, "utf-8") is not None and not (heading.isascii() and gb18030 is not None):
            self.encoding, self.codec = "UTF-8", "utf-8"  # some later line is not; it is reported by itself
        elif _decoded(heading, "gb18030") is not None:
            self.encoding = "GBK" if _decoded(data, "gbk") is not None else "GB18030"
            self.codec = "gb18030"
        else:
            raise _Refused(self.kinds["encoding"].at())

    def decoded_lines(self, data: bytes) -> list[str | None]:
        """Give the lines without their ends; None = not in the file's encoding.

        The bytes can be cut first: neither encoding has the byte of a line end inside a character.
        """
        data = data.removeprefix(_UTF8_MARK).replace(b"\r\n", b"\n")
        if b"\n" not in data:
            data = data.replace(b"\r", b"\n")
        if self.codec == "utf-8":
            whole = _decoded(data, "utf-8")
            if whole is not None:
                return list(whole.split("\n"))
            return [_decoded(line, "utf-8") for line in data.split(b"\n")]
        return [None if _is_utf8_han(line) else _decoded(line, "gb18030") for line in data.split(b"\n")]

    def find_columns(self, lines: Sequence[str | None]) -> None:
        first = lines[0] or ""
        cuts = {delimiter: _cut(first, delimiter) or [] for delimiter in _DELIMITERS}
        known = {mark: sum(normal_heading(word) in self._by_heading for word in cut) for mark, cut in cuts.items()}
        self.delimiter = max(_DELIMITERS, key=lambda mark: (known[mark], len(cuts[mark])))
        if self.assumed and not known[self.delimiter]:
            self.headed, self.width = False, len(self.assumed)
            self.places = {key: Place(position=at, heading="") for at, key in enumerate(self.assumed, start=1)}
            return
        headings = cuts[self.delimiter]
        while headings and not headings[-1].strip():
            headings.pop()
        self.width = len(headings)
        if self.width > MAX_COLUMNS:
            raise _Refused(self.kinds["too-many-columns"].at(limit=MAX_COLUMNS))
        for position, heading in enumerate(headings, start=1):
            column = self._by_heading.get(normal_heading(heading))
            if column is None and normal_heading(heading) in self.passed_over:
                continue
            if column is None and self.brings_along:
                self.further.append(Place(position=position, heading=_cut_short(heading.strip())))
            elif column is None:
                # the text is not repeated: in a file without headings it would be the first person's data
                self.notices.append(self.kinds["unknown-column"].at(1, position=position, place=position))
            elif column.key in self.places:
                other = self.places[column.key].position
                self.problems.append(self.kinds["duplicate-column"].at(1, heading.strip(), position, other=other))
            else:
                self.places[column.key] = Place(position=position, heading=heading.strip())
        missing = [column for column in self.columns if column.required and column.key not in self.places]
        for column in missing[:-1]:
            self.problems.append(self.kinds["missing-column"].at(1, column.headings[0]))
        if missing:
            raise _Refused(self.kinds["missing-column"].at(1, missing[-1].headings[0]))
        if self.problems:
            self.width = 0  # a column that stands twice: which one is meant is not ours to choose, so no row is read

    def rows(self, lines: Sequence[str | None]) -> Iterator[Row]:
        first = 1 if self.headed else 0
        for number, line in enumerate(lines[first:], start=first + 1):
            if line is None:
                self.row_count += 1
                self.problems.append(self.kinds["encoding-mixed"].at(number))
                continue
            if not line.strip(" \t\u3000" + self.delimiter):
                continue  # spreadsheets leave lines of mere separators at the end
            self.row_count += 1
            if self.row_count > self.max_rows:
                raise _Refused(self.kinds["too-many-rows"].at(limit=self.max_rows))
            if self.width == 0:
                continue
            cells = _cut(line, self.delimiter)
            if cells is None:
                self.problems.append(self.kinds["quote"].at(number))
                continue
            found = len(cells)
            while len(cells) > self.width and not cells[-1].strip():
                cells.pop()
            if not self.headed:
                cells.extend("" for _ in range(self.width - len(cells)))
            if len(cells) != self.width:
                self.problems.append(self.kinds["ragged-row"].at(number, found=found, expected=self.width))
                continue
            yield Row(
                line=number,
                cells={key: self._cell(cells[place.position - 1], number, place) for key, place in self.places.items()},
                further=tuple(_cut_short(cells[place.position - 1].strip()) for place in self.further),
            )

    def _cell(self, text: str, line: int, place: Place) -> str | None:
        stripped = text.strip(" \u3000\u00a0")
        if len(text) > MAX_CELL:
            problem = self.kinds["cell-too-long"].at(line, place.heading, place.position, limit=MAX_CELL)
        elif stripped and is_formula_like(stripped):
            problem = self.kinds["formula-cell"].at(line, place.heading, place.position)
        elif (stripped.isprintable() and _UNSEEN.isdisjoint(stripped)) or (bad := _first_bad(text)) is None:
            return stripped
        else:
            at, slug = bad
            problem = self.kinds[slug].at(line, place.heading, place.position, place=at)
        self.problems.append(problem)
        return None


def is_formula_like(text: str) -> bool:
    """Tell whether a spreadsheet could take `text` for a formula: begins with = + - @ (also full-width), tab or CR."""
    return text.casefold() not in NOTHING and begins_formula(text)


def begins_formula(text: str) -> bool:
    """Tell whether the first character alone is one that formulas begin with; what cells must not be written with."""
    return unicodedata.normalize("NFKC", text[:1])[:1] in _FORMULA


def _first_bad(text: str) -> tuple[int, str] | None:
    """Find the first character that must not stand in a cell: its place from 1, and the slug."""
    for place, character in enumerate(text, start=1):
        category = unicodedata.category(character)
        if category == "Co":
            return place, "private-use"
        # Zs is space of all widths. Cn is "not assigned" only to this Python: planes 2 and 3 hold Han added since then.
        unknown = category == "Cn" and not _HAN.match(character)
        if unknown or character in _UNSEEN or category in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            return place, "control-character"
    return None


def _cut_short(text: str) -> str:
    return text if len(text) <= MAX_FURTHER else f"{text[: MAX_FURTHER - 1]}…"


def _cut(line: str, delimiter: str) -> list[str] | None:
    """Cut one line into cells; None where its quotes do not match."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        return None


def _decoded(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_utf8_han(line: bytes) -> bool:
    """Tell whether a line of a GB18030 file is really UTF-8: chance hardly ever makes valid UTF-8 with Han in it."""
    if line.isascii():
        return False
    text = _decoded(line, "utf-8")
    return text is not None and _HAN.search(text) is not None
