"""Certificates that take the place of others: what was asked for, and which certificate came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from registry.kernel.identifiers import BatchId


class ReplacementKind(StrEnum):
    """Why a certificate gets a successor."""

    CORRECTION = "correction"
    """更正: something on it is wrong; the successor keeps number and dates and is the next revision."""
    RENEWAL = "renewal"
    """换发: its validity ends or has ended; the successor has a number and a term of its own."""


class Corrected(StrEnum):
    """What of a holder a replacement says otherwise than the application: the members of a credential."""

    NAME = "name"
    NAME_LATIN = "nameLatin"
    """Empty text = it has none any more."""
    IDENTITY_TYPE = "identityType"
    IDENTITY_NUMBER = "nationalIdentityNumber"
    PORTRAIT = "portrait"
    """SHA-256 of the new photograph, base64url."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """That a certificate is to be replaced by another, and by which."""

    id: str
    """`X-YYYY-MM-NNNN`."""
    kind: ReplacementKind
    number: str
    """Number of the certificate that is replaced."""
    revision: int
    corrected: Mapping[Corrected, str] | None = field(repr=False)
    """All that the successor says otherwise than the application, also what earlier corrections did; None = erased."""
    reason: str | None = field(repr=False)
    """Free text, kept under the holder's key; None = the holder was erased."""
    asked_by: str
    asked_at: datetime
    jti: str
    """Of the certificate that is replaced."""
    batch: str | None = None
    """Where the successor stands, by our own name; None = it has no place yet."""
    leaf: int | None = None
    cancelled_by: str | None = None
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCorrected:
    """That a replacement gives a holder another identity than the certificate before, beside one asked about."""

    batch: str | None
    """Where the successor stands, by our own name; None = it has no place yet."""
    leaf: int | None
    cancelled: bool
    is_asked: bool
    """The new identity is the one asked about."""
    is_enrolled: bool
    """The new identity is the one that the holder was first enrolled with."""


class Replacements(Protocol):
    """Certificates that take the place of others; only ever added, placed once, or cancelled."""

    def add(self, new: Replacement, image: bytes | None = None) -> None:
        """Keep one, with the new photograph where it has one. Raises NotHere, PersonErased, RowRefused."""
        ...

    def replacement(self, replacement_id: str) -> Replacement:
        """Find one. Raises NotHere."""
        ...

    def of_certificate(self, number: str, revision: int) -> Replacement | None:
        """Find what replaces a certificate, or is to; without what was cancelled."""
        ...

    def that_made(self, batch_id: str, leaf: int) -> Replacement | None:
        """Find what a certificate came of, by its place; None = it replaces none."""
        ...

    def leaves(self, batch_id: str) -> dict[int, bool]:
        """Which certificates of a batch are to take the place of others, and of which this was given up."""
        ...

    def over(self, batch_id: str) -> dict[int, str]:
        """Name what has replaced certificates of a batch, or is to, by leaf; without what was cancelled."""
        ...

    def into(self, batch_id: str, *, first: int = 0, most: int | None = None) -> dict[int, Replacement]:
        """Give those whose successors are in a batch, by leaf; empty for almost every batch.

        `most` of them from the `first` (from 0) on, in the order in which they were asked for.
        """
        ...

    def count_into(self, batch_id: str) -> int:
        """Count those whose successors are in a batch, also what was given up."""
        ...

    def makers(self, batches: Sequence[BatchId]) -> dict[BatchId, set[str]]:
        """Name who proposed batches, asked for a replacement in them, or for one of their supersessions.

        In one question for all of them, which checks no seal: to show by, not to decide by.
        """
        ...

    def every(self, *, unplaced: bool = False) -> list[Replacement]:
        """List them, the oldest first; `unplaced`: only those that wait for a batch."""
        ...

    def place(self, replacement_id: str, batch_id: str, leaf: int) -> None:
        """Write down where the successor stands, once. Raises StateMoved."""
        ...

    def cancel(self, replacement_id: str, person: str, at: datetime) -> None:
        """Give one up. Raises StateMoved where it was cancelled before."""
        ...

    def identities(self, person: str, identity_type: str, number: str) -> list[IdentityCorrected]:
        """List the replacements that give a holder another identity than the certificate before, the newest first.

        By when they were asked for; each is compared with the identity asked about.
        """
        ...

    def holders_of(self, identities: Sequence[tuple[str, str]]) -> list[tuple[int, str, bool]]:
        """Find whom a correction ever concerned of those with these identities (type, number).

        By place among them, the person who was enrolled with it (True), or was to have it by a correction (False).
        """
        ...

    def image(self, replacement_id: str) -> bytes | None:
        """Give the new photograph; None = there is none, or the holder was erased."""
        ...
