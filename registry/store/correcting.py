"""What belongs to sheets of marks: their session, the scores by function, corrections. Rows are only ever added."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import exists, func, select

from registry.ports.examinations import FunctionMark, ScoreCorrection
from registry.ports.storage import NotHere
from registry.store.people import PersonErased, person_keys
from registry.store.sessions import Row, Session, maybe_time, micros, pieces, time_of
from registry.store.tables import application, correction, function_score, score, sheet, sheet_return, sheet_session
from registry.store.vault import decrypt, encrypt


class SqlCorrections:
    """Implements registry.ports.examinations.Corrections."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def name_session(self, sheet_id: str, session_id: str) -> None:
        """Write down which session a sheet is of, once."""
        self._session.add(sheet_session, [{"sheet": sheet_id, "session": session_id}])

    def session_of(self, sheet_id: str) -> str | None:
        """Name the session of a sheet; None = it is of none."""
        row = self._session.row(sheet_session, select(sheet_session).where(sheet_session.c.sheet == sheet_id))
        return None if row is None else str(row["session"])

    def sheets_of(self, session_id: str) -> list[str]:
        """Name the sheets of a session, in the order of entry, returned ones too."""
        query = select(sheet_session).where(sheet_session.c.session == session_id)
        rows = self._session.rows(
            sheet_session, query.order_by(func.length(sheet_session.c.sheet), sheet_session.c.sheet)
        )
        return [row["sheet"] for row in rows]

    def marks_by_session(self, admissions: Sequence[str]) -> dict[tuple[str, str], dict[str, int | None]]:
        """Give candidates' confirmed scores, corrections among them, by (admission number, session).

        Paper → hundredths, None = absent.
        """
        right = corrected(self._session, admissions)
        found: dict[tuple[str, str], dict[str, int | None]] = {}
        for piece in pieces(admissions):
            query = (
                select(score, sheet, sheet_session)
                .select_from(score)
                .join(sheet, sheet.c.id == score.c.sheet)
                .join(sheet_session, sheet_session.c.sheet == sheet.c.id)
                .where(score.c.admission.in_(piece), sheet.c.confirmed_by.is_not(None))
                .order_by(score.c.id)
            )
            for mark, of, named in self._session.joined(query, score, sheet, sheet_session):
                put_right = right.get((of["id"], mark["admission"], mark["paper"]), mark["hundredths"])
                found.setdefault((mark["admission"], named["session"]), {})[mark["paper"]] = put_right
        return found

    def marked_in(self, session_id: str) -> set[str]:
        """Which candidates stand on a sheet of a session that counts, confirmed or waiting."""
        returned = exists().where(sheet_return.c.sheet == score.c.sheet)
        query = (
            select(score.c.admission)
            .join(sheet_session, sheet_session.c.sheet == score.c.sheet)
            .where(sheet_session.c.session == session_id, ~returned)
        )
        return set(self._session.connection.execute(query).scalars())

    def add_function_marks(self, sheet_id: str, marks: Sequence[FunctionMark]) -> None:
        """Keep the scores by function of a sheet."""
        last = self._session.connection.execute(select(func.coalesce(func.max(function_score.c.id), 0))).scalar_one()
        self._session.add(
            function_score,
            (
                {
                    "id": row_id,
                    "sheet": sheet_id,
                    "admission": mark.admission,
                    "paper": mark.paper,
                    "function": mark.function,
                    "hundredths": mark.hundredths,
                }
                for row_id, mark in enumerate(marks, start=last + 1)
            ),
        )

    def function_marks(self, sheet_id: str, admission: str | None = None) -> list[FunctionMark]:
        """List a sheet's scores by function as they were entered."""
        query = select(function_score).where(function_score.c.sheet == sheet_id)
        if admission is not None:
            query = query.where(function_score.c.admission == admission)
        return [
            FunctionMark(
                admission=row["admission"],
                paper=row["paper"],
                function=row["function"],
                hundredths=row["hundredths"],
            )
            for row in self._session.rows(function_score, query.order_by(function_score.c.id))
        ]

    def add(self, new: ScoreCorrection) -> None:
        """Keep a correction that waits for its second person. Raises NotHere, PersonErased, RowRefused."""
        person, key = self._key_of(new.admission)
        self._session.add(
            correction,
            [
                {
                    "id": new.id,
                    "sheet": new.sheet,
                    "admission": new.admission,
                    "paper": new.paper,
                    "hundredths": new.hundredths,
                    "function": new.function,
                    "function_hundredths": new.function_hundredths,
                    "reason": encrypt(key, person, _reason(new.id), (new.reason or "").encode()),
                    "entered_by": new.entered_by,
                    "entered_at": micros(new.entered_at),
                }
            ],
        )

    def _key_of(self, admission: str) -> tuple[str, bytes]:
        row = self._session.row(application, select(application).where(application.c.admission == admission))
        if row is None:
            raise NotHere("application", admission)
        key = person_keys(self._session, [row["person"]]).get(row["person"])
        if key is None:
            raise PersonErased(row["person"])
        return row["person"], key

    def correction(self, correction_id: str) -> ScoreCorrection:
        """Find one. Raises NotHere."""
        found = self._opened(self._session.rows(correction, select(correction).where(correction.c.id == correction_id)))
        if not found:
            raise NotHere("correction", correction_id)
        return found[0]

    def corrections(self, *, sheet_id: str | None = None, admission: str | None = None) -> list[ScoreCorrection]:
        """List corrections in the order in which they were entered."""
        query = select(correction)
        if sheet_id is not None:
            query = query.where(correction.c.sheet == sheet_id)
        if admission is not None:
            query = query.where(correction.c.admission == admission)
        return self._opened(self._session.rows(correction, query.order_by(correction.c.entered_at, correction.c.id)))

    def confirm(self, correction_id: str, person: str, at: datetime) -> None:
        """Let a correction count, once. Raises NotHere, StateMoved, RowRefused."""
        self.correction(correction_id)
        self._session.change(
            correction, {"id": correction_id}, {"confirmed_by": None}, confirmed_by=person, confirmed_at=micros(at)
        )

    def _opened(self, rows: Sequence[Row]) -> list[ScoreCorrection]:
        of_admission: dict[str, str] = {}
        for piece in pieces({row["admission"] for row in rows}):
            query = select(application).where(application.c.admission.in_(piece))
            of_admission |= {row["admission"]: row["person"] for row in self._session.rows(application, query)}
        keys = person_keys(self._session, of_admission.values())
        found = []
        for row in rows:
            person = of_admission[row["admission"]]
            reason = None
            if person in keys:
                reason = decrypt(keys[person], person, _reason(row["id"]), row["reason"]).decode()
            found.append(_correction(row, reason))
        return found


def corrected(
    session: Session, admissions: Iterable[str], before: datetime | None = None
) -> dict[tuple[str, str, str], int | None]:
    """Give the scores that confirmed corrections have put right: (sheet, admission, paper) → hundredths.

    Of several the last one that was confirmed counts; `before`: without those confirmed from then on. Raises
    SealBroken.
    """
    found: dict[tuple[str, str, str], int | None] = {}
    for piece in pieces(admissions):
        query = select(correction).where(correction.c.admission.in_(piece), correction.c.confirmed_at.is_not(None))
        if before is not None:
            query = query.where(correction.c.confirmed_at < micros(before))
        for row in session.rows(correction, query.order_by(correction.c.confirmed_at, correction.c.id)):
            found[row["sheet"], row["admission"], row["paper"]] = row["hundredths"]
    return found


def _correction(row: Row, reason: str | None) -> ScoreCorrection:
    return ScoreCorrection(
        id=row["id"],
        sheet=row["sheet"],
        admission=row["admission"],
        paper=row["paper"],
        hundredths=row["hundredths"],
        function=row["function"],
        function_hundredths=row["function_hundredths"],
        reason=reason,
        entered_by=row["entered_by"],
        entered_at=time_of(row["entered_at"]),
        confirmed_by=row["confirmed_by"],
        confirmed_at=maybe_time(row["confirmed_at"]),
    )


def _reason(correction_id: str) -> str:
    return f"correction.reason/{correction_id}"
