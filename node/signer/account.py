"""Signers for accounts of the chain: one for transactions, bound to a policy, and one for approvals (EIP-712)."""

from dataclasses import dataclass
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import PrivateKey

from node.client.abi import functions
from node.client.engines import Fees
from node.client.operations import call_of, signing_hash
from node.client.transactions import TransactionFields, offer_of
from registry.anchor.operations import Approvable, Approval, Operation, SignedTransaction
from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import Address, ContractAddress, TransactionHash
from registry.ports import Offer

SENDER_FUNCTIONS: Final = frozenset(
    {
        "anchorBatch",
        "suspend",
        "revoke",
        "reinstate",
        "supersede",
        "suspendBatch",
        "reinstateBatches",
        "recordDigest",
    }
)
"""What an issuer's sender does."""
MEMBER_FUNCTIONS: Final = frozenset({"vote", "withdrawVote", "enact", "pause", "recordForeignAnchor"})
"""What a member of the consortium does."""
CONTROLLER_FUNCTIONS: Final = frozenset({"addKey", "retireKey", "reportCompromise"})
"""What an issuer's controller does."""
_GAS_CAP: Final = 5_000_000


class PolicyRefusal(RuleRefusal):
    """A signer was asked for what its policy does not allow."""

    code = "signer/policy-refused"

    def __init__(self, what: str, allowed: str, asked: str) -> None:
        self.what, self.allowed, self.asked = what, allowed, asked
        super().__init__(f"the signer's policy allows {what} {allowed}, asked was {asked}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningPolicy:
    """What an account may be made to sign: calls of these functions of one contract on one chain, without value."""

    contract: ContractAddress
    functions: frozenset[str]
    """Names of the contract's functions."""
    fees: Fees
    """What its transactions offer for gas."""
    fee_cap: Fees | None = None
    """The most that those which replace others may offer; None = no more."""
    gas_cap: int = _GAS_CAP

    def require_allowed(self, fields: TransactionFields) -> None:
        """Check a transaction before it is signed. Raises PolicyRefusal."""
        if fields.chain_id != self.contract.chain_id:
            raise PolicyRefusal("chain", str(self.contract.chain_id), str(fields.chain_id))
        if fields.to != self.contract.address:
            raise PolicyRefusal("contract", self.contract.address, fields.to or "a new contract")
        allowed = {functions()[name].selector: name for name in self.functions}
        if fields.data[:4] not in allowed:
            raise PolicyRefusal("functions", ", ".join(sorted(self.functions)), f"selector 0x{fields.data[:4].hex()}")
        if fields.gas > self.gas_cap:
            raise PolicyRefusal("gas up to", str(self.gas_cap), str(fields.gas))
        cap = self.fee_cap or self.fees
        if fields.fees.ceiling > cap.ceiling or fields.fees.tip > cap.tip:
            asked = f"{fields.fees.ceiling} with a tip of {fields.fees.tip}"
            raise PolicyRefusal("wei for gas up to", f"{cap.ceiling} with a tip of {cap.tip}", asked)


class AccountKey:
    """An account's key, opened. Signs whatever it is given: wrap it in a signer before handing it on."""

    __slots__ = ("_account",)

    def __init__(self, secret: bytes) -> None:
        self._account: LocalAccount = Account.from_key(secret)

    @property
    def address(self) -> Address:
        """The account."""
        return Address(self._account.address.lower())

    def sign_fields(self, fields: TransactionFields) -> SignedTransaction:
        """Sign a transaction. The same fields give the same bytes (RFC 6979)."""
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": fields.chain_id,
                "nonce": fields.nonce,
                "to": bytes.fromhex(fields.to[2:]) if fields.to else b"",
                "value": 0,
                "data": fields.data,
                "gas": fields.gas,
                "maxFeePerGas": fields.fees.ceiling,
                "maxPriorityFeePerGas": fields.fees.tip,
            }
        )
        return SignedTransaction(
            raw=bytes(signed.raw_transaction),
            hash=TransactionHash(bytes(signed.hash)),
            sender=self.address,
            nonce=fields.nonce,
        )

    def sign_hash(self, digest: bytes) -> bytes:
        """Sign 32 bytes; 65 bytes r ‖ s ‖ v, v 27 or 28, low-S."""
        signature = PrivateKey(bytes(self._account.key)).sign_msg_hash(digest)
        return signature.to_bytes()[:64] + bytes([27 + signature.v])

    def __repr__(self) -> str:
        return f"AccountKey(of {self.address})"


class AccountSigner:
    """Signs operations of our contract for one account, within a policy (`registry.ports.TransactionSigner`)."""

    def __init__(self, key: AccountKey, policy: SigningPolicy) -> None:
        self._key = key
        self._policy = policy

    @property
    def address(self) -> Address:
        """The account."""
        return self._key.address

    def sign(self, operation: Operation, *, nonce: int, offer: Offer | None = None) -> SignedTransaction:
        """Build and sign the transaction for `operation`; `offer`: another than the usual one. Raises PolicyRefusal."""
        call = call_of(operation)
        return self.sign_fields(
            TransactionFields(
                chain_id=self._policy.contract.chain_id,
                nonce=nonce,
                to=self._policy.contract.address,
                data=call.data,
                gas=call.gas if offer is None else offer.gas,
                fees=self._policy.fees if offer is None else Fees(ceiling=offer.ceiling, tip=offer.tip),
            )
        )

    def offer_of(self, transaction: SignedTransaction) -> Offer:
        """Read what a transaction of ours offers."""
        return offer_of(transaction.raw)

    def sign_fields(self, fields: TransactionFields) -> SignedTransaction:
        """Sign a transaction that somebody else has put together. Raises PolicyRefusal."""
        self._policy.require_allowed(fields)
        return self._key.sign_fields(fields)


class ApproverSigner:
    """Signs approvals for one contract (`registry.ports.ApprovalSigner`)."""

    def __init__(self, key: AccountKey, contract: ContractAddress) -> None:
        self._key = key
        self._contract = contract

    @property
    def address(self) -> Address:
        """The account."""
        return self._key.address

    def approve(self, asked: Approvable) -> Approval:
        """Sign the EIP-712 structure for the contract of the trust root."""
        signature = self._key.sign_hash(signing_hash(asked, self._contract))
        return Approval(approver=self.address, deadline=asked.deadline, signature=signature)
