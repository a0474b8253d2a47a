"""The fields of a transaction before it is signed, and whoever can sign them."""

from dataclasses import dataclass
from typing import Protocol

from node.client.engines import Fees
from registry.anchor.operations import SignedTransaction
from registry.kernel.identifiers import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFields:
    """A transaction of type 2 (EIP-1559) that moves no money: its value is always 0."""

    chain_id: int
    nonce: int
    to: Address | None
    """None: creates a contract."""
    data: bytes
    gas: int
    fees: Fees


class AccountHolder(Protocol):
    """Holds an account's key and signs whatever it is given, for a founding; services hold a TransactionSigner."""

    @property
    def address(self) -> Address:
        """The account."""
        ...

    def sign_fields(self, fields: TransactionFields) -> SignedTransaction:
        """Sign a transaction. The same fields give the same bytes (RFC 6979)."""
        ...
