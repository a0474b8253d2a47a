"""Accounts, invitations and sign-ins as values."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from registry.access.roles import Role
from registry.kernel.errors import MalformedInput

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}", re.ASCII)
LONGEST_DISPLAY: Final = 64


class NameMalformed(MalformedInput):
    """A sign-in name is not one."""

    code = "account/name-malformed"

    def __init__(self) -> None:
        super().__init__("expected a sign-in name of 2 to 32 lower-case letters, digits, dots, hyphens or underscores")


class AccountKind(StrEnum):
    """Whose account it is."""

    STAFF = "staff"
    """Somebody of the issuing body or of its supervision."""
    EMPLOYER = "employer"
    """Somebody who verifies many certificates."""
    HOLDER = "holder"
    """Somebody with certificates of ours; the account belongs to a person of the registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person's way in. Two people never share one: four eyes are counted on its name."""

    name: str
    """Sign-in name; of a holder the person's id, which nobody types: holders sign in with their identity number."""
    kind: AccountKind
    display: str
    """How the person is called on pages; empty for holders."""
    roles: frozenset[Role]
    person: str | None
    """The registry's person, for holders alone."""
    password: str | None
    """Hash in PHC form; None = the invitation was not used yet."""
    created_by: str
    created_at: datetime
    closed_at: datetime | None


class WayIn(StrEnum):
    """How far a holder is on the way to a password."""

    ERASED = "erased"
    """There is nobody any more."""
    CLOSED = "closed"
    """The account was closed for good."""
    PASSWORD = "password"  # noqa: S105 - a state's name
    """A password was chosen."""
    LINK = "link"
    """A link to choose one with is open."""
    ACCOUNT = "account"
    """There is an account, and neither password nor open link."""
    NONE = "none"
    """There is no account yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link that lets somebody choose the password of an account, once. Only its hash is kept."""

    token_hash: bytes
    """SHA-256, 32 bytes."""
    account: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One browser that somebody is signed in with. Only the token's hash is kept."""

    token_hash: bytes
    """SHA-256, 32 bytes."""
    account: str
    began_at: datetime
    used_at: datetime
    """Last use, to the minute."""
    expires_at: datetime
    ended_at: datetime | None


def account_name(text: str) -> str:
    """Read a sign-in name as it is typed. Raises NameMalformed."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise NameMalformed
    return name
