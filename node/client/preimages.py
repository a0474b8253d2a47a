"""Records of the history log as the words that are hashed: written from values, and read again.

A kept record is a value and its leaf; the words are written again from the value, whose fields stand in the order of
the record. The leaf says whether they are the ones that the contract hashed. So a proof can hold the whole record, and
whoever gets it needs SHA-256 for the leaf and keccak256 for the arrays, and neither node nor database.
"""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from contracts import RECORDS
from node.client.history import block_time, content_of, record_bytes
from registry.anchor.history import Ballot, Content, KeySlot, Record, type_of_op
from registry.anchor.proofs import RecordWords
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Address

_WORD: Final = 32
_HEAD: Final = 3
"""op, sender, timestamp."""
_events: Final = {int(op): (name, tuple(kind for _, kind in words)) for name, (op, words) in RECORDS.items()}
_op_of_type: Final = {content_type: op for op, content_type in type_of_op.items()}


class RecordMalformed(MalformedInput):
    """Words are no record of a contract of version 1."""

    code = "history/record-malformed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a record of the history log: {reason}")


class ReadRecord(NamedTuple):
    """What the words of a record say."""

    by: Address
    """Who sent the transaction."""
    at: datetime
    """Time of the block, UTC."""
    content: Content


def words_of(record: Record) -> RecordWords:
    """Write the words of a record from its value."""
    position = record.position
    return _written(position.by, int(position.block_time.timestamp()), record.content)


def read_words(record: RecordWords) -> ReadRecord:
    """Read what the words of a record say. Raises RecordMalformed, also for an array that is not the one hashed."""
    if len(record.words) < _HEAD or any(len(word) != _WORD for word in (*record.words, *chain(*record.arrays))):
        raise RecordMalformed("it does not begin with op, sender and timestamp")
    op = int.from_bytes(record.words[0])
    if op not in _events:
        raise RecordMalformed(f"no operation has the number {op}")
    event, kinds = _events[op]
    if len(record.words) != _HEAD + len(kinds) or len(record.arrays) != sum(kind.endswith("[]") for kind in kinds):
        raise RecordMalformed(f"{event} has another number of words or arrays")
    arrays = iter(record.arrays)
    own = [
        tuple(_value(kind[:-2], element) for element in next(arrays)) if kind.endswith("[]") else _value(kind, word)
        for kind, word in zip(kinds, record.words[_HEAD:], strict=True)
    ]
    by, seconds = Address(_value("address", record.words[1])), int.from_bytes(record.words[2])
    try:
        content, at = content_of(event, own), block_time(seconds)
    except ValueError as error:
        raise RecordMalformed(f"{event}: {error}") from error
    # Written again, the value must give these very words: padding, spare bits and the hashes of arrays among them.
    if _written(by, seconds, content) != record:
        raise RecordMalformed(f"{event}: its words or arrays are not as the contract writes them")
    return ReadRecord(by=by, at=at, content=content)


def _written(by: Address, seconds: int, content: Content) -> RecordWords:
    op = _op_of_type[type(content)]
    _, kinds = _events[op]
    own = [(kind, _member(kind, value)) for kind, value in zip(kinds, _values(content), strict=True)]
    data = record_bytes(op, by, seconds, own)
    return RecordWords(
        words=tuple(data[at : at + _WORD] for at in range(0, len(data), _WORD)),
        arrays=tuple(tuple(_element(one) for one in value) for kind, value in own if kind.endswith("[]")),
    )


def _values(content: Content | Ballot) -> Iterator[Any]:
    """Give the members of a content, those of its ballot among them."""
    for field in fields(content):
        value = getattr(content, field.name)
        if isinstance(value, Ballot):
            yield from _values(value)
        else:
            yield value


def _member(kind: str, value: Any) -> Any:
    """Give a member as the record's type wants it: a code as its word, a key's slot packed."""
    if isinstance(value, KeySlot):
        return (
            value.kind | value.number << 8 | value.valid_from << 24 | value.until << 64 | value.compromised_since << 104
        )
    return value.encode("latin-1").ljust(_WORD, b"\0") if kind == "bytes32" and isinstance(value, str) else value


def _element(value: Any) -> bytes:
    return (int(value, 16) if isinstance(value, str) else int(value)).to_bytes(_WORD)


def _value(kind: str, word: bytes) -> Any:
    if kind == "address":
        return "0x" + word[-20:].hex()
    return word if kind == "bytes32" else int.from_bytes(word)
