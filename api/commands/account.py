"""`vermilion account`: who may sign in, and what they may do."""

from collections.abc import Sequence
from typing import Annotated

import typer

from api.commands.options import HomeOption, JsonOption, PersonOption, person
from api.terminal import OUT, note, print_json, print_table, said
from api.wiring import Home
from registry.access import APPOINTED, Account, AccountKind, Role, account_name, role_of
from registry.workflows.access.sign_in import INVITED_FOR, add_account, change_roles, close_account, invite

app = typer.Typer(no_args_is_help=True, help="Accounts of people who sign in: staff and employers, and their roles.")

NameArgument = Annotated[str, typer.Argument(help="Sign-in name: lower-case letters, digits, dots, hyphens.")]
RolesOption = Annotated[list[str], typer.Option("--role", help=f"A role, as often as needed: {', '.join(APPOINTED)}.")]


@app.command(epilog="Example: vermilion account add zhou.lan --display 周岚 --role maker --as operator-1")
def add(
    name: NameArgument,
    display: Annotated[str, typer.Option("--display", help="What the person is called on pages.")],
    role: RolesOption,
    namesake: Annotated[
        bool, typer.Option("--namesake", help="Another person of the same name has an account; one person has one.")
    ] = False,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account and print the link with which its owner chooses a password, once."""
    found = Home.find(home)
    roles = frozenset(role_of(one) for one in role)
    kind = AccountKind.EMPLOYER if roles & {Role.EMPLOYER, Role.RECRUITER} else AccountKind.STAFF
    named = account_name(name)
    token = add_account(
        found.store,
        found.clock,
        name=named,
        display=display,
        kind=kind,
        roles=roles,
        by=person(by),
        namesake=namesake,
    )
    print_link(found, named, token, as_json=as_json)


@app.command("invite", epilog="Example: vermilion account invite zhou.lan --as operator-1")
def invite_(name: NameArgument, by: PersonOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print a new link to choose a password with, for a forgotten one too; earlier links end."""
    found = Home.find(home)
    named = account_name(name)
    print_link(found, named, invite(found.store, found.clock, name=named, by=person(by)), as_json=as_json)


@app.command("list", epilog="Example: vermilion account list")
def list_accounts(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List accounts with their roles; holders' accounts are not listed."""
    found = Home.find(home)
    with found.store.read() as unit:
        accounts = unit.accounts.all()
    if as_json:
        print_json([_document(one) for one in accounts])
        return
    if not accounts:
        OUT.print(said("还没有账号", "no accounts yet"))
        note(said("建账号：vermilion account add --help", "to make one: vermilion account add --help"))
        return
    print_table(
        (said("账号", "account"), said("姓名", "name"), said("角色", "roles"), said("状态", "state")),
        [(one.name, one.display, " ".join(sorted(one.roles)), _state(one)) for one in accounts],
    )


@app.command(epilog="Example: vermilion account role zhou.lan --role maker --role reviewer --as operator-1")
def role(
    name: NameArgument,
    roles: RolesOption,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set all roles of an account, in place of those it has; they hold from the next click on."""
    found = Home.find(home)
    named, chosen = account_name(name), frozenset(role_of(one) for one in roles)
    change_roles(found.store, found.clock, name=named, roles=chosen, by=person(by))
    _print_changed(found, named, as_json=as_json)


@app.command(epilog="Example: vermilion account close zhou.lan --as operator-1")
def close(name: NameArgument, by: PersonOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Close an account for good and sign its owner out; what was done with it stays in the journal."""
    found = Home.find(home)
    named = account_name(name)
    close_account(found.store, found.clock, name=named, by=person(by))
    _print_changed(found, named, as_json=as_json)


def invitation_link(found: Home, token: str) -> str:
    """Give the address at which an invited person chooses a password."""
    return f"{found.installation.public_base_url}/invitation/{token}"


def print_link(found: Home, account: str, token: str, *, as_json: bool) -> None:
    """Print an invitation's link: data, to be handed on apart from everything else."""
    link = invitation_link(found, token)
    if as_json:
        print_json({"account": account, "link": link, "days": INVITED_FOR.days})
        return
    OUT.print(link, soft_wrap=True)
    note(
        said(
            f"把链接只交给本人：{INVITED_FOR.days}天内有效，只能用一次",
            f"hand it to its owner alone: good for {INVITED_FOR.days} days, and once",
        )
    )


def _print_changed(found: Home, name: str, *, as_json: bool) -> None:
    with found.store.read() as unit:
        account = unit.accounts.account(name)
    if as_json:
        print_json(_document(account))
        return
    OUT.print(f"{account.name}: {' '.join(sorted(account.roles))} · {_state(account)}")


def _document(account: Account) -> dict[str, str | Sequence[str]]:
    return {
        "account": account.name,
        "kind": account.kind.value,
        "display": account.display,
        "roles": sorted(account.roles),
        "state": _slug(account),
    }


def _slug(account: Account) -> str:
    if account.closed_at is not None:
        return "closed"
    return "invited" if account.password is None else "open"


def _state(account: Account) -> str:
    words = {"closed": said("已关闭", "closed"), "invited": said("已邀请", "invited"), "open": said("可登录", "open")}
    return words[_slug(account)]
