"""Identities: who a holder is by the newest correction of their identity that took its place, else as enrolled."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from registry.anchor.progress import StatusRequest
from registry.enrolment import Candidate
from registry.ports.replacements import Corrected
from registry.ports.storage import UnitOfWork
from registry.workflows.lineage.succession import awaiting_succession

_IDENTITY = (Corrected.IDENTITY_TYPE, Corrected.IDENTITY_NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Candidates by what is known of holders whose identity is corrected; all by line, each line in one at most."""

    known: Mapping[int, str]
    """The person that each one is."""
    under_way: AbstractSet[int]
    """Whose identity somebody is to have by a correction that is not in place yet: nobody knows who that is."""
    outdated: AbstractSet[int]
    """Whose identity was corrected to another one: it says no more who that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What an identity is to one holder."""

    stated: bool
    under_way: bool
    outdated: bool


def is_stated(unit: UnitOfWork, person: str, identity_type: str, number: str, *, enrolled: bool) -> bool:
    """Tell whether a holder's identity is this one; `enrolled`: they were enrolled with it."""
    return _held(unit, person, identity_type, number, enrolled=enrolled).stated


def _held(unit: UnitOfWork, person: str, identity_type: str, number: str, *, enrolled: bool) -> _Held:
    in_place, under_way = [], False
    for one in unit.replacements.identities(person, identity_type, number):
        if one.batch is not None and one.leaf not in awaiting_succession(unit, unit.batches.batch(one.batch)):
            in_place.append(one)
        elif one.is_asked and not one.cancelled:
            under_way = True
    if not in_place:
        return _Held(stated=enrolled, under_way=under_way, outdated=False)
    newest = in_place[0]
    # Back at the enrolled identity, the corrections between were mistakes: what they said is free for whose it is.
    had = enrolled or (not newest.is_enrolled and any(one.is_asked for one in in_place))
    return _Held(stated=newest.is_asked, under_way=under_way, outdated=had and not newest.is_asked)


def known_holders(unit: UnitOfWork, candidates: Sequence[Candidate]) -> Matched:
    """Match candidates with holders whose identity was corrected, or is to be."""
    known: dict[int, str] = {}
    under_way: set[int] = set()
    outdated: set[int] = set()
    asked = [(one.identity_type.value, one.identity_number) for one in candidates]
    for place, person, enrolled in unit.replacements.holders_of(asked):
        line, held = candidates[place].line, _held(unit, person, *asked[place], enrolled=enrolled)
        if held.stated and (enrolled or line not in known):  # who was enrolled under a number keeps it
            known[line] = person
        if held.under_way:
            under_way.add(line)
        if held.outdated:
            outdated.add(line)
    under_way -= known.keys()
    return Matched(known=known, under_way=under_way, outdated=outdated - known.keys() - under_way)


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
