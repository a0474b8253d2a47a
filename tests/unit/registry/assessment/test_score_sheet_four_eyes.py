import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.assessment import (
    SHEET_TRANSITIONS,
    CorrectionPending,
    FourEyes,
    Mark,
    MarkUnknown,
    PersonUnnamed,
    ReasonMissing,
    ScoreRow,
    ScoreSheet,
    SheetNotOpen,
    SheetState,
    SheetStateConflict,
    require_second_person,
)
from registry.programme import PaperKey

KEY = PaperKey("comprehensive")


def mark(score_hundredths):
    return Mark(paper=KEY, score_hundredths=score_hundredths)


def entered(by="clerk-1"):
    return ScoreSheet.enter(session="2026-11", rows=(ScoreRow(admission="A1", marks=(mark(5900),)),), by=by)


def confirmed():
    return entered().confirm(by="clerk-2")


def test_a_second_person_confirms():
    sheet = confirmed()
    assert (sheet.state, sheet.entered_by, sheet.confirmed_by) == (SheetState.CONFIRMED, "clerk-1", "clerk-2")


@pytest.mark.parametrize("same", ["clerk-1", "CLERK-1", " clerk-1 ", "ｃｌｅｒｋ-1"])
def test_the_same_person_never_confirms(same):
    with pytest.raises(FourEyes) as refused:
        entered().confirm(by=same)
    assert refused.value.code == "exam/four-eyes"


@pytest.mark.parametrize("nobody", ["", "  ", "a\u200bb"])
def test_a_step_without_a_person_is_refused(nobody):
    with pytest.raises(PersonUnnamed):
        entered(by=nobody)
    with pytest.raises(PersonUnnamed):
        entered().confirm(by=nobody)


@given(first=st.text(min_size=1, max_size=5), second=st.text(min_size=1, max_size=5))
def test_no_spelling_puts_one_person_on_both_sides(first, second):
    try:
        require_second_person(first, second, "confirmation")
    except (FourEyes, PersonUnnamed):
        return
    assert first.casefold() != second.casefold()


STEPS = {
    SheetState.CONFIRMED: lambda sheet: sheet.confirm(by="clerk-2"),
    SheetState.SEALED: lambda sheet: sheet.seal(),
}
SHEETS = {
    SheetState.ENTERED: entered(),
    SheetState.CONFIRMED: confirmed(),
    SheetState.SEALED: confirmed().seal(),
}


@pytest.mark.parametrize(("state", "wanted"), list(itertools.product(SheetState, STEPS)))
def test_the_whole_table_of_transitions(state, wanted):
    assert SHEET_TRANSITIONS.keys() == set(SheetState)
    if wanted in SHEET_TRANSITIONS[state]:
        assert STEPS[wanted](SHEETS[state]).state is wanted
    else:
        with pytest.raises(SheetStateConflict) as conflict:
            STEPS[wanted](SHEETS[state])
        assert (conflict.value.state, conflict.value.wanted) == (state, wanted)


def test_a_correction_counts_only_when_a_second_person_confirmed_it():
    sheet = confirmed().correct(admission="A1", mark=mark(6100), reason="sum was wrong", by="clerk-2")
    assert sheet.marks_of("A1") == (mark(5900),)
    with pytest.raises(FourEyes):
        sheet.confirm_correction(0, by="clerk-2")
    sheet = sheet.confirm_correction(0, by="clerk-1")
    assert sheet.marks_of("A1") == (mark(6100),)
    assert sheet.rows[0].marks == (mark(5900),)
    assert sheet.corrections[0].reason == "sum was wrong"


def test_the_last_confirmed_correction_counts():
    sheet = confirmed()
    for index, score in enumerate((6100, None, 6200)):
        sheet = sheet.correct(admission="A1", mark=mark(score), reason="again", by="a").confirm_correction(
            index, by="b"
        )
    assert sheet.marks_of("A1") == (mark(6200),)
    assert len(sheet.corrections) == 3


def test_a_correction_is_confirmed_once():
    sheet = confirmed().correct(admission="A1", mark=mark(1), reason="r", by="a").confirm_correction(0, by="b")
    with pytest.raises(MarkUnknown):
        sheet.confirm_correction(0, by="c")
    with pytest.raises(MarkUnknown):
        sheet.confirm_correction(1, by="c")
    with pytest.raises(MarkUnknown):
        sheet.confirm_correction(-1, by="c")


@pytest.mark.parametrize("state", [SheetState.ENTERED, SheetState.SEALED])
def test_corrections_are_taken_only_between_confirmation_and_seal(state):
    with pytest.raises(SheetNotOpen):
        SHEETS[state].correct(admission="A1", mark=mark(1), reason="r", by="a")
    with pytest.raises(SheetNotOpen):
        SHEETS[state].confirm_correction(0, by="a")


@pytest.mark.parametrize(
    ("admission", "corrected", "reason", "by", "error"),
    [
        ("A2", mark(1), "r", "a", MarkUnknown),
        ("A1", Mark(paper=PaperKey("other"), score_hundredths=1), "r", "a", MarkUnknown),
        ("A1", mark(1), " ", "a", ReasonMissing),
        ("A1", mark(1), "r" * 201, "a", ReasonMissing),
        ("A1", mark(1), "r", " ", PersonUnnamed),
    ],
)
def test_a_correction_needs_a_mark_a_reason_and_a_person(admission, corrected, reason, by, error):
    with pytest.raises(error):
        confirmed().correct(admission=admission, mark=corrected, reason=reason, by=by)


def test_a_sheet_is_not_sealed_while_a_correction_waits():
    sheet = confirmed().correct(admission="A1", mark=mark(1), reason="r", by="a")
    with pytest.raises(CorrectionPending) as pending:
        sheet.seal()
    assert pending.value.pending == 1
    assert sheet.confirm_correction(0, by="b").seal().state is SheetState.SEALED


def test_marks_of_a_stranger_are_missing():
    with pytest.raises(MarkUnknown):
        confirmed().marks_of("A2")


def test_scores_stay_out_of_repr():
    assert "5900" not in repr(confirmed())
