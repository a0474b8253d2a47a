"""Who made any part of what waits for a second person: pages offer its approval to nobody of them.

To show by; what decides is what refuses the approval itself (`registry.workflows.chain.supersede`).
"""

from collections.abc import Sequence

from api.issuer.framing import same_person
from api.sign_in.session import Visit
from registry.anchor.progress import Batch, StatusRequest
from registry.ports.storage import UnitOfWork

Makers = frozenset[str]


def makers_of_batches(unit: UnitOfWork, batches: Sequence[Batch]) -> dict[str, Makers]:
    """Name, for each batch, who made any of it or of its supersessions; in one question for all of them."""
    found = unit.replacements.makers([one.batch for one in batches])
    return {one.id: frozenset(found[one.batch]) for one in batches}


def makers_of_changes(unit: UnitOfWork, requests: Sequence[StatusRequest]) -> dict[str, Makers]:
    """Name, for each change of status, who asked for it; of a supersession, who made any of the new batch too."""
    found = unit.replacements.makers([one.new_batch for one in requests if one.new_batch is not None])
    return {
        one.id: frozenset({one.requested_by} | (found[one.new_batch] if one.new_batch is not None else set()))
        for one in requests
    }


def made_by(makers: Makers, visit: Visit) -> bool:
    """Tell whether who is signed in is one of them."""
    return any(same_person(one, visit) for one in makers)
