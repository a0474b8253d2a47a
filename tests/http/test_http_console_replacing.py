"""Corrections on the console: what is wrong is written down, seen before and after, approved with two signatures."""

import html
import re
from datetime import date, timedelta

import pytest

from api.issuer import replacing
from api.issuer.replaced import read_by
from registry.access import Role
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.credential import parse
from registry.ports.tasks import TaskKind
from registry.workflows.certificates.deliver import presentation_of
from registry.workflows.examination.correct import confirm_correction, correct_score
from registry.workflows.replacement.ask_replacement import TooEarly
from registry.workflows.replacement.replace import propose_replacements
from tests.http.test_http_console_approving import COMPARED, deadline_in, opened, signature_over
from tests.http.test_http_console_desk import AtWork
from tests.unit.registry.enrolment.photograph_samples import WHITE, jpeg, picture
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
    (batch,) = propose_replacements(
        house.store, house.clock, house.desk.catalogue, BODY, house.key, [name], person="maker-2"
    )
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
    for text in (RIGHT, html.escape(WHY), "签发台会据此组成批次"):
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
    # The supersession goes with its batch: alone it would be refused, so that nobody is offered to send it.
    for page in (maker.get("/console").text, maker.get("/console/waiting").text):
        assert f"Batch {batch.id} is approved and waits to be sent" in page
        assert f"{request.id} can be sent" not in page
    page = maker.get(f"/console/requests/{request.id}").text
    assert f'once they are recorded: <a class="mono" href="/console/batches/{batch.id}">' in page
    assert f"/console/requests/{request.id}/send" not in page
    for language in ("", "/zh"):
        assert approver.get(f"{language}/console/requests/{request.id}").status_code == 200
        assert maker.get(f"{language}/console/certificates/{number}").status_code == 200
        assert f"/console/batches/{batch.id}" in maker.get(language + at).text


def name_of(house: AtWork, leaf: int = 0) -> str:
    with house.store.read() as unit:
        one = unit.batches.by_leaf(house.batch.batch, leaf)
    return parse(presentation_of(one, full=True)).disclosed.name


def asked(house: AtWork, maker, leaf: int = 0, file: bytes | None = None, **fields: str) -> str:
    """Ask for a correction on the page; give its name."""
    sent = maker.post(
        f"/console/certificates/{number_of(house, leaf)}/replace",
        file,
        **{"kind": "correction", "reason": WHY, **fields},
    )
    assert sent.status_code == 303, sent.text
    return house.tasks()[0].subject


def test_the_form_shows_what_the_certificate_says_now_and_no_renewal_that_is_refused(house, monkeypatch) -> None:
    number = number_of(house)
    at, maker = f"/console/certificates/{number}/replace", house.person("maker-2", Role.MAKER)
    with house.store.read() as unit:
        said = parse(presentation_of(unit.batches.by_number(number), full=True)).disclosed
    form, renewal = maker.get(at).text, 'name="kind" value="renewal"'
    for field, text in (
        ("name", said.name),
        ("identity_number", said.identity_number),
        ("name_latin", said.name_latin),
    ):
        assert f'id="{field}-now">It says now <bdi>{text or "–"}</bdi></p>' in form, field
    assert 'id="identity_type-now">It says now <bdi>Resident identity card</bdi></p>' in form
    assert (renewal in form, "valid for life: there is nothing to renew" in form) == (False, True)

    def too_early(number, terms, now) -> None:
        raise TooEarly(number, date(2027, 6, 30), date(2027, 1, 1))

    monkeypatch.setattr(replacing, "require_renewable", too_early)
    form = maker.get(f"/zh{at}").text
    assert (renewal in form, "有效至2027-06-30，2027-01-01起可以换发" in form) == (False, True)
    monkeypatch.setattr(replacing, "require_renewable", lambda number, terms, now: None)
    assert renewal in maker.get(at).text
    for other in (Role.APPROVER, Role.AUDITOR):  # what is shown here is for makers alone
        assert house.person(f"reads-{other}", other).get(at).status_code == 403


def test_the_batch_and_the_request_say_what_takes_the_place_of_what(house) -> None:
    maker, auditor = house.person("maker-2", Role.MAKER), house.person("auditor", Role.AUDITOR)
    approver = house.person("wu.qiming", Role.APPROVER)
    before = name_of(house)
    batch = proposed(house, asked(house, maker, name=RIGHT))
    with house.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
    where = (f"/console/batches/{batch.id}", f"/console/requests/{request.id}")
    for path in where:
        for person in (maker, approver):
            page = person.get(path).text
            assert f"<bdi>{before}</bdi>" in page, path
            assert f"<bdi>{RIGHT}</bdi>" in page
            assert html.escape(WHY) in page
            assert f'href="/console/certificates/{number_of(house)}">{number_of(house)}</a> revision 1 →' in page
            assert "revision 2" in page
        covered = auditor.get(path).text
        assert f"<bdi>{before[0]}＊</bdi>" in covered
        assert f"<bdi>{RIGHT[0]}＊</bdi>" in covered
        assert "Names and numbers are covered" in covered
        for text in (before, RIGHT, html.escape(WHY)):
            assert text not in covered
    assert f'href="/console/requests/{request.id}"' in maker.get(where[0]).text
    # The state stands once on each step, where both languages' words differ.
    steps = maker.get(where[0]).text.partition('<ol class="way">')[2].partition("</ol>")[0]
    assert steps.count("Sealed") == 1
    assert "<code>sealed</code>" not in steps
    assert "<code>sealed</code>" in maker.get(f"/zh{where[0]}").text


def test_who_asked_for_what_another_proposed_is_offered_no_approval_of_either(house) -> None:
    asker, approver = house.person("maker-3", Role.MAKER, Role.APPROVER), house.person("wu.qiming", Role.APPROVER)
    batch = proposed(house, asked(house, asker, name=RIGHT))
    assert batch.proposed_by == "maker-2"
    with house.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
    for where in (f"/console/batches/{batch.id}", f"/console/requests/{request.id}"):
        document = f"{where}/approve/document"
        assert document in approver.get(f"{where}/approve").text
        assert document not in asker.get(f"{where}/approve").text


def test_what_waits_offers_no_approval_to_who_made_any_of_it(house, monkeypatch) -> None:
    asker, approver = house.person("maker-3", Role.MAKER, Role.APPROVER), house.person("wu.qiming", Role.APPROVER)
    plain = house.person("maker-4", Role.MAKER, Role.APPROVER)
    batch = proposed(house, asked(house, asker, name=RIGHT))
    with house.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)

    def read(*_: object, **__: object) -> object:
        raise AssertionError("a question for each row of what waits")

    monkeypatch.setattr("registry.store.replacing.SqlReplacements.into", read)
    to_approve = (
        f'<li><a href="/console/batches/{batch.id}/approve">',
        f'<li><a href="/console/requests/{request.id}">',
    )
    for path in ("/console", "/console/waiting"):
        for person in (approver, plain):
            own = person.get(path).text.partition('class="waits quiet"')[0]
            assert [own.count(link) for link in to_approve] == [1, 1], path
        own, _, others = asker.get(path).text.partition('class="waits quiet"')
        assert [link in own for link in to_approve] == [False, False]
        assert f'<li><a href="/console/batches/{batch.id}">' in others
        assert to_approve[1] in others
        assert others.count("waits for approver other than maker-2, maker-3") == 2
    monkeypatch.undo()
    for path in (f"/console/batches/{batch.id}", f"/console/requests/{request.id}"):
        assert f'href="{path}/approve"' in approver.get(path).text
        page = asker.get(path).text
        assert f'href="{path}/approve"' not in page
        assert "somebody else must approve it" in page
        assert "--as maker-3" not in page  # who is told the command may not be who it will refuse


def test_of_many_supersessions_the_page_of_a_batch_names_some(house, monkeypatch) -> None:
    maker = house.person("maker-2", Role.MAKER)
    batch = proposed(house, asked(house, maker, name=RIGHT))
    with house.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
    link = f'<a class="mono" href="/console/requests/{request.id}">'
    page = maker.get(f"/console/batches/{batch.id}").text
    assert (page.count(link), "more, among all changes" in page) == (2, False)
    monkeypatch.setattr("api.issuer.batches.MOST_SUPERSESSIONS", 0)
    page = maker.get(f"/console/batches/{batch.id}").text
    assert (page.count(link), "and 1 more, among all changes of status</a>" in page) == (0, True)


def test_a_grade_and_a_paper_are_named_in_the_language_of_the_page(house) -> None:
    with house.store.read() as unit:
        found = [unit.batches.by_leaf(house.batch.batch, leaf) for leaf in range(house.batch.size)]
        excellent = [(one, parse(presentation_of(one, full=True)).disclosed) for one in found]
        old, said = next((one, said) for one, said in excellent if said.grade.code == "excellent")
    (result,) = said.results
    wrong = old.reservation
    house.clock.time += timedelta(seconds=2)  # what was proposed is settled by then
    corrected = correct_score(
        house.store,
        house.clock,
        house.desk.catalogue,
        wrong.sheet,
        wrong.admission,
        paper=result.paper,
        score_hundredths=6100,
        reason=WHY,
        person="clerk-1",
    )
    confirm_correction(house.store, house.clock, corrected.id, person="clerk-2")
    maker, auditor = house.person("maker-2", Role.MAKER), house.person("auditor", Role.AUDITOR)
    batch = proposed(house, asked(house, maker, leaf=wrong.leaf))
    for person in (maker, auditor):
        english = person.get(f"/en/console/batches/{batch.id}").text.partition('aria-labelledby="replaced"')[2]
        chinese = person.get(f"/zh/console/batches/{batch.id}").text.partition('aria-labelledby="replaced"')[2]
        for page, words in (
            (english, ("Excellent", "Pass", f"Score ({result.name.en})", "61")),
            (chinese, ("优秀", "合格", f"成绩（{result.name.zh}）", "61")),
        ):
            for word in words:
                assert f">{word}<" in page, word
        assert "优秀" not in english


def test_many_replacements_come_page_by_page(house, monkeypatch) -> None:
    monkeypatch.setattr("api.issuer.replaced.PER_PAGE", 1)
    maker = house.person("maker-2", Role.MAKER)
    names = [asked(house, maker, leaf, name=RIGHT) for leaf in (0, 1, 2)]
    (batch,) = propose_replacements(
        house.store, house.clock, house.desk.catalogue, BODY, house.key, names, person="maker-2"
    )
    with house.store.read() as unit:
        (request,) = unit.status_requests.onto(batch.batch)
        assert unit.replacements.count_into(batch.id) == 3
        assert [one.id for one in unit.replacements.into(batch.id, first=1, most=1).values()] == [names[1]]
        assert sorted(one.id for one in unit.replacements.into(batch.id).values()) == sorted(names)
    approver = house.person("wu.qiming", Role.APPROVER)
    for path in (
        f"/console/batches/{batch.id}",
        f"/console/requests/{request.id}",
        f"/console/batches/{batch.id}/approve",
    ):
        pages = [approver.get(f"{path}?page={number}").text for number in (1, 2, 3)]
        assert [page.count('class="replacement"') for page in pages] == [1, 1, 1], path
        shown = [
            number_of(house, leaf)
            for leaf in (0, 1, 2)
            for page in pages
            if f"{number_of(house, leaf)}</a> revision" in page
        ]
        assert sorted(shown) == sorted(number_of(house, leaf) for leaf in (0, 1, 2))
        assert f'href="{path}?page=2"' in pages[0]


def test_a_photograph_is_handed_in_seen_by_both_and_by_nobody_else(house) -> None:
    maker, approver = house.person("maker-2", Role.MAKER), house.person("wu.qiming", Role.APPROVER)
    name = asked(house, maker, file=jpeg())
    batch = proposed(house, name)
    address = f"/console/replacements/{name}/photographs"
    for person, path in ((maker, f"/console/batches/{batch.id}"), (approver, f"/console/batches/{batch.id}/approve")):
        assert f'src="{address}/after"' in person.get(path).text
        given = person.get(f"{address}/after")
        assert (given.status_code, given.headers["Content-Type"]) == (200, "image/jpeg")
        assert given.headers["Cache-Control"] == "no-store"
        assert given.content[:2] == b"\xff\xd8"
        assert person.get(f"{address}/before").status_code == 404  # there was none
        assert person.get(f"{address}/else").status_code == 422
    auditor = house.person("auditor", Role.AUDITOR)
    assert auditor.get(f"{address}/after").status_code == 403
    assert address not in auditor.get(f"/console/batches/{batch.id}").text


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"\xff\xd8 no photograph", "this is no whole JPEG photograph"),
        (b"PK\x03\x04" + bytes(1000), "this is no whole JPEG photograph"),
        (jpeg()[:4000], "photograph"),
        (jpeg(picture(ground=WHITE, size=(10, 14))), "has 10 × 14 pixels"),
        (jpeg() + bytes(250_000), "larger than 200 KB"),
        (bytes(3_000_000), "larger than 200 KB"),
    ],
)
def test_a_hostile_or_unfit_photograph_is_refused_with_its_reason_and_nothing_is_kept(house, file, said) -> None:
    maker = house.person("maker-2", Role.MAKER)
    path = f"/console/certificates/{number_of(house)}/replace"
    answer = maker.post(path, file, kind="correction", name=RIGHT, reason=WHY)
    assert (answer.status_code, said in answer.text, "photo/refused" in answer.text) == (422, True, True), answer.text
    assert house.tasks() == []
    with house.store.read() as unit:
        assert unit.replacements.every() == []


def test_a_form_that_is_larger_than_anything_taken_here_is_cut_off(house) -> None:
    maker = house.person("maker-2", Role.MAKER)
    path = f"/console/certificates/{number_of(house)}/replace"
    answer = maker.post(path, bytes(33 * 1024 * 1024), kind="correction", reason=WHY)
    assert answer.status_code == 413
    assert house.tasks() == []


def test_what_was_typed_stays_on_the_form_that_refuses_it(house) -> None:
    maker = house.person("maker-2", Role.MAKER)
    page = maker.post(
        f"/console/certificates/{number_of(house)}/replace",
        kind="correction",
        name="欧阳<子>",
        identity_type="passport",
        reason=WHY,
    ).text
    for text in (f'value="{html.escape(WHY)}"', 'value="欧阳&lt;子&gt;"', '<option value="passport" selected>'):
        assert text in page


@pytest.mark.parametrize(("size", "kept"), [(3_000_000, True), (15_000_000, True), (17_000_000, False)])
def test_what_was_typed_beside_a_photograph_that_is_too_large_stays_or_is_said_to_be_lost(house, size, kept) -> None:
    maker = house.person("maker-2", Role.MAKER)
    path = f"/console/certificates/{number_of(house)}/replace"
    answer = maker.post(path, bytes(size), kind="correction", name=RIGHT, reason=WHY)
    assert (answer.status_code, "larger than 200 KB" in answer.text) == (422, True)
    assert (f'value="{RIGHT}"' in answer.text, f'value="{html.escape(WHY)}"' in answer.text) == (kept, kept)
    assert ("please type it again" in answer.text) is not kept
    assert house.tasks() == []


def test_a_reason_may_be_as_long_as_the_form_lets_it(house) -> None:
    maker = house.person("maker-2", Role.MAKER)
    path = f"/console/certificates/{number_of(house)}/replace"
    (most,) = re.findall(r'name="reason" required maxlength="([0-9]+)"', maker.get(path).text)
    for length, status in ((int(most) + 1, 422), (int(most), 303)):
        assert maker.post(path, kind="correction", name=RIGHT, reason="w" * length).status_code == status


@pytest.mark.parametrize(
    ("member", "text", "role", "shown"),
    [
        ("licenseNumber", "DEMO-1", Role.AUDITOR, "DEMO-1"),
        ("validUntil", "2030-01-01", Role.AUDITOR, "2030-01-01"),
        ("identityType", "passport", Role.AUDITOR, "passport"),
        ("name", "欧阳子夏", Role.AUDITOR, "欧＊"),
        ("nameLatin", "Ouyang", Role.AUDITOR, "O＊"),
        ("nationalIdentityNumber", "440301199703155219", Role.AUDITOR, "4*************5219"),
        ("result.theory", "61", Role.AUDITOR, "61"),  # as on a score sheet's page, which the whole house reads
        ("grade", "合格", Role.AUDITOR, "合格"),
        ("result.theory", "61", Role.EMPLOYER, "＊"),
        ("grade", "合格", Role.EMPLOYER, "＊"),
        ("birthDate", "1997-03-15", Role.AUDITOR, "＊"),  # what no list names yet
        ("birthDate", "1997-03-15", Role.MAKER, "1997-03-15"),
        ("nationalIdentityNumber", "440301199703155219", Role.APPROVER, "440301199703155219"),
    ],
)
def test_the_house_reads_what_is_listed_and_no_more(member, text, role, shown) -> None:
    assert read_by({role}, member, text) == shown


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
        ({"kind": "correction", "name": RIGHT, "reason": " "}, 422, "replace/reason-missing"),
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
