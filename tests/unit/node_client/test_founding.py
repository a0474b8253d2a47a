"""A founding that dies anywhere is finished by running it again, and nothing is done twice."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from contracts import artefact
from node.client import founding as founding_module
from node.client.deployment import Deployment, Predecessor, contract_address, find_deployed, target_of, trust_root_of
from node.client.engines import fees_of
from node.client.founding import Founding, FoundingDelayed, FoundingHalted, Progress, found
from node.client.in_process import InProcessChain
from node.client.ledger import Web3Ledger
from node.client.operations import call_of
from node.client.rpc import Node, octets, quantity
from node.client.transactions import TransactionFields
from node.embedded import EmbeddedChain
from node.embedded.provider import EmbeddedProvider
from node.signer import MEMBER_FUNCTIONS, AccountKey, AccountSigner, ApproverSigner, SigningPolicy
from registry.anchor.ballots import Motion
from registry.anchor.council import council_of
from registry.anchor.history import BallotKind, BallotOutcome, Genesis, KeyChanged, Voted
from registry.anchor.operations import (
    AnchorApproval,
    AnchorBatch,
    CastVote,
    EnactBallot,
    RevocationApproval,
    RevokeCertificates,
)
from registry.anchor.trust import Engine, TrustRoot
from registry.kernel.identifiers import Address, Digest, IssuerCode, KeyThumbprint, ScopeCode
from registry.kernel.merkle import root_hash
from registry.ports import FateKind, LedgerForeign, LedgerUnavailable
from registry.workflows.chain.govern import perform

KEYS = {name: AccountKey(hashlib.sha256(name.encode()).digest()) for name in ("m1", "m2", "m3", "c", "s", "a")}
MEMBERS = tuple(KEYS[name] for name in ("m1", "m2", "m3"))
PLAN = Founding(
    engine=Engine.EMBEDDED,
    deployment=Deployment(
        members=tuple(member.address for member in MEMBERS), threshold=2, delay=0, origin=Digest(b"c" * 32)
    ),
    voters=MEMBERS,
    issuer=IssuerCode("ACME"),
    controller=KEYS["c"],
    scopes=(ScopeCode("AIGC/3"),),
    senders=(KEYS["s"].address,),
    approvers=(KEYS["a"].address,),
    credential_keys=(KeyThumbprint(b"k" * 32),),
    statement_keys=(),
    until=4_000_000_000,
)
TRANSACTIONS = 1 + 2 * 4 + 2
"""The deployment, two votes for each of four decisions, two keys."""


class Dying(BaseProvider):
    """Takes `sends` transactions, then the line breaks: before the next reaches the node, or after it has."""

    def __init__(self, node: Node, sends: int, *, after: bool, dying: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.node, self.sends, self.after, self.dying = node, sends, after, dying

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_sendRawTransaction":
            if self.sends == 0 and not self.after:
                raise ConnectionResetError(104, "Connection reset by peer")
            if self.sends == 0:
                self.dying()
            result = self.node.call(method, *params)
            if self.sends == 0:
                raise ConnectionResetError(104, "Connection reset by peer")
            self.sends -= 1
            return {"jsonrpc": "2.0", "id": 1, "result": result}
        return {"jsonrpc": "2.0", "id": 1, "result": self.node.call(method, *params)}


class Losing(BaseProvider):
    """Says that it took every transaction, and forgets one of them."""

    def __init__(self, node: Node, lost: int) -> None:
        super().__init__()
        self.node, self.lost = node, lost

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_sendRawTransaction":
            self.lost -= 1
            if self.lost == -1:
                return {"jsonrpc": "2.0", "id": 1, "result": "0x" + "00" * 32}
        return {"jsonrpc": "2.0", "id": 1, "result": self.node.call(method, *params)}


@contextmanager
def embedded(folder: Path) -> Iterator[EmbeddedChain]:
    """An embedded chain that seals, with a clock a hundred times as fast as ours."""
    started = time.time()
    with EmbeddedChain.create(
        folder / "chain",
        chain_id=20268,
        sealer_key=b"\x07" * 32,
        alloc={KEYS["m1"].address: 1},
        genesis_time=int(started),
        clock=lambda: started + 1 + (time.time() - started) * 100,
    ) as chain:
        chain.start_sealing()
        yield chain


def sent(node: Node) -> int:
    """Transactions in all blocks."""
    count = quantity(node.call("eth_getBlockByNumber", "latest", False)["number"])
    blocks = [node.call("eth_getBlockByNumber", hex(number), False) for number in range(count + 1)]
    return sum(len(block["transactions"]) for block in blocks)


def decisions(ledger: Web3Ledger) -> Counter[Any]:
    contents = [record.content for record in ledger.records(0, ledger.head().number)]
    return Counter(
        one.key if isinstance(one, KeyChanged) else (one.ballot, one.outcome)
        for one in contents
        if isinstance(one, KeyChanged | Voted)
    )


@pytest.mark.parametrize("after", [False, True], ids=["request lost", "reply lost"])
@pytest.mark.parametrize("sends", range(TRANSACTIONS))
def test_founding_goes_on_where_it_died(sends: int, after: bool) -> None:
    chain = InProcessChain()
    with pytest.raises(LedgerUnavailable):
        found(Node(Dying(chain.node, sends, after=after), where="dying:1"), PLAN)
    ledger = found(chain.node, PLAN)
    assert sent(chain.node) == TRANSACTIONS
    assert set(decisions(ledger).values()) == {1}
    outcomes = [outcome for _, outcome in (one for one in decisions(ledger) if isinstance(one, tuple))]
    assert outcomes.count(BallotOutcome.ENACTED) == 4


def test_founding_waits_for_what_an_earlier_run_left_in_the_pool(tmp_path: Path) -> None:
    with embedded(tmp_path) as chain:
        node = Node(EmbeddedProvider(chain.rpc), where="the chain in process")
        with pytest.raises(LedgerUnavailable):
            found(Node(Dying(node, 2, after=True, dying=chain.stop), where="dying:1"), PLAN)
        assert len(chain.pending()) >= 1
        threading.Timer(0.3, chain.start_sealing).start()
        ledger = found(node, PLAN)
        assert set(decisions(ledger).values()) == {1}
        assert sent(node) == TRANSACTIONS


@pytest.mark.parametrize("lost", [0, 1, 4, TRANSACTIONS - 1])
def test_transaction_that_a_node_took_and_lost_is_sent_again(tmp_path: Path, lost: int) -> None:
    with embedded(tmp_path) as chain:
        node = Node(EmbeddedProvider(chain.rpc), where="the chain in process")
        ledger = found(Node(Losing(node, lost), where="losing:1"), PLAN)
        assert set(decisions(ledger).values()) == {1}
        assert sent(node) == TRANSACTIONS


def test_a_founding_that_reads_no_records_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # The control: without the records, the second run asks for everything again and the contract refuses.
    chain = InProcessChain()
    found(chain.node, PLAN)
    nothing: Callable[[object], Any] = lambda *_: founding_module._Decisions({}, set(), set(), set())  # noqa: E731  # one use
    monkeypatch.setattr(founding_module, "_decided", nothing)
    with pytest.raises(FoundingHalted) as halted:
        found(chain.node, PLAN)
    assert (halted.value.code, halted.value.step, halted.value.fault) == (
        "founding/halted",
        "accredit",
        "contract/ballot-enacted",
    )


def test_a_ballot_that_took_too_long_is_voted_on_anew() -> None:
    chain = InProcessChain()
    dying = replace(PLAN, voters=MEMBERS[:1])
    with pytest.raises(FoundingHalted, match="1 keys at hand"):
        found(chain.node, dying)
    ledger = find_deployed(chain.node, PLAN.deployment, engine=Engine.EMBEDDED, deployer=KEYS["m1"].address)
    assert ledger is not None
    policy = SigningPolicy(
        contract=ledger.trust_root.contract, functions=MEMBER_FUNCTIONS, fees=fees_of(Engine.EMBEDDED)
    )
    perform(ledger, AccountSigner(KEYS["m1"], policy), CastVote(ballot=PLAN.accreditation()))
    chain.tester.time_travel(int(ledger.head().time.timestamp()) + 31 * 86_400)
    chain.seal_block()
    late = replace(PLAN, until=PLAN.until + 10**8)
    assert decisions(found(chain.node, late))
    ballots = [one for one in council_of(list(ledger.records(0, ledger.head().number))).ballots]
    accredited = [one for one in ballots if one.ballot.kind is BallotKind.ACCREDIT]
    assert [one.enacted is not None for one in accredited] == [False, True]


def test_other_windows_on_the_second_run_change_nothing() -> None:
    chain = InProcessChain()
    with pytest.raises(LedgerUnavailable):
        found(Node(Dying(chain.node, 4, after=True), where="dying:1"), PLAN)
    found(chain.node, replace(PLAN, until=PLAN.until + 1))
    assert sent(chain.node) == TRANSACTIONS


def test_more_is_added_to_what_stands() -> None:
    chain = InProcessChain()
    first = found(chain.node, PLAN)
    told: list[Progress] = []
    more = replace(PLAN, scopes=(*PLAN.scopes, ScopeCode("AIGC/4")))
    second = found(chain.node, more, progress=told.append)
    assert second.trust_root == first.trust_root
    assert sent(chain.node) == TRANSACTIONS + 2
    assert [(one.step, one.done, one.total) for one in told] == [("deploy", 1, 8), ("grant-scope AIGC/4", 8, 8)]


def test_too_few_voters_halt_it() -> None:
    chain = InProcessChain()
    with pytest.raises(FoundingHalted, match="2 more votes needed, 1 keys at hand"):
        found(chain.node, replace(PLAN, voters=MEMBERS[:1]))


def test_refused_deployment_halts_it() -> None:
    chain = InProcessChain()
    with pytest.raises(FoundingHalted, match="deploy"):
        found(chain.node, replace(PLAN, deployment=replace(PLAN.deployment, threshold=1)))


def test_chain_that_seals_nothing_delays_it_and_it_goes_on_later() -> None:
    chain = InProcessChain(sealing=False)
    with pytest.raises(FoundingDelayed) as delayed:
        found(chain.node, PLAN, patience_seconds=0.2)
    assert (delayed.value.code, delayed.value.step) == ("founding/delayed", "deploy")
    chain.tester.enable_auto_mine_transactions()
    found(chain.node, PLAN)
    assert sent(chain.node) == TRANSACTIONS


def test_contract_is_told_from_others_of_the_same_deployer() -> None:
    chain = InProcessChain()
    other = replace(PLAN.deployment, origin=Digest(b"o" * 32))
    chain.node.send(KEYS["m1"].sign_fields(other.fields(engine=Engine.EMBEDDED, chain_id=20268, nonce=0)))
    ledger = found(chain.node, PLAN)
    assert ledger.trust_root.contract.address == contract_address(KEYS["m1"].address, 1)
    again = find_deployed(chain.node, other, engine=Engine.EMBEDDED, deployer=KEYS["m1"].address)
    assert again is not None
    assert again.trust_root.contract.address == contract_address(KEYS["m1"].address, 0)
    nobody = find_deployed(chain.node, PLAN.deployment, engine=Engine.EMBEDDED, deployer=KEYS["s"].address)
    assert nobody is None


def test_a_successor_begins_with_what_its_predecessor_had_recorded() -> None:
    chain = InProcessChain()
    old = found(chain.node, PLAN)
    contract = old.trust_root.contract
    there = old.checkpoint(old.head())
    origin = Predecessor(contract=contract.address, checkpoint=there)
    new = found(chain.node, replace(PLAN, deployment=replace(PLAN.deployment, origin=origin)))
    assert new.trust_root.contract.address != contract.address
    first = next(iter(new.records(0, new.head().number)))
    assert isinstance(first.content, Genesis)
    assert (first.content.predecessor_contract, first.content.predecessor_size) == (contract.address, there.size)
    assert first.content.predecessor_root == there.root
    # What the new one binds is a beginning of the old one's log, whatever is recorded there later.
    motion = Motion(kind=BallotKind.MIGRATE, contract=new.trust_root.contract.address, chain_id=contract.chain_id)
    policy = SigningPolicy(contract=contract, functions=MEMBER_FUNCTIONS, fees=fees_of(Engine.EMBEDDED))
    ballot = motion.ballot()
    for name in ("m1", "m2"):
        perform(old, AccountSigner(KEYS[name], policy), CastVote(ballot=ballot))
    perform(old, AccountSigner(KEYS["m1"], policy), EnactBallot(ballot=ballot))
    records = list(old.records(0, old.head().number))
    leaves = [record.position.leaf for record in records]
    assert root_hash(leaves[: there.size]) == there.root
    successor = council_of(records).successor
    assert successor is not None
    assert (successor.contract, successor.chain_id) == (new.trust_root.contract.address, contract.chain_id)


def test_trust_root_of_a_live_node_survives_its_document() -> None:
    chain = InProcessChain()
    root = found(chain.node, PLAN).trust_root
    assert root.signers == (chain.sealer,)
    assert root.code_hash != Digest(bytes(32))
    assert TrustRoot.parse(root.document()) == root
    with pytest.raises(LedgerForeign, match="no code"):
        trust_root_of(chain.node, Address("0x" + "99" * 20), engine=Engine.EMBEDDED)


def test_contract_addresses() -> None:
    # The widely published example of CREATE addresses.
    deployer = Address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    assert contract_address(deployer, 0) == "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert contract_address(deployer, 1) == "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"


def test_engines_without_push0_get_their_own_artefact() -> None:
    chain = InProcessChain()
    assert (target_of(Engine.CLIQUE), target_of(Engine.QBFT), target_of(Engine.EMBEDDED)) == (
        "london",
        "cancun",
        "cancun",
    )
    fields = replace(
        PLAN.deployment.fields(engine=Engine.CLIQUE, chain_id=20268, nonce=0),
        fees=PLAN.deployment.fields(engine=Engine.QBFT, chain_id=20268, nonce=0).fees,
    )
    chain.node.send(KEYS["m1"].sign_fields(fields))
    code = octets(chain.node.call("eth_getCode", contract_address(KEYS["m1"].address, 0), "latest"))
    assert code == artefact("london").deployed_code(delay=0)


def test_gas_limits_leave_room_for_the_largest_operations() -> None:
    chain = InProcessChain()
    ledger = found(chain.node, PLAN)
    deadline = int(ledger.head().time.timestamp()) + 86_400
    approver = ApproverSigner(KEYS["a"], ledger.trust_root.contract)
    anchor = AnchorApproval(
        issuer=PLAN.issuer,
        batch=b"b" * 32,
        root=b"r" * 32,
        size=2**24 - 1,
        scope=PLAN.scopes[0],
        evidence=b"e" * 32,
        credential_key=PLAN.credential_keys[0],
        deadline=deadline,
    )
    every = (1 << 128) - 1
    revocation = RevocationApproval(
        issuer=PLAN.issuer,
        batch=anchor.batch,
        changes=tuple(word << 128 | every for word in range(1, 129)),
        count=128 * 128,
        reason=33,
        deadline=deadline,
    )
    used = {}
    for operation in (
        AnchorBatch(asked=anchor, approval=approver.approve(anchor)),
        RevokeCertificates(asked=revocation, approval=approver.approve(revocation)),
    ):
        call, contract = call_of(operation), ledger.trust_root.contract
        signed = KEYS["s"].sign_fields(
            TransactionFields(
                chain_id=contract.chain_id,
                nonce=ledger.next_nonce(KEYS["s"].address),
                to=contract.address,
                data=call.data,
                gas=call.gas,
                fees=PLAN.deployment.fields(engine=Engine.EMBEDDED, chain_id=1, nonce=0).fees,
            )
        )
        ledger.broadcast(signed)
        assert ledger.fate(signed.hash).kind is FateKind.FINAL
        used[call.function] = (chain.node.receipt(signed.hash)["gasUsed"], call.gas)
    for gas, limit in used.values():
        assert gas < 0.9 * limit
    deployment = chain.node.receipt(octets(chain.node.call("eth_getBlockByNumber", "0x1", False)["transactions"][0]))
    assert deployment["gasUsed"] < 0.9 * 8_000_000, deployment["gasUsed"]
