"""Values of the embedded chain: what stands between the execution engine, the chain file and the JSON-RPC doors."""

from dataclasses import dataclass, field
from typing import Any

from registry.kernel.identifiers import BlockHash, TransactionHash

GAS_LIMIT = 60_000_000
"""Gas limit in every block header."""
GAS_TARGET = GAS_LIMIT // 2
"""Gas that we put into one block at most. By London's fee rule a block above half its limit raises the base fee, and
from 1 it never comes down again. At or below half, a base fee of 0 stays 0 by the unchanged rule: any client agrees."""
EMPTY_CODE_HASH = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
"""keccak256 of nothing: the code hash of an account without code."""
EMPTY_TRIE_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
"""Root of a trie that holds nothing."""
_BASE_GAS = 21_000
_FLOOR_GAS_PER_TOKEN = 10
_TOKENS_PER_BYTE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One block header, decoded."""

    number: int
    hash: BlockHash
    parent_hash: BlockHash
    timestamp: int
    """Whole seconds since 1970, UTC."""
    state_root: bytes
    transaction_root: bytes
    receipt_root: bytes
    bloom: bytes
    """256 bytes; a filter over addresses and topics of all logs of the block."""
    gas_limit: int
    gas_used: int
    base_fee: int
    coinbase: bytes
    difficulty: int
    extra_data: bytes
    mix_hash: bytes
    nonce: bytes
    uncles_hash: bytes
    withdrawals_root: bytes
    blob_gas_used: int
    excess_blob_gas: int
    parent_beacon_block_root: bytes
    requests_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A signed transaction with its recovered sender."""

    hash: TransactionHash
    raw: bytes
    """The signed bytes as they came (RLP, or type byte and RLP)."""
    kind: int
    """0 legacy, 1 access list, 2 dynamic fee."""
    chain_id: int | None
    """None: a legacy transaction without replay protection."""
    nonce: int
    sender: bytes
    to: bytes | None
    """None: creates a contract."""
    value: int
    gas: int
    gas_price: int
    """Of a legacy or access-list transaction; of a dynamic one the same as `max_fee`."""
    max_fee: int
    max_priority_fee: int
    data: bytes
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...]
    v: int
    """As signed: 0 or 1, in legacy transactions with the chain id folded in."""
    r: int
    s: int
    native: Any = field(repr=False, compare=False)
    """The execution engine's own object; nothing but the engine looks inside."""

    @property
    def price(self) -> int:
        """What a unit of gas costs the sender at base fee 0."""
        return min(self.max_fee, self.max_priority_fee)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event written by a contract."""

    address: bytes
    topics: tuple[bytes, ...]
    """At most four, 32 bytes each."""
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What one transaction of a block did."""

    transaction: Transaction
    succeeded: bool
    gas_used: int
    cumulative_gas_used: int
    """Of this and all transactions before it in the block."""
    created: bytes | None
    """Address of the contract that the transaction created, also when creating it failed."""
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBlock:
    """A block that has been executed and not been written yet."""

    header: Header
    executions: tuple[Execution, ...]
    left_over: tuple[Transaction, ...]
    """Transactions that found no room; they wait for the next block."""
    entries: dict[bytes, bytes]
    """All that the block adds to or changes in the engine's key-value store."""
    size: int
    """Bytes of the block's RLP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as the state holds it; one that does not exist is all empty."""

    nonce: int = 0
    balance: int = 0
    storage_root: bytes = EMPTY_TRIE_ROOT
    code_hash: bytes = EMPTY_CODE_HASH


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A message to execute without writing anything."""

    sender: bytes
    to: bytes | None
    data: bytes
    value: int
    gas: int
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """What a call that was not written has done."""

    output: bytes
    """Returned data; on a revert, the revert data."""
    failure: str | None
    """None: it succeeded. Else `execution reverted`, `out of gas`, … as geth words it."""
    gas_used: int
    gas_refunded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageProof:
    """The path to one storage slot, or to where it would be."""

    slot: int
    value: int
    nodes: tuple[bytes, ...]
    """RLP of the trie nodes from the root down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateProof:
    """The path to one account (EIP-1186), or to where it would be, and to some of its slots."""

    address: bytes
    account: Account
    nodes: tuple[bytes, ...]
    slots: tuple[StorageProof, ...]


def floor_gas(data: bytes) -> int:
    """Compute the least gas that a transaction with these call data pays (EIP-7623)."""
    zeros = data.count(0)
    return _BASE_GAS + _FLOOR_GAS_PER_TOKEN * (zeros + _TOKENS_PER_BYTE * (len(data) - zeros))
