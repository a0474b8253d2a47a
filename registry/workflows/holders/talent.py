"""Talent: holders who agree are found by authorised employers, masked, and are gone when they withdraw.

A holder agrees for one certificate, in one region, until a day. An employer finds it without number, key or whole
name, and asks; only when the holder says yes is the contact shown, for as long as entry and yes stand. Whatever is
found is valid at that moment: how a certificate stands is judged at every search.
"""

import secrets
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal
from registry.ports import Clock
from registry.ports.storage import NotHere, Store, StoredCertificate, UnitOfWork
from registry.ports.talents import ContactRequest, RequestAnswer, TalentContact, TalentEntry
from registry.programme import Catalogue, Programme, ProgrammeUnknown
from registry.verification import Outcome, Report
from registry.workflows.holders.hold import Judge
from registry.workflows.holders.share import own
from registry.workflows.holders.talent_regions import REGIONS

LONGEST_LINE: Final = 80
"""Characters of a contact, a wish, an employer's name and a purpose."""
USUAL_DAYS: Final = 180
MOST_DAYS: Final = 365
PAGE: Final = 20
"""Entries found at a time."""
MOST_JUDGED: Final = 200
"""Entries whose standing is judged for one page; where many are not valid, a page is shorter."""
REQUESTS_A_DAY: Final = 20
"""Contacts that one account may ask for in 24 hours."""


class NoTalentDatabase(RuleRefusal):
    """The rules of a certificate's programme name no talent database."""

    code = "talent/no-database"

    def __init__(self, programme: str) -> None:
        self.programme = programme
        super().__init__(f"holders of {programme} enter no talent database by its rules")


class NotFindable(RuleRefusal):
    """Only certificates that are valid now can be found."""

    code = "talent/not-valid"

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(f"only a certificate that is valid now can be found by employers; this one is {outcome}")


class WordsRefused(MalformedInput):
    """A region, day or line of a form cannot be taken; `field` says which."""

    code = "talent/words"

    def __init__(self, field: str) -> None:
        self.field = field
        expected = {
            "region": "the code of a region",
            "until": f"a day from today to {MOST_DAYS} days from now",
        }.get(field, f"1 to {LONGEST_LINE} printable characters on one line")
        super().__init__(f"{field}: expected {expected}")


class AskedBefore(Conflict):
    """An account asks a holder once for one entry, whatever the answer was."""

    code = "talent/asked-before"

    def __init__(self) -> None:
        super().__init__("this account asked for the contact of this entry before")


class TooManyRequests(RuleRefusal):
    """An account has asked for as many contacts as it may in a day."""

    code = "talent/too-many"

    def __init__(self) -> None:
        super().__init__(f"expected at most {REQUESTS_A_DAY} requests for a contact in 24 hours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a holder agrees to."""

    region: str
    contact: str
    wish: str
    until: date
    """The last day, China time."""

    @property
    def end(self) -> datetime:
        """The first moment after the last day."""
        return datetime.combine(self.until + timedelta(days=1), time(), CHINA_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an employer looks for; an empty word means any."""

    programme: str = ""
    level: str = ""
    direction: str = ""
    region: str = ""
    after: str = ""
    """Id of the last entry seen; empty = from the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One entry with its verdict. Whoever shows it masks the content first."""

    entry: TalentEntry
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One page of a search."""

    found: tuple[Found, ...]
    next: str | None
    """`Wanted.after` of the next page; None = this is the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request with what it led to."""

    request: ContactRequest
    entry: TalentEntry
    is_open: bool
    """Whether the entry can still be found; where it cannot, the contact is not shown either."""


def listing_of(region: str, contact: str, wish: str, until: str, now: datetime) -> Listing:
    """Read what a holder typed; `until` is `YYYY-MM-DD`. Raises WordsRefused."""
    if region not in REGIONS:
        raise WordsRefused("region")
    today = now.astimezone(CHINA_TIME).date()
    try:
        last = date.fromisoformat(until)
    except ValueError as error:
        raise WordsRefused("until") from error
    if not today <= last <= today + timedelta(days=MOST_DAYS):
        raise WordsRefused("until")
    return Listing(region=region, contact=_line(contact, "contact"), wish=_line(wish, "wish"), until=last)


def last_day_of(entry: TalentEntry) -> date:
    """Give the last day of an entry, China time."""
    return (entry.expires_at.astimezone(CHINA_TIME) - timedelta(microseconds=1)).date()


def is_open(entry: TalentEntry, now: datetime) -> bool:
    """Tell whether an entry can be found."""
    return entry.is_kept and entry.withdrawn_at is None and now < entry.expires_at


def database_of(catalogue: Catalogue, certificate: StoredCertificate) -> Programme | None:
    """Give the programme version of a certificate, where its rules name a talent database."""
    try:
        programme = catalogue.by_digest(certificate.batch.programme_digest)
    except ProgrammeUnknown:
        return None
    rules = programme.certificate
    return None if rules is None or rules.talent_database is None else programme


def programmes_with_database(catalogue: Catalogue) -> tuple[Programme, ...]:
    """List the programmes, each in its latest version, of which some version names a talent database."""
    return tuple(
        versions[-1]
        for versions in (catalogue.versions(code) for code in catalogue.codes())
        if any(one.certificate is not None and one.certificate.talent_database is not None for one in versions)
    )


def agree(
    store: Store, clock: Clock, catalogue: Catalogue, judge: Judge, *, person: str, number: str, listing: Listing
) -> TalentEntry:
    """Let one certificate be found, in place of what was agreed for it before.

    Raises NotHere, ContentErased, NoTalentDatabase, NotFindable.
    """
    now = clock.now()
    with store.read() as unit:
        certificate = own(unit, person, number)
    if database_of(catalogue, certificate) is None:
        raise NoTalentDatabase(certificate.batch.scope.partition("/")[0])
    report = judge.by_key(certificate.reservation.key)
    if report.outcome is not Outcome.VALID:
        raise NotFindable(report.outcome)
    entry = TalentEntry(
        id=secrets.token_hex(8),
        person=person,
        number=certificate.reservation.number,
        scope=certificate.batch.scope,
        direction=_direction(report),
        region=listing.region,
        agreed_at=now,
        expires_at=listing.end,
        withdrawn_at=None,
        is_kept=True,
    )
    with store.write() as unit:
        unit.talents.forget_expired(now)
        for earlier in unit.talents.of_person(person):
            if earlier.number == entry.number and is_open(earlier, now):
                unit.talents.withdraw(earlier.id, now)
                unit.journal.write(at=now, person=person, action="talent.withdraw", subject=earlier.id)
        unit.talents.add(entry, TalentContact(contact=listing.contact, wish=listing.wish))
        unit.journal.write(at=now, person=person, action="talent.agree", subject=entry.id)
    return entry


def leave(store: Store, clock: Clock, *, person: str, number: str) -> None:
    """Withdraw: from this moment the certificate is not found and its contact not shown, to nobody.

    Raises NotHere where nothing was agreed for it.
    """
    now = clock.now()
    with store.write() as unit:
        entry = _of_number(unit, person, number, now)
        if entry is None:
            raise NotHere("talent entry", number)
        unit.talents.withdraw(entry.id, now)
        unit.journal.write(at=now, person=person, action="talent.withdraw", subject=entry.id)


def entry_of_number(
    store: Store, clock: Clock, *, person: str, number: str
) -> tuple[TalentEntry, TalentContact, Sequence[ContactRequest]] | None:
    """Give what a holder agreed to for a certificate, with the requests for it; None = nothing that stands."""
    now = clock.now()
    with store.read() as unit:
        entry = _of_number(unit, person, number, now)
        return None if entry is None else (entry, unit.talents.contact(entry.id), unit.talents.of_entry(entry.id))


def answer(store: Store, clock: Clock, *, person: str, id: str, agreed: bool) -> None:
    """Say yes or no to an employer, or take a yes back. Raises NotHere, also where it was refused before."""
    now = clock.now()
    with store.write() as unit:
        request = unit.talents.request(id)
        entry = unit.talents.entry(request.entry)
        wanted = RequestAnswer.AGREED if agreed else RequestAnswer.REFUSED
        if entry.person != person or not is_open(entry, now) or request.answer is RequestAnswer.REFUSED:
            raise NotHere("request", id)
        if request.answer is wanted:
            return
        unit.talents.answer(id, wanted, now)
        unit.journal.write(at=now, person=person, action=f"talent.{wanted}", subject=id)


def search(store: Store, clock: Clock, catalogue: Catalogue, judge: Judge, *, account: str, wanted: Wanted) -> Finding:
    """Find entries whose certificates are valid now, in an order that says nothing about them. Journalled as a count.

    1. read entries page by page, in the order of their random ids;
    2. judge each certificate's current revision; leave out what is not valid, or not of the scope agreed to;
    3. stop with a full page, or when enough was judged.
    """
    now = clock.now()
    programmes = [one.code for one in programmes_with_database(catalogue) if wanted.programme in {"", one.code}]
    found: list[Found] = []
    after, judged, more = wanted.after, 0, bool(programmes)
    while more and len(found) < PAGE and judged < MOST_JUDGED:
        with store.read() as unit:  # 1
            entries = unit.talents.search(
                now,
                programmes=programmes,
                level=wanted.level,
                direction=wanted.direction,
                region=wanted.region,
                after=after,
                limit=PAGE + 1,
            )
            keys = [_key_of(unit, one) for one in entries]
        more = len(entries) > PAGE
        for entry, key in list(zip(entries, keys, strict=True))[:PAGE]:
            if len(found) == PAGE:
                more = True
                break
            report = None if key is None else judge.by_key(key)  # 2
            if report is not None and report.outcome is Outcome.VALID:
                found.append(Found(entry=entry, report=report))
            after, judged = entry.id, judged + 1  # 3
    with store.write() as unit:
        unit.talents.forget_expired(now)
        unit.journal.write(at=now, person=account, action="talent.search", subject="talent", found=len(found))
    return Finding(found=tuple(found), next=after if more else None)


def findable(store: Store, clock: Clock, judge: Judge, *, id: str) -> Found:
    """Give one entry as a search would. Raises NotHere, with one answer for every cause."""
    with store.read() as unit:
        entry = unit.talents.entry(id)
        key = _key_of(unit, entry)
    report = None if key is None or not is_open(entry, clock.now()) else judge.by_key(key)
    if report is None or report.outcome is not Outcome.VALID:
        raise NotHere("talent entry", id)
    return Found(entry=entry, report=report)


def ask_contact(
    store: Store, clock: Clock, judge: Judge, *, account: str, entry: str, organisation: str, purpose: str
) -> ContactRequest:
    """Ask a holder for the contact. Raises WordsRefused, NotHere, AskedBefore, TooManyRequests."""
    now = clock.now()
    request = ContactRequest(
        id=secrets.token_hex(8),
        entry=entry,
        account=account,
        organisation=_line(organisation, "organisation"),
        purpose=_line(purpose, "purpose"),
        answer=RequestAnswer.ASKED,
        asked_at=now,
        answered_at=None,
    )
    findable(store, clock, judge, id=entry)
    with store.write() as unit:
        if not is_open(unit.talents.entry(entry), now):  # withdrawn meanwhile
            raise NotHere("talent entry", entry)
        earlier = unit.talents.of_account(account)
        if any(one.entry == entry for one in earlier):
            raise AskedBefore
        if sum(now - one.asked_at < timedelta(days=1) for one in earlier) >= REQUESTS_A_DAY:
            raise TooManyRequests
        unit.talents.ask(request)
        unit.journal.write(at=now, person=account, action="talent.ask", subject=request.id, entry=entry)
    return request


def requests_of(store: Store, clock: Clock, account: str) -> tuple[Asked, ...]:
    """Give an employer's requests, the newest first."""
    now = clock.now()
    with store.read() as unit:
        found = []
        for one in unit.talents.of_account(account):
            entry = unit.talents.entry(one.entry)
            found.append(Asked(request=one, entry=entry, is_open=is_open(entry, now)))
    return tuple(found)


def open_contact(store: Store, clock: Clock, judge: Judge, *, account: str, id: str) -> TalentContact:
    """Show a contact to the account that its holder said yes to; each time is journalled. Raises NotHere."""
    now = clock.now()
    with store.read() as unit:
        request = unit.talents.request(id)
    if request.account != account or request.answer is not RequestAnswer.AGREED:
        raise NotHere("request", id)
    findable(store, clock, judge, id=request.entry)
    with store.write() as unit:
        # Asked again where it is written down: a yes that was taken back meanwhile shows nothing.
        if unit.talents.request(id).answer is not RequestAnswer.AGREED:
            raise NotHere("request", id)
        contact = unit.talents.contact(request.entry)
        unit.journal.write(at=now, person=account, action="talent.open", subject=id)
    return contact


def waiting_for(requests: Collection[ContactRequest]) -> int:
    """Count the requests that a holder has not answered."""
    return sum(one.answer is RequestAnswer.ASKED for one in requests)


def _of_number(unit: UnitOfWork, person: str, number: str, now: datetime) -> TalentEntry | None:
    entries = unit.talents.of_person(person)
    return next((one for one in entries if one.number == number and is_open(one, now)), None)


def _key_of(unit: UnitOfWork, entry: TalentEntry) -> str | None:
    """Give the key of the current revision; None where it is of another scope, somebody else's, or erased."""
    found = unit.batches.by_number(entry.number)
    if found is None or found.person != entry.person or found.batch.scope != entry.scope or found.disclosures is None:
        return None
    return found.reservation.key


def _direction(report: Report) -> str | None:
    direction = (report.content or {}).get("direction")
    code = direction.get("targetCode") if isinstance(direction, dict) else None
    return code if isinstance(code, str) else None


def _line(text: str, field: str) -> str:
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(line) <= LONGEST_LINE or not line.isprintable():
        raise WordsRefused(field)
    return line
