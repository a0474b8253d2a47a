"""Sheets that were returned: what no longer counts, who can read why, and databases from before there were any."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine

from api.demo_data import sample_roster, sample_scores
from registry.assessment import ReasonMissing
from registry.audit import Difference
from registry.programme import load_catalogue
from registry.store import open_database
from registry.store.database import RowRefused
from registry.store.migrating import _config
from registry.store.sealing import seal_of_columns
from registry.store.sessions import micros
from registry.workflows.auditing.audit import Auditor
from registry.workflows.enrolment.enrol import check_roster, decide_applications, import_roster
from registry.workflows.examination.assess import (
    FileEnteredElsewhere,
    SheetConfirmed,
    SheetReturned,
    confirm_sheet,
    record_scores,
    return_sheet,
)
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import ISSUER, KEYS, NOW, PROGRAMME, SettableClock
from tests.unit.registry.store.new_database import new_database

BEFORE = "20261122_0004"
REASON = "第12行与签字的原始成绩不符"
CLOCK = SettableClock()
CATALOGUE = load_catalogue()
OF = CATALOGUE.programme(PROGRAMME)


class Case:
    """A database with a sheet that waits for its second person."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = new_database(path)
        self.roster = sample_roster(count=8)
        import_roster(self.store, CLOCK, OF, self.roster, person="alice")
        decide_applications(self.store, CLOCK, CATALOGUE, ISSUER, person="alice")
        with self.store.read() as unit:
            self.awaited = unit.marks.awaited(PROGRAMME)
        self.scores = sample_scores(self.awaited)
        self.first = self.enter()

    def enter(self, day: int = 8) -> str:
        return record_scores(self.store, CLOCK, OF, self.scores, examined_on=date(2026, 11, day), person="bob").sheet.id

    def send_back(self, person: str = "carol", reason: str = REASON) -> None:
        return_sheet(self.store, CLOCK, self.first, reason=reason, person=person)

    def differences(self) -> list[Difference]:
        auditor = Auditor(store=self.store, catalogue=CATALOGUE, issuer=ISSUER, key_of=lambda _: None, ledger=None)
        return list(auditor.fsck().differences)


@pytest.fixture
def case(tmp_path):
    made = Case(tmp_path / "registry.db")
    yield made
    made.store.close()


def test_candidates_of_a_returned_sheet_wait_again_and_are_still_enrolled(case):
    with case.store.read() as unit:
        assert unit.marks.awaited(PROGRAMME) == {}
    assert check_roster(case.store, CLOCK, OF, case.roster + b"\r\n").candidates
    case.send_back()
    with case.store.read() as unit:
        assert unit.marks.awaited(PROGRAMME) == case.awaited
    again = check_roster(case.store, CLOCK, OF, case.roster + b"\r\n")
    assert sum(one.code == "enrol/already-enrolled" for one in again.problems) >= len(case.awaited)


def test_the_same_file_is_the_same_sheet_until_it_is_returned(case):
    assert case.enter() == case.first
    case.send_back()
    second = case.enter(day=9)
    assert second != case.first
    assert case.enter(day=9) == second
    with pytest.raises(FileEnteredElsewhere) as reused:  # the same file, and another examination
        case.enter(day=10)
    assert reused.value.earlier == second
    with case.store.read() as unit:
        assert [(one.id, one.examined_on.day, one.waits) for one in unit.marks.sheets()] == [
            (case.first, 8, False),
            (second, 9, True),
        ]
    confirm_sheet(case.store, CLOCK, second, person="carol")
    with case.store.read() as unit:
        found = list(unit.marks.confirmed(PROGRAMME, "1"))
        assert found
        assert {one.sheet.id for one in found} == {second}


def test_a_returned_sheet_is_never_confirmed_and_a_confirmed_one_never_returned(case):
    case.send_back()
    with pytest.raises(SheetReturned) as refused:
        confirm_sheet(case.store, CLOCK, case.first, person="carol")
    assert (refused.value.code, refused.value.sheet) == ("exam/returned-before", case.first)
    with pytest.raises(SheetReturned):
        case.send_back()
    second = case.enter()
    confirm_sheet(case.store, CLOCK, second, person="carol")
    with pytest.raises(SheetConfirmed):
        return_sheet(case.store, CLOCK, second, reason=REASON, person="carol")


def test_who_entered_a_sheet_may_take_it_back(case):
    case.send_back(person="bob")
    with case.store.read() as unit:
        assert unit.marks.sheet(case.first).returned.by == "bob"
        last = list(unit.journal.entries())[-1]
    assert (last.action, last.subject, last.detail) == (
        "exam.return",
        case.first,
        {"rows": len(case.awaited), "own": 1},
    )


@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "长" * 201, "a\u202eb"])
def test_a_return_without_a_reason_in_one_line_is_refused(case, reason):
    with pytest.raises(ReasonMissing):
        case.send_back(reason=reason)
    with case.store.read() as unit:
        assert unit.marks.sheet(case.first).waits


def test_the_reason_is_read_by_people_and_stands_nowhere_else(case):
    case.send_back(reason=f"  {REASON} ")
    with case.store.read() as unit:
        returned = unit.marks.sheet(case.first).returned
        assert returned.reason == REASON
        assert REASON not in repr(returned)
        assert REASON not in "".join(str(entry) for entry in unit.journal.entries())
    case.store.settle()
    assert REASON.encode() not in case.path.read_bytes()


def test_erasing_somebody_on_the_sheet_forgets_the_reason(case):
    case.send_back()
    with case.store.write() as unit:
        person = unit.enrolments.application(next(iter(case.awaited))).person
        unit.enrolments.erase(person, NOW)
    with case.store.read() as unit:
        returned = unit.marks.sheet(case.first).returned
        assert (returned.by, returned.reason) == ("carol", None)
        assert list(unit.unsealed_rows()) == []


def test_fsck_names_a_return_that_was_taken_out_and_one_that_was_put_in(case):
    case.send_back()
    assert case.differences() == []
    with attacked(case.path) as connection:
        row = connection.execute("SELECT * FROM sheet_return").fetchone()
        connection.execute("DELETE FROM sheet_return")
    found = {(one.code, one.subject, one.found) for one in case.differences() if one.code == "fsck/sheet"}
    assert found == {("fsck/sheet", case.first, "not")}
    with attacked(case.path) as connection:
        connection.execute("INSERT INTO sheet_return VALUES (?, ?, ?, ?, ?, ?)", row)
    assert [one for one in case.differences() if one.code == "fsck/sheet"] == []


def old_rows() -> list[tuple[str, dict[str, Any]]]:
    """A sheet with a mark as the version before kept them."""
    person = {"id": "p" * 32, "identity_type": "passport", "identity_index": None, "wrapped_key": None}
    person |= {"identity_number": None, "created_at": micros(NOW), "erased_at": micros(NOW)}
    roster = {"id": "R-2026-11-0001", "programme": PROGRAMME, "programme_version": "2026.1"}
    roster |= {"programme_digest": bytes(OF.digest), "file_digest": b"r" * 32, "rows": 1}
    roster |= {"imported_by": "alice", "imported_at": micros(NOW)}
    application = {"admission": "26110001000001", "roster": roster["id"], "line": 2, "person": person["id"]}
    application |= {"programme": PROGRAMME, "level": "1", "evidence": None, "eligible": 1, "rule": "1"}
    application |= {"findings": None, "decided_by": "alice", "decided_at": micros(NOW)}
    sheets = [
        {
            "id": f"S-2026-11-000{one}",
            "file_digest": bytes([one]) * 32,
            "examined_on": "2026-11-08",
            "rows": 1,
            "entered_by": "bob",
            "entered_at": micros(NOW) + one,
            "confirmed_by": "carol" if one == 1 else None,
            "confirmed_at": micros(NOW) if one == 1 else None,
        }
        for one in (1, 2)
    ]
    score = {"id": 1, "sheet": "S-2026-11-0001", "admission": application["admission"], "paper": "x", "hundredths": 80}
    plain = [("person", person), ("roster", roster), ("application", application)]
    plain += [("sheet", one) for one in sheets] + [("score", score)]
    return [(table, {**row, "seal": seal_of_columns(KEYS.seal, table, row)}) for table, row in plain]


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        config = _config()
        config.attributes |= {"connection": connection, "seal_key": KEYS.seal}
        command.upgrade(config, BEFORE)
    engine.dispose()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        for table, row in old_rows():
            columns, places = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(row.values()))
    path.chmod(0o600)
    return path


def test_sheets_of_an_older_version_are_all_there_after_the_upgrade(old):
    store = open_database(old, KEYS, create=True)
    with store.read() as unit:
        first, second = unit.marks.sheets()
        assert (first.id, first.confirmed_by, first.returned) == ("S-2026-11-0001", "carol", None)
        assert (second.id, second.waits) == ("S-2026-11-0002", True)
        assert [one.hundredths for one in unit.marks.marks(first.id)] == [80]
        assert list(unit.unsealed_rows()) == []
    return_sheet(store, CLOCK, second.id, reason=REASON, person="carol")
    store.close()
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_still_makes_one_sheet_that_counts_after_the_upgrade(old):
    store = open_database(old, KEYS, create=True)
    with store.read() as unit:
        (first, _) = unit.marks.sheets()
    with pytest.raises(RowRefused, match="another sheet that counts"), store.write() as unit:
        unit.marks.add_sheet(type(first)(**{**_fields(first), "id": "S-2026-11-0003", "confirmed_by": None}), [])
    store.close()


def _fields(sheet: Any) -> dict[str, Any]:
    return {name: getattr(sheet, name) for name in sheet.__dataclass_fields__}
