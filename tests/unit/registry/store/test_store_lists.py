"""What lists and to-do lists ask of the store: a page, a count, and who made what, in one question that is indexed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import event

from registry.anchor.progress import Target
from registry.kernel.identifiers import BatchId, Digest
from registry.ports.replacements import Corrected, Replacement, ReplacementKind
from registry.ports.storage import Sheet, SheetReturn
from registry.store import Database
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.store.filled import NOW


@pytest.fixture
def store(opened, database_file) -> Database:
    return opened(database_file)


@pytest.fixture
def asked(store) -> Iterator[list[tuple[str, object]]]:
    """Every statement that is executed, with its values."""
    found: list[tuple[str, object]] = []

    def note(connection, cursor, statement, parameters, context, executemany) -> None:
        found.append((statement, parameters))

    with store.read() as unit:
        engine = unit.enrolments._session.connection.engine
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def numbered(count: int) -> Iterator[tuple[str, Digest]]:
    for one in range(count):
        yield f"9999-{one:04d}", Digest(one.to_bytes(32))


def test_a_page_of_rosters_is_the_newest_and_holds_no_more_than_is_asked_for(store) -> None:
    with store.read() as unit:
        (before, *_) = unit.enrolments.rosters()
    with store.write() as unit:
        for name, digest in numbered(12):
            unit.enrolments.add_roster(replace(before, id=f"R-{name}", file_digest=digest), [])
    with store.read() as unit:
        every = unit.enrolments.rosters()[::-1]
        pages = [unit.enrolments.newest_rosters(first=first, most=5) for first in range(0, len(every), 5)]
        assert [one for page in pages for one in page] == every
        assert {len(page) for page in pages[:-1]} == {5}
        assert unit.enrolments.count_rosters() == len(every) > 12
        assert unit.enrolments.programme_digests() == {one.programme_digest for one in every}
        assert unit.enrolments.newest_rosters(first=len(every), most=5) == []


def test_a_page_of_sheets_is_the_newest_and_those_that_wait_are_counted(store) -> None:
    with store.write() as unit:
        for name, digest in numbered(12):
            sheet = Sheet(
                id=f"S-{name}",
                file_digest=digest,
                examined_on=NOW.date(),
                rows=0,
                entered_by="alice",
                entered_at=NOW,
                confirmed_by=None,
                confirmed_at=None,
            )
            unit.marks.add_sheet(sheet, [])
        unit.marks.confirm("S-9999-0003", "bob", NOW)
        unit.marks.send_back("S-9999-0004", SheetReturn(by="bob", at=NOW, reason="again"))
    with store.read() as unit:
        every = unit.marks.sheets()
        pages = [unit.marks.newest_sheets(first=first, most=5) for first in range(0, len(every), 5)]
        assert [one for page in pages for one in page] == every[::-1]
        waiting = unit.marks.waiting_sheets()
        assert waiting == [one for one in every if one.waits]
        assert {"S-9999-0003", "S-9999-0004"}.isdisjoint(one.id for one in waiting)
        assert (unit.marks.count_sheets(), unit.marks.count_sheets(waiting=True)) == (len(every), len(waiting))


def test_who_made_batches_is_one_question_that_is_answered_by_indexes(store, database_file, asked) -> None:
    with store.write() as unit:
        (of, *_) = unit.batches.batches()
        old = unit.batches.by_leaf(of.batch, 7).reservation
        asked_for = Replacement(
            id="X-9999",
            kind=ReplacementKind.CORRECTION,
            number=old.number,
            revision=1,
            corrected={Corrected.NAME: "欧阳子夏"},
            reason="misspelt",
            asked_by="carol",
            asked_at=NOW,
            jti=old.jti,
        )
        unit.replacements.add(asked_for)
        unit.replacements.place(asked_for.id, of.id, 6)
        (supersession,) = unit.status_requests.onto(BatchId(bytes(32)))
        target = Target(number=old.number, revision=1, leaf=7, successor=6)
        other = replace(supersession, id="C-9999", certificates=(target,), requested_by="dave", new_batch=of.batch)
        unit.status_requests.add(other)
    with store.read() as unit:
        batches = unit.batches.batches()
        made = {one.batch: {one.proposed_by} for one in batches}
        for one in batches:
            made[one.batch] |= {of.asked_by for of in unit.replacements.into(one.id).values()}
            made[one.batch] |= {of.requested_by for of in unit.status_requests.onto(one.batch)}
    assert made[of.batch] == {"alice", "carol", "dave"}
    asked.clear()
    with store.read() as unit:
        found = unit.replacements.makers([*made, BatchId(b"?" * 32)])
    assert found == {**made, BatchId(b"?" * 32): set()}
    ((question, values),) = [one for one in asked if one[0].lstrip("( ").startswith("SELECT")]
    with attacked(database_file) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}", values)]
    assert [step for step in plan if step.startswith("SCAN")] == []
