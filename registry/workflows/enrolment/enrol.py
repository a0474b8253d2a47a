"""Enrol: take a roster, decide who may sit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from registry.enrolment import ROSTER_PROBLEMS, Candidate, RosterReading, read_roster, roster_rows
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Conflict, RuleRefusal
from registry.kernel.identifiers import IssuerCode
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock
from registry.ports.enrolments import ProgrammeFile
from registry.ports.storage import Roster, Store, UnitOfWork
from registry.ports.training import Organisation
from registry.programme import Catalogue, Programme, ProgrammeVersionTwice, RegisteredByUnit
from registry.workflows.enrolment.admit import pre_register
from registry.workflows.enrolment.hours import not_yet_to_decide
from registry.workflows.enrolment.own_records import OwnRecords
from registry.workflows.enrolment.photographs import PhotographsRefused, PhotographsTaken, take_photographs
from registry.workflows.lineage.identities import known_holders

__all__ = [
    "Decided",
    "Imported",
    "PhotographsRefused",
    "PhotographsTaken",
    "RosterOfAnother",
    "UnitDiffers",
    "check_roster",
    "decide_applications",
    "import_roster",
    "keep_programme",
    "take_photographs",
]

_LINES = 10
"""Line numbers that a message names."""


class RosterOfAnother(Conflict):
    """The same file was taken before as the roster of another programme."""

    code = "enrol/file-of-another-programme"

    def __init__(self, roster: str, programme: str, wanted: str) -> None:
        self.roster, self.programme, self.wanted = roster, programme, wanted
        super().__init__(
            f"this file was taken before, as roster {roster} of {programme}: it is not taken for {wanted} too"
        )


class UnitDiffers(RuleRefusal):
    """Rows of a roster name another unit than the one that hands it in."""

    code = "enrol/unit-differs"

    def __init__(self, lines: Sequence[int]) -> None:
        self.lines = tuple(lines)
        super().__init__(f"another unit registers the people in {_lines(self.lines)}")


class UnitMissing(RuleRefusal):
    """Rows name a unit for levels that only a unit registers for, and no unit hands the roster in."""

    code = "enrol/unit-missing"

    def __init__(self, lines: Sequence[int]) -> None:
        self.lines = tuple(lines)
        name = "names" if len(self.lines) == 1 else "name"
        super().__init__(f"the unit that {_lines(self.lines)} {name} has to register them itself")


def _lines(lines: Sequence[int]) -> str:
    """Name lines of a file, the first ten."""
    named = ", ".join(map(str, lines[:_LINES]))
    return f"line {named}" if len(lines) == 1 else f"lines {named}{', …' if len(lines) > _LINES else ''}"


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

    A file that was taken before is read as it was then. Raises RosterOfAnother.
    """
    with store.read() as unit:
        reading = _read(clock, programme, data)
        if _taken_before(unit, programme, reading) is not None:
            return reading
        return _without_enrolled(unit, programme, reading, data)[0]


def _taken_before(unit: UnitOfWork, programme: Programme, reading: RosterReading) -> Roster | None:
    """Find the roster that the same file was taken as. Raises RosterOfAnother."""
    earlier = unit.enrolments.roster_of_file(reading.digest)
    if earlier is not None and earlier.programme != programme.code:
        raise RosterOfAnother(earlier.id, earlier.programme, programme.code)
    return earlier


def _read(clock: Clock, programme: Programme, data: bytes) -> RosterReading:
    return read_roster(data, programme=programme, today=clock.now().astimezone(CHINA_TIME).date())


def _without_enrolled(
    unit: UnitOfWork, programme: Programme, reading: RosterReading, data: bytes
) -> tuple[RosterReading, Mapping[int, str]]:
    """Refuse the rows of people whose application for the same level is still open: they would sit, or pass, twice.

    And those with an identity number that was corrected to another one: they would state it again, or be of somebody
    else; or that somebody is to have by a correction under way: nobody can say yet whether they are that one. With the
    rest, by line, the people who are known by a corrected one.
    """
    matched = known_holders(unit, reading.candidates)
    unknown = {"identity-under-correction": matched.under_way, "identity-corrected": matched.outdated}
    refused = set().union(*unknown.values())
    enrolled = unit.enrolments.still_open(programme.code, reading.candidates, known=matched.known) - refused
    problems = [ROSTER_PROBLEMS["already-enrolled"].at(line) for line in enrolled]
    if refused:
        place = roster_rows(data, refused).places["identity_number"]
        problems += [
            ROSTER_PROBLEMS[kind].at(line, place.heading, place.position)
            for kind, lines in unknown.items()
            for line in lines
        ]
    left = replace(
        reading,
        candidates=tuple(one for one in reading.candidates if one.line not in enrolled | refused),
        problems=tuple(sorted((*reading.problems, *problems), key=lambda one: (one.line, one.position))),
    )
    return left, matched.known


def import_roster(
    store: Store,
    clock: Clock,
    programme: Programme,
    data: bytes,
    *,
    person: str,
    good_rows_only: bool = False,
    by_unit: str | None = None,
    progress: Progress = unheard,
) -> Imported:
    """Take a roster as a whole: one transaction, so that whatever stops it leaves nothing of it behind.

    The same file again is the same roster.

    `by_unit`: code of the applying unit that registers these people; each of them then begins its way to admission.
    Raises RosterUnreadable; RowsRefused unless `good_rows_only`; RosterOfAnother; NotHere, OrganisationNotOpen,
    UnitDiffers; UnitMissing where rows name one and none hands them in.
    """
    reading = _read(clock, programme, data)
    with store.write() as unit:
        earlier = _taken_before(unit, programme, reading)
        if earlier is not None:
            return Imported(roster=earlier, reading=reading, repeated=True)
        unit.require_room()
        reading, known = _without_enrolled(unit, programme, reading, data)
        candidates = reading.accepted(good_rows_only=good_rows_only)
        now = clock.now()
        keep_programme(unit, programme, now)
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
        if by_unit is None:
            _require_no_unit(programme, candidates)
        else:
            candidates = _of_unit(unit.admissions.organisation(by_unit), candidates)
        rows = [(one.line, one) for one in candidates]
        admissions = unit.enrolments.add_roster(roster, rows, progress, known=known)
        if by_unit is not None:
            pre_register(unit, clock, by_unit, admissions, person=person)
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


def _of_unit(registering: Organisation, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Write the registering unit's name into what candidates state. Raises UnitDiffers."""
    named = {None, registering.code, registering.name.zh, registering.name.en}
    wrong = [one.line for one in candidates if one.evidence.unit not in named]
    if wrong:
        raise UnitDiffers(wrong)
    return tuple(replace(one, evidence=replace(one.evidence, unit=registering.name.zh)) for one in candidates)


def _require_no_unit(programme: Programme, candidates: Iterable[Candidate]) -> None:
    """Refuse people whom a unit has to register: that a row names one registers nobody.

    Rows without one are taken, and decided against with the reason. Raises UnitMissing.
    """
    by_unit_only = {
        level.code
        for level in programme.levels
        if any(isinstance(one, RegisteredByUnit) for rule in level.requirements for one in rule.conditions)
    }
    lines = [one.line for one in candidates if one.level in by_unit_only and one.evidence.unit is not None]
    if lines:
        raise UnitMissing(lines)


def keep_programme(unit: UnitOfWork, programme: Programme, at: datetime) -> None:
    """Keep the bytes of a version when it is used: the file may change or go afterwards.

    Raises ProgrammeVersionTwice where the version was used with other bytes before.
    """
    file = ProgrammeFile(
        code=programme.code,
        version=programme.version,
        digest=programme.digest,
        document=programme.document,
        first_used_at=at,
    )
    if unit.programme_files.keep(file) != programme.digest:
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

    An application that turns on what a person has yet to judge stays undecided, and so does one that waits for its
    training or for the first review of who was registered by a unit.
    """
    now = clock.now()
    today = now.astimezone(CHINA_TIME).date()
    eligible = refused = to_judge = 0
    with store.write() as unit:
        programmes = {one.id: catalogue.by_digest(one.programme_digest) for one in unit.enrolments.rosters()}
        for programme in programmes.values():
            keep_programme(unit, programme, now)
        waiting = list(unit.enrolments.applications(roster=roster, undecided=True))
        later = not_yet_to_decide(unit, waiting, programmes)
        waiting = [one for one in waiting if one.admission not in later]
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
