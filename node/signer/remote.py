"""An approver whose key another process holds: one of ours, Web3Signer, Clef, or a wallet that answers JSON-RPC."""

import json
import re
import socket
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from node.client.operations import typed_data
from node.client.rpc import Node, NodeRefusal
from node.signer.messages import RpcError, receive_message, send_message
from node.signer.wallet import SignatureMalformed, approver_by, signature_of
from registry.anchor.operations import Approvable, Approval
from registry.kernel.encoding import JsonRefused, parse_json
from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal, Unavailable
from registry.kernel.identifiers import Address, ContractAddress, IdentifierMalformed, address
from registry.ports import LedgerUnavailable

_PATIENCE_SECONDS: Final = 600.0
"""For a person to read and decide."""
_QUICK_SECONDS: Final = 10.0
_UNIX: Final = "unix://"
_CONTROL: Final = re.compile(r"[^\x20-\x7e]")


class SignerMethod(StrEnum):
    """How a signer is asked, by the name of its method."""

    WALLET = "eth_signTypedData_v4"
    """Ours, Frame and other wallets: the document as JSON text."""
    WEB3SIGNER = "eth_signTypedData"
    """The same text."""
    CLEF = "account_signTypedData"
    """The document as an object; its accounts are asked for with account_list."""


class SignerAddressMalformed(MalformedInput):
    """Where a signer is to be found is not written as one of the two forms."""

    code = "signer/address-malformed"

    def __init__(self) -> None:
        super().__init__("a signer's place is unix:///ABSOLUTE/PATH or http://HOST:PORT")


class SignerUnreachable(Unavailable):
    """A signer does not answer, or ended before it answered; nothing was kept."""

    code = "signer/unreachable"

    def __init__(self, where: str, cause: str) -> None:
        self.where, self.cause = where, cause
        super().__init__(f"no answer from the signer at {where}: {cause}")


class SignerDeclined(RuleRefusal):
    """The person at the signer said no."""

    code = "signer/declined"

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"the person at the signer {where} declined")


class SignerRefused(RuleRefusal):
    """A signer answered that it will not sign this."""

    code = "signer/refused"

    def __init__(self, where: str, number: object, text: str) -> None:
        self.where, self.number = where, number
        self.text = _CONTROL.sub("?", text)[:200]
        super().__init__(f"the signer at {where} refuses: {self.text or 'no reason given'} ({number})")


class AccountUnclear(Conflict):
    """A signer holds none or several accounts, and none is named."""

    code = "signer/account-unclear"

    def __init__(self, where: str, count: int) -> None:
        self.where, self.count = where, count
        super().__init__(f"the signer at {where} has {count} accounts, and none is named")


class AnswerForeign(RuleRefusal):
    """What a signer answered is not the named account's signature over what it was asked."""

    code = "signer/answer-foreign"

    def __init__(self, where: str, account: Address) -> None:
        self.where, self.account = where, account
        super().__init__(f"the signer at {where} answered with something else than a signature of {account}")


class _Line(Protocol):
    """Asks a signer one question."""

    where: str

    def ask(self, method: str, *parameters: object) -> Any:
        """Give the result. Raises SignerUnreachable, SignerDeclined, SignerRefused."""
        ...


class _SocketLine:
    """A connection for each question, as to the IPC socket of geth and Clef."""

    def __init__(self, path: Path, seconds: float) -> None:
        self.where = str(path)
        self._path, self._seconds = path, seconds

    def ask(self, method: str, *parameters: object) -> Any:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._seconds)
                connection.connect(str(self._path))
                send_message(connection, question)
                data = receive_message(connection, self._seconds)
        except TimeoutError as error:
            raise SignerUnreachable(self.where, f"{method}: no answer in time") from error
        except OSError as error:
            raise SignerUnreachable(self.where, (error.strerror or str(error)).lower()) from error
        if not data:
            raise SignerUnreachable(self.where, "it ended before it answered")
        try:
            answer = parse_json(data)
        except JsonRefused as error:
            raise SignerUnreachable(self.where, "the answer is not JSON-RPC") from error
        if not isinstance(answer, dict) or ("result" not in answer and not isinstance(answer.get("error"), dict)):
            raise SignerUnreachable(self.where, "the answer is not JSON-RPC")
        refusal = answer.get("error")
        if isinstance(refusal, dict):
            raise _refusal(self.where, refusal.get("code"), str(refusal.get("message", "")))
        return answer["result"]


class _HttpLine:
    """JSON-RPC over HTTP, with the same care as with a node: no proxy, no second try."""

    def __init__(self, url: str, seconds: float) -> None:
        self._node = Node.over_http(url, read_seconds=seconds)
        self.where = self._node.where

    def ask(self, method: str, *parameters: object) -> Any:
        try:
            return self._node.call(method, *parameters)
        except NodeRefusal as refusal:
            raise _refusal(self.where, refusal.number, refusal.text) from refusal
        except LedgerUnavailable as error:
            raise SignerUnreachable(self.where, error.cause) from error
        finally:
            self._node.close()


def _refusal(where: str, number: object, text: str) -> SignerDeclined | SignerRefused:
    return SignerDeclined(where) if number == RpcError.DECLINED else SignerRefused(where, number, text)


class RemoteApprover:
    """Asks a signer for approvals of one contract (`registry.ports.ApprovalSigner`); checks what it answers."""

    def __init__(
        self,
        place: str,
        contract: ContractAddress,
        *,
        method: SignerMethod = SignerMethod.WALLET,
        account: Address | None = None,
        seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """`place`: unix:///PATH or http(s)://HOST:PORT; `account`: needed where the signer has several.

        Raises SignerAddressMalformed.
        """
        self._line = _line(place, seconds)
        # Only Clef asks its person before it names its accounts; a doctor must not wait on any other.
        self._quick = self._line if method is SignerMethod.CLEF else _line(place, min(seconds, _QUICK_SECONDS))
        self._contract = contract
        self._method = method
        self._account = account

    @property
    def address(self) -> Address:
        """The account; asked for once where none was named. Raises SignerUnreachable, AccountUnclear, SignerRefused."""
        if self._account is None:
            found = self._quick.ask("account_list" if self._method is SignerMethod.CLEF else "eth_accounts")
            accounts = found if isinstance(found, list) else []
            if len(accounts) != 1:
                raise AccountUnclear(self._line.where, len(accounts))
            try:
                self._account = address(str(accounts[0]))
            except IdentifierMalformed as error:
                raise SignerUnreachable(self._line.where, "the answer is not JSON-RPC") from error
        return self._account

    def approve(self, asked: Approvable) -> Approval:
        """Have the EIP-712 structure signed.

        Raises SignerUnreachable, SignerDeclined, SignerRefused, AccountUnclear, AnswerForeign.
        """
        document = typed_data(asked, self._contract)
        sent = document if self._method is SignerMethod.CLEF else json.dumps(document)
        answer = self._line.ask(self._method.value, self.address, sent)
        try:
            signature = signature_of(str(answer))
            by = approver_by(signature, asked, self._contract)
        except SignatureMalformed as error:
            raise AnswerForeign(self._line.where, self.address) from error
        if by != self.address:
            raise AnswerForeign(self._line.where, self.address)
        return Approval(approver=by, deadline=asked.deadline, signature=signature)


def _line(place: str, seconds: float) -> _Line:
    if place.startswith(_UNIX):
        path = Path(place.removeprefix(_UNIX))
        if not path.is_absolute():
            raise SignerAddressMalformed
        return _SocketLine(path, seconds)
    try:
        parts = urlsplit(place)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise SignerAddressMalformed
    return _HttpLine(place, seconds)
