"""A fault proxy: stands between a client and a node, over real HTTP on loopback, and lies or fails as it is told.

Every rule names the methods that it strikes and how often; what struck is taken down, so that a case whose fault never
came can be told from one that was survived.
"""

import http.client
import http.server
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Question = dict[str, Any]
Answer = dict[str, Any]
READS = (
    "eth_blockNumber",
    "eth_call",
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_getLogs",
    "eth_getTransactionByHash",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
)
"""All that a node answers from its chain."""
SEND = "eth_sendRawTransaction"
FOR_EVER = 1_000_000


@dataclass
class Rule:
    """What happens to some questions, the first `times` times that they are asked after the first `skip`."""

    name: str
    methods: tuple[str, ...]
    times: int = FOR_EVER
    skip: int = 0
    before: Callable[[Question], Question | None] | None = None
    """Changes a question on its way; None = it is lost there."""
    after: Callable[[Question, Answer], Answer | bytes | None] | None = None
    """Changes an answer on its way back; None = it is lost there."""


class Lost(Exception):
    """A question or an answer does not arrive: the connection breaks."""


@dataclass
class FaultProxy:
    """A running proxy; its address stays the same while it is down."""

    node: str
    struck: Counter[str] = field(default_factory=Counter)
    """How often each rule struck."""
    sent: list[str] = field(default_factory=list)
    """Every signed transaction that the client sent, whether or not it arrived."""

    def __post_init__(self) -> None:
        self._rules: list[Rule] = []
        self._guard = threading.Lock()
        self._released = threading.Event()
        self._server: _Server | None = None
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        """Where a client reaches it."""
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        """Answer."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="fault-proxy", daemon=True).start()

    def down(self) -> None:
        """Refuse connections, as where no process listens; open ones break."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.break_off()

    def close(self) -> None:
        """Answer no more."""
        self.heal()
        self.down()

    def heal(self) -> None:
        """Let everything through from now on; who is held is let go."""
        with self._guard:
            self._rules = []
        self._released.set()

    @contextmanager
    def failing(self, *rules: Rule) -> Iterator[None]:
        """Fail by these rules until the block ends. Asserts that each of them struck."""
        self.fail(*rules)
        try:
            yield
        finally:
            self.heal()
        for rule in rules:
            assert self.struck[rule.name], f"the fault never came: {rule.name}"

    def fail(self, *rules: Rule) -> None:
        """Fail by these rules until healed."""
        self._released = threading.Event()
        with self._guard:
            self._rules = list(rules)

    # — the rules that there are —

    def drops_requests(self, *methods: str, times: int = 1, skip: int = 0) -> Rule:
        """Questions do not reach the node."""
        return Rule("request dropped", methods, times, skip, before=lambda asked: None)

    def drops_replies(self, *methods: str, times: int = 1, skip: int = 0) -> Rule:
        """Questions reach the node, which acts on them; its answers are lost."""
        return Rule("reply dropped", methods, times, skip, after=lambda asked, answer: None)

    def delays(self, *methods: str, seconds: float, times: int = 1) -> Rule:
        """Questions take long to arrive."""

        def slowly(asked: Question) -> Question:
            self._released.wait(seconds)
            return asked

        return Rule("delayed", methods, times, before=slowly)

    def hangs(self, *methods: str, times: int = FOR_EVER) -> Rule:
        """Connections stay open and nothing is answered, until healed."""

        def never(asked: Question) -> None:
            self._released.wait()

        return Rule("hung", methods, times, before=never)

    def answers(self, *methods: str, result: Any, times: int = FOR_EVER) -> Rule:
        """The node answers something else than is true."""
        return Rule("wrong answer", methods, times, after=lambda asked, answer: {**answer, "result": result})

    def swallows(self, *, times: int = FOR_EVER) -> Rule:
        """The node says that it took a transaction, and nobody ever hears of it again."""
        harmless = {"method": "eth_chainId", "params": []}
        return Rule(
            "swallowed",
            (SEND,),
            times,
            before=lambda asked: {**asked, **harmless},
            after=lambda asked, answer: {**answer, "result": "0x" + "00" * 32},
        )

    def answers_bytes(self, *methods: str, data: bytes, times: int = FOR_EVER) -> Rule:
        """What comes back is not JSON-RPC."""
        return Rule("wrong bytes", methods, times, after=lambda asked, answer: data)

    def errs(self, *methods: str, code: int, message: str, times: int = FOR_EVER) -> Rule:
        """The node answers with an error of its own."""
        error = {"code": code, "message": message}

        def erring(asked: Question, answer: Answer) -> Answer:
            return {"jsonrpc": "2.0", "id": asked.get("id"), "error": error}

        return Rule("node error", methods, times, after=erring)

    def refuses(self, *methods: str, code: int, message: str, times: int = FOR_EVER) -> Rule:
        """The node refuses what it is asked, and does nothing."""
        told = self.errs(*methods, code=code, message=message)
        harmless = {"method": "eth_chainId", "params": []}
        return Rule("refused", methods, times, before=lambda asked: {**asked, **harmless}, after=told.after)

    def stands_still(self, height: int) -> Rule:
        """The node shows the chain as it was at a height: no later block, record, receipt, nonce or storage."""
        return Rule("stale head", (*READS, SEND), after=lambda asked, got: self._at(height, asked))

    def shows_less(self, height: int) -> Rule:
        """The same, but that it takes transactions."""
        return Rule("lower head", READS, after=lambda asked, got: self._at(height, asked))

    def jumps(self, height: int) -> Rule:
        """Every other question for the newest block is answered from a stale head, beginning with the first."""
        turn = Counter[str]()

        def jumping(asked: Question, answer: Answer) -> Answer | None:
            if asked["params"][0] != "latest":
                return answer
            turn["asked"] += 1
            return self._at(height, asked) if turn["asked"] % 2 else answer

        return Rule("jumping head", ("eth_getBlockByNumber",), after=jumping)

    def _at(self, height: int, asked: Question) -> Answer | None:
        """Answer a question as the node would have at a height; transactions sent there are lost on the way."""
        method, parameters = asked["method"], list(asked.get("params", []))
        if method == SEND:
            return None
        last = hex(height)
        match method:
            case "eth_blockNumber":
                return {"jsonrpc": "2.0", "id": asked["id"], "result": last}
            case "eth_getBlockByNumber":
                if parameters[0] in ("latest", "pending", "safe", "finalized"):
                    parameters[0] = last
                elif int(parameters[0], 16) > height:
                    return {"jsonrpc": "2.0", "id": asked["id"], "result": None}
            case "eth_getLogs":
                asked_for = dict(parameters[0])
                asked_for["toBlock"] = hex(min(int(asked_for["toBlock"], 16), height))
                if int(asked_for["fromBlock"], 16) > height:
                    return {"jsonrpc": "2.0", "id": asked["id"], "result": []}
                parameters = [asked_for]
            case "eth_getTransactionCount" | "eth_call" | "eth_getCode":
                if parameters[1] in ("latest", "pending"):
                    parameters[1] = last
        answer = self.ask_node({**asked, "params": parameters})
        if method in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
            found = answer.get("result") or {}
            if int(found.get("blockNumber") or "0x0", 16) > height:
                return {**answer, "result": None}
        return answer

    # — passing on —

    def passed_on(self, body: bytes) -> bytes:
        """Carry a question to the node and its answer back, as the rules have it. Raises Lost."""
        asked: Question = json.loads(body)
        if asked["method"] == SEND:
            self.sent.append(asked["params"][0])
        rules = [rule for rule in self._chosen(asked["method"])]
        wanted: Question | None = asked
        for rule in rules:
            if rule.before is not None and wanted is not None:
                wanted = rule.before(wanted)
        if wanted is None:
            raise Lost
        answer: Answer | bytes | None = self.ask_node(wanted)
        for rule in rules:
            if rule.after is not None and isinstance(answer, dict):
                answer = rule.after(asked, answer)
        if answer is None:
            raise Lost
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def _chosen(self, method: str) -> Iterator[Rule]:
        with self._guard:
            for rule in self._rules:
                if rule.methods and method not in rule.methods:
                    continue
                if rule.skip:
                    rule.skip -= 1
                elif rule.times:
                    rule.times -= 1
                    self.struck[rule.name] += 1
                    yield rule

    def ask_node(self, asked: Question) -> Answer:
        """Ask the node itself. Raises Lost where it does not answer."""
        parts = urlsplit(self.node)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        try:
            connection.request("POST", "/", json.dumps(asked), {"Content-Type": "application/json"})
            answer: Answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Lost from error
        else:
            return answer
        finally:
            connection.close()

    def head(self) -> int:
        """The node's newest block."""
        asked = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
        return int(self.ask_node(asked)["result"], 16)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], proxy: FaultProxy) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def break_off(self) -> None:
        """Break open connections."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of our faults."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 30

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            answer = self.server.proxy.passed_on(body)
        except Lost:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of stderr."""
