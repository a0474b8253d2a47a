"""The Token Status List of draft-ietf-oauth-status-list: two bits a certificate, compressed, for readers elsewhere.

1. Entry i of a list of 2-bit codes stands in byte i // 4, lowest bits first (section 4.1).
2. The bytes are compressed with zlib at its best level, then base64url without padding (section 4.2).
3. The claims name the list by its address (`sub`), say when it was true and until when it may be kept (section 5.1).

Superseded is shown as revoked: common verifiers take any code but 0, 1 and 2 for valid.
"""

import zlib
from collections.abc import Mapping
from typing import Final

from registry.credential.v1 import STATUS_LIST_SIZE
from registry.kernel.encoding import JsonObject, b64url
from registry.status import Status

TOKEN_TYPE: Final = "statuslist+jwt"  # noqa: S105 - a media type
MEDIA_TYPE: Final = "application/statuslist+jwt"
_BITS: Final = 2
_PER_BYTE: Final = 8 // _BITS
TIME_TO_LIVE: Final = 60
"""Seconds after which a reader should fetch the list again."""
LIFETIME: Final = 86_400
"""Seconds after which nobody may rely on it any more."""


def shown_code(status: Status) -> int:
    """Give the code under which a status stands in the list."""
    return int(Status.REVOKED if status is Status.SUPERSEDED else status)


def packed(statuses: Mapping[int, Status], size: int = STATUS_LIST_SIZE) -> bytes:
    """Write a list of `size` entries (a multiple of 4); those not named are valid, as unused ones are."""
    # 1
    octets = bytearray(size // _PER_BYTE)
    for index, status in statuses.items():
        octets[index // _PER_BYTE] |= shown_code(status) << index % _PER_BYTE * _BITS
    return bytes(octets)


def compressed(octets: bytes) -> str:
    """Write a packed list as it stands in a token."""
    # 2
    return b64url(zlib.compress(octets, 9))


def token_claims(*, issuer: str, address: str, issued_at: int, encoded: str) -> JsonObject:
    """Write the claims of a token; `issued_at` in Unix seconds, `encoded` as `compressed` gives it."""
    # 3
    return {
        "iss": issuer,
        "sub": address,
        "iat": issued_at,
        "exp": issued_at + LIFETIME,
        "ttl": TIME_TO_LIVE,
        "status_list": {"bits": _BITS, "lst": encoded},
    }
