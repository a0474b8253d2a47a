"""Score sheets in the console: compared row by row, confirmed by another person, or sent back with a reason."""

import csv
import io
import re
from datetime import date, timedelta

import pytest

from api.demo_data import sample_roster, sample_scores
from registry.access import Role
from registry.programme import load_catalogue
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination import assess
from registry.workflows.examination.assess import record_scores
from tests.http.console_site import House
from tests.http.test_http_console import kept_in, tried_by
from tests.unit.registry.store.filled import ISSUER, PROGRAMME, SettableClock
from tests.unit.registry.store.new_database import new_database

REASON = "第12行<b>与签字的原始成绩不符"


class Room:
    """A house with a sheet that waits, and who works on it."""

    def __init__(self, path) -> None:
        self.store = new_database(path)
        self.house = House(self.store, SettableClock())
        self.clerk = self.house.person("Clerk-1", Role.CLERK)
        self.reviewer = self.house.person("reviewer-1", Role.REVIEWER)
        self.auditor = self.house.person("auditor-1", Role.AUDITOR)
        self.roster = sample_roster(count=120)
        kept = kept_in(tried_by(self.clerk, self.roster).text)
        self.clerk.post("/console/rosters/take", kept=kept, take="all")
        self.clerk.post("/console/rosters/decide")
        with self.store.read() as unit:
            self.awaited = unit.marks.awaited(PROGRAMME)
        self.scores = sample_scores(self.awaited)
        self.first = self.enter()

    def enter(self, day: str = "2026-11-08") -> str:
        answer = self.clerk.post("/console/scores", self.scores, examined_on=day)
        return answer.headers["Location"].partition("?")[0]


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    made = Room(tmp_path_factory.mktemp("sheets") / "registry.db")
    yield made
    made.store.close()


def test_the_whole_sheet_is_shown_as_it_was_entered(room):
    with room.store.read() as unit:
        names = {one.admission: one.candidate.name for one in unit.enrolments.applications(eligible=True)}
    pages = [room.reviewer.get(f"{room.first}?page={one}").text for one in (1, 2)]
    given = {row["准考证号"]: row["成绩"] for row in csv.DictReader(io.StringIO(room.scores.decode("utf-8-sig")))}
    shown = dict(
        re.findall(r'/candidates/(\d{14})">.*?<td class="figure">(?:<b>)?([^<]+)(?:</b>)?</td>', "".join(pages), re.S)
    )
    assert shown.keys() == given.keys() == room.awaited.keys()
    for admission, score in given.items():
        assert shown[admission] == ("absent" if score == "缺考" else f"{float(score):g}"), admission
    assert [name for name in names.values() if name in "".join(pages)] == []
    assert all(f"<bdi>{names[one][0]}＊</bdi>" in "".join(pages) for one in room.awaited)
    assert "等另一人核对" in room.reviewer.get(f"/zh{room.first}").text


def test_only_another_person_with_the_role_is_offered_to_confirm(room):
    offered = 'name="compared"'
    assert offered in room.reviewer.get(room.first).text
    assert "and the examination was on 2026-11-08" in room.reviewer.get(room.first).text
    assert "考试日期确为2026-11-08" in room.reviewer.get(f"/zh{room.first}").text
    assert '<dt>Day of the examination</dt><dd class="nowrap">2026-11-08</dd>' in room.reviewer.get(room.first).text
    own = room.clerk.get(room.first).text
    assert offered not in own
    assert "You entered it; somebody else must confirm it" in own
    assert "Take this sheet back" in own
    reader = room.auditor.get(room.first).text
    assert (offered in reader, "/return" in reader) == (False, False)
    assert "confirmed by a reviewer, and your account has no such role" in reader
    assert "compare and confirm" in room.reviewer.get("/console/scores").text
    assert "somebody else confirms it" in room.clerk.get("/console/scores").text


def test_confirming_without_the_tick_confirms_nothing(room):
    answer = room.reviewer.post(f"{room.first}/confirm")
    assert (answer.status_code, "then tick the box" in answer.text) == (422, True)
    with room.store.read() as unit:
        assert unit.marks.sheets()[0].waits


def test_a_reader_cannot_return_and_nobody_without_a_reason(room):
    assert room.auditor.post(f"{room.first}/return", reason="no").status_code == 403
    for reason in ("", "  ", "x" * 201, "a\nb"):
        answer = room.reviewer.post(f"{room.first}/return", reason=reason)
        assert (answer.status_code, "Give a reason" in answer.text) == (422, True)
    assert room.reviewer.post("/console/scores/S-2026-11-9999/return", reason="no").status_code == 404
    with room.store.read() as unit:
        assert unit.marks.sheets()[0].waits


def test_a_blank_sheet_is_for_those_who_enter_scores(room):
    blank = room.clerk.get(f"/console/scores/template?programme={PROGRAMME}")
    assert blank.headers["Content-Disposition"] == f'attachment; filename="scores-{PROGRAMME}.csv"'
    assert blank.headers["Cache-Control"] == "no-store"
    assert room.reviewer.get("/console/scores/template").status_code == 403
    assert room.auditor.get("/console/scores/template").status_code == 403
    assert "your account has no such role" in room.auditor.get("/console/scores").text


def test_a_returned_sheet_counts_for_nothing_and_its_file_may_come_again(room):
    known = room.clerk.post("/console/scores", room.scores, examined_on="2026-11-08")
    assert known.headers["Location"] == f"{room.first}?known=1"
    assert "entered before" in room.clerk.get(known.headers["Location"]).text
    returned = room.reviewer.post(f"{room.first}/return", reason=REASON)
    assert returned.headers["Location"] == f"{room.first}?returned=1"
    page = room.clerk.get(f"/zh{room.first}").text
    assert "已退回，不作数" in page
    assert "第12行&lt;b&gt;与签字的原始成绩不符" in page
    assert 'name="compared"' not in room.reviewer.get(room.first).text
    assert room.reviewer.post(f"{room.first}/confirm", compared="yes").status_code == 409
    blank = room.clerk.get("/console/scores/template").text
    assert all(one in blank for one in room.awaited)

    second = room.enter("2026-11-09")
    assert second != room.first
    assert room.clerk.post(f"{second}/return", reason="日期也不对").status_code == 303
    assert "已撤回" in room.clerk.get("/zh/console/scores").text
    third = room.enter("2026-11-10")
    assert room.reviewer.post(f"{third}/confirm", compared="yes").status_code == 303
    again = room.reviewer.post(f"{third}/return", reason="too late")
    assert (again.status_code, "exam/confirmed-before" in again.text) == (409, True)
    listed = room.clerk.get("/console/scores").text
    assert [state in listed for state in (">returned<", ">taken back<", ">confirmed<", ">waits<")] == [True] * 3 + [
        False
    ]


def test_nobody_was_examined_before_being_born(tmp_path, monkeypatch):
    store = new_database(tmp_path / "registry.db")
    house, catalogue = House(store, SettableClock()), load_catalogue()
    alice = house.person("alice", Role.CLERK)
    programme = catalogue.programme(PROGRAMME)
    import_roster(store, house.clock, programme, sample_roster(count=5), person="alice")
    decide_applications(store, house.clock, catalogue, ISSUER, person="alice")
    with store.read() as unit:
        scores = sample_scores(unit.marks.awaited(PROGRAMME))
        born = {one.admission: one.candidate.birth_date for one in unit.enrolments.applications(eligible=True)}
    day = max(born.values()) - timedelta(days=1)
    monkeypatch.setattr(assess, "EXAMINED_WITHIN", 100)
    answer = alice.post("/console/scores", scores, examined_on=day.isoformat())
    assert answer.status_code == 422
    assert "not born or below the age" in answer.text
    assert max(born, key=lambda one: born[one]) in answer.text
    with store.read() as unit:
        assert unit.marks.count_sheets() == 0
    store.close()


def test_a_name_in_other_letters_is_the_same_person_and_no_day_lies_ahead(tmp_path):
    store = new_database(tmp_path / "registry.db")
    house, catalogue = House(store, SettableClock()), load_catalogue()
    alice = house.person("alice", Role.CLERK, Role.REVIEWER)
    programme = catalogue.programme(PROGRAMME)
    import_roster(store, house.clock, programme, sample_roster(count=5), person="alice")
    decide_applications(store, house.clock, catalogue, ISSUER, person="alice")
    with store.read() as unit:
        scores = sample_scores(unit.marks.awaited(PROGRAMME))
    ahead = alice.post("/console/scores", scores, examined_on="2027-01-01")
    assert (ahead.status_code, "lies ahead" in ahead.text) == (422, True)
    long_ago = alice.post("/console/scores", scores, examined_on="2016-01-01")
    assert (long_ago.status_code, "2016-01-01, is more than 10 years back" in long_ago.text) == (422, True)
    sheet = record_scores(store, house.clock, programme, scores, examined_on=date(2026, 11, 8), person="ALICE").sheet
    assert 'name="compared"' not in alice.get(f"/console/scores/{sheet.id}").text
    assert alice.post(f"/console/scores/{sheet.id}/confirm", compared="yes").status_code == 403
    with store.read() as unit:
        assert unit.marks.sheet(sheet.id).waits
    alice.post(f"/console/scores/{sheet.id}/return", reason="再核对一次")
    assert "taken back" in alice.get("/console/scores").text
    store.close()
