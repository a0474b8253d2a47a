"""Options that many commands share."""

import errno
import functools
import getpass
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, get_type_hints

import typer

from api.settings import Surroundings
from api.terminal import asked, is_attended, note, repeat_home, said
from registry.kernel.errors import MalformedInput
from registry.workflows.verification.verify import NODE_UNREACHABLE


def _named_home(ctx: typer.Context, home: Path | None) -> Path | None:
    repeat_home(home, ctx.find_root().command)
    return home


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Data folder. Default: VERMILION_HOME, ./vermilion-data or ./demo-data.",
        callback=_named_home,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
NodeOption = Annotated[str | None, typer.Option("--node", help="Ask this node instead, such as http://127.0.0.1:8545.")]
LatestOption = Annotated[int, typer.Option("--limit", help="Most rows to print, the latest; 0 = all.", min=0)]
PersonOption = Annotated[
    str | None, typer.Option("--as", help="Who acts. Default: VERMILION_PERSON, else the login name.")
]

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be sent to the contract; send and keep nothing.")
]

PassphraseFdOption = Annotated[
    int | None, typer.Option("--passphrase-fd", help="Read the passphrase from this file descriptor.", min=0)
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before signing.")]
TrustRootOption = Annotated[
    Path | None, typer.Option("--trust-root", help="Your own pinned trust-root.json; needs --node, and no data folder.")
]

_STOPPED = 130
LONGEST_WAIT = 7 * 86_400
"""Seconds; an approval does not last longer either."""
WaitOption = Annotated[int, typer.Option("--wait", help="Seconds to wait for the chain.", min=0, max=LONGEST_WAIT)]


def note_earlier_left_out(listed: int, total: int) -> None:
    """Say, where a list that `LatestOption` bounds holds fewer than there are, what prints all."""
    if listed < total:
        note(said("更早的未列出：--limit 0 全部列出", "earlier ones are left out: --limit 0 prints all"))


def note_later_left_out(*, more: bool) -> None:
    """Say, where a list holds the first rows and there are more, what prints all."""
    if more:
        note(said("还有更多：--limit 0 全部列出", "there are more: --limit 0 prints all"))


class Unconfirmed(MalformedInput):
    """Something is to be signed, and there is no terminal to ask on."""

    code = "input/unconfirmed"

    def __init__(self) -> None:
        super().__init__("this asks before it signs, and there is no terminal to ask on")


class FileUnreadable(MalformedInput):
    """A file that was named cannot be read."""

    code = "input/file-unreadable"

    def __init__(self, path: Path, cause: str) -> None:
        self.path, self.cause = path, cause
        super().__init__(f"{path}: {cause}")


class PersonMalformed(MalformedInput):
    """A person's account name has another form than accounts have."""

    code = "input/person"

    def __init__(self) -> None:
        super().__init__("an account name has 1 to 64 letters, digits, dots, hyphens or underscores")


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take options in bundles: each field of a parameter that is a dataclass becomes an option itself.

    The fields are annotated as options are, and all have defaults.
    """
    own = inspect.signature(command, eval_str=True).parameters
    bundles: dict[str, Any] = {name: one.annotation for name, one in own.items() if is_dataclass(one.annotation)}
    options = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=get_type_hints(bundle, include_extras=True)[field.name],
        )
        for bundle in bundles.values()
        for field in fields(bundle)
    ]

    @functools.wraps(command)
    def taking(**given: Any) -> None:
        bundled = {
            name: bundle(**{field.name: given.pop(field.name) for field in fields(bundle)})
            for name, bundle in bundles.items()
        }
        command(**given, **bundled)

    signature = inspect.Signature(
        [
            *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name, one in own.items() if name not in bundles),
            *options,
        ]
    )
    taking.__signature__ = signature  # type: ignore[attr-defined]  # what typer reads the options from
    return taking


def confirm(question: str, *, yes: bool) -> None:
    """Ask before signing, unless `yes`; an answer other than yes ends the command, exit 1. Raises Unconfirmed."""
    if yes:
        return
    if not is_attended():
        raise Unconfirmed
    if not asked(question):
        note(said("没有签名，也没有发送。", "Nothing was signed, nothing was sent."))
        raise typer.Exit(1)


def person(named: str | None) -> str:
    """Say who acts. Raises PersonMalformed."""
    chosen = named or Surroundings().person or _login_name()
    if not 1 <= len(chosen) <= 64 or not all(one.isalnum() or one in "._-" for one in chosen):
        raise PersonMalformed
    return chosen


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a user number without an entry, as in many a container
        raise PersonMalformed from error


_CAUSES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        errno.ENOENT: ("没有这个文件或文件夹", "No such file or directory"),
        errno.EACCES: ("没有权限", "Permission denied"),
        errno.EISDIR: ("这是文件夹", "Is a directory"),
    }
)


def cause_of(error: OSError, otherwise: str) -> str:
    """Say why the system refused a file: the usual causes in the reader's language, others as it says them."""
    known = _CAUSES.get(error.errno or 0)
    return (error.strerror or otherwise) if known is None else said(*known)


def read_file(path: Path, *, most: int) -> bytes:
    """Read a file that was named, up to one byte more than `most`. Raises FileUnreadable."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise FileUnreadable(path, cause_of(error, said("读不了", "cannot be read"))) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file that was named. Raises FileUnreadable."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise FileUnreadable(path, cause_of(error, said("写不了", "cannot be written"))) from error


def write_new_file(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read and that is not there yet. Raises FileUnreadable."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    except FileExistsError as error:  # marks may have been filled in there
        raise FileUnreadable(
            path, said("已有这个文件，不会覆盖", "it is there already and is not written over")
        ) from error
    except OSError as error:
        raise FileUnreadable(path, cause_of(error, said("写不了", "cannot be written"))) from error


def note_cause(cause: str | None) -> None:
    """Say beside the data why nothing new was read of the chain, if that is so."""
    if cause is None:
        return
    if cause == NODE_UNREACHABLE:
        note(said("没有节点应答：以上是上次读到的", "no node answered: this is what was read last"))
    else:
        note(
            said(
                f"注意：节点给出的不是本登记系统的链，以上只凭先前读到的内容。请查明原因：vermilion doctor   [{cause}]",
                "warning: the node answers for another chain than ours; this rests on what was read before. "
                f"Find out why: vermilion doctor   [{cause}]",
            )
        )


@contextmanager
def stoppable(go_on: str) -> Iterator[None]:
    """Say, where Ctrl-C stops what is inside, that nothing is lost and which command goes on. Exit 130."""
    try:
        yield
    except KeyboardInterrupt as stop:
        note(said(f"已停下。什么也没有丢。继续：{go_on}", f"Stopped. Nothing is lost. Go on with: {go_on}"))
        raise typer.Exit(_STOPPED) from stop
