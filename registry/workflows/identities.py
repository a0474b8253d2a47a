"""Identities: who a holder is by the newest correction of their certificates that took its place, else as enrolled."""

from collections.abc import Sequence
from datetime import datetime

from registry.anchor.progress import StatusRequest
from registry.enrolment import Candidate
from registry.ports.replacements import Corrected
from registry.ports.storage import UnitOfWork
from registry.workflows.succession import awaiting_succession

_IDENTITY = (Corrected.IDENTITY_TYPE, Corrected.IDENTITY_NUMBER)


def is_stated(unit: UnitOfWork, person: str, identity_type: str, number: str, *, enrolled: bool) -> bool:
    """Tell whether a holder's identity is this one; `enrolled`: they were enrolled with it."""
    for batch, leaf, is_this in unit.replacements.identities(person, identity_type, number):
        if leaf not in awaiting_succession(unit, unit.batches.batch(batch)):
            return is_this
    return enrolled


def known_holders(unit: UnitOfWork, candidates: Sequence[Candidate]) -> tuple[dict[int, str], set[int]]:
    """Match candidates with holders whose identity was corrected: by line, the person that each one is.

    And name the lines whose number was corrected to another one: it says no more who that is.
    """
    known: dict[int, str] = {}
    outdated: set[int] = set()
    asked = [(one.identity_type.value, one.identity_number) for one in candidates]
    for place, person, enrolled in unit.replacements.holders_of(asked):
        line = candidates[place].line
        if not is_stated(unit, person, *asked[place], enrolled=enrolled):
            if enrolled:
                outdated.add(line)
        elif enrolled or line not in known:  # who was enrolled under a number keeps it
            known[line] = person
    return known, outdated - known.keys()


def end_sign_ins(unit: UnitOfWork, request: StatusRequest, at: datetime) -> None:
    """End the sign-ins of holders whose identity a supersession has corrected: they began under the other one."""
    new = None if request.new_batch is None else unit.batches.of_chain(request.new_batch)
    for target in request.certificates if new is not None else ():
        there = unit.batches.by_leaf(request.batch, target.leaf)
        if new is None or there is None or target.successor is None:
            continue
        made_old = unit.replacements.that_made(there.batch.id, target.leaf)
        made_new = unit.replacements.that_made(new.id, target.successor)
        before, after = ({} if one is None else one.corrected or {} for one in (made_old, made_new))
        if any(before.get(member) != after.get(member) for member in _IDENTITY):
            unit.accounts.end_all(there.person, at)
