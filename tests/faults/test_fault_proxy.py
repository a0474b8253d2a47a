"""The fault proxy itself, between a client over real HTTP and a node that counts."""

import http.server
import json
import threading
import time
from collections.abc import Iterator

import pytest

from node.client.rpc import Node, NodeRefusal
from registry.ports import LedgerUnavailable
from tests.faults.harness.proxy import SEND, FaultProxy


class CountingNode(http.server.ThreadingHTTPServer):
    """Answers every question with what it is, and remembers it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[dict[str, object]] = []


class _Answers(http.server.BaseHTTPRequestHandler):
    server: CountingNode

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        height = asked["params"][0] if asked["params"] else "latest"
        by_hash = asked["method"] in ("eth_getTransactionReceipt", "eth_getTransactionByHash")
        result = {"blockNumber": "0x9"} if by_hash else f"at {height}"
        body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def counting() -> Iterator[CountingNode]:
    server = CountingNode()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(counting: CountingNode) -> Iterator[FaultProxy]:
    made = FaultProxy(f"http://127.0.0.1:{counting.server_address[1]}")
    yield made
    made.close()


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[Node]:
    made = Node.over_http(proxy.url, read_seconds=0.5)
    yield made
    made.close()


def methods(counting: CountingNode) -> list[object]:
    return [one["method"] for one in counting.asked]


def test_without_a_rule_it_carries_both_ways(client: Node, proxy: FaultProxy) -> None:
    assert client.call(SEND, "0xaa") == "at 0xaa"
    assert proxy.sent == ["0xaa"]
    assert not proxy.struck


def test_a_lost_request_never_reaches_the_node(client: Node, proxy: FaultProxy, counting: CountingNode) -> None:
    with proxy.failing(proxy.drops_requests(SEND)):
        with pytest.raises(LedgerUnavailable):
            client.call(SEND, "0xaa")
        assert methods(counting) == []
        assert client.call(SEND, "0xaa") == "at 0xaa"


def test_a_lost_reply_was_acted_on(client: Node, proxy: FaultProxy, counting: CountingNode) -> None:
    with proxy.failing(proxy.drops_replies(SEND)), pytest.raises(LedgerUnavailable):
        client.call(SEND, "0xaa")
    assert methods(counting) == [SEND]


def test_a_late_answer_comes_and_a_hung_one_does_not(client: Node, proxy: FaultProxy) -> None:
    with proxy.failing(proxy.delays("eth_chainId", seconds=0.2)):
        began = time.monotonic()
        client.call("eth_chainId")
        assert time.monotonic() - began >= 0.2
    with proxy.failing(proxy.hangs()), pytest.raises(LedgerUnavailable, match="no answer in time"):
        client.call("eth_chainId")
    assert client.call("eth_chainId") == "at latest"


def test_a_stale_head_hides_what_came_later(client: Node, proxy: FaultProxy, counting: CountingNode) -> None:
    with proxy.failing(proxy.stands_still(5)):
        assert client.call("eth_blockNumber") == "0x5"
        assert client.call("eth_getBlockByNumber", "latest", False) == "at 0x5"
        assert client.call("eth_getBlockByNumber", "0x6", False) is None
        assert client.call("eth_getTransactionReceipt", "0x00") is None
        with pytest.raises(LedgerUnavailable):
            client.call(SEND, "0xaa")
    assert client.call("eth_getBlockByNumber", "latest", False) == "at latest"


def test_a_node_that_is_behind_does_not_know_of_what_came_later_by_its_hash(client: Node, proxy: FaultProxy) -> None:
    for height, known in ((5, None), (9, {"blockNumber": "0x9"})):
        with proxy.failing(proxy.shows_less(height)):
            for asked in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
                assert client.call(asked, "0x00") == known
            assert client.call("eth_getCode", "0xcc", "latest") == "at 0xcc"
            assert client.call(SEND, "0xaa") == "at 0xaa"


def test_a_jumping_head_contradicts_itself(client: Node, proxy: FaultProxy) -> None:
    with proxy.failing(proxy.jumps(5)):
        said = [client.call("eth_getBlockByNumber", "latest", False) for _ in range(3)]
        assert said == ["at 0x5", "at latest", "at 0x5"]
        assert client.call("eth_getBlockByNumber", "0x9", False) == "at 0x9"


def test_wrong_answers_are_the_proxys_own(client: Node, proxy: FaultProxy, counting: CountingNode) -> None:
    with proxy.failing(proxy.answers("eth_chainId", result="0x1")):
        assert client.call("eth_chainId") == "0x1"
    with proxy.failing(proxy.answers_bytes("eth_chainId", data=b"<html>")), pytest.raises(LedgerUnavailable):
        client.call("eth_chainId")
    with proxy.failing(proxy.errs("eth_chainId", code=-32005, message="limit")), pytest.raises(NodeRefusal):
        client.call("eth_chainId")
    counting.asked.clear()
    with proxy.failing(proxy.swallows()):
        assert client.call(SEND, "0xaa") == "0x" + "00" * 32
    assert SEND not in methods(counting)


def test_down_it_refuses_and_up_it_is_where_it_was(client: Node, proxy: FaultProxy) -> None:
    assert client.call("eth_chainId") == "at latest"
    where = proxy.url
    proxy.down()
    with pytest.raises(LedgerUnavailable):
        client.call("eth_chainId")
    proxy.up()
    assert proxy.url == where
    assert client.call("eth_chainId") == "at latest"


def test_a_fault_that_never_came_is_no_proof(proxy: FaultProxy) -> None:
    with pytest.raises(AssertionError, match="the fault never came"), proxy.failing(proxy.drops_requests(SEND)):
        pass
