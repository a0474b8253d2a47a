"""Taking a roster, killed at one instant after another: nothing of it is kept, and the same file is the same roster."""

import multiprocessing
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.demo_data import sample_roster
from registry.programme import load_catalogue
from registry.store import DataKeys, open_database
from registry.workflows.enrolment.enrol import import_roster

pytestmark = pytest.mark.slow

KEYS = DataKeys(data=b"\xd1" * 32, index=b"\x1d" * 32, seal=b"\x5e" * 32)
ROWS = 2_500
PROGRAMME = "AIGC-APP-ENG"


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


def take(path: Path, data: bytes, strike: int | None) -> str:
    """Take a roster; `strike`: be killed once so many rows are written, and not kept yet."""
    store = open_database(path, KEYS)

    def told(done: int, total: int) -> None:
        if strike is not None and done >= min(strike, total):
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        programme = load_catalogue().programme(PROGRAMME)
        return import_roster(store, Clock(), programme, data, person="clerk-1", progress=told).roster.id
    finally:
        store.close()


def kept(path: Path) -> tuple[int, int, int, list[tuple[str, str]]]:
    """Count rosters, applications and entries of the journal; name rows that do not carry their seal."""
    store = open_database(path, KEYS)
    with store.read() as unit:
        rosters, applications = unit.enrolments.rosters(), sum(1 for _ in unit.enrolments.applications())
        found = (len(rosters), applications, unit.journal.size(), list(unit.unsealed_rows()))
    store.close()
    return found


@pytest.mark.parametrize("strike", [1, 2_000, ROWS])
def test_a_roster_that_was_cut_off_leaves_nothing_and_is_taken_whole_the_next_time(tmp_path, strike):
    path, data = tmp_path / "registry.db", sample_roster(count=ROWS)
    open_database(path, KEYS, create=True).close()
    struck = multiprocessing.get_context("spawn").Process(target=take, args=(path, data, strike))
    struck.start()
    struck.join(120)
    assert struck.exitcode == -signal.SIGKILL
    assert kept(path) == (0, 0, 0, [])
    first = take(path, data, None)
    assert kept(path) == (1, ROWS, 1, [])
    assert take(path, data, None) == first, "the same file is the same roster"
    assert kept(path) == (1, ROWS, 1, [])
