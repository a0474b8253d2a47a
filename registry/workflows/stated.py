"""What a certificate states of an application beyond name and result: direction, sector, hours, form number, award."""

from collections.abc import Iterable

from registry.credential.v1 import Award, Bilingual, Coded
from registry.enrolment import Candidate
from registry.programme import Direction, Programme, Sector


def direction_of(programme: Programme, candidate: Candidate) -> Coded | None:
    """Name the direction that was chosen."""
    return _coded(candidate.direction, programme.directions)


def sector_of(programme: Programme, candidate: Candidate) -> Coded | None:
    """Name the sector that was chosen."""
    return _coded(candidate.sector, programme.sectors)


def hours_of(programme: Programme, candidate: Candidate) -> int | None:
    """Give the standard hours of the level, where the programme states any."""
    level = programme.level(candidate.level)
    return None if level is None else level.training_hours


def form_number_of(programme: Programme, candidate: Candidate) -> str | None:
    """Give the second number, where the programme's certificates print one."""
    rules = programme.certificate
    return None if rules is None or rules.registration_number is None else candidate.registration_number


def award_of(candidate: Candidate) -> Award | None:
    """Say what was won in a competition."""
    won = candidate.evidence.award
    if won is None:
        return None
    return Award(contest=won.contest, edition=won.edition, event=won.event, rank=won.rank)


def _coded(code: str | None, among: Iterable[Direction | Sector]) -> Coded | None:
    found = next((one for one in among if one.code == code), None)
    return None if found is None else Coded(code=found.code, name=Bilingual(zh=found.name.zh, en=found.name.en))
