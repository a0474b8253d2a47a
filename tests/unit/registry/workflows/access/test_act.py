"""The policy table held against the workflows: what it lets somebody do in a state they take, all else they refuse.

Everything behind the check of the state is made up and takes whatever it is given: a real registry has no way into
some of these states but a long one, and a workflow that went on there would be stopped by something else than the check
that is tried. The same steps on a real one are `test_two_people_everywhere` and the stories.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from registry.access import POLICY, SUBJECT_STATES, Action, Subject
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.enrolment import HELD_CERTIFICATE, AdmissionState, AdmissionStep, AdmissionTrail
from registry.enrolment.admission import BY_ANOTHER
from registry.kernel.errors import Conflict, RegistryError
from registry.ports.tasks import TaskKind
from registry.programme import StaffRole
from registry.status import Status
from registry.workflows.access.act import state_of
from registry.workflows.certificates.deliver import NotDeliverable
from registry.workflows.chain.status_operations import NotApproved
from registry.workflows.desk.hand_over import ask
from registry.workflows.enrolment.admit import take_step
from registry.workflows.enrolment.judge import confirm_judgement, judge_application, override_refusal
from registry.workflows.enrolment.train import settle_attendance
from registry.workflows.examination.assess import confirm_sheet, return_sheet
from registry.workflows.examination.correct import confirm_correction, correct_score
from registry.workflows.examination.duty import put_on_duty
from registry.workflows.examination.examine import close_session, register, sign_in
from registry.workflows.examination.mark_session import record_session_scores
from registry.workflows.issuance.approve import approve, cancel
from registry.workflows.status.approve_change import approve_change, cancel_change

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
CLOCK: Any = SimpleNamespace(now=lambda: NOW)
FIRST, SECOND = "chen.yi", "wu.er"


def made_up(**known: Any) -> Any:
    """A unit of work that holds what is named, and takes everything else."""
    unit = MagicMock()
    unit.tasks.open_for.return_value = None
    unit.batches.reserved.return_value = set()
    unit.enrolments.still_open.return_value = set()
    for path, value in known.items():
        room, method = path.split("__")
        getattr(getattr(unit, room), method).return_value = value
    return unit


def store_of(unit: Any) -> Any:
    store = MagicMock()
    store.read.return_value.__enter__.return_value = unit
    store.write.return_value.__enter__.return_value = unit
    store.read.return_value.__exit__.return_value = store.write.return_value.__exit__.return_value = False
    return store


def application(state: str) -> Any:
    eligible = {"undecided": None, "refused": False}.get(state, True)
    return made_up(enrolments__application=SimpleNamespace(eligible=eligible, overridden=state == "overridden"), **{})


def between_two(state: str, room: str, one: str, every: str) -> Any:
    """Of a judgement or a correction: entered by one, confirmed by another, followed by a newer one."""
    kept = {"entered_by": FIRST, "confirmed_by": SECOND if state == "confirmed" else None, "subject": "s", "paper": "p"}
    thing = SimpleNamespace(id="J-1", admission="1", sheet="S-1", **kept)
    newer = [SimpleNamespace(**{**vars(thing), "id": "J-2"})] if state == "superseded" else []
    known = {f"{room}__{one}": thing, f"{room}__{every}": [thing, *newer]}
    return made_up(enrolments__application=SimpleNamespace(eligible=None, overridden=False), **known)


def admission(state: str) -> Any:
    steps = (AdmissionState.PRE_REGISTERED, AdmissionState(state))[state == "pre-registered" :]
    trail = AdmissionTrail(steps=tuple(AdmissionStep(state=one, unit="U", by=FIRST, at=NOW) for one in steps))
    return made_up(enrolments__application=SimpleNamespace(eligible=True), admissions__trails={"1": trail})


def session(state: str) -> Any:
    held = MagicMock(closed_at=NOW if state == "closed" else None)
    return made_up(exam_sessions__session=held, marks__sheet_of_file=None)


def sheet(state: str) -> Any:
    one = SimpleNamespace(
        id="S-1",
        rows=1,
        entered_by=FIRST,
        confirmed_by=SECOND if state == "confirmed" else None,
        returned=SimpleNamespace(by=SECOND) if state == "returned" else None,
    )
    return made_up(marks__sheet=one)


def attendance(state: str) -> Any:
    settled = {"entered": None, "confirmed": True, "returned": False}[state]
    return made_up(courses__attendance_list=SimpleNamespace(entered_by=FIRST, confirmed=settled, rows=1))


def batch(state: str) -> Any:
    lapsed = SimpleNamespace(has_lapsed=lambda _: state == "approved")
    one = MagicMock(state=AnchorState(state), proposed_by=FIRST, approved_by=None, delivered_at=None, approval=lapsed)
    return made_up(batches__batch=one)


def request(state: str) -> Any:
    lapsed = SimpleNamespace(has_lapsed=lambda _: True)
    one = MagicMock(
        state=RequestState(state),
        requested_by=FIRST,
        wanted=Status.REVOKED,
        approval=lapsed,
        status_nonces=(),
        new_batch=None,
    )
    return made_up(status_requests__request=one)


THINGS: dict[Subject, Callable[[str], Any]] = {
    Subject.APPLICATION: application,
    Subject.JUDGEMENT: lambda state: between_two(state, "judgements", "judgement", "judgements"),
    Subject.ADMISSION: admission,
    Subject.ATTENDANCE: attendance,
    Subject.SESSION: session,
    Subject.SHEET: sheet,
    Subject.CORRECTION: lambda state: between_two(state, "corrections", "correction", "corrections"),
    Subject.BATCH: batch,
    Subject.REQUEST: request,
}
NAMES = {Subject.JUDGEMENT: "J-1", Subject.CORRECTION: "J-1", Subject.SHEET: "S-1"}


def steps_of(*wanted: AdmissionState) -> Callable[[Any, Any], None]:
    def take_one(store: Any, unit: Any) -> None:
        """Any of them will do."""
        refused = None
        for one in wanted:
            try:
                take_step(store, CLOCK, ["1"], one, reason="因故", person=SECOND)
            except Conflict as error:
                refused = error
            else:
                return
        assert refused is not None
        raise refused

    return take_one


def send_request(store: Any, unit: Any) -> None:
    one = unit.status_requests.request()
    if one.state is RequestState.REQUESTED:
        one.wanted = Status.SUSPENDED  # which needs nobody's approval
    one.approval = SimpleNamespace(has_lapsed=lambda _: False)
    ask(store, CLOCK, TaskKind.SEND_REQUEST, "C-1", person=FIRST)


def send_batch(store: Any, unit: Any) -> None:
    unit.batches.batch().approval = SimpleNamespace(has_lapsed=lambda _: False)
    ask(store, CLOCK, TaskKind.SEND_BATCH, "B-1", person=FIRST)


ANY = MagicMock()
NO_RULES = SimpleNamespace(by_digest=lambda _: SimpleNamespace(session=None))
TAKEN: dict[Action, Callable[[Any, Any], object]] = {
    Action.JUDGE: lambda store, unit: judge_application(
        store, CLOCK, ANY, "1", subject=HELD_CERTIFICATE, favourable=True, reason="见原件", person=FIRST
    ),
    Action.OVERRIDE: lambda store, unit: override_refusal(store, CLOCK, "1", reason="特批", person=FIRST),
    Action.CONFIRM_JUDGEMENT: lambda store, unit: confirm_judgement(store, CLOCK, "J-1", person=SECOND),
    Action.REVIEW_ADMISSION: steps_of(*BY_ANOTHER),
    Action.REGISTER_THROUGH_UNIT: steps_of(*(set(AdmissionState) - BY_ANOTHER)),
    Action.CONFIRM_ATTENDANCE: lambda store, unit: settle_attendance(store, CLOCK, "A", confirmed=True, person=SECOND),
    Action.RETURN_ATTENDANCE: lambda store, unit: settle_attendance(store, CLOCK, "A", confirmed=False, person=SECOND),
    Action.TAKE_BACK_ATTENDANCE: lambda store, unit: settle_attendance(
        store, CLOCK, "A", confirmed=False, person=FIRST
    ),
    Action.SEAT_CANDIDATES: lambda store, unit: register(store, CLOCK, ANY, "E-1", ["1"], person=FIRST),
    Action.SIGN_IN_CANDIDATES: lambda store, unit: sign_in(store, CLOCK, ANY, "E-1", "1", person=FIRST),
    Action.STAFF_SESSION: lambda store, unit: put_on_duty(
        store, CLOCK, "E-1", paper="p", room="r", role=StaffRole.INVIGILATOR, people=[], person=FIRST
    ),
    Action.CLOSE_SESSION: lambda store, unit: close_session(store, CLOCK, NO_RULES, "E-1", person=FIRST),
    Action.ENTER_SESSION_SCORES: lambda store, unit: record_session_scores(store, CLOCK, ANY, "E-1", b"", person=FIRST),
    Action.CONFIRM_SCORES: lambda store, unit: confirm_sheet(store, CLOCK, "S-1", person=SECOND),
    Action.RETURN_SCORES: lambda store, unit: return_sheet(store, CLOCK, "S-1", reason="有误", person=SECOND),
    Action.TAKE_BACK_SCORES: lambda store, unit: return_sheet(store, CLOCK, "S-1", reason="有误", person=FIRST),
    Action.CORRECT_SCORES: lambda store, unit: correct_score(
        store, CLOCK, ANY, "S-1", "1", paper="p", score_hundredths=6000, reason="合分有误", person=FIRST
    ),
    Action.CONFIRM_CORRECTION: lambda store, unit: confirm_correction(store, CLOCK, "J-1", person=SECOND),
    Action.APPROVE: lambda store, unit: approve(store, CLOCK, ANY, ANY, ANY, "B-1", person=SECOND),
    Action.ISSUE_BATCH: send_batch,
    Action.CANCEL_BATCH: lambda store, unit: cancel(store, CLOCK, "B-1", person=FIRST),
    Action.PRINT: lambda store, unit: ask(store, CLOCK, TaskKind.DRAW, "B-1", person=FIRST),
    Action.APPROVE_CHANGE: lambda store, unit: approve_change(store, CLOCK, ANY, ANY, "C-1", person=SECOND),
    Action.SEND_CHANGE: send_request,
    Action.CANCEL_CHANGE: lambda store, unit: cancel_change(store, CLOCK, "C-1", person=FIRST),
}
"""Each action that is for certain states alone, as its workflow takes it."""


def is_taken(action: Action, subject: Subject, state: str) -> bool:
    """Whether the workflow goes on beyond its check of the state."""
    unit = THINGS[subject](state)
    try:
        TAKEN[action](store_of(unit), unit)
    except (Conflict, NotApproved, NotDeliverable):
        return False
    except (RegistryError, TypeError, ValueError, AttributeError):
        return True  # what is made up stops it somewhere behind
    return True


def cells() -> Iterator[tuple[Action, Subject, str]]:
    for action, rule in POLICY.items():
        if rule.subject is not None:
            yield from ((action, rule.subject, state) for state in sorted(SUBJECT_STATES[rule.subject]))


@pytest.mark.parametrize(("action", "subject", "state"), list(cells()))
def test_the_workflow_takes_just_what_the_table_names(action, subject, state):
    assert is_taken(action, subject, state) == (state in POLICY[action].states)


def test_every_action_with_states_is_tried():
    assert set(TAKEN) == {action for action, rule in POLICY.items() if rule.subject is not None}


@pytest.mark.parametrize(
    ("subject", "state"), [(one, state) for one in Subject for state in sorted(SUBJECT_STATES[one])]
)
def test_a_thing_is_in_the_state_that_the_table_has_a_word_for(subject, state):
    assert state_of(THINGS[subject](state), subject, NAMES.get(subject, "1")) == state


@pytest.mark.parametrize("state", sorted(POLICY[Action.APPROVE].again))
def test_whoever_approved_is_answered_again_and_nothing_is_signed(state):
    unit, signer = batch(state), MagicMock()
    unit.batches.batch().approved_by = SECOND
    unit.batches.batch().approval = SimpleNamespace(has_lapsed=lambda _: False)
    answer: object = approve(store_of(unit), CLOCK, ANY, ANY, signer, "B-1", person=SECOND)
    assert answer is unit.batches.batch()
    signer.approve.assert_not_called()
