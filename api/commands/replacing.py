"""`vermilion cert correct`, `renew`, `withdraw`: certificates that take the place of others."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from api.commands.batch_shown import batch_document, show_batch
from api.commands.numbers import named_numbers
from api.commands.options import HomeOption, JsonOption, PersonOption, WaitOption, expanded, person, read_file
from api.commands.requests import ApproverOption, second_person, tell_state
from api.commands.words import status_word
from api.sending import issue_batch
from api.terminal import OUT, note, print_json, print_table, said
from api.wiring import Home
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.enrolment import IdentityType
from registry.enrolment.photograph import MAX_FILE
from registry.kernel.errors import MalformedInput
from registry.ports.replacements import Replacement, ReplacementKind
from registry.ports.storage import StoredCertificate, UnitOfWork
from registry.status import Status
from registry.workflows.approve import approve
from registry.workflows.replace import (
    Particulars,
    ask_correction,
    ask_renewals,
    propose_replacements,
    withdraw_replacement,
)
from registry.workflows.revisions import Change, changes_of_replacement, line_of
from registry.workflows.supersede import supersessions_to_approve

KINDS: Final = {ReplacementKind.CORRECTION: ("更正", "correction"), ReplacementKind.RENEWAL: ("换发", "renewal")}
_MEMBERS: Final = {
    "name": ("姓名", "name"),
    "nameLatin": ("拉丁字母姓名", "name in Latin letters"),
    "identityType": ("证件类型", "identity document"),
    "nationalIdentityNumber": ("证件号码", "identity number"),
    "portrait": ("照片摘要", "photograph, its digest"),
    "licenseNumber": ("证书编号", "number"),
    "validUntil": ("有效期至", "valid until"),
    "grade": ("等次", "grade"),
}


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
        bool, typer.Option("--later", help="Only ask; `cert correct` or `cert renew` again, or the desk, goes on.")
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
    _go_on(found, [asked], how, approver, listed=False)


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
    _go_on(found, asked, how, approver, listed=True)


def withdraw(
    replacement: Annotated[str, typer.Argument(help="Replacement, such as X-2026-11-0001.")],
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


def _go_on(home: Home, asked: list[Replacement], how: Proposing, approver: str | None, *, listed: bool) -> None:
    """Show what was asked for; propose it, and in a demonstration approve and issue it, unless that is for later."""
    names = [one.id for one in asked]
    if how.later:
        batches: list[Batch] = []
    else:
        signer = home.credential_signer()
        batches = propose_replacements(home.store, home.clock, home.catalogue, home.body, signer, names)
    if approver is not None:
        batches = [_approved_and_issued(home, batch, approver, how) for batch in batches]
    with home.store.read() as unit:
        now = [unit.replacements.replacement(name) for name in names]
        documents = [replacement_document(unit, one) for one in now]
        changes = [(one, changes_of_replacement(unit, one)) for one in now]
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
    if how.later:
        again = "vermilion cert renew" if listed else "vermilion cert correct"
        note(
            said(
                "已记下，尚未组成批次。下一步：再运行同一条命令，不带--later；"
                f"放弃：vermilion cert withdraw {names[0]}",
                f"kept, in no batch yet. next: {again} again without --later; "
                f"to give up: vermilion cert withdraw {names[0]}",
            )
        )


def _approved_and_issued(home: Home, batch: Batch, approver: str, how: Proposing) -> Batch:
    if batch.state in (AnchorState.SEALED, AnchorState.FAILED):
        approve(home.store, home.clock, home.catalogue, home.key_of, home.approver(), batch.id, person=approver)
    return issue_batch(home, batch.id, wait=how.wait, told=tell_state)


def tell_replacements(home: Home, batch: str) -> None:
    """Show beside the data what each certificate of a batch says otherwise than the one that it replaces."""
    with home.store.read() as unit:
        changes = [(one, changes_of_replacement(unit, one)) for one in unit.replacements.into(batch).values()]
    for one, of in changes:
        tell_changes(one, of, tell=note)


def tell_waiting_supersessions(home: Home, batch: Batch) -> None:
    """Name what must be approved before a batch's certificates take the place of those they were issued for."""
    with home.store.read() as unit:
        waiting = supersessions_to_approve(unit, batch)
    for one in waiting:
        note(
            said(
                f"代替原证书的申请{one.id}待批准，此前不交付：vermilion cert approve {one.id} --as SOMEBODY-ELSE",
                f"the supersession {one.id} waits for its approver; until then nothing is delivered: "
                f"vermilion cert approve {one.id} --as SOMEBODY-ELSE",
            )
        )


def tell_changes(of: Replacement, changes: list[Change], tell: Callable[[str], None] | None = None) -> None:
    """Print a replacement with what is said before and after; `tell` prints a line, else it goes to the data."""
    kind = said(*KINDS[of.kind])
    title = f"{of.id}  {kind}  {of.number}#{of.revision}"
    if tell is not None:
        tell(f"{title}：{of.reason}" if of.reason else title)
        for one in changes:
            tell(f"  {member_word(one.member)}: {one.before or '–'} → {one.after or '–'}")
        return
    OUT.print(title, highlight=False)
    print_table(
        [said("内容", "what"), said("原为", "before"), said("改为", "after")],
        [[member_word(one.member), one.before or "–", one.after or "–"] for one in changes],
    )


def member_word(member: str) -> str:
    """Name what a certificate says, as people do."""
    if member.startswith("result."):
        paper = member.removeprefix("result.")
        return said(f"成绩（{paper}）", f"score ({paper})")
    return said(*_MEMBERS.get(member, (member, member)))


def replacement_document(unit: UnitOfWork, one: Replacement) -> dict[str, Any]:
    """Write a replacement as plain values."""
    return {
        "id": one.id,
        "kind": one.kind.value,
        "number": one.number,
        "revision": one.revision,
        "reason": one.reason,
        "asked_by": one.asked_by,
        "batch": one.batch,
        "cancelled": one.cancelled_at is not None,
        "changes": [
            {"member": change.member, "before": change.before, "after": change.after}
            for change in changes_of_replacement(unit, one)
        ],
    }


def line_document(unit: UnitOfWork, certificate: StoredCertificate) -> list[dict[str, Any]]:
    """Write the line of certificates that took each other's place, the first one first."""
    return [
        {
            "number": one.number,
            "revision": one.revision,
            "batch": one.batch,
            "status": one.status,
            "replacement": None if one.replacement is None else one.replacement.id,
            "kind": None if one.replacement is None else one.replacement.kind.value,
        }
        for one in line_of(unit, certificate)
    ]


def line_words(line: list[dict[str, Any]]) -> str:
    """Say the line in one row, where it has more than one certificate."""
    return " → ".join(f"{one['number']}#{one['revision']} ({status_word(one['status'])})" for one in line)
