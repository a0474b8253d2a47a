"""Following a chain through an address behind which one node is behind the others: waited for, never believed."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from api.wiring import Home
from node.client.ledger import Web3Ledger
from registry.anchor.states import AnchorState
from registry.ports import LedgerUnavailable
from registry.store import projection
from registry.workflows.chain import follow as following
from registry.workflows.chain.follow import HistoryBroken, NodeBehind, follow
from registry.workflows.chain.halt import halting
from tests.faults.forking_chain import CONFIRMATIONS, ForkingChain
from tests.faults.harness.proxy import Answer, FaultProxy, Question, Rule
from tests.faults.test_issue_displaced import approved_batch
from tests.faults.test_sender_reorg import Watcher, final_batch

pytestmark = pytest.mark.slow


class Followed:
    """An installation that has read a chain with two batches, and the chain behind a proxy."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self.chain = ForkingChain(self.home)
        self.proxy = FaultProxy(self.chain.url)
        final_batch(self.home, self.chain)
        self.low, _ = self.read
        self.batch, self.watcher = approved_batch(self.home, level="2"), Watcher(self.home, self.chain)
        assert self.watcher.go_on(self.batch).state is AnchorState.SENT

    def close(self) -> None:
        self.proxy.close()
        self.chain.close()
        self.home.store.close()

    @property
    def read(self) -> tuple[int, int]:
        """Up to which block was read, and how many records."""
        with self.home.store.read() as unit:
            head = unit.projection.head()
            assert head is not None
            return head.block.number, unit.projection.size()

    @property
    def is_halted(self) -> bool:
        with self.home.store.read() as unit:
            return bool(unit.alarms.open())

    def follow(self) -> None:
        """Read on, as a command that has just begun."""
        url, root = self.proxy.url, self.home.trust_root
        with (
            closing(Web3Ledger.over_http(url, root, confirmations=CONFIRMATIONS)) as ledger,
            halting(self.home.store, self.home.clock),
        ):
            follow(self.home.store, ledger, self.home.clock)

    def one_stale_answer(self, which: int) -> Rule:
        """The which-th question for the newest block is answered from before the second batch, all else truly."""
        asked_for = [0]

        def after(asked: Question, answer: Answer) -> Answer | None:
            if asked["params"][0] != "latest":
                return answer
            asked_for[0] += 1
            return self.proxy._at(self.low + CONFIRMATIONS, asked) if asked_for[0] == which else answer

        return Rule("one stale answer", ("eth_getBlockByNumber",), after=after)


@pytest.fixture
def followed(examined: Path) -> Iterator[Followed]:
    made = Followed(examined)
    yield made
    made.close()


def read_by_stale_answers(followed: Followed) -> bool:
    """Follow six times, each time with another answer that is stale; tell whether the head ever went back."""
    followed.chain.seal(1 + CONFIRMATIONS)
    assert followed.watcher.go_on(followed.batch).state is AnchorState.FINAL
    before, went_back = followed.read, False
    for which in range(1, 7):
        followed.proxy.fail(followed.one_stale_answer(which))
        with suppress(LedgerUnavailable):
            followed.follow()
        followed.proxy.heal()
        went_back |= followed.read < before
    return went_back


def test_one_answer_of_a_node_that_is_behind_takes_nothing_back(followed: Followed) -> None:
    assert not read_by_stale_answers(followed)
    assert not followed.is_halted
    followed.follow()


def test_without_its_guards_following_goes_back(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what the test above holds is not so by itself."""
    for owner, guard in ((following, "_require_known"), (projection, "_require_onward")):
        monkeypatch.setattr(owner, guard, lambda *parts: None)
    try:
        went_back = read_by_stale_answers(followed)
    except HistoryBroken:  # read on from a head that went back
        went_back = True
    assert went_back


def test_records_that_one_answer_on_a_long_way_leaves_out_are_read_the_next_time(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BLOCKS_AT_ONCE", 4)
    before = followed.read
    followed.chain.seal(12)
    stale = Rule("short answer", ("eth_getLogs",), times=1, after=lambda asked, _: followed.proxy._at(before[0], asked))
    with followed.proxy.failing(stale), pytest.raises(NodeBehind):
        followed.follow()
    assert (followed.read, followed.is_halted) == (before, False)
    followed.follow()
    assert followed.read[1] == before[1] + 1
    assert followed.watcher.go_on(followed.batch).state is AnchorState.FINAL
