"""Who may do what, and when: one table, role × action × state. What it does not name is refused.

Pages ask it for who is signed in, commands for who is named with `--as`. States are the words of the stages' own enums
(`AnchorState`, `SheetState`, …), which lie above this room; a test holds them together, and holds the table against
what the workflows take, which check again inside their transaction and are the law. That nobody holds both halves of a
flow for the same object is counted on the person where the object is (`registry.workflows`), whatever roles
somebody has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from registry.access.roles import Action, NotAllowed, NotInState, Role


class Subject(StrEnum):
    """What an action is taken with, where that has states."""

    APPLICATION = "application"
    JUDGEMENT = "judgement"
    ADMISSION = "admission"
    ATTENDANCE = "attendance"
    SESSION = "session"
    SHEET = "sheet"
    CORRECTION = "correction"
    BATCH = "batch"
    REQUEST = "request"


SUBJECT_STATES: Final[Mapping[Subject, frozenset[str]]] = MappingProxyType(
    {
        Subject.APPLICATION: frozenset({"undecided", "eligible", "refused", "overridden"}),
        Subject.JUDGEMENT: frozenset({"waiting", "superseded", "confirmed"}),
        Subject.ADMISSION: frozenset(
            {
                "pre-registered",
                "first-review-passed",
                "first-review-returned",
                "fee-paid",
                "documents-handed-in",
                "admitted",
                "withdrawn",
                "refused",
            }
        ),
        Subject.ATTENDANCE: frozenset({"entered", "confirmed", "returned"}),
        Subject.SESSION: frozenset({"open", "closed"}),
        Subject.SHEET: frozenset({"entered", "confirmed", "returned"}),
        Subject.CORRECTION: frozenset({"waiting", "superseded", "confirmed"}),
        Subject.BATCH: frozenset(
            {
                "reserved",
                "sealed",
                "approved",
                "signed",
                "sent",
                "included",
                "final",
                "orphaned",
                "failed",
                "cancelled",
            }
        ),
        Subject.REQUEST: frozenset({"requested", "approved", "signed", "sent", "final", "failed", "cancelled"}),
    }
)
"""Every state that a subject can be in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table."""

    roles: frozenset[Role]
    """Whose it is. None: no role's; it is done with a key that is in no role's hands."""
    subject: Subject | None = None
    """None = the action makes something new, or its object has no states here."""
    states: frozenset[str] = frozenset()
    """In which states of the subject it can be taken."""
    again: frozenset[str] = frozenset()
    """In which states it was done before: taking it once more is answered, and changes nothing."""


def _rule(roles: Iterable[Role], subject: Subject | None = None, states: str = "", again: str = "") -> Rule:
    return Rule(
        roles=frozenset(roles), subject=subject, states=frozenset(states.split()), again=frozenset(again.split())
    )


_CLERK, _REVIEWER, _MAKER, _APPROVER = {Role.CLERK}, {Role.REVIEWER}, {Role.MAKER}, {Role.APPROVER}
_OPERATOR, _EDITOR = {Role.OPERATOR}, {Role.EDITOR}
_HOUSE: Final = frozenset(Role) - {Role.EMPLOYER, Role.RECRUITER, Role.HOLDER}
_UNDER_WAY: Final = "approved signed sent included orphaned"

POLICY: Final[Mapping[Action, Rule]] = MappingProxyType(
    {
        # Programmes, candidates, training
        Action.KEEP_PROGRAMMES: _rule(_EDITOR),
        Action.IMPORT_ROSTER: _rule(_CLERK),
        Action.DECIDE: _rule(_CLERK | _REVIEWER),
        Action.JUDGE: _rule(_REVIEWER, Subject.APPLICATION, "undecided"),
        Action.OVERRIDE: _rule(_REVIEWER, Subject.APPLICATION, "refused"),
        Action.CONFIRM_JUDGEMENT: _rule(_REVIEWER, Subject.JUDGEMENT, "waiting"),
        Action.REGISTER_THROUGH_UNIT: _rule(
            _CLERK,
            Subject.ADMISSION,
            "pre-registered first-review-returned first-review-passed fee-paid documents-handed-in",
        ),
        Action.REVIEW_ADMISSION: _rule(
            _REVIEWER, Subject.ADMISSION, "pre-registered first-review-passed fee-paid documents-handed-in"
        ),
        Action.KEEP_ORGANISATIONS: _rule(_CLERK),
        Action.RUN_COURSE: _rule(_CLERK),
        Action.ENTER_ATTENDANCE: _rule(_CLERK),
        Action.CONFIRM_ATTENDANCE: _rule(_REVIEWER, Subject.ATTENDANCE, "entered"),
        Action.RETURN_ATTENDANCE: _rule(_REVIEWER, Subject.ATTENDANCE, "entered"),
        Action.TAKE_BACK_ATTENDANCE: _rule(_CLERK, Subject.ATTENDANCE, "entered"),
        Action.CERTIFY_HOURS: _rule(_CLERK),
        # Examinations
        Action.MAKE_SESSION: _rule(_CLERK),
        Action.SEAT_CANDIDATES: _rule(_CLERK, Subject.SESSION, "open"),
        Action.SIGN_IN_CANDIDATES: _rule(_CLERK, Subject.SESSION, "open"),
        Action.STAFF_SESSION: _rule(_CLERK, Subject.SESSION, "open"),
        Action.CLOSE_SESSION: _rule(_CLERK, Subject.SESSION, "open"),
        Action.ENTER_SCORES: _rule(_CLERK),
        Action.ENTER_SESSION_SCORES: _rule(_CLERK, Subject.SESSION, "closed"),
        Action.CONFIRM_SCORES: _rule(_REVIEWER, Subject.SHEET, "entered"),
        Action.RETURN_SCORES: _rule(_REVIEWER, Subject.SHEET, "entered"),
        Action.TAKE_BACK_SCORES: _rule(_CLERK, Subject.SHEET, "entered"),
        Action.CORRECT_SCORES: _rule(_CLERK, Subject.SHEET, "confirmed"),
        Action.CONFIRM_CORRECTION: _rule(_REVIEWER, Subject.CORRECTION, "waiting"),
        # Certificates
        Action.PROPOSE_BATCH: _rule(_MAKER),
        Action.APPROVE: _rule(
            _APPROVER, Subject.BATCH, "sealed approved failed", "signed sent included orphaned final"
        ),
        Action.ISSUE_BATCH: _rule(_MAKER | _OPERATOR, Subject.BATCH, f"{_UNDER_WAY} final", "failed cancelled"),
        Action.CANCEL_BATCH: _rule(_MAKER | _APPROVER, Subject.BATCH, "reserved sealed approved failed"),
        Action.PRINT: _rule(_MAKER | _OPERATOR, Subject.BATCH, "final"),
        Action.REQUEST_STATUS: _rule(_MAKER),
        Action.APPROVE_CHANGE: _rule(_APPROVER, Subject.REQUEST, "requested approved"),
        Action.SEND_CHANGE: _rule(
            _MAKER | _OPERATOR, Subject.REQUEST, "requested approved signed sent", "final failed cancelled"
        ),
        Action.CANCEL_CHANGE: _rule(_MAKER | _APPROVER, Subject.REQUEST, "requested approved"),
        Action.INVITE_HOLDER: _rule(_MAKER),
        # The installation and the consortium
        Action.MANAGE_ACCOUNTS: _rule(_OPERATOR),
        Action.OPERATE: _rule(_OPERATOR),
        Action.KEEP_KEYS: _rule(()),
        Action.VOTE: _rule(()),
        # Looking, and what is everybody's own
        Action.SEE_REGISTRY: _rule(_HOUSE),
        Action.VERIFY_MANY: _rule({Role.MAKER, Role.AUDITOR, Role.EMPLOYER}),
        Action.SEARCH_TALENT: _rule({Role.RECRUITER}),
        Action.OWN_CERTIFICATES: _rule({Role.HOLDER}),
    }
)
"""The table. Keys and votes are no role's: who holds the controller's or a member's key answers for them."""

ALLOWED: Final[Mapping[Role, frozenset[Action]]] = MappingProxyType(
    {role: frozenset(action for action, rule in POLICY.items() if role in rule.roles) for role in Role}
)
"""The same by role, without the states."""


def may(roles: Iterable[Role], action: Action, state: str | None = None) -> bool:
    """Tell whether one of these roles allows an action, and, where a state is given, whether it can be taken in it."""
    rule = POLICY.get(action)
    return rule is not None and not rule.roles.isdisjoint(roles) and (state is None or state in rule.states)


def require(roles: Iterable[Role], action: Action) -> None:
    """Raise NotAllowed unless one of these roles allows the action."""
    if not may(roles, action):
        rule = POLICY.get(action)
        raise NotAllowed(action, () if rule is None else sorted(rule.roles))


def require_state(action: Action, named: str, state: str) -> None:
    """Raise NotInState unless an action can be taken, or is answered once more, in a state of the thing named."""
    rule = POLICY.get(action)
    if rule is None or state not in rule.states | rule.again:
        raise NotInState(action, named, state, () if rule is None else rule.states)
