"""Tokens that links and cookies carry: 256 random bits, of which only the hash is kept."""

import hashlib
import secrets
from typing import Final, NewType

from registry.kernel.encoding import b64url

Token = NewType("Token", str)
"""43 characters base64url of 32 random bytes."""
_LONGEST: Final = 64


def new_token() -> Token:
    """Draw a token."""
    return Token(b64url(secrets.token_bytes(32)))


def token_hash(token: str) -> bytes:
    """Give what is kept of a token: SHA-256 of its ASCII; text that cannot be one hashes to what is never kept."""
    return hashlib.sha256(token[:_LONGEST].encode("utf-8", "replace")).digest()
