import json
import random
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.kernel.identifiers import LeafHash, RootHash
from registry.kernel.merkle import (
    EMPTY_ROOT,
    Frontier,
    InclusionProof,
    MerkleTree,
    ProofMalformed,
    ProofMismatch,
    consistency_proof,
    leaf_hash,
    node_hash,
    require_consistent,
    require_included,
    root_hash,
)

VECTORS = Path(__file__).parents[3] / "vectors" / "merkle"
MAX_SIZE = 70


# A second implementation: RFC 9162 §2.1.1 to §2.1.4 in its own recursive words, over entries.


def naive_split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def naive_head(entries: Sequence[bytes]) -> bytes:
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = naive_split(len(entries))
    return sha256(b"\x01" + naive_head(entries[:k]) + naive_head(entries[k:])).digest()


def naive_path(index: int, entries: Sequence[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = naive_split(len(entries))
    if index < k:
        return [*naive_path(index, entries[:k]), naive_head(entries[k:])]
    return [*naive_path(index - k, entries[k:]), naive_head(entries[:k])]


def naive_consistency(first: int, entries: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    if first == len(entries):
        return [] if whole else [naive_head(entries)]
    k = naive_split(len(entries))
    if first <= k:
        return [*naive_consistency(first, entries[:k], whole=whole), naive_head(entries[k:])]
    return [*naive_consistency(first - k, entries[k:], whole=False), naive_head(entries[:k])]


def entries_of(size: int) -> list[bytes]:
    return [b"entry %d" % index for index in range(size)]


def tree_of(size: int) -> MerkleTree:
    return MerkleTree(leaf_hash(entry) for entry in entries_of(size))


TREE = tree_of(MAX_SIZE)
SIZES = st.integers(1, MAX_SIZE)


def refused(leaf: bytes, proof: InclusionProof, root: bytes) -> bool:
    try:
        require_included(LeafHash(leaf), proof, RootHash(root))
    except (ProofMalformed, ProofMismatch):
        return True
    return False


def flip(data: bytes, bit: int) -> bytes:
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


@pytest.mark.parametrize("name", ["rfc6962", "trees"])
def test_vectors(name: str) -> None:
    vectors: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_bytes())
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in vectors["entries"]]
    roots = [RootHash(bytes.fromhex(root)) for root in vectors["roots"]]
    tree = MerkleTree(leaves)
    for size, root in enumerate(roots):
        assert tree.root_at(size) == root
        assert root_hash(leaves[:size]) == root
        assert MerkleTree(leaves[:size]).root == root
    for vector in vectors["inclusion"]:
        path = tuple(bytes.fromhex(item) for item in vector["path"])
        proof = tree.proof(vector["index"], vector["size"])
        assert proof == InclusionProof(index=vector["index"], size=vector["size"], path=path)
        require_included(leaves[proof.index], proof, roots[proof.size])
    for vector in vectors["consistency"]:
        first, second = vector["first"], vector["second"]
        path = tuple(bytes.fromhex(item) for item in vector["path"])
        assert consistency_proof(tree, first, second) == path
        require_consistent(first, roots[first], second, roots[second], path)


def test_tree_agrees_with_the_naive_one_at_every_size() -> None:
    for size in range(1, MAX_SIZE + 1):
        entries = entries_of(size)
        tree = tree_of(size)
        assert tree.root == naive_head(entries) == TREE.root_at(size)
        for index in range(size):
            path = tuple(naive_path(index, entries))
            assert tree.proof(index).path == path == TREE.proof(index, size).path
            require_included(leaf_hash(entries[index]), tree.proof(index), tree.root)


def test_consistency_agrees_with_the_naive_one_at_every_pair_of_sizes() -> None:
    for second in range(1, MAX_SIZE // 2):
        entries = entries_of(second)
        for first in range(1, second + 1):
            path = TREE.consistency(first, second)
            assert path == tuple(naive_consistency(first, entries))
            require_consistent(first, TREE.root_at(first), second, TREE.root_at(second), path)


@given(size=SIZES, data=st.data())
def test_a_changed_bit_of_leaf_path_or_root_fails(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaf, proof, root = TREE.leaf(index), TREE.proof(index, size), TREE.root_at(size)
    parts = [leaf, root, *proof.path]
    position = data.draw(st.integers(0, len(parts) - 1))
    parts[position] = flip(parts[position], data.draw(st.integers(0, 255)))
    assert refused(parts[0], replace(proof, path=tuple(parts[2:])), parts[1])


@given(size=SIZES, data=st.data())
def test_another_index_fails(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, 2 * size).filter(lambda other: other != index))
    assert refused(TREE.leaf(index), replace(TREE.proof(index, size), index=other), TREE.root_at(size))


@given(size=SIZES, data=st.data())
def test_another_size_fails_against_the_root_of_that_size(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, MAX_SIZE).filter(lambda other: other != size))
    assert refused(TREE.leaf(index), replace(TREE.proof(index, size), size=other), TREE.root_at(other))


@given(size=SIZES, data=st.data())
def test_a_path_of_another_length_fails(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = TREE.proof(index, size)
    extra = data.draw(st.binary(min_size=32, max_size=32))
    for path in ((*proof.path, extra), (extra, *proof.path), proof.path[1:], proof.path[:-1]):
        if path != proof.path:
            assert refused(TREE.leaf(index), replace(proof, path=path), TREE.root_at(size))


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7, 8, 13, 16])
def test_an_inner_node_is_never_a_leaf(size: int) -> None:
    tree = tree_of(size)
    for height, level in enumerate(tree.levels[1:], 1):
        for position in range(len(level) // 32):
            node = level[position * 32 : position * 32 + 32]
            if node in {tree.leaf(index) for index in range(size)}:
                continue  # an odd leaf that rose unchanged
            for index in range(size):
                path = tree.proof(index).path
                for start in range(len(path) + 1):
                    assert refused(node, InclusionProof(index=index, size=size, path=path[start:]), tree.root)
            # Nor is the entry that would hash to it one that can be brought forward: the tag differs.
            if 2 * position + 1 < len(tree.levels[height - 1]) // 32:
                below = tree.levels[height - 1][2 * position * 32 : (2 * position + 2) * 32]
                assert node_hash(below[:32], below[32:]) == node
                assert leaf_hash(below) != node
                assert leaf_hash(b"\x01" + below) != node


def test_hashes_of_another_size_are_malformed() -> None:
    proof = TREE.proof(3, 8)
    for leaf, path, root in (
        (b"short", proof.path, TREE.root_at(8)),
        (TREE.leaf(3), (b"", *proof.path[1:]), TREE.root_at(8)),
        (TREE.leaf(3), proof.path, b"x" * 33),
    ):
        with pytest.raises(ProofMalformed):
            require_included(LeafHash(leaf), replace(proof, path=path), RootHash(root))
    with pytest.raises(ProofMalformed):
        MerkleTree([LeafHash(b"short")])
    with pytest.raises(ProofMalformed):
        MerkleTree.from_packed(bytes(33))
    with pytest.raises(ProofMalformed):
        Frontier().append(LeafHash(b""))


def test_positions_outside_the_tree_are_malformed() -> None:
    tree = tree_of(5)
    for index in (-1, 5):
        with pytest.raises(ProofMalformed):
            tree.proof(index)
        with pytest.raises(ProofMalformed):
            tree.leaf(index)
    with pytest.raises(ProofMalformed):
        tree.proof(3, 3)
    with pytest.raises(ProofMalformed):
        tree.root_at(6)
    for first, second in ((0, 5), (4, 3), (1, 6)):
        with pytest.raises(ProofMalformed):
            tree.consistency(first, second)


def test_stored_levels_give_the_same_tree() -> None:
    for size in (1, 2, 3, 11, 64):
        tree = tree_of(size)
        again = MerkleTree.from_levels(tree.levels)
        assert (again.root, again.size) == (tree.root, size)
        assert again.proof(size - 1) == tree.proof(size - 1)
        assert MerkleTree.from_packed(tree.levels[0]).levels == tree.levels
    assert MerkleTree([]).root == EMPTY_ROOT == root_hash([])


def test_stored_levels_of_wrong_lengths_are_malformed() -> None:
    levels = tree_of(5).levels
    for wrong in ((), levels[:-1], levels[1:-1], (*levels, levels[-1]), (levels[0][:-1], *levels[1:])):
        with pytest.raises(ProofMalformed):
            MerkleTree.from_levels(wrong)


@given(st.lists(st.binary(max_size=40), max_size=40))
def test_frontier_has_one_peak_for_each_bit_and_the_root_of_the_tree(entries: list[bytes]) -> None:
    frontier = Frontier()
    for entry in entries:
        frontier = frontier.append(leaf_hash(entry))
    assert frontier.size == len(entries)
    assert len(frontier.peaks) == len(entries).bit_count()
    assert frontier.root == naive_head(entries)


@given(data=st.data(), second=SIZES)
def test_a_changed_consistency_proof_fails(data: st.DataObject, second: int) -> None:
    first = data.draw(st.integers(1, second))
    path = TREE.consistency(first, second)
    parts = [TREE.root_at(first), TREE.root_at(second), *path]
    position = data.draw(st.integers(0, len(parts) - 1))
    parts[position] = RootHash(flip(parts[position], data.draw(st.integers(0, 255))))
    extra = data.draw(st.binary(min_size=32, max_size=32))
    spoilt = [
        (first, parts[0], second, parts[1], parts[2:]),
        (first, TREE.root_at(first), second, TREE.root_at(second), [*path, extra]),
        (second + 1, TREE.root_at(first), second, TREE.root_at(second), path),
    ]
    if path:
        spoilt.append((first, TREE.root_at(first), second, TREE.root_at(second), path[:-1]))
        spoilt.append((first - 1, TREE.root_at(first), second, TREE.root_at(second), path))
        spoilt.append((first, TREE.root_at(second), second, TREE.root_at(first), path))
    for case in spoilt:
        with pytest.raises((ProofMalformed, ProofMismatch)):
            require_consistent(case[0], RootHash(case[1]), case[2], RootHash(case[3]), case[4])


def test_the_empty_tree_is_a_prefix_of_every_tree() -> None:
    require_consistent(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    require_consistent(0, EMPTY_ROOT, 5, TREE.root_at(5), [])
    with pytest.raises(ProofMismatch):
        require_consistent(0, TREE.root_at(1), 5, TREE.root_at(5), [])
    with pytest.raises(ProofMalformed):
        require_consistent(0, EMPTY_ROOT, 5, TREE.root_at(5), [EMPTY_ROOT])
    with pytest.raises(ProofMalformed):
        require_consistent(3, TREE.root_at(3), 5, TREE.root_at(5), [])


def test_a_large_tree_proves_its_first_last_and_middle_leaf() -> None:
    leaves = [leaf_hash(index.to_bytes(4, "big")) for index in range(50_001)]
    tree = MerkleTree(leaves)
    for index in (0, 25_000, 49_999, 50_000):
        require_included(leaves[index], tree.proof(index), tree.root)
    assert root_hash(leaves) == tree.root


def mutations(count: int, seed: int) -> int:
    """Spoil proofs in `count` random ways; returns how many were refused."""
    draw = random.Random(seed)
    stopped = 0
    for _ in range(count):
        size = draw.randint(1, MAX_SIZE)
        index = draw.randrange(size)
        leaf: bytes = TREE.leaf(index)
        proof, root = TREE.proof(index, size), TREE.root_at(size)
        kind = draw.randrange(6)
        if kind == 0:
            leaf = flip(leaf, draw.randrange(256))
        elif kind == 1 and proof.path:
            at = draw.randrange(len(proof.path))
            path = (*proof.path[:at], flip(proof.path[at], draw.randrange(256)), *proof.path[at + 1 :])
            proof = replace(proof, path=path)
        elif kind == 2 and size > 1:
            proof = replace(proof, index=(index + draw.randint(1, size - 1)) % size)
        elif kind == 3:
            other = draw.choice([each for each in range(MAX_SIZE + 1) if each != size])
            proof, root = replace(proof, size=other), TREE.root_at(other)
        elif kind == 4 and proof.path:
            height = draw.randrange(1, len(proof.path) + 1)
            level = TREE.levels[height]
            at = draw.randrange(len(level) // 32)
            leaf, proof = level[at * 32 : at * 32 + 32], replace(proof, path=proof.path[height:])
        else:
            at = draw.randint(0, len(proof.path))
            proof = replace(proof, path=(*proof.path[:at], draw.randbytes(32), *proof.path[at:]))
        stopped += refused(leaf, proof, root)
    return stopped


def test_2_000_mutations_are_refused() -> None:
    assert mutations(2_000, seed=1) == 2_000


@pytest.mark.deep
def test_100_000_mutations_are_refused() -> None:
    assert mutations(100_000, seed=2) == 100_000
