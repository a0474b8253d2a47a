"""`vermilion audit`: what the chain says happened, and whether database and chain agree."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from typing import Annotated, Any

import typer

from api.commands import proofs
from api.commands.batch_shown import undelivered
from api.commands.options import HomeOption, JsonOption, NodeOption, TrustRootOption, note_cause
from api.commands.proofs import NumberNeedsHome, SourceNeeded
from api.commands.sentences import sentence
from api.terminal import OUT, counted, moment, next_command, note, print_json, progress, said, shown
from api.wiring import Home, ledger_over_http, read_trust_root
from registry.anchor.concerning import records_of_certificate
from registry.anchor.history import Record, StatusChanged, Superseded
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import IntegrityFault
from registry.kernel.identifiers import BatchId
from registry.ports import LedgerUnavailable
from registry.ports.storage import NotHere, UnitOfWork
from registry.workflows.auditing.audit import Consistency
from registry.workflows.auditing.prove import log_of_ledger
from registry.workflows.chain.follow import follow

app = typer.Typer(no_args_is_help=True, help="The chain's history, and consistency with it.")
app.command(epilog="Example: vermilion audit checkpoint --output 2026-11-20.checkpoint.json")(proofs.checkpoint)
app.command(epilog="Example: vermilion audit prove 40 --output record-40.json")(proofs.prove)
app.command(epilog="Example: vermilion audit check record-40.json --against 2026-11-20.checkpoint.json")(proofs.check)


@app.command(epilog="Example: vermilion audit timeline --limit 10")
def timeline(
    limit: Annotated[int, typer.Option("--limit", help="Newest so many; 0 = all.", min=0)] = 20,
    certificate: Annotated[
        str | None, typer.Option("--certificate", help="Only what concerns this number, every revision of it.")
    ] = None,
    node: NodeOption = None,
    trust_root: TrustRootOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what the chain's history log says, newest last, in plain sentences.

    With --node and --trust-root it needs no data folder, and names batches and certificates by what the chain knows.
    """
    if trust_root is not None:
        if certificate is not None:
            raise NumberNeedsHome
        if node is None:
            raise SourceNeeded
        with ledger_over_http(node, read_trust_root(trust_root)) as ledger:
            records = log_of_ledger(ledger).records
        _print_timeline([_Line(record=one) for one in (records[-limit:] if limit else records)], {}, as_json=as_json)
        return
    found = Home.find(home)
    cause = found.catch_up(node)
    with found.store.read() as unit:
        records = tuple(unit.projection.records())
        kept = [_Line(record=one) for one in records] if certificate is None else _lived(unit, records, certificate)
        names = {one.batch: one.id for one in unit.batches.batches()}
        newest = [replace(one, number=_only_one(unit, one.record)) for one in (kept[-limit:] if limit else kept)]
    _print_timeline(newest, names, as_json=as_json)
    note_cause(cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One record of a timeline."""

    record: Record
    revisions: tuple[int, ...] = ()
    """Of the certificate asked for, those that it concerns; empty = none was asked for."""
    number: str | None = None
    """Of the one certificate of ours that it concerns, if it is one."""


def _lived(unit: UnitOfWork, records: Sequence[Record], number: str) -> list[_Line]:
    """Give what concerns any revision of a certificate, in the order of the chain. Raises NotHere."""
    found: dict[int, _Line] = {}
    for revision in count(1):
        one = unit.batches.by_number(number, revision)
        if one is None:
            break
        batch = one.batch
        for record in records_of_certificate(records, batch.issuer, batch.batch, one.reservation.leaf):
            line = found.setdefault(record.position.seq, _Line(record=record))
            found[record.position.seq] = replace(line, revisions=(*line.revisions, revision))
    if not found and unit.batches.by_number(number) is None:
        raise NotHere("certificate", number)
    return [found[seq] for seq in sorted(found)]


def _print_timeline(newest: Sequence[_Line], names: Mapping[BatchId, str], *, as_json: bool) -> None:
    if as_json:
        print_json([_document(one) for one in newest])
        return
    for one in newest:
        position, told = one.record.position, shown(said(*sentence(one.record, names, one.number)))
        if one.revisions:
            numbers = said("、", ", ").join(map(str, one.revisions))
            told = said(f"第{numbers}版：{told}", f"revision {numbers}: {told}")
        OUT.print(
            f"[dim]{said('区块', 'block')} {position.block_number:<6} {moment(position.block_time)}[/dim]  "
            f"{told}  [dim]seq {position.seq}[/dim]"
        )
    if not newest:
        OUT.print(said("链上还没有记录", "the chain holds no records yet"))


def _only_one(unit: UnitOfWork, record: Record) -> str | None:
    """Give the number of our certificate that a record concerns, where it concerns exactly one and it is ours."""
    content = record.content
    if isinstance(content, StatusChanged) and len(content.changes) == 1:
        word, mask = content.changes[0] >> 128, content.changes[0] & (1 << 128) - 1
        leaves: tuple[int, ...] = (word * 128 + mask.bit_length() - 1,) if mask.bit_count() == 1 else ()
    elif isinstance(content, Superseded):
        leaves = content.indices
    else:
        return None
    if len(leaves) != 1:
        return None
    batch = unit.batches.of_chain(content.batch)
    if batch is None or batch.issuer != content.issuer:
        return None
    one = unit.batches.by_leaf(content.batch, leaves[0])
    return one.reservation.number if one is not None else None


def _document(line: _Line) -> dict[str, Any]:
    record, position = line.record, line.record.position
    zh, en = sentence(record, {}, line.number)
    return {
        "seq": position.seq,
        "block": position.block_number,
        "time": position.block_time.astimezone(CHINA_TIME).isoformat(),
        "transaction": "0x" + position.transaction.hex(),
        "by": position.by,
        "kind": type(record.content).__name__,
        "certificate": line.number,
        "revisions": list(line.revisions),
        "sentence": {"zh": zh, "en": en},
    }


@app.command(epilog="Example: vermilion audit fsck")
def fsck(node: NodeOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Compute everything again and name every difference between database, files and chain. Exit 1 where there is one.

    Exit 3 where nothing differs but no node answered, so that the chain could not be compared.
    """
    found = Home.find(home)
    with ExitStack() as stack, progress(said("比对", "compare")) as update:
        halted = None
        try:
            ledger = stack.enter_context(found.chain(node=node))
            follow(found.store, ledger, found.clock)
        except LedgerUnavailable:
            ledger = None
        except IntegrityFault as error:
            ledger, halted = None, error
        result = found.auditor(ledger).fsck(update, halted=halted)
    if as_json:
        print_json(_consistency(result))
    else:
        _print_consistency(result)
    if result.differences:
        raise typer.Exit(1)
    for name in undelivered(found):
        note(
            said(f"批次{name}已登记，凭证没有写全。", f"batch {name} is recorded, and its bundles are not all written.")
        )
        next_command(f"vermilion batch issue {name}")
    if result.compared_at is None:
        raise typer.Exit(3)


def _consistency(result: Consistency) -> dict[str, Any]:
    return {
        "consistent": not result.differences and result.compared_at is not None,
        "certificates": result.certificates,
        "batches": result.batches,
        "records": result.records,
        "journal": result.journal,
        "compared_at_block": result.compared_at.number if result.compared_at else None,
        "differences": [
            {"code": one.code, "subject": one.subject, "expected": one.expected, "found": one.found}
            for one in result.differences
        ],
    }


def _print_consistency(result: Consistency) -> None:
    reach = said(
        f"比对了{result.certificates:,}张证书、{result.batches}个批次、{result.records}条链上记录、{result.journal}条日志",
        f"compared {counted(result.certificates, 'certificate')}, {counted(result.batches, 'batch', 'batches')}, "
        f"{counted(result.records, 'record')} of the chain, "
        f"{counted(result.journal, 'journal entry', 'journal entries')}",
    )
    if result.differences:
        count = len(result.differences)
        places = counted(count, "place")
        OUT.print(f"[bold]{said(f'数据库与链有{count}处不一致', f'database and chain differ in {places}')}[/bold]")
        for one in result.differences:
            OUT.print(
                f"  {shown(one.code)}  {shown(one.subject)}\n"
                f"      {said('应为', 'expected')} {shown(one.expected)}\n"
                f"      {said('实为', 'found')}    {shown(one.found)}"
            )
    elif result.compared_at is None:
        OUT.print(
            said(
                "没有节点应答，未能与链比对；数据库自身一致",
                "no node answered: not compared with the chain; the database agrees with itself",
            )
        )
    else:
        OUT.print(f"[green]✓[/green] {said('数据库与链一致', 'database and chain agree')}")
    OUT.print(f"  {reach}")
    if result.compared_at is not None:
        OUT.print(f"  {said('至区块', 'up to block')} {result.compared_at.number}")
