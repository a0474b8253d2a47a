"""The parts of an XLSX workbook, unpacked and parsed with a bound on everything that a small file can make large.

A workbook is a ZIP file of XML parts, and some kilobytes of it unpack to gigabytes. So:

1. the directory is asked first: how many parts, how large, how packed; `zipfile` itself would believe anything;
2. a part that is wanted is unpacked piece by piece, no further than the directory says; no other part is unpacked;
3. each piece goes to the parser at once: no tree is built, only what a reader keeps is kept;
4. tags, different names, depth and the length of one tag are counted, all parts together;
5. a reader ends its part as soon as it has what it wants.
"""

import io
import posixpath
import zipfile
from collections.abc import Mapping
from typing import Final, Protocol
from xml.parsers import expat

_MAX_PARTS: Final = 200
_MAX_UNPACKED: Final = 64 * 1024 * 1024
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What workbooks are packed with; of the others a single step unpacks whatever is in it."""
_ENTRY: Final = b"PK\x01\x02"
_ENCRYPTED: Final = 1
_PIECE: Final = 64 * 1024
_LONGEST_TAG: Final = 1024 * 1024
_MOST_NAMES: Final = 2_000
"""Different names of elements and attributes in one part; the parser keeps each."""
_DEEPEST: Final = 64


class WorkbookRefused(Exception):
    """The bytes are no workbook that is read here, or unpack to more than any list; never leaves this stage."""


class Enough(Exception):
    """A reader has what it wants of a part."""


class PartReader(Protocol):
    """Takes what it wants of a part; names come without prefixes. Raises Enough, and whatever a bad value raises."""

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """See the beginning of an element."""
        ...

    def end(self, name: str) -> None:
        """See the end of an element."""
        ...

    def text(self, text: str) -> None:
        """See a piece of text."""
        ...


class Parts:
    """The parts of one workbook by name. Making and reading raise WorkbookRefused, and what `zipfile` raises."""

    def __init__(self, data: bytes, most_tags: int) -> None:
        if data.count(_ENTRY) > 2 * _MAX_PARTS:  # the library makes an object of each
            raise WorkbookRefused
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        entries = self._zip.infolist()  # 1
        if len(entries) > _MAX_PARTS or sum(one.file_size for one in entries) > _MAX_UNPACKED:
            raise WorkbookRefused
        if any(one.flag_bits & _ENCRYPTED or one.compress_type not in _METHODS for one in entries):
            raise WorkbookRefused
        self._entries = {_plain(one.filename): one for one in entries}
        self.tags_left = most_tags
        """Opening and closing, of the parts that are still to be read, all together."""

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._entries

    def read(self, name: str, reader: PartReader) -> None:
        """Parse a part; raises WorkbookRefused also where there is none."""
        entry = self._entries.get(_plain(name))
        if entry is None:
            raise WorkbookRefused
        names: dict[str, str] = {}
        parser = _parser(reader, names)
        fed = 0
        try:
            with self._zip.open(entry) as part:
                while piece := part.read(_PIECE):  # 2
                    self.tags_left -= piece.count(b"<") + piece.count(b"/>")  # 4
                    if self.tags_left < 0:
                        raise WorkbookRefused
                    parser.Parse(piece, False)  # 3
                    fed += len(piece)
                    if fed - parser.CurrentByteIndex > _LONGEST_TAG or len(names) > _MOST_NAMES:
                        raise WorkbookRefused
            parser.Parse(b"", True)
        except Enough:  # 5
            return
        except expat.ExpatError as error:
            raise WorkbookRefused from error


def _parser(reader: PartReader, names: dict[str, str]) -> expat.XMLParserType:
    """Make a parser that keeps every name it meets in `names`, and refuses what nests too deep or declares entities."""
    depth = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise WorkbookRefused
        reader.begin(name.rpartition(":")[2] if ":" in name else name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        reader.end(name.rpartition(":")[2] if ":" in name else name)

    def doctype(*_: object) -> None:
        raise WorkbookRefused  # no workbook declares entities

    parser = expat.ParserCreate(intern=names)
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = doctype
    return parser


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("/").lower()


class Relations:
    """Reads what a part refers to: the last word of each relation's type, and the part it leads to, by its name."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.by_id: dict[str, tuple[str, str]] = {}

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take one relation; those that lead out of the workbook are left out."""
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            kind = attributes["Type"].rpartition("/")[2]
            target = posixpath.normpath(posixpath.join("/", self._folder, attributes["Target"]))
            self.by_id[attributes["Id"]] = (kind, target.lstrip("/"))

    def end(self, name: str) -> None:
        """Nothing ends here."""

    def text(self, text: str) -> None:
        """No text is wanted."""

    def first(self, kind: str) -> str | None:
        """Give the first part of a kind."""
        return next((target for one, target in self.by_id.values() if one == kind), None)


def relations_of(parts: Parts, part: str) -> Relations:
    """Read what `part` refers to; the workbook itself is the part ``."""
    folder, name = posixpath.split(part)
    found = Relations(folder)
    place = posixpath.join(folder, "_rels", f"{name}.rels")
    if place in parts:
        parts.read(place, found)
    return found
