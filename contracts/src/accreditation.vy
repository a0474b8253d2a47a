# pragma version 0.4.3
"""
@title Accreditation: issuers, their scopes, their keys
@license Apache-2.0
@notice Members accredit an issuer, grant it scopes (programme and level) with windows and name its controller; the controller
        adds and retires the issuer's keys. An approver comes by vote, or by the controller with the signature of an approver
        that stands already. One key id has one kind and one life at an issuer: it is never registered twice.
"""

import approval as approvals
import fault
import history
import words

uses: history


# A key was added, retired or reported by the controller; `slot` as stored, see `keys` below.
event KeyChanged:
    issuer: indexed(bytes32)
    key: bytes32
    slot: uint256
    by: address
    seq: uint256


struct Issuer:
    state: uint256
    controller: address
    keys: uint256


struct Scope:
    id: uint256
    from_: uint256
    until: uint256


struct Key:
    kind: uint256
    number: uint256
    from_: uint256
    until: uint256
    compromisedSince: uint256


# Issuer states. A suspension and a withdrawal are independent of each other, so that a withdrawn issuer can be suspended too.
ACTIVE: constant(uint256) = 1
SUSPENDED: constant(uint256) = 2
WITHDRAWN: constant(uint256) = 3
WITHDRAWN_AND_SUSPENDED: constant(uint256) = 4

# Kinds of keys.
SENDER: constant(uint256) = 1
APPROVER: constant(uint256) = 2
CREDENTIAL: constant(uint256) = 3
STATEMENT: constant(uint256) = 4

TIME: constant(uint256) = 2**40 - 1
KEY_NUMBERS: constant(uint256) = 2**16 - 1

# issuer code -> state (8) | keys ever added (16) << 8 | controller (160) << 24
issuers: HashMap[bytes32, uint256]
# number of scope codes ever granted to anybody
scope_count: uint256
# scope id -> scope code; ids count from 1
scope_codes: HashMap[uint256, bytes32]
# scope code -> scope id
scope_ids: HashMap[bytes32, uint256]
# issuer code -> scope code -> id (32) | from (40) << 32 | until (40) << 72. The id is repeated here to spare anchorBatch a read.
scopes: HashMap[bytes32, HashMap[bytes32, uint256]]
# issuer code -> key id -> kind (8) | number (16) << 8 | from (40) << 24 | until (40) << 64 | compromisedSince (40) << 104.
# compromisedSince 0 = not reported. Key id = left-padded address, or SHA-256 JWK thumbprint.
keys: HashMap[bytes32, HashMap[bytes32, uint256]]


# Checks that the other modules build on


@internal
@view
def _issuer(issuer: bytes32) -> uint256:
    """
    @dev The issuer's slot; refuses an unknown issuer.
    """
    slot: uint256 = self.issuers[issuer]
    if slot == 0:
        fault._fail(fault.ISSUER_UNKNOWN)
    return slot


@internal
@view
def _unsuspended(issuer: bytes32) -> uint256:
    """
    @dev The issuer's slot; refuses an unknown and a suspended issuer.
    """
    slot: uint256 = self._issuer(issuer)
    if slot & 1 == 0:
        fault._fail(fault.ISSUER_SUSPENDED)
    return slot


@internal
@view
def _require_active(issuer: bytes32):
    if self._issuer(issuer) & 255 != ACTIVE:
        fault._fail(fault.ISSUER_NOT_ACTIVE)


@internal
@view
def _number(issuer: bytes32, key: bytes32, kind: uint256, wrong: uint256, outside: uint256) -> uint256:
    """
    @dev Number of a key of this kind that is good now; refuses with `wrong` where it is no such key, with `outside` where it is
         not good: from <= now < until, and no compromise reported, which never lies ahead.
    """
    slot: uint256 = self.keys[issuer][key]
    if slot & 255 != kind:
        fault._fail(wrong)
    if block.timestamp < (slot >> 24) & TIME or block.timestamp >= (slot >> 64) & TIME or slot >> 104 != 0:
        fault._fail(outside)
    return (slot >> 8) & KEY_NUMBERS


@internal
@view
def _sender_number(issuer: bytes32) -> uint256:
    return self._number(
        issuer, convert(msg.sender, bytes32), SENDER, fault.NOT_A_SENDER, fault.SENDER_OUTSIDE_WINDOW
    )


@internal
@view
def _credential_number(issuer: bytes32, key: bytes32) -> uint256:
    return self._number(
        issuer, key, CREDENTIAL, fault.NOT_A_CREDENTIAL_KEY, fault.CREDENTIAL_KEY_OUTSIDE_WINDOW
    )


@internal
@view
def _approver(issuer: bytes32, struct_hash: bytes32, signed: approvals.Approval) -> address:
    """
    @dev The approver of this issuer, good now, who signed the typed data.
    """
    signer: address = approvals._signer(struct_hash, signed)
    if self.keys[issuer][convert(signer, bytes32)] & 255 == SENDER:
        fault._fail(fault.APPROVER_IS_SENDER)
    self._number(
        issuer, convert(signer, bytes32), APPROVER, fault.NOT_AN_APPROVER, fault.APPROVER_OUTSIDE_WINDOW
    )
    return signer


@internal
@view
def _approver_number(issuer: bytes32, approver: address) -> uint256:
    return (self.keys[issuer][convert(approver, bytes32)] >> 8) & KEY_NUMBERS


@internal
@view
def _scope_id(issuer: bytes32, scope: bytes32) -> uint256:
    """
    @dev Id of a scope that the issuer may anchor in now.
    """
    slot: uint256 = self.scopes[issuer][scope]
    if slot == 0:
        fault._fail(fault.SCOPE_NOT_GRANTED)
    if block.timestamp < (slot >> 32) & TIME or block.timestamp >= slot >> 72:
        fault._fail(fault.SCOPE_OUTSIDE_WINDOW)
    return slot & (2**32 - 1)


@internal
@view
def _window(from_: uint256, until: uint256) -> uint256:
    """
    @dev Start of the window, clamped to now; refuses a window that is empty or past the year 36,000.
    """
    start: uint256 = max(from_, block.timestamp)
    if until <= start or until > TIME:
        fault._fail(fault.WINDOW_MALFORMED)
    return start


# What ballots do


@internal
@view
def _require_controller_free(issuer: bytes32, controller: bytes32):
    """
    @dev The controller adds senders: were it an approver too, one key could issue alone.
    """
    if not words._is_address(controller):
        fault._fail(fault.ADDRESS_MALFORMED)
    if self.keys[issuer][controller] & 255 == APPROVER:
        fault._fail(fault.CONTROLLER_IS_APPROVER)


@internal
def _accredit(issuer: bytes32, controller: bytes32):
    if self.issuers[issuer] != 0:
        fault._fail(fault.ISSUER_KNOWN)
    if not words._is_code(issuer):
        fault._fail(fault.CODE_MALFORMED)
    self._require_controller_free(issuer, controller)
    self.issuers[issuer] = (convert(controller, uint256) << 24) | ACTIVE


@internal
def _set_controller(issuer: bytes32, controller: bytes32):
    slot: uint256 = self._issuer(issuer)
    self._require_controller_free(issuer, controller)
    self.issuers[issuer] = (convert(controller, uint256) << 24) | (slot & (2**24 - 1))


@internal
def _suspend(issuer: bytes32):
    slot: uint256 = self._unsuspended(issuer)
    self.issuers[issuer] = slot + 1


@internal
def _reinstate(issuer: bytes32):
    slot: uint256 = self._issuer(issuer)
    if slot & 1 == 1:
        fault._fail(fault.ISSUER_NOT_SUSPENDED)
    self.issuers[issuer] = slot - 1


@internal
def _withdraw(issuer: bytes32):
    slot: uint256 = self._issuer(issuer)
    if slot & 255 >= WITHDRAWN:
        fault._fail(fault.ISSUER_WITHDRAWN)
    self.issuers[issuer] = slot + 2


@internal
def _grant_scope(issuer: bytes32, scope: bytes32, window: uint256):
    self._issuer(issuer)
    if not words._is_code(scope):
        fault._fail(fault.CODE_MALFORMED)
    until: uint256 = window >> 40
    start: uint256 = self._window(window & TIME, until)
    number: uint256 = self.scope_ids[scope]
    if number == 0:
        number = self.scope_count + 1
        self.scope_count = number
        self.scope_ids[scope] = number
        self.scope_codes[number] = scope
    self.scopes[issuer][scope] = number | (start << 32) | (until << 72)


@internal
def _revoke_scope(issuer: bytes32, scope: bytes32):
    slot: uint256 = self.scopes[issuer][scope]
    if slot == 0:
        fault._fail(fault.SCOPE_NOT_GRANTED)
    if slot >> 72 <= block.timestamp:
        fault._fail(fault.SCOPE_OUTSIDE_WINDOW)
    self.scopes[issuer][scope] = (slot & (2**72 - 1)) | (block.timestamp << 72)


@internal
def _add_approver(issuer: bytes32, key: bytes32, window: uint256):
    self._add_key(issuer, self._issuer(issuer), APPROVER, key, window & TIME, window >> 40)


@internal
def _compromise(issuer: bytes32, key: bytes32, since: uint256) -> uint256:
    """
    @dev Set a key's compromise time, or move it further back; never forward. Returns the new slot.
    """
    slot: uint256 = self.keys[issuer][key]
    if slot == 0:
        fault._fail(fault.KEY_UNKNOWN)
    if since == 0 or since > block.timestamp:
        fault._fail(fault.COMPROMISE_MALFORMED)
    known: uint256 = slot >> 104
    if known != 0 and known <= since:
        fault._fail(fault.COMPROMISE_KNOWN)
    slot = (slot & (2**104 - 1)) | (since << 104)
    self.keys[issuer][key] = slot
    return slot


@internal
def _add_key(issuer: bytes32, slot: uint256, kind: uint256, key: bytes32, from_: uint256, until: uint256) -> uint256:
    """
    @dev Register a key under the issuer's next number. Returns the key's slot.
    """
    if kind <= APPROVER:
        if not words._is_address(key):
            fault._fail(fault.KEY_MALFORMED)
        if kind == APPROVER and convert(key, uint256) == slot >> 24:
            fault._fail(fault.CONTROLLER_IS_APPROVER)
    elif key == empty(bytes32):
        fault._fail(fault.KEY_MALFORMED)
    if self.keys[issuer][key] != 0:
        fault._fail(fault.KEY_KNOWN)
    start: uint256 = self._window(from_, until)
    number: uint256 = ((slot >> 8) & KEY_NUMBERS) + 1
    if number > KEY_NUMBERS:
        fault._fail(fault.KEYS_EXHAUSTED)
    self.issuers[issuer] = ((slot >> 24) << 24) | (number << 8) | (slot & 255)
    added: uint256 = kind | (number << 8) | (start << 24) | (until << 64)
    self.keys[issuer][key] = added
    return added


# The controller's operations


@internal
@view
def _require_controller(slot: uint256):
    if convert(msg.sender, uint256) != slot >> 24:
        fault._fail(fault.NOT_THE_CONTROLLER)


@internal
def _record_key(issuer: bytes32, key: bytes32, slot: uint256):
    seq: uint256 = history._append(history.OP_KEY, abi_encode(issuer, key, slot))
    log KeyChanged(issuer=issuer, key=key, slot=slot, by=msg.sender, seq=seq)


@external
def addKey(
    issuer: bytes32, kind: uint256, key: bytes32, from_: uint256, until: uint256, approval: approvals.Approval
):
    """
    @notice Register a key of the issuer. Controller only; not while the issuer is suspended.
    @param issuer Issuer code, right-padded
    @param kind 1 sender, 2 approver, 3 credential, 4 statement
    @param key Left-padded address (1, 2) or SHA-256 JWK thumbprint (3, 4)
    @param from_ First second at which the key is good; a past one becomes now
    @param until Second from which it is good no more
    @param approval For an approver: `ApproverKey` signed by an approver who stands; else not looked at
    """
    slot: uint256 = self._unsuspended(issuer)
    self._require_controller(slot)
    if kind < SENDER or kind > STATEMENT:
        fault._fail(fault.KEY_KIND_UNKNOWN)
    if kind == APPROVER:
        self._approver(
            issuer,
            keccak256(
                abi_encode(
                    approvals.APPROVER_KEY_TYPE, words._text_hash(issuer), key, from_, until, approval.deadline
                )
            ),
            approval,
        )
    self._record_key(issuer, key, self._add_key(issuer, slot, kind, key, from_, until))


@external
def retireKey(issuer: bytes32, key: bytes32):
    """
    @notice End a key's window with this second. Controller only, in every state of the issuer; never lengthens a window.
    """
    self._require_controller(self._issuer(issuer))
    slot: uint256 = self.keys[issuer][key]
    if slot == 0:
        fault._fail(fault.KEY_UNKNOWN)
    if (slot >> 64) & TIME <= block.timestamp + 1:
        fault._fail(fault.KEY_OVER)
    slot = ((slot >> 104) << 104) | ((block.timestamp + 1) << 64) | (slot & (2**64 - 1))
    self.keys[issuer][key] = slot
    self._record_key(issuer, key, slot)


@external
def reportCompromise(issuer: bytes32, key: bytes32):
    """
    @notice Declare a key stolen from this block on. Controller only, in every state; a time further back needs a vote.
    """
    self._require_controller(self._issuer(issuer))
    self._record_key(issuer, key, self._compromise(issuer, key, block.timestamp))


# Views


@external
@view
def issuerOf(issuer: bytes32) -> Issuer:
    """
    @notice State (0 unknown, 1 active, 2 suspended, 3 withdrawn, 4 withdrawn and suspended), controller, keys ever added.
    """
    slot: uint256 = self.issuers[issuer]
    return Issuer(
        state=slot & 255, controller=convert(slot >> 24, address), keys=(slot >> 8) & KEY_NUMBERS
    )


@external
@view
def scopeOf(issuer: bytes32, scope: bytes32) -> Scope:
    """
    @notice The issuer's latest window for a scope; all zero where it was never granted.
    """
    slot: uint256 = self.scopes[issuer][scope]
    return Scope(id=slot & (2**32 - 1), from_=(slot >> 32) & TIME, until=slot >> 72)


@external
@view
def keyOf(issuer: bytes32, key: bytes32) -> Key:
    """
    @notice A key's registration; all zero where it is none of this issuer.
    """
    slot: uint256 = self.keys[issuer][key]
    return Key(
        kind=slot & 255,
        number=(slot >> 8) & KEY_NUMBERS,
        from_=(slot >> 24) & TIME,
        until=(slot >> 64) & TIME,
        compromisedSince=slot >> 104,
    )
