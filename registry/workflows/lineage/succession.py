"""Succession: which certificates were issued in the place of others that still stand, by the records read so far."""

from dataclasses import dataclass, replace

from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.anchor.situations import Act, Step
from registry.anchor.states import AnchorState, allowed_transitions
from registry.ports.replacements import Replacement
from registry.ports.storage import UnitOfWork

_WITHOUT_EFFECT = (RequestState.FAILED, RequestState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What ends a replacement that is open."""

    on: Step
    """Goes on with it."""
    off: Step | None
    """Gives it up; None = as it stands nothing does."""


def awaiting_succession(unit: UnitOfWork, batch: Batch) -> set[int]:
    """Which certificates of a batch were issued in the place of others that still stand."""
    issued = unit.replacements.leaves(batch.id)
    return issued.keys() - unit.projection.successors(batch.issuer, batch.batch) if issued else set()


def given_up(unit: UnitOfWork, batch: Batch) -> set[int]:
    """Which certificates of a batch were to take the place of others and never will: those stay pending for good."""
    cancelled = {leaf for leaf, is_cancelled in unit.replacements.leaves(batch.id).items() if is_cancelled}
    return cancelled & awaiting_succession(unit, batch) if cancelled else set()


def is_held_back(unit: UnitOfWork, batch: Batch) -> bool:
    """Tell whether certificates of a batch are still to take the place of others; given up, they never are."""
    return bool(awaiting_succession(unit, batch) - given_up(unit, batch))


def lacks_bundles(unit: UnitOfWork, batch: Batch) -> bool:
    """Tell whether a batch is recorded for good, its bundles were never all written, and nothing holds them back."""
    return batch.state is AnchorState.FINAL and batch.delivered_at is None and not is_held_back(unit, batch)


def batch_may_be_cancelled(batch: Batch) -> bool:
    """Tell whether a batch can be given up: nothing of it is signed for the chain, or the contract refused it."""
    return AnchorState.CANCELLED in allowed_transitions[batch.state]


def request_may_be_cancelled(request: StatusRequest) -> bool:
    """Tell whether nothing of a request is signed for the chain."""
    return request.state in (RequestState.REQUESTED, RequestState.APPROVED)


def ways_of(unit: UnitOfWork, of: Replacement) -> Ways:
    """Name what goes on with a replacement that is neither done nor given up, and what gives it up."""
    propose = Step(act=Act.PROPOSE_SUCCESSOR, replacement=of.id, person=of.asked_by)
    if of.batch is None:
        return Ways(on=propose, off=replace(propose, act=Act.WITHDRAW_SUCCESSOR))
    batch = unit.batches.batch(of.batch)
    watch = Step(act=Act.WATCH, batch=batch.id, person=of.asked_by)
    if batch_may_be_cancelled(batch):
        return Ways(on=watch, off=replace(watch, act=Act.CANCEL))
    if batch.state is not AnchorState.FINAL:
        return Ways(on=watch, off=None)
    # The batch is on the chain: the supersession alone can be given up.
    onto = [one for one in unit.status_requests.onto(batch.batch) if of.leaf in one.new_leaves]
    if all(one.state in _WITHOUT_EFFECT for one in onto):
        return Ways(on=propose, off=None)
    open_request = next((one.id for one in onto if request_may_be_cancelled(one)), None)
    off = None if open_request is None else replace(watch, act=Act.CANCEL_REQUEST, request=open_request)
    return Ways(on=watch, off=off)
