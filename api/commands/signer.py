"""`vermilion signer`: a process of its own that holds an approver's key."""

import os
import signal
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from api.clock import SystemClock
from api.commands.approvals import names_of, tell
from api.commands.ballots import Names
from api.commands.options import HomeOption, PassphraseFdOption, Unconfirmed
from api.terminal import is_attended, moment, note, said
from api.wiring import Home, account_key, read_trust_root
from registry.anchor.operations import Approvable
from registry.kernel.errors import MalformedInput, RegistryError

app = typer.Typer(no_args_is_help=True, help="A process of its own for the approver's key.")

_LONGEST_SOCKET_PATH: Final = 107
"""Bytes; what the kernel takes."""


class SocketPath(MalformedInput):
    """Nothing says where the signer is to be reached, or the path is longer than sockets have."""

    code = "signer/socket-path"

    def __init__(self) -> None:
        super().__init__(f"expected --socket with a path of at most {_LONGEST_SOCKET_PATH} bytes")


@app.command(epilog="Example: vermilion signer run --key approver.json --socket /run/vermilion/approver.sock --ask")
def run(
    key: Annotated[str, typer.Option("--key", help="Key file: a path, or a role of the data folder.")] = "approver",
    socket: Annotated[
        Path | None,
        typer.Option("--socket", help="Unix socket to answer on. Default: approver.sock in the data folder."),
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Let the accounts of this group ask too. Default: your own alone.")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask on this terminal before each signature.")] = False,
    daily: Annotated[int, typer.Option("--daily", help="Most signatures a day, counted from the start.", min=1)] = 100,
    passphrase_fd: PassphraseFdOption = None,
    trust_root: Annotated[
        Path | None, typer.Option("--trust-root", help="Pinned trust-root.json; then no data folder is needed.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Hold an approver's key, and sign approvals for one contract, each shown in plain words, until Ctrl-C."""
    from node.signer import ApproverDoor, DoorSocket

    found: Home | None = None
    if trust_root is None:
        found = Home.find(home)
        contract = found.trust_root.contract
    else:
        contract = read_trust_root(trust_root).contract
    place = _place(socket, found)
    if ask and not is_attended():
        raise Unconfirmed
    opened = account_key(key, found, passphrase_fd=passphrase_fd)

    def consent(asked: Approvable) -> bool:
        note(moment(SystemClock().now()))
        tell(asked, Names(whole=True) if found is None else names_of(found))
        return not ask or typer.confirm(said("签署？", "Sign?"), err=True)

    door = ApproverDoor(opened, contract, clock=SystemClock(), daily=daily, consent=consent, told=_log)
    signal.signal(signal.SIGTERM, _stop)
    served = DoorSocket(place, group=group)
    note(
        said(
            f"签署进程：账户{opened.address}，合约{contract}，unix://{place}，每天至多{daily}次（Ctrl-C停止）",
            f"signer: account {opened.address}, contract {contract}, unix://{place}, "
            f"at most {daily} a day (Ctrl-C stops)",
        )
    )
    try:
        served.serve(door)
    except (KeyboardInterrupt, typer.Abort):
        note(said("已停止，密钥已放下。", "Stopped; the key is let go."))
    finally:
        served.close()


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _place(named: Path | None, home: Home | None) -> Path:
    """Say where to answer. Raises SocketPath."""
    chosen = home.path / "approver.sock" if named is None and home is not None else named
    if chosen is None or len(os.fsencode(chosen.absolute())) > _LONGEST_SOCKET_PATH:
        raise SocketPath
    return chosen.absolute()


def _log(outcome: Approvable | RegistryError) -> None:
    if isinstance(outcome, RegistryError):
        note(f"{moment(SystemClock().now())}  {said('拒绝', 'refused')}: {outcome}   [{outcome.code}]")
    else:
        note(said("已签署。", "Signed."))
