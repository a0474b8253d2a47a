"""Accounts, invitations, sign-ins."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from registry.access import Account, AccountKind, Invitation, Role, SignIn, WayIn
from registry.kernel.errors import Conflict
from registry.ports.storage import NotHere
from registry.store.sessions import Row, Session, maybe_time, micros, pieces, time_of
from registry.store.tables import IS_REPLACED, account, certificate, invitation, person, replacement, sign_in
from registry.store.vault import identity_index


class AccountTaken(Conflict):
    """There is an account of that name, or of that person."""

    code = "account/taken"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is an account {name} already")


class SqlAccounts:
    """Implements registry.ports.access.Accounts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, new: Account) -> None:
        """Keep a new account. Raises AccountTaken."""
        if self._row(new.name) is not None:
            raise AccountTaken(new.name)
        self._session.add(account, [_account_row(new)])

    def account(self, name: str) -> Account:
        """Give an account. Raises NotHere."""
        return _account(self._known(name))

    def find(self, name: str) -> Account | None:
        """Give an account, if there is one of that name."""
        row = self._row(name)
        return None if row is None else _account(row)

    def of_identity(self, identity_type: str, number: str) -> Account | None:
        """Give the account of the person who was enrolled with this identity number."""
        index = identity_index(self._session.keys, identity_type, number)
        of = self._session.row(
            person, select(person).where(person.c.identity_type == identity_type, person.c.identity_index == index)
        )
        return None if of is None else self.find(of["id"])

    def of_corrected_identity(self, identity_type: str, number: str) -> Sequence[Account]:
        """Give the accounts of people one of whose certificates was to be corrected to this identity number."""
        index = identity_index(self._session.keys, identity_type, number)
        query = (
            select(replacement, certificate)
            .join_from(replacement, certificate, IS_REPLACED)
            .where(replacement.c.identity_index == index)
        )
        people = dict.fromkeys(of["person"] for _, of in self._session.joined(query, replacement, certificate))
        return [one for one in map(self.find, people) if one is not None]

    def all(self) -> Sequence[Account]:
        """All accounts but the holders', by name."""
        query = select(account).where(account.c.kind != AccountKind.HOLDER.value).order_by(account.c.name)
        return [_account(row) for row in self._session.rows(account, query)]

    def change_roles(self, name: str, roles: frozenset[Role]) -> None:
        """Set an account's roles. Raises NotHere."""
        self._session.change_read(account, self._known(name), {}, roles=_written(roles))

    def set_password(self, name: str, password: str) -> None:
        """Set the hash of an account's password. Raises NotHere."""
        self._session.change_read(account, self._known(name), {}, password=password)

    def close(self, name: str, at: datetime) -> None:
        """Close an account for good, and end its sign-ins. Raises NotHere."""
        row = self._known(name)
        if row["closed_at"] is None:
            self._session.change_read(account, row, {}, closed_at=micros(at))
        self.end_all(name, at)
        self.end_invitations(name, at)

    def forget(self, of: str, at: datetime) -> None:
        """Close the account of a person who is erased, if there is one, and delete its password's hash."""
        row = self._session.row(account, select(account).where(account.c.person == of))
        if row is not None:
            self._session.change_read(account, row, {}, password=None)
            self.close(row["name"], at)

    def invite(self, new: Invitation) -> None:
        """Keep an invitation; earlier ones of the account that were not used end."""
        self.end_invitations(new.account, new.made_at)
        self._session.add(invitation, [_invitation_row(new)])

    def ways_in(self, people: Sequence[str], at: datetime) -> Mapping[str, WayIn]:
        """How far each of these people is on the way to a password."""
        found = dict.fromkeys(people, WayIn.NONE)
        for piece in pieces(people):
            for row in self._session.rows(account, select(account).where(account.c.name.in_(piece))):
                entered = WayIn.ACCOUNT if row["password"] is None else WayIn.PASSWORD
                found[row["name"]] = entered if row["closed_at"] is None else WayIn.CLOSED
            standing = select(invitation).where(
                invitation.c.account.in_(piece), invitation.c.used_at.is_(None), invitation.c.expires_at > micros(at)
            )
            for row in self._session.rows(invitation, standing):
                if found[row["account"]] is WayIn.ACCOUNT:
                    found[row["account"]] = WayIn.LINK
            erased = select(person.c.id).where(person.c.id.in_(piece), person.c.wrapped_key.is_(None))
            found.update(dict.fromkeys(self._session.connection.execute(erased).scalars(), WayIn.ERASED))
        return found

    def invite_all(self, accounts: Iterable[Account], invitations: Iterable[Invitation]) -> None:
        """Keep accounts that are not there yet, and invitations of those that have no open one."""
        self._session.add(account, map(_account_row, accounts))
        self._session.add(invitation, map(_invitation_row, invitations))

    def end_invitations(self, name: str, at: datetime) -> None:
        """End every invitation of an account that was not used."""
        open_ones = select(invitation).where(invitation.c.account == name, invitation.c.used_at.is_(None))
        for row in self._session.rows(invitation, open_ones):
            self._session.change_read(invitation, row, {}, used_at=micros(at))

    def invitation(self, token_hash: bytes) -> Invitation | None:
        """Give the invitation with this token."""
        row = self._session.row(invitation, select(invitation).where(invitation.c.token_hash == token_hash))
        if row is None:
            return None
        return Invitation(
            token_hash=row["token_hash"],
            account=row["account"],
            made_by=row["made_by"],
            made_at=time_of(row["made_at"]),
            expires_at=time_of(row["expires_at"]),
            used_at=maybe_time(row["used_at"]),
        )

    def use_invitation(self, token_hash: bytes, at: datetime) -> None:
        """Mark an invitation as used. Raises StateMoved where it was meanwhile."""
        self._session.change(invitation, {"token_hash": token_hash}, {"used_at": None}, used_at=micros(at))

    def begin(self, new: SignIn) -> None:
        """Keep a sign-in."""
        self._session.add(
            sign_in,
            [
                {
                    "token_hash": new.token_hash,
                    "account": new.account,
                    "began_at": micros(new.began_at),
                    "used_at": micros(new.used_at),
                    "expires_at": micros(new.expires_at),
                    "ended_at": None,
                }
            ],
        )

    def sign_in(self, token_hash: bytes) -> SignIn | None:
        """Give the sign-in with this token."""
        row = self._sign_in(token_hash)
        if row is None:
            return None
        return SignIn(
            token_hash=row["token_hash"],
            account=row["account"],
            began_at=time_of(row["began_at"]),
            used_at=time_of(row["used_at"]),
            expires_at=time_of(row["expires_at"]),
            ended_at=maybe_time(row["ended_at"]),
        )

    def touch(self, token_hash: bytes, at: datetime) -> None:
        """Note the last use of a sign-in."""
        self._session.change(sign_in, {"token_hash": token_hash}, {"ended_at": None}, used_at=micros(at))

    def end(self, token_hash: bytes, at: datetime) -> None:
        """End a sign-in; what ended before stays."""
        row = self._sign_in(token_hash)
        if row is not None and row["ended_at"] is None:
            self._session.change_read(sign_in, row, {}, ended_at=micros(at))

    def end_all(self, name: str, at: datetime) -> None:
        """End every sign-in of an account."""
        standing = select(sign_in).where(sign_in.c.account == name, sign_in.c.ended_at.is_(None))
        for row in self._session.rows(sign_in, standing):
            self._session.change_read(sign_in, row, {}, ended_at=micros(at))

    def _row(self, name: str) -> Row | None:
        return self._session.row(account, select(account).where(account.c.name == name))

    def _known(self, name: str) -> Row:
        row = self._row(name)
        if row is None:
            raise NotHere("account", name)
        return row

    def _sign_in(self, token_hash: bytes) -> Row | None:
        return self._session.row(sign_in, select(sign_in).where(sign_in.c.token_hash == token_hash))


def _account_row(new: Account) -> Row:
    return {
        "name": new.name,
        "kind": new.kind.value,
        "display": new.display,
        "roles": _written(new.roles),
        "person": new.person,
        "password": new.password,
        "created_by": new.created_by,
        "created_at": micros(new.created_at),
        "closed_at": None if new.closed_at is None else micros(new.closed_at),
    }


def _invitation_row(new: Invitation) -> Row:
    return {
        "token_hash": new.token_hash,
        "account": new.account,
        "made_by": new.made_by,
        "made_at": micros(new.made_at),
        "expires_at": micros(new.expires_at),
        "used_at": None,
    }


def _written(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


def _account(row: Row) -> Account:
    return Account(
        name=row["name"],
        kind=AccountKind(row["kind"]),
        display=row["display"],
        roles=frozenset(Role(one) for one in row["roles"].split()),
        person=row["person"],
        password=row["password"],
        created_by=row["created_by"],
        created_at=time_of(row["created_at"]),
        closed_at=maybe_time(row["closed_at"]),
    )
