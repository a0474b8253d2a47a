"""`vermilion init | node | serve | demo | doctor`: making and running an installation."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from api.commands.enrol import naming
from api.commands.options import HomeOption, JsonOption, stoppable
from api.settings import (
    CONFIG_FILE,
    ChainSettings,
    Contact,
    HomeMissing,
    Installation,
    IssuerSettings,
    Surroundings,
    find_home,
    read_installation,
)
from api.terminal import (
    OUT,
    counted,
    done,
    moment,
    next_command,
    note,
    padded,
    print_fields,
    print_json,
    said,
    shown,
    with_home,
)
from api.wiring import Home
from registry.kernel.errors import Conflict, MalformedInput

if TYPE_CHECKING:
    from node.embedded import EmbeddedChain

db = typer.Typer(no_args_is_help=True, help="The database.")
node = typer.Typer(no_args_is_help=True, help="The embedded chain.")
DEMO_HOME = Path("demo-data")
DEMO_PORT = 8000
_USUAL_PROGRAMME = "AIGC-APP-ENG"
_OPTIONS = {
    "code": ("--issuer", "2 to 31 capital letters, digits and hyphens, such as GD-SKILLS"),
    "public_base_url": ("--base-url", "https:// and a host, or http://localhost for a trial, without a path"),
    "name_zh": ("--name", "a name that can be printed"),
    "name_en": ("--name-en", "a name that can be printed"),
    "place": ("--place", "a place that can be printed"),
    "chain_id": ("--chain-id", "a chain id of an embedded chain"),
}
"""What `init` takes, by the member of `vermilion.toml` that it becomes, with what is expected."""
_HEARTBEAT_SECONDS = 3_600
"""A quiet chain seals an empty block an hour, so that a past day lies behind its last block."""


class PortTaken(Conflict):
    """Another program listens where we were to."""

    code = "serve/port-taken"

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        super().__init__(f"{host}:{port} is taken by another program")


class InstallationMalformed(MalformedInput):
    """An option of `init` says what no installation can be founded with."""

    code = "input/installation"

    def __init__(self, option: str, expected: str) -> None:
        self.option, self.expected = option, expected
        super().__init__(f"{option}: expected {expected}")


class DemoElsewhere(Conflict):
    """A demonstration is to be served at another port than stands in its certificates."""

    code = "demo/port-founded"

    def __init__(self, path: Path, founded: int, port: int) -> None:
        self.path, self.founded, self.port = path, founded, port
        super().__init__(
            f"the certificates in {path} lead to http://localhost:{founded}, which can never change; got port {port}"
        )


def init(
    issuer: Annotated[str, typer.Option("--issuer", help="Code of the issuing body, such as GD-SKILLS. Permanent.")],
    name: Annotated[str, typer.Option("--name", help="Its name in Chinese.")],
    base_url: Annotated[
        str, typer.Option("--base-url", help="Scheme and host as printed, such as https://v.example.cn. Permanent.")
    ],
    name_en: Annotated[str | None, typer.Option("--name-en", help="Its name in English.")] = None,
    place: Annotated[str | None, typer.Option("--place", help="Place of issue as printed.")] = None,
    programme: Annotated[
        list[str] | None,
        typer.Option("--programme", help=f"Programme to issue; may be repeated. Default: {_USUAL_PROGRAMME}."),
    ] = None,
    chain_id: Annotated[int, typer.Option("--chain-id", help="Id of the embedded chain.")] = 20268,
    real: Annotated[bool, typer.Option("--real", help="Not a test chain: verdicts carry no such notice.")] = False,
    machine_passphrases: Annotated[
        bool,
        typer.Option("--machine-passphrases", help="Draw passphrases and keep them beside the keys: for tests only."),
    ] = False,
    home: HomeOption = None,
) -> None:
    """Make an installation: keys, embedded chain, contract, accreditation, database. Run again, it goes on.

    Example: vermilion init --issuer GD-SKILLS --name 某省技能鉴定中心 --base-url https://v.example.cn
    """
    codes = tuple(programme) if programme else (_USUAL_PROGRAMME,)
    path = find_home(home)
    try:
        wanted = Installation(
            public_base_url=base_url.rstrip("/"),
            issuer=IssuerSettings(code=issuer, name_zh=name, name_en=name_en, place=place),
            programmes=codes,
            machine_passphrases=machine_passphrases,
            chain=ChainSettings(chain_id=chain_id, test_chain=not real),
        )
    except ValidationError as error:
        first = error.errors()[0]
        option, expected = _OPTIONS.get(str(first["loc"][-1]), (".".join(map(str, first["loc"])), first["msg"]))
        raise InstallationMalformed(option, expected) from error
    if real and not wanted.public_base_url.startswith("https://"):
        raise InstallationMalformed("--base-url", "https://… with --real: what is not https is shown as a test")
    with stoppable(said("再运行同一条命令", "the same command")):
        _make(path, wanted)
    next_command(f"vermilion enrol import ROSTER.csv{naming(codes, codes[0])} --as NAME")


def _make(path: Path, wanted: Installation) -> Home:
    from api.founding import make_installation

    home = Home(path)
    for code in wanted.programmes:
        home.catalogue.programme(code)
    kept = make_installation(home, wanted, done)
    if kept:
        what, file = ", ".join(kept), path / CONFIG_FILE
        note(
            said(
                f"这里先前已经装过，以下设置与这次要的不同，仍以 {file} 为准：{what}；要改请编辑该文件",
                f"installed before, and {file} stays as it is: {what} differ from what is asked now;"
                " edit the file to change them",
            )
        )
    return Home.find(path)


@db.command("upgrade", epilog="Example: vermilion db upgrade")
def upgrade_database(home: HomeOption = None) -> None:
    """Bring the database to the present schema; a current one stays as it is."""
    found = Home.find(home)
    outdated = found.outdated_tables()
    if outdated is not None:
        old, new = outdated
        note(
            said(
                f"表结构由 {old} 升级到 {new}：通常几秒，百万张证书需几分钟；中断则一切如旧，可重新运行",
                f"the tables go from {old} to {new}: seconds, or minutes where there are a million certificates;"
                " if it is cut off everything stays as it was, and it may be run again",
            )
        )
    found.make_store()
    OUT.print(said("数据库表结构为现行版本", "the database's schema is current"))


@db.command("check", epilog="Example: vermilion db check")
def check_database(home: HomeOption = None) -> None:
    """Say whether the database opens with its durability settings and the present schema."""
    with Home.find(home).store.read() as unit:
        unit.batches.names()
    OUT.print(said("数据库可用，表结构为现行版本", "the database opens, its schema is current"))


@node.command("run", epilog="Example: vermilion node run --port 8545")
def run_node(
    port: Annotated[
        int | None, typer.Option("--port", help="Loopback port; 0 = any free one.", min=0, max=65_535)
    ] = None,
    home: HomeOption = None,
) -> None:
    """Run the embedded chain: seals blocks and answers JSON-RPC on loopback, until Ctrl-C."""
    found = Home.find(home)
    with running_node(found, port):
        _until_stopped()


@node.command("status", epilog="Example: vermilion node status")
def node_status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say where the chain stands and who answers for it."""
    found = Home.find(home)
    with found.chain() as ledger:
        head = ledger.head()
        checkpoint = ledger.checkpoint(head)
    document = {
        "chain": str(found.trust_root.contract),
        "block": head.number,
        "time": head.time.isoformat(),
        "history": checkpoint.size,
        "node": found.running_node(),
    }
    if as_json:
        print_json(document)
        return
    print_fields(
        {
            said("链", "chain"): document["chain"],
            said("区块", "block"): document["block"],
            said("时间", "time"): moment(head.time),
            said("历史记录", "history"): said(f"{checkpoint.size:,}条", counted(checkpoint.size, "record")),
            said("节点", "node"): document["node"] or said("没有节点在运行", "no node is running"),
        }
    )


@contextmanager
def running_node(home: Home, port: int | None = None) -> Iterator[str]:
    """Run this folder's node, or use the one that runs; gives its address."""
    chain = home.open_chain(writing=True)
    if isinstance(chain, str):
        note(said(f"已有节点在运行：{chain}", f"a node runs already: {chain}"))
        yield chain
        return
    with chain, _answering(home, chain, home.installation.chain.port if port is None else port) as url:
        chain.start_sealing(heartbeat_seconds=_HEARTBEAT_SECONDS)
        note(said(f"节点：{url}，链{chain.chain_id}", f"node: {url}, chain {chain.chain_id}"))
        yield url


@contextmanager
def _answering(home: Home, chain: "EmbeddedChain", port: int) -> Iterator[str]:
    from node.embedded import serve as serve_rpc

    try:
        server = serve_rpc(chain, "127.0.0.1", port)
    except OSError:
        server = serve_rpc(chain, "127.0.0.1", 0)  # the usual port is another program's: any other will do
    with server, home.announced(server.url):
        yield server.url


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            help="Port to listen on. Default: that of a public address on localhost, else 8000.",
            min=0,
            max=65_535,
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Serve the verification pages and the public API, and run the embedded chain beside them, until Ctrl-C.

    What pages ask for with keys is worked off by a process of its own: vermilion desk.

    Example: vermilion serve --port 8000
    """
    found = Home.find(home)
    founded = _local_port(found.installation)
    chosen = port if port is not None else founded or DEMO_PORT
    if founded not in (None, chosen):
        note(
            said(
                f"注意：证书和链接里写的是{found.installation.public_base_url}，这里的端口是{chosen}",
                f"note: certificates and links lead to {found.installation.public_base_url}; this is port {chosen}",
            )
        )
    _note_unattended(found)
    run_server(found, host, chosen)


def _local_port(installation: Installation) -> int | None:
    """Give the port of a public address on this machine; None where it is elsewhere."""
    address = urlsplit(installation.public_base_url)
    return (address.port or 80) if address.hostname == "localhost" and address.scheme == "http" else None


def _note_unattended(home: Home) -> None:
    """Say so where tasks wait and no desk runs."""
    from api.desk import desk_is_running

    with home.store.read() as unit:
        waiting = len(unit.tasks.waiting(home.clock.now()))
    if waiting and not desk_is_running(home):
        note(
            said(
                f"有{waiting}项任务在等，没有签发台在运行：vermilion desk",
                f"{counted(waiting, 'task')} waiting, and no desk is running: vermilion desk",
            )
        )


def run_server(home: Home, host: str, port: int, *, with_desk: bool = False) -> None:
    """Serve until stopped: pages, follower, node, and a desk beside them where that is wanted. Raises PortTaken."""
    from api.desk import DeskBeside
    from api.serving import serve_pages

    _require_free(host, port)
    with ExitStack() as stack:
        url = home.installation.chain.node_url or stack.enter_context(running_node(home))
        if with_desk:
            stack.enter_context(DeskBeside(home, _note_died))
        note(said(f"页面：http://{host}:{port}/（Ctrl-C停止）", f"pages: http://{host}:{port}/ (Ctrl-C stops)"))
        if not serve_pages(home, url, host, port):
            raise PortTaken(host, port)


def _note_died(code: int) -> None:
    note(
        said(
            f"签发台进程意外结束（{code}），正在重新启动；什么也没有丢",
            f"the desk's process ended unexpectedly ({code}) and is started again; nothing is lost",
        )
    )


def _require_free(host: str, port: int) -> None:
    """Check that a port can be had, before anything is said of the pages there. Raises PortTaken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise PortTaken(host, port) from error


def demo(
    home: HomeOption = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Do everything but serve the pages.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            help="Port of the pages, for good: it stands in the certificates. Default: 8000.",
            min=1,
            max=65_535,
        ),
    ] = None,
) -> None:
    """Run the main job on made-up people: roster to certificates, one suspended, one revoked; then serve the pages.

    Beside the pages runs the desk that works off what they ask for, and there are accounts to sign in with.

    Example: vermilion demo --no-serve
    """
    from api.demonstration import run_demonstration

    path = home or Surroundings().home or DEMO_HOME
    at = _demo_port(path, port)
    if not no_serve:
        _require_free("127.0.0.1", at)  # before anything is founded under an address that is another program's
    with stoppable("make demo" if home is None else f"vermilion demo --home {path}"):
        made = _make(path, demo_installation(at))
        run_demonstration(made, served=not no_serve)
    if not no_serve:
        run_server(made, "127.0.0.1", at, with_desk=True)


def _demo_port(path: Path, asked: int | None) -> int:
    """Choose the port of a demonstration: once it is founded, the one that it was founded with. Raises DemoElsewhere.

    Raises ConfigurationMalformed.
    """
    try:
        founded = _local_port(read_installation(path))
    except HomeMissing:
        founded = None
    if founded is None or not (path / "chain.db").exists():
        return asked or founded or DEMO_PORT
    if asked not in (None, founded):
        raise DemoElsewhere(path, founded, asked)
    return founded


def demo_installation(port: int = DEMO_PORT) -> Installation:
    """Describe the demonstration's issuing body, whose pages are served at a port of this machine."""
    return Installation(
        public_base_url=f"http://localhost:{port}",
        issuer=IssuerSettings(
            code="DEMO-EEC",
            name_zh="示例考试中心",
            name_en="Demo Examination Centre",
            place="广州",
            contact=Contact(telephone="020-0000 0126", email="certificates@demo.invalid"),
        ),
        programmes=(_USUAL_PROGRAMME,),
        machine_passphrases=True,
    )


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check the installation and say what to do about each finding. Exit 1 where there is a problem.

    Example: vermilion doctor
    """
    from api.examination import WHAT_ZH, examine

    findings = examine(Home.find(home))
    if as_json:
        print_json(
            [
                {"what": one.what, "state": one.state, "says": one.en, "remedy": with_home(one.remedy)}
                for one in findings
            ]
        )
    else:
        marks = {"good": "[green]✓[/green]", "note": "!", "problem": "[bold red]✗[/bold red]"}
        for one in findings:
            what = said(WHAT_ZH[one.what], one.what)
            OUT.print(f"  {marks[one.state]} {padded(what, 14)} {shown(said(one.zh, one.en))}")
            if one.remedy:
                OUT.print(f"                   [dim]→ {shown(with_home(one.remedy))}[/dim]")
        notes, problems = (sum(1 for one in findings if one.state == state) for state in ("note", "problem"))
        OUT.print(said(f"提示{notes}项，问题{problems}项", f"{counted(notes, 'note')}, {counted(problems, 'problem')}"))
    if any(one.state == "problem" for one in findings):
        raise typer.Exit(1)


def _until_stopped() -> None:
    stopped = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stopped.set())
    note(said("Ctrl-C停止", "Ctrl-C stops"))
    stopped.wait()
