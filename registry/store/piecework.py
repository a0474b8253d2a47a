"""Reads what large batches are worked on with, piece by piece, as rows that are opened elsewhere."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import func, select

from registry.anchor.states import AnchorState
from registry.ports.issuing import Claim, Material, Piece
from registry.ports.storage import NotHere, Sheet
from registry.store.examining import SqlMarks
from registry.store.sessions import AT_ONCE, Session
from registry.store.tables import (
    application,
    batch,
    certificate,
    correction,
    credential,
    person,
    portrait,
    reserved_piece,
    score,
)
from registry.store.workbench import Bench

_TABLES: Final = (application, certificate, correction, credential, person, portrait, score)
_COLUMNS: Final = {one.name: tuple(column.name for column in one.columns) for one in _TABLES}


def workbench(session: Session, sheets: Sequence[Sheet] = ()) -> Bench:
    """Make what opens and writes rows; `sheets`: those that are confirmed, oldest first."""
    return Bench(session.keys, _COLUMNS, sheets)


def _sql(template: str) -> str:
    """Write out a question: `{table}` stands for all columns of the table, in their order."""
    listed = {table: ", ".join(f'{table}."{name}"' for name in names) for table, names in _COLUMNS.items()}
    states = {one.name: f"'{one}'" for one in (AnchorState.CANCELLED, AnchorState.FINAL, AnchorState.RESERVED)}
    return template.format_map({**listed, **states})


_WIDTH_OF_APPLICATION: Final = len(_COLUMNS["application"])
_WIDTH_OF_PERSON: Final = len(_COLUMNS["person"])
_WIDTH_OF_CERTIFICATE: Final = len(_COLUMNS["certificate"])
# CROSS: in this order, or SQLite may begin at the larger table.
_CLAIMED: Final = _sql(
    "SELECT {application}, {person} FROM json_each(:asked) AS asked"
    " CROSS JOIN application ON application.admission = asked.value CROSS JOIN person ON person.id = application.person"
    " ORDER BY asked.key"
)
_DRAWN: Final = _sql(
    "SELECT {certificate}, {application}, {person} FROM certificate"
    " CROSS JOIN application ON application.admission = certificate.admission"
    " CROSS JOIN person ON person.id = certificate.person"
    " WHERE certificate.id BETWEEN :first AND :last AND certificate.batch = :batch ORDER BY certificate.id"
)
_WAITING: Final = _sql(
    "SELECT {application}, {person} FROM application CROSS JOIN person ON person.id = application.person"
    " WHERE application.programme = :programme AND application.level = :level AND application.eligible = 1"
    " AND application.admission > :after AND application.roster IN (SELECT value FROM json_each(:rosters))"
    " AND NOT EXISTS (SELECT 1 FROM certificate JOIN batch ON batch.id = certificate.batch"
    " WHERE certificate.admission = application.admission AND batch.state <> {CANCELLED})"
    " ORDER BY application.admission LIMIT :most"
)
_SIGNED: Final = _sql("SELECT {credential} FROM credential WHERE certificate BETWEEN :first AND :last")
_MARKS: Final = _sql("SELECT {score} FROM json_each(:asked) AS asked CROSS JOIN score ON score.admission = asked.value")
_CORRECTIONS: Final = _sql(
    "SELECT {correction} FROM json_each(:asked) AS asked CROSS JOIN correction"
    " ON correction.admission = asked.value AND correction.confirmed_at < :before"
)
_PORTRAITS: Final = _sql(
    "SELECT {portrait} FROM json_each(:asked) AS asked CROSS JOIN portrait ON portrait.admission = asked.value"
)
_CERTIFIED: Final = _sql(
    "SELECT DISTINCT application.person FROM json_each(:asked) AS asked"
    " CROSS JOIN application ON application.person = asked.value"
    " CROSS JOIN certificate ON certificate.admission = application.admission"
    " JOIN batch ON batch.id = certificate.batch"
    " WHERE batch.scope = :scope AND batch.state <> {CANCELLED}"
)
_ON_THEIR_WAY: Final = _CERTIFIED + _sql(" AND batch.state <> {FINAL}")
_LATEST: Final = 2**63 - 1
_UNDRAWN: Final = _sql(
    "SELECT reserved_piece.batch, reserved_piece.piece, batch.scope"
    " FROM reserved_piece JOIN batch ON batch.id = reserved_piece.batch WHERE batch.state = {RESERVED}"
    " AND NOT EXISTS (SELECT 1 FROM certificate WHERE certificate.id = reserved_piece.first_id)"
)


class SqlPieces:
    """Implements registry.ports.issuing.Pieces."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def workbench(self) -> Bench:
        """Make what opens and writes rows, with the sheets as they are confirmed now."""
        sheets = [one for one in SqlMarks(self._session).sheets() if one.confirmed_by is not None]
        return workbench(self._session, sheets)

    def waiting(self, programme: str, level: str, rosters: Sequence[str], *, at_once: int) -> Iterator[Material]:
        """Read the applications of these rosters that are eligible and in no batch that counts, page by page."""
        claimed, after = undrawn_admissions(self._session), ""
        asked: dict[str, Any] = {
            "programme": programme,
            "level": level,
            "rosters": json.dumps(list(rosters)),
            "most": at_once,
        }
        while found := self._session.driver.execute(_WAITING, {**asked, "after": after}).fetchall():
            after = str(found[-1][0])
            left = [row for row in found if row[0] not in claimed] if claimed else found
            yield self._with_marks(left, 0, photographs=False)

    def photographed(self, programme: str, level: str) -> bool:
        """Tell whether anybody of a level has handed in a photograph."""
        query = select(portrait.c.admission).join(application).limit(1)
        query = query.where(application.c.programme == programme, application.c.level == level)
        return self._session.connection.execute(query).first() is not None

    def doubled(self, programme: str, level: str) -> set[str]:
        """Name the people who have several applications of a level."""
        query = (
            select(application.c.person)
            .where(application.c.programme == programme, application.c.level == level)
            .group_by(application.c.person)
            .having(func.count() > 1)
        )
        return set(self._session.connection.execute(query).scalars())

    def certified(self, scope: str, people: Sequence[str]) -> set[str]:
        """Tell which of these people have a certificate of a scope in a batch that is not cancelled, or are claimed."""
        return self._found(_CERTIFIED, scope, people)

    def on_their_way(self, scope: str, people: Sequence[str]) -> set[str]:
        """Tell which of these people have one in a batch that is neither final nor cancelled, or are claimed."""
        return self._found(_ON_THEIR_WAY, scope, people)

    def _found(self, question: str, scope: str, people: Sequence[str]) -> set[str]:
        """Ask for people by their certificates of a scope, and add who is claimed by a batch of it."""
        asked = {"asked": json.dumps(list(people)), "scope": scope}
        found = {str(person_id) for (person_id,) in self._session.driver.execute(question, asked)}
        claimed = {one.admission for one in undrawn_claims(self._session, scope)}
        if claimed:
            whose = "SELECT application.person FROM json_each(:asked) AS asked CROSS JOIN application"
            whose += " ON application.admission = asked.value"
            owners = self._session.driver.execute(whose, {"asked": json.dumps(sorted(claimed))})
            found.update({str(person_id) for (person_id,) in owners}.intersection(people))
        return found

    def next_id(self) -> int:
        """Give the id of the next certificate; those that are claimed are taken."""
        return next_id(self._session)

    def of_batch(self, batch_id: str) -> list[Piece]:
        """List the pieces of a batch, in the order of ids."""
        rows = self._session.rows(
            reserved_piece,
            select(reserved_piece).where(reserved_piece.c.batch == batch_id).order_by(reserved_piece.c.first_id),
        )
        ranges = [(row["first_id"], row["size"]) for row in rows]
        # Without any, all its numbers were drawn at once.
        return [self._piece(*one) for one in ranges] if rows else self.drawn(batch_id, AT_ONCE)

    def drawn(self, batch_id: str, at_once: int) -> list[Piece]:
        """Cut the certificates of a batch into pieces of at most so many, whatever was claimed for it."""
        query = select(func.min(certificate.c.id), func.max(certificate.c.id))
        first, last = self._session.connection.execute(query.where(certificate.c.batch == batch_id)).one()
        if first is None:
            return []
        # They follow on each other.
        return [self._piece(at, min(at_once, last - at + 1)) for at in range(first, last + 1, at_once)]

    def _piece(self, first_id: int, size: int) -> Piece:
        drawn = select(certificate.c.id).where(certificate.c.id == first_id)
        signed = select(func.count()).select_from(credential)
        signed = signed.where(credential.c.certificate.between(first_id, first_id + size - 1))
        connection = self._session.connection
        return Piece(
            first_id=first_id,
            size=size,
            drawn=connection.execute(drawn).first() is not None,
            signed=int(connection.execute(signed).scalar_one()),
        )

    def material(self, batch_id: str, piece: Piece) -> Material:
        """Read all that a piece is worked on with. Raises NotHere."""
        if not piece.drawn:
            return self._claimed(batch_id, piece)
        where = {"first": piece.first_id, "last": piece.last_id, "batch": batch_id}
        found = self._session.driver.execute(_DRAWN, where).fetchall()
        width = _WIDTH_OF_CERTIFICATE
        material = self._with_marks([row[width:] for row in found], piece.first_id, self._reserved_before(batch_id))
        signed = self._session.driver.execute(_SIGNED, {"first": piece.first_id, "last": piece.last_id}).fetchall()
        material.rows = {**material.rows, "certificate": [row[:width] for row in found], "credential": signed}
        return material

    def _claimed(self, batch_id: str, piece: Piece) -> Material:
        query = select(reserved_piece).where(
            reserved_piece.c.batch == batch_id, reserved_piece.c.first_id == piece.first_id
        )
        row = self._session.row(reserved_piece, query)
        if row is None:
            raise NotHere("reserved piece", f"{batch_id} {piece.first_id}")
        claims = [Claim(*one) for one in json.loads(row["places"])]
        asked = {"asked": json.dumps([one.admission for one in claims])}
        found = self._session.driver.execute(_CLAIMED, asked).fetchall()
        material = self._with_marks(found, piece.first_id, self._reserved_before(batch_id))
        material.claims = claims
        return material

    def _reserved_before(self, batch_id: str) -> int:
        """Up to when corrections count for a batch, as `SqlMarks.marked` has it."""
        row = self._session.row(batch, select(batch).where(batch.c.id == batch_id))
        return _LATEST if row is None else int(row["proposed_at"]) + 1_000_000

    def _with_marks(
        self, found: Sequence[tuple[Any, ...]], first_id: int, before: int = _LATEST, *, photographs: bool = True
    ) -> Material:
        """Put marks, photographs, and corrections of before some time, beside applications read with their people."""
        width, asked = _WIDTH_OF_APPLICATION, {"asked": json.dumps([row[0] for row in found])}
        driver = self._session.driver
        return Material(
            first_id=first_id,
            rows={
                "application": [row[:width] for row in found],
                "person": [row[width : width + _WIDTH_OF_PERSON] for row in found],
                "score": driver.execute(_MARKS, asked).fetchall(),
                "correction": driver.execute(_CORRECTIONS, {**asked, "before": before}).fetchall(),
                "portrait": driver.execute(_PORTRAITS, asked).fetchall() if photographs else [],
                "certificate": [],
                "credential": [],
            },
        )


def next_id(session: Session) -> int:
    """Give the id of the next certificate; those that are claimed are taken."""
    drawn = session.connection.execute(select(func.coalesce(func.max(certificate.c.id), 0))).scalar_one()
    query = select(reserved_piece.c.first_id, reserved_piece.c.size).order_by(reserved_piece.c.first_id.desc()).limit(1)
    claimed = session.connection.execute(query).first()
    return max(int(drawn), 0 if claimed is None else int(claimed[0]) + int(claimed[1]) - 1) + 1


def undrawn_admissions(session: Session) -> set[str]:
    """Name the applications that are claimed by a batch under way and have no certificate yet."""
    return {one.admission for one in undrawn_claims(session)}


def undrawn_claims(session: Session, scope: str | None = None) -> Iterator[Claim]:
    """Give what is claimed by batches under way, of one scope or of all, and is not drawn yet. Raises SealBroken."""
    for name, piece, of in session.driver.execute(_UNDRAWN).fetchall():
        if scope not in (None, of):
            continue
        query = select(reserved_piece).where(reserved_piece.c.batch == name, reserved_piece.c.piece == piece)
        row = session.row(reserved_piece, query)
        if row is not None:
            yield from (Claim(*one) for one in json.loads(row["places"]))
