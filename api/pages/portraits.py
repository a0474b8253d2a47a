"""The photograph on a certificate under its QR code's address: what the paper shows, as the registry keeps it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.verifier.router import DoorsOfApp, source_of
from registry.enrolment.photograph import MEDIA_TYPE
from registry.kernel.identifiers import IdentifierMalformed, certificate_key
from registry.workflows.certificates.deliver import NoDocument

router = APIRouter(include_in_schema=False)


def portrait(key: str, request: Request, doors: DoorsOfApp) -> Response:
    """Give the photograph that a certificate names; one 404 for unknown, not final, without one and withdrawn.

    Raises NoDocument, TooManyKeys.
    """
    source = source_of(request)
    doors.gate.admit_key(source)
    try:
        wanted = certificate_key(key)
        if doors.photograph is None:
            raise NoDocument
        image = doors.photograph(wanted)
    except (IdentifierMalformed, NoDocument) as error:
        doors.gate.missed_key(source)
        raise NoDocument from error
    return photograph_response(image)


def photograph_response(image: bytes) -> Response:
    """Give a photograph as a picture that is kept nowhere and does nothing, should it be opened alone."""
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'inline; filename="portrait.jpg"'}
    return Response(image, media_type=MEDIA_TYPE, headers=headers)


for _path in ("/C/{key}/portrait.jpg", "/c/{key}/portrait.jpg"):
    router.add_api_route(_path, portrait, methods=["GET"], response_class=Response)
