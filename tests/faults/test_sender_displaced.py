"""Questions that are answered by several nodes, one of them behind: what is recorded is never called displaced."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from api.wiring import Home
from node.client.ledger import Web3Ledger
from registry.anchor.progress import Batch, StatusRequest
from registry.ports import Ledger
from registry.status import Reason, Status
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.sequence import NonceTaken, Sequencer
from registry.workflows.chain.status_sending import change_status
from registry.workflows.status.ask_changes import request_changes
from tests.faults.forking_chain import CONFIRMATIONS, ForkingChain
from tests.faults.harness.proxy import Answer, FaultProxy, Question, Rule
from tests.faults.test_issue_displaced import approved_batch
from tests.faults.test_sender_reorg import Watcher, final_batch

pytestmark = pytest.mark.slow
LOOK_UPS = ("eth_getTransactionReceipt", "eth_getTransactionByHash")


class Behind:
    """A batch or a request whose transaction is final, asked after through a proxy before nodes that disagree."""

    def __init__(self, home: Home, kind: str) -> None:
        self.home, self.chain = home, ForkingChain(home)
        self.proxy = FaultProxy(self.chain.url)
        self.subject = self._suspension() if kind == "request" else approved_batch(home)
        assert Watcher(home, self.chain).go_on(self.subject).state == "sent"
        with home.store.read() as unit:
            head = unit.projection.head()
        assert head is not None
        self._read = head.block.number
        self.chain.seal(1 + CONFIRMATIONS)

    def close(self) -> None:
        self.proxy.close()
        self.chain.close()

    def _suspension(self) -> str:
        batch, home = final_batch(self.home, self.chain), self.home
        with home.store.read() as unit:
            number = next(unit.batches.certificates(batch_id=batch.id)).reservation.number
        (asked,) = request_changes(
            home.store, home.clock, [number], Status.SUSPENDED, Reason.INVESTIGATION, person="maker-1"
        ).requests
        return asked.id

    def go_on(self) -> Batch | StatusRequest:
        ledger: Ledger = Web3Ledger.over_http(self.proxy.url, self.home.trust_root, confirmations=CONFIRMATIONS)
        home = self.home
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock)
        try:
            if self.subject.startswith("B"):
                return anchor_batch(desk, self.subject, patience=timedelta(0))
            return change_status(desk, self.subject, patience=timedelta(0))
        finally:
            ledger.close()

    def alarms(self) -> list[tuple[str, str]]:
        with self.home.store.read() as unit:
            return [(one.code, one.subject) for one in unit.alarms.open()]

    def knows_nothing(self) -> Rule:
        """Who is asked for the transaction does not have its block yet, and was started anew since it was sent."""
        return Rule("nothing known", LOOK_UPS, after=lambda asked, answer: {**answer, "result": None})

    def knows_it_late(self) -> tuple[Rule, ...]:
        """The same once; who is asked for blocks and records after the nonce shows no more than was read before."""
        unknown, stale = self.knows_nothing(), self.proxy.stands_still(self._read + CONFIRMATIONS).after
        unknown.times = 2
        counted: list[Question] = []

        def noted(asked: Question, answer: Answer) -> Answer:
            counted.append(asked)
            return answer

        def shown(asked: Question, answer: Answer) -> Answer | bytes | None:
            assert stale is not None
            return stale(asked, answer) if counted else answer

        blocks = ("eth_getBlockByNumber", "eth_getLogs", "eth_call")
        return unknown, Rule("nonce", ("eth_getTransactionCount",), after=noted), Rule("behind", blocks, after=shown)


@pytest.fixture(params=["batch", "request"])
def behind(examined: Path, request: pytest.FixtureRequest) -> Iterator[Behind]:
    home = Home(examined)
    made = Behind(home, request.param)
    yield made
    made.close()
    home.store.close()


def test_what_is_recorded_has_succeeded_whatever_a_node_knows_of_its_transaction(behind: Behind) -> None:
    with behind.proxy.failing(behind.knows_nothing()):
        for _ in range(2):  # a batch is noted as in a block first
            behind.go_on()
    assert behind.go_on().state == "final"
    assert behind.alarms() == []


def test_what_is_known_a_moment_later_is_waited_for(behind: Behind) -> None:
    with behind.proxy.failing(*behind.knows_it_late()):
        assert behind.go_on().state in ("sent", "included")
        assert behind.alarms() == []
    behind.go_on()
    assert behind.go_on().state == "final"
    assert behind.alarms() == []


def test_control_who_believes_the_nonce_alone_calls_it_displaced(behind: Behind, monkeypatch) -> None:
    def by_nonce_alone(self, transaction):
        (first, *_) = self.rivals(transaction)
        return self._ledger.final_nonce(first.transaction.sender) > first.transaction.nonce

    monkeypatch.setattr(Sequencer, "is_displaced", by_nonce_alone)
    with pytest.raises(AssertionError, match="failed"):
        test_what_is_known_a_moment_later_is_waited_for(behind)
    assert behind.alarms() == [(NonceTaken.code, behind.subject)]
