"""What the database itself refuses of sessions and corrections, and what is left of them once somebody is erased."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from registry.kernel.identifiers import BatchId, new_certificate_key
from registry.ports.examinations import ScoreCorrection
from registry.store.database import RowRefused
from registry.store.people import PersonErased
from registry.store.sessions import StateMoved
from tests.unit.registry.store.filled import NOW, WHY_CORRECTED


def correction_of(name, sheet, admission):
    return ScoreCorrection(
        id=name,
        sheet=sheet,
        admission=admission,
        paper="comprehensive",
        hundredths=9900,
        function=None,
        function_hundredths=None,
        reason="a better mark",
        entered_by="mallory",
        entered_at=NOW,
    )


def test_the_certified_are_those_of_final_batches(store, contents):
    with store.read() as unit:
        everybody = [one.admission for one in unit.enrolments.applications()]
        of_batch = {one.admission for one in unit.batches.reservations(contents.batch)}
        assert unit.batches.certified(everybody) == of_batch
        assert unit.batches.reserved(everybody) >= of_batch
    assert len(everybody) > len(of_batch) > 0


def test_a_score_is_corrected_before_its_certificate_is_on_its_way_or_after(store, contents):
    refused = "a score of a certificate on its way is never corrected"
    with store.read() as unit:
        recorded, again = unit.batches.reservations(contents.batch)[:2]
        batch = unit.batches.batch(contents.batch)
        before = unit.marks.marked(contents.batch)[recorded.admission]
    on_its_way = replace(
        again, revision=2, key=new_certificate_key(), jti=f"urn:uuid:{uuid4()}", leaf=0, status_list=99
    )
    other = replace(batch, id="B-2026-11-0099", batch=BatchId(bytes(32)), idempotency_key="other", size=1)
    with store.write() as unit:
        unit.batches.reserve(other, [on_its_way])
    with pytest.raises(RowRefused, match=refused), store.write() as unit:
        unit.corrections.add(correction_of("K-2026-11-0009", on_its_way.sheet, on_its_way.admission))
    with store.write() as unit:
        unit.corrections.add(correction_of("K-2026-11-0009", recorded.sheet, recorded.admission))
    with pytest.raises(RowRefused, match=refused), store.write() as unit:
        unit.corrections.confirm("K-2026-11-0009", "carol", NOW)
    with store.write() as unit:
        unit.corrections.confirm("K-2026-11-0009", "carol", NOW + timedelta(seconds=1))
        # It counts from then on, but not for what was signed before.
        assert unit.marks.marked(contents.batch)[recorded.admission] == before
        now = unit.marks.rested_on({recorded.admission: recorded.sheet})[recorded.admission]
        assert [one.hundredths for one in now.marks if one.paper == "comprehensive"] == [9900]


def test_a_correction_is_confirmed_once_and_by_another(store):
    with store.read() as unit:
        (kept,) = unit.corrections.corrections()
    assert (kept.reason, kept.confirmed_by) == (WHY_CORRECTED, "carol")
    with pytest.raises(StateMoved), store.write() as unit:
        unit.corrections.confirm(kept.id, "dave", NOW)
    with store.write() as unit:
        unit.corrections.add(correction_of("K-2026-11-0009", kept.sheet, kept.admission))
    with pytest.raises(RowRefused, match="ck_correction_two_people"), store.write() as unit:
        unit.corrections.confirm("K-2026-11-0009", "MALLORY", NOW)
    with store.write() as unit:
        assert unit.marks.marks(kept.sheet)[0].hundredths == 5100
        unit.corrections.confirm("K-2026-11-0009", "carol", NOW + timedelta(seconds=1))
        assert unit.marks.marks(kept.sheet)[0].hundredths == 9900


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE correction SET confirmed_by = 'x'", "a correction that was confirmed stays as it is"),
        ("UPDATE correction SET hundredths = 1", "a correction that was confirmed stays as it is"),
        ("UPDATE exam_session SET held_on = '2026-01-01'", "a session that was closed stays closed"),
        ("UPDATE exam_session SET closed_by = NULL, closed_at = NULL", "a session that was closed stays closed"),
        ("UPDATE exam_room SET capacity = 1000", "no row of exam_room is ever changed"),
        ("UPDATE seat SET fee = NULL", "no row of seat is ever changed"),
        ("UPDATE attendance SET admitted = 0", "no row of attendance is ever changed"),
        ("UPDATE function_score SET hundredths = 1", "no row of function_score is ever changed"),
        ("UPDATE sheet_session SET session = 'x'", "no row of sheet_session is ever changed"),
        ("UPDATE session_staff SET person = 'x'", "these columns of session_staff never change"),
        ("DELETE FROM seat", "no row of seat is ever deleted"),
        (
            "INSERT INTO session_staff SELECT session, 'other', room, role, person, added_by, added_at, NULL, seal"
            " FROM session_staff",
            "a session that was closed takes no session_staff",
        ),
    ],
)
def test_the_database_itself_refuses_to_rewrite_a_session(database_file, statement, why):
    with closing(sqlite3.connect(database_file)) as connection, pytest.raises(sqlite3.IntegrityError, match=why):
        connection.execute(statement)


def test_the_reason_of_a_correction_goes_with_the_candidate(store):
    with store.write() as unit:
        (kept,) = unit.corrections.corrections()
        unit.enrolments.erase(unit.enrolments.application(kept.admission).person, NOW)
    with store.read() as unit:
        (left,) = unit.corrections.corrections()
        assert (left.reason, left.hundredths, left.confirmed_by) == (None, 5100, "carol")
    with pytest.raises(PersonErased), store.write() as unit:
        unit.corrections.add(correction_of("K-2026-11-0009", kept.sheet, kept.admission))
