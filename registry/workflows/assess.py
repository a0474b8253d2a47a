"""Assess: enter a sheet of marks, have a second person confirm it."""

import hashlib
from dataclasses import dataclass
from datetime import date

from registry.assessment import ScoreSheetReading, read_scores, require_second_person
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Conflict, RuleRefusal
from registry.kernel.identifiers import Digest
from registry.ports import Clock
from registry.ports.storage import Mark, Sheet, Store
from registry.programme import LevelCode, Programme


class ExaminedLater(RuleRefusal):
    """The day of the examination lies ahead."""

    code = "exam/examined-later"

    def __init__(self, examined_on: date, today: date) -> None:
        self.examined_on, self.today = examined_on, today
        super().__init__(f"the examination cannot have been on {examined_on}: today is {today}")


class SheetConfirmed(Conflict):
    """The sheet was confirmed before."""

    code = "exam/confirmed-before"

    def __init__(self, sheet: str) -> None:
        self.sheet = sheet
        super().__init__(f"score sheet {sheet} was confirmed before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A sheet that was taken, now or before."""

    sheet: Sheet
    reading: ScoreSheetReading | None
    """None where the same file was taken before."""


def check_scores(store: Store, programme: Programme, data: bytes) -> ScoreSheetReading:
    """Read a sheet of marks and find everything wrong with it; stores nothing."""
    with store.read() as unit:
        awaited = unit.marks.awaited(programme.code)
    return _read(awaited, programme, data)


def _read(awaited: dict[str, str], programme: Programme, data: bytes) -> ScoreSheetReading:
    levels = {admission: LevelCode(level) for admission, level in awaited.items()}
    return read_scores(data, programme=programme, admissions=levels)


def record_scores(
    store: Store, clock: Clock, programme: Programme, data: bytes, *, examined_on: date, person: str
) -> Recorded:
    """Enter a sheet of marks as a whole. The same file again is the same sheet. Raises ExaminedLater, ScoresRefused."""
    today = clock.now().astimezone(CHINA_TIME).date()
    if examined_on > today:
        raise ExaminedLater(examined_on, today)
    with store.write() as unit:
        earlier = unit.marks.sheet_of_file(Digest(hashlib.sha256(data).digest()))
        if earlier is not None:
            return Recorded(sheet=earlier, reading=None)
        reading = _read(unit.marks.awaited(programme.code), programme, data)
        entries = reading.accepted()
        now = clock.now()
        sheet = Sheet(
            id=unit.next_name("S", now),
            file_digest=reading.digest,
            examined_on=examined_on,
            rows=len(entries),
            entered_by=person,
            entered_at=now,
            confirmed_by=None,
            confirmed_at=None,
        )
        unit.marks.add_sheet(
            sheet,
            [
                Mark(admission=entry.admission, paper=mark.paper, hundredths=mark.score_hundredths)
                for entry in entries
                for mark in entry.marks
            ],
        )
        unit.journal.write(
            at=now, person=person, action="exam.record", subject=sheet.id, rows=sheet.rows, file=reading.digest.hex()
        )
    return Recorded(sheet=sheet, reading=reading)


def confirm_sheet(store: Store, clock: Clock, sheet_id: str, *, person: str) -> Sheet:
    """Confirm a sheet as the second person. Raises FourEyes, SheetConfirmed."""
    with store.write() as unit:
        sheet = unit.marks.sheet(sheet_id)
        require_second_person(sheet.entered_by, person, "confirming scores")
        if sheet.confirmed_by is not None:
            raise SheetConfirmed(sheet_id)
        now = clock.now()
        unit.marks.confirm(sheet_id, person, now)
        unit.journal.write(at=now, person=person, action="exam.confirm", subject=sheet_id, rows=sheet.rows)
        return unit.marks.sheet(sheet_id)
