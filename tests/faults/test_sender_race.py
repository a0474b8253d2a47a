"""Three workers beside one another on the same batches and requests: one sends at a time, each thing is sent once."""

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from api.wiring import Home
from registry.anchor.history import Anchored, StatusChanged
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.ports.tasks import TaskKind, TaskState
from registry.status import Reason, Status
from registry.workflows.desk.hand_over import ask
from registry.workflows.status.ask_changes import request_changes
from tests.faults.demo_stage import Playing, Stage
from tests.faults.test_issue_displaced import approved_batch, issue
from tests.faults.test_issue_node import node_of

pytestmark = pytest.mark.slow

WORKERS = 3


def beside(stage: Stage, home: Path, *words: str, count: int = WORKERS, **how: object) -> list[Playing]:
    return [stage.start(*words, home=home, **how) for _ in range(count)]  # type: ignore[arg-type]  # as `start` takes them


def ended(racing: list[Playing]) -> None:
    """Wait for all: each has done it, or says that the database was too busy on this machine and somebody may go on."""
    played = [one.wait() for one in racing]
    assert {one.exit_code for one in played} <= {0, 3}, played
    assert 0 in {one.exit_code for one in played}, played


def sent_and_kept(home: Home) -> tuple[int, list[int], list[int]]:
    """How many transactions the account sent, the nonces that are kept, how often each thing stands on the chain."""
    account = home.account("sender").address
    with home.chain() as ledger:
        records = [one for one in ledger.records(0, ledger.head().number) if one.position.by == account]
        sent = ledger.settled_nonce(account)
    things = Counter(
        (type(one.content), one.content.batch) for one in records if isinstance(one.content, Anchored | StatusChanged)
    )
    with home.store.read() as unit:
        return sent, [one.nonce for one in unit.outbox.since(account, 0)], sorted(things.values())


def test_three_workers_racing_on_the_same_batches_and_requests_send_each_once(stage: Stage, examined: Path) -> None:
    home = Home(examined)
    with node_of(stage, examined):
        first = approved_batch(home)
        assert issue(home, first).state is AnchorState.FINAL
        with home.store.read() as unit:
            numbers = [one.reservation.number for one in unit.batches.certificates(batch_id=first)][:1]
        asked = request_changes(
            home.store, home.clock, numbers, Status.SUSPENDED, Reason.INVESTIGATION, person="maker-1"
        ).requests
        batches = [approved_batch(home, level=level) for level in ("1", "2")]
        racing = [one for name in batches for one in beside(stage, examined, "batch", "issue", name)]
        racing += beside(stage, examined, "cert", "send", asked[0].id)
        ended(racing)
        for words in [*(("batch", "issue", name) for name in batches), ("cert", "send", asked[0].id)]:
            assert stage.play(*words, home=examined).exit_code == 0
    with home.store.read() as unit:
        assert {unit.batches.batch(name).state for name in batches} == {AnchorState.FINAL}
        assert unit.status_requests.request(asked[0].id).state is RequestState.FINAL
        assert unit.alarms.open() == []
    assert sent_and_kept(home) == (4, [0, 1, 2, 3], [1, 1, 1, 1])
    home.store.close()


def test_three_desks_racing_on_what_pages_asked_for_do_each_once(stage: Stage, examined: Path) -> None:
    home = Home(examined)
    with node_of(stage, examined):
        batches = [approved_batch(home, level=level) for level in ("1", "2", "3")]
        tasks = [ask(home.store, home.clock, TaskKind.SEND_BATCH, one, person="maker-1").id for one in batches]
        ended(beside(stage, examined, "desk", "--once", "--wait", "20"))
        assert stage.play("desk", "--once", "--wait", "20", home=examined).exit_code == 0
    with home.store.read() as unit:
        assert {unit.tasks.task(one).state for one in tasks} == {TaskState.FINISHED}
        assert {unit.batches.batch(name).state for name in batches} == {AnchorState.FINAL}
        assert all(unit.batches.batch(name).delivered_at for name in batches)
    assert sent_and_kept(home) == (3, [0, 1, 2], [1, 1, 1])
    home.store.close()


def test_a_stopped_worker_is_waited_for_and_a_killed_one_is_not(stage: Stage, examined: Path) -> None:
    home = Home(examined)
    with node_of(stage, examined):
        names = [approved_batch(home, level=level) for level in ("1", "2")]
        stopped = stage.start(
            "batch", "issue", names[0], home=examined, strike="committed batches.sign", how=signal.SIGSTOP
        )
        assert stopped.reaches()
        waited = stage.play("batch", "issue", names[1], "--wait", "1", "--json", home=examined)
        assert (waited.exit_code, json.loads(waited.stdout)["state"]) == (3, "approved")
        told = json.loads(stage.play("sender", "status", "--json", home=examined).stdout)
        assert told["held_until"] is not None
        assert [(one["nonce"], one["subject"], one["lot"]) for one in told["transactions"]] == [(0, names[0], "unsent")]
        stopped.kill()
        assert stopped.wait().killed
        done = stage.play("batch", "issue", names[1], "--wait", "20", "--json", home=examined)
        assert json.loads(done.stdout)["state"] == "final"
        again = stage.play("batch", "issue", names[0], "--json", home=examined)
        assert json.loads(again.stdout)["state"] == "final"
    assert sent_and_kept(home) == (2, [0, 1], [1, 1])
    home.store.close()


@pytest.mark.slow
def test_without_lease_and_kept_bytes_two_workers_send_twice(stage: Stage, examined: Path) -> None:
    """The control: what a worker does who signs by the node's count and keeps what it sent afterwards."""
    home = Home(examined)
    with node_of(stage, examined):
        name = approved_batch(home)
        # The first has sent and not kept; the second knows nothing of it.
        struck = stage.start(
            "batch", "issue", name, home=examined, naive="send then keep", strike="naive sent", how=signal.SIGSTOP
        )
        assert struck.reaches()
        stage.play("batch", "issue", name, "--wait", "5", home=examined, naive="send then keep")
        struck.kill()
    sent, kept, _ = sent_and_kept(home)
    assert (sent, len(kept)) == (2, 1)
    home.store.close()
