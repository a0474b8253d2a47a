"""Share: what a holder shows to somebody, of one certificate, for a purpose, until a day.

A link follows the number to its current revision and shows the fields that the holder chose, and how the certificate
stands; the certificate's key, which opens what the paper shows to everybody, is never behind it.
"""

import hmac
import re
import secrets
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from registry.access import new_token, token_hash
from registry.credential import IssuedCredential, chosen_presentation, parse
from registry.delivery.bundle import bundle_bytes
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import canonical_json
from registry.kernel.errors import MalformedInput, Missing, RuleRefusal
from registry.kernel.identifiers import IdentifierMalformed, certificate_key, new_certificate_key
from registry.ports import Clock, KeyOf
from registry.ports.access import Share
from registry.ports.storage import NotHere, Store, StoredCertificate, UnitOfWork
from registry.verification import Notice, NoticeKind, Outcome, Report
from registry.workflows.certificates.deliver import (
    ContentErased,
    NoDocument,
    photograph_of,
    receipt_of,
    require_in_place,
)

LONGEST_TERM: Final = 40
"""Characters of an audience, and of a purpose: both stand on one line of a copy's foot."""
USUAL_DAYS: Final = 30
MOST_DAYS: Final = 365
MOST_LIVE: Final = 50
"""Links of one holder that are open at a time."""
SHOWABLE: Final = frozenset(
    {Outcome.VALID, Outcome.SUSPENDED, Outcome.EXPIRED, Outcome.NOT_YET_VALID, Outcome.CANNOT_CONFIRM}
)
"""How a certificate may stand of which a copy or a link is made; how it stands is told to whoever looks at it."""
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_TOKEN_TAG: Final = b"vermilion/share-token/1\x00"
_LEADING: Final = frozenset({"successor_key", "successor_batch", "successor_index"})
"""Evidence that leads to what the holder did not choose to show."""


class Field(StrEnum):
    """What a holder may show or not show, by the credential's member; results go together."""

    NAME = "name"
    MASKED_NUMBER = "nationalIdentityNumberMasked"
    RESULTS = "result"
    GRADE = "grade"
    LATIN_NAME = "nameLatin"
    PORTRAIT = "portrait"
    WHOLE_NUMBER = "nationalIdentityNumber"


USUAL: Final = frozenset({Field.NAME, Field.MASKED_NUMBER})
"""Fields that are shown unless the holder takes them out; all others are shown only where he puts them in."""
BY_LINK: Final = frozenset(Field) - {Field.WHOLE_NUMBER}
"""Fields that a link can show: links are passed on, so the whole identity number is never behind one."""


class TermsRefused(MalformedInput):
    """Audience, purpose or last day cannot stand on a copy: `audience`, `purpose`, `until`."""

    code = "share/terms"

    def __init__(self, field: str) -> None:
        self.field = field
        expected = (
            f"a day from today to {MOST_DAYS} days from now"
            if field == "until"
            else f"1 to {LONGEST_TERM} printable characters on one line"
        )
        super().__init__(f"{field}: expected {expected}")


class ShareOver(Missing):
    """A link is unknown, withdrawn or over. One answer for every cause: why it ended is the holder's business."""

    code = "share/over"

    def __init__(self) -> None:
        super().__init__("this link was withdrawn, is over, or was never made")


class TooManyShares(RuleRefusal):
    """A holder has as many open links as one may have."""

    code = "share/too-many"

    def __init__(self) -> None:
        super().__init__(f"expected at most {MOST_LIVE} links that are open at a time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """For whom, for what and until when a holder shows a certificate."""

    audience: str
    purpose: str
    until: date
    """The last day, China time."""

    @property
    def end(self) -> datetime:
        """The first moment after the last day."""
        return datetime.combine(self.until + timedelta(days=1), time(), CHINA_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a link leads to."""

    share: Share
    document: bytes
    """A bundle with the fields that the holder chose, of the current revision, to be judged like any other."""


def last_day(share: Share) -> date:
    """Give the last day of a link, China time."""
    return (share.expires_at.astimezone(CHINA_TIME) - timedelta(microseconds=1)).date()


def is_live(share: Share, now: datetime) -> bool:
    """Tell whether a link can be opened."""
    return share.withdrawn_at is None and now < share.expires_at


def terms_of(audience: str, purpose: str, until: str, now: datetime) -> Terms:
    """Read the terms as they were typed; `until` is `YYYY-MM-DD`. Raises TermsRefused."""
    today = now.astimezone(CHINA_TIME).date()
    try:
        last = date.fromisoformat(until)
    except ValueError as error:
        raise TermsRefused("until") from error
    terms = Terms(audience=_line(audience, "audience"), purpose=_line(purpose, "purpose"), until=last)
    if not today <= last <= today + timedelta(days=MOST_DAYS):
        raise TermsRefused("until")
    return terms


def own(unit: UnitOfWork, person: str, number: str) -> StoredCertificate:
    """Give the current revision under a number, if it is this person's.

    Raises NotHere, ContentErased, and PredecessorStands for one that has not taken the other's place yet.
    """
    found = unit.batches.by_number(number)
    if found is None or found.person != person:
        raise NotHere("certificate", number)
    if found.disclosures is None:
        raise ContentErased(number)
    require_in_place(unit, found)
    return found


def fields_in(certificate: StoredCertificate) -> frozenset[Field]:
    """Tell which fields a certificate has to show."""
    members = {member.partition(".")[0] for member in certificate.disclosures or ()}
    return frozenset(one for one in Field if one in members)


def presentation_with(certificate: StoredCertificate, fields: Collection[Field]) -> str:
    """Write a certificate with the chosen fields and no others. Raises ContentErased."""
    if certificate.jwt is None or certificate.disclosures is None:
        raise ContentErased(certificate.reservation.number)
    members = {str(one) for one in fields}
    if members & {Field.MASKED_NUMBER, Field.WHOLE_NUMBER}:
        members.add("identityType")
    issued = IssuedCredential(jwt=certificate.jwt, disclosures=certificate.disclosures)
    return chosen_presentation(issued, members)


def bundle_with(unit: UnitOfWork, certificate: StoredCertificate, key_of: KeyOf, fields: Collection[Field]) -> bytes:
    """Write a certificate's bundle with the chosen fields and no others. Raises ContentErased, NotDeliverable."""
    text = presentation_with(certificate, fields)
    return bundle_bytes(text, receipt_of(unit, certificate), key_of(certificate.batch.credential_key))


def form_key(sent: str) -> str:
    """Give the key that a page drew for its form, as it came back with it; another where none came."""
    return sent if _FORM.fullmatch(sent) else new_token()


def share_token(form: str, person: str, number: str, terms: Terms, fields: Collection[Field]) -> str:
    """Give a link's token, 26 base32 characters, 130 bits: of one form with the same terms always the same.

    It is cut from HMAC-SHA256 under the form's key over `vermilion/share-token/1` ‖ 0x00 ‖ JCS of all that is chosen.
    """
    shown = " ".join(sorted(one.value for one in fields))
    chosen = canonical_json([person, number, terms.audience, terms.purpose, terms.until.isoformat(), shown])
    derived = hmac.digest(form.encode("ascii"), _TOKEN_TAG + chosen, "sha256")
    return str(new_certificate_key(lambda length: derived[:length]))


def share(
    store: Store,
    clock: Clock,
    *,
    person: str,
    number: str,
    terms: Terms,
    fields: Collection[Field],
    form: str = "",
) -> str:
    """Make a link; give its token, of which only the hash is kept. The same `form` sent again makes no other link.

    Raises NotHere, ContentErased, TooManyShares, and ShareOver where the link of that form was withdrawn meanwhile.
    """
    drawn, now = share_token(form_key(form), person, number, terms, fields), clock.now()
    with store.write() as unit:
        has = fields_in(own(unit, person, number))
        made_before = unit.shares.by_token(token_hash(drawn))
        if made_before is not None:
            if not is_live(made_before, now):
                raise ShareOver
            return drawn
        if sum(is_live(one, now) for one in unit.shares.of_person(person)) >= MOST_LIVE:
            raise TooManyShares
        made = Share(
            id=secrets.token_hex(8),
            token_hash=token_hash(drawn),
            person=person,
            number=number,
            audience=terms.audience,
            purpose=terms.purpose,
            fields=tuple(one.value for one in Field if one in has & BY_LINK and one in fields),
            made_at=now,
            expires_at=terms.end,
            withdrawn_at=None,
            opened=0,
            opened_at=None,
        )
        unit.shares.add(made)
        unit.journal.write(at=now, person=person, action="share.add", subject=made.id)
    return drawn


def open_share(store: Store, clock: Clock, key_of: KeyOf, token: str) -> Opened:
    """Give what a link leads to; letter case does not matter. Raises ShareOver."""
    with store.read() as unit:
        found, certificate = _behind(unit, clock, token)
        try:
            document = bundle_with(unit, certificate, key_of, [Field(one) for one in found.fields])
        except Missing as error:
            raise ShareOver from error
    return Opened(share=found, document=document)


def shared_photograph(store: Store, clock: Clock, token: str) -> bytes:
    """Give the photograph behind a link, as JPEG, where the holder chose to show it. Raises ShareOver, NoDocument."""
    with store.read() as unit:
        found, certificate = _behind(unit, clock, token)
        text = presentation_with(certificate, [Field(one) for one in found.fields])
        image = photograph_of(unit, certificate, parse(text))
    if image is None:
        raise NoDocument
    return image


def _behind(unit: UnitOfWork, clock: Clock, token: str) -> tuple[Share, StoredCertificate]:
    """Find a live link and the certificate that it is of. Raises ShareOver."""
    try:
        found = unit.shares.by_token(token_hash(certificate_key(token)))
    except IdentifierMalformed as error:
        raise ShareOver from error
    if found is None or not is_live(found, clock.now()):
        raise ShareOver
    try:
        return found, own(unit, found.person, found.number)
    except Missing as error:  # erased since
        raise ShareOver from error


def note_opened(store: Store, clock: Clock, share: Share) -> None:
    """Count one opening of a link by somebody else than its holder."""
    with store.write() as unit:
        unit.shares.opened(share.id, clock.now())


def as_shared(report: Report, share: Share) -> Report:
    """Say beside a verdict for whom, for what and until when the holder shows it; take out what leads further on."""
    notice = Notice(
        kind=NoticeKind.HOLDER_COPY,
        values={"audience": share.audience, "purpose": share.purpose, "until": last_day(share).isoformat()},
    )
    findings = tuple(
        replace(one, evidence={name: value for name, value in one.evidence.items() if name not in _LEADING})
        for one in report.findings
    )
    return replace(report, findings=findings, notices=(*report.notices, notice), successor=None)


def shares_of(store: Store, clock: Clock, person: str) -> tuple[tuple[Share, ...], tuple[Share, ...]]:
    """Give a holder's links, the newest first: those that can be opened, and those that have ended."""
    now = clock.now()
    with store.read() as unit:
        every = unit.shares.of_person(person)
    return (
        tuple(one for one in every if is_live(one, now)),
        tuple(one for one in every if not is_live(one, now)),
    )


def withdraw(store: Store, clock: Clock, *, person: str, id: str) -> None:
    """Withdraw a link at once. Raises NotHere where it is nobody's or somebody else's."""
    now = clock.now()
    with store.write() as unit:
        found = next((one for one in unit.shares.of_person(person) if one.id == id), None)
        if found is None:
            raise NotHere("share", id)
        if found.withdrawn_at is None:
            unit.shares.withdraw(id, now)
            unit.journal.write(at=now, person=person, action="share.withdraw", subject=id)


def _line(text: str, field: str) -> str:
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(line) <= LONGEST_TERM or not line.isprintable():
        raise TermsRefused(field)
    return line
