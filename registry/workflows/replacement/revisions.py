"""Revisions: what a certificate was issued for, what took its place, and what the two say differently."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from registry.anchor.states import AnchorState
from registry.credential import IssuedCredential, Presentation, full_presentation, parse
from registry.credential.v1 import Bilingual
from registry.kernel.identifiers import CertificateNumber
from registry.ports.replacements import Replacement
from registry.ports.storage import StoredCertificate, UnitOfWork
from registry.status import Status
from registry.workflows.lineage.present import present_standing
from registry.workflows.lineage.succession import awaiting_succession
from registry.workflows.replacement.ask_replacement import said_of_holder

PENDING = "pending"
"""Word of a certificate that does not stand yet: its batch is not final, or its predecessor stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that a certificate and its successor say differently."""

    member: str
    """As in the credential; `result.<paper>` for a score, `validUntil`, `licenseNumber`."""
    before: str | None = field(repr=False)
    after: str | None = field(repr=False)
    before_en: str | None = field(default=None, repr=False)
    """In English, where the programme names it so, as a grade."""
    after_en: str | None = field(default=None, repr=False)
    paper: Bilingual | None = None
    """Of a score, what its paper is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One certificate in the line of those that took each other's place."""

    number: CertificateNumber
    revision: int
    batch: str
    status: str
    """Status word, or `pending`."""
    replacement: Replacement | None
    """What it came of; None = it is the first."""


def status_word_of(unit: UnitOfWork, certificate: StoredCertificate) -> str:
    """Give the status word of a certificate by the records read so far, `pending` where it does not stand yet."""
    if certificate.batch.state is not AnchorState.FINAL:
        return PENDING
    standing = present_standing(unit, certificate)
    waits = standing is Status.VALID and certificate.reservation.leaf in awaiting_succession(unit, certificate.batch)
    return PENDING if waits else standing.word


def changes_of_replacement(unit: UnitOfWork, of: Replacement) -> list[Change]:
    """Say what a replacement changes: by the signed successor where there is one, else by what was asked for.

    Nothing where the holder was erased.
    """
    old = unit.batches.by_number(of.number, of.revision)
    before = _full(old)
    if before is None or of.corrected is None:
        return []
    new = _full(successor_asked(unit, of))
    if new is not None:
        return _compared(before, new)
    said = said_of_holder(before)
    return [
        Change(member=member.value, before=said.get(member), after=value or None)
        for member, value in of.corrected.items()
        if said.get(member, "") != value
    ]


def successor_asked(unit: UnitOfWork, of: Replacement) -> StoredCertificate | None:
    """Find the certificate that a replacement made; None = it has no place yet."""
    if of.batch is None or of.leaf is None:
        return None
    return unit.batches.by_leaf(unit.batches.batch(of.batch).batch, of.leaf)


def line_of(unit: UnitOfWork, certificate: StoredCertificate) -> list[Revision]:
    """Give all certificates that took each other's place, the first one first; those given up are left out."""
    first, seen = certificate, {certificate.reservation.jti}
    while (before := _predecessor(unit, first)) is not None and before.reservation.jti not in seen:
        first = before
        seen.add(before.reservation.jti)
    return list(_following(unit, first))


def _following(unit: UnitOfWork, first: StoredCertificate) -> Iterator[Revision]:
    at: StoredCertificate | None = first
    seen = set[str]()
    while at is not None and at.reservation.jti not in seen:
        seen.add(at.reservation.jti)
        yield Revision(
            number=at.reservation.number,
            revision=at.reservation.revision,
            batch=at.batch.id,
            status=status_word_of(unit, at),
            replacement=unit.replacements.that_made(at.batch.id, at.reservation.leaf),
        )
        of = unit.replacements.of_certificate(at.reservation.number, at.reservation.revision)
        at = None if of is None else successor_asked(unit, of)


def _predecessor(unit: UnitOfWork, certificate: StoredCertificate) -> StoredCertificate | None:
    of = unit.replacements.that_made(certificate.batch.id, certificate.reservation.leaf)
    return None if of is None else unit.batches.by_number(of.number, of.revision)


def _full(certificate: StoredCertificate | None) -> Presentation | None:
    if certificate is None or certificate.jwt is None or certificate.disclosures is None:
        return None
    return parse(full_presentation(IssuedCredential(jwt=certificate.jwt, disclosures=certificate.disclosures)))


def _compared(before: Presentation, after: Presentation) -> list[Change]:
    old, new = _said(before), _said(after)
    old_en, new_en = _said_in_english(before), _said_in_english(after)
    papers = _papers(before) | _papers(after)
    return [
        Change(
            member=member,
            before=old.get(member),
            after=new.get(member),
            before_en=old_en.get(member),
            after_en=new_en.get(member),
            paper=papers.get(member),
        )
        for member in dict.fromkeys((*old, *new))
        if old.get(member) != new.get(member)
    ]


def _said(shown: Presentation) -> dict[str, str]:
    terms, said = shown.terms, {"licenseNumber": str(shown.entry.license_number)}
    said |= {member.value: text for member, text in said_of_holder(shown).items()}
    said |= {f"result.{one.paper}": one.value for one in shown.disclosed.results if one is not None}
    if shown.disclosed.grade is not None:
        said["grade"] = shown.disclosed.grade.name.zh
    if terms.last_valid_day is not None:
        said["validUntil"] = terms.last_valid_day.isoformat()
    return said


def _said_in_english(shown: Presentation) -> dict[str, str | None]:
    grade = shown.disclosed.grade
    return {} if grade is None else {"grade": grade.name.en}


def _papers(shown: Presentation) -> dict[str, Bilingual]:
    return {f"result.{one.paper}": one.name for one in shown.disclosed.results if one is not None}
