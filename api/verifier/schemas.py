"""The wire forms of the verifier's door, as its OpenAPI document describes them."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.verification.receipts import MAX_PURPOSE

OutcomeWord = Literal[
    "unreadable",
    "altered",
    "not-recognised",
    "not-registered",
    "not-found",
    "withdrawn",
    "revoked",
    "suspended",
    "superseded",
    "expired",
    "not-yet-valid",
    "pending",
    "cannot-confirm",
    "valid",
]
QuestionWord = Literal["unaltered", "issuers-key", "on-chain", "standing", "in-force"]
NoticeWord = Literal[
    "test-chain",
    "issuer-suspended-since",
    "issuer-withdrawn-since",
    "key-retired-since",
    "corrected",
    "batch-reaffirmed",
    "knowledge-age",
    "single-node",
    "status-not-checked",
    "holder-copy",
]


class ReceiptWanted(BaseModel):
    """Whether the verdict is wanted signed, and for what."""

    model_config = ConfigDict(extra="forbid")

    receipt: bool = Field(default=False, description="Sign the verdict, to be kept and checked again later.")
    purpose: str | None = Field(
        default=None,
        json_schema_extra={"maxLength": MAX_PURPOSE},
        description="What for, in the asker's own words: stands in the receipt, and asks for one.",
    )


class VerdictRequest(ReceiptWanted):
    """What is asked about a certificate."""

    as_of: date | None = Field(
        default=None, description="A day that is over: how it stood at its end (+08:00). Absent = now."
    )


class LookupRequest(VerdictRequest):
    """A certificate's number and its holder's name, as printed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"title": "LookupRequest"})

    number: str = Field(min_length=1, max_length=64, examples=["DEMO-EEC-2026-7M3K9QX2TAT"])
    name: str = Field(min_length=1, max_length=200, examples=["李知行"])


class FreshnessDocument(BaseModel):
    """As of which block something is known."""

    model_config = ConfigDict(extra="forbid")

    block: int
    time: str = Field(description="Time of that block, RFC 3339 with +08:00.")
    read_at: str = Field(description="When it was read, RFC 3339 with +08:00.")
    age_seconds: int = Field(description="Seconds between that reading and the verdict.")
    nodes: int = Field(description="How many nodes agreed.")


class QuestionDocument(BaseModel):
    """The answer to one of the five questions."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1, le=5)
    question: QuestionWord
    answer: Literal["passed", "failed", "could-not-check"]
    reason: str = Field(description="Slug that says which check decided; `ok` where all passed.")
    evidence: dict[str, str | int | None]
    freshness: FreshnessDocument | None


class NoticeDocument(BaseModel):
    """A remark beside the outcome; its further members hold the values of its wording."""

    model_config = ConfigDict(extra="allow")

    kind: NoticeWord


class KeyDocument(BaseModel):
    """A public key (JWK, RFC 7517) of P-256."""

    model_config = ConfigDict(extra="forbid")

    crv: Literal["P-256"]
    kty: Literal["EC"]
    x: str
    y: str


class SignedReceipt(BaseModel):
    """A verification receipt (compact JWS, typ `verification-receipt+jwt`) and the statement key that signed it."""

    model_config = ConfigDict(extra="forbid")

    key: KeyDocument
    statement: str


class ReportDocument(BaseModel):
    """The whole verdict. Only `outcome` = `valid` means valid."""

    model_config = ConfigDict(extra="forbid")

    outcome: OutcomeWord
    code: str = Field(description="`<outcome>` or `<outcome>/<reason>`: stable.")
    notices: list[NoticeDocument]
    questions: list[QuestionDocument] = Field(min_length=5, max_length=5)
    content: dict[str, object] | None = Field(
        description="Claims of the certificate, in its own member names; null where they cannot be relied on."
    )
    successor: str | None = Field(description="`<number>#<revision>` of what replaced it.")
    last_known: str | None = Field(description="Status word last known, for `cannot-confirm`.")
    judged_at: str
    as_of: str | None = Field(description="The past moment asked about; null = now.")
    receipt: SignedReceipt | None = Field(
        default=None, description="The signed receipt, where one was asked for; keep it as it is, with both members."
    )


class ProblemDocument(BaseModel):
    """What went wrong with the request itself (RFC 9457). Never a statement about a certificate."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    instance: str | None = None
