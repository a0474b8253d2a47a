# pragma version 0.4.3
"""
@title History log
@license Apache-2.0
@notice Every operation of the registry appends one record to a Merkle tree of RFC 9162 (SHA-256), of which the contract keeps
        the frontier: the roots of the perfect subtrees. One checkpoint (size, root) therefore commits to everything that ever
        happened here; events and block times re-derive it.
@dev Record = 32-byte words `op, sender, timestamp`, then the operation's own. Leaf = SHA-256(0x00 || record), node =
     SHA-256(0x01 || left || right).
"""

LEVELS: constant(uint256) = 40
LENGTH: constant(uint256) = 2**40 - 1
FILLER: constant(bytes32) = keccak256("vermilion/empty-level/1")

# Operations: the first word of a record.
OP_GENESIS: constant(uint256) = 0
OP_VOTE: constant(uint256) = 1
OP_WITHDRAW_VOTE: constant(uint256) = 2
OP_ENACT: constant(uint256) = 3
OP_PAUSE: constant(uint256) = 4
OP_KEY: constant(uint256) = 5
OP_ANCHOR: constant(uint256) = 6
OP_STATUS: constant(uint256) = 7
OP_SUPERSEDE: constant(uint256) = 8
OP_BATCH: constant(uint256) = 9
OP_DIGEST: constant(uint256) = 10
OP_FOREIGN: constant(uint256) = 11

# length (40) = number of records so far, the next one's `seq` | pausedUntil (40) << 40 | migratedAt (40) << 80.
# The two times are governance's. They stand here because anchorBatch must ask them and writes this slot anyway.
head: uint256
# frontier[k] = root of the perfect subtree of 2^k records that ends the tree's left part, where bit k of length is set; a
# left-over or the filler otherwise.
frontier: bytes32[LEVELS]


@deploy
def __init__():
    # Filled once, so that no later operation pays 20,000 gas for a fresh slot.
    for level: uint256 in range(LEVELS):
        self.frontier[level] = FILLER


@internal
def _append(op: uint256, words: Bytes[288]) -> uint256:
    """
    @dev Append the record `op, msg.sender, block.timestamp, words`; return its `seq`.
    """
    node: bytes32 = sha256(concat(x"00", abi_encode(op, msg.sender, block.timestamp), words))
    head: uint256 = self.head
    seq: uint256 = head & LENGTH
    level: uint256 = 0
    for _: uint256 in range(LEVELS):
        if (seq >> level) & 1 == 0:
            break
        node = self._node(self.frontier[level], node)
        level = unsafe_add(level, 1)
    self.frontier[level] = node
    self.head = unsafe_add(head, 1)
    return seq


@internal
@pure
def _node(left: bytes32, right: bytes32) -> bytes32:
    return sha256(concat(x"01", left, right))


@external
@view
def checkpoint() -> (uint256, bytes32):
    """
    @notice The history log as of now.
    @return size Number of records
    @return root RFC 9162 tree hash over all of them
    """
    size: uint256 = self.head & LENGTH
    root: bytes32 = empty(bytes32)
    for level: uint256 in range(LEVELS):
        if (size >> level) & 1 == 1:
            # The filler is never read here: a set bit means a written level.
            peak: bytes32 = self.frontier[level]
            root = peak if root == empty(bytes32) else self._node(peak, root)
    return size, root


@external
@view
def peaks() -> DynArray[bytes32, LEVELS]:
    """
    @notice Roots of the perfect subtrees that make up the log, from left (largest) to right.
    """
    size: uint256 = self.head & LENGTH
    found: DynArray[bytes32, LEVELS] = []
    for i: uint256 in range(LEVELS):
        level: uint256 = unsafe_sub(LEVELS - 1, i)
        if (size >> level) & 1 == 1:
            found.append(self.frontier[level])
    return found
