"""What each command does, in the words of the policy table, and asking that table before the command runs.

A command that is not listed here does not run. Three ways in:

- `looks`: it changes nothing of the registry;
- `person`: whoever is named with `--as` must be an open account of the house whose roles allow the action, and the
  thing it is done to must be in a state for it;
- `key`: no person is asked for, since a key answers: the sender's, a member's, the controller's, an approver's.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from api.commands.options import person
from api.terminal import next_command, note, said
from api.wiring import Home
from registry.access import POLICY, Action, same_person
from registry.enrolment.admission import BY_ANOTHER
from registry.kernel.errors import IntegrityFault, RegistryError, RuleRefusal
from registry.ports.storage import UnitOfWork
from registry.workflows.access.act import acting_account, require_may_be_done
from registry.workflows.chain.halt import HALTING

Given = dict[str, Any]
"""A command's parameters by name."""


class CommandUnlisted(RuleRefusal):
    """A command stands in no row of the doors: nobody has said what it does."""

    code = "access/command-unlisted"

    def __init__(self, command: str) -> None:
        self.command = command
        super().__init__(f"`{command}` is not listed in api/commands/doors.py, and so is refused")


class Way(StrEnum):
    """Who answers for a command."""

    LOOKS = "looks"
    PERSON = "person"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One command."""

    way: Way
    actions: tuple[Action, ...] = ()
    """What it does; of several, `choose` says which."""
    subject: str | None = None
    """Which parameter names the thing whose state counts."""
    choose: Callable[[UnitOfWork, Given], Action] | None = None
    looks_with: str | None = None
    """With this parameter it changes nothing."""
    looks_without: str | None = None
    """Without this parameter it changes nothing."""
    second: tuple[str, Action] | None = None
    """Which parameter names a second person, and what they do."""

    def changes(self, given: Given) -> bool:
        """Tell whether a command with these parameters changes anything in a person's name."""
        return (
            self.way is Way.PERSON
            and (self.looks_with is None or not given.get(self.looks_with))
            and (self.looks_without is None or bool(given.get(self.looks_without)))
        )


def _looks(*paths: str) -> Iterator[tuple[str, Door]]:
    yield from ((path, Door(way=Way.LOOKS)) for path in paths)


def _by_key(action: Action, *paths: str) -> Iterator[tuple[str, Door]]:
    yield from ((path, Door(way=Way.KEY, actions=(action,))) for path in paths)


def _by_person(action: Action, *paths: str, subject: str | None = None) -> Iterator[tuple[str, Door]]:
    yield from ((path, Door(way=Way.PERSON, actions=(action,), subject=subject)) for path in paths)


def _step(unit: UnitOfWork, given: Given) -> Action:  # noqa: ARG001 - as the others
    return Action.REVIEW_ADMISSION if given.get("state") in BY_ANOTHER else Action.REGISTER_THROUGH_UNIT


def _sheet_return(unit: UnitOfWork, given: Given) -> Action:
    own = same_person(unit.marks.sheet(given["sheet"]).entered_by, given["by"])
    return Action.TAKE_BACK_SCORES if own else Action.RETURN_SCORES


def _attendance_return(unit: UnitOfWork, given: Given) -> Action:
    own = same_person(unit.courses.attendance_list(given["id"]).entered_by, given["by"])
    return Action.TAKE_BACK_ATTENDANCE if own else Action.RETURN_ATTENDANCE


_APPROVE_AT_ONCE: Final = ("approve_as", Action.APPROVE_CHANGE)

DOORS: Final[Mapping[str, Door]] = MappingProxyType(
    dict(
        (
            *_looks("doctor", "verify", "node status", "db check", "account list"),
            *_looks("programme list", "programme show", "programme check", "programme diff"),
            *_looks("subsidy show", "subsidy check", "subsidy calculate"),
            *_looks("enrol check", "enrol template", "enrol list", "enrol steps", "enrol to-judge"),
            *_looks("training body list", "training body show", "training unit list", "training unit show"),
            *_looks("training course list", "training course show"),
            *_looks("exam list", "exam corrections", "exam template", "exam results"),
            *_looks("exam session list", "exam session show", "exam session overdue", "exam session template"),
            *_looks("batch status", "batch list", "batch pdf", "halt show", "sender status"),
            *_looks("cert list", "cert show", "cert bundle", "cert pdf", "cert request", "cert requests"),
            *_looks("cert replacement", "cert replacements"),
            *_looks("audit checkpoint", "audit prove", "audit check", "audit timeline", "audit fsck"),
            *_looks("consortium members", "consortium ballots", "consortium issuers", "consortium scopes"),
            *_looks("consortium keys list"),
            *_by_key(Action.OPERATE, "init", "demo", "serve", "desk", "node run", "signer run", "db upgrade"),
            *_by_key(Action.OPERATE, "reconcile"),
            *_by_key(Action.ISSUE_BATCH, "batch issue"),
            *_by_key(Action.SEND_CHANGE, "cert send"),
            *_by_key(Action.VOTE, *(f"consortium {one}" for one in ("propose", "vote", "withdraw", "enact", "pause"))),
            *_by_key(Action.VOTE, "consortium record"),
            *_by_key(Action.KEEP_KEYS, "consortium keys add", "consortium keys retire"),
            *_by_key(Action.KEEP_KEYS, "consortium keys report-compromise"),
            *_by_person(Action.KEEP_PROGRAMMES, "programme add"),
            *_by_person(Action.IMPORT_ROSTER, "enrol import", "enrol photos"),
            *_by_person(Action.DECIDE, "enrol decide"),
            *_by_person(Action.JUDGE, "enrol judge", subject="admission"),
            *_by_person(Action.OVERRIDE, "enrol override", subject="admission"),
            *_by_person(Action.CONFIRM_JUDGEMENT, "enrol confirm-judgement", subject="judgement"),
            (
                "enrol step",
                Door(way=Way.PERSON, actions=(Action.REGISTER_THROUGH_UNIT, Action.REVIEW_ADMISSION), choose=_step),
            ),
            *_by_person(Action.KEEP_ORGANISATIONS, "training body add", "training body end"),
            *_by_person(Action.KEEP_ORGANISATIONS, "training unit add", "training unit end"),
            *_by_person(Action.RUN_COURSE, "training course add", "training course teach", "training course join"),
            *_by_person(Action.ENTER_ATTENDANCE, "training attend"),
            *_by_person(Action.CONFIRM_ATTENDANCE, "training confirm", subject="id"),
            (
                "training return",
                Door(
                    way=Way.PERSON,
                    actions=(Action.TAKE_BACK_ATTENDANCE, Action.RETURN_ATTENDANCE),
                    subject="id",
                    choose=_attendance_return,
                ),
            ),
            *_by_person(Action.CERTIFY_HOURS, "training certify"),
            *_by_person(Action.MAKE_SESSION, "exam session add"),
            *_by_person(Action.SEAT_CANDIDATES, "exam session register", subject="session"),
            *_by_person(Action.SIGN_IN_CANDIDATES, "exam session sign-in", subject="session"),
            (
                "exam session staff",
                Door(way=Way.PERSON, actions=(Action.STAFF_SESSION,), subject="session", looks_without="member"),
            ),
            *_by_person(Action.CLOSE_SESSION, "exam session close", subject="session"),
            *_by_person(Action.ENTER_SESSION_SCORES, "exam session record", subject="session"),
            *_by_person(Action.ENTER_SCORES, "exam record"),
            *_by_person(Action.CONFIRM_SCORES, "exam confirm", subject="sheet"),
            (
                "exam return",
                Door(
                    way=Way.PERSON,
                    actions=(Action.TAKE_BACK_SCORES, Action.RETURN_SCORES),
                    subject="sheet",
                    choose=_sheet_return,
                ),
            ),
            *_by_person(Action.CORRECT_SCORES, "exam correct", subject="sheet"),
            *_by_person(Action.CONFIRM_CORRECTION, "exam confirm-correction", subject="correction"),
            *_by_person(Action.PROPOSE_BATCH, "batch propose"),
            (
                "batch approve",
                Door(way=Way.PERSON, actions=(Action.APPROVE,), subject="batch", looks_with="typed_data"),
            ),
            *_by_person(Action.CANCEL_BATCH, "batch cancel", subject="batch"),
            *_by_person(Action.REQUEST_STATUS, "batch suspend", "cert suspend", "cert propose"),
            *(
                (
                    path,
                    Door(way=Way.PERSON, actions=(Action.REQUEST_STATUS,), second=("approve_as", Action.APPROVE)),
                )
                for path in ("cert correct", "cert renew")
            ),
            *(
                (path, Door(way=Way.PERSON, actions=(Action.REQUEST_STATUS,), second=_APPROVE_AT_ONCE))
                for path in ("batch reinstate", "cert reinstate", "cert revoke")
            ),
            (
                "cert approve",
                Door(way=Way.PERSON, actions=(Action.APPROVE_CHANGE,), subject="request", looks_with="typed_data"),
            ),
            *_by_person(Action.CANCEL_CHANGE, "cert cancel", subject="request"),
            *_by_person(Action.CANCEL_CHANGE, "cert withdraw"),
            *_by_person(Action.INVITE_HOLDER, "cert claim"),
            *_by_person(Action.OPERATE, "halt lift", "halt reread", "sender replace"),
            *_by_person(Action.MANAGE_ACCOUNTS, "account add", "account invite", "account role", "account close"),
        )
    )
)
"""Every command, by its words after `vermilion`."""


def guarded(path: str, command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that asks the table before it runs. It raises CommandUnlisted, and what `_ask` raises."""

    @wraps(command)
    def asking(**given: Any) -> Any:
        door = DOORS.get(path)
        if door is None:
            raise CommandUnlisted(path)
        if door.changes(given):
            _ask(door, given)
        try:
            return command(**given)
        except IntegrityFault as error:
            if error.code in HALTING:
                _tell_alarm(error.code, given)
            raise

    return asking


def _tell_alarm(code: str, given: Given) -> None:
    """Say that what ends this command has stopped everybody's, where it raised an alarm or one is open."""
    home = given.get("home")
    with suppress(RegistryError), closing(Home.find(None if home is None else Path(home)).store) as store:
        with store.read() as unit:
            alarms = [one.id for one in unit.alarms.open() if one.code == code]
        if not alarms:
            return
        names = ", ".join(alarms)
        note(
            said(
                f"警报{names}：本安装的一切上链操作，不论由谁来做，都已停止，直到有人查看并解除。",
                f"alarm {names}: nothing of this installation goes to the chain, whoever sends it, until somebody has "
                "looked and lifted it.",
            )
        )
        next_command("vermilion halt show")


def _ask(door: Door, given: Given) -> None:
    """Put the account's own name for what was typed. Raises AccountNotOpen, NotAllowed, NotHere, NotInState."""
    home = given.get("home")
    found = Home.find(None if home is None else Path(home))
    given["by"] = person(given.get("by"))
    with closing(found.store), found.store.read() as unit:
        action = door.actions[0] if door.choose is None else door.choose(unit, given)
        given["by"] = _acting(unit, given["by"], action)
        if door.second is not None and given.get(door.second[0]) is not None:
            given[door.second[0]] = _acting(unit, person(given[door.second[0]]), door.second[1])
        subject = POLICY[action].subject
        if door.subject is not None and subject is not None:
            require_may_be_done(unit, action, subject, given[door.subject])


def _acting(unit: UnitOfWork, named: str, action: Action) -> str:
    account = acting_account(unit, named, action)
    if account is not None:
        return account.name
    note(
        said(
            f"还没有人有权管这件事，先按“{named}”本人所说记下。建账号：vermilion account add --help",
            f"nobody is appointed to this yet: {named} is taken at their word. Make accounts: "
            "vermilion account add --help",
        )
    )
    return named
