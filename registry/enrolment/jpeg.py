"""The frame of a JPEG file (ITU-T T.81, JFIF), read without decoding a pixel, and the file without what it says beside.

1. SOI, then segments: tables (DQT, DHT, DRI), one frame header (SOF 0 to 2), scans.
2. Application segments and comments are left out: cameras write place, time and device there, programs names and
   thumbnails. JFIF stays without its thumbnail; Adobe's colour word stays, or the colours would change.
3. What follows EOI is left out: a second picture, an archive, a page.
The scans stay byte for byte, so that not a pixel changes. Anything else that a file holds refuses it.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from registry.kernel.errors import MalformedInput

MAX_SCANS: Final = 32
"""Most scans of a progressive file; encoders write 8 to 14. Each one is a pass over the whole picture."""
_START, _END = b"\xff\xd8", 0xD9
_SCAN, _COMMENT = 0xDA, 0xFE
_JFIF_SEGMENT, _EXIF_SEGMENT, _ADOBE_SEGMENT = 0xE0, 0xE1, 0xEE
_TABLES: Final = frozenset({0xC4, 0xDB, 0xDD})  # DHT, DQT, DRI
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; Huffman coded
_PROGRESSIVE = 0xC2
_JFIF, _ADOBE, _EXIF = b"JFIF\0", b"Adobe", b"Exif\0\0"
_JFIF_KEPT, _ADOBE_KEPT = 12, 12
"""Bytes of these segments that are kept: the name, version and density; the name, version, flags and colours."""
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7]")
"""A marker other than a restart: in a scan 0xFF is followed by 0x00 or by a restart's number."""
_ORIENTATION, _SHORT = 0x0112, 3


class NoJpeg(MalformedInput):
    """Bytes are no whole JPEG file of a kind that is read: `start`, `truncated`, `segment`, `frame`, `scans`."""

    code = "photo/no-jpeg"

    def __init__(self, part: str) -> None:
        self.part = part
        super().__init__(f"expected a whole JPEG file, with Huffman codes and 8 bits a sample: {part}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BareJpeg:
    """A JPEG file without anything beside its picture."""

    data: bytes = field(repr=False)
    width: int
    height: int
    """Pixels, as they are stored."""
    components: int
    """1 = grey, 3 = colour, 4 = for print."""
    progressive: bool
    orientation: int
    """How a viewer was to turn it, by EXIF: 1 = not at all. This word is no longer in `data`."""


def bare_jpeg(data: bytes) -> BareJpeg:
    """Read the frame and leave out what is beside the picture. Raises NoJpeg."""
    return _Reading(data).whole()


class _Reading:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.kept: list[bytes] = [_START]
        self.frame: bytes | None = None
        self.progressive = False
        self.orientation = 1
        self.scans = 0
        self.names: set[bytes] = set()

    def whole(self) -> BareJpeg:
        if not self.data.startswith(_START):
            raise NoJpeg("start")
        at = len(_START)
        while True:
            marker, at = self._marker(at)
            if marker == _END:
                break
            segment, after = self._segment(at)
            self._take(marker, segment)
            if marker == _SCAN:
                after = self._scanned(at, after)
            at = after
        if self.frame is None or not self.scans:
            raise NoJpeg("frame")
        self.kept.append(bytes((0xFF, _END)))
        height, width, components = (
            self.frame[1] << 8 | self.frame[2],
            self.frame[3] << 8 | self.frame[4],
            self.frame[5],
        )
        if not (height and width):
            raise NoJpeg("frame")
        return BareJpeg(
            data=b"".join(self.kept),
            width=width,
            height=height,
            components=components,
            progressive=self.progressive,
            orientation=self.orientation,
        )

    def _marker(self, at: int) -> tuple[int, int]:
        """Read a marker and where its content begins; fill bytes before it are allowed (T.81, B.1.1.2)."""
        if self.data[at : at + 1] != b"\xff":
            raise NoJpeg("truncated" if at >= len(self.data) else "segment")
        while self.data[at : at + 1] == b"\xff":
            at += 1
        if at >= len(self.data):
            raise NoJpeg("truncated")
        return self.data[at], at + 1

    def _segment(self, at: int) -> tuple[bytes, int]:
        """Read a segment's payload, without its length, and where it ends."""
        length = int.from_bytes(self.data[at : at + 2], "big")
        end = at + length
        if length < 2 or end > len(self.data):
            raise NoJpeg("truncated")
        return self.data[at + 2 : end], end

    def _take(self, marker: int, segment: bytes) -> None:
        if marker in _TABLES:
            self._keep(marker, segment)
        elif marker in _FRAMES:
            if self.frame is not None or len(segment) < 6 or segment[0] != 8:
                raise NoJpeg("frame")
            self.frame, self.progressive = segment, marker == _PROGRESSIVE
            self._keep(marker, segment)
        elif marker == _SCAN:
            if self.frame is None:
                raise NoJpeg("frame")
            self.scans += 1
            if self.scans > MAX_SCANS:
                raise NoJpeg("scans")
        elif 0xE0 <= marker <= 0xEF:
            self._application(marker, segment)
        elif marker != _COMMENT:
            raise NoJpeg("segment")

    def _application(self, marker: int, segment: bytes) -> None:
        if marker == _EXIF_SEGMENT and segment.startswith(_EXIF):
            self.orientation = max(self.orientation, _orientation(segment[len(_EXIF) :]))
        elif marker == _JFIF_SEGMENT and segment.startswith(_JFIF) and len(segment) >= _JFIF_KEPT:
            self._keep_once(marker, segment[:_JFIF_KEPT] + b"\0\0", _JFIF)  # a thumbnail of 0 × 0
        elif marker == _ADOBE_SEGMENT and segment.startswith(_ADOBE) and len(segment) >= _ADOBE_KEPT:
            self._keep_once(marker, segment[:_ADOBE_KEPT], _ADOBE)

    def _keep_once(self, marker: int, segment: bytes, name: bytes) -> None:
        if name not in self.names:
            self.names.add(name)
            self._keep(marker, segment)

    def _keep(self, marker: int, segment: bytes) -> None:
        self.kept.append(bytes((0xFF, marker)) + (len(segment) + 2).to_bytes(2, "big") + segment)

    def _scanned(self, begin: int, after: int) -> int:
        """Keep a scan with its header, and say where the next marker stands."""
        found = _AFTER_SCAN.search(self.data, after)
        if found is None:
            raise NoJpeg("truncated")
        self.kept.append(bytes((0xFF, _SCAN)) + self.data[begin : found.start()])
        return found.start()


def _orientation(tiff: bytes) -> int:
    """Read the orientation out of EXIF (TIFF 6.0, its first directory); 1 where it says none that can be read."""
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    order: Literal["little", "big"] = "little" if tiff[:1] == b"I" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)  # past the end this is 0

    directory = number(4, 4)
    for entry in range(min(number(directory, 2), 512)):
        at = directory + 2 + 12 * entry
        if number(at, 2) == _ORIENTATION and number(at + 2, 2) == _SHORT:
            return number(at + 8, 2) if 1 <= number(at + 8, 2) <= 8 else 1
    return 1
