"""Reading back what is attached to a PDF that somebody handed in. The file may be hostile.

1. Caps before anything is parsed: size; no LZW, the one filter whose output qpdf does not limit. Its name cannot hide
   elsewhere: every `/Filter` must give its names directly, and the dictionary of a stream is never compressed.
2. Open with qpdf's own limits; an encrypted or broken file is refused.
3. Walk the associated files and the tree of embedded files, at most so many steps; take only names of ours.
4. Decode those, each below its cap, and all of them below one.

What is judged is the attached credential, never the drawn page: a page that says something else beside an intact
attachment is found out by the reader, who is shown the credential's own fields.
"""

import io
import re
from collections.abc import Iterator
from typing import Final

import pikepdf
from pikepdf.settings import set_qpdf_limits

from registry.credential import Altered, Unreadable
from registry.delivery.bundle import BUNDLE_SUFFIX, CREDENTIAL_NAME, MAX_DOCUMENT
from registry.delivery.copies import COPY_SUFFIX

_MAX_STREAM: Final = 4 * 1024 * 1024
_MAX_DECODED: Final = 2 * _MAX_STREAM
_MAX_STEPS: Final = 200
_MAX_FILES: Final = 32
_LONGEST_NAME: Final = 200
_LZW: Final = re.compile(rb"/(?:L|#4[cC])(?:Z|#5[aA])(?:W|#57)(?=[\s\0/<>\[\]()%]|(?:D|#44)(?:e|#65)(?:c|#63))")

_FILTER: Final = re.compile(rb"/(?:F|#46)(?:i|#69)(?:l|#6[cC])(?:t|#74)(?:e|#65)(?:r|#72)(?![A-Za-z0-9#])")
_DIRECT: Final = re.compile(rb"[\s\0]*(?:/[A-Za-z0-9#]+|\[(?:[\s\0]*/[A-Za-z0-9#]+)*[\s\0]*\])")

# Of the process, and only this module reads PDFs: what a file may cost before it is refused.
set_qpdf_limits(
    doc_max_warnings=50,
    parser_max_nesting=50,
    parser_max_container_size=20_000,
    max_stream_filters=3,
    flate_max_memory=_MAX_STREAM,
    run_length_max_memory=_MAX_STREAM,
    png_max_memory=_MAX_STREAM,
    tiff_max_memory=_MAX_STREAM,
    dct_max_memory=_MAX_STREAM,
)


class PdfOversized(Unreadable):
    """The PDF is larger than any of ours."""

    code = "document/pdf-oversized"

    def __init__(self, actual: int) -> None:
        self.actual = actual
        super().__init__(f"expected a PDF of at most {MAX_DOCUMENT} bytes, got {actual}")


class PdfEncrypted(Unreadable):
    """The PDF is encrypted, as ours never are."""

    code = "document/pdf-encrypted"

    def __init__(self) -> None:
        super().__init__("expected a PDF without encryption")


class PdfBroken(Unreadable):
    """The PDF cannot be parsed, or asks for more than reading one may cost."""

    code = "document/pdf-broken"

    def __init__(self) -> None:
        super().__init__("expected a PDF that can be read within limits")


class PdfForeign(Unreadable):
    """Nothing of ours is attached to the PDF."""

    code = "document/pdf-foreign"

    def __init__(self) -> None:
        super().__init__("expected a PDF with a certificate attached")


class AttachmentDamaged(Altered):
    """A file of ours is attached to the PDF and is not as it was."""

    code = "document/pdf-attachment"

    def __init__(self, part: str, reason: str) -> None:
        self.part, self.reason = part, reason
        super().__init__(f"attachment {part[:80]!a}: {reason}")


class AttachmentsDisagree(Altered):
    """Two files attached to the PDF do not hold the same certificate."""

    code = "document/pdf-attachments"

    def __init__(self) -> None:
        super().__init__("expected one certificate in all attachments of the PDF")


def attached_document(data: bytes) -> bytes:
    """Take the certificate's document out of a PDF: the bundle or the copy, or else the bare presentation.

    Raises PdfForeign, and as attachments_of.
    """
    found = attachments_of(data, suffixes=(BUNDLE_SUFFIX, COPY_SUFFIX, CREDENTIAL_NAME))
    credential = found.pop(CREDENTIAL_NAME, None)
    if len(found) > 1:
        raise AttachmentsDisagree
    if not found:
        if credential is None:
            raise PdfForeign
        return credential
    (bundle,) = found.values()
    # Canonical JSON writes a credential, which is ASCII without quotes, as it is.
    if credential is not None and b'"credential":"' + credential + b'"' not in bundle:
        raise AttachmentsDisagree
    return bundle


def attachments_of(data: bytes, *, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    """Read the files attached to a PDF whose names end so, by name.

    Raises PdfOversized, PdfEncrypted, PdfBroken, AttachmentDamaged, AttachmentsDisagree for two of one name.
    """
    # 1
    if len(data) > MAX_DOCUMENT:
        raise PdfOversized(len(data))
    if _LZW.search(data) or not all(_DIRECT.match(data, key.end()) for key in _FILTER.finditer(data)):
        raise PdfBroken
    try:
        # 2
        with pikepdf.open(io.BytesIO(data), suppress_warnings=True, attempt_recovery=True) as document:
            if document.is_encrypted:
                raise PdfEncrypted
            # 3
            found: dict[str, bytes] = {}
            decoded = 0
            for name, stream in _embedded(document.Root):
                if name.endswith(suffixes):
                    # 4
                    content = _decoded(name, stream)
                    decoded += len(content)
                    if decoded > _MAX_DECODED:
                        raise PdfBroken
                    if found.setdefault(name, content) != content:
                        raise AttachmentsDisagree
            return found
    except pikepdf.PasswordError as error:
        raise PdfEncrypted from error
    except (pikepdf.PdfError, pikepdf.ForeignObjectError, RuntimeError, ValueError, TypeError, KeyError) as error:
        # qpdf tells of a malformed file in all these ways, according to where it trips.
        raise PdfBroken from error


def _embedded(root: pikepdf.Object) -> Iterator[tuple[str, pikepdf.Object]]:
    """Give name and stream of each file that the catalogue names."""
    waiting: list[pikepdf.Object | None] = [root.get("/AF"), _at(root, "/Names", "/EmbeddedFiles")]
    steps = files = 0
    while waiting:
        node = waiting.pop()
        steps += 1
        if steps > _MAX_STEPS or files > _MAX_FILES:
            raise PdfBroken
        if isinstance(node, pikepdf.Array):
            if len(node) > _MAX_STEPS:
                raise PdfBroken
            waiting.extend(item for item in node if isinstance(item, pikepdf.Dictionary))
        elif isinstance(node, pikepdf.Dictionary):
            stream = _at(node, "/EF", "/UF") or _at(node, "/EF", "/F")
            name = node.get("/UF") or node.get("/F")
            if isinstance(stream, pikepdf.Stream) and isinstance(name, pikepdf.String):
                files += 1
                yield str(name)[:_LONGEST_NAME], stream
            else:
                waiting.extend(node[branch] for branch in ("/Kids", "/Names") if branch in node)


def _at(node: pikepdf.Object | None, *path: str) -> pikepdf.Object | None:
    for name in path:
        if not isinstance(node, pikepdf.Dictionary):
            return None
        node = node.get(name)
    return node


def _decoded(name: str, stream: pikepdf.Object) -> bytes:
    try:
        return stream.read_bytes()
    except pikepdf.PdfError as error:
        raise AttachmentDamaged(name, "cannot be unpacked within limits") from error
