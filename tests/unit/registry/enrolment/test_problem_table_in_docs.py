"""docs/programmes.md lists every code of rosters and score sheets exactly as the code has it."""

from pathlib import Path

import pytest

from registry.assessment import SCORE_NOTICES, SCORE_PROBLEMS
from registry.enrolment import COLUMNS, MORE_COLUMNS, ROSTER_NOTICES, ROSTER_PROBLEMS

DOCS = (Path(__file__).parents[4] / "docs" / "programmes.md").read_text(encoding="utf-8")


def table_lines(kinds, notices):
    return [
        f"| `{kind.code}`{' (notice)' if slug in notices else ''} | {kind.reason.zh}<br>{kind.reason.en} "
        f"| {kind.remedy.zh}<br>{kind.remedy.en} |"
        for slug, kind in kinds.items()
    ]


@pytest.mark.parametrize(
    ("stage", "kinds", "notices"),
    [("enrol", ROSTER_PROBLEMS, ROSTER_NOTICES), ("exam", SCORE_PROBLEMS, SCORE_NOTICES)],
)
def test_the_table_in_the_docs_is_the_one_in_the_code(stage, kinds, notices):
    documented = [line for line in DOCS.splitlines() if line.startswith(f"| `{stage}/")]
    assert documented == table_lines(kinds, notices)


def test_every_column_is_documented_with_all_its_headings():
    for column in (*COLUMNS, *MORE_COLUMNS):
        line = next(line for line in DOCS.splitlines() if line.startswith(f"| {column.headings[0]} |"))
        assert all(heading in line for heading in column.headings), column.key
        assert ("required" in line) == column.required


@pytest.mark.parametrize("kinds", [ROSTER_PROBLEMS, SCORE_PROBLEMS])
def test_texts_are_short_and_in_the_tone_of_the_product(kinds):
    for kind in kinds.values():
        for text in (kind.reason, kind.remedy):
            assert 1 <= len(text.zh) <= 60
            assert 1 <= len(text.en) <= 120
            assert not set(text.zh + text.en) & set("！!")
            assert not text.zh.endswith("。")
            assert not text.en.endswith(".")
