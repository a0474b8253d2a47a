# pragma version 0.4.3
"""
@title Batches and the status of their certificates
@license Apache-2.0
@notice A sender alone can only suspend. Reinstating, revoking and superseding need an approver's signature over exactly what
        changes. Revoked and superseded are final. All of it works for ever: paused, migrated, whatever becomes of the issuer.
@dev Status codes: 0 valid, 1 revoked, 2 suspended, 3 superseded. A word of 128 certificates holds two planes of 128 bits: the low
     one is bit 0 of each code, the high one bit 1. Low bit set means final, so one mask test refuses every forbidden move.
"""

import accreditation
import approval as approvals
import fault
import history
import words

uses: history
uses: accreditation


# Certificates of a batch moved to `code`; approver zero for a suspension.
event StatusChanged:
    issuer: indexed(bytes32)
    batchId: indexed(bytes32)
    approver: address
    code: uint256
    changes: DynArray[uint256, 128]
    count: uint256
    reason: uint256
    by: address
    seq: uint256


# Certificates of a batch were replaced, index by index.
event Superseded:
    issuer: indexed(bytes32)
    batchId: indexed(bytes32)
    approver: address
    indices: DynArray[uint256, 128]
    targetContract: address
    targetIssuer: bytes32
    newBatchId: bytes32
    newIndices: DynArray[uint256, 128]
    reason: uint256
    by: address
    seq: uint256


# The issuer suspended a whole batch or lifted that; `flags` are all flags since.
event BatchChanged:
    issuer: indexed(bytes32)
    batchId: indexed(bytes32)
    approver: address
    flags: uint256
    reason: uint256
    by: address
    seq: uint256


# The issuer put a digest on record.
event DigestRecorded:
    issuer: indexed(bytes32)
    kind: uint256
    digest: bytes32
    by: address
    seq: uint256


struct Batch:
    root: bytes32
    size: uint256
    anchoredAt: uint256
    scope: bytes32
    seq: uint256
    statusNonce: uint256
    flags: uint256
    senderNumber: uint256
    approverNumber: uint256
    credentialNumber: uint256


struct Standing:
    status: uint256
    batchFlags: uint256
    issuerState: uint256


struct Slots:
    root: bytes32
    packed: uint256


# Status codes.
VALID: constant(uint256) = 0
REVOKED: constant(uint256) = 1
SUSPENDED: constant(uint256) = 2

# Batch flags.
FLAG_SUSPENDED_BY_ISSUER: constant(uint256) = 1
FLAG_SUSPENDED_BY_MEMBERS: constant(uint256) = 2
FLAG_REVOKED: constant(uint256) = 4
FLAG_REAFFIRMED: constant(uint256) = 8

LARGEST_SIZE: constant(uint256) = 2**24 - 1
LARGEST_REASON: constant(uint256) = 2**16 - 1
PLANE: constant(uint256) = 2**128 - 1

# Positions in the second slot of a batch.
ANCHORED_AT: constant(uint256) = 24
SCOPE_ID: constant(uint256) = 64
SEQ: constant(uint256) = 96
STATUS_NONCE: constant(uint256) = 136
FLAGS: constant(uint256) = 168
SENDER_NUMBER: constant(uint256) = 176
APPROVER_NUMBER: constant(uint256) = 192
CREDENTIAL_NUMBER: constant(uint256) = 208

# keccak256(abi_encode(issuer, batchId)) -> root; size (24) | anchoredAt (40) | scope id (32) | seq (40) | statusNonce (32) |
# flags (8) | numbers of sender, approver and credential key (16 each), lowest first. Nobody can take another issuer's batch id.
batches: HashMap[bytes32, Slots]
# batch key -> word -> low plane (128) | high plane (128) << 128; certificate i stands at bit i % 128 of word i // 128
statuses: HashMap[bytes32, HashMap[uint256, uint256]]


# What other modules build on


@internal
@pure
def _key(issuer: bytes32, batch_id: bytes32) -> bytes32:
    return keccak256(abi_encode(issuer, batch_id))


@internal
@view
def _packed(key: bytes32) -> uint256:
    """
    @dev Second slot of a batch; refuses an unknown batch.
    """
    packed: uint256 = self.batches[key].packed
    if packed == 0:
        fault._fail(fault.BATCH_UNKNOWN)
    return packed


@internal
@view
def _require_new(issuer: bytes32, batch_id: bytes32, root: bytes32, size: uint256):
    if root == empty(bytes32):
        fault._fail(fault.ROOT_EMPTY)
    if size == 0 or size > LARGEST_SIZE:
        fault._fail(fault.SIZE_OUT_OF_RANGE)
    if self.batches[self._key(issuer, batch_id)].packed != 0:
        fault._fail(fault.BATCH_KNOWN)


@internal
def _open(issuer: bytes32, batch_id: bytes32, root: bytes32, packed: uint256):
    """
    @dev Store a batch that `_require_new` has let through; `packed` without the time of anchoring.
    """
    self.batches[self._key(issuer, batch_id)] = Slots(root=root, packed=packed | (block.timestamp << ANCHORED_AT))


@internal
@pure
def _require_reason(reason: uint256):
    if reason > LARGEST_REASON:
        fault._fail(fault.REASON_OUT_OF_RANGE)


@internal
@view
def _require_sender(issuer: bytes32, reason: uint256):
    """
    @dev What the sender alone may do, in every state of the issuer.
    """
    accreditation._sender_number(issuer)
    self._require_reason(reason)


@internal
@view
def _require_unsuspended(issuer: bytes32, reason: uint256):
    """
    @dev What needs an approval too, and an issuer that is not suspended.
    """
    self._require_sender(issuer, reason)
    accreditation._unsuspended(issuer)


@internal
@view
def _status_nonce(issuer: bytes32, batch_id: bytes32) -> uint256:
    return (self._packed(self._key(issuer, batch_id)) >> STATUS_NONCE) & (2**32 - 1)


@internal
def _change_word(key: bytes32, size: uint256, code: uint256, change: uint256) -> uint256:
    """
    @dev Move the certificates of one change (word << 128 | mask) to `code` (valid, revoked or suspended); return how many.
    """
    word: uint256 = change >> 128
    mask: uint256 = change & PLANE
    if mask == 0:
        fault._fail(fault.NOTHING_TO_CHANGE)
    # 1. Inside the batch: the word begins before its end, and no bit of the mask lies beyond it.
    if word > size >> 7 or (word == size >> 7 and mask >> (size & 127) != 0):
        fault._fail(fault.OUTSIDE_BATCH)
    # 2. Not final.
    planes: uint256 = self.statuses[key][word]
    if planes & mask != 0:
        fault._fail(fault.STATUS_FINAL)
    # 3. The move itself.
    high: uint256 = mask << 128
    if code == REVOKED:
        planes = (planes | mask) & ~high
    elif code == SUSPENDED:
        if planes & high != 0:
            fault._fail(fault.SUSPENDED_ALREADY)
        planes |= high
    else:
        if planes & high != high:
            fault._fail(fault.NOT_SUSPENDED)
        planes ^= high
    self.statuses[key][word] = planes
    return words._count(mask)


@internal
def _move(
    issuer: bytes32,
    batch_id: bytes32,
    approver: address,
    code: uint256,
    changes: DynArray[uint256, 128],
    digest: bytes32,
    expected: uint256,
    reason: uint256,
):
    """
    @dev Carry out changes that are authorised, and record them. `expected` is their number of certificates as approved; a
         suspension has no approval and may give any number.
    """
    key: bytes32 = self._key(issuer, batch_id)
    packed: uint256 = self._packed(key)
    if len(changes) == 0:
        fault._fail(fault.NOTHING_TO_CHANGE)
    count: uint256 = 0
    for change: uint256 in changes:
        count = unsafe_add(count, self._change_word(key, packed & LARGEST_SIZE, code, change))
    if code == SUSPENDED:
        self.batches[key].packed = self._suspended(packed)
    elif count != expected:
        fault._fail(fault.COUNT_MISMATCH)
    seq: uint256 = history._append(
        history.OP_STATUS, abi_encode(issuer, batch_id, approver, code, digest, count, reason)
    )
    log StatusChanged(
        issuer=issuer,
        batchId=batch_id,
        approver=approver,
        code=code,
        changes=changes,
        count=count,
        reason=reason,
        by=msg.sender,
        seq=seq,
    )


# What ballots do


@internal
def _flag(
    issuer: bytes32, batch_id: bytes32, flag: uint256, present: bool, refusal: uint256, reason: uint256
) -> uint256:
    """
    @dev Set a batch flag (`present`) or clear it; refuses with `refusal` where it is so already. Returns all flags.
    """
    self._require_reason(reason)
    key: bytes32 = self._key(issuer, batch_id)
    packed: uint256 = self._packed(key)
    if ((packed >> FLAGS) & flag != 0) == present:
        fault._fail(refusal)
    packed ^= flag << FLAGS
    if present and flag <= FLAG_SUSPENDED_BY_MEMBERS:
        packed = self._suspended(packed)
    self.batches[key].packed = packed
    return (packed >> FLAGS) & 255


@internal
def _revoke_word(issuer: bytes32, batch_id: bytes32, arg: uint256):
    """
    @dev arg = reason << 192 | word << 128 | mask.
    """
    self._require_reason(arg >> 192)
    key: bytes32 = self._key(issuer, batch_id)
    self._change_word(key, self._packed(key) & LARGEST_SIZE, REVOKED, arg & (2**192 - 1))


@internal
@pure
def _suspended(packed: uint256) -> uint256:
    """
    @dev The batch after one more suspension: older approvals of a reinstatement no longer fit. The nonce has 32 bits; four
         billion suspensions of one batch do not fit into the log's time.
    """
    return packed + (1 << STATUS_NONCE)


# The issuer's operations


@external
def suspend(issuer: bytes32, batchId: bytes32, changes: DynArray[uint256, 128], reason: uint256):
    """
    @notice Suspend valid certificates. Sender alone, in every state of the issuer.
    @param changes Each word << 128 | mask of certificates in it; at most 128
    @param reason Code of the published table
    """
    self._require_sender(issuer, reason)
    self._move(issuer, batchId, empty(address), SUSPENDED, changes, words._digest(changes), 0, reason)


@external
def revoke(
    issuer: bytes32,
    batchId: bytes32,
    changes: DynArray[uint256, 128],
    count: uint256,
    reason: uint256,
    approval: approvals.Approval,
):
    """
    @notice Revoke valid or suspended certificates, for ever. Sender and approver; not while the issuer is suspended.
    @param changes Each word << 128 | mask of certificates in it; at most 128
    @param count Number of certificates in `changes`, which the approver signs
    @param reason Code of the published table
    @param approval Signature over `Revoke`
    """
    self._require_unsuspended(issuer, reason)
    digest: bytes32 = words._digest(changes)
    approver: address = accreditation._approver(
        issuer,
        keccak256(
            abi_encode(
                approvals.REVOKE_TYPE, words._text_hash(issuer), batchId, digest, count, reason, approval.deadline
            )
        ),
        approval,
    )
    self._move(issuer, batchId, approver, REVOKED, changes, digest, count, reason)


@external
def reinstate(
    issuer: bytes32,
    batchId: bytes32,
    changes: DynArray[uint256, 128],
    count: uint256,
    reason: uint256,
    approval: approvals.Approval,
):
    """
    @notice Make suspended certificates valid again. Sender and approver; not while the issuer is suspended.
    @param changes Each word << 128 | mask of certificates in it; at most 128
    @param count Number of certificates in `changes`, which the approver signs
    @param reason Code of the published table
    @param approval Signature over `Reinstate`, with the batch's present statusNonce
    """
    self._require_unsuspended(issuer, reason)
    digest: bytes32 = words._digest(changes)
    approver: address = accreditation._approver(
        issuer,
        keccak256(
            abi_encode(
                approvals.REINSTATE_TYPE,
                words._text_hash(issuer),
                batchId,
                digest,
                count,
                reason,
                self._status_nonce(issuer, batchId),
                approval.deadline,
            )
        ),
        approval,
    )
    self._move(issuer, batchId, approver, VALID, changes, digest, count, reason)


@external
def supersede(
    issuer: bytes32,
    batchId: bytes32,
    indices: DynArray[uint256, 128],
    targetContract: address,
    targetIssuer: bytes32,
    newBatchId: bytes32,
    newIndices: DynArray[uint256, 128],
    reason: uint256,
    approval: approvals.Approval,
):
    """
    @notice Replace valid or suspended certificates by newer ones, for ever. Sender and approver; not while the issuer is suspended.
    @param indices Certificates of the batch; at most 128
    @param targetContract Where the successors are anchored. In this contract each must stand; elsewhere it is only recorded
    @param targetIssuer The successors' issuer
    @param newBatchId The successors' batch
    @param newIndices The successor of each of `indices`, in the same order
    @param reason Code of the published table
    @param approval Signature over `Supersede`
    """
    self._require_unsuspended(issuer, reason)
    if len(indices) == 0:
        fault._fail(fault.NOTHING_TO_CHANGE)
    if len(indices) != len(newIndices):
        fault._fail(fault.INDICES_UNPAIRED)
    if targetContract == empty(address):
        fault._fail(fault.ADDRESS_MALFORMED)
    if not words._is_code(targetIssuer):
        fault._fail(fault.CODE_MALFORMED)
    digest: bytes32 = words._digest(indices)
    new_digest: bytes32 = words._digest(newIndices)
    approver: address = accreditation._approver(
        issuer,
        keccak256(
            abi_encode(
                approvals.SUPERSEDE_TYPE,
                words._text_hash(issuer),
                batchId,
                digest,
                targetContract,
                words._text_hash(targetIssuer),
                newBatchId,
                new_digest,
                reason,
                approval.deadline,
            )
        ),
        approval,
    )
    # 1. The old certificates.
    key: bytes32 = self._key(issuer, batchId)
    packed: uint256 = self._packed(key)
    for index: uint256 in indices:
        if index >= packed & LARGEST_SIZE:
            fault._fail(fault.OUTSIDE_BATCH)
        planes: uint256 = self.statuses[key][index >> 7]
        low: uint256 = 1 << (index & 127)
        if planes & low != 0:
            fault._fail(fault.STATUS_FINAL)
        self.statuses[key][index >> 7] = planes | low | (low << 128)
    # 2. Their successors; after the writes, so that no certificate can succeed itself or its own successor.
    if targetContract == self:
        key = self._key(targetIssuer, newBatchId)
        packed = self.batches[key].packed
        if (packed >> FLAGS) & (FLAG_SUSPENDED_BY_ISSUER | FLAG_SUSPENDED_BY_MEMBERS | FLAG_REVOKED) != 0:
            fault._fail(fault.TARGET_NOT_STANDING)
        for index: uint256 in newIndices:
            # An unknown batch has size 0.
            if index >= packed & LARGEST_SIZE:
                fault._fail(fault.TARGET_UNKNOWN)
            if self._status(key, index) != VALID:
                fault._fail(fault.TARGET_NOT_STANDING)
    seq: uint256 = history._append(
        history.OP_SUPERSEDE,
        abi_encode(
            issuer, batchId, approver, digest, targetContract, targetIssuer, newBatchId, new_digest, reason
        ),
    )
    log Superseded(
        issuer=issuer,
        batchId=batchId,
        approver=approver,
        indices=indices,
        targetContract=targetContract,
        targetIssuer=targetIssuer,
        newBatchId=newBatchId,
        newIndices=newIndices,
        reason=reason,
        by=msg.sender,
        seq=seq,
    )


@external
def suspendBatch(issuer: bytes32, batchId: bytes32, reason: uint256):
    """
    @notice Suspend a whole batch. Sender alone, in every state of the issuer.
    """
    accreditation._sender_number(issuer)
    flags: uint256 = self._flag(
        issuer, batchId, FLAG_SUSPENDED_BY_ISSUER, True, fault.BATCH_SUSPENDED_ALREADY, reason
    )
    self._record_batch(issuer, batchId, empty(address), flags, reason)


@external
def reinstateBatches(
    issuer: bytes32, batchIds: DynArray[bytes32, 128], reason: uint256, approval: approvals.Approval
):
    """
    @notice Lift the issuer's own suspension of whole batches; certificates suspended singly stay so. Sender and approver; not while
            the issuer is suspended. One record and one event a batch.
    @param approval Signature over `ReinstateBatch`, with each batch's present statusNonce
    """
    self._require_unsuspended(issuer, reason)
    if len(batchIds) == 0:
        fault._fail(fault.NOTHING_TO_CHANGE)
    ids: DynArray[uint256, 128] = []
    nonces: DynArray[uint256, 128] = []
    for batch_id: bytes32 in batchIds:
        ids.append(convert(batch_id, uint256))
        nonces.append(self._status_nonce(issuer, batch_id))
    approver: address = accreditation._approver(
        issuer,
        keccak256(
            abi_encode(
                approvals.REINSTATE_BATCH_TYPE,
                words._text_hash(issuer),
                words._digest(ids),
                reason,
                words._digest(nonces),
                approval.deadline,
            )
        ),
        approval,
    )
    for batch_id: bytes32 in batchIds:
        # Refuses a batch that is listed twice.
        flags: uint256 = self._flag(
            issuer, batch_id, FLAG_SUSPENDED_BY_ISSUER, False, fault.BATCH_NOT_SUSPENDED, reason
        )
        self._record_batch(issuer, batch_id, approver, flags, reason)


@internal
def _record_batch(issuer: bytes32, batch_id: bytes32, approver: address, flags: uint256, reason: uint256):
    seq: uint256 = history._append(history.OP_BATCH, abi_encode(issuer, batch_id, approver, flags, reason))
    log BatchChanged(
        issuer=issuer, batchId=batch_id, approver=approver, flags=flags, reason=reason, by=msg.sender, seq=seq
    )


@external
def recordDigest(issuer: bytes32, kind: uint256, digest: bytes32):
    """
    @notice Put a digest on record for the issuer. Sender alone, in every state.
    @param kind 1 head of the audit chain, 2 key ceremony
    """
    accreditation._sender_number(issuer)
    if kind == 0 or kind > 2 or digest == empty(bytes32):
        fault._fail(fault.DIGEST_MALFORMED)
    seq: uint256 = history._append(history.OP_DIGEST, abi_encode(issuer, kind, digest))
    log DigestRecorded(issuer=issuer, kind=kind, digest=digest, by=msg.sender, seq=seq)


# Views


@internal
@view
def _status(key: bytes32, index: uint256) -> uint256:
    planes: uint256 = self.statuses[key][index >> 7] >> (index & 127)
    return (planes & 1) | ((planes >> 127) & 2)


@external
@view
def batch(issuer: bytes32, batchId: bytes32) -> Batch:
    """
    @notice A batch as anchored, and its present flags; all zero where there is none.
    """
    slots: Slots = self.batches[self._key(issuer, batchId)]
    packed: uint256 = slots.packed
    return Batch(
        root=slots.root,
        size=packed & LARGEST_SIZE,
        anchoredAt=(packed >> ANCHORED_AT) & accreditation.TIME,
        scope=accreditation.scope_codes[(packed >> SCOPE_ID) & (2**32 - 1)],
        seq=(packed >> SEQ) & accreditation.TIME,
        statusNonce=(packed >> STATUS_NONCE) & (2**32 - 1),
        flags=(packed >> FLAGS) & 255,
        senderNumber=(packed >> SENDER_NUMBER) & accreditation.KEY_NUMBERS,
        approverNumber=(packed >> APPROVER_NUMBER) & accreditation.KEY_NUMBERS,
        credentialNumber=packed >> CREDENTIAL_NUMBER,
    )


@external
@view
def statusWord(issuer: bytes32, batchId: bytes32, word: uint256) -> uint256:
    """
    @notice Both planes of 128 certificates: bit 0 of their codes in the low half, bit 1 in the high half.
    """
    return self.statuses[self._key(issuer, batchId)][word]


@external
@view
def statusOf(issuer: bytes32, batchId: bytes32, index: uint256) -> Standing:
    """
    @notice One certificate's own status, its batch's flags and its issuer's state, side by side: none hides another.
    """
    key: bytes32 = self._key(issuer, batchId)
    packed: uint256 = self._packed(key)
    if index >= packed & LARGEST_SIZE:
        fault._fail(fault.OUTSIDE_BATCH)
    return Standing(
        status=self._status(key, index),
        batchFlags=(packed >> FLAGS) & 255,
        issuerState=accreditation.issuers[issuer] & 255,
    )


@external
@view
def verify(issuer: bytes32, batchId: bytes32, index: uint256, digest: bytes32, proof: DynArray[bytes32, 24]) -> bool:
    """
    @notice Whether a credential is certificate `index` of the batch (RFC 9162, section 2.1.3.2). Says nothing of its status.
    @param digest SHA-256 of the issuer-signed JWT
    @param proof The leaf's path, from its sibling upwards
    """
    slots: Slots = self.batches[self._key(issuer, batchId)]
    size: uint256 = slots.packed & LARGEST_SIZE
    if index >= size:
        return False
    position: uint256 = index
    last: uint256 = size - 1
    # 00 as in every leaf, 01 the suite: what a leaf holds is one suite byte and the credential's digest.
    node: bytes32 = sha256(concat(x"0001", digest))
    for sibling: bytes32 in proof:
        if last == 0:
            return False
        if position & 1 == 1 or position == last:
            node = history._node(sibling, node)
            # A right border node without a right sibling rises until it is a right child; it is not node 0, as last is not.
            for _: uint256 in range(24):
                if position & 1 == 1:
                    break
                position >>= 1
                last >>= 1
        else:
            node = history._node(node, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and node == slots.root
