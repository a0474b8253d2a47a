"""Reconciling: each difference between database and chain by its name, its rule and an entry in the journal."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from unittest.mock import MagicMock

import pytest

from registry.anchor.differences import RULES, Name, Rule
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.kernel.identifiers import BatchId, RootHash
from registry.ports import Fate, FateKind, LedgerForeign, LedgerUnavailable, TransactionRefused
from registry.ports.alarms import WritingHalted
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.status import Reason, Status
from registry.workflows.auditing.audit import Auditor
from registry.workflows.certificates.deliver import deliver
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.follow import HistoryBroken, follow
from registry.workflows.chain.halt import lift, raise_alarm
from registry.workflows.chain.status_sending import change_status
from registry.workflows.desk.reconcile import look, reconcile
from registry.workflows.desk.work_off import BundlesUnwritable
from registry.workflows.issuance.approve import BatchRecorded, cancel
from registry.workflows.issuance.issue import _reserve
from registry.workflows.status.ask_changes import request_changes
from tests.unit.registry.store.filled import BODY, ISSUER, PROGRAMME, SENDER, TRUST_ROOT, digest_of, transaction
from tests.unit.registry.workflows.chain_scene import Scene

APPROVED, SIGNED, SENT = AnchorState.APPROVED, AnchorState.SIGNED, AnchorState.SENT
INCLUDED, ORPHANED, FAILED, FINAL = (
    AnchorState.INCLUDED,
    AnchorState.ORPHANED,
    AnchorState.FAILED,
    AnchorState.FINAL,
)
ON_THE_WAY = {
    "approved": (APPROVED,),
    "signed": (APPROVED, SIGNED),
    "sent": (APPROVED, SIGNED, SENT),
    "included": (APPROVED, SIGNED, SENT, INCLUDED),
    "orphaned": (APPROVED, SIGNED, SENT, INCLUDED, ORPHANED),
    "failed": (APPROVED, SIGNED, SENT, FAILED),
}


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.store.close()


def named(scene) -> list[tuple[Name, str, bool]]:
    return [(one.name, one.subject, one.done) for one in reconcile(scene.place, files=True).found]


def test_every_name_has_one_rule():
    assert set(RULES) == set(Name)


def test_where_nothing_differs_nothing_is_written(scene):
    before = scene.journal()
    assert named(scene) == []
    assert scene.journal() == before


@pytest.mark.parametrize("way", ON_THE_WAY.values(), ids=list(ON_THE_WAY))
def test_what_the_chain_has_with_our_root_becomes_final_from_every_state(scene, way):
    scene.bring_to(*way, failure="contract/paused")
    record = scene.anchored()
    scene.chain.fates[transaction("anchor").hash] = Fate(kind=FateKind.FINAL)
    assert named(scene) == [(Name.RECORDED, scene.name, True)]
    batch = scene.batch
    assert (batch.state, batch.failure) == (FINAL, None)
    assert batch.placement.seq == record.position.seq
    assert ("reconcile.mended", scene.name) in scene.journal()
    assert named(scene) == [(Name.UNDELIVERED, scene.name, True)]
    assert named(scene) == []


def test_it_becomes_final_by_whichever_transaction_recorded_it(scene):
    scene.bring_to(APPROVED)  # a copy of the database from before it was signed
    record = scene.anchored(by="a lost one")
    assert (Name.RECORDED, scene.name, True) in named(scene)
    assert scene.batch.transaction == record.position.transaction


def test_what_nobody_has_approved_here_is_held_for_the_second_person(scene):
    scene.anchored(by="a lost one")
    assert (Name.RECORDED_UNAPPROVED, scene.name, False) in named(scene)
    assert scene.batch.state is AnchorState.SEALED
    scene.approve()
    assert (Name.RECORDED, scene.name, True) in named(scene)
    assert scene.batch.state is FINAL


@pytest.mark.parametrize(
    "way", [(), (APPROVED,), (APPROVED, SIGNED, SENT, FAILED)], ids=["sealed", "approved", "failed"]
)
def test_what_the_chain_has_is_not_given_up(scene, way):
    scene.bring_to(*way, failure="contract/batch-known")
    record, before = scene.anchored(by="a lost one"), scene.batch
    with pytest.raises(BatchRecorded) as refused:  # read from the chain just now
        give_up(scene, scene.name, scene.chain)
    assert (refused.value.batch, refused.value.seq) == (scene.name, record.position.seq)
    with pytest.raises(BatchRecorded):  # known from before
        give_up(scene, scene.name)
    assert scene.batch == before
    if not way:
        scene.approve()
    assert (Name.RECORDED, scene.name, True) in named(scene)
    assert scene.batch.state is FINAL


def test_reserved_numbers_of_a_recorded_batch_are_not_given_up(scene):
    reserved = left_reserved(scene, level="2")
    scene.anchored(batch=reserved.batch, by="a lost one")
    with pytest.raises(BatchRecorded):
        give_up(scene, reserved.id, scene.chain)


def test_a_batch_is_given_up_by_what_was_read_where_no_node_answers(scene):
    scene.anchored(batch=BatchId(digest_of("another")))
    scene.chain.head = MagicMock(side_effect=LedgerUnavailable("node", "down"))
    assert give_up(scene, scene.name, scene.chain).state is AnchorState.CANCELLED


def test_nothing_is_given_up_on_another_chain(scene):
    follow(scene.store, scene.chain, scene.clock)
    scene.chain.trust_root = replace(TRUST_ROOT, genesis=digest_of("another genesis"))
    with pytest.raises(LedgerForeign):
        give_up(scene, scene.name, scene.chain)
    assert (scene.batch.state, scene.alarms()) == (AnchorState.SEALED, [("ledger/foreign", "chain")])


def give_up(scene, name, chain=None):
    ledger = None if chain is None else lambda: nullcontext(chain)
    return cancel(scene.store, scene.clock, name, person="alice", ledger=ledger)


def test_a_batch_that_was_given_up_and_is_recorded_all_the_same_halts(scene):
    cancel(scene.store, scene.clock, scene.name, person="alice")
    scene.anchored(by="a lost one")
    assert (Name.RECORDED_RELEASED, scene.name, True) in named(scene)
    assert ("reconcile/recorded-released", scene.name) in scene.alarms()


def test_a_reserved_batch_that_is_recorded_all_the_same_halts(scene):
    reserved = left_reserved(scene, level="2")
    scene.anchored(batch=reserved.batch, by="a lost one")
    assert (Name.RECORDED_UNSEALED, reserved.id, True) in named(scene)


def test_another_root_under_our_id_halts(scene):
    scene.bring_to(APPROVED, SIGNED, SENT)
    scene.anchored(root=RootHash(digest_of("another root")))
    scene.chain.fates[transaction("anchor").hash] = Fate(kind=FateKind.FINAL)
    assert named(scene) == [(Name.ROOT_TAKEN, scene.name, True)]
    assert scene.alarms() == [("anchor/root-taken", scene.name)]
    assert scene.batch.state is SENT


def test_a_batch_under_our_code_that_nobody_here_knows_halts_until_a_person_lifts_it(scene):
    record = scene.anchored(batch=BatchId(digest_of("foreign")), by="stolen")
    subject = f"record {record.position.seq}"
    assert named(scene) == [(Name.FOREIGN_ANCHOR, subject, True)]
    assert named(scene) == [(Name.FOREIGN_ANCHOR, subject, False)]  # no second alarm of the same
    with pytest.raises(WritingHalted):
        scene.approve()
    with scene.store.read() as unit:
        (alarm,) = unit.alarms.open()
    lift(scene.store, scene.clock, scene.chain, [alarm.id], person="operator-1", reason="the key is withdrawn")
    scene.approve()
    again = look(scene.place)
    assert [(one.name, one.lifted) for one in again.found] == [(Name.FOREIGN_ANCHOR, True)]
    assert again.waits == ()
    assert named(scene) == [(Name.FOREIGN_ANCHOR, subject, False)]
    assert scene.alarms() == []  # it stands in the history for ever, and was looked at


def test_a_final_batch_without_its_record_halts(scene):
    scene.bring_to(APPROVED, SIGNED, SENT, INCLUDED)
    scene.anchored()
    scene.bring_to(FINAL)
    scene.chain.kept.pop()
    found = named(scene)
    assert (Name.ANCHOR_MISSING, scene.name, True) in found
    assert ("reconcile/anchor-missing", scene.name) in scene.alarms()


def test_no_bundle_goes_out_of_a_final_batch_without_its_record(scene):
    scene.bring_to(APPROVED, SIGNED, SENT, INCLUDED)
    scene.anchored()
    scene.bring_to(FINAL)
    scene.chain.kept.pop()
    for raised in (True, False):  # the second time the alarm is open already
        assert set(named(scene)) == {(Name.ANCHOR_MISSING, scene.name, raised), (Name.UNDELIVERED, scene.name, False)}
        assert scene.batch.delivered_at is None
        assert not scene.shelf.path("").exists()


def test_a_folder_that_cannot_be_written_hinders_nothing_else_and_is_named_last(scene):
    scene.bring_to(APPROVED, SIGNED, SENT, INCLUDED)
    scene.anchored()
    scene.bring_to(FINAL)
    reserved = left_reserved(scene, "2")
    folder = scene.shelf.path("")
    folder.write_bytes(b"in the way")
    with pytest.raises(BundlesUnwritable):
        reconcile(scene.place)
    told = scene.journal()
    assert ("reconcile.held", reserved.id) in told
    assert ("reconcile.mended", scene.name) not in told
    folder.unlink()
    assert (Name.UNDELIVERED, scene.name, True) in named(scene)
    assert scene.batch.delivered_at is not None


def test_a_change_of_status_that_nobody_here_signed_halts(scene):
    scene.bring_to(APPROVED, SIGNED, SENT)
    scene.anchored()
    record = scene.suspended(by="stolen")
    scene.chain.fates[transaction("anchor").hash] = Fate(kind=FateKind.FINAL)
    found = named(scene)
    assert (Name.FOREIGN_CHANGE, f"record {record.position.seq}", True) in found
    assert (Name.RECORDED, scene.name, True) in found


@pytest.mark.parametrize("state", ["signed", "sent", "failed"])
def test_a_request_whose_record_the_chain_has_becomes_final(scene, state):
    request = suspension(scene, state)
    record = scene.suspended(by="suspend")
    scene.chain.fates[transaction("suspend").hash] = Fate(kind=FateKind.FINAL)
    assert (Name.REQUEST_RECORDED, request, True) in named(scene)
    with scene.store.read() as unit:
        found = unit.status_requests.request(request)
    assert (found.state, found.seq) == (RequestState.FINAL, record.position.seq)


def test_a_batch_dated_by_a_clock_that_is_ahead_halts_until_a_person_lifts_it(scene):
    scene.bring_to(APPROVED, SIGNED, SENT, INCLUDED)
    record = scene.anchored()
    recorded = record.position.block_time
    scene.chain.kept[-1] = replace(record, position=replace(record.position, block_time=recorded - timedelta(days=30)))
    scene.bring_to(FINAL)
    assert (Name.DATED_AHEAD, scene.name, True) in named(scene)
    assert scene.alarms() == [("reconcile/dated-ahead", scene.name)]
    with scene.store.read() as unit:
        (alarm,) = unit.alarms.open()
    lift(scene.store, scene.clock, scene.chain, [alarm.id], person="operator-1", reason="the clock is right again")
    assert (Name.DATED_AHEAD, scene.name, False) in named(scene)
    assert scene.alarms() == []


@pytest.mark.parametrize("ahead", [timedelta(minutes=59), timedelta(hours=2)])
def test_the_clock_is_compared_with_the_block_as_a_batch_becomes_final(scene, ahead):
    scene.bring_to(APPROVED, SIGNED, SENT, INCLUDED)
    record = scene.anchored()
    time = scene.batch.proposed_at - ahead
    scene.chain.kept[-1] = replace(record, position=replace(record.position, block_time=time))
    desk = Desk(store=scene.store, ledger=scene.chain, sender=MagicMock(), clock=scene.clock)
    assert anchor_batch(desk, scene.name).state is FINAL
    assert scene.alarms() == ([] if ahead < timedelta(hours=1) else [("reconcile/dated-ahead", scene.name)])
    assert [one for one in named(scene) if one[0] is Name.DATED_AHEAD and one[2]] == []  # the same alarm, not another


def test_the_clock_is_compared_where_reconciling_makes_a_batch_final_too(scene):
    scene.bring_to(APPROVED, SIGNED, SENT)
    record = scene.anchored()
    time = scene.batch.proposed_at - timedelta(hours=2)
    scene.chain.kept[-1] = replace(record, position=replace(record.position, block_time=time))
    scene.chain.fates[transaction("anchor").hash] = Fate(kind=FateKind.FINAL)
    assert named(scene) == [(Name.RECORDED, scene.name, True)]
    assert scene.batch.state is FINAL
    assert scene.alarms() == [("reconcile/dated-ahead", scene.name)]
    again = set(named(scene))  # the same alarm, and nothing of the batch goes out before it is lifted
    assert again == {(Name.DATED_AHEAD, scene.name, False), (Name.UNDELIVERED, scene.name, False)}
    assert not scene.shelf.path("").exists()


@pytest.mark.parametrize("state", ["signed", "sent", "failed"])
def test_a_request_becomes_final_by_the_transaction_that_replaced_the_first(scene, state):
    request = suspension(scene, state)
    first, second = transaction("suspend", nonce=1), transaction("suspend for more", nonce=1)
    with scene.store.write() as unit:
        unit.outbox.replace(first.hash, second, scene.clock.now())
    record = scene.suspended(by="suspend for more")
    for one in (transaction("anchor"), second):
        scene.chain.fates[one.hash] = Fate(kind=FateKind.FINAL)
    assert (Name.REQUEST_RECORDED, request, True) in named(scene)
    with scene.store.read() as unit:
        found = unit.status_requests.request(request)
    assert (found.state, found.seq) == (RequestState.FINAL, record.position.seq)
    assert found.transaction == second.hash
    assert all(subject != request for _, subject, _ in named(scene))


def test_an_audit_knows_the_transaction_that_replaced_the_first_for_ours(scene):
    request = suspension(scene, "sent")
    with scene.store.write() as unit:
        second = transaction("suspend for more", nonce=1)
        unit.outbox.replace(transaction("suspend", nonce=1).hash, second, scene.clock.now())
    scene.suspended(by="suspend for more")
    look(scene.place)

    def named_by_audit() -> list[tuple[str, str]]:
        auditor = Auditor(store=scene.store, catalogue=scene.catalogue, issuer=ISSUER, key_of=scene.key_of, ledger=None)
        return [(one.code, one.subject) for one in auditor.fsck().differences]

    assert named_by_audit() == [("fsck/request-state", request)]  # recorded, and not noted yet; of no stranger
    reconcile(scene.place)
    assert named_by_audit() == []


def suspension(scene, state: str) -> str:
    scene.bring_to(APPROVED, SIGNED, SENT, INCLUDED)
    scene.anchored()
    scene.bring_to(FINAL)
    assert reconcile(scene.place).waits == ()
    with scene.store.read() as unit:
        number = unit.batches.by_leaf(scene.batch.batch, 0).reservation.number
    (request,) = request_changes(
        scene.store, scene.clock, [number], Status.SUSPENDED, Reason.INVESTIGATION, person="alice"
    ).requests
    with scene.store.write() as unit:
        unit.status_requests.sign(request.id, transaction("suspend", nonce=1), scene.clock.now())
        for current, wanted in (("signed", "sent"), ("sent", "failed")):
            if state == current:
                break
            unit.status_requests.move(request.id, RequestState(current), RequestState(wanted), failure="reverted")
    return request.id


def test_more_transactions_than_were_signed_here_halt(scene):
    scene.bring_to(APPROVED, SIGNED, SENT)
    scene.chain.fates[transaction("anchor").hash] = Fate(kind=FateKind.WAITING)
    scene.chain.nonces[SENDER] = 3
    assert named(scene) == [(Name.NONCE_AHEAD, SENDER, True)]


def test_what_another_process_signs_while_files_are_looked_for_is_no_strangers(scene):
    scene.bring_to(APPROVED, SIGNED, SENT, INCLUDED)
    scene.anchored()
    scene.bring_to(FINAL)
    deliver(scene.store, scene.clock, scene.shelf, scene.key_of, scene.name)
    scene.chain.nonces[SENDER] = 1
    with scene.store.read() as unit:
        number = unit.batches.by_leaf(scene.batch.batch, 0).reservation.number
    issued = []

    class Watched:
        """The folder; while it is looked through, another process issues."""

        def has(self, name):
            if not issued:
                (request,) = request_changes(
                    scene.store, scene.clock, [number], Status.SUSPENDED, Reason.INVESTIGATION, person="alice"
                ).requests
                with scene.store.write() as unit:
                    unit.status_requests.sign(request.id, transaction("suspend", nonce=1), scene.clock.now())
                scene.chain.nonces[SENDER] = 2
                issued.append(request)
            return scene.shelf.has(name)

    found = reconcile(replace(scene.place, shelf=Watched()), files=True).found
    assert len(issued) == 1
    assert [one for one in found if one.rule is Rule.HALTS] == []
    assert scene.alarms() == []


def test_a_replacement_that_is_taken_while_nonces_are_counted_is_no_strangers(scene):
    scene.bring_to(APPROVED, SIGNED, SENT)
    scene.chain.fates[transaction("anchor").hash] = Fate(kind=FateKind.WAITING)
    settled, met = scene.chain.settled_nonce, []

    def counted(sender):
        if not met:  # meanwhile a person replaces it, and a final block takes the second
            second = transaction("anchor for more")
            met.append(second)
            with scene.store.write() as unit:
                unit.outbox.replace(transaction("anchor").hash, second, scene.clock.now())
            scene.chain.nonces[SENDER] = 1
            scene.chain.fates = {second.hash: Fate(kind=FateKind.FINAL)}
        return settled(sender)

    scene.chain.settled_nonce = counted
    found = reconcile(scene.place).found
    assert len(met) == 1
    assert [one for one in found if one.rule is Rule.HALTS] == []
    assert scene.alarms() == []


def behind_with_what_it_looks_up(scene) -> str:
    """A recorded suspension; whoever answers look-ups is behind whoever counts nonces and gives the records."""
    request = suspension(scene, "sent")
    scene.suspended(by="suspend")
    scene.chain.nonces[SENDER] = 2
    scene.chain.fates[transaction("anchor").hash] = Fate(kind=FateKind.FINAL)
    assert scene.chain.fate(transaction("suspend").hash).kind is FateKind.UNKNOWN
    return request


def test_a_request_whose_record_is_final_is_not_called_displaced(scene):
    request = behind_with_what_it_looks_up(scene)
    desk = Desk(store=scene.store, ledger=scene.chain, sender=MagicMock(address=SENDER), clock=scene.clock)
    done = change_status(desk, request, patience=timedelta(0))
    assert done.state is RequestState.FINAL
    assert scene.alarms() == []


def test_a_request_that_has_no_record_is_displaced_by_a_stranger(scene):
    request = suspension(scene, "sent")
    scene.chain.nonces[SENDER] = 2
    desk = Desk(store=scene.store, ledger=scene.chain, sender=MagicMock(address=SENDER), clock=scene.clock)
    done = change_status(desk, request, patience=timedelta(0))
    assert (done.state, done.failure) == (RequestState.FAILED, "anchor/nonce-taken")
    assert scene.alarms() == [("anchor/nonce-taken", request)]


def test_what_has_a_final_record_is_neither_sent_again_nor_called_displaced(scene):
    request = behind_with_what_it_looks_up(scene)
    assert named(scene) == [(Name.REQUEST_RECORDED, request, True)]
    assert scene.alarms() == []


def test_what_is_recorded_while_nonces_are_counted_is_not_called_displaced(scene):
    request = suspension(scene, "sent")
    scene.chain.nonces[SENDER] = 1
    final = scene.chain.final_nonce

    def counted(sender):
        if scene.chain.nonces[SENDER] == 1:
            scene.suspended(by="suspend")
            scene.chain.nonces[SENDER] = 2
        return final(sender)

    scene.chain.final_nonce = counted
    assert named(scene) == [(Name.REQUEST_RECORDED, request, True)]
    assert scene.alarms() == []


def test_an_alarm_halts_between_two_that_have_one_nonce_where_they_are_sent_again(scene):
    scene.bring_to(APPROVED, SIGNED)
    with scene.store.write() as unit:
        second = transaction("anchor for more")
        unit.outbox.replace(transaction("anchor").hash, second, scene.clock.now())

    def refused(one):
        scene.chain.sent.append(one)
        with scene.store.write() as unit:
            raise_alarm(unit, scene.clock.now(), code=Name.FOREIGN_ANCHOR, subject="record 7", detail="a stolen key")
        raise TransactionRefused("it will not")

    scene.chain.broadcast = refused
    assert named(scene) == [(Name.UNSENT, scene.name, False)]
    assert scene.chain.sent == [second]


def test_a_kept_transaction_that_no_node_knows_is_sent_again_as_it_is(scene):
    scene.bring_to(APPROVED, SIGNED)
    assert named(scene) == [(Name.UNSENT, scene.name, True)]
    assert scene.chain.sent == [transaction("anchor")]


def test_a_kept_transaction_whose_place_is_taken_halts(scene):
    scene.bring_to(APPROVED, SIGNED, SENT)
    scene.chain.nonces[SENDER] = 1
    assert named(scene) == [(Name.NONCE_TAKEN, scene.name, True)]
    assert scene.chain.sent == []


def test_while_writing_is_halted_nothing_is_sent_again(scene):
    scene.bring_to(APPROVED, SIGNED)
    scene.anchored(batch=BatchId(digest_of("foreign")), by="stolen")
    assert (Name.UNSENT, scene.name, False) in named(scene)
    assert scene.chain.sent == []
    with scene.store.read() as unit:
        (alarm,) = unit.alarms.open()
    lift(scene.store, scene.clock, scene.chain, [alarm.id], person="operator-1", reason="it was ours")
    assert (Name.UNSENT, scene.name, True) in named(scene)


def test_bundles_that_are_gone_are_written_again(scene):
    scene.bring_to(APPROVED, SIGNED, SENT, INCLUDED)
    scene.anchored()
    scene.bring_to(FINAL)
    deliver(scene.store, scene.clock, scene.shelf, scene.key_of, scene.name)
    assert named(scene) == []
    with scene.store.read() as unit:
        number = unit.batches.by_leaf(scene.batch.batch, 0).reservation.number
    path = scene.shelf.path(f"{number}.bundle.json")
    before = path.read_bytes()
    path.unlink()
    assert named(scene) == [(Name.BUNDLES_MISSING, scene.name, True)]
    assert path.read_bytes() == before


def left_reserved(scene, level: str):
    return _reserve(
        scene.store, scene.clock, scene.catalogue, BODY, scene.key,
        programme=PROGRAMME, level=level, person="alice", key=None,
    )  # fmt: skip


def test_a_batch_left_reserved_is_held_unless_a_task_is_at_it(scene):
    reserved = left_reserved(scene, level="2")
    assert named(scene) == [(Name.LEFT_RESERVED, reserved.id, False)]
    task = Task(
        id="T-2026-11-0001",
        kind=TaskKind.PROPOSE,
        subject=reserved.scope,
        asked_by="alice",
        asked_at=scene.clock.now(),
        state=TaskState.QUEUED,
    )
    with scene.store.write() as unit:
        unit.tasks.add(task)
    assert named(scene) == []
    scene.clock.time += timedelta(minutes=11)
    assert named(scene) == [(Name.TASK_WAITS, task.id, False)]


def test_another_chain_raises_its_alarm_once_and_nothing_else_is_compared(scene):
    assert named(scene) == []
    scene.chain.trust_root = replace(TRUST_ROOT, genesis=digest_of("another genesis"))
    for _ in range(2):
        with pytest.raises(LedgerForeign):
            look(scene.place)
    assert scene.alarms() == [("ledger/foreign", "chain")]


def test_another_history_below_what_was_final_raises_its_alarm(scene):
    assert named(scene) == []
    scene.chain.other_blocks = True
    with pytest.raises(HistoryBroken):
        look(scene.place)
    assert scene.alarms() == [("ledger/history-broken", "chain")]


def test_a_look_mends_nothing(scene):
    scene.bring_to(APPROVED, SIGNED)
    before = scene.journal()
    looked = look(scene.place)
    assert [(one.name, one.done) for one in looked.found] == [(Name.UNSENT, False)]
    assert scene.chain.sent == []
    assert scene.journal() == before
