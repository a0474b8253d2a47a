"""Judging in the console: a reviewer enters, another confirms; refusals are overridden by two; nobody else may."""

import re

import pytest

from registry.access import Role
from registry.programme import load_catalogue
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from tests.http.console_site import House
from tests.unit.registry.store.filled import ISSUER, SettableClock
from tests.unit.registry.store.new_database import new_database

CATALOGUE = load_catalogue()
JUDGED, REFUSED = "26110001000001", "26110002000001"


class Room:
    """A house with a candidate who must be judged, and one who is refused."""

    def __init__(self, path) -> None:
        self.store = new_database(path)
        self.house = House(self.store, SettableClock())
        self.first = self.house.person("reviewer-1", Role.REVIEWER)
        self.second = self.house.person("reviewer-2", Role.REVIEWER)
        self.clerk = self.house.person("clerk-1", Role.CLERK)
        for code, headings, row in (
            ("AIGC-POST", "级别", "专业级"),
            ("AIGC-APP-ENG", "级别,文化程度,从业年限", "中级,初中,9"),
        ):
            data = f"姓名,证件号码,{headings}\n安小雨,110105199003070025,{row}\n".encode()
            import_roster(self.store, self.house.clock, CATALOGUE.programme(code), data, person="clerk-1")
        self.decide()

    def decide(self) -> None:
        decide_applications(self.store, self.house.clock, CATALOGUE, ISSUER, person="clerk-1")

    def answer(self, admission: str) -> bool | None:
        with self.store.read() as unit:
            return unit.enrolments.application(admission).eligible


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path / "registry.db")
    yield made
    made.store.close()


def page(person, admission: str) -> str:
    return person.get(f"/en/console/candidates/{admission}").text


def test_one_reviewer_judges_another_confirms_and_it_counts(room):
    form = f"/console/candidates/{JUDGED}/judge"
    assert f'action="/en{form}"' in page(room.first, JUDGED)
    assert form not in page(room.clerk, JUDGED)
    entered = room.first.post(form, subject="admission", holds="yes", reason="材料 <b>齐全</b>")
    assert (entered.status_code, entered.headers["Location"]) == (
        303,
        f"/console/candidates/{JUDGED}?judged=1#judgements",
    )
    own, others = page(room.first, JUDGED), page(room.second, JUDGED)
    assert "somebody else must confirm it" in own
    assert "材料 &lt;b&gt;齐全" in own
    (confirm,) = re.findall(r'action="/en(/console/judgements/J-[\d-]+/confirm)"', others)
    assert confirm not in own
    assert room.first.post(confirm).status_code == 403
    room.decide()
    assert room.answer(JUDGED) is None
    assert room.second.post(confirm).status_code == 303
    room.decide()
    assert room.answer(JUDGED) is True
    assert "reviewer-2" in page(room.clerk, JUDGED)


def test_two_reviewers_override_a_refusal_and_every_finding_stays(room):
    before = re.findall(r'<li class="lacks">', page(room.first, REFUSED))
    form = f"/console/candidates/{REFUSED}/override"
    assert f'action="/en{form}"' in page(room.first, REFUSED)
    assert room.first.post(form, reason="同等学力，已看原件").status_code == 303
    assert room.answer(REFUSED) is False
    (confirm,) = re.findall(r"/console/judgements/J-[\d-]+/confirm", page(room.second, REFUSED))
    assert room.second.post(confirm).status_code == 303
    assert room.answer(REFUSED) is True
    after = page(room.second, REFUSED)
    assert "two people admitted the candidate" in after
    assert re.findall(r'<li class="lacks">', after) == before
    assert 'class="admitted"' not in after


@pytest.mark.parametrize("action", ["judge", "override"])
def test_without_a_reason_or_by_a_form_of_somebody_else_nothing_is_kept(room, action):
    admission = JUDGED if action == "judge" else REFUSED
    path, fields = f"/console/candidates/{admission}/{action}", {"subject": "admission", "holds": "yes"}
    assert room.first.post(path, reason="  ", **fields).status_code == 422
    foreign = room.first.browser.post(path, data={"csrf": room.second.csrf, "reason": "看过原件", **fields})
    assert foreign.status_code == 403
    assert room.clerk.post(path, reason="看过原件", **fields).status_code == 403
    with room.store.read() as unit:
        assert unit.judgements.judgements() == []
