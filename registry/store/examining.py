"""Sheets of marks: scores are only ever added; the database itself refuses to change or delete them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, exists, func, select

from registry.anchor.states import AnchorState
from registry.kernel.identifiers import Digest
from registry.ports.storage import Application, Mark, Marked, NotHere, Sheet
from registry.store.people import SqlEnrolments
from registry.store.sessions import Row, Session, maybe_time, micros, time_of
from registry.store.tables import application, batch, certificate, score, sheet


class SqlMarks:
    """Implements registry.ports.storage.Marks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_sheet(self, new: Sheet, marks: Sequence[Mark]) -> None:
        """Keep a sheet."""
        self._session.add(
            sheet,
            [
                {
                    "id": new.id,
                    "file_digest": new.file_digest,
                    "examined_on": new.examined_on.isoformat(),
                    "rows": new.rows,
                    "entered_by": new.entered_by,
                    "entered_at": micros(new.entered_at),
                }
            ],
        )
        last = self._session.connection.execute(select(func.coalesce(func.max(score.c.id), 0))).scalar_one()
        self._session.add(
            score,
            (
                {
                    "id": row_id,
                    "sheet": new.id,
                    "admission": mark.admission,
                    "paper": mark.paper,
                    "hundredths": mark.hundredths,
                }
                for row_id, mark in enumerate(marks, start=last + 1)
            ),
        )

    def sheet_of_file(self, file_digest: Digest) -> Sheet | None:
        """Find the sheet that a file was taken as."""
        row = self._session.row(sheet, select(sheet).where(sheet.c.file_digest == file_digest))
        return _sheet(row) if row is not None else None

    def sheet(self, sheet_id: str) -> Sheet:
        """Find one. Raises NotHere."""
        row = self._session.row(sheet, select(sheet).where(sheet.c.id == sheet_id))
        if row is None:
            raise NotHere("score sheet", sheet_id)
        return _sheet(row)

    def sheets(self) -> list[Sheet]:
        """List all sheets, oldest first."""
        query = select(sheet).order_by(sheet.c.entered_at, sheet.c.id)
        return [_sheet(row) for row in self._session.rows(sheet, query)]

    def confirm(self, sheet_id: str, person: str, at: datetime) -> None:
        """Write down the second person's confirmation. Raises StateMoved where it was confirmed before."""
        self._session.change(
            sheet, {"id": sheet_id}, {"confirmed_by": None}, confirmed_by=person, confirmed_at=micros(at)
        )

    def marks(self, sheet_id: str) -> list[Mark]:
        """List a sheet's marks."""
        query = select(score).where(score.c.sheet == sheet_id).order_by(score.c.id)
        return [_mark(row) for row in self._session.rows(score, query)]

    def awaited(self, programme: str) -> dict[str, str]:
        """Which eligible applications of a programme stand on no sheet yet: admission number → level."""
        query = (
            select(application.c.admission, application.c.level)
            .where(application.c.programme == programme, application.c.eligible == 1)
            .where(~exists().where(score.c.admission == application.c.admission))
        )
        return {admission: level for admission, level in self._session.connection.execute(query)}

    def confirmed(self, programme: str, level: str) -> Iterator[Marked]:
        """List eligible applications that have confirmed marks and no certificate in a batch that still counts."""
        taken = (
            exists()
            .where(certificate.c.admission == application.c.admission)
            .where(certificate.c.batch == batch.c.id)
            .where(batch.c.state != AnchorState.CANCELLED.value)
        )
        query = (
            select(application)
            .where(application.c.programme == programme, application.c.level == level)
            .where(application.c.eligible == 1, ~taken)
        )
        order = {one.id: (place, one) for place, one in enumerate(self.sheets()) if one.confirmed_by is not None}
        for page in self._session.pages(query, application.c.admission, application):
            opened = list(SqlEnrolments(self._session).opened([row for (row,) in page]))
            scores = self._scores([one.admission for one in opened])
            for one in opened:
                entered = [order[sheet_id] for sheet_id in scores.get(one.admission, {}) if sheet_id in order]
                if entered:
                    _, latest = max(entered, key=lambda placed: placed[0])
                    yield _marked(one, latest, scores)

    def marked(self, batch_id: str) -> dict[str, Marked]:
        """The applications of a batch with the marks that each was reserved on, by admission number."""
        sheets = {one.id: one for one in self.sheets()}
        found: dict[str, Marked] = {}
        query = select(certificate, application).join_from(certificate, application)
        query = query.where(certificate.c.batch == batch_id)
        for page in self._session.pages(query, certificate.c.leaf, certificate, application):
            sheet_of = {row["admission"]: row["sheet"] for row, _ in page}
            scores = self._scores(list(sheet_of))
            for one in SqlEnrolments(self._session).opened([row for _, row in page]):
                sheet_id = sheet_of[one.admission]
                if sheet_id in scores.get(one.admission, {}):
                    found[one.admission] = _marked(one, sheets[sheet_id], scores)
        return found

    def _scores(self, admissions: Sequence[str]) -> dict[str, dict[str, list[Mark]]]:
        """Read all marks of a page of applications: admission number → sheet → marks in the order of entry."""
        scores: dict[str, dict[str, list[Mark]]] = {}
        query: Select[Any] = select(score).where(score.c.admission.in_(admissions)).order_by(score.c.id)
        for row in self._session.rows(score, query):
            scores.setdefault(row["admission"], {}).setdefault(row["sheet"], []).append(_mark(row))
        return scores


def _marked(one: Application, of: Sheet, scores: Mapping[str, Mapping[str, Sequence[Mark]]]) -> Marked:
    return Marked(application=one, sheet=of, marks=tuple(scores[one.admission][of.id]))


def _mark(row: Row) -> Mark:
    return Mark(admission=row["admission"], paper=row["paper"], hundredths=row["hundredths"])


def _sheet(row: Row) -> Sheet:
    return Sheet(
        id=row["id"],
        file_digest=Digest(row["file_digest"]),
        examined_on=date.fromisoformat(row["examined_on"]),
        rows=row["rows"],
        entered_by=row["entered_by"],
        entered_at=time_of(row["entered_at"]),
        confirmed_by=row["confirmed_by"],
        confirmed_at=maybe_time(row["confirmed_at"]),
    )
