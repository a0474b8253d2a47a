"""What holders share, and what employers have verified in bulk."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from registry.kernel.errors import Missing
from registry.ports.access import Job, JobState, Share
from registry.ports.storage import NotHere
from registry.store.people import PersonErased, person_keys
from registry.store.sessions import Row, Session, maybe_time, micros, time_of
from registry.store.tables import job, share
from registry.store.vault import decrypt, decrypt_json, encrypt, encrypt_json, new_person_key, unwrap_person_key


class JobForgotten(Missing):
    """A bulk verification's file and result were deleted after their time."""

    code = "bulk/forgotten"

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"bulk verification {id}: file and result were deleted after their time")


class SqlShares:
    """Implements registry.ports.access.Shares."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: Share) -> None:
        """Keep a share; audience and purpose are encrypted under the person's key. Raises PersonErased."""
        key = person_keys(self._session, [new.person]).get(new.person)
        if key is None:
            raise PersonErased(new.person)
        particulars = {"audience": new.audience, "purpose": new.purpose, "fields": list(new.fields)}
        self._session.add(
            share,
            [
                {
                    "id": new.id,
                    "token_hash": new.token_hash,
                    "person": new.person,
                    "number": new.number,
                    "particulars": encrypt_json(key, new.person, _particulars(new.id), particulars),
                    "made_at": micros(new.made_at),
                    "expires_at": micros(new.expires_at),
                    "withdrawn_at": None,
                    "opened": 0,
                    "opened_at": None,
                }
            ],
        )

    def by_token(self, token_hash: bytes) -> Share | None:
        """Give the share with this token, withdrawn and lapsed ones too; None also where its person was erased."""
        row = self._session.row(share, select(share).where(share.c.token_hash == token_hash))
        return None if row is None else next(iter(self._read([row])), None)

    def of_person(self, person: str) -> Sequence[Share]:
        """All shares of a person, the newest first."""
        query = select(share).where(share.c.person == person).order_by(share.c.made_at.desc(), share.c.id)
        return self._read(self._session.rows(share, query))

    def opened(self, id: str, at: datetime) -> None:
        """Count one opening."""
        row = self._known(id)
        self._session.change_read(share, row, {}, opened=row["opened"] + 1, opened_at=micros(at))

    def withdraw(self, id: str, at: datetime) -> None:
        """Withdraw a share. Raises NotHere; what was withdrawn before stays."""
        row = self._known(id)
        if row["withdrawn_at"] is None:
            self._session.change_read(share, row, {}, withdrawn_at=micros(at))

    def _known(self, id: str) -> Row:
        row = self._session.row(share, select(share).where(share.c.id == id))
        if row is None:
            raise NotHere("share", id)
        return row

    def _read(self, rows: Sequence[Row]) -> list[Share]:
        keys = person_keys(self._session, {row["person"] for row in rows})
        return [_share(row, keys[row["person"]]) for row in rows if row["person"] in keys]


class SqlJobs:
    """Implements registry.ports.access.Jobs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: Job, file: bytes) -> None:
        """Keep a job and its file, encrypted under a key of its own."""
        key, wrapped = new_person_key(self._session.keys, new.id)
        self._session.add(
            job,
            [
                {
                    "id": new.id,
                    "account": new.account,
                    "file_digest": new.file_digest,
                    "rows": new.rows,
                    "done": new.done,
                    "state": new.state.value,
                    "made_at": micros(new.made_at),
                    "finished_at": None,
                    "expires_at": micros(new.expires_at),
                    "wrapped_key": wrapped,
                    "file": encrypt(key, new.id, "job.file", file),
                    "result": None,
                    "receipt": None,
                    "failure": None,
                }
            ],
        )

    def job(self, id: str) -> Job:
        """Give a job. Raises NotHere."""
        return _job(self._known(id))

    def of_account(self, account: str) -> Sequence[Job]:
        """All jobs of an account, the newest first."""
        return self._jobs(job.c.account == account, job.c.made_at.desc())

    def waiting(self) -> Sequence[Job]:
        """Jobs that are queued or were running when the process ended, the oldest first."""
        return self._jobs(job.c.state.in_((JobState.QUEUED.value, JobState.RUNNING.value)), job.c.made_at)

    def expired(self, at: datetime) -> Sequence[Job]:
        """Jobs whose time is over and that were not forgotten."""
        return self._jobs((job.c.expires_at <= micros(at)) & job.c.wrapped_key.is_not(None), job.c.made_at)

    def file(self, id: str) -> bytes | None:
        """Give a job's file; None = forgotten."""
        return self._opened(self._known(id), "file")

    def result(self, id: str) -> tuple[bytes, bytes] | None:
        """Give a job's result file and its receipt (JSON); None = not finished, or forgotten."""
        row = self._known(id)
        result = self._opened(row, "result")
        return None if result is None or row["receipt"] is None else (result, row["receipt"])

    def progress(self, id: str, done: int) -> None:
        """Note how many rows are done; the job is running."""
        self._session.change_read(job, self._known(id), {}, done=done, state=JobState.RUNNING.value)

    def finish(self, id: str, result: bytes, receipt: bytes, at: datetime) -> None:
        """Keep a job's result. Raises JobForgotten."""
        row = self._known(id)
        self._session.change_read(
            job,
            row,
            {},
            done=row["rows"],
            state=JobState.FINISHED.value,
            finished_at=micros(at),
            result=encrypt(self._key(row), id, "job.result", result),
            receipt=receipt,
        )

    def fail(self, id: str, failure: str, at: datetime) -> None:
        """Note that a job cannot be done; `failure` is an error's code."""
        self._session.change_read(
            job, self._known(id), {}, state=JobState.FAILED.value, finished_at=micros(at), failure=failure
        )

    def forget(self, id: str) -> None:
        """Delete a job's key, file, result and receipt, in which the purpose stands."""
        self._session.change_read(
            job,
            self._known(id),
            {},
            state=JobState.FORGOTTEN.value,
            wrapped_key=None,
            file=None,
            result=None,
            receipt=None,
        )

    def _known(self, id: str) -> Row:
        row = self._session.row(job, select(job).where(job.c.id == id))
        if row is None:
            raise NotHere("bulk verification", id)
        return row

    def _jobs(self, condition: Any, order: Any) -> list[Job]:
        return [_job(row) for row in self._session.rows(job, select(job).where(condition).order_by(order, job.c.id))]

    def _key(self, row: Row) -> bytes:
        if row["wrapped_key"] is None:
            raise JobForgotten(row["id"])
        return unwrap_person_key(self._session.keys, row["id"], row["wrapped_key"])

    def _opened(self, row: Row, column: str) -> bytes | None:
        if row["wrapped_key"] is None or row[column] is None:
            return None
        return decrypt(self._key(row), row["id"], f"job.{column}", row[column])


def _particulars(id: str) -> str:
    return f"share.particulars/{id}"


def _share(row: Row, key: bytes) -> Share:
    particulars = decrypt_json(key, row["person"], _particulars(row["id"]), row["particulars"])
    return Share(
        id=row["id"],
        token_hash=row["token_hash"],
        person=row["person"],
        number=row["number"],
        audience=particulars["audience"],
        purpose=particulars["purpose"],
        fields=tuple(particulars["fields"]),
        made_at=time_of(row["made_at"]),
        expires_at=time_of(row["expires_at"]),
        withdrawn_at=maybe_time(row["withdrawn_at"]),
        opened=row["opened"],
        opened_at=maybe_time(row["opened_at"]),
    )


def _job(row: Row) -> Job:
    return Job(
        id=row["id"],
        account=row["account"],
        file_digest=row["file_digest"],
        rows=row["rows"],
        done=row["done"],
        state=JobState(row["state"]),
        made_at=time_of(row["made_at"]),
        finished_at=maybe_time(row["finished_at"]),
        expires_at=time_of(row["expires_at"]),
        failure=row["failure"],
    )
