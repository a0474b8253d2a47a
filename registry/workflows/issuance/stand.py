"""Stand: say where a batch stands, and the one next step.

1. What has ended or goes on by itself is told first: recorded, given up.
2. Then what holds everything up: an alarm.
3. Then what nobody can go on with: somebody in it was erased.
4. Then who is at it: a desk, or nobody where a task waits.
5. Then its own state; of a failed one the cause, and whether the records show that it is over.
"""

from dataclasses import dataclass
from datetime import datetime

from registry.anchor.council import council_of
from registry.anchor.facts import IssuerState, address_key, is_good_at, issuer_facts
from registry.anchor.history import Enacted, Genesis, KeyKind, Paused, Voted
from registry.anchor.progress import Batch
from registry.anchor.situations import ACTS, FREE_OF_ALARMS, MAY_PASS, OF_FAILURE, OF_STATE, Situation, Step
from registry.anchor.states import AnchorState
from registry.ports.storage import UnitOfWork
from registry.ports.tasks import TaskKind
from registry.workflows.issuance.issue import left_reserved
from registry.workflows.lineage.succession import is_held_back

_ANCHORED_BY_DESK = frozenset(
    {AnchorState.APPROVED, AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED, AnchorState.ORPHANED}
)
_TO_BE_READ_AGAIN = frozenset({AnchorState.RESERVED, AnchorState.SEALED, AnchorState.FAILED})
"""Signing, and approving, read again what everybody in a batch handed in."""
_OF_REPLACED = {
    Situation.RESERVED: Situation.SUCCESSOR_RESERVED,
    Situation.CANCELLED: Situation.SUCCESSOR_GIVEN_UP,
}
"""What is otherwise where a batch holds successors: nobody of it waits for another batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a batch stands, for a person."""

    situation: Situation
    next: Step
    failure: str | None
    """Code of what hindered it; None = nothing did, or it is over."""


def standing(unit: UnitOfWork, batch: Batch, now: datetime, *, desk_runs: bool) -> Standing:
    """Say where a batch stands by what is kept here and was read of the chain."""
    situation = _situation(unit, batch, now, desk_runs=desk_runs)
    programme, _, level = batch.scope.partition("/")
    replaced, replacement = "", ""
    if situation in _OF_REPLACED:
        first = next(iter(unit.replacements.into(batch.id).values()), None)
        if first is not None:
            situation, replaced, replacement = _OF_REPLACED[situation], first.number, first.id
        elif situation is Situation.CANCELLED and unit.batches.held_elsewhere(batch.id) == batch.size:
            situation = Situation.PROPOSED_ANEW
    elif situation is Situation.UNDELIVERED and is_held_back(unit, batch):
        situation = Situation.SUCCESSOR_RECORDED
    step = Step(
        act=ACTS[situation],
        batch=batch.id,
        programme=programme,
        level=level,
        number=replaced,
        replacement=replacement,
        person=batch.proposed_by,
    )
    return Standing(situation=situation, next=step, failure=batch.failure)


def _situation(unit: UnitOfWork, batch: Batch, now: datetime, *, desk_runs: bool) -> Situation:
    # 1
    if batch.state is AnchorState.FINAL and batch.delivered_at is not None:
        return Situation.DELIVERED
    if batch.state is AnchorState.CANCELLED:
        return Situation.CANCELLED
    # 2
    if batch.state not in FREE_OF_ALARMS and unit.alarms.open():
        return Situation.HALTED
    # 3
    if is_void(unit, batch, now) and OF_FAILURE.get(batch.failure or "") is not Situation.RECORDED_ALREADY:
        return Situation.ERASED
    # 4
    if _is_asked_for(unit, batch):
        return Situation.AT_DESK if desk_runs else Situation.WAITS_FOR_DESK
    # 5
    if batch.state is AnchorState.APPROVED:
        if batch.approval is not None and batch.approval.has_lapsed(now):
            return Situation.LAPSED
        return Situation.PAUSED if _is_paused(unit, now) else Situation.APPROVED
    if batch.state is AnchorState.FAILED and batch.failure is not None:
        cause = OF_FAILURE.get(batch.failure, Situation.TO_APPROVE_AGAIN)
        over = cause in MAY_PASS and not _lasts(unit, batch, cause, now)
        return Situation.TO_APPROVE_AGAIN if over else cause
    return OF_STATE[batch.state]


def is_void(unit: UnitOfWork, batch: Batch, now: datetime) -> bool:
    """Tell whether a batch waits to be signed or approved and never can be: somebody in it was erased."""
    lapsed = batch.state is AnchorState.APPROVED and batch.approval is not None and batch.approval.has_lapsed(now)
    return (lapsed or batch.state in _TO_BE_READ_AGAIN) and unit.batches.has_erased(batch.id)


def _is_asked_for(unit: UnitOfWork, batch: Batch) -> bool:
    if batch.state is AnchorState.RESERVED:
        left = left_reserved(unit, batch.scope)
        ours = left is not None and left.id == batch.id
        return ours and unit.tasks.open_for(TaskKind.PROPOSE, batch.scope) is not None
    sends = batch.state in _ANCHORED_BY_DESK or batch.state is AnchorState.FINAL
    return sends and unit.tasks.open_for(TaskKind.SEND_BATCH, batch.id) is not None


def _is_paused(unit: UnitOfWork, now: datetime) -> bool:
    deciding = [record for kind in (Genesis, Voted, Enacted, Paused) for record in unit.projection.records_of(kind)]
    if not any(isinstance(record.content, Genesis) for record in deciding):
        return False  # nothing was read of the chain yet
    until = council_of(sorted(deciding, key=lambda record: record.position.seq)).paused_until
    return until is not None and now < until


def _lasts(unit: UnitOfWork, batch: Batch, cause: Situation, now: datetime) -> bool:
    """Tell whether the records still show what hindered a batch."""
    if cause is Situation.PAUSED:
        return _is_paused(unit, now)
    facts = issuer_facts(unit.projection.of_issuer(batch.issuer), batch.issuer)
    if cause is Situation.ISSUER_BARRED:
        return facts.state is not IssuerState.ACTIVE
    if cause is Situation.SCOPE_CLOSED:
        window = facts.scopes.get(batch.scope)
        return window is None or not window.valid_from <= int(now.timestamp()) < window.until
    senders = [slot for slot in facts.keys.values() if slot.kind is KeyKind.SENDER]
    credential = facts.keys.get(batch.credential_key)
    approver = None if batch.approval is None else facts.keys.get(address_key(batch.approval.approver))
    return (
        not any(is_good_at(slot, now) for slot in senders)
        or credential is None
        or not is_good_at(credential, now)
        or approver is None
    )
