"""Signed receipts of verdicts: written beside a verdict, and held against the chain again."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from api.commands.options import write_file
from api.pages.catalogue import Catalogue, catalogue
from api.pages.verdict import verdict_page
from api.terminal import OUT, language, moment, said, shown
from api.verifier.report import report_document
from api.wiring import Home, NoTerminal, rechecker_alone
from registry.anchor.trust import TrustRoot
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url
from registry.verification.model import Report
from registry.verification.receipts import (
    Asked,
    NoReceiptKey,
    VerificationReceipt,
    report_of,
    verification_receipt,
)
from registry.verification.rechecking import Check, Recheck, RecheckOutcome

_EXITS: Final = {RecheckOutcome.STANDS: 0, RecheckOutcome.CANNOT_CONFIRM: 3}
_MARKS: Final = {"passed": "[green]✓[/green]", "failed": "✗", "could-not-check": "?"}
_PDF: Final = ".pdf"


def write_receipt(home: Home, report: Report, asked: Asked, path: Path, purpose: str | None) -> None:
    """Sign a verdict and write it: a PDF where the name says so, else JSON. Raises NoReceiptKey, PurposeRefused."""
    from api.pages.receipt_paper import receipt_pdf
    from node.signer import SecretFileMissing

    try:
        notary = home.notary()
    except (NoTerminal, SecretFileMissing) as error:
        raise NoReceiptKey from error
    signed = verification_receipt(notary, report, asked, purpose=purpose)
    write_file(path, receipt_pdf(signed) if path.suffix.lower() == _PDF else signed.to_bytes())


def recheck_here(
    home: Home, receipt: bytes, file: bytes | None, *, node: str | None, max_age: timedelta | None, cause: str | None
) -> Recheck:
    """Hold a receipt against what this installation knows of the chain."""
    return home.rechecker(node=node, max_age=max_age, cause=lambda: cause).by_document(receipt, file)


def recheck_alone(
    nodes: tuple[str, ...], root: TrustRoot, receipt: bytes, file: bytes | None, *, max_age: timedelta
) -> Recheck:
    """Hold a receipt against what nodes of the reader's choice say."""
    with rechecker_alone(nodes, root, max_age=max_age) as rechecker:
        return rechecker.by_document(receipt, file)


def exit_of(found: Recheck) -> int:
    """Give the exit code: 0 the receipt stands, 1 it does not, 3 that cannot be said now."""
    return _EXITS.get(found.outcome, 1)


def recheck_document(found: Recheck) -> dict[str, object]:
    """Write what was found of a receipt as one JSON object."""
    return {
        "type": "receipt",
        "outcome": found.outcome.value,
        "code": found.code,
        "checks": [
            {"check": one.kind.value, "answer": one.answer.value, "reason": one.reason, "evidence": dict(one.evidence)}
            for one in found.checks
        ],
        "signers_word": [one.value for one in found.words],
        "receipt": None if found.receipt is None else found.receipt.statement.claims,
        "today": None if found.today is None else report_document(found.today),
        "judged_at": found.judged_at.astimezone(CHINA_TIME).isoformat(timespec="seconds"),
    }


def print_recheck(found: Recheck) -> None:
    """Print for people: whether the receipt stands, what it says, each check, what rests on the signer's word."""
    words = catalogue(language())
    style = "bold green" if found.outcome is RecheckOutcome.STANDS else "bold"
    headline = words.text(f"recheck.outcomes.{found.outcome}")
    OUT.print(f"[{style}]{shown(found.outcome.value.upper())}[/{style}]   {shown(headline)}")
    if found.receipt is not None:
        for line in _said_then(found.receipt, words):
            OUT.print(f"        {shown(line)}")
    OUT.print()
    for number, check in enumerate(found.checks, 1):
        OUT.print(f"  {number} {_MARKS[check.answer]} {shown(words.text(f'recheck.checks.{check.kind}'))}")
        OUT.print(f"      {shown(_answer(check, words))}", style="dim" if check.answer == "passed" else "")
    if found.words:
        OUT.print()
        OUT.print(f"  {shown(words.text('recheck.signers_word'))}")
        for word in found.words:
            OUT.print(f"  – {shown(words.text(f'recheck.words.{word}'))}")
    if found.today is not None:
        today = words.text("recheck.today", word=words.text(f"outcomes.{found.today.outcome}.word"))
        OUT.print()
        OUT.print(f"  i {shown(today)}")
    OUT.print(f"  [dim]\\[{shown(found.code)}][/dim]")


def _said_then(receipt: VerificationReceipt, words: Catalogue) -> list[str]:
    at = moment(receipt.statement.issued_at)
    if receipt.is_of_list:
        counts = [f"{words.text(f'outcomes.{outcome}.word')} {count:,}" for outcome, count in receipt.counts.items()]
        lines = [f"{at} · {words.text('receipt.asked.list', rows=receipt.rows or 0)}", " · ".join(counts)]
    else:
        page = verdict_page(report_of(receipt), words, entrance="document", contacts={})
        subject = (receipt.number, said(f"第{receipt.revision}版", f"revision {receipt.revision}"))
        lines = [f"{at} · {page.headline}", " · ".join(str(one) for one in subject) if receipt.number else ""]
    digest = receipt.statement.digest
    lines.append("" if digest is None else f"{words.text('receipt.labels.digest')} {b64url(digest)}")
    freshness = receipt.freshness
    lines.append("" if freshness is None else f"{words.text('receipt.labels.block')} {freshness.block:,}")
    lines.append("" if receipt.purpose is None else f"{words.text('receipt.labels.purpose')}: {receipt.purpose}")
    return [line for line in lines if line]


def _answer(check: Check, words: Catalogue) -> str:
    answer = words.text(f"recheck.answers.{check.answer}")
    key = f"recheck.reasons.{check.reason}"
    return f"{answer} · {words.text(key)}" if words.has(key) else answer
