"""A desk in trouble: what was accepted waits for the end of it and is then done; nothing of it is given up."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from unittest.mock import MagicMock

import pytest

from node.client.history import HistoryUnreadable
from registry.anchor.states import AnchorState
from registry.ports import Fate, FateKind, LedgerUnavailable, TransactionRefused
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.store import Shelf
from registry.store.outbox import keep_transaction
from registry.workflows.chain.follow import follow
from registry.workflows.chain.halt import lift, raise_alarm
from registry.workflows.desk import work_off
from registry.workflows.desk.claimed import Worker, Workplace
from registry.workflows.desk.hand_over import ask
from registry.workflows.desk.work_off import work_one
from registry.workflows.issuance import issue
from registry.workflows.issuance.crew import WorkerLost
from tests.unit.registry.store.filled import BODY, PROGRAMME, SENDER, TRUST_ROOT, digest_of, transaction
from tests.unit.registry.workflows.chain_scene import Scene

TO_FINAL = (AnchorState.APPROVED, AnchorState.SIGNED, AnchorState.SENT, AnchorState.INCLUDED)


class FullShelf(Shelf):
    """A folder on a disk without room."""

    def put(self, name: str, data: bytes) -> None:  # noqa: ARG002 - the shelf's form
        raise OSError(errno.ENOSPC, "No space left on device")


class Silent:
    """A sender that has nothing to sign (implements registry.ports.TransactionSigner)."""

    address = SENDER

    def sign(self, operation, *, nonce):
        raise NotImplementedError((operation, nonce))


class Room(Scene):
    """A scene with a desk in it."""

    def work(self, shelf: Shelf | None = None) -> Task | None:
        @contextmanager
        def ledger() -> Iterator[object]:
            yield self.chain

        place = Workplace(
            store=self.store,
            clock=self.clock,
            catalogue=self.catalogue,
            body=BODY,
            key_of=self.key_of,
            shelf=shelf or self.shelf,
            papers=self.shelf.path("papers"),
            press=lambda: pytest.fail("nothing is drawn here"),
            credential=self.key,
            sender=Silent(),
            ledger=ledger,
        )
        worker = Worker(name="desk-1", stopping=threading.Event(), patience=timedelta(0))
        done = work_one(place, worker)
        self.clock.time += timedelta(minutes=2)  # longer than any pause between two tries
        return done


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    yield made
    made.store.close()


def test_a_full_disk_under_the_bundles_keeps_the_task_until_there_is_room(room):
    room.bring_to(*TO_FINAL)
    room.anchored()
    room.bring_to(AnchorState.FINAL)
    asked = ask(room.store, room.clock, TaskKind.SEND_BATCH, room.name, person="alice")
    full = FullShelf(room.shelf.path(""))
    for _ in range(2):
        tried = room.work(full)
        assert (tried.id, tried.state, tried.failure) == (asked.id, TaskState.RUNNING, None)
    done = room.work()
    assert (done.id, done.state) == (asked.id, TaskState.FINISHED)
    assert room.batch.delivered_at is not None


def test_a_desk_delivers_no_batch_about_which_an_alarm_is_open_until_it_is_lifted(room):
    room.bring_to(*TO_FINAL)
    record = room.anchored()
    time = room.batch.proposed_at - timedelta(days=1)
    room.chain.kept[-1] = replace(record, position=replace(record.position, block_time=time))
    asked = ask(room.store, room.clock, TaskKind.SEND_BATCH, room.name, person="alice")
    for _ in range(2):
        tried = room.work()
        assert (tried.id, tried.state, tried.failure) == (asked.id, TaskState.RUNNING, None)
    assert room.batch.state is AnchorState.FINAL
    assert room.alarms() == [("reconcile/dated-ahead", room.name)]
    assert room.batch.delivered_at is None
    assert not room.shelf.path("").exists()
    with room.store.read() as unit:
        (alarm,) = unit.alarms.open()
    lift(room.store, room.clock, room.chain, [alarm.id], person="operator-1", reason="the clock is right again")
    assert room.work().state is TaskState.FINISHED
    assert room.batch.delivered_at is not None


@pytest.mark.parametrize(
    "where", [(work_off, "propose"), (issue, "seal")], ids=["before the reservation", "after the reservation"]
)
def test_worker_processes_that_are_lost_again_and_again_fail_the_task(room, monkeypatch, where):
    lost = lose_workers(monkeypatch, *where, times=4)
    asked = ask(room.store, room.clock, TaskKind.PROPOSE, f"{PROGRAMME}/2", person="alice")
    failed = room.work()
    assert (failed.id, failed.state, failed.failure) == (asked.id, TaskState.FAILED, WorkerLost.code)
    assert len(lost) == 3
    again = ask(room.store, room.clock, TaskKind.PROPOSE, f"{PROGRAMME}/2", person="alice")
    done = room.work()  # lost once more, and made up for
    assert (done.id, done.state, len(lost)) == (again.id, TaskState.FINISHED, 4)
    with room.store.read() as unit:
        assert [room.name, done.result] == unit.batches.names()
        assert sum(1 for _ in unit.batches.certificates(batch_id=done.result)) == unit.batches.batch(done.result).size


def lose_workers(monkeypatch, module, name: str, *, times: int) -> list[int]:
    real, lost = getattr(module, name), list[int]()

    def losing(*parts, **how):
        if len(lost) < times:
            lost.append(len(lost))
            raise WorkerLost(4711)
        return real(*parts, **how)

    monkeypatch.setattr(module, name, losing)
    monkeypatch.setattr(work_off, "_AGAIN_AFTER", timedelta(0))
    return lost


def test_a_refused_transaction_of_another_subject_fails_no_task(room):
    room.bring_to(AnchorState.APPROVED, AnchorState.SIGNED)
    ours, others = transaction("anchor"), transaction("suspension", nonce=1)
    room.anchored()
    room.chain.nonces[ours.sender] = 1
    room.chain.fates[ours.hash] = Fate(kind=FateKind.FINAL)
    with room.store.write() as unit:
        keep_transaction(unit._session, "C-2026-11-0001", others, room.clock.now())

    def broadcast(one):
        assert one == others
        raise TransactionRefused("exceeds block gas limit")

    room.chain.broadcast = broadcast
    asked = ask(room.store, room.clock, TaskKind.SEND_BATCH, room.name, person="alice")
    done = room.work()
    assert (done.id, done.state, done.failure) == (asked.id, TaskState.FINISHED, None)
    assert room.batch.state is AnchorState.FINAL


def test_what_was_put_down_while_the_clock_was_ahead_is_taken_up_once_it_is_right(room, monkeypatch):
    room.approve()
    room.anchored()
    asked = ask(room.store, room.clock, TaskKind.SEND_BATCH, room.name, person="alice")
    right = room.clock.time
    room.clock.time += timedelta(days=1)
    with monkeypatch.context() as down:
        down.setattr(room.chain, "head", MagicMock(side_effect=LedgerUnavailable("node", "down")))
        assert room.work().state is TaskState.RUNNING
    room.clock.time = right
    done = room.work()
    assert (done.id, done.state, done.began_at) == (asked.id, TaskState.FINISHED, right)


def test_an_alarm_keeps_the_task_until_it_is_lifted(room):
    asked = ask(room.store, room.clock, TaskKind.PROPOSE, f"{PROGRAMME}/2", person="alice")
    with room.store.write() as unit:
        alarm = raise_alarm(unit, room.clock.now(), code="anchor/root-taken", subject="B-1", detail="another root")
    tried = room.work()
    assert (tried.id, tried.state) == (asked.id, TaskState.RUNNING)
    lift(room.store, room.clock, room.chain, [alarm.id], person="operator-1", reason="it was looked at")
    done = room.work()
    assert (done.id, done.state) == (asked.id, TaskState.FINISHED)


def test_events_that_do_not_fit_together_keep_the_task_until_they_do(room):
    room.bring_to(*TO_FINAL)
    room.anchored()
    asked = ask(room.store, room.clock, TaskKind.SEND_BATCH, room.name, person="alice")
    for error in (HistoryUnreadable(3, "expected record 1, found 2"), LedgerUnavailable("the node", "no block 3 yet")):
        with room.chain.failing(error):
            tried = room.work()
        assert (tried.id, tried.state, tried.failure) == (asked.id, TaskState.RUNNING, None)
        assert room.alarms() == []
    assert room.work().state is TaskState.FINISHED
    assert room.batch.delivered_at is not None


def test_another_chain_behind_the_address_raises_its_alarm_and_keeps_the_task(room):
    room.approve()
    follow(room.store, room.chain, room.clock)
    asked = ask(room.store, room.clock, TaskKind.SEND_BATCH, room.name, person="alice")
    room.chain.trust_root = replace(TRUST_ROOT, genesis=digest_of("another genesis"))
    for _ in range(2):
        tried = room.work()
        assert (tried.id, tried.state, tried.failure) == (asked.id, TaskState.RUNNING, None)
    assert room.alarms() == [("ledger/foreign", "chain")]
    assert room.batch.state is AnchorState.APPROVED
