"""Personal data at rest: a key for each person, a keyed index to find a person by.

Stored form `0x01 ‖ nonce(12) ‖ ciphertext ‖ tag` (AES-256-GCM), AAD = person id ‖ 0x00 ‖ field. A field is named by
its column, and by its row where a person can have several: `credential.disclosures/17`; a ciphertext does not open
anywhere else. The person's key is stored wrapped under the data key in the same form. Erasing a person deletes the
wrapped key: every copy of the rest is then noise. Index: HMAC-SHA-256(index key, `vermilion/identity-index/1` ‖ 0x00
‖ type ‖ 0x00 ‖ NFKC upper-case number).
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.enrolment import normal_identity_number
from registry.kernel.errors import IntegrityFault

_FORM = b"\x01"
_INDEX_TAG = b"vermilion/identity-index/1"
_WRAPPED = "person.wrapped_key"
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class CiphertextUnreadable(IntegrityFault):
    """A stored ciphertext does not open: it was changed, moved to another row, or belongs to another key."""

    code = "store/ciphertext-unreadable"

    def __init__(self, person: str, field: str) -> None:
        self.person, self.field = person, field
        super().__init__(f"stored field {field} of person {person} does not decrypt")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DataKeys:
    """The secrets of the store, 32 bytes each, kept apart from the database and from every signing key."""

    data: bytes
    """Wraps the persons' keys."""
    index: bytes
    """Keys the identity index."""
    seal: bytes
    """Keys the row seals."""

    @classmethod
    def generate(cls) -> "DataKeys":
        """Draw fresh keys."""
        return cls(data=secrets.token_bytes(32), index=secrets.token_bytes(32), seal=secrets.token_bytes(32))


def encrypt(key: bytes, person: str, field: str, plain: bytes) -> bytes:
    """Encrypt one field of one person under a key of 32 bytes."""
    nonce = secrets.token_bytes(12)
    return _FORM + nonce + AESGCM(key).encrypt(nonce, plain, _bound_to(person, field))


def decrypt(key: bytes, person: str, field: str, stored: bytes) -> bytes:
    """Open what `encrypt` made. Raises CiphertextUnreadable."""
    if stored[:1] != _FORM:
        raise CiphertextUnreadable(person, field)
    try:
        return AESGCM(key).decrypt(stored[1:13], stored[13:], _bound_to(person, field))
    except (InvalidTag, ValueError) as error:
        raise CiphertextUnreadable(person, field) from error


def encrypt_json(key: bytes, of: str, field: str, value: Mapping[str, Any]) -> bytes:
    """Encrypt a mapping of plain values as one personal field."""
    return encrypt(key, of, field, _write(value).encode())


def decrypt_json(key: bytes, of: str, field: str, stored: bytes) -> dict[str, Any]:
    """Open what `encrypt_json` made. Raises CiphertextUnreadable."""
    return cast(dict[str, Any], json.loads(decrypt(key, of, field, stored)))


def _bound_to(person: str, field: str) -> bytes:
    return person.encode() + b"\0" + field.encode()


def new_person_key(keys: DataKeys, person: str) -> tuple[bytes, bytes]:
    """Draw a person's key; return it and its wrapped form."""
    key = secrets.token_bytes(32)
    return key, encrypt(keys.data, person, _WRAPPED, key)


def unwrap_person_key(keys: DataKeys, person: str, wrapped: bytes) -> bytes:
    """Open a person's key. Raises CiphertextUnreadable."""
    return decrypt(keys.data, person, _WRAPPED, wrapped)


def identity_index(keys: DataKeys, identity_type: str, number: str) -> bytes:
    """Compute the 32-byte index by which a person is found."""
    message = b"\0".join((_INDEX_TAG, identity_type.encode(), normal_identity_number(number).encode()))
    return hmac.digest(keys.index, message, "sha256")
