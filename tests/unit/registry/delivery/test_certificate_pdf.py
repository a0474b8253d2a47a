import hashlib
import io
import re
import struct
import subprocess
import sys
import zlib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pypdf
import pypdfium2
import pytest
import zxingcpp

from registry.credential import public_presentation
from registry.credential.v1 import CertificateType, IdentityType
from registry.delivery import ornament
from registry.delivery.certificate_pdf import MAX_SEAL, Press, SealRefused, edition_of, seal_picture
from registry.delivery.fonts import KAI, MONO, RARE_CHARACTERS, SERIF, fonts_here, missing_characters
from registry.delivery.qr import AddressTooLong, qr_code
from registry.delivery.typesetting import TEMPLATES, Attachment, GlyphMissing, typeset
from registry.kernel.addresses import certificate_address
from registry.kernel.identifiers import CertificateKey
from tests.unit.registry.delivery.sample_papers import (
    CERTIFICATE_KEY,
    PAPERS,
    PRESS,
    SEAL,
    drawn,
    page_picture,
    presented,
)

ALL = tuple(CertificateType)
ADDRESS = f"HTTPS://ZS.EXAMPLE.CN/C/{CERTIFICATE_KEY}"
LONG_NAME = "阿卜杜热依木·买买提艾力·伊斯坎德尔·吐尔逊江"
MOST_NAME = "Maria Wilhelmina Konstantinopolitanska von und zu Hohenlohe Langenburg Waldenburg Schillingsfuerst"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = b"".join(
    (
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 6, 0, 0, 0)),
        chunk(b"IDAT", zlib.compress((b"\0" + b"\xc0\x20\x20\x80" * 8) * 8)),
        chunk(b"IEND", b""),
    )
)


def text_of(data: bytes) -> str:
    """All that a reader of the text finds, without spaces and breaks."""
    with closing(pypdfium2.PdfDocument(data)) as document:
        return plain(document[0].get_textpage().get_text_range())


def plain(text: str) -> str:
    return re.sub(r"\s+", "", text)


def decoded(data: bytes, dots_per_inch: int = 72) -> list[str]:
    """What a reader of codes finds on the page as it looks at that resolution."""
    return [one.text for one in zxingcpp.read_barcodes(page_picture(data, dots_per_inch))]


@pytest.mark.parametrize("kind", ALL)
def test_every_type_is_drawn_on_one_page_and_its_code_decodes_at_72_dpi(kind: CertificateType) -> None:
    data = drawn(kind)
    assert len(pypdf.PdfReader(io.BytesIO(data)).pages) == 1
    assert len(data) <= 300 * 1024
    assert decoded(data) == [ADDRESS]


@pytest.mark.parametrize("name", [LONG_NAME, MOST_NAME, "𬱖", "一"])
@pytest.mark.parametrize("seal", [None, SEAL, seal_picture(PNG)], ids=["specimen", "svg", "png"])
def test_long_names_and_seals_leave_one_page_whose_code_decodes(name: str, seal: str | None) -> None:
    data = drawn(CertificateType.PROFESSIONAL_TECHNICAL_LEVEL, replace(PRESS, seal=seal), name=name)
    assert len(pypdf.PdfReader(io.BytesIO(data)).pages) == 1
    assert decoded(data) == [ADDRESS]
    assert plain(name) in plain(text_of(data))


@pytest.mark.parametrize(
    "base_url",
    ["http://localhost:8000", "https://zs.example.cn", "https://certificates.examination-authority.example.cn"],
)
def test_codes_of_short_and_long_hosts_decode(base_url: str) -> None:
    data = drawn(CertificateType.TRAINING_HOURS, Press(base_url=base_url))
    assert decoded(data) == [certificate_address(base_url, CERTIFICATE_KEY)]


def test_code_is_large_enough_with_its_quiet_zone_and_error_level() -> None:
    code = qr_code(ADDRESS)
    modules = (code.side_mm, int(re.search(r'viewBox="0 0 (\d+)|width="(\d+)"', code.svg)[2] or 0))  # type: ignore[index]
    assert modules[1] == 33 + 2 * 4  # version 4, four modules of white on each side
    assert code.side_mm * 33 / 41 >= 25
    assert 'fill="#fff"' in code.svg.replace("#ffffff", "#fff")


def test_an_address_that_makes_a_code_too_dense_is_refused() -> None:
    with pytest.raises(AddressTooLong):
        qr_code("HTTPS://" + "A" * 300 + ".CN/C/" + CERTIFICATE_KEY)


def test_the_file_says_that_it_is_pdf_a_3a_and_how_its_attachments_belong() -> None:
    with pikepdf.open(io.BytesIO(drawn(CertificateType.VOCATIONAL_SKILL_LEVEL))) as document:
        root = document.Root
        metadata = bytes(root.Metadata.read_bytes()).decode()
        assert "<pdfaid:part>3</pdfaid:part>" in metadata
        assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
        assert str(root.OutputIntents[0].S) == "/GTS_PDFA1"
        assert root.MarkInfo.Marked
        assert str(root.Lang) == "zh-CN"
        assert "/StructTreeRoot" in root
        files = {str(one.UF): (str(one.AFRelationship), str(one.EF.F.Subtype)) for one in root.AF}
        assert files == {
            "credential.sd-jwt": ("/Alternative", "/application/dc+sd-jwt"),
            "DEMO-EEC-2026-3VX0T7KBN5E.bundle.json": ("/Supplement", "/application/json"),
        }
        texts = [str(one.Alt) for one in document.objects if isinstance(one, pikepdf.Dictionary) and "/Alt" in one]
        assert any(ADDRESS in one for one in texts)


def test_every_font_is_embedded() -> None:
    data = drawn(CertificateType.PROFESSIONAL_TECHNICAL_LEVEL)
    with pikepdf.open(io.BytesIO(data)) as document:
        descriptors = [
            one for one in document.objects
            if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor"
        ]  # fmt: skip
        assert descriptors
        assert all({"/FontFile2", "/FontFile3"} & set(one.keys()) for one in descriptors)


def test_an_independent_reader_finds_the_public_presentation_and_the_bundle() -> None:
    kind = CertificateType.VOCATIONAL_TECHNOLOGY
    files = pypdf.PdfReader(io.BytesIO(drawn(kind))).attachments
    credential = presented(kind)
    assert files["credential.sd-jwt"] == [public_presentation(credential).encode()]
    ((bundle,),) = [data for name, data in files.items() if name.endswith(".bundle.json")]
    assert public_presentation(credential).encode() in bundle
    hidden = PAPERS[kind][2].identity_number.encode()
    assert hidden not in bundle


@pytest.mark.parametrize("kind", ALL)
def test_the_page_holds_the_fields_and_no_trace_of_absent_ones(kind: CertificateType) -> None:
    terms, entry, holder = PAPERS[kind]
    text = plain(text_of(drawn(kind)))
    for expected in (
        holder.name, terms.certificate_type.name.zh, terms.issuer_name.zh, entry.license_number,
        f"第{entry.revision}版",
        "2026-11-20", "二〇二六年十一月二十日", "样张", "SPECIMEN", "zs.example.cn", "测试链",
        *(one.value for one in holder.results if one is not None),
    ):  # fmt: skip
        assert plain(expected) in text, expected
    assert holder.identity_number not in text
    mask = "E*****678" if holder.identity_type is IdentityType.PASSPORT else "1*************002X"
    assert mask in text
    assert ("终身有效" in text) == (terms.last_valid_day is None)
    assert ("培训学时" in text) == (entry.training_hours is not None)
    assert ("职业方向" in text) == (entry.direction is not None)
    for trace in ("none", "None", "null", "auto"):
        assert trace not in text.replace("autonom", "")


def test_the_award_says_contest_edition_event_and_rank() -> None:
    text = plain(text_of(drawn(CertificateType.COMPETITION_AWARD)))
    for expected in ("全国工业和信息化技术技能大赛", "第五届", "人工智能边缘计算", "一等奖"):
        assert expected in text


def test_rare_characters_come_out_as_themselves() -> None:
    text = text_of(drawn(CertificateType.TRAINING_HOURS, name="".join(RARE_CHARACTERS)))
    assert RARE_CHARACTERS in text


def test_a_character_that_no_font_has_refuses_the_certificate_and_is_named() -> None:
    with pytest.raises(GlyphMissing) as caught:
        drawn(CertificateType.TRAINING_HOURS, name="王\U00031350\U0003107f")
    assert "\U00031350" in caught.value.characters
    assert caught.value.field == "holder"
    assert str(caught.value).startswith("holder: expected characters that a font here has, got U+31350")


def test_private_characters_are_named_as_well() -> None:
    assert missing_characters("好\ue0fb\U000f0000") == "\ue0fb\U000f0000"
    assert missing_characters("好") == ""


def test_without_a_seal_the_paper_is_a_specimen_and_with_one_it_is_not() -> None:
    kind = CertificateType.TRAINING_HOURS
    assert "样张" in plain(text_of(drawn(kind)))
    with_seal = drawn(kind, replace(PRESS, seal=SEAL, test_chain=False))
    assert "样张" not in plain(text_of(with_seal))
    assert "测试链" not in plain(text_of(with_seal))


@pytest.mark.parametrize(
    "payload",
    [
        '#panic("x")', "*b* _i_ $x$ @ref <label>", "#eval(\"1\")", "\\u{41}", "#read(\"/etc/passwd\")", "= heading",
        "//comment", "/*", "#", "`raw`", "<script>alert(1)</script>", '")\n#panic()', "${7*7}{{7*7}}",
    ],
)  # fmt: skip
def test_texts_stay_texts(payload: str) -> None:
    data = typeset("characters", {"text": payload}, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert plain(payload) == plain(text_of(data))


def test_binary_files_are_attached_as_they_are() -> None:
    binary = bytes(range(256))
    file = Attachment(
        name="a.bin", media_type="application/octet-stream", relationship="data", description="d", data=binary
    )
    data = typeset("characters", {"text": "x"}, attachments=(file,), at=datetime(2026, 1, 1, tzinfo=UTC))
    assert pypdf.PdfReader(io.BytesIO(data)).attachments == {"a.bin": [binary]}


def test_two_processes_draw_the_same_bytes() -> None:
    script = (
        "import hashlib; from tests.unit.registry.delivery.sample_papers import drawn, PAPERS\n"
        "print([hashlib.sha256(drawn(kind)).hexdigest() for kind in list(PAPERS)[:2]])"
    )
    said = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    here = [hashlib.sha256(drawn(kind)).hexdigest() for kind in list(PAPERS)[:2]]
    assert said[0].strip() == str(here)


def test_another_name_or_key_gives_other_bytes() -> None:
    kind = CertificateType.TRAINING_HOURS
    assert drawn(kind) == drawn(kind)
    assert drawn(kind) != drawn(kind, name="陈二")
    assert edition_of(PRESS) != edition_of(replace(PRESS, seal=SEAL))


def test_there_is_a_template_for_every_type_and_none_too_many() -> None:
    assert {path.stem for path in TEMPLATES.glob("certificate-*.typ")} == {f"certificate-{kind}" for kind in ALL}


@pytest.mark.parametrize("name", sorted(ornament.PICTURES))
def test_pictures_are_as_drawn_and_small(name: str) -> None:
    kept = (TEMPLATES / name).read_text(encoding="utf-8")
    assert kept == ornament.PICTURES[name]()
    assert len(kept) <= 300_000


def test_templates_name_the_families_that_are_looked_for() -> None:
    source = (TEMPLATES / "type.typ").read_text(encoding="utf-8")
    for families in (SERIF, KAI, MONO):
        assert ", ".join(f'"{one}"' for one in families) in source


def test_fonts_here_are_found_and_an_extra_folder_is_searched(tmp_path: Path) -> None:
    found = fonts_here()
    assert (found.serif, found.bold, found.missing) == ("Noto Serif CJK SC", True, "")
    assert fonts_here(tmp_path) == found  # an empty folder adds nothing


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"%PDF-1.7",
        b"<html/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><svg/>",
        b"<svg>" + b" " * MAX_SEAL,
        b"<svg>",
        PNG[:60],
    ],
)
def test_what_is_no_picture_is_no_seal(data: bytes) -> None:
    with pytest.raises(SealRefused):
        seal_picture(data)


def test_certificate_address_is_upper_case() -> None:
    key = CertificateKey("k7q2m4xpz6trwa3bcd5efghjns".upper())
    assert certificate_address("https://v.example.cn", key) == f"HTTPS://V.EXAMPLE.CN/C/{key}"
