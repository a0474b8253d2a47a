"""`vermilion verify`: the verdict on a file, a number or a link; never fetches what a link names."""

import re
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, NamedTuple, NoReturn

import typer

from api.client import Client
from api.clock import SystemClock
from api.commands.failures import NoVerdict, system_refused
from api.commands.options import FileUnreadable, HomeOption, JsonOption, note_cause, read_file
from api.links import LinkElsewhere, require_node_address
from api.pages.catalogue import Catalogue, catalogue
from api.pages.verdict import Entrance, verdict_page
from api.settings import HomeMissing, Surroundings
from api.terminal import OUT, language, note, print_json, said, shown
from api.verifier.report import report_document
from api.wiring import Home, read_trust_root
from registry.delivery.bundle import MAX_DOCUMENT
from registry.kernel.addresses import bare_key, certificate_link
from registry.kernel.errors import MalformedInput, RegistryError
from registry.verification import DEFAULT_MAX_AGE, Outcome, Report, end_of_past_day
from registry.verification.receipts import NoReceiptKey, asked_document, asked_key, asked_number
from registry.workflows.verification.recheck import receipt_in
from registry.workflows.verification.verify import NODE_UNREACHABLE

_EXITS = {Outcome.VALID: 0, Outcome.PENDING: 3, Outcome.CANNOT_CONFIRM: 3}
_AGE = re.compile(r"(\d+)(s|m|h|d)")
_MAX_ABOUT: Final = 64 * 1024 * 1024
"""Bytes of the file that a receipt is about: a certificate, or the result of a long list."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class AgeMalformed(MalformedInput):
    """An age is not written as a number and a unit."""

    code = "verify/age"

    def __init__(self) -> None:
        super().__init__("expected an age such as 90s, 30m, 24h or 7d")


class TrustRootNeeded(MalformedInput):
    """Without a data folder a verdict needs a node, a pinned trust root and a file."""

    code = "verify/trust-root-needed"

    def __init__(self) -> None:
        super().__init__("there is no data folder here: give a file, --node and --trust-root")


class FileNeeded(MalformedInput):
    """Several nodes were named beside something that is looked up and not shown."""

    code = "verify/file-needed"

    def __init__(self) -> None:
        super().__init__("several nodes are asked about a file alone: a number or a link is looked up in one place")


class NameUnneeded(MalformedInput):
    """A name was given beside something that is no number."""

    code = "verify/name-unneeded"

    def __init__(self) -> None:
        super().__init__("--name goes with a number; a file or a link is verified without it")


class ReceiptUnneeded(MalformedInput):
    """An option does not go with what is verified: `--receipt`, `--purpose`, `--about`, `--name`, `--as-of`."""

    code = "verify/receipt-option"

    def __init__(self, option: str) -> None:
        self.option = option
        super().__init__(f"{option} does not go with this: see vermilion verify --help")


class NothingNamed(MalformedInput):
    """What is to be verified is an empty word."""

    code = "verify/nothing-named"

    def __init__(self) -> None:
        super().__init__("expected a file, a certificate number or a link; nothing is written there")


def verify(
    target: Annotated[
        str, typer.Argument(help="A file (- = standard input), a certificate number, or a link.", show_default=False)
    ] = "",
    name: Annotated[str | None, typer.Option("--name", help="Holder's name, beside a number.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Judge for the end of that day (+08:00).")
    ] = None,
    max_age: Annotated[
        str | None, typer.Option("--max-age", help="How old knowledge of the chain may be: 90s, 30m, 24h.")
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option("--node", help="Ask this node instead. Given several times: all have to answer and to agree."),
    ] = None,
    trust_root: Annotated[
        Path | None, typer.Option("--trust-root", help="Your own pinned trust-root.json; asks the nodes alone.")
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option("--receipt", help="Sign the verdict and write it there: .json or .pdf.")
    ] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="What for; stands in the receipt.")] = None,
    about: Annotated[
        Path | None, typer.Option("--about", help="Beside a receipt: the file that it is about, to be checked too.")
    ] = None,
    many: Annotated[
        Path | None, typer.Option("--list", help="Verify a whole list: CSV or XLSX of numbers and names, or links.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Beside --list: write the result there, as CSV.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer five questions about a certificate and give one verdict; or hold a kept receipt against the chain again.

    Exit 0 valid, or the receipt stands · 1 not valid · 2 wrong usage · 3 cannot be confirmed now.

    Example: vermilion verify DEMO-EEC-2026-7M3K9QX2TAT.bundle.json
    """
    asked = _Asked(target, name, as_of, max_age, tuple(node or ()), trust_root, home)
    try:
        if many is not None:
            _verify_list(asked, many, out, receipt, purpose, unneeded={"--about": about}, as_json=as_json)
        if out is not None:
            raise ReceiptUnneeded("--out")
        data = _document(target) if target.strip() else None
        kept = None if data is None else receipt_in(data)
        if kept is not None:
            _recheck(kept, asked, about, unneeded={"--receipt": receipt, "--purpose": purpose}, as_json=as_json)
        if about is not None or (purpose is not None and receipt is None):
            raise ReceiptUnneeded("--about" if about is not None else "--purpose")
        report = _judged(asked, data)
        if receipt is not None:
            _write_receipt(asked, data, report, receipt, purpose)
    except RegistryError as error:
        raise NoVerdict(error) from error
    except OSError as error:
        raise NoVerdict(system_refused(error)) from error
    if as_json:
        print_json(report_document(report))
    else:
        print_report(report, "document" if data is not None else _entrance(asked))
    raise typer.Exit(_EXITS.get(report.outcome, 1))


class _Asked(NamedTuple):
    """What the command line says."""

    target: str
    name: str | None
    as_of: datetime | None
    max_age: str | None
    nodes: tuple[str, ...]
    trust_root: Path | None
    home: Path | None


def _verify_list(
    asked: _Asked,
    path: Path,
    out: Path | None,
    receipt: Path | None,
    purpose: str | None,
    *,
    unneeded: Mapping[str, object],
    as_json: bool,
) -> NoReturn:
    """Verify a whole list, print what became of it and end."""
    from api.commands.lists import verify_many

    given = {**unneeded, "--name": asked.name, "--trust-root": asked.trust_root, "TARGET": asked.target or None}
    wrong = [option for option, value in given.items() if value is not None]
    if len(asked.nodes) > 1:
        wrong.append("--node")
    if wrong or (purpose is not None and receipt is None):
        raise ReceiptUnneeded(wrong[0] if wrong else "--purpose")
    for node in asked.nodes:
        require_node_address(node)
    code = verify_many(
        path,
        Home.find(asked.home),
        node=next(iter(asked.nodes), None),
        max_age=_age(asked.max_age),
        as_of=_end_of(asked.as_of),
        out=out,
        receipt=receipt,
        purpose=purpose,
        as_json=as_json,
    )
    raise typer.Exit(code)


def _recheck(
    kept: bytes, asked: _Asked, about: Path | None, *, unneeded: Mapping[str, object], as_json: bool
) -> NoReturn:
    """Hold a kept receipt against the chain, print what was found and end."""
    from api.commands.receipts import exit_of, print_recheck, recheck_alone, recheck_document, recheck_here

    for option, value in {**unneeded, "--name": asked.name, "--as-of": asked.as_of}.items():
        if value is not None:
            raise ReceiptUnneeded(option)
    file = None if about is None else read_file(about, most=_MAX_ABOUT)
    for node in asked.nodes:
        require_node_address(node)
    age = _age(asked.max_age)
    alone = asked.trust_root is not None or not _has_home(asked.home)
    if alone and (not asked.nodes or asked.trust_root is None):
        raise TrustRootNeeded
    if alone or len(asked.nodes) > 1:
        root = Home.find(asked.home).trust_root if asked.trust_root is None else read_trust_root(asked.trust_root)
        found = recheck_alone(asked.nodes, root, kept, file, max_age=DEFAULT_MAX_AGE if age is None else age)
    else:
        home, one = Home.find(asked.home), next(iter(asked.nodes), None)
        found = recheck_here(home, kept, file, node=one, max_age=age, cause=home.catch_up(one))
    if as_json:
        print_json(recheck_document(found))
    else:
        print_recheck(found)
    raise typer.Exit(exit_of(found))


def _write_receipt(asked: _Asked, data: bytes | None, report: Report, path: Path, purpose: str | None) -> None:
    from api.commands.receipts import write_receipt

    if not _has_home(asked.home):
        raise NoReceiptKey
    link = certificate_link(asked.target)
    key = link.key if link is not None else asked.target
    if data is not None:
        looked_at = asked_document(data)
    elif link is not None or bare_key(key):
        looked_at = asked_key(key)
    else:
        looked_at = asked_number(asked.target, with_name=asked.name is not None)
    write_receipt(Home.find(asked.home), report, looked_at, path, purpose)
    note(said(f"已签名并写入{path}", f"signed and written to {path}"))


def _judged(asked: _Asked, data: bytes | None) -> Report:
    target, name, as_of, max_age, nodes, trust_root, home = asked
    if not target.strip():
        raise NothingNamed
    for node in nodes:
        require_node_address(node)
    age = _age(max_age)
    moment = _end_of(as_of)
    if name is not None and (data is not None or "://" in target or bare_key(target)):
        raise NameUnneeded
    alone = trust_root is not None or not _has_home(home)
    if alone and (not nodes or trust_root is None or data is None):
        raise TrustRootNeeded
    if len(nodes) > 1 and data is None:
        raise FileNeeded
    if (alone or len(nodes) > 1) and data is not None:
        root = Home.find(home).trust_root if trust_root is None else read_trust_root(trust_root)
        with Client(trust_root=root, nodes=nodes, max_age=DEFAULT_MAX_AGE if age is None else age) as client:
            return client.verify(data, as_of=None if as_of is None else as_of.date())
    return _by_home(Home.find(home), target, data, name, nodes[0] if nodes else None, age, moment)


def _by_home(
    home: Home,
    target: str,
    data: bytes | None,
    name: str | None,
    node: str | None,
    age: timedelta | None,
    moment: datetime | None,
) -> Report:
    cause = home.catch_up(node)
    if cause != NODE_UNREACHABLE:  # that nobody answers stands in the verdict, once what was read is too old
        note_cause(cause)
    judge = home.verifier(max_age=age, as_of=moment, cause=lambda: cause)
    if data is not None:
        return judge.by_document(data)
    if "://" in target:
        expected = home.installation.public_base_url
        link = certificate_link(target)
        if link is None or link.site != expected:
            raise LinkElsewhere(expected)
        return judge.by_key(link.key)
    if name is not None:
        return judge.by_number_and_name(target, name)
    return judge.by_key(target) if bare_key(target) else judge.by_number(target)


def _has_home(named: Path | None) -> bool:
    """Tell whether there is a data folder. Raises HomeMissing where one was named and is not there."""
    try:
        Home.find(named)
    except HomeMissing:
        if named or Surroundings().home:
            raise
        return False
    return True


def _document(target: str) -> bytes | None:
    """Read the file that is meant; None = the target is no file."""
    if target == "-":
        return sys.stdin.buffer.read(MAX_DOCUMENT + 1)
    path = Path(target)
    looks_like_a_file = path.suffix != "" or ("/" in target and "://" not in target)
    try:
        if path.is_dir():
            raise FileUnreadable(path, said("是文件夹", "is a folder"))
        if path.is_file():
            return read_file(path, most=MAX_DOCUMENT)
    except OSError as error:  # a folder closed to us; a name longer than any file's
        raise FileUnreadable(path, error.strerror or said("读不了", "cannot be read")) from error
    if looks_like_a_file and "://" not in target:
        raise FileUnreadable(path, said("没有这个文件", "no such file"))
    return None


def _end_of(day: datetime | None) -> datetime | None:
    return None if day is None else end_of_past_day(day.date(), SystemClock().now())


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = _AGE.fullmatch(text)
    if match is None:
        raise AgeMalformed
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except (OverflowError, ValueError) as error:  # more days than there are, more digits than Python reads
        raise AgeMalformed from error


def _entrance(asked: _Asked) -> Entrance:
    """Tell how a certificate was asked for that was looked up."""
    if asked.name is not None:
        return "lookup"
    return "key" if "://" in asked.target or bare_key(asked.target) else "number"


def print_report(report: Report, entrance: Entrance = "document") -> None:
    """Print a verdict for people: outcome, whose it is, five answers, how fresh they are, what to do."""
    words = catalogue(language())
    page = verdict_page(report, words, entrance=entrance, contacts={})
    style = "bold green" if report.outcome is Outcome.VALID else "bold"
    OUT.print(f"[{style}]{shown(report.outcome.value.upper())}[/{style}]   {shown(page.headline)}")
    OUT.print(f"        {shown(page.sentence)}")
    subject = _subject(report, words)
    if subject:
        OUT.print(f"        {shown(subject)}")
    if report.findings:
        OUT.print()
    for question in page.questions:
        mark = {"passed": "[green]✓[/green]", "grey": "✓", "failed": "✗", "unknown": "?"}[question.tone]
        OUT.print(f"  {question.number} {mark} {shown(question.question)}")
        OUT.print(
            f"      {shown(f'{question.word} {question.text}'.strip())}", style="" if question.deciding else "dim"
        )
    OUT.print()
    for line in page.freshness:
        OUT.print(f"  [dim]{shown(line)}[/dim]")
    for notice in page.notices:
        OUT.print(f"  {'!' if notice.warning else 'i'} {shown(notice.text)}")
    for step in page.steps:
        OUT.print(f"  – {shown(step)}")
    OUT.print(f"  [dim]\\[{shown(report.code)}][/dim]")


def _subject(report: Report, words: Catalogue) -> str:
    content = report_document(report)["content"]
    if not isinstance(content, dict):
        return ""
    level = content.get("level")
    achievement = content.get("achievement")
    parts = [
        content.get("licenseNumber"),
        content.get("name"),
        content.get("nationalIdentityNumberMasked"),
        words.pick(achievement.get("name")) if isinstance(achievement, dict) else None,
        words.pick(level.get("targetName")) if isinstance(level, dict) else None,
        words.pick(content.get("issuerName")),
    ]
    return " · ".join(str(part) for part in parts if part)
