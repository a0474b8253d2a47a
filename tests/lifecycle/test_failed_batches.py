"""My batch failed, what now: the command that `batch status` names is the next one, until the batch is delivered."""

import json
import shlex
import time
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from registry.anchor.differences import Name
from registry.anchor.operations import SignedTransaction
from registry.anchor.states import AnchorState
from registry.ports import Ledger, TransactionRefused
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.fee_bump import replace_transaction
from registry.workflows.issuance import issue
from registry.workflows.issuance.approve import approve
from tests.faults.test_issue_displaced import use_the_account_elsewhere
from tests.lifecycle.batch_house import PROGRAMME, House, make_examined

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(make_examined(tmp_path_factory.mktemp("examined") / "home"))


def test_cut_off_in_every_state_it_goes_on_by_the_command_that_is_told(house: House) -> None:
    home = house.home
    reserved = issue._reserve(
        home.store, home.clock, home.catalogue, home.body, home.credential_signer(),
        programme=PROGRAMME, level="1", person="maker-1", key=None,
    )  # fmt: skip
    name = reserved.id
    assert f" --programme {PROGRAMME} --level 1 --as maker-1" in house.run("batch", "status")
    house.goes_on(name, "reserved", "sealed", "approved")
    for state, situation in (
        (AnchorState.SIGNED, "signed"),
        (AnchorState.SENT, "sent"),
        (AnchorState.INCLUDED, "included"),
        (AnchorState.FINAL, "undelivered"),
    ):
        house.cut_off_at(name, state)
        assert house.stands(name) == (situation, f"vermilion batch issue {name}")
    house.goes_on(name, "undelivered", "delivered")
    assert house.stands(name) == ("delivered", f"vermilion cert list --batch {name}")
    house.take(f"vermilion cert list --batch {name}")


def test_a_told_command_that_names_nobody_or_somebody_else_is_noticed(house: House) -> None:
    """A negative control of the stories here: they run what is told, and add nobody to it."""
    for command in (
        "vermilion batch approve B-2026-11-0001",
        f"vermilion batch propose --programme {PROGRAMME} --level 2",
        f"vermilion batch propose --programme {PROGRAMME} --level 2 --as clerk-1",
    ):
        with pytest.raises(AssertionError, match=command if "propose" in command else "PersonMalformed"):
            house.take(command)


def test_what_no_node_takes_is_replaced_though_its_approval_lapsed_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(make_examined(tmp_path / "home"))
    name, home = house.proposed("1"), house.home
    soon = int((home.clock.now() + timedelta(seconds=2)).timestamp())
    approve(
        home.store, home.clock, home.catalogue, home.key_of, home.approver(), name, person="approver-1", deadline=soon
    )
    house.cut_off_at(name, AnchorState.SIGNED)
    with home.store.read() as unit:
        stuck = unit.batches.batch(name).transaction
    time.sleep(3.1)  # the contract takes it in the second of the deadline itself
    monkeypatch.setenv("VERMILION_LANG", "en")
    again = CliRunner().invoke(app, ["batch", "approve", name, "--as", "approver-1", "--home", str(house.path)])
    assert f"batch {name} was approved before and is signed now; nothing was signed." in again.stderr
    with home.chain(writing=True) as ledger, pytest.MonkeyPatch.context() as patched:
        broadcast = type(ledger).broadcast

        def refuse(node: Ledger, transaction: SignedTransaction) -> None:
            if transaction.hash == stuck:
                raise TransactionRefused("it offers too little")
            broadcast(node, transaction)

        patched.setattr(type(ledger), "broadcast", refuse)
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
        with pytest.raises(TransactionRefused):
            anchor_batch(desk, name)
        better = replace_transaction(desk, name, person="operator-1", gas=260_000)
        assert better.replaces == stuck
        failed = anchor_batch(desk, name)
    assert (failed.state, failed.failure) == (AnchorState.FAILED, "contract/approval-expired")
    house.goes_on(name, "to-approve-again", "approved", "delivered")


def test_a_pause_is_lifted_then_the_batch_is_approved_anew_and_sent(house: House) -> None:
    name = house.approved("2")
    house.cut_off_at(name, AnchorState.SIGNED)
    house.run("consortium", "pause", "--key", "member-1", "--yes")
    house.run("batch", "issue", name, exit_code=1)  # it was signed before: the contract refuses it
    situation, command = house.stands(name)
    assert situation == "paused"
    house.run(*shlex.split(command)[1:], "--yes")
    (ballot,) = [one["ballot"] for one in json.loads(house.run("consortium", "ballots", "--json"))]
    house.run("consortium", "vote", ballot, "--key", "member-2", "--yes")
    house.goes_on(name, "to-approve-again", "approved", "delivered")


def test_a_lapsed_approval_is_given_anew_and_a_displaced_transaction_too(house: House) -> None:
    name, home = house.proposed("3"), house.home
    soon = int((home.clock.now() + timedelta(seconds=2)).timestamp())
    approve(
        home.store, home.clock, home.catalogue, home.key_of, home.approver(), name, person="approver-1", deadline=soon
    )
    time.sleep(2.1)
    house.goes_on(name, "lapsed", "approved")
    house.cut_off_at(name, AnchorState.SIGNED)
    use_the_account_elsewhere(house.home)
    house.run("batch", "issue", name, exit_code=1)
    assert house.stands(name) == ("halted", "vermilion halt show")
    house.run("batch", "approve", name, "--as", "approver-1", exit_code=3)
    alarms = json.loads(house.run("halt", "show", "--json", exit_code=3))
    assert {one["code"] for one in alarms} <= {Name.NONCE_TAKEN, Name.NONCE_AHEAD}
    reason = ["--reason", "the key was tried out elsewhere, by us", "--as", "operator-1"]
    house.run("halt", "lift", *(one["id"] for one in alarms), *reason)
    assert house.run("halt", "show", "--json").strip() == "[]"
    house.goes_on(name, "nonce-taken", "approved", "delivered")
    assert json.loads(house.run("reconcile", "--json"))["reconciled"] is True
