"""A candidate's photograph: a one-inch portrait as JPEG, checked, and without what its file says beside the picture.

1. Size of the file; 2. its frame and its metadata, which is left out (`jpeg.py`); 3. colour and how it is turned;
4. pixels and proportions, before anything is decoded; 5. the picture itself, decoded at a quarter of its size; 6. the
ground in both upper corners.

What is kept are the bytes that step 2 leaves; a certificate names their SHA-256.
"""

import io
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from PIL import Image

from registry.enrolment.jpeg import NoJpeg, bare_jpeg
from registry.enrolment.problems import ProblemKind, kinds
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Digest
from registry.programme import Programme

MEDIA_TYPE: Final = "image/jpeg"
MAX_FILE: Final = 200_000
"""Bytes of a file: twice a one-inch photograph of 600 dpi in good quality, and a PDF with it stays under 300 KiB."""
MAX_KEPT: Final = 120_000
"""Bytes of what is kept, for the same reason; the rest of a file was thumbnails and the like."""
INCH: Final = (25, 35)
"""Width and height of a one-inch photograph (一寸), mm; 295 × 413 pixels at 300 dpi."""
LEAST: Final = (250, 350)
"""Least pixels: 10 a millimetre, the least at which a print of 25 × 35 mm shows a face without steps."""
MOST: Final = (1_000, 1_400)
"""Most pixels: 40 a millimetre, more than any printer shows; bounds what is decoded to 1.4 million pixels."""
PROPORTION_TOLERANCE: Final = 0.02
"""How far height by width may be from 35 by 25: cutting to whole pixels and a cutter's half millimetre make 2 in 100;
the next usual formats (22 × 32, 26 × 32, 3 by 4) are 4 in 100 and more away."""

_CORNER: Final = (0.03, 0.03, 0.17, 0.20)
"""Left, top, right, bottom of the measured part of an upper corner, in parts of width and height: hair and shoulders
leave it free, and a scan's white edge lies outside."""
_SAMPLES: Final = 8
"""Measured points a side, each the mean of its surroundings: grain and compression are no colour."""
_HUE: Final = (185, 255)
"""Degrees of blue: the official grounds lie between 193 (0, 191, 243) and 225, lamps and printers move them."""
_LEAST_SATURATION: Final = 0.25
"""White and grey walls with a blue shade lie below, the palest blue cloth above."""
_LEAST_VALUE: Final = 0.25
"""Black lies below."""
_LEAST_SHARE: Final = 0.85
"""How much of a corner must be blue; a strand of hair may reach into it."""
_BLUE_GROUND: Final = "蓝底"
_DECODED: Final = 4
"""A JPEG decoder gives a picture at a quarter of its size for a sixteenth of the work."""

PHOTOGRAPH_PROBLEMS: Final = kinds(
    "photo",
    (
        "too-large",
        "文件超过{limit}KB",
        "the file is larger than {limit} KB",
        "用中等质量另存为JPG",
        "save it as JPEG with medium quality",
    ),
    (
        "not-jpeg",
        "不是完整的JPG照片",
        "this is no whole JPEG photograph",
        "用看图软件打开，另存为JPG",
        "open it in a picture program and save it as JPEG",
    ),
    (
        "damaged",
        "照片文件已损坏",
        "the photograph's file is damaged",
        "用原来的照片重新导出",
        "export the original photograph again",
    ),
    (
        "colour",
        "不是RGB彩色照片（是黑白的，或供印刷用）",
        "not a colour photograph in RGB: it is grey, or made for print",
        "换成RGB彩色照片",
        "hand in a colour photograph in RGB",
    ),
    (
        "turned",
        "照片是横放的，靠附注转正",
        "the picture lies on its side and is only turned by a note in the file",
        "在看图软件里转正后保存",
        "turn it upright in a picture program and save it",
    ),
    (
        "too-few-pixels",
        "只有{width}×{height}像素，至少{least_width}×{least_height}",
        "has {width} × {height} pixels; at least {least_width} × {least_height} are needed",
        "换成300dpi的一寸照（295×413像素）",
        "hand in one inch at 300 dpi (295 × 413 pixels)",
    ),
    (
        "too-many-pixels",
        "{width}×{height}像素，超过{most_width}×{most_height}",
        "has {width} × {height} pixels, more than {most_width} × {most_height}",
        "缩小为295×413像素",
        "make it smaller: 295 × 413 pixels",
    ),
    (
        "proportions",
        "{width}×{height}像素，不是一寸照的比例（25×35毫米）",
        "{width} × {height} pixels are not the proportions of one inch (25 × 35 mm)",
        "裁成一寸照（295×413像素），不要拉伸",
        "cut it to one inch (295 × 413 pixels) without stretching",
    ),
    (
        "ground",
        "左上角和右上角不是蓝底",
        "the ground in the upper corners is not blue",
        "换成蓝底免冠照片",
        "hand in a photograph on a blue ground",
    ),
    (
        "name",
        "文件名不是号码加.jpg",
        "the file is not named by a number and .jpg",
        "用准考证号或证件号码命名，例如2026110001.jpg",
        "name it by admission or identity number, such as 2026110001.jpg",
    ),
    (
        "nobody",
        "这份名册里没有这个号码",
        "nobody in this roster has this number",
        "核对号码和名册",
        "check the number and the roster",
    ),
    (
        "several-people",
        "名册里不止一人有这个证件号码",
        "more than one person in the roster has this identity number",
        "改用准考证号命名",
        "name the file by admission number",
    ),
    (
        "doubled",
        "同一名考生有不止一张照片",
        "there is more than one photograph of this candidate",
        "只留一张",
        "keep one of them",
    ),
    (
        "certified",
        "证书已经预留，照片不能再换",
        "a certificate is reserved, so the photograph can no longer change",
        "需要更换时，请发证员先撤回这批证书，或在发证后更正",
        "if it must change, have the batch given up first, or the certificate corrected afterwards",
    ),
)
"""By slug; `ground` refuses only where the programme asks for blue, elsewhere it is a notice."""


class PhotographRefused(MalformedInput):
    """A photograph cannot be taken; `problem` says why, in both languages."""

    code = "photo/refused"

    def __init__(self, slug: str, **numbers: int) -> None:
        self.slug = slug
        self.problem: ProblemKind = PHOTOGRAPH_PROBLEMS[slug].filled(**numbers)
        super().__init__(f"photograph: {self.problem.reason.en}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A photograph that was checked."""

    image: bytes = field(repr=False)
    """JPEG without metadata: what is kept."""
    width: int
    height: int
    blue_ground: bool
    """Whether both upper corners are blue."""

    @property
    def digest(self) -> Digest:
        """SHA-256 of the kept bytes."""
        return Digest(sha256(self.image).digest())


def check_photograph(data: bytes, *, blue_ground: bool = False) -> Photograph:
    """Check a photograph's file and strip it. Raises PhotographRefused.

    `blue_ground`: another ground refuses it; otherwise the answer says what ground it has.
    """
    # 1
    if len(data) > MAX_FILE:
        raise PhotographRefused("too-large", limit=MAX_FILE // 1_000)
    # 2
    try:
        bare = bare_jpeg(data)
    except NoJpeg as error:
        raise PhotographRefused("not-jpeg") from error
    if len(bare.data) > MAX_KEPT:
        raise PhotographRefused("too-large", limit=MAX_KEPT // 1_000)
    # 3
    if bare.components != 3:
        raise PhotographRefused("colour")
    if bare.orientation != 1:
        raise PhotographRefused("turned")
    # 4
    _require_one_inch(bare.width, bare.height)
    # 5, 6
    is_blue = _is_blue(bare.data, bare.width, bare.height)
    if blue_ground and not is_blue:
        raise PhotographRefused("ground")
    return Photograph(image=bare.data, width=bare.width, height=bare.height, blue_ground=is_blue)


def asks_for_blue(programme: Programme) -> bool:
    """Tell whether a programme's registration form asks for a blue ground (蓝底).

    The catalogue keeps what the source says of the photograph; the ground is the part of it that can be measured.
    """
    form = programme.form
    return form is not None and form.photograph is not None and _BLUE_GROUND in form.photograph.zh


def _require_one_inch(width: int, height: int) -> None:
    pixels = {"width": width, "height": height}
    if width < LEAST[0] or height < LEAST[1]:
        raise PhotographRefused("too-few-pixels", **pixels, least_width=LEAST[0], least_height=LEAST[1])
    if width > MOST[0] or height > MOST[1]:
        raise PhotographRefused("too-many-pixels", **pixels, most_width=MOST[0], most_height=MOST[1])
    wanted = INCH[1] / INCH[0]
    if abs(height / width - wanted) > PROPORTION_TOLERANCE * wanted:
        raise PhotographRefused("proportions", **pixels)


def _is_blue(data: bytes, width: int, height: int) -> bool:
    """Decode a picture, small, and look at both upper corners. Raises PhotographRefused."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            if picture.size != (width, height):
                raise PhotographRefused("damaged")
            picture.draft("RGB", (width // _DECODED, height // _DECODED))
            small = picture.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:  # all that a decoder says of bytes that are no picture
        raise PhotographRefused("damaged") from error
    left, top, right, bottom = _CORNER
    boxes = ((left, top, right, bottom), (1 - right, top, 1 - left, bottom))
    return all(_blue_share(small, box) >= _LEAST_SHARE for box in boxes)


def _blue_share(picture: Image.Image, box: tuple[float, float, float, float]) -> float:
    width, height = picture.size
    place = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    corner = picture.resize((_SAMPLES, _SAMPLES), Image.Resampling.BOX, box=place).convert("HSV")
    points = corner.tobytes()
    blue = sum(
        _HUE[0] <= hue * 360 / 255 <= _HUE[1] and saturation >= _LEAST_SATURATION * 255 and value >= _LEAST_VALUE * 255
        for hue, saturation, value in zip(points[0::3], points[1::3], points[2::3], strict=True)
    )
    return blue / _SAMPLES**2
