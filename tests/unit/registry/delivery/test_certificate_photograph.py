"""The holder's photograph on the printed certificate: only the one that is named, in every type, at every size."""

import ctypes
import io
from contextlib import closing
from dataclasses import replace

import pikepdf
import pypdf
import pypdfium2
import pytest
from PIL import Image

from api.demo_portraits import drawn_face
from registry.credential.v1 import CertificateType
from registry.delivery import Bundle, parse_document, require_unaltered
from registry.enrolment import check_photograph
from registry.enrolment.photograph import MAX_KEPT, MOST
from tests.unit.registry.delivery.sample_papers import PRESS, SEAL, drawn, page_picture, portrait_of
from tests.unit.registry.delivery.test_certificate_pdf import (
    ADDRESS,
    ALL,
    LONG_NAME,
    MOST_NAME,
    decoded,
    plain,
    text_of,
)

FACE = check_photograph(drawn_face("7")).image
OTHER = check_photograph(drawn_face("8")).image
ALT = "持证人照片 Photograph of the holder"
LEAST_POINTS = 6.5
DENSE = CertificateType.PROFESSIONAL_TECHNICAL_LEVEL


def alternatives(data: bytes) -> list[str]:
    with pikepdf.open(io.BytesIO(data)) as document:
        return [str(one.Alt) for one in document.objects if isinstance(one, pikepdf.Dictionary) and "/Alt" in one]


def largest() -> bytes:
    """About the largest photograph that is kept."""
    for quality in range(40, 0, -1):
        out = io.BytesIO()
        noise = Image.effect_noise((MOST[0] // 2, MOST[1] // 2), 50).convert("RGB")
        noise.save(out, "JPEG", quality=quality)
        if len(out.getvalue()) <= MAX_KEPT:
            assert len(out.getvalue()) > 0.9 * MAX_KEPT
            return check_photograph(out.getvalue()).image
    raise AssertionError


@pytest.mark.parametrize("seal", [None, SEAL], ids=["specimen", "sealed"])
@pytest.mark.parametrize("kind", ALL)
def test_every_type_shows_the_photograph_at_the_left_of_one_page(kind: CertificateType, seal: str | None) -> None:
    data = drawn(kind, replace(PRESS, seal=seal), FACE, portrait=portrait_of(FACE))
    assert len(pypdf.PdfReader(io.BytesIO(data)).pages) == 1
    assert FACE in data  # its own bytes, not drawn again
    assert alternatives(data).count(ALT) == 1
    assert decoded(data) == [ADDRESS]
    page = page_picture(data, 72)
    blue = [
        (x, y)
        for x in range(page.width)
        for y in range(page.height)
        if (pixel := page.getpixel((x, y)))[2] > 190 and pixel[0] < 110  # type: ignore[index]
    ]
    assert page.width > page.height
    assert max(x for x, _ in blue) < page.width * 0.25
    assert min(y for _, y in blue) > page.height * 0.35
    assert max(y for _, y in blue) < page.height * 0.65


def test_the_same_photograph_gives_the_same_bytes() -> None:
    first, second = (drawn(DENSE, PRESS, FACE, portrait=portrait_of(FACE)) for _ in range(2))
    assert first == second


def test_another_photograph_than_the_one_that_is_named_is_never_drawn() -> None:
    named = {"portrait": portrait_of(FACE)}
    bare = drawn(DENSE, PRESS, None, **named)
    assert drawn(DENSE, PRESS, OTHER, **named) == bare
    assert drawn(DENSE, PRESS, FACE[:-1] + b"\0", **named) == bare
    assert drawn(DENSE, PRESS, FACE, **named) != bare
    assert ALT not in alternatives(bare)


def test_a_certificate_that_names_none_shows_none() -> None:
    assert drawn(DENSE, PRESS, FACE) == drawn(DENSE)


@pytest.mark.parametrize("name", [LONG_NAME, MOST_NAME, "一"])
def test_the_fullest_paper_stays_on_one_page_below_its_size(name: str) -> None:
    image = largest()
    members = {"portrait": portrait_of(image), "name": name, "name_latin": "OUYANG Alexandra-Konstantina"}
    data = drawn(DENSE, replace(PRESS, seal=SEAL), image, **members)
    assert len(pypdf.PdfReader(io.BytesIO(data)).pages) == 1
    assert len(data) <= 300 * 1024
    assert decoded(data) == [ADDRESS]
    assert plain(name) in text_of(data)


def test_a_paper_with_a_photograph_is_read_back() -> None:
    document = parse_document(drawn(DENSE, PRESS, FACE, portrait=portrait_of(FACE)))
    assert isinstance(document, Bundle)
    require_unaltered(document)
    assert document.credential.disclosed.portrait == portrait_of(FACE)


@pytest.mark.parametrize("face", [None, FACE], ids=["bare", "photograph"])
@pytest.mark.parametrize("words", ["Fingerprint", "eip155", "Recorded on a test chain", "登记在测试链上"])
def test_evidence_and_warning_can_be_read(words: str, face: bytes | None) -> None:
    named = {} if face is None else {"portrait": portrait_of(face)}
    with closing(pypdfium2.PdfDocument(drawn(DENSE, PRESS, face, **named))) as document:
        text = document[0].get_textpage()
        found = text.search(words, match_case=True)
        place = found.get_next()
        assert place is not None
        matrix = pypdfium2.raw.FS_MATRIX()
        for index in range(place[0], place[0] + place[1]):
            assert pypdfium2.raw.FPDFText_GetMatrix(text, index, ctypes.byref(matrix))
            points = pypdfium2.raw.FPDFText_GetFontSize(text, index) * abs(matrix.d)
            assert points >= LEAST_POINTS - 0.01, text.get_text_range(index, 1)
