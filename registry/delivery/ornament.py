"""The engraved lines of a certificate: frame, corner rosettes, watermark, emblem, as SVG in hundredths of a millimetre.

`python -m registry.delivery.ornament` writes the pictures that lie beside the templates. Curves are few and smooth:
every one is drawn anew in every certificate.

1. Bands: strands of one sine wave, shifted against each other, along each side (half a wave is one cubic curve).
2. Rosettes: turned copies of a petalled ring, sampled and joined by cubic curves (Catmull–Rom).
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

WIDTH: Final = 29_700
HEIGHT: Final = 21_000
"""A4 landscape, in hundredths of a millimetre."""
_GOLD = "#b3924a"
_DEEP_GOLD = "#a07c34"
_PALE_GOLD = "#f0e7cf"
_FAINT_GOLD = "#f5efdf"
_PAPER = "#fffefa"
_RED = "#8c1b1f"
_HALF_WAVE = 4 / 3 / math.pi
"""Where the handles of a cubic curve lie along half a sine wave; they rise to 4/3 of its height."""
_EDGE, _BAND, _INNER, _CORNER = 850, 1_370, 1_890, 1_370
"""Distances from the sheet's edge: outer line, middle of the band, inner line, centre of a corner rosette."""

Point = tuple[float, float]


def frame() -> str:
    """Draw the gold double frame with its braided band and four corner rosettes, over the faint waves of the ground."""
    return _svg(
        WIDTH,
        HEIGHT,
        [
            _ground(),
            *_rules(),
            *_bands(),
            *(
                f'<g transform="translate({x} {y})">{_corner()}</g>'
                for x in (_CORNER, WIDTH - _CORNER)
                for y in (_CORNER, HEIGHT - _CORNER)
            ),
        ],
    )


def watermark() -> str:
    """Draw the large pale rosette behind the text."""
    rings = [
        _turned(9, 108, lambda angle: 6_300 * (0.60 + 0.40 * math.cos(6 * angle)), _PALE_GOLD, 12, math.pi / 3),
        _turned(8, 96, lambda angle: 3_300 * (0.70 + 0.30 * math.cos(8 * angle)), _PALE_GOLD, 11, math.pi / 4),
    ]
    return _svg(13_000, 13_000, [f'<g transform="translate(6500 6500)">{"".join(rings)}</g>'])


def emblem() -> str:
    """Draw a cube in a laurel wreath: a block that is kept, and an honour."""
    leaves = []
    for side in (-1, 1):
        for step in range(10):
            angle = math.radians(14 + step * 14.5)
            for lean, distance in ((-34, 640), (34, 545)):
                x, y = side * distance * math.sin(angle), distance * math.cos(angle)
                # A leaf points up the branch, leaning outwards or inwards from it.
                forward = math.degrees(math.atan2(-math.sin(angle), side * math.cos(angle))) + side * lean
                size = 0.98 - 0.03 * step
                leaves.append(
                    f'<path transform="translate({x:.0f} {y:.0f}) rotate({forward:.0f}) scale({size:.2f})" '
                    'd="M-60 0Q10-46 110 0Q10 46-60 0Z"/>'
                )
    radius = 310
    corners = [(radius * math.sin(math.radians(60 * i)), -radius * math.cos(math.radians(60 * i))) for i in range(6)]
    hexagon = "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in corners) + "Z"
    spokes = "".join(f"M0 0L{corners[i][0]:.0f} {corners[i][1]:.0f}" for i in (1, 3, 5))
    return _svg(
        1_600,
        1_500,
        [
            f'<g transform="translate(800 730)"><g fill="{_GOLD}">{"".join(leaves)}</g>',
            f'<path d="{hexagon}{spokes}" fill="none" stroke="{_RED}" stroke-width="42" stroke-linejoin="round"/></g>',
        ],
    )


def _svg(width: int, height: int, parts: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width / 100:g}mm" height="{height / 100:g}mm">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _rules() -> list[str]:
    """Draw the straight lines: a strong one and a thin one outside, the same inside, mirrored."""
    lines = []
    for distance, width in ((_EDGE, 62), (_EDGE + 95, 16), (_INNER - 95, 16), (_INNER, 42), (_INNER + 90, 12)):
        lines.append(
            f'<rect x="{distance}" y="{distance}" width="{WIDTH - 2 * distance}" height="{HEIGHT - 2 * distance}" '
            f'fill="none" stroke="{_DEEP_GOLD if width > 30 else _GOLD}" stroke-width="{width}"/>'
        )
    return lines


def _bands() -> list[str]:
    """Draw the braid of the four sides."""
    across, down = WIDTH - 2 * _CORNER, HEIGHT - 2 * _CORNER
    return [
        *_braid(across, _CORNER, _BAND, "0"),
        *_braid(across, _CORNER, HEIGHT - _BAND, "0"),
        *_braid(down, _BAND, _CORNER, "90"),
        *_braid(down, WIDTH - _BAND, _CORNER, "90"),
    ]


def _braid(length: int, x: int, y: int, turn: str) -> list[str]:
    strands, height = 5, 295
    waves = round(length / 620)
    half = length / waves / 2
    path = []
    for strand in range(strands):
        path.append(_wave(half, waves * 2, height, strand / strands * 2 * half))
    return [
        f'<path transform="translate({x} {y}) rotate({turn})" d="{"".join(path)}" fill="none" stroke="{_GOLD}" '
        'stroke-width="13"/>'
    ]


def _wave(half: float, count: int, height: float, shift: float) -> str:
    """Draw half waves from -shift on; what stands out at the ends lies under the corner rosettes."""
    handle = half * _HALF_WAVE
    rise = height * 4 / 3
    parts = [f"M{-shift:.0f} 0"]
    for number in range(count + 2):
        sign = 1 if number % 2 else -1
        parts.append(f"c{handle:.0f} {sign * rise:.0f} {half - handle:.0f} {sign * rise:.0f} {half:.1f} 0")
    return "".join(parts)


def _corner() -> str:
    radius = 780
    return "".join(
        (
            f'<circle r="{radius + 30}" fill="{_PAPER}"/>',
            f'<circle r="{radius}" fill="none" stroke="{_DEEP_GOLD}" stroke-width="52"/>',
            f'<circle r="{radius - 85}" fill="none" stroke="{_GOLD}" stroke-width="16"/>',
            _turned(5, 96, lambda angle: 650 * (0.64 + 0.34 * math.cos(8 * angle)), _DEEP_GOLD, 12, math.pi / 4),
            _turned(2, 64, lambda angle: 250 * (0.62 + 0.36 * math.cos(8 * angle)), _DEEP_GOLD, 12, math.pi / 4),
        )
    )


def _ground() -> str:
    """Draw the faint waves behind everything, inside the frame."""
    left, right = _INNER + 120, WIDTH - _INNER - 120
    count = 14
    half = (right - left) / count
    handle = half * _HALF_WAVE
    parts = []
    for number, y in enumerate(range(_INNER + 420, HEIGHT - _INNER - 200, 620)):
        parts.append(f"M{left} {y}")
        for wave in range(count):
            rise = (1 if (wave + number) % 2 else -1) * 120
            parts.append(f"c{handle:.0f} {rise} {half - handle:.0f} {rise} {half:.1f} 0")
    return f'<path d="{"".join(parts)}" fill="none" stroke="{_FAINT_GOLD}" stroke-width="14"/>'


def _turned(copies: int, samples: int, radius: Callable[[float], float], colour: str, width: int, period: float) -> str:
    """Draw a closed curve in polar form and its copies, each turned a little further within one petal."""
    path = "".join(
        _closed(
            [
                (radius(angle) * math.cos(angle + turn), radius(angle) * math.sin(angle + turn))
                for angle in (2 * math.pi * i / samples for i in range(samples))
            ]
        )
        for turn in (period * copy / copies for copy in range(copies))
    )
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _closed(points: list[Point]) -> str:
    """Join points to a closed smooth curve through all of them."""
    count = len(points)
    parts = [f"M{points[0][0]:.0f} {points[0][1]:.0f}"]
    for i in range(count):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        parts.append(
            f"C{bx + (cx - ax) / 6:.0f} {by + (cy - ay) / 6:.0f} "
            f"{cx - (dx - bx) / 6:.0f} {cy - (dy - by) / 6:.0f} {cx:.0f} {cy:.0f}"
        )
    return "".join(parts) + "Z"


PICTURES: Final = {"frame.svg": frame, "watermark.svg": watermark, "emblem.svg": emblem}
"""Files beside the templates and what draws them."""


def main() -> None:
    """Write the pictures beside the templates."""
    for name, draw in PICTURES.items():
        (Path(__file__).parent / "templates" / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
