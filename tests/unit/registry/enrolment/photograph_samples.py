"""JPEG files to be checked: good ones, and ones with everything that must go or must refuse them."""

import io
import struct
import zipfile
from collections.abc import Iterable

from PIL import Image, ImageDraw

BLUE = (67, 142, 219)
WHITE = (255, 255, 255)
INCH = (295, 413)


def picture(size: tuple[int, int] = INCH, ground: tuple[int, int, int] = BLUE, mode: str = "RGB") -> Image.Image:
    """A head and shoulders on a plain ground."""
    image = Image.new("RGB", size, ground)
    pen, (width, height) = ImageDraw.Draw(image), size
    pen.ellipse((width * 0.3, height * 0.25, width * 0.7, height * 0.65), fill=(236, 200, 176))
    pen.rectangle((width * 0.15, height * 0.75, width * 0.85, height), fill=(40, 44, 70))
    return image.convert(mode)


def jpeg(image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, "JPEG", **{"quality": 88, "dpi": (300, 300), **options})
    return out.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def with_segments(data: bytes, *segments: bytes) -> bytes:
    """Put segments behind SOI."""
    return data[:2] + b"".join(segments) + data[2:]


def exif(orientation: int, order: str = "<") -> bytes:
    """An EXIF segment that names an orientation and a place."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    entries = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    place = b"N 39.9042 E 116.4074"
    return segment(0xE1, b"Exif\0\0" + head + struct.pack(f"{order}H", 1) + entries + bytes(4) + place)


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


def archive(entries: Iterable[tuple[str | bytes, bytes]], packing: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP file; a name as bytes is written as it is, without the mark of UTF-8, as Windows does."""
    out = io.BytesIO()
    raw: list[tuple[bytes, bytes]] = []
    with zipfile.ZipFile(out, "w", packing) as new:
        for place, (name, data) in enumerate(entries):
            written = name if isinstance(name, str) else f"{place:03d}".ljust(len(name), "@")
            if isinstance(name, bytes):
                raw.append((written.encode(), name))
            new.writestr(written, data)
    data = out.getvalue()
    for stand_in, name in raw:
        data = data.replace(stand_in, name)
    return data
