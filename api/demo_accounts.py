"""Accounts to try the console with, for demonstrations alone: made-up people, and passwords that lie beside the keys.

1. Draw the passwords and keep them before any account is made: a cut in between loses none.
2. Make the accounts that are not there; let those choose their password that have none yet.
3. Give a password only as long as it opens its account: who changed it knows it, and a closed account stays closed.
"""

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.wiring import Home
from registry.access import Account, AccountKind, Role, password_holds
from registry.workflows.access.sign_in import accept, add_account, invite, sign_out

PASSWORDS_FILE: Final = "demo-passwords.json"
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are mistaken for one another."""
_PASSWORD: Final = re.compile(rf"[{_LETTERS}]{{4}}(-[{_LETTERS}]{{4}}){{2}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """One made-up person. The demonstration has acted in their names all along."""

    name: str
    display: str
    role: Role


DEMO_ACCOUNTS: Final = (
    DemoAccount(name="clerk-1", display="林知夏", role=Role.CLERK),
    DemoAccount(name="clerk-2", display="陆青禾", role=Role.REVIEWER),
    DemoAccount(name="maker-1", display="沈望舒", role=Role.MAKER),
    DemoAccount(name="approver-1", display="秦怀瑾", role=Role.APPROVER),
    DemoAccount(name="operator-1", display="温故山", role=Role.OPERATOR),
)


def is_for_trying(home: Home) -> bool:
    """Tell whether an installation is a test one on this machine alone, whose passphrases lie beside its keys too."""
    installation = home.installation
    return (
        installation.machine_passphrases
        and installation.chain.test_chain
        and installation.public_base_url.startswith("http://localhost")
    )


def open_accounts(home: Home) -> list[tuple[DemoAccount, str | None]]:
    """Make the accounts that are not there yet; give all with their passwords, None = its owner has another one."""
    if not is_for_trying(home):
        return []
    passwords = _kept(home.path / PASSWORDS_FILE)  # 1
    return [(one, _opened(home, one, passwords.get(one.name, ""))) for one in DEMO_ACCOUNTS]


def _kept(path: Path) -> dict[str, str]:
    try:
        kept = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        kept = None
    known = kept if isinstance(kept, dict) else {}
    if all(_is_ours(known.get(one.name)) for one in DEMO_ACCOUNTS):
        return known
    # Not there, of a version with fewer accounts, or a file that somebody wrote into, which is nothing to fail over.
    drawn = {one.name: known[one.name] if _is_ours(known.get(one.name)) else _password() for one in DEMO_ACCOUNTS}
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(drawn, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    return drawn


def _password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def _is_ours(password: object) -> bool:
    return isinstance(password, str) and _PASSWORD.fullmatch(password) is not None


def _opened(home: Home, wanted: DemoAccount, password: str) -> str | None:
    # 2
    account = _account(home, wanted.name)
    if account is None:
        token = add_account(
            home.store,
            home.clock,
            name=wanted.name,
            display=wanted.display,
            kind=AccountKind.STAFF,
            roles=frozenset({wanted.role}),
            by="demo",
        )
    elif account.password is None and account.closed_at is None:
        token = invite(home.store, home.clock, name=wanted.name, by="demo")
    else:
        # 3
        return password if account.closed_at is None and password_holds(password, account.password) else None
    sign_out(home.store, home.clock, accept(home.store, home.clock, token, password))
    return password


def _account(home: Home, name: str) -> Account | None:
    with home.store.read() as unit:
        return unit.accounts.find(name)
