"""Act: who takes a step that a command asks for, and whether the table lets them as things stand.

1. Until the house has an account, everybody is taken at their word: somebody has to make the first.
2. Accounts are managed by whoever asks until somebody is appointed to that.
3. Afterwards who acts is an open account of the house, by whatever spelling signs in to it, whose roles allow it.
4. The thing it is done to is in a state in which it can be done.

This keeps people apart who are honest, and writes the right person into the journal. It keeps nobody out who may read
the data folder: what needs more rests on keys (`registry.access.policy`, docs/operations.md).
"""

from registry.access import Account, AccountKind, Action, Subject, may, require, require_state, same_person
from registry.assessment import SheetState
from registry.kernel.errors import RuleRefusal
from registry.ports.storage import UnitOfWork


class AccountNotOpen(RuleRefusal):
    """Somebody acts under a name that is no open account of the house."""

    code = "access/no-account"

    def __init__(self, named: str, action: Action) -> None:
        self.named, self.action = named, action
        super().__init__(f"no open account of the house is called {named[:64]!a}: {action} is for people with one")


def acting_account(unit: UnitOfWork, named: str, action: Action) -> Account | None:
    """Give the account that acts; None = nobody was appointed yet, and the name is taken as it is.

    Raises AccountNotOpen, NotAllowed.
    """
    house = [one for one in unit.accounts.all() if one.kind is AccountKind.STAFF]
    if not house:  # 1
        return None
    open_ones = [one for one in house if one.closed_at is None]
    if action is Action.MANAGE_ACCOUNTS and not any(may(one.roles, action) for one in open_ones):  # 2
        return None
    account = next((one for one in open_ones if same_person(one.name, named)), None)  # 3
    if account is None:
        raise AccountNotOpen(named, action)
    require(account.roles, action)
    return account


def require_may_be_done(unit: UnitOfWork, action: Action, subject: Subject, named: str) -> None:
    """Refuse an action that cannot be taken with a thing as it stands. Raises NotHere, NotInState."""
    require_state(action, named, state_of(unit, subject, named))  # 4


def state_of(unit: UnitOfWork, subject: Subject, named: str) -> str:
    """Give the state of a thing in the words of the table. Raises NotHere."""
    match subject:
        case Subject.BATCH:
            return unit.batches.batch(named).state
        case Subject.REQUEST:
            return unit.status_requests.request(named).state
        case Subject.SESSION:
            return "open" if unit.exam_sessions.session(named).closed_at is None else "closed"
        case Subject.SHEET:
            sheet = unit.marks.sheet(named)
            if sheet.confirmed_by is not None:
                return SheetState.CONFIRMED
            return SheetState.ENTERED if sheet.returned is None else SheetState.RETURNED
        case Subject.CORRECTION:
            correction = unit.corrections.correction(named)
            every = unit.corrections.corrections(sheet_id=correction.sheet, admission=correction.admission)
            newest = [one.id for one in every if one.paper == correction.paper][-1]
            return _between_two(correction.confirmed_by, is_newest=newest == named)
        case Subject.APPLICATION:
            application = unit.enrolments.application(named)
            if application.eligible is None:
                return "undecided"
            if application.overridden:
                return "overridden"
            return "eligible" if application.eligible else "refused"
        case Subject.JUDGEMENT:
            judged = unit.judgements.judgement(named)
            newest = [one.id for one in unit.judgements.judgements(judged.admission) if one.subject == judged.subject][
                -1
            ]
            return _between_two(judged.confirmed_by, is_newest=newest == named)
        case Subject.ADMISSION:
            unit.enrolments.application(named)
            trail = unit.admissions.trails([named]).get(named)
            return "" if trail is None or trail.state is None else trail.state
        case Subject.ATTENDANCE:
            confirmed = unit.courses.attendance_list(named).confirmed
            return "entered" if confirmed is None else "confirmed" if confirmed else "returned"


def _between_two(confirmed_by: str | None, *, is_newest: bool) -> str:
    if confirmed_by is not None:
        return "confirmed"
    return "waiting" if is_newest else "superseded"
