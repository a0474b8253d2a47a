"""Reconcile: compare the database with the chain; mend by a stated rule, hold for a person, or halt. Never silently.

1. Read the chain's new records. Another chain, or another history than was read before, halts: no rule mends that.
   Our accounts' nonces are counted there before records and rows are looked at: what another process signs meanwhile,
   or a block takes, is then known for ours.
2. Name every difference. Each name has one rule (`registry.anchor.differences`, in words docs/operations.md).
3. Mend what is mended by the records alone, raise the alarms, and write every difference into the journal.

What of a batch is recomputed from its rows (digests, tree, manifest, bundles' bytes) is
`registry.workflows.auditing.audit`'s.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Protocol

from registry.anchor.differences import RULES, Name, Rule, both_sides, dated_ahead
from registry.anchor.facts import issuer_facts
from registry.anchor.history import Anchored, BatchChanged, Block, KeyKind, Record, StatusChanged, Superseded
from registry.anchor.operations import SignedTransaction
from registry.anchor.progress import Batch, RequestState
from registry.anchor.states import AnchorState
from registry.audit import Difference, foreign_anchors, foreign_changes
from registry.kernel.encoding import b64url
from registry.kernel.errors import Conflict
from registry.kernel.identifiers import Address, BatchId, IssuerCode
from registry.ports import Clock, FateKind, KeyOf, Ledger, TransactionRefused
from registry.ports.alarms import WritingHalted
from registry.ports.storage import Store, UnitOfWork
from registry.ports.tasks import TaskKind, TaskState
from registry.workflows.certificates.deliver import Shelf, bundle_name, deliver
from registry.workflows.chain.anchor import place_batch
from registry.workflows.chain.follow import follow
from registry.workflows.chain.halt import SYSTEM, halting, raise_alarm
from registry.workflows.chain.status_operations import recorded_at
from registry.workflows.desk.work_off import BundlesUnwritable, writing_bundles
from registry.workflows.issuance.stand import is_void
from registry.workflows.lineage.identities import end_sign_ins
from registry.workflows.lineage.succession import awaiting_succession, lacks_bundles

TASK_WAITS: Final = timedelta(minutes=10)
"""After that a task that no desk takes is named."""
_AT_ONCE: Final = 1_000
"""Certificates read in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One difference, and what is done about it."""

    name: Name
    subject: str
    """A batch, a request, a task, a record of the chain, an account there."""
    here: str
    """What the database says; no personal data."""
    there: str
    """What the chain says, or the disk."""
    done: bool = False
    """Mended; of an alarm: raised now, and not before."""
    lifted: bool = False
    """A person has looked at it and lifted its alarm: it stands in the chain's history and holds nothing up."""

    @property
    def detail(self) -> str:
        """Both sides in one line, as an alarm keeps them."""
        return both_sides(self.here, self.there)

    @property
    def rule(self) -> Rule:
        """What is done about it."""
        return RULES[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What was compared, and what differed."""

    found: tuple[Found, ...]
    batches: int
    records: int
    block: Block
    """Up to where the chain was read."""

    @property
    def waits(self) -> tuple[Found, ...]:
        """What a person still has to look at."""
        return tuple(one for one in self.found if one.rule is not Rule.MENDED and not one.lifted)


class Files(Shelf, Protocol):
    """The folder of delivered bundles."""

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """What reconciling works with; it needs no key."""

    store: Store
    ledger: Ledger
    clock: Clock
    issuer: IssuerCode
    key_of: KeyOf
    shelf: Files


def look(place: Reconciler, *, files: bool = False) -> Reconciled:
    """Read the chain's new records and name every difference. Keeps nothing else, but an alarm for a chain not ours.

    `files`: delivered bundles are looked for one by one, which takes a minute a million.
    Raises LedgerUnavailable, LedgerForeign, HistoryBroken.
    """
    # 1
    with halting(place.store, place.clock):
        follow(place.store, place.ledger, place.clock)
        counted = _counted(place)
        head = follow(place.store, place.ledger, place.clock)
    # 2
    with place.store.read() as unit:
        batches = unit.batches.batches()
        anchors = _anchors(unit, place.issuer)
        found = [
            *_batches(batches, anchors),
            *_strangers(unit, place.issuer, batches),
            *_requests(unit),
            *_idle(place, unit, batches),
            *_ahead(unit, counted),
        ]
        records, kept = unit.projection.size(), _kept(unit)
    if files:
        found += _bundles(place, batches)
    recorded = {one.subject for one in found if one.name in (Name.RECORDED, Name.REQUEST_RECORDED)}
    found += _outbox(place, counted, [one for one in kept if one[0] not in recorded])
    with place.store.read() as unit:
        seen = [_seen(unit, one) for one in found]
    return Reconciled(found=tuple(seen), batches=len(batches), records=records, block=head.block)


def _seen(unit: UnitOfWork, one: Found) -> Found:
    """Note where a person has looked at a difference before and lifted its alarm."""
    alarms = [
        alarm
        for alarm in unit.alarms.alarms()
        if (alarm.code, alarm.subject, alarm.detail) == (one.name, one.subject, one.detail)
    ]
    lifted = bool(alarms) and all(alarm.lifted_at is not None for alarm in alarms)
    return replace(one, lifted=lifted and one.rule is Rule.HALTS)


def _anchors(unit: UnitOfWork, issuer: IssuerCode) -> dict[BatchId, Record]:
    return {
        record.content.batch: record
        for record in unit.projection.records_of(Anchored)
        if isinstance(record.content, Anchored) and record.content.issuer == issuer
    }


def _batches(batches: list[Batch], anchors: Mapping[BatchId, Record]) -> Iterator[Found]:
    for batch in batches:
        record = anchors.get(batch.batch)
        name = _of_batch(batch, record)
        if name is not None:
            there = "no record"
            if record is not None and isinstance(record.content, Anchored):
                there = f"record {record.position.seq}, root {b64url(record.content.root)}"
            yield Found(name=name, subject=batch.id, here=_here(batch), there=there)
        elif record is not None and (clocks := dated_ahead(batch.proposed_at, record.position.block_time)) is not None:
            yield Found(name=Name.DATED_AHEAD, subject=batch.id, here=clocks[0], there=clocks[1])


def _here(batch: Batch) -> str:
    return batch.state.value if batch.root is None else f"{batch.state.value}, root {b64url(batch.root)}"


def _of_batch(batch: Batch, record: Record | None) -> Name | None:
    """Name the difference between a batch and the record of its anchor."""
    if record is None or not isinstance(record.content, Anchored):
        return Name.ANCHOR_MISSING if batch.state is AnchorState.FINAL else None
    if batch.root is None:
        return Name.RECORDED_RELEASED if batch.state is AnchorState.CANCELLED else Name.RECORDED_UNSEALED
    if record.content.root != batch.root:
        return Name.ROOT_TAKEN
    match batch.state:
        case AnchorState.FINAL:
            placed = batch.placement is not None and batch.placement.seq == record.position.seq
            return None if placed else Name.ANCHOR_MISSING
        case AnchorState.CANCELLED:
            return Name.RECORDED_RELEASED
        case AnchorState.SEALED:
            return Name.RECORDED_UNAPPROVED
        case _:
            return Name.RECORDED


def _strangers(unit: UnitOfWork, issuer: IssuerCode, batches: list[Batch]) -> Iterator[Found]:
    """Name what the chain holds under our code and this database knows nothing of."""
    anchors = unit.projection.records_of(Anchored)
    for one in foreign_anchors(anchors, issuer, {batch.batch for batch in batches}):
        yield _stranger(Name.FOREIGN_ANCHOR, one)
    for kind in (StatusChanged, Superseded, BatchChanged):
        ours = unit.outbox.known(record.position.transaction for record in unit.projection.records_of(kind))
        for one in foreign_changes(unit.projection.records_of(kind), issuer, ours):
            yield _stranger(Name.FOREIGN_CHANGE, one)


def _stranger(name: Name, difference: Difference) -> Found:
    return Found(name=name, subject=difference.subject, here="unknown", there=difference.found)


def _requests(unit: UnitOfWork) -> Iterator[Found]:
    for request in unit.status_requests.requests(RequestState.SIGNED, RequestState.SENT, RequestState.FAILED):
        recorded = recorded_at(unit, request)
        if recorded is not None:
            there = f"record {recorded.seq}"
            yield Found(name=Name.REQUEST_RECORDED, subject=request.id, here=request.state.value, there=there)


def _idle(place: Reconciler, unit: UnitOfWork, batches: list[Batch]) -> Iterator[Found]:
    """Name what goes on only when a person does something."""
    now = place.clock.now()
    for batch in batches:
        if lacks_bundles(unit, batch):
            yield Found(name=Name.UNDELIVERED, subject=batch.id, here="final", there="not delivered")
        elif is_void(unit, batch, now):
            yield Found(name=Name.SOMEBODY_ERASED, subject=batch.id, here=batch.state.value, there="somebody erased")
        elif batch.state is AnchorState.RESERVED and unit.tasks.open_for(TaskKind.PROPOSE, batch.scope) is None:
            yield Found(name=Name.LEFT_RESERVED, subject=batch.id, here="reserved", there="no task")
    for task in unit.tasks.waiting(now):
        since = task.leased_until if task.state is TaskState.RUNNING else task.asked_at
        if since is not None and now - since > TASK_WAITS:
            yield Found(name=Name.TASK_WAITS, subject=task.id, here=task.state.value, there="no desk")


def _bundles(place: Reconciler, batches: list[Batch]) -> Iterator[Found]:
    """Name delivered batches of which files are gone; those of erased people are no more to be there.

    Read in short transactions: what was delivered does not change, and looking for files takes long.
    """
    for batch in batches:
        if batch.delivered_at is None:
            continue
        with place.store.read() as unit:
            awaiting = awaiting_succession(unit, batch)  # given up: never delivered
            pieces = unit.pieces.drawn(batch.id, _AT_ONCE)
        gone = 0
        for piece in pieces:
            with place.store.read() as unit:
                there = unit.batches.reservations_of(batch.id, piece)
            names = [bundle_name(one) for one in there if one.roster_salt and one.leaf not in awaiting]
            gone += sum(1 for name in names if not place.shelf.has(name))
        if gone:
            yield Found(name=Name.BUNDLES_MISSING, subject=batch.id, here="delivered", there=f"{gone} files missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """How many transactions of an account blocks hold, and final blocks."""

    settled: int
    final: int


def _counted(place: Reconciler) -> dict[Address, _Counted]:
    """Count what the chain holds of the accounts that ever signed here."""
    with place.store.read() as unit:
        keys = issuer_facts(unit.projection.of_issuer(place.issuer), place.issuer).keys
        accounts = {Address("0x" + key[12:].hex()) for key, slot in keys.items() if slot.kind is KeyKind.SENDER}
        accounts |= {rivals[0].sender for _, rivals in _kept(unit)}
        signed = sorted(one for one in accounts if unit.outbox.next_nonce(one))
    ledger = place.ledger
    return {one: _Counted(settled=ledger.settled_nonce(one), final=ledger.final_nonce(one)) for one in signed}


def _ahead(unit: UnitOfWork, counted: Mapping[Address, _Counted]) -> Iterator[Found]:
    """Name accounts of which the chain holds more than is kept."""
    for sender, there in counted.items():
        known = unit.outbox.next_nonce(sender)
        if there.settled > known:
            here = f"{known} transactions"
            yield Found(name=Name.NONCE_AHEAD, subject=sender, here=here, there=f"{there.settled} transactions")


def _kept(unit: UnitOfWork) -> list[tuple[str, list[SignedTransaction]]]:
    """List what is on its way to the chain, each with its transactions of one nonce in the order of replacing."""
    batches = unit.batches.batches(AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED, AnchorState.ORPHANED)
    requests = unit.status_requests.requests(RequestState.SIGNED, RequestState.SENT)
    sent = [*((one.id, one.transaction) for one in batches), *((one.id, one.transaction) for one in requests)]
    rivals = [
        (subject, [one.transaction for one in unit.outbox.rivals(transaction)])
        for subject, transaction in sent
        if transaction is not None
    ]
    return sorted(rivals, key=lambda one: (one[1][0].sender, one[1][0].nonce))


def _outbox(
    place: Reconciler, counted: Mapping[Address, _Counted], kept: list[tuple[str, list[SignedTransaction]]]
) -> Iterator[Found]:
    """Name what no node knows of what is kept and not recorded."""
    for subject, rivals in kept:
        first = rivals[0]
        spent = first.sender in counted and counted[first.sender].final > first.nonce
        if any(place.ledger.fate(one.hash).kind is not FateKind.UNKNOWN for one in rivals):  # asked last
            continue
        yield Found(
            name=Name.NONCE_TAKEN if spent else Name.UNSENT,
            subject=subject,
            here=f"nonce {first.nonce}",
            there="another transaction" if spent else "unknown",
        )


def mend(place: Reconciler, looked: Reconciled) -> Reconciled:
    """Do what the rules say about each difference, alarms first, and write it into the journal.

    No bundle of a batch goes out about which an alarm is open. Raises LedgerUnavailable, StoreBusy; what was done by
    then is done, and the rest is found again. Raises BundlesUnwritable after everything else is done.
    """
    # 3
    now = place.clock.now()
    done: list[Found] = []
    unwritable: BundlesUnwritable | None = None
    for one in sorted(looked.found, key=lambda one: one.rule is not Rule.HALTS):
        try:
            acted = _ACTS.get(one.name, _untouched)(place, one)
        except BundlesUnwritable as error:
            unwritable = error
            continue
        if one.rule is Rule.HALTS:
            with place.store.write() as unit:
                alarm = raise_alarm(unit, now, code=one.name, subject=one.subject, detail=one.detail)
            acted = alarm is not None
        with place.store.write() as unit:
            unit.journal.write(
                at=now,
                person=SYSTEM,
                action=f"reconcile.{one.rule}",
                subject=one.subject,
                difference=one.name.value,
                done=int(acted),
            )
        done.append(replace(one, done=acted))
    if unwritable is not None:
        raise unwritable
    return replace(looked, found=tuple(done))


def reconcile(place: Reconciler, *, files: bool = False) -> Reconciled:
    """Look, and mend what there is. Raises as `look` and `mend` do."""
    return mend(place, look(place, files=files))


def _untouched(place: Reconciler, one: Found) -> bool:  # noqa: ARG001 - as the others
    return False


_TO_INCLUDED: Final[Mapping[AnchorState, AnchorState]] = MappingProxyType(
    {
        AnchorState.APPROVED: AnchorState.INCLUDED,
        AnchorState.SIGNED: AnchorState.SENT,
        AnchorState.ORPHANED: AnchorState.SENT,
        AnchorState.SENT: AnchorState.INCLUDED,
        AnchorState.FAILED: AnchorState.INCLUDED,
    }
)
"""The next step of each state towards what the chain says already."""


def _finalise(place: Reconciler, one: Found) -> bool:
    with suppress(Conflict), place.store.write() as unit:  # another process took the step first
        batch = unit.batches.batch(one.subject)
        record = _anchors(unit, batch.issuer).get(batch.batch)
        if record is None or _of_batch(batch, record) is not Name.RECORDED:
            return False
        state = batch.state
        while state is not AnchorState.INCLUDED:
            unit.batches.move(batch.id, state, _TO_INCLUDED[state])
            state = _TO_INCLUDED[state]
        place_batch(unit, batch, record.position, place.clock.now())
        return True
    return False


def _finish_request(place: Reconciler, one: Found) -> bool:
    with suppress(Conflict), place.store.write() as unit:
        request = unit.status_requests.request(one.subject)
        recorded = recorded_at(unit, request)
        if recorded is None:
            return False
        state = request.state
        if state is RequestState.SIGNED:
            unit.status_requests.move(request.id, state, RequestState.SENT)
            state = RequestState.SENT
        unit.status_requests.move(
            request.id, state, RequestState.FINAL, seq=recorded.seq, transaction=recorded.transaction
        )
        end_sign_ins(unit, request, place.clock.now())
        return True
    return False


def _send_again(place: Reconciler, one: Found) -> bool:
    """Send the last of its transactions that a node takes, without the sender's lease: that guards signing.

    The bytes are kept already and no nonce is given out. Sent twice, or beside the sender of the account, they are the
    same transaction; one that has replaced it meanwhile offers more, and either is ours.
    """
    with place.store.read() as unit:
        rivals = next((rivals for subject, rivals in _kept(unit) if subject == one.subject), [])
    for transaction in reversed(rivals):
        with place.store.read() as unit:
            if unit.alarms.open():
                return False
        with suppress(TransactionRefused):
            place.ledger.broadcast(transaction)
            return True
    return False


def _deliver(place: Reconciler, one: Found) -> bool:
    with suppress(WritingHalted), writing_bundles():
        deliver(place.store, place.clock, place.shelf, place.key_of, one.subject, again=True)
        return True
    return False  # an alarm about it is open


_ACTS: Final[Mapping[Name, Callable[[Reconciler, Found], bool]]] = MappingProxyType(
    {
        Name.RECORDED: _finalise,
        Name.REQUEST_RECORDED: _finish_request,
        Name.UNSENT: _send_again,
        Name.UNDELIVERED: _deliver,
        Name.BUNDLES_MISSING: _deliver,
    }
)
