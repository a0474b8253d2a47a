"""A chain in memory that can lose transactions and take blocks back, a signer, a clock, and requests to send."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from registry.anchor.history import Block
from registry.anchor.operations import Operation, SignedTransaction
from registry.anchor.progress import RequestState, StatusRequest, Target
from registry.kernel.identifiers import (
    Address,
    BatchId,
    BlockHash,
    CertificateNumber,
    IssuerCode,
    TransactionHash,
)
from registry.ports import Fate, FateKind, Offer, TransactionRefused
from registry.status import Reason, Status
from registry.store import Database
from registry.workflows.chain.sequence import Sequencer
from registry.workflows.chain.status_operations import operation_of

ACCOUNT = Address("0x" + "5e" * 20)
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
USUAL = Offer(gas=250_000, ceiling=0, tip=0)


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Signer:
    """Signs for one account: the bytes say what was signed, and nothing else."""

    address = ACCOUNT

    def __init__(self, account: Address = ACCOUNT) -> None:
        self.address = account
        self.signed: list[SignedTransaction] = []

    def sign(self, operation: Operation, *, nonce: int, offer: Offer | None = None) -> SignedTransaction:
        offered = offer or USUAL
        raw = f"{self.address}/{nonce}/{offered.gas}/{offered.ceiling}/{offered.tip}/{operation}".encode()
        self.signed.append(
            SignedTransaction(
                raw=raw, hash=TransactionHash(hashlib.sha256(raw).digest()), sender=self.address, nonce=nonce
            )
        )
        return self.signed[-1]

    def offer_of(self, transaction: SignedTransaction) -> Offer:
        gas, ceiling, tip = (int(part) for part in transaction.raw.decode().split("/")[2:5])
        return Offer(gas=gas, ceiling=ceiling, tip=tip)


@dataclass
class ChainInMemory:
    """The writing half of a ledger: a pool and blocks, with as many confirmations as it is told."""

    confirmations: int = 0
    blocks: list[list[SignedTransaction]] = field(default_factory=list)
    pool: dict[tuple[str, int], SignedTransaction] = field(default_factory=dict)
    received: list[SignedTransaction] = field(default_factory=list)
    refuses: set[TransactionHash] = field(default_factory=set)
    fee: int = 0

    def settled_nonce(self, sender: Address) -> int:
        return sum(1 for block in self.blocks for one in block if one.sender == sender)

    def final_nonce(self, sender: Address) -> int:
        final = self.blocks[: max(0, len(self.blocks) - self.confirmations)]
        return sum(1 for block in final for one in block if one.sender == sender)

    def next_nonce(self, sender: Address) -> int:
        nonce = self.settled_nonce(sender)
        while (sender, nonce) in self.pool:
            nonce += 1
        return nonce

    def base_fee(self) -> int:
        return self.fee

    def broadcast(self, transaction: SignedTransaction) -> None:
        self.received.append(transaction)
        if transaction.hash in self.refuses:
            raise TransactionRefused("it will not")
        if self.fate(transaction.hash).kind is not FateKind.UNKNOWN:
            return
        if transaction.nonce < self.settled_nonce(transaction.sender):
            raise TransactionRefused("nonce too low")
        self.pool[transaction.sender, transaction.nonce] = transaction

    def fate(self, transaction: TransactionHash) -> Fate:
        for number, block in enumerate(self.blocks):
            if transaction in [one.hash for one in block]:
                found = Block(number=number, hash=BlockHash(bytes([number]) * 32), time=NOW)
                final = number < len(self.blocks) - self.confirmations
                return Fate(kind=FateKind.FINAL if final else FateKind.INCLUDED, block=found)
        waits = transaction in [one.hash for one in self.pool.values()]
        return Fate(kind=FateKind.WAITING if waits else FateKind.UNKNOWN)

    def seal(self, count: int = 1) -> None:
        """Seal blocks with all that can run."""
        for _ in range(count):
            taken: list[SignedTransaction] = []
            for sender in sorted({sender for sender, _ in self.pool}):
                nonce = self.settled_nonce(Address(sender))
                while (found := self.pool.pop((sender, nonce), None)) is not None:
                    taken.append(found)
                    nonce += 1
            self.blocks.append(taken)

    def take_back(self, count: int) -> None:
        """Lose the last blocks, and all that waits with them."""
        del self.blocks[-count:]
        self.pool.clear()


@dataclass
class Sending:
    """A database, and as many workers on it as a test wants."""

    store: Database
    chain: ChainInMemory = field(default_factory=ChainInMemory)
    clock: HandClock = field(default_factory=HandClock)
    signer: Signer = field(default_factory=Signer)

    def worker(self, chain: ChainInMemory | None = None, signer: Signer | None = None) -> Sequencer:
        """Give another process's sequencer, as far as leases go."""
        return Sequencer(self.store, chain or self.chain, signer or self.signer, self.clock)  # type: ignore[arg-type]  # the writing half

    def asked(self, number: int) -> StatusRequest:
        """Ask for a suspension, which needs nobody's approval."""
        request = StatusRequest(
            id=f"C-2026-11-{number:04d}",
            issuer=IssuerCode("CETTIC-01"),
            batches=(BatchId(number.to_bytes(32, "big")),),
            certificates=(Target(number=CertificateNumber(f"N{number}"), revision=1, leaf=3),),
            wanted=Status.SUSPENDED,
            reason=Reason.INVESTIGATION,
            state=RequestState.REQUESTED,
            requested_by="maker-1",
            requested_at=NOW,
        )
        with self.store.write() as unit:
            unit.status_requests.add(request)
        return request

    def sign(self, worker: Sequencer, request: StatusRequest) -> None:
        """Have a request signed, as the workflow does it."""
        worker.sign(operation_of(request), lambda unit, one, at: unit.status_requests.sign(request.id, one, at))

    def kept(self) -> list[SignedTransaction]:
        """All that is kept for the account."""
        with self.store.read() as unit:
            return unit.outbox.since(ACCOUNT, 0)

    def state(self, request: StatusRequest) -> RequestState:
        """Where a request stands."""
        with self.store.read() as unit:
            return unit.status_requests.request(request.id).state
