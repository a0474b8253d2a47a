"""What was reserved and not sealed, because whoever was at it was cut off: the next to ask goes on with it."""

from datetime import timedelta

import pytest

from registry.anchor.situations import Situation
from registry.anchor.states import AnchorState
from registry.kernel.identifiers import Digest
from registry.kernel.merkle import MerkleTree
from registry.ports.tasks import TaskKind, TaskState
from registry.workflows.desk import work_off
from registry.workflows.desk.hand_over import ask
from registry.workflows.issuance import issue
from registry.workflows.issuance.crew import WorkerLost
from registry.workflows.issuance.issue import NothingToIssue
from registry.workflows.issuance.stand import standing
from tests.unit.registry.store.filled import BODY, PROGRAMME
from tests.unit.registry.workflows.desk.test_working_off_trouble import Room

SCOPE = f"{PROGRAMME}/2"


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    yield made
    made.store.close()


def cut_off_sealing(monkeypatch, error: BaseException, *, times: int, after_signing: bool) -> list[int]:
    """Lose whoever seals: before anything is drawn, or with everything drawn and signed."""
    cut = list[int]()

    def cutting(real):
        def tried(*parts, **how):
            if len(cut) < times:
                cut.append(1)
                raise error
            return real(*parts, **how)

        return tried

    if after_signing:
        monkeypatch.setattr(MerkleTree, "from_packed", cutting(MerkleTree.from_packed))
    else:
        monkeypatch.setattr(issue, "seal", cutting(issue.seal))
    monkeypatch.setattr(work_off, "_AGAIN_AFTER", timedelta(0))
    return cut


def certified(room, name: str) -> list[str]:
    with room.store.read() as unit:
        return sorted(one.reservation.admission for one in unit.batches.certificates(batch_id=name))


def batches(room) -> list[str]:
    with room.store.read() as unit:
        return unit.batches.names()


@pytest.mark.parametrize("after_signing", [False, True], ids=["nothing is drawn yet", "all is signed"])
@pytest.mark.parametrize("error", [WorkerLost(4711), RuntimeError("nobody foresaw this")], ids=["workers", "desk"])
def test_asked_again_after_a_failure_the_desk_goes_on_with_the_same_people(room, monkeypatch, error, after_signing):
    lost = cut_off_sealing(monkeypatch, error, times=3, after_signing=after_signing)
    asked = []
    while len(lost) < 3:
        asked.append(ask(room.store, room.clock, TaskKind.PROPOSE, SCOPE, person="alice").id)
        if isinstance(error, WorkerLost):
            assert room.work().failure == WorkerLost.code  # tried as often in one claim
            continue
        with pytest.raises(RuntimeError):
            room.work()
    _, left = batches(room)
    with room.store.read() as unit:
        batch = unit.batches.batch(left)
        assert (batch.state, batch.idempotency_key) == (AnchorState.RESERVED, f"task/{asked[0]}")
        assert standing(unit, batch, room.clock.now(), desk_runs=True).situation is Situation.RESERVED
    again = ask(room.store, room.clock, TaskKind.PROPOSE, SCOPE, person="carol")
    with room.store.read() as unit:
        assert standing(unit, batch, room.clock.now(), desk_runs=True).situation is Situation.AT_DESK
    done = room.work()
    assert (done.id, done.state, done.result) == (again.id, TaskState.FINISHED, left)
    assert again.id not in asked
    people = certified(room, left)
    with room.store.read() as unit:
        whole = unit.batches.batch(left)
    assert (len(batches(room)), whole.state) == (2, AnchorState.SEALED)
    assert len(set(people)) == len(people) == whole.size
    with pytest.raises(NothingToIssue):  # none of them waits any more
        ask(room.store, room.clock, TaskKind.PROPOSE, SCOPE, person="carol")


def test_the_desk_goes_on_with_what_a_command_left(room):
    left = reserve(room, key="2026-autumn")
    task = ask(room.store, room.clock, TaskKind.PROPOSE, SCOPE, person="carol")
    done = room.work()
    assert (done.id, done.state, done.result) == (task.id, TaskState.FINISHED, left.id)
    assert room.propose("2", key="2026-autumn").id == left.id


def test_a_batch_that_was_given_up_is_not_gone_on_with(room):
    left = reserve(room, key="task/T-2026-11-9999")
    with room.store.write() as unit:
        unit.batches.move(left.id, AnchorState.RESERVED, AnchorState.CANCELLED)
    ask(room.store, room.clock, TaskKind.PROPOSE, SCOPE, person="carol")
    done = room.work()
    assert done.state is TaskState.FINISHED
    assert done.result != left.id
    assert len(certified(room, done.result)) == left.size


def test_what_was_asked_for_otherwise_is_nobody_elses_to_go_on_with(room, monkeypatch):
    """A batch of the same scope that comes of another request, as a correction's does."""
    monkeypatch.setattr(issue, "_request_of", lambda scope, issuer: Digest(b"another request of".ljust(32)))
    other = reserve(room, key=None)
    monkeypatch.undo()
    with pytest.raises(NothingToIssue):  # it has everybody who waited
        room.propose("2")
    with room.store.read() as unit:
        assert unit.batches.batch(other.id).state is AnchorState.RESERVED


def reserve(room, *, key: str | None):
    return issue._reserve(
        room.store, room.clock, room.catalogue, BODY, room.key,
        programme=PROGRAMME, level="2", person="alice", key=key,
    )  # fmt: skip
