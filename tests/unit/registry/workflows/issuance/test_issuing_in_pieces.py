"""Large batches are issued piece by piece, over several processes: the end is that of one piece in one process."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait

import pytest

from registry.anchor.states import AnchorState
from registry.credential import credential_leaf
from registry.kernel.errors import Unavailable
from registry.kernel.merkle import MerkleTree, require_included, root_hash
from registry.store.database import StoreBusy
from registry.store.sessions import StateMoved
from registry.workflows.certificates.contents import ReservationVoid, holders, manifest_of
from registry.workflows.issuance import crew, issue, pieces, seal
from registry.workflows.issuance.approve import cancel
from tests.unit.registry.store.filled import PROGRAMME
from tests.unit.registry.workflows.issuing_stage import IssuingStage, stage_of


class CutOff(Exception):
    """What stops a run where a kill would."""


@pytest.fixture
def in_pieces_of(monkeypatch) -> Callable[[int], None]:
    return lambda size: monkeypatch.setattr(issue, "_AT_ONCE", size)


@pytest.fixture
def over_processes(monkeypatch) -> None:
    """Have all the work done by workers, also the first of it, which is done here while they start."""
    wait = crew.wait
    monkeypatch.setattr(crew, "SPREAD_FROM", 1)
    monkeypatch.setattr(crew, "cores", lambda: 2)
    monkeypatch.setattr(crew, "wait", lambda lines, timeout=None: wait(lines))


def require_whole(stage: IssuingStage, name: str, size: int) -> None:
    """Hold all that is kept of a batch against what the values lead to that are read back one by one."""
    with stage.store.read() as unit:
        batch = unit.batches.batch(name)
        assert batch.size == size
        certificates = list(unit.batches.certificates(batch_id=name))
        reservations = [one.reservation for one in certificates]
        assert sorted(one.leaf for one in reservations) == list(range(size))
        for values in (
            {one.number for one in reservations},
            {one.key for one in reservations},
            {one.jti for one in reservations},
            {one.person for one in reservations},
            {(one.status_list, one.status_index) for one in reservations},
            {one.roster_salt for one in reservations} | {one.score_salt for one in reservations},
        ):
            assert len(values) in (size, 2 * size)
        digests = unit.batches.digests(name)
        leaves = [credential_leaf(one) for one in digests]
        assert unit.batches.leaves(name) == leaves
        assert batch.root == root_hash(leaves) == MerkleTree(leaves).root
        for leaf in {0, size // 2, size - 1}:
            require_included(leaves[leaf], unit.batches.proof(name, leaf), batch.root)
        assert manifest_of(batch, holders(unit, stage.catalogue, batch)).document() == batch.manifest
        assert list(unit.unsealed_rows()) == []


@pytest.mark.parametrize(("size", "at_once"), [(1, 1), (2, 1), (3, 2), (31, 10), (32, 32), (33, 32), (65, 7)])
def test_a_batch_of_any_size_in_pieces_of_any_size_is_whole(tmp_path, in_pieces_of, size, at_once):
    in_pieces_of(at_once)
    stage = stage_of(tmp_path / "registry.db", size)
    told: list[tuple[int, int]] = []
    batch = stage.propose(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (size, size)
    assert told == sorted(told)
    require_whole(stage, batch.id, size)
    assert stage.approve(batch.id).state is AnchorState.APPROVED


@pytest.mark.slow
@pytest.mark.parametrize(("size", "alone_at_first"), [(1023, False), (1025, True)])
def test_several_processes_make_a_whole_batch_and_find_it_right(
    tmp_path, in_pieces_of, over_processes, monkeypatch, size, alone_at_first
):
    in_pieces_of(100)
    if alone_at_first:
        monkeypatch.setattr(crew, "wait", wait)
    stage = stage_of(tmp_path / "registry.db", size)
    spent, checked = dict[str, float](), dict[str, float]()
    batch = stage.propose(spent=spent)
    require_whole(stage, batch.id, size)
    assert stage.approve(batch.id, spent=checked).root == batch.root
    assert min(spent["sign"], spent["open"], checked["verify"]) > 0


@pytest.mark.slow
def test_what_a_piece_leads_to_is_the_same_in_every_process(tmp_path, in_pieces_of, over_processes):
    in_pieces_of(40)
    stage = stage_of(tmp_path / "registry.db", 200)
    batch = stage.propose()
    with stage.store.read() as unit:
        programme = stage.catalogue.by_digest(batch.programme_digest)
        tools = pieces.Tools.of(unit, batch, programme, public_key=stage.key.public_key)
        jobs = [(pieces.check_piece, (unit.pieces.material(batch.id, one),)) for one in unit.pieces.of_batch(batch.id)]
        found: dict[int, list[pieces.Leaves]] = {0: [], 1: []}
        with pieces.crew_for(unit) as gathered:
            for size, leaves in found.items():
                gathered.run(tools, jobs, lambda asked: asked, leaves.append, size=size)
    for leaves in found.values():
        leaves.sort(key=lambda one: one.first_id)
    assert len(found[0]) == 5
    assert [replace(one, spent={}) for one in found[0]] == [replace(one, spent={}) for one in found[1]]


@pytest.mark.slow
def test_a_key_that_is_not_lent_signs_in_its_own_process(tmp_path, in_pieces_of, over_processes, monkeypatch):
    in_pieces_of(20)
    stage = stage_of(tmp_path / "registry.db", 90, lends=False)
    signed: list[bytes] = []
    sign = stage.key.sign
    monkeypatch.setattr(stage.key, "sign", lambda message: signed.append(message) or sign(message))
    batch = stage.propose()
    assert len(set(signed)) == 90
    require_whole(stage, batch.id, 90)
    assert stage.approve(batch.id).state is AnchorState.APPROVED


def numbers_of(stage: IssuingStage) -> dict[int, str]:
    """What is drawn so far, by row."""
    with stage.store.read() as unit:
        return {one.reservation.leaf: one.reservation.number for one in unit.batches.certificates()}


def test_a_worker_that_is_killed_is_named_and_nothing_is_lost(tmp_path, in_pieces_of, over_processes, monkeypatch):
    in_pieces_of(30)
    stage, struck = stage_of(tmp_path / "registry.db", 400), list[int]()
    spread = crew.Crew._spread

    def killing(self, tools, jobs, handle, done):
        def strike(asked):
            answers = handle(asked)
            if len(struck) < 3:
                struck.append(self.processes[0])
                if len(struck) == 3:
                    os.kill(struck[0], signal.SIGKILL)
            return answers

        spread(self, tools, jobs, strike, done)

    monkeypatch.setattr(crew.Crew, "_spread", killing)
    with pytest.raises(crew.WorkerLost) as caught:
        stage.propose(idempotency_key="once")
    assert caught.value.code == "batch/worker-lost"
    assert len(struck) == 3
    drawn = numbers_of(stage)
    assert drawn
    batch = stage.propose(idempotency_key="once")
    assert drawn.items() <= numbers_of(stage).items()
    require_whole(stage, batch.id, 400)


def test_workers_end_with_their_crew(tmp_path, over_processes):
    stage = stage_of(tmp_path / "registry.db", 30)
    with stage.store.read() as unit, pieces.crew_for(unit) as gathered:
        gathered.run(None, [(_told, (one,)) for one in "abcdef"], lambda asked: asked, lambda _: None, size=1)
        workers = gathered.processes
        assert len(set(workers)) == 2
        assert os.getpid() not in workers
    until = time.monotonic() + 10
    while any(map(_runs, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_runs, workers))


def _told(tools, text):
    return (yield text)


def test_what_lies_in_the_working_directory_is_never_run(tmp_path, over_processes, monkeypatch):
    stage = stage_of(tmp_path / "registry.db", 30)
    (tmp_path / "json.py").write_text("open('run', 'w')\nfrom sys import argv\nloads = lambda text: eval(text)\n")
    monkeypatch.chdir(tmp_path)
    got: list[str] = []
    with stage.store.read() as unit, pieces.crew_for(unit) as gathered:
        gathered.run(None, [(_told, (one,)) for one in "ab"], lambda asked: asked, got.append, size=1)
    assert sorted(got) == ["a", "b"]
    assert not (tmp_path / "run").exists()


def test_of_a_fault_that_nobody_foresaw_only_the_kind_is_told(tmp_path, over_processes, capfd):
    stage = stage_of(tmp_path / "registry.db", 30)
    for job, fault in ((_fails, "ValueError"), (_reads_too_far, "EOFError"), (_is_no_generator, "TypeError")):
        with (
            stage.store.read() as unit,
            pieces.crew_for(unit) as gathered,
            pytest.raises(crew.WorkerFailed, match=f"^a worker process failed with {fault}$"),
        ):
            gathered.run(None, [(job, (one,)) for one in "ab"], lambda asked: asked, lambda _: None, size=1)
    assert not issubclass(crew.WorkerFailed, Unavailable)  # it would be tried for ever
    assert capfd.readouterr() == ("", "")


def _fails(tools, text):
    yield text
    raise ValueError(f"what {text} is called")


def _reads_too_far(tools, text):
    yield text
    raise EOFError


def _is_no_generator(tools):
    yield tools


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("before", [True, False])
def test_a_run_cut_off_at_every_piece_is_continued(tmp_path, in_pieces_of, monkeypatch, before):
    in_pieces_of(5)
    stage = stage_of(tmp_path / "registry.db", 33)
    handle, left = seal._Run.handle, [0]

    def cut(self, asked):
        left[0] -= 1
        if before and left[0] < 0:
            raise CutOff
        answers = handle(self, asked)
        if not before and left[0] <= 0:
            raise CutOff
        return answers

    monkeypatch.setattr(seal._Run, "handle", cut)
    drawn: dict[int, str] = {}
    cuts = 0
    while True:
        left[0] = 1
        try:
            batch = stage.propose(idempotency_key="once")
        except CutOff:
            cuts += 1
            assert drawn.items() <= numbers_of(stage).items()
            drawn = numbers_of(stage)
            assert cuts < 20
            continue
        break
    assert cuts == 14 - before  # a piece is drawn in one turn and signed in another
    require_whole(stage, batch.id, 33)
    with stage.store.read() as unit:
        assert [one.id for one in unit.batches.batches()] == [batch.id]


def test_who_is_claimed_and_not_drawn_yet_is_certified_for_that_level_and_no_other(tmp_path, monkeypatch):
    stage = stage_of(tmp_path / "registry.db", 3)

    def cut(*_args, **_words):
        raise CutOff

    monkeypatch.setattr(issue, "seal", cut)
    with pytest.raises(CutOff):
        stage.propose()
    with stage.store.read() as unit:
        assert numbers_of(stage) == {}
        people = [one.person for one in unit.enrolments.applications(eligible=True)]
        assert unit.pieces.certified(f"{PROGRAMME}/1", people) == set(people)
        assert unit.pieces.on_their_way(f"{PROGRAMME}/1", people) == set(people)
        for other in (f"{PROGRAMME}/2", "ANOTHER/1"):
            assert unit.pieces.certified(other, people) == unit.pieces.on_their_way(other, people) == set()


def test_of_two_runs_at_once_each_piece_is_kept_from_the_first(tmp_path, in_pieces_of, monkeypatch):
    in_pieces_of(4)
    stage = stage_of(tmp_path / "registry.db", 25)
    handle, overtaken = seal._Run.handle, [0]

    def overtake(self, asked):
        overtaken[0] += 1
        if overtaken[0] == 4:  # another run goes all the way while this one has a piece in hand
            with pytest.raises(StateMoved):
                handle(self, _after(stage.propose, asked))
            raise CutOff
        return handle(self, asked)

    monkeypatch.setattr(seal._Run, "handle", overtake)
    with pytest.raises(CutOff):
        stage.propose()
    monkeypatch.undo()
    with stage.store.read() as unit:
        (batch,) = unit.batches.batches()
    assert batch.state is AnchorState.SEALED
    require_whole(stage, batch.id, 25)


def _after(first, given):
    first()
    return given


def test_a_piece_that_another_run_has_kept_is_read_again(tmp_path, in_pieces_of, monkeypatch):
    in_pieces_of(4)
    stage = stage_of(tmp_path / "registry.db", 25)
    handle, count = seal._Run.handle, [0]

    def overtake(self, asked):
        count[0] += 1
        if count[0] == 3:
            cut_after = count[0] + 3

            def partly(other, more):
                count[0] += 1
                if count[0] > cut_after:
                    raise CutOff
                return handle(other, more)

            monkeypatch.setattr(seal._Run, "handle", partly)
            with pytest.raises(CutOff):
                stage.propose()
            monkeypatch.setattr(seal._Run, "handle", handle)
        return handle(self, asked)

    monkeypatch.setattr(seal._Run, "handle", overtake)
    batch = stage.propose()
    require_whole(stage, batch.id, 25)
    assert stage.approve(batch.id).state is AnchorState.APPROVED


def test_nobody_comes_into_two_batches_when_two_are_proposed_at_once(tmp_path, in_pieces_of, monkeypatch):
    in_pieces_of(10)
    stage = stage_of(tmp_path / "registry.db", 40)
    draw, meanwhile = issue._draw_places, list[str]()

    def overtaken(unit, wanted):
        places = draw(unit, wanted)
        if not meanwhile:
            meanwhile.append("")
            meanwhile[0] = stage.propose(idempotency_key="the other one").id
        return places

    monkeypatch.setattr(issue, "_draw_places", overtaken)
    with pytest.raises(issue.NothingToIssue):
        stage.propose(idempotency_key="this one")
    require_whole(stage, meanwhile[0], 40)


def test_threads_that_propose_at_once_make_one_batch_of_everybody(tmp_path, in_pieces_of):
    in_pieces_of(8)
    stage, ends = stage_of(tmp_path / "registry.db", 60), list[object]()

    def run(key: str) -> None:
        try:
            ends.append(stage.propose(idempotency_key=key).id)
        except issue.NothingToIssue as nothing:
            ends.append(nothing.code)

    threads = [threading.Thread(target=run, args=(f"key {one}",)) for one in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(map(str, ends)) == ["B-2026-11-0001", *["batch/nothing-to-issue"] * 3]
    require_whole(stage, "B-2026-11-0001", 60)


def test_whoever_is_claimed_waits_for_no_other_batch_and_cannot_change(tmp_path, in_pieces_of, monkeypatch):
    in_pieces_of(10)
    stage = stage_of(tmp_path / "registry.db", 20)
    monkeypatch.setattr(issue, "seal", lambda store, *_, **__: _raise(CutOff()))
    with pytest.raises(CutOff):
        stage.propose()
    with stage.store.read() as unit:
        (batch,) = unit.batches.batches(AnchorState.RESERVED)
        everybody = [one.admission for one in unit.enrolments.applications()]
        assert list(unit.batches.certificates()) == []
        assert unit.batches.reserved(everybody) == set(everybody)
        assert issue.waiting_for_batch(unit, stage.catalogue, batch.issuer, PROGRAMME, "1", most=5) == 0
    with pytest.raises(issue.NothingToIssue):
        stage.propose(idempotency_key="another")
    cancel(stage.store, stage.clock, batch.id, person="dave")
    with stage.store.read() as unit:
        assert unit.batches.reserved(everybody) == set()
        assert issue.waiting_for_batch(unit, stage.catalogue, batch.issuer, PROGRAMME, "1", most=5) == 6
    monkeypatch.undo()
    again = stage.propose(idempotency_key="another")
    require_whole(stage, again.id, 20)


def _raise(error: Exception):
    raise error


def test_others_get_their_turn_at_writing_while_a_batch_is_issued(tmp_path, in_pieces_of, monkeypatch):
    in_pieces_of(10)
    stage, turns = stage_of(tmp_path / "registry.db", 30), list[str]()

    def write(where: str) -> None:
        try:
            with stage.store.write() as unit:
                unit.journal.write(at=stage.clock.now(), person="erin", action="test.turn", subject=where)
            turns.append(where)
        except StoreBusy:
            turns.append("busy")

    def with_a_turn(owner, name: str) -> None:
        found = getattr(owner, name)

        def called(*given, **named):
            worker = threading.Thread(target=write, args=(name,))
            worker.start()
            worker.join()
            return found(*given, **named)

        monkeypatch.setattr(owner, name, called)

    with_a_turn(issue, "find_passed")
    with_a_turn(issue, "_draw_places")
    with_a_turn(seal, "issue_piece")
    with_a_turn(seal._Run, "handle")
    batch = stage.propose()
    assert "busy" not in turns
    assert {"find_passed", "_draw_places", "issue_piece", "handle"} <= set(turns)
    require_whole(stage, batch.id, 30)


def test_somebody_erased_between_claim_and_number_stops_the_batch_by_name(tmp_path, monkeypatch):
    stage = stage_of(tmp_path / "registry.db", 12)
    places = issue.seal

    def erased_first(store, *given, **named):
        with store.write() as unit:
            unit.enrolments.erase(next(unit.enrolments.applications()).person, stage.clock.now())
        return places(store, *given, **named)

    monkeypatch.setattr(issue, "seal", erased_first)
    with pytest.raises(ReservationVoid, match="was erased"):
        stage.propose()
    monkeypatch.undo()
    with stage.store.read() as unit:
        (batch,) = unit.batches.batches()
    cancel(stage.store, stage.clock, batch.id, person="dave")
    require_whole(stage, stage.propose().id, 11)
