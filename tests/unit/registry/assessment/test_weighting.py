"""A paper's score from its functions: every column of the programmes worked by hand, and the arithmetic exact."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.assessment import (
    FunctionScore,
    FunctionsDiffer,
    Mark,
    NotWeighted,
    format_score,
    mark_of_functions,
    parse_score,
    rounded,
    weighted_score,
)
from registry.programme import FunctionCode, PaperKey, Rounding, RoundingMode, StatedBy

SCORES = ("60", "70", "80.5", "90", "50", "40.25", "100", "30", "20.01")
"""Of the functions of a column, in the order of the source's table."""

# What each column gives for SCORES, worked by hand from the source's weights.
WORKED = [
    # P4: 初, 中, 高
    ("SMART-MFG", "theory", "1", None, "78.18"),  # 60×5 + 70×25 + 80.5×35 + 90×30 + 50×5 = 7817.5
    ("SMART-MFG", "theory", "2", None, "79.18"),  # 60×5 + 70×20 + 80.5×35 + 90×35 + 50×5 = 7917.5
    ("SMART-MFG", "theory", "3", None, "79.65"),  # 60×5 + 70×10 + 80.5×30 + 90×45 + 50×10 = 7965
    ("SMART-MFG", "practice", "1", None, "66.03"),  # 60×45 + 70×50 + 80.5×5 = 6602.5
    ("SMART-MFG", "practice", "2", None, "66.53"),  # 60×40 + 70×55 + 80.5×5 = 6652.5
    ("SMART-MFG", "practice", "3", None, "68.58"),  # 60×30 + 70×55 + 80.5×15 = 6857.5
    # P5: the seven columns
    ("BIG-DATA", "theory", "1", "processing", "66.16"),  # 60×5+70×20+80.5×20+90×20+50×10+40.25×25 = 6616.25
    ("BIG-DATA", "theory", "1", "analysis", "66.16"),  # 60×5+70×20+80.5×20+90×20+50×10+40.25×25 = 6616.25
    ("BIG-DATA", "theory", "1", "management", "71.13"),  # 60×5+70×25+80.5×25+90×20+50×25 = 7112.5
    ("BIG-DATA", "theory", "2", "processing", "73.1"),  # 60×5+70×15+80.5×15+90×15+50×20+40.25×10+100×20 = 7310
    ("BIG-DATA", "theory", "2", "analysis", "73.1"),  # 60×5+70×15+80.5×15+90×15+50×20+40.25×10+100×20 = 7310
    ("BIG-DATA", "theory", "2", "management", "69.6"),  # 60×5+70×25+80.5×20+90×20+50×30 = 6960
    # 60×5+70×10+80.5×15+90×10+50×10+40.25×15+100×10+30×15+20.01×10 = 5861.35
    ("BIG-DATA", "theory", "3", None, "58.61"),
    ("BIG-DATA", "practice", "1", "processing", "76.05"),  # 60×30+70×20+80.5×10+90×40 = 7605
    ("BIG-DATA", "practice", "1", "analysis", "76.05"),  # 60×30+70×20+80.5×10+90×40 = 7605
    ("BIG-DATA", "practice", "1", "management", "74.3"),  # 60×20+70×20+80.5×60 = 7430
    ("BIG-DATA", "practice", "2", "processing", "68.13"),  # 60×15+70×15+80.5×25+90×15+50×30 = 6812.5
    ("BIG-DATA", "practice", "2", "analysis", "68.13"),  # 60×15+70×15+80.5×25+90×15+50×30 = 6812.5
    ("BIG-DATA", "practice", "2", "management", "74.3"),  # 60×20+70×20+80.5×60 = 7430
    # 60×15+70×10+80.5×20+90×20+50×10+40.25×15+100×10 = 7113.75
    ("BIG-DATA", "practice", "3", None, "71.14"),
    # P6: 初, 中, 高
    ("BLOCKCHAIN", "theory", "1", None, "68.6"),  # 60×5+70×20+80.5×20+90×20+50×35 = 6860
    ("BLOCKCHAIN", "theory", "2", None, "68.2"),  # 60×5+70×10+80.5×30+90×15+50×15+40.25×20+100×5 = 6820
    ("BLOCKCHAIN", "theory", "3", None, "70.08"),  # 60×5+70×5+80.5×10+90×35+50×30+40.25×10+100×5 = 7007.5
    ("BLOCKCHAIN", "practice", "1", None, "71.2"),  # 60×30+70×30+80.5×40 = 7120
    ("BLOCKCHAIN", "practice", "2", None, "71.1"),  # 60×40+70×15+80.5×20+90×20+50×5 = 7110
    ("BLOCKCHAIN", "practice", "3", None, "73.15"),  # 60×10+70×45+80.5×30+90×10+50×5 = 7315
]


def rounding(mode=RoundingMode.HALF_UP, decimals=2):
    return Rounding(mode=mode, decimals=decimals, stated_by=StatedBy.SOURCE)


def scores_of(programme, paper, level, direction, scores=SCORES):
    column = programme.weights_of(paper, level, direction)
    return [
        FunctionScore(
            paper=PaperKey(paper), function=code, score_hundredths=None if text is None else parse_score(text)
        )
        for (code, _), text in zip(column.percent, scores, strict=False)
    ]


@pytest.mark.parametrize(("code", "paper", "level", "direction", "expected"), WORKED)
def test_a_computed_score_is_the_one_worked_by_hand(catalogue, code, paper, level, direction, expected):
    of = catalogue.programme(code)
    mark = mark_of_functions(of, level, direction, PaperKey(paper), scores_of(of, paper, level, direction))
    assert mark.score_hundredths is not None
    assert format_score(mark.score_hundredths) == expected


def test_every_column_of_the_programmes_is_worked_and_sums_to_a_hundred(catalogue):
    worked = {one[:4] for one in WORKED}
    for code in ("SMART-MFG", "BIG-DATA", "BLOCKCHAIN"):
        of = catalogue.programme(code)
        for column in of.weights:
            assert (code, column.paper, column.level, column.direction) in worked
            assert sum(percent for _, percent in column.percent) == 100


def test_a_common_column_holds_in_every_direction(catalogue):
    of = catalogue.programme("SMART-MFG")
    marks = {
        mark_of_functions(of, "1", one.code, PaperKey("theory"), scores_of(of, "theory", "1", one.code))
        for one in of.directions_of("1")
    }
    assert marks == {Mark(paper=PaperKey("theory"), score_hundredths=7818)}


@pytest.mark.parametrize(
    ("mode", "decimals", "exact", "expected"),
    [
        (RoundingMode.HALF_UP, 2, 599_950, 6000),  # 59.995
        (RoundingMode.HALF_UP, 2, 599_949, 5999),
        (RoundingMode.DOWN, 2, 599_999, 5999),
        (RoundingMode.HALF_UP, 1, 795_000, 7950),
        (RoundingMode.HALF_UP, 1, 799_499, 7990),
        (RoundingMode.HALF_UP, 1, 799_500, 8000),
        (RoundingMode.HALF_UP, 0, 595_000, 6000),
        (RoundingMode.HALF_UP, 0, 594_999, 5900),
        (RoundingMode.DOWN, 0, 599_999, 5900),
        (RoundingMode.DOWN, 1, 599_999, 5990),
    ],
)
def test_rounding_happens_once_at_the_end(mode, decimals, exact, expected):
    assert rounded(exact, rounding(mode, decimals)) == expected


COLUMN = st.sets(st.integers(1, 99), max_size=8).map(
    lambda cuts: [end - begin for begin, end in pairwise((0, *sorted(cuts), 100))]
)
"""Weights of 1 to 9 functions that sum to 100."""


@given(
    percents=COLUMN,
    drawn=st.lists(st.integers(0, 10_000), min_size=10, max_size=10),
    mode=st.sampled_from(RoundingMode),
    decimals=st.integers(0, 2),
)
def test_the_arithmetic_is_exact(percents, drawn, mode, decimals):
    assert sum(percents) == 100
    percent = {FunctionCode(f"f{index}"): share for index, share in enumerate(percents)}
    scores = {code: drawn[index % 10] for index, code in enumerate(percent)}
    exact = sum((Fraction(scores[code], 100) * Fraction(share, 100) for code, share in percent.items()), Fraction(0))
    as_decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    expected = as_decimal.quantize(
        Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP if mode is RoundingMode.HALF_UP else ROUND_DOWN
    )
    found = weighted_score(percent, scores, rounding(mode, decimals))
    assert Decimal(found) / 100 == expected
    assert min(scores.values()) - 100 < found <= max(scores.values()) + 50
    reordered = dict(reversed(percent.items()))
    assert weighted_score(reordered, scores, rounding(mode, decimals)) == found


@given(score=st.integers(0, 10_000))
def test_the_same_score_in_every_function_is_the_papers(catalogue, score):
    of = catalogue.programme("BIG-DATA")
    column = of.weights_of("theory", "3", None)
    scores = [FunctionScore(paper=column.paper, function=code, score_hundredths=score) for code, _ in column.percent]
    assert mark_of_functions(of, "3", None, column.paper, scores).score_hundredths == score


def test_who_was_absent_from_every_function_was_absent(catalogue):
    of = catalogue.programme("BLOCKCHAIN")
    scores = scores_of(of, "practice", "1", None, (None, None, None))
    assert mark_of_functions(of, "1", None, PaperKey("practice"), scores).absent


@pytest.mark.parametrize(
    "scores",
    [
        ("60", "70"),
        ("60", "70", None),
        ("60", "70", "100.01"),
    ],
)
def test_scores_must_be_one_for_each_function_within_the_scale(catalogue, scores):
    of = catalogue.programme("BLOCKCHAIN")
    with pytest.raises(FunctionsDiffer) as refused:
        mark_of_functions(of, "1", None, PaperKey("practice"), scores_of(of, "practice", "1", None, scores))
    assert refused.value.expected == ("application-development", "testing", "operation")


def test_a_function_stands_once_and_in_its_own_paper(catalogue):
    of = catalogue.programme("BLOCKCHAIN")
    scores = scores_of(of, "practice", "1", None)
    with pytest.raises(FunctionsDiffer):
        mark_of_functions(of, "1", None, PaperKey("practice"), [*scores, scores[0]])
    with pytest.raises(FunctionsDiffer):
        mark_of_functions(of, "1", None, PaperKey("practice"), scores_of(of, "theory", "1", None))


def test_a_paper_without_weights_is_not_computed(catalogue, programme):
    with pytest.raises(NotWeighted):
        mark_of_functions(programme, "1", None, PaperKey("comprehensive"), [])
    with pytest.raises(NotWeighted):  # a level with directions has no column of its own
        mark_of_functions(catalogue.programme("BIG-DATA"), "1", None, PaperKey("theory"), [])
