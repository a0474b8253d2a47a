"""Names of things: digests, issuer and scope codes, certificate numbers and keys, batch ids, chain addresses.

Bytes inside; hex, base64url and base32 only where text is asked for. Sources: spec of the credential (number
scheme, certificate key, batch id), CAIP-2 and CAIP-10 (chains and accounts), ISO 7064 (check characters).
"""

import base64
import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType

from stdnum.iso7064 import mod_37_36

from registry.kernel.errors import MalformedInput

Digest = NewType("Digest", bytes)
"""SHA-256 of something, 32 bytes."""
LeafHash = NewType("LeafHash", bytes)
"""RFC 9162 leaf hash, 32 bytes."""
RootHash = NewType("RootHash", bytes)
"""RFC 9162 tree head hash, 32 bytes."""
BatchId = NewType("BatchId", bytes)
"""Identifier of a batch within its issuer, 32 bytes."""
KeyThumbprint = NewType("KeyThumbprint", bytes)
"""SHA-256 JWK thumbprint (RFC 7638), 32 bytes."""
BlockHash = NewType("BlockHash", bytes)
"""Hash of a block, 32 bytes."""
TransactionHash = NewType("TransactionHash", bytes)
"""Hash of a signed transaction, 32 bytes."""
Address = NewType("Address", str)
"""An account on an EVM chain: 0x and 40 lower-case hexadecimal digits."""
IssuerCode = NewType("IssuerCode", str)
"""Code of an issuing body, `[A-Z0-9-]{2,31}`."""
ScopeCode = NewType("ScopeCode", str)
"""`PROGRAMME/LEVEL`, at most 32 ASCII characters; level `-` where there is none."""
CertificateNumber = NewType("CertificateNumber", str)
"""The number printed on a certificate; a correction keeps it."""
CertificateKey = NewType("CertificateKey", str)
"""26 characters of RFC 4648 base32 (130 random bits): what the QR code carries."""

MAX_BATCH_SIZE = 2**24 - 1
"""Most leaves of one batch."""
ADDRESS_NONE = Address("0x" + "00" * 20)

_ISSUER = re.compile(r"[A-Z0-9-]{2,31}")
_SCOPE = re.compile(r"[A-Z0-9][A-Z0-9-]*/(?:[A-Z0-9]+|-)")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_KEY = re.compile(r"[A-Z2-7]{26}")
_CAIP10 = re.compile(r"eip155:([1-9]\d{0,31}):(0x[0-9a-f]{40})")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_CHARACTERS = 10


class IdentifierMalformed(MalformedInput):
    """A name does not have the form that its kind demands."""

    code = "identifier/malformed"

    def __init__(self, kind: str, expected: str) -> None:
        self.kind, self.expected = kind, expected
        super().__init__(f"no {kind}: expected {expected}")


def issuer_code(text: str) -> IssuerCode:
    """Take `text` as the code of an issuing body. Raises IdentifierMalformed."""
    if not _ISSUER.fullmatch(text):
        raise IdentifierMalformed("issuer code", "2 to 31 of A-Z, 0-9 and hyphen")
    return IssuerCode(text)


def scope_code(text: str) -> ScopeCode:
    """Take `text` as `PROGRAMME/LEVEL`. Raises IdentifierMalformed."""
    if len(text) > 32 or not _SCOPE.fullmatch(text):
        raise IdentifierMalformed("scope", "PROGRAMME/LEVEL of at most 32 characters")
    return ScopeCode(text)


def address(text: str) -> Address:
    """Take `text` as an account address, in any letter case. Raises IdentifierMalformed."""
    lowered = text.lower()
    if not _ADDRESS.fullmatch(lowered):
        raise IdentifierMalformed("address", "0x and 40 hexadecimal digits")
    return Address(lowered)


def certificate_key(text: str) -> CertificateKey:
    """Take `text` as a certificate key, in any letter case (links are retyped). Raises IdentifierMalformed."""
    raised = text.upper()
    if not _KEY.fullmatch(raised):
        raise IdentifierMalformed("certificate key", "26 characters of A-Z and 2-7")
    return CertificateKey(raised)


def new_certificate_key(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> CertificateKey:
    """Draw a certificate key: 130 random bits as 26 base32 characters (the spare bits of 17 bytes are cut off)."""
    return CertificateKey(base64.b32encode(random_bytes(17) + b"\0\0\0").decode()[:26])


def check_character(body: str) -> str:
    """Compute the ISO 7064 MOD 37,36 check character over `body` (characters 0-9 and A-Z; hyphens are skipped)."""
    return str(mod_37_36.calc_check_digit(body.replace("-", "")))


def new_certificate_number(
    issuer: IssuerCode, year: int, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> CertificateNumber:
    """Draw a number of the default scheme: `CODE-YYYY-`, 10 random Crockford base32 characters, one check character."""
    tail = "".join(_CROCKFORD[byte & 31] for byte in random_bytes(_RANDOM_CHARACTERS))
    body = f"{issuer}-{year:04d}-{tail}"
    return CertificateNumber(body + check_character(body))


def normal_number(text: str) -> str:
    """Bring a typed certificate number to the form it is found by: upper case, without hyphens and spaces.

    Letters and digits of full width, as Chinese input methods type them, are those of plain width (NFKC).
    """
    return re.sub(r"[\s\u2010-\u2015-]", "", unicodedata.normalize("NFKC", text)).upper()


def batch_id(issuer: IssuerCode, idempotency_key: str) -> BatchId:
    """Derive a batch's id: SHA-256 over domain tag, code and key, each as uint16 big-endian length ‖ UTF-8."""
    parts = (b"vermilion/batch-id/1", issuer.encode(), idempotency_key.encode())
    return BatchId(hashlib.sha256(b"".join(len(part).to_bytes(2, "big") + part for part in parts)).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractAddress:
    """A contract on one chain, written as CAIP-10 `eip155:<chain id>:<lower-case address>`."""

    chain_id: int
    """EIP-155 chain id, from 1."""
    address: Address

    @classmethod
    def parse(cls, text: str) -> "ContractAddress":
        """Read the CAIP-10 form. Raises IdentifierMalformed."""
        match = _CAIP10.fullmatch(text)
        if not match:
            raise IdentifierMalformed("contract", "eip155:<chain id>:<lower-case address>")
        return cls(chain_id=int(match[1]), address=Address(match[2]))

    def __str__(self) -> str:
        return f"eip155:{self.chain_id}:{self.address}"
