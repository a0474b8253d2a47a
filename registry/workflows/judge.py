"""Judge: what our own registry knows of a candidate, and what a person found where no machine can know."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from registry.access import require_named
from registry.anchor.facts import certificate_life
from registry.anchor.states import AnchorState
from registry.assessment import require_reason
from registry.enrolment import HELD_CERTIFICATE, HOURS_CERTIFICATE, Decision, Judgement, decide
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import IssuerCode
from registry.ports import Clock
from registry.ports.storage import Application, Store, UnitOfWork
from registry.programme import Catalogue, Judged, LevelCode, OneLevelAtATime, Programme
from registry.status import Status


class NothingToJudge(RuleRefusal):
    """The rules of the application's level let nobody judge such a thing."""

    code = "enrol/nothing-to-judge"

    def __init__(self, admission: str, subject: str, expected: tuple[str, ...]) -> None:
        self.admission, self.subject, self.expected = admission, subject, expected
        super().__init__(f"application {admission}: expected one of {', '.join(expected) or 'nothing'} to judge")


def judge_application(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    admission: str,
    *,
    subject: str,
    favourable: bool,
    reason: str,
    person: str,
) -> None:
    """Write down what a person judged on an application that is not decided yet; the last judgement counts.

    Raises NotHere, StateMoved, NothingToJudge, ReasonMissing, PersonUnnamed.
    """
    now = clock.now()
    judged_by = require_named(person, "a judgement")
    kept = require_reason(reason)
    with store.write() as unit:
        application = unit.enrolments.application(admission)
        programme = catalogue.by_digest(unit.enrolments.roster(application.roster).programme_digest)
        subjects = subjects_of(programme, application.level)
        if subject not in subjects:
            raise NothingToJudge(admission, subject, subjects)
        judgement = Judgement(
            subject=subject,
            favourable=favourable,
            reason=kept,
            person=judged_by,
            on=now.astimezone(CHINA_TIME).date(),
        )
        unit.enrolments.judge(admission, judgement)
        unit.journal.write(
            at=now, person=judged_by, action="enrol.judge", subject=admission, about=subject, favourable=favourable
        )


def open_applications(
    store: Store, clock: Clock, catalogue: Catalogue, issuer: IssuerCode, *, roster: str | None = None
) -> list[tuple[str, tuple[str, ...]]]:
    """List admission numbers of undecided applications that turn on a judgement, each with what must be judged."""
    today = clock.now().astimezone(CHINA_TIME).date()
    found = []
    with store.read() as unit:
        programmes = {one.id: catalogue.by_digest(one.programme_digest) for one in unit.enrolments.rosters()}
        waiting = list(unit.enrolments.applications(roster=roster, undecided=True))
        known = OwnRecords(unit, issuer, waiting)
        for application in waiting:
            decision = known.decide(application, programmes[application.roster], on=today)
            if decision.open:
                found.append((application.admission, decision.to_judge))
    return found


def subjects_of(programme: Programme, level: str) -> tuple[str, ...]:
    """List what a person may judge for a level: what its rules name, and documents that are not ours."""
    target = programme.level(level)
    rules = () if target is None else (*target.requirements, *target.rules)
    named = {one.subject for rule in rules for one in rule.conditions if isinstance(one, Judged)}
    return tuple(sorted(named | {HELD_CERTIFICATE, HOURS_CERTIFICATE}))


class OwnRecords:
    """What our own registry says of the people whose applications are decided: a roster's claim counts for nothing."""

    def __init__(self, unit: UnitOfWork, issuer: IssuerCode, waiting: Iterable[Application]) -> None:
        self._unit, self._issuer = unit, issuer
        self._undecided = {(one.person, one.programme, one.level) for one in waiting}
        self._open: set[tuple[str, str, str]] = set()
        self._issued_on: dict[bytes, date] | None = None

    def decide(self, application: Application, programme: Programme, *, on: date) -> Decision:
        """Decide one application; those of the same person that came before it are open ones to it."""
        held = self._standing(application.person, programme.code)
        decision = decide(
            application.candidate,
            programme,
            application.level,
            on=on,
            held=held.keys(),
            obtained=held,
            hours=self._standing(application.person, f"{programme.code}-HOURS").keys(),
            applied=self._applied(application, programme),
        )
        if decision.eligible or decision.open:
            self._open.add((application.person, application.programme, application.level))
        return decision

    def _standing(self, person: str, programme: str) -> dict[LevelCode, date]:
        """Levels of a programme that we issued to a person and that stand, with the days of issue."""
        levels: dict[LevelCode, date] = {}
        for level, batch, leaf in self._unit.batches.held_by(person, programme):
            records = self._unit.projection.concerning(self._issuer, batch, leaf)
            last = next(reversed(tuple(certificate_life(records, self._issuer, batch, leaf))), None)
            if last is None or last.status is Status.VALID:
                issued = self._issue_days()[batch]
                levels[LevelCode(level)] = min(issued, levels.get(LevelCode(level), issued))
        return levels

    def _issue_days(self) -> dict[bytes, date]:
        if self._issued_on is None:
            self._issued_on = {
                one.batch: one.proposed_at.astimezone(CHINA_TIME).date()
                for one in self._unit.batches.batches(AnchorState.FINAL)
            }
        return self._issued_on

    def _applied(self, application: Application, programme: Programme) -> frozenset[LevelCode]:
        """Levels of the programme for which an earlier application of the same person is open."""
        target = programme.level(application.level)
        asked = target is not None and any(
            isinstance(one, OneLevelAtATime)
            for rule in (*target.requirements, *target.rules)
            for one in rule.conditions
        )
        if not asked:
            return frozenset()
        return frozenset(
            level.code
            for level in programme.levels
            if level.code != application.level and self._is_open(application, level.code)
        )

    def _is_open(self, application: Application, level: LevelCode) -> bool:
        key = (application.person, application.programme, level)
        if key in self._undecided:
            return key in self._open  # decided in this run: those before it count, those after it do not
        candidate = replace(application.candidate, level=level)
        return bool(self._unit.enrolments.still_open(application.programme, [candidate]))
