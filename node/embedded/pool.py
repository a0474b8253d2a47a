"""The pool of transactions that wait for a block.

In memory only: a sender keeps its signed bytes until it sees a receipt, and sends them again after a restart. Nonce
gaps are queued, as real nodes do, up to MAX_PER_SENDER ahead; what lies behind a gap waits until the gap is filled.
Refusals are worded as geth words them. Not safe for several threads: the chain holds its lock around every call.
"""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from node.embedded.errors import TransactionRefused
from node.embedded.model import EMPTY_CODE_HASH, GAS_TARGET, Account, Transaction, floor_gas
from registry.kernel.identifiers import TransactionHash

MAX_POOL = 16_384
"""Transactions in the pool at most."""
MAX_PER_SENDER = 4_096
"""Of one sender at most, and how far a nonce may lie ahead."""
MAX_TRANSACTION_SIZE = 131_072
"""Bytes of one signed transaction at most."""
MAX_INITCODE_SIZE = 49_152
"""Bytes of contract creation code at most (EIP-3860)."""
_REMEMBERED_DROPS = 16_384
_PRICE_BUMP_PERCENT = 10


@dataclass(frozen=True, slots=True)
class _Entry:
    arrival: int
    transaction: Transaction


class PendingPool:
    """Transactions of one chain that are well-formed, affordable when they came, and in no block yet."""

    def __init__(self, chain_id: int) -> None:
        self._chain_id = chain_id
        self._by_hash: dict[TransactionHash, _Entry] = {}
        self._by_sender: dict[bytes, dict[int, _Entry]] = {}
        self._dropped: OrderedDict[TransactionHash, str] = OrderedDict()
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._by_hash)

    def add(self, transaction: Transaction, account: Account) -> None:
        """Take a transaction of the sender whose account is `account` at the head. Raises TransactionRefused."""
        self._require_new(transaction)
        require_sound(transaction, self._chain_id)
        if transaction.nonce < account.nonce:
            raise TransactionRefused(f"nonce too low: next nonce {account.nonce}, tx nonce {transaction.nonce}")
        if transaction.nonce >= account.nonce + MAX_PER_SENDER:
            raise TransactionRefused(f"nonce too high: next nonce {account.nonce}, tx nonce {transaction.nonce}")
        if account.code_hash != EMPTY_CODE_HASH:
            raise TransactionRefused("sender not an eoa: the account has code")
        queued = self._by_sender.get(transaction.sender, {})
        replaced = queued.get(transaction.nonce)
        if replaced is not None:
            _require_bump(replaced.transaction, transaction)
        elif len(self._by_hash) >= MAX_POOL:
            raise TransactionRefused("txpool is full")
        cost = _cost(transaction) + sum(
            _cost(entry.transaction) for nonce, entry in queued.items() if nonce < transaction.nonce
        )
        if cost > account.balance:
            raise TransactionRefused(
                f"insufficient funds for gas * price + value: balance {account.balance}, tx cost {cost},"
                f" overshot {cost - account.balance}"
            )
        if replaced is not None:
            self._remove(replaced.transaction)
        # A replacement keeps the place of what it replaces.
        arrival = self._arrivals if replaced is None else replaced.arrival
        entry = _Entry(arrival, transaction)
        self._arrivals += 1
        self._by_hash[transaction.hash] = entry
        self._by_sender.setdefault(transaction.sender, {})[transaction.nonce] = entry

    def _require_new(self, transaction: Transaction) -> None:
        if transaction.hash in self._by_hash:
            raise TransactionRefused("already known")
        reason = self._dropped.get(transaction.hash)
        if reason is not None:
            raise TransactionRefused(f"transaction was dropped, no block can hold it: {reason}")

    def next_nonce(self, sender: bytes, nonce: int) -> int:
        """Tell the first nonce from `nonce` (the account's) on that is not taken in the pool."""
        queued = self._by_sender.get(sender, {})
        while nonce in queued:
            nonce += 1
        return nonce

    def find(self, transaction_hash: bytes) -> Transaction | None:
        """Find a waiting transaction."""
        entry = self._by_hash.get(TransactionHash(transaction_hash))
        return None if entry is None else entry.transaction

    def why_dropped(self, transaction_hash: bytes) -> str | None:
        """Tell why a transaction was dropped when a block was sealed; None when it was not."""
        return self._dropped.get(TransactionHash(transaction_hash))

    def executable(self, account_of: Callable[[bytes], Account]) -> list[Transaction]:
        """List what can run next, in order of arrival but each sender's in order of nonces; forget what is stale."""
        queues: list[tuple[int, bytes, Iterator[_Entry]]] = []
        firsts: dict[bytes, _Entry] = {}
        for sender in list(self._by_sender):
            entries = iter(self._runnable(sender, account_of(sender)))
            first = next(entries, None)
            if first is not None:
                firsts[sender] = first
                queues.append((first.arrival, sender, entries))
        heapq.heapify(queues)
        ordered = []
        while queues:
            _, sender, entries = queues[0]
            ordered.append(firsts[sender].transaction)
            following = next(entries, None)
            if following is None:
                heapq.heappop(queues)
            else:
                firsts[sender] = following
                heapq.heapreplace(queues, (following.arrival, sender, entries))
        return ordered

    def _runnable(self, sender: bytes, account: Account) -> list[_Entry]:
        queued = self._by_sender[sender]
        for nonce in [nonce for nonce in queued if nonce < account.nonce]:
            self._remove(queued[nonce].transaction)
        runnable = []
        balance, nonce = account.balance, account.nonce
        while nonce in queued and _cost(queued[nonce].transaction) <= balance:
            balance -= _cost(queued[nonce].transaction)
            runnable.append(queued[nonce])
            nonce += 1
        return runnable

    def drop(self, transaction: Transaction, reason: str) -> None:
        """Throw out a transaction that no block can hold, and remember why."""
        self._remove(transaction)
        self._dropped[transaction.hash] = reason
        if len(self._dropped) > _REMEMBERED_DROPS:
            self._dropped.popitem(last=False)

    def forget(self, transaction: Transaction) -> None:
        """Let go of a transaction that stands in a block now."""
        self._remove(transaction)

    def _remove(self, transaction: Transaction) -> None:
        if self._by_hash.pop(transaction.hash, None) is None:
            return
        queued = self._by_sender[transaction.sender]
        del queued[transaction.nonce]
        if not queued:
            del self._by_sender[transaction.sender]


def require_sound(transaction: Transaction, chain_id: int) -> None:
    """Check what can be told without the state: chain id, sizes, gas, fees. Raises TransactionRefused."""
    if transaction.chain_id is None:
        raise TransactionRefused("only replay-protected (EIP-155) transactions allowed over RPC")
    # py-evm runs a transaction signed for any chain, so this is the only guard against replay from another one.
    if transaction.chain_id != chain_id:
        raise TransactionRefused(
            f"invalid sender: invalid chain id for signer: have {transaction.chain_id} want {chain_id}"
        )
    if len(transaction.raw) > MAX_TRANSACTION_SIZE:
        raise TransactionRefused(
            f"oversized data: transaction size {len(transaction.raw)}, limit {MAX_TRANSACTION_SIZE}"
        )
    if transaction.to is None and len(transaction.data) > MAX_INITCODE_SIZE:
        raise TransactionRefused(
            f"max initcode size exceeded: code size {len(transaction.data)}, limit {MAX_INITCODE_SIZE}"
        )
    if transaction.gas > GAS_TARGET:
        raise TransactionRefused(f"exceeds block gas limit: tx gas {transaction.gas}, a block takes {GAS_TARGET}")
    if transaction.max_priority_fee > transaction.max_fee:
        raise TransactionRefused(
            "max priority fee per gas higher than max fee per gas:"
            f" maxPriorityFeePerGas: {transaction.max_priority_fee}, maxFeePerGas: {transaction.max_fee}"
        )
    floor = floor_gas(transaction.data)
    if transaction.gas < floor:
        raise TransactionRefused(
            f"insufficient gas for floor data gas cost: gas {transaction.gas}, minimum needed {floor}"
        )


def _cost(transaction: Transaction) -> int:
    return transaction.value + transaction.gas * transaction.max_fee


def _require_bump(old: Transaction, new: Transaction) -> None:
    enough = all(
        after > before and after * 100 >= before * (100 + _PRICE_BUMP_PERCENT)
        for before, after in ((old.max_fee, new.max_fee), (old.max_priority_fee, new.max_priority_fee))
    )
    if not enough:
        raise TransactionRefused("replacement transaction underpriced")
