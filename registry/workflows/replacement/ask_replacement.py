"""Ask for a replacement: what is wrong with a certificate, or that its term is to go on, and whether that may be.

Nothing of the certificate changes by it. What comes of it is `registry.workflows.replacement.replace`'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from registry.access import require_named
from registry.anchor.facts import certificate_life
from registry.anchor.states import AnchorState
from registry.assessment import ReasonMissing as ScoreReasonMissing
from registry.assessment import Result, require_reason
from registry.assessment.sheet import MAX_REASON
from registry.credential import BatchTerms, IssuedCredential, Presentation, full_presentation, parse
from registry.enrolment import (
    ROSTER_PROBLEMS,
    IdentityType,
    ProblemKind,
    asks_for_blue,
    check_photograph,
    identity_fault,
    latin_name_fault,
    name_fault,
    normal_identity_number,
    normal_name,
)
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url
from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal
from registry.kernel.identifiers import CertificateNumber
from registry.ports import Clock
from registry.ports.replacements import Corrected, Replacement, ReplacementKind
from registry.ports.storage import Marked, NotHere, Store, StoredCertificate, UnitOfWork
from registry.programme import Catalogue, Programme
from registry.status import Status
from registry.workflows.certificates.contents import (
    result_of,
    shown_grade,
    shown_results,
)
from registry.workflows.certificates.deliver import ContentErased
from registry.workflows.lineage.present import present_standing
from registry.workflows.lineage.succession import awaiting_succession
from registry.workflows.status.ask_changes import NotFinalYet, RequestOpen

RENEWAL_OPENS: Final = timedelta(days=180)
"""How long before its last day a certificate can be renewed: the issuing body's own figure, the sources name none."""
RENEWAL_PART: Final = 4
"""Of a short term it is only the last such part: nobody renews what was issued a little while ago."""


class NotReplaceable(Conflict):
    """A certificate that does not stand is not replaced."""

    code = "replace/not-standing"

    def __init__(self, number: str, standing: Status, successor: str | None) -> None:
        self.number, self.standing, self.successor = number, standing, successor
        by = f" by {successor}" if successor is not None else ""
        super().__init__(f"certificate {number} is {standing.word}{by}: it cannot be replaced")


class ReplacementOpen(Conflict):
    """The certificate is being replaced already, otherwise than is asked now."""

    code = "replace/open"

    def __init__(self, number: str, replacement: str, kind: ReplacementKind, batch: str | None) -> None:
        self.number, self.replacement, self.kind, self.batch = number, replacement, kind, batch
        super().__init__(f"another replacement of certificate {number} is under way: {replacement} ({kind})")


class ReplacementPlaced(Conflict):
    """A replacement is in a batch already, or given up."""

    code = "replace/not-waiting"

    def __init__(self, replacement: str, batch: str | None) -> None:
        self.replacement, self.batch = replacement, batch
        super().__init__(f"replacement {replacement} {f'is in batch {batch}' if batch else 'was cancelled'}")


class NothingToCorrect(RuleRefusal):
    """The certificate says already what it is to say."""

    code = "replace/same-as-before"

    def __init__(self, number: str) -> None:
        self.number = number
        super().__init__(f"certificate {number} says this already; its scores are as confirmed too")


class ParticularMalformed(MalformedInput):
    """What a certificate is to say instead cannot stand on one."""

    code = "replace/particular"

    def __init__(self, member: Corrected, fault: str) -> None:
        self.member, self.fault = member, fault
        self.problem: ProblemKind = ROSTER_PROBLEMS[fault]
        super().__init__(f"{member} cannot stand on a certificate so: {self.problem.reason.en}")


class ReasonMissing(MalformedInput):
    """A correction or renewal is asked for without a reason, or with one that cannot be kept."""

    code = "replace/reason-missing"

    def __init__(self) -> None:
        super().__init__(f"a correction needs a reason of 1 to {MAX_REASON} printable characters")


class NoLongerPassed(RuleRefusal):
    """By the scores as they are now there is no pass: that is no correction."""

    code = "replace/no-longer-passed"

    def __init__(self, number: str) -> None:
        self.number = number
        super().__init__(f"by the corrected scores of certificate {number} its holder has not passed")


class ForLife(RuleRefusal):
    """The certificate is for life: there is no term to go on."""

    code = "replace/for-life"

    def __init__(self, number: str) -> None:
        self.number = number
        super().__init__(f"certificate {number} is valid for life and is not renewed")


class TooEarly(RuleRefusal):
    """The certificate's term does not end soon: `opens` is the first day on which it can be renewed."""

    code = "replace/too-early"

    def __init__(self, number: str, last_day: date, opens: date) -> None:
        self.number, self.last_day, self.opens = number, last_day, opens
        super().__init__(f"certificate {number} is valid until {last_day} and can be renewed from {opens} on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """What a certificate is to say otherwise; None = as before. Scores follow what was confirmed, by themselves."""

    name: str | None = field(default=None, repr=False)
    name_latin: str | None = field(default=None, repr=False)
    """Empty = none any more."""
    identity_type: IdentityType | None = None
    identity_number: str | None = field(default=None, repr=False)
    photograph: bytes | None = field(default=None, repr=False)
    """A JPEG as photographs are handed in."""


def ask_correction(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    number: str,
    particulars: Particulars,
    *,
    reason: str,
    person: str,
) -> Replacement:
    """Ask for the next revision of a certificate; the same once more gives the same.

    Raises NotHere, NotFinalYet, ContentErased, NotReplaceable, RequestOpen, ReplacementOpen, NothingToCorrect,
    ParticularMalformed, PhotographRefused, NoLongerPassed, ReasonMissing, PersonUnnamed.
    """
    by, why, now = require_named(person, "a correction"), _sound_reason(reason), clock.now()
    with store.write() as unit:
        unit.alarms.require_none()
        unit.require_room()
        old, shown = standing_certificate(unit, number)
        programme = catalogue.by_digest(old.batch.programme_digest)
        given, image = _given(shown, programme, particulars, now)
        _, result = marked_now(unit, programme, old)
        if not given and _same_result(shown, result):
            made_by = unit.replacements.that_made(old.batch.id, old.reservation.leaf)
            if made_by is not None and made_by.kind is ReplacementKind.CORRECTION and old.batch.delivered_at is None:
                return made_by  # asked for before, and cut off before it was delivered: go on with that
            raise NothingToCorrect(old.reservation.number)
        return _asked(unit, old, ReplacementKind.CORRECTION, given, image, reason=why, person=by, now=now)


def ask_renewals(
    store: Store, clock: Clock, catalogue: Catalogue, numbers: Sequence[str], *, reason: str = "", person: str
) -> list[Replacement]:
    """Ask for new terms of certificates, all or none; the same once more gives the same.

    Raises NotHere, NotFinalYet, ContentErased, NotReplaceable, RequestOpen, ReplacementOpen, ForLife, TooEarly,
    NoLongerPassed, PersonUnnamed.
    """
    by, now = require_named(person, "a renewal"), clock.now()
    why = _sound_reason(reason) if reason else ""
    asked: list[Replacement] = []
    with store.write() as unit:
        unit.alarms.require_none()
        unit.require_room()
        for number in dict.fromkeys(numbers):
            if (under_way := _renewal_under_way(unit, number)) is not None:
                asked.append(under_way)
                continue
            old, shown = standing_certificate(unit, number)
            require_renewable(old.reservation.number, shown.terms, now)
            marked_now(unit, catalogue.by_digest(old.batch.programme_digest), old)
            asked.append(_asked(unit, old, ReplacementKind.RENEWAL, {}, None, reason=why, person=by, now=now))
    return asked


def _sound_reason(text: str) -> str:
    try:
        return require_reason(text)
    except ScoreReasonMissing as error:
        raise ReasonMissing from error


def _renewal_under_way(unit: UnitOfWork, number: str) -> Replacement | None:
    """Find the renewal of a certificate that was cut off before its successor was delivered."""
    old = unit.batches.by_number(number)
    of = None if old is None else unit.replacements.of_certificate(old.reservation.number, old.reservation.revision)
    if of is None or of.kind is not ReplacementKind.RENEWAL or of.batch is None:
        return None
    return of if unit.batches.batch(of.batch).delivered_at is None else None


def standing_certificate(unit: UnitOfWork, number: str) -> tuple[StoredCertificate, Presentation]:
    """Find a certificate that stands, with all that it says.

    Raises NotHere, NotFinalYet, ContentErased, NotReplaceable, RequestOpen.
    """
    old = unit.batches.by_number(number)
    if old is None:
        raise NotHere("certificate", number)
    name = old.reservation.number
    if old.batch.state is not AnchorState.FINAL:
        raise NotFinalYet(name, old.batch.state)
    if old.jwt is None or old.disclosures is None:
        raise ContentErased(name)
    standing = present_standing(unit, old)
    if standing is not Status.VALID:
        raise NotReplaceable(name, standing, successor_of(unit, old))
    if old.reservation.leaf in awaiting_succession(unit, old.batch):
        raise NotFinalYet(name, old.batch.state)
    for request in unit.status_requests.open_on(old.batch.batch):
        if request.wanted is not Status.SUPERSEDED and (
            not request.certificates or old.reservation.leaf in request.leaves
        ):
            raise RequestOpen(name, request.id, request.wanted.word)
    return old, parse(full_presentation(IssuedCredential(jwt=old.jwt, disclosures=old.disclosures)))


def successor_of(unit: UnitOfWork, old: StoredCertificate) -> str | None:
    """Name what took a certificate's place, `<number>#<revision>`; None = nothing did that we know."""
    batch, leaf = old.batch, old.reservation.leaf
    records = unit.projection.concerning(batch.issuer, batch.batch, leaf)
    for step in certificate_life(records, batch.issuer, batch.batch, leaf):
        if step.successor is not None:
            new = unit.batches.by_leaf(*step.successor)
            return None if new is None else f"{new.reservation.number}#{new.reservation.revision}"
    return None


def _given(
    shown: Presentation, programme: Programme, wanted: Particulars, now: datetime
) -> tuple[dict[Corrected, str], bytes | None]:
    """Bring what is to be said otherwise into its form; what the certificate says already is left out."""
    said, given = shown.disclosed, dict[Corrected, str]()
    image: bytes | None = None
    if wanted.name is not None:
        given[Corrected.NAME] = _sound(Corrected.NAME, normal_name(wanted.name), name_fault)
    if wanted.name_latin is not None:
        latin = normal_name(wanted.name_latin)
        given[Corrected.NAME_LATIN] = _sound(Corrected.NAME_LATIN, latin, latin_name_fault) if latin else ""
    if wanted.identity_type is not None or wanted.identity_number is not None:
        kind = wanted.identity_type or IdentityType(said.identity_type or IdentityType.OTHER)
        number = normal_identity_number(wanted.identity_number or said.identity_number or "")
        fault = identity_fault(kind, number, now.astimezone(CHINA_TIME).date())
        if fault is not None:
            raise ParticularMalformed(Corrected.IDENTITY_NUMBER, fault)
        given |= {Corrected.IDENTITY_TYPE: kind.value, Corrected.IDENTITY_NUMBER: number}
    if wanted.photograph is not None:
        photograph = check_photograph(wanted.photograph, blue_ground=asks_for_blue(programme))
        image, given[Corrected.PORTRAIT] = photograph.image, b64url(photograph.digest)
    before = said_of_holder(shown)
    different = {member: value for member, value in given.items() if before.get(member, "") != value}
    return different, image if Corrected.PORTRAIT in different else None


def _sound(member: Corrected, text: str, fault_of: Callable[[str], str | None]) -> str:
    fault = fault_of(text)
    if fault is not None:
        raise ParticularMalformed(member, fault)
    return text


def said_of_holder(shown: Presentation) -> dict[Corrected, str]:
    """Give what a full presentation says of its holder, by member; what it does not say is left out."""
    said = shown.disclosed
    texts = {
        Corrected.NAME: said.name,
        Corrected.NAME_LATIN: said.name_latin,
        Corrected.IDENTITY_TYPE: None if said.identity_type is None else said.identity_type.value,
        Corrected.IDENTITY_NUMBER: said.identity_number,
        Corrected.PORTRAIT: None if said.portrait is None else b64url(said.portrait.digest),
    }
    return {member: text for member, text in texts.items() if text is not None}


def marked_now(unit: UnitOfWork, programme: Programme, old: StoredCertificate) -> tuple[Marked, Result]:
    """Judge again what a certificate rests on, by the scores as they are confirmed now. Raises NoLongerPassed."""
    reservation = old.reservation
    marked = unit.marks.rested_on({reservation.admission: reservation.sheet}).get(reservation.admission)
    if marked is None:
        raise ContentErased(reservation.number)
    result = result_of(programme, marked)
    if not result.passed:
        raise NoLongerPassed(reservation.number)
    return marked, result


def _same_result(shown: Presentation, result: Result) -> bool:
    said = shown.disclosed
    return (said.results, said.grade) == (shown_results(result), shown_grade(result))


def with_another_result(unit: UnitOfWork, catalogue: Catalogue, admission: str) -> list[CertificateNumber]:
    """Name the certificates of an application that stand and do not say its result as it is confirmed now."""
    found: list[CertificateNumber] = []
    for one in unit.batches.of_person(unit.enrolments.application(admission).person):
        stands = one.batch.state is AnchorState.FINAL and present_standing(unit, one) is Status.VALID
        if one.reservation.admission != admission or not stands or one.jwt is None or one.disclosures is None:
            continue
        shown = parse(full_presentation(IssuedCredential(jwt=one.jwt, disclosures=one.disclosures)))
        marked = unit.marks.rested_on({admission: one.reservation.sheet}).get(admission)
        programme = catalogue.by_digest(one.batch.programme_digest)
        result = None if marked is None else result_of(programme, marked)
        if result is not None and not (result.passed and _same_result(shown, result)):
            found.append(one.reservation.number)
    return found


def require_renewable(number: str, terms: BatchTerms, now: datetime) -> None:
    """Raise ForLife, or TooEarly where the term of a certificate does not end soon."""
    last_day = terms.last_valid_day
    if last_day is None:
        raise ForLife(number)
    opens = renewable_from(terms.valid_from.astimezone(CHINA_TIME).date(), last_day)
    if now.astimezone(CHINA_TIME).date() < opens:
        raise TooEarly(number, last_day, opens)


def renewable_from(first_day: date, last_day: date) -> date:
    """Give the first day on which a certificate can be renewed: RENEWAL_OPENS before its last, or a part of its term.

    The shorter of the two counts; `first_day` and `last_day` are those of its validity.
    """
    term = last_day - first_day + timedelta(days=1)
    return last_day - min(RENEWAL_OPENS, term // RENEWAL_PART)


def _asked(
    unit: UnitOfWork,
    old: StoredCertificate,
    kind: ReplacementKind,
    given: dict[Corrected, str],
    image: bytes | None,
    *,
    reason: str,
    person: str,
    now: datetime,
) -> Replacement:
    number, revision = old.reservation.number, old.reservation.revision
    earlier = unit.replacements.that_made(old.batch.id, old.reservation.leaf)
    carried = {} if earlier is None else dict(earlier.corrected or {})
    corrected = carried | given
    there = unit.replacements.of_certificate(number, revision)
    if there is not None:
        if (there.kind, there.corrected) != (kind, corrected):
            raise ReplacementOpen(number, there.id, there.kind, there.batch)
        return there
    if image is None and earlier is not None and Corrected.PORTRAIT in corrected:
        image = unit.replacements.image(earlier.id)
    new = Replacement(
        id=unit.next_name("X", now),
        kind=kind,
        number=number,
        revision=revision,
        corrected=corrected,
        reason=reason,
        asked_by=person,
        asked_at=now,
        jti=old.reservation.jti,
    )
    unit.replacements.add(new, image)
    unit.journal.write(at=now, person=person, action="replace.ask", subject=new.id, kind=kind.value, number=number)
    return new


def withdraw_replacement(store: Store, clock: Clock, name: str, *, person: str) -> Replacement:
    """Give up a replacement that has no batch yet. Raises NotHere, ReplacementPlaced."""
    with store.write() as unit:
        there = unit.replacements.replacement(name)
        if there.batch is not None or there.cancelled_at is not None:
            raise ReplacementPlaced(name, there.batch)
        now = clock.now()
        unit.replacements.cancel(name, person, now)
        unit.journal.write(at=now, person=person, action="replace.cancel", subject=name)
        return unit.replacements.replacement(name)
