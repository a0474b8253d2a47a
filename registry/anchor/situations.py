"""Where a batch stands for the people who look after it, finer than its state: what is to be done next.

A table without holes: every state, and of a failed batch every cause that the contract can give, has one situation, and
every situation one act. The words and the commands stand in `api.situations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from registry.anchor.states import AnchorState


class Act(StrEnum):
    """What a person does next with a batch, or with what takes the place of certificates."""

    PROPOSE = "propose"
    APPROVE = "approve"
    ISSUE = "issue"
    CANCEL = "cancel"
    LIST = "list"
    LIST_BATCHES = "list-batches"
    START_DESK = "start-desk"
    WATCH = "watch"
    SEE_ALARMS = "see-alarms"
    UNPAUSE = "unpause"
    SEE_ISSUERS = "see-issuers"
    SEE_SCOPES = "see-scopes"
    SEE_KEYS = "see-keys"
    RECONCILE = "reconcile"
    SEE_CERTIFICATE = "see-certificate"
    PROPOSE_SUCCESSOR = "propose-successor"
    WITHDRAW_SUCCESSOR = "withdraw-successor"
    CANCEL_REQUEST = "cancel-request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One act with all that it can name; empty = there is no such thing here, and the act does not name it."""

    act: Act
    batch: str = ""
    programme: str = ""
    level: str = ""
    number: str = ""
    """Of the certificate that is to be replaced."""
    replacement: str = ""
    request: str = ""
    person: str = ""
    """Who began it, where the same person goes on with it."""


class Situation(StrEnum):
    """Where a batch stands."""

    RESERVED = "reserved"
    SEALED = "sealed"
    APPROVED = "approved"
    LAPSED = "lapsed"
    """Approved, and the approval's time is over."""
    PAUSED = "paused"
    """The contract takes no batch now; nothing of this one was sent, or what was sent had no effect."""
    SIGNED = "signed"
    SENT = "sent"
    INCLUDED = "included"
    ORPHANED = "orphaned"
    UNDELIVERED = "undelivered"
    """Final; its bundles are not all written."""
    SUCCESSOR_RECORDED = "successor-recorded"
    """Final, of certificates that are to take the place of others, and those still stand: nothing is delivered yet."""
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    PROPOSED_ANEW = "proposed-anew"
    """Given up, and everybody in it is in another batch by now."""
    SUCCESSOR_RESERVED = "successor-reserved"
    """Reserved, of certificates that are to take the place of others."""
    SUCCESSOR_GIVEN_UP = "successor-given-up"
    AT_DESK = "at-desk"
    """A desk works on it now."""
    WAITS_FOR_DESK = "waits-for-desk"
    """A task waits for it, and no desk runs."""
    HALTED = "halted"
    """Nothing goes to the chain until an alarm is lifted."""
    TO_APPROVE_AGAIN = "to-approve-again"
    """Failed; what hindered it is over, or lies in the approval itself."""
    NONCE_TAKEN = "nonce-taken"
    """Failed: another transaction stands where its own was to stand."""
    ISSUER_BARRED = "issuer-barred"
    """Failed: members have suspended or withdrawn the issuing body."""
    SCOPE_CLOSED = "scope-closed"
    """Failed: programme and level are not granted now."""
    KEY_UNFIT = "key-unfit"
    """Failed: a key of the issuing body is not good now."""
    RECORDED_ALREADY = "recorded-already"
    """Failed: the contract knows its id already."""
    ERASED = "erased"
    """Waits to be signed or approved, and never can be: somebody in it was erased."""
    HOPELESS = "hopeless"
    """Failed: this batch can never be recorded as it is."""


ACTS: Final[Mapping[Situation, Act]] = MappingProxyType(
    {
        Situation.RESERVED: Act.PROPOSE,
        Situation.SEALED: Act.APPROVE,
        Situation.APPROVED: Act.ISSUE,
        Situation.LAPSED: Act.APPROVE,
        Situation.PAUSED: Act.UNPAUSE,
        Situation.SIGNED: Act.ISSUE,
        Situation.SENT: Act.ISSUE,
        Situation.INCLUDED: Act.ISSUE,
        Situation.ORPHANED: Act.ISSUE,
        Situation.UNDELIVERED: Act.ISSUE,
        Situation.SUCCESSOR_RECORDED: Act.ISSUE,
        Situation.DELIVERED: Act.LIST,
        Situation.CANCELLED: Act.PROPOSE,
        Situation.PROPOSED_ANEW: Act.LIST_BATCHES,
        Situation.SUCCESSOR_RESERVED: Act.PROPOSE_SUCCESSOR,
        Situation.SUCCESSOR_GIVEN_UP: Act.SEE_CERTIFICATE,
        Situation.AT_DESK: Act.WATCH,
        Situation.WAITS_FOR_DESK: Act.START_DESK,
        Situation.HALTED: Act.SEE_ALARMS,
        Situation.TO_APPROVE_AGAIN: Act.APPROVE,
        Situation.NONCE_TAKEN: Act.APPROVE,
        Situation.ISSUER_BARRED: Act.SEE_ISSUERS,
        Situation.SCOPE_CLOSED: Act.SEE_SCOPES,
        Situation.KEY_UNFIT: Act.SEE_KEYS,
        Situation.RECORDED_ALREADY: Act.RECONCILE,
        Situation.ERASED: Act.CANCEL,
        Situation.HOPELESS: Act.CANCEL,
    }
)

OF_STATE: Final[Mapping[AnchorState, Situation]] = MappingProxyType(
    {
        AnchorState.RESERVED: Situation.RESERVED,
        AnchorState.SEALED: Situation.SEALED,
        AnchorState.APPROVED: Situation.APPROVED,
        AnchorState.SIGNED: Situation.SIGNED,
        AnchorState.SENT: Situation.SENT,
        AnchorState.INCLUDED: Situation.INCLUDED,
        AnchorState.FINAL: Situation.UNDELIVERED,
        AnchorState.ORPHANED: Situation.ORPHANED,
        AnchorState.FAILED: Situation.TO_APPROVE_AGAIN,
        AnchorState.CANCELLED: Situation.CANCELLED,
    }
)
"""What a state means where nothing more is known."""

OF_FAILURE: Final[Mapping[str, Situation]] = MappingProxyType(
    {
        "anchor/nonce-taken": Situation.NONCE_TAKEN,
        "contract/reverted": Situation.TO_APPROVE_AGAIN,
        "contract/out-of-gas": Situation.TO_APPROVE_AGAIN,
        "contract/code-malformed": Situation.HOPELESS,
        "contract/issuer-unknown": Situation.ISSUER_BARRED,
        "contract/issuer-not-active": Situation.ISSUER_BARRED,
        "contract/scope-not-granted": Situation.SCOPE_CLOSED,
        "contract/scope-outside-window": Situation.SCOPE_CLOSED,
        "contract/not-a-sender": Situation.KEY_UNFIT,
        "contract/sender-outside-window": Situation.KEY_UNFIT,
        "contract/not-a-credential-key": Situation.KEY_UNFIT,
        "contract/credential-key-outside-window": Situation.HOPELESS,  # its credentials are signed with that key
        "contract/approval-expired": Situation.TO_APPROVE_AGAIN,
        "contract/approval-too-far-ahead": Situation.TO_APPROVE_AGAIN,
        "contract/approval-malformed": Situation.TO_APPROVE_AGAIN,
        "contract/not-an-approver": Situation.TO_APPROVE_AGAIN,
        "contract/approver-outside-window": Situation.TO_APPROVE_AGAIN,
        "contract/approver-is-sender": Situation.TO_APPROVE_AGAIN,
        "contract/paused": Situation.PAUSED,
        "contract/migrated": Situation.HOPELESS,
        "contract/batch-known": Situation.RECORDED_ALREADY,
        "contract/root-empty": Situation.HOPELESS,
        "contract/size-out-of-range": Situation.HOPELESS,
    }
)
"""What each refusal of an anchor means while its cause lasts; any other code: `to-approve-again`."""

MAY_PASS: Final = frozenset({Situation.PAUSED, Situation.ISSUER_BARRED, Situation.SCOPE_CLOSED, Situation.KEY_UNFIT})
"""Causes of a failure that end without the batch being touched: then it is approved again."""
FREE_OF_ALARMS: Final = frozenset({AnchorState.INCLUDED, AnchorState.FINAL, AnchorState.CANCELLED})
"""States that go on, or have ended, whether or not writing is halted."""
