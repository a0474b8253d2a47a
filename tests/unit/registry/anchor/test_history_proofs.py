"""Checkpoints, inclusion and consistency of the history log as documents: what verifies, and all that must not."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.anchor.history import Block, Checkpoint
from registry.anchor.proofs import (
    MAX_DOCUMENT,
    CheckpointUnknown,
    HistoryCheckpoint,
    HistoryConsistency,
    HistoryDocumentMalformed,
    HistoryInclusion,
    HistoryRewritten,
    LogName,
    LogNotContinued,
    OtherLog,
    RecordAltered,
    RecordNotIncluded,
    RecordWords,
    head_at,
    parse_checkpoint,
    parse_history_document,
    prove_consistency,
    prove_inclusion,
    require_consistency,
    require_continued,
    require_inclusion,
    require_known,
    require_same_log,
)
from registry.kernel.encoding import b64url, canonical_json
from registry.kernel.errors import IntegrityFault, MalformedInput, RuleRefusal
from registry.kernel.identifiers import Address, BlockHash, ContractAddress, Digest, RootHash
from registry.kernel.merkle import MerkleTree, ProofMalformed

LOG = LogName(contract=ContractAddress(chain_id=20268, address=Address("0x" + "c0" * 20)), genesis=BlockHash(b"g" * 32))
OTHER = LogName(contract=LOG.contract, genesis=BlockHash(b"h" * 32))
LARGEST = 70


def record(index: int, *, salt: str = "") -> RecordWords:
    return RecordWords(
        words=tuple(hashlib.sha256(f"{salt}{index}/{place}".encode()).digest() for place in range(4)),
        arrays=((b"e" * 32,),),
    )


def log(size: int, *, rewritten: int | None = None) -> tuple[dict[int, RecordWords], MerkleTree]:
    records = {index: record(index, salt="x" if index == rewritten else "") for index in range(size)}
    return records, MerkleTree(one.leaf for one in records.values())


RECORDS, TREE = log(LARGEST)


def checkpoint(size: int = 57) -> HistoryCheckpoint:
    return HistoryCheckpoint(
        log=LOG,
        trust_root=Digest(b"t" * 32),
        head=head_at(TREE, size),
        block=Block(number=91, hash=BlockHash(b"b" * 32), time=datetime(2026, 11, 20, 2, 31, 7, tzinfo=UTC)),
    )


# — what is true is proven —


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_every_record_and_every_earlier_checkpoint_is_proven_in_a_log_of_any_size(size: int) -> None:
    whole = prove_inclusion(LOG, TREE, {index: RECORDS[index] for index in range(size)}, size=size)
    require_inclusion(whole)
    assert whole.head == Checkpoint(size=size, root=MerkleTree(RECORDS[index].leaf for index in range(size)).root)
    for first in range(1, size + 1):
        proof = prove_consistency(LOG, TREE, first, size)
        require_consistency(proof)
        assert (proof.first, proof.second) == (head_at(TREE, first), whole.head)


@given(data=st.data(), size=st.integers(71, 5_000))
def test_larger_logs(data: st.DataObject, size: int) -> None:
    _, tree = log(size)
    second = data.draw(st.integers(1, size))
    first = data.draw(st.integers(1, second))
    index = data.draw(st.integers(0, first - 1))
    require_consistency(prove_consistency(LOG, tree, first, second))
    proof = prove_inclusion(LOG, tree, {index: record(index)}, size=second)
    require_inclusion(proof)
    assert len(proof.records[0].path) <= 13


def test_a_log_of_one_record_and_a_checkpoint_with_itself() -> None:
    require_inclusion(prove_inclusion(LOG, TREE, {0: RECORDS[0]}, size=1))
    proof = prove_consistency(LOG, TREE, 57, 57)
    assert proof.path == ()
    require_consistency(proof)


@pytest.mark.parametrize(
    "document",
    [checkpoint(), prove_inclusion(LOG, TREE, {3: RECORDS[3], 40: RECORDS[40]}), prove_consistency(LOG, TREE, 40, 57)],
    ids=lambda document: type(document).__name__,
)
def test_documents_are_read_as_they_were_written(document: Any) -> None:
    written = document.document()
    assert parse_history_document(written) == document
    assert canonical_json(json.loads(written)) == written


# — what is not true is not proven —


@pytest.mark.parametrize("rewritten", [0, 1, 20, 39])
def test_no_proof_of_a_rewritten_log_verifies_against_the_old_checkpoint(rewritten: int) -> None:
    kept = head_at(TREE, 40)
    _, fork = log(LARGEST, rewritten=rewritten)
    for second in range(40, LARGEST + 1):
        claimed = replace(prove_consistency(LOG, fork, 40, second), first=kept)
        with pytest.raises(LogNotContinued):
            require_consistency(claimed)
    with pytest.raises(HistoryRewritten) as caught:
        require_continued(fork, kept)
    assert isinstance(caught.value, IntegrityFault)
    assert (b64url(kept.root) in caught.value.expected, b64url(kept.root) in caught.value.found) == (True, False)
    # The control: what came after the checkpoint may differ, what came before may not.
    _, later = log(LARGEST, rewritten=40)
    require_continued(later, kept)
    require_consistency(replace(prove_consistency(LOG, later, 40, 57), first=kept))


def test_a_log_that_hides_its_end_is_no_continuation() -> None:
    _, shorter = log(39)
    with pytest.raises(HistoryRewritten):
        require_continued(shorter, head_at(TREE, 40))
    require_continued(TREE, head_at(TREE, 40))


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


INCLUSION = prove_inclusion(LOG, TREE, {19: RECORDS[19], 40: RECORDS[40]}, size=57)
CONSISTENCY = prove_consistency(LOG, TREE, 40, 57)


def with_record(**changes: Any) -> HistoryInclusion:
    return replace(INCLUSION, records=(INCLUSION.records[0], replace(INCLUSION.records[1], **changes)))


@pytest.mark.parametrize(
    "tampered",
    [
        replace(INCLUSION, head=replace(INCLUSION.head, root=RootHash(flipped(INCLUSION.head.root)))),
        with_record(index=39),
        with_record(index=41),
        with_record(index=57),
        with_record(path=()),
        with_record(path=INCLUSION.records[1].path[:-1]),
        with_record(path=(*INCLUSION.records[1].path, b"0" * 32)),
        with_record(path=INCLUSION.records[1].path[::-1]),
        with_record(path=(b"short", *INCLUSION.records[1].path[1:])),
        *(
            with_record(path=(*path[:place], flipped(path[place]), *path[place + 1 :]))
            for path in [INCLUSION.records[1].path]
            for place in range(len(path))
        ),
        *(
            with_record(record=replace(RECORDS[40], words=(*words[:place], flipped(words[place]), *words[place + 1 :])))
            for words in [RECORDS[40].words]
            for place in range(len(words))
        ),
    ],
)
def test_an_inclusion_with_anything_changed_is_refused(tampered: HistoryInclusion) -> None:
    require_inclusion(INCLUSION)
    with pytest.raises(RecordNotIncluded) as caught:
        require_inclusion(tampered)
    assert isinstance(caught.value, RuleRefusal)


def test_an_inclusion_in_a_log_of_another_size_is_refused() -> None:
    """Where the size changes the shape of the path; else the size is the checkpoint's, which is compared apart."""
    for size in (41, 48, 65, 128):
        with pytest.raises(RecordNotIncluded):
            require_inclusion(replace(INCLUSION, head=replace(INCLUSION.head, size=size)))


def with_heads(**changes: Any) -> HistoryConsistency:
    return replace(CONSISTENCY, **changes)


@pytest.mark.parametrize(
    "tampered",
    [
        with_heads(first=replace(CONSISTENCY.first, root=RootHash(flipped(CONSISTENCY.first.root)))),
        with_heads(second=replace(CONSISTENCY.second, root=RootHash(flipped(CONSISTENCY.second.root)))),
        with_heads(first=replace(CONSISTENCY.first, size=32)),
        with_heads(first=replace(CONSISTENCY.first, size=57)),
        with_heads(second=replace(CONSISTENCY.second, size=40)),
        with_heads(second=replace(CONSISTENCY.second, size=65)),
        with_heads(first=CONSISTENCY.second, second=CONSISTENCY.first),
        with_heads(path=()),
        with_heads(path=CONSISTENCY.path[1:]),
        with_heads(path=(*CONSISTENCY.path, b"0" * 32)),
        *(
            with_heads(
                path=(*CONSISTENCY.path[:place], flipped(CONSISTENCY.path[place]), *CONSISTENCY.path[place + 1 :])
            )
            for place in range(len(CONSISTENCY.path))
        ),
    ],
)
def test_a_consistency_with_anything_changed_is_refused(tampered: HistoryConsistency) -> None:
    require_consistency(CONSISTENCY)
    with pytest.raises(LogNotContinued):
        require_consistency(tampered)


def test_a_kept_record_that_does_not_lead_to_its_leaf_is_not_proven() -> None:
    with pytest.raises(RecordAltered) as caught:
        prove_inclusion(LOG, TREE, {7: RECORDS[8]})
    assert caught.value.index == 7


def test_what_lies_beyond_the_log_is_not_proven() -> None:
    with pytest.raises(ProofMalformed):
        prove_inclusion(LOG, TREE, {50: RECORDS[50]}, size=50)
    with pytest.raises(ProofMalformed):
        prove_consistency(LOG, TREE, 1, LARGEST + 1)
    with pytest.raises(LogNotContinued):
        prove_consistency(LOG, TREE, 57, 40)


def test_documents_about_other_logs_and_other_checkpoints_are_told_apart() -> None:
    require_same_log(LOG, LOG)
    with pytest.raises(OtherLog) as other:
        require_same_log(LOG, OTHER)
    assert (other.value.expected, other.value.found) == (str(LOG), str(OTHER))
    first, second = CONSISTENCY.first, CONSISTENCY.second
    for known in (first, second):
        require_known(replace(checkpoint(), head=known), CONSISTENCY)
    for unknown in (head_at(TREE, 41), replace(second, root=RootHash(flipped(second.root)))):
        with pytest.raises(CheckpointUnknown):
            require_known(replace(checkpoint(), head=unknown), CONSISTENCY)


def test_a_checkpoint_is_known_with_its_block_alone() -> None:
    kept = checkpoint()
    block = kept.block
    require_known(kept, kept)
    for other in (
        replace(block, number=block.number + 1),
        replace(block, hash=BlockHash(flipped(block.hash))),
        replace(block, time=block.time - timedelta(days=2_000)),
    ):
        with pytest.raises(CheckpointUnknown) as caught:
            require_known(kept, replace(kept, block=other))
        assert caught.value.expected != caught.value.found


# — what is no document —


def members(document: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(document.document())
    return read


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: {key: one for key, one in value.items() if key != name}


def with_(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: {**value, **changes}


def in_record(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda value: {**value, "records": [{**value["records"][0], **changes}]}


HASH = b64url(b"h" * 32)
BREAKAGES: list[tuple[Any, Callable[[dict[str, Any]], Any], str]] = [
    *((checkpoint(), without(name), name) for name in members(checkpoint()) if name != "type"),
    *((INCLUSION, without(name), name) for name in members(INCLUSION) if name != "type"),
    *((CONSISTENCY, without(name), name) for name in members(CONSISTENCY) if name != "type"),
    *((document, with_(extra=1), "extra") for document in (checkpoint(), INCLUSION, CONSISTENCY)),
    *((checkpoint(), with_(type=kind), "type") for kind in ("TrustRoot", None, 1, ["HistoryCheckpoint"])),
    *((checkpoint(), with_(version=version), "version") for version in (2, True, "1")),
    *((checkpoint(), with_(contract=text), "contract") for text in ("0x" + "c0" * 20, "eip155:1:" + "x" * 400, 7)),
    *((checkpoint(), with_(genesis=text), "genesis") for text in (HASH + "=", HASH[:-2], "", None)),
    *((checkpoint(), with_(treeSize=size), "treeSize") for size in (0, -1, 2**40, True, "57")),
    *((checkpoint(), with_(blockNumber=number), "blockNumber") for number in (-1, False, "1")),
    *((checkpoint(), with_(blockHash=text), "blockHash") for text in ("b" * 64, "0x" + "B" * 64, "0x" + "b" * 63, 1)),
    *(
        (checkpoint(), with_(blockTime=text), "blockTime")
        for text in ("2026-11-20T10:31:07Z", "2026-02-30T10:31:07+08:00", "2026-11-20 10:31:07+08:00", 1, "")
    ),
    (INCLUSION, with_(records=[]), "records"),
    (INCLUSION, with_(records={}), "records"),
    (INCLUSION, with_(records=[1]), "records"),
    (INCLUSION, lambda value: {**value, "records": value["records"][::-1]}, "records"),
    (INCLUSION, lambda value: {**value, "records": value["records"][:1] * 2}, "records"),
    (INCLUSION, in_record(leafIndex=57), "leafIndex"),
    (INCLUSION, in_record(leafIndex=True), "leafIndex"),
    (INCLUSION, in_record(more=1), "more"),
    (INCLUSION, in_record(record="0x" + "00" * 32), "record"),
    (INCLUSION, in_record(record=["00" * 32]), "record"),
    (INCLUSION, in_record(arrays=["0x" + "00" * 32]), "arrays"),
    (INCLUSION, in_record(inclusionPath=HASH), "inclusionPath"),
    (INCLUSION, in_record(inclusionPath=[HASH[:-1]]), "inclusionPath"),
    (CONSISTENCY, with_(treeSize1=58), "treeSize1"),
    (CONSISTENCY, with_(consistencyPath=None), "consistencyPath"),
]


@pytest.mark.parametrize(("document", "broken", "member"), BREAKAGES)
def test_another_shape_is_no_document(document: Any, broken: Callable[[dict[str, Any]], Any], member: str) -> None:
    with pytest.raises(HistoryDocumentMalformed) as caught:
        parse_history_document(canonical_json(broken(members(document))))
    assert caught.value.member == member
    assert isinstance(caught.value, MalformedInput)


@pytest.mark.parametrize("document", [checkpoint(), INCLUSION, CONSISTENCY], ids=lambda one: type(one).__name__)
def test_another_spelling_is_no_document(document: Any) -> None:
    written = document.document()
    pretty = json.dumps(json.loads(written), indent=2).encode()
    for data in (b"", b"{}", b"[]", b"null", written + b"\n", b" " + written, pretty, b"\xff" + written):
        with pytest.raises(HistoryDocumentMalformed):
            parse_history_document(data)
    for cut in range(0, len(written), 7):
        with pytest.raises(HistoryDocumentMalformed):
            parse_history_document(written[:cut])
    with pytest.raises(HistoryDocumentMalformed, match="at most"):
        parse_history_document(b" " * (MAX_DOCUMENT + 1))


@given(data=st.data())
def test_a_changed_byte_never_proves_more(data: st.DataObject) -> None:
    """Any one byte changed: no document, or one that proves nothing, or one about another log or checkpoint."""
    document = data.draw(st.sampled_from([checkpoint(), INCLUSION, CONSISTENCY]))
    written = bytearray(document.document())
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    try:
        read = parse_history_document(bytes(written))
        if isinstance(read, HistoryInclusion):
            require_inclusion(read)
        elif isinstance(read, HistoryConsistency):
            require_consistency(read)
    except (HistoryDocumentMalformed, RecordNotIncluded, LogNotContinued):
        return
    assert read != document
    if isinstance(read, HistoryInclusion):  # arrays are bound by the hash in the record: node.client.preimages
        heads_and_words = (read.head, [(one.index, one.record.words, one.path) for one in read.records])
        proven = (INCLUSION.head, [(one.index, one.record.words, one.path) for one in INCLUSION.records])
        assert read.log != LOG or read.head != INCLUSION.head or heads_and_words == proven
    elif isinstance(read, HistoryConsistency):
        assert read.log != LOG or (read.first, read.second) != (CONSISTENCY.first, CONSISTENCY.second)


def test_a_checkpoint_is_wanted_and_a_proof_is_given() -> None:
    assert parse_checkpoint(checkpoint().document()) == checkpoint()
    with pytest.raises(HistoryDocumentMalformed) as caught:
        parse_checkpoint(INCLUSION.document())
    assert (caught.value.member, caught.value.expected) == ("type", "HistoryCheckpoint")
