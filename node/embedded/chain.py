"""The embedded chain: one sealer, one file, at most one block a second.

It is no consensus: one key seals, and whoever holds the file may begin another one. What binds it is the sealer's
signature over each block, checked against the trust root, and that anybody can run every block again (`check_block`).

Sealing a block:
1. Wait until the clock has passed the last block's second: block times are whole seconds and must grow, and sealing
   faster would run ahead of the clock.
2. Take what is executable from the pool and build the block; an offender is dropped and the rest built anew.
3. Sign the block hash.
4. Write block, state, rows and seal in one transaction; then let the pool go of what is included.
A crash before 4 is over loses nothing but the pool, whose senders hold the same bytes; after it, nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from node.embedded.engine import Engine
from node.embedded.errors import (
    BlockNotFound,
    BlockUnbuildable,
    ChainFileBroken,
    ChainReadOnly,
    ClockBehindHead,
    OffendingTransaction,
    SealerMismatch,
    StateMissing,
    TransactionMalformed,
    TransactionRefused,
)
from node.embedded.model import EMPTY_TRIE_ROOT, Account, BuiltBlock, Header, Transaction
from node.embedded.pool import PendingPool
from node.embedded.rpc import Rpc
from node.embedded.seals import recover_sealer, sealer_address, sign_seal
from node.embedded.storage import DIGEST_SIZE, BlockRow, ChainFile
from registry.kernel.errors import Unavailable
from registry.kernel.identifiers import Address, BlockHash, TransactionHash, address

DEFAULT_CHAIN_ID = 20268
"""Chain id of the demonstration."""
CLOCK_TOLERANCE_SECONDS = 5
"""How far the clock may stand before the last block and sealing still waits for it."""
_RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)


class EmbeddedChain:
    """An open chain; safe to read from many threads, to send from many, sealed by one.

    `rpc` answers JSON-RPC in process; `node.embedded.server.serve` puts the same answers on a port.
    """

    def __init__(self, file: ChainFile, *, sealer_key: bytes | None, clock: Callable[[], float] = time.time) -> None:
        self.file = file
        self.chain_id = int.from_bytes(file.meta("chain_id"), "big")
        self.sealer = Address("0x" + file.meta("sealer").hex())
        if sealer_key is not None and sealer_address(sealer_key) != self.sealer:
            raise SealerMismatch(self.sealer, sealer_address(sealer_key))
        self.engine = Engine(file.node, chain_id=self.chain_id, coinbase=bytes.fromhex(self.sealer[2:]))
        self.rpc = Rpc(self)
        self.sealing_fault: Exception | None = None
        """Why the last attempt of the sealing thread failed; None while all is well."""
        self._sealer_key = sealer_key
        self._clock = clock
        self._pool = PendingPool(self.chain_id)
        self._lock = threading.Lock()  # over the pool, and over writing a block together with what the pool forgets
        self._sealing = threading.Lock()  # one block is built at a time
        self._arrived = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._require_whole()

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        chain_id: int,
        sealer_key: bytes,
        alloc: Mapping[Address, int],
        genesis_time: int,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Begin a chain in a new file and open it for writing.

        `sealer_key` has 32 bytes, `alloc` gives balances in wei, `genesis_time` is in whole seconds and not ahead of
        the clock. Raises ChainFileExists, ChainLocked, ClockBehindHead.
        """
        if genesis_time > clock():
            raise ClockBehindHead(int(clock()), genesis_time)
        sealer = sealer_address(sealer_key)
        file = ChainFile.create(Path(path))
        try:
            engine = Engine(file.node, chain_id=chain_id, coinbase=bytes.fromhex(sealer[2:]))
            balances = {bytes.fromhex(address(holder)[2:]): balance for holder, balance in alloc.items()}
            genesis = engine.build_genesis(balances, genesis_time)
            facts = {
                "chain_id": chain_id.to_bytes(32, "big"),
                "sealer": bytes.fromhex(sealer[2:]),
                "genesis": genesis.header.hash,
            }
            file.write_genesis(genesis, sign_seal(genesis.header.hash, sealer_key), facts)
            return cls(file, sealer_key=sealer_key, clock=clock)
        except BaseException:
            file.close()
            raise

    @classmethod
    def open(cls, path: Path, *, sealer_key: bytes | None, clock: Callable[[], float] = time.time) -> Self:
        """Open a chain: with its sealer's key for writing, with None for reading beside the process that writes.

        Raises ChainFileMissing, ChainFileBroken, ChainLocked, SealerMismatch.
        """
        file = ChainFile.open(Path(path), writing=sealer_key is not None)
        try:
            return cls(file, sealer_key=sealer_key, clock=clock)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Stop sealing, close the file, give the lock back; may be called twice."""
        self.stop()
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- reading

    @property
    def read_only(self) -> bool:
        """Tell whether this chain was opened without a sealer's key."""
        return self._sealer_key is None

    @property
    def genesis(self) -> BlockHash:
        """The hash of block 0."""
        return BlockHash(self.file.meta("genesis"))

    def now(self) -> int:
        """Tell the time in whole seconds, by the clock that blocks are stamped with."""
        return int(self._clock())

    def head(self) -> Header:
        """Read the last block's header; in a read-only chain it moves as the other process writes."""
        return self.engine.header(self.file.head().hash)

    def header_by_number(self, number: int) -> Header:
        """Read a header. Raises BlockNotFound."""
        row = self.file.block_by_number(number)
        if row is None:
            raise BlockNotFound(str(number))
        return self.engine.header(row.hash)

    def header_by_hash(self, block_hash: bytes) -> Header:
        """Read a header. Raises BlockNotFound."""
        row = self.file.block_by_hash(block_hash)
        if row is None:
            raise BlockNotFound("0x" + block_hash.hex())
        return self.engine.header(row.hash)

    def next_block_time(self) -> int:
        """Tell the time that a block sealed now would carry."""
        return max(self.head().timestamp + 1, self.now())

    def pending_nonce(self, account: bytes) -> int:
        """Tell the next nonce of an address (20 bytes), the pool counted."""
        with self._lock:
            return self._pool.next_nonce(account, self._account(account).nonce)

    def pending(self) -> tuple[Transaction, ...]:
        """List the transactions that can go into the next block, in their order."""
        with self._lock:
            return tuple(self._pool.executable(self._account))

    def pending_transaction(self, transaction_hash: bytes) -> Transaction | None:
        """Find a transaction that waits in the pool, also behind a nonce gap."""
        with self._lock:
            return self._pool.find(transaction_hash)

    def why_dropped(self, transaction_hash: bytes) -> str | None:
        """Tell why sealing dropped a transaction; None when it did not. Forgotten at a restart."""
        with self._lock:
            return self._pool.why_dropped(transaction_hash)

    def why_no_block(self) -> str | None:
        """Tell why the sealing thread can make no block now; None while all is well."""
        fault = self.sealing_fault
        return None if fault is None else str(fault) or type(fault).__name__

    def _account(self, holder: bytes) -> Account:
        return self.engine.account(self.head().state_root, holder)

    # --- sending and sealing

    def send(self, raw: bytes) -> TransactionHash:
        """Put a signed transaction into the pool. Raises TransactionRefused, ChainReadOnly."""
        if self.read_only:
            raise ChainReadOnly
        try:
            transaction = self.engine.decode(raw)
        except TransactionMalformed as error:
            raise TransactionRefused(error.reason) from error
        with self._lock:
            self._pool.add(transaction, self._account(transaction.sender))
        self._arrived.set()
        return transaction.hash

    def seal_pending(self) -> tuple[Header, ...]:
        """Seal blocks until nothing executable is left; waits for the clock between them. Raises as `_seal_once`."""
        sealed = []
        while (header := self._seal_once()) is not None:
            sealed.append(header)
        return tuple(sealed)

    def seal_empty(self) -> Header | None:
        """Seal one block, also with nothing in it: a sign of life. None when the chain is stopping meanwhile."""
        return self._seal_once(even_empty=True)

    def start_sealing(self, *, heartbeat_seconds: int | None = None) -> None:
        """Seal in a thread of our own as transactions come; with a heartbeat also an empty block after a silence."""
        if self.read_only:
            raise ChainReadOnly
        if self._thread is not None:
            return
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._seal_until_stopped, args=(heartbeat_seconds,), name="embedded-sealer", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the sealing thread after the block it is at; the pool stays."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            self._arrived.set()
            thread.join()
        self._stopping.clear()

    def _seal_until_stopped(self, heartbeat_seconds: int | None) -> None:
        while not self._stopping.is_set():
            came = self._arrived.wait(heartbeat_seconds)
            self._arrived.clear()
            try:
                if not came:
                    self._seal_once(even_empty=True)
                while not self._stopping.is_set() and self._seal_once() is not None:
                    pass
                self.sealing_fault = None
            except (Unavailable, OSError) as error:  # full disk, a clock behind: said once, however often it is tried
                if _cause(error) != _cause(self.sealing_fault):
                    _log.warning("no block can be sealed, trying again: %s", error)
                self._try_again_after(error)
            except Exception as error:  # the outermost handler of this thread: sealing must not end in silence
                _log.exception("sealing failed; trying again")
                self._try_again_after(error)

    def _try_again_after(self, error: Exception) -> None:
        # The pool is as it was and the file as it was: once the disk or the clock is mended, sealing goes on.
        self.sealing_fault = error
        self._arrived.set()
        self._stopping.wait(_RETRY_SECONDS)

    def _seal_once(self, *, even_empty: bool = False) -> Header | None:
        """Seal one block; None when there is nothing to seal or the chain is stopping.

        Raises ClockBehindHead, ChainReadOnly, and ChainFileUnavailable when the disk refuses: nothing has changed then.
        """
        if self._sealer_key is None:
            raise ChainReadOnly
        with self._sealing:
            # 1. wait for the clock, if there is something to wait for
            if not even_empty and not self.pending():
                return None
            head = self.head()
            timestamp = self._wait_past(head.timestamp)
            if timestamp is None:
                return None

            # 2. build
            block = self._build(head, timestamp, list(self.pending()))
            if not block.executions and not even_empty:
                return None

            # 3. sign
            seal = sign_seal(block.header.hash, self._sealer_key)

            # 4. write
            with self._lock:
                self.file.write_block(block, seal)
                for execution in block.executions:
                    self._pool.forget(execution.transaction)
            return block.header

    def _wait_past(self, timestamp: int) -> int | None:
        """Wait until the clock's whole second is later than `timestamp`, and give it; None when told to stop."""
        while (now := self._clock()) < timestamp + 1:
            if now < timestamp - CLOCK_TOLERANCE_SECONDS:
                raise ClockBehindHead(int(now), timestamp)
            if self._stopping.wait(timestamp + 1 - now):
                return None
        return int(now)

    def _build(self, head: Header, timestamp: int, candidates: list[Transaction]) -> BuiltBlock:
        while True:
            try:
                return self.engine.build(head, timestamp, candidates)
            except OffendingTransaction as error:
                self._drop(error.transaction, error.reason)
                # What its sender has sent behind it waits for another transaction with the same nonce.
                candidates = [
                    other
                    for other in candidates
                    if other.sender != error.transaction.sender or other.nonce < error.transaction.nonce
                ]
            except BlockUnbuildable as error:
                # Nobody is named: halve until one stands alone, and drop that. But nobody is to blame if even an empty
                # block is refused.
                if not self._holds_together(head, timestamp):
                    raise self._broken(f"not even an empty block fits on it: {error.reason}") from error
                if len(candidates) == 1:
                    self._drop(candidates[0], error.reason)
                candidates = candidates[: len(candidates) // 2]

    def _holds_together(self, head: Header, timestamp: int) -> bool:
        try:
            self.engine.build(head, timestamp, ())
        except BlockUnbuildable:
            return False
        return True

    def _drop(self, transaction: Transaction, reason: str) -> None:
        _log.warning("transaction 0x%s dropped: %s", transaction.hash.hex(), reason)
        with self._lock:
            self._pool.drop(transaction, reason)

    # --- checking

    def _require_whole(self) -> None:
        """Check that the file ends with a complete block of this chain. Raises ChainFileBroken."""
        row = self.file.head()
        first = self.file.block_by_number(0)
        if first is None or first.hash != self.genesis:
            raise self._broken("block 0 is not the genesis block that the file names")
        try:
            header = self.engine.header(row.hash)
            named = self.engine.canonical_head()
            if header.state_root != EMPTY_TRIE_ROOT:  # the one root that has no node
                self.file.node(header.state_root)
        except KeyError as error:
            raise self._broken(f"block {row.number} is the last, and its header, head or state is missing") from error
        if named != row.hash or header.number != row.number:
            raise self._broken(f"block {row.number} is the last, and the engine's head is another")
        self._require_seal(row)

    def _require_seal(self, row: BlockRow) -> None:
        if recover_sealer(row.hash, row.seal) != self.sealer:
            raise self._broken(f"the seal of block {row.number} is not by {self.sealer}")

    def check_block(self, number: int) -> None:
        """Run a block again over its parent's state and compare everything that is stored. Raises ChainFileBroken."""
        row = self.file.block_by_number(number)
        if row is None:
            raise self._broken(f"block {number} is missing")
        self._require_seal(row)
        if number == 0:
            return
        try:
            parent = self.header_by_number(number - 1)
            stored = self.engine.header(row.hash)
            transactions = self.file.transactions(number)
            signed = [self.engine.decode(transaction.raw) for transaction in transactions]
            block = self.engine.build(parent, stored.timestamp, signed)
            for key, value in block.entries.items():
                # Under a digest stands its content; the engine's named keys have moved on since.
                if len(key) == DIGEST_SIZE and self.file.node(key) != value:
                    raise self._broken(f"block {number}: what stands under {key.hex()} is not what belongs there")
        except KeyError as error:
            raise self._broken(f"block {number} cannot be run again: an entry that it needs is missing") from error
        except (BlockNotFound, StateMissing, TransactionMalformed, OffendingTransaction, BlockUnbuildable) as error:
            raise self._broken(f"block {number} cannot be run again: {error}") from error
        if block.header.hash != row.hash or block.left_over:
            raise self._broken(f"block {number} run again gives another block")
        outcomes = [
            (
                execution.transaction.hash,
                execution.transaction.sender,
                execution.succeeded,
                execution.gas_used,
                execution.cumulative_gas_used,
                execution.created,
            )
            for execution in block.executions
        ]
        stored_outcomes = [
            (kept.hash, kept.sender, kept.succeeded, kept.gas_used, kept.cumulative_gas_used, kept.created)
            for kept in transactions
        ]
        logs = [
            (position, log.address, log.topics, log.data)
            for position, execution in enumerate(block.executions)
            for log in execution.logs
        ]
        stored_logs = [
            (log.transaction_position, log.address, log.topics, log.data) for log in self.file.logs_of_block(number)
        ]
        if outcomes != stored_outcomes or logs != stored_logs:
            raise self._broken(f"block {number} run again gives other receipts than those stored")

    def _broken(self, reason: str) -> ChainFileBroken:
        return ChainFileBroken(str(self.file.path), reason)


def _cause(error: Exception | None) -> tuple[object, ...]:
    """Tell one cause from another where messages differ at every try, as that of a clock that runs does."""
    return type(error), getattr(error, "cause", None), getattr(error, "errno", None)
