"""What pages ask for is worked off by a desk: once, by one at a time, whoever dies meanwhile."""

import shutil
import stat
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.commands.setup import demo_installation, running_node
from api.demo_data import sample_roster, sample_scores
from api.desk import workplace
from api.founding import make_installation
from api.wiring import Home
from registry.anchor.progress import Batch, RequestState
from registry.anchor.states import AnchorState
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import IdentifierMalformed
from registry.ports import Ledger, LedgerUnavailable
from registry.ports.storage import NotHere
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.status import Reason, Status
from registry.workflows.certificates.deliver import NotDeliverable
from registry.workflows.chain.anchor import ApprovalLapsed
from registry.workflows.chain.status_operations import NotApproved
from registry.workflows.desk import claimed, work_off
from registry.workflows.desk.claimed import LEASE, Worker
from registry.workflows.desk.hand_over import PAPERS_KEPT, Step, ask
from registry.workflows.desk.work_off import discard_papers, work_one
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance.approve import NotWaiting, approve
from registry.workflows.issuance.issue import NothingToIssue
from registry.workflows.status.approve_change import RequestNotWaiting
from registry.workflows.status.ask_changes import request_changes

PROGRAMME = "AIGC-APP-ENG"
PEOPLE = 30


class Later:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Scene:
    """An installation whose candidates have passed and wait, its keys, and how tasks are asked for and worked off."""

    def __init__(self, home: Home) -> None:
        self.home, self.clock = home, Later()
        self.place = replace(workplace(home), clock=self.clock)
        self.told: list[Task] = []

    def worker(self, name: str = "desk", *, patience: timedelta = timedelta(seconds=30)) -> Worker:
        return Worker(name=name, stopping=threading.Event(), told=self.told.append, patience=patience)

    def ask(self, kind: TaskKind, subject: str, person: str = "maker-1") -> Task:
        return ask(self.home.store, self.clock, kind, subject, person=person)

    def work(self, name: str = "desk", **changed: object) -> Task:
        done = work_one(replace(self.place, **changed), self.worker(name))  # type: ignore[arg-type]
        assert done is not None
        return done

    def done(self, kind: TaskKind, subject: str) -> Task:
        """Ask, and have it worked off."""
        asked = self.ask(kind, subject)
        done = self.work()
        assert (done.id, done.state, done.failure) == (asked.id, TaskState.FINISHED, None)
        return done

    def proposed(self, level: str) -> Batch:
        return self.batch(self.done(TaskKind.PROPOSE, f"{PROGRAMME}/{level}").result)

    def recorded(self, level: str) -> Batch:
        batch = self.approved(level)
        self.done(TaskKind.SEND_BATCH, batch.id)
        return self.batch(batch.id)

    def approved(self, level: str) -> Batch:
        batch, home = self.proposed(level), self.home
        return approve(home.store, self.clock, home.catalogue, home.key_of, home.approver(), batch.id, person="other")

    def batch(self, name: str | None) -> Batch:
        assert name is not None
        with self.home.store.read() as unit:
            return unit.batches.batch(name)

    def batches(self) -> list[Batch]:
        with self.home.store.read() as unit:
            return unit.batches.batches()

    def task(self, name: str) -> Task:
        with self.home.store.read() as unit:
            return unit.tasks.task(name)

    def steps(self, name: str) -> list[str]:
        """The steps of a task that were told, each once."""
        return list(dict.fromkeys(one.step for one in self.told if one.id == name and one.step is not None))


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder in which everybody is examined; made once and then only copied."""
    path = tmp_path_factory.mktemp("examined") / "home"
    make_installation(Home(path), demo_installation(), lambda what, text: None)
    home = Home(path)
    programme = home.catalogue.programme(PROGRAMME)
    roster = import_roster(home.store, home.clock, programme, sample_roster(count=PEOPLE), person="clerk-1").roster
    decide_applications(home.store, home.clock, home.catalogue, home.issuer, person="clerk-1")
    with home.store.read() as unit:
        eligible = [one.admission for one in unit.enrolments.applications(roster=roster.id, eligible=True)]
    today = home.clock.now().astimezone(CHINA_TIME).date()
    scores = sample_scores(eligible)
    sheet = record_scores(home.store, home.clock, programme, scores, examined_on=today, person="clerk-1").sheet
    confirm_sheet(home.store, home.clock, sheet.id, person="clerk-2")
    home.store.close()
    return path


@pytest.fixture
def scene(examined: Path, tmp_path: Path) -> Iterator[Scene]:
    home = Home(shutil.copytree(examined, tmp_path / "home"))
    yield Scene(home)
    home.store.close()


def test_what_a_page_asks_for_becomes_certificates_a_change_of_status_and_a_zip(scene: Scene) -> None:
    asked = scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/1")
    assert (asked.state, asked.asked_by, asked.result) == (TaskState.QUEUED, "maker-1", None)
    proposed = scene.work()
    batch = scene.batch(proposed.result)
    assert (batch.state, batch.proposed_by, batch.idempotency_key) == (
        AnchorState.SEALED,
        "maker-1",
        f"task/{asked.id}",
    )
    assert scene.steps(asked.id) == [Step.RESERVE, Step.SIGN, Step.SEAL]

    home = scene.home
    approve(home.store, scene.clock, home.catalogue, home.key_of, home.approver(), batch.id, person="approver-1")
    sent = scene.done(TaskKind.SEND_BATCH, batch.id)
    batch = scene.batch(sent.result)
    assert batch.state is AnchorState.FINAL
    assert batch.delivered_at is not None
    assert len(list((home.path / "delivered").glob("*.bundle.json"))) == batch.size
    assert set(scene.steps(sent.id)) == {Step.SEND, Step.INCLUDED, Step.FINAL, Step.DELIVER}

    with home.store.read() as unit:
        number = next(unit.batches.certificates(batch_id=batch.id)).reservation.number
    change = request_changes(
        home.store, scene.clock, [number], Status.SUSPENDED, Reason.INVESTIGATION, person="maker-1"
    )
    (request,) = change.requests
    taken = scene.done(TaskKind.SEND_REQUEST, request.id)
    with home.store.read() as unit:
        assert unit.status_requests.request(request.id).state is RequestState.FINAL
    assert set(scene.steps(taken.id)) == {Step.SEND, Step.FINAL}

    drawn = scene.done(TaskKind.DRAW, batch.id)
    paper = home.papers / f"{batch.id}.zip"
    assert (drawn.result, drawn.done, drawn.total) == (paper.name, batch.size, batch.size)
    assert (stat.S_IMODE(home.papers.stat().st_mode), stat.S_IMODE(paper.stat().st_mode)) == (0o700, 0o600)
    with zipfile.ZipFile(paper) as archive:
        assert f"{number}.pdf" not in archive.namelist()  # it is suspended
        assert len(archive.namelist()) == batch.size - 1

    assert discard_papers(home.papers, datetime.now(UTC) + PAPERS_KEPT - timedelta(minutes=1)) == []
    (home.papers / ".half-drawn").mkdir()
    assert discard_papers(home.papers, datetime.now(UTC) + PAPERS_KEPT + timedelta(minutes=1)) == [paper.name]
    assert list(home.papers.iterdir()) == []

    with home.store.read() as unit:
        journal = [(one.person, one.action) for one in unit.journal.entries()]
    assert journal.count(("maker-1", "task.ask")) == 4
    assert ("maker-1", "batch.propose") in journal


def test_asked_for_twice_it_is_one_task_until_it_is_done(scene: Scene) -> None:
    first = scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/1")
    again = scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/1", person="maker-2")
    assert again == first
    assert scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/2").id != first.id
    with scene.home.store.read() as unit:
        assert [one.action for one in unit.journal.entries()].count("task.ask") == 2
    scene.work()
    scene.work()
    assert work_one(scene.place, scene.worker()) is None
    assert len(scene.batches()) == 2
    # Whoever passed has a place in a batch; those who failed stay, and the desk finds that they have.
    try:
        scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/1")
    except NothingToIssue:
        return
    assert scene.work().failure == NothingToIssue.code


def test_what_cannot_be_done_as_things_stand_is_refused_and_not_kept(scene: Scene) -> None:
    home = scene.home
    refused: list[tuple[TaskKind, str, type[RegistryError]]] = [
        (TaskKind.PROPOSE, f"{PROGRAMME}/9", NothingToIssue),
        (TaskKind.PROPOSE, "no scope", IdentifierMalformed),
        (TaskKind.PROPOSE, "X-RAY/1", NothingToIssue),  # a programme, though replacements are named so too
        (TaskKind.PROPOSE, "X-2026-11-0009", NotHere),
        (TaskKind.SEND_BATCH, "B-2026-11-0009", NotHere),
        (TaskKind.SEND_REQUEST, "C-2026-11-0009", NotHere),
        (TaskKind.DRAW, "B-2026-11-0009", NotHere),
    ]
    _require_refused(scene, refused)
    batch = scene.proposed("1")
    _require_refused(scene, [(TaskKind.SEND_BATCH, batch.id, NotApproved), (TaskKind.DRAW, batch.id, NotDeliverable)])
    approve(home.store, scene.clock, home.catalogue, home.key_of, home.approver(), batch.id, person="other")
    scene.clock.ahead = timedelta(days=8)
    _require_refused(scene, [(TaskKind.SEND_BATCH, batch.id, ApprovalLapsed)])
    scene.clock.ahead = timedelta(0)
    scene.done(TaskKind.SEND_BATCH, batch.id)
    _require_refused(scene, [(TaskKind.SEND_BATCH, batch.id, NotWaiting)])
    with home.store.read() as unit:
        number = next(unit.batches.certificates(batch_id=batch.id)).reservation.number
    asked = request_changes(home.store, scene.clock, [number], Status.REVOKED, Reason.MISCONDUCT, person="maker-1")
    _require_refused(scene, [(TaskKind.SEND_REQUEST, asked.requests[0].id, NotApproved)])
    home.read_chain()
    other = request_changes(
        home.store, scene.clock, [_second(scene, batch)], Status.SUSPENDED, Reason.INVESTIGATION, person="maker-1"
    )
    scene.done(TaskKind.SEND_REQUEST, other.requests[0].id)
    _require_refused(scene, [(TaskKind.SEND_REQUEST, other.requests[0].id, RequestNotWaiting)])


def _second(scene: Scene, batch: Batch) -> str:
    with scene.home.store.read() as unit:
        return list(unit.batches.certificates(batch_id=batch.id))[1].reservation.number


def _require_refused(scene: Scene, refused: list[tuple[TaskKind, str, type[RegistryError]]]) -> None:
    with scene.home.store.read() as unit:
        before = unit.journal.size(), len(unit.tasks.recent(99))
    for kind, subject, error in refused:
        with pytest.raises(error):
            scene.ask(kind, subject)
    with scene.home.store.read() as unit:
        assert (unit.journal.size(), len(unit.tasks.recent(99))) == before


def test_what_a_dead_worker_had_is_taken_over_when_its_lease_ends_and_leads_to_the_same_batch(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/1")

    class Died(BaseException):
        """As a process ends that is killed: nothing of ours runs any more."""

    def dies(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(work_off.Held, "end", dies)  # after sealing, before anything is noted of it
        with pytest.raises(Died):
            scene.work("dead")
    (batch,) = scene.batches()
    assert scene.task(asked.id).state is TaskState.RUNNING
    assert work_one(scene.place, scene.worker("early")) is None

    scene.clock.ahead = LEASE + timedelta(seconds=1)
    done = scene.work("next")
    assert (done.state, done.worker, done.result) == (TaskState.FINISHED, "next", batch.id)
    assert scene.batches() == [batch]


def test_a_worker_that_was_not_dead_but_slow_stops_and_changes_nothing_once_another_has_its_task(
    scene: Scene,
) -> None:
    asked = scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/1")
    slow = scene.worker("slow")
    overtaken: list[Task] = []

    def takes_over_meanwhile(task: Task) -> None:
        if task.step == Step.RESERVE and not overtaken:
            scene.clock.ahead = LEASE + timedelta(seconds=1)
            overtaken.append(scene.work("quick"))

    left = work_one(scene.place, replace(slow, told=takes_over_meanwhile))
    assert left == overtaken[0] == scene.task(asked.id)
    assert left.worker == "quick"
    assert len(scene.batches()) == 1


def test_a_beat_keeps_the_lease_while_a_step_has_nothing_to_tell(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claimed, "_BEAT_SECONDS", 0.02)
    asked = scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/1")
    beaten = threading.Event()

    def told(task: Task) -> None:
        if threading.current_thread() is not threading.main_thread():
            beaten.set()
        elif task.step == Step.RESERVE and not task.total:
            scene.clock.ahead += LEASE / 2
            assert beaten.wait(10)
            scene.clock.ahead += LEASE * 3 / 4
            assert work_one(scene.place, scene.worker("eager")) is None, "the lease was not lengthened"

    done = work_one(scene.place, replace(scene.worker(), told=told))
    assert done is not None
    assert (done.id, done.state) == (asked.id, TaskState.FINISHED)


def test_where_no_node_answers_the_task_waits_others_come_in_between_and_it_goes_on_later(scene: Scene) -> None:
    batch = scene.approved("1")
    asked = scene.ask(TaskKind.SEND_BATCH, batch.id)
    other = scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/2")
    assert scene.work(ledger=_silent).id == asked.id
    waits = scene.task(asked.id)
    assert (waits.state, waits.step, waits.failure) == (TaskState.RUNNING, Step.NODE, None)
    assert scene.work(ledger=_silent).id == other.id
    assert work_one(scene.place, scene.worker()) is None
    scene.clock.ahead = timedelta(minutes=1, seconds=1)
    assert scene.work().state is TaskState.FINISHED
    assert scene.batch(batch.id).state is AnchorState.FINAL


@contextmanager
def _silent() -> Iterator[Ledger]:
    raise LedgerUnavailable("nowhere", "connection refused")
    yield


def test_told_to_stop_a_worker_puts_its_task_down_for_the_next_one_at_once(scene: Scene) -> None:
    batch = scene.approved("1")
    asked = scene.ask(TaskKind.SEND_BATCH, batch.id)
    stopped = scene.worker("stopped")

    def stops(task: Task) -> None:
        if task.step == Step.INCLUDED:
            stopped.stopping.set()

    left = work_one(scene.place, replace(stopped, told=stops))
    assert left is not None
    assert left.state is TaskState.RUNNING
    assert scene.batch(batch.id).state in (AnchorState.SENT, AnchorState.INCLUDED)
    done = scene.work("next")
    assert (done.id, done.worker, done.state) == (asked.id, "next", TaskState.FINISHED)
    assert _times_anchored(scene, batch) == 1


def _times_anchored(scene: Scene, batch: Batch) -> int:
    from registry.anchor.history import Anchored

    scene.home.read_chain()
    with scene.home.store.read() as unit:
        contents = [one.content for one in unit.projection.records_of(Anchored)]
    return sum(1 for one in contents if isinstance(one, Anchored) and one.root == batch.root)


def test_what_is_wrong_ends_the_task_with_its_code_and_it_can_be_asked_for_again(scene: Scene) -> None:
    batch = scene.approved("1")
    scene.ask(TaskKind.SEND_BATCH, batch.id)
    scene.clock.ahead = timedelta(days=8)
    failed = scene.work()
    assert (failed.state, failed.failure) == (TaskState.FAILED, ApprovalLapsed.code)
    home = scene.home
    approve(home.store, scene.clock, home.catalogue, home.key_of, home.approver(), batch.id, person="other")
    scene.clock.ahead = timedelta(0)
    scene.done(TaskKind.SEND_BATCH, batch.id)


def test_where_the_folder_of_papers_cannot_be_written_the_task_says_so(scene: Scene) -> None:
    batch = scene.recorded("1")
    scene.home.papers.write_text("a file where the folder should be", encoding="utf-8")
    scene.ask(TaskKind.DRAW, batch.id)
    assert scene.work().failure == "desk/papers-unwritable"


def test_a_fault_that_nobody_foresaw_ends_the_desk_but_not_the_next_one_too(scene: Scene) -> None:
    asked = scene.ask(TaskKind.PROPOSE, f"{PROGRAMME}/1")
    with pytest.raises(AttributeError):
        scene.work(catalogue=None)
    assert (scene.task(asked.id).state, scene.task(asked.id).failure) == (TaskState.FAILED, "internal")
    assert work_one(scene.place, scene.worker()) is None


def test_two_workers_with_one_sender_record_each_batch_once(scene: Scene) -> None:
    batches = [scene.approved(level) for level in ("1", "2", "3")]
    for one in batches:
        scene.ask(TaskKind.SEND_BATCH, one.id)
    with running_node(scene.home, 0):
        ended: list[Task | None] = []

        def works(name: str) -> None:
            while (done := work_one(scene.place, scene.worker(name))) is not None:
                ended.append(done)

        threads = [threading.Thread(target=works, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [one.state for one in ended if one] == [TaskState.FINISHED] * 3
    assert {one.worker for one in ended if one} == {"one", "two"}
    assert [_times_anchored(scene, one) for one in batches] == [1, 1, 1]
