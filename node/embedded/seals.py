"""The sealer's signature over a block: what an offline reader checks against the trust root."""

from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak

from registry.kernel.identifiers import Address, BlockHash

SEAL_TAG = b"vermilion/seal/1"
"""Domain tag before the block hash; the version is part of it."""
_SIGNATURE_SIZE = 65
_HALF_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2


def seal_digest(block_hash: BlockHash) -> bytes:
    """Compute what the sealer signs: keccak256(`vermilion/seal/1` ‖ block hash), 32 bytes."""
    return keccak(SEAL_TAG + block_hash)


def sealer_address(sealer_key: bytes) -> Address:
    """Give the address of a sealer's private key (32 bytes)."""
    return Address(PrivateKey(sealer_key).public_key.to_address())


def sign_seal(block_hash: BlockHash, sealer_key: bytes) -> bytes:
    """Sign a block: r ‖ s ‖ yParity, 65 bytes, s in the lower half; RFC 6979: the same block gives the same bytes."""
    return PrivateKey(sealer_key).sign_msg_hash(seal_digest(block_hash)).to_bytes()


def recover_sealer(block_hash: BlockHash, seal: bytes) -> Address | None:
    """Give the address that sealed a block, or None when `seal` is no signature (wrong size, high s, off the curve)."""
    if len(seal) != _SIGNATURE_SIZE or int.from_bytes(seal[32:64], "big") > _HALF_ORDER:
        return None
    try:
        signature = Signature(signature_bytes=seal)
        return Address(signature.recover_public_key_from_msg_hash(seal_digest(block_hash)).to_address())
    except BadSignature:
        return None
