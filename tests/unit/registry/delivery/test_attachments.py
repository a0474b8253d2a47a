import io
import json
import resource
import time
import zlib

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, AttachedFileSpec, Dictionary, Name, String

from registry.credential import Altered, Presentation, Unreadable, full_presentation, public_presentation
from registry.credential.v1 import CertificateType
from registry.delivery import MAX_DOCUMENT, Bundle, parse_document, require_unaltered
from registry.delivery.attachments import (
    AttachmentDamaged,
    AttachmentsDisagree,
    PdfBroken,
    PdfEncrypted,
    PdfForeign,
    PdfOversized,
    attached_document,
    attachments_of,
)
from tests.unit.registry.delivery.sample_papers import drawn, presented
from tests.vectors.material import BUNDLE, FULL, MINIMAL

KIND = CertificateType.TRAINING_HOURS
PAPER = drawn(KIND)
BUNDLE_NAME = "DEMO-EEC-2026-T9B4FZ1QX0H.bundle.json"
MOST_MEMORY_GROWTH = 64 * 1024
"""Kilobytes: a file of a megabyte must not cost more."""


def resaved(change: object = None, **options: object) -> bytes:
    """The paper, opened and written again, with a change made to it."""
    with pikepdf.open(io.BytesIO(PAPER)) as document:
        if callable(change):
            change(document)
        out = io.BytesIO()
        document.save(out, **options)  # type: ignore[arg-type]  # options of pikepdf
        return out.getvalue()


def with_files(**files: bytes) -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    for name, data in files.items():
        spec = AttachedFileSpec(document, data, filename=name)
        document.attachments[name] = spec
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_paper_of_ours_holds_its_bundle() -> None:
    bundle = parse_document(PAPER)
    assert isinstance(bundle, Bundle)
    assert bundle.credential.digest == presented(KIND).digest
    require_unaltered(bundle)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
        {"linearize": True},
        {"compress_streams": False, "stream_decode_level": pikepdf.StreamDecodeLevel.generalized},
    ],
    ids=["saved", "object streams", "linear", "uncompressed"],
)
def test_a_paper_saved_by_another_program_still_holds_it(options: dict[str, object]) -> None:
    bundle = parse_document(resaved(**options))
    assert isinstance(bundle, Bundle)
    require_unaltered(bundle)


def test_files_found_through_the_tree_of_names_alone_are_read() -> None:
    def without_associated(document: pikepdf.Pdf) -> None:
        del document.Root.AF

    assert isinstance(parse_document(resaved(without_associated)), Bundle)


def test_a_pdf_with_the_presentation_alone_is_read() -> None:
    read = parse_document(with_files(**{"credential.sd-jwt": full_presentation(FULL).encode()}))
    assert not isinstance(read, Bundle)


def put(name: str, data: bytes) -> object:
    def change(document: pikepdf.Pdf) -> None:
        for spec in document.Root.AF:
            if str(spec.UF) == name:
                spec.EF.F.write(data)

    return change


def original(name: str) -> bytes:
    with pikepdf.open(io.BytesIO(PAPER)) as document:
        return next(spec.EF.F.read_bytes() for spec in document.Root.AF if str(spec.UF) == name)


@pytest.mark.parametrize(
    "content",
    [
        lambda was: was.replace(b'"index":5', b'"index":4'),
        lambda was: was[:-1],
        lambda was: was + b" ",
        lambda was: b"",
        lambda was: b"hello",
        lambda was: BUNDLE,  # another certificate's, good in itself
        lambda was: PAPER,  # a PDF in a PDF
    ],
)
def test_a_changed_bundle_is_altered(content) -> None:
    data = content(original(BUNDLE_NAME))
    assert data != original(BUNDLE_NAME)
    with pytest.raises(Altered):
        require_unaltered(parse_document(resaved(put(BUNDLE_NAME, data))))  # type: ignore[arg-type]  # a bundle if any


@pytest.mark.parametrize(
    "content",
    [lambda was: was[:-5] + b"AAAA~", lambda was: b"", lambda was: public_presentation(MINIMAL).encode()],
)
def test_a_changed_presentation_beside_the_bundle_is_altered(content) -> None:
    with pytest.raises(AttachmentsDisagree):
        parse_document(resaved(put("credential.sd-jwt", content(original("credential.sd-jwt")))))


def test_every_flipped_byte_of_the_packed_bundle_is_altered() -> None:
    with pikepdf.open(io.BytesIO(PAPER)) as document:
        packed = next(spec.EF.F.read_raw_bytes() for spec in document.Root.AF if str(spec.UF) == BUNDLE_NAME)
    start, refused = PAPER.index(packed), 0
    for at in range(0, len(packed), max(1, len(packed) // 60)):
        changed = bytearray(PAPER)
        changed[start + at] ^= 0x04
        try:
            require_unaltered(parse_document(bytes(changed)))  # type: ignore[arg-type]  # a bundle if any
        except Altered:
            refused += 1
        else:  # the same content, or another block in the receipt, which is compared with the ledger's
            read, was = (json.loads(one) for one in (attached_document(bytes(changed)), original(BUNDLE_NAME)))
            assert (read["credential"], read["key"]) == (was["credential"], was["key"])
    assert refused > 50


def test_two_bundles_are_refused() -> None:
    with pytest.raises(AttachmentsDisagree):
        parse_document(with_files(**{"a.bundle.json": BUNDLE, "b.bundle.json": original(BUNDLE_NAME)}))


def test_a_foreign_pdf_is_unreadable() -> None:
    for data in (with_files(), with_files(**{"invoice.xml": b"<a/>"})):
        with pytest.raises(PdfForeign):
            parse_document(data)


@pytest.mark.parametrize("data", [b"%PDF-", b"%PDF-1.7\n%%EOF", PAPER[:3000], b"%PDF-1.7\n" + bytes(4000)])
def test_broken_pdfs_are_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_document(data)


def test_an_encrypted_pdf_is_unreadable() -> None:
    for user in ("secret", ""):
        data = resaved(encryption=pikepdf.Encryption(owner="owner", user=user, R=6))
        with pytest.raises(PdfEncrypted):
            parse_document(data)


def test_a_pdf_above_the_cap_is_not_looked_into() -> None:
    with pytest.raises(PdfOversized):
        parse_document(PAPER + bytes(MAX_DOCUMENT))


def bomb(filters: str, packed: bytes) -> bytes:
    """A PDF whose bundle unpacks to far more than a bundle has."""
    body = b"%PDF-1.7\n"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R/AF[3 0 R]>>",
        b"<</Type/Pages/Kids[5 0 R]/Count 1>>",
        b"<</Type/Filespec/UF(a.bundle.json)/EF<</F 4 0 R>>>>",
        f"<</Type/EmbeddedFile/Filter{filters}/Length {len(packed)}>>stream\n".encode() + packed + b"\nendstream ",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    ]
    for number, part in enumerate(parts, 1):
        body += f"{number} 0 obj".encode() + part + b"endobj\n"
    return body + b"trailer<</Root 1 0 R>>\n%%EOF"


def test_the_same_file_with_a_bundle_that_is_none_is_read() -> None:
    assert isinstance(parse_document(bomb("/FlateDecode", zlib.compress(BUNDLE))), Bundle)
    assert isinstance(parse_document(bomb("[/FlateDecode/FlateDecode]", zlib.compress(zlib.compress(BUNDLE)))), Bundle)


MUCH = bytes(200 * 1024 * 1024)
ONCE = zlib.compress(MUCH, 9)


@pytest.mark.parametrize(
    ("filters", "packed"),
    [
        ("/FlateDecode", ONCE),
        ("[/FlateDecode/FlateDecode]", zlib.compress(ONCE, 9)),
        ("[/FlateDecode/FlateDecode/FlateDecode]", zlib.compress(zlib.compress(ONCE, 9), 9)),
        ("[" + "/FlateDecode" * 9 + "]", zlib.compress(ONCE, 9)),
        ("/LZWDecode", b"\x80" * 300_000),
        ("/LZW", b"\x80" * 300_000),
        ("/#4CZ#57Decode", b"\x80" * 300_000),
        ("/RunLengthDecode", b"\x81\x00" * 400_000),
    ],
    ids=["flate", "twice", "thrice", "nine times", "lzw", "short lzw", "escaped lzw", "run length"],
)
def test_bombs_cost_neither_memory_nor_time(filters: str, packed: bytes) -> None:
    data = bomb(filters, packed)
    assert len(data) <= MAX_DOCUMENT
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises((Unreadable, Altered)):
        parse_document(data)
    assert time.process_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY_GROWTH


def test_an_object_stream_that_is_a_bomb_is_refused() -> None:
    packed = zlib.compress(MUCH, 9)
    data = (
        b"%PDF-1.7\n1 0 obj<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length "
        + str(len(packed)).encode()
        + b">>stream\n"
        + packed
        + b"\nendstream endobj\n2 0 obj<</Type/Catalog/Pages 3 0 R/AF 9 0 R>>endobj\n"
        + b"3 0 obj<</Type/Pages/Kids[5 0 R]/Count 1>>endobj\n"
        + b"5 0 obj<</Type/Page/Parent 3 0 R>>endobj\ntrailer<</Root 2 0 R>>"
    )
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(Unreadable):
        parse_document(data)
    assert time.process_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY_GROWTH


def spread(document: pikepdf.Pdf) -> None:
    document.Root.AF = Array([Dictionary(Type=Name.Filespec, UF=String(f"{n}.txt")) for n in range(500)])


def looped(document: pikepdf.Pdf) -> None:
    del document.Root.AF
    node = document.make_indirect(Dictionary())
    node.Kids = Array([node, node])
    document.Root.Names = Dictionary(EmbeddedFiles=node)


def tall(document: pikepdf.Pdf) -> None:
    del document.Root.AF
    node = document.make_indirect(Dictionary())
    top = node
    for _ in range(2_000):
        below = document.make_indirect(Dictionary())
        node.Kids = Array([below])
        node = below
    document.Root.Names = Dictionary(EmbeddedFiles=top)


@pytest.mark.parametrize("change", [spread, looped, tall])
def test_endless_structures_are_refused_soon(change: object) -> None:
    data = resaved(change)
    began = time.process_time()
    with pytest.raises(PdfBroken):
        parse_document(data)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n" + b"".join(b"%d 0 obj<<>>endobj\n" % n for n in range(45_000)) + b"trailer<</Root 1 0 R>>",
        b"%PDF-1.7\n1 0 obj" + b"[" * 500_000 + b"endobj\ntrailer<</Root 1 0 R>>",
        b"%PDF-1.7\n1 0 obj" + b"<</A" * 200_000 + b"endobj\ntrailer<</Root 1 0 R>>",
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/AF 1 0 R/Names<</EmbeddedFiles 1 0 R>>>>endobj\ntrailer<</Root 1 0 R>>",
        b"%PDF-1.7\n" + b"1 0 obj 2 0 R endobj 2 0 obj 1 0 R endobj\n" * 9 + b"trailer<</Root 1 0 R>>",
        b"%PDF-1.7\n" + b"trailer<</Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n" * 2_000,
    ],
    ids=["many objects", "deep arrays", "deep dictionaries", "catalogue in itself", "references in a ring", "xrefs"],
)
def test_odd_files_are_refused_soon(data: bytes) -> None:
    assert len(data) <= MAX_DOCUMENT
    began = time.process_time()
    with pytest.raises(Unreadable):
        parse_document(data)
    assert time.process_time() - began < 3


@given(st.integers(0, len(PAPER) - 1), st.binary(min_size=1, max_size=40))
def test_whatever_is_written_into_a_paper_only_our_own_errors_come_out(at: int, junk: bytes) -> None:
    data = PAPER[:at] + junk + PAPER[at + len(junk) :]
    try:
        document = parse_document(data)
        if isinstance(document, Bundle):
            require_unaltered(document)
    except (Unreadable, Altered):
        return
    # What is still good is the very certificate that was attached: in its bundle, or bare where that was hit.
    credential = document.credential if isinstance(document, Bundle) else document
    assert isinstance(credential, Presentation)
    assert credential.digest == presented(KIND).digest


def test_a_damaged_attachment_names_its_file() -> None:
    with pytest.raises(AttachmentDamaged) as caught:
        parse_document(bomb("/FlateDecode", b"no deflate"))
    assert caught.value.part == "a.bundle.json"


@pytest.mark.parametrize(
    "filters",
    [
        b"/Filter 5 0 R",
        b"/Filter [5 0 R]",
        b"/Filter [/FlateDecode 5 0 R]",
        b"/Filter /LZW\0",
        b"/Filter[/LZWDecode]",
        b"/F#69lter 5 0 R",
        b"/Filter%here\n5 0 R",
        b"/Filter null",
    ],
)
def test_a_filter_that_is_named_elsewhere_is_refused_before_anything_is_unpacked(filters: bytes) -> None:
    document = drawn(CertificateType.VOCATIONAL_TECHNOLOGY)
    assert attachments_of(document, suffixes=(".sd-jwt",))  # the same file, untouched
    with pytest.raises(PdfBroken):
        attachments_of(document + b"\n9999 0 obj\n<<" + filters + b">>\nendobj\n", suffixes=(".sd-jwt",))
