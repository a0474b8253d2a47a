"""The numbers that the contract and everybody who reads it agree on.

Permanent: a number is never used again for something else. A test compares these enums with the Vyper sources.
"""

from enum import IntEnum, IntFlag


class Op(IntEnum):
    """Operation: the first word of a record of the history log."""

    GENESIS = 0
    VOTE = 1
    WITHDRAW_VOTE = 2
    ENACT = 3
    PAUSE = 4
    KEY = 5
    ANCHOR = 6
    STATUS = 7
    SUPERSEDE = 8
    BATCH = 9
    DIGEST = 10
    FOREIGN = 11


class Kind(IntEnum):
    """Kind of a ballot, with what its `subject`, `arg` and `ref` hold; a part not named is zero."""

    ADMIT = 1
    """subject member, arg new threshold"""
    REMOVE = 2
    """subject member, arg new threshold"""
    THRESHOLD = 3
    """arg new threshold"""
    ACCREDIT = 4
    """subject issuer, ref controller"""
    SUSPEND = 5
    """subject issuer"""
    REINSTATE = 6
    """subject issuer"""
    WITHDRAW = 7
    """subject issuer, arg reason"""
    SET_CONTROLLER = 8
    """subject issuer, ref controller"""
    GRANT_SCOPE = 9
    """subject issuer, ref scope, arg from | until << 40"""
    REVOKE_SCOPE = 10
    """subject issuer, ref scope"""
    ADD_APPROVER = 11
    """subject issuer, ref key, arg from | until << 40"""
    KEY_COMPROMISED = 12
    """subject issuer, ref key, arg since"""
    SUSPEND_BATCH = 13
    """subject issuer, ref batch id, arg reason"""
    LIFT_BATCH_SUSPENSION = 14
    """subject issuer, ref batch id, arg reason"""
    REVOKE_BATCH = 15
    """subject issuer, ref batch id, arg reason"""
    REAFFIRM_BATCH = 16
    """subject issuer, ref batch id, arg reason"""
    REVOKE_WORD = 17
    """subject issuer, ref batch id, arg reason << 192 | word << 128 | mask"""
    UNPAUSE = 18
    MIGRATE = 19
    """subject address of the successor, arg its chain id"""
    RECORD = 20
    """arg what (`Recorded`), ref digest"""

    @property
    def delayed(self) -> bool:
        """Whether a decision of this kind waits for the contract's delay and is then enacted."""
        return self in DELAYED_KINDS


DELAYED_KINDS: frozenset[Kind] = frozenset(
    {
        Kind.ADMIT,
        Kind.REMOVE,
        Kind.THRESHOLD,
        Kind.WITHDRAW,
        Kind.SET_CONTROLLER,
        Kind.KEY_COMPROMISED,
        Kind.LIFT_BATCH_SUSPENSION,
        Kind.REVOKE_BATCH,
        Kind.REVOKE_WORD,
        Kind.MIGRATE,
    }
)
"""Kinds that wait; all others are enacted by the vote that reaches the threshold."""


class Outcome(IntEnum):
    """What a vote led to."""

    COUNTED = 0
    DELAYED = 1
    ENACTED = 2
    """Done at once; no ENACT record follows."""


class Recorded(IntEnum):
    """What a RECORD ballot puts on record."""

    TRUST_ROOT = 1
    OFFICIAL_HOSTS = 2
    CHARTER = 3


class KeyKind(IntEnum):
    """Kind of an issuer's key."""

    SENDER = 1
    APPROVER = 2
    CREDENTIAL = 3
    STATEMENT = 4


class Status(IntEnum):
    """Status of one certificate: the one table of contract, database and interfaces. The low bit means final."""

    VALID = 0
    REVOKED = 1
    SUSPENDED = 2
    SUPERSEDED = 3

    @property
    def final(self) -> bool:
        """Whether no operation can change this status any more."""
        return bool(self & 1)


class BatchFlag(IntFlag):
    """What holds for a whole batch."""

    SUSPENDED_BY_ISSUER = 1
    SUSPENDED_BY_MEMBERS = 2
    """The issuer cannot lift it."""
    REVOKED = 4
    REAFFIRMED = 8
    """By vote, after a key compromise: the batch is good nevertheless."""


class IssuerState(IntEnum):
    """State of an issuer. Suspension and withdrawal are independent: a withdrawn issuer can be suspended too."""

    UNKNOWN = 0
    ACTIVE = 1
    SUSPENDED = 2
    WITHDRAWN = 3
    WITHDRAWN_AND_SUSPENDED = 4

    @property
    def suspended(self) -> bool:
        """Whether members have suspended it: it can suspend certificates, nothing else."""
        return self in (IssuerState.SUSPENDED, IssuerState.WITHDRAWN_AND_SUSPENDED)

    @property
    def withdrawn(self) -> bool:
        """Whether its accreditation has ended: it anchors no more."""
        return self in (IssuerState.WITHDRAWN, IssuerState.WITHDRAWN_AND_SUSPENDED)


class Reason(IntEnum):
    """Published reason of a change; 0 and 1 are RFC 5280's.

    The contract takes any number below 65,536, so that the table may grow.
    """

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    ISSUED_IN_ERROR = 32
    MISCONDUCT = 33
    HOLDERS_REQUEST = 34
    INVESTIGATION = 35
    INVESTIGATION_CLOSED = 36
    CORRECTION = 37
    RENEWAL = 38

    @property
    def zh(self) -> str:
        """The reason in Chinese."""
        return REASON_TEXTS[self][0]

    @property
    def en(self) -> str:
        """The reason in English."""
        return REASON_TEXTS[self][1]


REASON_TEXTS: dict[Reason, tuple[str, str]] = {
    Reason.UNSPECIFIED: ("未说明", "unspecified"),
    Reason.KEY_COMPROMISE: ("密钥泄露", "key compromise"),
    Reason.ISSUED_IN_ERROR: ("误发", "issued in error"),
    Reason.MISCONDUCT: ("违纪或作弊", "misconduct"),
    Reason.HOLDERS_REQUEST: ("持证人申请", "holder's request"),
    Reason.INVESTIGATION: ("正在调查", "under investigation"),
    Reason.INVESTIGATION_CLOSED: ("调查结束", "investigation closed"),
    Reason.CORRECTION: ("更正换发", "correction"),
    Reason.RENEWAL: ("续期换发", "renewal"),
}
"""Reason → (Chinese, English)."""


class DigestKind(IntEnum):
    """What an issuer's recorded digest is of."""

    AUDIT_HEAD = 1
    KEY_CEREMONY = 2


class FaultCode(IntEnum):
    """Number inside the custom error `Fault(uint256 code)`: why the contract refused; see `contracts.faults()`."""

    NOT_A_MEMBER = 101
    BALLOT_MALFORMED = 102
    BALLOT_UNKNOWN = 103
    BALLOT_CLOSED = 104
    BALLOT_ENACTED = 105
    ALREADY_VOTED = 106
    NOT_VOTED = 107
    BELOW_THRESHOLD = 108
    DELAY_RUNNING = 109
    ENACTMENT_LAPSED = 110
    NO_MAJORITY = 111
    MEMBER_KNOWN = 112
    MEMBER_UNKNOWN = 113
    ADMISSIONS_EXHAUSTED = 114
    ADDRESS_MALFORMED = 115
    PAUSED_LATELY = 116
    NOT_PAUSED = 117
    MIGRATED_ALREADY = 118
    SUCCESSOR_MALFORMED = 119
    DELAY_TOO_LONG = 120
    PREDECESSOR_MALFORMED = 121
    FOREIGN_MALFORMED = 122
    CODE_MALFORMED = 201
    ISSUER_KNOWN = 202
    ISSUER_UNKNOWN = 203
    ISSUER_NOT_ACTIVE = 204
    ISSUER_SUSPENDED = 205
    ISSUER_NOT_SUSPENDED = 206
    ISSUER_WITHDRAWN = 207
    NOT_THE_CONTROLLER = 208
    CONTROLLER_IS_APPROVER = 209
    SCOPE_NOT_GRANTED = 210
    SCOPE_OUTSIDE_WINDOW = 211
    WINDOW_MALFORMED = 212
    KEY_KIND_UNKNOWN = 213
    KEY_MALFORMED = 214
    KEY_KNOWN = 215
    KEY_UNKNOWN = 216
    KEYS_EXHAUSTED = 217
    KEY_OVER = 218
    COMPROMISE_KNOWN = 219
    COMPROMISE_MALFORMED = 220
    NOT_A_SENDER = 221
    SENDER_OUTSIDE_WINDOW = 222
    NOT_A_CREDENTIAL_KEY = 223
    CREDENTIAL_KEY_OUTSIDE_WINDOW = 224
    APPROVAL_EXPIRED = 301
    APPROVAL_TOO_FAR_AHEAD = 302
    APPROVAL_MALFORMED = 303
    NOT_AN_APPROVER = 304
    APPROVER_OUTSIDE_WINDOW = 305
    APPROVER_IS_SENDER = 306
    PAUSED = 401
    MIGRATED = 402
    BATCH_KNOWN = 403
    ROOT_EMPTY = 404
    SIZE_OUT_OF_RANGE = 405
    BATCH_UNKNOWN = 501
    NOTHING_TO_CHANGE = 502
    OUTSIDE_BATCH = 503
    STATUS_FINAL = 504
    SUSPENDED_ALREADY = 505
    NOT_SUSPENDED = 506
    COUNT_MISMATCH = 507
    REASON_OUT_OF_RANGE = 508
    INDICES_UNPAIRED = 509
    TARGET_UNKNOWN = 510
    TARGET_NOT_STANDING = 511
    BATCH_SUSPENDED_ALREADY = 512
    BATCH_NOT_SUSPENDED = 513
    BATCH_REVOKED = 514
    BATCH_REAFFIRMED_ALREADY = 515
    DIGEST_MALFORMED = 516

    @property
    def slug(self) -> str:
        """Stable code of our error tree, such as `contract/not-a-member`."""
        return "contract/" + self.name.lower().replace("_", "-")
