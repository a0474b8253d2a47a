"""Invigilators and assessors: ratios, least numbers, odd numbers, rooms."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.assessment import RoomStaff, is_enough, staff_findings, staff_needed
from registry.programme import Bilingual, PaperKey, Staffing, StaffRole

SOURCE = Bilingual(zh="来源", en="source")
INVIGILATORS = Staffing(
    role=StaffRole.INVIGILATOR,
    papers=(PaperKey("theory"),),
    candidates_each=15,
    exactly=False,
    least=2,
    odd=False,
    each_room=True,
    source=SOURCE,
)
ASSESSORS = Staffing(
    role=StaffRole.ASSESSOR,
    papers=(PaperKey("practice"),),
    candidates_each=5,
    exactly=False,
    least=3,
    odd=True,
    each_room=False,
    source=SOURCE,
)


@pytest.mark.parametrize(
    ("candidates", "needed"), [(0, 0), (1, 2), (15, 2), (16, 2), (30, 2), (31, 3), (45, 3), (46, 4)]
)
def test_invigilators_one_for_fifteen_and_two_at_least(candidates, needed):
    assert staff_needed(INVIGILATORS, candidates) == needed
    assert is_enough(INVIGILATORS, candidates, needed)
    assert is_enough(INVIGILATORS, candidates, needed + 1)
    assert candidates == 0 or not is_enough(INVIGILATORS, candidates, needed - 1)


@pytest.mark.parametrize(
    ("candidates", "needed"), [(1, 3), (15, 3), (16, 5), (20, 5), (25, 5), (26, 7), (35, 7), (36, 9)]
)
def test_assessors_are_an_odd_number_of_three_at_least(candidates, needed):
    assert staff_needed(ASSESSORS, candidates) == needed
    enough = [is_enough(ASSESSORS, candidates, needed + more) for more in (-2, -1, 0, 1, 2)]
    assert enough == [False, False, True, False, True]


def test_one_for_ten(catalogue):
    (rule,) = (one for one in catalogue.programme("BLOCKCHAIN").staffing if one.role is StaffRole.ASSESSOR)
    assert [staff_needed(rule, candidates) for candidates in (10, 30, 31, 50, 51)] == [3, 3, 5, 5, 7]


def test_a_ratio_stated_exactly_is_met_by_just_that_number():
    exactly = replace(ASSESSORS, exactly=True)
    assert [is_enough(exactly, 20, present) for present in (4, 5, 6, 7)] == [False, True, False, False]


@given(candidates=st.integers(1, 500), each=st.integers(1, 30), least=st.integers(0, 9), odd=st.booleans())
def test_what_is_needed_is_the_smallest_number_that_is_enough(candidates, each, least, odd):
    rule = replace(ASSESSORS, candidates_each=each, least=least, odd=odd)
    needed = staff_needed(rule, candidates)
    assert next(number for number in range(600) if is_enough(rule, candidates, number)) == needed
    assert needed * each >= candidates
    assert needed >= least
    assert needed % 2 == 1 or not odd


def test_each_room_is_held_against_the_rule_by_itself(catalogue):
    of = catalogue.programme("SMART-MFG")
    rooms = [
        RoomStaff(room="A101", candidates=30, invigilators=3),
        RoomStaff(room="A102", candidates=10, invigilators=1),
        RoomStaff(room="A103", candidates=0),
    ]
    findings = staff_findings(of, PaperKey("theory"), rooms)
    assert [(one.room, one.needed, one.present, one.held) for one in findings] == [
        ("A101", 2, 3, True),
        ("A102", 2, 1, False),
        ("A103", 0, 0, True),
    ]
    assert findings[1].text == Bilingual(
        zh="A102：考生10人，监考人员不少于2人，现有1人",
        en="A102: 10 candidates need at least 2 invigilators; there are 1",
    )


def test_assessors_are_counted_over_the_whole_session(catalogue):
    of = catalogue.programme("SMART-MFG")
    rooms = [RoomStaff(room="A", candidates=10, assessors=2), RoomStaff(room="B", candidates=10, assessors=2)]
    (finding,) = staff_findings(of, PaperKey("practice"), rooms)
    assert (finding.room, finding.needed, finding.present, finding.held) == (None, 5, 4, False)
    assert finding.text.zh == "全场：考生20人，考评人员应为5人，人数为单数，现有4人"


def test_a_programme_that_states_nothing_finds_nothing(programme):
    assert staff_findings(programme, PaperKey("comprehensive"), [RoomStaff(room="A", candidates=9)]) == ()
