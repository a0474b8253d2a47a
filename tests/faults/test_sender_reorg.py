"""Blocks that were there are gone: what was not final goes out again as it was signed, what was final halts."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from api.serving import application
from api.wiring import Home
from registry.anchor.history import Anchored
from registry.anchor.progress import Batch, RequestState
from registry.anchor.states import AnchorState
from registry.ports import FateKind
from registry.status import Reason, Status
from registry.verification import Outcome
from registry.workflows.certificates.deliver import NotDeliverable, bundle_of, deliver
from registry.workflows.chain import anchor
from registry.workflows.chain.anchor import Desk, anchor_batch, anchoring
from registry.workflows.chain.follow import HistoryBroken, NodeBehind
from registry.workflows.chain.sequence import Sequencer
from registry.workflows.chain.status_sending import change_status
from registry.workflows.status.ask_changes import request_changes
from tests.faults.forking_chain import CONFIRMATIONS, ForkingChain
from tests.faults.test_issue_displaced import approved_batch
from tests.http.web_client import WebClient

pytestmark = pytest.mark.slow

AT_ONCE = timedelta(0)


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


class Watcher:
    """Takes one batch or request as far as it comes without waiting, and notes the states that it reaches."""

    def __init__(self, home: Home, chain: ForkingChain) -> None:
        self.home, self.chain, self.states = home, chain, []

    def go_on(self, name: str):
        def told(_subject: str, state: str) -> None:
            self.states.append(str(state))

        with self.chain.ledger() as ledger:
            home = self.home
            desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock, told=told)
            if name.startswith("B"):
                return anchor_batch(desk, name, patience=AT_ONCE)
            return change_status(desk, name, patience=AT_ONCE)


def kept(home: Home) -> list[bytes]:
    with home.store.read() as unit:
        return [one.raw for one in unit.outbox.since(home.sender().address, 0)]


def journal(home: Home, action: str) -> list[str]:
    with home.store.read() as unit:
        return [one.subject for one in unit.journal.entries() if one.action == action]


def outcomes(home: Home, name: str) -> tuple[str, str]:
    """What everybody is told of a certificate of a batch: by key, by number, on its page, as JSON, by the document."""
    with home.store.read() as unit:
        certificate = next(unit.batches.certificates(batch_id=name))
    verifier = home.verifier()
    key = certificate.reservation.key
    assert certificate.jwt is not None
    assert certificate.disclosures is not None
    document = "~".join((certificate.jwt, *certificate.disclosures.values(), "")).encode()
    reports = verifier.by_key(key), verifier.by_number(certificate.reservation.number)
    pages = WebClient(application(home, cause=lambda: None))
    told = pages.get(f"/v1/certificates/{key}/verdict").json()
    assert f"outcome-{told['outcome']}" in pages.get(f"/C/{key}").text
    assert {str(report.outcome) for report in reports} == {told["outcome"]}
    return told["outcome"], str(verifier.by_document(document).outcome)


def anchors(chain: ForkingChain) -> Counter[bytes]:
    """How often each batch stands in the final records."""
    with chain.ledger() as ledger:
        records = list(ledger.records(0, ledger.head().number))
    return Counter(record.content.batch for record in records if isinstance(record.content, Anchored))


def final_batch(home: Home, chain: ForkingChain) -> Batch:
    name, watcher = approved_batch(home), Watcher(home, chain)
    watcher.go_on(name)
    chain.seal(1 + CONFIRMATIONS)
    batch = watcher.go_on(name)
    assert batch.state is AnchorState.FINAL
    return batch


def test_an_orphaned_anchor_goes_out_again_byte_for_byte_and_is_recorded_once(home: Home, chain: ForkingChain) -> None:
    name, watcher = approved_batch(home), Watcher(home, chain)
    before = chain.remember()
    assert watcher.go_on(name).state is AnchorState.SENT
    (raw,) = kept(home)
    chain.seal()
    assert watcher.go_on(name).state is AnchorState.INCLUDED
    assert outcomes(home, name) == ("pending", "not-registered")
    with pytest.raises(NotDeliverable):
        deliver(home.store, home.clock, home.shelf, home.key_of, name)
    chain.take_back(before)
    chain.seal()  # another block than was there
    assert watcher.go_on(name).state is AnchorState.SENT
    assert chain.waiting == kept(home) == [raw], "not the same bytes go out again"
    assert outcomes(home, name) == ("pending", "not-registered")
    chain.seal()
    assert watcher.go_on(name).state is AnchorState.INCLUDED
    chain.seal(CONFIRMATIONS)
    final = watcher.go_on(name)
    assert final.state is AnchorState.FINAL
    assert watcher.states == ["signed", "sent", "included", "orphaned", "sent", "included", "final"]
    assert journal(home, "batch.orphan") == [name]
    assert kept(home) == [raw]
    assert anchors(chain)[final.batch] == 1
    deliver(home.store, home.clock, home.shelf, home.key_of, name)
    assert outcomes(home, name)[0] == "valid"
    with home.store.read() as unit:
        bundle = bundle_of(unit, next(unit.batches.certificates(batch_id=name)), home.key_of)
    assert home.verifier().by_document(bundle).outcome is Outcome.VALID


def test_what_was_left_out_by_several_branches_is_recorded_once(home: Home, chain: ForkingChain) -> None:
    name, watcher = approved_batch(home), Watcher(home, chain)
    for _ in range(3):
        before = chain.remember()  # and what waits is forgotten with it
        watcher.go_on(name)
        chain.seal()
        watcher.go_on(name)
        chain.take_back(before)
        with pytest.raises(NodeBehind):  # the other branch is shorter still
            watcher.go_on(name)
        chain.seal()
        watcher.go_on(name)
    chain.seal(1 + CONFIRMATIONS)
    final = watcher.go_on(name)
    assert final.state is AnchorState.FINAL
    assert journal(home, "batch.orphan") == [name] * 3
    assert len(kept(home)) == 1
    assert anchors(chain)[final.batch] == 1


def test_a_change_of_status_that_was_dropped_is_sent_again_and_the_certificate_stays_as_it_was(
    home: Home, chain: ForkingChain
) -> None:
    batch = final_batch(home, chain)
    deliver(home.store, home.clock, home.shelf, home.key_of, batch.id)
    with home.store.read() as unit:
        number = next(unit.batches.certificates(batch_id=batch.id)).reservation.number
    before = chain.remember()
    asked = request_changes(
        home.store, home.clock, [number], Status.SUSPENDED, Reason.INVESTIGATION, person="maker-1"
    ).requests[0]
    watcher = Watcher(home, chain)
    assert watcher.go_on(asked.id).state is RequestState.SENT
    chain.seal()
    assert watcher.go_on(asked.id).state is RequestState.SENT  # in a block that may still go away
    assert home.verifier().by_number(number).outcome is Outcome.VALID
    chain.take_back(before)
    assert watcher.go_on(asked.id).state is RequestState.SENT
    assert chain.waiting == kept(home)[1:], "what is kept does not go out again"
    chain.seal(1 + CONFIRMATIONS)
    assert watcher.go_on(asked.id).state is RequestState.FINAL
    assert home.verifier().by_number(number).outcome is Outcome.SUSPENDED


def test_a_final_anchor_that_vanished_halts_and_nothing_is_sent_by_itself(home: Home, chain: ForkingChain) -> None:
    before = chain.remember()
    first = final_batch(home, chain)
    other = approved_batch(home, level="2")
    chain.take_back(before)
    chain.seal(5)  # another history, and a longer one
    watcher = Watcher(home, chain)
    for name in (other, first.id, other):
        if name == first.id:
            assert watcher.go_on(name).state is AnchorState.FINAL
            continue
        with pytest.raises(HistoryBroken):
            watcher.go_on(name)
    with home.store.read() as unit:
        (alarm,) = unit.alarms.open()
        assert unit.batches.batch(other).state is AnchorState.APPROVED
        assert unit.batches.batch(first.id).state is AnchorState.FINAL
    assert alarm.code == HistoryBroken.code
    assert len(kept(home)) == 1
    assert chain.waiting == []
    with chain.ledger() as ledger:
        assert first.transaction is not None
        assert ledger.fate(first.transaction).kind is FateKind.UNKNOWN
        assert ledger.settled_nonce(home.sender().address) == 0


# — controls: naive ways to send, which the questions above must find out —


def believes_the_first_block(patch: pytest.MonkeyPatch) -> None:
    """Take for final what any block holds."""
    patch.setattr("tests.faults.forking_chain.CONFIRMATIONS", 0)


def never_looks_again(patch: pytest.MonkeyPatch) -> None:
    """Wait for the record of what was in a block once."""
    patch.setattr(Sequencer, "fate", in_a_block_once(Sequencer.fate))


def in_a_block_once(fate: Callable) -> Callable:
    seen: dict[object, object] = {}

    def remembered(self, transaction):
        now = fate(self, transaction)
        if now.kind is FateKind.INCLUDED:
            seen[transaction] = now
        return now if now.kind is FateKind.FINAL else seen.get(transaction, now)

    return remembered


def signs_again(patch: pytest.MonkeyPatch) -> None:
    """Sign what was dropped anew instead of sending the same bytes."""
    step = anchor._batch_step

    def signing(desk, sequencer, batch):
        if batch.state is AnchorState.ORPHANED:
            with desk.store.read() as unit:
                nonce = unit.outbox.next_nonce(sequencer.account)
            desk.ledger.broadcast(desk.sender.sign(anchoring(batch), nonce=nonce))
            with desk.store.write() as unit:
                unit.batches.move(batch.id, AnchorState.ORPHANED, AnchorState.SENT)
            return True
        return step(desk, sequencer, batch)

    patch.setattr(anchor, "_batch_step", signing)


def sends_once(patch: pytest.MonkeyPatch) -> None:
    """Send what is kept once, and never again."""
    send, sent = Sequencer._send_one, set[bytes]()

    def sending(self, rivals):
        if rivals[0].hash not in sent:
            sent.add(rivals[0].hash)
            send(self, rivals)

    patch.setattr(Sequencer, "_send_one", sending)


def minds_no_other_history(patch: pytest.MonkeyPatch) -> None:
    """Sign and send on whatever chain there is, also where its history changed below what was final."""
    follow = anchor.follow

    def following(*parts):
        with suppress(HistoryBroken):
            follow(*parts)

    patch.setattr(anchor, "follow", following)


ORPHANED = test_an_orphaned_anchor_goes_out_again_byte_for_byte_and_is_recorded_once
DROPPED = test_a_change_of_status_that_was_dropped_is_sent_again_and_the_certificate_stays_as_it_was
VANISHED = test_a_final_anchor_that_vanished_halts_and_nothing_is_sent_by_itself
NAIVE = {
    believes_the_first_block: (ORPHANED, r"FINAL: 'final'> is <AnchorState\.INCLUDED"),
    never_looks_again: (ORPHANED, r"INCLUDED: 'included'> is <AnchorState\.SENT"),
    signs_again: (ORPHANED, "not the same bytes go out again"),
    sends_once: (DROPPED, "what is kept does not go out again"),
    minds_no_other_history: (VANISHED, "DID NOT RAISE HistoryBroken"),
}
"""Each with the question that finds it out, and by what."""


@pytest.mark.parametrize("naive", NAIVE, ids=lambda naive: naive.__name__)
def test_control_a_naive_sender_is_found_out(home: Home, chain: ForkingChain, monkeypatch, naive) -> None:
    question, noticed = NAIVE[naive]
    naive(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception), match=noticed):
        question(home, chain)
