"""Who may do what: one table, role × action; what is not in it is refused.

That nobody holds both halves of a flow for the same object is counted on the person where the object is
(`registry.workflows`), whatever roles somebody has.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from registry.kernel.errors import MalformedInput, RuleRefusal


class Role(StrEnum):
    """What somebody was appointed to."""

    CLERK = "exam-clerk"
    REVIEWER = "reviewer"
    MAKER = "maker"
    APPROVER = "approver"
    EDITOR = "programme-editor"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    EMPLOYER = "employer"
    RECRUITER = "recruiter"
    HOLDER = "holder"


APPOINTED: Final = tuple(one for one in Role if one is not Role.HOLDER)
"""Roles that somebody is given by name; a holder's comes with the claim link."""


class Action(StrEnum):
    """What pages and commands let people do."""

    IMPORT_ROSTER = "import-roster"
    DECIDE = "decide"
    JUDGE = "judge"
    ENTER_SCORES = "enter-scores"
    CONFIRM_SCORES = "confirm-scores"
    PROPOSE_BATCH = "propose-batch"
    APPROVE = "approve"
    ISSUE_BATCH = "issue-batch"
    PRINT = "print"
    SEE_REGISTRY = "see-registry"
    REQUEST_STATUS = "request-status"
    INVITE_HOLDER = "invite-holder"
    VERIFY_MANY = "verify-many"
    SEARCH_TALENT = "search-talent"
    OWN_CERTIFICATES = "own-certificates"


ALLOWED: Final[Mapping[Role, frozenset[Action]]] = MappingProxyType(
    {
        Role.CLERK: frozenset({Action.IMPORT_ROSTER, Action.DECIDE, Action.ENTER_SCORES, Action.SEE_REGISTRY}),
        Role.REVIEWER: frozenset({Action.DECIDE, Action.JUDGE, Action.CONFIRM_SCORES, Action.SEE_REGISTRY}),
        Role.MAKER: frozenset(
            {
                Action.PROPOSE_BATCH,
                Action.ISSUE_BATCH,
                Action.PRINT,
                Action.REQUEST_STATUS,
                Action.INVITE_HOLDER,
                Action.SEE_REGISTRY,
                Action.VERIFY_MANY,
            }
        ),
        Role.APPROVER: frozenset({Action.APPROVE, Action.SEE_REGISTRY}),
        Role.EDITOR: frozenset({Action.SEE_REGISTRY}),
        Role.AUDITOR: frozenset({Action.SEE_REGISTRY, Action.VERIFY_MANY}),
        Role.OPERATOR: frozenset({Action.SEE_REGISTRY, Action.ISSUE_BATCH, Action.PRINT}),
        Role.EMPLOYER: frozenset({Action.VERIFY_MANY}),
        Role.RECRUITER: frozenset({Action.SEARCH_TALENT}),
        Role.HOLDER: frozenset({Action.OWN_CERTIFICATES}),
    }
)


class NotAllowed(RuleRefusal):
    """Somebody's roles do not allow what they want to do."""

    code = "access/not-allowed"

    def __init__(self, action: Action) -> None:
        self.action = action
        super().__init__(f"your roles do not allow this: {action}")


class NotSignedIn(RuleRefusal):
    """What was asked is for people who are signed in."""

    code = "sign-in/required"

    def __init__(self) -> None:
        super().__init__("expected somebody who is signed in")


class RoleUnknown(MalformedInput):
    """There is no such role."""

    code = "account/role-unknown"

    def __init__(self, named: str) -> None:
        self.named = named
        super().__init__(f"expected one of {', '.join(APPOINTED)}, got {named[:40]!a}")


def may(roles: Iterable[Role], action: Action) -> bool:
    """Tell whether any of these roles allows an action."""
    return any(action in ALLOWED[role] for role in roles)


def require(roles: Iterable[Role], action: Action) -> None:
    """Raise NotAllowed unless one of these roles allows the action."""
    if not may(roles, action):
        raise NotAllowed(action)


def role_of(text: str) -> Role:
    """Read a role's name. Raises RoleUnknown."""
    try:
        return Role(text)
    except ValueError as error:
        raise RoleUnknown(text) from error
