# pragma version 0.4.3
"""
@title Governance: members and their ballots
@license Apache-2.0
@notice Members decide by `threshold` votes, a majority. A ballot is addressed by its content and begun by its first vote; it takes
        votes for 30 days. Dangerous kinds wait `delay` seconds after the threshold is reached and are then enacted within 30
        days or not at all.
@dev An epoch is a time without change of members or threshold. Votes of an earlier epoch count as far as their givers are still
     members; a delay that ran in it starts again with the new epoch. Because votes and members only change in known steps, this
     is computed when a ballot is touched and needs no loop over ballots.
"""

import fault
import history
import words

uses: history


# A member voted; outcome 0 counted, 1 waiting for its delay, 2 enacted at once.
event Voted:
    kind: uint256
    subject: bytes32
    arg: uint256
    ref: bytes32
    salt: bytes32
    votes: uint256
    outcome: uint256
    by: address
    seq: uint256


# A member took back a vote; `votes` are those that remain.
event VoteWithdrawn:
    ballot: bytes32
    votes: uint256
    by: address
    seq: uint256


# A decision was carried out after its delay.
event Enacted:
    kind: uint256
    subject: bytes32
    arg: uint256
    ref: bytes32
    salt: bytes32
    outcome: uint256
    by: address
    seq: uint256


# A member stopped anchoring until then.
event Paused:
    until: uint256
    by: address
    seq: uint256


# A checkpoint of this log was written on another chain.
event ForeignAnchored:
    chainId: uint256
    size: uint256
    root: bytes32
    txRef: bytes32
    by: address
    seq: uint256


struct Decision:
    kind: uint256
    subject: bytes32
    arg: uint256
    ref: bytes32
    salt: bytes32


struct Ballot:
    votes: uint256
    count: uint256
    threshold: uint256
    deadline: uint256
    since: uint256
    enactableFrom: uint256
    enactableUntil: uint256
    enacted: bool


struct Gate:
    pausedUntil: uint256
    migratedAt: uint256


struct Epoch:
    number: uint256
    since: uint256
    members: uint256
    threshold: uint256
    admissions: uint256
    delay: uint256


struct Successor:
    contract_: address
    chainId: uint256


# Kinds of ballots.
ADMIT: constant(uint256) = 1
REMOVE: constant(uint256) = 2
THRESHOLD: constant(uint256) = 3
ACCREDIT: constant(uint256) = 4
SUSPEND: constant(uint256) = 5
REINSTATE: constant(uint256) = 6
WITHDRAW: constant(uint256) = 7
SET_CONTROLLER: constant(uint256) = 8
GRANT_SCOPE: constant(uint256) = 9
REVOKE_SCOPE: constant(uint256) = 10
ADD_APPROVER: constant(uint256) = 11
KEY_COMPROMISED: constant(uint256) = 12
SUSPEND_BATCH: constant(uint256) = 13
LIFT_BATCH_SUSPENSION: constant(uint256) = 14
REVOKE_BATCH: constant(uint256) = 15
REAFFIRM_BATCH: constant(uint256) = 16
REVOKE_WORD: constant(uint256) = 17
UNPAUSE: constant(uint256) = 18
MIGRATE: constant(uint256) = 19
RECORD: constant(uint256) = 20

# Kinds that wait: a bit each.
DELAYED: constant(uint256) = (
    (1 << ADMIT)
    | (1 << REMOVE)
    | (1 << THRESHOLD)
    | (1 << WITHDRAW)
    | (1 << SET_CONTROLLER)
    | (1 << KEY_COMPROMISED)
    | (1 << LIFT_BATCH_SUSPENSION)
    | (1 << REVOKE_BATCH)
    | (1 << REVOKE_WORD)
    | (1 << MIGRATE)
)
# Kinds that use each part of a ballot; a part that a kind does not use must be zero, so that one decision has one address.
WITH_SUBJECT: constant(uint256) = (1 << RECORD) - 2 - (1 << THRESHOLD) - (1 << UNPAUSE)
WITHOUT_ARG: constant(uint256) = (
    (1 << ACCREDIT)
    | (1 << SUSPEND)
    | (1 << REINSTATE)
    | (1 << SET_CONTROLLER)
    | (1 << REVOKE_SCOPE)
    | (1 << UNPAUSE)
)
WITHOUT_REF: constant(uint256) = (
    (1 << ADMIT)
    | (1 << REMOVE)
    | (1 << THRESHOLD)
    | (1 << SUSPEND)
    | (1 << REINSTATE)
    | (1 << WITHDRAW)
    | (1 << UNPAUSE)
    | (1 << MIGRATE)
)

# Outcomes of a vote.
COUNTED: constant(uint256) = 0
WAITING: constant(uint256) = 1
ENACTED: constant(uint256) = 2

VOTING_PERIOD: constant(uint256) = 30 * 86400
ENACTMENT_PERIOD: constant(uint256) = 30 * 86400
LONGEST_DELAY: constant(uint256) = 90 * 86400
PAUSE: constant(uint256) = 72 * 3600
PAUSE_INTERVAL: constant(uint256) = 30 * 86400
ADMISSIONS: constant(uint256) = 128

TIME: constant(uint256) = 2**40 - 1
EPOCHS: constant(uint256) = 2**32 - 1

# Seconds that delayed kinds wait; fixed for the contract's life.
DELAY: immutable(uint256)

# threshold (8) | admissions (8) << 8 | epoch (32) << 16 | epochSince (40) << 48 | members (128, one bit each) << 88.
# A bit belongs to one admission for ever: a member who comes back gets a new one, and old votes stay dead.
council: uint256
# address -> its latest bit (8) | known (8) << 8 | lastPause (40) << 16
seats: HashMap[address, uint256]
# ballot id -> enacted (8) | epoch (32) << 8 | deadline (40) << 40 | since (40) << 80 | votes (128) << 120.
# since = when the threshold was last reached, 0 = it is not; votes and since are as of `epoch`.
ballots: HashMap[bytes32, uint256]
# address (160) | chain id (64) << 160 of the contract that new batches go to; 0 = none
successor: uint256


@deploy
def __init__(members: DynArray[address, 128], threshold: uint256, delay: uint256):
    if delay > LONGEST_DELAY:
        fault._fail(fault.DELAY_TOO_LONG)
    DELAY = delay
    for member: address in members:
        self._seat(convert(member, bytes32))
    self._set_threshold(threshold)
    self._begin_epoch()


# Members


@internal
@view
def _is_member(who: address) -> bool:
    seat: uint256 = self.seats[who]
    return seat != 0 and (self.council >> (88 + (seat & 255))) & 1 == 1


@internal
@view
def _member_bit() -> uint256:
    """
    @dev The caller's bit among votes; refuses whoever is not a member.
    """
    if not self._is_member(msg.sender):
        fault._fail(fault.NOT_A_MEMBER)
    return 1 << (self.seats[msg.sender] & 255)


@internal
@pure
def _address(word: bytes32) -> address:
    if not words._is_address(word):
        fault._fail(fault.ADDRESS_MALFORMED)
    return convert(convert(word, uint160), address)


@internal
def _seat(member: bytes32):
    who: address = self._address(member)
    if self._is_member(who):
        fault._fail(fault.MEMBER_KNOWN)
    council: uint256 = self.council
    bit: uint256 = (council >> 8) & 255
    if bit == ADMISSIONS:
        fault._fail(fault.ADMISSIONS_EXHAUSTED)
    # lastPause stays: leaving and coming back gives no new pause.
    self.seats[who] = ((self.seats[who] >> 16) << 16) | 256 | bit
    self.council = (council | (1 << (88 + bit))) + 256


@internal
def _unseat(member: bytes32):
    who: address = self._address(member)
    if not self._is_member(who):
        fault._fail(fault.MEMBER_UNKNOWN)
    self.council ^= 1 << (88 + (self.seats[who] & 255))


@internal
def _set_threshold(threshold: uint256):
    """
    @dev Set the threshold, which must be a majority of the members as they are now.
    """
    council: uint256 = self.council
    count: uint256 = words._count(council >> 88)
    if threshold > count or threshold <= count // 2:
        fault._fail(fault.NO_MAJORITY)
    self.council = ((council >> 8) << 8) | threshold


@internal
def _begin_epoch():
    council: uint256 = self.council
    number: uint256 = ((council >> 16) & EPOCHS) + 1
    self.council = ((council >> 88) << 88) | (block.timestamp << 48) | (number << 16) | (council & 65535)


# Ballots


@internal
@pure
def _require_ballot(decision: Decision):
    if (
        decision.kind == 0
        or decision.kind > RECORD
        or (decision.subject != empty(bytes32) and (WITH_SUBJECT >> decision.kind) & 1 == 0)
        or (decision.arg != 0 and (WITHOUT_ARG >> decision.kind) & 1 == 1)
        or (decision.ref != empty(bytes32) and (WITHOUT_REF >> decision.kind) & 1 == 1)
    ):
        fault._fail(fault.BALLOT_MALFORMED)


@internal
@view
def _reached(votes: uint256) -> bool:
    return words._count(votes) >= self.council & 255


@internal
@view
def _present(slot: uint256) -> uint256:
    """
    @dev A ballot as it stands in the present epoch.
    """
    council: uint256 = self.council
    number: uint256 = (council >> 16) & EPOCHS
    if slot == 0 or (slot >> 8) & EPOCHS == number:
        return slot
    # 1. Only members' votes count.
    votes: uint256 = (slot >> 120) & (council >> 88)
    # 2. If they reach the threshold, they have done so since the epoch began, if that was in time.
    since: uint256 = (council >> 48) & TIME
    deadline: uint256 = (slot >> 40) & TIME
    if since > deadline or not self._reached(votes):
        since = 0
    return (votes << 120) | (since << 80) | (deadline << 40) | (number << 8) | (slot & 255)


@internal
@view
def _begun(id: bytes32) -> uint256:
    """
    @dev A ballot that has been voted on and is not enacted, as of the present epoch.
    """
    slot: uint256 = self.ballots[id]
    if slot == 0:
        fault._fail(fault.BALLOT_UNKNOWN)
    if slot & 255 != 0:
        fault._fail(fault.BALLOT_ENACTED)
    return self._present(slot)


@internal
def _cast(decision: Decision) -> uint256:
    """
    @dev Count the caller's vote and return the outcome. On ENACTED the caller of this function acts.
    """
    bit: uint256 = self._member_bit()
    self._require_ballot(decision)
    id: bytes32 = keccak256(abi_encode(decision))
    if self.ballots[id] == 0:
        self.ballots[id] = ((block.timestamp + VOTING_PERIOD) << 40) | (((self.council >> 16) & EPOCHS) << 8)
    slot: uint256 = self._begun(id)
    if block.timestamp > (slot >> 40) & TIME:
        fault._fail(fault.BALLOT_CLOSED)
    if (slot >> 120) & bit != 0:
        fault._fail(fault.ALREADY_VOTED)
    slot |= bit << 120
    outcome: uint256 = COUNTED
    if self._reached(slot >> 120):
        if (slot >> 80) & TIME == 0:
            slot |= block.timestamp << 80
        outcome = WAITING
        if (DELAYED >> decision.kind) & 1 == 0:
            outcome = ENACTED
            slot |= 1
    self.ballots[id] = slot
    return outcome


@internal
def _record_vote(decision: Decision, outcome: uint256):
    votes: uint256 = self.ballots[keccak256(abi_encode(decision))] >> 120
    seq: uint256 = history._append(history.OP_VOTE, abi_encode(decision, votes, outcome))
    log Voted(
        kind=decision.kind,
        subject=decision.subject,
        arg=decision.arg,
        ref=decision.ref,
        salt=decision.salt,
        votes=votes,
        outcome=outcome,
        by=msg.sender,
        seq=seq,
    )


@external
def withdrawVote(kind: uint256, subject: bytes32, arg: uint256, ref: bytes32, salt: bytes32):
    """
    @notice Take back one's vote while the ballot is not enacted. Below the threshold the delay stops.
    """
    bit: uint256 = self._member_bit()
    id: bytes32 = keccak256(abi_encode(kind, subject, arg, ref, salt))
    slot: uint256 = self._begun(id)
    votes: uint256 = slot >> 120
    if votes & bit == 0:
        fault._fail(fault.NOT_VOTED)
    votes ^= bit
    since: uint256 = 0
    if self._reached(votes):
        since = (slot >> 80) & TIME
    self.ballots[id] = (votes << 120) | (since << 80) | (slot & (2**80 - 1))
    seq: uint256 = history._append(history.OP_WITHDRAW_VOTE, abi_encode(id, votes))
    log VoteWithdrawn(ballot=id, votes=votes, by=msg.sender, seq=seq)


@internal
def _close(decision: Decision):
    """
    @dev Mark a ballot enacted whose time has come. The caller of this function acts.
    """
    self._member_bit()
    id: bytes32 = keccak256(abi_encode(decision))
    slot: uint256 = self._begun(id)
    since: uint256 = (slot >> 80) & TIME
    if since == 0:
        fault._fail(fault.BELOW_THRESHOLD)
    since += self._wait(decision.kind)
    if block.timestamp < since:
        fault._fail(fault.DELAY_RUNNING)
    if block.timestamp > since + ENACTMENT_PERIOD:
        fault._fail(fault.ENACTMENT_LAPSED)
    self.ballots[id] = slot | 1


@internal
def _record_enactment(decision: Decision):
    seq: uint256 = history._append(history.OP_ENACT, abi_encode(decision, ENACTED))
    log Enacted(
        kind=decision.kind,
        subject=decision.subject,
        arg=decision.arg,
        ref=decision.ref,
        salt=decision.salt,
        outcome=ENACTED,
        by=msg.sender,
        seq=seq,
    )


@internal
@view
def _wait(kind: uint256) -> uint256:
    """
    @dev Seconds that a decision of this kind waits.
    """
    if (DELAYED >> kind) & 1 == 0:
        return 0
    return DELAY


# What ballots do


@internal
@view
def _paused_until() -> uint256:
    return (history.head >> 40) & TIME


@internal
def _pause_until(time: uint256):
    head: uint256 = history.head
    history.head = ((head >> 80) << 80) | (time << 40) | (head & TIME)


@internal
def _unpause():
    if self._paused_until() <= block.timestamp:
        fault._fail(fault.NOT_PAUSED)
    self._pause_until(block.timestamp)


@internal
def _migrate(target: bytes32, chain_id: uint256):
    if self.successor != 0:
        fault._fail(fault.MIGRATED_ALREADY)
    if (
        not words._is_address(target)
        or chain_id == 0
        or chain_id >= 2**64
        or (chain_id == chain.id and target == convert(self, bytes32))
    ):
        fault._fail(fault.SUCCESSOR_MALFORMED)
    self.successor = convert(target, uint256) | (chain_id << 160)
    history.head |= block.timestamp << 80


@internal
@view
def _require_open():
    """
    @dev Refuses while new batches are stopped.
    """
    if history.head >> 80 != 0:
        fault._fail(fault.MIGRATED)
    if block.timestamp < self._paused_until():
        fault._fail(fault.PAUSED)


# A member's own operations


@external
def pause():
    """
    @notice Stop anchoring, and nothing else, for 72 hours. Any member, once in 30 days.
    """
    self._member_bit()
    seat: uint256 = self.seats[msg.sender]
    last: uint256 = seat >> 16
    if last != 0 and block.timestamp < last + PAUSE_INTERVAL:
        fault._fail(fault.PAUSED_LATELY)
    self.seats[msg.sender] = (seat & 65535) | (block.timestamp << 16)
    until: uint256 = block.timestamp + PAUSE
    self._pause_until(until)
    seq: uint256 = history._append(history.OP_PAUSE, abi_encode(until))
    log Paused(until=until, by=msg.sender, seq=seq)


@external
def recordForeignAnchor(chainId: uint256, size: uint256, root: bytes32, txRef: bytes32):
    """
    @notice Put on record that this log's checkpoint (size, root) was written on another chain. Any member.
    @param txRef The transaction there
    """
    self._member_bit()
    if size == 0 or size > history.head & TIME or root == empty(bytes32):
        fault._fail(fault.FOREIGN_MALFORMED)
    seq: uint256 = history._append(history.OP_FOREIGN, abi_encode(chainId, size, root, txRef))
    log ForeignAnchored(chainId=chainId, size=size, root=root, txRef=txRef, by=msg.sender, seq=seq)


# Views


@external
@view
def memberOf(who: address) -> bool:
    """
    @notice Whether the address is a member now.
    """
    return self._is_member(who)


@external
@view
def ballot(kind: uint256, subject: bytes32, arg: uint256, ref: bytes32, salt: bytes32) -> Ballot:
    """
    @notice A ballot as it stands in the present epoch; all zero but the threshold where nobody voted.
    @return votes One bit a member; their count; the threshold; deadline of voting; since when the threshold is reached (0: it
            is not); first and last second at which it can be enacted; whether it is
    """
    slot: uint256 = self._present(self.ballots[keccak256(abi_encode(kind, subject, arg, ref, salt))])
    since: uint256 = (slot >> 80) & TIME
    start: uint256 = 0
    end: uint256 = 0
    if since != 0:
        start = since + self._wait(kind)
        end = start + ENACTMENT_PERIOD
    return Ballot(
        votes=slot >> 120,
        count=words._count(slot >> 120),
        threshold=self.council & 255,
        deadline=(slot >> 40) & TIME,
        since=since,
        enactableFrom=start,
        enactableUntil=end,
        enacted=slot & 255 != 0,
    )


@external
@view
def gate() -> Gate:
    """
    @notice Until when anchoring is paused, and since when the contract is migrated (0: it is not).
    """
    return Gate(pausedUntil=self._paused_until(), migratedAt=history.head >> 80)


@external
@view
def epoch() -> Epoch:
    """
    @notice The present epoch: its number and beginning, the members' bits, threshold, admissions so far of 128, delay in
            seconds.
    """
    council: uint256 = self.council
    return Epoch(
        number=(council >> 16) & EPOCHS,
        since=(council >> 48) & TIME,
        members=council >> 88,
        threshold=council & 255,
        admissions=(council >> 8) & 255,
        delay=DELAY,
    )


@external
@view
def successorContract() -> Successor:
    """
    @notice Where new batches go since the migration; all zero before one.
    """
    return Successor(contract_=convert(self.successor & (2**160 - 1), address), chainId=self.successor >> 160)
