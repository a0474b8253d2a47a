"""Hours of courses, units, teachers, attendance lists."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment import Attended, CourseUnit, course_units, hours_attended, read_attendance, require_teacher
from registry.enrolment.attendance import ATTENDANCE_PROBLEMS, AttendanceRefused
from registry.enrolment.courses import TeacherRefused, UnitsRefused
from registry.programme import Bilingual, Title, load_catalogue

CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 22)
A, B = "26110001000001", "26110001000002"


def unit(hours: int, name: str = "单元") -> CourseUnit:
    return CourseUnit(name=Bilingual(zh=name, en=name), hours=hours)


def attended(*pairs: tuple[int, int]) -> list[Attended]:
    return [
        Attended(admission=A, unit=place, on=date(2026, 1, day + 1), hours=h) for day, (place, h) in enumerate(pairs)
    ]


# — units and hours —


def test_the_seven_units_of_edge_ai_are_forty_hours():
    units = course_units(CATALOGUE.programme("EDGE-AI"), "2", ())
    assert [one.hours for one in units] == [4, 4, 6, 8, 4, 6, 8]
    assert sum(one.hours for one in units) == 40
    with pytest.raises(UnitsRefused):
        course_units(CATALOGUE.programme("EDGE-AI"), "2", [unit(40)])


@pytest.mark.parametrize(
    ("code", "hours"),
    [("SMART-MFG", (90, 90, 80)), ("BIG-DATA", (128, 128, 160)), ("BLOCKCHAIN", (80, 64, 64))],
)
def test_a_course_has_the_hours_of_its_level(code, hours):
    programme = CATALOGUE.programme(code)
    for level, needed in zip("123", hours, strict=True):
        assert [one.hours for one in course_units(programme, level, ())] == [needed]
        own = [unit(needed - 1), unit(1)]
        assert course_units(programme, level, own) == tuple(own)
        for wrong in ([unit(needed - 1)], [unit(needed + 1)], [unit(needed), unit(0)]):
            with pytest.raises(UnitsRefused):
                course_units(programme, level, wrong)


def test_where_the_source_states_no_hours_there_is_no_course():
    with pytest.raises(UnitsRefused):
        course_units(CATALOGUE.programme("EDGE-AI"), "1", ())
    with pytest.raises(UnitsRefused):
        course_units(CATALOGUE.programme("EDGE-AI"), "9", ())


def test_hours_of_one_unit_never_stand_for_another():
    units = [unit(4), unit(6)]
    assert hours_attended(units, attended((1, 3), (1, 3), (2, 5))) == 4 + 5
    assert hours_attended(units, attended((1, 4), (2, 6))) == 10
    assert hours_attended(units, attended((1, 20))) == 4
    assert hours_attended(units, []) == 0


@given(st.lists(st.integers(1, 30), min_size=1, max_size=9), st.data())
def test_all_hours_are_reached_exactly_when_each_unit_is(sizes, data):
    units = [unit(hours) for hours in sizes]
    rows = data.draw(st.lists(st.tuples(st.integers(1, len(units)), st.integers(1, 24)), max_size=25))
    came = attended(*rows)
    total = hours_attended(units, came)
    reached = [sum(one.hours for one in came if one.unit == place) >= of for place, of in enumerate(sizes, start=1)]
    assert (total == sum(sizes)) == all(reached)
    assert total <= sum(sizes)
    assert total == hours_attended(units, reversed(came))


# — teachers —

LEVELS = (None, "1", "2", "3", "9")
TITLES = (None, *Title)
MAY = {
    "1": ({"2", "3"}, {Title.ENGINEER, Title.SENIOR_ENGINEER}),
    "2": ({"2", "3"}, {Title.ENGINEER, Title.SENIOR_ENGINEER}),
    "3": ({"3"}, {Title.SENIOR_ENGINEER}),
}


@pytest.mark.parametrize("code", ["SMART-MFG", "BIG-DATA", "BLOCKCHAIN"])
@pytest.mark.parametrize("taught", ["1", "2", "3"])
def test_who_may_teach(code, taught):
    programme, (levels, titles) = CATALOGUE.programme(code), MAY[taught]
    for held in LEVELS:
        for title in TITLES:
            if held in levels or title in titles:
                require_teacher(programme, taught, holds_level=held, title=title)
                continue
            with pytest.raises(TeacherRefused):
                require_teacher(programme, taught, holds_level=held, title=title)


def test_where_the_source_says_nothing_of_teachers_anybody_may():
    require_teacher(CATALOGUE.programme("EDGE-AI"), "2", holds_level=None, title=None)


# — attendance lists —


TWO = (unit(4, "图像"), unit(6, "视觉"))


def earlier(hours: int, on: int, unit_place: int = 1) -> Attended:
    return Attended(admission=A, unit=unit_place, on=date(2026, 11, on), hours=hours)


def read(text: str, units=TWO, taken=()):
    return read_attendance(text.encode(), units=units, admissions={A, B}, taken=taken, today=TODAY)


def test_a_list_is_read_by_the_place_or_the_name_of_a_unit():
    found = read(f"准考证号,单元,日期,学时\n{A},1,2026-11-01,4\n{B},视觉,2026-11-22,6\n")
    assert found.problems == ()
    assert [(one.admission, one.unit, one.hours) for one in found.accepted()] == [(A, 1, 4), (B, 2, 6)]


def test_a_course_of_one_unit_needs_no_column_for_it():
    found = read(f"准考证号,日期,学时\n{A},2026-11-01,8\n", units=(unit(90),))
    assert [(one.unit, one.hours) for one in found.accepted()] == [(1, 8)]
    assert [one.code for one in read(f"准考证号,日期,学时\n{A},2026-11-01,8\n").problems] == ["training/missing-column"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("26110001000003,1,2026-11-01,4", "unknown-participant"),
        (f"{A},3,2026-11-01,4", "unknown-unit"),
        (f"{A},,2026-11-01,4", "field-required"),
        (f"{A},1,2026-11-23,4", "attended-on"),
        (f"{A},1,2026-02-29,4", "attended-on"),
        (f"{A},1,yesterday,4", "attended-on"),
        (f"{A},1,2026-11-01,0", "attended-hours"),
        (f"{A},1,2026-11-01,25", "attended-hours"),
        (f"{A},1,2026-11-01,1.5", "attended-hours"),
        (f"{A},1,2026-11-02,4", "attended-twice"),
    ],
)
def test_a_bad_row_is_named_and_refuses_the_list(row, code):
    found = read(f"准考证号,单元,日期,学时\n{row}\n", taken=[earlier(4, 2)])
    assert [(one.line, one.code) for one in found.problems] == [(2, f"training/{code}")]
    assert code in ATTENDANCE_PROBLEMS
    with pytest.raises(AttendanceRefused):
        found.accepted()


def test_the_same_lesson_twice_in_a_file_is_refused():
    found = read(f"准考证号,单元,日期,学时\n{A},1,2026-11-01,2\n{A},图像,2026-11-01,2\n")
    assert [(one.line, one.code) for one in found.problems] == [(3, "training/attended-twice")]


def test_a_day_has_so_many_hours_whatever_the_units_and_the_lists():
    four = [unit(24) for _ in range(4)]
    rows = "".join(f"{A},{place},2026-11-01,8\n" for place in (1, 2, 3, 4))
    found = read(f"准考证号,单元,日期,学时\n{rows}{B},1,2026-11-01,24\n{A},1,2026-11-02,24\n", units=four)
    assert [(one.line, one.column, one.code) for one in found.problems] == [(5, "学时", "training/attended-day")]
    assert found.problems[0].reason.zh == "同一人这一天合计32学时，超过24学时"
    row = f"准考证号,单元,日期,学时\n{A},2,2026-11-01,8\n"
    assert read(row, units=four, taken=[earlier(16, 1)]).problems == ()
    over = read(row, units=four, taken=[earlier(16, 1), earlier(1, 1, 3), earlier(24, 2)])
    assert [(one.line, one.code) for one in over.problems] == [(2, "training/attended-day")]


@given(st.binary(max_size=300))
def test_whatever_the_bytes_reading_ends_in_a_report(data):
    found = read_attendance(data, units=(unit(4),), admissions={A}, taken=(), today=TODAY)
    assert found.problems or found.entries
