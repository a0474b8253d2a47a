"""What the holder's pages work with, beside people and doors."""

from dataclasses import dataclass, field

from fastapi import Request

from api.holder.copies import CopiesAtHand
from api.holder.openings import Openings
from registry.ports import KeyOf
from registry.workflows.holders.hold import CopyDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the holder's pages use beside people and doors; made once in api.serving."""

    key_of: KeyOf
    copies: CopyDesk | None = None
    """None where this site was started without its statement key: it cannot sign copies then."""
    made: CopiesAtHand = field(default_factory=CopiesAtHand)
    openings: Openings = field(default_factory=Openings)


def desk_of(request: Request) -> Desk:
    """Give the application's desk."""
    found = request.app.state.desk
    assert isinstance(found, Desk)
    return found
