"""Lists of the console that grow for years: page by page, the newest first, and no page reads all there is."""

import re
from datetime import date

import pytest

from api.demo_data import sample_roster, sample_scores
from registry.access import Role
from registry.programme import load_catalogue
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import record_scores, return_sheet
from tests.http.console_site import House
from tests.unit.registry.store.filled import ISSUER, PROGRAMME, SettableClock
from tests.unit.registry.store.new_database import new_database

CATALOGUE = load_catalogue()
OF = CATALOGUE.programme(PROGRAMME)
ROSTERS = [f"R-2026-11-000{one}" for one in (3, 2, 1)]
"""The newest first."""


class Room:
    """A house with three rosters, and three score sheets: two were returned, the newest waits."""

    def __init__(self, path) -> None:
        self.store = new_database(path)
        self.house = House(self.store, SettableClock())
        self.clerk = self.house.person("clerk-1", Role.CLERK)
        self.reviewer = self.house.person("reviewer-1", Role.REVIEWER)
        clock = self.house.clock
        for seed in (1, 2, 3):
            import_roster(self.store, clock, OF, sample_roster(seed=seed, count=4), person="clerk-1")
        decide_applications(self.store, clock, CATALOGUE, ISSUER, person="clerk-1")
        with self.store.read() as unit:
            awaited = unit.marks.awaited(PROGRAMME)
            self.counted = unit.marks.count_awaited(PROGRAMME), unit.marks.count_awaited("NO-SUCH"), len(awaited)
            scores = sample_scores(awaited)
            self.applications = list(unit.enrolments.applications())
        self.sheets = [self.entered(scores, returned=one < 3) for one in (1, 2, 3)][::-1]

    def entered(self, scores: bytes, *, returned: bool) -> str:
        day, clock = date(2026, 11, 8), self.house.clock
        sheet = record_scores(self.store, clock, OF, scores, examined_on=day, person="clerk-1").sheet
        if returned:
            return_sheet(self.store, clock, sheet.id, reason="again", person="reviewer-1")
        return sheet.id


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    made = Room(tmp_path_factory.mktemp("lists") / "registry.db")
    yield made
    made.store.close()


def names_in(page: str, kind: str) -> list[str]:
    return re.findall(rf'<td><a class="mono" href="/console/{kind}/([RS]-[0-9-]+)"', page)


@pytest.mark.parametrize(
    ("kind", "bound", "part"),
    [("rosters", "rosters.PER_PAGE", "kept"), ("scores", "sheets.SHEETS_PER_PAGE", "sheets")],
)
def test_rosters_and_sheets_come_page_by_page_the_newest_first(room, monkeypatch, kind, bound, part):
    names = ROSTERS if kind == "rosters" else room.sheets
    whole = room.clerk.get(f"/console/{kind}").text
    assert names_in(whole, kind) == names
    assert "page=" not in whole
    monkeypatch.setattr(f"api.issuer.{bound}", 2)
    first, second, beyond = (room.clerk.get(f"/console/{kind}?page={one}").text for one in (1, 2, 9))
    assert [names_in(page, kind) for page in (first, second, beyond)] == [names[:2], names[2:], names[2:]]
    # The form stands above the list, so that a page of it leads to the list itself.
    assert f'rel="next" href="/console/{kind}?page=2#{part}"' in first
    assert f'rel="prev" href="/console/{kind}?page=1#{part}"' in second
    assert f'id="{part}"' in first
    assert "3–3 of 3" in second
    assert f'href="/zh/console/{kind}?page=2#{part}"' in room.clerk.get(f"/zh/console/{kind}").text
    refused = room.clerk.post(f"/console/{kind}?page=2")  # the page that says what is missing is a page of the list
    assert (refused.status_code, names_in(refused.text, kind)) == (422, names[2:])


def test_who_waits_for_scores_is_counted_as_they_are_listed(room):
    counted, of_none, listed = room.counted
    assert (counted, of_none) == (listed, 0)
    assert listed > 0
    with room.store.read() as unit:
        assert unit.marks.count_awaited(PROGRAMME) == len(unit.marks.awaited(PROGRAMME)) == 0


def test_no_page_reads_every_roster_or_sheet_or_who_waits_for_one(room, monkeypatch):
    def whole(self, *_: object):
        raise AssertionError("read them all")

    monkeypatch.setattr("registry.store.people.SqlEnrolments.rosters", whole)
    for name in ("sheets", "awaited"):
        monkeypatch.setattr(f"registry.store.examining.SqlMarks.{name}", whole)
    with pytest.raises(AssertionError), room.store.read() as unit:
        unit.marks.sheets()
    pages = ("", "/rosters", "/scores", "/candidates", f"/rosters/{ROSTERS[0]}", f"/scores/{room.sheets[0]}")
    for path in (*pages, "/candidates?roster=R-2026-11-0002"):
        assert room.clerk.get(f"/console{path}").status_code == 200, path


def test_candidates_are_narrowed_to_a_recent_roster_and_by_address_to_any(room, monkeypatch):
    def chosen(page: str) -> list[str]:
        return re.findall(r"<option( selected)?>(R-[0-9-]+)</option>", page)

    assert "not offered here" not in room.clerk.get("/console/candidates").text
    monkeypatch.setattr("api.issuer.candidates.MOST_OFFERED", 1)
    page = room.clerk.get("/console/candidates").text
    assert chosen(page) == [("", ROSTERS[0])]
    assert "2 older rosters are not offered here" in page
    page = room.clerk.get(f"/console/candidates?roster={ROSTERS[2]}").text
    assert chosen(page) == [("", ROSTERS[0]), (" selected", ROSTERS[2])]
    listed = re.findall(r'/console/candidates/(\d{14})"', page)
    assert listed == [one.admission for one in room.applications if one.roster == ROSTERS[2]] != []
    assert chosen(room.clerk.get("/console/candidates?roster=R-1999-01-0001").text) == [("", ROSTERS[0])]


def test_of_much_that_waits_the_first_page_shows_the_first_and_leads_to_all(room, monkeypatch):
    first = room.reviewer.get("/console").text
    assert room.sheets[0] in first
    assert "/console/waiting" not in first
    clerk = room.house.person("clerk-2", Role.CLERK)
    with room.store.read() as unit:
        (waiting,) = unit.marks.waiting_sheets()
    monkeypatch.setattr("registry.store.examining.SqlMarks.waiting_sheets", lambda self: [waiting] * 3)
    monkeypatch.setattr("api.issuer.batches.MOST_WAITING", 2)
    monkeypatch.setattr("api.issuer.batches._PER_PAGE", 2)
    entry = f"Score sheet {waiting.id}, entered by clerk-1, waits for a second person"
    for person, others in ((room.reviewer, False), (clerk, True)):
        page = person.get("/console").text
        assert page.count(entry) == 2
        assert ("waits for reviewer" in page) is others
        assert 'href="/console/waiting">Everything that waits (3)</a>' in page
        pages = [person.get(f"/console/waiting?page={one}").text for one in (1, 2)]
        assert [page.count(entry) for page in pages] == [2, 1]
        assert 'rel="next" href="/console/waiting?page=2"' in pages[0]
        assert ("waits for reviewer" in pages[1]) is others
