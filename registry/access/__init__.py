"""People who may do more than look: accounts, roles, passwords, and what each role may do."""

from registry.access.model import Account, AccountKind, Invitation, NameMalformed, SignIn, WayIn, account_name
from registry.access.passwords import (
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    PasswordRefused,
    hash_password,
    password_holds,
)
from registry.access.policy import (
    ALLOWED,
    POLICY,
    SUBJECT_STATES,
    Rule,
    Subject,
    may,
    require,
    require_state,
)
from registry.access.roles import (
    APPOINTED,
    Action,
    NotAllowed,
    NotInState,
    NotSignedIn,
    Role,
    RoleUnknown,
    role_of,
)
from registry.access.tokens import Token, new_token, token_hash
from registry.access.two_people import FourEyes, PersonUnnamed, require_named, require_second_person, same_person

__all__ = [
    "ALLOWED",
    "APPOINTED",
    "LONGEST_PASSWORD",
    "POLICY",
    "SHORTEST_PASSWORD",
    "SUBJECT_STATES",
    "Account",
    "AccountKind",
    "Action",
    "FourEyes",
    "Invitation",
    "NameMalformed",
    "NotAllowed",
    "NotInState",
    "NotSignedIn",
    "PasswordRefused",
    "PersonUnnamed",
    "Role",
    "RoleUnknown",
    "Rule",
    "SignIn",
    "Subject",
    "Token",
    "WayIn",
    "account_name",
    "hash_password",
    "may",
    "new_token",
    "password_holds",
    "require",
    "require_named",
    "require_second_person",
    "require_state",
    "role_of",
    "same_person",
    "token_hash",
]
