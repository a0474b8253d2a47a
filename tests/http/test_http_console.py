"""The console on a real store: who may open what, rosters on trial, eligibility, scores by two people, batches."""

import csv
import io
import re

import pytest
from openpyxl import Workbook

from api.demo_data import sample_roster, sample_scores
from api.issuer.desk import KEPT_FOR
from registry.access import ALLOWED, Action, Role
from registry.programme import load_catalogue
from registry.workflows.issuance.issue import propose
from tests.http.console_site import House, Person
from tests.http.web_client import WebClient
from tests.unit.registry.store.filled import BODY, NOW, PROGRAMME, CredentialKey, SettableClock
from tests.unit.registry.store.new_database import new_database

PAGES = {
    "/console": Action.SEE_REGISTRY,
    "/console/rosters": Action.SEE_REGISTRY,
    "/console/rosters/R-2026-11-0001": Action.SEE_REGISTRY,
    "/console/rosters/template": Action.IMPORT_ROSTER,
    "/console/rosters/tried/made-up": Action.IMPORT_ROSTER,
    "/console/rosters/tried/made-up/problems.csv": Action.IMPORT_ROSTER,
    "/console/candidates": Action.SEE_REGISTRY,
    "/console/candidates/26110001000001": Action.SEE_REGISTRY,
    "/console/scores": Action.SEE_REGISTRY,
    "/console/scores/template": Action.ENTER_SCORES,
    "/console/scores/S-2026-11-0001": Action.SEE_REGISTRY,
    "/console/scores/tried/made-up": Action.ENTER_SCORES,
    "/console/scores/tried/made-up/problems.csv": Action.ENTER_SCORES,
    "/console/batches/B-2026-11-0001": Action.SEE_REGISTRY,
}
FORMS = {
    "/console/rosters": Action.IMPORT_ROSTER,
    "/console/rosters/take": Action.IMPORT_ROSTER,
    "/console/rosters/decide": Action.DECIDE,
    "/console/rosters/R-2026-11-0001/photographs": Action.IMPORT_ROSTER,
    "/console/candidates/26110001000001/judge": Action.JUDGE,
    "/console/candidates/26110001000001/override": Action.OVERRIDE,
    "/console/judgements/J-2026-11-0001/confirm": Action.CONFIRM_JUDGEMENT,
    "/console/scores": Action.ENTER_SCORES,
    "/console/scores/S-2026-11-0001/confirm": Action.CONFIRM_SCORES,
}


@pytest.fixture
def house(tmp_path):
    store = new_database(tmp_path / "registry.db")
    yield House(store, SettableClock())
    store.close()


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.HOLDER])
def test_a_role_opens_what_the_table_allows_and_nothing_else(house, role):
    somebody = house.person("somebody", role)
    for path, action in PAGES.items():
        allowed = action in ALLOWED[role]
        assert (somebody.get(path).status_code != 403) == allowed, (path, action)
    for path, action in FORMS.items():
        allowed = action in ALLOWED[role]
        assert (somebody.post(path).status_code != 403) == allowed, (path, action)


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_signed_in_is_led_to_the_page_for_it(house, path):
    for language in ("", "/zh", "/en"):  # one that the address fixes is kept
        answer = WebClient(house.app).get(language + path)
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"{language}/sign-in?next={language}{path}"


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_its_proof_changes_nothing(house, path):
    everybody = house.person("all", Role.CLERK, Role.REVIEWER, Role.MAKER)
    everybody.csrf = "made up"
    takes_file = path in PAGES or path.endswith("photographs")
    answer = everybody.post(path, sample_roster(count=3)) if takes_file else everybody.post(path)
    assert answer.status_code == 403
    assert "sign-in/form-foreign" in answer.text
    assert WebClient(house.app).post(path, data={"csrf": ""}).status_code == 401


def tried_by(person: Person, data: bytes):
    """Send a roster to be read on trial; give the page that says what was found."""
    answer = person.post("/console/rosters", data)
    assert answer.status_code == 303, answer.text
    return person.get(answer.headers["Location"])


def kept_in(page: str) -> str:
    return re.search(r'name="kept" value="([^"]+)"', page)[1]


def test_an_empty_file_and_a_missing_day_are_named(house):
    clerk = house.person("clerk-1", Role.CLERK)
    empty = clerk.post("/console/rosters", b"")
    assert (empty.status_code, "or it is empty" in empty.text) == (422, True)
    undated = clerk.post("/console/scores", sample_scores({}), examined_on="")
    assert (undated.status_code, "Enter the day of the examination" in undated.text) == (422, True)


def test_an_empty_house_is_told_where_to_begin(house):
    page = house.person("clerk-1", Role.CLERK).get("/console").text
    assert "There is no roster yet" in page
    assert 'href="/console/rosters"' in page


def test_a_roster_goes_the_whole_way_to_a_batch_that_waits_for_approval(house):
    clerk, second = house.person("clerk-1", Role.CLERK), house.person("clerk-2", Role.REVIEWER)
    tried = tried_by(clerk, sample_roster(count=30))
    assert tried.status_code == 200
    assert "All 30 rows can be imported" in tried.text
    assert "<b>" not in tried.text.partition("<main")[2].replace("<b>Read", "")
    with house.store.read() as unit:
        assert unit.enrolments.rosters() == []

    taken = clerk.post("/console/rosters/take", kept=kept_in(tried.text), take="all")
    assert taken.headers["Location"] == "/console/rosters/R-2026-11-0001?taken=1"
    assert "was imported" in clerk.get(taken.headers["Location"]).text
    assert "30 without a decision" in clerk.get("/console").text
    decided = clerk.post("/console/rosters/decide")
    assert decided.headers["Location"].startswith("/console/rosters?eligible=")
    assert '<a href="/console/scores">Enter their scores</a>' in clerk.get(decided.headers["Location"]).text
    assert "without scores" in clerk.get("/console").text
    with house.store.read() as unit:
        awaited = unit.marks.awaited(PROGRAMME)

    entered = clerk.post("/console/scores", sample_scores(awaited), examined_on="2026-11-08")
    assert entered.headers["Location"] == "/console/scores/S-2026-11-0001?entered=1"
    assert "without scores" not in clerk.get("/console").text
    assert "somebody else confirms it" in clerk.get("/console/scores").text
    assert "waits for a second person" in second.get("/console").text
    assert second.post("/console/scores/S-2026-11-0001/confirm", compared="yes").status_code == 303
    again = second.post("/console/scores/S-2026-11-0001/confirm", compared="yes")
    assert (again.status_code, "exam/confirmed-before" in again.text) == (409, True)

    key = CredentialKey()
    batch = propose(
        house.store, house.clock, load_catalogue(), BODY, key, programme=PROGRAMME, level="1", person="maker-1"
    )
    page = second.get(f"/console/batches/{batch.id}").text
    assert f"{batch.size} certificates wait for approval" in page
    assert f"vermilion batch approve {batch.id}" in page
    assert 'http-equiv="refresh"' in page
    assert batch.root.hex()[:8] in page
    assert f"/console/batches/{batch.id}" in second.get("/console").text


def test_the_one_who_entered_scores_cannot_confirm_them_whatever_the_roles(house):
    both = house.person("both", Role.CLERK, Role.REVIEWER)
    tried = tried_by(both, sample_roster(count=5))
    both.post("/console/rosters/take", kept=kept_in(tried.text), take="all")
    both.post("/console/rosters/decide")
    with house.store.read() as unit:
        awaited = unit.marks.awaited(PROGRAMME)
    both.post("/console/scores", sample_scores(awaited), examined_on="2026-11-08")
    assert "vermilion" in both.get("/console/scores").text
    assert 'value="yes"' not in both.get("/console/scores/S-2026-11-0001").text
    refused = both.post("/console/scores/S-2026-11-0001/confirm", compared="yes")
    assert refused.status_code == 403
    with house.store.read() as unit:
        assert unit.marks.sheet("S-2026-11-0001").confirmed_by is None


def spoilt(count: int) -> bytes:
    """A roster whose second row has an identity number with another check character."""
    lines = sample_roster(count=count).decode("utf-8-sig").splitlines()
    cells = lines[2].split(",")
    place = lines[0].split(",").index("证件号码")
    last = cells[place][-1]
    cells[place] = cells[place][:-1] + ("0" if last != "0" else "1")
    return ("﻿" + "\r\n".join([*lines[:2], ",".join(cells), *lines[3:]]) + "\r\n").encode()


def test_a_bad_row_is_named_and_only_the_good_ones_are_taken_when_that_is_wished(house):
    clerk = house.person("clerk-1", Role.CLERK)
    tried = tried_by(clerk, spoilt(6))
    assert tried.status_code == 200
    assert "1 row needs changes; nothing was imported" in tried.text
    assert "identity-check" in tried.text
    assert 'value="all"' not in tried.text
    kept = kept_in(tried.text)
    again = clerk.post("/console/rosters/take", kept=kept, take="all")
    assert again.headers["Location"].startswith("/console/rosters/tried/")  # refused once more, and shown
    shown = clerk.get(again.headers["Location"])
    taken = clerk.post("/console/rosters/take", kept=kept_in(shown.text), take="good")
    assert taken.status_code == 303
    with house.store.read() as unit:
        assert [one.rows for one in unit.enrolments.rosters()] == [5]


def test_a_tried_file_is_its_senders_alone_taken_once_and_forgotten_soon(house):
    clerk, other = house.person("clerk-1", Role.CLERK), house.person("clerk-2", Role.CLERK)
    page = tried_by(clerk, sample_roster(count=3))
    kept = kept_in(page.text)
    for refused in (
        other.post("/console/rosters/take", kept=kept),
        other.get(f"/console/rosters/tried/{kept}"),
        other.get(f"/console/rosters/tried/{kept}/problems.csv"),
        clerk.post("/console/rosters/take", kept="x"),
    ):
        assert (refused.status_code, "console/file-not-kept" in refused.text) == (404, True)
    taken = clerk.post("/console/rosters/take", kept=kept, take="all")
    assert taken.status_code == 303
    again = clerk.post("/console/rosters/take", kept=kept, take="all")  # the form sent twice leads where it led
    assert (again.status_code, again.headers["Location"]) == (303, taken.headers["Location"])
    assert other.post("/console/rosters/take", kept=kept, take="all").status_code == 404
    assert clerk.get(f"/console/rosters/tried/{kept}").status_code == 404
    with house.store.read() as unit:
        assert len(unit.enrolments.rosters()) == 1
    late = kept_in(tried_by(clerk, sample_roster(count=4)).text)
    house.clock.time = NOW + KEPT_FOR
    assert clerk.get(f"/console/rosters/tried/{late}").status_code == 404
    assert clerk.post("/console/rosters/take", kept=late, take="all").status_code == 404
    assert house.desk.tried._files == {}  # forgotten, not only refused


def workbook(csv_bytes: bytes) -> bytes:
    book, made = Workbook(), io.BytesIO()
    for row in csv.reader(io.StringIO(csv_bytes.decode("utf-8-sig"))):
        book.active.append(row)
    book.save(made)
    return made.getvalue()


def test_a_workbook_is_read_as_its_first_sheet_and_a_broken_one_is_refused_with_its_reason(house):
    clerk = house.person("clerk-1", Role.CLERK)
    whole = workbook(sample_roster(count=6))
    tried = tried_by(clerk, whole)
    assert "All 6 rows can be imported" in tried.text
    assert "first sheet of a workbook" in tried.text
    broken = tried_by(clerk, whole[: len(whole) // 2])
    assert "This file cannot be imported" in broken.text
    assert ">workbook<" in broken.text


@pytest.mark.parametrize("data", [b"", b"\0\1\2", b"a,b\r\n1,2\r\n", "姓名\r\n".encode(), b"%PDF-1.7"])
def test_a_file_that_is_no_roster_or_sheet_is_refused_with_its_reason(house, data):
    clerk = house.person("clerk-1", Role.CLERK)
    for path in ("/console/rosters", "/console/scores"):
        answer = clerk.post(path, data, examined_on="2026-11-08")
        if data:
            assert answer.status_code == 303, path
            answer = clerk.get(answer.headers["Location"])
        else:
            assert answer.status_code == 422, path
        assert "nothing was" in answer.text or "not one row" in answer.text
        assert 'name="kept"' not in answer.text
    with house.store.read() as unit:
        assert unit.enrolments.rosters() == []
        assert unit.marks.sheets() == []


def test_an_unknown_batch_is_no_page(house):
    assert house.person("auditor", Role.AUDITOR).get("/console/batches/B-2026-11-9999").status_code == 404


def test_an_empty_roster_has_the_headings_of_its_programme(house):
    clerk = house.person("clerk-1", Role.CLERK)
    listed = clerk.get("/zh/console/rosters").text
    address = f"/console/rosters/template?programme={PROGRAMME}"
    assert f'href="/zh{address}" download>下载空白名册<' in listed
    empty = clerk.get(address)
    assert empty.headers["Content-Disposition"] == f'attachment; filename="roster-{PROGRAMME}.csv"'
    assert empty.content.startswith("\ufeff姓名*,".encode())
    assert ">no-rows<" in tried_by(clerk, empty.content).text
