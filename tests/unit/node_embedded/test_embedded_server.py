"""The HTTP door: what it lets in, what it turns away."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from node.embedded import NotLoopback, RpcServer, serve

ASK = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
ANSWER = {"jsonrpc": "2.0", "id": 1, "result": "0x4f2c"}
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def server(chain) -> Iterator[RpcServer]:
    with serve(chain, "127.0.0.1", 0) as running:
        yield running


def post(server: RpcServer, body: bytes, **headers: str) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request(
            "POST", "/", body, HEADERS | {name.replace("_", "-"): text for name, text in headers.items()}
        )
        response = connection.getresponse()
        return response.status, response.read()


def raw(server: RpcServer, request: bytes) -> bytes:
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def test_a_request_is_answered_and_the_connection_stays_open(server) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        for _ in range(3):
            connection.request("POST", "/", ASK, HEADERS)
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())) == (200, ANSWER)
            assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:8545", "[::1]", "[::1]:8545", "LOCALHOST:1"])
def test_names_of_this_machine_are_let_in(server, host: str) -> None:
    assert post(server, ASK, Host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8545", "localhost.evil.example", "", "127.0.0.1.nip.io:1"]
)
def test_another_name_is_turned_away(server, host: str) -> None:
    assert post(server, ASK, Host=host)[0] == 403


def test_web_pages_are_turned_away(server) -> None:
    assert post(server, ASK, Origin="http://localhost")[0] == 403
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert post(server, ASK, Content_Type=content_type)[0] == 415
    assert post(server, ASK, Content_Type="application/json; charset=utf-8")[0] == 200


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("", 411),
        ("Transfer-Encoding: chunked\r\n", 411),
        ("Content-Length: -1\r\n", 411),
        ("Content-Length: ²\r\n", 411),
        ("Content-Length: 5242881\r\n", 413),
        ("Content-Length: 99999999999999999999\r\n", 413),
    ],
)
def test_a_body_without_a_fair_length_is_not_read(server, lines: str, status: int) -> None:
    request = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n"
    answered = raw(server, request.encode("latin-1", "replace"))
    assert answered.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answered


def test_a_truncated_body_gets_no_answer(server) -> None:
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}"
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert post(server, ASK)[0] == 200


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT"])
def test_other_methods_are_not_served(server, method: str) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request(method, "/")
        assert connection.getresponse().status == 501


def error_code(body: bytes) -> int:
    code = json.loads(body)["error"]["code"]
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b'[{"a":' * 100_000, -32700),
        (b'["\\"' * 1000 + b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"7", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_nothing"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x"]}', -32602),
        (b"[" + b",".join([ASK] * 1001) + b"]", -32600),
    ],
)
def test_a_wrong_request_gets_its_code(server, body: bytes, code: int) -> None:
    status, answered = post(server, body)
    assert (status, error_code(answered)) == (200, code)


def test_a_batch_is_answered_one_by_one(server) -> None:
    notification = b'{"jsonrpc":"2.0","method":"eth_chainId"}'
    status, answered = post(
        server, b"[" + b",".join([ASK, b"7", notification, ASK.replace(b'"id":1', b'"id":"x"')]) + b"]"
    )
    assert status == 200
    answers = json.loads(answered)
    assert answers[0] == ANSWER
    assert answers[1]["error"]["code"] == -32600
    assert answers[2] == ANSWER | {"id": "x"}
    assert len(answers) == 3
    assert post(server, notification) == (200, b"")
    assert post(server, b"[" + notification + b"]") == (200, b"")


def test_only_loopback_addresses_are_served(chain) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", ""):  # noqa: S104  # the refusal is the point
        with pytest.raises(NotLoopback):
            serve(chain, host, 0)


def test_the_other_loopback_address_is_served_too(chain) -> None:
    try:
        server = serve(chain, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert server.url == f"http://[::1]:{server.port}"
        with contextlib.closing(http.client.HTTPConnection("::1", server.port, timeout=5)) as connection:
            connection.request("POST", "/", ASK, HEADERS)
            assert json.loads(connection.getresponse().read()) == ANSWER


def test_closing_ends_open_connections_and_gives_the_port_back(chain) -> None:
    server = serve(chain, "127.0.0.1", 0)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
        connection.request("POST", "/", ASK, HEADERS)
        connection.getresponse().read()
        server.close()
        assert connection.sock.recv(10) == b""
    serve(chain, "127.0.0.1", server.port).close()


def test_more_connections_than_allowed_are_turned_away_until_one_ends(chain, monkeypatch) -> None:
    monkeypatch.setattr("node.embedded.server.MAX_CONNECTIONS", 2)
    with serve(chain, "127.0.0.1", 0) as server, contextlib.ExitStack() as stack:
        held = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=5) for _ in range(2)]
        for connection in held:
            stack.callback(connection.close)
            connection.request("POST", "/", ASK, HEADERS)
            connection.getresponse().read()
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            post(server, ASK)
        held[0].close()
        answered = threading.Event()
        for _ in range(100):
            with contextlib.suppress(ConnectionError, http.client.RemoteDisconnected):
                if post(server, ASK)[0] == 200:
                    answered.set()
                    break
            threading.Event().wait(0.02)
        assert answered.is_set()
