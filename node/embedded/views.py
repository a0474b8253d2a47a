"""Blocks, transactions, receipts, logs and proofs in the shapes of Ethereum JSON-RPC."""

from collections.abc import Sequence

from node.embedded.engine import bloom_of
from node.embedded.model import Header, Log, StateProof, Transaction
from node.embedded.storage import LogRow, TransactionRow
from node.embedded.wire import Hex, JsonObject, data, quantity, word


def header_view(header: Header, *, size: int) -> JsonObject:
    """Show a header as a block without its transactions."""
    return {
        "number": quantity(header.number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "nonce": data(header.nonce),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": data(header.bloom),
        "transactionsRoot": data(header.transaction_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipt_root),
        "miner": data(header.coinbase),
        "difficulty": quantity(header.difficulty),
        "extraData": data(header.extra_data),
        "mixHash": data(header.mix_hash),
        "size": quantity(size),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "baseFeePerGas": quantity(header.base_fee),
        "withdrawalsRoot": data(header.withdrawals_root),
        "withdrawals": [],
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
        "requestsHash": data(header.requests_hash),
        "uncles": [],
    }


def transaction_view(
    transaction: Transaction, *, block: int | None = None, block_hash: bytes | None = None, position: int | None = None
) -> JsonObject:
    """Show a transaction; without a place it is one that waits."""
    shape: JsonObject = {
        "type": quantity(transaction.kind),
        "hash": data(transaction.hash),
        "nonce": quantity(transaction.nonce),
        "blockHash": None if block_hash is None else data(block_hash),
        "blockNumber": None if block is None else quantity(block),
        "transactionIndex": None if position is None else quantity(position),
        "from": data(transaction.sender),
        "to": None if transaction.to is None else data(transaction.to),
        "value": quantity(transaction.value),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(transaction.price),
        "input": data(transaction.data),
        "chainId": None if transaction.chain_id is None else quantity(transaction.chain_id),
        "v": quantity(transaction.v),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
    }
    if transaction.kind > 0:
        shape["yParity"] = quantity(transaction.v)
        shape["accessList"] = [
            {"address": data(address), "storageKeys": [word(slot) for slot in slots]}
            for address, slots in transaction.access_list
        ]
    if transaction.kind == 2:  # dynamic fee
        shape["maxFeePerGas"] = quantity(transaction.max_fee)
        shape["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee)
    return shape


def receipt_view(row: TransactionRow, transaction: Transaction, logs: Sequence[LogRow]) -> JsonObject:
    """Show what a transaction did; `logs` are its own."""
    bloom = bloom_of([Log(address=log.address, topics=log.topics, data=log.data) for log in logs])
    return {
        "type": quantity(transaction.kind),
        "transactionHash": data(row.hash),
        "transactionIndex": quantity(row.position),
        "blockHash": data(row.block_hash),
        "blockNumber": quantity(row.block),
        "from": data(row.sender),
        "to": None if transaction.to is None else data(transaction.to),
        "contractAddress": None if row.created is None else data(row.created),
        "status": quantity(int(row.succeeded)),
        "gasUsed": quantity(row.gas_used),
        "cumulativeGasUsed": quantity(row.cumulative_gas_used),
        "effectiveGasPrice": quantity(transaction.price),
        "logs": [log_view(log) for log in logs],
        "logsBloom": data(bloom),
    }


def log_view(log: LogRow) -> JsonObject:
    """Show a log with its place."""
    return {
        "address": data(log.address),
        "topics": [data(topic) for topic in log.topics],
        "data": data(log.data),
        "blockNumber": quantity(log.block),
        "blockHash": data(log.block_hash),
        "transactionHash": data(log.transaction_hash),
        "transactionIndex": quantity(log.transaction_position),
        "logIndex": quantity(log.position),
        "removed": False,
    }


def proof_view(proof: StateProof, keys: Sequence[str]) -> JsonObject:
    """Show a state proof (EIP-1186); `keys` are the storage keys as the caller wrote them."""
    return {
        "address": data(proof.address),
        "accountProof": _nodes(proof.nodes),
        "balance": quantity(proof.account.balance),
        "codeHash": data(proof.account.code_hash),
        "nonce": quantity(proof.account.nonce),
        "storageHash": data(proof.account.storage_root),
        "storageProof": [
            {"key": key, "value": quantity(slot.value), "proof": _nodes(slot.nodes)}
            for key, slot in zip(keys, proof.slots, strict=True)
        ],
    }


def _nodes(nodes: Sequence[bytes]) -> list[Hex]:
    return [data(node) for node in nodes]
