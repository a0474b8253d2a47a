"""Several certificates at once: one number with its holder's name a line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.pages.catalogue import Catalogue
from api.pages.verdict import PANELS, Panel, short_sentence
from api.verifier import Doors, TooManyLookups
from api.verifier.router import judge_lookup

MOST_ROWS: Final = 20
"""More than these need an account."""
_NUMBER_CHARACTERS, _NAME_CHARACTERS = 64, 200
_SEPARATOR = re.compile(r"[\s,，、;；]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRow:
    """One line as it was typed."""

    number: str
    name: str
    """Empty where the line has no second part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow:
    """One line with its verdict in words; `outcome` and `panel` are empty where nothing was judged."""

    asked: AskedRow
    outcome: str
    panel: Panel | None
    word: str
    text: str


def rows_in(text: str) -> tuple[AskedRow, ...]:
    """Cut a text into its lines; between number and name stand spaces, a comma or a tab."""
    rows = []
    for line in text.splitlines():
        number, *rest = _SEPARATOR.split(line.strip(), maxsplit=1)
        if number:
            rows.append(AskedRow(number=number, name=rest[0] if rest else ""))
    return tuple(rows)


def judged_rows(doors: Doors, source: str, rows: Sequence[AskedRow], words: Catalogue) -> tuple[JudgedRow, ...]:
    """Judge each row within the limits of look-ups; a row above them says so and judges nothing."""
    return tuple(_judged(doors, source, row, words) for row in rows)


def _judged(doors: Doors, source: str, row: AskedRow, words: Catalogue) -> JudgedRow:
    if not row.name or len(row.number) > _NUMBER_CHARACTERS or len(row.name) > _NAME_CHARACTERS:
        return _not_judged(row, words.text("list.incomplete"), words.text("list.incomplete_text"))
    try:
        report = judge_lookup(doors, source, row.number, row.name)
    except TooManyLookups as error:
        wait = words.age(error.retry_after_seconds)
        return _not_judged(row, words.text("list.later"), words.text("list.later_text", wait=wait))
    test = any(one.kind.value == "test-chain" for one in report.notices)
    return JudgedRow(
        asked=row,
        outcome=report.outcome.value,
        panel="plain" if test and report.outcome.value == "valid" else PANELS[report.outcome],
        word=words.text("list.test")
        if test and report.outcome.value == "valid"
        else words.text(f"outcomes.{report.outcome}.word"),
        text=short_sentence(report, words),
    )


def _not_judged(row: AskedRow, word: str, text: str) -> JudgedRow:
    return JudgedRow(asked=row, outcome="", panel=None, word=word, text=text)
