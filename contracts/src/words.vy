# pragma version 0.4.3
"""
@title Words
@license Apache-2.0
@notice Arithmetic on 32-byte words that more than one module needs. Pure; no storage.
"""


# Every second bit, pair and nibble of 128 bits, and every eighth bit.
BITS: constant(uint256) = (2**128 - 1) // 3
PAIRS: constant(uint256) = (2**128 - 1) // 5
NIBBLES: constant(uint256) = (2**128 - 1) // 17
BYTES: constant(uint256) = (2**128 - 1) // 255


@internal
@pure
def _count(mask: uint256) -> uint256:
    """
    @dev Number of one bits in a mask of 128 bits: pairs, nibbles and bytes are summed side by side, the multiplication adds
         the 16 bytes into the topmost one. No step can overflow 256 bits.
    """
    x: uint256 = unsafe_sub(mask, (mask >> 1) & BITS)
    x = unsafe_add(x & PAIRS, (x >> 2) & PAIRS)
    x = unsafe_add(x, x >> 4) & NIBBLES
    return (unsafe_mul(x, BYTES) >> 120) & 255


@internal
@pure
def _digest(elements: DynArray[uint256, 128]) -> bytes32:
    """
    @dev keccak256 over the elements as 32-byte words, without offset or length: EIP-712's hash of an array, and the history
         log's.
    """
    encoded: Bytes[4128] = abi_encode(elements, ensure_tuple=False)
    return keccak256(slice(encoded, 32, 32 * len(elements)))


@internal
@pure
def _length(code: bytes32) -> uint256:
    """
    @dev Bytes of an ASCII code before its padding of zeros. The code is not empty.
    """
    # Each step halves what the padding's number of bytes can be, and decides one of its five bits.
    rest: uint256 = convert(code, uint256)
    padding: uint256 = 0
    if rest & (2**128 - 1) == 0:
        rest >>= 128
        padding = 16
    if rest & (2**64 - 1) == 0:
        rest >>= 64
        padding |= 8
    if rest & (2**32 - 1) == 0:
        rest >>= 32
        padding |= 4
    if rest & (2**16 - 1) == 0:
        rest >>= 16
        padding |= 2
    if rest & 255 == 0:
        padding |= 1
    return 32 - padding


@internal
@pure
def _text_hash(code: bytes32) -> bytes32:
    """
    @dev keccak256 of the code as text: EIP-712's hash of a `string`.
    """
    return keccak256(slice(code, 0, self._length(code)))


@internal
@pure
def _is_code(code: bytes32) -> bool:
    """
    @dev Whether the word is one or more printable ASCII characters without spaces, padded with zeros. Anything else could
         look like another code in a wallet.
    """
    rest: uint256 = convert(code, uint256)
    for _: uint256 in range(32):
        # Only padding is left.
        if rest == 0:
            break
        # A zero before another character is refused too.
        if rest >> 248 < 33 or rest >> 248 > 126:
            return False
        rest <<= 8
    return code != empty(bytes32)


@internal
@pure
def _is_address(word: bytes32) -> bool:
    """
    @dev Whether the word is a left-padded address other than zero.
    """
    return word != empty(bytes32) and convert(word, uint256) >> 160 == 0
