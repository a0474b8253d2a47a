"""The contract itself, whose every event is kept as the record that the registry reads."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from node.client.history import Log, record_of
from registry.anchor.history import Block, Record
from registry.kernel.identifiers import BlockHash, TransactionHash
from tests.contract.world import Receipt, World


class RecordedWorld(World):
    """A registry on an EVM, and its history log as values; each transaction counts as a block."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._blocks = 0
        super().__init__()

    def _receipt(self, receipt: Any, output: Any) -> Receipt:
        self._blocks += 1
        digest = hashlib.sha256(self._blocks.to_bytes(8, "big")).digest()
        block = Block(number=self._blocks, hash=BlockHash(digest), time=datetime.fromtimestamp(self.now, UTC))
        for log in receipt.logs:
            topics = tuple(topic.to_bytes(32, "big") for topic in log.topics)
            entry = Log(topics=topics, data=log.data, transaction=TransactionHash(digest), block_hash=block.hash)
            self.records.append(record_of(entry, block))
        return super()._receipt(receipt, output)
