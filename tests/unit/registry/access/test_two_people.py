"""Nobody stands on both sides of a check that needs two people, however the name is spelt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access import FourEyes, PersonUnnamed, require_named, require_second_person


@pytest.mark.parametrize("same", ["clerk-1", "CLERK-1", " clerk-1 ", "ｃｌｅｒｋ-1"])
def test_the_same_person_never_confirms(same):
    with pytest.raises(FourEyes) as refused:
        require_second_person("clerk-1", same, "confirming scores")
    assert refused.value.code == "access/four-eyes"


def test_a_second_person_confirms():
    require_second_person("clerk-1", "clerk-2", "confirming scores")


@pytest.mark.parametrize("nobody", ["", "  ", "a\u200bb"])
def test_a_step_without_a_person_is_refused(nobody):
    with pytest.raises(PersonUnnamed):
        require_named(nobody, "entry of scores")
    with pytest.raises(PersonUnnamed):
        require_second_person("clerk-1", nobody, "confirming scores")


@given(first=st.text(min_size=1, max_size=5), second=st.text(min_size=1, max_size=5))
def test_no_spelling_puts_one_person_on_both_sides(first, second):
    try:
        require_second_person(first, second, "confirming scores")
    except (FourEyes, PersonUnnamed):
        return
    assert first.casefold() != second.casefold()
