"""The journal: what people did here, each entry bound to the one before it, and which one is the last.

The chain of hashes has no key, so that anybody can follow it; what keeps an attacker from writing it anew are the
seals of its rows.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from sqlalchemy import LargeBinary, cast, func, select
from sqlalchemy.engine import RowMapping

from registry.kernel.encoding import b64url, canonical_json
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Digest
from registry.ports.storage import JournalEntry
from registry.store.sealing import SealBroken
from registry.store.sessions import AT_ONCE, Row, Session, micros, time_of
from registry.store.tables import journal, journal_head

_TAG = b"vermilion/journal/1\0"
_START = Digest(bytes(32))


def entry_hash(previous: bytes, *, seq: int, at: int, person: str, action: str, subject: str, detail: str) -> Digest:
    """Bind an entry to the one before it: SHA-256 over tag ‖ 0x00 ‖ previous ‖ JCS(entry); `at` in microseconds."""
    body = canonical_json(
        {
            "seq": seq,
            "at": str(at),
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
        """Add an entry. Raises SealBroken where the journal does not end as it was left."""
        self._append([subject], at=at, person=person, action=action, detail=detail)

    def write_each(self, subjects: Iterable[str], *, at: datetime, person: str, action: str) -> None:
        """Add an entry for each subject, in their order. Raises SealBroken as `write` does."""
        self._append(subjects, at=at, person=person, action=action, detail={})

    def _append(
        self, subjects: Iterable[str], *, at: datetime, person: str, action: str, detail: Mapping[str, str | int]
    ) -> None:
        head = self._session.row(journal_head, select(journal_head))
        last = self._session.row(journal, select(journal).order_by(journal.c.seq.desc()))
        if (last and (last["seq"], last["hash"])) != (head and (head["seq"], head["hash"])):
            raise SealBroken(journal_head.name, "1")
        first, previous = (last["seq"] + 1, last["hash"]) if last else (0, _START)
        said = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        rows: list[Row] = []
        for seq, subject in enumerate(subjects, start=first):
            entry: Row = {
                "seq": seq,
                "at": micros(at),
                "person": person,
                "action": action,
                "subject": subject,
                "detail": said,
            }
            bound = entry_hash(previous, **entry)
            rows.append({**entry, "previous": previous, "hash": bound})
            previous = bound
        if not rows:
            return
        self._session.add(journal, rows)
        seq = rows[-1]["seq"]
        if head:
            self._session.change(journal_head, {"id": 1}, {"seq": first - 1}, seq=seq, hash=previous)
        else:
            self._session.add(journal_head, [{"id": 1, "seq": seq, "hash": previous}])

    def size(self) -> int:
        """How many entries there are."""
        return int(self._session.connection.execute(select(func.count()).select_from(journal)).scalar_one())

    def entries(self) -> Iterator[JournalEntry]:
        """All entries in order. Raises SealBroken at one that is not as it was written."""
        for page in self._session.pages(select(journal), journal.c.seq, journal):
            for (row,) in page:
                yield JournalEntry(
                    seq=row["seq"],
                    at=time_of(row["at"]),
                    person=row["person"],
                    action=row["action"],
                    subject=row["subject"],
                    detail=json.loads(row["detail"]),
                    previous=Digest(row["previous"]),
                    hash=Digest(row["hash"]),
                )

    def broken_entries(self) -> Iterator[int]:
        """Yield the number of every entry that is not bound to the one before it, or after which one is missing."""
        previous, expected = bytes(_START), 0
        for row in self._as_stored():
            if row["seq"] != expected or row["previous"] != previous or row["hash"] != _recomputed(row, previous):
                yield row["seq"]
            previous, expected = row["hash"], row["seq"] + 1
        last = self._session.connection.execute(select(journal_head.c.seq, journal_head.c.hash)).one_or_none()
        if (expected - 1, previous) != (tuple(last) if last is not None else (-1, _START)):
            yield expected

    def _as_stored(self) -> Iterator[RowMapping]:
        """Read entries whatever they hold, text as bytes: a damaged one must not hide those after it."""
        texts = (journal.c.person, journal.c.action, journal.c.subject, journal.c.detail)
        query = select(
            journal.c.seq,
            journal.c.at,
            journal.c.previous,
            journal.c.hash,
            *(cast(one, LargeBinary).label(one.name) for one in texts),
        )
        yield from self._session.connection.execute(
            query.order_by(journal.c.seq).execution_options(yield_per=AT_ONCE)
        ).mappings()


def _recomputed(row: RowMapping, previous: bytes) -> bytes | None:
    try:
        return entry_hash(
            previous,
            seq=row["seq"],
            at=row["at"],
            person=row["person"].decode(),
            action=row["action"].decode(),
            subject=row["subject"].decode(),
            detail=row["detail"].decode(),
        )
    except (UnicodeDecodeError, MalformedInput):
        return None
