"""Lists by command: as many rows as are asked for, and a word on what is left out."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from api.demo_data import NEXT_SEED, sample_roster, sample_scores
from api.wiring import Home
from benchmarks.bench import new_home
from registry.kernel.calendar import CHINA_TIME
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import record_scores, return_sheet

COUNT = 60
"""More than are printed unless it is asked otherwise."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An installation with a roster, and three sheets of which two were returned."""
    home = new_home(tmp_path_factory.mktemp("lists") / "home")
    store, clock, catalogue = home.store, home.clock, home.catalogue
    programme = catalogue.programme(home.installation.programmes[0])
    import_roster(store, clock, programme, sample_roster(count=COUNT), person="clerk-1")
    decide_applications(store, clock, catalogue, home.installation.issuer, person="clerk-1")
    with store.read() as unit:
        scores = sample_scores(unit.marks.awaited(programme.code))
    day = date(2026, 11, 8)
    for last in (False, False, True):
        sheet = record_scores(store, clock, programme, scores, examined_on=day, person="clerk-1").sheet
        if not last:
            return_sheet(store, clock, sheet.id, reason="again", person="reviewer-1")
    yield home
    store.close()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERMILION_LANG", "en")


def run(home: Home, *words: str) -> Result:
    result = CliRunner().invoke(app, [*words, "--home", str(home.path)])
    assert result.exit_code == 0, result.output
    return result


def test_the_latest_sheets_are_listed_oldest_first_and_all_on_demand(home: Home) -> None:
    with home.store.read() as unit:
        names = [one.id for one in unit.marks.sheets()]
    assert len(names) == 3
    for limit, expected in ((["--limit", "2"], names[1:]), (["--limit", "0"], names), ([], names)):
        as_json, table = run(home, "exam", "list", *limit, "--json"), run(home, "exam", "list", *limit)
        assert [one["sheet"] for one in json.loads(as_json.stdout)] == expected
        assert [name for name in names if name in table.stdout] == expected
        for result in (as_json, table):
            assert ("earlier ones are left out: --limit 0 prints all" in result.stderr) is (len(expected) < 3)


def test_applications_are_listed_from_the_first_on_and_more_is_said_to_be_there(home: Home) -> None:
    with home.store.read() as unit:
        every = list(unit.enrolments.applications())
    refused = [one.admission for one in every if one.eligible is False]
    names = [one.admission for one in every]
    assert (len(names), len(refused) > 2) == (COUNT, True)
    for words, expected, more in (
        ([], names[:50], True),
        (["--limit", "0"], names, False),
        (["--refused", "--limit", "2"], refused[:2], True),
    ):
        result = run(home, "enrol", "list", *words, "--json")
        assert [one["admission"] for one in json.loads(result.stdout)] == expected
        told = "there are more: --limit 0 prints all"
        assert (told in result.stderr, told in run(home, "enrol", "list", *words).stderr) == (more, more)


def test_an_entered_sheet_names_its_day_and_says_where_it_is_only_todays(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roster, scores = tmp_path / "roster.csv", tmp_path / "scores.csv"
    roster.write_bytes(sample_roster(count=9, seed=NEXT_SEED))
    imported = json.loads(run(home, "enrol", "import", str(roster), "--as", "clerk-1", "--json").stdout)
    run(home, "enrol", "decide", "--roster", imported["roster"], "--as", "clerk-1")
    with home.store.read() as unit:
        found = unit.enrolments.applications(roster=imported["roster"], eligible=True)
        scores.write_bytes(sample_scores({one.admission: one.level for one in found}))
    today, entering = (
        str(home.clock.now().astimezone(CHINA_TIME).date()),
        ("exam", "record", str(scores), "--as", "clerk-1"),
    )
    for words, day, todays in ((["--examined-on", "2026-11-08"], "2026-11-08", False), ([], today, True)):
        told = run(home, *entering, *words)
        name = told.stdout.split()[2].rstrip(":")
        assert told.stdout.endswith(f"examined on {day}\n")
        assert (f"taken to be today, {today}" in " ".join(told.stderr.split())) is todays
        document = json.loads(run(home, *entering, *words, "--json").stdout)
        kept = document["sheet"], document["examined_on"], document["examined_on_given"], document["repeated"]
        assert kept == (name, day, not todays, True)
        monkeypatch.setenv("VERMILION_LANG", "zh")
        assert run(home, *entering, *words).stdout.endswith(f"{name}，考核日期{day}\n")
        if not todays:
            run(home, "exam", "return", name, "--reason", "again", "--as", "clerk-1")
        monkeypatch.setenv("VERMILION_LANG", "en")
