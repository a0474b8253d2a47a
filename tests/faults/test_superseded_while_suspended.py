"""An old batch is being suspended as a whole while one of its certificates is replaced: nothing walks out of that."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.wiring import Home
from registry.anchor.progress import RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.status import Reason, Status
from registry.verification import Outcome
from registry.workflows.chain.follow import follow
from registry.workflows.chain.status_operations import BatchChangeOpen, PredecessorHeld
from registry.workflows.issuance.approve import approve
from registry.workflows.replacement.ask_replacement import Particulars, ask_correction
from registry.workflows.replacement.replace import propose_replacements
from registry.workflows.status.approve_change import cancel_change
from registry.workflows.status.ask_changes import request_batch_changes
from tests.faults.forking_chain import CONFIRMATIONS, ForkingChain
from tests.faults.test_sender_reorg import Watcher, final_batch

pytestmark = pytest.mark.slow


class Replacing:
    """A recorded certificate, a recorded successor, the approved supersession, and a suspension of the old batch."""

    def __init__(self, home: Home, chain: ForkingChain) -> None:
        self.home, self.chain, self.watcher = home, chain, Watcher(home, chain)
        old = final_batch(home, chain)
        with home.store.read() as unit:
            self.number = next(unit.batches.certificates(batch_id=old.id)).reservation.number
        parts = home.store, home.clock, home.catalogue
        asked = ask_correction(
            *parts, self.number, Particulars(name="欧阳一"), reason="a wrong character", person="maker-1"
        )
        (new,) = propose_replacements(*parts, home.body, home.credential_signer(), [asked.id], person="maker-1")
        approve(*parts, home.key_of, home.approver(), new.id, person="approver-1")
        assert self.goes_on_to_its_end(new.id) is AnchorState.FINAL
        with home.store.read() as unit:
            (self.supersession,) = unit.status_requests.onto(new.batch)
        (self.stop,) = request_batch_changes(
            home.store, home.clock, [old.id], Status.SUSPENDED, Reason.INVESTIGATION, person="maker-1"
        ).requests

    def goes_on(self, request: StatusRequest) -> RequestState:
        return self.watcher.go_on(request.id).state

    def goes_on_to_its_end(self, name: str) -> str:
        self.watcher.go_on(name)
        self.chain.seal(1 + CONFIRMATIONS)
        return self.watcher.go_on(name).state

    def by_number(self) -> tuple[Outcome, int]:
        with self.chain.ledger() as ledger:
            follow(self.home.store, ledger, self.home.clock)
        report = self.home.verifier().by_number(self.number)
        return report.outcome, (report.content or {})["revision"]

    def waits(self) -> None:
        with pytest.raises(BatchChangeOpen) as waits:
            self.goes_on(self.supersession)
        assert waits.value.open_request == self.stop.id
        with self.home.store.read() as unit:
            assert unit.status_requests.request(self.supersession.id).state is RequestState.APPROVED


@pytest.fixture
def replacing(examined: Path) -> Iterator[Replacing]:
    home = Home(examined)
    chain = ForkingChain(home)
    yield Replacing(home, chain)
    chain.close()
    home.store.close()


def test_a_supersession_waits_for_a_suspension_and_is_held_by_it(replacing: Replacing) -> None:
    replacing.waits()  # asked for
    assert replacing.goes_on(replacing.stop) is RequestState.SENT
    replacing.waits()  # sent
    replacing.chain.seal()
    replacing.waits()  # in a block
    replacing.chain.seal(CONFIRMATIONS)
    assert replacing.goes_on(replacing.stop) is RequestState.FINAL
    with pytest.raises(PredecessorHeld):
        replacing.goes_on(replacing.supersession)
    assert replacing.by_number() == (Outcome.SUSPENDED, 1)


def test_a_supersession_goes_on_once_the_suspension_is_given_up(replacing: Replacing) -> None:
    replacing.waits()
    cancel_change(replacing.home.store, replacing.home.clock, replacing.stop.id, person="maker-1")
    assert replacing.goes_on_to_its_end(replacing.supersession.id) is RequestState.FINAL
    assert replacing.by_number() == (Outcome.VALID, 2)


def test_a_suspension_behind_a_supersession_that_is_signed_leaves_the_successor_valid(replacing: Replacing) -> None:
    cancel_change(replacing.home.store, replacing.home.clock, replacing.stop.id, person="maker-1")
    assert replacing.goes_on(replacing.supersession) is RequestState.SENT
    old = replacing.stop.batch
    with replacing.home.store.read() as unit:
        batch = unit.batches.of_chain(old)
    assert batch is not None
    (stop,) = request_batch_changes(
        replacing.home.store, replacing.home.clock, [batch.id], Status.SUSPENDED, Reason.INVESTIGATION, person="maker-1"
    ).requests
    assert replacing.goes_on_to_its_end(stop.id) is RequestState.FINAL
    assert replacing.goes_on(replacing.supersession) is RequestState.FINAL
    assert replacing.by_number() == (Outcome.VALID, 2)
