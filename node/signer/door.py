"""A signer process: holds one approver's key and answers JSON-RPC on a Unix socket that its owner alone can open.

It knows two methods that wallets know too, `eth_accounts` and `eth_signTypedData_v4`. What it is asked to sign becomes
our own value first (`node.signer.documents`); that value is shown, counted and signed.
"""

import contextlib
import fcntl
import grp
import os
import socket
import stat
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from contracts import LONGEST_APPROVAL
from node.signer.account import AccountKey, ApproverSigner, PolicyRefusal
from node.signer.documents import DocumentMalformed, read_document
from node.signer.messages import RpcError, error_answer, receive_message, send_message
from registry.anchor.operations import Approvable
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import JsonRefused, parse_json
from registry.kernel.errors import Conflict, MalformedInput, RegistryError, RuleRefusal
from registry.kernel.identifiers import ContractAddress
from registry.ports import Clock

_QUESTION_SECONDS: Final = 10.0
"""For a whole question to arrive; one is answered at a time."""
_WAITING: Final = 8
_OWNER_ALONE: Final = 0o177
"""As a mask."""
_OWNER_AND_GROUP: Final = 0o660

Consent = Callable[[Approvable], bool]
"""Shows to the key's person what is to be signed, and tells whether it may be."""
Told = Callable[[Approvable | RegistryError], None]
"""Told what was signed, or why something was not."""


class DailyCapReached(RuleRefusal):
    """As much has been signed today as the signer was told to sign in a day."""

    code = "signer/cap-reached"

    def __init__(self, cap: int) -> None:
        self.cap = cap
        super().__init__(f"{cap} signatures were given today, as many as are allowed")


class PersonDeclined(RuleRefusal):
    """The key's person was asked and said no."""

    code = "signer/person-declined"

    def __init__(self) -> None:
        super().__init__("the key's person said no")


class SignerRunning(Conflict):
    """Something else answers on the socket, or another file lies there."""

    code = "signer/socket-taken"

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        super().__init__(f"{path}: {what}")


class GroupUnknown(MalformedInput):
    """The machine has no group of that name."""

    code = "signer/group-unknown"

    def __init__(self, group: str) -> None:
        self.group = group
        super().__init__(f"this machine has no group {group}")


class ApproverDoor:
    """Answers questions for one key and one contract.

    1. The account named is the key's.
    2. The document is one of the structures that approvers sign, for this contract.
    3. Its deadline lies ahead, and no further than the contract would take it.
    4. The day's signatures are not used up; days are those of UTC+8, counted from the start of the process.
    5. The person consents.
    """

    def __init__(
        self, key: AccountKey, contract: ContractAddress, *, clock: Clock, daily: int, consent: Consent, told: Told
    ) -> None:
        self._key = key
        self._signer = ApproverSigner(key, contract)
        self._contract = contract
        self._clock = clock
        self._daily = daily
        self._consent = consent
        self._told = told
        self._day: date | None = None
        self._signed_today = 0

    def answer(self, data: bytes) -> dict[str, Any]:
        """Answer one JSON-RPC request; never raises an error of ours."""
        try:
            request = parse_json(data)
        except JsonRefused as error:
            return error_answer(None, RpcError.NOT_JSON, str(error), error.code)
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return error_answer(None, RpcError.NOT_A_REQUEST, "expected one JSON-RPC request")
        identifier, method, parameters = request.get("id"), request["method"], request.get("params", [])
        if method == "eth_accounts":
            return _result(identifier, [self._key.address])
        if method != "eth_signTypedData_v4":
            return error_answer(identifier, RpcError.UNKNOWN_METHOD, f"this signer knows no {str(method)[:40]}")
        if not isinstance(parameters, list) or len(parameters) != 2:
            return error_answer(identifier, RpcError.WRONG_PARAMETERS, "expected an account and a document")
        try:
            return _result(identifier, "0x" + self._sign(*parameters).hex())
        except RegistryError as error:
            self._told(error)
            return error_answer(identifier, _number_of(error), str(error), error.code)

    def _sign(self, account: object, document: object) -> bytes:
        # 1
        if str(account).lower() != self._key.address:
            raise PolicyRefusal("account", self._key.address, str(account)[:42])
        # 2
        read = parse_json(document.encode()) if isinstance(document, str) else document
        asked = read_document(read, self._contract)
        # 3
        now = self._clock.now()
        latest = int(now.timestamp()) + LONGEST_APPROVAL
        if not int(now.timestamp()) < asked.deadline <= latest:
            raise PolicyRefusal("deadlines from now to", str(latest), str(asked.deadline))
        # 4
        self._require_below_cap(now)
        # 5
        if not self._consent(asked):
            raise PersonDeclined
        self._signed_today += 1
        signature = self._signer.approve(asked).signature
        self._told(asked)
        return signature

    def _require_below_cap(self, now: datetime) -> None:
        today = now.astimezone(CHINA_TIME).date()
        if today != self._day:
            self._day, self._signed_today = today, 0
        if self._signed_today >= self._daily:
            raise DailyCapReached(self._daily)


def _result(identifier: Any, value: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "result": value}


def _number_of(error: RegistryError) -> RpcError:
    match error:
        case PersonDeclined():
            return RpcError.DECLINED
        case DailyCapReached():
            return RpcError.LIMIT_EXCEEDED
        case DocumentMalformed() | JsonRefused():
            return RpcError.WRONG_PARAMETERS
        case _:
            return RpcError.UNAUTHORIZED


class DoorSocket:
    """A Unix socket, for its owner alone or for a group, behind which a door answers one question at a time."""

    def __init__(self, path: Path, *, group: str | None = None) -> None:
        """Bind the socket, in the place of one that a killed process left; mode 0600, or 0660 with a group.

        1. Take the lock of this place; it lasts as long as the socket, or the process.
        2. Take away a socket behind which nobody is.
        3. Bind, give it to the group, listen: all of it, or nothing is left behind.
        Raises GroupUnknown, SignerRunning, OSError.
        """
        self.path = path
        self._closed = False
        members = None if group is None else _group_number(group)
        with contextlib.ExitStack() as undo:
            # 1
            self._lock = _locked(path)
            undo.callback(os.close, self._lock)
            # 2
            _make_room(path)
            # 3
            self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            undo.callback(self._server.close)
            before = os.umask(_OWNER_ALONE)
            try:
                self._server.bind(str(path))
            finally:
                os.umask(before)
            self._bound = path.lstat()
            undo.callback(self._take_away)
            if members is not None:
                os.chown(path, -1, members)
                path.chmod(_OWNER_AND_GROUP)
            self._server.listen(_WAITING)
            undo.pop_all()

    def serve(self, door: ApproverDoor) -> None:
        """Answer until the socket is closed, or the process is interrupted."""
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                if self._closed:
                    return
                raise
            with connection, contextlib.suppress(OSError):  # who asks may leave at any time
                data = receive_message(connection, _QUESTION_SECONDS)
                if data:
                    send_message(connection, door.answer(data))

    def close(self) -> None:
        """Answer no more; take the socket away."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes a `serve` that waits in another thread
        self._server.close()
        self._take_away()
        os.close(self._lock)  # gives the lock up

    def _take_away(self) -> None:
        """Remove the socket, unless something else lies in its place by now."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self.path.lstat(), self._bound):
                self.path.unlink()


def _group_number(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise GroupUnknown(name) from error


def _locked(path: Path) -> int:
    """Lock a file beside the socket, which stays: taken away, two could hold two files of one name."""
    handle = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            raise SignerRunning(path, "another signer answers there") from error
        raise
    return handle


def _make_room(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SignerRunning(path, "another file lies there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise SignerRunning(path, "another signer answers there")
