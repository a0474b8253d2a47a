# pragma version 0.4.3
"""
@title Vermilion certificate registry
@license Apache-2.0
@notice Members accredit issuers; an accredited issuer anchors batches of certificates, each with a second person's signature, and
        changes their status. Everything that happens is one record of a history log. Immutable: no owner, no proxy, no upgrade. A
        later version is another contract, named by the members' vote to migrate; what was anchored here keeps its status here.
@dev Modules: history (log), governance (members, ballots), accreditation (issuers, scopes, keys), approval (typed data), status
     (batches). This file joins them: birth, what a ballot does, and the anchoring of a batch.
"""

import accreditation
import approval as approvals
import fault
import governance
import history
import status
import words

# The slots of their storage are permanent and stated in storage.json.
initializes: history
initializes: governance[history := history]
initializes: accreditation[history := history]
initializes: status[history := history, accreditation := accreditation]

exports: (
    history.checkpoint,
    history.peaks,
    governance.withdrawVote,
    governance.pause,
    governance.recordForeignAnchor,
    governance.memberOf,
    governance.ballot,
    governance.gate,
    governance.epoch,
    governance.successorContract,
    accreditation.addKey,
    accreditation.retireKey,
    accreditation.reportCompromise,
    accreditation.issuerOf,
    accreditation.scopeOf,
    accreditation.keyOf,
    approvals.domainSeparator,
    status.suspend,
    status.revoke,
    status.reinstate,
    status.supersede,
    status.suspendBatch,
    status.reinstateBatches,
    status.recordDigest,
    status.batch,
    status.statusWord,
    status.statusOf,
    status.verify,
)


# The contract was founded: its first record.
event Genesis:
    chainId: uint256
    contract_: address
    threshold: uint256
    delay: uint256
    members: DynArray[address, 128]
    predecessorContract: address
    predecessorSize: uint256
    predecessorRoot: bytes32
    by: address
    seq: uint256


# A batch was anchored.
event Anchored:
    issuer: indexed(bytes32)
    batchId: indexed(bytes32)
    scope: bytes32
    approver: address
    root: bytes32
    size: uint256
    evidence: bytes32
    credentialKey: bytes32
    by: address
    seq: uint256


struct Predecessor:
    contract: address
    size: uint256
    root: bytes32


@deploy
def __init__(members: DynArray[address, 128], threshold: uint256, delay: uint256, predecessor: Predecessor):
    """
    @param members The founding members
    @param threshold Votes that decide; a majority
    @param delay Seconds that dangerous decisions wait; at most 90 days
    @param predecessor (address, size, root) of an earlier contract's log, or (0, 0, digest of a charter)
    """
    if predecessor.contract == empty(address):
        if predecessor.size != 0:
            fault._fail(fault.PREDECESSOR_MALFORMED)
    elif predecessor.size == 0 or predecessor.root == empty(bytes32):
        fault._fail(fault.PREDECESSOR_MALFORMED)
    history.__init__()
    governance.__init__(members, threshold, delay)
    elements: DynArray[uint256, 128] = []
    for member: address in members:
        elements.append(convert(member, uint256))
    seq: uint256 = history._append(
        history.OP_GENESIS,
        abi_encode(
            chain.id,
            self,
            threshold,
            delay,
            words._digest(elements),
            predecessor.contract,
            predecessor.size,
            predecessor.root,
        ),
    )
    log Genesis(
        chainId=chain.id,
        contract_=self,
        threshold=threshold,
        delay=delay,
        members=members,
        predecessorContract=predecessor.contract,
        predecessorSize=predecessor.size,
        predecessorRoot=predecessor.root,
        by=msg.sender,
        seq=seq,
    )


@external
def vote(kind: uint256, subject: bytes32, arg: uint256, ref: bytes32, salt: bytes32):
    """
    @notice Vote for a decision. The vote that reaches the threshold enacts it, or starts its delay if it is dangerous.
    @param kind 1 ADMIT 2 REMOVE 3 THRESHOLD 4 ACCREDIT 5 SUSPEND 6 REINSTATE 7 WITHDRAW 8 SET_CONTROLLER 9 GRANT_SCOPE
           10 REVOKE_SCOPE 11 ADD_APPROVER 12 KEY_COMPROMISED 13 SUSPEND_BATCH 14 LIFT_BATCH_SUSPENSION 15 REVOKE_BATCH
           16 REAFFIRM_BATCH 17 REVOKE_WORD 18 UNPAUSE 19 MIGRATE 20 RECORD
    @param subject Issuer code, or left-padded address (1, 2, 19)
    @param arg Threshold (1, 2, 3); reason (7, 13-16); from | until << 40 (9, 11); since (12);
           reason << 192 | word << 128 | mask (17); chain id (19); what is recorded (20)
    @param ref Controller (4, 8), scope (9, 10), key (11, 12), batch id (13-17), digest (20)
    @param salt Distinguishes a decision from the same one taken earlier
    """
    decision: governance.Decision = governance.Decision(kind=kind, subject=subject, arg=arg, ref=ref, salt=salt)
    outcome: uint256 = governance._cast(decision)
    if outcome == governance.ENACTED:
        self._act(decision)
    governance._record_vote(decision, outcome)


@external
def enact(kind: uint256, subject: bytes32, arg: uint256, ref: bytes32, salt: bytes32):
    """
    @notice Carry out a decision whose delay is over, within 30 days. Any member.
    """
    decision: governance.Decision = governance.Decision(kind=kind, subject=subject, arg=arg, ref=ref, salt=salt)
    governance._close(decision)
    self._act(decision)
    governance._record_enactment(decision)


@internal
def _act(decision: governance.Decision):
    """
    @dev What a decision does. Its record is the vote's or the enactment's own.
    """
    if decision.kind <= governance.THRESHOLD:
        if decision.kind == governance.ADMIT:
            governance._seat(decision.subject)
        elif decision.kind == governance.REMOVE:
            governance._unseat(decision.subject)
        governance._set_threshold(decision.arg)
        governance._begin_epoch()
    elif decision.kind == governance.ACCREDIT:
        accreditation._accredit(decision.subject, decision.ref)
    elif decision.kind == governance.SUSPEND:
        accreditation._suspend(decision.subject)
    elif decision.kind == governance.REINSTATE:
        accreditation._reinstate(decision.subject)
    elif decision.kind == governance.WITHDRAW:
        status._require_reason(decision.arg)
        accreditation._withdraw(decision.subject)
    elif decision.kind == governance.SET_CONTROLLER:
        accreditation._set_controller(decision.subject, decision.ref)
    elif decision.kind == governance.GRANT_SCOPE:
        accreditation._grant_scope(decision.subject, decision.ref, decision.arg)
    elif decision.kind == governance.REVOKE_SCOPE:
        accreditation._revoke_scope(decision.subject, decision.ref)
    elif decision.kind == governance.ADD_APPROVER:
        accreditation._add_approver(decision.subject, decision.ref, decision.arg)
    elif decision.kind == governance.KEY_COMPROMISED:
        accreditation._compromise(decision.subject, decision.ref, decision.arg)
    elif decision.kind == governance.SUSPEND_BATCH:
        self._flag(decision, status.FLAG_SUSPENDED_BY_MEMBERS, True, fault.BATCH_SUSPENDED_ALREADY)
    elif decision.kind == governance.LIFT_BATCH_SUSPENSION:
        self._flag(decision, status.FLAG_SUSPENDED_BY_MEMBERS, False, fault.BATCH_NOT_SUSPENDED)
    elif decision.kind == governance.REVOKE_BATCH:
        self._flag(decision, status.FLAG_REVOKED, True, fault.BATCH_REVOKED)
    elif decision.kind == governance.REAFFIRM_BATCH:
        self._flag(decision, status.FLAG_REAFFIRMED, True, fault.BATCH_REAFFIRMED_ALREADY)
    elif decision.kind == governance.REVOKE_WORD:
        status._revoke_word(decision.subject, decision.ref, decision.arg)
    elif decision.kind == governance.UNPAUSE:
        governance._unpause()
    elif decision.kind == governance.MIGRATE:
        governance._migrate(decision.subject, decision.arg)
    else:
        # RECORD: the record itself is the decision.
        if decision.arg == 0 or decision.arg > 3 or decision.ref == empty(bytes32):
            fault._fail(fault.DIGEST_MALFORMED)


@internal
def _flag(decision: governance.Decision, flag: uint256, present: bool, refusal: uint256):
    status._flag(decision.subject, decision.ref, flag, present, refusal, decision.arg)


@external
def anchorBatch(
    issuer: bytes32,
    batchId: bytes32,
    root: bytes32,
    size: uint256,
    scope: bytes32,
    evidence: bytes32,
    credentialKey: bytes32,
    approval: approvals.Approval,
) -> uint256:
    """
    @notice Anchor a batch of certificates. Sender and approver, of an active issuer, within a granted scope.
    @param issuer Issuer code, right-padded
    @param batchId The issuer's own id of the batch; used once
    @param root RFC 9162 tree hash over the batch's leaves
    @param size Number of leaves, 1 to 2^24 - 1
    @param scope PROGRAMME/LEVEL, right-padded
    @param evidence SHA-256 of the batch manifest
    @param credentialKey Thumbprint of the key that signed every credential of the batch
    @param approval Signature over `Anchor`
    @return Position of the record in the history log
    """
    governance._require_open()
    accreditation._require_active(issuer)
    sender: uint256 = accreditation._sender_number(issuer)
    scope_id: uint256 = accreditation._scope_id(issuer, scope)
    credential: uint256 = accreditation._credential_number(issuer, credentialKey)
    status._require_new(issuer, batchId, root, size)
    approver: address = accreditation._approver(
        issuer,
        keccak256(
            abi_encode(
                approvals.ANCHOR_TYPE,
                words._text_hash(issuer),
                batchId,
                root,
                size,
                words._text_hash(scope),
                evidence,
                credentialKey,
                approval.deadline,
            )
        ),
        approval,
    )
    seq: uint256 = history._append(
        history.OP_ANCHOR,
        abi_encode(issuer, batchId, scope, approver, root, size, evidence, credentialKey),
    )
    status._open(
        issuer,
        batchId,
        root,
        size
        | (scope_id << status.SCOPE_ID)
        | (seq << status.SEQ)
        | (sender << status.SENDER_NUMBER)
        | (accreditation._approver_number(issuer, approver) << status.APPROVER_NUMBER)
        | (credential << status.CREDENTIAL_NUMBER),
    )
    log Anchored(
        issuer=issuer,
        batchId=batchId,
        scope=scope,
        approver=approver,
        root=root,
        size=size,
        evidence=evidence,
        credentialKey=credentialKey,
        by=msg.sender,
        seq=seq,
    )
    return seq


@external
@pure
def version() -> uint256:
    """
    @notice Version of this contract's rules.
    """
    return 1
