"""The EIP-712 typed data that approvers sign.

Issuer and scope are signed as text, without the zeros that pad them on chain, so that a wallet shows letters.
"""

from typing import Any, Final

DOMAIN_NAME: Final = "Vermilion Certificate Registry"
DOMAIN_VERSION: Final = "1"

DOMAIN_FIELDS: Final[tuple[tuple[str, str], ...]] = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)

TYPE_FIELDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "Anchor": (
        ("issuer", "string"),
        ("batchId", "bytes32"),
        ("root", "bytes32"),
        ("size", "uint256"),
        ("scope", "string"),
        ("evidence", "bytes32"),
        ("credentialKey", "bytes32"),
        ("deadline", "uint256"),
    ),
    "Revoke": (
        ("issuer", "string"),
        ("batchId", "bytes32"),
        ("changes", "uint256[]"),
        ("count", "uint256"),
        ("reason", "uint256"),
        ("deadline", "uint256"),
    ),
    "Reinstate": (
        ("issuer", "string"),
        ("batchId", "bytes32"),
        ("changes", "uint256[]"),
        ("count", "uint256"),
        ("reason", "uint256"),
        ("statusNonce", "uint256"),
        ("deadline", "uint256"),
    ),
    "Supersede": (
        ("issuer", "string"),
        ("batchId", "bytes32"),
        ("indices", "uint256[]"),
        ("targetContract", "address"),
        ("targetIssuer", "string"),
        ("newBatchId", "bytes32"),
        ("newIndices", "uint256[]"),
        ("reason", "uint256"),
        ("deadline", "uint256"),
    ),
    "ReinstateBatch": (
        ("issuer", "string"),
        ("batchIds", "bytes32[]"),
        ("reason", "uint256"),
        ("statusNonces", "uint256[]"),
        ("deadline", "uint256"),
    ),
    "ApproverKey": (
        ("issuer", "string"),
        ("key", "address"),
        ("from", "uint256"),
        ("until", "uint256"),
        ("deadline", "uint256"),
    ),
}
"""Primary type → (name, type) of its members, in signing order."""

LONGEST_APPROVAL: Final = 30 * 86_400
"""Seconds that an approval's deadline may lie ahead of the block that uses it."""


def type_string(primary_type: str) -> str:
    """The text whose keccak256 is the type hash, such as `ApproverKey(string issuer,address key,…)`."""
    members = ",".join(f"{kind} {name}" for name, kind in TYPE_FIELDS[primary_type])
    return f"{primary_type}({members})"


def typed_data(*, primary_type: str, message: dict[str, Any], chain_id: int, contract: str) -> dict[str, Any]:
    """The whole document that `eth_signTypedData_v4` takes; `contract` is the 0x address that will check it."""
    return {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in DOMAIN_FIELDS],
            primary_type: [{"name": name, "type": kind} for name, kind in TYPE_FIELDS[primary_type]],
        },
        "primaryType": primary_type,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": contract,
        },
        "message": message,
    }
