"""What differs between engines: when a block is final, what gas costs, who seals a block."""

from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from registry.anchor.trust import Engine, TrustRoot
from registry.kernel.identifiers import Address, BlockHash

SEAL_TAG: Final = b"vermilion/seal/1"
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What a transaction offers for a unit of gas, in wei (EIP-1559)."""

    ceiling: int
    """Most that is paid in all."""
    tip: int
    """What goes to the sealer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """How to treat a chain of one engine."""

    confirmations: int
    """Blocks on top of a block that make it final; 0: final at once."""
    fees: Fees
    sealed: bool
    """The node serves a seal for each block (`vermilion_getSeal`), to be made by a signer of the trust root."""


def profile_of(trust_root: TrustRoot) -> EngineProfile:
    """Say how to treat the chain of a trust root."""
    match trust_root.engine:
        case Engine.EMBEDDED:
            return EngineProfile(confirmations=0, fees=fees_of(Engine.EMBEDDED), sealed=True)
        case Engine.QBFT:
            return EngineProfile(confirmations=0, fees=fees_of(Engine.QBFT), sealed=False)
        case Engine.CLIQUE:
            # Nothing under more than half of the signers' blocks was ever seen to move.
            majority = len(trust_root.signers) // 2 + 1
            return EngineProfile(confirmations=majority, fees=fees_of(Engine.CLIQUE), sealed=False)


def fees_of(engine: Engine) -> Fees:
    """Say what transactions on a chain of this engine offer.

    Base fees are 0 in our networks; Clique's becomes 1 wei for good once a block was more than half full, and its
    miners want a tip.
    """
    return Fees(ceiling=1_000, tip=1) if engine is Engine.CLIQUE else Fees(ceiling=0, tip=0)


def fee_cap_of(engine: Engine) -> Fees:
    """Say the most that a transaction may ever offer, replacing others: pools ask for a tenth more each time."""
    usual = fees_of(engine)
    return Fees(ceiling=max(1_000_000, usual.ceiling), tip=max(1_000_000, usual.tip))


def seal_hash(block: BlockHash) -> bytes:
    """Hash what the sealer of an embedded chain signs: 32 bytes."""
    return keccak(SEAL_TAG + block)


def sealer_of(block: BlockHash, seal: bytes) -> Address | None:
    """Recover who sealed a block; `seal` is r ‖ s ‖ yParity, low-S. None when it is no such signature."""
    if len(seal) != 65 or int.from_bytes(seal[32:64], "big") > _HALF_ORDER:
        return None
    try:
        key = Signature(signature_bytes=seal).recover_public_key_from_msg_hash(seal_hash(block))
    except (BadSignature, ValidationError):
        return None
    return Address(key.to_address())
