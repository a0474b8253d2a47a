"""Judge: what a person found where no machine can know, and refusals that people override; each by two people.

1. one person enters what they found, with a reason; it counts for nothing yet;
2. a second person confirms it: only the newest on the same thing can be confirmed;
3. what was judged counts when the application is decided next; an override admits a refused candidate at once, and
   everything that the rules found stays.
"""

from typing import Final

from registry.access import require_named, require_second_person
from registry.assessment import require_reason
from registry.enrolment import HELD_CERTIFICATE, HOURS_CERTIFICATE, held_subjects
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Conflict, RuleRefusal
from registry.kernel.identifiers import IssuerCode
from registry.ports import Clock
from registry.ports.enrolments import JudgedByPerson
from registry.ports.storage import Application, Store, UnitOfWork
from registry.programme import OVERRIDE, Catalogue, Judged, Programme
from registry.workflows.enrolment.own_records import OwnRecords

JUDGE: Final = "enrol.judge"
OVERRULE: Final = "enrol.override"
CONFIRM: Final = "enrol.confirm-judgement"


class NothingToJudge(RuleRefusal):
    """The rules of the application's level let nobody judge such a thing."""

    code = "enrol/nothing-to-judge"

    def __init__(self, admission: str, subject: str, expected: tuple[str, ...]) -> None:
        self.admission, self.subject, self.expected = admission, subject, expected
        super().__init__(f"application {admission}: expected one of {', '.join(expected) or 'nothing'} to judge")


class ApplicationDecided(Conflict):
    """An application is decided: nothing is judged about it any more."""

    code = "enrol/decided"

    def __init__(self, admission: str) -> None:
        self.admission = admission
        super().__init__(f"application {admission} is decided already")


class NotRefused(Conflict):
    """There is no refusal to override."""

    code = "enrol/not-refused"

    def __init__(self, admission: str) -> None:
        self.admission = admission
        super().__init__(f"application {admission} is not refused: there is nothing to override")


class AppliedAgain(Conflict):
    """The person has another open application for the same level, and would sit twice."""

    code = "enrol/applied-again"

    def __init__(self, admission: str) -> None:
        self.admission = admission
        super().__init__(f"the person of application {admission} has another open one for the same level")


class JudgementConfirmed(Conflict):
    """A judgement was confirmed before."""

    code = "enrol/judgement-confirmed"

    def __init__(self, judgement: str) -> None:
        self.judgement = judgement
        super().__init__(f"judgement {judgement} was confirmed before")


class JudgementSuperseded(Conflict):
    """A newer judgement on the same thing was entered."""

    code = "enrol/judgement-superseded"

    def __init__(self, judgement: str, newer: str) -> None:
        self.judgement, self.newer = judgement, newer
        super().__init__(f"judgement {judgement} was followed by {newer}, which takes its place")


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
) -> JudgedByPerson:
    """Enter what a person judged on an application that is not decided yet; it counts once it is confirmed.

    Raises NotHere, ApplicationDecided, NothingToJudge, ReasonMissing, PersonUnnamed.
    """
    by, why = require_named(person, "a judgement"), require_reason(reason)
    with store.write() as unit:
        application = _undecided(unit, admission)
        programme = catalogue.by_digest(unit.enrolments.roster(application.roster).programme_digest)
        subjects = subjects_of(programme, application)
        if subject not in subjects:
            raise NothingToJudge(admission, subject, subjects)
        return _entered(unit, clock, admission, subject, JUDGE, favourable=favourable, reason=why, person=by)


def override_refusal(store: Store, clock: Clock, admission: str, *, reason: str, person: str) -> JudgedByPerson:
    """Ask that a refused candidate is admitted all the same; it counts once it is confirmed.

    Raises NotHere, NotRefused, AppliedAgain, ReasonMissing, PersonUnnamed.
    """
    by, why = require_named(person, "an override"), require_reason(reason)
    with store.write() as unit:
        _refused(unit, admission)
        return _entered(unit, clock, admission, OVERRIDE, OVERRULE, favourable=True, reason=why, person=by)


def confirm_judgement(store: Store, clock: Clock, judgement_id: str, *, person: str) -> JudgedByPerson:
    """Let a judgement or an override count, as the second person.

    Raises NotHere, FourEyes, PersonUnnamed, JudgementConfirmed, JudgementSuperseded, and what entering it raises.
    """
    with store.write() as unit:
        judged = unit.judgements.judgement(judgement_id)
        require_second_person(judged.entered_by, person, "confirming a judgement")
        if judged.confirmed_by is not None:
            raise JudgementConfirmed(judgement_id)
        newest = [one for one in unit.judgements.judgements(judged.admission) if one.subject == judged.subject][-1]
        if newest.id != judgement_id:  # 2
            raise JudgementSuperseded(judgement_id, newest.id)
        if judged.subject == OVERRIDE:  # 3
            _refused(unit, judged.admission)
            unit.enrolments.admit_all_the_same(judged.admission)
        else:
            _undecided(unit, judged.admission)
        now = clock.now()
        unit.judgements.confirm(judgement_id, person.strip(), now)
        unit.journal.write(at=now, person=person, action=CONFIRM, subject=judged.admission, judgement=judgement_id)
        return unit.judgements.judgement(judgement_id)


def _entered(
    unit: UnitOfWork,
    clock: Clock,
    admission: str,
    subject: str,
    action: str,
    *,
    favourable: bool,
    reason: str,
    person: str,
) -> JudgedByPerson:
    # 1
    now = clock.now()
    judged = JudgedByPerson(
        id=unit.next_name("J", now),
        admission=admission,
        subject=subject,
        favourable=favourable,
        reason=reason,
        entered_by=person,
        entered_at=now,
    )
    unit.judgements.add(judged)
    unit.journal.write(
        at=now,
        person=person,
        action=action,
        subject=admission,
        judgement=judged.id,
        about=subject,
        favourable=favourable,
    )
    return judged


def _undecided(unit: UnitOfWork, admission: str) -> Application:
    application = unit.enrolments.application(admission)
    if application.eligible is not None:
        raise ApplicationDecided(admission)
    return application


def _refused(unit: UnitOfWork, admission: str) -> None:
    application = unit.enrolments.application(admission)
    if application.eligible is not False:
        raise NotRefused(admission)
    who = {application.candidate.line: application.person}
    if unit.enrolments.still_open(application.programme, [application.candidate], known=who):
        raise AppliedAgain(admission)


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


def subjects_of(programme: Programme, application: Application) -> tuple[str, ...]:
    """List what a person may judge of an application: what the level's rules name, and documents that are not ours."""
    target, claim = programme.level(application.level), application.candidate.held
    rules = () if target is None else (*target.requirements, *target.rules)
    named = {one.subject for rule in rules for one in rule.conditions if isinstance(one, Judged)}
    held = (HELD_CERTIFICATE,) if target is None or claim is None else held_subjects(target, claim)
    return tuple(sorted(named.union(held, {HOURS_CERTIFICATE})))
