"""Candidates' photographs, each encrypted under its person's key."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from registry.ports.storage import NotHere, Portrait
from registry.store.people import PersonErased, person_keys
from registry.store.sessions import Session, micros, pieces
from registry.store.tables import application, portrait
from registry.store.vault import decrypt, encrypt


class SqlPortraits:
    """Implements registry.ports.storage.Portraits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, new: Portrait, *, person: str, at: datetime) -> None:
        """Keep a photograph, in place of an earlier one of the application; `person` hands it in.

        Raises NotHere, PersonErased.
        """
        of = self._session.row(application, select(application).where(application.c.admission == new.admission))
        if of is None:
            raise NotHere("application", new.admission)
        key = person_keys(self._session, [of["person"]]).get(of["person"])
        if key is None:
            raise PersonErased(of["person"])
        values = {
            "media_type": new.media_type,
            "image": encrypt(key, of["person"], _image(new.admission), new.image),
            "added_by": person,
            "added_at": micros(at),
        }
        earlier = self._session.row(portrait, select(portrait).where(portrait.c.admission == new.admission))
        if earlier is None:
            self._session.add(portrait, [{"admission": new.admission, "person": of["person"], **values}])
        else:
            self._session.change_read(portrait, earlier, {}, **values)

    def of(self, admissions: Sequence[str]) -> dict[str, Portrait]:
        """Give the photographs of applications, without those that have none or whose person was erased."""
        found: dict[str, Portrait] = {}
        for piece in pieces(admissions):
            rows = self._session.rows(portrait, select(portrait).where(portrait.c.admission.in_(piece)))
            keys = person_keys(self._session, [row["person"] for row in rows])
            for row in rows:
                if row["person"] in keys and row["image"] is not None:
                    image = decrypt(keys[row["person"]], row["person"], _image(row["admission"]), row["image"])
                    found[row["admission"]] = Portrait(
                        admission=row["admission"], media_type=row["media_type"], image=image
                    )
        return found

    def count(self, roster: str) -> int:
        """How many applications of a roster have a photograph."""
        query = select(func.count()).select_from(portrait).join(application)
        found = self._session.connection.execute(
            query.where(application.c.roster == roster, portrait.c.image.is_not(None))
        )
        return int(found.scalar_one())


def _image(admission: str) -> str:
    return f"portrait.image/{admission}"
