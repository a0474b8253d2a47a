"""Corrections on the console: what is wrong is written down, seen before and after, approved with two signatures."""

import html

import pytest

from registry.access import Role
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.ports.tasks import TaskKind
from registry.workflows.replace import propose_replacements
from tests.http.test_http_console_approving import COMPARED, deadline_in, opened, signature_over
from tests.http.test_http_console_desk import AtWork
from tests.unit.registry.store.filled import BODY, SettableClock

RIGHT, WHY = "欧阳子夏", "the roster had another character"


@pytest.fixture
def house(sealed, tmp_path):
    with opened(sealed, tmp_path) as store:
        made = AtWork(store, SettableClock(), tmp_path)
        made.record()
        yield made


def number_of(house: AtWork, leaf: int = 0) -> str:
    with house.store.read() as unit:
        return unit.batches.by_leaf(house.batch.batch, leaf).reservation.number


def proposed(house: AtWork, name: str):
    """Do what the desk does with the task."""
    (batch,) = propose_replacements(house.store, house.clock, house.desk.catalogue, BODY, house.key, [name])
    return batch


def test_a_correction_is_asked_for_seen_and_approved(house) -> None:
    number = number_of(house)
    at = f"/console/certificates/{number}/replace"
    maker, approver = house.person("maker-2", Role.MAKER), house.person("wu.qiming", Role.APPROVER)
    assert at in maker.get(f"/console/certificates/{number}").text
    form = maker.get(at)
    assert form.status_code == 200
    assert 'name="identity_number"' in form.text
    answer = maker.post(at, kind="correction", name=RIGHT, reason=WHY)
    assert (answer.status_code, answer.headers["Location"]) == (303, at)
    (task,) = house.tasks()
    assert (task.kind, task.subject[:2]) == (TaskKind.PROPOSE, "X-")
    page = maker.get(f"/zh{at}").text
    for text in (RIGHT, html.escape(WHY), "工作台会据此组成批次"):
        assert text in page
    # The desk makes a batch of it; the approver sees what is said before and after, and signs twice.
    batch = proposed(house, task.subject)
    for where in (f"/console/tasks/{task.id}", f"/console/batches/{batch.id}", "/console", "/console/requests"):
        assert maker.get(where).status_code in (200, 303), where
    page = approver.get(f"/console/batches/{batch.id}/approve").text
    assert RIGHT in page
    assert html.escape(WHY) in page
    with house.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
    for where in (f"/console/batches/{batch.id}", f"/console/requests/{request.id}"):
        page = approver.get(f"{where}/approve").text
        assert RIGHT in page
        deadline = deadline_in(page)
        signature = signature_over(approver.get(f"{where}/approve/document?deadline={deadline}").content)
        done = approver.post(f"{where}/approve", deadline=deadline, signature=signature, **COMPARED)
        assert done.status_code == 303, where
    with house.store.read() as unit:
        assert unit.batches.batch(batch.id).state is AnchorState.APPROVED
        assert unit.status_requests.request(request.id).state is RequestState.APPROVED
    for language in ("", "/zh"):
        assert approver.get(f"{language}/console/requests/{request.id}").status_code == 200
        assert maker.get(f"{language}/console/certificates/{number}").status_code == 200
        assert f"/console/batches/{batch.id}" in maker.get(language + at).text


def test_what_has_no_batch_yet_is_given_up(house) -> None:
    number = number_of(house)
    maker = house.person("maker-2", Role.MAKER)
    maker.post(f"/console/certificates/{number}/replace", kind="correction", name=RIGHT, reason=WHY)
    (task,) = house.tasks()
    gone = maker.post(f"/console/replacements/{task.subject}/withdraw")
    assert (gone.status_code, gone.headers["Location"]) == (303, f"/console/certificates/{number}")
    assert 'name="identity_number"' in maker.get(f"/console/certificates/{number}/replace").text


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"kind": "renewal"}, 403, "replace/for-life"),
        ({"kind": "correction", "name": "欧阳<子>", "reason": WHY}, 422, "replace/particular"),
        ({"kind": "correction", "reason": WHY}, 403, "replace/same-as-before"),
        ({"kind": "correction", "name": RIGHT, "reason": " "}, 422, "exam/reason-missing"),
    ],
)
def test_what_cannot_be_asked_for_is_said_with_what_to_do(house, fields, status, code) -> None:
    number = number_of(house)
    maker = house.person("maker-2", Role.MAKER)
    answer = maker.post(f"/console/certificates/{number}/replace", **fields)
    assert (answer.status_code, code in answer.text) == (status, True), answer.text
    assert house.tasks() == []


def test_only_makers_ask(house) -> None:
    number = number_of(house)
    for role in (Role.AUDITOR, Role.CLERK, Role.APPROVER):
        somebody = house.person(f"somebody-{role}", role)
        assert somebody.get(f"/console/certificates/{number}/replace").status_code == 403
        assert somebody.post(f"/console/certificates/{number}/replace", kind="renewal").status_code == 403
