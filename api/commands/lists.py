"""`vermilion verify --list`: the verdict on every row of a list, a result file, one signed receipt for the whole."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from api.commands.options import note_cause, read_file, write_file
from api.employer.wording import wording_in
from api.pages.catalogue import catalogue
from api.terminal import OUT, counted, language, note, print_json, print_table, progress, said, shown
from api.wiring import Home, NoTerminal
from node.signer import SecretFileMissing
from registry.kernel.errors import MalformedInput
from registry.verification.asked_list import MAX_BYTES, AskedList, read_list
from registry.verification.list_result import NOT_VERIFIED
from registry.verification.model import Outcome
from registry.verification.receipts import NoReceiptKey, Notary
from registry.workflows.verification.verify import NODE_UNREACHABLE
from registry.workflows.verification.verify_many import ListVerdict, NothingToVerify, verify_list

_OPEN: Final = frozenset({Outcome.PENDING, Outcome.CANNOT_CONFIRM})


class ResultUnnamed(MalformedInput):
    """A receipt was asked for, and no result file that it would be over."""

    code = "verify/result-unnamed"

    def __init__(self) -> None:
        super().__init__("--receipt beside --list needs --out: the receipt is over the result file")


def verify_many(
    path: Path,
    home: Home,
    *,
    node: str | None,
    max_age: timedelta | None,
    as_of: datetime | None,
    out: Path | None,
    receipt: Path | None,
    purpose: str | None,
    as_json: bool,
) -> int:
    """Verify a list, print what became of it, write what was asked for; give the exit code.

    Raises NothingToVerify, ResultUnnamed, NoReceiptKey, PurposeRefused, FileUnreadable.
    """
    if receipt is not None and out is None:
        raise ResultUnnamed
    asked = read_list(read_file(path, most=MAX_BYTES), home.installation.public_base_url)
    if not asked.rows:
        _print_problems(asked)
        raise NothingToVerify(asked)
    notary = _notary(home) if receipt is not None else None
    cause = home.catch_up(node)
    if cause != NODE_UNREACHABLE:  # that nobody answers stands in each verdict, once what was read is too old
        note_cause(cause)
    judge = home.verifier(max_age=max_age, as_of=as_of, cause=lambda: cause)
    with progress(said("核验", "verify")) as update:
        verdict = verify_list(
            asked, judge, home.clock, notary, wording_in(language()), as_of=as_of, purpose=purpose, progress=update
        )
    if out is not None:
        write_file(out, verdict.result)
    if receipt is not None:
        write_file(receipt, verdict.receipt)
    if as_json:
        print_json(_document(asked, verdict))
    else:
        _print_verdict(verdict, out)
    return exit_of(verdict)


def exit_of(verdict: ListVerdict) -> int:
    """Give the exit code: 0 every row is valid, 3 some cannot be confirmed now and no other is bad, else 1."""
    outcomes = {one.outcome for one in verdict.rows}
    if outcomes <= {Outcome.VALID.value}:
        return 0
    return 3 if outcomes <= {Outcome.VALID.value, *(one.value for one in _OPEN)} else 1


def _notary(home: Home) -> Notary:
    try:
        return home.notary()
    except (NoTerminal, SecretFileMissing) as error:
        raise NoReceiptKey from error


def _document(asked: AskedList, verdict: ListVerdict) -> dict[str, object]:
    names = ("outcome", "code", "number", "notices", "name", "since", "reason", "revision", "successor")
    named = (*names, "programme", "level", "valid_from", "valid_until")
    return {
        "rows": len(asked.rows),
        "counts": {outcome.value: count for outcome, count in verdict.counts.items()},
        "results": [
            {
                "line": int(one.line),
                **{name: getattr(one, name) or None for name in named},
                "further": list(one.further or ("",) * len(asked.further)),
            }
            for one in verdict.rows
        ],
        "further": list(asked.further),
        "problems": [
            {"line": one.line, "column": one.column or None, "code": one.code, "reason": one.reason.en}
            for one in asked.problems
        ],
    }


def _print_problems(asked: AskedList) -> None:
    words = wording_in(language())
    for one in asked.problems:
        where = said("整个文件", "the whole file") if one.line == 0 else said(f"第{one.line}行", f"line {one.line}")
        note(f"{where} [{one.code}] {words.problem(one)}")


def _print_verdict(verdict: ListVerdict, out: Path | None) -> None:
    words = catalogue(language())

    def word(slug: str) -> str:
        return words.text("bulk.not_verified") if slug == NOT_VERIFIED else words.text(f"outcomes.{slug}.word")

    if out is None:
        headings = [words.text(f"bulk.row_{name}") for name in ("line", "number", "verdict", "stated", "words")]
        print_table(
            headings,
            [
                (one.line, one.number, f"{word(one.outcome)} {one.code}", f"{one.programme} {one.level}", one.words)
                for one in verdict.rows
            ],
        )
        OUT.print()
    for outcome, count in verdict.counts.items():
        OUT.print(f"  {count:>7,}  {shown(word(outcome.value))}  [dim]{shown(outcome.value)}[/dim]")
    wrong = sum(one.outcome == NOT_VERIFIED for one in verdict.rows)
    if wrong:
        OUT.print(f"  {wrong:>7,}  {shown(word(NOT_VERIFIED))}  [dim]{NOT_VERIFIED}[/dim]")
    if out is not None:
        note(said(f"结果写到{out}", f"{counted(len(verdict.rows), 'line')} written to {out}"))
