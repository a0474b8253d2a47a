"""`vermilion audit checkpoint|prove|check`: what the history log holds, what stands in it, and that it only grows.

Nothing here has to be believed: a checkpoint is compared with the contract when it is taken, and a proof is checked
with SHA-256 against a checkpoint that was kept, without a node, or against the contract.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from api.commands.ballots import Said
from api.commands.options import (
    HomeOption,
    JsonOption,
    NodeOption,
    TrustRootOption,
    note_cause,
    read_file,
    write_new_file,
)
from api.commands.sentences import sentence
from api.settings import HomeMissing, Surroundings
from api.terminal import OUT, counted, moment, note, print_fields, print_json, said, shown
from api.wiring import Home, ledger_over_http, read_trust_root
from registry.anchor.concerning import records_of_certificate
from registry.anchor.history import (
    Anchored,
    BatchChanged,
    Checkpoint,
    Content,
    Position,
    Record,
    StatusChanged,
    Superseded,
)
from registry.anchor.proofs import (
    MAX_DOCUMENT,
    HistoryCheckpoint,
    HistoryConsistency,
    HistoryDocument,
    HistoryInclusion,
    LogName,
    ProvenRecord,
    heads_of,
    parse_checkpoint,
    parse_history_document,
    prove_consistency,
    prove_inclusion,
    require_consistency,
    require_continued,
    require_inclusion,
    require_known,
    require_same_log,
)
from registry.delivery.bundle import MAX_BUNDLE, parse_bundle, require_unaltered
from registry.kernel.encoding import b64url
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import BlockHash, TransactionHash
from registry.ports import Ledger, LedgerUnavailable
from registry.ports.storage import NotHere
from registry.workflows.auditing.prove import RebuiltLog, log_of_ledger, log_of_store, require_agreed, require_block
from registry.workflows.chain.follow import follow
from registry.workflows.verification.verify import NODE_UNREACHABLE

_SHOWN_LEAVES: Final = 12
_SEQ: Final = re.compile(r"[0-9]{1,13}")


class SourceNeeded(MalformedInput):
    """What was given reaches no chain: neither a data folder, nor a node and a trust root together."""

    code = "history/source-needed"

    def __init__(self) -> None:
        super().__init__("expected --node and --trust-root together, or a data folder and no --trust-root")


class NothingToProve(MalformedInput):
    """Neither records nor an earlier checkpoint were named, or both were."""

    code = "history/nothing-named"

    def __init__(self) -> None:
        super().__init__("expected records or certificates to prove, or else --since with a checkpoint")


class NumberNeedsHome(MalformedInput):
    """A certificate's number says nothing about its place on the chain; only its registry or its file does."""

    code = "history/number-needs-home"

    def __init__(self) -> None:
        super().__init__("a number alone does not lead to records without the registry's data folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """The log, and what it came from."""

    log: RebuiltLog
    ledger: Ledger | None
    """None = nobody answered, and the log is what was read before."""
    home: Home | None


@contextmanager
def _reached(node: str | None, trust_root: Path | None, home: Path | None, *, asks: bool) -> Iterator[_Reached]:
    """Rebuild the log and compare it with the contract; unless it `asks`, what was read before is good enough."""
    with ExitStack() as stack:
        if trust_root is not None:
            if node is None:
                raise SourceNeeded
            ledger = stack.enter_context(ledger_over_http(node, read_trust_root(trust_root)))
            yield _Reached(log=log_of_ledger(ledger), ledger=ledger, home=None)
            return
        found = _home(home)
        answers: Ledger | None = None
        try:
            answers = stack.enter_context(found.chain(node=node))
            follow(found.store, answers, found.clock)
            log = log_of_store(found.store)
            if log is not None:
                require_agreed(log, answers)
        except LedgerUnavailable:
            log, answers = log_of_store(found.store), None
            if asks or log is None:
                raise
        if log is None:
            raise NotHere("record", "0")
        yield _Reached(log=log, ledger=answers, home=found)


def _home(named: Path | None) -> Home:
    try:
        return Home.find(named)
    except HomeMissing as error:
        if named is not None or Surroundings().home is not None:
            raise
        raise SourceNeeded from error


def _read(path: Path) -> bytes:
    """Read a document; a line's end after it, as printing leaves one, is no part of it."""
    most = MAX_DOCUMENT + 1
    data = sys.stdin.buffer.read(most + 1) if str(path) == "-" else read_file(path, most=most)
    return data.removesuffix(b"\n")


def _print_document(document: HistoryDocument) -> None:
    """Print a document in its one spelling, so that what is piped into a file can be checked."""
    typer.echo(document.document().decode("ascii"))


# — checkpoint —


def checkpoint(
    output: Annotated[Path | None, typer.Option("--output", help="New file to keep it in.")] = None,
    at_block: Annotated[
        int | None, typer.Option("--at-block", help="As it was at the end of this block.", min=0)
    ] = None,
    node: NodeOption = None,
    trust_root: TrustRootOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rebuild the history log from the chain's events, compare it with the contract, and give its checkpoint."""
    with _reached(node, trust_root, home, asks=True) as reached:
        log, ledger = reached.log, reached.ledger
        if at_block is not None and ledger is not None:
            block = ledger.block(at_block)
            if block is None:
                raise NotHere("final block", str(at_block))
            log = log.until(block)
            require_agreed(log, ledger)
    taken = log.checkpoint
    if output is not None:
        write_new_file(output, taken.document())
    if as_json:
        _print_document(taken)
        return
    print_fields(
        {
            said("记录数", "records"): f"{taken.head.size:,}",
            said("根", "root"): b64url(taken.head.root),
            said("区块", "block"): taken.block.number,
            said("区块时间", "block time"): moment(taken.block.time),
            said("区块散列", "block hash"): "0x" + taken.block.hash.hex(),
            said("合约", "contract"): taken.log.contract,
            said("创世区块", "genesis"): b64url(taken.log.genesis),
            said("信任根摘要", "trust root digest"): b64url(taken.trust_root),
        }
    )
    _print_good(
        (
            f"单凭事件重建的根，与合约在区块{taken.block.number}给出的一致",
            f"the root rebuilt from the events alone is the contract's own at block {taken.block.number}",
        )
    )
    if output is not None:
        note(said(f"已写入{output}，请妥善保存，下次用`--since`比对", f"kept in {output}; next time compare: --since"))


# — prove —


def prove(
    targets: Annotated[
        list[str] | None,
        typer.Argument(help="Sequence numbers of records, certificate numbers, or bundle files.", show_default=False),
    ] = None,
    since: Annotated[
        Path | None, typer.Option("--since", help="Prove that the log continues the checkpoint in this file.")
    ] = None,
    at: Annotated[
        Path | None, typer.Option("--at", help="Prove against the checkpoint in this file. Default: now.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="New file for the proof.")] = None,
    node: NodeOption = None,
    trust_root: TrustRootOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that records stand in the history log, or that the log continues a checkpoint that was kept.

    The proof is one line of JSON, which anybody checks with `vermilion audit check`.
    """
    if bool(targets) is (since is not None):
        raise NothingToProve
    first = None if since is None else parse_checkpoint(_read(since))
    last = None if at is None else parse_checkpoint(_read(at))
    with _reached(node, trust_root, home, asks=False) as reached:
        log = reached.log
        for kept in (first, last):
            if kept is not None:
                require_same_log(log.name, kept.log)
                require_continued(log.tree, kept.head)
        size = log.tree.size if last is None else last.head.size
        document: HistoryConsistency | HistoryInclusion
        if first is not None:
            document = prove_consistency(log.name, log.tree, first.head.size, size)
        else:
            document = _inclusion(reached, targets or [], size)
        answered = reached.ledger is not None
    if output is not None:
        write_new_file(output, document.document())
    if output is None or as_json:
        _print_document(document)
    for text, *details in _proven(document):
        _tell(said(*text), aside=output is None or as_json)
        for detail in details:
            _tell("  " + said(*detail), aside=output is None or as_json)
    note_cause(None if answered else NODE_UNREACHABLE)


def _tell(text: str, *, aside: bool) -> None:
    """Print a line of what is proven: beside the proof, where that is the data."""
    if aside:
        note(text)
    else:
        OUT.print(shown(text))


def _inclusion(reached: _Reached, targets: Sequence[str], size: int) -> HistoryInclusion:
    from node.client.preimages import words_of

    log, wanted = reached.log, {}
    for target in targets:
        found = [record for record in _named(reached, target) if record.position.seq < size]
        if not found:
            raise NotHere(f"record among the {size} of this checkpoint", target)
        wanted.update({record.position.seq: words_of(record) for record in found})
    return prove_inclusion(log.name, log.tree, wanted, size=size)


def _named(reached: _Reached, target: str) -> Iterator[Record]:
    """Find the records that are meant: one by its seq, or those of a certificate by its number or its bundle."""
    log, path = reached.log, Path(target)
    if _SEQ.fullmatch(target):
        yield from log.records[int(target) : int(target) + 1]
    elif path.suffix == ".json" or "/" in target:
        bundle = parse_bundle(read_file(path, most=MAX_BUNDLE))
        require_unaltered(bundle)
        receipt = bundle.anchor
        require_same_log(log.name, LogName(contract=receipt.contract, genesis=receipt.genesis))
        yield from records_of_certificate(log.records, receipt.issuer, receipt.batch, receipt.proof.index)
    elif reached.home is None:
        raise NumberNeedsHome
    else:
        with reached.home.store.read() as unit:
            one = unit.batches.by_number(target)
        if one is None:
            raise NotHere("certificate", target)
        batch = one.batch
        yield from records_of_certificate(log.records, batch.issuer, batch.batch, one.reservation.leaf)


# — check —


def check(
    file: Annotated[Path, typer.Argument(help="A proof or a checkpoint; - = standard input.", show_default=False)],
    against: Annotated[
        Path | None, typer.Option("--against", help="A checkpoint that you kept: checks without any node.")
    ] = None,
    node: NodeOption = None,
    trust_root: TrustRootOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a proof against a checkpoint that was kept, or against the contract, and say what it proves.

    Exit 0 proven · 1 not proven · 2 no such document · 3 the log was rewritten, or no node answers.
    """
    document = parse_history_document(_read(file))
    pinned = None if against is None else parse_checkpoint(_read(against))
    heads = heads_of(document)
    asks = pinned is None or node is not None or home is not None
    basis: list[Said] = []
    # 1. What the document says of itself: each path leads to its root, each record is a record.
    proven = list(_proven(document))
    # 2. The log is the one that the reader has pinned.
    if trust_root is not None:
        require_same_log(LogName.of(read_trust_root(trust_root)), document.log)
    # 3. The root is that of a checkpoint that was kept.
    if pinned is not None:
        require_same_log(pinned.log, document.log)
        require_known(pinned, document)
        basis.append(_basis_of(pinned))
        if pinned.head != heads[-1] and not asks:
            basis.append(_open_end(heads[-1]))
    # 4. The root is the contract's.
    if asks:
        with _reached(node, trust_root, home, asks=True) as reached:
            log = reached.log
            require_same_log(log.name, document.log)
            for head in heads:
                require_continued(log.tree, head)
            if isinstance(document, HistoryCheckpoint) and reached.ledger is not None:
                require_block(document, log, reached.ledger)
        basis.append(
            (
                f"依据：合约本身，区块{log.block.number}（{moment(log.block.time)}），单凭事件重建的根与合约一致",
                f"against the contract itself at block {log.block.number} ({moment(log.block.time)}), whose root the "
                "events alone lead to",
            )
        )
    if as_json:
        print_json(
            {
                "proven": True,
                "type": type(document).__name__,
                "statements": [{"zh": text[0], "en": text[1]} for text, *_ in proven],
                "against": [{"zh": zh, "en": en} for zh, en in basis],
            }
        )
        return
    for text, *details in proven:
        _print_good(text)
        for detail in details:
            OUT.print(f"    [dim]{shown(said(*detail))}[/dim]")
    for one in basis:
        OUT.print(f"  {shown(said(*one))}")


def _print_good(text: Said) -> None:
    OUT.print(f"[green]✓[/green] {shown(said(*text))}")


def _basis_of(pinned: HistoryCheckpoint) -> Said:
    size, block, at = pinned.head.size, pinned.block.number, moment(pinned.block.time)
    return (
        f"依据：所保存的检查点，{size:,}条记录，区块{block}（{at}）",
        f"against the checkpoint that was kept: {counted(size, 'record')}, block {block} ({at})",
    )


def _open_end(head: Checkpoint) -> Said:
    return (
        f"注意：后{head.size:,}条这一检查点是否出自合约，尚未比对；请加`--node`",
        f"note: whether the checkpoint of {counted(head.size, 'record')} is the contract's is open; use --node",
    )


# — in words —


def _proven(document: HistoryDocument) -> Iterator[tuple[Said, ...]]:
    """Check what a document says of itself, and give it in words: for each statement the sentence, then its details.

    Raises RecordNotIncluded, LogNotContinued, RecordMalformed.
    """
    match document:
        case HistoryCheckpoint(log=log, head=head, block=block):
            zh, en = _log_words(head)
            at = moment(block.time)
            yield (
                (
                    f"合约{log.contract}在区块{block.number}（{at}）的日志{zh}",
                    f"at block {block.number} ({at}) the log of contract {log.contract} had {en}",
                ),
            )
        case HistoryConsistency(first=first, second=second):
            require_consistency(document)
            (before_zh, before_en), (now_zh, now_en) = _log_words(first), _log_words(second)
            yield (
                (
                    f"{now_zh}的日志，是{before_zh}的日志的延续：前{first.size:,}条一条未改、一条未少",
                    f"the log of {now_en} continues the log of {before_en}: none of the first {first.size:,} was "
                    "changed or taken out",
                ),
            )
        case HistoryInclusion(head=head, records=records):
            require_inclusion(document)
            zh, en = _log_words(head)
            for one in records:
                record = _value(one)
                at = moment(record.position.block_time)
                told_zh, told_en = sentence(record, {})
                yield (
                    (
                        f"记录{one.index}（{told_zh}，{at}）在{zh}的日志中",
                        f"record {one.index} ({told_en}, {at}) stands in the log of {en}",
                    ),
                    *_details(record.content),
                )


def _log_words(head: Checkpoint) -> Said:
    root = b64url(head.root)
    return f"共{head.size:,}条、根为{root}", f"{counted(head.size, 'record')} with root {root}"


def _value(proven: ProvenRecord) -> Record:
    """Read a proven record. Which block and transaction it was in is no part of it: no sentence says that."""
    from node.client.preimages import read_words

    read = read_words(proven.record)
    position = Position(
        seq=proven.index,
        by=read.by,
        block_number=0,
        block_hash=BlockHash(b""),
        block_time=read.at,
        transaction=TransactionHash(b""),
        leaf=proven.record.leaf,
    )
    return Record(position=position, content=read.content)


def _details(content: Content) -> Iterator[Said]:
    """Give what a sentence leaves out: which batch, which leaves of it, by what they were replaced."""
    if not isinstance(content, Anchored | StatusChanged | Superseded | BatchChanged):
        return
    batch = b64url(content.batch)
    match content:
        case Anchored(root=root):
            yield f"批次{batch}，根{b64url(root)}", f"batch {batch}, root {b64url(root)}"
        case StatusChanged(changes=changes):
            leaves = _leaves(
                [change >> 128 << 7 | bit for change in changes for bit in range(128) if change >> bit & 1]
            )
            yield f"批次{batch}，叶{leaves}", f"batch {batch}, leaf {leaves}"
        case Superseded(indices=indices):
            yield f"批次{batch}，叶{_leaves(indices)}", f"batch {batch}, leaf {_leaves(indices)}"
            new, leaves = b64url(content.new_batch), _leaves(content.new_indices)
            where = f"{content.target_contract} {content.target_issuer}"
            yield f"代之以{where}批次{new}，叶{leaves}", f"replaced by {where} batch {new}, leaf {leaves}"
        case BatchChanged():
            yield f"批次{batch}", f"batch {batch}"


def _leaves(indices: Sequence[int]) -> str:
    shown_ones = ", ".join(map(str, indices[:_SHOWN_LEAVES]))
    return shown_ones if len(indices) <= _SHOWN_LEAVES else f"{shown_ones}, … ({len(indices):,})"
