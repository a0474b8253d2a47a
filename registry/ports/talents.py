"""What is kept of holders who let employers find them, and of the employers who ask for their contact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class RequestAnswer(StrEnum):
    """Where an employer's request for a contact stands."""

    ASKED = "asked"
    AGREED = "agreed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalentEntry:
    """One certificate whose holder agreed to be found. Whom it belongs to is never told by a search."""

    id: str
    """16 hexadecimal digits, random; says nothing of the person or the certificate."""
    person: str
    number: str
    """Of the certificate; the entry follows it to its current revision."""
    scope: str
    """`PROGRAMME/LEVEL`."""
    direction: str | None
    """Code, where the certificate has one."""
    region: str
    """Code of a region by GB/T 2260, two digits: where the holder looks for work."""
    agreed_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None
    is_kept: bool
    """Whether the contact is still there: it is deleted when the holder withdraws, is erased, or the time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TalentContact:
    """How to reach a holder, and what for: for employers to whom the holder said yes, and for nobody else."""

    contact: str
    wish: str
    """What the holder wants to be asked about, in his own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRequest:
    """An employer's request for one holder's contact."""

    id: str
    """16 hexadecimal digits, random."""
    entry: str
    account: str
    organisation: str
    purpose: str
    answer: RequestAnswer
    asked_at: datetime
    answered_at: datetime | None


class Talents(Protocol):
    """Entries and requests; words of holders and employers are encrypted under the holder's key."""

    def add(self, entry: TalentEntry, contact: TalentContact) -> None:
        """Keep an entry. Raises PersonErased, and RowRefused where the certificate has one already."""
        ...

    def entry(self, id: str) -> TalentEntry:
        """Give an entry, ended ones too. Raises NotHere."""
        ...

    def of_person(self, person: str) -> Sequence[TalentEntry]:
        """All entries of a person, the newest first."""
        ...

    def search(
        self,
        at: datetime,
        *,
        programmes: Sequence[str],
        level: str,
        direction: str,
        region: str,
        after: str,
        limit: int,
    ) -> Sequence[TalentEntry]:
        """List entries that are open at a moment, in the order of their ids, after one; an empty word means any."""
        ...

    def contact(self, id: str) -> TalentContact:
        """Give an entry's contact. Raises NotHere where it is not kept any more."""
        ...

    def withdraw(self, id: str, at: datetime) -> None:
        """End an entry and delete its contact. Raises NotHere; what was withdrawn before stays."""
        ...

    def forget_expired(self, at: datetime) -> int:
        """Delete the contacts of entries whose time is over; give how many."""
        ...

    def ask(self, request: ContactRequest) -> None:
        """Keep a request. Raises NotHere, PersonErased, and RowRefused where the account asked this holder before."""
        ...

    def request(self, id: str) -> ContactRequest:
        """Give a request. Raises NotHere, also where the holder was erased."""
        ...

    def of_entry(self, id: str) -> Sequence[ContactRequest]:
        """All requests for an entry, the newest first."""
        ...

    def of_account(self, account: str) -> Sequence[ContactRequest]:
        """All requests of an account, the newest first, without those to holders who were erased."""
        ...

    def answer(self, id: str, answer: RequestAnswer, at: datetime) -> None:
        """Write down what the holder says; a yes may be taken back. Raises NotHere."""
        ...
