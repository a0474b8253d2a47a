"""What waits is replaced on a real pool: the batch is recorded once, by whichever of the two a block took."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from eth_hash.auto import keccak
from typer.testing import CliRunner, Result

from api.cli import app
from api.wiring import Home
from node.signer import PolicyRefusal
from registry.anchor.states import AnchorState
from registry.ports import FateKind, Offer
from registry.ports.sending import KeptTransaction
from registry.store.outbox import keep_transaction
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.fee_bump import NotReplaceable, replace_transaction
from registry.workflows.chain.sender_standing import Lot, standing
from registry.workflows.chain.sequence import Sequencer
from tests.faults.forking_chain import CONFIRMATIONS, ForkingChain
from tests.faults.test_issue_displaced import approved_batch

pytestmark = pytest.mark.slow


@pytest.fixture
def home(examined: Path) -> Iterator[Home]:
    found = Home(examined)
    yield found
    found.store.close()


@pytest.fixture
def chain(home: Home) -> Iterator[ForkingChain]:
    made = ForkingChain(home)
    yield made
    made.close()


def go_on(home: Home, chain: ForkingChain, name: str) -> AnchorState:
    with chain.ledger() as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
        return anchor_batch(desk, name, patience=timedelta(0)).state


def replaced(home: Home, chain: ForkingChain, name: str, **terms: int) -> KeptTransaction:
    with chain.ledger() as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
        return replace_transaction(desk, name, person="operator-1", **terms)


def lots(home: Home, chain: ForkingChain, name: str) -> list[Lot]:
    with chain.ledger() as ledger:
        seen = standing(home.store, ledger, home.clock, home.sender().offer_of, subject=name)
        assert seen is not None
        return [one.lot for one in seen.transactions]


def kept(home: Home) -> list[bytes]:
    with home.store.read() as unit:
        return [one.raw for one in unit.outbox.since(home.sender().address, 0)]


@pytest.mark.parametrize("winner", ["the replacement", "the first"])
def test_a_batch_is_recorded_once_by_whichever_a_block_took(home: Home, chain: ForkingChain, winner: str) -> None:
    name = approved_batch(home)
    before = chain.remember()
    assert go_on(home, chain, name) is AnchorState.SENT
    better = replaced(home, chain, name)
    first, second = kept(home)
    assert chain.waiting == [second], "the better offer does not wait alone"
    assert home.sender().offer_of(better.transaction) == Offer(gas=250_000, ceiling=1, tip=1)
    if winner == "the first":
        chain.take_back(before)  # the node that seals has heard of the first alone
        with chain.ledger() as ledger, home.store.read() as unit:
            ledger.broadcast(unit.outbox.since(home.sender().address, 0)[0])
        assert chain.waiting == [first]
    chain.seal()
    assert go_on(home, chain, name) is AnchorState.INCLUDED
    with pytest.raises(NotReplaceable):
        replaced(home, chain, name)
    chain.seal(CONFIRMATIONS)
    assert go_on(home, chain, name) is AnchorState.FINAL
    expected = [Lot.REPLACED, Lot.FINAL] if winner == "the replacement" else [Lot.FINAL, Lot.REPLACED]
    assert lots(home, chain, name) == expected
    with home.store.read() as unit:
        batch, transactions = unit.batches.batch(name), unit.outbox.since(home.sender().address, 0)
        assert unit.alarms.open() == []
    won = transactions[winner == "the replacement"]
    assert batch.transaction == won.hash
    assert batch.placement is not None
    assert batch.placement.transaction == won.hash
    with chain.ledger() as ledger:
        assert ledger.settled_nonce(home.sender().address) == 1
        assert {ledger.fate(one.hash).kind for one in transactions} == {FateKind.FINAL, FateKind.UNKNOWN}


def test_after_a_reorganisation_the_better_offer_goes_out_again(home: Home, chain: ForkingChain) -> None:
    name = approved_batch(home)
    go_on(home, chain, name)
    replaced(home, chain, name, ceiling=50, tip=5)
    before = chain.remember()  # nothing waits there: the pool is lost with it
    go_on(home, chain, name)
    chain.seal()
    assert go_on(home, chain, name) is AnchorState.INCLUDED
    chain.take_back(before)
    chain.seal()
    assert go_on(home, chain, name) is AnchorState.SENT
    assert chain.waiting == kept(home)[1:]
    chain.seal(1 + CONFIRMATIONS)
    assert go_on(home, chain, name) is AnchorState.FINAL
    assert lots(home, chain, name) == [Lot.REPLACED, Lot.FINAL]


def test_nothing_beyond_the_cap_is_offered_and_what_waits_below_it_waits_on(home: Home, chain: ForkingChain) -> None:
    name = approved_batch(home)
    go_on(home, chain, name)
    replaced(home, chain, name, ceiling=1_000_000, tip=1_000_000)
    with pytest.raises(PolicyRefusal):
        replaced(home, chain, name)
    assert go_on(home, chain, name) is AnchorState.SENT
    assert len(kept(home)) == 2


def test_the_commands_name_what_waits_and_replace_it(home: Home, chain: ForkingChain) -> None:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["sender", *words, "--node", chain.url, "--home", str(home.path)])

    assert "nothing was ever sent" in run("status").stdout
    name = approved_batch(home)
    go_on(home, chain, name)
    done = json.loads(run("replace", name, "--fee", "40", "--tip", "4", "--as", "operator-1", "--json").stdout)
    first, second = (hash_of(raw) for raw in kept(home))
    assert done == {"transaction": second, "nonce": 0, "gas": 250_000, "fee": 40, "tip": 4, "replaces": first}
    shown = json.loads(run("status", "--json").stdout)
    assert [(one["transaction"], one["lot"], one["fee"]) for one in shown["transactions"]] == [
        (first, "unsent", 0),
        (second, "waiting", 40),
    ]
    assert (shown["held_until"], shown["next_nonce"], shown["settled"]) == (None, 1, 0)
    told = run("status", name)
    assert told.exit_code == 0
    assert second[:18] in told.stdout
    with home.store.read() as unit:
        last = list(unit.journal.entries())[-1]
    assert (last.action, last.person, last.subject) == ("sender.replace", "operator-1", name)
    assert getattr(run("replace", "B-2026-11-0099", "--as", "operator-1").exception, "code", "") == "store/not-here"


def hash_of(raw: bytes) -> str:
    return "0x" + keccak(raw).hex()


def test_control_who_asks_after_the_last_one_alone_misses_the_first(
    home: Home, chain: ForkingChain, monkeypatch
) -> None:
    rivals = Sequencer.rivals
    monkeypatch.setattr(Sequencer, "rivals", lambda self, transaction: rivals(self, transaction)[-1:])
    with pytest.raises(AssertionError, match=r"SENT: 'sent'> is <AnchorState\.INCLUDED"):
        test_a_batch_is_recorded_once_by_whichever_a_block_took(home, chain, "the first")


def test_control_who_sends_the_first_one_again_loses_the_better_offer(
    home: Home, chain: ForkingChain, monkeypatch
) -> None:
    send = Sequencer._send_one
    monkeypatch.setattr(Sequencer, "_send_one", lambda self, rivals: send(self, rivals[:1]))
    with pytest.raises(AssertionError, match="the better offer does not wait alone"):
        test_a_batch_is_recorded_once_by_whichever_a_block_took(home, chain, "the replacement")


def test_control_who_signs_a_replacement_under_the_next_nonce_has_two_that_wait(
    home: Home, chain: ForkingChain, monkeypatch
) -> None:
    def another_nonce(self, last, operation, offer, note):
        def keep(unit, transaction, at):
            keep_transaction(unit._session, last.subject, transaction, at)

        self.sign(operation, keep)

    monkeypatch.setattr(Sequencer, "replace", another_nonce)
    with pytest.raises(AssertionError, match="the better offer does not wait alone"):
        test_a_batch_is_recorded_once_by_whichever_a_block_took(home, chain, "the replacement")
