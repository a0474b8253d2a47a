"""The journal: what people did here, each entry bound to the one before it."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import insert, select

from registry.kernel.encoding import b64url, canonical_json
from registry.kernel.identifiers import Digest
from registry.ports.storage import JournalEntry
from registry.store.sessions import Session, micros, time_of
from registry.store.tables import journal

_TAG = b"vermilion/journal/1\0"
_START = Digest(bytes(32))


def entry_hash(
    previous: Digest, *, seq: int, at: datetime, person: str, action: str, subject: str, detail: str
) -> Digest:
    """Bind an entry to the one before it: SHA-256 over tag ‖ 0x00 ‖ previous ‖ JCS(entry)."""
    body = canonical_json(
        {
            "seq": seq,
            "at": str(micros(at)),
            "person": person,
            "action": action,
            "subject": subject,
            "detail": detail,
            "previous": b64url(previous),
        }
    )
    return Digest(hashlib.sha256(_TAG + previous + body).digest())


class SqlJournal:
    """Implements registry.ports.storage.Journal."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def write(self, *, at: datetime, person: str, action: str, subject: str, **detail: str | int) -> None:
        """Add an entry."""
        last = (
            self._session.connection.execute(
                select(journal.c.seq, journal.c.hash).order_by(journal.c.seq.desc()).limit(1)
            )
            .mappings()
            .one_or_none()
        )
        seq, previous = (last["seq"] + 1, Digest(bytes(last["hash"]))) if last else (0, _START)
        text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        self._session.connection.execute(
            insert(journal).values(
                seq=seq,
                at=micros(at),
                person=person,
                action=action,
                subject=subject,
                detail=text,
                previous=previous,
                hash=entry_hash(previous, seq=seq, at=at, person=person, action=action, subject=subject, detail=text),
            )
        )

    def entries(self) -> Iterator[JournalEntry]:
        """All entries in order."""
        for row in self._session.connection.execute(select(journal).order_by(journal.c.seq)).mappings():
            yield JournalEntry(
                seq=row["seq"],
                at=time_of(row["at"]),
                person=row["person"],
                action=row["action"],
                subject=row["subject"],
                detail=json.loads(row["detail"]),
                previous=Digest(bytes(row["previous"])),
                hash=Digest(bytes(row["hash"])),
            )

    def broken_entries(self) -> Iterator[int]:
        """Yield the number of every entry that is not bound to the one before it, or is missing."""
        previous, expected = _START, 0
        for row in self._session.connection.execute(select(journal).order_by(journal.c.seq)).mappings():
            computed = entry_hash(
                previous,
                seq=row["seq"],
                at=time_of(row["at"]),
                person=row["person"],
                action=row["action"],
                subject=row["subject"],
                detail=row["detail"],
            )
            if row["seq"] != expected or bytes(row["previous"]) != previous or bytes(row["hash"]) != computed:
                yield row["seq"]
            previous, expected = Digest(bytes(row["hash"])), row["seq"] + 1
