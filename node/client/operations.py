"""Operations as calldata with a gas limit, and approvals as EIP-712 structures (contract version 1)."""

from typing import Any, Final, NamedTuple

from eth_hash.auto import keccak

from contracts import DOMAIN_FIELDS, DOMAIN_NAME, DOMAIN_VERSION, TYPE_FIELDS, type_string
from contracts import typed_data as document_of
from node.client.abi import functions
from registry.anchor.operations import (
    AddKey,
    AnchorApproval,
    AnchorBatch,
    Approvable,
    Approval,
    CastVote,
    Operation,
    ReinstateCertificates,
    ReinstatementApproval,
    RevocationApproval,
    RevokeCertificates,
    SuspendCertificates,
)
from registry.kernel.identifiers import Address, ContractAddress

_NO_APPROVAL: Final = (0, 0, 0, 0)

# Gas limits are fixed, never estimated: an estimate costs a second execution, and fails for a call that builds on one
# still waiting. Each is the measured cost with room for the history log's worst case; unused gas is not paid for.
_GAS_OF_ANCHOR: Final = 250_000
_GAS_OF_KEY: Final = 250_000
_GAS_OF_VOTE: Final = 500_000
_GAS_OF_CHANGE_CALL: Final = 200_000
_GAS_OF_CHANGE: Final = 30_000
"""A fresh status word costs 22,100 and its share of calldata and event."""


class Call(NamedTuple):
    """What a transaction to the contract carries."""

    function: str
    """The contract's function."""
    data: bytes
    gas: int


def call_of(operation: Operation) -> Call:
    """Encode an operation and say how much gas it may use."""
    match operation:
        case AnchorBatch(asked=asked, approval=approval):
            return _call(
                _GAS_OF_ANCHOR,
                "anchorBatch",
                padded(asked.issuer),
                asked.batch,
                asked.root,
                asked.size,
                padded(asked.scope),
                asked.evidence,
                asked.credential_key,
                _approval(approval),
            )
        case SuspendCertificates():
            return _call(
                _GAS_OF_CHANGE_CALL + _GAS_OF_CHANGE * len(operation.changes),
                "suspend",
                padded(operation.issuer),
                operation.batch,
                operation.changes,
                operation.reason,
            )
        case RevokeCertificates(asked=asked, approval=approval):
            return _approved_change("revoke", asked, approval)
        case ReinstateCertificates(asked=asked, approval=approval):
            return _approved_change("reinstate", asked, approval)
        case CastVote(ballot=ballot):
            return _call(_GAS_OF_VOTE, "vote", int(ballot.kind), ballot.subject, ballot.arg, ballot.ref, ballot.salt)
        case AddKey():
            return _call(
                _GAS_OF_KEY,
                "addKey",
                padded(operation.issuer),
                int(operation.kind),
                operation.key,
                operation.valid_from,
                operation.until,
                _NO_APPROVAL,
            )


def padded(code: str) -> bytes:
    """Write an ASCII code as the contract keeps it: 32 bytes, zeros to the right."""
    return code.encode("ascii").ljust(32, b"\0")


def account_word(account: Address) -> bytes:
    """Write an address as the contract keeps it among keys and subjects: 32 bytes, zeros to the left."""
    return bytes.fromhex(account[2:]).rjust(32, b"\0")


def _call(gas: int, function: str, *arguments: object) -> Call:
    return Call(function, functions()[function].calldata(*arguments), gas)


def _approved_change(function: str, asked: RevocationApproval | ReinstatementApproval, approval: Approval) -> Call:
    return _call(
        _GAS_OF_CHANGE_CALL + _GAS_OF_CHANGE * len(asked.changes),
        function,
        padded(asked.issuer),
        asked.batch,
        asked.changes,
        asked.count,
        asked.reason,
        _approval(approval),
    )


def _approval(approval: Approval) -> tuple[int, int, int, int]:
    signature = approval.signature
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return approval.deadline, signature[64], r, s


def structure(asked: Approvable) -> tuple[str, dict[str, Any]]:
    """Name the EIP-712 type of what is to be approved, and its members as values (bytes, int, str, tuple)."""
    match asked:
        case AnchorApproval():
            return "Anchor", {
                "issuer": asked.issuer,
                "batchId": asked.batch,
                "root": asked.root,
                "size": asked.size,
                "scope": asked.scope,
                "evidence": asked.evidence,
                "credentialKey": asked.credential_key,
                "deadline": asked.deadline,
            }
        case RevocationApproval() | ReinstatementApproval():
            members: dict[str, Any] = {
                "issuer": asked.issuer,
                "batchId": asked.batch,
                "changes": asked.changes,
                "count": asked.count,
                "reason": asked.reason,
                "deadline": asked.deadline,
            }
            if isinstance(asked, RevocationApproval):
                return "Revoke", members
            return "Reinstate", {**members, "statusNonce": asked.status_nonce}


def typed_data(asked: Approvable, contract: ContractAddress) -> dict[str, Any]:
    """Write what is to be approved as the JSON that wallets take (`eth_signTypedData_v4`); bytes as 0x-hex."""
    primary_type, members = structure(asked)
    return document_of(
        primary_type=primary_type,
        message={name: _shown(value) for name, value in members.items()},
        chain_id=contract.chain_id,
        contract=contract.address,
    )


def signing_hash(asked: Approvable, contract: ContractAddress) -> bytes:
    """Hash what is to be approved as an approver signs it (EIP-712): 32 bytes."""
    primary_type, members = structure(asked)
    return keccak(
        b"\x19\x01"
        + domain_separator(contract)
        + _hash_struct(type_string(primary_type), TYPE_FIELDS[primary_type], members)
    )


def domain_separator(contract: ContractAddress) -> bytes:
    """Hash the EIP-712 domain of one contract on one chain: 32 bytes."""
    domain = {
        "name": DOMAIN_NAME,
        "version": DOMAIN_VERSION,
        "chainId": contract.chain_id,
        "verifyingContract": contract.address,
    }
    type_text = f"EIP712Domain({','.join(f'{kind} {name}' for name, kind in DOMAIN_FIELDS)})"
    return _hash_struct(type_text, DOMAIN_FIELDS, domain)


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return list(value) if isinstance(value, tuple) else value


def _hash_struct(type_text: str, fields: tuple[tuple[str, str], ...], members: dict[str, Any]) -> bytes:
    words = (_word(kind, members[name]) for name, kind in fields)
    return keccak(keccak(type_text.encode()) + b"".join(words))


def _word(kind: str, value: Any) -> bytes:
    if kind == "string":
        return keccak(value.encode())
    if kind.endswith("[]"):
        return keccak(b"".join(_word(kind[:-2], element) for element in value))
    if kind == "address":
        return account_word(value)
    if kind == "uint256":
        return int(value).to_bytes(32, "big")
    return bytes(value)
