"""Ask to change statuses; another person approves what cannot be undone lightly, and the chain decides.

1. Say what is asked for: every certificate or batch there is, recorded, and free to make this move, or nothing is kept.
2. What is under way is not asked for again; the rest is cut into requests of one batch and one transaction each.
3. Keep all of them together, or none.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from registry.anchor.facts import batch_flags, joint_status, own_status
from registry.anchor.history import BatchFlag, Record
from registry.anchor.progress import Batch, RequestState, StatusRequest, Target
from registry.anchor.states import AnchorState
from registry.kernel.errors import Conflict, RegistryError
from registry.kernel.identifiers import BatchId, normal_number
from registry.ports import Clock
from registry.ports.storage import NotHere, Store, StoredCertificate, UnitOfWork
from registry.status import (
    MOST_BATCHES,
    AlreadyThere,
    Reason,
    Status,
    calls_of,
    require_ground,
    require_move,
)
from registry.workflows.lineage.present import present_flags
from registry.workflows.lineage.succession import Ways, ways_of


class NotFinalYet(Conflict):
    """The certificate is not on the chain yet: it has no status to change."""

    code = "status/not-final"

    def __init__(self, number: str, state: str) -> None:
        self.number, self.state = number, state
        super().__init__(f"certificate {number} is not recorded yet (its batch is {state})")


class BatchNotFinal(Conflict):
    """The batch is not on the chain yet: there is nothing to suspend."""

    code = "status/batch-not-final"

    def __init__(self, batch: str, state: str) -> None:
        self.batch, self.state = batch, state
        super().__init__(f"batch {batch} is not recorded yet (it is {state})")


class BatchMoveForbidden(Conflict):
    """A batch as a whole cannot be suspended or reinstated by its issuer as it stands."""

    code = "status/batch-move-forbidden"

    def __init__(self, batch: str, standing: str, wanted: Status) -> None:
        self.batch, self.standing, self.wanted = batch, standing, wanted
        what = "suspended" if wanted is Status.SUSPENDED else "reinstated by its issuer"
        super().__init__(f"batch {batch} {standing} and cannot be {what}")


class SuspendedWithBatch(Conflict):
    """A certificate is not suspended itself: its batch is."""

    code = "status/suspended-with-batch"

    def __init__(self, number: str, batch: str) -> None:
        self.number, self.batch = number, batch
        super().__init__(f"certificate {number} is not suspended itself: its batch {batch} is")


class NamedTwice(Conflict):
    """A certificate or batch is named twice in one list."""

    code = "status/named-twice"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} is named twice")


class RequestOpen(Conflict):
    """Another change of the same certificate or batch is under way."""

    code = "status/request-open"

    def __init__(self, number: str, request: str, wanted: str) -> None:
        self.number, self.request, self.wanted = number, request, wanted
        super().__init__(f"another change of {number} is under way: {request} ({wanted})")


class BeingReplaced(Conflict):
    """The certificate is being corrected or renewed; until that is over nothing else changes it."""

    code = "status/being-replaced"

    def __init__(self, number: str, replacement: str, ways: Ways) -> None:
        self.number, self.replacement, self.ways = number, replacement, ways
        super().__init__(f"certificate {number} is being replaced: {replacement}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One of the certificates or batches that were named cannot make the move."""

    place: int
    """Which of them, from 0."""
    name: str
    """As it was named."""
    error: RegistryError


class ChangesRefused(Conflict):
    """Some of many certificates or batches cannot make the move; nothing was kept of any."""

    code = "status/changes-refused"

    def __init__(self, refusals: Sequence[Refusal], asked: int) -> None:
        self.refusals, self.refused, self.asked = tuple(refusals), len(refusals), asked
        super().__init__(f"{self.refused} of {asked} cannot be changed so; nothing was kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a change leads to."""

    requests: tuple[StatusRequest, ...]
    """In the order of batches and leaves; what was under way first. Those that are new have no name yet in a plan."""
    done: tuple[str, ...] = ()
    """Named, and left out because they have the wanted status already."""


# — asking for certificates —


def request_changes(
    store: Store,
    clock: Clock,
    numbers: Sequence[str],
    wanted: Status,
    reason: Reason,
    *,
    person: str,
    skip_done: bool = False,
) -> Asked:
    """Ask for a change of certificates, all or none; asking for the same again gives the same requests.

    `skip_done` leaves out those that have the wanted status already. Raises GroundUnfit; of a single certificate
    NotHere, NotFinalYet, AlreadyThere, MoveForbidden, SuspendedWithBatch, RequestOpen, BeingReplaced; of several
    ChangesRefused.
    """
    with store.write() as unit:
        plan = plan_changes(unit, clock.now(), numbers, wanted, reason, person=person, skip_done=skip_done)
        return keep_requests(unit, plan, person)


def plan_changes(
    unit: UnitOfWork,
    now: datetime,
    numbers: Sequence[str],
    wanted: Status,
    reason: Reason,
    *,
    person: str,
    skip_done: bool = False,
) -> Asked:
    """Say which requests a change would lead to, and keep nothing. Raises what `request_changes` does."""
    require_ground(wanted, reason)
    # 1
    found, refusals = _found(unit, numbers)
    requests: list[StatusRequest] = []
    done: list[str] = []
    for _, group in groupby(sorted(found, key=_Named.where), key=lambda one: one.certificate.batch.id):
        named = list(group)
        batch = named[0].certificate.batch
        # 2
        same, others = _under_way(unit, batch, {one.leaf for one in named}, wanted, reason)
        taken = {leaf for request in same for leaf in request.leaves}
        targets: dict[int, Target] = {}
        records, replaced = unit.projection.of_batch(batch.issuer, batch.batch), unit.replacements.over(batch.id)
        for one in named:
            if one.leaf in taken:
                continue
            try:
                under_way = others.get(one.leaf)
                if under_way is not None and under_way.wanted is not Status.SUPERSEDED:
                    raise RequestOpen(one.name, under_way.id, under_way.wanted.word)
                _require_move(records, one, wanted)
                if one.leaf in replaced:
                    of = unit.replacements.replacement(replaced[one.leaf])
                    raise BeingReplaced(one.name, of.id, ways_of(unit, of))
            except Conflict as error:
                if skip_done and isinstance(error, AlreadyThere):
                    done.append(one.name)
                else:
                    refusals.append(Refusal(place=one.place, name=one.name, error=error))
            else:
                reservation = one.certificate.reservation
                targets[one.leaf] = Target(
                    number=reservation.number, revision=reservation.revision, leaf=reservation.leaf
                )
        requests += same
        requests += (
            StatusRequest(
                id="",
                issuer=batch.issuer,
                batches=(batch.batch,),
                certificates=tuple(targets[leaf] for leaf in leaves),
                wanted=wanted,
                reason=reason,
                state=RequestState.REQUESTED,
                requested_by=person,
                requested_at=now,
            )
            for leaves in calls_of(targets)
        )
    _require_none(refusals, len(numbers))
    return Asked(requests=tuple(requests), done=tuple(done))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A recorded certificate as it was named."""

    place: int
    name: str
    certificate: StoredCertificate

    @property
    def leaf(self) -> int:
        return self.certificate.reservation.leaf

    def where(self) -> tuple[str, int]:
        """Sort by batch and leaf."""
        return self.certificate.batch.id, self.leaf


def _under_way(
    unit: UnitOfWork, batch: Batch, leaves: set[int], wanted: Status, reason: Reason
) -> tuple[list[StatusRequest], dict[int, StatusRequest]]:
    """Give the open requests that ask for part of the same, and the others by the leaves they hold."""
    same: list[StatusRequest] = []
    others: dict[int, StatusRequest] = {}
    for one in unit.status_requests.open_on(batch.batch):
        if (one.wanted, one.reason) == (wanted, reason) and one.certificates and leaves.issuperset(one.leaves):
            same.append(one)
        else:
            others.update(dict.fromkeys(one.leaves, one))
    return same, others


def _found(unit: UnitOfWork, numbers: Sequence[str]) -> tuple[list[_Named], list[Refusal]]:
    found: list[_Named] = []
    refusals: list[Refusal] = []
    seen: set[str] = set()
    for place, name in enumerate(numbers):
        certificate = unit.batches.by_number(name)
        error: RegistryError | None = None
        if normal_number(name) in seen:
            error = NamedTwice(name)
        elif certificate is None:
            error = NotHere("certificate", name)
        elif certificate.batch.state is not AnchorState.FINAL:
            error = NotFinalYet(name, certificate.batch.state)
        else:
            found.append(_Named(place=place, name=name, certificate=certificate))
        seen.add(normal_number(name))
        if error is not None:
            refusals.append(Refusal(place=place, name=name, error=error))
    return found, refusals


def _require_move(records: Sequence[Record], named: _Named, wanted: Status) -> None:
    batch = named.certificate.batch
    own = own_status(records, batch.issuer, batch.batch, named.leaf)
    flags = batch_flags(records, batch.issuer, batch.batch)
    if own is wanted is Status.VALID and joint_status(own, flags) is Status.SUSPENDED:
        raise SuspendedWithBatch(named.name, batch.id)
    require_move(own, wanted)


def _require_none(refusals: list[Refusal], asked: int) -> None:
    if refusals and asked == 1:
        raise refusals[0].error
    if refusals:
        raise ChangesRefused(sorted(refusals, key=lambda refusal: refusal.place), asked)


# — asking for whole batches —


def request_batch_changes(
    store: Store, clock: Clock, names: Sequence[str], wanted: Status, reason: Reason, *, person: str
) -> Asked:
    """Ask to suspend batches as a whole or to lift that, all or none; the same again gives the same requests.

    `wanted` is suspended or valid. Raises GroundUnfit; of a single batch NotHere, BatchNotFinal, BatchMoveForbidden,
    RequestOpen; of several ChangesRefused.
    """
    with store.write() as unit:
        return keep_requests(unit, plan_batch_changes(unit, clock.now(), names, wanted, reason, person=person), person)


def plan_batch_changes(
    unit: UnitOfWork, now: datetime, names: Sequence[str], wanted: Status, reason: Reason, *, person: str
) -> Asked:
    """Say which requests a change of batches would lead to, and keep nothing."""
    require_ground(wanted, reason)
    requests: list[StatusRequest] = []
    refusals: list[Refusal] = []
    asked: list[Batch] = []
    for place, name in enumerate(names):
        # 1
        try:
            if name in names[:place]:
                raise NamedTwice(name)
            batch = unit.batches.batch(name)
            under_way = _open_on_whole(unit, batch, wanted, reason)
            if under_way is None:
                _require_batch_move(batch, present_flags(unit, batch), wanted)
        except (NotHere, Conflict) as error:
            refusals.append(Refusal(place=place, name=name, error=error))
            continue
        # 2
        if under_way is None:
            asked.append(batch)
        elif under_way not in requests:
            requests.append(under_way)
    _require_none(refusals, len(names))
    at_once = MOST_BATCHES if wanted is Status.VALID else 1
    for first in range(0, len(asked), at_once):
        piece = asked[first : first + at_once]
        requests.append(
            StatusRequest(
                id="",
                issuer=piece[0].issuer,
                batches=tuple(batch.batch for batch in piece),
                wanted=wanted,
                reason=reason,
                state=RequestState.REQUESTED,
                requested_by=person,
                requested_at=now,
            )
        )
    return Asked(requests=tuple(requests))


def _open_on_whole(unit: UnitOfWork, batch: Batch, wanted: Status, reason: Reason) -> StatusRequest | None:
    for one in unit.status_requests.open_on(batch.batch):
        if one.certificates:
            continue
        if (one.wanted, one.reason) != (wanted, reason):
            raise RequestOpen(batch.id, one.id, one.wanted.word)
        return one
    return None


def _require_batch_move(batch: Batch, flags: BatchFlag, wanted: Status) -> None:
    if batch.state is not AnchorState.FINAL:
        raise BatchNotFinal(batch.id, batch.state)
    if flags & BatchFlag.REVOKED:
        raise BatchMoveForbidden(batch.id, "was revoked by the members", wanted)
    if wanted is Status.SUSPENDED and flags & BatchFlag.SUSPENDED_BY_ISSUER:
        raise BatchMoveForbidden(batch.id, "is suspended already", wanted)
    if wanted is Status.VALID and not flags & BatchFlag.SUSPENDED_BY_ISSUER:
        by_members = flags & BatchFlag.SUSPENDED_BY_MEMBERS
        standing = "is suspended by the members" if by_members else "is not suspended"
        raise BatchMoveForbidden(batch.id, standing, wanted)


# — both —


def keep_requests(unit: UnitOfWork, plan: Asked, person: str) -> Asked:
    """Keep what is new of a plan under names of its own, and in the journal who asked."""
    # 3
    kept: list[StatusRequest] = []
    for request in plan.requests:
        if not request.id:
            request = replace(request, id=unit.next_name("C", request.requested_at))  # noqa: PLW2901 - the same, named
            unit.status_requests.add(request)
            unit.journal.write(
                at=request.requested_at,
                person=person,
                action="status.request",
                subject=request.id,
                wanted=request.wanted.word,
                reason=request.reason.slug,
                **covered(unit, request),
            )
        kept.append(request)
    return replace(plan, requests=tuple(kept))


def covered(unit: UnitOfWork, request: StatusRequest) -> dict[str, str | int]:
    """Say for the journal what a request covers: the one number, or the count and a digest of all names."""
    if len(request.certificates) == 1:
        return {"number": request.certificates[0].number}
    if request.certificates:
        names: list[str] = [target.number for target in request.certificates]
        kind = "certificates"
    else:
        names, kind = batch_names(unit, request), "batches"
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    return {kind: len(names), "names": digest}


def batch_names(unit: UnitOfWork, request: StatusRequest) -> list[str]:
    """Give our own names of a request's batches."""
    return [of_chain(unit, batch).id for batch in request.batches]


def of_chain(unit: UnitOfWork, batch: BatchId) -> Batch:
    """Give our batch of an id on the chain. Raises NotHere."""
    found = unit.batches.of_chain(batch)
    if found is None:
        raise NotHere("batch", batch.hex())
    return found
