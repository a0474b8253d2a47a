"""My batch failed, what now: the command that `batch status` names is the next one, until the batch is delivered."""

import json
import shlex
import time
from datetime import timedelta

import pytest

from registry.anchor.differences import Name
from registry.anchor.states import AnchorState
from registry.workflows import issue
from registry.workflows.approve import approve
from tests.faults.test_issue_displaced import use_the_account_elsewhere
from tests.lifecycle.batch_house import PROGRAMME, House, make_examined


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
    assert f"vermilion batch propose --programme {PROGRAMME} --level 1" in house.run("batch", "status")
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
