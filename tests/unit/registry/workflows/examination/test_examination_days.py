"""Days on which an examination cannot have been: somebody on the sheet was too young, or it lies too far back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from registry.ports.storage import Sheet
from registry.programme import load_catalogue
from registry.store.people import SqlEnrolments
from registry.workflows.examination.assess import ExaminedLongAgo, ExaminedTooYoung, record_scores
from tests.unit.registry.workflows.examination_stage import Stage, stage

NO_AGE, FROM_SIXTEEN = "BLOCKCHAIN-HOURS", "AI-TRAINER"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Stage]:
    """Candidates of 5 January 2026, and a day later on which sheets are entered."""
    made = stage(tmp_path)
    yield made
    made.store.close()


def enter(world: Stage, code: str, admissions: Sequence[str], day: date) -> Sheet:
    headings = {NO_AGE: "准考证号", FROM_SIXTEEN: "准考证号,theory,practice"}[code]
    rows = [one + ",80" * headings.count(",") for one in admissions]
    data = "\n".join([headings, *rows]).encode()
    return record_scores(world.store, world.clock, world.programme(code), data, examined_on=day, person="clerk-1").sheet


def sheets(world: Stage) -> int:
    with world.store.read() as unit:
        return unit.marks.count_sheets()


def test_nobody_is_examined_below_the_age_that_every_rule_of_the_level_asks_for(world: Stage) -> None:
    old = world.enrol(FROM_SIXTEEN, "5", 7)
    young = world.enrol(FROM_SIXTEEN, "5", 6, born=date(2009, 6, 10))
    with pytest.raises(ExaminedTooYoung) as refused:
        enter(world, FROM_SIXTEEN, [*old, *young], date(2025, 6, 9))
    assert refused.value.admissions == tuple(sorted(young))
    assert "6 on the sheet had not completed 16 years of life on 2025-06-09: " in str(refused.value)
    assert str(refused.value).endswith(f"{young[4]}, …")
    assert sheets(world) == 0
    assert enter(world, FROM_SIXTEEN, [*old, *young], date(2025, 6, 10)).rows == 13  # the birthday counts


def test_who_was_admitted_against_the_rules_may_be_younger_and_not_unborn(world: Stage) -> None:
    admitted = world.enrol(FROM_SIXTEEN, "5", 1, born=date(2019, 6, 10), overridden=True)
    with pytest.raises(ExaminedTooYoung, match="1 on the sheet were not born on 2019-06-09"):
        enter(world, FROM_SIXTEEN, admitted, date(2019, 6, 9))
    assert enter(world, FROM_SIXTEEN, admitted, date(2019, 6, 10)).rows == 1


def test_where_no_age_is_asked_for_everybody_was_born_all_the_same(world: Stage) -> None:
    both = [*world.enrol(NO_AGE, "1", 1), *world.enrol(NO_AGE, "1", 1, born=date(2018, 1, 2))]
    with pytest.raises(ExaminedTooYoung, match=both[1]):
        enter(world, NO_AGE, both, date(2018, 1, 1))
    assert enter(world, NO_AGE, both, date(2018, 1, 2)).examined_on == date(2018, 1, 2)


def test_no_application_is_opened_where_everybody_was_enrolled_by_that_day(
    world: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    look = SqlEnrolments.of_admissions
    monkeypatch.setattr(SqlEnrolments, "of_admissions", lambda self, of: opened.append(len(of)) or look(self, of))
    (one,) = world.enrol(NO_AGE, "1", 1)
    enter(world, NO_AGE, [one], date(2026, 1, 5))
    assert opened == []
    (other,) = world.enrol(NO_AGE, "1", 1)
    enter(world, NO_AGE, [other], date(2026, 1, 4))
    assert opened == [1]


def test_no_examination_lies_more_than_ten_years_back(world: Stage) -> None:
    (one,) = world.enrol(NO_AGE, "1", 1)
    with pytest.raises(ExaminedLongAgo, match="2016-01-04 is more than 10 years back: today is 2026-01-05"):
        enter(world, NO_AGE, [one], date(2016, 1, 4))
    assert sheets(world) == 0
    kept = enter(world, NO_AGE, [one], date(2016, 1, 5))
    world.clock.set_to(date(2026, 2, 1))  # the same file again is the same sheet, whatever day it is
    assert enter(world, NO_AGE, [one], date(2016, 1, 5)) == kept


def test_the_lowest_age_of_a_level_is_what_no_way_into_it_spares(world: Stage) -> None:
    catalogue = load_catalogue()
    found = {
        (code, level.code): level.lowest_age
        for code in (FROM_SIXTEEN, NO_AGE, "AIGC-APP-ENG")
        for level in catalogue.programme(code).levels
    }
    assert found[FROM_SIXTEEN, "5"] == 16
    assert found[NO_AGE, "1"] == 0
    assert found["AIGC-APP-ENG", "2"] == 0  # by the junior certificate, at any age
    aged = catalogue.programme(FROM_SIXTEEN).levels[0]
    assert replace(aged, rules=(), requirements=aged.rules).lowest_age == 16
