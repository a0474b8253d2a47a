"""The JSON-RPC methods of the embedded chain, behind every door: `dispatch` in process, `answer` for bytes from a wire.

Where geth leaves room, we do this:
- `latest`, `safe` and `finalized` are one: a sealed block is final.
- `pending` reads the state of the head; its nonces count the pool. A call at `pending`, and every gas estimate at the
  head, sees the block that would follow now (number + 1, the clock's time): blocks are sealed on demand, so the last
  one may be hours old.
- `eth_getLogs` gives at most MAX_LOGS logs and refuses a wider question (code -32005) instead of cutting it short.
- Types 3 (blobs) and 4 (code delegation) are refused; fees may be 0 and need not be.
"""

import json
import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from node.embedded.errors import BlockNotFound
from node.embedded.model import GAS_LIMIT, GAS_TARGET, Call, CallOutcome, Header, floor_gas
from node.embedded.questions import read_addresses, read_bound, read_call, read_topics
from node.embedded.storage import LogFilter, LogRow, TransactionRow
from node.embedded.views import header_view, log_view, proof_view, receipt_view, transaction_view
from node.embedded.wire import (
    JsonObject,
    RpcError,
    RpcErrorCode,
    data,
    invalid,
    quantity,
    read_address,
    read_data,
    read_digest,
    read_quantity,
    read_slot,
    word,
)
from registry.kernel.errors import RegistryError, Unavailable

if TYPE_CHECKING:
    from node.embedded.chain import EmbeddedChain

CLIENT_VERSION = "vermilion-embedded/1/py-evm-prague"
MAX_LOGS = 10_000
"""Logs in one answer at most."""
MAX_BATCH = 1_000
"""Requests in one JSON-RPC batch at most."""
MAX_FEE_HISTORY = 1_024
MAX_PROOF_KEYS = 1_024
_DEEPEST_JSON = 32
_JSON_STRUCTURE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)  # a string, or a bracket outside of one
_ERROR_STRING = bytes.fromhex("08c379a0")  # selector of Error(string)
_CALL_STIPEND = 2_300
_ESTIMATE_TOLERANCE = 64  # an estimate may be 1/64 too high

_log = logging.getLogger(__name__)

Parameters = list[Any]


class Rpc:
    """Answers of one chain. Safe for many threads."""

    def __init__(self, chain: "EmbeddedChain") -> None:
        self._chain = chain
        self._methods: dict[str, tuple[Callable[..., Any], int, int]] = {
            # name: (method, fewest parameters, most parameters)
            "web3_clientVersion": (lambda: CLIENT_VERSION, 0, 0),
            "net_version": (lambda: str(chain.chain_id), 0, 0),
            "net_listening": (lambda: True, 0, 0),
            "net_peerCount": (lambda: "0x0", 0, 0),
            "eth_chainId": (lambda: quantity(chain.chain_id), 0, 0),
            "eth_syncing": (lambda: False, 0, 0),
            "eth_mining": (lambda: not chain.read_only, 0, 0),
            "eth_accounts": (list, 0, 0),
            "eth_gasPrice": (lambda: "0x0", 0, 0),
            "eth_maxPriorityFeePerGas": (lambda: "0x0", 0, 0),
            "eth_blobBaseFee": (lambda: "0x1", 0, 0),
            "eth_feeHistory": (self._fee_history, 2, 3),
            "eth_blockNumber": (lambda: quantity(chain.head().number), 0, 0),
            "eth_getBlockByNumber": (self._block_by_number, 1, 2),
            "eth_getBlockByHash": (self._block_by_hash, 1, 2),
            "eth_getBlockTransactionCountByNumber": (self._transaction_count_by_number, 1, 1),
            "eth_getBlockTransactionCountByHash": (self._transaction_count_by_hash, 1, 1),
            "eth_getUncleCountByBlockNumber": (self._no_uncles, 1, 1),
            "eth_getUncleCountByBlockHash": (self._no_uncles, 1, 1),
            "eth_getBlockReceipts": (self._block_receipts, 1, 1),
            "eth_getBalance": (self._balance, 1, 2),
            "eth_getTransactionCount": (self._nonce, 1, 2),
            "eth_getCode": (self._code, 1, 2),
            "eth_getStorageAt": (self._storage_at, 2, 3),
            "eth_getProof": (self._proof, 2, 3),
            "eth_call": (self._call, 1, 3),
            "eth_estimateGas": (self._estimate_gas, 1, 3),
            "eth_sendRawTransaction": (self._send, 1, 1),
            "eth_getTransactionByHash": (self._transaction, 1, 1),
            "eth_getRawTransactionByHash": (self._raw_transaction, 1, 1),
            "eth_getTransactionByBlockNumberAndIndex": (self._transaction_by_number_and_index, 2, 2),
            "eth_getTransactionByBlockHashAndIndex": (self._transaction_by_hash_and_index, 2, 2),
            "eth_getTransactionReceipt": (self._receipt, 1, 1),
            "eth_getLogs": (self._logs, 1, 1),
            "vermilion_getSeal": (self._seal, 1, 1),
            "vermilion_getSealer": (lambda: chain.sealer, 0, 0),
            "vermilion_whyDropped": (self._why_dropped, 1, 1),
            "vermilion_whyNoBlock": (chain.why_no_block, 0, 0),
        }

    # --- doors

    def dispatch(self, method: str, params: Sequence[Any] = ()) -> Any:
        """Answer one call with plain JSON values. Raises RpcError."""
        found = self._methods.get(method)
        if found is None:
            raise RpcError(RpcErrorCode.METHOD_NOT_FOUND, f"the method {method[:80]} does not exist/is not available")
        function, fewest, most = found
        given = list(params)
        while given and given[-1] is None and len(given) > fewest:
            given.pop()  # trailing nulls stand for parameters left out
        if len(given) < fewest:
            raise invalid(f"missing value for required argument {len(given)}")
        if len(given) > most:
            raise invalid(f"too many arguments, want at most {most}")
        try:
            return function(*given)
        except BlockNotFound as error:
            raise RpcError(RpcErrorCode.SERVER, "header not found") from error
        except Unavailable as error:
            raise RpcError(RpcErrorCode.UNAVAILABLE, str(error)) from error
        except RegistryError as error:
            raise RpcError(RpcErrorCode.SERVER, str(error)) from error

    def answer(self, body: bytes) -> bytes:
        """Answer one request or one batch, as bytes of JSON. Never raises; empty when nothing asks for an answer."""
        try:
            _require_shallow(body)
            request = json.loads(body)
        except ValueError:
            return _encoded(_refused(None, RpcError(RpcErrorCode.PARSE, "parse error")))
        if not isinstance(request, list):
            answered = self._answer_one(request)
            return b"" if answered is None else _encoded(answered)
        if not request:
            return _encoded(_refused(None, RpcError(RpcErrorCode.INVALID_REQUEST, "empty batch")))
        if len(request) > MAX_BATCH:
            too_large = RpcError(RpcErrorCode.INVALID_REQUEST, f"batch too large, at most {MAX_BATCH} requests")
            return _encoded(_refused(None, too_large))
        answers = [answered for one in request if (answered := self._answer_one(one)) is not None]
        return _encoded(answers) if answers else b""

    def _answer_one(self, request: object) -> JsonObject | None:
        if not isinstance(request, dict):
            return _refused(None, RpcError(RpcErrorCode.INVALID_REQUEST, "invalid request"))
        identifier = request.get("id")
        method, params = request.get("method"), request.get("params")
        sound = request.get("jsonrpc") == "2.0" and isinstance(method, str) and isinstance(params, list | None)
        if not sound or isinstance(identifier, dict | list | bool):
            return _refused(None, RpcError(RpcErrorCode.INVALID_REQUEST, "invalid request"))
        try:
            result = self.dispatch(str(method), params or [])
        except RpcError as error:
            answered = _refused(identifier, error)
        except Exception:  # the outermost handler: a fault of ours must not take the door down
            _log.exception("%s failed", method)
            answered = _refused(identifier, RpcError(RpcErrorCode.INTERNAL, "internal error"))
        else:
            answered = {"jsonrpc": "2.0", "id": identifier, "result": result}
        return answered if "id" in request else None

    # --- blocks

    def _header(self, which: object) -> Header:
        """Find the block that a number, a tag or an EIP-1898 object means. Raises BlockNotFound."""
        if isinstance(which, dict):
            if "blockHash" in which:
                return self._chain.header_by_hash(read_digest(which["blockHash"], "blockHash"))
            which = which.get("blockNumber")
        if which is None or which in ("latest", "safe", "finalized", "pending"):
            return self._chain.head()
        if which == "earliest":
            return self._chain.header_by_number(0)
        number = read_quantity(which, "block")
        if number >= 2**63:
            raise BlockNotFound(str(number))
        return self._chain.header_by_number(number)

    def _found_header(self, which: object) -> Header | None:
        try:
            return self._header(which)
        except BlockNotFound:
            return None

    def _block_by_number(self, which: object, full: object = False) -> JsonObject | None:
        wanted_full = _flag(full)
        if which == "pending":
            return self._pending_block(full=wanted_full)
        header = self._found_header(which)
        return None if header is None else self._block(header, full=wanted_full)

    def _block_by_hash(self, block_hash: object, full: object = False) -> JsonObject | None:
        wanted_full = _flag(full)
        header = self._found_header({"blockHash": block_hash})
        return None if header is None else self._block(header, full=wanted_full)

    def _block(self, header: Header, *, full: bool) -> JsonObject:
        row = self._chain.file.block_by_hash(header.hash)
        assert row is not None, "a header that was found has its row"
        rows = self._chain.file.transactions(header.number)
        shape = header_view(header, size=row.size)
        shape["transactions"] = [self._placed(one) if full else data(one.hash) for one in rows]
        return shape

    def _pending_block(self, *, full: bool) -> JsonObject:
        head = self._chain.head()
        shape = self._block(head, full=False)
        pending = self._chain.pending()
        shape |= {
            "number": quantity(head.number + 1),
            "parentHash": data(head.hash),
            "timestamp": quantity(self._chain.next_block_time()),
            "hash": None,
            "nonce": None,
            "logsBloom": data(bytes(256)),
            "gasUsed": quantity(0),
            "transactions": [transaction_view(one) if full else data(one.hash) for one in pending],
        }
        return shape

    def _transaction_count_by_number(self, which: object) -> str | None:
        header = self._found_header(which)
        return None if header is None else quantity(len(self._chain.file.transactions(header.number)))

    def _transaction_count_by_hash(self, block_hash: object) -> str | None:
        return self._transaction_count_by_number({"blockHash": block_hash})

    def _no_uncles(self, which: object) -> str | None:
        asked = {"blockHash": which} if isinstance(which, str) and len(which) == 66 else which
        return None if self._found_header(asked) is None else "0x0"

    def _seal(self, block_hash: object) -> str | None:
        row = self._chain.file.block_by_hash(read_digest(block_hash))
        return None if row is None else data(row.seal)

    def _fee_history(self, count: object, newest: object, percentiles: object = None) -> JsonObject:
        asked = count if isinstance(count, int) and not isinstance(count, bool) else read_quantity(count, "block count")
        if percentiles is not None and not isinstance(percentiles, list):
            raise invalid("percentiles: expected a list")
        last = self._header(newest).number
        first = max(0, last + 1 - min(asked, MAX_FEE_HISTORY, last + 1))
        used = [self._chain.header_by_number(number).gas_used / GAS_LIMIT for number in range(first, last + 1)]
        shape: JsonObject = {
            "oldestBlock": quantity(first),
            "baseFeePerGas": ["0x0"] * (len(used) + 1),
            "gasUsedRatio": used,
        }
        if percentiles:
            # What senders chose to pay does not matter here: a fee of 0 is enough, so that is the advice.
            shape["reward"] = [["0x0"] * len(percentiles) for _ in used]
        return shape

    # --- state

    def _balance(self, address: object, which: object = None) -> str:
        root = self._header(which).state_root
        return quantity(self._chain.engine.account(root, read_address(address)).balance)

    def _nonce(self, address: object, which: object = None) -> str:
        if which == "pending":
            return quantity(self._chain.pending_nonce(read_address(address)))
        root = self._header(which).state_root
        return quantity(self._chain.engine.account(root, read_address(address)).nonce)

    def _code(self, address: object, which: object = None) -> str:
        return data(self._chain.engine.code(self._header(which).state_root, read_address(address)))

    def _storage_at(self, address: object, slot: object, which: object = None) -> str:
        root = self._header(which).state_root
        return word(self._chain.engine.storage(root, read_address(address), read_slot(slot)))

    def _proof(self, address: object, keys: object, which: object = None) -> JsonObject:
        if not isinstance(keys, list) or len(keys) > MAX_PROOF_KEYS:
            raise invalid(f"storage keys: expected a list of at most {MAX_PROOF_KEYS}")
        slots = [read_slot(key) for key in keys]
        root = self._header(which).state_root
        return proof_view(self._chain.engine.prove(root, read_address(address), slots), keys)

    # --- calls

    def _call(self, message: object, which: object = None, overrides: object = None) -> str:
        _require_no_overrides(overrides)
        call = read_call(message, default_gas=GAS_LIMIT)
        outcome = self._run(self._header(which), call, next_block=which == "pending")
        _require_success(outcome)
        return data(outcome.output)

    def _estimate_gas(self, message: object, which: object = None, overrides: object = None) -> str:
        """Find the least gas, to 1/64, with which a message succeeds.

        What it used is not enough: a callee gets 63/64 of what is left, and refunds come only at the end.
        """
        _require_no_overrides(overrides)
        header = self._header(which)
        next_block = which in (None, "latest", "pending", "safe", "finalized")
        call = read_call(message, default_gas=GAS_TARGET)
        first = self._run(header, call, next_block=next_block)
        _require_success(first)

        def succeeds(gas: int) -> bool:
            try:
                return self._run(header, _with_gas(call, gas), next_block=next_block).failure is None
            except RpcError:
                return False  # below what a transaction costs at least

        low, high = first.gas_used - 1, call.gas
        floor = floor_gas(call.data)
        guess = max((first.gas_used + first.gas_refunded + _CALL_STIPEND) * 64 // 63, floor)
        for tried in (max(first.gas_used, floor), guess):
            if low < tried < high:
                if succeeds(tried):
                    high = tried
                else:
                    low = tried
        while high - low > max(1, high // _ESTIMATE_TOLERANCE):
            middle = (high + low) // 2
            if succeeds(middle):
                high = middle
            else:
                low = middle
        return quantity(max(high, floor))

    def _run(self, header: Header, call: Call, *, next_block: bool) -> CallOutcome:
        next_block_at = max(header.timestamp + 1, self._chain.now()) if next_block else None
        try:
            return self._chain.engine.call(header, call, next_block_at=next_block_at)
        except ValueError as error:
            raise RpcError(RpcErrorCode.SERVER, str(error)) from error

    # --- transactions

    def _send(self, raw: object) -> str:
        return data(self._chain.send(read_data(raw, "transaction")))

    def _transaction(self, transaction_hash: object) -> JsonObject | None:
        digest = read_digest(transaction_hash)
        # The pool first: what leaves it is in the file by then, so a transaction is never in neither.
        waiting = self._chain.pending_transaction(digest)
        if waiting is not None:
            return transaction_view(waiting)
        row = self._chain.file.transaction(digest)
        return None if row is None else self._placed(row)

    def _placed(self, row: TransactionRow) -> JsonObject:
        transaction = self._chain.engine.decode(row.raw, row.sender)
        return transaction_view(transaction, block=row.block, block_hash=row.block_hash, position=row.position)

    def _raw_transaction(self, transaction_hash: object) -> str | None:
        digest = read_digest(transaction_hash)
        waiting = self._chain.pending_transaction(digest)
        if waiting is not None:
            return data(waiting.raw)
        row = self._chain.file.transaction(digest)
        return None if row is None else data(row.raw)

    def _transaction_by_number_and_index(self, which: object, index: object) -> JsonObject | None:
        header = self._found_header(which)
        if header is None:
            return None
        rows = self._chain.file.transactions(header.number)
        position = read_quantity(index, "index")
        return self._placed(rows[position]) if position < len(rows) else None

    def _transaction_by_hash_and_index(self, block_hash: object, index: object) -> JsonObject | None:
        return self._transaction_by_number_and_index({"blockHash": block_hash}, index)

    def _receipt(self, transaction_hash: object) -> JsonObject | None:
        row = self._chain.file.transaction(read_digest(transaction_hash))
        if row is None:
            return None
        return self._receipt_of(row, self._chain.file.logs_of_transaction(row.block, row.position))

    def _receipt_of(self, row: TransactionRow, logs: Sequence[LogRow]) -> JsonObject:
        return receipt_view(row, self._chain.engine.decode(row.raw, row.sender), logs)

    def _block_receipts(self, which: object) -> list[JsonObject] | None:
        asked = {"blockHash": which} if isinstance(which, str) and len(which) == 66 else which
        header = self._found_header(asked)
        if header is None:
            return None
        logs: dict[int, list[LogRow]] = {}
        for log in self._chain.file.logs_of_block(header.number):
            logs.setdefault(log.transaction_position, []).append(log)
        rows = self._chain.file.transactions(header.number)
        return [self._receipt_of(row, logs.get(row.position, [])) for row in rows]

    def _why_dropped(self, transaction_hash: object) -> str | None:
        return self._chain.why_dropped(read_digest(transaction_hash))

    # --- logs

    def _logs(self, wanted: object) -> list[JsonObject]:
        if not isinstance(wanted, dict):
            raise invalid("filter: expected an object")
        first, last = self._log_range(wanted)
        found = self._chain.file.logs(
            LogFilter(
                first=first,
                last=last,
                addresses=read_addresses(wanted.get("address")),
                topics=read_topics(wanted.get("topics")),
            ),
            limit=MAX_LOGS + 1,
        )
        if len(found) > MAX_LOGS:
            raise RpcError(
                RpcErrorCode.LIMIT_EXCEEDED, f"query returned more than {MAX_LOGS} results: ask for fewer blocks"
            )
        return [log_view(log) for log in found]

    def _log_range(self, wanted: JsonObject) -> tuple[int, int]:
        if wanted.get("blockHash") is not None:
            if wanted.get("fromBlock") is not None or wanted.get("toBlock") is not None:
                raise invalid("cannot specify both blockHash and fromBlock/toBlock, choose one or the other")
            number = self._chain.header_by_hash(read_digest(wanted["blockHash"], "blockHash")).number
            return number, number
        head = self._chain.head().number
        first = read_bound(wanted.get("fromBlock"), head, "fromBlock")
        last = read_bound(wanted.get("toBlock"), head, "toBlock")
        if first > last:
            raise invalid("invalid block range params: fromBlock lies behind toBlock")
        return first, min(last, head)


def _with_gas(call: Call, gas: int) -> Call:
    return Call(sender=call.sender, to=call.to, data=call.data, value=call.value, gas=gas, access_list=call.access_list)


def _require_no_overrides(overrides: object) -> None:
    if overrides:
        raise invalid("state overrides are not supported")


def _require_success(outcome: CallOutcome) -> None:
    if outcome.failure is None:
        return
    if outcome.failure == "execution reverted":
        reason = _revert_reason(outcome.output)
        message = outcome.failure if reason is None else f"{outcome.failure}: {reason}"
        raise RpcError(RpcErrorCode.REVERTED, message, data(outcome.output))
    raise RpcError(RpcErrorCode.SERVER, outcome.failure)


def _revert_reason(output: bytes) -> str | None:
    """Read the text of Error(string), if that is what a contract reverted with."""
    if output[:4] != _ERROR_STRING or len(output) < 68:
        return None
    size = int.from_bytes(output[36:68], "big")
    return output[68 : 68 + size].decode("utf-8", errors="replace") if size <= len(output) - 68 else None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid("full transactions: expected true or false")
    return value


def _require_shallow(body: bytes) -> None:
    """Refuse deep nesting before parsing. Raises ValueError.

    Libraries of the chain raise the recursion limit (`node.__init__`); where it is high the JSON parser does
    not raise RecursionError, it runs out of stack and takes the process with it.
    """
    if body.count(b"[") + body.count(b"{") <= _DEEPEST_JSON:
        return
    depth = 0
    for found in _JSON_STRUCTURE.finditer(body):
        token = found.group()
        depth += (token in b"[{") - (token in b"]}")
        if depth > _DEEPEST_JSON:
            raise ValueError("nested too deeply")


def _refused(identifier: object, error: RpcError) -> JsonObject:
    return {"jsonrpc": "2.0", "id": identifier, "error": error.as_json()}


def _encoded(answer: JsonObject | list[JsonObject]) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()
