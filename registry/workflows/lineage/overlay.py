"""What a replacement says of a holder otherwise than the application did."""

from dataclasses import replace

from registry.credential.v1 import Portrait
from registry.enrolment import Candidate, IdentityType
from registry.kernel.encoding import unb64url
from registry.kernel.identifiers import Digest
from registry.ports.replacements import Corrected, Replacement

JPEG = "image/jpeg"


def corrected_candidate(candidate: Candidate, by: Replacement | None) -> Candidate:
    """Give a candidate as the certificate states the person; the application itself stays as it was handed in."""
    stated = {} if by is None or by.corrected is None else by.corrected
    if not stated:
        return candidate
    return replace(
        candidate,
        name=stated.get(Corrected.NAME, candidate.name),
        name_latin=stated.get(Corrected.NAME_LATIN, candidate.name_latin or "") or None,
        identity_type=IdentityType(stated.get(Corrected.IDENTITY_TYPE, candidate.identity_type)),
        identity_number=stated.get(Corrected.IDENTITY_NUMBER, candidate.identity_number),
    )


def corrected_portrait(portrait: Portrait | None, by: Replacement | None) -> Portrait | None:
    """Name the photograph that the certificate shows: the new one, or the one of the application."""
    digest = None if by is None or by.corrected is None else by.corrected.get(Corrected.PORTRAIT)
    return portrait if digest is None else Portrait(media_type=JPEG, digest=Digest(unb64url(digest)))
