"""The client that decides by itself: several nodes, honest, dead, behind, lying; sites that are not believed."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from api.cli import app
from api.client import Client, DocumentUnavailable, NodesUnconfigured
from api.links import LinkElsewhere
from node.embedded import EmbeddedChain, serve
from registry.anchor.trust import TrustRoot, TrustRootMalformed
from registry.kernel.identifiers import IdentifierMalformed
from registry.ports import LedgerForeign
from registry.ports.storage import StoredCertificate
from registry.verification import NotValid, Outcome, Question, Report

Answer = Callable[[str, list[Any], Any], Any]


class _Relay(BaseHTTPRequestHandler):
    """Passes JSON-RPC on to the server's node and lets `altered` change the result."""

    server: "_RelayServer"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = requests.post(self.server.node, json=asked, timeout=10).json()
        if "result" in answer:
            answer["result"] = self.server.altered(asked["method"], asked["params"], answer["result"])
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _RelayServer(ThreadingHTTPServer):
    node: str
    altered: Answer


@contextlib.contextmanager
def relay(node: str, altered: Answer = lambda method, params, result: result) -> Iterator[str]:
    """Run a second node; without `altered` an honest one."""
    with _RelayServer(("127.0.0.1", 0), _Relay) as server:
        server.node, server.altered = node, altered
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def dead() -> Iterator[str]:
    """Give the address of a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def judged(world, nodes: list[str], certificate: StoredCertificate, **options: Any) -> Report:
    with Client(trust_root=world.home.path / "trust-root.json", nodes=nodes, **options) as client:
        return client.verify(world.bundle(certificate))


@pytest.fixture
def good(world) -> StoredCertificate:
    return world.certificates("1")[8]


@pytest.fixture(scope="session")
def revoked(world) -> StoredCertificate:
    certificate = world.certificates("1")[9]
    number = certificate.reservation.number
    world.run("cert", "revoke", number, "--reason", "33", "--as", "maker-1", "--approve-as", "approver-1")
    return certificate


def test_two_honest_nodes_agree(world, good, revoked) -> None:
    with relay(world.node) as second:
        report = judged(world, [world.node, second], good)
        assert report.outcome is Outcome.VALID
        freshness = report.findings[Question.STANDING - 1].freshness
        assert freshness is not None
        assert freshness.nodes == 2
        assert judged(world, [world.node, second], revoked).outcome is Outcome.REVOKED


def without_last_record(method: str, params: list[Any], result: Any) -> Any:
    return result[:-1] if method == "eth_getLogs" and result else result


def with_another_reason(method: str, params: list[Any], result: Any) -> Any:
    if method == "eth_getLogs" and result:
        data = result[-1]["data"]
        result[-1]["data"] = data[:-1] + ("0" if data[-1] != "0" else "1")
    return result


def of_another_chain(method: str, params: list[Any], result: Any) -> Any:
    return "0x1" if method == "eth_chainId" else result


def with_another_block(method: str, params: list[Any], result: Any) -> Any:
    if method == "eth_getBlockByNumber" and params[0] not in ("latest", "0x0") and result:
        result["timestamp"] = hex(int(result["timestamp"], 16) - 1)
    return result


@pytest.mark.parametrize(
    "lie",
    [without_last_record, with_another_reason, of_another_chain, with_another_block],
    ids=lambda lie: lie.__name__,
)
def test_node_that_lies_is_named_and_nothing_is_confirmed(world, revoked, lie: Answer) -> None:
    with relay(world.node, lie) as liar:
        report = judged(world, [world.node, liar], revoked)
    assert (report.outcome, report.code) == (Outcome.CANNOT_CONFIRM, "cannot-confirm/nodes-disagree")
    evidence = report.findings[Question.STANDING - 1].evidence
    assert liar.removeprefix("http://") in evidence
    assert report.last_known is None


def test_node_that_hides_the_end_alone_is_found_by_the_contracts_own_count(world, revoked) -> None:
    with relay(world.node, without_last_record) as liar:
        report = judged(world, [liar], revoked)
    assert report.code == "cannot-confirm/nodes-disagree"


def test_node_that_is_left_behind_is_named(world, good, tmp_path: Path) -> None:
    """A copy of the chain from before a revocation, sealed as the chain itself sealed it: all it says was true once."""
    old = tmp_path / "chain.db"
    source = world.home.path / "chain.db"
    for path in source.parent.glob("chain.db*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    certificate = world.certificates("1")[10]
    number = certificate.reservation.number
    world.run("cert", "revoke", number, "--reason", "33", "--as", "maker-1", "--approve-as", "approver-1")
    with EmbeddedChain.open(old, sealer_key=None) as chain, serve(chain, port=0) as stale:
        # Alone it is believed: what it hides, only another node can tell. This is what agreement is for.
        assert judged(world, [stale.url], certificate).outcome is Outcome.VALID
        report = judged(world, [world.node, stale.url], certificate)
    assert report.code == "cannot-confirm/nodes-disagree"
    evidence = report.findings[Question.STANDING - 1].evidence
    assert evidence["disagree_on"] == "the newest block"
    assert str(evidence[stale.url.removeprefix("http://")]).startswith("still at block")
    assert judged(world, [world.node], certificate).outcome is Outcome.REVOKED


def test_silent_node_leaves_questions_open_unless_a_quorum_says_otherwise(world, good) -> None:
    with dead() as silent:
        all_of_them = judged(world, [world.node, silent], good)
        assert (all_of_them.outcome, all_of_them.code) == (Outcome.CANNOT_CONFIRM, "cannot-confirm/node-unreachable")
        one_of_them = judged(world, [world.node, silent], good, quorum=1)
        assert one_of_them.outcome is Outcome.VALID
        assert "single-node" in {notice.kind.value for notice in one_of_them.notices}
        none_of_them = judged(world, [silent], good)
        assert none_of_them.code == "cannot-confirm/node-unreachable"
        with relay(world.node) as second:
            two_of_three = judged(world, [world.node, silent, second], good, quorum=2)
        assert two_of_three.outcome is Outcome.VALID
        assert "single-node" not in {notice.kind.value for notice in two_of_three.notices}


def test_one_client_reads_only_what_is_new(world, good) -> None:
    asked: list[tuple[str, Any]] = []

    def noted(method: str, params: list[Any], result: Any) -> Any:
        asked.append((method, params))
        return result

    with (
        relay(world.node, noted) as second,
        Client(trust_root=world.home.path / "trust-root.json", nodes=[world.node, second]) as client,
    ):
        assert client.verify(world.bundle(good)).outcome is Outcome.VALID
        first = [one for one in asked if one[0] == "eth_getLogs"]
        assert first
        asked.clear()
        assert client.verify(world.bundle(good)).outcome is Outcome.VALID
        assert [one for one in asked if one[0] == "eth_getLogs"] == []
        other = world.certificates("1")[11]
        number = other.reservation.number
        world.run("cert", "suspend", number, "--reason", "investigation", "--as", "maker-1")
        assert client.verify(world.bundle(other)).outcome is Outcome.SUSPENDED
        assert all(int(params[0]["fromBlock"], 16) > 0 for method, params in asked if method == "eth_getLogs")


def test_require_valid_gives_the_report_or_raises(world, good, revoked) -> None:
    with Client(trust_root=world.home.path / "trust-root.json", nodes=[world.node]) as client:
        assert client.require_valid(world.bundle(good)).outcome is Outcome.VALID
        with pytest.raises(NotValid) as refused:
            client.require_valid(world.bundle(revoked).read_bytes())
        assert refused.value.report.outcome is Outcome.REVOKED
        assert client.verify(b"\x00").outcome is Outcome.UNREADABLE
        assert client.verify(world.bundle(good), as_of=date(2020, 1, 1)).outcome is Outcome.CANNOT_CONFIRM
        assert client.verify(world.bundle(good)).outcome is Outcome.VALID


def test_too_old_is_said_as_everywhere(world, good) -> None:
    report = judged(world, [world.node], good, max_age=timedelta(seconds=-1))
    assert report.outcome is Outcome.CANNOT_CONFIRM


def test_wrong_configuration_is_refused_when_the_client_is_made(world, tmp_path: Path) -> None:
    root = TrustRoot.parse((world.home.path / "trust-root.json").read_bytes())
    for nodes, quorum in (([], None), ([world.node] * 2, None), ([world.node], 2), ([world.node], 0)):
        with pytest.raises(NodesUnconfigured):
            Client(trust_root=root, nodes=nodes, quorum=quorum)
    with pytest.raises(IdentifierMalformed):
        Client(trust_root=root, nodes=["127.0.0.1:8545"])
    with pytest.raises(TrustRootMalformed):
        Client(trust_root=tmp_path / "none.json", nodes=[world.node])


def test_only_node_of_another_chain_is_a_wrong_address(world, good) -> None:
    with relay(world.node, of_another_chain) as other, pytest.raises(LedgerForeign):
        judged(world, [other], good)


# Links


class _Site(BaseHTTPRequestHandler):
    server: "_SiteServer"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, body = self.server.answer
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _SiteServer(ThreadingHTTPServer):
    answer: tuple[int, bytes]
    asked: list[str]


@contextlib.contextmanager
def site(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """Run a registry's site that gives one answer to everything."""
    with _SiteServer(("127.0.0.1", 0), _Site) as server:
        server.answer, server.asked = (status, body), []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
        finally:
            server.shutdown()
            thread.join()


def by_link(world, status: int, body: bytes, key: str) -> tuple[Report, list[str]]:
    with site(status, body) as (address, asked):
        root = world.home.path / "trust-root.json"
        with Client(trust_root=root, nodes=[world.node], sites=[address.upper() + "/"]) as client:
            return client.verify_link(f"{address}/C/{key}"), asked


def test_link_is_a_way_to_the_document_and_to_nothing_else(world, good, revoked) -> None:
    key = good.reservation.key
    report, asked = by_link(world, 200, world.bundle(good).read_bytes(), key)
    assert report.outcome is Outcome.VALID
    assert asked == [f"/v1/certificates/{key}/bundle"]
    assert by_link(world, 200, world.bundle(revoked).read_bytes(), key)[0].outcome is Outcome.REVOKED


def test_site_that_says_valid_is_not_believed(world, revoked) -> None:
    key = revoked.reservation.key
    told = json.dumps({"outcome": "valid", "questions": []}).encode()
    assert by_link(world, 200, told, key)[0].outcome is Outcome.UNREADABLE
    assert by_link(world, 404, told, key)[0].outcome is Outcome.NOT_FOUND
    for status in (302, 500, 503):
        with pytest.raises(DocumentUnavailable):
            by_link(world, status, b"", key)
    with pytest.raises(DocumentUnavailable):
        by_link(world, 200, b"{" * (3 << 20), key)


def test_links_of_other_sites_are_not_followed(world, good) -> None:
    key = good.reservation.key
    with (
        site(200, b"") as (address, asked),
        Client(
            trust_root=world.home.path / "trust-root.json", nodes=[world.node], sites=["https://a.example"]
        ) as client,
    ):
        for link in (
            f"{address}/C/{key}",
            f"https://a.example.evil/C/{key}",
            "https://a.example/x",
            "file:///etc/passwd",
        ):
            with pytest.raises(LinkElsewhere):
                client.verify_link(link)
        assert asked == []


# The command


def test_command_asks_every_node_that_is_named(world, revoked) -> None:
    path, root = str(world.bundle(revoked)), str(world.home.path / "trust-root.json")

    def asked(*words: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(app, ["verify", *words, "--json"])
        return result.exit_code, json.loads(result.stdout or "{}")

    with relay(world.node) as second, relay(world.node, without_last_record) as liar:
        code, told = asked(path, "--trust-root", root, "--node", world.node, "--node", second)
        assert (code, told["outcome"]) == (1, "revoked")
        code, told = asked(path, "--home", str(world.home.path), "--node", world.node, "--node", second)
        assert (code, told["questions"][3]["freshness"]["nodes"]) == (1, 2)
        code, told = asked(path, "--trust-root", root, "--node", world.node, "--node", liar)
        assert (code, told["code"]) == (3, "cannot-confirm/nodes-disagree")
        number = revoked.reservation.number
        refused = CliRunner().invoke(
            app, ["verify", number, "--home", str(world.home.path), "--node", world.node, "--node", second]
        )
        assert refused.exception is not None
        assert getattr(refused.exception.__cause__, "code", "") == "verify/file-needed"


def test_client_is_imported_without_chain_web_or_database(world) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, api.client; print(*sorted(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    ).stdout.split()
    assert not {"web3", "eth", "fastapi", "starlette", "sqlalchemy", "typer", "requests", "pikepdf", "typst"} & set(
        told
    )
