"""Every kind of record, made by the real contract, is written again from its value, and read from its words."""

from dataclasses import replace

import pytest
from eth_hash.auto import keccak

from node.client.preimages import RecordMalformed, read_words, words_of
from registry.anchor.history import Anchored, Genesis, Record, StatusChanged, Superseded, type_of_op
from registry.anchor.proofs import (
    LogName,
    RecordWords,
    head_at,
    prove_consistency,
    prove_inclusion,
    require_consistency,
    require_inclusion,
)
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Address, BlockHash, ContractAddress
from registry.kernel.merkle import Frontier, MerkleTree
from tests.contract.test_contract_history import iter_story
from tests.unit.registry.anchor.recorded_world import RecordedWorld

LOG = LogName(contract=ContractAddress(chain_id=20268, address=Address("0x" + "c0" * 20)), genesis=BlockHash(b"g" * 32))


@pytest.fixture(scope="module")
def story() -> tuple[Record, ...]:
    """Every operation of the contract; after each, the log as it was rebuilt is the one that the contract keeps."""
    world = RecordedWorld()
    frontier, kept = Frontier(), [head_at(MerkleTree([world.records[0].position.leaf]), 1)]
    for step in iter_story(world):
        step()
        world.wait(61)
        for record in world.records[frontier.size :]:
            frontier = frontier.append(record.position.leaf)
        tree = MerkleTree(record.position.leaf for record in world.records)
        assert world.call("checkpoint") == (tree.size, tree.root)
        peaks = world.call("peaks")
        assert peaks == frontier.peaks
        assert Frontier(size=tree.size, peaks=peaks).root == tree.root
        newest = prove_inclusion(LOG, tree, {tree.size - 1: words_of(world.records[-1])})
        require_inclusion(newest)
        for earlier in kept:
            proof = prove_consistency(LOG, tree, earlier.size)
            require_consistency(proof)
            assert (proof.first, proof.second) == (earlier, newest.head)
        kept.append(newest.head)
    return tuple(world.records)


def test_every_kind_of_record_is_written_again_from_its_value(story: tuple[Record, ...]) -> None:
    assert {type(record.content) for record in story} == set(type_of_op.values())
    for record in story:
        words = words_of(record)
        assert words.leaf == record.position.leaf
        read = read_words(words)
        assert read == (record.position.by, record.position.block_time, record.content)


def test_arrays_stand_whole_beside_their_hashes(story: tuple[Record, ...]) -> None:
    by_type = {type(record.content): record for record in story}
    for kind, count in ((Genesis, 1), (StatusChanged, 1), (Superseded, 2), (Anchored, 0)):
        words = words_of(by_type[kind])
        assert len(words.arrays) == count
        for array in words.arrays:
            assert keccak(b"".join(array)) in words.words
    changes = by_type[StatusChanged].content.changes  # type: ignore[union-attr]  # chosen by its type
    assert words_of(by_type[StatusChanged]).arrays == (tuple(one.to_bytes(32, "big") for one in changes),)


@pytest.mark.parametrize("issuer", [b"ELSEWHERE", b"\xe4\xb8\xad", b"\\xe4\xe4", b"0x12", b"a\0b", b"\xff" * 32, b""])
def test_a_target_of_any_bytes_is_written_again(story: tuple[Record, ...], issuer: bytes) -> None:
    record = next(one for one in story if isinstance(one.content, Superseded))
    words = words_of(record)
    place = words.words.index(b"SKILLS-01".ljust(32, b"\0"), 4)
    strange = replace(words, words=(*words.words[:place], issuer.ljust(32, b"\0"), *words.words[place + 1 :]))
    read = read_words(strange)
    again = Record(position=replace(record.position, by=read.by, block_time=read.at), content=read.content)
    assert words_of(again) == strange


def _changed(words: RecordWords, place: int, word: bytes) -> RecordWords:
    return replace(words, words=(*words.words[:place], word, *words.words[place + 1 :]))


def test_words_that_are_no_record_are_refused(story: tuple[Record, ...]) -> None:
    by_type = {type(record.content).__name__: words_of(record) for record in story}
    status, key, anchored = by_type["StatusChanged"], by_type["KeyChanged"], by_type["Anchored"]
    strange = {
        "nothing": RecordWords(words=()),
        "only the head": replace(status, words=status.words[:3]),
        "a word too few": replace(status, words=status.words[:-1]),
        "a word too many": replace(status, words=(*status.words, bytes(32))),
        "a short word": _changed(status, 5, b"\0"),
        "an unknown operation": _changed(status, 0, (12).to_bytes(32, "big")),
        "another operation": _changed(status, 0, (8).to_bytes(32, "big")),
        "no array": replace(status, arrays=()),
        "an array too many": replace(status, arrays=(*status.arrays, ())),
        "another element": replace(status, arrays=((bytes(32),),)),
        "an element more": replace(status, arrays=((*status.arrays[0], bytes(32)),)),
        "a short element": replace(status, arrays=((b"\1",),)),
        "another hash of the array": _changed(status, 7, bytes(32)),
        "a sender of more than 20 bytes": _changed(status, 1, b"\1" * 32),
        "an approver of more than 20 bytes": _changed(status, 5, b"\1" * 32),
        "a time that no calendar has": _changed(status, 2, b"\xff" * 32),
        "a time that no clock has": _changed(status, 2, (1 << 60).to_bytes(32, "big")),
        "a time that ends the calendar in other zones": _changed(status, 2, (253_402_300_799).to_bytes(32, "big")),
        "an unknown status": _changed(status, 6, (4).to_bytes(32, "big")),
        "spare bits of a key's slot": _changed(key, 5, (1 << 200 | int.from_bytes(key.words[5])).to_bytes(32, "big")),
        "an unknown kind of key": _changed(key, 5, bytes(32)),
        "a scope that is no ASCII": _changed(anchored, 5, b"\xff" * 32),
    }
    for what, words in strange.items():
        with pytest.raises(RecordMalformed) as caught:
            read_words(words)
        assert isinstance(caught.value, MalformedInput), what
    for words in (status, key, anchored):
        read_words(words)
