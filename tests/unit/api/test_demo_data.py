from collections import Counter
from datetime import date

import pytest

from api.demo_data import sample_roster, sample_scores
from registry.assessment import assess, read_scores
from registry.enrolment import decide, read_roster
from registry.programme import load_catalogue

PROGRAMME = load_catalogue().programme("AIGC-APP-ENG")


@pytest.mark.parametrize("today", [date(2025, 1, 1), date(2026, 11, 1), date(2040, 1, 1)])
def test_demonstration_roster_is_clean_and_seven_are_not_eligible(today):
    candidates = read_roster(sample_roster(), programme=PROGRAMME, today=today).accepted()
    assert len(candidates) == 200
    decisions = [decide(candidate, PROGRAMME, candidate.level, on=today) for candidate in candidates]
    refused = [decision for decision in decisions if not decision.eligible]
    assert len(refused) == 7
    assert len({tuple(finding.reason.zh for finding in decision.findings) for decision in refused}) == 7
    assert set(Counter(candidate.level for candidate in candidates)) == {"1", "2", "3"}


def test_demonstration_scores_let_well_over_100_pass():
    candidates = read_roster(sample_roster(), programme=PROGRAMME, today=date(2026, 11, 1)).accepted()
    admissions = {f"2026-11-{candidate.line:04d}": candidate.level for candidate in candidates[:193]}
    rows = read_scores(sample_scores(admissions), programme=PROGRAMME, admissions=admissions).accepted()
    results = [assess(PROGRAMME, admissions[row.admission], row.marks) for row in rows]
    assert sum(result.passed for result in results) == 164
    assert {5999, 6000, 7950, 8000, None} <= {result.papers[0].score_hundredths for result in results}
    levels = {result.level for result in results if result.passed}
    assert levels == {"1", "2", "3"}


def test_the_same_seed_gives_the_same_bytes():
    assert sample_roster() == sample_roster()
    assert sample_roster(seed=1) != sample_roster(seed=2)
    assert sample_scores(["b", "a"]) == sample_scores(["a", "b"])


@pytest.mark.parametrize("count", [0, 1, 3, 10])
def test_few_candidates_get_scores_too(count):
    admissions = {f"A{index}": "1" for index in range(count)}
    reading = read_scores(sample_scores(admissions), programme=PROGRAMME, admissions=admissions)
    assert len(reading.entries) == count


def test_no_card_has_the_region_codes_of_the_demonstration():
    """Codes of whole provinces and cities end in 00; cards are issued under those of districts."""
    candidates = read_roster(sample_roster(count=1000), programme=PROGRAMME, today=date(2026, 11, 1)).accepted()
    residents = [one.identity_number for one in candidates if one.identity_type == "resident-identity-card"]
    assert len(residents) > 900
    assert all(number[4:6] == "00" for number in residents)
