"""JSON-RPC with one node through a web3 provider: one request, one answer or one of our errors; never a second try."""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception
from web3.providers import BaseProvider
from web3.types import RPCEndpoint

from contracts import FaultCode
from node.client.abi import FAULT_SELECTOR
from registry.anchor.operations import SignedTransaction
from registry.kernel.identifiers import TransactionHash
from registry.ports import LedgerUnavailable, TransactionRefused

_FAULT_TEXT: Final = re.compile(FAULT_SELECTOR.hex() + "([0-9a-f]{64})")
_POOLED_CONNECTIONS: Final = 16
_KNOWN_ALREADY: Final = ("already known", "known transaction", "already imported", "already exists", "already in cache")
_TRY_LATER: Final = (
    "pool is full",
    "syncing",
    "nonce too high",
    "nonce gap",
    "limit exceeded",
    "timeout",
    "base fee",  # what offers less waits for the fee to fall, or for a better offer
)
_METHOD_UNKNOWN: Final = -32601
_TROUBLE_OF_ITS_OWN: Final = frozenset({-32603, -32005, -32002})
"""JSON-RPC, EIP-1474: internal error, limit exceeded, resource unavailable; nothing is said about what was asked."""


class NodeRefusal(LedgerUnavailable):
    """A node answered a request with a JSON-RPC error."""

    code = "ledger/node-refused"

    def __init__(self, where: str, method: str, error: Any) -> None:
        told = error if isinstance(error, dict) else {"message": error}
        message = told.get("message")
        self.method = method
        self.number = told.get("code")
        """The JSON-RPC error code, if any."""
        self.text = message[:200] if isinstance(message, str) else ""
        self.data = told.get("data")
        """Whatever the node adds; on a revert most engines put the revert data here, some inside a text."""
        super().__init__(where, f"{method}: {self.text or 'refused'}")

    @property
    def method_unknown(self) -> bool:
        """Whether the node does not know the method at all."""
        return self.number == _METHOD_UNKNOWN

    @property
    def reverted(self) -> bool:
        """Whether a call was executed and refused by the contract."""
        return self.fault is not None or "revert" in self.text.lower()

    @property
    def fault(self) -> str | None:
        """Slug of the contract's refusal, if the answer holds one."""
        try:
            match = _FAULT_TEXT.search(f"{self.data} {self.text}".lower())
        except RecursionError:  # nested as no engine's answer is
            return None
        return fault_slug(int(match[1], 16)) if match else None


def fault_slug(number: int) -> str:
    """Name a refusal of the contract; a number of no known contract version keeps its number."""
    try:
        return FaultCode(number).slug
    except ValueError:
        return f"contract/fault-{number}"


class Node:
    """One node, reached through any web3 provider."""

    def __init__(self, provider: BaseProvider, *, where: str, close: Callable[[], None] | None = None) -> None:
        self.where = where
        """Host and port, or a word for what runs in process; stands in every error."""
        self._provider = provider
        self._close = close
        self._web3 = Web3(provider, middleware=[])

    @classmethod
    def over_http(cls, url: str, *, connect_seconds: float = 2.0, read_seconds: float = 10.0) -> "Node":
        """Reach a node over HTTP, without web3's own retries: they multiply time limits and repeat sends."""
        session = requests.Session()
        session.trust_env = False  # a proxy or netrc of the user's shell has no say in where the ledger is
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=_POOLED_CONNECTIONS, max_retries=0))
        provider = HTTPProvider(
            url,
            request_kwargs={"timeout": (connect_seconds, read_seconds)},
            session=session,
            exception_retry_configuration=None,
        )
        return cls(provider, where=_host_and_port(url), close=session.close)

    def call(self, method: str, *parameters: object) -> Any:
        """Ask one question and return the result as the provider gives it. Raises NodeRefusal, LedgerUnavailable."""
        ask = self._provider.request_func(self._web3, self._web3.middleware_onion)
        try:
            answer = ask(RPCEndpoint(method), list(parameters))
        except requests.Timeout as error:
            raise LedgerUnavailable(self.where, f"{method}: no answer in time") from error
        except (requests.RequestException, OSError, Web3Exception, ValueError, RecursionError) as error:
            raise LedgerUnavailable(self.where, f"{method}: {_cause(error)}") from error
        # What came over the network need not be what web3's types promise.
        fields: Any = answer
        if isinstance(fields, dict) and fields.get("error") is not None:
            raise NodeRefusal(self.where, method, fields["error"])
        if not isinstance(fields, dict) or "result" not in fields:
            raise LedgerUnavailable(self.where, f"{method}: the answer is not JSON-RPC")
        return fields["result"]

    def send(self, transaction: SignedTransaction) -> None:
        """Send signed bytes; knowing them already is success.

        Raises TransactionRefused when sending again would not help, NodeRefusal and LedgerUnavailable when it may.
        """
        try:
            self.call("eth_sendRawTransaction", "0x" + transaction.raw.hex())
        except NodeRefusal as refusal:
            text = refusal.text.lower()
            # Engines word one cause in many ways and several causes in one: whether the node knows the transaction
            # decides before any text does.
            if any(words in text for words in _KNOWN_ALREADY) or self.knows(transaction.hash):
                return
            if refusal.number in _TROUBLE_OF_ITS_OWN or any(words in text for words in _TRY_LATER):
                raise
            raise TransactionRefused(refusal.fault or refusal.text or "the node gives no reason") from refusal

    def receipt(self, transaction: TransactionHash) -> Any:
        """Ask for a transaction's receipt; None while there is none."""
        return self._looked_up("eth_getTransactionReceipt", transaction)

    def knows(self, transaction: TransactionHash) -> bool:
        """Tell whether a transaction is in a block or waits for one."""
        return self._looked_up("eth_getTransactionByHash", transaction) is not None

    def _looked_up(self, method: str, transaction: TransactionHash) -> Any:
        try:
            return self.call(method, "0x" + transaction.hex())
        except NodeRefusal as refusal:
            # Some engines answer "not found" as an error instead of null.
            if "not found" in refusal.text.lower():
                return None
            raise

    def close(self) -> None:
        """Let go of open connections."""
        if self._close is not None:
            self._close()


def quantity(value: Any) -> int:
    """Take a number as a provider gives it: 0x-hex over HTTP, an int from eth-tester. Raises ValueError."""
    if isinstance(value, str):
        return int(value, 16)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("neither a number nor one in hexadecimal digits")


def octets(value: Any) -> bytes:
    """Take bytes as a provider gives them: 0x-hex, or bytes from some providers in process. Raises ValueError."""
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise ValueError("neither bytes nor hexadecimal digits")


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}"


def _cause(error: BaseException) -> str:
    """Say in few words why a request failed: libraries wrap the one plain reason three deep."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror.lower()
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, requests.ConnectionError):
        return "the connection broke"
    return "the answer is not JSON-RPC"
