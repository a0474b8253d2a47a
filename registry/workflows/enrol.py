"""Enrol: take a roster, decide who may sit."""

from dataclasses import dataclass, replace

from registry.anchor.facts import certificate_life
from registry.enrolment import ROSTER_PROBLEMS, RosterReading, decide, read_roster
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.identifiers import IssuerCode
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock
from registry.ports.storage import Application, KeyReused, Roster, Store, UnitOfWork
from registry.programme import Catalogue, LevelCode, Programme
from registry.status import Status


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
    """Decide every undecided application by the rules of the programme version its roster was taken under."""
    now = clock.now()
    today = now.astimezone(CHINA_TIME).date()
    eligible = refused = 0
    with store.write() as unit:
        programmes = {one.id: catalogue.by_digest(one.programme_digest) for one in unit.enrolments.rosters()}
        waiting = list(unit.enrolments.applications(roster=roster, undecided=True))
        for done, application in enumerate(waiting, start=1):
            decision = decide(
                application.candidate,
                programmes[application.roster],
                application.level,
                on=today,
                held=_held(unit, issuer, application),
            )
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
    return Decided(eligible=eligible, refused=refused)


def _held(unit: UnitOfWork, issuer: IssuerCode, application: Application) -> frozenset[LevelCode]:
    """Levels that our own registry issued to this person and that stand: a claim in a roster counts for nothing."""
    levels: set[LevelCode] = set()
    for level, batch, leaf in unit.batches.held_by(application.person, application.programme):
        records = unit.projection.concerning(issuer, batch, leaf)
        last = next(reversed(tuple(certificate_life(records, issuer, batch, leaf))), None)
        if last is None or last.status is Status.VALID:
            levels.add(LevelCode(level))
    return frozenset(levels)
