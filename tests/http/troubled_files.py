"""Rosters and score sheets with every sort of trouble, and what of them must never be shown again."""

import csv
import io
from collections.abc import Callable

from api.demo_data import sample_roster

Row = dict[str, str]
HOSTILE = '<img src=x onerror="alert(1)">'


def rows_of(data: bytes) -> list[Row]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def file_of(rows: list[Row], codec: str = "utf-8-sig") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(codec)


def _exchanged(number: str) -> str:
    return number[:-1] + ("0" if number[-1] != "0" else "1")


TROUBLE: tuple[Callable[[Row], Row], ...] = (
    lambda row: row | {"证件号码": _exchanged(row["证件号码"])},
    lambda row: row | {"姓名": HOSTILE},
    lambda row: row | {"姓名": "", "级别": "特级"},
    lambda row: row | {"姓名": "=HYPERLINK(1)"},
    lambda row: row | {"证件号码": "4.40301E+17"},
    lambda row: row | {"级别": row["证件号码"]},
    lambda row: row | {"出生日期": "1997-13"},
    lambda row: row | {"文化程度": "张三丰的学历"},
    lambda row: row | {"从业年限": "很久"},
    lambda row: row | {"姓名": "王\u200b小明"},
)
"""One fault or more each, in the order of the lines from 2 on."""


def troubled_roster(count: int = 40, *, seed: int = 20261108, codec: str = "utf-8-sig") -> bytes:
    """Spoil one row for each trouble; the others stay good, and one comes twice."""
    rows = rows_of(sample_roster(seed=seed, count=count))
    spoilt = [trouble(row) for trouble, row in zip(TROUBLE, rows, strict=False)]
    return file_of([*spoilt, *rows[len(spoilt) :], rows[-1]], codec)


def personal_of(data: bytes) -> set[str]:
    """What a roster says of people: never in an address, a log or the clear on a page."""
    return {
        row[column]
        for row in rows_of(data)
        for column in ("姓名", "证件号码", "电话", "邮箱", "拼音姓名")
        if len(row.get(column) or "") > 1
    }


def troubled_scores(good: bytes) -> bytes:
    """Spoil the first rows of a score sheet: no score, more than full marks, nobody's number, a name for a number."""
    rows = rows_of(good)
    score, admission = "成绩", "准考证号"
    spoilt = [
        rows[0] | {score: "八十"},
        rows[1] | {score: "180"},
        rows[2] | {admission: "440301199703155219"},
        rows[3] | {admission: HOSTILE},
    ]
    return file_of([*spoilt, *rows[4:], rows[-1]])
