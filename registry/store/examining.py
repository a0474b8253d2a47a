"""Sheets of marks: scores are only ever added; the database itself refuses to change or delete them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Exists, Select, exists, func, select

from registry.anchor.states import AnchorState
from registry.kernel.identifiers import Digest
from registry.ports.storage import Application, Mark, Marked, NotHere, Sheet, SheetReturn
from registry.store.correcting import corrected
from registry.store.people import SqlEnrolments, stands_on_a_sheet
from registry.store.sessions import Row, Session, StateMoved, maybe_time, micros, pieces, time_of
from registry.store.tables import application, batch, certificate, score, seat, sheet, sheet_return
from registry.store.training import waits_for_admission
from registry.store.vault import decrypt, encrypt, new_person_key, unwrap_person_key

_REASON = "sheet_return.reason"
_WAITS = sheet.c.confirmed_by.is_(None) & sheet_return.c.sheet.is_(None)


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
        """Find the sheet that a file was taken as and that was not returned."""
        found = self._sheets(
            select(sheet, sheet_return).where(sheet.c.file_digest == file_digest, sheet_return.c.sheet.is_(None))
        )
        return found[0] if found else None

    def sheet(self, sheet_id: str) -> Sheet:
        """Find one. Raises NotHere."""
        found = self._sheets(select(sheet, sheet_return).where(sheet.c.id == sheet_id))
        if not found:
            raise NotHere("score sheet", sheet_id)
        return found[0]

    def sheets(self) -> list[Sheet]:
        """List all sheets, oldest first."""
        return self._sheets(select(sheet, sheet_return).order_by(sheet.c.entered_at, sheet.c.id))

    def newest_sheets(self, *, first: int = 0, most: int) -> list[Sheet]:
        """List sheets, newest first: at most `most` of them from the `first` (from 0) on."""
        query = select(sheet, sheet_return).order_by(sheet.c.entered_at.desc(), sheet.c.id.desc())
        return self._sheets(query.offset(first).limit(most))

    def waiting_sheets(self) -> list[Sheet]:
        """List the sheets that wait for their second person, oldest first."""
        query = select(sheet, sheet_return).where(_WAITS).order_by(sheet.c.entered_at, sheet.c.id)
        return self._sheets(query)

    def count_sheets(self, *, waiting: bool = False) -> int:
        """Count all sheets, whether they can be read or not; `waiting`: those that wait for their second person."""
        query = select(func.count()).select_from(sheet).outerjoin(sheet_return)
        return self._session.connection.execute(query.where(_WAITS) if waiting else query).scalar_one()

    def _sheets(self, query: Select[Any]) -> list[Sheet]:
        """Read sheets with what sent them back; `query` selects both tables and gets their join."""
        query = query.outerjoin_from(sheet, sheet_return)
        return [_sheet(row, self._returned(back)) for row, back in self._session.joined(query, sheet, sheet_return)]

    def _returned(self, row: Row) -> SheetReturn | None:
        if not row:
            return None
        reason = None
        if row["wrapped_key"] is not None and row["reason"] is not None:
            key = unwrap_person_key(self._session.keys, row["sheet"], row["wrapped_key"])
            reason = decrypt(key, row["sheet"], _REASON, row["reason"]).decode()
        return SheetReturn(by=row["returned_by"], at=time_of(row["returned_at"]), reason=reason)

    def confirm(self, sheet_id: str, person: str, at: datetime) -> None:
        """Write down the second person's confirmation. Raises StateMoved where it was confirmed or returned before."""
        if not self.sheet(sheet_id).waits:
            raise StateMoved(sheet.name, sheet_id)
        self._session.change(
            sheet, {"id": sheet_id}, {"confirmed_by": None}, confirmed_by=person, confirmed_at=micros(at)
        )

    def send_back(self, sheet_id: str, returned: SheetReturn) -> None:
        """Write down that a sheet was returned, once; the reason is encrypted under a key of its own.

        Raises NotHere, StateMoved where it was confirmed or returned before.
        """
        if not self.sheet(sheet_id).waits:
            raise StateMoved(sheet.name, sheet_id)
        key, wrapped = new_person_key(self._session.keys, sheet_id)
        values: Row = {"sheet": sheet_id, "returned_by": returned.by, "returned_at": micros(returned.at)}
        if returned.reason is not None:
            values["wrapped_key"] = wrapped
            values["reason"] = encrypt(key, sheet_id, _REASON, returned.reason.encode())
        self._session.add(sheet_return, [values])

    def marks(self, sheet_id: str) -> list[Mark]:
        """List a sheet's marks as they count: as entered, or set right by a confirmed correction."""
        query = select(score).where(score.c.sheet == sheet_id).order_by(score.c.id)
        rows = self._session.rows(score, query)
        right = corrected(self._session, {row["admission"] for row in rows})
        return [_mark(row, right) for row in rows]

    def scopes(self, sheet_id: str) -> list[tuple[str, str]]:
        """List programme and level of everybody on a sheet, also of those who were erased, each once, in order."""
        query = select(application.c.programme, application.c.level).join_from(score, application).distinct()
        query = query.where(score.c.sheet == sheet_id).order_by(application.c.programme, application.c.level)
        return [(programme, level) for programme, level in self._session.connection.execute(query)]

    def awaited(self, programme: str) -> dict[str, str]:
        """Which eligible applications of a programme stand on no sheet that counts: admission number → level.

        Who is registered by a unit and was not admitted yet is not awaited; who is registered for a session is not
        either: those scores come with the session.
        """
        query = _awaited(select(application.c.admission, application.c.level), programme)
        return {admission: level for admission, level in self._session.connection.execute(query)}

    def count_awaited(self, programme: str) -> int:
        """How many eligible applications of a programme stand on no sheet that counts."""
        query = _awaited(select(func.count()).select_from(application), programme)
        return int(self._session.connection.execute(query).scalar_one())

    def count_unbatched(self, programme: str) -> dict[str, int]:
        """How many eligible applications of each level stand on a confirmed sheet and in no batch that counts.

        Whether they passed is not looked at.
        """
        on_a_sheet = exists().where(
            score.c.admission == application.c.admission, sheet.c.id == score.c.sheet, sheet.c.confirmed_by.is_not(None)
        )
        query = (
            select(application.c.level, func.count())
            .where(application.c.programme == programme, application.c.eligible == 1, ~_in_a_batch(), on_a_sheet)
            .group_by(application.c.level)
        )
        return {level: count for level, count in self._session.connection.execute(query)}

    def confirmed(self, programme: str, level: str) -> Iterator[Marked]:
        """List eligible applications that have confirmed marks and no certificate in a batch that still counts."""
        query = (
            select(application)
            .where(application.c.programme == programme, application.c.level == level)
            .where(application.c.eligible == 1, ~_in_a_batch())
        )
        order = {one.id: (place, one) for place, one in enumerate(self.sheets()) if one.confirmed_by is not None}
        for page in self._session.pages(query, application.c.admission, application):
            opened = list(SqlEnrolments(self._session).opened([row for (row,) in page]))
            scores = self._scores([one.admission for one in opened])
            for one in opened:
                entered = [order[sheet_id] for sheet_id in scores.get(one.admission, {}) if sheet_id in order]
                if entered:
                    entered.sort(key=lambda placed: placed[0])
                    yield _marked(one, [counted for _, counted in entered], scores)

    def marked(self, batch_id: str, sheet_of: Mapping[str, str] | None = None) -> dict[str, Marked]:
        """The applications of a batch with the marks that each was reserved on, by admission number.

        `sheet_of`: only these, each with the sheet that it was reserved on.
        """
        of = self._session.row(batch, select(batch).where(batch.c.id == batch_id))
        # Its time is whole seconds, rounded down; what is confirmed later changes nothing that was signed.
        before = None if of is None else time_of(of["proposed_at"]) + timedelta(seconds=1)
        if sheet_of is not None:
            return self._up_to(sheet_of, before)
        sheets, found = self._confirmed_sheets(), dict[str, Marked]()
        query = select(certificate, application).join_from(certificate, application)
        query = query.where(certificate.c.batch == batch_id)
        for page in self._session.pages(query, certificate.c.leaf, certificate, application):
            of_page = {row["admission"]: row["sheet"] for row, _ in page}
            found |= self._rested_on(of_page, [row for _, row in page], sheets, before)
        return found

    def rested_on(self, sheet_of: Mapping[str, str]) -> dict[str, Marked]:
        """Applications with their marks up to a sheet as they are now: admission number → sheet, → with its marks."""
        return self._up_to(sheet_of, None)

    def _up_to(self, sheet_of: Mapping[str, str], before: datetime | None) -> dict[str, Marked]:
        sheets, found = self._confirmed_sheets(), dict[str, Marked]()
        for piece in pieces(sheet_of):
            rows = self._session.rows(application, select(application).where(application.c.admission.in_(piece)))
            found |= self._rested_on(sheet_of, rows, sheets, before)
        return found

    def _confirmed_sheets(self) -> dict[str, tuple[int, Sheet]]:
        return {one.id: (place, one) for place, one in enumerate(self.sheets()) if one.confirmed_by is not None}

    def _rested_on(
        self,
        sheet_of: Mapping[str, str],
        applications: Sequence[Row],
        sheets: Mapping[str, tuple[int, Sheet]],
        before: datetime | None,
    ) -> dict[str, Marked]:
        found: dict[str, Marked] = {}
        scores = self._scores([row["admission"] for row in applications], before)
        for one in SqlEnrolments(self._session).opened(applications):
            sheet_id, stands_on = sheet_of[one.admission], scores.get(one.admission, {})
            if sheet_id in stands_on and sheet_id in sheets:
                earlier = sorted((sheets[name] for name in stands_on if name in sheets), key=lambda placed: placed[0])
                up_to = [counted for place, counted in earlier if place <= sheets[sheet_id][0]]
                found[one.admission] = _marked(one, up_to, scores)
        return found

    def _scores(self, admissions: Sequence[str], before: datetime | None = None) -> dict[str, dict[str, list[Mark]]]:
        """Read all marks of a page of applications: admission number → sheet → marks in the order of entry."""
        scores: dict[str, dict[str, list[Mark]]] = {}
        query: Select[Any] = select(score).where(score.c.admission.in_(admissions)).order_by(score.c.id)
        right = corrected(self._session, admissions, before)
        for row in self._session.rows(score, query):
            scores.setdefault(row["admission"], {}).setdefault(row["sheet"], []).append(_mark(row, right))
        return scores


def _in_a_batch() -> Exists:
    """Tell whether an application has a certificate in a batch that still counts."""
    return (
        exists()
        .where(certificate.c.admission == application.c.admission)
        .where(certificate.c.batch == batch.c.id)
        .where(batch.c.state != AnchorState.CANCELLED.value)
    )


def _awaited(query: Select[Any], programme: str) -> Select[Any]:
    """Leave the eligible applications of a programme that wait for their first marks, or for others."""
    return (
        query.where(application.c.programme == programme, application.c.eligible == 1)
        .where(~stands_on_a_sheet(), ~waits_for_admission())
        .where(~exists().where(seat.c.admission == application.c.admission))
    )


def _marked(one: Application, counted: Sequence[Sheet], scores: Mapping[str, Mapping[str, Sequence[Mark]]]) -> Marked:
    """Put the marks of confirmed sheets together, the oldest first: of each paper the latest counts, as in a retake."""
    by_paper = {mark.paper: mark for of in counted for mark in scores[one.admission][of.id]}
    return Marked(application=one, sheet=counted[-1], marks=tuple(by_paper.values()))


def _mark(row: Row, right: Mapping[tuple[str, str, str], int | None]) -> Mark:
    put_right = right.get((row["sheet"], row["admission"], row["paper"]), row["hundredths"])
    return Mark(admission=row["admission"], paper=row["paper"], hundredths=put_right)


def _sheet(row: Row, returned: SheetReturn | None) -> Sheet:
    return Sheet(
        id=row["id"],
        file_digest=Digest(row["file_digest"]),
        examined_on=date.fromisoformat(row["examined_on"]),
        rows=row["rows"],
        entered_by=row["entered_by"],
        entered_at=time_of(row["entered_at"]),
        confirmed_by=row["confirmed_by"],
        confirmed_at=maybe_time(row["confirmed_at"]),
        returned=returned,
    )
