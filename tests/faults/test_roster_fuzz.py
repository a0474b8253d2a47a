"""Rosters of every programme, spoilt at random: each is refused whole with reasons, or taken whole; nothing crashes."""

import random
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Final

import pytest

from registry.enrolment import RosterUnreadable, RowsRefused, columns_of
from registry.enrolment.workbook import as_text
from registry.programme import Programme, load_catalogue
from registry.store import DataKeys, open_database
from registry.workflows.enrolment.enrol import check_roster, import_roster

KEYS: Final = DataKeys(data=b"\xd1" * 32, index=b"\x1d" * 32, seal=b"\x5e" * 32)
CATALOGUE: Final = load_catalogue()
HOSTILE: Final = (
    "",
    "=1+1",
    "\0",
    '"',
    "\ud7ff",
    "𬱖" * 50,
    "9" * 300,
    "-1",
    "２０２６",
    "1e9",
    "NaN",
    "\u202e",
    "a\r\nb",
)
CELLS: Final = {
    "name": ("安小雨", "鲍知行", "欧阳若溪"),
    "education": ("初中", "高中", "大专", "本科"),
    "work_years": ("1", "0.5", "18个月"),
    "employer": ("某公司",),
    "phone": ("13800000000",),
    "email": ("an@example.cn",),
    "direction": ("大数据处理", "智能生产管控"),
    "title": ("技术员", "工程师"),
    "degrees": ("学士学位", "硕士学位、博士学位"),
    "contest": ("某赛",),
    "edition": ("第二届",),
    "event": ("某项",),
    "rank": ("一等奖",),
}


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def identity_number(chance: random.Random) -> str:
    born = f"19{chance.randrange(60, 99)}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}"
    body = f"110105{born}{chance.randrange(1000):03d}"
    return body + "10X98765432"[sum(int(digit) * pow(2, 17 - at, 11) for at, digit in enumerate(body)) % 11]


def roster_of(programme: Programme, chance: random.Random) -> list[list[str]]:
    """Write a good roster of a few rows, as far as a table of cells can know what is good."""
    columns = columns_of(programme)
    rows = [[one.headings[0] for one in columns]]
    for _ in range(chance.randrange(1, 8)):
        filled = []
        for one in columns:
            if one.key == "identity_number":
                filled.append(identity_number(chance))
            elif one.key == "level":
                filled.append(chance.choice(programme.levels).name.zh)
            elif one.required or chance.random() < 0.4:
                filled.append(chance.choice(CELLS.get(one.key, ("",))))
            else:
                filled.append("")
        rows.append(filled)
    return rows


def spoil_cells(rows: list[list[str]], chance: random.Random) -> None:
    for _ in range(chance.randrange(0, 3)):
        row = chance.choice(rows)
        match chance.randrange(5):
            case 0:
                row[chance.randrange(len(row))] = chance.choice(HOSTILE)
            case 1:
                row.pop(chance.randrange(len(row)))
            case 2:
                rows.append(list(row))
            case 3:
                chance.shuffle(row)
            case _:
                row.append(chance.choice(HOSTILE))
        rows[:] = [one or [""] for one in rows]


def written(rows: list[list[str]], chance: random.Random) -> bytes:
    separator, end = chance.choice(",;\t"), chance.choice(("\n", "\r\n", "\r"))
    encoding = chance.choice(("utf-8", "utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "big5"))
    return end.join(separator.join(row) for row in rows).encode(encoding, "replace")


def spoil_bytes(data: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(data)
    spoils: tuple[Callable[[], object], ...] = (
        lambda: spoilt.__setitem__(chance.randrange(len(spoilt)), chance.randrange(256)),
        lambda: spoilt.insert(chance.randrange(len(spoilt)), chance.randrange(256)),
        lambda: spoilt.__delitem__(slice(chance.randrange(len(spoilt)), None)),
        lambda: spoilt.extend(chance.randbytes(20)),
        lambda: spoilt.__setitem__(slice(0, 4), b"PK\x03\x04"),
    )
    for _ in range(chance.choice((0, 0, 0, 1, 1, 3))):
        if spoilt:
            chance.choice(spoils)()
    return bytes(spoilt)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(1, 10))])
def test_a_hundred_spoilt_rosters_are_refused_or_taken_whole(tmp_path, seed):
    chance = random.Random(seed)
    store = open_database(tmp_path / "registry.db", KEYS, create=True)
    taken = people = 0
    for _ in range(100):
        programme = CATALOGUE.programme(chance.choice(CATALOGUE.codes()))
        rows = roster_of(programme, chance)
        spoil_cells(rows, chance)
        data = as_text(spoil_bytes(written(rows, chance), chance))
        reading = check_roster(store, Clock(), programme, data)
        good_only = chance.random() < 0.3
        refused = bool(reading.problems) and not (good_only and not reading.file_refused)
        kind = RosterUnreadable if reading.file_refused else RowsRefused
        with pytest.raises(kind) if refused else nullcontext():
            roster = import_roster(store, Clock(), programme, data, person="clerk-1", good_rows_only=good_only).roster
            assert roster.rows == len(reading.candidates)
            taken, people = taken + 1, people + roster.rows
        with store.read() as unit:
            assert len(unit.enrolments.rosters()) == taken
            assert sum(unit.enrolments.tally().values()) == people
    with store.read() as unit:
        assert list(unit.unsealed_rows()) == []
    store.close()
    assert 5 <= taken <= 95, "both happen"
