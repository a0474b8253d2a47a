"""What is read page by page is found in the order of its pages: a page that were sorted out of all rows would make the
whole take the square of their number.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from registry.kernel.identifiers import BatchId
from registry.store import Database, open_database, sessions
from registry.store.piecework import _WAITING
from registry.store.sessions import Session
from registry.store.tables import certificate
from tests.unit.registry.store.filled import KEYS, fill

READERS = {
    "applications": lambda unit: unit.enrolments.applications(),
    "of a roster": lambda unit: unit.enrolments.applications(roster="R-2026-11-0001"),
    "undecided of a roster": lambda unit: unit.enrolments.applications(roster="R-2026-11-0001", undecided=True),
    "eligible of a level": lambda unit: unit.enrolments.applications(level="3", eligible=True),
    "marked": lambda unit: unit.marks.marked("B-2026-11-0001"),
    "overridden": lambda unit: unit.judgements.overridden(),
    "certificates": lambda unit: unit.batches.certificates(),
    "of a batch": lambda unit: unit.batches.certificates(batch_id="B-2026-11-0001"),
    "reservations": lambda unit: unit.batches.reservations("B-2026-11-0001"),
    "digests": lambda unit: unit.batches.digests("B-2026-11-0001"),
    "leaves": lambda unit: unit.batches.leaves("B-2026-11-0001"),
    "places": lambda unit: unit.batches.status_places(BatchId(b"x" * 32)),
    "journal": lambda unit: unit.journal.entries(),
    "records": lambda unit: unit.projection.records(),
}


def plan_of(session: Session, question: str) -> str:
    return "; ".join(row[3] for row in session.driver.execute(f"EXPLAIN QUERY PLAN {question}"))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("paging") / "registry.db"
    fill(path)
    with closing(open_database(path, KEYS)) as store:
        yield store


@pytest.fixture
def plans(monkeypatch) -> list[str]:
    """How the first page and those after it are found, of all that is read by pages."""
    found: list[str] = []

    def pages(self, query, after, first, *others, at_once=1_000):
        for one in (query, query.where(after > "0")):
            asked = one.order_by(after).limit(at_once)
            found.append(
                plan_of(self, str(asked.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})))
            )
        return iter(())

    monkeypatch.setattr(Session, "pages", pages)
    return found


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_no_page_is_sorted_out_of_all_rows(store, plans, reader):
    with store.read() as unit:
        list(reader(unit))
    assert len(plans) >= 2
    assert not [one for one in plans if "ORDER BY" in one]


def test_who_waits_for_a_certificate_is_found_in_the_order_of_admission(store):
    with store.read() as unit:
        asked = _WAITING
        for name in ("programme", "level", "after"):
            asked = asked.replace(f":{name}", "'0'")
        plan = plan_of(unit._session, asked.replace(":rosters", "'[]'").replace(":most", "10"))
    assert "ix_application_programme_level_eligible_admission (programme=? AND level=? AND eligible=? AND" in plan
    assert "ORDER BY" not in plan


@pytest.mark.parametrize("reader", ["seals", "reservations"])
def test_what_is_read_in_transactions_of_its_own_is_found_by_number(store, monkeypatch, reader):
    monkeypatch.setattr(sessions, "AT_ONCE", 2)
    asked: list[str] = []
    with store.read() as unit:
        driver = unit._session.driver
        piece = unit.pieces.drawn("B-2026-11-0001", 2)[1]
        driver.set_trace_callback(asked.append)
        if reader == "seals":
            looked = None
            while (looked := unit.unsealed_page(looked)[1]) is not None:
                pass
        else:
            assert len(unit.batches.reservations_of("B-2026-11-0001", piece)) == piece.size
        driver.set_trace_callback(None)
        plans = [plan_of(unit._session, one) for one in asked if "certificate" in one and "LIMIT 1 " not in one]
    assert any("SEARCH certificate USING INTEGER PRIMARY KEY (rowid>?" in one for one in plans)
    assert not [one for one in plans if "ORDER BY" in one]


def test_a_page_that_is_sorted_is_noticed(store, plans):
    with store.read() as unit:
        list(unit._session.pages(select(certificate).where(certificate.c.batch == "B"), certificate.c.id, certificate))
    assert all("USE TEMP B-TREE FOR ORDER BY" in one for one in plans)
