"""Halting: while an alarm is open nothing leads to the chain; a person with a name and a reason lets it go on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.anchor.operations import Approval
from registry.anchor.states import AnchorState
from registry.ports import LedgerForeign
from registry.ports.alarms import WritingHalted
from registry.ports.tasks import TaskKind
from registry.status import Reason, Status
from registry.store.database import RowRefused
from registry.workflows.certificates.deliver import deliver
from registry.workflows.chain.anchor import RootTaken
from registry.workflows.chain.halt import ABOUT_NOW, ROOT_TAKEN, ReasonMissing, halting, lift, raise_alarm
from registry.workflows.desk.hand_over import ask
from registry.workflows.desk.reconcile import reconcile
from registry.workflows.issuance.approve import cancel
from registry.workflows.status.ask_changes import request_changes
from tests.unit.registry.store.filled import APPROVER, TRUST_ROOT, digest_of, transaction
from tests.unit.registry.workflows.chain_scene import Scene

SEALED_TO_FINAL = (AnchorState.APPROVED, AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED)


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.store.close()


def alarm(scene, code: str = "reconcile/foreign-anchor", subject: str = "record 7", detail: str = "as it is") -> str:
    with scene.store.write() as unit:
        raised = raise_alarm(unit, scene.clock.now(), code=code, subject=subject, detail=detail)
    assert raised is not None
    return raised.id


def let_go_on(scene, *names: str) -> None:
    lift(scene.store, scene.clock, scene.chain, names, person="operator-1", reason="looked at and understood")


def test_the_codes_are_those_of_the_errors():
    assert RootTaken.code == ROOT_TAKEN
    assert LedgerForeign.code in ABOUT_NOW


def test_every_way_to_the_chain_is_closed_and_opens_again(scene):
    scene.bring_to(*SEALED_TO_FINAL)
    scene.anchored()
    scene.bring_to(AnchorState.FINAL)
    reconcile(scene.place)
    with scene.store.read() as unit:
        first, second = (unit.batches.by_leaf(scene.batch.batch, leaf).reservation.number for leaf in (0, 1))
    asked = dict(person="alice")
    (request,) = request_changes(
        scene.store, scene.clock, [first], Status.REVOKED, Reason.ISSUED_IN_ERROR, **asked
    ).requests
    sealed = scene.propose("2")
    signature = Approval(approver=APPROVER, deadline=1_900_000_000, signature=bytes(65))

    def approve_request():
        with scene.store.write() as unit:
            unit.status_requests.approve(
                request.id, person="dave", at=scene.clock.now(), approval=signature, status_nonces=()
            )

    def sign_request():
        with scene.store.write() as unit:
            unit.status_requests.sign(request.id, transaction("revoke", nonce=1), scene.clock.now())

    def approve_batch():
        scene.name = sealed.id
        scene.approve()

    def sign_batch():
        with scene.store.write() as unit:
            unit.batches.sign(sealed.id, transaction("another", nonce=2), scene.clock.now())

    ways = {
        "ask for a change of status": lambda: request_changes(
            scene.store, scene.clock, [second], Status.SUSPENDED, Reason.INVESTIGATION, **asked
        ),
        "approve a change of status": approve_request,
        "sign a change of status": sign_request,
        "ask the desk to propose": lambda: ask(scene.store, scene.clock, TaskKind.PROPOSE, "AIGC-APP-ENG/3", **asked),
        "propose": lambda: scene.propose("3"),
        "approve a batch": approve_batch,
        "ask the desk to send": lambda: ask(scene.store, scene.clock, TaskKind.SEND_BATCH, sealed.id, **asked),
        "sign a batch": sign_batch,
    }  # in the order in which each is possible
    for what, way in ways.items():
        name = alarm(scene, detail=what)
        with pytest.raises(WritingHalted) as caught:
            way()
        assert caught.value.alarm.id == name
        let_go_on(scene, name)
        way()


def test_reading_delivering_and_giving_up_go_on(scene):
    scene.bring_to(*SEALED_TO_FINAL)
    scene.anchored()
    alarm(scene)
    scene.bring_to(AnchorState.FINAL)  # what the chain has done is noted all the same
    assert deliver(scene.store, scene.clock, scene.shelf, scene.key_of, scene.name) == scene.batch.size
    assert ask(scene.store, scene.clock, TaskKind.DRAW, scene.name, person="alice").subject == scene.name


def test_a_sealed_batch_may_be_given_up_while_writing_is_halted(scene):
    alarm(scene)
    assert cancel(scene.store, scene.clock, scene.name, person="alice").state is AnchorState.CANCELLED


def test_an_alarm_is_raised_once_and_a_fact_of_history_never_again(scene):
    name = alarm(scene)
    with scene.store.write() as unit:
        given = {"code": "reconcile/foreign-anchor", "subject": "record 7"}
        assert raise_alarm(unit, scene.clock.now(), **given, detail="as it is") is None
    let_go_on(scene, name)
    with scene.store.write() as unit:
        assert raise_alarm(unit, scene.clock.now(), **given, detail="as it is") is None
        assert raise_alarm(unit, scene.clock.now(), **given, detail="something else") is not None


def test_what_is_about_the_chain_now_is_raised_as_often_as_it_is_seen(scene):
    reconcile(scene.place)
    scene.chain.trust_root = replace(TRUST_ROOT, genesis=digest_of("another genesis"))
    for _ in range(2):
        with pytest.raises(LedgerForeign):
            reconcile(scene.place)
        with scene.store.read() as unit:
            (raised,) = unit.alarms.open()
        with pytest.raises(LedgerForeign):  # it still is another chain
            let_go_on(scene, raised.id)
        scene.chain.trust_root, foreign = TRUST_ROOT, scene.chain.trust_root
        let_go_on(scene, raised.id)
        scene.chain.trust_root = foreign


def test_an_error_that_contradicts_the_chain_raises_its_alarm_and_goes_on_its_way(scene):
    with pytest.raises(RootTaken), halting(scene.store, scene.clock):
        raise RootTaken(scene.name)
    assert scene.alarms() == [("anchor/root-taken", scene.name)]
    assert ("alarm.raise", "L-2026-11-0001") in scene.journal()


def test_other_errors_raise_none(scene):
    name = alarm(scene)
    with pytest.raises(WritingHalted), halting(scene.store, scene.clock), scene.store.read() as unit:
        unit.alarms.require_none()
    assert scene.alarms() == [("reconcile/foreign-anchor", "record 7")]
    let_go_on(scene, name)
    assert ("alarm.lift", name) in scene.journal()


@pytest.mark.parametrize("reason", ["", "   ", "why", "two\nlines of it", "x" * 401])
def test_lifting_takes_a_reason(scene, reason):
    name = alarm(scene)
    with pytest.raises(ReasonMissing):
        lift(scene.store, scene.clock, scene.chain, [name], person="operator-1", reason=reason)
    assert scene.alarms() != []


def test_a_lifted_alarm_stays_as_it_is(scene):
    name = alarm(scene)
    let_go_on(scene, name)
    scene.clock.time += timedelta(hours=1)
    (again,) = lift(scene.store, scene.clock, scene.chain, [name], person="mallory", reason="another story")
    assert (again.lifted_by, again.reason) == ("operator-1", "looked at and understood")
    assert again.lifted_at < datetime(2027, 1, 1, tzinfo=UTC)
    for statement in ("UPDATE alarm SET reason = 'another'", "DELETE FROM alarm", "UPDATE alarm SET detail = ''"):
        with pytest.raises(RowRefused), scene.store.write() as unit:
            unit._session.connection.exec_driver_sql(statement)
