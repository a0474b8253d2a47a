"""The policy table at both doors: every command and every route that writes asks it, and nobody else gets through."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.routing import APIRoute
from typer.testing import CliRunner, Result

from api.cli import app
from api.commands.doors import DOORS, CommandUnlisted, Door, Way, guarded
from api.commands.setup import demo_installation
from api.employer.router import router as employer
from api.employer.talent import router as talent
from api.holder.router import router as holder
from api.issuer.approving import router as approving
from api.issuer.router import router as issuer
from api.settings import write_installation
from api.wiring import Home
from registry.access import ALLOWED, POLICY, AccountKind, Action, Role
from registry.programme import load_catalogue
from registry.workflows.access.sign_in import LastOperator, Namesake, add_account, change_roles, close_account

ROSTER = (Path(__file__).parents[2] / "fixtures" / "rosters" / "good-utf-8.csv").read_bytes()


def leaves(command: Any, *above: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield " ".join(above), command
        return
    for name, one in command.commands.items():
        yield from leaves(one, *above, name)


COMMANDS = dict(leaves(typer.main.get_command(app)))
BY_PERSON = {path: door for path, door in DOORS.items() if door.way is Way.PERSON}


def test_every_command_says_what_it_does_and_nothing_else_is_listed():
    assert set(DOORS) == set(COMMANDS)


@pytest.mark.parametrize("path", sorted(DOORS))
def test_a_command_that_writes_names_an_action_of_the_table(path):
    door, takes = DOORS[path], {one.name for one in COMMANDS[path].params}
    assert bool(door.actions) == (door.way is not Way.LOOKS)
    assert set(door.actions) <= set(POLICY)
    # Whoever is named with --as is asked for; a command that names nobody changes nothing, or a key answers for it.
    assert ("by" in takes) == (door.way is Way.PERSON)
    assert ("approve_as" in takes) == (door.second is not None)
    for named in (door.subject, door.looks_with, door.looks_without, *(door.second or ())[:1]):
        assert named is None or named in takes
    if door.subject is not None:
        assert all(POLICY[action].subject is not None for action in door.actions)


def test_a_command_that_nobody_listed_does_not_run():
    ran = []
    with pytest.raises(CommandUnlisted) as caught:
        guarded("batch give-away", lambda: ran.append(1))()
    assert (caught.value.command, ran) == ("batch give-away", [])


# — pages —


def routes() -> list[APIRoute]:
    return [one for router in (issuer, approving, holder, employer, talent) for one in flat(router)]


def flat(router: Any) -> Iterator[APIRoute]:
    for one in router.routes:
        if isinstance(one, APIRoute):
            yield one
        else:
            yield from flat(one.original_router)


def asked_by(route: APIRoute) -> set[Action]:
    """The actions that a route's dependencies ask the table for."""
    found, waiting = set(), [route.dependant]
    while waiting:
        dependant = waiting.pop()
        waiting += dependant.dependencies
        cells = getattr(dependant.call, "__closure__", None) or ()
        found |= {one.cell_contents for one in cells if isinstance(one.cell_contents, Action)}
    return found


ASK_INSIDE = {"/console/scores/{id}/return": {Action.TAKE_BACK_SCORES, Action.RETURN_SCORES}}
"""Which of two actions it is depends on whose the thing is (tests/http/test_http_console_sheets.py)."""


def test_every_page_of_somebody_signed_in_asks_the_table():
    pages = routes()
    assert len(pages) > 60
    lacking = {one.path for one in pages if not asked_by(one)}
    # What a holder shares is opened by whoever has the link.
    lacking = {one for one in lacking if "/share/" not in one.lower() and not one.endswith(tuple(ASK_INSIDE))}
    assert lacking == set()


def test_a_form_of_the_console_is_sent_for_an_action_that_more_than_looking_takes():
    looking = {Action.SEE_REGISTRY}
    for one in (one for part in (issuer, approving) for one in flat(part) if "POST" in one.methods and asked_by(one)):
        if one.path.endswith("/console/certificates"):
            continue  # looks a number up; by POST, so that it stands in no log
        assert not asked_by(one) <= looking, one.path


def test_every_action_has_a_door():
    by_command = {action for door in DOORS.values() for action in door.actions}
    by_command |= {door.second[1] for door in DOORS.values() if door.second is not None}
    by_page = {action for route in routes() for action in asked_by(route)}
    assert set(Action) - by_command - by_page == set()


# — commands, as they are run —


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A data folder with a database, and no chain."""
    path = tmp_path / "home"
    path.mkdir()
    write_installation(path, demo_installation())
    made = Home(path)
    made.keys.mkdir()
    made.make_data_keys()
    made.make_store()
    (path / "trust-root.json").touch()
    (path / "roster.csv").write_bytes(ROSTER)
    yield made
    made.store.close()


def run(home: Home, command: str, by: str | None = None) -> Result:
    words = [*shlex.split(command.replace("ROSTER", str(home.path / "roster.csv"))), "--home", str(home.path)]
    return CliRunner().invoke(app, [*words, *(["--as", by] if by else [])])


def code(answer: Result) -> str:
    return "" if answer.exception is None else str(getattr(answer.exception, "code", type(answer.exception).__name__))


def appoint(home: Home, name: str, *roles: Role, kind: AccountKind = AccountKind.STAFF) -> None:
    add_account(home.store, home.clock, name=name, display=name, kind=kind, roles=frozenset(roles), by="test")


def test_before_anybody_is_appointed_whoever_asks_is_taken_at_their_word_and_told_so(home):
    answer = run(home, "enrol import ROSTER", "somebody")
    assert (answer.exit_code, code(answer)) == (0, "")
    assert "somebody" in answer.stderr
    assert "account add" in answer.stderr
    assert "somebody" not in answer.stdout


def test_the_first_account_needs_none_and_then_a_name_must_be_one(home):
    assert code(run(home, "account add zhao --display 赵 --role operator", "anybody")) == ""
    assert code(run(home, "account add qian --display 钱 --role exam-clerk", "anybody")) == "access/no-account"
    assert code(run(home, "account add qian --display 钱 --role exam-clerk", "zhao")) == ""
    assert code(run(home, "enrol import ROSTER", "anybody")) == "access/no-account"
    assert code(run(home, "enrol import ROSTER", "zhao")) == "access/not-allowed"
    told = run(home, "enrol import ROSTER", "zhao")
    assert "exam-clerk" in str(told.exception)
    assert code(run(home, "enrol import ROSTER", "qian")) == ""


def test_accounts_are_made_by_anybody_until_somebody_is_appointed_to_that(home):
    appoint(home, "clerk-1", Role.CLERK)
    assert code(run(home, "account add op --display 操作员 --role operator", "anybody")) == ""
    assert code(run(home, "account role clerk-1 --role reviewer", "anybody")) == "access/no-account"
    assert code(run(home, "account role clerk-1 --role reviewer", "clerk-1")) == "access/not-allowed"
    assert code(run(home, "account role clerk-1 --role reviewer", "op")) == ""


def test_somebody_always_manages_accounts(home):
    appoint(home, "op", Role.OPERATOR)
    with pytest.raises(LastOperator):
        close_account(home.store, home.clock, name="op", by="op")
    with pytest.raises(LastOperator):
        change_roles(home.store, home.clock, name="op", roles=frozenset({Role.CLERK}), by="op")
    appoint(home, "second", Role.OPERATOR, Role.AUDITOR)
    close_account(home.store, home.clock, name="op", by="second")
    assert code(run(home, "account close second", "op")) == "access/no-account"


def test_one_person_has_one_account(home):
    appoint(home, "op", Role.OPERATOR)
    add = "account add wang.li{} --display {} --role maker"
    assert code(run(home, add.format(1, "王莉"), "op")) == ""
    for display in ("王莉", "王 莉", "  王　莉 "):
        assert code(run(home, add.format(2, shlex.quote(display)), "op")) == "account/namesake"
    with pytest.raises(Namesake):
        add_account(
            home.store,
            home.clock,
            name="wang.li2",
            display="王莉",
            kind=AccountKind.STAFF,
            roles=frozenset({Role.APPROVER}),
            by="op",
        )
    assert code(run(home, add.format(2, "王莉") + " --namesake", "op")) == ""
    close_account(home.store, home.clock, name="wang.li1", by="op")
    assert code(run(home, add.format(3, "王莉"), "op")) == "account/namesake"


def test_closing_an_account_does_not_make_its_owner_somebody_else(home):
    appoint(home, "op", Role.OPERATOR)
    add = "account add xu.hui{} --display 许辉 --role {}"
    assert code(run(home, add.format(1, "maker"), "op")) == ""
    close_account(home.store, home.clock, name="xu.hui1", by="op")
    assert code(run(home, add.format(2, "approver"), "op")) == "account/namesake"
    assert code(run(home, add.format(2, "approver") + " --namesake", "op")) == ""
    with home.store.read() as unit:
        added = {one.subject: dict(one.detail) for one in unit.journal.entries() if one.action == "account.add"}
    assert added["xu.hui2"]["namesake"] == 1
    assert "namesake" not in added["xu.hui1"]


def test_a_closed_account_and_an_employers_are_nobodys_of_the_house(home):
    appoint(home, "clerk-1", Role.CLERK)
    appoint(home, "clerk-2", Role.CLERK)
    appoint(home, "hr-1", Role.EMPLOYER, kind=AccountKind.EMPLOYER)
    close_account(home.store, home.clock, name="clerk-1", by="test")
    for named in ("clerk-1", "hr-1", "nobody"):
        assert code(run(home, "enrol import ROSTER", named)) == "access/no-account", named
    assert code(run(home, "enrol import ROSTER", "clerk-2")) == ""


def test_the_journal_has_the_account_itself_however_it_was_typed(home):
    appoint(home, "clerk-1", Role.CLERK)
    assert code(run(home, "enrol import ROSTER", "CLERK-1")) == ""
    with home.store.read() as unit:
        assert [one.imported_by for one in unit.enrolments.rosters()] == ["clerk-1"]


def test_a_second_person_named_on_the_same_line_needs_the_role_too(home):
    appoint(home, "maker-1", Role.MAKER)
    answer = run(home, "cert revoke X --reason misconduct --approve-as maker-1", "maker-1")
    assert (code(answer), answer.exception.action) == ("access/not-allowed", Action.APPROVE_CHANGE)
    answer = run(home, "batch reinstate X --approve-as nobody", "maker-1")
    assert code(answer) == "access/no-account"


def test_an_editor_adds_a_programme_file_once_and_never_changes_it(home):
    appoint(home, "editor-1", Role.EDITOR)
    appoint(home, "clerk-1", Role.CLERK)
    old = load_catalogue().programme("BIG-DATA")
    file = home.path / "new.toml"
    file.write_bytes(old.document.replace(f'version = "{old.version}"'.encode(), b'version = "2027.1"'))
    add = f"programme add {file} --json"
    assert code(run(home, add, "clerk-1")) == "access/not-allowed"
    assert json.loads(run(home, add, "editor-1").stdout)["repeated"] is False
    assert (home.path / "programmes" / "BIG-DATA" / "2027.1.toml").read_bytes() == file.read_bytes()
    assert json.loads(run(home, add, "editor-1").stdout)["repeated"] is True
    file.write_bytes(file.read_bytes() + b"# another word\n")
    assert code(run(home, add, "editor-1")) == "programme/version-twice"
    with home.store.read() as unit:
        written = [one for one in unit.journal.entries() if one.action == "programme.add"]
    assert [(one.person, one.subject) for one in written] == [("editor-1", "BIG-DATA/2027.1")]


def made_up(command: Any) -> list[str]:
    """Values for all that a command requires."""
    words: list[str] = []
    for one in command.params:
        if not one.required:
            continue
        value = {"by": "", "role": "maker", "roles": "maker"}.get(one.name, "1")
        words += [value] if one.param_type_name == "argument" else [one.opts[0], value]
    return words


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Somebody of each role."""
    path = tmp_path_factory.mktemp("house") / "home"
    path.mkdir()
    write_installation(path, demo_installation())
    made = Home(path)
    made.keys.mkdir()
    made.make_data_keys()
    made.make_store()
    (path / "trust-root.json").touch()
    for role in Role:
        if role not in {Role.EMPLOYER, Role.RECRUITER, Role.HOLDER}:
            appoint(made, f"the-{role}", role)
    yield made
    made.store.close()


def needs_a_thing_first(door: Door) -> bool:
    """Whether what a command does depends on the thing named: then a made-up name is refused as such."""
    return door.choose is not None and door.subject is not None


@pytest.mark.parametrize("path", sorted(BY_PERSON))
def test_a_command_is_refused_to_whoever_the_table_does_not_name(house, path):
    door = BY_PERSON[path]
    wrong = next(role for role in (Role.AUDITOR, Role.EDITOR) if not ALLOWED[role] & set(door.actions))
    words = shlex.join((*path.split(), *made_up(COMMANDS[path])))
    if door.looks_without is not None:
        words += f" --{door.looks_without} somebody"
    answer = run(house, words, f"the-{wrong}")
    if needs_a_thing_first(door):
        assert code(answer) == "store/not-here", (path, answer.output)
        return
    assert code(answer) == "access/not-allowed", (path, answer.output, answer.exception)
    assert answer.exception.action in door.actions
    # And whoever it names gets past the table, to what is made up here.
    right = min(POLICY[answer.exception.action].roles)
    assert not code(run(house, words, f"the-{right}")).startswith("access/"), path
