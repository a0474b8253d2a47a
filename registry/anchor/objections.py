"""Why a decision could not take effect as things stand: told before anybody signs a vote for it.

The contract itself looks only when the decision is carried, which may be many votes later. Each answer is the slug of
the refusal that it would then give. Contract version 1.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from registry.anchor.ballots import Motion
from registry.anchor.council import Council
from registry.anchor.facts import (
    BatchFacts,
    IssuerFacts,
    address_key,
    batch_facts,
    issuer_facts,
    own_status,
)
from registry.anchor.history import (
    BallotKind,
    BatchFlag,
    Enacted,
    KeyKind,
    Record,
    StatusChanged,
    Superseded,
    Voted,
)
from registry.kernel.identifiers import Address, BatchId, IssuerCode

_MOST_ADMISSIONS: Final = 128


def objection(motion: Motion, council: Council, records: Sequence[Record], at: datetime) -> str | None:
    """Give the refusal that a decision would meet if it were carried out at `at` (UTC); None = it would be done.

    `records` are all of the contract's, from its first.
    """
    if motion.issuer is not None:
        return _about_issuer(motion, motion.issuer, records, int(at.timestamp()))
    match motion.kind:
        case BallotKind.ADMIT | BallotKind.REMOVE | BallotKind.THRESHOLD:
            return _about_members(motion, council)
        case BallotKind.UNPAUSE:
            paused = council.paused_until is not None and council.paused_until > at
            return None if paused else "contract/not-paused"
        case BallotKind.MIGRATE:
            return _about_migration(motion, council)
        case _:
            return None


def _about_members(motion: Motion, council: Council) -> str | None:
    count, known = len(council.members), council.is_member(motion.member or Address(""))
    if motion.kind is BallotKind.ADMIT:
        if known:
            return "contract/member-known"
        if len(council.memberships) >= _MOST_ADMISSIONS:
            return "contract/admissions-exhausted"
        count += 1
    elif motion.kind is BallotKind.REMOVE:
        if not known:
            return "contract/member-unknown"
        count -= 1
    threshold = motion.threshold or 0
    return None if count // 2 < threshold <= count else "contract/no-majority"


def _about_migration(motion: Motion, council: Council) -> str | None:
    if council.successor is not None:
        return "contract/migrated-already"
    here = (council.genesis.contract, council.genesis.chain_id)
    return "contract/successor-malformed" if (motion.contract, motion.chain_id) == here else None


def _about_issuer(motion: Motion, issuer: IssuerCode, records: Sequence[Record], now: int) -> str | None:
    facts = issuer_facts(records, issuer)
    if motion.kind is BallotKind.ACCREDIT:
        return "contract/issuer-known" if facts.state is not None else None
    if facts.state is None:
        # The contract asks for the batch, scope or key alone where there can be none without the issuer.
        return _WITHOUT_ISSUER.get(motion.kind, "contract/issuer-unknown")
    if motion.batch is not None:
        return _about_batch(motion, batch_facts(records, issuer, motion.batch), records)
    return _about_standing(motion, facts, now)


def _about_batch(motion: Motion, batch: BatchFacts | None, records: Sequence[Record]) -> str | None:
    if batch is None:
        return "contract/batch-unknown"
    if motion.leaves is not None:
        return _about_leaves(motion.leaves, batch, records)
    flag, refused_where_set, refusal = _FLAGS[motion.kind]
    return refusal if bool(batch.flags & flag) is refused_where_set else None


def _about_leaves(leaves: tuple[int, ...], batch: BatchFacts, records: Sequence[Record]) -> str | None:
    anchored = batch.anchored
    if max(leaves) >= anchored.size:
        return "contract/outside-batch"
    of_batch = [record for record in records if _names(record, anchored.batch)]
    if any(own_status(of_batch, anchored.issuer, anchored.batch, leaf).is_final for leaf in leaves):
        return "contract/status-final"
    return None


def _names(record: Record, batch: BatchId) -> bool:
    """Tell whether a record can concern certificates of a batch at all."""
    match record.content:
        case StatusChanged(batch=named) | Superseded(batch=named):
            return named == batch
        case Voted(ballot=ballot) | Enacted(ballot=ballot):
            return ballot.ref == batch
        case _:
            return False


def _about_standing(motion: Motion, facts: IssuerFacts, now: int) -> str | None:
    suspended, withdrawn = facts.suspended_since is not None, facts.withdrawn_since is not None
    match motion.kind:
        case BallotKind.SUSPEND:
            return "contract/issuer-suspended" if suspended else None
        case BallotKind.REINSTATE:
            return None if suspended else "contract/issuer-not-suspended"
        case BallotKind.WITHDRAW:
            return "contract/issuer-withdrawn" if withdrawn else None
        case BallotKind.SET_CONTROLLER:
            slot = facts.keys.get(address_key(motion.controller)) if motion.controller is not None else None
            return "contract/controller-is-approver" if slot is not None and slot.kind is KeyKind.APPROVER else None
        case BallotKind.GRANT_SCOPE | BallotKind.REVOKE_SCOPE:
            return _about_scope(motion, facts, now)
        case _:
            return _about_key(motion, facts, now)


def _about_scope(motion: Motion, facts: IssuerFacts, now: int) -> str | None:
    if motion.until is not None:
        return "contract/window-malformed" if motion.until <= now else None
    window = facts.scopes.get(motion.scope) if motion.scope is not None else None
    if window is None:
        return "contract/scope-not-granted"
    return "contract/scope-outside-window" if window.until <= now else None


def _about_key(motion: Motion, facts: IssuerFacts, now: int) -> str | None:
    slot = facts.keys.get(motion.key or b"")
    if motion.kind is BallotKind.ADD_APPROVER:
        if facts.controller is not None and motion.key == address_key(facts.controller):
            return "contract/controller-is-approver"
        return "contract/key-known" if slot is not None else _about_scope(motion, facts, now)
    if slot is None:
        return "contract/key-unknown"
    since = motion.since or 0
    if since > now:
        return "contract/compromise-malformed"
    return "contract/compromise-known" if 0 < slot.compromised_since <= since else None


_WITHOUT_ISSUER: Final[Mapping[BallotKind, str]] = {
    BallotKind.REVOKE_SCOPE: "contract/scope-not-granted",
    BallotKind.KEY_COMPROMISED: "contract/key-unknown",
    BallotKind.SUSPEND_BATCH: "contract/batch-unknown",
    BallotKind.LIFT_BATCH_SUSPENSION: "contract/batch-unknown",
    BallotKind.REVOKE_BATCH: "contract/batch-unknown",
    BallotKind.REAFFIRM_BATCH: "contract/batch-unknown",
    BallotKind.REVOKE_WORD: "contract/batch-unknown",
}
_FLAGS: Final[Mapping[BallotKind, tuple[BatchFlag, bool, str]]] = {
    BallotKind.SUSPEND_BATCH: (BatchFlag.SUSPENDED_BY_MEMBERS, True, "contract/batch-suspended-already"),
    BallotKind.LIFT_BATCH_SUSPENSION: (BatchFlag.SUSPENDED_BY_MEMBERS, False, "contract/batch-not-suspended"),
    BallotKind.REVOKE_BATCH: (BatchFlag.REVOKED, True, "contract/batch-revoked"),
    BallotKind.REAFFIRM_BATCH: (BatchFlag.REAFFIRMED, True, "contract/batch-reaffirmed-already"),
}
