"""Enrol: take a roster, decide who may sit."""

from dataclasses import dataclass, replace

from registry.enrolment import ROSTER_PROBLEMS, RosterReading, read_roster
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.identifiers import IssuerCode
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock
from registry.ports.storage import KeyReused, Roster, Store, UnitOfWork
from registry.programme import Catalogue, Programme, ProgrammeVersionTwice
from registry.workflows.judge import OwnRecords
from registry.workflows.photographs import PhotographsRefused, PhotographsTaken, take_photographs

__all__ = [
    "Decided",
    "Imported",
    "PhotographsRefused",
    "PhotographsTaken",
    "check_roster",
    "decide_applications",
    "import_roster",
    "take_photographs",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A roster that was taken, now or before."""

    roster: Roster
    reading: RosterReading
    repeated: bool
    """The same file was taken before; nothing new was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """How many applications were decided, and how."""

    eligible: int
    refused: int
    to_judge: int = 0
    """Left undecided, since a person must judge something first."""


def check_roster(store: Store, clock: Clock, programme: Programme, data: bytes) -> RosterReading:
    """Read a roster and find everything wrong with it, also against who is enrolled already; stores nothing.

    A file that was taken before is read as it was then.
    """
    with store.read() as unit:
        reading = _read(clock, programme, data)
        if unit.enrolments.roster_of_file(reading.digest) is not None:
            return reading
        return _without_enrolled(unit, programme, reading)


def _read(clock: Clock, programme: Programme, data: bytes) -> RosterReading:
    return read_roster(data, programme=programme, today=clock.now().astimezone(CHINA_TIME).date())


def _without_enrolled(unit: UnitOfWork, programme: Programme, reading: RosterReading) -> RosterReading:
    """Refuse the rows of people whose application for the same level is still open: they would sit, or pass, twice."""
    lines = unit.enrolments.still_open(programme.code, reading.candidates)
    kind = ROSTER_PROBLEMS["already-enrolled"]
    problems = (*reading.problems, *(kind.at(line) for line in sorted(lines)))
    return replace(
        reading,
        candidates=tuple(one for one in reading.candidates if one.line not in lines),
        problems=tuple(sorted(problems, key=lambda one: (one.line, one.position))),
    )


def import_roster(
    store: Store, clock: Clock, programme: Programme, data: bytes, *, person: str, good_rows_only: bool = False
) -> Imported:
    """Take a roster as a whole. The same file again is the same roster.

    Raises RowsRefused; with `good_rows_only` only where the file as a whole cannot be read.
    """
    reading = _read(clock, programme, data)
    with store.write() as unit:
        earlier = unit.enrolments.roster_of_file(reading.digest)
        if earlier is not None:
            if earlier.programme != programme.code:
                raise KeyReused(reading.digest.hex(), earlier.id)
            return Imported(roster=earlier, reading=reading, repeated=True)
        reading = _without_enrolled(unit, programme, reading)
        candidates = reading.accepted(good_rows_only=good_rows_only)
        _require_same_version(unit, programme)
        now = clock.now()
        roster = Roster(
            id=unit.next_name("R", now),
            programme=programme.code,
            programme_version=programme.version,
            programme_digest=programme.digest,
            file_digest=reading.digest,
            rows=len(candidates),
            imported_by=person,
            imported_at=now,
        )
        unit.enrolments.add_roster(roster, [(candidate.line, candidate) for candidate in candidates])
        unit.journal.write(
            at=now,
            person=person,
            action="enrol.import",
            subject=roster.id,
            rows=len(candidates),
            refused=reading.refused_rows,
            file=reading.digest.hex(),
        )
    return Imported(roster=roster, reading=reading, repeated=False)


def _require_same_version(unit: UnitOfWork, programme: Programme) -> None:
    """Refuse a programme file that was changed after a roster was taken under its version."""
    for earlier in unit.enrolments.rosters():
        version = (earlier.programme, earlier.programme_version)
        if version == (programme.code, programme.version) and earlier.programme_digest != programme.digest:
            raise ProgrammeVersionTwice(programme.code, programme.version)


def decide_applications(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    issuer: IssuerCode,
    *,
    person: str,
    roster: str | None = None,
    progress: Progress = unheard,
) -> Decided:
    """Decide every undecided application by the rules of the programme version its roster was taken under.

    An application that turns on what a person has yet to judge stays undecided.
    """
    now = clock.now()
    today = now.astimezone(CHINA_TIME).date()
    eligible = refused = to_judge = 0
    with store.write() as unit:
        programmes = {one.id: catalogue.by_digest(one.programme_digest) for one in unit.enrolments.rosters()}
        waiting = list(unit.enrolments.applications(roster=roster, undecided=True))
        known = OwnRecords(unit, issuer, waiting)
        for done, application in enumerate(waiting, start=1):
            decision = known.decide(application, programmes[application.roster], on=today)
            if decision.open:
                to_judge += 1
            else:
                unit.enrolments.decide(application.admission, decision, person, now)
                eligible, refused = eligible + decision.eligible, refused + (not decision.eligible)
            progress(done, len(waiting))
        if waiting:
            unit.journal.write(
                at=now,
                person=person,
                action="enrol.decide",
                subject=roster or "all",
                eligible=eligible,
                refused=refused,
            )
    return Decided(eligible=eligible, refused=refused, to_judge=to_judge)
