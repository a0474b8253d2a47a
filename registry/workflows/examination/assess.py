"""Assess: enter a sheet of marks, have a second person confirm it or send it back."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from registry.access import require_second_person, same_person
from registry.assessment import LISTED, FunctionRow, ScoreRow, ScoreSheetReading, read_scores, require_reason
from registry.assessment.reading import ADMISSION, LEVEL_HEADING, NAME_HEADING
from registry.enrolment import age
from registry.enrolment.dates import months_later
from registry.enrolment.table import is_formula_like
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Conflict, RuleRefusal
from registry.kernel.identifiers import Digest
from registry.ports import Clock
from registry.ports.storage import Mark, Sheet, SheetReturn, Store, UnitOfWork
from registry.programme import LevelCode, Programme

EXAMINED_WITHIN: Final = 10
"""How many years back an examination may lie: the issuing body's own figure, the sources name none."""
_MOST_NAMED: Final = 5
"""Candidates whose numbers an error gives; the rest is counted."""


class ExaminedLater(RuleRefusal):
    """The day of the examination lies ahead."""

    code = "exam/examined-later"

    def __init__(self, examined_on: date, today: date) -> None:
        self.examined_on, self.today = examined_on, today
        super().__init__(f"the examination cannot have been on {examined_on}: today is {today}")


class ExaminedLongAgo(RuleRefusal):
    """The day of the examination lies more than EXAMINED_WITHIN years back."""

    code = "exam/examined-long-ago"

    def __init__(self, examined_on: date, today: date) -> None:
        self.examined_on, self.today, self.years = examined_on, today, EXAMINED_WITHIN
        super().__init__(f"the day {examined_on} is more than {EXAMINED_WITHIN} years back: today is {today}")


class ExaminedTooYoung(RuleRefusal):
    """Somebody on the sheet was not old enough on the day of the examination, or not born."""

    code = "exam/examined-too-young"

    def __init__(self, examined_on: date, admissions: Sequence[str], lowest: int) -> None:
        self.examined_on, self.admissions, self.lowest = examined_on, tuple(admissions), lowest
        self.candidates = len(self.admissions)
        self.first = ", ".join(self.admissions[:_MOST_NAMED]) + (", …" if self.candidates > _MOST_NAMED else "")
        asked = f"had not completed {lowest} years of life" if lowest else "were not born"
        super().__init__(f"{self.candidates} on the sheet {asked} on {examined_on}: {self.first}")


class FileEnteredElsewhere(Conflict):
    """The same file was entered before, for another day or another session."""

    code = "exam/file-entered-elsewhere"

    def __init__(self, earlier: str, wanted: str) -> None:
        self.earlier, self.wanted = earlier, wanted
        super().__init__(f"this file was entered before, as score sheet {earlier}: it is not entered for {wanted} too")


class SheetConfirmed(Conflict):
    """The sheet was confirmed before."""

    code = "exam/confirmed-before"

    def __init__(self, sheet: str) -> None:
        self.sheet = sheet
        super().__init__(f"score sheet {sheet} was confirmed before")


class SheetReturned(Conflict):
    """The sheet was sent back before, and counts for nothing."""

    code = "exam/returned-before"

    def __init__(self, sheet: str) -> None:
        self.sheet = sheet
        super().__init__(f"score sheet {sheet} was returned before")


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
    """Enter a sheet of marks as a whole. The same file again is the same sheet, unless that was returned.

    Raises ExaminedLater, ExaminedLongAgo, ExaminedTooYoung, ScoresRefused, FileEnteredElsewhere where the file was
    entered for another day.
    """
    today = clock.now().astimezone(CHINA_TIME).date()
    if examined_on > today:
        raise ExaminedLater(examined_on, today)
    with store.write() as unit:
        earlier = unit.marks.sheet_of_file(Digest(hashlib.sha256(data).digest()))
        if earlier is not None:
            if earlier.examined_on != examined_on:
                raise FileEnteredElsewhere(earlier.id, examined_on.isoformat())
            return Recorded(sheet=earlier, reading=None)
        unit.require_room()
        if months_later(examined_on, 12 * EXAMINED_WITHIN) < today:
            raise ExaminedLongAgo(examined_on, today)
        reading = _read(unit.marks.awaited(programme.code), programme, data)
        entries = reading.accepted()
        _require_old_enough(unit, programme, [one.admission for one in entries], examined_on)
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
        unit.marks.add_sheet(sheet, marks_of(entries))
        unit.journal.write(
            at=now, person=person, action="exam.record", subject=sheet.id, rows=sheet.rows, file=reading.digest.hex()
        )
    return Recorded(sheet=sheet, reading=reading)


def _require_old_enough(unit: UnitOfWork, programme: Programme, admissions: Sequence[str], day: date) -> None:
    """Raise ExaminedTooYoung where somebody was younger on a day than the programme admits anybody.

    Whoever was admitted against the rules may be younger, and was born all the same.
    """
    asked: dict[str, int] = {level.code: level.lowest_age for level in programme.levels}
    newest = unit.enrolments.newest_rosters(most=1)
    if not any(asked.values()) and all(one.imported_at.astimezone(CHINA_TIME).date() <= day for one in newest):
        return  # who was enrolled by that day was born; to open thousands of applications takes time
    young: dict[str, int] = {}
    for one in unit.enrolments.of_admissions(admissions):
        lowest = 0 if one.overridden else asked.get(one.level, 0)
        if age(one.candidate.birth_date, day) < lowest:
            young[one.admission] = lowest
    if young:
        raise ExaminedTooYoung(day, sorted(young), max(young.values()))


def marks_of(entries: Iterable[ScoreRow | FunctionRow]) -> list[Mark]:
    """Give the marks of a sheet's rows; a row without papers stands on a confirmed list, and is kept as one mark."""
    return [
        Mark(admission=entry.admission, paper=paper, hundredths=hundredths)
        for entry in entries
        for paper, hundredths in [(mark.paper, mark.score_hundredths) for mark in entry.marks] or [(LISTED, None)]
    ]


def confirm_sheet(store: Store, clock: Clock, sheet_id: str, *, person: str) -> Sheet:
    """Confirm a sheet as the second person. Raises FourEyes, SheetConfirmed, SheetReturned."""
    with store.write() as unit:
        sheet = unit.marks.sheet(sheet_id)
        require_second_person(sheet.entered_by, person, "confirming scores")
        _require_waiting(sheet)
        now = clock.now()
        unit.marks.confirm(sheet_id, person, now)
        unit.journal.write(at=now, person=person, action="exam.confirm", subject=sheet_id, rows=sheet.rows)
        return unit.marks.sheet(sheet_id)


def return_sheet(store: Store, clock: Clock, sheet_id: str, *, reason: str, person: str) -> Sheet:
    """Send a sheet back before it is confirmed, or take back one's own: its candidates wait for another sheet.

    The journal tells that it was returned, and not why: the reason is free text. Raises ReasonMissing,
    SheetConfirmed, SheetReturned.
    """
    why = require_reason(reason)
    with store.write() as unit:
        sheet = unit.marks.sheet(sheet_id)
        _require_waiting(sheet)
        now = clock.now()
        unit.marks.send_back(sheet_id, SheetReturn(by=person, at=now, reason=why))
        unit.journal.write(
            at=now,
            person=person,
            action="exam.return",
            subject=sheet_id,
            rows=sheet.rows,
            own=int(same_person(sheet.entered_by, person)),
        )
        return unit.marks.sheet(sheet_id)


def _require_waiting(sheet: Sheet) -> None:
    if sheet.confirmed_by is not None:
        raise SheetConfirmed(sheet.id)
    if sheet.returned is not None:
        raise SheetReturned(sheet.id)


def blank_sheet(store: Store, programme: Programme) -> tuple[bytes, int]:
    """Write a sheet to fill in: who waits for marks, with names, one column a paper; gives it and how many it holds.

    CSV in UTF-8 with a byte order mark, so that a spreadsheet shows Chinese; `record_scores` takes it back.
    """
    headings = _paper_headings(programme)
    with store.read() as unit:
        awaited = unit.marks.awaited(programme.code)
        names = {one.admission: one.candidate.name for one in unit.enrolments.applications(eligible=True)}
    levels: dict[str, str] = {level.code: level.name.zh for level in programme.levels}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([ADMISSION.headings[0], NAME_HEADING, LEVEL_HEADING, *headings])
    for admission, level in sorted(awaited.items()):
        named = (admission, names.get(admission, ""), levels.get(level, level))
        writer.writerow([*(_cell(one) for one in named), *([""] * len(headings))])
    return text.getvalue().encode("utf-8-sig"), len(awaited)


def _paper_headings(programme: Programme) -> list[str]:
    """Head each paper's column: 成绩 where there is one paper, else its name, or its key where two share a name."""
    names = {paper.key: paper.name.zh for paper in reversed(programme.papers)}
    keys = list(dict.fromkeys(paper.key for paper in programme.papers))
    if len(keys) == 1:
        return ["成绩"]
    shared = list(names.values())
    return [names[key] if shared.count(names[key]) == 1 else key for key in keys]


def _cell(text: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    return "'" + text if text and is_formula_like(text) else text
