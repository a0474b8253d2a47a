"""`vermilion exam session …` and corrections, by the commands themselves."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.demo_data import sample_roster
from registry.kernel.calendar import CHINA_TIME
from tests.lifecycle.conftest import World

CLERK, OTHER = ("--as", "clerk-1"), ("--as", "clerk-2")


@pytest.fixture
def set_clock(monkeypatch):
    """Give a function that sets the clock of the commands."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr("api.clock.SystemClock.now", lambda clock: moment.astimezone(UTC))

    return set_to


def answer(world: World, *words: str, exit_code: int = 0):
    return json.loads(world.run("exam", *words, "--json", exit_code=exit_code))


def test_a_session_from_the_first_registration_to_a_corrected_score(world: World, tmp_path: Path, set_clock) -> None:
    begins = (datetime.now(CHINA_TIME) + timedelta(days=40)).replace(hour=9, minute=0, second=0, microsecond=0)
    roster = tmp_path / "session.csv"
    roster.write_bytes(sample_roster(seed=61, count=12))
    roster_id = json.loads(world.run("enrol", "import", str(roster), *CLERK, "--json"))["roster"]
    world.run("enrol", "decide", "--roster", roster_id, *CLERK)

    add = ("session", "add", "--place", "深圳", "--room", "A101=8", "--room", "A102=8")
    made = answer(world, *add, "--begins", f"comprehensive={begins:%Y-%m-%dT%H:%M}", *CLERK)
    session = made["session"]
    assert (made["held_on"], made["capacity"], made["registration_closes"]) == (begins.date().isoformat(), 16, None)
    seats = answer(world, "session", "register", session, "--roster", roster_id, *CLERK)
    admissions = [one["admission"] for one in seats]
    assert len(admissions) >= 3
    assert {(one["kind"], one["fee"], tuple(one["papers"])) for one in seats} == {("first", "full", ("comprehensive",))}
    again = answer(world, "session", "register", session, admissions[0], *CLERK, exit_code=1)
    assert [one["admission"] for one in again["refusals"]] == [admissions[0]]
    assert again["error"]["code"] == "exam/registrations-refused"
    listed = answer(world, "session", "list")
    assert [one["seated"] for one in listed if one["session"] == session] == [len(admissions)]
    assert session in world.run("exam", "session", "list")

    duty = ("--paper", "comprehensive", "--room", "A101", "--role", "invigilator", "--member", "erin")
    assert answer(world, "session", "staff", session, *duty, *CLERK) == {
        "members": [{"paper": "comprehensive", "room": "A101", "role": "invigilator", "person": "erin"}],
        "staffing": [],  # the source states no ratios
    }
    world.run("exam", "session", "close", session, *CLERK, exit_code=1)

    set_clock(begins + timedelta(minutes=10))
    first, second, *absent = admissions
    came = answer(world, "session", "sign-in", session, first, *CLERK)
    assert (came["paper"], came["admitted"], came["late_seconds"]) == ("comprehensive", True, 600)
    arrived = f"{begins - timedelta(minutes=5):%Y-%m-%d %H:%M:%S}"
    assert answer(world, "session", "sign-in", session, second, "--at", arrived, *CLERK)["late_seconds"] == 0
    assert answer(world, "session", "close", session, *CLERK)["absences"] == len(absent)
    shown = answer(world, "session", "show", session)
    assert {one["attendance"]["comprehensive"]["absent"] for one in shown["seats"][:2]} == {False}
    assert shown["publication"]["expected"] is None
    assert first in world.run("exam", "session", "show", session)

    scores = tmp_path / "scores.csv"
    rows = [f"{first},50", f"{second},51", *(f"{one},缺考" for one in absent)]
    scores.write_text("准考证号,成绩\n" + "\n".join(rows[:-1]), encoding="utf-8")
    refused = answer(world, "session", "record", session, str(scores), *CLERK, exit_code=1)
    assert [one["code"] for one in refused["problems"]] == ["exam/missing-candidates"]
    scores.write_text("准考证号,成绩\n" + "\n".join(rows), encoding="utf-8")
    sheet = answer(world, "session", "record", session, str(scores), *CLERK)["sheet"]
    world.run("exam", "confirm", sheet, *OTHER)

    wrong = ("correct", sheet, first, "--paper", "comprehensive", "--score", "55", "--reason", "合分有误")
    correction = answer(world, *wrong, *CLERK)["correction"]
    world.run("exam", "confirm-correction", correction, *CLERK, exit_code=1)
    assert answer(world, "confirm-correction", correction, *OTHER)["confirmed_by"] == "clerk-2"
    results = {one["admission"]: one for one in answer(world, "results", sheet)}
    assert results[first]["papers"] == {"comprehensive": "55"}
    assert results[absent[0]]["papers"] == {"comprehensive": None}
    (kept,) = answer(world, "corrections", sheet)
    assert (kept["score"], kept["reason"]) == ("55", "合分有误")
    assert "合分有误" in world.run("exam", "corrections", sheet)
    assert answer(world, "session", "overdue") == []
    assert session in world.run("exam", "session", "overdue", "--all")


@pytest.mark.parametrize(
    "words",
    [
        ("--begins", "comprehensive", "--room", "A=1"),
        ("--begins", "comprehensive=tomorrow", "--room", "A=1"),
        ("--begins", "comprehensive=2030-01-01T09:00", "--room", "A=many"),
        ("--begins", "comprehensive=2030-01-01T09:00", "--room", "A=1", "--room", "A=2"),
        ("--begins", "dancing=2030-01-01T09:00", "--room", "A=1"),
    ],
)
def test_a_session_that_is_misspelt_is_wrong_input(world: World, words: tuple[str, ...]) -> None:
    world.run("exam", "session", "add", "--place", "深圳", *words, *CLERK, exit_code=2)
