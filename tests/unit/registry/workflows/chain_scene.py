"""A registry with one proposed batch, and a chain that says whatever a test wants it to say."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from api.demo_data import sample_roster, sample_scores
from registry.anchor.history import Anchored, Block, Checkpoint, KeyChanged, KeyKind, KeySlot, Record, StatusChanged
from registry.anchor.operations import Operation, SignedTransaction
from registry.anchor.progress import Batch, Placement
from registry.anchor.states import AnchorState
from registry.anchor.trust import TrustRoot
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import ADDRESS_NONE, Address, BatchId, IssuerCode, RootHash, TransactionHash
from registry.ports import Fate, FateKind
from registry.programme import load_catalogue
from registry.store import Shelf, open_database
from registry.workflows.certificates.contents import evidence_of
from registry.workflows.desk.reconcile import Reconciler
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import propose
from tests.unit.registry.store.filled import (
    APPROVER,
    BODY,
    ISSUER,
    KEYS,
    NOW,
    PROGRAMME,
    SENDER,
    TRUST_ROOT,
    Approver,
    CredentialKey,
    SettableClock,
    block,
    digest_of,
    position,
    transaction,
)

SENDER_KEY = bytes(12) + bytes.fromhex(SENDER[2:])


@dataclass
class ToldChain:
    """A chain whose records, nonces and fates a test sets (implements registry.ports.Ledger)."""

    trust_root: TrustRoot = TRUST_ROOT
    nodes: int = 1
    may_lag: bool = False
    number: int = 1
    kept: list[Record] = field(default_factory=list)
    nonces: dict[Address, int] = field(default_factory=dict)
    fates: dict[TransactionHash, Fate] = field(default_factory=dict)
    sent: list[SignedTransaction] = field(default_factory=list)
    other_blocks: bool = False
    newest: dict[int, Block] = field(default_factory=dict)
    """Blocks that are not final, by number."""
    error: RegistryError | None = None

    def tell(self, content: object, by: str) -> Record:
        """Add a record that a transaction of this name made, in a block of its own."""
        seq = len(self.kept)
        place = replace(position(seq, by), block_time=NOW.replace(microsecond=0) + timedelta(seconds=seq))
        self.kept.append(Record(position=place, content=content))  # type: ignore[arg-type]  # of any kind
        self.number = max(self.number, seq + 1)
        return self.kept[-1]

    def head(self) -> Block:
        return self.block(self.number)

    def block(self, number: int) -> Block:
        found = block(number)
        return replace(found, hash=digest_of(f"another block {number}")) if self.other_blocks else found

    def shown(self, number: int) -> Block | None:
        return self.newest.get(number)

    @contextmanager
    def failing(self, error: RegistryError) -> Iterator[None]:
        """Give no records but this error, until the block ends."""
        self.error = error
        yield
        self.error = None

    def records(self, first: int, last: int) -> Iterator[Record]:
        if self.error is not None:
            raise self.error
        return (one for one in self.kept if first <= one.position.block_number <= last)

    def checkpoint(self, at: Block) -> Checkpoint:
        recorded = [one for one in self.kept if one.position.block_number <= at.number]
        return Checkpoint(size=len(recorded), root=RootHash(bytes(32)))

    def status_nonce(self, issuer: IssuerCode, batch: BatchId) -> int:
        raise NotImplementedError((issuer, batch))

    def settled_nonce(self, sender: Address) -> int:
        return self.nonces.get(sender, 0)

    def base_fee(self) -> int:
        return 0

    def next_nonce(self, sender: Address) -> int:
        return self.nonces.get(sender, 0)

    def final_nonce(self, sender: Address) -> int:
        return self.nonces.get(sender, 0)

    def refusal(self, operation: Operation, sender: Address) -> str | None:
        raise NotImplementedError((operation, sender))

    def broadcast(self, transaction: SignedTransaction) -> None:
        self.sent.append(transaction)

    def fate(self, transaction: TransactionHash) -> Fate:
        return self.fates.get(transaction, Fate(kind=FateKind.UNKNOWN))


class Scene:
    """Everything that the workflows are given, and one sealed batch."""

    def __init__(self, folder: Path) -> None:
        self.store = open_database(folder / "registry.db", KEYS, create=True)
        self.clock, self.catalogue, self.key = SettableClock(), load_catalogue(), CredentialKey()
        self.shelf, self.chain = Shelf(folder / "delivered"), ToldChain()
        programme = self.catalogue.programme(PROGRAMME)
        import_roster(self.store, self.clock, programme, sample_roster(count=30), person="alice")
        decide_applications(self.store, self.clock, self.catalogue, ISSUER, person="alice")
        with self.store.read() as unit:
            admissions = unit.marks.awaited(PROGRAMME)
        self.scores = sample_scores(admissions)
        sheet = record_scores(
            self.store, self.clock, programme, self.scores, examined_on=date(2026, 11, 15), person="bob"
        ).sheet
        confirm_sheet(self.store, self.clock, sheet.id, person="carol")
        slot = KeySlot(kind=KeyKind.SENDER, number=1, valid_from=0, until=2**40 - 1, compromised_since=2**40 - 1)
        self.chain.tell(KeyChanged(issuer=ISSUER, key=SENDER_KEY, slot=slot), "keys")
        self.name = self.propose().id

    def key_of(self, thumbprint: bytes):  # noqa: ARG002 - there is one
        return self.key.public_key

    def propose(self, level: str = "1", key: str | None = None) -> Batch:
        return propose(
            self.store, self.clock, self.catalogue, BODY, self.key,
            programme=PROGRAMME, level=level, person="alice", idempotency_key=key,
        )  # fmt: skip

    @property
    def place(self) -> Reconciler:
        return Reconciler(
            store=self.store, ledger=self.chain, clock=self.clock, issuer=ISSUER, key_of=self.key_of, shelf=self.shelf
        )

    @property
    def batch(self) -> Batch:
        with self.store.read() as unit:
            return unit.batches.batch(self.name)

    def approve(self) -> None:
        approve(self.store, self.clock, self.catalogue, self.key_of, Approver(), self.name, person="dave")

    def bring_to(self, *states: AnchorState, failure: str | None = None) -> None:
        """Take the sealed batch along these states, as the workflows would."""
        for state in states:
            now = self.clock.now()
            if state is AnchorState.APPROVED:
                self.approve()
                continue
            with self.store.write() as unit:
                batch = unit.batches.batch(self.name)
                if state is AnchorState.SIGNED:
                    unit.batches.sign(self.name, transaction("anchor"), now)
                elif state is AnchorState.FINAL:
                    unit.batches.place(self.name, Placement.at(self.chain.kept[-1].position))
                else:
                    named = failure if state is AnchorState.FAILED else None
                    unit.batches.move(self.name, batch.state, state, failure=named)

    def anchored(self, *, batch: BatchId | None = None, root: RootHash | None = None, by: str = "anchor") -> Record:
        """Let the chain record the batch: under another id, with another root, by another transaction."""
        ours = self.batch
        return self.chain.tell(
            Anchored(
                issuer=ISSUER,
                batch=batch or ours.batch,
                scope=ours.scope,
                approver=APPROVER,
                root=root or ours.root or RootHash(digest_of("some root")),
                size=ours.size,
                evidence=evidence_of(ours.manifest) if ours.manifest else digest_of("evidence"),
                credential_key=ours.credential_key,
            ),
            by,
        )

    def suspended(self, *, by: str) -> Record:
        """Let the chain record that the first certificate of the batch was suspended."""
        change = StatusChanged(
            issuer=ISSUER, batch=self.batch.batch, approver=ADDRESS_NONE, code=2, changes=(1,), count=1, reason=35
        )
        return self.chain.tell(change, by)

    def journal(self) -> Sequence[tuple[str, str]]:
        """Action and subject of every entry."""
        with self.store.read() as unit:
            return [(one.action, one.subject) for one in unit.journal.entries()]

    def alarms(self) -> list[tuple[str, str]]:
        """Code and subject of every open alarm."""
        with self.store.read() as unit:
            return [(one.code, one.subject) for one in unit.alarms.open()]
