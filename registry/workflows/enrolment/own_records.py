"""What our own registry knows of the people whose applications are decided: a roster's claim counts for nothing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from registry.anchor.states import AnchorState
from registry.enrolment import Candidate, Decision, decide
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.identifiers import BatchId, IssuerCode
from registry.ports.storage import Application, UnitOfWork
from registry.programme import LevelCode, OneLevelAtATime, Programme
from registry.status import Status
from registry.workflows.enrolment.hours import attended_hours
from registry.workflows.lineage.present import standing_at
from registry.workflows.lineage.succession import awaiting_succession


class OwnRecords:
    """Decides applications by what is kept: certificates that stand, and other applications of the same person."""

    def __init__(self, unit: UnitOfWork, issuer: IssuerCode, waiting: Iterable[Application]) -> None:
        self._unit, self._issuer = unit, issuer
        waiting = list(waiting)
        self._attended = attended_hours(unit, [one.admission for one in waiting])
        self._undecided = {(one.person, one.programme, one.level) for one in waiting}
        self._open: set[tuple[str, str, str]] = set()
        self._issued_on: dict[bytes, date] | None = None
        self._successors: dict[BatchId, set[int]] = {}

    def decide(self, application: Application, programme: Programme, *, on: date) -> Decision:
        """Decide one application; those of the same person that came before it are open ones to it."""
        held = self._standing(application.person, programme.code)
        decision = decide(
            self._with_hours(application),
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

    def _with_hours(self, application: Application) -> Candidate:
        """Take the hours of who is in a course from its confirmed lists, whatever the roster states."""
        candidate, hours = application.candidate, self._attended.get(application.admission)
        if hours is None:
            return candidate
        return replace(candidate, evidence=replace(candidate.evidence, attended_hours=hours))

    def _standing(self, person: str, programme: str) -> dict[LevelCode, date]:
        """Levels of a programme that we issued to a person and that stand, with the days of issue."""
        first: dict[str, date] = {}
        standing: set[str] = set()
        for level, batch, leaf in self._unit.batches.held_by(person, programme):
            if leaf in self._awaiting(batch):
                continue  # what it is to replace is held, until it falls
            status = standing_at(self._unit, self._issuer, batch, leaf)
            if status is Status.VALID:
                standing.add(level)
            if status in (Status.VALID, Status.SUPERSEDED):  # whose successor stands is held since the first of them
                first[level] = min(self._issue_days()[batch], first.get(level, date.max))
        return {LevelCode(level): first[level] for level in standing}

    def _awaiting(self, chain_batch: BatchId) -> set[int]:
        """Which leaves of a batch have not taken the place of others, or never will."""
        if chain_batch not in self._successors:
            batch = self._unit.batches.of_chain(chain_batch)
            self._successors[chain_batch] = awaiting_succession(self._unit, batch) if batch is not None else set()
        return self._successors[chain_batch]

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
        who = {candidate.line: application.person}
        return bool(self._unit.enrolments.still_open(application.programme, [candidate], known=who))
