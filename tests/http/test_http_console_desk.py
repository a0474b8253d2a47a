"""What pages ask of the desk: tasks, live pages, drawn certificates; who may, and what is said when nothing happens."""

import asyncio
import json
import zipfile
from datetime import timedelta

import pytest

from api.issuer import todo
from api.issuer.live import MOST_STREAMS, Streams, stream
from registry.access import ALLOWED, Action, Role
from registry.anchor.progress import Placement
from registry.anchor.states import AnchorState
from registry.ports.tasks import TaskKind, TaskState
from registry.workflows.access.sign_in import IDLE
from registry.workflows.desk.hand_over import PAPERS_KEPT, ask
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import propose
from tests.http.test_http_console_approving import Approving, opened
from tests.unit.registry.store.filled import (
    BODY,
    NOW,
    PROGRAMME,
    Approver,
    SettableClock,
    block,
    transaction,
)

WORKER, LEASE = "desk-1", timedelta(seconds=30)


class AtWork(Approving):
    """A house whose desk is played by hand, with a folder of drawn certificates."""

    def __init__(self, store, clock: SettableClock, papers) -> None:
        self.runs = False
        super().__init__(store, clock, desk_runs=lambda: self.runs, papers=papers)
        self.papers = papers

    def claim(self):
        now = self.clock.now()
        with self.store.write() as unit:
            return unit.tasks.claim(WORKER, now, now + LEASE)

    def tell(self, id: str, step: str, done: int, total: int) -> None:
        now = self.clock.now()
        with self.store.write() as unit:
            unit.tasks.tell(id, WORKER, step=step, done=done, total=total, at=now, until=now + LEASE)

    def end(self, id: str, *, result: str = "", failure: str = "") -> None:
        with self.store.write() as unit:
            if failure:
                unit.tasks.fail(id, WORKER, failure, self.clock.now())
            else:
                unit.tasks.finish(id, WORKER, result, self.clock.now())

    def tasks(self) -> list:
        with self.store.read() as unit:
            return list(unit.tasks.recent(10))

    def approve(self) -> None:
        key = self.key.public_key
        approve(
            self.store,
            self.clock,
            self.desk.catalogue,
            lambda thumbprint: key,
            Approver(),
            self.batch.id,
            person="dave",
        )

    def record(self) -> None:
        """Take the batch to the chain, as far as the store knows."""
        self.approve()
        name, sent = self.batch.id, transaction("anchor")
        with self.store.write() as unit:
            unit.batches.sign(name, sent, NOW)
            unit.batches.move(name, AnchorState.SIGNED, AnchorState.SENT)
            unit.batches.move(name, AnchorState.SENT, AnchorState.INCLUDED)
            place = Placement(
                seq=2, block_number=3, block_hash=block(3).hash, block_time=block(3).time, transaction=sent.hash
            )
            unit.batches.place(name, place)
            unit.batches.deliver(name, NOW)

    @property
    def at(self) -> str:
        return f"/console/batches/{self.batch.id}"


@pytest.fixture
def house(sealed, tmp_path):
    (tmp_path / "papers").mkdir()
    with opened(sealed, tmp_path) as store:
        yield AtWork(store, SettableClock(), tmp_path / "papers")


def waiting_levels(house: AtWork) -> dict[str, int]:
    """How many wait, by level."""
    page = house.person("looks", Role.AUDITOR).get("/console/propose").text
    rows = page.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:]
    found = {row.partition("<code>")[2].partition("<")[0]: row for row in rows}
    counts = {scope: row.partition('class="figure">')[2].partition("<")[0] for scope, row in found.items()}
    return {scope: int(count.replace(",", "")) for scope, count in counts.items()}


def waiting_level(house: AtWork) -> tuple[str, int]:
    """A level of which somebody waits: level 1 is in the house's batch."""
    return next((scope, count) for scope, count in waiting_levels(house).items() if count)


def test_the_first_page_never_says_that_nothing_waits_while_people_wait_for_a_batch(house, monkeypatch):
    maker, waiting = house.person("maker-2", Role.MAKER), {k: n for k, n in waiting_levels(house).items() if n}
    nothing, told = "Nothing waits for you", f"{sum(waiting.values())} passed and wait for a batch"
    page = maker.get("/console").text
    assert (nothing in page, f'<a href="/console/propose">{told}</a>' in page) == (False, True)
    other = house.person("exam-clerk", Role.CLERK).get("/console").text
    assert f'{told}</a> <span class="hint">waits for maker' in other
    monkeypatch.setattr(todo, "MOST_JUDGED", 0)  # of many it is not said who passed
    with house.store.read() as unit:
        unread = unit.marks.count_unbatched(PROGRAMME)
    assert all(unread[scope.partition("/")[2]] >= n for scope, n in waiting.items())
    assert f"{sum(unread.values())} with confirmed scores are in no batch" in maker.get("/console").text
    monkeypatch.undo()
    for scope in waiting:  # what the desk was asked for waits for nobody of the house
        maker.post("/console/propose", scope=scope)
    page = maker.get("/console").text
    assert (nothing in page, "wait for a batch" in page) == (True, False)


def test_the_maker_sees_who_waits_and_asks_once(house):
    scope, count = waiting_level(house)
    maker = house.person("maker-2", Role.MAKER)
    page = maker.get("/console/propose").text
    assert f"Propose a batch of these {count}" in page
    assert "No desk runs now" in page
    first, second = maker.post("/console/propose", scope=scope), maker.post("/console/propose", scope=scope)
    assert (first.status_code, first.headers["Location"]) == (303, second.headers["Location"])
    (task,) = house.tasks()
    assert (task.kind, task.subject, task.asked_by) == (TaskKind.PROPOSE, scope, "maker-2")
    assert f"/console/tasks/{task.id}" in maker.get("/console/propose").text
    assert f'value="{scope}"' not in maker.get("/console/propose").text


def test_nothing_is_asked_for_where_nobody_waits(house):
    maker = house.person("maker-2", Role.MAKER)
    refused = maker.post("/console/propose", scope=f"{PROGRAMME}/9")
    assert (refused.status_code, "batch/nothing-to-issue" in refused.text) == (403, True)
    assert 'href="/console"' in refused.text  # the page leads back into the console
    assert maker.post("/console/propose", scope="<script>").status_code in {403, 422}
    assert house.tasks() == []


def test_a_task_says_how_far_it_is_and_where_it_went(house):
    scope, count = waiting_level(house)
    maker = house.person("maker-2", Role.MAKER)
    at = maker.post("/console/propose", scope=scope).headers["Location"]
    page = maker.get(at)
    assert "it begins in a moment" in page.text
    assert f'url={at}?unattended=1"' in page.text
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert "No desk runs" not in page.text

    house.clock.time += timedelta(seconds=10)
    assert "No desk runs, and this has not begun" in maker.get(at).text
    house.runs = True
    assert "No desk runs" not in maker.get(at).text
    task = house.claim()
    house.clock.time += timedelta(seconds=4)
    house.tell(task.id, "sign", 4, 40)
    page = maker.get(at).text
    for told in ('data-live="counted">4 / 40<', 'value="4"', "1 a second"):
        assert told in page, told
    house.runs = False
    house.clock.time += LEASE
    assert "No desk runs" in maker.get(at).text

    batch = propose(
        house.store,
        house.clock,
        house.desk.catalogue,
        BODY,
        house.key,
        programme=PROGRAMME,
        level=scope.partition("/")[2],
        person="maker-2",
        idempotency_key=f"task/{task.id}",
    )
    assert batch.size == count
    answer = maker.get(at)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/batches/{batch.id}")
    page = maker.get(f"/console/batches/{batch.id}").text  # while the task is under way still
    assert "What the desk was asked for" in page
    assert "maker-2" in page


def test_a_task_that_failed_says_why_and_what_to_do(house):
    scope, _ = waiting_level(house)
    maker = house.person("maker-2", Role.MAKER)
    at = maker.post("/console/propose", scope=scope).headers["Location"]
    house.end(house.claim().id, failure="batch/inconsistent")
    page = maker.get(at).text
    assert "It could not be done" in page
    assert "batch/inconsistent" in page
    assert 'id="live"' not in page
    assert 'href="/console/propose"' in page
    again = maker.post("/console/propose", scope=scope)
    assert again.headers["Location"] != at


def test_an_approved_batch_is_sent_by_one_click_and_no_more(house):
    operator = house.person("operator-2", Role.OPERATOR)
    early = operator.post(f"{house.at}/send")
    assert (early.status_code, "anchor/not-approved" in early.text, house.tasks()) == (403, True, [])
    house.approve()
    assert "Send it to the chain" in operator.get(house.at).text
    assert "Send it to the chain" not in house.person("auditor", Role.AUDITOR).get(house.at).text
    for _ in range(2):
        assert operator.post(f"{house.at}/send").headers["Location"] == house.at
    (task,) = house.tasks()
    assert (task.kind, task.subject) == (TaskKind.SEND_BATCH, house.batch.id)
    page = operator.get(house.at).text
    assert "The desk is at work" in page
    assert "Send it to the chain" not in page
    house.claim()
    house.tell(task.id, "included", 0, 0)
    assert 'aria-current="step"' in operator.get(house.at).text.partition("Sending, step by step")[2]


def test_entries_are_for_those_who_can_do_them(house):
    maker, approver = house.person("maker-1", Role.MAKER), house.person("wu.qiming", Role.APPROVER)
    both = house.person("both", Role.MAKER, Role.APPROVER)
    waits = f"Batch {house.batch.id}, proposed by maker-1, waits for approval"

    def own(person) -> str:
        return person.get("/console").text.partition('id="waits"')[2].partition("Waiting for others")[0]

    assert waits in own(approver)
    assert waits in own(both)
    for somebody in (maker, house.person("clerk-9", Role.CLERK)):
        assert waits not in own(somebody)
        page = somebody.get("/console").text
        assert waits in page
        assert "waits for approver other than maker-1" in page
    house.approve()
    sends = f"Batch {house.batch.id} is approved and waits to be sent"
    assert sends in own(maker)
    assert sends not in own(approver)
    ask(house.store, house.clock, TaskKind.SEND_BATCH, house.batch.id, person="maker-1")
    assert sends not in maker.get("/console").text


# — live —


def events(answer) -> list[dict]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


def test_a_stream_tells_what_changed_and_ends(house):
    house.record()
    maker = house.person("maker-2", Role.MAKER)
    answer = maker.get(f"{house.at}/events")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"
    (seen,) = events(answer)
    assert seen["over"]
    assert house.desk.streams._open == {}, "it is counted out"

    ask(house.store, house.clock, TaskKind.DRAW, house.batch.id, person="maker-2")
    task = house.claim()
    house.clock.time += timedelta(seconds=2)
    house.tell(task.id, "draw", 10, 20)
    page = maker.get(house.at).text

    async def follow() -> list[dict]:
        request = asyncio.ensure_future(asyncio.to_thread(maker.get, f"{house.at}/events"))
        while not house.desk.streams._open:
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.2)
        house.tell(task.id, "draw", 20, 20)
        await asyncio.sleep(1.2)
        house.end(task.id, result=f"{house.batch.id}.zip")
        return events(await request)

    first, second, last = asyncio.run(follow())
    assert f'data-mark="{first["mark"]}"' in page  # the page is not set anew for what it shows already
    assert (first["counted"], first["rate"], first["left"], first["over"]) == (
        "10 / 20",
        "5 a second",
        "2 seconds",
        False,
    )
    assert (second["counted"], second["mark"]) == ("20 / 20", first["mark"])
    assert last["over"]


def test_a_stream_does_not_keep_a_sign_in_from_ending_and_ends_with_it(house):
    maker = house.person("maker-2", Role.MAKER)
    house.record()
    for _ in range(4):
        house.clock.time += IDLE / 3
        maker.get(f"{house.at}/events")
    assert maker.get(house.at).status_code == 303


def test_streams_are_few_and_end_with_the_server(house):
    streams = Streams()
    assert [streams.enter("wu") for _ in range(MOST_STREAMS + 1)] == [True] * MOST_STREAMS + [False]
    assert streams.enter("li")
    streams.leave("wu")
    assert streams.enter("wu")
    streams.stop()
    streams.leave("li")
    assert not streams.enter("li")
    refused = stream(None, "li", streams, lambda: None)
    assert refused.status_code == 429

    for _ in range(MOST_STREAMS):
        assert house.desk.streams.enter("maker-2")
    assert house.person("maker-2", Role.MAKER).get(f"{house.at}/events").status_code == 429


def test_an_open_stream_ends_when_the_server_stops(house):
    maker = house.person("maker-2", Role.MAKER)

    async def stopped() -> list[dict]:
        request = asyncio.ensure_future(asyncio.to_thread(maker.get, f"{house.at}/events"))
        while not house.desk.streams._open:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.8)
        assert not request.done()
        house.desk.streams.stop()
        return events(await asyncio.wait_for(request, 5))

    assert not any(one["over"] for one in asyncio.run(stopped()))  # it waits for approval: it would have gone on


# — drawn certificates —


def drawn(house: AtWork, *, lacking: int = 0) -> list[str]:
    """Draw the batch, as the desk leaves it; give the numbers of those that are not in the ZIP."""
    house.record()
    ask(house.store, house.clock, TaskKind.DRAW, house.batch.id, person="maker-1")
    task = house.claim()
    with house.store.read() as unit:
        numbers = sorted(one.number for one in unit.batches.reservations(house.batch.id))
    with zipfile.ZipFile(house.papers / f"{house.batch.id}.zip", "w") as archive:
        for number in numbers[lacking:]:
            archive.writestr(f"{number}.pdf", b"%PDF")
        archive.comment = "\n".join(numbers[:lacking]).encode()
    house.tell(task.id, "draw", len(numbers) - lacking, len(numbers))
    house.end(task.id, result=f"{house.batch.id}.zip")
    return numbers[:lacking]


def test_drawn_certificates_are_taken_by_those_who_print(house):
    printer = house.person("operator-2", Role.OPERATOR)
    at = f"{house.at}/certificates.zip"
    missing = printer.get(at)
    assert (missing.status_code, "console/papers-not-kept" in missing.text) == (404, True)
    drawn(house)
    page = printer.get(house.at).text
    assert f'href="{at}"' in page
    assert "It is kept until 2026-11-22 16:30:15" in page
    taken = printer.get(at)
    assert taken.headers["Content-Disposition"] == f'attachment; filename="{house.batch.id}.zip"'
    assert (taken.headers["Cache-Control"], taken.headers["Content-Type"]) == ("no-store", "application/zip")
    assert taken.content == (house.papers / f"{house.batch.id}.zip").read_bytes()
    approver = house.person("wu.qiming", Role.APPROVER)
    assert approver.get(at).status_code == 403
    assert at not in approver.get(house.at).text
    for path in ("/console/batches/..%2f..%2fregistry.db/certificates.zip", "/console/batches/B-1/certificates.zip"):
        assert printer.get(path).status_code == 404


def test_certificates_that_are_not_in_the_zip_are_named(house):
    lacking = drawn(house, lacking=2)
    page = house.person("operator-2", Role.OPERATOR).get(house.at).text
    assert "2 are not in it" in page
    for number in lacking:
        assert f'href="/console/certificates/{number}"' in page


def test_no_page_reads_a_whole_batch_to_name_some_of_it(house, monkeypatch):
    lacking = drawn(house, lacking=2)

    def whole(*asked: object, **named: object) -> None:
        raise AssertionError("a page reads every certificate of a batch")

    for name in ("reservations", "certificates", "signed_leaves", "digests", "leaves"):
        monkeypatch.setattr(f"registry.store.issuing.SqlBatches.{name}", whole)
    monkeypatch.setattr("registry.store.replacing.SqlReplacements.every", whole)
    printer = house.person("operator-2", Role.OPERATOR)
    assert lacking[0] in printer.get(house.at).text
    for path in ("/console", "/console/certificates", f"/console/certificates?batch={house.batch.id}"):
        assert printer.get(path).status_code == 200


def test_every_batch_is_listed_page_by_page_the_newest_first(house, monkeypatch):
    monkeypatch.setattr("api.issuer.batches._PER_PAGE", 1)
    scope, _ = waiting_level(house)
    parts = (house.store, house.clock, house.desk.catalogue, BODY, house.key)
    newer = propose(*parts, programme=PROGRAMME, level=scope.partition("/")[2], person="maker-2")
    auditor = house.person("auditor", Role.AUDITOR)
    first, second = (auditor.get(f"/console?page={number}").text for number in (1, 2))
    row = '<td><a class="mono" href="/console/batches/{}">'
    assert (row.format(newer.id) in first, row.format(house.batch.id) in first) == (True, False)
    assert (row.format(newer.id) in second, row.format(house.batch.id) in second) == (False, True)
    assert 'href="/console?page=2#batches"' in first


def test_deleted_papers_are_drawn_again(house):
    drawn(house)
    (house.papers / f"{house.batch.id}.zip").unlink()
    printer = house.person("operator-2", Role.OPERATOR)
    assert f"Draw {house.batch.size} certificates" in printer.get(house.at).text
    assert printer.post(f"{house.at}/draw").status_code == 303
    assert [one.state for one in house.tasks()] == [TaskState.QUEUED, TaskState.FINISHED]


def test_papers_past_their_time_are_given_to_nobody_though_no_desk_has_deleted_them(house):
    drawn(house)
    house.clock.time += PAPERS_KEPT - timedelta(seconds=1)
    printer = house.person("operator-2", Role.OPERATOR)
    at = f"{house.at}/certificates.zip"
    assert printer.get(at).status_code == 200
    house.clock.time += timedelta(seconds=1)
    assert (house.papers / f"{house.batch.id}.zip").is_file()
    late = printer.get(at)
    assert (late.status_code, "console/papers-not-kept" in late.text) == (404, True)
    assert at not in printer.get(house.at).text


# — who may —

FORMS = {
    "/console/propose": Action.PROPOSE_BATCH,
    "/console/batches/{batch}/send": Action.ISSUE_BATCH,
    "/console/batches/{batch}/draw": Action.PRINT,
}


@pytest.mark.parametrize("role", [Role.CLERK, Role.MAKER, Role.APPROVER, Role.OPERATOR, Role.AUDITOR, Role.EMPLOYER])
def test_a_role_asks_for_what_the_table_allows_and_nothing_else(house, role):
    somebody = house.person("somebody", role)
    for path, action in FORMS.items():
        answer = somebody.post(path.format(batch=house.batch.id))
        refused = answer.status_code == 403 and "access/not-allowed" in answer.text
        assert refused == (action not in ALLOWED[role]), (path, action)
    somebody.csrf = "made up"
    for path in FORMS:
        assert somebody.post(path.format(batch=house.batch.id)).status_code == 403
    assert house.tasks() == []


def test_problems_inside_the_console_keep_its_frame(house):
    page = house.person("auditor", Role.AUDITOR).get("/en/console/batches/B-2026-11-9999")
    assert page.status_code == 404
    assert 'href="/en/console/rosters"' in page.text
    assert 'href="/en/console"' in page.text
    employer = house.person("hr-1", Role.EMPLOYER).get("/console/batches/B-2026-11-9999")
    assert (employer.status_code, "/console/rosters" in employer.text) == (403, False)
