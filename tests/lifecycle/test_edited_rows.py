"""Any score and any row of a roster that somebody edits past the registry is named by `audit fsck`."""

import json
import random
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from tests.unit.registry.store.attacks import attacked, edits, primary_key, row_name

pytestmark = pytest.mark.slow

TABLES = ("score", "sheet", "application", "roster")
EDITS = 1


@pytest.fixture(scope="module")
def copied(world, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same installation in another folder, and the node of the first."""
    world.home.store.settle()
    path = tmp_path_factory.mktemp("edited") / "home"
    shutil.copytree(world.home.path, path, ignore=shutil.ignore_patterns("chain.db*", "*.lock", "*.sock"))
    return path, world.node


def fsck(home: Path, node: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["audit", "fsck", "--json", "--node", node, "--home", str(home)])
    json.loads(answer.stdout)
    return answer.exit_code, answer.stdout


def test_nothing_is_named_before_anything_is_edited(copied, world):
    # The registry is shared with other tests: what they left behind is named of the first as of its copy.
    of_copy, of_original = (json.loads(fsck(home, world.node)[1]) for home in (copied[0], world.home.path))
    assert of_copy["differences"] == of_original["differences"]


@pytest.mark.parametrize("table", TABLES)
def test_an_edited_row_is_named(copied, table):
    chance = random.Random(table)
    for _ in range(EDITS):
        with attacked(copied[0] / "registry.db") as connection:
            key = ", ".join(primary_key(connection, table))
            rowid, *name = chance.choice(connection.execute(f"SELECT rowid, {key} FROM {table}").fetchall())
            columns = [one for one in connection.execute(f"PRAGMA table_info({table})").fetchall() if not one[5]]
            _, column, kind, *_ = chance.choice(columns)
            (before,) = connection.execute(f'SELECT "{column}" FROM {table} WHERE rowid = ?', (rowid,)).fetchone()
            after = next(one for one in edits(kind, before) if one != before)
            connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (after, rowid))
        code, told = fsck(*copied)
        assert (code, row_name(tuple(name)) in told) == (1, True), (table, column)
        with attacked(copied[0] / "registry.db") as connection:
            connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (before, rowid))
