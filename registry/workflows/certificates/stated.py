"""What a certificate states of an application beyond name and result: direction, sector, hours, form number, award."""

from collections.abc import Iterable
from dataclasses import dataclass

from registry.credential.v1 import Award, Bilingual, Coded
from registry.enrolment import Candidate
from registry.programme import Direction, DirectionCode, LevelCode, Programme, Sector, SectorCode


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedFor:
    """What is stated alike for everybody who applied for the same."""

    direction: Coded | None
    sector: Coded | None
    training_hours: int | None
    """The standard hours of the level, where the programme states any."""


class Stated:
    """Says what certificates of one programme version state; what many state alike is worked out once."""

    def __init__(self, programme: Programme) -> None:
        rules = programme.certificate
        self._programme = programme
        self._prints_form_number = rules is not None and rules.registration_number is not None
        self._applied_for: dict[tuple[LevelCode, DirectionCode | None, SectorCode | None], AppliedFor] = {}

    def applied_for(self, candidate: Candidate) -> AppliedFor:
        """Name direction and sector that were chosen, and the hours of the level."""
        chosen = candidate.level, candidate.direction, candidate.sector
        found = self._applied_for.get(chosen)
        if found is None:
            found = self._applied_for[chosen] = self._say_applied_for(*chosen)
        return found

    def form_number(self, candidate: Candidate) -> str | None:
        """Give the second number, where the programme's certificates print one."""
        return candidate.registration_number if self._prints_form_number else None

    def _say_applied_for(
        self, level: LevelCode, direction: DirectionCode | None, sector: SectorCode | None
    ) -> AppliedFor:
        found = self._programme.level(level)
        return AppliedFor(
            direction=_coded(direction, self._programme.directions),
            sector=_coded(sector, self._programme.sectors),
            training_hours=None if found is None else found.training_hours,
        )


def award_of(candidate: Candidate) -> Award | None:
    """Say what was won in a competition."""
    won = candidate.evidence.award
    if won is None:
        return None
    return Award(contest=won.contest, edition=won.edition, event=won.event, rank=won.rank)


def _coded(code: str | None, among: Iterable[Direction | Sector]) -> Coded | None:
    found = next((one for one in among if one.code == code), None)
    return None if found is None else Coded(code=found.code, name=Bilingual(zh=found.name.zh, en=found.name.en))
