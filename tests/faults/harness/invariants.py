"""What must be true of an installation after every fault, restart and retry (I1 to I8), however it was struck.

Asked twice: while something is under way nothing may be wrong yet; at the end nothing may be missing either.
The chain is read from its own file, past whatever stood between the registry and its node.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from api.wiring import Home
from registry.anchor.history import Anchored, Record, StatusChanged
from registry.anchor.progress import Batch, RequestState, StatusRequest, allowed_request_moves
from registry.anchor.states import AnchorState, allowed_transitions
from registry.credential import credential_leaf
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import BatchId
from registry.kernel.merkle import root_hash
from registry.ports import Ledger
from registry.ports.storage import StoredCertificate
from registry.verification import Outcome
from registry.workflows.certificates.deliver import bundle_of
from registry.workflows.chain.follow import follow
from tests.faults.harness.watching import HEAD, Move, unwatched
from tests.faults.harness.world import World

_WAY = (
    AnchorState.RESERVED,
    AnchorState.SEALED,
    AnchorState.APPROVED,
    AnchorState.SIGNED,
    AnchorState.SENT,
    AnchorState.INCLUDED,
    AnchorState.FINAL,
)
"""A batch goes this way, and back only by a recorded reorganisation or, once it failed, by a person's approval."""
_BY_EVERY_DOOR: Final = 30
"""So many certificates are asked about by number, key and bundle; the others, once final, by number: it takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the invariants are asked of, read once."""

    world: World
    home: Home
    ledger: Ledger
    records: list[Record]
    batches: list[Batch]
    certificates: list[StoredCertificate]
    requests: list[StatusRequest]
    read: tuple[int, list[Record]]
    """Up to which block the registry had read the chain, -1 = never, and the records that it had kept."""
    unfollowed: str | None
    """Why the chain cannot be read on from there; None = it can."""
    moves: list[Move] | None
    """None = nobody watched."""
    complete: bool
    """Whether everything that was asked for should have come to its end."""

    @property
    def anchored(self) -> dict[BatchId, list[Anchored]]:
        """The anchor events of the canonical chain by batch id."""
        found: dict[BatchId, list[Anchored]] = {}
        for record in self.records:
            if isinstance(record.content, Anchored):
                found.setdefault(record.content.batch, []).append(record.content)
        return found


def broken(world: World, *, complete: bool) -> list[str]:
    """Name every invariant that does not hold and where; an empty list is the only good answer."""
    with facts_of(world, complete=complete) as facts:
        return list(asked(facts))


def asked(facts: Facts) -> Iterator[str]:
    """Ask all invariants."""
    for name, ask in INVARIANTS.items():
        try:
            yield from (f"{name}: {what}" for what in ask(facts))
        except RegistryError as error:
            yield f"{name}: cannot be asked: {error.code}"


@contextmanager
def facts_of(world: World, *, complete: bool) -> Iterator[Facts]:
    """Read everything that the invariants are asked of."""
    with unwatched(world.path) as moves, world.home() as home, _truth(home) as ledger:
        with home.store.read() as unit:
            head = unit.projection.head()
            read = head.block.number if head else -1, list(unit.projection.records())
        unfollowed = _unfollowed(home, ledger)
        with home.store.read() as unit:
            batches, certificates = unit.batches.batches(), list(unit.batches.certificates())
            requests = unit.status_requests.requests()
        yield Facts(
            world=world,
            home=home,
            ledger=ledger,
            records=list(ledger.records(0, ledger.head().number)),
            batches=batches,
            certificates=certificates,
            requests=requests,
            read=read,
            unfollowed=unfollowed,
            moves=moves,
            complete=complete,
        )


def _unfollowed(home: Home, ledger: Ledger) -> str | None:
    try:
        follow(home.store, ledger, home.clock)
    except RegistryError as error:
        return error.code
    return None


@contextmanager
def _truth(home: Home) -> Iterator[Ledger]:
    """Read the chain's own file, whichever node is configured."""
    with home._embedded(writing=False) as ledger:
        yield ledger


def _one_batch_a_request(facts: Facts) -> Iterator[str]:
    by_key = Counter(one.idempotency_key for one in facts.batches)
    for key in facts.world.requests:
        if by_key[key] > 1 or (facts.complete and by_key[key] != 1):
            yield f"request {key} has {by_key[key]} batches"
    for key in by_key.keys() - facts.world.requests.keys():
        yield f"a batch under the key {key}, which nobody asked for"
    if facts.complete:
        for one in facts.batches:
            if one.state is not AnchorState.FINAL or one.delivered_at is None:
                yield f"{one.id} lost: {one.state} {one.failure or ''}".rstrip()
        yield from (f"{one.id} lost: {one.state}" for one in facts.requests if one.state is not RequestState.FINAL)


def _one_anchor_a_batch(facts: Facts) -> Iterator[str]:
    anchored = facts.anchored
    for batch in facts.batches:
        events = anchored.pop(batch.batch, [])
        if len(events) > 1 or (facts.complete and not events):
            yield f"{batch.id} anchored {len(events)} times"
        for event in events:
            if (event.root, event.size) != (batch.root, batch.size):
                yield f"{batch.id} anchored with another root than the stored one"
    for strange in anchored:
        yield f"the chain holds the batch {strange.hex()[:8]}… which the database does not know"
    roots = [one.root for events in facts.anchored.values() for one in events]
    if len(set(roots)) != len(roots):
        yield "one root was anchored twice"
    yield from _transactions(facts)


def _transactions(facts: Facts) -> Iterator[str]:
    """Nothing that took effect was sent before it was kept, and nothing that was sent had no effect.

    Several transactions of one nonce serve the same: a block can hold one of them.
    """
    sender = facts.home.account("sender").address
    with facts.home.store.read() as unit:
        of_nonce: dict[int, set[str]] = {}
        for one in unit.outbox.kept_since(sender, 0):
            of_nonce.setdefault(one.transaction.nonce, set()).add(one.subject)
        kept = {transaction.hash for transaction in unit.outbox.since(sender, 0)}
    for subjects in of_nonce.values():
        if len(subjects) > 1:
            yield f"a nonce was given out to several: {', '.join(sorted(subjects))}"
    ours = {record.position.transaction for record in facts.records if record.position.by == sender}
    if ours - kept:
        yield f"{len(ours - kept)} transactions took effect that are not in the outbox"
    if facts.complete:
        settled = facts.ledger.next_nonce(sender) - facts.world.foreign_transactions
        if settled != len(ours):
            yield f"{settled} transactions for {len(ours)} effects"
        changes = sum(1 for record in facts.records if isinstance(record.content, StatusChanged))
        if changes != facts.world.changed:
            yield f"{changes} changes of status, {facts.world.changed} asked for"


def _certificates_are_leaves(facts: Facts) -> Iterator[str]:
    reservations = [one.reservation for one in facts.certificates]
    for what, values in {
        "number": [(one.number, one.revision) for one in reservations],
        "key": [one.key for one in reservations],
        "place in a status list": [(one.status_list, one.status_index) for one in reservations],
        "leaf": [(one.batch.id, one.reservation.leaf) for one in facts.certificates],
        "candidate": [one.admission for one in reservations],
    }.items():
        if len(set(values)) != len(values):
            yield f"a {what} was used twice"
    for batch in facts.batches:
        ours = [one for one in facts.certificates if one.batch.id == batch.id]
        reserved = batch.state in (AnchorState.RESERVED, AnchorState.CANCELLED)  # piece by piece, to its size
        if len(ours) > batch.size or (len(ours) < batch.size and not reserved):
            yield f"{batch.id}: {len(ours)} certificates for {batch.size} leaves"
        if reserved:
            continue
        signed = sorted((one.reservation.leaf, one.digest) for one in ours if one.digest is not None)
        if root_hash(credential_leaf(digest) for _, digest in signed) != batch.root:
            yield f"{batch.id}: its certificates do not lead to its root"
    yield from _bundles(facts)


def _bundles(facts: Facts) -> Iterator[str]:
    folder = facts.world.path / "delivered"
    # What was being written at a kill stays beside them under a hidden name; it is no bundle and nobody's to open.
    there = {path.name: path for path in folder.glob("[!.]*.bundle.json")}
    with facts.home.store.read() as unit:
        for one in facts.certificates:
            path = there.pop(f"{one.reservation.number}.bundle.json", None)
            if path is None:
                if facts.complete or one.batch.delivered_at is not None:
                    yield f"no bundle of {one.reservation.number}"
            elif one.batch.state is not AnchorState.FINAL:
                yield f"a bundle of {one.reservation.number}, whose batch is {one.batch.state}"
            elif path.read_bytes() != bundle_of(unit, one, facts.home.key_of):
                yield f"the bundle of {one.reservation.number} has other bytes than those kept"
    if there:
        yield f"{len(there)} bundles of no certificate"


def _valid_is_final(facts: Facts) -> Iterator[str]:
    judge = facts.home.verifier()
    anchored = facts.anchored
    valid = 0
    for place, one in enumerate(facts.certificates):
        final = one.batch.root in [event.root for event in anchored.get(one.batch.batch, [])]
        asked = {"its number": judge.by_number(one.reservation.number)}
        if place < _BY_EVERY_DOOR:
            asked["its key"] = judge.by_key(one.reservation.key)
        bundle = facts.world.path / "delivered" / f"{one.reservation.number}.bundle.json"
        if bundle.exists() and (place < _BY_EVERY_DOOR or not final):
            asked["its bundle"] = judge.by_document(bundle.read_bytes())
        for how, report in asked.items():
            if report.outcome is Outcome.VALID and not final:
                yield f"{one.reservation.number} is shown valid by {how}, and no final block holds its batch"
        outcomes = {report.outcome for report in asked.values()}
        valid += outcomes == {Outcome.VALID}
        if facts.complete and len(outcomes) != 1:
            yield f"{one.reservation.number} has several verdicts: {sorted(outcomes)}"
    if facts.complete and valid != len(facts.certificates) - facts.world.changed - facts.world.dated_ahead:
        yield f"{valid} of {len(facts.certificates)} certificates are shown valid"


def _consistent(facts: Facts) -> Iterator[str]:
    """The journal is unbroken, and so is everything else that an audit asks: rows, trees, manifests, the history."""
    found = facts.home.auditor(facts.ledger).fsck()
    if found.compared_at is None:
        yield "the audit could not read the chain"
    yield from (f"{one.code} {one.subject}" for one in found.differences)
    with facts.home.store.read() as unit:
        entries = list(unit.journal.entries())
    told = Counter((one.action, one.subject) for one in entries)
    for batch in facts.batches:
        if told["batch.propose", batch.id] != 1:
            yield f"the journal tells {told['batch.propose', batch.id]} times that {batch.id} was proposed"
        if batch.delivered_at is not None and told["batch.deliver", batch.id] != 1:
            yield f"the journal tells {told['batch.deliver', batch.id]} times that {batch.id} was delivered"


def _never_back(facts: Facts) -> Iterator[str]:
    if facts.moves is None:
        return
    stands = {one.id: AnchorState.RESERVED for one in facts.batches}
    for move in facts.moves:
        if move.subject == HEAD:
            continue
        if move.subject.startswith("C-"):
            if RequestState(move.after) not in allowed_request_moves[RequestState(move.before)]:
                yield f"{move.subject} went from {move.before} to {move.after}"
            continue
        before, after = AnchorState(move.before), AnchorState(move.after)
        if stands.get(move.subject) is not before:
            yield f"{move.subject} left {before} where it was {stands.get(move.subject)}"
        stands[move.subject] = after
        back = before in _WAY and after in _WAY and _WAY.index(after) < _WAY.index(before)
        if back or after not in allowed_transitions[before]:
            yield f"{move.subject} went from {before} to {after}"
    with facts.home.store.read() as unit:
        told = Counter(one.subject for one in unit.journal.entries() if one.action == "batch.orphan")
    for one in facts.batches:
        if stands[one.id] is not one.state:
            yield f"{one.id} is {one.state}, and was last seen {stands[one.id]}"
        back = sum(1 for move in facts.moves if (move.subject, move.after) == (one.id, AnchorState.ORPHANED))
        if back != told[one.id]:
            yield f"{one.id} was sent back {back} times, the journal tells of {told[one.id]}"


def _reads_the_chain(facts: Facts) -> Iterator[str]:
    """What was read is all that the chain had up to there, and is never less than before."""
    for move in facts.moves or ():
        if move.subject == HEAD:
            yield f"the head of what was read went back from block {move.before} to {move.after}"
    number, kept = facts.read
    there = [one for one in facts.records if one.position.block_number <= number]
    if kept != there:
        yield f"{len(kept)} records are kept up to block {number}, and the chain has {len(there)}"
    if facts.unfollowed is not None:
        yield f"the chain cannot be read on: {facts.unfollowed}"


INVARIANTS: Final[Mapping[str, Callable[[Facts], Iterator[str]]]] = MappingProxyType(
    {
        "I1": _one_batch_a_request,
        "I2": _one_anchor_a_batch,
        "I3": _certificates_are_leaves,
        "I4": _valid_is_final,
        "I5": _consistent,
        "I6": _never_back,
        "I8": _reads_the_chain,
    }
)
"""All but I7, which is asked around a refusal: see nothing_half_done."""


@contextmanager
def nothing_half_done(world: World) -> Iterator[None]:
    """I7: what is refused within the block leaves every row, and every delivered file, as it was."""
    before, files = world.contents(), _files(world)
    yield
    after = world.contents()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    assert not changed, f"I7: a refusal left something behind in {', '.join(changed)}"
    assert _files(world) == files, "I7: a refusal left files behind"


def _files(world: World) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (world.path / "delivered").glob("[!.]*")}
