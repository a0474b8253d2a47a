from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.programme import ScoreMalformed, format_score, parse_score


@pytest.mark.parametrize(
    ("text", "hundredths"),
    [
        ("0", 0),
        ("60", 6000),
        ("59.99", 5999),
        ("79.5", 7950),
        ("80", 8000),
        ("100", 10_000),
        ("0.01", 1),
        ("999.99", 99_999),
    ],
)
def test_scores_are_whole_hundredths(text, hundredths):
    assert parse_score(text) == hundredths
    assert format_score(hundredths) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60.0",
        "60.50",
        "060",
        "00",
        ".5",
        "5.",
        "60.123",
        "1000",
        "-1",
        "+1",
        "1e2",
        " 60",
        "60\n",
        "６０",
        "60,5",
        "nan",
    ],
)
def test_anything_else_is_no_score(text):
    with pytest.raises(ScoreMalformed):
        parse_score(text)


@given(st.integers(0, 99_999))
def test_writing_and_reading_are_inverse(hundredths):
    assert parse_score(format_score(hundredths)) == hundredths


@pytest.mark.parametrize("hundredths", [-1, 100_000])
def test_only_scores_are_written(hundredths):
    with pytest.raises(ScoreMalformed):
        format_score(hundredths)


@given(st.text(max_size=8))
def test_any_text_is_a_score_or_our_error(text):
    with suppress(ScoreMalformed):
        assert format_score(parse_score(text)) == text
