"""Reconciling by command and by a desk that starts: restored databases, another chain, work that was cut off."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.setup import demo_installation, running_node
from api.founding import make_installation
from api.wiring import Home
from registry.anchor.differences import Name
from registry.anchor.states import AnchorState
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import propose
from tests.lifecycle.batch_house import PROGRAMME, House, make_examined

CHAIN = ("chain.db", "chain.db-wal", "chain.db-shm")


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_examined(tmp_path_factory.mktemp("examined") / "home")


@pytest.fixture
def house(examined: Path, tmp_path: Path) -> House:
    return House(Path(shutil.copytree(examined, tmp_path / "home")))


def put_chain(house: House, chain: Path) -> None:
    for name in CHAIN:
        (house.path / name).unlink(missing_ok=True)
        if (chain / name).exists():
            shutil.copy(chain / name, house.path / name)


def restored(house: House, to: Path) -> House:
    """A copy of the whole folder as it is now."""
    return House(Path(shutil.copytree(house.path, to)))


def differences(house: House, *words: str, exit_code: int = 0) -> list[tuple[str, str, bool]]:
    told = json.loads(house.run("reconcile", "--json", *words, exit_code=exit_code))
    return [(one["code"], one["subject"], one["done"]) for one in told["differences"]]


def open_alarms(house: House) -> list[dict[str, str]]:
    return json.loads(house.run("halt", "show", "--json", exit_code=3))


def lift_all(house: House, *words: str, exit_code: int = 0) -> None:
    names = [one["id"] for one in open_alarms(house)]
    told = ("--reason", "looked at, it is known", "--as", "operator-1")
    house.run("halt", "lift", *names, *told, *words, exit_code=exit_code)


def test_a_database_from_before_the_record_is_brought_up_to_the_chain(house: House, tmp_path: Path) -> None:
    assert differences(house) == []
    name = house.approved("1")
    older = restored(house, tmp_path / "older")
    house.run("batch", "issue", name)
    put_chain(older, house.path)
    assert differences(older, "--dry-run") == [(Name.RECORDED, name, False)]
    assert older.stands(name)[0] == "approved"  # a dry run mends nothing
    assert differences(older) == [(Name.RECORDED, name, True)]
    assert older.stands(name)[0] == "undelivered"
    assert differences(older) == [(Name.UNDELIVERED, name, True)]
    assert older.stands(name)[0] == "delivered"
    assert differences(older) == []
    shelves = [sorted(path.name for path in (one.path / "delivered").iterdir()) for one in (house, older)]
    assert shelves[0] == shelves[1] != []
    assert (
        "no difference" in older.run("audit", "fsck") or json.loads(older.run("audit", "fsck", "--json"))["consistent"]
    )


def test_what_a_clock_ahead_has_dated_is_delivered_once_the_alarm_is_lifted(house: House) -> None:
    home = house.home
    ahead = MagicMock(now=lambda: home.clock.now() + timedelta(hours=30))
    batch = propose(
        home.store, ahead, home.catalogue, home.body, home.credential_signer(),
        programme=PROGRAMME, level="1", person="maker-1",
    )  # fmt: skip
    approve(home.store, home.clock, home.catalogue, home.key_of, home.approver(), batch.id, person="approver-1")
    home.store.close()
    house.run("batch", "issue", batch.id, exit_code=3)
    assert [(one["code"], one["subject"]) for one in open_alarms(house)] == [(Name.DATED_AHEAD, batch.id)]
    house.run("batch", "issue", batch.id, exit_code=3)
    differences(house, exit_code=1)
    assert not any((house.path / "delivered").glob("*"))
    lift_all(house)
    assert json.loads(house.run("batch", "issue", batch.id, "--json"))["delivered"] is True
    assert any((house.path / "delivered").glob("*"))


def test_an_older_copy_is_noticed_before_anything_is_made_of_it(house: House, tmp_path: Path) -> None:
    older = restored(house, tmp_path / "older")
    house.run("batch", "issue", house.approved("1"))
    put_chain(older, house.path)
    older.run("batch", "propose", "--level", "1", "--as", "maker-1", exit_code=3)
    assert [one["code"] for one in open_alarms(older)] == [Name.FOREIGN_ANCHOR]
    with older.home.store.read() as unit:
        assert unit.batches.names() == []


def test_that_no_node_answers_is_said_and_hinders_no_proposal(house: House) -> None:
    settings = house.path / "vermilion.toml"
    settings.write_text(
        settings.read_text("utf-8").replace("[chain]\n", '[chain]\nnode_url = "http://127.0.0.1:9"\n'), "utf-8"
    )
    propose = ["batch", "propose", "--level", "1", "--as", "maker-1", "--home", str(house.path)]
    told = CliRunner().invoke(app, propose)
    assert told.exit_code == 0, told.output
    assert "the chain was not compared" in told.stderr or "没有与链比对" in told.stderr


def test_a_database_from_before_the_batch_halts_until_somebody_has_looked(house: House, tmp_path: Path) -> None:
    older = restored(house, tmp_path / "older")
    name = house.approved("1")
    house.run("batch", "issue", name)
    bundle = next((house.path / "delivered").iterdir())
    put_chain(older, house.path)
    found = differences(older, exit_code=1)
    assert [(code, done) for code, _, done in found] == [(Name.FOREIGN_ANCHOR, True)]
    older.run("batch", "propose", "--level", "2", "--as", "maker-1", exit_code=3)
    older.run("doctor", exit_code=1)
    assert "valid" in older.run("verify", str(bundle), "--json")
    lift_all(older)
    assert differences(older) == [(Name.FOREIGN_ANCHOR, found[0][1], False)]
    assert older.proposed("2")


def test_what_a_database_from_before_a_batch_proposes_next_is_recorded_under_a_name_of_its_own(
    house: House, tmp_path: Path
) -> None:
    older = restored(house, tmp_path / "older")
    lost = house.approved("1")
    house.run("batch", "issue", lost)
    put_chain(older, house.path)
    differences(older, exit_code=1)
    lift_all(older)
    name = older.approved("2")
    assert name > lost
    older.run("batch", "issue", name, exit_code=3)  # the account has sent more than is kept here
    lift_all(older)
    older.run("batch", "issue", name)
    assert older.stands(name)[0] == "delivered"
    assert older.approved("3") > name


def test_another_chain_behind_the_address_halts_until_it_is_gone(house: House, tmp_path: Path) -> None:
    name = house.approved("1")
    house.home.catch_up()
    other = Home(tmp_path / "other")
    make_installation(other, demo_installation(), lambda what, text: None)
    with running_node(other, 0) as url:
        house.run("batch", "issue", name, "--node", url, exit_code=3)
        assert [one["code"] for one in open_alarms(house)] == ["ledger/foreign"]
        house.run("reconcile", "--node", url, exit_code=3)
        lift_all(house, "--node", url, exit_code=3)  # it still is another chain
    house.run("batch", "issue", name, exit_code=3)  # the right one again: until a person says so
    assert house.stands(name)[0] == "halted"
    lift_all(house)
    house.goes_on(name, "approved", "delivered")


def test_a_desk_that_starts_sends_what_was_cut_off(house: House) -> None:
    name = house.approved("1")
    house.cut_off_at(name, AnchorState.SIGNED)
    lines = [json.loads(line) for line in house.run("desk", "--once", "--json").splitlines()]
    assert {"difference": "reconcile/unsent", "subject": name, "done": True} in lines
    with house.home.chain() as ledger, house.home.store.read() as unit:
        transaction = unit.batches.batch(name).transaction
        assert ledger.fate(transaction).kind.value != "unknown"
    house.take(f"vermilion batch issue {name}")
    assert house.stands(name)[0] == "delivered"
