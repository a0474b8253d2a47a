"""The printed certificate under its QR code's address: the public presentation, what the paper shows.

Drawing costs tens of milliseconds of a processor: so many at once, a few more wait, the rest are asked to come back.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.verifier.router import DoorsOfApp, source_of
from registry.delivery.typesetting import GlyphMissing
from registry.kernel.errors import Unavailable
from registry.kernel.identifiers import CertificateKey, IdentifierMalformed, certificate_key
from registry.workflows.certificates.deliver import NoDocument

Draw = Callable[[CertificateKey], tuple[str, bytes]]
"""Draws the certificate under a key: name of the file, and the PDF. Raises NoDocument, GlyphMissing."""

router = APIRouter(include_in_schema=False)


class PressBusy(Unavailable):
    """More certificates are asked for than can be drawn now."""

    code = "delivery/press-busy"

    def __init__(self) -> None:
        super().__init__("more certificates are asked for than can be drawn now")


class PaperUndrawable(Unavailable):
    """The certificate has characters that no font of this site has."""

    code = "delivery/undrawable"

    def __init__(self) -> None:
        super().__init__("the certificate has characters that no font here has")


class BoundedPress:
    """Draws certificates for a site: `running` at once, `waiting` more in line for `patience_seconds` at most."""

    def __init__(
        self, draw: Draw, *, running: int | None = None, waiting: int = 24, patience_seconds: float = 5.0
    ) -> None:
        running = running or os.cpu_count() or 1
        self._draw, self._patience = draw, patience_seconds
        self._inside = threading.BoundedSemaphore(running + waiting)
        self._running = threading.BoundedSemaphore(running)

    def draw(self, key: CertificateKey) -> tuple[str, bytes]:
        """Draw the certificate under a key. Raises PressBusy, NoDocument, GlyphMissing."""
        with _taken(self._inside, 0), _taken(self._running, self._patience):
            return self._draw(key)


@contextmanager
def _taken(place: threading.BoundedSemaphore, patience_seconds: float) -> Iterator[None]:
    if not place.acquire(timeout=patience_seconds):
        raise PressBusy
    try:
        yield
    finally:
        place.release()


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
