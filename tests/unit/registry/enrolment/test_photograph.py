"""What a photograph may be, what is left out of its file, and that nothing hostile gets further than a refusal."""

import io
import struct
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from api.demo_portraits import drawn_face, sample_photographs
from registry.enrolment import PHOTOGRAPH_PROBLEMS, PhotographRefused, asks_for_blue, bare_jpeg, check_photograph
from registry.enrolment import jpeg as reading
from registry.enrolment.jpeg import MAX_SCANS, NoJpeg
from registry.enrolment.photograph import LEAST, MAX_FILE, MAX_KEPT, MOST
from registry.programme import load_catalogue
from tests.unit.registry.enrolment.photograph_samples import (
    BLUE,
    INCH,
    WHITE,
    exif,
    jpeg,
    picture,
    pixels,
    segment,
    with_segments,
)

DOCS = Path(__file__).parents[4] / "docs" / "photographs.md"
GOOD = jpeg()
SECRETS = (b"116.4074", b"Canon", b"LI Zhixing", b"<script>", b"Photoshop", b"thumbnail")


def refused(data: bytes, **options: bool) -> str:
    with pytest.raises(PhotographRefused) as caught:
        check_photograph(data, **options)
    assert caught.value.problem.code == f"photo/{caught.value.slug}"
    assert not set("{}") & set(caught.value.problem.reason.zh + caught.value.problem.reason.en)
    return caught.value.slug


def test_a_plain_photograph_is_kept_byte_for_byte() -> None:
    photograph = check_photograph(GOOD, blue_ground=True)
    assert photograph.image == GOOD
    assert (photograph.width, photograph.height) == INCH
    assert photograph.digest == sha256(GOOD).digest()


@pytest.mark.parametrize(
    "size",
    [INCH, LEAST, (590, 826), MOST, (300, 414), (300, 426), (413, 579)],
    ids=lambda size: "x".join(map(str, size)),
)
def test_one_inch_in_any_resolution_is_taken(size: tuple[int, int]) -> None:
    assert check_photograph(jpeg(picture(size))).width == size[0]


@pytest.mark.parametrize(
    ("size", "slug"),
    [
        ((249, 349), "too-few-pixels"),
        ((100, 140), "too-few-pixels"),
        ((1001, 1400), "too-many-pixels"),
        ((300, 413 + 16), "proportions"),
        ((300, 411), "proportions"),
        ((358, 441), "proportions"),  # the format of identity cards
        ((413, 295), "too-few-pixels"),
        ((480, 640), "proportions"),
    ],
)
def test_another_format_is_refused(size: tuple[int, int], slug: str) -> None:
    assert refused(jpeg(picture(size))) == slug


def test_metadata_goes_and_not_a_pixel_changes() -> None:
    beside = with_segments(
        GOOD,
        exif(1),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>LI Zhixing</x:xmpmeta>"),
        segment(0xED, b"Photoshop 3.0\0Canon"),
        segment(0xE2, b"ICC_PROFILE\0"),
        segment(0xFE, b"<script>alert(1)</script>"),
        segment(0xE0, b"JFXX\0\x10thumbnail"),
        b"\xff\xff\xff",  # fill bytes before the next marker
    )
    kept = check_photograph(beside).image
    assert kept == GOOD
    for secret in SECRETS:
        assert secret in beside
        assert secret not in kept
    plain = with_segments(GOOD, exif(1), segment(0xFE, b"Canon"))
    assert pixels(check_photograph(plain).image) == pixels(plain)


def test_a_thumbnail_in_jfif_goes_and_density_stays() -> None:
    head = b"JFIF\0\x01\x01\x01\x01\x2c\x01\x2c\x02\x01" + b"thumbn"
    own = GOOD[20:]  # behind SOI and its own JFIF segment
    kept = check_photograph(GOOD[:2] + segment(0xE0, head) + own).image
    assert kept == GOOD


def test_what_follows_the_picture_goes() -> None:
    for tail in (b"PK\x03\x04evil", GOOD, b"<html>", b"\0" * 5_000):
        assert check_photograph(GOOD + tail).image == GOOD


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 9, 0])
def test_a_picture_that_only_a_note_turns_is_refused(orientation: int, order: str) -> None:
    data = with_segments(GOOD, exif(orientation, order))
    if orientation in (3, 6, 8):
        assert refused(data) == "turned"
    else:
        assert check_photograph(data).image == GOOD


@pytest.mark.parametrize(
    "tiff",
    [b"", b"II*\0", b"II*\0" + b"\xff" * 4, b"MM\0*\0\0\0\x08\xff\xff", b"XX*\0", b"II*\0\x08\0\0\0\x01\0\x12\x01"],
)
def test_broken_exif_says_nothing(tiff: bytes) -> None:
    assert check_photograph(with_segments(GOOD, segment(0xE1, b"Exif\0\0" + tiff))).image == GOOD


def test_progressive_files_are_taken_up_to_a_number_of_scans() -> None:
    data = jpeg(picture(), progressive=True)
    kept = check_photograph(data).image
    assert pixels(kept) == pixels(data)
    scan = data.rindex(b"\xff\xda")
    last = data[scan:-2]
    assert refused(data[:scan] + last * (MAX_SCANS + 1) + data[-2:]) == "not-jpeg"


def test_a_pile_of_scans_is_refused_before_anything_is_decoded() -> None:
    data = jpeg(picture(MOST, WHITE), progressive=True, quality=10)
    scan = data.rindex(b"\xff\xda")
    bomb = data[:scan] + (data[scan:-2] * 3_000)[: MAX_FILE - scan - 2] + data[-2:]
    begin = time.process_time()
    assert refused(bomb) == "not-jpeg"
    assert time.process_time() - begin < 0.2


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_print_colours_are_refused(mode: str) -> None:
    assert refused(jpeg(picture(mode=mode))) == "colour"


def test_a_picture_that_claims_to_be_huge_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = GOOD.index(b"\xff\xc0")
    bomb = GOOD[: frame + 5] + struct.pack(">HH", 65_500, 46_786) + GOOD[frame + 9 :]
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("decoded"))
    assert refused(bomb) == "too-many-pixels"


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"<svg/>",
    ],
)
def test_other_files_are_refused(other: bytes) -> None:
    assert refused(other) == "not-jpeg"
    assert not other or refused(other + GOOD) == "not-jpeg"


def test_other_formats_under_the_name_are_refused() -> None:
    for kind in ("PNG", "GIF", "TIFF", "WEBP", "BMP", "MPO"):
        out = io.BytesIO()
        picture().save(out, kind, **({"save_all": True, "append_images": [picture()]} if kind == "MPO" else {}))
        if kind == "MPO":  # two JPEG files, one behind the other: the first one is the photograph
            assert pixels(check_photograph(out.getvalue()).image) == pixels(out.getvalue())
        else:
            assert refused(out.getvalue()) in ("not-jpeg", "too-large")


def test_truncated_files_are_refused_wherever_they_end() -> None:
    for end in (*range(0, 700, 7), *range(700, len(GOOD) - 1, 211), len(GOOD) - 1):
        assert refused(GOOD[:end]) == "not-jpeg", end


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCC, 0xDC, 0xDE, 0xF0, 0x01, 0x00, 0xD0])
def test_parts_that_no_plain_file_has_are_refused(marker: int) -> None:
    assert refused(with_segments(GOOD, segment(marker, b"xx"))) == "not-jpeg"


def test_two_frames_or_none_are_refused() -> None:
    frame = GOOD.index(b"\xff\xc0")
    length = struct.unpack(">H", GOOD[frame + 2 : frame + 4])[0] + 2
    one = GOOD[frame : frame + length]
    assert refused(GOOD[:frame] + one + GOOD[frame:]) == "not-jpeg"
    assert refused(GOOD[:frame] + GOOD[frame + length :]) == "not-jpeg"
    assert refused(GOOD[:frame] + one[:4] + b"\x0c" + one[5:] + GOOD[frame + length :]) == "not-jpeg"  # 12 bits
    assert refused(GOOD[:frame] + one[:5] + b"\0\0" + one[7:] + GOOD[frame + length :]) == "not-jpeg"  # no height


def test_tables_that_no_decoder_takes_are_damage() -> None:
    table = GOOD.index(b"\xff\xc4")
    assert refused(GOOD[: table + 5] + b"\xff" * 16 + GOOD[table + 21 :]) == "damaged"


def test_large_files_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = Image.effect_noise((1_000, 1_400), 80).convert("RGB")
    assert refused(jpeg(noisy, quality=95)) == "too-large"
    middle = jpeg(Image.effect_noise((590, 826), 60).convert("RGB"), quality=30)
    assert MAX_KEPT < len(middle) < MAX_FILE
    assert refused(middle) == "too-large"
    monkeypatch.setattr("registry.enrolment.photograph.bare_jpeg", lambda data: pytest.fail("read"))
    assert refused(bytes(MAX_FILE + 1)) == "too-large"


@pytest.mark.parametrize(
    "ground", [BLUE, (0, 191, 243), (60, 140, 220), (30, 144, 255), (100, 170, 230), (25, 75, 160), (90, 130, 190)]
)
def test_blue_grounds_are_blue(ground: tuple[int, int, int]) -> None:
    assert check_photograph(jpeg(picture(ground=ground)), blue_ground=True).blue_ground


@pytest.mark.parametrize(
    "ground",
    [WHITE, (255, 0, 0), (200, 30, 30), (128, 128, 128), (220, 228, 235), (0, 0, 0), (60, 160, 90), (0, 0, 30)],
)
def test_other_grounds_are_not_and_refuse_only_where_blue_is_asked_for(ground: tuple[int, int, int]) -> None:
    data = jpeg(picture(ground=ground))
    assert refused(data, blue_ground=True) == "ground"
    assert not check_photograph(data).blue_ground


def test_both_corners_count() -> None:
    image = picture()
    image.paste(WHITE, (200, 0, 295, 120))
    assert not check_photograph(jpeg(image)).blue_ground


def test_a_scans_white_edge_is_no_ground() -> None:
    image = Image.new("RGB", INCH, WHITE)
    image.paste(picture((283, 397)), (6, 8))
    assert check_photograph(jpeg(image), blue_ground=True).blue_ground


def test_blue_is_asked_for_where_the_form_says_so() -> None:
    catalogue = load_catalogue()
    assert asks_for_blue(catalogue.programme("EDGE-AI"))
    assert not asks_for_blue(catalogue.programme("AIGC-APP-ENG"))


@given(st.data())
def test_damaged_files_are_taken_or_refused_and_nothing_else(data: st.DataObject) -> None:
    broken = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(broken)) | st.just(len(broken)))
    try:
        kept = check_photograph(bytes(broken[:cut])).image
    except PhotographRefused:
        return
    assert bare_jpeg(kept).data == kept  # what is kept is as it stays


@given(st.binary(max_size=400))
def test_any_bytes_behind_the_mark_are_read_or_refused(tail: bytes) -> None:
    for data in (tail, b"\xff\xd8" + tail, GOOD[:160] + tail):
        with suppress(NoJpeg):
            assert bare_jpeg(data).data.startswith(b"\xff\xd8")


@given(st.binary(max_size=64))
def test_any_exif_is_an_orientation(tiff: bytes) -> None:
    for head in (b"", b"II*\0", b"MM\0*"):
        assert 1 <= reading._orientation(head + tiff) <= 8


def test_drawn_faces_are_good_photographs_and_always_the_same() -> None:
    faces = sample_photographs(["11010519491231002X", "X0000037"])
    assert [name for name, _ in faces] == ["11010519491231002X.jpg", "X0000037.jpg"]
    assert len({data for _, data in faces}) == 2
    assert drawn_face("X0000037") == faces[1][1]
    for _, data in faces:
        assert check_photograph(data, blue_ground=True).image == data
        assert len(data) < 20_000


def test_the_table_in_the_docs_is_the_one_in_the_code() -> None:
    documented = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `photo/")]
    assert documented == [
        f"| `{kind.code}`{' (notice)' if slug == 'ground' else ''} | {kind.reason.zh}<br>{kind.reason.en} "
        f"| {kind.remedy.zh}<br>{kind.remedy.en} |"
        for slug, kind in PHOTOGRAPH_PROBLEMS.items()
    ]


def test_texts_of_problems_are_short_and_in_the_tone_of_the_product() -> None:
    for kind in PHOTOGRAPH_PROBLEMS.values():
        for text in (kind.reason, kind.remedy):
            assert 1 <= len(text.zh) <= 60
            assert 1 <= len(text.en) <= 120
            assert not set(text.zh + text.en) & set("！!")
            assert not text.zh.endswith("。")
            assert not text.en.endswith(".")
