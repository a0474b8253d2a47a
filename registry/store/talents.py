"""Holders who let employers find them, and the requests for their contact."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, false, or_, select

from registry.ports.storage import NotHere
from registry.ports.talents import ContactRequest, RequestAnswer, TalentContact, TalentEntry
from registry.store.people import PersonErased, person_keys
from registry.store.sessions import Row, Session, maybe_time, micros, time_of
from registry.store.tables import talent, talent_request
from registry.store.vault import decrypt_json, encrypt_json


class SqlTalents:
    """Implements registry.ports.talents.Talents."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, entry: TalentEntry, contact: TalentContact) -> None:
        """Keep an entry. Raises PersonErased, and RowRefused where the certificate has one already."""
        words = {"contact": contact.contact, "wish": contact.wish}
        row = {
            "id": entry.id,
            "person": entry.person,
            "number": entry.number,
            "scope": entry.scope,
            "direction": entry.direction,
            "region": entry.region,
            "contact": encrypt_json(self._key(entry.person), entry.person, _contact(entry.id), words),
            "agreed_at": micros(entry.agreed_at),
            "expires_at": micros(entry.expires_at),
            "withdrawn_at": None,
        }
        self._session.add(talent, [row])

    def entry(self, id: str) -> TalentEntry:
        """Give an entry, ended ones too. Raises NotHere."""
        return _entry(self._known(id))

    def of_person(self, person: str) -> Sequence[TalentEntry]:
        """All entries of a person, the newest first."""
        query = select(talent).where(talent.c.person == person).order_by(talent.c.agreed_at.desc(), talent.c.id)
        return [_entry(row) for row in self._session.rows(talent, query)]

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
        query = select(talent).where(
            talent.c.id > after,
            talent.c.contact.is_not(None),
            talent.c.expires_at > micros(at),
            or_(false(), *(_of_programme(one, level) for one in programmes)),
        )
        if direction:
            query = query.where(talent.c.direction == direction)
        if region:
            query = query.where(talent.c.region == region)
        return [_entry(row) for row in self._session.rows(talent, query.order_by(talent.c.id).limit(limit))]

    def contact(self, id: str) -> TalentContact:
        """Give an entry's contact. Raises NotHere where it is not kept any more."""
        row = self._known(id)
        key = person_keys(self._session, [row["person"]]).get(row["person"])
        if key is None or row["contact"] is None:
            raise NotHere("contact", id)
        words = decrypt_json(key, row["person"], _contact(id), row["contact"])
        return TalentContact(contact=words["contact"], wish=words["wish"])

    def withdraw(self, id: str, at: datetime) -> None:
        """End an entry and delete its contact. Raises NotHere; what was withdrawn before stays."""
        row = self._known(id)
        if row["withdrawn_at"] is None:
            self._session.change_read(talent, row, {}, contact=None, withdrawn_at=micros(at))

    def forget_expired(self, at: datetime) -> int:
        """Delete the contacts of entries whose time is over; give how many."""
        over = select(talent).where(talent.c.expires_at <= micros(at), talent.c.contact.is_not(None))
        rows = self._session.rows(talent, over)
        for row in rows:
            self._session.change_read(talent, row, {}, contact=None)
        return len(rows)

    def ask(self, request: ContactRequest) -> None:
        """Keep a request. Raises NotHere, PersonErased, and RowRefused where the account asked this holder before."""
        person = self._known(request.entry)["person"]
        words = {"organisation": request.organisation, "purpose": request.purpose}
        row = {
            "id": request.id,
            "talent": request.entry,
            "account": request.account,
            "particulars": encrypt_json(self._key(person), person, _request(request.id), words),
            "answer": request.answer.value,
            "asked_at": micros(request.asked_at),
            "answered_at": None,
        }
        self._session.add(talent_request, [row])

    def request(self, id: str) -> ContactRequest:
        """Give a request. Raises NotHere, also where the holder was erased."""
        found = self._requests(talent_request.c.id == id)
        if not found:
            raise NotHere("request", id)
        return found[0]

    def of_entry(self, id: str) -> Sequence[ContactRequest]:
        """All requests for an entry, the newest first."""
        return self._requests(talent_request.c.talent == id)

    def of_account(self, account: str) -> Sequence[ContactRequest]:
        """All requests of an account, the newest first, without those to holders who were erased."""
        return self._requests(talent_request.c.account == account)

    def answer(self, id: str, answer: RequestAnswer, at: datetime) -> None:
        """Write down what the holder says; a yes may be taken back. Raises NotHere."""
        row = self._session.row(talent_request, select(talent_request).where(talent_request.c.id == id))
        if row is None:
            raise NotHere("request", id)
        self._session.change_read(talent_request, row, {}, answer=answer.value, answered_at=micros(at))

    def _requests(self, condition: Any) -> list[ContactRequest]:
        query = select(talent_request, talent).join_from(talent_request, talent).where(condition)
        ordered = query.order_by(talent_request.c.asked_at.desc(), talent_request.c.id)
        rows = self._session.joined(ordered, talent_request, talent)
        keys = person_keys(self._session, [of["person"] for _, of in rows])
        return [
            _asked(row, of["person"], keys[of["person"]])
            for row, of in rows
            if of["person"] in keys and row["particulars"] is not None
        ]

    def _key(self, person: str) -> bytes:
        key = person_keys(self._session, [person]).get(person)
        if key is None:
            raise PersonErased(person)
        return key

    def _known(self, id: str) -> Row:
        row = self._session.row(talent, select(talent).where(talent.c.id == id))
        if row is None:
            raise NotHere("talent entry", id)
        return row


def _of_programme(programme: str, level: str) -> ColumnElement[bool]:
    scope = talent.c.scope
    return scope == f"{programme}/{level}" if level else scope.startswith(f"{programme}/", autoescape=True)


def _contact(id: str) -> str:
    return f"talent.contact/{id}"


def _request(id: str) -> str:
    return f"talent_request.particulars/{id}"


def _entry(row: Row) -> TalentEntry:
    return TalentEntry(
        id=row["id"],
        person=row["person"],
        number=row["number"],
        scope=row["scope"],
        direction=row["direction"],
        region=row["region"],
        agreed_at=time_of(row["agreed_at"]),
        expires_at=time_of(row["expires_at"]),
        withdrawn_at=maybe_time(row["withdrawn_at"]),
        is_kept=row["contact"] is not None,
    )


def _asked(row: Row, person: str, key: bytes) -> ContactRequest:
    words = decrypt_json(key, person, _request(row["id"]), row["particulars"])
    return ContactRequest(
        id=row["id"],
        entry=row["talent"],
        account=row["account"],
        organisation=words["organisation"],
        purpose=words["purpose"],
        answer=RequestAnswer(row["answer"]),
        asked_at=time_of(row["asked_at"]),
        answered_at=maybe_time(row["answered_at"]),
    )
