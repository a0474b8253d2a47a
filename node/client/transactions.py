"""The fields of a transaction before it is signed, and whoever can sign them."""

from dataclasses import dataclass
from typing import Final, Protocol

import rlp  # type: ignore[import-untyped]  # has no annotations

from node.client.engines import Fees
from registry.anchor.operations import SignedTransaction
from registry.kernel.identifiers import Address
from registry.ports import Offer

_TYPE: Final = 2
_TIP, _CEILING, _GAS = 2, 3, 4
"""Places in the list that is signed (EIP-1559): chain id, nonce, tip, ceiling, gas, …"""


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


def offer_of(raw: bytes) -> Offer:
    """Read what a signed transaction of type 2 offers. Raises ValueError for any other."""
    if raw[:1] != bytes([_TYPE]):
        raise ValueError("not a transaction of type 2")
    fields = rlp.decode(raw[1:])
    gas, ceiling, tip = (int.from_bytes(fields[place], "big") for place in (_GAS, _CEILING, _TIP))
    return Offer(gas=gas, ceiling=ceiling, tip=tip)
