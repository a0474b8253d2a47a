"""Sheets of marks: scores are only ever added; the database itself refuses to change or delete them."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.engine import RowMapping

from registry.anchor.states import AnchorState
from registry.kernel.identifiers import Digest
from registry.ports.storage import Mark, Marked, NotHere, Sheet
from registry.store.people import SqlEnrolments
from registry.store.sessions import Session, micros, time_of
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
            [
                {
                    "id": row_id,
                    "sheet": new.id,
                    "admission": mark.admission,
                    "paper": mark.paper,
                    "hundredths": mark.hundredths,
                }
                for row_id, mark in enumerate(marks, start=last + 1)
            ],
        )

    def sheet_of_file(self, file_digest: Digest) -> Sheet | None:
        """Find the sheet that a file was taken as."""
        row = (
            self._session.connection.execute(select(sheet).where(sheet.c.file_digest == file_digest))
            .mappings()
            .one_or_none()
        )
        return self._sheet(row) if row is not None else None

    def sheet(self, sheet_id: str) -> Sheet:
        """Find one. Raises NotHere."""
        row = self._session.connection.execute(select(sheet).where(sheet.c.id == sheet_id)).mappings().one_or_none()
        if row is None:
            raise NotHere("score sheet", sheet_id)
        return self._sheet(row)

    def sheets(self) -> list[Sheet]:
        """List all sheets, oldest first."""
        rows = self._session.connection.execute(select(sheet).order_by(sheet.c.id)).mappings()
        return [self._sheet(row) for row in rows]

    def _sheet(self, row: RowMapping) -> Sheet:
        self._session.require_sealed(sheet, row, row["id"])
        return Sheet(
            id=row["id"],
            file_digest=Digest(bytes(row["file_digest"])),
            examined_on=date.fromisoformat(row["examined_on"]),
            rows=row["rows"],
            entered_by=row["entered_by"],
            entered_at=time_of(row["entered_at"]),
            confirmed_by=row["confirmed_by"],
            confirmed_at=time_of(row["confirmed_at"]) if row["confirmed_at"] is not None else None,
        )

    def confirm(self, sheet_id: str, person: str, at: datetime) -> None:
        """Write down the second person's confirmation."""
        self._session.change(
            sheet, {"id": sheet_id}, {"confirmed_by": None}, confirmed_by=person, confirmed_at=micros(at)
        )

    def marks(self, sheet_id: str) -> list[Mark]:
        """List a sheet's marks."""
        query = select(score).where(score.c.sheet == sheet_id).order_by(score.c.id)
        return [self._mark(row) for row in self._session.connection.execute(query).mappings()]

    def marked_admissions(self) -> set[str]:
        """Which applications stand on any sheet."""
        return set(self._session.connection.execute(select(score.c.admission).distinct()).scalars())

    def _mark(self, row: RowMapping) -> Mark:
        self._session.require_sealed(score, row, str(row["id"]))
        return Mark(admission=row["admission"], paper=row["paper"], hundredths=row["hundredths"])

    def confirmed(self, programme: str, level: str) -> Iterator[Marked]:
        """List eligible applications that have confirmed marks and no certificate in a batch that still counts."""
        taken = (
            exists()
            .where(certificate.c.admission == application.c.admission)
            .where(certificate.c.batch == batch.c.id)
            .where(batch.c.state != AnchorState.CANCELLED.value)
        )
        rows = list(
            self._session.connection.execute(
                select(application)
                .where(application.c.programme == programme, application.c.level == level)
                .where(application.c.eligible == 1, ~taken)
                .order_by(application.c.admission)
            ).mappings()
        )
        applications = {one.admission: one for one in SqlEnrolments(self._session).opened(rows)}
        sheets = {one.id: one for one in self.sheets() if one.confirmed_by is not None}
        for admission, scores in groupby(self._scores(programme, level), key=lambda row: str(row["admission"])):
            of_sheets: dict[str, list[Any]] = {}
            for row in scores:
                if row["sheet"] in sheets:
                    of_sheets.setdefault(row["sheet"], []).append(row)
            if admission in applications and of_sheets:
                latest = max(of_sheets)
                yield Marked(
                    application=applications[admission],
                    sheet=sheets[latest],
                    marks=tuple(self._mark(row) for row in of_sheets[latest]),
                )

    def _scores(self, programme: str, level: str) -> list[RowMapping]:
        query = (
            select(score)
            .join(application)
            .where(application.c.programme == programme, application.c.level == level)
            .order_by(score.c.admission, score.c.id)
        )
        return list(self._session.connection.execute(query).mappings())
