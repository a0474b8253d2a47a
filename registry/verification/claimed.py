"""What a document says of its own place and time, apart from its content: all that questions 2 to 5 ask about.

Somebody who has checked a document himself (question 1) can ask the rest with this alone, and show nobody its content.
"""

from dataclasses import dataclass
from datetime import datetime

from registry.anchor.receipt import AnchorReceipt
from registry.credential import Presentation
from registry.kernel.identifiers import (
    BatchId,
    BlockHash,
    ContractAddress,
    IssuerCode,
    KeyThumbprint,
    RootHash,
    ScopeCode,
    TransactionHash,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a receipt says that the chain holds of its batch."""

    root: RootHash
    size: int
    transaction: TransactionHash
    block_number: int
    block_hash: BlockHash
    block_time: datetime
    """Whole seconds, aware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A certificate's place on the chain, its scope, key and dates, as the document states them."""

    base_url: str
    """Origin of the registry in `iss`."""
    issuer: IssuerCode
    contract: ContractAddress
    genesis: BlockHash
    batch: BatchId
    index: int
    scope: ScopeCode
    revision: int
    signer: KeyThumbprint
    valid_from: datetime
    valid_until: datetime | None
    """First moment after the validity; None for life."""
    recorded: Recorded | None
    """None where no receipt came with the document."""
    has_key: bool
    """The key that `signer` names was at hand when the signature was checked."""
    replaces: bool = False
    """It was issued in the place of another, and stands from when the chain says that this was replaced by it."""


def claimed_by(credential: Presentation, receipt: AnchorReceipt | None, *, has_key: bool) -> Claimed:
    """Take from a document what it says of its place."""
    terms = credential.terms
    return Claimed(
        base_url=terms.base_url,
        issuer=terms.issuer,
        contract=terms.contract,
        genesis=terms.genesis,
        batch=terms.batch,
        index=credential.entry.index,
        scope=terms.scope,
        revision=credential.entry.revision,
        signer=credential.signer,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
        recorded=None if receipt is None else _recorded(receipt),
        has_key=has_key,
        replaces=credential.entry.replaces is not None,
    )


def _recorded(receipt: AnchorReceipt) -> Recorded:
    return Recorded(
        root=receipt.merkle_root,
        size=receipt.proof.size,
        transaction=receipt.transaction,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
        block_time=receipt.block_time,
    )
