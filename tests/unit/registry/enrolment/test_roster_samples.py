"""Every sample roster in tests/fixtures/rosters is read as its generator says it must be."""

from pathlib import Path
from runpy import run_path

import pytest

from registry.enrolment import ROSTER_NOTICES, ROSTER_PROBLEMS, RosterUnreadable, RowsRefused, read_roster

ROSTERS = Path(__file__).parents[3] / "fixtures" / "rosters"
SAMPLES = run_path(str(ROSTERS / "generate.py"))["samples"]()


def test_committed_samples_are_what_the_generator_makes():
    committed = {path.name: path.read_bytes() for path in ROSTERS.glob("*.csv")}
    assert committed == {name: sample.data for name, sample in SAMPLES.items()}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_sample_is_read_as_expected(name, programme, today):
    sample = SAMPLES[name]
    reading = read_roster(sample.data, programme=programme, today=today)

    def found(reports):
        return tuple((report.line, report.code.removeprefix("enrol/")) for report in reports)

    assert found(reading.problems) == sample.problems
    assert found(reading.notices) == sample.notices
    assert len(reading.candidates) == sample.accepted
    assert (reading.encoding, reading.delimiter) == (sample.encoding, sample.delimiter)


@pytest.mark.parametrize("name", sorted(name for name in SAMPLES if name.startswith("bad-")))
def test_sample_with_a_fault_is_refused_as_a_whole(name, programme, today):
    reading = read_roster(SAMPLES[name].data, programme=programme, today=today)
    with pytest.raises(RosterUnreadable if reading.file_refused else RowsRefused) as refused:
        reading.accepted()
    if isinstance(refused.value, RosterUnreadable):
        assert refused.value.problem in reading.problems
        assert refused.value.problem.reason.en in str(refused.value)
    else:
        assert refused.value.total - refused.value.refused == SAMPLES[name].accepted


def test_good_rows_are_taken_when_asked_for(programme, today):
    reading = read_roster(SAMPLES["bad-unclosed-quote.csv"].data, programme=programme, today=today)
    assert [candidate.line for candidate in reading.accepted(good_rows_only=True)] == [2, 4]


def test_no_rows_are_taken_from_a_file_that_cannot_be_read(programme, today):
    reading = read_roster(SAMPLES["bad-missing-columns.csv"].data, programme=programme, today=today)
    with pytest.raises(RosterUnreadable, match="this column is missing") as refused:
        reading.accepted(good_rows_only=True)
    assert refused.value.code == "enrol/file-unreadable"


def test_every_kind_of_problem_has_a_sample_but_those_of_size_of_earlier_rosters_and_of_more_columns():
    shown = {slug for sample in SAMPLES.values() for _, slug in sample.problems + sample.notices}
    of_more_columns = {
        *("direction-unknown", "sector-unknown", "degree-unknown", "title-unknown", "work-proof-unknown"),
        *("engagement-unknown", "claim-unknown", "date-format", "hours-format", "number-format"),
    }
    of_earlier_ones = {"already-enrolled", "identity-corrected", "identity-under-correction"}
    assert set(ROSTER_PROBLEMS) - shown == {"file-too-large", "too-many-rows"} | of_earlier_ones | of_more_columns


def test_notices_are_never_problems():
    assert not {slug for sample in SAMPLES.values() for _, slug in sample.problems} & ROSTER_NOTICES


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_reports_never_repeat_a_cell(name, programme, today):
    """Four or more characters of a cell in a report would be personal data in a log."""
    reading = read_roster(SAMPLES[name].data, programme=programme, today=today)
    words = {heading for heading in reading.columns}
    text = "\n".join(
        part
        for report in reading.problems + reading.notices
        for part in (report.reason.zh, report.reason.en, report.remedy.zh, report.remedy.en, report.column)
        if part not in words
    )
    for secret in ("安小雨", "鲍知行", "岑望舒", "4403001990", "1100001988", "3100001995", "X0000037", "云帆"):
        assert secret not in text
    assert "安小雨" not in repr(reading.candidates)
    assert "4403001990" not in repr(reading.candidates)
