"""Receipts on the scene's chain, in every state that a kept one can be in, and a site's rechecker over that chain."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from registry.anchor.history import Block, KeyKind, Record
from registry.anchor.trust import TrustRoot
from registry.kernel.identifiers import BlockHash
from registry.kernel.statements import Statement
from registry.ports import LedgerUnavailable
from registry.ports.chain import Checkpoint
from registry.verification import Outcome, not_found
from registry.verification.receipts import asked_key, asked_number, bulk_receipt, freshness_of, verification_receipt
from registry.verification.rechecking import Recheck, RecheckOutcome
from registry.workflows.verification.recheck import RecheckFromLedger
from tests.statement_keys import STATEMENT_KEY
from tests.unit.registry.verification.receipt_scene import NOTARY, receipt_on, with_statement_key
from tests.unit.registry.verification.scene import FIRST_BLOCK, LATER, NOW, ROOT, Chain, chain_in_order, fixed, slot

PURPOSE = "入职核验<b>"


@dataclass(slots=True)
class SceneLedger:
    """The scene's chain as a node shows it."""

    chain: Chain
    blocks: Mapping[int, Block]
    """Blocks that hold no record of the scene."""
    trust_root: TrustRoot = ROOT
    nodes: int = 1

    def head(self) -> Block:
        return self.chain.knowledge().head

    def block(self, number: int) -> Block | None:
        head = self.head()
        first = Block(number=0, hash=BlockHash(fixed("first")), time=FIRST_BLOCK)
        return {0: first, head.number: head, **self.blocks}.get(number)

    def records(self, first: int, last: int) -> Iterator[Record]:  # noqa: ARG002 - all of them
        return iter(self.chain.knowledge().records)

    def checkpoint(self, block: Block) -> Checkpoint:
        raise NotImplementedError(block)


@dataclass(slots=True)
class SceneClock:
    """A clock that stands."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class SceneRechecker:
    """Re-checks receipts against a chain that tests write; `away`: no node answers."""

    chain: Chain = field(default_factory=lambda: with_statement_key(chain_in_order()))
    away: bool = False
    blocks: Mapping[int, Block] = field(default_factory=dict)

    def by_document(self, data: bytes) -> Recheck:
        return RecheckFromLedger(ledger=self._ledger, clock=SceneClock()).by_document(data)

    def _ledger(self) -> SceneLedger:
        if self.away:
            raise LedgerUnavailable("http://127.0.0.1:9", "nobody answers")
        return SceneLedger(self.chain, self.blocks)


def in_order() -> Chain:
    return with_statement_key(chain_in_order())


def kept() -> Statement:
    """The receipt of a valid certificate, for a purpose that is no markup."""
    return receipt_on(in_order(), purpose=PURPOSE)


def of_list() -> Statement:
    report = in_order().judge()
    return bulk_receipt(
        NOTARY,
        b"the result file",
        {Outcome.VALID: 1_200, Outcome.REVOKED: 2},
        judged_at=NOW,
        freshness=freshness_of(report),
        purpose=PURPOSE,
    )


def of_nothing() -> Statement:
    """The receipt of a look-up that found nothing."""
    return verification_receipt(NOTARY, not_found(in_order().circumstances()), asked_number("X-1", with_name=True))


def altered() -> bytes:
    """The same receipt with another outcome written into it."""
    document = json.loads(receipt_on(_revoked()).to_bytes())
    head, _, signature = document["statement"].split(".")
    document["statement"] = f"{head}.{kept().text.split('.')[1]}.{signature}"
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _revoked() -> Chain:
    chain = in_order()
    chain.change(1)
    return chain


def _stolen() -> Chain:
    chain = chain_in_order()
    since = int((NOW - timedelta(days=1)).timestamp())
    chain.key(STATEMENT_KEY.thumbprint(), slot(KeyKind.STATEMENT, number=4, since=since), LATER)
    return chain


KEPT: dict[RecheckOutcome, Callable[[], tuple[bytes, SceneRechecker]]] = {
    RecheckOutcome.STANDS: lambda: (kept().to_bytes(), SceneRechecker()),
    RecheckOutcome.CANNOT_CONFIRM: lambda: (kept().to_bytes(), SceneRechecker(away=True)),
    # Signed on a chain where it stood, held against one where it was revoked by then.
    RecheckOutcome.CONTRADICTED: lambda: (kept().to_bytes(), SceneRechecker(_revoked())),
    RecheckOutcome.NOT_RECOGNISED: lambda: (kept().to_bytes(), SceneRechecker(_stolen())),
    RecheckOutcome.ALTERED: lambda: (altered(), SceneRechecker()),
    RecheckOutcome.UNREADABLE: lambda: (b'{"of":{"key":1,"statement":"somebody else"}}', SceneRechecker()),
}
"""A file and the site that it is handed to, for each outcome of a re-check."""


def changed_since() -> tuple[bytes, SceneRechecker]:
    """A receipt that stands, on a certificate that was revoked after it was signed."""
    then, now = in_order(), in_order()
    seen = Block(number=10**5, hash=BlockHash(fixed("head then")), time=LATER)
    report = then.judge(now=LATER + timedelta(seconds=3), knowledge=then.knowledge(head=seen, read_at=LATER))
    now.numbers = iter(range(10**5 + 1, 10**6))
    now.change(1, at=LATER + timedelta(days=3))
    signed = verification_receipt(NOTARY, report, asked_key("A" * 26), purpose=PURPOSE)
    return signed.to_bytes(), SceneRechecker(now, blocks={seen.number: seen})
