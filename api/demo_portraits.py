"""Drawn faces of nobody, on a blue ground, as candidates' photographs for a demonstration.

A face is put together from a few shapes; the same number gives the same bytes.
"""

import io
import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from PIL import Image, ImageDraw

WIDTH: Final = 295
HEIGHT: Final = 413
"""One inch at 300 dpi."""
_SCALE: Final = 2
"""Drawn larger and made smaller, so that edges are smooth."""
_QUALITY: Final = 86
_FACES: Final = 60
"""Different faces: drawing one takes some milliseconds, and a demonstration has hundreds of candidates."""

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]
_GROUNDS: Final[tuple[tuple[Colour, Colour], ...]] = (
    ((82, 152, 224), (64, 132, 208)),
    ((67, 142, 219), (58, 124, 200)),
    ((92, 160, 228), (72, 140, 214)),
)
_SKINS: Final[tuple[Colour, ...]] = ((240, 208, 184), (232, 196, 168), (222, 184, 152), (246, 218, 196))
_HAIRS: Final[tuple[Colour, ...]] = ((34, 28, 28), (48, 36, 32), (24, 24, 30), (62, 46, 40))
_GREY_HAIR: Final[Colour] = (120, 116, 114)
_CLOTHES: Final[tuple[Colour, ...]] = ((34, 42, 72), (52, 56, 62), (28, 66, 74), (96, 38, 52), (70, 74, 50))
_TIES: Final[tuple[Colour, ...]] = ((124, 28, 38), (40, 70, 120), (70, 90, 60))
_WHITE: Final[Colour] = (248, 248, 246)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Face:
    ground: tuple[Colour, Colour]
    skin: Colour
    hair: Colour
    clothes: Colour
    tie: Colour | None
    cut: str
    """`short`, `parted`, `bob` or `long`."""
    glasses: bool
    wide: float
    """Half the face's width."""
    smile: float


def sample_photographs(identity_numbers: Iterable[str]) -> list[tuple[str, bytes]]:
    """Draw a photograph for each identity number: file names and JPEG bytes."""
    return [(f"{number}.jpg", drawn_face(number)) for number in identity_numbers]


def drawn_face(seed: str) -> bytes:
    """Draw a face as JPEG of 295 × 413 pixels; there are so many different ones, and no more."""
    return _numbered(int.from_bytes(sha256(seed.encode()).digest()[:4], "big") % _FACES)


@lru_cache(maxsize=_FACES)
def _numbered(number: int) -> bytes:
    chance = random.Random(number)  # noqa: S311 - a face of nobody, no secret
    cut = chance.choice(("short", "parted", "bob", "long"))
    face = _Face(
        ground=chance.choice(_GROUNDS),
        skin=chance.choice(_SKINS),
        hair=_GREY_HAIR if chance.random() < 0.08 else chance.choice(_HAIRS),
        clothes=chance.choice(_CLOTHES),
        tie=chance.choice((*_TIES, None)) if cut in ("short", "parted") else None,
        cut=cut,
        glasses=chance.random() < 0.3,
        wide=chance.uniform(60, 67),
        smile=chance.uniform(10, 22),
    )
    picture = io.BytesIO()
    _draw(face).save(picture, "JPEG", quality=_QUALITY, dpi=(300, 300))
    return picture.getvalue()


class _Pen:
    """Draws in units of a finished pixel."""

    def __init__(self, picture: Image.Image) -> None:
        self._draw = ImageDraw.Draw(picture)

    def ellipse(self, box: Box, fill: Colour) -> None:
        self._draw.ellipse([one * _SCALE for one in box], fill=fill)

    def shape(self, points: Iterable[tuple[float, float]], fill: Colour) -> None:
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill=fill)

    def line(self, points: Iterable[tuple[float, float]], fill: Colour, width: float) -> None:
        self._draw.line([(x * _SCALE, y * _SCALE) for x, y in points], fill=fill, width=round(width * _SCALE))

    def arc(self, box: Box, begin: float, end: float, fill: Colour, width: float) -> None:
        self._draw.arc([one * _SCALE for one in box], begin, end, fill=fill, width=round(width * _SCALE))

    def rounded(self, box: Box, radius: float, fill: Colour) -> None:
        self._draw.rounded_rectangle([one * _SCALE for one in box], radius * _SCALE, fill=fill)


def _draw(face: _Face) -> Image.Image:
    picture = _ground(face.ground)
    pen = _Pen(picture)
    middle, top, chin = WIDTH / 2, 92.0, 272.0
    _hair_behind(pen, face, middle, top)
    _clothes(pen, face, middle)
    pen.rounded((middle - 26, chin - 34, middle + 26, chin + 36), 20, _shade(face.skin, 0.88))
    pen.ellipse((middle - face.wide - 8, 178, middle - face.wide + 12, 216), _shade(face.skin, 0.94))
    pen.ellipse((middle + face.wide - 12, 178, middle + face.wide + 8, 216), _shade(face.skin, 0.94))
    pen.ellipse((middle - face.wide, top + 8, middle + face.wide, chin), face.skin)
    _features(pen, face, middle)
    _hair_before(pen, face, middle, top)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _ground(colours: tuple[Colour, Colour]) -> Image.Image:
    above, below = (Image.new("RGB", (1, 1), one) for one in colours)
    column = Image.new("RGB", (1, 2))
    column.paste(above, (0, 0))
    column.paste(below, (0, 1))
    return column.resize((WIDTH * _SCALE, HEIGHT * _SCALE), Image.Resampling.BILINEAR)


def _clothes(pen: _Pen, face: _Face, middle: float) -> None:
    shoulders = [(-118, 413), (-112, 350), (-84, 326), (-30, 298), (30, 298), (84, 326), (112, 350), (118, 413)]
    pen.shape([(middle + x, y) for x, y in shoulders], face.clothes)
    pen.shape([(middle - 30, 297), (middle + 30, 297), (middle + 4, 400), (middle - 4, 400)], _WHITE)
    if face.tie is not None:
        pen.shape([(middle - 9, 316), (middle + 9, 316), (middle + 6, 330), (middle - 6, 330)], face.tie)
        blade = [(-6, 330), (6, 330), (10, 392), (0, 404), (-10, 392)]
        pen.shape([(middle + x, y) for x, y in blade], face.tie)
    lapel = _shade(face.clothes, 0.82)
    for side in (-1, 1):
        points = [(30, 296), (50, 318), (34, 350), (2, 413), (0, 404)]
        pen.shape([(middle + side * x, y) for x, y in points], lapel)


def _hair_behind(pen: _Pen, face: _Face, middle: float, top: float) -> None:
    half = face.wide + 14
    if face.cut == "bob":
        pen.rounded((middle - half, top + 10, middle + half, 268), 46, face.hair)
    elif face.cut == "long":
        pen.rounded((middle - half, top + 10, middle + half, 344), 46, face.hair)


def _hair_before(pen: _Pen, face: _Face, middle: float, top: float) -> None:
    half = face.wide + (14 if face.cut in ("bob", "long") else 7)
    crown = [(middle - half, 196.0)]
    steps = 24
    for step in range(steps + 1):  # over the head from ear to ear
        across = -1 + 2 * step / steps
        crown.append((middle + half * across, top - 8 + 74 * (1 - (1 - abs(across) ** 2.8) ** 0.5)))
    crown.append((middle + half, 196.0))
    inner = face.wide - 6
    fringe = {
        "short": [(inner, 168.0), (inner - 14, 140.0), (0, 132.0), (-inner + 14, 140.0), (-inner, 168.0)],
        "parted": [(inner, 172.0), (inner - 6, 146.0), (24, 124.0), (-20, 150.0), (-inner, 174.0)],
        "bob": [(inner, 200.0), (inner - 4, 158.0), (0, 152.0), (-inner + 4, 158.0), (-inner, 200.0)],
        "long": [(inner + 2, 206.0), (inner - 8, 162.0), (6, 118.0), (-inner + 8, 162.0), (-inner - 2, 206.0)],
    }[face.cut]
    pen.shape([*crown, *((middle + x, y) for x, y in fringe)], face.hair)


def _features(pen: _Pen, face: _Face, middle: float) -> None:
    dark = _shade(face.hair, 0.8)
    for side in (-1, 1):
        eye = middle + side * 29
        pen.arc((eye - 15, 172, eye + 15, 192), 205, 335, dark, 2.6)
        pen.ellipse((eye - 10, 190, eye + 10, 201), _WHITE)
        pen.ellipse((eye - 5.5, 189.5, eye + 5.5, 201), dark)
        pen.arc((eye - 11, 187, eye + 11, 205), 195, 345, dark, 1.8)
        if face.glasses:
            pen.arc((eye - 22, 180, eye + 22, 212), 0, 360, (60, 60, 66), 2.2)
    if face.glasses:
        pen.line([(middle - 8, 194), (middle + 8, 194)], (60, 60, 66), 2.2)
    pen.arc((middle - 9, 208, middle + 9, 228), 25, 155, _shade(face.skin, 0.78), 2.2)
    pen.arc((middle - 20, 242 - face.smile, middle + 20, 242 + face.smile / 2), 30, 150, (178, 86, 84), 3.2)


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (round(one * factor) for one in colour)
    return red, green, blue
