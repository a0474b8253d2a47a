"""Who takes part in the machine's histories, with what codes, keys and batches, and how they sign."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address

from contracts import Kind, typed_data
from registry.kernel.merkle import MerkleTree, leaf_hash
from tests.contract.things import (
    LARGEST_SIZE,
    LAST_TIME,
    NOBODY,
    NOTHING,
    Address,
    Approval,
    Decision,
    Statement,
    Word,
    is_code,
    text,
)
from tests.contract.world import (
    DAY,
    Account,
    change,
    code_word,
    digest,
)

DELAY = 2 * DAY
MEMBERS = [Account(f"member {number}") for number in range(8)]
CROWD = [Account(f"crowd {number}") for number in range(128)]
CONTROLLERS = [Account(f"controller {number}") for number in range(4)]
HANDS = [Account(f"hand {number}") for number in range(14)]
STRANGER = Account("stranger")
PEOPLE = [*MEMBERS, *CONTROLLERS, *HANDS, STRANGER]
BY_ADDRESS = {person.raw: person for person in [*PEOPLE, *CROWD]}
ISSUERS = [Word(code_word(code)) for code in ("SKILLS-01", "SKILLS-02", "COLLEGE-7", "GUILD-3")]
ODD_CODES = [NOTHING, Word(code_word("TWO WORDS")), Word(b"\0" + b"A" * 31), Word(b"A\0B".ljust(32, b"\0"))]
SCOPES = [Word(code_word(code)) for code in ("P1/3", "P1/4", "P2/-")]
THUMBPRINTS = [Word(digest(f"thumbprint {number}")) for number in range(10)]
BATCH_IDS = [Word(digest(f"batch {number}")) for number in range(6)]
ALL_KEYS = [*(Word(person.word) for person in PEOPLE), *THUMBPRINTS]
SIZES = [300, 129, 128, 127, 1, LARGEST_SIZE]
WORDS = [0, 1, 2, 3, LARGEST_SIZE // 2 // 128, LARGEST_SIZE // 128]
REASONS = [32, 0, 1, 33, 34, 35, 36, 37, 38, 2**16 - 1]
ALWAYS = (0, LAST_TIME)
FOREIGN_CONTRACT = Address(Account("contract elsewhere").raw)

OPERATIONS = {
    "vote",
    "withdrawVote",
    "enact",
    "pause",
    "recordForeignAnchor",
    "addKey",
    "retireKey",
    "reportCompromise",
    "anchorBatch",
    "suspend",
    "revoke",
    "reinstate",
    "supersede",
    "suspendBatch",
    "reinstateBatches",
    "recordDigest",
}

RARE = [Kind.SET_CONTROLLER, Kind.LIFT_BATCH_SUSPENSION, Kind.REVOKE_BATCH, Kind.WITHDRAW, Kind.KEY_COMPROMISED]
KINDS = [*Kind, *RARE, *RARE, Kind.REVOKE_WORD, Kind.MIGRATE]
"""Kinds to choose from; those that seldom take effect are there more than once."""


@cache
def tree_of(size: int) -> MerkleTree:
    """The tree of a batch of this size, whose certificate i has the digest of its number."""
    return MerkleTree(leaf_hash(b"\1" + digest(f"certificate {index}")) for index in range(size))


def root_of(size: int) -> Word:
    """A true root for a small batch; the largest ones get some digest."""
    return Word(tree_of(size).root if 0 < size <= 300 else digest(f"root of {size}"))


def statement_message(statement: Statement) -> dict[str, Any]:
    message = {**statement.message, "deadline": statement.deadline}
    for name in ("key", "targetContract"):
        if name in message:
            message[name] = to_checksum_address(message[name] or NOBODY)
    return message


def sign(statement: Statement, signer: Account) -> tuple[int, int, int]:
    document = typed_data(
        primary_type=statement.primary_type,
        message=statement_message(statement),
        chain_id=statement.chain_id,
        contract=to_checksum_address(statement.contract),
    )
    signable = encode_typed_data(full_message=document)
    signature = signer.key.sign_msg_hash(keccak(b"\x19\x01" + signable.header + signable.body))
    return (signature.v + 27, signature.r, signature.s)


def bent(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "X"
    if isinstance(value, list):
        return value[1:] if len(value) > 1 else [*value, *value]
    return bytes([value[0] ^ 1]) + value[1:]


def changes_of(indices: Iterable[int]) -> list[int]:
    by_word: dict[int, list[int]] = {}
    for index in indices:
        by_word.setdefault(index // 128, []).append(index)
    return [change(*members) for members in by_word.values()]


def shown(value: Any) -> str:
    """A value as a reader of a failed history wants it: who signed rather than a signature, codes as text."""
    if isinstance(value, Approval):
        good = "" if value.well_formed else ", malformed"
        return f"[{shown(value.signer)} signed {value.statement.message} until {value.statement.deadline}{good}]"
    if isinstance(value, Decision):
        return f"{value.kind!r}({', '.join(map(shown, value.words[1:]))})"
    if isinstance(value, bytes):
        person = BY_ADDRESS.get(Address(value[-20:]))
        if person:
            return person.name
        return text(value) if is_code(value) else value.lstrip(b"\0").hex()[:8] or "0"
    return f"[{', '.join(map(shown, value))}]" if isinstance(value, list) else str(value)
