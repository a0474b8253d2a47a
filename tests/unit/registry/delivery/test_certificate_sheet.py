"""The certificate's sheet: A4 landscape, one page whatever it holds, a copy's stamp in the frame's lower band."""

import io
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pypdf
import pypdfium2
import pytest

from api.demo_portraits import drawn_face
from registry.credential.v1 import CertificateType
from registry.delivery.certificate_pdf import paper_values
from registry.delivery.typesetting import typeset
from registry.enrolment import check_photograph
from registry.kernel.encoding import JsonObject
from tests.unit.registry.delivery.sample_papers import PRESS, SEAL, portrait_of, presented
from tests.unit.registry.delivery.test_certificate_pdf import ADDRESS, ALL, decoded
from tests.vectors.material import receipt

FACE = check_photograph(drawn_face("7")).image
A4 = (842, 595)
POINTS = 72 / 25.4
WORDS = "智能制造与工业互联网融合应用工程技术人员"


def values_of(kind: CertificateType, face: bytes | None) -> JsonObject:
    named = {} if face is None else {"portrait": portrait_of(face)}
    credential = presented(kind, **named)
    return paper_values(replace(PRESS, seal=SEAL), credential, receipt(credential), ADDRESS, face)


def drawn_with(kind: CertificateType, face: bytes | None, **members: object) -> bytes:
    values = {**values_of(kind, face), **members}
    return typeset(f"certificate-{kind}", values, at=datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]  # JSON


def place_of(data: bytes, words: str) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a text in points from the sheet's lower left corner."""
    with closing(pypdfium2.PdfDocument(data)) as document:
        text = document[0].get_textpage()
        found = text.search(words, match_case=True).get_next()
        assert found is not None, words
        boxes = [text.get_charbox(at) for at in range(found[0], found[0] + found[1])]
        return (
            min(one[0] for one in boxes),
            min(one[1] for one in boxes),
            max(one[2] for one in boxes),
            max(one[3] for one in boxes),
        )


def pages(data: bytes) -> list[tuple[int, int]]:
    return [(round(one.mediabox.width), round(one.mediabox.height)) for one in pypdf.PdfReader(io.BytesIO(data)).pages]


@pytest.mark.parametrize("face", [None, FACE], ids=["bare", "photograph"])
@pytest.mark.parametrize("kind", ALL)
def test_every_type_is_one_landscape_sheet(kind: CertificateType, face: bytes | None) -> None:
    data = drawn_with(kind, face)
    assert pages(data) == [A4]
    foot = place_of(data, "扫码查验")
    assert place_of(data, "发证日期")[1] > foot[3] + 3 * POINTS
    assert foot[2] < A4[0] / 2 < place_of(data, "二〇二六年")[0]


def test_the_number_stands_below_the_photograph_and_without_one_in_the_grid() -> None:
    kind = CertificateType.VOCATIONAL_TECHNOLOGY
    with_face = place_of(drawn_with(kind, FACE), "DEMO-EEC-2026-7M3K9QX2TA4")
    assert with_face[2] < 0.27 * A4[0]
    assert with_face[1] < place_of(drawn_with(kind, FACE), "ID card")[1]
    bare = drawn_with(kind, None)
    assert abs(place_of(bare, "DEMO-EEC-2026-7M3K9QX2TA4")[1] - place_of(bare, "11010519491231002X")[1]) < 2 * POINTS


@pytest.mark.parametrize("face", [None, FACE], ids=["bare", "photograph"])
@pytest.mark.parametrize("times", [2, 4])
def test_fields_of_any_length_stay_on_one_sheet_above_the_foot(times: int, face: bytes | None) -> None:
    kind = CertificateType.PROFESSIONAL_TECHNICAL_LEVEL
    long = {"zh": WORDS * times, "en": "Intelligent Manufacturing and Industrial Internet " * times}
    members = {name: long for name in ("occupation", "direction", "sector", "grade")}
    data = drawn_with(
        kind, face, **members, registration="GXB-2026-000318", achievement={**long, "version": "2026.1"},
        standard={**long, "number": "2-02-07-13", "version": "2021年版"},
    )  # fmt: skip
    assert pages(data) == [A4]
    assert decoded(data) == [ADDRESS]
    lowest = min(place_of(data, label)[1] for label in ("编号 Serial No.", "评价规范", "有效期", "成绩等次"))
    assert lowest > place_of(data, "扫码查验")[3]
    assert place_of(data, "特发此证")[1] > place_of(data, "考核成绩")[3]


@pytest.mark.parametrize("face", [None, FACE], ids=["bare", "photograph"])
@pytest.mark.parametrize("term", ["示例公司", "杭" * 100], ids=["short", "longest"])
def test_a_copy_is_stamped_in_the_lower_band_of_the_frame(term: str, face: bytes | None) -> None:
    stamp = {"audience": term, "purpose": term, "until": "2026-12-31"}
    data = drawn_with(CertificateType.VOCATIONAL_SKILL_LEVEL, face, stamp=stamp)
    assert pages(data) == [A4]
    assert decoded(data) == [ADDRESS]
    for words in ("仅供", "2026-12-31止" if len(term) < 100 else "止", "only"):
        left, bottom, right, top = place_of(data, words)
        assert 8 * POINTS < bottom < top < 19.8 * POINTS, words
        assert 22 * POINTS < left < right < A4[0] - 22 * POINTS


def test_a_copy_that_leaves_out_name_and_number_is_one_sheet() -> None:
    stamp = {"audience": "示例公司", "purpose": "入职", "until": "2026-12-31"}
    data = drawn_with(CertificateType.VOCATIONAL_TECHNOLOGY, None, stamp=stamp, holder=None, identity=None, results=[])
    assert pages(data) == [A4]
    assert decoded(data) == [ADDRESS]
    place_of(data, "This is to certify that the holder passed")
