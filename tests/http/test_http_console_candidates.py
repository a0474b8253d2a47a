"""Candidates and rosters in the console: who applied, why each may sit or not, photographs; names covered."""

import logging
import re
from datetime import date

import pytest

from api.demo_data import sample_roster, sample_scores
from api.issuer.candidates import PER_PAGE
from registry.access import Role
from registry.programme import load_catalogue
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance.issue import propose
from tests.http.console_site import House
from tests.http.troubled_files import HOSTILE, file_of, personal_of, rows_of
from tests.unit.registry.enrolment.photograph_samples import archive, jpeg, picture
from tests.unit.registry.store.filled import BODY, ISSUER, NOW, PROGRAMME, CredentialKey, SettableClock
from tests.unit.registry.store.new_database import new_database

COUNT = PER_PAGE + 20
ROSTER = "R-2026-11-0001"
CATALOGUE = load_catalogue()
OF = CATALOGUE.programme(PROGRAMME)


class Room:
    """A house with two rosters, the first of which is decided, examined and in a batch."""

    def __init__(self, path) -> None:
        self.store = new_database(path)
        self.house = House(self.store, SettableClock())
        self.clerk = self.house.person("clerk-1", Role.CLERK)
        self.auditor = self.house.person("auditor-1", Role.AUDITOR)
        clock = self.house.clock
        self.roster = sample_roster(count=COUNT)
        import_roster(self.store, clock, OF, self.roster, person="clerk-1")
        decide_applications(self.store, clock, CATALOGUE, ISSUER, person="clerk-1")
        with self.store.read() as unit:
            awaited = unit.marks.awaited(PROGRAMME)
        sheet = record_scores(
            self.store, clock, OF, sample_scores(awaited), examined_on=date(2026, 11, 8), person="bob"
        ).sheet
        confirm_sheet(self.store, clock, sheet.id, person="carol")
        key = CredentialKey()
        self.batch = propose(self.store, clock, CATALOGUE, BODY, key, programme=PROGRAMME, level="1", person="maker-1")
        self.second = file_of(rows_of(sample_roster(seed=77, count=9)))
        import_roster(self.store, clock, OF, self.second, person="clerk-1")
        with self.store.read() as unit:
            self.applications = list(unit.enrolments.applications())

    def of(self, answer: bool | None):
        return [one for one in self.applications if one.eligible is answer]

    def photographs(self, *files: tuple[str, bytes], person=None, **fields: str):
        who = person or self.clerk
        return who.browser.post(
            "/console/rosters/R-2026-11-0002/photographs",
            data={"csrf": who.csrf, **fields},
            files=[("file", one) for one in files],
        )


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    made = Room(tmp_path_factory.mktemp("candidates") / "registry.db")
    yield made
    made.store.close()


def admissions_in(page: str) -> list[str]:
    return re.findall(r'/console/candidates/(\d{14})"', page)


def test_candidates_are_listed_page_by_page_in_the_order_of_their_numbers(room):
    first, second = (admissions_in(room.clerk.get(f"/console/candidates?page={one}").text) for one in (1, 2))
    assert first + second == [one.admission for one in room.applications]
    assert len(first) == PER_PAGE


@pytest.mark.parametrize(("name", "answer"), [("eligible", True), ("refused", False), ("undecided", None)])
def test_candidates_are_filtered_by_answer_level_and_roster(room, name, answer):
    page = room.clerk.get(f"/console/candidates?answer={name}").text
    expected = [one.admission for one in room.of(answer)]
    assert expected
    assert admissions_in(page) == expected[:PER_PAGE]
    assert re.search(rf'answer={name}" aria-current="page"', page)
    for level in ("1", "2", "3"):
        narrowed = admissions_in(room.clerk.get(f"/console/candidates?answer={name}&level={level}").text)
        assert narrowed == [one.admission for one in room.of(answer) if one.level == level][:PER_PAGE]
    other = admissions_in(room.clerk.get(f"/console/candidates?answer={name}&roster=R-2026-11-0002").text)
    assert other == [one.admission for one in room.of(answer) if one.roster == "R-2026-11-0002"]


def test_a_filter_that_means_nothing_is_no_filter_and_stays_inert(room):
    for query in ("answer=%3Cscript%3E", "level=99", "roster=%22%3E%3Cimg", "page=-1", "page=%F0%9F%91%BB"):
        page = room.clerk.get(f"/console/candidates?{query}").text
        assert len(admissions_in(page)) == PER_PAGE, query
        assert "<img" not in page


def test_an_eligible_candidate_names_the_rule_that_admitted(room):
    one = next(one for one in room.of(True) if one.level == "2")
    page = room.clerk.get(f"/console/candidates/{one.admission}").text
    assert re.search(rf'class="admitted">\s*<p><code>{one.rule}</code> <b>admitted by this rule</b>', page)
    assert "Eligible for" in page
    assert f'href="/console/rosters/{ROSTER}"' in page


def test_a_refused_candidate_is_told_what_each_rule_lacked_in_both_languages(room):
    one = room.of(False)[0]
    with room.store.read() as unit:
        findings = unit.enrolments.findings(one.admission)
    assert findings
    for language in ("zh", "en"):
        page = room.clerk.get(f"/{language}/console/candidates/{one.admission}").text
        assert [found[language] for found in findings if found[language] not in page] == []
        assert 'class="admitted"' not in page
    assert page.count('<li class="holds">') == sum(bool(found["held"]) for found in findings)


def test_a_candidate_in_a_batch_leads_to_it(room):
    with room.store.read() as unit:
        stored = next(iter(unit.batches.certificates(batch_id=room.batch.id)))
    page = room.auditor.get(f"/console/candidates/{stored.reservation.admission}").text
    assert stored.reservation.number in page
    assert f'href="/console/batches/{room.batch.id}"' in page
    assert "In no batch yet" in room.auditor.get(f"/console/candidates/{room.of(None)[0].admission}").text


def test_who_cannot_decide_is_told_who_can(room):
    waiting = room.of(None)[0].admission
    assert "Decide who may sit" in room.clerk.get(f"/console/candidates/{waiting}").text
    told = room.auditor.get(f"/console/candidates/{waiting}").text
    assert "decided by an exam clerk or a reviewer" in told
    page = room.auditor.get("/console/rosters").text
    assert ('<form class="lookup' in page, "/console/rosters/decide" in page) == (False, False)
    assert "your account has no such role" in page


def test_nothing_personal_is_in_the_clear(room, caplog):
    caplog.set_level(logging.DEBUG)
    told = "".join(
        room.clerk.get(path).text
        for path in (
            "/console/candidates",
            "/console/candidates?page=2",
            f"/console/rosters/{ROSTER}",
            *(f"/console/candidates/{one.admission}" for one in room.applications[:5]),
        )
    )
    personal = personal_of(room.roster) | personal_of(room.second)
    assert [one for one in personal if one in told + caplog.text] == []
    assert "＊" in told


def test_a_roster_says_who_imported_it_and_what_became_of_it(room):
    page = room.auditor.get(f"/console/rosters/{ROSTER}").text
    with room.store.read() as unit:
        roster = unit.enrolments.roster(ROSTER)
    assert f"imported by clerk-1 on {NOW:%Y-%m-%d}" in page
    assert roster.file_digest.hex() in page
    assert roster.programme_version in page
    assert f"roster={ROSTER}&amp;answer=refused" in page
    assert room.auditor.get("/console/rosters/R-2026-11-0099").status_code == 404
    assert room.auditor.get("/console/candidates/26119999999999").status_code == 404


def test_an_erased_candidate_is_gone_from_lists_and_pages(tmp_path):
    room = Room(tmp_path / "registry.db")
    gone = room.of(True)[0]
    with room.store.write() as unit:
        unit.enrolments.erase(gone.person, NOW)
    page = room.clerk.get("/console/candidates").text
    assert gone.admission not in page
    assert f"of {len(room.applications) - 1}<" in page
    assert room.clerk.get(f"/console/candidates/{gone.admission}").status_code == 404
    assert "People erased on demand" in room.clerk.get(f"/console/rosters/{ROSTER}").text
    sheet = room.clerk.get("/console/scores/S-2026-11-0001")
    assert (sheet.status_code, gone.admission in sheet.text) == (200, True)
    room.store.close()


def test_photographs_come_as_files_or_as_one_archive(room):
    mine = [one for one in room.applications if one.roster == "R-2026-11-0002"]
    answer = room.photographs((f"{mine[0].admission}.jpg", jpeg()), (f"{mine[1].admission}.jpg", jpeg()))
    assert answer.headers["Location"] == "/console/rosters/R-2026-11-0002?photographs=2&unchanged=0"
    page = room.clerk.get(answer.headers["Location"]).text
    assert "2 taken; 0 were the same" in page
    assert "2 of 9 candidates have one" in page
    zipped = archive([(f"{one.candidate.identity_number}.jpg", jpeg()) for one in mine[:4]])
    again = room.photographs(("照片.zip", zipped))
    assert again.headers["Location"].endswith("photographs=2&unchanged=2")
    assert "uploaded" in room.clerk.get(f"/console/candidates/{mine[3].admission}").text


def test_each_photograph_that_cannot_be_taken_is_named_and_none_is_kept(room, caplog):
    caplog.set_level(logging.DEBUG)
    mine = [one for one in room.applications if one.roster == "R-2026-11-0002"][5:]
    number = mine[1].candidate.identity_number
    files = [
        (f"{mine[0].admission}.jpg", jpeg()),
        (f"{number}.jpg", b"\xff\xd8 no photograph"),
        ("440301199703155219.jpg", jpeg()),
        (f"{HOSTILE}.jpg", jpeg(picture((100, 100)))),
    ]
    refused = room.photographs(*files)
    assert refused.status_code == 422
    assert "3 of 4 cannot be taken; not one was kept" in refused.text
    assert HOSTILE not in refused.text
    assert number not in refused.text + caplog.text
    assert f"{number[-4:]}.jpg" in refused.text
    assert "4*************5219.jpg" in refused.text
    with room.store.read() as unit:
        assert mine[0].admission not in unit.portraits.of([mine[0].admission])
    good = room.photographs(*files, good_only="yes")
    assert (good.status_code, "1 taken" in good.text, "Not taken" in good.text) == (200, True, True)


def test_what_is_no_set_of_photographs_is_refused_with_words(room):
    nothing = room.photographs()
    assert (nothing.status_code, "No photograph came" in nothing.text) == (422, True)
    broken = room.photographs(("x.zip", archive([("a.jpg", jpeg())])[:60]))
    assert broken.status_code == 422
    assert "cannot be read" in broken.text
    large = room.photographs(("x.zip", b"PK\x03\x04" + bytes(25 * 1024 * 1024)))
    assert (large.status_code, "in parts" in large.text) == (422, True)
    assert room.photographs(("1.jpg", jpeg()), person=room.auditor).status_code == 403
    assert "no such role" in room.auditor.get("/console/rosters/R-2026-11-0002").text
