"""People who may do more than look: accounts, roles, passwords, and what each role may do."""

from registry.access.model import Account, AccountKind, Invitation, NameMalformed, SignIn, account_name
from registry.access.passwords import (
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    PasswordRefused,
    hash_password,
    password_holds,
)
from registry.access.roles import (
    ALLOWED,
    APPOINTED,
    Action,
    NotAllowed,
    NotSignedIn,
    Role,
    RoleUnknown,
    may,
    require,
    role_of,
)
from registry.access.tokens import Token, new_token, token_hash
from registry.access.two_people import FourEyes, PersonUnnamed, require_named, require_second_person, same_person

__all__ = [
    "ALLOWED",
    "APPOINTED",
    "LONGEST_PASSWORD",
    "SHORTEST_PASSWORD",
    "Account",
    "AccountKind",
    "Action",
    "FourEyes",
    "Invitation",
    "NameMalformed",
    "NotAllowed",
    "NotSignedIn",
    "PasswordRefused",
    "PersonUnnamed",
    "Role",
    "RoleUnknown",
    "SignIn",
    "Token",
    "account_name",
    "hash_password",
    "may",
    "new_token",
    "password_holds",
    "require",
    "require_named",
    "require_second_person",
    "role_of",
    "same_person",
    "token_hash",
]
