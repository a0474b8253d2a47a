"""Rosters, people and their applications; everything personal is encrypted with the person's own key."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Exists, Select, and_, exists, func, or_, select

from registry.enrolment import Candidate, Decision
from registry.kernel.errors import Missing
from registry.kernel.identifiers import Digest
from registry.kernel.progress import Progress, unheard
from registry.ports.storage import NOBODY, Application, NotHere, Roster
from registry.store.accounts import SqlAccounts
from registry.store.candidates import candidate_document, candidate_of, decision_document
from registry.store.judged import confirmed_judgements
from registry.store.sessions import AT_ONCE, Row, Session, micros, pieces, time_of
from registry.store.tables import (
    IS_REPLACED,
    application,
    certificate,
    is_of,
    person,
    portrait,
    replacement,
    roster,
    score,
    sheet_return,
    talent,
    talent_request,
)
from registry.store.training import ended_in_admission
from registry.store.vault import (
    DataKeys,
    decrypt_json,
    encrypt,
    encrypt_json,
    identity_index,
    new_person_key,
    unwrap_person_key,
)


class PersonErased(Missing):
    """The person's key was deleted on demand: nothing can be written or read under it."""

    code = "store/person-erased"

    def __init__(self, person: str) -> None:
        self.person = person
        super().__init__(f"person {person} was erased")


def person_keys(session: Session, people: Iterable[str]) -> dict[str, bytes]:
    """Open the keys of these people, without those who were erased. Raises SealBroken, CiphertextUnreadable."""
    keys: dict[str, bytes] = {}
    for piece in pieces(dict.fromkeys(people)):
        for row in session.rows(person, select(person).where(person.c.id.in_(piece))):
            key = opened_key(session.keys, row)
            if key is not None:
                keys[row["id"]] = key
    return keys


def opened_key(keys: DataKeys, row: Row) -> bytes | None:
    """Open the key of a person by their row; None = they were erased. Raises CiphertextUnreadable."""
    return None if row["wrapped_key"] is None else unwrap_person_key(keys, row["id"], row["wrapped_key"])


class SqlEnrolments:
    """Implements registry.ports.storage.Enrolments."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_roster(
        self,
        new: Roster,
        candidates: Sequence[tuple[int, Candidate]],
        progress: Progress = unheard,
        *,
        known: Mapping[int, str] = NOBODY,
    ) -> list[str]:
        """Keep a roster and its candidates (with their line); return the admission numbers, in order.

        `known`: who somebody is, by line, where another identity is kept of them.
        """
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
        admissions = [f"{prefix}{serial:06d}" for serial in range(1, len(candidates) + 1)]
        for done, piece in enumerate(pieces(zip(admissions, candidates, strict=True))):
            people = self._people([(candidate, known.get(line)) for _, (line, candidate) in piece], new.imported_at)
            self._session.add(
                application,
                [
                    {
                        "admission": admission,
                        "roster": new.id,
                        "line": line,
                        "person": of,
                        "programme": new.programme,
                        "level": candidate.level,
                        "evidence": encrypt_json(key, of, _evidence(admission), candidate_document(candidate)),
                    }
                    for (admission, (line, candidate)), (of, key) in zip(piece, people, strict=True)
                ],
            )
            progress(done * AT_ONCE + len(piece), len(candidates))
        return admissions

    def _people(self, candidates: Sequence[tuple[Candidate, str | None]], at: datetime) -> list[tuple[str, bytes]]:
        """Find each candidate's person, as named or by identity number, or keep a new one; give id and key of each."""
        keys = self._session.keys
        asked = [named or identity_index(keys, one.identity_type, one.identity_number) for one, named in candidates]
        known: dict[str | bytes, tuple[str, bytes]] = {}
        for column, values in (
            (person.c.id, {one for one in asked if isinstance(one, str)}),
            (person.c.identity_index, {one for one in asked if isinstance(one, bytes)}),
        ):
            for row in self._session.rows(person, select(person).where(column.in_(values))) if values else ():
                known[row[column.name]] = row["id"], unwrap_person_key(keys, row["id"], row["wrapped_key"])
        new = []
        for index, (candidate, _) in zip(asked, candidates, strict=True):
            if index in known:
                continue
            of = secrets.token_hex(16)
            key, wrapped = new_person_key(keys, of)
            known[index] = (of, key)
            new.append(
                {
                    "id": of,
                    "identity_type": candidate.identity_type.value,
                    "identity_index": index,
                    "wrapped_key": wrapped,
                    "identity_number": encrypt(key, of, "person.identity_number", candidate.identity_number.encode()),
                    "created_at": micros(at),
                }
            )
        self._session.add(person, new)
        return [known[one] for one in asked]

    def roster_of_file(self, file_digest: Digest) -> Roster | None:
        """Find the roster that a file was taken as."""
        row = self._session.row(roster, select(roster).where(roster.c.file_digest == file_digest))
        return _roster(row) if row is not None else None

    def rosters(self) -> list[Roster]:
        """List all rosters, oldest first."""
        query = select(roster).order_by(roster.c.imported_at, roster.c.id)
        return [_roster(row) for row in self._session.rows(roster, query)]

    def newest_rosters(self, *, first: int = 0, most: int) -> list[Roster]:
        """List rosters, newest first: at most `most` of them from the `first` (from 0) on."""
        query = select(roster).order_by(roster.c.imported_at.desc(), roster.c.id.desc()).offset(first).limit(most)
        return [_roster(row) for row in self._session.rows(roster, query)]

    def count_rosters(self) -> int:
        """Count all rosters, whether they can be read or not."""
        return self._session.connection.execute(select(func.count()).select_from(roster)).scalar_one()

    def programme_digests(self) -> set[Digest]:
        """Which programme versions there are rosters of, by the digests of their files."""
        found = self._session.connection.execute(select(roster.c.programme_digest).distinct())
        return {Digest(one) for one in found.scalars()}

    def roster(self, roster_id: str) -> Roster:
        """Find one. Raises NotHere."""
        row = self._session.row(roster, select(roster).where(roster.c.id == roster_id))
        if row is None:
            raise NotHere("roster", roster_id)
        return _roster(row)

    def applications(
        self,
        *,
        roster: str | None = None,
        level: str | None = None,
        eligible: bool | None = None,
        undecided: bool = False,
        first: int = 0,
        most: int | None = None,
    ) -> Iterator[Application]:
        """List applications in the order of their admission numbers: `most` of them from the `first` (from 0) on."""
        query = _narrowed(select(application), roster, level)
        if eligible is not None:
            query = query.where(application.c.eligible == int(eligible))
        if undecided:
            query = query.where(application.c.eligible.is_(None))
        if most is not None:
            query = query.order_by(application.c.admission).offset(first).limit(most)
            yield from self.opened(self._session.rows(application, query))
            return
        for page in self._session.pages(query, application.c.admission, application):
            yield from self.opened([row for (row,) in page])

    def of_admissions(self, admissions: Sequence[str]) -> list[Application]:
        """Find applications, without those that there are not or whose person was erased."""
        found: list[Application] = []
        for piece in pieces(admissions):
            query = select(application).where(application.c.admission.in_(piece)).order_by(application.c.admission)
            found += self.opened(self._session.rows(application, query))
        return found

    def tally(self, *, roster: str | None = None, level: str | None = None) -> dict[bool | None, int]:
        """Count applications that are eligible, refused, and (None) not decided yet; without those of the erased."""
        query = _narrowed(select(application.c.eligible, func.count()), roster, level)
        found = {
            None if eligible is None else bool(eligible): count
            for eligible, count in self._session.connection.execute(query.group_by(application.c.eligible))
        }
        return {answer: found.get(answer, 0) for answer in (True, False, None)}

    def opened(self, rows: Sequence[Row]) -> Iterator[Application]:
        """Turn rows of applications into values, with their evidence opened; leave out those of erased people."""
        keys = person_keys(self._session, (row["person"] for row in rows))
        judged = confirmed_judgements(self._session, rows, keys)
        for row in rows:
            key = keys.get(row["person"])
            if key is None or row["evidence"] is None:
                continue  # erased: nothing is left to work on
            stated = candidate_of(decrypt_json(key, row["person"], _evidence(row["admission"]), row["evidence"]))
            judgements = judged.get(row["admission"], ())
            yield Application(
                admission=row["admission"],
                roster=row["roster"],
                line=row["line"],
                person=row["person"],
                candidate=replace(stated, evidence=replace(stated.evidence, judgements=judgements)),
                level=row["level"],
                programme=row["programme"],
                eligible=None if row["eligible"] is None else bool(row["eligible"]),
                rule=row["rule"],
                decided_by=row["decided_by"],
            )

    def still_open(
        self, programme: str, candidates: Sequence[Candidate], *, known: Mapping[int, str] = NOBODY
    ) -> set[int]:
        """Which candidates (by line) have an application for their level undecided, or eligible and without marks.

        `known`: who somebody is, by line, where another identity is kept of them.
        """
        keys = self._session.keys
        found: set[int] = set()
        unmarked = ~stands_on_a_sheet()
        sides = [
            (person.c.identity_index, [one for one in candidates if one.line not in known]),
            (person.c.id, [one for one in candidates if one.line in known]),
        ]
        for column, some in ((column, piece) for column, side in sides for piece in pieces(side)):
            asked: dict[str | bytes, Candidate] = {
                known.get(one.line) or identity_index(keys, one.identity_type, one.identity_number): one for one in some
            }
            query = (
                select(column, application.c.level)
                .join_from(application, person)
                .where(column.in_(list(asked)), application.c.programme == programme)
                .where(or_(application.c.eligible.is_(None), and_(application.c.eligible == 1, unmarked)))
                .where(~ended_in_admission())
            )
            for of, level in self._session.connection.execute(query):
                if asked[of].level == level:
                    found.add(asked[of].line)
        return found

    def application(self, admission: str) -> Application:
        """Find one. Raises NotHere, also where the person was erased."""
        query = select(application).where(application.c.admission == admission)
        found = next(self.opened(self._session.rows(application, query)), None)
        if found is None:
            raise NotHere("application", admission)
        return found

    def findings(self, admission: str) -> list[dict[str, str | bool]]:
        """What a decision found, condition by condition: `rule condition held zh en`. Raises NotHere.

        Empty where nothing is decided yet, or the person was erased.
        """
        row = self._session.row(application, select(application).where(application.c.admission == admission))
        if row is None:
            raise NotHere("application", admission)
        key = person_keys(self._session, (row["person"],)).get(row["person"])
        if key is None or row["findings"] is None:
            return []
        return list(decrypt_json(key, row["person"], _findings(admission), row["findings"])["findings"])

    def decide(self, admission: str, decision: Decision, person_deciding: str, at: datetime) -> None:
        """Write down a decision, once. Raises NotHere, PersonErased, StateMoved where it was decided before."""
        row, of, key = self._with_key(admission)
        self._session.change_read(
            application,
            row,
            {"eligible": None},
            eligible=int(decision.eligible),
            rule=decision.rule,
            findings=encrypt_json(key, of, _findings(admission), decision_document(decision)),
            decided_by=person_deciding,
            decided_at=micros(at),
        )

    def admit_all_the_same(self, admission: str) -> None:
        """Let a refused application count as eligible; what was found stays. Raises NotHere, StateMoved."""
        row, _, _ = self._with_key(admission)
        self._session.change_read(application, row, {"eligible": 0}, eligible=1)

    def _with_key(self, admission: str) -> tuple[Row, str, bytes]:
        """Give an application's row, whose it is, and that person's key. Raises NotHere, PersonErased."""
        query = select(application, person).join_from(application, person)
        found = self._session.joined(query.where(application.c.admission == admission), application, person)
        if not found:
            raise NotHere("application", admission)
        ((row, of),) = found
        if of["wrapped_key"] is None:
            raise PersonErased(of["id"])
        return row, of["id"], unwrap_person_key(self._session.keys, of["id"], of["wrapped_key"])

    def erase(self, person_id: str, at: datetime) -> None:
        """Delete what is known of a person, the salts of their commitments, their key; close their account.

        Raises NotHere, PersonErased.
        What cannot be taken out of append-only tables, and every older copy, is noise without the key.
        """
        row = self._session.row(person, select(person).where(person.c.id == person_id))
        if row is None:
            raise NotHere("person", person_id)
        if row["erased_at"] is not None:
            raise PersonErased(person_id)
        applications = select(application.c.admission).where(application.c.person == person_id)
        for admission in self._session.connection.execute(applications).scalars().all():
            self._session.change(application, {"admission": admission}, {}, evidence=None, findings=None)
        # Why a sheet was returned is free text: it may name anybody who stands on the sheet.
        named = select(sheet_return.c.sheet).where(
            exists().where(score.c.sheet == sheet_return.c.sheet, score.c.admission.in_(applications))
        )
        for sheet_id in self._session.connection.execute(named).scalars().all():
            self._session.change(sheet_return, {"sheet": sheet_id}, {}, wrapped_key=None, reason=None)
        certificates = select(certificate.c.id).where(is_of(person_id))
        for certificate_id in self._session.connection.execute(certificates).scalars().all():
            self._session.change(certificate, {"id": certificate_id}, {}, salts=None)
        corrected = select(replacement.c.id).join_from(replacement, certificate, IS_REPLACED)
        said_who = corrected.where(certificate.c.person == person_id, replacement.c.identity_index.is_not(None))
        for replacement_id in self._session.connection.execute(said_who).scalars().all():
            self._session.change(replacement, {"id": replacement_id}, {}, identity_index=None)
        for admission in (
            self._session.connection.execute(select(portrait.c.admission).where(portrait.c.person == person_id))
            .scalars()
            .all()
        ):
            self._session.change(portrait, {"admission": admission}, {}, image=None)
        self._session.change(
            person,
            {"id": person_id},
            {"erased_at": None},
            identity_index=None,
            wrapped_key=None,
            identity_number=None,
            erased_at=micros(at),
        )
        SqlAccounts(self._session).forget(person_id, at)
        self._forget_talent(person_id)

    def _forget_talent(self, person_id: str) -> None:
        """Delete the contacts of a person's entries in the talent database, and what employers wrote to them."""
        entries = select(talent.c.id).where(talent.c.person == person_id)
        kept = entries.where(talent.c.contact.is_not(None))
        for entry_id in self._session.connection.execute(kept).scalars().all():
            self._session.change(talent, {"id": entry_id}, {}, contact=None)
        asked = select(talent_request.c.id).where(talent_request.c.talent.in_(entries))
        for request_id in self._session.connection.execute(asked).scalars().all():
            self._session.change(talent_request, {"id": request_id}, {}, particulars=None)


def stands_on_a_sheet() -> Exists:
    """Say in SQL that an application stands on a sheet of marks that was not returned."""
    returned = exists().where(sheet_return.c.sheet == score.c.sheet)
    return exists().where(score.c.admission == application.c.admission, ~returned)


def _narrowed(query: Select[Any], roster_id: str | None, level: str | None) -> Select[Any]:
    """Leave out the applications of other rosters and levels, and those of erased people."""
    query = query.where(application.c.evidence.is_not(None))
    if roster_id is not None:
        query = query.where(application.c.roster == roster_id)
    return query if level is None else query.where(application.c.level == level)


def _evidence(admission: str) -> str:
    return f"application.evidence/{admission}"


def _findings(admission: str) -> str:
    return f"application.findings/{admission}"


def _roster(row: Row) -> Roster:
    return Roster(
        id=row["id"],
        programme=row["programme"],
        programme_version=row["programme_version"],
        programme_digest=Digest(row["programme_digest"]),
        file_digest=Digest(row["file_digest"]),
        rows=row["rows"],
        imported_by=row["imported_by"],
        imported_at=time_of(row["imported_at"]),
    )
