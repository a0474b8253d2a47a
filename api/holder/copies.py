"""Stamped copies that were just made, at hand for their holder to download: in memory, for a quarter of an hour."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from registry.workflows.holders.share import Field, Terms

KEPT_FOR: Final = timedelta(minutes=15)
MOST_OF_ONE: Final = 3
"""Copies of one holder; the oldest goes first."""
MOST: Final = 60
"""Copies of all holders together, some 20 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyAtHand:
    """A copy as it was drawn."""

    id: str
    """16 hexadecimal digits, random; no secret."""
    person: str
    number: str
    terms: Terms
    fields: frozenset[Field]
    data: bytes
    """The PDF."""
    made_at: datetime


class CopiesAtHand:
    """Keeps copies for a while. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: dict[str, CopyAtHand] = {}  # the oldest first
        self._lock = Lock()

    def keep(
        self, data: bytes, *, person: str, number: str, terms: Terms, fields: Collection[Field], at: datetime
    ) -> CopyAtHand:
        """Keep a copy that was just drawn."""
        made = CopyAtHand(
            id=secrets.token_hex(8),
            person=person,
            number=number,
            terms=terms,
            fields=frozenset(fields),
            data=data,
            made_at=at,
        )
        with self._lock:
            self._forget_old(at)
            own = [one.id for one in self._kept.values() if one.person == person]
            for id in own[: len(own) + 1 - MOST_OF_ONE]:
                del self._kept[id]
            if len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[made.id] = made
        return made

    def find(self, person: str, id: str, at: datetime) -> CopyAtHand | None:
        """Give a copy of this person's; None = it is not at hand any more, or is another's."""
        with self._lock:
            self._forget_old(at)
            found = self._kept.get(id)
        return found if found is not None and found.person == person else None

    def _forget_old(self, at: datetime) -> None:
        for id in [one.id for one in self._kept.values() if at - one.made_at >= KEPT_FOR]:
            del self._kept[id]
