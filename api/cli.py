"""The command `vermilion`: puts the verbs together and turns errors into words and exit codes."""

import io
import sys
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.metadata import version
from types import TracebackType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from api.commands import (
    account,
    audit,
    batch,
    cert,
    consortium,
    desk,
    enrol,
    exam,
    halt,
    programme,
    reconcile,
    sender,
    setup,
    signer,
    subsidy,
    training,
    verify,
)
from api.commands.doors import guarded
from api.commands.failures import (
    ArgumentsUndecodable,
    NoVerdict,
    UsageWrong,
    print_error,
    print_error_document,
    system_refused,
)
from api.errors import EXIT_NOT_NOW, EXIT_USAGE, exit_code
from api.terminal import note, said
from registry.kernel.errors import RegistryError

__all__ = ["app", "main", "print_error"]

_STOPPED = 130


class _Verbs(TyperGroup):
    """The group of all commands: each asks the table first; says what an interrupted command leaves behind."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        _guard(self.commands)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            _say_stopped()
            raise typer.Exit(_STOPPED) from stop


def _guard(commands: Mapping[str, Any], *above: str) -> None:
    for name, one in commands.items():
        if isinstance(one, TyperGroup):
            _guard(one.commands, *above, name)
        elif one.callback is not None:
            one.callback = guarded(" ".join((*above, name)), one.callback)


app = typer.Typer(
    name="vermilion",
    cls=_Verbs,
    help="Vermilion 朱印: the certificate registry that can be trusted without trusting us.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    epilog=(
        "Exit codes: 0 valid or done · 1 not valid or refused · 2 wrong usage or input · 3 cannot be said or done now"
    ),
)
app.command()(setup.init)
app.command()(setup.doctor)
app.command()(setup.serve)
app.command()(desk.desk)
app.command()(setup.demo)
app.add_typer(setup.node, name="node")
app.add_typer(programme.app, name="programme")
app.add_typer(subsidy.app, name="subsidy")
app.add_typer(enrol.app, name="enrol")
app.add_typer(training.app, name="training")
app.add_typer(exam.app, name="exam")
app.add_typer(batch.app, name="batch")
app.add_typer(cert.app, name="cert")
app.add_typer(signer.app, name="signer")
app.add_typer(sender.app, name="sender")
app.command()(verify.verify)
app.add_typer(audit.app, name="audit")
app.command()(reconcile.reconcile)
app.add_typer(halt.app, name="halt")
app.add_typer(consortium.app, name="consortium")
app.add_typer(account.app, name="account")
app.add_typer(setup.db, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("vermilion"))
        raise typer.Exit


@app.callback()
def _common(
    wanted: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Vermilion 朱印."""


class _LastResort(AbstractContextManager[None]):
    """Ends on what nobody foresaw with exit 3: exit 1, Python's own, would be read as a verdict or a refusal."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        foreseen = (NoVerdict, RegistryError, OSError, TyperException)
        if isinstance(error, Exception) and not isinstance(error, foreseen):
            traceback.print_exception(error)
            _end(RegistryError("something failed that was not foreseen; see above"), EXIT_NOT_NOW)


def main() -> None:
    """Run the command line; the outermost handler of every error of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show Chinese gets its code points
    try:
        with _LastResort():
            _require_text(sys.argv)
            sys.exit(app(prog_name="vermilion", standalone_mode=False))
    except TyperException as wrong:
        _end_usage(wrong)
    except NoVerdict as none:
        _end(none.error, none.exit_code)
    except RegistryError as error:
        _end(error, exit_code(error))
    except OSError as error:
        refused = system_refused(error)
        _end(refused, exit_code(refused))
    except KeyboardInterrupt:
        _say_stopped()
        sys.exit(_STOPPED)


def _require_text(words: list[str]) -> None:
    for place, word in enumerate(words):
        if any("\ud800" <= one <= "\udfff" for one in word):
            raise ArgumentsUndecodable(place)


def _end_usage(wrong: TyperException) -> NoReturn:
    message = wrong.format_message()
    if not message:  # no command was named, and the help has been printed
        sys.exit(EXIT_USAGE)
    context = getattr(wrong, "ctx", None)
    _end(UsageWrong(message.rstrip("."), "vermilion" if context is None else context.command_path), EXIT_USAGE)


def _end(error: RegistryError, code: int) -> NoReturn:
    if "--json" in sys.argv:
        print_error_document(error)
    print_error(error)
    sys.exit(code)


def _say_stopped() -> None:
    note(said("已停下。什么也没有丢；再运行一次即可继续。", "Stopped. Nothing is lost; run it again to go on."))
