"""The verdict as values: five questions, one outcome, notices; every entrance shows this and nothing else."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NoReturn

from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import BlockHash
from registry.verification.claimed import Claimed


class Outcome(StrEnum):
    """The one answer, in order of precedence: the first that applies is the outcome."""

    UNREADABLE = "unreadable"
    ALTERED = "altered"
    NOT_RECOGNISED = "not-recognised"
    NOT_REGISTERED = "not-registered"
    NOT_FOUND = "not-found"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    PENDING = "pending"
    CANNOT_CONFIRM = "cannot-confirm"
    VALID = "valid"


class Question(IntEnum):
    """The five questions, always in this order."""

    UNALTERED = 1
    ISSUERS_KEY = 2
    ON_CHAIN = 3
    STANDING = 4
    IN_FORCE = 5

    @property
    def slug(self) -> str:
        """The question as one lower-case word with hyphens."""
        return self.name.lower().replace("_", "-")


class Answer(StrEnum):
    """What can be said to a question."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_CHECK = "could-not-check"


class NoticeKind(StrEnum):
    """What stands beside an outcome and never changes it."""

    TEST_CHAIN = "test-chain"
    ISSUER_SUSPENDED_SINCE = "issuer-suspended-since"
    ISSUER_WITHDRAWN_SINCE = "issuer-withdrawn-since"
    KEY_RETIRED_SINCE = "key-retired-since"
    CORRECTED = "corrected"
    BATCH_REAFFIRMED = "batch-reaffirmed"
    KNOWLEDGE_AGE = "knowledge-age"
    SINGLE_NODE = "single-node"
    STATUS_NOT_CHECKED = "status-not-checked"
    HOLDER_COPY = "holder-copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """As of which block something is known."""

    block: int
    time: datetime
    """Time of that block, UTC."""
    read_at: datetime
    """When the head was last read, UTC."""
    age_seconds: int
    """Whole seconds that the knowledge is old: since that reading, on a consortium's chain since that block."""
    nodes: int
    """How many nodes agreed."""
    block_hash: BlockHash | None = None
    """Hash of that block; None where only its number is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer to one question."""

    question: Question
    answer: Answer
    reason: str
    """Slug that says which check decided, such as `undigested-disclosure`; `ok` where all passed."""
    evidence: dict[str, str | int | None]
    """What the answer rests on, as names and plain values: hashes base64url, times RFC 3339 +08:00."""
    freshness: Freshness | None
    """None where the answer needs nothing from the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One remark beside the outcome, with the values its wording needs."""

    kind: NoticeKind
    values: dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole verdict on one document or look-up. Refuses truth testing: ask for the outcome."""

    outcome: Outcome
    code: str
    """`<outcome>` or `<outcome>/<reason>`: the stable code that a reader can look up."""
    findings: tuple[Finding, ...]
    """Five, in the order of the questions; empty for look-ups that found nothing."""
    notices: tuple[Notice, ...]
    content: dict[str, object] | None
    """The disclosed claims, in the credential's own member names; None unless question 1 passed."""
    successor: str | None
    """What replaced it, `<number>#<revision>`; where only its place is known, `<batch, base64url>#<index>`; None unless
    superseded."""
    last_known: str | None
    """Status word last known, for `cannot-confirm`; None where nothing was ever known."""
    judged_at: datetime
    """The clock's time, UTC."""
    as_of: datetime | None
    """The past moment asked about; None = now."""
    claimed: Claimed | None = None
    """Where the document says that it stands on the chain; None where there was none to read."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a report has an outcome, not a truth value")

    def require_valid(self) -> None:
        """Raise NotValid unless the outcome is `valid`."""
        if self.outcome is not Outcome.VALID:
            raise NotValid(self)


class NotValid(RuleRefusal):
    """A document that had to be valid is not, or cannot be confirmed now."""

    code = "verification/not-valid"

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__(f"the certificate is not confirmed as valid: {report.code}")
