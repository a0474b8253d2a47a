"""Rows of sessions and corrections that were taken out or put in whole: what no seal can show."""

from datetime import date

import pytest

from registry.store.sealing import seal
from registry.store.tables import attendance, exam_session, score
from registry.workflows.auditing.audit_examinations import examination_differences
from registry.workflows.examination.correct import confirm_correction, correct_score
from tests.unit.registry.store.attacks import attacked
from tests.unit.registry.workflows.examination_stage import KEYS, stage


@pytest.fixture
def world(tmp_path):
    """A closed session of two candidates, one of them absent, a confirmed sheet and a confirmed correction."""
    made = stage(tmp_path)
    first, second = made.enrol("BLOCKCHAIN", "1", 2)
    session = made.session("BLOCKCHAIN", date(2026, 3, 20))
    made.seat(session, [first, second])
    keys = [one.paper for one in session.papers]
    made.hold(session, {first: keys})
    heading = ",".join(["准考证号", *keys])
    blank = ",".join(["缺考"] * len(keys))
    scores = ",".join(["50"] * len(keys))
    sheet = made.mark(session, f"{heading}\n{first},{scores}\n{second},{blank}\n")
    put_right = correct_score(
        made.store,
        made.clock,
        made.catalogue,
        sheet,
        first,
        paper=keys[0],
        score_hundredths=5100,
        reason="合分有误",
        person="clerk-1",
    )
    confirm_correction(made.store, made.clock, put_right.id, person="clerk-2")
    yield made, tmp_path / "registry.db", session.id, sheet, first, second
    made.store.close()


def found(world):
    with world[0].store.read() as unit:
        return {(one.code, one.subject) for one in examination_differences(unit)}


def test_what_the_commands_leave_behind_has_no_difference(world):
    assert found(world) == set()


def test_an_attendance_that_was_taken_out_is_found(world):
    _, path, session, _, _, second = world
    with attacked(path) as connection:
        connection.execute("DELETE FROM attendance WHERE admission = ?", (second,))
    assert found(world) == {("fsck/session", session)}


def test_a_row_with_a_good_seal_that_was_put_in_is_found(world):
    made, path, session, _, _, second = world
    row = {
        "session": session,
        "admission": second,
        "paper": "dancing",
        "late_seconds": 0,
        "admitted": 0,
        "written_by": "mallory",
        "written_at": 1,
    }
    with attacked(path) as connection:
        sealed = {**row, "seal": seal(KEYS.seal, attendance, row)}
        connection.execute(
            f"INSERT INTO attendance ({', '.join(sealed)}) VALUES ({', '.join('?' * len(sealed))})",
            tuple(sealed.values()),
        )
    assert found(world) == {("fsck/session", session)}
    with made.store.read() as unit:
        assert "attendance" not in {table for table, _ in unit.unsealed_rows()}


def test_a_session_that_was_opened_again_is_found(world):
    _, path, session, *_ = world
    with attacked(path) as connection:
        row = dict(
            zip(
                [one[1] for one in connection.execute("PRAGMA table_info(exam_session)")],
                connection.execute("SELECT * FROM exam_session").fetchone(),
                strict=True,
            )
        )
        row |= {"closed_by": None, "closed_at": None}
        connection.execute(
            "UPDATE exam_session SET closed_by = NULL, closed_at = NULL, seal = ?",
            (seal(KEYS.seal, exam_session, row),),
        )
    assert ("fsck/session", session) in found(world)


def test_a_correction_that_was_taken_out_is_found(world):
    _, path, *_ = world
    with attacked(path) as connection:
        connection.execute("DELETE FROM correction")
    assert found(world) == {("fsck/correction", "K-2026-03-0001")}


def test_a_score_of_who_was_absent_is_found(world):
    _, path, _, sheet, _, second = world
    with attacked(path) as connection:
        columns = [one[1] for one in connection.execute("PRAGMA table_info(score)")]
        taken = connection.execute("SELECT * FROM score WHERE admission = ?", (second,)).fetchone()
        row = dict(zip(columns, taken, strict=True)) | {"hundredths": 9_000}
        connection.execute(
            "UPDATE score SET hundredths = 9000, seal = ? WHERE id = ?", (seal(KEYS.seal, score, row), row["id"])
        )
    assert found(world) == {("fsck/session-sheet", sheet)}
