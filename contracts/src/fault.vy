# pragma version 0.4.3
"""
@title Faults
@license Apache-2.0
@notice Every refusal is the one custom error `Fault(uint256 code)`. The numbers are permanent; contracts/faults.toml gives
        each its slug, cause and remedy in Chinese and English.
@dev Vyper 0.4.3 cannot declare an error, so the revert data is written by hand and the build adds `Fault` to the ABI.
"""

# Members and ballots
NOT_A_MEMBER: constant(uint256) = 101
BALLOT_MALFORMED: constant(uint256) = 102
BALLOT_UNKNOWN: constant(uint256) = 103
BALLOT_CLOSED: constant(uint256) = 104
BALLOT_ENACTED: constant(uint256) = 105
ALREADY_VOTED: constant(uint256) = 106
NOT_VOTED: constant(uint256) = 107
BELOW_THRESHOLD: constant(uint256) = 108
DELAY_RUNNING: constant(uint256) = 109
ENACTMENT_LAPSED: constant(uint256) = 110
NO_MAJORITY: constant(uint256) = 111
MEMBER_KNOWN: constant(uint256) = 112
MEMBER_UNKNOWN: constant(uint256) = 113
ADMISSIONS_EXHAUSTED: constant(uint256) = 114
ADDRESS_MALFORMED: constant(uint256) = 115
PAUSED_LATELY: constant(uint256) = 116
NOT_PAUSED: constant(uint256) = 117
MIGRATED_ALREADY: constant(uint256) = 118
SUCCESSOR_MALFORMED: constant(uint256) = 119
DELAY_TOO_LONG: constant(uint256) = 120
PREDECESSOR_MALFORMED: constant(uint256) = 121
FOREIGN_MALFORMED: constant(uint256) = 122

# Issuers, scopes and keys
CODE_MALFORMED: constant(uint256) = 201
ISSUER_KNOWN: constant(uint256) = 202
ISSUER_UNKNOWN: constant(uint256) = 203
ISSUER_NOT_ACTIVE: constant(uint256) = 204
ISSUER_SUSPENDED: constant(uint256) = 205
ISSUER_NOT_SUSPENDED: constant(uint256) = 206
ISSUER_WITHDRAWN: constant(uint256) = 207
NOT_THE_CONTROLLER: constant(uint256) = 208
CONTROLLER_IS_APPROVER: constant(uint256) = 209
SCOPE_NOT_GRANTED: constant(uint256) = 210
SCOPE_OUTSIDE_WINDOW: constant(uint256) = 211
WINDOW_MALFORMED: constant(uint256) = 212
KEY_KIND_UNKNOWN: constant(uint256) = 213
KEY_MALFORMED: constant(uint256) = 214
KEY_KNOWN: constant(uint256) = 215
KEY_UNKNOWN: constant(uint256) = 216
KEYS_EXHAUSTED: constant(uint256) = 217
KEY_OVER: constant(uint256) = 218
COMPROMISE_KNOWN: constant(uint256) = 219
COMPROMISE_MALFORMED: constant(uint256) = 220
NOT_A_SENDER: constant(uint256) = 221
SENDER_OUTSIDE_WINDOW: constant(uint256) = 222
NOT_A_CREDENTIAL_KEY: constant(uint256) = 223
CREDENTIAL_KEY_OUTSIDE_WINDOW: constant(uint256) = 224

# Approvals
APPROVAL_EXPIRED: constant(uint256) = 301
APPROVAL_TOO_FAR_AHEAD: constant(uint256) = 302
APPROVAL_MALFORMED: constant(uint256) = 303
NOT_AN_APPROVER: constant(uint256) = 304
APPROVER_OUTSIDE_WINDOW: constant(uint256) = 305
APPROVER_IS_SENDER: constant(uint256) = 306

# Anchoring
PAUSED: constant(uint256) = 401
MIGRATED: constant(uint256) = 402
BATCH_KNOWN: constant(uint256) = 403
ROOT_EMPTY: constant(uint256) = 404
SIZE_OUT_OF_RANGE: constant(uint256) = 405

# Status
BATCH_UNKNOWN: constant(uint256) = 501
NOTHING_TO_CHANGE: constant(uint256) = 502
OUTSIDE_BATCH: constant(uint256) = 503
STATUS_FINAL: constant(uint256) = 504
SUSPENDED_ALREADY: constant(uint256) = 505
NOT_SUSPENDED: constant(uint256) = 506
COUNT_MISMATCH: constant(uint256) = 507
REASON_OUT_OF_RANGE: constant(uint256) = 508
INDICES_UNPAIRED: constant(uint256) = 509
TARGET_UNKNOWN: constant(uint256) = 510
TARGET_NOT_STANDING: constant(uint256) = 511
BATCH_SUSPENDED_ALREADY: constant(uint256) = 512
BATCH_NOT_SUSPENDED: constant(uint256) = 513
BATCH_REVOKED: constant(uint256) = 514
BATCH_REAFFIRMED_ALREADY: constant(uint256) = 515
DIGEST_MALFORMED: constant(uint256) = 516


@internal
@pure
def _fail(code: uint256):
    """
    @dev Refuse the whole call with `Fault(code)`. Never returns.
    """
    raw_revert(abi_encode(code, method_id=method_id("Fault(uint256)")))
