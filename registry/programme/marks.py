r"""Marks (成绩) in whole hundredths, and the one way to write them.

Grammar of the credential's `result` value: `(0|[1-9]\d{0,2})(\.\d{1,2})?` without trailing zeros:
60, 79.5, 59.99, 100.
"""

import re

from registry.kernel.errors import MalformedInput

HUNDREDTHS = 100
"""Hundredths in one mark."""

_GRAMMAR = re.compile(r"(0|[1-9][0-9]{0,2})(?:\.([0-9]{1,2}))?")


class ScoreMalformed(MalformedInput):
    """A score is not written in the grammar; the message does not repeat it, since scores are personal data."""

    code = "exam/score-format"

    def __init__(self) -> None:
        super().__init__("not a score: expected 0 to 999 with at most two decimals and no trailing zero, such as 79.5")


def parse_score(text: str) -> int:
    """Read a score into whole hundredths: `79.5` is 7950. Raises ScoreMalformed."""
    match = _GRAMMAR.fullmatch(text)
    if match is None or (match[2] or "1").endswith("0"):
        raise ScoreMalformed
    return int(match[1]) * HUNDREDTHS + int((match[2] or "").ljust(2, "0"))


def format_score(score_hundredths: int) -> str:
    """Write whole hundredths (0 to 99999) in the grammar: 7950 is `79.5`."""
    if not 0 <= score_hundredths < 1000 * HUNDREDTHS:
        raise ScoreMalformed
    whole, part = divmod(score_hundredths, HUNDREDTHS)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".")
