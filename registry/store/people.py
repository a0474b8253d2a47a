"""Rosters, people and their applications; everything personal is encrypted with the person's own key."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping

from registry.enrolment import Candidate, Decision
from registry.kernel.identifiers import Digest
from registry.ports.storage import Application, NotHere, Roster
from registry.store.candidates import candidate_document, candidate_of, decision_document
from registry.store.sessions import Session, micros, time_of
from registry.store.tables import application, person, roster
from registry.store.vault import decrypt, encrypt, identity_index, new_person_key, unwrap_person_key

_IN_ONE_QUERY = 500


def encrypt_json(key: bytes, of: str, field: str, value: Mapping[str, Any]) -> bytes:
    """Encrypt a mapping of plain values as one personal field."""
    return encrypt(key, of, field, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def decrypt_json(key: bytes | None, of: str, field: str, stored: bytes) -> dict[str, Any] | None:
    """Open what `encrypt_json` made; None when the person was erased. Raises CiphertextUnreadable."""
    if key is None:
        return None
    return cast(dict[str, Any], json.loads(decrypt(key, of, field, stored)))


def person_keys(session: Session, people: Iterable[str]) -> dict[str, bytes]:
    """Open the keys of these people. Raises CiphertextUnreadable."""
    wanted = list(people)
    keys: dict[str, bytes] = {}
    for start in range(0, len(wanted), _IN_ONE_QUERY):
        query = select(person.c.id, person.c.wrapped_key).where(person.c.id.in_(wanted[start : start + _IN_ONE_QUERY]))
        for found, wrapped in session.connection.execute(query):
            keys[found] = unwrap_person_key(session.keys, found, bytes(wrapped))
    return keys


class SqlEnrolments:
    """Implements registry.ports.storage.Enrolments."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_roster(self, new: Roster, candidates: Sequence[tuple[int, Candidate]]) -> list[str]:
        """Keep a roster and its candidates (with their line); return the admission numbers, in order."""
        self._session.add(
            roster,
            [
                {
                    "id": new.id,
                    "programme": new.programme,
                    "programme_version": new.programme_version,
                    "programme_digest": new.programme_digest,
                    "file_digest": new.file_digest,
                    "rows": new.rows,
                    "imported_by": new.imported_by,
                    "imported_at": micros(new.imported_at),
                }
            ],
        )
        prefix = "".join(part for part in new.id if part.isdigit())[2:]
        admissions, rows = [], []
        for serial, (line, candidate) in enumerate(candidates, start=1):
            of, key = self._person(candidate, new.imported_at)
            admissions.append(f"{prefix}{serial:06d}")
            rows.append(
                {
                    "admission": admissions[-1],
                    "roster": new.id,
                    "line": line,
                    "person": of,
                    "programme": new.programme,
                    "level": candidate.level,
                    "evidence": encrypt_json(key, of, "evidence", candidate_document(candidate)),
                }
            )
        self._session.add(application, rows)
        return admissions

    def _person(self, candidate: Candidate, at: datetime) -> tuple[str, bytes]:
        """Find the person by identity number, or keep a new one; return id and key."""
        keys = self._session.keys
        index = identity_index(keys, candidate.identity_type, candidate.identity_number)
        row = (
            self._session.connection.execute(
                select(person.c.id, person.c.wrapped_key).where(
                    person.c.identity_type == candidate.identity_type, person.c.identity_index == index
                )
            )
            .mappings()
            .one_or_none()
        )
        if row is not None:
            return row["id"], unwrap_person_key(keys, row["id"], bytes(row["wrapped_key"]))
        of = secrets.token_hex(16)
        key, wrapped = new_person_key(keys, of)
        self._session.add(
            person,
            [
                {
                    "id": of,
                    "identity_type": candidate.identity_type,
                    "identity_index": index,
                    "wrapped_key": wrapped,
                    "identity_number": encrypt(key, of, "identity_number", candidate.identity_number.encode()),
                    "created_at": micros(at),
                }
            ],
        )
        return of, key

    def roster_of_file(self, file_digest: Digest) -> Roster | None:
        """Find the roster that a file was taken as."""
        row = (
            self._session.connection.execute(select(roster).where(roster.c.file_digest == file_digest))
            .mappings()
            .one_or_none()
        )
        return _roster(row) if row is not None else None

    def rosters(self) -> list[Roster]:
        """List all rosters, oldest first."""
        return [
            _roster(row) for row in self._session.connection.execute(select(roster).order_by(roster.c.id)).mappings()
        ]

    def applications(
        self,
        *,
        roster: str | None = None,
        level: str | None = None,
        eligible: bool | None = None,
        undecided: bool = False,
    ) -> Iterator[Application]:
        """List applications in the order of their admission numbers."""
        query = select(application).order_by(application.c.admission)
        if roster is not None:
            query = query.where(application.c.roster == roster)
        if level is not None:
            query = query.where(application.c.level == level)
        if eligible is not None:
            query = query.where(application.c.eligible == int(eligible))
        if undecided:
            query = query.where(application.c.eligible.is_(None))
        rows = list(self._session.connection.execute(query).mappings())
        yield from self.opened(rows)

    def opened(self, rows: Sequence[RowMapping]) -> Iterator[Application]:
        """Turn rows of applications into values, with their evidence opened."""
        keys = person_keys(self._session, {row["person"] for row in rows})
        for row in rows:
            self._session.require_sealed(application, row, row["admission"])
            evidence = decrypt_json(keys.get(row["person"]), row["person"], "evidence", bytes(row["evidence"]))
            if evidence is None:
                continue  # erased: nothing is left to work on
            yield Application(
                admission=row["admission"],
                roster=row["roster"],
                line=row["line"],
                person=row["person"],
                candidate=candidate_of(evidence),
                level=row["level"],
                programme=row["programme"],
                eligible=None if row["eligible"] is None else bool(row["eligible"]),
                rule=row["rule"],
                decided_by=row["decided_by"],
            )

    def application(self, admission: str) -> Application:
        """Find one. Raises NotHere."""
        rows = list(
            self._session.connection.execute(select(application).where(application.c.admission == admission)).mappings()
        )
        found = next(self.opened(rows), None)
        if found is None:
            raise NotHere("application", admission)
        return found

    def decide(self, admission: str, decision: Decision, person_deciding: str, at: datetime) -> None:
        """Write down a decision, once."""
        query = select(application.c.person).where(application.c.admission == admission)
        of = self._session.connection.execute(query).scalar_one_or_none()
        if of is None:
            raise NotHere("application", admission)
        key = person_keys(self._session, {of})[of]
        self._session.change(
            application,
            {"admission": admission},
            {"eligible": None},
            eligible=int(decision.eligible),
            rule=decision.rule,
            findings=encrypt_json(key, of, "findings", decision_document(decision)),
            decided_by=person_deciding,
            decided_at=micros(at),
        )

    def count(self, roster_id: str) -> int:
        """How many applications a roster has."""
        query = select(func.count()).select_from(application).where(application.c.roster == roster_id)
        return int(self._session.connection.execute(query).scalar_one())


def _roster(row: RowMapping) -> Roster:
    return Roster(
        id=row["id"],
        programme=row["programme"],
        programme_version=row["programme_version"],
        programme_digest=Digest(bytes(row["programme_digest"])),
        file_digest=Digest(bytes(row["file_digest"])),
        rows=row["rows"],
        imported_by=row["imported_by"],
        imported_at=time_of(row["imported_at"]),
    )
