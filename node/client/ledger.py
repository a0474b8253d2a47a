"""The chain as the workflows see it: `registry.ports.Ledger` over JSON-RPC with one node.

What is checked before the first answer, after each failure and every half minute:
1. the chain id;
2. the hash of block 0;
3. keccak256 of the code at the contract's address;
4. on an embedded chain, the sealer's signature over the newest block.
A node that was reset, replaced or restored behind the same address is found this way; nothing it said is passed on.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Self, TypeVar

from eth_hash.auto import keccak

from node.client.abi import functions
from node.client.engines import EngineProfile, profile_of, sealer_of
from node.client.history import HistoryUnreadable, Log, block_time, record_of
from node.client.operations import call_of
from node.client.rpc import Node, NodeRefusal, octets, quantity
from registry.anchor.facts import code_key
from registry.anchor.history import Block, Checkpoint, Record
from registry.anchor.operations import Operation, SignedTransaction
from registry.anchor.trust import TrustRoot
from registry.kernel.identifiers import Address, BatchId, BlockHash, IssuerCode, RootHash, TransactionHash
from registry.ports import Fate, FateKind, LedgerForeign, LedgerUnavailable, NoBlocks

T = TypeVar("T")

TRUST_SECONDS: Final = 30.0
"""How long a successful check of the trust root holds."""
BLOCKS_PER_QUESTION: Final = 2_000
"""Blocks of events asked for at a time; halved when a node finds it too much."""
_KEPT_BLOCKS: Final = 4_096
_LONGEST_CAUSE: Final = 200
OUT_OF_GAS: Final = "contract/out-of-gas"
REVERTED: Final = "contract/reverted"
"""A refusal without `Fault`: an argument outside its type, or code of another contract version."""


class Web3Ledger:
    """A chain with our contract on it, through one node; usable from several threads.

    Making one asks nothing: the first call checks the trust root, so a service may start before its node does.
    """

    def __init__(
        self,
        node: Node,
        trust_root: TrustRoot,
        *,
        confirmations: int | None = None,
        may_lag: bool = False,
        made_by: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`may_lag`: the node is reached over a network, and what answers there may be behind what answered before.

        `made_by`: gives a block in which the contract was there, None where that is not known: a node that has come so
        far and shows no code is another chain's, else it may be behind.
        """
        self._node = node
        self._may_lag, self._made_by = may_lag, made_by
        self._trust_root = trust_root
        self._profile: EngineProfile = profile_of(trust_root)
        self._confirmations = self._profile.confirmations if confirmations is None else confirmations
        self._contract = trust_root.contract.address
        self._check = threading.Lock()
        self._trusted_until = 0.0
        self._failure: tuple[float, str] = (0.0, "")
        self._blocks: dict[int, Block] = {}
        self._newest = 0
        self._sealed: BlockHash | None = None

    @classmethod
    def over_http(
        cls,
        url: str,
        trust_root: TrustRoot,
        *,
        confirmations: int | None = None,
        made_by: Callable[[], int | None] = lambda: None,
        connect_seconds: float = 2.0,
        read_seconds: float = 10.0,
    ) -> Self:
        """Reach the chain through a node's JSON-RPC over HTTP."""
        node = Node.over_http(url, connect_seconds=connect_seconds, read_seconds=read_seconds)
        return cls(node, trust_root, confirmations=confirmations, may_lag=True, made_by=made_by)

    def close(self) -> None:
        """Let go of open connections."""
        self._node.close()

    @property
    def trust_root(self) -> TrustRoot:
        """What was checked at connection."""
        return self._trust_root

    @property
    def nodes(self) -> int:
        """How many nodes answer and agree: 1, or LedgerUnavailable."""
        self._require_trusted()
        return 1

    # Reading

    def head(self) -> Block:
        """The last final block."""
        newest = self._newest_block()
        if self._confirmations == 0:
            self._keep(newest)
            return newest
        final = self._fetched(self._final_below(newest.number))
        if final is None:
            raise LedgerUnavailable(self._node.where, "the node's newest block went away")
        return final

    def block(self, number: int) -> Block | None:
        """One final block; None beyond the head."""
        if number > self._final_below(self._newest) and number > self._final_number():
            return None
        return self._fetched(number)

    def records(self, first: int, last: int) -> Iterator[Record]:
        """The records of final blocks `first` to `last`, both included, in ascending sequence.

        Raises HistoryUnreadable when an event is strange or the sequence has a gap: the node hides or invents.
        """
        last = min(last, self._final_number())
        step, expected = BLOCKS_PER_QUESTION, None
        while first <= last:
            until = min(first + step - 1, last)
            try:
                logs = self._logs(first, until)
            except NodeRefusal:
                if until == first:
                    raise
                step = max(1, (until - first + 1) // 2)
                continue
            for number, log in logs:
                record = record_of(log, self._block_of_log(number, log))
                if expected is not None and record.position.seq != expected:
                    raise HistoryUnreadable(number, f"expected record {expected}, found {record.position.seq}")
                expected = record.position.seq + 1
                yield record
            first = until + 1

    def shown(self, number: int) -> Block | None:
        """The block that stands at a height now, which may still go away; None beyond the newest."""
        return None if number > self._newest_block().number else self._block_at(hex(number))

    def checkpoint(self, block: Block) -> Checkpoint:
        """The history log as the contract itself has it, at the end of `block`."""
        size, root = self.view("checkpoint", at=block.number)
        return Checkpoint(size=size, root=RootHash(root))

    def status_nonce(self, issuer: IssuerCode, batch: BatchId) -> int:
        """How often suspensions of this batch have happened: what a reinstatement's approval signs."""
        names = functions()["batch"].output_names
        values = self.view("batch", code_key(issuer), batch)
        return int(values[names.index("statusNonce")])

    def view(self, name: str, *arguments: object, at: int | None = None) -> tuple[Any, ...]:
        """Call a view of the contract at a block (else the newest): its results, or the members of its struct."""
        function = functions()[name]
        call = {"to": self._contract, "data": "0x" + function.calldata(*arguments).hex()}
        answer = self._call("eth_call", call, "latest" if at is None else hex(at))
        try:
            return function.results(octets(answer))
        except ValueError as error:
            raise LedgerUnavailable(self._node.where, str(error)) from error

    # Sending

    @property
    def may_lag(self) -> bool:
        """Whether a head below one shown before can be a node that is behind."""
        return self._may_lag

    def settled_nonce(self, sender: Address) -> int:
        """How many transactions of `sender` blocks hold."""
        return self._quantity("eth_getTransactionCount", sender, "latest")

    def final_nonce(self, sender: Address) -> int:
        """How many transactions of `sender` final blocks hold."""
        return self._quantity("eth_getTransactionCount", sender, hex(self._final_number()))

    def next_nonce(self, sender: Address) -> int:
        """The same and what this node says is waiting, which another may not know, nor itself after a restart."""
        return self._quantity("eth_getTransactionCount", sender, "pending")

    def base_fee(self) -> int:
        """What the newest block takes for a unit of gas, in wei; 0 on a chain from before base fees."""
        newest = self._call("eth_getBlockByNumber", "latest", False)
        if not isinstance(newest, dict):
            raise LedgerUnavailable(self._node.where, "the node has no newest block")
        return self._read({"fee": newest.get("baseFeePerGas") or 0}, "fee", quantity)

    def refusal(self, operation: Operation, sender: Address) -> str | None:
        """Ask, without sending anything, why the contract would refuse `sender` this now; None = it would not."""
        call = call_of(operation)
        asked = {"from": sender, "to": self._contract, "data": _hex(call.data), "gas": hex(call.gas)}
        try:
            # As the next block would see it: delays and windows are measured by block times.
            self._call("eth_call", asked, "pending")
        except NodeRefusal as refusal:
            if refusal.reverted:
                return refusal.fault or REVERTED
            raise
        return None

    def broadcast(self, transaction: SignedTransaction) -> None:
        """Send stored bytes; knowing them already is success. Raises TransactionRefused."""
        self._trusting(lambda: self._node.send(transaction))

    def fate(self, transaction: TransactionHash) -> Fate:
        """Tell what became of a transaction."""
        receipt = self._trusting(lambda: self._node.receipt(transaction))
        if receipt is None:
            known = self._trusting(lambda: self._node.knows(transaction))
            return Fate(kind=FateKind.WAITING, held_up=self._no_blocks()) if known else Fate(kind=FateKind.UNKNOWN)
        number = self._read(receipt, "blockNumber", quantity)
        block = self._blocks.get(number) or self._block_at(hex(number))
        if block is None or block.hash != self._read(receipt, "blockHash", octets):
            # A reorganisation is under way: the receipt is of a block that no longer counts.
            return Fate(kind=FateKind.WAITING)
        if number > self._final_number():
            return Fate(kind=FateKind.INCLUDED, block=block)
        if self._read(receipt, "status", quantity) == 1:
            return Fate(kind=FateKind.FINAL, block=block)
        return Fate(kind=FateKind.REVERTED, block=block, fault=self._why(transaction, receipt, number))

    def _no_blocks(self) -> NoBlocks | None:
        """Ask the embedded chain why it makes no block; None = it does, or cannot say."""
        if not self._profile.sealed:
            return None
        try:
            cause = self._node.call("vermilion_whyNoBlock")
        except NodeRefusal:  # one that was made before it could be asked
            return None
        return NoBlocks(self._node.where, cause[:_LONGEST_CAUSE]) if isinstance(cause, str) and cause else None

    def _why(self, transaction: TransactionHash, receipt: Any, number: int) -> str | None:
        """See a reverted transaction refused once more: on the state before its block, else on the one after it."""
        sent = self._call("eth_getTransactionByHash", _hex(transaction))
        if sent is None:
            return None
        gas = self._read(sent, "gas", quantity)
        call = {
            "from": sent["from"],
            "to": sent["to"],
            "data": sent.get("input") or sent.get("data") or "0x",
            "gas": hex(gas),
        }
        plain = None
        for at in (number - 1, number):
            try:
                self._call("eth_call", call, hex(at))
            except NodeRefusal as refusal:
                if refusal.fault is not None:
                    return refusal.fault
                plain = REVERTED if refusal.reverted else plain
        return OUT_OF_GAS if self._read(receipt, "gasUsed", quantity) == gas else plain

    # Blocks and events

    def _final_number(self) -> int:
        return self.head().number

    def _final_below(self, newest: int) -> int:
        # Block 0 is part of the trust root and needs no confirmation.
        return max(0, newest - self._confirmations)

    def _fetched(self, number: int) -> Block | None:
        """Give a final block, from what is kept or from the node."""
        found = self._blocks.get(number) or self._block_at(hex(number))
        if found is not None:
            self._keep(found)
        return found

    def _newest_block(self) -> Block:
        newest = self._block_at("latest")
        if newest is None:
            raise LedgerUnavailable(self._node.where, "the node has no newest block")
        if newest.number < self._newest or self._blocks.get(newest.number, newest) != newest:
            # Restored from a copy, or reset: nothing learnt before counts until all is checked again.
            self._distrust()
            self._require_trusted()
        self._newest = newest.number
        if self._profile.sealed and newest.hash != self._sealed:
            self._require_sealed(newest)
        return newest

    def _block_at(self, which: str) -> Block | None:
        return self._block_of(self._call("eth_getBlockByNumber", which, False))

    def _block_of(self, answer: Any) -> Block | None:
        if answer is None:
            return None
        return Block(
            number=self._read(answer, "number", quantity),
            hash=BlockHash(self._read(answer, "hash", octets)),
            time=self._read(answer, "timestamp", lambda seconds: block_time(quantity(seconds))),
        )

    def _keep(self, block: Block) -> None:
        # Only final blocks come here. Plain dict operations are atomic; at worst a block is asked for twice.
        if len(self._blocks) >= _KEPT_BLOCKS:
            self._blocks = {}
        self._blocks[block.number] = block

    def _block_of_log(self, number: int, log: Log) -> Block:
        block = self.block(number)
        if block is not None and block.hash != log.block_hash:
            # What is kept may be older than the event: asked again, it must fit.
            block = self._block_at(hex(number))
        if block is None:
            # The event was final a moment ago: what answers now is behind what answered then.
            raise LedgerUnavailable(
                self._node.where, f"the node does not have block {number} yet, and showed its event"
            )
        if block.hash != log.block_hash:
            raise HistoryUnreadable(number, "the event's block is not the chain's")
        self._keep(block)
        return block

    def _logs(self, first: int, last: int) -> list[tuple[int, Log]]:
        asked = {"address": self._contract, "fromBlock": hex(first), "toBlock": hex(last)}
        found = []
        answer = self._call("eth_getLogs", asked)
        if not isinstance(answer, list) or not all(isinstance(entry, dict) for entry in answer):
            raise LedgerUnavailable(self._node.where, "the node's answer has no good list of events")
        for entry in answer:
            if entry.get("removed"):
                continue
            log = Log(
                topics=self._read(entry, "topics", lambda topics: tuple(octets(topic) for topic in topics)),
                data=self._read(entry, "data", octets),
                transaction=TransactionHash(self._read(entry, "transactionHash", octets)),
                block_hash=BlockHash(self._read(entry, "blockHash", octets)),
            )
            found.append((self._read(entry, "blockNumber", quantity), self._read(entry, "logIndex", quantity), log))
        found.sort(key=lambda one: one[:2])
        return [(number, log) for number, _, log in found]

    # Asking

    def _quantity(self, method: str, *parameters: object) -> int:
        return self._read({"result": self._call(method, *parameters)}, "result", quantity)

    def _read(self, answer: Any, name: str, reading: Callable[[Any], T]) -> T:
        try:
            return reading(answer[name])
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerUnavailable(self._node.where, f"the node's answer has no good {name}") from error

    def _call(self, method: str, *parameters: object) -> Any:
        return self._trusting(lambda: self._node.call(method, *parameters))

    def _trusting(self, asking: Callable[[], T]) -> T:
        """Ask a node that has been checked; an answer that does not come ends the trust."""
        self._require_trusted()
        try:
            return asking()
        except NodeRefusal:
            raise
        except LedgerUnavailable:
            self._distrust()
            raise

    # Trust

    def _distrust(self) -> None:
        self._trusted_until = 0.0

    def _require_trusted(self) -> None:
        if time.monotonic() < self._trusted_until:
            return
        asked = time.monotonic()
        with self._check:
            if time.monotonic() < self._trusted_until:
                return
            failed, cause = self._failure
            if failed > asked:
                # Another thread has just waited for this node in vain; waiting again in turn would add up.
                raise LedgerUnavailable(self._node.where, cause)
            try:
                self._compare()
            except LedgerUnavailable as error:
                self._failure = (time.monotonic(), error.cause)
                raise
            self._trusted_until = time.monotonic() + TRUST_SECONDS

    def _compare(self) -> None:
        root = self._trust_root
        # 1. the chain id
        chain_id = self._read({"result": self._node.call("eth_chainId")}, "result", quantity)
        _same("chain id", str(root.contract.chain_id), str(chain_id))
        # 2. the hash of block 0
        genesis = self._block_of(self._node.call("eth_getBlockByNumber", "0x0", False))
        _same("genesis", root.genesis.hex(), genesis.hash.hex() if genesis else "none")
        # 3. the contract's code
        code = self._code("latest")
        if not code and self._may_lag:
            code = self._code_once_made()
        _same("contract code", root.code_hash.hex(), keccak(code).hex())
        # 4. the seal of the newest block
        if self._profile.sealed:
            newest = self._block_of(self._node.call("eth_getBlockByNumber", "latest", False))
            if newest is None:
                raise LedgerUnavailable(self._node.where, "the node has no newest block")
            self._require_sealed(newest)
        # A chain with the same beginning may have been rewritten since: what is kept of it must still be there.
        kept = max(self._blocks.values(), key=lambda block: block.number, default=None)
        if kept and self._block_of(self._node.call("eth_getBlockByNumber", hex(kept.number), False)) != kept:
            self._blocks = {}

    def _code(self, at: str) -> bytes:
        return self._read({"result": self._node.call("eth_getCode", self._contract, at)}, "result", octets)

    def _code_once_made(self) -> bytes:
        """Ask a node that shows no contract once more, at a block by which there is one.

        Raises LedgerUnavailable where it may not have come that far: one that syncs anew begins with block 0.
        """
        newest, made_by = self._block_of(self._node.call("eth_getBlockByNumber", "latest", False)), self._made_by()
        if newest is None or made_by is None or newest.number < made_by:
            shown = "none" if newest is None else str(newest.number)
            raise LedgerUnavailable(
                self._node.where, f"the node has not come to the contract yet: its newest block is {shown}"
            )
        return self._code(hex(newest.number))

    def _require_sealed(self, block: Block) -> None:
        expected = " or ".join(self._trust_root.signers)
        try:
            answer = self._node.call("vermilion_getSeal", _hex(block.hash))
        except NodeRefusal as refusal:
            if refusal.method_unknown:
                raise LedgerForeign("engine", self._trust_root.engine.value, "one without seals") from refusal
            raise
        sealer = None if answer is None else sealer_of(block.hash, self._read({"seal": answer}, "seal", octets))
        if sealer not in self._trust_root.signers:
            raise LedgerForeign(f"seal of block {block.number}", expected, sealer or "none")
        self._sealed = block.hash


def _same(what: str, expected: str, found: str) -> None:
    if expected != found:
        raise LedgerForeign(what, expected, found)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
