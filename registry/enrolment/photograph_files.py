"""Photographs as they are handed in: a ZIP file or a folder with one JPEG a candidate, named by number.

Nothing is ever written under a name that a file brings: names are only compared. They may be identity numbers, so they
are shown to whoever handed them in and stand in no error and no log.
"""

import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from registry.enrolment.identity import normal_identity_number
from registry.enrolment.photograph import MAX_FILE
from registry.kernel.errors import MalformedInput

MAX_FILES: Final = 20_000
"""Most photographs at a time: twice the largest roster that is usual."""
MAX_TOTAL: Final = 2 * 1024**3
"""Most bytes of a ZIP's photographs, unpacked."""
_MOST_RATIO: Final = 20
"""How much smaller than its content an entry may be: JPEG is packed already, so what shrinks more is no photograph."""
_SLACK: Final = 4_096
"""Bytes below which the ratio says nothing."""
_ENCRYPTED, _UTF8 = 0x1, 0x800
_ENTRY: Final = b"PK\x01\x02"
"""Begins each entry of a ZIP file's directory."""
_PIECE: Final = 1024 * 1024
_SUFFIXES: Final = (".jpg", ".jpeg")
_BESIDE: Final = frozenset({"thumbs.db", "desktop.ini", ".ds_store"})
"""What file managers leave in folders."""
_MAC_FOLDER: Final = "__MACOSX"
_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_SHOWN: Final = 60


class ArchiveRefused(MalformedInput):
    """A ZIP file of photographs cannot be read: `zip`, `files`, `size`, `ratio`, `encrypted`, `path`, `method`."""

    code = "photo/archive"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.wrong = {
            "zip": "expected a whole ZIP file",
            "files": f"expected at most {MAX_FILES} photographs",
            "size": f"expected photographs of at most {MAX_TOTAL // 1024**2} MB together",
            "ratio": "an entry of the ZIP file is packed as no photograph can be",
            "encrypted": "expected a ZIP file without a password",
            "path": "a name in the ZIP file leads out of it",
            "method": "expected a ZIP file packed by deflate, or not packed",
        }[reason]
        super().__init__(self.wrong)


class PhotographArchive:
    """The photographs of a ZIP file: name without folders, and bytes, as often as they are asked for.

    No entry is read further than a photograph may be large. Making and reading raise ArchiveRefused.
    """

    def __init__(self, file: BinaryIO) -> None:
        if _entries_in(file) > 2 * MAX_FILES:
            raise ArchiveRefused("files")
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise ArchiveRefused("zip") from error
        self._entries = [(name, one) for one in self._zip.infolist() if (name := _entry_name(one)) is not None]
        if len(self._entries) > MAX_FILES:
            raise ArchiveRefused("files")
        for _, one in self._entries:
            _require_readable(one)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        total = 0
        for name, one in self._entries:
            try:
                with self._zip.open(one) as entry:
                    data = entry.read(MAX_FILE + 1)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
                raise ArchiveRefused("zip") from error
            total += len(data)
            if total > MAX_TOTAL:
                raise ArchiveRefused("size")
            yield name, data


class PhotographFolder:
    """The photographs of a folder, in the order of names; neither its folders nor what its links lead to."""

    def __init__(self, folder: Path) -> None:
        self._paths = [
            one
            for one in sorted(folder.iterdir())
            if not one.is_symlink() and one.is_file() and not _is_beside(one.name)
        ]
        if len(self._paths) > MAX_FILES:
            raise ArchiveRefused("files")

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        for path in self._paths:
            with path.open("rb") as file:
                yield path.name, file.read(MAX_FILE + 1)


def number_in(name: str) -> str | None:
    """Read the admission or identity number that a photograph is named by; None where it is named by none."""
    stem, dot, suffix = name.rpartition(".")
    if (dot + suffix).lower() not in _SUFFIXES:
        return None
    return normal_identity_number(stem) or None


def shown_name(name: str) -> str:
    """Make a file's name fit to be shown: NFC, one line, without control and format characters, not endlessly long."""
    plain = "".join(one if one.isprintable() else "\ufffd" for one in unicodedata.normalize("NFC", name))
    return plain if len(plain) <= _LONGEST_SHOWN else f"{plain[: _LONGEST_SHOWN - 1]}…"


def _entries_in(file: BinaryIO) -> int:
    """Count what could be entries, before the library makes an object of each: a small file can hold half a million."""
    found, before = 0, b""
    file.seek(0)
    while piece := file.read(_PIECE):
        found += (before + piece).count(_ENTRY)
        before = piece[1 - len(_ENTRY) :]
    file.seek(0)
    return found


def _entry_name(entry: zipfile.ZipInfo) -> str | None:
    """Give an entry's name without folders; None for folders and what file managers leave. Raises ArchiveRefused."""
    name = entry.filename
    if not entry.flag_bits & _UTF8:
        name = _as_written(name)
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or _DRIVE.match(parts[0]):
        raise ArchiveRefused("path")
    last = parts[-1]
    return None if not last or _MAC_FOLDER in parts or _is_beside(last) else last


def _as_written(name: str) -> str:
    """Read a name that is not marked as UTF-8 as Windows in China and others write it: UTF-8, else GB18030."""
    try:
        raw = name.encode("cp437")  # what the library read it as
    except UnicodeEncodeError:
        return name
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


def _is_beside(name: str) -> bool:
    return name.startswith("._") or name.lower() in _BESIDE


def _require_readable(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveRefused("encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveRefused("method")
    if entry.file_size > _SLACK and entry.file_size > _MOST_RATIO * entry.compress_size:
        raise ArchiveRefused("ratio")
