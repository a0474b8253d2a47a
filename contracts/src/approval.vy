# pragma version 0.4.3
"""
@title Approvals
@license Apache-2.0
@notice EIP-712 typed data that an approver signs. Issuer and scope are signed as text, so that a wallet shows letters.
@dev Pure of storage. Whether the signer is an approver of the issuer is decided in accreditation.vy.
"""

import fault
import words


struct Approval:
    deadline: uint256
    v: uint256
    r: uint256
    s: uint256


# An approval may lie at most this far ahead, so that no forgotten signature is usable for years.
LONGEST_APPROVAL: constant(uint256) = 30 * 86400
# Half of secp256k1's order: a signature with a larger s is a second form of the same one, and refused.
LARGEST_S: constant(uint256) = 115792089237316195423570985008687907852837564279074904382605163141518161494337 // 2

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("Vermilion Certificate Registry")
VERSION_HASH: constant(bytes32) = keccak256("1")

ANCHOR_TYPE: constant(bytes32) = keccak256(
    "Anchor(string issuer,bytes32 batchId,bytes32 root,uint256 size,string scope,bytes32 evidence,bytes32 credentialKey,uint256 deadline)"
)
REVOKE_TYPE: constant(bytes32) = keccak256(
    "Revoke(string issuer,bytes32 batchId,uint256[] changes,uint256 count,uint256 reason,uint256 deadline)"
)
REINSTATE_TYPE: constant(bytes32) = keccak256(
    "Reinstate(string issuer,bytes32 batchId,uint256[] changes,uint256 count,uint256 reason,uint256 statusNonce,uint256 deadline)"
)
SUPERSEDE_TYPE: constant(bytes32) = keccak256(
    "Supersede(string issuer,bytes32 batchId,uint256[] indices,address targetContract,string targetIssuer,bytes32 newBatchId,uint256[] newIndices,uint256 reason,uint256 deadline)"
)
REINSTATE_BATCH_TYPE: constant(bytes32) = keccak256(
    "ReinstateBatch(string issuer,bytes32[] batchIds,uint256 reason,uint256[] statusNonces,uint256 deadline)"
)
APPROVER_KEY_TYPE: constant(bytes32) = keccak256(
    "ApproverKey(string issuer,address key,uint256 from,uint256 until,uint256 deadline)"
)


@internal
@view
def _domain_separator() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPE, NAME_HASH, VERSION_HASH, chain.id, self))


@internal
@view
def _signer(struct_hash: bytes32, approval: Approval) -> address:
    """
    @dev The address that signed. Refuses an approval that is over, lies too far ahead or is not one signature in its only form.
    """
    if block.timestamp > approval.deadline:
        fault._fail(fault.APPROVAL_EXPIRED)
    if approval.deadline > block.timestamp + LONGEST_APPROVAL:
        fault._fail(fault.APPROVAL_TOO_FAR_AHEAD)
    if approval.s > LARGEST_S or (approval.v != 27 and approval.v != 28):
        fault._fail(fault.APPROVAL_MALFORMED)
    signed: bytes32 = keccak256(concat(x"1901", self._domain_separator(), struct_hash))
    signer: address = ecrecover(signed, approval.v, approval.r, approval.s)
    if signer == empty(address):
        fault._fail(fault.APPROVAL_MALFORMED)
    return signer


@external
@view
def domainSeparator() -> bytes32:
    """
    @notice EIP-712 domain separator of this contract on this chain.
    """
    return self._domain_separator()
