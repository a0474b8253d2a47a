"""The policy table, cell by cell: every role × action × state against a compact table written by hand."""

from itertools import product

import pytest

from registry.access import (
    ALLOWED,
    POLICY,
    SUBJECT_STATES,
    Action,
    NotAllowed,
    NotInState,
    Role,
    Subject,
    may,
    require,
    require_state,
)
from registry.access import policy as table
from registry.anchor.progress import RequestState, allowed_request_moves
from registry.anchor.states import AnchorState, allowed_transitions
from registry.assessment import SheetState
from registry.enrolment.admission import AFTER_DECISION, BY_ANOTHER, TRANSITIONS, AdmissionState

ROLES = {
    "C": Role.CLERK,
    "R": Role.REVIEWER,
    "M": Role.MAKER,
    "A": Role.APPROVER,
    "E": Role.EDITOR,
    "U": Role.AUDITOR,
    "O": Role.OPERATOR,
    "e": Role.EMPLOYER,
    "r": Role.RECRUITER,
    "h": Role.HOLDER,
}
# action | roles | subject | states in which it can be taken
EXPECTED = """
keep-programmes       | E       |             |
import-roster         | C       |             |
decide                | CR      |             |
judge                 | R       | application | undecided
override              | R       | application | refused
confirm-judgement     | R       | judgement   | waiting
register-through-unit | C       | admission   | pre-registered first-review-returned first-review-passed fee-paid \
documents-handed-in
review-admission      | R       | admission   | pre-registered first-review-passed fee-paid documents-handed-in
keep-organisations    | C       |             |
run-course            | C       |             |
enter-attendance      | C       |             |
confirm-attendance    | R       | attendance  | entered
return-attendance     | R       | attendance  | entered
take-back-attendance  | C       | attendance  | entered
certify-hours         | C       |             |
make-session          | C       |             |
seat-candidates       | C       | session     | open
sign-in-candidates    | C       | session     | open
staff-session         | C       | session     | open
close-session         | C       | session     | open
enter-scores          | C       |             |
enter-session-scores  | C       | session     | closed
confirm-scores        | R       | sheet       | entered
return-scores         | R       | sheet       | entered
take-back-scores      | C       | sheet       | entered
correct-scores        | C       | sheet       | confirmed
confirm-correction    | R       | correction  | waiting
propose-batch         | M       |             |
approve               | A       | batch       | sealed approved failed
issue-batch           | MO      | batch       | approved signed sent included orphaned final
cancel-batch          | MA      | batch       | reserved sealed approved failed
print                 | MO      | batch       | final
request-status        | M       |             |
approve-change        | A       | request     | requested approved
send-change           | MO      | request     | requested approved signed sent
cancel-change         | MA      | request     | requested approved
invite-holder         | M       |             |
manage-accounts       | O       |             |
operate               | O       |             |
keep-keys             |         |             |
vote                  |         |             |
see-registry          | CRMAEUO |             |
verify-many           | MUe     |             |
search-talent         | r       |             |
own-certificates      | h       |             |
"""


def expected() -> dict[Action, tuple[set[Role], str, set[str]]]:
    rows = [[cell.strip() for cell in line.split("|")] for line in EXPECTED.strip().splitlines()]
    return {
        Action(action): ({ROLES[one] for one in roles}, on, set(words.split())) for action, roles, on, words in rows
    }


def test_every_cell_of_the_table_is_as_it_was_meant():
    wanted = expected()
    assert set(wanted) == set(Action) == set(POLICY)
    cells = 0
    for role, action in product(Role, Action):
        roles, on, states = wanted[action]
        assert may([role], action) == (role in roles) == (action in ALLOWED[role]), (role, action)
        assert (POLICY[action].subject or "") == on, action
        # Of an action without states every state is refused, of any subject; of the others, all but those named.
        for state in frozenset().union(*SUBJECT_STATES.values()):
            assert may([role], action, state) == (role in roles and state in states), (role, action, state)
            cells += 1
    assert cells == len(Role) * len(Action) * len(frozenset().union(*SUBJECT_STATES.values()))


def test_what_the_table_does_not_name_is_refused(monkeypatch):
    for role, action in product(Role, Action):
        if action in ALLOWED[role]:
            require([role], action)
        else:
            with pytest.raises(NotAllowed) as caught:
                require([role], action)
            assert (caught.value.action, set(caught.value.allowing)) == (action, POLICY[action].roles)
    assert not any(may([], action) for action in Action)
    for action in Action:
        with pytest.raises(NotInState):
            require_state(action, "B-2026-11-0001", "a-state-that-nobody-named")
    monkeypatch.setattr(table, "POLICY", {one: rule for one, rule in POLICY.items() if one is not Action.APPROVE})
    assert not may(list(Role), Action.APPROVE)
    with pytest.raises(NotAllowed):
        require(list(Role), Action.APPROVE)
    with pytest.raises(NotInState):
        require_state(Action.APPROVE, "B-2026-11-0001", "sealed")


def test_done_before_is_answered_again_and_never_stands_beside_can_be_done():
    for action, rule in POLICY.items():
        assert not rule.states & rule.again, action
        for state in rule.states | rule.again:
            require_state(action, "it", state)
    again = {action: rule.again for action, rule in POLICY.items() if rule.again}
    assert set(again) == {Action.APPROVE, Action.ISSUE_BATCH, Action.SEND_CHANGE}


def test_the_states_are_the_words_of_the_stages_own_enums():
    assert SUBJECT_STATES[Subject.BATCH] == set(AnchorState)
    assert SUBJECT_STATES[Subject.REQUEST] == set(RequestState)
    assert SUBJECT_STATES[Subject.SHEET] == SUBJECT_STATES[Subject.ATTENDANCE] == set(SheetState)
    assert SUBJECT_STATES[Subject.ADMISSION] == set(AdmissionState)
    assert set(SUBJECT_STATES) == set(Subject)
    for rule in POLICY.values():
        named = frozenset() if rule.subject is None else SUBJECT_STATES[rule.subject]
        assert rule.states | rule.again <= named
        assert bool(rule.states) == (rule.subject is not None)


def test_the_table_follows_from_the_moves_that_the_stages_allow():
    def before(moves, *wanted):
        return {state for state, following in moves.items() if state is not None and following & set(wanted)}

    batch, request = AnchorState, RequestState
    assert POLICY[Action.CANCEL_BATCH].states == before(allowed_transitions, batch.CANCELLED)
    # An approved batch is approved anew once its approval lapsed, without a move.
    assert POLICY[Action.APPROVE].states == before(allowed_transitions, batch.APPROVED) - {batch.RESERVED} | {
        batch.APPROVED
    }
    assert POLICY[Action.CANCEL_CHANGE].states == before(allowed_request_moves, request.CANCELLED)
    assert POLICY[Action.APPROVE_CHANGE].states == before(allowed_request_moves, request.APPROVED)
    assert POLICY[Action.SEND_CHANGE].states == before(allowed_request_moves, request.SIGNED, request.SENT) | {
        request.SENT
    }
    assert POLICY[Action.REVIEW_ADMISSION].states == before(TRANSITIONS, *BY_ANOTHER)
    own = set(AdmissionState) - BY_ANOTHER
    assert POLICY[Action.REGISTER_THROUGH_UNIT].states == before(TRANSITIONS, *own)
    assert own >= AFTER_DECISION - BY_ANOTHER


PAIRS = [
    (Action.ENTER_SCORES, Action.CONFIRM_SCORES),
    (Action.ENTER_SESSION_SCORES, Action.CONFIRM_SCORES),
    (Action.CERTIFY_HOURS, Action.CONFIRM_SCORES),
    (Action.CORRECT_SCORES, Action.CONFIRM_CORRECTION),
    (Action.ENTER_ATTENDANCE, Action.CONFIRM_ATTENDANCE),
    (Action.REGISTER_THROUGH_UNIT, Action.REVIEW_ADMISSION),
    (Action.PROPOSE_BATCH, Action.APPROVE),
    (Action.REQUEST_STATUS, Action.APPROVE_CHANGE),
]


@pytest.mark.parametrize(("maker", "checker"), PAIRS)
def test_no_single_role_holds_both_halves_of_a_flow(maker, checker):
    # Judging is the exception: what a reviewer judged another reviewer confirms.
    assert [role for role in Role if {maker, checker} <= ALLOWED[role]] == []
