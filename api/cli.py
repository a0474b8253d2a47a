"""The command `vermilion`: puts the verbs together and turns errors into words and exit codes."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from api.commands import audit, batch, cert, enrol, exam, programme, setup, verify
from api.errors import advice, exit_code
from api.terminal import ERR, said, shown
from registry.kernel.errors import RegistryError
from registry.programme import ProgrammeMalformed

app = typer.Typer(
    name="vermilion",
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
app.command()(setup.demo)
app.add_typer(setup.node, name="node")
app.add_typer(programme.app, name="programme")
app.add_typer(enrol.app, name="enrol")
app.add_typer(exam.app, name="exam")
app.add_typer(batch.app, name="batch")
app.add_typer(cert.app, name="cert")
app.command()(verify.verify)
app.add_typer(audit.app, name="audit")
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


def main() -> None:
    """Run the command line; the outermost handler of every error of ours."""
    try:
        app()
    except RegistryError as error:
        print_error(error)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        ERR.print(
            said("已停下。什么也没有丢；再运行一次即可继续。", "Stopped. Nothing is lost; run it again to go on.")
        )
        sys.exit(130)


def print_error(error: RegistryError) -> None:
    """Print what happened, why, what to do, and the stable code."""
    texts = advice().get(error.code)
    ERR.print(f"[bold red]{said('错误：', 'error:')}[/bold red] {shown(str(error))}")
    if isinstance(error, ProgrammeMalformed):
        for fault in error.faults:
            ERR.print(f"  {shown(fault.key)}: {shown(fault.reason)}")
    if texts is not None:
        ERR.print(f"  {shown(said(texts.cause_zh, texts.cause_en))}")
        ERR.print(f"  {shown(said(texts.remedy_zh, texts.remedy_en))}   [dim]\\[{shown(error.code)}][/dim]")
    else:
        ERR.print(f"  [dim]\\[{shown(error.code)}][/dim]")
