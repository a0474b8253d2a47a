"""A transaction that waits is replaced by one with its nonce: whichever a block takes wins, the other is void."""

import pytest

from registry.anchor.progress import RequestState, StatusRequest
from registry.kernel.errors import RuleRefusal
from registry.ports import FateKind, LedgerForeign, Offer, TransactionRefused
from registry.ports.alarms import WritingHalted
from registry.ports.sending import SenderBusy
from registry.ports.storage import NotHere
from registry.store.database import RowRefused
from registry.workflows.chain.anchor import Desk
from registry.workflows.chain.fee_bump import NotReplaceable, replace_transaction
from registry.workflows.chain.halt import raise_alarm
from registry.workflows.chain.sender_standing import OVERDUE, Lot, overdue, standing
from tests.unit.registry.workflows.sending_stage import ACCOUNT, NOW, Sending, Signer


def desk_of(stage: Sending, signer: Signer | None = None) -> Desk:
    return Desk(store=stage.store, ledger=stage.chain, sender=signer or stage.signer, clock=stage.clock)  # type: ignore[arg-type]  # the writing half


def waiting(stage: Sending, number: int = 1) -> StatusRequest:
    """A request that is sent and waits."""
    request = stage.asked(number)
    with stage.worker() as worker:
        stage.sign(worker, request)
        worker.send(None, lambda unit: unit.status_requests.move(request.id, RequestState.SIGNED, RequestState.SENT))
    return request


def replaced(stage: Sending, request: StatusRequest, **terms: int):
    return replace_transaction(desk_of(stage), request.id, person="operator-1", **terms)


def lots(stage: Sending, subject: str | None = None) -> list[Lot]:
    seen = standing(stage.store, stage.chain, stage.clock, stage.signer.offer_of, subject=subject)  # type: ignore[arg-type]
    return [one.lot for one in seen.transactions]


def test_a_replacement_is_a_second_row_with_the_same_nonce_beside_the_first(stage):
    request = waiting(stage)
    (first,) = stage.kept()
    kept = replaced(stage, request)
    assert (kept.replaces, kept.subject, kept.transaction.nonce) == (first.hash, request.id, 0)
    assert stage.signer.offer_of(kept.transaction) == Offer(gas=250_000, ceiling=1, tip=1)
    assert stage.kept() == [first, kept.transaction]
    with stage.store.read() as unit:
        assert unit.outbox.next_nonce(ACCOUNT) == 1
        entries = [(one.person, one.action, one.subject) for one in unit.journal.entries()]
    assert entries[-1] == ("operator-1", "sender.replace", request.id)
    again = replaced(stage, request, ceiling=800, tip=80)
    assert again.replaces == kept.transaction.hash
    assert stage.signer.offer_of(again.transaction) == Offer(gas=250_000, ceiling=800, tip=80)
    third = replaced(stage, request)
    assert stage.signer.offer_of(third.transaction) == Offer(gas=250_000, ceiling=901, tip=91)
    assert [one.hash for one in stage.kept()] == [
        first.hash,
        kept.transaction.hash,
        again.transaction.hash,
        third.transaction.hash,
    ]


@pytest.mark.parametrize("winner", [0, 1])
def test_whichever_a_block_takes_wins_and_the_other_is_marked(stage, winner):
    request = waiting(stage)
    replaced(stage, request)
    rivals = stage.kept()
    stage.chain.pool = {(ACCOUNT, 0): rivals[winner]}  # what the node that sealed had heard of
    assert lots(stage) == ([Lot.WAITING, Lot.UNSENT] if winner == 0 else [Lot.UNSENT, Lot.WAITING])
    stage.chain.seal()
    worker = stage.worker()
    assert {worker.fate(one.hash).kind for one in rivals} == {FateKind.FINAL}
    assert not any(worker.is_displaced(one.hash) for one in rivals)
    assert lots(stage) == []
    assert lots(stage, request.id) == ([Lot.FINAL, Lot.REPLACED] if winner == 0 else [Lot.REPLACED, Lot.FINAL])
    worker.send(None)
    assert stage.chain.settled_nonce(ACCOUNT) == 1


def test_of_several_the_last_that_a_node_takes_is_sent(stage):
    request = waiting(stage)
    better = replaced(stage, request).transaction
    first = stage.kept()[0]
    stage.chain.pool.clear()
    stage.chain.received.clear()
    stage.worker().send(None)
    assert stage.chain.received == [better]
    stage.chain.pool.clear()
    stage.chain.refuses = {better.hash}
    stage.worker().send(None)
    assert stage.chain.pool == {(ACCOUNT, 0): first}
    stage.chain.pool.clear()
    stage.chain.refuses = {better.hash, first.hash}
    with pytest.raises(TransactionRefused):
        stage.worker().send(None)


def test_a_stranger_displaces_all_that_have_the_nonce(stage):
    request = waiting(stage)
    replaced(stage, request)
    stage.chain.pool = {(ACCOUNT, 0): Signer().sign("a stranger's", nonce=0)}
    stage.chain.seal()
    worker = stage.worker()
    assert all(worker.is_displaced(one.hash) for one in stage.kept())
    assert lots(stage, request.id) == [Lot.DISPLACED, Lot.DISPLACED]
    with pytest.raises(NotReplaceable, match="used by another"):
        replaced(stage, request)


def test_what_a_block_takes_while_it_is_shown_is_no_strangers(stage):
    request = waiting(stage)
    (signed,) = stage.kept()
    stage.chain.pool.clear()
    counted, asked = stage.chain.settled_nonce, []

    def settled_nonce(sender):
        asked.append(sender)
        if len(asked) == 2:
            stage.chain.settled_nonce = counted
            stage.chain.broadcast(signed)
            stage.chain.seal()
        return counted(sender)

    stage.chain.settled_nonce = settled_nonce
    assert lots(stage, request.id) == [Lot.FINAL]


def test_what_cannot_be_replaced_stays_as_it_is(stage):
    unsigned, request = stage.asked(9), waiting(stage)
    with pytest.raises(NotReplaceable, match="it is requested"):
        replaced(stage, unsigned)
    with pytest.raises(NotReplaceable, match="offers the same"):
        replaced(stage, request, gas=250_000, ceiling=0, tip=0)
    other = Signer(account=type(ACCOUNT)("0x" + "77" * 20))
    with pytest.raises(NotReplaceable, match="another account"):
        replace_transaction(desk_of(stage, other), request.id, person="operator-1")
    busy = stage.worker()
    stage.sign(busy, stage.asked(2))
    with pytest.raises(SenderBusy):
        replaced(stage, request)
    busy.release()
    with stage.store.write() as unit:
        raise_alarm(unit, NOW, code="ledger/foreign", subject="chain", detail="another chain")
    with pytest.raises(WritingHalted):
        replaced(stage, request)
    with stage.store.write() as unit:
        unit.alarms.lift(unit.alarms.open()[0].id, person="operator-1", at=NOW, reason="looked at")
    stage.chain.seal()
    with pytest.raises(NotReplaceable, match="a block holds it"):
        replaced(stage, request)
    assert len(stage.kept()) == 2


def test_another_chain_behind_the_address_raises_its_alarm(stage):
    request = waiting(stage)

    def foreign(*_):
        raise LedgerForeign("genesis", "aa", "bb")

    stage.chain.fate = foreign
    with pytest.raises(LedgerForeign):
        replaced(stage, request)
    with stage.store.read() as unit:
        assert [(one.code, one.subject) for one in unit.alarms.open()] == [(LedgerForeign.code, "chain")]
    assert len(stage.kept()) == 1


def test_the_signers_cap_bounds_what_is_offered(stage):
    class Capped(Signer):
        def sign(self, operation, *, nonce, offer=None):
            if offer is not None and offer.ceiling > 1_000:
                raise RuleRefusal("beyond the cap")
            return super().sign(operation, nonce=nonce, offer=offer)

    stage.signer = Capped()
    request = waiting(stage)
    replaced(stage, request, ceiling=1_000, tip=1)
    with pytest.raises(RuleRefusal):
        replaced(stage, request)
    assert len(stage.kept()) == 2
    with stage.store.read() as unit:
        assert unit.senders.lease(ACCOUNT).leased_until is None
        assert unit.journal.size() == 1  # a replacement that was not signed leaves no line


def test_the_database_keeps_replacements_to_their_like(stage):
    first, second, third = waiting(stage, 1), waiting(stage, 2), stage.asked(3)
    replaced(stage, first)
    kept = stage.kept()
    with pytest.raises(RowRefused), stage.store.write() as unit:  # another nonce
        unit.outbox.replace(kept[0].hash, stage.signer.sign("x", nonce=5), NOW)
    with pytest.raises(RowRefused), stage.store.write() as unit:  # replaced before: the last one is to be named
        unit.outbox.replace(kept[0].hash, stage.signer.sign("y", nonce=0), NOW)
    with pytest.raises(RowRefused), stage.store.write() as unit:  # a nonce is given out once
        unit.status_requests.sign(third.id, stage.signer.sign("z", nonce=1), NOW)
    assert stage.kept() == kept
    assert stage.state(second) is RequestState.SENT


def test_a_subject_is_known_by_its_name_and_nothing_of_the_others_is_loaded(stage, monkeypatch):
    request = waiting(stage)

    def whole(*states: object) -> None:
        pytest.fail("every row was loaded for one name")

    monkeypatch.setattr("registry.store.standing.SqlStatusRequests.requests", whole)
    monkeypatch.setattr("registry.store.issuing.SqlBatches.batches", whole)
    assert lots(stage, request.id) == [Lot.WAITING]
    with pytest.raises(NotHere):
        lots(stage, "C-1999-01-0001")


def test_what_waits_long_or_offers_too_little_is_named(stage):
    request = waiting(stage)
    stage.chain.fee = 7
    (one,) = standing(stage.store, stage.chain, stage.clock, stage.signer.offer_of).transactions  # type: ignore[arg-type]
    assert (one.overdue, one.offers_too_little, one.lot) == (False, True, Lot.WAITING)
    replaced(stage, request, ceiling=7, tip=1)
    stage.clock.pass_by(OVERDUE.total_seconds())
    assert overdue(stage.store, stage.clock) == []
    stage.clock.pass_by(1)
    assert overdue(stage.store, stage.clock) == [request.id]
    seen = standing(stage.store, stage.chain, stage.clock, stage.signer.offer_of)  # type: ignore[arg-type]
    assert [(one.overdue, one.offers_too_little) for one in seen.transactions] == [(True, True), (True, False)]
    assert (seen.next_nonce, seen.settled, seen.final, seen.base_fee) == (1, 0, 0, 7)
    stage.chain.seal()
    assert lots(stage) == []
