"""What is kept of people's accounts, and what holders and employers made with them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from registry.access import Account, Invitation, Role, SignIn, WayIn


class Accounts(Protocol):
    """Accounts, their invitations and sign-ins."""

    def add(self, account: Account) -> None:
        """Keep a new account. Raises AccountTaken."""
        ...

    def account(self, name: str) -> Account:
        """Give an account. Raises NotHere."""
        ...

    def find(self, name: str) -> Account | None:
        """Give an account, if there is one of that name."""
        ...

    def of_identity(self, identity_type: str, number: str) -> Account | None:
        """Give the account of the person who was enrolled with this identity number."""
        ...

    def of_corrected_identity(self, identity_type: str, number: str) -> Sequence[Account]:
        """Give the accounts of people one of whose certificates was to be corrected to this identity number."""
        ...

    def all(self) -> Sequence[Account]:
        """All accounts but the holders', by name."""
        ...

    def change_roles(self, name: str, roles: frozenset[Role]) -> None:
        """Set an account's roles. Raises NotHere."""
        ...

    def set_password(self, name: str, password: str) -> None:
        """Set the hash of an account's password. Raises NotHere."""
        ...

    def close(self, name: str, at: datetime) -> None:
        """Close an account for good, and end its sign-ins. Raises NotHere."""
        ...

    def invite(self, invitation: Invitation) -> None:
        """Keep an invitation; earlier ones of the account that were not used end."""
        ...

    def ways_in(self, people: Sequence[str], at: datetime) -> Mapping[str, WayIn]:
        """How far each of these people is on the way to a password."""
        ...

    def invite_all(self, accounts: Iterable[Account], invitations: Iterable[Invitation]) -> None:
        """Keep accounts that are not there yet, and invitations of those that have no open one."""
        ...

    def invitation(self, token_hash: bytes) -> Invitation | None:
        """Give the invitation with this token."""
        ...

    def use_invitation(self, token_hash: bytes, at: datetime) -> None:
        """Mark an invitation as used. Raises StateMoved where it was meanwhile."""
        ...

    def end_invitations(self, account: str, at: datetime) -> None:
        """End every invitation of an account that was not used."""
        ...

    def begin(self, sign_in: SignIn) -> None:
        """Keep a sign-in."""
        ...

    def sign_in(self, token_hash: bytes) -> SignIn | None:
        """Give the sign-in with this token."""
        ...

    def touch(self, token_hash: bytes, at: datetime) -> None:
        """Note the last use of a sign-in."""
        ...

    def end(self, token_hash: bytes, at: datetime) -> None:
        """End a sign-in; what ended before stays."""
        ...

    def end_all(self, account: str, at: datetime) -> None:
        """End every sign-in of an account."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A link by which a holder shows one certificate to somebody, until a day or until it is withdrawn."""

    id: str
    """16 hexadecimal digits, random; no secret."""
    token_hash: bytes
    """SHA-256 of the link's token, 32 bytes."""
    person: str
    number: str
    """Of the certificate; the link follows it to its current revision."""
    audience: str
    purpose: str
    fields: tuple[str, ...]
    """Which selectively disclosable members the link shows."""
    made_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None
    opened: int
    opened_at: datetime | None


class Shares(Protocol):
    """What holders share."""

    def add(self, share: Share) -> None:
        """Keep a share; audience and purpose are encrypted under the person's key. Raises PersonErased."""
        ...

    def by_token(self, token_hash: bytes) -> Share | None:
        """Give the share with this token, withdrawn and lapsed ones too; None also where its person was erased."""
        ...

    def of_person(self, person: str) -> Sequence[Share]:
        """All shares of a person, the newest first."""
        ...

    def opened(self, id: str, at: datetime) -> None:
        """Count one opening."""
        ...

    def withdraw(self, id: str, at: datetime) -> None:
        """Withdraw a share. Raises NotHere; what was withdrawn before stays."""
        ...


class JobState(StrEnum):
    """Where a bulk verification stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    FORGOTTEN = "forgotten"
    """Its file and its result were deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One bulk verification. The file and the result are other people's data: encrypted, and deleted after a while."""

    id: str
    """`V-YYYY-MM-NNNN`."""
    account: str
    file_digest: bytes
    """SHA-256 of the file as it came."""
    rows: int
    done: int
    state: JobState
    made_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    failure: str | None


class Jobs(Protocol):
    """Bulk verifications."""

    def add(self, job: Job, file: bytes) -> None:
        """Keep a job and its file, encrypted under a key of its own."""
        ...

    def job(self, id: str) -> Job:
        """Give a job. Raises NotHere."""
        ...

    def of_account(self, account: str) -> Sequence[Job]:
        """All jobs of an account, the newest first."""
        ...

    def waiting(self) -> Sequence[Job]:
        """Jobs that are queued or were running when the process ended, the oldest first."""
        ...

    def file(self, id: str) -> bytes | None:
        """Give a job's file; None = forgotten."""
        ...

    def result(self, id: str) -> tuple[bytes, bytes] | None:
        """Give a job's result file and its receipt (JSON); None = not finished, or forgotten."""
        ...

    def progress(self, id: str, done: int) -> None:
        """Note how many rows are done; the job is running."""
        ...

    def finish(self, id: str, result: bytes, receipt: bytes, at: datetime) -> None:
        """Keep a job's result."""
        ...

    def fail(self, id: str, failure: str, at: datetime) -> None:
        """Note that a job cannot be done; `failure` is an error's code."""
        ...

    def forget(self, id: str) -> None:
        """Delete a job's key, file and result."""
        ...

    def expired(self, at: datetime) -> Sequence[Job]:
        """Jobs whose time is over and that were not forgotten."""
        ...
