"""Approve or give up: the second person's part in a batch.

1. Derive everything again that the approver answers for: every credential against enrolment and confirmed marks and the
   batch's key, their digests against the root, the rows against the manifest; piece by piece, spread over the cores.
2. Sign the EIP-712 structure for just that.
3. Keep it: sealed batches do not change, so what was checked is what is approved.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta

from registry.access import require_second_person
from registry.anchor.facts import address_key, batch_facts, is_good_at, issuer_facts
from registry.anchor.history import KeyKind
from registry.anchor.operations import AnchorApproval, Approval
from registry.anchor.progress import Batch, StatusRequest
from registry.anchor.states import AnchorState, allowed_transitions
from registry.kernel.errors import Conflict, RuleRefusal
from registry.kernel.identifiers import Address, Digest, IssuerCode, RootHash
from registry.kernel.merkle import MerkleTree
from registry.kernel.progress import Progress, unheard
from registry.kernel.signing import PublicKey
from registry.ports import ApprovalSigner, Clock, KeyOf, Ledger, LedgerUnavailable
from registry.ports.storage import Store, UnitOfWork
from registry.programme import Catalogue
from registry.workflows.certificates.contents import BatchInconsistent, ReservationVoid, evidence_of
from registry.workflows.chain.anchor import ApprovalLapsed
from registry.workflows.chain.follow import follow
from registry.workflows.chain.halt import halting
from registry.workflows.chain.supersede import (
    approve_supersessions,
    give_up_with_batch,
    keep_supersessions,
    makers_of,
)
from registry.workflows.issuance.crew import Job
from registry.workflows.issuance.pieces import Gathered, Leaves, Spent, Tools, add_spent, check_piece, crew_for

APPROVAL_LASTS = timedelta(days=7)
"""How long an approval may wait to be recorded; the contract takes at most 30 days."""


class NotWaiting(Conflict):
    """A batch does not wait for what is asked of it."""

    code = "batch/not-waiting"

    def __init__(self, batch: str, state: str, what: str) -> None:
        self.batch, self.state, self.what = batch, state, what
        super().__init__(f"batch {batch} is {state}: it does not wait for {what}")


class BatchRecorded(Conflict):
    """A batch is on the chain already: given up, its candidates would get a second valid certificate."""

    code = "batch/recorded"

    def __init__(self, batch: str, seq: int) -> None:
        self.batch, self.seq = batch, seq
        super().__init__(f"batch {batch} is on the chain (record {seq}): it cannot be given up")


class NotApprover(RuleRefusal):
    """An account is no approver of the issuer, as far as the chain has been read."""

    code = "anchor/not-approver"

    def __init__(self, approver: Address, issuer: IssuerCode, why: str) -> None:
        self.approver, self.issuer, self.why = approver, issuer, why
        super().__init__(f"account {approver} cannot approve for {issuer}: {why}")


def require_approver(unit: UnitOfWork, issuer: IssuerCode, approver: Address, at: datetime) -> None:
    """Check by the records read so far that the contract would take an approval by this account. Raises NotApprover.

    Where the chain was never read, nothing is known and nothing refused: the contract decides in any case.
    """
    if unit.projection.head() is None:
        return
    slot = issuer_facts(unit.projection.of_issuer(issuer), issuer).keys.get(address_key(approver))
    if slot is None:
        raise NotApprover(approver, issuer, "it is not registered")
    if slot.kind is not KeyKind.APPROVER:
        raise NotApprover(approver, issuer, f"it is registered as a {slot.kind.name.lower()} key")
    if not is_good_at(slot, at):
        raise NotApprover(approver, issuer, "its time is over or has not come, or it was reported compromised")


def deadline_from(now: datetime, subject: str, named: int | None) -> int:
    """Say until when an approval of `subject` is to hold (Unix seconds): as long as we allow, or less where named.

    Raises ApprovalLapsed where the named time has passed.
    """
    latest = int((now + APPROVAL_LASTS).timestamp())
    if named is not None and named <= int(now.timestamp()):
        raise ApprovalLapsed(subject)
    return latest if named is None else min(named, latest)


def require_consistent_batch(
    store: Store,
    catalogue: Catalogue,
    key: PublicKey,
    batch: Batch,
    *,
    progress: Progress = unheard,
    spent: Spent | None = None,
) -> tuple[RootHash, Digest]:
    """Derive everything again that an approver answers for.

    Raises BatchInconsistent where something kept differs, ReservationVoid where somebody was erased since.

    Every credential is, byte for byte, what is written for its holder by enrolment and confirmed marks, and is signed
    by the batch's key; their digests lead to the root; the rows lead to the manifest. Each piece is read by itself:
    what is sealed does not change, and no long reading keeps what others write from being put away. `spent` is told
    what was spent on what.
    """
    if key.thumbprint() != batch.credential_key:
        raise BatchInconsistent(batch.id, "credential key")
    with store.read() as unit:
        tools = Tools.of(unit, batch, catalogue.by_digest(batch.programme_digest), public_key=key)
        pieces, crew = unit.pieces.of_batch(batch.id), crew_for(unit)
    gathered, checked = Gathered(batch), 0

    def take(leaves: Leaves) -> None:
        nonlocal checked
        gathered.add(leaves)
        checked += len(leaves.indices)
        progress(checked, batch.size)

    def jobs() -> Iterator[Job[Leaves]]:
        for one in pieces:
            with store.read() as unit:
                material = unit.pieces.material(batch.id, one)
            yield check_piece, (material,)

    with crew:
        crew.run(tools, jobs(), lambda asked: asked, take, size=batch.size)
    if not gathered.is_whole():
        with store.read() as unit:
            if unit.batches.has_erased(batch.id):
                raise ReservationVoid(batch.id, "was erased")
    if batch.manifest is None or not gathered.is_whole():
        raise BatchInconsistent(batch.id, "number of credentials")
    root = MerkleTree.from_packed(gathered.credentials).root
    if root != batch.root:
        raise BatchInconsistent(batch.id, "root")
    if gathered.manifest().document() != batch.manifest:
        raise BatchInconsistent(batch.id, "manifest")
    if spent is not None:
        add_spent(spent, gathered.spent)
    return root, evidence_of(batch.manifest)


def to_be_approved(store: Store, clock: Clock, catalogue: Catalogue, key_of: KeyOf, name: str) -> AnchorApproval:
    """Derive what an approver of this batch would sign, for a signature that is made elsewhere. Keeps nothing.

    Raises NotWaiting, BatchInconsistent, ReservationVoid.
    """
    now = clock.now()
    with store.read() as unit:
        batch = unit.batches.batch(name)
        if not _awaits_approval(batch, now):
            raise NotWaiting(name, batch.state, "an approval")
    return _derived(store, catalogue, key_of, batch, deadline_from(now, name, None))


def approve(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    key_of: KeyOf,
    signer: ApprovalSigner,
    name: str,
    *,
    person: str,
    deadline: int | None = None,
    progress: Progress = unheard,
    spent: Spent | None = None,
) -> Batch:
    """Approve a sealed batch as the second person; one that failed or whose approval lapsed is approved anew.

    `deadline`: the one that was signed already, where the signature was made elsewhere.
    Raises FourEyes, NotWaiting, BatchInconsistent, ReservationVoid, ApprovalLapsed.
    """
    now = clock.now()
    with store.read() as unit:
        batch = unit.batches.batch(name)
        for maker in makers_of(unit, batch):
            require_second_person(maker, person, "approving a batch")
        if not _awaits_approval(batch, now):
            if batch.approved_by == person and batch.state is not AnchorState.CANCELLED:
                return batch
            raise NotWaiting(name, batch.state, "an approval")
    # 1
    asked = _derived(store, catalogue, key_of, batch, deadline_from(now, name, deadline), progress, spent)
    # 2
    approval = signer.approve(asked)
    superseding: list[tuple[StatusRequest, Approval]] = []
    if deadline is None:  # a signature that was made elsewhere is one; what follows is approved by another
        with store.read() as unit:
            superseding = approve_supersessions(unit, signer, batch, person=person, now=now, deadline=asked.deadline)
    # 3
    with store.write() as unit:
        unit.batches.approve(name, person=person, at=now, approval=approval)
        keep_supersessions(unit, superseding, person=person, now=now)
        unit.journal.write(
            at=now,
            person=person,
            action="batch.approve",
            subject=name,
            root=asked.root.hex(),
            evidence=asked.evidence.hex(),
        )
        return unit.batches.batch(name)


def _derived(
    store: Store,
    catalogue: Catalogue,
    key_of: KeyOf,
    batch: Batch,
    deadline: int,
    progress: Progress = unheard,
    spent: Spent | None = None,
) -> AnchorApproval:
    key = key_of(batch.credential_key)
    root, evidence = require_consistent_batch(store, catalogue, key, batch, progress=progress, spent=spent)
    return AnchorApproval(
        issuer=batch.issuer,
        batch=batch.batch,
        root=root,
        size=batch.size,
        scope=batch.scope,
        evidence=evidence,
        credential_key=batch.credential_key,
        deadline=deadline,
    )


def _awaits_approval(batch: Batch, now: datetime) -> bool:
    lapsed = batch.approval is not None and batch.approval.has_lapsed(now)
    return batch.state in (AnchorState.SEALED, AnchorState.FAILED) or (batch.state is AnchorState.APPROVED and lapsed)


def cancel(
    store: Store,
    clock: Clock,
    name: str,
    *,
    person: str,
    ledger: Callable[[], AbstractContextManager[Ledger]] | None = None,
) -> Batch:
    """Give a batch up before anything of it is signed for the chain, or after the contract refused it.

    Its numbers are never used again; its candidates wait for another batch. A database that is older than the chain
    may not know that its batch is recorded: with `ledger` the chain's new records are read first, where it answers.
    Raises NotWaiting, BatchRecorded; with `ledger` LedgerForeign, HistoryBroken.
    """
    if ledger is not None:
        with suppress(LedgerUnavailable), halting(store, clock), ledger() as chain:
            follow(store, chain, clock)
    with store.write() as unit:
        batch = unit.batches.batch(name)
        if AnchorState.CANCELLED not in allowed_transitions[batch.state]:
            raise NotWaiting(name, batch.state, "being cancelled")
        recorded = batch_facts(unit.projection.of_batch(batch.issuer, batch.batch), batch.issuer, batch.batch)
        if recorded is not None:
            raise BatchRecorded(name, recorded.position.seq)
        now = clock.now()
        unit.batches.move(name, batch.state, AnchorState.CANCELLED)
        unit.journal.write(at=now, person=person, action="batch.cancel", subject=name, size=batch.size)
        give_up_with_batch(unit, batch, person=person, now=now)
        return unit.batches.batch(name)
