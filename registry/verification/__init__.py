"""The five questions over a document, the chain's records and the clock. Imports no store and no network."""

from registry.verification.claimed import Claimed, Recorded
from registry.verification.judging import (
    DEFAULT_MAX_AGE,
    Circumstances,
    Submission,
    judge,
    judge_claimed,
    judge_document,
    not_found,
    read_submission,
    refused,
    withdrawn,
)
from registry.verification.knowledge import Knowledge
from registry.verification.model import (
    Answer,
    Finding,
    Freshness,
    Notice,
    NoticeKind,
    NotValid,
    Outcome,
    Question,
    Report,
)

__all__ = [
    "DEFAULT_MAX_AGE",
    "Answer",
    "Circumstances",
    "Claimed",
    "Finding",
    "Freshness",
    "Knowledge",
    "NotValid",
    "Notice",
    "NoticeKind",
    "Outcome",
    "Question",
    "Recorded",
    "Report",
    "Submission",
    "judge",
    "judge_claimed",
    "judge_document",
    "not_found",
    "read_submission",
    "refused",
    "withdrawn",
]
