"""The execution engine: the only module that knows py-evm.

py-evm has had no release since 2025-05; what another EVM would have to offer in its place is what `Engine` shows.
It keeps no state between calls beside a cache of headers, which cannot change: what is read comes through `read`, what
is to be written leaves as `BuiltBlock.entries`.

Building a block:
1. Take the parent's header; make the next one with our time, our gas limit, the sealer as coinbase; the base fee is 0
   by the fee rule.
2. Run the transactions in order over a staging store. One that finds no room under GAS_TARGET waits, and so do
   the later ones of its sender. One that cannot be run at all ends the attempt: OffendingTransaction names it, and the
   staging store is thrown away.
3. Compute the roots, let py-evm check the block by its own rules, add header and canonical head to the staging store.
"""

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import rlp  # type: ignore[import-untyped]  # ships no types
from eth.abc import ComputationAPI, SignedTransactionAPI, StateAPI
from eth.chains.base import MiningChain
from eth.constants import SECPK1_N
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.db.chain import ChainDB
from eth.exceptions import OutOfGas, PyEVMError, Revert
from eth.rlp.accounts import Account as StoredAccount
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.interrupt import EVMMissingData
from eth.vm.spoof import SpoofTransaction
from eth_bloom.bloom import BloomFilter
from eth_keys.exceptions import BadSignature
from eth_typing import Address as EngineAddress
from eth_typing import Hash32
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from trie.exceptions import MissingTrieNode
from trie.hexary import HexaryTrie

from node.embedded.errors import BlockUnbuildable, OffendingTransaction, StateMissing, TransactionMalformed
from node.embedded.model import (
    EMPTY_CODE_HASH,
    GAS_LIMIT,
    GAS_TARGET,
    Account,
    BuiltBlock,
    Call,
    CallOutcome,
    Execution,
    Header,
    Log,
    StateProof,
    StorageProof,
    Transaction,
    floor_gas,
)
from registry.kernel.identifiers import BlockHash, TransactionHash

ENGINE_FAULTS: tuple[type[Exception], ...] = (
    PyEVMError,
    ValidationError,
    rlp.exceptions.RLPException,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What py-evm may throw over a transaction that it cannot run, its own mistakes included: no transaction may stop the
chain. Faults of the disk (OSError, ChainFileUnavailable) are not the transaction's and pass through."""
_RUNNING_FAULTS: tuple[type[Exception], ...] = (*ENGINE_FAULTS, MissingTrieNode)
_DECODING_FAULTS: tuple[type[Exception], ...] = (*ENGINE_FAULTS, BadSignature)
_CREATE = b""
_SHORTEST_HASHED_NODE = 32
_LONGEST_REASON = 200


class _HeaderStore(ChainDB):
    """py-evm's store without the tries of transactions and receipts: those are rows of ours."""

    def persist_trie_data_dict(self, trie_data_dict: dict[Any, bytes]) -> None:
        """Keep nothing."""


class _Staging(AtomicDB):
    """What a block writes, over what is stored; thrown away or written whole."""

    def __init__(self, read: Callable[[bytes], bytes]) -> None:
        super().__init__(_Overlay(read))

    @property
    def entries(self) -> dict[bytes, bytes]:
        overlay = self.wrapped_db
        assert isinstance(overlay, _Overlay)
        return overlay.written


class _Overlay(BaseDB):
    def __init__(self, read: Callable[[bytes], bytes]) -> None:
        self._read = read
        self.written: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        found = self.written.get(key)
        return self._read(key) if found is None else found

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.written[key] = value

    def __delitem__(self, key: bytes) -> None:
        # Nothing of the past is ever deleted: every old state stays readable.
        self.written.pop(key, None)

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True


class Engine:
    """Prague rules over a key-value store. Reading is safe from many threads; one thread builds."""

    def __init__(self, read: Callable[[bytes], bytes], *, chain_id: int, coinbase: bytes) -> None:
        self.chain_id = chain_id
        self._read = read
        self._coinbase = coinbase
        self._chain_class: type[MiningChain] = MiningChain.configure(
            "EmbeddedMiningChain",
            chain_id=chain_id,
            vm_configuration=((0, PragueVM),),
            chaindb_class=_HeaderStore,
        )
        self._header = functools.lru_cache(maxsize=4096)(self._decoded_header)

    # --- building

    def build_genesis(self, alloc: Mapping[bytes, int], timestamp: int) -> BuiltBlock:
        """Make block 0 with the balances of `alloc` (address of 20 bytes → wei)."""
        staging = _Staging(_read_nothing)
        chain = self._chain_class.from_genesis(
            staging,
            {
                "difficulty": 0,
                "gas_limit": GAS_LIMIT,
                "timestamp": timestamp,
                "base_fee_per_gas": 0,
                "coinbase": self._coinbase,
            },
            {
                EngineAddress(address): {"balance": balance, "nonce": 0, "code": b"", "storage": {}}
                for address, balance in alloc.items()
            },
        )
        header = chain.get_canonical_head()
        size = len(rlp.encode([rlp.encode(header), [], [], []]))
        return BuiltBlock(header=_header(header), executions=(), left_over=(), entries=staging.entries, size=size)

    def build(self, parent: Header, timestamp: int, transactions: Sequence[Transaction]) -> BuiltBlock:
        """Execute the next block. Raises OffendingTransaction, BlockUnbuildable."""
        # 1. the header
        staging = _Staging(self._read)
        chain = self._chain_class(staging)
        native_parent = self._native_header(parent.hash)
        opened = chain.create_header_from_parent(
            native_parent, timestamp=timestamp, gas_limit=GAS_LIMIT, coinbase=self._coinbase
        )
        assert opened.base_fee_per_gas == 0, "GAS_TARGET keeps the base fee at 0"
        vm = chain.get_vm(opened)
        header = vm.get_block().header

        # 2. the transactions
        executions: list[Execution] = []
        receipts: list[Any] = []
        taken: list[SignedTransactionAPI] = []
        left_over: list[Transaction] = []
        waiting: set[bytes] = set()
        for transaction in transactions:
            if transaction.sender in waiting or header.gas_used + transaction.gas > GAS_TARGET:
                waiting.add(transaction.sender)
                left_over.append(transaction)
                continue
            try:
                with _complete_state():
                    after, (receipt,), (computation,) = vm.apply_all_transactions([transaction.native], header)
            except ENGINE_FAULTS as error:
                raise OffendingTransaction(transaction, _reason(error)) from error
            executions.append(_execution(transaction, header.gas_used, receipt, computation))
            receipts.append(receipt)
            taken.append(transaction.native)
            header = after

        # 3. the block
        try:
            with _complete_state():
                filled = vm.set_block_transactions_and_withdrawals(vm.get_block(), header, taken, receipts)
                block = vm.mine_block(filled).block
                chain.chaindb.persist_header(block.header)
        except ENGINE_FAULTS as error:
            raise BlockUnbuildable(_reason(error)) from error
        return BuiltBlock(
            header=_header(block.header),
            executions=tuple(executions),
            left_over=tuple(left_over),
            entries=staging.entries,
            size=len(rlp.encode(block)),
        )

    # --- headers and transactions

    def header(self, block_hash: BlockHash) -> Header:
        """Read a header. Raises KeyError when it is not stored."""
        return self._header(block_hash)

    def canonical_head(self) -> BlockHash:
        """Tell the head that the engine's own store names. Raises KeyError when it names none."""
        return BlockHash(self._read(b"v1:canonical_head_hash"))

    def decode(self, raw: bytes, sender: bytes | None = None) -> Transaction:
        """Decode a signed transaction; a known `sender` need not be recovered. Raises TransactionMalformed."""
        if raw[:1] in (b"\x03", b"\x04"):
            raise TransactionMalformed("transaction type not supported")
        try:
            native = PragueVM.get_transaction_builder().decode(raw)
            if _canonical(native) != raw:
                raise TransactionMalformed("rlp: not the canonical encoding")
            if sender is not None:
                return _transaction(native, raw, sender)
            if native.gas < native.intrinsic_gas:
                raise TransactionMalformed(
                    f"intrinsic gas too low: gas {native.gas}, minimum needed {native.intrinsic_gas}"
                )
            # Two signatures, s and n - s, fit one message: only the lower may, else a transaction has two hashes.
            if native.s > SECPK1_N // 2:
                raise TransactionMalformed("invalid transaction v, r, s values")
            native.validate()
            return _transaction(native, raw, native.sender)
        except _DECODING_FAULTS as error:
            raise TransactionMalformed(_reason(error)) from error

    # --- state

    def account(self, state_root: bytes, address: bytes) -> Account:
        """Read an account (address of 20 bytes); one that does not exist is all empty."""
        with _complete_state():
            return _account(self._trie(state_root)[keccak(address)])

    def code(self, state_root: bytes, address: bytes) -> bytes:
        """Read the code of a contract; empty for any other account."""
        account = self.account(state_root, address)
        if account.code_hash == EMPTY_CODE_HASH:
            return b""
        try:
            return self._read(account.code_hash)
        except KeyError as error:
            raise StateMissing(f"code 0x{account.code_hash.hex()}") from error

    def storage(self, state_root: bytes, address: bytes, slot: int) -> int:
        """Read one storage slot of a contract."""
        root = self.account(state_root, address).storage_root
        with _complete_state():
            return _storage_value(self._trie(root)[keccak(slot.to_bytes(32, "big"))])

    def prove(self, state_root: bytes, address: bytes, slots: Sequence[int]) -> StateProof:
        """Prove an account and some of its slots, or that they are not there (EIP-1186)."""
        account = self.account(state_root, address)
        storage = self._trie(account.storage_root)
        with _complete_state():
            return StateProof(
                address=address,
                account=account,
                nodes=_proof(self._trie(state_root), keccak(address)),
                slots=tuple(
                    StorageProof(
                        slot=slot,
                        value=_storage_value(storage[keccak(slot.to_bytes(32, "big"))]),
                        nodes=_proof(storage, keccak(slot.to_bytes(32, "big"))),
                    )
                    for slot in slots
                ),
            )

    def call(self, header: Header, call: Call, *, next_block_at: int | None = None) -> CallOutcome:
        """Run a message over the state after `header` and write nothing.

        The message sees `header` as its block; with `next_block_at` (a time) it sees the block that would follow.
        Raises ValueError when it cannot even begin: not enough balance, gas below what a transaction costs at least.
        """
        with self._state(header, next_block_at) as state:
            builder: Any = PragueVM.get_transaction_builder()
            unsigned = builder.new_unsigned_dynamic_fee_transaction(
                chain_id=self.chain_id,
                nonce=state.get_nonce(EngineAddress(call.sender)),
                max_priority_fee_per_gas=0,
                max_fee_per_gas=0,
                gas=call.gas,
                to=_CREATE if call.to is None else call.to,
                value=call.value,
                data=call.data,
                access_list=call.access_list,
            )
            least = max(unsigned.intrinsic_gas, floor_gas(call.data))
            if call.gas < least:
                raise ValueError(f"intrinsic gas too low: gas {call.gas}, minimum needed {least}")
            spoofed: Any = SpoofTransaction(unsigned, from_=call.sender)
            try:
                with _complete_state():
                    computation = state.apply_transaction(spoofed)
            except ENGINE_FAULTS as error:
                raise ValueError(_reason(error)) from error
            return CallOutcome(
                output=computation.output,
                failure=_failure(computation),
                gas_used=PragueVM.finalize_gas_used(spoofed, computation),
                gas_refunded=computation.get_gas_refund(),
            )

    @contextlib.contextmanager
    def _state(self, header: Header, next_block_at: int | None) -> Iterator[StateAPI]:
        staging = _Staging(self._read)
        native = self._native_header(header.hash)
        previous = self._previous_hashes(header)
        if next_block_at is None:
            next(previous, None)
        else:
            native = PragueVM.create_header_from_parent(
                native, timestamp=next_block_at, gas_limit=GAS_LIMIT, coinbase=self._coinbase
            )
        yield PragueVM.build_state(staging, native, ChainContext(self.chain_id), previous)

    def _previous_hashes(self, header: Header) -> Iterator[Hash32]:
        """Give the hash of `header` and those before it, read as far as asked for: BLOCKHASH reaches 256 back."""
        yield Hash32(header.hash)
        while header.number > 0:
            header = self.header(header.parent_hash)
            yield Hash32(header.hash)

    def _trie(self, root: bytes) -> HexaryTrie:
        return HexaryTrie(_Overlay(self._read), root)

    def _native_header(self, block_hash: BlockHash) -> Any:
        return rlp.decode(self._read(block_hash), sedes=PragueBlockHeader)

    def _decoded_header(self, block_hash: BlockHash) -> Header:
        return _header(self._native_header(block_hash))


def bloom_of(logs: Sequence[Log]) -> bytes:
    """Compute the bloom filter over the logs' addresses and topics, 256 bytes."""
    bloom = BloomFilter()
    for log in logs:
        bloom.add(log.address)
        for topic in log.topics:
            bloom.add(topic)
    return int(bloom).to_bytes(256, "big")


@contextlib.contextmanager
def _complete_state() -> Iterator[None]:
    """Tell a gap in the file from a transaction's own fault.

    py-evm's signal for it is a PyEVMError like any other, and its own clean-up may raise again over it.
    """
    try:
        yield
    except _RUNNING_FAULTS as error:
        origin: BaseException | None = error
        while origin is not None:
            if isinstance(origin, EVMMissingData | MissingTrieNode):
                raise StateMissing(_reason(origin)) from error
            origin = origin.__context__
        raise


def _read_nothing(key: bytes) -> bytes:
    raise KeyError(key)


def _header(native: Any) -> Header:
    return Header(
        number=native.block_number,
        hash=BlockHash(native.hash),
        parent_hash=BlockHash(native.parent_hash),
        timestamp=native.timestamp,
        state_root=native.state_root,
        transaction_root=native.transaction_root,
        receipt_root=native.receipt_root,
        bloom=native.bloom.to_bytes(256, "big"),
        gas_limit=native.gas_limit,
        gas_used=native.gas_used,
        base_fee=native.base_fee_per_gas,
        coinbase=native.coinbase,
        difficulty=native.difficulty,
        extra_data=native.extra_data,
        mix_hash=native.mix_hash,
        nonce=native.nonce,
        uncles_hash=native.uncles_hash,
        withdrawals_root=native.withdrawals_root,
        blob_gas_used=native.blob_gas_used,
        excess_blob_gas=native.excess_blob_gas,
        parent_beacon_block_root=native.parent_beacon_block_root or b"\x00" * 32,
        requests_hash=native.requests_hash,
    )


def _transaction(native: Any, raw: bytes, sender: bytes) -> Transaction:
    kind = native.type_id or 0
    return Transaction(
        hash=TransactionHash(keccak(raw)),
        raw=raw,
        kind=kind,
        chain_id=native.chain_id,
        nonce=native.nonce,
        sender=sender,
        to=native.to or None,
        value=native.value,
        gas=native.gas,
        gas_price=native.max_fee_per_gas,
        max_fee=native.max_fee_per_gas,
        max_priority_fee=native.max_priority_fee_per_gas,
        data=native.data,
        access_list=tuple((address, tuple(slots)) for address, slots in native.access_list),
        v=native.y_parity if kind else native.v,
        r=native.r,
        s=native.s,
        native=native,
    )


def _canonical(native: Any) -> bytes:
    """Encode a transaction anew: py-evm reads an empty list as 0 and keeps the bytes it was given.

    Signed is what it reads, hashed what it was given: without this check one signature would stand under two hashes.
    """
    inner = getattr(native, "_inner", native)
    encoded: bytes = rlp.encode(type(inner).serialize(inner))
    return encoded if inner is native else bytes([native.type_id]) + encoded


def _execution(transaction: Transaction, gas_before: int, receipt: Any, computation: ComputationAPI) -> Execution:
    return Execution(
        transaction=transaction,
        succeeded=not computation.is_error,
        gas_used=receipt.gas_used - gas_before,
        cumulative_gas_used=receipt.gas_used,
        created=computation.msg.storage_address if transaction.to is None else None,
        logs=tuple(
            Log(address=log.address, topics=tuple(topic.to_bytes(32, "big") for topic in log.topics), data=log.data)
            for log in receipt.logs
        ),
    )


def _account(encoded: bytes) -> Account:
    if not encoded:
        return Account()
    stored = rlp.decode(encoded, sedes=StoredAccount)
    return Account(
        nonce=stored.nonce, balance=stored.balance, storage_root=stored.storage_root, code_hash=stored.code_hash
    )


def _storage_value(encoded: bytes) -> int:
    return int.from_bytes(rlp.decode(encoded), "big") if encoded else 0


def _proof(trie: HexaryTrie, key: bytes) -> tuple[bytes, ...]:
    """Collect the nodes on the way to `key`, without those that stand inside their parent and have no own hash."""
    encoded = [rlp.encode(node) for node in trie.get_proof(key)]  # type: ignore[no-untyped-call]  # trie's gap
    return tuple(node for depth, node in enumerate(encoded) if depth == 0 or len(node) >= _SHORTEST_HASHED_NODE)


def _failure(computation: ComputationAPI) -> str | None:
    if not computation.is_error:
        return None
    error = computation.error
    if isinstance(error, Revert):
        return "execution reverted"
    if isinstance(error, OutOfGas):
        return "out of gas"
    return _reason(error)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return str(error)[:_LONGEST_REASON]
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]


# py-evm reports every discarded write batch as an error with a stack trace; for us that is how an offender is found.
logging.getLogger("eth.db.AtomicDBWriteBatch").setLevel(logging.CRITICAL)
