"""The printed certificate under its QR code's address: the public presentation, what the paper shows."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.verifier.router import DoorsOfApp, source_of
from registry.delivery.typesetting import GlyphMissing
from registry.kernel.errors import Unavailable
from registry.kernel.identifiers import IdentifierMalformed, certificate_key
from registry.workflows.certificates.deliver import NoDocument

router = APIRouter(include_in_schema=False)


class PaperUndrawable(Unavailable):
    """The certificate has characters that no font of this site has."""

    code = "delivery/undrawable"

    def __init__(self) -> None:
        super().__init__("the certificate has characters that no font here has")


def certificate_pdf(key: str, request: Request, doors: DoorsOfApp) -> Response:
    """Give the certificate as PDF; one answer for unknown, not final and withdrawn. A replaced one is given as it was.

    Raises NoDocument, TooManyKeys, PressBusy, PaperUndrawable.
    """
    source = source_of(request)
    doors.gate.admit_key(source)
    try:
        wanted = certificate_key(key)
        if doors.press is None:
            raise NoDocument
        with doors.drawing.taken():
            name, data = doors.press(wanted)
    except (IdentifierMalformed, NoDocument) as error:
        doors.gate.missed_key(source)
        raise NoDocument from error
    except GlyphMissing as error:
        raise PaperUndrawable from error
    return Response(
        data,
        media_type="application/pdf",
        headers={"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'},
    )


for _path in ("/C/{key}/certificate.pdf", "/c/{key}/certificate.pdf"):
    # Not in a language: the paper has both. In a thread of the pool, since it draws.
    router.add_api_route(_path, certificate_pdf, methods=["GET"], response_class=Response)
