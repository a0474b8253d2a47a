"""Read what people judged of applications: rows opened with the keys of those whom they are about."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import select

from registry.enrolment import Judgement
from registry.kernel.calendar import CHINA_TIME
from registry.store.sessions import Row, Session, pieces, time_of
from registry.store.tables import judgement
from registry.store.vault import decrypt

IN_ORDER: Final = (judgement.c.entered_at, judgement.c.id)


def confirmed_judgements(
    session: Session, rows: Sequence[Row], keys: Mapping[str, bytes]
) -> dict[str, tuple[Judgement, ...]]:
    """Give what counts for some applications, by admission number, in the order in which it was confirmed.

    Raises SealBroken, CiphertextUnreadable.
    """
    people = {row["admission"]: row["person"] for row in rows}
    found: dict[str, tuple[Judgement, ...]] = {}
    for piece in pieces(people):
        query = select(judgement).where(judgement.c.admission.in_(piece), judgement.c.confirmed_at.is_not(None))
        for row in session.rows(judgement, query.order_by(judgement.c.confirmed_at, *IN_ORDER)):
            person = people[row["admission"]]
            if person in keys:
                one = Judgement(
                    subject=row["subject"],
                    favourable=bool(row["favourable"]),
                    reason=opened_reason(keys[person], person, row),
                    person=row["entered_by"],
                    confirmed_by=row["confirmed_by"],
                    on=time_of(row["confirmed_at"]).astimezone(CHINA_TIME).date(),
                )
                found[row["admission"]] = (*found.get(row["admission"], ()), one)
    return found


def opened_reason(key: bytes, person: str, row: Row) -> str:
    """Open the reason of a judgement. Raises CiphertextUnreadable."""
    return decrypt(key, person, reason_field(row["id"]), row["reason"]).decode()


def reason_field(judgement_id: str) -> str:
    """Name the field that a reason is encrypted as."""
    return f"judgement.reason/{judgement_id}"
