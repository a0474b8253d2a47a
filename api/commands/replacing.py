"""`vermilion cert correct`, `renew`, `propose`, `withdraw`: certificates that take the place of others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from api.commands.batch_shown import batch_document, show_batch
from api.commands.numbers import named_numbers
from api.commands.options import (
    HomeOption,
    JsonOption,
    LatestOption,
    PersonOption,
    WaitOption,
    expanded,
    person,
    read_file,
)
from api.commands.replacing_shown import (
    Stage,
    commands_of,
    list_replacements,
    propose_command,
    replacement_document,
    show_replacement,
    stage_of,
    tell_changes,
    tell_next,
)
from api.commands.requests import ApproverOption, second_person, tell_state
from api.sending import issue_batch
from api.terminal import OUT, next_command, print_json, said
from api.wiring import Home
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.enrolment import IdentityType
from registry.enrolment.photograph import MAX_FILE
from registry.kernel.errors import MalformedInput
from registry.ports.replacements import Replacement
from registry.status import Status
from registry.workflows.issuance.approve import approve
from registry.workflows.replacement.ask_replacement import (
    Particulars,
    ask_correction,
    ask_renewals,
    withdraw_replacement,
)
from registry.workflows.replacement.replace import propose_replacements
from registry.workflows.replacement.revisions import changes_of_replacement

ReplacementArgument = Annotated[str, typer.Argument(help="Replacement, such as X-2026-11-0001.")]


class IdentityTypeUnknown(MalformedInput):
    """No kind of identity document has that name."""

    code = "input/identity-type"

    def __init__(self) -> None:
        self.known = tuple(kind.value for kind in IdentityType)
        super().__init__(f"expected one of {', '.join(self.known)}")


class IdentityNumberTyped(MalformedInput):
    """An identity number stands among the words of a command, where other processes and the shell's history see it."""

    code = "input/identity-number-typed"

    def __init__(self) -> None:
        super().__init__("an identity number is not typed into a command: --identity-number - reads standard input")


class NoSuchLine(MalformedInput):
    """Standard input ended before what was to be read from it."""

    code = "input/no-such-line"

    def __init__(self, option: str) -> None:
        self.option = option
        super().__init__(f"standard input has no line for {option}")


_STANDARD_INPUT: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What a certificate is to say instead; of several that are -, each is a line of standard input, in this order."""

    name: Annotated[
        str | None, typer.Option("--name", help="The holder's name as it should be; - reads it from standard input.")
    ] = None
    latin_name: Annotated[
        str | None,
        typer.Option("--latin-name", help="The name in Latin letters, or -; an empty text removes it."),
    ] = None
    identity_type: Annotated[
        str | None, typer.Option("--identity-type", help=f"{', '.join(kind.value for kind in IdentityType)}.")
    ] = None
    identity_number: Annotated[
        str | None,
        typer.Option(
            "--identity-number", metavar="-", help="The number as it should be, always read from standard input."
        ),
    ] = None
    photo: Annotated[Path | None, typer.Option("--photo", help="A photograph (JPEG) in place of the old one.")] = None

    def particulars(self) -> Particulars:
        """Read what the options name. Raises IdentityNumberTyped, IdentityTypeUnknown, NoSuchLine, FileUnreadable."""
        if self.identity_number not in (None, _STANDARD_INPUT):
            raise IdentityNumberTyped
        try:
            kind = None if self.identity_type is None else IdentityType(self.identity_type)
        except ValueError as error:
            raise IdentityTypeUnknown from error
        return Particulars(
            name=_given("--name", self.name),
            name_latin=_given("--latin-name", self.latin_name),
            identity_type=kind,
            identity_number=_given("--identity-number", self.identity_number),
            photograph=None if self.photo is None else read_file(self.photo, most=MAX_FILE),
        )


def _given(option: str, value: str | None) -> str | None:
    """Give what an option says, or the next line of standard input where it says that. Raises NoSuchLine."""
    if value != _STANDARD_INPUT:
        return value
    line = typer.get_text_stream("stdin").readline()
    if not line:
        raise NoSuchLine(option)
    return line.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposing:
    """Options of the commands that propose successors."""

    later: Annotated[
        bool, typer.Option("--later", help="Only ask; `cert propose` makes the batch, of several requests together.")
    ] = False
    by: PersonOption = None
    approve_as: ApproverOption = None
    wait: WaitOption = 60
    home: HomeOption = None
    as_json: JsonOption = False


@expanded
def correct(
    number: Annotated[str, typer.Argument(help="Certificate number.")],
    reason: Annotated[str, typer.Option("--reason", help="What was wrong, in a sentence; kept, never published.")],
    wrong: Corrections,
    how: Proposing,
) -> None:
    """Propose the next revision of a certificate with a mistake on it, with the same number and the same dates.

    A second person approves. Scores that were corrected since (`vermilion exam correct`) are taken over by themselves.
    The certificate stands until its successor is on the chain; its key, number, paper and bundle then lead there.
    """
    found = Home.find(how.home)
    maker = person(how.by)
    approver = second_person(found, maker, how.approve_as, Status.SUPERSEDED)
    particulars = wrong.particulars()
    asked = ask_correction(found.store, found.clock, found.catalogue, number, particulars, reason=reason, person=maker)
    _go_on(found, [asked], how, maker, approver)


@expanded
def renew(
    numbers: Annotated[list[str] | None, typer.Argument(help="Certificate numbers.")] = None,
    numbers_from: Annotated[
        Path | None,
        typer.Option("--from", help="Also those of a file: one number a line, or a CSV; - reads standard input."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="A remark; kept, never published.")] = "",
    *,
    how: Proposing,
) -> None:
    """Propose certificates for a new term in place of those whose validity ends soon or has ended.

    A second person approves. Each gets a number of its own, and a whole term of its programme after the present one.
    All or none.
    """
    found = Home.find(how.home)
    maker = person(how.by)
    approver = second_person(found, maker, how.approve_as, Status.SUPERSEDED)
    listed = [one.text for one in named_numbers(numbers, numbers_from)]
    asked = ask_renewals(found.store, found.clock, found.catalogue, listed, reason=reason, person=maker)
    _go_on(found, asked, how, maker, approver)


def propose(
    replacements: Annotated[list[str], typer.Argument(help="Replacements, such as X-2026-11-0001.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the batches of successors that were asked for with --later; a second person approves them.

    Corrections of one batch that one person asked for go into one batch together, and so do renewals for the same term.
    May be run again.
    """
    found, maker = Home.find(home), person(by)
    with found.store.read() as unit:
        asked = [unit.replacements.replacement(name) for name in dict.fromkeys(replacements)]
    _go_on(found, asked, Proposing(by=by, home=home, as_json=as_json), maker, None)


def list_(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that have no batch yet.")] = False,
    batch: Annotated[str | None, typer.Option("--batch", help="Only those of this batch.")] = None,
    limit: LatestOption = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List corrections and renewals that were asked for, and how far each is; names are not shown."""
    list_replacements(Home.find(home), waiting=waiting, batch=batch, limit=limit, as_json=as_json)


def show(replacement: ReplacementArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a correction or renewal with what the certificate says before and after."""
    show_replacement(Home.find(home), replacement, as_json=as_json)


def withdraw(
    replacement: ReplacementArgument,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give up a replacement that has no batch yet; afterwards its batch is what can be cancelled."""
    found = Home.find(home)
    given_up = withdraw_replacement(found.store, found.clock, replacement, person=person(by))
    if as_json:
        with found.store.read() as unit:
            print_json(replacement_document(unit, given_up))
    else:
        OUT.print(said(f"{given_up.id}已取消", f"{given_up.id} is withdrawn"))


def _go_on(home: Home, asked: list[Replacement], how: Proposing, maker: str, approver: str | None) -> None:
    """Show what was asked for; propose it, and in a demonstration approve and issue it, unless that is for later."""
    names = [one.id for one in asked]
    if how.later:
        batches: list[Batch] = []
    else:
        signer = home.credential_signer()
        batches = propose_replacements(home.store, home.clock, home.catalogue, home.body, signer, names, person=maker)
    if approver is not None:
        batches = [_approved_and_issued(home, batch, approver, how) for batch in batches]
    with home.store.read() as unit:
        now = [unit.replacements.replacement(name) for name in names]
        documents = [replacement_document(unit, one) for one in now]
        changes = [(one, changes_of_replacement(unit, one)) for one in now]
        stages = [stage_of(unit, one) for one in now]
        following = [commands_of(unit, one, stage) for one, stage in zip(now, stages, strict=True)]
    if how.as_json:
        print_json(
            {
                "replacements": documents,
                "batches": [batch_document(home, batch) for batch in batches],
            }
        )
        return
    for one, of in changes:
        tell_changes(one, of)
    for batch in batches:
        show_batch(home, batch, as_json=False)
    if not how.later:
        return
    waiting = [one for one, stage in zip(now, stages, strict=True) if stage is Stage.ASKED]
    kept = [one.id for one in waiting]
    OUT.print(
        said(f"已记下，尚未组成批次：{'、'.join(kept)}", f"kept, in no batch yet: {', '.join(kept)}")
        if waiting
        else said("先前已组成批次", "in a batch already")
    )
    if len(waiting) > 1:
        command = propose_command(waiting)
        next_command(command)
    else:
        for commands in following:
            tell_next(commands)


def _approved_and_issued(home: Home, batch: Batch, approver: str, how: Proposing) -> Batch:
    if batch.state in (AnchorState.SEALED, AnchorState.FAILED):
        approve(home.store, home.clock, home.catalogue, home.key_of, home.approver(), batch.id, person=approver)
    return issue_batch(home, batch.id, wait=how.wait, told=tell_state)
