"""Keys that sign statements in tests: the same bytes each time."""

from dataclasses import dataclass
from hashlib import sha256

from registry.kernel.identifiers import KeyThumbprint
from registry.kernel.signing import ORDER, PrivateKey, PublicKey


@dataclass(frozen=True, slots=True)
class KeyInHand:
    """A key that is open (implements registry.kernel.signing.StatementSigner)."""

    key: PrivateKey

    @property
    def public_key(self) -> PublicKey:
        return self.key.public_key()

    def thumbprint(self) -> KeyThumbprint:
        return self.key.thumbprint()

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


def key_in_hand(label: str) -> KeyInHand:
    number = int.from_bytes(sha256(f"statement key {label}".encode()).digest(), "big") % (ORDER - 1) + 1
    return KeyInHand(PrivateKey.from_number(number, deterministic=True))


STATEMENT_KEY = key_in_hand("the issuer's")
