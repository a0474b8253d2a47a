"""Roles, and what somebody may want to do. Which role may do what, and when, stands in `registry.access.policy`."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal


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

    # Programmes, candidates, training
    KEEP_PROGRAMMES = "keep-programmes"
    IMPORT_ROSTER = "import-roster"
    DECIDE = "decide"
    JUDGE = "judge"
    OVERRIDE = "override"
    CONFIRM_JUDGEMENT = "confirm-judgement"
    REGISTER_THROUGH_UNIT = "register-through-unit"
    REVIEW_ADMISSION = "review-admission"
    KEEP_ORGANISATIONS = "keep-organisations"
    RUN_COURSE = "run-course"
    ENTER_ATTENDANCE = "enter-attendance"
    CONFIRM_ATTENDANCE = "confirm-attendance"
    RETURN_ATTENDANCE = "return-attendance"
    TAKE_BACK_ATTENDANCE = "take-back-attendance"
    CERTIFY_HOURS = "certify-hours"
    # Examinations
    MAKE_SESSION = "make-session"
    SEAT_CANDIDATES = "seat-candidates"
    SIGN_IN_CANDIDATES = "sign-in-candidates"
    STAFF_SESSION = "staff-session"
    CLOSE_SESSION = "close-session"
    ENTER_SCORES = "enter-scores"
    ENTER_SESSION_SCORES = "enter-session-scores"
    CONFIRM_SCORES = "confirm-scores"
    RETURN_SCORES = "return-scores"
    TAKE_BACK_SCORES = "take-back-scores"
    CORRECT_SCORES = "correct-scores"
    CONFIRM_CORRECTION = "confirm-correction"
    # Certificates
    PROPOSE_BATCH = "propose-batch"
    APPROVE = "approve"
    ISSUE_BATCH = "issue-batch"
    CANCEL_BATCH = "cancel-batch"
    PRINT = "print"
    REQUEST_STATUS = "request-status"
    APPROVE_CHANGE = "approve-change"
    SEND_CHANGE = "send-change"
    CANCEL_CHANGE = "cancel-change"
    INVITE_HOLDER = "invite-holder"
    # The installation and the consortium
    MANAGE_ACCOUNTS = "manage-accounts"
    OPERATE = "operate"
    KEEP_KEYS = "keep-keys"
    VOTE = "vote"
    # Looking, and what is everybody's own
    SEE_REGISTRY = "see-registry"
    VERIFY_MANY = "verify-many"
    SEARCH_TALENT = "search-talent"
    OWN_CERTIFICATES = "own-certificates"


class NotAllowed(RuleRefusal):
    """Somebody's roles do not allow what they want to do."""

    code = "access/not-allowed"

    def __init__(self, action: Action, allowing: Iterable[Role] = ()) -> None:
        self.action, self.allowing = action, tuple(allowing)
        by = f"; it takes one of {', '.join(self.allowing)}" if self.allowing else ""
        super().__init__(f"your roles do not allow this: {action}{by}")


class NotInState(Conflict):
    """What somebody wants to do cannot be done with a thing as it stands now."""

    code = "access/not-in-state"

    def __init__(self, action: Action, named: str, state: str, allowed: Iterable[str]) -> None:
        self.action, self.named, self.state, self.allowed = action, named, state, tuple(sorted(allowed))
        super().__init__(f"{named} is {state}: {action} is for what is {' or '.join(self.allowed) or 'elsewhere'}")


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


def role_of(text: str) -> Role:
    """Read a role's name. Raises RoleUnknown."""
    try:
        return Role(text)
    except ValueError as error:
        raise RoleUnknown(text) from error
