"""`vermilion verify`: the verdict on a file, a number or a link; never fetches what a link names."""

import re
import sys
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from api.commands.failures import NoVerdict, SystemRefused
from api.commands.options import FileUnreadable, HomeOption, JsonOption, NodeOption, note_cause, read_file
from api.pages.catalogue import Catalogue, catalogue
from api.pages.verdict import verdict_page
from api.settings import HomeMissing, Surroundings
from api.terminal import OUT, language, print_json, said, shown
from api.verifier.report import report_document
from api.wiring import NODE_UNREACHABLE, Home, require_node_address, verifier_without_home
from registry.delivery.bundle import MAX_BUNDLE
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import MalformedInput, RegistryError
from registry.verification import DEFAULT_MAX_AGE, Outcome, Report

_EXITS = {Outcome.VALID: 0, Outcome.PENDING: 3, Outcome.CANNOT_CONFIRM: 3}
_LINK = re.compile(r"(https?://[^/?#]+)/c/([a-z2-7]{26})/?", re.IGNORECASE)
_KEY = re.compile(r"[A-Z2-7]{26}", re.IGNORECASE)
_AGE = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class AgeMalformed(MalformedInput):
    """An age is not written as a number and a unit."""

    code = "verify/age"

    def __init__(self) -> None:
        super().__init__("expected an age such as 90s, 30m, 24h or 7d")


class LinkElsewhere(MalformedInput):
    """A link leads to another host than this registry's, or is none of ours; it is not fetched."""

    code = "verify/link-elsewhere"

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(f"expected a link {expected}/C/… of this registry")


class TrustRootNeeded(MalformedInput):
    """Without a data folder a verdict needs a node, a pinned trust root and a file."""

    code = "verify/trust-root-needed"

    def __init__(self) -> None:
        super().__init__("there is no data folder here: give a file, --node and --trust-root")


class NameUnneeded(MalformedInput):
    """A name was given beside something that is no number."""

    code = "verify/name-unneeded"

    def __init__(self) -> None:
        super().__init__("--name goes with a number; a file or a link is verified without it")


class NothingNamed(MalformedInput):
    """What is to be verified is an empty word."""

    code = "verify/nothing-named"

    def __init__(self) -> None:
        super().__init__("expected a file, a certificate number or a link; nothing is written there")


def verify(
    target: Annotated[str, typer.Argument(help="A file (- = standard input), a certificate number, or a link.")],
    name: Annotated[str | None, typer.Option("--name", help="Holder's name, beside a number.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Judge for the end of that day (+08:00).")
    ] = None,
    max_age: Annotated[
        str | None, typer.Option("--max-age", help="How old knowledge of the chain may be: 90s, 30m, 24h.")
    ] = None,
    node: NodeOption = None,
    trust_root: Annotated[
        Path | None, typer.Option("--trust-root", help="Your own pinned trust-root.json; asks the node alone.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer five questions about a certificate and give one verdict.

    Exit 0 valid · 1 not valid · 2 wrong usage · 3 cannot be confirmed now.

    Example: vermilion verify DEMO-EEC-2026-7M3K9QX2TA4.bundle.json
    """
    try:
        report = _judged(target, name, as_of, max_age, node, trust_root, home)
    except RegistryError as error:
        raise NoVerdict(error) from error
    except OSError as error:
        raise NoVerdict(SystemRefused(error)) from error
    if as_json:
        print_json(report_document(report))
    else:
        print_report(report)
    raise typer.Exit(_EXITS.get(report.outcome, 1))


def _judged(
    target: str,
    name: str | None,
    as_of: datetime | None,
    max_age: str | None,
    node: str | None,
    trust_root: Path | None,
    home: Path | None,
) -> Report:
    if not target.strip():
        raise NothingNamed
    if node is not None:
        require_node_address(node)
    age = _age(max_age)
    moment = None if as_of is None else datetime.combine(as_of.date(), time(23, 59, 59), CHINA_TIME)
    data = _document(target)
    if name is not None and (data is not None or "://" in target or _KEY.fullmatch(target)):
        raise NameUnneeded
    if trust_root is not None or not _has_home(home):
        if node is None or trust_root is None or data is None:
            raise TrustRootNeeded
        judge = verifier_without_home(node, trust_root, max_age=DEFAULT_MAX_AGE if age is None else age, as_of=moment)
        return judge.by_document(data)
    return _by_home(Home.find(home), target, data, name, node, age, moment)


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
        link = _LINK.fullmatch(target)
        if link is None or link[1].lower() != expected:
            raise LinkElsewhere(expected)
        return judge.by_key(link[2])
    if name is not None:
        return judge.by_number_and_name(target, name)
    return judge.by_key(target) if _KEY.fullmatch(target) else judge.by_number(target)


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
        return sys.stdin.buffer.read(MAX_BUNDLE + 1)
    path = Path(target)
    looks_like_a_file = path.suffix != "" or ("/" in target and "://" not in target)
    try:
        if path.is_dir():
            raise FileUnreadable(path, said("是文件夹", "is a folder"))
        if path.is_file():
            return read_file(path, most=MAX_BUNDLE)
    except OSError as error:  # a folder closed to us; a name longer than any file's
        raise FileUnreadable(path, error.strerror or said("读不了", "cannot be read")) from error
    if looks_like_a_file and "://" not in target:
        raise FileUnreadable(path, said("没有这个文件", "no such file"))
    return None


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


def print_report(report: Report) -> None:
    """Print a verdict for people: outcome, whose it is, five answers, how fresh they are, what to do."""
    words = catalogue(language())
    page = verdict_page(report, words, entrance="document", contacts={})
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
