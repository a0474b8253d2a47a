"""A chain in this process without a file: eth-tester, behind the same JSON-RPC words as every node. For tests.

It has a sealer like the embedded chain, so nothing above it needs to know which of the two it talks to.
"""

import ast
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import rlp  # type: ignore[import-untyped]  # has no annotations
from eth_keys.datatypes import PrivateKey
from eth_tester import EthereumTester, PyEVMBackend  # type: ignore[import-untyped]  # has no annotations
from eth_tester.exceptions import (  # type: ignore[import-untyped]  # has no annotations
    BlockNotFound,
    TransactionFailed,
    TransactionNotFound,
)
from eth_tester.exceptions import ValidationError as TesterRefusal
from eth_utils.exceptions import ValidationError
from web3.providers.eth_tester import EthereumTesterProvider
from web3.types import RPCEndpoint, RPCResponse

from node.client.engines import seal_hash
from node.client.rpc import Node, octets
from registry.kernel.identifiers import Address, BlockHash

CHAIN_ID: Final = 20268
_GAS_LIMIT: Final = 60_000_000
_SEALER_KEY: Final = b"\x5e" * 32


class InProcessChain:
    """An eth-tester chain with one sealer, base fee 0 and a block for each transaction; usable from several threads."""

    def __init__(self, *, chain_id: int = CHAIN_ID, sealing: bool = True) -> None:
        genesis = PyEVMBackend.generate_genesis_params({"gas_limit": _GAS_LIMIT})
        # The base fee is no parameter that eth-tester lets one override, though it passes it on.
        backend = PyEVMBackend(genesis_parameters={**genesis, "base_fee_per_gas": 0})
        # The engine reads the chain id from the class, which eth-tester makes anew for each chain.
        type(backend.chain).chain_id = chain_id
        self.chain_id = chain_id
        self.tester = EthereumTester(backend, auto_mine_transactions=sealing)
        self._key = PrivateKey(_SEALER_KEY)
        self.sealer = Address(self._key.public_key.to_address())
        self.node = Node(_Provider(self), where="the chain in process")

    def seal_block(self) -> None:
        """Seal one block of what waits."""
        self.tester.mine_block()

    def seal(self, block: BlockHash) -> bytes:
        """Sign a block as the sealer."""
        return self._key.sign_msg_hash(seal_hash(block)).to_bytes()


class _Provider(EthereumTesterProvider):
    """Answers as a node would: errors as JSON-RPC errors with revert data, what is not there as null."""

    def __init__(self, chain: InProcessChain) -> None:
        super().__init__(chain.tester)
        self._chain = chain
        # eth-tester knows nothing of threads.
        self._turn = threading.Lock()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer one request of web3."""
        with self._turn:
            return self._answer(method, params)

    def _answer(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_chainId":
            return _result(hex(self._chain.chain_id))
        if method == "vermilion_getSeal":
            return _result("0x" + self._chain.seal(BlockHash(octets(params[0]))).hex())
        namespace, _, name = method.partition("_")
        endpoints: Mapping[str, Mapping[str, Callable[[Any, Any], Any]]] = self.api_endpoints or {}
        answer = endpoints.get(namespace, {}).get(name)
        if answer is None:
            return _error(-32601, f"the method {method} does not exist")
        if method == "eth_sendRawTransaction" and _chain_id(octets(params[0])) != self._chain.chain_id:
            # py-evm runs a transaction signed for any chain.
            return _error(-32000, "invalid sender: invalid chain id for signer")
        if method == "eth_call":
            # Left out, eth-tester offers a fee that not every caller can pay.
            params = [{"max_fee_per_gas": 0, "max_priority_fee_per_gas": 0, **params[0]}, *params[1:]]
        response: RPCResponse
        try:
            response = _result(answer(self._chain.tester, params))
        except (BlockNotFound, TransactionNotFound):
            response = _result(None)
        except TransactionFailed as error:
            response = _error(3, "execution reverted", _revert_data(str(error.args[0])))
        except (TesterRefusal, ValidationError) as error:
            response = _error(-32000, str(error))
        return response


def _chain_id(raw: bytes) -> int:
    """Read the chain id of a typed transaction, its first field."""
    return int.from_bytes(rlp.decode(raw[1:])[0], "big")


def _revert_data(text: str) -> str:
    # eth-tester keeps revert data only as the text of a bytes literal.
    try:
        return "0x" + bytes(ast.literal_eval(text)).hex()
    except (ValueError, SyntaxError, TypeError):
        return "0x"


def _result(result: Any) -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 1, "result": result}


def _error(code: int, message: str, data: str = "0x") -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message, "data": data}}
