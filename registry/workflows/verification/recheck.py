"""Re-check: find the receipt in a file that somebody kept, gather what the chain holds of it, compare."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from registry.anchor.history import Block
from registry.credential import Altered, Unreadable
from registry.delivery.bundle import BUNDLE_SUFFIX, CREDENTIAL_NAME, PDF_MARK
from registry.delivery.copies import COPY_SUFFIX, is_copy
from registry.kernel.statements import NotAStatement, StatementOversized, StatementRefused, looks_like_statement
from registry.ports import Clock, Ledger, LedgerReader, LedgerUnavailable, NodesDisagree
from registry.ports.storage import Store
from registry.verification import DEFAULT_MAX_AGE, Knowledge
from registry.verification.receipts import RECEIPT_NAME, VerificationReceipt, parse_verification_receipt
from registry.verification.rechecking import BlockOf, Recheck, RecheckOutcome, recheck, refused_receipt
from registry.workflows.verification.verify import NODE_UNREACHABLE, NODES_DISAGREE


class FewAtOnce:
    """Reaches the chain for a few at a time. Whoever comes beside them hears at once that it does not answer.

    Strangers hand receipts in, and a node that hangs keeps each of them for seconds: a site has other readers.
    """

    def __init__(self, reach: Callable[[], AbstractContextManager[Ledger]], most: int = 4) -> None:
        self._reach = reach
        self._places = threading.BoundedSemaphore(most)

    @contextmanager
    def __call__(self) -> Iterator[Ledger]:
        """Reach it. Raises LedgerUnavailable."""
        if not self._places.acquire(blocking=False):
            raise LedgerUnavailable("the node", "too many ask it at once")
        try:
            with self._reach() as ledger:
                yield ledger
        finally:
            self._places.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckFromStore:
    """Compares with what has been read of the chain, and asks the chain for the one block that the receipt names.

    Where it is known that no node answers, none is asked.
    """

    store: Store
    ledger: Callable[[], AbstractContextManager[Ledger]]
    clock: Clock
    max_age: timedelta = DEFAULT_MAX_AGE
    cause: Callable[[], str | None] = field(default=lambda: None)
    """Says why what was read is behind, such as `node-unreachable`; None = it is not known to be."""

    def by_document(self, data: bytes, file: bytes | None = None) -> Recheck:
        """Re-check a receipt; `file` is what it is about, if it is at hand."""
        read = _read(data, self.clock)
        if isinstance(read, Recheck):
            return read
        cause = self.cause()
        if cause == NODE_UNREACHABLE:
            return self._compare(read, None, cause, file)
        try:
            with self.ledger() as ledger:
                return self._compare(read, ledger.block, cause, file)
        except LedgerUnavailable:
            return self._compare(read, None, cause or NODE_UNREACHABLE, file)

    def _compare(
        self, receipt: VerificationReceipt, block_of: BlockOf | None, cause: str | None, file: bytes | None
    ) -> Recheck:
        return recheck(
            receipt,
            self._knowledge(receipt),
            block_of=block_of,
            now=self.clock.now(),
            max_age=self.max_age,
            cause=cause,
            file=file,
        )

    def _knowledge(self, receipt: VerificationReceipt) -> Knowledge | None:
        with self.store.read() as unit:
            head = unit.projection.head()
            if head is None:
                return None
            signers = unit.projection.of_issuer(receipt.statement.issuer)
            place = receipt.place
            there = () if place is None else unit.projection.concerning(place.issuer, place.batch, place.index)
        records = {one.position.seq: one for one in (*signers, *there)}
        return Knowledge(
            trust_root=head.trust_root,
            head=head.block,
            first_block_time=head.first_block_time,
            read_at=head.read_at,
            nodes=head.nodes,
            records=tuple(records[seq] for seq in sorted(records)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckFromLedger:
    """Compares with what a node of the reader's choice says, under a pinned trust root; keeps nothing."""

    ledger: Callable[[], LedgerReader]
    clock: Clock
    max_age: timedelta = DEFAULT_MAX_AGE

    def by_document(self, data: bytes, file: bytes | None = None) -> Recheck:
        """Re-check a receipt; `file` is what it is about, if it is at hand."""
        read = _read(data, self.clock)
        if isinstance(read, Recheck):
            return read
        block: Block | None = None
        try:
            ledger = self.ledger()
            head, read_at = ledger.head(), self.clock.now()
            first = ledger.block(0)
            if read.freshness is not None and read.freshness.block <= head.number:
                block = ledger.block(read.freshness.block)
            knowledge: Knowledge | None = Knowledge(
                trust_root=ledger.trust_root,
                head=head,
                first_block_time=(first or head).time,
                read_at=read_at,
                nodes=ledger.nodes,
                records=tuple(ledger.records(0, head.number)),
            )
            cause = None
        except LedgerUnavailable:
            knowledge, cause = None, NODE_UNREACHABLE
        except NodesDisagree:
            knowledge, cause = None, NODES_DISAGREE
        return recheck(
            read,
            knowledge,
            block_of=lambda _: block,
            now=self.clock.now(),
            max_age=self.max_age,
            cause=cause,
            file=file,
        )


def receipt_in(data: bytes) -> bytes | None:
    """Take the receipt out of a file that was handed in; None = it is none, and no PDF with one alone."""
    if not data.startswith(PDF_MARK):
        return data if looks_like_statement(data) and not is_copy(data) else None
    from registry.delivery.attachments import attachments_of  # noqa: PLC0415 - only PDFs need it

    try:
        found = attachments_of(data, suffixes=(RECEIPT_NAME, BUNDLE_SUFFIX, COPY_SUFFIX, CREDENTIAL_NAME))
    except (Unreadable, Altered):
        return None
    return found.get(RECEIPT_NAME) if len(found) == 1 else None


def _read(data: bytes, clock: Clock) -> VerificationReceipt | Recheck:
    try:
        return parse_verification_receipt(data)
    except NotAStatement as error:
        return refused_receipt(RecheckOutcome.UNREADABLE, error.code.partition("/")[2], clock.now())
    except StatementRefused as error:
        return refused_receipt(
            RecheckOutcome.ALTERED, error.part, clock.now(), check=error.code, detail=error.reason[:200]
        )
    except StatementOversized as error:
        return refused_receipt(RecheckOutcome.UNREADABLE, error.code.partition("/")[2], clock.now())
