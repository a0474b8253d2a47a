"""Certificates that take the place of others; what is said of their holders lies under the holder's own key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, union

from registry.kernel.identifiers import BatchId, normal_number
from registry.ports.replacements import Corrected, IdentityCorrected, Replacement, ReplacementKind
from registry.ports.storage import NotHere
from registry.store.people import PersonErased, SqlEnrolments, person_keys
from registry.store.sessions import Row, Session, maybe_time, micros, pieces, time_of
from registry.store.tables import IS_REPLACED, batch, certificate, replacement, status_request, status_successor
from registry.store.tables import person as people
from registry.store.vault import decrypt, decrypt_json, encrypt, encrypt_json, identity_index


class SqlReplacements:
    """Implements registry.ports.replacements.Replacements."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: Replacement, image: bytes | None = None) -> None:
        """Keep one, with the new photograph where it has one. Raises NotHere, PersonErased, RowRefused."""
        query = select(certificate).where(
            certificate.c.found_by == normal_number(new.number), certificate.c.revision == new.revision
        )
        row = self._session.row(certificate, query)
        if row is None:
            raise NotHere("certificate", new.number)
        person = row["person"]
        key = person_keys(self._session, [person]).get(person)
        if key is None:
            raise PersonErased(person)
        statement = {"reason": new.reason or "", "corrected": dict(new.corrected or {})}
        values: Row = {
            "id": new.id,
            "kind": new.kind.value,
            "number": new.number,
            "revision": new.revision,
            "statement": encrypt_json(key, person, _statement(new.id), statement),
            "identity_index": self._another_identity(row, new),
            "asked_by": new.asked_by,
            "asked_at": micros(new.asked_at),
        }
        if image is not None:
            values["image"] = encrypt(key, person, _image(new.id), image)
        self._session.add(replacement, [values])

    def replacement(self, replacement_id: str) -> Replacement:
        """Find one. Raises NotHere."""
        found = self._many(replacement.c.id == replacement_id)
        if not found:
            raise NotHere("replacement", replacement_id)
        return found[0]

    def of_certificate(self, number: str, revision: int) -> Replacement | None:
        """Find what replaces a certificate, or is to; without what was cancelled."""
        found = self._many(
            replacement.c.number == number, replacement.c.revision == revision, replacement.c.cancelled_at.is_(None)
        )
        return found[0] if found else None

    def that_made(self, batch_id: str, leaf: int) -> Replacement | None:
        """Find what a certificate came of, by its place; None = it replaces none."""
        found = self._many(replacement.c.batch == batch_id, replacement.c.leaf == leaf)
        return found[0] if found else None

    def leaves(self, batch_id: str) -> dict[int, bool]:
        """Which certificates of a batch are to take the place of others, and of which this was given up."""
        rows = self._session.rows(replacement, select(replacement).where(replacement.c.batch == batch_id))
        return {row["leaf"]: row["cancelled_at"] is not None for row in rows}

    def over(self, batch_id: str) -> dict[int, str]:
        """Name what has replaced certificates of a batch, or is to, by leaf; without what was cancelled."""
        rows = self._rows(certificate.c.batch == batch_id, replacement.c.cancelled_at.is_(None))
        return {of["leaf"]: row["id"] for row, of in rows}

    def into(self, batch_id: str, *, first: int = 0, most: int | None = None) -> dict[int, Replacement]:
        """Give those whose successors are in a batch, by leaf; `most` of them from the `first` on."""
        found = self._many(replacement.c.batch == batch_id, first=first, most=most)
        return {one.leaf: one for one in found if one.leaf is not None}

    def count_into(self, batch_id: str) -> int:
        """Count those whose successors are in a batch, also what was given up."""
        query = select(func.count()).select_from(replacement).where(replacement.c.batch == batch_id)
        return self._session.connection.execute(query).scalar_one()

    def makers(self, batches: Sequence[BatchId]) -> dict[BatchId, set[str]]:
        """Name who proposed batches, asked for a replacement in them, or for one of their supersessions.

        In one question for all of them, which checks no seal: to show by, not to decide by.
        """
        found: dict[BatchId, set[str]] = {one: set() for one in batches}
        for piece in pieces(found):
            parts = (
                select(batch.c.batch, batch.c.proposed_by).where(batch.c.batch.in_(piece)),
                select(batch.c.batch, replacement.c.asked_by)
                .join_from(batch, replacement, replacement.c.batch == batch.c.id)
                .where(batch.c.batch.in_(piece)),
                select(status_successor.c.batch, status_request.c.requested_by)
                .join_from(status_successor, status_request, status_successor.c.request == status_request.c.id)
                .where(status_successor.c.batch.in_(piece)),
            )
            for of, name in self._session.connection.execute(union(*parts)):
                found[BatchId(of)].add(name)
        return found

    def every(self, *, unplaced: bool = False) -> list[Replacement]:
        """List them, the oldest first; `unplaced`: only those that wait for a batch."""
        waiting = (replacement.c.batch.is_(None), replacement.c.cancelled_at.is_(None)) if unplaced else ()
        return self._many(*waiting)

    def place(self, replacement_id: str, batch_id: str, leaf: int) -> None:
        """Write down where the successor stands, once. Raises StateMoved."""
        expected = {"batch": None, "cancelled_at": None}
        self._session.change(replacement, {"id": replacement_id}, expected, batch=batch_id, leaf=leaf)

    def cancel(self, replacement_id: str, person: str, at: datetime) -> None:
        """Give one up. Raises StateMoved where it was cancelled before."""
        self._session.change(
            replacement, {"id": replacement_id}, {"cancelled_at": None}, cancelled_by=person, cancelled_at=micros(at)
        )

    def identities(self, person: str, identity_type: str, number: str) -> list[IdentityCorrected]:
        """List the replacements that give a holder another identity than the certificate before, the newest first.

        By when they were asked for; each is compared with the identity asked about.
        """
        index = identity_index(self._session.keys, identity_type, number)
        of_person = self._session.row(people, select(people).where(people.c.id == person))
        enrolled = None if of_person is None else of_person["identity_index"]
        rows = self._rows(certificate.c.person == person, replacement.c.identity_index.is_not(None))
        said = {(row["batch"], row["leaf"]): row["identity_index"] for row, _ in rows if row["batch"] is not None}
        return [
            IdentityCorrected(
                batch=row["batch"],
                leaf=row["leaf"],
                cancelled=row["cancelled_at"] is not None,
                is_asked=row["identity_index"] == index,
                is_enrolled=row["identity_index"] == enrolled,
            )
            for row, of in reversed(rows)
            # Older rows hold also what was only carried over from the certificate before: that says nothing new.
            if said.get((of["batch"], of["leaf"])) != row["identity_index"]
        ]

    def holders_of(self, identities: Sequence[tuple[str, str]]) -> list[tuple[int, str, bool]]:
        """Find whom a correction ever concerned of those with these identities (type, number).

        By place among them, the person who was enrolled with it (True), or was to have it by a correction (False).
        """
        ever: dict[bytes, dict[str, bool]] = {}
        for row, of in self._rows(replacement.c.identity_index.is_not(None)):
            ever.setdefault(row["identity_index"], {})[of["person"]] = False
        if not ever:
            return []
        for column, values in (
            (people.c.id, {of for holders in ever.values() for of in holders}),
            (people.c.identity_index, set(ever)),
        ):
            for piece in pieces(values):
                for row in self._session.rows(people, select(people).where(column.in_(piece))):
                    if row["identity_index"] is not None:
                        ever.setdefault(row["identity_index"], {})[row["id"]] = True
        indices = [identity_index(self._session.keys, *identity) for identity in identities]
        return [
            (place, person, enrolled)
            for place, index in enumerate(indices)
            for person, enrolled in ever.get(index, {}).items()
        ]

    def _another_identity(self, old: Row, new: Replacement) -> bytes | None:
        """Compute by what a holder is found whom `new` gives another identity than the old certificate; None = not."""
        earlier = self.that_made(old["batch"], old["leaf"])
        before = None if earlier is None else self._identity_index(old["admission"], earlier)
        index = self._identity_index(old["admission"], new)
        return None if index == before else index

    def _identity_index(self, admission: str, stating: Replacement) -> bytes | None:
        """Compute by what a holder is found as a certificate states them; None = as their application does."""
        said = stating.corrected or {}
        if Corrected.IDENTITY_TYPE not in said and Corrected.IDENTITY_NUMBER not in said:
            return None
        stated = SqlEnrolments(self._session).application(admission).candidate
        return identity_index(
            self._session.keys,
            said.get(Corrected.IDENTITY_TYPE, stated.identity_type),
            said.get(Corrected.IDENTITY_NUMBER, stated.identity_number),
        )

    def image(self, replacement_id: str) -> bytes | None:
        """Give the new photograph; None = there is none, or the holder was erased."""
        for row, of in self._rows(replacement.c.id == replacement_id):
            key = person_keys(self._session, [of["person"]]).get(of["person"])
            if key is not None and row["image"] is not None:
                return decrypt(key, of["person"], _image(row["id"]), row["image"])
        return None

    def _rows(
        self, *conditions: ColumnElement[bool], first: int = 0, most: int | None = None
    ) -> Sequence[tuple[Row, ...]]:
        query = (
            select(replacement, certificate)
            .join_from(replacement, certificate, IS_REPLACED)
            .where(*conditions)
            .order_by(replacement.c.asked_at, replacement.c.id)
            .offset(first or None)
            .limit(most)
        )
        return self._session.joined(query, replacement, certificate)

    def _many(self, *conditions: ColumnElement[bool], first: int = 0, most: int | None = None) -> list[Replacement]:
        rows = self._rows(*conditions, first=first, most=most)
        keys = person_keys(self._session, (of["person"] for _, of in rows))
        return [_replacement(row, of, keys.get(of["person"])) for row, of in rows]


def _replacement(row: Row, of: Row, key: bytes | None) -> Replacement:
    statement: dict[str, Any] | None = None
    if key is not None:
        statement = decrypt_json(key, of["person"], _statement(row["id"]), row["statement"])
    return Replacement(
        id=row["id"],
        kind=ReplacementKind(row["kind"]),
        number=row["number"],
        revision=row["revision"],
        corrected=None
        if statement is None
        else {Corrected(member): value for member, value in statement["corrected"].items()},
        reason=None if statement is None else statement["reason"],
        asked_by=row["asked_by"],
        asked_at=time_of(row["asked_at"]),
        jti=of["jti"],
        batch=row["batch"],
        leaf=row["leaf"],
        cancelled_by=row["cancelled_by"],
        cancelled_at=maybe_time(row["cancelled_at"]),
    )


def _statement(replacement_id: str) -> str:
    return f"replacement.statement/{replacement_id}"


def _image(replacement_id: str) -> str:
    return f"replacement.image/{replacement_id}"
