"""What a roster states where a programme asks for more: choices, degrees, titles, work in the occupation, awards."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date

from registry.enrolment.identity import normal_identity_number
from registry.enrolment.model import AwardWon, Evidence, HeldTitle
from registry.enrolment.roster_cells import (
    DATE,
    DEGREES,
    EDUCATIONS,
    ENGAGEMENTS,
    TITLES,
    WORK_PROOFS,
    RowCells,
    word,
)
from registry.programme import DirectionCode, Judged, LevelCode, Programme, SectorCode

_NUMBER = re.compile(r"[\w.()（）〔〕-]{1,64}")
_HOURS = re.compile(r"([0-9]{1,4})(?:学时|hours?)?")


class Asked:
    """The words that one programme's choices and judgements are stated with."""

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        self.sectors: Mapping[str, SectorCode] = {
            word(text): one.code for one in programme.sectors for text in (one.code, one.name.zh, one.name.en)
        }
        judged = [
            one
            for level in programme.levels
            for rule in (*level.requirements, *level.rules)
            for one in rule.conditions
            if isinstance(one, Judged) and one.on_claim
        ]
        self.claims = {word(text): one.subject for one in judged for text in (one.subject, one.name.zh, one.name.en)}
        self._directions = {
            level.code: {
                word(text): one.code
                for one in programme.directions_of(level.code)
                for text in (one.code, one.name.zh, one.name.en)
            }
            for level in programme.levels
        }

    def direction(self, cells: RowCells, level: LevelCode | None) -> DirectionCode | None:
        """Read the direction: exactly one where the level has any, none where it has none."""
        if level is None:
            return None
        words = self._directions[level]
        return cells.chosen("direction", words, "direction-unknown", required=bool(words))


def read_evidence(cells: RowCells, asked: Asked, today: date) -> Evidence:
    """Read what the columns beyond those of every roster state; a column that is not asked for was not read."""
    return Evidence(
        degrees=cells.several("degrees", DEGREES, "degree-unknown"),
        major=cells.text("major"),
        final_year_of=cells.chosen("final_year", EDUCATIONS, "education-unknown"),
        occupation_months=cells.months("occupation_work"),
        months_since_held=cells.months("since_held"),
        work_proofs=cells.several("work_proofs", WORK_PROOFS, "work-proof-unknown"),
        engagement=cells.chosen("engagement", ENGAGEMENTS, "engagement-unknown"),
        titles=_titles(cells, today),
        hours_certificate=cells.checked("hours_certificate", normal_identity_number, _NUMBER, "number-format"),
        attended_hours=_hours(cells),
        unit=cells.text("unit"),
        award=_award(cells),
        position=cells.text("position"),
        address=cells.text("address"),
        history=cells.text("history"),
        claims=cells.several("claims", asked.claims, "claim-unknown"),
    )


def registration_number(cells: RowCells) -> str | None:
    """Read the number of the registration form (编号)."""
    return cells.checked("registration_number", normal_identity_number, _NUMBER, "number-format")


def _titles(cells: RowCells, today: date) -> tuple[HeldTitle, ...]:
    title = cells.chosen("title", TITLES, "title-unknown")
    obtained, worked = _day(cells, "title_date", today), cells.months("since_title")
    return () if title is None else (HeldTitle(title=title, obtained=obtained, worked_months=worked),)


def _day(cells: RowCells, key: str, today: date) -> date | None:
    text = cells.text(key)
    if text is None:
        return None
    match = DATE.fullmatch(unicodedata.normalize("NFKC", text).replace(" ", ""))
    day = match and (match[3] or match[5])
    try:
        found = date(int(match[1]), int(match[2] or match[4]), int(day)) if match and day else None
    except ValueError:
        found = None
    if found is None or found > today:
        cells.fault(key, "date-format")
        return None
    return found


def _hours(cells: RowCells) -> int | None:
    text = cells.text("attended_hours")
    if text is None:
        return None
    match = _HOURS.fullmatch(word(text))
    if match is None:
        cells.fault("attended_hours", "hours-format")
        return None
    return int(match[1])


def _award(cells: RowCells) -> AwardWon | None:
    if not cells.has_column("contest"):
        return None
    contest, edition, event, rank = (cells.required(key) for key in ("contest", "edition", "event", "rank"))
    if contest is None or edition is None or event is None or rank is None:
        return None
    return AwardWon(contest=contest, edition=edition, event=event, rank=rank, organisers=cells.text("organisers"))
