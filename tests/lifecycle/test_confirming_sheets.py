"""Confirming score sheets on which somebody was erased meanwhile."""

import json
import re
from datetime import date

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.setup import demo_installation
from api.demo_data import sample_roster, sample_scores
from api.founding import make_installation
from api.wiring import Home
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import record_scores
from tests.lifecycle.batch_house import PROGRAMME

Sheets = list[tuple[str, list[str]]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    path = tmp_path_factory.mktemp("confirming") / "home"
    make_installation(Home(path), demo_installation(), lambda what, text: None)
    return Home(path)


@pytest.fixture(scope="module")
def sheets(home: Home) -> Sheets:
    """Three sheets with the levels of who is on them: of each one was erased, which is everybody on the last."""
    programme, found = home.catalogue.programme(PROGRAMME), []
    for count, seed in ((8, 1), (3, 2), (1, 3)):
        import_roster(home.store, home.clock, programme, sample_roster(count=count, seed=seed), person="clerk-1")
        decide_applications(home.store, home.clock, home.catalogue, home.issuer, person="clerk-1")
        with home.store.read() as unit:
            awaited = unit.marks.awaited(PROGRAMME)
        entered = record_scores(
            home.store, home.clock, programme, sample_scores(awaited), examined_on=date(2026, 11, 8), person="clerk-1"
        )
        found.append((entered.sheet.id, sorted(set(awaited.values()))))
        with home.store.write() as unit:
            unit.enrolments.erase(unit.enrolments.application(min(awaited)).person, home.clock.now())
    return found


def confirm(home: Home, sheet: str, *more: str):
    words = ["exam", "confirm", sheet, "--as", "clerk-2", *more, "--home", str(home.path)]
    return CliRunner().invoke(app, words, env={"VERMILION_LANG": "en"})


@pytest.mark.parametrize("place", [0, 2])
def test_a_sheet_is_confirmed_and_every_level_on_it_is_told(home: Home, sheets: Sheets, place: int) -> None:
    sheet, levels = sheets[place]
    result = confirm(home, sheet)
    assert (result.exit_code, result.exception) == (0, None)
    confirmed = f"score sheet {sheet}: entered by clerk-1, confirmed by clerk-2, examined on 2026-11-08"
    assert confirmed in " ".join(result.stdout.split())
    assert re.findall(rf"--programme {PROGRAMME} --level (\S+)", result.stderr) == levels


def test_a_confirmed_sheet_is_given_as_a_document(home: Home, sheets: Sheets) -> None:
    sheet, _ = sheets[1]
    result = confirm(home, sheet, "--json")
    assert (result.exit_code, result.exception) == (0, None)
    document = json.loads(result.stdout)
    assert (document["sheet"], document["confirmed_by"]) == (sheet, "clerk-2")


def test_nobody_is_on_a_sheet_that_is_not_there(home: Home, sheets: Sheets) -> None:
    with home.store.read() as unit:
        assert unit.marks.scopes("S-1999-01-0001") == []
        assert [unit.marks.scopes(sheet) for sheet, _ in sheets] == [
            [(PROGRAMME, level) for level in levels] for _, levels in sheets
        ]


@pytest.mark.parametrize(("place", "listed"), [(0, 7), (2, 0)])
def test_results_are_listed_without_those_of_the_erased_which_is_said(
    home: Home, sheets: Sheets, place: int, listed: int
) -> None:
    words = ["exam", "results", sheets[place][0], "--home", str(home.path)]
    told = CliRunner().invoke(app, words, env={"VERMILION_LANG": "en"})
    assert (told.exit_code, told.exception) == (0, None)
    assert "1 candidate left out: erased since" in told.stderr
    assert len(json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)) == listed
