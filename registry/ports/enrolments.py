"""What enrolment keeps beside applications: what people judged of them, and programme files once used."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from registry.kernel.identifiers import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedByPerson:
    """What somebody judged of an application; it counts once a second person has confirmed it."""

    id: str
    """`J-YYYY-MM-NNNN`."""
    admission: str
    subject: str
    """As in the programme file, `held-certificate`, `hours-certificate`; or `override`: admitted all the same."""
    favourable: bool
    reason: str | None = field(repr=False)
    """Free text, kept under the candidate's key; None = the candidate was erased."""
    entered_by: str
    entered_at: datetime
    confirmed_by: str | None = None
    """None = it does not count yet."""
    confirmed_at: datetime | None = None


class Judgements(Protocol):
    """What people judged of applications; only ever added, and confirmed once."""

    def add(self, new: JudgedByPerson) -> None:
        """Keep one that waits for its second person. Raises NotHere, PersonErased, RowRefused."""
        ...

    def judgement(self, judgement_id: str) -> JudgedByPerson:
        """Find one. Raises NotHere."""
        ...

    def judgements(self, admission: str | None = None, *, waiting: bool = False) -> list[JudgedByPerson]:
        """List them in the order in which they were entered; `waiting`: only those that nobody has confirmed."""
        ...

    def confirm(self, judgement_id: str, person: str, at: datetime) -> None:
        """Let one count, once. Raises NotHere, StateMoved, RowRefused."""
        ...

    def overridden(self) -> list[str]:
        """List the admission numbers of those who are admitted though no rule held."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeFile:
    """The bytes of a programme version, as they were when it was first used."""

    code: str
    version: str
    digest: Digest
    """SHA-256 of the bytes."""
    document: bytes = field(repr=False)
    first_used_at: datetime


class ProgrammeFiles(Protocol):
    """Programme files once used: only ever added."""

    def keep(self, file: ProgrammeFile) -> Digest:
        """Keep a version's bytes where none are kept yet; give the digest of those that are kept now."""
        ...

    def files(self) -> Iterator[ProgrammeFile]:
        """List what is kept, by code and version."""
        ...
