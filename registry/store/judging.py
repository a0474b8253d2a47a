"""What people judged of applications, and the bytes of programme files once used. Rows are only ever added."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import select

from registry.kernel.identifiers import Digest
from registry.ports.enrolments import JudgedByPerson, ProgrammeFile
from registry.ports.storage import NotHere
from registry.store.judged import IN_ORDER, opened_reason, reason_field
from registry.store.people import PersonErased, person_keys
from registry.store.sessions import Row, Session, maybe_time, micros, pieces, time_of
from registry.store.tables import application, judgement, programme_file
from registry.store.vault import encrypt


class SqlJudgements:
    """Implements registry.ports.enrolments.Judgements."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: JudgedByPerson) -> None:
        """Keep one that waits for its second person. Raises NotHere, PersonErased, RowRefused."""
        row = self._session.row(application, select(application).where(application.c.admission == new.admission))
        if row is None:
            raise NotHere("application", new.admission)
        key = person_keys(self._session, [row["person"]]).get(row["person"])
        if key is None:
            raise PersonErased(row["person"])
        self._session.add(
            judgement,
            [
                {
                    "id": new.id,
                    "admission": new.admission,
                    "subject": new.subject,
                    "favourable": int(new.favourable),
                    "reason": encrypt(key, row["person"], reason_field(new.id), (new.reason or "").encode()),
                    "entered_by": new.entered_by,
                    "entered_at": micros(new.entered_at),
                }
            ],
        )

    def judgement(self, judgement_id: str) -> JudgedByPerson:
        """Find one. Raises NotHere."""
        found = self._opened(self._session.rows(judgement, select(judgement).where(judgement.c.id == judgement_id)))
        if not found:
            raise NotHere("judgement", judgement_id)
        return found[0]

    def judgements(self, admission: str | None = None, *, waiting: bool = False) -> list[JudgedByPerson]:
        """List them in the order in which they were entered; `waiting`: only those that nobody has confirmed."""
        query = select(judgement)
        if admission is not None:
            query = query.where(judgement.c.admission == admission)
        if waiting:
            query = query.where(judgement.c.confirmed_at.is_(None))
        return self._opened(self._session.rows(judgement, query.order_by(*IN_ORDER)))

    def confirm(self, judgement_id: str, person: str, at: datetime) -> None:
        """Let one count, once. Raises NotHere, StateMoved, RowRefused."""
        self.judgement(judgement_id)
        self._session.change(
            judgement, {"id": judgement_id}, {"confirmed_by": None}, confirmed_by=person, confirmed_at=micros(at)
        )

    def overridden(self) -> list[str]:
        """List the admission numbers of those who are admitted though no rule held."""
        query = select(application).where(application.c.eligible == 1, application.c.rule.is_(None))
        return [
            row["admission"]
            for page in self._session.pages(query, application.c.admission, application)
            for (row,) in page
        ]

    def _opened(self, rows: Sequence[Row]) -> list[JudgedByPerson]:
        people: dict[str, str] = {}
        for piece in pieces({row["admission"] for row in rows}):
            query = select(application).where(application.c.admission.in_(piece))
            people |= {row["admission"]: row["person"] for row in self._session.rows(application, query)}
        keys = person_keys(self._session, people.values())

        def reason(row: Row) -> str | None:
            person = people[row["admission"]]
            return opened_reason(keys[person], person, row) if person in keys else None

        return [
            JudgedByPerson(
                id=row["id"],
                admission=row["admission"],
                subject=row["subject"],
                favourable=bool(row["favourable"]),
                reason=opened_reason(keys[person], person, row)
                if (person := people[row["admission"]]) in keys
                else None,
                entered_by=row["entered_by"],
                entered_at=time_of(row["entered_at"]),
                confirmed_by=row["confirmed_by"],
                confirmed_at=maybe_time(row["confirmed_at"]),
            )
            for row in rows
        ]


class SqlProgrammeFiles:
    """Implements registry.ports.enrolments.ProgrammeFiles."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, file: ProgrammeFile) -> Digest:
        """Keep a version's bytes where none are kept yet; give the digest of those that are kept now."""
        query = select(programme_file).where(
            programme_file.c.code == file.code, programme_file.c.version == file.version
        )
        known = self._session.row(programme_file, query)
        if known is not None:
            return Digest(known["digest"])
        row = {
            "code": file.code,
            "version": file.version,
            "digest": file.digest,
            "bytes": file.document,
            "first_used_at": micros(file.first_used_at),
        }
        self._session.add(programme_file, [row])
        return file.digest

    def files(self) -> Iterator[ProgrammeFile]:
        """List what is kept, by code and version."""
        query = select(programme_file).order_by(programme_file.c.code, programme_file.c.version)
        for row in self._session.rows(programme_file, query):
            yield ProgrammeFile(
                code=row["code"],
                version=row["version"],
                digest=Digest(row["digest"]),
                document=row["bytes"],
                first_used_at=time_of(row["first_used_at"]),
            )
