"""What pages of the console show of people: enough to find the row or the person again, never the whole.

A name keeps its first character, a number its first and its last, an address its first character. A cell that says a
word its column knows is shown as it is; any other may hold anything, a neighbour's number among them, and is covered.
"""

import re
from typing import Final

from registry.assessment.reading import says_a_score
from registry.credential.v1 import masked
from registry.enrolment import says_a_known_word
from registry.programme import Programme

COVER: Final = "＊"
_YEAR: Final = re.compile(r"[0-9]{4}(?![0-9]{5})")
_WORD: Final = re.compile(r"\w", re.UNICODE)


def covered_name(name: str) -> str:
    """Cover a name: 李知行 → 李＊, Anna → A＊."""
    return name[:1] + COVER if name else ""


def covered_number(number: str) -> str:
    """Cover a number of a document, a telephone, a certificate: 440301199703155219 → 4*************5219."""
    return masked(number) if len(number) >= 4 else covered_name(number)


def covered_cell(key: str, text: str, programme: Programme) -> str:
    """Cover a cell of a roster or a score sheet under the column `key`."""
    papers = {word for paper in programme.papers for word in (paper.key, paper.name.zh, paper.name.en)}
    if says_a_known_word(key, text, programme) or says_a_score(key, text) or (key == "paper" and text in papers):
        return text
    match key:
        case "identity_number" | "phone" | "held" | "admission":
            return covered_number(text)
        case "birth_date" if _YEAR.match(text):
            return text[:4] + _WORD.sub("*", text[4:])
        case "email":
            return f"{text[:1]}***"
        case _:
            return covered_name(text)
