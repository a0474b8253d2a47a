"""Every kind of record, made by the real contract, leads to the contract's own checkpoint."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from contracts import typed_data
from node.client.abi import functions
from node.client.deployment import Deployment
from node.client.engines import fees_of
from node.client.founding import Founding, found
from node.client.history import HistoryUnreadable, Log, record_bytes, record_of
from node.client.in_process import InProcessChain
from node.client.ledger import Web3Ledger
from node.client.operations import call_of
from node.client.transactions import TransactionFields
from node.signer import AccountKey, ApproverSigner
from registry.anchor.facts import address_key, code_key
from registry.anchor.history import (
    BatchChanged,
    BatchFlag,
    DigestRecorded,
    Enacted,
    ForeignAnchored,
    Genesis,
    Paused,
    Superseded,
    VoteWithdrawn,
    type_of_op,
)
from registry.anchor.operations import AnchorApproval, AnchorBatch, SuspendCertificates
from registry.anchor.trust import Engine
from registry.kernel.identifiers import IssuerCode, ScopeCode, TransactionHash
from registry.kernel.merkle import leaf_hash, root_hash
from registry.ports import FateKind

ISSUER = IssuerCode("CETTIC-01")
SECRETS = {name: hashlib.sha256(name.encode()).digest() for name in ("m1", "m2", "c", "s", "a")}
KEYS = {name: AccountKey(secret) for name, secret in SECRETS.items()}
BATCHES = (b"1" * 32, b"2" * 32)
NO_WORD = bytes(32)


def send(ledger: Web3Ledger, name: str, data: bytes) -> None:
    key, contract = KEYS[name], ledger.trust_root.contract
    signed = key.sign_fields(
        TransactionFields(
            chain_id=contract.chain_id,
            nonce=ledger.next_nonce(key.address),
            to=contract.address,
            data=data,
            gas=2_000_000,
            fees=fees_of(Engine.EMBEDDED),
        )
    )
    ledger.broadcast(signed)
    fate = ledger.fate(signed.hash)
    assert fate.kind is FateKind.FINAL, fate.fault


def do(ledger: Web3Ledger, name: str, function: str, *arguments: object) -> None:
    send(ledger, name, functions()[function].calldata(*arguments))


def approval(ledger: Web3Ledger, primary_type: str, message: dict[str, Any]) -> tuple[int, int, int, int]:
    contract = ledger.trust_root.contract
    document = typed_data(
        primary_type=primary_type, message=message, chain_id=contract.chain_id, contract=contract.address
    )
    signed = Account.sign_message(encode_typed_data(full_message=document), SECRETS["a"])
    return message["deadline"], signed.v, signed.r, signed.s


@pytest.fixture(scope="module")
def ledger() -> Web3Ledger:
    """A ledger with at least one record of each kind."""
    chain = InProcessChain()
    members = (KEYS["m1"], KEYS["m2"])
    ledger = found(
        chain.node,
        Founding(
            engine=Engine.EMBEDDED,
            deployment=Deployment(
                members=tuple(one.address for one in members), threshold=2, delay=0, origin=b"c" * 32
            ),
            voters=members,
            issuer=ISSUER,
            controller=KEYS["c"],
            scopes=(ScopeCode("AIGC/3"),),
            senders=(KEYS["s"].address,),
            approvers=(KEYS["a"].address,),
            credential_keys=(b"k" * 32,),
            statement_keys=(),
            until=4_000_000_000,
        ),
    )
    deadline = int(ledger.head().time.timestamp()) + 86_400
    for batch in BATCHES:
        asked = AnchorApproval(
            issuer=ISSUER,
            batch=batch,
            root=b"r" * 32,
            size=9,
            scope=ScopeCode("AIGC/3"),
            evidence=b"e" * 32,
            credential_key=b"k" * 32,
            deadline=deadline,
        )
        approved = ApproverSigner(KEYS["a"], ledger.trust_root.contract).approve(asked)
        send(ledger, "s", call_of(AnchorBatch(asked=asked, approval=approved)).data)
    send(ledger, "s", call_of(SuspendCertificates(issuer=ISSUER, batch=BATCHES[0], changes=(1,), reason=35)).data)
    contract = ledger.trust_root.contract.address
    replacement = {
        "issuer": ISSUER,
        "batchId": "0x" + BATCHES[0].hex(),
        "indices": [3, 4],
        "targetContract": contract,
        "targetIssuer": ISSUER,
        "newBatchId": "0x" + BATCHES[1].hex(),
        "newIndices": [5, 6],
        "reason": 37,
        "deadline": deadline,
    }
    signature = approval(ledger, "Supersede", replacement)
    issuer = code_key(ISSUER)
    do(ledger, "s", "supersede", issuer, BATCHES[0], [3, 4], contract, issuer, BATCHES[1], [5, 6], 37, signature)
    do(ledger, "s", "suspendBatch", issuer, BATCHES[1], 35)
    lift = {
        "issuer": ISSUER,
        "batchIds": ["0x" + BATCHES[1].hex()],
        "reason": 36,
        "statusNonces": [ledger.status_nonce(ISSUER, BATCHES[1])],
        "deadline": deadline,
    }
    do(ledger, "s", "reinstateBatches", issuer, [BATCHES[1]], 36, approval(ledger, "ReinstateBatch", lift))
    do(ledger, "s", "recordDigest", issuer, 1, b"d" * 32)
    do(ledger, "m1", "recordForeignAnchor", 1, 3, b"f" * 32, b"t" * 32)
    do(ledger, "m1", "pause")
    admit = (1, address_key("0x" + "77" * 20), 2, NO_WORD, NO_WORD)
    do(ledger, "m1", "vote", *admit)
    do(ledger, "m1", "withdrawVote", *admit)
    do(ledger, "m1", "vote", *admit)
    do(ledger, "m2", "vote", *admit)
    do(ledger, "m2", "enact", *admit)
    return ledger


def test_every_kind_of_record_leads_to_the_checkpoint(ledger: Web3Ledger) -> None:
    head = ledger.head()
    records = list(ledger.records(0, head.number))
    assert {type(record.content) for record in records} == set(type_of_op.values())
    checkpoint = ledger.checkpoint(head)
    assert checkpoint.size == len(records)
    assert checkpoint.root == root_hash(record.position.leaf for record in records)


def test_members_of_the_rarer_records(ledger: Web3Ledger) -> None:
    contents = [record.content for record in ledger.records(0, ledger.head().number)]
    by_type: dict[type, list[Any]] = {}
    for content in contents:
        by_type.setdefault(type(content), []).append(content)
    (superseded,) = by_type[Superseded]
    assert (superseded.indices, superseded.new_indices, superseded.new_batch) == ((3, 4), (5, 6), BATCHES[1])
    assert (superseded.target_issuer, superseded.target_contract) == (ISSUER, ledger.trust_root.contract.address)
    assert [one.flags for one in by_type[BatchChanged]] == [BatchFlag.SUSPENDED_BY_ISSUER, BatchFlag(0)]
    assert by_type[DigestRecorded] == [DigestRecorded(issuer=ISSUER, kind=1, digest=b"d" * 32)]
    assert by_type[ForeignAnchored] == [ForeignAnchored(chain_id=1, size=3, root=b"f" * 32, reference=b"t" * 32)]
    assert by_type[Genesis][0].predecessor_root == b"c" * 32
    (paused,) = by_type[Paused]
    assert paused.until > ledger.head().time.timestamp()
    (withdrawn,) = by_type[VoteWithdrawn]
    (enacted,) = by_type[Enacted]
    ballot = enacted.ballot
    named = (int(ballot.kind).to_bytes(32, "big"), ballot.subject, ballot.arg.to_bytes(32, "big"))
    assert withdrawn.ballot_hash == keccak(b"".join(named) + ballot.ref + ballot.salt)


def test_record_is_words_in_the_order_of_the_design() -> None:
    sender, key, at = "0x" + "0a" * 20, b"k" * 32, 1_700_000_000
    members = [("bytes32", code_key("ACME")), ("bytes32", key), ("uint256[]", (1, 2)), ("address", sender)]
    expected = (
        (5).to_bytes(32, "big")
        + b"\0" * 12
        + b"\x0a" * 20
        + at.to_bytes(32, "big")
        + b"ACME".ljust(32, b"\0")
        + key
        + keccak((1).to_bytes(32, "big") + (2).to_bytes(32, "big"))
        + b"\0" * 12
        + b"\x0a" * 20
    )
    assert record_bytes(5, sender, at, members) == expected
    assert len(leaf_hash(expected)) == 32


@pytest.mark.parametrize("change", ["topic", "no topics", "missing topic", "short data", "kind"])
def test_a_strange_event_is_refused(ledger: Web3Ledger, change: str) -> None:
    head = ledger.head()
    entries = ledger._node.call(
        "eth_getLogs", {"address": ledger.trust_root.contract.address, "fromBlock": "0x0", "toBlock": hex(head.number)}
    )
    entry = next(one for one in entries if len(one["topics"]) == 1 and len(one["data"]) > 2 + 64 * 8)
    whole = Log(
        topics=tuple(bytes.fromhex(topic[2:]) for topic in entry["topics"]),
        data=bytes.fromhex(entry["data"][2:]),
        transaction=TransactionHash(b"t" * 32),
        block_hash=head.hash,
    )
    record_of(whole, head)
    vote = next(one for one in entries if len(one["topics"]) == 1 and len(one["data"]) == 2 + 64 * 9)
    broken = {
        "topic": replace(whole, topics=(b"x" * 32,)),
        "no topics": replace(whole, topics=()),
        "missing topic": replace(whole, topics=(*whole.topics, b"y" * 32)),
        "short data": replace(whole, data=whole.data[:-1]),
        "kind": replace(
            whole,
            topics=tuple(bytes.fromhex(topic[2:]) for topic in vote["topics"]),
            data=(99).to_bytes(32, "big") + bytes.fromhex(vote["data"][2:])[32:],
        ),
    }[change]
    with pytest.raises(HistoryUnreadable) as refused:
        record_of(broken, head)
    assert refused.value.code == "ledger/history-unreadable"
    assert refused.value.block == head.number


def test_an_event_left_out_is_noticed(ledger: Web3Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    head = ledger.head()
    logs = ledger._logs(0, head.number)
    monkeypatch.setattr(ledger, "_logs", lambda *_: logs[:4] + logs[5:])
    with pytest.raises(HistoryUnreadable, match="expected record 4, found 5"):
        list(ledger.records(0, head.number))
