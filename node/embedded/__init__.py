"""The embedded chain: py-evm behind one module, one SQLite file, JSON-RPC in process and on the loopback interface.

`node.embedded.provider.EmbeddedProvider` gives it to web3; it is not named here because importing web3 takes a second.
"""

from node.embedded.chain import CLOCK_TOLERANCE_SECONDS, DEFAULT_CHAIN_ID, EmbeddedChain
from node.embedded.errors import (
    BlockNotFound,
    ChainFileBroken,
    ChainFileExists,
    ChainFileMissing,
    ChainLocked,
    ChainReadOnly,
    ClockBehindHead,
    NotLoopback,
    SealerMismatch,
    TransactionRefused,
)
from node.embedded.model import GAS_LIMIT, GAS_TARGET
from node.embedded.rpc import MAX_LOGS, Rpc
from node.embedded.seals import recover_sealer, seal_digest, sealer_address
from node.embedded.server import RpcServer, serve
from node.embedded.wire import RpcError, RpcErrorCode

__all__ = [
    "CLOCK_TOLERANCE_SECONDS",
    "DEFAULT_CHAIN_ID",
    "GAS_LIMIT",
    "GAS_TARGET",
    "MAX_LOGS",
    "BlockNotFound",
    "ChainFileBroken",
    "ChainFileExists",
    "ChainFileMissing",
    "ChainLocked",
    "ChainReadOnly",
    "ClockBehindHead",
    "EmbeddedChain",
    "NotLoopback",
    "Rpc",
    "RpcError",
    "RpcErrorCode",
    "RpcServer",
    "SealerMismatch",
    "TransactionRefused",
    "recover_sealer",
    "seal_digest",
    "sealer_address",
    "serve",
]
