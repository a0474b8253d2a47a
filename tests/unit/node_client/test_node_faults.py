"""Nodes that are dead, slow, strange, reset or replaced: what leaves the client is one of our errors, in time."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from node.client.abi import FAULT_SELECTOR, functions
from node.client.deployment import Deployment, trust_root_of
from node.client.engines import fees_of
from node.client.in_process import InProcessChain
from node.client.ledger import OUT_OF_GAS, Web3Ledger
from node.client.rpc import Node, NodeRefusal, fault_slug, octets, quantity
from node.client.transactions import TransactionFields
from node.embedded import EmbeddedChain, RpcServer, serve
from node.signer import AccountKey
from registry.anchor.history import Genesis
from registry.anchor.operations import SignedTransaction
from registry.anchor.trust import Engine, TrustRoot
from registry.kernel.identifiers import Address, BlockHash, ContractAddress, Digest, TransactionHash
from registry.ports import FateKind, LedgerForeign, LedgerUnavailable, TransactionRefused

KEY = AccountKey(b"\x11" * 32)
NOWHERE = TrustRoot(
    genesis=BlockHash(b"g" * 32),
    contract=ContractAddress(chain_id=20268, address=Address("0x" + "11" * 20)),
    code_hash=Digest(b"c" * 32),
    engine=Engine.EMBEDDED,
    signers=(),
)
DEPLOYMENT = Deployment(members=(KEY.address,), threshold=1, delay=0, origin=Digest(b"c" * 32))


class Altering(BaseProvider):
    """Passes requests on to a node, but for the methods of `answers`: their functions take the parameters."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node
        self.answers: dict[str, Callable[..., Any]] = {}
        self.asked: list[str] = []

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.asked.append(method)
        try:
            answer = self.answers.get(method, lambda *given: self.node.call(method, *given))(*params)
        except NodeRefusal as refusal:
            return self.error(refusal.text, refusal.data)
        if isinstance(answer, dict) and "error" in answer:
            return answer  # type: ignore[return-value]  # already a whole answer
        return {"jsonrpc": "2.0", "id": 1, "result": answer}

    @staticmethod
    def error(message: str, data: Any = None, code: int = -32000) -> Any:
        return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message, "data": data}}


def transaction(nonce: int, *, to: Address | None = None, data: bytes = b"", gas: int = 100_000) -> SignedTransaction:
    return KEY.sign_fields(
        TransactionFields(chain_id=20268, nonce=nonce, to=to, data=data, gas=gas, fees=fees_of(Engine.EMBEDDED))
    )


@pytest.fixture
def chain() -> InProcessChain:
    """A chain with the contract on it."""
    chain = InProcessChain()
    chain.node.send(KEY.sign_fields(DEPLOYMENT.fields(engine=Engine.EMBEDDED, chain_id=20268, nonce=0)))
    return chain


@pytest.fixture
def root(chain: InProcessChain) -> TrustRoot:
    contract = chain.node.receipt(chain_deployment(chain))["contractAddress"]
    return trust_root_of(chain.node, Address(contract.lower()), engine=Engine.EMBEDDED)


def chain_deployment(chain: InProcessChain) -> TransactionHash:
    return TransactionHash(octets(chain.node.call("eth_getBlockByNumber", "0x1", False)["transactions"][0]))


@pytest.fixture
def altering(chain: InProcessChain) -> Altering:
    return Altering(chain.node)


@pytest.fixture
def ledger(altering: Altering, root: TrustRoot) -> Web3Ledger:
    return Web3Ledger(Node(altering, where="altered:1"), root)


# Dead, slow and strange servers


@contextmanager
def listening(respond: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """Accept connections and let `respond` treat each; gives the address and a count of connections."""
    server = socket.create_server(("127.0.0.1", 0))
    connections: list[int] = []
    kept: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(1)
            kept.append(connection)
            respond(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", connections
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for connection in kept:
            connection.close()


def answering(body: bytes, status: str = "200 OK") -> Callable[[socket.socket], None]:
    def respond(connection: socket.socket) -> None:
        connection.recv(65_536)
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        connection.sendall(head + body)
        connection.close()

    return respond


def test_dead_node_is_unavailable_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        port = closed_soon.getsockname()[1]
    ledger = Web3Ledger.over_http(f"http://user:secret@127.0.0.1:{port}/key", NOWHERE)
    started = time.monotonic()
    with pytest.raises(LedgerUnavailable) as unavailable:
        ledger.head()
    ledger.close()
    assert time.monotonic() - started < 1
    assert unavailable.value.where == f"127.0.0.1:{port}"
    assert unavailable.value.cause == "eth_chainId: connection refused"
    assert "secret" not in str(unavailable.value)


def test_hanging_node_is_unavailable_in_time_and_asked_once() -> None:
    with listening(lambda _: None) as (url, connections):
        ledger = Web3Ledger.over_http(url, NOWHERE, read_seconds=0.3)
        started = time.monotonic()
        with pytest.raises(LedgerUnavailable, match="no answer in time"):
            ledger.head()
        assert 0.2 < time.monotonic() - started < 1
        assert len(connections) == 1
        ledger.close()


def test_threads_do_not_wait_for_a_hanging_node_in_turn() -> None:
    with listening(lambda _: None) as (url, connections):
        ledger = Web3Ledger.over_http(url, NOWHERE, read_seconds=0.5)
        barrier = threading.Barrier(8)

        def ask() -> None:
            barrier.wait()
            with pytest.raises(LedgerUnavailable):
                ledger.head()

        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            for task in [pool.submit(ask) for _ in range(8)]:
                task.result()
        assert time.monotonic() - started < 1.5
        assert len(connections) <= 2
        ledger.close()


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        (b"<html>sign in</html>", "200 OK", "not JSON-RPC"),
        (b"", "200 OK", "not JSON-RPC"),
        (b"[1, 2]", "200 OK", "not JSON-RPC"),
        (b'{"jsonrpc":"2.0","id":1}', "200 OK", "not JSON-RPC"),
        (b'{"jsonrpc":"2.0","id":1,"result":"many"}', "200 OK", "no good result"),
        (b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}', "200 OK", "no good result"),
        (b'{"jsonrpc":"2.0","id":1,"error":"no"}', "200 OK", "eth_chainId: no"),
        (b"\xff\xfe", "200 OK", "not JSON-RPC"),
        (b"", "502 Bad Gateway", "HTTP status 502"),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"busy"}}', "200 OK", "busy"),
    ],
)
def test_strange_answers_are_unavailable(body: bytes, status: str, cause: str) -> None:
    with listening(answering(body, status)) as (url, _):
        ledger = Web3Ledger.over_http(url, NOWHERE)
        with pytest.raises(LedgerUnavailable, match=cause):
            ledger.head()
        ledger.close()


def test_broken_connection_is_unavailable() -> None:
    with listening(lambda connection: connection.close()) as (url, connections):
        ledger = Web3Ledger.over_http(url, NOWHERE)
        with pytest.raises(LedgerUnavailable):
            ledger.head()
        assert len(connections) == 1
        ledger.close()


def test_a_proxy_of_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        listening(answering(b"", "407 Proxy")) as (proxy, connections),
        listening(answering(b'{"jsonrpc":"2.0","id":1,"result":"0x1"}')) as (url, _),
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        node = Node.over_http(url)
        assert quantity(node.call("eth_chainId")) == 1
        node.close()
        assert connections == []


# A real node that goes and comes


def embedded(path: Path, *, sealer: bytes = b"\x07" * 32, contract: bool = True) -> EmbeddedChain:
    now = int(time.time())
    chain = EmbeddedChain.create(
        path,
        chain_id=20268,
        sealer_key=sealer,
        alloc={KEY.address: 1},
        genesis_time=now - 10,
        clock=lambda: float(now),
    )
    if contract:
        chain.send(KEY.sign_fields(DEPLOYMENT.fields(engine=Engine.EMBEDDED, chain_id=20268, nonce=0)).raw)
        chain.seal_pending()
    return chain


def serving(chain: EmbeddedChain, port: int = 0) -> RpcServer:
    return serve(chain, port=port)


def test_node_that_comes_back_is_checked_and_used_again(tmp_path: Path) -> None:
    with embedded(tmp_path / "chain") as chain:
        server = serving(chain)
        node = Node.over_http(server.url)
        (receipt,) = node.call("eth_getBlockReceipts", "0x1")
        ledger = Web3Ledger(node, trust_root_of(node, Address(receipt["contractAddress"]), engine=Engine.EMBEDDED))
        before = list(ledger.records(0, ledger.head().number))
        server.close()
        with pytest.raises(LedgerUnavailable):
            ledger.head()
        with serving(chain, server.port):
            assert list(ledger.records(0, ledger.head().number)) == before
            assert isinstance(before[0].content, Genesis)
        node.close()


@pytest.mark.parametrize("what", ["seal of block 1", "genesis"])
def test_another_chain_behind_the_same_address_is_foreign(tmp_path: Path, what: str) -> None:
    with embedded(tmp_path / "chain") as chain, serving(chain) as server:
        node = Node.over_http(server.url)
        (receipt,) = node.call("eth_getBlockReceipts", "0x1")
        root = trust_root_of(node, Address(receipt["contractAddress"]), engine=Engine.EMBEDDED)
        ledger = Web3Ledger(node, root)
        ledger.head()
    with embedded(tmp_path / "other", sealer=b"\x08" * 32) as other, serving(other, server.port):
        if what == "seal of block 1":
            impostor = replace(root, genesis=BlockHash(octets(node.call("eth_getBlockByNumber", "0x0", False)["hash"])))
            ledger = Web3Ledger(node, impostor)
        for _ in range(2):
            with pytest.raises((LedgerForeign, LedgerUnavailable)) as refused:
                ledger.head()
        assert isinstance(refused.value, LedgerForeign)
        assert refused.value.what == what
    node.close()


# A node that tells odd things


def test_revert_data_in_a_text_is_understood() -> None:
    plain = "0x" + "0" * 8
    for error in (
        {"code": 3, "message": "execution reverted", "data": fault_data(221)},
        {"code": -32000, "message": f"Reverted {fault_data(221)}"},
        {"code": -32015, "message": "VM execution error", "data": f"Reverted {fault_data(221).upper()}"},
        {"code": -32000, "message": "reverted", "data": {"result": fault_data(221)}},
    ):
        assert NodeRefusal("somewhere", "eth_call", error).fault == "contract/not-a-sender"
    assert NodeRefusal("somewhere", "eth_call", {"code": 3, "message": "no", "data": plain}).fault is None


def fault_data(number: int) -> str:
    return "0x" + FAULT_SELECTOR.hex() + number.to_bytes(32, "big").hex()


def test_fault_of_a_later_contract_keeps_its_number() -> None:
    assert fault_slug(101) == "contract/not-a-member"
    assert fault_slug(99_999) == "contract/fault-99999"


@pytest.mark.parametrize("words", ["already known", "ALREADY_EXISTS: already exists", "Known transaction: 0x1"])
def test_knowing_the_bytes_already_is_success(ledger: Web3Ledger, altering: Altering, words: str) -> None:
    altering.answers["eth_sendRawTransaction"] = lambda _: altering.error(words)
    ledger.broadcast(transaction(9))


def test_nonce_too_low_is_success_when_it_was_this_transaction(
    ledger: Web3Ledger, altering: Altering, chain: InProcessChain
) -> None:
    signed = transaction(1, to=KEY.address)
    chain.node.send(signed)
    altering.answers["eth_sendRawTransaction"] = lambda _: altering.error("nonce too low")
    ledger.broadcast(signed)
    with pytest.raises(TransactionRefused, match="nonce too low"):
        ledger.broadcast(transaction(1))


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("txpool is full", -32000),
        ("nonce too high", -32000),
        ("node is syncing", -32000),
        ("max fee per gas less than block base fee", -32000),
        ("disk full", -32603),
    ],
)
def test_refusals_that_time_cures_are_not_final(
    ledger: Web3Ledger, altering: Altering, words: str, number: int
) -> None:
    altering.answers["eth_sendRawTransaction"] = lambda _: altering.error(words, code=number)
    with pytest.raises(LedgerUnavailable, match=words):
        ledger.broadcast(transaction(9))


def test_lost_reply_to_a_send_loses_nothing(ledger: Web3Ledger, altering: Altering, chain: InProcessChain) -> None:
    def take_and_die(raw: str) -> Any:
        chain.node.call("eth_sendRawTransaction", raw)
        raise ConnectionResetError(104, "Connection reset by peer")

    signed = transaction(1, to=KEY.address)
    altering.answers["eth_sendRawTransaction"] = take_and_die
    with pytest.raises(LedgerUnavailable, match="connection reset by peer"):
        ledger.broadcast(signed)
    altering.answers.clear()
    ledger.broadcast(signed)
    assert ledger.fate(signed.hash).kind is FateKind.FINAL
    assert ledger.next_nonce(KEY.address) == 2


@pytest.mark.parametrize("missing", [None, "error"])
def test_receipt_not_yet_there_may_be_an_error(ledger: Web3Ledger, altering: Altering, missing: str | None) -> None:
    def absent(_: str) -> Any:
        return altering.error("tx not found") if missing else None

    altering.answers["eth_getTransactionReceipt"] = absent
    altering.answers["eth_getTransactionByHash"] = absent
    assert ledger.fate(TransactionHash(b"t" * 32)).kind is FateKind.UNKNOWN
    altering.answers["eth_getTransactionByHash"] = lambda _: {"hash": "0x" + "74" * 32}
    assert ledger.fate(TransactionHash(b"t" * 32)).kind is FateKind.WAITING


def test_receipt_of_a_block_that_no_longer_counts_is_waiting(
    ledger: Web3Ledger, altering: Altering, chain: InProcessChain
) -> None:
    deployment = chain_deployment(chain)
    told = chain.node.receipt(deployment)
    altering.answers["eth_getTransactionReceipt"] = lambda _: {**told, "blockHash": "0x" + "99" * 32}
    assert ledger.fate(deployment).kind is FateKind.WAITING


def test_too_many_events_are_asked_for_in_smaller_parts(
    ledger: Web3Ledger, altering: Altering, chain: InProcessChain
) -> None:
    for _ in range(8):
        chain.seal_block()
    whole = list(ledger.records(0, ledger.head().number))

    def at_most_three(asked: dict[str, str]) -> Any:
        if int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) > 2:
            return altering.error("query returned more than 10000 results", code=-32005)
        return chain.node.call("eth_getLogs", asked)

    altering.answers["eth_getLogs"] = at_most_three
    assert list(ledger.records(0, ledger.head().number)) == whole
    altering.answers["eth_getLogs"] = lambda _: altering.error("no", code=-32005)
    with pytest.raises(LedgerUnavailable):
        list(ledger.records(0, ledger.head().number))


def test_reverted_without_fault_and_out_of_gas(ledger: Web3Ledger, chain: InProcessChain, root: TrustRoot) -> None:
    malformed = transaction(1, to=root.contract.address, data=functions()["pause"].selector[:3] + b"\0")
    chain.node.send(malformed)
    assert ledger.fate(malformed.hash).kind is FateKind.REVERTED
    assert ledger.fate(malformed.hash).fault == "contract/reverted"
    poor = transaction(2, to=root.contract.address, data=functions()["pause"].selector, gas=30_000)
    chain.node.send(poor)
    assert ledger.fate(poor.hash).fault == OUT_OF_GAS


@pytest.mark.parametrize("seconds", [2**40, 2**60, 2**64, 2**300, -1, 253_402_300_799, None, True, [], "soon"])
def test_block_of_an_absurd_time_is_unavailable(ledger: Web3Ledger, altering: Altering, seconds: Any) -> None:
    told = altering.node.call("eth_getBlockByNumber", "latest", False)
    altering.answers["eth_getBlockByNumber"] = lambda which, _: (
        altering.node.call("eth_getBlockByNumber", which, False)
        if which == "0x0"
        else {**told, "timestamp": hex(seconds) if type(seconds) is int else seconds}
    )
    with pytest.raises(LedgerUnavailable, match="no good timestamp"):
        ledger.head()
    altering.answers.clear()
    assert ledger.head().number == 1


@pytest.mark.parametrize("seal", ["0xzz", 7, [], {"r": "0x0"}])
def test_seal_that_is_no_bytes_is_unavailable(ledger: Web3Ledger, altering: Altering, seal: Any) -> None:
    altering.answers["vermilion_getSeal"] = lambda _: seal
    with pytest.raises(LedgerUnavailable, match="no good seal"):
        ledger.head()


DEEP = b"[" * 15_000 + b"]" * 15_000
"""As deep as it can be read."""
ASK = """
import sys
from node.client.ledger import Web3Ledger
from registry.anchor.trust import TrustRoot
from registry.ports import LedgerUnavailable

ledger = Web3Ledger.over_http(sys.argv[1], TrustRoot.parse(bytes.fromhex(sys.argv[2])))
try:
    ledger.head()
except LedgerUnavailable as error:
    print(error.cause)
"""


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 1_000_000,
        b'{"jsonrpc":"2.0","id":1,"result":' + DEEP + b"}",
        b'{"jsonrpc":"2.0","id":1,"error":' + DEEP + b"}",
        b'{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":' + DEEP + b',"data":' + DEEP + b"}}",
    ],
    ids=["arrays", "objects", "endless result", "deep result", "deep error", "deep words"],
)
def test_deep_answers_are_unavailable_and_kill_nobody(body: bytes) -> None:
    with listening(answering(body)) as (url, _):
        child = subprocess.run(
            [sys.executable, "-c", ASK, url, NOWHERE.document().hex()],
            check=False,
            capture_output=True,
            cwd=Path(__file__).parents[3],
            timeout=60,
            encoding="utf-8",
        )
    assert child.returncode == 0, (child.returncode, child.stderr[-500:])
    assert child.stdout.startswith(("eth_chainId", "the node's answer has no good result"))


# Finality and reorganisations


def clique(altering: Altering, root: TrustRoot) -> Web3Ledger:
    signers = tuple(Address(f"0x{number:040x}") for number in range(5))
    return Web3Ledger(Node(altering, where="altered:1"), replace(root, engine=Engine.CLIQUE, signers=signers))


def test_clique_is_final_after_a_majority_of_blocks(altering: Altering, chain: InProcessChain, root: TrustRoot) -> None:
    ledger = clique(altering, root)
    signed = transaction(1, to=KEY.address)
    chain.node.send(signed)
    included = ledger.fate(signed.hash)
    assert included.kind is FateKind.INCLUDED
    assert included.block is not None
    for _ in range(3):
        assert ledger.fate(signed.hash).kind is FateKind.INCLUDED
        assert ledger.head().number < included.block.number
        assert ledger.block(included.block.number) is None
        chain.seal_block()
    final = ledger.fate(signed.hash)
    assert (final.kind, final.block) == (FateKind.FINAL, included.block)
    assert ledger.head() == included.block
    assert "vermilion_getSeal" not in altering.asked


def test_confirmations_may_be_set(altering: Altering, chain: InProcessChain, root: TrustRoot) -> None:
    ledger = Web3Ledger(Node(altering, where="altered:1"), root, confirmations=1)
    assert ledger.head().number == 0
    assert list(ledger.records(0, 1)) == []
    chain.seal_block()
    assert len(list(ledger.records(0, 9))) == 1


def test_reorganised_transaction_is_sent_again_as_it_is(
    altering: Altering, chain: InProcessChain, root: TrustRoot
) -> None:
    ledger = clique(altering, root)
    signed = transaction(1, to=KEY.address)
    before = chain.tester.take_snapshot()
    ledger.broadcast(signed)
    assert ledger.fate(signed.hash).kind is FateKind.INCLUDED
    chain.tester.revert_to_snapshot(before)
    chain.seal_block()
    assert ledger.fate(signed.hash).kind is FateKind.UNKNOWN
    ledger.broadcast(signed)
    for _ in range(3):
        chain.seal_block()
    assert ledger.fate(signed.hash).kind is FateKind.FINAL


def test_chain_restored_from_a_copy_is_read_anew(ledger: Web3Ledger, chain: InProcessChain) -> None:
    before = chain.tester.take_snapshot()
    chain.seal_block()
    old = ledger.head()
    assert ledger.block(old.number) == old
    chain.tester.revert_to_snapshot(before)
    time.sleep(1.01)  # blocks of one second are told apart by nothing else here
    chain.seal_block()
    new = ledger.head()
    assert (new.number, new.hash) != (old.number, old.hash)
    assert ledger.block(new.number) == new


def test_broken_seal_of_a_later_block_is_noticed(ledger: Web3Ledger, altering: Altering, chain: InProcessChain) -> None:
    ledger.head()
    altering.answers["vermilion_getSeal"] = lambda _: "0x" + "00" * 65
    chain.seal_block()
    with pytest.raises(LedgerForeign, match="seal of block 2"):
        ledger.head()


def test_node_without_seals_is_no_embedded_chain(ledger: Web3Ledger, altering: Altering) -> None:
    altering.answers["vermilion_getSeal"] = lambda _: altering.error("no such method", code=-32601)
    with pytest.raises(LedgerForeign, match="engine"):
        ledger.head()


def test_trust_is_checked_once_and_again_after_a_failure(ledger: Web3Ledger, altering: Altering) -> None:
    ledger.head()
    ledger.head()
    assert altering.asked.count("eth_chainId") == 1

    def broken(*_: object) -> Any:
        raise ConnectionRefusedError(111, "Connection refused")

    altering.answers["eth_getBlockByNumber"] = broken
    with pytest.raises(LedgerUnavailable):
        ledger.head()
    altering.answers.clear()
    ledger.head()
    assert altering.asked.count("eth_chainId") == 2
