"""What every Ledger must do, run against a chain in process and against the embedded chain over real HTTP."""

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from node.client.deployment import Deployment
from node.client.engines import fees_of
from node.client.founding import Founding, Progress, found
from node.client.in_process import InProcessChain
from node.client.ledger import Web3Ledger
from node.client.operations import domain_separator
from node.client.rpc import Node
from node.embedded import EmbeddedChain, serve
from node.signer import (
    CONTROLLER_FUNCTIONS,
    MEMBER_FUNCTIONS,
    SENDER_FUNCTIONS,
    AccountKey,
    AccountSigner,
    ApproverSigner,
    SigningPolicy,
)
from registry.anchor.facts import address_key, code_key
from registry.anchor.history import (
    Anchored,
    Ballot,
    BallotKind,
    BallotOutcome,
    Genesis,
    KeyChanged,
    KeyKind,
    StatusChanged,
    Voted,
)
from registry.anchor.operations import (
    AddKey,
    AnchorApproval,
    AnchorBatch,
    CastVote,
    Operation,
    ReinstateCertificates,
    ReinstatementApproval,
    RevocationApproval,
    RevokeCertificates,
    SignedTransaction,
    SuspendCertificates,
)
from registry.anchor.trust import Engine
from registry.kernel.identifiers import (
    ADDRESS_NONE,
    Address,
    BatchId,
    BlockHash,
    ContractAddress,
    Digest,
    IssuerCode,
    KeyThumbprint,
    RootHash,
    ScopeCode,
    TransactionHash,
)
from registry.kernel.merkle import root_hash
from registry.ports import Fate, FateKind, Ledger, LedgerForeign, TransactionRefused

ISSUER = IssuerCode("CETTIC-01")
SCOPE = ScopeCode("AIGC/3")
CREDENTIAL_KEY = KeyThumbprint(b"k" * 32)
UNTIL = 4_000_000_000
DAY = 86_400
KEYS = {name: AccountKey(hashlib.sha256(name.encode()).digest()) for name in ("m1", "m2", "m3", "c", "s", "a", "x")}


def founding(**changes: Any) -> Founding:
    members = (KEYS["m1"], KEYS["m2"], KEYS["m3"])
    plain = Founding(
        engine=Engine.EMBEDDED,
        deployment=Deployment(
            members=tuple(member.address for member in members),
            threshold=2,
            delay=0,
            origin=Digest(b"charter".ljust(32, b"\0")),
        ),
        voters=members,
        issuer=ISSUER,
        controller=KEYS["c"],
        scopes=(SCOPE, ScopeCode("AIGC/4")),
        senders=(KEYS["s"].address,),
        approvers=(KEYS["a"].address,),
        credential_keys=(CREDENTIAL_KEY,),
        statement_keys=(KeyThumbprint(b"t" * 32),),
        until=UNTIL,
    )
    return replace(plain, **changes)


@dataclass
class World:
    """A founded consortium on some chain."""

    node: Node
    ledger: Web3Ledger
    hold: Callable[[], None]
    """Seal nothing more for a while."""
    go_on: Callable[[], None]
    progress: list[Progress]
    counter: Iterator[int]

    def signer(self, name: str, functions: frozenset[str]) -> AccountSigner:
        contract = self.ledger.trust_root.contract
        return AccountSigner(
            KEYS[name], SigningPolicy(contract=contract, functions=functions, fees=fees_of(Engine.EMBEDDED))
        )

    @property
    def sender(self) -> AccountSigner:
        return self.signer("s", SENDER_FUNCTIONS)

    @property
    def approver(self) -> ApproverSigner:
        return ApproverSigner(KEYS["a"], self.ledger.trust_root.contract)

    def deadline(self) -> int:
        return int(self.ledger.head().time.timestamp()) + DAY

    def signed(self, operation: Operation, signer: AccountSigner | None = None) -> SignedTransaction:
        signer = signer or self.sender
        return signer.sign(operation, nonce=self.ledger.next_nonce(signer.address))

    def ended(self, transaction: TransactionHash) -> Fate:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            fate = self.ledger.fate(transaction)
            if fate.kind in (FateKind.FINAL, FateKind.REVERTED):
                return fate
            time.sleep(0.01)
        raise AssertionError(f"still {fate.kind}")

    def perform(self, operation: Operation, signer: AccountSigner | None = None) -> Fate:
        signed = self.signed(operation, signer)
        self.ledger.broadcast(signed)
        return self.ended(signed.hash)

    def anchor_of(self, *, size: int = 300) -> AnchorBatch:
        name = next(self.counter).to_bytes(32, "big")
        asked = AnchorApproval(
            issuer=ISSUER,
            batch=BatchId(name),
            root=RootHash(hashlib.sha256(name).digest()),
            size=size,
            scope=SCOPE,
            evidence=Digest(b"e" * 32),
            credential_key=CREDENTIAL_KEY,
            deadline=self.deadline(),
        )
        return AnchorBatch(asked=asked, approval=self.approver.approve(asked))

    def anchored(self) -> BatchId:
        operation = self.anchor_of()
        assert self.perform(operation).kind is FateKind.FINAL
        return operation.asked.batch

    def records(self) -> list[Any]:
        return list(self.ledger.records(0, self.ledger.head().number))

    def contents(self, kind: type) -> list[Any]:
        return [record.content for record in self.records() if isinstance(record.content, kind)]


@pytest.fixture(scope="module")
def in_process() -> World:
    chain = InProcessChain()
    progress: list[Progress] = []
    ledger = found(chain.node, founding(), progress=progress.append)
    return World(
        chain.node,
        ledger,
        chain.tester.disable_auto_mine_transactions,
        chain.tester.enable_auto_mine_transactions,
        progress,
        itertools.count(1),
    )


@pytest.fixture(scope="module")
def over_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    started = time.time()
    # A block a second is the chain's pace; a clock a hundred times as fast keeps the tests short.
    with EmbeddedChain.create(
        tmp_path_factory.mktemp("chain") / "chain.sqlite",
        chain_id=20268,
        sealer_key=b"\x07" * 32,
        alloc={KEYS["m1"].address: 1},
        genesis_time=int(started),
        clock=lambda: started + 1 + (time.time() - started) * 100,
    ) as chain:
        chain.start_sealing()
        with serve(chain, port=0) as server:
            node = Node.over_http(server.url)
            progress: list[Progress] = []
            ledger = found(node, founding(), progress=progress.append)
            yield World(node, ledger, chain.stop, chain.start_sealing, progress, itertools.count(1))
            node.close()


class LedgerContract:
    """The tests; below, one subclass for each implementation."""

    def test_is_a_ledger(self, world: World) -> None:
        ledger: Ledger = world.ledger
        assert ledger.nodes == 1

    def test_founding_tells_each_step_once(self, world: World) -> None:
        assert [one.done for one in world.progress] == list(range(1, world.progress[-1].total + 1))
        assert [one.step for one in world.progress][:4] == [
            "deploy",
            "accredit",
            "grant-scope AIGC/3",
            "grant-scope AIGC/4",
        ]

    def test_founding_again_does_nothing(self, world: World) -> None:
        before = world.records()
        again = found(world.node, founding())
        assert again.trust_root == world.ledger.trust_root
        assert world.records() == before

    def test_votes_accredit_an_issuer(self, world: World) -> None:
        genesis, *_ = world.contents(Genesis)
        assert genesis.chain_id == world.ledger.trust_root.contract.chain_id
        assert genesis.contract == world.ledger.trust_root.contract.address
        assert genesis.members == founding().deployment.members
        votes = [vote for vote in world.contents(Voted) if vote.ballot.kind is BallotKind.ACCREDIT]
        assert [vote.outcome for vote in votes] == [BallotOutcome.COUNTED, BallotOutcome.ENACTED]
        assert votes[0].ballot.ref == address_key(KEYS["c"].address)
        state, controller, keys = world.ledger.view("issuerOf", code_key(ISSUER))
        assert (state, controller) == (1, KEYS["c"].address)
        assert keys >= 4

    def test_founding_records_the_trust_root(self, world: World) -> None:
        (ballot,) = {
            vote.ballot
            for vote in world.contents(Voted)
            if vote.ballot.kind is BallotKind.RECORD and vote.outcome is BallotOutcome.ENACTED
        }
        assert (ballot.arg, ballot.ref) == (1, world.ledger.trust_root.digest())

    def test_member_votes_and_controller_adds_a_key(self, world: World) -> None:
        scope = code_key("AIGC/5")
        ballot = Ballot(
            kind=BallotKind.GRANT_SCOPE, subject=code_key(ISSUER), arg=UNTIL << 40, ref=scope, salt=bytes(32)
        )
        for member in ("m2", "m3"):
            vote = world.perform(CastVote(ballot=ballot), world.signer(member, MEMBER_FUNCTIONS))
            assert vote.kind is FateKind.FINAL
        key = AddKey(issuer=ISSUER, kind=KeyKind.CREDENTIAL, key=b"n" * 32, valid_from=0, until=UNTIL)
        assert world.perform(key, world.signer("c", CONTROLLER_FUNCTIONS)).kind is FateKind.FINAL
        added = world.contents(KeyChanged)[-1]
        assert (added.issuer, added.key, added.slot.kind, added.slot.until) == (
            ISSUER,
            b"n" * 32,
            KeyKind.CREDENTIAL,
            UNTIL,
        )

    def test_anchor_with_approval_becomes_a_record(self, world: World) -> None:
        operation = world.anchor_of()
        signed = world.signed(operation)
        world.ledger.broadcast(signed)
        fate = world.ended(signed.hash)
        assert fate.kind is FateKind.FINAL
        assert fate.block is not None
        (record,) = world.ledger.records(fate.block.number, fate.block.number)
        asked = operation.asked
        assert record.content == Anchored(
            issuer=ISSUER,
            batch=asked.batch,
            scope=SCOPE,
            approver=KEYS["a"].address,
            root=asked.root,
            size=asked.size,
            evidence=asked.evidence,
            credential_key=asked.credential_key,
        )
        place = record.position
        assert (place.by, place.transaction) == (KEYS["s"].address, signed.hash)
        assert (place.block_number, place.block_hash, place.block_time) == (
            fate.block.number,
            fate.block.hash,
            fate.block.time,
        )

    def test_records_lead_to_the_checkpoint_at_every_block(self, world: World) -> None:
        world.anchored()
        head = world.ledger.head()
        records = world.records()
        assert [record.position.seq for record in records] == list(range(len(records)))
        first = records[0].position.block_number
        for number in {first, (first + head.number) // 2, head.number}:
            block = world.ledger.block(number)
            assert block is not None
            leaves = [record.position.leaf for record in records if record.position.block_number <= number]
            checkpoint = world.ledger.checkpoint(block)
            assert (checkpoint.size, checkpoint.root) == (len(leaves), root_hash(leaves))

    def test_records_of_parts_make_up_the_whole(self, world: World) -> None:
        head = world.ledger.head().number
        parts = [record for number in range(head + 1) for record in world.ledger.records(number, number)]
        assert parts == world.records()
        assert list(world.ledger.records(head + 1, head + 50)) == []

    def test_suspend_reinstate_revoke(self, world: World) -> None:
        batch = world.anchored()
        changes = (0b101, 2 << 128 | 1 << 3)
        assert world.ledger.status_nonce(ISSUER, batch) == 0
        suspended = world.perform(SuspendCertificates(issuer=ISSUER, batch=batch, changes=changes, reason=35))
        assert suspended.kind is FateKind.FINAL
        assert self.status(world, batch, 259) == 2

        nonce = world.ledger.status_nonce(ISSUER, batch)
        assert nonce == 1
        lift = ReinstatementApproval(
            issuer=ISSUER,
            batch=batch,
            changes=changes,
            count=3,
            reason=36,
            status_nonce=nonce,
            deadline=world.deadline(),
        )
        reinstated = world.perform(ReinstateCertificates(asked=lift, approval=world.approver.approve(lift)))
        assert reinstated.kind is FateKind.FINAL
        assert self.status(world, batch, 259) == 0

        end = RevocationApproval(
            issuer=ISSUER, batch=batch, changes=changes, count=3, reason=33, deadline=world.deadline()
        )
        revoked = world.perform(RevokeCertificates(asked=end, approval=world.approver.approve(end)))
        assert revoked.kind is FateKind.FINAL
        assert self.status(world, batch, 259) == 1
        assert self.status(world, batch, 258) == 0

        told = [change for change in world.contents(StatusChanged) if change.batch == batch]
        assert [(one.code, one.approver, one.count, one.reason) for one in told] == [
            (2, ADDRESS_NONE, 3, 35),
            (0, KEYS["a"].address, 3, 36),
            (1, KEYS["a"].address, 3, 33),
        ]
        assert told[0].changes == changes

    @staticmethod
    def status(world: World, batch: BatchId, index: int) -> int:
        return int(world.ledger.view("statusOf", code_key(ISSUER), batch, index)[0])

    def test_reinstatement_signed_before_another_suspension_is_refused(self, world: World) -> None:
        batch = world.anchored()
        suspension = SuspendCertificates(issuer=ISSUER, batch=batch, changes=(1,), reason=35)
        assert world.perform(suspension).kind is FateKind.FINAL
        lift = ReinstatementApproval(
            issuer=ISSUER, batch=batch, changes=(1,), count=1, reason=36, status_nonce=0, deadline=world.deadline()
        )
        fate = world.perform(ReinstateCertificates(asked=lift, approval=world.approver.approve(lift)))
        assert fate.kind is FateKind.REVERTED
        # Another nonce is another text: the signature recovers to nobody's key.
        assert fate.fault == "contract/not-an-approver"

    def test_reverted_transaction_names_the_fault(self, world: World) -> None:
        batch = world.anchored()
        end = RevocationApproval(
            issuer=ISSUER, batch=batch, changes=(0b11,), count=3, reason=33, deadline=world.deadline()
        )
        fate = world.perform(RevokeCertificates(asked=end, approval=world.approver.approve(end)))
        assert (fate.kind, fate.fault) == (FateKind.REVERTED, "contract/count-mismatch")
        assert fate.block is not None
        stranger = world.signer("x", SENDER_FUNCTIONS)
        fate = world.perform(SuspendCertificates(issuer=ISSUER, batch=batch, changes=(1,), reason=35), stranger)
        assert (fate.kind, fate.fault) == (FateKind.REVERTED, "contract/not-a-sender")

    def test_second_root_for_a_batch_is_refused(self, world: World) -> None:
        first = world.anchor_of()
        assert world.perform(first).kind is FateKind.FINAL
        asked = replace(first.asked, root=RootHash(b"z" * 32))
        fate = world.perform(AnchorBatch(asked=asked, approval=world.approver.approve(asked)))
        assert (fate.kind, fate.fault) == (FateKind.REVERTED, "contract/batch-known")

    def test_same_bytes_may_be_sent_at_any_time(self, world: World) -> None:
        signed = world.signed(world.anchor_of())
        assert world.ledger.fate(signed.hash).kind is FateKind.UNKNOWN
        world.hold()
        world.ledger.broadcast(signed)
        world.ledger.broadcast(signed)
        waiting = world.ledger.fate(signed.hash)
        world.go_on()
        assert world.ended(signed.hash).kind is FateKind.FINAL
        world.ledger.broadcast(signed)
        assert waiting == Fate(kind=FateKind.WAITING)
        assert world.ledger.next_nonce(signed.sender) == signed.nonce + 1

    def test_nonces_of_blocks_do_not_count_what_waits(self, world: World) -> None:
        signed = world.signed(world.anchor_of())
        world.hold()
        world.ledger.broadcast(signed)
        blocks_hold = world.ledger.settled_nonce(signed.sender), world.ledger.final_nonce(signed.sender)
        world.go_on()
        assert blocks_hold == (signed.nonce, signed.nonce)
        world.ended(signed.hash)
        assert world.ledger.settled_nonce(signed.sender) == signed.nonce + 1
        assert world.ledger.final_nonce(signed.sender) == signed.nonce + 1
        assert world.ledger.base_fee() == 0

    def test_used_nonce_is_refused(self, world: World) -> None:
        first = world.signed(world.anchor_of())
        second = world.sender.sign(world.anchor_of(), nonce=first.nonce)
        world.ledger.broadcast(first)
        world.ended(first.hash)
        with pytest.raises(TransactionRefused) as refused:
            world.ledger.broadcast(second)
        assert "nonce" in refused.value.cause.lower()
        assert world.ledger.fate(second.hash).kind is FateKind.UNKNOWN

    def test_transaction_of_another_chain_is_refused(self, world: World) -> None:
        contract = world.ledger.trust_root.contract
        policy = SigningPolicy(
            contract=ContractAddress(chain_id=1, address=contract.address),
            functions=SENDER_FUNCTIONS,
            fees=fees_of(Engine.EMBEDDED),
        )
        signer = AccountSigner(KEYS["s"], policy)
        signed = signer.sign(world.anchor_of(), nonce=world.ledger.next_nonce(signer.address))
        with pytest.raises(TransactionRefused) as refused:
            world.ledger.broadcast(signed)
        assert "chain id" in refused.value.cause

    def test_blocks(self, world: World) -> None:
        head = world.ledger.head()
        assert world.ledger.block(head.number) == head
        assert world.ledger.block(head.number + 1_000) is None
        genesis = world.ledger.block(0)
        assert genesis is not None
        assert genesis.hash == world.ledger.trust_root.genesis
        assert genesis.time < head.time
        assert genesis.time.tzinfo is not None

    def test_domain_is_the_contracts(self, world: World) -> None:
        assert world.ledger.view("domainSeparator") == (domain_separator(world.ledger.trust_root.contract),)

    def test_many_threads_read_the_same(self, world: World) -> None:
        fresh = Web3Ledger(world.node, world.ledger.trust_root)
        expected = world.records()
        barrier = threading.Barrier(8)

        def read() -> list[Any]:
            barrier.wait()
            return list(fresh.records(0, fresh.head().number))

        with ThreadPoolExecutor(8) as pool:
            answers = [task.result() for task in [pool.submit(read) for _ in range(8)]]
        assert answers == [expected] * 8

    @pytest.mark.parametrize("may_lag", [False, True], ids=["own file", "over a network"])
    @pytest.mark.parametrize("what", ["chain id", "genesis", "contract code: another", "contract code: none", "seal"])
    def test_foreign_chain_is_refused(self, world: World, what: str, may_lag: bool) -> None:
        root = world.ledger.trust_root
        wrong = {
            "chain id": replace(root, contract=replace(root.contract, chain_id=1)),
            "genesis": replace(root, genesis=BlockHash(b"g" * 32)),
            "contract code: another": replace(root, code_hash=Digest(b"c" * 32)),
            "contract code: none": replace(root, contract=replace(root.contract, address=Address("0x" + "11" * 20))),
            "seal": replace(root, signers=(KEYS["x"].address,)),
        }[what]
        made_by = world.ledger.head().number
        foreign = Web3Ledger(world.node, wrong, may_lag=may_lag, made_by=lambda: made_by)
        for ask in (foreign.head, lambda: foreign.next_nonce(KEYS["s"].address), lambda: foreign.nodes):
            with pytest.raises(LedgerForeign) as found_foreign:
                ask()
            assert found_foreign.value.what.startswith(what.partition(":")[0])


class TestInProcess(LedgerContract):
    """eth-tester."""

    @pytest.fixture
    def world(self, in_process: World) -> World:
        return in_process


class TestOverHttp(LedgerContract):
    """The embedded chain behind its JSON-RPC server."""

    @pytest.fixture
    def world(self, over_http: World) -> World:
        return over_http
