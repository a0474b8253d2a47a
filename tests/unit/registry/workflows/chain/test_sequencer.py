"""One active sender for an account: the lease, the fence behind it, nonces without a gap, strangers with our key."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from registry.anchor.differences import Name
from registry.anchor.progress import RequestState
from registry.kernel.identifiers import Address
from registry.ports import FateKind, Offer, TransactionRefused
from registry.ports.alarms import WritingHalted
from registry.ports.sending import LeaseLost, SenderBusy
from registry.store.database import RowRefused
from registry.store.processes import has_ended, this_process
from registry.store.sessions import StateMoved
from registry.workflows.chain.halt import raise_alarm
from registry.workflows.chain.sequence import LEASE, NonceTaken
from registry.workflows.chain.status_operations import operation_of
from tests.unit.registry.workflows.sending_stage import ACCOUNT, NOW, ChainInMemory, Sending, Signer


def lease_of(stage: Sending):
    with stage.store.read() as unit:
        return unit.senders.lease(ACCOUNT)


def open_alarms(stage: Sending) -> list[tuple[str, str]]:
    with stage.store.read() as unit:
        return [(one.code, one.subject) for one in unit.alarms.open()]


def lift_all(stage: Sending) -> None:
    with stage.store.write() as unit:
        for one in unit.alarms.open():
            unit.alarms.lift(one.id, person="operator-1", at=stage.clock.now(), reason="looked at")


# — the lease —


def test_a_lease_is_taken_to_sign_and_given_back_once_all_is_sent(stage):
    assert lease_of(stage) is None
    with stage.worker() as worker:
        stage.sign(worker, stage.asked(1))
        held = lease_of(stage)
        assert (held.term, held.worker, held.leased_until) == (1, this_process(), NOW + LEASE)
        worker.send(None)
        assert lease_of(stage).leased_until is None
        stage.sign(worker, stage.asked(2))
        assert lease_of(stage).term == 2
    assert lease_of(stage).leased_until is None  # given back at the end, however that came


def test_who_does_not_hold_the_lease_neither_signs_nor_sends(stage):
    first, second = stage.worker(), stage.worker()
    requests = [stage.asked(1), stage.asked(2)]
    stage.sign(first, requests[0])
    for attempt in (lambda: stage.sign(second, requests[1]), lambda: second.send(None)):
        with pytest.raises(SenderBusy) as caught:
            attempt()
        assert caught.value.until == NOW + LEASE
    assert stage.chain.received == []
    assert [one.nonce for one in stage.kept()] == [0]
    assert stage.state(requests[1]) is RequestState.REQUESTED
    first.send(None)
    stage.sign(second, requests[1])
    assert [one.nonce for one in stage.kept()] == [0, 1]


def test_a_holder_that_was_paused_beyond_its_lease_signs_and_sends_nothing(stage):
    paused, next_one = stage.worker(), stage.worker()
    requests = [stage.asked(1), stage.asked(2), stage.asked(3)]
    stage.sign(paused, requests[0])
    stage.clock.pass_by(LEASE.total_seconds())
    stage.sign(next_one, requests[1])
    assert lease_of(stage).term == 2
    with pytest.raises(LeaseLost):
        stage.sign(paused, requests[2])
    assert [one.nonce for one in stage.kept()] == [0, 1]
    assert stage.state(requests[2]) is RequestState.REQUESTED
    with pytest.raises(SenderBusy):  # the lost one is forgotten; it asks anew like everybody
        stage.sign(paused, requests[2])
    paused.release()  # what is lost is not given back
    assert lease_of(stage).leased_until is not None
    next_one.send(None)  # whose kept bytes these are makes no difference
    assert [one.nonce for one in stage.chain.received] == [0, 1]


def test_without_the_fence_two_workers_give_out_one_nonce(stage):
    """The control: a worker that takes its nonce outside the write transaction; only the unique index stops it."""
    requests = [stage.asked(1), stage.asked(2)]

    def naive(request, nonce):
        signed = stage.signer.sign(operation_of(request), nonce=nonce)
        with stage.store.write() as unit:
            unit.status_requests.sign(request.id, signed, NOW)

    with stage.store.read() as unit:
        nonces = [unit.outbox.next_nonce(ACCOUNT) for _ in requests]
    naive(requests[0], nonces[0])
    with pytest.raises(RowRefused):
        naive(requests[1], nonces[1])
    assert [one.nonce for one in stage.signer.signed] == [0, 0]


def test_a_lease_of_a_process_that_was_killed_is_free_at_once(stage):
    script = f"""
import os, signal
from datetime import timedelta
from registry.store import open_database
from tests.unit.registry.store.filled import KEYS
from tests.unit.registry.workflows.sending_stage import ACCOUNT, NOW
from pathlib import Path
store = open_database(Path({str(stage_path(stage))!r}), KEYS)
with store.write() as unit:
    unit.senders.claim(ACCOUNT, NOW, NOW + timedelta(days=1))
print("held", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[5])
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        name = lease_of(stage).worker
        assert name != this_process()
        assert not has_ended(name)  # stopped, but there
        with pytest.raises(SenderBusy):
            stage.sign(stage.worker(), stage.asked(1))
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert has_ended(name)  # dead, though nobody has asked after it yet
        holder.wait()
        holder.stdout.close()
    assert has_ended(name)
    stage.sign(stage.worker(), stage.asked(2))
    assert lease_of(stage).term == 2


def stage_path(stage: Sending) -> Path:
    with stage.store.read() as unit:
        (_, _, path) = unit._session.driver.execute("PRAGMA database_list").fetchone()
    return Path(path)


def test_a_number_that_was_given_again_is_another_process(stage):
    place, pid, began = this_process().rsplit("/", 2)
    assert not has_ended(this_process())
    assert has_ended(f"{place}/{pid}/{int(began) - 1}")
    assert not has_ended(f"another-boot/pid:[1]/{pid}/1")  # nobody can tell from here
    assert not has_ended("-/a-machine/4711/-")


# — nonces —


def test_nonces_have_no_gap_whatever_a_node_forgets(stage):
    worker = stage.worker()
    for number in range(1, 4):
        stage.sign(worker, stage.asked(number))
        if number != 2:
            worker.send(None)
        stage.chain.pool.clear()  # its node is started again: nothing waits there any more
    assert stage.chain.next_nonce(ACCOUNT) == 0
    assert [one.nonce for one in stage.kept()] == [0, 1, 2]
    worker.send(None)
    stage.chain.seal()
    assert stage.chain.settled_nonce(ACCOUNT) == 3
    stage.sign(worker, stage.asked(4))
    assert [one.nonce for one in stage.kept()] == [0, 1, 2, 3]


def test_what_waits_at_a_node_gives_out_no_nonce(stage):
    """A stranger's transaction in the pool of one node is not known to be taken by any block."""
    stranger = Signer()
    stage.chain.pool[ACCOUNT, 0] = stranger.sign(operation_of(stage.asked(9)), nonce=0)
    assert stage.chain.next_nonce(ACCOUNT) == 1
    stage.sign(stage.worker(), stage.asked(1))
    assert [one.nonce for one in stage.kept()] == [0]


def test_a_stranger_with_our_key_stops_the_signing_until_a_person_has_looked(stage):
    worker, stranger = stage.worker(), Signer()
    stage.sign(worker, stage.asked(1))
    worker.send(None)
    stage.chain.seal()
    stage.chain.broadcast(stranger.sign(operation_of(stage.asked(8)), nonce=1))
    stage.chain.seal()
    request = stage.asked(2)
    for _ in range(2):
        with pytest.raises(WritingHalted):
            stage.sign(worker, request)
    assert open_alarms(stage) == [(Name.NONCE_AHEAD, ACCOUNT)]
    assert len(stage.kept()) == 1
    assert stage.state(request) is RequestState.REQUESTED
    with pytest.raises(WritingHalted):
        worker.send(None)
    lift_all(stage)
    stage.sign(worker, request)
    assert [one.nonce for one in stage.kept()] == [0, 2]  # behind the stranger's
    worker.send(None)
    stage.chain.seal()
    stage.chain.broadcast(stranger.sign(operation_of(stage.asked(7)), nonce=3))
    stage.chain.seal()
    with pytest.raises(WritingHalted):  # another one is another alarm
        stage.sign(worker, stage.asked(3))


def test_a_displaced_transaction_is_known_once_the_stranger_is_final(stage):
    stage.chain.confirmations = 1
    worker, stranger, request = stage.worker(), Signer(), stage.asked(1)
    stage.sign(worker, request)
    (ours,) = stage.kept()
    stage.chain.broadcast(stranger.sign(operation_of(stage.asked(9)), nonce=0))
    stage.chain.seal()
    assert not worker.is_displaced(ours.hash)  # a reorganisation may still drop the stranger
    worker.send(None)  # and what is refused meanwhile stops nothing
    stage.chain.seal()
    assert worker.is_displaced(ours.hash)
    with stage.store.write() as unit:
        worker.alarm_displaced(unit, request.id, ours.hash)
    assert open_alarms(stage) == [(NonceTaken.code, request.id)]


def test_what_is_replaced_and_taken_while_its_fate_is_asked_for_is_not_displaced(stage):
    watcher, other, request = stage.worker(), stage.worker(), stage.asked(1)
    stage.sign(watcher, request)
    watcher.release()
    (first,) = stage.kept()
    counted, met = stage.chain.final_nonce, []

    def final_nonce(sender):
        if not met:  # meanwhile a person replaces it, and a block takes the second
            met.append(other.rivals(first.hash)[-1])
            other.replace(met[0], operation_of(request), Offer(gas=400_000, ceiling=1, tip=1), lambda unit, now: None)
            other.send(first.hash)
            stage.chain.seal()
        return counted(sender)

    stage.chain.final_nonce = final_nonce
    assert not watcher.is_displaced(first.hash)
    assert len(met) == 1
    assert watcher.fate(first.hash).kind is FateKind.FINAL


# — sending —


def test_the_same_bytes_go_out_in_the_order_of_nonces_as_often_as_it_takes(stage):
    worker = stage.worker()
    for number in range(1, 4):
        stage.sign(worker, stage.asked(number))
    worker.send(None)
    stage.chain.pool.clear()
    worker.send(None)
    assert [one.nonce for one in stage.chain.received] == [0, 1, 2, 0, 1, 2]
    assert stage.chain.received[:3] == stage.chain.received[3:] == stage.kept()
    stage.chain.seal()
    worker.send(None)
    assert len(stage.chain.received) == 6  # what a block holds is not sent again


def test_what_another_account_of_ours_had_signed_is_sent_as_it_is(stage):
    """The key was changed between signing and sending: the old transaction is decided by the contract, not by us."""
    before = Signer(account=Address("0x" + "0b" * 20))
    request = stage.asked(1)
    stage.sign(stage.worker(signer=before), request)
    worker = stage.worker()
    stage.sign(worker, stage.asked(2))
    worker.send(before.signed[0].hash)
    assert stage.chain.received == [before.signed[0], *stage.kept()]
    assert [one.nonce for one in stage.kept()] == [0]  # each account has nonces of its own


def noted_as_sent(stage: Sending, request):
    return lambda unit: unit.status_requests.move(request.id, RequestState.SIGNED, RequestState.SENT)


@pytest.mark.parametrize("taken", [False, True], ids=["waiting", "in a block"])
def test_a_later_transaction_that_is_refused_does_not_keep_an_earlier_one_from_being_noted(stage, taken):
    worker, ours, others = stage.worker(), stage.asked(1), stage.asked(2)
    stage.sign(worker, ours)
    stage.sign(worker, others)
    first, second = stage.kept()
    stage.chain.refuses.add(second.hash)
    if taken:
        stage.chain.broadcast(first)
        stage.chain.seal()
    worker.send(first.hash, noted_as_sent(stage, ours))
    assert stage.state(ours) is RequestState.SENT
    assert stage.chain.received == [first, second]
    assert lease_of(stage).leased_until is None
    with pytest.raises(TransactionRefused):  # whoever it belongs to hears of it
        worker.send(second.hash, noted_as_sent(stage, others))
    assert stage.state(others) is RequestState.SIGNED


def test_an_earlier_transaction_that_is_refused_holds_up_all_behind_it(stage):
    worker, others, ours = stage.worker(), stage.asked(1), stage.asked(2)
    stage.sign(worker, others)
    stage.sign(worker, ours)
    first, second = stage.kept()
    stage.chain.refuses.add(first.hash)
    with pytest.raises(TransactionRefused):
        worker.send(second.hash, noted_as_sent(stage, ours))
    assert stage.state(ours) is RequestState.SIGNED
    assert stage.chain.received == [first]


def test_what_this_account_cannot_send_holds_up_nothing_that_another_of_ours_had_signed(stage):
    before = Signer(account=Address("0x" + "0b" * 20))
    ours, others = stage.asked(1), stage.asked(2)
    stage.sign(stage.worker(signer=before), ours)
    worker = stage.worker()
    stage.sign(worker, others)
    stage.chain.refuses.add(stage.kept()[0].hash)
    worker.send(before.signed[0].hash, noted_as_sent(stage, ours))
    assert stage.state(ours) is RequestState.SENT


def alarm_once_received(stage: Sending, count: int) -> None:
    """Raise an alarm as the chain receives so many transactions."""
    broadcast = stage.chain.broadcast

    def alarming(transaction):
        try:
            broadcast(transaction)
        finally:
            if len(stage.chain.received) == count:
                with stage.store.write() as unit:
                    raise_alarm(unit, NOW, code=Name.FOREIGN_ANCHOR, subject="record 7", detail="a stolen key")

    stage.chain.broadcast = alarming


def test_an_alarm_halts_between_two_transactions(stage):
    worker = stage.worker()
    for number in range(1, 4):
        stage.sign(worker, stage.asked(number))
    alarm_once_received(stage, 2)
    with worker, pytest.raises(WritingHalted):
        worker.send(None)
    assert [one.nonce for one in stage.chain.received] == [0, 1]
    assert lease_of(stage).leased_until is None
    lift_all(stage)
    stage.worker().send(None)
    assert [one.nonce for one in stage.chain.received] == [0, 1, 0, 1, 2]


def test_an_alarm_halts_between_two_that_have_one_nonce(stage):
    worker, request = stage.worker(), stage.asked(1)
    stage.sign(worker, request)
    last = worker.rivals(stage.kept()[0].hash)[-1]
    worker.replace(last, operation_of(request), Offer(gas=400_000, ceiling=1, tip=1), lambda unit, now: None)
    stage.chain.refuses.add(stage.kept()[1].hash)
    alarm_once_received(stage, 1)
    with worker, pytest.raises(WritingHalted):
        worker.send(None)
    assert stage.chain.received == stage.kept()[1:]


def test_a_note_that_comes_too_late_gives_the_lease_back(stage):
    worker, request = stage.worker(), stage.asked(1)
    stage.sign(worker, request)

    def note(unit):
        unit.status_requests.move(request.id, RequestState.SENT, RequestState.FINAL)

    with pytest.raises(StateMoved):
        worker.send(None, note)
    assert lease_of(stage).leased_until is None


def test_a_long_sending_holds_on_to_its_lease(stage):
    class SlowChain(ChainInMemory):
        def broadcast(self, transaction):
            stage.clock.pass_by(LEASE.total_seconds() * 0.6)
            super().broadcast(transaction)

    slow = SlowChain()
    worker = stage.worker(slow)
    for number in range(1, 6):
        stage.sign(worker, stage.asked(number))
    worker.send(None)
    assert [one.nonce for one in slow.received] == [0, 1, 2, 3, 4]
    assert lease_of(stage).term == 1


def test_after_a_reorganisation_the_same_bytes_are_taken_again(stage):
    stage.chain.confirmations = 2
    worker = stage.worker()
    for number in range(1, 3):
        stage.sign(worker, stage.asked(number))
    worker.send(None)
    stage.chain.seal()
    kept = stage.kept()
    assert [worker.fate(one.hash).kind for one in kept] == [FateKind.INCLUDED] * 2
    stage.chain.take_back(1)
    assert [worker.fate(one.hash).kind for one in kept] == [FateKind.UNKNOWN] * 2
    stage.sign(worker, stage.asked(3))
    worker.send(None)
    stage.chain.seal(3)
    assert [one.nonce for one in stage.kept()] == [0, 1, 2]
    assert stage.kept()[:2] == kept
    assert [worker.fate(one.hash).kind for one in stage.kept()] == [FateKind.FINAL] * 3
