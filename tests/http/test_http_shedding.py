"""More than can be done: what is accepted is done, what is refused says so and when to come again; nothing else."""

import threading
from collections import Counter
from contextlib import nullcontext

import pytest

from api.issuer import ApprovalDesk
from registry.access import Role
from registry.anchor.states import AnchorState
from registry.ports.tasks import TaskKind
from registry.store import open_database
from registry.workflows.chain.halt import raise_alarm
from registry.workflows.desk import hand_over
from tests.http.console_site import House
from tests.unit.registry.store.filled import BODY, KEYS, PROGRAMME
from tests.unit.registry.workflows.chain_scene import Scene

SCOPES = [f"{PROGRAMME}/{level}" for level in ("2", "3")]
CAPACITY = 4


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def house(scene):
    return House(scene.store, scene.clock)


def test_four_times_what_fits_is_shed_before_it_is_accepted(scene, house, monkeypatch):
    monkeypatch.setattr(hand_over, "MOST_OPEN", dict.fromkeys(TaskKind, CAPACITY))
    anything = dict.fromkeys(TaskKind, lambda *_: None)
    monkeypatch.setattr(hand_over, "_REQUIRED", anything)
    maker = house.person("maker-1", Role.MAKER)
    answers, lock = [], threading.Lock()

    def post(number: int) -> None:
        answer = maker.post("/console/propose", scope=f"{PROGRAMME}/{number}")
        with lock:
            answers.append(answer)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(4 * CAPACITY)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert Counter(one.status_code for one in answers) == {303: CAPACITY, 503: 3 * CAPACITY}
    for refused in (one for one in answers if one.status_code == 503):
        assert int(refused.headers["Retry-After"]) > 0
        assert "desk/queue-full" in refused.text
    with scene.store.read() as unit:
        kept = {one.id: one for one in unit.tasks.recent(100)}
    led = {one.headers["Location"].rpartition("/")[2] for one in answers if one.status_code == 303}
    assert led == set(kept)  # what was accepted is kept, and nothing that was refused
    # The desk comes to all of them; nobody who was accepted is left waiting.
    for _ in range(CAPACITY):
        with scene.store.write() as unit:
            task = unit.tasks.claim("desk-1", scene.clock.now(), scene.clock.now())
            unit.tasks.fail(task.id, "desk-1", "batch/nothing-to-issue", scene.clock.now())
    with scene.store.read() as unit:
        assert unit.tasks.open_count() == 0
    assert maker.post("/console/propose", scope=f"{PROGRAMME}/99").status_code == 303


def test_a_database_that_another_holds_is_no_fault_of_ours(scene, house, tmp_path):
    maker = house.person("maker-1", Role.MAKER)
    impatient = open_database(tmp_path / "registry.db", KEYS, busy_seconds=0.1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with scene.store.write():
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(20)
    object.__setattr__(house.desk, "store", impatient)
    try:
        answer = maker.post("/console/propose", scope=SCOPES[0])
    finally:
        done.set()
        holder.join()
    assert (answer.status_code, "store/busy" in answer.text) == (503, True)
    assert int(answer.headers["Retry-After"]) > 0
    assert maker.post("/console/propose", scope=SCOPES[0]).status_code == 303
    impatient.close()


def test_while_writing_is_halted_the_console_says_so_and_takes_nothing_new(scene, house):
    maker = house.person("maker-1", Role.MAKER)
    assert "vermilion halt show" not in maker.get("/console").text
    with scene.store.write() as unit:
        raise_alarm(unit, scene.clock.now(), code="ledger/foreign", subject="chain", detail="another genesis")
    for path in ("/console", f"/console/batches/{scene.name}", "/console/rosters"):
        page = maker.get(path)
        assert page.status_code == 200
        assert "vermilion halt show" in page.text
        assert "L-2026-11-0001" in page.text
    refused = maker.post("/console/propose", scope=SCOPES[0])
    assert (refused.status_code, "halt/writing-halted" in refused.text) == (503, True)
    assert int(refused.headers["Retry-After"]) >= 60
    with scene.store.read() as unit:
        assert unit.tasks.open_count() == 0


def test_below_the_floor_of_the_disk_nothing_new_is_taken(scene, house, tmp_path):
    maker = house.person("maker-1", Role.MAKER)
    full = open_database(tmp_path / "registry.db", KEYS, floor_bytes=1 << 60)
    object.__setattr__(house.desk, "store", full)
    refused = maker.post("/console/propose", scope=SCOPES[0])
    assert (refused.status_code, "store/disk-low" in refused.text) == (503, True)
    assert int(refused.headers["Retry-After"]) > 0
    assert maker.get("/console").status_code == 200
    full.close()


def test_giving_a_batch_up_is_a_click_for_those_who_may(scene, house):
    maker, auditor = house.person("maker-1", Role.MAKER), house.person("auditor-1", Role.AUDITOR)
    at = f"/console/batches/{scene.name}"
    assert f'action="{at}/cancel"' in maker.get(at).text
    assert f'action="{at}/cancel"' not in auditor.get(at).text
    assert auditor.post(f"{at}/cancel").status_code == 403
    assert maker.post(f"{at}/cancel").status_code == 303
    assert scene.batch.state is AnchorState.CANCELLED
    again = maker.post(f"{at}/cancel")
    assert (again.status_code, "batch/not-waiting" in again.text) == (409, True)
    assert scene.propose("1").size > 0  # its candidates wait again


def test_a_batch_that_the_chain_has_is_not_given_up_by_a_click(scene):
    approvals = ApprovalDesk(
        key_of=scene.key_of,
        contract=BODY.contract,
        issuer_name=BODY.name,
        ledger=lambda: nullcontext(scene.chain),
    )
    maker = House(scene.store, scene.clock, approvals).person("maker-1", Role.MAKER)
    scene.anchored(by="a transaction that a restored database has lost")
    refused = maker.post(f"/console/batches/{scene.name}/cancel")
    assert (refused.status_code, "batch/recorded" in refused.text) == (409, True)
    assert scene.batch.state is AnchorState.SEALED
