"""What the workflows need from outside, in terms of our own values.

`node.client` implements Ledger, `node.signer` the signers, `registry.store` the storage; `api.wiring` joins them.
"""

from registry.kernel.signing import StatementSigner
from registry.ports.chain import (
    ApprovalSigner,
    Clock,
    Fate,
    FateKind,
    KeyOf,
    Ledger,
    LedgerForeign,
    LedgerReader,
    LedgerUnavailable,
    NoBlocks,
    NodesDisagree,
    Offer,
    TransactionRefused,
    TransactionSigner,
)

__all__ = [
    "ApprovalSigner",
    "Clock",
    "Fate",
    "FateKind",
    "KeyOf",
    "Ledger",
    "LedgerForeign",
    "LedgerReader",
    "LedgerUnavailable",
    "NoBlocks",
    "NodesDisagree",
    "Offer",
    "StatementSigner",
    "TransactionRefused",
    "TransactionSigner",
]
