"""Assessment (考核): score sheets, four eyes, results and grades, all in whole hundredths."""

from registry.assessment.model import Mark, PaperResult, Result, ScoreRow, ScoreSheetReading, ScoresRefused
from registry.assessment.reading import ABSENT, SCORE_NOTICES, SCORE_PROBLEMS, normal_admission, read_scores
from registry.assessment.scoring import MarksIncomplete, assess
from registry.assessment.sheet import (
    SHEET_TRANSITIONS,
    Correction,
    CorrectionPending,
    FourEyes,
    MarkUnknown,
    PersonUnnamed,
    ReasonMissing,
    ScoreSheet,
    SheetNotOpen,
    SheetState,
    SheetStateConflict,
    require_second_person,
)
from registry.programme import format_score, parse_score

__all__ = [
    "ABSENT",
    "SCORE_NOTICES",
    "SCORE_PROBLEMS",
    "SHEET_TRANSITIONS",
    "Correction",
    "CorrectionPending",
    "FourEyes",
    "Mark",
    "MarkUnknown",
    "MarksIncomplete",
    "PaperResult",
    "PersonUnnamed",
    "ReasonMissing",
    "Result",
    "ScoreRow",
    "ScoreSheet",
    "ScoreSheetReading",
    "ScoresRefused",
    "SheetNotOpen",
    "SheetState",
    "SheetStateConflict",
    "assess",
    "format_score",
    "normal_admission",
    "parse_score",
    "read_scores",
    "require_second_person",
]
