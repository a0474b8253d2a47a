"""People's ways in: make an account, invite, choose a password, sign in and out."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from registry.access import (
    LONGEST_PASSWORD,
    Account,
    AccountKind,
    Action,
    Invitation,
    Role,
    SignIn,
    Token,
    hash_password,
    may,
    new_token,
    password_holds,
    same_person,
    token_hash,
)
from registry.access.model import LONGEST_DISPLAY
from registry.enrolment import IdentityType, normal_identity_number
from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal, Unavailable
from registry.ports import Clock
from registry.ports.storage import NotHere, Store, UnitOfWork
from registry.workflows.lineage.identities import is_stated

LASTS: Final = timedelta(hours=12)
"""How long a sign-in lasts at most."""
IDLE: Final = timedelta(hours=1)
"""How long a sign-in lasts that nobody uses."""
INVITED_FOR: Final = timedelta(days=30)
_TOUCHED_EVERY: Final = timedelta(minutes=1)
_SPACES: Final = re.compile(r"\s+")


class SignInRefused(RuleRefusal):
    """Name and password do not belong together. One answer for every cause."""

    code = "sign-in/refused"

    def __init__(self) -> None:
        super().__init__("no open account has this name and this password")


class InvitationRefused(RuleRefusal):
    """An invitation's link is unknown, was used, or is too old. One answer for every cause."""

    code = "invitation/refused"

    def __init__(self) -> None:
        super().__init__("this link was used before, is too old, or was never made")


class HolderDiffers(RuleRefusal):
    """A claim link was opened by somebody who does not know whose it is."""

    code = "invitation/holder-differs"

    def __init__(self) -> None:
        super().__init__("the identity number is not that of the holder whom this link was made for")


class DisplayMalformed(MalformedInput):
    """What somebody is to be called on pages cannot be shown."""

    code = "account/display-malformed"

    def __init__(self) -> None:
        super().__init__(f"expected a name of 1 to {LONGEST_DISPLAY} printable characters")


class RolesUnfit(RuleRefusal):
    """Roles do not fit the kind of the account."""

    code = "account/roles-unfit"

    def __init__(self, kind: AccountKind) -> None:
        self.kind = kind
        super().__init__(f"these roles cannot be given to an account of kind {kind}")


class Namesake(Conflict):
    """Somebody of the house has an account already, open or closed, or another person has the same name."""

    code = "account/namesake"

    def __init__(self, there: str) -> None:
        self.there = there
        super().__init__(f"account {there} is of somebody with this name: one person has one account")


class LastOperator(Conflict):
    """Nobody would be left who manages accounts."""

    code = "account/last-operator"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} is the last open account that manages accounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who is signed in."""

    account: Account
    sign_in: SignIn


def add_account(
    store: Store,
    clock: Clock,
    *,
    name: str,
    display: str,
    kind: AccountKind,
    roles: frozenset[Role],
    by: str,
    namesake: bool = False,
) -> Token:
    """Make an account for somebody of the house or an employer; give the token of the link to choose a password with.

    Of the house nobody has two: an account of the same name as another's, a closed one too, is refused unless whoever
    makes it states that it is to be (`namesake`), which the journal keeps. Raises AccountTaken, Namesake,
    DisplayMalformed, RolesUnfit.
    """
    called = _SPACES.sub(" ", display.strip())
    if not 1 <= len(called) <= LONGEST_DISPLAY or not called.isprintable():
        raise DisplayMalformed
    _require_fit(kind, roles)
    now = clock.now()
    with store.write() as unit:
        if kind is AccountKind.STAFF and not namesake:
            _require_only_one(unit, called)
        unit.accounts.add(
            Account(
                name=name,
                kind=kind,
                display=called,
                roles=roles,
                person=None,
                password=None,
                created_by=by,
                created_at=now,
                closed_at=None,
            )
        )
        unit.journal.write(
            at=now,
            person=by,
            action="account.add",
            subject=name,
            roles=" ".join(sorted(roles)),
            **({"namesake": 1} if namesake else {}),
        )
    return invite(store, clock, name=name, by=by)


def invite(store: Store, clock: Clock, *, name: str, by: str) -> Token:
    """Make a link with which the owner of an account chooses a password; earlier links end. Raises NotHere."""
    token, now = new_token(), clock.now()
    with store.write() as unit:
        account = unit.accounts.account(name)
        if account.closed_at is not None:
            raise NotHere("open account", name)
        unit.accounts.invite(
            Invitation(
                token_hash=token_hash(token),
                account=name,
                made_by=by,
                made_at=now,
                expires_at=now + INVITED_FOR,
                used_at=None,
            )
        )
        unit.journal.write(at=now, person=by, action="account.invite", subject=name)
    return token


def invite_holder(store: Store, clock: Clock, *, number: str, by: str) -> Token:
    """Make a claim link for the holder of a certificate, and the account where there is none. Raises NotHere."""
    now = clock.now()
    with store.write() as unit:
        certificate = unit.batches.by_number(number)
        if certificate is None or certificate.disclosures is None:
            raise NotHere("certificate", number)
        person = certificate.person
        if unit.accounts.find(person) is None:
            unit.accounts.add(holder_account(person, by=by, at=now))
    return invite(store, clock, name=person, by=by)


def holder_account(person: str, *, by: str, at: datetime) -> Account:
    """Make the account of a holder, which has no password yet."""
    return Account(
        name=person,
        kind=AccountKind.HOLDER,
        display="",
        roles=frozenset({Role.HOLDER}),
        person=person,
        password=None,
        created_by=by,
        created_at=at,
        closed_at=None,
    )


def change_roles(store: Store, clock: Clock, *, name: str, roles: frozenset[Role], by: str) -> None:
    """Set the roles of an account; who is signed in has them at once. Raises NotHere, RolesUnfit, LastOperator."""
    now = clock.now()
    with store.write() as unit:
        _require_fit(unit.accounts.account(name).kind, roles)
        if not may(roles, Action.MANAGE_ACCOUNTS):
            _require_another_operator(unit, name)
        unit.accounts.change_roles(name, roles)
        unit.journal.write(at=now, person=by, action="account.roles", subject=name, roles=" ".join(sorted(roles)))


def close_account(store: Store, clock: Clock, *, name: str, by: str) -> None:
    """Close an account for good; who is signed in with it is out. Raises NotHere, LastOperator."""
    now = clock.now()
    with store.write() as unit:
        _require_another_operator(unit, name)
        unit.accounts.close(name, now)
        unit.journal.write(at=now, person=by, action="account.close", subject=name)


def invited(store: Store, clock: Clock, token: str) -> Account:
    """Give the account that an invitation is for. Raises InvitationRefused."""
    with store.read() as unit:
        found = unit.accounts.invitation(token_hash(token))
        if found is None or found.used_at is not None or clock.now() >= found.expires_at:
            raise InvitationRefused
        account = unit.accounts.account(found.account)
    if account.closed_at is not None:
        raise InvitationRefused
    return account


def accept(store: Store, clock: Clock, token: str, password: str, *, identity_number: str = "") -> Token:
    """Choose the password of an invited account, once; sign in, and end all other sign-ins. Gives the new token.

    A holder has to know their own identity number: a link alone, in whose hands it may ever come, opens nothing.
    Raises InvitationRefused, HolderDiffers, PasswordRefused.
    """
    account = invited(store, clock, token)
    if account.kind is AccountKind.HOLDER:
        with store.read() as unit:
            named = {one.name for one in _holders(unit, identity_number)}
        if account.name not in named:
            raise HolderDiffers
    kept = hash_password(password)
    now = clock.now()
    with store.write() as unit:
        found = unit.accounts.invitation(token_hash(token))
        if found is None or found.used_at is not None:
            raise InvitationRefused
        if now >= found.expires_at or unit.accounts.account(account.name).closed_at is not None:
            raise InvitationRefused
        unit.accounts.use_invitation(found.token_hash, now)
        return _begin_with(unit, account.name, kept, now)


def sign_in(store: Store, clock: Clock, *, name: str, password: str) -> Token:
    """Sign in by name, or as a holder by identity number. Raises SignInRefused, after the same work for every cause.

    A number can open two accounts, where somebody was enrolled under a wrong one and the right one: the password tells.
    """
    typed = name.strip()
    with store.read() as unit:
        named = unit.accounts.find(typed.lower())
        if named is None or named.kind is AccountKind.HOLDER:  # nobody types a person's id
            asked: list[Account | None] = [*_holders(unit, typed)]
        else:
            asked = [named]
    opened = [one for one in asked or [None] if password_holds(password, None if one is None else one.password)]
    account = next((one for one in opened if one is not None and one.closed_at is None), None)
    if account is None or len(password) > LONGEST_PASSWORD:
        raise SignInRefused
    now = clock.now()
    with store.write() as unit:
        # Comparing took a while: what was compared must still be so.
        present = unit.accounts.account(account.name)
        if present.password != account.password or present.closed_at is not None:
            raise SignInRefused
        return _begin(unit, account.name, now)


def signed_in(store: Store, clock: Clock, token: str, *, quiet: bool = False) -> Visitor | None:
    """Give who is signed in with this token; None = nobody, or not any more.

    A quiet look is not a use: it does not put the end of an idle sign-in off. Nor does one that nothing can be written
    at, since another writes or the disk is full.
    """
    now = clock.now()
    with store.read() as unit:
        found = unit.accounts.sign_in(token_hash(token))
        if found is None or found.ended_at is not None or now >= found.expires_at or now >= found.used_at + IDLE:
            return None
        account = unit.accounts.account(found.account)
    if account.closed_at is not None:
        return None
    if not quiet and now >= found.used_at + _TOUCHED_EVERY:
        # Whoever only reads waits for no writer and needs no room on the disk: then the next look notes it.
        with suppress(Unavailable), store.write_at_once() as writing:
            if writing is not None:
                standing = writing.accounts.sign_in(found.token_hash)
                if standing is None or standing.ended_at is not None:
                    return None
                writing.accounts.touch(found.token_hash, now)
    return Visitor(account=account, sign_in=found)


def sign_out(store: Store, clock: Clock, token: str) -> None:
    """End a sign-in; an unknown one is none."""
    with store.write() as unit:
        unit.accounts.end(token_hash(token), clock.now())


def change_password(store: Store, clock: Clock, *, name: str, current: str, new: str) -> Token:
    """Change the password of somebody who is signed in and knows it; end all sign-ins and give a new one's token.

    Raises SignInRefused, PasswordRefused, NotHere.
    """
    with store.read() as unit:
        account = unit.accounts.account(name)
    if not password_holds(current, account.password) or account.closed_at is not None:
        raise SignInRefused
    kept, now = hash_password(new), clock.now()
    with store.write() as unit:
        present = unit.accounts.account(name)
        if present.password != account.password or present.closed_at is not None:
            raise SignInRefused
        return _begin_with(unit, name, kept, now)


def sign_out_everywhere(store: Store, clock: Clock, *, name: str) -> None:
    """End every sign-in of an account, and every invitation to it that was not used. Raises NotHere."""
    now = clock.now()
    with store.write() as unit:
        unit.accounts.end_all(name, now)
        unit.accounts.end_invitations(name, now)


def _begin_with(unit: UnitOfWork, name: str, password: str, now: datetime) -> Token:
    """Set a password, end all that the old one or an invitation could still open, and sign in."""
    unit.accounts.set_password(name, password)
    unit.accounts.end_all(name, now)
    unit.accounts.end_invitations(name, now)
    unit.journal.write(at=now, person=name, action="account.password", subject=name)
    return _begin(unit, name, now)


def _begin(unit: UnitOfWork, name: str, now: datetime) -> Token:
    token = new_token()
    unit.accounts.begin(
        SignIn(
            token_hash=token_hash(token),
            account=name,
            began_at=now,
            used_at=now,
            expires_at=now + LASTS,
            ended_at=None,
        )
    )
    return token


def canonical_name(typed: str) -> str:
    """Give one form for every spelling that signs in to one account: limits on tries are counted by it."""
    return normal_identity_number(typed).lower()


def _holders(unit: UnitOfWork, number: str) -> list[Account]:
    """Give the accounts that an identity number opens, nearly always one at most."""
    found: dict[str, Account] = {}
    for kind in IdentityType:
        enrolled = unit.accounts.of_identity(kind.value, number)
        for one in (enrolled, *unit.accounts.of_corrected_identity(kind.value, number)):
            if one is not None and is_stated(unit, one.name, kind.value, number, enrolled=one == enrolled):
                found[one.name] = one
    return list(found.values())


def _require_only_one(unit: UnitOfWork, called: str) -> None:
    """Ask closed accounts too: whoever had one may have done one half of what the new one would do the other of."""
    for one in _house(unit):
        if same_person(_SPACES.sub("", one.display), _SPACES.sub("", called)):
            raise Namesake(one.name)


def _require_another_operator(unit: UnitOfWork, name: str) -> None:
    operators = [one.name for one in _open_house(unit) if may(one.roles, Action.MANAGE_ACCOUNTS)]
    if operators == [name]:
        raise LastOperator(name)


def _open_house(unit: UnitOfWork) -> list[Account]:
    return [one for one in _house(unit) if one.closed_at is None]


def _house(unit: UnitOfWork) -> list[Account]:
    return [one for one in unit.accounts.all() if one.kind is AccountKind.STAFF]


def _require_fit(kind: AccountKind, roles: frozenset[Role]) -> None:
    own = {AccountKind.EMPLOYER: {Role.EMPLOYER, Role.RECRUITER}, AccountKind.HOLDER: {Role.HOLDER}}
    fits = own.get(kind, set(Role) - {Role.HOLDER, Role.EMPLOYER, Role.RECRUITER})
    if not roles or not roles <= fits:
        raise RolesUnfit(kind)
