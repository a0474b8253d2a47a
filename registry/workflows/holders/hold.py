"""Hold: what a signed-in holder sees and takes of what is his: his certificates, copies of them, the whole of one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.credential import parse
from registry.delivery.certificate_pdf import Press
from registry.delivery.copies import copy_statement
from registry.delivery.stamped_pdf import stamped_pdf
from registry.kernel.addresses import share_address
from registry.kernel.signing import StatementSigner
from registry.ports import Clock, KeyOf
from registry.ports.storage import Store, StoredCertificate
from registry.verification import Outcome, Report
from registry.workflows.certificates.deliver import bundle_of, photograph_of
from registry.workflows.holders.share import (
    Field,
    Terms,
    bundle_with,
    form_key,
    own,
    presentation_with,
    share,
    share_token,
)


class Judge(Protocol):
    """Says how a certificate stands."""

    def by_key(self, key: str) -> Report:
        """Judge by certificate key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyDesk:
    """What copies are made with."""

    key_of: KeyOf
    press: Press
    signer: StatementSigner
    """The statement key of the body that issued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One revision of a certificate, and how it stands."""

    certificate: StoredCertificate
    report: Report


def held_by(store: Store, judge: Judge, person: str) -> tuple[tuple[Held, ...], ...]:
    """Give a person's certificates, the newest first, of each its revisions, the current one first.

    What is not on its way to the chain yet, or was erased, is not among them.
    """
    with store.read() as unit:
        of_number: dict[str, list[StoredCertificate]] = {}
        for one in unit.batches.of_person(person):
            of_number.setdefault(one.reservation.number, []).append(one)
        current = {number: unit.batches.by_number(number) for number in of_number}
    found = []
    for number, revisions in of_number.items():
        first = current[number]
        ordered = sorted(revisions, key=lambda one: (_is_same(one, first), one.reservation.revision), reverse=True)
        judged = [Held(certificate=one, report=judge.by_key(one.reservation.key)) for one in ordered]
        shown = tuple(one for one in judged if one.report.outcome not in {Outcome.NOT_FOUND, Outcome.WITHDRAWN})
        if shown:
            found.append(shown)
    return tuple(found)


def full_bundle(store: Store, clock: Clock, key_of: KeyOf, *, person: str, number: str) -> bytes:
    """Write the bundle with everything that the certificate can show, for its holder alone.

    Raises NotHere, ContentErased, NotDeliverable.
    """
    now = clock.now()
    with store.write() as unit:
        data = bundle_of(unit, own(unit, person, number), key_of, full=True)
        unit.journal.write(at=now, person=person, action="holder.full", subject=number)
    return data


def stamped_copy(
    store: Store,
    clock: Clock,
    desk: CopyDesk,
    *,
    person: str,
    number: str,
    terms: Terms,
    fields: Collection[Field],
    form: str = "",
) -> bytes:
    """Draw and sign a copy for somebody (加注); the link in its QR code shows the same fields until the same day.

    The same `form` sent again leads to the same link; the whole identity number is never behind it.
    Raises NotHere, ContentErased, NotDeliverable, GlyphMissing, TooManyShares, ShareOver.
    """
    key = form_key(form)
    token = share_token(key, person, number, terms, fields)
    with store.read() as unit:
        certificate = own(unit, person, number)
        bundle = bundle_with(unit, certificate, desk.key_of, fields)
        photograph = photograph_of(unit, certificate, parse(presentation_with(certificate, fields)))
    statement = copy_statement(
        desk.signer, bundle, purpose=terms.purpose, audience=terms.audience, until=terms.until, at=clock.now()
    )
    address = share_address(desk.press.base_url, token)
    data = stamped_pdf(desk.press, bundle, statement, address, until=terms.until.isoformat(), photograph=photograph)
    # Handed out only after its link is kept: the code on the paper always leads somewhere.
    share(store, clock, person=person, number=number, terms=terms, fields=fields, form=key)
    return data


def number_held(held: Sequence[Sequence[Held]], number: str) -> tuple[Held, ...] | None:
    """Find a certificate's revisions by its number."""
    return next((tuple(one) for one in held if one[0].certificate.reservation.number == number), None)


def _is_same(one: StoredCertificate, other: StoredCertificate | None) -> bool:
    return other is not None and one.reservation.key == other.reservation.key
