"""Merkle trees of RFC 9162 §2.1 with SHA-256: heads, inclusion and consistency proofs.

Leaf = SHA-256(0x00 ‖ entry), node = SHA-256(0x01 ‖ left ‖ right); a tree of n leaves splits at the largest power of
two below n. The one-byte tags keep an inner node from being passed off as an entry. Sizes must come from a trusted
place (the chain): against a size of the prover's choice, no tree of this kind can tell a node's hash from a leaf's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.kernel.identifiers import LeafHash, RootHash

HASH_SIZE = 32
EMPTY_ROOT = RootHash(sha256(b"").digest())
"""Head of the tree without leaves."""


class ProofMalformed(MalformedInput):
    """A proof, a hash or a position cannot belong to a tree of the size named."""

    code = "merkle/proof-malformed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a proof in this tree: {reason}")


class ProofMismatch(RuleRefusal):
    """A proof is well formed and leads to another root."""

    code = "merkle/proof-mismatch"

    def __init__(self, expected: bytes, computed: bytes) -> None:
        self.expected, self.computed = expected, computed
        super().__init__(f"proof leads to another root: expected {expected.hex()}, computed {computed.hex()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """A leaf's path to the root of a tree of `size` leaves (RFC 9162 §2.1.3)."""

    index: int
    """Position of the leaf, from 0."""
    size: int
    """Number of leaves of the tree."""
    path: tuple[bytes, ...]
    """32-byte hashes from the leaf's sibling upwards."""


def leaf_hash(entry: bytes) -> LeafHash:
    """Hash an entry as a leaf."""
    return LeafHash(sha256(b"\0" + entry).digest())


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two 32-byte children as their parent."""
    return sha256(b"\1" + left + right).digest()


def proof_positions(index: int, size: int) -> Iterator[tuple[int, int]]:
    """Name level and position of each hash on the path of leaf `index` in a whole tree of `size` leaves."""
    level, position, width = 0, index, size
    while width > 1:
        if position ^ 1 < width:
            yield level, position ^ 1
        level, position, width = level + 1, position // 2, (width + 1) // 2


def root_hash(leaves: Iterable[LeafHash]) -> RootHash:
    """Compute the head of the tree over `leaves`, holding no more than its frontier."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier.root


class MerkleTree:
    """A tree with all its levels, as packed bytes: level 0 the leaves, the last level the root alone.

    An odd node at the end of a level rises unchanged, which gives the same heads as the recursive definition.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[LeafHash]) -> None:
        self._levels = _build(_packed(leaves))

    @classmethod
    def from_levels(cls, levels: Sequence[bytes]) -> "MerkleTree":
        """Take stored levels as they are; only their lengths are checked. Raises ProofMalformed.

        Use `MerkleTree.from_packed(levels[0])` to compute all of it again.
        """
        if not levels:
            raise ProofMalformed("no level is stored")
        expected = len(levels[0]) // HASH_SIZE
        for height, level in enumerate(levels):
            if len(level) != expected * HASH_SIZE:
                raise ProofMalformed(f"stored level {height} has {len(level)} bytes, expected {expected * HASH_SIZE}")
            if expected <= 1 and height != len(levels) - 1:
                raise ProofMalformed("levels are stored above the root")
            expected = (expected + 1) // 2
        if len(levels[-1]) > HASH_SIZE:
            raise ProofMalformed("the stored levels do not reach the root")
        tree = cls.__new__(cls)
        tree._levels = tuple(levels)
        return tree

    @classmethod
    def from_packed(cls, leaves: bytes) -> "MerkleTree":
        """Build the tree over leaf hashes that lie one after another, 32 bytes each. Raises ProofMalformed."""
        if len(leaves) % HASH_SIZE:
            raise ProofMalformed(f"packed leaves have {len(leaves)} bytes, no multiple of {HASH_SIZE}")
        tree = cls.__new__(cls)
        tree._levels = _build(leaves)
        return tree

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0]) // HASH_SIZE

    @property
    def root(self) -> RootHash:
        """Head of the tree, 32 bytes."""
        return RootHash(self._levels[-1]) if self._levels[-1] else EMPTY_ROOT

    @property
    def levels(self) -> tuple[bytes, ...]:
        """All levels from the leaves up, hashes packed: what is stored and given back to `from_levels`."""
        return self._levels

    def leaf(self, index: int) -> LeafHash:
        """Return the leaf at `index`. Raises ProofMalformed."""
        if not 0 <= index < self.size:
            raise ProofMalformed(f"index {index} in a tree of {self.size}")
        return LeafHash(self._node(0, index))

    def root_at(self, size: int) -> RootHash:
        """Compute the head that the first `size` leaves have. Raises ProofMalformed."""
        self._require_size(size)
        return RootHash(self._span(0, size)) if size else EMPTY_ROOT

    def proof(self, index: int, size: int | None = None) -> InclusionProof:
        """Prove the leaf at `index`, in the whole tree or in that of the first `size` leaves. Raises ProofMalformed."""
        total = self.size if size is None else size
        self._require_size(total)
        if not 0 <= index < total:
            raise ProofMalformed(f"index {index} in a tree of {total}")
        path: list[bytes] = []
        if total == self.size:
            path.extend(self._node(level, position) for level, position in proof_positions(index, total))
        else:
            start, end = 0, total
            while end - start > 1:
                middle = start + _split(end - start)
                if index < middle:
                    path.append(self._span(middle, end))
                    end = middle
                else:
                    path.append(self._span(start, middle))
                    start = middle
            path.reverse()
        return InclusionProof(index=index, size=total, path=tuple(path))

    def consistency(self, first: int, second: int | None = None) -> tuple[bytes, ...]:
        """Prove that the first `first` leaves (at least one) begin the first `second` (RFC 9162 §2.1.4.1).

        Returns 32-byte hashes. Raises ProofMalformed.
        """
        total = self.size if second is None else second
        self._require_size(total)
        if not 0 < first <= total:
            raise ProofMalformed(f"first size {first} before second size {total}")
        path: list[bytes] = []
        start, end = 0, total
        whole = True  # the subtree in hand is the whole of the first tree, whose head the verifier knows
        while first != end:
            middle = start + _split(end - start)
            if first <= middle:
                path.append(self._span(middle, end))
                end = middle
            else:
                path.append(self._span(start, middle))
                start = middle
                whole = False
        if not whole:
            path.append(self._span(start, end))
        path.reverse()
        return tuple(path)

    def _node(self, height: int, position: int) -> bytes:
        return self._levels[height][position * HASH_SIZE : (position + 1) * HASH_SIZE]

    def _span(self, start: int, end: int) -> bytes:
        """Hash of the subtree over leaves start … end − 1, where start is a multiple of its size rounded up to 2^k."""
        count = end - start
        if count & (count - 1) == 0:
            height = count.bit_length() - 1
            return self._node(height, start >> height)
        middle = start + _split(count)
        return node_hash(self._span(start, middle), self._span(middle, end))

    def _require_size(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise ProofMalformed(f"size {size} in a tree of {self.size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """The right edge of a growing tree: all that is needed to append to it and to know its head."""

    size: int = 0
    """Number of leaves so far."""
    peaks: tuple[bytes, ...] = ()
    """Heads of the complete subtrees, 32 bytes each, the largest (left) first: one for each 1 bit of `size`."""

    def append(self, leaf: LeafHash) -> "Frontier":
        """Return the frontier with one more leaf."""
        if len(leaf) != HASH_SIZE:
            raise ProofMalformed(f"a leaf of {len(leaf)} bytes")
        peaks, node, size = self.peaks, bytes(leaf), self.size
        while size & 1:
            node = node_hash(peaks[-1], node)
            peaks, size = peaks[:-1], size >> 1
        return Frontier(size=self.size + 1, peaks=(*peaks, node))

    @property
    def root(self) -> RootHash:
        """Head of the tree, 32 bytes."""
        if not self.peaks:
            return EMPTY_ROOT
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(peak, node)
        return RootHash(node)


def consistency_proof(tree: MerkleTree, first: int, second: int | None = None) -> tuple[bytes, ...]:
    """Prove that the tree of `first` leaves is a prefix of that of `second` (default: all)."""
    return tree.consistency(first, second)


def require_included(leaf: LeafHash, proof: InclusionProof, root: RootHash) -> None:
    """Check that `leaf` stands at `proof.index` among `proof.size` leaves under `root` (RFC 9162 §2.1.3.2).

    Raises ProofMismatch when the path ends elsewhere, ProofMalformed when it cannot be a path in a tree of that size.
    `proof.size` must have been compared with a trusted one.
    """
    if not 0 <= proof.index < proof.size:
        raise ProofMalformed(f"index {proof.index} in a tree of {proof.size}")
    _require_hashes(leaf, root, *proof.path)
    node = bytes(leaf)
    for sibling, is_left in _climb(proof.index, proof.size - 1, proof.path):
        node = node_hash(sibling, node) if is_left else node_hash(node, sibling)
    if node != root:
        raise ProofMismatch(root, node)


def require_consistent(
    first: int, first_root: RootHash, second: int, second_root: RootHash, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `first` leaves is a prefix of that of `second` (RFC 9162 §2.1.4.2).

    The empty tree is a prefix of every tree, with an empty proof. Raises ProofMismatch, ProofMalformed.
    """
    if not 0 <= first <= second:
        raise ProofMalformed(f"first size {first} before second size {second}")
    _require_hashes(first_root, second_root, *proof)
    if first in (0, second):
        if proof:
            raise ProofMalformed("hashes where none are needed")
        expected = second_root if first == second else EMPTY_ROOT
        if first_root != expected:
            raise ProofMismatch(expected, first_root)
        return
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)  # the first tree is one complete subtree, whose head is not sent again
    if not path:
        raise ProofMalformed("no hashes where some are needed")
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling, is_left in _climb(position, last, path[1:]):
        if is_left:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if old != first_root:
        raise ProofMismatch(first_root, old)
    if new != second_root:
        raise ProofMismatch(second_root, new)


def _climb(position: int, last: int, path: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Give each hash of a path and whether it stands left of the node in hand (RFC 9162 §2.1.3.2 steps 4 and 5).

    `position` is the node's place on its level, `last` that of the level's last node. Raises ProofMalformed.
    """
    for sibling in path:
        if last == 0:
            raise ProofMalformed("more hashes than levels")
        is_left = bool(position & 1 or position == last)
        yield sibling, is_left
        if is_left:
            while not position & 1 and position:  # levels where the node rises unchanged
                position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    if last:
        raise ProofMalformed("fewer hashes than levels")


def _split(count: int) -> int:
    """Largest power of two below `count` (at least 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def _packed(leaves: Iterable[LeafHash]) -> bytes:
    hashes = list(leaves)
    if any(len(leaf) != HASH_SIZE for leaf in hashes):
        raise ProofMalformed(f"a leaf of another size than {HASH_SIZE} bytes")
    return b"".join(hashes)


def _build(leaves: bytes) -> tuple[bytes, ...]:
    levels = [leaves]
    level = leaves
    pair = 2 * HASH_SIZE
    while len(level) > HASH_SIZE:
        paired = len(level) - len(level) % pair
        parents = [sha256(b"\1" + level[at : at + pair]).digest() for at in range(0, paired, pair)]
        level = b"".join(parents) + level[paired:]
        levels.append(level)
    return tuple(levels)


def _require_hashes(*hashes: bytes) -> None:
    if any(len(item) != HASH_SIZE for item in hashes):
        raise ProofMalformed(f"a hash of another size than {HASH_SIZE} bytes")
