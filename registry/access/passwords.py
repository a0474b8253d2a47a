"""Passwords: kept as scrypt hashes (RFC 7914), memory-hard, each with a salt of its own.

Form `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`: 32 MiB and some 80 ms a try; salt 16 bytes, hash 32, base64 without
padding. What is typed is normalised to NFKC, so that it matches whatever keyboard wrote it.
"""

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from typing import Final

from registry.kernel.errors import IntegrityFault, MalformedInput

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 200
_LOG_N, _R, _P = 15, 8, 1
_MEMORY: Final = 64 * 1024 * 1024
_FORM: Final = re.compile(
    r"\$scrypt\$ln=(\d{2}),r=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})", re.ASCII
)


class PasswordRefused(MalformedInput):
    """A new password is too short, too long, or a single character over and over."""

    code = "account/password-refused"

    def __init__(self) -> None:
        super().__init__(
            f"expected a password of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, five of them different"
        )


class PasswordHashMalformed(IntegrityFault):
    """A kept password hash is not one of ours."""

    code = "account/password-hash"

    def __init__(self) -> None:
        super().__init__("expected a scrypt hash in PHC form")


def hash_password(password: str) -> str:
    """Hash a new password. Raises PasswordRefused."""
    text = unicodedata.normalize("NFKC", password)
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD or len(set(text)) < 5:
        raise PasswordRefused
    salt = secrets.token_bytes(16)
    kept = _scrypt(text, salt, _LOG_N, _R, _P)
    return f"$scrypt$ln={_LOG_N},r={_R},p={_P}${_b64(salt)}${_b64(kept)}"


def password_holds(password: str, kept: str | None) -> bool:
    """Compare a typed password with a kept hash; None = there is no such account: the same work, and never true.

    Raises PasswordHashMalformed.
    """
    text = unicodedata.normalize("NFKC", password[: LONGEST_PASSWORD + 1])
    if kept is None:
        _scrypt(text, bytes(16), _LOG_N, _R, _P)
        return False
    found = _FORM.fullmatch(kept)
    if found is None:
        raise PasswordHashMalformed
    log_n, r, p = (int(one) for one in found.group(1, 2, 3))
    salt, expected = (base64.b64decode(one + "==="[: -len(one) % 4]) for one in found.group(4, 5))
    return hmac.compare_digest(_scrypt(text, salt, log_n, r, p), expected)


def _scrypt(text: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(text.encode("utf-8", "replace"), salt=salt, n=1 << log_n, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()
