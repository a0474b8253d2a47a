"""Another program holds the chain file: what waits for a block names that, shows no trace, and goes on later."""

import logging
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from api.cli import app
from registry.anchor.states import AnchorState
from registry.ports import NoBlocks
from tests.lifecycle.batch_house import House, make_examined


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(make_examined(tmp_path_factory.mktemp("examined") / "home"))


def issue(house: House, name: str) -> BaseException | None:
    found = CliRunner().invoke(app, ["batch", "issue", name, "--wait", "1", "--home", str(house.path)])
    return found.exception


def test_a_command_that_waits_for_a_block_names_why_none_comes(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("node.embedded.storage._WRITER_WAITS_SECONDS", 0.1)
    name = house.approved("1")
    with caplog.at_level(logging.WARNING), closing(sqlite3.connect(house.path / "chain.db")) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        refused = issue(house, name)
    assert isinstance(refused, NoBlocks), refused
    assert "database is locked" in str(refused)
    told = [one for one in caplog.records if one.name.startswith("node.")]
    assert ["no block can be sealed" in one.getMessage() for one in told] == [True]
    assert not any(one.exc_info for one in caplog.records)
    # What was sent is the same, and goes on: nothing has to be mended.
    with house.home.store.read() as unit:
        assert unit.batches.batch(name).state is AnchorState.SENT
    house.goes_on(name, "sent", "delivered")


def test_control_while_blocks_come_nothing_is_named(house: House) -> None:
    name = house.approved("2")
    assert not isinstance(issue(house, name), NoBlocks)
    with house.home.store.read() as unit:
        assert unit.batches.batch(name).state is AnchorState.FINAL
