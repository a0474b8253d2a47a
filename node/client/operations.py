"""Operations as calldata with a gas limit, and approvals as EIP-712 structures (contract version 1)."""

from typing import Any, Final, NamedTuple

from eth_hash.auto import keccak

from contracts import DOMAIN_FIELDS, DOMAIN_NAME, DOMAIN_VERSION, TYPE_FIELDS, type_string
from contracts import typed_data as document_of
from node.client.abi import functions
from registry.anchor.facts import address_key, code_key
from registry.anchor.history import Ballot
from registry.anchor.operations import (
    AddKey,
    AnchorApproval,
    AnchorBatch,
    Approvable,
    Approval,
    ApproverKeyApproval,
    BatchReinstatementApproval,
    CastVote,
    EnactBallot,
    Operation,
    PauseAnchoring,
    RecordDigest,
    RecordForeignAnchor,
    ReinstateBatches,
    ReinstateCertificates,
    ReinstatementApproval,
    ReportCompromise,
    RetireKey,
    RevocationApproval,
    RevokeCertificates,
    SupersedeCertificates,
    SupersessionApproval,
    SuspendBatch,
    SuspendCertificates,
    WithdrawVote,
)
from registry.kernel.identifiers import ContractAddress

_NO_APPROVAL: Final = (0, 0, 0, 0)

# Gas limits are fixed, never estimated: an estimate costs a second execution, and fails for a call that builds on one
# still waiting. Each is the measured cost with room for the history log's worst case; unused gas is not paid for.
_GAS_OF_ANCHOR: Final = 250_000
_GAS_OF_CALL: Final = 250_000
"""Of what writes one record and a fixed number of words."""
_GAS_OF_DECISION: Final = 500_000
"""Of what a ballot may do at once."""
_GAS_OF_CHANGE_CALL: Final = 200_000
_GAS_OF_CHANGE: Final = 30_000
"""A fresh status word costs 22,100 and its share of calldata and event."""
_GAS_OF_SUCCESSOR: Final = 35_000
"""The same, and the successor's own word read."""
_GAS_OF_BATCH: Final = 25_000
"""A record of its own for each; what the log keeps is warm from the second on."""


class Call(NamedTuple):
    """What a transaction to the contract carries."""

    function: str
    """The contract's function."""
    data: bytes
    gas: int


def call_of(operation: Operation) -> Call:
    """Encode an operation and say how much gas it may use."""
    gas, function, arguments = _call(operation)
    return Call(function, functions()[function].calldata(*arguments), gas)


def _call(operation: Operation) -> tuple[int, str, tuple[object, ...]]:
    match operation:
        case SuspendCertificates():
            gas = _GAS_OF_CHANGE_CALL + _GAS_OF_CHANGE * len(operation.changes)
            return gas, "suspend", (code_key(operation.issuer), operation.batch, operation.changes, operation.reason)
        case SuspendBatch():
            return _GAS_OF_CALL, "suspendBatch", (code_key(operation.issuer), operation.batch, operation.reason)
        case RecordDigest():
            return _GAS_OF_CALL, "recordDigest", (code_key(operation.issuer), operation.kind, operation.digest)
        case CastVote(ballot=ballot):
            return _GAS_OF_DECISION, "vote", _words(ballot)
        case WithdrawVote(ballot=ballot):
            return _GAS_OF_CALL, "withdrawVote", _words(ballot)
        case EnactBallot(ballot=ballot):
            return _GAS_OF_DECISION, "enact", _words(ballot)
        case PauseAnchoring():
            return _GAS_OF_CALL, "pause", ()
        case RecordForeignAnchor():
            checkpoint = (operation.size, operation.root)
            return _GAS_OF_CALL, "recordForeignAnchor", (operation.chain_id, *checkpoint, operation.reference)
        case AddKey():
            approval = _NO_APPROVAL if operation.approval is None else _approval(operation.approval)
            window = (operation.valid_from, operation.until)
            return (
                _GAS_OF_CALL,
                "addKey",
                (code_key(operation.issuer), int(operation.kind), operation.key, *window, approval),
            )
        case RetireKey():
            return _GAS_OF_CALL, "retireKey", (code_key(operation.issuer), operation.key)
        case ReportCompromise():
            return _GAS_OF_CALL, "reportCompromise", (code_key(operation.issuer), operation.key)
        case _:
            return _approved_call(operation)


def _approved_call(
    operation: AnchorBatch | RevokeCertificates | ReinstateCertificates | SupersedeCertificates | ReinstateBatches,
) -> tuple[int, str, tuple[object, ...]]:
    asked, approval = operation.asked, _approval(operation.approval)
    issuer = code_key(asked.issuer)
    match asked:
        case AnchorApproval():
            of_batch = (asked.root, asked.size, code_key(asked.scope), asked.evidence, asked.credential_key)
            return _GAS_OF_ANCHOR, "anchorBatch", (issuer, asked.batch, *of_batch, approval)
        case RevocationApproval() | ReinstatementApproval():
            gas = _GAS_OF_CHANGE_CALL + _GAS_OF_CHANGE * len(asked.changes)
            function = "revoke" if isinstance(asked, RevocationApproval) else "reinstate"
            return gas, function, (issuer, asked.batch, asked.changes, asked.count, asked.reason, approval)
        case SupersessionApproval():
            gas = _GAS_OF_CHANGE_CALL + _GAS_OF_SUCCESSOR * len(asked.indices)
            target = (asked.target_contract, code_key(asked.target_issuer), asked.new_batch, asked.new_indices)
            return gas, "supersede", (issuer, asked.batch, asked.indices, *target, asked.reason, approval)
        case BatchReinstatementApproval():
            gas = _GAS_OF_CALL + _GAS_OF_BATCH * len(asked.batches)
            return gas, "reinstateBatches", (issuer, asked.batches, asked.reason, approval)


def _words(ballot: Ballot) -> tuple[object, ...]:
    return int(ballot.kind), ballot.subject, ballot.arg, ballot.ref, ballot.salt


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
        case SupersessionApproval():
            return "Supersede", {
                "issuer": asked.issuer,
                "batchId": asked.batch,
                "indices": asked.indices,
                "targetContract": asked.target_contract,
                "targetIssuer": asked.target_issuer,
                "newBatchId": asked.new_batch,
                "newIndices": asked.new_indices,
                "reason": asked.reason,
                "deadline": asked.deadline,
            }
        case BatchReinstatementApproval():
            return "ReinstateBatch", {
                "issuer": asked.issuer,
                "batchIds": asked.batches,
                "reason": asked.reason,
                "statusNonces": asked.status_nonces,
                "deadline": asked.deadline,
            }
        case ApproverKeyApproval():
            return "ApproverKey", {
                "issuer": asked.issuer,
                "key": asked.key,
                "from": asked.valid_from,
                "until": asked.until,
                "deadline": asked.deadline,
            }


def typed_data(asked: Approvable, contract: ContractAddress) -> dict[str, Any]:
    """Write what is to be approved as the JSON that wallets take (`eth_signTypedData_v4`): bytes as 0x-hex.

    Numbers of the message are decimal text: wallets written in JavaScript round those from 2^53 on, and a change of
    status reaches 2^192.
    """
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
    return [_shown(element) for element in value] if isinstance(value, tuple) else str(value)


def _hash_struct(type_text: str, fields: tuple[tuple[str, str], ...], members: dict[str, Any]) -> bytes:
    words = (_word(kind, members[name]) for name, kind in fields)
    return keccak(keccak(type_text.encode()) + b"".join(words))


def _word(kind: str, value: Any) -> bytes:
    if kind == "string":
        return keccak(value.encode())
    if kind.endswith("[]"):
        return keccak(b"".join(_word(kind[:-2], element) for element in value))
    if kind == "address":
        return address_key(value)
    if kind == "uint256":
        return int(value).to_bytes(32, "big")
    return bytes(value)
