"""What an auditor keeps and hands on: a checkpoint of the history log, what stands in it, and that one follows another.

Three documents of canonical JSON (RFC 8785), named members alone, called as in RFC 9162; each says of which log it
speaks (contract and block 0). They prove against a root, never that the root is the contract's: that has to come from
a checkpoint that was kept, or from the contract itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from registry.anchor.history import Block, Checkpoint
from registry.anchor.trust import TrustRoot
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import (
    MAX_INTEGER,
    Base64Refused,
    JsonObject,
    JsonRefused,
    JsonValue,
    b64url,
    canonical_json,
    parse_json,
    unb64url,
)
from registry.kernel.errors import IntegrityFault, MalformedInput, RuleRefusal
from registry.kernel.identifiers import (
    BlockHash,
    ContractAddress,
    Digest,
    IdentifierMalformed,
    LeafHash,
    RootHash,
)
from registry.kernel.merkle import (
    HASH_SIZE,
    InclusionProof,
    MerkleTree,
    ProofMalformed,
    ProofMismatch,
    leaf_hash,
    require_consistent,
    require_included,
)

VERSION: Final = 1
MAX_LOG: Final = 2**40 - 1
"""Most records of a log; the contract's own limit."""
MAX_DOCUMENT: Final = 4 * 1024 * 1024
"""Bytes; what is larger is not looked into."""
_MAX_DEPTH: Final = 5
_MAX_TEXT: Final = 256
_WORD: Final = re.compile(r"0x[0-9a-f]{64}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00")


class HistoryDocumentMalformed(MalformedInput):
    """The bytes are none of the documents about the history log, or one of their members has another form."""

    code = "history/document"

    def __init__(self, member: str, expected: str) -> None:
        self.member, self.expected = member, expected
        super().__init__(f"no document of the history log: {member[:40]!a}: expected {expected}")


class RecordNotIncluded(RuleRefusal):
    """The path of a record does not lead to the root that the proof names."""

    code = "history/not-included"

    def __init__(self, index: int, size: int) -> None:
        self.index, self.size = index, size
        super().__init__(f"record {index} is not proven: its path does not lead to the root of the {size} records")


class LogNotContinued(RuleRefusal):
    """The path does not show that one checkpoint is the beginning of the other."""

    code = "history/not-continued"

    def __init__(self, first: int, second: int) -> None:
        self.first, self.second = first, second
        super().__init__(f"not proven that the log of {first} records is the beginning of the log of {second}")


class OtherLog(RuleRefusal):
    """A document speaks of the history log of another contract or chain."""

    code = "history/other-log"

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"the document is about another log: expected {expected}, found {found}")


class CheckpointUnknown(RuleRefusal):
    """A document is good in itself, and leads to no checkpoint that is trusted here."""

    code = "history/other-checkpoint"

    def __init__(self, expected: str, found: str) -> None:
        self.expected, self.found = expected, found
        super().__init__(f"the document is about another checkpoint: expected {expected}, found {found}")


class HistoryRewritten(IntegrityFault):
    """The log as it is shown is no continuation of a checkpoint: records were changed, or are hidden."""

    code = "history/rewritten"

    def __init__(self, what: str, expected: str, found: str) -> None:
        self.what, self.expected, self.found = what, expected, found
        super().__init__(f"the log shown is not the one of the {what}: expected {expected}, found {found}")


class RecordAltered(IntegrityFault):
    """What is kept of a record does not lead to the record's leaf."""

    code = "history/record-altered"

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(f"record {index} does not lead to its leaf in the log")


def block_text(block: Block) -> str:
    """Write a block in one line: number, hash and time."""
    at = block.time.astimezone(CHINA_TIME).isoformat(timespec="seconds")
    return f"block {block.number} of {at} with hash {_hex(block.hash)}"


def head_text(head: Checkpoint) -> str:
    """Write a tree head in one line: size and root."""
    return f"{head.size} records with root {b64url(head.root)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogName:
    """Which history log: one contract on one chain."""

    contract: ContractAddress
    genesis: BlockHash
    """Hash of the chain's block 0."""

    @classmethod
    def of(cls, root: TrustRoot) -> "LogName":
        """Name the log of the contract that a trust root pins."""
        return cls(contract=root.contract, genesis=root.genesis)

    def __str__(self) -> str:
        return f"{self.contract} (block 0: {b64url(self.genesis)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWords:
    """A record of the log, whole: the words that are hashed, and the arrays of which words are hashes."""

    words: tuple[bytes, ...]
    """32 bytes each: op, sender, timestamp, then the operation's own; an array is keccak256 over its elements."""
    arrays: tuple[tuple[bytes, ...], ...] = ()
    """The elements of each array, 32 bytes each, in the order of the record."""

    @property
    def leaf(self) -> LeafHash:
        """RFC 9162 leaf hash of the words."""
        return leaf_hash(b"".join(self.words))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenRecord:
    """A record and its way to the root."""

    index: int
    """Its seq."""
    record: RecordWords
    path: tuple[bytes, ...]
    """32-byte hashes from the leaf's sibling upwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCheckpoint:
    """The log at the end of one block, as somebody found it: to be kept."""

    log: LogName
    trust_root: Digest
    """Of the trust root under which it was taken."""
    head: Checkpoint
    block: Block

    def document(self) -> bytes:
        """Write the canonical bytes."""
        return canonical_json(
            {
                **_opening("HistoryCheckpoint", self.log),
                "trustRoot": b64url(self.trust_root),
                "treeSize": self.head.size,
                "rootHash": b64url(self.head.root),
                "blockNumber": self.block.number,
                "blockHash": _hex(self.block.hash),
                "blockTime": self.block.time.astimezone(CHINA_TIME).isoformat(timespec="seconds"),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryInclusion:
    """Records that stand in the log of one checkpoint."""

    log: LogName
    head: Checkpoint
    records: tuple[ProvenRecord, ...]
    """At least one, in ascending index."""

    def document(self) -> bytes:
        """Write the canonical bytes."""
        return canonical_json(
            {
                **_opening("HistoryInclusion", self.log),
                "treeSize": self.head.size,
                "rootHash": b64url(self.head.root),
                "records": [
                    {
                        "leafIndex": one.index,
                        "record": [_hex(word) for word in one.record.words],
                        "arrays": [[_hex(element) for element in array] for array in one.record.arrays],
                        "inclusionPath": [b64url(item) for item in one.path],
                    }
                    for one in self.records
                ],
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryConsistency:
    """One checkpoint's log is the beginning of another's: nothing was changed or taken out between them."""

    log: LogName
    first: Checkpoint
    second: Checkpoint
    path: tuple[bytes, ...]

    def document(self) -> bytes:
        """Write the canonical bytes."""
        return canonical_json(
            {
                **_opening("HistoryConsistency", self.log),
                "treeSize1": self.first.size,
                "rootHash1": b64url(self.first.root),
                "treeSize2": self.second.size,
                "rootHash2": b64url(self.second.root),
                "consistencyPath": [b64url(item) for item in self.path],
            }
        )


HistoryDocument: TypeAlias = HistoryCheckpoint | HistoryInclusion | HistoryConsistency


# Making


def head_at(tree: MerkleTree, size: int) -> Checkpoint:
    """Give the head of the log's first `size` records. Raises ProofMalformed."""
    return Checkpoint(size=size, root=tree.root_at(size))


def prove_inclusion(
    log: LogName, tree: MerkleTree, records: Mapping[int, RecordWords], *, size: int | None = None
) -> HistoryInclusion:
    """Prove that records stand in the log, whole or of its first `size` records. Raises RecordAltered, ProofMalformed.

    `records` by seq; `tree` is the log's, leaf by leaf. Work per record grows with the logarithm of the log.
    """
    total = tree.size if size is None else size
    proven = []
    for index, record in sorted(records.items()):
        if tree.leaf(index) != record.leaf:
            raise RecordAltered(index)
        proven.append(ProvenRecord(index=index, record=record, path=tree.proof(index, total).path))
    return HistoryInclusion(log=log, head=head_at(tree, total), records=tuple(proven))


def prove_consistency(log: LogName, tree: MerkleTree, first: int, second: int | None = None) -> HistoryConsistency:
    """Prove that the first `first` records begin the first `second` (default: all).

    Raises LogNotContinued where they cannot, ProofMalformed beyond the log's end.
    """
    total = tree.size if second is None else second
    if first > total:
        raise LogNotContinued(first, total)
    return HistoryConsistency(
        log=log, first=head_at(tree, first), second=head_at(tree, total), path=tree.consistency(first, total)
    )


# Checking


def require_inclusion(proof: HistoryInclusion) -> None:
    """Check that every record's path leads to the proof's own root. Raises RecordNotIncluded."""
    size, root = proof.head.size, proof.head.root
    for one in proof.records:
        path = InclusionProof(index=one.index, size=size, path=one.path)
        try:
            require_included(one.record.leaf, path, root)
        except (ProofMalformed, ProofMismatch) as error:
            raise RecordNotIncluded(one.index, size) from error


def require_consistency(proof: HistoryConsistency) -> None:
    """Check that the proof's own two heads are of one growing log. Raises LogNotContinued."""
    first, second = proof.first, proof.second
    try:
        require_consistent(first.size, first.root, second.size, second.root, proof.path)
    except (ProofMalformed, ProofMismatch) as error:
        raise LogNotContinued(first.size, second.size) from error


def require_continued(tree: MerkleTree, head: Checkpoint) -> None:
    """Check that the log in hand begins with the records of a checkpoint. Raises HistoryRewritten."""
    found = head_at(tree, min(head.size, tree.size))
    if found != head:
        raise HistoryRewritten("checkpoint", head_text(head), head_text(found))


def require_same_log(expected: LogName, found: LogName) -> None:
    """Check that two documents speak of one log. Raises OtherLog."""
    if expected != found:
        raise OtherLog(str(expected), str(found))


def heads_of(document: HistoryDocument) -> tuple[Checkpoint, ...]:
    """Give the tree heads that a document speaks of, the later one last."""
    return (document.first, document.second) if isinstance(document, HistoryConsistency) else (document.head,)


def require_known(known: HistoryCheckpoint, document: HistoryDocument) -> None:
    """Check that a checkpoint that is known is one that the document speaks of. Raises CheckpointUnknown.

    Another checkpoint must be of the same block too: nothing else in it says at which block the log had that head.
    """
    heads = heads_of(document)
    if known.head not in heads:
        raise CheckpointUnknown(head_text(known.head), head_text(heads[-1]))
    if isinstance(document, HistoryCheckpoint) and document.block != known.block:
        raise CheckpointUnknown(block_text(known.block), block_text(document.block))


# Reading


def parse_history_document(data: bytes) -> HistoryDocument:
    """Read one of the three documents; what it proves is checked apart. Raises HistoryDocumentMalformed."""
    if len(data) > MAX_DOCUMENT:
        raise HistoryDocumentMalformed("document", f"at most {MAX_DOCUMENT} bytes")
    try:
        value = parse_json(data, max_depth=_MAX_DEPTH)
    except JsonRefused as error:
        raise HistoryDocumentMalformed("document", "whole, strict JSON") from error
    if not isinstance(value, dict):
        raise HistoryDocumentMalformed("document", "a JSON object")
    named = value.get("type")
    reading = _readings.get(named) if isinstance(named, str) else None
    if reading is None:
        raise HistoryDocumentMalformed("type", " or ".join(_readings))
    if canonical_json(value) != data:
        raise HistoryDocumentMalformed("document", "canonical JSON (RFC 8785)")
    members, read = reading
    _require_members(value, {"type", "version", "contract", "genesis", *members})
    if value["version"] != VERSION or isinstance(value["version"], bool):
        raise HistoryDocumentMalformed("version", str(VERSION))
    return read(value, LogName(contract=_contract(value), genesis=BlockHash(_hash(value, "genesis"))))


def parse_checkpoint(data: bytes) -> HistoryCheckpoint:
    """Read a checkpoint that was kept. Raises HistoryDocumentMalformed."""
    document = parse_history_document(data)
    if not isinstance(document, HistoryCheckpoint):
        raise HistoryDocumentMalformed("type", "HistoryCheckpoint")
    return document


def _checkpoint(value: JsonObject, log: LogName) -> HistoryDocument:
    return HistoryCheckpoint(
        log=log,
        trust_root=Digest(_hash(value, "trustRoot")),
        head=_head(value),
        block=Block(
            number=_whole(value, "blockNumber", 0, MAX_INTEGER),
            hash=BlockHash(_word("blockHash", value["blockHash"])),
            time=_time(value),
        ),
    )


def _inclusion(value: JsonObject, log: LogName) -> HistoryDocument:
    head = _head(value)
    records = tuple(_record(one, head.size) for one in _listed("records", value["records"]))
    indices = [one.index for one in records]
    if not indices or indices != sorted(set(indices)):
        raise HistoryDocumentMalformed("records", "at least one record, in ascending leafIndex")
    return HistoryInclusion(log=log, head=head, records=records)


def _record(value: JsonValue, size: int) -> ProvenRecord:
    if not isinstance(value, dict):
        raise HistoryDocumentMalformed("records", "objects")
    _require_members(value, {"leafIndex", "record", "arrays", "inclusionPath"})
    return ProvenRecord(
        index=_whole(value, "leafIndex", 0, size - 1),
        record=RecordWords(
            words=_words("record", value["record"]),
            arrays=tuple(_words("arrays", array) for array in _listed("arrays", value["arrays"])),
        ),
        path=_path(value, "inclusionPath"),
    )


def _consistency(value: JsonObject, log: LogName) -> HistoryDocument:
    first, second = _head(value, "1"), _head(value, "2")
    if first.size > second.size:
        raise HistoryDocumentMalformed("treeSize1", "no more than treeSize2")
    return HistoryConsistency(log=log, first=first, second=second, path=_path(value, "consistencyPath"))


_readings: Final = {
    "HistoryCheckpoint": (
        ("trustRoot", "treeSize", "rootHash", "blockNumber", "blockHash", "blockTime"),
        _checkpoint,
    ),
    "HistoryInclusion": (("treeSize", "rootHash", "records"), _inclusion),
    "HistoryConsistency": (("treeSize1", "rootHash1", "treeSize2", "rootHash2", "consistencyPath"), _consistency),
}
"""Of each document, its own members and what reads them."""


def _opening(kind: str, log: LogName) -> JsonObject:
    return {"type": kind, "version": VERSION, "contract": str(log.contract), "genesis": b64url(log.genesis)}


def _hex(word: bytes) -> str:
    return "0x" + word.hex()


def _require_members(value: JsonObject, expected: set[str]) -> None:
    for name in sorted(expected ^ value.keys()):
        raise HistoryDocumentMalformed(name, "exactly the members of its kind")


def _head(value: JsonObject, number: str = "") -> Checkpoint:
    return Checkpoint(
        size=_whole(value, f"treeSize{number}", 1, MAX_LOG), root=RootHash(_hash(value, f"rootHash{number}"))
    )


def _whole(value: JsonObject, name: str, least: int, most: int) -> int:
    number = value[name]
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise HistoryDocumentMalformed(name, f"an integer from {least} to {most}")
    return number


def _listed(name: str, value: JsonValue) -> Sequence[JsonValue]:
    if not isinstance(value, list):
        raise HistoryDocumentMalformed(name, "an array")
    return value


def _hash(value: JsonObject, name: str) -> bytes:
    return _decoded(name, value[name])


def _path(value: JsonObject, name: str) -> tuple[bytes, ...]:
    return tuple(_decoded(name, item) for item in _listed(name, value[name]))


def _decoded(name: str, text: JsonValue) -> bytes:
    try:
        data = unb64url(text) if isinstance(text, str) else b""
    except Base64Refused as error:
        raise HistoryDocumentMalformed(name, "canonical base64url of 32 bytes") from error
    if len(data) != HASH_SIZE:
        raise HistoryDocumentMalformed(name, "canonical base64url of 32 bytes")
    return data


def _words(name: str, value: JsonValue) -> tuple[bytes, ...]:
    return tuple(_word(name, one) for one in _listed(name, value))


def _word(name: str, text: JsonValue) -> bytes:
    if not isinstance(text, str) or not _WORD.fullmatch(text):
        raise HistoryDocumentMalformed(name, "0x and 64 lower-case hexadecimal digits")
    return bytes.fromhex(text[2:])


def _text(value: JsonObject, name: str) -> str:
    text = value[name]
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        raise HistoryDocumentMalformed(name, f"a string of at most {_MAX_TEXT} characters")
    return text


def _contract(value: JsonObject) -> ContractAddress:
    try:
        return ContractAddress.parse(_text(value, "contract"))
    except IdentifierMalformed as error:
        raise HistoryDocumentMalformed("contract", error.expected) from error


def _time(value: JsonObject) -> datetime:
    text = _text(value, "blockTime")
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError as error:
        raise HistoryDocumentMalformed("blockTime", "a time of the calendar") from error
    raise HistoryDocumentMalformed("blockTime", "RFC 3339 of whole seconds at +08:00")
