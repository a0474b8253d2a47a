"""The sender's account is used elsewhere, or a database is restored from before: the batch still comes to one end."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from api.wiring import Home
from registry.anchor.states import AnchorState
from registry.ports.alarms import WritingHalted
from registry.verification import Outcome
from registry.workflows.certificates.deliver import bundle_of, deliver
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.halt import lift
from registry.workflows.chain.sequence import NonceTaken
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import NothingToIssue, propose
from tests.faults.demo_stage import Stage
from tests.faults.harness.chain_cases import use_the_account_elsewhere


def approved_batch(home: Home, *, level: str = "3") -> str:
    return approve_again(home, proposed_batch(home, level=level))


def proposed_batch(home: Home, *, level: str = "3") -> str:
    batch = propose(
        home.store,
        home.clock,
        home.catalogue,
        home.body,
        home.credential_signer(),
        programme="AIGC-APP-ENG",
        level=level,
        person="maker-1",
    )
    return batch.id


def approve_again(home: Home, name: str) -> str:
    approved = approve(home.store, home.clock, home.catalogue, home.key_of, home.approver(), name, person="approver-1")
    assert approved.state is AnchorState.APPROVED
    return name


def issue(home: Home, name: str, *, seconds: float = 20):
    with home.chain(writing=True) as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
        return anchor_batch(desk, name, patience=timedelta(seconds=seconds))


def sign_only(home: Home, name: str) -> None:
    """Go as far as the kept transaction, and be cut off before it is sent."""

    class CutOff(Exception):
        pass

    def told(subject: str, state: str) -> None:
        if state == AnchorState.SIGNED:
            raise CutOff

    with home.chain(writing=True) as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock, told=told)
        try:
            anchor_batch(desk, name)
        except CutOff:
            return
    raise AssertionError("nothing was signed")


def test_a_displaced_transaction_fails_its_batch_and_another_approval_mends_it(examined: Path) -> None:
    home = Home(examined)
    name = approved_batch(home)
    sign_only(home, name)
    use_the_account_elsewhere(home)
    failed = issue(home, name)
    assert (failed.state, failed.failure) == (AnchorState.FAILED, NonceTaken.code)
    with home.store.read() as unit:
        (alarm,) = unit.alarms.open()
    assert (alarm.code, alarm.subject) == (NonceTaken.code, name)
    with pytest.raises(WritingHalted):
        approve_again(home, name)
    with home.chain() as ledger:
        lift(home.store, home.clock, ledger, [alarm.id], person="operator-1", reason="a rehearsal with the same key")
    approve_again(home, name)
    issued = issue(home, name)
    assert issued.state is AnchorState.FINAL
    with home.store.read() as unit:
        assert unit.alarms.open() == []
        assert [one.nonce for one in unit.outbox.since(home.sender().address, 0)] == [0, 1]


def test_a_database_from_before_the_anchor_finds_its_batch_recorded(examined: Path) -> None:
    home = Home(examined)
    name = approved_batch(home)
    home.store.close()
    shutil.copytree(examined, examined.parent / "backup")
    first = issue(Home(examined), name)
    assert first.state is AnchorState.FINAL
    restored = with_the_chain_of(examined, examined.parent / "backup")
    second = issue(restored, name)
    assert second.state is AnchorState.FINAL
    assert second.placement == first.placement
    assert second.transaction == first.transaction
    deliver(restored.store, restored.clock, restored.shelf, restored.key_of, name)
    restored.catch_up()
    with restored.store.read() as unit:
        bundle = bundle_of(unit, next(unit.batches.certificates(batch_id=name)), restored.key_of)
    assert restored.verifier().by_document(bundle).outcome is Outcome.VALID


def test_a_database_from_before_the_approval_gives_no_second_certificate(stage: Stage, examined: Path) -> None:
    home = Home(examined)
    name = proposed_batch(home)
    home.store.close()
    shutil.copytree(examined, examined.parent / "backup")
    first = issue(Home(examined), approve_again(Home(examined), name))
    assert first.state is AnchorState.FINAL
    restored = with_the_chain_of(examined, examined.parent / "backup")
    refused = stage.play("batch", "cancel", name, "--as", "maker-1", home=restored.path)
    assert (refused.exit_code, "[batch/recorded]" in refused.stderr) == (1, True)
    with pytest.raises(NothingToIssue):
        proposed_batch(restored)
    assert issue(restored, approve_again(restored, name)).placement == first.placement
    with restored.store.read() as unit:
        assert unit.outbox.next_nonce(restored.sender().address) == 0  # nothing was sent for it
    restored.store.close()


def with_the_chain_of(home: Path, backup: Path) -> Home:
    """Open a copy from before on the chain as it is now: only the database is older."""
    for file in ("chain.db", "chain.db-wal", "chain.db-shm"):
        (backup / file).unlink(missing_ok=True)
        if (home / file).exists():
            shutil.copy(home / file, backup / file)
    return Home(backup)
