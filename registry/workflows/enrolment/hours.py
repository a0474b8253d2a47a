"""Hours: what was attended, and whose decision has to wait for training or for a unit's first review."""

from collections.abc import Iterable, Mapping, Sequence

from registry.enrolment import AdmissionState, hours_attended
from registry.ports.storage import Application, UnitOfWork
from registry.programme import Programme

_BEFORE_DECISION = frozenset(
    {AdmissionState.PRE_REGISTERED, AdmissionState.RETURNED, AdmissionState.WITHDRAWN, AdmissionState.REFUSED}
)


def attended_hours(unit: UnitOfWork, admissions: Iterable[str]) -> dict[str, int]:
    """Count the confirmed standard hours of each of these applications that is in a course."""
    course_of = unit.courses.course_of(admissions)
    hours: dict[str, int] = {}
    for course_id in sorted(set(course_of.values())):
        units = unit.courses.course(course_id).units
        attended = unit.courses.attended(course_id)
        hours |= {
            admission: hours_attended(units, (one for one in attended if one.admission == admission))
            for admission, of in course_of.items()
            if of == course_id
        }
    return hours


def hours_needed(programme: Programme, level: str) -> int:
    """Give the standard hours of a level; 0 = the programme states none."""
    target = programme.level(level)
    return 0 if target is None or target.training_hours is None else target.training_hours


def not_yet_to_decide(
    unit: UnitOfWork, waiting: Sequence[Application], programmes: Mapping[str, Programme]
) -> frozenset[str]:
    """Name the applications that wait: in a course with hours to go, or registered by a unit and not reviewed.

    `programmes`: the version of each roster.
    """
    admissions = [one.admission for one in waiting]
    hours, trails = attended_hours(unit, admissions), unit.admissions.trails(admissions)
    return frozenset(
        one.admission
        for one in waiting
        if (one.admission in hours and hours[one.admission] < hours_needed(programmes[one.roster], one.level))
        or (one.admission in trails and trails[one.admission].state in _BEFORE_DECISION)
    )
