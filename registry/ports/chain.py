"""What the workflows need from outside, in terms of our own values.

`node.client` implements Ledger, `node.signer` the signers, `registry.store` the UnitOfWork; `api.wiring` joins them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from registry.anchor.history import Block, Checkpoint, Record
from registry.anchor.operations import Approvable, Approval, Operation, SignedTransaction
from registry.anchor.trust import TrustRoot
from registry.kernel.errors import Conflict, IntegrityFault, Unavailable
from registry.kernel.identifiers import Address, BatchId, IssuerCode, TransactionHash
from registry.kernel.signing import PublicKey


class Clock(Protocol):
    """Tells the time; rules take times as arguments, only workflows read a clock."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        ...


class LedgerUnavailable(Unavailable):
    """No node answers, or none answers in time; nothing is known to have failed."""

    code = "ledger/unavailable"

    def __init__(self, where: str, cause: str) -> None:
        self.where, self.cause = where, cause
        super().__init__(f"no answer from the chain at {where}: {cause}")


class NoBlocks(LedgerUnavailable):
    """The node has taken what was sent and says itself why it can make no block now."""

    code = "ledger/no-blocks"

    def __init__(self, where: str, cause: str) -> None:
        super().__init__(where, cause)
        self.args = (f"the chain at {where} makes no block now: {cause}",)


class LedgerForeign(IntegrityFault):
    """The node belongs to another chain or contract than the trust root names; writing halts."""

    code = "ledger/foreign"

    def __init__(self, what: str, expected: str, found: str) -> None:
        self.what, self.expected, self.found = what, expected, found
        super().__init__(f"the node's {what} is not the trust root's: expected {expected}, found {found}")


class NodesDisagree(IntegrityFault):
    """Nodes that should all show one chain do not show the same, or one of them shows none that can be."""

    code = "ledger/nodes-disagree"

    def __init__(self, what: str, shown: Mapping[str, str]) -> None:
        self.what = what
        """What they disagree about."""
        self.shown = dict(shown)
        """What each node concerned shows, by host and port."""
        told = "; ".join(f"{where}: {text}" for where, text in self.shown.items())
        super().__init__(f"the nodes do not agree on {what}: {told}")


class TransactionRefused(Conflict):
    """A node will not take a transaction, for a reason that sending again does not cure."""

    code = "ledger/transaction-refused"

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"the chain refuses the transaction: {cause}")


class FateKind(StrEnum):
    """What is known of a transaction."""

    UNKNOWN = "unknown"
    """No node knows it: send the same bytes again."""
    WAITING = "waiting"
    INCLUDED = "included"
    FINAL = "final"
    REVERTED = "reverted"
    """In a final block, without effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a transaction; `block` from `included` on, `fault` (an error slug) when reverted."""

    kind: FateKind
    block: Block | None = None
    fault: str | None = None
    held_up: NoBlocks | None = None
    """Of one that waits: why no block comes, where the node says so."""


class LedgerReader(Protocol):
    """What a verdict needs of a chain with our contract on it, checked against a trust root when it was opened.

    Every call may raise LedgerUnavailable. Only final blocks are shown.
    """

    @property
    def trust_root(self) -> TrustRoot:
        """What was checked at connection."""
        ...

    @property
    def nodes(self) -> int:
        """How many nodes answer and agree."""
        ...

    def head(self) -> Block:
        """The last final block."""
        ...

    def block(self, number: int) -> Block | None:
        """One final block; None beyond the head."""
        ...

    def records(self, first: int, last: int) -> Iterator[Record]:
        """The records of final blocks `first` to `last`, both included, in ascending sequence."""
        ...

    def checkpoint(self, block: Block) -> Checkpoint:
        """The history log as the contract itself has it, at the end of `block`."""
        ...


class Ledger(LedgerReader, Protocol):
    """A chain that can also be written to, through a node."""

    def status_nonce(self, issuer: IssuerCode, batch: BatchId) -> int:
        """How often suspensions of this batch have happened: what a reinstatement's approval signs."""
        ...

    @property
    def may_lag(self) -> bool:
        """Whether a head below one shown before can be a node that is behind: not where a chain's file is read."""
        ...

    def settled_nonce(self, sender: Address) -> int:
        """How many transactions of `sender` blocks hold."""
        ...

    def final_nonce(self, sender: Address) -> int:
        """How many transactions of `sender` final blocks hold."""
        ...

    def next_nonce(self, sender: Address) -> int:
        """The same and what this node says is waiting, which another may not know, nor itself after a restart."""
        ...

    def shown(self, number: int) -> Block | None:
        """The block that stands at a height now, which may still go away; None beyond the newest."""
        ...

    def base_fee(self) -> int:
        """What the newest block takes for a unit of gas, in wei: what offers less waits."""
        ...

    def refusal(self, operation: Operation, sender: Address) -> str | None:
        """Ask, without sending anything, why the contract would refuse `sender` this now; None = it would not."""
        ...

    def broadcast(self, transaction: SignedTransaction) -> None:
        """Send stored bytes; knowing them already is success. Raises TransactionRefused."""
        ...

    def fate(self, transaction: TransactionHash) -> Fate:
        """Tell what became of a transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a transaction offers to be taken: gas and what is paid for a unit of it, in wei (EIP-1559)."""

    gas: int
    """Most that it may use."""
    ceiling: int
    """Most that is paid for a unit in all."""
    tip: int
    """What of it goes to the sealer."""


class TransactionSigner(Protocol):
    """Holds one account's key and signs nothing but operations of our contract."""

    @property
    def address(self) -> Address:
        """The account."""
        ...

    def sign(self, operation: Operation, *, nonce: int, offer: Offer | None = None) -> SignedTransaction:
        """Build and sign the transaction for `operation`; `offer`: another than the usual one, within what is allowed.

        Raises an error of rules where the offer is beyond that.
        """
        ...

    def offer_of(self, transaction: SignedTransaction) -> Offer:
        """Read what a transaction of ours offers."""
        ...


class ApprovalSigner(Protocol):
    """Holds an approver's key."""

    @property
    def address(self) -> Address:
        """The account."""
        ...

    def approve(self, asked: Approvable) -> Approval:
        """Sign the EIP-712 structure for the contract of the trust root."""
        ...


KeyOf = Callable[[bytes], PublicKey]
"""Gives the public half of a credential key by its JWK thumbprint."""
