"""JSON-RPC through both doors: web3 over HTTP and web3 in process see the same."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rlp
from eth_bloom.bloom import BloomFilter
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trie.hexary import HexaryTrie
from web3 import HTTPProvider, Web3
from web3.exceptions import BlockNotFound, ContractCustomError, ContractLogicError, TransactionNotFound, Web3RPCError

from node.embedded import EmbeddedChain, RpcError, RpcErrorCode, serve
from node.embedded.provider import EmbeddedProvider


@pytest.fixture(params=["http", "in-process"])
def web3(chain: EmbeddedChain, request: pytest.FixtureRequest) -> Iterator[Web3]:
    if request.param == "in-process":
        yield Web3(EmbeddedProvider(chain.rpc))
        return
    with serve(chain, "127.0.0.1", 0) as server:
        provider = HTTPProvider(server.url)
        yield Web3(provider)
        provider._request_session_manager.session_cache.clear()


# --- web3 works unchanged


def test_web3_deploys_calls_reads_events_and_receipts(web3, chain, alice, table_code, table_abi) -> None:
    assert web3.is_connected()
    assert web3.eth.chain_id == 20268
    assert web3.net.version == "20268"
    assert web3.eth.gas_price == 0
    assert web3.eth.max_priority_fee == 0
    assert web3.eth.syncing is False
    assert not web3.eth.accounts
    chain.start_sealing()

    def transact(function: Any) -> Any:
        transaction = function.build_transaction(
            {
                "from": alice.account.address,
                "nonce": web3.eth.get_transaction_count(alice.account.address, "pending"),
                "maxFeePerGas": 0,
                "maxPriorityFeePerGas": 0,
            }
        )
        sent = web3.eth.send_raw_transaction(alice.account.sign_transaction(transaction).raw_transaction)
        return web3.eth.wait_for_transaction_receipt(sent, timeout=10, poll_latency=0.01)

    deployed = transact(web3.eth.contract(abi=table_abi, bytecode=table_code).constructor())
    assert deployed.status == 1
    assert deployed.to is None
    contract = web3.eth.contract(deployed.contractAddress, abi=table_abi)
    assert bytes(web3.eth.get_code(contract.address))

    done = transact(contract.functions.put(3, 33))
    (event,) = contract.events.Put().process_receipt(done)
    assert dict(event.args) == {"who": alice.account.address, "key": 3, "val": 33}
    assert contract.functions.store(3).call() == 33
    assert [log.args.key for log in contract.events.Put().get_logs(from_block=0)] == [3]
    assert contract.events.Put().get_logs(from_block=0, argument_filters={"key": 4}) == []
    assert int.from_bytes(web3.eth.get_storage_at(contract.address, 0), "big") == 0

    found = web3.eth.get_transaction(done.transactionHash)
    assert found["from"] == alice.account.address
    assert found.blockHash == done.blockHash
    assert web3.eth.get_raw_transaction(done.transactionHash)[0] == 2
    block = web3.eth.get_block(done.blockNumber, full_transactions=True)
    assert block.transactions == [found]
    assert web3.eth.get_block(block.hash).transactions == [done.transactionHash]
    assert web3.eth.get_block_receipts(block.number) == [done]
    assert web3.eth.get_transaction_by_block(block.number, 0) == found
    assert web3.eth.get_block_transaction_count(block.hash) == 1
    history = web3.eth.fee_history(2, "latest", [50])
    assert history.baseFeePerGas == [0, 0, 0]
    assert history.reward == [[0], [0]]
    with web3.batch_requests() as batch:
        batch.add(web3.eth.get_block(0))
        batch.add(web3.eth.get_balance(alice.account.address))
        genesis, balance = batch.execute()
    assert (genesis.number, balance) == (0, 10**24)


def test_web3_shows_revert_reasons_and_data(web3, chain, alice, table, table_abi) -> None:
    contract = web3.eth.contract(Web3.to_checksum_address(table), abi=table_abi)
    for attempt in (contract.functions.put(1, 13).call, contract.functions.put(1, 13).estimate_gas):
        with pytest.raises(ContractLogicError, match="unlucky") as caught:
            attempt({"from": alice.account.address})
        assert caught.value.data.startswith("0x08c379a0")
    # Code that reverts with 36 bytes as Fault(uint256) would: selector, then 7.
    data = bytes.fromhex("deadbeef") + (7).to_bytes(32, "big")
    runtime = b"\x7f" + data[:32] + b"\x5f\x52\x63" + data[32:] + b"\x60\xe0\x1b\x60\x20\x52\x60\x24\x5f\xfd"
    creation = b"\x60" + bytes([len(runtime)]) + b"\x80\x60\x09\x5f\x39\x5f\xf3" + runtime
    sent = chain.send(alice.sign(data=creation))
    chain.seal_pending()
    address = web3.eth.get_transaction_receipt(sent).contractAddress
    with pytest.raises(ContractCustomError) as custom:
        web3.eth.call({"to": address})
    assert custom.value.data == "0x" + data.hex()


def test_a_reverted_transaction_has_a_receipt_that_says_so(web3, chain, alice, table) -> None:
    sent = chain.send(alice.put(table, 1, 13))
    chain.seal_pending()
    receipt = web3.eth.get_transaction_receipt(sent)
    assert receipt.status == 0
    assert receipt.logs == []
    chain.check_block(receipt.blockNumber)


def test_what_is_not_there_is_not_found(web3) -> None:
    with pytest.raises(BlockNotFound):
        web3.eth.get_block(99)
    with pytest.raises(BlockNotFound):
        web3.eth.get_block(b"\x11" * 32)
    for look in (web3.eth.get_transaction, web3.eth.get_transaction_receipt):
        with pytest.raises(TransactionNotFound):
            look(b"\x11" * 32)
    with pytest.raises(Web3RPCError, match="header not found"):
        web3.eth.get_balance("0x" + "00" * 20, 99)


def test_tags_and_the_pending_block(web3, chain, alice) -> None:
    sent = chain.send(alice.sign(to=b"\x22" * 20))
    pending = web3.eth.get_block("pending", full_transactions=True)
    assert (pending.number, pending.hash) == (1, None)
    assert [one.hash for one in pending.transactions] == [sent]
    assert web3.eth.get_transaction(sent).blockNumber is None
    assert bytes(web3.eth.get_raw_transaction(sent)) == chain.pending_transaction(sent).raw
    assert web3.eth.get_transaction_count(alice.account.address, "pending") == 1
    assert web3.eth.get_transaction_count(alice.account.address) == 0
    (header,) = chain.seal_pending()
    for tag in ("latest", "safe", "finalized"):
        assert web3.eth.get_block(tag).hash == header.hash
    assert web3.eth.get_block("earliest").hash == chain.genesis


def test_legacy_and_access_list_transactions_run(web3, chain, alice) -> None:
    legacy = chain.send(alice.sign_legacy(to=b"\x22" * 20, value=1))
    listed = chain.send(
        alice.sign_legacy(
            to=b"\x22" * 20, value=1, accessList=[{"address": "0x" + "22" * 20, "storageKeys": ["0x" + "01" * 32]}]
        )
    )
    paying = chain.send(alice.sign(to=b"\x22" * 20, maxFeePerGas=10, maxPriorityFeePerGas=3))
    chain.seal_pending()
    assert [web3.eth.get_transaction(one).type for one in (legacy, listed, paying)] == [0, 1, 2]
    assert web3.eth.get_transaction(legacy).chainId == 20268
    assert web3.eth.get_transaction(listed).accessList[0].storageKeys == ["0x" + "01" * 32]
    assert web3.eth.get_transaction_receipt(paying).effectiveGasPrice == 3
    assert web3.eth.get_balance(Web3.to_checksum_address(chain.sealer)) == 3 * 21_000
    chain.check_block(1)


# --- reads of the past, and proofs


def test_state_of_the_past_stays_readable(chain, alice, table, read_store) -> None:
    hashes = []
    for value in (1, 2, 3):
        chain.send(alice.put(table, 7, value))
        chain.seal_pending()
        hashes.append("0x" + chain.head().hash.hex())
    assert [read_store(table, 7, number) for number in ("0x1", "0x2", "0x3", "0x4", "latest")] == [0, 1, 2, 3, 3]
    assert read_store(table, 7, {"blockHash": hashes[1]}) == 2
    assert read_store(table, 7, {"blockNumber": "0x2"}) == 1
    nonces = [chain.rpc.dispatch("eth_getTransactionCount", [alice.address, number]) for number in ("0x0", "0x2")]
    assert nonces == ["0x0", "0x2"]
    assert chain.rpc.dispatch("eth_getCode", [table, "0x0"]) == "0x"


def verified_account(state_root: bytes, proof: dict[str, Any]) -> list[bytes]:
    nodes = [rlp.decode(bytes.fromhex(node[2:])) for node in proof["accountProof"]]
    encoded = HexaryTrie.get_from_proof(state_root, keccak(bytes.fromhex(proof["address"][2:])), nodes)
    return rlp.decode(encoded) if encoded else []


def verified_slot(storage_root: bytes, slot: int, proof: dict[str, Any]) -> int:
    if storage_root == keccak(rlp.encode(b"")):
        assert proof["proof"] == []
        return 0
    nodes = [rlp.decode(bytes.fromhex(node[2:])) for node in proof["proof"]]
    encoded = HexaryTrie.get_from_proof(storage_root, keccak(slot.to_bytes(32, "big")), nodes)
    return int.from_bytes(rlp.decode(encoded), "big") if encoded else 0


def table_slot(key: int) -> int:
    """Where Vyper keeps store[key]: keccak(slot ++ key), slot 0."""
    return int.from_bytes(keccak((0).to_bytes(32, "big") + key.to_bytes(32, "big")), "big")


def test_proofs_of_what_is_there_and_of_what_is_not_verify_offline(chain, alice, table) -> None:
    for key in range(40):
        chain.send(alice.put(table, key, key + 100))
    chain.seal_pending()
    early = chain.head()
    chain.send(alice.put(table, 5, 999))
    chain.seal_pending()
    keys = [hex(table_slot(key)) for key in (*range(40), 77)]

    for header, expected in ((early, 105), (chain.head(), 999)):
        proof = chain.rpc.dispatch("eth_getProof", [table, keys, hex(header.number)])
        nonce, balance, storage_root, code_hash = verified_account(header.state_root, proof)
        code = chain.rpc.dispatch("eth_getCode", [table, "latest"])
        assert code_hash == keccak(bytes.fromhex(code[2:])) == bytes.fromhex(proof["codeHash"][2:])
        assert storage_root == bytes.fromhex(proof["storageHash"][2:])
        assert (int.from_bytes(nonce, "big"), int.from_bytes(balance, "big")) == (1, 0)
        values = [
            verified_slot(storage_root, int(key, 16), slot)
            for key, slot in zip(keys, proof["storageProof"], strict=True)
        ]
        assert values == [expected if key == 5 else key + 100 for key in range(40)] + [0]
        assert values == [int(slot["value"], 16) for slot in proof["storageProof"]]
        assert [slot["key"] for slot in proof["storageProof"]] == keys

    absent = chain.rpc.dispatch("eth_getProof", ["0x" + "99" * 20, ["0x0"], "latest"])
    assert verified_account(chain.head().state_root, absent) == []
    assert (absent["balance"], absent["nonce"]) == ("0x0", "0x0")
    assert verified_slot(bytes.fromhex(absent["storageHash"][2:]), 0, absent["storageProof"][0]) == 0
    # Every listed node is named by its parent with its hash.
    proof = chain.rpc.dispatch("eth_getProof", [table, keys, "latest"])
    assert keccak(bytes.fromhex(proof["accountProof"][0][2:])) == chain.head().state_root
    for slot in proof["storageProof"]:
        nodes = [bytes.fromhex(node[2:]) for node in slot["proof"]]
        assert all(keccak(child) in parent for parent, child in itertools.pairwise(nodes))


def test_a_changed_proof_does_not_verify(chain, alice, table) -> None:
    chain.send(alice.put(table, 1, 1))
    chain.seal_pending()
    proof = chain.rpc.dispatch("eth_getProof", [table, [], "latest"])
    spoilt = bytearray.fromhex(proof["accountProof"][-1][2:])
    spoilt[-1] ^= 1
    proof["accountProof"][-1] = "0x" + spoilt.hex()
    with pytest.raises(Exception, match=r"proof|node|hash"):
        verified_account(chain.head().state_root, proof)


# --- calls and estimates


def test_a_call_sees_its_block_and_at_pending_the_next_one(chain, alice, clock) -> None:
    # Returns NUMBER and TIMESTAMP as two words.
    runtime = bytes.fromhex("435f524260205260405ff3")
    creation = b"\x60" + bytes([len(runtime)]) + b"\x80\x60\x09\x5f\x39\x5f\xf3" + runtime
    sent = chain.send(alice.sign(data=creation))
    (header,) = chain.seal_pending()
    address = chain.rpc.dispatch("eth_getTransactionReceipt", ["0x" + sent.hex()])["contractAddress"]

    def ask(block: str) -> tuple[int, int]:
        output = bytes.fromhex(chain.rpc.dispatch("eth_call", [{"to": address}, block])[2:])
        return int.from_bytes(output[:32], "big"), int.from_bytes(output[32:], "big")

    assert ask("latest") == ask("0x1") == (header.number, header.timestamp)
    for _ in range(1000):
        clock()
    number, timestamp = ask("pending")
    assert number == header.number + 1
    assert timestamp >= header.timestamp + 1000


def test_an_estimate_suffices_and_hardly_more(chain, alice, table) -> None:
    data = "0x541aea0f" + (8).to_bytes(32, "big").hex() + (9).to_bytes(32, "big").hex()
    estimate = int(chain.rpc.dispatch("eth_estimateGas", [{"from": alice.address, "to": table, "data": data}]), 16)
    short = chain.send(alice.put(table, 8, 9, gas=estimate * 98 // 100))
    enough = chain.send(alice.put(table, 8, 9, gas=estimate))
    chain.seal_pending()
    statuses = [
        chain.rpc.dispatch("eth_getTransactionReceipt", ["0x" + one.hex()])["status"] for one in (short, enough)
    ]
    assert statuses == ["0x0", "0x1"]
    assert chain.rpc.dispatch("eth_estimateGas", [{"to": "0x" + "22" * 20}]) == hex(21_000)
    # Call data that costs more by the floor of EIP-7623 than by execution.
    floor = {"to": "0x" + "22" * 20, "data": "0x" + "ff" * 1000}
    assert chain.rpc.dispatch("eth_estimateGas", [floor]) == hex(21_000 + 40 * 1000)


def deploy(chain: EmbeddedChain, alice: Any, runtime: bytes) -> str:
    sent = chain.send(alice.sign(data=b"\x60" + bytes([len(runtime)]) + b"\x80\x60\x09\x5f\x39\x5f\xf3" + runtime))
    chain.seal_pending()
    address = chain.rpc.dispatch("eth_getTransactionReceipt", ["0x" + sent.hex()])["contractAddress"]
    assert isinstance(address, str)
    return address


def test_an_estimate_covers_what_a_contract_needs_left_over(chain, alice) -> None:
    # Reverts unless more than 100,000 gas are left, and then uses next to none of it.
    address = deploy(chain, alice, bytes.fromhex("5a620186a010600c575f5ffd5b00"))
    estimate = int(chain.rpc.dispatch("eth_estimateGas", [{"to": address}]), 16)
    assert 121_000 < estimate < 121_100 * 65 // 64
    sent = chain.send(alice.sign(to=bytes.fromhex(address[2:]), gas=estimate))
    chain.seal_pending()
    assert chain.rpc.dispatch("eth_getTransactionReceipt", ["0x" + sent.hex()])["status"] == "0x1"


def test_hashes_of_blocks_before_are_seen_from_inside(chain, alice) -> None:
    # Returns BLOCKHASH(NUMBER - call data).
    address = deploy(chain, alice, bytes.fromhex("5f354303405f5260205ff3"))
    for _ in range(3):
        chain.seal_empty()
    head = chain.head().number

    def seen(back: int, block: str) -> str:
        result = chain.rpc.dispatch("eth_call", [{"to": address, "data": "0x" + back.to_bytes(32, "big").hex()}, block])
        assert isinstance(result, str)
        return result

    def known(number: int) -> str:
        return "0x" + chain.header_by_number(number).hash.hex()

    assert [seen(back, "latest") for back in (1, 2, 4)] == [known(head - back) for back in (1, 2, 4)]
    assert [seen(back, "pending") for back in (1, 2, 4)] == [known(head + 1 - back) for back in (1, 2, 4)]
    assert seen(0, "latest") == seen(99, "latest") == "0x" + "00" * 32


def test_a_call_that_cannot_begin_or_runs_out_of_gas_says_so(chain, alice, table) -> None:
    put = {"to": table, "data": "0x541aea0f" + "00" * 64}
    for call, expected in (
        ({**put, "gas": "0x6000"}, "out of gas"),
        ({**put, "gas": "0x1"}, "intrinsic gas too low"),
        ({"from": "0x" + "55" * 20, "to": table, "value": "0x1"}, "balance"),
    ):
        with pytest.raises(RpcError, match=expected) as caught:
            chain.rpc.dispatch("eth_call", [call])
        assert caught.value.code == RpcErrorCode.SERVER


# --- logs

ALTERNATIVES = 3


@pytest.fixture(scope="module")
def logged_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedChain]:
    """Blocks with logs of 0 to 4 topics, written by three contracts.

    Each contract's code writes the call data: first byte the number of topics, then topics, then the rest as data.
    """
    # calldatacopy all to 0, then switch on the first byte to LOG0..LOG4 with topics read from call data.
    from eth_account import Account

    clock = itertools.count(1_700_000_000)
    person = Account.from_key(b"\x01" * 32)
    chain = EmbeddedChain.create(
        tmp_path_factory.mktemp("logs") / "chain.db",
        chain_id=1,
        sealer_key=b"\x07" * 32,
        alloc={},
        genesis_time=0,
        clock=lambda: float(next(clock)),
    )
    nonces = itertools.count()

    def send(to: str | None, data: bytes) -> str:
        fields = {"chainId": 1, "nonce": next(nonces), "gas": 500_000, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
        fields |= {"value": 0, "data": data} | ({} if to is None else {"to": Web3.to_checksum_address(to)})
        return "0x" + chain.send(bytes(person.sign_transaction(fields).raw_transaction)).hex()

    def log_code(topics: int) -> bytes:
        # PUSH each topic word (last first), size 1, offset 0, LOGn
        pushes = b"".join(b"\x60" + bytes([32 * index]) + b"\x35" for index in reversed(range(topics)))
        return pushes + b"\x60\x01\x5f" + bytes([0xA0 + topics]) + b"\x00"

    contracts = {}
    for topics in range(5):
        runtime = log_code(topics)
        deployed = send(None, b"\x60" + bytes([len(runtime)]) + b"\x80\x60\x09\x5f\x39\x5f\xf3" + runtime)
        contracts[topics] = deployed
    chain.seal_pending()
    addresses = {
        topics: chain.rpc.dispatch("eth_getTransactionReceipt", [deployed])["contractAddress"]
        for topics, deployed in contracts.items()
    }
    words = [value.to_bytes(32, "big") for value in range(ALTERNATIVES)]
    for number, topics in enumerate(itertools.chain(*[range(5)] * 12)):
        send(addresses[topics], b"".join(words[(number * (place + 1)) % ALTERNATIVES] for place in range(topics)))
        if number % 4 == 0:
            chain.seal_pending()
    chain.seal_pending()
    yield chain
    chain.close()


def all_logs(chain: EmbeddedChain) -> list[dict[str, Any]]:
    return [
        log
        for number in range(chain.head().number + 1)
        for receipt in chain.rpc.dispatch("eth_getBlockReceipts", [hex(number)])
        for log in receipt["logs"]
    ]


def naive_match(log: dict[str, Any], wanted: dict[str, Any], head: int) -> bool:
    first, last = int(wanted.get("fromBlock", hex(head)), 16), int(wanted.get("toBlock", hex(head)), 16)
    if not first <= int(log["blockNumber"], 16) <= last:
        return False
    addresses = wanted.get("address")
    if addresses and log["address"] not in ([addresses] if isinstance(addresses, str) else addresses):
        return False
    topics = wanted.get("topics") or []
    if len(topics) > len(log["topics"]):
        return False
    for asked, there in zip(topics, log["topics"], strict=False):
        alternatives = [asked] if isinstance(asked, str) else asked
        if alternatives and None not in alternatives and there not in alternatives:
            return False
    return True


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_log_filters_agree_with_a_naive_reading(logged_chain: EmbeddedChain, data: st.DataObject) -> None:
    logs = all_logs(logged_chain)
    head = logged_chain.head().number
    addresses = [*sorted({log["address"] for log in logs}), "0x" + "99" * 20]
    words = ["0x" + value.to_bytes(32, "big").hex() for value in range(ALTERNATIVES + 1)]
    topic = st.one_of(
        st.none(), st.sampled_from(words), st.lists(st.one_of(st.none(), st.sampled_from(words)), max_size=3)
    )
    first = data.draw(st.integers(0, head))
    wanted = data.draw(
        st.fixed_dictionaries(
            {"fromBlock": st.just(hex(first)), "toBlock": st.integers(first, head + 5).map(hex)},
            optional={
                "address": st.one_of(st.sampled_from(addresses), st.lists(st.sampled_from(addresses), max_size=3)),
                "topics": st.lists(topic, max_size=4),
            },
        )
    )
    expected = [log for log in logs if naive_match(log, wanted, head)]
    assert logged_chain.rpc.dispatch("eth_getLogs", [wanted]) == expected


def test_logs_of_one_block_by_its_hash_and_by_default(logged_chain) -> None:
    number = logged_chain.head().number - 2
    block = logged_chain.rpc.dispatch("eth_getBlockByNumber", [hex(number), False])
    by_hash = logged_chain.rpc.dispatch("eth_getLogs", [{"blockHash": block["hash"]}])
    assert by_hash == logged_chain.rpc.dispatch("eth_getLogs", [{"fromBlock": hex(number), "toBlock": hex(number)}])
    assert by_hash
    head_logs = logged_chain.rpc.dispatch("eth_getLogs", [{}])
    assert {log["blockNumber"] for log in head_logs} == {hex(logged_chain.head().number)}
    with pytest.raises(RpcError, match="header not found"):
        logged_chain.rpc.dispatch("eth_getLogs", [{"blockHash": "0x" + "11" * 32}])


def test_logs_number_through_the_block_and_blooms_hold_them(logged_chain) -> None:
    seen = 0
    for number in range(logged_chain.head().number + 1):
        logged_chain.check_block(number)
        block = logged_chain.rpc.dispatch("eth_getBlockByNumber", [hex(number), False])
        receipts = logged_chain.rpc.dispatch("eth_getBlockReceipts", [hex(number)])
        logs = [log for receipt in receipts for log in receipt["logs"]]
        assert [int(log["logIndex"], 16) for log in logs] == list(range(len(logs)))
        union = 0
        for receipt in receipts:
            assert receipt == logged_chain.rpc.dispatch("eth_getTransactionReceipt", [receipt["transactionHash"]])
            union |= int(receipt["logsBloom"], 16)
        assert union == int(block["logsBloom"], 16)
        bloom = BloomFilter(int(block["logsBloom"], 16))
        for log in logs:
            seen += 1
            assert all(bytes.fromhex(value[2:]) in bloom for value in (log["address"], *log["topics"]))
    assert seen == 60


def test_too_many_logs_are_refused_and_never_cut_short(logged_chain, monkeypatch) -> None:
    monkeypatch.setattr("node.embedded.rpc.MAX_LOGS", 59)
    with pytest.raises(RpcError, match="more than 59") as caught:
        logged_chain.rpc.dispatch("eth_getLogs", [{"fromBlock": "0x0"}])
    assert caught.value.code == RpcErrorCode.LIMIT_EXCEEDED


# --- wrong questions


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", ["0x12"]),
        ("eth_getBalance", [7]),
        ("eth_getBalance", ["0x" + "00" * 20, "newest"]),
        ("eth_getBalance", ["0x" + "00" * 20, "0x01"]),
        ("eth_getBalance", ["0x" + "00" * 20, "latest", "more"]),
        ("eth_getBalance", ["0x" + "00" * 20, {"blockHash": "0x12"}]),
        ("eth_getBlockByNumber", ["0x1", "yes"]),
        ("eth_getBlockByHash", ["0x1", False]),
        ("eth_getStorageAt", ["0x" + "00" * 20, "0x" + "0" * 65]),
        ("eth_getProof", ["0x" + "00" * 20, "0x0"]),
        ("eth_getProof", ["0x" + "00" * 20, ["0x0"] * 1025]),
        ("eth_call", ["0x00"]),
        ("eth_call", [{"to": "0x" + "00" * 20, "data": "0x00", "input": "0x01"}]),
        ("eth_call", [{"to": "0x" + "00" * 20, "data": "0x0"}]),
        ("eth_call", [{"to": "0x" + "00" * 20, "value": "0x1" + "0" * 64}]),
        ("eth_call", [{"to": "0x" + "00" * 20, "accessList": [1]}]),
        ("eth_call", [{"to": "0x" + "00" * 20}, "latest", {"0x" + "00" * 20: {"balance": "0x1"}}]),
        ("eth_getLogs", ["0x0"]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"topics": "0x00"}]),
        ("eth_getLogs", [{"topics": ["0x12"]}]),
        ("eth_getLogs", [{"fromBlock": "0x5", "toBlock": "0x4"}]),
        ("eth_getLogs", [{"blockHash": "0x" + "00" * 32, "fromBlock": "0x0"}]),
        ("eth_feeHistory", ["x", "latest"]),
        ("eth_feeHistory", ["0x1", "latest", 50]),
        ("eth_sendRawTransaction", ["zz"]),
        ("vermilion_getSeal", ["0x00"]),
    ],
)
def test_a_malformed_question_is_refused(chain, method: str, params: list[Any]) -> None:
    with pytest.raises(RpcError) as caught:
        chain.rpc.dispatch(method, params)
    assert caught.value.code == RpcErrorCode.INVALID_PARAMS


def test_an_unknown_method_is_refused(chain) -> None:
    with pytest.raises(RpcError) as caught:
        chain.rpc.dispatch("eth_sendTransaction", [{}])
    assert caught.value.code == RpcErrorCode.METHOD_NOT_FOUND


def test_too_many_alternatives_are_refused(chain) -> None:
    with pytest.raises(RpcError) as caught:
        chain.rpc.dispatch("eth_getLogs", [{"address": ["0x" + "00" * 20] * 1001}])
    assert caught.value.code == RpcErrorCode.LIMIT_EXCEEDED


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.sampled_from(["0x", "0x0", "latest", "0x" + "00" * 20]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_question_makes_anything_but_an_rpc_error(logged_chain: EmbeddedChain, data: st.DataObject) -> None:
    method: str = data.draw(st.sampled_from(sorted(logged_chain.rpc._methods)))
    params: list[Any] = data.draw(st.lists(JSON, max_size=4))
    with contextlib.suppress(RpcError):
        logged_chain.rpc.dispatch(method, params)


def test_a_fault_of_ours_is_an_answer_without_detail(chain, monkeypatch, caplog) -> None:
    def fail() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(chain, "head", fail)
    answer = chain.rpc.answer(b'{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}')
    assert answer == b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"internal error"}}'
    assert "secret detail" in caplog.text


def test_both_doors_take_the_same_bytes(chain, alice, table, read_store: Callable[..., int]) -> None:
    asked = b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",true]}'
    provider = EmbeddedProvider(chain.rpc)
    in_process = provider.make_request("eth_getBlockByNumber", ["latest", True])
    assert in_process["result"] == EmbeddedProvider.decode_rpc_response(chain.rpc.answer(asked))["result"]
