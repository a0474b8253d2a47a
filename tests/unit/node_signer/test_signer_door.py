"""The signer process and those who ask it, over real sockets; and other makers' signers over real HTTP."""

import grp
import http.server
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from node.client.operations import typed_data
from node.signer import (
    AccountKey,
    AccountUnclear,
    AnswerForeign,
    ApproverDoor,
    ApproverSigner,
    DoorSocket,
    GroupUnknown,
    RemoteApprover,
    SignerAddressMalformed,
    SignerDeclined,
    SignerMethod,
    SignerRefused,
    SignerRunning,
    SignerUnreachable,
    messages,
)
from node.signer import door as signer_door
from registry.anchor.operations import Approvable
from registry.kernel.errors import RegistryError, Unavailable
from registry.kernel.identifiers import Address
from registry.ports import ApprovalSigner
from tests.unit.node_signer.samples import CONTRACT, DEADLINE, SAMPLES, SECRET

KEY, STRANGER = AccountKey(SECRET), AccountKey(b"\x2b" * 32)
NOW = datetime.fromtimestamp(DEADLINE, UTC) - timedelta(days=7)
each = pytest.mark.parametrize("kind", SAMPLES)


@dataclass
class Desk:
    """A signer process's parts, its clock and its person in the test's hand."""

    path: Path
    at: datetime = NOW
    agrees: bool = True
    seen: list[Approvable] = field(default_factory=list)
    told: list[Approvable | RegistryError] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def consent(self, asked: Approvable) -> bool:
        self.seen.append(asked)
        return self.agrees

    def remote(self, **options: Any) -> RemoteApprover:
        return RemoteApprover(f"unix://{self.path}", CONTRACT, **{"seconds": 10.0, **options})

    def ask(self, data: bytes) -> Any:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(str(self.path))
            connection.sendall(data)
            return json.loads(connection.recv(65_536))

    def sign(self, document: object, account: str = KEY.address) -> Any:
        question = {"jsonrpc": "2.0", "id": 5, "method": "eth_signTypedData_v4", "params": [account, document]}
        return self.ask(json.dumps(question).encode() + b"\n")


@contextmanager
def running(desk: Desk, *, daily: int = 100) -> Iterator[Desk]:
    door = ApproverDoor(KEY, CONTRACT, clock=desk, daily=daily, consent=desk.consent, told=desk.told.append)
    served = DoorSocket(desk.path)
    thread = threading.Thread(target=served.serve, args=(door,))
    thread.start()
    try:
        yield desk
    finally:
        served.close()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with running(Desk(path=tmp_path / "a.sock")) as one:
        yield one


# What it signs


@each
def test_it_signs_what_approvers_sign_and_shows_it(desk: Desk, kind: str) -> None:
    signer: ApprovalSigner = desk.remote()
    assert signer.approve(SAMPLES[kind]) == ApproverSigner(KEY, CONTRACT).approve(SAMPLES[kind])
    assert signer.address == KEY.address
    assert desk.seen == desk.told == [SAMPLES[kind]]


def test_it_takes_the_document_as_text_and_as_a_value(desk: Desk) -> None:
    document = typed_data(SAMPLES["Revoke"], CONTRACT)
    assert desk.sign(document)["result"] == desk.sign(json.dumps(document))["result"]


def test_it_answers_whoever_leaves_out_the_line_break(desk: Desk) -> None:
    assert desk.ask(b'{"jsonrpc":"2.0","id":1,"method":"eth_accounts"}') == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": [KEY.address],
    }


def other_contract(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "domain": {**document["domain"], "verifyingContract": "0x" + "ba" * 20}}


def other_chain(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "domain": {**document["domain"], "chainId": 1}}


def unknown_structure(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "primaryType": "Permit"}


def with_deadline(days: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    at = int((NOW + timedelta(days=days)).timestamp())
    return lambda document: {**document, "message": {**document["message"], "deadline": str(at)}}


def one_more_member(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "message": {**document["message"], "more": "1"}}


@pytest.mark.parametrize(
    ("change", "number", "code"),
    [
        (other_contract, 4100, "signer/policy-refused"),
        (other_chain, 4100, "signer/policy-refused"),
        (unknown_structure, 4100, "signer/policy-refused"),
        (with_deadline(0), 4100, "signer/policy-refused"),
        (with_deadline(31), 4100, "signer/policy-refused"),
        (one_more_member, -32602, "signer/document-malformed"),
        (lambda document: "{", -32602, "encoding/not-json"),
        (lambda document: None, -32602, "signer/document-malformed"),
    ],
)
def test_it_signs_nothing_else(desk: Desk, change: Callable[[Any], object], number: int, code: str) -> None:
    answer = desk.sign(change(typed_data(SAMPLES["Anchor"], CONTRACT)))
    assert "result" not in answer
    assert (answer["error"]["code"], answer["error"]["data"]) == (number, {"code": code})
    assert desk.seen == []
    assert [getattr(one, "code", None) for one in desk.told] == [code]
    assert "result" in desk.sign(typed_data(SAMPLES["Anchor"], CONTRACT))


def test_deadlines_up_to_thirty_days_are_signed(desk: Desk) -> None:
    assert "result" in desk.sign(with_deadline(30)(typed_data(SAMPLES["Anchor"], CONTRACT)))


def test_it_signs_for_its_own_account_alone(desk: Desk) -> None:
    answer = desk.sign(typed_data(SAMPLES["Anchor"], CONTRACT), STRANGER.address)
    assert (answer["error"]["code"], desk.seen) == (4100, [])


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (b"nonsense\n", -32700),
        (b"[]\n", -32600),
        (b'{"id":1}\n', -32600),
        (b'{"id":1,"method":7}\n', -32600),
        (b'{"id":1,"method":"eth_sign","params":[]}\n', -32601),
        (b'{"id":1,"method":"eth_sendTransaction","params":[]}\n', -32601),
        (b'{"id":1,"method":"personal_sign","params":[]}\n', -32601),
        (b'{"id":1,"method":"eth_signTypedData_v4","params":[]}\n', -32602),
        (b'{"id":1,"method":"eth_signTypedData_v4","params":{}}\n', -32602),
    ],
)
def test_other_questions_are_refused_by_the_usual_numbers(desk: Desk, data: bytes, number: int) -> None:
    assert desk.ask(data)["error"]["code"] == number


def test_whoever_leaves_in_the_middle_stops_nobody(desk: Desk) -> None:
    for data in (b"", b'{"jsonrpc":"2.0",', b'{"id":1,"method":"eth_accounts"}\n'):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(desk.path))
            connection.sendall(data)
    assert desk.remote().address == KEY.address


def test_person_may_decline(desk: Desk) -> None:
    desk.agrees = False
    with pytest.raises(SignerDeclined) as declined:
        desk.remote().approve(SAMPLES["Anchor"])
    assert declined.value.code == "signer/declined"
    assert desk.seen == [SAMPLES["Anchor"]]
    desk.agrees = True
    assert desk.remote().approve(SAMPLES["Anchor"])


def test_day_has_its_cap(tmp_path: Path) -> None:
    with running(Desk(path=tmp_path / "a.sock", agrees=False), daily=2) as desk:
        with pytest.raises(SignerDeclined):
            desk.remote().approve(SAMPLES["Anchor"])  # does not count
        desk.agrees = True
        for _ in range(2):
            desk.remote().approve(SAMPLES["Anchor"])
        with pytest.raises(SignerRefused) as refused:
            desk.remote().approve(SAMPLES["Anchor"])
        assert (refused.value.number, refused.value.code) == (-32005, "signer/refused")
        assert len(desk.seen) == 3  # the person is not asked for what cannot be signed
        desk.at += timedelta(days=1)
        assert desk.remote().approve(SAMPLES["Anchor"])


@pytest.mark.parametrize("end", [b"", b"]", b"\n"], ids=["cut off", "bracket", "line break"])
def test_deep_nesting_kills_no_signer(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "a.sock"
    words = [sys.executable, "-c", SERVE, str(path), SECRET.hex(), CONTRACT.address, str(CONTRACT.chain_id)]
    child = subprocess.Popen(words, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(str(path))
            connection.sendall(b"[" * 900_000 + end)
            connection.shutdown(socket.SHUT_WR)
            assert json.loads(connection.recv(65_536))["error"]["code"] == -32700
        assert RemoteApprover(f"unix://{path}", CONTRACT, seconds=10.0).address == KEY.address
        assert child.poll() is None
    finally:
        child.kill()
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()


SERVE = """
import sys
from pathlib import Path
from node.signer import AccountKey, ApproverDoor, DoorSocket
from registry.kernel.identifiers import Address, ContractAddress

key = AccountKey(bytes.fromhex(sys.argv[2]))
contract = ContractAddress(chain_id=int(sys.argv[4]), address=Address(sys.argv[3]))
served = DoorSocket(Path(sys.argv[1]))
print("ready", flush=True)
served.serve(ApproverDoor(key, contract, clock=None, daily=1, consent=None, told=None))
"""


class Dripping:
    """A connection over which a blank comes each second, as its clock says."""

    def __init__(self) -> None:
        self.seconds, self.limits = 0.0, list[float]()

    def monotonic(self) -> float:
        return self.seconds

    def settimeout(self, limit: float) -> None:
        self.limits.append(limit)

    def recv(self, _: int) -> bytes:
        self.seconds += 1.0
        return b" "


def test_whoever_sends_a_little_at_a_time_is_given_no_more_than_the_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    dripping = Dripping()
    monkeypatch.setattr(messages, "time", dripping)
    with pytest.raises(TimeoutError):
        messages.receive_message(dripping, 3.0)  # type: ignore[arg-type]  # as much of a socket as is used
    assert dripping.limits == [3.0, 2.0, 1.0]


# Its socket


def test_socket_is_its_owners_alone(desk: Desk) -> None:
    mode = desk.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_socket_may_be_a_groups(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    served = DoorSocket(tmp_path / "a.sock", group=group)
    assert stat.S_IMODE(served.path.stat().st_mode) == 0o660
    assert served.path.stat().st_gid == os.getgid()
    served.close()
    with pytest.raises(GroupUnknown):
        DoorSocket(tmp_path / "b.sock", group="no-such-group")
    assert [path.name for path in tmp_path.iterdir()] == ["a.sock.lock"]


def test_socket_that_cannot_be_given_to_its_group_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, group = tmp_path / "a.sock", grp.getgrgid(os.getgid()).gr_name

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(os, "chown", refuse)
        with pytest.raises(PermissionError):
            DoorSocket(path, group=group)
    assert not path.exists()
    DoorSocket(path, group=group).close()


def test_of_signers_that_start_together_one_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.sock"
    make_room, others = signer_door._make_room, []

    def make_room_while_another_starts(place: Path) -> None:
        make_room(place)
        with pytest.raises(SignerRunning):
            others.append(DoorSocket(place))

    with monkeypatch.context() as patched:
        patched.setattr(signer_door, "_make_room", make_room_while_another_starts)
        served = DoorSocket(path)
    assert others == []
    served.close()


def test_socket_of_somebody_else_is_not_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    served = DoorSocket(path)
    path.unlink()
    path.write_text("mine")
    served.close()
    served.close()
    assert path.read_text() == "mine"


def test_socket_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    assert path.exists()
    with running(Desk(path=path)) as desk:
        assert desk.remote().address == KEY.address
    assert not path.exists()


def test_socket_of_another_signer_and_other_files_stay(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(SignerRunning):
        DoorSocket(desk.path)
    assert desk.remote().address == KEY.address
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(SignerRunning) as taken:
        DoorSocket(tmp_path / "notes")
    assert taken.value.code == "signer/socket-taken"
    assert (tmp_path / "notes").read_text() == "mine"


# Those who ask


def test_nobody_there_is_told_as_such(tmp_path: Path) -> None:
    for place in (f"unix://{tmp_path}/nobody.sock", "http://127.0.0.1:9"):
        with pytest.raises(SignerUnreachable) as unreachable:
            RemoteApprover(place, CONTRACT, seconds=5.0).approve(SAMPLES["Anchor"])
        assert isinstance(unreachable.value, Unavailable)


@pytest.mark.parametrize("answer", [b"", b'{"jsonrpc":"2.0","id":1,"res', b"hello\n", b"[]\n", b'{"id":1}\n'])
def test_signer_that_breaks_off_keeps_nothing(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "a.sock"))
        server.listen()

        def break_off() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=break_off)
        thread.start()
        remote = RemoteApprover(f"unix://{tmp_path}/a.sock", CONTRACT, account=KEY.address, seconds=5.0)
        with pytest.raises(SignerUnreachable):
            remote.approve(SAMPLES["Anchor"])
        thread.join(5)


def test_silent_signer_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "a.sock"))
        server.listen()
        with pytest.raises(SignerUnreachable, match="in time"):
            _ = RemoteApprover(f"unix://{tmp_path}/a.sock", CONTRACT, seconds=0.2).address


@pytest.mark.parametrize("place", ["", "approver.sock", "unix://a.sock", "ftp://127.0.0.1", "http://", "http://h:0"])
def test_places_have_two_forms(place: str) -> None:
    with pytest.raises(SignerAddressMalformed):
        RemoteApprover(place, CONTRACT)


class Foreign(http.server.BaseHTTPRequestHandler):
    """A signer of another maker, that knows one method and signs with eth-account whatever it is asked."""

    method, accounts, secret = "", (KEY.address,), SECRET

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        if request["method"] in ("eth_accounts", "account_list"):
            answer["result"] = list(self.accounts)
        elif request["method"] == self.method:
            document = request["params"][1]
            assert isinstance(document, dict) is (self.method == "account_signTypedData")
            document = document if isinstance(document, dict) else json.loads(document)
            answer["result"] = "0x" + bytes(Account.sign_typed_data(self.secret, full_message=document).signature).hex()
        else:
            answer["error"] = {"code": -32601, "message": "Method not found"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def foreign(method: str, accounts: tuple[str, ...] = (KEY.address,), secret: bytes = SECRET) -> Iterator[str]:
    handler = type("Handler", (Foreign,), {"method": method, "accounts": accounts, "secret": secret})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(5)


@pytest.mark.parametrize("method", SignerMethod)
def test_signers_of_other_makers_are_asked_in_their_words(method: SignerMethod) -> None:
    with foreign(method.value) as place:
        remote = RemoteApprover(place, CONTRACT, method=method, seconds=10.0)
        assert remote.approve(SAMPLES["Revoke"]) == ApproverSigner(KEY, CONTRACT).approve(SAMPLES["Revoke"])
        others = RemoteApprover(place, CONTRACT, method=next(one for one in SignerMethod if one is not method))
        with pytest.raises(SignerRefused) as refused:
            others.approve(SAMPLES["Revoke"])
        assert refused.value.number == -32601


def test_account_must_be_named_where_there_are_several() -> None:
    accounts = (STRANGER.address, KEY.address.upper().replace("0X", "0x"))
    with foreign("eth_signTypedData_v4", accounts) as place:
        with pytest.raises(AccountUnclear) as unclear:
            RemoteApprover(place, CONTRACT).approve(SAMPLES["Anchor"])
        assert unclear.value.count == 2
        named = RemoteApprover(place, CONTRACT, account=KEY.address)
        assert named.approve(SAMPLES["Anchor"]).approver == KEY.address


def test_answer_that_is_another_accounts_is_refused() -> None:
    with foreign("eth_signTypedData_v4", secret=b"\x2b" * 32) as place:
        with pytest.raises(AnswerForeign) as wrong:
            RemoteApprover(place, CONTRACT).approve(SAMPLES["Anchor"])
        assert (wrong.value.account, wrong.value.code) == (KEY.address, "signer/answer-foreign")
    claimed = Address("0x" + "11" * 20)
    with foreign("eth_signTypedData_v4") as place, pytest.raises(AnswerForeign):
        RemoteApprover(place, CONTRACT, account=claimed).approve(SAMPLES["Anchor"])


def test_answer_over_another_contract_is_refused(desk: Desk) -> None:
    elsewhere = replace(CONTRACT, chain_id=1)
    with pytest.raises(SignerRefused) as refused:
        RemoteApprover(f"unix://{desk.path}", elsewhere, seconds=5.0).approve(SAMPLES["Anchor"])
    assert refused.value.number == 4100
