"""The five questions over a document, the chain's records and the clock. Imports no store and no network."""

from registry.verification.circumstances import DEFAULT_MAX_AGE, Circumstances, Submission, read_submission
from registry.verification.claimed import Claimed, Recorded
from registry.verification.judging import judge, judge_claimed, judge_document
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
from registry.verification.past_day import DayNotOver, end_of_past_day
from registry.verification.unjudged import not_found, refused, withdrawn

__all__ = [
    "DEFAULT_MAX_AGE",
    "Answer",
    "Circumstances",
    "Claimed",
    "DayNotOver",
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
    "end_of_past_day",
    "judge",
    "judge_claimed",
    "judge_document",
    "not_found",
    "read_submission",
    "refused",
    "withdrawn",
]
