"""The trust root: what a reader pins to know that it talks to the right chain and the right contract.

Canonical bytes: JCS of
`{"type":"TrustRoot","version":1,"chainId","genesis","contract","codeHash","engine","signers"}`; contract as
CAIP-10, hashes base64url, codeHash = keccak256 of the code at the contract's address, engine
`embedded|qbft|clique`, signers sorted.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from registry.kernel.encoding import b64url, canonical_json, parse_json, unb64url
from registry.kernel.errors import MalformedInput, RegistryError
from registry.kernel.identifiers import Address, BlockHash, ContractAddress, Digest, address


class Engine(StrEnum):
    """How the chain seals its blocks."""

    EMBEDDED = "embedded"
    QBFT = "qbft"
    CLIQUE = "clique"


class TrustRootMalformed(MalformedInput):
    """The bytes are not a trust root of version 1."""

    code = "trust-root/malformed"

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(f"not a trust root of version 1: {member}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """One chain, one contract, and who seals the blocks."""

    genesis: BlockHash
    contract: ContractAddress
    code_hash: Digest
    engine: Engine
    signers: tuple[Address, ...]
    """Sealer or validator keys as addresses, sorted."""

    def document(self) -> bytes:
        """Write the canonical bytes."""
        return canonical_json(
            {
                "type": "TrustRoot",
                "version": 1,
                "chainId": self.contract.chain_id,
                "genesis": b64url(self.genesis),
                "contract": str(self.contract),
                "codeHash": b64url(self.code_hash),
                "engine": self.engine.value,
                "signers": [str(one) for one in sorted(self.signers)],
            }
        )

    def digest(self) -> Digest:
        """SHA-256 of the canonical bytes: what members record on chain."""
        return Digest(hashlib.sha256(self.document()).digest())

    @classmethod
    def parse(cls, data: bytes) -> "TrustRoot":
        """Read the canonical bytes. Raises TrustRootMalformed."""
        try:
            members = parse_json(data, max_depth=2)
            if not isinstance(members, dict):
                raise TrustRootMalformed("no object")
            root = cls(
                genesis=BlockHash(unb64url(str(members["genesis"]))),
                contract=ContractAddress.parse(str(members["contract"])),
                code_hash=Digest(unb64url(str(members["codeHash"]))),
                engine=Engine(str(members["engine"])),
                signers=tuple(sorted(address(str(one)) for one in _listed(members["signers"]))),
            )
        except TrustRootMalformed:
            raise
        except (RegistryError, KeyError, ValueError) as error:
            raise TrustRootMalformed(str(error)) from error
        if len(root.genesis) != 32 or len(root.code_hash) != 32 or root.document() != data:
            raise TrustRootMalformed("not in canonical form")
        return root


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TrustRootMalformed("signers")
    return value
